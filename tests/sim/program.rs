//! Programs of events: any octets are a program for one machine, and every program keeps the invariants.
//!
//! The first octets choose the role and the configuration, the rest are instructions. Zeros mean the usual:
//! the request that is well-formed, the answer that is yes. Octets that are missing are zeros.
//!
//! Everything that a program needs is here and in `invariants`, so that fuzzers can take it along. With the
//! environment variable `TRACE` set it says what happens.
#![allow(
    dead_code,
    missing_docs,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

#[path = "invariants.rs"]
mod invariants;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::mem;
use std::sync::OnceLock;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use simple_im::profile::Prack;
use simple_im::wire::sip::{
    cancel_of, parse_request, parse_response, write_request, write_response,
};
use simple_im::{
    Access, Account, Action, Actions, Answer, AskId, ByteRange, Chunk, ChunkId, ClientTxn, Config,
    Content, Context, Continuation, Controlling, CopyControl, DialogView, Down, Draft, Entropy,
    Event, FailureReport, Found, LegId, LookupError, Machine, MachineId, Method, MsrpAuthority,
    MsrpEvent, MsrpTxn, Notice, Originating, Outgoing, PathKnowledge, Profile, Question, Recipient,
    RecipientId, Refusal, Reply, ReportHead, Request, SendHead, ServerTxn, Stage, Status, Target,
    Terminating, Timer, TxnError, Uri,
};

use invariants::Monitor;

/// The virtual clock.
type Time = Duration;

/// Runs a program and checks every invariant on the way and at the end.
pub fn check(program: &[u8]) {
    run(program, false);
}

/// Everything that the machine did, in order: the same for the same program (invariant 2).
pub fn record(program: &[u8]) -> Vec<String> {
    run(program, true)
}

fn run(program: &[u8], record: bool) -> Vec<String> {
    let mut tape = Tape(program);
    let mut world = World::new(&mut tape);
    world.record = record.then(Vec::new);
    let mut budget = 2_000;
    while let Some(instruction) = tape.next() {
        world.step(instruction, &mut tape);
        budget -= 1;
        if world.role.machine().is_closed() || budget == 0 {
            break;
        }
    }
    world.finish()
}

/// The octets of a program that are left.
struct Tape<'a>(&'a [u8]);

impl Tape<'_> {
    fn next(&mut self) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*first)
    }

    fn byte(&mut self) -> u8 {
        self.next().unwrap_or(0)
    }

    fn below(&mut self, bound: usize) -> usize {
        usize::from(self.byte()) % bound
    }

    fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len())]
    }

    /// One of the things there are; the last for zero.
    fn of<T: Clone>(&mut self, from: &[T]) -> Option<T> {
        let place = usize::from(self.byte()) % from.len().max(1);
        from.iter().rev().nth(place).cloned()
    }
}

struct Dice(u64);

impl Entropy for Dice {
    fn draw(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }
}

enum Role {
    Originating(Originating),
    Terminating(Terminating),
    Controlling(Controlling),
}

impl Role {
    fn machine(&mut self) -> &mut dyn Machine {
        match self {
            Self::Originating(machine) => machine,
            Self::Terminating(machine) => machine,
            Self::Controlling(machine) => machine,
        }
    }
}

/// A request of the machine's.
#[derive(Clone)]
struct Sent {
    leg: LegId,
    request: Outgoing,
    last: Option<u16>,
}

/// A dialog as the peer sees it.
#[derive(Clone)]
struct Peer {
    leg: LegId,
    from: String,
    to: String,
    call_id: String,
}

/// The MSRP session of a leg, as a connection sees it.
#[derive(Default)]
struct Link {
    up: bool,
    down: bool,
    /// How often the machine has opened it: the second time offer and answer have agreed.
    opened: u32,
    /// The request that is arriving: which octet comes next.
    open: Option<u64>,
    /// Its transaction, if it is to be answered.
    asks: Option<MsrpTxn>,
    /// The chunk that has not been written.
    unwritten: Option<ChunkId>,
    chunks: Vec<ChunkId>,
    /// The Message-ID of what the machine sends.
    message: String,
    /// How far the peer's own message has come.
    at: u64,
}

/// The tags of a dialog that strangers name.
const OURS: &str = "00000000000abcde";
const THEIRS: &str = "49583";

struct World {
    role: Role,
    config: Config,
    dice: Dice,
    actions: Actions,
    monitor: Monitor,
    now: Time,
    timers: BTreeMap<(LegId, Timer), Time>,
    asked: Vec<(AskId, Question)>,
    sent: Vec<Sent>,
    peers: Vec<Peer>,
    heard: BTreeMap<ServerTxn, (LegId, Request)>,
    legs: Vec<LegId>,
    links: BTreeMap<LegId, Link>,
    owed: BTreeSet<MsrpTxn>,
    count: u32,
    size: u64,
    /// The last reliable response that the machine sent, and the last that its peer sends.
    rseq: u32,
    next_rseq: u32,
    /// What has been done, if somebody wants to know.
    record: Option<Vec<String>>,
}

const ME: MachineId = MachineId(1);

fn uri(text: &str) -> Uri {
    Uri::copy(text).unwrap()
}

/// What stands at this place of any message: so that octets out of place show.
fn octet(at: u64) -> u8 {
    (at % 251) as u8
}

fn octets(at: u64, len: usize) -> Bytes {
    (at..).take(len).map(octet).collect()
}

fn tracing() -> bool {
    static TRACING: OnceLock<bool> = OnceLock::new();
    *TRACING.get_or_init(|| std::env::var_os("TRACE").is_some())
}

