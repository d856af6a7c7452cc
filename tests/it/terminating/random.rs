//! Whatever happens in whatever order, what is promised is kept.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use proptest::prelude::*;
use simple_im::{
    Access, Action, Answer, AskId, ByteRange, ChunkId, Continuation, Down, Event, FailureReport,
    LegId, Machine, Method, MsrpEvent, MsrpTxn, Notice, Outgoing, Refusal, Reply, SendHead,
    ServerTxn, Status, Terminating, Timer, TxnError,
};

use super::{bob_with, invite, page};
use crate::rig::*;

pub const TIMERS: [Timer; 14] = [
    Timer::Continue,
    Timer::Decide,
    Timer::Ring,
    Timer::FinalWait,
    Timer::Repeat,
    Timer::Bind,
    Timer::ChunkResponse,
    Timer::NextChunk,
    Timer::SuccessReport,
    Timer::Delivery,
    Timer::Refresh,
    Timer::Expiry,
    Timer::Retry,
    Timer::Patience,
];

/// Methods inside the dialog and their lines.
const INSIDE: [(&str, &str); 12] = [
    ("BYE", ""),
    (
        "INVITE",
        "Supported: timer\nSession-Expires: 90;refresher=uas\n",
    ),
    ("INVITE", "Supported: timer\nSession-Expires: 30\n"),
    ("INVITE", "Content-Type: application/sdp\n\nv=0\n"),
    (
        "UPDATE",
        "Supported: timer\nSession-Expires: 90;refresher=uac\n",
    ),
    ("UPDATE", "Require: foo\n"),
    ("MESSAGE", "Content-Type: text/plain\n\nhi"),
    ("MESSAGE", "Content-Type: image/png\n\nhi"),
    ("OPTIONS", ""),
    ("PRACK", ""),
    ("INFO", ""),
    ("FOO", ""),
];

const RESPONSES: [(&str, &str); 9] = [
    ("100 Trying", ""),
    ("200 OK", "Session-Expires: 90;refresher=uac\n"),
    ("200 OK", ""),
    ("408 Timeout", ""),
    ("422 Small", "Min-SE: 300\n"),
    ("481 No", ""),
    ("491 Pending", ""),
    ("500 No", ""),
    ("501 No", ""),
];

#[derive(Clone, Debug)]
enum Step {
    Stranger(u8),
    Answer(u8, u8),
    Inside(u8, u8, u8),
    Ack(u8),
    Cancel(u8),
    Timer(u8),
    Response(u8, u8),
    Fail(u8),
    Up,
    Down(u8),
    Written,
    Send {
        id: u8,
        start: u8,
        total: u8,
        how: u8,
    },
    Octets(u8),
    End(u8),
    Close,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        2 => (0u8..8).prop_map(Step::Stranger),
        5 => (0u8..4, 0u8..8).prop_map(|(n, how)| Step::Answer(n, how)),
        6 => (0..INSIDE.len() as u8, 0u8..8, 0u8..16)
            .prop_map(|(method, cseq, foreign)| Step::Inside(method, cseq, foreign)),
        4 => (0u8..4).prop_map(Step::Ack),
        1 => (0u8..4).prop_map(Step::Cancel),
        4 => (0u8..32).prop_map(Step::Timer),
        4 => (0u8..4, 0..RESPONSES.len() as u8).prop_map(|(n, how)| Step::Response(n, how)),
        1 => (0u8..4).prop_map(Step::Fail),
        3 => Just(Step::Up),
        1 => (0u8..3).prop_map(Step::Down),
        1 => Just(Step::Written),
        6 => (0u8..6, 0u8..12, any::<u8>(), any::<u8>())
            .prop_map(|(id, start, total, how)| Step::Send { id, start, total, how }),
        6 => (0u8..60).prop_map(Step::Octets),
        6 => (0u8..6).prop_map(Step::End),
        1 => Just(Step::Close),
    ]
}

