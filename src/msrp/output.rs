//! The writing half of a connection: whose turn it is, and for how long.

use alloc::collections::{BTreeMap, VecDeque};

use arrayvec::ArrayString;
use bytes::{Bytes, BytesMut};
use hashbrown::HashMap;
use memchr::memmem;

use super::sessions::Owner;
use crate::wire::msrp::{write_end, write_report, write_response, write_send};
use crate::{Chunk, ChunkId, Continuation, FailureReport, Report, Token};

/// Octets of one chunk that are written before others get their turn: the least that a request may have
/// that is interrupted (RFC 4975 §7.1.1), and the most that is handed out at a time.
const TURN: usize = 2048;
/// Transactions of one session whose responses are awaited; the oldest is forgotten first. More than a
/// session can have: eight chunks of 64 KiB for each of 16 messages, each cut into as many turns as it has.
const AWAITED: usize = 4096;
/// Transactions of one session that are answered only if they fail; the oldest is forgotten first.
const QUIET: usize = 256;

/// What a connection has to write.
///
/// Answers and reports go before chunks. Sessions take turns, and in each session its messages do: a turn
/// is one whole request, or 2,048 octets and `+` if somebody else waits, after which the rest of the
/// chunk goes on as a request of its own (CC-131, CC-132).
#[derive(Debug, Default)]
pub(super) struct Output {
    answers: BytesMut,
    scratch: BytesMut,
    sessions: BTreeMap<Owner, Outgoing>,
    /// The sessions that have chunks, each once, the next one first.
    turns: VecDeque<Owner>,
    writing: Writing,
    transactions: HashMap<u64, (Owner, ChunkId)>,
}

/// What one session has to write, and what it has written.
#[derive(Debug, Default)]
struct Outgoing {
    own: Bytes,
    peer: Bytes,
    chunks: VecDeque<Waiting>,
    awaited: VecDeque<u64>,
    quiet: VecDeque<u64>,
    released: bool,
}

/// A chunk, or the rest of one, that waits for its turn.
#[derive(Debug)]
struct Waiting {
    chunk: Chunk,
    /// The transaction id that is tried first.
    seed: u64,
    /// Whether an end-line could be in its octets at all.
    hyphens: bool,
}

#[derive(Debug, Default)]
enum Writing {
    #[default]
    Nothing,
    /// The head of this request has been handed out, and so many octets.
    Body(Request, usize),
    /// All of it has been handed out: when the driver asks for more, it has been written.
    Written(Request, Ended),
}

/// Which part of its chunk a request was the last of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ended {
    Whole,
    /// It was interrupted.
    Cut,
}

/// A chunk whose turn it is. What has been handed out is no part of it any more.
#[derive(Debug)]
struct Request {
    owner: Owner,
    waiting: Waiting,
    txn: u64,
    answered: bool,
}

/// What has become of a chunk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Progress {
    /// Its last octet has been written.
    Written(ChunkId),
    /// It has been interrupted; the rest will follow.
    Cut(ChunkId),
    /// It has been answered with 200, before all of it was written.
    Answered(ChunkId),
}

impl Output {
    /// Queues a chunk. One that abandons its message takes the place of what is still to be written of it.
    pub(super) fn push(
        &mut self,
        owner: Owner,
        own: &Bytes,
        peer: &Bytes,
        chunk: Chunk,
        seed: u64,
    ) {
        let Some(chunk) = self.abandon(owner, chunk) else {
            return;
        };
        let hyphens = memmem::find(&chunk.body, b"-------").is_some();
        let session = self.sessions.entry(owner).or_default();
        session.own = own.clone();
        session.peer = peer.clone();
        session.released = false;
        if session.chunks.is_empty() {
            self.turns.push_back(owner);
        }
        session.chunks.push_back(Waiting {
            chunk,
            seed,
            hyphens,
        });
    }

