//! Two MSRP endpoints and an in-memory pipe: messages in turns, a streamed one with its report, one that is
//! taken back, one that is refused. No SIP, no socket, no clock.
//!
//! `cargo run --example msrp_pair` draws who sent what to whom.

#![allow(clippy::indexing_slicing)]

use std::collections::BTreeMap;

use bytes::{Bytes, BytesMut};
use simple_im::msrp::{Connection, ConnectionId, Endpoint, Letter, Sessions};
use simple_im::wire::msrp::{Decoder, Head, Kind, Piece};
use simple_im::{
    Account, Action, Actions, Config, Context, Continuation, Entropy, Event, LegId, Machine,
    MachineId, MessageId, Misuse, MsrpAuthority, Notice, Uri,
};

type Failed = Box<dyn std::error::Error>;

fn main() -> Result<(), Failed> {
    let mut alice = Party::new("alice", 1)?;
    let mut bob = Party::new("bob", 2)?;
    let mut page = Page::default();

    page.title("How they find each other: a session description each way, by whatever means");
    let offer = alice.with(|endpoint, cx| endpoint.offer(cx))?;
    page.said("alice", "offers", &offer.sdp);
    let answer = bob.with(|endpoint, cx| endpoint.answer(offer.sdp.clone(), cx))?;
    page.said("bob", "answers", &answer.sdp);
    alice.with(|endpoint, cx| endpoint.conclude(answer.sdp.clone(), cx))?;

    page.title("Who connects says so with an empty SEND, which binds the session (RFC 4975 5.4)");
    alice.connect();
    run(&mut alice, &mut bob, &mut page)?;

    page.title("A large message, a small one that overtakes it, and an answer meanwhile");
    let mut film = Letter::new("application/octet-stream", Some(100_000));
    film.success = true;
    alice.send("the film", film, Source::Made)?;
    alice.send("a line", text(5), Source::Text("hello"))?;
    bob.send("another", text(9), Source::Text("hi, alice"))?;
    run(&mut alice, &mut bob, &mut page)?;

    page.title("A message whose size nobody knows until it ends");
    let log = Letter::new("text/plain", None);
    bob.send("the log", log, Source::Endless(5_000))?;
    run(&mut alice, &mut bob, &mut page)?;

    page.title("Alice takes a message back: it ends with #");
    let draft = Letter::new("application/octet-stream", Some(50_000));
    alice.cancel_after = Some(8_192);
    alice.send("the draft", draft, Source::Made)?;
    run(&mut alice, &mut bob, &mut page)?;

    page.title("Bob does not want a message: 413, and it ends there");
    bob.refuses = true;
    let advert = Letter::new("application/octet-stream", Some(50_000));
    alice.send("the advertisement", advert, Source::Made)?;
    run(&mut alice, &mut bob, &mut page)?;

    page.title("The end");
    for party in [&mut alice, &mut bob] {
        party.with(|endpoint, cx| endpoint.close(cx));
        assert!(party.endpoint.is_closed() && party.sessions.is_empty());
    }
    println!("  both have given everything back");
    Ok(())
}

/// Carries octets both ways until nothing moves any more.
fn run(alice: &mut Party, bob: &mut Party, page: &mut Page) -> Result<(), Failed> {
    loop {
        let there = alice.written(page)?;
        let back = bob.written(page)?;
        if there.is_empty() && back.is_empty() {
            page.rest();
            return Ok(());
        }
        page.crosses("alice", "bob", &there)?;
        bob.read(&there, page)?;
        page.crosses("bob", "alice", &back)?;
        alice.read(&back, page)?;
    }
}

fn text(size: u64) -> Letter {
    Letter::new("text/plain;charset=UTF-8", Some(size))
}

/// Where the octets of a message come from. None of them is kept: the endpoint asks for some at a time.
enum Source {
    Text(&'static str),
    /// As many octets as are asked for.
    Made,
    /// So many, and nobody is told before how many.
    Endless(u64),
}

fn octet(at: u64) -> u8 {
    b'a' + (at % 26) as u8
}

fn made(from: u64, to: u64) -> Bytes {
    (from..to).map(octet).collect()
}

/// An endpoint and its driver. What a host does with sockets and clocks is in `written`,
/// `read` and `perform`.
struct Party {
    name: &'static str,
    config: Config,
    dice: Dice,
    actions: Actions,
    endpoint: Endpoint,
    sessions: Sessions,
    connection: Connection,
    /// What the endpoint said, for the application to deal with.
    notices: Vec<Notice>,
    sources: BTreeMap<MessageId, (&'static str, Source)>,
    cancel_after: Option<u64>,
    refuses: bool,
}

const MACHINE: MachineId = MachineId(0);

impl Party {
    fn new(name: &'static str, seed: u64) -> Result<Self, Failed> {
        let address = Uri::copy(&format!("sip:{name}@example.com"))?;
        let msrp = MsrpAuthority {
            host: format!("{name}.example.com"),
            port: 2855,
            tls: false,
        };
        let mut account = Account::new(address.clone(), address);
        account.accept_types = "*".into();
        Ok(Self {
            name,
            config: Config::new(account, msrp, [1, 2]),
            dice: Dice(seed),
            actions: Actions::new(),
            endpoint: Endpoint::new(),
            sessions: Sessions::new(),
            connection: Connection::new(ConnectionId(0)),
            notices: Vec::new(),
            sources: BTreeMap::new(),
            cancel_after: None,
            refuses: false,
        })
    }

