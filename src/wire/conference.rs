//! The conference event package (RFC 4575): who is in a conference, told whole or by what changed.

use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;

use super::xml::words;

mod merge;
mod read;
mod write;

pub use merge::{Conference, Merged};
pub use read::parse;
pub use write::write;

/// The media type of the document (RFC 4575 §3.4).
pub const MEDIA_TYPE: &str = "application/conference-info+xml";

const DOCUMENT: &str = "urn:ietf:params:xml:ns:conference-info";
/// The name space of the nickname (RFC 6501 §4.6.5), as RFC 7701 §9.1 has it.
const XCON: &str = "urn:ietf:params:xml:ns:xcon-conference-info";

/// One document, as a focus sends it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notification {
    /// The URI of the conference.
    pub entity: String,
    /// Whether this is all or what changed, or the conference is over.
    pub state: State,
    /// The number of the document within the subscription.
    pub version: u32,
    /// What is told.
    pub contents: Contents,
}

/// What is told of a conference or of a sidebar of it (RFC 4575 §5.2).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Contents {
    /// What the conference is, replaced as a whole.
    pub description: Option<Description>,
    /// Who hosts it, replaced as a whole.
    pub host: Option<Host>,
    /// How it is going, replaced as a whole.
    pub standing: Option<Standing>,
    /// Who is in it.
    pub users: Option<Users>,
    /// Sidebars that are told of elsewhere.
    pub sidebar_links: Option<SidebarLinks>,
    /// Sidebars that are told of here.
    pub sidebars: Option<Sidebars>,
}

words! {
    /// What a document has of an element (RFC 4575 §4.4).
    State {
        /// All of it; the default.
        Full = "full",
        /// What changed.
        Partial = "partial",
        /// That it is gone.
        Deleted = "deleted",
    }
}

/// What a conference is (RFC 4575 §5.3).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Description {
    /// Its name.
    pub display_text: Option<String>,
    /// What it is about.
    pub subject: Option<String>,
    /// What it is about, at length.
    pub free_text: Option<String>,
    /// Words to find it by, with blanks between.
    pub keywords: Option<String>,
    /// Where to join it.
    pub conference_uris: Vec<Link>,
    /// What else belongs to it.
    pub service_uris: Vec<Link>,
    /// How many users there may be.
    pub maximum_user_count: Option<u32>,
    /// Which media there are.
    pub available_media: Vec<AvailableMedia>,
}

/// A stream of media that a conference has (RFC 4575 §5.3.4).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AvailableMedia {
    /// By what it is known, as the label in session descriptions.
    pub label: String,
    /// Its name.
    pub display_text: Option<String>,
    /// What it is, as `message`.
    pub kind: String,
    /// In which directions it flows; a word that RFC 4575 does not have counts as none.
    pub status: Option<MediaStatus>,
}

/// Who hosts a conference (RFC 4575 §5.4).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Host {
    /// The name.
    pub display_text: Option<String>,
    /// A page about the service or the user who hosts.
    pub web_page: Option<String>,
    /// Its addresses.
    pub uris: Vec<Link>,
}

/// How a conference is going (RFC 4575 §5.5).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    /// How many users there are, some of whom may not be told of.
    pub user_count: Option<u32>,
    /// Whether one can join.
    pub active: Option<bool>,
    /// Whether nobody new can join.
    pub locked: Option<bool>,
}

/// A URI and what it is for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Link {
    /// The URI, of any scheme.
    pub uri: String,
    /// Its name.
    pub display_text: Option<String>,
    /// What it is for, as `participation`.
    pub purpose: Option<String>,
    /// How it last changed.
    pub modified: Option<Box<Execution>>,
}

/// When, why and by whom something was done (RFC 4575 §5.7.2).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Execution {
    /// When, as XML Schema's `dateTime` has it; not checked.
    pub when: Option<String>,
    /// Why, at best as a Reason header field (RFC 3326).
    pub reason: Option<String>,
    /// By whom.
    pub by: Option<String>,
}

/// Sidebars that are told of elsewhere: who wants to know subscribes there (RFC 4575 §5.9.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SidebarLinks {
    /// Whether these are all or those that are new, or none is left.
    pub state: State,
    /// Each by its URI. Of two with the same, the later counts.
    pub links: Vec<Link>,
}

/// Sidebars that are told of in the document (RFC 4575 §5.9.2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sidebars {
    /// Whether these are all or those that changed, or none is left.
    pub state: State,
    /// Each by its key, as in [`Users::users`].
    pub sidebars: BTreeMap<String, Sidebar>,
}

/// A conference beside a conference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sidebar {
    /// Whether this is all or what changed, or the sidebar is gone.
    pub state: State,
    /// What is told of it. No deeper than any XML.
    pub contents: Contents,
}

/// Who is in a conference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Users {
    /// Whether these are all or those who changed, or nobody is left.
    pub state: State,
    /// Each by the URI that is the key (RFC 4575 §4.5): octets are compared. Of two with the same, the
    /// later counts; one without has an empty key.
    pub users: BTreeMap<String, User>,
}

