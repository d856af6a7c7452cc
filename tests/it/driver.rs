//! The driver's bookkeeping: timers, dispatch, outbox, and the simulator that uses them.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::collapsible_match
)]

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use proptest::prelude::*;
use simple_im::driver::{Dispatch, Outbox, Pushed, Role, Route, TimerQueue, stray};
use simple_im::wire::sip::write_request;
use simple_im::{
    Account, Action, Config, Fresh, Keys, LegId, Limits, MachineId, Method, MsrpAuthority, Reply,
    Request, Response, ServerTxn, Status, Tag, Timer, Token, Uri,
};

mod timers {
    use super::*;

    type Key = (MachineId, LegId, Timer);

    fn key(n: u8) -> Key {
        let timer = [Timer::Ring, Timer::Repeat][usize::from(n % 2)];
        let leg = LegId::new(u32::from(n / 2 % 2), 0);
        (MachineId(u32::from(n / 4)), leg, timer)
    }

    fn ms(n: u16) -> Duration {
        Duration::from_millis(n.into())
    }

    /// A clock that somebody sets, as a host's may be: it jumps.
    #[test]
    fn cc_24_a_clock_that_jumps_fires_nothing_twice_and_nothing_that_was_stopped() {
        let key = |timer| (MachineId(7), LegId::FIRST, timer);
        let ms = Duration::from_millis;
        let mut timers = TimerQueue::new();
        timers.start(key(Timer::Refresh), ms(10_000), ms(500));
        timers.start(key(Timer::Expiry), ms(10_000), ms(900));
        // Backward: nothing is due, and what is started now is measured from now.
        assert_eq!(timers.pop(ms(2_000)), None);
        timers.start(key(Timer::Bind), ms(2_000), ms(100));
        assert_eq!(timers.deadline(), Some(ms(2_100)));
        timers.stop(key(Timer::Expiry));
        // Forward: all that runs is due, each once, in its order.
        let at = ms(1_000_000_000);
        assert_eq!(timers.pop(at), Some(key(Timer::Bind)));
        assert_eq!(timers.pop(at), Some(key(Timer::Refresh)));
        assert_eq!(timers.pop(at), None);
        assert_eq!(timers.pop(ms(0)), None);
        assert_eq!(timers.deadline(), None);
    }

    #[test]
    fn timers_fire_by_deadline_and_first_come_first_served() {
        let mut timers = TimerQueue::new();
        timers.start(key(0), ms(0), ms(7));
        timers.start(key(1), ms(2), ms(5));
        timers.start(key(2), ms(0), ms(3));
        assert_eq!(timers.deadline(), Some(ms(3)));
        assert_eq!(timers.pop(ms(2)), None);
        assert_eq!(timers.pop(ms(9)), Some(key(2)));
        assert_eq!(timers.pop(ms(9)), Some(key(0)));
        assert_eq!(timers.pop(ms(9)), Some(key(1)));
        assert_eq!(timers.pop(ms(9)), None);
    }

    #[test]
    fn a_timer_stopped_and_started_again_fires_once_at_its_new_time() {
        let mut timers = TimerQueue::new();
        timers.start(key(0), ms(0), ms(1));
        timers.stop(key(0));
        timers.start(key(0), ms(0), ms(5));
        assert_eq!(timers.pop(ms(4)), None);
        assert_eq!(timers.pop(ms(5)), Some(key(0)));
        assert_eq!(timers.pop(ms(99)), None);
    }

    #[test]
    fn restarting_one_timer_a_million_times_takes_no_room() {
        let mut timers = TimerQueue::new();
        for _ in 0..1_000_000 {
            timers.start(key(0), ms(0), ms(9));
        }
        assert_eq!(timers.len(), 1);
        let shown = format!("{timers:?}");
        assert!(shown.len() < 40 * 200, "{} octets", shown.len());
    }

    #[derive(Clone, Debug)]
    enum Step {
        Start(u8, u16),
        Stop(u8),
        Forget(u8),
        Pop,
        Pass(u16),
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            4 => (0..12u8, 0..20u16).prop_map(|(k, after)| Step::Start(k, after)),
            2 => (0..12u8).prop_map(Step::Stop),
            1 => (0..3u8).prop_map(Step::Forget),
            3 => Just(Step::Pop),
            2 => (0..9u16).prop_map(Step::Pass),
        ]
    }

    proptest! {
        #[test]
        fn the_queue_does_what_a_plain_list_does(steps in prop::collection::vec(step(), 0..400)) {
            let (mut queue, mut list, mut now) = (TimerQueue::new(), Vec::<(Duration, Key)>::new(), ms(0));
            for step in steps {
                match step {
                    Step::Start(k, after) => {
                        queue.start(key(k), now, ms(after));
                        list.retain(|(_, other)| *other != key(k));
                        list.push((now + ms(after), key(k)));
                        // Stable: equals stay in the order of their starts.
                        list.sort_by_key(|(due, _)| *due);
                    }
                    Step::Stop(k) => {
                        queue.stop(key(k));
                        list.retain(|(_, other)| *other != key(k));
                    }
                    Step::Forget(machine) => {
                        queue.forget(MachineId(machine.into()));
                        list.retain(|(_, other)| other.0 != MachineId(machine.into()));
                    }
                    Step::Pop => {
                        let due = list.first().is_some_and(|(due, _)| *due <= now);
                        prop_assert_eq!(queue.pop(now), due.then(|| list.remove(0).1));
                    }
                    Step::Pass(time) => now += ms(time),
                }
                prop_assert_eq!(queue.deadline(), list.first().map(|(due, _)| *due));
                prop_assert_eq!(queue.len(), list.len());
            }
        }
    }
}

mod outbox {
    use super::*;

    fn uri(text: &str) -> Uri {
        Uri::copy(text).unwrap()
    }

    #[test]
    fn oc_pm_02_one_message_a_request_uri_is_under_way_and_cc_32_order_is_kept() {
        let (mut outbox, limits) = (Outbox::new(), Limits::default());
        let (bob, carol) = (uri("sip:bob@example.com"), uri("sip:carol@example.com"));
        assert_eq!(outbox.push(&bob, 1, &limits), Pushed::Go(1));
        assert_eq!(outbox.push(&bob, 2, &limits), Pushed::Waiting);
        assert_eq!(outbox.push(&carol, 3, &limits), Pushed::Go(3));
        assert_eq!(outbox.push(&bob, 4, &limits), Pushed::Waiting);
        assert_eq!(outbox.done(&bob), Some(2));
        assert_eq!(outbox.done(&carol), None);
        assert_eq!(outbox.done(&bob), Some(4));
        assert_eq!(outbox.done(&bob), None);
        assert!(outbox.is_empty());
        assert_eq!(outbox.done(&bob), None);
        assert_eq!(outbox.push(&bob, 5, &limits), Pushed::Go(5));
    }

