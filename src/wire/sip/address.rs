//! name-addr and addr-spec (RFC 3261 §20.10, §25.1).

use super::text::{Param, blanks, is_uri, quoted, span_of, token};
use crate::Address;

impl<'a> Address<'a> {
    /// Reads one value of From, To, Contact, Route and the like; `None` if it is none.
    ///
    /// The URI may have any scheme; [`Uri::copy`](crate::Uri::copy) checks it before it becomes a target. Without angle
    /// brackets, what follows the first `;` belongs to the header field, and neither comma nor question mark may occur
    /// (RFC 3261 §20).
    pub fn read(text: &'a str) -> Option<Self> {
        let (address, rest) = Self::first(text)?;
        rest.is_empty().then_some(address)
    }

    /// The value in front, and the rest: empty or from the comma on.
    pub(super) fn first(text: &'a str) -> Option<(Self, &'a str)> {
        let text = blanks(text);
        let (uri, params) = match bracketed(text) {
            Some(rest) => {
                let (uri, rest) = span_of(rest, |octet| octet != b'>');
                (uri, rest.strip_prefix('>')?)
            }
            None => {
                let (uri, _) = span_of(text, |octet| !matches!(octet, b';' | b',' | b' ' | b'\t'));
                if uri.contains('?') {
                    return None;
                }
                (uri, text.get(uri.len()..)?)
            }
        };
        let rest = Param::skip(params);
        if !is_uri(uri) || !(rest.is_empty() || rest.starts_with(',')) {
            return None;
        }
        let params = params.get(..params.len().saturating_sub(rest.len()))?;
        let params = params.trim_ascii();
        Some((Self { uri, params }, rest))
    }

    /// The tag.
    pub fn tag(&self) -> Option<&'a str> {
        self.param("tag").flatten()
    }

    /// The value of the header field parameter of that name: `None` without the parameter, `Some(None)` for one without
    /// value. Names are compared without regard to case; quotes around the value are taken off.
    pub fn param(&self, name: &str) -> Option<Option<&'a str>> {
        Param::all(self.params)
            .find_map(|param| param.name.eq_ignore_ascii_case(name).then_some(param.value))
    }

    /// Whether a boolean feature (RFC 3840 §9) is said to be there: the header field parameter, never one of the URI,
    /// without value or with `TRUE` (CC-42).
    pub fn feature(&self, name: &str) -> bool {
        Param::all(self.params).any(|param| param.is_feature(name))
    }
}

/// What follows the display name and the opening bracket; `None` for an addr-spec.
fn bracketed(text: &str) -> Option<&str> {
    if let Some(inner) = text.strip_prefix('<') {
        return Some(inner);
    }
    let mut rest = match quoted(text) {
        Some((_, rest)) => blanks(rest),
        None => text,
    };
    loop {
        if let Some(inner) = rest.strip_prefix('<') {
            return Some(inner);
        }
        // Letters beyond ASCII must be quoted, but often are not; nothing else begins with them.
        let (word, tail) = span_of(rest, |octet| octet >= 0x80);
        let (word, tail) = match word {
            "" => token(rest),
            word => (word, tail),
        };
        if word.is_empty() {
            return None;
        }
        rest = blanks(tail);
    }
}
