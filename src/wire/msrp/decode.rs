//! Takes frames out of a byte stream.

use arrayvec::ArrayVec;
use bytes::{Buf, Bytes, BytesMut};
use memchr::{memchr, memmem};

use super::{
    CRLF, Field, Fields, HEAD_LIMIT, HYPHENS, Head, Kind, LONGEST_ID, MARK, Piece, SHORTEST_ID,
    SIDE_BODY_LIMIT, flaw, strict,
};
use crate::message::Span;
use crate::profile::Tolerance;
use crate::{ByteRange, Continuation, FailureReport, Flaw};

/// Takes frames out of a byte stream, however it is cut (CC-123).
///
/// It holds no octets: what is not decided yet stays in the caller's buffer. Once `next` has said
/// `None`, that is less than the head limit inside a head, and less than an end-line inside a body.
#[derive(Clone, Debug)]
pub struct Decoder {
    state: State,
    lines: Lines,
    tolerance: Tolerance,
}

#[derive(Clone, Debug)]
enum State {
    /// Between two frames, or in a start line.
    Start,
    /// Among the header lines.
    Head(Draft),
    /// In the body.
    Body(Body),
    /// In a frame with a bad head.
    Skip(Body),
    /// The end-line of a frame without body has been taken, and is to be told.
    Ended(Continuation),
    /// The framing is lost for good.
    Broken(Flaw),
}

#[derive(Clone, Copy, Debug)]
struct Draft {
    kind: Kind,
    fields: Fields,
    seen: u8,
    flaw: Option<Flaw>,
}

impl Decoder {
    /// A decoder at the beginning of a stream, which takes heads of up to `head_limit` octets.
    pub fn new(head_limit: usize, tolerance: Tolerance) -> Self {
        Self {
            state: State::Start,
            lines: Lines {
                line: 0,
                seen: 0,
                limit: head_limit,
            },
            tolerance,
        }
    }

    /// The same decoder with other rules, from what it has not looked at yet on.
    pub fn set_rules(&mut self, head_limit: usize, tolerance: Tolerance) {
        self.lines.limit = head_limit;
        self.tolerance = tolerance;
    }

    /// Takes the next piece off the front of `input`; `None` when more octets are needed.
    ///
    /// # Errors
    ///
    /// The framing is lost, and with it the connection: every further call says the same. The offset is
    /// counted from the beginning of the frame's head, or within `input` for a body.
    pub fn next(&mut self, input: &mut BytesMut) -> Result<Option<Piece>, Flaw> {
        let piece = self.step(input);
        if let Err(flaw) = piece {
            self.state = State::Broken(flaw);
        }
        piece
    }

    /// Whether the framing is lost.
    pub fn is_broken(&self) -> bool {
        matches!(self.state, State::Broken(_))
    }

    /// Whether the octets taken so far end with a whole frame.
    pub fn is_idle(&self) -> bool {
        matches!(self.state, State::Start) && self.lines.seen == 0
    }

    fn step(&mut self, input: &mut BytesMut) -> Result<Option<Piece>, Flaw> {
        loop {
            match &mut self.state {
                State::Start => match self.lines.start(input, self.tolerance)? {
                    Some(draft) => self.state = State::Head(draft),
                    None => return Ok(None),
                },
                State::Head(draft) => {
                    let Some((at, line)) = self.lines.next(input)? else {
                        return Ok(None);
                    };
                    let txn = span_of(input, draft.fields.txn);
                    if line.is_empty() {
                        let bare = self.tolerance.bare_end_line;
                        let body = Body::of(draft.kind, txn, bare);
                        return Ok(Some(self.head(input, Rest::Body(body))));
                    }
                    if let Some(flag) = end_line(line, txn, at)? {
                        return Ok(Some(self.head(input, Rest::Ended(flag, at))));
                    }
                    draft.line(at, line);
                }
                State::Body(body) => match body.take(input)? {
                    Taken::Octets(octets) => return Ok(Some(Piece::Octets(octets))),
                    Taken::End(flag) => {
                        self.state = State::Start;
                        return Ok(Some(Piece::End(flag)));
                    }
                    Taken::Nothing => return Ok(None),
                },
                State::Skip(body) => match body.take(input)? {
                    Taken::Octets(_) => {}
                    Taken::End(_) => self.state = State::Start,
                    Taken::Nothing => return Ok(None),
                },
                State::Ended(flag) => {
                    let end = Piece::End(*flag);
                    self.state = State::Start;
                    return Ok(Some(end));
                }
                State::Broken(flaw) => return Err(*flaw),
            }
        }
    }

