//! Values to octets.

use bytes::BytesMut;

use super::lines::folded;
use super::text::{Field, blanks, line, lines, utf8};
use super::{Message, keep_alive};
use crate::message::{Address, Head};
use crate::wire::octet::{NAME, run};
use crate::{Flaw, Method, Outgoing, Reply, Status, Tag, Token};

/// Writes a message as it is: what was read comes out again, its lines in order and as they came, but unfolded.
///
/// A message that has no Content-Length gets one at the end of its head, or on a stream it would have no end.
pub fn write(out: &mut BytesMut, message: &Message) {
    let (head, body) = match message {
        Message::Request(request) => {
            let fixed = request.uri.0.len() + 64;
            out.reserve(fixed + request.head.lines.len() + request.body.whole().len());
            out.put(request.method_name().as_bytes());
            out.put(b" ");
            out.put(&request.uri.0);
            out.put(b" SIP/2.0\r\n");
            (&request.head, request.body.whole())
        }
        Message::Response(response) => {
            let fixed = response.reason.len() + 64;
            out.reserve(fixed + response.head.lines.len() + response.body.whole().len());
            out.put(b"SIP/2.0 ");
            out.put_number(u64::from(response.status.0));
            out.put(b" ");
            out.put(&response.reason);
            out.put(b"\r\n");
            (&response.head, response.body.whole())
        }
    };
    out.put(&head.lines);
    if head.begin(Field::ContentLength).is_some() {
        out.put(b"\r\n");
        out.put(body);
    } else {
        out.put_body(body);
    }
}

/// Writes a request, its body included. `vias` are complete Via lines, each ended by CRLF, or nothing.
pub fn write_request(out: &mut BytesMut, request: &Outgoing, vias: &str) {
    let fixed = request.target.0.len() * 2 + 192;
    out.reserve(vias.len() + request.head.len() + request.body.len() + fixed);
    put_request(out, request, vias);
}

/// Writes the CANCEL of an INVITE (RFC 3261 §9.1). `vias` is to be the INVITE's own top Via line.
pub fn cancel_of(out: &mut BytesMut, invite: &Outgoing, vias: &str) {
    put_echo(out, invite, Method::Cancel, vias, None);
}

/// Writes the ACK of a final response other than 2xx (RFC 3261 §17.1.1.3). `vias` is to be the INVITE's own top Via line.
pub fn ack_of(out: &mut BytesMut, invite: &Outgoing, response: &Head, vias: &str) {
    let to = lines(&response.lines).find(|field| field_of(field) == Field::To);
    put_echo(out, invite, Method::Ack, vias, to);
}

/// Writes a response, its body included. Via, From, To, Call-ID and CSeq are those of the request (RFC 3261 §8.2.6.2); the
/// tag of `reply` is added to a To that has none. Record-Route is copied where a dialog may come of it: 101 to 299
/// to an INVITE (§12.1.1).
pub fn write_response(out: &mut BytesMut, reply: &Reply, request: &Head) {
    out.reserve(request.lines.len() + reply.head.len() + reply.body.len() + 128);
    status_line(out, reply.status);
    put_reply_fields(out, reply, request);
    out.put_body(&reply.body);
}

/// All header fields of a response but Content-Length.
fn put_reply_fields(out: &mut BytesMut, reply: &Reply, request: &Head) {
    let dialog = request.cseq_method == Method::Invite && (101..300).contains(&reply.status.0);
    let tag = reply.tag.filter(|_| request.to_tag().is_none());
    let mut rest: &[u8] = &request.lines;
    while let Some((field, tail)) =
        memchr::memchr(b'\n', rest).and_then(|at| rest.split_at_checked(at + 1))
    {
        rest = tail;
        match (field_of(field), tag) {
            (Field::To, Some(tag)) => {
                out.put(field.strip_suffix(b"\r\n").unwrap_or(field));
                out.put_tag(tag);
                out.put(b"\r\n");
            }
            (Field::Via | Field::From | Field::To | Field::CallId | Field::CSeq, _) => {
                out.put(field)
            }
            (Field::RecordRoute, _) if dialog => out.put(field),
            _ => {}
        }
    }
    out.put(&reply.head);
}

/// Writes the answer to a request that could not be read, from what of it can be copied, and says whether there is one to
/// send: responses and ACKs are never answered, nor is what has no Via.
pub fn write_refusal(out: &mut BytesMut, input: &[u8], flaw: &Flaw, tag: Tag) -> bool {
    let message = input.get(keep_alive(input)..).unwrap_or_default();
    let mut fields = folded(message)
        .map(|(_, field)| field)
        .take_while(|field| !field.is_empty());
    let unanswerable = |line: &[u8]| line.starts_with(b"SIP/") || line.starts_with(b"ACK ");
    if fields.next().is_none_or(unanswerable) {
        return false;
    }
    let begin = out.len();
    let mut vias = 0;
    status_line(out, flaw.status);
    for field in fields {
        let kind = field_of(field);
        match kind {
            Field::Via => vias += 1,
            Field::From | Field::To | Field::CallId | Field::CSeq => {}
            _ => continue,
        }
        out.put(field);
        if kind == Field::To && lacks_tag(field) {
            out.put_tag(tag);
        }
        out.put(b"\r\n");
    }
    out.put_body(b"");
    if vias == 0 {
        out.truncate(begin);
    }
    vias > 0
}

