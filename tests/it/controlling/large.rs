//! A large message to many: CF-LM-01 to CF-LM-26, DR-05, DR-09, DR-10, DR-13.

use std::time::Duration;

use simple_im::profile::{CfReportPolicy, FromPolicy};
use simple_im::{
    Action, Down, Event, Failure, Machine, Method, Notice, Outcome, RecipientId, Timer, TxnError,
};

use super::*;

/// The session description of an invitation.
fn sdp(text: &str) -> &str {
    text.split_once("\r\n\r\n").unwrap().1
}

fn reports(did: &Did) -> Vec<(u64, u64, u16)> {
    let report = |(_, action): &(LegId, Action)| match action {
        Action::SendReport(report) => Some((report.start, report.end, report.status)),
        _ => None,
    };
    did.0.iter().filter_map(report).collect()
}

/// A conference whose message is stored.
fn stored(rig: Rig<Controlling>, members: &[&str]) -> Talk {
    let mut talk = Talk::of(rig, members);
    talk.connect();
    talk.store(&[b'x'; 3000]);
    talk
}

#[test]
fn cf_lm_01_a_list_sets_up_an_ad_hoc_conference() {
    let talk = Talk::begin(focus(), &invite_list(&[BOB, CAROL]), &[]);
    assert_eq!(talk.invited.len(), 2);
}

#[test]
fn cf_lm_02_a_group_sets_up_a_conference_of_its_members() {
    let talk = Talk::of(focus(), &[BOB, CAROL, "sip:alice@example.com"]);
    assert_eq!(talk.invited.len(), 2);
    let text = wire_reply(&talk.ok, &talk.call);
    assert!(
        text.contains("Contact: <sip:conf-"),
        "a URI of its own, not the group's"
    );
}

#[test]
fn cf_lm_03_only_the_shape_of_a_large_message_is_accepted() {
    let session = invite_group().replace("a=sendonly\n", "");
    assert_eq!(status(&mut focus(), &session), 488);
    let tagged = session.replace("explicit\n", "explicit, *;+g.oma.sip-im.large-message\n");
    assert_eq!(status(&mut focus(), &tagged), 200);
    let file = invite_group().replace("a=sendonly\n", "a=sendonly\na=file-selector:size:3000\n");
    assert_eq!(status(&mut focus(), &file), 488);
}

#[test]
fn cf_lm_04_to_07_the_answer_is_the_switchs_own() {
    let talk = Talk::of(focus(), &[BOB]);
    let text = wire_reply(&talk.ok, &talk.call);
    for line in [
        "m=message 2855 TCP/MSRP *",
        "a=path:msrp://im.example.com:2855/",
        "a=accept-types:message/cpim text/plain\r\n",
        "a=recvonly\r\n",
    ] {
        assert!(sdp(&text).contains(line), "{text}");
    }
    assert!(!text.contains("sendonly") && !text.contains("alice.example.com:7654"));
}

#[test]
fn cf_lm_04_the_200_has_a_session_description() {
    let talk = Talk::of(focus(), &[BOB]);
    assert!(wire_reply(&talk.ok, &talk.call).contains("Content-Type: application/sdp\r\n"));
}

#[test]
fn cf_lm_05_the_path_is_the_switchs() {
    let talk = Talk::of(focus(), &[BOB]);
    assert!(wire_reply(&talk.ok, &talk.call).contains("a=path:msrp://im.example.com:2855/"));
}

#[test]
fn cf_lm_06_the_media_types_are_those_that_the_server_accepts() {
    let mut rig = focus();
    rig.config.account.accept_types = "text/plain image/*".into();
    let talk = Talk::of(rig, &[BOB]);
    assert!(wire_reply(&talk.ok, &talk.call).contains("a=accept-types:text/plain image/*\r\n"));
}

#[test]
fn cf_lm_07_the_direction_is_inverted_and_the_size_echoed_by_the_draft_only() {
    let call = invite_group().replace(
        "a=sendonly\n",
        "a=sendonly\na=filelength:3000\na=strange:1\n",
    );
    for (rig, echoed) in [(focus(), false), (draft(), true)] {
        let talk = Talk::begin(rig, &call, &uris(&[BOB]));
        let text = wire_reply(&talk.ok, &talk.call);
        assert!(text.contains("a=recvonly\r\n") && !text.contains("strange"));
        assert_eq!(text.contains("a=filelength:3000"), echoed);
    }
}

