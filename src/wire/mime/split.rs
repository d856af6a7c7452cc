//! Multiparts taken apart (RFC 2046 §5.1.1).

use bytes::Bytes;
use memchr::{memchr, memmem};

use super::{MAX_PARTS, entity, flaw};
use crate::{Flaw, Part};

/// Splits a multipart and hands on each part with the place where its header begins.
///
/// # Errors
///
/// Status 400: no delimiter, no closing one, no part, too many parts, or a part with a malformed header.
pub(super) fn split(
    whole: &Bytes,
    boundary: &str,
    mut take: impl FnMut(usize, Part) -> Result<(), Flaw>,
) -> Result<(), Flaw> {
    let mut delimiters = Delimiters::new(whole, boundary);
    let first = delimiters
        .next()
        .ok_or(flaw(0, "multipart without its boundary"))?;
    let (mut open, mut parts) = (first, 0);
    while !open.last {
        let next = delimiters
            .next()
            .ok_or(flaw(whole.len(), "multipart without closing boundary"))?;
        if parts == MAX_PARTS {
            return Err(flaw(open.begin, "multipart with too many parts"));
        }
        take(open.after, part(whole, open.after, next)?)?;
        parts += 1;
        open = next;
    }
    match parts {
        0 => Err(flaw(first.begin, "multipart without parts")),
        _ => Ok(()),
    }
}

/// One part between two delimiters.
fn part(whole: &Bytes, begin: usize, next: Delimiter) -> Result<Part, Flaw> {
    let octets = whole.get(begin..next.begin).unwrap_or_default();
    let (head, content) = if octets.is_empty() {
        (0, 0)
    } else if octets.starts_with(b"\r\n") {
        (0, 2)
    } else if octets.starts_with(b"\n") {
        (0, 1)
    } else {
        match blank(octets) {
            Some(found) => found,
            None if octets.ends_with(b"\n") => (octets.len(), octets.len()),
            // A part may end with its header (RFC 2046 §5.1.1), whose last line end is then the
            // delimiter's.
            None => (next.at.saturating_sub(begin), octets.len()),
        }
    };
    let lines = whole.slice(begin..begin + head);
    let content = (begin + content).min(next.begin);
    entity(lines, whole.slice(content..next.begin), begin)
}

/// Where the header ends and where the content begins: at the first empty line.
pub(super) fn blank(octets: &[u8]) -> Option<(usize, usize)> {
    let mut at = 0;
    loop {
        at += memchr(b'\n', octets.get(at..)?)? + 1;
        match octets.get(at..)? {
            [b'\r', b'\n', ..] => return Some((at, at + 2)),
            [b'\n', ..] => return Some((at, at + 1)),
            _ => {}
        }
    }
}

/// A line of a multipart that begins with its boundary.
#[derive(Clone, Copy)]
struct Delimiter {
    /// Where it begins: with the line end before it.
    begin: usize,
    /// Where its dashes are.
    at: usize,
    /// Where the line after it begins.
    after: usize,
    /// Whether it closes the multipart.
    last: bool,
}

struct Delimiters<'a> {
    whole: &'a [u8],
    boundary: memmem::Finder<'a>,
    at: usize,
}

impl<'a> Delimiters<'a> {
    fn new(whole: &'a [u8], boundary: &'a str) -> Self {
        Self {
            whole,
            boundary: memmem::Finder::new(boundary),
            at: 0,
        }
    }

    /// The delimiter whose dashes are at `at`, if it is one.
    fn check(&self, at: usize) -> Option<Delimiter> {
        let before = self.whole.get(..at)?;
        let begin = match before {
            [] => 0,
            [.., b'\r', b'\n'] => at - 2,
            [.., b'\n'] => at - 1,
            _ => return None,
        };
        let rest = self.whole.get(at + 2 + self.boundary.needle().len()..)?;
        let last = rest.starts_with(b"--");
        let tail = if last { rest.get(2..)? } else { rest };
        // Blanks that somebody appended on the way are padding (RFC 2046 §5.1.1).
        let padding = tail
            .iter()
            .take_while(|b| matches!(b, b' ' | b'\t'))
            .count();
        let end = match tail.get(padding..)? {
            [b'\r', b'\n', ..] => 2,
            [b'\n', ..] => 1,
            [] if last => 0,
            // The boundary is the beginning of a longer word, or of text.
            _ => return None,
        };
        let after = self.whole.len() - tail.len() + padding + end;
        Some(Delimiter {
            // A part that has no line at all ends where it begins.
            begin: begin.max(self.at.min(at)),
            at,
            after,
            last,
        })
    }
}

impl Iterator for Delimiters<'_> {
    type Item = Delimiter;

    fn next(&mut self) -> Option<Delimiter> {
        let mut from = self.at;
        let found = loop {
            let word = from + self.boundary.find(self.whole.get(from..)?)?;
            let dashes = word.checked_sub(2).filter(|dashes| {
                let line = self.whole.get(*dashes..).unwrap_or_default();
                *dashes >= self.at && line.starts_with(b"--")
            });
            match dashes.and_then(|at| self.check(at)) {
                Some(found) => break found,
                // A boundary may overlap itself.
                None => from = word + 1,
            }
        };
        self.at = found.after;
        Some(found)
    }
}
