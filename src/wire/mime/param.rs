//! Parameters of header fields that describe a body (RFC 2045 §5.1, RFC 2231).

use alloc::borrow::Cow;
use alloc::string::String;
use alloc::vec::Vec;

/// A parameter of a header field value, without quotes; quoted pairs stay as they came.
pub(crate) fn param<'a>(value: &'a str, name: &str) -> Option<&'a str> {
    find(value, name).map(|param| param.value.trim())
}

/// The same, with quoted pairs undone.
pub(super) fn plain<'a>(value: &'a str, name: &str) -> Option<Cow<'a, str>> {
    find(value, name).map(|param| param.text())
}

/// The same, in whatever form it came: in one piece or several, as text or as escaped octets of a character
/// set (RFC 2231 §3, §4), which are UTF-8, US-ASCII or ISO-8859-1. An escaped form is preferred to a plain
/// one, which is there for those who do not know better.
pub(super) fn extended<'a>(value: &'a str, name: &str) -> Option<Cow<'a, str>> {
    let (mut whole, mut pieces) = (None, Vec::new());
    for param in params(value) {
        let Some(suffix) = suffix(param.name, name) else {
            continue;
        };
        match suffix.strip_suffix('*').unwrap_or(suffix) {
            "" if suffix == "*" => whole = whole.or(Some(param)),
            "" => {}
            number => {
                let number = number.strip_prefix('*').filter(|number| is_number(number));
                if let Some(number) = number.and_then(|number| number.parse::<usize>().ok()) {
                    pieces.push((number, param, suffix.ends_with('*')));
                }
            }
        }
    }
    let whole = whole.and_then(|param| joined([(param, true)]));
    let in_pieces = || {
        // Of two with one number the first counts, as of two with one name.
        pieces.sort_by_key(|(number, ..)| *number);
        pieces.dedup_by_key(|(number, ..)| *number);
        let consecutive = pieces.iter().enumerate();
        let consecutive = consecutive.take_while(|(place, (number, ..))| place == number);
        joined(consecutive.map(|(_, (_, param, escaped))| (*param, *escaped)))
    };
    whole
        .or_else(in_pieces)
        .map(Cow::Owned)
        .or_else(|| plain(value, name))
}

#[derive(Clone, Copy)]
struct Param<'a> {
    name: &'a str,
    /// Without quotes.
    value: &'a str,
    quoted: bool,
}

impl<'a> Param<'a> {
    fn text(self) -> Cow<'a, str> {
        if !self.quoted || !self.value.contains('\\') {
            return Cow::Borrowed(self.value.trim());
        }
        let mut text = String::with_capacity(self.value.len());
        let mut escaped = false;
        for c in self.value.trim().chars() {
            escaped = c == '\\' && !escaped;
            if !escaped {
                text.push(c);
            }
        }
        Cow::Owned(text)
    }
}

fn find<'a>(value: &'a str, name: &str) -> Option<Param<'a>> {
    params(value).find(|param| param.name.eq_ignore_ascii_case(name))
}

/// The parameters in order. What has no value is none.
fn params(value: &str) -> impl Iterator<Item = Param<'_>> {
    let mut rest = value;
    core::iter::from_fn(move || {
        loop {
            rest = rest.get(rest.find(';')? + 1..)?;
            let (name, after) = rest.split_at_checked(rest.find(['=', ';'])?)?;
            let Some(after) = after.strip_prefix('=') else {
                continue;
            };
            let after = after.trim_start();
            let quoted = after.strip_prefix('"');
            let (value, after) = match quoted {
                Some(quoted) => quoted.split_at_checked(closing_quote(quoted)?)?,
                None => after.split_at_checked(after.find(';').unwrap_or(after.len()))?,
            };
            rest = after.strip_prefix('"').unwrap_or(after);
            return Some(Param {
                name: name.trim(),
                value,
                quoted: quoted.is_some(),
            });
        }
    })
}

/// Where a quoted string ends whose opening quote has been taken off.
fn closing_quote(text: &str) -> Option<usize> {
    let mut escaped = false;
    text.bytes().position(|b| {
        let closes = b == b'"' && !escaped;
        escaped = b == b'\\' && !escaped;
        closes
    })
}

/// What follows the name, from the asterisk on.
fn suffix<'a>(found: &'a str, name: &str) -> Option<&'a str> {
    let (front, suffix) = found.split_at_checked(name.len())?;
    front.eq_ignore_ascii_case(name).then_some(suffix)
}

/// Whether this is a section number: no sign, no leading zero (RFC 2231 §7).
fn is_number(text: &str) -> bool {
    let all_digits = text.bytes().all(|octet| octet.is_ascii_digit());
    !text.is_empty() && all_digits && (text.len() == 1 || !text.starts_with('0'))
}

/// The text that pieces are together; the first says in which character set, if it is escaped.
fn joined<'a>(pieces: impl IntoIterator<Item = (Param<'a>, bool)>) -> Option<String> {
    let mut octets: Option<Vec<u8>> = None;
    let mut set = "";
    for (param, escaped) in pieces {
        let text = param.text();
        let mut text = text.as_ref();
        if escaped && octets.is_none() {
            let (found, rest) = param.value.split_once('\'')?;
            let (_language, rest) = rest.split_once('\'')?;
            (set, text) = (found.trim(), rest.trim_end());
        }
        let octets = octets.get_or_insert_default();
        match escaped {
            true => octets.extend(crate::wire::uri::unescape(text)),
            false => octets.extend_from_slice(text.as_bytes()),
        }
    }
    let octets = octets?;
    if set.eq_ignore_ascii_case("iso-8859-1") {
        return Some(octets.into_iter().map(char::from).collect());
    }
    let text = String::from_utf8(octets).ok()?;
    let ascii = set.eq_ignore_ascii_case("us-ascii") && text.is_ascii();
    (ascii || set.is_empty() || set.eq_ignore_ascii_case("utf-8")).then_some(text)
}
