//! Header fields, one by one.

use bytes::Bytes;
use simple_im::profile::Refresher;
use simple_im::wire::sip;
use simple_im::{Address, Head, Method, Request, Response, Status};

use super::{crlf, flaw, message_with, request, response};

fn head(extra: &str) -> Head {
    request(&message_with(extra)).head
}

fn refused(extra: &str) -> &'static str {
    let flaw = flaw(&message_with(extra));
    assert_eq!(flaw.status, Status(400), "{extra}");
    flaw.what
}

#[test]
fn mandatory_fields_are_missed() {
    for name in ["Via", "From", "To", "Call-ID", "CSeq"] {
        let text = message_with(&format!("{name}: x")).replace(&format!("{name}: x\n"), "");
        assert_eq!(flaw(&text).what, format!("no {name}"));
    }
    let text = message_with("Max-Forwards: x").replace("Max-Forwards: x\n", "");
    assert_eq!(request(&text).head.max_forwards(), None);
}

#[test]
fn single_fields_must_not_be_repeated_in_either_form() {
    for extra in [
        "Foo: y\nf: <sip:alice@example.com>;tag=49583",
        "Foo: y\nt: <sip:bob@example.com>",
        "Foo: y\ni: other",
        "Foo: y\ncseq: 1 MESSAGE",
        "Foo: y\nMax-Forwards: 70",
        "Foo: y\nl: 0",
        "x: 100\nSession-Expires: 100",
        "Min-SE: 90\nMin-SE: 90",
        "c: text/plain\nContent-Type: text/plain",
    ] {
        assert_eq!(refused(extra), "header field is repeated", "{extra}");
    }
}

#[test]
fn malformed_fields_are_refused() {
    for (extra, what) in [
        ("CSeq: 1", "CSeq has no method"),
        ("CSeq: 1MESSAGE", "CSeq has no method"),
        ("CSeq: 1 MESSAGE x", "CSeq has no method"),
        (
            "CSeq: 1 INVITE",
            "CSeq names another method than the request line",
        ),
        (
            "CSeq: 1 message",
            "CSeq names another method than the request line",
        ),
        ("CSeq: 2147483648 MESSAGE", "CSeq has no number below 2^31"),
        ("CSeq: -1 MESSAGE", "CSeq has no number below 2^31"),
        ("Max-Forwards: 256", "Max-Forwards is not from 0 to 255"),
        ("Max-Forwards: +7", "Max-Forwards is not from 0 to 255"),
        ("Max-Forwards: ", "Max-Forwards is not from 0 to 255"),
        (
            "Session-Expires: 0",
            "Session-Expires is no number of seconds",
        ),
        (
            "Session-Expires: soon",
            "Session-Expires is no number of seconds",
        ),
        (
            "Session-Expires: 90 90",
            "Session-Expires is no number of seconds",
        ),
        (
            "Session-Expires: 4294967296",
            "Session-Expires is no number of seconds",
        ),
        (
            "Session-Expires: 90;refresher=me",
            "refresher is neither uac nor uas",
        ),
        ("Min-SE: ninety", "Min-SE is no number of seconds"),
        ("From: alice", "URI has no scheme"),
        (
            "From: \"Alice <sip:alice@example.com>",
            "quoted string has no end",
        ),
        (
            "From: Bell, Alexander <sip:a@example.com>;tag=1",
            "display name is neither tokens nor a quoted string",
        ),
        (
            "From: <sip:a@example.com>;tag=",
            "header field parameter is malformed",
        ),
        ("To: <sip:a b@example.com>", "blank in a URI"),
        ("To: <sip:a@example.com", "URI has no closing bracket"),
        ("To: <sip:a@h>, <sip:b@h>", "more than one address"),
        ("Call-ID: ", "Call-ID is no word"),
        ("Call-ID: a b", "Call-ID is no word"),
        (
            "Contact: <sip:a@example.com>;;",
            "header field parameter is malformed",
        ),
        (
            "Contact: sip:a@example.com?X=y",
            "URI with header fields is not in angle brackets",
        ),
        ("Via: SIP/2.0/UDP 192.0.2.15;;,;,,", "Via is malformed"),
        ("Via: SIP/2.0/UDP", "Via is malformed"),
        ("Via: x", "Via is malformed"),
    ] {
        assert_eq!(refused(extra), what, "{extra}");
    }
    assert_eq!(head("CSeq: 2147483647 MESSAGE").cseq(), 0x7FFF_FFFF);
}

