//! One dialog in another's place (RFC 3891): what a caller sends, and whom a callee lets.

use std::time::Duration;

use bytes::Bytes;
use simple_im::driver::{Dispatch, Known};
use simple_im::wire::sip::Replaces;
use simple_im::{
    Action, Answer, AskId, Content, DialogView, Draft, Event, Found, Keys, LegId, Machine,
    MachineId, Method, Misuse, MsrpEvent, Notice, Originating, Outcome, Outgoing, Profile,
    Question, RecipientId, ServerTxn, Stage, Status, Tag, Target, Terminating, Timer,
};

use crate::rig::*;
use crate::sim::net::{Faults, Net};
use crate::sim::node::{Actor, Decision, Node};
use crate::terminating::{Call, invite};

const OURS: &str = "00000000000abcde";

/// The dialog that is to be replaced: Bob's, with Alice.
fn view(stage: Stage) -> DialogView {
    let bytes = |text: &'static str| Bytes::from_static(text.as_bytes());
    DialogView {
        call_id: bytes("old@h"),
        local_tag: bytes(OURS),
        remote_tag: bytes("6472"),
        peer: uri("sip:alice@example.com"),
        target: uri("sip:alice@alice.example.com"),
        stage,
    }
}

const ALICE: &str = "P-Asserted-Identity: <sip:alice@example.com>\n";

fn bob() -> Rig<Terminating> {
    Rig::new(Terminating::new(), client("bob"))
}

fn calling(lines: &str) -> String {
    invite(lines, &offer_sdp(""))
}

/// An INVITE with this Replaces and these lines; the question for the dialog, if it is asked.
fn named(rig: &mut Rig<Terminating>, replaces: &str, lines: &str) -> Result<AskId, u16> {
    let did = rig.request(1, &calling(&format!("Replaces: {replaces}\n{lines}")));
    match did.asked() {
        Some((ask, Question::Dialog { tag, remote_tag })) => {
            assert_eq!((tag, &remote_tag[..]), (Tag(0xabcde), &b"6472"[..]));
            assert!(did.started(Timer::Lookup).is_some() && did.replies().is_empty());
            Ok(ask)
        }
        other => {
            assert!(other.is_none(), "{other:?}");
            assert!(rig.machine.is_closed());
            Err(did.one_reply().1.status.0)
        }
    }
}

/// Bob is asked whether he wants it: the question and what was done.
fn wanted(did: &Did) -> Option<AskId> {
    match did.asked() {
        Some((ask, Question::Invitation { arrival, .. })) => {
            assert!(
                arrival.marks.replaces,
                "he is told that it replaces another"
            );
            Some(ask)
        }
        _ => None,
    }
}

/// What becomes of an INVITE that names the dialog, with these lines: he is asked, or its status.
fn judged(found: Found<'_>, params: &str, lines: &str) -> Result<(), u16> {
    let mut rig = bob();
    let replaces = format!("old@h;to-tag={OURS};from-tag=6472{params}");
    let ask = named(&mut rig, &replaces, lines).unwrap();
    let did = rig.answer(ask, Answer::Dialog(found));
    assert!(did.has(|a| *a == Action::StopTimer(Timer::Lookup)));
    match wanted(&did) {
        Some(_) => Ok(()),
        None => {
            assert!(rig.machine.is_closed());
            Err(did.one_reply().1.status.0)
        }
    }
}

/// RFC 3891 §3, paragraph by paragraph.
#[test]
fn the_table_of_the_rfc() {
    let stages = [Stage::Confirmed, Stage::Calling, Stage::Called, Stage::Over];
    for (stage, early_only, expected) in [
        (Stage::Confirmed, "", Ok(())),
        (Stage::Confirmed, ";early-only", Err(486)),
        (Stage::Calling, "", Ok(())),
        (Stage::Calling, ";early-only", Ok(())),
        (Stage::Called, "", Err(481)),
        (Stage::Called, ";early-only", Err(481)),
        (Stage::Over, "", Err(603)),
        (Stage::Over, ";early-only", Err(603)),
    ] {
        for require in ["", "Require: replaces\n"] {
            let lines = format!("{ALICE}{require}");
            let found = judged(Found::Dialog(&view(stage)), early_only, &lines);
            assert_eq!(found, expected, "{stage:?}{early_only}");
        }
    }
    assert_eq!(judged(Found::Nothing, "", ALICE), Err(481));
    assert_eq!(judged(Found::Over, "", ALICE), Err(603));
    // The tags and the Call-ID must be those of the dialog, whatever it is.
    for stage in stages {
        for change in [
            (|v| v.call_id = Bytes::from_static(b"OLD@h")) as fn(&mut DialogView),
            |v| v.remote_tag = Bytes::from_static(b"other"),
            |v| v.remote_tag = Bytes::new(),
            |v| v.local_tag = Bytes::from_static(b"00000000000abcdf"),
        ] {
            let mut other = view(stage);
            change(&mut other);
            assert_eq!(
                judged(Found::Dialog(&other), "", ALICE),
                Err(481),
                "{other:?}"
            );
        }
    }
}