#[test]
fn cf_lm_08_and_d_25_talk_bursts_are_neither_granted_nor_minded() {
    let call = invite_group().replace(
        "m=message 7654 TCP/MSRP *\n",
        "m=message 7654 TCP/MSRP *\na=fmtp:TBCP tb-granted=1\n",
    );
    let talk = Talk::begin(focus(), &call, &uris(&[BOB]));
    assert!(!wire_reply(&talk.ok, &talk.call).contains("tb"));
    assert!(!wire(&talk.invited[0].1).contains("tb"));
}

#[test]
fn d_25_tb_granted_is_never_emitted() {
    cf_lm_08_and_d_25_talk_bursts_are_neither_granted_nor_minded();
}

#[test]
fn cf_lm_09_the_originators_leaving_cancels_what_rings() {
    let mut talk = Talk::of(focus(), &[BOB, CAROL, DAVE]);
    talk.connect();
    talk.respond(0, "180 Ringing", "", "");
    talk.respond(1, "100 Trying", "", "");
    let did = talk.says("BYE", "");
    assert_eq!(did.statuses(), [200]);
    // Who has said nothing cannot be cancelled yet.
    let cancelled: Vec<_> = did.cancels().iter().map(|(leg, _)| *leg).collect();
    assert_eq!(cancelled, [talk.invited[0].0, talk.invited[1].0]);
    assert_eq!(talk.respond(2, "100 Trying", "", "").cancels().len(), 1);
    for member in 0..3 {
        talk.respond(member, "487 Request Terminated", "", "");
    }
    assert!(talk.rig.machine.is_closed());
}

#[test]
fn cf_lm_10_the_identity_goes_on_within_the_trust_domain() {
    for rig in [focus(), draft()] {
        let text = wire(&Talk::of(rig, &[BOB]).invited[0].1);
        assert!(text.contains("P-Asserted-Identity: <sip:alice@example.com>\r\n"));
    }
}

#[test]
fn cf_lm_11_each_member_is_invited_by_the_focus() {
    let talk = Talk::of(focus(), &[BOB]);
    let text = wire(&talk.invited[0].1);
    for line in [
        "INVITE sip:bob@example.com SIP/2.0\r\n",
        "\r\nTo: <sip:bob@example.com>\r\n",
        "\r\nAccept-Contact: *;+g.oma.sip-im;explicit\r\n",
        ">;+g.oma.sip-im;isfocus\r\n",
        "\r\nUser-Agent: IM-serv/OMA1.0\r\n",
        "\r\nSupported: timer\r\n",
        "\r\nMax-Forwards: 70\r\n",
        "\r\nSession-Expires: 1800;refresher=uac\r\n",
    ] {
        assert!(text.contains(line), "{line} in {text}");
    }
    assert!(!text.contains("Min-SE") && !text.contains("Require"));
}

#[test]
fn dr_05_the_invitation_is_from_the_conference_or_from_the_originator() {
    let call = invite_group().replace(
        "From: <sip:alice@example.com>",
        "From: Alice <sip:alice@example.com>",
    );
    for (policy, from, referred) in [
        (FromPolicy::ConferenceUri, "\r\nFrom: <sip:conf-", true),
        (
            FromPolicy::Originator,
            "\r\nFrom: Alice <sip:alice@example.com>;tag=",
            false,
        ),
    ] {
        let rig = with(|config| config.profile.from_policy = policy);
        let text = wire(&Talk::begin(rig, &call, &uris(&[BOB])).invited[0].1);
        assert!(text.contains(from), "{text}");
        assert_eq!(
            text.contains("Referred-By: <sip:alice@example.com>"),
            referred
        );
    }
    assert!(
        wire(&Talk::of(draft(), &[BOB]).invited[0].1)
            .contains("\r\nFrom: <sip:alice@example.com>;tag=")
    );
}

#[test]
fn dr_05_the_draft_wraps_what_the_default_does_not() {
    assert!(
        wire(&Talk::of(focus(), &[BOB]).invited[0].1).contains("Content-Type: application/sdp\r\n")
    );
    assert!(
        wire(&Talk::of(draft(), &[BOB]).invited[0].1).contains("Content-Type: multipart/mixed;")
    );
}

