//! The fields that every description has, read on demand.

use core::net::IpAddr;

use super::line::{text, words};
use crate::wire::octet::decimal;

/// `o=`: who made the description, and which version of it this is (RFC 8866 §5.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Origin<'a> {
    /// The user's login, or `-`.
    pub user: &'a str,
    /// The session id: digits, as many as its author likes.
    pub id: &'a str,
    /// The version: digits, too.
    pub version: &'a str,
    /// The machine of its author.
    pub address: Address<'a>,
}

impl<'a> Origin<'a> {
    /// Reads the value of an origin line; `None` if it is malformed.
    pub fn read(value: &'a str) -> Option<Self> {
        let mut words = words(value.as_bytes());
        let (user, id, version) = (words.next()?, words.next()?, words.next()?);
        let digits = |word: &str| word.bytes().all(|b| b.is_ascii_digit());
        let address = Address::of(words)?;
        (is_visible(user) && digits(id) && digits(version)).then_some(Self {
            user,
            id,
            version,
            address,
        })
    }

    /// Whether both are of the same session: all but the version is the same (RFC 3264 §8).
    pub fn is_session_of(&self, other: &Origin<'_>) -> bool {
        self.user == other.user && self.id == other.id && self.address == other.address
    }
}

/// A network address: of `o=`, and of `c=` (RFC 8866 §5.7).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Address<'a> {
    /// The network type: `IN` (case does not matter to [`ip`](Self::ip)).
    pub network: &'a str,
    /// The address type: `IP4` or `IP6`.
    pub family: &'a str,
    /// The address or host name, without what follows `/`.
    pub host: &'a str,
    /// The time to live of an IPv4 multicast address.
    pub ttl: Option<u8>,
    /// How many multicast addresses there are, in a row.
    pub count: Option<u32>,
}

impl<'a> Address<'a> {
    /// An address on the Internet. Brackets around an IPv6 address are taken off; a host name counts as IPv4,
    /// as everywhere.
    pub fn internet(host: &'a str) -> Self {
        let bare = host
            .strip_prefix('[')
            .and_then(|host| host.strip_suffix(']'));
        let host = bare.unwrap_or(host);
        Self {
            network: "IN",
            family: if host.contains(':') { "IP6" } else { "IP4" },
            host,
            ttl: None,
            count: None,
        }
    }

    /// Reads the value of a connection line; `None` if it is malformed.
    pub fn read(value: &'a str) -> Option<Self> {
        Self::of(words(value.as_bytes()))
    }

    fn of(mut words: impl Iterator<Item = &'a str>) -> Option<Self> {
        let (network, family, address) = (words.next()?, words.next()?, words.next()?);
        if words.next().is_some() {
            return None;
        }
        let mut parts = address.split('/');
        let host = parts.next()?;
        let (ttl, count) = match (parts.next(), parts.next(), parts.next()) {
            (None, ..) => (None, None),
            // Only IPv4 has a time to live (RFC 8866 §5.7).
            (Some(count), None, _) if family == "IP6" => (None, Some(decimal(count)?)),
            (Some(ttl), None, _) => (Some(decimal(ttl)?), None),
            (Some(ttl), Some(count), None) if family != "IP6" => {
                (Some(decimal(ttl)?), Some(decimal(count)?))
            }
            _ => return None,
        };
        // None of them holds a control character (RFC 8866 §9), and none can be written.
        let sound = !host.is_empty() && [network, family, host].into_iter().all(is_visible);
        sound.then_some(Self {
            network,
            family,
            host,
            ttl,
            count,
        })
    }

    /// The address as a number; `None` for a host name or another network.
    pub fn ip(&self) -> Option<IpAddr> {
        if self.network.eq_ignore_ascii_case("IN") {
            self.host.parse().ok()
        } else {
            None
        }
    }
}

/// `b=`: a bandwidth (RFC 8866 §5.8).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bandwidth<'a> {
    /// What is meant: `CT`, `AS`, `TIAS` and others.
    pub kind: &'a str,
    /// How much; kilobits a second for `CT` and `AS`, bits a second for `TIAS`.
    pub value: u64,
}

impl<'a> Bandwidth<'a> {
    pub(super) fn read(value: &'a [u8]) -> Option<Self> {
        let (kind, value) = text(value).split_once(':')?;
        let value = decimal(value.trim_ascii())?;
        (!kind.is_empty() && is_visible(kind)).then_some(Self { kind, value })
    }
}

/// `t=`: from when to when, in seconds since 1900; 0 is unbounded (RFC 8866 §5.9).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Time {
    /// The start.
    pub start: u64,
    /// The end.
    pub stop: u64,
}

impl Time {
    pub(super) fn read(value: &[u8]) -> Option<Self> {
        let mut words = words(value).map(decimal);
        match (words.next(), words.next(), words.next()) {
            (Some(Some(start)), Some(Some(stop)), None) => Some(Self { start, stop }),
            _ => None,
        }
    }
}

/// Whether there are no control characters in it.
fn is_visible(word: &str) -> bool {
    !word.bytes().any(|octet| octet.is_ascii_control())
}