/// The machine, and what it owes.
struct Bench {
    rig: Rig<Terminating>,
    invite: String,
    /// The first INVITE's transaction, and the first reply with a tag.
    called: u64,
    tag: Option<Reply>,
    next: u64,
    cseq: u32,
    answered: BTreeMap<u64, (Method, Vec<Reply>)>,
    asks: Vec<AskId>,
    out: Vec<(LegId, Outgoing)>,
    running: BTreeSet<Timer>,
    /// OpenMsrp, ReleaseMsrp, Opened, Closed.
    counts: [usize; 4],
    accepted: bool,
    over: BTreeSet<u32>,
    open_chunk: bool,
}

impl Bench {
    fn new() -> Self {
        let rig = bob_with(|config| {
            config.limits.batch = 32;
            config.limits.whole = 64;
            config.limits.message = 300;
            config.limits.ranges = 8;
        });
        Self {
            rig,
            invite: invite("Allow: UPDATE\n", &offer_sdp(""))
                .replace("refresher=uac", "refresher=uas"),
            called: 0,
            tag: None,
            next: 0,
            cseq: 314159,
            answered: BTreeMap::new(),
            asks: Vec::new(),
            out: Vec::new(),
            running: BTreeSet::new(),
            counts: [0; 4],
            accepted: false,
            over: BTreeSet::new(),
            open_chunk: false,
        }
    }

    fn see(&mut self, did: Did) {
        for (leg, action) in did.0 {
            assert_eq!(leg, LegId::FIRST);
            let closed = self.counts[3] > 0;
            match action {
                Action::Opened(_) => self.counts[2] += 1,
                Action::Closed => {
                    self.counts[3] += 1;
                    assert!(self.running.is_empty(), "left running: {:?}", self.running);
                    assert_eq!(self.counts[1], 1, "released once");
                }
                Action::OpenMsrp(_) => {
                    assert_eq!(self.counts[1], 0, "opened after its release");
                    self.counts[0] += 1;
                }
                Action::ReleaseMsrp => {
                    assert!(self.counts[0] > 0, "released, and was never open");
                    self.counts[1] += 1;
                }
                Action::Replace(_) => panic!("nothing is to be replaced"),
                Action::StartTimer(timer, _) => {
                    assert!(!closed, "{timer:?} starts after the end");
                    self.running.insert(timer);
                }
                Action::StopTimer(timer) => {
                    self.running.remove(&timer);
                }
                Action::Respond(ServerTxn(txn), reply) => {
                    if txn == self.called && reply.tag.is_some() && self.tag.is_none() {
                        self.tag = Some(reply.clone());
                    }
                    if !reply.status.is_provisional() {
                        let (method, finals) = self.answered.get_mut(&txn).expect("it was asked");
                        let repeated = *method == Method::Invite && reply.status.is_success();
                        match finals.first() {
                            None => finals.push(reply),
                            Some(first) => assert!(repeated && *first == reply, "two answers"),
                        }
                    }
                }
                Action::Ask(ask, _) => self.asks.push(ask),
                Action::SendRequest(request) => {
                    assert!(!closed, "a request after the end");
                    self.out.push((leg, request));
                }
                Action::Tell(
                    Notice::Received { message, .. } | Notice::Incomplete { message, .. },
                ) => {
                    assert!(self.over.insert(message.0), "a message ends once");
                }
                Action::Tell(Notice::Data { message, .. }) => {
                    assert!(!self.over.contains(&message.0), "data after the end");
                }
                Action::Tell(_) => {}
                Action::SendAck(_)
                | Action::SendCancel(_)
                | Action::SendChunk(_)
                | Action::RespondMsrp(..)
                | Action::SendReport(_) => assert!(!closed),
            }
        }
        if self.rig.machine.is_closed() {
            assert!(self.running.is_empty(), "left running: {:?}", self.running);
            assert_eq!(self.counts[2], self.counts[3], "Closed once if Opened");
        }
    }

