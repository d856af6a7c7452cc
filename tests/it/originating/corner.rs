//! Corner cases of the calling side and of large messages.

use simple_im::profile::Prack;
use simple_im::{Continuation, Down, FailureReport, Misuse, Status};

use super::*;

const BAD: Outcome = Outcome::Failed(Failure::BadAnswer);

fn cancel(rig: &mut Alice) -> Did {
    let (cancelled, did) = rig.command(|alice, cx| alice.cancel(cx));
    cancelled.unwrap();
    did
}

/// The lines of a 2xx from another fork.
fn fork() -> String {
    format!("To: <sip:bob@example.com>;tag=other\n{ACCEPTED}").replace("peer@peer", "peer@other")
}

#[test]
fn cc_01_cancel_waits_for_the_first_provisional_response_and_is_sent_once() {
    let (mut rig, sent) = calling(alice(), large(bob()));
    assert!(cancel(&mut rig).cancels().is_empty());
    assert_eq!(rig.respond(&sent, "100 Trying", "", "").cancels().len(), 1);
    assert!(
        rig.respond(&sent, "180 Ringing", "", "")
            .cancels()
            .is_empty()
    );
    // A refusal that comes first needs nothing.
    let (mut rig, sent) = calling(alice(), large(bob()));
    cancel(&mut rig);
    let did = rig.respond(&sent, "486 Busy Here", "", "");
    assert!(did.sent().is_empty() && did.cancels().is_empty());
    assert_eq!(closed(&rig, &did), Outcome::Cancelled);
    // A 2xx that comes first is ended.
    let (mut rig, sent) = calling(alice(), large(bob()));
    cancel(&mut rig);
    let did = rig.respond(&sent, "200 OK", ACCEPTED, &answer_sdp(""));
    assert_eq!(methods(&did), [Method::Ack, Method::Bye]);
    assert_eq!(over(&mut rig, &did.sent()[1]), Outcome::Cancelled);
}

#[test]
fn cc_02_a_2xx_that_crosses_cancel_is_acknowledged_and_ended() {
    let (mut rig, sent) = calling(alice(), large(bob()));
    rig.respond(&sent, "180 Ringing", "", "");
    assert_eq!(cancel(&mut rig).cancels().len(), 1);
    let did = rig.respond(&sent, "200 OK", ACCEPTED, &answer_sdp(""));
    assert_eq!(methods(&did), [Method::Ack, Method::Bye]);
    assert!(
        !did.has(|action| matches!(action, Action::OpenMsrp(_))),
        "no media"
    );
    let bye = did.sent().pop().unwrap();
    // The 2xx again: its ACK again, and no second BYE.
    let did = rig.respond(&sent, "200 OK", ACCEPTED, &answer_sdp(""));
    assert_eq!(methods(&did), [Method::Ack]);
    assert_eq!(over(&mut rig, &bye), Outcome::Cancelled);
}

#[test]
fn cc_03_a_cancelled_invite_without_final_response_is_given_up() {
    let (mut rig, sent) = calling(alice(), large(bob()));
    rig.respond(&sent, "180 Ringing", "", "");
    let did = cancel(&mut rig);
    assert_eq!(
        did.started(Timer::FinalWait),
        Some(rig.config.limits.final_wait)
    );
    let did = rig.timer(Timer::FinalWait);
    assert_eq!(closed(&rig, &did), Outcome::Cancelled);
    // It comes all the same.
    let did = rig.respond(&sent, "200 OK", ACCEPTED, &answer_sdp(""));
    assert_eq!(methods(&did), [Method::Ack, Method::Bye]);
    assert!(did.outcomes().is_empty());
}

#[test]
fn cc_04_a_2xx_that_comes_again_is_acknowledged_again() {
    let (mut rig, sent) = calling(alice(), large(bob()));
    let lines = format!("{ACCEPTED}Session-Expires: 1800;refresher=uac\n");
    let ack = rig
        .respond(&sent, "200 OK", &lines, &answer_sdp(""))
        .one_sent();
    let did = rig.respond(&sent, "200 OK", &lines, &answer_sdp(""));
    assert_eq!(did.0.len(), 1, "nothing but the ACK");
    assert_eq!(did.one_sent(), ack);
}

#[test]
fn cc_05_the_first_fork_wins_and_the_second_is_ended() {
    let (mut rig, sent) = bound(alice(), large(bob()), ACCEPTED);
    let first = chunk(&mut rig);
    let did = rig.respond(&sent, "200 OK", &fork(), &answer_sdp(""));
    assert_eq!(methods(&did), [Method::Ack, Method::Bye]);
    for (_, sent) in did.sent() {
        assert_eq!(sent.target.as_str(), "sip:peer@other.example.com");
        assert_eq!(field(&sent, "To"), "<sip:bob@example.com>;tag=other");
    }
    assert_eq!(did.0.len(), 2);
    // One transmission, to the first.
    answered(&mut rig, &first, 200);
    let last = chunk(&mut rig);
    let did = answered(&mut rig, &last, 200);
    assert_eq!(over(&mut rig, &bye(&did)), Outcome::Sent);
}

