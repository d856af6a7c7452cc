//! OC-PM: one message, one MESSAGE.

use bytes::Bytes;
use simple_im::driver::{Outbox, Pushed};
use simple_im::profile::{AcceptContact, IdentityHeader, SessionParam, SizeBasis};
use simple_im::{
    CopyControl, External, Limits, Misuse, Mode, PathKnowledge, Profile, RecipientId, Status, mode,
};

use super::*;

/// How many octets of text make a MESSAGE of so many octets.
fn filling(octets: usize, rig: impl Fn() -> Alice, draft: impl Fn(usize) -> Draft) -> usize {
    let written = |text| {
        let mut draft = draft(text);
        draft.path = PathKnowledge::CongestionSafeEndToEnd;
        wire(&page(rig(), draft)).len()
    };
    let text = (1..octets).find(|text| written(*text) == octets);
    text.unwrap()
}

fn method(rig: Alice, draft: Draft) -> Method {
    first(rig, draft).method
}

#[test]
fn oc_pm_01_below_1300_octets_is_a_message_and_1300_are_not() {
    let profile = Profile::oma_im_10();
    for (size, expected) in [
        (0, Mode::PagerSmall),
        (1, Mode::PagerSmall),
        (1299, Mode::PagerSmall),
        (1300, Mode::LargeTooBig),
        (1301, Mode::LargeTooBig),
    ] {
        assert_eq!(mode(size, PathKnowledge::Unknown, &profile), expected);
    }
    for size in [1300, 1301, 1_000_000] {
        let path = PathKnowledge::CongestionSafeEndToEnd;
        assert_eq!(mode(size, path, &profile), Mode::PagerSafePath);
    }
    let fits = filling(1299, alice, |octets| Draft::new(bob(), text(octets)));
    let sent = page(alice(), Draft::new(bob(), text(fits)));
    assert_eq!(wire(&sent).len(), 1299);
    assert_eq!(sent.wire_len(), 1299);
}

#[test]
fn oc_pm_02_a_message_is_a_request_of_its_own() {
    let sent = page(alice(), small(bob()));
    let read = read(&sent);
    assert_eq!(read.head.to().tag(), None);
    assert!(read.head.from().tag().is_some());
    assert_eq!(
        (read.head.cseq(), read.head.cseq_method()),
        (1, Method::Message)
    );
    assert_eq!(read.head.max_forwards(), Some(70));
    assert!(read.head.contact().is_none());
    assert!(fields(&sent, "Route").is_empty());
    let other = page(alice_with(|config| config.key = [3, 4]), small(bob()));
    assert_ne!(field(&sent, "Call-ID"), field(&other, "Call-ID"));
}

#[test]
fn oc_pm_02_one_message_a_request_uri_is_pending() {
    let (mut outbox, limits) = (Outbox::new(), Limits::default());
    let first = page(alice(), small(bob()));
    assert_eq!(
        outbox.push(&first.target, "first", &limits),
        Pushed::Go("first")
    );
    assert_eq!(
        outbox.push(&first.target, "second", &limits),
        Pushed::Waiting
    );
    assert_eq!(outbox.done(&first.target), Some("second"));
    assert_eq!(outbox.done(&first.target), None);
}

#[test]
fn oc_pm_03_it_is_for_devices_with_this_service_alone() {
    for rig in [alice(), alice_of_the_seeds()] {
        let sent = page(rig, small(bob()));
        assert_eq!(
            field(&sent, "Accept-Contact"),
            "*;+g.oma.sip-im;require;explicit"
        );
    }
}

#[test]
fn d_01_the_parameters_are_chosen_for_each_procedure() {
    for (how, expected) in [
        (AcceptContact::TagOnly, "*;+g.oma.sip-im"),
        (AcceptContact::Explicit, "*;+g.oma.sip-im;explicit"),
        (
            AcceptContact::RequireExplicit,
            "*;+g.oma.sip-im;require;explicit",
        ),
    ] {
        let rig = || {
            alice_with(|config| {
                config.profile.accept_contact_message = how;
                config.profile.accept_contact_invite = how;
            })
        };
        assert_eq!(
            field(&page(rig(), small(bob())), "Accept-Contact"),
            expected
        );
        assert_eq!(
            field(&invite(rig(), large(bob())), "Accept-Contact"),
            expected
        );
    }
}