    fn request(&mut self, text: &str) {
        self.next += 1;
        let request = request(text);
        self.answered
            .insert(self.next, (request.method, Vec::new()));
        let did = self
            .rig
            .event(Event::Request(ServerTxn(self.next), &request));
        self.see(did);
    }

    fn event(&mut self, event: Event<'_>) {
        let did = self.rig.event(event);
        self.see(did);
    }

    fn early(&self) -> Option<Reply> {
        self.tag.clone()
    }

    fn run(&mut self, step: &Step) {
        match *step {
            Step::Stranger(how) => {
                let text = match how {
                    0 => page("Content-Type: text/plain\n", "hi"),
                    1 => page("Content-Type: image/png\n", "hi"),
                    2 => invite("Require: foo\n", &offer_sdp("")),
                    3 => invite("", "v=0\n"),
                    _ => self.invite.clone(),
                };
                if self.called == 0 && how > 1 {
                    self.called = self.next + 1;
                }
                self.request(&text);
            }
            Step::Answer(n, how) => {
                let Some(ask) = self.asks.get(n as usize % self.asks.len().max(1)).copied() else {
                    return;
                };
                let answer = match how {
                    0 => Answer::Refuse(Refusal::Declined),
                    1 => Answer::Refuse(Refusal::Status(Status(700))),
                    2 => Answer::Access(Access {
                        exists: true,
                        allowed: true,
                        anonymity: true,
                    }),
                    _ => Answer::Accept,
                };
                let opens = self.counts[0];
                self.event(Event::Answer(ask, answer));
                self.accepted |= self.counts[0] > opens;
            }
            Step::Inside(method, cseq, foreign) => {
                let Some(reply) = self.early() else { return };
                let (method, lines) = INSIDE[method as usize];
                self.cseq = self.cseq.saturating_add_signed(i32::from(cseq) - 1);
                let text = inside(&self.invite, &reply, method, self.cseq, lines);
                let text = if foreign == 0 {
                    text.replace("tag=49583", "tag=x")
                } else {
                    text
                };
                self.request(&text);
            }
            Step::Ack(how) => {
                let Some(reply) = self.early() else { return };
                let cseq = if how == 0 { 314159 } else { self.cseq };
                let ack = request(&inside(&self.invite, &reply, "ACK", cseq, ""));
                self.event(Event::Ack(&ack));
            }
            Step::Cancel(back) => {
                let invite = ServerTxn(if back == 0 {
                    self.called
                } else {
                    self.next.saturating_sub(back.into())
                });
                self.next += 1;
                self.answered
                    .insert(self.next, (Method::Cancel, Vec::new()));
                let cancel = ServerTxn(self.next);
                self.event(Event::Cancel { cancel, invite });
            }
            Step::Timer(n) => {
                // Mostly one that runs; one that does not must do no harm.
                let running: Vec<_> = self.running.iter().copied().collect();
                let timer = match running.get(n as usize % 10) {
                    Some(timer) => *timer,
                    None => TIMERS[n as usize % TIMERS.len()],
                };
                self.running.remove(&timer);
                self.event(Event::Timer(timer));
            }
            Step::Response(n, how) => {
                let Some(to) = self.out.get(n as usize % self.out.len().max(1)).cloned() else {
                    return;
                };
                let (status, lines) = RESPONSES[how as usize];
                let did = self.rig.respond(&to, status, lines, "");
                self.see(did);
            }
            Step::Fail(n) => {
                let Some(to) = self.out.get(n as usize % self.out.len().max(1)).cloned() else {
                    return;
                };
                let did = self.rig.fail(&to, TxnError::Timeout);
                self.see(did);
            }
            Step::Up => self.event(Event::Msrp(MsrpEvent::Up)),
            Step::Down(how) => {
                let down = [Down::Lost, Down::Malformed, Down::Unreachable][how as usize];
                self.open_chunk = false;
                self.event(Event::Msrp(MsrpEvent::Down(down)));
            }
            Step::Written => {
                self.event(Event::Msrp(MsrpEvent::Written(ChunkId(1))));
                self.event(Event::Msrp(MsrpEvent::Response(ChunkId(1), 200)));
            }
            Step::Send {
                id,
                start,
                total,
                how,
            } => {
                let id = format!("m{id}aa");
                let start = u64::from(start) * 40 + 1;
                let bodiless = how & 3 == 3;
                let head = SendHead {
                    message: &id,
                    range: ByteRange {
                        start,
                        end: None,
                        total: (how & 4 > 0).then_some(u64::from(total) * 2),
                    },
                    success: how & 8 > 0,
                    failure: match how & 48 {
                        0 => FailureReport::No,
                        16 => FailureReport::Partial,
                        _ => FailureReport::Yes,
                    },
                    content_type: (!bodiless).then_some(if how & 192 == 0 {
                        "image/png"
                    } else {
                        "text/plain"
                    }),
                    mime: "Content-Type: text/plain\r\n",
                };
                self.open_chunk = true;
                self.event(Event::Msrp(MsrpEvent::Send(MsrpTxn(1), &head)));
            }
            Step::Octets(len) if self.open_chunk => {
                let octets = Bytes::from(vec![b'x'; len as usize]);
                self.event(Event::Msrp(MsrpEvent::Octets(&octets)));
            }
            Step::End(how) if self.open_chunk => {
                self.open_chunk = false;
                let flag = match how {
                    0 => Continuation::Abandoned,
                    1 | 2 => Continuation::More,
                    _ => Continuation::Last,
                };
                self.event(Event::Msrp(MsrpEvent::End(flag)));
            }
            Step::Octets(_) | Step::End(_) => {}
            Step::Close => self.close(),
        }
    }