    /// Splits the complete head off, and decides what comes after it.
    fn head(&mut self, input: &mut BytesMut, rest: Rest) -> Piece {
        let State::Head(draft) = core::mem::replace(&mut self.state, State::Start) else {
            debug_assert!(false, "a head ends only where it has begun");
            return Piece::End(Continuation::Abandoned);
        };
        let mut text = input.split_to(self.lines.taken()).freeze();
        if let Rest::Ended(_, at) = rest {
            text.truncate(at);
        }
        let head = Head {
            text,
            kind: draft.kind,
            fields: draft.fields,
        };
        let flag = match rest {
            Rest::Body(_) => None,
            Rest::Ended(flag, _) => Some(flag),
        };
        let flaw = draft
            .check(&head.text)
            .or_else(|| strict::check(&head, flag, &self.tolerance));
        self.state = match (rest, flaw) {
            (Rest::Body(body), None) => State::Body(body),
            // It is refused already: its end is all that matters.
            (Rest::Body(body), Some(_)) => State::Skip(Body { bare: true, ..body }),
            (Rest::Ended(flag, _), None) => State::Ended(flag),
            (Rest::Ended(..), Some(_)) => State::Start,
        };
        match flaw {
            None => Piece::Head(head),
            Some(flaw) => Piece::Bad(head, flaw),
        }
    }
}

impl Default for Decoder {
    fn default() -> Self {
        Self::new(HEAD_LIMIT, Tolerance::default())
    }
}

/// What follows a head.
enum Rest {
    Body(Body),
    /// The end-line, which begins at this offset.
    Ended(Continuation, usize),
}

/// The lines of a head. Nothing is looked at twice, however small the steps in which it arrives.
#[derive(Clone, Copy, Debug)]
struct Lines {
    /// Where the current line begins.
    line: usize,
    /// Up to where it has been searched for its end.
    seen: usize,
    limit: usize,
}

impl Lines {
    fn start(&mut self, input: &mut BytesMut, tolerance: Tolerance) -> Result<Option<Draft>, Flaw> {
        // RFC 4975 has nothing between frames; peers that keep a binding alive with CRLF exist.
        if tolerance.stray_crlf {
            let stray = input.chunks_exact(2).take_while(|two| *two == CRLF).count();
            input.advance(2 * stray);
        }
        let shown = input.get(..MARK.len()).unwrap_or(input);
        if shown == b"\r" && tolerance.stray_crlf {
            return Ok(None);
        }
        if !MARK.starts_with(shown) {
            return Err(flaw(0, "not an MSRP start line"));
        }
        let Some((_, line)) = self.next(input)? else {
            return Ok(None);
        };
        Draft::start(line).map(Some)
    }

    fn next<'a>(&mut self, input: &'a [u8]) -> Result<Option<(usize, &'a [u8])>, Flaw> {
        let found = memchr(b'\n', input.get(self.seen..).unwrap_or_default());
        let end = found.map_or(input.len(), |at| self.seen + at + 1);
        self.seen = end;
        if end > self.limit {
            return Err(flaw(self.limit, "head is too long"));
        }
        if found.is_none() {
            return Ok(None);
        }
        let at = core::mem::replace(&mut self.line, end);
        let line = input.get(at..end).unwrap_or_default();
        let line = line.strip_suffix(CRLF);
        line.map(|line| Some((at, line)))
            .ok_or(flaw(end - 1, "line does not end with CRLF"))
    }

    /// The size of the head, which is complete.
    fn taken(&mut self) -> usize {
        self.seen = 0;
        core::mem::take(&mut self.line)
    }
}

impl Draft {
    fn start(line: &[u8]) -> Result<Self, Flaw> {
        let rest = line.strip_prefix(MARK).unwrap_or_default();
        let (txn, what) = split(rest, b' ').ok_or(flaw(MARK.len(), "start line is too short"))?;
        if !is_ident(txn) {
            return Err(flaw(MARK.len(), "transaction id is not an identifier"));
        }
        let after = MARK.len() + txn.len() + 1;
        let kind = match what {
            b"SEND" => Kind::Send,
            b"REPORT" => Kind::Report,
            b"AUTH" => Kind::Auth,
            b"NICKNAME" => Kind::Nickname,
            [b'A'..=b'Z', ..] if what.iter().all(u8::is_ascii_uppercase) => Kind::Other,
            _ => {
                let (code, _comment) = split(what, b' ').unwrap_or((what, &[]));
                Kind::Response(code_of(code).ok_or(flaw(after, "neither method nor status"))?)
            }
        };
        Ok(Self {
            kind,
            fields: Fields {
                txn: span(MARK.len(), txn),
                what: span(after, what),
                ..Fields::default()
            },
            seen: 0,
            flaw: has_controls(line).then(|| flaw(0, "control character in the start line")),
        })
    }

