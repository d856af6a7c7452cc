//! Whatever happens in whatever order: the invariants hold, and in the end everything is over.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use proptest::prelude::*;
use simple_im::{
    Action, ChunkId, Event, Fresh, Machine, MachineId, Method, MsrpTxn, Notice, Outgoing,
    RecipientId, ServerTxn, Status, Timer, TxnError,
};

use super::*;
use crate::sim::invariants::Monitor;

const IT: MachineId = MachineId(1);

/// A machine, its monitor, and what a driver would know.
struct World {
    rig: Rig<Controlling>,
    monitor: Monitor,
    call: String,
    ok: Option<Reply>,
    acked: bool,
    /// Requests of ours that have no final response.
    pending: Vec<(LegId, Outgoing)>,
    /// INVITEs of ours that had one.
    answered: Vec<(LegId, Outgoing)>,
    timers: BTreeSet<(LegId, Timer)>,
    chunks: Vec<(LegId, ChunkId)>,
    /// Legs with an MSRP session.
    open: BTreeSet<LegId>,
    asked: Option<simple_im::AskId>,
    members: usize,
    named: BTreeSet<RecipientId>,
    outcomes: BTreeMap<RecipientId, usize>,
    distributed: bool,
    txn: u64,
    cseq: u32,
}

impl World {
    fn new(rig: Rig<Controlling>, call: String, members: usize) -> Self {
        let limits = rig.config.limits.clone();
        let mut monitor = Monitor::new(limits, false);
        monitor.born(IT, Some("sip:alice@example.com".into()));
        let mut world = Self {
            rig,
            monitor,
            call,
            ok: None,
            acked: false,
            pending: Vec::new(),
            answered: Vec::new(),
            timers: BTreeSet::new(),
            chunks: Vec::new(),
            open: BTreeSet::new(),
            asked: None,
            members,
            named: BTreeSet::new(),
            outcomes: BTreeMap::new(),
            distributed: false,
            txn: 1,
            cseq: 1,
        };
        let request = request(&world.call);
        world.monitor.request(IT, ServerTxn(1), request.method);
        world.give(LegId::FIRST, Event::Request(ServerTxn(1), &request));
        world
    }

    fn give(&mut self, leg: LegId, event: Event<'_>) {
        let did = self.rig.on(leg, event);
        self.did(did);
    }

    /// Performs what the machine asks for.
    fn did(&mut self, did: Did) {
        let over = self.rig.machine.is_closed();
        self.monitor.called(Duration::ZERO, IT, &did.0, over);
        assert_eq!(self.monitor.broken, [""; 0]);
        for (leg, action) in did.0 {
            match action {
                // The answer to the BYE of a stray is nobody's.
                Action::SendRequest(request)
                    if request.txn != simple_im::ClientTxn(0)
                        || request.method == Method::Message =>
                {
                    self.pending.push((leg, request));
                }
                Action::StartTimer(timer, _) => {
                    self.timers.insert((leg, timer));
                }
                Action::StopTimer(timer) => {
                    self.timers.remove(&(leg, timer));
                }
                Action::Ask(ask, _) => self.asked = Some(ask),
                Action::OpenMsrp(_) => {
                    self.open.insert(leg);
                }
                Action::ReleaseMsrp => {
                    assert!(self.open.remove(&leg));
                    self.chunks.retain(|(at, _)| *at != leg);
                }
                Action::SendChunk(chunk) => self.chunks.push((leg, chunk.id)),
                Action::Respond(ServerTxn(1), reply) if reply.status.is_success() => {
                    self.distributed = true;
                    self.ok = Some(reply).filter(|reply| reply.status.0 == 200);
                }
                Action::Tell(Notice::Member(recipient, _)) => {
                    self.named.insert(recipient);
                }
                Action::Tell(Notice::Outcome(_, recipient, _)) => {
                    assert!(
                        self.named.contains(&recipient),
                        "an outcome of somebody unnamed"
                    );
                    *self.outcomes.entry(recipient).or_default() += 1;
                }
                _ => {}
            }
        }
    }