    fn close(&mut self) {
        let ((), did) = self.rig.command(|bob, cx| bob.close(cx));
        self.see(did);
    }

    /// Everything outstanding is answered.
    fn finish(&mut self) {
        self.close();
        for _ in 0..4 {
            if self.running.remove(&Timer::FinalWait) {
                self.event(Event::Timer(Timer::FinalWait));
            }
            for to in std::mem::take(&mut self.out) {
                let did = self.rig.respond(&to, "200 OK", "", "");
                self.see(did);
            }
        }
        assert!(self.rig.machine.is_closed());
        assert!(self.running.is_empty());
        assert_eq!(self.counts[2], self.counts[3]);
        for (txn, (method, finals)) in &self.answered {
            assert_eq!(finals.len(), 1, "{method:?} in transaction {txn}");
        }
        if self.accepted {
            assert!(!self.over.is_empty(), "the user waits for a message");
        }
        // And after the end there is nothing but 481.
        let log = self.rig.log.len();
        for timer in TIMERS {
            self.event(Event::Timer(timer));
        }
        self.event(Event::Msrp(MsrpEvent::Up));
        assert_eq!(self.rig.log.len(), log);
        self.run(&Step::Inside(0, 7, 1));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, ..ProptestConfig::default() })]

    #[test]
    fn what_is_promised_is_kept(
        begin in 0u8..6,
        steps in prop::collection::vec(step(), 0..60),
    ) {
        let mut bench = Bench::new();
        // Most runs begin with a call that is accepted, half of those with one that is up.
        let prefix: &[Step] = match begin {
            0 => &[],
            1 => &[Step::Stranger(7)],
            2 => &[Step::Stranger(7), Step::Answer(0, 7)],
            _ => &[Step::Stranger(7), Step::Answer(0, 7), Step::Ack(0), Step::Up],
        };
        for step in prefix.iter().chain(&steps) {
            bench.run(step);
        }
        bench.finish();
    }
}
