//! Messages on a stream: where one ends and the next begins (RFC 3261 §18.3).

use bytes::{Buf, Bytes, BytesMut};

use super::lines::folded;
use super::text::{self, Field};
use super::{MAX_HEAD, fields, too_large};
use crate::wire::uri::bad;
use crate::{Flaw, Status};

/// One byte stream that carries SIP messages, such as a TCP or TLS connection.
///
/// Each octet is looked at once, however small the pieces in which it arrives; nothing is copied. What has been seen of a
/// message that is not complete stays in the buffer, which therefore holds at most the limit and what was read with the
/// last of it.
///
/// # Examples
///
/// ```
/// use bytes::BytesMut;
/// use simple_im::wire::sip::{Arrived, Stream};
///
/// let mut stream = Stream::new(65_536);
/// let mut input = BytesMut::from("\r\n\r\nOPTIONS sip:h SIP/2.0\r\nl: 4\r\n\r\nbo");
/// assert_eq!(stream.next(&mut input)?, Some(Arrived::Pong));
/// assert_eq!(stream.next(&mut input)?, Some(Arrived::Ping));
/// assert_eq!(stream.next(&mut input)?, None);
/// input.extend_from_slice(b"dySIP/2.0");
/// let Some(Arrived::Message(message)) = stream.next(&mut input)? else { panic!() };
/// assert!(message.ends_with(b"body"));
/// assert_eq!(stream.next(&mut input)?, None);
/// # Ok::<(), simple_im::Flaw>(())
/// ```
#[derive(Clone, Debug)]
pub struct Stream {
    limit: usize,
    message: Awaited,
    pings: Pings,
}

/// What is not there yet of the message in front.
#[derive(Clone, Copy, Debug)]
enum Awaited {
    /// The end of its head, which does not lie within so many octets.
    Head(usize),
    /// Its end, so many octets from its beginning.
    Body(usize),
}

/// Which CRLF comes next between two messages.
#[derive(Clone, Copy, Debug)]
enum Pings {
    First,
    Second,
}

/// What a [`Stream`] brings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Arrived {
    /// A whole message, for [`parse`](super::parse).
    Message(Bytes),
    /// A CRLF between messages: the answer to a ping of ours, or the first half of one of the peer's.
    Pong,
    /// Another CRLF after it: a ping (RFC 5626 §3.5.1). Who is a server to the peer answers with one CRLF.
    Ping,
}

impl Stream {
    /// A stream whose messages have at most `limit` octets each, head and body together.
    pub const fn new(limit: usize) -> Self {
        Self {
            limit,
            message: Awaited::Head(0),
            pings: Pings::First,
        }
    }

    /// Takes what comes next from the front of `input`, to which the driver appends what it reads; `None` while more is
    /// needed. To be called until it says so.
    ///
    /// # Errors
    ///
    /// As [`frame`]. Where the next message begins is not known then: the connection is to be closed, and nothing more is
    /// taken from it.
    pub fn next(&mut self, input: &mut BytesMut) -> Result<Option<Arrived>, Flaw> {
        loop {
            match **input {
                [b'\r', b'\n', ..] => {
                    input.advance(2);
                    return Ok(Some(self.line_end()));
                }
                // Perhaps a CRLF that was cut in two.
                [b'\r'] => return Ok(None),
                [b'\r' | b'\n', ..] => input.advance(1),
                _ => break,
            }
        }
        let length = match self.message {
            Awaited::Body(length) => length,
            Awaited::Head(seen) => match measure(input, seen, self.limit)? {
                Some(length) => length,
                None => {
                    self.message = Awaited::Head(input.len());
                    return Ok(None);
                }
            },
        };
        if length > input.len() {
            self.message = Awaited::Body(length);
            return Ok(None);
        }
        *self = Self::new(self.limit);
        Ok(Some(Arrived::Message(input.split_to(length).freeze())))
    }

    fn line_end(&mut self) -> Arrived {
        match self.pings {
            Pings::First => {
                self.pings = Pings::Second;
                Arrived::Pong
            }
            Pings::Second => {
                self.pings = Pings::First;
                Arrived::Ping
            }
        }
    }
}

/// The length of the first message on a stream, CRLFs before it included; `None` while it is not complete.
///
/// `limit` bounds the message in octets, head and body together. Keep-alives in front do not count: see [`keep_alive`].
/// What has arrived is searched from its beginning each time; a [`Stream`] remembers.
///
/// # Errors
///
/// The stream cannot be followed any further: Content-Length is missing (RFC 3261 §18.3), repeated or no number (400), the
/// head is larger than `limit` or [`MAX_HEAD`] (513), or the body larger than `limit` leaves room for (413).
pub fn frame(input: &[u8], limit: usize) -> Result<Option<usize>, Flaw> {
    let begin = keep_alive(input);
    let message = input.get(begin..).unwrap_or_default();
    let length = measure(message, 0, limit).map_err(|flaw| flaw.after(begin))?;
    let complete = length.filter(|length| *length <= message.len());
    Ok(complete.map(|length| begin + length))
}

/// The number of CRs and LFs in front: keep-alives (RFC 5626 §3.5.1), to be dropped from a stream's buffer.
pub fn keep_alive(input: &[u8]) -> usize {
    input
        .iter()
        .take_while(|octet| matches!(octet, b'\r' | b'\n'))
        .count()
}

/// The length of the message in front; `None` while its head has no end, which is not within the first `seen` octets.
fn measure(message: &[u8], seen: usize, limit: usize) -> Result<Option<usize>, Flaw> {
    let room = limit.min(MAX_HEAD);
    // The end of the head may have been cut.
    let from = seen.saturating_sub(3);
    let fresh = message.get(from..).unwrap_or_default();
    let Some(end) = memchr::memmem::find(fresh, b"\r\n\r\n") else {
        return match message.len() > room {
            true => Err(too_large(room, "head is too large")),
            false => Ok(None),
        };
    };
    let length = from + end + 4;
    if length > room {
        return Err(too_large(room, "head is too large"));
    }
    let head = message.get(..length - 2).unwrap_or_default();
    let (at, body) = content_length(head)?;
    let whole = usize::try_from(body).ok();
    let whole = whole.and_then(|body| body.checked_add(length));
    let fits = whole.filter(|whole| *whole <= limit);
    fits.map(Some).ok_or(Flaw {
        at,
        what: "body is too large",
        status: Status(413),
    })
}

/// The Content-Length of a whole head, folded or not, and where its field stands.
fn content_length(head: &[u8]) -> Result<(usize, u64), Flaw> {
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
        let length = fields::length(value).ok_or(bad(at, "Content-Length is no number"))?;
        found = Some((at, length));
    }
    found.ok_or(bad(0, "no Content-Length on a stream"))
}