    fn respond(&mut self, at: usize, status: &str, lines: &str, body: &str) {
        let Some(to) = self.pending.get(at).cloned() else {
            return;
        };
        let code: u16 = status[..3].parse().unwrap();
        self.monitor
            .response(IT, to.0, to.1.txn, Some(Status(code)));
        let response = response(&to.1, status, lines, body);
        if code >= 200 {
            self.pending.remove(at);
            if to.1.method == Method::Invite && to.1.fresh.is_some() {
                self.answered.push(to.clone());
            }
        }
        self.give(to.0, Event::Response(to.1.txn, &response));
    }

    fn fail(&mut self, at: usize, why: TxnError) {
        if at < self.pending.len() {
            let to = self.pending.remove(at);
            self.monitor.response(IT, to.0, to.1.txn, None);
            self.give(to.0, Event::TxnFailed(to.1.txn, why));
        }
    }

    fn fire(&mut self, at: (LegId, Timer)) {
        self.timers.remove(&at);
        self.monitor.fired(IT, at.0, at.1);
        self.give(at.0, Event::Timer(at.1));
    }

    /// A timer that was stopped fires all the same: nothing comes of it.
    fn haunt(&mut self) {
        for (leg, timer) in self.monitor.stopped(IT) {
            let did = self.rig.on(leg, Event::Timer(timer));
            self.monitor.ghost(IT, (leg, timer), &did.0);
            self.did(did);
        }
    }

    fn arrive(&mut self, leg: LegId, text: &str) {
        self.txn += 1;
        let request = request(text);
        if request.method == Method::Ack {
            return self.give(leg, Event::Ack(&request));
        }
        let txn = ServerTxn(self.txn);
        self.monitor.request(IT, txn, request.method);
        self.give(leg, Event::Request(txn, &request));
    }

    /// The originator, inside the dialog.
    fn says(&mut self, method: &str, lines: &str) {
        let Some(ok) = self.ok.clone() else { return };
        let cseq = if method == "ACK" { 1 } else { self.cseq + 1 };
        self.cseq = self.cseq.max(cseq);
        self.acked |= method == "ACK";
        let text = inside(&self.call, &ok, method, cseq, lines);
        self.arrive(LegId::FIRST, &text);
    }

    fn msrp(&mut self, leg: LegId, event: MsrpEvent<'_>) {
        if self.open.contains(&leg) {
            self.give(leg, Event::Msrp(event));
        }
    }