    #[test]
    fn cc_32_what_finds_the_queue_full_is_handed_back() {
        let (mut outbox, mut limits) = (Outbox::new(), Limits::default());
        limits.queue = 2;
        let bob = uri("sip:bob@example.com");
        let pushed = [1, 2, 3, 4].map(|item| outbox.push(&bob, item, &limits));
        let [.., third, fourth] = pushed;
        assert_eq!(third, Pushed::Waiting);
        assert_eq!(fourth, Pushed::Full(4));
        assert_eq!(outbox.done(&bob), Some(2));
        assert_eq!(outbox.push(&bob, 5, &limits), Pushed::Waiting);
    }

    #[test]
    fn cc_33_equivalent_uris_wait_for_one_another() {
        let (mut outbox, limits) = (Outbox::new(), Limits::default());
        let first = uri("sip:exploder@Example.com;transport=tcp");
        let second = uri("sip:%65xploder@example.COM;transport=TCP");
        assert_eq!(outbox.push(&first, 1, &limits), Pushed::Go(1));
        assert_eq!(outbox.push(&second, 2, &limits), Pushed::Waiting);
    }
}

mod dispatch {
    use super::*;

    const ALICE: &str = "<sip:alice@example.com>;tag=a11ce";
    const AT: (MachineId, LegId) = (MachineId(7), LegId::FIRST);

    fn s(n: u64) -> Duration {
        Duration::from_secs(n)
    }

    fn config() -> Config {
        let uri = |text| Uri::copy(text).unwrap();
        let mut account = Account::new(uri("sip:bob@example.com"), uri("sip:bob@192.0.2.2"));
        account.factory = Some(uri("sip:factory@im.example.com"));
        account.exploder = Some(uri("sip:exploder@im.example.com"));
        let msrp = MsrpAuthority {
            host: "192.0.2.2".into(),
            port: 2855,
            tls: false,
        };
        Config::new(account, msrp, [1, 2])
    }

    /// A request by method, Request-URI, From, To, Call-ID and CSeq number.
    fn request(method: &str, uri: &str, from: &str, to: &str, id: &str, cseq: u32) -> Request {
        let cseq = format!("{cseq} {method}");
        let headers = [
            ("Via", "SIP/2.0/UDP h;branch=z9hG4bK1"),
            ("From", from),
            ("To", to),
            ("Call-ID", id),
            ("CSeq", &cseq),
            ("Max-Forwards", "70"),
        ];
        Request::build(method, uri, headers, Bytes::new()).unwrap()
    }

    fn to_bob(method: &str, id: &str, cseq: u32) -> Request {
        let bob = "sip:bob@example.com";
        request(method, bob, ALICE, "<sip:bob@example.com>", id, cseq)
    }

    fn in_dialog(method: &str, tag: &str) -> Request {
        let to = format!("<sip:bob@example.com>;tag={tag}");
        request(method, "sip:bob@192.0.2.2", ALICE, &to, "x", 2)
    }

    fn reply(status: u16) -> Reply {
        Reply {
            status: Status(status),
            tag: Some(Tag(5)),
            head: Bytes::new(),
            body: Bytes::new(),
        }
    }

    fn opened(tag: u64) -> Action {
        let mut keys = Keys::default();
        keys.dialog = Some(Tag(tag));
        Action::Opened(keys)
    }

    #[test]
    fn a_request_in_a_dialog_finds_its_leg_until_it_is_closed() {
        let (mut dispatch, config) = (Dispatch::new(), config());
        let route = |dispatch: &mut Dispatch<_>, method, tag| {
            dispatch.route(ServerTxn(1), &in_dialog(method, tag), &config, s(0))
        };
        let (tag, leg) = ("00000000000abcde", Route::Leg(AT.0, AT.1));
        assert_eq!(route(&mut dispatch, "BYE", tag), Route::NoSuchDialog);
        dispatch.learn(AT.0, AT.1, &opened(0xabcde), s(0));
        assert_eq!(route(&mut dispatch, "BYE", tag), leg);
        assert_eq!(route(&mut dispatch, "ACK", tag), leg);
        assert_eq!(route(&mut dispatch, "MESSAGE", tag), leg);
        assert_eq!(route(&mut dispatch, "ACK", "hers"), Route::Drop);
        assert_eq!(route(&mut dispatch, "INVITE", "hers"), Route::NoSuchDialog);
        dispatch.learn(AT.0, AT.1, &Action::Closed, s(0));
        assert_eq!(route(&mut dispatch, "BYE", tag), Route::NoSuchDialog);
        assert_eq!(dispatch.known(), (0, 0));
    }

    #[test]
    fn cc_26_our_tag_is_found_whatever_its_case() {
        let (mut dispatch, config) = (Dispatch::new(), config());
        dispatch.learn(AT.0, AT.1, &opened(0xabcde), s(0));
        let bye = in_dialog("BYE", "00000000000ABCDE");
        let route = dispatch.route(ServerTxn(1), &bye, &config, s(0));
        assert_eq!(route, Route::Leg(AT.0, AT.1));
    }

    #[test]
    fn what_a_stranger_wants_is_told_by_method_and_uri() {
        let config = config();
        let check = |method, uri, route| {
            let request = request(method, uri, ALICE, "<sip:x@example.com>", "x", 1);
            let found = Dispatch::new().route(ServerTxn(1), &request, &config, s(0));
            assert_eq!(found, route, "{method} {uri}");
        };
        let bob = "sip:bob@example.com";
        check("MESSAGE", bob, Route::Stranger(Role::Terminating));
        check("INVITE", bob, Route::Stranger(Role::Terminating));
        let factory = "sip:factory@IM.example.com";
        check("INVITE", factory, Route::Stranger(Role::Controlling));
        let exploder = "sip:exploder@im.example.com";
        check("MESSAGE", exploder, Route::Stranger(Role::Controlling));
        check("OPTIONS", bob, Route::Options(Role::Terminating));
        check("OPTIONS", factory, Route::Options(Role::Controlling));
        check("ACK", bob, Route::Drop);
        for method in ["BYE", "UPDATE", "PRACK", "INFO", "NOTIFY"] {
            check(method, bob, Route::NoSuchDialog);
        }
        check("SUBSCRIBE", bob, Route::Refuse(Status(405)));
        check("FROBNICATE", bob, Route::Refuse(Status(501)));
    }

    #[test]
    fn a_server_takes_everything() {
        let mut dispatch = Dispatch::with_roles(Role::server);
        let route = dispatch.route(ServerTxn(1), &to_bob("MESSAGE", "x", 1), &config(), s(0));
        assert_eq!(route, Route::Stranger(Role::Controlling));
    }

