//! TC-LM: a large message is announced, accepted, received, and over.

use std::time::Duration;

use simple_im::profile::SetupAnswer;
use simple_im::{
    Action, Answer, Config, Continuation, Event, LegId, Machine, Method, MsrpEvent, Notice,
    OpenMsrp, Outgoing, Question, Refusal, ServerTxn, Status, Terminating, Timer, TxnError,
};

use super::{Call, bob, bob_with, incomplete, invite, lines, msrp, received, ringing};
use crate::rig::*;

fn offer(more: &str) -> String {
    invite("", &offer_sdp(more))
}

/// What an INVITE is answered with when nobody is asked.
fn turned_away(change: impl FnOnce(&mut Config), text: &str) -> String {
    let mut rig = bob_with(change);
    let did = rig.request(1, text);
    assert!(did.asked().is_none(), "nobody is asked (D-34)");
    assert!(!did.has(|a| matches!(a, Action::OpenMsrp(_) | Action::Opened(_))));
    assert!(rig.machine.is_closed());
    wire_reply(&did.one_reply().1, text)
}

fn status(text: &str) -> u16 {
    let reply = turned_away(|_| {}, text);
    reply["SIP/2.0 ".len()..][..3].parse().unwrap()
}

#[test]
fn tc_lm_01_an_invitation_is_refused_with_the_code_that_fits() {
    let busy = |status| Refusal::NoResources {
        status: Status(status),
        retry_after: Some(60),
    };
    for (refusal, status) in [
        (Refusal::Declined, 603),
        (Refusal::Blocked, 603),
        (Refusal::Anonymous, 403),
        (busy(480), 480),
        (busy(486), 486),
        (busy(503), 503),
        (Refusal::Status(Status(403)), 403),
        (Refusal::Status(Status(415)), 415),
        (Refusal::Status(Status(488)), 488),
        (Refusal::Status(Status(606)), 606),
        (Refusal::Status(Status(200)), 480),
    ] {
        let (mut rig, ask, _) = ringing(bob(), &offer(""));
        let did = rig.answer(ask, Answer::Refuse(refusal));
        assert_eq!(did.statuses(), [status]);
        assert!(did.has(|a| *a == Action::StopTimer(Timer::Decide)));
        assert!(did.has(|a| *a == Action::ReleaseMsrp));
        assert_eq!(did.0.last().unwrap().1, Action::Closed);
        assert!(rig.machine.is_closed());
    }
}

#[test]
fn tc_lm_01_nobody_decides_in_time() {
    let (mut rig, ask, did) = ringing(bob(), &offer(""));
    assert_eq!(did.started(Timer::Decide), Some(rig.config.limits.decide));
    let did = rig.timer(Timer::Decide);
    assert_eq!(did.statuses(), [480]);
    assert_eq!(did.notices(), [Notice::Missed]);
    assert!(rig.machine.is_closed());
    rig.answer(ask, Answer::Accept).none();
}

/// How Bob refreshes a session whose INVITE had these lines.
fn refresh(lines: &str) -> Outgoing {
    let text = invite(lines, &offer_sdp("")).replace("refresher=uac", "refresher=uas");
    Call::of(bob(), &text)
        .rig
        .timer(Timer::Refresh)
        .one_sent()
        .1
}

#[test]
fn tc_lm_02_the_methods_of_the_caller_are_remembered() {
    assert_eq!(
        refresh("Allow: INVITE, BYE, UPDATE\n").method,
        Method::Update
    );
    assert_eq!(refresh("Allow: INVITE, BYE\n").method, Method::Invite);
    assert_eq!(refresh("").method, Method::Invite);
}

#[test]
fn tc_lm_03_the_contact_is_the_session_identity() {
    let bye = Call::up().hangs_up().1;
    assert_eq!(bye.target, uri("sip:alice@alice.example.com"));
    // Without one there is nothing but the From.
    let text = offer("").replace("Contact: <sip:alice@alice.example.com>;+g.oma.sip-im\n", "");
    let bye = Call::of(bob(), &text).hangs_up().1;
    assert_eq!(bye.target, uri("sip:alice@example.com"));
}

fn opened(did: &Did) -> Vec<OpenMsrp> {
    let open = |(_, action): &(LegId, Action)| match action {
        Action::OpenMsrp(open) => Some(open.clone()),
        _ => None,
    };
    did.0.iter().filter_map(open).collect()
}