impl Outgoing {
    /// The octets that it takes on the wire, body included and Via excluded: what the size rule measures (OC-PM-02, D-02).
    pub fn wire_len(&self) -> usize {
        let mut count = Count(0);
        put_request(&mut count, self, "");
        count.0
    }

    /// Hands over each header field, name and value in order: all but Via and Content-Length, which are those of the
    /// host's SIP stack. For who has a message type of his own; [`write_request`] is for who has not.
    pub fn each_field(&self, mut add: impl FnMut(&str, &str)) {
        let mut out = BytesMut::with_capacity(self.head.len() + self.target.0.len() + 128);
        put_request_fields(&mut out, self);
        each_field(&out, &mut add);
    }
}

impl Reply {
    /// Hands over each header field, name and value in order: all but Content-Length. Via, From, To with its tag, Call-ID,
    /// CSeq and, where a dialog may come of it, Record-Route are those of the request, as in [`write_response`].
    pub fn each_field(&self, request: &Head, mut add: impl FnMut(&str, &str)) {
        let mut out = BytesMut::with_capacity(self.head.len() + request.lines.len() + 64);
        put_reply_fields(&mut out, self, request);
        each_field(&out, &mut add);
    }
}

fn each_field(fields: &[u8], add: &mut impl FnMut(&str, &str)) {
    for (name, value) in lines(fields).filter_map(line) {
        add(utf8(name), utf8(value));
    }
}

/// Octets written, or counted.
trait Sink {
    fn put(&mut self, octets: &[u8]);

    fn put_number(&mut self, number: u64) {
        if let Ok(digit @ 0..=9) = u8::try_from(number) {
            return self.put(&[b'0' + digit]);
        }
        let mut digits = [b'0'; 20];
        let mut rest = number;
        let mut begin = digits.len();
        for digit in digits.iter_mut().rev() {
            *digit += u8::try_from(rest % 10).unwrap_or(0);
            rest /= 10;
            begin -= 1;
            if rest == 0 {
                break;
            }
        }
        self.put(digits.get(begin..).unwrap_or_default());
    }

    fn put_tag(&mut self, Tag(tag): Tag) {
        self.put(b";tag=");
        self.put(&hex::<16>(tag));
    }

    fn put_token(&mut self, token: Token) {
        for word in token.words() {
            self.put(&hex::<8>(u64::from(word)));
        }
    }

    fn put_cseq(&mut self, number: u32, method: Method) {
        self.put(b"CSeq: ");
        self.put_number(u64::from(number));
        self.put(b" ");
        self.put(method.as_str().as_bytes());
        self.put(b"\r\n");
    }

    fn put_body(&mut self, body: &[u8]) {
        self.put(b"Content-Length: ");
        self.put_number(u64::try_from(body.len()).unwrap_or(u64::MAX));
        self.put(b"\r\n\r\n");
        self.put(body);
    }
}

impl Sink for BytesMut {
    fn put(&mut self, octets: &[u8]) {
        self.extend_from_slice(octets);
    }
}

struct Count(usize);

impl Sink for Count {
    fn put(&mut self, octets: &[u8]) {
        self.0 += octets.len();
    }
}

fn hex<const N: usize>(number: u64) -> [u8; N] {
    let mut rest = number;
    let mut digits = [b'0'; N];
    for digit in digits.iter_mut().rev() {
        let [value, ..] = rest.to_le_bytes();
        *digit = match value & 15 {
            value @ 0..=9 => b'0' + value,
            value => b'a' + value - 10,
        };
        rest >>= 4;
    }
    digits
}

fn put_request(out: &mut impl Sink, request: &Outgoing, vias: &str) {
    put_request_line(out, request, request.method, vias);
    put_request_fields(out, request);
    out.put_body(&request.body);
}

/// All header fields of a request but Via and Content-Length.
fn put_request_fields(out: &mut impl Sink, request: &Outgoing) {
    let rest = put_identity(out, request, None);
    out.put_cseq(request.cseq, request.method);
    out.put(rest);
}

/// A request that follows another one in its transaction: what names the dialog and the way is taken over.
fn put_echo(out: &mut BytesMut, invite: &Outgoing, method: Method, vias: &str, to: Option<&[u8]>) {
    out.reserve(vias.len() + invite.head.len() + invite.target.0.len() * 2 + 192);
    put_request_line(out, invite, method, vias);
    let rest = match invite.fresh {
        Some(_) => put_identity(out, invite, to),
        None => &invite.head,
    };
    for field in lines(rest) {
        match (field_of(field), to) {
            (Field::To, Some(to)) => out.put(to),
            (Field::From | Field::To | Field::CallId | Field::Route | Field::MaxForwards, _) => {
                out.put(field);
            }
            _ => continue,
        }
        out.put(b"\r\n");
    }
    out.put_cseq(invite.cseq, method);
    out.put_body(b"");
}

