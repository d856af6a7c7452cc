//! SIP, SIPS and tel URIs (RFC 3261 §19.1, RFC 3966).

use alloc::format;
use alloc::string::String;
use core::fmt::{self, Write as _};
use core::net::{Ipv4Addr, Ipv6Addr};

use bytes::{Bytes, BytesMut};

use self::compare::same;
use super::octet::{
    Class, HEADER, HOST, PARAM, PHONE, SCHEME, TOKEN, UNRESERVED, USER, is, offset, run,
};
use crate::{Flaw, Status, Uri};

mod compare;

/// The parameters that a member's address loses when a request is formed from it (DR-05, CF-PM-10).
const DROPPED: [&str; 3] = ["session", "method", "list"];

impl Uri {
    /// Checks a URI. The text is kept as it is, nothing is copied.
    ///
    /// # Errors
    ///
    /// Status 416 for a scheme other than `sip`, `sips` and `tel` (RFC 3261 §8.2.2.1), 400 for anything
    /// that the grammar refuses.
    pub fn parse(text: Bytes) -> Result<Self, Flaw> {
        match check(&text) {
            Ok(_) => Ok(Self(text)),
            Err(flaw) => match core::str::from_utf8(&text) {
                Ok(_) => Err(flaw),
                Err(error) => Err(bad(error.valid_up_to(), "URI is not UTF-8")),
            },
        }
    }

    /// Checks a Request-URI.
    ///
    /// # Errors
    ///
    /// As [`Self::parse`], and a URI with header fields, which are never to be taken for those of a message (RFC 3261
    /// §19.1.1).
    pub(super) fn parse_target(text: Bytes) -> Result<Self, Flaw> {
        match check(&text) {
            Ok(false) => Ok(Self(text)),
            Ok(true) => {
                let uri = Self(text);
                let at = offset(uri.as_str(), uri.split().headers);
                Err(bad(at.saturating_sub(1), "Request-URI has header fields"))
            }
            Err(_) => Self::parse(text),
        }
    }

    /// The same URI with one more parameter, `name=value`, in storage of its own.
    ///
    /// # Errors
    ///
    /// As [`Self::parse`], if the parameter is none.
    pub fn with_param(&self, param: &str) -> Result<Self, Flaw> {
        let text = self.as_str();
        // Parameters stand before the headers; a question mark in the user part begins none.
        let (front, headers) = match self.split().headers {
            "" => (text.trim_end_matches('?'), ""),
            headers => text.split_at(offset(text, headers).saturating_sub(1)),
        };
        let mut longer = BytesMut::with_capacity(text.len() + param.len() + 1);
        for piece in [front, ";", param, headers] {
            longer.extend_from_slice(piece.as_bytes());
        }
        Self::parse(longer.freeze())
    }

    /// Checks a URI and copies it into storage of its own.
    ///
    /// # Errors
    ///
    /// As [`Self::parse`]; nothing has been copied then.
    pub fn copy(text: &str) -> Result<Self, Flaw> {
        check(text.as_bytes())?;
        Ok(Self(Bytes::copy_from_slice(text.as_bytes())))
    }

    /// The scheme as it is written: `sip`, `sips` or `tel` in any case.
    pub fn scheme(&self) -> &str {
        self.split().scheme
    }

    /// The user part without password, or the number of a tel URI, escapes as they are.
    pub fn user(&self) -> Option<&str> {
        let split = self.split();
        let user = split.userinfo?;
        Some(user.split_once(':').map_or(user, |(user, _)| user))
    }

    /// The host, an IPv6 address in its brackets; empty for a tel URI.
    pub fn host(&self) -> &str {
        self.split().host
    }

    /// The port, if one is written.
    pub fn port(&self) -> Option<u16> {
        self.split().port.and_then(|port| port.parse().ok())
    }

    /// The value of the first URI parameter of that name: `None` without the parameter, `Some(None)` for one without
    /// value. Names are compared without regard to case.
    pub fn param(&self, name: &str) -> Option<Option<&str>> {
        self.params()
            .find_map(|(found, value)| same(found, name, true).then_some(value))
    }

    /// The URI parameters in order, escapes as they are.
    pub fn params(&self) -> impl Iterator<Item = (&str, Option<&str>)> {
        params(self.split().params)
    }

    /// The header fields that the URI carries (`?name=value&…`) in order, escapes as they are. They are never
    /// taken for header fields of a message by themselves (RFC 3261 §19.1.5).
    pub fn headers(&self) -> impl Iterator<Item = (&str, &str)> {
        headers(self.split().headers)
    }

