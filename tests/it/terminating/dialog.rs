//! The callee's half of dialogs, and the session timer.

use std::time::Duration;

use simple_im::{
    Action, Answer, Event, LegId, Machine, Method, Notice, Originating, Outgoing, ServerTxn, Timer,
    TxnError,
};

use super::{Call, bob, invite, lines, ringing};
use crate::rig::*;

const SDP: &str = "Content-Type: application/sdp\n";

fn offer() -> String {
    invite("", &offer_sdp(""))
}

fn cancel(rig: &mut Rig<simple_im::Terminating>, invite: u64) -> Did {
    rig.event(Event::Cancel {
        cancel: ServerTxn(99),
        invite: ServerTxn(invite),
    })
}

/// The status of every request in turn.
fn statuses(call: &mut Call, requests: &[(&str, &str, &[u16])]) {
    for (method, lines, wanted) in requests {
        let did = call.inside(method, lines);
        assert_eq!(did.statuses(), *wanted, "{method} {lines}");
    }
}

#[test]
fn cc_06_a_2xx_is_repeated_until_its_ack() {
    let (mut call, did) = Call::answered(bob(), &offer());
    assert_eq!(did.started(Timer::FinalWait), Some(Duration::from_secs(32)));
    let mut wait = did.started(Timer::Repeat).unwrap();
    let mut all = vec![wait];
    for _ in 0..5 {
        let did = call.rig.timer(Timer::Repeat);
        assert_eq!(did.one_reply(), (ServerTxn(1), call.ok.clone()));
        wait = did.started(Timer::Repeat).unwrap();
        all.push(wait);
    }
    let ms: Vec<_> = all.iter().map(Duration::as_millis).collect();
    assert_eq!(ms, [500, 1000, 2000, 4000, 4000, 4000]);
    let did = call.ack();
    assert!(did.has(|a| *a == Action::StopTimer(Timer::Repeat)));
    assert!(did.has(|a| *a == Action::StopTimer(Timer::FinalWait)));
    call.rig.timer(Timer::Repeat).none();
}

#[test]
fn cc_06_without_ack_there_is_bye() {
    let (mut call, _) = Call::answered(bob(), &offer());
    let did = call.rig.timer(Timer::FinalWait);
    assert!(did.has(|a| *a == Action::StopTimer(Timer::Repeat)));
    let bye = did.one_sent();
    assert_eq!(bye.1.method, Method::Bye);
    let did = call.rig.fail(&bye, TxnError::Timeout);
    assert_eq!(did.0.last().unwrap().1, Action::Closed);
    assert!(call.is_closed());
}

#[test]
fn cc_06_only_the_ack_of_this_invite_counts() {
    let mut call = Call::up();
    let did = call.inside("INVITE", "Contact: <sip:alice@alice.example.com>\n");
    assert_eq!(did.statuses(), [200]);
    // The ACK of the first INVITE, sent again because its 2xx was.
    call.ack().none();
    let did = call.rig.timer(Timer::Repeat);
    assert_eq!(did.statuses(), [200]);
    let ack = call.text("ACK", call.cseq, "");
    let did = call.rig.ack(&ack);
    assert!(did.has(|a| *a == Action::StopTimer(Timer::Repeat)));
    // An ACK of another dialog says nothing.
    let (mut call, _) = Call::answered(bob(), &offer());
    let ack = call.text("ACK", 314159, "").replace("tag=49583", "tag=x");
    call.rig.ack(&ack).none();
}

#[test]
fn cc_07_a_bye_before_the_ack_ends_it() {
    let (mut call, _) = Call::answered(bob(), &offer());
    let did = call.inside("BYE", "");
    assert_eq!(did.statuses(), [200]);
    for timer in [Timer::Repeat, Timer::FinalWait, Timer::Bind, Timer::Expiry] {
        assert!(did.has(|a| *a == Action::StopTimer(timer)), "{timer:?}");
    }
    assert!(did.has(|a| *a == Action::ReleaseMsrp));
    assert!(call.is_closed());
}

#[test]
fn cc_08_bye_and_bye_cross() {
    let mut call = Call::up();
    let bye = call.hangs_up();
    let did = call.inside("BYE", "");
    assert_eq!(did.statuses(), [200]);
    assert!(call.is_closed());
    call.rig
        .respond(&bye, "481 Call/Transaction Does Not Exist", "", "")
        .none();
    // And 481 alone is as good as 200.
    let mut call = Call::up();
    let bye = call.hangs_up();
    call.rig.respond(&bye, "100 Trying", "", "").none();
    let did = call.rig.respond(&bye, "481 No", "", "");
    assert_eq!(did.0.last().unwrap().1, Action::Closed);
}

