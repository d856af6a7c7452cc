//! TC-PM: a page arrives.

use simple_im::profile::IdentityHeader;
use simple_im::{Action, Answer, Machine, Notice, Question, Refusal, Status, Timer};

use super::{Call, bob, bob_with, lines, page};
use crate::rig::*;

const TEXT: &str = "Content-Type: text/plain\n";

fn refused(refusal: Refusal) -> (u16, String) {
    let mut rig = bob();
    let text = page(TEXT, "hi");
    let (ask, _) = rig.request(1, &text).asked().unwrap();
    let reply = rig.answer(ask, Answer::Refuse(refusal)).one_reply().1;
    assert!(rig.machine.is_closed());
    (reply.status.0, wire_reply(&reply, &text))
}

#[test]
fn tc_pm_01_a_page_is_refused_with_the_code_that_fits() {
    let busy = |status| Refusal::NoResources {
        status: Status(status),
        retry_after: None,
    };
    for (refusal, status) in [
        (Refusal::Declined, 403),
        (Refusal::Blocked, 403),
        (Refusal::Anonymous, 403),
        (busy(480), 480),
        (busy(486), 486),
        (busy(503), 503),
        (busy(200), 480),
        (Refusal::Status(Status(606)), 606),
        (Refusal::Status(Status(302)), 480),
    ] {
        assert_eq!(refused(refusal).0, status, "{refusal:?}");
    }
    let (status, text) = refused(Refusal::Status(Status(415)));
    assert_eq!(status, 415);
    assert!(text.contains("\r\nAccept: text/plain\r\n"), "{text}");
}

#[test]
fn tc_pm_01_nobody_decides_in_time() {
    let mut rig = bob();
    let did = rig.request(1, &page(TEXT, "hi"));
    let (ask, _) = did.asked().unwrap();
    assert_eq!(did.started(Timer::Decide), Some(rig.config.limits.lookup));
    let did = rig.timer(Timer::Decide);
    assert_eq!(did.statuses(), [480]);
    assert_eq!(did.notices(), [Notice::Missed]);
    assert!(rig.machine.is_closed());
    rig.answer(ask, Answer::Accept).none();
}

#[test]
fn tc_pm_02_the_application_gets_body_and_headers_before_the_200() {
    let mut rig = bob();
    let head = "Date: Sat, 13 Nov 2010 23:29:00 GMT\nExpires: 60\nX-Own: 1\n";
    let did = rig.request(1, &page(&format!("{head}{TEXT}"), "hi"));
    assert!(did.replies().is_empty(), "nothing before it is kept");
    let Some((ask, Question::Page(arrival))) = did.asked() else {
        panic!("no page");
    };
    assert_eq!(arrival.body, "hi");
    let kept = String::from_utf8(arrival.head.to_vec()).unwrap();
    for line in crlf(head).split_inclusive("\r\n").chain([
        "Call-ID: asd88asd77a\r\n",
        "From: <sip:alice@example.com>;tag=49583\r\n",
        "Content-Type: text/plain\r\n",
    ]) {
        assert!(kept.contains(line), "{line} in {kept}");
    }
    assert_eq!(rig.answer(ask, Answer::Accept).statuses(), [200]);
    assert!(rig.machine.is_closed());
}

#[test]
fn tc_pm_03_content_that_is_elsewhere_is_told_and_not_fetched() {
    let text = page(
        "Content-Type: message/external-body; access-type=\"URL\"; URL=\"https://x.example.com/1\"; size=9\n",
        "Content-Type: image/png\nContent-Disposition: render\n\n",
    );
    let mut rig = bob_with(|config| config.account.accept_types += " message/external-body");
    let did = rig.request(1, &text);
    let Some((ask, Question::Page(arrival))) = did.asked() else {
        panic!("no page");
    };
    assert!(arrival.marks.indirect);
    let mut only = did.0.into_iter().map(|(_, action)| action);
    assert!(only.all(|action| matches!(action, Action::Ask(..) | Action::StartTimer(..))));
    assert_eq!(rig.answer(ask, Answer::Accept).statuses(), [200]);
    // Who does not do it says so (CC-106).
    assert_eq!(bob().request(1, &text).statuses(), [415]);
}

#[test]
fn tc_pm_04_the_200_has_neither_body_nor_contact() {
    for config in [client("bob"), draft_seed(client("bob"))] {
        let mut rig = bob_with(|c| *c = config);
        let text = page(TEXT, "hi");
        let (ask, _) = rig.request(1, &text).asked().unwrap();
        let reply = rig.answer(ask, Answer::Accept).one_reply().1;
        // The answer of golden A.1.
        let golden = "SIP/2.0 200 OK\nFrom: <sip:alice@example.com>;tag=49583\n\
            To: <sip:bob@example.com>;tag=1\nCall-ID: asd88asd77a\nCSeq: 1 MESSAGE\n\
            User-Agent: IM-client/OMA1.0\nP-Preferred-Identity: <sip:bob@example.com>\n\
            Content-Length: 0\n\n";
        assert_eq!(lines(&wire_reply(&reply, &text)), lines(golden));
    }
}

