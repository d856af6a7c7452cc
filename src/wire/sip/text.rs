//! Pieces of header field values: tokens, quoted strings, parameters, lists (RFC 3261 §25.1).
//!
//! All of it works on octets, because a head is read before it is known to be UTF-8.

use alloc::borrow::Cow;
use core::fmt::{self, Write as _};

use crate::message::Begins;
use crate::wire::octet::{LISTED, SCHEME, TOKEN, VALUE, run};

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

// Each but the last has its place there.
const _: () = assert!(core::mem::size_of::<Begins>() == 2 * Field::Other as usize);

/// A name without regard to case, fit for one comparison: its length, and its first and last octets, which
/// overlap. Setting bit 5 makes letters lower case and no other octet of a token a letter.
type Key = (usize, u64, u64);

const fn key(name: &[u8]) -> Key {
    const LOWER: u64 = 0x2020_2020_2020_2020;
    let (first, last) = match (name.first_chunk(), name.last_chunk()) {
        (Some(first), Some(last)) => (u64::from_le_bytes(*first), u64::from_le_bytes(*last)),
        _ => match (name.first_chunk(), name.last_chunk(), name) {
            (Some(first), Some(last), _) => (
                u32::from_le_bytes(*first) as u64,
                u32::from_le_bytes(*last) as u64,
            ),
            (_, _, [a, b, c]) => (u32::from_le_bytes([*a, *b, *c, 0]) as u64, 0),
            (_, _, [a, b]) => (u32::from_le_bytes([*a, *b, 0, 0]) as u64, 0),
            (_, _, [a]) => (*a as u64, 0),
            _ => (0, 0),
        },
    };
    (name.len(), first | LOWER, last | LOWER)
}

impl Field {
    /// Of which field this is a name; compact names and any case are understood (RFC 3261 §7.3.1, §7.3.3).
    pub(super) fn of(name: &[u8]) -> Self {
        const VIA: Key = key(b"via");
        const V: Key = key(b"v");
        const FROM: Key = key(b"from");
        const F: Key = key(b"f");
        const TO: Key = key(b"to");
        const T: Key = key(b"t");
        const CALL_ID: Key = key(b"call-id");
        const I: Key = key(b"i");
        const CSEQ: Key = key(b"cseq");
        const MAX_FORWARDS: Key = key(b"max-forwards");
        const CONTACT: Key = key(b"contact");
        const M: Key = key(b"m");
        const CONTENT_LENGTH: Key = key(b"content-length");
        const L: Key = key(b"l");
        const CONTENT_TYPE: Key = key(b"content-type");
        const C: Key = key(b"c");
        const SESSION_EXPIRES: Key = key(b"session-expires");
        const X: Key = key(b"x");
        const MIN_SE: Key = key(b"min-se");
        const ALLOW: Key = key(b"allow");
        const SUPPORTED: Key = key(b"supported");
        const K: Key = key(b"k");
        const REQUIRE: Key = key(b"require");
        const PRIVACY: Key = key(b"privacy");
        const ACCEPT_CONTACT: Key = key(b"accept-contact");
        const A: Key = key(b"a");
        const RECORD_ROUTE: Key = key(b"record-route");
        const ROUTE: Key = key(b"route");
        match key(name) {
            VIA | V => Self::Via,
            FROM | F => Self::From,
            TO | T => Self::To,
            CALL_ID | I => Self::CallId,
            CSEQ => Self::CSeq,
            MAX_FORWARDS => Self::MaxForwards,
            CONTACT | M => Self::Contact,
            CONTENT_LENGTH | L => Self::ContentLength,
            CONTENT_TYPE | C => Self::ContentType,
            SESSION_EXPIRES | X => Self::SessionExpires,
            MIN_SE => Self::MinSe,
            ALLOW => Self::Allow,
            SUPPORTED | K => Self::Supported,
            REQUIRE => Self::Require,
            PRIVACY => Self::Privacy,
            ACCEPT_CONTACT | A => Self::AcceptContact,
            RECORD_ROUTE => Self::RecordRoute,
            ROUTE => Self::Route,
            _ => Self::Other,
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
#[inline]
pub(super) fn blanks(text: &[u8]) -> &[u8] {
    // Most have none, or one.
    match text.strip_prefix(b" ").unwrap_or(text) {
        rest @ [first, ..] if *first > b' ' => rest,
        rest => many_blanks(rest),
    }
}

fn many_blanks(text: &[u8]) -> &[u8] {
    let mut rest = text;
    while let [b' ' | b'\t', tail @ ..] = rest {
        rest = tail;
    }
    rest
}

/// Without the blanks around.
#[inline]
pub(super) fn trimmed(text: &[u8]) -> &[u8] {
    match blanks(text) {
        rest @ [.., last] if *last > b' ' => rest,
        rest => without_end(rest),
    }
}

/// Without the blanks behind.
pub(super) fn without_end(text: &[u8]) -> &[u8] {
    let mut rest = text;
    while let [front @ .., b' ' | b'\t'] = rest {
        rest = front;
    }
    rest
}

/// The octets in front that pass, and the rest.
pub(super) fn span_of(text: &[u8], pass: impl Fn(u8) -> bool) -> (&[u8], &[u8]) {
    let end = text.iter().position(|octet| !pass(*octet));
    text.split_at_checked(end.unwrap_or(text.len()))
        .unwrap_or((text, b""))
}

/// The token in front, perhaps empty, and the rest.
pub(super) fn token(text: &[u8]) -> (&[u8], &[u8]) {
    run(text, TOKEN)
}

/// The quoted string in front, without its quotes, and the rest.
pub(super) fn quoted(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let inner = text.strip_prefix(b"\"")?;
    let mut at = 0;
    loop {
        match inner.get(at)? {
            b'"' => break,
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
    Some((inner.get(..at)?, inner.get(at + 1..)?))
}

/// What stands in a quoted string, its escapes resolved (RFC 3261 §25.1): `\"` is a quote. Copies only if there is one.
pub fn unquoted(inner: &str) -> Cow<'_, str> {
    if !inner.contains('\\') {
        return Cow::Borrowed(inner);
    }
    let mut letters = inner.chars();
    let next = || match letters.next()? {
        '\\' => letters.next(),
        letter => Some(letter),
    };
    Cow::Owned(core::iter::from_fn(next).collect())
}

/// A text as a quoted string, quotes included: what [`unquoted`] reads as the same. Line breaks, which no quoted string
/// can hold, become blanks.
pub fn quote(text: &str) -> impl fmt::Display {
    Quoted(text)
}

struct Quoted<'a>(&'a str);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_char('"')?;
        for letter in self.0.chars() {
            match letter {
                '\r' | '\n' => f.write_char(' ')?,
                '"' | '\\' | '\0'..='\x1F' | '\x7F' => write!(f, "\\{letter}")?,
                letter => f.write_char(letter)?,
            }
        }
        f.write_char('"')
    }
}

/// The digits in front as a number, and the rest; `None` without digits or above `u32::MAX`.
pub(super) fn number(text: &[u8]) -> Option<(u32, &[u8])> {
    let (mut number, mut rest) = (0u32, text);
    while let [digit @ b'0'..=b'9', tail @ ..] = rest {
        number = number
            .checked_mul(10)?
            .checked_add(u32::from(digit - b'0'))?;
        rest = tail;
    }
    (rest.len() < text.len()).then_some((number, rest))
}

/// A header field parameter.
pub(super) struct Param<'a> {
    pub(super) name: &'a [u8],
    /// Without the quotes, escapes as they are.
    pub(super) value: Option<&'a [u8]>,
}

