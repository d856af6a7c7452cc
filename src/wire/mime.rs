//! MIME bodies (RFC 2046, RFC 5621).

use alloc::vec;
use core::fmt::Write;

use bytes::{BufMut, Bytes, BytesMut};
use memchr::{memchr, memmem};

use crate::message::Span;
use crate::{Body, Flaw, Part, Status};

/// Parts of a multipart; above it the body is refused with 400.
const PARTS: usize = 64;

/// Splits a body into its parts. No octet is copied.
///
/// `lines` are header lines of the message, unfolded, each ended by CRLF; only those that describe
/// the body are looked at (RFC 3261 §7.4.1). `multipart/mixed` and `multipart/related` are split,
/// one level deep: what is nested stays one part, intact (CC-94).
///
/// A malformed multipart is not an error here: a role hears of it from [`Body::parts`] when its
/// check is due.
pub fn body(lines: Bytes, content: Bytes) -> Body {
    if content.is_empty() {
        return Body::default();
    }
    let part = Part::read(described(&lines), content.clone());
    let mut body = Body {
        whole: content,
        ..Body::default()
    };
    let kind = part.media_type();
    let is = |multipart: &str| kind.eq_ignore_ascii_case(multipart);
    if !is("multipart/mixed") && !is("multipart/related") {
        if part.content_type.len == 0 {
            // RFC 3261 §20.15: the field must be there if the body is not empty.
            body.flaw = Some(flaw(0, "body without content type"));
        }
        body.parts.push(part);
        return body;
    }
    body.wrapper = part.lines.slice(range(part.content_type, part.lines.len()));
    let split = part
        .param("boundary")
        .filter(|boundary| (1..=70).contains(&boundary.len()))
        .ok_or(flaw(0, "multipart without usable boundary"))
        .and_then(|boundary| split(&mut body, boundary));
    if let Err(flaw) = split {
        body.parts.clear();
        body.flaw = Some(flaw);
    }
    body
}

impl Body {
    /// Whether there is no body at all.
    pub fn is_empty(&self) -> bool {
        self.whole.is_empty()
    }

    /// The Content-Type of the whole, parameters included; empty if there is no body.
    pub fn content_type(&self) -> &str {
        match self.parts.first() {
            Some(part) if self.wrapper.is_empty() => part.content_type(),
            _ => core::str::from_utf8(&self.wrapper).unwrap_or_default(),
        }
    }
}

/// What `message/external-body` says of a content that is elsewhere (RFC 4483, OC-PM-15, TC-PM-03).
///
/// Nothing here is checked or fetched: that is the host's, as its policy allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Indirection<'a> {
    /// Where it is.
    pub url: &'a str,
    /// Until when, as an RFC 5322 date. Required by RFC 4483 §4.3, and still absent at times.
    pub expiration: Option<&'a str>,
    /// Its size in octets.
    pub size: Option<u64>,
    /// Its SHA-1 hash in hexadecimal.
    pub hash: Option<&'a str>,
}

impl Part {
    /// The Content-Type with its parameters; `text/plain` where a part has none (RFC 2046 §5.1).
    pub fn content_type(&self) -> &str {
        match read(&self.lines, self.content_type) {
            "" => "text/plain",
            value => value,
        }
    }

    /// The Content-Type without its parameters, in the case in which it came.
    pub fn media_type(&self) -> &str {
        head(self.content_type())
    }

    /// Whether the media type is this one. Case is ignored (RFC 2045 §5.1).
    pub fn is(&self, media_type: &str) -> bool {
        self.media_type().eq_ignore_ascii_case(media_type)
    }

    /// A parameter of the Content-Type, without quotes; quoted pairs stay as they came.
    pub fn param(&self, name: &str) -> Option<&str> {
        param(self.content_type(), name)
    }

    /// The disposition type, `None` if there is no Content-Disposition: its default depends on the
    /// media type (RFC 3261 §20.11).
    pub fn disposition(&self) -> Option<&str> {
        Some(head(read(&self.lines, self.disposition))).filter(|kind| !kind.is_empty())
    }

    /// Whether the disposition type is this one. Case is ignored.
    pub fn is_disposed(&self, disposition: &str) -> bool {
        self.disposition()
            .is_some_and(|kind| kind.eq_ignore_ascii_case(disposition))
    }