#[test]
fn dr_05_every_party_has_the_same_conference_uri() {
    let talk = Talk::of(focus(), &[BOB, CAROL]);
    let contact = |text: String| {
        text.lines()
            .find(|l| l.starts_with("Contact: "))
            .unwrap()
            .to_string()
    };
    let ours = contact(wire_reply(&talk.ok, &talk.call));
    for (_, invitation) in &talk.invited {
        assert_eq!(contact(wire(invitation)), ours);
    }
    assert_eq!(
        ours.len(),
        "Contact: <sip:conf-@im.example.com>;+g.oma.sip-im;isfocus".len() + 24
    );
}

#[test]
fn cf_lm_12_everyone_on_the_list_is_invited() {
    let did = run(&mut focus(), &invite_list(&[BOB, CAROL, "tel:+15550101"]));
    assert_eq!(targets(&did), [BOB, CAROL, "tel:+15550101"]);
}

#[test]
fn cf_lm_13_everyone_in_the_group_is_invited() {
    let did = run_as(
        &mut focus(),
        &invite_group(),
        GRANTED,
        Ok(&uris(&[CAROL, BOB])),
    );
    assert_eq!(targets(&did), [CAROL, BOB]);
}

#[test]
fn cf_lm_14_to_17_each_invitation_offers_a_leg_of_its_own() {
    let call = invite_group().replace(
        "a=accept-types:message/cpim text/plain\na=sendonly\n",
        "a=accept-types:text/plain image/png\na=sendonly\na=filelength:3000\na=strange:1\n",
    );
    let talk = Talk::begin(focus(), &call, &uris(&[BOB, CAROL]));
    let texts: Vec<_> = talk.invited.iter().map(|(_, sent)| wire(sent)).collect();
    let path = |text: &str| {
        text.lines()
            .find(|l| l.starts_with("a=path:"))
            .unwrap()
            .to_string()
    };
    assert!(path(&texts[0]).starts_with("a=path:msrp://im.example.com:2855/"));
    assert_ne!(path(&texts[0]), path(&texts[1]));
    for line in [
        "m=message 2855 TCP/MSRP *\r\n",
        "a=accept-types:text/plain\r\n",
        "a=sendonly\r\n",
        "a=filelength:3000\r\n",
        "a=setup:actpass\r\n",
    ] {
        assert!(texts[0].contains(line), "{line} in {}", texts[0]);
    }
    assert!(!texts[0].contains("strange") && !texts[0].contains("7654"));
}

#[test]
fn cf_lm_14_each_invitation_has_an_offer() {
    let talk = Talk::of(focus(), &[BOB]);
    assert!(sdp(&wire(&talk.invited[0].1)).starts_with("v=0\r\n"));
}

#[test]
fn cf_lm_15_no_two_legs_share_a_path() {
    let talk = Talk::begin(focus(), &invite_group(), &many(20));
    let mut paths: Vec<_> = talk
        .invited
        .iter()
        .map(|(_, sent)| {
            wire(sent)
                .lines()
                .find(|l| l.starts_with("a=path:"))
                .unwrap()
                .to_string()
        })
        .collect();
    paths.sort();
    paths.dedup();
    assert_eq!(paths.len(), 20);
}

#[test]
fn cf_lm_16_and_d_24_the_media_types_are_those_of_the_offer_that_the_server_knows() {
    for (offered, forwarded) in [
        ("text/plain", "text/plain"),
        ("image/png text/plain", "text/plain"),
        ("*", "message/cpim text/plain"),
        ("image/png", "message/cpim text/plain"),
    ] {
        let call = invite_group().replace("message/cpim text/plain", offered);
        let did = run(&mut focus(), &call);
        if did.statuses()[0] == 200 {
            let text = wire(&did.sent()[0].1);
            assert!(
                text.contains(&format!("a=accept-types:{forwarded}\r\n")),
                "{offered}: {text}"
            );
        }
    }
}

#[test]
fn d_24_what_the_seeds_call_codecs_are_media_types() {
    cf_lm_16_and_d_24_the_media_types_are_those_of_the_offer_that_the_server_knows();
}

#[test]
fn cf_lm_17_what_the_draft_offers_names_no_setup() {
    assert!(!wire(&Talk::of(draft(), &[BOB]).invited[0].1).contains("a=setup"));
}

