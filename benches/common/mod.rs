//! Inputs, and a bench for one machine.
#![allow(dead_code, unreachable_pub)]

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use criterion::Criterion;
use simple_im::wire::sip::{parse_request, parse_response, write_request};
use simple_im::{
    Access, Account, Action, Actions, Answer, AskId, Config, Context, Entropy, Event, LegId,
    Machine, MsrpAuthority, Outgoing, Reply, Request, Response, Uri,
};

/// Short runs: what is compared is compared within one run.
pub fn criterion() -> Criterion {
    Criterion::default()
        .sample_size(30)
        .warm_up_time(Duration::from_millis(200))
        .measurement_time(Duration::from_millis(600))
}

pub const VIA: &str = "Via: SIP/2.0/UDP pc33.example.com:5060;branch=z9hG4bK776sgdkse\r\n";

pub struct Dice(pub u64);

impl Entropy for Dice {
    fn draw(&mut self) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        self.0
    }
}

pub fn uri(text: &str) -> Uri {
    Uri::copy(text).unwrap()
}

pub fn config(name: &str) -> Config {
    let account = Account::new(
        uri(&format!("sip:{name}@example.com")),
        uri(&format!("sip:{name}@{name}.example.com")),
    );
    let msrp = MsrpAuthority {
        host: format!("{name}.example.com"),
        port: 2855,
        tls: false,
    };
    Config::new(account, msrp, [1, 2])
}

/// `size` octets that look like text: words, line ends and lone hyphens.
pub fn prose(size: usize) -> Bytes {
    const WORDS: [&str; 8] = [
        "messages ",
        "over ",
        "fox ",
        "SIMPLE\r\n",
        "by - ",
        "jumps ",
        "-- ",
        "lazy ",
    ];
    let mut dice = Dice(1);
    let words = std::iter::repeat_with(|| WORDS[(dice.draw() >> 61) as usize].bytes());
    words.flatten().take(size).collect()
}

/// `size` octets of which as many as possible look like the end-line of `txn`.
pub fn near_ends(size: usize, txn: &str) -> Bytes {
    let near = format!("\r\n-------{}", &txn[..txn.len() - 1]);
    near.bytes().cycle().take(size).collect()
}

/// A machine, what it needs, and how to speak to it.
pub struct Bench<M> {
    pub machine: M,
    pub config: Config,
    pub dice: Dice,
    pub actions: Actions,
}

impl<M: Machine> Bench<M> {
    pub fn new(machine: M, config: Config) -> Self {
        Self {
            machine,
            config,
            dice: Dice(7),
            actions: Actions::new(),
        }
    }

    pub fn run<R>(&mut self, run: impl FnOnce(&mut M, &mut Context<'_>) -> R) -> R {
        let mut cx = Context::new(&self.config, &mut self.dice, &mut self.actions);
        run(&mut self.machine, &mut cx)
    }

    pub fn on(&mut self, leg: LegId, event: Event<'_>) -> usize {
        self.run(|machine, cx| machine.handle(leg, event, cx));
        self.actions.drain().count()
    }

    /// Takes something from the first action that has it; drops the rest.
    pub fn take<R>(&mut self, wanted: impl Fn(&Action) -> Option<R>) -> R {
        let found = self
            .actions
            .as_slice()
            .iter()
            .find_map(|(_, action)| wanted(action));
        self.actions.drain();
        found.unwrap()
    }

    pub fn find<R>(&mut self, event: Event<'_>, wanted: impl Fn(&Action) -> Option<R>) -> R {
        self.run(|machine, cx| machine.handle(LegId::FIRST, event, cx));
        self.take(wanted)
    }
}

pub fn asked(action: &Action) -> Option<AskId> {
    match action {
        Action::Ask(ask, _) => Some(*ask),
        _ => None,
    }
}

pub fn sent(action: &Action) -> Option<Outgoing> {
    match action {
        Action::SendRequest(request) => Some(request.clone()),
        _ => None,
    }
}

pub fn replied(action: &Action) -> Option<Reply> {
    match action {
        Action::Respond(_, reply) => Some(reply.clone()),
        _ => None,
    }
}

pub const YES: Answer<'static> = Answer::Access(Access {
    exists: true,
    allowed: true,
    anonymity: true,
});