impl World {
    fn new(tape: &mut Tape<'_>) -> Self {
        let role = tape.below(3);
        let name = ["alice", "bob", "im"][role];
        let mut account = Account::new(
            uri(&format!("sip:{name}@example.com")),
            uri(&format!("sip:{name}@{name}.example.com")),
        );
        account.factory = Some(uri("sip:factory@im.example.com"));
        account.exploder = Some(uri("sip:exploder@im.example.com"));
        let msrp = MsrpAuthority {
            host: format!("{name}.example.com"),
            port: 2855,
            tls: false,
        };
        let mut config = Config::new(account, msrp, [1, 2]);
        configure(&mut config, tape.byte());
        let mut monitor = Monitor::new(config.limits.clone(), config.profile.echo_to_originator);
        let origin = (role == 2).then(|| String::from(MEMBERS[0]));
        monitor.born(ME, origin);
        Self {
            role: match role {
                0 => Role::Originating(Originating::new()),
                1 => Role::Terminating(Terminating::new()),
                _ => Role::Controlling(Controlling::new()),
            },
            config,
            dice: Dice(0x9E37_79B9_7F4A_7C15),
            actions: Actions::new(),
            monitor,
            now: Time::ZERO,
            timers: BTreeMap::new(),
            asked: Vec::new(),
            sent: Vec::new(),
            peers: Vec::new(),
            heard: BTreeMap::new(),
            legs: vec![LegId::FIRST],
            links: BTreeMap::new(),
            owed: BTreeSet::new(),
            count: 0,
            size: 0,
            rseq: 0,
            next_rseq: 0,
            record: None,
        }
    }

    fn step(&mut self, instruction: u8, tape: &mut Tape<'_>) {
        match instruction % 16 {
            0 => self.begin(tape),
            1 => self.inside(tape),
            2 => self.acknowledge(tape),
            3 => self.cancel(tape),
            4 | 5 => self.respond(tape),
            6 => self.fail(tape),
            7 => self.answer(tape),
            8 => self.tick(),
            9 => self.fire(tape),
            10 => self.haunt(tape),
            11 => self.msrp(tape),
            12 => self.arrive(tape),
            13 => self.command(tape),
            14 => self.drain(tape),
            _ => self.stray(tape),
        }
    }

    /// Ends the exchange: after `close` and answers to whatever is outstanding every leg is closed.
    fn finish(mut self) -> Vec<String> {
        self.call("close", |role, cx| role.machine().close(cx));
        for _ in 0..5_000 {
            if self.role.machine().is_closed() {
                break;
            }
            let unanswered = self
                .sent
                .iter()
                .position(|sent| sent.last.is_none_or(|last| last < 200));
            if self.timers.values().any(|due| *due <= self.now) {
                self.tick();
            } else if let Some(place) = unanswered {
                self.give_up(place, TxnError::Timeout);
            } else if !self.timers.is_empty() {
                self.tick();
            } else {
                break;
            }
        }
        assert!(self.role.machine().is_closed(), "it does not end");
        self.monitor.rest();
        self.sound();
        self.record.unwrap_or_default()
    }

    fn sound(&self) {
        let broken = &self.monitor.broken;
        assert!(broken.is_empty(), "{broken:#?}");
    }

