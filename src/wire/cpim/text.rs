//! Pieces of a header of `message/cpim`: names, parameters, quotes, escapes (RFC 3862 §2.3, §3.6).

use alloc::borrow::Cow;
use alloc::string::String;

use bytes::{BufMut, BytesMut};

use super::flaw;
use crate::Flaw;

/// Name, parameters and value of a header line (RFC 3862 §3.6).
pub(super) fn split(at: usize, line: &str) -> Result<(&str, &str, &str), Flaw> {
    if let Some(control) = line.bytes().position(|octet| octet.is_ascii_control()) {
        return Err(flaw(at + control, "control character in header"));
    }
    let (name, rest) = line
        .split_once(':')
        .ok_or(flaw(at, "header without colon"))?;
    if !is_header_name(name) {
        return Err(flaw(at, "malformed header name"));
    }
    let mut after = rest;
    while let Some((_, _, rest)) = param(after) {
        after = rest;
    }
    let value = after
        .strip_prefix(' ')
        .filter(|value| !value.starts_with(' '));
    let at = at + line.len() - after.len();
    let value = value.ok_or(flaw(at, "not exactly one space before header value"))?;
    let params = rest.get(..rest.len() - after.len()).unwrap_or_default();
    Ok((name, params, value))
}

/// The parameter in front: its name, its value without quotes, and the rest.
pub(super) fn param(text: &str) -> Option<(&str, &str, &str)> {
    let (name, rest) = text.strip_prefix(';')?.split_once('=')?;
    is_name(name).then_some(())?;
    if let Some((value, _, rest)) = quoted(rest) {
        return Some((name, value, rest));
    }
    let (value, rest) = rest.split_at_checked(rest.find([';', ' ']).unwrap_or(rest.len()))?;
    is_token(value).then_some((name, value, rest))
}

/// The quoted string in front, without and with its quotes, and the rest.
pub(super) fn quoted(text: &str) -> Option<(&str, &str, &str)> {
    let inner = text.strip_prefix('"')?;
    let mut escaped = false;
    let end = inner.bytes().position(|octet| {
        let ends = octet == b'"' && !escaped;
        escaped = octet == b'\\' && !escaped;
        ends
    })?;
    let (whole, rest) = text.split_at_checked(end + 2)?;
    Some((inner.get(..end)?, whole, rest))
}

/// Prefix and URI that an NS header declares; the prefix is empty for names without.
pub(super) fn declaration(value: &str) -> Option<(&str, &str)> {
    let (prefix, rest) = value.split_at_checked(value.find('<')?)?;
    let prefix = prefix.trim_end_matches(' ');
    (prefix.is_empty() || is_name(prefix)).then_some((prefix, bracketed(rest)?))
}

/// The URI in angle brackets that this is.
pub(super) fn bracketed(text: &str) -> Option<&str> {
    let uri = text.strip_prefix('<')?.strip_suffix('>')?;
    is_uri(uri).then_some(uri)
}

/// Whether this has the form of an absolute URI of any scheme (RFC 2396 §3).
pub(super) fn is_uri(text: &str) -> bool {
    let is_scheme = |octet: u8| octet.is_ascii_alphanumeric() || b"+-.".contains(&octet);
    text.split_once(':').is_some_and(|(scheme, rest)| {
        scheme.starts_with(|c: char| c.is_ascii_alphabetic())
            && scheme.bytes().all(is_scheme)
            && !rest.is_empty()
            && rest
                .bytes()
                .all(|octet| octet.is_ascii_graphic() && !b"<>\"\\".contains(&octet))
    })
}

pub(super) fn is_header_name(text: &str) -> bool {
    let (prefix, name) = text.split_once('.').unwrap_or(("x", text));
    is_name(prefix) && is_name(name)
}

/// A Name of RFC 3862 §3.6.
pub(super) fn is_name(text: &str) -> bool {
    let is_name = |octet: u8| octet.is_ascii_alphanumeric() || b"!#$%&'*+-^_`|~".contains(&octet);
    !text.is_empty() && text.bytes().all(is_name)
}

/// A Token of RFC 3862 §3.6.
pub(in crate::wire) fn is_token(text: &str) -> bool {
    let is_token = |c: char| c == '.' || !c.is_ascii() || is_name(c.encode_utf8(&mut [0; 4]));
    !text.is_empty() && text.chars().all(is_token)
}

/// What becomes of double quotes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Quotes {
    Plain,
    Escaped,
}

/// Writes text with the escapes that RFC 3862 §2.3.1 wants, and no other.
pub(super) fn escape(out: &mut BytesMut, text: &str, quotes: Quotes) {
    for c in text.chars() {
        let short = match c {
            '\\' => b"\\\\",
            '\u{8}' => b"\\b",
            '\t' => b"\\t",
            '\n' => b"\\n",
            '\r' => b"\\r",
            '"' if quotes == Quotes::Escaped => b"\\\"",
            c if c.is_ascii_control() => {
                let _ = core::fmt::write(out, format_args!("\\u{:04x}", u32::from(c)));
                continue;
            }
            c => {
                out.put_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
                continue;
            }
        };
        out.put_slice(short);
    }
}

/// Undoes escapes (RFC 3862 §2.3.1): one that is unknown stands for the character after it, and a
/// backslash at the end for nothing. A character beyond UCS-2 is two escapes, as in Java.
pub(super) fn unescape(text: &str) -> Cow<'_, str> {
    let Some((plain, mut rest)) = text.split_once('\\') else {
        return Cow::Borrowed(text);
    };
    let mut out = String::from(plain);
    loop {
        let mut chars = rest.chars();
        match chars.next() {
            Some('b') => out.push('\u{8}'),
            Some('t') => out.push('\t'),
            Some('n') => out.push('\n'),
            Some('r') => out.push('\r'),
            Some('u') => match code(chars.as_str()) {
                Some((c, after)) => {
                    out.push(c);
                    chars = after.chars();
                }
                None => out.push('u'),
            },
            Some(other) => out.push(other),
            None => {}
        }
        let Some((plain, after)) = chars.as_str().split_once('\\') else {
            out.push_str(chars.as_str());
            return Cow::Owned(out);
        };
        out.push_str(plain);
        rest = after;
    }
}

/// The character whose number is in front, and the rest; `None` where no number is.
fn code(text: &str) -> Option<(char, &str)> {
    let unit = |text: &str| {
        let digits = text.get(..4)?;
        let all_hex = digits.bytes().all(|octet| octet.is_ascii_hexdigit());
        all_hex.then(|| u16::from_str_radix(digits, 16).ok())?
    };
    let (first, rest) = (unit(text)?, text.get(4..)?);
    let second = rest.strip_prefix("\\u").and_then(unit);
    match char::decode_utf16([first].into_iter().chain(second)).next()? {
        Ok(c) => {
            let used = if c.len_utf16() == 2 { 6 } else { 0 };
            Some((c, rest.get(used..)?))
        }
        Err(_) => Some((char::REPLACEMENT_CHARACTER, rest)),
    }
}
