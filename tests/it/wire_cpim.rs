//! `message/cpim` and the headers of disposition notifications in it.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

use std::path::PathBuf;

use bytes::Bytes;
use proptest::prelude::*;
use simple_im::wire::cpim::{self, Message, Writer};
use simple_im::wire::imdn::{self, Delivery, Display, Disposition, Processing, Requests};
use simple_im::{Flaw, Limits, Status};

const TEXT: &str = "Content-Type: text/plain\r\n";

fn read(text: impl Into<Vec<u8>>) -> Result<Message, Flaw> {
    cpim::parse(Bytes::from(text.into()), &Limits::default())
}

/// A message with these header lines, and little to say.
fn with(lines: &[&str]) -> String {
    let head: String = lines.iter().map(|line| format!("{line}\r\n")).collect();
    format!("{head}\r\n{TEXT}\r\nhi")
}

fn message(lines: &[&str]) -> Message {
    read(with(lines)).unwrap_or_else(|flaw| panic!("{flaw}: {lines:?}"))
}

#[track_caller]
fn refused(text: impl Into<Vec<u8>>, what: &str) {
    let text = text.into();
    let Err(flaw) = read(text.clone()) else {
        panic!("accepted, though {what}")
    };
    assert_eq!((flaw.what, flaw.status), (what, Status(400)));
    assert!(flaw.at <= text.len());
}

/// Sender, recipients and copies, as `name|uri`.
fn parties(message: &Message) -> Vec<String> {
    let all = message.from().into_iter().chain(message.to());
    all.chain(message.cc())
        .map(|party| format!("{}|{}", party.name(), party.uri))
        .collect()
}

/// RFC 3862 §5.1 without the outer header.
const EEYORE: &str = "From: MR SANDERS <im:piglet@100akerwood.com>\r\n\
    To: Depressed Donkey <im:eeyore@100akerwood.com>\r\n\
    DateTime: 2000-12-13T13:40:00-08:00\r\n\
    Subject: the weather will be fine today\r\n\
    Subject:;lang=fr beau temps prevu pour aujourd'hui\r\n\
    NS: MyFeatures <mid:MessageFeatures@id.foo.com>\r\n\
    Require: MyFeatures.VitalMessageOption\r\n\
    MyFeatures.VitalMessageOption: Confirmation-requested\r\n\
    MyFeatures.WackyMessageOption: Use-silly-font\r\n\
    \r\n\
    Content-type: text/xml; charset=utf-8\r\n\
    Content-ID: <1234567890@foo.com>\r\n\
    \r\n\
    <body>\r\nHere is the text of my message.\r\n</body>\r\n";

#[test]
fn the_example_of_the_rfc_is_read() {
    let message = read(EEYORE).unwrap();
    assert_eq!(
        parties(&message),
        [
            "MR SANDERS|im:piglet@100akerwood.com",
            "Depressed Donkey|im:eeyore@100akerwood.com"
        ]
    );
    assert_eq!(message.date_time(), Some("2000-12-13T13:40:00-08:00"));
    let subjects: Vec<_> = message
        .subjects()
        .map(|s| (s.language(), s.text()))
        .collect();
    assert_eq!(subjects[0], (None, "the weather will be fine today".into()));
    assert_eq!(
        subjects[1],
        (Some("fr"), "beau temps prevu pour aujourd'hui".into())
    );
    let space = "mid:MessageFeatures@id.foo.com";
    let vital = message.named(space, "VitalMessageOption").next().unwrap();
    assert_eq!(vital.value, "Confirmation-requested");
    assert!(message.content().is("text/xml"));
    assert_eq!(message.content().param("charset"), Some("utf-8"));
    assert_eq!(message.content().content_id(), Some("1234567890@foo.com"));
    assert!(message.content().content().ends_with(b"</body>\r\n"));
    assert_eq!(message.addressed(), Ok(()));
    let flaw = message.understood(&[]).unwrap_err();
    assert_eq!(flaw.what, "required header is not understood");
    assert!(EEYORE[flaw.at..].starts_with("MyFeatures.Vital"));
    assert_eq!(message.understood(&[(space, "VitalMessageOption")]), Ok(()));
}

#[test]
fn the_body_is_a_slice_of_what_came() {
    let whole = Bytes::from(EEYORE);
    let message = cpim::parse(whole.clone(), &Limits::default()).unwrap();
    assert_eq!(message.whole().as_ptr(), whole.as_ptr());
    let content = message.content().content();
    let at = whole.len() - content.len();
    assert_eq!(content.as_ptr(), whole[at..].as_ptr());
    assert_eq!(
        message.body().parts().unwrap()[0].content().as_ptr(),
        content.as_ptr()
    );
}

