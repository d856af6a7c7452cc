//! SIP messages (RFC 3261).

use alloc::vec::Vec;

use bytes::{Bytes, BytesMut};

use self::fields::{Found, Scan};
use self::text::Field;
use super::octet::{NAME, TOKEN, run};
use super::uri::bad;
use crate::{Flaw, Head, Method, Request, Response, Status, Uri};

mod address;
mod fields;
mod head;
mod text;
mod views;
mod write;

pub use views::{
    Disposition, Feature, Package, Predicate, RAck, Reason, ReferredBy, Replaces, RetryAfter,
    SubscriptionState, Warning,
};
pub use write::{ack_of, cancel_of, write_refusal, write_request, write_response};

/// Header fields that a message may have, each repetition counted; above it the message is refused with 513.
pub const MAX_FIELDS: usize = 256;

/// Octets that the start line and the header fields may have together; above it the message is refused with 513.
pub const MAX_HEAD: usize = 65_535;

/// A SIP message.
#[derive(Clone, Debug)]
pub enum Message {
    /// A request.
    Request(Request),
    /// A response.
    Response(Response),
}

/// Reads one message: a datagram, or what [`frame`] found on a stream.
///
/// Nothing is copied: head and body are slices of `input`. Only a head that is folded or has blanks before a colon is
/// written anew. CRLFs before the message are passed over (RFC 3261
/// §7.5), and octets after the body are ignored (§18.3).
///
/// # Errors
///
/// The first flaw, with the status to answer: 400, 416 for an unknown scheme in the Request-URI, 505 for another version, 513
/// beyond [`MAX_HEAD`] or [`MAX_FIELDS`]. Responses and ACKs are never answered.
pub fn parse(input: &Bytes) -> Result<Message, Flaw> {
    read(input, None)
}

/// Reads one message that must be a request; see [`parse`].
///
/// # Errors
///
/// As [`parse`], and a response is a flaw.
pub fn parse_request(input: &Bytes) -> Result<Request, Flaw> {
    match parse(input)? {
        Message::Request(request) => Ok(request),
        Message::Response(_) => Err(bad(0, "response where a request was expected")),
    }
}

/// Reads one message that must be a response; see [`parse`].
///
/// # Errors
///
/// As [`parse`], and a request is a flaw.
pub fn parse_response(input: &Bytes) -> Result<Response, Flaw> {
    match parse(input)? {
        Message::Response(response) => Ok(response),
        Message::Request(_) => Err(bad(0, "request where a response was expected")),
    }
}

/// The length of the first message on a stream, CRLFs before it included; `None` while it is not complete.
///
/// `limit` bounds the message in octets, head and body together. Keep-alives in front do not count: see [`keep_alive`].
///
/// # Errors
///
/// The stream cannot be followed any further: Content-Length is missing (RFC 3261 §18.3), repeated or no number (400), or
/// the message is larger than `limit` or its head than [`MAX_HEAD`] (513).
pub fn frame(input: &[u8], limit: usize) -> Result<Option<usize>, Flaw> {
    let begin = keep_alive(input);
    let message = input.get(begin..).unwrap_or_default();
    let too_large = Flaw {
        at: begin,
        what: "message is too large",
        status: Status(513),
    };
    let Some(end) = memchr::memmem::find(message, b"\r\n\r\n") else {
        return match message.len() > limit.min(MAX_HEAD) {
            true => Err(too_large),
            false => Ok(None),
        };
    };
    if end > MAX_HEAD {
        return Err(too_large);
    }
    let head = message.get(..end + 2).unwrap_or_default();
    let body = content_length(head).map_err(|flaw| Flaw {
        at: begin + flaw.at,
        ..flaw
    })?;
    let length = usize::try_from(body)
        .ok()
        .and_then(|body| body.checked_add(end + 4))
        .filter(|length| *length <= limit)
        .ok_or(too_large)?;
    Ok((length <= message.len()).then_some(begin + length))
}

/// The number of CRs and LFs in front: keep-alives (RFC 5626 §3.5.1), to be dropped from a stream's buffer.
pub fn keep_alive(input: &[u8]) -> usize {
    input
        .iter()
        .take_while(|octet| matches!(octet, b'\r' | b'\n'))
        .count()
}

/// The Content-Length of a whole head, folded or not.
fn content_length(head: &[u8]) -> Result<u64, Flaw> {
    let mut found = None;
    for (at, field) in folded(head) {
        let Some((name, value)) = text::line(field) else {
            continue;
        };
        if Field::of(name) != Field::ContentLength {
            continue;
        }
        if found.is_some() {
            return Err(bad(at, "Content-Length is repeated"));
        }
        found = Some(fields::length(value).ok_or(bad(at, "Content-Length is no number"))?);
    }
    found.ok_or(bad(0, "no Content-Length on a stream"))
}

