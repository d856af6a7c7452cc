//! Reliable provisional responses (RFC 3262, section 3.4), as callee and as caller.

use std::time::Duration;

use simple_im::profile::Prack;
use simple_im::{
    Action, Answer, AskId, Config, Draft, Event, Failure, LegId, Machine, Method, MsrpEvent,
    Notice, Originating, Outcome, Outgoing, Reply, ServerTxn, Terminating, Timer, TxnError,
};

use crate::rig::*;
use crate::terminating::invite;

fn bob(change: impl FnOnce(&mut Config)) -> Rig<Terminating> {
    let mut config = client("bob");
    change(&mut config);
    Rig::new(Terminating::new(), config)
}

/// An INVITE with these lines.
fn call(lines: &str) -> String {
    invite(lines, &offer_sdp(""))
}

const REQUIRED: &str = "Require: 100rel\n";
const SUPPORTED: &str = "Supported: 100rel\n";

/// It rings reliably: the question, the response and its RSeq.
fn ringing(rig: &mut Rig<Terminating>, lines: &str) -> (AskId, Reply, u32) {
    let did = rig.request(1, &call(lines));
    let (ask, _) = did.asked().unwrap();
    let (txn, reply) = did.one_reply();
    assert_eq!((txn, reply.status.0), (ServerTxn(1), 180));
    assert_eq!(did.started(Timer::Repeat), Some(rig.config.limits.t1));
    assert_eq!(did.started(Timer::FinalWait), Some(Duration::from_secs(32)));
    let rseq = rseq(&reply).expect("a reliable response");
    (ask, reply, rseq)
}

fn text(reply: &Reply) -> String {
    wire_reply(reply, &call(""))
}

fn value(reply: &Reply, name: &str) -> Option<String> {
    let text = text(reply);
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix(&format!("{name}: ")));
    line.map(str::to_string)
}

fn rseq(reply: &Reply) -> Option<u32> {
    let rseq = value(reply, "RSeq")?.parse().unwrap();
    assert_eq!(value(reply, "Require").unwrap(), "100rel");
    Some(rseq)
}

/// A request of the caller's in the early dialog.
fn early(reply: &Reply, method: &str, cseq: u32, lines: &str) -> String {
    inside(&call(""), reply, method, cseq, lines)
}

fn prack(reply: &Reply, cseq: u32, rack: &str) -> String {
    early(reply, "PRACK", cseq, &format!("RAck: {rack}\n"))
}

#[test]
fn who_requires_it_gets_a_reliable_response() {
    let mut rig = bob(|_| {});
    let (_, reply, rseq) = ringing(&mut rig, REQUIRED);
    assert!((1..1 << 31).contains(&rseq));
    assert!(reply.body.is_empty());
    assert!(value(&reply, "Allow").unwrap().ends_with(", PRACK"));
    // Repeated at intervals that double without end.
    let mut waits = Vec::new();
    for _ in 0..5 {
        let did = rig.timer(Timer::Repeat);
        assert_eq!(did.one_reply(), (ServerTxn(1), reply.clone()));
        waits.push(did.started(Timer::Repeat).unwrap().as_millis());
    }
    assert_eq!(waits, [1000, 2000, 4000, 8000, 16000]);
}

#[test]
fn the_knob_says_who_gets_one() {
    for (knob, lines, expected) in [
        (Prack::Off, "", Ok(false)),
        (Prack::Off, SUPPORTED, Ok(false)),
        (Prack::Off, REQUIRED, Err(420)),
        (Prack::Supported, "", Ok(false)),
        (Prack::Supported, SUPPORTED, Ok(false)),
        (Prack::Supported, REQUIRED, Ok(true)),
        (Prack::Required, "", Err(421)),
        (Prack::Required, SUPPORTED, Ok(true)),
        (Prack::Required, REQUIRED, Ok(true)),
    ] {
        let mut rig = bob(|config| config.profile.prack_callee = knob);
        let reply = rig.request(1, &call(lines)).one_reply().1;
        let found = match reply.status.0 {
            180 => Ok(rseq(&reply).is_some()),
            status => Err(status),
        };
        assert_eq!(found, expected, "{knob:?} {lines}");
        if found == Err(421) {
            assert_eq!(value(&reply, "Require").unwrap(), "100rel");
        }
        let speaks = !lines.is_empty() && knob != Prack::Off;
        if let Some(allow) = value(&reply, "Allow") {
            assert_eq!(allow.contains("PRACK"), speaks, "{knob:?} {lines}");
        }
    }
}