#[test]
fn cc_09_a_bye_in_the_early_dialog_ends_the_call() {
    let (mut rig, _, did) = ringing(bob(), &offer());
    let early = did.one_reply().1;
    let did = rig.request(2, &inside(&offer(), &early, "BYE", 314160, ""));
    assert_eq!(did.statuses(), [200, 487]);
    assert_eq!(did.replies()[1].0, ServerTxn(1));
    assert!(did.notices().contains(&Notice::Missed));
    assert!(rig.machine.is_closed());
}

#[test]
fn cc_09_other_requests_in_the_early_dialog() {
    let (mut rig, ask, did) = ringing(bob(), &offer());
    let early = did.one_reply().1;
    let mut cseq = 314159;
    for (method, lines, status) in [
        ("INVITE", "", 500),
        ("UPDATE", "Content-Type: application/sdp\n\nv=0\n", 500),
        ("UPDATE", "", 200),
        ("MESSAGE", "", 500),
        ("OPTIONS", "", 200),
        ("PRACK", "RAck: 1 314159 INVITE\n", 481),
        ("REFER", "", 405),
        ("FOO", "", 501),
        ("UPDATE", "Require: foo\n", 420),
    ] {
        cseq += 1;
        let text = inside(&offer(), &early, method, cseq, lines);
        let reply = rig.request(cseq.into(), &text).one_reply().1;
        assert_eq!(reply.status.0, status, "{method}");
        let later = matches!(method, "INVITE" | "UPDATE" | "MESSAGE") && status == 500;
        let text = wire_reply(&reply, &text);
        assert_eq!(text.contains("Retry-After: "), later, "{text}");
    }
    let lower = inside(&offer(), &early, "BYE", 314160, "");
    assert_eq!(rig.request(50, &lower).statuses(), [500]);
    let foreign = inside(&offer(), &early, "BYE", 400000, "").replace("tag=49583", "tag=x");
    assert_eq!(rig.request(51, &foreign).statuses(), [481]);
    assert_eq!(rig.answer(ask, Answer::Accept).statuses(), [200]);
}

#[test]
fn cc_10_a_re_invite_after_our_bye_hears_481() {
    let mut call = Call::up();
    call.hangs_up();
    statuses(
        &mut call,
        &[("INVITE", "", &[481]), ("MESSAGE", "", &[481])],
    );
    // And the same while BYE waits for the ACK.
    let (mut call, _) = Call::answered(bob(), &offer());
    let ((), did) = call.rig.command(|bob, cx| bob.close(cx));
    assert!(did.sent().is_empty(), "BYE may not overtake the ACK");
    statuses(&mut call, &[("INVITE", "", &[481]), ("UPDATE", "", &[481])]);
    assert_eq!(call.ack().one_sent().1.method, Method::Bye);
}

/// A session that Bob is to refresh.
fn refresher(allow: &str) -> Call {
    let text =
        invite(allow, &offer_sdp("a=filelength:3000\n")).replace("refresher=uac", "refresher=uas");
    Call::of(bob(), &text)
}

#[test]
fn cc_10_a_bye_ends_it_whatever_is_under_way() {
    let mut call = refresher("");
    let refresh = call.rig.timer(Timer::Refresh).one_sent();
    assert_eq!(refresh.1.method, Method::Invite);
    assert_eq!(call.inside("BYE", "").statuses(), [200]);
    assert!(call.is_closed());
    let did = call
        .rig
        .respond(&refresh, "200 OK", ACCEPTED, &answer_sdp(""));
    assert!(did.sent().is_empty(), "it is not our Call-ID");
}

#[test]
fn cc_11_requests_that_met_are_tried_again() {
    let mut call = refresher("");
    let refresh = call.rig.timer(Timer::Refresh).one_sent();
    assert_eq!(call.inside("INVITE", "").statuses(), [491]);
    let offer = format!("{SDP}\n{}", offer_sdp(""));
    assert_eq!(call.inside("UPDATE", &offer).statuses(), [491]);
    let did = call.rig.respond(&refresh, "491 Request Pending", "", "");
    let wait = did.started(Timer::Retry).unwrap();
    assert!(wait <= Duration::from_secs(2) && wait.as_millis().is_multiple_of(10));
    let again = call.rig.timer(Timer::Retry).one_sent();
    assert_eq!(again.1.method, Method::Invite);
    assert_eq!(again.1.cseq, refresh.1.cseq + 1);
}