#[test]
fn a_tag_of_zero_is_also_none() {
    let mut old = view(Stage::Confirmed);
    old.remote_tag = Bytes::new();
    let mut rig = bob();
    let text = calling(&format!(
        "Replaces: old@h;to-tag={OURS};from-tag=0\n{ALICE}"
    ));
    let (ask, _) = rig.request(1, &text).asked().unwrap();
    let did = rig.answer(ask, Answer::Dialog(Found::Dialog(&old)));
    assert!(wanted(&did).is_some());
}

#[test]
fn what_names_no_dialog_of_ours_is_refused_without_a_question() {
    for (replaces, status) in [
        ("old@h;to-tag=hers;from-tag=6472", 481),
        ("old@h;from-tag=6472", 400),
        ("old@h;to-tag=00000000000abcde", 400),
        ("old@h;to-tag=00000000000abcde;from-tag=6472;to-tag=x", 400),
    ] {
        assert_eq!(
            named(&mut bob(), replaces, ALICE),
            Err(status),
            "{replaces}"
        );
    }
    let twice = format!("old@h;to-tag={OURS};from-tag=6472");
    let again = format!("Replaces: {twice}\n{ALICE}");
    assert_eq!(named(&mut bob(), &twice, &again), Err(400), "more than one");
    assert_eq!(named(&mut bob(), &twice, "Require: foo\n"), Err(420));
}

#[test]
fn a_replaces_in_anything_but_an_invite_is_wrong() {
    let line = format!("Replaces: old@h;to-tag={OURS};from-tag=6472\n");
    let page = crate::terminating::page(&format!("{line}Content-Type: text/plain\n"), "hi");
    assert_eq!(bob().request(1, &page).statuses(), [400]);
    let mut call = Call::up();
    for method in ["INVITE", "UPDATE", "MESSAGE", "OPTIONS", "BYE"] {
        assert_eq!(call.inside(method, &line).statuses(), [400], "{method}");
    }
}

#[test]
fn cc_104_only_the_other_party_or_whom_it_has_referred_replaces_a_dialog() {
    let carol = "P-Asserted-Identity: <sip:carol@example.com>\n";
    let referred = "Referred-By: <sip:alice@example.com>\n";
    for (lines, expected) in [
        (ALICE.to_string(), Ok(())),
        (
            "P-Asserted-Identity: <sip:alice@EXAMPLE.com>, <tel:+1>\n".into(),
            Ok(()),
        ),
        (
            "P-Asserted-Identity: \"A\" <sip:alice@example.com;x=y>\n".into(),
            Ok(()),
        ),
        // A focus, vouched for, that Alice has asked.
        (format!("{carol}{referred}"), Ok(())),
        // From says Alice in each of these, and proves nothing.
        (String::new(), Err(603)),
        (carol.into(), Err(603)),
        (referred.into(), Err(603)),
        (
            format!("{carol}Referred-By: <sip:dave@example.com>\n"),
            Err(603),
        ),
    ] {
        let found = judged(Found::Dialog(&view(Stage::Confirmed)), "", &lines);
        assert_eq!(found, expected, "{lines}");
    }
    // Who is anonymous is nobody in particular.
    let mut anonymous = view(Stage::Confirmed);
    anonymous.peer = uri("sip:anonymous@anonymous.invalid");
    let same = "P-Asserted-Identity: <sip:anonymous@anonymous.invalid>\n";
    assert_eq!(judged(Found::Dialog(&anonymous), "", same), Err(603));
}

