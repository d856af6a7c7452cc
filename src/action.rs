//! What a machine asks its driver to do.

use alloc::boxed::Box;
use core::time::Duration;

use bytes::Bytes;

use crate::{
    AskId, ChunkId, ClientTxn, Failure, MessageId, Method, MsrpTxn, Outcome, RecipientId, Response,
    ServerTxn, SessionId, Status, Tag, Token, Uri,
};

/// One thing to do. The driver performs actions in the order in which they were pushed.
///
/// The enum is exhaustive on purpose: a new kind of action must break a driver's build, not vanish in
/// its wildcard. At most 128 octets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// The first action of a leg: news for these keys is news for this leg.
    Opened(Keys),
    /// Send a request in a client transaction of its own.
    SendRequest(Outgoing),
    /// Send an ACK for a 2xx. No transaction; `txn` means nothing.
    SendAck(Outgoing),
    /// Cancel the INVITE that was sent as this transaction. A provisional response has been heard.
    SendCancel(ClientTxn),
    /// Answer a request. For an INVITE, an equal answer again means: repeat the 2xx, or the reliable
    /// provisional response.
    Respond(ServerTxn, Reply),

    /// Start this timer of the leg, or start it anew.
    StartTimer(Timer, Duration),
    /// Stop this timer of the leg; it may not be running.
    StopTimer(Timer),

    /// End the dialog with this tag of ours, another one is there in its place (RFC 3891 §3):
    /// [`Dispatch::dialog`](crate::driver::Dispatch::dialog) finds it, `close` ends it.
    Replace(Tag),

    /// Ask the host; it comes back as [`Event::Answer`](crate::Event::Answer).
    Ask(AskId, Question),
    /// Tell the application.
    Tell(Notice),

    /// Be ready for this MSRP session: await the peer's connection, or connect.
    ///
    /// Comes before our session description leaves, without the peer's path, and for the same session
    /// id again when offer and answer have agreed on who connects where.
    OpenMsrp(OpenMsrp),
    /// Send one chunk.
    SendChunk(Chunk),
    /// Answer an MSRP request with this status.
    RespondMsrp(MsrpTxn, u16),
    /// Send a REPORT.
    SendReport(Report),
    /// The session is over: forget its id, and close its connection if no other session uses it.
    ReleaseMsrp,

    /// The last action of a leg.
    Closed,
}

/// By what a leg is found from outside. The driver's [`Dispatch`](crate::driver::Dispatch) learns from them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Keys {
    /// The tag that we put on the dialog: peers' requests name it in To.
    pub dialog: Option<Tag>,
    /// The id of our MSRP session: peers' requests name it in To-Path.
    pub msrp: Option<SessionId>,
}

/// What a timer is waiting for. A leg has at most one of each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Timer {
    /// More is to be done than fitted into one call; always started with zero.
    Continue,
    /// The application decides about an invitation or a page.
    Decide,
    /// The host looks up a group or a policy.
    Lookup,
    /// A member's first response: its place in the fan-out window is given away when this fires.
    Patience,
    /// An INVITE's final response.
    Ring,
    /// The final response to a cancelled INVITE, the ACK of a 2xx or the PRACK of a reliable provisional
    /// response, before the leg is given up.
    FinalWait,
    /// The next repetition of a 2xx or of a provisional response.
    Repeat,
    /// The MSRP connection and its binding.
    Bind,
    /// The response to the oldest MSRP chunk.
    ChunkResponse,
    /// The next chunk of an incoming message.
    NextChunk,
    /// The next request without content, which keeps the connection in use.
    KeepAlive,
    /// The success report of a message whose chunks are all answered.
    SuccessReport,
    /// The end of a message's delivery to one member.
    Delivery,
    /// The next session refresh of ours.
    Refresh,
    /// The end of a session that nobody refreshed.
    Expiry,
    /// The next attempt of a request that met another one (491) or was asked to wait.
    Retry,
}