#[test]
fn cc_11_what_the_peer_refreshes_meanwhile_need_not_be_tried_again() {
    let mut call = refresher("");
    let refresh = call.rig.timer(Timer::Refresh).one_sent();
    call.rig.respond(&refresh, "491 Request Pending", "", "");
    let did = call.inside(
        "UPDATE",
        "Supported: timer\nSession-Expires: 600;refresher=uac\n",
    );
    assert_eq!(did.statuses(), [200]);
    assert!(did.has(|a| *a == Action::StopTimer(Timer::Retry)));
    call.rig.timer(Timer::Retry).none();
    call.rig.timer(Timer::Refresh).none();
}

#[test]
fn cc_13_bye_goes_to_the_new_target() {
    for method in ["UPDATE", "INVITE"] {
        let mut call = Call::up();
        let did = call.inside(method, "Contact: <sip:alice@new.example.com>\n");
        assert_eq!(did.statuses(), [200]);
        if method == "INVITE" {
            let ack = call.text("ACK", call.cseq, "");
            call.rig.ack(&ack);
        }
        assert_eq!(call.hangs_up().1.target, uri("sip:alice@new.example.com"));
    }
}

#[test]
fn cc_14_the_callee_follows_the_route_of_the_invite() {
    let routes = "Record-Route: <sip:p1.example.com;lr>, <sip:p2.example.com;lr>\n";
    let mut call = Call::of(bob(), &invite(routes, &offer_sdp("")));
    let bye = wire(&call.hangs_up().1);
    let routes: Vec<_> = bye
        .lines()
        .filter(|line| line.starts_with("Route"))
        .collect();
    assert_eq!(
        routes,
        [
            "Route: <sip:p1.example.com;lr>",
            "Route: <sip:p2.example.com;lr>"
        ]
    );
    assert!(bye.starts_with("BYE sip:alice@alice.example.com SIP/2.0\r\n"));
}

#[test]
fn cc_14_the_caller_follows_the_route_of_the_2xx() {
    let mut rig = Rig::new(Originating::new(), client("alice"));
    let text = "x".repeat(5000);
    let (sent, did) = rig.command(|alice, cx| {
        let to = simple_im::Target::One(uri("sip:bob@example.com"));
        alice.send(
            simple_im::Draft::new(to, simple_im::Content::text(&text)),
            cx,
        )
    });
    sent.unwrap();
    let invite = did.one_sent();
    rig.respond(
        &invite,
        "180 Ringing",
        "Contact: <sip:early@x.example.com>\n",
        "",
    );
    let lines = format!("Record-Route: <sip:p1.example.com;lr>\n{ACCEPTED}");
    let did = rig.respond(&invite, "200 OK", &lines, &answer_sdp(""));
    let ack = wire(&did.one_sent().1);
    assert!(ack.starts_with("ACK sip:peer@peer.example.com SIP/2.0\r\n"));
    assert!(
        ack.contains("\r\nRoute: <sip:p1.example.com;lr>\r\n"),
        "{ack}"
    );
}

#[test]
fn cc_19_a_tiny_interval_never_becomes_a_storm() {
    let mut call = refresher("");
    let refresh = call.rig.timer(Timer::Refresh).one_sent();
    let tiny = format!("Session-Expires: 1;refresher=uac\n{ACCEPTED}");
    let did = call.rig.respond(&refresh, "200 OK", &tiny, &answer_sdp(""));
    assert!(did.started(Timer::Refresh).unwrap() >= Duration::from_secs(1));
    let next = call.rig.timer(Timer::Refresh).one_sent();
    assert!(wire(&next.1).contains("\r\nSession-Expires: 90;refresher=uac\r\n"));
}

#[test]
fn cc_20_the_refresher_is_named_from_the_side_of_the_transaction() {
    let mut call = refresher("Allow: INVITE, UPDATE\n");
    assert!(wire_reply(&call.ok, &call.invite).contains("Session-Expires: 1800;refresher=uas\r\n"));
    let refresh = call.rig.timer(Timer::Refresh).one_sent();
    assert_eq!(refresh.1.method, Method::Update);
    assert!(refresh.1.body.is_empty());
    let did = call.rig.respond(
        &refresh,
        "200 OK",
        "Session-Expires: 1800;refresher=uac\n",
        "",
    );
    assert_eq!(did.started(Timer::Refresh), Some(Duration::from_secs(900)));
    assert_eq!(did.started(Timer::Expiry), Some(Duration::from_secs(1768)));
    // Alice takes it over.
    let did = call.inside(
        "UPDATE",
        "Supported: timer\nSession-Expires: 1800;refresher=uac\n",
    );
    assert_eq!(did.started(Timer::Refresh), None);
    assert!(did.has(|a| *a == Action::StopTimer(Timer::Refresh)));
    assert!(did.started(Timer::Expiry).is_some());
}