    #[test]
    fn cc_75_and_cc_105_a_copy_hears_482_while_pending_and_then_the_same_for_32_seconds() {
        for method in ["MESSAGE", "INVITE"] {
            let (mut dispatch, config) = (Dispatch::new(), config());
            let route = |dispatch: &mut Dispatch<_>, txn, at| {
                dispatch.route(ServerTxn(txn), &to_bob(method, "x", 1), &config, at)
            };
            let new = Route::Stranger(Role::Terminating);
            let say = |txn, status| Action::Respond(ServerTxn(txn), reply(status));
            assert_eq!(route(&mut dispatch, 1, s(0)), new);
            assert_eq!(route(&mut dispatch, 2, s(1)), Route::Merged);
            dispatch.learn(AT.0, AT.1, &say(1, 180), s(2));
            assert_eq!(route(&mut dispatch, 3, s(3)), Route::Merged);
            dispatch.learn(AT.0, AT.1, &say(1, 200), s(4));
            // What is answered to the copies is not what is remembered.
            dispatch.learn(AT.0, AT.1, &say(2, 482), s(4));
            assert_eq!(route(&mut dispatch, 4, s(35)), Route::Again(reply(200)));
            assert_eq!(route(&mut dispatch, 5, s(36)), new);
            assert_eq!(route(&mut dispatch, 6, s(36)), Route::Merged);
        }
    }

    #[test]
    fn cc_75_call_id_cseq_from_tag_and_method_each_make_another_request() {
        let (mut dispatch, config) = (Dispatch::new(), config());
        let bob = "sip:bob@example.com";
        let her = "<sip:alice@example.com>;tag=other";
        let same = to_bob("MESSAGE", "x", 1);
        let others = [
            to_bob("MESSAGE", "X", 1),
            to_bob("MESSAGE", "x", 2),
            to_bob("INVITE", "x", 1),
            request("MESSAGE", bob, her, "<sip:bob@example.com>", "x", 1),
        ];
        let new = Route::Stranger(Role::Terminating);
        for (txn, request) in (0..).zip([same.clone()].iter().chain(&others)) {
            assert_eq!(dispatch.route(ServerTxn(txn), request, &config, s(0)), new);
        }
        let copy = dispatch.route(ServerTxn(9), &same, &config, s(0));
        assert_eq!(copy, Route::Merged);
    }

    #[test]
    fn the_oldest_answer_is_forgotten_first() {
        let (mut dispatch, mut config) = (Dispatch::new(), config());
        config.limits.answered = 3;
        for n in 0..5u64 {
            let request = to_bob("MESSAGE", &n.to_string(), 1);
            dispatch.route(ServerTxn(n), &request, &config, s(0));
            dispatch.answered(ServerTxn(n), &reply(200), s(0));
            assert_eq!(dispatch.known().1, 3.min(n as usize + 1));
        }
        let mut route = |id, txn| {
            let request = to_bob("MESSAGE", id, 1);
            dispatch.route(ServerTxn(txn), &request, &config, s(1))
        };
        assert_eq!(route("4", 10), Route::Again(reply(200)));
        assert_eq!(route("2", 11), Route::Again(reply(200)));
        assert_eq!(route("1", 12), Route::Stranger(Role::Terminating));
    }

    #[test]
    fn an_answer_to_what_is_forgotten_is_not_taken_for_the_answer_to_another() {
        let (mut dispatch, mut config) = (Dispatch::new(), config());
        config.limits.answered = 1;
        let route = |dispatch: &mut Dispatch<_>, txn, id| {
            dispatch.route(ServerTxn(txn), &to_bob("MESSAGE", id, 1), &config, s(0))
        };
        let new = Route::Stranger(Role::Terminating);
        for (txn, id) in [(1, "x"), (2, "y"), (3, "x")] {
            assert_eq!(route(&mut dispatch, txn, id), new);
        }
        dispatch.answered(ServerTxn(1), &reply(404), s(0));
        assert_eq!(route(&mut dispatch, 4, "x"), Route::Merged);
    }

    #[derive(Clone, Debug)]
    enum Step {
        Route(&'static str, u8, Option<u8>),
        Answer(u64, u16),
        Open(u8, u8),
        Close(u8),
        Forget(u8),
        Pass(u64),
    }

    fn step() -> impl Strategy<Value = Step> {
        let method = prop::sample::select(vec!["INVITE", "MESSAGE", "BYE", "ACK", "FROB"]);
        prop_oneof![
            6 => (method, 0..12u8, prop::option::of(0..4u8)).prop_map(|(m, id, tag)| Step::Route(m, id, tag)),
            4 => (0..60u64, prop::sample::select(vec![100, 180, 200, 404])).prop_map(|(t, s)| Step::Answer(t, s)),
            2 => (0..4u8, 0..4u8).prop_map(|(leg, tag)| Step::Open(leg, tag)),
            2 => (0..4u8).prop_map(Step::Close),
            1 => (0..2u8).prop_map(Step::Forget),
            1 => (0..20u64).prop_map(Step::Pass),
        ]
    }

    proptest! {
        #[test]
        fn memory_is_bounded_and_nothing_panics(bound in 0..5usize, steps in prop::collection::vec(step(), 0..200)) {
            let (mut dispatch, mut config) = (Dispatch::new(), config());
            config.limits.answered = bound;
            let (mut now, mut txn) = (s(0), 0);
            for step in steps {
                match step {
                    Step::Route(method, id, tag) => {
                        let request = match tag {
                            Some(tag) => in_dialog(method, &Tag(tag.into()).to_string()),
                            None => to_bob(method, &id.to_string(), 1),
                        };
                        let route = dispatch.route(ServerTxn(txn), &request, &config, now);
                        prop_assert!(tag.is_none() || !matches!(route, Route::Stranger(_) | Route::Merged));
                        txn += 1;
                    }
                    Step::Answer(txn, status) => dispatch.answered(ServerTxn(txn), &reply(status), now),
                    Step::Open(leg, tag) => {
                        dispatch.learn(MachineId(u32::from(leg % 2)), LegId::new(leg.into(), 0), &opened(tag.into()), now);
                    }
                    Step::Close(leg) => {
                        dispatch.learn(MachineId(u32::from(leg % 2)), LegId::new(leg.into(), 0), &Action::Closed, now);
                    }
                    Step::Forget(machine) => dispatch.forget(MachineId(machine.into())),
                    Step::Pass(time) => now += s(time),
                }
                let (legs, requests) = dispatch.known();
                prop_assert!(legs <= 4 && requests <= bound);
            }
        }
    }
}

mod stray_2xx {
    use super::*;

    const KEY: [u64; 2] = [3, 4];

    fn config() -> Config {
        let uri = |text| Uri::copy(text).unwrap();
        let account = Account::new(uri("sip:a@example.com"), uri("sip:a@192.0.2.1"));
        let msrp = MsrpAuthority {
            host: "192.0.2.1".into(),
            port: 2855,
            tls: false,
        };
        Config::new(account, msrp, KEY)
    }

    fn response(status: u16, token: Token, tag: Tag, cseq: &str, contact: bool) -> Response {
        let (from, id) = (
            format!("\"A, B\" <sip:a@example.com>;tag={tag}"),
            token.to_string(),
        );
        let mut headers = vec![
            ("Via", "SIP/2.0/UDP h;branch=z9hG4bK1"),
            ("Record-Route", "<sip:p3;lr>, <sip:p2;lr>"),
            ("Record-Route", "<sip:p1;lr>"),
            ("From", &from),
            ("To", "<sip:b@example.com>;tag=b"),
            ("Call-ID", &id),
            ("CSeq", cseq),
        ];
        if contact {
            headers.push(("Contact", "<sip:b@192.0.2.9:5062>"));
        }
        Response::build(Status(status), headers, Bytes::new()).unwrap()
    }

