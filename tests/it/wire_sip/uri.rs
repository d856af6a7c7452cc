//! SIP, SIPS and tel URIs.

use proptest::prelude::*;
use simple_im::wire::uri::{escape, unescape};
use simple_im::{Status, Uri};

fn uri(text: &str) -> Uri {
    Uri::copy(text).unwrap_or_else(|flaw| panic!("{text}: {flaw}"))
}

#[test]
fn components_are_found() {
    let whole = uri("sips:alice:secret@[2001:db8::10]:5070;transport=tcp;lr?Subject=a%20b&X=y");
    assert_eq!(whole.scheme(), "sips");
    assert_eq!(whole.user(), Some("alice"));
    assert_eq!(whole.host(), "[2001:db8::10]");
    assert_eq!(whole.port(), Some(5070));
    assert_eq!(whole.param("TRANSPORT"), Some(Some("tcp")));
    assert_eq!(whole.param("lr"), Some(None));
    assert_eq!(whole.param("maddr"), None);
    assert_eq!(
        whole.headers().collect::<Vec<_>>(),
        [("Subject", "a%20b"), ("X", "y")]
    );

    let ambiguous = uri("sip:[2001:db8::10:5070]");
    assert_eq!(
        (ambiguous.host(), ambiguous.port()),
        ("[2001:db8::10:5070]", None)
    );
    let semicolon = uri("sip:user;par=u%40example.net@example.com");
    assert_eq!(semicolon.user(), Some("user;par=u%40example.net"));
    assert_eq!(
        (semicolon.host(), semicolon.params().count()),
        ("example.com", 0)
    );
    let odd = uri(
        "sip:1_unusual.URI~(to-be!sure)&isn't+it$/crazy?,/;;*:&it+has=1,weird!*pas$wo~d_too.(doesn't-it)@example.com",
    );
    assert_eq!((odd.host(), odd.headers().count()), ("example.com", 0));
    let tel = uri("tel:+1-201-555-0123;phone-context=x");
    assert_eq!((tel.user(), tel.host()), (Some("+1-201-555-0123"), ""));
    assert_eq!(uri("sip:example.com").user(), None);
}

#[test]
fn a_crowded_uri_equals_only_the_same_text() {
    let with = |order: &mut dyn Iterator<Item = usize>| {
        uri(&order.fold("sip:a@h".to_string(), |uri, n| format!("{uri};p{n}")))
    };
    assert!(with(&mut (0..32)).equivalent(&with(&mut (0..32).rev())));
    assert!(!with(&mut (0..33)).equivalent(&with(&mut (0..33).rev())));
    assert!(with(&mut (0..33)).equivalent(&with(&mut (0..33))));
    let headers = |count: usize| (0..count).map(|n| format!("&h{n}=x")).collect::<String>();
    assert!(
        uri(&format!("sip:h?a=b{}", headers(32)))
            .equivalent(&uri(&format!("SIP:h?a=b{}", headers(32))))
    );
    assert!(
        !uri(&format!("sip:h?a=b{}", headers(33)))
            .equivalent(&uri(&format!("SIP:h?a=b{}", headers(33))))
    );
}

#[test]
fn a_parameter_is_added_before_the_headers_and_never_in_the_user_part() {
    for (text, longer) in [
        ("sip:h", "sip:h;x=y"),
        ("sip:a@h;lr?X=y", "sip:a@h;lr;x=y?X=y"),
        ("sip:a?b@h", "sip:a?b@h;x=y"),
        ("sip:a?b@h?X=y", "sip:a?b@h;x=y?X=y"),
        ("sip:a@h?", "sip:a@h;x=y"),
        ("tel:+1;ext=2", "tel:+1;ext=2;x=y"),
    ] {
        assert_eq!(uri(text).with_param("x=y"), Ok(uri(longer)), "{text}");
    }
    assert!(uri("sip:h").with_param("x y").is_err());
}

#[test]
fn malformed_uris_are_refused_where_they_go_wrong() {
    for (text, at) in [
        ("", 0),
        ("bob", 0),
        ("sip:", 4),
        ("sip:bob@", 8),
        ("sip:@example.com", 4),
        ("sip:bob@example.com:", 20),
        ("sip:bob@example.com:65536", 20),
        ("sip:bob@example.com:+1", 20),
        ("sip:2001:db8::10", 4),
        ("sip:[2001:db8:::1]", 4),
        ("sip:[2001:db8::1", 4),
        ("sip:a b@example.com", 5),
        ("sip:a%4@example.com", 5),
        ("sip:a%zz@example.com", 5),
        ("sip:a@b@example.com", 6),
        ("sip:a@example.com;;lr", 18),
        ("sip:a@example.com;", 18),
        ("sip:a@example.com;a=\"b\"", 20),
        ("sip:a@example.com?a=<b>", 20),
        ("sip:jürgen@example.com", 5),
        ("tel:", 4),
        ("tel:+1;a?b=c", 8),
        ("tel:+abcx", 8),
    ] {
        let flaw = Uri::copy(text).expect_err(text);
        assert_eq!((flaw.at, flaw.status), (at, Status(400)), "{text}: {flaw}");
    }
    for text in [
        "http://example.com",
        "soap.beep://x",
        "nobodyKnowsThisScheme:x",
    ] {
        assert_eq!(Uri::copy(text).unwrap_err().status, Status(416), "{text}");
    }
    assert_eq!(
        Uri::parse(bytes::Bytes::from_static(b"sip:\xFF"))
            .unwrap_err()
            .at,
        4
    );
}

