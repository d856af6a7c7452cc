//! MIME bodies: splitting and writing.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

use bytes::{Bytes, BytesMut};
use proptest::prelude::*;
use simple_im::wire::mime::{self, Multipart, OutPart, Written};
use simple_im::{Body, Limits, Part, Profile, Status};

fn body(content_type: &str, content: &str) -> Body {
    let lines = format!("Subject: x\r\nContent-Type: {content_type}\r\nMax-Forwards: 70\r\n");
    mime::body(
        Bytes::from(lines),
        Bytes::copy_from_slice(content.as_bytes()),
    )
}

fn mixed(content: &str) -> Body {
    body("multipart/mixed;boundary=b1", content)
}

/// Each part as `type|content`.
fn check(content: &str, expected: &[&str]) {
    let body = mixed(content);
    let parts = body
        .parts()
        .unwrap_or_else(|flaw| panic!("{flaw}: {content:?}"));
    let text = |part: &Part| {
        let content = String::from_utf8_lossy(part.content()).into_owned();
        format!("{}|{content}", part.content_type())
    };
    let found: Vec<_> = parts.iter().map(text).collect();
    assert_eq!(found, expected, "{content:?}");
}

fn flawed(content: &str, what: &str, at: usize) {
    let flaw = mixed(content).parts().expect_err(content);
    assert_eq!(
        (flaw.what, flaw.at, flaw.status),
        (what, at, Status(400)),
        "{content:?}"
    );
}

#[test]
fn a_multipart_is_split_without_its_preamble_epilogue_and_line_ends() {
    check(
        "--b1\r\nContent-Type: a/b\r\n\r\nx\r\n--b1--\r\n",
        &["a/b|x"],
    );
    check("--b1\r\n\r\nx\r\n--b1--", &["text/plain|x"]);
    check(
        "pre\r\n--b1\r\n\r\nx\r\n--b1--\r\npost\r\n--b1\r\n",
        &["text/plain|x"],
    );
    check("--b1 \t\r\n\r\nx\r\n--b1-- \r\n", &["text/plain|x"]);
    check(
        "--b1\r\nc: a/b\r\n\r\nx\r\n\r\n--b1\r\n\r\ny\r\n--b1--",
        &["a/b|x\r\n", "text/plain|y"],
    );
    check(
        "--b1\n\nx\n--b1\nContent-type:a/b\n\ny\n--b1--\n",
        &["text/plain|x", "a/b|y"],
    );
    check("--b1\r\n--b1--\r\n", &["text/plain|"]);
    check("--b1\r\n\r\n--b1--\r\n", &["text/plain|"]);
    check("--b1\r\n\r\n\r\n--b1--\r\n", &["text/plain|"]);
    check("--b1\r\nContent-Type: a/b\r\n--b1--", &["a/b|"]);
    check("--b1\r\nContent-Type: a/b\r\n\r\n--b1--", &["a/b|"]);
    check("--b1\r\nContent-Type: a/b\r\n\r\n\r\n--b1--", &["a/b|"]);
    check("--b1\nContent-Type: a/b\n\n--b1--", &["a/b|"]);
    check(
        "--b1\r\nContent-Type:\r\n a/b;\r\n\tq=1\r\n\r\nx\r\n--b1--",
        &["a/b;\r\n\tq=1|x"],
    );
}

#[test]
fn what_only_begins_like_the_boundary_is_content() {
    check(
        "--b1\r\n\r\n--b12\r\n--b1x\r\n--b1-\r\n x--b1\r\n--b1--",
        &["text/plain|--b12\r\n--b1x\r\n--b1-\r\n x--b1"],
    );
    check("--b1\r\n\r\n---b1\r\n--b1--", &["text/plain|---b1"]);
}

#[test]
fn a_malformed_multipart_says_where_and_is_answered_with_400() {
    flawed("x", "multipart without its boundary", 0);
    flawed("--b1\r\n\r\nx", "multipart without closing boundary", 9);
    flawed("--b1--\r\n", "multipart without parts", 0);
    flawed(
        "--b1\r\nc: a/b\r\nrubbish\r\n\r\nx\r\n--b1--",
        "malformed part header",
        14,
    );
    flawed("--b1\r\nrubbish\r\n--b1--", "malformed part header", 6);
    flawed(
        &("--b1\r\n\r\n".repeat(65) + "--b1--"),
        "multipart with too many parts",
        64 * 8 - 2,
    );
    check(
        &("--b1\r\n\r\n".repeat(64) + "--b1--"),
        &["text/plain|"; 64],
    );
    for content_type in [
        "multipart/mixed",
        "multipart/mixed;boundary=",
        "multipart/mixed;boundary=\"x",
    ] {
        let flaw = body(content_type, "--\r\n\r\n----").parts().unwrap_err();
        assert_eq!(flaw.what, "multipart without usable boundary");
    }
}

/// A multipart around parts, each as header lines and content.
fn wrap(kind: &str, boundary: &str, parts: &[(&str, &str)]) -> (String, String) {
    let parts: String = parts
        .iter()
        .map(|(lines, content)| format!("--{boundary}\r\n{lines}\r\n{content}\r\n"))
        .collect();
    (
        format!("multipart/{kind};boundary={boundary}"),
        format!("{parts}--{boundary}--"),
    )
}

/// So many multiparts within one another.
fn nested(depth: usize) -> Body {
    let (mut kind, mut content) = ("text/plain".to_string(), "x".to_string());
    for level in 0..depth {
        let lines = format!("Content-Type: {kind}\r\n");
        (kind, content) = wrap("mixed", &format!("n{level}"), &[(&lines, &content)]);
    }
    body(&kind, &content)
}