#[test]
fn cc_18_a_refresh_is_asked_for_with_what_the_peer_wants_and_no_less() {
    let mut call = refresher("Allow: UPDATE\n");
    let first = call.rig.timer(Timer::Refresh).one_sent();
    let did = call
        .rig
        .respond(&first, "200 OK", "Session-Expires: 100;refresher=uac\n", "");
    assert_eq!(did.started(Timer::Refresh), Some(Duration::from_secs(50)));
    let second = call.rig.timer(Timer::Refresh).one_sent();
    assert!(wire(&second.1).contains("\r\nSession-Expires: 100;"));
    let did = call.rig.respond(&second, "422 Small", "Min-SE: 300\n", "");
    let third = wire(&did.one_sent().1);
    assert!(third.contains("\r\nSession-Expires: 300;refresher=uac\r\nMin-SE: 300\r\n"));
    let did = call
        .rig
        .respond(&did.one_sent(), "422 Small", "Min-SE: 300\n", "");
    assert!(did.sent().is_empty(), "it does not rise");
    // What the peer's own refresh names counts too (RFC 4028 §7.4).
    let mut call = refresher("Allow: UPDATE\n");
    call.inside(
        "UPDATE",
        "Supported: timer\nSession-Expires: 1800;refresher=uas\nMin-SE: 2000\n",
    );
    let refresh = wire(&call.rig.timer(Timer::Refresh).one_sent().1);
    assert!(refresh.contains("\r\nSession-Expires: 2000;refresher=uac\r\nMin-SE: 2000\r\n"));
}

#[test]
fn cc_21_who_knows_no_update_gets_a_re_invite() {
    let mut call = refresher("Allow: UPDATE\n");
    let update = call.rig.timer(Timer::Refresh).one_sent();
    let invite = call
        .rig
        .respond(&update, "501 Not Implemented", "", "")
        .one_sent();
    assert_eq!(invite.1.method, Method::Invite);
    assert_eq!(invite.1.body, call.ok.body, "the description as it stands");
    call.rig.respond(&invite, "405 No", "", "").none();
}

#[test]
fn cc_22_the_guard_wins_over_a_refresh_under_way() {
    let mut call = refresher("");
    let refresh = call.rig.timer(Timer::Refresh).one_sent();
    let bye = call.rig.timer(Timer::Expiry).one_sent();
    assert_eq!(bye.1.method, Method::Bye);
    // Its late 2xx is acknowledged (CC-23), and the dialog ends by the one BYE.
    let did = call
        .rig
        .respond(&refresh, "200 OK", ACCEPTED, &answer_sdp(""));
    let ack = did.one_sent().1;
    assert_eq!((ack.method, ack.cseq), (Method::Ack, refresh.1.cseq));
    call.rig.respond(&bye, "200 OK", "", "");
    assert!(call.is_closed());
}

#[test]
fn cc_22_without_ack_the_guard_waits_for_it() {
    let (mut call, _) = Call::answered(bob(), &offer());
    call.rig.timer(Timer::Expiry).none();
    call.rig.timer(Timer::Expiry).none();
    assert_eq!(call.ack().one_sent().1.method, Method::Bye);
}

#[test]
fn cc_25_responses_to_nothing_are_ignored_in_every_state() {
    let mut other = Call::up();
    let foreign = other.hangs_up();
    let hear = |rig: &mut Rig<simple_im::Terminating>| {
        let (leg, mut request) = foreign.clone();
        request.txn = simple_im::ClientTxn(77);
        for status in ["100 Trying", "200 OK", "481 No"] {
            rig.respond(&(leg, request.clone()), status, "", "").none();
        }
        rig.fail(&(leg, request), TxnError::Timeout).none();
    };
    let mut rig = bob();
    hear(&mut rig);
    let (mut rig, _, _) = ringing(rig, &offer());
    hear(&mut rig);
    let (mut call, _) = Call::answered(bob(), &offer());
    hear(&mut call.rig);
    let mut call = Call::up();
    hear(&mut call.rig);
    call.hangs_up();
    hear(&mut call.rig);
    call.inside("BYE", "");
    hear(&mut call.rig);
}