#[test]
fn cf_lm_18_the_invitations_leave_after_the_200_a_window_at_a_time() {
    let mut rig = with(|config| config.limits.in_flight = 2);
    let did = run_as(&mut rig, &invite_group(), GRANTED, Ok(&many(4)));
    let ok = did
        .position(|action| matches!(action, Action::Respond(..)))
        .unwrap();
    let first = did
        .position(|action| matches!(action, Action::SendRequest(_)))
        .unwrap();
    assert!(ok < first, "AC-26");
    let sent = did.sent();
    assert_eq!(sent.len(), 2);
    let third = rig.respond(&sent[0], "100 Trying", "", "").one_sent();
    assert_eq!(third.1.target, uri("sip:m2@example.com"));
    let did = rig.on(sent[1].0, Event::Timer(Timer::Patience));
    assert_eq!(did.one_sent().1.target, uri("sip:m3@example.com"));
    // No third chance: the window counts first responses.
    assert!(
        rig.respond(&sent[1], "180 Ringing", "", "")
            .sent()
            .is_empty()
    );
}

#[test]
fn ac_26_the_200_precedes_the_invitations() {
    cf_lm_18_the_invitations_leave_after_the_200_a_window_at_a_time();
}

#[test]
fn cf_lm_18_ringing_and_live_legs_are_bounded_too() {
    let mut rig = with(|config| config.limits.legs = 2);
    let did = run_as(&mut rig, &invite_group(), GRANTED, Ok(&many(3)));
    let sent = did.sent();
    assert_eq!(sent.len(), 2);
    assert!(
        rig.respond(&sent[0], "180 Ringing", "", "")
            .sent()
            .is_empty()
    );
    // A place that is free again is taken by a leg of another name.
    let did = rig.respond(&sent[0], "486 Busy Here", "", "");
    let next = did.one_sent();
    assert_eq!(next.0.slot(), sent[0].0.slot());
    assert_eq!(next.0.generation(), sent[0].0.generation() + 1);
    // News for the one that is gone does not reach the one that took its place.
    let late = rig.respond(&sent[0], "200 OK", ACCEPTED, &answer_sdp(""));
    assert_eq!(
        late.sent()
            .iter()
            .map(|(_, r)| r.method)
            .collect::<Vec<_>>(),
        [Method::Ack, Method::Bye]
    );
    assert!(late.outcomes().is_empty());
    assert_eq!(
        rig.respond(&next, "200 OK", ACCEPTED, &answer_sdp(""))
            .one_sent()
            .1
            .method,
        Method::Ack
    );
}

#[test]
fn cf_lm_19_to_22_allow_and_contact_of_an_invitee_are_remembered() {
    let mut talk = Talk::of(focus(), &[BOB]);
    talk.respond(
        0,
        "183 Session Progress",
        "Contact: <sip:a@h>\nAllow: INVITE, ACK, BYE, UPDATE\n",
        "",
    );
    let lines = "Contact: <sip:b@h>;+g.oma.sip-im\nContent-Type: application/sdp\nSupported: timer\nSession-Expires: 900;refresher=uac\n";
    let did = talk.respond(0, "200 OK", lines, &answer_sdp(""));
    assert_eq!(did.one_sent().1.target, uri("sip:b@h"));
    assert_eq!(did.started(Timer::Refresh), Some(Duration::from_secs(450)));
    // The Allow of the 183 stands: it knows UPDATE.
    let leg = talk.invited[0].0;
    let refresh = talk.rig.on(leg, Event::Timer(Timer::Refresh)).one_sent().1;
    assert_eq!(
        (refresh.method, refresh.target),
        (Method::Update, uri("sip:b@h"))
    );
}

#[test]
fn cf_lm_19_allow_of_a_provisional_response_counts() {
    cf_lm_19_to_22_allow_and_contact_of_an_invitee_are_remembered();
}

#[test]
fn cf_lm_20_contact_of_a_provisional_response_gives_way_to_that_of_the_2xx() {
    cf_lm_19_to_22_allow_and_contact_of_an_invitee_are_remembered();
}

