//! Nodes, links and the clock.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap};
use std::fmt::Write;
use std::time::Duration;

use bytes::Bytes;
use simple_im::msrp::ConnectionId;
use simple_im::{Down, Uri};

use super::node::{Node, Output};
use super::txn::{Hop, Sent};
use super::{Dice, Time};

/// What links do to datagrams, and how they cut streams into pieces.
#[derive(Clone, Copy, Debug)]
pub struct Faults {
    /// Datagrams lost, in a hundred.
    pub loss: u8,
    /// Datagrams repeated, in a hundred.
    pub duplicate: u8,
    /// How long anything takes: from, to. A spread reorders datagrams, never the pieces of a stream.
    pub delay: (Duration, Duration),
    /// The longest piece of a stream that arrives at once.
    pub piece: usize,
}

impl Faults {
    /// A link that does everything right, in 10 ms.
    pub const NONE: Self = Self {
        loss: 0,
        duplicate: 0,
        delay: (Duration::from_millis(10), Duration::from_millis(10)),
        piece: usize::MAX,
    };
}

/// What became of something that was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    Arrives,
    Lost,
    /// A second copy.
    Repeated,
}

/// One datagram or one piece of a stream, as it was sent.
#[derive(Clone, Debug)]
pub struct Traced {
    pub sent: Time,
    /// When it arrives; when it was sent, if it is lost.
    pub arrives: Time,
    pub from: usize,
    pub to: usize,
    pub msrp: bool,
    pub fate: Fate,
    pub octets: Bytes,
}

impl Traced {
    pub fn first_line(&self) -> String {
        let line = self.octets.split(|octet| *octet == b'\r').next();
        String::from_utf8_lossy(line.unwrap_or_default()).into_owned()
    }
}

/// Nodes, joined by links.
pub struct Net {
    pub now: Time,
    pub nodes: Vec<Node>,
    pub faults: Faults,
    pub trace: Vec<Traced>,
    /// Whether the core between the nodes vouches for who they say they are (RFC 3325).
    pub vouches: bool,
    dice: Dice,
    /// Who serves which `user@host` or host.
    names: BTreeMap<String, usize>,
    /// Who listens where for MSRP.
    listeners: BTreeMap<(String, u16), usize>,
    flying: BinaryHeap<Reverse<Flying>>,
    count: u64,
    streams: Vec<Stream>,
    ends: BTreeMap<(usize, ConnectionId), (usize, Side)>,
    /// When each node has something to do, and all of that in order.
    deadlines: Vec<Option<Time>>,
    due: BTreeSet<(Time, usize)>,
}

/// Ordered by arrival, and by sending where that is the same.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Flying {
    at: Time,
    number: u64,
    what: What,
}

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
enum What {
    Datagram(usize, usize, Bytes),
    /// The connection is made, at its maker's end.
    Made(usize),
    Refused(usize, ConnectionId),
    Piece(usize, Side, Bytes),
    End(usize, Side),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Side {
    Maker,
    Taker,
}

impl Side {
    fn other(self) -> Self {
        match self {
            Self::Maker => Self::Taker,
            Self::Taker => Self::Maker,
        }
    }
}

/// A connection: who holds its ends, and when the last piece arrives at each.
#[derive(Debug)]
struct Stream {
    maker: (usize, ConnectionId),
    taker: (usize, ConnectionId),
    latest: [Time; 2],
    open: bool,
}

impl Net {
    pub fn new(seed: u64, faults: Faults) -> Self {
        Self {
            now: Time::ZERO,
            nodes: Vec::new(),
            faults,
            trace: Vec::new(),
            vouches: true,
            dice: Dice::new(seed),
            names: BTreeMap::new(),
            listeners: BTreeMap::new(),
            flying: BinaryHeap::new(),
            count: 0,
            streams: Vec::new(),
            ends: BTreeMap::new(),
            deadlines: Vec::new(),
            due: BTreeSet::new(),
        }
    }