    #[test]
    fn cc_82_and_cc_03_a_late_2xx_is_acknowledged_and_ended_from_itself_alone() {
        let token = Token::sealed(0x0123_4567_89ab_cdef, KEY);
        let late = response(200, token, Fresh { token }.tag(), "3 INVITE", true);
        let [ack, bye] = stray(&late, &config()).unwrap();
        let mut octets = BytesMut::new();
        write_request(&mut octets, &ack, "");
        write_request(&mut octets, &bye, "");
        let rest = |cseq| {
            format!(
                "Route: <sip:p1;lr>\r\nRoute: <sip:p2;lr>\r\nRoute: <sip:p3;lr>\r\n\
                From: <sip:a@example.com>;tag={}\r\nTo: <sip:b@example.com>;tag=b\r\n\
                Call-ID: {token}\r\nMax-Forwards: 70\r\nCSeq: {cseq}\r\nContent-Length: 0\r\n\r\n",
                Fresh { token }.tag()
            )
        };
        let line = |method| format!("{method} sip:b@192.0.2.9:5062 SIP/2.0\r\n");
        let expected = [line("ACK"), rest("3 ACK"), line("BYE"), rest("4 BYE")].concat();
        let mut lines: Vec<_> = str::from_utf8(&octets).unwrap().lines().collect();
        let mut expected: Vec<_> = expected.lines().collect();
        lines.sort_unstable();
        expected.sort_unstable();
        assert_eq!(lines, expected);
        assert_eq!((ack.method, bye.method), (Method::Ack, Method::Bye));
        assert!(ack.head.starts_with(b"Route: <sip:p1;lr>\r\n"));

        let late = response(200, token, Fresh { token }.tag(), "3 INVITE", false);
        let [_, bye] = stray(&late, &config()).unwrap();
        assert_eq!(bye.target.as_str(), "sip:b@example.com");
    }

    #[test]
    fn only_a_2xx_to_an_invite_that_we_can_have_sent_is_answered() {
        let token = Token::sealed(1, KEY);
        let tag = Fresh { token }.tag();
        let check = |response: Response| assert!(stray(&response, &config()).is_none());
        check(response(180, token, tag, "1 INVITE", true));
        check(response(404, token, tag, "1 INVITE", true));
        check(response(200, token, tag, "1 BYE", true));
        check(response(200, token, Tag(tag.0 ^ 1), "1 INVITE", true));
        let forged = Token::sealed(1, [3, 5]);
        let tag = Fresh { token: forged }.tag();
        check(response(200, forged, tag, "1 INVITE", true));
    }

    proptest! {
        #[test]
        fn a_token_reads_as_it_was_written_and_no_bit_of_it_can_be_changed(random: u64, bit in 0..96usize) {
            let token = Token::sealed(random, KEY);
            prop_assert!(token.verifies(KEY));
            prop_assert_eq!(Token::read(&token.to_string()), Some(token));
            let mut words = token.words();
            words[bit / 32] ^= 1 << (bit % 32);
            prop_assert!(!Token::new(words).verifies(KEY));
        }

        #[test]
        fn no_text_is_read_as_a_token_that_is_written_otherwise(text in "[0-9a-fA-F+é]{23,25}") {
            if let Some(token) = Token::read(&text) {
                prop_assert_eq!(token.to_string(), text);
            }
        }
    }
}

/// The simulator, tried with the smallest machines that speak: a page and a call.
mod simulator {
    use super::*;

    use std::collections::BTreeMap;

    use simple_im::{
        Answer, AskId, Chunk, ChunkId, ClientTxn, Context, Continuation, Event, Failure,
        FailureReport, Machine, MessageId, MsrpEvent, MsrpTxn, Notice, OpenMsrp, Outcome, Outgoing,
        Question, RecipientId, SessionId,
    };

    use crate::sim::invariants::Monitor;
    use crate::sim::net::{Fate, Faults, Net};
    use crate::sim::node::{Actor, Decision, Node};
    use crate::sim::txn::{Layer, Up};

    const TAG: Tag = Tag(0xca11ed);

    /// Answers a MESSAGE when the host has decided, an INVITE after a while; repeats its 2xx.
    #[derive(Default)]
    struct Callee {
        state: Callees,
        /// How many times it was asked about a page.
        pages: usize,
    }

    #[derive(Default)]
    enum Callees {
        #[default]
        New,
        Page(ServerTxn),
        Ringing(ServerTxn),
        Answered(ServerTxn, Duration),
        Up,
        Closed,
    }

    fn say(status: u16) -> Reply {
        Reply {
            status: Status(status),
            tag: Some(TAG),
            head: Bytes::from_static(b"Contact: <sip:bob@bob.example>\r\n"),
            body: Bytes::new(),
        }
    }

