//! Corner cases CC-72 to CC-104 that concern pages and large messages, D-26, DR-20.

use simple_im::profile::{CfReportPolicy, FromPolicy, IdentityHeader};
use simple_im::{
    Action, Event, Failure, Machine, Method, Outcome, RecipientId, ServerTxn, Timer, TxnError,
};

use super::*;

fn methods(did: &Did) -> Vec<Method> {
    did.sent().iter().map(|(_, sent)| sent.method).collect()
}

#[test]
fn cc_72_our_own_uris_are_not_called() {
    let conference = Talk::of(focus(), &[BOB]);
    let text = wire(&conference.invited[0].1);
    let ours = text
        .split("Contact: <")
        .nth(1)
        .unwrap()
        .split('>')
        .next()
        .unwrap()
        .to_string();
    for request in [page_list, invite_list] {
        let names = [
            FACTORY,
            "sip:exploder@IM.example.com",
            "sip:im@im.example.com",
            &ours,
            "sip:conference-factory@im.example.com;session=adhoc?Subject=x",
            BOB,
        ];
        assert_eq!(targets(&run(&mut focus(), &request(&names))), [BOB]);
    }
    // A group that contains itself, under whatever session it was asked for.
    let looped = page_group().replacen(TEAM, &format!("{TEAM};session=prearranged"), 1);
    let did = run_as(&mut focus(), &looped, GRANTED, Ok(&uris(&[TEAM, BOB])));
    assert_eq!(targets(&did), [BOB]);
}

#[test]
fn cc_72_what_another_server_sent_loses_a_hop_and_comes_to_an_end() {
    for agent in ["User-Agent: IM-serv/OMA1.0 x\n", "Server: im-serv/OMA2.0\n"] {
        for (hops, left) in [("70", "69"), ("1", "0"), ("255", "70")] {
            let request = page(TEAM, &format!("{agent}Content-Type: text/plain\n"), "hi")
                .replace("Max-Forwards: 70", &format!("Max-Forwards: {hops}"));
            let text = wire(&run(&mut focus(), &request).sent()[0].1);
            assert!(
                text.contains(&format!("Max-Forwards: {left}\r\n")),
                "{text}"
            );
        }
    }
    let spent = page_group().replace("Max-Forwards: 70", "Max-Forwards: 0");
    assert_eq!(status(&mut focus(), &spent), 483);
    // A user's request begins anew.
    let text = wire(
        &run(
            &mut focus(),
            &page_group().replace("Max-Forwards: 70", "Max-Forwards: 5"),
        )
        .sent()[0]
            .1,
    );
    assert!(text.contains("Max-Forwards: 70\r\n"));
}

#[test]
fn d_26_a_group_on_a_list_is_called_like_anyone() {
    let group = "sip:other-team@im.example.com;session=pre-arranged";
    for request in [page_list, invite_list] {
        let did = run(&mut focus(), &request(&[group, BOB]));
        assert_eq!(targets(&did), ["sip:other-team@im.example.com", BOB]);
    }
}

#[test]
fn cc_73_the_originator_gets_no_copy_unless_it_wants_one() {
    let names = ["sip:alice@example.com", BOB];
    for request in [page_list, invite_list] {
        assert_eq!(targets(&run(&mut focus(), &request(&names))), [BOB]);
        let mut echo = with(|config| config.profile.echo_to_originator = true);
        assert_eq!(targets(&run(&mut echo, &request(&names))), names);
    }
}

#[test]
fn cc_74_one_member_is_served_once_however_it_is_written() {
    let names = [
        "sip:bob@example.com;a=1;b=2",
        "SIP:bob@EXAMPLE.com;b=2;a=1",
        "sip:bob@example.com;a=1;b=2?Subject=x",
        "sip:bob@example.com;a=1;b=2;method=MESSAGE",
        "sip:Bob@example.com;a=1;b=2",
        "sip:bob@example.com:5060;a=1;b=2",
    ];
    assert_eq!(run(&mut focus(), &page_list(&names)).sent().len(), 3);
    let mut tolerant = with(|config| config.profile.dedupe_default_port = true);
    assert_eq!(run(&mut tolerant, &page_list(&names)).sent().len(), 2);
}