#[test]
fn the_old_one_ends_when_the_new_one_is_there() {
    let mut rig = bob();
    let replaces = format!("old@h;to-tag={OURS};from-tag=6472");
    let ask = named(&mut rig, &replaces, ALICE).unwrap();
    let old = view(Stage::Confirmed);
    let did = rig.answer(ask, Answer::Dialog(Found::Dialog(&old)));
    assert_eq!(did.statuses(), [180]);
    let did = rig.answer(wanted(&did).unwrap(), Answer::Accept);
    let ok = did.one_reply().1;
    let replaced = |did: &Did| did.count(|a| *a == Action::Replace(Tag(0xabcde)));
    assert_eq!(replaced(&did), 0, "not before the ACK");
    let ack = inside(&calling(""), &ok, "ACK", 314159, "");
    assert_eq!(replaced(&rig.ack(&ack)), 1);
    assert_eq!(replaced(&rig.ack(&ack)), 0, "once");
    // The ACK of a later INVITE says nothing more.
    let text = inside(&calling(""), &ok, "INVITE", 314160, "");
    assert_eq!(rig.request(5, &text).statuses(), [200]);
    let ack = inside(&calling(""), &ok, "ACK", 314160, "");
    assert_eq!(replaced(&rig.ack(&ack)), 0);
}

#[test]
fn cc_67_a_dialog_stays_untouched_when_the_new_one_fails() {
    let begun = || {
        let mut rig = bob();
        let replaces = format!("old@h;to-tag={OURS};from-tag=6472");
        let ask = named(&mut rig, &replaces, ALICE).unwrap();
        let did = rig.answer(ask, Answer::Dialog(Found::Dialog(&view(Stage::Confirmed))));
        let ask = wanted(&did).unwrap();
        (rig, ask)
    };
    for end in 0..4 {
        let (mut rig, ask) = begun();
        match end {
            0 => drop(rig.answer(ask, Answer::Refuse(Refusal::Declined))),
            1 => drop(rig.timer(Timer::Decide)),
            2 => drop(rig.event(Event::Cancel {
                cancel: ServerTxn(2),
                invite: ServerTxn(1),
            })),
            // It is accepted, and its ACK never comes.
            _ => {
                rig.answer(ask, Answer::Accept);
                let bye = rig.timer(Timer::FinalWait).one_sent();
                rig.respond(&bye, "200 OK", "", "");
            }
        }
        assert!(rig.machine.is_closed());
        assert!(
            !rig.log.iter().any(|(_, a)| matches!(a, Action::Replace(_))),
            "{end}"
        );
    }
    // What cannot be served is refused as ever.
    let mut rig = bob();
    let text = calling(&format!(
        "Replaces: old@h;to-tag={OURS};from-tag=6472\n{ALICE}"
    ));
    let text = text.replace("TCP/MSRP", "TCP/TLS/MSRP");
    let (ask, _) = rig.request(1, &text).asked().unwrap();
    let did = rig.answer(ask, Answer::Dialog(Found::Dialog(&view(Stage::Confirmed))));
    assert_eq!(did.statuses(), [488]);
}

#[test]
fn while_the_dialog_is_looked_for_the_call_may_end() {
    let replaces = format!("old@h;to-tag={OURS};from-tag=6472");
    let mut rig = bob();
    let ask = named(&mut rig, &replaces, ALICE).unwrap();
    let cancel = |rig: &mut Rig<Terminating>, invite| {
        rig.event(Event::Cancel {
            cancel: ServerTxn(2),
            invite: ServerTxn(invite),
        })
    };
    assert_eq!(cancel(&mut rig, 7).statuses(), [481]);
    assert_eq!(cancel(&mut rig, 1).statuses(), [200, 487]);
    rig.answer(ask, Answer::Dialog(Found::Nothing)).none();
    let mut rig = bob();
    named(&mut rig, &replaces, ALICE).unwrap();
    assert_eq!(rig.timer(Timer::Lookup).statuses(), [500]);
    let mut rig = bob();
    named(&mut rig, &replaces, ALICE).unwrap();
    let ((), did) = rig.command(|bob, cx| bob.close(cx));
    assert_eq!(did.statuses(), [480]);
    // An impossible answer is none; a stale one is ignored.
    let mut rig = bob();
    let ask = named(&mut rig, &replaces, ALICE).unwrap();
    rig.answer(AskId(77), Answer::Dialog(Found::Over)).none();
    assert_eq!(rig.answer(ask, Answer::Accept).statuses(), [481]);
}

// What a dialog shows of itself, and what a caller makes of it.

fn alice() -> Rig<Originating> {
    Rig::new(Originating::new(), client("alice"))
}