/// Someone in a conference (RFC 4575 §5.6).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// Whether this is all or what changed, or the user is gone.
    pub state: State,
    /// The name.
    pub display_text: Option<String>,
    /// The name that the user chose for this conference (RFC 7701 §7).
    pub nickname: Option<String>,
    /// Other addresses of the user.
    pub associated: Option<Vec<Link>>,
    /// What the user is in the conference, as `participant`. An empty list, as of other addresses, cannot
    /// be written: only a user in full can lose the last.
    pub roles: Option<Vec<String>>,
    /// The languages that the user prefers, with blanks between.
    pub languages: Option<String>,
    /// The conference that takes part as this user, if it is one (RFC 4575 §5.6.5).
    pub cascaded_focus: Option<String>,
    /// The user's devices, each by its key, as in [`Users::users`].
    pub endpoints: BTreeMap<String, Endpoint>,
}

/// A device of a user (RFC 4575 §5.7).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// Whether this is all or what changed, or the device is gone.
    pub state: State,
    /// Its name.
    pub display_text: Option<String>,
    /// How somebody had it invited.
    pub referred: Option<Box<Execution>>,
    /// How it is connected; a word that RFC 4575 does not have counts as none.
    pub status: Option<EndpointStatus>,
    /// How it came, likewise.
    pub joining: Option<Joining>,
    /// When, why and by whom it came.
    pub joining_info: Option<Box<Execution>>,
    /// How it left, likewise.
    pub disconnection: Option<Disconnection>,
    /// When, why and by whom it left.
    pub disconnection_info: Option<Box<Execution>>,
    /// Its streams of media, each by its key, as in [`Users::users`]; each replaced as a whole.
    pub media: BTreeMap<String, Media>,
    /// Its dialog with the focus, which is for few to see (RFC 4575 §5.7.9).
    pub call: Option<Box<Call>>,
}

/// A stream of media between a device and the focus (RFC 4575 §5.8).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Media {
    /// Its name.
    pub display_text: Option<String>,
    /// What it is, as `message`.
    pub kind: Option<String>,
    /// Which of [`Description::available_media`] it is.
    pub label: Option<String>,
    /// Who its source is, as the SSRC of RTP.
    pub source: Option<String>,
    /// In which directions it flows, from the participant's point of view; a word that RFC 4575 does not have
    /// counts as none.
    pub status: Option<MediaStatus>,
}

/// A SIP dialog, as the focus names it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Call {
    /// Its name.
    pub display_text: Option<String>,
    /// Its Call-ID.
    pub call_id: String,
    /// Its tag in From.
    pub from_tag: String,
    /// Its tag in To.
    pub to_tag: String,
}

words! {
    /// In which directions media flow.
    MediaStatus {
        /// To the participant.
        RecvOnly = "recvonly",
        /// From the participant.
        SendOnly = "sendonly",
        /// Both ways.
        SendRecv = "sendrecv",
        /// Neither.
        Inactive = "inactive",
    }
}

words! {
    /// How a device is connected (RFC 4575 §5.7.3).
    EndpointStatus {
        /// It is expected.
        Pending = "pending",
        /// The focus is calling it.
        DialingOut = "dialing-out",
        /// It is calling the focus.
        DialingIn = "dialing-in",
        /// It rings.
        Alerting = "alerting",
        /// It has a dialog, and no part in the conference.
        OnHold = "on-hold",
        /// It takes part.
        Connected = "connected",
        /// It hears and is not heard.
        MutedViaFocus = "muted-via-focus",
        /// It is being taken out.
        Disconnecting = "disconnecting",
        /// It is out.
        Disconnected = "disconnected",
    }
}

words! {
    /// How a device came (RFC 4575 §5.7.4).
    Joining {
        /// It called.
        DialedIn = "dialed-in",
        /// It was called.
        DialedOut = "dialed-out",
        /// It is the focus.
        FocusOwner = "focus-owner",
    }
}

words! {
    /// How a device left (RFC 4575 §5.7.6).
    Disconnection {
        /// It said BYE.
        Departed = "departed",
        /// It was put out, or not let in.
        Booted = "booted",
        /// It could not be reached.
        Failed = "failed",
        /// It was busy.
        Busy = "busy",
    }
}

impl Default for User {
    fn default() -> Self {
        Self {
            state: State::Full,
            display_text: None,
            nickname: None,
            associated: None,
            roles: None,
            languages: None,
            cascaded_focus: None,
            endpoints: BTreeMap::new(),
        }
    }
}

impl Default for Endpoint {
    fn default() -> Self {
        Self {
            state: State::Full,
            display_text: None,
            referred: None,
            status: None,
            joining: None,
            joining_info: None,
            disconnection: None,
            disconnection_info: None,
            media: BTreeMap::new(),
            call: None,
        }
    }
}
