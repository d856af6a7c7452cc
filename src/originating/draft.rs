//! What a user wants sent, and by which mode it travels.

use alloc::format;
use alloc::vec::Vec;

use bytes::Bytes;

use crate::profile::{Profile, SizeBasis};
use crate::roster::CopyControl;
use crate::{DialogView, FailureReport, Uri};

/// What is to be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Draft {
    /// To whom.
    pub target: Target,
    /// What.
    pub content: Content,
    /// Whether the sender wants to stay anonymous (OC-PM-06).
    pub anonymous: bool,
    /// What is known of the way to the recipient (D-03).
    pub path: PathKnowledge,
    /// Whether the recipient is asked to confirm a large message.
    pub success_report: bool,
    /// Which failures of a large message are reported.
    pub failure_report: FailureReport,
    /// A dialog of ours with the recipient that this message is to take the place of (RFC 3891): it goes as
    /// a large message then, and its target should be [`DialogView::target`]. The peer ends the old one.
    pub replaces: Option<DialogView>,
}

impl Draft {
    /// A message that is not anonymous, over an unknown path, with the default reports.
    pub fn new(target: Target, content: Content) -> Self {
        Self {
            target,
            content,
            anonymous: false,
            path: PathKnowledge::Unknown,
            success_report: false,
            failure_report: FailureReport::Yes,
            replaces: None,
        }
    }
}

/// To whom a message goes (D-04).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Target {
    /// One user.
    One(Uri),
    /// Several users, listed in the request; the home service distributes it.
    List(Vec<Recipient>),
    /// A group that its server knows the members of.
    Group(Uri),
}

/// One entry of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recipient {
    /// The address.
    pub uri: Uri,
    /// How the other recipients see it (RFC 5364); `None` is as `Bcc` and shows nobody.
    pub copy: Option<CopyControl>,
    /// Whether the others see that there is someone, but not who.
    pub anonymize: bool,
    /// Whether the address is a group's (D-26).
    pub group: bool,
}

impl Recipient {
    /// A user, without copy control.
    pub fn new(uri: Uri) -> Self {
        Self {
            uri,
            copy: None,
            anonymize: false,
            group: false,
        }
    }
}

/// What a message says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Content {
    /// The media type with its parameters.
    pub kind: Bytes,
    /// The octets.
    pub body: Bytes,
    /// Whether it must not be rendered by itself (UP-05). Of `message/cpim` the wrapped part says so.
    pub attachment: bool,
}

impl Content {
    /// `text/plain;charset=UTF-8`.
    pub fn text(text: &str) -> Self {
        Self::new(
            "text/plain;charset=UTF-8",
            Bytes::copy_from_slice(text.as_bytes()),
        )
    }

    /// Any content of the given media type.
    pub fn new(kind: &str, body: Bytes) -> Self {
        Self {
            kind: Bytes::copy_from_slice(kind.as_bytes()),
            body,
            attachment: false,
        }
    }

    /// Content that is elsewhere: `message/external-body` with a URL (OC-PM-15, UP-04, RFC 4483). Its
    /// octets are the header lines of what is found there.
    ///
    /// # Errors
    ///
    /// [`Misuse::Malformed`] if the URL, the media type or the disposition is none, or a value holds what
    /// cannot stand between quotes.
    pub fn external(what: &External<'_>) -> Result<Self, Misuse> {
        let quotable = |text: &str| {
            let plain = |octet: u8| matches!(octet, b' '..=b'~') && octet != b'"' && octet != b'\\';
            !text.is_empty() && text.bytes().all(plain)
        };
        let named = |text: &str| text.bytes().all(|octet| !octet.is_ascii_control());
        let sound = quotable(what.url)
            && what.url.contains(':')
            && !what.url.contains(' ')
            && quotable(what.expiration)
            && named(what.kind)
            && what.kind.contains('/')
            && named(what.disposition)
            && !what.disposition.is_empty();
        if !sound {
            return Err(Misuse::Malformed);
        }
        let mut kind = format!(
            "message/external-body;access-type=\"URL\";expiration=\"{}\";URL=\"{}\"",
            what.expiration, what.url
        );
        if let Some(size) = what.size {
            kind += &format!(";size={size}");
        }
        if let Some(hash) = what.hash {
            kind += ";hash=";
            for octet in hash {
                kind += &format!("{octet:02X}");
            }
        }
        let body = format!(
            "Content-Type: {}\r\nContent-Disposition: {}\r\n\r\n",
            what.kind, what.disposition
        );
        Ok(Self::new(&kind, Bytes::from(body)))
    }