    /// Whether the part may be passed over by who does not understand it; the default is that it
    /// may not (RFC 5621 §8.3).
    pub fn handling_optional(&self) -> bool {
        param(read(&self.lines, self.disposition), "handling")
            .is_some_and(|handling| handling.eq_ignore_ascii_case("optional"))
    }

    /// The Content-ID, without angle brackets (RFC 2392).
    pub fn content_id(&self) -> Option<&str> {
        let id = read(&self.lines, self.content_id).trim();
        let id = id.strip_prefix('<').unwrap_or(id);
        Some(id.strip_suffix('>').unwrap_or(id)).filter(|id| !id.is_empty())
    }

    /// Its Content-* header lines, each ended as it came; Content-Length is left out, and so is
    /// whatever else stands between them in the head of a message.
    pub fn mime_lines(&self) -> impl Iterator<Item = &str> {
        let described =
            |line: &&[u8]| describing(line).is_some_and(|(kind, _)| kind != Kind::Length);
        let lines = logical(&self.lines).filter(described);
        lines.map(|line| core::str::from_utf8(line).unwrap_or_default())
    }

    /// Whether the octets are in an encoding that must be undone first (`base64`,
    /// `quoted-printable`). SIP is clean for eight bits, so nobody needs one (RFC 3261 §7.4.1).
    pub fn is_encoded(&self) -> bool {
        let value = logical(&self.lines)
            .filter_map(describing)
            .find(|(kind, _)| *kind == Kind::TransferEncoding);
        value.is_some_and(|(_, value)| {
            let is = |plain: &&[u8]| value.trim_ascii().eq_ignore_ascii_case(plain);
            ![b"7bit".as_slice(), b"8bit", b"binary"].iter().any(is)
        })
    }

    /// What it says of a content that is elsewhere; `None` unless it is a `message/external-body`
    /// with a URL.
    pub fn indirection(&self) -> Option<Indirection<'_>> {
        let by_url = self.is("message/external-body")
            && self.param("access-type")?.eq_ignore_ascii_case("URL");
        by_url
            .then(|| {
                Some(Indirection {
                    url: self.param("URL").filter(|url| !url.is_empty())?,
                    expiration: self.param("expiration"),
                    size: self.param("size").and_then(|size| size.parse().ok()),
                    hash: self.param("hash"),
                })
            })
            .flatten()
    }

    /// Its octets, if it is of this media type and they are not encoded.
    ///
    /// # Errors
    ///
    /// Status 415.
    pub(super) fn of(&self, media_type: &str) -> Result<&Bytes, Flaw> {
        if self.is_encoded() || !self.is(media_type) {
            return Err(Flaw {
                status: Status(415),
                ..flaw(0, "another media type, or encoded")
            });
        }
        Ok(&self.content)
    }

    fn read(lines: Bytes, content: Bytes) -> Self {
        let mut part = Self {
            content,
            ..Self::default()
        };
        let mut at = 0;
        for line in logical(&lines) {
            if let Some((kind, value)) = describing(line) {
                let begin = at + line.len() - value.trim_ascii_start().len();
                let value = span(begin, begin + value.trim_ascii().len());
                // The first of a kind counts, as for everyone else who reads it.
                match kind {
                    Kind::Type if part.content_type.len == 0 => part.content_type = value,
                    Kind::Disposition if part.disposition.len == 0 => part.disposition = value,
                    Kind::Id if part.content_id.len == 0 => part.content_id = value,
                    _ => {}
                }
            }
            at += line.len();
        }
        part.lines = lines;
        part
    }
}

/// The value of Content-Type among MIME header lines; empty if there is none.
pub(crate) fn content_type(lines: &str) -> &str {
    lines
        .lines()
        .filter_map(|line| line.split_once(':'))
        .find(|(name, _)| name.trim().eq_ignore_ascii_case("Content-Type"))
        .map_or("", |(_, value)| value.trim())
}

/// The Content-Type of what a `message/cpim` body wraps (RFC 3862 §2): it stands in the second block
/// of lines. `None` if there is none.
pub(crate) fn wrapped_type(body: &[u8]) -> Option<&str> {
    let mut blanks = memmem::find_iter(body, b"\r\n\r\n");
    let (begin, end) = (blanks.next()? + 4, blanks.next()?);
    let lines = core::str::from_utf8(body.get(begin..end)?).ok()?;
    Some(content_type(lines)).filter(|kind| !kind.is_empty())
}

