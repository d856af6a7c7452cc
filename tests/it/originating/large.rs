//! OC-LM and UP: one message over a session of its own.

use simple_im::profile::LmFeatureTag;
use simple_im::{ClientTxn, Continuation, FailureReport, Misuse, RecipientId, Status};

use super::*;

#[test]
fn oc_lm_01_what_is_no_message_is_an_invite() {
    let sent = invite(alice(), large(bob()));
    let (_, did) = {
        let mut rig = alice();
        rig.command(|alice, cx| alice.send(large(bob()), cx).map(|_| ()))
    };
    assert!(did.has(|action| matches!(action, Action::Opened(_))));
    assert_eq!(did.one_sent().1.body.len(), sent.body.len());
}

#[test]
fn oc_lm_02_the_client_closes_the_session_by_itself() {
    let (mut rig, _) = bound(alice(), large(bob()), ACCEPTED);
    let (chunks, did) = rig.drain_chunks(LEG);
    assert_eq!(chunks.len(), 2);
    assert_eq!(over(&mut rig, &bye(&did)), Outcome::Sent);
}

#[test]
fn oc_lm_03_it_is_an_initial_invite() {
    let sent = invite(alice(), large(bob()));
    let read = read(&sent);
    assert_eq!(read.head.to().tag(), None);
    assert!(read.head.from().tag().is_some());
    assert_eq!(
        (read.head.cseq(), read.head.cseq_method()),
        (1, Method::Invite)
    );
    assert_eq!(
        read.head.contact().unwrap().uri,
        "sip:alice@alice.example.com"
    );
    assert_eq!(read.head.max_forwards(), Some(70));
}

#[test]
fn oc_lm_04_it_prefers_devices_with_this_service() {
    for rig in [alice(), alice_of_the_seeds()] {
        let sent = invite(rig, large(bob()));
        assert_eq!(field(&sent, "Accept-Contact"), "*;+g.oma.sip-im;explicit");
    }
}

#[test]
fn oc_lm_05_it_names_the_release() {
    let rig = alice_with(|config| config.account.product = "Acme/1.4".into());
    let sent = invite(rig, large(bob()));
    assert_eq!(field(&sent, "User-Agent"), "IM-client/OMA1.0 Acme/1.4");
}

#[test]
fn oc_lm_06_allow_lists_just_what_is_answered() {
    let (mut rig, sent) = bound(alice(), large(bob()), ACCEPTED);
    let allow = field(&sent.1, "Allow");
    assert_eq!(allow, "INVITE, ACK, CANCEL, BYE, MESSAGE, OPTIONS, UPDATE");
    for (cseq, method) in ["REFER", "NOTIFY", "INFO", "SUBSCRIBE", "PUBLISH"]
        .iter()
        .enumerate()
    {
        let request = from_peer(&sent.1, method, cseq as u32 + 1, "");
        let (_, reply) = rig.request(1, &request).one_reply();
        assert_eq!(reply.status, Status(405));
        // In other dialogs PRACK is understood too.
        let all = format!("Allow: {allow}, PRACK\r\n");
        assert!(wire_reply(&reply, &request).contains(&all));
    }
    let options = from_peer(&sent.1, "OPTIONS", 9, "");
    assert_eq!(rig.request(2, &options).statuses(), [200]);
    assert_eq!(
        rig.request(3, &from_peer(&sent.1, "UPDATE", 10, ""))
            .statuses(),
        [200]
    );
}

#[test]
fn oc_lm_07_contact_carries_the_feature_tag_outside_the_uri() {
    let sent = invite(alice(), large(bob()));
    assert_eq!(
        field(&sent, "Contact"),
        "<sip:alice@alice.example.com>;+g.oma.sip-im"
    );
}

