//! One machine on a bench: events in as text, actions out as values and as wire text.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use simple_im::wire::sip::{parse_request, parse_response, write_request, write_response};
use simple_im::{
    Account, Action, Actions, Answer, AskId, ByteRange, Chunk, ChunkId, ClientTxn, Config, Context,
    Continuation, Down, Event, FailureReport, LegId, Machine, MsrpAuthority, MsrpEvent, MsrpTxn,
    Notice, Outcome, Outgoing, Profile, Question, RecipientId, Reply, ReportHead, Request,
    Response, SendHead, ServerTxn, Timer, TxnError, Uri,
};

use crate::sim::Dice;

/// A URI that is good.
pub fn uri(text: &str) -> Uri {
    Uri::copy(text).unwrap()
}

/// Text with CRLF line ends; a line `|` at the end of a head stands for the blank line.
pub fn crlf(text: &str) -> String {
    text.replace("\r\n", "\n").replace('\n', "\r\n")
}

/// The configuration of a client, `sip:alice@example.com` and the like.
pub fn client(name: &str) -> Config {
    let mut account = Account::new(
        uri(&format!("sip:{name}@example.com")),
        uri(&format!("sip:{name}@{name}.example.com")),
    );
    account.factory = Some(uri("sip:conference-factory@im.example.com"));
    account.exploder = Some(uri("sip:exploder@im.example.com"));
    let msrp = MsrpAuthority {
        host: format!("{name}.example.com"),
        port: 2855,
        tls: false,
    };
    Config::new(account, msrp, [1, 2])
}

/// The configuration of the controlling function at `im.example.com`.
pub fn server() -> Config {
    let mut config = client("im");
    config.account.address = uri("sip:im@im.example.com");
    config.account.contact = uri("sip:im@im.example.com");
    config.msrp.host = "im.example.com".into();
    config
}

pub fn draft_seed(mut config: Config) -> Config {
    config.profile = Profile::draft_seed();
    config
}

/// A machine, its configuration, and all that it has done.
pub struct Rig<M> {
    pub machine: M,
    pub config: Config,
    dice: Dice,
    buffer: Actions,
    /// Every action so far.
    pub log: Vec<(LegId, Action)>,
    /// Chunks with octets that [`Rig::room`] has not handed out.
    fresh: Vec<(LegId, Action)>,
    /// The last chunk of each leg that has not been written.
    pushed: BTreeMap<LegId, ChunkId>,
}

/// The actions of one call.
#[derive(Clone, Debug)]
pub struct Did(pub Vec<(LegId, Action)>);

impl<M: Machine> Rig<M> {
    pub fn new(machine: M, config: Config) -> Self {
        Self {
            machine,
            config,
            dice: Dice::new(7),
            buffer: Actions::new(),
            log: Vec::new(),
            fresh: Vec::new(),
            pushed: BTreeMap::new(),
        }
    }

