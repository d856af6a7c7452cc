//! What differs between deployments: knobs and the two presets.

use core::time::Duration;

mod tolerance;

pub use tolerance::Tolerance;

/// The parameters of the `Accept-Contact: *;+g.oma.sip-im` value (D-01, RFC 3841 §7.2.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum AcceptContact {
    /// The feature tag alone.
    TagOnly,
    /// `;explicit`: a contact that does not name the tag is tried last.
    Explicit,
    /// `;require;explicit`: a contact that does not name the tag is dropped.
    RequireExplicit,
}

/// Which octets the pager limit counts (D-02).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SizeBasis {
    /// The request as this crate writes it, and `expected_overhead`.
    WholeRequest,
    /// The SIP body.
    BodyOnly,
    /// The user's content, without the recipient list and its wrapper.
    ContentOnly,
}

/// The Session Type URI parameter of clause E.5.1 (D-05, DR-02).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SessionParam {
    /// None is added.
    None,
    /// `;session=prearranged` on the URI of a group.
    Poc,
    /// The same, and `;session=adhoc` on the factory or exploder URI of a list (OC-PM-12).
    PocAdhoc,
    /// `;session=imgroup` on the URI of a group.
    Legacy,
}

/// When a body of one part is wrapped in `multipart/mixed` (D-06).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum MultipartPolicy {
    /// Every INVITE that has a body.
    Always,
    /// More than one part.
    WhenNeeded,
}

/// Whether the Large Message feature tag is emitted (D-30). It is always honoured on receipt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum LmFeatureTag {
    /// Never.
    Off,
    /// In Contact.
    ContactOnly,
    /// In Contact, and as a second Accept-Contact value.
    ContactAndAcceptContact,
}

/// Reliable provisional responses (RFC 3262, section 3.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Prack {
    /// A caller does not speak of them; a callee refuses who requires them with 420.
    Off,
    /// A caller understands them; a callee sends them to whom requires them.
    Supported,
    /// A caller requires them; a callee sends them to whoever understands them, and refuses the others with 421.
    Required,
}

/// Who refreshes the session (RFC 4028 §7.1, D-12), as seen in one transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refresher {
    /// The user agent that sent the request.
    Uac,
    /// The user agent that answered it.
    Uas,
}

/// The header field that names the sender towards the core (DR-03).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum IdentityHeader {
    /// `P-Preferred-Identity`: the core asserts it for us.
    PPreferred,
    /// `P-Asserted-Identity`: we are trusted to assert it.
    PAsserted,
    /// Neither.
    None,
}

/// The `a=setup` of our offers (RFC 6135).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SetupOffer {
    /// Either side may connect.
    Actpass,
    /// We connect.
    Active,
    /// No attribute: we connect (RFC 4975 §5.4).
    Omit,
}

/// How an offer of `actpass` is answered (table 3.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SetupAnswer {
    /// We connect, as a client behind a NAT must.
    Active,
    /// We listen.
    Passive,
}

/// Where whoever connects for MSRP connects to (section 3.7).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ConnectTo {
    /// The leftmost URI of the peer's path (RFC 4975 §5.4), whatever else it says. What c= and m= name does not matter.
    PathUri,
    /// Address and port of c= and m=, in networks whose gateways rewrite these and nothing else.
    CmLine,
    /// As a CEMA-enabled answerer (RFC 6714 §4.3): c= and m= of an offer that says `a=msrp-cema`, and an offer
    /// without is refused if they are an address that its path does not have. Our own offers do not ask for it, and
    /// go by the path.
    Auto,
    /// As `Auto`, and our own offers say `a=msrp-cema` where they say `a=setup` (RFC 6714 §4.2).
    Cema,
}

/// When the controlling function confirms a large message to its originator (DR-10).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CfReportPolicy {
    /// When it has stored the whole message.
    OnStored,
    /// When every member that is not out of reach has taken it.
    OnAllDelivered,
    /// When the first member has taken it.
    OnFirstDelivered,
}

/// The From of the controlling function's INVITEs (DR-05).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FromPolicy {
    /// The conference URI, with Referred-By naming the originator.
    ConferenceUri,
    /// The originator.
    Originator,
}

/// How the To-Path of an MSRP request is matched with a session (RFC 4975 §6.1, section 3.7).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SessionMatch {
    /// The whole URI.
    Full4975,
    /// The session id alone, for paths that a gateway rewrites.
    SessionIdOnly,
}

/// How a message is cut into chunks (RFC 4975 §7.1.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Chunking {
    /// Pieces of so many octets, 1 to 2,048, whose range has an end. None needs to be interruptible.
    Pieces(usize),
    /// Chunks of so many octets, 2,048 to 65,536, as few as possible: each is interrupted when others wait,
    /// and says so by a range without end.
    Interruptible(usize),
}