#[test]
fn oc_lm_08_privacy_is_asked_for_when_the_user_wants_it() {
    assert!(fields(&invite(alice(), large(bob())), "Privacy").is_empty());
    let mut rig = alice();
    let (_, did) = rig.command(|alice, cx| alice.send(anonymous(large(bob())), cx).map(|_| ()));
    let sent = did.one_sent().1;
    assert_eq!(field(&sent, "Privacy"), "id");
    assert!(field(&sent, "From").starts_with("\"Anonymous\" <sip:anonymous@anonymous.invalid>"));
    // Our path shows our host to the peer all the same (DR-20).
    assert_eq!(did.notices(), [Notice::AnonymityLimited]);
    assert!(sdp(&sent)[1].starts_with("o=- "));
}

#[test]
fn a_leg_opens_before_anything_is_told_of_it() {
    for draft in [large(bob()), anonymous(large(bob()))] {
        let mut rig = alice();
        let (_, did) = rig.command(|alice, cx| alice.send(draft, cx).map(|_| ()));
        assert_eq!(
            did.position(|action| matches!(action, Action::Opened(_))),
            Some(0)
        );
    }
}

#[test]
fn oc_lm_09_the_session_timer_is_supported_in_every_request() {
    let (mut rig, sent) = bound(alice(), large(bob()), ACCEPTED);
    assert_eq!(field(&sent.1, "Supported"), "timer");
    let (_, did) = rig.drain_chunks(LEG);
    assert_eq!(field(&bye(&did).1, "Supported"), "timer");
}

#[test]
fn oc_lm_10_the_session_expires_and_we_refresh() {
    let sent = invite(alice(), large(bob()));
    assert_eq!(field(&sent, "Session-Expires"), "1800;refresher=uac");
    let short =
        alice_with(|config| config.profile.session_expires = std::time::Duration::from_secs(5));
    let sent = invite(short, large(bob()));
    assert_eq!(field(&sent, "Session-Expires"), "90;refresher=uac");
}

#[test]
fn oc_lm_11_the_methods_of_the_peer_are_remembered() {
    // The last Allow counts, and a response without one changes nothing.
    for (early, late, expected) in [
        ("", "", Method::Invite),
        ("Allow: INVITE, UPDATE\n", "", Method::Update),
        (
            "Allow: INVITE, UPDATE\n",
            "Allow: INVITE, BYE\n",
            Method::Invite,
        ),
        ("", "Allow: UPDATE\n", Method::Update),
    ] {
        let (mut rig, sent) = calling(alice(), large(bob()));
        rig.respond(&sent, "180 Ringing", early, "");
        let lines = format!("{ACCEPTED}{late}Session-Expires: 1800;refresher=uac\n");
        rig.respond(&sent, "200 OK", &lines, &answer_sdp(""));
        let did = rig.timer(Timer::Refresh);
        assert_eq!(did.one_sent().1.method, expected, "{early}{late}");
    }
}

#[test]
fn oc_lm_12_the_contact_of_the_2xx_is_the_session_identity() {
    let (mut rig, sent) = calling(alice(), large(bob()));
    rig.respond(
        &sent,
        "183 Session Progress",
        "Contact: <sip:a@a.example.com>\n",
        "",
    );
    let did = rig.respond(
        &sent,
        "200 OK",
        "Contact: <sip:b@b.example.com>\nContent-Type: application/sdp\n",
        &answer_sdp(""),
    );
    assert_eq!(did.one_sent().1.target.as_str(), "sip:b@b.example.com");
    let (_, did) = rig.command(|alice, cx| alice.cancel(cx));
    assert_eq!(bye(&did).1.target.as_str(), "sip:b@b.example.com");
}

#[test]
fn d_14_a_redirection_makes_no_identity() {
    let lines = "Contact: <sip:elsewhere@example.com>\n";
    let outcome = invite_outcome(bob(), "302 Moved Temporarily", lines);
    assert_eq!(outcome, Outcome::Failed(Failure::Redirected(Status(302))));
}

#[test]
fn oc_lm_15_the_user_sends_and_one_invite_goes_out() {
    let (_, did) = alice().command(|alice, cx| alice.send(large(bob()), cx).map(|_| ()));
    assert_eq!(methods(&did), [Method::Invite]);
    assert!(
        matches!(did.0[0].1, Action::Opened(_)),
        "before anything else"
    );
}