#[test]
fn its_prack_is_answered_and_any_other_hears_481() {
    let mut rig = bob(|_| {});
    let (ask, reply, rseq) = ringing(&mut rig, REQUIRED);
    for (cseq, rack) in [
        (314160, format!("{} 314159 INVITE", rseq + 1)),
        (314161, format!("{rseq} 314158 INVITE")),
        (314162, format!("{rseq} 314159 UPDATE")),
        (314163, "x".into()),
    ] {
        let did = rig.request(9, &prack(&reply, cseq, &rack));
        assert_eq!(did.statuses(), [481], "{rack}");
    }
    let did = rig.request(9, &early(&reply, "PRACK", 314164, ""));
    assert_eq!(did.statuses(), [481], "without RAck");
    let rack = format!("{rseq} 314159 INVITE");
    let did = rig.request(9, &prack(&reply, 314165, &rack));
    assert_eq!(did.statuses(), [200]);
    assert!(did.has(|a| *a == Action::StopTimer(Timer::Repeat)));
    assert!(did.has(|a| *a == Action::StopTimer(Timer::FinalWait)));
    rig.timer(Timer::FinalWait).none();
    let did = rig.request(9, &prack(&reply, 314166, &rack));
    assert_eq!(did.statuses(), [481], "it was acknowledged before");
    let did = rig.answer(ask, Answer::Accept);
    assert_eq!(did.statuses(), [200]);
    assert!(
        !did.one_reply().1.body.is_empty(),
        "the answer is in the 2xx"
    );
}

#[test]
fn without_prack_the_call_ends_after_64_t1() {
    let mut rig = bob(|_| {});
    let (ask, ..) = ringing(&mut rig, REQUIRED);
    let did = rig.timer(Timer::FinalWait);
    assert_eq!(did.one_reply().1.status.0, 504);
    assert!(did.has(|a| *a == Action::StopTimer(Timer::Repeat)));
    assert_eq!(did.notices(), [Notice::Missed]);
    assert!(rig.machine.is_closed());
    rig.answer(ask, Answer::Accept).none();
}

#[test]
fn a_second_response_waits_for_the_prack_of_the_first() {
    let mut rig = bob(|_| {});
    let (_, reply, rseq) = ringing(&mut rig, REQUIRED);
    let did = rig.request(9, &prack(&reply, 314160, &format!("{rseq} 314159 INVITE")));
    // Where nothing is lost, once in two and a half minutes is enough.
    assert_eq!(did.started(Timer::Repeat), Some(Duration::from_secs(150)));
    let did = rig.timer(Timer::Repeat);
    let second = did.one_reply().1;
    assert_eq!(self::rseq(&second), Some(rseq + 1));
    assert_eq!(did.started(Timer::Repeat), Some(Duration::from_millis(500)));
    assert_eq!(
        rig.timer(Timer::Repeat).one_reply().1,
        second,
        "the same again"
    );
    let did = rig.request(9, &prack(&reply, 314161, &format!("{rseq} 314159 INVITE")));
    assert_eq!(did.statuses(), [481], "that was the first");
    let did = rig.request(
        9,
        &prack(&reply, 314162, &format!("{} 314159 INVITE", rseq + 1)),
    );
    assert_eq!(did.statuses(), [200]);
}

#[test]
fn an_unreliable_response_is_said_again_each_minute() {
    let mut rig = bob(|_| {});
    let did = rig.request(1, &call(""));
    let first = did.one_reply().1;
    assert_eq!(rseq(&first), None);
    for _ in 0..3 {
        let did = rig.timer(Timer::Repeat);
        assert_eq!(did.one_reply(), (ServerTxn(1), first.clone()));
        assert_eq!(did.started(Timer::Repeat), Some(Duration::from_secs(60)));
    }
    let did = rig.request(9, &prack(&first, 314160, "1 314159 INVITE"));
    assert_eq!(did.statuses(), [481]);
}