#[test]
fn the_head_must_be_utf_8_with_crlf_and_without_control_characters() {
    let base = String::from_utf8(crlf(&message_with("Foo: {}")).to_vec()).unwrap();
    let with = |value: &[u8]| {
        let (front, back) = base.split_once("{}").unwrap();
        let octets = [front.as_bytes(), value, back.as_bytes()].concat();
        sip::parse_request(&Bytes::from(octets))
    };
    assert!(with("ñ 漢 😀".as_bytes()).is_ok());
    assert!(with(b"a\\\x07b").is_ok(), "a quoted pair may hold it");
    for (value, what) in [
        (&b"\xFF"[..], "head is not UTF-8"),
        (b"y\r\n z\xFF", "head is not UTF-8"),
        (b"a\x07b", "control character"),
        (b"a\0b", "control character"),
        (b"a\rb", "CR without LF"),
        (b"a\nY: b", "line is not ended by CRLF"),
        (b"a\n b", "line is not ended by CRLF"),
        (b"a\n", "line is not ended by CRLF"),
        (b"a\r\nno colon", "header field has no colon"),
        (b"a\r\n: nameless", "header field name is no token"),
        (b"a\r\nna me: x", "header field name is no token"),
    ] {
        let flaw = with(value).unwrap_err();
        assert_eq!((flaw.what, flaw.status), (what, Status(400)), "{value:?}");
    }
    assert_eq!(
        sip::parse(&Bytes::from(base.replace("\r\n", "\n")))
            .unwrap_err()
            .status,
        Status(400)
    );
}

#[test]
fn start_lines_are_judged() {
    let with =
        |line: &str| message_with("Foo: y").replace("MESSAGE sip:bob@example.com SIP/2.0", line);
    for (line, status) in [
        ("MESSAGE sip:bob@example.com SIP/7.0", 505),
        ("MESSAGE sip:bob@example.com HTTP/1.1", 400),
        ("MESSAGE sip:bob@example.com", 400),
        ("MESSAGE  sip:bob@example.com SIP/2.0", 400),
        ("MESSAGE sip:bob@example.com SIP/2.0 ", 400),
        ("MESSAGE <sip:bob@example.com> SIP/2.0", 400),
        ("MESSAGE http://example.com SIP/2.0", 416),
        ("MESSAGE bob SIP/2.0", 400),
        ("MESSAGE sip:bob@example.com?Subject=x SIP/2.0", 400),
        (" sip:bob@example.com SIP/2.0", 400),
        ("M\"SSAGE sip:bob@example.com SIP/2.0", 400),
        ("", 400),
        ("SIP/3.0 200 OK", 505),
        ("SIP/2.0 099 OK", 400),
        ("SIP/2.0 700 OK", 400),
        ("SIP/2.0 4294967301 OK", 400),
        ("SIP/2.0 +20 OK", 400),
        ("HTTP/1.1 200 OK", 400),
    ] {
        assert_eq!(flaw(&with(line)).status, Status(status), "{line}");
    }
    assert_eq!(
        request(&with("MESSAGE sip:bob@example.com sip/2.0")).method,
        Method::Message
    );
    assert_eq!(response(&with("SIP/2.0 180")).status, Status(180));
    let other = with("FROB tel:+1-201-555-0123 SIP/2.0").replace("1 MESSAGE", "1 FROB");
    assert_eq!(request(&other).method, Method::Other);
}

#[test]
fn legal_shapes_beyond_the_plain_one_are_read_the_same() {
    let plain = head("Session-Expires: 1800;refresher=uas");
    for extra in [
        "session-expires:1800;REFRESHER=UAS",
        "x : 1800 ; refresher = uas",
        "x\t:\n 1800\n\t;refresher\n =\n uas",
    ] {
        assert_eq!(
            head(extra).session_expires(),
            plain.session_expires(),
            "{extra}"
        );
    }
    let text = message_with("Session-Expires: 1800")
        .replace("Via", "v")
        .replace("From", "F")
        .replace("To", "t")
        .replace("Call-ID", "i")
        .replace("Content-Length", "L");
    let compact = request(&text).head;
    assert_eq!(compact.from(), plain.from());
    assert_eq!(compact.call_id(), plain.call_id());
    assert_eq!(
        compact.header("call-id"),
        Some("asd88asd77a@pc33.example.com")
    );
    assert_eq!(plain.header("I"), Some("asd88asd77a@pc33.example.com"));
}

#[test]
fn many_fields_are_read_and_too_many_refused() {
    for (count, fits) in [(41, true), (42, true), (249, true), (250, false)] {
        let mut extra = String::from("Privacy: id");
        for n in 1..count {
            extra += &format!("\nX-{n}: {n}");
        }
        let text = message_with(&extra);
        match fits {
            true => assert_eq!(request(&text).head.headers().count(), count + 7),
            false => assert_eq!(flaw(&text).status, Status(513)),
        }
    }
    let large = format!("Foo: {}", "a".repeat(sip::MAX_HEAD));
    assert_eq!(flaw(&message_with(&large)).status, Status(513));
    assert_eq!(
        flaw(&message_with(&format!("{large}\n b"))).status,
        Status(513)
    );
}