    /// Gives the endpoint a command or an event, and performs what it wants done.
    fn with<R>(&mut self, say: impl FnOnce(&mut Endpoint, &mut Context<'_>) -> R) -> R {
        let mut actions = std::mem::take(&mut self.actions);
        let mut cx = Context::new(&self.config, &mut self.dice, &mut actions);
        let result = say(&mut self.endpoint, &mut cx);
        for (leg, action) in actions.drain() {
            self.perform(leg, action);
        }
        self.actions = actions;
        let leg = self.endpoint.leg();
        let held = self.endpoint.held(leg);
        self.connection.holds((MACHINE, leg), held, &self.config);
        result
    }

    fn perform(&mut self, leg: LegId, action: Action) {
        let at = (MACHINE, leg);
        match action {
            Action::OpenMsrp(open) => self.sessions.open(at, &open),
            Action::ReleaseMsrp => {
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
            Action::Tell(notice) => self.notices.push(notice),
            // A host has a clock, and `driver::TimerQueue`. Nothing here takes longer than it must.
            Action::StartTimer(..) | Action::StopTimer(_) => {}
            // For `driver::Dispatch`, where there is SIP.
            Action::Opened(_) | Action::Closed => {}
            Action::SendRequest(_)
            | Action::SendAck(_)
            | Action::SendCancel(_)
            | Action::Respond(..)
            | Action::Replace(_)
            | Action::Ask(..) => unreachable!("an endpoint knows nothing of SIP"),
        }
    }

    /// The connection that the session asked for has been made.
    fn connect(&mut self) {
        let at = (MACHINE, self.endpoint.leg());
        assert!(
            self.sessions.target(at).is_some(),
            "to bob.example.com:2855"
        );
        self.connection.connected(&mut self.sessions, at);
    }

    /// What this side writes: at most a chunk at a time, as over a slow link, so that those who come
    /// later get their turn.
    fn written(&mut self, page: &mut Page) -> Result<Bytes, Failed> {
        let mut out = BytesMut::new();
        self.listen(page)?;
        while let Some(octets) = self.connection.transmit() {
            out.extend_from_slice(&octets);
            if out.len() > 2_048 {
                break;
            }
            self.listen(page)?;
        }
        Ok(out.freeze())
    }

    /// What the other side wrote.
    fn read(&mut self, octets: &[u8], page: &mut Page) -> Result<(), Failed> {
        self.connection.buffer().extend_from_slice(octets);
        self.listen(page)
    }

    /// Deals with what the connection says, and with what the endpoint makes of it.
    fn listen(&mut self, page: &mut Page) -> Result<(), Failed> {
        self.hear();
        while !self.notices.is_empty() {
            for notice in std::mem::take(&mut self.notices) {
                self.told(notice, page)?;
            }
            self.hear();
        }
        Ok(())
    }

    /// Hands the connection's news to the endpoint.
    fn hear(&mut self) {
        while let Some(news) = self.connection.poll(&mut self.sessions, &self.config) {
            news.tell(|event| {
                self.with(|endpoint, cx| endpoint.handle(news.leg, Event::Msrp(event), cx));
            });
        }
    }

    fn send(&mut self, name: &'static str, letter: Letter, source: Source) -> Result<(), Misuse> {
        let message = self.with(|endpoint, cx| endpoint.send(letter, cx))?;
        self.sources.insert(message, (name, source));
        Ok(())
    }

    /// The application.
    fn told(&mut self, notice: Notice, page: &mut Page) -> Result<(), Failed> {
        match notice {
            Notice::Wanted {
                message,
                offset,
                octets,
            } => {
                if self.cancel_after.is_some_and(|most| offset >= most) {
                    self.cancel_after = None;
                    self.with(|endpoint, cx| endpoint.cancel(message, cx))?;
                    page.note(self.name, "takes it back");
                    return Ok(());
                }
                let end = offset + octets as u64;
                let given = match &self.sources[&message].1 {
                    Source::Text(text) => {
                        let octets = Bytes::from_static(text.as_bytes());
                        self.with(|endpoint, cx| endpoint.supply(message, octets, cx))
                    }
                    Source::Endless(size) if *size <= end => {
                        let octets = made(offset, *size);
                        self.with(|endpoint, cx| endpoint.finish(message, octets, cx))
                    }
                    Source::Made | Source::Endless(_) => {
                        let octets = made(offset, end);
                        self.with(|endpoint, cx| endpoint.supply(message, octets, cx))
                    }
                };
                // It may have failed since it asked.
                if given.is_err_and(|why| why != Misuse::NoSuchMessage) {
                    given?;
                }
            }
            Notice::Begun { message, .. } if self.refuses => {
                self.with(|endpoint, cx| endpoint.refuse(message, cx))?;
                page.note(self.name, "refuses it as soon as it begins");
            }
            Notice::Outcome(message, _, outcome) => {
                let (name, _) = &self.sources[&message];
                page.note(self.name, &format!("hears of {name}: {outcome:?}"));
            }
            Notice::Data { offset, octets, .. } => {
                let there = (offset..)
                    .zip(&octets)
                    .all(|(at, found)| *found == octet(at));
                assert!(there, "octets as they were made");
            }
            Notice::Received { whole, size, .. } if whole.is_empty() => {
                page.note(self.name, &format!("has got {size} octets in pieces"));
            }
            Notice::Received { whole, size, .. } => {
                let shown = String::from_utf8_lossy(&whole[..whole.len().min(20)]).into_owned();
                page.note(self.name, &format!("has got {size} octets: {shown:?}"));
            }
            Notice::Incomplete { received, .. } => {
                page.note(self.name, &format!("drops {received} octets"));
            }
            Notice::Connected => page.note(self.name, "is connected"),
            _ => {}
        }
        Ok(())
    }
}

/// Not for use outside: whoever can guess a session id can take the session.
struct Dice(u64);

impl Entropy for Dice {
    fn draw(&mut self) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        self.0 ^ (self.0 >> 29)
    }
}

/// Draws what crosses. Requests of a large message and their answers are counted after the first few.
#[derive(Default)]
struct Page {
    decoders: BTreeMap<&'static str, (Decoder, BytesMut, Option<Head>)>,
    shown: BTreeMap<String, u32>,
    passed: u32,
}

impl Page {
    fn title(&mut self, text: &str) {
        println!("\n{text}\n");
        self.shown.clear();
    }