    impl Machine for Callee {
        fn handle(&mut self, _: LegId, event: Event<'_>, cx: &mut Context<'_>) {
            use Callees::{Answered, Closed, New, Page, Ringing, Up};
            let state = std::mem::take(&mut self.state);
            self.state = match (state, event) {
                (New, Event::Request(txn, request)) if request.method == Method::Message => {
                    cx.act(Action::Opened(Keys::default()));
                    let sender = Uri::copy(request.head.from().uri).unwrap();
                    let group = sender;
                    cx.act(Action::Ask(AskId(0), Question::Members { group }));
                    cx.act(Action::StartTimer(Timer::Decide, Duration::from_secs(20)));
                    self.pages += 1;
                    Page(txn)
                }
                (Page(txn), Event::Answer(AskId(0), answer)) => {
                    let status = if matches!(answer, Answer::Accept) {
                        200
                    } else {
                        403
                    };
                    cx.act(Action::Respond(txn, say(status)));
                    cx.act(Action::StopTimer(Timer::Decide));
                    cx.act(Action::Closed);
                    Closed
                }
                (Page(txn), Event::Timer(Timer::Decide)) => {
                    cx.act(Action::Respond(txn, say(480)));
                    cx.act(Action::Closed);
                    Closed
                }
                (New, Event::Request(txn, _)) => {
                    let mut keys = Keys::default();
                    keys.dialog = Some(TAG);
                    cx.act(Action::Opened(keys));
                    cx.act(Action::Respond(txn, say(180)));
                    cx.act(Action::StartTimer(Timer::Decide, Duration::from_secs(3)));
                    Ringing(txn)
                }
                (Ringing(txn), Event::Timer(Timer::Decide)) => {
                    cx.act(Action::Respond(txn, say(200)));
                    let t1 = Duration::from_millis(500);
                    cx.act(Action::StartTimer(Timer::Repeat, t1));
                    cx.act(Action::StartTimer(Timer::FinalWait, t1 * 64));
                    Answered(txn, t1)
                }
                (Ringing(_), Event::Cancel { cancel, invite }) => {
                    cx.act(Action::Respond(cancel, say(200)));
                    cx.act(Action::Respond(invite, say(487)));
                    cx.act(Action::StopTimer(Timer::Decide));
                    cx.act(Action::Closed);
                    Closed
                }
                (state, Event::Cancel { cancel, .. }) => {
                    cx.act(Action::Respond(cancel, say(200)));
                    state
                }
                (Answered(txn, after), Event::Timer(Timer::Repeat)) => {
                    let next = (after * 2).min(Duration::from_secs(4));
                    cx.act(Action::Respond(txn, say(200)));
                    cx.act(Action::StartTimer(Timer::Repeat, next));
                    Answered(txn, next)
                }
                (Answered(..), Event::Timer(Timer::FinalWait)) => {
                    cx.act(Action::StopTimer(Timer::Repeat));
                    cx.act(Action::Closed);
                    Closed
                }
                (Answered(..), Event::Ack(_)) => {
                    cx.act(Action::StopTimer(Timer::Repeat));
                    cx.act(Action::StopTimer(Timer::FinalWait));
                    // Who hangs up is lost for good when every BYE is: nothing else guards an idle call.
                    cx.act(Action::StartTimer(Timer::Expiry, Duration::from_secs(90)));
                    Up
                }
                (state @ (Answered(..) | Up), Event::Request(txn, request)) => {
                    assert_eq!(request.method, Method::Bye);
                    let timers: &[_] = match state {
                        Up => &[Timer::Expiry],
                        _ => &[Timer::Repeat, Timer::FinalWait],
                    };
                    for timer in timers {
                        cx.act(Action::StopTimer(*timer));
                    }
                    cx.act(Action::Respond(txn, say(200)));
                    cx.act(Action::Closed);
                    Closed
                }
                (Up, Event::Timer(Timer::Expiry)) => {
                    cx.act(Action::Closed);
                    Closed
                }
                (state, _) => state,
            };
        }

        fn close(&mut self, _: &mut Context<'_>) {}

        fn is_closed(&self) -> bool {
            matches!(self.state, Callees::Closed)
        }
    }

    /// Sends one MESSAGE, or one INVITE that it ends as soon as it is answered.
    struct Caller {
        state: Callers,
        /// What it does when it hears it ring.
        patience: Patience,
    }

    #[derive(Clone, Copy, PartialEq, Eq)]
    enum Patience {
        Waits,
        Cancels,
        /// Cancels and looks no longer: what comes late is a stray.
        Leaves,
    }

    #[derive(PartialEq, Eq)]
    enum Callers {
        Paging,
        Calling,
        Cancelling,
        Ending,
        Closed,
    }

    impl Caller {
        fn page(n: u64, cx: &mut Context<'_>) -> Self {
            Self::start(n, Method::Message, Patience::Waits, cx)
        }

        fn start(n: u64, method: Method, patience: Patience, cx: &mut Context<'_>) -> Self {
            let token = Token::sealed(n, cx.config.key);
            let mut keys = Keys::default();
            keys.dialog = (method == Method::Invite).then(|| Fresh { token }.tag());
            cx.act(Action::Opened(keys));
            let head = "From: <sip:alice@alice.example>\r\nMax-Forwards: 70\r\n\
                Contact: <sip:alice@alice.example>\r\n";
            cx.act(Action::SendRequest(Outgoing {
                method,
                txn: ClientTxn(0),
                cseq: 1,
                fresh: Some(Fresh { token }),
                target: Uri::copy("sip:bob@bob.example").unwrap(),
                head: Bytes::from_static(head.as_bytes()),
                body: Bytes::new(),
            }));
            let state = match method {
                Method::Message => Callers::Paging,
                _ => Callers::Calling,
            };
            Self { state, patience }
        }

        /// Acknowledges, and hangs up the first time.
        fn accepted(&mut self, response: &Response, cx: &mut Context<'_>) {
            let [mut ack, mut bye] = stray(response, cx.config).unwrap();
            (ack.txn, bye.txn) = (ClientTxn(0), ClientTxn(1));
            cx.act(Action::SendAck(ack));
            if self.state != Callers::Ending {
                cx.act(Action::SendRequest(bye));
                self.state = Callers::Ending;
            }
        }

        fn end(&mut self, cx: &mut Context<'_>) {
            cx.act(Action::Closed);
            self.state = Callers::Closed;
        }
    }

    fn outcome(outcome: Outcome) -> Action {
        Action::Tell(Notice::Outcome(MessageId(0), RecipientId(0), outcome))
    }

    impl Machine for Caller {
        fn handle(&mut self, _: LegId, event: Event<'_>, cx: &mut Context<'_>) {
            match (&self.state, event) {
                (Callers::Paging, Event::Response(_, response)) => {
                    if !response.status.is_provisional() {
                        cx.act(outcome(match response.status {
                            Status(200) => Outcome::Delivered,
                            status => Outcome::Failed(Failure::Status(status)),
                        }));
                        self.end(cx);
                    }
                }
                (Callers::Paging, Event::TxnFailed(..)) => {
                    cx.act(outcome(Outcome::Unknown));
                    self.end(cx);
                }
                (Callers::Calling, Event::Response(txn, response))
                    if response.status == Status(180) =>
                {
                    if self.patience == Patience::Waits {
                        return;
                    }
                    cx.act(Action::SendCancel(txn));
                    self.state = Callers::Cancelling;
                    match self.patience {
                        Patience::Leaves => self.end(cx),
                        _ => {
                            let wait = Duration::from_secs(32);
                            cx.act(Action::StartTimer(Timer::FinalWait, wait));
                        }
                    }
                }
                (Callers::Calling | Callers::Cancelling, Event::Response(_, response))
                    if !response.status.is_provisional() =>
                {
                    if self.state == Callers::Cancelling {
                        cx.act(Action::StopTimer(Timer::FinalWait));
                    }
                    if response.status.is_success() {
                        self.accepted(response, cx);
                    } else {
                        self.end(cx);
                    }
                }
                (Callers::Cancelling, Event::Timer(Timer::FinalWait)) => self.end(cx),
                (Callers::Ending, Event::Response(ClientTxn(0), response))
                    if response.status.is_success() =>
                {
                    self.accepted(response, cx);
                }
                (Callers::Ending, Event::Response(ClientTxn(1), _))
                | (Callers::Ending | Callers::Calling, Event::TxnFailed(..)) => self.end(cx),
                _ => {}
            }
        }

        fn close(&mut self, _: &mut Context<'_>) {}

        fn is_closed(&self) -> bool {
            self.state == Callers::Closed
        }
    }

    const BAD: Faults = Faults {
        loss: 25,
        duplicate: 25,
        delay: (Duration::from_millis(5), Duration::from_millis(1500)),
        piece: 7,
    };