#[test]
fn cc_08_bye_and_bye_cross() {
    let (mut rig, sent) = bound(alice(), large(bob()), ACCEPTED);
    let (_, did) = rig.drain_chunks(LEG);
    bye(&did);
    let did = rig.request(1, &from_peer(&sent.1, "BYE", 1, ""));
    assert_eq!(did.statuses(), [200]);
    assert_eq!(closed(&rig, &did), Outcome::Sent);
}

#[test]
fn cc_10_a_re_invite_after_our_bye_finds_no_dialog() {
    let (mut rig, sent) = bound(alice(), large(bob()), ACCEPTED);
    cancel(&mut rig);
    let did = rig.request(1, &from_peer(&sent.1, "INVITE", 1, ""));
    assert_eq!(did.statuses(), [481]);
}

#[test]
fn cc_12_a_2xx_without_contact_is_acknowledged_where_it_was_asked_and_ended() {
    let (mut rig, sent) = calling(alice(), large(bob()));
    let did = rig.respond(
        &sent,
        "200 OK",
        "Content-Type: application/sdp\n",
        &answer_sdp(""),
    );
    assert_eq!(methods(&did), [Method::Ack, Method::Bye]);
    for (_, sent) in did.sent() {
        assert_eq!(sent.target.as_str(), "sip:bob@example.com");
    }
    assert_eq!(over(&mut rig, &did.sent()[1]), BAD);
}

#[test]
fn cc_13_bye_follows_the_target() {
    for method in ["UPDATE", "INVITE"] {
        let (mut rig, sent) = bound(alice(), large(bob()), ACCEPTED);
        let moved = "Contact: <sip:peer@moved.example.com>\n";
        let did = rig.request(1, &from_peer(&sent.1, method, 1, moved));
        assert_eq!(did.statuses(), [200]);
        if method == "INVITE" {
            rig.ack(&from_peer(&sent.1, "ACK", 1, ""));
        }
        let bye = bye(&cancel(&mut rig));
        assert_eq!(bye.1.target.as_str(), "sip:peer@moved.example.com");
    }
}

#[test]
fn cc_14_the_route_set_is_that_of_the_2xx() {
    for (early, late, expected) in [
        (
            "",
            "Record-Route: <sip:p.example.com;lr>\n",
            vec!["<sip:p.example.com;lr>"],
        ),
        ("Record-Route: <sip:q.example.com;lr>\n", "", vec![]),
    ] {
        let (mut rig, sent) = calling(alice(), large(bob()));
        rig.respond(&sent, "180 Ringing", early, "");
        let lines = format!("{ACCEPTED}{late}");
        let ack = rig
            .respond(&sent, "200 OK", &lines, &answer_sdp(""))
            .one_sent();
        assert_eq!(fields(&ack.1, "Route"), expected);
    }
}

#[test]
fn cc_15_the_dialog_comes_from_the_2xx() {
    let (mut rig, sent) = calling(alice(), large(bob()));
    rig.respond(&sent, "180 Ringing", "To: <sip:bob@example.com>\n", "");
    let ack = rig
        .respond(&sent, "200 OK", ACCEPTED, &answer_sdp(""))
        .one_sent();
    assert_eq!(field(&ack.1, "To"), "<sip:bob@example.com>;tag=peer");
}

#[test]
fn cc_16_a_2xx_without_answer_is_ended() {
    assert_eq!(
        answer_outcome("Contact: <sip:peer@peer.example.com>\n", ""),
        BAD
    );
    // An unreliable 18x with an answer does not stand in for it.
    let (mut rig, sent) = calling(alice(), large(bob()));
    rig.respond(&sent, "183 Session Progress", ACCEPTED, &answer_sdp(""));
    let did = rig.respond(
        &sent,
        "200 OK",
        "Contact: <sip:peer@peer.example.com>\n",
        "",
    );
    assert_eq!(over(&mut rig, &did.sent()[1]), BAD);
}

/// Where the session goes when a 183 and a 200 describe different ones, and what the user hears.
fn two_answers(change: impl FnOnce(&mut Config), early: &str) -> (String, Vec<Notice>) {
    let (mut rig, sent) = calling(alice_with(change), large(bob()));
    let first = answer_sdp("").replace(":8888/", ":7777/");
    let lines = format!("{early}{ACCEPTED}");
    let did = rig.respond(&sent, "183 Session Progress", &lines, &first);
    assert!(
        !did.has(|action| matches!(action, Action::OpenMsrp(_))),
        "not before the 2xx"
    );
    let did = rig.respond(&sent, "200 OK", ACCEPTED, &answer_sdp(""));
    let peer = did.0.iter().find_map(|(_, action)| match action {
        Action::OpenMsrp(open) => Some(String::from_utf8(open.peer.to_vec()).unwrap()),
        _ => None,
    });
    (peer.unwrap(), did.notices())
}