/// The lines of a head, each with its continuations and with its offset.
fn folded(head: &[u8]) -> impl Iterator<Item = (usize, &[u8])> {
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

impl Request {
    /// Makes a request from its pieces, as a host has them that parses itself: through the same door as [`parse`].
    ///
    /// `headers` are names and values in order, Via and all. The body is not copied.
    ///
    /// # Errors
    ///
    /// As [`parse`]; positions refer to the message as it would be written. A name or value with a CR or LF is a flaw: it
    /// would be read as something else.
    ///
    /// # Examples
    ///
    /// Sitting on a SIP stack that has a message type of its own, and giving the same back:
    ///
    /// ```
    /// use bytes::Bytes;
    /// use simple_im::{Flaw, Request};
    ///
    /// /// As the stack has it.
    /// #[derive(Debug, PartialEq)]
    /// struct Theirs {
    ///     method: String,
    ///     uri: String,
    ///     headers: Vec<(String, String)>,
    ///     body: Bytes,
    /// }
    ///
    /// fn ours(theirs: &Theirs) -> Result<Request, Flaw> {
    ///     let headers = theirs.headers.iter().map(|(name, value)| (&**name, &**value));
    ///     Request::build(&theirs.method, &theirs.uri, headers, theirs.body.clone())
    /// }
    ///
    /// fn theirs(ours: &Request) -> Theirs {
    ///     let owned = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
    ///     Theirs {
    ///         method: ours.method_name().to_owned(),
    ///         uri: ours.uri.to_string(),
    ///         headers: ours.head.headers().map(owned).collect(),
    ///         body: ours.body.whole().clone(),
    ///     }
    /// }
    ///
    /// let header = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    /// let message = Theirs {
    ///     method: "MESSAGE".to_owned(),
    ///     uri: "sip:bob@example.com".to_owned(),
    ///     headers: vec![
    ///         header("Via", "SIP/2.0/TCP pc33.example.com;branch=z9hG4bK776sgdkse"),
    ///         header("From", "<sip:alice@example.com>;tag=49583"),
    ///         header("To", "<sip:bob@example.com>"),
    ///         header("Call-ID", "asd88asd77a@pc33.example.com"),
    ///         header("CSeq", "1 MESSAGE"),
    ///         header("Content-Type", "text/plain"),
    ///     ],
    ///     body: Bytes::from_static(b"Watson, come here."),
    /// };
    /// let request = ours(&message)?;
    /// assert_eq!(request.head.from().tag(), Some("49583"));
    /// assert_eq!(theirs(&request), message);
    /// # Ok::<(), Flaw>(())
    /// ```
    pub fn build<'a>(
        method: &str,
        uri: &str,
        headers: impl IntoIterator<Item = (&'a str, &'a str)>,
        body: Bytes,
    ) -> Result<Self, Flaw> {
        let mut head = BytesMut::new();
        for piece in [method, " ", uri, " SIP/2.0\r\n"] {
            head.extend_from_slice(piece.as_bytes());
        }
        match build(head, [method, uri], headers, body)? {
            Message::Request(request) => Ok(request),
            Message::Response(_) => Err(bad(0, "method is no token")),
        }
    }
}

impl Request {
    /// The method as it is written, also one that [`Method`] does not know.
    pub fn method_name(&self) -> &str {
        match self.method {
            // CSeq names the same method, or there would be no request.
            Method::Other => self
                .head
                .header("CSeq")
                .and_then(|cseq| cseq.split([' ', '\t']).next_back())
                .unwrap_or_default(),
            method => method.as_str(),
        }
    }
}

impl Response {
    /// Makes a response from its pieces; see [`Request::build`].
    ///
    /// # Errors
    ///
    /// As [`Request::build`].
    pub fn build<'a>(
        status: Status,
        headers: impl IntoIterator<Item = (&'a str, &'a str)>,
        body: Bytes,
    ) -> Result<Self, Flaw> {
        let mut head = BytesMut::new();
        write::status_line(&mut head, status);
        match build(head, [], headers, body)? {
            Message::Response(response) => Ok(response),
            Message::Request(_) => Err(bad(0, "status line is none")),
        }
    }
}

