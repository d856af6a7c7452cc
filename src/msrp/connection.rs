//! One byte stream, several sessions.

use alloc::collections::{BTreeMap, VecDeque};
use alloc::string::String;
use alloc::vec::Vec;

use arrayvec::ArrayString;
use bytes::{Bytes, BytesMut};

use super::output::{Output, Progress, number};
use super::sessions::{ConnectionId, Found, Owner, Sessions};
use crate::wire::msrp::{Decoder, Head, Kind, LONGEST_ID, Piece, Url, leftmost, urls};
use crate::{
    Chunk, ChunkId, Config, Continuation, Down, Entropy, FailureReport, LegId, MachineId,
    MsrpEvent, MsrpTxn, Report, Tag,
};

/// Requests of the peer that can still be answered; the oldest is forgotten first.
const ANSWERABLE: usize = 64;
/// Octets of answers and reports that may wait to be written. Above it nothing more is decoded, so
/// that a peer who asks and never reads costs no more than this.
const BACKLOG: usize = 64 * 1024;

/// An MSRP connection: decodes, routes and binds what comes in, and writes what machines push, fairly.
///
/// A driver reads into [`buffer`](Self::buffer) and asks for [`News`] until there is none; each goes to
/// the machine that it names, whose actions are performed before the next is asked for. It writes what
/// [`transmit`](Self::transmit) gives, and asks for news again, because a chunk may have been written. That
/// it asks for more says that what it got before is written: it asks when it can write, and not before.
///
/// What its sessions hold of messages that are not complete is bounded together: a driver tells with
/// [`holds`](Self::holds). Above [`Limits::connection`](crate::Limits) the session whose message grew
/// hears [`MsrpEvent::Full`] and refuses it with 413; and until there is room again, so is every SEND with content, of
/// which no session hears. Messages that are handed on as they come hold nothing.
///
/// What it holds itself is bounded: of the input, what [`Decoder`] leaves undecided, as long as the driver reads
/// only while [`wants_input`](Self::wants_input); of the output, one chunk of each message that is being
/// sent, and a backlog of 64 KiB of answers and reports.
#[derive(Debug)]
pub struct Connection {
    id: ConnectionId,
    input: BytesMut,
    decoder: Decoder,
    reading: Reading,
    news: VecDeque<News>,
    end: End,
    /// With the octets that each holds.
    bound: BTreeMap<Owner, u64>,
    /// The sum of them.
    held: u64,
    answerable: Vec<Answerable>,
    next: u32,
    output: Output,
    auth: Auth,
}

/// Something that happened on a session.
#[derive(Debug)]
pub struct News {
    /// Whose session it is.
    pub machine: MachineId,
    /// The leg that it belongs to.
    pub leg: LegId,
    what: What,
}

#[derive(Debug)]
enum What {
    Up,
    Written(ChunkId),
    Cut(ChunkId),
    Send(MsrpTxn, Head),
    Octets(Bytes),
    End(Continuation),
    Full,
    Response(ChunkId, u16),
    Report(Head),
    Down(Down),
}

impl News {
    /// Tells it to somebody as an event.
    ///
    /// The event borrows from the news, which is why it is lent and not returned.
    pub fn tell<R>(&self, hear: impl FnOnce(MsrpEvent<'_>) -> R) -> R {
        match &self.what {
            What::Up => hear(MsrpEvent::Up),
            What::Written(chunk) => hear(MsrpEvent::Written(*chunk)),
            What::Cut(chunk) => hear(MsrpEvent::Cut(*chunk)),
            What::Send(txn, head) => hear(MsrpEvent::Send(*txn, &head.as_send())),
            What::Octets(octets) => hear(MsrpEvent::Octets(octets)),
            What::End(flag) => hear(MsrpEvent::End(*flag)),
            What::Full => hear(MsrpEvent::Full),
            What::Response(chunk, status) => hear(MsrpEvent::Response(*chunk, *status)),
            What::Report(head) => {
                // Only reports in namespace 000 become news, so that there always is one.
                let report = head.as_report().unwrap_or(crate::ReportHead {
                    message: head.message(),
                    range: head.range(),
                    status: 0,
                });
                hear(MsrpEvent::Report(&report))
            }
            What::Down(why) => hear(MsrpEvent::Down(*why)),
        }
    }

    fn new((machine, leg): Owner, what: What) -> Self {
        Self { machine, leg, what }
    }
}

impl From<Progress> for What {
    fn from(progress: Progress) -> Self {
        match progress {
            Progress::Written(chunk) => Self::Written(chunk),
            Progress::Cut(chunk) => Self::Cut(chunk),
            Progress::Answered(chunk) => Self::Response(chunk, 200),
        }
    }
}

/// Whose the octets are that come next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reading {
    Nobodys,
    Of(Owner),
}