#[test]
fn cc_26_tags_are_compared_without_case_and_call_ids_with_it() {
    let text = offer().replace("tag=49583", "tag=AbC");
    let mut call = Call::of(bob(), &text);
    let bye = call.text("BYE", 314160, "");
    let wrong = bye.replace("a84b4c76e66710", "A84B4C76E66710");
    assert_eq!(call.rig.request(5, &wrong).statuses(), [481]);
    let same = bye.replace("tag=AbC", "tag=aBc");
    assert_eq!(call.rig.request(6, &same).statuses(), [200]);
    let tag = call.ok.tag.unwrap().to_string();
    assert_eq!(tag, tag.to_lowercase());
    assert_eq!(simple_im::Tag::read(&tag.to_uppercase()), call.ok.tag);
}

#[test]
fn g_10_a_re_invite_that_changes_nothing_is_a_refresh() {
    let same = offer_sdp("a=filelength:3000\n");
    for sdp in [
        String::new(),
        format!("{SDP}\n{same}"),
        // Some count the version up all the same.
        format!("{SDP}\n{}", same.replace("o=alice 1 1", "o=alice 1 2")),
    ] {
        for method in ["INVITE", "UPDATE"] {
            let mut call = Call::up();
            let did = call.inside(
                method,
                &format!("Supported: timer\nSession-Expires: 600\n{sdp}"),
            );
            let (_, reply) = did.one_reply();
            assert_eq!(reply.status.0, 200, "{method} {sdp}");
            let empty = method == "UPDATE" && sdp.is_empty();
            assert_eq!(reply.body.is_empty(), empty);
            if !empty {
                assert_eq!(reply.body, call.ok.body, "our description is the same too");
            }
            let text = wire_reply(&reply, &call.invite);
            assert!(text.contains(
                "Require: timer\r\nSupported: timer\r\nSession-Expires: 600;refresher=uac\r\n"
            ));
            assert!(text.contains("Contact: <sip:bob@bob.example.com>;+g.oma.sip-im\r\n"));
        }
    }
}

#[test]
fn g_10_a_re_invite_that_changes_something_is_refused_and_the_session_goes_on() {
    let same = offer_sdp("a=filelength:3000\n").replace("o=alice 1 1", "o=alice 1 2");
    for sdp in [
        same.replace("sendonly", "sendrecv"),
        same.replace("sendonly", "inactive"),
        same.replace("jshA7weztas", "another"),
        "garbage\n".into(),
    ] {
        for method in ["INVITE", "UPDATE"] {
            let mut call = Call::up();
            let did = call.inside(method, &format!("{SDP}\n{sdp}"));
            assert_eq!(did.statuses(), [488], "{method} {sdp}");
            let did = call.chunk(1, &[b'x'; 3000], 3000, simple_im::Continuation::Last);
            assert_eq!(super::received(&did).unwrap().1, 3000);
        }
    }
    let mut call = Call::up();
    let did = call.inside("INVITE", "Supported: timer\nSession-Expires: 60\n");
    let text = wire_reply(&did.one_reply().1, &call.invite);
    assert!(text.starts_with("SIP/2.0 422 ") && text.contains("\r\nMin-SE: 90\r\n"));
}

#[test]
fn g_10_port_0_closes_the_session_and_bye_follows() {
    let same = offer_sdp("a=filelength:3000\n").replace("o=alice 1 1", "o=alice 1 2");
    let sdp = format!("{SDP}\n{}", same.replace("message 7654", "message 0"));
    for method in ["INVITE", "UPDATE"] {
        let mut call = Call::up();
        let did = call.inside(method, &sdp);
        let (_, reply) = did.one_reply();
        let (before, after) = (call.ok.body.clone(), reply.body.clone());
        let (before, after) = (text_of(&before), text_of(&after));
        assert_eq!(reply.status.0, 200);
        assert!(
            after.ends_with("t=0 0\r\nm=message 0 TCP/MSRP *\r\n"),
            "{after}"
        );
        // The next version of what was said (RFC 3264 §8).
        let origin = |text: &str| -> Vec<String> {
            let line = text.lines().find(|line| line.starts_with("o=")).unwrap();
            line.split(' ').map(str::to_owned).collect()
        };
        let (before, after) = (origin(before), origin(after));
        let version = |origin: &[String]| origin[2].parse::<u64>().unwrap();
        assert_eq!(
            (&before[1], version(&before) + 1),
            (&after[1], version(&after))
        );
        let bye = if method == "INVITE" {
            assert!(did.sent().is_empty(), "BYE may not overtake the ACK");
            let ack = call.text("ACK", call.cseq, "");
            call.rig.ack(&ack).one_sent()
        } else {
            did.one_sent()
        };
        assert_eq!(bye.1.method, Method::Bye);
        call.rig.respond(&bye, "200 OK", "", "");
        assert!(call.is_closed());
    }
}

