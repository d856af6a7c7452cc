//! Two hosts with any number of endpoints, whose sessions share one connection.

use std::collections::{BTreeMap, BTreeSet};

use bytes::{Bytes, BytesMut};
use simple_im::msrp::{Connection, ConnectionId, Endpoint, Letter, Sessions};
use simple_im::wire::msrp::{Decoder, Head, Kind, Piece};
use simple_im::{
    Action, Actions, Config, Context, Continuation, Down, Event, LegId, Machine, MachineId,
    MessageId, Notice, Outcome, Timer,
};

use crate::rig::client;
use crate::sim::Dice;

/// One side: its endpoints, and what its application has and gets.
pub struct Host {
    pub config: Config,
    pub endpoints: Vec<Endpoint>,
    pub sessions: Sessions,
    pub connection: Connection,
    /// Everything that was told and is not followed up below.
    pub told: Vec<(usize, Notice)>,
    /// What became of what was sent.
    pub outcomes: BTreeMap<(usize, MessageId), Outcome>,
    /// Whole messages in the order in which they were complete.
    pub received: Vec<(usize, Bytes)>,
    /// Messages that ended before: octets received.
    pub dropped: Vec<(usize, u64)>,
    /// Whether octets are given as soon as they are asked for.
    pub generous: bool,
    /// Whether messages are refused as soon as they begin.
    pub refuses: bool,
    /// The timers that run.
    pub timers: BTreeSet<(MachineId, LegId, Timer)>,
    /// Frames as they were written.
    pub wrote: Vec<String>,
    dice: Dice,
    actions: Actions,
    sources: BTreeMap<(usize, MessageId), Source>,
    arriving: BTreeMap<(usize, MessageId), Vec<Option<u8>>>,
    wanted: Vec<(usize, MessageId, u64, usize)>,
    reader: (Decoder, BytesMut, Option<(Head, usize)>),
    connections: u32,
}

struct Source {
    body: Bytes,
    sized: bool,
}

impl Host {
    pub fn new(name: &str, endpoints: usize, seed: u64) -> Self {
        let mut config = client(name);
        config.account.accept_types = "*".into();
        Self {
            config,
            endpoints: (0..endpoints).map(|_| Endpoint::new()).collect(),
            sessions: Sessions::new(),
            connection: Connection::new(ConnectionId(0)),
            told: Vec::new(),
            outcomes: BTreeMap::new(),
            received: Vec::new(),
            dropped: Vec::new(),
            generous: true,
            refuses: false,
            timers: BTreeSet::new(),
            wrote: Vec::new(),
            dice: Dice::new(seed),
            actions: Actions::new(),
            sources: BTreeMap::new(),
            arriving: BTreeMap::new(),
            wanted: Vec::new(),
            reader: (Decoder::default(), BytesMut::new(), None),
            connections: 0,
        }
    }