/// One part to write.
#[derive(Clone, Copy, Debug)]
pub struct OutPart<'a> {
    /// Its MIME header lines, each ended by CRLF.
    pub lines: &'a str,
    /// Its octets.
    pub content: &'a [u8],
}

/// A `multipart/mixed` body that was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mixed {
    /// The value of its Content-Type.
    pub content_type: Bytes,
    /// The octets.
    pub body: Bytes,
}

/// Writes parts as one `multipart/mixed` body into `out`, which is empty, and splits it off.
///
/// The boundary is `b` and the smallest number whose delimiter occurs nowhere in the parts, not even
/// as the beginning of a longer one (RFC 2046 §5.1.1): same parts, same octets.
pub fn write_mixed(out: &mut BytesMut, parts: &[OutPart<'_>]) -> Mixed {
    debug_assert!(out.is_empty(), "scratch was not split off");
    let number = free_number(parts);
    let _ = write!(out, "multipart/mixed;boundary=b{number}");
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
    Mixed { content_type, body }
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

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Type,
    Disposition,
    Id,
    TransferEncoding,
    Length,
    Other,
}

/// What a header field says of a body; `None` for fields that say nothing of it.
fn kind(name: &[u8]) -> Option<Kind> {
    let name = name.trim_ascii_end();
    // The compact forms of RFC 3261 §20.
    match name {
        b"c" | b"C" => return Some(Kind::Type),
        b"l" | b"L" => return Some(Kind::Length),
        b"e" | b"E" => return Some(Kind::Other),
        _ => {}
    }
    let (content, rest) = name.split_at_checked(8)?;
    if !content.eq_ignore_ascii_case(b"content-") {
        return None;
    }
    let kinds = [
        (b"type".as_slice(), Kind::Type),
        (b"disposition", Kind::Disposition),
        (b"id", Kind::Id),
        (b"transfer-encoding", Kind::TransferEncoding),
        (b"length", Kind::Length),
    ];
    let known = kinds
        .into_iter()
        .find(|(known, _)| rest.eq_ignore_ascii_case(known));
    Some(known.map_or(Kind::Other, |(_, kind)| kind))
}

/// The smallest run of lines that has all those that describe the body.
fn described(lines: &Bytes) -> Bytes {
    let (mut begin, mut end, mut at) = (None, 0, 0);
    for line in logical(lines) {
        let after = at + line.len();
        if describing(line).is_some() {
            begin = begin.or(Some(at));
            end = after;
        }
        at = after;
    }
    lines.slice(begin.unwrap_or(end)..end)
}

/// What a line says of the body, and its value.
fn describing(line: &[u8]) -> Option<(Kind, &[u8])> {
    // Nearly all lines of a message are passed over here.
    if !matches!(line.first()?.to_ascii_lowercase(), b'c' | b'e' | b'l') {
        return None;
    }
    let (name, value) = line.split_at_checked(memchr(b':', line)?)?;
    Some((kind(name)?, value.get(1..)?))
}

/// The lines of a head with what is folded into them, line ends included.
fn logical(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = text;
    core::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let mut end = 0;
        loop {
            let after = rest.get(end..).unwrap_or_default();
            end += memchr(b'\n', after).map_or(after.len(), |at| at + 1);
            match rest.get(end) {
                Some(b' ' | b'\t') => {}
                _ => break,
            }
        }
        let (line, after) = rest.split_at_checked(end)?;
        rest = after;
        Some(line)
    })
}

fn split(body: &mut Body, boundary: &str) -> Result<(), Flaw> {
    let whole = &body.whole;
    let mut delimiters = Delimiters::new(whole, boundary);
    let first = delimiters
        .next()
        .ok_or(flaw(0, "multipart without its boundary"))?;
    let mut open = first;
    while !open.last {
        let next = delimiters
            .next()
            .ok_or(flaw(whole.len(), "multipart without closing boundary"))?;
        if body.parts.len() == PARTS {
            return Err(flaw(open.begin, "multipart with too many parts"));
        }
        body.parts.push(part(whole, open.after, next)?);
        open = next;
    }
    if body.parts.is_empty() {
        return Err(flaw(first.begin, "multipart without parts"));
    }
    Ok(())
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
            // A part may end with its header (RFC 2046 §5.1.1), whose last line end is then the
            // delimiter's.
            None => (next.at.saturating_sub(begin), octets.len()),
        }
    };
    let lines = whole.slice(begin..begin + head);
    let content = (begin + content).min(next.begin);
    entity(lines, whole.slice(content..next.begin), begin)
}