#[test]
fn oc_pm_04_it_names_the_release_of_the_enabler_first() {
    let sent = page(alice(), small(bob()));
    assert_eq!(field(&sent, "User-Agent"), "IM-client/OMA1.0");
    let rig = alice_with(|config| config.account.product = "Acme/1.4 (test)".into());
    let sent = page(rig, small(bob()));
    assert_eq!(
        field(&sent, "User-Agent"),
        "IM-client/OMA1.0 Acme/1.4 (test)"
    );
}

#[test]
fn oc_pm_05_contact_is_there_where_the_seeds_are_read_literally() {
    assert!(fields(&page(alice(), small(bob())), "Contact").is_empty());
    let sent = page(alice_of_the_seeds(), small(bob()));
    assert_eq!(
        field(&sent, "Contact"),
        "<sip:alice@alice.example.com>;+g.oma.sip-im"
    );
}

#[test]
fn d_10_contact_in_a_message_is_a_knob() {
    let rig = alice_with(|config| config.profile.contact_in_message = true);
    assert_eq!(fields(&page(rig, small(bob())), "Contact").len(), 1);
}

#[test]
fn oc_pm_06_privacy_is_asked_for_when_the_user_wants_it() {
    let sent = page(alice(), small(bob()));
    assert!(fields(&sent, "Privacy").is_empty());
    assert!(field(&sent, "From").starts_with("<sip:alice@example.com>;tag="));
    let sent = page(alice(), anonymous(small(bob())));
    assert_eq!(field(&sent, "Privacy"), "id");
    let from = field(&sent, "From");
    assert!(from.starts_with("\"Anonymous\" <sip:anonymous@anonymous.invalid>;tag="));
    // The core asserts it and keeps it to itself (DR-03).
    assert_eq!(
        field(&sent, "P-Preferred-Identity"),
        "<sip:alice@example.com>"
    );
}

#[test]
fn oc_pm_08_the_user_sends_and_one_message_goes_out() {
    let (sent, did) = alice().command(|alice, cx| alice.send(small(bob()), cx));
    sent.unwrap();
    assert_eq!(did.0.len(), 1);
    assert_eq!(did.one_sent().1.method, Method::Message);
}

#[test]
fn oc_pm_09_one_recipient_is_the_request_uri() {
    let sent = page(alice(), small(bob()));
    assert_eq!(sent.target.as_str(), "sip:bob@example.com");
    assert_eq!(field(&sent, "To"), "<sip:bob@example.com>");
}

#[test]
fn oc_pm_10_several_recipients_are_listed() {
    let target = list(&[
        "sip:bob@example.com",
        "sip:carol@example.com",
        "sip:bob@EXAMPLE.com",
    ]);
    let sent = page(alice(), small(target));
    assert_eq!(field(&sent, "Require"), "recipient-list-message");
    let read = read(&sent);
    assert!(read.body.content_type().starts_with("multipart/mixed;"));
    let parts = read.body.parts().unwrap();
    assert_eq!(parts.len(), 2);
    assert_eq!(parts[0].content().as_ref(), b"xxxxxxxxx");
    assert!(parts[1].is("application/resource-lists+xml"));
    assert!(parts[1].is_disposed("recipient-list"));
    assert_eq!(
        listed(&read),
        ["sip:bob@example.com", "sip:carol@example.com"]
    );
}

#[test]
fn oc_pm_10_copy_control_is_the_users() {
    let Target::List(mut recipients) = bob_and_carol() else {
        unreachable!()
    };
    recipients[0].copy = Some(CopyControl::To);
    recipients[1].anonymize = true;
    let written = wire(&page(alice(), small(Target::List(recipients))));
    assert!(written.contains("<entry uri=\"sip:bob@example.com\" cp:copyControl=\"to\"/>"));
    assert!(written.contains("<entry uri=\"sip:carol@example.com\" cp:anonymize=\"true\"/>"));
}

