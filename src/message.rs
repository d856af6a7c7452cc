//! SIP requests and responses as values.
//!
//! What the roles act on is parsed once, at the boundary; the rest is kept, in order, as raw header
//! lines. All parsing and writing is in [`wire`](crate::wire); here is only what a message *is*.

use core::fmt;

use bytes::Bytes;
use smallvec::SmallVec;

use crate::profile::Refresher;

/// A request that arrived, or one that a host built from its own type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// The method.
    pub method: Method,
    /// The Request-URI.
    pub uri: Uri,
    /// The header fields.
    pub head: Head,
    /// The body.
    pub body: Body,
}

/// A response that arrived.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response {
    /// The status code.
    pub status: Status,
    /// The reason phrase, which has been checked to be UTF-8.
    pub(crate) reason: Bytes,
    /// The header fields.
    pub head: Head,
    /// The body.
    pub body: Body,
}

/// A SIP method.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
#[expect(missing_docs, reason = "the names are the documentation")]
pub enum Method {
    Invite,
    Ack,
    Bye,
    Cancel,
    Message,
    Options,
    Update,
    Prack,
    Refer,
    Subscribe,
    Notify,
    Info,
    Publish,
    Register,
    /// Any other; its name is in the request line.
    Other,
}

impl Method {
    /// As it is written. `Other` is empty.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Invite => "INVITE",
            Self::Ack => "ACK",
            Self::Bye => "BYE",
            Self::Cancel => "CANCEL",
            Self::Message => "MESSAGE",
            Self::Options => "OPTIONS",
            Self::Update => "UPDATE",
            Self::Prack => "PRACK",
            Self::Refer => "REFER",
            Self::Subscribe => "SUBSCRIBE",
            Self::Notify => "NOTIFY",
            Self::Info => "INFO",
            Self::Publish => "PUBLISH",
            Self::Register => "REGISTER",
            Self::Other => "",
        }
    }

    /// Reads a method name; case matters (RFC 3261 §7.1).
    pub fn read(name: &str) -> Self {
        Self::of(name.as_bytes())
    }

    pub(crate) fn of(name: &[u8]) -> Self {
        match name {
            b"INVITE" => Self::Invite,
            b"ACK" => Self::Ack,
            b"BYE" => Self::Bye,
            b"CANCEL" => Self::Cancel,
            b"MESSAGE" => Self::Message,
            b"OPTIONS" => Self::Options,
            b"UPDATE" => Self::Update,
            b"PRACK" => Self::Prack,
            b"REFER" => Self::Refer,
            b"SUBSCRIBE" => Self::Subscribe,
            b"NOTIFY" => Self::Notify,
            b"INFO" => Self::Info,
            b"PUBLISH" => Self::Publish,
            b"REGISTER" => Self::Register,
            _ => Self::Other,
        }
    }
}

/// A set of methods, as Allow lists them. Methods that this crate does not know are left out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Methods(u16);

impl Methods {
    /// The empty set.
    pub const NONE: Self = Self(0);

    /// The set with one more method.
    #[must_use]
    pub const fn with(self, method: Method) -> Self {
        Self(self.0 | (1 << method as u16))
    }

    /// The set without a method.
    #[must_use]
    pub const fn without(self, method: Method) -> Self {
        Self(self.0 & !(1 << method as u16))
    }

    /// Whether the method is in the set.
    pub const fn has(self, method: Method) -> bool {
        self.0 & (1 << method as u16) != 0
    }
}

/// A SIP status code, 100 to 699.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Status(pub u16);

impl Status {
    /// 1xx.
    pub const fn is_provisional(self) -> bool {
        self.0 < 200
    }

    /// 2xx.
    pub const fn is_success(self) -> bool {
        self.0 >= 200 && self.0 < 300
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What is wrong with received octets, where, and what to answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Flaw {
    /// The offset of the offending octet in the input.
    pub at: usize,
    /// What is wrong, in lower case, without full stop.
    pub what: &'static str,
    /// The SIP or MSRP status that says so to the peer.
    pub status: Status,
}

impl Flaw {
    /// The same flaw in an input that so many octets precede.
    pub(crate) const fn after(self, octets: usize) -> Self {
        Self {
            at: self.at + octets,
            ..self
        }
    }
}

impl fmt::Display for Flaw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at octet {}", self.what, self.at)
    }
}

impl core::error::Error for Flaw {}

/// A place in a text; empty when the thing is not there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) at: u32,
    pub(crate) len: u32,
}

/// A place in a head, which is never longer than 65,535 octets; empty when the thing is not there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Stretch {
    pub(crate) at: u16,
    pub(crate) len: u16,
}

/// Where an [`Address`] stands in a head; empty when it is not there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) name: Stretch,
    pub(crate) uri: Stretch,
    pub(crate) params: Stretch,
    pub(crate) tag: Stretch,
}

/// An offset a field, in the order of the codec's own list; [`u16::MAX`] for one that is not there.
pub(crate) type Begins = [u16; 18];

