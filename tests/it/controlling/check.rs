//! The ordered checks: CF-PM-01 to CF-PM-05, DR-02, DR-04, DR-06, DR-07, DR-30.

use std::time::Duration;

use simple_im::{
    Access, Answer, Event, Limits, LookupError, Machine, Notice, Question, ServerTxn, Timer,
};

use super::*;

const REFUSED: Access = Access {
    allowed: false,
    ..GRANTED
};
const UNKNOWN: Access = Access {
    exists: false,
    allowed: false,
    anonymity: false,
};
const NAMED: Access = Access {
    anonymity: false,
    ..GRANTED
};

/// What a request comes to with these access rights.
fn judged(mut rig: Rig<Controlling>, request: &str, access: Access) -> String {
    let did = run_as(&mut rig, request, access, Ok(&uris(&[BOB])));
    assert_eq!(rig.machine.is_closed(), did.statuses()[0] >= 300);
    wire_reply(&did.replies()[0].1, request)
}

fn anonymous(request: &str) -> String {
    request.replace("Max-Forwards: 70\n", "Max-Forwards: 70\nPrivacy: id\n")
}

fn unasserted(request: &str) -> String {
    request.replace("P-Asserted-Identity: <sip:alice@example.com>\n", "")
}

#[test]
fn cf_pm_01_a_list_where_lists_are_not_served_is_403_and_anything_else_goes_on() {
    let unable = || with(|config| config.profile.list_service = false);
    assert!(refusal(&mut unable(), &page_list(&[BOB])).starts_with("SIP/2.0 403 "));
    // The same at a group, which a list has no business at either.
    let at_group = page_list(&[BOB]).replace(FACTORY, TEAM);
    assert!(refusal(&mut unable(), &at_group).starts_with("SIP/2.0 403 "));
    assert_eq!(status(&mut unable(), &page_group()), 202);
}

#[test]
fn d_21_a_service_that_is_off_is_403_and_an_option_that_nobody_knows_is_420() {
    let mut off = with(|config| config.profile.list_service = false);
    let reply = refusal(&mut off, &invite_list(&[BOB]));
    assert!(reply.starts_with("SIP/2.0 403 "));
    assert!(reply.contains("Warning: 399 im.example.com \"127 Service not authorised\"\r\n"));
    let strange = page_list(&[BOB]).replace(
        "recipient-list-message",
        "recipient-list-message, telepathy",
    );
    let reply = refusal(&mut focus(), &strange);
    assert!(reply.starts_with("SIP/2.0 420 "));
    assert!(reply.contains("Unsupported: telepathy\r\n"), "{reply}");
    // Each list option belongs to its method.
    let crossed = page_list(&[BOB]).replace("recipient-list-message", "recipient-list-invite");
    assert!(refusal(&mut focus(), &crossed).contains("Unsupported: recipient-list-invite\r\n"));
}

#[test]
fn cf_pm_02_a_uri_that_is_neither_group_nor_service_is_404() {
    assert!(judged(focus(), &page_group(), UNKNOWN).starts_with("SIP/2.0 404 "));
}

#[test]
fn dr_04_message_and_invite_alike_hear_404_for_what_does_not_exist() {
    for request in [page_group(), invite_group()] {
        assert!(judged(focus(), &request, UNKNOWN).starts_with("SIP/2.0 404 "));
        // A conference that has ended is no group either.
        let ended = request.replace(TEAM, "sip:conf-0123456789abcdef01234567@im.example.com");
        assert!(judged(focus(), &ended, UNKNOWN).starts_with("SIP/2.0 404 "));
    }
}

#[test]
fn cf_pm_03_only_an_asserted_identity_that_is_allowed_is_served() {
    for (request, access) in [
        (page_list(&[BOB]), REFUSED),
        (page_group(), REFUSED),
        (unasserted(&page_list(&[BOB])), GRANTED),
        (unasserted(&page_group()), GRANTED),
    ] {
        let reply = judged(focus(), &request, access);
        assert!(reply.starts_with("SIP/2.0 403 "), "{reply}");
        assert!(!reply.contains("Warning"));
    }
    let reply = judged(focus(), &invite_list(&[BOB]), REFUSED);
    assert!(reply.contains("\"127 Service not authorised\""));
}

