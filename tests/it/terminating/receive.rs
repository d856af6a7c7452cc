//! The receiving half of an MSRP session, at the role.

use bytes::Bytes;
use simple_im::{
    Action, Config, Continuation, FailureReport, LegId, MsrpEvent, MsrpTxn, Notice, Report,
    SendHead, Terminating, Timer,
};

use super::{Call, bob_with, incomplete, invite, msrp, received};
use crate::rig::*;

const MORE: Continuation = Continuation::More;
const LAST: Continuation = Continuation::Last;
const GONE: Continuation = Continuation::Abandoned;

/// A session whose message was not announced with a size.
fn open(change: impl FnOnce(&mut Config)) -> Rig<Terminating> {
    Call::of(bob_with(change), &invite("", &offer_sdp(""))).rig
}

fn send(rig: &mut Rig<Terminating>, head: SendHead<'_>, body: &[u8], flag: Continuation) -> Did {
    rig.send(LegId::FIRST, 1, head, body, flag)
}

fn reports(did: &Did) -> Vec<Report> {
    let report = |(_, action): &(LegId, Action)| match action {
        Action::SendReport(report) => Some(report.clone()),
        _ => None,
    };
    did.0.iter().filter_map(report).collect()
}

fn stops(did: &Did, timer: Timer) -> bool {
    did.has(|a| *a == Action::StopTimer(timer))
}

#[test]
fn cc_126_chunks_in_any_order_make_the_message_and_the_last_octets_win() {
    let mut rig = open(|_| {});
    let did = send(&mut rig, send_head("m", 5, 4, 8), b"efgh", LAST);
    assert_eq!((msrp(&did), received(&did)), (vec![200], None));
    send(&mut rig, send_head("m", 1, 2, 8), b"ab", MORE);
    send(&mut rig, send_head("m", 1, 3, 8), b"ABC", MORE);
    let did = send(&mut rig, send_head("m", 3, 2, 8), b"cd", MORE);
    assert_eq!(received(&did), Some((b"ABcdefgh".to_vec(), 8)));
}

#[test]
fn cc_126_the_last_chunk_defines_the_size() {
    let mut rig = open(|_| {});
    let did = send(&mut rig, send_head("m", 1, 6, 6), b"abcdef", MORE);
    assert_eq!(received(&did), None, "no end as yet (CC-127)");
    let did = send(&mut rig, send_head("m", 1, 4, 6), b"ABCD", LAST);
    assert_eq!(received(&did), Some((b"ABCD".to_vec(), 4)));
    // Byte-Range may lie, what comes counts.
    let did = send(&mut rig, send_head("n", 1, 100, 100), b"abc", LAST);
    assert_eq!(received(&did), Some((b"abc".to_vec(), 3)));
}

#[test]
fn cc_127_a_hole_is_waited_for() {
    let mut rig = open(|_| {});
    let did = send(&mut rig, send_head("m", 1, 3, 9), b"abc", MORE);
    assert!(did.started(Timer::NextChunk).is_some());
    let did = send(&mut rig, send_head("m", 7, 3, 9), b"ghi", LAST);
    assert_eq!(received(&did), None);
    assert!(did.started(Timer::NextChunk).is_some());
    let did = send(&mut rig, send_head("m", 4, 3, 9), b"def", MORE);
    assert_eq!(received(&did).unwrap().0, b"abcdefghi");
    assert!(stops(&did, Timer::NextChunk));
    // It does not come: the session is ended, and the message told as incomplete.
    let mut rig = open(|_| {});
    send(&mut rig, send_head("m", 7, 3, 9), b"ghi", LAST);
    let bye = rig.timer(Timer::NextChunk).one_sent();
    let did = rig.respond(&bye, "200 OK", "", "");
    assert_eq!(incomplete(&did), Some((3, Some(9))));
}

#[test]
fn cc_128_what_is_abandoned_is_answered_dropped_and_not_reported() {
    let mut rig = open(|_| {});
    let mut head = send_head("m", 1, 3, 9);
    head.success = true;
    send(&mut rig, head, b"abc", MORE);
    head.range.start = 4;
    let did = send(&mut rig, head, b"de", GONE);
    assert_eq!(msrp(&did), [200]);
    assert_eq!(incomplete(&did), Some((5, Some(9))));
    assert!(reports(&did).is_empty() && stops(&did, Timer::NextChunk));
}

#[test]
fn cc_138_a_message_that_comes_again_is_answered_and_not_kept_again() {
    let mut rig = open(|_| {});
    let mut head = send_head("m", 1, 3, 3);
    head.success = true;
    let did = send(&mut rig, head, b"abc", LAST);
    assert!(received(&did).is_some());
    let report = reports(&did);
    let did = send(&mut rig, head, b"xyz", LAST);
    assert_eq!((msrp(&did), received(&did)), (vec![200], None));
    assert_eq!(reports(&did), report, "the sender has not heard of it");
    assert!(did.notices().is_empty());
}