#[test]
fn tc_lm_04_the_offer_sets_the_user_plane() {
    let (_, did) = Call::answered(bob(), &offer("a=filelength:3000\n"));
    let open = opened(&did).pop().unwrap();
    assert_eq!(open.peer, "msrp://alice.example.com:7654/jshA7weztas;tcp");
    assert!(open.own.starts_with(b"msrp://bob.example.com:2855/"));
    assert!(!open.connect, "actpass: she connects");
    // The announced size is all that is taken (CC-115), and of the types that we said.
    let mut call = Call::up();
    let did = call.chunk(1, &[b'x'; 3001], 3001, Continuation::Last);
    assert_eq!(msrp(&did), [413]);
}

#[test]
fn tc_lm_05_responses_are_those_of_rfc_3261() {
    let (mut rig, ask, did) = ringing(bob(), &offer(""));
    let ringing = did.one_reply().1;
    let ok = rig.answer(ask, Answer::Accept).one_reply().1;
    assert_eq!(ringing.tag, ok.tag, "one dialog");
    let text = wire_reply(&ok, &offer(""));
    for line in [
        "From: <sip:alice@example.com>;tag=49583\r\n",
        "Call-ID: a84b4c76e66710\r\n",
        "CSeq: 314159 INVITE\r\n",
        "Content-Type: application/sdp\r\n",
    ] {
        assert!(text.contains(line), "{line} in {text}");
    }
}

/// Every response of a call: 180, 200 to INVITE, OPTIONS and BYE, and refusals.
fn responses() -> Vec<String> {
    let text = offer("");
    let (mut rig, ask, did) = ringing(bob(), &text);
    let mut all = did.replies();
    let did = rig.answer(ask, Answer::Accept);
    all.extend(did.replies());
    let ok = did.one_reply().1;
    for (cseq, method) in [
        (314160, "OPTIONS"),
        (314161, "INFO"),
        (314162, "UPDATE"),
        (314163, "BYE"),
    ] {
        all.extend(
            rig.request(2, &inside(&text, &ok, method, cseq, ""))
                .replies(),
        );
    }
    all.extend(
        bob()
            .request(1, &invite("Require: foo\n", &offer_sdp("")))
            .replies(),
    );
    all.extend(bob().request(1, &invite("", "v=1\n")).replies());
    let (mut rig, ask, _) = ringing(bob(), &text);
    all.extend(rig.answer(ask, Answer::Refuse(Refusal::Declined)).replies());
    all.iter()
        .map(|(_, reply)| wire_reply(reply, &text))
        .collect()
}

#[test]
fn tc_lm_06_responses_name_the_release() {
    for text in responses() {
        let named = text.matches("\r\nUser-Agent: IM-client/OMA1.0\r\n").count();
        assert_eq!(named, 1, "{text}");
        assert!(!text.contains("\r\nServer:"));
    }
}

#[test]
fn tc_lm_07_responses_that_may_make_a_dialog_name_the_methods() {
    let allow = "\r\nAllow: INVITE, ACK, CANCEL, BYE, MESSAGE, OPTIONS, UPDATE\r\n";
    let all = responses();
    assert!(all[0].starts_with("SIP/2.0 180") && all[0].contains(allow));
    assert!(all[1].starts_with("SIP/2.0 200") && all[1].contains(allow));
}

#[test]
fn tc_lm_08_responses_name_the_user() {
    for text in responses() {
        let named = text.contains("\r\nP-Preferred-Identity: <sip:bob@example.com>\r\n");
        assert!(named, "{text}");
    }
}

#[test]
fn tc_lm_09_what_the_core_adds_is_kept() {
    let core = "P-Asserted-Identity: <sip:alice@example.com>\nP-Charging-Vector: icid-value=1\n";
    let (_, _, did) = ringing(bob(), &invite(core, &offer_sdp("")));
    let Some((_, Question::Invitation { arrival, size })) = did.asked() else {
        panic!("nobody is asked");
    };
    let head = String::from_utf8(arrival.head.to_vec()).unwrap();
    assert!(head.contains(&crlf(core)));
    assert_eq!(size, None);
}