#[test]
fn cf_pm_04_anonymity_that_is_not_allowed_is_403() {
    for request in [page_list(&[BOB]), page_group()] {
        assert!(judged(focus(), &anonymous(&request), NAMED).starts_with("SIP/2.0 403 "));
        assert!(judged(focus(), &anonymous(&request), GRANTED).starts_with("SIP/2.0 202 "));
        assert!(judged(focus(), &request, NAMED).starts_with("SIP/2.0 202 "));
    }
    let strict = || with(|config| config.profile.adhoc_anonymity = false);
    assert!(judged(strict(), &anonymous(&page_list(&[BOB])), GRANTED).starts_with("SIP/2.0 403 "));
    assert!(judged(strict(), &anonymous(&page_group()), GRANTED).starts_with("SIP/2.0 202 "));
}

#[test]
fn d_36_an_invitation_hears_403_too() {
    let reply = judged(focus(), &anonymous(&invite_group()), NAMED);
    assert!(reply.starts_with("SIP/2.0 403 "));
    assert!(reply.contains("Warning: 399 im.example.com \"Anonymity not allowed\"\r\n"));
}

#[test]
fn dr_20_privacy_that_is_critical_and_not_provided_is_500() {
    let asks =
        |privacy: &str| page_group().replace("Call-ID", &format!("Privacy: {privacy}\nCall-ID"));
    assert_eq!(status(&mut focus(), &asks("session;critical")), 500);
    assert_eq!(status(&mut focus(), &asks("session")), 202);
    assert_eq!(status(&mut focus(), &asks("id;session;critical")), 202);
    assert_eq!(status(&mut focus(), &asks("none")), 202);
}

#[test]
fn cf_pm_05_the_members_of_a_group_are_asked_for() {
    let mut rig = focus();
    let did = rig.request(1, &page_group());
    let (ask, question) = did.asked().unwrap();
    assert_eq!(
        question,
        Question::Access {
            originator: Some(uri("sip:alice@example.com")),
            also: None,
            target: uri(TEAM),
            anonymous: false
        }
    );
    assert_eq!(did.started(Timer::Lookup), Some(Duration::from_secs(20)));
    let did = rig.answer(ask, Answer::Access(GRANTED));
    let (second, question) = did.asked().unwrap();
    assert_eq!(question, Question::Members { group: uri(TEAM) });
    // A stale answer is ignored, the right one counts, however late.
    rig.answer(ask, Answer::Access(REFUSED)).none();
    let did = rig.answer(second, Answer::Members(Ok(&uris(&[BOB]))));
    assert_eq!(targets(&did), [BOB]);
    rig.answer(second, Answer::Members(Ok(&uris(&[CAROL]))))
        .none();
}

#[test]
fn dr_07_a_lookup_that_fails_says_why() {
    for (why, status) in [
        (LookupError::NotFound, 404),
        (LookupError::Forbidden, 403),
        (LookupError::Unavailable, 500),
    ] {
        for request in [page_group(), invite_group()] {
            let mut rig = focus();
            let did = run_as(&mut rig, &request, GRANTED, Err(why));
            assert_eq!(did.statuses(), [status]);
            let reply = wire_reply(&did.one_reply().1, &request);
            assert_eq!(reply.contains("Retry-After: 30\r\n"), status == 500);
        }
    }
}

#[test]
fn dr_07_a_host_that_does_not_answer_makes_it_500_and_comes_too_late() {
    for asked in 0..2 {
        let mut rig = focus();
        let mut did = rig.request(1, &page_group());
        for _ in 0..asked {
            let (ask, _) = did.asked().unwrap();
            did = rig.answer(ask, Answer::Access(GRANTED));
        }
        let (ask, _) = did.asked().unwrap();
        let did = rig.timer(Timer::Lookup);
        assert_eq!(did.statuses(), [500]);
        assert!(wire_reply(&did.one_reply().1, &page_group()).contains("Retry-After: 30\r\n"));
        rig.answer(ask, Answer::Members(Ok(&many(3)))).none();
    }
}

#[test]
fn an_impossible_answer_counts_as_a_refusal() {
    let mut rig = focus();
    let (ask, _) = rig.request(1, &page_group()).asked().unwrap();
    assert_eq!(rig.answer(ask, Answer::Accept).statuses(), [403]);
}