/// A request to send: small, sharing its header block with others of its kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outgoing {
    /// The method.
    pub method: Method,
    /// The transaction's name within the leg.
    pub txn: ClientTxn,
    /// The CSeq number.
    pub cseq: u32,
    /// What makes it a request of its own outside a dialog, `None` inside one.
    ///
    /// With a token, the first line of `head` is the From header field without its tag, To is the
    /// target, and Call-ID and From-tag are made from the token. Without, `head` names all of them.
    /// Max-Forwards, if it is the second line, is written in front of From.
    pub fresh: Option<Fresh>,
    /// The Request-URI.
    pub target: Uri,
    /// Header lines, each ended by CRLF: all but Via, CSeq and Content-Length, and for a fresh request
    /// To and Call-ID.
    pub head: Bytes,
    /// The body, described by the Content-Type in `head`.
    pub body: Bytes,
}

/// The Call-ID and From-tag of a request outside a dialog.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fresh {
    /// Written as 24 hexadecimal letters it is the Call-ID, its last 64 bits are the From-tag.
    pub token: Token,
}

impl Fresh {
    /// The From-tag.
    pub fn tag(self) -> Tag {
        let [_, high, low] = self.token.words();
        Tag((u64::from(high) << 32) | u64::from(low))
    }
}

/// An answer to a request. Via, From, To, Call-ID and CSeq are copied from the request
/// (RFC 3261 §8.2.6.2), which the server transaction holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// The status code.
    pub status: Status,
    /// The To-tag, if the request had none.
    pub tag: Option<Tag>,
    /// Header lines, each ended by CRLF: all but the copied ones and Content-Length.
    pub head: Bytes,
    /// The body.
    pub body: Bytes,
}

/// An MSRP session to be ready for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenMsrp {
    /// Our session id.
    pub id: SessionId,
    /// Whether we connect to the leftmost URI of `peer` (RFC 4975 §5.4), or to `target`, or await a connection.
    pub connect: bool,
    /// Our URI, for From-Path.
    pub own: Bytes,
    /// The path to the peer, for To-Path: our relays, if there are any, and the peer's path.
    pub peer: Bytes,
    /// `host:port` to connect to instead, since somebody between us anchors media (RFC 6714); empty for the
    /// leftmost URI. TLS is spoken if that URI says so.
    pub target: Bytes,
}

/// One SEND request, complete but for its transaction id and paths, which the connection knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chunk {
    /// Its name within the session.
    pub id: ChunkId,
    /// The Message-ID.
    pub message: Token,
    /// The first octet, counted from 1; 1 for a chunk without content.
    pub start: u64,
    /// The size of the whole message, if it is known.
    pub total: Option<u64>,
    /// Whether it carries the last octet (`$`), more follows (`+`) or the message is abandoned (`#`).
    pub flag: Continuation,
    /// Whether success reports are asked for.
    pub success: bool,
    /// Which failures are reported.
    pub failure: FailureReport,
    /// The MIME header lines, Content-Type last; empty when there is no body.
    pub mime: Bytes,
    /// The octets.
    pub body: Bytes,
}

/// The last octet of an MSRP end-line (RFC 4975 §7.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Continuation {
    /// `$`: the last chunk of the message.
    Last,
    /// `+`: more follows.
    More,
    /// `#`: the message is abandoned.
    Abandoned,
}

/// The Failure-Report header field (RFC 4975 §7.1.2).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FailureReport {
    /// Every request is answered; the default.
    #[default]
    Yes,
    /// Only failures are answered.
    Partial,
    /// Nothing is answered.
    No,
}

/// A REPORT request to send (RFC 4975 §7.1.2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// The peer's Message-ID.
    pub message: crate::msrp::Ident,
    /// The first octet reported, counted from 1.
    pub start: u64,
    /// The last octet reported.
    pub end: u64,
    /// The size of the whole message, if it is known.
    pub total: Option<u64>,
    /// The status in namespace `000`.
    pub status: u16,
}

