//! What a driver tells a machine.

use bytes::Bytes;

use crate::{
    AskId, ChunkId, ClientTxn, Continuation, FailureReport, Found, MsrpTxn, Request, Response,
    ServerTxn, Status, Timer, Uri,
};

/// Something that happened. Big things come by reference; a machine copies what it keeps.
///
/// At most 64 octets.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Event<'a> {
    /// A request, ACK and CANCEL apart.
    Request(ServerTxn, &'a Request),
    /// The ACK of a 2xx.
    Ack(&'a Request),
    /// A CANCEL, with the transaction that it arrived in and the one that it cancels.
    Cancel {
        /// To be answered with 200.
        cancel: ServerTxn,
        /// The INVITE.
        invite: ServerTxn,
    },
    /// A response to one of our requests.
    Response(ClientTxn, &'a Response),
    /// A request of ours will get no response.
    TxnFailed(ClientTxn, TxnError),
    /// A timer fired.
    Timer(Timer),
    /// The host answers a question.
    Answer(AskId, Answer<'a>),
    /// Something happened on the leg's MSRP session.
    Msrp(MsrpEvent<'a>),
}

/// Why a client transaction ended without a response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TxnError {
    /// Nothing came in 64·T1 (RFC 3261 §17.1): treated like 408 (§8.1.3.1).
    Timeout,
    /// It could not be sent: treated like 503 (§8.1.3.1).
    Transport,
}

/// What the host says. An impossible answer counts as a refusal.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Answer<'a> {
    /// Yes: the page is kept, the message is wanted.
    Accept,
    /// No, for this reason.
    Refuse(Refusal),
    /// What the access rules say.
    Access(Access),
    /// The dialog that was asked for.
    Dialog(Found<'a>),
    /// The members of the group, or why they are not known.
    Members(Result<&'a [Uri], LookupError>),
}

/// Why a page or an invitation is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Refusal {
    /// The user does not want it: 603 for an INVITE, 403 for a MESSAGE.
    Declined,
    /// The sender is blocked: 603 for an INVITE, 403 for a MESSAGE (DR-30).
    Blocked,
    /// Anonymous senders are not wanted (CC-121): 403 or 433.
    Anonymous,
    /// No resources now (TC-PM-01, CC-108).
    NoResources {
        /// 480, 486 or 503; anything else counts as 480.
        status: Status,
        /// Seconds after which another attempt may do better, for Retry-After.
        retry_after: Option<u32>,
    },
    /// Any other status from 400 to 699; anything else counts as 480.
    Status(Status),
}

/// What the access rules of a controlling function say about one request. The machine applies them
/// in the order that the requirements fix: existence, authorization, anonymity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Access {
    /// Whether the Request-URI is a group that we own. Not looked at for the factory and exploder URI.
    pub exists: bool,
    /// Whether the originator may use it.
    pub allowed: bool,
    /// Whether the originator may stay anonymous there.
    pub anonymity: bool,
}

/// Why a group's members are not known (DR-07).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum LookupError {
    /// There is no such document: 404.
    NotFound,
    /// The store refuses: 403.
    Forbidden,
    /// The store does not answer: 500 with Retry-After.
    Unavailable,
}

/// What happened on an MSRP session.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum MsrpEvent<'a> {
    /// The session is bound to a connection: requests may flow.
    Up,
    /// The last octet of this chunk has been written: from now on its response is awaited, and its message
    /// may send the next one.
    Written(ChunkId),
    /// This chunk was interrupted by what others had to write. What has been written of it is a transaction
    /// of its own, whose response is awaited from now on; the rest will follow.
    Cut(ChunkId),
    /// A SEND request begins.
    Send(MsrpTxn, &'a SendHead<'a>),
    /// Octets of its body, in order. To keep them is to clone the handle.
    Octets(&'a Bytes),
    /// It ends.
    End(Continuation),
    /// There is no room for it: the sessions of the connection hold more than they may together. It is to be refused.
    Full,
    /// A transaction of a chunk of ours was answered with this status: of a chunk that was cut there are
    /// several. It comes after the news that the transaction was written, unless it is a refusal.
    Response(ChunkId, u16),
    /// A REPORT on a message of ours.
    Report(&'a ReportHead<'a>),
    /// The connection is gone or never came.
    Down(Down),
}

/// Why a session has no connection any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Down {
    /// It could not be made: refused, unknown host, TLS failure.
    Unreachable,
    /// It broke or the peer closed it.
    Lost,
    /// The peer broke the framing.
    Malformed,
}

/// The head of an incoming SEND.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SendHead<'a> {
    /// The Message-ID.
    pub message: &'a str,
    /// The Byte-Range; `1-*/*` if it was missing.
    pub range: ByteRange,
    /// Whether success reports are asked for.
    pub success: bool,
    /// Which failures are to be reported.
    pub failure: FailureReport,
    /// The media type, without parameters made lower case by nobody; `None` for a request without body.
    pub content_type: Option<&'a str>,
    /// The MIME header lines, each ended by CRLF, Content-Type among them.
    pub mime: &'a str,
}

impl SendHead<'_> {
    /// Whether there are octets of a message, or could be: else it is a keep-alive.
    pub(crate) fn has_content(&self) -> bool {
        self.content_type.is_some() || self.range.start > 1
    }
}

/// The head of an incoming REPORT.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReportHead<'a> {
    /// The Message-ID.
    pub message: &'a str,
    /// The Byte-Range; `1-*/*` if it was missing.
    pub range: ByteRange,
    /// The status; reports in a namespace other than `000` never become events.
    pub status: u16,
}

/// A Byte-Range header field: `start-end/total`, counted from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ByteRange {
    /// The first octet, at least 1.
    pub start: u64,
    /// The last octet; `None` for `*`. At least `start - 1`.
    pub end: Option<u64>,
    /// The size of the whole message; `None` for `*`.
    pub total: Option<u64>,
}
