//! A page to many: CF-PM-06 to CF-PM-13, DR-23.

use std::time::Duration;

use simple_im::{Event, Machine, Notice, Outcome, RecipientId, Timer, TxnError};

use super::*;

/// The copies of a page to two, as they are written.
fn copies(rig: &mut Rig<Controlling>, request: &str) -> Vec<String> {
    run(rig, request)
        .sent()
        .iter()
        .map(|(_, sent)| wire(sent))
        .collect()
}

fn copy(request: &str) -> String {
    copies(&mut focus(), request).remove(0)
}

/// Answers everything with 200 until the machine rests; gives the largest number of actions a call.
fn serve_all(rig: &mut Rig<Controlling>, first: Did) -> (usize, Vec<(RecipientId, Outcome)>) {
    let mut queue: std::collections::VecDeque<_> = first.sent().into();
    let mut again = first.started(Timer::Continue).is_some();
    let (mut most, mut outcomes) = (first.0.len(), first.outcomes());
    loop {
        let did = if again {
            rig.timer(Timer::Continue)
        } else if let Some(to) = queue.pop_front() {
            rig.respond(&to, "200 OK", "", "")
        } else {
            return (most, outcomes);
        };
        again = did.started(Timer::Continue).is_some();
        most = most.max(did.0.len());
        outcomes.extend(did.outcomes());
        queue.extend(did.sent());
    }
}

#[test]
fn cf_pm_06_everyone_gets_one_copy_and_one_outcome() {
    let mut rig = focus();
    let did = run(
        &mut rig,
        &page_list(&[BOB, CAROL, BOB, "sip:alice@example.com"]),
    );
    let named = did.notices();
    assert_eq!(
        named,
        [
            Notice::Member(RecipientId(0), uri(BOB)),
            Notice::Member(RecipientId(1), uri(CAROL)),
        ]
    );
    let sent = did.sent();
    assert_eq!(targets(&did), [BOB, CAROL]);
    assert_eq!(
        rig.respond(&sent[1], "202 Accepted", "", "").outcomes(),
        [(RecipientId(1), Outcome::AcceptedByServer)]
    );
    assert_eq!(
        rig.respond(&sent[0], "200 OK", "", "").outcomes(),
        [(RecipientId(0), Outcome::Delivered)]
    );
    assert!(rig.machine.is_closed());
}

#[test]
fn cf_pm_07_the_202_leaves_after_the_first_copies_and_waits_for_nobody() {
    let did = run(&mut focus(), &page_group());
    let answer = did
        .position(|action| matches!(action, simple_im::Action::Respond(..)))
        .unwrap();
    let copy = did
        .position(|action| matches!(action, simple_im::Action::SendRequest(_)))
        .unwrap();
    assert!(copy < answer);
    assert_eq!(did.statuses(), [202]);
}

#[test]
fn d_23_the_202_is_in_the_first_batch_of_a_group_of_any_size() {
    let mut rig = focus();
    let did = run_as(&mut rig, &page_group(), GRANTED, Ok(&many(5_000)));
    assert_eq!(did.statuses(), [202]);
    assert_eq!(did.sent().len(), 64, "a window");
}

#[test]
fn cc_76_what_becomes_of_the_copies_is_not_the_originators_to_know() {
    let mut rig = focus();
    let did = run_as(&mut rig, &page_group(), GRANTED, Ok(&many(4)));
    for (to, status) in
        did.sent()
            .iter()
            .zip(["404 Not Found", "408 Request Timeout", "603 Decline"])
    {
        let did = rig.respond(to, status, "", "");
        assert!(did.replies().is_empty() && did.sent().is_empty());
        assert_eq!(did.outcomes().len(), 1);
    }
    let did = rig.fail(&did.sent()[3], TxnError::Timeout);
    assert_eq!(did.outcomes(), [(RecipientId(3), Outcome::Unknown)]);
    assert!(rig.machine.is_closed());
}