#[test]
fn cf_lm_21_allow_of_the_2xx_replaces_the_earlier_one() {
    let mut talk = Talk::of(focus(), &[BOB]);
    talk.respond(
        0,
        "183 Session Progress",
        "Allow: INVITE, ACK, BYE, UPDATE\n",
        "",
    );
    let lines = format!(
        "{ACCEPTED}Allow: INVITE, ACK, BYE\nSupported: timer\nSession-Expires: 900;refresher=uac\n"
    );
    talk.respond(0, "200 OK", &lines, &answer_sdp(""));
    let leg = talk.invited[0].0;
    assert_eq!(
        talk.rig
            .on(leg, Event::Timer(Timer::Refresh))
            .one_sent()
            .1
            .method,
        Method::Invite
    );
}

#[test]
fn cf_lm_22_the_bye_goes_to_the_contact_of_the_2xx() {
    let mut talk = stored(focus(), &[BOB]);
    talk.accept(0);
    talk.up(0);
    let (_, did) = talk.take(0);
    assert_eq!(
        did.sent().pop().unwrap().1.target,
        uri("sip:peer@peer.example.com")
    );
}

#[test]
fn cf_lm_23_an_accepted_leg_gets_the_whole_message_early_or_late() {
    let body: Vec<u8> = (0..5000u32).map(|n| n as u8).collect();
    let mut talk = Talk::of(focus(), &[BOB, CAROL]);
    talk.connect();
    // bob is up before the message is here.
    talk.accept(0);
    talk.up(0);
    talk.store(&body);
    let (got, did) = talk.take(0);
    assert_eq!(got, body);
    assert_eq!(did.outcomes(), [(RecipientId(0), Outcome::Sent)]);
    // carol comes late, and still from the first octet (DR-13).
    talk.accept(1);
    talk.up(1);
    assert_eq!(talk.take(1).0, body);
}

#[test]
fn dr_13_the_octets_and_their_description_are_those_of_the_originator() {
    let mut talk = stored(focus(), &[BOB]);
    talk.accept(0);
    talk.up(0);
    let (chunks, _) = talk.rig.drain_chunks(talk.invited[0].0);
    assert_eq!(chunks.len(), 2);
    assert!(
        chunks
            .iter()
            .all(|chunk| chunk.mime == "Content-Type: text/plain\r\n" && chunk.total == Some(3000))
    );
    // No report is asked for: what a member reports is not the originator's (DR-10).
    assert!(chunks.iter().all(|chunk| !chunk.success));
}

#[test]
fn dr_13_no_octet_is_copied_for_a_leg() {
    let mut talk = Talk::of(focus(), &[BOB, CAROL]);
    talk.connect();
    talk.store(&[b'x'; 2000]);
    let mut begins = Vec::new();
    for member in 0..2 {
        talk.accept(member);
        talk.up(member);
        let (chunks, _) = talk.rig.drain_chunks(talk.invited[member].0);
        begins.push(chunks[0].body.as_ptr());
    }
    assert_eq!(begins[0], begins[1]);
}

#[test]
fn dr_13_a_second_message_is_refused_rather_than_lost() {
    let mut talk = stored(focus(), &[BOB]);
    let did = talk.rig.send(
        LegId::FIRST,
        7,
        send_head("m2", 1, 10, 10),
        b"0123456789",
        Continuation::Last,
    );
    assert!(did.has(|action| matches!(action, Action::RespondMsrp(_, 413))));
    // The same again is the same message (RFC 4975 §5.4).
    let did = talk.store(&[b'x'; 3000]);
    assert!(did.has(|action| matches!(action, Action::RespondMsrp(_, 200))));
    assert_eq!(reports(&did), [(1, 3000, 200)]);
}

#[test]
fn dr_13_a_message_above_the_limit_is_413() {
    let rig = with(|config| config.limits.stored = 1000);
    let mut talk = Talk::of(rig, &[BOB]);
    talk.connect();
    let did = talk.store(&[b'x'; 1001]);
    assert!(did.has(|action| matches!(action, Action::RespondMsrp(_, 413))));
    // An announced one is not even invited.
    let mut rig = with(|config| config.limits.stored = 1000);
    let call = invite_group().replace("a=sendonly\n", "a=sendonly\na=filelength:1001\n");
    let text = refusal(&mut rig, &call);
    assert!(text.starts_with("SIP/2.0 488 ") && text.contains("133 Size exceeded"));
}

#[test]
fn cf_lm_24_what_becomes_of_a_member_is_not_told_to_the_inviter() {
    let mut talk = Talk::of(focus(), &[BOB, CAROL]);
    talk.connect();
    let did = talk.respond(0, "486 Busy Here", "", "");
    assert_eq!(did.outcomes().len(), 1);
    assert!(did.replies().is_empty() && did.sent().is_empty());
}