    /// Takes one header line. The first thing that is wrong is kept: the rest of the head is read all the
    /// same, because the answer needs its paths.
    fn line(&mut self, at: usize, line: &[u8]) {
        if let Err(what) = self.header(at, line) {
            self.flaw.get_or_insert(flaw(at, what));
        }
    }

    fn header(&mut self, at: usize, line: &[u8]) -> Result<(), &'static str> {
        let (name, value) = split(line, b':').ok_or("header line without colon")?;
        if name.is_empty() || !name.iter().all(u8::is_ascii_graphic) {
            return Err("header name is not a token");
        }
        if has_controls(line) {
            return Err("control character in a header line");
        }
        let blank = |b: &&u8| matches!(b, b' ' | b'\t');
        let lead = value.iter().take_while(blank).count();
        let value_at = at + name.len() + 1 + lead;
        let value = value.trim_ascii();
        let place = span(value_at, value);
        let fields = &mut self.fields;

        let field = Field::of(name);
        match field {
            Field::ToPath => fields.to = place,
            Field::FromPath => fields.from = place,
            Field::MessageId => {
                fields.message = place;
                if !is_ident(value) {
                    return Err("Message-ID is not an identifier");
                }
            }
            Field::ByteRange => fields.range = Some(byte_range(value)?),
            Field::SuccessReport => fields.success = Some(value.eq_ignore_ascii_case(b"yes")),
            Field::FailureReport => {
                fields.failure = Some(match value {
                    _ if value.eq_ignore_ascii_case(b"no") => FailureReport::No,
                    _ if value.eq_ignore_ascii_case(b"partial") => FailureReport::Partial,
                    _ => FailureReport::Yes,
                });
            }
            Field::Status => fields.status = Some(status(value)?),
            Field::ContentType | Field::Mime => {
                if fields.mime.len == 0 {
                    fields.mime.at = place_of(at);
                }
                fields.mime.len = place_of(at + line.len() + CRLF.len()) - fields.mime.at;
                if field == Field::ContentType {
                    fields.content_type = place;
                }
            }
            Field::Other => {}
        }
        // Said twice, it could mean one thing to us and another to whoever relayed it.
        let once = once(field);
        let (bit, repeated) = once.unwrap_or_default();
        if self.seen & bit != 0 {
            return Err(repeated);
        }
        self.seen |= bit;
        Ok(())
    }

    /// What is wrong with the complete head.
    fn check(&self, text: &[u8]) -> Option<Flaw> {
        let fields = &self.fields;
        let missing = |place: Span| place.len == 0;
        let is_request = !matches!(self.kind, Kind::Response(_));
        // A SEND that brings nothing may be a way to keep the session alive.
        let names_message = match self.kind {
            Kind::Send => !missing(fields.content_type),
            kind => kind == Kind::Report,
        };
        if self.flaw.is_some() {
            return self.flaw;
        }
        if let Err(error) = core::str::from_utf8(text) {
            return Some(flaw(error.valid_up_to(), "head is not UTF-8"));
        }
        let what = match () {
            _ if is_request && missing(fields.to) => "To-Path is missing",
            _ if is_request && missing(fields.from) => "From-Path is missing",
            _ if names_message && missing(fields.message) => "Message-ID is missing",
            _ if self.kind == Kind::Report && fields.status.is_none() => "Status is missing",
            _ => return None,
        };
        Some(flaw(text.len(), what))
    }
}

/// The body of a frame, of which nothing is kept but what to look for.
#[derive(Clone, Debug)]
struct Body {
    /// CRLF, seven hyphens and the transaction id.
    needle: ArrayVec<u8, { 2 + 7 + LONGEST_ID }>,
    /// Whether octets of it have been taken.
    begun: bool,
    /// How many octets it may still have.
    room: usize,
    /// Whether the end-line may stand in front without the CRLF that belongs to it.
    bare: bool,
}