    /// Joins a node, which serves its own name, its account's address and contact, and `names`:
    /// `user@host` or host.
    pub fn join(&mut self, node: Node, names: &[&str]) -> usize {
        let index = self.nodes.len();
        let account = &node.config.account;
        let own = [
            node.name.clone(),
            user_at_host(account.address.as_str()),
            user_at_host(account.contact.as_str()),
        ];
        for name in own.into_iter().chain(names.iter().map(|n| n.to_string())) {
            self.names.insert(name, index);
        }
        let msrp = &node.config.msrp;
        self.listeners.insert((msrp.host.clone(), msrp.port), index);
        self.nodes.push(node);
        self.deadlines.push(None);
        self.refresh(index);
        index
    }

    /// Does something at a node, and sends what comes of it.
    pub fn at<R>(&mut self, node: usize, run: impl FnOnce(&mut Node, Time) -> R) -> R {
        let result = run(&mut self.nodes[node], self.now);
        self.collect(node);
        self.refresh(node);
        result
    }

    /// Runs until nothing is under way any more; `false` if that takes longer than `patience`.
    pub fn run(&mut self, patience: Duration) -> bool {
        let until = self.now + patience;
        while let Some(next) = self.next() {
            if next > until {
                return false;
            }
            self.step();
        }
        true
    }

    /// Runs for some time.
    pub fn run_for(&mut self, time: Duration) {
        let until = self.now + time;
        while self.next().is_some_and(|next| next <= until) {
            self.step();
        }
        self.now = until;
    }

    /// When something happens next.
    pub fn next(&self) -> Option<Time> {
        let flying = self.flying.peek().map(|Reverse(flying)| flying.at);
        let nodes = self.due.first().map(|(at, _)| *at);
        let next = nodes.into_iter().chain(flying).min();
        // What became due while something else was done is done at once.
        next.map(|next| next.max(self.now))
    }

    /// Does the next thing: arrivals first, then what is due at the nodes, in their order.
    pub fn step(&mut self) {
        let Some(next) = self.next() else {
            return;
        };
        self.now = next;
        if self.flying.peek().is_some_and(|Reverse(f)| f.at <= next) {
            let Reverse(flying) = self.flying.pop().unwrap();
            self.arrive(flying.what);
            return;
        }
        let due = self.due.range(..=(next, usize::MAX));
        let mut due: Vec<usize> = due.map(|(_, node)| *node).collect();
        due.sort_unstable();
        for node in due {
            self.at(node, Node::tick);
        }
    }

    /// Notes when a node has something to do.
    fn refresh(&mut self, node: usize) {
        let deadline = self.nodes[node].deadline();
        if let Some(old) = std::mem::replace(&mut self.deadlines[node], deadline) {
            self.due.remove(&(old, node));
        }
        self.due.extend(deadline.map(|at| (at, node)));
    }

    /// Breaks every stream that is open.
    pub fn cut(&mut self) {
        for stream in 0..self.streams.len() {
            self.end(stream, Side::Maker);
            self.end(stream, Side::Taker);
            self.streams[stream].open = false;
        }
    }

    /// Checks what is due at rest and panics with everything that was broken, and the ladder.
    pub fn check(&mut self) {
        let mut broken = Vec::new();
        for node in &mut self.nodes {
            node.monitor.rest();
            let name = &node.name;
            let short = |b: &String| b.chars().take(600).collect::<String>();
            broken.extend(
                node.monitor
                    .broken
                    .iter()
                    .map(|b| format!("{name}: {}", short(b))),
            );
            broken.extend(node.layer.flaws.iter().map(|f| format!("{name}: {f}")));
        }
        let count = broken.len();
        broken.truncate(20);
        let ladder = self.ladder();
        let ladder: Vec<&str> = ladder.lines().rev().take(300).collect();
        let ladder = ladder.into_iter().rev().collect::<Vec<_>>().join("\n");
        assert!(
            count == 0,
            "{count} broken\n{}\n\n{ladder}",
            broken.join("\n")
        );
    }