#[test]
fn dr_07_a_group_too_large_is_486_and_one_at_the_limit_is_served() {
    let mut limited = with(|config| config.limits.group_members = 3);
    let did = run_as(&mut limited, &page_group(), GRANTED, Ok(&many(4)));
    let reply = wire_reply(&did.one_reply().1, &page_group());
    assert!(reply.starts_with("SIP/2.0 486 "));
    assert!(reply.contains("\"122 too many participants\""));
    let mut limited = with(|config| config.limits.group_members = 3);
    let did = run_as(&mut limited, &page_group(), GRANTED, Ok(&many(3)));
    assert_eq!((did.statuses(), did.sent().len()), (vec![202], 3));
}

#[test]
fn dr_02_a_malformed_session_parameter_is_400_where_the_uri_is_ours() {
    for bad in [";session=", ";session", ";session=adhoc;session=chat"] {
        let at = |request: &str, uri: &str| request.replacen(uri, &format!("{uri}{bad}"), 1);
        assert_eq!(status(&mut focus(), &at(&page_list(&[BOB]), FACTORY)), 400);
        assert_eq!(status(&mut focus(), &at(&page_group(), TEAM)), 400);
        // Elsewhere it is ignored: the URI is not known.
        assert!(judged(focus(), &at(&page_group(), TEAM), UNKNOWN).starts_with("SIP/2.0 404 "));
    }
    // What is well-formed is a hint and no more, known or not.
    for good in ["prearranged", "pre-arranged", "imgroup", "1-1", "whatever"] {
        let request = page_group().replacen(TEAM, &format!("{TEAM};session={good}"), 1);
        let mut rig = focus();
        let (_, question) = rig.request(1, &request).asked().unwrap();
        assert!(matches!(question, Question::Access { target, .. } if target == uri(TEAM)));
    }
}

/// Requests that are wrong in many ways, from the last wrong to the first: each step mends the fault
/// that answered, so the next one answers.
#[test]
fn dr_06_of_two_faults_the_earlier_one_answers_an_invitation_to_a_list() {
    let many: Vec<String> = (0..4).map(|n| format!("sip:m{n}@example.com")).collect();
    let names: Vec<&str> = many.iter().map(String::as_str).collect();
    let rig_config = |config: &mut Config| config.limits.adhoc_group = 4;
    let audio = sdp_part("").replace("m=message", "m=audio");
    let body = |sdp: &str, list: &str| mixed(&[sdp, list]);
    let bad_list = listed(&names).replace("sip:m0@", "http:m0@");
    let no_entries = listed(&["sip:alice@example.com"]);
    let request = |lines: &str, body: &str| {
        invite(FACTORY, &format!("{lines}{MIXED}"), body).replace(
            "Session-Expires: 1800;refresher=uac",
            "Session-Expires: 91;refresher=uac",
        )
    };
    let wrong = request("Require: telepathy\nPrivacy: id\n", &body("", &bad_list))
        .replace("Max-Forwards: 70", "Max-Forwards: 0")
        .replace(
            "To: <sip:conference-factory@im.example.com>",
            "To: <sip:conference-factory@im.example.com>;tag=7",
        )
        .replace(
            "INVITE sip:conference-factory@im.example.com ",
            "INVITE sip:conference-factory@im.example.com;session= ",
        )
        .replace(">;+g.oma.sip-im\n", ">;+g.oma.sip-im;isfocus\n");
    let fixes: [(&str, &str, Access, u16); 15] = [
        ("", "", REFUSED, 420),
        ("Require: telepathy\n", "", REFUSED, 481),
        (";tag=7", "", REFUSED, 483),
        ("Max-Forwards: 0", "Max-Forwards: 70", REFUSED, 400),
        (";session= ", " ", REFUSED, 403),
        (";isfocus", "", REFUSED, 403),
        ("", "", NAMED, 403),
        ("Privacy: id\n", "", NAMED, 422),
        ("Expires: 91;", "Expires: 900;", GRANTED, 400),
        ("--bb\n\n", &format!("--bb\n{audio}\n"), GRANTED, 400),
        (&bad_list, &no_entries, GRANTED, 400),
        (&no_entries, &listed(&names), GRANTED, 486),
        ("sip:m3@", "sip:m0@", GRANTED, 488),
        ("m=audio", "m=message", GRANTED, 200),
        ("", "", GRANTED, 200),
    ];
    let texts = [
        "",
        "",
        "",
        "",
        "104",
        "127",
        "Anonymity",
        "Min-SE: 600",
        "",
        "",
        "",
        "122",
        "399",
        "",
        "",
    ];
    let mut now = wrong;
    for (place, ((from, to, access, expected), text)) in fixes.iter().zip(texts).enumerate() {
        if !from.is_empty() {
            assert!(now.contains(from), "{place}: {from} is not there");
            now = now.replace(from, to);
        }
        let mut rig = with(rig_config);
        rig.config.profile.min_se = Duration::from_secs(600);
        let did = run_as(&mut rig, &now, *access, Ok(&[]));
        let reply = wire_reply(&did.replies()[0].1, &now);
        assert!(
            reply.starts_with(&format!("SIP/2.0 {expected} ")),
            "{place}: {reply}"
        );
        if *expected != 488 {
            assert!(reply.contains(text), "{place}: {reply}");
        }
    }
}