enum Taken {
    Octets(Bytes),
    End(Continuation),
    Nothing,
}

impl Body {
    fn of(kind: Kind, txn: &[u8], bare: bool) -> Self {
        let line = CRLF.iter().chain(HYPHENS).chain(txn);
        Self {
            needle: line.copied().take(2 + 7 + LONGEST_ID).collect(),
            begun: false,
            room: match kind {
                Kind::Send => usize::MAX,
                _ => SIDE_BODY_LIMIT,
            },
            bare,
        }
    }

    fn take(&mut self, input: &mut BytesMut) -> Result<Taken, Flaw> {
        let octets = match self.find(input)? {
            Found::End(size, flag) => {
                input.advance(size);
                return Ok(Taken::End(flag));
            }
            Found::Octets(0) => return Ok(Taken::Nothing),
            Found::Octets(_) if self.room == 0 => {
                return Err(flaw(0, "body of a request other than SEND is too long"));
            }
            Found::Octets(octets) => octets.min(self.room),
        };
        self.begun = true;
        self.room -= octets;
        Ok(Taken::Octets(input.split_to(octets).freeze()))
    }

    /// How many octets of the input are surely body, or the end-line if the input begins with it.
    fn find(&self, input: &[u8]) -> Result<Found, Flaw> {
        let line = self.needle.strip_prefix(CRLF).unwrap_or_default();
        // Once the octets are taken the end-line stands in front, and setting up a search costs more
        // than a look.
        let mut next = input.starts_with(&self.needle).then_some(CRLF.len());
        let mut finder = None;
        let mut from = 0;
        loop {
            let found = next.take().or_else(|| {
                let finder = finder.get_or_insert_with(|| memmem::Finder::new(line));
                let rest = input.get(from..).unwrap_or_default();
                finder.find(rest).map(|at| from + at)
            });
            let Some(at) = found else {
                return Ok(Found::Octets(self.hold(input)));
            };
            let (before, after) = input.split_at_checked(at).unwrap_or_default();
            let body = before.strip_suffix(CRLF);
            let octets = body.unwrap_or(before).len();
            let mut after = after.iter().skip(line.len());
            let flag = match after.next() {
                None => return Ok(Found::Octets(octets)),
                Some(letter) => flag(*letter),
            };
            // Without a flag it is no end-line but text of the body (CC-122).
            let Some(flag) = flag else {
                from = at + line.len();
                continue;
            };
            if octets > 0 {
                return Ok(Found::Octets(octets));
            }
            // The sender must not let it occur in the body (RFC 4975 §7.1), so whoever wrote it meant an
            // end: to take it as text would hide every frame behind it. A blank line with nothing before the
            // end-line is how some peers write a request without body.
            if body.is_none() && (self.begun || !self.bare) {
                return Err(flaw(at, "body is not followed by CRLF"));
            }
            let size = at + line.len() + 1;
            return match (after.next(), after.next()) {
                (Some(b'\r'), Some(b'\n')) => Ok(Found::End(size + CRLF.len(), flag)),
                (None, _) | (Some(b'\r'), None) => Ok(Found::Octets(0)),
                _ => Err(flaw(size, "end line does not end with CRLF")),
            };
        }
    }

    /// How many octets can be handed out when no end-line is in sight: all but the beginning of one.
    fn hold(&self, input: &[u8]) -> usize {
        let line = self.needle.strip_prefix(CRLF).unwrap_or_default();
        let first = input.len().saturating_sub(self.needle.len());
        let begins = |at: &usize| {
            let tail = input.get(*at..).unwrap_or_default();
            self.needle.starts_with(tail) || line.starts_with(tail)
        };
        (first..input.len()).find(begins).unwrap_or(input.len())
    }
}

enum Found {
    /// So many octets are body; none means that more input is needed.
    Octets(usize),
    /// An end-line of this size.
    End(usize, Continuation),
}

/// The end-line of a frame without body, if this header line is it.
fn end_line(line: &[u8], txn: &[u8], at: usize) -> Result<Option<Continuation>, Flaw> {
    let tail = line
        .strip_prefix(HYPHENS)
        .and_then(|line| line.strip_prefix(txn));
    match tail {
        Some([letter]) => Ok(flag(*letter)),
        Some([letter, ..]) if flag(*letter).is_some() => {
            Err(flaw(at, "end line does not end with CRLF"))
        }
        _ => Ok(None),
    }
}

