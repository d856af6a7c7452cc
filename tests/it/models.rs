//! The driver's helpers against references that are too simple to be wrong.

use std::collections::VecDeque;
use std::time::Duration;

use bytes::Bytes;
use proptest::prelude::*;
use simple_im::driver::{Dispatch, Outbox, Pushed, Role, Route};
use simple_im::{
    Account, Action, Config, Keys, LegId, Limits, MachineId, MsrpAuthority, Reply, Request,
    ServerTxn, Status, Tag, Uri,
};

mod outbox {
    use super::*;

    #[derive(Clone, Debug)]
    enum Step {
        /// To the URI of this number.
        Push(usize),
        Done(usize),
    }

    /// Each line is a URI in two spellings.
    const LINES: [[&str; 2]; 3] = [
        ["sip:bob@example.com", "SIP:bob@EXAMPLE.com"],
        [
            "sip:team@im.example.com;a=1;b=2",
            "sip:team@im.example.com;b=2;a=1",
        ],
        ["tel:+1-201-555-0123", "tel:+12015550123"],
    ];

    fn step() -> impl Strategy<Value = Step> {
        let uri = 0..LINES.len() * 2;
        prop_oneof![
            3 => uri.clone().prop_map(Step::Push),
            2 => uri.prop_map(Step::Done),
        ]
    }

    proptest! {
        #[test]
        fn it_is_a_list_of_what_waits(queue in 0..4usize, steps in prop::collection::vec(step(), 0..100)) {
            let mut limits = Limits::default();
            limits.queue = queue;
            let uri = |n: usize| Uri::copy(LINES[n / 2][n % 2]).unwrap();
            let mut outbox = Outbox::new();
            // What is under way to a line comes first, what waits for it after that.
            let mut all: Vec<(usize, usize)> = Vec::new();
            for (item, step) in steps.into_iter().enumerate() {
                match step {
                    Step::Push(n) => {
                        let before = all.iter().filter(|(line, _)| *line == n / 2).count();
                        let expected = match before {
                            0 => Pushed::Go(item),
                            waiting if waiting <= queue => Pushed::Waiting,
                            _ => Pushed::Full(item),
                        };
                        if before <= queue {
                            all.push((n / 2, item));
                        }
                        prop_assert_eq!(outbox.push(&uri(n), item, &limits), expected);
                    }
                    Step::Done(n) => {
                        let line: Vec<usize> = (0..all.len()).filter(|at| all[*at].0 == n / 2).collect();
                        let expected = line.get(1).map(|at| all[*at].1);
                        if let Some(first) = line.first() {
                            all.remove(*first);
                        }
                        prop_assert_eq!(outbox.done(&uri(n)), expected);
                    }
                }
                prop_assert_eq!(outbox.is_empty(), all.is_empty());
            }
        }
    }
}

mod dispatch {
    use super::*;