#[test]
fn tc_lm_10_what_cannot_be_accepted_is_488_and_nobody_is_asked() {
    let good = offer_sdp("");
    for (what, sdp) in [
        ("no message line", good.replace("m=message", "m=audio")),
        ("another protocol", good.replace("TCP/MSRP", "RTP/AVP")),
        (
            "TLS, and we do not",
            good.replace("TCP/MSRP", "TCP/TLS/MSRP"),
        ),
        ("port 0", good.replace("7654 TCP", "0 TCP")),
        ("no path", good.replace("a=path", "a=x")),
        (
            "no MSRP URI",
            good.replace("msrp://alice.example.com:7654/jshA7weztas;tcp", "http://x"),
        ),
        ("too large", format!("{good}a=filelength:10485761\n")),
        ("nothing is sent", good.replace("sendonly", "inactive")),
        ("a chat", good.replace("sendonly", "sendrecv")),
        ("a file", format!("{good}a=file-selector:size:3\n")),
    ] {
        assert_eq!(status(&invite("", &sdp)), 488, "{what}");
    }
    let tagged = "Accept-Contact: *;+g.oma.sip-im.large-message\n";
    let pull = good.replace("sendonly", "recvonly");
    assert_eq!(status(&invite(tagged, &pull)), 488, "nothing is sent");
    assert_eq!(status(&invite("", "garbage\n")), 400);
    // An offerless INVITE makes no sense here.
    let bare = offer("").replace("Content-Type: application/sdp\n", "");
    let bare = bare.split_once("\n\n").unwrap().0.to_string() + "\n\n";
    assert_eq!(status(&bare), 488);
    // Who accepts nothing that we could send is no obstacle: we receive. Who forgets to say, neither.
    for sdp in [
        good.replace("message/cpim text/plain", "image/png"),
        good.replace("a=accept-types:message/cpim text/plain\n", ""),
    ] {
        ringing(bob(), &invite("", &sdp));
    }
    let mute = turned_away(
        |config| config.account.accept_types = String::new(),
        &invite("", &good),
    );
    assert!(mute.starts_with("SIP/2.0 488 ") && mute.contains("Warning: 305 "));
}

#[test]
fn tc_lm_10_too_large_is_said_as_the_profile_says() {
    let large = invite("", &offer_sdp("a=filelength:10485761\n"));
    let text = turned_away(|_| {}, &large);
    assert!(text.contains("\r\nWarning: 399 bob.example.com \"133 Size exceeded\"\r\n"));
    let text = turned_away(|config| *config = draft_seed(client("bob")), &large);
    assert!(text.starts_with("SIP/2.0 488 ") && !text.contains("\r\nWarning:"));
    for status in [403, 603] {
        let text = turned_away(
            |config| config.profile.size_exceeded_status = status,
            &large,
        );
        assert!(text.starts_with(&format!("SIP/2.0 {status} ")), "{text}");
    }
}

#[test]
fn tc_lm_11_what_is_accepted_is_answered_with_200() {
    let (mut rig, ask, _) = ringing(bob(), &offer(""));
    let did = rig.answer(ask, Answer::Accept);
    assert_eq!(did.statuses(), [200]);
    // A multipart of one part is as good, in both presets.
    let body = format!(
        "--b\nContent-Type: application/sdp\n\n{}\n--b--\n",
        offer_sdp("")
    );
    let text =
        invite("", &crlf(&body)).replace("application/sdp\n\n", "multipart/mixed;boundary=b\n\n");
    ringing(
        bob_with(|config| *config = draft_seed(client("bob"))),
        &text,
    );
    ringing(bob(), &text);
}

/// Our answer to an offer.
fn answer(change: impl FnOnce(&mut Config), sdp: &str) -> String {
    let (call, _) = Call::answered(bob_with(change), &invite("", sdp));
    String::from_utf8(call.ok.body.to_vec()).unwrap()
}

#[test]
fn tc_lm_12_the_answer_follows_table_3_5() {
    let own = answer(
        |config| config.account.accept_wrapped_types = "*".into(),
        &offer_sdp(
            "a=filelength:3000\na=connection:new\na=msrp-cema\na=chatroom\na=x-unknown:1\na=max-size:5\n",
        ),
    );
    for line in [
        "a=setup:passive",
        "a=msrp-cema",
        "a=recvonly",
        "a=accept-types:message/cpim text/plain",
        "a=accept-wrapped-types:*",
        "m=message 2855 TCP/MSRP *",
        "t=0 0",
    ] {
        assert!(own.contains(&format!("{line}\r\n")), "{line} in {own}");
    }
    for never in [
        "sendonly",
        "connection",
        "chatroom",
        "unknown",
        "filelength",
    ] {
        assert!(!own.contains(never), "{never} in {own}");
    }
    assert_eq!(
        own.matches("a=path:msrp://bob.example.com:2855/").count(),
        1
    );
}