fn flag(letter: u8) -> Option<Continuation> {
    match letter {
        b'$' => Some(Continuation::Last),
        b'+' => Some(Continuation::More),
        b'#' => Some(Continuation::Abandoned),
        _ => None,
    }
}

/// `start-end/total` (RFC 4975 §9), refused if the numbers make no sense (CC-135).
fn byte_range(value: &[u8]) -> Result<ByteRange, &'static str> {
    const SHAPE: &str = "Byte-Range is malformed";
    let number = |text: &[u8]| match text {
        [] => None,
        _ => text.iter().try_fold(0u64, |sum, digit| {
            let digit = digit.is_ascii_digit().then(|| digit - b'0')?;
            sum.checked_mul(10)?.checked_add(u64::from(digit))
        }),
    };
    let open = |text: &[u8]| match text {
        b"*" => Ok(None),
        _ => number(text).map(Some).ok_or(SHAPE),
    };
    let (start, rest) = split(value, b'-').ok_or(SHAPE)?;
    let (end, total) = split(rest, b'/').ok_or(SHAPE)?;
    let range = ByteRange {
        start: number(start).ok_or(SHAPE)?,
        end: open(end)?,
        total: open(total)?,
    };
    match range {
        ByteRange { start: 0, .. } => Err("Byte-Range starts at zero"),
        ByteRange { start, end, .. } if end.is_some_and(|end| end < start - 1) => {
            Err("Byte-Range ends before it starts")
        }
        _ => Ok(range),
    }
}

/// Namespace and code of a Status header field.
fn status(value: &[u8]) -> Result<(u16, u16), &'static str> {
    const SHAPE: &str = "Status is malformed";
    let (namespace, rest) = split(value, b' ').ok_or(SHAPE)?;
    let (code, _comment) = split(rest, b' ').unwrap_or((rest, &[]));
    code_of(namespace).zip(code_of(code)).ok_or(SHAPE)
}

fn code_of(text: &[u8]) -> Option<u16> {
    let digit = |b: &u8| b.is_ascii_digit().then(|| u16::from(b - b'0'));
    match text {
        [a, b, c] => Some(digit(a)? * 100 + digit(b)? * 10 + digit(c)?),
        _ => None,
    }
}

/// The bit of a field that is said once, and what is wrong when it is not.
fn once(field: Field) -> Option<(u8, &'static str)> {
    Some(match field {
        Field::ToPath => (1, "To-Path is repeated"),
        Field::FromPath => (1 << 1, "From-Path is repeated"),
        Field::MessageId => (1 << 2, "Message-ID is repeated"),
        Field::ByteRange => (1 << 3, "Byte-Range is repeated"),
        Field::SuccessReport => (1 << 4, "Success-Report is repeated"),
        Field::FailureReport => (1 << 5, "Failure-Report is repeated"),
        Field::Status => (1 << 6, "Status is repeated"),
        Field::ContentType => (1 << 7, "Content-Type is repeated"),
        Field::Mime | Field::Other => return None,
    })
}

fn is_ident(text: &[u8]) -> bool {
    (SHORTEST_ID..=LONGEST_ID).contains(&text.len())
        && text.first().is_some_and(u8::is_ascii_alphanumeric)
        && text
            .iter()
            .all(|b| b.is_ascii_alphanumeric() || b".-+%=".contains(b))
}

/// Folded rather than found: without a way out of the loop it runs over many octets at a time.
fn has_controls(line: &[u8]) -> bool {
    let is_control = |b: &u8| (*b < b' ' && *b != b'\t') | (*b == 0x7F);
    line.iter().fold(false, |found, b| found | is_control(b))
}

fn split(text: &[u8], by: u8) -> Option<(&[u8], &[u8])> {
    let (before, after) = text.split_at_checked(memchr(by, text)?)?;
    Some((before, after.get(1..)?))
}

fn span(at: usize, text: &[u8]) -> Span {
    Span {
        at: place_of(at),
        len: place_of(text.len()),
    }
}

/// Heads are shorter than 4 GiB, whatever limit was set: a place beyond names nothing.
fn place_of(at: usize) -> u32 {
    u32::try_from(at).unwrap_or(u32::MAX)
}

fn span_of(text: &[u8], span: Span) -> &[u8] {
    let start = span.at as usize;
    text.get(start..start + span.len as usize)
        .unwrap_or_default()
}

#[cfg(test)]
#[path = "../../states/decoder.rs"]
pub(crate) mod states;