#[test]
fn a_2xx_without_an_answer_before_it_need_not_wait_and_the_late_prack_is_taken() {
    let mut rig = bob(|_| {});
    let (ask, reply, rseq) = ringing(&mut rig, REQUIRED);
    let did = rig.answer(ask, Answer::Accept);
    assert_eq!(did.statuses(), [200]);
    let rack = format!("{rseq} 314159 INVITE");
    assert_eq!(
        rig.request(9, &prack(&reply, 314160, &rack)).statuses(),
        [200]
    );
    assert_eq!(
        rig.request(9, &prack(&reply, 314161, &rack)).statuses(),
        [481]
    );
    // `Repeat` is that of the 2xx now.
    assert_eq!(rig.timer(Timer::Repeat).one_reply().1.status.0, 200);
}

#[test]
fn a_refusal_need_not_wait_either() {
    for end in 0..4 {
        let mut rig = bob(|_| {});
        let (ask, reply, _) = ringing(&mut rig, REQUIRED);
        let did = match end {
            0 => rig.answer(ask, Answer::Refuse(Refusal::Declined)),
            1 => rig.timer(Timer::Decide),
            2 => rig.request(2, &early(&reply, "BYE", 314160, "")),
            _ => rig.event(Event::Cancel {
                cancel: ServerTxn(2),
                invite: ServerTxn(1),
            }),
        };
        assert!(did.has(|a| *a == Action::StopTimer(Timer::Repeat)));
        assert!(did.has(|a| *a == Action::StopTimer(Timer::FinalWait)));
        assert!(rig.machine.is_closed());
        let late = prack(&reply, 314161, "1 314159 INVITE");
        assert_eq!(rig.request(9, &late).statuses(), [481]);
    }
}

fn answering() -> Rig<Terminating> {
    bob(|config| config.profile.answer_in_provisional = true)
}

#[test]
fn a_2xx_waits_for_the_prack_of_the_answer() {
    let mut rig = answering();
    let (ask, reply, rseq) = ringing(&mut rig, REQUIRED);
    assert!(!reply.body.is_empty());
    assert_eq!(value(&reply, "Content-Type").unwrap(), "application/sdp");
    let did = rig.answer(ask, Answer::Accept);
    assert!(did.replies().is_empty(), "{did:#?}");
    // It is repeated as before, and a second word of the user's changes nothing.
    assert_eq!(rig.timer(Timer::Repeat).one_reply().1, reply);
    rig.answer(ask, Answer::Accept).none();
    let did = rig.request(9, &prack(&reply, 314160, &format!("{rseq} 314159 INVITE")));
    assert_eq!(did.statuses(), [200, 200]);
    let (txn, ok) = did.replies().pop().unwrap();
    assert_eq!(txn, ServerTxn(1));
    assert!(ok.body.is_empty(), "the answer was given");
    assert_eq!(value(&ok, "Content-Type"), None);
    assert!(did.has(|a| matches!(a, Action::OpenMsrp(open) if !open.peer.is_empty())));
    rig.ack(&inside(&call(""), &ok, "ACK", 314159, ""));
    rig.msrp(LegId::FIRST, MsrpEvent::Up);
    let head = send_head("m1", 1, 2, 2);
    let did = rig.send(LegId::FIRST, 1, head, b"hi", simple_im::Continuation::Last);
    assert!(
        did.notices()
            .iter()
            .any(|n| matches!(n, Notice::Received { .. }))
    );
}

