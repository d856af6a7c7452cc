//! MIME bodies (RFC 2046, RFC 5621).

use alloc::vec;
use core::fmt::Write;
use core::ops::Range;

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
    let mut described = Described::default();
    for (line, field) in fields(&lines) {
        if let Some((name, value)) = field
            && let Some(kind) = kind(name)
        {
            described.add(kind, line, value);
        }
    }
    described.body(&lines, content)
}

impl Body {
    /// Whether there is no body at all.
    pub fn is_empty(&self) -> bool {
        self.whole().is_empty()
    }

    /// The Content-Type of the whole, parameters included; empty if there is no body.
    pub fn content_type(&self) -> &str {
        match self.parts.first() {
            Some(part) if self.wrapper.is_empty() => part.content_type(),
            _ => core::str::from_utf8(&self.wrapper).unwrap_or_default(),
        }
    }
}

/// Which lines of a head describe the body, and what they say.
#[derive(Debug, Default)]
pub(super) struct Described {
    /// From the first such line to the last.
    lines: Range<usize>,
    content_type: Span,
    disposition: Span,
    content_id: Span,
}

impl Described {
    /// Adds a line that stands here, CRLF included, with its value there.
    pub(super) fn add(&mut self, kind: Kind, line: Range<usize>, value: Span) {
        if self.lines.is_empty() {
            self.lines.start = line.start;
        }
        self.lines.end = line.end;
        // The first of a kind counts, as for everyone else who reads it.
        match kind {
            Kind::Type if self.content_type.len == 0 => self.content_type = value,
            Kind::Disposition if self.disposition.len == 0 => self.disposition = value,
            Kind::Id if self.content_id.len == 0 => self.content_id = value,
            _ => {}
        }
    }

    /// The body of a message whose head these lines are.
    pub(super) fn body(self, head: &Bytes, content: Bytes) -> Body {
        let mut body = Body::default();
        if content.is_empty() {
            return body;
        }
        let value = read(head, self.content_type);
        let kind = media_type(value);
        let is = |multipart: &str| kind.eq_ignore_ascii_case(multipart);
        if !is("multipart/mixed") && !is("multipart/related") {
            if value.is_empty() {
                // RFC 3261 §20.15: the field must be there if the body is not empty.
                body.flaw = Some(flaw(0, "body without content type"));
            }
            body.parts.push(self.part(head, content));
            return body;
        }
        body.whole = content;
        body.wrapper = head.slice(range(self.content_type, head.len()));
        let split = param(value, "boundary")
            .filter(|boundary| (1..=70).contains(&boundary.len()))
            .ok_or(flaw(0, "multipart without usable boundary"))
            .and_then(|boundary| split(&mut body, boundary));
        if let Err(flaw) = split {
            body.parts.clear();
            body.flaw = Some(flaw);
        }
        body
    }