    /// The value of the first header field of that name that the URI carries, its escapes resolved, once (CC-66). Names
    /// are compared without regard to case.
    pub fn header(&self, name: &str) -> Option<String> {
        let (_, value) = self.headers().find(|(found, _)| same(found, name, true))?;
        String::from_utf8(unescape(value).collect()).ok()
    }

    /// The URI without header fields and without the parameters `session`, `method` and `list`: what a request to a
    /// member is sent to. Copies only when a parameter is dropped.
    #[must_use]
    pub fn bare(&self) -> Self {
        let split = self.split();
        let end = match split.headers {
            "" => self.0.len(),
            headers => offset(self.as_str(), headers).saturating_sub(1),
        };
        let drops = |name: &str| DROPPED.iter().any(|dropped| same(name, dropped, true));
        if !params(split.params).any(|(name, _)| drops(name)) {
            return Self(self.0.slice(..end));
        }
        let mut kept = BytesMut::with_capacity(end);
        let front = offset(self.as_str(), split.params);
        kept.extend_from_slice(self.0.get(..front).unwrap_or_default());
        for (name, value) in params(split.params).filter(|(name, _)| !drops(name)) {
            kept.extend_from_slice(b";");
            kept.extend_from_slice(name.as_bytes());
            if let Some(value) = value {
                kept.extend_from_slice(b"=");
                kept.extend_from_slice(value.as_bytes());
            }
        }
        Self(kept.freeze())
    }

    /// The type of session that the URI asks for (DR-02).
    ///
    /// # Errors
    ///
    /// The parameter is repeated, empty or no token: 400 where the URI is one of ours, to be ignored elsewhere.
    pub fn session_param(&self) -> Result<Option<&str>, Flaw> {
        let mut found = None;
        for (name, value) in self
            .params()
            .filter(|(name, _)| same(name, "session", true))
        {
            let at = offset(self.as_str(), name);
            match value {
                _ if found.is_some() => return Err(bad(at, "session parameter is repeated")),
                Some(value) if !value.is_empty() && run(value.as_bytes(), TOKEN).1.is_empty() => {
                    found = Some(value)
                }
                _ => return Err(bad(at, "session parameter has no token for value")),
            }
        }
        Ok(found)
    }

    fn split(&self) -> Split<'_> {
        split(self.as_str()).unwrap_or_default()
    }
}

/// A text as the value of a URI header field or parameter: everything but the unreserved characters is escaped, once
/// (CC-66).
pub fn escape(text: &str) -> impl fmt::Display {
    Escaped(text)
}

struct Escaped<'a>(&'a str);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0
            .bytes()
            .try_for_each(|octet| match is(octet, UNRESERVED) {
                true => f.write_char(char::from(octet)),
                false => write!(f, "%{octet:02X}"),
            })
    }
}

/// The octets of a component with its escapes resolved, once: `%2541` gives `%41`.
pub fn unescape(text: &str) -> impl Iterator<Item = u8> {
    let mut rest = text.bytes();
    core::iter::from_fn(move || {
        let octet = rest.next()?;
        let escaped = (octet == b'%').then(|| hex_pair(rest.clone())).flatten();
        if escaped.is_some() {
            rest.nth(1);
        }
        Some(escaped.unwrap_or(octet))
    })
}

/// The components of a URI that has been checked.
#[derive(Clone, Copy, Debug, Default)]
struct Split<'a> {
    scheme: &'a str,
    /// With the password, if there is one.
    userinfo: Option<&'a str>,
    host: &'a str,
    port: Option<&'a str>,
    /// From the first `;` on.
    params: &'a str,
    /// After the `?`.
    headers: &'a str,
}

fn split(text: &str) -> Option<Split<'_>> {
    let (scheme, rest) = before(text, b':');
    let rest = rest.strip_prefix(':')?;
    if is_tel(scheme) {
        let (number, params) = before(rest, b';');
        return Some(Split {
            scheme,
            userinfo: Some(number),
            params,
            ..Split::default()
        });
    }
    // An unescaped `@` stands nowhere but after the userinfo, in which `;`, `?` and `/` are letters like others.
    let (userinfo, rest) = match before(rest, b'@') {
        (_, "") => (None, rest),
        (userinfo, rest) => (Some(userinfo), rest.strip_prefix('@')?),
    };
    let (rest, headers) = before(rest, b'?');
    let (authority, params) = before(rest, b';');
    let (host, port) = match authority.starts_with('[') {
        true => {
            let end = before(authority, b']').0.len() + 1;
            authority.split_at_checked(end).unwrap_or((authority, ""))
        }
        false => before(authority, b':'),
    };
    Some(Split {
        scheme,
        userinfo,
        host,
        port: (!port.is_empty()).then(|| port.strip_prefix(':').unwrap_or(port)),
        params,
        headers: headers.strip_prefix('?').unwrap_or_default(),
    })
}