    fn call(&mut self, what: &str, run: impl FnOnce(&mut Role, &mut Context<'_>)) {
        if tracing() {
            eprintln!("{what}");
        }
        let mut actions = mem::take(&mut self.actions);
        run(
            &mut self.role,
            &mut Context::new(&self.config, &mut self.dice, &mut actions),
        );
        let over = self.role.machine().is_closed();
        if tracing() {
            for (leg, action) in actions.as_slice() {
                eprintln!("    {leg:?} {action:?}");
            }
        }
        if let Some(record) = &mut self.record {
            record.push(format!("{actions:?}"));
        }
        self.monitor.called(self.now, ME, actions.as_slice(), over);
        self.sound();
        for (leg, action) in actions.drain() {
            self.perform(leg, action);
        }
        self.actions = actions;
    }

    fn on(&mut self, leg: LegId, event: Event<'_>) {
        let what = if tracing() {
            format!("{leg:?} {}", brief(&event))
        } else {
            String::new()
        };
        self.call(&what, |role, cx| role.machine().handle(leg, event, cx));
    }

    fn perform(&mut self, leg: LegId, action: Action) {
        match action {
            Action::Opened(_) => {
                if !self.legs.contains(&leg) {
                    self.legs.push(leg);
                }
            }
            Action::SendRequest(request) => self.sends(leg, request),
            Action::SendAck(request) => {
                read(&request);
            }
            Action::SendCancel(txn) => {
                let invite = self
                    .sent
                    .iter()
                    .rev()
                    .find(|sent| (sent.leg, sent.request.txn) == (leg, txn));
                let mut out = BytesMut::new();
                cancel_of(&mut out, &invite.unwrap().request, VIA);
                parse_request(&out.freeze()).expect("a CANCEL that can be read");
            }
            Action::Respond(txn, reply) => self.replies(leg, txn, &reply),
            Action::StartTimer(timer, after) => {
                self.timers.insert((leg, timer), self.now + after);
            }
            Action::StopTimer(timer) => {
                self.timers.remove(&(leg, timer));
            }
            // The new dialog is there, so the old one could be found.
            Action::Replace(tag) => assert_eq!(tag.to_string(), OURS),
            Action::Ask(ask, question) => {
                assert!(
                    self.asked.iter().all(|(asked, _)| *asked != ask),
                    "{ask:?} again"
                );
                self.asked.push((ask, question));
            }
            Action::Tell(notice) => self.told(&notice),
            Action::OpenMsrp(_) => {
                self.links.entry(leg).or_default().opened += 1;
            }
            Action::SendChunk(chunk) => self.chunk(leg, &chunk),
            Action::RespondMsrp(txn, status) => {
                assert!(
                    self.owed.remove(&txn),
                    "{txn:?} is answered again: {status}"
                );
            }
            Action::SendReport(report) => {
                assert!(report.start <= report.end + 1, "{report:?}");
            }
            Action::ReleaseMsrp => {
                self.links.remove(&leg);
            }
            Action::Closed => {
                self.legs.retain(|open| *open != leg);
                self.peers.retain(|peer| peer.leg != leg);
            }
        }
    }

    fn sends(&mut self, leg: LegId, request: Outgoing) {
        let asked = read(&request);
        if request.txn == ClientTxn::NOBODY {
            return;
        }
        if request.method == Method::Invite && request.fresh.is_some() {
            let head = &asked.head;
            self.peers.push(Peer {
                leg,
                from: format!("{};tag=peer", head.header("To").unwrap()),
                to: head.header("From").unwrap().into(),
                call_id: head.call_id().into(),
            });
        }
        self.sent.push(Sent {
            leg,
            request,
            last: None,
        });
    }

    fn replies(&mut self, leg: LegId, txn: ServerTxn, reply: &Reply) {
        let (_, request) = &self.heard[&txn];
        let head = &request.head;
        let mut out = BytesMut::new();
        write_response(&mut out, reply, head);
        let read = parse_response(&out.freeze()).expect("a response that can be read");
        if let Some(rseq) = read.head.rseq() {
            assert!(read.head.required().reliable && reply.status.is_provisional());
            self.rseq = rseq;
        }
        if let (Method::Invite, Some(tag)) = (request.method, reply.tag) {
            let peer = Peer {
                leg,
                from: head.header("From").unwrap().into(),
                to: format!("{};tag={tag}", head.header("To").unwrap()),
                call_id: head.call_id().into(),
            };
            if self.peers.iter().all(|known| known.to != peer.to) {
                self.peers.push(peer);
            }
        }
    }

    fn told(&mut self, notice: &Notice) {
        match notice {
            Notice::Data { offset, octets, .. } => in_place(*offset, octets),
            Notice::Received { whole, size, .. } => {
                assert!(whole.is_empty() || whole.len() as u64 == *size);
                in_place(0, whole);
            }
            _ => {}
        }
    }

    fn chunk(&mut self, leg: LegId, chunk: &Chunk) {
        let link = self.links.get_mut(&leg).unwrap();
        assert!(link.up && !link.down, "a chunk without a connection");
        assert!(chunk.body.len() <= 2048, "more than a piece");
        if !chunk.body.is_empty() {
            let before = link.unwritten.replace(chunk.id);
            assert!(before.is_none(), "two chunks at the connection");
        }
        let end = chunk.start - 1 + chunk.body.len() as u64;
        assert!(end <= chunk.total.unwrap());
        assert!(chunk.body.is_empty() || !chunk.mime.is_empty());
        // An exploded list has its recipients in another body.
        in_place(chunk.start - 1, &chunk.body);
        link.message = chunk.message.to_string();
        link.chunks.push(chunk.id);
        assert!(link.chunks.len() <= 9, "nine unanswered chunks");
        self.size = chunk.total.unwrap();
    }
}

/// An event in a line.
fn brief(event: &Event<'_>) -> String {
    match event {
        Event::Request(txn, request) => format!("{:?} in {txn:?}", request.method),
        Event::Ack(_) => String::from("Ack"),
        Event::Response(txn, response) => format!("{} to {txn:?}", response.status),
        event => format!("{event:?}"),
    }
}

fn in_place(at: u64, found: &[u8]) {
    for (at, found) in (at..).zip(found) {
        assert_eq!(*found, octet(at), "octet {at}");
    }
}

const VIA: &str = "Via: SIP/2.0/UDP h;branch=z9hG4bK1\r\n";

/// A request as the peer reads it.
fn read(request: &Outgoing) -> Request {
    let mut out = BytesMut::new();
    write_request(&mut out, request, VIA);
    parse_request(&out.freeze()).expect("a request that can be read")
}

/// Bits of the second octet; none is the default.
fn configure(config: &mut Config, bits: u8) {
    let on = |bit: u8| bits & (1 << bit) != 0;
    if on(0) {
        config.profile = Profile::draft_seed();
    }
    if on(1) {
        let limits = &mut config.limits;
        limits.batch = 16;
        limits.in_flight = 2;
        limits.legs = 2;
        limits.forks = 2;
        limits.chunks = 2;
        limits.list_entries = 4;
        limits.adhoc_group = 4;
        limits.ranges = 3;
        limits.whole = 300;
        limits.message = 5_000;
        limits.stored = 5_000;
        limits.dialog_octets = 600;
    }
    config.profile.echo_to_originator |= on(2);
    config.profile.list_without_disposition |= on(3);
    config.profile.pager_too_big_fallback ^= on(4);
    if on(5) {
        config.limits.in_flight = 1;
        config.limits.legs = 1;
    }
    if on(6) {
        config.profile.msrp_chunk = simple_im::profile::Chunking::Pieces(100);
    }
    if on(7) {
        config.profile.prack_caller = Prack::Supported;
        config.profile.prack_callee = Prack::Required;
        config.profile.answer_in_provisional = true;
    }
}

const MEMBERS: [&str; 6] = [
    "sip:alice@example.com",
    "sip:bob@example.com",
    "sip:carol@example.com",
    "tel:+4930123456",
    "sip:dave@example.org;transport=tcp",
    "sips:erin@example.net:5061",
];

/// A dialog of the machine's host that somebody wants to replace; zeros are the one that is meant.
fn replaced(tape: &mut Tape<'_>) -> DialogView {
    let text = |text: &'static str| Bytes::from_static(text.as_bytes());
    let stages = [Stage::Confirmed, Stage::Calling, Stage::Called, Stage::Over];
    DialogView {
        call_id: text(tape.pick(&["a", "b"])),
        local_tag: text(OURS),
        remote_tag: text(tape.pick(&[THEIRS, "", "x"])),
        peer: uri(tape.pick(&MEMBERS)),
        target: uri(MEMBERS[0]),
        stage: tape.pick(&stages),
    }
}

/// Lines that a request or response may have besides; one of three at most.
const LINES: [&str; 32] = [
    "Subject: hello",
    "Require: timer",
    "Require: recipient-list-invite",
    "Require: recipient-list-message",
    "Require: 100rel, foo",
    "Session-Expires: 1800;refresher=uac",
    "Session-Expires: 1800;refresher=uas",
    "Session-Expires: 90",
    "Session-Expires: 30;refresher=uac",
    "Min-SE: 3600",
    "Min-SE: 4000000000",
    "Privacy: id",
    "Privacy: id;critical",
    "Privacy: none",
    "Content-Encoding: gzip",
    "Warning: 399 h \"127 not authorised\"",
    "Warning: 399 h \"122 too many participants\"",
    "Warning: 304 h \"types\"",
    "Retry-After: 1",
    "Record-Route: <sip:p1.example.com;lr>, <sip:p2.example.com;lr>",
    "Record-Route: <sip:strict.example.com>",
    "Allow: INVITE, ACK, BYE, CANCEL",
    "Allow: UPDATE, MESSAGE",
    "Unsupported: recipient-list-invite",
    "Expires: 60",
    "Reply-To: <sip:a@example.com>",
    "Replaces: a;to-tag=00000000000abcde;from-tag=49583",
    "Content-Disposition: attachment;handling=optional",
    "User-Agent: IM-serv/OMA1.0",
    "Supported: timer, 100rel",
    "Content-Length: 0",
    "P-Asserted-Identity: <tel:+4930999>",
];

fn lines(tape: &mut Tape<'_>) -> String {
    let mut lines = String::new();
    for _ in 0..tape.below(4) {
        lines += tape.pick(&LINES);
        lines += "\r\n";
    }
    lines
}

/// A session description; zeros are one that is taken.
fn sdp(tape: &mut Tape<'_>, answer: bool) -> String {
    let mut sdp = String::from(
        "v=0\r\no=peer 1 1 IN IP4 peer.example.com\r\ns=-\r\nc=IN IP4 peer.example.com\r\nt=0 0\r\n",
    );
    let shape = tape.byte();
    let choose = |from: &[&'static str], by: u8| from[usize::from(by) % from.len()];
    sdp += match shape {
        250.. => "m=audio 9 RTP/AVP 0\r\n",
        240.. => "m=message 0 TCP/MSRP *\r\n",
        230.. => "m=message 8888 TCP/TLS/MSRP *\r\n",
        _ => "m=message 8888 TCP/MSRP *\r\n",
    };
    let setups = match answer {
        true => ["passive", "active", "actpass", "holdconn"],
        false => ["actpass", "active", "passive", "holdconn"],
    };
    let path = [
        "a=path:msrp://peer.example.com:8888/9di4eae923wzd;tcp\r\n",
        "a=path:msrp://peer.example.com:8888/9di4eae923wzd;tcp\r\n",
        "a=path:msrp://relay:9000/x;tcp msrp://peer.example.com:8888/9di4eae923wzd;tcp\r\n",
        "",
    ];
    let types = ["*", "text/plain message/cpim", "message/cpim", "image/png"];
    let direction = match answer {
        true => ["recvonly", "sendrecv", "sendonly", "inactive"],
        false => ["sendonly", "sendrecv", "recvonly", "inactive"],
    };
    sdp += choose(&path, shape & 3);
    let _ = write!(sdp, "a=setup:{}\r\n", choose(&setups, (shape >> 2) & 3));
    let _ = write!(
        sdp,
        "a=accept-types:{}\r\n",
        choose(&types, (shape >> 4) & 3)
    );
    let more = tape.byte();
    let _ = write!(sdp, "a={}\r\n", choose(&direction, more & 3));
    sdp += choose(
        &[
            "",
            "a=filelength:3000\r\n",
            "a=filelength:99999999\r\n",
            "a=max-size:100\r\n",
        ],
        more >> 2 & 3,
    );
    sdp
}

fn list(tape: &mut Tape<'_>) -> String {
    let mut xml = String::from(
        "<?xml version=\"1.0\"?><resource-lists xmlns=\"urn:ietf:params:xml:ns:resource-lists\" \
         xmlns:cp=\"urn:ietf:params:xml:ns:copycontrol\"><list>",
    );
    for _ in 0..tape.below(7) {
        let control = tape.pick(&["", " cp:copyControl=\"to\"", " cp:copyControl=\"bcc\""]);
        let _ = write!(xml, "<entry uri=\"{}\"{control}/>", tape.pick(&MEMBERS));
    }
    xml + "</list></resource-lists>"
}

/// Content-Type and body.
fn body(tape: &mut Tape<'_>, usual: Usual) -> (String, String) {
    let text = || (String::from("text/plain"), String::from("hi"));
    let described = |tape: &mut Tape<'_>, answer| ("application/sdp".into(), sdp(tape, answer));
    match (tape.below(8), usual) {
        (0, Usual::Nothing) | (1, _) => (String::new(), String::new()),
        (0, Usual::Text) | (2, _) => text(),
        (0, Usual::Offer) | (3, _) => described(tape, false),
        (0, Usual::Answer) | (4, _) => described(tape, true),
        (5, _) => {
            let part = match usual {
                Usual::Offer => {
                    format!("Content-Type: application/sdp\r\n\r\n{}", sdp(tape, false))
                }
                _ => String::from("Content-Type: text/plain\r\n\r\nhi"),
            };
            let list = list(tape);
            let body = format!(
                "--b\r\n{part}\r\n--b\r\nContent-Type: application/resource-lists+xml\r\n\
                 Content-Disposition: recipient-list\r\n\r\n{list}\r\n--b--"
            );
            ("multipart/mixed;boundary=b".into(), body)
        }
        (6, _) => ("multipart/mixed;boundary=b".into(), "--b\r\n\r\n".into()),
        _ => (
            "message/cpim".into(),
            "From: <im:a@b>\r\n\r\nContent-Type: text/plain\r\n\r\nhi".into(),
        ),
    }
}

#[derive(Clone, Copy)]
enum Usual {
    Nothing,
    Text,
    Offer,
    Answer,
}

impl World {
    /// A stranger's request.
    fn begin(&mut self, tape: &mut Tape<'_>) {
        let invite = tape.byte() & 1 == 0;
        let leg = if self.heard.is_empty() {
            LegId::FIRST
        } else {
            LegId::NEW
        };
        let (method, usual) = match invite {
            true => ("INVITE", Usual::Offer),
            false => ("MESSAGE", Usual::Text),
        };
        let target = match self.role {
            Role::Controlling(_) => tape.pick(&[
                "sip:team@im.example.com",
                "sip:factory@im.example.com",
                "sip:exploder@im.example.com",
            ]),
            _ => "sip:us@example.com",
        };
        let more = lines(tape);
        let (kind, body) = body(tape, usual);
        self.count += 1;
        let count = self.count;
        let text = format!(
            "{method} {target} SIP/2.0\r\n{VIA}Max-Forwards: 70\r\n\
             From: <sip:alice@example.com>;tag=49583\r\nTo: <{target}>\r\nCall-ID: c{count}\r\n\
             CSeq: 1 {method}\r\nContact: <sip:peer@peer.example.com>;+g.oma.sip-im\r\n\
             Accept-Contact: *;+g.oma.sip-im;require;explicit\r\n\
             P-Asserted-Identity: <sip:alice@example.com>\r\n{more}{}\r\n{body}",
            typed(&kind)
        );
        self.request(leg, &text);
    }

    /// Hands a request in, if it can be read.
    fn request(&mut self, leg: LegId, text: &str) {
        let Ok(request) = parse_request(&Bytes::copy_from_slice(text.as_bytes())) else {
            return;
        };
        self.count += 1;
        let txn = ServerTxn(self.count.into());
        self.monitor.request(ME, txn, request.method);
        self.heard.insert(txn, (leg, request.clone()));
        self.on(leg, Event::Request(txn, &request));
    }

    /// A request in a dialog.
    fn inside(&mut self, tape: &mut Tape<'_>) {
        let Some(peer) = tape.of(&self.peers) else {
            return;
        };
        let method = tape.pick(&[
            "BYE", "INVITE", "UPDATE", "MESSAGE", "OPTIONS", "REFER", "INFO", "PRACK", "JUMP",
        ]);
        let mut more = lines(tape);
        if method == "PRACK" {
            // Usually the one that is awaited.
            let rseq = self.rseq.wrapping_add(tape.pick(&[0, 0, 0, 1]));
            let _ = write!(more, "RAck: {rseq} 1 INVITE\r\n");
        }
        let usual = match method {
            "INVITE" => Usual::Offer,
            "MESSAGE" => Usual::Text,
            _ => Usual::Nothing,
        };
        let (kind, body) = body(tape, usual);
        self.count += 1;
        // Now and then a number that was used before.
        let cseq = if tape.byte() == 255 {
            1
        } else {
            1 + self.count
        };
        let text = peer.text(method, cseq, &format!("{more}{}", typed(&kind)), &body);
        self.request(peer.leg, &text);
    }

    /// The ACK of the last INVITE that came in the dialog, or of the first.
    fn acknowledge(&mut self, tape: &mut Tape<'_>) {
        let Some(peer) = tape.of(&self.peers) else {
            return;
        };
        let invites = self.heard.values().filter(|(_, request)| {
            request.method == Method::Invite && request.head.call_id() == peer.call_id
        });
        let cseqs: Vec<u32> = [1]
            .into_iter()
            .chain(invites.map(|(_, request)| request.head.cseq()))
            .collect();
        let Some(cseq) = tape.of(&cseqs) else { return };
        let text = peer.text("ACK", cseq, "", "");
        let request = parse_request(&Bytes::from(text)).unwrap();
        self.on(peer.leg, Event::Ack(&request));
    }

    fn cancel(&mut self, tape: &mut Tape<'_>) {
        let invites: Vec<_> = self
            .heard
            .iter()
            .filter(|(_, (_, request))| request.method == Method::Invite)
            .map(|(txn, (leg, request))| (*txn, *leg, request.clone()))
            .collect();
        let Some((invite, leg, request)) = tape.of(&invites) else {
            return;
        };
        self.count += 1;
        let cancel = ServerTxn(self.count.into());
        self.monitor.request(ME, cancel, Method::Cancel);
        self.heard.insert(cancel, (leg, request));
        let leg = if leg == LegId::NEW { LegId::FIRST } else { leg };
        self.on(leg, Event::Cancel { cancel, invite });
    }

    /// A response; a transaction that has its final one hears 2xx to an INVITE only.
    fn respond(&mut self, tape: &mut Tape<'_>) {
        let open = |sent: &Sent| {
            let invite = sent.request.method == Method::Invite;
            match sent.last {
                None | Some(0..200) => true,
                Some(200..300) => invite,
                Some(_) => false,
            }
        };
        let open: Vec<_> = (0..self.sent.len())
            .filter(|at| open(&self.sent[*at]))
            .collect();
        let Some(place) = tape.of(&open) else { return };
        let Sent { leg, request, last } = self.sent[place].clone();
        let mut status = tape.pick(&[
            200u16, 180, 100, 202, 183, 302, 401, 403, 404, 408, 413, 415, 420, 422, 480, 481, 486,
            487, 488, 491, 500, 503, 513, 600, 603, 606,
        ]);
        if last.is_some_and(|last| last >= 200) {
            status = 200;
        }
        let asked = read(&request);
        let head = &asked.head;
        let mut more = lines(tape);
        if (101..200).contains(&status) && tape.byte() & 1 == 1 {
            // Reliable: the next, the same again, or one too far.
            self.next_rseq += tape.pick(&[1, 1, 0, 2]);
            let _ = write!(more, "Require: 100rel\r\nRSeq: {}\r\n", self.next_rseq);
        }
        let usual = match (request.method, status) {
            (Method::Invite, 200..300) => Usual::Answer,
            _ => Usual::Nothing,
        };
        let (kind, body) = body(tape, usual);
        let shape = tape.byte();
        let tag = match (head.to().tag(), shape & 3) {
            (Some(_), _) | (None, 3) => "",
            (None, 2) => ";tag=fork",
            (None, _) => ";tag=peer",
        };
        let focus = if shape & 4 != 0 { ";isfocus" } else { "" };
        let text = format!(
            "SIP/2.0 {status} X\r\n{VIA}From: {}\r\nTo: {}{tag}\r\nCall-ID: {}\r\nCSeq: {}\r\n\
             Contact: <sip:peer@peer.example.com>;+g.oma.sip-im{focus}\r\n{more}{}\r\n{body}",
            head.header("From").unwrap(),
            head.header("To").unwrap(),
            head.call_id(),
            head.header("CSeq").unwrap(),
            typed(&kind),
        );
        let Ok(response) = parse_response(&Bytes::from(text)) else {
            return;
        };
        self.sent[place].last = Some(status);
        self.monitor
            .response(ME, leg, request.txn, Some(Status(status)));
        self.on(leg, Event::Response(request.txn, &response));
    }

    fn fail(&mut self, tape: &mut Tape<'_>) {
        let open = |sent: &Sent| sent.last.is_none_or(|last| last < 200);
        let open: Vec<_> = (0..self.sent.len())
            .filter(|at| open(&self.sent[*at]))
            .collect();
        let Some(place) = tape.of(&open) else { return };
        let why = tape.pick(&[TxnError::Timeout, TxnError::Transport]);
        self.give_up(place, why);
    }

    fn give_up(&mut self, place: usize, why: TxnError) {
        let sent = &mut self.sent[place];
        sent.last = Some(408);
        let (leg, txn) = (sent.leg, sent.request.txn);
        self.monitor.response(ME, leg, txn, None);
        self.on(leg, Event::TxnFailed(txn, why));
    }

    fn answer(&mut self, tape: &mut Tape<'_>) {
        let Some((ask, question)) = tape.of(&self.asked) else {
            return;
        };
        let many: Vec<Uri>;
        let right = match question {
            Question::Access { .. } => 1,
            Question::Members { .. } => 2,
            Question::Dialog { .. } => 4,
            _ => 0,
        };
        let answer = match tape.below(8) {
            0 => right,
            other => other - 1,
        };
        let dialog: DialogView;
        let answer = match answer {
            0 => Answer::Accept,
            1 => {
                let no = tape.byte();
                Answer::Access(Access {
                    exists: no & 1 == 0,
                    allowed: no & 2 == 0,
                    anonymity: no & 4 == 0,
                })
            }
            2 => {
                many = members(tape);
                Answer::Members(Ok(&many))
            }
            3 => Answer::Members(Err(tape.pick(&[
                LookupError::NotFound,
                LookupError::Forbidden,
                LookupError::Unavailable,
            ]))),
            4 => {
                dialog = replaced(tape);
                Answer::Dialog(tape.pick(&[Found::Dialog(&dialog), Found::Over, Found::Nothing]))
            }
            _ => Answer::Refuse(tape.pick(&[
                Refusal::Declined,
                Refusal::Blocked,
                Refusal::Anonymous,
                Refusal::NoResources {
                    status: Status(486),
                    retry_after: Some(5),
                },
                Refusal::Status(Status(404)),
                Refusal::Status(Status(100)),
            ])),
        };
        self.on(LegId::FIRST, Event::Answer(ask, answer));
    }

    /// The timer that is due next.
    fn tick(&mut self) {
        let next = self.timers.iter().min_by_key(|(_, due)| **due);
        if let Some((&(leg, timer), &due)) = next {
            self.now = self.now.max(due);
            self.expire(leg, timer);
        }
    }

    /// Any timer that runs: machines know no clock.
    fn fire(&mut self, tape: &mut Tape<'_>) {
        let running: Vec<_> = self.timers.keys().copied().collect();
        if let Some((leg, timer)) = tape.of(&running) {
            self.expire(leg, timer);
        }
    }

    fn expire(&mut self, leg: LegId, timer: Timer) {
        self.timers.remove(&(leg, timer));
        self.monitor.fired(ME, leg, timer);
        self.on(leg, Event::Timer(timer));
    }

    /// A timer that was stopped does nothing.
    fn haunt(&mut self, tape: &mut Tape<'_>) {
        let stopped = self.monitor.stopped(ME);
        let Some((leg, timer)) = tape.of(&stopped) else {
            return;
        };
        if tracing() {
            eprintln!("{leg:?} {timer:?}, although it was stopped");
        }
        let mut cx = Context::new(&self.config, &mut self.dice, &mut self.actions);
        self.role
            .machine()
            .handle(leg, Event::Timer(timer), &mut cx);
        self.monitor
            .ghost(ME, (leg, timer), self.actions.as_slice());
        self.sound();
    }

    /// News of a session that is open, in an order in which a connection has them.
    fn msrp(&mut self, tape: &mut Tape<'_>) {
        let open: Vec<_> = self.links.keys().copied().collect();
        let Some(leg) = tape.of(&open) else { return };
        let what = tape.below(8);
        let link = self.links.get_mut(&leg).unwrap();
        if link.down {
            return;
        }
        if !link.up && what != 7 {
            link.up = true;
            return self.on(leg, Event::Msrp(MsrpEvent::Up));
        }
        match what {
            0 => {
                let which = tape.below(4);
                let event = match link.unwritten.take() {
                    Some(chunk) if which == 0 => {
                        link.unwritten = Some(chunk);
                        MsrpEvent::Cut(chunk)
                    }
                    Some(chunk) => MsrpEvent::Written(chunk),
                    None => MsrpEvent::Written(ChunkId(u32::MAX)),
                };
                self.on(leg, Event::Msrp(event));
            }
            1 => {
                let Some(chunk) = tape.of(&link.chunks) else {
                    return;
                };
                let status = tape.pick(&[200, 400, 413, 415, 481, 501, 506]);
                if status == 200 && link.unwritten == Some(chunk) {
                    return;
                }
                link.chunks.retain(|other| *other != chunk);
                self.on(leg, Event::Msrp(MsrpEvent::Response(chunk, status)));
            }
            2 => {
                let message = link.message.clone();
                let size = self.size;
                let (start, end) = tape.pick(&[(1, size), (1, 1), (size, size), (2, size + 7)]);
                let status = tape.pick(&[200, 413, 408]);
                let range = ByteRange {
                    start: start.max(1),
                    end: Some(end.max(start)),
                    total: Some(size),
                };
                let head = ReportHead {
                    message: &message,
                    range,
                    status,
                };
                self.on(leg, Event::Msrp(MsrpEvent::Report(&head)));
            }
            3 if link.open.is_none() => {
                let at = tape.pick(&[link.at, 0, 1, 2048, 70_000, u64::MAX - 1]);
                let total = tape.pick(&[Some(3000), None, Some(1), Some(99_999_999), Some(400)]);
                self.head(leg, at, total, tape);
            }
            4 => {
                if let Some(at) = link.open {
                    let len = [500, 1, 2048, 5_000][tape.below(4)];
                    self.octets(leg, at, len);
                }
            }
            5 | 6 => {
                if link.open.take().is_some() {
                    let flag = tape.pick(&[
                        Continuation::More,
                        Continuation::Last,
                        Continuation::Abandoned,
                    ]);
                    self.end(leg, flag);
                }
            }
            7 => {
                link.down = true;
                link.open = None;
                let why = match link.up {
                    true => tape.pick(&[Down::Lost, Down::Malformed]),
                    false => Down::Unreachable,
                };
                self.on(leg, Event::Msrp(MsrpEvent::Down(why)));
            }
            _ => {}
        }
    }

    fn head(&mut self, leg: LegId, at: u64, total: Option<u64>, tape: &mut Tape<'_>) {
        self.count += 1;
        let txn = MsrpTxn(self.count);
        let shape = tape.byte();
        let failure = match shape & 3 {
            2 => FailureReport::Partial,
            3 => FailureReport::No,
            _ => FailureReport::Yes,
        };
        if failure != FailureReport::No {
            self.owed.insert(txn);
        }
        let head = SendHead {
            message: ["m1", "m2", "m3", "m4"][usize::from(shape >> 2 & 3)],
            range: ByteRange {
                start: at + 1,
                end: None,
                total,
            },
            success: shape & 16 != 0,
            failure,
            content_type: match shape >> 5 & 3 {
                2 => None,
                3 => Some("image/png"),
                _ => Some("text/plain"),
            },
            mime: "Content-Type: text/plain\r\n",
        };
        if let Some(link) = self.links.get_mut(&leg) {
            link.open = Some(at);
            let asks = failure == FailureReport::Yes && link.opened > 1;
            link.asks = asks.then_some(txn);
        }
        self.on(leg, Event::Msrp(MsrpEvent::Send(txn, &head)));
    }

    /// The end of a request: it has its answer now, if it asked for one (RFC 4975 §7.2).
    fn end(&mut self, leg: LegId, flag: Continuation) {
        let asks = self.links.get_mut(&leg).and_then(|link| link.asks.take());
        self.on(leg, Event::Msrp(MsrpEvent::End(flag)));
        if let Some(txn) = asks {
            assert!(!self.owed.contains(&txn), "{txn:?} was never answered");
        }
    }

    fn octets(&mut self, leg: LegId, at: u64, len: usize) {
        let len = len.min(usize::try_from(u64::MAX - at).unwrap_or(usize::MAX));
        if let Some(link) = self.links.get_mut(&leg) {
            link.open = Some(at + len as u64);
            link.at = at + len as u64;
        }
        if len > 0 {
            self.on(leg, Event::Msrp(MsrpEvent::Octets(&octets(at, len))));
        }
    }

    /// The next 1,000 octets of a message of 3,000, on a connection that comes up if need be.
    fn arrive(&mut self, tape: &mut Tape<'_>) {
        let open: Vec<_> = self.links.keys().copied().collect();
        let shape = tape.byte();
        // The originator's leg, which was there first.
        let Some(&leg) = open.get(usize::from(shape >> 7)) else {
            return;
        };
        let link = self.links.get_mut(&leg).unwrap();
        if link.down {
            return;
        }
        if !mem::replace(&mut link.up, true) {
            self.on(leg, Event::Msrp(MsrpEvent::Up));
        }
        let Some(link) = self.links.get_mut(&leg).filter(|link| link.open.is_none()) else {
            return;
        };
        let at = if link.at >= 3_000 { 0 } else { link.at };
        self.head(leg, at, Some(3_000), &mut Tape(&[shape & 0x7F]));
        self.octets(leg, at, usize::try_from(3_000 - at).unwrap().min(1_000));
        let Some(link) = self.links.get_mut(&leg) else {
            return;
        };
        link.open = None;
        let flag = match link.at {
            3_000.. => Continuation::Last,
            _ => Continuation::More,
        };
        self.end(leg, flag);
    }

    /// What the application wants.
    fn command(&mut self, tape: &mut Tape<'_>) {
        let what = tape.byte();
        if what == 255 {
            return self.call("close", |role, cx| role.machine().close(cx));
        }
        let Role::Originating(_) = self.role else {
            return;
        };
        if what >= 240 {
            return self.call("cancel", |role, cx| {
                if let Role::Originating(alice) = role {
                    let _ = alice.cancel(cx);
                }
            });
        }
        let (draft, recipients) = draft(what, tape);
        let mut sent = None;
        self.call("send", |role, cx| {
            if let Role::Originating(alice) = role {
                sent = alice.send(draft, cx).ok();
            }
        });
        if let Some(message) = sent {
            for recipient in 0..recipients {
                self.monitor.expect(ME, message, RecipientId(recipient));
            }
        }
    }

    /// Writes and acknowledges whatever the sessions send, a few chunks each.
    fn drain(&mut self, tape: &mut Tape<'_>) {
        let rounds = 1 + tape.below(8);
        let open: Vec<_> = self.links.keys().copied().collect();
        for leg in open {
            for _ in 0..rounds {
                let Some(link) = self.links.get_mut(&leg).filter(|link| !link.down) else {
                    break;
                };
                if !mem::replace(&mut link.up, true) {
                    self.on(leg, Event::Msrp(MsrpEvent::Up));
                    continue;
                }
                let acked = mem::take(&mut link.chunks);
                if let Some(chunk) = link.unwritten.take() {
                    self.on(leg, Event::Msrp(MsrpEvent::Written(chunk)));
                }
                for chunk in acked {
                    if self.links.contains_key(&leg) {
                        self.on(leg, Event::Msrp(MsrpEvent::Response(chunk, 200)));
                    }
                }
            }
        }
    }

    /// What no driver of good sense hands in.
    fn stray(&mut self, tape: &mut Tape<'_>) {
        let legs = [
            LegId::FIRST,
            LegId::NEW,
            LegId::new(1, 0),
            LegId::new(1, 1),
            LegId::new(7, 0),
            LegId::new(LegId::MAX_SLOT, 9),
        ];
        let leg = tape.pick(&legs);
        match tape.below(4) {
            0 => self.on(leg, Event::TxnFailed(ClientTxn(77), TxnError::Timeout)),
            1 => self.on(leg, Event::Answer(AskId(77), Answer::Accept)),
            2 => self.on(leg, Event::Msrp(MsrpEvent::Response(ChunkId(77), 200))),
            _ => {
                let text = format!(
                    "BYE sip:us@example.com SIP/2.0\r\n{VIA}From: <sip:x@y>;tag=x\r\n\
                     To: <sip:us@example.com>;tag=0123456789abcdef\r\nCall-ID: x\r\nCSeq: 1 BYE\r\n\r\n"
                );
                self.request(leg, &text);
            }
        }
    }
}

impl Peer {
    fn text(&self, method: &str, cseq: u32, lines: &str, body: &str) -> String {
        let Self {
            from, to, call_id, ..
        } = self;
        format!(
            "{method} sip:us@example.com SIP/2.0\r\n{VIA}Max-Forwards: 70\r\nFrom: {from}\r\nTo: {to}\r\n\
             Call-ID: {call_id}\r\nCSeq: {cseq} {method}\r\n\
             Contact: <sip:peer@peer.example.com>\r\n{lines}\r\n{body}"
        )
    }
}

fn typed(kind: &str) -> String {
    match kind {
        "" => String::new(),
        kind => format!("Content-Type: {kind}\r\n"),
    }
}

fn members(tape: &mut Tape<'_>) -> Vec<Uri> {
    match tape.byte() {
        250.. => (0..300)
            .map(|n| uri(&format!("sip:m{n}@example.com")))
            .collect(),
        // Usually everybody.
        0 => MEMBERS.iter().map(|member| uri(member)).collect(),
        n => (0..n % 8).map(|_| uri(tape.pick(&MEMBERS))).collect(),
    }
}

/// A message, and how many recipients are to hear of it if it is taken.
fn draft(what: u8, tape: &mut Tape<'_>) -> (Draft, u32) {
    let (target, recipients) = match what % 3 {
        0 => (Target::One(uri("sip:bob@example.com")), 1),
        1 => (Target::Group(uri("sip:team@im.example.com")), 1),
        _ => {
            let mut others = BTreeSet::new();
            let mut list = Vec::new();
            for _ in 0..tape.below(8) {
                let place = tape.below(MEMBERS.len());
                others.extend((place > 0).then_some(place));
                let mut recipient = Recipient::new(uri(MEMBERS[place]));
                recipient.copy = tape.pick(&[None, Some(CopyControl::To), Some(CopyControl::Bcc)]);
                recipient.anonymize = place == 2;
                recipient.group = place == 4;
                list.push(recipient);
            }
            (Target::List(list), others.len())
        }
    };
    let size = [1usize, 3_000, 700, 1_300, 20_000, 0][usize::from(what / 3) % 6];
    let content = Content::new("text/plain", octets(0, size));
    let mut draft = Draft::new(target, content);
    let shape = tape.byte();
    draft.anonymous = shape & 1 != 0;
    draft.success_report = shape & 2 != 0;
    draft.failure_report = match shape >> 2 & 3 {
        2 => FailureReport::Partial,
        3 => FailureReport::No,
        _ => FailureReport::Yes,
    };
    if shape & 16 != 0 {
        draft.path = PathKnowledge::CongestionSafeEndToEnd;
    }
    draft.content.attachment = shape & 32 != 0;
    (draft, u32::try_from(recipients).unwrap())
}