    fn said(&mut self, who: &str, what: &str, text: &Bytes) {
        println!("  {who} {what}:");
        for line in String::from_utf8_lossy(text).lines() {
            println!("    {line}");
        }
    }

    fn note(&mut self, who: &str, what: &str) {
        self.rest();
        let margin = if who == "alice" { 2 } else { 48 };
        println!("{:margin$}· {who} {what}", "");
    }

    fn rest(&mut self) {
        if self.passed > 0 {
            println!("{:14}… {} more like these", "", self.passed);
            self.passed = 0;
        }
    }

    fn crosses(&mut self, from: &'static str, to: &str, octets: &[u8]) -> Result<(), Failed> {
        let (mut decoder, mut input, mut open) = self.decoders.remove(from).unwrap_or_default();
        input.extend_from_slice(octets);
        while let Some(piece) = decoder.next(&mut input)? {
            match piece {
                Piece::Head(head) => open = Some(head),
                Piece::Bad(head, flaw) => return Err(format!("{head:?}: {flaw}").into()),
                Piece::Octets(_) => {}
                Piece::End(flag) => {
                    if let Some(head) = open.take() {
                        self.frame(from, to, &head, flag);
                    }
                }
            }
        }
        self.decoders.insert(from, (decoder, input, open));
        Ok(())
    }

    fn frame(&mut self, from: &str, to: &str, head: &Head, flag: Continuation) {
        let what = what(head, flag);
        let kind = match head.kind() {
            Kind::Send if flag == Continuation::More => format!("{} +", head.message()),
            Kind::Response(200) => format!("{from} 200"),
            _ => what.clone(),
        };
        let seen = self.shown.entry(kind).or_default();
        *seen += 1;
        if *seen > 2 {
            self.passed += 1;
            return;
        }
        self.rest();
        let line = format!("{what:─^36}");
        match from {
            "alice" => println!("  {from:>5} ├{line}▶ {to}"),
            _ => println!("  {to:>5} ◀{line}┤ {from}"),
        }
    }
}

fn what(head: &Head, flag: Continuation) -> String {
    let star = |number: Option<u64>| number.map_or("*".into(), |number| number.to_string());
    let (range, flag) = (
        head.range(),
        match flag {
            Continuation::Last => '$',
            Continuation::More => '+',
            Continuation::Abandoned => '#',
        },
    );
    let octets = format!("{}-{}/{}", range.start, star(range.end), star(range.total));
    match head.kind() {
        Kind::Send => format!(" SEND {octets} {flag} "),
        Kind::Report => {
            let status = head.status().map_or(0, |(_, status)| status);
            format!(" REPORT {octets} {status} ")
        }
        Kind::Response(status) => format!(" {status} "),
        _ => " another method ".into(),
    }
}
