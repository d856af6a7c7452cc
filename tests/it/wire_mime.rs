//! MIME bodies: splitting and writing.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

use bytes::{Bytes, BytesMut};
use proptest::prelude::*;
use simple_im::wire::mime::{self, Indirection, OutPart};
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

#[test]
fn tc_pm_03_a_reference_to_content_elsewhere_is_surfaced() {
    let content_type = "message/external-body; ACCESS-type=\"URL\";\
        expiration=\"Mon, 24 June 2030 09:00:00 GMT\";\
        URL=\"https://example.com/a;b\"; size=\"234422\"; hash=10AB568E";
    let here = body(content_type, "Content-Type: image/jpeg\r\n\r\n");
    let expected = Indirection {
        url: "https://example.com/a;b",
        expiration: Some("Mon, 24 June 2030 09:00:00 GMT"),
        size: Some(234_422),
        hash: Some("10AB568E"),
    };
    assert_eq!(here.parts().unwrap()[0].indirection(), Some(expected));
    for other in [
        "text/plain;access-type=URL;URL=x",
        "message/external-body;access-type=ANON-FTP;URL=x",
        "message/external-body;access-type=URL",
    ] {
        assert_eq!(
            body(other, "x").parts().unwrap()[0].indirection(),
            None,
            "{other}"
        );
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

fn write(parts: &[(&str, &[u8])]) -> mime::Mixed {
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
                let _ = (part.indirection(), part.is_encoded(), part.sdp());
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
