//! Pieces of header field values: tokens, quoted strings, parameters, lists (RFC 3261 §25.1).

use crate::message::Span;
use crate::wire::uri::{is_scheme, is_token, offset};

/// One line of an unfolded head: name and value, both without blanks around.
pub(super) fn line(line: &[u8]) -> Option<(&[u8], &[u8])> {
    let colon = memchr::memchr(b':', line)?;
    let (name, value) = line.split_at_checked(colon)?;
    Some((name.trim_ascii(), value.get(1..)?.trim_ascii()))
}

/// The lines of an unfolded head, each without its CRLF.
pub(super) fn lines(head: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = head;
    core::iter::from_fn(move || {
        let end = memchr::memchr(b'\n', rest)?;
        let (line, tail) = rest.split_at_checked(end + 1)?;
        rest = tail;
        Some(line.strip_suffix(b"\r\n").unwrap_or(line))
    })
}

/// The field's other name: the long one for a compact one and the reverse.
pub(super) fn alias(name: &str) -> Option<&'static str> {
    const NAMES: [(&str, &str); 20] = [
        ("a", "Accept-Contact"),
        ("b", "Referred-By"),
        ("c", "Content-Type"),
        ("d", "Request-Disposition"),
        ("e", "Content-Encoding"),
        ("f", "From"),
        ("i", "Call-ID"),
        ("j", "Reject-Contact"),
        ("k", "Supported"),
        ("l", "Content-Length"),
        ("m", "Contact"),
        ("n", "Identity-Info"),
        ("o", "Event"),
        ("r", "Refer-To"),
        ("s", "Subject"),
        ("t", "To"),
        ("u", "Allow-Events"),
        ("v", "Via"),
        ("x", "Session-Expires"),
        ("y", "Identity"),
    ];
    NAMES.iter().find_map(|(short, long)| {
        if name.eq_ignore_ascii_case(short) {
            Some(*long)
        } else {
            name.eq_ignore_ascii_case(long).then_some(*short)
        }
    })
}

/// The header fields that the head itself is made from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Field {
    Via,
    From,
    To,
    CallId,
    CSeq,
    MaxForwards,
    Contact,
    ContentLength,
    ContentType,
    SessionExpires,
    MinSe,
    Allow,
    Supported,
    Require,
    Privacy,
    AcceptContact,
    RecordRoute,
    Route,
    Other,
}

impl Field {
    /// Of which field this is a name; compact names and any case are understood (RFC 3261 §7.3.1, §7.3.3).
    pub(super) fn of(name: &[u8]) -> Self {
        let first = name.first().map_or(0, u8::to_ascii_lowercase);
        let (field, long) = match (name.len(), first) {
            (1, b'a') => return Self::AcceptContact,
            (1, b'c') => return Self::ContentType,
            (1, b'f') => return Self::From,
            (1, b'i') => return Self::CallId,
            (1, b'k') => return Self::Supported,
            (1, b'l') => return Self::ContentLength,
            (1, b'm') => return Self::Contact,
            (1, b't') => return Self::To,
            (1, b'v') => return Self::Via,
            (1, b'x') => return Self::SessionExpires,
            (2, b't') => (Self::To, "To"),
            (3, b'v') => (Self::Via, "Via"),
            (4, b'f') => (Self::From, "From"),
            (4, b'c') => (Self::CSeq, "CSeq"),
            (5, b'a') => (Self::Allow, "Allow"),
            (5, b'r') => (Self::Route, "Route"),
            (6, b'm') => (Self::MinSe, "Min-SE"),
            (7, b'c') if name.contains(&b'-') => (Self::CallId, "Call-ID"),
            (7, b'c') => (Self::Contact, "Contact"),
            (7, b'r') => (Self::Require, "Require"),
            (7, b'p') => (Self::Privacy, "Privacy"),
            (9, b's') => (Self::Supported, "Supported"),
            (12, b'c') => (Self::ContentType, "Content-Type"),
            (12, b'm') => (Self::MaxForwards, "Max-Forwards"),
            (12, b'r') => (Self::RecordRoute, "Record-Route"),
            (14, b'c') => (Self::ContentLength, "Content-Length"),
            (14, b'a') => (Self::AcceptContact, "Accept-Contact"),
            (15, b's') => (Self::SessionExpires, "Session-Expires"),
            _ => return Self::Other,
        };
        match name.eq_ignore_ascii_case(long.as_bytes()) {
            true => field,
            false => Self::Other,
        }
    }

    /// Whether a message may have it once only, and in one value.
    pub(super) fn is_single(self) -> bool {
        matches!(
            self,
            Self::From
                | Self::To
                | Self::CallId
                | Self::CSeq
                | Self::MaxForwards
                | Self::ContentLength
                | Self::ContentType
                | Self::SessionExpires
                | Self::MinSe
        )
    }
}

/// Without the blanks in front.
pub(super) fn blanks(text: &str) -> &str {
    text.trim_start_matches([' ', '\t'])
}