#[test]
fn cc_17_the_first_description_of_a_dialog_is_the_answer() {
    let (peer, notices) = two_answers(|_| {}, "");
    assert!(peer.contains(":7777/"));
    assert_eq!(notices, [Notice::AnswerChanged]);
    // Broken peers can be humoured.
    let (peer, notices) = two_answers(|config| config.profile.answer_from_2xx = true, "");
    assert!(peer.contains(":8888/"));
    assert_eq!(notices, [Notice::AnswerChanged]);
    // Each fork has an answer of its own, and who does not say which fork it is has none.
    for early in [
        "To: <sip:bob@example.com>;tag=other\n",
        "To: <sip:bob@example.com>\n",
    ] {
        let (peer, notices) = two_answers(|_| {}, early);
        assert!(peer.contains(":8888/"));
        assert!(notices.is_empty());
    }
    // Forks are counted.
    let (peer, _) = two_answers(|config| config.limits.forks = 0, "");
    assert!(peer.contains(":8888/"));
}

#[test]
fn cc_17_the_same_description_twice_is_no_news() {
    let (mut rig, sent) = calling(alice(), large(bob()));
    rig.respond(&sent, "183 Session Progress", ACCEPTED, &answer_sdp(""));
    let did = rig.respond(&sent, "200 OK", ACCEPTED, &answer_sdp(""));
    assert!(did.notices().is_empty());
    assert_eq!(methods(&did), [Method::Ack]);
}

#[test]
fn cc_23_what_is_under_way_does_not_delay_bye() {
    let (mut rig, _) = bound(alice(), large(bob()), ACCEPTED);
    chunk(&mut rig);
    let did = cancel(&mut rig);
    assert_eq!(did.chunks()[0].1.flag, Continuation::Abandoned);
    assert_eq!(over(&mut rig, &bye(&did)), Outcome::Cancelled);
}

#[test]
fn cc_25_responses_to_nothing_of_ours_are_ignored() {
    let (mut rig, sent) = bound(alice(), large(bob()), ACCEPTED);
    let mut stranger = sent.clone();
    stranger.1.txn = simple_im::ClientTxn(99);
    rig.respond(&stranger, "180 Ringing", "", "").none();
    rig.respond(&stranger, "500 Oops", "", "").none();
    rig.fail(&stranger, TxnError::Timeout).none();
}

#[test]
fn cc_41_only_the_2xx_says_whether_it_is_a_focus() {
    let focus = FOCUS.replace("Content-Type: application/sdp\n", "");
    for (early, late, success) in [(focus.as_str(), ACCEPTED, false), ("", FOCUS, true)] {
        let (mut rig, sent) = calling(alice(), large(bob_and_carol()));
        rig.respond(&sent, "180 Ringing", early, "");
        rig.respond(&sent, "200 OK", late, &answer_sdp(""));
        rig.msrp(LEG, MsrpEvent::Up);
        assert_eq!(chunk(&mut rig).success, success);
    }
}

#[test]
fn cc_42_isfocus_is_a_parameter_of_the_header_field() {
    for (contact, focus) in [
        ("<sip:x@h;isfocus>;+g.oma.sip-im", false),
        ("<sip:x@h>;isfocus", true),
        ("<sip:x@h>;isfocus=TRUE", true),
        ("<sip:x@h>;isfocus=\"TRUE\"", true),
        ("<sip:x@h>;ISFOCUS", true),
        ("<sip:x@h>", false),
    ] {
        let lines = format!("Contact: {contact}\nContent-Type: application/sdp\n");
        let (mut rig, _) = bound(alice(), large(friends()), &lines);
        assert_eq!(chunk(&mut rig).success, focus, "{contact}");
    }
}

#[test]
fn cc_43_bye_waits_for_each_response_in_whatever_order() {
    let (mut rig, _) = bound(alice(), large(bob()), ACCEPTED);
    let (first, last) = (chunk(&mut rig), chunk(&mut rig));
    room(&mut rig);
    assert!(
        answered(&mut rig, &last, 200).sent().is_empty(),
        "the first is missing"
    );
    let did = answered(&mut rig, &first, 200);
    assert_eq!(over(&mut rig, &bye(&did)), Outcome::Sent);
    // The missing one never comes.
    let (mut rig, _) = bound(alice(), large(bob()), ACCEPTED);
    let (_, last) = (chunk(&mut rig), chunk(&mut rig));
    room(&mut rig);
    answered(&mut rig, &last, 200);
    let did = rig.timer(Timer::ChunkResponse);
    assert_eq!(
        over(&mut rig, &bye(&did)),
        Outcome::Failed(Failure::NoResponse)
    );
}