#[test]
fn multiparts_within_one_another_are_bounded_in_depth() {
    let tree = nested(8).tree().unwrap();
    assert_eq!(tree.leaves().count(), 1);
    let depths: Vec<_> = tree.parts().map(|(depth, _)| depth).collect();
    assert_eq!(depths, [0, 1, 2, 3, 4, 5, 6, 7, 8]);
    let body = nested(9);
    assert!(
        body.parts().is_ok(),
        "who looks at no more than the first level"
    );
    let flaw = body.tree().unwrap_err();
    assert_eq!(
        (flaw.what, flaw.status),
        ("multipart too deep", Status(400))
    );
    let at = body.whole().len()
        - body
            .whole()
            .windows(4)
            .rev()
            .position(|w| w == b"\r\n--")
            .unwrap();
    assert!(flaw.at > 0 && flaw.at < at);
    assert!(body.whole()[flaw.at..].starts_with(b"Content-Type: multipart/mixed;boundary=n0"));
    assert_eq!(nested(0).tree().unwrap().leaves().count(), 1);
    assert_eq!(nested(500).tree().unwrap_err().what, "multipart too deep");
}

#[test]
fn parts_are_bounded_on_all_levels_together() {
    let tree = |outer: usize, inner: usize| {
        let (kind, content) = wrap("mixed", "in", &vec![("", "x"); inner]);
        let lines = format!("Content-Type: {kind}\r\n");
        let mut parts = vec![("", "y"); outer];
        parts.push((&lines, &content));
        let (kind, content) = wrap("mixed", "out", &parts);
        body(&kind, &content)
            .tree()
            .map_err(|flaw| (flaw.what, flaw.at > 60))
    };
    assert_eq!(tree(31, 32).unwrap().leaves().count(), 63);
    assert_eq!(
        tree(32, 32).unwrap_err(),
        ("multipart with too many parts", true)
    );
    assert_eq!(
        tree(31, 33).unwrap_err(),
        ("multipart with too many parts", true)
    );
}

fn part_of(lines: &str, id: &str) -> String {
    format!("{lines}Content-ID: <{id}>\r\n")
}

#[test]
fn parts_are_found_by_their_identifiers_on_all_levels() {
    let icon = part_of("Content-Type: image/png\r\n", "a%b@h");
    let (kind, content) = wrap(
        "related",
        "in",
        &[("Content-ID: <x@h>\r\n", "x"), (&icon, "PNG")],
    );
    let related = part_of(&format!("Content-Type: {kind}\r\n"), "all@h");
    let (kind, content) = wrap("mixed", "out", &[("", "y"), (&related, &content)]);
    let tree = body(&kind, &content).tree().unwrap();
    let named = |url: &str| tree.named_by(url).map(|part| part.content_type());
    assert_eq!(named("cid:a%25b%40h"), Some("image/png"));
    assert_eq!(named("CID:a%25b@h"), Some("image/png"));
    assert_eq!(named("x@h"), Some("text/plain"));
    assert_eq!(named("cid:all@h"), Some("multipart/related;boundary=in"));
    assert_eq!(named("cid:A%25b@h"), None);
    assert_eq!(named("cid:"), None);
}

#[test]
fn the_root_is_the_first_part_or_the_one_that_start_names() {
    let root = |params: &str| {
        let parts = [
            ("Content-Type: a/one\r\nContent-ID: <1@h>\r\n", "x"),
            ("Content-Type: a/two\r\nContent-ID: 2@h\r\n", "y"),
        ];
        let (kind, content) = wrap("related", "b", &parts);
        let tree = body(&format!("{kind}{params}"), &content).tree().unwrap();
        let root = tree
            .root()
            .map(|root| root.unwrap().content_type().to_string());
        let first = tree.chosen(&|_| true).map(|chosen| {
            assert_eq!(chosen.len(), 2);
            chosen[0].content_type().to_string()
        });
        assert_eq!(root, first);
        root.map_err(|flaw| (flaw.what, flaw.status))
    };
    assert_eq!(root("").unwrap(), "a/one");
    assert_eq!(root(";type=\"A/One\"").unwrap(), "a/one");
    assert_eq!(root(";start=\"<2@h>\"").unwrap(), "a/two");
    assert_eq!(root(";type=a/two;start=2@h").unwrap(), "a/two");
    assert_eq!(
        root(";start=\"<3@h>\""),
        Err(("multipart without its root", Status(400)))
    );
    let another = Err(("multipart with a root of another type", Status(400)));
    assert_eq!(root(";type=\"a/two\""), another);
    assert_eq!(root(";type=\"a/one\";start=\"<2@h>\""), another);
    assert!(
        mixed("--b1\r\n\r\n--b1--")
            .tree()
            .unwrap()
            .root()
            .unwrap()
            .is_none()
    );
}

#[test]
fn what_is_malformed_is_never_passed_over() {
    let (inner, inside) = wrap("related", "r", &[("", "x")]);
    let lines = format!(
        "Content-Type: {inner};start=\"<none@h>\"\r\nContent-Disposition: render;handling=optional\r\n"
    );
    for outer in ["mixed", "alternative", "related"] {
        let (kind, content) = wrap(outer, "o", &[("", "one"), (&lines, &inside)]);
        let at = content.find("Content-Type: multipart/related").unwrap();
        assert_eq!(chosen(&kind, &content), Err((at, 400)), "{outer}");
    }
}

/// What is chosen by who understands text and pictures, as contents.
fn chosen(kind: &str, content: &str) -> Result<Vec<String>, (usize, u16)> {
    let tree = body(kind, content).tree().unwrap();
    let understands = |part: &Part| part.is("text/plain") || part.is("image/png");
    let chosen = tree
        .chosen(&understands)
        .map_err(|flaw| (flaw.at, flaw.status.0))?;
    let text = |part: &&Part| String::from_utf8(part.content().to_vec()).unwrap();
    Ok(chosen.iter().map(text).collect())
}

