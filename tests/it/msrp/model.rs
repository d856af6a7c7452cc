//! The receiver against an array of octets, and the sender with its connection against what was sent.

use std::collections::BTreeMap;

use bytes::Bytes;
use proptest::prelude::*;
use simple_im::msrp::{Endpoint, Part};
use simple_im::profile::{Chunking, Reports};
use simple_im::{
    Action, ByteRange, Continuation, Event, FailureReport, LegId, Machine, MsrpEvent, MsrpTxn,
    Notice, Outcome, SendHead,
};

use super::pair::{Pair, letter, octets};
use crate::rig::{Rig, client};

// --- The receiver

/// A request as it comes in.
#[derive(Clone, Debug)]
struct Sent {
    message: usize,
    /// Counted from 0.
    start: usize,
    body: Vec<u8>,
    flag: Continuation,
    /// What it claims of the whole, true or not.
    total: Option<u64>,
    /// How many octets of it are read at a time.
    piece: usize,
}

fn sent() -> impl Strategy<Value = Sent> {
    let flag = prop_oneof![
        6 => Just(Continuation::More),
        3 => Just(Continuation::Last),
        1 => Just(Continuation::Abandoned),
    ];
    (
        0..4usize,
        0..40usize,
        prop::collection::vec(any::<u8>(), 0..30),
        flag,
    )
        .prop_flat_map(|(message, start, body, flag)| {
            (
                Just((message, start, body, flag)),
                prop::option::of(0..80u64),
                1..30usize,
            )
        })
        .prop_map(|((message, start, body, flag), total, piece)| Sent {
            message,
            start,
            body,
            flag,
            total,
            piece,
        })
}

/// What is known of a message by somebody who keeps an array of octets.
#[derive(Clone, Debug, Default)]
struct Naive {
    octets: Vec<Option<u8>>,
    /// Where the last chunk said that it ends.
    end: Option<usize>,
}

#[derive(Clone, Debug, PartialEq)]
enum Told {
    Received(Vec<u8>),
    Incomplete(u64),
}

#[derive(Debug, Default)]
struct Model {
    open: BTreeMap<usize, Naive>,
    complete: Vec<usize>,
}

impl Model {
    fn take(&mut self, sent: &Sent) -> Option<Told> {
        // What is there is there: another one of the same name is the same.
        if self.complete.contains(&sent.message) {
            return None;
        }
        let one = self.open.entry(sent.message).or_default();
        let end = sent.start + sent.body.len();
        one.octets.resize(one.octets.len().max(end), None);
        for (place, octet) in one.octets[sent.start..end].iter_mut().zip(&sent.body) {
            *place = Some(*octet);
        }
        match sent.flag {
            Continuation::Abandoned => return self.drop(sent.message),
            Continuation::Last => one.end = Some(end),
            Continuation::More => {}
        }
        let end = one.end?;
        let whole: Option<Vec<u8>> = one.octets.get(..end)?.iter().copied().collect();
        let whole = whole?;
        self.open.remove(&sent.message);
        self.complete.push(sent.message);
        Some(Told::Received(whole))
    }

    fn drop(&mut self, message: usize) -> Option<Told> {
        let one = self.open.remove(&message)?;
        Some(Told::Incomplete(one.octets.iter().flatten().count() as u64))
    }
}

/// An endpoint whose session is up, and what it hands over.
struct Receiver {
    rig: Rig<Endpoint>,
    arriving: BTreeMap<u32, Vec<Option<u8>>>,
}

impl Receiver {
    fn new(whole: u64) -> Self {
        let mut config = client("bob");
        config.limits.whole = whole;
        let mut rig = Rig::new(Endpoint::new(), config);
        rig.command(|it, cx| it.offer(cx)).0.unwrap();
        let path = "msrp://a.example.com:1/x;tcp";
        rig.command(|it, cx| it.join(path, Part::Passive, cx))
            .0
            .unwrap();
        rig.msrp(LegId::FIRST, MsrpEvent::Up);
        Self {
            rig,
            arriving: BTreeMap::new(),
        }
    }