    fn node(name: &str, seed: u64) -> Node {
        let uri = |user| Uri::copy(&format!("sip:{user}@{name}.example")).unwrap();
        let msrp = MsrpAuthority {
            host: format!("{name}.example"),
            port: 2855,
            tls: false,
        };
        let config = Config::new(Account::new(uri(name), uri(name)), msrp, [seed, 1]);
        let factory = |_, _: &Request| -> Box<dyn Actor> { Box::new(Callee::default()) };
        let host = |_: &_| (Duration::from_millis(700), Decision::Accept);
        let host_name = format!("{name}.example");
        Node::new(&host_name, config, seed, Box::new(factory), Box::new(host))
    }

    fn net(seed: u64, faults: Faults) -> Net {
        let mut net = Net::new(seed, faults);
        net.join(node("alice", seed), &[]);
        net.join(node("bob", seed + 1), &[]);
        net
    }

    const HOUR: Duration = Duration::from_secs(3600);

    #[test]
    fn a_page_crosses_a_good_link() {
        let mut net = net(1, Faults::NONE);
        net.at(0, |node, now| {
            let (machine, ()) = node.open(now, |cx| (Caller::page(1, cx), ()));
            node.monitor.expect(machine, MessageId(0), RecipientId(0));
        });
        assert!(net.run(HOUR));
        net.check();
        let lines: Vec<_> = net.trace.iter().map(|sent| sent.first_line()).collect();
        // The host thinks for 700 ms, so that the page is sent a second time, and the answer as well.
        let message = "MESSAGE sip:bob@bob.example SIP/2.0";
        assert_eq!(lines, [message, message, "SIP/2.0 200 OK"]);
        let delivered = outcome(Outcome::Delivered);
        assert_eq!(Action::Tell(net.nodes[0].told[0].1.clone()), delivered);
    }

    #[test]
    fn cc_105_and_oc_pm_02_pages_cross_a_bad_link_once_each_and_in_order() {
        for seed in 0..60 {
            let mut net = net(seed, BAD);
            for n in 0..4 {
                net.at(0, |node, now| {
                    let (machine, ()) = node.open(now, |cx| (Caller::page(n, cx), ()));
                    node.monitor.expect(machine, MessageId(0), RecipientId(0));
                });
            }
            assert!(net.run(HOUR), "seed {seed}");
            net.check();
            assert_eq!((net.nodes[0].machines(), net.nodes[1].machines()), (0, 0));
            assert!(net.nodes[1].asked.len() <= 4, "seed {seed}: asked twice");
            let told = &net.nodes[0].told;
            let order: Vec<_> = told.iter().map(|(machine, _)| machine.0).collect();
            assert_eq!(order, [0, 1, 2, 3], "seed {seed}");
        }
    }

    #[test]
    fn calls_cross_a_bad_link_however_they_end() {
        let mut lines = BTreeMap::new();
        for seed in 0..150 {
            let patience = [Patience::Waits, Patience::Cancels, Patience::Leaves];
            let patience = patience[seed as usize % 3];
            let mut net = net(seed, BAD);
            net.at(0, |node, now| {
                node.open(now, |cx| {
                    (Caller::start(seed, Method::Invite, patience, cx), ())
                })
            });
            assert!(net.run(HOUR), "seed {seed}");
            net.check();
            for sent in net.trace.iter().filter(|sent| sent.fate == Fate::Arrives) {
                *lines.entry(sent.first_line()).or_insert(0) += 1;
            }
        }
        // What the links are meant to bring about has come about.
        for line in [
            "CANCEL",
            "SIP/2.0 487",
            "ACK",
            "BYE",
            "SIP/2.0 481",
            "SIP/2.0 200",
        ] {
            assert!(
                lines.keys().any(|l| l.starts_with(line)),
                "{line}: {lines:?}"
            );
        }
    }

    #[test]
    fn the_same_seed_gives_the_same_run() {
        let run = |seed| {
            let mut net = net(seed, BAD);
            net.at(0, |node, now| {
                node.open(now, |cx| {
                    (Caller::start(seed, Method::Invite, Patience::Waits, cx), ())
                })
            });
            net.run(HOUR);
            net.digest()
        };
        assert_eq!(run(5), run(5));
        assert_ne!(run(5), run(6));
    }

    #[test]
    fn a_refused_invite_is_acknowledged_as_often_as_it_is_refused_and_then_no_more() {
        let now = Duration::ZERO;
        let (mut client, mut server) = (Layer::new("a.example"), Layer::new("b.example"));
        let invite = Outgoing {
            method: Method::Invite,
            txn: ClientTxn(0),
            cseq: 1,
            fresh: Some(Fresh {
                token: Token::new([1; 3]),
            }),
            target: Uri::copy("sip:bob@b.example").unwrap(),
            head: Bytes::from_static(b"From: <sip:a@a.example>\r\nMax-Forwards: 70\r\n"),
            body: Bytes::new(),
        };
        let cookie = Some((MachineId(0), LegId::FIRST, ClientTxn(0)));
        client.request(cookie, invite, now);
        let octets = client.sent.pop_front().unwrap().octets;
        server.receive(&octets, 0, now);
        let Some(Up::Request(txn, _)) = server.up.pop_front() else {
            panic!("no request");
        };
        server.respond(txn, &say(404), now);
        let trying = server.sent.pop_front().unwrap().octets;
        let refusal = server.sent.pop_front().unwrap().octets;
        assert!(trying.starts_with(b"SIP/2.0 100 ") && refusal.starts_with(b"SIP/2.0 404 "));
        // The request again: the answer again. Nobody acknowledges: once more after T1.
        server.receive(&octets, 0, now);
        server.expire(Duration::from_millis(500));
        assert_eq!(server.sent.len(), 2);
        for octets in [&trying, &refusal, &refusal, &refusal] {
            client.receive(octets, 1, now);
        }
        assert_eq!((client.up.len(), client.sent.len()), (2, 3));
        let ack = client.sent.pop_front().unwrap().octets;
        assert!(ack.starts_with(b"ACK "));
        server.sent.clear();
        server.receive(&ack, 0, now);
        server.expire(Duration::from_secs(4));
        assert_eq!((server.up.len(), server.sent.len()), (0, 0));
        server.expire(Duration::from_secs(60));
        client.expire(Duration::from_secs(60));
        assert_eq!((server.deadline(), client.deadline()), (None, None));
    }

    #[test]
    fn what_has_no_way_fails_at_once() {
        let mut net = Net::new(1, Faults::NONE);
        net.join(node("alice", 1), &[]);
        net.at(0, |node, now| {
            node.open(now, |cx| (Caller::page(1, cx), ()));
        });
        assert!(net.run(Duration::ZERO));
        net.check();
        let unknown = outcome(Outcome::Unknown);
        assert_eq!(Action::Tell(net.nodes[0].told[0].1.clone()), unknown);
    }