/// RFC 3261 §19.1.4, RFC 3966 §4.
#[test]
fn cc_74_equivalence_is_that_of_the_rfc() {
    for (a, b) in [
        (
            "sip:%61lice@atlanta.com;transport=TCP",
            "sip:alice@AtLanTa.CoM;Transport=tcp",
        ),
        ("sip:carol@chicago.com", "sip:carol@chicago.com;newparam=5"),
        ("sip:carol@chicago.com", "SIP:carol@chicago.com;security=on"),
        (
            "sip:carol@chicago.com;newparam=5",
            "sip:carol@chicago.com;security=on",
        ),
        (
            "sip:biloxi.com;transport=tcp;method=REGISTER?to=sip:bob%40biloxi.com",
            "sip:biloxi.com;method=REGISTER;transport=tcp?to=sip:bob%40biloxi.com",
        ),
        (
            "sip:alice@atlanta.com?subject=project%20x&priority=urgent",
            "sip:alice@atlanta.com?priority=urgent&subject=project%20x",
        ),
        ("sip:a@h?Subject=Lunch", "sip:a@h?subject=lunch"),
        ("sip:a@[::1]", "sip:a@[0:0:0:0:0:0:0:1]"),
        ("sip:a@[2001:DB8::1]:5060", "sip:a@[2001:db8::0001]:5060"),
        ("sip:a@h:5060", "sip:a@h:05060"),
        ("sip:a@[2001:db8:::192.0.2.1]", "sip:a@[2001:db8::c000:201]"),
        ("tel:+1-201-555-0123", "tel:+12015550123"),
        ("tel:+1(201)555.0123;ext=1-2", "TEL:+1-201-555-0123;EXT=12"),
        (
            "tel:7042;phone-context=Example.com",
            "tel:70-42;phone-context=example.com",
        ),
        (
            "tel:7042;phone-context=+1-914",
            "tel:7042;phone-context=+1914",
        ),
    ] {
        assert!(uri(a).equivalent(&uri(b)), "{a} {b}");
        assert!(uri(b).equivalent(&uri(a)), "{b} {a}");
        assert_eq!(uri(a).fingerprint(), uri(b).fingerprint(), "{a} {b}");
    }
    for (a, b) in [
        (
            "SIP:ALICE@AtLanTa.CoM;Transport=udp",
            "sip:alice@AtLanTa.CoM;Transport=UDP",
        ),
        ("sip:bob@biloxi.com", "sip:bob@biloxi.com:5060"),
        ("sip:bob@biloxi.com", "sip:bob@biloxi.com;transport=udp"),
        (
            "sip:bob@biloxi.com",
            "sip:bob@biloxi.com:6000;transport=tcp",
        ),
        (
            "sip:carol@chicago.com",
            "sip:carol@chicago.com?Subject=next%20meeting",
        ),
        ("sip:bob@phone21.boxesbybob.com", "sip:bob@192.0.2.4"),
        (
            "sip:carol@chicago.com;security=on",
            "sip:carol@chicago.com;security=off",
        ),
        ("sip:bob@h", "sips:bob@h"),
        ("sip:bob@h", "sip:h"),
        ("sip:bob@h", "sip:bob:pw@h"),
        ("sip:bob@h", "sip:bob@h;user=phone"),
        ("sip:bob@h", "sip:bob@h;ttl=1"),
        ("sip:bob@h", "sip:bob@h;method=INVITE"),
        ("sip:bob@h", "sip:bob@h;maddr=192.0.2.1"),
        ("sip:bob@h;lr", "sip:bob@h;lr=on"),
        ("sip:a%3Bb@h", "sip:a;b@h"),
        ("sip:%00@h", "sip:%00%00@h"),
        ("sip:bob@h?a=x&a=y", "sip:bob@h?a=x"),
        ("sip:bob@h?Call-ID=a", "sip:bob@h?Call-ID=A"),
        ("sip:bob@h?Subject=%22a%22", "sip:bob@h?Subject=%22A%22"),
        ("tel:+12015550123", "tel:12015550123"),
        ("tel:+12015550123", "tel:+12015550123;ext=1"),
        ("tel:+12015550123", "sip:+12015550123@h;user=phone"),
        (
            "tel:7042;phone-context=a-b.com",
            "tel:7042;phone-context=ab.com",
        ),
    ] {
        assert!(!uri(a).equivalent(&uri(b)), "{a} {b}");
        assert!(!uri(b).equivalent(&uri(a)), "{b} {a}");
    }
}

