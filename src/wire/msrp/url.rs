//! MSRP URIs and paths (RFC 4975 §6).

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::flaw;
use crate::Flaw;
use crate::wire::octet::decimal;

/// An MSRP URI, borrowed from its text.
#[derive(Clone, Copy, Debug)]
pub struct Url<'a> {
    /// Whether TLS is spoken (`msrps`).
    pub tls: bool,
    /// A host name, an IPv4 address, or an IPv6 address in brackets.
    pub host: &'a str,
    /// The port, if it is written out. There is no default (RFC 4975 §6).
    pub port: Option<u16>,
    /// The session id; a relay's or a host's own URI has none.
    pub session: Option<&'a str>,
    /// The transport, such as `tcp`.
    pub transport: &'a str,
}

impl<'a> Url<'a> {
    /// Reads a URI (RFC 4975 §9). A userinfo part is passed over, as are parameters after the transport.
    ///
    /// # Errors
    ///
    /// What is wrong with it; the offset is counted from its beginning.
    pub fn parse(text: &'a str) -> Result<Self, Flaw> {
        let fail = |rest: &str, what| flaw(text.len() - rest.len(), what);
        if let Some(at) = text.bytes().position(|b| !b.is_ascii_graphic()) {
            return Err(flaw(
                at,
                "MSRP URI contains a blank, a control or a letter beyond ASCII",
            ));
        }
        let (scheme, rest) = text
            .split_once("://")
            .ok_or(flaw(0, "MSRP URI without `://`"))?;
        let tls = match scheme {
            _ if scheme.eq_ignore_ascii_case("msrp") => false,
            _ if scheme.eq_ignore_ascii_case("msrps") => true,
            _ => return Err(flaw(0, "scheme is neither msrp nor msrps")),
        };
        let (address, params) = rest
            .split_once(';')
            .ok_or(fail("", "MSRP URI without transport"))?;
        let mut params = params.split(';');
        let transport = params.next().unwrap_or_default();
        if transport.is_empty() || !transport.bytes().all(|b| b.is_ascii_alphanumeric()) {
            return Err(fail(transport, "transport is malformed"));
        }
        if let Some(param) = params.find(|param| param.is_empty() || param.starts_with('=')) {
            return Err(fail(param, "URI parameter without name"));
        }
        let (authority, session) = match address.split_once('/') {
            Some((authority, session)) => (authority, Some(session)),
            None => (address, None),
        };
        if session.is_some_and(|id| id.is_empty() || !id.bytes().all(is_session_letter)) {
            return Err(fail(rest, "session id is malformed"));
        }
        let place = authority
            .rsplit_once('@')
            .map_or(authority, |(_user, place)| place);
        let (host, port) = split_port(place).ok_or(fail(rest, "host or port is malformed"))?;
        Ok(Self {
            tls,
            host,
            port,
            session,
            transport,
        })
    }

    /// Whether both name the same session at the same place (RFC 4975 §6.1).
    ///
    /// Addresses are compared as numbers (CC-120), names without regard to case; a port that is written
    /// out never equals one that is not; the session id is compared letter by letter.
    pub fn same(&self, other: &Url<'_>) -> bool {
        self.tls == other.tls
            && self.port == other.port
            && self.session == other.session
            && self.transport.eq_ignore_ascii_case(other.transport)
            && match (self.address(), other.address()) {
                (Some(a), Some(b)) => a == b,
                (None, None) => letters(self.host).eq(letters(other.host)),
                _ => false,
            }
    }

    /// The host, if it is a numeric address.
    pub fn address(&self) -> Option<IpAddr> {
        match bracketed(self.host) {
            Some(inner) => inner.parse().ok().map(Ipv6Addr::into),
            None => self.host.parse().ok().map(Ipv4Addr::into),
        }
    }

    /// The host without the brackets of an IPv6 address, as resolvers want it.
    pub fn bare_host(&self) -> &'a str {
        bracketed(self.host).unwrap_or(self.host)
    }
}

/// The URIs of a path, left to right (RFC 4975 §8.2).
pub fn urls(path: &str) -> impl DoubleEndedIterator<Item = &str> {
    path.split(' ').filter(|url| !url.is_empty())
}

/// The first URI of a path: where to connect to, and where a response goes. Empty for an empty path.
pub fn leftmost(path: &str) -> &str {
    urls(path).next().unwrap_or_default()
}

/// The last URI of a path: the endpoint. Empty for an empty path.
pub fn rightmost(path: &str) -> &str {
    urls(path).next_back().unwrap_or_default()
}

/// Checks that a path has at least one URI and that each can be read.
///
/// # Errors
///
/// What is wrong with the first that cannot; the offset is counted from the beginning of the path.
pub fn check_path(path: &str) -> Result<(), Flaw> {
    let mut at = 0;
    let mut some = false;
    for url in path.split(' ') {
        if !url.is_empty() {
            Url::parse(url).map_err(|flaw| Flaw {
                at: at + flaw.at,
                ..flaw
            })?;
            some = true;
        }
        at += url.len() + 1;
    }
    some.then_some(()).ok_or(flaw(0, "path is empty"))
}

fn split_port(place: &str) -> Option<(&str, Option<u16>)> {
    let (host, port) = match place.find(']') {
        Some(end) => {
            let (host, rest) = place.split_at_checked(end + 1)?;
            let port = match rest {
                "" => None,
                _ => Some(rest.strip_prefix(':')?),
            };
            bracketed(host)?.parse::<Ipv6Addr>().ok()?;
            (host, port)
        }
        None => {
            let (host, port) = match place.split_once(':') {
                Some((host, port)) => (host, Some(port)),
                None => (place, None),
            };
            let named = !host.is_empty() && host.bytes().all(is_host_letter);
            (named.then_some(host)?, port)
        }
    };
    let Some(digits) = port else {
        return Some((host, None));
    };
    decimal(digits).map(|port| (host, Some(port)))
}

fn bracketed(host: &str) -> Option<&str> {
    host.strip_prefix('[')?.strip_suffix(']')
}

/// RFC 3986 §2.3.
fn is_unreserved(letter: u8) -> bool {
    letter.is_ascii_alphanumeric() || b"-._~".contains(&letter)
}

/// RFC 4975 §9.
fn is_session_letter(letter: u8) -> bool {
    is_unreserved(letter) || b"+=/".contains(&letter)
}

/// RFC 3986 §3.2.2, reg-name; a semicolon ends the address of an MSRP URI.
fn is_host_letter(letter: u8) -> bool {
    is_unreserved(letter) || b"!$&'()*+,=%".contains(&letter)
}

/// The letters of a host name in lower case, with percent-encoded ones decoded where that does not
/// change the meaning (RFC 3986 §6.2.2.2).
fn letters(host: &str) -> impl Iterator<Item = u8> {
    let mut rest = host.as_bytes();
    core::iter::from_fn(move || {
        let (first, tail) = rest.split_first()?;
        rest = tail;
        let decoded = match (first, tail) {
            (b'%', [high, low, after @ ..]) => decoded(*high, *low).map(|letter| (letter, after)),
            _ => None,
        };
        let letter = match decoded {
            Some((letter, after)) => {
                rest = after;
                letter
            }
            None => *first,
        };
        Some(letter.to_ascii_lowercase())
    })
}

fn decoded(high: u8, low: u8) -> Option<u8> {
    let digit = |b: u8| char::from(b).to_digit(16);
    let letter = u8::try_from(digit(high)? * 16 + digit(low)?).ok()?;
    is_unreserved(letter).then_some(letter)
}
