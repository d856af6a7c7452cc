//! Which machine and leg a message belongs to.

use alloc::collections::VecDeque;
use core::fmt;
use core::hash::Hasher;
use core::ops::Add;
use core::time::Duration;

use hashbrown::HashMap;

use crate::id::keyed;
use crate::{
    Account, Action, Config, Head, LegId, MachineId, Method, Reply, Request, ServerTxn, Status, Tag,
};

/// Finds the leg of a request inside a dialog, and says what a stranger's request asks for.
///
/// It learns from actions alone: the driver shows each one to [`learn`](Self::learn) as it performs it.
/// Over any clock: `I` is its instant.
///
/// Dialogs are found by our tag. A leg has at most one, so the machines bound them; the memory of
/// requests outside dialogs is bounded by `limits.answered`, and the oldest is forgotten first.
#[derive(Clone)]
pub struct Dispatch<I> {
    role: fn(&Request, &Config) -> Role,
    legs: HashMap<Tag, (MachineId, LegId)>,
    /// The same the other way round: `Closed` does not repeat the keys.
    tags: HashMap<(MachineId, LegId), Tag>,
    memory: HashMap<u64, Memory<I>>,
    /// What `memory` holds, oldest first. An entry whose transaction is not the one in `memory` any
    /// more means nothing.
    order: VecDeque<(u64, ServerTxn)>,
    /// Those in `memory` without an answer.
    pending: HashMap<ServerTxn, u64>,
    /// Dialogs that have ended, and until when that is remembered; at most [`RECENT`], oldest first.
    ended: VecDeque<(Tag, I)>,
}

/// What is known of a dialog by our tag.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Known {
    /// It is this leg's: [`Machine::dialog`](crate::Machine::dialog) shows it.
    Leg(MachineId, LegId),
    /// It has ended just now: [`Found::Over`](crate::Found::Over).
    Over,
    /// Nothing: [`Found::Nothing`](crate::Found::Nothing).
    Unknown,
}

/// Ended dialogs that are remembered; the oldest is forgotten first.
const RECENT: usize = 256;

/// Where a request goes. What no machine answers is answered by [`reply`](Self::reply).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Route {
    /// To this leg. An ACK becomes `Event::Ack`, anything else `Event::Request`.
    Leg(MachineId, LegId),
    /// To a new machine of this role, whose first event it is.
    Stranger(Role),
    /// It was answered already, under another branch: answer the same (CC-75, CC-105).
    Again(Reply),
    /// It is being worked on already, under another branch: 482 (RFC 3261 §8.2.2.2).
    Merged,
    /// There is no such dialog: 481 (RFC 3261 §12.2.2).
    NoSuchDialog,
    /// OPTIONS outside a dialog, to be answered as this role would answer an INVITE (RFC 3261 §11.2):
    /// by [`reply`](Self::reply).
    Options(Role),
    /// This method has no place outside a dialog: this status, with Allow if it is 405.
    Refuse(Status),
    /// An ACK that nobody waits for: nothing.
    Drop,
}

/// What a stranger's MESSAGE or INVITE asks us to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Role {
    /// The user agent that it is meant for.
    Terminating,
    /// The server that passes it on to the members of a group or a list.
    Controlling,
}

impl Role {
    /// The rule of a host that is a user agent, and perhaps a server at its own factory and exploder
    /// URI: requests to these are for [`Role::Controlling`].
    pub fn by_uri(request: &Request, config: &Config) -> Self {
        let Account {
            factory, exploder, ..
        } = &config.account;
        let service = [factory, exploder];
        let mut service = service.into_iter().flatten();
        if service.any(|uri| uri.equivalent(&request.uri)) {
            Self::Controlling
        } else {
            Self::Terminating
        }
    }

    /// The rule of a host that is a server and nothing else: whether a URI is a group is asked later.
    pub fn server(_: &Request, _: &Config) -> Self {
        Self::Controlling
    }
}

/// A request outside a dialog that was handed to a machine.
#[derive(Clone, Debug)]
struct Memory<I> {
    txn: ServerTxn,
    /// Its final answer, and until when it is repeated.
    answer: Option<(Reply, I)>,
}

/// How long an answer is remembered: 64·T1, as long as the server transaction that gave it would
/// repeat it (RFC 3261 §17.2.2).
const REMEMBERED: Duration = Duration::from_secs(32);

impl<I> Default for Dispatch<I> {
    fn default() -> Self {
        Self::with_roles(Role::by_uri)
    }
}

impl<I> Dispatch<I> {
    /// Knows of no dialog; strangers are sorted by [`Role::by_uri`].
    pub fn new() -> Self {
        Self::default()
    }

    /// Knows of no dialog; strangers are sorted by `role`.
    pub fn with_roles(role: fn(&Request, &Config) -> Role) -> Self {
        Self {
            role,
            legs: HashMap::new(),
            tags: HashMap::new(),
            memory: HashMap::new(),
            order: VecDeque::new(),
            pending: HashMap::new(),
            ended: VecDeque::new(),
        }
    }

    /// How many dialogs it knows, and of how many requests outside dialogs it keeps anything.
    pub fn known(&self) -> (usize, usize) {
        (self.legs.len(), self.order.len().max(self.pending.len()))
    }
}