#[test]
fn oc_lm_16_one_recipient_is_the_request_uri() {
    let sent = invite(alice(), large(bob()));
    assert_eq!(sent.target.as_str(), "sip:bob@example.com");
    assert_eq!(field(&sent, "To"), "<sip:bob@example.com>");
}

#[test]
fn oc_lm_17_several_recipients_are_listed() {
    let sent = invite(alice(), large(bob_and_carol()));
    assert_eq!(field(&sent, "Require"), "recipient-list-invite");
    let read = read(&sent);
    assert_eq!(
        listed(&read),
        ["sip:bob@example.com", "sip:carol@example.com"]
    );
    let part = &read.body.parts().unwrap()[1];
    assert!(part.is("application/resource-lists+xml") && part.is_disposed("recipient-list"));
}

#[test]
fn oc_lm_18_several_recipients_are_reached_through_the_factory() {
    let sent = invite(alice(), large(bob_and_carol()));
    assert_eq!(
        sent.target.as_str(),
        "sip:conference-factory@im.example.com"
    );
    let mut rig = alice_with(|config| config.account.factory = None);
    let (sent, did) = rig.command(|alice, cx| alice.send(large(bob_and_carol()), cx));
    assert_eq!(sent, Err(Misuse::NotProvisioned));
    did.none();
}

#[test]
fn oc_lm_19_a_group_is_the_request_uri_with_its_session_type() {
    let sent = invite(alice(), large(friends()));
    assert_eq!(
        sent.target.as_str(),
        "sip:friends@example.com;session=prearranged"
    );
    assert!(fields(&sent, "Require").is_empty());
}

#[test]
fn oc_lm_20_the_seeds_have_another_session_type() {
    let sent = invite(alice_of_the_seeds(), large(friends()));
    assert_eq!(
        sent.target.as_str(),
        "sip:friends@example.com;session=imgroup"
    );
}

#[test]
fn oc_lm_21_in_the_seeds_a_group_among_others_says_so_in_its_entry() {
    let target = || {
        let mut group = Recipient::new(uri("sip:friends@example.com"));
        group.group = true;
        Target::List(vec![Recipient::new(uri("sip:bob@example.com")), group])
    };
    let sent = invite(alice_of_the_seeds(), large(target()));
    assert_eq!(
        sent.target.as_str(),
        "sip:conference-factory@im.example.com"
    );
    assert_eq!(
        listed(&read(&sent)),
        [
            "sip:bob@example.com",
            "sip:friends@example.com;session=pre-arranged"
        ]
    );
    let sent = invite(alice(), large(target()));
    assert_eq!(listed(&read(&sent))[1], "sip:friends@example.com");
}

#[test]
fn oc_lm_22_the_body_is_a_multipart_in_the_seeds_and_where_it_has_two_parts() {
    let kind = |rig, target| field(&invite(rig, large(target)), "Content-Type");
    assert_eq!(kind(alice(), bob()), "application/sdp");
    assert_eq!(
        kind(alice_of_the_seeds(), bob()),
        "multipart/mixed;boundary=b1"
    );
    for rig in [alice(), alice_of_the_seeds()] {
        assert_eq!(kind(rig, bob_and_carol()), "multipart/mixed;boundary=b1");
    }
}

#[test]
fn d_06_a_multipart_of_one_is_read_like_its_part() {
    let plain = sdp(&invite(alice(), large(bob())));
    let wrapped = sdp(&invite(alice_of_the_seeds(), large(bob())));
    let media = |lines: &[String]| lines.iter().filter(|line| line.starts_with("m=")).count();
    assert_eq!((media(&plain), media(&wrapped)), (1, 1));
}

