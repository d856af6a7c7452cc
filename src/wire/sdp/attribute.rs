//! The attributes of MSRP media: those with a grammar of their own.

/// The media of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Kind {
    /// `message`.
    Message,
    /// Any other.
    Other,
}

/// The protocol of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Proto {
    /// `TCP/MSRP`.
    Msrp,
    /// `TCP/TLS/MSRP`.
    MsrpTls,
    /// Any other.
    Other,
}

impl Proto {
    pub(super) fn read(name: &[u8]) -> Self {
        match name {
            _ if name.eq_ignore_ascii_case(b"TCP/MSRP") => Self::Msrp,
            _ if name.eq_ignore_ascii_case(b"TCP/TLS/MSRP") => Self::MsrpTls,
            _ => Self::Other,
        }
    }
}

/// The `a=setup` attribute (RFC 4145, RFC 6135).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Setup {
    /// Its author connects.
    Active,
    /// Its author awaits a connection.
    Passive,
    /// Its author does either.
    Actpass,
    /// Never valid for MSRP (RFC 6135 §4.2.1): taken as absent.
    Holdconn,
}

impl Setup {
    /// The value as it is written.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Passive => "passive",
            Self::Actpass => "actpass",
            Self::Holdconn => "holdconn",
        }
    }

    pub(super) fn read(value: &[u8]) -> Option<Self> {
        let value = value.trim_ascii();
        [Self::Active, Self::Passive, Self::Actpass, Self::Holdconn]
            .into_iter()
            .find(|setup| value.eq_ignore_ascii_case(setup.as_str().as_bytes()))
    }
}

/// The direction of a line, as seen by its author.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Direction {
    /// Both ways; the default.
    #[default]
    SendRecv,
    /// From its author.
    SendOnly,
    /// To its author.
    RecvOnly,
    /// Neither.
    Inactive,
}

impl Direction {
    /// Who sends and who receives, said in one word.
    pub const fn new(sends: bool, receives: bool) -> Self {
        match (sends, receives) {
            (true, true) => Self::SendRecv,
            (true, false) => Self::SendOnly,
            (false, true) => Self::RecvOnly,
            (false, false) => Self::Inactive,
        }
    }

    /// The attribute as it is written.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::SendRecv => "sendrecv",
            Self::SendOnly => "sendonly",
            Self::RecvOnly => "recvonly",
            Self::Inactive => "inactive",
        }
    }

    /// The same direction as the other side sees it.
    #[must_use]
    pub const fn inverted(self) -> Self {
        match self {
            Self::SendOnly => Self::RecvOnly,
            Self::RecvOnly => Self::SendOnly,
            both => both,
        }
    }

    /// What both allow.
    #[must_use]
    pub const fn narrowed(self, other: Self) -> Self {
        Self::new(
            self.sends() && other.sends(),
            self.receives() && other.receives(),
        )
    }

    /// Whether its author sends.
    pub const fn sends(self) -> bool {
        matches!(self, Self::SendRecv | Self::SendOnly)
    }

    /// Whether its author receives.
    pub const fn receives(self) -> bool {
        matches!(self, Self::SendRecv | Self::RecvOnly)
    }
}

/// The `a=connection` attribute (RFC 4145 §5). Not used for MSRP, and ignored in it (RFC 6135 §4.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reuse {
    /// `new`.
    New,
    /// `existing`.
    Existing,
}

impl Reuse {
    pub(super) fn read(value: &str) -> Option<Self> {
        match value {
            _ if value.eq_ignore_ascii_case("new") => Some(Self::New),
            _ if value.eq_ignore_ascii_case("existing") => Some(Self::Existing),
            _ => None,
        }
    }
}

/// The `a=chatroom` attribute: what its author can do in a chat room (RFC 7701 §8).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Chatroom<'a>(pub(super) &'a str);

impl<'a> Chatroom<'a> {
    /// The abilities, in order: `nickname`, `private-messages`, names of domains for others.
    pub fn tokens(&self) -> impl Iterator<Item = &'a str> {
        self.0.split_ascii_whitespace()
    }

    /// Whether this ability is among them. Case does not matter.
    pub fn has(&self, token: &str) -> bool {
        self.tokens().any(|found| found.eq_ignore_ascii_case(token))
    }
}

/// The `a=fingerprint` attribute: the hash of a certificate (RFC 8122 §5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fingerprint<'a> {
    /// The name of the hash function, such as `sha-256`.
    pub function: &'a str,
    /// The octets in hexadecimal, separated by colons.
    pub value: &'a str,
}

impl<'a> Fingerprint<'a> {
    pub(super) fn read(value: &'a str) -> Option<Self> {
        let (function, value) = value.split_once(' ')?;
        let value = value.trim_ascii();
        hex(value).map(|_| Self { function, value })
    }

    /// The octets.
    pub fn octets(&self) -> impl Iterator<Item = u8> + use<'a> {
        hex(self.value).into_iter().flatten()
    }
}

/// The octets of `4A:AD:…`, of any case; `None` if it is something else.
pub(super) fn hex(text: &str) -> Option<impl Iterator<Item = u8> + use<'_>> {
    let octet = |pair: &str| {
        let sound = pair.len() == 2 && pair.bytes().all(|b| b.is_ascii_hexdigit());
        sound.then(|| u8::from_str_radix(pair, 16).ok()).flatten()
    };
    text.split(':')
        .all(|pair| octet(pair).is_some())
        .then(|| text.split(':').filter_map(octet))
}