pub fn read(request: &Outgoing) -> Request {
    let mut out = BytesMut::new();
    write_request(&mut out, request, VIA);
    parse_request(&out.freeze()).unwrap()
}

/// The response of a peer to a request of ours, as text.
pub fn response_text(to: &Outgoing, status: &str, lines: &str, body: &str) -> Bytes {
    let asked = read(to);
    let head = &asked.head;
    let tag = if head.to().tag().is_some() {
        ""
    } else {
        ";tag=peer"
    };
    format!(
        "SIP/2.0 {status}\r\n{VIA}From: {}\r\nTo: {}{tag}\r\nCall-ID: {}\r\nCSeq: {}\r\n{lines}\
         Content-Length: {}\r\n\r\n{body}",
        head.header("From").unwrap(),
        head.header("To").unwrap(),
        head.call_id(),
        head.header("CSeq").unwrap(),
        body.len()
    )
    .into()
}

pub fn response(to: &Outgoing, status: &str, lines: &str, body: &str) -> Response {
    parse_response(&response_text(to, status, lines, body)).unwrap()
}

pub const ACCEPTED: &str =
    "Contact: <sip:peer@peer.example.com>;+g.oma.sip-im\r\nContent-Type: application/sdp\r\n";

pub const ANSWER: &str = "v=0\r\no=peer 1 1 IN IP4 peer.example.com\r\ns=-\r\n\
    c=IN IP4 peer.example.com\r\nt=0 0\r\nm=message 8888 TCP/MSRP *\r\n\
    a=path:msrp://peer.example.com:8888/9di4eae923wzd;tcp\r\na=setup:passive\r\n\
    a=accept-types:*\r\na=recvonly\r\n";

pub const OFFER: &str = "v=0\r\no=alice 2890844526 2890844527 IN IP4 alice.example.com\r\ns=-\r\n\
    c=IN IP4 alice.example.com\r\nt=0 0\r\nm=message 7654 TCP/MSRP *\r\n\
    a=accept-types:message/cpim text/plain\r\n\
    a=path:msrp://alice.example.com:7654/jshA7weztas;tcp\r\na=setup:actpass\r\na=sendonly\r\n";

/// A MESSAGE from alice.
pub fn page(to: &str) -> Bytes {
    format!(
        "MESSAGE {to} SIP/2.0\r\n{VIA}Max-Forwards: 70\r\nFrom: <sip:alice@example.com>;tag=49583\r\n\
         To: <{to}>\r\nCall-ID: asd88asd77a@1.2.3.4\r\nCSeq: 1 MESSAGE\r\n\
         Accept-Contact: *;+g.oma.sip-im;require;explicit\r\n\
         P-Asserted-Identity: <sip:alice@example.com>\r\nUser-Agent: IM-client/OMA1.0\r\n\
         Content-Type: text/plain\r\nContent-Length: 32\r\n\r\nWatson, come here. I need you.\r\n"
    )
    .into()
}

/// An INVITE from alice that announces a large message.
pub fn call(to: &str) -> Bytes {
    format!(
        "INVITE {to} SIP/2.0\r\n{VIA}Max-Forwards: 70\r\nFrom: <sip:alice@example.com>;tag=49583\r\n\
         To: <{to}>\r\nCall-ID: a84b4c76e66710@alice.example.com\r\nCSeq: 1 INVITE\r\n\
         Contact: <sip:alice@alice.example.com>;+g.oma.sip-im\r\n\
         Accept-Contact: *;+g.oma.sip-im;require;explicit\r\n\
         P-Asserted-Identity: <sip:alice@example.com>\r\nSupported: timer\r\n\
         Session-Expires: 1800;refresher=uac\r\nContent-Type: application/sdp\r\n\
         Content-Length: {}\r\n\r\n{OFFER}",
        OFFER.len()
    )
    .into()
}

/// A request of alice's inside the dialog that `reply` made.
pub fn inside(to: &str, reply: &Reply, method: &str, cseq: u32) -> Bytes {
    let tag = reply.tag.unwrap();
    format!(
        "{method} {to} SIP/2.0\r\n{VIA}Max-Forwards: 70\r\nFrom: <sip:alice@example.com>;tag=49583\r\n\
         To: <{to}>;tag={tag}\r\nCall-ID: a84b4c76e66710@alice.example.com\r\n\
         CSeq: {cseq} {method}\r\nContent-Length: 0\r\n\r\n"
    )
    .into()
}