impl<'a> Param<'a> {
    /// Reads `;name[=value]` in front, blanks allowed around all of it; and gives the rest.
    pub(super) fn read(text: &'a [u8]) -> Option<(Self, &'a [u8])> {
        let (name, rest) = token(blanks(blanks(text).strip_prefix(b";")?));
        if name.is_empty() {
            return None;
        }
        let Some(value) = blanks(rest).strip_prefix(b"=").map(blanks) else {
            return Some((Self { name, value: None }, rest));
        };
        let (value, rest) = match quoted(value) {
            Some(quoted) => quoted,
            None => Some(run(value, VALUE)).filter(|(value, _)| !value.is_empty())?,
        };
        let value = Some(value);
        Some((Self { name, value }, rest))
    }

    /// The parameters in front, up to the first octet that is none of them.
    pub(super) fn all(text: &'a [u8]) -> impl Iterator<Item = Self> {
        let mut rest = text;
        core::iter::from_fn(move || {
            let (param, tail) = Self::read(rest)?;
            rest = tail;
            Some(param)
        })
    }

    /// The value of the first parameter of that name: `None` without it, `Some(None)` for one without value. Case is
    /// ignored.
    pub(super) fn find(text: &'a [u8], name: &str) -> Option<Option<&'a str>> {
        Self::all(text)
            .find(|param| param.name.eq_ignore_ascii_case(name.as_bytes()))
            .map(|param| param.value.map(utf8))
    }

    /// What follows the parameters in front.
    pub(super) fn skip(text: &'a [u8]) -> &'a [u8] {
        let mut rest = text;
        while let Some((_, tail)) = Self::read(rest) {
            rest = tail;
        }
        blanks(rest)
    }

    /// Whether a boolean feature (RFC 3840 §9) is said to be there: no value or `TRUE`.
    pub(super) fn is_feature(&self, name: &str) -> bool {
        self.name.eq_ignore_ascii_case(name.as_bytes())
            && self
                .value
                .is_none_or(|value| value.eq_ignore_ascii_case(b"TRUE"))
    }
}

/// The values of a list: commas inside quotes and angle brackets do not count. Empty ones are left out.
pub(super) fn list(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = text;
    core::iter::from_fn(move || {
        while !rest.is_empty() {
            let end = comma(rest).unwrap_or(rest.len());
            let (value, tail) = rest.split_at_checked(end)?;
            rest = tail.strip_prefix(b",").unwrap_or(tail);
            let value = value.trim_ascii();
            if !value.is_empty() {
                return Some(value);
            }
        }
        None
    })
}

/// Where the value in front ends; `None` if it is the last.
fn comma(text: &[u8]) -> Option<usize> {
    let mut rest = text;
    loop {
        rest = run(rest, LISTED).1;
        rest = match rest {
            [b'"', ..] => quoted(rest)?.1,
            [b'<', tail @ ..] => tail.get(memchr::memchr(b'>', tail)? + 1..)?,
            [_, ..] => return Some(text.len() - rest.len()),
            [] => return None,
        };
    }
}

/// Whether this has the form of a URI of any scheme, so far as a head needs it: only visible octets follow the colon.
pub(super) fn is_uri(text: &[u8]) -> bool {
    let (scheme, rest) = run(text, SCHEME);
    scheme.first().is_some_and(u8::is_ascii_alphabetic) && rest.len() > 1 && rest.starts_with(b":")
}

/// The text of a piece of a head, which has been checked as a whole.
pub(super) fn utf8(octets: &[u8]) -> &str {
    core::str::from_utf8(octets).unwrap_or_default()
}