    /// Gives an endpoint a command or an event, and performs what it wants done.
    pub fn with<R>(
        &mut self,
        who: usize,
        say: impl FnOnce(&mut Endpoint, &mut Context<'_>) -> R,
    ) -> R {
        let mut actions = std::mem::take(&mut self.actions);
        let mut cx = Context::new(&self.config, &mut self.dice, &mut actions);
        let result = say(&mut self.endpoints[who], &mut cx);
        assert!(actions.len() <= self.config.limits.batch);
        for (leg, action) in actions.drain() {
            self.perform(who, leg, action);
        }
        self.actions = actions;
        let leg = self.endpoints[who].leg();
        let held = self.endpoints[who].held(leg);
        self.connection
            .holds((MachineId(who as u32), leg), held, &self.config);
        result
    }

    fn perform(&mut self, who: usize, leg: LegId, action: Action) {
        let at = (MachineId(who as u32), leg);
        match action {
            Action::Opened(_) => assert_eq!(leg, self.endpoints[who].leg()),
            Action::OpenMsrp(open) => self.sessions.open(at, &open),
            Action::ReleaseMsrp => {
                assert!(self.sessions.connection(at).is_none() || !self.sessions.is_empty());
                self.sessions.release(at);
                self.connection.release(at);
            }
            Action::SendChunk(chunk) => {
                self.connection
                    .send_chunk(&self.sessions, at, chunk, &mut self.dice);
            }
            Action::SendReport(report) => {
                self.connection
                    .report(&self.sessions, at, &report, &mut self.dice);
            }
            Action::RespondMsrp(txn, status) => self.connection.respond(txn, status),
            Action::StartTimer(timer, _) => {
                self.timers.insert((at.0, leg, timer));
            }
            Action::StopTimer(timer) => {
                self.timers.remove(&(at.0, leg, timer));
            }
            Action::Closed => {
                let runs = self.timers.iter().find(|(m, l, _)| (*m, *l) == at);
                assert_eq!(runs, None, "a timer outlives its leg");
            }
            Action::Tell(notice) => self.note(who, notice),
            other => panic!("{other:?} of an endpoint"),
        }
    }

    fn note(&mut self, who: usize, notice: Notice) {
        match notice {
            Notice::Wanted {
                message,
                offset,
                octets,
            } => self.wanted.push((who, message, offset, octets)),
            Notice::Data {
                message,
                offset,
                octets,
            } => {
                let there = self.arriving.entry((who, message)).or_default();
                let (at, end) = (offset as usize, offset as usize + octets.len());
                there.resize(there.len().max(end), None);
                for (place, octet) in there[at..end].iter_mut().zip(&octets) {
                    *place = Some(*octet);
                }
            }
            Notice::Received {
                message,
                whole,
                size,
                ..
            } => {
                let mut whole = whole.to_vec();
                if let Some(there) = self.arriving.remove(&(who, message)) {
                    assert!(whole.is_empty(), "in pieces or whole");
                    let there = there.into_iter().take(size as usize);
                    whole = there.map(|octet| octet.expect("no hole")).collect();
                }
                assert_eq!(whole.len() as u64, size);
                self.received.push((who, whole.into()));
            }
            Notice::Incomplete {
                received, message, ..
            } => {
                self.arriving.remove(&(who, message));
                self.dropped.push((who, received));
            }
            Notice::Outcome(message, _, outcome) => {
                let before = self.outcomes.insert((who, message), outcome);
                assert_eq!(before, None, "one outcome each");
                self.sources.remove(&(who, message));
            }
            other => self.told.push((who, other)),
        }
    }

    pub fn event(&mut self, who: usize, event: Event<'_>) {
        let leg = self.endpoints[who].leg();
        self.with(who, |endpoint, cx| endpoint.handle(leg, event, cx));
    }

    /// Lets a timer fire, if it runs.
    pub fn fire(&mut self, who: usize, timer: Timer) -> bool {
        let leg = self.endpoints[who].leg();
        let runs = self.timers.remove(&(MachineId(who as u32), leg, timer));
        if runs {
            self.event(who, Event::Timer(timer));
        }
        runs
    }

    /// Begins to send a message, whose octets are at hand.
    pub fn send(&mut self, who: usize, letter: Letter, body: Bytes) -> MessageId {
        let sized = letter.size.is_some();
        let message = self
            .with(who, |endpoint, cx| endpoint.send(letter, cx))
            .unwrap();
        self.sources.insert((who, message), Source { body, sized });
        message
    }

    /// The same, if the endpoint takes it.
    pub fn try_send(&mut self, who: usize, letter: Letter, body: Bytes) {
        let sized = letter.size.is_some();
        let begun = self.with(who, |endpoint, cx| endpoint.send(letter, cx));
        if let Ok(message) = begun
            && !self.outcomes.contains_key(&(who, message))
        {
            self.sources.insert((who, message), Source { body, sized });
        }
    }

    pub fn try_cancel(&mut self, who: usize, message: MessageId) {
        if self
            .with(who, |endpoint, cx| endpoint.cancel(message, cx))
            .is_ok()
        {
            self.sources.remove(&(who, message));
        }
    }

    pub fn try_refuse(&mut self, who: usize, message: MessageId) {
        if self
            .with(who, |endpoint, cx| endpoint.refuse(message, cx))
            .is_ok()
        {
            self.arriving.remove(&(who, message));
        }
    }

    pub fn cancel(&mut self, who: usize, message: MessageId) {
        self.with(who, |endpoint, cx| endpoint.cancel(message, cx))
            .unwrap();
        self.sources.remove(&(who, message));
    }

    /// Hands the connection's news in, and gives octets to whoever asks for some.
    pub fn listen(&mut self) {
        loop {
            let mut quiet = true;
            while let Some(news) = self.connection.poll(&mut self.sessions, &self.config) {
                quiet = false;
                let who = news.machine.0 as usize;
                news.tell(|event| {
                    self.with(who, |endpoint, cx| {
                        endpoint.handle(news.leg, Event::Msrp(event), cx)
                    });
                });
            }
            if self.refuses {
                for (who, notice) in std::mem::take(&mut self.told) {
                    if let Notice::Begun { message, .. } = notice {
                        self.with(who, |endpoint, cx| endpoint.refuse(message, cx))
                            .unwrap();
                    }
                }
            }
            if self.generous {
                for (who, message, offset, octets) in std::mem::take(&mut self.wanted) {
                    quiet = false;
                    self.supply(who, message, offset, octets);
                }
            }
            if quiet {
                return;
            }
        }
    }

    fn supply(&mut self, who: usize, message: MessageId, offset: u64, octets: usize) {
        let Some(source) = self.sources.get(&(who, message)) else {
            return;
        };
        let from = offset as usize;
        let end = (from + octets).min(source.body.len());
        let body = source.body.slice(from..end);
        let last = !source.sized && end == source.body.len();
        let given = self.with(who, |endpoint, cx| match last {
            true => endpoint.finish(message, body, cx),
            false => endpoint.supply(message, body, cx),
        });
        // It may have ended since it asked.
        let _ = given;
    }

    /// What this side writes next: a part of `most` octets or a little more.
    pub fn write(&mut self, most: usize) -> Bytes {
        let mut out = BytesMut::new();
        self.listen();
        while out.len() < most {
            let Some(octets) = self.connection.transmit() else {
                // What was written last has been, and may have led to more.
                self.listen();
                match self.connection.transmit() {
                    Some(octets) => out.extend_from_slice(&octets),
                    None => break,
                }
                continue;
            };
            out.extend_from_slice(&octets);
            self.listen();
        }
        let out = out.freeze();
        self.record(&out);
        out
    }

    fn record(&mut self, octets: &[u8]) {
        let (decoder, input, open) = &mut self.reader;
        input.extend_from_slice(octets);
        while let Some(piece) = decoder.next(input).expect("what we write can be read") {
            match piece {
                Piece::Head(head) => *open = Some((head, 0)),
                Piece::Bad(head, flaw) => panic!("we wrote {head:?}: {flaw}"),
                Piece::Octets(octets) => open.as_mut().unwrap().1 += octets.len(),
                Piece::End(flag) => {
                    let (head, size) = open.take().unwrap();
                    self.wrote.push(line(&head, size, flag));
                }
            }
        }
    }

    pub fn read(&mut self, octets: &[u8]) {
        self.connection.buffer().extend_from_slice(octets);
        self.listen();
    }

    /// The connection is gone, and there is a new one to be had.
    pub fn lose(&mut self) {
        self.connection.closed(Down::Lost);
        self.listen();
        self.connections += 1;
        self.connection = Connection::new(ConnectionId(self.connections));
        self.reader = (Decoder::default(), BytesMut::new(), None);
    }
}

/// A frame in a line: `SEND 1-2048/5000 2048 +`, with the octets that it really had.
fn line(head: &Head, size: usize, flag: Continuation) -> String {
    let star = |number: Option<u64>| number.map_or("*".into(), |number| number.to_string());
    let range = head.range();
    let range = format!("{}-{}/{}", range.start, star(range.end), star(range.total));
    let flag = match flag {
        Continuation::Last => '$',
        Continuation::More => '+',
        Continuation::Abandoned => '#',
    };
    match head.kind() {
        Kind::Send => format!("SEND {range} {size} {flag}"),
        Kind::Report => format!("REPORT {range} {}", head.status().unwrap().1),
        Kind::Response(status) => format!("{status}"),
        other => format!("{other:?}"),
    }
}

/// Two hosts and a pipe.
pub struct Pair {
    pub a: Host,
    pub b: Host,
    to_a: BytesMut,
    to_b: BytesMut,
}

impl Pair {
    /// Hosts whose `sessions` sessions are up and have said hello.
    pub fn up(sessions: usize) -> Self {
        Self::with(sessions, |_| {})
    }