    fn step(&mut self, (what, which, how): (u8, u8, u8)) {
        if self.rig.machine.is_closed() {
            // A driver has dropped it by now.
            return;
        }
        let pick = |len: usize| usize::from(which) % len.max(1);
        let legs: Vec<_> = self.open.iter().copied().collect();
        let leg = legs.get(pick(legs.len())).copied().unwrap_or(LegId::FIRST);
        let at = pick(self.pending.len());
        let good = format!(
            "{ACCEPTED}Supported: timer\nSession-Expires: 900;refresher={}\n",
            if how % 2 == 0 { "uac" } else { "uas" }
        );
        match what % 24 {
            0 | 1 => {
                if let Some(ask) = self.asked {
                    let members = many(self.members);
                    let answer = match how {
                        0..=9 => Answer::Members(Err(LookupError::Unavailable)),
                        10..=19 => Answer::Accept,
                        20..=130 => Answer::Access(GRANTED),
                        _ => Answer::Members(Ok(&members)),
                    };
                    // Most hosts answer what they were asked.
                    let answer = if which > 20
                        && self
                            .rig
                            .log
                            .iter()
                            .filter(|(_, a)| matches!(a, Action::Ask(..)))
                            .count()
                            == 1
                    {
                        Answer::Access(GRANTED)
                    } else if which > 20 {
                        Answer::Members(Ok(&members))
                    } else {
                        answer
                    };
                    self.give(LegId::FIRST, Event::Answer(ask, answer));
                }
            }
            2 => self.respond(
                at,
                ["100 Trying", "180 Ringing"][usize::from(how % 2)],
                "",
                "",
            ),
            3..=5 => self.respond(
                at,
                "200 OK",
                &good,
                &answer_sdp(["", "", "", "a=max-size:3\n"][usize::from(how % 4)]),
            ),
            6 => {
                let (status, lines) = [
                    ("486 Busy Here", ""),
                    ("603 Decline", ""),
                    ("422 Too Small", "Min-SE: 3600\n"),
                    ("491 Pending", ""),
                    ("481 Gone", ""),
                    ("200 OK", "Contact: <sip:x@h>\n"),
                ][usize::from(how % 6)];
                self.respond(at, status, lines, "");
            }
            7 => self.fail(
                at,
                if how % 2 == 0 {
                    TxnError::Timeout
                } else {
                    TxnError::Transport
                },
            ),
            8..=10 => {
                let running: Vec<_> = self.timers.iter().copied().collect();
                if let Some(timer) = running.get(pick(running.len())) {
                    self.fire(*timer);
                }
            }
            11 => self.msrp(leg, MsrpEvent::Up),
            12 | 13 => {
                let id = self.chunks.iter().rev().find(|(at, _)| *at == leg);
                let id = id.map_or(ChunkId(1), |(_, id)| *id);
                self.msrp(leg, MsrpEvent::Written(id));
            }
            14 | 15 => {
                if !self.chunks.is_empty() {
                    let (leg, id) = self.chunks.remove(pick(self.chunks.len()));
                    self.msrp(
                        leg,
                        MsrpEvent::Response(id, if how > 240 { 413 } else { 200 }),
                    );
                }
            }
            16 => self.msrp(leg, MsrpEvent::Down(simple_im::Down::Lost)),
            17 | 18 => {
                let leg = if how < 200 { LegId::FIRST } else { leg };
                let len = 1 + u64::from(how) * 20;
                let (start, total, flag) = match how % 4 {
                    0 => (1, len, Continuation::Last),
                    1 => (1, len, Continuation::Last),
                    2 => (1, len * 2, Continuation::More),
                    _ => (len + 1, len * 2, Continuation::Abandoned),
                };
                let mut head = send_head(["m1", "m2"][usize::from(which % 2)], start, len, total);
                head.success = how % 3 == 0;
                self.msrp(leg, MsrpEvent::Send(MsrpTxn(7), &head));
                self.msrp(
                    leg,
                    MsrpEvent::Octets(&bytes::Bytes::from(vec![b'x'; len as usize])),
                );
                self.msrp(leg, MsrpEvent::End(flag));
            }
            19 => self.says("ACK", ""),
            20 => {
                let method =
                    ["BYE", "OPTIONS", "MESSAGE", "UPDATE", "INVITE", "INFO"][usize::from(how % 6)];
                self.says(
                    method,
                    "Contact: <sip:alice@h>\nSupported: timer\nSession-Expires: 900\n",
                );
            }
            21 => {
                if how < 30 {
                    self.txn += 1;
                    let cancel = ServerTxn(self.txn);
                    self.monitor.request(IT, cancel, Method::Cancel);
                    self.give(
                        LegId::FIRST,
                        Event::Cancel {
                            cancel,
                            invite: ServerTxn(1),
                        },
                    );
                } else if let Some((leg, invite)) =
                    self.answered.get(pick(self.answered.len())).cloned()
                {
                    let method = ["BYE", "OPTIONS", "MESSAGE", "INVITE"][usize::from(how % 4)];
                    self.cseq += 1;
                    self.arrive(leg, &from_peer(&invite, method, self.cseq, ""));
                }
            }
            22 => {
                // A 2xx once more, or of another fork, or of a leg that is gone.
                if let Some((leg, invite)) = self.answered.get(pick(self.answered.len())).cloned() {
                    let tag = if how % 2 == 0 {
                        ""
                    } else {
                        "To: <sip:x@h>;tag=fork\n"
                    };
                    let again = response(
                        &invite,
                        "200 OK",
                        &format!("{ACCEPTED}{tag}"),
                        &answer_sdp(""),
                    );
                    self.monitor
                        .response(IT, leg, invite.txn, Some(Status(200)));
                    self.give(leg, Event::Response(invite.txn, &again));
                }
            }
            _ => match how {
                0..=60 => self.haunt(),
                61..=80 => self.close(),
                _ => {
                    // Whatever is for a leg that never was.
                    self.give(LegId::new(700, 3), Event::Timer(Timer::Delivery));
                    let leg = LegId::new(1, 9);
                    self.give(leg, Event::Msrp(MsrpEvent::Written(ChunkId(5))));
                }
            },
        }
    }