#[test]
fn cc_78_a_leaving_originator_ends_each_leg_as_it_stands() {
    let mut talk = Talk::of(
        focus(),
        &[
            BOB,
            CAROL,
            DAVE,
            "sip:eve@example.com",
            "sip:fay@example.com",
        ],
    );
    talk.connect();
    talk.respond(1, "180 Ringing", "", "");
    talk.accept(2);
    talk.respond(3, "404 Not Found", "", "");
    talk.accept(4);
    talk.up(4);
    let did = talk.says("BYE", "");
    assert_eq!(did.statuses(), [200]);
    assert_eq!(
        did.cancels()
            .iter()
            .map(|(leg, _)| *leg)
            .collect::<Vec<_>>(),
        [talk.invited[1].0]
    );
    let byes: Vec<_> = did
        .sent()
        .iter()
        .map(|(leg, sent)| (*leg, sent.method))
        .collect();
    assert_eq!(
        byes,
        [
            (talk.invited[2].0, Method::Bye),
            (talk.invited[4].0, Method::Bye)
        ]
    );
    assert_eq!(did.outcomes().len(), 4, "one had its own");
    // The silent one is cancelled as soon as it speaks; a 2xx that crosses is ended.
    assert_eq!(talk.respond(0, "180 Ringing", "", "").cancels().len(), 1);
    let did = talk.accept(0);
    assert_eq!(methods(&did), [Method::Ack, Method::Bye]);
    assert!(did.outcomes().is_empty(), "it has one");
}

#[test]
fn cc_79_a_cancel_after_the_200_is_answered_and_nothing_else() {
    let mut talk = Talk::of(focus(), &[BOB]);
    let cancel = Event::Cancel {
        cancel: ServerTxn(2),
        invite: ServerTxn(1),
    };
    let did = talk.rig.event(cancel);
    assert_eq!((did.statuses(), did.0.len()), (vec![200], 1));
    talk.connect();
    let did = talk.says("BYE", "");
    assert_eq!(did.statuses(), [200]);
}

#[test]
fn cc_80_an_originator_that_leaves_before_it_sent_anything_takes_all_legs_with_it() {
    let mut talk = Talk::of(focus(), &[BOB, CAROL]);
    talk.accept(0);
    talk.respond(1, "180 Ringing", "", "");
    let did = talk.says("BYE", "");
    assert_eq!((methods(&did), did.cancels().len()), (vec![Method::Bye], 1));
    let lost = Outcome::Failed(Failure::NothingToSend);
    assert_eq!(
        did.outcomes(),
        [(RecipientId(0), lost), (RecipientId(1), lost)]
    );
}

#[test]
fn cc_80_a_message_that_is_not_complete_is_not_delivered() {
    let mut talk = Talk::of(focus(), &[BOB]);
    talk.connect();
    talk.accept(0);
    talk.up(0);
    talk.rig.send(
        LegId::FIRST,
        1,
        send_head("m", 1, 100, 300),
        &[b'x'; 100],
        Continuation::More,
    );
    let did = talk.says("BYE", "");
    assert!(did.chunks().is_empty());
    assert_eq!(did.outcome(), Outcome::Failed(Failure::NothingToSend));
}

#[test]
fn cc_81_what_is_stored_is_delivered_after_the_originator_has_left() {
    let mut talk = Talk::of(focus(), &[BOB, CAROL]);
    talk.connect();
    talk.store(&[b'x'; 3000]);
    talk.respond(0, "180 Ringing", "", "");
    talk.respond(1, "180 Ringing", "", "");
    let did = talk.says("BYE", "");
    assert!(did.cancels().is_empty());
    talk.accept(0);
    talk.up(0);
    assert_eq!(talk.take(0).0.len(), 3000);
    // Until the deadline.
    let leg = talk.invited[1].0;
    let did = talk.rig.on(leg, Event::Timer(Timer::Delivery));
    assert_eq!(did.cancels().len(), 1);
    talk.respond(1, "487 Request Terminated", "", "");
    assert!(talk.rig.machine.is_closed());
}