#[test]
fn a_call_that_waits_for_the_prack_of_its_answer_may_end_all_the_same() {
    for end in 0..3 {
        let mut rig = answering();
        let (ask, reply, _) = ringing(&mut rig, REQUIRED);
        rig.answer(ask, Answer::Accept);
        let did = match end {
            0 => rig.timer(Timer::FinalWait),
            1 => rig.request(2, &early(&reply, "BYE", 314160, "")),
            _ => rig.event(Event::Cancel {
                cancel: ServerTxn(2),
                invite: ServerTxn(1),
            }),
        };
        assert_eq!(did.notices(), [Notice::Missed], "nothing came of it");
        assert!(rig.machine.is_closed());
    }
    let mut rig = answering();
    let (ask, ..) = ringing(&mut rig, REQUIRED);
    rig.answer(ask, Answer::Accept);
    let ((), did) = rig.command(|bob, cx| bob.close(cx));
    assert_eq!(did.statuses(), [480]);
    assert!(rig.machine.is_closed());
}

#[test]
fn the_answer_is_given_once_and_an_offer_after_it_asks_for_too_much() {
    let sdp = |sdp: &str| format!("Content-Type: application/sdp\n\n{sdp}");
    let same = offer_sdp("");
    let other = same
        .replace("o=alice 1 1", "o=alice 1 2")
        .replace("sendonly", "sendrecv");
    // Before the answer is acknowledged nothing more can be offered.
    let mut rig = answering();
    let (_, reply, rseq) = ringing(&mut rig, REQUIRED);
    let update = early(&reply, "UPDATE", 314160, &sdp(&same));
    assert_eq!(rig.request(2, &update).statuses(), [500]);
    let rack = format!("RAck: {rseq} 314159 INVITE\n");
    let text = early(&reply, "PRACK", 314161, &format!("{rack}{}", sdp(&same)));
    let (_, ok) = rig.request(3, &text).one_reply();
    assert_eq!((ok.status.0, &ok.body), (200, &reply.body));
    let update = early(&reply, "UPDATE", 314162, &sdp(&same));
    let (_, ok) = rig.request(4, &update).one_reply();
    assert_eq!((ok.status.0, &ok.body), (200, &reply.body));
    // Somebody would have to be asked: not by UPDATE (RFC 3311 §5.2).
    let update = early(&reply, "UPDATE", 314163, &sdp(&other));
    assert_eq!(rig.request(5, &update).statuses(), [504]);
    let update = early(&reply, "UPDATE", 314164, "");
    assert_eq!(rig.request(6, &update).statuses(), [200]);
    let second = rig.timer(Timer::Repeat).one_reply().1;
    assert!(second.body.is_empty(), "once");
    // In a PRACK: it counts for the response all the same.
    let mut rig = answering();
    let (ask, reply, _) = ringing(&mut rig, REQUIRED);
    let rack = format!("RAck: {} 314159 INVITE\n", self::rseq(&reply).unwrap());
    let text = early(&reply, "PRACK", 314160, &format!("{rack}{}", sdp(&other)));
    assert_eq!(rig.request(2, &text).statuses(), [488]);
    assert_eq!(rig.answer(ask, Answer::Accept).statuses(), [200]);
}

#[test]
fn the_service_answers_at_once_and_takes_whoever_requires_it() {
    let mut rig = Rig::new(simple_im::Controlling::new(), server());
    let text = call(REQUIRED)
        .replace("sip:bob@example.com", "sip:team@im.example.com")
        .replace("Supported:", "Accept-Contact: *;+g.oma.sip-im\nSupported:");
    assert!(rig.request(1, &text).asked().is_some(), "it is not refused");
}

// The caller.

type Alice = Rig<Originating>;

fn alice(knob: Prack) -> (Alice, (LegId, Outgoing)) {
    alice_with(|config| config.profile.prack_caller = knob)
}

fn alice_with(change: impl FnOnce(&mut Config)) -> (Alice, (LegId, Outgoing)) {
    let mut config = client("alice");
    change(&mut config);
    let mut rig = Rig::new(Originating::new(), config);
    let target = simple_im::Target::One(uri("sip:bob@example.com"));
    let draft = Draft::new(target, simple_im::Content::text(&"x".repeat(3000)));
    let (sent, did) = rig.command(|alice, cx| alice.send(draft, cx));
    sent.unwrap();
    (rig, did.one_sent())
}

fn field(request: &Outgoing, name: &str) -> String {
    read(request).head.header(name).unwrap_or_default().into()
}

