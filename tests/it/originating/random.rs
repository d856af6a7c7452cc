//! Anything at all, in any order: nothing panics, and what falls due at the end is done.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use simple_im::{
    Answer, Continuation, Down, Event, FailureReport, MsrpTxn, RecipientId, Refusal, ServerTxn,
};

use super::*;

/// What happens next. Numbers choose among what there is at the time.
#[derive(Clone, Debug)]
enum Step {
    Respond {
        which: usize,
        status: usize,
        lines: usize,
        body: usize,
    },
    Fail {
        which: usize,
        timeout: bool,
    },
    Fire(usize),
    Request {
        method: usize,
        stranger: bool,
    },
    Ack,
    Answer {
        which: usize,
        accept: bool,
    },
    Up,
    Down(usize),
    Written(usize),
    Chunk {
        which: usize,
        status: usize,
    },
    Report {
        to: u64,
        status: usize,
    },
    Incoming,
    Cancel,
    Close,
}

const STATUSES: [&str; 24] = [
    "100 Trying",
    "180 Ringing",
    "183 Session Progress",
    "200 OK",
    "200 OK",
    "200 OK",
    "200 OK",
    "202 Accepted",
    "302 Moved Temporarily",
    "403 Forbidden",
    "404 Not Found",
    "405 Method Not Allowed",
    "408 Request Timeout",
    "413 Request Entity Too Large",
    "422 Session Interval Too Small",
    "480 Temporarily Unavailable",
    "481 Call/Transaction Does Not Exist",
    "487 Request Terminated",
    "488 Not Acceptable Here",
    "491 Request Pending",
    "500 Server Internal Error",
    "501 Not Implemented",
    "513 Message Too Large",
    "603 Decline",
];

const LINES: [&str; 8] = [
    "Contact: <sip:peer@peer.example.com>\n",
    "Contact: <sip:peer@peer.example.com>\nSession-Expires: 90;refresher=uac\n",
    "Contact: <sip:peer@peer.example.com>\nSession-Expires: 90;refresher=uas\n",
    "Contact: <sip:peer@peer.example.com>;isfocus\nAllow: UPDATE\nSession-Expires: 1800;refresher=uac\n",
    "To: <sip:bob@example.com>;tag=other\nContact: <sip:peer@other.example.com>\n",
    "Min-SE: 2000\n",
    "Min-SE: 9000\nRecord-Route: <sip:strict.example.com>\nContact: <sip:peer@peer.example.com>\n",
    "",
];

const METHODS: [&str; 8] = [
    "BYE", "UPDATE", "INVITE", "MESSAGE", "OPTIONS", "INFO", "PRACK", "MESSAGE",
];