impl<I: Copy + Ord + Add<Duration, Output = I>> Dispatch<I> {
    /// Where `request` goes, which arrived in the transaction `txn`. A CANCEL is not asked about: the
    /// transaction that it cancels is known by its branch (RFC 3261 §9.2).
    ///
    /// A [`Route::Stranger`] is remembered as pending until [`learn`](Self::learn) sees its answer;
    /// a driver that answers it itself says so by [`answered`](Self::answered).
    pub fn route(&mut self, txn: ServerTxn, request: &Request, config: &Config, now: I) -> Route {
        if let Some(tag) = request.head.to().tag() {
            return match Tag::read(tag).and_then(|tag| self.legs.get(&tag)) {
                Some(&(machine, leg)) => Route::Leg(machine, leg),
                None if request.method == Method::Ack => Route::Drop,
                None => Route::NoSuchDialog,
            };
        }
        match request.method {
            Method::Invite | Method::Message => self.stranger(txn, request, config, now),
            Method::Ack => Route::Drop,
            Method::Options => Route::Options((self.role)(request, config)),
            // Methods that live inside dialogs only (RFC 3261 §15.1.2, RFC 3311 §5.2, RFC 3262 §3,
            // RFC 6086 §4.2.2, RFC 6665 §4.1.3).
            Method::Bye
            | Method::Cancel
            | Method::Update
            | Method::Prack
            | Method::Info
            | Method::Notify => Route::NoSuchDialog,
            Method::Refer | Method::Subscribe | Method::Publish | Method::Register => {
                Route::Refuse(Status(405))
            }
            Method::Other => Route::Refuse(Status(501)),
        }
    }

    /// The dialog with this tag of ours, for [`Question::Dialog`](crate::Question::Dialog) and
    /// [`Action::Replace`].
    pub fn dialog(&self, tag: Tag, now: I) -> Known {
        match self.legs.get(&tag) {
            Some(&(machine, leg)) => Known::Leg(machine, leg),
            None if self
                .ended
                .iter()
                .any(|(ended, until)| *ended == tag && now < *until) =>
            {
                Known::Over
            }
            None => Known::Unknown,
        }
    }

    /// Learns from an action that is being performed.
    pub fn learn(&mut self, machine: MachineId, leg: LegId, action: &Action, now: I) {
        match action {
            Action::Opened(keys) => {
                self.close(machine, leg);
                if let Some(tag) = keys.dialog {
                    self.legs.insert(tag, (machine, leg));
                    self.tags.insert((machine, leg), tag);
                }
            }
            // The tag is kept nowhere: whatever comes for it hears 481.
            Action::Closed => {
                if let Some(&tag) = self.tags.get(&(machine, leg)) {
                    // That it has been lately is remembered for a while.
                    if self.ended.len() == RECENT {
                        self.ended.pop_front();
                    }
                    self.ended.push_back((tag, now + REMEMBERED));
                }
                self.close(machine, leg);
            }
            Action::Respond(txn, reply) => self.answered(*txn, reply, now),
            _ => {}
        }
    }

    /// Says how a stranger's request was answered, where no machine's action says it. Provisional
    /// answers and answers within dialogs mean nothing here.
    pub fn answered(&mut self, txn: ServerTxn, reply: &Reply, now: I) {
        if reply.status.is_provisional() {
            return;
        }
        let Some(key) = self.pending.remove(&txn) else {
            return;
        };
        if let Some(memory) = self.memory.get_mut(&key) {
            memory.answer = Some((reply.clone(), now + REMEMBERED));
        }
    }

    /// Forgets the dialogs of a machine that is dropped before it is closed. Looks at every dialog.
    pub fn forget(&mut self, machine: MachineId) {
        self.legs.retain(|_, at| at.0 != machine);
        self.tags.retain(|at, _| at.0 != machine);
    }

    fn close(&mut self, machine: MachineId, leg: LegId) {
        let tag = self.tags.remove(&(machine, leg));
        if let Some(tag) = tag.filter(|tag| self.legs.get(tag) == Some(&(machine, leg))) {
            self.legs.remove(&tag);
        }
    }

    fn stranger(&mut self, txn: ServerTxn, request: &Request, config: &Config, now: I) -> Route {
        let key = fingerprint(request.method, &request.head, config.key);
        match self.memory.get(&key).map(|memory| &memory.answer) {
            Some(None) => return Route::Merged,
            Some(Some((reply, until))) if now < *until => return Route::Again(reply.clone()),
            Some(Some(_)) | None => {}
        }
        self.remember(key, txn, config.limits.answered, now);
        Route::Stranger((self.role)(request, config))
    }

    fn remember(&mut self, key: u64, txn: ServerTxn, bound: usize, now: I) {
        while let Some(&(oldest, by)) = self.order.front() {
            let memory = self.memory.get(&oldest).filter(|memory| memory.txn == by);
            let over = match memory.map(|memory| &memory.answer) {
                Some(Some((_, until))) => *until <= now,
                Some(None) => false,
                None => true,
            };
            if !over && self.order.len() < bound {
                break;
            }
            if memory.is_some() {
                self.memory.remove(&oldest);
                self.pending.remove(&by);
            }
            self.order.pop_front();
        }
        if bound > 0 {
            let answer = None;
            self.memory.insert(key, Memory { txn, answer });
            self.pending.insert(txn, key);
            self.order.push_back((key, txn));
        }
    }
}

impl<I> fmt::Debug for Dispatch<I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Dispatch")
            .field("legs", &self.legs)
            .field("remembered", &self.memory.len())
            .finish_non_exhaustive()
    }
}

/// By what RFC 3261 §8.2.2.2 tells a request from another. Peers choose what goes in: without a key
/// they could make two requests look like one.
fn fingerprint(method: Method, head: &Head, key: [u64; 2]) -> u64 {
    let mut hash = keyed(key);
    for text in [
        method.as_str(),
        head.call_id(),
        head.from().tag().unwrap_or_default(),
    ] {
        hash.write(text.as_bytes());
        hash.write_u8(0xFF);
    }
    hash.write_u32(head.cseq());
    hash.finish()
}