fn text_of(body: &bytes::Bytes) -> &str {
    std::str::from_utf8(body).unwrap()
}

#[test]
fn requests_inside_the_dialog_are_answered_in_every_state() {
    let unknown = "Require: foo\n";
    let table: &[(&str, &str, &[u16])] = &[
        ("UPDATE", "", &[200]),
        ("OPTIONS", "", &[200]),
        ("PRACK", "RAck: 1 1 INVITE\n", &[481]),
        ("INFO", "", &[405]),
        ("REFER", "", &[405]),
        ("SUBSCRIBE", "", &[405]),
        ("FOO", "", &[501]),
        ("OPTIONS", unknown, &[420]),
        ("INVITE", unknown, &[420]),
    ];
    let mut call = Call::up();
    statuses(&mut call, table);
    let (mut call, _) = Call::answered(bob(), &offer());
    statuses(&mut call, table);
    statuses(&mut call, &[("INVITE", "", &[500])]);
    let text = call.text("OPTIONS", 314160, "");
    assert_eq!(call.rig.request(70, &text).statuses(), [500], "lower CSeq");
    call.hangs_up_later();
    let mut call = Call::up();
    let did = call.inside("INFO", "");
    let text = wire_reply(&did.one_reply().1, &call.invite);
    assert!(
        text.contains("\r\nAllow: INVITE, ACK, CANCEL, BYE, MESSAGE, OPTIONS, UPDATE, PRACK\r\n")
    );
    let did = call.inside("OPTIONS", unknown);
    let text = wire_reply(&did.one_reply().1, &call.invite);
    assert!(text.contains("\r\nUnsupported: foo\r\n"));
}

impl Call {
    /// Hangs up before the ACK: BYE follows it.
    fn hangs_up_later(&mut self) {
        let ((), did) = self.rig.command(|bob, cx| bob.close(cx));
        did.none();
        assert_eq!(self.ack().one_sent().1.method, Method::Bye);
    }
}

#[test]
fn a_request_of_another_dialog_hears_481_in_every_state() {
    let foreign = |invite: &str| {
        let tag = Some(simple_im::Tag(1));
        let reply = simple_im::Reply {
            status: simple_im::Status(200),
            tag,
            head: Default::default(),
            body: Default::default(),
        };
        inside(
            &invite.replace("a84b4c76e66710", "other"),
            &reply,
            "INVITE",
            9,
            "",
        )
    };
    let text = foreign(&offer());
    assert_eq!(bob().request(9, &text).statuses(), [481], "idle");
    let (mut rig, _, _) = ringing(bob(), &offer());
    assert_eq!(rig.request(9, &text).statuses(), [481], "deciding");
    let (mut call, _) = Call::answered(bob(), &offer());
    assert_eq!(call.rig.request(9, &text).statuses(), [481], "without ACK");
    let mut call = Call::up();
    assert_eq!(call.rig.request(9, &text).statuses(), [481], "up");
    call.hangs_up();
    assert_eq!(call.rig.request(9, &text).statuses(), [481], "ending");
    call.inside("BYE", "");
    assert_eq!(call.rig.request(9, &text).statuses(), [481], "closed");
}

#[test]
fn a_cancel_of_another_transaction_hears_481() {
    let (mut rig, _, _) = ringing(bob(), &offer());
    assert_eq!(cancel(&mut rig, 2).statuses(), [481]);
    let (mut call, _) = Call::answered(bob(), &offer());
    assert_eq!(cancel(&mut call.rig, 2).statuses(), [481]);
    assert_eq!(cancel(&mut call.rig, 1).statuses(), [200]);
    call.ack();
    assert_eq!(
        cancel(&mut call.rig, 1).statuses(),
        [200],
        "it has its answer"
    );
    let did = call.inside("INVITE", "");
    assert_eq!(did.statuses(), [200]);
    assert_eq!(cancel(&mut call.rig, 1).statuses(), [481]);
    let cseq = call.cseq.into();
    assert_eq!(cancel(&mut call.rig, cseq).statuses(), [200]);
}