fn large(replaces: Option<DialogView>) -> Draft {
    let target = Target::One(uri("sip:bob@example.com"));
    let mut draft = Draft::new(target, Content::text(&"x".repeat(3000)));
    draft.replaces = replaces;
    draft
}

fn send(rig: &mut Rig<Originating>, draft: Draft) -> Result<(LegId, Outgoing), Misuse> {
    let (sent, did) = rig.command(|alice, cx| alice.send(draft, cx));
    sent.map(|_| did.one_sent())
}

fn shown<M: Machine>(rig: &Rig<M>, tag: Option<&str>) -> Option<DialogView> {
    rig.machine.dialog(LegId::FIRST, tag)
}

#[test]
fn a_caller_shows_its_dialog_at_every_stage() {
    let mut rig = alice();
    assert_eq!(shown(&rig, None), None);
    let sent = send(&mut rig, large(None)).unwrap();
    assert_eq!(
        shown(&rig, None),
        None,
        "there is no dialog before there are two tags"
    );
    let at = |rig: &Rig<_>| shown(rig, None).map(|view| view.stage);
    for tag in ["a", "b"] {
        let to = format!("To: <sip:bob@example.com>;tag={tag}\nContact: <sip:{tag}@h>\n");
        rig.respond(&sent, "180 Ringing", &to, "");
    }
    assert_eq!(at(&rig), Some(Stage::Calling));
    assert_eq!(shown(&rig, Some("B")).unwrap().target, uri("sip:b@h"));
    assert_eq!(shown(&rig, Some("c")), None);
    let to = format!("To: <sip:bob@example.com>;tag=b\n{ACCEPTED}");
    rig.respond(&sent, "200 OK", &to, &answer_sdp(""));
    let view = shown(&rig, None).unwrap();
    assert_eq!(view.stage, Stage::Confirmed);
    let head = read(&sent.1).head;
    assert_eq!(view.call_id, head.call_id().as_bytes());
    assert_eq!(
        Some(&view.local_tag[..]),
        head.from().tag().map(str::as_bytes)
    );
    assert_eq!(view.remote_tag, "b");
    assert_eq!(view.peer, uri("sip:bob@example.com"));
    assert_eq!(view.target, uri("sip:peer@peer.example.com"));
    assert_eq!(rig.machine.dialog(LegId::new(1, 0), None), None);
    let (_, did) = rig.command(|alice, cx| alice.cancel(cx));
    assert_eq!(at(&rig), Some(Stage::Over));
    rig.respond(&did.one_sent(), "200 OK", "", "");
    assert_eq!(at(&rig), None);
}

#[test]
fn a_callee_shows_its_dialog_at_every_stage_and_who_the_core_says_it_is() {
    for (lines, peer) in [
        ("", "sip:alice@example.com"),
        (
            "P-Asserted-Identity: <sip:real@example.com>\n",
            "sip:real@example.com",
        ),
    ] {
        let mut rig = bob();
        assert_eq!(shown(&rig, None), None);
        let text = calling(lines);
        let (ask, _) = rig.request(1, &text).asked().unwrap();
        let view = shown(&rig, None).unwrap();
        assert_eq!((view.stage, view.peer.as_str()), (Stage::Called, peer));
        let ok = rig.answer(ask, Answer::Accept).one_reply().1;
        let stage = |rig: &Rig<_>| shown(rig, None).map(|view| view.stage);
        assert_eq!(stage(&rig), Some(Stage::Confirmed));
        rig.ack(&inside(&text, &ok, "ACK", 314159, ""));
        rig.msrp(LegId::FIRST, MsrpEvent::Up);
        assert_eq!(stage(&rig), Some(Stage::Confirmed));
        let ((), did) = rig.command(|bob, cx| bob.close(cx));
        assert_eq!(stage(&rig), Some(Stage::Over));
        rig.respond(&did.one_sent(), "200 OK", "", "");
        assert_eq!(stage(&rig), None);
    }
}