    /// A command of the application's.
    pub fn command<R>(&mut self, run: impl FnOnce(&mut M, &mut Context<'_>) -> R) -> (R, Did) {
        let mut cx = Context::new(&self.config, &mut self.dice, &mut self.buffer);
        let result = run(&mut self.machine, &mut cx);
        let did: Vec<_> = self.buffer.drain().collect();
        assert!(
            did.len() <= self.config.limits.batch.max(32),
            "a batch of {}",
            did.len()
        );
        self.log.extend(did.iter().cloned());
        for (leg, action) in &did {
            if let Action::SendChunk(chunk) = action
                && !chunk.body.is_empty()
            {
                self.fresh.push((*leg, action.clone()));
                self.pushed.insert(*leg, chunk.id);
            }
        }
        (result, Did(did))
    }

    /// An event of a leg.
    pub fn on(&mut self, leg: LegId, event: Event<'_>) -> Did {
        self.command(|machine, cx| machine.handle(leg, event, cx)).1
    }

    /// An event of the first leg.
    pub fn event(&mut self, event: Event<'_>) -> Did {
        self.on(LegId::FIRST, event)
    }

    pub fn timer(&mut self, timer: Timer) -> Did {
        self.event(Event::Timer(timer))
    }

    /// A request, complete, on the first leg, in transaction `txn`.
    pub fn request(&mut self, txn: u64, text: &str) -> Did {
        let request = request(text);
        self.event(Event::Request(ServerTxn(txn), &request))
    }

    pub fn ack(&mut self, text: &str) -> Did {
        let request = request(text);
        self.event(Event::Ack(&request))
    }

    /// A response to a request of ours, with extra header lines and a body.
    pub fn respond(
        &mut self,
        to: &(LegId, Outgoing),
        status: &str,
        lines: &str,
        body: &str,
    ) -> Did {
        let response = response(&to.1, status, lines, body);
        self.on(to.0, Event::Response(to.1.txn, &response))
    }

    pub fn fail(&mut self, to: &(LegId, Outgoing), why: TxnError) -> Did {
        self.on(to.0, Event::TxnFailed(to.1.txn, why))
    }

    pub fn answer(&mut self, ask: AskId, answer: Answer<'_>) -> Did {
        self.event(Event::Answer(ask, answer))
    }

    pub fn msrp(&mut self, leg: LegId, event: MsrpEvent<'_>) -> Did {
        self.on(leg, Event::Msrp(event))
    }

    /// A whole SEND request, in one piece. Gives what was done at its beginning, body and end.
    pub fn send(
        &mut self,
        leg: LegId,
        txn: u32,
        head: SendHead<'_>,
        body: &[u8],
        flag: Continuation,
    ) -> Did {
        let mut did = self.msrp(leg, MsrpEvent::Send(MsrpTxn(txn), &head)).0;
        if !body.is_empty() {
            did.extend(
                self.msrp(leg, MsrpEvent::Octets(&Bytes::copy_from_slice(body)))
                    .0,
            );
        }
        did.extend(self.msrp(leg, MsrpEvent::End(flag)).0);
        Did(did)
    }

    /// The chunk of a leg that has not been looked at, or what comes once the last one is written.
    pub fn room(&mut self, leg: LegId) -> Did {
        if !self.fresh.iter().any(|(at, _)| *at == leg) {
            let id = self.pushed.remove(&leg).unwrap_or(ChunkId(u32::MAX));
            let did = self.msrp(leg, MsrpEvent::Written(id));
            self.fresh.retain(|(at, _)| *at != leg);
            return did;
        }
        let (seen, fresh) = self.fresh.drain(..).partition(|(at, _)| *at == leg);
        self.fresh = fresh;
        Did(seen)
    }

    /// The connection is there; every chunk that comes is written and answered with 200 until nothing
    /// comes any more.
    pub fn drain_chunks(&mut self, leg: LegId) -> (Vec<Chunk>, Did) {
        let (mut chunks, mut all) = (Vec::new(), Vec::new());
        let mut did = self.room(leg);
        loop {
            all.extend(did.0.clone());
            let Some((leg, chunk)) = did.chunks().pop() else {
                break;
            };
            chunks.push(chunk.clone());
            let mut next = self.room(leg).0;
            next.extend(self.msrp(leg, MsrpEvent::Response(chunk.id, 200)).0);
            self.fresh.retain(|(at, _)| *at != leg);
            did = Did(next);
        }
        (chunks, Did(all))
    }
}

impl Did {
    pub fn none(&self) {
        assert!(self.0.is_empty(), "unexpected {:#?}", self.0);
    }

    /// The requests that were sent, ACK among them, with their legs.
    pub fn sent(&self) -> Vec<(LegId, Outgoing)> {
        let request = |(leg, action): &(LegId, Action)| match action {
            Action::SendRequest(request) | Action::SendAck(request) => {
                Some((*leg, request.clone()))
            }
            _ => None,
        };
        self.0.iter().filter_map(request).collect()
    }

    /// The only request that was sent.
    pub fn one_sent(&self) -> (LegId, Outgoing) {
        let sent = self.sent();
        assert_eq!(sent.len(), 1, "one request, not {:#?}", self.0);
        sent.into_iter().next().unwrap()
    }

    pub fn replies(&self) -> Vec<(ServerTxn, Reply)> {
        let reply = |(_, action): &(LegId, Action)| match action {
            Action::Respond(txn, reply) => Some((*txn, reply.clone())),
            _ => None,
        };
        self.0.iter().filter_map(reply).collect()
    }

    /// The only reply.
    pub fn one_reply(&self) -> (ServerTxn, Reply) {
        let replies = self.replies();
        assert_eq!(replies.len(), 1, "one reply, not {:#?}", self.0);
        replies.into_iter().next().unwrap()
    }

    /// The statuses of the replies.
    pub fn statuses(&self) -> Vec<u16> {
        self.replies()
            .iter()
            .map(|(_, reply)| reply.status.0)
            .collect()
    }