/// Bob's refresh is under way when Alice re-INVITEs.
fn crossed() -> (Call, (LegId, Outgoing)) {
    let mut call = refresher("Allow: UPDATE\n");
    let update = call.rig.timer(Timer::Refresh).one_sent();
    let did = call.inside(
        "INVITE",
        "Allow: UPDATE\nSupported: timer\nSession-Expires: 1800;refresher=uas\n",
    );
    assert_eq!(did.statuses(), [200]);
    (call, update)
}

#[test]
fn the_answer_to_a_refresh_counts_while_an_ack_is_awaited() {
    let (mut call, update) = crossed();
    let did = call.rig.respond(
        &update,
        "200 OK",
        "Session-Expires: 600;refresher=uac\n",
        "",
    );
    assert_eq!(did.started(Timer::Refresh), Some(Duration::from_secs(300)));
    // 481: the dialog is gone, and BYE follows the ACK.
    let (mut call, update) = crossed();
    assert!(
        call.rig
            .respond(&update, "481 No", "", "")
            .sent()
            .is_empty()
    );
    let ack = call.text("ACK", call.cseq, "");
    assert_eq!(call.rig.ack(&ack).one_sent().1.method, Method::Bye);
}

#[test]
fn a_refresh_that_falls_due_while_an_ack_is_awaited_follows_it() {
    let (mut call, update) = crossed();
    call.rig.respond(&update, "500 No", "", "").none();
    let did = call.rig.timer(Timer::Refresh);
    assert!(did.sent().is_empty() && did.started(Timer::Retry).is_some());
    let ack = call.text("ACK", call.cseq, "");
    call.rig.ack(&ack);
    assert_eq!(
        call.rig.timer(Timer::Retry).one_sent().1.method,
        Method::Update
    );
}

#[test]
fn cc_04_a_repeated_2xx_is_acknowledged_again_even_while_a_re_invite_awaits_its_ack() {
    let mut rig = Rig::new(Originating::new(), client("alice"));
    let text = "x".repeat(5000);
    let (sent, did) = rig.command(|alice, cx| {
        let to = simple_im::Target::One(uri("sip:bob@example.com"));
        alice.send(
            simple_im::Draft::new(to, simple_im::Content::text(&text)),
            cx,
        )
    });
    sent.unwrap();
    let invite = did.one_sent();
    let first = rig.respond(&invite, "200 OK", ACCEPTED, &answer_sdp(""));
    let did = rig.request(5, &from_peer(&invite.1, "INVITE", 7, ""));
    assert_eq!(did.statuses(), [200]);
    let did = rig.respond(&invite, "200 OK", ACCEPTED, &answer_sdp(""));
    assert_eq!(
        did.one_sent().1,
        first.one_sent().1,
        "the same ACK, and no BYE"
    );
}

#[test]
fn a_2xx_says_which_methods_and_target_we_have() {
    let (call, _) = Call::answered(bob(), &offer());
    let text = lines(&wire_reply(&call.ok, &call.invite)).join("\n");
    assert!(text.contains("Contact: <sip:bob@bob.example.com>;+g.oma.sip-im"));
}

/// What a 2xx to a request with these lines says of the timer: Require, Session-Expires; or its status.
fn granted(lines: &str) -> Result<(bool, Option<String>), u16> {
    let text = invite("", &offer_sdp(""))
        .replace("Supported: timer\n", "")
        .replace(super::TIMER, lines);
    let mut rig = bob();
    let did = rig.request(1, &text);
    let Some((ask, _)) = did.asked() else {
        return Err(did.one_reply().1.status.0);
    };
    let (_, ok) = rig.answer(ask, Answer::Accept).one_reply();
    let ok = wire_reply(&ok, &text);
    let of = |name: &str| {
        let line = ok.lines().find_map(|line| line.strip_prefix(name));
        line.map(str::to_string)
    };
    Ok((of("Require: ").is_some(), of("Session-Expires: ")))
}