#[test]
fn cc_42_isfocus_is_a_parameter_of_the_header_field() {
    let focus = |contact: &str| head(&format!("Contact: {contact}")).is_focus();
    assert!(focus("<sip:conf@example.com>;+g.oma.sip-im;isfocus"));
    assert!(focus("sip:conf@example.com;isfocus"));
    assert!(focus("<sip:conf@example.com>;IsFocus=TRUE"));
    assert!(focus("<sip:conf@example.com> ; isfocus = \"true\""));
    assert!(!focus("<sip:conf@example.com;isfocus>"));
    assert!(!focus("<sip:conf@example.com>;isfocus=\"FALSE\""));
    assert!(!focus("<sip:conf@example.com>;x=\";isfocus\""));
    assert!(!focus(
        "<sip:conf@example.com>, <sip:other@example.com>;isfocus"
    ));
    assert!(!focus("*"));
    assert!(!head("Foo: y").is_focus());
}

#[test]
fn cc_96_the_feature_may_stand_in_any_accept_contact() {
    let asked = |extra: &str| {
        let preference = head(extra).preference();
        (preference.im, preference.large_message)
    };
    let im = "*;+g.oma.sip-im;require;explicit";
    let large = "*;+g.oma.sip-im.large-message;explicit";
    assert_eq!(asked(&format!("Accept-Contact: {im}")), (true, false));
    assert_eq!(asked(&format!("a: {large}")), (false, true));
    assert_eq!(asked(&format!("a: *;audio, {im}")), (true, false));
    assert_eq!(
        asked(&format!("a: {im}\nAccept-Contact: {large}")),
        (true, true)
    );
    assert_eq!(asked("a: *;+G.OMA.SIP-IM=\"TRUE\""), (true, false));
    assert_eq!(asked("a: *;+g.oma.sip-im=\"FALSE\""), (false, false));
    assert_eq!(asked("a: *;video"), (false, false));
}

#[test]
fn cc_98_none_cancels_id() {
    let privacy = |extra: &str| {
        let privacy = head(extra).privacy();
        (privacy.id, privacy.critical)
    };
    assert_eq!(privacy("Privacy: id"), (true, false));
    assert_eq!(privacy("Privacy: id;user ; critical"), (true, true));
    assert_eq!(privacy("Privacy: none"), (false, false));
    assert_eq!(privacy("Privacy: none;id"), (false, false));
    assert_eq!(privacy("Privacy: id\nPrivacy: none"), (false, false));
    assert_eq!(privacy("Privacy: header"), (false, false));
}

#[test]
fn cc_97_asserted_identities_are_told_apart() {
    let asserted = |extra: &str| head(extra).asserted().map(String::from).collect::<Vec<_>>();
    let both = ["sip:alice@example.com", "tel:+12015550123"];
    let name = "P-Asserted-Identity";
    assert_eq!(
        asserted(&format!("{name}: \"A, B\" <{}>, <{}>", both[0], both[1])),
        both
    );
    assert_eq!(
        asserted(&format!("{name}: {}\n{name}: <{}>", both[0], both[1])),
        both
    );
    assert_eq!(asserted("Foo: y").len(), 0);
}

#[test]
fn routes_are_told_apart_and_can_be_reversed() {
    let head = head(
        "Record-Route: <sip:p1.example.com;lr;a=b,c>,\"x, y\" <sip:p2;lr>\nRecord-Route: <sip:p3>;z=\"<,\"",
    );
    let routes: Vec<_> = head.record_routes().collect();
    assert_eq!(
        routes,
        [
            "<sip:p1.example.com;lr;a=b,c>",
            "\"x, y\" <sip:p2;lr>",
            "<sip:p3>;z=\"<,\""
        ]
    );
    assert_eq!(head.record_routes().next_back(), Some("<sip:p3>;z=\"<,\""));
    assert_eq!(Address::read(routes[1]).unwrap().uri, "sip:p2;lr");
}

#[test]
fn dr_21_a_warning_is_known_by_its_number_or_its_text() {
    let head = head(
        "Warning: 399 im.example.com \"127 Service not authorised\", 403 h:5060 \"say \\\"No, Destinations\\\"\"\nWarning: junk",
    );
    let all: Vec<_> = head.warnings().collect();
    let warning = |code, agent, text| sip::Warning { code, agent, text };
    assert_eq!(
        all[0],
        warning(399, "im.example.com", "127 Service not authorised")
    );
    assert_eq!(
        all[1],
        warning(403, "h:5060", "say \\\"No, Destinations\\\"")
    );
    assert_eq!(all.len(), 2);
    assert!(head.warned(127, ""));
    assert!(head.warned(0, "SERVICE NOT AUTHORI"));
    assert!(head.warned(0, "no, destinations"));
    assert!(!head.warned(122, "too many participants"));
    assert!(!head.warned(12, ""));
}