#[test]
fn oc_pm_11_a_list_goes_to_the_factory_where_there_is_no_exploder() {
    let rig = alice_with(|config| config.account.exploder = None);
    let sent = page(rig, small(bob_and_carol()));
    assert_eq!(
        sent.target.as_str(),
        "sip:conference-factory@im.example.com"
    );
    assert_eq!(
        field(&sent, "To"),
        "<sip:conference-factory@im.example.com>"
    );
    let mut rig = alice_with(|config| {
        config.account.exploder = None;
        config.account.factory = None;
    });
    let (sent, did) = rig.command(|alice, cx| alice.send(small(bob_and_carol()), cx));
    assert_eq!(sent, Err(Misuse::NotProvisioned));
    did.none();
}

#[test]
fn d_31_a_list_goes_to_the_exploder_except_as_the_seeds_have_it() {
    let sent = page(alice(), small(bob_and_carol()));
    assert_eq!(sent.target.as_str(), "sip:exploder@im.example.com");
    let sent = page(alice_of_the_seeds(), small(bob_and_carol()));
    assert_eq!(
        sent.target.as_str(),
        "sip:conference-factory@im.example.com"
    );
    let sent = invite(alice(), large(bob_and_carol()));
    assert_eq!(
        sent.target.as_str(),
        "sip:conference-factory@im.example.com"
    );
}

#[test]
fn oc_pm_12_a_list_says_that_it_is_ad_hoc_if_it_is_to() {
    let sent = page(alice(), small(bob_and_carol()));
    assert_eq!(sent.target.param("session"), None);
    let rig = alice_with(|config| config.profile.session_param = SessionParam::PocAdhoc);
    let sent = page(rig, small(bob_and_carol()));
    assert_eq!(sent.target.param("session"), Some(Some("adhoc")));
}

#[test]
fn oc_pm_13_a_group_is_the_request_uri_and_nobody_is_listed() {
    let rig = alice_with(|config| config.profile.session_param = SessionParam::None);
    let sent = page(rig, small(friends()));
    assert_eq!(sent.target.as_str(), "sip:friends@example.com");
    assert!(fields(&sent, "Require").is_empty());
    assert_eq!(field(&sent, "Content-Type"), "text/plain;charset=UTF-8");
}

#[test]
fn oc_pm_14_a_group_has_the_session_type() {
    let sent = page(alice(), small(friends()));
    assert_eq!(
        sent.target.as_str(),
        "sip:friends@example.com;session=prearranged"
    );
    let rig = alice_with(|config| config.profile.session_param = SessionParam::PocAdhoc);
    let sent = page(rig, small(friends()));
    assert_eq!(
        sent.target.as_str(),
        "sip:friends@example.com;session=prearranged"
    );
}

#[test]
fn d_05_the_seeds_name_the_session_type_otherwise() {
    let sent = page(alice_of_the_seeds(), small(friends()));
    assert_eq!(
        sent.target.as_str(),
        "sip:friends@example.com;session=imgroup"
    );
}

#[test]
fn d_04_each_kind_of_target_has_its_own_request_uri() {
    let targets = [bob(), bob_and_carol(), friends()];
    let uris = targets.map(|target| page(alice(), small(target)).target.to_string());
    assert_eq!(
        uris,
        [
            "sip:bob@example.com",
            "sip:exploder@im.example.com",
            "sip:friends@example.com;session=prearranged",
        ]
    );
}

fn elsewhere() -> External<'static> {
    External {
        url: "https://store.example.com/a%20b?c=d",
        expiration: "Mon, 24 Jun 2026 09:00:00 GMT",
        size: Some(52723),
        hash: Some([0x1A; 20]),
        kind: "image/jpeg;name=x",
        disposition: "render;handling=optional",
    }
}

