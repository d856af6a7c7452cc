//! The driver's bookkeeping: timers, dispatch, outbox, and the simulator that uses them.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
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
        check("OPTIONS", bob, Route::Options);
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
            let Token(mut words) = token;
            words[bit / 32] ^= 1 << (bit % 32);
            prop_assert!(!Token(words).verifies(KEY));
        }

        #[test]
        fn no_text_is_read_as_a_token_that_is_written_otherwise(text in "[0-9a-fA-F+é]{23,25}") {
            if let Some(token) = Token::read(&text) {
                prop_assert_eq!(token.to_string(), text);
            }
        }
    }
}