#[test]
fn cc_82_a_2xx_of_a_leg_that_was_given_up_is_ended() {
    let mut talk = Talk::of(focus(), &[BOB, CAROL]);
    talk.respond(0, "180 Ringing", "", "");
    let leg = talk.invited[0].0;
    assert_eq!(
        talk.rig.on(leg, Event::Timer(Timer::Ring)).cancels().len(),
        1
    );
    let did = talk.rig.on(leg, Event::Timer(Timer::FinalWait));
    assert!(did.has(|action| *action == Action::Closed));
    let did = talk.accept(0);
    assert_eq!(methods(&did), [Method::Ack, Method::Bye]);
    assert!(did.sent().iter().all(|(at, _)| *at == leg));
    let did = talk.rig.respond(&did.sent()[1], "200 OK", "", "");
    did.none();
}

#[test]
fn cc_83_an_answer_that_is_no_use_ends_that_leg_only() {
    for wrong in [
        answer_sdp("").replace("m=message 8888", "m=message 0"),
        answer_sdp("").replace(
            "a=path:msrp://peer.example.com:8888/9di4eae923wzd;tcp\n",
            "",
        ),
        String::new(),
    ] {
        let mut talk = Talk::of(focus(), &[BOB, CAROL]);
        let lines = if wrong.is_empty() {
            "Contact: <sip:peer@h>\n"
        } else {
            ACCEPTED
        };
        let did = talk.respond(0, "200 OK", lines, &wrong);
        assert_eq!(methods(&did), [Method::Ack, Method::Bye]);
        assert_eq!(did.outcomes().len(), 1);
        assert_eq!(methods(&talk.accept(1)), [Method::Ack]);
    }
}

#[test]
fn cc_84_a_member_that_cannot_take_it_is_not_sent_it() {
    for (answer, why) in [
        (answer_sdp("a=max-size:2999\n"), Failure::TooLarge),
        (
            answer_sdp("").replace("accept-types:*", "accept-types:image/png"),
            Failure::UnsupportedType,
        ),
    ] {
        for early in [false, true] {
            let mut talk = Talk::of(focus(), &[BOB, CAROL]);
            talk.connect();
            let did = if early {
                talk.respond(0, "200 OK", ACCEPTED, &answer);
                talk.store(&[b'x'; 3000])
            } else {
                talk.store(&[b'x'; 3000]);
                talk.respond(0, "200 OK", ACCEPTED, &answer)
            };
            assert!(did.chunks().is_empty());
            assert_eq!(did.outcomes(), [(RecipientId(0), Outcome::Failed(why))]);
            assert_eq!(methods(&did).last(), Some(&Method::Bye));
        }
    }
}

#[test]
fn cc_85_a_slow_leg_does_not_hold_up_the_others() {
    let mut talk = Talk::of(focus(), &[BOB, CAROL]);
    talk.connect();
    for member in 0..2 {
        talk.accept(member);
        talk.up(member);
    }
    talk.store(&[b'x'; 100_000]);
    // bob's connection takes one chunk and then nothing.
    let slow = talk.invited[0].0;
    assert_eq!(talk.rig.room(slow).chunks().len(), 1);
    assert_eq!(talk.take(1).0.len(), 100_000);
    assert_eq!(
        talk.rig.on(slow, Event::Timer(Timer::Delivery)).outcome(),
        Outcome::Failed(Failure::TooSlow)
    );
}

#[test]
fn cc_86_a_leg_that_fails_midway_ends_with_a_hash_and_bye() {
    let mut talk = Talk::of(focus(), &[BOB]);
    talk.connect();
    talk.accept(0);
    talk.up(0);
    talk.store(&[b'x'; 10_000]);
    let leg = talk.invited[0].0;
    let (_, chunk) = talk.rig.room(leg).chunks().pop().unwrap();
    let did = talk.rig.msrp(leg, MsrpEvent::Response(chunk.id, 413));
    let (_, last) = did.chunks().pop().unwrap();
    assert_eq!(last.flag, Continuation::Abandoned);
    assert_eq!(methods(&did), [Method::Bye]);
    assert_eq!(did.outcome(), Outcome::Failed(Failure::Msrp(413)));
}