    pub fn chunks(&self) -> Vec<(LegId, Chunk)> {
        let chunk = |(leg, action): &(LegId, Action)| match action {
            Action::SendChunk(chunk) => Some((*leg, chunk.clone())),
            _ => None,
        };
        self.0.iter().filter_map(chunk).collect()
    }

    pub fn notices(&self) -> Vec<Notice> {
        let notice = |(_, action): &(LegId, Action)| match action {
            Action::Tell(notice) => Some(notice.clone()),
            _ => None,
        };
        self.0.iter().filter_map(notice).collect()
    }

    pub fn outcomes(&self) -> Vec<(RecipientId, Outcome)> {
        let outcome = |notice| match notice {
            Notice::Outcome(_, recipient, outcome) => Some((recipient, outcome)),
            _ => None,
        };
        self.notices().into_iter().filter_map(outcome).collect()
    }

    /// The only outcome.
    pub fn outcome(&self) -> Outcome {
        let outcomes = self.outcomes();
        assert_eq!(outcomes.len(), 1, "one outcome, not {:#?}", self.0);
        outcomes[0].1
    }

    pub fn asked(&self) -> Option<(AskId, Question)> {
        self.0.iter().find_map(|(_, action)| match action {
            Action::Ask(ask, question) => Some((*ask, question.clone())),
            _ => None,
        })
    }

    pub fn cancels(&self) -> Vec<(LegId, ClientTxn)> {
        let cancel = |(leg, action): &(LegId, Action)| match action {
            Action::SendCancel(txn) => Some((*leg, *txn)),
            _ => None,
        };
        self.0.iter().filter_map(cancel).collect()
    }

    pub fn started(&self, timer: Timer) -> Option<Duration> {
        self.0.iter().rev().find_map(|(_, action)| match action {
            Action::StartTimer(started, after) if *started == timer => Some(*after),
            _ => None,
        })
    }

    pub fn has(&self, wanted: impl Fn(&Action) -> bool) -> bool {
        self.position(wanted).is_some()
    }

    /// Where the first such action stands.
    pub fn position(&self, wanted: impl Fn(&Action) -> bool) -> Option<usize> {
        self.0.iter().position(|(_, action)| wanted(action))
    }