    #[derive(Clone, Debug)]
    enum Step {
        /// A request outside dialogs, one of a few.
        Stranger(u8),
        /// A request for this tag.
        Inside(u8),
        /// The answer to the request that came so many before the last one.
        Answer(usize, u16),
        Open(u8, u8),
        Close(u8),
        Forget(u8),
        Pass(u64),
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            6 => (0..8u8).prop_map(Step::Stranger),
            3 => (0..4u8).prop_map(Step::Inside),
            5 => (0..6usize, prop::sample::select(vec![100, 180, 200, 404])).prop_map(|(back, status)| Step::Answer(back, status)),
            2 => (0..4u8, 0..4u8).prop_map(|(leg, tag)| Step::Open(leg, tag)),
            2 => (0..4u8).prop_map(Step::Close),
            1 => (0..2u8).prop_map(Step::Forget),
            2 => (0..20u64).prop_map(Step::Pass),
        ]
    }

    fn config(answered: usize) -> Config {
        let uri = || Uri::copy("sip:bob@example.com").unwrap();
        let msrp = MsrpAuthority {
            host: "192.0.2.2".into(),
            port: 2855,
            tls: false,
        };
        let mut config = Config::new(Account::new(uri(), uri()), msrp, [1, 2]);
        config.limits.answered = answered;
        config
    }

    fn request(method: &str, to: &str, call_id: &str, cseq: u32, tag: &str) -> Request {
        let headers = [
            ("Via", "SIP/2.0/UDP h;branch=z9hG4bK1"),
            ("From", &*format!("<sip:alice@example.com>;tag={tag}")),
            ("To", to),
            ("Call-ID", call_id),
            ("CSeq", &format!("{cseq} {method}")),
            ("Max-Forwards", "70"),
        ];
        Request::build(method, "sip:bob@example.com", headers, Bytes::new()).unwrap()
    }

    /// Neighbours differ in one thing each.
    fn stranger(n: u8) -> Request {
        let bit = |at: u8| n >> at & 1;
        let method = ["MESSAGE", "INVITE"][usize::from(bit(0))];
        let (call_id, tag) = (format!("call{}", bit(1)), format!("tag{}", bit(2)));
        request(method, "<sip:bob@example.com>", &call_id, 1, &tag)
    }

    fn at(leg: u8) -> (MachineId, LegId) {
        (MachineId(u32::from(leg % 2)), LegId::new(leg.into(), 0))
    }

    fn opened(tag: u8) -> Action {
        let mut keys = Keys::default();
        keys.dialog = Some(Tag(tag.into()));
        Action::Opened(keys)
    }

    /// A request that was handed on, and what was answered when.
    #[derive(Debug)]
    struct Handed {
        which: u8,
        txn: ServerTxn,
        answer: Option<(Reply, Duration)>,
    }

    proptest! {
        #[test]
        fn it_is_a_list_of_tags_and_a_list_of_answers_with_their_age(
            bound in 0..5usize,
            steps in prop::collection::vec(step(), 0..200),
        ) {
            let (mut dispatch, config) = (Dispatch::new(), config(bound));
            let mut now = Duration::ZERO;
            let mut tags: Vec<(u8, u8)> = Vec::new();
            // All that were ever handed on, the last one first.
            let mut handed: VecDeque<Handed> = VecDeque::new();
            for (count, step) in steps.into_iter().enumerate() {
                let txn = ServerTxn(count as u64);
                match step {
                    Step::Stranger(which) => {
                        // As many as the bound are remembered, whatever became of them.
                        let known = handed.iter().take(bound).find(|handed| handed.which == which);
                        let expected = match known.map(|known| &known.answer) {
                            Some(None) => Route::Merged,
                            Some(Some((reply, since))) if now < *since + Duration::from_secs(32) => {
                                Route::Again(reply.clone())
                            }
                            _ => Route::Stranger(Role::Terminating),
                        };
                        if matches!(expected, Route::Stranger(_)) {
                            handed.push_front(Handed { which, txn, answer: None });
                        }
                        prop_assert_eq!(dispatch.route(txn, &stranger(which), &config, now), expected);
                    }
                    Step::Inside(tag) => {
                        let to = format!("<sip:bob@example.com>;tag={}", Tag(tag.into()));
                        let bye = request("BYE", &to, "x", 2, "hers");
                        let leg = tags.iter().find(|(known, _)| *known == tag).map(|(_, leg)| at(*leg));
                        let expected = leg.map_or(Route::NoSuchDialog, |(machine, leg)| Route::Leg(machine, leg));
                        prop_assert_eq!(dispatch.route(txn, &bye, &config, now), expected);
                    }
                    Step::Answer(back, status) => {
                        let Some(request) = handed.get_mut(back) else { continue };
                        let reply = Reply {
                            status: Status(status),
                            tag: Some(Tag(count as u64)),
                            head: Bytes::new(),
                            body: Bytes::new(),
                        };
                        let action = Action::Respond(request.txn, reply.clone());
                        dispatch.learn(MachineId(0), LegId::FIRST, &action, now);
                        // Only the first final answer counts.
                        if status >= 200 && request.answer.is_none() {
                            request.answer = Some((reply, now));
                        }
                    }
                    Step::Open(leg, tag) => {
                        tags.retain(|known| known.0 != tag && known.1 != leg);
                        tags.push((tag, leg));
                        let (machine, leg) = at(leg);
                        dispatch.learn(machine, leg, &opened(tag), now);
                    }
                    Step::Close(leg) => {
                        tags.retain(|known| known.1 != leg);
                        let (machine, leg) = at(leg);
                        dispatch.learn(machine, leg, &Action::Closed, now);
                    }
                    Step::Forget(machine) => {
                        tags.retain(|known| at(known.1).0 != MachineId(machine.into()));
                        dispatch.forget(MachineId(machine.into()));
                    }
                    Step::Pass(time) => now += Duration::from_secs(time),
                }
                let (legs, requests) = dispatch.known();
                prop_assert_eq!(legs, tags.len());
                prop_assert!(requests <= bound);
            }
        }
    }
}