#[test]
fn oc_pm_15_content_elsewhere_is_named() {
    let content = Content::external(&elsewhere()).unwrap();
    let sent = page(alice(), Draft::new(bob(), content));
    let read = read(&sent);
    let part = &read.body.parts().unwrap()[0];
    assert_eq!(part.param("access-type"), Some("URL"));
    let found = part.indirection().unwrap().unwrap();
    assert_eq!(found.url, "https://store.example.com/a%20b?c=d");
    assert_eq!(found.expiration, Some("Mon, 24 Jun 2026 09:00:00 GMT"));
    assert_eq!(found.size, Some(52723));
    assert_eq!(found.hash, Some("1A".repeat(20).as_str()));
    assert_eq!(
        part.content().as_ref(),
        b"Content-Type: image/jpeg;name=x\r\nContent-Disposition: render;handling=optional\r\n\r\n"
    );
}

#[test]
fn up_04_what_cannot_be_named_is_refused() {
    let broken = [
        External {
            url: "",
            ..elsewhere()
        },
        External {
            url: "no-scheme",
            ..elsewhere()
        },
        External {
            url: "https://a\"b",
            ..elsewhere()
        },
        External {
            url: "https://a b",
            ..elsewhere()
        },
        External {
            expiration: "",
            ..elsewhere()
        },
        External {
            expiration: "never\r\nX: y",
            ..elsewhere()
        },
        External {
            kind: "jpeg",
            ..elsewhere()
        },
        External {
            kind: "image/jpeg\r\nX: y",
            ..elsewhere()
        },
        External {
            disposition: "",
            ..elsewhere()
        },
        External {
            disposition: "render\r\n",
            ..elsewhere()
        },
    ];
    for what in broken {
        assert_eq!(Content::external(&what), Err(Misuse::Malformed), "{what:?}");
    }
    let bare = External {
        size: None,
        hash: None,
        ..elsewhere()
    };
    let kind = Content::external(&bare).unwrap().kind;
    assert!(
        !kind
            .windows(4)
            .any(|octets| octets == b"size" || octets == b"hash")
    );
}

#[test]
fn oc_pm_16_it_is_handed_down_without_a_route_of_ours() {
    let sent = page(alice(), small(bob()));
    assert!(
        sent.fresh.is_some(),
        "a request of its own, routed by the stack"
    );
    for name in ["Route", "Via"] {
        assert!(!String::from_utf8_lossy(&sent.head).contains(&format!("{name}:")));
    }
}

#[test]
fn up_05_what_must_not_be_rendered_says_so() {
    let mut content = text(9);
    content.attachment = true;
    let sent = page(alice(), Draft::new(bob(), content.clone()));
    assert_eq!(field(&sent, "Content-Disposition"), "attachment");
    let sent = page(alice(), Draft::new(bob_and_carol(), content));
    let read = read(&sent);
    assert!(read.body.parts().unwrap()[0].is_disposed("attachment"));
    assert!(fields(&sent, "Content-Disposition").is_empty());
}

#[test]
fn the_identity_header_is_a_knob() {
    let rig = |how| alice_with(|config| config.profile.client_identity = how);
    let sent = page(rig(IdentityHeader::PAsserted), small(bob()));
    assert_eq!(
        field(&sent, "P-Asserted-Identity"),
        "<sip:alice@example.com>"
    );
    let sent = page(rig(IdentityHeader::None), small(bob()));
    assert!(!wire(&sent).contains("-Identity:"));
}

#[test]
fn cc_27_octets_count_and_not_letters() {
    let draft = |octets: usize| {
        let mut text = "é".repeat(octets / 2);
        text += &"x".repeat(octets % 2);
        Draft::new(bob(), Content::text(&text))
    };
    let fits = filling(1299, alice, draft);
    assert_eq!(method(alice(), draft(fits)), Method::Message);
    assert_eq!(method(alice(), draft(fits + 1)), Method::Invite);
    assert_eq!(method(alice(), draft(fits + 2)), Method::Invite);
}

