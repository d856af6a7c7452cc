//! The lines of a description, as they came.

use memchr::memchr;

use crate::message::Span;
use crate::wire::mime::span;

/// One line: a letter, `=` and a value, if it is a sound one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Line<'a> {
    /// The offset of the line in its description, in octets.
    pub at: usize,
    raw: &'a [u8],
    text: &'a [u8],
}

impl<'a> Line<'a> {
    /// The line with its end, as it came: all of them, one after the other, are the description.
    pub fn raw(&self) -> &'a [u8] {
        self.raw
    }

    /// The line without its end.
    pub fn text(&self) -> &'a [u8] {
        self.text
    }

    /// Whether there is a CR in its end.
    pub(super) fn has_cr(&self) -> bool {
        let lf = usize::from(self.raw.ends_with(b"\n"));
        self.raw.len() - self.text.len() > lf
    }

    /// The letter and the raw value behind `=`. `None` for a line that has none: it is kept, and means nothing.
    ///
    /// Blanks in front of the letter are passed over, since there are peers that write them.
    pub fn field(&self) -> Option<(u8, &'a [u8])> {
        let text = self.text;
        match text {
            [letter, b'=', value @ ..] if !is_blank(*letter) => Some((*letter, value)),
            _ => match trim_start(text) {
                [letter, b'=', value @ ..] => Some((*letter, value)),
                _ => None,
            },
        }
    }

    /// The raw value, if the line has this letter.
    pub fn value(&self, letter: u8) -> Option<&'a [u8]> {
        self.field()
            .and_then(|(found, value)| (found == letter).then_some(value))
    }

    /// The attribute, if it is one.
    pub fn attribute(&self) -> Option<Attribute<'a>> {
        self.value(b'a').map(Attribute::read)
    }

    /// Where a piece of this line stands in the description, without the blanks around it.
    pub(super) fn place(&self, piece: &[u8]) -> Span {
        let begin = self.offset(trim_start(piece));
        span(begin, begin + piece.trim_ascii().len())
    }

    /// The offset of a piece of this line in the description.
    pub(super) fn offset(&self, piece: &[u8]) -> usize {
        self.at + crate::wire::octet::offset(self.raw, piece)
    }
}

/// The lines of a description or of a part of it, in order.
#[derive(Clone, Debug)]
pub struct Lines<'a> {
    at: usize,
    rest: &'a [u8],
}

impl<'a> Lines<'a> {
    /// The lines of `within`, which begins at the offset `at` of its description.
    pub(super) fn new(within: &'a [u8], at: usize) -> Self {
        Self { at, rest: within }
    }

    /// The lines of a text that is no whole description.
    pub fn of(text: &'a str) -> Self {
        Self::new(text.as_bytes(), 0)
    }

    /// The values of the lines with this letter, in order, raw.
    pub fn values(self, letter: u8) -> impl Iterator<Item = &'a [u8]> {
        self.filter_map(move |line| line.value(letter))
    }

    /// The attributes, in order.
    pub fn attributes(self) -> impl Iterator<Item = Attribute<'a>> {
        self.filter_map(|line| line.attribute())
    }

    /// The attributes of this name, in order. Case matters (RFC 8866 §5.13).
    pub fn named(self, name: &str) -> impl Iterator<Item = Attribute<'a>> {
        self.attributes()
            .filter(move |attribute| attribute.name == name)
    }
}

impl<'a> Iterator for Lines<'a> {
    type Item = Line<'a>;

    fn next(&mut self) -> Option<Line<'a>> {
        if self.rest.is_empty() {
            return None;
        }
        let end = memchr(b'\n', self.rest).unwrap_or(self.rest.len());
        let (text, _) = self.rest.split_at_checked(end)?;
        let len = (end + 1).min(self.rest.len());
        let (raw, rest) = self.rest.split_at_checked(len)?;
        let text = text.strip_suffix(b"\r").unwrap_or(text);
        let at = self.at;
        self.at += len;
        self.rest = rest;
        Some(Line { at, raw, text })
    }
}

/// `a=name` or `a=name:value`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attribute<'a> {
    /// The name, without blanks around it; empty if it is not UTF-8.
    pub name: &'a str,
    /// What is behind the colon, raw; `None` if there is none.
    pub value: Option<&'a [u8]>,
}

impl<'a> Attribute<'a> {
    fn read(text: &'a [u8]) -> Self {
        let (name, value) = match memchr(b':', text).and_then(|at| text.split_at_checked(at)) {
            Some((name, value)) => (name, value.strip_prefix(b":")),
            None => (text, None),
        };
        Self {
            name: core::str::from_utf8(name.trim_ascii()).unwrap_or_default(),
            value,
        }
    }

    /// The value without blanks around it; empty if there is none, or if it is not UTF-8.
    pub fn text(&self) -> &'a str {
        text(self.value.unwrap_or_default())
    }
}

/// A value without blanks around it; empty if it is not UTF-8.
pub(super) fn text(value: &[u8]) -> &str {
    core::str::from_utf8(value.trim_ascii()).unwrap_or_default()
}

/// The words of a value: what stands between blanks.
pub(super) fn words(value: &[u8]) -> impl Iterator<Item = &str> {
    text(value)
        .split([' ', '\t'])
        .filter(|word| !word.is_empty())
}

fn is_blank(octet: u8) -> bool {
    octet == b' ' || octet == b'\t'
}

fn trim_start(text: &[u8]) -> &[u8] {
    text.trim_ascii_start()
}