#[test]
fn tc_lm_12_the_draft_echoes_the_size() {
    let seed = |config: &mut Config| *config = draft_seed(client("bob"));
    let own = answer(seed, &offer_sdp("a=filelength:3000\n"));
    assert!(own.contains("a=filelength:3000\r\n"), "{own}");
}

#[test]
fn tc_lm_12_who_announces_no_size_is_told_our_limit() {
    let own = answer(|_| {}, &offer_sdp(""));
    assert!(own.contains("a=max-size:10485760\r\n"), "{own}");
}

#[test]
fn tc_lm_12_setup_is_resolved() {
    let eager = |config: &mut Config| config.profile.setup_answer = SetupAnswer::Active;
    let keep = |_: &mut Config| {};
    type Case<'a> = (fn(&mut Config), &'a str, &'a str, bool);
    let cases: [Case<'_>; 7] = [
        (keep, "actpass", "passive", false),
        (eager, "actpass", "active", true),
        (keep, "active", "passive", false),
        (eager, "active", "passive", false),
        (keep, "passive", "active", true),
        (keep, "holdconn", "passive", false),
        (keep, "", "passive", false),
    ];
    for (change, theirs, ours, connects) in cases {
        let line = if theirs.is_empty() {
            String::new()
        } else {
            format!("a=setup:{theirs}\n")
        };
        let sdp = offer_sdp("").replace("a=setup:actpass\n", &line);
        let (call, did) = Call::answered(bob_with(change), &invite("", &sdp));
        let text = String::from_utf8(call.ok.body.to_vec()).unwrap();
        assert!(
            text.contains(&format!("a=setup:{ours}\r\n")),
            "{theirs}: {text}"
        );
        assert_eq!(opened(&did).pop().unwrap().connect, connects, "{theirs}");
        let port = if connects {
            "m=message 9 "
        } else {
            "m=message 2855 "
        };
        assert!(text.contains(port), "{theirs}: {text}");
    }
}

#[test]
fn tc_lm_13_the_200_goes_back_the_way_of_the_invite() {
    let (_, did) = Call::answered(bob(), &offer(""));
    assert_eq!(did.one_reply().0, ServerTxn(1));
    assert!(did.sent().is_empty());
}

#[test]
fn tc_lm_14_we_are_ready_before_the_200_leaves() {
    for setup in ["actpass", "passive"] {
        let sdp = offer_sdp("").replace("actpass", setup);
        let (_, did) = Call::answered(bob(), &invite("", &sdp));
        let ready = did.position(|a| matches!(a, Action::OpenMsrp(_))).unwrap();
        let leaves = did.position(|a| matches!(a, Action::Respond(..))).unwrap();
        assert!(ready < leaves, "{:#?}", did.0);
    }
}

#[test]
fn tc_lm_14_who_connects_binds_the_session_at_once() {
    let sdp = offer_sdp("").replace("actpass", "passive");
    let (mut call, _) = Call::answered(bob(), &invite("", &sdp));
    let did = call.rig.msrp(LegId::FIRST, MsrpEvent::Up);
    let chunk = did.chunks().pop().unwrap().1;
    assert!(chunk.body.is_empty() && chunk.mime.is_empty() && chunk.flag == Continuation::Last);
    let mut call = Call::answered(bob(), &offer("")).0;
    assert!(
        call.rig
            .msrp(LegId::FIRST, MsrpEvent::Up)
            .chunks()
            .is_empty()
    );
}

#[test]
fn tc_lm_15_content_that_is_elsewhere_comes_with_its_headers() {
    let wide = |config: &mut Config| config.account.accept_types += " message/external-body";
    let mut call = Call::of(bob_with(wide), &offer(""));
    let mime = "Content-Type: message/external-body; access-type=\"URL\"; URL=\"https://x/1\"\r\n";
    let mut head = send_head("m1", 1, 2, 2);
    head.content_type = Some("message/external-body");
    head.mime = mime;
    let did = call
        .rig
        .send(LegId::FIRST, 1, head, b"\r\n", Continuation::Last);
    let told = did.notices();
    let Some(Notice::Received { mime: kept, .. }) = told.first() else {
        panic!("{told:?}");
    };
    assert_eq!(kept, mime);
    assert!(did.sent().is_empty(), "nothing is fetched");
}