#[test]
fn cc_28_the_list_counts() {
    let one = |octets| Draft::new(bob(), text(octets));
    let fits = filling(1299, alice, one);
    let both = Draft::new(bob_and_carol(), text(fits));
    let sent = invite(alice(), both);
    assert_eq!(listed(&read(&sent)).len(), 2);
}

#[test]
fn cc_29_what_anonymity_adds_counts() {
    let one = |octets| Draft::new(bob(), text(octets));
    let fits = filling(1299, alice, one);
    assert_eq!(method(alice(), one(fits)), Method::Message);
    assert_eq!(method(alice(), anonymous(one(fits))), Method::Invite);
}

#[test]
fn d_02_what_counts_is_a_knob() {
    let rig = |basis, overhead| {
        alice_with(|config| {
            config.profile.size_basis = basis;
            config.profile.expected_overhead = overhead;
        })
    };
    let one = |octets| Draft::new(bob(), text(octets));
    assert_eq!(
        method(rig(SizeBasis::BodyOnly, 0), one(1299)),
        Method::Message
    );
    assert_eq!(
        method(rig(SizeBasis::BodyOnly, 0), one(1300)),
        Method::Invite
    );
    let both = |octets| Draft::new(bob_and_carol(), text(octets));
    assert_eq!(
        method(rig(SizeBasis::BodyOnly, 0), both(1299)),
        Method::Invite
    );
    assert_eq!(
        method(rig(SizeBasis::ContentOnly, 0), both(1299)),
        Method::Message
    );
    assert_eq!(
        method(rig(SizeBasis::ContentOnly, 0), both(1300)),
        Method::Invite
    );
    let fits = filling(1299, alice, one);
    assert_eq!(
        method(rig(SizeBasis::WholeRequest, 1), one(fits)),
        Method::Invite
    );
    assert_eq!(
        method(rig(SizeBasis::WholeRequest, 1), one(fits - 1)),
        Method::Message
    );
}

#[test]
fn d_03_a_safe_path_must_be_known_and_may_have_a_bound() {
    let mut draft = large(bob());
    assert_eq!(method(alice(), draft.clone()), Method::Invite);
    draft.path = PathKnowledge::CongestionSafeEndToEnd;
    assert_eq!(method(alice(), draft.clone()), Method::Message);
    assert_eq!(method(alice_of_the_seeds(), draft.clone()), Method::Message);
    let bounded = alice_with(|config| config.profile.max_pager_size = Some(2000));
    assert_eq!(method(bounded, draft), Method::Invite);
    let mut profile = Profile::oma_im_10();
    profile.max_pager_size = Some(2000);
    let path = PathKnowledge::CongestionSafeEndToEnd;
    assert_eq!(mode(2000, path, &profile), Mode::PagerSafePath);
    assert_eq!(mode(2001, path, &profile), Mode::LargeAboveMost);
}

#[test]
fn cc_30_a_list_of_one_is_that_one() {
    let sent = page(alice(), small(list(&["sip:bob@example.com"])));
    assert_eq!(sent.target.as_str(), "sip:bob@example.com");
    assert!(fields(&sent, "Require").is_empty());
    let sent = page(
        alice(),
        small(list(&["sip:bob@example.com", "sip:alice@example.com"])),
    );
    assert_eq!(sent.target.as_str(), "sip:bob@example.com");
}

#[test]
fn cc_31_the_sender_and_duplicates_are_dropped() {
    let target = list(&[
        "sip:alice@example.com",
        "sip:bob@example.com",
        "tel:+15551234",
        "SIP:bob@Example.com",
        "sip:+15551234@example.com;user=phone",
    ]);
    let sent = page(alice(), small(target));
    assert_eq!(
        listed(&read(&sent)),
        [
            "sip:bob@example.com",
            "tel:+15551234",
            "sip:+15551234@example.com;user=phone",
        ]
    );
    let target = list(&["sip:alice@example.com"]);
    let (sent, did) = alice().command(|alice, cx| alice.send(small(target), cx));
    assert_eq!(sent, Err(Misuse::NoRecipient));
    did.none();
}

