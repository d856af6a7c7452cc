//! Whether two URIs name the same thing (RFC 3261 §19.1.4, RFC 3966 §4).

use core::hash::Hasher;

use super::{Split, escaped_run, headers, hex_pair, ipv6, is_tel, params, unescape};
use crate::Uri;
use crate::wire::octet::PHONE;

/// Parameters that never match when they stand in one of two URIs only (RFC 3261 §19.1.4; `transport`
/// by its paragraph on defaults and its examples).
const DECISIVE: [&str; 5] = ["user", "ttl", "method", "maddr", "transport"];

/// Parameters, and header fields, that are compared one by one.
const COMPARED: usize = 32;

impl Uri {
    /// Whether both name the same thing, exactly by RFC 3261 §19.1.4 (SIP, SIPS) or RFC 3966 §4 (tel). Not transitive.
    ///
    /// Every parameter is looked for among those of the other. So that nobody can keep us busy with that, a URI with
    /// more than 32 parameters or header fields, which nobody has, equals only the same text.
    ///
    /// A port that is written never equals one that is not, not even 5060 (CC-74). IPv6 addresses are compared by value (CC-120).
    pub fn equivalent(&self, other: &Self) -> bool {
        let (a, b) = (self.split(), other.split());
        if !a.scheme.eq_ignore_ascii_case(b.scheme) {
            return false;
        }
        if a.is_crowded() || b.is_crowded() {
            return self == other;
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
}

impl Split<'_> {
    /// Whether there are more parameters or header fields than are compared one by one.
    fn is_crowded(&self) -> bool {
        let more_than =
            |text: &str, octet| text.bytes().filter(|found| *found == octet).count() > COMPARED;
        more_than(self.params, b';') || more_than(self.headers, b'&')
    }
}

fn same_host(a: &str, b: &str) -> bool {
    match (ipv6(a), ipv6(b)) {
        (Some(a), Some(b)) => a == b,
        (None, None) => same(a, b, true),
        _ => false,
    }
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

/// Header fields are compared as in a message: without regard to case (RFC 3261 §7.3.1), but for identifiers, quoted
/// strings and bodies.
fn match_headers(a: &Split<'_>, b: &Split<'_>) -> bool {
    headers(a.headers).all(|(name, value)| {
        let exact = ["Call-ID", "i", "Replaces", "body"];
        let any_case = !exact.iter().any(|exact| same(name, exact, true))
            && !unescape(value).any(|octet| octet == b'"');
        headers(b.headers).any(|(other, has)| same(name, other, true) && same(value, has, any_case))
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
    escaped_run(text.strip_prefix('+').unwrap_or(text).as_bytes(), PHONE)
        .1
        .is_empty()
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

pub(super) fn same(a: &str, b: &str, any_case: bool) -> bool {
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