#[test]
fn tc_lm_16_a_bye_is_answered() {
    let mut call = Call::up();
    let did = call.inside("BYE", "");
    let text = wire_reply(&did.one_reply().1, &call.text("BYE", 314160, ""));
    assert!(text.starts_with("SIP/2.0 200 OK\r\n") && text.ends_with("Content-Length: 0\r\n\r\n"));
    assert!(text.contains("\r\nCSeq: 314160 BYE\r\n"));
}

#[test]
fn tc_lm_17_the_200_is_sent_before_anything_else() {
    let mut call = Call::up();
    let did = call.inside("BYE", "");
    assert_eq!(did.position(|a| matches!(a, Action::Respond(..))), Some(0));
    assert_eq!(did.one_reply().0, ServerTxn(314160));
}

#[test]
fn tc_lm_18_a_bye_releases_the_user_plane_and_tells_what_is_incomplete() {
    let mut call = Call::up();
    call.chunk(1, &[b'x'; 2048], 3000, Continuation::More);
    let did = call.inside("BYE", "");
    assert_eq!(incomplete(&did), Some((2048, Some(3000))));
    assert!(received(&did).is_none());
    assert_eq!(did.count(|a| *a == Action::ReleaseMsrp), 1);
    assert_eq!(did.0.last().unwrap().1, Action::Closed);
    // Whoever waits for a message is told if it never began.
    let mut call = Call::up();
    assert_eq!(incomplete(&call.inside("BYE", "")), Some((0, Some(3000))));
    // And what is complete is complete.
    let mut call = Call::up();
    call.chunk(1, &[b'x'; 3000], 3000, Continuation::Last);
    assert!(call.inside("BYE", "").notices().is_empty());
}

#[test]
fn dr_11_a_session_that_we_end_is_released_once() {
    let mut call = Call::up();
    call.chunk(1, &[b'x'; 2048], 3000, Continuation::More);
    let bye = call.hangs_up();
    // What is on the way still counts.
    let did = call.chunk(2049, &[b'x'; 952], 3000, Continuation::Last);
    assert_eq!(received(&did).unwrap().1, 3000);
    let did = call.rig.respond(&bye, "200 OK", "", "");
    assert_eq!(did.count(|a| *a == Action::ReleaseMsrp), 1);
    assert!(incomplete(&did).is_none());
    assert!(call.is_closed());
}

#[test]
fn dr_11_what_is_partial_is_told_with_how_much_of_it_came() {
    for end in [LOST, MsrpEvent::Down(simple_im::Down::Malformed)] {
        let mut call = Call::up();
        call.chunk(1, &[b'x'; 1000], 3000, Continuation::More);
        let did = call.rig.msrp(LegId::FIRST, end);
        let bye = did.one_sent();
        assert_eq!(bye.1.method, Method::Bye);
        let did = call.rig.fail(&bye, TxnError::Transport);
        assert_eq!(incomplete(&did), Some((1000, Some(3000))));
        assert!(call.is_closed());
    }
}

#[test]
fn d_16_no_answer_to_bye_keeps_anything_open() {
    for why in [TxnError::Timeout, TxnError::Transport] {
        let mut call = Call::up();
        let bye = call.hangs_up();
        let did = call.rig.fail(&bye, why);
        assert!(did.has(|a| *a == Action::ReleaseMsrp));
        assert!(call.is_closed());
    }
}

#[test]
fn d_33_what_was_read_before_the_bye_counts() {
    let mut call = Call::up();
    call.chunk(1, &[b'x'; 2048], 3000, Continuation::More);
    let did = call.chunk(2049, &[b'x'; 952], 3000, Continuation::Last);
    assert_eq!(received(&did).unwrap().1, 3000);
    let did = call.inside("BYE", "");
    assert!(did.notices().is_empty() && call.is_closed());
}

#[test]
fn cc_116_msrp_before_bye_is_the_order_of_events() {
    // The driver hands over what its socket holds before the BYE; a chunk that is cut by it is lost.
    let mut call = Call::up();
    let head = send_head("m1", 1, 3000, 3000);
    call.rig
        .msrp(LegId::FIRST, MsrpEvent::Send(simple_im::MsrpTxn(1), &head));
    let octets = bytes::Bytes::from_static(&[b'x'; 3000]);
    call.rig.msrp(LegId::FIRST, MsrpEvent::Octets(&octets));
    let did = call.inside("BYE", "");
    assert_eq!(
        incomplete(&did),
        Some((3000, Some(3000))),
        "no end-line, no message"
    );
}