    /// Everything that happened, to compare two runs by (invariant 2).
    pub fn digest(&self) -> String {
        let mut digest = self.ladder();
        for node in &self.nodes {
            for entry in &node.log {
                writeln!(digest, "{} {entry:?}", node.name).unwrap();
            }
        }
        digest
    }

    /// What was sent, one line a datagram or MSRP head.
    pub fn ladder(&self) -> String {
        let mut ladder = String::new();
        let heads = |sent: &&Traced| !sent.msrp || sent.octets.starts_with(b"MSRP ");
        for sent in self.trace.iter().filter(heads) {
            let arrow = match sent.fate {
                Fate::Arrives => "──▶",
                Fate::Lost => "──✗",
                Fate::Repeated => "─2▶",
            };
            let (from, to) = (&self.nodes[sent.from].name, &self.nodes[sent.to].name);
            let (ms, line) = (sent.sent.as_millis(), sent.first_line());
            writeln!(ladder, "{ms:>8} ms  {from} {arrow} {to}  {line}").unwrap();
        }
        ladder
    }

    fn arrive(&mut self, what: What) {
        match what {
            What::Datagram(from, to, octets) => {
                self.at(to, |node, now| node.datagram(&octets, from, now));
            }
            What::Made(stream) => {
                let (node, id) = self.streams[stream].maker;
                self.at(node, |node, now| node.connected(id, now));
            }
            What::Refused(node, id) => {
                self.at(node, |node, now| {
                    node.disconnected(id, Down::Unreachable, now);
                });
            }
            What::Piece(stream, side, octets) => {
                let (node, id) = self.streams[stream].end(side);
                self.at(node, |node, now| node.octets(id, &octets, now));
            }
            What::End(stream, side) => {
                let (node, id) = self.streams[stream].end(side);
                self.at(node, |node, now| node.disconnected(id, Down::Lost, now));
            }
        }
    }

    /// Sends what a node has put out.
    fn collect(&mut self, from: usize) {
        while let Some(output) = self.nodes[from].outputs.pop_front() {
            match output {
                Output::Sip(sent) => self.datagram(from, &sent),
                Output::Connect(id, host, port) => self.connect((from, id), &(host, port)),
                Output::Write(id, octets) => self.write((from, id), &octets),
                Output::Close(id) => {
                    if let Some(&(stream, side)) = self.ends.get(&(from, id)) {
                        self.end(stream, side.other());
                        self.streams[stream].open = false;
                    }
                }
            }
        }
    }

    fn datagram(&mut self, from: usize, sent: &Sent) {
        let to = match &sent.to {
            Hop::Node(to) => Some(*to),
            Hop::Uri(uri) => self.serves(uri),
        };
        let Some(to) = to else {
            self.nodes[from].unreachable(sent, self.now);
            return self.refresh(from);
        };
        let octets = match self.vouches {
            true => vouched(&sent.octets),
            false => sent.octets.clone(),
        };
        if self.dice.chance(self.faults.loss) {
            return self.note(self.now, from, to, false, Fate::Lost, &octets);
        }
        let copies = [Fate::Arrives, Fate::Repeated];
        let twice = usize::from(self.dice.chance(self.faults.duplicate));
        for fate in &copies[..=twice] {
            let at = self.now + self.delay();
            self.note(at, from, to, false, *fate, &octets);
            self.fly(at, What::Datagram(from, to, octets.clone()));
        }
    }