/// The text before the first such octet, and the rest from it on. URIs are too short for a vectored search to pay.
fn before(text: &str, octet: u8) -> (&str, &str) {
    let end = text.bytes().position(|found| found == octet);
    text.split_at_checked(end.unwrap_or(text.len()))
        .unwrap_or((text, ""))
}

fn params(text: &str) -> impl Iterator<Item = (&str, Option<&str>)> {
    text.split(';')
        .skip(1)
        .map(|param| match param.split_once('=') {
            Some((name, value)) => (name, Some(value)),
            None => (param, None),
        })
}

fn headers(text: &str) -> impl Iterator<Item = (&str, &str)> {
    text.split('&')
        .filter(|header| !header.is_empty())
        .map(|header| header.split_once('=').unwrap_or((header, "")))
}

fn is_tel(scheme: &str) -> bool {
    scheme.eq_ignore_ascii_case("tel")
}

/// Checks a URI; one that passes is ASCII. Says whether it carries header fields.
fn check(text: &[u8]) -> Result<bool, Flaw> {
    let (scheme, rest) = run(text, SCHEME);
    let is_scheme = |known: &[u8]| scheme.eq_ignore_ascii_case(known);
    let rest = match rest.strip_prefix(b":") {
        Some(rest) if is_scheme(b"sip") || is_scheme(b"sips") => address(text, rest)?,
        Some(rest) if is_scheme(b"tel") => number(text, rest)?,
        Some(_) if scheme.first().is_some_and(u8::is_ascii_alphabetic) => {
            return Err(Flaw {
                at: 0,
                what: "URI has an unknown scheme",
                status: Status(416),
            });
        }
        _ => return Err(bad(0, "URI has no scheme")),
    };
    let stranger = |rest: &[u8], what| Err(bad(text.len() - rest.len(), what));
    let mut rest = rest;
    while let [b';', param @ ..] = rest {
        let (name, tail) = escaped_run(param, PARAM);
        rest = match tail {
            [] | [b';' | b'=' | b'?', ..] if name.is_empty() => {
                return stranger(param, "URI has a parameter without a name");
            }
            [b'=', value @ ..] => escaped_run(value, PARAM).1,
            _ => tail,
        };
    }
    // A telephone number has no header fields (RFC 3966 §3).
    let headers = match rest {
        [] => return Ok(false),
        [b'?', headers @ ..] if !is_scheme(b"tel") => headers,
        _ => return stranger(rest, "character not allowed in a URI parameter"),
    };
    for header in headers.split(|octet| *octet == b'&') {
        let (_, tail) = escaped_run(header, HEADER);
        let rest = match tail {
            [b'=', value @ ..] => escaped_run(value, HEADER).1,
            _ => tail,
        };
        if !rest.is_empty() {
            let at = offset(text, rest);
            return Err(bad(at, "character not allowed in a URI header"));
        }
    }
    Ok(headers.iter().any(|octet| *octet != b'&'))
}