    /// How many such actions there are.
    pub fn count(&self, wanted: impl Fn(&Action) -> bool) -> usize {
        self.0.iter().filter(|(_, action)| wanted(action)).count()
    }
}

/// A request as it is written, without Via.
pub fn wire(request: &Outgoing) -> String {
    let mut out = BytesMut::new();
    write_request(&mut out, request, "");
    String::from_utf8(out.to_vec()).unwrap()
}

/// A request as a peer reads it.
pub fn read(request: &Outgoing) -> Request {
    let mut out = BytesMut::new();
    write_request(&mut out, request, "Via: SIP/2.0/UDP h;branch=z9hG4bK1\r\n");
    parse_request(&out.freeze()).unwrap()
}

/// A reply as it is written, to this request.
pub fn wire_reply(reply: &Reply, to: &str) -> String {
    let mut out = BytesMut::new();
    write_response(&mut out, reply, &request(to).head);
    String::from_utf8(out.to_vec()).unwrap()
}

/// A request from its text: line ends become CRLF, Via and Content-Length are added if they are
/// missing.
pub fn request(text: &str) -> Request {
    parse_request(&Bytes::from(completed(text))).unwrap()
}

fn completed(text: &str) -> String {
    let text = crlf(text);
    let (head, body) = text
        .split_once("\r\n\r\n")
        .unwrap_or((text.trim_end_matches("\r\n"), ""));
    let (start, lines) = head.split_once("\r\n").unwrap();
    let mut out = format!("{start}\r\n");
    if !lines.contains("Via:") {
        out += "Via: SIP/2.0/UDP h;branch=z9hG4bK1\r\n";
    }
    out += lines;
    out += &format!("\r\nContent-Length: {}\r\n\r\n{body}", body.len());
    out
}

/// A response to a request of ours. `status` is code and phrase; a To-tag is added (`;tag=peer`)
/// unless `lines` holds a To line, or the status is 100.
pub fn response(to: &Outgoing, status: &str, lines: &str, body: &str) -> Response {
    let asked = read(to);
    let head = &asked.head;
    let mut text = format!("SIP/2.0 {status}\nVia: SIP/2.0/UDP h;branch=z9hG4bK1\n");
    let from = head.header("From").unwrap();
    text += &format!("From: {from}\n");
    if !lines.contains("To: ") {
        let tag = if status.starts_with("100") || head.to().tag().is_some() {
            ""
        } else {
            ";tag=peer"
        };
        text += &format!("To: {}{tag}\n", head.header("To").unwrap());
    }
    text += &format!(
        "Call-ID: {}\nCSeq: {}\n",
        head.call_id(),
        head.header("CSeq").unwrap()
    );
    text += lines;
    let body = crlf(body);
    let text = crlf(text.trim_end_matches('\n'));
    let text = format!("{text}\r\nContent-Length: {}\r\n\r\n{body}", body.len());
    parse_response(&Bytes::from(text)).unwrap()
}

/// A request inside the dialog that our 2xx made: from the caller of `invite` to us.
pub fn inside(invite: &str, reply: &Reply, method: &str, cseq: u32, lines: &str) -> String {
    let asked = request(invite);
    let head = &asked.head;
    let tag = reply.tag.unwrap();
    format!(
        "{method} sip:us SIP/2.0\nMax-Forwards: 70\nFrom: {}\nTo: {};tag={tag}\nCall-ID: {}\nCSeq: {cseq} {method}\n{lines}",
        head.header("From").unwrap(),
        head.header("To").unwrap(),
        head.call_id(),
    )
}

/// A request inside the dialog that a 2xx to our INVITE made: from the peer (tag `peer`) to us.
pub fn from_peer(invite: &Outgoing, method: &str, cseq: u32, lines: &str) -> String {
    let asked = read(invite);
    let head = &asked.head;
    format!(
        "{method} sip:us@example.com SIP/2.0\nMax-Forwards: 70\nFrom: {};tag=peer\nTo: {}\nCall-ID: {}\nCSeq: {cseq} {method}\n{lines}",
        head.header("To").unwrap(),
        head.header("From").unwrap(),
        head.call_id(),
    )
}

/// An SDP answer that takes everything: passive, receiving.
pub fn answer_sdp(more: &str) -> String {
    format!(
        "v=0\no=peer 1 1 IN IP4 peer.example.com\ns=-\nc=IN IP4 peer.example.com\nt=0 0\n\
         m=message 8888 TCP/MSRP *\na=path:msrp://peer.example.com:8888/9di4eae923wzd;tcp\n\
         a=setup:passive\na=accept-types:*\na=recvonly\n{more}"
    )
}

/// An SDP offer of a large message: actpass, sending.
pub fn offer_sdp(more: &str) -> String {
    format!(
        "v=0\no=alice 1 1 IN IP4 alice.example.com\ns=-\nc=IN IP4 alice.example.com\nt=0 0\n\
         m=message 7654 TCP/MSRP *\na=path:msrp://alice.example.com:7654/jshA7weztas;tcp\n\
         a=setup:actpass\na=accept-types:message/cpim text/plain\na=sendonly\n{more}"
    )
}

/// The lines that go with an SDP body in a 2xx from a client.
pub const ACCEPTED: &str =
    "Contact: <sip:peer@peer.example.com>;+g.oma.sip-im\nContent-Type: application/sdp\n";

/// The same from a focus.
pub const FOCUS: &str =
    "Contact: <sip:conf-1@im.example.com>;+g.oma.sip-im;isfocus\nContent-Type: application/sdp\n";

/// The head of a SEND of `len` octets from `start` on, of `total`.
pub fn send_head(message: &str, start: u64, len: u64, total: u64) -> SendHead<'_> {
    SendHead {
        message,
        range: ByteRange {
            start,
            end: Some(start + len - 1),
            total: Some(total),
        },
        success: false,
        failure: FailureReport::Yes,
        content_type: Some("text/plain"),
        mime: "Content-Type: text/plain\r\n",
    }
}

/// A REPORT on a message of ours.
pub fn report(message: &str, start: u64, end: u64, total: u64, status: u16) -> ReportHead<'_> {
    ReportHead {
        message,
        range: ByteRange {
            start,
            end: Some(end),
            total: Some(total),
        },
        status,
    }
}

#[allow(unused_imports)]
pub use simple_im::{Access, Failure, Refusal};
#[allow(dead_code)]
pub const LOST: MsrpEvent<'static> = MsrpEvent::Down(Down::Lost);