const CONTACT: &str = "Contact: <sip:peer@peer.example.com>\n";

fn reliable(rseq: u32) -> String {
    format!("{CONTACT}Require: 100rel\nRSeq: {rseq}\n")
}

#[test]
fn the_knob_says_what_a_caller_asks_for() {
    for (knob, supported, required) in [
        (Prack::Off, "timer", ""),
        (Prack::Supported, "timer, 100rel", ""),
        (Prack::Required, "timer, 100rel", "100rel"),
    ] {
        let (_, sent) = alice(knob);
        assert_eq!(field(&sent.1, "Supported"), supported);
        assert_eq!(field(&sent.1, "Require"), required);
    }
    // Lists have a Require of their own.
    let mut config = client("alice");
    config.profile.prack_caller = Prack::Required;
    let mut rig = Rig::new(Originating::new(), config);
    let entry = |text| simple_im::Recipient::new(uri(text));
    let list = vec![entry("sip:a@example.com"), entry("sip:b@example.com")];
    let draft = Draft::new(
        simple_im::Target::List(list),
        simple_im::Content::text(&"x".repeat(3000)),
    );
    let (_, did) = rig.command(|alice, cx| alice.send(draft, cx).map(|_| ()));
    let head = read(&did.one_sent().1).head;
    let required: Vec<_> = head.values("Require").collect();
    assert_eq!(required, ["recipient-list-invite", "100rel"]);
}

#[test]
fn a_reliable_response_gets_its_prack_in_its_early_dialog() {
    let (mut rig, sent) = alice(Prack::Supported);
    let lines = format!(
        "{}Record-Route: <sip:p2.h;lr>, <sip:p1.h;lr>\n",
        reliable(7)
    );
    let did = rig.respond(&sent, "183 Session Progress", &lines, "");
    let prack = did.one_sent().1;
    assert_eq!(prack.method, Method::Prack);
    assert_eq!(field(&prack, "RAck"), format!("7 {} INVITE", sent.1.cseq));
    assert_eq!(prack.cseq, sent.1.cseq + 1);
    assert_eq!(prack.target.as_str(), "sip:peer@peer.example.com");
    assert_eq!(field(&prack, "To"), "<sip:bob@example.com>;tag=peer");
    assert_eq!(field(&prack, "Supported"), "timer");
    let head = read(&prack).head;
    let routes: Vec<_> = head.routes("Route").collect();
    assert_eq!(routes, ["<sip:p1.h;lr>", "<sip:p2.h;lr>"]);
    assert_eq!(did.notices(), [Notice::Ringing]);
    rig.respond(&(sent.0, prack), "200 OK", "", "").none();
}

#[test]
fn responses_are_taken_in_order_and_each_once() {
    let (mut rig, sent) = alice(Prack::Supported);
    let mut ring = |rseq| rig.respond(&sent, "180 Ringing", &reliable(rseq), "");
    let pracks = |did: &Did| did.sent().iter().map(|(_, p)| p.cseq).collect::<Vec<_>>();
    assert_eq!(pracks(&ring(100)), [2]);
    ring(100).none();
    ring(99).none();
    ring(102).none();
    ring(101).sent();
    ring(101).none();
    assert_eq!(pracks(&ring(102)), [4]);
    ring(u32::MAX).none();
    // An unreliable one has no order.
    let did = rig.respond(&sent, "180 Ringing", CONTACT, "");
    assert_eq!(did.notices(), [Notice::Ringing]);
    assert!(did.sent().is_empty());
}

#[test]
fn what_is_not_reliable_gets_no_prack() {
    for (knob, status, lines) in [
        (Prack::Off, "180 Ringing", reliable(1)),
        (Prack::Supported, "100 Trying", reliable(1)),
        (Prack::Supported, "180 Ringing", "Require: 100rel\n".into()),
        (Prack::Supported, "180 Ringing", "RSeq: 1\n".into()),
        (
            Prack::Supported,
            "180 Ringing",
            "Require: 100rel\nRSeq: 0\n".into(),
        ),
        (
            Prack::Supported,
            "180 Ringing",
            format!("To: <sip:bob@example.com>\n{}", reliable(1)),
        ),
    ] {
        let (mut rig, sent) = alice(knob);
        let did = rig.respond(&sent, status, &lines, "");
        assert!(did.sent().is_empty(), "{knob:?} {status} {lines}");
    }
}