#[test]
fn d_34_the_offer_is_validated_before_the_user_is_asked() {
    let bad = invite("", &offer_sdp("").replace("TCP/MSRP", "UDP/MSRP"));
    assert_eq!(status(&bad), 488);
    let (_, _, did) = ringing(bob(), &offer(""));
    let rings = did.position(|a| matches!(a, Action::Respond(..))).unwrap();
    let asked = did.position(|a| matches!(a, Action::Ask(..))).unwrap();
    assert!(asked < rings);
}

#[test]
fn cc_110_an_invitation_that_is_cancelled_takes_its_question_back() {
    let (mut rig, ask, _) = ringing(bob(), &offer(""));
    let did = rig.event(Event::Cancel {
        cancel: ServerTxn(2),
        invite: ServerTxn(1),
    });
    assert_eq!(did.statuses(), [200, 487]);
    assert_eq!(did.notices(), [Notice::Missed]);
    assert!(did.has(|a| *a == Action::StopTimer(Timer::Decide)));
    assert!(rig.machine.is_closed());
    rig.answer(ask, Answer::Accept).none();
}

#[test]
fn cc_111_a_cancel_after_the_200_changes_nothing() {
    let (mut call, _) = Call::answered(bob(), &offer(""));
    let did = call.rig.event(Event::Cancel {
        cancel: ServerTxn(2),
        invite: ServerTxn(1),
    });
    assert_eq!(did.statuses(), [200]);
    assert_eq!(did.0.len(), 1);
    call.ack();
    assert!(!call.is_closed());
}

#[test]
fn cc_112_two_invitations_are_two_sessions() {
    let mut rigs = [bob(), bob()];
    rigs[1].config.key = [9, 9];
    let calls = rigs.map(|rig| Call::of(rig, &offer("a=filelength:3000\n")));
    let [mut one, mut two] = calls;
    assert_eq!(one.inside("BYE", "").statuses(), [200]);
    let did = two.chunk(1, &[b'x'; 3000], 3000, Continuation::Last);
    assert!(received(&did).is_some());
}

#[test]
fn cc_113_an_invitation_while_one_of_ours_is_under_way_is_taken() {
    // One machine is one exchange: nothing in it knows of the other.
    let mut alice = Rig::new(simple_im::Originating::new(), client("bob"));
    let (sent, did) = alice.command(|bob, cx| {
        let to = simple_im::Target::One(uri("sip:alice@example.com"));
        let text = simple_im::Content::text(&"x".repeat(2000));
        bob.send(simple_im::Draft::new(to, text), cx)
    });
    sent.unwrap();
    assert_eq!(did.one_sent().1.method, Method::Invite);
    ringing(bob(), &offer(""));
}

#[test]
fn cc_114_what_is_larger_than_what_is_free_is_refused_before_it_rings() {
    // Limits are lent with every call: a host with little room lends little.
    let text = turned_away(
        |config| config.limits.message = 2999,
        &offer("a=filelength:3000\n"),
    );
    assert!(text.starts_with("SIP/2.0 488 "), "{text}");
    assert!(text.contains("133 Size exceeded"));
}

#[test]
fn cc_117_a_session_that_nobody_binds_is_ended() {
    let (mut call, did) = Call::answered(bob(), &offer("a=filelength:9\n"));
    assert_eq!(did.started(Timer::Bind), Some(Duration::from_secs(30)));
    call.ack();
    let bye = call.rig.timer(Timer::Bind).one_sent();
    assert_eq!(bye.1.method, Method::Bye);
    let did = call.rig.respond(&bye, "200 OK", "", "");
    assert!(
        did.has(|a| *a == Action::ReleaseMsrp),
        "the connection is given back"
    );
    assert_eq!(incomplete(&did), Some((0, Some(9))));
}

#[test]
fn cc_117_a_connection_that_came_early_and_went_may_come_again() {
    let (mut rig, ask, _) = ringing(bob(), &offer(""));
    rig.msrp(LegId::FIRST, MsrpEvent::Up).none();
    rig.msrp(LegId::FIRST, LOST).none();
    let did = rig.answer(ask, Answer::Accept);
    assert!(did.started(Timer::Bind).is_some());
    assert!(
        rig.msrp(LegId::FIRST, MsrpEvent::Up)
            .has(|a| *a == Action::StopTimer(Timer::Bind))
    );
}