    #[test]
    fn the_monitor_sees_what_is_broken() {
        let open = || Action::Opened(Keys::default());
        let start = |timer| Action::StartTimer(timer, Duration::ZERO);
        let msrp = || {
            Action::OpenMsrp(OpenMsrp {
                id: SessionId([1; 10]),
                connect: false,
                own: Bytes::new(),
                peer: Bytes::new(),
                target: Bytes::new(),
            })
        };
        let send = |txn, token| {
            Action::SendRequest(Outgoing {
                method: Method::Message,
                txn: ClientTxn(txn),
                cseq: 1,
                fresh: Some(Fresh {
                    token: Token::new([token; 3]),
                }),
                target: Uri::copy("sip:bob@bob.example").unwrap(),
                head: Bytes::new(),
                body: Bytes::new(),
            })
        };
        let answer = |status| Action::Respond(ServerTxn(1), say(status));
        let told = || outcome(Outcome::Delivered);
        let member = || {
            let uri = Uri::copy("sip:bob@bob.example").unwrap();
            Action::Tell(Notice::Member(RecipientId(0), uri))
        };
        let closed = || Action::Closed;
        let check = |actions: &[Action], asked: bool, over: bool, broken: &str| {
            let mut monitor = Monitor::new(Limits::default(), false);
            let origin = "sip:carol@carol.example".to_string();
            monitor.born(MachineId(0), Some(origin));
            if asked {
                monitor.request(MachineId(0), ServerTxn(1), Method::Message);
            }
            let actions = actions.iter().map(|a| (LegId::FIRST, a.clone()));
            let actions: Vec<_> = actions.collect();
            monitor.called(Duration::ZERO, MachineId(0), &actions, over);
            let found = monitor.broken.join("\n");
            assert_eq!(found.is_empty(), broken.is_empty(), "{found}");
            assert!(found.contains(broken), "{found}");
        };
        let fine = [open(), answer(200), told(), closed()];
        check(&fine, true, true, "");
        check(&[answer(200), answer(200)], true, false, "after 200");
        check(&[answer(404), answer(404)], true, false, "after 404");
        check(&[answer(200)], false, false, "never got");
        check(&[open(), closed()], true, true, "never answered");
        check(&[open(), open()], false, false, "opened twice");
        check(&[open()], false, true, "never closed");
        check(
            &[open(), closed(), closed()],
            false,
            true,
            "after it was closed",
        );
        let released = [Action::ReleaseMsrp];
        check(&released, false, false, "before it was opened");
        check(&[start(Timer::Ring)], false, true, "while {Ring} run");
        let ringing = [open(), start(Timer::Ring), closed()];
        check(&ringing, false, true, "while {Ring} run");
        check(&[open(), msrp(), closed()], false, true, "never released");
        let twice = [open(), msrp(), Action::ReleaseMsrp, Action::ReleaseMsrp];
        check(&twice, false, false, "does not hold");
        check(&[open(), told(), told()], false, false, "one more");
        check(&[open(), member(), closed()], false, true, "has no outcome");
        let again = [open(), send(0, 1), send(1, 2)];
        check(&again, false, false, "twice");
        check(&[open(), send(0, 1), send(1, 1)], false, false, "");
        check(
            &[open(), Action::SendCancel(ClientTxn(0))],
            false,
            false,
            "cancels",
        );
        check(&vec![member(); 257], false, false, "257 actions");
    }

    /// One end of an MSRP session that carries one message of `SIZE` octets in `CHUNK`s.
    struct End {
        sends: bool,
        bound: bool,
        room: bool,
        sent: u64,
        answered: u64,
        received: Vec<u8>,
        txn: MsrpTxn,
        closed: bool,
    }

    const SIZE: u64 = 10_000;
    const CHUNK: u64 = 1_000;

    impl End {
        fn open(sends: bool, cx: &mut Context<'_>) -> Self {
            cx.act(Action::Opened(Keys::default()));
            let path = |name, id| format!("msrp://{name}.example:2855/{id};tcp").into();
            let (id, other) = (SessionId([1; 10]), SessionId([2; 10]));
            let (own, peer) = (path("alice", id), path("bob", other));
            let open = OpenMsrp {
                id: if sends { id } else { other },
                connect: sends,
                own: if sends {
                    Bytes::clone(&own)
                } else {
                    peer.clone()
                },
                peer: if sends { peer } else { own },
                target: Bytes::new(),
            };
            cx.act(Action::OpenMsrp(open));
            cx.act(Action::StartTimer(Timer::Bind, Duration::from_secs(30)));
            Self {
                sends,
                bound: false,
                room: false,
                sent: 0,
                answered: 0,
                received: Vec::new(),
                txn: MsrpTxn(0),
                closed: false,
            }
        }

        /// Sends the next chunk, if there is room and no more than 8 are unanswered.
        fn send(&mut self, cx: &mut Context<'_>) {
            let many = self.sent - self.answered >= 8 * CHUNK;
            if !self.sends || !self.room || many || self.sent == SIZE {
                return;
            }
            self.room = false;
            let start = self.sent + 1;
            self.sent += CHUNK;
            let letter = b'a' + u8::try_from(start / CHUNK).unwrap();
            cx.act(Action::SendChunk(Chunk {
                id: ChunkId(u32::try_from(start).unwrap()),
                message: Token::new([9; 3]),
                start,
                total: Some(SIZE),
                flag: match self.sent {
                    SIZE => Continuation::Last,
                    _ => Continuation::More,
                },
                success: false,
                failure: FailureReport::Yes,
                mime: Bytes::from_static(b"Content-Type: text/plain\r\n"),
                body: vec![letter; usize::try_from(CHUNK).unwrap()].into(),
            }));
        }

        fn give_up(&mut self, cx: &mut Context<'_>) {
            if !self.bound {
                cx.act(Action::StopTimer(Timer::Bind));
            }
            assert!(self.received.is_sorted());
            cx.act(Action::Tell(Notice::Incomplete {
                message: MessageId(0),
                received: self.received.len() as u64,
                total: Some(SIZE),
            }));
            self.end(cx);
        }

        fn end(&mut self, cx: &mut Context<'_>) {
            cx.act(Action::ReleaseMsrp);
            cx.act(Action::Closed);
            self.closed = true;
        }
    }

    impl Machine for End {
        fn handle(&mut self, _: LegId, event: Event<'_>, cx: &mut Context<'_>) {
            let event = match event {
                Event::Msrp(event) if !self.closed => event,
                Event::Timer(Timer::Bind) if !self.closed && !self.bound => {
                    return self.give_up(cx);
                }
                _ => return,
            };
            match event {
                MsrpEvent::Up => {
                    self.bound = true;
                    cx.act(Action::StopTimer(Timer::Bind));
                    self.room = true;
                    self.send(cx);
                }
                MsrpEvent::Written(_) => {
                    self.room = true;
                    self.send(cx);
                }
                MsrpEvent::Response(_, status) => {
                    assert_eq!(status, 200);
                    self.answered += CHUNK;
                    self.send(cx);
                    if self.answered == SIZE {
                        self.end(cx);
                    }
                }
                MsrpEvent::Send(txn, _) => self.txn = txn,
                MsrpEvent::Octets(octets) => self.received.extend_from_slice(octets),
                MsrpEvent::End(_) => cx.act(Action::RespondMsrp(self.txn, 200)),
                MsrpEvent::Down(_) => self.give_up(cx),
                _ => {}
            }
        }

