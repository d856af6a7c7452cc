//! MSRP frames (RFC 4975 §7, §9): an incremental decoder, and writers for what we send.
//!
//! A body is found by search for its end-line, never by what a Byte-Range claims: a receiver that
//! jumps frames differently from one that searches, and what differs can be smuggled.
//!
//! Over WebSocket (RFC 7977 §5.3) each message carries one whole frame and no more: a decoder that
//! [`is_idle`](Decoder::is_idle) at the end of a message, after exactly one [`Piece::End`], has seen
//! just that. Bytes and frames are the same.

use bytes::Bytes;

use crate::message::Span;
use crate::{ByteRange, Continuation, FailureReport, Flaw, ReportHead, SendHead, Status};

mod auth;
mod decode;
mod strict;
mod url;
mod write;

pub use crate::profile::Tolerance;
pub use auth::{AuthenticationInfo, Challenge, Credentials};
pub use decode::Decoder;
#[cfg(test)]
pub(crate) use decode::states::machine as states;
pub use url::{Url, check_path, leftmost, rightmost, urls};
pub use write::{write_answer, write_end, write_report, write_request, write_response, write_send};

/// Octets of a start line and its header lines; a longer head breaks the connection (CC-136).
pub const HEAD_LIMIT: usize = 8 * 1024;
/// Octets of a body that is not a SEND's (RFC 4975 §7.1); a longer one breaks the connection.
pub const SIDE_BODY_LIMIT: usize = 10_240;
/// Letters of the longest transaction id or Message-ID that is accepted. RFC 4975 §9 has 32; a frame whose
/// transaction id is even longer than this has no end that we could find, and breaks the connection.
pub const LONGEST_ID: usize = 64;
/// Letters of the shortest id that is accepted. RFC 4975 §9 says four; peers that count from one exist.
pub const SHORTEST_ID: usize = 1;

const CRLF: &[u8] = b"\r\n";
const MARK: &[u8] = b"MSRP ";
const HYPHENS: &[u8] = b"-------";

/// What the decoder found next.
#[derive(Clone, Debug)]
pub enum Piece {
    /// A request or response begins; [`Piece::Octets`] and one [`Piece::End`] follow.
    Head(Head),
    /// A request or response begins whose head cannot be acted upon, for this reason. The frame is
    /// known all the same: the rest of it is skipped, and the next piece belongs to the next frame.
    Bad(Head, Flaw),
    /// Octets of the body, in order, as they came; never empty, and never the CRLF of the end-line.
    Octets(Bytes),
    /// The end-line.
    End(Continuation),
}

/// What a start line says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Kind {
    /// A SEND request.
    Send,
    /// A REPORT request.
    Report,
    /// An AUTH request (RFC 4976 §4.1).
    Auth,
    /// A NICKNAME request (RFC 7701 §7.1).
    Nickname,
    /// Any other request.
    Other,
    /// A response with this status code.
    Response(u16),
}

/// A start line and its header lines.
#[derive(Clone, Debug)]
pub struct Head {
    text: Bytes,
    kind: Kind,
    fields: Fields,
}

/// Where the header fields that we know stand in the text, and what they say.
#[derive(Clone, Copy, Debug, Default)]
struct Fields {
    txn: Span,
    /// Behind the transaction id: the method, or the status with its comment.
    what: Span,
    to: Span,
    from: Span,
    message: Span,
    content_type: Span,
    mime: Span,
    range: Option<ByteRange>,
    success: Option<bool>,
    failure: Option<FailureReport>,
    status: Option<(u16, u16)>,
}

impl Head {
    /// Request or response.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// The method; empty for a response.
    pub fn method(&self) -> &str {
        match self.kind {
            Kind::Response(_) => "",
            _ => self.at(self.fields.what),
        }
    }

    /// What a response says behind its status; empty for a request.
    pub fn comment(&self) -> &str {
        match self.kind {
            Kind::Response(_) => self.at(self.fields.what).get(4..).unwrap_or_default(),
            _ => "",
        }
    }

    /// The transaction id.
    pub fn txn(&self) -> &str {
        self.at(self.fields.txn)
    }

    /// To-Path, one URI or several; empty if there is none.
    pub fn to_path(&self) -> &str {
        self.at(self.fields.to)
    }

    /// From-Path, one URI or several; empty if there is none.
    pub fn from_path(&self) -> &str {
        self.at(self.fields.from)
    }

    /// The Message-ID; empty if there is none.
    pub fn message(&self) -> &str {
        self.at(self.fields.message)
    }

