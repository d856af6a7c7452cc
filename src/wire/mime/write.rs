//! Multiparts written.

use alloc::vec;
use core::fmt::Write;

use bytes::{BufMut, Bytes, BytesMut};
use memchr::memmem;

use super::{Multipart, content_id, media_type, value_of};
use crate::wire::octet::{TOKEN, run};

/// One part to write.
#[derive(Clone, Copy, Debug)]
pub struct OutPart<'a> {
    /// Its MIME header lines, each ended by CRLF.
    pub lines: &'a str,
    /// Its octets.
    pub content: &'a [u8],
}

/// A multipart body that was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written {
    /// The value of its Content-Type.
    pub content_type: Bytes,
    /// The octets.
    pub body: Bytes,
}

/// Writes parts as one `multipart/mixed` body, as [`write_multipart`] does.
pub fn write_mixed(out: &mut BytesMut, parts: &[OutPart<'_>]) -> Written {
    write_multipart(out, Multipart::Mixed, parts)
}

/// Writes parts as one body into `out`, which is empty, and splits it off. A body that was written can be
/// a part of another.
///
/// The boundary is `b` and the smallest number whose delimiter occurs nowhere in the parts, not even
/// as the beginning of a longer one (RFC 2046 §5.1.1): same parts, same octets.
///
/// Of `multipart/related` the first part is the root: its media type becomes `type`, and its Content-ID, if
/// it has one, `start` (RFC 2387 §3). Of `multipart/alternative` the last part is the best (RFC 2046 §5.1.4).
pub fn write_multipart(out: &mut BytesMut, kind: Multipart, parts: &[OutPart<'_>]) -> Written {
    debug_assert!(out.is_empty(), "scratch was not split off");
    let number = free_number(parts);
    let _ = write!(out, "multipart/{};boundary=b{number}", kind.as_str());
    if let (Multipart::Related, Some(root)) = (kind, parts.first()) {
        put_root(out, root.lines);
    }
    let content_type = out.split().freeze();
    let size = |part: &OutPart<'_>| part.lines.len() + part.content.len() + 32;
    out.reserve(parts.iter().map(size).sum::<usize>() + 32);
    for part in parts {
        let _ = write!(out, "--b{number}\r\n");
        out.put_slice(part.lines.as_bytes());
        out.put_slice(b"\r\n");
        out.put_slice(part.content);
        out.put_slice(b"\r\n");
    }
    let _ = write!(out, "--b{number}--\r\n");
    let body = out.split().freeze();
    Written { content_type, body }
}

/// Says which part is the root, and of what type. What cannot stand between quotes is not said: the root is
/// the first part in any case.
fn put_root(out: &mut BytesMut, lines: &str) {
    let kind = match media_type(value_of(lines, "Content-Type")) {
        "" => "text/plain",
        kind => kind,
    };
    let is_token = |text: &str| !text.is_empty() && run(text.as_bytes(), TOKEN).1.is_empty();
    let is_type = |(main, sub)| is_token(main) && is_token(sub);
    if kind.split_once('/').is_some_and(is_type) {
        let _ = write!(out, ";type=\"{kind}\"");
    }
    let plain = |octet: u8| octet.is_ascii_graphic() && !b"\"\\".contains(&octet);
    let id = content_id(value_of(lines, "Content-ID"));
    if let Some(id) = id.filter(|id| id.bytes().all(plain)) {
        let _ = write!(out, ";start=\"<{id}>\"");
    }
}

fn free_number(parts: &[OutPart<'_>]) -> usize {
    let texts = || {
        parts
            .iter()
            .flat_map(|part| [part.lines.as_bytes(), part.content])
    };
    let delimiter = memmem::Finder::new(b"--b");
    let taken: usize = texts().map(|text| delimiter.find_iter(text).count()).sum();
    if taken == 0 {
        return 1;
    }
    // Each occurrence rules out the numbers that its digits begin with, fewer than 20 of those that
    // are looked at. So one of these many is free, and one pass finds it: who sends us a body full
    // of delimiters gains nothing.
    let mut free = vec![true; taken * 20 + 2];
    for text in texts() {
        for at in delimiter.find_iter(text) {
            let mut number = 0usize;
            for digit in text.iter().skip(at + 3).take_while(|b| b.is_ascii_digit()) {
                number = number
                    .saturating_mul(10)
                    .saturating_add(usize::from(*digit - b'0'));
                match free.get_mut(number) {
                    Some(free) => *free = false,
                    None => break,
                }
            }
        }
    }
    free.iter()
        .skip(1)
        .position(|free| *free)
        .map_or(free.len(), |at| at + 1)
}
