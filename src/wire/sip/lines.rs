//! Header blocks: read where they stand or, where their shape does not allow that, from a copy written anew.

use alloc::vec::Vec;

use bytes::Bytes;

use super::fields::{Found, Scan};
use super::text::{blanks, trimmed};
use super::{MAX_FIELDS, too_large};
use crate::wire::octet::{NAME, run};
use crate::wire::uri::bad;
use crate::{Flaw, Method};

/// The method of a request line, as text and as value.
pub(super) type Asked<'a> = Option<(&'a [u8], Method)>;

/// A header block that has been read.
pub(super) struct Block {
    /// What its fields say.
    pub(super) found: Found,
    /// Its lines written anew; `None` where they stand in the input as they are to be.
    pub(super) anew: Option<Bytes>,
    /// The octets of the input that it takes, its empty line included.
    pub(super) len: usize,
}

/// Reads a header block of at most `room` octets, its empty line included. Flaws count from its first octet.
pub(super) fn read(block: &[u8], room: usize, method: Asked<'_>) -> Result<Block, Flaw> {
    match in_place(block, room, method)? {
        Some((found, len)) => Ok(Block {
            found,
            anew: None,
            len,
        }),
        None => anew(block, room, method),
    }
}

/// Reads a block where it stands, and says how long it is; `None` if it must be written anew first: it is folded, has
/// blanks before a colon or is malformed.
fn in_place(block: &[u8], room: usize, method: Asked<'_>) -> Result<Option<(Found, usize)>, Flaw> {
    let mut scan = Scan::new(block, method);
    let (mut count, mut at) = (0, 0);
    for end in memchr::memchr_iter(b'\n', block) {
        // A lone LF taken for a line end would let two readers see two messages.
        let line = block.get(at..end).unwrap_or_default();
        let Some(line) = line.strip_suffix(b"\r") else {
            return Err(bad(end, "line is not ended by CRLF"));
        };
        if end >= room {
            return Err(too_large(room, "head is too large"));
        }
        if line.is_empty() {
            check(block.get(..=end).unwrap_or_default(), count + 1)?;
            return Ok(Some((scan.finish()?, end + 1)));
        }
        if count == MAX_FIELDS {
            return Err(too_large(at, "too many header fields"));
        }
        let is_folded = matches!(block.get(end + 1), Some(b' ' | b'\t'));
        if is_folded || !scan.line(at, line)? {
            return Ok(None);
        }
        count += 1;
        at = end + 1;
    }
    Err(unended(block, room))
}

/// A block without its empty line.
#[cold]
fn unended(block: &[u8], room: usize) -> Flaw {
    match block.len() > room {
        true => too_large(room, "head is too large"),
        false => bad(block.len(), "head has no end"),
    }
}

/// What all lines have to be, beside their grammar: UTF-8 without control characters, unless they are escaped.
fn check(head: &[u8], lines: usize) -> Result<(), Flaw> {
    // Counting is cheap, and each line ends with two. A chunk is short enough for a count in one octet.
    let (mut controls, mut letters) = (0, 0);
    for chunk in head.chunks(128) {
        let count = |n: u8, octet: &u8| n.wrapping_add(u8::from(is_control(*octet)));
        controls += usize::from(chunk.iter().fold(0, count));
        letters |= chunk.iter().fold(0, |letters, octet| letters | octet);
    }
    if letters >= 0x80 {
        core::str::from_utf8(head)
            .map_err(|error| bad(error.valid_up_to(), "head is not UTF-8"))?;
    }
    match controls == lines * 2 {
        true => Ok(()),
        false => check_controls(head),
    }
}

#[cold]
fn check_controls(head: &[u8]) -> Result<(), Flaw> {
    let mut octets = head.iter().enumerate();
    while let Some((at, octet)) = octets.next() {
        match octet {
            b'\r' if head.get(at + 1) != Some(&b'\n') => return Err(bad(at, "CR without LF")),
            b'\\' if head.get(at + 1) != Some(&b'\r') => {
                octets.next();
            }
            b'\r' | b'\n' => {}
            octet if is_control(*octet) => return Err(bad(at, "control character")),
            _ => {}
        }
    }
    Ok(())
}

pub(super) fn is_control(octet: u8) -> bool {
    octet < b' ' && octet != b'\t' || octet == 0x7F
}