        fn close(&mut self, _: &mut Context<'_>) {}

        fn is_closed(&self) -> bool {
            self.closed
        }
    }

    /// Opens both ends, runs for `first`, does `then`, and tells what the receiver had at its end.
    fn stream(seed: u64, first: Duration, then: impl FnOnce(&mut Net)) -> u64 {
        let mut net = net(seed, BAD);
        for (node, sends) in [(1, false), (0, true)] {
            net.at(node, |node, now| {
                node.open(now, |cx| (End::open(sends, cx), ()))
            });
        }
        net.run_for(first);
        then(&mut net);
        assert!(net.run(HOUR));
        net.check();
        match net.nodes[1].told.last() {
            Some((_, Notice::Incomplete { received, .. })) => *received,
            told => panic!("{told:?}"),
        }
    }

    #[test]
    fn a_stream_arrives_whole_and_in_order_in_pieces_of_any_size() {
        for seed in 0..5 {
            assert_eq!(stream(seed, Duration::ZERO, |_| ()), SIZE);
        }
    }

    #[test]
    fn a_stream_that_is_cut_ends_for_both() {
        let mut short = 0;
        for seed in 0..20 {
            let first = Duration::from_millis(700 * seed);
            let received = stream(seed, first, Net::cut);
            short += usize::from(received < SIZE);
        }
        assert!(short > 0);
    }
}

/// The roles, joined by the simulator.
mod roles {
    use super::*;

    use simple_im::{
        Access, Content, Controlling, Draft, Notice, Originating, Question, RecipientId, Target,
        Terminating,
    };

    use crate::sim::net::{Faults, Net};
    use crate::sim::node::{Actor, Decision, Node};

    const BAD: Faults = Faults {
        loss: 20,
        duplicate: 20,
        delay: (Duration::from_millis(5), Duration::from_millis(900)),
        piece: 500,
    };

    /// The first one sends, the other five are the group's further members.
    const USERS: [&str; 6] = ["alice", "bob", "carol", "dave", "erin", "frank"];

    fn uri(user: &str, host: &str) -> Uri {
        Uri::copy(&format!("sip:{user}@{host}.example")).unwrap()
    }

    fn node(name: &str, seed: u64) -> Node {
        let msrp = MsrpAuthority {
            host: format!("{name}.example"),
            port: 2855,
            tls: false,
        };
        let account = Account::new(uri(name, name), uri(name, name));
        let config = Config::new(account, msrp, [seed, 1]);
        let factory = |role, _: &Request| -> Box<dyn Actor> {
            match role {
                Role::Controlling => Box::new(Controlling::new()),
                _ => Box::new(Terminating::new()),
            }
        };
        let host = |question: &Question| {
            let decision = match question {
                Question::Access { .. } => Decision::Access(Access {
                    exists: true,
                    allowed: true,
                    anonymity: true,
                }),
                Question::Members { .. } => Decision::Members(Ok(USERS.map(|u| uri(u, u)).into())),
                _ => Decision::Accept,
            };
            (Duration::from_millis(700), decision)
        };
        let name = format!("{name}.example");
        Node::new(&name, config, seed, Box::new(factory), Box::new(host))
    }

    /// What is done while a message is under way.
    #[derive(Clone, Copy, Debug)]
    enum Meddling {
        Nothing,
        Close(Duration),
        Cut(Duration),
    }

    /// Alice sends a message of `size` octets; returns how many users have got it whole.
    fn send(
        to: &Uri,
        size: usize,
        faults: Faults,
        seed: u64,
        ghosts: bool,
        meddling: Meddling,
    ) -> usize {
        let mut net = Net::new(seed, faults);
        for (n, name) in (0..).zip(USERS.into_iter().chain(["im"])) {
            let mut node = node(name, seed * 10 + n);
            node.ghosts = ghosts;
            if name == "im" {
                node.serve();
            }
            net.join(node, &[]);
        }
        net.at(0, |node, now| {
            let content = Content::new("text/plain", vec![b'x'; size].into());
            let draft = Draft::new(Target::One(to.clone()), content);
            let (machine, message) = node.open(now, |cx| {
                let mut machine = Originating::new();
                let message = machine.send(draft, cx).unwrap();
                (machine, message)
            });
            node.monitor.expect(machine, message, RecipientId(0));
        });
        match meddling {
            Meddling::Nothing => {}
            Meddling::Close(after) => {
                net.run_for(after);
                net.at(0, Node::close);
            }
            Meddling::Cut(after) => {
                net.run_for(after);
                net.cut();
            }
        }
        let ended = net.run(Duration::from_secs(7200));
        net.check();
        assert!(ended, "seed {seed} {meddling:?}: {}", net.ladder());
        let got = |node: &Node| {
            let pages = node.asked.iter().filter(|asked| match &asked.1 {
                Question::Page(page) => page.body.len() == size,
                _ => false,
            });
            let messages = node.told.iter().filter(|told| match &told.1 {
                Notice::Received { size: found, .. } => *found == size as u64,
                _ => false,
            });
            pages.count() + messages.count()
        };
        let counts: Vec<_> = net.nodes.iter().map(got).collect();
        // Nobody has it twice, and it never comes back (invariant 6).
        assert!(
            counts.iter().all(|n| *n <= 1) && counts[0] == 0,
            "{counts:?}"
        );
        counts.iter().sum()
    }

    #[test]
    fn messages_reach_one_and_all_over_a_good_link() {
        for size in [5, 9_000] {
            let send = |to: &Uri| send(to, size, Faults::NONE, 1, true, Meddling::Nothing);
            assert_eq!(send(&uri("bob", "bob")), 1);
            assert_eq!(send(&uri("group", "im")), 5);
        }
    }

    #[test]
    fn pages_keep_every_invariant_over_a_bad_link() {
        for seed in 0..40 {
            for to in [uri("bob", "bob"), uri("group", "im")] {
                send(&to, 5, BAD, seed, true, Meddling::Nothing);
            }
        }
    }

    fn large(seeds: std::ops::Range<u64>, ghosts: bool) {
        for seed in seeds {
            let after = Duration::from_millis(seed * 150);
            let meddling = match seed % 3 {
                0 => Meddling::Nothing,
                1 => Meddling::Close(after),
                _ => Meddling::Cut(after),
            };
            for to in [uri("bob", "bob"), uri("group", "im")] {
                send(&to, 9_000, BAD, seed, ghosts, meddling);
            }
        }
    }

    #[test]
    fn large_messages_keep_every_invariant_over_a_bad_link_however_they_end() {
        large(0..60, false);
    }

    #[test]
    fn large_messages_take_no_notice_of_timers_that_were_stopped() {
        large(0..60, true);
    }
}
