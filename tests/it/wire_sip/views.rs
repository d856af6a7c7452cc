//! Header fields that are read on demand: the examples of their RFCs, and garbage.

use bytes::{Bytes, BytesMut};
use proptest::prelude::*;
use simple_im::wire::sip::{
    Directive, Disposition, Package, RAck, Reason, ReferredBy, Replaces, RetryAfter,
    SubscriptionState, quote,
};
use simple_im::{Address, Flaw, Head, Method, Request, Response, Status, Uri};

use super::{crlf, message_with, request};

fn head(extra: &str) -> Head {
    request(&message_with(extra)).head
}

#[test]
fn rseq_and_rack_name_the_provisional_response() {
    assert_eq!(head("RSeq: 988789").rseq(), Some(988_789));
    for bad in ["0", "", "x", "1 2", "4294967296", "-1"] {
        assert_eq!(head(&format!("RSeq: {bad}")).rseq(), None, "{bad}");
    }
    let expected = RAck {
        rseq: 776_656,
        cseq: 1,
        method: Method::Invite,
        name: "INVITE",
    };
    assert_eq!(head("RAck: 776656 1 INVITE").rack(), Some(expected));
    assert_eq!(head("RAck: 1 2\n  FROB").rack().unwrap().name, "FROB");
    for bad in [
        "",
        "1",
        "1 1",
        "1 INVITE",
        "1 1 INVITE x",
        "1 1INVITE",
        "1  1 <",
    ] {
        assert_eq!(head(&format!("RAck: {bad}")).rack(), None, "{bad}");
    }
}

#[test]
fn reasons_come_in_order_with_cause_and_text() {
    let head = head(
        "Reason: SIP ;cause=200 ;text=\"Call completed elsewhere\", Q.850 ;cause=16 ;text=\"a, b\"\n\
         Reason: preemption\nReason: ;cause=1, SIP;cause=x;=, SIP;cause=5x",
    );
    let reason = |protocol, cause, text| Reason {
        protocol,
        cause,
        text,
    };
    let expected = [
        reason("SIP", Some(200), Some("Call completed elsewhere")),
        reason("Q.850", Some(16), Some("a, b")),
        reason("preemption", None, None),
        reason("SIP", None, None),
    ];
    assert!(head.reasons().eq(expected));
}

#[test]
fn replaces_names_a_dialog_or_is_a_flaw() {
    let replaces = |call_id, to_tag, from_tag, early_only| Replaces {
        call_id,
        to_tag,
        from_tag,
        early_only,
    };
    for (value, expected) in [
        (
            "425928@bobster.example.org;to-tag=7743;from-tag=6472",
            replaces("425928@bobster.example.org", "7743", "6472", false),
        ),
        (
            "12adf2f34456gs5;to-tag=12345;from-tag=54321;early-only",
            replaces("12adf2f34456gs5", "12345", "54321", true),
        ),
        (
            "87134@171.161.34.23;to-tag=24796;from-tag=0",
            replaces("87134@171.161.34.23", "24796", "0", false),
        ),
        (
            "a ; From-Tag = 2 ; x=y;TO-TAG=1",
            replaces("a", "1", "2", false),
        ),
    ] {
        assert_eq!(
            head(&format!("Replaces: {value}")).replaces(),
            Ok(Some(expected))
        );
        assert_eq!(Replaces::read(&expected.to_string()), Some(expected));
    }
    assert_eq!(head("Foo: y").replaces(), Ok(None));
    for bad in [
        "",
        "a",
        "98732@sip.example.com",
        "a;to-tag=1",
        "a;from-tag=1",
        "a;to-tag=1;from-tag",
        "a;to-tag=1;from-tag=2;to-tag=3",
        "a;to-tag=1;from-tag=2;;",
        "a b;to-tag=1;from-tag=2",
        ";to-tag=1;from-tag=2",
        "a;to-tag=1;from-tag=2, b;to-tag=1;from-tag=2",
    ] {
        let flaw: Flaw = head(&format!("Replaces: {bad}")).replaces().unwrap_err();
        assert_eq!(flaw.status, Status(400), "{bad}");
    }
    let one = "a;to-tag=1;from-tag=2";
    let twice = head(&format!("Replaces: {one}\nReplaces: {one}"));
    let flaw = twice.replaces().unwrap_err();
    assert_eq!(flaw.what, "header field is repeated");
}