/// RFC 4028 §9, table 2, and what is absurd.
#[test]
fn a_callee_grants_what_the_table_says() {
    let timer = "Supported: timer\n";
    for (lines, expected) in [
        // Who does not know the timer is not refused, nor is anything required of it, nor is it given more
        // than was asked for on its behalf.
        (
            "Session-Expires: 1800\n",
            Ok((false, Some("1800;refresher=uas"))),
        ),
        (
            "Session-Expires: 30\n",
            Ok((false, Some("30;refresher=uas"))),
        ),
        ("Session-Expires: 1\n", Ok((false, Some("1;refresher=uas")))),
        (
            "Session-Expires: 600;refresher=uac\n",
            Ok((false, Some("600;refresher=uas"))),
        ),
        ("", Ok((false, None))),
    ] {
        let expected: Result<(bool, Option<&str>), u16> = expected;
        let expected = expected.map(|(r, s)| (r, s.map(str::to_string)));
        assert_eq!(granted(lines), expected, "{lines}");
    }
    for (lines, expected) in [
        ("", Ok((false, None))),
        (
            "Session-Expires: 1800\n",
            Ok((true, Some("1800;refresher=uac"))),
        ),
        (
            "Session-Expires: 1800;refresher=uac\n",
            Ok((true, Some("1800;refresher=uac"))),
        ),
        (
            "Session-Expires: 1800;refresher=uas\n",
            Ok((true, Some("1800;refresher=uas"))),
        ),
        ("x: 90\n", Ok((true, Some("90;refresher=uac")))),
        (
            "Session-Expires: 4294967295\n",
            Ok((true, Some("4294967295;refresher=uac"))),
        ),
        ("Session-Expires: 89\n", Err(422)),
        ("Session-Expires: 1;refresher=uas\n", Err(422)),
    ] {
        let expected: Result<(bool, Option<&str>), u16> = expected;
        let expected = expected.map(|(r, s)| (r, s.map(str::to_string)));
        assert_eq!(granted(&format!("{timer}{lines}")), expected, "{lines}");
    }
}

#[test]
fn an_interval_that_is_none_never_becomes_an_invitation() {
    for absurd in [
        "0",
        "",
        "x",
        "4294967296",
        "90;refresher=uac;refresher=uas",
        "90;refresher=me",
    ] {
        let text = offer().replace(super::TIMER, &format!("Session-Expires: {absurd}\n"));
        let text =
            crlf(&text).replace("\r\n\r\n", "\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK1\r\n\r\n");
        let flaw = simple_im::wire::sip::parse_request(&bytes::Bytes::from(text)).unwrap_err();
        assert_eq!(flaw.status.0, 400, "{absurd}");
    }
}

#[test]
fn a_refresh_of_the_peers_counts_whichever_way_it_comes() {
    for method in ["UPDATE", "INVITE"] {
        let mut call = Call::up();
        let did = call.inside(
            method,
            "Supported: timer\nSession-Expires: 600;refresher=uac\n",
        );
        assert_eq!(did.started(Timer::Expiry), Some(Duration::from_secs(568)));
        // Without the timer in the 2xx the session does not expire any more.
        if method == "INVITE" {
            let ack = call.text("ACK", call.cseq, "");
            call.rig.ack(&ack);
        }
        let did = call.inside(method, "Supported: timer\n");
        assert_eq!(did.started(Timer::Expiry), None);
        assert!(did.has(|a| *a == Action::StopTimer(Timer::Expiry)));
    }
    // One that comes after our BYE is too late.
    let mut call = Call::up();
    assert_eq!(
        call.rig.timer(Timer::Expiry).one_sent().1.method,
        Method::Bye
    );
    assert_eq!(
        call.inside("UPDATE", "Supported: timer\n").statuses(),
        [481]
    );
}

#[test]
fn cc_24_a_timer_that_was_stopped_does_nothing_in_any_state() {
    let every = super::random::TIMERS;
    let mut rig = bob();
    every.iter().for_each(|timer| rig.timer(*timer).none());
    let (mut rig, _, did) = ringing(bob(), &offer());
    let running = |did: &Did, timer| did.started(timer).is_some();
    for timer in every.iter().filter(|timer| !running(&did, **timer)) {
        rig.timer(*timer).none();
    }
    let mut call = Call::up();
    for timer in [
        Timer::Repeat,
        Timer::FinalWait,
        Timer::Bind,
        Timer::Decide,
        Timer::Retry,
        Timer::Ring,
    ] {
        call.rig.timer(timer).none();
    }
    call.hangs_up();
    every.iter().for_each(|timer| call.rig.timer(*timer).none());
}

#[test]
fn a_callee_follows_a_strict_router_too() {
    let routes = "Record-Route: <sip:p1.h>, <sip:p2.h;lr>\n";
    let mut call = Call::of(bob(), &invite(routes, &offer_sdp("")));
    let (_, bye) = call.hangs_up();
    let text = wire(&bye);
    assert!(text.starts_with("BYE sip:p1.h SIP/2.0\r\n"), "{text}");
    let routes: Vec<_> = text
        .lines()
        .filter(|line| line.starts_with("Route: "))
        .collect();
    let expected = [
        "Route: <sip:p2.h;lr>",
        "Route: <sip:alice@alice.example.com>",
    ];
    assert_eq!(routes, expected);
}
