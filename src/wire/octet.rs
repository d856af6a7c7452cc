//! Classes of octets, and runs of one class: what every grammar here is read with.

use core::str::FromStr;

/// A class of octets: one bit.
pub(super) type Class = u16;

/// What a URI may have anywhere without an escape (RFC 3261 §25.1).
pub(super) const UNRESERVED: Class = 1;
/// User part and password of a URI.
pub(super) const USER: Class = 2;
/// Name and value of a URI parameter.
pub(super) const PARAM: Class = 4;
/// Name and value of a URI header.
pub(super) const HEADER: Class = 8;
/// Digits and visual separators of a telephone number (RFC 3966 §3).
pub(super) const PHONE: Class = 16;
/// A token (RFC 3261 §25.1).
pub(super) const TOKEN: Class = 32;
/// What a header field parameter may have for value without quotes.
pub(super) const VALUE: Class = 64;
/// Neither blank nor control character, nor what brackets a URI.
pub(super) const VISIBLE: Class = 128;
/// Name of a header field: a token, and what HTTP allows beyond that. A flaw in a name that nobody knows is no reason to
/// refuse a message (RFC 3261 §8.2.2).
pub(super) const NAME: Class = 256;
/// Name of a URI scheme, behind the letter that it begins with (RFC 3986 §3.1).
pub(super) const SCHEME: Class = 512;
/// Host name or IPv4 address. The underscore is no letter of a host name, but in use.
pub(super) const HOST: Class = 1024;

/// Inside a value of a list: what neither ends it nor opens quotes or angle brackets.
pub(super) const LISTED: Class = 2048;
/// What XML text and attributes hold as it is. 0xEF begins the two characters that no document can hold, and others.
pub(super) const TEXT: Class = 4096;
/// Inside a start tag: what is neither blank nor ends it, nor belongs to the syntax of its attributes.
pub(super) const TAG: Class = 8192;

/// Whether the octet is of the class.
pub(super) fn is(octet: u8, class: Class) -> bool {
    classes_of(octet) & class != 0
}

/// The octets of the class in front, and the rest.
pub(super) fn run(text: &[u8], class: Class) -> (&[u8], &[u8]) {
    // Four at a time, since most pass.
    let (fours, _) = text.as_chunks::<4>();
    let pass = |four: &&[u8; 4]| {
        let common = |common, octet: &u8| common & classes_of(*octet);
        four.iter().fold(class, common) != 0
    };
    let mut end = fours.iter().take_while(pass).count() * 4;
    while text.get(end).is_some_and(|octet| is(*octet, class)) {
        end += 1;
    }
    text.split_at_checked(end).unwrap_or((text, b""))
}

/// A number that is written in digits alone: what parses numbers in Rust takes a plus sign, too.
pub(super) fn decimal<N: FromStr>(digits: &str) -> Option<N> {
    let all_digits = digits.bytes().all(|octet| octet.is_ascii_digit());
    all_digits.then(|| digits.parse().ok())?
}

/// Where `part`, a piece of `whole`, begins in it.
pub(super) fn offset(whole: impl AsRef<[u8]>, part: impl AsRef<[u8]>) -> usize {
    let (whole, part) = (whole.as_ref(), part.as_ref());
    let (whole_at, part_at) = (whole.as_ptr().addr(), part.as_ptr().addr());
    part_at.saturating_sub(whole_at).min(whole.len())
}

fn classes_of(octet: u8) -> Class {
    CLASSES.get(usize::from(octet)).copied().unwrap_or(0)
}

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
    const URI: Class = UNRESERVED | USER | PARAM | HEADER;
    let mut table = [VALUE | VISIBLE | LISTED | TEXT | TAG; 256];
    table = remove(table, b"<>\"\x7F", VALUE | VISIBLE);
    table = remove(table, b";,", VALUE);
    table = remove(table, b",\"<", LISTED);
    table = remove(table, b"<>&\"\xEF", TEXT);
    table = remove(table, b">=\"' \t\r\n\x0C", TAG);
    let mut control = 0;
    while control <= b' ' {
        table = remove(table, &[control], VALUE | VISIBLE | TEXT);
        control += 1;
    }
    table = add(table, b" ", TEXT);
    table = add(table, ALPHANUM, URI | TOKEN | NAME | SCHEME | HOST);
    table = add(table, b"-_.!~*'()", URI);
    table = add(table, b"&=+$,;?/", USER);
    table = add(table, b"[]/:&+$", PARAM);
    table = add(table, b"[]/?:+$", HEADER);
    table = add(table, b"0123456789abcdefABCDEF*#-.()", PHONE);
    table = add(table, b"+-.", SCHEME);
    table = add(table, b"-._", HOST);
    table = add(table, b"#$&^|", NAME);
    add(table, b"-.!%*_+`'~", TOKEN | NAME)
}