#[test]
fn a_parameter_stands_between_the_colon_and_the_space() {
    let message = message(&[
        "Subject:;lang=fr;x=\"a b\\\"; c\";y=1 Objet ; de: message",
        "Subject:;lang=fr-CA ",
    ]);
    let subjects: Vec<_> = message.subjects().collect();
    assert_eq!(subjects[0].value, "Objet ; de: message");
    assert_eq!(subjects[0].params, ";lang=fr;x=\"a b\\\"; c\";y=1");
    assert_eq!(subjects[0].param("x"), Some("a b\\\"; c"));
    assert_eq!(
        (subjects[0].param("y"), subjects[0].param("LANG")),
        (Some("1"), None)
    );
    assert_eq!(
        (subjects[1].language(), subjects[1].value),
        (Some("fr-CA"), "")
    );
}

#[test]
fn a_line_is_exact() {
    let space = "not exactly one space before header value";
    for (line, what) in [
        ("Subject:x", space),
        ("Subject:", space),
        ("Subject:  x", space),
        ("Subject:\tx", "control character in header"),
        ("Subject :x", "malformed header name"),
        ("Subject:;lang fr x", space),
        ("Subject:;lang= x", space),
        ("Subject:;lang=\"fr x", space),
        ("Subject: ;lang=fr x\u{7f}", "control character in header"),
        ("Subject: a\nTo: <im:x@h>", "control character in header"),
        ("Subject: a\rTo: <im:x@h>", "control character in header"),
        (" Subject: x", "malformed header name"),
        ("Sub(ject: x", "malformed header name"),
        (".x: x", "malformed header name"),
        ("x.: x", "malformed header name"),
        ("a.b.c: x", "malformed header name"),
        (": x", "malformed header name"),
        ("\u{e9}: x", "malformed header name"),
        ("Subject", "header without colon"),
    ] {
        let text = with(&["Subject: first", line]);
        assert_eq!(read(text.clone()).unwrap_err().what, what, "{line:?}");
        assert!(read(text).unwrap_err().at >= 16, "{line:?}");
    }
    assert_eq!(
        message(&["x!#$%&'*+-^_`|~9: ;lang=fr"]).headers().count(),
        1
    );
}

#[test]
fn the_case_of_a_name_matters() {
    let message = message(&[
        "from: nobody",
        "FROM: x",
        "to: y",
        "subject: z",
        "datetime: never",
    ]);
    assert_eq!((message.from(), message.to().next()), (None, None));
    assert_eq!(
        (message.date_time(), message.subjects().next()),
        (None, None)
    );
    assert_eq!(message.headers().count(), 5);
    assert_eq!(
        message.addressed().unwrap_err().what,
        "message without From"
    );
    let flaw = self::message(&["From: <im:a@h>"]).addressed().unwrap_err();
    assert_eq!(flaw.what, "message without To");
}

#[test]
fn parties_have_names_with_and_without_quotes() {
    let found = message(&[
        "From: \"MR SANDERS\"<im:piglet@100akerwood.com>",
        "To: \"a <sip:x@h> \\\"b\\\" \\\\\" <sip:bob@h;gr=urn:uuid:1?x=y>",
        "To: <tel:+1>",
        "cc: Gr\u{fc}\u{df}e \\u0041 <pres:c@h>",
        "cc: Winnie the Pooh<im:pooh@h>",
    ]);
    assert_eq!(
        parties(&found),
        [
            "MR SANDERS|im:piglet@100akerwood.com",
            "a <sip:x@h> \"b\" \\|sip:bob@h;gr=urn:uuid:1?x=y",
            "|tel:+1",
            "Gr\u{fc}\u{df}e A|pres:c@h",
            "Winnie the Pooh|im:pooh@h"
        ]
    );
    for value in [
        "",
        "im:a@h",
        "<>",
        "<im:>",
        "<a@h>",
        "<:x>",
        "<1m:a@h>",
        "<im:a b>",
        "<im:a@h> x",
        "<im:a@h",
        "<im:a><im:b>",
        "\"x <im:a@h>",
        "x \"y\" <im:a@h>",
        "<im:\u{e9}@h>",
        "<im:a\\u0041@h>",
    ] {
        for name in ["From", "To", "cc"] {
            refused(with(&[&format!("{name}: {value}")]), "malformed party");
        }
    }
    refused(with(&["From: <im:a@h>", "From: <im:a@h>"]), "second From");
}