    /// What is told of a request, and how it is answered.
    fn take(&mut self, sent: &Sent) -> (Option<Told>, Vec<u16>) {
        let ident = format!("message{}", sent.message);
        let head = SendHead {
            message: &ident,
            range: ByteRange {
                start: sent.start as u64 + 1,
                end: None,
                total: sent.total,
            },
            success: false,
            failure: FailureReport::Yes,
            content_type: Some("text/plain"),
            mime: "Content-Type: text/plain\r\n",
        };
        let mut did = self
            .rig
            .msrp(LegId::FIRST, MsrpEvent::Send(MsrpTxn(1), &head))
            .0;
        for piece in sent.body.chunks(sent.piece) {
            let piece = Bytes::copy_from_slice(piece);
            did.extend(self.rig.msrp(LegId::FIRST, MsrpEvent::Octets(&piece)).0);
        }
        did.extend(self.rig.msrp(LegId::FIRST, MsrpEvent::End(sent.flag)).0);
        self.follow(did.into_iter().map(|(_, action)| action))
    }

    fn follow(&mut self, did: impl Iterator<Item = Action>) -> (Option<Told>, Vec<u16>) {
        let (mut told, mut answers) = (None, Vec::new());
        for action in did {
            match action {
                Action::RespondMsrp(_, status) => answers.push(status),
                Action::Tell(Notice::Data {
                    message,
                    offset,
                    octets,
                }) => {
                    let there = self.arriving.entry(message.0).or_default();
                    let (at, end) = (offset as usize, offset as usize + octets.len());
                    there.resize(there.len().max(end), None);
                    for (place, octet) in there[at..end].iter_mut().zip(&octets) {
                        *place = Some(*octet);
                    }
                }
                Action::Tell(Notice::Received {
                    message,
                    whole,
                    size,
                    ..
                }) => {
                    let mut whole = whole.to_vec();
                    if let Some(there) = self.arriving.remove(&message.0) {
                        assert!(whole.is_empty());
                        let there = there.into_iter().take(size as usize);
                        whole = there.map(Option::unwrap).collect();
                    }
                    assert_eq!(whole.len() as u64, size);
                    assert_eq!(told.replace(Told::Received(whole)), None);
                }
                Action::Tell(Notice::Incomplete {
                    message, received, ..
                }) => {
                    self.arriving.remove(&message.0);
                    assert_eq!(told.replace(Told::Incomplete(received)), None);
                }
                _ => {}
            }
        }
        (told, answers)
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn cc_126_a_receiver_is_an_array_of_octets(
        sents in prop::collection::vec(sent(), 1..40),
        whole in prop_oneof![Just(0u64), Just(40), Just(65_536)],
    ) {
        let (mut model, mut receiver) = (Model::default(), Receiver::new(whole));
        for sent in &sents {
            let (told, answers) = receiver.take(sent);
            prop_assert_eq!(told, model.take(sent), "{:?}", sent);
            prop_assert_eq!(answers, [200]);
        }
        // At the end whatever is open is incomplete, and told with what there was of it.
        let mut left: Vec<_> = model.open.keys().copied().collect::<Vec<_>>()
            .into_iter().filter_map(|message| model.drop(message)).collect();
        let (_, did) = receiver.rig.command(|endpoint, cx| endpoint.close(cx));
        let mut told: Vec<_> = did.0.into_iter()
            .filter_map(|(_, action)| receiver.follow(std::iter::once(action)).0)
            .collect();
        let key = |told: &Told| format!("{told:?}");
        left.sort_by_key(key);
        told.sort_by_key(key);
        prop_assert_eq!(told, left);
    }
}

// --- The sender and the connection

/// A message that somebody sends at some step.
#[derive(Clone, Debug)]
struct Plan {
    from_a: bool,
    session: usize,
    size: usize,
    sized: bool,
    success: bool,
    at: usize,
}

fn plan() -> impl Strategy<Value = Plan> {
    let size = prop_oneof![
        0..3usize,
        0..5_000usize,
        2_040..2_060usize,
        20_000..70_000usize
    ];
    (
        any::<bool>(),
        0..3usize,
        size,
        any::<bool>(),
        any::<bool>(),
        0..20usize,
    )
        .prop_map(|(from_a, session, size, sized, success, at)| Plan {
            from_a,
            session,
            size,
            sized,
            success,
            at,
        })
}

fn chunking() -> impl Strategy<Value = Chunking> {
    prop_oneof![
        (1..=2048usize).prop_map(Chunking::Pieces),
        (2_048..=65_536usize).prop_map(Chunking::Interruptible),
    ]
}

/// No two messages of a run are alike, not even empty ones of one session.
fn body(plan: &Plan, place: usize) -> Bytes {
    let mut body = octets(plan.size).to_vec();
    if let Some(first) = body.first_mut() {
        *first = place as u8;
    }
    body.into()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn cc_138_every_message_arrives_once_and_intact_whatever_the_pipe_does(
        plans in prop::collection::vec(plan(), 1..10),
        steps in prop::collection::vec((1..9_000usize, 1..9_000usize), 1..12),
        cuts in prop::collection::vec(1..60usize, 0..3),
        (ours, theirs) in (chunking(), chunking()),
        by_chunk in any::<bool>(),
    ) {
        let mut pair = Pair::with(3, |config| {
            config.limits.incoming = 10;
            if by_chunk {
                config.profile.msrp_reports = Reports::PerChunk;
            }
        });
        pair.a.config.profile.msrp_chunk = ours;
        pair.b.config.profile.msrp_chunk = theirs;
        let mut expected = Vec::new();
        let mut to_come = plans.len();
        let mut step = 0;
        loop {
            for (place, plan) in plans.iter().enumerate().filter(|(_, plan)| plan.at == step) {
                let mut letter = letter(plan.size);
                letter.success = plan.success;
                letter.size = letter.size.filter(|_| plan.sized);
                let host = if plan.from_a { &mut pair.a } else { &mut pair.b };
                let message = host.send(plan.session, letter, body(plan, place));
                expected.push((place, message));
                to_come -= 1;
            }
            if cuts.contains(&step) {
                pair.cut();
                pair.agree();
            }
            let (written, read) = steps[step % steps.len()];
            let moves = pair.step(written, read);
            step += 1;
            if !moves && to_come == 0 && cuts.iter().all(|cut| *cut < step) {
                break;
            }
            prop_assert!(step < 100_000, "it ends");
        }
        pair.run();
        for who in 0..3 {
            for host in [&mut pair.a, &mut pair.b] {
                while host.fire(who, simple_im::Timer::SuccessReport) {}
            }
        }
        for (place, message) in expected {
            let plan = &plans[place];
            let (from, to) = match plan.from_a {
                true => (&pair.a, &pair.b),
                false => (&pair.b, &pair.a),
            };
            let outcome = from.outcomes.get(&(plan.session, message)).copied();
            // A report that is lost with its connection is not repeated: all octets were answered.
            let lost = !cuts.is_empty() && outcome == Some(Outcome::Unconfirmed);
            let good = if plan.success { Outcome::Delivered } else { Outcome::Sent };
            prop_assert!(outcome == Some(good) || lost, "message {}: {:?}", place, outcome);
            let body = body(plan, place);
            let there = to.received.iter().filter(|got| **got == (plan.session, body.clone()));
            let alike = plans.iter().filter(|other| {
                (other.size, other.session, other.from_a) == (0, plan.session, plan.from_a)
            });
            let copies = if plan.size == 0 { alike.count() } else { 1 };
            prop_assert_eq!(there.count(), copies, "message {}", place);
        }
        prop_assert_eq!(pair.a.received.len() + pair.b.received.len(), plans.len());
        prop_assert!(pair.a.dropped.is_empty() && pair.b.dropped.is_empty());
        pair.close();
    }

    #[test]
    fn cc_132_a_small_message_waits_for_one_turn_of_each_other(
        others in prop::collection::vec((0..3usize, 3_000..80_000usize), 1..12),
        before in 1..60_000usize,
        chunking in chunking(),
        session in 0..3usize,
    ) {
        let mut pair = Pair::with(3, |config| config.limits.incoming = 20);
        pair.a.config.profile.msrp_chunk = chunking;
        for (session, size) in &others {
            pair.a.send(*session, letter(*size), octets(*size));
        }
        pair.step(before, usize::MAX);
        let line = pair.a.send(session, letter(7), octets(7));
        // Each session has a turn, and each message of it has one of those.
        let beside = others.iter().filter(|(other, _)| *other == session).count() + 1;
        let turn = 2_048 + 600;
        pair.step((3 * beside + 1) * turn, usize::MAX);
        let there = pair.b.received.iter().any(|(who, body)| *who == session && body.len() == 7);
        prop_assert!(there, "{beside} beside it");
        pair.run();
        prop_assert_eq!(pair.a.outcomes[&(session, line)], Outcome::Sent);
        pair.close();
    }

    #[test]
    fn any_events_are_survived_by_an_endpoint(program in prop::collection::vec((0..18u8, any::<u8>()), 0..80)) {
        let mut pair = Pair::new(2, |config| {
            config.profile.msrp_keepalive = Some(std::time::Duration::from_secs(30));
            config.limits.outgoing = 3;
        });
        pair.agree();
        for (what, how) in program {
            let who = usize::from(how % 2);
            let host = if how % 4 < 2 { &mut pair.a } else { &mut pair.b };
            let id = simple_im::MessageId(u32::from(how / 4 % 8));
            match what {
                0 | 1 => {
                    let size = usize::from(how) * 40;
                    let mut letter = letter(size);
                    letter.success = how % 3 == 0;
                    letter.failure = match how % 5 {
                        0 => FailureReport::Partial,
                        1 => FailureReport::No,
                        _ => FailureReport::Yes,
                    };
                    letter.size = letter.size.filter(|_| how % 7 > 0);
                    host.try_send(who, letter, octets(size));
                }
                2 => host.try_cancel(who, id),
                3 => {
                    host.try_refuse(who, id);
                }
                4 => host.generous = !host.generous,
                5 => {
                    let timers: Vec<_> = host.timers.iter().copied().collect();
                    if let Some((machine, _, timer)) = timers.get(usize::from(how) % timers.len().max(1)) {
                        host.fire(machine.0 as usize, *timer);
                    }
                }
                6 => {
                    let event = match how % 5 {
                        0 => MsrpEvent::Written(simple_im::ChunkId(u32::from(how / 5))),
                        1 => MsrpEvent::Cut(simple_im::ChunkId(u32::from(how / 5))),
                        2 => MsrpEvent::Response(simple_im::ChunkId(u32::from(how / 5)), 200),
                        3 => MsrpEvent::End(Continuation::Last),
                        _ => MsrpEvent::Up,
                    };
                    host.event(who, Event::Msrp(event));
                }
                7 if how > 200 => {
                    pair.cut();
                    pair.try_agree();
                }
                8 => {
                    let _ = host.with(who, |it, cx| it.supply(id, octets(usize::from(how)), cx));
                }
                9 => {
                    let _ = host.with(who, |it, cx| it.finish(id, octets(usize::from(how)), cx));
                }
                10 if how > 240 => host.with(who, |it, cx| it.close(cx)),
                _ => {
                    pair.step(usize::from(how) * 20 + 1, usize::from(how) * 30 + 1);
                }
            }
        }
        pair.close();
    }
}
