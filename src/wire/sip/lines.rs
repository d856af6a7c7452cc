//! Header blocks: read where they stand or, where their shape does not allow that, from a copy written anew.

use alloc::vec::Vec;

use bytes::Bytes;

use super::fields::{Found, Scan};
use super::text::{blanks, trimmed, without_end};
use super::{MAX_FIELDS, too_large};
use crate::wire::octet::{NAME, run};
use crate::wire::uri::bad;
use crate::{Flaw, Method};

/// The method of a request line, as text and as value.
pub(super) type Asked<'a> = Option<(&'a [u8], Method)>;

/// A header block that has been read.
pub(super) struct Block {
    /// Its lines written anew; `None` where they stand in the input as they are to be.
    pub(super) anew: Option<Bytes>,
    /// The octets of the input that it takes, its empty line included.
    pub(super) len: usize,
}

/// Reads a header block of at most `room` octets, its empty line included, and puts what its fields say into `found`. Flaws
/// count from its first octet.
pub(super) fn read(
    block: &[u8],
    room: usize,
    method: Asked<'_>,
    found: &mut Found,
) -> Result<Block, Flaw> {
    match in_place(block, room, method, found)? {
        Some(len) => Ok(Block { anew: None, len }),
        None => anew(block, room, method, found),
    }
}

/// Reads a block where it stands, and says how long it is; `None` if it must be written anew first: it is folded, has
/// blanks before a colon or is malformed.
fn in_place(
    block: &[u8],
    room: usize,
    method: Asked<'_>,
    found: &mut Found,
) -> Result<Option<usize>, Flaw> {
    let mut scan = Scan::new(block, method, found);
    let mut octets = Seen::default();
    let (mut count, mut at) = (0, 0);
    while let Some(end) = octets.line(block, at) {
        // A lone LF taken for a line end would let two readers see two messages.
        let line = block.get(at..end).unwrap_or_default();
        let Some(line) = line.strip_suffix(b"\r") else {
            return Err(bad(end, "line is not ended by CRLF"));
        };
        if end >= room {
            return Err(too_large(room, "head is too large"));
        }
        if line.is_empty() {
            check(block.get(..=end).unwrap_or_default(), octets)?;
            scan.finish()?;
            return Ok(Some(end + 1));
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

/// What kinds of octets there were in the lines so far.
#[derive(Clone, Copy, Default)]
struct Seen {
    /// Control characters beside tabs and line ends.
    controls: bool,
    /// Each octet that is beyond ASCII sets its highest bit in one of these.
    beyond: u64,
}

impl Seen {
    /// Where the LF is that ends the line which begins here.
    fn line(&mut self, block: &[u8], begin: usize) -> Option<usize> {
        let mut at = begin;
        loop {
            at += self.plain(block.get(at..)?);
            match block.get(at)? {
                b'\n' => return Some(at),
                b'\r' if block.get(at + 1) == Some(&b'\n') => return Some(at + 1),
                b'\t' => {}
                _ => self.controls = true,
            }
            at += 1;
        }
    }

    /// How many octets in front are no control characters: eight at a time.
    fn plain(&mut self, text: &[u8]) -> usize {
        const ONES: u64 = 0x0101_0101_0101_0101;
        let (eights, rest) = text.as_chunks::<8>();
        for (n, eight) in eights.iter().enumerate() {
            let word = u64::from_le_bytes(*eight);
            self.beyond |= word;
            // The highest bit of an octet that is below a blank, or that becomes zero: never a wrong one before the first.
            let delete = word ^ (0x7F * ONES);
            let low = word.wrapping_sub(0x20 * ONES) & !word;
            let found = (low | delete.wrapping_sub(ONES) & !delete) & (0x80 * ONES);
            if found != 0 {
                return n * 8 + usize::from(found.trailing_zeros().to_le_bytes()[0]) / 8;
            }
        }
        let is_plain = |octet: &&u8| !is_control(**octet) && **octet != b'\t';
        let tail = rest.iter().take_while(is_plain).count();
        self.beyond |= rest
            .iter()
            .fold(0, |beyond, octet| beyond | u64::from(*octet));
        eights.len() * 8 + tail
    }
}

/// What all lines have to be, beside their grammar: UTF-8 without control characters, unless they are escaped.
fn check(head: &[u8], seen: Seen) -> Result<(), Flaw> {
    const BEYOND: u64 = 0x8080_8080_8080_8080;
    if seen.beyond & BEYOND != 0 {
        core::str::from_utf8(head)
            .map_err(|error| bad(error.valid_up_to(), "head is not UTF-8"))?;
    }
    match seen.controls {
        true => check_controls(head),
        false => Ok(()),
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
fn anew(block: &[u8], room: usize, method: Asked<'_>, found: &mut Found) -> Result<Block, Flaw> {
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
            *found = Found::default();
            let read = in_place(&copy.text, usize::MAX, method, found);
            let read = read.map_err(|flaw| Flaw {
                at: copy.origin(flaw.at),
                ..flaw
            })?;
            read.ok_or(bad(at, "header field name is no token"))?;
            if let Some((at, _)) = &mut found.content_length {
                *at = copy.origin(*at);
            }
            copy.text.truncate(copy.text.len().saturating_sub(2));
            return Ok(Block {
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
    let name = without_end(name.strip_suffix(b":").unwrap_or(name));
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