/// What a relay was asked last.
#[derive(Debug, Default)]
enum Auth {
    #[default]
    Nothing,
    /// An AUTH with this transaction id.
    Asked(Tag),
    /// And this is its response.
    Answered(Head),
}

/// Whether the stream has ended, and who knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// It has not.
    Open,
    /// It has, and what was read before is still to be told.
    Closed(Down),
    /// It has, and the sessions have been told.
    Told,
}

/// A request of the peer that a session may answer.
#[derive(Debug)]
struct Answerable {
    /// `None` once it is answered.
    txn: Option<MsrpTxn>,
    failure: FailureReport,
    id: ArrayString<LONGEST_ID>,
    /// The leftmost URI of its From-Path. Copied: a slice would keep the octets read with it alive.
    to: String,
    own: Bytes,
}

impl Connection {
    /// A connection without sessions: one that was accepted, or one that has been made.
    pub fn new(id: ConnectionId) -> Self {
        Self {
            id,
            input: BytesMut::new(),
            decoder: Decoder::default(),
            reading: Reading::Nobodys,
            news: VecDeque::new(),
            end: End::Open,
            bound: BTreeMap::new(),
            held: 0,
            answerable: Vec::new(),
            next: 0,
            output: Output::default(),
            auth: Auth::Nothing,
        }
    }

    /// Binds the session of `at`, for which this connection was made or is shared; `false` if it is gone
    /// or was bound to another one in the meantime, and the connection is of no use to it.
    pub fn connected(&mut self, sessions: &mut Sessions, at: (MachineId, LegId)) -> bool {
        self.end == End::Open && self.bind(sessions, at)
    }

    /// Where the driver puts the octets that it reads.
    pub fn buffer(&mut self) -> &mut BytesMut {
        &mut self.input
    }

    /// Whether more octets should be read: `false` while the peer does not read our answers, and after
    /// the end.
    pub fn wants_input(&self) -> bool {
        self.end == End::Open && !self.is_backlogged()
    }

    /// Whether the peer broke the framing: the stream is to be closed once there are no news any more.
    pub fn is_broken(&self) -> bool {
        self.decoder.is_broken()
    }

    /// The next thing that happened; `None` when more octets must be read, or written, first.
    pub fn poll(&mut self, sessions: &mut Sessions, config: &Config) -> Option<News> {
        let rules = (config.limits.msrp_head, config.profile.msrp_tolerance);
        self.decoder.set_rules(rules.0, rules.1);
        loop {
            if let Some(news) = self.news.pop_front() {
                return Some(news);
            }
            match self.end {
                End::Told => return None,
                End::Open if self.is_backlogged() => return None,
                End::Open | End::Closed(_) => {}
            }
            match (self.decoder.next(&mut self.input), self.end) {
                (Ok(Some(piece)), _) => self.take(piece, sessions, config),
                (Ok(None), End::Closed(why)) => self.end(why, sessions),
                (Ok(None), _) => return None,
                (Err(_), _) => self.end(Down::Malformed, sessions),
            }
        }
    }

    /// Sends a chunk of a session that is bound to this connection; drops it if it is not.
    pub fn send_chunk(
        &mut self,
        sessions: &Sessions,
        at: (MachineId, LegId),
        chunk: Chunk,
        entropy: &mut dyn Entropy,
    ) {
        let Some((own, peer)) = sessions.paths(at, self.id) else {
            return;
        };
        if self.end == End::Open && self.bound.contains_key(&at) {
            self.output.push(at, own, peer, chunk, entropy.draw());
        }
    }

    /// Sends an AUTH of a [`Relay`](super::Relay). One is out at a time: another takes its place.
    pub fn authorize(&mut self, txn: Tag, request: &[u8]) {
        if self.end == End::Open {
            self.auth = Auth::Asked(txn);
            self.output.write(request);
        }
    }

    /// The response to that AUTH, once; to be asked for when [`poll`](Self::poll) has nothing more.
    pub fn authorized(&mut self) -> Option<Head> {
        match core::mem::take(&mut self.auth) {
            Auth::Answered(head) => Some(head),
            other => {
                self.auth = other;
                None
            }
        }
    }

    /// Answers a request. Nothing is sent when it asked for no such answer (RFC 4975 §7.2), was answered
    /// before, or came so long ago that it has been forgotten.
    pub fn respond(&mut self, txn: MsrpTxn, status: u16) {
        let slot = self.answerable.get_mut(place(txn.0));
        let Some(request) = slot.filter(|request| request.txn == Some(txn)) else {
            return;
        };
        request.txn = None;
        if is_answered(request.failure, status) && self.end == End::Open {
            let (id, to) = (&request.id, request.to.as_bytes());
            self.output.respond(id, status, to, &request.own);
        }
    }