#[test]
fn the_last_alternative_that_is_understood_counts() {
    let alternative = |parts: &[(&str, &str)]| wrap("alternative", "a", parts);
    let strange = "Content-Type: a/b\r\n";
    let (kind, content) = alternative(&[("", "one"), ("", "two"), (strange, "three")]);
    assert_eq!(chosen(&kind, &content), Ok(vec!["two".into()]));
    let (kind, content) = alternative(&[(strange, "one"), (strange, "two")]);
    assert_eq!(chosen(&kind, &content), Err((0, 415)));
    // Its parts' handling counts for nothing (RFC 5621 §8.3): an optional part is no alternative for that.
    let optional = "Content-Type: a/b\r\nContent-Disposition: render;handling=optional\r\n";
    let (kind, content) = alternative(&[("", "one"), (optional, "two")]);
    assert_eq!(chosen(&kind, &content), Ok(vec!["one".into()]));
    let (kind, content) = alternative(&[(optional, "one")]);
    assert_eq!(chosen(&kind, &content), Err((0, 415)));
    // A compound alternative counts as a whole.
    let (inner, inside) = wrap("mixed", "m", &[("", "m1"), (strange, "m2")]);
    let lines = format!("Content-Type: {inner}\r\n");
    let (kind, content) = alternative(&[("", "one"), (&lines, &inside)]);
    assert_eq!(chosen(&kind, &content), Ok(vec!["one".into()]));
    let (inner, inside) = wrap("mixed", "m", &[("", "m1"), ("", "m2")]);
    let lines = format!("Content-Type: {inner}\r\n");
    let (kind, content) = alternative(&[("", "one"), (&lines, &inside)]);
    assert_eq!(chosen(&kind, &content), Ok(vec!["m1".into(), "m2".into()]));
}

#[test]
fn cc_106_what_need_not_be_understood_is_passed_over() {
    let disposed = |kind: &str, handling: &str| {
        format!("Content-Type: {kind}\r\nContent-Disposition: render;handling={handling}\r\n")
    };
    let optional = disposed("a/b", "Optional");
    let (kind, content) = wrap("mixed", "m", &[("", "one"), (&optional, "no"), ("", "two")]);
    assert_eq!(
        chosen(&kind, &content),
        Ok(vec!["one".into(), "two".into()])
    );
    for required in [
        disposed("a/b", "required"),
        disposed("a/b", "odd"),
        "Content-Type: a/b\r\n".into(),
    ] {
        let (kind, content) = wrap("mixed", "m", &[("", "one"), (&required, "no")]);
        let at = content.find("Content-Type: a/b").unwrap();
        assert_eq!(chosen(&kind, &content), Err((at, 415)), "{required}");
        // An unknown subtype is mixed.
        let (kind, content) = wrap("parallel", "m", &[("", "one"), (&required, "no")]);
        assert_eq!(chosen(&kind, &content), Err((at, 415)), "{required}");
        // In an optional multipart, who cannot take all takes nothing (RFC 5621 §8.2).
        let (inner, inside) = wrap("mixed", "i", &[("", "in"), (&required, "no")]);
        let (kind, content) = wrap(
            "mixed",
            "m",
            &[("", "one"), (&disposed(&inner, "optional"), &inside)],
        );
        assert_eq!(chosen(&kind, &content), Ok(vec!["one".into()]));
    }
    // The root first, whatever the order.
    let icon = part_of("Content-Type: image/png\r\n", "i@h");
    let (kind, content) = wrap(
        "related",
        "r",
        &[(&icon, "PNG"), ("Content-ID: <t@h>\r\n", "text")],
    );
    let kind = format!("{kind};type=\"text/plain\";start=\"<t@h>\"");
    assert_eq!(
        chosen(&kind, &content),
        Ok(vec!["text".into(), "PNG".into()])
    );
    // The whole body may be optional.
    let lines = "Content-Type: a/b\r\nContent-Disposition: x;handling=optional\r\n";
    let tree = mime::body(lines.into(), "x".into()).tree().unwrap();
    assert!(tree.chosen(&|_| false).unwrap().is_empty());
    assert!(
        Body::default()
            .tree()
            .unwrap()
            .chosen(&|_| false)
            .unwrap()
            .is_empty()
    );
}

#[test]
fn a_malformed_multipart_says_where_on_any_level() {
    let (kind, content) = wrap("mixed", "m", &[("Content-Type: multipart/mixed\r\n", "x")]);
    let flaw = body(&kind, &content).tree().unwrap_err();
    let found = (flaw.what, flaw.at);
    assert_eq!(
        found,
        (
            "multipart without usable boundary",
            content.find("x\r\n").unwrap()
        )
    );
    let lines = "Content-Type: multipart/mixed;boundary=i\r\n";
    let (kind, content) = wrap(
        "mixed",
        "m",
        &[("", "one"), (lines, "--i\r\nrubbish\r\n\r\n--i--")],
    );
    let flaw = body(&kind, &content).tree().unwrap_err();
    let found = (flaw.what, flaw.at);
    assert_eq!(
        found,
        ("malformed part header", content.find("rubbish").unwrap())
    );
}

#[test]
fn a_session_description_is_found_wherever_it_is_nested() {
    let sdp = "Content-Type: application/sdp\r\n";
    let found = |kind: &str, content: &str| {
        let part = body(kind, content).description_part();
        part.map(|part| part.map(|part| String::from_utf8(part.content().to_vec()).unwrap()))
    };
    // An icon beside it, a list beside both (RFC 5547 §8.8, RFC 5366).
    let icon = part_of("Content-Type: image/png\r\n", "i@h");
    let (inner, inside) = wrap("related", "r", &[(sdp, "v=0"), (&icon, "PNG")]);
    let lines = format!("Content-Type: {inner}\r\n");
    let list = "Content-Type: application/resource-lists+xml\r\n";
    let (kind, content) = wrap("mixed", "m", &[(&lines, &inside), (list, "<x/>")]);
    assert_eq!(found(&kind, &content), Ok(Some("v=0".into())));
    // Of alternatives the last that has one.
    let new = "Content-Type: application/sdpng\r\n";
    let (kind, content) = wrap(
        "alternative",
        "a",
        &[(sdp, "one"), (sdp, "two"), (new, "three")],
    );
    assert_eq!(found(&kind, &content), Ok(Some("two".into())));
    // Two that both count are one too many.
    let (kind, content) = wrap("mixed", "m", &[(&lines, &inside), (sdp, "v=1")]);
    let flaw = found(&kind, &content).unwrap_err();
    assert_eq!(
        (flaw.what, flaw.at),
        ("two session descriptions", content.find("v=1").unwrap())
    );
}