#[test]
fn cc_64_an_early_dialog_of_ours_is_not_to_be_replaced() {
    for (stage, there) in [
        (Stage::Calling, false),
        (Stage::Called, true),
        (Stage::Confirmed, true),
        (Stage::Over, false),
    ] {
        let view = view(stage);
        assert_eq!(view.replaces().is_some(), there, "{stage:?}");
        assert_eq!(view.entry(&Profile::default()).is_ok(), there);
        let sent = send(&mut alice(), large(Some(view)));
        assert_eq!(sent.is_ok(), there);
        assert!(there || sent == Err(Misuse::NotReplaceable));
    }
    // One dialog has one peer.
    for target in [
        Target::Group(uri("sip:team@example.com")),
        Target::List(vec![simple_im::Recipient::new(uri("sip:bob@example.com"))]),
    ] {
        let mut draft = large(Some(view(Stage::Confirmed)));
        draft.target = target;
        assert_eq!(send(&mut alice(), draft), Err(Misuse::NotReplaceable));
    }
}

#[test]
fn cc_65_tags_are_as_the_receiver_has_them() {
    // Bob was called: what is his own tag is the peer's from-tag.
    let (call, _) = Call::answered(bob(), &calling(""));
    let view = shown(&call.rig, None).unwrap();
    let replaces = view.replaces().unwrap();
    assert_eq!(replaces.to_tag, "49583", "that of Alice, who receives it");
    assert_eq!(replaces.from_tag, call.ok.tag.unwrap().to_string());
    assert_eq!(replaces.call_id, "a84b4c76e66710");
    let mut rig = Rig::new(Originating::new(), client("bob"));
    let (_, sent) = send(&mut rig, large(Some(view.clone()))).unwrap();
    let head = read(&sent).head;
    assert_eq!(head.replaces().unwrap(), Some(replaces));
    assert_eq!(head.header("Require"), Some("replaces"));
    // Where it need not be understood, it is not required.
    let mut rig = Rig::new(Originating::new(), draft_seed(client("bob")));
    let (_, sent) = send(&mut rig, large(Some(view))).unwrap();
    assert_eq!(read(&sent).head.header("Require"), None);
    // However short the message is, a page takes no dialog's place.
    let mut short = large(Some(self::view(Stage::Confirmed)));
    short.content = Content::text("hi");
    assert_eq!(send(&mut alice(), short).unwrap().1.method, Method::Invite);
}

#[test]
fn cc_66_an_entry_of_a_list_is_escaped_once() {
    let mut old = view(Stage::Confirmed);
    old.call_id = Bytes::from_static(b"a%b;c@pc33.example.com");
    let entry = old.entry(&Profile::default()).unwrap();
    let escaped = "sip:alice@example.com?Replaces=a%25b%3Bc%40pc33.example.com%3Bto-tag%3D6472\
                   %3Bfrom-tag%3D00000000000abcde&Require=replaces";
    assert_eq!(entry.as_str(), escaped);
    // As its server reads it.
    let value = entry.header("Replaces").unwrap();
    let read = Replaces::read(&value);
    // `;` ends a Call-ID in the header field: it is none of RFC 3261's words.
    assert!(read.is_none());
    old.call_id = Bytes::from_static(b"a%b@pc33.example.com");
    let entry = old.entry(&Profile::draft_seed()).unwrap();
    let value = entry.header("Replaces").unwrap();
    assert_eq!(Replaces::read(&value), old.replaces());
    assert_eq!(entry.header("Require"), None);
    assert_eq!(entry.bare(), uri("sip:alice@example.com"));
}

// With a driver in between.

#[test]
fn a_driver_finds_a_dialog_by_our_tag_and_remembers_that_it_has_been() {
    let (mut dispatch, s) = (Dispatch::new(), Duration::from_secs);
    let (machine, leg) = (MachineId(7), LegId::FIRST);
    let opened = |tag| {
        let mut keys = Keys::default();
        keys.dialog = Some(Tag(tag));
        Action::Opened(keys)
    };
    assert_eq!(dispatch.dialog(Tag(1), s(0)), Known::Unknown);
    dispatch.learn(machine, leg, &opened(1), s(0));
    assert_eq!(dispatch.dialog(Tag(1), s(0)), Known::Leg(machine, leg));
    dispatch.learn(machine, leg, &Action::Closed, s(10));
    assert_eq!(dispatch.dialog(Tag(1), s(41)), Known::Over);
    assert_eq!(dispatch.dialog(Tag(1), s(42)), Known::Unknown);
    // Not without end.
    for tag in 0..1_000 {
        dispatch.learn(machine, leg, &opened(tag), s(50));
        dispatch.learn(machine, leg, &Action::Closed, s(50));
    }
    assert_eq!(dispatch.dialog(Tag(999), s(51)), Known::Over);
    assert_eq!(dispatch.dialog(Tag(1), s(51)), Known::Unknown);
}