#[test]
fn each_fork_counts_for_itself_and_no_more_than_there_is_room_for() {
    let (mut rig, sent) = alice_with(|config| {
        config.profile.prack_caller = Prack::Supported;
        config.limits.forks = 2;
    });
    let mut ring = |tag: &str, rseq| {
        let lines = format!("To: <sip:bob@example.com>;tag={tag}\n{}", reliable(rseq));
        rig.respond(&sent, "180 Ringing", &lines, "").sent().len()
    };
    assert_eq!(ring("a", 5), 1);
    assert_eq!(ring("b", 900), 1);
    assert_eq!(ring("A", 6), 1, "tags know no case");
    assert_eq!(ring("b", 6), 0);
    assert_eq!(ring("c", 1), 0);
    assert_eq!(ring("b", 901), 1);
}

#[test]
fn cc_16_the_answer_may_come_in_a_reliable_response_alone() {
    let (mut rig, sent) = alice(Prack::Supported);
    let lines = format!("{}Content-Type: application/sdp\n", reliable(1));
    let did = rig.respond(&sent, "183 Session Progress", &lines, &answer_sdp(""));
    assert!(
        !did.has(|a| matches!(a, Action::OpenMsrp(_))),
        "not before the 2xx (CC-17)"
    );
    let did = rig.respond(&sent, "200 OK", CONTACT, "");
    let ack = did.one_sent().1;
    assert_eq!((ack.method, ack.cseq), (Method::Ack, sent.1.cseq));
    assert!(did.has(|a| matches!(a, Action::OpenMsrp(open) if open.connect)));
    // The CSeq numbers of the dialog go on after the PRACK.
    let (_, did) = rig.command(|alice, cx| alice.cancel(cx));
    let bye = did.one_sent().1;
    assert_eq!((bye.method, bye.cseq), (Method::Bye, sent.1.cseq + 2));
    // Of another fork it says nothing.
    let (mut rig, sent) = alice(Prack::Supported);
    rig.respond(&sent, "183 Session Progress", &lines, &answer_sdp(""));
    let other = format!("To: <sip:bob@example.com>;tag=other\n{CONTACT}");
    let did = rig.respond(&sent, "200 OK", &other, "");
    let bye = did.sent().pop().unwrap();
    assert_eq!((bye.1.method, bye.1.cseq), (Method::Bye, sent.1.cseq + 1));
    let did = rig.respond(&bye, "200 OK", "", "");
    assert_eq!(did.outcome(), Outcome::Failed(Failure::BadAnswer));
}

#[test]
fn the_numbers_go_on_when_a_2xx_crosses_cancel() {
    let (mut rig, sent) = alice(Prack::Supported);
    rig.respond(&sent, "180 Ringing", &reliable(1), "");
    rig.command(|alice, cx| alice.cancel(cx)).0.unwrap();
    let did = rig.respond(&sent, "200 OK", ACCEPTED, &answer_sdp(""));
    let sent_now: Vec<_> = did.sent().iter().map(|(_, s)| (s.method, s.cseq)).collect();
    assert_eq!(sent_now, [(Method::Ack, 1), (Method::Bye, 3)]);
}

#[test]
fn a_new_invite_after_422_counts_anew() {
    let (mut rig, sent) = alice(Prack::Supported);
    rig.respond(&sent, "180 Ringing", &reliable(500), "");
    let again = rig.respond(&sent, "422 X", "Min-SE: 2000\n", "").one_sent();
    let prack = rig
        .respond(&again, "180 Ringing", &reliable(3), "")
        .one_sent()
        .1;
    assert_eq!(field(&prack, "RAck"), "3 2 INVITE");
    assert_eq!(prack.cseq, 3);
}