    fn part(self, head: &Bytes, content: Bytes) -> Part {
        let begin = self.lines.start;
        let moved = |span: Span| match u32::try_from(begin) {
            Ok(begin) if span.len > 0 => Span {
                at: span.at.saturating_sub(begin),
                len: span.len,
            },
            _ => Span::default(),
        };
        Part {
            content_type: moved(self.content_type),
            disposition: moved(self.disposition),
            content_id: moved(self.content_id),
            lines: head.slice(self.lines),
            content,
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
        media_type(self.content_type())
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
        Some(media_type(read(&self.lines, self.disposition))).filter(|kind| !kind.is_empty())
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
        fields(&self.lines).filter_map(|(line, field)| {
            let describes = kind(field?.0)? != Kind::Length;
            describes.then(|| text(self.lines.get(line).unwrap_or_default()))
        })
    }

    /// Whether the octets are in an encoding that must be undone first (`base64`,
    /// `quoted-printable`). SIP is clean for eight bits, so nobody needs one (RFC 3261 §7.4.1).
    pub fn is_encoded(&self) -> bool {
        let value = fields(&self.lines)
            .filter_map(|(_, field)| field)
            .find(|(name, _)| kind(name) == Some(Kind::TransferEncoding));
        value.is_some_and(|(_, value)| {
            let value = read(&self.lines, value);
            let is = |plain: &&str| value.eq_ignore_ascii_case(plain);
            !["7bit", "8bit", "binary"].iter().any(is)
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

/// What a header field says of a body.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Type,
    Disposition,
    Id,
    TransferEncoding,
    Length,
    Other,
}

/// What a header field says of a body; `None` for fields that say nothing of it.
#[inline]
pub(super) fn kind(name: &[u8]) -> Option<Kind> {
    match name {
        // The compact forms of RFC 3261 §20.
        [b'c' | b'C'] => Some(Kind::Type),
        [b'l' | b'L'] => Some(Kind::Length),
        [b'e' | b'E'] => Some(Kind::Other),
        [b'c' | b'C', ..] => long_kind(name),
        _ => None,
    }
}

fn long_kind(name: &[u8]) -> Option<Kind> {
    const KINDS: [(&[u8], Kind); 5] = [
        (b"type", Kind::Type),
        (b"disposition", Kind::Disposition),
        (b"id", Kind::Id),
        (b"transfer-encoding", Kind::TransferEncoding),
        (b"length", Kind::Length),
    ];
    let (content, rest) = name.split_at_checked(8)?;
    if !content.eq_ignore_ascii_case(b"content-") {
        return None;
    }
    let known = KINDS
        .iter()
        .find(|(known, _)| rest.eq_ignore_ascii_case(known));
    Some(known.map_or(Kind::Other, |(_, kind)| *kind))
}

/// The lines of a head with what is folded into them: where each stands, line end included, and if it
/// has a colon its name and the place of its value.
fn fields(head: &[u8]) -> impl Iterator<Item = (Range<usize>, Option<(&[u8], Span)>)> {
    let mut begin = 0;
    core::iter::from_fn(move || {
        let mut end = begin;
        loop {
            let rest = head.get(end..).unwrap_or_default();
            end += memchr(b'\n', rest).map_or(rest.len(), |at| at + 1);
            match head.get(end) {
                Some(b' ' | b'\t') => {}
                _ => break,
            }
        }
        let line = head.get(begin..end).filter(|line| !line.is_empty())?;
        let field = memchr(b':', line).and_then(|colon| {
            let (name, value) = line.split_at_checked(colon)?;
            let value = value.get(1..)?.trim_ascii_start();
            let at = end - value.len();
            Some((
                name.trim_ascii_end(),
                span(at, at + value.trim_ascii_end().len()),
            ))
        });
        let line = begin..end;
        begin = end;
        Some((line, field))
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
pub(super) fn entity(lines: Bytes, content: Bytes, at: usize) -> Result<Part, Flaw> {
    if core::str::from_utf8(&lines).is_err() {
        return Err(flaw(at, "part header is not UTF-8"));
    }
    let mut described = Described::default();
    for (line, field) in fields(&lines) {
        let (name, value) = field
            .filter(|(name, _)| !name.is_empty() && name.iter().all(u8::is_ascii_graphic))
            .ok_or(flaw(at + line.start, "malformed part header"))?;
        if let Some(kind) = kind(name) {
            described.add(kind, line, value);
        }
    }
    // It keeps all of its head.
    described.lines = 0..lines.len();
    Ok(described.part(&lines, content))
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
fn media_type(value: &str) -> &str {
    let end = value.bytes().position(|octet| octet == b';');
    let kind = value.get(..end.unwrap_or(value.len()));
    kind.unwrap_or_default().trim_ascii()
}

fn range(span: Span, within: usize) -> Range<usize> {
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
pub(crate) fn read(within: &[u8], span: Span) -> &str {
    text(within.get(range(span, within.len())).unwrap_or_default())
}

fn text(octets: &[u8]) -> &str {
    core::str::from_utf8(octets).unwrap_or_default()
}

fn flaw(at: usize, what: &'static str) -> Flaw {
    Flaw {
        at,
        what,
        status: Status(400),
    }
}
