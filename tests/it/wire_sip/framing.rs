//! Messages on a stream.

use simple_im::Status;
use simple_im::wire::sip;

use super::golden::{INVITE, PAGER};
use super::{crlf, message_with};

#[test]
fn every_prefix_of_a_valid_message_needs_more_and_is_no_message() {
    let folded = PAGER.replace("Content-Length: 9", "Content-Length :\n\t\n 9");
    let led = format!("\n\n{PAGER}");
    for text in [PAGER, INVITE, &folded, &led] {
        let octets = crlf(text);
        for end in 0..octets.len() {
            assert_eq!(
                sip::frame(&octets[..end], 65_536),
                Ok(None),
                "{end} of {text}"
            );
            assert!(sip::parse(&octets.slice(..end)).is_err(), "{end} of {text}");
        }
        assert_eq!(sip::frame(&octets, 65_536), Ok(Some(octets.len())));
    }
}

#[test]
fn messages_back_to_back_are_told_apart() {
    let first = crlf(&format!("\n\n{INVITE}"));
    let stream = [first.as_ref(), crlf(PAGER).as_ref()].concat();
    let length = sip::frame(&stream, 65_536).unwrap().unwrap();
    assert_eq!(length, first.len());
    let rest = &stream[length..];
    assert_eq!(sip::frame(rest, 65_536), Ok(Some(rest.len())));
    assert_eq!(sip::keep_alive(&first), 4);
}

#[test]
fn a_stream_without_usable_length_is_given_up() {
    let head = "MESSAGE sip:bob@example.com SIP/2.0\nCall-ID: a\n";
    for (fields, what) in [
        ("", "no Content-Length on a stream"),
        ("Content-Length: 1\nl: 1\n", "Content-Length is repeated"),
        ("Content-Length: -1\n", "Content-Length is no number"),
        ("Content-Length: \n", "Content-Length is no number"),
        (
            "Content-Length: 99999999999999999999\n",
            "Content-Length is no number",
        ),
    ] {
        let flaw = sip::frame(&crlf(&format!("{head}{fields}\n")), 65_536).unwrap_err();
        assert_eq!((flaw.what, flaw.status), (what, Status(400)), "{fields}");
    }
}

#[test]
fn a_message_beyond_the_limit_is_refused_as_soon_as_it_shows() {
    let octets = crlf(PAGER);
    let limit = octets.len();
    assert_eq!(sip::frame(&octets, limit), Ok(Some(limit)));
    assert_eq!(
        sip::frame(&octets, limit - 1).unwrap_err().status,
        Status(513)
    );
    let head_only = &octets[..limit - 9];
    assert_eq!(
        sip::frame(head_only, limit - 1).unwrap_err().status,
        Status(513)
    );
    assert_eq!(
        sip::frame(&[b'a'; 101], 100).unwrap_err().status,
        Status(513)
    );
    assert_eq!(sip::frame(&[b'a'; 100], 100), Ok(None));
    assert_eq!(
        sip::frame(&[b'a'; 70_000], usize::MAX).unwrap_err().status,
        Status(513)
    );
}

#[test]
fn huge_lengths_overflow_nothing() {
    let text = message_with("Foo: y").replace("Length: 0", "Length: 18446744073709551615");
    assert_eq!(
        sip::frame(&crlf(&text), usize::MAX).unwrap_err().status,
        Status(513)
    );
    assert_eq!(super::flaw(&text).status, Status(400));
}

#[test]
fn the_body_is_cut_where_its_length_says() {
    let text = format!("{PAGER} and what follows");
    assert_eq!(super::request(&text).body.whole().as_ref(), b"Hello Bob");
    let short = PAGER.strip_suffix('b').unwrap();
    assert_eq!(
        super::flaw(short).what,
        "Content-Length is larger than the body"
    );
    let none = PAGER.replace("Content-Length: 9\n", "");
    assert_eq!(super::request(&none).body.whole().as_ref(), b"Hello Bob");
}

#[test]
fn a_body_that_begins_with_a_blank_is_no_folded_line() {
    for fold in ["", "\n\t"] {
        let text = PAGER
            .replace("Call-ID: ", &format!("Call-ID: {fold}"))
            .replace("Hello Bob", " ello Bob");
        assert_eq!(super::request(&text).body.whole().as_ref(), b" ello Bob");
    }
}