#[test]
fn cf_lm_25_a_leg_ends_by_itself_when_it_has_the_message() {
    let mut talk = stored(focus(), &[BOB]);
    talk.accept(0);
    talk.up(0);
    let (_, did) = talk.take(0);
    assert_eq!(did.sent().pop().unwrap().1.method, Method::Bye);
    assert!(did.has(|action| *action == Action::ReleaseMsrp));
    // And so does the originator's, if it does not say so itself.
    let did = talk.rig.timer(Timer::Delivery);
    let bye = did.one_sent();
    assert_eq!(bye.1.method, Method::Bye);
    assert!(!wire(&bye.1).contains("Reason"));
    talk.rig.respond(&bye, "200 OK", "", "");
    assert!(talk.rig.machine.is_closed());
}

#[test]
fn cf_lm_26_the_policy_is_to_answer_at_once() {
    // The clause is empty; DR-29 leaves it to the server, and nobody is waited for.
    let mut rig = with(|config| config.limits.in_flight = 1);
    let did = run_as(&mut rig, &invite_group(), GRANTED, Ok(&many(3)));
    assert_eq!((did.statuses(), did.sent().len()), (vec![200], 1));
}

#[test]
fn dr_09_when_every_leg_has_failed_the_originator_is_released() {
    let mut talk = stored(focus(), &[BOB]);
    talk.respond(0, "603 Decline", "", "");
    let bye = talk.rig.timer(Timer::Delivery).one_sent();
    assert!(wire(&bye.1).contains("\r\nReason: SIP;cause=480;text=\"No destinations\"\r\n"));
    talk.rig.respond(&bye, "481 Gone", "", "");
    assert!(talk.rig.machine.is_closed());
}

#[test]
fn dr_09_one_members_refusal_drops_that_leg_only() {
    let mut talk = stored(focus(), &[BOB, CAROL]);
    let did = talk.respond(0, "302 Moved", "Contact: <sip:x@h>\n", "");
    assert!(did.sent().is_empty(), "nobody is called in its place");
    talk.accept(1);
    talk.up(1);
    assert_eq!(talk.take(1).1.outcomes(), [(RecipientId(1), Outcome::Sent)]);
}

#[test]
fn dr_10_on_stored_the_report_follows_the_last_octet() {
    let mut talk = Talk::of(focus(), &[BOB]);
    talk.connect();
    assert_eq!(reports(&talk.store(&[b'x'; 3000])), [(1, 3000, 200)]);
}

#[test]
fn d_27_a_report_is_sent_only_if_it_was_asked_for() {
    let mut talk = Talk::of(focus(), &[BOB]);
    talk.connect();
    let did = talk.rig.send(
        LegId::FIRST,
        1,
        send_head("m1", 1, 5, 5),
        b"hello",
        Continuation::Last,
    );
    assert!(reports(&did).is_empty());
}

fn reporting(policy: CfReportPolicy) -> Rig<Controlling> {
    with(|config| config.profile.cf_report = policy)
}

#[test]
fn dr_10_on_all_delivered_the_report_waits_for_the_last_member() {
    for rig in [reporting(CfReportPolicy::OnAllDelivered), draft()] {
        let mut talk = Talk::of(rig, &[BOB, CAROL, DAVE]);
        talk.connect();
        assert!(reports(&talk.store(&[b'x'; 3000])).is_empty());
        talk.accept(0);
        talk.up(0);
        assert!(reports(&talk.take(0).1).is_empty());
        assert!(reports(&talk.respond(1, "480 Unavailable", "", "")).is_empty());
        talk.accept(2);
        talk.up(2);
        assert_eq!(reports(&talk.take(2).1), [(1, 3000, 200)]);
    }
}

#[test]
fn dr_10_on_first_delivered_the_report_follows_the_first_member() {
    let mut talk = Talk::of(reporting(CfReportPolicy::OnFirstDelivered), &[BOB, CAROL]);
    talk.connect();
    talk.store(&[b'x'; 3000]);
    talk.accept(0);
    talk.up(0);
    assert_eq!(reports(&talk.take(0).1), [(1, 3000, 200)]);
    talk.accept(1);
    talk.up(1);
    assert!(reports(&talk.take(1).1).is_empty(), "once");
}