#[test]
fn a_boundary_has_at_most_seventy_characters() {
    let split = |boundary: &str, param: &str| {
        let content = format!("--{boundary}\r\n\r\nx\r\n--{boundary}--");
        let found = body(&format!("multipart/mixed;boundary={param}"), &content);
        found.parts().map(<[Part]>::len).map_err(|flaw| flaw.what)
    };
    let long = "b".repeat(70);
    assert_eq!(split(&long, &long), Ok(1));
    let longer = "b".repeat(71);
    assert_eq!(
        split(&longer, &longer),
        Err("multipart without usable boundary")
    );
    // Every character that RFC 2046 has, and a quoted pair that stands for one.
    let odd = "'()+_,-./:=? x";
    assert_eq!(split(odd, &format!("\"{odd}\"")), Ok(1));
    assert_eq!(split("b1", "\"\\b\\1\""), Ok(1));
}

#[test]
fn every_prefix_of_a_body_is_refused_or_has_fewer_parts() {
    let (inner, inside) = wrap("related", "in", &[("X: y\r\n", "one"), ("", "two")]);
    let lines = format!("Content-Type: {inner}\r\n");
    let (kind, content) = wrap("mixed", "out", &[("", "zero"), (&lines, &inside)]);
    assert_eq!(body(&kind, &content).tree().unwrap().leaves().count(), 3);
    for end in 1..content.len() {
        let flaw = body(&kind, &content[..end]).tree().unwrap_err();
        assert!(
            flaw.at <= end && flaw.status == Status(400),
            "{end}: {flaw}"
        );
    }
}

#[test]
fn cc_94_a_nested_multipart_stays_one_part() {
    let inner = "--in\r\n\r\nx\r\n--in--\r\n";
    let kind = "multipart/alternative;boundary=in";
    check(
        &format!("--b1\r\nContent-Type: {kind}\r\n\r\n{inner}\r\n--b1--"),
        &[&format!("{kind}|{inner}")],
    );
}

#[test]
fn a_boundary_may_be_quoted_and_case_does_not_matter() {
    for content_type in [
        "Multipart/Mixed; Boundary=\"b1\"",
        "multipart/related; type=\"a;boundary=no\"; boundary = b1 ;x=y",
        "MULTIPART/MIXED;boundary=b1",
    ] {
        let body = body(content_type, "--b1\r\n\r\nx\r\n--b1--");
        assert_eq!(body.parts().unwrap().len(), 1, "{content_type}");
        assert_eq!(body.content_type(), content_type);
    }
    let body = body(
        "multipart/mixed;boundary=\"a b:1\"",
        "--a b:1\r\n\r\nx\r\n--a b:1--",
    );
    assert_eq!(body.parts().unwrap().len(), 1);
}

#[test]
fn a_boundary_may_overlap_itself() {
    let content = "------\r\n\r\n-------\r\n------\r\n\r\ny\r\n--------\r\n";
    let body = body("multipart/mixed;boundary=----", content);
    let parts = body.parts().unwrap();
    assert_eq!(parts.len(), 2);
    assert_eq!(parts[0].content().as_ref(), b"-------");
    assert_eq!(parts[1].content().as_ref(), b"y");
}

#[test]
fn other_bodies_are_one_part_with_the_header_lines_of_the_message() {
    let lines = "Via: x\r\nc: Text/Plain;charset=\"a;b\"\r\nTo: y\r\n\
        Content-Disposition: Render ; Handling=Optional\r\nl: 2\r\nContent-ID: <a@b>\r\nCSeq: 1 X\r\n";
    let body = mime::body(Bytes::from(lines), Bytes::from_static(b"hi"));
    let [part] = body.parts().unwrap() else {
        panic!()
    };
    assert_eq!(body.content_type(), "Text/Plain;charset=\"a;b\"");
    assert!(part.is("text/plain") && !part.is("text/html"));
    assert_eq!(part.param("CHARSET"), Some("a;b"));
    assert_eq!(part.param("b"), None);
    assert_eq!(part.disposition(), Some("Render"));
    assert!(part.is_disposed("render") && part.handling_optional());
    assert_eq!(part.content_id(), Some("a@b"));
    assert_eq!(part.content().as_ptr(), body.whole().as_ptr());
    assert_eq!(part.mime_lines().count(), 3);
    let lines = String::from_utf8_lossy(part.lines());
    assert!(lines.starts_with("c: ") && lines.ends_with("<a@b>\r\n"));
}

#[test]
fn no_body_has_no_part_and_an_undescribed_body_is_a_flaw() {
    let none = mime::body(Bytes::from("Content-Length: 0\r\n"), Bytes::new());
    assert!(none.is_empty() && none.parts().unwrap().is_empty());
    assert_eq!(none.content_type(), "");
    let undescribed = mime::body(Bytes::from("Via: x\r\n"), Bytes::from("x"));
    assert_eq!(undescribed.parts().unwrap_err().status, Status(400));
}

const PICNIC: &str = "message/external-body; ACCESS-type=\"URL\";\
    expiration=\"Mon, 24 June 2002 09:00:00 GMT\";\
    URL=\"http://www.example.net/company_picnic/\r\n image1.png\"; size=234422";

#[test]
fn tc_pm_03_a_reference_to_content_elsewhere_is_surfaced() {
    // RFC 4483 §6.2, a URL folded as RFC 2017 has it.
    let phantom = "Content-Type: image/png\r\nContent-ID: <9535035333@example.net>\r\n\
        Content-Disposition: render; handling=optional; filename=\"picnic.png\"\r\n\
        Content-Description: Kevin getting dunked in the wading pool\r\n\r\n";
    let here = body(PICNIC, phantom);
    let part = &here.parts().unwrap()[0];
    let found = part.indirection().unwrap().unwrap();
    assert_eq!(
        found.url,
        "http://www.example.net/company_picnic/image1.png"
    );
    assert_eq!(found.expiration, Some("Mon, 24 June 2002 09:00:00 GMT"));
    assert_eq!(found.expires(), Some(1_024_909_200));
    assert_eq!(
        (found.size, found.hash, found.sha1()),
        (Some(234_422), None, None)
    );
    assert_eq!(found.content_type(), Some("image/png"));
    assert!(found.handling_optional() && !part.handling_optional());
    let described = found.described();
    assert_eq!(described.content_id(), Some("9535035333@example.net"));
    assert_eq!(described.file_name().as_deref(), Some("picnic.png"));
    assert!(described.is_disposed("render") && described.content().is_empty());
    assert_eq!(described.mime_lines().count(), 4);
}