#[test]
fn cc_44_a_peer_that_hangs_up_with_the_last_response_has_it() {
    let (mut rig, sent) = bound(alice(), large(bob()), ACCEPTED);
    let (_, did) = rig.drain_chunks(LEG);
    let own = bye(&did);
    let did = rig.request(1, &from_peer(&sent.1, "BYE", 1, ""));
    assert_eq!(did.statuses(), [200]);
    assert_eq!(closed(&rig, &did), Outcome::Sent);
    rig.respond(&own, "481 Call/Transaction Does Not Exist", "", "")
        .none();
    // So has one that hangs up while its report is awaited.
    let (mut rig, sent) = bound(alice(), confirmed(large(bob())), ACCEPTED);
    rig.drain_chunks(LEG);
    let did = rig.request(1, &from_peer(&sent.1, "BYE", 1, ""));
    assert_eq!(closed(&rig, &did), Outcome::Sent);
}

#[test]
fn cc_45_a_peer_that_hangs_up_before_has_not() {
    let (mut rig, sent) = bound(alice(), large(bob()), ACCEPTED);
    chunk(&mut rig);
    let did = rig.request(1, &from_peer(&sent.1, "BYE", 1, ""));
    assert_eq!(did.statuses(), [200]);
    assert!(did.chunks().is_empty(), "nobody is there to hear `#`");
    assert_eq!(closed(&rig, &did), Outcome::Failed(Failure::Incomplete));
}

#[test]
fn cc_46_an_answer_that_does_not_receive_is_ended() {
    for direction in ["a=inactive", "a=sendonly"] {
        let sdp = answer_sdp("").replace("a=recvonly", direction);
        assert_eq!(answer_outcome(ACCEPTED, &sdp), BAD);
    }
    // A lazy `sendrecv` is accepted, and what the peer sends is refused.
    let (mut rig, sent) = calling(alice(), large(bob()));
    let sdp = answer_sdp("").replace("a=recvonly", "a=sendrecv");
    rig.respond(&sent, "200 OK", ACCEPTED, &sdp);
    rig.msrp(LEG, MsrpEvent::Up);
    let did = rig.send(LEG, 1, send_head("m", 1, 2, 2), b"hi", Continuation::Last);
    assert_eq!(
        did.count(|action| matches!(action, Action::RespondMsrp(_, 403))),
        1
    );
    assert!(did.notices().is_empty());
    let (_, did) = rig.drain_chunks(LEG);
    assert_eq!(over(&mut rig, &bye(&did)), Outcome::Sent);
}

#[test]
fn cc_47_nothing_is_sent_to_a_peer_that_does_not_take_its_type() {
    let takes =
        |types: &str| answer_sdp("").replace("accept-types:*", &format!("accept-types:{types}"));
    for types in ["image/png", "message/cpim image/*"] {
        let outcome = answer_outcome(ACCEPTED, &takes(types));
        assert_eq!(
            outcome,
            Outcome::Failed(Failure::UnsupportedType),
            "{types}"
        );
    }
    for types in ["*", "text/*", "TEXT/Plain", "message/cpim text/plain"] {
        let (mut rig, sent) = calling(alice(), large(bob()));
        let did = rig.respond(&sent, "200 OK", ACCEPTED, &takes(types));
        assert_eq!(methods(&did), [Method::Ack], "{types}");
    }
}

#[test]
fn cc_47_what_is_wrapped_must_be_taken_too() {
    let body = "From: <sip:alice@example.com>\r\nTo: <sip:bob@example.com>\r\n\r\n\
                Content-Type: text/html\r\n\r\n<p>hi</p>";
    let draft = || {
        Draft::new(
            bob(),
            Content::new("message/cpim", bytes::Bytes::from(body)),
        )
    };
    for (types, taken) in [
        ("message/cpim", false),
        ("message/cpim text/plain", false),
        ("message/cpim text/html", true),
        ("message/cpim\na=accept-wrapped-types:text/*", true),
        ("*", true),
    ] {
        let mut rig = alice_with(|config| config.profile.pager_limit = 0);
        let sent = send(&mut rig, draft());
        let sdp = answer_sdp("").replace("accept-types:*", &format!("accept-types:{types}"));
        let did = rig.respond(&sent, "200 OK", ACCEPTED, &sdp);
        let expected = if taken {
            &[Method::Ack][..]
        } else {
            &[Method::Ack, Method::Bye]
        };
        assert_eq!(methods(&did), expected, "{types}");
    }
}

#[test]
fn cc_48_nothing_is_sent_to_a_peer_that_takes_less() {
    let outcome = answer_outcome(ACCEPTED, &answer_sdp("a=max-size:2999\n"));
    assert_eq!(outcome, Outcome::Failed(Failure::TooLarge));
    let (mut rig, sent) = calling(alice(), large(bob()));
    let did = rig.respond(&sent, "200 OK", ACCEPTED, &answer_sdp("a=max-size:3000\n"));
    assert_eq!(methods(&did), [Method::Ack]);
}

