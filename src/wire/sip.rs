//! SIP messages (RFC 3261).

use bytes::Bytes;

use self::fields::Found;
use super::octet::{TOKEN, run};
use super::uri::bad;
use crate::{Flaw, Method, Request, Response, Status, Uri};

mod address;
mod build;
mod fields;
mod frame;
mod head;
mod lines;
mod text;
mod via;
mod views;
mod write;

pub use frame::{Arrived, Stream, frame, keep_alive};
pub use text::{quote, unquoted};
pub use via::Via;
pub use views::{
    Directive, Disposition, Feature, Package, Predicate, RAck, Reason, ReferredBy, Replaces,
    RetryAfter, SubscriptionState, Warning,
};
pub use write::{ack_of, cancel_of, write, write_refusal, write_request, write_response};

/// Header fields that a message may have, each repetition counted; above it the message is refused with 513.
pub const MAX_FIELDS: usize = 256;

/// Octets that the start line and the header fields may have together; above it the message is refused with 513.
pub const MAX_HEAD: usize = 65_535;

/// Octets that a Request-URI may have; above it the request is refused with 414.
pub const MAX_URI: usize = 8_192;

/// A SIP message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Message {
    /// A request.
    Request(Request),
    /// A response.
    Response(Response),
}

/// Reads one message: a datagram, or what [`frame`] found on a stream.
///
/// Nothing is copied: head and body are slices of `input`. Only a head that is folded or has blanks before a colon is
/// written anew. CRLFs before the message are passed over (RFC 3261 §7.5), and octets after the body are ignored (§18.3).
///
/// # Errors
///
/// The first flaw, with the status to answer: 400, 414 beyond [`MAX_URI`], 416 for an unknown scheme in the Request-URI, 505
/// for another version, 513 beyond [`MAX_HEAD`] or [`MAX_FIELDS`]. Responses and ACKs are never answered.
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

/// What the first line says.
enum Start<'a> {
    Request(&'a [u8], Method, Uri),
    Response(Status, Bytes),
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
        Start::Response(..) => None,
    };

    let block_at = begin + end + 1;
    let block = rest.get(end + 1..).unwrap_or_default();
    let room = MAX_HEAD.saturating_sub(end + 1);
    let mut found = Found::default();
    let block =
        lines::read(block, room, method, &mut found).map_err(|flaw| flaw.after(block_at))?;
    let content_at = block_at + block.len;
    let lines = match block.anew {
        Some(lines) => lines,
        None => input.slice(block_at..content_at - 2),
    };

    let (content, begin) = match &body {
        Some(body) => (body, 0),
        None => (input, content_at),
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
    let mut head = found.head;
    head.lines = lines;
    Ok(match start {
        Start::Request(_, method, uri) => Message::Request(Request {
            method,
            uri,
            head,
            body,
        }),
        Start::Response(status, reason) => Message::Response(Response {
            status,
            reason,
            head,
            body,
        }),
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
        return status_line(input, at + first.len() + 1, rest);
    }
    let uri_at = at + first.len() + 1;
    let (uri, spoken) = cut(rest, rest.iter().rposition(blank))
        .ok_or(bad(uri_at, "request line has no version"))?;
    let version_at = uri_at + uri.len() + 1;
    if spoken.is_empty() {
        return Err(bad(version_at, "request line ends with a blank"));
    }
    version(spoken, version_at)?;
    if method.is_empty() || !stranger.is_empty() {
        return Err(bad(at, "method is no token"));
    }
    if uri.len() > MAX_URI {
        return Err(Flaw {
            at: uri_at + MAX_URI,
            what: "Request-URI is too long",
            status: Status(414),
        });
    }
    let uri = Uri::parse_target(input.slice(uri_at..uri_at + uri.len()))
        .map_err(|flaw| of_target(uri, flaw).after(uri_at))?;
    Ok(Start::Request(method, Method::of(method), uri))
}

/// What is wrong with a Request-URI, where that is its surroundings rather than itself.
#[cold]
fn of_target(uri: &[u8], flaw: Flaw) -> Flaw {
    match uri {
        [b' ', ..] => bad(0, "more than one blank between method and Request-URI"),
        [b'<', ..] => bad(0, "Request-URI is in angle brackets"),
        [.., b' '] => bad(
            uri.len() - 1,
            "more than one blank between Request-URI and version",
        ),
        _ => flaw,
    }
}

/// Reads status code and reason phrase, which stand at `at`.
fn status_line<'a>(input: &'a Bytes, at: usize, rest: &'a [u8]) -> Result<Start<'a>, Flaw> {
    let blank = rest.iter().position(|octet| *octet == b' ');
    let (code, reason) = cut(rest, blank).unwrap_or((rest, b""));
    let code = fields::length(code).filter(|_| code.len() == 3);
    let code = code.and_then(|code| u16::try_from(code).ok());
    let status = code
        .filter(|code| (100..700).contains(code))
        .map(Status)
        .ok_or(bad(at, "status code is not from 100 to 699"))?;
    let reason_at = at + rest.len() - reason.len();
    if let Some(control) = reason.iter().position(|octet| lines::is_control(*octet)) {
        return Err(bad(reason_at + control, "control character"));
    }
    core::str::from_utf8(reason).map_err(|error| {
        bad(
            reason_at + error.valid_up_to(),
            "reason phrase is not UTF-8",
        )
    })?;
    let reason = input.slice(reason_at..reason_at + reason.len());
    Ok(Start::Response(status, reason))
}

/// The text around the blank at this place.
fn cut(text: &[u8], at: Option<usize>) -> Option<(&[u8], &[u8])> {
    let at = at?;
    Some((text.get(..at)?, text.get(at + 1..)?))
}

fn version(text: &[u8], at: usize) -> Result<(), Flaw> {
    if text == b"SIP/2.0" || text.eq_ignore_ascii_case(b"SIP/2.0") {
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

/// A flaw to be answered with 513.
fn too_large(at: usize, what: &'static str) -> Flaw {
    Flaw {
        at,
        what,
        status: Status(513),
    }
}