#[test]
fn each_parameter_of_a_reference_is_read_or_refused() {
    let with = |params: &str, content: &str| {
        let here = body(&format!("message/external-body;{params}"), content);
        let part = here.parts().unwrap()[0].clone();
        let found = part
            .indirection()
            .map_err(|flaw| (flaw.what, flaw.status.0));
        found.map(|found| {
            let found = found.unwrap();
            (
                found.url.to_string(),
                found.size,
                found.sha1(),
                found.expires(),
            )
        })
    };
    let hash = "a9993e364706816aba3e25717850c26c9cd0d89d";
    let sha1 = [
        0xA9, 0x99, 0x3E, 0x36, 0x47, 0x06, 0x81, 0x6A, 0xBA, 0x3E, 0x25, 0x71, 0x78, 0x50, 0xC2,
        0x6C, 0x9C, 0xD0, 0xD8, 0x9D,
    ];
    let all = format!(
        "access-type=url;URL=\"https://h/a;b\";size=\"4\";hash={hash};expiration=\"Thu, 01 Jan 1970 00:00:01 GMT\""
    );
    assert_eq!(
        with(&all, "\r\n"),
        Ok(("https://h/a;b".into(), Some(4), Some(sha1), Some(1)))
    );
    // The hash of the RFC's example is too short to be one.
    let short = "access-type=URL;URL=x;hash=10AB568E91245681AC1B";
    assert_eq!(with(short, "\r\n"), Ok(("x".into(), None, None, None)));
    assert_eq!(
        with("access-type=URL;URL=x;hash=", "\n"),
        Ok(("x".into(), None, None, None))
    );
    for (params, what, status) in [
        ("URL=x", "external body without access type", 400),
        (
            "access-type=ANON-FTP;URL=x",
            "external body with unknown access type",
            415,
        ),
        ("access-type=URL", "external body without URL", 400),
        (
            "access-type=URL;URL=\" \"",
            "external body without URL",
            400,
        ),
        (
            "access-type=URL;URL=x;size=-1",
            "external body with malformed size",
            400,
        ),
        (
            "access-type=URL;URL=x;size=1e3",
            "external body with malformed size",
            400,
        ),
    ] {
        assert_eq!(with(params, "x"), Err((what, status)), "{params}");
    }
    let malformed = with("access-type=URL;URL=x", "rubbish\r\n\r\n");
    assert_eq!(malformed, Err(("malformed part header", 400)));
    assert!(
        body("text/plain;access-type=URL;URL=x", "x")
            .parts()
            .unwrap()[0]
            .indirection()
            .unwrap()
            .is_none()
    );
    // The wrapper's handling counts where the content has no disposition.
    let lines = "Content-Type: message/external-body;access-type=URL;URL=x\r\n\
        Content-Disposition: render;handling=optional\r\n";
    let here = mime::body(lines.into(), "Content-Type: a/b".into());
    let part = here.parts().unwrap()[0].clone();
    assert!(part.indirection().unwrap().unwrap().handling_optional());
}

#[test]
fn until_when_content_can_be_fetched_is_a_time() {
    let expires = |date: &str| {
        let kind = format!("message/external-body;access-type=URL;URL=x;expiration=\"{date}\"");
        let here = body(&kind, "\r\n");
        here.parts().unwrap()[0]
            .indirection()
            .unwrap()
            .unwrap()
            .expires()
    };
    assert_eq!(expires("Thu, 01 Jan 1970 00:00:00 GMT"), Some(0));
    assert_eq!(
        expires("Sat, 20 Jun 2002 12:00:00 GMT"),
        Some(1_024_574_400)
    );
    assert_eq!(expires("Tue, 29 Feb 2000 23:59:59 GMT"), Some(951_868_799));
    assert_eq!(expires("Wed,1 march 2000 00:00:00 GMT"), Some(951_868_800));
    assert_eq!(
        expires("Fri, 31 Dec 9999 23:59:60 GMT"),
        Some(253_402_300_800)
    );
    for wrong in [
        "",
        "never",
        "Mon, 24 Jun 2002 09:00:00",
        "Mon, 24 Jun 2002 09:00:00 CET",
        "Mon, 29 Feb 2001 00:00:00 GMT",
        "Mon, 24 Ju 2002 09:00:00 GMT",
        "Mon, 24 Junes 2002 09:00:00 GMT",
        "Mon, 0 Jun 2002 09:00:00 GMT",
        "Mon, 024 Jun 2002 09:00:00 GMT",
        "Mon, 24 Jun 02 09:00:00 GMT",
        "Mon, 24 Jun 20021 09:00:00 GMT",
        "Mon, 24 Jun 2002 24:00:00 GMT",
        "Mon, 24 Jun 2002 9:00:00 GMT",
        "Mon, 24 Jun 1969 09:00:00 GMT",
        "Mon, 24 Jun 2002 09:00:00 GMT x",
        "Mon, 24 \u{e9} 2002 09:00:00 GMT",
    ] {
        assert_eq!(expires(wrong), None, "{wrong:?}");
    }
}