/// What a machine cannot know.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Question {
    /// A page arrived: keep it, then answer [`Answer::Accept`](crate::Answer::Accept), or refuse it.
    /// The 200 goes out after the answer, never before the message is kept (TC-PM-02, CC-108).
    Page(Arrival),
    /// A large message is announced: receive it or not?
    Invitation {
        /// Who sends it and how it was announced; `body` is the session description.
        arrival: Arrival,
        /// Its announced size in octets, if any.
        size: Option<u64>,
    },
    /// Is `originator` allowed to do this? Answered by [`Answer::Access`](crate::Answer::Access).
    Access {
        /// Who asks, as the core vouches for (P-Asserted-Identity); `None` if nobody does: then only
        /// the existence of the target matters.
        originator: Option<Uri>,
        /// The same user's other identity, a tel URI beside a SIP URI: either may be allowed (CC-97).
        also: Option<Uri>,
        /// The group, or the factory or exploder URI.
        target: Uri,
        /// Whether the originator wants to stay anonymous.
        anonymous: bool,
    },
    /// Which dialog is this? Asked of the driver, which knows all machines, and answered at once by
    /// [`Answer::Dialog`](crate::Answer::Dialog).
    Dialog {
        /// Our tag of it, by which [`Dispatch::dialog`](crate::driver::Dispatch::dialog) finds it.
        tag: Tag,
        /// The peer's tag of it, for [`Machine::dialog`](crate::Machine::dialog).
        remote_tag: Bytes,
    },
    /// Who are the members of this group? Answered by [`Answer::Members`](crate::Answer::Members).
    Members {
        /// The group's URI.
        group: Uri,
    },
}

/// Something that arrived, as the application sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Arrival {
    /// Who sent it: the asserted identity if there is one, else From (DR-03).
    pub sender: Uri,
    /// All its header lines, as they came.
    pub head: Bytes,
    /// Its body.
    pub body: Bytes,
    /// What to know before showing it.
    pub marks: Marks,
}

/// Facts about something that arrived.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Marks {
    /// The sender asked for anonymity, or the core withheld the identity: show "anonymous".
    pub anonymous: bool,
    /// The content is elsewhere (`message/external-body`, RFC 4483): fetch it only as policy allows.
    pub indirect: bool,
    /// It must not be rendered by itself (`Content-Disposition: attachment`).
    pub attachment: bool,
    /// It is to take the place of a session that is there, as its peer asks (RFC 3891).
    pub replaces: bool,
}

/// News for the application.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Notice {
    /// The recipient's device rings, or the server works on it.
    Ringing,
    /// What became of a message at one recipient: exactly one for each.
    Outcome(MessageId, RecipientId, Outcome),
    /// A request of ours was refused for good, and this is how: Contacts of a 3xx, Retry-After,
    /// Warning, Unsupported, Accept. Told by a client just before what it makes of it.
    Refused(Box<Response>),
    /// This member will be served; told once each, before its outcome (controlling function).
    Member(RecipientId, Uri),
    /// A message that is being sent wants its next octets: at most so many, from this offset on. After a
    /// session has been replaced the offset may be one that was asked for before.
    Wanted {
        /// Which message.
        message: MessageId,
        /// The first octet, counted from 0.
        offset: u64,
        /// How many at most.
        octets: usize,
    },
    /// The session is bound to its connection.
    Connected,
    /// The session has lost its connection, or got none. Its messages wait for another session.
    Disconnected(Failure),
    /// A message begins to arrive.
    Begun {
        /// Which message.
        message: MessageId,
        /// Its MIME header lines, as they came.
        mime: Bytes,
        /// Its size in octets, if its sender says it. A claim, nothing more.
        total: Option<u64>,
    },
    /// Octets of an incoming message that is too large to be handed over whole.
    Data {
        /// Which message.
        message: MessageId,
        /// Where the octets belong, counted from 0.
        offset: u64,
        /// The octets.
        octets: Bytes,
    },
    /// An incoming message is complete.
    Received {
        /// Which message.
        message: MessageId,
        /// Its MIME header lines, as they came.
        mime: Bytes,
        /// The whole message, or empty if it came as [`Notice::Data`].
        whole: Bytes,
        /// Its size in octets.
        size: u64,
    },
    /// An incoming message ended before it was complete (TC-LM-18), or an invitation was accepted
    /// and no message came: then it is message 0, of which nothing was received.
    Incomplete {
        /// Which message.
        message: MessageId,
        /// Octets received.
        received: u64,
        /// Its size, if it was known.
        total: Option<u64>,
    },
    /// The caller gave up, or nobody decided in time: take the question back.
    Missed,
    /// The request is not for this service (CC-95): route it elsewhere. Nothing was answered.
    NotForUs(ServerTxn),
    /// The peer's 2xx describes another session than its provisional response did. The profile says
    /// which one counts (CC-17).
    AnswerChanged,
    /// The session at the user plane shows our address to the peer although anonymity was asked (DR-20).
    AnonymityLimited,
}