/// A MIME entity whose header lines and content have been told apart. `at` is where the lines begin in
/// the input.
///
/// # Errors
///
/// Status 400: the lines are not UTF-8, or one of them is no header line.
pub(super) fn entity(lines: Bytes, content: Bytes, mut at: usize) -> Result<Part, Flaw> {
    core::str::from_utf8(&lines).map_err(|_| flaw(at, "part header is not UTF-8"))?;
    for line in logical(&lines) {
        let name = memchr(b':', line).and_then(|colon| line.get(..colon));
        let name = name.unwrap_or_default().trim_ascii_end();
        if name.is_empty() || !name.iter().all(u8::is_ascii_graphic) {
            return Err(flaw(at, "malformed part header"));
        }
        at += line.len();
    }
    Ok(Part::read(lines, content))
}

/// Where the header ends and where the content begins: at the first empty line.
fn blank(octets: &[u8]) -> Option<(usize, usize)> {
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
    boundary: &'a [u8],
    at: usize,
}

impl<'a> Delimiters<'a> {
    fn new(whole: &'a [u8], boundary: &'a str) -> Self {
        Self {
            whole,
            boundary: boundary.as_bytes(),
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
        let rest = self.whole.get(at + 2 + self.boundary.len()..)?;
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
        let rest = self.whole.get(self.at..)?;
        let found = memmem::find_iter(rest, b"--")
            .map(|dashes| self.at + dashes)
            .filter(|at| {
                let word = self.whole.get(at + 2..).unwrap_or_default();
                word.starts_with(self.boundary)
            })
            .find_map(|at| self.check(at))?;
        self.at = found.after;
        Some(found)
    }
}

/// A parameter of a header field value, without quotes (RFC 2045 §5.1).
pub(crate) fn param<'a>(value: &'a str, name: &str) -> Option<&'a str> {
    let mut rest = value;
    loop {
        rest = skip_to_semicolon(rest)?;
        let (key, after) = rest.split_at_checked(rest.find(['=', ';'])?)?;
        let Some(after) = after.strip_prefix('=') else {
            continue;
        };
        let after = after.trim_start();
        let (found, after) = match after.strip_prefix('"') {
            Some(quoted) => quoted.split_at_checked(closing_quote(quoted)?)?,
            None => after.split_at_checked(after.find(';').unwrap_or(after.len()))?,
        };
        if key.trim().eq_ignore_ascii_case(name) {
            return Some(found.trim());
        }
        rest = after.strip_prefix('"').unwrap_or(after);
    }
}

fn skip_to_semicolon(text: &str) -> Option<&str> {
    text.get(text.find(';')? + 1..)
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

/// A header field value without its parameters.
fn head(value: &str) -> &str {
    value.split(';').next().unwrap_or_default().trim()
}

fn range(span: Span, within: usize) -> core::ops::Range<usize> {
    let at = (span.at as usize).min(within);
    at..at.saturating_add(span.len as usize).min(within)
}

/// The place from `begin` to `end`.
pub(crate) fn span(begin: usize, end: usize) -> Span {
    // Nothing that arrives is as long as 4 GiB; if it were, the thing would be taken as absent.
    match (
        u32::try_from(begin),
        u32::try_from(end.saturating_sub(begin)),
    ) {
        (Ok(at), Ok(len)) => Span { at, len },
        _ => Span::default(),
    }
}

/// The text at a place; empty where it is not UTF-8.
pub(crate) fn read(text: &[u8], span: Span) -> &str {
    text.get(range(span, text.len()))
        .and_then(|found| core::str::from_utf8(found).ok())
        .unwrap_or_default()
}

fn flaw(at: usize, what: &'static str) -> Flaw {
    Flaw {
        at,
        what,
        status: Status(400),
    }
}