#[test]
fn cc_49_a_connection_that_cannot_be_made_ends_it() {
    let (mut rig, sent) = calling(alice(), large(bob()));
    rig.respond(&sent, "200 OK", ACCEPTED, &answer_sdp(""));
    let did = rig.msrp(LEG, MsrpEvent::Down(Down::Unreachable));
    assert!(
        !did.has(|action| matches!(action, Action::OpenMsrp(_))),
        "no other way is tried"
    );
    assert_eq!(
        over(&mut rig, &bye(&did)),
        Outcome::Failed(Failure::NotConnected)
    );
}

#[test]
fn cc_50_a_connection_that_breaks_ends_it() {
    let (mut rig, _) = bound(alice(), large(bob()), ACCEPTED);
    chunk(&mut rig);
    let did = rig.msrp(LEG, LOST);
    assert!(did.chunks().is_empty());
    assert_eq!(
        over(&mut rig, &bye(&did)),
        Outcome::Failed(Failure::ConnectionLost)
    );
    // Unless the peer has everything by then (DR-11).
    let (mut rig, _) = bound(alice(), confirmed(large(bob())), ACCEPTED);
    rig.drain_chunks(LEG);
    let did = rig.msrp(LEG, LOST);
    assert_eq!(over(&mut rig, &bye(&did)), Outcome::Sent);
}

#[test]
fn cc_51_thirty_seconds_begin_when_a_chunk_is_written() {
    let (mut rig, _) = bound(alice(), large(bob()), ACCEPTED);
    let did = room(&mut rig);
    assert_eq!(did.chunks().len(), 1);
    assert_eq!(
        did.started(Timer::ChunkResponse),
        None,
        "it is pushed and not written"
    );
    let did = room(&mut rig);
    assert_eq!(
        did.started(Timer::ChunkResponse),
        Some(rig.config.limits.msrp_response)
    );
    // Already running for the oldest: it goes on.
    assert_eq!(room(&mut rig).started(Timer::ChunkResponse), None);
}

#[test]
fn cc_52_reports_are_merged() {
    let (mut rig, _) = bound(alice(), confirmed(large(bob())), ACCEPTED);
    let (chunks, _) = rig.drain_chunks(LEG);
    let only = &chunks[0];
    reported(&mut rig, only, 1, 1000, 200).none();
    reported(&mut rig, only, 500, 1000, 200).none();
    reported(&mut rig, only, 2001, 3000, 200).none();
    let message = only.message.to_string();
    let mut head = report(&message, 1001, 2000, 3000, 200);
    head.range.total = None;
    let did = rig.msrp(LEG, MsrpEvent::Report(&head));
    assert_eq!(over(&mut rig, &bye(&did)), Outcome::Delivered);
}

#[test]
fn cc_53_a_report_on_everything_suffices() {
    let (mut rig, _) = bound(alice(), confirmed(large(bob())), ACCEPTED);
    let (first, _) = (chunk(&mut rig), chunk(&mut rig));
    room(&mut rig);
    let did = reported(&mut rig, &first, 1, 3000, 200);
    assert_eq!(over(&mut rig, &bye(&did)), Outcome::Delivered);
}

#[test]
fn cc_54_a_report_after_bye_still_says_more() {
    for (target, lines, expected) in [
        (bob(), ACCEPTED, Outcome::Delivered),
        // A focus speaks for itself alone.
        (friends(), FOCUS, Outcome::AcceptedByServer),
    ] {
        let (mut rig, _) = bound(alice(), confirmed(large(target)), lines);
        let (chunks, _) = rig.drain_chunks(LEG);
        let bye = bye(&rig.timer(Timer::SuccessReport));
        reported(&mut rig, &chunks[0], 1, 3000, 200).none();
        assert_eq!(over(&mut rig, &bye), expected);
        reported(&mut rig, &chunks[0], 1, 3000, 200).none();
    }
}

#[test]
fn cc_55_a_large_message_is_never_empty() {
    let mut rig = alice_with(|config| config.profile.pager_limit = 0);
    let (sent, did) = rig.command(|alice, cx| alice.send(Draft::new(bob(), text(0)), cx));
    assert_eq!(sent, Err(Misuse::EmptyMessage));
    did.none();
}

#[test]
fn cc_56_what_the_sender_asked_for_is_on_every_chunk_and_failures_count() {
    for failure in [FailureReport::Partial, FailureReport::No] {
        let mut draft = large(bob());
        draft.failure_report = failure;
        let (mut rig, _) = bound(alice(), draft, ACCEPTED);
        let (first, last) = (chunk(&mut rig), chunk(&mut rig));
        assert_eq!((first.failure, last.failure), (failure, failure));
        let did = answered(&mut rig, &first, 413);
        assert_eq!(
            over(&mut rig, &bye(&did)),
            Outcome::Failed(Failure::Msrp(413))
        );
    }
    // After the last octet too, as long as the silence is listened to.
    let mut draft = large(bob());
    draft.failure_report = FailureReport::Partial;
    let (mut rig, _) = bound(alice(), draft, ACCEPTED);
    let (_, last) = (chunk(&mut rig), chunk(&mut rig));
    room(&mut rig);
    let did = answered(&mut rig, &last, 408);
    assert!(did.has(|action| *action == Action::StopTimer(Timer::ChunkResponse)));
    assert_eq!(
        over(&mut rig, &bye(&did)),
        Outcome::Failed(Failure::Msrp(408))
    );
}