#[test]
fn oc_lm_23_the_invite_offers_one_message_line() {
    let sent = invite(alice(), large(bob()));
    let lines = sdp(&sent);
    let media: Vec<_> = lines.iter().filter(|line| line.starts_with("m=")).collect();
    assert_eq!(media, ["m=message 2855 TCP/MSRP *"]);
    let rig = alice_with(|config| config.msrp.tls = true);
    let lines = sdp(&invite(rig, large(bob())));
    assert!(lines.contains(&"m=message 2855 TCP/TLS/MSRP *".to_string()));
    assert!(
        lines
            .iter()
            .any(|line| line.starts_with("a=path:msrps://alice.example.com:2855/"))
    );
}

#[test]
fn oc_lm_24_the_path_is_our_uri_with_its_port() {
    let lines = sdp(&invite(alice(), large(bob())));
    let path = lines
        .iter()
        .find_map(|line| line.strip_prefix("a=path:"))
        .unwrap();
    let id = path.strip_prefix("msrp://alice.example.com:2855/").unwrap();
    // 80 random bits are 16 letters of base 32.
    assert_eq!(id.strip_suffix(";tcp").unwrap().len(), 16);
}

#[test]
fn oc_lm_25_the_offer_lists_our_media_types() {
    let lines = sdp(&invite(alice(), large(bob())));
    assert!(lines.contains(&"a=accept-types:message/cpim text/plain".to_string()));
    assert!(
        !lines
            .iter()
            .any(|line| line.starts_with("a=accept-wrapped-types"))
    );
    let rig = alice_with(|config| config.account.accept_wrapped_types = "*".into());
    let lines = sdp(&invite(rig, large(bob())));
    assert!(lines.contains(&"a=accept-wrapped-types:*".to_string()));
}

#[test]
fn oc_lm_26_the_offer_announces_the_size() {
    for rig in [alice(), alice_of_the_seeds()] {
        let lines = sdp(&invite(rig, large(bob())));
        assert!(lines.contains(&"a=filelength:3000".to_string()));
    }
}

#[test]
fn d_08_the_size_is_a_knob_and_never_makes_it_a_file() {
    let rig = alice_with(|config| config.profile.lm_filelength = false);
    let written = sdp(&invite(rig, large(bob()))).join("\n");
    assert!(!written.contains("filelength"));
    let written = sdp(&invite(alice(), large(bob()))).join("\n");
    assert!(!written.contains("file-selector") && !written.contains("filename"));
}

#[test]
fn oc_lm_27_the_message_goes_one_way() {
    for rig in [alice(), alice_of_the_seeds()] {
        assert!(sdp(&invite(rig, large(bob()))).contains(&"a=sendonly".to_string()));
    }
}

#[test]
fn oc_lm_29_it_is_handed_down_without_a_route_of_ours() {
    let sent = invite(alice(), large(bob()));
    assert!(sent.fresh.is_some());
    assert!(fields(&sent, "Route").is_empty());
}

#[test]
fn oc_lm_30_a_focus_is_asked_what_it_did() {
    let (mut rig, _) = bound(alice(), large(bob_and_carol()), FOCUS);
    let (chunks, did) = rig.drain_chunks(LEG);
    assert!(chunks.iter().all(|chunk| chunk.success));
    assert_eq!(chunks.len(), 2);
    assert!(did.sent().is_empty(), "no BYE before the report");
    assert!(did.started(Timer::SuccessReport).is_some());
    let did = reported(&mut rig, &chunks[0], 1, 3000, 200);
    let bye = bye(&did);
    let did = rig.respond(&bye, "200 OK", "", "");
    let server = Outcome::AcceptedByServer;
    assert_eq!(
        did.outcomes(),
        [(RecipientId(0), server), (RecipientId(1), server)]
    );
}

#[test]
fn d_27_every_chunk_to_a_focus_asks_for_the_report() {
    let (mut rig, _) = bound(alice(), large(friends()), FOCUS);
    for _ in 0..2 {
        let chunk = chunk(&mut rig);
        assert!(chunk.success);
        assert_eq!(chunk.failure, FailureReport::Yes);
    }
    let (mut rig, _) = bound(alice(), large(bob()), ACCEPTED);
    assert!(!chunk(&mut rig).success);
}