#[test]
fn cc_118_a_message_before_the_ack_is_received() {
    let (mut call, _) = Call::answered(bob(), &offer(""));
    call.rig.msrp(LegId::FIRST, MsrpEvent::Up);
    let did = call.chunk(1, b"early", 5, Continuation::Last);
    assert_eq!(msrp(&did), [200]);
    assert_eq!(received(&did), Some((b"early".to_vec(), 5)));
}

#[test]
fn cc_119_who_cannot_be_reached_is_awaited() {
    let nowhere = offer_sdp("")
        .replace("actpass", "active")
        .replace("7654", "9");
    let eager = |config: &mut Config| config.profile.setup_answer = SetupAnswer::Active;
    let unknown = offer_sdp("").replace("msrp://alice.example.com", "msrp://0.0.0.0");
    for sdp in [nowhere, unknown] {
        let (_, did) = Call::answered(bob_with(eager), &invite("", &sdp));
        assert!(!opened(&did).pop().unwrap().connect, "{sdp}");
    }
}

#[test]
fn cc_120_an_ipv6_path_is_taken_and_given() {
    let sdp = offer_sdp("").replace("msrp://alice.example.com", "msrp://[2001:db8::1]");
    let six = |config: &mut Config| config.msrp.host = "[2001:db8::2]".into();
    let (call, did) = Call::answered(bob_with(six), &invite("", &sdp));
    let open = opened(&did).pop().unwrap();
    assert_eq!(open.peer, "msrp://[2001:db8::1]:7654/jshA7weztas;tcp");
    let text = String::from_utf8(call.ok.body.to_vec()).unwrap();
    assert!(text.contains("c=IN IP6 2001:db8::2\r\n"), "{text}");
    assert!(text.contains("a=path:msrp://[2001:db8::2]:2855/"));
}

#[test]
fn cc_121_an_anonymous_caller_is_refused_as_the_profile_says() {
    let hidden = offer("").replace(
        "From: <sip:alice@example.com>",
        "From: \"Anonymous\" <sip:anonymous@anonymous.invalid>",
    );
    for status in [403, 433] {
        let rig = bob_with(|config| config.profile.anonymous_status = status);
        let (mut rig, ask, did) = ringing(rig, &hidden);
        let Some((_, Question::Invitation { arrival, .. })) = did.asked() else {
            panic!("nobody is asked");
        };
        assert!(arrival.marks.anonymous);
        let did = rig.answer(ask, Answer::Refuse(Refusal::Anonymous));
        assert_eq!(did.statuses(), [status]);
    }
}

/// Golden A.4, as it arrives.
const A4: &str = "INVITE sip:bob@example.com SIP/2.0
Via: SIP/2.0/TCP pc33.example.com;branch=z9hG4bKnashds8
Max-Forwards: 70
From: <sip:alice@example.com>;tag=1928301774
To: <sip:bob@example.com>
Call-ID: a84b4c76e66710@pc33.example.com
CSeq: 314159 INVITE
Contact: <sip:alice@pc33.example.com>;+g.oma.sip-im
Accept-Contact: *;+g.oma.sip-im;explicit
User-Agent: IM-client/OMA1.0
Allow: INVITE, ACK, CANCEL, BYE, MESSAGE, OPTIONS, UPDATE
Supported: timer
Session-Expires: 1800;refresher=uac
P-Preferred-Identity: <sip:alice@example.com>
Content-Type: application/sdp

v=0
o=alice 2890844526 2890844526 IN IP4 pc33.example.com
s=-
c=IN IP4 192.0.2.10
t=0 0
m=message 7654 TCP/MSRP *
a=path:msrp://192.0.2.10:7654/jshA7weztas9d8f7;tcp
a=setup:actpass
a=accept-types:message/cpim text/plain
a=sendonly
a=filelength:3000
";