fn build<'a, const N: usize>(
    mut head: BytesMut,
    start: [&str; N],
    headers: impl IntoIterator<Item = (&'a str, &'a str)>,
    body: Bytes,
) -> Result<Message, Flaw> {
    let breaks = |text: &str| text.contains(['\r', '\n']);
    if start.iter().any(|piece| breaks(piece)) {
        return Err(bad(0, "start line holds a line break"));
    }
    for (name, value) in headers {
        if breaks(name) || breaks(value) {
            return Err(bad(head.len(), "header field holds a line break"));
        }
        for piece in [name, ": ", value, "\r\n"] {
            head.extend_from_slice(piece.as_bytes());
        }
    }
    head.extend_from_slice(b"\r\n");
    read(&head.freeze(), Some(body))
}

/// What the first line says.
enum Start<'a> {
    Request(&'a [u8], Method, Uri),
    Response(Status),
}

/// Reads a message whose body follows its head, or is given apart.
fn read(input: &Bytes, body: Option<Bytes>) -> Result<Message, Flaw> {
    let begin = keep_alive(input);
    let rest = input.get(begin..).unwrap_or_default();
    let end = memchr::memchr(b'\n', rest).ok_or(bad(input.len(), "start line has no end"))?;
    let line = rest
        .get(..end)
        .and_then(|line| line.strip_suffix(b"\r"))
        .ok_or(bad(begin + end, "line is not ended by CRLF"))?;
    let start = start(input, begin, line)?;
    let method = match start {
        Start::Request(text, method, _) => Some((text, method)),
        Start::Response(_) => None,
    };

    let block_at = begin + end + 1;
    let block = rest.get(end + 1..).unwrap_or_default();
    let head = match in_place(block, method) {
        Ok(Some((found, end))) => Ok((found, input.slice(block_at..block_at + end - 2), end)),
        Ok(None) => anew(block, method),
        Err(flaw) => Err(flaw),
    };
    let (found, lines, end) = head.map_err(|flaw| Flaw {
        at: block_at + flaw.at,
        ..flaw
    })?;
    if block_at - begin + end > MAX_HEAD {
        return Err(too_many("head is too large"));
    }

    let (content, begin) = match &body {
        Some(body) => (body, 0),
        None => (input, block_at + end),
    };
    let there = content.len().saturating_sub(begin);
    let length = match found.content_length {
        Some((at, length)) => usize::try_from(length)
            .ok()
            .filter(|length| *length <= there)
            .ok_or(bad(block_at + at, "Content-Length is larger than the body"))?,
        None => there,
    };
    let content = content.slice(begin..begin + length);
    let body = found.described.body(&lines, content);
    let head = Head {
        lines,
        ..found.head
    };
    Ok(match start {
        Start::Request(_, method, uri) => Message::Request(Request {
            method,
            uri,
            head,
            body,
        }),
        Start::Response(status) => Message::Response(Response { status, head, body }),
    })
}

fn start<'a>(input: &'a Bytes, at: usize, line: &'a [u8]) -> Result<Start<'a>, Flaw> {
    let blank = |octet: &u8| *octet == b' ';
    let (first, rest) = cut(line, line.iter().position(blank)).ok_or(bad(
        at,
        "start line is neither of a request nor of a response",
    ))?;
    let (method, stranger) = run(first, TOKEN);
    if stranger.contains(&b'/') {
        version(first, at)?;
        let code = rest.split(blank).next().unwrap_or_default();
        let code = fields::length(code).filter(|_| code.len() == 3);
        return match code.and_then(|code| u16::try_from(code).ok()) {
            Some(status @ 100..=699) if core::str::from_utf8(rest).is_ok() => {
                Ok(Start::Response(Status(status)))
            }
            Some(100..=699) => Err(bad(at, "start line is not UTF-8")),
            _ => Err(bad(
                at + first.len() + 1,
                "status code is not from 100 to 699",
            )),
        };
    }
    let uri_at = at + first.len() + 1;
    let (uri, spoken) = cut(rest, rest.iter().rposition(blank))
        .ok_or(bad(uri_at, "request line has no version"))?;
    version(spoken, uri_at + uri.len() + 1)?;
    if method.is_empty() || !stranger.is_empty() {
        return Err(bad(at, "method is no token"));
    }
    let uri = Uri::parse_target(input.slice(uri_at..uri_at + uri.len())).map_err(|flaw| Flaw {
        at: uri_at + flaw.at,
        ..flaw
    })?;
    Ok(Start::Request(method, Method::of(method), uri))
}

/// The text around the blank at this place.
fn cut(text: &[u8], at: Option<usize>) -> Option<(&[u8], &[u8])> {
    let at = at?;
    Some((text.get(..at)?, text.get(at + 1..)?))
}