    pub(super) fn kind(&self) -> &str {
        core::str::from_utf8(&self.kind).unwrap_or_default()
    }
}

/// Content that is elsewhere, for [`Content::external`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct External<'a> {
    /// Where it is: an absolute `http` or `https` URL.
    pub url: &'a str,
    /// Until when it can be fetched, as the Date of SIP is written: `Mon, 24 Jun 2002 09:00:00 GMT`.
    /// Mandatory (RFC 4483 §5.7).
    pub expiration: &'a str,
    /// Its size in octets.
    pub size: Option<u64>,
    /// Its SHA-1.
    pub hash: Option<[u8; 20]>,
    /// Its media type with parameters.
    pub kind: &'a str,
    /// Its Content-Disposition: `render`, `attachment`, with parameters such as `handling=optional`.
    pub disposition: &'a str,
}

/// What the host knows of the way to the recipient. That the first hop is TCP says nothing (D-03).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum PathKnowledge {
    /// Nothing.
    #[default]
    Unknown,
    /// Every hop is over a congestion-controlled transport.
    CongestionSafeEndToEnd,
}

/// How a message travels, and why (OC-PM-01, OC-LM-01).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Mode {
    /// MESSAGE: it is below the limit.
    PagerSmall,
    /// MESSAGE: it is not, but the whole path is known to be safe.
    PagerSafePath,
    /// Large message: it is not below the limit.
    LargeTooBig,
    /// Large message: the path is safe, and it is above `max_pager_size` all the same.
    LargeAboveMost,
}

/// The size rule. `size` is counted in octets as `profile.size_basis` says.
pub fn mode(size: usize, path: PathKnowledge, profile: &Profile) -> Mode {
    let size = match profile.size_basis {
        SizeBasis::WholeRequest => size.saturating_add(profile.expected_overhead),
        SizeBasis::BodyOnly | SizeBasis::ContentOnly => size,
    };
    match path {
        // Strictly below: exactly 1300 octets are too many (D-02).
        _ if size < profile.pager_limit => Mode::PagerSmall,
        PathKnowledge::Unknown => Mode::LargeTooBig,
        PathKnowledge::CongestionSafeEndToEnd => match profile.max_pager_size {
            Some(most) if size > most => Mode::LargeAboveMost,
            _ => Mode::PagerSafePath,
        },
    }
}

/// Why a command was not carried out. The machine is as before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Misuse {
    /// The machine has had its message.
    InUse,
    /// There is nothing to cancel.
    NothingToCancel,
    /// A message without content (CC-38, CC-55).
    EmptyMessage,
    /// Nobody is left after the sender and duplicates are gone (CC-31).
    NoRecipient,
    /// More recipients than `limits.list_entries`.
    TooManyRecipients,
    /// A list needs the factory or exploder URI of the home service, and none is provisioned (DR-22).
    NotProvisioned,
    /// The dialog that is to be replaced is over or early (CC-64), or the message is not for one recipient.
    NotReplaceable,
    /// A header field value with a line break, or a media type that is none.
    Malformed,
    /// There is a session already, or none that this could be for.
    NotNow,
    /// As many messages are under way as `limits.outgoing` allows.
    TooManyMessages,
    /// The peer takes no message of this media type, or of this size, or none at all.
    NotTaken,
    /// No such message is under way.
    NoSuchMessage,
    /// The message has not asked for octets, or not for so many.
    NotAsked,
}

impl core::fmt::Display for Misuse {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::InUse => "the machine has had its message",
            Self::NothingToCancel => "there is nothing to cancel",
            Self::EmptyMessage => "the message is empty",
            Self::NoRecipient => "no recipient is left",
            Self::TooManyRecipients => "too many recipients",
            Self::NotProvisioned => "no factory or exploder URI is provisioned",
            Self::NotReplaceable => "the dialog cannot be replaced",
            Self::Malformed => "a value holds what it must not",
            Self::NotNow => "the session is at another stage",
            Self::TooManyMessages => "too many messages are under way",
            Self::NotTaken => "the peer takes no such message",
            Self::NoSuchMessage => "no such message is under way",
            Self::NotAsked => "these octets were not asked for",
        })
    }
}

impl core::error::Error for Misuse {}
