//! SIP, SIPS and tel URIs (RFC 3261 §19.1, RFC 3966).

use core::fmt::{self, Write as _};
use core::hash::Hasher;
use core::net::Ipv6Addr;

use bytes::{Bytes, BytesMut};

use crate::{Flaw, Status, Uri};

/// The parameters that a member's address loses when a request is formed from it (DR-05, CF-PM-10).
const DROPPED: [&str; 3] = ["session", "method", "list"];

/// Parameters that never match when they stand in one of two URIs only (RFC 3261 §19.1.4; `transport`
/// by its paragraph on defaults and its examples).
const DECISIVE: [&str; 5] = ["user", "ttl", "method", "maddr", "transport"];

impl Uri {
    /// Checks a URI. The text is kept as it is, nothing is copied.
    ///
    /// # Errors
    ///
    /// Status 416 for a scheme other than `sip`, `sips` and `tel` (RFC 3261 §8.2.2.1), 400 for anything
    /// that the grammar refuses.
    pub fn parse(text: Bytes) -> Result<Self, Flaw> {
        match core::str::from_utf8(&text) {
            Ok(checked) => check(checked)?,
            Err(error) => return Err(bad(error.valid_up_to(), "URI is not UTF-8")),
        }
        Ok(Self(text))
    }

    /// The same URI with one more parameter, `name=value`, in storage of its own.
    ///
    /// # Errors
    ///
    /// As [`Self::parse`], if the parameter is none.
    pub fn with_param(&self, param: &str) -> Result<Self, Flaw> {
        let text = self.as_str();
        // Parameters stand before the headers.
        let (front, headers) = text.split_at(text.find('?').unwrap_or(text.len()));
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
        check(text)?;
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

    /// Whether both name the same thing, exactly by RFC 3261 §19.1.4 (SIP, SIPS) or RFC 3966 §4 (tel). Not transitive.
    ///
    /// A port that is written never equals one that is not, not even 5060 (CC-74). IPv6 addresses are compared by value (CC-120).
    pub fn equivalent(&self, other: &Self) -> bool {
        let (a, b) = (self.split(), other.split());
        if !a.scheme.eq_ignore_ascii_case(b.scheme) {
            return false;
        }
        if is_tel(a.scheme) {
            return same_number(&a, &b);
        }
        let same_user = match (a.userinfo, b.userinfo) {
            (Some(a), Some(b)) => same(a, b, false),
            (None, None) => true,
            _ => false,
        };
        same_user
            && same_host(a.host, b.host)
            && self.port() == other.port()
            && match_params(&a, &b)
            && match_params(&b, &a)
            && match_headers(&a, &b)
            && match_headers(&b, &a)
    }

    /// Feeds a hasher with what equivalent URIs have in common: host, user and port.
    pub fn feed<H: Hasher>(&self, hasher: &mut H) {
        let split = self.split();
        let tel = is_tel(split.scheme);
        for octet in octets(split.userinfo.unwrap_or_default()) {
            if !tel {
                hasher.write_u16(octet);
            } else if !is_visual(octet) {
                hasher.write_u16(lower(octet));
            }
        }
        hasher.write_u8(0xFF);
        match ipv6(split.host) {
            Some(address) => hasher.write(&address.octets()),
            None => octets(split.host).for_each(|octet| hasher.write_u16(lower(octet))),
        }
        hasher.write_u32(self.port().map_or(u32::MAX, u32::from));
    }

    /// A fingerprint that equivalent URIs share. Not secret: where others choose the URIs, [`Self::feed`] a keyed
    /// hasher instead.
    pub fn fingerprint(&self) -> u64 {
        let mut hasher = Fnv(0xCBF2_9CE4_8422_2325);
        self.feed(&mut hasher);
        hasher.finish()
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
                Some(value) if !value.is_empty() && value.bytes().all(is_token) => {
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
            .try_for_each(|octet| match class(octet) & UNRESERVED {
                0 => write!(f, "%{octet:02X}"),
                _ => f.write_char(char::from(octet)),
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

fn check(text: &str) -> Result<(), Flaw> {
    let scheme = before(text, b':').0;
    let known = match scheme.len() {
        3 => scheme.eq_ignore_ascii_case("sip") || is_tel(scheme),
        4 => scheme.eq_ignore_ascii_case("sips"),
        _ => false,
    };
    if !known || scheme.len() == text.len() {
        return Err(match scheme.starts_with(|first: char| first.is_ascii_alphabetic())
            && scheme.bytes().all(is_scheme)
            && scheme.len() < text.len()
        {
            true => Flaw {
                at: 0,
                what: "URI has an unknown scheme",
                status: Status(416),
            },
            false => bad(0, "URI has no scheme"),
        });
    }
    let Some(split) = split(text) else {
        return Err(bad(0, "URI has no host"));
    };
    let allowed = |part: &str, classes: Class, what: &'static str| match stranger(part, classes) {
        Some(at) => Err(bad(offset(text, part) + at, what)),
        None => Ok(()),
    };
    if is_tel(scheme) {
        let number = split.userinfo.unwrap_or_default();
        if !number.bytes().any(|octet| octet.is_ascii_hexdigit()) && number != "*" && number != "#"
        {
            return Err(bad(offset(text, number), "tel URI has no number"));
        }
        let digits = number.strip_prefix('+').unwrap_or(number);
        allowed(
            digits,
            DIGITS,
            "character not allowed in a telephone number",
        )?;
    } else {
        if let Some(userinfo) = split.userinfo {
            let (user, password) = before(userinfo, b':');
            if user.is_empty() {
                return Err(bad(offset(text, userinfo), "URI has an empty user part"));
            }
            allowed(
                user,
                UNRESERVED | USER,
                "character not allowed in the user part of a URI",
            )?;
            let password = password.strip_prefix(':').unwrap_or_default();
            allowed(
                password,
                UNRESERVED | USER,
                "character not allowed in the password of a URI",
            )?;
        }
        check_host(split.host).map_err(|what| bad(offset(text, split.host), what))?;
        if let Some(port) = split.port
            && (port.parse::<u16>().is_err() || port.starts_with('+'))
        {
            return Err(bad(
                offset(text, port),
                "URI has a port that is no port number",
            ));
        }
    }
    // Most have none; `split` is dear.
    if split.params.is_empty() && split.headers.is_empty() {
        return Ok(());
    }
    for (name, value) in params(split.params) {
        if name.is_empty() {
            return Err(bad(
                offset(text, name),
                "URI has a parameter without a name",
            ));
        }
        allowed(
            name,
            UNRESERVED | PARAM,
            "character not allowed in a URI parameter",
        )?;
        allowed(
            value.unwrap_or_default(),
            UNRESERVED | PARAM,
            "character not allowed in a URI parameter",
        )?;
    }
    for (name, value) in headers(split.headers) {
        allowed(
            name,
            UNRESERVED | HEADER,
            "character not allowed in a URI header",
        )?;
        allowed(
            value,
            UNRESERVED | HEADER,
            "character not allowed in a URI header",
        )?;
    }
    Ok(())
}

fn check_host(host: &str) -> Result<(), &'static str> {
    if host.is_empty() {
        return Err("URI has no host");
    }
    let sound = match host.starts_with('[') {
        true => ipv6(host).is_some(),
        // The underscore is no letter of a host name, but in use.
        false => host
            .bytes()
            .all(|octet| octet.is_ascii_alphanumeric() || matches!(octet, b'-' | b'.' | b'_')),
    };
    sound
        .then_some(())
        .ok_or("URI has a host that is neither name nor address")
}

/// The first octet that is of none of these classes and no escape.
fn stranger(text: &str, classes: Class) -> Option<usize> {
    let mut rest = text.bytes();
    let mut at = 0;
    while let Some(octet) = rest.next() {
        if class(octet) & classes == 0 {
            if octet != b'%' || hex_pair(rest.clone()).is_none() {
                return Some(at);
            }
            rest.nth(1);
            at += 2;
        }
        at += 1;
    }
    None
}

fn same_host(a: &str, b: &str) -> bool {
    match (ipv6(a), ipv6(b)) {
        (Some(a), Some(b)) => a == b,
        (None, None) => same(a, b, true),
        _ => false,
    }
}

fn ipv6(host: &str) -> Option<Ipv6Addr> {
    host.strip_prefix('[')?.strip_suffix(']')?.parse().ok()
}

/// Whether every parameter of `a` finds what it needs in `b`.
fn match_params(a: &Split<'_>, b: &Split<'_>) -> bool {
    params(a.params).all(|(name, value)| {
        let mut others = params(b.params).filter(|(other, _)| same(name, other, true));
        match others.next() {
            // A name should not occur twice; where it does, any occurrence may match.
            Some((_, first)) => {
                same_value(value, first) || others.any(|(_, other)| same_value(value, other))
            }
            None => !DECISIVE.iter().any(|decisive| same(name, decisive, true)),
        }
    })
}

fn same_value(a: Option<&str>, b: Option<&str>) -> bool {
    match (a, b) {
        (Some(a), Some(b)) => same(a, b, true),
        (None, None) => true,
        _ => false,
    }
}

fn match_headers(a: &Split<'_>, b: &Split<'_>) -> bool {
    headers(a.headers).all(|(name, value)| {
        headers(b.headers).any(|(other, has)| same(name, other, true) && same(value, has, false))
    })
}

/// RFC 3966 §4: digits without visual separators; every parameter must be in both.
fn same_number(a: &Split<'_>, b: &Split<'_>) -> bool {
    let matched = |a: &Split<'_>, b: &Split<'_>| {
        params(a.params).all(|(name, value)| {
            params(b.params).any(|(other, has)| {
                let number = ["ext", "phone-context"]
                    .iter()
                    .any(|known| same(name, known, true));
                same(name, other, true)
                    && match (number, value, has) {
                        // A context that is a domain name holds letters that must not be skipped.
                        (true, Some(value), Some(has)) if is_number(value) && is_number(has) => {
                            same_digits(value, has)
                        }
                        _ => same_value(value, has),
                    }
            })
        })
    };
    same_digits(
        a.userinfo.unwrap_or_default(),
        b.userinfo.unwrap_or_default(),
    ) && matched(a, b)
        && matched(b, a)
}

fn is_number(text: &str) -> bool {
    stranger(text.strip_prefix('+').unwrap_or(text), DIGITS).is_none()
}

fn same_digits(a: &str, b: &str) -> bool {
    let digits = |text| octets(text).filter(|octet| !is_visual(*octet)).map(lower);
    digits(a).eq(digits(b))
}

fn is_visual(octet: u16) -> bool {
    [b'-', b'.', b'(', b')']
        .iter()
        .any(|visual| u16::from(*visual) == octet)
}

fn same(a: &str, b: &str, any_case: bool) -> bool {
    match any_case {
        true => octets(a).map(lower).eq(octets(b).map(lower)),
        false => octets(a).eq(octets(b)),
    }
}

/// The octets of a component for comparison: an escape is the octet that it stands for, unless that is reserved
/// (RFC 2396 §2.2): `%3B` is no semicolon.
fn octets(text: &str) -> impl Iterator<Item = u16> {
    const APART: u16 = 0x100;
    let mut rest = text.bytes();
    core::iter::from_fn(move || {
        let octet = rest.next()?;
        let escaped = (octet == b'%').then(|| hex_pair(rest.clone())).flatten();
        let Some(escaped) = escaped else {
            return Some(u16::from(octet));
        };
        rest.nth(1);
        let reserved = b";/?:@&=+$,".contains(&escaped);
        Some(u16::from(escaped) | if reserved { APART } else { 0 })
    })
}

fn lower(octet: u16) -> u16 {
    u8::try_from(octet).map_or(octet, |octet| u16::from(octet.to_ascii_lowercase()))
}

fn hex_pair(mut rest: core::str::Bytes<'_>) -> Option<u8> {
    let mut digit = || char::from(rest.next()?).to_digit(16);
    u8::try_from(digit()? * 16 + digit()?).ok()
}

struct Fnv(u64);

impl Hasher for Fnv {
    fn write(&mut self, octets: &[u8]) {
        for octet in octets {
            self.0 = (self.0 ^ u64::from(*octet)).wrapping_mul(0x0100_0000_01B3);
        }
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

/// A set of classes of octets.
type Class = u16;

const UNRESERVED: Class = 1;
/// User part and password, beside the unreserved.
const USER: Class = 2;
const PARAM: Class = 4;
const HEADER: Class = 8;
/// Digits and visual separators of a telephone number (RFC 3966 §3).
const DIGITS: Class = 16;
const TOKEN: Class = 32;
/// What a header field parameter may have for value without quotes.
const VALUE: Class = 64;
/// Neither blank nor control character, nor what brackets a URI.
const VISIBLE: Class = 128;
/// Name of a header field: a token, and what HTTP allows beyond that. A flaw in a name that nobody knows is no reason to
/// refuse a message (RFC 3261 §8.2.2).
const NAME: Class = 256;
/// Name of a URI scheme (RFC 3986 §3.1).
const SCHEME: Class = 512;

static CLASSES: [Class; 256] = classes();

const fn classes() -> [Class; 256] {
    const fn set(mut table: [Class; 256], octets: &[u8], keep: Class, add: Class) -> [Class; 256] {
        let mut rest = octets;
        while let [octet, tail @ ..] = rest {
            if let Some(slot) = table.split_at_mut(*octet as usize).1.first_mut() {
                *slot = *slot & keep | add;
            }
            rest = tail;
        }
        table
    }
    const fn add(table: [Class; 256], octets: &[u8], class: Class) -> [Class; 256] {
        set(table, octets, !0, class)
    }
    const fn remove(table: [Class; 256], octets: &[u8], class: Class) -> [Class; 256] {
        set(table, octets, !class, 0)
    }
    const ALPHANUM: &[u8] = b"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
    let mut table = [VALUE | VISIBLE; 256];
    table = remove(table, b"<>\"\x7F", VALUE | VISIBLE);
    table = remove(table, b";,", VALUE);
    let mut control = 0;
    while control <= b' ' {
        table = remove(table, &[control], VALUE | VISIBLE);
        control += 1;
    }
    table = add(table, ALPHANUM, UNRESERVED | TOKEN | NAME | SCHEME);
    table = add(table, b"-_.!~*'()", UNRESERVED);
    table = add(table, b"&=+$,;?/", USER);
    table = add(table, b"[]/:&+$", PARAM);
    table = add(table, b"[]/?:+$", HEADER);
    table = add(table, b"0123456789abcdefABCDEF*#-.()", DIGITS);
    table = add(table, b"+-.", SCHEME);
    table = add(table, b"#$&^|", NAME);
    add(table, b"-.!%*_+`'~", TOKEN | NAME)
}

fn class(octet: u8) -> Class {
    CLASSES.get(usize::from(octet)).copied().unwrap_or(0)
}

/// Whether the name of a header field may hold the octet.
pub(super) fn is_name(octet: u8) -> bool {
    class(octet) & NAME != 0
}

/// Whether the name of a URI scheme may hold the octet, behind the letter that it begins with.
pub(super) fn is_scheme(octet: u8) -> bool {
    class(octet) & SCHEME != 0
}

/// Whether a token may hold the octet (RFC 3261 §25.1).
pub(super) fn is_token(octet: u8) -> bool {
    class(octet) & TOKEN != 0
}

/// Whether a header field parameter's value may hold the octet without quotes.
pub(super) fn is_value(octet: u8) -> bool {
    class(octet) & VALUE != 0
}

/// Whether a URI may stand around the octet: neither blank, control character, quote nor angle bracket.
pub(super) fn is_visible(octet: u8) -> bool {
    class(octet) & VISIBLE != 0
}

/// Where `part`, a piece of `whole`, begins in it.
pub(super) fn offset(whole: impl AsRef<[u8]>, part: impl AsRef<[u8]>) -> usize {
    let (whole, part) = (whole.as_ref(), part.as_ref());
    let (whole_at, part_at) = (whole.as_ptr().addr(), part.as_ptr().addr());
    part_at.saturating_sub(whole_at).min(whole.len())
}

/// A flaw to be answered with 400.
pub(super) const fn bad(at: usize, what: &'static str) -> Flaw {
    Flaw {
        at,
        what,
        status: Status(400),
    }
}