#[test]
fn escapes_are_undone_and_what_is_no_escape_stands_for_itself() {
    for (value, text) in [
        (r"a\\b\tc\nd\re\bf", "a\\b\tc\nd\re\u{8}f"),
        (r#"\"\'\x\/"#, "\"'x/"),
        (r"\u00e9\u20AC", "\u{e9}\u{20ac}"),
        (r"\ud83d\ude00!", "\u{1f600}!"),
        (r"\ud83d!\ude00\ud83d\u0041", "\u{fffd}!\u{fffd}\u{fffd}A"),
        (r"\u12\uzzzz\u+123", "u12uzzzzu+123"),
        ("\\u12\u{e9}9", "u12\u{e9}9"),
        (r"end\", "end"),
        (r"\\u0041\\", "\\u0041\\"),
        ("plain \u{1f600}", "plain \u{1f600}"),
    ] {
        let message = message(&[&format!("Subject: {value}")]);
        let subject = message.subjects().next().unwrap();
        assert_eq!((subject.text().as_ref(), subject.value), (text, value));
    }
}

#[test]
fn what_a_text_must_not_hold_is_escaped_and_nothing_else() {
    let written = Writer::new("a\"b\\c", "im:a@h")
        .to("", "im:b@h")
        .subject(None, " a\\b\t\n\r\u{8}\0\u{7f}\"'\u{e9}\u{1f600} ")
        .finish(TEXT, b"", &Limits::default())
        .unwrap();
    let expected = "From: \"a\\\"b\\\\c\"<im:a@h>\r\nTo: <im:b@h>\r\n\
        Subject: a\\\\b\\t\\n\\r\\b\\u0000\\u007f\"'\u{e9}\u{1f600}\r\n\r\n\
        Content-Type: text/plain\r\n\r\n";
    assert_eq!(written.whole(), expected.as_bytes());
}

#[test]
fn a_date_is_one_that_there_is() {
    for date in [
        "2001-02-01T12:16:49-05:00",
        "2000-02-29t23:59:60z",
        "1996-12-19T16:39:57.123456789+23:59",
        "0000-01-01T00:00:00Z",
    ] {
        let message = message(&[&format!("DateTime: {date}")]);
        assert_eq!(message.date_time(), Some(date));
    }
    for date in [
        "",
        "2001-02-29T00:00:00Z",
        "1900-02-29T00:00:00Z",
        "2001-00-01T00:00:00Z",
        "2001-13-01T00:00:00Z",
        "2001-04-31T00:00:00Z",
        "2001-01-00T00:00:00Z",
        "2001-01-01T24:00:00Z",
        "2001-01-01T00:60:00Z",
        "2001-01-01T00:00:61Z",
        "2001-01-01T00:00:00",
        "2001-01-01 00:00:00Z",
        "2001-01-01T00:00:00.Z",
        "2001-01-01T00:00:00+24:00",
        "2001-01-01T00:00:00+00:60",
        "2001-01-01T00:00:00+0000",
        "2001-01-01T00:00:00ZZ",
        "2001-1-1T0:0:0Z",
        "+001-01-01T00:00:00Z",
        "Mon, 15 May 2006 15:01:31 +0300",
        "2001-01-01T00:00:0\u{e9}Z",
    ] {
        refused(with(&[&format!("DateTime: {date}")]), "malformed DateTime");
    }
    let twice = ["DateTime: 2001-02-01T12:16:49Z"; 2];
    refused(with(&twice), "second DateTime");
}

#[test]
fn a_prefix_is_what_was_last_declared_before_it() {
    let message = message(&[
        "p.x: 1",
        "NS: p <urn:a>",
        "p.x: 2",
        "NS: q <urn:a>",
        "q.x: 3",
        "NS: p<urn:b>",
        "p.x: 4",
        "q.x: 5",
        "P.x: 6",
    ]);
    let spaces: Vec<_> = message
        .headers()
        .filter(|header| header.name.ends_with(".x"))
        .map(|header| (header.value, header.space))
        .collect();
    assert_eq!(
        spaces,
        [
            ("1", None),
            ("2", Some("urn:a")),
            ("3", Some("urn:a")),
            ("4", Some("urn:b")),
            ("5", Some("urn:a")),
            ("6", None)
        ]
    );
    let found: String = message
        .named("urn:a", "x")
        .map(|header| header.value)
        .collect();
    assert_eq!(found, "235");
}

#[test]
fn a_default_space_holds_for_what_follows() {
    let message = message(&[
        "To: <im:a@h>",
        "NS: c <urn:ietf:params:cpim-headers:>",
        "NS: <urn:other>",
        "To: what another space means by it",
        "NS: p <urn:b>",
        "p.x: 1",
        "c.To: <im:b@h>",
        "c.NS: <urn:ietf:params:cpim-headers:>",
        "To: <im:c@h>",
    ]);
    assert_eq!(parties(&message), ["|im:a@h", "|im:b@h", "|im:c@h"]);
    // NS of another name space declares nothing.
    assert_eq!(message.named("urn:b", "x").count(), 0);
    assert_eq!(message.named("urn:other", "NS").count(), 1);
    refused(
        with(&["NS: c <urn:ietf:params:cpim-headers:>", "c.To: x"]),
        "malformed party",
    );
    for value in [
        "",
        "p",
        "<x>",
        "a b <urn:x>",
        "a.b <urn:x>",
        "p <urn:x> y",
        "p <urn: x>",
    ] {
        refused(with(&[&format!("NS: {value}")]), "malformed NS");
    }
}

#[test]
fn what_is_required_must_be_known_by_its_name_space() {
    let check = |lines: &[&str], known: &[(&str, &str)]| message(lines).understood(known).is_ok();
    assert!(check(&["Require: Subject, cc,From"], &[]));
    assert!(check(
        &["NS: i <urn:ietf:params:imdn>", "Require: i.Message-ID"],
        &[]
    ));
    assert!(!check(&["Require: imdn.Message-ID"], &[]));
    assert!(!check(
        &["Require: i.Message-ID", "NS: i <urn:ietf:params:imdn>"],
        &[]
    ));
    assert!(!check(&["Require: subject"], &[]));
    assert!(!check(&["NS: a <urn:a>", "Require: Subject,a.x"], &[]));
    assert!(check(
        &["NS: a <urn:a>", "Require: Subject,a.x"],
        &[("urn:a", "x")]
    ));
    assert!(!check(
        &["NS: a <urn:b>", "Require: a.x"],
        &[("urn:a", "x")]
    ));
    // In another default space this Require is none of RFC 3862.
    assert!(check(&["NS: <urn:a>", "Require: nothing"], &[]));
    for value in ["", "a,,b", "a b", ".x", "a.b.c"] {
        refused(with(&[&format!("Require: {value}")]), "malformed Require");
    }
}

#[test]
fn unknown_headers_are_kept_and_passed_over() {
    let text = with(&["X-Own:;p=1 what: ever", "a.b: \\", "From: <im:a@h>"]);
    let message = read(text.clone()).unwrap();
    assert_eq!(message.whole(), text.as_bytes());
    let header = message.headers().next().unwrap();
    assert_eq!(
        (header.name, header.params, header.value),
        ("X-Own", ";p=1", "what: ever")
    );
    assert_eq!(message.understood(&[]), Ok(()));
}

#[test]
fn the_blank_line_between_the_headers_may_be_missing() {
    let text = "To: <im:b@h>\r\nFrom: <im:a@h>\r\nContent-Disposition: render;\r\n \
        filename=x\r\nContent-type: image/jpeg\r\n\r\n\r\n\r\nContent-Type: no\r\n";
    let message = read(text).unwrap();
    assert_eq!(message.headers().count(), 2);
    assert!(message.content().is("image/jpeg") && message.content().is_disposed("render"));
    assert_eq!(
        &message.content().content()[..],
        b"\r\n\r\nContent-Type: no\r\n"
    );
    // A header of the message that only looks like one of the content is none.
    let message = read("Content-Own: x\r\n\r\nContent-Type: a/b\r\n\r\n").unwrap();
    assert_eq!(message.headers().count(), 1);
    assert!(message.content().is("a/b"));
}

#[test]
fn what_trails_belongs_to_the_body_whatever_content_length_says() {
    for length in ["0", "1", "999", "...", "-1"] {
        let text = format!("\r\n{TEXT}Content-Length: {length}\r\n\r\nhi\r\n\r\nyou\r\n");
        let message = read(text).unwrap();
        assert_eq!(&message.content().content()[..], b"hi\r\n\r\nyou\r\n");
    }
}

#[test]
fn content_has_a_header_with_a_type() {
    refused(
        "From: <im:a@h>\r\n\r\n\r\nhi",
        "content without Content-Type",
    );
    refused(
        "\r\nContent-ID: <x>\r\n\r\nhi",
        "content without Content-Type",
    );
    refused(
        "\r\nContent-Type: a/b\r\nx y\r\n\r\n",
        "malformed part header",
    );
    refused(
        "From: <im:a@h>\r\n\r\nContent-Type: a/b\r\n",
        "header without end",
    );
    refused("From: <im:a@h>", "header without end");
    refused("", "header without end");
    refused(
        b"Subject: \xff\r\n\r\nContent-Type: a/b\r\n\r\n".to_vec(),
        "header is not UTF-8",
    );
    refused(
        b"\r\nContent-Type: \xff\r\n\r\n".to_vec(),
        "part header is not UTF-8",
    );
    // The body may be anything.
    let message = read(b"\r\nContent-Type: a/b\r\n\r\n\0\xff".to_vec()).unwrap();
    assert_eq!(&message.content().content()[..], b"\0\xff");
}

#[test]
fn nested_parts_are_split() {
    let text = "From: <im:a@h>\r\n\r\nContent-Type: multipart/mixed;boundary=b\r\n\r\n\
        --b\r\nContent-Type: text/plain\r\n\r\none\r\n\
        --b\r\nContent-Type: message/cpim\r\n\r\nFrom: <im:c@h>\r\n\r\nContent-Type: a/b\r\n\r\ntwo\r\n\
        --b--\r\n";
    let message = read(text).unwrap();
    let body = message.body();
    let [one, two] = body.parts().unwrap() else {
        panic!("{body:?}")
    };
    assert_eq!(&one.content()[..], b"one");
    let limits = Limits::default();
    let inner = two.cpim(&limits).unwrap();
    assert_eq!(inner.from().unwrap().uri, "im:c@h");
    assert_eq!(&inner.content().content()[..], b"two");
    assert_eq!(one.cpim(&limits).unwrap_err().status, Status(415));
}

#[test]
fn a_header_is_bounded_in_fields_and_octets() {
    let fields = |n: usize, more: usize| {
        let own: String = (0..n).map(|_| "x: y\r\n").collect();
        let mime: String = (0..more).map(|_| "Content-X: y\r\n folded\r\n").collect();
        format!("{own}\r\n{TEXT}{mime}\r\n")
    };
    assert_eq!(read(fields(63, 0)).unwrap().headers().count(), 63);
    assert_eq!(read(fields(40, 23)).unwrap().headers().count(), 40);
    refused(fields(64, 0), "too many header fields");
    refused(fields(40, 24), "too many header fields");
    refused(fields(0, 64), "too many header fields");
    let long = |n: usize, body: usize| {
        let rest = 11 + TEXT.len() + 4;
        let text = format!(
            "Subject: {}\r\n\r\n{TEXT}\r\n",
            "x".repeat(n - rest - 2 + 2)
        );
        assert_eq!(text.len(), n);
        text + &"y".repeat(body)
    };
    assert!(read(long(8_192, 100_000)).is_ok());
    refused(long(8_193, 100_000), "header too long");
    refused("x".repeat(10_000_000), "header too long");
    refused("x: y\r\n".repeat(1_000_000), "header too long");
    refused(
        "From: <im:a@h>\r\n\r\n".to_string() + &"x".repeat(10_000),
        "header too long",
    );
}

#[test]
fn a_message_is_written_as_the_rfc_has_it() {
    let written = Writer::new("MR SANDERS", "im:piglet@100akerwood.com")
        .to("Depressed Donkey", "im:eeyore@100akerwood.com")
        .date_time("2000-12-13T13:40:00-08:00")
        .subject(None, "the weather will be fine today")
        .subject(Some("fr"), "beau temps prevu pour aujourd'hui")
        .space("MyFeatures", "mid:MessageFeatures@id.foo.com")
        .header("Require", "MyFeatures.VitalMessageOption")
        .header("MyFeatures.VitalMessageOption", "Confirmation-requested")
        .header("MyFeatures.WackyMessageOption", "Use-silly-font")
        .finish(
            "Content-type: text/xml; charset=utf-8\r\nContent-ID: <1234567890@foo.com>\r\n",
            b"<body>\r\nHere is the text of my message.\r\n</body>\r\n",
            &Limits::default(),
        )
        .unwrap();
    assert_eq!(written.whole(), EEYORE.as_bytes());
}

#[test]
fn nothing_can_be_smuggled_into_what_is_written() {
    let limits = Limits::default();
    let end = |writer: Writer| writer.finish(TEXT, b"x", &limits).map_err(|flaw| flaw.what);
    let new = || Writer::new("", "im:a@h");
    for (writer, what) in [
        (Writer::new("", "im:a@h>\r\nTo: <im:b@h"), "malformed URI"),
        (new().to("x", "nobody"), "malformed URI"),
        (new().space("p q", "urn:x"), "malformed prefix"),
        (new().header("Sub ject", "x"), "malformed header name"),
        (new().header("X: y\r\nTo", "x"), "malformed header name"),
        (new().subject(Some("fr x"), "y"), "malformed language"),
        (new().subject(Some(""), "y"), "malformed language"),
        (new().date_time("today"), "malformed DateTime"),
        (new().header("From", "<im:b@h>"), "second From"),
        (
            new().header("Content-Type", "text/html"),
            "malformed part header",
        ),
    ] {
        assert_eq!(end(writer).unwrap_err(), what);
    }
    let smuggled = end(new()
        .to("x\r\ncc: y", "im:b@h")
        .header("X", "y\r\nTo: <im:c@h>"))
    .unwrap();
    assert_eq!(smuggled.headers().count(), 3);
    assert_eq!(smuggled.to().next().unwrap().name(), "x\r\ncc: y");
    for lines in [
        "Content-Type: a/b",
        "Content-Type: a/b\r\n\r\n",
        "",
        "\r\n",
        "x\r\n",
    ] {
        assert!(new().finish(lines, b"y", &limits).is_err(), "{lines:?}");
    }
}

#[test]
fn notifications_are_asked_for_under_any_prefix() {
    let requests = |value: &str| {
        let lines = [
            "NS: i <urn:ietf:params:imdn>",
            &format!("i.Disposition-Notification: {value}"),
        ];
        message(&lines).imdn().unwrap().requests
    };
    let none = Requests::default();
    let all = Requests {
        positive_delivery: true,
        negative_delivery: true,
        processing: true,
        display: true,
    };
    assert_eq!(requests(""), none);
    assert_eq!(requests("interworking, Display, displayed ;display"), none);
    assert_eq!(
        requests("positive-delivery,negative-delivery , processing ; x=y,display;a=b;c=d, new"),
        all
    );
    let message = message(&[
        "imdn.Message-ID: undeclared",
        "NS: a <urn:ietf:params:imdn>",
        "NS: b <urn:ietf:params:imdn>",
        "a.Message-ID: Yd4+/w==",
        "a.Disposition-Notification: display",
        "b.Disposition-Notification: processing",
        "b.Original-To: \"B\" <im:b@h>",
        "a.IMDN-Record-Route: <im:near@h>",
        "b.IMDN-Record-Route: Far <im:far@h>",
        "From: <im:a@h>",
    ]);
    let view = message.imdn().unwrap();
    assert_eq!(view.message_id, Some("Yd4+/w=="));
    assert!(view.requests.display && view.requests.processing);
    assert_eq!(view.original_to.unwrap().uri, "im:b@h");
    let routes: Vec<_> = view.record_routes().map(|route| route.uri).collect();
    assert_eq!(routes, ["im:near@h", "im:far@h"]);
    assert_eq!(view.notify_at().unwrap().uri, "im:near@h");
    assert!(!view.is_notification());
}

#[test]
fn malformed_headers_of_notifications_do_not_stop_the_message() {
    for (lines, what) in [
        (
            &["i.Message-ID: "] as &[&str],
            "malformed or second Message-ID",
        ),
        (&["i.Message-ID: a b"], "malformed or second Message-ID"),
        (
            &["i.Message-ID: a", "i.Message-ID: a"],
            "malformed or second Message-ID",
        ),
        (&["i.Original-To: x"], "malformed or second Original-To"),
        (
            &["i.Original-To: <im:a@h>"; 2],
            "malformed or second Original-To",
        ),
        (&["i.IMDN-Route: x"], "malformed route of notifications"),
        (
            &["i.IMDN-Record-Route: x"],
            "malformed route of notifications",
        ),
    ] {
        let mut all = vec!["NS: i <urn:ietf:params:imdn>"];
        all.extend(lines);
        let text = with(&all);
        let flaw = read(text.clone()).unwrap().imdn().unwrap_err();
        assert_eq!((flaw.what, flaw.status), (what, Status(400)), "{lines:?}");
        assert!(text[..flaw.at].ends_with(": "), "{lines:?}");
    }
}

/// RFC 5438 §7.1.1.3, with more asked for.
fn asking(requests: Requests) -> Writer {
    Writer::new("Alice", "im:alice@example.com")
        .to("Bob", "im:bob@example.com")
        .date_time("2006-04-04T12:16:49-05:00")
        .imdn("34jk324j", requests)
}

#[test]
fn a_message_that_asks_is_answered_as_it_asked() {
    let asked = Requests {
        negative_delivery: true,
        display: true,
        ..Requests::default()
    };
    let message = asking(asked)
        .subject(Some("de"), "Gr\u{fc}\u{df}e")
        .finish(TEXT, b"Hello World", &Limits::default())
        .unwrap();
    let view = message.imdn().unwrap();
    assert_eq!(view.requests, asked);
    let bob = "im:bob@example.com";
    let told = |disposition| view.notification(disposition, bob);
    assert_eq!(told(Disposition::Delivery(Delivery::Delivered)), None);
    assert_eq!(told(Disposition::Processing(Processing::Stored)), None);
    for failed in [Delivery::Failed, Delivery::Forbidden, Delivery::Error] {
        assert!(told(Disposition::Delivery(failed)).is_some());
    }
    let displayed = told(Disposition::Display(Display::Displayed)).unwrap();
    // The time of the message, not of its display (RFC 5438 §11.1.2).
    assert_eq!(displayed.date_time, "2006-04-04T12:16:49-05:00");
    assert_eq!(displayed.message_id, "34jk324j");
    let recipient = displayed.recipient.unwrap();
    assert_eq!((&*recipient.uri, &*recipient.original_uri), (bob, bob));
    assert_eq!(recipient.subject.as_deref(), Some("Gr\u{fc}\u{df}e"));
}

#[test]
fn a_notification_goes_back_the_way_that_the_message_came() {
    let asked = Requests {
        positive_delivery: true,
        ..Requests::default()
    };
    let limits = Limits::default();
    let message = asking(asked)
        .party("imdn.Original-To", "", "im:bob@old.example.com")
        .party("imdn.IMDN-Record-Route", "Near", "im:near@h")
        .party("imdn.IMDN-Record-Route", "", "im:far@h")
        .finish(TEXT, b"Hello World", &limits)
        .unwrap();
    let view = message.imdn().unwrap();
    let delivered = Disposition::Delivery(Delivery::Delivered);
    let told = view.notification(delivered, "im:bob@example.com").unwrap();
    let recipient = told.recipient.as_ref().unwrap();
    assert_eq!(recipient.original_uri, "im:bob@old.example.com");
    let mut xml = bytes::BytesMut::new();
    imdn::write(&mut xml, &told);
    let lines = "Content-Type: message/imdn+xml\r\nContent-Disposition: notification\r\n";
    let answer = Writer::new("Bob", "im:bob@example.com")
        .to("Alice", "im:alice@example.com")
        .imdn("d834jied93rf", Requests::default())
        .imdn_routes(&view)
        .finish(lines, &xml, &limits)
        .unwrap();
    assert_eq!(
        core::str::from_utf8(answer.whole())
            .unwrap()
            .split("\r\n\r\n")
            .next()
            .unwrap(),
        "From: Bob <im:bob@example.com>\r\nTo: Alice <im:alice@example.com>\r\n\
         NS: imdn <urn:ietf:params:imdn>\r\nimdn.Message-ID: d834jied93rf\r\n\
         imdn.IMDN-Route: Near <im:near@h>\r\nimdn.IMDN-Route: <im:far@h>"
    );
    let back = answer.imdn().unwrap();
    assert!(back.is_notification());
    let routes: Vec<_> = back.routes().map(|route| route.uri).collect();
    assert_eq!(routes, ["im:near@h", "im:far@h"]);
    assert_eq!(answer.content().notification(&limits), Ok(told));
}

#[test]
fn nobody_is_notified_of_a_notification_or_of_what_cannot_be_named() {
    let all = Requests {
        positive_delivery: true,
        negative_delivery: true,
        processing: true,
        display: true,
    };
    let displayed = Disposition::Display(Display::Displayed);
    let told = |writer: Writer, lines: &str| {
        let message = writer.finish(lines, b"x", &Limits::default()).unwrap();
        let view = message.imdn().unwrap();
        let at = view.notify_at().unwrap().uri.to_string();
        (view.notification(displayed, "im:bob@h").is_some(), at)
    };
    let route = |writer: Writer| writer.party("imdn.IMDN-Record-Route", "", "im:near@h");
    let (near, alice) = ("im:near@h".to_string(), "im:alice@example.com".to_string());
    assert_eq!(told(route(asking(all)), TEXT), (true, near));
    for lines in [
        "Content-Type: message/imdn+xml\r\n",
        "Content-Type: multipart/mixed;boundary=x\r\nContent-Disposition: Notification\r\n",
    ] {
        assert_eq!(told(route(asking(all)), lines), (false, alice.clone()));
    }
    let undated = Writer::new("", "im:a@h").imdn("1", all);
    assert!(!told(undated, TEXT).0);
    let unnamed = Writer::new("", "im:a@h")
        .date_time("2006-04-04T12:16:49-05:00")
        .space("i", imdn::HEADER_SPACE)
        .header("i.Disposition-Notification", "display");
    assert!(!told(unnamed, TEXT).0);
}

pub(crate) fn corpus(name: &str) -> Option<PathBuf> {
    let folder = std::env::var_os("SIMPLE_IM_CORPORA");
    let folder = folder
        .map_or(PathBuf::from("../shared/corpora"), PathBuf::from)
        .join(name);
    if folder.is_dir() {
        return Some(folder);
    }
    let required = std::env::var_os("SIMPLE_IM_REQUIRE_CORPORA").is_some_and(|v| v == "1");
    assert!(!required, "the corpora are absent");
    eprintln!("skipped: the corpora are absent");
    None
}

/// The items of the manifests of a corpus, and their octets.
pub(crate) fn items(folder: &std::path::Path) -> Vec<(String, serde_json::Value, Bytes)> {
    let mut found = Vec::new();
    for manifest in ["manifest-rfc.json", "manifest-repos.json"] {
        let manifest = std::fs::read(folder.join(manifest)).unwrap();
        let manifest: serde_json::Value = serde_json::from_slice(&manifest).unwrap();
        for item in manifest["items"].as_array().unwrap() {
            let file = item["file"].as_str().unwrap().to_string();
            let octets = std::fs::read(folder.join(&file)).unwrap();
            found.push((file, item["facts"].clone(), octets.into()));
        }
    }
    found
}

#[test]
fn messages_of_the_corpus_are_read_right() {
    let Some(folder) = corpus("cpim") else { return };
    let mut seen = 0;
    for (file, facts, octets) in items(&folder) {
        // Some come with the header that wraps the message, one signed.
        let text = String::from_utf8_lossy(&octets).to_lowercase();
        let (outer, rest) = text.split_once("\r\n\r\n").unwrap();
        let octets = match outer.contains("message/cpim") {
            true => octets.slice(octets.len() - rest.len()..),
            false if outer.contains("multipart/signed") => {
                let lines = Bytes::from("Content-Type: multipart/mixed; boundary=next\r\n");
                let body = simple_im::wire::mime::body(lines, octets.slice(outer.len() + 2..));
                body.parts().unwrap()[0].content().clone()
            }
            false => octets,
        };
        // One chunk of a message, and it ends within the header.
        if file == "rfc/rfc7701-03.cpim" {
            assert!(cpim::parse(octets, &Limits::default()).is_err());
            continue;
        }
        let message = cpim::parse(octets.clone(), &Limits::default())
            .unwrap_or_else(|flaw| panic!("{file}: {flaw}"));
        seen += 1;
        let piece = file.starts_with("rfc/rfc7701-57")
            || file.contains("tester-01")
            || file.contains("tester-03");
        assert_eq!(message.addressed().is_ok(), !piece, "{file}");
        let imdn = message.imdn().unwrap();
        if facts["imdn_ns"] == true && file != "rfc/rfc5438-04.cpim" {
            assert!(imdn.message_id.is_some(), "{file}");
        }
        // What came is what there is: header, content's header and content, in order.
        assert_eq!(message.whole(), &octets, "{file}");
        assert!(octets.ends_with(message.content().content()), "{file}");
        let lines: Vec<u8> = message
            .headers()
            .flat_map(|h| format!("{}:{} {}\r\n", h.name, h.params, h.value).into_bytes())
            .collect();
        assert!(octets.starts_with(&lines), "{file}");
        let rest = octets.len() - lines.len();
        let content = message.content();
        let known = content.lines().len() + content.content().len();
        assert!(rest == known + 2 || rest == known + 4, "{file}");
        if file.starts_with("rfc/rfc5438-0") && file != "rfc/rfc5438-01.cpim" {
            assert!(imdn.is_notification(), "{file}");
        }
    }
    assert_eq!(seen, 24);
}

/// Text that a user may write.
fn anything() -> impl Strategy<Value = String> {
    prop::collection::vec(
        prop_oneof![
            any::<char>(),
            prop::sample::select(vec!['\\', '"', ' ', '\r', '\n', '<', 'u'])
        ],
        0..12,
    )
    .prop_map(String::from_iter)
}

proptest! {
    #[test]
    fn what_was_written_reads_back(
        names in prop::collection::vec(anything(), 1..4), subject in anything(),
        body in prop::collection::vec(any::<u8>(), 0..60),
    ) {
        let mut writer = Writer::new(&names[0], "im:a@h");
        for name in &names {
            writer = writer.to(name, "sip:b@h;x=y");
        }
        let writer = writer.subject(Some("en"), &subject).header("X-Own", &subject);
        let message = writer.finish(TEXT, &body, &Limits::default()).unwrap();
        prop_assert_eq!(message.from().unwrap().name(), names[0].as_str());
        let found: Vec<_> = message.to().map(|party| party.name().into_owned()).collect();
        prop_assert_eq!(found, names);
        for header in message.headers().filter(|h| h.name == "X-Own" || h.name == "Subject") {
            prop_assert_eq!(header.text(), subject.trim_matches(' '));
        }
        prop_assert_eq!(&message.content().content()[..], &body[..]);
    }

    #[test]
    fn what_was_read_writes_back(
        lines in prop::collection::vec(prop_oneof![
            "[A-Za-z0-9-]{1,8}:(;[a-z]{1,3}=[a-z0-9.]{1,4}){0,2} [!-~]{0,3}[ -~]{0,8}",
            Just("NS: p <urn:x>".to_string()),
            "p\\.[a-z]{1,4}: [a-z]{0,5}",
        ], 0..10),
        body in prop::collection::vec(any::<u8>(), 0..60),
    ) {
        let mut whole = lines.iter().map(|line| format!("{line}\r\n")).collect::<String>();
        whole += &format!("\r\n{TEXT}X-Unknown:y\r\n\r\n");
        let mut whole = whole.into_bytes();
        whole.extend(&body);
        if let Ok(message) = read(whole.clone()) {
            let mut out = Vec::new();
            for h in message.headers() {
                out.extend(format!("{}:{} {}\r\n", h.name, h.params, h.value).into_bytes());
            }
            out.extend(b"\r\n");
            out.extend(&message.content().lines()[..]);
            out.extend(b"\r\n");
            out.extend(&message.content().content()[..]);
            prop_assert_eq!(out, whole);
        }
    }

    #[test]
    fn random_octets_never_make_it_panic(octets in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = read(octets.clone());
        let mut after = b"From: <im:a@h>\r\n\r\n".to_vec();
        after.extend(octets);
        let _ = read(after);
    }

    #[test]
    fn nothing_that_arrives_makes_it_panic(pieces in prop::collection::vec(prop::sample::select(vec![
        "From: ", "To: ", "NS: ", "Require: ", "DateTime: ", "i.Message-ID: ", "<im:a@h>", "\"", "\\", "u00",
        "\r\n", "\r\n\r\n", "Content-Type: a/b", "Content-", ";lang=", "=", " ", "<", ">", "\u{e9}", "i <urn:ietf:params:imdn>",
        "2001-02-01T12:16:49-05:00", ",", ".", ":",
    ]), 0..30)) {
        if let Ok(message) = read(pieces.concat()) {
            let _ = (message.imdn().map(|view| view.notify_at().is_some()), message.addressed());
            let _ = (message.understood(&[]), message.body());
            for header in message.headers() {
                let _ = (header.text(), header.language());
            }
        }
    }
}

#[test]
fn every_prefix_of_a_message_is_refused_or_has_less_to_say() {
    let head = EEYORE.find("<body>").unwrap();
    for end in 0..EEYORE.len() {
        match read(&EEYORE.as_bytes()[..end]) {
            Ok(message) => assert_eq!(message.content().content().len(), end - head),
            Err(flaw) => assert!(end < head && flaw.at <= end, "{end}: {flaw}"),
        }
    }
}