    fn close(&mut self) {
        let (_, did) = self.rig.command(Machine::close);
        self.did(did);
    }

    /// Closes, and answers whatever is outstanding.
    fn finish(mut self) {
        if !self.rig.machine.is_closed() {
            self.close();
        }
        for _ in 0..100_000 {
            if self.rig.machine.is_closed() {
                break;
            }
            let going = self
                .timers
                .iter()
                .find(|(_, timer)| *timer == Timer::Continue)
                .copied();
            if let Some(timer) = going {
                self.fire(timer);
            } else if self.ok.is_some() && !self.acked {
                self.says("ACK", "");
            } else if !self.pending.is_empty() {
                let method = self.pending[0].1.method;
                match method {
                    Method::Invite => self.respond(0, "487 Request Terminated", "", ""),
                    _ => self.respond(0, "200 OK", "", ""),
                }
            } else if let Some(timer) = self
                .timers
                .iter()
                .find(|(_, timer)| *timer == Timer::FinalWait)
                .copied()
            {
                // A re-INVITE's ACK, or the end of what was cancelled, never comes.
                self.fire(timer);
            } else {
                break;
            }
        }
        assert!(
            self.rig.machine.is_closed(),
            "{:?} {:?}",
            self.timers,
            self.rig.log
        );
        assert!(
            self.open.is_empty() && self.timers.iter().all(|(_, timer)| *timer == Timer::Decide),
            "{:?}",
            self.timers
        );
        if self.distributed {
            assert_eq!(self.outcomes.len(), self.members);
        }
        assert!(self.outcomes.values().all(|count| *count == 1));
        self.monitor.rest();
        assert_eq!(self.monitor.broken, [""; 0]);
    }
}

fn play(large: bool, knobs: (usize, u32, u32, u8), members: usize, steps: &[(u8, u8, u8)]) {
    let (batch, in_flight, legs, preset) = knobs;
    let mut rig = if preset % 2 == 0 { focus() } else { draft() };
    rig.config.limits.batch = batch;
    rig.config.limits.in_flight = in_flight;
    rig.config.limits.legs = legs;
    if preset % 3 == 0 {
        rig.config.profile.cf_report = simple_im::profile::CfReportPolicy::OnFirstDelivered;
    }
    let call = if large { invite_group() } else { page_group() };
    let mut world = World::new(rig, call, members);
    if preset < 200 {
        // Most often the host grants everything.
        for _ in 0..2 {
            world.step((0, 255, 255));
        }
    }
    for step in steps {
        world.step(*step);
    }
    world.finish();
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_sequence_of_events_keeps_the_invariants_and_comes_to_an_end(
        large in prop::bool::weighted(0.8),
        batch in prop::sample::select(vec![0usize, 8, 16, 33, 40, 256]),
        in_flight in 1u32..6,
        legs in 1u32..6,
        preset in any::<u8>(),
        members in 1usize..12,
        steps in prop::collection::vec(any::<(u8, u8, u8)>(), 0..120),
    ) {
        play(large, (batch, in_flight, legs, preset), members, &steps);
    }
}

#[test]
fn a_token_makes_each_request_one_of_its_own() {
    let did = run_as(&mut focus(), &page_group(), GRANTED, Ok(&many(64)));
    let mut tokens: Vec<_> = did
        .sent()
        .iter()
        .filter_map(|(_, sent)| sent.fresh.map(Fresh::tag))
        .map(|tag| tag.0)
        .collect();
    tokens.sort_unstable();
    tokens.dedup();
    assert_eq!(tokens.len(), 64);
}