#[test]
fn cc_115_more_than_was_announced_is_refused_at_once() {
    let mut call = Call::up();
    let head = send_head("m", 1, 2000, 3000);
    send(&mut call.rig, head, &[b'x'; 2000], MORE);
    let head = send_head("m", 2001, 1000, 3000);
    call.rig
        .msrp(LegId::FIRST, MsrpEvent::Send(MsrpTxn(7), &head));
    let octets = Bytes::from_static(&[b'x'; 1001]);
    let did = call.rig.msrp(LegId::FIRST, MsrpEvent::Octets(&octets));
    assert!(
        did.has(|a| *a == Action::RespondMsrp(MsrpTxn(7), 413)),
        "not at its end"
    );
    assert_eq!(incomplete(&did), Some((2000, Some(3000))));
    assert!(stops(&did, Timer::NextChunk));
    call.rig
        .msrp(LegId::FIRST, MsrpEvent::Octets(&octets))
        .none();
    call.rig.msrp(LegId::FIRST, MsrpEvent::End(MORE)).none();
    // The sender was told; if it goes on, it is told again and nobody else.
    let head = send_head("m", 1, 100, 3000);
    let did = send(&mut call.rig, head, &[b'x'; 100], LAST);
    assert_eq!(msrp(&did), [413]);
    assert!(did.notices().is_empty());
}

#[test]
fn cc_115_a_size_over_our_limit_is_refused_by_its_head() {
    let mut rig = open(|config| config.limits.message = 100);
    let did = send(&mut rig, send_head("m", 1, 50, 101), &[b'x'; 50], MORE);
    assert_eq!(msrp(&did), [413]);
    assert!(did.notices().is_empty());
    let did = send(&mut rig, send_head("n", 102, 5, 100), b"xxxxx", LAST);
    assert_eq!(msrp(&did), [413]);
}

#[test]
fn cc_115_less_than_was_announced_is_complete_if_its_end_says_so() {
    let mut call = Call::up();
    let did = call.chunk(1, b"short", 3000, LAST);
    assert_eq!(received(&did), Some((b"short".to_vec(), 5)));
}

#[test]
fn a_success_report_covers_the_message_if_it_was_asked_for() {
    for failure in [
        FailureReport::Yes,
        FailureReport::Partial,
        FailureReport::No,
    ] {
        let mut rig = open(|_| {});
        let mut head = send_head("m", 1, 4, 8);
        head.failure = failure;
        send(&mut rig, head, b"abcd", MORE);
        head.range.start = 5;
        head.success = true;
        let did = send(&mut rig, head, b"efgh", LAST);
        assert!(reports(&did).is_empty(), "the first chunk did not ask");

        let mut rig = open(|_| {});
        let mut head = send_head("m", 1, 4, 8);
        head.failure = failure;
        head.success = true;
        assert!(reports(&send(&mut rig, head, b"abcd", MORE)).is_empty());
        head.range.start = 5;
        let did = send(&mut rig, head, b"efgh", LAST);
        let report = Report {
            message: simple_im::msrp::Ident::copy("m").unwrap(),
            start: 1,
            end: 8,
            total: Some(8),
            status: 200,
        };
        assert_eq!(reports(&did), [report], "{failure:?}");
        // Only who wants every response gets the good ones (CC-137).
        let answered = failure == FailureReport::Yes;
        assert_eq!(msrp(&did), if answered { vec![200] } else { vec![] });
    }
}

#[test]
fn who_wants_no_responses_gets_none_and_who_wants_failures_gets_these() {
    for (failure, wanted) in [
        (FailureReport::Yes, vec![415]),
        (FailureReport::Partial, vec![415]),
        (FailureReport::No, vec![]),
    ] {
        let mut rig = open(|_| {});
        let mut head = send_head("m", 1, 3, 3);
        head.failure = failure;
        head.content_type = Some("image/png");
        let did = send(&mut rig, head, b"abc", LAST);
        assert_eq!(msrp(&did), wanted);
        assert!(reports(&did).is_empty() && did.notices().is_empty());
    }
}

#[test]
fn a_type_that_we_did_not_name_is_refused() {
    let mut rig = open(|_| {});
    let mut head = send_head("m", 1, 3, 3);
    for (kind, status) in [("IMAGE/png", 415), ("Text/Plain; charset=utf-8", 200)] {
        head.content_type = Some(kind);
        head.message = kind.split('/').next().unwrap();
        assert_eq!(
            msrp(&send(&mut rig, head, b"abc", LAST)),
            [status],
            "{kind}"
        );
    }
}

#[test]
fn a_request_without_a_body_is_answered_and_is_no_message() {
    let mut rig = open(|_| {});
    let mut head = send_head("m", 1, 1, 0);
    head.range.end = Some(0);
    head.content_type = None;
    head.mime = "";
    let did = send(&mut rig, head, b"", LAST);
    assert_eq!(msrp(&did), [200]);
    assert!(did.notices().is_empty());
    // With a type it is one, of no octets (CC-125).
    head.content_type = Some("text/plain");
    let did = send(&mut rig, head, b"", LAST);
    assert_eq!(received(&did), Some((vec![], 0)));
}