#[test]
fn cc_57_a_peer_that_never_connects_is_left() {
    let (mut rig, sent) = calling(alice(), large(bob()));
    let sdp = answer_sdp("").replace("setup:passive", "setup:active");
    let did = rig.respond(&sent, "200 OK", ACCEPTED, &sdp);
    assert_eq!(
        did.started(Timer::Bind),
        Some(rig.config.limits.connect_wait)
    );
    let did = rig.timer(Timer::Bind);
    assert_eq!(
        over(&mut rig, &bye(&did)),
        Outcome::Failed(Failure::NotConnected)
    );
}

#[test]
fn cc_58_who_is_passive_sends_after_the_binding() {
    let (mut rig, sent) = calling(alice(), large(bob()));
    let sdp = answer_sdp("").replace("setup:passive", "setup:active");
    let did = rig.respond(&sent, "200 OK", ACCEPTED, &sdp);
    assert!(did.has(|action| matches!(action, Action::OpenMsrp(open) if !open.connect)));
    room(&mut rig).none();
    rig.msrp(LEG, MsrpEvent::Up);
    assert_eq!(chunk(&mut rig).start, 1);
}

#[test]
fn a_session_may_be_bound_before_the_answer_and_break_again() {
    let (mut rig, sent) = calling(alice(), large(bob()));
    rig.msrp(LEG, MsrpEvent::Up);
    room(&mut rig).none();
    let did = rig.respond(&sent, "200 OK", ACCEPTED, &answer_sdp(""));
    assert_eq!(did.chunks().len(), 1, "the room was granted before");
    assert_eq!(did.started(Timer::Bind), None);
    // It broke: another connection is awaited, and not for ever.
    let (mut rig, sent) = calling(alice(), large(bob()));
    rig.msrp(LEG, MsrpEvent::Up);
    rig.msrp(LEG, LOST);
    let did = rig.respond(&sent, "200 OK", ACCEPTED, &answer_sdp(""));
    assert!(did.started(Timer::Bind).is_some());
    rig.msrp(LEG, MsrpEvent::Up);
    assert_eq!(chunk(&mut rig).start, 1);
}

#[test]
fn who_connects_begins_with_the_message_itself() {
    let (mut rig, _) = bound(alice(), large(bob()), ACCEPTED);
    assert_eq!(chunk(&mut rig).body.len(), 2048);
}

#[test]
fn cc_59_cancelled_midway_the_message_ends_with_a_mark() {
    let (mut rig, _) = bound(alice(), large(bob()), ACCEPTED);
    let begun = chunk(&mut rig);
    let did = cancel(&mut rig);
    let (_, last) = did.chunks().pop().unwrap();
    assert_eq!(
        (last.message, last.flag),
        (begun.message, Continuation::Abandoned)
    );
    let mark = did.position(|action| matches!(action, Action::SendChunk(_)));
    let bye_at = did.position(|action| matches!(action, Action::SendRequest(_)));
    assert!(mark < bye_at);
    assert!(room(&mut rig).chunks().is_empty());
    assert_eq!(over(&mut rig, &bye(&did)), Outcome::Cancelled);
}

#[test]
fn what_the_peer_has_cannot_be_taken_back() {
    let (mut rig, _) = bound(alice(), confirmed(large(bob())), ACCEPTED);
    rig.drain_chunks(LEG);
    let did = cancel(&mut rig);
    assert!(did.chunks().is_empty());
    assert_eq!(over(&mut rig, &bye(&did)), Outcome::Sent);
}