#[test]
fn cc_32_order_is_kept_and_a_full_queue_says_so() {
    let (mut outbox, mut limits) = (Outbox::new(), Limits::default());
    limits.queue = 2;
    let bob = uri("sip:bob@example.com");
    let pushed = [1, 2, 3, 4].map(|item| outbox.push(&bob, item, &limits));
    assert_eq!(
        pushed,
        [
            Pushed::Go(1),
            Pushed::Waiting,
            Pushed::Waiting,
            Pushed::Full(4)
        ]
    );
    assert_eq!(
        [(); 3].map(|()| outbox.done(&bob)),
        [Some(2), Some(3), None]
    );
}

#[test]
fn cc_33_two_lists_wait_for_one_another() {
    let (mut outbox, limits) = (Outbox::new(), Limits::default());
    let both = page(alice(), small(bob_and_carol()));
    let others = page(
        alice(),
        small(list(&["sip:dave@example.com", "sip:erin@example.com"])),
    );
    assert_eq!(outbox.push(&both.target, 1, &limits), Pushed::Go(1));
    assert_eq!(outbox.push(&others.target, 2, &limits), Pushed::Waiting);
}

#[test]
fn cc_34_200_is_delivery_and_202_is_not() {
    assert_eq!(page_outcome(bob(), "200 OK", ""), Outcome::Delivered);
    assert_eq!(
        page_outcome(bob(), "202 Accepted", ""),
        Outcome::AcceptedByServer
    );
}

#[test]
fn cc_35_silence_says_nothing_and_nothing_is_sent_again() {
    let mut rig = alice();
    let sent = send(&mut rig, small(bob()));
    let did = rig.fail(&sent, TxnError::Timeout);
    assert_eq!(did.outcome(), Outcome::Unknown);
    assert!(did.sent().is_empty());
    assert_eq!(
        page_outcome(bob(), "408 Request Timeout", ""),
        Outcome::Unknown
    );
    let mut rig = alice();
    let sent = send(&mut rig, small(bob()));
    let did = rig.fail(&sent, TxnError::Transport);
    assert_eq!(did.outcome(), Outcome::Failed(Failure::Transport));
}

#[test]
fn cc_36_a_message_too_big_becomes_a_large_message_once() {
    for status in ["413 Request Entity Too Large", "513 Message Too Large"] {
        let mut rig = alice();
        let page = send(&mut rig, small(bob()));
        let did = rig.respond(&page, status, "", "");
        assert!(did.outcomes().is_empty());
        let invite = did.one_sent();
        assert_eq!(invite.1.method, Method::Invite);
        assert_ne!(invite.1.txn, page.1.txn);
        assert_ne!(field(&invite.1, "Call-ID"), field(&page.1, "Call-ID"));
        let did = rig.respond(&invite, status, "", "");
        assert_eq!(closed(&rig, &did), Outcome::Failed(Failure::TooLarge));
    }
    let mut rig = alice_of_the_seeds();
    let page = send(&mut rig, small(bob()));
    let did = rig.respond(&page, "413 Request Entity Too Large", "", "");
    assert_eq!(did.outcome(), Outcome::Failed(Failure::TooLarge));
}

#[test]
fn cc_36_a_list_too_big_without_a_factory_has_failed() {
    let mut rig = alice_with(|config| config.account.factory = None);
    let page = send(&mut rig, small(bob_and_carol()));
    let did = rig.respond(&page, "513 Message Too Large", "", "");
    let failed = Outcome::Failed(Failure::TooLarge);
    assert_eq!(
        did.outcomes(),
        [(RecipientId(0), failed), (RecipientId(1), failed)]
    );
}