#[test]
fn oc_lm_30_a_report_that_never_comes_is_not_awaited_for_ever() {
    let (mut rig, _) = bound(alice(), large(friends()), FOCUS);
    let (_, did) = rig.drain_chunks(LEG);
    let wait = rig.config.profile.report_wait;
    assert_eq!(did.started(Timer::SuccessReport), Some(wait));
    let did = rig.timer(Timer::SuccessReport);
    assert_eq!(over(&mut rig, &bye(&did)), Outcome::Unconfirmed);
}

#[test]
fn oc_lm_31_after_the_report_the_session_is_released() {
    let (mut rig, _) = bound(alice(), large(friends()), FOCUS);
    let (chunks, _) = rig.drain_chunks(LEG);
    let did = reported(&mut rig, &chunks[0], 1, 3000, 200);
    assert!(did.has(|action| *action == Action::StopTimer(Timer::SuccessReport)));
    assert_eq!(over(&mut rig, &bye(&did)), Outcome::AcceptedByServer);
}

#[test]
fn oc_lm_32_bye_follows_the_response_to_the_last_chunk() {
    let (mut rig, _) = bound(alice(), large(bob()), ACCEPTED);
    let first = chunk(&mut rig);
    let last = chunk(&mut rig);
    assert_eq!(
        (first.flag, last.flag),
        (Continuation::More, Continuation::Last)
    );
    room(&mut rig);
    assert!(answered(&mut rig, &first, 200).sent().is_empty());
    let did = answered(&mut rig, &last, 200);
    let bye = bye(&did);
    assert!(
        answered(&mut rig, &last, 200).sent().is_empty(),
        "exactly one BYE"
    );
    assert_eq!(over(&mut rig, &bye), Outcome::Sent);
}

#[test]
fn d_09_bye_waits_for_what_each_kind_of_report_promises() {
    let draft = |failure, success| {
        let mut draft = Draft::new(bob(), text(2000));
        draft.failure_report = failure;
        draft.success_report = success;
        draft
    };
    // Failure-Report yes: the response.
    let (mut rig, _) = bound(alice(), draft(FailureReport::Yes, false), ACCEPTED);
    let only = chunk(&mut rig);
    let did = room(&mut rig);
    assert_eq!(
        did.started(Timer::ChunkResponse),
        Some(rig.config.limits.msrp_response)
    );
    assert!(did.sent().is_empty());
    assert_eq!(methods(&answered(&mut rig, &only, 200)), [Method::Bye]);
    // Partial: 30 s of silence after the last octet.
    let (mut rig, _) = bound(alice(), draft(FailureReport::Partial, false), ACCEPTED);
    chunk(&mut rig);
    assert_eq!(
        room(&mut rig).started(Timer::ChunkResponse),
        Some(rig.config.limits.msrp_response)
    );
    assert_eq!(methods(&rig.timer(Timer::ChunkResponse)), [Method::Bye]);
    // No: the last octet is written.
    let (mut rig, _) = bound(alice(), draft(FailureReport::No, false), ACCEPTED);
    chunk(&mut rig);
    assert_eq!(methods(&room(&mut rig)), [Method::Bye]);
    // Success-Report as well: the report.
    let (mut rig, _) = bound(alice(), draft(FailureReport::No, true), ACCEPTED);
    let only = chunk(&mut rig);
    let did = room(&mut rig);
    assert!(did.sent().is_empty());
    assert!(did.started(Timer::SuccessReport).is_some());
    let did = reported(&mut rig, &only, 1, 2000, 200);
    assert_eq!(over(&mut rig, &bye(&did)), Outcome::Delivered);
}

#[test]
fn oc_lm_33_the_session_is_released_without_a_focus_too() {
    let (mut rig, _) = bound(alice(), large(bob()), ACCEPTED);
    let (_, did) = rig.drain_chunks(LEG);
    let did = rig.respond(&bye(&did), "200 OK", "", "");
    assert_eq!(did.count(|action| *action == Action::ReleaseMsrp), 1);
}