    /// Sends a REPORT of a session that is bound to this connection; drops it if it is not.
    pub fn report(
        &mut self,
        sessions: &Sessions,
        at: (MachineId, LegId),
        report: &Report,
        entropy: &mut dyn Entropy,
    ) {
        if let Some((own, back)) = sessions.way_back(at, self.id) {
            self.output.report(entropy.draw(), own, back, report);
        }
    }

    /// Forgets a session; `true` if it was the last: the connection is to be closed when `transmit` has
    /// nothing more to give. What the session pushed before is still written.
    pub fn release(&mut self, at: (MachineId, LegId)) -> bool {
        self.held -= self.bound.remove(&at).unwrap_or_default();
        self.output.release(at);
        self.news.retain(|news| (news.machine, news.leg) != at);
        if self.reading == Reading::Of(at) {
            self.reading = Reading::Nobodys;
        }
        self.bound.is_empty()
    }

    /// Tells what a session holds of messages that are not complete, as [`Machine::held`](crate::Machine::held) says:
    /// to be told after each call of its machine, before the next news are asked for.
    pub fn holds(&mut self, at: (MachineId, LegId), octets: u64, config: &Config) {
        let Some(share) = self.bound.get_mut(&at) else {
            return;
        };
        let before = core::mem::replace(share, octets);
        self.held = (self.held - before).saturating_add(octets);
        if octets > before && self.is_full(config) && self.reading == Reading::Of(at) {
            self.news.push_back(News::new(at, What::Full));
        }
    }

    /// Whether no session uses the connection.
    pub fn is_unused(&self) -> bool {
        self.bound.is_empty()
    }

    /// The next octets to write, each to be written before the following ones.
    ///
    /// Answers and reports go before chunks, sessions take turns, and so do the messages of a session: a
    /// turn is one request, or 2,048 octets of it (CC-131, CC-132).
    pub fn transmit(&mut self) -> Option<Bytes> {
        if self.end != End::Open {
            return None;
        }
        let Self {
            output,
            news,
            bound,
            ..
        } = self;
        output.transmit(|owner, progress| {
            if bound.contains_key(&owner) {
                news.push_back(News::new(owner, progress.into()));
            }
        })
    }

    /// The stream has ended, for this reason. What was read before is still told, and then the end of
    /// every session that was bound (CC-116).
    pub fn closed(&mut self, why: Down) {
        if self.end == End::Open {
            self.end = End::Closed(why);
            self.output.clear();
        }
    }

    fn take(&mut self, piece: Piece, sessions: &mut Sessions, config: &Config) {
        match (piece, self.reading) {
            (Piece::Head(head), _) => {
                self.reading = Reading::Nobodys;
                match head.kind() {
                    Kind::Send => self.send(head, sessions, config),
                    Kind::Report => self.hear_report(head, sessions, config),
                    // AUTH is a relay's business (CC-134).
                    Kind::Auth | Kind::Nickname | Kind::Other => self.refuse(&head, 501),
                    Kind::Response(status) => self.hear_response(head, status),
                }
            }
            (Piece::Bad(head, flaw), _) => match head.kind() {
                // Never answered (RFC 4975 §7.1.2).
                Kind::Report | Kind::Response(_) => {}
                _ => self.refuse(&head, flaw.status.0),
            },
            (Piece::Octets(octets), Reading::Of(owner)) => {
                self.news.push_back(News::new(owner, What::Octets(octets)));
            }
            (Piece::End(flag), Reading::Of(owner)) => {
                self.reading = Reading::Nobodys;
                self.news.push_back(News::new(owner, What::End(flag)));
            }
            (Piece::Octets(_) | Piece::End(_), Reading::Nobodys) => {}
        }
    }

    fn send(&mut self, head: Head, sessions: &mut Sessions, config: &Config) {
        let owner = match self.route(&head, sessions, config) {
            Ok(Found::Bound(owner, connection)) if connection == self.id => owner,
            Ok(Found::Bound(..)) => return self.refuse(&head, 506),
            Ok(Found::Unbound(owner)) if self.bind(sessions, owner) => owner,
            Ok(Found::Unbound(_) | Found::Nothing) => return self.refuse(&head, 481),
            Err(status) => return self.refuse(&head, status),
        };
        if self.is_full(config) && head.as_send().has_content() {
            return self.refuse(&head, 413);
        }
        sessions.heard_from(owner, head.from_path());
        let txn = self.remember(&head, sessions, owner);
        self.reading = Reading::Of(owner);
        self.news.push_back(News::new(owner, What::Send(txn, head)));
    }