#[test]
fn a_prack_that_fails_changes_nothing() {
    for failure in [None, Some("481 No"), Some("500 No"), Some("408 No")] {
        let (mut rig, sent) = alice(Prack::Supported);
        let prack = rig
            .respond(&sent, "180 Ringing", &reliable(1), "")
            .one_sent();
        match failure {
            None => rig.fail(&prack, TxnError::Timeout).none(),
            Some(status) => rig.respond(&prack, status, "", "").none(),
        }
        let did = rig.respond(&sent, "200 OK", ACCEPTED, &answer_sdp(""));
        assert_eq!(did.one_sent().1.method, Method::Ack);
    }
}

#[test]
fn who_insists_and_is_refused_hears_why() {
    let (mut rig, sent) = alice(Prack::Required);
    let did = rig.respond(&sent, "420 Bad Extension", "Unsupported: 100rel\n", "");
    assert_eq!(did.outcome(), Outcome::Failed(Failure::ExtensionRefused));
    let (mut rig, sent) = alice(Prack::Off);
    let did = rig.respond(&sent, "421 Extension Required", "Require: 100rel\n", "");
    assert_eq!(did.outcome(), Outcome::Failed(Failure::ExtensionRequired));
}

#[test]
fn requests_of_the_callee_in_the_early_dialog() {
    let (mut rig, sent) = alice(Prack::Off);
    assert_eq!(
        rig.request(1, &from_peer(&sent.1, "UPDATE", 1, ""))
            .statuses(),
        [481]
    );
    rig.respond(&sent, "180 Ringing", CONTACT, "");
    let sdp = format!("Content-Type: application/sdp\n\n{}", offer_sdp(""));
    for (cseq, method, lines, status) in [
        (5, "UPDATE", "", 200),
        (6, "UPDATE", sdp.as_str(), 491),
        (7, "INVITE", sdp.as_str(), 491),
        (8, "OPTIONS", "", 200),
        (9, "MESSAGE", "Content-Type: text/plain\n\nhi", 500),
        (10, "BYE", "", 481),
        (11, "PRACK", "RAck: 1 1 INVITE\n", 481),
        (12, "INFO", "", 405),
        (13, "FOO", "", 501),
        (14, "UPDATE", "Require: foo\n", 420),
        (4, "UPDATE", "", 500),
    ] {
        let did = rig.request(cseq.into(), &from_peer(&sent.1, method, cseq, lines));
        assert_eq!(did.statuses(), [status], "{method} {lines}");
    }
    // The confirmed dialog counts on.
    rig.respond(&sent, "200 OK", ACCEPTED, &answer_sdp(""));
    assert_eq!(
        rig.request(20, &from_peer(&sent.1, "OPTIONS", 14, ""))
            .statuses(),
        [500]
    );
    assert_eq!(
        rig.request(21, &from_peer(&sent.1, "OPTIONS", 15, ""))
            .statuses(),
        [200]
    );
}

#[test]
fn both_sides_understand_each_other() {
    let (mut alice, sent) = alice(Prack::Required);
    let mut bob = answering();
    let invite = read(&sent.1);
    let did = bob.event(Event::Request(ServerTxn(1), &invite));
    let (ask, _) = did.asked().unwrap();
    let hear = |alice: &mut Alice, reply: &Reply, to: &(LegId, Outgoing)| {
        let request = read(&to.1);
        let mut out = bytes::BytesMut::new();
        simple_im::wire::sip::write_response(&mut out, reply, &request.head);
        let response = simple_im::wire::sip::parse_response(&out.freeze()).unwrap();
        alice.on(to.0, Event::Response(to.1.txn, &response))
    };
    let did = hear(&mut alice, &did.one_reply().1, &sent);
    let prack = did.one_sent();
    assert!(bob.answer(ask, Answer::Accept).replies().is_empty());
    let did = bob.event(Event::Request(ServerTxn(2), &read(&prack.1)));
    let replies = did.replies();
    hear(&mut alice, &replies[0].1, &prack).none();
    let did = hear(&mut alice, &replies[1].1, &sent);
    let ack = did.one_sent();
    let did = bob.event(Event::Ack(&read(&ack.1)));
    assert!(did.has(|a| *a == Action::StopTimer(Timer::FinalWait)));
}