#[test]
fn oc_lm_34_cancel_waits_for_a_provisional_response() {
    let (mut rig, sent) = calling(alice(), large(bob()));
    let (_, did) = rig.command(|alice, cx| alice.cancel(cx).unwrap());
    assert!(did.cancels().is_empty() && did.sent().is_empty());
    let did = rig.respond(&sent, "100 Trying", "", "");
    assert_eq!(did.cancels(), [(LEG, ClientTxn(1))]);
    let did = rig.respond(&sent, "487 Request Terminated", "", "");
    assert_eq!(closed(&rig, &did), Outcome::Cancelled);
}

#[test]
fn oc_lm_34_cancel_goes_at_once_after_a_provisional_response() {
    let (mut rig, sent) = calling(alice(), large(bob()));
    let did = rig.respond(&sent, "180 Ringing", "", "");
    assert_eq!(did.notices(), [Notice::Ringing]);
    let (_, did) = rig.command(|alice, cx| alice.cancel(cx).unwrap());
    assert_eq!(did.cancels().len(), 1);
    let (again, did) = rig.command(|alice, cx| alice.cancel(cx));
    assert_eq!(again, Err(Misuse::NothingToCancel));
    did.none();
}

#[test]
fn oc_lm_35_bye_is_the_next_request_of_the_dialog() {
    let (mut rig, sent) = bound(alice(), large(bob()), ACCEPTED);
    let (_, did) = rig.drain_chunks(LEG);
    let bye = bye(&did).1;
    assert_eq!(bye.fresh, None);
    assert_eq!(field(&bye, "Call-ID"), field(&sent.1, "Call-ID"));
    assert_eq!(field(&bye, "From"), field(&sent.1, "From"));
    assert_eq!(field(&bye, "To"), "<sip:bob@example.com>;tag=peer");
    assert_eq!(field(&bye, "CSeq"), "2 BYE");
}

#[test]
fn oc_lm_36_bye_goes_to_the_session_identity() {
    let (mut rig, _) = bound(alice(), large(friends()), FOCUS);
    let (_, did) = rig.command(|alice, cx| alice.cancel(cx));
    assert_eq!(bye(&did).1.target.as_str(), "sip:conf-1@im.example.com");
}

#[test]
fn d_15_a_strict_router_comes_first() {
    let lines = format!(
        "{ACCEPTED}Record-Route: <sip:far.example.com;lr>\nRecord-Route: <sip:near.example.com>\n"
    );
    let (mut rig, sent) = calling(alice(), large(bob()));
    let did = rig.respond(&sent, "200 OK", &lines, &answer_sdp(""));
    let ack = did.one_sent().1;
    assert_eq!(ack.target.as_str(), "sip:near.example.com");
    assert_eq!(
        fields(&ack, "Route"),
        ["<sip:far.example.com;lr>", "<sip:peer@peer.example.com>"]
    );
}

#[test]
fn oc_lm_37_bye_is_as_anonymous_as_the_invite() {
    let mut rig = alice();
    let sent = send(&mut rig, anonymous(large(bob())));
    rig.respond(&sent, "200 OK", ACCEPTED, &answer_sdp(""));
    let (_, did) = rig.command(|alice, cx| alice.cancel(cx));
    let bye = bye(&did).1;
    assert_eq!(field(&bye, "Privacy"), "id");
    assert!(!wire(&bye).contains("sip:alice@example.com"));
    let (mut rig, _) = bound(alice(), large(bob()), ACCEPTED);
    let (_, did) = rig.command(|alice, cx| alice.cancel(cx));
    assert!(fields(&super::bye(&did).1, "Privacy").is_empty());
}