#[test]
fn a_file_name_comes_in_many_forms() {
    for (disposition, name) in [
        ("attachment; filename=a.txt", Some("a.txt")),
        (
            "attachment; FILENAME=\"a \\\"b\\\\c\\\".txt\"; size=3",
            Some("a \"b\\c\".txt"),
        ),
        (
            "attachment; filename*=UTF-8''na%C3%afve%20%E2%82%AC.txt",
            Some("na\u{ef}ve \u{20ac}.txt"),
        ),
        (
            "attachment; filename=\"plain\"; filename*=utf-8'en'rich",
            Some("rich"),
        ),
        (
            "attachment; filename*=iso-8859-1'fr'caf%e9",
            Some("caf\u{e9}"),
        ),
        ("attachment; filename*=''x%41", Some("xA")),
        ("attachment; filename*=us-ascii''x%41", Some("xA")),
        (
            "attachment; filename*0=\"long \"; filename*1=name",
            Some("longname"),
        ),
        (
            "attachment; filename*1=\"b c\"; filename*0*=UTF-8''%61%20; filename*2*=%64;filename*4=no",
            Some("a b cd"),
        ),
        (
            "attachment; filename*0=a; filename*0=z; filename*1=b",
            Some("ab"),
        ),
        // What cannot be decoded gives way to what can.
        (
            "attachment; filename=plain; filename*=utf-8''%ff",
            Some("plain"),
        ),
        (
            "attachment; filename=plain; filename*=koi8-r''x",
            Some("plain"),
        ),
        (
            "attachment; filename=plain; filename*=us-ascii''%C3%A9",
            Some("plain"),
        ),
        (
            "attachment; filename=plain; filename*=noquotes",
            Some("plain"),
        ),
        ("attachment; filename=plain; filename*1=b", Some("plain")),
        (
            "attachment; filename=plain; filename*00=b; filename*+0=c; filename*x*=d",
            Some("plain"),
        ),
        ("attachment; filename*99999999999999999999999=b", None),
        ("attachment; filenames=x", None),
        ("attachment", None),
    ] {
        let lines = format!("Content-Type: a/b\r\nContent-Disposition: {disposition}\r\n");
        let body = mime::body(lines.into(), "x".into());
        let part = &body.parts().unwrap()[0];
        assert_eq!(part.file_name().as_deref(), name, "{disposition}");
    }
    let many: String = (0..20_000)
        .rev()
        .map(|n| format!(";filename*{n}=x"))
        .collect();
    let lines = format!("Content-Type: a/b\r\nContent-Disposition: attachment{many};size=7\r\n");
    let body = mime::body(lines.into(), "x".into());
    let part = &body.parts().unwrap()[0];
    assert_eq!(part.file_name().unwrap().len(), 20_000);
    assert_eq!(
        (part.size(), part.disposition_param("SIZE")),
        (Some(7), Some("7"))
    );
}

#[test]
fn a_size_is_written_in_digits_alone() {
    for (size, read) in [("0", Some(0)), ("+7", None), ("7x", None), ("", None)] {
        let lines =
            format!("Content-Type: a/b\r\nContent-Disposition: attachment;size=\"{size}\"\r\n");
        let body = mime::body(lines.into(), "x".into());
        assert_eq!(body.parts().unwrap()[0].size(), read, "{size}");
    }
}

const SDP: &str = "Content-Type: Application/SDP\r\n\r\nv=0\r\n";

#[test]
fn the_session_is_described_by_one_part() {
    let one = |disposition: &str| {
        let content = format!("--b1\r\nContent-Disposition: {disposition}\r\n{SDP}\r\n--b1--");
        mixed(&content).description_part().unwrap().is_some()
    };
    assert!(one("session") && one("Session;handling=required"));
    assert!(!one("render") && !one("early-session"));
    let two = mixed(&format!("--b1\r\n{SDP}\r\n--b1\r\n{SDP}\r\n--b1--"));
    assert_eq!(two.description_part().unwrap_err().status, Status(400));
    let none = mixed("--b1\r\n\r\n--b1--");
    assert!(none.description_part().unwrap().is_none());
    let alone = body("APPLICATION/sdp ; x=y", "v=0\r\n");
    assert!(alone.description_part().unwrap().is_some());
    assert!(mixed("").description_part().unwrap().is_none());
    assert!(mixed("x").description_part().is_err());
}

#[test]
fn an_encoded_description_or_list_is_answered_with_415() {
    let content = format!("--b1\r\nContent-Transfer-Encoding: BASE64\r\n{SDP}\r\n--b1--");
    let encoded = mixed(&content);
    let part = encoded.description_part().unwrap().unwrap();
    assert_eq!(part.sdp().unwrap_err().status, Status(415));
    let list = part.recipient_list(&Limits::default());
    assert_eq!(list.unwrap_err().status, Status(415));
    let binary = mixed(&content.replace("BASE64", "Binary"));
    assert!(binary.description_part().unwrap().unwrap().sdp().is_ok());
}

#[test]
fn an_encoding_is_named_and_an_identity_is_none() {
    let encoding = |lines: &str| {
        let body = mime::body(format!("Content-Type: a/b\r\n{lines}").into(), "x".into());
        let part = body.parts().unwrap()[0].clone();
        assert_eq!(part.is_encoded(), part.encoding().is_some());
        part.encoding().map(str::to_string)
    };
    assert_eq!(
        encoding("Content-Encoding: gzip\r\n").as_deref(),
        Some("gzip")
    );
    assert_eq!(encoding("content-encoding: Identity\r\n"), None);
    assert_eq!(
        encoding("Content-Encoding: identity, x-zip\r\n").as_deref(),
        Some("x-zip")
    );
    assert_eq!(encoding("e: deflate\r\n").as_deref(), Some("deflate"));
    assert_eq!(encoding("Content-Transfer-Encoding: 8BIT\r\n"), None);
    let both = "Content-Transfer-Encoding: binary\r\nContent-Encoding: gzip\r\n";
    assert_eq!(encoding(both).as_deref(), Some("gzip"));
    let part =
        &mixed("--b1\r\nContent-Type: application/sdp\r\nContent-Encoding: gzip\r\n\r\n--b1--");
    let flaw = part.description_part().unwrap().unwrap().sdp().unwrap_err();
    assert_eq!(flaw.status, Status(415));
}

const LIST: &str = "Content-Type: application/resource-lists+xml\r\n";