#[test]
fn dr_07_of_two_faults_the_earlier_one_answers_a_request_to_a_group() {
    let wrong = anonymous(&invite(
        TEAM,
        "Require: recipient-list-invite\nContent-Type: text/plain\n",
        "x",
    ))
    .replace("Expires: 1800;", "Expires: 91;")
    .replace(
        &format!("INVITE {TEAM} "),
        &format!("INVITE {TEAM};session= "),
    )
    .replace(">;+g.oma.sip-im\n", ">;+g.oma.sip-im;isfocus\n");
    let sdp = offer_sdp("");
    let none: Result<&[Uri], LookupError> = Ok(&[]);
    let some = uris(&[BOB]);
    type Members<'a> = Result<&'a [Uri], LookupError>;
    let fixes: [(&str, &str, Access, Members<'_>, u16); 11] = [
        ("", "", UNKNOWN, none, 404),
        ("", "", REFUSED, none, 400),
        (";session= ", " ", REFUSED, none, 403),
        (";isfocus", "", REFUSED, none, 403),
        ("", "", NAMED, none, 403),
        ("Privacy: id\n", "", NAMED, none, 422),
        (
            "Expires: 91;",
            "Expires: 900;",
            NAMED,
            Err(LookupError::NotFound),
            420,
        ),
        (
            "Require: recipient-list-invite\n",
            "",
            NAMED,
            Err(LookupError::NotFound),
            404,
        ),
        ("", "", NAMED, none, 400),
        (
            "text/plain\n\nx",
            &format!("application/sdp\n\n{sdp}"),
            NAMED,
            none,
            480,
        ),
        ("", "", NAMED, Ok(&some), 200),
    ];
    let mut now = wrong;
    for (place, (from, to, access, members, expected)) in fixes.iter().enumerate() {
        if !from.is_empty() {
            assert!(now.contains(from), "{place}: {from} is not there");
            now = now.replace(from, to);
        }
        let mut rig = with(|config| config.profile.min_se = Duration::from_secs(600));
        let did = run_as(&mut rig, &now, *access, *members);
        let reply = wire_reply(&did.replies()[0].1, &now);
        assert!(
            reply.starts_with(&format!("SIP/2.0 {expected} ")),
            "{place}: {reply}"
        );
    }
}

#[test]
fn dr_30_the_order_is_list_support_existence_authorization_anonymity() {
    let off = || with(|config| config.profile.list_service = false);
    let listed = anonymous(&unasserted(&page_list(&[BOB]).replace(FACTORY, TEAM)));
    assert!(judged(off(), &listed, UNKNOWN).starts_with("SIP/2.0 403 "));
    let mended = listed.replace("Require: recipient-list-message\n", "");
    assert!(judged(focus(), &mended, UNKNOWN).starts_with("SIP/2.0 404 "));
    let text = judged(focus(), &mended, NAMED);
    assert!(text.starts_with("SIP/2.0 403 ") && !text.contains("Warning"));
    let text = judged(focus(), &anonymous(&page_group()), NAMED);
    assert!(text.contains("Anonymity not allowed"));
}

#[test]
fn dr_30_existence_is_hidden_from_those_who_may_not_know_of_it() {
    let hiding = || with(|config| config.profile.hide_existence = true);
    for request in [page_group(), invite_group()] {
        let unknown = judged(hiding(), &request, UNKNOWN);
        for access in [REFUSED, GRANTED] {
            let request = if access.allowed {
                unasserted(&request)
            } else {
                request.clone()
            };
            let hidden = judged(hiding(), &request, access);
            assert_eq!(hidden.lines().next(), unknown.lines().next());
            assert_eq!(hidden.contains("Warning"), unknown.contains("Warning"));
        }
        // Not even by what is wrong with the request.
        let odd = request.replacen(TEAM, &format!("{TEAM};session="), 1);
        assert!(judged(hiding(), &odd, REFUSED).starts_with("SIP/2.0 404 "));
    }
    // The factory is no secret.
    assert!(judged(hiding(), &page_list(&[BOB]), REFUSED).starts_with("SIP/2.0 403 "));
}

#[test]
fn d_22_the_list_may_be_named_by_the_uri() {
    let named = |uri: &str, id: &str| {
        let list = listed(&[BOB]).replace(
            "Content-Disposition: recipient-list\n",
            &format!("Content-ID: <{id}>\n"),
        );
        page(
            &format!("{FACTORY};list={uri}"),
            MIXED,
            &mixed(&[TEXT, &list]),
        )
    };
    let strict = || with(|config| config.profile.list_without_disposition = false);
    let mut rig = strict();
    let did = run(&mut rig, &named("cid:a1%40h", "a1@h"));
    assert_eq!(did.statuses(), [202]);
    let copy = wire(&did.one_sent().1);
    assert!(
        copy.ends_with("\r\n\r\nhi") && !copy.contains("resource-lists"),
        "{copy}"
    );
    for wrong in ["cid:other", "cid:", "nothing"] {
        assert_eq!(status(&mut strict(), &named(wrong, "a1@h")), 404);
        let mut knob = with(|config| config.profile.list_cid_unresolved = 400);
        assert_eq!(status(&mut knob, &named(wrong, "a1@h")), 400);
    }
}

#[test]
fn d_23_an_empty_list_is_400_and_a_group_of_one_is_480_or_404() {
    let alone = page_list(&["sip:alice@example.com", "sip:ALICE@h?x=y"])
        .replace("sip:ALICE@h?x=y", FACTORY);
    assert_eq!(status(&mut focus(), &alone), 400);
    for (knob, expected) in [(480, 480), (404, 404)] {
        for request in [page_group(), invite_group()] {
            let mut rig = with(|config| config.profile.empty_group_status = knob);
            let members = uris(&["sip:alice@example.com"]);
            let did = run_as(&mut rig, &request, GRANTED, Ok(&members));
            assert_eq!(did.statuses(), [expected]);
        }
    }
}

#[test]
fn dr_06_too_many_for_an_ad_hoc_group_is_486_or_403_counting_the_originator() {
    let limited = |status| {
        with(|config| {
            config.limits.adhoc_group = 3;
            config.profile.too_many_status = status;
        })
    };
    assert_eq!(status(&mut limited(486), &page_list(&[BOB, CAROL])), 202);
    for knob in [486, 403] {
        for request in [
            page_list(&[BOB, CAROL, DAVE]),
            invite_list(&[BOB, CAROL, DAVE]),
        ] {
            let reply = refusal(&mut limited(knob), &request);
            assert!(reply.starts_with(&format!("SIP/2.0 {knob} ")));
            assert!(
                reply.contains("Warning: 399 im.example.com \"122 too many participants\"\r\n")
            );
        }
    }
    // Whoever is named twice counts once (D-20).
    assert_eq!(
        status(&mut limited(486), &page_list(&[BOB, BOB, CAROL])),
        202
    );
}

#[test]
fn dr_06_a_body_that_an_invitation_cannot_bring_is_415() {
    let body = mixed(&[
        &sdp_part(""),
        &listed(&[BOB]),
        "Content-Type: image/png\n\nx",
    ]);
    let request = invite(FACTORY, MIXED, &body);
    let reply = refusal(&mut focus(), &request);
    assert!(reply.starts_with("SIP/2.0 415 "));
    assert!(reply.contains("Accept: application/sdp\r\n"));
    let optional = request.replace(
        "image/png\n",
        "image/png\nContent-Disposition: icon;handling=optional\n",
    );
    assert_eq!(status(&mut focus(), &optional), 200);
    let packed = request.replace(MIXED, &format!("Content-Encoding: gzip\n{MIXED}"));
    assert!(refusal(&mut focus(), &packed).contains("Accept-Encoding: identity\r\n"));
}

#[test]
fn dr_06_another_method_is_405_with_allow() {
    let request = page_group().replace("MESSAGE", "SUBSCRIBE");
    let reply = refusal(&mut focus(), &request);
    assert!(reply.starts_with("SIP/2.0 405 "));
    assert!(reply.contains("Allow: INVITE, ACK, CANCEL, BYE, MESSAGE, OPTIONS, UPDATE, PRACK\r\n"));
    assert!(reply.contains("Server: IM-serv/OMA1.0\r\n"));
}

#[test]
fn cc_95_a_request_for_another_service_is_handed_back_unanswered() {
    let request = page_group().replace("Accept-Contact: *;+g.oma.sip-im;require;explicit\n", "");
    let mut rig = focus();
    let did = rig.request(5, &request);
    assert_eq!(did.notices(), [Notice::NotForUs(ServerTxn(5))]);
    assert!(did.replies().is_empty() && rig.machine.is_closed());
    // Whatever else is wrong with it is the other service's to say.
    let odd = request.replace("Max-Forwards: 70", "Max-Forwards: 0\nRequire: x");
    assert!(focus().request(5, &odd).replies().is_empty());
}

#[test]
fn cc_96_the_tag_may_stand_in_any_value_of_accept_contact() {
    let request = page_group().replace(
        "Accept-Contact: *;+g.oma.sip-im;require;explicit",
        "Accept-Contact: *;audio, *;+g.oma.sip-im",
    );
    assert_eq!(status(&mut focus(), &request), 202);
    let apart = request.replace(", *;", "\nAccept-Contact: *;");
    assert_eq!(status(&mut focus(), &apart), 202);
}

#[test]
fn cc_97_either_identity_may_be_the_one_that_is_allowed() {
    let both = page_group().replace(
        "P-Asserted-Identity: <sip:alice@example.com>",
        "P-Asserted-Identity: <tel:+15550100>, \"A\" <sip:alice@example.com>",
    );
    let mut rig = focus();
    let (_, question) = rig.request(1, &both).asked().unwrap();
    let Question::Access {
        originator, also, ..
    } = question
    else {
        panic!()
    };
    assert_eq!(originator, Some(uri("tel:+15550100")));
    assert_eq!(also, Some(uri("sip:alice@example.com")));
    // Of two of a kind the first counts (DR-03).
    let twice = both.replace("tel:+15550100", "sip:eve@example.com");
    let (_, question) = focus().request(1, &twice).asked().unwrap();
    assert!(matches!(question, Question::Access { also: None, .. }));
    let mut rig = focus();
    let copy = wire(&run(&mut rig, &twice).sent()[0].1);
    assert_eq!(copy.matches("P-Asserted-Identity").count(), 1);
}

#[test]
fn cc_77_a_cancel_during_the_lookup_is_487_at_once() {
    for asked in 0..2 {
        let mut rig = focus();
        let mut did = rig.request(1, &invite_group());
        for _ in 0..asked {
            let (ask, _) = did.asked().unwrap();
            did = rig.answer(ask, Answer::Access(GRANTED));
        }
        let (ask, _) = did.asked().unwrap();
        let cancel = Event::Cancel {
            cancel: ServerTxn(2),
            invite: ServerTxn(1),
        };
        let did = rig.event(cancel);
        let said: Vec<_> = did
            .replies()
            .iter()
            .map(|(txn, r)| (txn.0, r.status.0))
            .collect();
        assert_eq!(said, [(2, 200), (1, 487)]);
        assert!(did.has(|action| *action == simple_im::Action::StopTimer(Timer::Lookup)));
        assert!(rig.machine.is_closed());
        rig.answer(ask, Answer::Members(Ok(&many(2)))).none();
    }
}

#[test]
fn cc_100_a_list_is_refused_before_it_costs_anything() {
    let limits = Limits::default();
    let entries = many(limits.list_entries + 1);
    let names: Vec<&str> = entries.iter().map(Uri::as_str).collect();
    assert_eq!(status(&mut focus(), &page_list(&names)), 400);
    assert_eq!(status(&mut focus(), &page_list(&names[1..])), 202);
    let long = listed(&[BOB]).replace(
        "<list>",
        &format!("<list><!--{}-->", "x".repeat(limits.list_octets)),
    );
    assert_eq!(
        status(&mut focus(), &page(FACTORY, MIXED, &mixed(&[TEXT, &long]))),
        400
    );
    let bomb = listed(&[BOB]).replace(
        "<resource-lists",
        "<!DOCTYPE x [<!ENTITY a \"aa\">]>\n<resource-lists",
    );
    assert_eq!(
        status(&mut focus(), &page(FACTORY, MIXED, &mixed(&[TEXT, &bomb]))),
        400
    );
}

#[test]
fn cc_90_a_group_takes_no_list() {
    for (request, tag) in [
        (page_list(&[DAVE]), "recipient-list-message"),
        (invite_list(&[DAVE]), "recipient-list-invite"),
    ] {
        let required = request.replace(FACTORY, TEAM);
        let reply = refusal(&mut focus(), &required);
        assert!(reply.starts_with("SIP/2.0 420 "));
        assert!(
            reply.contains(&format!("Unsupported: {tag}\r\n")),
            "{reply}"
        );
        // One that is not required is ignored, and nobody gets to see it.
        let ignored = required.replace(&format!("Require: {tag}\n"), "");
        let did = run(&mut focus(), &ignored);
        assert_eq!(targets(&did), [BOB, CAROL]);
        assert!(
            did.sent()
                .iter()
                .all(|(_, sent)| !wire(sent).contains("dave"))
        );
    }
}

#[test]
fn cc_91_an_invitation_to_the_factory_without_a_list_is_400() {
    let request = invite(FACTORY, "Content-Type: application/sdp\n", &offer_sdp(""));
    assert_eq!(status(&mut focus(), &request), 400);
}

#[test]
fn cc_92_two_lists_are_400_and_one_without_disposition_is_tolerated_or_not() {
    let twice = page(
        FACTORY,
        MIXED,
        &mixed(&[TEXT, &listed(&[BOB]), &listed(&[CAROL])]),
    );
    assert_eq!(status(&mut focus(), &twice), 400);
    let bare = page_list(&[BOB]).replace("Content-Disposition: recipient-list\n", "");
    let did = run(&mut focus(), &bare);
    assert_eq!(targets(&did), [BOB]);
    assert!(!wire(&did.one_sent().1).contains("resource-lists"));
    let mut strict = with(|config| config.profile.list_without_disposition = false);
    assert_eq!(status(&mut strict, &bare), 400);
    // To a group it is content like any other.
    let shared = run(
        &mut focus(),
        &bare
            .replace(FACTORY, TEAM)
            .replace("Require: recipient-list-message\n", ""),
    );
    assert!(wire(&shared.sent()[0].1).contains("resource-lists"));
}

#[test]
fn cc_93_a_list_without_a_message_is_400() {
    assert_eq!(
        status(
            &mut focus(),
            &page(FACTORY, MIXED, &mixed(&[&listed(&[BOB])]))
        ),
        400
    );
    let bare = listed(&[BOB]);
    let (lines, body) = bare.split_once("\n\n").unwrap();
    assert_eq!(
        status(&mut focus(), &page(FACTORY, &format!("{lines}\n"), body)),
        400
    );
}

#[test]
fn cc_88_a_group_with_nobody_else_is_480() {
    let mut rig = focus();
    let members = uris(&["sip:alice@example.com", TEAM]);
    let did = run_as(&mut rig, &invite_group(), GRANTED, Ok(&members));
    assert_eq!(did.statuses(), [480]);
}

#[test]
fn the_host_closes_while_it_is_asked() {
    let mut rig = focus();
    rig.request(1, &page_group());
    let (_, did) = rig.command(Machine::close);
    assert_eq!(did.statuses(), [480]);
    assert!(rig.machine.is_closed());
}
