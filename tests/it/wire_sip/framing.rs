//! Messages on a stream.

use bytes::{Bytes, BytesMut};
use proptest::prelude::*;
use proptest::sample::select;
use simple_im::wire::sip::{self, Arrived, Stream};
use simple_im::{Flaw, Status};

use super::golden::{ANSWER, INVITE, PAGER};
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
        Status(413)
    );
    assert_eq!(
        sip::frame(&octets, limit - 10).unwrap_err().status,
        Status(513)
    );
    let head_only = &octets[..limit - 9];
    assert_eq!(
        sip::frame(head_only, limit - 1).unwrap_err().status,
        Status(413)
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
        Status(413)
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

/// What a stream brings when `octets` arrive in pieces that end at `cuts`.
fn arrives(octets: &[u8], cuts: impl IntoIterator<Item = usize>) -> Result<Vec<Arrived>, Flaw> {
    let (mut stream, mut input) = (Stream::new(65_536), BytesMut::new());
    let (mut arrived, mut begin) = (Vec::new(), 0);
    for end in cuts.into_iter().chain([octets.len()]) {
        input.extend_from_slice(&octets[begin..end]);
        begin = end;
        while let Some(next) = stream.next(&mut input)? {
            arrived.push(next);
        }
    }
    assert!(sip::keep_alive(&input) == input.len() || sip::frame(&input, 65_536) == Ok(None));
    Ok(arrived)
}

/// Two messages and a response with keep-alives between, before and after.
fn traffic() -> (Bytes, Vec<Arrived>) {
    let message = |text: &str| Arrived::Message(crlf(text));
    let parts = [
        (crlf("\n\n"), vec![Arrived::Pong, Arrived::Ping]),
        (crlf(PAGER), vec![message(PAGER)]),
        (crlf("\n"), vec![Arrived::Pong]),
        (crlf(INVITE), vec![message(INVITE)]),
        (crlf(ANSWER), vec![message(ANSWER)]),
        (
            crlf("\n\n\n"),
            vec![Arrived::Pong, Arrived::Ping, Arrived::Pong],
        ),
        (crlf(PAGER), vec![message(PAGER)]),
    ];
    let octets: Vec<_> = parts
        .iter()
        .flat_map(|(octets, _)| octets)
        .copied()
        .collect();
    let arrived = parts.into_iter().flat_map(|(_, arrived)| arrived).collect();
    (Bytes::from(octets), arrived)
}

#[test]
fn a_stream_cut_at_any_octet_brings_the_same() {
    let (octets, expected) = traffic();
    for cut in 0..=octets.len() {
        assert_eq!(
            arrives(&octets, [cut]).as_ref(),
            Ok(&expected),
            "cut at {cut}"
        );
    }
    assert_eq!(
        arrives(&octets, 0..octets.len()),
        Ok(expected),
        "octet by octet"
    );
}

#[test]
fn a_stream_hands_out_what_lies_in_its_buffer() {
    let mut input = BytesMut::from(&crlf(PAGER)[..]);
    let lies_at = input.as_ptr();
    let arrived = Stream::new(65_536).next(&mut input);
    let Ok(Some(Arrived::Message(message))) = arrived else {
        panic!("{arrived:?}")
    };
    assert_eq!(message.as_ptr(), lies_at, "no copy");
}

#[test]
fn a_stream_that_is_lost_stays_lost() {
    for bad in [
        "OPTIONS sip:h SIP/2.0\n\n",
        "OPTIONS sip:h SIP/2.0\nl: 1\nl: 1\n\n",
        "OPTIONS sip:h SIP/2.0\nl: 65536\n\n",
    ] {
        let mut stream = Stream::new(65_536);
        let mut input = BytesMut::from(&crlf(bad)[..]);
        let flaw = stream.next(&mut input).unwrap_err();
        assert_eq!(sip::frame(&input, 65_536), Err(flaw));
        input.extend_from_slice(&crlf(PAGER));
        assert_eq!(stream.next(&mut input), Err(flaw), "{bad}");
    }
}

#[test]
fn a_stream_never_holds_more_than_its_limit_and_one_read() {
    let (mut stream, mut input) = (Stream::new(1_000), BytesMut::new());
    let flaw = loop {
        input.extend_from_slice(b"a: b\r\n");
        assert!(input.len() <= 1_006);
        if let Err(flaw) = stream.next(&mut input) {
            break flaw;
        }
    };
    assert_eq!((flaw.status, flaw.at), (Status(513), 1_000));
}

proptest! {
    #[test]
    fn a_stream_in_any_pieces_brings_the_same(
        mut cuts in prop::collection::vec(0..3_000usize, 0..40),
        texts in prop::collection::vec(select(vec![PAGER, INVITE, ANSWER, "\n", "\n\n"]), 0..6),
    ) {
        let octets = crlf(&texts.concat());
        cuts.iter_mut().for_each(|cut| *cut = (*cut).min(octets.len()));
        cuts.sort_unstable();
        let whole = arrives(&octets, []).unwrap();
        let messages = texts.iter().filter(|text| text.len() > 2).map(|text| crlf(text));
        let found = whole.iter().filter_map(|arrived| match arrived {
            Arrived::Message(message) => Some(message.clone()),
            _ => None,
        });
        prop_assert!(messages.eq(found));
        prop_assert_eq!(arrives(&octets, cuts), Ok(whole));
    }
}