fn list_part(parts: &[&str], tolerant: bool) -> Result<Option<usize>, Status> {
    let mut profile = Profile::oma_im_10();
    profile.list_without_disposition = tolerant;
    let parts: String = parts
        .iter()
        .map(|part| format!("--b1\r\n{part}\r\nx\r\n"))
        .collect();
    let body = mixed(&format!("{parts}--b1--"));
    let found = body.recipient_list_part(&profile);
    found
        .map(|found| found.map(|(at, _)| at))
        .map_err(|flaw| flaw.status)
}

#[test]
fn cc_92_the_recipients_are_named_by_one_part() {
    let named = format!("{LIST}Content-Disposition: Recipient-List\r\n");
    let history =
        format!("{LIST}Content-Disposition: recipient-list-history; handling=optional\r\n");
    assert_eq!(list_part(&["", &named], true), Ok(Some(1)));
    assert_eq!(list_part(&[&named, &named], true), Err(Status(400)));
    assert_eq!(list_part(&[LIST, ""], true), Ok(Some(0)));
    assert_eq!(list_part(&[LIST, LIST], true), Err(Status(400)));
    assert_eq!(list_part(&[LIST, &named], true), Ok(Some(1)));
    assert_eq!(list_part(&[LIST, ""], false), Ok(None));
    assert_eq!(list_part(&[&history], true), Ok(None));
    assert_eq!(list_part(&[""], true), Ok(None));
}

fn write(parts: &[(&str, &[u8])]) -> Written {
    let parts: Vec<_> = parts
        .iter()
        .map(|(lines, content)| OutPart { lines, content })
        .collect();
    mime::write_mixed(&mut BytesMut::new(), &parts)
}

#[test]
fn parts_are_written_as_in_the_golden_pager_message() {
    let list = b"<?xml version=\"1.0\" encoding=\"UTF-8\"?>\r\n\
        <resource-lists xmlns=\"urn:ietf:params:xml:ns:resource-lists\" \
        xmlns:cp=\"urn:ietf:params:xml:ns:copycontrol\">\r\n\
        <list>\r\n\
        <entry uri=\"sip:bob@example.com\" cp:copyControl=\"to\"/>\r\n\
        <entry uri=\"sip:carol@example.com\" cp:copyControl=\"to\"/>\r\n\
        </list>\r\n\
        </resource-lists>";
    let lines = "Content-Type: application/resource-lists+xml\r\n\
        Content-Disposition: recipient-list\r\n";
    let mixed = write(&[
        ("Content-Type: text/plain\r\n", b"Hello all"),
        (lines, list),
    ]);
    assert_eq!(mixed.content_type, "multipart/mixed;boundary=b1");
    assert_eq!(mixed.body.len(), 444);
    let begin = b"--b1\r\nContent-Type: text/plain\r\n\r\nHello all\r\n--b1\r\nContent-Type: ";
    assert!(mixed.body.starts_with(begin));
    assert!(mixed.body.ends_with(b"</resource-lists>\r\n--b1--\r\n"));
}

#[test]
fn related_parts_are_written_with_their_root() {
    let write = |lines: &str| {
        let parts = [OutPart {
            lines,
            content: b"x",
        }];
        let written = mime::write_multipart(&mut BytesMut::new(), Multipart::Related, &parts);
        String::from_utf8(written.content_type.to_vec()).unwrap()
    };
    let front = "multipart/related;boundary=b1";
    let lines = "Content-Type: application/sdp;x=\"y\"\r\nContent-ID: <a@h>\r\n";
    let expected = format!("{front};type=\"application/sdp\";start=\"<a@h>\"");
    assert_eq!(write(lines), expected);
    assert_eq!(write(""), format!("{front};type=\"text/plain\""));
    // Nothing gets out of its quotes.
    let lines = "Content-Type: a\"/b\r\nContent-ID: <a\";x=\"@h>\r\n";
    assert_eq!(write(lines), front);
}

#[test]
fn an_icon_beside_a_description_beside_a_list_is_written_and_read() {
    let mut out = BytesMut::new();
    let sdp = "Content-Type: application/sdp\r\nContent-ID: <sdp@h>\r\n";
    let icon = "Content-Type: image/png\r\nContent-ID: <icon@h>\r\nContent-Disposition: icon\r\n";
    let compound = [
        OutPart {
            lines: sdp,
            content: b"v=0\r\n",
        },
        OutPart {
            lines: icon,
            content: b"\x89PNG\r\n--b1--\r\n",
        },
    ];
    let compound = mime::write_multipart(&mut out, Multipart::Related, &compound);
    let kind = String::from_utf8(compound.content_type.to_vec()).unwrap();
    assert_eq!(
        kind,
        "multipart/related;boundary=b2;type=\"application/sdp\";start=\"<sdp@h>\""
    );
    let lines = format!("Content-Type: {kind}\r\n");
    let list =
        "Content-Type: application/resource-lists+xml\r\nContent-Disposition: recipient-list\r\n";
    let whole = mime::write_mixed(
        &mut out,
        &[
            OutPart {
                lines: &lines,
                content: &compound.body,
            },
            OutPart {
                lines: list,
                content: b"<resource-lists/>",
            },
        ],
    );
    assert_eq!(whole.content_type, "multipart/mixed;boundary=b3");
    let body = read_back(&whole);
    let tree = body.tree().unwrap();
    assert_eq!(tree.root().unwrap().unwrap().content(), &b"v=0\r\n"[..]);
    let icon = tree.named_by("cid:icon@h").unwrap();
    assert!(icon.is_disposed("icon") && icon.content().ends_with(b"--b1--\r\n"));
    assert_eq!(
        body.description_part().unwrap().unwrap().content(),
        &b"v=0\r\n"[..]
    );
    let (place, _) = body
        .recipient_list_part(&Profile::default())
        .unwrap()
        .unwrap();
    assert_eq!(place, 1);
}

fn read_back(written: &Written) -> Body {
    let lines = [b"Content-Type: ", &written.content_type[..], b"\r\n"].concat();
    mime::body(Bytes::from(lines), written.body.clone())
}