/// Every way in which a page can be answered.
fn answers() -> Vec<String> {
    let mut all = vec![refused(Refusal::Declined).1];
    for text in [
        page("Content-Type: image/png\n", "x"),
        page("Require: foo\n", ""),
        page("Content-Encoding: gzip\nContent-Type: text/plain\n", "x"),
    ] {
        let mut rig = bob_with(|config| config.account.product = "Acme/1.4".into());
        let reply = rig.request(1, &text).one_reply().1;
        all.push(wire_reply(&reply, &text));
    }
    let mut rig = bob();
    let text = page(TEXT, "hi");
    let (ask, _) = rig.request(1, &text).asked().unwrap();
    let reply = rig.answer(ask, Answer::Accept).one_reply().1;
    all.push(wire_reply(&reply, &text));
    all
}

#[test]
fn tc_pm_05_every_answer_names_the_release() {
    for text in answers() {
        assert_eq!(
            text.matches("\r\nUser-Agent: IM-client/OMA1.0").count(),
            1,
            "{text}"
        );
    }
}

#[test]
fn tc_pm_06_every_answer_names_the_user() {
    for text in answers() {
        let named = text.contains("\r\nP-Preferred-Identity: <sip:bob@example.com>\r\n");
        assert!(named, "{text}");
    }
}

#[test]
fn tc_pm_07_what_the_core_adds_is_kept_and_what_it_expects_is_said() {
    let core = "P-Asserted-Identity: <sip:alice@example.com>\nP-Charging-Vector: icid-value=1\n";
    for (how, name) in [
        (IdentityHeader::PPreferred, "P-Preferred-Identity"),
        (IdentityHeader::PAsserted, "P-Asserted-Identity"),
    ] {
        let mut rig = bob_with(|config| config.profile.client_identity = how);
        let text = page(&format!("{core}{TEXT}"), "hi");
        let Some((ask, Question::Page(arrival))) = rig.request(1, &text).asked() else {
            panic!("no page");
        };
        let head = String::from_utf8(arrival.head.to_vec()).unwrap();
        assert!(head.contains("P-Charging-Vector: icid-value=1\r\n"));
        let reply = rig.answer(ask, Answer::Accept).one_reply().1;
        let text = wire_reply(&reply, &text);
        assert!(text.contains(&format!("\r\n{name}: <sip:bob@example.com>\r\n")));
    }
}

fn arrives(text: &str) -> simple_im::Arrival {
    match bob().request(1, text).asked() {
        Some((_, Question::Page(arrival))) => arrival,
        other => panic!("{other:?}"),
    }
}

#[test]
fn dr_03_the_asserted_identity_is_the_sender() {
    let asserted = "P-Asserted-Identity: <sip:real@example.com>\n";
    let arrival = arrives(&page(&format!("{asserted}{TEXT}"), "hi"));
    assert_eq!(arrival.sender, uri("sip:real@example.com"));
    assert!(!arrival.marks.anonymous);
    let arrival = arrives(&page(TEXT, "hi"));
    assert_eq!(arrival.sender, uri("sip:alice@example.com"));
    // The core has withheld it: "anonymous" is shown.
    let hidden = page(&format!("Privacy: id\n{TEXT}"), "hi").replace(
        "<sip:alice@example.com>",
        "\"Anonymous\" <sip:anonymous@anonymous.invalid>",
    );
    assert!(arrives(&hidden).marks.anonymous);
    let unasked = hidden.replace("Privacy: id\n", "");
    assert!(arrives(&unasked).marks.anonymous);
}

#[test]
fn d_10_a_contact_in_a_page_is_no_error_and_nobody_acts_on_it() {
    for contact in ["Contact: <sip:alice@x.example.com>;+g.oma.sip-im\n", ""] {
        let mut rig = bob();
        let did = rig.request(1, &page(&format!("{contact}{TEXT}"), "hi"));
        let (ask, _) = did.asked().unwrap();
        assert_eq!(rig.answer(ask, Answer::Accept).statuses(), [200]);
    }
}

#[test]
fn d_11_a_product_follows_the_release() {
    let text = page("Require: foo\n", "");
    let mut rig = bob_with(|config| config.account.product = "Acme/1.4".into());
    let reply = rig.request(1, &text).one_reply().1;
    let text = wire_reply(&reply, &text);
    assert!(text.contains("\r\nUser-Agent: IM-client/OMA1.0 Acme/1.4\r\n"));
}

/// A page of two parts.
fn mixed(kind: &str, more: &str) -> String {
    let body = format!(
        "--b\nContent-Type: text/plain\n\nhi\n--b\nContent-Type: {kind}\n{more}\nx\n--b--\n"
    );
    page("Content-Type: multipart/mixed;boundary=b\n", &crlf(&body))
}