impl Chunking {
    /// Octets of a chunk, at most.
    pub(crate) fn octets(self) -> usize {
        match self {
            Self::Pieces(octets) => octets.clamp(1, 2048),
            Self::Interruptible(octets) => octets.clamp(2048, 64 * 1024),
        }
    }
}

/// How success is reported (RFC 4975 §7.1.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reports {
    /// One report, on the whole message.
    Merged,
    /// One on each chunk, as it arrives.
    PerChunk,
}

/// Knobs: start from a preset and assign to the fields that differ.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Profile {
    /// Accept-Contact of a client's MESSAGE (OC-PM-03).
    pub accept_contact_message: AcceptContact,
    /// Accept-Contact of a client's INVITE (OC-LM-04).
    pub accept_contact_invite: AcceptContact,
    /// Accept-Contact of the controlling function's requests (CF-PM-11).
    pub accept_contact_server: AcceptContact,
    /// A message of fewer octets than this goes by MESSAGE (OC-PM-01). Default 1300.
    pub pager_limit: usize,
    /// What `pager_limit` counts.
    pub size_basis: SizeBasis,
    /// Octets that the layer below will add (Via, Route, P-headers); 300 to 400 in practice. Default 0.
    pub expected_overhead: usize,
    /// The largest MESSAGE on a path known to be safe (D-03), in octets; `None` for no bound.
    pub max_pager_size: Option<usize>,
    /// Whether a MESSAGE that was refused as too big (413, 513) is sent again as a large message.
    pub pager_too_big_fallback: bool,
    /// The session parameter on the URI of a group.
    pub session_param: SessionParam,
    /// When a single part is wrapped.
    pub multipart: MultipartPolicy,
    /// Whether a MESSAGE carries a Contact (D-10).
    pub contact_in_message: bool,
    /// Whether the offer of a large message says `a=filelength` (D-08), and in answers whether it is echoed.
    pub lm_filelength: bool,
    /// Whether answers echo `a=filelength` (table 3.5, draft reading).
    pub echo_filelength: bool,
    /// The Large Message feature tag.
    pub lm_feature_tag: LmFeatureTag,
    /// The Session-Expires that we ask for; at least 90 s (RFC 4028 §4). Default 1800 s.
    pub session_expires: Duration,
    /// The refresher that we ask for; `None` leaves it to the peer.
    pub refresher: Option<Refresher>,
    /// The smallest Session-Expires that we accept; at least 90 s.
    pub min_se: Duration,
    /// How a client names itself.
    pub client_identity: IdentityHeader,
    /// How the controlling function names the originator.
    pub server_identity: IdentityHeader,
    /// How long a sender waits for the success report after the last chunk was answered. Default 120 s.
    pub report_wait: Duration,
    /// When the controlling function reports.
    pub cf_report: CfReportPolicy,
    /// Who the controlling function's INVITEs are from.
    pub from_policy: FromPolicy,
    /// Whether URI-lists are served at all; if not, 403 (CF-PM-01).
    pub list_service: bool,
    /// Whether anonymous originators are served in ad-hoc groups.
    pub adhoc_anonymity: bool,
    /// The status for an ad-hoc group that is too large: 486 or 403.
    pub too_many_status: u16,
    /// The status for a `list=cid:` that names no part: 404 or 400 (D-22).
    pub list_cid_unresolved: u16,
    /// The status when a group has no other member than the originator: 480 or 404 (D-23).
    pub empty_group_status: u16,
    /// Whether an originator who may not know of a group hears 404 instead of 403 (DR-30).
    pub hide_existence: bool,
    /// Whether the originator gets a copy if the list names it (CC-73).
    pub echo_to_originator: bool,
    /// Whether `sip:a@h` and `sip:a@h:5060` in a list are one recipient (CC-74).
    pub dedupe_default_port: bool,
    /// Whether a resource-lists part without a disposition counts as the recipient list (DR-26, CC-92).
    pub list_without_disposition: bool,
    /// Whether a pager message to a list goes to the exploder URI if one is provisioned (D-31).
    pub use_exploder: bool,
    /// The `a=setup` of our offers.
    pub setup_offer: SetupOffer,
    /// The `a=setup` with which we answer `actpass`.
    pub setup_answer: SetupAnswer,
    /// Where we connect to, if we do.
    pub connect_to: ConnectTo,
    /// How sessions are matched.
    pub session_match: SessionMatch,
    /// What is taken from an MSRP peer although the grammar does not have it.
    pub msrp_tolerance: Tolerance,
    /// Whether a relay may be asked for a path without TLS, which RFC 4976 §9.2 forbids: for tests, and where
    /// the layer below is safe.
    pub relay_in_clear: bool,
    /// How messages are cut into chunks.
    pub msrp_chunk: Chunking,
    /// How a client confirms what it receives, where that is asked for.
    pub msrp_reports: Reports,
    /// How long an MSRP session may send nothing before it sends a request without content, so that nothing
    /// on the way forgets its connection; `None` for never (RFC 4975 defines none; RFC 6223 for why).
    pub msrp_keepalive: Option<Duration>,
    /// The status for an announced size above our limit: 488, 403 or 603 (section 3.5).
    pub size_exceeded_status: u16,
    /// Whether 488 for a size carries warning 133.
    pub size_exceeded_warning: bool,
    /// The status with which an anonymous caller is refused, if the application says so: 403 or 433 (CC-121).
    pub anonymous_status: u16,
    /// Whether an offer without `a=accept-types` is taken as `*`.
    pub accept_types_missing: bool,
    /// Whether an INVITE that replaces a dialog is to fail where that is not understood (D-19): the peer has
    /// two dialogs otherwise.
    pub replaces_require: bool,
    /// Reliable provisional responses to our INVITEs.
    pub prack_caller: Prack,
    /// Reliable provisional responses of ours.
    pub prack_callee: Prack,
    /// Whether a reliable provisional response of ours gives the answer already (RFC 3262 §5); the 2xx
    /// then waits for its PRACK. Content that comes before the 2xx is refused all the same.
    pub answer_in_provisional: bool,
    /// Whether the description in a 2xx counts although a provisional response had another one, as
    /// broken peers need it. By RFC 3261 §13.2.1 the first is the answer (CC-17).
    pub answer_from_2xx: bool,
}