fn put_request_line(out: &mut impl Sink, request: &Outgoing, method: Method, vias: &str) {
    out.put(method.as_str().as_bytes());
    out.put(b" ");
    out.put(&request.target.0);
    out.put(b" SIP/2.0\r\n");
    out.put(vias.as_bytes());
}

/// Max-Forwards, From, To and Call-ID of a fresh request, and what of its head is left to write (see
/// [`Outgoing::fresh`]).
fn put_identity<'a>(out: &mut impl Sink, request: &'a Outgoing, to: Option<&[u8]>) -> &'a [u8] {
    let head = &request.head;
    let Some(fresh) = request.fresh else {
        return head;
    };
    let end = memchr::memchr(b'\n', head).map_or(head.len(), |at| at + 1);
    let (from, mut rest) = head.split_at_checked(end).unwrap_or_default();
    // A Max-Forwards after From is written in front of it: proxies look for it first.
    if rest.starts_with(b"Max-Forwards: ") {
        let end = memchr::memchr(b'\n', rest).map_or(rest.len(), |at| at + 1);
        let (hops, after) = rest.split_at_checked(end).unwrap_or_default();
        out.put(hops);
        rest = after;
    }
    out.put(from.strip_suffix(b"\r\n").unwrap_or(from));
    out.put_tag(fresh.tag());
    out.put(b"\r\n");
    match to {
        Some(to) => {
            out.put(to);
            out.put(b"\r\nCall-ID: ");
        }
        None => {
            out.put(b"To: <");
            out.put(&request.target.0);
            out.put(b">\r\nCall-ID: ");
        }
    }
    out.put_token(fresh.token);
    out.put(b"\r\n");
    rest
}

pub(super) fn status_line(out: &mut BytesMut, status: Status) {
    out.put(b"SIP/2.0 ");
    out.put_number(u64::from(status.0));
    out.put(b" ");
    out.put(reason(status).as_bytes());
    out.put(b"\r\n");
}

fn field_of(field: &[u8]) -> Field {
    let (name, rest) = run(field, NAME);
    match blanks(rest) {
        [b':', ..] => Field::of(name),
        _ => Field::Other,
    }
}

fn lacks_tag(field: &[u8]) -> bool {
    line(field)
        .and_then(|(_, value)| Address::read(core::str::from_utf8(value).ok()?))
        .is_some_and(|to| to.tag().is_none())
}

/// The reason phrase; for a code without one that of its class (RFC 3261 §8.1.3.2).
fn reason(status: Status) -> &'static str {
    match status.0 {
        100 => "Trying",
        180 => "Ringing",
        181 => "Call Is Being Forwarded",
        182 => "Queued",
        183 => "Session Progress",
        200 => "OK",
        202 => "Accepted",
        300 => "Multiple Choices",
        301 => "Moved Permanently",
        302 => "Moved Temporarily",
        305 => "Use Proxy",
        380 => "Alternative Service",
        400 => "Bad Request",
        401 => "Unauthorized",
        402 => "Payment Required",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        406 => "Not Acceptable",
        407 => "Proxy Authentication Required",
        408 => "Request Timeout",
        410 => "Gone",
        413 => "Request Entity Too Large",
        414 => "Request-URI Too Long",
        415 => "Unsupported Media Type",
        416 => "Unsupported URI Scheme",
        420 => "Bad Extension",
        421 => "Extension Required",
        422 => "Session Interval Too Small",
        423 => "Interval Too Brief",
        433 => "Anonymity Disallowed",
        480 => "Temporarily Unavailable",
        481 => "Call/Transaction Does Not Exist",
        482 => "Loop Detected",
        483 => "Too Many Hops",
        484 => "Address Incomplete",
        485 => "Ambiguous",
        486 => "Busy Here",
        487 => "Request Terminated",
        488 => "Not Acceptable Here",
        489 => "Bad Event",
        491 => "Request Pending",
        493 => "Undecipherable",
        501 => "Not Implemented",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Server Time-out",
        505 => "Version Not Supported",
        513 => "Message Too Large",
        580 => "Precondition Failure",
        600 => "Busy Everywhere",
        603 => "Decline",
        604 => "Does Not Exist Anywhere",
        606 => "Not Acceptable",
        code if code < 200 => "Session Progress",
        code if code < 300 => "OK",
        code if code < 400 => "Multiple Choices",
        code if code < 500 => "Bad Request",
        code if code < 600 => "Server Internal Error",
        _ => "Busy Everywhere",
    }
}