    /// Ends what is being written, or waits, of the message that this chunk abandons (CC-130). Gives the
    /// chunk back if it is to be written all the same.
    fn abandon(&mut self, owner: Owner, chunk: Chunk) -> Option<Chunk> {
        if chunk.flag != Continuation::Abandoned {
            return Some(chunk);
        }
        match &mut self.writing {
            Writing::Body(request, _) if request.is_of(owner, chunk.message) => {
                request.waiting.chunk.body.clear();
                request.waiting.chunk.flag = Continuation::Abandoned;
                return None;
            }
            // The peer has all of it.
            Writing::Written(request, Ended::Whole)
                if request.is_of(owner, chunk.message)
                    && request.waiting.chunk.flag != Continuation::More =>
            {
                return None;
            }
            // What was cut off goes on as the end.
            Writing::Written(request, Ended::Cut) if request.is_of(owner, chunk.message) => {
                request.waiting.chunk.body.clear();
                request.waiting.chunk.flag = Continuation::Abandoned;
                return None;
            }
            Writing::Nothing | Writing::Body(..) | Writing::Written(..) => {}
        }
        let Some(session) = self.sessions.get_mut(&owner) else {
            return Some(chunk);
        };
        let same = |waiting: &Waiting| waiting.chunk.message == chunk.message;
        let Some(place) = session.chunks.iter().position(same) else {
            return Some(chunk);
        };
        if let Some(waiting) = session
            .chunks
            .get_mut(place)
            .filter(|one| one.chunk.start > 1)
        {
            waiting.chunk.body.clear();
            waiting.chunk.flag = Continuation::Abandoned;
            return None;
        }
        // Nothing of it has been written: there is nothing to end.
        session.chunks.remove(place);
        if session.chunks.is_empty() {
            self.turns.retain(|other| *other != owner);
        }
        None
    }

    pub(super) fn respond(&mut self, txn: &str, status: u16, to: &[u8], from: &[u8]) {
        write_response(&mut self.answers, txn, status, to, from);
    }

    pub(super) fn report(&mut self, txn: u64, own: &[u8], peer: &[u8], report: &Report) {
        write_report(&mut self.answers, &letters(txn), peer, own, report);
    }

    /// Writes a request as it is, before any chunk.
    pub(super) fn write(&mut self, request: &[u8]) {
        self.answers.extend_from_slice(request);
    }

    /// Octets of answers and reports that wait.
    pub(super) fn backlog(&self) -> usize {
        self.answers.len()
    }

    /// The next octets to write; and what has become of a chunk, if the question says that it has been
    /// written.
    pub(super) fn transmit(&mut self, mut tell: impl FnMut(Owner, Progress)) -> Option<Bytes> {
        loop {
            match core::mem::take(&mut self.writing) {
                Writing::Nothing if self.answers.is_empty() => return self.begin(),
                Writing::Nothing => return Some(self.answers.split().freeze()),
                Writing::Body(mut request, written) => {
                    let chunk = &mut request.waiting.chunk;
                    let waited_for = !self.answers.is_empty() || !self.turns.is_empty();
                    let (flag, ended) = if chunk.body.is_empty() {
                        (chunk.flag, Ended::Whole)
                    } else if written >= TURN && waited_for {
                        (Continuation::More, Ended::Cut)
                    } else {
                        let octets = chunk.body.split_to(TURN.min(chunk.body.len()));
                        chunk.start += octets.len() as u64;
                        self.writing = Writing::Body(request, written + octets.len());
                        return Some(octets);
                    };
                    let whole = core::mem::replace(&mut chunk.flag, flag);
                    write_end(&mut self.scratch, &letters(request.txn), chunk);
                    chunk.flag = whole;
                    self.writing = Writing::Written(request, ended);
                    return Some(self.scratch.split().freeze());
                }
                Writing::Written(request, ended) => self.written(request, ended, &mut tell),
            }
        }
    }

    /// Hands out the head of whose turn it is.
    fn begin(&mut self) -> Option<Bytes> {
        let owner = self.turns.pop_front()?;
        let session = self.sessions.get_mut(&owner)?;
        let waiting = session.chunks.pop_front()?;
        if !session.chunks.is_empty() {
            self.turns.push_back(owner);
        }
        let chunk = &waiting.chunk;
        let txn = mint(&waiting, &self.transactions);
        let (order, most) = match chunk.failure {
            FailureReport::Yes => (&mut session.awaited, AWAITED),
            FailureReport::Partial => (&mut session.quiet, QUIET),
            // Nobody answers (RFC 4975 §7.2); who does all the same is heard, as far as it is remembered.
            FailureReport::No => (&mut session.quiet, QUIET),
        };
        if order.len() == most
            && let Some(oldest) = order.pop_front()
        {
            self.transactions.remove(&oldest);
        }
        order.push_back(txn);
        self.transactions.insert(txn, (owner, chunk.id));
        write_send(
            &mut self.scratch,
            &letters(txn),
            &session.peer,
            &session.own,
            chunk,
        );
        let request = Request {
            owner,
            waiting,
            txn,
            answered: false,
        };
        self.writing = Writing::Body(request, 0);
        Some(self.scratch.split().freeze())
    }