#[test]
fn cc_36_refusals_are_told_apart() {
    let failed = Outcome::Failed;
    for (status, lines, expected) in [
        (
            "415 Unsupported Media Type",
            "Accept: text/html\n",
            failed(Failure::UnsupportedType),
        ),
        (
            "480 Temporarily Unavailable",
            "",
            failed(Failure::NotReachable),
        ),
        ("404 Not Found", "", failed(Failure::NotFound(Status(404)))),
        ("403 Forbidden", "", failed(Failure::Forbidden)),
        (
            "500 Server Internal Error",
            "",
            failed(Failure::Unavailable(Status(500))),
        ),
        ("603 Decline", "", Outcome::Refused(Status(603))),
        ("600 Busy Everywhere", "", Outcome::Refused(Status(600))),
    ] {
        assert_eq!(page_outcome(bob(), status, lines), expected, "{status}");
    }
    let unsupported = "Unsupported: recipient-list-message\n";
    assert_eq!(
        page_outcome(bob_and_carol(), "420 Bad Extension", unsupported),
        failed(Failure::ListUnsupported)
    );
}

#[test]
fn d_21_a_bare_403_to_a_list_says_that_lists_are_not_served() {
    let failed = Outcome::Failed;
    let warned = "Warning: 399 im.example.com \"127 Service not authorised\"\n";
    let full = "Warning: 399 im.example.com \"122 too many participants\"\n";
    for (target, lines, expected) in [
        (bob_and_carol(), "", failed(Failure::ListUnsupported)),
        (bob_and_carol(), warned, failed(Failure::NotAuthorised)),
        (bob_and_carol(), full, failed(Failure::TooManyParticipants)),
        (friends(), "", failed(Failure::Forbidden)),
    ] {
        assert_eq!(page_outcome(target, "403 Forbidden", lines), expected);
    }
}

#[test]
fn cc_37_a_redirection_is_not_followed() {
    for (status, code) in [
        ("302 Moved Temporarily", 302),
        ("300 Multiple Choices", 300),
    ] {
        let outcome = page_outcome(bob(), status, "Contact: <sip:bob@elsewhere.example.com>\n");
        assert_eq!(outcome, Outcome::Failed(Failure::Redirected(Status(code))));
    }
}

#[test]
fn cc_38_an_empty_message_is_refused_and_content_elsewhere_is_none() {
    let empty = Draft::new(bob(), Content::text(""));
    let (sent, did) = alice().command(|alice, cx| alice.send(empty, cx));
    assert_eq!(sent, Err(Misuse::EmptyMessage));
    did.none();
    let content = Content::external(&elsewhere()).unwrap();
    assert_eq!(method(alice(), Draft::new(bob(), content)), Method::Message);
}

#[test]
fn cc_39_a_list_of_one_group_is_that_group() {
    let mut only = Recipient::new(uri("sip:friends@example.com"));
    only.group = true;
    let target = || Target::List(vec![only.clone()]);
    let sent = page(alice(), small(target()));
    assert_eq!(
        sent.target.as_str(),
        "sip:friends@example.com;session=prearranged"
    );
    let sent = page(alice_of_the_seeds(), small(target()));
    assert_eq!(
        sent.target.as_str(),
        "sip:friends@example.com;session=imgroup"
    );
}

#[test]
fn d_26_a_group_among_others_is_one_entry() {
    let mut group = Recipient::new(uri("sip:friends@example.com"));
    group.group = true;
    let target = Target::List(vec![Recipient::new(uri("sip:bob@example.com")), group]);
    let sent = page(alice(), small(target));
    assert_eq!(
        listed(&read(&sent)),
        ["sip:bob@example.com", "sip:friends@example.com"]
    );
}

#[test]
fn cc_40_a_page_inside_the_dialog_is_a_page() {
    let (mut rig, invite) = bound(alice(), large(bob()), ACCEPTED);
    let page = from_peer(&invite.1, "MESSAGE", 7, "Content-Type: text/plain\n\nhi");
    let did = rig.request(1, &page);
    let (ask, question) = did.asked().unwrap();
    assert!(
        matches!(question, simple_im::Question::Page(arrival) if arrival.body.as_ref() == b"hi")
    );
    assert!(did.replies().is_empty());
    let did = rig.answer(ask, simple_im::Answer::Accept);
    let (_, reply) = did.one_reply();
    assert_eq!((reply.status, reply.body.len()), (Status(200), 0));
    assert!(!wire_reply(&reply, &page).contains("Contact:"));
}