    /// The same, with what differs from the defaults on both sides.
    pub fn with(sessions: usize, change: impl Fn(&mut Config)) -> Self {
        let mut pair = Self::new(sessions, change);
        pair.agree();
        pair.run();
        pair.a.wrote.clear();
        pair.b.wrote.clear();
        pair.a.told.clear();
        pair.b.told.clear();
        pair
    }

    /// Hosts without sessions, of which `change` is made.
    pub fn new(sessions: usize, change: impl Fn(&mut Config)) -> Self {
        let mut pair = Self {
            a: Host::new("alice", sessions, 1),
            b: Host::new("bob", sessions, 2),
            to_a: BytesMut::new(),
            to_b: BytesMut::new(),
        };
        change(&mut pair.a.config);
        change(&mut pair.b.config);
        pair
    }

    /// Every endpoint of `a` offers, `b` answers, and `a` connects.
    pub fn agree(&mut self) {
        let Self { a, b, .. } = self;
        for who in 0..a.endpoints.len() {
            let offer = a.with(who, |endpoint, cx| endpoint.offer(cx)).unwrap();
            let answer = b
                .with(who, |endpoint, cx| endpoint.answer(offer.sdp, cx))
                .unwrap();
            a.with(who, |endpoint, cx| endpoint.conclude(answer.sdp, cx))
                .unwrap();
            let at = (MachineId(who as u32), a.endpoints[who].leg());
            assert!(a.sessions.target(at).is_some());
            assert!(a.connection.connected(&mut a.sessions, at));
        }
    }