#[test]
fn cf_pm_08_the_identity_goes_on_and_what_belongs_to_the_hop_does_not() {
    let lines = "Record-Route: <sip:p1.example.com;lr>\nRoute: <sip:im.example.com;lr>\n\
                 P-Charging-Vector: icid-value=1\nContact: <sip:alice@h>\nSecurity-Client: tls\n\
                 Content-Type: text/plain\n";
    let text = copy(&page(TEAM, lines, "hi"));
    assert!(text.contains("P-Asserted-Identity: <sip:alice@example.com>\r\n"));
    for gone in ["Route", "P-Charging", "Contact: ", "Security"] {
        assert!(
            !text.contains(gone) || gone == "Contact: ",
            "{gone} in {text}"
        );
    }
    assert!(!text.contains("\r\nContact: "));
    // Where the next hop is not trusted, nobody is asserted.
    let mut wary =
        with(|config| config.profile.server_identity = simple_im::profile::IdentityHeader::None);
    assert!(!copies(&mut wary, &page_group())[0].contains("P-Asserted"));
}

#[test]
fn cf_pm_10_a_copy_is_a_request_of_its_own() {
    let texts = copies(&mut focus(), &page_group());
    let line = |text: &str, name: &str| {
        text.lines()
            .find(|l| l.starts_with(name))
            .unwrap()
            .to_string()
    };
    for name in ["Call-ID: ", "From: "] {
        assert_ne!(line(&texts[0], name), line(&texts[1], name));
        assert!(!texts[0].contains("49583") && !texts[0].contains("asd88asd77a"));
    }
    assert!(line(&texts[0], "From: ").starts_with("From: <sip:alice@example.com>;tag="));
    assert_eq!(line(&texts[0], "CSeq: "), "CSeq: 1 MESSAGE");
    assert!(!line(&texts[0], "To: ").contains("tag"));
}

#[test]
fn cf_pm_11_the_tag_is_asked_for_once() {
    for mut rig in [focus(), draft()] {
        let text = copies(&mut rig, &page_group()).remove(0);
        assert_eq!(text.matches("Accept-Contact: ").count(), 1);
        assert!(text.contains("\r\nAccept-Contact: *;+g.oma.sip-im;explicit\r\n"));
    }
}

#[test]
fn cf_pm_12_request_uri_and_to_are_the_members_address() {
    let did = run(
        &mut focus(),
        &page_list(&[
            "sip:bob@example.com;transport=tcp;session=chat",
            "tel:+15550101",
        ]),
    );
    assert_eq!(
        targets(&did),
        ["sip:bob@example.com;transport=tcp", "tel:+15550101"]
    );
    for (_, sent) in did.sent() {
        assert!(wire(&sent).contains(&format!("\r\nTo: <{}>\r\n", sent.target)));
    }
}

#[test]
fn cf_pm_13_the_copies_leave_through_the_core_at_most_so_many_at_a_time() {
    let mut rig = with(|config| config.limits.in_flight = 2);
    let did = run_as(&mut rig, &page_group(), GRANTED, Ok(&many(5)));
    let sent = did.sent();
    assert_eq!(sent.len(), 2);
    // A place is given away by any response, or after two seconds.
    let did = rig.respond(&sent[0], "100 Trying", "", "");
    let next = did.one_sent();
    assert_eq!(sent[1].0.slot() + 1, next.0.slot());
    assert_eq!(did.started(Timer::Patience), Some(Duration::from_secs(2)));
    let did = rig.on(sent[1].0, Event::Timer(Timer::Patience));
    assert_eq!(did.sent().len(), 1);
    // Who was slow is still heard.
    assert_eq!(rig.respond(&sent[1], "200 OK", "", "").outcomes().len(), 1);
    assert_eq!(rig.respond(&sent[0], "200 OK", "", "").sent().len(), 0);
    let did = rig.respond(&next, "486 Busy Here", "", "");
    assert_eq!(did.sent().len(), 1);
}

#[test]
fn cf_pm_13_dead_members_do_not_stall_the_others() {
    let mut rig = with(|config| config.limits.in_flight = 8);
    let mut did = run_as(&mut rig, &page_group(), GRANTED, Ok(&many(40)));
    let mut served = 0;
    // Nobody ever answers: after two seconds each, everyone has been sent a copy.
    let mut waiting = did.sent();
    while !waiting.is_empty() {
        served += waiting.len();
        let mut next = Vec::new();
        for (leg, _) in &waiting {
            did = rig.on(*leg, Event::Timer(Timer::Patience));
            next.extend(did.sent());
        }
        waiting = next;
    }
    assert_eq!(served, 40);
    assert!(!rig.machine.is_closed());
}