impl Profile {
    /// Published and deployed behaviour, conformant with the RFCs. The default.
    pub const fn oma_im_10() -> Self {
        Self {
            accept_contact_message: AcceptContact::RequireExplicit,
            accept_contact_invite: AcceptContact::Explicit,
            accept_contact_server: AcceptContact::Explicit,
            pager_limit: 1300,
            size_basis: SizeBasis::WholeRequest,
            expected_overhead: 0,
            max_pager_size: None,
            pager_too_big_fallback: true,
            session_param: SessionParam::Poc,
            multipart: MultipartPolicy::WhenNeeded,
            contact_in_message: false,
            lm_filelength: true,
            echo_filelength: false,
            lm_feature_tag: LmFeatureTag::Off,
            session_expires: Duration::from_secs(1800),
            refresher: Some(Refresher::Uac),
            min_se: Duration::from_secs(90),
            client_identity: IdentityHeader::PPreferred,
            server_identity: IdentityHeader::PAsserted,
            report_wait: Duration::from_secs(120),
            cf_report: CfReportPolicy::OnStored,
            from_policy: FromPolicy::ConferenceUri,
            list_service: true,
            adhoc_anonymity: true,
            too_many_status: 486,
            list_cid_unresolved: 404,
            empty_group_status: 480,
            hide_existence: false,
            echo_to_originator: false,
            dedupe_default_port: false,
            list_without_disposition: true,
            use_exploder: true,
            setup_offer: SetupOffer::Actpass,
            setup_answer: SetupAnswer::Passive,
            connect_to: ConnectTo::Auto,
            session_match: SessionMatch::Full4975,
            msrp_tolerance: Tolerance::lenient(),
            relay_in_clear: false,
            msrp_chunk: Chunking::Pieces(2048),
            msrp_reports: Reports::Merged,
            msrp_keepalive: None,
            size_exceeded_status: 488,
            size_exceeded_warning: true,
            anonymous_status: 403,
            accept_types_missing: true,
            replaces_require: true,
            prack_caller: Prack::Off,
            prack_callee: Prack::Supported,
            answer_in_provisional: false,
            answer_from_2xx: false,
        }
    }

    /// The seeds read literally.
    pub const fn draft_seed() -> Self {
        Self {
            pager_too_big_fallback: false,
            session_param: SessionParam::Legacy,
            multipart: MultipartPolicy::Always,
            contact_in_message: true,
            echo_filelength: true,
            cf_report: CfReportPolicy::OnAllDelivered,
            from_policy: FromPolicy::Originator,
            use_exploder: false,
            setup_offer: SetupOffer::Omit,
            connect_to: ConnectTo::PathUri,
            size_exceeded_warning: false,
            prack_callee: Prack::Off,
            replaces_require: false,
            ..Self::oma_im_10()
        }
    }
}

impl Default for Profile {
    fn default() -> Self {
        Self::oma_im_10()
    }
}