/// The lines of a head, each with its continuations and with its offset.
pub(super) fn folded(head: &[u8]) -> impl Iterator<Item = (usize, &[u8])> {
    let mut rest = head;
    core::iter::from_fn(move || {
        let at = head.len() - rest.len();
        // After the empty line comes the body, whatever it begins with.
        let is_last = |end: &usize| {
            rest.starts_with(b"\r\n") || !matches!(rest.get(end + 1), Some(b' ' | b'\t'))
        };
        let end = memchr::memchr_iter(b'\n', rest).find(is_last)?;
        let (line, tail) = rest.split_at_checked(end + 1)?;
        rest = tail;
        Some((at, line.strip_suffix(b"\r\n").unwrap_or(line)))
    })
}

/// Writes a block anew, unfolded and without blanks before the colons, and reads that.
#[cold]
fn anew(block: &[u8], room: usize, method: Asked<'_>) -> Result<Block, Flaw> {
    let mut copy = Copy {
        text: Vec::with_capacity(block.len().min(room)),
        pieces: Vec::new(),
    };
    for (count, (at, line)) in folded(block).enumerate() {
        if at + line.len() + 2 > room {
            return Err(too_large(room, "head is too large"));
        }
        if line.is_empty() {
            copy.put(at, b"\r\n");
            let read = in_place(&copy.text, usize::MAX, method);
            let read = read.map_err(|flaw| Flaw {
                at: copy.origin(flaw.at),
                ..flaw
            })?;
            let (mut found, _) = read.ok_or(bad(at, "header field name is no token"))?;
            found.content_length = found
                .content_length
                .map(|(at, length)| (copy.origin(at), length));
            copy.text.truncate(copy.text.len().saturating_sub(2));
            return Ok(Block {
                found,
                anew: Some(Bytes::from(copy.text)),
                len: at + 2,
            });
        }
        if count == MAX_FIELDS {
            return Err(too_large(at, "too many header fields"));
        }
        unfold(at, line, &mut copy)?;
    }
    Err(unended(block, room))
}

/// A block written anew, and where its pieces come from.
struct Copy {
    text: Vec<u8>,
    /// Where a piece begins, here and there.
    pieces: Vec<(usize, usize)>,
}

impl Copy {
    fn put(&mut self, at: usize, piece: &[u8]) {
        self.pieces.push((self.text.len(), at));
        self.text.extend_from_slice(piece);
    }

    /// Where this place is in the block.
    fn origin(&self, at: usize) -> usize {
        let pieces = self.pieces.iter().rev();
        let piece = pieces.copied().find(|(here, _)| *here <= at);
        let (here, there) = piece.unwrap_or_default();
        there + at - here
    }
}

fn unfold(at: usize, line: &[u8], copy: &mut Copy) -> Result<(), Flaw> {
    let after_cr = |end: &usize| {
        line.get(..*end)
            .is_some_and(|before| before.ends_with(b"\r"))
    };
    if let Some(end) = memchr::memchr_iter(b'\n', line).find(|end| !after_cr(end)) {
        return Err(bad(at + end, "line is not ended by CRLF"));
    }
    let Some(colon) = memchr::memchr(b':', line) else {
        return Err(bad(at, "header field has no colon"));
    };
    let (name, value) = line.split_at_checked(colon + 1).unwrap_or_default();
    let name = trimmed(name.strip_suffix(b":").unwrap_or(name));
    let (token, stranger) = run(name, NAME);
    if name.is_empty() || !stranger.is_empty() {
        return Err(bad(at + token.len(), "header field name is no token"));
    }
    copy.put(at, name);
    copy.put(at + colon, b":");
    let mut at = at + colon + 1;
    // A blank where something was; the copy is never the longer one.
    let mut apart = value.starts_with(b" ") || value.starts_with(b"\t");
    for piece in value.split_inclusive(|octet| *octet == b'\n') {
        let text = piece.strip_suffix(b"\r\n").unwrap_or(piece);
        let blanks = text.len() - blanks(text).len();
        let text = trimmed(text);
        if !text.is_empty() {
            if apart {
                copy.put(at + blanks.saturating_sub(1), b" ");
            }
            copy.put(at + blanks, text);
        }
        apart = true;
        at += piece.len();
    }
    copy.put(at, b"\r\n");
    Ok(())
}