#[test]
fn cf_pm_13_no_call_pushes_more_than_its_batch() {
    for (batch, bound) in [(0, 32), (8, 32), (16, 32), (33, 33), (300, 300)] {
        let mut rig = with(|config| {
            config.limits.batch = batch;
            config.limits.in_flight = 1_000;
        });
        let did = rig.request(1, &page_group());
        let did = rig.answer(did.asked().unwrap().0, Answer::Access(GRANTED));
        let did = rig.answer(did.asked().unwrap().0, Answer::Members(Ok(&many(400))));
        assert_eq!(did.statuses(), [202], "in the first batch");
        let (most, outcomes) = serve_all(&mut rig, did);
        assert!(most <= bound && most > bound - 4, "{most} of {bound}");
        assert_eq!(outcomes.len(), 400);
        assert!(rig.machine.is_closed());
    }
}

#[test]
fn cf_pm_06_ten_thousand_members_are_served_one_window_after_the_other() {
    let mut rig = focus();
    let did = run_as(&mut rig, &page_group(), GRANTED, Ok(&many(10_000)));
    let (_, mut outcomes) = serve_all(&mut rig, did);
    outcomes.sort_by_key(|(recipient, _)| *recipient);
    outcomes.dedup();
    assert_eq!(outcomes.len(), 10_000);
    assert!(rig.machine.is_closed());
}

#[test]
fn a_host_that_closes_stops_the_copies_and_hears_of_everyone() {
    let mut rig = with(|config| {
        config.limits.in_flight = 3;
        config.limits.batch = 20;
    });
    let did = run_as(&mut rig, &page_group(), GRANTED, Ok(&many(100)));
    let sent = did.sent();
    let (_, mut did) = rig.command(Machine::close);
    let mut outcomes = did.outcomes();
    while did.started(Timer::Continue).is_some() {
        did = rig.timer(Timer::Continue);
        outcomes.extend(did.outcomes());
        assert!(did.sent().is_empty());
    }
    assert!(
        outcomes
            .iter()
            .all(|(_, outcome)| *outcome == Outcome::Cancelled)
    );
    assert_eq!(outcomes.len(), 97);
    for to in &sent {
        assert!(!rig.machine.is_closed());
        assert_eq!(
            rig.respond(to, "200 OK", "", "").outcomes()[0].1,
            Outcome::Delivered
        );
    }
    assert!(rig.machine.is_closed());
}

#[test]
fn dr_23_header_fields_are_copied_or_not_as_rfc_5365_says() {
    let lines = "Date: Fri, 20 Nov 2026 12:00:00 GMT\nSubject: lunch\nExpires: 300\nPriority: urgent\n\
                 Reply-To: <sip:a2@example.com>\nContent-Language: en\nOrganization: ACME\nContent-Type: text/plain\n";
    let text = copy(&page(TEAM, lines, "hi"));
    for line in lines
        .lines()
        .filter(|line| !line.starts_with("Organization"))
    {
        assert!(
            text.contains(&format!("\r\n{line}\r\n")),
            "{line} in {text}"
        );
    }
    assert!(!text.contains("ACME") && !text.contains("Require"));
}

#[test]
fn dr_23_credentials_for_another_realm_travel_on_and_ours_stop_here() {
    let with_realm = |realm: &str| {
        let lines = format!(
            "Authorization: Digest username=\"a\", realm=\"{realm}\", uri=\"sip:team@im.example.com\"\nContent-Type: text/plain\n"
        );
        copy(&page(TEAM, &lines, "hi"))
    };
    assert!(!with_realm("im.example.com").contains("Authorization"));
    assert!(
        with_realm("example.org")
            .contains("\r\nAuthorization: Digest username=\"a\", realm=\"example.org\", uri")
    );
}

#[test]
fn dr_23_from_is_copied_but_for_its_tag() {
    for (from, copied) in [
        (
            "\"A; B\" <sip:alice@example.com>;tag=49583;epid=7",
            "\"A; B\" <sip:alice@example.com>;epid=7;tag=",
        ),
        (
            "sip:alice@example.com;epid=7;tag=49583",
            "<sip:alice@example.com>;epid=7;tag=",
        ),
        (
            "Alice <sip:alice@example.com;x=y>",
            "Alice <sip:alice@example.com;x=y>;tag=",
        ),
    ] {
        let request = page_group().replace("<sip:alice@example.com>;tag=49583", from);
        let text = copy(&request);
        assert!(text.contains(&format!("\r\nFrom: {copied}")), "{text}");
        assert_eq!(text.matches("tag=").count(), 1);
    }
}

