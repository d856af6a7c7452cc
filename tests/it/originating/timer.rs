//! The session timer of a large message, on the caller's side (RFC 4028, section 3.3).

use std::time::Duration;

use super::*;

const UPDATE: &str = "Allow: INVITE, ACK, BYE, UPDATE\n";

fn s(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// A client in a session whose 2xx had these lines too, and what was done on the 2xx.
fn agreed(lines: &str) -> (Alice, Sent, Did) {
    let (mut rig, sent) = calling(alice(), large(bob()));
    let lines = format!("{ACCEPTED}{lines}");
    let did = rig.respond(&sent, "200 OK", &lines, &answer_sdp(""));
    rig.msrp(LEG, MsrpEvent::Up);
    (rig, sent, did)
}

/// The refresh that is due.
fn refresh(rig: &mut Alice) -> Sent {
    rig.timer(Timer::Refresh).one_sent()
}

/// Which timers of the session timer were started, and for how long.
fn started(did: &Did) -> (Option<Duration>, Option<Duration>) {
    (did.started(Timer::Refresh), did.started(Timer::Expiry))
}

#[test]
fn oc_lm_13_the_timer_starts_with_the_2xx() {
    for (lines, expected) in [
        (
            "Session-Expires: 1800;refresher=uac\n",
            (Some(s(900)), Some(s(1768))),
        ),
        (
            "Session-Expires: 90;refresher=uac\n",
            (Some(s(45)), Some(s(60))),
        ),
        (
            "Session-Expires: 1800;refresher=uas\n",
            (None, Some(s(1768))),
        ),
        ("", (None, None)),
    ] {
        assert_eq!(started(&agreed(lines).2), expected, "{lines}");
    }
}

#[test]
fn d_13_without_session_expires_nothing_expires_and_without_refresher_we_refresh() {
    assert_eq!(started(&agreed("").2), (None, None));
    let (_, _, did) = agreed("Session-Expires: 600\n");
    assert_eq!(started(&did), (Some(s(300)), Some(s(568))));
}

#[test]
fn a_refresh_is_an_update_without_body() {
    let (mut rig, sent, _) = agreed(&format!("{UPDATE}Session-Expires: 1800;refresher=uac\n"));
    let update = refresh(&mut rig);
    assert_eq!(update.1.method, Method::Update);
    assert!(update.1.body.is_empty());
    assert_eq!(field(&update.1, "Session-Expires"), "1800;refresher=uac");
    assert_eq!(field(&update.1, "Supported"), "timer");
    assert_eq!(field(&update.1, "Contact"), field(&sent.1, "Contact"));
    let did = rig.respond(
        &update,
        "200 OK",
        "Session-Expires: 600;refresher=uac\n",
        "",
    );
    assert_eq!(started(&did), (Some(s(300)), Some(s(568))));
}

#[test]
fn a_refresh_by_invite_offers_what_there_is() {
    let (mut rig, sent, _) = agreed("Session-Expires: 1800;refresher=uac\n");
    let again = refresh(&mut rig);
    assert_eq!(again.1.method, Method::Invite);
    assert_eq!(sdp(&again.1), sdp(&sent.1));
    let lines = format!("{ACCEPTED}Session-Expires: 1800;refresher=uac\n");
    let did = rig.respond(&again, "200 OK", &lines, &answer_sdp(""));
    let ack = did.one_sent().1;
    assert_eq!((ack.method, ack.cseq), (Method::Ack, again.1.cseq));
    // The 2xx again: its ACK again (CC-04).
    let did = rig.respond(&again, "200 OK", &lines, &answer_sdp(""));
    assert_eq!(did.one_sent().1, ack);
    assert_eq!(started(&did), (None, None));
}

#[test]
fn a_422_is_followed_by_the_same_call_with_a_longer_interval() {
    let (mut rig, sent) = calling(alice(), large(bob()));
    let did = rig.respond(
        &sent,
        "422 Session Interval Too Small",
        "Min-SE: 2000\n",
        "",
    );
    let again = did.one_sent();
    for name in ["Call-ID", "From", "To"] {
        assert_eq!(field(&again.1, name), field(&sent.1, name));
    }
    assert_eq!(again.1.cseq, sent.1.cseq + 1);
    assert_ne!(again.1.txn, sent.1.txn);
    assert_eq!(field(&again.1, "Session-Expires"), "2000;refresher=uac");
    assert_eq!(field(&again.1, "Min-SE"), "2000");
    assert_eq!(again.1.body, sent.1.body);
    let lines = format!("{ACCEPTED}{UPDATE}Session-Expires: 2000;refresher=uac\n");
    let did = rig.respond(&again, "200 OK", &lines, &answer_sdp(""));
    assert_eq!(
        did.one_sent().1.cseq,
        again.1.cseq,
        "the ACK is that of the second INVITE"
    );
    // What the way to the dialog asked for is forgotten (RFC 4028 §7.4).
    assert!(fields(&refresh(&mut rig).1, "Min-SE").is_empty());
}

#[test]
fn a_422_is_followed_three_times_at_most() {
    let (mut rig, mut sent) = calling(alice(), large(bob()));
    for min_se in [2000, 3000, 4000] {
        let lines = format!("Min-SE: {min_se}\n");
        sent = rig
            .respond(&sent, "422 Session Interval Too Small", &lines, "")
            .one_sent();
    }
    let did = rig.respond(
        &sent,
        "422 Session Interval Too Small",
        "Min-SE: 5000\n",
        "",
    );
    assert_eq!(
        closed(&rig, &did),
        Outcome::Failed(Failure::SessionInterval)
    );
}

#[test]
fn cc_18_a_422_that_asks_for_nothing_new_ends_it() {
    for lines in ["", "Min-SE: 1800\n", "Min-SE: 90\n"] {
        let outcome = invite_outcome(bob(), "422 Session Interval Too Small", lines);
        assert_eq!(
            outcome,
            Outcome::Failed(Failure::SessionInterval),
            "{lines}"
        );
    }
}

#[test]
fn cc_19_a_tiny_interval_is_honoured_and_harmless() {
    let (_, _, did) = agreed("Session-Expires: 30;refresher=uac\n");
    assert_eq!(started(&did), (Some(s(15)), Some(s(20))));
    let (_, _, did) = agreed("Session-Expires: 1;refresher=uac\n");
    let (refresh, expiry) = started(&did);
    assert!(refresh.unwrap() >= s(1) && expiry.unwrap() >= s(1));
    let (_, _, did) = agreed("Session-Expires: 4294967295;refresher=uac\n");
    assert_eq!(started(&did).1, Some(s(4_294_967_295 - 32)));
}

#[test]
fn cc_20_the_refresher_is_named_in_its_own_transaction() {
    let (mut rig, sent, _) = agreed("Session-Expires: 1800;refresher=uas\n");
    // The callee refreshes and says uac: it stays the refresher.
    let lines = "Contact: <sip:peer@peer.example.com>\nSupported: timer\nSession-Expires: 1800;refresher=uac\n";
    let did = rig.request(1, &from_peer(&sent.1, "UPDATE", 1, lines));
    assert_eq!(did.statuses(), [200]);
    assert_eq!(started(&did), (None, Some(s(1768))));
    // It says uas: now we are.
    let lines = lines.replace("refresher=uac", "refresher=uas");
    let did = rig.request(2, &from_peer(&sent.1, "UPDATE", 2, &lines));
    assert_eq!(started(&did), (Some(s(900)), Some(s(1768))));
}

#[test]
fn cc_21_a_peer_without_update_gets_an_invite_once() {
    for status in ["405 Method Not Allowed", "501 Not Implemented"] {
        let (mut rig, _, _) = agreed(&format!("{UPDATE}Session-Expires: 1800;refresher=uac\n"));
        let update = refresh(&mut rig);
        let again = rig.respond(&update, status, "", "").one_sent();
        assert_eq!(again.1.method, Method::Invite);
        rig.respond(&again, status, "", "").none();
    }
}

#[test]
fn cc_22_the_guard_wins_over_a_refresh_that_is_pending() {
    let (mut rig, _, _) = agreed(&format!("{UPDATE}Session-Expires: 90;refresher=uac\n"));
    let update = refresh(&mut rig);
    let did = rig.timer(Timer::Expiry);
    let bye = bye(&did);
    rig.respond(&update, "200 OK", "Session-Expires: 90;refresher=uac\n", "")
        .none();
    assert_eq!(
        over(&mut rig, &bye),
        Outcome::Failed(Failure::ConnectionLost)
    );
}

#[test]
fn cc_23_a_2xx_to_a_refresh_after_our_bye_gets_its_ack_and_no_more() {
    let (mut rig, _, _) = agreed("Session-Expires: 90;refresher=uac\n");
    let again = refresh(&mut rig);
    assert_eq!(again.1.method, Method::Invite);
    let (_, did) = rig.command(|alice, cx| alice.cancel(cx));
    let bye = bye(&did);
    let did = rig.respond(&again, "200 OK", ACCEPTED, &answer_sdp(""));
    let ack = did.one_sent().1;
    assert_eq!((ack.method, ack.cseq), (Method::Ack, again.1.cseq));
    assert_eq!(over(&mut rig, &bye), Outcome::Cancelled);
}

#[test]
fn a_refresh_that_nobody_answers_ends_the_session() {
    for status in ["408 Request Timeout", "481 Call/Transaction Does Not Exist"] {
        let (mut rig, _, _) = agreed(&format!("{UPDATE}Session-Expires: 90;refresher=uac\n"));
        let update = refresh(&mut rig);
        let did = rig.respond(&update, status, "", "");
        assert_eq!(
            over(&mut rig, &bye(&did)),
            Outcome::Failed(Failure::ConnectionLost)
        );
    }
    let (mut rig, _, _) = agreed(&format!("{UPDATE}Session-Expires: 90;refresher=uac\n"));
    let update = refresh(&mut rig);
    assert_eq!(
        methods(&rig.fail(&update, TxnError::Timeout)),
        [Method::Bye]
    );
}

#[test]
fn a_refresh_that_is_refused_otherwise_leaves_the_session_until_it_expires() {
    let (mut rig, _, _) = agreed(&format!("{UPDATE}Session-Expires: 90;refresher=uac\n"));
    let update = refresh(&mut rig);
    rig.respond(&update, "500 Server Internal Error", "", "")
        .none();
    assert_eq!(methods(&rig.timer(Timer::Expiry)), [Method::Bye]);
}

#[test]
fn a_422_to_a_refresh_is_followed_by_a_longer_one() {
    // The session was granted less than we asked for: what counts is what the refresh asked for.
    let (mut rig, _, _) = agreed(&format!("{UPDATE}Session-Expires: 600;refresher=uac\n"));
    let update = refresh(&mut rig);
    assert_eq!(field(&update.1, "Session-Expires"), "600;refresher=uac");
    let again = rig
        .respond(
            &update,
            "422 Session Interval Too Small",
            "Min-SE: 700\n",
            "",
        )
        .one_sent();
    assert_eq!(again.1.method, Method::Update);
    assert_eq!(field(&again.1, "Session-Expires"), "700;refresher=uac");
    assert_eq!(field(&again.1, "Min-SE"), "700");
    // Lower or equal: no loop (CC-18).
    rig.respond(
        &again,
        "422 Session Interval Too Small",
        "Min-SE: 700\n",
        "",
    )
    .none();
}

#[test]
fn a_min_se_in_the_peers_refresh_holds_for_ours() {
    let (mut rig, sent, _) = agreed(&format!("{UPDATE}Session-Expires: 90;refresher=uac\n"));
    let lines = "Supported: timer\nMin-SE: 120\nSession-Expires: 120;refresher=uas\n";
    let did = rig.request(1, &from_peer(&sent.1, "UPDATE", 1, lines));
    assert_eq!(did.statuses(), [200]);
    let update = refresh(&mut rig);
    assert_eq!(field(&update.1, "Min-SE"), "120");
    assert_eq!(field(&update.1, "Session-Expires"), "120;refresher=uac");
}

#[test]
fn cc_11_the_owner_of_the_call_waits_longer_after_491() {
    let (mut rig, _, _) = agreed(&format!("{UPDATE}Session-Expires: 1800;refresher=uac\n"));
    for _ in 0..20 {
        let update = refresh(&mut rig);
        let did = rig.respond(&update, "491 Request Pending", "", "");
        let wait = did.started(Timer::Retry).unwrap();
        assert!(
            wait >= Duration::from_millis(2100) && wait <= s(4),
            "{wait:?}"
        );
        assert_eq!(wait.as_millis() % 10, 0);
        let again = rig.timer(Timer::Retry).one_sent();
        assert_eq!(again.1.method, Method::Update);
        let lines = "Session-Expires: 1800;refresher=uac\n";
        rig.respond(&again, "200 OK", lines, "");
    }
}

#[test]
fn a_retry_ends_with_the_session() {
    let (mut rig, _, _) = agreed(&format!("{UPDATE}Session-Expires: 1800;refresher=uac\n"));
    let update = refresh(&mut rig);
    rig.respond(&update, "491 Request Pending", "", "");
    let (_, did) = rig.command(|alice, cx| alice.cancel(cx));
    assert!(did.has(|action| *action == Action::StopTimer(Timer::Retry)));
}

#[test]
fn a_refresh_that_is_due_before_its_retry_takes_the_retrys_place() {
    let (mut rig, sent, _) = agreed(&format!("{UPDATE}Session-Expires: 1800;refresher=uac\n"));
    let update = refresh(&mut rig);
    let lines = "Supported: timer\nSession-Expires: 1800;refresher=uas\n";
    rig.request(1, &from_peer(&sent.1, "UPDATE", 1, lines));
    rig.respond(&update, "491 Request Pending", "", "");
    let did = rig.timer(Timer::Refresh);
    assert_eq!(methods(&did), [Method::Update]);
    assert!(did.has(|action| *action == Action::StopTimer(Timer::Retry)));
}

#[test]
fn a_refresh_under_way_is_not_lost_while_the_peers_2xx_awaits_its_ack() {
    let (mut rig, sent, _) = agreed(&format!("{UPDATE}Session-Expires: 1800;refresher=uac\n"));
    let update = refresh(&mut rig);
    let lines = "Contact: <sip:peer@peer.example.com>\nSupported: timer\n\
                 Session-Expires: 1800;refresher=uas\nContent-Type: application/sdp\n";
    let reinvite = from_peer(&sent.1, "INVITE", 1, lines);
    let did = rig.request(1, &format!("{reinvite}\n{}", answer_sdp("")));
    assert_eq!(did.statuses(), [200]);
    // A 2xx of the first INVITE again: ACK, and certainly no BYE.
    let did = rig.respond(&sent, "200 OK", ACCEPTED, &answer_sdp(""));
    assert_eq!(methods(&did), [Method::Ack]);
    let did = rig.respond(
        &update,
        "200 OK",
        "Session-Expires: 1800;refresher=uac\n",
        "",
    );
    assert!(did.started(Timer::Refresh).is_some());
    assert!(rig.ack(&from_peer(&sent.1, "ACK", 1, "")).sent().is_empty());
    assert_eq!(refresh(&mut rig).1.method, Method::Update);
}

#[test]
fn a_refresh_refused_for_good_while_the_peers_2xx_awaits_its_ack_ends_the_session_after_it() {
    let (mut rig, sent, _) = agreed(&format!("{UPDATE}Session-Expires: 1800;refresher=uac\n"));
    let update = refresh(&mut rig);
    let reinvite = from_peer(&sent.1, "INVITE", 1, "");
    assert_eq!(rig.request(1, &reinvite).statuses(), [200]);
    let did = rig.respond(&update, "481 Call/Transaction Does Not Exist", "", "");
    assert!(did.sent().is_empty(), "not before the ACK");
    let did = rig.ack(&from_peer(&sent.1, "ACK", 1, ""));
    assert_eq!(
        over(&mut rig, &bye(&did)),
        Outcome::Failed(Failure::ConnectionLost)
    );
}

#[test]
fn a_refresh_that_is_put_off_comes_again_but_not_for_ever() {
    let (mut rig, _, _) = agreed(&format!("{UPDATE}Session-Expires: 1800;refresher=uac\n"));
    let mut update = refresh(&mut rig);
    for _ in 0..3 {
        let did = rig.respond(&update, "503 X", "Retry-After: 7\n", "");
        assert_eq!(did.started(Timer::Retry), Some(s(7)));
        update = rig.timer(Timer::Retry).one_sent();
        assert_eq!(update.1.method, Method::Update);
    }
    rig.respond(&update, "503 X", "Retry-After: 7\n", "").none();
    // A refresh that succeeds in between begins the count anew.
    let (mut rig, _, _) = agreed(&format!("{UPDATE}Session-Expires: 1800;refresher=uac\n"));
    for _ in 0..5 {
        let update = refresh(&mut rig);
        let did = rig.respond(&update, "500 X", "Retry-After: 0\n", "");
        assert_eq!(did.started(Timer::Retry), Some(s(0)));
        let update = rig.timer(Timer::Retry).one_sent();
        rig.respond(&update, "200 OK", "Session-Expires: 90;refresher=uac\n", "");
    }
}

#[test]
fn cc_21_who_refused_update_once_is_not_asked_again() {
    let (mut rig, _, _) = agreed(&format!("{UPDATE}Session-Expires: 1800;refresher=uac\n"));
    let update = refresh(&mut rig);
    let invite = rig.respond(&update, "405 X", "", "").one_sent();
    let lines = format!("{ACCEPTED}Session-Expires: 1800;refresher=uac\n");
    rig.respond(&invite, "200 OK", &lines, &answer_sdp(""));
    assert_eq!(refresh(&mut rig).1.method, Method::Invite);
}

#[test]
fn the_absurd_in_a_2xx_is_harmless() {
    for (lines, expected) in [
        // What is no interval says nothing of the timer: nothing expires.
        ("Session-Expires: 0\n", (None, None)),
        ("Session-Expires: x\n", (None, None)),
        ("Session-Expires: -1\n", (None, None)),
        ("Session-Expires: 4294967296;refresher=uac\n", (None, None)),
        (
            "Session-Expires: 90;refresher=uac;refresher=uas\n",
            (None, None),
        ),
        ("Session-Expires: 90;refresher=both\n", (None, None)),
        // A tiny one is honoured.
        (
            "Session-Expires: 89;refresher=uas\n",
            (None, Some(s(89) - s(89) / 3)),
        ),
        (
            "Session-Expires: 1;refresher=uac\n",
            (Some(s(1)), Some(s(2) - s(2) / 3)),
        ),
        ("x: 90;refresher=uac;y=z\n", (Some(s(45)), Some(s(60)))),
        (
            "Session-Expires: 4294967295\n",
            (Some(s(4294967295) / 2), Some(s(4294967263))),
        ),
        (
            "Session-Expires: 90\nMin-SE: x\n",
            (Some(s(45)), Some(s(60))),
        ),
    ] {
        assert_eq!(started(&agreed(lines).2), expected, "{lines}");
    }
}

#[test]
fn the_absurd_in_a_422_ends_it_or_is_obeyed() {
    let failed = Outcome::Failed(Failure::SessionInterval);
    for lines in [
        "Min-SE: 0\n",
        "Min-SE: x\n",
        "Min-SE: 4294967296\n",
        "Min-SE: 1799\n",
    ] {
        assert_eq!(invite_outcome(bob(), "422 X", lines), failed, "{lines}");
    }
    let (mut rig, sent) = calling(alice(), large(bob()));
    let again = rig.respond(&sent, "422 X", "Min-SE: 4294967295\n", "");
    let expires = field(&again.one_sent().1, "Session-Expires");
    assert_eq!(expires, "4294967295;refresher=uac");
}

#[test]
fn every_request_but_ack_says_that_it_knows_the_timer() {
    let lines = format!("{ACCEPTED}Session-Expires: 90;refresher=uac\n");
    let (mut rig, sent) = calling(alice(), large(bob()));
    let ack = rig
        .respond(&sent, "200 OK", &lines, &answer_sdp(""))
        .one_sent();
    assert!(fields(&ack.1, "Supported").is_empty());
    let reinvite = refresh(&mut rig);
    let (_, did) = rig.command(|alice, cx| alice.cancel(cx));
    for sent in [&sent, &reinvite, &bye(&did)] {
        assert_eq!(field(&sent.1, "Supported"), "timer");
    }
}