#[test]
fn cc_66_a_replaces_in_a_uri_is_escaped_once() {
    let replaces = Replaces {
        call_id: "12%40a;b@h",
        to_tag: "x=y",
        from_tag: "2",
        early_only: true,
    };
    // A semicolon cannot stand in a Call-ID; it is escaped all the same.
    let written = replaces.in_uri().to_string();
    assert_eq!(
        written,
        "12%2540a%3Bb%40h%3Bto-tag%3Dx%3Dy%3Bfrom-tag%3D2%3Bearly-only"
    );
    let plain = Replaces {
        call_id: "425928@bobster.example.org",
        to_tag: "7743",
        ..replaces
    };
    let uri = format!("sip:bob@example.org?Subject=x&Replaces={}", plain.in_uri());
    let uri = Uri::copy(&uri).unwrap();
    let header = uri.header("replaces").unwrap();
    assert_eq!(Replaces::read(&header), Some(plain));
    assert_eq!(uri.header("Subject").as_deref(), Some("x"));
    assert_eq!(uri.header("Foo"), None);
    assert_eq!(Uri::copy("sip:h?a=%FF").unwrap().header("a"), None);
}

#[test]
fn referred_by_names_the_referrer_and_its_proof() {
    let referred = |extra: &str| {
        let head = head(extra);
        let referred = head.referred_by();
        referred.map(|ReferredBy { uri, cid }| (uri.to_owned(), cid.map(str::to_owned)))
    };
    assert_eq!(
        referred(
            "Referred-By: <sip:referrer@referrer.example>\n   ;cid=\"20398823.2UWQFN309shb3@referrer.example\""
        ),
        Some((
            "sip:referrer@referrer.example".to_owned(),
            Some("20398823.2UWQFN309shb3@referrer.example".to_owned())
        ))
    );
    let short = referred("b: sip:r@ref.example;cid=\"<2UWQFN309shb3@ref.example>\"").unwrap();
    assert_eq!(short.0, "sip:r@ref.example");
    assert_eq!(short.1.as_deref(), Some("2UWQFN309shb3@ref.example"));
    assert_eq!(referred("Referred-By: r"), None);
    assert_eq!(referred("Foo: y"), None);
}

#[test]
fn all_values_of_privacy_are_read() {
    let asked = head("Privacy: header;Session , user; history;frob\nPrivacy: id;critical");
    let privacy = asked.privacy();
    assert!(privacy.header && privacy.session && privacy.user && privacy.history);
    assert!(privacy.id && privacy.critical && !privacy.none);
    assert!(asked.privacy_values().eq([
        "header", "Session", "user", "history", "frob", "id", "critical"
    ]));
    let none = head("Privacy: header;critical;none").privacy();
    assert!(none.none && none.critical && !none.header);
    assert_eq!(head("Privacy: ;;,").privacy_values().count(), 0);
}

#[test]
fn preferences_are_predicates_over_features() {
    let head = head(
        "Accept-Contact: *;audio;require, *;methods=\"INVITE,!BYE\";schemes=\"sip\";explicit\n\
         a: *;+g.3gpp.icsi-ref=\"urn%3Aurn-7\";REQUIRE;EXPLICIT;frob, sip:x, *;;\n\
         Reject-Contact: *;actor=\"msg-taker\";video",
    );
    let accepted: Vec<_> = head.accept_contacts().collect();
    assert_eq!(accepted.len(), 3);
    assert!(accepted[0].is_required() && !accepted[0].is_explicit());
    assert!(!accepted[1].is_required() && accepted[1].is_explicit());
    assert!(accepted[2].is_required() && accepted[2].is_explicit());
    let audio: Vec<_> = accepted[0].features().collect();
    assert!(audio[0].is("Audio") && audio.len() == 1);
    assert!(audio[0].values().eq(["TRUE"]));
    let methods = accepted[1].features().next().unwrap();
    assert!(methods.values().eq(["INVITE", "!BYE"]));
    let tags = accepted[2].features().map(|feature| feature.tag);
    assert!(tags.eq(["+g.3gpp.icsi-ref"]));
    let rejected = head.reject_contacts().next().unwrap();
    assert!(
        rejected
            .features()
            .map(|feature| feature.tag)
            .eq(["actor", "video"])
    );
}

#[test]
fn a_contact_tells_its_features_apart_from_other_parameters() {
    let head = head(
        "Contact: \"Mr. Watson\" <sip:watson@h;audio>;q=0.7;expires=3600;audio=\"FALSE\";\
         isfocus;description=\"<PC, office>\";+g.oma.sip-im;mobility=\"fixed\";frob",
    );
    let contact = head.contact().unwrap();
    let features: Vec<_> = contact.features().map(|it| (it.tag, it.value)).collect();
    assert_eq!(
        features,
        [
            ("audio", Some("FALSE")),
            ("isfocus", None),
            ("description", Some("<PC, office>")),
            ("+g.oma.sip-im", None),
            ("mobility", Some("fixed")),
        ]
    );
    let description = contact.features().nth(2).unwrap();
    assert!(description.values().eq(["<PC, office>"]));
}