#[test]
fn cc_60_refusals_of_an_invite_are_told_apart() {
    let failed = Outcome::Failed;
    let warned = |code: u16, text: &str| format!("Warning: {code} h \"{text}\"\n");
    for (status, lines, expected) in [
        (
            "488 Not Acceptable Here",
            warned(304, "Media type not available"),
            failed(Failure::UnsupportedType),
        ),
        (
            "488 Not Acceptable Here",
            String::new(),
            failed(Failure::NotAcceptable),
        ),
        (
            "488 Not Acceptable Here",
            warned(399, "133 Size exceeded"),
            failed(Failure::TooLarge),
        ),
        (
            "415 Unsupported Media Type",
            String::new(),
            failed(Failure::UnsupportedType),
        ),
        (
            "606 Not Acceptable",
            String::new(),
            failed(Failure::UnsupportedType),
        ),
        ("486 Busy Here", String::new(), failed(Failure::Busy)),
        (
            "486 Busy Here",
            warned(399, "122 too many participants"),
            failed(Failure::TooManyParticipants),
        ),
        (
            "480 Temporarily Unavailable",
            String::new(),
            failed(Failure::NotReachable),
        ),
        ("603 Decline", String::new(), Outcome::Refused(Status(603))),
        (
            "404 Not Found",
            String::new(),
            failed(Failure::NotFound(Status(404))),
        ),
        (
            "403 Forbidden",
            warned(399, "127 Service not authorised"),
            failed(Failure::NotAuthorised),
        ),
        (
            "403 Forbidden",
            warned(399, "122 too many participants"),
            failed(Failure::TooManyParticipants),
        ),
        (
            "403 Forbidden",
            String::new(),
            failed(Failure::ListUnsupported),
        ),
        (
            "420 Bad Extension",
            "Unsupported: recipient-list-invite\n".into(),
            failed(Failure::ListUnsupported),
        ),
        (
            "408 Request Timeout",
            String::new(),
            failed(Failure::NoAnswer),
        ),
    ] {
        assert_eq!(
            invite_outcome(bob_and_carol(), status, &lines),
            expected,
            "{status} {lines}"
        );
    }
}

#[test]
fn cc_61_a_focus_that_took_it_says_nothing_of_the_recipients() {
    let (mut rig, _) = bound(alice(), large(bob_and_carol()), FOCUS);
    let (chunks, _) = rig.drain_chunks(LEG);
    let did = reported(&mut rig, &chunks[0], 1, 3000, 200);
    let did = rig.respond(&bye(&did), "200 OK", "", "");
    let told: Vec<_> = did.outcomes().iter().map(|(_, outcome)| *outcome).collect();
    assert_eq!(told, [Outcome::AcceptedByServer; 2]);
}

#[test]
fn cc_62_an_attachment_is_named_once_and_of_a_wrapped_one_inside() {
    let body = "From: <sip:alice@example.com>\r\nTo: <sip:bob@example.com>\r\n\r\n\
                Content-Type: text/plain\r\nContent-Disposition: attachment\r\n\r\n";
    let body = format!("{body}{}", "x".repeat(3000));
    for kind in ["message/cpim", "Message/CPIM;x=y"] {
        let mut content = Content::new(kind, bytes::Bytes::from(body.clone()));
        content.attachment = true;
        let (mut rig, _) = bound(alice(), Draft::new(bob(), content), ACCEPTED);
        assert_eq!(chunk(&mut rig).mime, format!("Content-Type: {kind}\r\n"));
    }
}

#[test]
fn a_failure_report_ends_it() {
    let (mut rig, _) = bound(alice(), large(friends()), FOCUS);
    let (chunks, _) = rig.drain_chunks(LEG);
    let did = reported(&mut rig, &chunks[0], 1, 3000, 408);
    assert!(did.has(|action| *action == Action::StopTimer(Timer::SuccessReport)));
    assert_eq!(
        over(&mut rig, &bye(&did)),
        Outcome::Failed(Failure::Msrp(408))
    );
}

#[test]
fn reports_on_nothing_of_ours_are_dropped() {
    let (mut rig, _) = bound(alice(), confirmed(large(bob())), ACCEPTED);
    chunk(&mut rig);
    let head = report("000000000000000000000000", 1, 3000, 3000, 408);
    rig.msrp(LEG, MsrpEvent::Report(&head)).none();
}

#[test]
fn an_answer_that_refuses_the_line_or_would_connect_too_is_ended() {
    for (from, to) in [
        ("message 8888", "message 0"),
        ("TCP/MSRP", "TCP/TLS/MSRP"),
        (
            "a=path:msrp://peer.example.com:8888/9di4eae923wzd;tcp\n",
            "",
        ),
        ("v=0", "v=1"),
    ] {
        assert_eq!(
            answer_outcome(ACCEPTED, &answer_sdp("").replace(from, to)),
            BAD,
            "{to}"
        );
    }
    // Without a=setup in our offer we connect: nobody else may.
    let (mut rig, sent) = calling(alice_of_the_seeds(), large(bob()));
    let sdp = answer_sdp("").replace("setup:passive", "setup:active");
    let did = rig.respond(&sent, "200 OK", ACCEPTED, &sdp);
    assert_eq!(methods(&did), [Method::Ack, Method::Bye]);
    assert_eq!(over(&mut rig, &did.sent()[1]), BAD);
}

#[test]
fn an_offer_while_ours_is_unanswered_has_to_wait() {
    let (mut rig, sent) = calling(alice(), large(bob()));
    rig.respond(&sent, "180 Ringing", "", "");
    let offer = format!("Content-Type: application/sdp\n\n{}", offer_sdp(""));
    let update = from_peer(&sent.1, "UPDATE", 1, &offer);
    assert_eq!(rig.request(1, &update).statuses(), [491]);
    let stranger = update.replace("Call-ID: ", "Call-ID: x");
    assert_eq!(rig.request(2, &stranger).statuses(), [481]);
}