#[test]
fn cc_94_what_is_left_of_a_multipart_is_unwrapped_and_what_is_nested_stays_intact() {
    let nested = "Content-Type: multipart/alternative;boundary=in\nContent-ID: <1@h>\nContent-Disposition: render\n\n\
                  --in\nContent-Type: text/plain\n\na\n--in--\n";
    let text = copy(&page(FACTORY, MIXED, &mixed(&[nested, &listed(&[BOB])])));
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    for line in [
        "Content-Type: multipart/alternative;boundary=in",
        "Content-ID: <1@h>",
        "Content-Disposition: render",
    ] {
        assert_eq!(head.matches(line).count(), 1, "{head}");
    }
    assert_eq!(
        body,
        "--in\r\nContent-Type: text/plain\r\n\r\na\r\n--in--\r\n"
    );
    // Two parts stay two parts.
    let text = copy(&page(
        FACTORY,
        MIXED,
        &mixed(&[TEXT, "Content-Type: text/html\n\n<p>", &listed(&[BOB])]),
    ));
    assert!(text.contains("Content-Type: multipart/mixed;boundary=b1\r\n"));
    assert!(text.ends_with("--b1\r\nContent-Type: text/plain\r\n\r\nhi\r\n--b1\r\nContent-Type: text/html\r\n\r\n<p>\r\n--b1--\r\n"));
    // A part without a type is text, and the head says so.
    let text = copy(&page(FACTORY, MIXED, &mixed(&["\nhi", &listed(&[BOB])])));
    assert!(text.contains("\r\nContent-Type: text/plain\r\n") && text.ends_with("\r\n\r\nhi"));
}

#[test]
fn cc_94_a_part_cannot_put_header_fields_into_the_copies() {
    let sly = "P-Asserted-Identity: <sip:eve@h>\nContent-Type: text/plain;a=b\n\tX: y\nRoute: <sip:evil;lr>\nContent-Length: 0\n\nhi";
    let text = copy(&page(FACTORY, MIXED, &mixed(&[sly, &listed(&[BOB])])));
    let (head, _) = text.split_once("\r\n\r\n").unwrap();
    assert!(!head.contains("eve") && !head.contains("evil"));
    assert!(
        head.contains("Content-Type: text/plain;a=b X: y\r\n"),
        "{head}"
    );
    assert_eq!(head.matches("Content-Length").count(), 1);
}

#[test]
fn cc_94_the_body_of_a_page_to_a_group_stays_as_it_came() {
    let lines = "MIME-Version: 1.0\nContent-Encoding: gzip\nContent-Disposition: attachment\nContent-Type: application/zip\n";
    let text = copy(&page(TEAM, lines, "PK"));
    for line in lines.lines() {
        assert_eq!(
            text.matches(&format!("\r\n{line}\r\n")).count(),
            1,
            "{line}"
        );
    }
    let body = mixed(&[TEXT, "Content-Type: text/html\n\n<p>"]);
    let text = copy(&page(TEAM, MIXED, &body));
    assert!(text.contains(&format!("\r\n{}\r\n", MIXED.trim())) && text.ends_with(&crlf(&body)));
    // Nothing at all may be said too.
    assert!(copy(&page(TEAM, "", "")).contains("Content-Length: 0\r\n"));
}

#[test]
fn d_29_the_server_speaks_as_a_server() {
    let mut rig = focus();
    let did = run(&mut rig, &page_group());
    let all = wire(&did.sent()[0].1) + &wire_reply(&did.one_reply().1, &page_group());
    assert!(
        all.contains("User-Agent: IM-serv/OMA1.0\r\n")
            && all.contains("Server: IM-serv/OMA1.0\r\n")
    );
    assert!(!all.contains("IM-client") && !all.contains("P-Preferred-Identity"));
    // To strays too.
    let stray = page_group().replace(
        "<sip:team@im.example.com>",
        "<sip:team@im.example.com>;tag=x",
    );
    let did = rig.request(9, &stray);
    let reply = wire_reply(&did.one_reply().1, &stray);
    assert!(reply.starts_with("SIP/2.0 481 ") && reply.contains("Server: IM-serv/OMA1.0\r\n"));
    assert!(!reply.contains("IM-client"));
}