#[test]
fn subscriptions_say_what_and_how_long() {
    let event = head("o: conference;id=7");
    let (name, id) = ("conference", Some("7"));
    assert_eq!(event.event(), Some(Package { name, id }));
    assert_eq!(head("Event: a.b").event().unwrap().name, "a.b");
    assert_eq!(head("Event: <x>").event(), None);

    let state = head("Subscription-State: terminated;reason=probation;retry-after=60");
    let expected = SubscriptionState {
        state: "terminated",
        reason: Some("probation"),
        expires: None,
        retry_after: Some(60),
    };
    assert_eq!(state.subscription_state(), Some(expected));
    let active = head("Subscription-State: active;expires=3600x");
    assert_eq!(active.subscription_state().unwrap().expires, None);
    assert_eq!(head("Subscription-State: ").subscription_state(), None);
}

#[test]
fn retry_after_has_comment_and_duration() {
    let retry = |value: &str| {
        let head = head(&format!("Retry-After: {value}"));
        head.retry()
            .map(|it: RetryAfter<'_>| (it.seconds, it.comment.map(str::to_owned), it.duration))
    };
    assert_eq!(
        retry("18000;duration=3600"),
        Some((18_000, None, Some(3600)))
    );
    let meeting = Some("I'm in a meeting".to_owned());
    assert_eq!(retry("120 (I'm in a meeting)"), Some((120, meeting, None)));
    let nested = Some("a (b \\) c)".to_owned());
    assert_eq!(
        retry("1 (a (b \\) c)) ; duration=2"),
        Some((1, nested, Some(2)))
    );
    for bad in ["", "soon", "1 (a", "1 (a (b)", "1 2", "1)"] {
        assert_eq!(retry(bad), None, "{bad}");
    }
    assert_eq!(head("Retry-After: 120 (x)").retry_after(), Some(120));
}

#[test]
fn the_body_as_a_whole_may_be_optional() {
    let extra = |value: &str| format!("Content-Disposition: {value}");
    let kind = "session";
    for (value, is_optional) in [
        ("session", false),
        ("session;handling=required", false),
        ("session ; Handling = Optional", true),
        ("session;handling=\"optional\"", true),
    ] {
        let expected = Disposition { kind, is_optional };
        assert_eq!(head(&extra(value)).disposition(), Some(expected), "{value}");
    }
    for bad in ["", ";handling=optional", "a b", "a;;"] {
        assert_eq!(head(&extra(bad)).disposition(), None, "{bad}");
    }
}

#[test]
fn dates_are_seconds() {
    let date = |value: &str| head(&format!("Date: {value}")).date();
    assert_eq!(date("Sat, 13 Nov 2010 23:29:00 GMT"), Some(1_289_690_940));
    assert_eq!(date("Thu, 01 Jan 1970 00:00:00 GMT"), Some(0));
    assert_eq!(date("Thu, 29 Feb 2024 12:00:00 GMT"), Some(1_709_208_000));
    assert_eq!(date("Tue, 29 Feb 2000 00:00:00 GMT"), Some(951_782_400));
    assert_eq!(date("Fri, 31 Dec 9999 23:59:60 GMT"), Some(253_402_300_800));
    for bad in [
        "",
        "Sat, 13 Nov 2010 23:29:00",
        "Sat, 13 Nov 2010 23:29:00 UTC",
        "Sat, 13 Nov 2010 23:29 GMT",
        "Sat, 13 Nov 2010 23:29:00:00 GMT",
        "Sat, 13 Nov 2010 24:00:00 GMT",
        "Sat, 31 Nov 2010 23:29:00 GMT",
        "Thu, 29 Feb 2100 00:00:00 GMT",
        "Sat, 00 Nov 2010 23:29:00 GMT",
        "Sat, 1 Nov 2010 23:29:00 GMT",
        "Wed, 31 Dec 1969 23:59:59 GMT",
        "Foo, 13 Nov 2010 23:29:00 GMT",
        "Sat, 13 Foo 2010 23:29:00 GMT",
        "Sat, 13 Nov +010 23:29:00 GMT",
    ] {
        assert_eq!(date(bad), None, "{bad}");
    }
}

#[test]
fn a_port_and_a_time_to_live_are_written_in_digits_alone() {
    let head = head("Via: SIP/2.0/UDP h;rport=+5;ttl=+16, SIP/2.0/UDP h;rport=5;ttl=16");
    let read: Vec<_> = head.vias().map(|via| (via.rport(), via.ttl())).collect();
    assert_eq!(read, [(Some(None), None), (Some(Some(5)), Some(16))]);
}

#[test]
fn vias_say_where_a_response_goes() {
    let head = head(
        "Via: SIP/2.0/UDP erlang.bell-telephone.com:5060;branch=z9hG4bK87asdks7, \
         SIP / 2.0 / TCP [2001:db8::9:1] : 5061 ;received=[2001:db8::9:255];RPORT=4711;ttl=16\n\
         v: SIP/2.0/TLS 192.0.2.1;rport;maddr=\"h\";branch;x=a\n\
         VIA: SIP/2.0/UNKNOWN a_b",
    );
    let vias: Vec<_> = head.vias().collect();
    let sent: Vec<_> = vias
        .iter()
        .map(|via| (via.transport, via.host, via.port))
        .collect();
    assert_eq!(
        sent,
        [
            ("UDP", "erlang.bell-telephone.com", Some(5060)),
            ("TCP", "[2001:db8::9:1]", Some(5061)),
            ("TLS", "192.0.2.1", None),
            ("UNKNOWN", "a_b", None),
        ]
    );
    assert_eq!(vias[0].branch(), Some("z9hG4bK87asdks7"));
    assert_eq!(
        (vias[0].received(), vias[0].rport(), vias[0].ttl()),
        (None, None, None)
    );
    assert_eq!(vias[1].received(), Some("2001:db8::9:255"));
    assert_eq!(
        (vias[1].rport(), vias[1].ttl()),
        (Some(Some(4711)), Some(16))
    );
    assert_eq!(
        (vias[2].rport(), vias[2].maddr(), vias[2].branch()),
        (Some(None), Some("h"), None)
    );
    assert_eq!(vias[2].param("X"), Some(Some("a")));
    for bad in [
        "SIP/2.0/UDP h:",
        "SIP/2.0/UDP h:65536",
        "SIP/2.0/UDP h:a",
        "SIP/2.0/UDP [::1",
        "SIP/2.0/UDP [h]",
        "SIP/2.0/UDP :5060",
        "SIP/2.0 h",
        "SIP/2.0/UDP/x h",
        "SIP/2.0/UDP a b",
        "SIP/2.0/UDP h;branch=",
        "SIP/2.0/UDP h, ",
        "",
        ", SIP/2.0/UDP h",
    ] {
        let text = message_with(&format!("Via: {bad}"));
        assert_eq!(super::flaw(&text).what, "Via is malformed", "{bad}");
    }
}

#[test]
fn display_names_lose_their_quotes_and_escapes() {
    for (value, name, display) in [
        ("<sip:a@h>", "", ""),
        ("sip:a@h;tag=1", "", ""),
        ("caller<sip:a@h>", "caller", "caller"),
        ("  The  Caller  <sip:a@h>", "The  Caller", "The  Caller"),
        ("J\u{fc}rgen <sip:a@h>", "J\u{fc}rgen", "J\u{fc}rgen"),
        (
            "\"A, <b>; \\\" \\\\ c\" <sip:a@h>;tag=1",
            "\"A, <b>; \\\" \\\\ c\"",
            "A, <b>; \" \\ c",
        ),
        ("\"\"<sip:a@h>", "\"\"", ""),
    ] {
        let head = head(&format!("From: {value}"));
        assert_eq!(head.from().name, name, "{value}");
        assert_eq!(head.from().display_name(), display, "{value}");
        // Written out it is the same address.
        let written = head.from().to_string();
        assert_eq!(Address::read(&written), Some(head.from()), "{written}");
    }
    assert_eq!(
        quote("a\"b\\c\r\nd\x07").to_string(),
        "\"a\\\"b\\\\c  d\\\x07\""
    );
}

#[test]
fn tags_are_those_of_the_field_and_not_of_its_uri() {
    let tags = |from: &str, to: &str| {
        let text = message_with(&format!("From: {from}")).replace("<sip:bob@example.com>", to);
        let head = request(&text).head;
        let own = |tag: Option<&str>| tag.map(String::from);
        assert_eq!(
            (head.from_tag(), head.to_tag()),
            (head.from().tag(), head.to().tag())
        );
        (own(head.from_tag()), own(head.to_tag()))
    };
    let some = |tag: &str| Some(tag.to_owned());
    assert_eq!(tags("<sip:a@h>;tag=1", "<sip:b@h>"), (some("1"), None));
    assert_eq!(
        tags("<sip:a@h;tag=2>;x;TAG=1;y", "sip:b@h;tag=3"),
        (some("1"), some("3"))
    );
    assert_eq!(
        tags("<sip:a@h>;x=\";tag=2\"", "<sip:b@h>;tag=1;tag=2"),
        (None, some("1"))
    );
}

#[test]
fn what_proxies_are_asked_comes_in_order() {
    let head =
        head("d: proxy, NO-cancel,frob\nRequest-Disposition: fork ,recurse, parallel, no-queue");
    let asked = [
        Directive::Proxy,
        Directive::NoCancel,
        Directive::Fork,
        Directive::Recurse,
        Directive::Parallel,
        Directive::NoQueue,
    ];
    assert!(head.request_dispositions().eq(asked));
}

#[test]
fn preferred_identities_and_expiry_are_read() {
    let head = head(
        "P-Preferred-Identity: \"A, B\" <sip:a@h>, <tel:+1>\nP-Preferred-Identity: x\nExpires: 60",
    );
    assert!(head.preferred().eq(["sip:a@h", "tel:+1"]));
    assert_eq!(head.expires(), Some(60));
    for bad in ["", "x", "1x", "4294967296", "Thu, 01 Dec 1994 16:00:00 GMT"] {
        assert_eq!(
            self::head(&format!("Expires: {bad}")).expires(),
            None,
            "{bad}"
        );
    }
}

#[test]
fn a_field_is_found_wherever_it_stands_and_under_either_name() {
    let head =
        head("Foo: 1\nk: a\nSupported: b\nFOO: 2\nSUPPORTED: c\nj: *;x\nReject-Contact: *;y");
    assert!(head.fields("supported").eq(["a", "b", "c"]));
    assert!(head.fields("K").eq(["a", "b", "c"]));
    assert!(head.fields("foo").eq(["1", "2"]));
    assert!(head.fields("reject-contact").eq(["*;x", "*;y"]));
    assert_eq!(
        (head.header("Route"), head.header("Bar"), head.header("")),
        (None, None, None)
    );
}

proptest! {
    #[test]
    fn what_is_quoted_is_read_as_the_same(text in "[^\r\n]{0,20}") {
        let quoted = quote(&text).to_string();
        let value = format!("{quoted} <sip:a@h>;tag=1");
        let address = Address::read(&value).unwrap();
        prop_assert_eq!(address.display_name(), text.as_str());
        let head = request(&message_with(&format!("To: {value}"))).head;
        prop_assert_eq!(head.to(), address);
    }
}

/// A message as a host's own SIP stack may have it.
#[derive(Clone, Debug, PartialEq)]
struct Foreign {
    first: (String, String),
    headers: Vec<(String, String)>,
    body: Bytes,
}

impl Foreign {
    fn headers(&self) -> impl Iterator<Item = (&str, &str)> {
        self.headers.iter().map(|(name, value)| (&**name, &**value))
    }
}

fn owned(head: &Head) -> Vec<(String, String)> {
    let owned = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
    head.headers().map(owned).collect()
}

#[test]
fn a_foreign_message_is_given_back_as_it_came() {
    let header = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let message = Foreign {
        first: header("FROB", "sip:bob@example.com;x=y"),
        headers: vec![
            header("v", "SIP/2.0/UDP h;branch=z9hG4bK1, SIP/2.0/UDP i"),
            header("FROM", "\"A\\\"b\" <sip:a@example.com>;tag=1"),
            header("t", "<sip:b@example.com>"),
            header("X-One", "1"),
            header("Call-ID", "x"),
            header("X-One", ""),
            header("CSeq", "1\tFROB"),
            header("c", "text/plain"),
        ],
        body: Bytes::from(vec![0xFF, 0, b'\r', b'\n']),
    };
    let (method, uri) = &message.first;
    let request = Request::build(method, uri, message.headers(), message.body.clone()).unwrap();
    let back = Foreign {
        first: (request.method_name().to_owned(), request.uri.to_string()),
        headers: owned(&request.head),
        body: request.body.whole().clone(),
    };
    assert_eq!(back, message);
    assert_eq!(back.body.as_ptr(), message.body.as_ptr(), "no copy");

    let status = Status(200);
    let response = Response::build(status, message.headers(), message.body.clone()).unwrap();
    assert_eq!(owned(&response.head), message.headers);
    assert_eq!(response.body.whole().as_ptr(), message.body.as_ptr());
    assert_eq!(response.status, status);
}

#[test]
fn known_methods_have_their_names() {
    let octets = crlf(&message_with("Foo: y"));
    let built = BytesMut::from(&octets[..]).freeze();
    let request = simple_im::wire::sip::parse_request(&built).unwrap();
    assert_eq!(request.method_name(), "MESSAGE");
}