#[test]
fn cc_87_when_all_have_refused_before_anything_was_sent_the_originator_is_released() {
    let reason = "\r\nReason: SIP;cause=480;text=\"No destinations\"\r\n";
    let mut talk = Talk::of(focus(), &[BOB, CAROL]);
    talk.connect();
    assert!(talk.respond(0, "486 Busy Here", "", "").sent().is_empty());
    let bye = talk.respond(1, "603 Decline", "", "").one_sent();
    assert!(bye.0 == LegId::FIRST && wire(&bye.1).contains(reason));
    talk.rig.respond(&bye, "200 OK", "", "");
    assert!(talk.rig.machine.is_closed());
    // BYE may not overtake the ACK: the reason waits with it.
    let mut talk = Talk::of(focus(), &[BOB]);
    assert!(talk.respond(0, "486 Busy Here", "", "").sent().is_empty());
    let ack = inside(&talk.call, &talk.ok, "ACK", 1, "");
    assert!(wire(&talk.rig.ack(&ack).one_sent().1).contains(reason));
}

#[test]
fn cc_87_an_originator_that_is_sending_hears_413_first() {
    let mut talk = Talk::of(focus(), &[BOB]);
    talk.connect();
    let head = send_head("m", 1, 2048, 9000);
    talk.rig
        .msrp(LegId::FIRST, MsrpEvent::Send(simple_im::MsrpTxn(1), &head));
    let did = talk.respond(0, "480 Unavailable", "", "");
    let refused = did
        .position(|action| matches!(action, Action::RespondMsrp(_, 413)))
        .unwrap();
    let bye = did
        .position(|action| matches!(action, Action::SendRequest(r) if r.method == Method::Bye))
        .unwrap();
    assert!(refused < bye);
    // Between two chunks, the next one hears it.
    let mut talk = Talk::of(focus(), &[BOB]);
    talk.connect();
    talk.rig.send(
        LegId::FIRST,
        1,
        send_head("m", 1, 10, 9000),
        b"0123456789",
        Continuation::More,
    );
    talk.respond(0, "480 Unavailable", "", "");
    let did = talk.rig.send(
        LegId::FIRST,
        2,
        send_head("m", 11, 10, 9000),
        b"0123456789",
        Continuation::More,
    );
    assert!(did.has(|action| matches!(action, Action::RespondMsrp(_, 413))));
}

#[test]
fn cc_89_each_message_to_a_group_is_a_conference_of_its_own() {
    // So two starters at once compete for no place: the size of the group is checked for each.
    for _ in 0..2 {
        let mut rig = with(|config| config.limits.group_members = 2);
        let did = run_as(&mut rig, &invite_group(), GRANTED, Ok(&many(2)));
        assert_eq!(did.statuses(), [200]);
    }
}

#[test]
fn cc_98_privacy_none_delivers_the_real_identity() {
    let request = page_group().replace("Call-ID", "Privacy: none\nCall-ID");
    let text = wire(&run(&mut focus(), &request).sent()[0].1);
    assert!(text.contains("From: <sip:alice@example.com>") && !text.contains("Privacy"));
}

#[test]
fn cc_98_a_forbidden_privacy_id_serves_nobody() {
    let request = invite_group().replace("Call-ID", "Privacy: id\nCall-ID");
    let access = Access {
        anonymity: false,
        ..GRANTED
    };
    let did = run_as(&mut focus(), &request, access, Ok(&many(2)));
    assert_eq!(did.statuses(), [403]);
    assert!(did.sent().is_empty());
}

/// Everything that leaves the machine towards members, as octets.
fn outgoing(rig: &Rig<Controlling>) -> Vec<String> {
    let text = |(leg, action): &(LegId, Action)| match action {
        Action::SendRequest(request) | Action::SendAck(request) if *leg != LegId::FIRST => {
            Some(wire(request))
        }
        Action::Respond(_, reply) if *leg != LegId::FIRST => Some(wire_reply(reply, &page_group())),
        Action::SendChunk(chunk) => Some(format!("{:?}{:?}", chunk.mime, chunk.body)),
        Action::OpenMsrp(open) if *leg != LegId::FIRST => Some(format!("{:?}", open.own)),
        _ => None,
    };
    rig.log.iter().filter_map(text).collect()
}