    /// The same for those that have no session, as far as they take part.
    pub fn try_agree(&mut self) {
        let Self { a, b, .. } = self;
        for who in 0..a.endpoints.len() {
            let Ok(offer) = a.with(who, |endpoint, cx| endpoint.offer(cx)) else {
                continue;
            };
            let Ok(answer) = b.with(who, |endpoint, cx| endpoint.answer(offer.sdp, cx)) else {
                continue;
            };
            a.with(who, |endpoint, cx| endpoint.conclude(answer.sdp, cx))
                .unwrap();
            let at = (MachineId(who as u32), a.endpoints[who].leg());
            a.connection.connected(&mut a.sessions, at);
        }
    }

    /// Carries what both write until neither has anything.
    pub fn run(&mut self) {
        while self.step(usize::MAX, usize::MAX) {}
    }

    /// Lets both write about `written` octets and read `read`; whether anything moved.
    pub fn step(&mut self, written: usize, read: usize) -> bool {
        self.to_b.extend_from_slice(&self.a.write(written));
        self.to_a.extend_from_slice(&self.b.write(written));
        let moves = !(self.to_a.is_empty() && self.to_b.is_empty());
        for (pipe, host) in [(&mut self.to_a, &mut self.a), (&mut self.to_b, &mut self.b)] {
            let octets = pipe.split_to(read.min(pipe.len()));
            host.read(&octets);
        }
        moves
    }

    /// The connection breaks: what is on its way is lost.
    pub fn cut(&mut self) {
        self.to_a.clear();
        self.to_b.clear();
        self.a.lose();
        self.b.lose();
        // Who had not been bound learns of it by waiting in vain.
        for host in [&mut self.a, &mut self.b] {
            for who in 0..host.endpoints.len() {
                host.fire(who, Timer::Bind);
            }
        }
    }

    /// Everybody goes, and nothing is left.
    pub fn close(&mut self) {
        for host in [&mut self.a, &mut self.b] {
            for who in 0..host.endpoints.len() {
                host.with(who, |endpoint, cx| endpoint.close(cx));
                assert!(host.endpoints[who].is_closed());
            }
            assert!(host.sessions.is_empty(), "a session is not released");
            assert!(host.timers.is_empty(), "{:?}", host.timers);
            assert!(host.sources.is_empty(), "a message without outcome");
            assert!(host.arriving.is_empty(), "a message without end");
        }
    }
}

/// So many octets that tell where they belong.
pub fn octets(size: usize) -> Bytes {
    (0..size).map(|at| (at * 31 + at / 251) as u8).collect()
}

pub fn letter(size: usize) -> Letter {
    Letter::new("application/octet-stream", Some(size as u64))
}