fn version(text: &[u8], at: usize) -> Result<(), Flaw> {
    if text.eq_ignore_ascii_case(b"SIP/2.0") {
        return Ok(());
    }
    let sip = text
        .get(..4)
        .is_some_and(|name| name.eq_ignore_ascii_case(b"SIP/"));
    Err(match sip {
        true => Flaw {
            at,
            what: "version is not SIP/2.0",
            status: Status(505),
        },
        false => bad(at, "version is not of SIP"),
    })
}

/// Reads a head where it stands, and says where the body begins; `None` if it must be written anew first.
fn in_place<'a>(
    block: &'a [u8],
    method: Option<(&'a [u8], Method)>,
) -> Result<Option<(Found, usize)>, Flaw> {
    let mut scan = Scan::new(block, method);
    let (mut count, mut at) = (0, 0);
    for end in memchr::memchr_iter(b'\n', block) {
        let line = block.get(at..end).unwrap_or_default();
        // A lone LF, taken for a line end here, would let two readers see two messages.
        let line = line
            .strip_suffix(b"\r")
            .ok_or(bad(end, "line is not ended by CRLF"))?;
        if line.is_empty() {
            check(block.get(..at).unwrap_or_default(), count)?;
            return Ok(Some((scan.finish()?, end + 1)));
        }
        if count == MAX_FIELDS {
            return Err(too_many("too many header fields"));
        }
        let folded = matches!(block.get(end + 1), Some(b' ' | b'\t'));
        if folded || !scan.line(at, line)? {
            return Ok(None);
        }
        count += 1;
        at = end + 1;
    }
    Err(bad(block.len(), "head has no end"))
}

/// What all lines of a head have to be, beside their grammar: UTF-8 without control characters, unless they are escaped.
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

fn is_control(octet: u8) -> bool {
    octet < b' ' && octet != b'\t' || octet == 0x7F
}

/// Writes a head anew, unfolded and without blanks before the colons, and reads that.
#[cold]
fn anew(block: &[u8], method: Option<(&[u8], Method)>) -> Result<(Found, Bytes, usize), Flaw> {
    let mut written = Vec::with_capacity(block.len().min(MAX_HEAD));
    let mut origins = Vec::new();
    let mut end = None;
    for (at, line) in folded(block) {
        if line.is_empty() {
            end = Some(at + 2);
            break;
        }
        if origins.len() == MAX_FIELDS {
            return Err(too_many("too many header fields"));
        }
        if at + line.len() > MAX_HEAD {
            return Err(too_many("head is too large"));
        }
        origins.push((written.len(), at));
        unfold(line, &mut written).map_err(|what| bad(at, what))?;
    }
    let end = end.ok_or(bad(block.len(), "head has no end"))?;
    written.extend_from_slice(b"\r\n");
    let origin = |flaw: Flaw| {
        let line = origins
            .iter()
            .rev()
            .find(|(written, _)| *written <= flaw.at);
        Flaw {
            at: line.map_or(0, |(_, at)| *at),
            ..flaw
        }
    };
    let found = in_place(&written, method).map_err(origin)?;
    let (found, _) = found.ok_or(bad(0, "head cannot be unfolded"))?;
    written.truncate(written.len() - 2);
    Ok((found, Bytes::from(written), end))
}

fn unfold(line: &[u8], out: &mut Vec<u8>) -> Result<(), &'static str> {
    let after_cr = |at: usize| line.get(..at).is_some_and(|before| before.ends_with(b"\r"));
    if !memchr::memchr_iter(b'\n', line).all(after_cr) {
        return Err("line is not ended by CRLF");
    }
    let colon = memchr::memchr(b':', line).ok_or("header field has no colon")?;
    let (name, value) = line.split_at_checked(colon).unwrap_or_default();
    let name = name.trim_ascii_end();
    if name.is_empty() || !run(name, NAME).1.is_empty() {
        return Err("header field name is no token");
    }
    out.extend_from_slice(name);
    out.push(b':');
    let value = value.get(1..).unwrap_or_default();
    for piece in value.split(|octet| *octet == b'\n') {
        let piece = match memchr::memchr(b'\r', piece) {
            None => piece,
            Some(at) if at + 1 == piece.len() => piece.get(..at).unwrap_or_default(),
            Some(_) => return Err("CR without LF"),
        };
        let piece = piece.trim_ascii();
        if piece.is_empty() {
            continue;
        }
        out.push(b' ');
        out.extend_from_slice(piece);
    }
    out.extend_from_slice(b"\r\n");
    Ok(())
}

fn too_many(what: &'static str) -> Flaw {
    Flaw {
        at: 0,
        what,
        status: Status(513),
    }
}