#[test]
fn a_call_that_rings_for_ever_is_cancelled() {
    let (mut rig, sent) = calling(alice(), large(bob()));
    rig.respond(&sent, "180 Ringing", "", "");
    assert_eq!(rig.timer(Timer::Ring).cancels().len(), 1);
    let did = rig.respond(&sent, "487 Request Terminated", "", "");
    assert_eq!(closed(&rig, &did), Outcome::Failed(Failure::NoAnswer));
}

#[test]
fn an_invite_that_goes_nowhere_has_failed() {
    for (why, failure) in [
        (TxnError::Timeout, Failure::NoAnswer),
        (TxnError::Transport, Failure::Transport),
    ] {
        let (mut rig, sent) = calling(alice(), large(bob()));
        let did = rig.fail(&sent, why);
        assert_eq!(closed(&rig, &did), Outcome::Failed(failure));
    }
}

#[test]
fn pages_that_nobody_decided_are_refused_when_the_leg_closes() {
    let mut rig = alice_with(|config| config.limits.batch = 32);
    let sent = send(&mut rig, large(bob()));
    rig.respond(&sent, "200 OK", ACCEPTED, &answer_sdp(""));
    for n in 1..=8 {
        let page = from_peer(&sent.1, "MESSAGE", n, "Content-Type: text/plain\n\nhi");
        assert!(rig.request(u64::from(n), &page).asked().is_some());
    }
    let did = rig.request(9, &from_peer(&sent.1, "BYE", 9, ""));
    let mut all = did.0.clone();
    let mut did = did;
    while did.started(Timer::Continue).is_some() {
        did = rig.timer(Timer::Continue);
        all.extend(did.0.clone());
    }
    let all = Did(all);
    assert_eq!(
        all.statuses(),
        [200, 480, 480, 480, 480, 480, 480, 480, 480]
    );
    assert_eq!(closed(&rig, &all), Outcome::Failed(Failure::Incomplete));
}

/// The 2xx goes over these routes; the request lines and Route fields of the ACK and of the BYE.
fn routed(routes: &str) -> Vec<(String, Vec<String>)> {
    let (mut rig, sent) = calling(alice(), large(bob()));
    let lines = format!("{ACCEPTED}{routes}");
    let ack = rig
        .respond(&sent, "200 OK", &lines, &answer_sdp(""))
        .one_sent();
    let bye = bye(&cancel(&mut rig));
    [ack, bye]
        .iter()
        .map(|(_, sent)| (sent.target.to_string(), fields(sent, "Route")))
        .collect()
}

/// RFC 3261 §12.2.1.1.
#[test]
fn a_strict_router_is_addressed_itself_and_finds_the_target_last() {
    let peer = "sip:peer@peer.example.com";
    for (routes, target, expected) in [
        ("", peer, vec![]),
        (
            "Record-Route: <sip:p2.h;lr>, <sip:p1.h;lr>\n",
            peer,
            vec!["<sip:p1.h;lr>", "<sip:p2.h;lr>"],
        ),
        (
            "Record-Route: <sip:p2.h;lr>\nRecord-Route: <sip:p1.h>\n",
            "sip:p1.h",
            vec!["<sip:p2.h;lr>", "<sip:peer@peer.example.com>"],
        ),
        // What a Request-URI cannot have is left out.
        (
            "Record-Route: <sip:p1.h;transport=tcp;method=INVITE?Subject=x>\n",
            "sip:p1.h;transport=tcp",
            vec!["<sip:peer@peer.example.com>"],
        ),
        // Only the first counts.
        (
            "Record-Route: <sip:p2.h>, <sip:p1.h;lr=on>;x=y\n",
            peer,
            vec!["<sip:p1.h;lr=on>;x=y", "<sip:p2.h>"],
        ),
    ] {
        for (found, routes) in routed(routes) {
            assert_eq!(found, target);
            assert_eq!(routes, expected, "{target}");
        }
    }
}

#[test]
fn cc_05_another_fork_is_ended_over_its_own_routes_and_after_its_pracks() {
    for (knob, bye) in [(Prack::Off, 2), (Prack::Supported, 1_001)] {
        let rig = alice_with(|config| config.profile.prack_caller = knob);
        let (mut rig, sent) = bound(rig, large(bob()), ACCEPTED);
        let lines = format!("Record-Route: <sip:p2.h;lr>, <sip:p1.h>\n{}", fork());
        let did = rig.respond(&sent, "200 OK", &lines, &answer_sdp(""));
        let cseqs: Vec<_> = did.sent().iter().map(|(_, sent)| sent.cseq).collect();
        assert_eq!(cseqs, [1, bye]);
        for (_, sent) in did.sent() {
            assert_eq!(sent.target.as_str(), "sip:p1.h");
            let routes = fields(&sent, "Route");
            assert_eq!(routes, ["<sip:p2.h;lr>", "<sip:peer@other.example.com>"]);
        }
    }
}