/// A user at `name.example` that accepts whatever comes, after a while.
fn node(name: &str, seed: u64) -> Node {
    let mut config = client(name);
    let uri = uri(&format!("sip:{name}@{name}.example"));
    config.account.address = uri.clone();
    config.account.contact = uri;
    config.msrp.host = format!("{name}.example");
    config.key = [seed, 1];
    let factory = |_, _: &_| -> Box<dyn Actor> { Box::new(Terminating::new()) };
    let host = |_: &Question| (Duration::from_millis(700), Decision::Accept);
    let name = format!("{name}.example");
    Node::new(&name, config, seed, Box::new(factory), Box::new(host))
}

/// A message of so many octets, perhaps in the place of another.
fn message(net: &mut Net, size: usize, old: Option<DialogView>) -> MachineId {
    net.at(0, |node, now| {
        let target = old.as_ref().map(|old| old.target.clone());
        let target = target.unwrap_or_else(|| uri("sip:bob@bob.example"));
        let content = Content::new("text/plain", vec![b'x'; size].into());
        let mut draft = Draft::new(Target::One(target), content);
        draft.replaces = old;
        let (machine, message) = node.open(now, |cx| {
            let mut machine = Originating::new();
            let message = machine.send(draft, cx).unwrap();
            (machine, message)
        });
        node.monitor.expect(machine, message, RecipientId(0));
        machine
    })
}

/// Alice sends the wrong one, and then the right one in its place: Bob's user agent ends the old one.
fn instead(vouches: bool) -> (Vec<u64>, Vec<Outcome>, String) {
    let mut net = Net::new(1, Faults::NONE);
    net.vouches = vouches;
    net.join(node("alice", 1), &[]);
    net.join(node("bob", 2), &[]);
    let wrong = message(&mut net, 5_000_000, None);
    net.run_for(Duration::from_secs(2));
    let old = net.at(0, |node, now| {
        node.command(wrong, now, |alice: &mut Originating, _| {
            alice.dialog(LegId::FIRST, None)
        })
    });
    let old = old.flatten().expect("it is under way");
    message(&mut net, 9_000, Some(old));
    let ended = net.run(Duration::from_secs(7200));
    net.check();
    assert!(ended, "{}", net.ladder());
    let told = |node: usize| net.nodes[node].told.iter().map(|(_, notice)| notice);
    let received = told(1).filter_map(|notice| match notice {
        Notice::Received { size, .. } => Some(*size),
        _ => None,
    });
    let outcomes = told(0).filter_map(|notice| match notice {
        Notice::Outcome(_, _, outcome) => Some(*outcome),
        _ => None,
    });
    (received.collect(), outcomes.collect(), net.ladder())
}

#[test]
fn a_message_takes_the_place_of_another_between_two_drivers() {
    let (received, outcomes, ladder) = instead(true);
    assert_eq!(received, [9_000], "{ladder}");
    let incomplete = Outcome::Failed(Failure::Incomplete);
    assert_eq!(outcomes, [incomplete, Outcome::Sent], "{ladder}");
    // Nobody vouches for Alice: anybody could have said so.
    let (received, outcomes, ladder) = instead(false);
    assert_eq!(received, [5_000_000], "{ladder}");
    let refused = Outcome::Refused(Status(603));
    assert_eq!(outcomes, [refused, Outcome::Sent], "{ladder}");
}

#[test]
fn cc_71_of_two_that_replace_the_same_dialog_the_first_wins() {
    let mut old = view(Stage::Confirmed);
    let replaces = format!("old@h;to-tag={OURS};from-tag=6472");
    let mut first = bob();
    let ask = named(&mut first, &replaces, ALICE).unwrap();
    let did = first.answer(ask, Answer::Dialog(Found::Dialog(&old)));
    let did = first.answer(wanted(&did).unwrap(), Answer::Accept);
    let ok = did.one_reply().1;
    first.ack(&inside(&calling(""), &ok, "ACK", 314159, ""));
    // The old one says BYE now; then it is gone; then it is forgotten.
    old.stage = Stage::Over;
    assert_eq!(judged(Found::Dialog(&old), "", ALICE), Err(603));
    assert_eq!(judged(Found::Over, "", ALICE), Err(603));
    assert_eq!(judged(Found::Nothing, "", ALICE), Err(481));
}