#[test]
fn cc_99_nothing_that_leaves_names_an_anonymous_originator() {
    let leaks = "Subject: from alice\nReply-To: <sip:alice@example.com>\nOrganization: Alice Ltd\n\
                 Authorization: Digest username=\"alice\", realm=\"other.example\"\nPrivacy: id\n\
                 Referred-By: <sip:alice@example.com>\nCall-Info: <http://alice.example.com/>\n";
    let entries = [
        "uri=\"sip:alice@example.com\" cp:copyControl=\"to\"",
        "uri=\"sip:bob@example.com\" cp:copyControl=\"to\"",
    ];
    for trusted in [true, false] {
        for from in [FromPolicy::ConferenceUri, FromPolicy::Originator] {
            let rig = || {
                with(|config| {
                    config.profile.from_policy = from;
                    if !trusted {
                        config.profile.server_identity = IdentityHeader::None;
                    }
                })
            };
            let list = list_part(&entries);
            let mut paged = rig();
            let request = page(FACTORY, &format!("{leaks}{MIXED}"), &mixed(&[TEXT, &list]));
            assert_eq!(run(&mut paged, &request).statuses(), [202]);

            let call = invite(
                FACTORY,
                &format!("{leaks}{MIXED}"),
                &mixed(&[&sdp_part("i=alice\n"), &list]),
            )
            .replace("From: <", "From: \"Alice\" <");
            let mut talk = Talk::begin(rig(), &call, &[]);
            talk.connect();
            talk.accept(0);
            talk.up(0);
            talk.store(&[b'x'; 3000]);
            talk.take(0);

            for text in outgoing(&paged).into_iter().chain(outgoing(&talk.rig)) {
                let told = text
                    .lines()
                    .filter(|line| line.to_ascii_lowercase().contains("alice"))
                    .filter(|line| !(trusted && line.starts_with("P-Asserted-Identity: ")));
                assert_eq!(told.collect::<Vec<_>>(), [""; 0], "{text}");
                if text.starts_with("INVITE") || text.starts_with("MESSAGE") {
                    assert!(text.contains("\r\nPrivacy: id\r\n"));
                    assert_eq!(text.contains("P-Asserted-Identity"), trusted);
                }
            }
        }
    }
}

#[test]
fn dr_20_an_anonymous_originator_is_told_apart_by_its_conference() {
    // A large message has one sender: the conference URI, unique and unguessable, is its pseudonym.
    let call = invite_group().replace("Call-ID", "Privacy: id\nCall-ID");
    let from = |seed| {
        let mut rig = focus();
        for _ in 0..seed {
            rig.command(|_, _| ());
        }
        rig.config.key = [seed, 9];
        let text = wire(&Talk::begin(rig, &call, &uris(&[BOB])).invited[0].1);
        text.lines()
            .find(|l| l.starts_with("From: "))
            .unwrap()
            .split(";tag")
            .next()
            .unwrap()
            .to_string()
    };
    assert!(from(1).starts_with("From: <sip:conf-"));
    assert_ne!(from(1), from(2));
    let text = wire(&Talk::begin(draft(), &call, &uris(&[BOB])).invited[0].1);
    assert!(text.contains("\r\nFrom: \"Anonymous\" <sip:anonymous@anonymous.invalid>;tag="));
    let page = page_group().replace("Call-ID", "Privacy: id\nCall-ID");
    let text = wire(&run(&mut focus(), &page).sent()[0].1);
    assert!(text.contains("\r\nFrom: \"Anonymous\" <sip:anonymous@anonymous.invalid>;tag="));
}

