//! name-addr and addr-spec (RFC 3261 §20.10, §25.1).

use super::text::{Param, blanks, is_uri, quoted, span_of, token, utf8};
use crate::Address;
use crate::wire::octet::{VALUE, VISIBLE, run};

impl<'a> Address<'a> {
    /// Reads one value of From, To, Contact, Route and the like; `None` if it is none.
    ///
    /// The URI may have any scheme; [`Uri::copy`](crate::Uri::copy) checks it before it becomes a target. Without angle
    /// brackets, what follows the first `;` belongs to the header field, and neither comma nor question mark may occur
    /// (RFC 3261 §20).
    pub fn read(text: &'a str) -> Option<Self> {
        match first(text.as_bytes())? {
            ((uri, params), b"") => Some(Self {
                uri: utf8(uri),
                params: utf8(params),
            }),
            _ => None,
        }
    }

    /// The tag.
    pub fn tag(&self) -> Option<&'a str> {
        self.param("tag").flatten()
    }

    /// The value of the header field parameter of that name: `None` without the parameter, `Some(None)` for one without
    /// value. Names are compared without regard to case; quotes around the value are taken off.
    pub fn param(&self, name: &str) -> Option<Option<&'a str>> {
        Param::all(self.params.as_bytes())
            .find(|param| param.name.eq_ignore_ascii_case(name.as_bytes()))
            .map(|param| param.value.map(utf8))
    }

    /// Whether a boolean feature (RFC 3840 §9) is said to be there: the header field parameter, never one of the URI,
    /// without value or with `TRUE` (CC-42).
    pub fn feature(&self, name: &str) -> bool {
        Param::all(self.params.as_bytes()).any(|param| param.is_feature(name))
    }
}

/// The octets of an [`Address`]: URI and parameters.
pub(super) type Octets<'a> = (&'a [u8], &'a [u8]);

/// The value in front, and the rest: empty or from the comma on.
pub(super) fn first(text: &[u8]) -> Option<(Octets<'_>, &[u8])> {
    let text = blanks(text);
    let (uri, params) = match bracketed(text) {
        Some(rest) => {
            let (uri, rest) = run(rest, VISIBLE);
            (uri, rest.strip_prefix(b">")?)
        }
        None => {
            let (uri, rest) = run(text, VALUE);
            if uri.contains(&b'?') {
                return None;
            }
            (uri, rest)
        }
    };
    let rest = Param::skip(params);
    if !is_uri(uri) || !matches!(rest, [] | [b',', ..]) {
        return None;
    }
    let (params, _) = params.split_at_checked(params.len().saturating_sub(rest.len()))?;
    Some(((uri, params.trim_ascii()), rest))
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