#[test]
fn dr_10_when_nobody_took_it_the_report_says_408_unless_no_failure_was_to_be_reported() {
    for policy in [
        CfReportPolicy::OnAllDelivered,
        CfReportPolicy::OnFirstDelivered,
    ] {
        for failure in [
            simple_im::FailureReport::Yes,
            simple_im::FailureReport::Partial,
            simple_im::FailureReport::No,
        ] {
            let mut talk = Talk::of(reporting(policy), &[BOB]);
            talk.connect();
            let mut head = send_head("m1", 1, 5, 5);
            (head.success, head.failure) = (true, failure);
            talk.rig
                .send(LegId::FIRST, 1, head, b"hello", Continuation::Last);
            let did = talk.respond(0, "486 Busy Here", "", "");
            let expected = if failure == simple_im::FailureReport::No {
                vec![]
            } else {
                vec![(1, 5, 408)]
            };
            assert_eq!(reports(&did), expected);
        }
    }
}

#[test]
fn dr_10_a_members_report_never_reaches_the_originator() {
    let mut talk = stored(focus(), &[BOB]);
    talk.accept(0);
    talk.up(0);
    let leg = talk.invited[0].0;
    let did = talk.rig.room(leg);
    let (_, chunk) = did.chunks().pop().unwrap();
    let id = chunk.message.to_string();
    let head = report(&id, 1, 3000, 3000, 200);
    assert!(reports(&talk.rig.msrp(leg, MsrpEvent::Report(&head))).is_empty());
}

#[test]
fn the_message_that_never_comes_ends_everything() {
    let mut talk = Talk::of(focus(), &[BOB]);
    talk.rig
        .ack(&inside(&talk.call.clone(), &talk.ok.clone(), "ACK", 1, ""));
    let did = talk.rig.timer(Timer::Bind);
    assert_eq!(
        did.sent().iter().map(|(_, r)| r.method).collect::<Vec<_>>(),
        [Method::Bye]
    );
    assert_eq!(
        did.outcomes(),
        [(RecipientId(0), Outcome::Failed(Failure::NothingToSend))]
    );
    assert_eq!(talk.respond(0, "100 Trying", "", "").cancels().len(), 1);
}

#[test]
fn a_message_without_octets_is_nothing_to_send() {
    let mut talk = Talk::of(focus(), &[BOB]);
    talk.connect();
    let did = talk.rig.send(
        LegId::FIRST,
        1,
        send_head("m1", 1, 0, 0),
        b"",
        Continuation::Last,
    );
    assert_eq!(
        did.outcomes(),
        [(RecipientId(0), Outcome::Failed(Failure::NothingToSend))]
    );
}

#[test]
fn a_broken_originator_after_the_message_is_no_matter() {
    let mut talk = stored(focus(), &[BOB]);
    let did = talk.rig.msrp(LegId::FIRST, MsrpEvent::Down(Down::Lost));
    assert_eq!(did.one_sent().1.method, Method::Bye);
    talk.accept(0);
    talk.up(0);
    assert_eq!(talk.take(0).1.outcomes(), [(RecipientId(0), Outcome::Sent)]);
}

#[test]
fn the_delivery_deadline_runs_from_a_members_own_invitation() {
    let mut rig = with(|config| config.limits.in_flight = 1);
    let did = run_as(&mut rig, &invite_group(), GRANTED, Ok(&many(2)));
    assert_eq!(
        did.count(|action| matches!(action, Action::StartTimer(Timer::Delivery, _))),
        1
    );
    let first = did.one_sent();
    let did = rig.respond(&first, "180 Ringing", "", "");
    assert_eq!(did.started(Timer::Delivery), Some(Duration::from_secs(180)));
    let did = rig.on(first.0, Event::Timer(Timer::Delivery));
    assert_eq!(
        did.outcomes(),
        [(RecipientId(0), Outcome::Failed(Failure::TooSlow))]
    );
    assert_eq!(did.cancels().len(), 1);
}

#[test]
fn dead_members_do_not_stall_the_others() {
    let mut rig = with(|config| config.limits.in_flight = 4);
    let mut waiting = run_as(&mut rig, &invite_group(), GRANTED, Ok(&many(30))).sent();
    let mut invited = 0;
    while !waiting.is_empty() {
        invited += waiting.len();
        waiting = waiting
            .iter()
            .flat_map(|(leg, _)| rig.on(*leg, Event::Timer(Timer::Patience)).sent())
            .collect();
    }
    assert_eq!(invited, 30);
}