#[test]
fn what_is_written_as_elsewhere_is_read_as_that() {
    let hash = [0xAB; 20];
    let content = simple_im::Content::external(&simple_im::External {
        url: "https://example.com/a;b?c=d",
        expiration: "Mon, 24 Jun 2030 09:00:00 GMT",
        size: Some(234_422),
        hash: Some(hash),
        kind: "image/jpeg",
        disposition: "attachment;handling=optional;filename=\"a b.jpg\"",
    });
    let content = content.unwrap();
    let lines = [b"Content-Type: ", &content.kind[..], b"\r\n"].concat();
    let body = mime::body(Bytes::from(lines), content.body.clone());
    let found = body.parts().unwrap()[0].indirection().unwrap().unwrap();
    assert_eq!(found.url, "https://example.com/a;b?c=d");
    assert_eq!((found.size, found.sha1()), (Some(234_422), Some(hash)));
    assert_eq!(found.expires(), Some(1_908_522_000));
    assert_eq!(found.content_type(), Some("image/jpeg"));
    assert_eq!(found.described().file_name().as_deref(), Some("a b.jpg"));
    assert!(found.handling_optional());
}

#[test]
fn a_boundary_occurs_in_no_part() {
    let boundary = |content: &[u8]| write(&[("", content)]).content_type;
    assert_eq!(boundary(b"b1"), "multipart/mixed;boundary=b1");
    assert_eq!(boundary(b"--b1"), "multipart/mixed;boundary=b2");
    assert_eq!(boundary(b"--b12"), "multipart/mixed;boundary=b2");
    assert_eq!(
        boundary(b"--b1 --b2 --b3 --b5 --b"),
        "multipart/mixed;boundary=b4"
    );
    let named = write(&[("X: --b1\r\n", b"")]);
    assert_eq!(named.content_type, "multipart/mixed;boundary=b2");
    let many: String = (1..5000).map(|n| format!("--b{n}\r\n")).collect();
    assert_eq!(boundary(many.as_bytes()), "multipart/mixed;boundary=b5000");
}

proptest! {
    #[test]
    fn what_was_written_reads_back(
        contents in prop::collection::vec("(--b[0-9]{0,3}|\r\n|-|[a-z]|\\PC){0,40}", 1..6)
    ) {
        let plain = "Content-Type: text/plain\r\n";
        let parts: Vec<_> = contents.iter().map(|c| (plain, c.as_bytes())).collect();
        let mixed = write(&parts);
        let lines = [b"Content-Type: ", &mixed.content_type[..], b"\r\n"].concat();
        let body = mime::body(Bytes::from(lines), mixed.body);
        let read: Vec<_> = body.parts().unwrap().iter().map(|p| p.content().to_vec()).collect();
        let written: Vec<_> = contents.iter().map(|c| c.as_bytes().to_vec()).collect();
        prop_assert_eq!(read, written);
    }

    /// A tree of parts, written from the leaves up, is the same tree.
    #[test]
    fn a_tree_that_was_written_reads_back(
        leaves in prop::collection::vec("(--b[0-9]{0,2}|\r\n|-|[a-z]){0,20}", 1..20),
        shape in prop::collection::vec((0..3usize, 1..4usize), 0..8),
    ) {
        let plain = "Content-Type: text/plain\r\n".to_string();
        let mut parts: Vec<(String, Bytes)> =
            leaves.iter().map(|leaf| (plain.clone(), Bytes::from(leaf.clone()))).collect();
        for (kind, count) in shape.into_iter().chain([(0, usize::MAX)]) {
            let kind = [Multipart::Mixed, Multipart::Alternative, Multipart::Related][kind];
            let rest = parts.split_off(count.min(parts.len()));
            let out: Vec<_> =
                parts.iter().map(|(lines, content)| OutPart { lines, content }).collect();
            let written = mime::write_multipart(&mut BytesMut::new(), kind, &out);
            let lines = format!("Content-Type: {}\r\n", String::from_utf8_lossy(&written.content_type));
            parts = rest;
            parts.push((lines, written.body));
        }
        let (lines, whole) = parts.pop().unwrap();
        let body = mime::body(Bytes::from(lines), whole);
        match body.tree() {
            Ok(tree) => {
                let mut read: Vec<_> = tree.leaves().map(|part| part.content().to_vec()).collect();
                let mut written: Vec<_> = leaves.iter().map(|leaf| leaf.as_bytes().to_vec()).collect();
                read.sort();
                written.sort();
                prop_assert_eq!(read, written);
                prop_assert!(tree.root().is_ok());
            }
            Err(flaw) => prop_assert_eq!(flaw.what, "multipart too deep"),
        }
    }

    #[test]
    fn nothing_that_arrives_makes_it_panic(
        lines in "(Content-Type|c|:|;| |=|\"|boundary|multipart/mixed|\r\n|\\\\|b|\\PC){0,20}",
        content in prop::collection::vec(
            prop::sample::select(vec!["--b", "--", "\r\n", "\n", "c:", " ", "x", "\u{e9}"]), 0..30),
    ) {
        for lines in [lines, "c: multipart/mixed;boundary=b\r\n".to_owned()] {
            let body = mime::body(Bytes::from(lines), Bytes::from(content.concat()));
            let _ = (body.content_type(), body.description_part());
            let _ = body.recipient_list_part(&Profile::default());
            for part in body.parts().unwrap_or_default() {
                let _ = (part.content_type(), part.disposition(), part.content_id());
                let _ = (part.indirection().is_ok(), part.is_encoded(), part.sdp());
                let _ = (part.file_name(), part.size());
                let _ = (part.mime_lines().count(), part.handling_optional());
            }
        }
    }

    #[test]
    fn random_octets_never_make_it_panic(content in prop::collection::vec(any::<u8>(), 0..300)) {
        let lines = Bytes::from("c: multipart/mixed;boundary=-\r\n");
        let _ = mime::body(lines, Bytes::from(content.clone())).parts().is_ok();
        let _ = mime::body(Bytes::from(content.clone()), Bytes::from(content)).content_type();
    }
}