#[test]
fn cc_101_what_a_member_sends_is_403_and_goes_nowhere() {
    let mut talk = Talk::of(focus(), &[BOB, CAROL]);
    talk.connect();
    for member in 0..2 {
        talk.accept(member);
        talk.up(member);
    }
    let leg = talk.invited[0].0;
    let did = talk
        .rig
        .send(leg, 5, send_head("x", 1, 2, 2), b"hi", Continuation::Last);
    assert!(did.has(|action| matches!(action, Action::RespondMsrp(_, 403))));
    assert!(did.chunks().is_empty() && did.sent().is_empty());
}

#[test]
fn cc_102_a_member_that_only_rings_is_cancelled() {
    let mut talk = Talk::of(focus(), &[BOB]);
    assert!(
        talk.rig
            .log
            .iter()
            .any(|(leg, action)| *leg == talk.invited[0].0
                && *action == Action::StartTimer(Timer::Ring, std::time::Duration::from_secs(180)))
    );
    talk.respond(0, "180 Ringing", "", "");
    let leg = talk.invited[0].0;
    let did = talk.rig.on(leg, Event::Timer(Timer::Ring));
    assert_eq!(did.cancels().len(), 1);
    let did = talk.respond(0, "487 Request Terminated", "", "");
    assert_eq!(did.outcome(), Outcome::Failed(Failure::NoAnswer));
}

#[test]
fn cc_103_each_leg_has_a_session_timer_of_its_own() {
    let mut talk = Talk::of(focus(), &[BOB, CAROL]);
    talk.connect();
    let granted =
        |seconds| format!("{ACCEPTED}Supported: timer\nSession-Expires: {seconds};refresher=uas\n");
    let did = talk.respond(0, "200 OK", &granted(90), &answer_sdp(""));
    assert_eq!(
        did.started(Timer::Expiry),
        Some(std::time::Duration::from_secs(60))
    );
    talk.accept(1);
    let leg = talk.invited[0].0;
    let did = talk.rig.on(leg, Event::Timer(Timer::Expiry));
    assert_eq!(methods(&did), [Method::Bye]);
    assert!(did.sent().iter().all(|(at, _)| *at == leg));
    assert_eq!(did.outcomes().len(), 1);
}

#[test]
fn cc_104_what_a_lists_uri_would_put_into_a_request_is_dropped() {
    let names = [
        "sip:bob@example.com?Replaces=a%40b%3Bto-tag%3D1%3Bfrom-tag%3D2&amp;Require=replaces&amp;Subject=x&amp;Route=%3Csip:h%3E",
    ];
    for request in [page_list, invite_list] {
        let did = run(&mut focus(), &request(&names));
        assert_eq!(targets(&did), [BOB]);
        let text = wire(&did.one_sent().1);
        for name in ["Replaces", "Require", "Subject", "Route"] {
            assert!(!text.contains(name), "{text}");
        }
    }
}

#[test]
fn a_member_is_heard_whatever_it_does_inside_its_dialog() {
    let mut talk = Talk::of(focus(), &[BOB]);
    talk.connect();
    talk.accept(0);
    let (leg, invitation) = talk.invited[0].clone();
    for (cseq, method, status) in [
        (2, "MESSAGE", 403),
        (3, "OPTIONS", 200),
        (4, "REFER", 405),
        (5, "BYE", 200),
        (6, "BYE", 481),
    ] {
        let request = request(&from_peer(&invitation, method, cseq, ""));
        let did = talk
            .rig
            .on(leg, Event::Request(ServerTxn(cseq.into()), &request));
        assert_eq!(did.statuses()[0], status, "{method}");
    }
}

#[test]
fn a_leg_without_an_answer_has_an_outcome_all_the_same() {
    let mut talk = Talk::of(
        with(|config| config.profile.cf_report = CfReportPolicy::OnAllDelivered),
        &[BOB, CAROL],
    );
    let to = talk.invited[0].clone();
    assert_eq!(
        talk.rig.fail(&to, TxnError::Timeout).outcome(),
        Outcome::Failed(Failure::NoAnswer)
    );
    let to = talk.invited[1].clone();
    assert_eq!(
        talk.rig.fail(&to, TxnError::Transport).outcome(),
        Outcome::Failed(Failure::Transport)
    );
    assert!(
        !talk.rig.machine.is_closed(),
        "the originator has to be told"
    );
}