    fn connect(&mut self, maker: (usize, ConnectionId), to: &(String, u16)) {
        let at = self.now + self.delay();
        let Some(&taker) = self.listeners.get(to) else {
            return self.fly(at, What::Refused(maker.0, maker.1));
        };
        let taker = (taker, self.nodes[taker].accepted());
        let stream = self.streams.len();
        self.ends.insert(maker, (stream, Side::Maker));
        self.ends.insert(taker, (stream, Side::Taker));
        let (latest, open) = ([at; 2], true);
        self.streams.push(Stream {
            maker,
            taker,
            latest,
            open,
        });
        self.fly(at, What::Made(stream));
    }

    fn write(&mut self, from: (usize, ConnectionId), octets: &Bytes) {
        let Some(&(stream, side)) = self.ends.get(&from) else {
            return;
        };
        if !self.streams[stream].open {
            return;
        }
        let (to, _) = self.streams[stream].end(side.other());
        let at = self.due(stream, side.other());
        self.note(at, from.0, to, true, Fate::Arrives, octets);
        let mut rest = octets.clone();
        while !rest.is_empty() {
            let most = rest.len().min(self.faults.piece);
            let piece = 1 + usize::try_from(self.dice.below(most as u64)).unwrap();
            let piece = if self.faults.piece == usize::MAX {
                rest.len()
            } else {
                piece
            };
            let at = self.due(stream, side.other());
            let piece = rest.split_to(piece);
            self.fly(at, What::Piece(stream, side.other(), piece));
        }
    }

    /// The last thing that this side of a stream hears.
    fn end(&mut self, stream: usize, side: Side) {
        if self.streams[stream].open {
            let at = self.due(stream, side);
            self.fly(at, What::End(stream, side));
        }
    }

    /// When the next piece arrives at this side: never before the one before.
    fn due(&mut self, stream: usize, side: Side) -> Time {
        let at = self.now + self.delay();
        let latest = &mut self.streams[stream].latest[side as usize];
        *latest = at.max(*latest);
        *latest
    }

    fn delay(&mut self) -> Duration {
        let (low, high) = self.faults.delay;
        self.dice.between(low, high)
    }

    fn fly(&mut self, at: Time, what: What) {
        self.count += 1;
        let number = self.count;
        self.flying.push(Reverse(Flying { at, number, what }));
    }

    fn note(&mut self, at: Time, from: usize, to: usize, msrp: bool, fate: Fate, octets: &Bytes) {
        let octets = octets.clone();
        self.trace.push(Traced {
            sent: self.now,
            arrives: at,
            from,
            to,
            msrp,
            fate,
            octets,
        });
    }

    fn serves(&self, uri: &str) -> Option<usize> {
        let name = user_at_host(uri);
        let host = name.rsplit('@').next().unwrap_or_default();
        let found = self.names.get(&name).or_else(|| self.names.get(host));
        found.copied()
    }
}

impl Stream {
    fn end(&self, side: Side) -> (usize, ConnectionId) {
        match side {
            Side::Maker => self.maker,
            Side::Taker => self.taker,
        }
    }
}

/// `user@host` of a SIP URI, `host` without user.
fn user_at_host(uri: &str) -> String {
    let Ok(uri) = Uri::copy(uri) else {
        return String::new();
    };
    let host = uri.host().to_ascii_lowercase();
    match uri.user() {
        Some(user) => format!("{user}@{host}"),
        None => host,
    }
}

/// What a trusted proxy makes of a request: the identity that is preferred becomes the one that is asserted.
fn vouched(octets: &Bytes) -> Bytes {
    let head = head_len(octets);
    let Ok(text) = std::str::from_utf8(&octets[..head]) else {
        return octets.clone();
    };
    if !text.contains("\r\nP-Preferred-Identity:") {
        return octets.clone();
    }
    let text = text.replace("\r\nP-Preferred-Identity:", "\r\nP-Asserted-Identity:");
    [text.as_bytes(), &octets[head..]].concat().into()
}

/// Where the head ends.
fn head_len(octets: &[u8]) -> usize {
    let end = octets.windows(4).position(|four| four == b"\r\n\r\n");
    end.unwrap_or(octets.len())
}