/// The header fields of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    /// The header lines, each ended by CRLF, unfolded. UTF-8.
    pub(crate) lines: Bytes,
    /// Where the first line of each field begins that the codec knows.
    pub(crate) begins: Begins,
    pub(crate) from: Place,
    pub(crate) to: Place,
    pub(crate) call_id: Stretch,
    /// The first Contact value.
    pub(crate) contact: Place,
    pub(crate) cseq: u32,
    pub(crate) cseq_method: Method,
    pub(crate) max_forwards: Option<u8>,
    pub(crate) session_expires: Option<SessionExpires>,
    pub(crate) min_se: Option<u32>,
}

/// Option tags that this crate knows (RFC 3261 §19.2), and whether others were named.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct OptionTags {
    /// `timer` (RFC 4028).
    pub timer: bool,
    /// `100rel` (RFC 3262).
    pub reliable: bool,
    /// `replaces` (RFC 3891).
    pub replaces: bool,
    /// `recipient-list-message` (RFC 5365).
    pub list_message: bool,
    /// `recipient-list-invite` (RFC 5366).
    pub list_invite: bool,
    /// Any other tag.
    pub other: bool,
}

/// A Session-Expires header field (RFC 4028 §4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SessionExpires {
    /// The interval in seconds.
    pub seconds: u32,
    /// Who refreshes, if it says so.
    pub refresher: Option<Refresher>,
}

/// A Privacy header field (RFC 3323 §4.2, RFC 3325 §9.3, RFC 7044 §10.1). Where `none` is said, nothing else is asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Privacy {
    /// `id`, and `none` was not said: the asserted identity is to be withheld.
    pub id: bool,
    /// `header`: what identifies the user in the header fields is to be hidden.
    pub header: bool,
    /// `session`: what identifies the user in session descriptions is to be hidden.
    pub session: bool,
    /// `user`: the user agent is to hide what it can itself.
    pub user: bool,
    /// `history`: History-Info is to be withheld.
    pub history: bool,
    /// `none`: privacy is not wanted, not even by default.
    pub none: bool,
    /// `critical`: refuse if it cannot be honoured.
    pub critical: bool,
}

/// What Accept-Contact asks for (RFC 3841), in any of its values. `require` and `explicit` are for proxies.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Preference {
    /// `+g.oma.sip-im`.
    pub im: bool,
    /// `+g.oma.sip-im.large-message`.
    pub large_message: bool,
}

/// A name-addr or addr-spec with the parameters of its header field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Address<'a> {
    /// The display name as it is written, with its quotes if it has them; empty without one.
    pub name: &'a str,
    /// The URI, without angle brackets.
    pub uri: &'a str,
    /// The header field parameters, from the first `;` on, outside the angle brackets.
    pub params: &'a str,
}

impl Head {
    /// All header lines in order, as they came but unfolded, each ended by CRLF.
    pub fn lines(&self) -> &Bytes {
        &self.lines
    }

    /// The CSeq number.
    pub fn cseq(&self) -> u32 {
        self.cseq
    }

    /// The method that CSeq names.
    pub fn cseq_method(&self) -> Method {
        self.cseq_method
    }

    /// The Max-Forwards value, if there is one.
    pub fn max_forwards(&self) -> Option<u8> {
        self.max_forwards
    }

    /// The Session-Expires value, if there is one.
    pub fn session_expires(&self) -> Option<SessionExpires> {
        self.session_expires
    }

    /// The Min-SE value in seconds, if there is one.
    pub fn min_se(&self) -> Option<u32> {
        self.min_se
    }
}

/// A body, split into its parts where it is `multipart/mixed` or `multipart/related`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Body {
    /// A multipart; empty where the only part is the whole.
    pub(crate) multipart: Part,
    pub(crate) parts: SmallVec<[Part; 2]>,
    pub(crate) flaw: Option<Flaw>,
}

/// One part of a body, or a body that has no parts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Part {
    /// Its MIME header lines, each ended by CRLF. Of a body without parts: the lines of the message
    /// from the first to the last that describes the body.
    pub(crate) lines: Bytes,
    pub(crate) content_type: Span,
    pub(crate) disposition: Span,
    pub(crate) content_id: Span,
    /// Its octets.
    pub(crate) content: Bytes,
}

impl Body {
    /// The octets as they came, wrapper and all. No copy.
    pub fn whole(&self) -> &Bytes {
        match &*self.parts {
            [only] if self.multipart.content.is_empty() => &only.content,
            _ => &self.multipart.content,
        }
    }

    /// The parts, one for a body that is not a multipart, none for an empty one.
    ///
    /// # Errors
    ///
    /// What is wrong with a multipart that cannot be split.
    pub fn parts(&self) -> Result<&[Part], Flaw> {
        self.flaw.map_or(Ok(&self.parts), Err)
    }
}

impl Part {
    /// Its octets. No copy.
    pub fn content(&self) -> &Bytes {
        &self.content
    }

    /// Its MIME header lines, each ended by CRLF. Of a body without parts: the lines of the message
    /// from the first to the last that describes the body, with whatever stands between them.
    pub fn lines(&self) -> &Bytes {
        &self.lines
    }
}

/// A SIP, SIPS or tel URI, checked and kept as text.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Uri(pub(crate) Bytes);

impl fmt::Debug for Uri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Display for Uri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Uri {
    /// The text.
    pub fn as_str(&self) -> &str {
        core::str::from_utf8(&self.0).unwrap_or_default()
    }
}
