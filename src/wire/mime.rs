//! MIME bodies (RFC 2046, RFC 5621).

use alloc::borrow::Cow;
use core::ops::Range;

use bytes::Bytes;
use memchr::{memchr, memmem};

use super::octet::decimal;
use crate::message::Span;
use crate::{Body, Flaw, Part, Status};

mod external;
mod param;
mod split;
mod tree;
mod write;

pub use external::Indirection;
pub(crate) use param::param;
pub use tree::{Chosen, Multipart, Tree};
pub use write::{OutPart, Written, write_mixed, write_multipart};

/// Parts of a body, counted on all levels; above it the body is refused with 400.
pub const MAX_PARTS: usize = 64;

/// Multiparts within one another; above it the body is refused with 400.
pub const MAX_DEPTH: usize = 8;

/// Splits a body into its parts. No octet is copied.
///
/// `lines` are header lines of the message, unfolded, each ended by CRLF; only those that describe
/// the body are looked at (RFC 3261 §7.4.1). `multipart/mixed` and `multipart/related` are split,
/// one level deep: what is nested stays one part, intact (CC-94). [`Body::tree`] looks at all levels.
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
            Some(part) if self.multipart.content.is_empty() => part.content_type(),
            _ => read(&self.multipart.lines, self.multipart.content_type),
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
        let whole = self.part(head, content);
        let split = whole.split(|_, part| {
            body.parts.push(part);
            Ok(())
        });
        body.multipart = whole;
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

    /// A parameter of the Content-Disposition, without quotes; quoted pairs stay as they came.
    pub fn disposition_param(&self, name: &str) -> Option<&str> {
        param(read(&self.lines, self.disposition), name)
    }

    /// The name of the file that the part is to be kept in, as the sender has it, in whatever form it came
    /// (RFC 2183 §2.3, RFC 2231). It may hold anything, separators of paths and control characters among it:
    /// never use it as a path.
    pub fn file_name(&self) -> Option<Cow<'_, str>> {
        param::extended(read(&self.lines, self.disposition), "filename")
    }

    /// About how many octets the content has, as the sender has it (RFC 2183 §2.7).
    pub fn size(&self) -> Option<u64> {
        decimal(self.disposition_param("size")?)
    }

    /// Whether the part may be passed over by who does not understand it; the default is that it
    /// may not (RFC 5621 §8.3).
    pub fn handling_optional(&self) -> bool {
        self.disposition_param("handling")
            .is_some_and(|handling| handling.eq_ignore_ascii_case("optional"))
    }

    /// The Content-ID, without angle brackets (RFC 2392).
    pub fn content_id(&self) -> Option<&str> {
        content_id(read(&self.lines, self.content_id))
    }

    /// Its Content-* header lines, each ended as it came; Content-Length is left out, and so is
    /// whatever else stands between them in the head of a message, and what is not UTF-8.
    pub fn mime_lines(&self) -> impl Iterator<Item = &str> {
        fields(&self.lines).filter_map(|(line, field)| {
            let describes = kind(field?.0)? != Kind::Length;
            let line = self.lines.get(line).unwrap_or_default();
            core::str::from_utf8(line).ok().filter(|_| describes)
        })
    }

    /// The encoding that must be undone before the octets can be looked at: of the transfer (`base64`,
    /// `quoted-printable`), which SIP, clean for eight bits, needs none of (RFC 3261 §7.4.1), or of the content
    /// (`gzip`, RFC 3261 §20.12). `None` where there is none to undo.
    pub fn encoding(&self) -> Option<&str> {
        fields(&self.lines)
            .filter_map(|(_, field)| field)
            .filter_map(|(name, value)| Some((kind(name)?, read(&self.lines, value))))
            .flat_map(|(kind, value)| {
                let plain: &[&str] = match kind {
                    Kind::TransferEncoding => &["7bit", "8bit", "binary"],
                    Kind::Encoding => &["identity"],
                    _ => return None,
                };
                let mut encodings = value.split(',').map(str::trim);
                encodings.find(|encoding| {
                    !plain
                        .iter()
                        .any(|plain| encoding.eq_ignore_ascii_case(plain))
                })
            })
            .next()
    }

    /// Whether the octets are in an encoding that must be undone first.
    pub fn is_encoded(&self) -> bool {
        self.encoding().is_some()
    }

    /// Its octets, if it is of this media type and they are not encoded.
    ///
    /// # Errors
    ///
    /// Status 415.
    pub(super) fn of(&self, media_type: &str) -> Result<&Bytes, Flaw> {
        let what = match (self.is(media_type), self.is_encoded()) {
            (true, false) => return Ok(&self.content),
            (true, true) => "content is encoded",
            _ => "content of another media type",
        };
        Err(Flaw {
            status: Status(415),
            ..flaw(0, what)
        })
    }
}

/// The value of Content-Type among MIME header lines; empty if there is none.
pub(crate) fn content_type(lines: &str) -> &str {
    value_of(lines, "Content-Type")
}

/// The value of that header field among MIME header lines; empty if there is none.
fn value_of<'a>(lines: &'a str, field: &str) -> &'a str {
    lines
        .lines()
        .filter_map(|line| line.split_once(':'))
        .find(|(name, _)| name.trim().eq_ignore_ascii_case(field))
        .map_or("", |(_, value)| value.trim())
}

/// An identifier without its angle brackets; `None` if nothing is left.
fn content_id(text: &str) -> Option<&str> {
    let id = text.trim();
    let id = id.strip_prefix('<').unwrap_or(id);
    Some(id.strip_suffix('>').unwrap_or(id)).filter(|id| !id.is_empty())
}

/// The Content-Type of what a `message/cpim` body wraps (RFC 3862 §2): it stands in the second block
/// of lines. `None` if there is none.
pub(crate) fn wrapped_type(body: &[u8]) -> Option<&str> {
    let mut blanks = memmem::find_iter(body, b"\r\n\r\n");
    let (begin, end) = (blanks.next()? + 4, blanks.next()?);
    let lines = core::str::from_utf8(body.get(begin..end)?).ok()?;
    Some(content_type(lines)).filter(|kind| !kind.is_empty())
}

/// What a header field says of a body.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Type,
    Disposition,
    Id,
    TransferEncoding,
    Encoding,
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
        [b'e' | b'E'] => Some(Kind::Encoding),
        [b'c' | b'C', ..] => long_kind(name),
        _ => None,
    }
}

fn long_kind(name: &[u8]) -> Option<Kind> {
    const KINDS: [(&[u8], Kind); 6] = [
        (b"type", Kind::Type),
        (b"disposition", Kind::Disposition),
        (b"id", Kind::Id),
        (b"transfer-encoding", Kind::TransferEncoding),
        (b"encoding", Kind::Encoding),
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