#[test]
fn dr_05_a_members_address_loses_what_is_not_for_its_request() {
    for (text, bare) in [
        ("sip:bob@h", "sip:bob@h"),
        ("sip:bob@h;user=phone", "sip:bob@h;user=phone"),
        ("sip:bob@h?Replaces=x&Require=replaces", "sip:bob@h"),
        ("sip:bob@h;a=b?X=y", "sip:bob@h;a=b"),
        (
            "sip:bob@h;session=adhoc;a;METHOD=INVITE;b=c;list=x?X=y",
            "sip:bob@h;a;b=c",
        ),
        ("sip:bob;session=x@h;method=BYE", "sip:bob;session=x@h"),
        ("tel:+1;session=x", "tel:+1"),
    ] {
        assert_eq!(uri(text).bare().as_str(), bare);
    }
    let plain = uri("sip:bob@h?X=y");
    assert_eq!(
        plain.bare().as_str().as_ptr(),
        plain.as_str().as_ptr(),
        "nothing is copied"
    );
}

#[test]
fn dr_02_a_repeated_or_empty_session_parameter_is_malformed() {
    assert_eq!(
        uri("sip:g@h;session=prearranged").session_param(),
        Ok(Some("prearranged"))
    );
    assert_eq!(uri("sip:g@h;Session=1-1").session_param(), Ok(Some("1-1")));
    assert_eq!(uri("sip:g@h").session_param(), Ok(None));
    for text in [
        "sip:g@h;session",
        "sip:g@h;session=",
        "sip:g@h;session=a;session=a",
        "sip:g@h;session=[a]",
    ] {
        assert_eq!(
            uri(text).session_param().unwrap_err().status,
            Status(400),
            "{text}"
        );
    }
}

#[test]
fn cc_66_header_values_are_escaped_once() {
    let replaces = "a84b4c76e66710@pc33.example.com;to-tag=314159;from-tag=1928301774";
    let escaped = escape(replaces).to_string();
    assert_eq!(
        escaped,
        "a84b4c76e66710%40pc33.example.com%3Bto-tag%3D314159%3Bfrom-tag%3D1928301774"
    );
    assert_eq!(escape("100%40").to_string(), "100%2540");
    let back: Vec<u8> = unescape("value%25%34%31").collect();
    assert_eq!(back, b"value%41");
    assert!(Uri::copy(&format!("sip:bob@example.com?Replaces={escaped}")).is_ok());
}

fn sip_uri() -> impl Strategy<Value = String> {
    let user = "[a-zA-Z0-9=+$,;?/_.!~*'()&-]{1,8}(:[a-z]{0,4})?";
    let host = prop_oneof![
        Just("[2001:db8::1]".to_owned()),
        "[a-zA-Z][a-zA-Z0-9.-]{0,8}"
    ];
    let params = "(;[a-z]{1,3}(=[a-zA-Z0-9%]{0}[a-zA-Z0-9]{1,3})?){0,3}";
    (
        prop::option::of(user),
        host,
        prop::option::of(1u16..),
        params,
    )
        .prop_map(|(user, host, port, params)| {
            let user = user.map(|user| user + "@").unwrap_or_default();
            let port = port.map(|port| format!(":{port}")).unwrap_or_default();
            format!("sip:{user}{host}{port}{params}")
        })
}

/// The same URI in other letters: escapes for letters that have a plain form, other case in the host.
fn disguised(text: &str) -> String {
    let split = text.find('@').map_or(4, |at| at + 1);
    let (user, host) = text[4..].split_at(split - 4);
    let user: String = user
        .chars()
        .map(|c| {
            if c.is_ascii_alphanumeric() {
                format!("%{:02x}", c as u32)
            } else {
                c.into()
            }
        })
        .collect();
    format!("SIP:{user}{}", host.to_ascii_uppercase())
}

proptest! {
    #[test]
    fn what_is_equivalent_shares_its_fingerprint(text in sip_uri()) {
        let (plain, other) = (uri(&text), uri(&disguised(&text)));
        prop_assert_eq!(plain.as_str(), &text);
        prop_assert!(plain.equivalent(&plain));
        prop_assert!(plain.equivalent(&other) && other.equivalent(&plain));
        prop_assert_eq!(plain.fingerprint(), other.fingerprint());
    }

    #[test]
    fn any_text_is_read_or_refused_in_bounds(text in "(sips?:|tel:|)[ -~é]{0,24}") {
        match Uri::copy(&text) {
            Ok(uri) => {
                prop_assert!(uri.equivalent(&uri));
                prop_assert!(Uri::copy(uri.bare().as_str()).is_ok());
                let _ = (uri.user(), uri.port(), uri.session_param());
            }
            Err(flaw) => prop_assert!(flaw.at <= text.len()),
        }
    }

    #[test]
    fn escapes_come_back(text in ".{0,16}") {
        let escaped = escape(&text).to_string();
        prop_assert_eq!(unescape(&escaped).collect::<Vec<_>>(), text.as_bytes());
    }
}