const A5: &str = "SIP/2.0 200 OK
Via: SIP/2.0/TCP pc33.example.com;branch=z9hG4bKnashds8
From: <sip:alice@example.com>;tag=1928301774
To: <sip:bob@example.com>;tag=314159
Call-ID: a84b4c76e66710@pc33.example.com
CSeq: 314159 INVITE
Contact: <sip:bob@pc9.example.com>;+g.oma.sip-im
User-Agent: IM-client/OMA1.0
Allow: INVITE, ACK, CANCEL, BYE, MESSAGE, OPTIONS, UPDATE
Require: timer
Supported: timer
Session-Expires: 1800;refresher=uac
P-Preferred-Identity: <sip:bob@example.com>
Content-Type: application/sdp
Content-Length: 239

v=0
o=bob 2890844530 2890844530 IN IP4 pc9.example.com
s=-
c=IN IP4 192.0.2.20
t=0 0
m=message 8888 TCP/MSRP *
a=path:msrp://192.0.2.20:8888/9di4eae923wzdkk31;tcp
a=setup:passive
a=accept-types:message/cpim text/plain
a=recvonly
";

fn at_pc9(config: &mut Config) {
    config.account.contact = uri("sip:bob@pc9.example.com");
    config.msrp.host = "192.0.2.20".into();
    config.msrp.port = 8888;
}

#[test]
fn the_answer_is_golden_a5_line_by_line() {
    let (call, _) = Call::answered(bob_with(at_pc9), A4);
    assert_eq!(lines(&wire_reply(&call.ok, A4)), lines(A5));
}

#[test]
fn the_transfer_and_the_bye_are_golden_a5() {
    let mut call = Call::of(bob_with(at_pc9), A4);
    let did = call.chunk(1, &[b'x'; 2048], 3000, Continuation::More);
    assert_eq!(msrp(&did), [200]);
    let did = call.chunk(2049, &[b'x'; 952], 3000, Continuation::Last);
    assert_eq!(msrp(&did), [200]);
    assert_eq!(received(&did), Some((vec![b'x'; 3000], 3000)));
    assert!(
        !did.has(|a| matches!(a, Action::SendReport(_))),
        "nobody asked"
    );
    assert_eq!(call.inside("BYE", "").statuses(), [200]);
    assert!(call.is_closed());
}

/// A golden rejection, with the lines that every response of ours has besides.
fn rejected(change: impl FnOnce(&mut Config), text: &str, golden: &str) {
    let reply = turned_away(change, text);
    let (status, line) = golden.split_once('\n').unwrap();
    assert!(reply.starts_with(&format!("{status}\r\n")), "{reply}");
    assert!(reply.contains(&format!("\r\n{line}\r\n")), "{reply}");
    let known = [
        "Via",
        "From",
        "To",
        "Call-ID",
        "CSeq",
        "User-Agent",
        "P-Preferred-Identity",
        "Content-Length",
    ];
    let more = reply
        .lines()
        .skip(1)
        .filter_map(|line| line.split_once(':'));
    let more: Vec<_> = more.filter(|(name, _)| !known.contains(name)).collect();
    assert_eq!(more.len(), 1, "{reply}");
}

#[test]
fn an_interval_that_is_too_small_is_refused_as_in_golden_a8() {
    rejected(
        |config| config.profile.min_se = Duration::from_secs(600),
        &A4.replace("Session-Expires: 1800", "Session-Expires: 300"),
        "SIP/2.0 422 Session Interval Too Small\nMin-SE: 600",
    );
}

#[test]
fn an_extension_that_is_not_known_is_refused_as_in_golden_a8() {
    rejected(
        |_| {},
        &A4.replace(
            "Supported: timer",
            "Supported: timer\nRequire: recipient-list-invite",
        ),
        "SIP/2.0 420 Bad Extension\nUnsupported: recipient-list-invite",
    );
}

#[test]
fn a_medium_that_is_not_there_is_refused_as_in_golden_a8() {
    rejected(
        at_pc9,
        &A4.replace("m=message 7654", "m=message 0"),
        "SIP/2.0 488 Not Acceptable Here\nWarning: 304 pc9.example.com \"Media type not available\"",
    );
}

#[test]
fn closing_ends_what_there_is() {
    let ((), did) = bob().command(|bob: &mut Terminating, cx| bob.close(cx));
    did.none();
    let (mut rig, _, _) = ringing(bob(), &offer(""));
    let ((), did) = rig.command(|bob, cx| bob.close(cx));
    assert_eq!(did.statuses(), [480]);
    assert!(did.has(|a| *a == Action::StopTimer(Timer::Decide)));
    assert_eq!(did.0.last().unwrap().1, Action::Closed);
}