#[test]
fn cc_106_a_required_part_of_an_unknown_type_is_refused_with_the_types_that_would_do() {
    for text in [
        page("Content-Type: image/png\n", "x"),
        page(
            "Content-Type: message/external-body; access-type=\"URL\"; URL=\"https://x\"\n",
            "Content-Type: image/png\n\n",
        ),
        mixed("image/png", ""),
        mixed(
            "image/png",
            "Content-Disposition: render;handling=required\n",
        ),
    ] {
        let reply = bob().request(1, &text).one_reply().1;
        assert_eq!(reply.status.0, 415, "{text}");
        let text = wire_reply(&reply, &text);
        assert!(text.contains("\r\nAccept: message/cpim\r\nAccept: text/plain\r\n"));
    }
    for text in [
        mixed(
            "image/png",
            "Content-Disposition: render;handling=optional\n",
        ),
        mixed("text/plain", ""),
        // Containers are understood by every user agent.
        mixed("multipart/alternative;boundary=c", ""),
    ] {
        assert!(bob().request(1, &text).asked().is_some(), "{text}");
    }
    let mut rig = bob_with(|config| config.account.accept_wrapped_types = "image/*".into());
    assert!(rig.request(1, &mixed("image/png", "")).asked().is_some());
}

#[test]
fn cc_106_an_unknown_encoding_is_refused_with_the_one_that_would_do() {
    let text = page("Content-Encoding: gzip\nContent-Type: text/plain\n", "x");
    let reply = bob().request(1, &text).one_reply().1;
    assert_eq!(reply.status.0, 415);
    let text = wire_reply(&reply, &text);
    assert!(text.contains("\r\nAccept-Encoding: identity\r\n"), "{text}");
}

#[test]
fn cc_107_an_unknown_extension_is_refused_before_anything_is_kept() {
    let text = page(
        "Require: recipient-list-message, timer, foo\nContent-Type: image/png\n",
        "x",
    );
    let did = bob().request(1, &text);
    assert!(did.asked().is_none());
    let text = wire_reply(&did.one_reply().1, &text);
    assert!(text.starts_with("SIP/2.0 420 "), "{text}");
    let named = "\r\nUnsupported: recipient-list-message\r\nUnsupported: foo\r\n";
    assert!(text.contains(named), "{text}");
}

#[test]
fn cc_108_a_full_store_is_never_answered_with_200() {
    let (status, text) = refused(Refusal::NoResources {
        status: Status(503),
        retry_after: Some(120),
    });
    assert_eq!(status, 503);
    assert!(text.contains("\r\nRetry-After: 120\r\n"));
}

#[test]
fn cc_109_the_application_can_tell_how_old_a_page_is() {
    let age = "Date: Sat, 13 Nov 2010 23:29:00 GMT\nExpires: 60\n";
    let arrival = arrives(&page(&format!("{age}{TEXT}"), "hi"));
    let head = String::from_utf8(arrival.head.to_vec()).unwrap();
    assert!(head.contains(&crlf(age)));
}

#[test]
fn cc_121_anonymous_senders_are_refused_as_the_profile_says() {
    assert_eq!(refused(Refusal::Anonymous).0, 403);
    let mut rig = bob_with(|config| config.profile.anonymous_status = 433);
    let (ask, _) = rig.request(1, &page(TEXT, "hi")).asked().unwrap();
    let did = rig.answer(ask, Answer::Refuse(Refusal::Anonymous));
    assert_eq!(did.statuses(), [433]);
}

#[test]
fn a_page_that_cannot_be_split_is_refused() {
    let text = page("Content-Type: multipart/mixed;boundary=b\n", "no boundary");
    assert_eq!(bob().request(1, &text).statuses(), [400]);
}

#[test]
fn cc_40_a_page_in_a_dialog_is_a_page() {
    let mut call = Call::up();
    let did = call.inside("MESSAGE", &format!("{TEXT}\nhi"));
    let (ask, _) = did.asked().unwrap();
    assert!(did.replies().is_empty());
    assert_eq!(call.rig.answer(ask, Answer::Accept).statuses(), [200]);
    // What is undecided when the session ends is refused, and the application is told.
    let did = call.inside("MESSAGE", &format!("{TEXT}\nhi"));
    assert!(did.asked().is_some());
    let did = call.inside("BYE", "");
    assert_eq!(did.statuses(), [200, 480]);
    assert!(did.notices().contains(&Notice::Missed));
    assert!(call.is_closed());
}

#[test]
fn cc_40_at_most_eight_pages_wait_and_the_oldest_sets_the_time() {
    let mut call = Call::up();
    for n in 0..9 {
        let did = call.inside("MESSAGE", &format!("{TEXT}\nhi"));
        assert_eq!(did.started(Timer::Decide).is_some(), n == 0);
        assert_eq!(did.asked().is_some(), n < 8);
        assert_eq!(did.statuses(), if n < 8 { vec![] } else { vec![486] });
    }
    assert_eq!(call.rig.timer(Timer::Decide).statuses(), [480; 8]);
}
