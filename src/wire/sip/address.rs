//! name-addr and addr-spec (RFC 3261 §20.10, §25.1).

use alloc::borrow::Cow;
use core::fmt;

use super::text::{Param, blanks, is_uri, quoted, span_of, token, trimmed, unquoted, utf8};
use crate::Address;
use crate::wire::octet::{TOKEN, VALUE, VISIBLE, is, run};

impl<'a> Address<'a> {
    /// Reads one value of From, To, Contact, Route and the like; `None` if it is none.
    ///
    /// The URI may have any scheme; [`Uri::copy`](crate::Uri::copy) checks it before it becomes a target. Without angle
    /// brackets, what follows the first `;` belongs to the header field, and neither comma nor question mark may occur
    /// (RFC 3261 §20).
    pub fn read(text: &'a str) -> Option<Self> {
        match Parts::read(text.as_bytes())? {
            (parts, b"") => Some(Self {
                name: utf8(parts.name),
                uri: utf8(parts.uri),
                params: utf8(parts.params),
            }),
            _ => None,
        }
    }

    /// The display name without quotes and escapes; empty without one.
    pub fn display_name(&self) -> Cow<'a, str> {
        match quoted(self.name.as_bytes()) {
            Some((inner, _)) => unquoted(utf8(inner)),
            None => Cow::Borrowed(self.name),
        }
    }

    /// The tag.
    pub fn tag(&self) -> Option<&'a str> {
        self.param("tag").flatten()
    }

    /// The value of the header field parameter of that name: `None` without the parameter, `Some(None)` for one without
    /// value. Names are compared without regard to case; quotes around the value are taken off.
    pub fn param(&self, name: &str) -> Option<Option<&'a str>> {
        Param::find(self.params.as_bytes(), name)
    }

    /// Whether a boolean feature (RFC 3840 §9) is said to be there: the header field parameter, never one of the URI,
    /// without value or with `TRUE` (CC-42).
    pub fn feature(&self, name: &str) -> bool {
        Param::all(self.params.as_bytes()).any(|param| param.is_feature(name))
    }
}

/// As a name-addr: always with angle brackets, so that URI and parameters stay apart.
impl fmt::Display for Address<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, uri, params } = self;
        match name.is_empty() {
            true => write!(f, "<{uri}>{params}"),
            false => write!(f, "{name} <{uri}>{params}"),
        }
    }
}

/// The octets of an [`Address`].
pub(super) struct Parts<'a> {
    pub(super) name: &'a [u8],
    pub(super) uri: &'a [u8],
    pub(super) params: &'a [u8],
    /// The value of the first `tag`; empty without one.
    pub(super) tag: &'a [u8],
}

impl<'a> Parts<'a> {
    /// Reads the value in front, and gives the rest: empty or from the comma on.
    pub(super) fn read(text: &'a [u8]) -> Option<(Self, &'a [u8])> {
        let text = blanks(text);
        let (name, uri, rest) = match bracketed(text) {
            Some(inner) => {
                let name = text.get(..text.len() - inner.len() - 1)?;
                let (uri, rest) = run(inner, VISIBLE);
                (trimmed(name), uri, rest.strip_prefix(b">")?)
            }
            None => {
                let (uri, rest) = run(text, VALUE);
                if uri.contains(&b'?') {
                    return None;
                }
                (&b""[..], uri, rest)
            }
        };
        let params = rest;
        let (mut rest, mut tag) = (rest, &b""[..]);
        while let Some((param, tail)) = Param::read(rest) {
            if tag.is_empty() && param.name.eq_ignore_ascii_case(b"tag") {
                tag = param.value.unwrap_or_default();
            }
            rest = tail;
        }
        let rest = blanks(rest);
        if !is_uri(uri) || !matches!(rest, [] | [b',', ..]) {
            return None;
        }
        let params = trimmed(params.get(..params.len() - rest.len())?);
        let parts = Self {
            name,
            uri,
            params,
            tag,
        };
        Some((parts, rest))
    }
}

/// What makes of a value no single address, and what stands there.
#[cold]
pub(super) fn flaw(value: &[u8]) -> (&[u8], &'static str) {
    let text = blanks(value);
    if text.starts_with(b"\"") && quoted(text).is_none() {
        return (text, "quoted string has no end");
    }
    let (uri, rest) = match bracketed(text) {
        Some(inner) => {
            let (uri, rest) = run(inner, VISIBLE);
            match rest {
                [b'>', rest @ ..] => (uri, rest),
                [b' ' | b'\t', ..] => return (rest, "blank in a URI"),
                rest => return (rest, "URI has no closing bracket"),
            }
        }
        None => {
            if let Some(end) = memchr::memchr(b'<', text) {
                let name = text.get(..end).unwrap_or_default();
                let is_odd = |octet: &u8| !is(*octet, TOKEN) && !b" \t\"".contains(octet);
                let odd = name.iter().position(is_odd).unwrap_or(0);
                let stranger = text.get(odd..).unwrap_or_default();
                return (
                    stranger,
                    "display name is neither tokens nor a quoted string",
                );
            }
            let (uri, rest) = run(text, VALUE);
            if let Some(at) = uri.iter().position(|octet| *octet == b'?') {
                let headers = uri.get(at..).unwrap_or_default();
                return (headers, "URI with header fields is not in angle brackets");
            }
            (uri, rest)
        }
    };
    if !is_uri(uri) {
        return (uri, "URI has no scheme");
    }
    match Param::skip(rest) {
        rest @ [b',', ..] => (rest, "more than one address"),
        rest => (rest, "header field parameter is malformed"),
    }
}

/// What follows the display name and the opening bracket; `None` for an addr-spec.
fn bracketed(text: &[u8]) -> Option<&[u8]> {
    let mut rest = match quoted(text) {
        Some((_, rest)) => blanks(rest),
        None => text,
    };
    loop {
        if let [b'<', inner @ ..] = rest {
            return Some(inner);
        }
        // Letters beyond ASCII must be quoted, but often are not; nothing else begins with them.
        let (word, tail) = match span_of(rest, |octet| octet >= 0x80) {
            ([], _) => token(rest),
            letters => letters,
        };
        if word.is_empty() {
            return None;
        }
        rest = blanks(tail);
    }
}