    /// A report for a session that is not ours, or not here, is dropped: nothing answers a REPORT.
    fn hear_report(&mut self, head: Head, sessions: &Sessions, config: &Config) {
        match self.route(&head, sessions, config) {
            Ok(Found::Bound(owner, connection))
                if connection == self.id && head.as_report().is_some() =>
            {
                self.news.push_back(News::new(owner, What::Report(head)));
            }
            _ => {}
        }
    }

    /// The first response to a chunk counts; one that belongs to nothing is dropped (CC-129).
    fn hear_response(&mut self, head: Head, status: u16) {
        if let Auth::Asked(asked) = self.auth
            && number(head.txn()) == Some(asked.0)
        {
            self.auth = Auth::Answered(head);
            return;
        }
        let Self {
            output,
            news,
            bound,
            ..
        } = self;
        let answered = output.answered(head.txn(), status, |owner, progress| {
            if bound.contains_key(&owner) {
                news.push_back(News::new(owner, progress.into()));
            }
        });
        if let Some((owner, chunk)) = answered {
            news.push_back(News::new(owner, What::Response(chunk, status)));
        }
    }

    /// The session that a request is for: To-Path has one URI, and it is one of ours (RFC 4975 §7.3).
    fn route(&self, head: &Head, sessions: &Sessions, config: &Config) -> Result<Found, u16> {
        let mut path = urls(head.to_path());
        let (Some(first), None) = (path.next(), path.next()) else {
            return Ok(Found::Nothing);
        };
        let to = Url::parse(first).map_err(|flaw| flaw.status.0)?;
        Ok(sessions.find(first, &to, config.profile.session_match))
    }

    fn bind(&mut self, sessions: &mut Sessions, owner: Owner) -> bool {
        if !sessions.bind(owner, self.id) {
            return false;
        }
        if self.bound.insert(owner, 0).is_none() {
            self.news.push_back(News::new(owner, What::Up));
        }
        true
    }

    /// Answers a request that no session sees, unless it wants no answer.
    fn refuse(&mut self, head: &Head, status: u16) {
        let from = head.from_path();
        let to = match head.kind() {
            Kind::Send => leftmost(from),
            _ => from,
        };
        let own = leftmost(head.to_path());
        let addressed = !to.is_empty() && !own.is_empty();
        if addressed && is_answered(head.failure(), status) && self.end == End::Open {
            let (to, own) = (to.as_bytes(), own.as_bytes());
            self.output.respond(head.txn(), status, to, own);
        }
    }

    /// Keeps what a later answer needs.
    fn remember(&mut self, head: &Head, sessions: &Sessions, owner: Owner) -> MsrpTxn {
        let txn = MsrpTxn(self.next);
        self.next = self.next.wrapping_add(1);
        let at = place(txn.0);
        if at >= self.answerable.len() {
            self.answerable.push(Answerable {
                txn: None,
                failure: FailureReport::Yes,
                id: ArrayString::new(),
                to: String::new(),
                own: Bytes::new(),
            });
        }
        if let Some(slot) = self.answerable.get_mut(at)
            && let Some((own, _)) = sessions.paths(owner, self.id)
        {
            slot.txn = Some(txn);
            slot.failure = head.failure();
            slot.id = ArrayString::from(head.txn()).unwrap_or_default();
            slot.to.clear();
            slot.to.push_str(leftmost(head.from_path()));
            slot.own = own.clone();
        }
        txn
    }

    /// The end, told to every session that was bound.
    fn end(&mut self, why: Down, sessions: &mut Sessions) {
        self.end = End::Told;
        self.reading = Reading::Nobodys;
        self.input.clear();
        self.output.clear();
        self.held = 0;
        for (owner, _) in core::mem::take(&mut self.bound) {
            sessions.unbind(owner);
            self.news.push_back(News::new(owner, What::Down(why)));
        }
    }

    /// Whether the sessions hold more than they may together.
    fn is_full(&self, config: &Config) -> bool {
        self.held > config.limits.connection
    }

    fn is_backlogged(&self) -> bool {
        self.output.backlog() > BACKLOG
    }
}

/// Whether a request with this Failure-Report gets this answer (RFC 4975 §7.2).
fn is_answered(failure: FailureReport, status: u16) -> bool {
    match failure {
        FailureReport::Yes => true,
        FailureReport::Partial => status != 200,
        FailureReport::No => false,
    }
}

/// Where an answerable request is kept.
fn place(txn: u32) -> usize {
    txn as usize % ANSWERABLE
}

#[cfg(test)]
#[path = "../states/connection.rs"]
pub(crate) mod states;