#[test]
fn oc_lm_38_bye_takes_the_route_of_the_dialog() {
    let lines =
        format!("{ACCEPTED}Record-Route: <sip:far.example.com;lr>, <sip:near.example.com;lr>\n");
    let (mut rig, sent) = calling(alice(), large(bob()));
    rig.respond(&sent, "200 OK", &lines, &answer_sdp(""));
    let (_, did) = rig.command(|alice, cx| alice.cancel(cx));
    assert_eq!(
        fields(&bye(&did).1, "Route"),
        ["<sip:near.example.com;lr>", "<sip:far.example.com;lr>"]
    );
}

#[test]
fn oc_lm_39_resources_are_released_however_bye_ends() {
    for status in [
        "200 OK",
        "481 Call/Transaction Does Not Exist",
        "408 Request Timeout",
        "500 Oops",
    ] {
        let (mut rig, _) = bound(alice(), large(bob()), ACCEPTED);
        let (_, did) = rig.drain_chunks(LEG);
        assert!(!did.has(|action| *action == Action::ReleaseMsrp));
        let did = rig.respond(&bye(&did), status, "", "");
        assert_eq!(closed(&rig, &did), Outcome::Sent);
    }
}

#[test]
fn d_16_nothing_is_awaited_for_ever_after_bye() {
    for why in [TxnError::Timeout, TxnError::Transport] {
        let (mut rig, _) = bound(alice(), large(bob()), ACCEPTED);
        let (_, did) = rig.drain_chunks(LEG);
        let bye = bye(&did);
        assert!(room(&mut rig).chunks().is_empty(), "no media after BYE");
        let did = rig.fail(&bye, why);
        assert_eq!(closed(&rig, &did), Outcome::Sent);
    }
}

#[test]
fn d_11_every_request_but_ack_names_the_release() {
    let (mut rig, _) = bound(alice(), large(bob()), ACCEPTED);
    let (_, did) = rig.drain_chunks(LEG);
    assert_eq!(field(&bye(&did).1, "User-Agent"), "IM-client/OMA1.0");
}

#[test]
fn d_12_the_refresher_is_a_knob() {
    use simple_im::profile::Refresher;
    for (refresher, expected) in [
        (Some(Refresher::Uac), "1800;refresher=uac"),
        (Some(Refresher::Uas), "1800;refresher=uas"),
        (None, "1800"),
    ] {
        let rig = alice_with(|config| config.profile.refresher = refresher);
        assert_eq!(
            field(&invite(rig, large(bob())), "Session-Expires"),
            expected
        );
    }
}

#[test]
fn d_07_the_answer_to_sendonly_is_recvonly_or_wider() {
    let (mut rig, sent) = calling(alice(), large(bob()));
    let answer = answer_sdp("").replace("a=recvonly", "a=sendrecv");
    let did = rig.respond(&sent, "200 OK", ACCEPTED, &answer);
    assert_eq!(methods(&did), [Method::Ack]);
    assert_eq!(
        answer_outcome(
            ACCEPTED,
            &answer_sdp("").replace("a=recvonly", "a=sendonly")
        ),
        Outcome::Failed(Failure::BadAnswer)
    );
}

#[test]
fn d_30_the_feature_tag_of_large_messages_is_a_knob() {
    let rig = |how| alice_with(|config| config.profile.lm_feature_tag = how);
    let base = "*;+g.oma.sip-im;explicit";
    let both = "<sip:alice@alice.example.com>;+g.oma.sip-im;+g.oma.sip-im.large-message";
    let sent = invite(rig(LmFeatureTag::ContactOnly), large(bob()));
    assert_eq!(field(&sent, "Contact"), both);
    assert_eq!(fields(&sent, "Accept-Contact"), [base]);
    let sent = invite(rig(LmFeatureTag::ContactAndAcceptContact), large(bob()));
    assert_eq!(field(&sent, "Contact"), both);
    assert_eq!(
        fields(&sent, "Accept-Contact"),
        [base, "*;+g.oma.sip-im.large-message;explicit"]
    );
    // A page is none.
    let sent = page(rig(LmFeatureTag::ContactAndAcceptContact), small(bob()));
    assert!(!wire(&sent).contains("large-message"));
}