#[test]
fn what_is_small_is_handed_over_whole_and_what_is_large_as_it_comes() {
    let mut rig = open(|config| config.limits.whole = 10);
    let did = send(&mut rig, send_head("m", 1, 10, 10), b"0123456789", LAST);
    assert_eq!(received(&did).unwrap().0, b"0123456789");

    // Two pieces that touch are handed on as one.
    send(&mut rig, send_head("n", 1, 2, 20), b"01", MORE);
    send(&mut rig, send_head("n", 3, 2, 20), b"23", MORE);
    send(&mut rig, send_head("n", 8, 3, 20), b"789", MORE);
    let did = send(&mut rig, send_head("n", 11, 5, 20), b"abcde", MORE);
    let data = |did: &Did| -> Vec<(u64, Bytes)> {
        let data = |notice| match notice {
            Notice::Data { offset, octets, .. } => Some((offset, octets)),
            _ => None,
        };
        did.notices().into_iter().filter_map(data).collect()
    };
    let begun = data(&did);
    assert_eq!(
        begun,
        [(0, Bytes::from("0123")), (7, Bytes::from("789abcde"))]
    );
    let did = send(&mut rig, send_head("n", 16, 5, 20), b"fghij", LAST);
    assert_eq!(data(&did), [(15, Bytes::from("fghij"))]);
    assert_eq!(received(&did), None, "a hole");
    let did = send(&mut rig, send_head("n", 5, 3, 20), b"456", MORE);
    assert_eq!(data(&did), [(4, Bytes::from("456"))]);
    assert_eq!(received(&did), Some((vec![], 20)));
}

#[test]
fn splinters_are_bounded() {
    let splinter = |rig: &mut Rig<Terminating>, n: u64| {
        let head = send_head("m", 1 + 2 * n, 1, 9999);
        msrp(&send(rig, head, b"x", MORE))
    };
    let mut rig = open(|config| config.limits.ranges = 3);
    for n in 0..3 {
        assert_eq!(splinter(&mut rig, n), [200]);
    }
    assert_eq!(splinter(&mut rig, 3), [413]);
    // And never more than can be handed on in one call.
    let mut rig = open(|config| config.limits.whole = 128);
    for n in 0..128 {
        assert_eq!(splinter(&mut rig, n), [200]);
    }
    let head = send_head("m", 256, 200, 9999);
    let did = send(&mut rig, head, &[b'x'; 200], MORE);
    assert!(did.count(|a| matches!(a, Action::Tell(_))) <= 129);
    assert_eq!(splinter(&mut rig, 2000), [413]);
}

#[test]
fn four_messages_come_in_turns_and_a_fifth_is_refused() {
    let mut rig = open(|_| {});
    let ids = ["m1", "m2", "m3", "m4"];
    for id in ids {
        let did = send(&mut rig, send_head(id, 1, 2, 4), b"ab", MORE);
        assert_eq!(msrp(&did), [200]);
    }
    let did = send(&mut rig, send_head("m5", 1, 2, 4), b"ab", MORE);
    assert_eq!(msrp(&did), [413]);
    assert!(did.notices().is_empty());
    for (place, id) in ids.into_iter().enumerate() {
        let did = send(&mut rig, send_head(id, 3, 2, 4), b"cd", LAST);
        assert_eq!(received(&did).unwrap().0, b"abcd");
        // The timer runs as long as one is missing something.
        assert_eq!(stops(&did, Timer::NextChunk), place == 3);
    }
    let did = send(&mut rig, send_head("m6", 1, 2, 2), b"ab", LAST);
    assert!(received(&did).is_some());
}

#[test]
fn what_is_incomplete_at_the_end_is_told_one_by_one() {
    let mut call = Call::of(bob_with(|_| {}), &invite("", &offer_sdp("")));
    for id in ["m1", "m2"] {
        send(&mut call.rig, send_head(id, 1, 2, 4), b"ab", MORE);
    }
    let did = call.inside("BYE", "");
    let told = did.notices();
    assert_eq!(told.len(), 2, "{told:?}");
    assert!(stops(&did, Timer::NextChunk));
}

#[test]
fn content_towards_one_who_only_sends_is_refused() {
    use simple_im::{Content, Draft, Originating, Target};
    let mut rig = Rig::new(Originating::new(), client("alice"));
    let (sent, did) = rig.command(|alice, cx| {
        let text = Content::text(&"x".repeat(5000));
        alice.send(
            Draft::new(Target::One(uri("sip:bob@example.com")), text),
            cx,
        )
    });
    sent.unwrap();
    let lazy = answer_sdp("").replace("recvonly", "sendrecv");
    rig.respond(&did.one_sent(), "200 OK", ACCEPTED, &lazy);
    rig.msrp(LegId::FIRST, MsrpEvent::Up);
    let did = rig.send(LegId::FIRST, 1, send_head("m", 1, 2, 2), b"hi", LAST);
    assert_eq!(msrp(&did), [403]);
    assert!(did.notices().is_empty());
}