    /// A request has been written; if it was interrupted, the rest of the chunk waits for its next turn.
    fn written(&mut self, request: Request, ended: Ended, tell: &mut impl FnMut(Owner, Progress)) {
        let Request {
            owner,
            mut waiting,
            txn,
            answered,
        } = request;
        let id = waiting.chunk.id;
        tell(
            owner,
            match ended {
                Ended::Whole => Progress::Written(id),
                Ended::Cut => Progress::Cut(id),
            },
        );
        if answered {
            tell(owner, Progress::Answered(id));
        }
        let Some(session) = self.sessions.get_mut(&owner) else {
            return;
        };
        if ended == Ended::Cut {
            waiting.seed = txn.wrapping_add(1);
            if session.chunks.is_empty() {
                self.turns.push_back(owner);
            }
            session.chunks.push_back(waiting);
        } else if session.released && session.chunks.is_empty() {
            self.sessions.remove(&owner);
        }
    }

    /// A response has come. Whose chunk it is for, if it is awaited: the first response counts (CC-129).
    /// That the end-line was written is told before, if nobody has asked since.
    pub(super) fn answered(
        &mut self,
        txn: &str,
        status: u16,
        mut tell: impl FnMut(Owner, Progress),
    ) -> Option<(Owner, ChunkId)> {
        let (txn, (owner, chunk)) = self.transactions.remove_entry(&number(txn)?)?;
        if let Some(session) = self.sessions.get_mut(&owner) {
            session.forget(txn);
        }
        match core::mem::take(&mut self.writing) {
            Writing::Written(request, ended) if request.txn == txn => {
                self.written(request, ended, &mut tell);
            }
            // Whoever is content with the beginning has to be told the end all the same.
            Writing::Body(mut request, written)
                if request.txn == txn && (200..300).contains(&status) =>
            {
                request.answered = true;
                self.writing = Writing::Body(request, written);
                return None;
            }
            other => self.writing = other,
        }
        Some((owner, chunk))
    }

    /// Forgets what a session awaits. What it has pushed is still written.
    pub(super) fn release(&mut self, owner: Owner) {
        let writes = match &self.writing {
            Writing::Body(request, _) | Writing::Written(request, _) => request.owner == owner,
            Writing::Nothing => false,
        };
        let Some(session) = self.sessions.get_mut(&owner) else {
            return;
        };
        for txn in session.awaited.drain(..).chain(session.quiet.drain(..)) {
            self.transactions.remove(&txn);
        }
        session.released = true;
        if session.chunks.is_empty() && !writes {
            self.sessions.remove(&owner);
        }
    }

    /// Nothing is written any more.
    pub(super) fn clear(&mut self) {
        self.answers.clear();
        self.sessions.clear();
        self.turns.clear();
        self.writing = Writing::Nothing;
        self.transactions.clear();
    }
}

impl Outgoing {
    fn forget(&mut self, txn: u64) {
        for order in [&mut self.awaited, &mut self.quiet] {
            // Answers come in the order of the questions nearly always.
            if let Some(place) = order.iter().position(|other| *other == txn) {
                order.remove(place);
                return;
            }
        }
    }
}

impl Request {
    fn is_of(&self, owner: Owner, message: Token) -> bool {
        self.owner == owner && self.waiting.chunk.message == message
    }
}

/// A transaction id of 64 random bits whose end-line does not occur in the body (RFC 4975 §7.1, CC-122).
fn mint<T>(waiting: &Waiting, taken: &HashMap<u64, T>) -> u64 {
    let mut txn = waiting.seed;
    // Counting on from the draw ends even if the entropy repeats itself: a body holds finitely many ids.
    while taken.contains_key(&txn) || (waiting.hyphens && holds(&waiting.chunk.body, txn)) {
        txn = txn.wrapping_add(1);
    }
    txn
}

fn holds(body: &[u8], txn: u64) -> bool {
    let mut line = ArrayString::<23>::from("-------").unwrap_or_default();
    line.push_str(&letters(txn));
    memmem::find(body, line.as_bytes()).is_some()
}

/// A transaction id as it is written: 16 hexadecimal letters.
fn letters(txn: u64) -> ArrayString<16> {
    let mut text = ArrayString::new();
    for shift in (0..16).rev() {
        let nibble = (txn >> (shift * 4)) & 15;
        text.push(char::from_digit(nibble as u32, 16).unwrap_or('0'));
    }
    text
}

/// Reads a transaction id that we may have minted.
pub(super) fn number(txn: &str) -> Option<u64> {
    let shaped = txn.len() == 16 && txn.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    shaped.then(|| u64::from_str_radix(txn, 16).ok()).flatten()
}