#[test]
fn no_call_pushes_more_than_its_batch() {
    for (batch, bound) in [(0, 32), (8, 32), (16, 32), (33, 33), (300, 300)] {
        for leave in ["stay", "bye", "close"] {
            let mut rig = with(|config| {
                config.limits.batch = batch;
                config.limits.in_flight = 1_000;
                config.limits.legs = 1_000;
            });
            rig.config.profile.cf_report = CfReportPolicy::OnAllDelivered;
            let call = invite_group();
            let mut did = run_as(&mut rig, &call, GRANTED, Ok(&many(100)));
            let ok = did.replies()[0].1.clone();
            let mut invited = did.sent();
            let mut most = 0;
            let mut settle = |rig: &mut Rig<Controlling>, mut did: Did| {
                let mut all = Vec::new();
                loop {
                    most = most.max(did.0.len());
                    all.extend(did.0.clone());
                    if did.started(Timer::Continue).is_none() {
                        return Did(all);
                    }
                    did = rig.timer(Timer::Continue);
                }
            };
            if did.started(Timer::Continue).is_some() {
                did = rig.timer(Timer::Continue);
                invited.extend(settle(&mut rig, did).sent());
            }
            assert_eq!(invited.len(), 100);
            rig.ack(&inside(&call, &ok, "ACK", 1, ""));
            rig.msrp(LegId::FIRST, MsrpEvent::Up);
            // Half of them are up, a quarter rings, the others are silent.
            for (at, to) in invited.iter().enumerate() {
                if at % 2 == 0 {
                    let lines =
                        format!("{ACCEPTED}Supported: timer\nSession-Expires: 900;refresher=uac\n");
                    rig.respond(to, "200 OK", &lines, &answer_sdp(""));
                    rig.msrp(to.0, MsrpEvent::Up);
                    rig.room(to.0);
                } else if at % 4 == 1 {
                    rig.respond(to, "180 Ringing", "", "");
                }
            }
            let did = match leave {
                "stay" => rig.send(
                    LegId::FIRST,
                    1,
                    send_head("m", 1, 100, 100),
                    &[b'x'; 100],
                    Continuation::Last,
                ),
                "bye" => rig.request(9, &inside(&call, &ok, "BYE", 2, "")),
                _ => rig.command(Machine::close).1,
            };
            let did = settle(&mut rig, did);
            match leave {
                "stay" => assert_eq!(did.chunks().len(), 50),
                _ => {
                    assert_eq!(
                        did.sent()
                            .iter()
                            .filter(|(leg, r)| r.method == Method::Bye && *leg != LegId::FIRST)
                            .count(),
                        50
                    );
                    assert_eq!((did.cancels().len(), did.outcomes().len()), (25, 100));
                }
            }
            assert!(most <= bound, "{most} of {bound}");
        }
    }
}

#[test]
fn a_host_that_closes_hears_of_everyone_and_everybody_is_told() {
    let mut rig = with(|config| config.limits.in_flight = 1);
    rig.config.limits.batch = 20;
    let call = invite_group();
    let did = run_as(&mut rig, &call, GRANTED, Ok(&many(40)));
    let ok = did.one_reply().1;
    let first = did.one_sent();
    rig.ack(&inside(&call, &ok, "ACK", 1, ""));
    let (_, mut did) = rig.command(Machine::close);
    let bye = did.one_sent();
    let (mut named, mut outcomes) = (1, did.outcomes());
    named += did.count(|action| matches!(action, Action::Tell(Notice::Member(..))));
    while did.started(Timer::Continue).is_some() {
        did = rig.timer(Timer::Continue);
        named += did.count(|action| matches!(action, Action::Tell(Notice::Member(..))));
        outcomes.extend(did.outcomes());
    }
    assert_eq!((named, outcomes.len()), (40, 40));
    assert!(
        outcomes
            .iter()
            .all(|(_, outcome)| *outcome == Outcome::Cancelled)
    );
    rig.respond(&bye, "200 OK", "", "");
    rig.fail(&first, TxnError::Timeout);
    assert!(rig.machine.is_closed());
    let last = rig.log.last().unwrap();
    assert_eq!(*last, (LegId::FIRST, Action::Closed));
}