/// The octets in front that pass, and the rest.
pub(super) fn span_of(text: &str, pass: impl Fn(u8) -> bool) -> (&str, &str) {
    let end = text.bytes().position(|octet| !pass(octet));
    text.split_at_checked(end.unwrap_or(text.len()))
        .unwrap_or((text, ""))
}

/// The token in front, perhaps empty, and the rest.
pub(super) fn token(text: &str) -> (&str, &str) {
    span_of(text, is_token)
}

/// The quoted string in front, with its quotes, and the rest.
pub(super) fn quoted(text: &str) -> Option<(&str, &str)> {
    let inner = text.strip_prefix('"')?;
    let mut escaped = false;
    let end = inner.bytes().position(|octet| match octet {
        _ if escaped => {
            escaped = false;
            false
        }
        b'\\' => {
            escaped = true;
            false
        }
        octet => octet == b'"',
    })?;
    text.split_at_checked(end + 2)
}

/// The digits in front as a number, and the rest; `None` without digits or above `u32::MAX`.
pub(super) fn number(text: &str) -> Option<(u32, &str)> {
    let (digits, rest) = span_of(text, |octet| octet.is_ascii_digit());
    Some((digits.parse().ok()?, rest))
}

/// A header field parameter.
pub(super) struct Param<'a> {
    pub(super) name: &'a str,
    /// Without the quotes, escapes as they are.
    pub(super) value: Option<&'a str>,
}

impl<'a> Param<'a> {
    /// Reads `;name[=value]` in front, blanks allowed around all of it; and gives the rest.
    pub(super) fn read(text: &'a str) -> Option<(Self, &'a str)> {
        let (name, rest) = token(blanks(blanks(text).strip_prefix(';')?));
        if name.is_empty() {
            return None;
        }
        let Some(value) = blanks(rest).strip_prefix('=').map(blanks) else {
            return Some((Self { name, value: None }, rest));
        };
        let (value, rest) = match quoted(value) {
            Some((value, rest)) => (value.get(1..value.len().saturating_sub(1))?, rest),
            None => {
                let stop = b";, \t\"<>";
                let (value, rest) = span_of(value, |octet| !stop.contains(&octet));
                if value.is_empty() {
                    return None;
                }
                (value, rest)
            }
        };
        let value = Some(value);
        Some((Self { name, value }, rest))
    }

    /// The parameters in front, up to the first octet that is none of them.
    pub(super) fn all(text: &'a str) -> impl Iterator<Item = Self> {
        let mut rest = text;
        core::iter::from_fn(move || {
            let (param, tail) = Self::read(rest)?;
            rest = tail;
            Some(param)
        })
    }

    /// What follows the parameters in front.
    pub(super) fn skip(text: &'a str) -> &'a str {
        let mut rest = text;
        while let Some((_, tail)) = Self::read(rest) {
            rest = tail;
        }
        blanks(rest)
    }

    /// Whether a boolean feature (RFC 3840 §9) is said to be there: no value or `TRUE`.
    pub(super) fn is_feature(&self, name: &str) -> bool {
        self.name.eq_ignore_ascii_case(name)
            && self
                .value
                .is_none_or(|value| value.eq_ignore_ascii_case("TRUE"))
    }
}

/// The values of a list: commas inside quotes and angle brackets do not count. Empty ones are left out.
pub(super) fn list(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    core::iter::from_fn(move || {
        while !rest.is_empty() {
            let end = comma(rest).unwrap_or(rest.len());
            let (value, tail) = rest.split_at_checked(end)?;
            rest = tail.strip_prefix(',').unwrap_or(tail);
            let value = value.trim_ascii();
            if !value.is_empty() {
                return Some(value);
            }
        }
        None
    })
}

fn comma(text: &str) -> Option<usize> {
    let mut at = 0;
    loop {
        let rest = text.get(at..)?;
        let found = memchr::memchr3(b',', b'"', b'<', rest.as_bytes())?;
        let tail = rest.get(found..)?;
        at += found
            + match tail.as_bytes().first() {
                Some(b'"') => quoted(tail)?.0.len(),
                Some(b'<') => memchr::memchr(b'>', tail.as_bytes())? + 1,
                _ => return Some(at + found),
            };
    }
}

/// Whether this has the form of a URI of any scheme, so far as a head needs it.
pub(super) fn is_uri(text: &str) -> bool {
    text.split_once(':').is_some_and(|(scheme, rest)| {
        let fits = |octet| octet > b' ' && !matches!(octet, 0x7F | b'<' | b'>' | b'"');
        is_scheme(scheme) && !rest.is_empty() && rest.bytes().all(fits)
    })
}

/// Where `part` stands in `whole`.
pub(super) fn span(whole: &str, part: &str) -> Span {
    match (
        u32::try_from(offset(whole, part)),
        u32::try_from(part.len()),
    ) {
        (Ok(at), Ok(len)) => Span { at, len },
        _ => Span::default(),
    }
}