#[test]
fn d_32_what_is_known_is_told_apart() {
    // 200 from a device, 202 from a server, and a peer whose stack took all but who said no more.
    assert_eq!(page_outcome(bob(), "200 OK", ""), Outcome::Delivered);
    assert_eq!(
        page_outcome(friends(), "202 Accepted", ""),
        Outcome::AcceptedByServer
    );
    let (mut rig, _) = bound(alice(), large(bob()), ACCEPTED);
    let (_, did) = rig.drain_chunks(LEG);
    assert_eq!(over(&mut rig, &bye(&did)), Outcome::Sent);
}

#[test]
fn a_provisional_response_changes_nothing() {
    let mut rig = alice();
    let sent = send(&mut rig, small(bob()));
    rig.respond(&sent, "100 Trying", "", "").none();
    rig.respond(&sent, "180 Ringing", "", "").none();
    assert_eq!(
        rig.respond(&sent, "200 OK", "", "").outcome(),
        Outcome::Delivered
    );
    rig.respond(&sent, "200 OK", "", "").none();
}

#[test]
fn one_machine_sends_one_message() {
    let mut rig = alice();
    send(&mut rig, small(bob()));
    let (again, did) = rig.command(|alice, cx| alice.send(small(bob()), cx));
    assert_eq!(again, Err(Misuse::InUse));
    did.none();
    let (cancelled, did) = rig.command(|alice, cx| alice.cancel(cx));
    assert_eq!(
        cancelled,
        Err(Misuse::NothingToCancel),
        "a page cannot be taken back"
    );
    did.none();
}

#[test]
fn a_request_that_strays_to_a_pager_is_refused() {
    let mut rig = alice();
    let sent = send(&mut rig, small(bob()));
    let did = rig.request(1, &from_peer(&sent.1, "BYE", 1, ""));
    assert_eq!(did.statuses(), [481]);
}

#[test]
fn what_is_no_media_type_is_refused() {
    for kind in ["", "text", "text/plain\r\nX: y"] {
        let draft = Draft::new(bob(), Content::new(kind, Bytes::from_static(b"x")));
        let (sent, did) = alice().command(|alice, cx| alice.send(draft, cx));
        assert_eq!(sent, Err(Misuse::Malformed), "{kind:?}");
        did.none();
    }
}

#[test]
fn too_many_recipients_are_refused() {
    let mut rig = alice_with(|config| config.limits.list_entries = 1);
    let (sent, did) = rig.command(|alice, cx| alice.send(small(bob_and_carol()), cx));
    assert_eq!(sent, Err(Misuse::TooManyRecipients));
    did.none();
}

#[test]
fn each_recipient_of_a_list_is_told_of_once_however_small_the_batch() {
    let uris: Vec<String> = (0..100).map(|n| format!("sip:u{n}@example.com")).collect();
    let uris: Vec<&str> = uris.iter().map(String::as_str).collect();
    let mut rig = alice_with(|config| config.limits.batch = 32);
    let mut draft = small(list(&uris));
    draft.path = PathKnowledge::CongestionSafeEndToEnd;
    let sent = send(&mut rig, draft);
    let mut did = rig.respond(&sent, "202 Accepted", "", "");
    let mut told = did.outcomes();
    while did.started(Timer::Continue).is_some() {
        did = rig.timer(Timer::Continue);
        told.extend(did.outcomes());
    }
    assert!(rig.machine.is_closed());
    let expected: Vec<_> = (0..100)
        .map(|n| (RecipientId(n), Outcome::AcceptedByServer))
        .collect();
    assert_eq!(told, expected);
    rig.timer(Timer::Continue).none();
}