fn bodies() -> [String; 7] {
    let sdp = answer_sdp("");
    [
        sdp.clone(),
        sdp.clone(),
        sdp.replace("setup:passive", "setup:active"),
        sdp.replace("recvonly", "sendrecv"),
        sdp.replace("recvonly", "inactive"),
        sdp.replace("accept-types:*", "accept-types:image/png"),
        String::new(),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    let n = || any::<prop::sample::Index>().prop_map(|index| index.index(1000));
    prop_oneof![
        6 => (n(), n(), n(), n()).prop_map(|(which, status, lines, body)| Step::Respond { which, status, lines, body }),
        1 => (n(), any::<bool>()).prop_map(|(which, timeout)| Step::Fail { which, timeout }),
        2 => n().prop_map(Step::Fire),
        2 => (n(), prop::bool::weighted(0.2)).prop_map(|(method, stranger)| Step::Request { method, stranger }),
        1 => Just(Step::Ack),
        1 => (n(), any::<bool>()).prop_map(|(which, accept)| Step::Answer { which, accept }),
        3 => Just(Step::Up),
        1 => n().prop_map(Step::Down),
        5 => n().prop_map(Step::Written),
        5 => (n(), n()).prop_map(|(which, status)| Step::Chunk { which, status }),
        2 => (0..6000u64, n()).prop_map(|(to, status)| Step::Report { to, status }),
        1 => Just(Step::Incoming),
        1 => Just(Step::Cancel),
        1 => Just(Step::Close),
    ]
}

/// A client, and what it owes.
struct Run {
    rig: Alice,
    recipients: u32,
    /// Requests without a final response.
    outstanding: Vec<Sent>,
    /// Every request, for a response that comes again.
    sent: Vec<Sent>,
    invite: Option<Outgoing>,
    chunks: Vec<Chunk>,
    timers: BTreeSet<Timer>,
    asked: Vec<simple_im::AskId>,
    /// The final status of each request that arrived.
    served: BTreeMap<u64, Option<u16>>,
    told: BTreeMap<RecipientId, Outcome>,
    opened: usize,
    msrp: (usize, usize),
    closed: usize,
    cseq: u32,
}

impl Run {
    fn take(&mut self, did: Did) {
        for (leg, action) in did.0 {
            let stray = matches!(
                &action,
                Action::SendAck(_) | Action::SendRequest(_) | Action::Respond(..)
            );
            assert!(self.closed == 0 || stray, "after Closed: {action:?}");
            match action {
                Action::Opened(_) => self.opened += 1,
                Action::Replace(_) => panic!("a caller replaces nothing by itself"),
                Action::SendRequest(request) => {
                    if request.method == Method::Invite && self.invite.is_none() {
                        self.invite = Some(request.clone());
                    }
                    self.sent.push((leg, request.clone()));
                    // Nobody awaits the answer to the BYE of a stray.
                    if request.method != Method::Bye || request.txn.0 != 0 {
                        self.outstanding.push((leg, request));
                    }
                }
                Action::SendAck(ack) => assert_eq!(ack.method, Method::Ack),
                Action::SendCancel(txn) => {
                    assert!(self.outstanding.iter().any(|(_, sent)| sent.txn == txn));
                }
                Action::Respond(ServerTxn(txn), reply) => {
                    let before = self.served.get_mut(&txn).unwrap();
                    let status = reply.status.0;
                    if status >= 200 {
                        assert!(
                            before.is_none_or(|before| before == status),
                            "{before:?} {status}"
                        );
                        *before = Some(status);
                    }
                }
                Action::StartTimer(timer, _) => {
                    self.timers.insert(timer);
                }
                Action::StopTimer(timer) => {
                    self.timers.remove(&timer);
                }
                Action::Ask(ask, _) => self.asked.push(ask),
                Action::Tell(Notice::Outcome(_, recipient, outcome)) => {
                    let before = self.told.insert(recipient, outcome);
                    assert_eq!(before, None, "one outcome each");
                }
                Action::Tell(_) => {}
                Action::OpenMsrp(_) => self.msrp.0 += 1,
                Action::SendChunk(chunk) => {
                    assert_eq!(self.msrp.1, 0, "nothing after release");
                    self.chunks.push(chunk);
                }
                Action::RespondMsrp(..) | Action::SendReport(_) => {}
                Action::ReleaseMsrp => {
                    assert!(self.msrp.0 > 0);
                    self.msrp.1 += 1;
                }
                Action::Closed => {
                    assert_eq!(self.opened, 1);
                    assert_eq!(self.msrp.1, 1, "released once");
                    assert_eq!(self.timers, BTreeSet::new(), "stopped or fired");
                    self.closed += 1;
                }
            }
        }
        assert_eq!(
            self.closed == 1,
            self.opened == 1 && self.rig.machine.is_closed()
        );
    }

    fn event(&mut self, event: Event<'_>) {
        let did = self.rig.event(event);
        self.take(did);
    }

    fn fail(&mut self, at: usize, why: TxnError) {
        let (_, sent) = self.outstanding.remove(at);
        self.event(Event::TxnFailed(sent.txn, why));
    }

    fn fire(&mut self, timer: Timer) {
        self.timers.remove(&timer);
        self.event(Event::Timer(timer));
    }

    fn command(&mut self, run: impl FnOnce(&mut Originating, &mut simple_im::Context<'_>)) {
        let (_, did) = self.rig.command(run);
        self.take(did);
    }

    fn msrp(&mut self, event: MsrpEvent<'_>) {
        if self.msrp.0 > 0 && self.msrp.1 == 0 {
            self.event(Event::Msrp(event));
        }
    }

    fn step(&mut self, step: &Step) {
        match *step {
            Step::Respond {
                which,
                status,
                lines,
                body,
            } => {
                // Mostly to what is outstanding, now and then once more to what is not.
                let late = which % 7 == 0 || self.outstanding.is_empty();
                let from = if late { &self.sent } else { &self.outstanding };
                let at = which % from.len();
                let (_, sent) = from[at].clone();
                let status = STATUSES[status % STATUSES.len()];
                let invite = sent.method == Method::Invite;
                let lines = LINES[lines % LINES.len()];
                let body = if invite {
                    bodies()[body % 7].clone()
                } else {
                    String::new()
                };
                let kind = if body.is_empty() {
                    ""
                } else {
                    "Content-Type: application/sdp\n"
                };
                let response = response(&sent, status, &format!("{lines}{kind}"), &body);
                if !late && !response.status.is_provisional() {
                    self.outstanding.remove(at);
                }
                self.event(Event::Response(sent.txn, &response));
            }
            Step::Fail { which, timeout } => {
                if !self.outstanding.is_empty() {
                    let why = if timeout {
                        TxnError::Timeout
                    } else {
                        TxnError::Transport
                    };
                    self.fail(which % self.outstanding.len(), why);
                }
            }
            Step::Fire(which) => {
                if let Some(timer) = self.timers.iter().nth(which % 4).copied() {
                    self.fire(timer);
                }
            }
            Step::Request { method, stranger } => {
                let Some(invite) = self.invite.clone() else {
                    return;
                };
                self.cseq += 1;
                let method = METHODS[method % METHODS.len()];
                let mut text = from_peer(&invite, method, self.cseq, "Supported: timer\n");
                if stranger {
                    text = text.replace(";tag=peer", ";tag=nobody");
                }
                let request = request(&text);
                let txn = u64::from(self.cseq);
                self.served.insert(txn, None);
                self.event(Event::Request(ServerTxn(txn), &request));
            }
            Step::Ack => {
                let Some(invite) = self.invite.clone() else {
                    return;
                };
                let request = request(&from_peer(&invite, "ACK", self.cseq, ""));
                self.event(Event::Ack(&request));
            }
            Step::Answer { which, accept } => {
                if !self.asked.is_empty() {
                    let ask = self.asked[which % self.asked.len()];
                    let answer = if accept {
                        Answer::Accept
                    } else {
                        Answer::Refuse(Refusal::Declined)
                    };
                    self.event(Event::Answer(ask, answer));
                }
            }
            Step::Up => self.msrp(MsrpEvent::Up),
            Step::Down(which) => {
                let down = [Down::Unreachable, Down::Lost, Down::Malformed][which % 3];
                self.msrp(MsrpEvent::Down(down));
            }
            Step::Written(which) => {
                let id = self.chunks.get(which % (self.chunks.len() + 1));
                let id = id
                    .or(self.chunks.last())
                    .map_or(simple_im::ChunkId(1), |chunk| chunk.id);
                self.msrp(match which % 7 {
                    0 => MsrpEvent::Cut(id),
                    _ => MsrpEvent::Written(id),
                });
            }
            Step::Chunk { which, status } => {
                if !self.chunks.is_empty() {
                    let id = self.chunks[which % self.chunks.len()].id;
                    let status = [200, 200, 200, 200, 413, 481][status % 6];
                    self.msrp(MsrpEvent::Response(id, status));
                }
            }
            Step::Report { to, status } => {
                let Some(chunk) = self.chunks.last() else {
                    return;
                };
                let message = chunk.message.to_string();
                let status = [200, 200, 200, 408][status % 4];
                let head = report(&message, 1, to, 6000, status);
                self.msrp(MsrpEvent::Report(&head));
            }
            Step::Incoming => {
                let head = send_head("m", 1, 2, 2);
                self.msrp(MsrpEvent::Send(MsrpTxn(1), &head));
                self.msrp(MsrpEvent::Octets(&bytes::Bytes::from_static(b"hi")));
                self.msrp(MsrpEvent::End(Continuation::Last));
            }
            Step::Cancel => self.command(|alice, cx| {
                let _ = alice.cancel(cx);
            }),
            Step::Close => self.command(|alice, cx| alice.close(cx)),
        }
    }

    /// Closes, and answers to whatever is outstanding.
    fn finish(mut self) {
        self.command(|alice, cx| alice.close(cx));
        for _ in 0..1000 {
            if self.rig.machine.is_closed() {
                break;
            }
            let waits = [Timer::Continue, Timer::FinalWait];
            if let Some(timer) = waits.into_iter().find(|timer| self.timers.contains(timer)) {
                self.fire(timer);
            } else if !self.outstanding.is_empty() {
                self.fail(0, TxnError::Timeout);
            } else {
                panic!(
                    "it waits for nothing: {:?} {:?}",
                    self.rig.machine, self.timers
                );
            }
        }
        assert!(self.rig.machine.is_closed());
        let told: Vec<_> = self.told.keys().map(|recipient| recipient.0).collect();
        let all: Vec<_> = (0..self.recipients).collect();
        assert_eq!(told, all, "each recipient is told of");
        assert!(
            self.served.values().all(Option::is_some),
            "{:?}",
            self.served
        );
        assert_eq!(self.timers, BTreeSet::new());
        assert_eq!(self.closed, self.opened);
        // Whatever comes now finds nobody.
        for (_, sent) in core::mem::take(&mut self.sent) {
            let late = response(&sent, "200 OK", LINES[0], "");
            self.event(Event::Response(sent.txn, &late));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_happens_what_falls_due_is_done(
        small in prop::bool::weighted(0.15),
        recipients in prop_oneof![Just(1u32), 2..40u32],
        seeds in any::<bool>(),
        success in any::<bool>(),
        failure in prop_oneof![Just(FailureReport::Yes), Just(FailureReport::Partial), Just(FailureReport::No)],
        // Most runs begin with a session that is agreed on; chance alone seldom gets that far.
        agreed in prop::option::weighted(0.8, 0..4usize),
        steps in prop::collection::vec(step(), 0..60),
    ) {
        let mut rig = if seeds { alice_of_the_seeds() } else { alice() };
        rig.config.limits.batch = 32;
        let uris: Vec<String> = (0..recipients).map(|n| format!("sip:u{n}@example.com")).collect();
        let uris: Vec<&str> = uris.iter().map(String::as_str).collect();
        let mut draft = Draft::new(list(&uris), text(if small { 9 } else { 6000 }));
        draft.success_report = success;
        draft.failure_report = failure;
        let mut run = Run {
            rig,
            recipients,
            outstanding: Vec::new(),
            sent: Vec::new(),
            invite: None,
            chunks: Vec::new(),
            timers: BTreeSet::new(),
            asked: Vec::new(),
            served: BTreeMap::new(),
            told: BTreeMap::new(),
            opened: 0,
            msrp: (0, 0),
            closed: 0,
            cseq: 0,
        };
        let (sent, did) = run.rig.command(|alice, cx| alice.send(draft, cx));
        sent.unwrap();
        run.take(did);
        if let Some(lines) = agreed {
            run.step(&Step::Respond { which: 1, status: 3, lines, body: 0 });
            run.step(&Step::Up);
        }
        for step in &steps {
            run.step(step);
        }
        run.finish();
    }
}