#[test]
fn cc_107_unknown_options_are_named() {
    let head = head("Require: timer, frob\nRequire: 100rel,recipient-list-message, x");
    assert_eq!(head.unknown_required().collect::<Vec<_>>(), ["frob", "x"]);
    let required = head.required();
    assert!(required.timer && required.reliable && required.list_message && required.other);
    assert!(!required.replaces && !required.list_invite);
    let supported = self::head("k: Replaces\nSupported: recipient-list-invite").supported();
    assert!(supported.replaces && supported.list_invite && !supported.other);
    let refused = self::head("Unsupported: recipient-list-invite, frob");
    assert_eq!(
        refused.unsupported().collect::<Vec<_>>(),
        ["recipient-list-invite", "frob"]
    );
}

#[test]
fn numbers_and_names_of_lesser_fields_are_read() {
    assert_eq!(
        head("Retry-After: 18000;duration=3600").retry_after(),
        Some(18_000)
    );
    assert_eq!(
        head("Retry-After: 120 (I'm in a meeting)").retry_after(),
        Some(120)
    );
    assert_eq!(head("Retry-After: later").retry_after(), None);
    assert_eq!(head("Min-SE: 600;x=y").min_se(), Some(600));
    let interval = head("Session-Expires: 60;refresher=uac")
        .session_expires()
        .unwrap();
    assert_eq!(
        (interval.seconds, interval.refresher),
        (60, Some(Refresher::Uac))
    );
    assert_eq!(head("Allow:").allow(), Some(simple_im::Methods::default()));
    let two =
        head("Contact: <sip:a@example.com>, <sip:b@example.com>\nContact: <sip:c@example.com>");
    assert_eq!(two.contact().unwrap().uri, "sip:a@example.com");
    assert_eq!(two.values("m").count(), 3);
}

#[test]
fn addresses_are_read_in_every_form() {
    for (text, uri, params) in [
        ("<sip:a@h>", "sip:a@h", ""),
        ("sip:a@h;tag=1", "sip:a@h", ";tag=1"),
        ("caller<sip:a@h;x=y>;tag=1", "sip:a@h;x=y", ";tag=1"),
        ("\"a \\\" <b>\" <sip:a@h>", "sip:a@h", ""),
        ("The Caller <sip:a@h>", "sip:a@h", ""),
        ("Jürgen Bär <sip:a@h>", "sip:a@h", ""),
        ("<urn:service:sos>", "urn:service:sos", ""),
        ("tel:+12015550123;tag=1", "tel:+12015550123", ";tag=1"),
    ] {
        let address = Address::read(text).unwrap_or_else(|| panic!("{text}"));
        assert_eq!((address.uri, address.params), (uri, params), "{text}");
    }
    for text in [
        "",
        "<>",
        "a",
        "<sip:a@h>x",
        "<sip:a@h>;",
        "<sip:a@h>, <sip:b@h>",
        "a: <sip:a@h>",
    ] {
        assert_eq!(Address::read(text), None, "{text}");
    }
}

#[test]
fn a_message_built_by_a_host_comes_through_the_same_door() {
    let headers = [
        ("v", "SIP/2.0/UDP h;branch=z9hG4bK1"),
        ("From", "<sip:a@example.com>;tag=1"),
        ("To", "<sip:b@example.com>"),
        ("Call-ID", "x"),
        ("CSeq", "1 MESSAGE"),
        ("Content-Type", "text/plain"),
    ];
    let body = Bytes::from_static(b"hello");
    let built = Request::build("MESSAGE", "sip:b@example.com", headers, body.clone()).unwrap();
    assert_eq!(
        built.body.whole().as_ptr(),
        body.as_ptr(),
        "the body is not copied"
    );
    assert_eq!(built.head.headers().collect::<Vec<_>>(), headers);
    let response = Response::build(Status(202), headers, Bytes::new()).unwrap();
    assert_eq!((response.status, response.head.cseq()), (Status(202), 1));

    for (name, value) in [
        ("Foo", "a\r\nEvil: b"),
        ("Foo\nEvil", "b"),
        ("Foo", "a\n b"),
    ] {
        let smuggled = headers.into_iter().chain([(name, value)]);
        let flaw =
            Request::build("MESSAGE", "sip:b@example.com", smuggled, body.clone()).unwrap_err();
        assert_eq!(flaw.what, "header field holds a line break");
    }
    assert!(Request::build("MESSAGE", "sip:b SIP/2.0\r\nX: y", headers, body.clone()).is_err());
    assert!(Request::build("SIP/2.0", "200 OK", headers, body.clone()).is_err());
    assert!(Request::build("INVITE", "sip:b@example.com", headers, body).is_err());
}