/// Checks userinfo, host and port of a SIP or SIPS URI, and gives the rest.
fn address<'a>(text: &[u8], rest: &'a [u8]) -> Result<&'a [u8], Flaw> {
    let flaw = |rest: &[u8], what| bad(offset(text, rest), what);
    let mut host = rest;
    // An unescaped `@` stands nowhere but after the userinfo, in which `;`, `?` and `/` are letters like others.
    if let Some(at) = memchr::memchr(b'@', rest) {
        let (userinfo, tail) = rest.split_at_checked(at).unwrap_or_default();
        let (user, password) = escaped_run(userinfo, USER);
        host = tail.get(1..).unwrap_or_default();
        match password {
            [] | [b':', ..] if user.is_empty() => {
                return Err(flaw(userinfo, "URI has an empty user part"));
            }
            [] => {}
            [b':', password @ ..] => {
                let (_, stranger) = escaped_run(password, USER);
                if !stranger.is_empty() {
                    let what = "character not allowed in the password of a URI";
                    return Err(flaw(stranger, what));
                }
            }
            stranger => {
                let what = "character not allowed in the user part of a URI";
                return Err(flaw(stranger, what));
            }
        }
    }
    let no_host = "URI has a host that is neither name nor address";
    let rest = match host {
        [] | [b':' | b';' | b'?', ..] => return Err(flaw(host, "URI has no host")),
        [b'[', ..] => {
            let end = memchr::memchr(b']', host).map_or(host.len(), |at| at + 1);
            let (address, rest) = host.split_at_checked(end).unwrap_or_default();
            let address = core::str::from_utf8(address).ok().and_then(ipv6);
            address.map(|_| rest).ok_or(flaw(host, no_host))?
        }
        _ => match run(host, HOST).1 {
            rest @ ([] | [b':' | b';' | b'?', ..]) => rest,
            _ => return Err(flaw(host, no_host)),
        },
    };
    let port = match rest {
        [] | [b';' | b'?', ..] => return Ok(rest),
        [b':', port @ ..] => port,
        other => other,
    };
    let end = port.iter().position(|octet| matches!(octet, b';' | b'?'));
    let (digits, rest) = port
        .split_at_checked(end.unwrap_or(port.len()))
        .unwrap_or_default();
    let digit = |number: u16, octet: &u8| {
        let digit = octet.is_ascii_digit().then(|| u16::from(octet - b'0'))?;
        number.checked_mul(10)?.checked_add(digit)
    };
    if digits.is_empty() || digits.iter().try_fold(0, digit).is_none() {
        let end = port.len() - rest.len();
        let authority = host
            .get(..host.len() - port.len() + end)
            .unwrap_or_default();
        let address = core::str::from_utf8(authority).unwrap_or_default();
        return Err(match address.parse::<Ipv6Addr>() {
            Ok(_) => flaw(host, "IPv6 address without brackets"),
            Err(_) => flaw(port, "URI has a port that is no port number"),
        });
    }
    Ok(rest)
}

/// Checks the number of a tel URI, and gives the rest.
fn number<'a>(text: &[u8], rest: &'a [u8]) -> Result<&'a [u8], Flaw> {
    let end = rest.iter().position(|octet| *octet == b';');
    let (number, rest) = rest
        .split_at_checked(end.unwrap_or(rest.len()))
        .unwrap_or_default();
    let has_digit = number.iter().any(u8::is_ascii_hexdigit);
    if !has_digit && !matches!(number, b"*" | b"#") {
        return Err(bad(offset(text, number), "tel URI has no number"));
    }
    let digits = number.strip_prefix(b"+").unwrap_or(number);
    let (_, stranger) = escaped_run(digits, PHONE);
    if !stranger.is_empty() {
        let what = "character not allowed in a telephone number";
        return Err(bad(offset(text, stranger), what));
    }
    Ok(rest)
}

/// The octets of the class and the escapes in front, and the rest.
fn escaped_run(text: &[u8], class: Class) -> (&[u8], &[u8]) {
    let mut rest = run(text, class).1;
    while let [b'%', high, low, tail @ ..] = rest
        && high.is_ascii_hexdigit()
        && low.is_ascii_hexdigit()
    {
        rest = run(tail, class).1;
    }
    text.split_at_checked(text.len() - rest.len())
        .unwrap_or((text, b""))
}

pub(super) fn ipv6(host: &str) -> Option<Ipv6Addr> {
    let address = host.strip_prefix('[')?.strip_suffix(']')?;
    address.parse().ok().or_else(|| with_three_colons(address))
}

/// `2001:db8:::192.0.2.1`, which the grammar of RFC 3261 writes by mistake and everyone must tolerate (RFC 5118 §4.10).
#[cold]
fn with_three_colons(address: &str) -> Option<Ipv6Addr> {
    let (front, ipv4) = address.split_once(":::")?;
    ipv4.parse::<Ipv4Addr>().ok()?;
    format!("{front}::{ipv4}").parse().ok()
}

fn hex_pair(mut rest: core::str::Bytes<'_>) -> Option<u8> {
    let mut digit = || char::from(rest.next()?).to_digit(16);
    u8::try_from(digit()? * 16 + digit()?).ok()
}

/// A flaw to be answered with 400.
pub(super) const fn bad(at: usize, what: &'static str) -> Flaw {
    Flaw {
        at,
        what,
        status: Status(400),
    }
}