    /// The Byte-Range; `1-*/*` if there is none (RFC 4975 §7.3.1).
    pub fn range(&self) -> ByteRange {
        self.fields.range.unwrap_or(ByteRange {
            start: 1,
            end: None,
            total: None,
        })
    }

    /// Success-Report; `no` if there is none, or an unknown value (RFC 4975 §7.1.2).
    pub fn success(&self) -> bool {
        self.fields.success.unwrap_or_default()
    }

    /// Failure-Report; `yes` if there is none, or an unknown value (RFC 4975 §7.1.2).
    pub fn failure(&self) -> FailureReport {
        self.fields.failure.unwrap_or_default()
    }

    /// The Status: namespace and code.
    pub fn status(&self) -> Option<(u16, u16)> {
        self.fields.status
    }

    /// The media type with its parameters, as it came.
    pub fn content_type(&self) -> Option<&str> {
        (self.fields.content_type.len > 0).then(|| self.at(self.fields.content_type))
    }

    /// The MIME header lines, from the first `Content-*` to the last, each ended by CRLF. Content-Type
    /// comes last (RFC 4975 §7.1); what a peer puts between them all the same is not taken out.
    pub fn mime(&self) -> &str {
        self.at(self.fields.mime)
    }

    /// All header fields in the order in which they came, those that have a method here among them: name,
    /// and value without the blanks around it.
    pub fn fields(&self) -> impl Iterator<Item = (&str, &str)> {
        let lines = self.text().split("\r\n").skip(1);
        let fields = lines.filter_map(|line| line.split_once(':'));
        fields.map(|(name, value)| (name, value.trim_ascii()))
    }

    /// The value of the first header field of this name, in any case.
    pub fn field(&self, name: &str) -> Option<&str> {
        self.named(name).next()
    }

    fn named(&self, name: &str) -> impl Iterator<Item = &str> {
        let fields = self.fields();
        fields.filter_map(move |(other, value)| other.eq_ignore_ascii_case(name).then_some(value))
    }

    /// Start line and header lines, each ended by CRLF; empty if they are not UTF-8.
    fn text(&self) -> &str {
        core::str::from_utf8(&self.text).unwrap_or_default()
    }

    /// The head of a SEND, as a session sees it.
    pub fn as_send(&self) -> SendHead<'_> {
        SendHead {
            message: self.message(),
            range: self.range(),
            success: self.success(),
            failure: self.failure(),
            content_type: self.content_type(),
            mime: self.mime(),
        }
    }

    /// The head of a REPORT, as a session sees it; `None` in a namespace other than `000`, whose codes
    /// mean something else (RFC 4975 §7.1.3).
    pub fn as_report(&self) -> Option<ReportHead<'_>> {
        match self.status() {
            Some((0, status)) => Some(ReportHead {
                message: self.message(),
                range: self.range(),
                status,
            }),
            _ => None,
        }
    }

    fn at(&self, span: Span) -> &str {
        let start = span.at as usize;
        let octets = self.text.get(start..start + span.len as usize);
        octets
            .and_then(|octets| core::str::from_utf8(octets).ok())
            .unwrap_or_default()
    }
}

/// The header fields of RFC 4975.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Field {
    ToPath,
    FromPath,
    MessageId,
    ByteRange,
    SuccessReport,
    FailureReport,
    Status,
    ContentType,
    /// `Content-*`, but not Content-Type.
    Mime,
    Other,
}

impl Field {
    fn of(name: &[u8]) -> Self {
        let is = |known: &[u8]| name.eq_ignore_ascii_case(known);
        match name.len() {
            6 if is(b"Status") => Self::Status,
            7 if is(b"To-Path") => Self::ToPath,
            9 if is(b"From-Path") => Self::FromPath,
            10 if is(b"Message-ID") => Self::MessageId,
            10 if is(b"Byte-Range") => Self::ByteRange,
            12 if is(b"Content-Type") => Self::ContentType,
            14 if is(b"Success-Report") => Self::SuccessReport,
            14 if is(b"Failure-Report") => Self::FailureReport,
            9.. if name
                .get(..8)
                .is_some_and(|start| start.eq_ignore_ascii_case(b"Content-")) =>
            {
                Self::Mime
            }
            _ => Self::Other,
        }
    }
}

fn flaw(at: usize, what: &'static str) -> Flaw {
    Flaw {
        at,
        what,
        status: Status(400),
    }
}