#[test]
fn up_01_media_is_negotiated_by_offer_and_answer() {
    let (mut rig, sent) = calling(alice(), large(bob()));
    let did = rig.respond(&sent, "200 OK", ACCEPTED, &answer_sdp(""));
    let open = did.0.iter().find_map(|(_, action)| match action {
        Action::OpenMsrp(open) => Some(open.clone()),
        _ => None,
    });
    let open = open.unwrap();
    assert!(open.connect, "the peer is passive");
    assert_eq!(
        open.peer.as_ref(),
        b"msrp://peer.example.com:8888/9di4eae923wzd;tcp"
    );
    assert_eq!(
        did.started(Timer::Bind),
        Some(rig.config.limits.connect_wait)
    );
}

#[test]
fn up_02_the_media_types_are_configuration() {
    let rig = alice_with(|config| config.account.accept_types = "message/cpim image/png".into());
    let lines = sdp(&invite(rig, large(bob())));
    assert!(lines.contains(&"a=accept-types:message/cpim image/png".to_string()));
}

fn mime_of(content: Content) -> String {
    let (mut rig, _) = bound(alice(), Draft::new(bob(), content), ACCEPTED);
    String::from_utf8(chunk(&mut rig).mime.to_vec()).unwrap()
}

#[test]
fn up_03_the_disposition_stands_before_the_type() {
    let mut content = text(3000);
    assert_eq!(
        mime_of(content.clone()),
        "Content-Type: text/plain;charset=UTF-8\r\n"
    );
    content.attachment = true;
    assert_eq!(
        mime_of(content),
        "Content-Disposition: attachment\r\nContent-Type: text/plain;charset=UTF-8\r\n"
    );
}

#[test]
fn up_04_a_large_message_may_be_content_elsewhere_too() {
    let what = simple_im::External {
        url: "https://store.example.com/a",
        expiration: "Mon, 24 Jun 2026 09:00:00 GMT",
        size: None,
        hash: None,
        kind: "image/jpeg",
        disposition: "attachment",
    };
    let mut rig = alice_with(|config| config.profile.pager_limit = 0);
    let sent = send(
        &mut rig,
        Draft::new(bob(), Content::external(&what).unwrap()),
    );
    rig.respond(&sent, "200 OK", ACCEPTED, &answer_sdp(""));
    rig.msrp(LEG, MsrpEvent::Up);
    let chunk = chunk(&mut rig);
    assert!(
        chunk
            .mime
            .starts_with(b"Content-Type: message/external-body;access-type=\"URL\";")
    );
    assert!(
        chunk
            .body
            .starts_with(b"Content-Type: image/jpeg\r\nContent-Disposition: attachment\r\n")
    );
}

#[test]
fn up_05_an_attachment_says_so_in_every_chunk() {
    let mut content = text(3000);
    content.attachment = true;
    let (mut rig, _) = bound(alice(), Draft::new(bob(), content), ACCEPTED);
    let (chunks, _) = rig.drain_chunks(LEG);
    assert_eq!(chunks.len(), 2);
    let says = |chunk: &Chunk| {
        chunk
            .mime
            .starts_with(b"Content-Disposition: attachment\r\n")
    };
    assert!(chunks.iter().all(says));
}

#[test]
fn up_06_the_last_chunk_alone_ends_the_session() {
    let (mut rig, _) = bound(alice(), Draft::new(bob(), text(6000)), ACCEPTED);
    for at in [1, 2049] {
        let chunk = chunk(&mut rig);
        assert_eq!((chunk.start, chunk.total), (at, Some(6000)));
        assert!(answered(&mut rig, &chunk, 200).sent().is_empty());
    }
    let last = chunk(&mut rig);
    assert_eq!((last.start, last.flag), (4097, Continuation::Last));
    let did = answered(&mut rig, &last, 200);
    assert_eq!(methods(&did), [Method::Bye]);
    assert_eq!(over(&mut rig, &bye(&did)), Outcome::Sent);
}
