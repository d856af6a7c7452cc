//! MSRP frames: what the decoder makes of octets, and what the writers make of values.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

mod auth;
mod corpus;
mod tolerance;

use bytes::{Bytes, BytesMut};
use proptest::prelude::*;
use simple_im::msrp::Ident;
use simple_im::wire::msrp::{
    Decoder, HEAD_LIMIT, Head, Kind, LONGEST_ID, Piece, SIDE_BODY_LIMIT, Tolerance, Url,
    check_path, leftmost, rightmost, write_end, write_report, write_response, write_send,
};
use simple_im::{ByteRange, Chunk, ChunkId, Continuation, FailureReport, Report, SendHead, Token};

/// What a stream holds: a line a piece, with the octets of one body joined.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Told {
    lines: Vec<String>,
    body: Vec<u8>,
}

impl Told {
    fn flush(&mut self) {
        if !self.body.is_empty() {
            let body = String::from_utf8_lossy(&self.body).into_owned();
            self.lines
                .push(format!("body {} {body:?}", self.body.len()));
            self.body.clear();
        }
    }

    fn hear(&mut self, piece: Piece) {
        if let Piece::Octets(octets) = piece {
            assert!(!octets.is_empty(), "an empty piece says nothing");
            self.body.extend_from_slice(&octets);
            return;
        }
        self.flush();
        self.lines.push(match piece {
            Piece::Head(head) => show(&head),
            Piece::Bad(head, flaw) => format!("bad {:?} {}: {flaw}", head.kind(), head.txn()),
            Piece::End(flag) => format!("end {flag:?}"),
            Piece::Octets(_) => unreachable!(),
        });
    }
}

fn show(head: &Head) -> String {
    format!(
        "{:?} {} to {:?} from {:?} status {:?} {:?}",
        head.kind(),
        head.txn(),
        head.to_path(),
        head.from_path(),
        head.status(),
        head.as_send(),
    )
}

fn hear_all(decoder: &mut Decoder, input: &mut BytesMut, told: &mut Told) -> bool {
    loop {
        match decoder.next(input) {
            Ok(Some(piece)) => told.hear(piece),
            Ok(None) => return true,
            Err(flaw) => {
                told.flush();
                told.lines.push(format!("broken: {}", flaw.what));
                return false;
            }
        }
    }
}

fn decode<'a>(reads: impl IntoIterator<Item = &'a [u8]>) -> Vec<String> {
    let (mut decoder, mut input) = (Decoder::default(), BytesMut::new());
    let mut told = Told::default();
    for read in reads {
        input.extend_from_slice(read);
        if !hear_all(&mut decoder, &mut input, &mut told) {
            break;
        }
    }
    told.flush();
    told.lines
}

fn whole(text: &[u8]) -> Vec<String> {
    decode([text])
}

/// Every cut in two, and one octet at a time, give what the whole gives.
fn check_splits(text: &[u8]) -> Vec<String> {
    let expected = whole(text);
    for at in 0..=text.len() {
        assert_eq!(decode([&text[..at], &text[at..]]), expected, "cut at {at}");
    }
    assert_eq!(decode(text.chunks(1)), expected, "octet by octet");
    expected
}

fn crlf(text: &str) -> String {
    text.replace('\n', "\r\n")
}

const TO: &str = "msrp://192.0.2.20:8888/9di4eae923wzdkk31;tcp";
const FROM: &str = "msrp://192.0.2.10:7654/jshA7weztas9d8f7;tcp";

/// A SEND with these header lines after the paths, and all that follows.
fn send(rest: &str) -> Vec<u8> {
    crlf(&format!(
        "MSRP d93kswow SEND\nTo-Path: {TO}\nFrom-Path: {FROM}\nMessage-ID: 12339sdqwer64bits\n{rest}"
    ))
    .into_bytes()
}

fn with_body(body: &[u8]) -> Vec<u8> {
    let mut text = send("Content-Type: text/plain\n\n");
    text.extend_from_slice(body);
    text.extend_from_slice(b"\r\n-------d93kswow$\r\n");
    text
}

fn only_head(text: &[u8]) -> Head {
    match Decoder::default().next(&mut BytesMut::from(text)) {
        Ok(Some(Piece::Head(head))) => head,
        other => panic!("{other:?}"),
    }
}

fn flaw_of(text: &[u8]) -> &'static str {
    match Decoder::default().next(&mut BytesMut::from(text)) {
        Ok(Some(Piece::Bad(_, flaw))) => {
            assert_eq!(flaw.status.0, 400);
            flaw.what
        }
        other => panic!("{other:?}"),
    }
}

fn last_line(text: &[u8]) -> String {
    whole(text).pop().unwrap()
}

// --- Reading

#[test]
fn cc_123_a_frame_is_the_same_however_it_is_cut() {
    let mut text = b"\r\n".to_vec();
    text.extend(with_body(
        b"a\r\n\r-------d93kswo\r\n-------d93kswowX\r\n---",
    ));
    text.extend(send("Byte-Range: 1-0/0\n-------d93kswow$\n"));
    text.extend(with_body(b"\r\n\r\n--------"));
    text.extend(crlf("MSRP 4444 200 OK\n-------4444$\n").into_bytes());
    let lines = check_splits(&text);
    let bodies: Vec<_> = lines.iter().filter(|l| l.starts_with("body")).collect();
    assert_eq!(
        bodies,
        [
            "body 41 \"a\\r\\n\\r-------d93kswo\\r\\n-------d93kswowX\\r\\n---\"",
            "body 12 \"\\r\\n\\r\\n--------\"",
        ]
    );
    assert_eq!(lines.iter().filter(|l| *l == "end Last").count(), 4);
    assert_eq!(lines.len(), 10);
}

#[test]
fn cc_122_the_end_line_of_another_transaction_is_text() {
    let lines = check_splits(&with_body(b"-------abcd1234$\r\n-------abcd1234$\r\n"));
    assert_eq!(
        lines[1],
        "body 36 \"-------abcd1234$\\r\\n-------abcd1234$\\r\\n\""
    );
    assert_eq!(lines[2], "end Last");
}

#[test]
fn cc_124_a_body_without_crlf_before_its_end_line_breaks_the_connection() {
    let text = send("Content-Type: text/plain\n\nHello-------d93kswow$\n");
    let lines = check_splits(&text);
    assert_eq!(
        lines[1..],
        ["body 5 \"Hello\"", "broken: body is not followed by CRLF"]
    );
}

#[test]
fn an_end_line_with_something_behind_it_breaks_the_connection() {
    for rest in [
        "Content-Type: text/plain\n\nHello\n-------d93kswow$x\n",
        "-------d93kswow$x\n",
    ] {
        let lines = check_splits(&send(rest));
        assert_eq!(
            lines.last().unwrap(),
            "broken: end line does not end with CRLF"
        );
    }
}

#[test]
fn cc_125_an_empty_body_is_told_from_no_body_by_its_content_type() {
    let empty = send("Byte-Range: 1-0/0\nContent-Type: text/plain\n\n\n-------d93kswow$\n");
    let none = send("Byte-Range: 1-0/0\n-------d93kswow$\n");
    assert_eq!(only_head(&empty).content_type(), Some("text/plain"));
    assert_eq!(only_head(&none).content_type(), None);
    assert_eq!(only_head(&none).mime(), "");
    for text in [&empty, &none] {
        assert_eq!(check_splits(text)[1..], ["end Last"]);
    }
}

#[test]
fn a_blank_line_before_the_end_line_of_no_body_is_tolerated() {
    assert_eq!(
        check_splits(&send("\n-------d93kswow+\n"))[1..],
        ["end More"]
    );
}

#[test]
fn cc_135_a_byte_range_that_makes_no_sense_is_refused_and_its_frame_skipped() {
    for range in [
        "0-5/5",
        "6-4/10",
        "18446744073709551616-*/*",
        "1-18446744073709551616/*",
        "1-5/99999999999999999999",
        "1-5",
        "-5/5",
        "1-/5",
        "1-5/",
        "+1-5/5",
        "1 - 5/5",
        "*-5/5",
    ] {
        let mut text = send(&format!(
            "Byte-Range: {range}\nContent-Type: text/plain\n\nHello\n-------d93kswow$\n"
        ));
        assert!(flaw_of(&text).starts_with("Byte-Range"), "{range}");
        text.extend(send("-------d93kswow$\n"));
        let lines = check_splits(&text);
        assert!(lines[0].starts_with("bad Send d93kswow"), "{lines:?}");
        assert!(lines[1].starts_with("Send d93kswow"), "{lines:?}");
        assert_eq!(lines[2..], ["end Last"]);
    }
}

#[test]
fn a_byte_range_is_read_as_it_is_written() {
    let read =
        |value: &str| only_head(&send(&format!("Byte-Range: {value}\n-------d93kswow$\n"))).range();
    let range = |start, end, total| ByteRange { start, end, total };
    assert_eq!(read("1-0/0"), range(1, Some(0), Some(0)));
    assert_eq!(read("1-*/*"), range(1, None, None));
    assert_eq!(read("2049-3000/3000"), range(2049, Some(3000), Some(3000)));
    let most = u64::MAX;
    assert_eq!(
        read(&format!("{most}-{most}/{most}")),
        range(most, Some(most), Some(most))
    );
    assert_eq!(
        only_head(&send("-------d93kswow$\n")).range(),
        range(1, None, None)
    );
}

#[test]
fn cc_136_a_head_without_end_breaks_the_connection() {
    let flood = send(&"X-Flood: 1\n".repeat(1000));
    let long = send(&format!("X-Long: {}", "a".repeat(HEAD_LIMIT)));
    let start = format!("MSRP {}", "a".repeat(HEAD_LIMIT));
    for text in [&flood, &long, start.as_bytes()] {
        assert_eq!(whole(text), ["broken: head is too long"]);
        assert_eq!(decode(text.chunks(1)), ["broken: head is too long"]);
    }
    let fits = HEAD_LIMIT - send("X: \n\n").len();
    let text = send(&format!("X: {}\n\n\n-------d93kswow$\n", "a".repeat(fits)));
    assert_eq!(whole(&text).len(), 2);
    let text = send(&format!(
        "X: {}\n\n\n-------d93kswow$\n",
        "a".repeat(fits + 1)
    ));
    assert_eq!(whole(&text), ["broken: head is too long"]);
}

#[test]
fn what_is_not_msrp_is_refused_at_its_first_octet() {
    for text in ["GET / HTTP/1.1", "M?", "\n", "\rM", "msrp a SEND"] {
        assert_eq!(
            whole(text.as_bytes()),
            ["broken: not an MSRP start line"],
            "{text:?}"
        );
    }
    for line in [
        "MSRP a\n",
        "MSRP  SEND\n",
        "MSRP a \n",
        "MSRP a Send\n",
        "MSRP a 20\n",
        "MSRP a 2000 OK\n",
    ] {
        let lines = whole(crlf(line).as_bytes());
        assert!(lines[0].starts_with("broken"), "{line:?}: {lines:?}");
    }
    for id in ["-abc", "a b c", "abc/", &"a".repeat(65), "ä"] {
        let lines = whole(format!("MSRP {id} SEND\r\n").as_bytes());
        assert!(lines[0].starts_with("broken"), "{id:?}: {lines:?}");
    }
    assert_eq!(
        whole(b"MSRP abcd SEND\n"),
        ["broken: line does not end with CRLF"]
    );
}

#[test]
fn a_decoder_that_is_broken_stays_broken() {
    let (mut decoder, mut input) = (Decoder::default(), BytesMut::from("HTTP"));
    let flaw = decoder.next(&mut input).unwrap_err();
    assert!(decoder.is_broken());
    input = BytesMut::from(&with_body(b"x")[..]);
    assert_eq!(decoder.next(&mut input).unwrap_err(), flaw);
}

#[test]
fn a_head_that_cannot_be_acted_upon_says_why() {
    let path = format!("To-Path: {TO}\nFrom-Path: {FROM}\n");
    let end = "-------abcd$\n";
    let flaw = |rest: &str| flaw_of(crlf(&format!("MSRP abcd {rest}{end}")).as_bytes());
    assert_eq!(flaw("SEND\n"), "To-Path is missing");
    assert_eq!(
        flaw(&format!("SEND\nTo-Path: {TO}\n")),
        "From-Path is missing"
    );
    assert_eq!(
        flaw(&format!("SEND\n{path}Content-Type: a/b\n\n\n")),
        "Message-ID is missing"
    );
    assert_eq!(
        flaw(&format!("REPORT\n{path}Status: 000 200\n")),
        "Message-ID is missing"
    );
    assert_eq!(
        flaw(&format!("REPORT\n{path}Message-ID: a\n")),
        "Status is missing"
    );
    for (line, what) in [
        ("no colon", "header line without colon"),
        (": x", "header name is not a token"),
        ("A b: x", "header name is not a token"),
        (" folded", "header line without colon"),
        (" folded: x", "header name is not a token"),
        ("A: b\0c", "control character in a header line"),
        ("A: b\rc", "control character in a header line"),
        ("Message-ID: a b", "Message-ID is not an identifier"),
        ("Message-ID: ", "Message-ID is not an identifier"),
        ("Message-ID: a\nMessage-ID: a", "Message-ID is repeated"),
        ("to-path: x", "To-Path is repeated"),
        ("From-path: x", "From-Path is repeated"),
        (
            "Byte-Range: 1-*/*\nByte-Range: 1-*/*",
            "Byte-Range is repeated",
        ),
        (
            "Success-Report: no\nSuccess-Report: no",
            "Success-Report is repeated",
        ),
        (
            "Failure-Report: no\nFailure-Report: no",
            "Failure-Report is repeated",
        ),
        ("Status: 000 200\nStatus: 000 200", "Status is repeated"),
        (
            "Content-Type: a/b\nContent-Type: a/b",
            "Content-Type is repeated",
        ),
        ("Status: 000", "Status is malformed"),
        ("Status: 0 200", "Status is malformed"),
        ("-------abcde$", "header line without colon"),
    ] {
        assert_eq!(flaw(&format!("SEND\n{path}{line}\n")), what, "{line:?}");
    }
    let mut text = send("X: ").to_vec();
    text.extend_from_slice(b"\xff\r\n-------d93kswow$\r\n");
    assert_eq!(flaw_of(&text), "head is not UTF-8");
}

#[test]
fn header_names_and_values_are_read_without_regard_to_case_and_blanks() {
    let text = crlf(&format!(
        "MSRP abcd SEND\nFROM-PATH:{FROM}\nto-path: \t{TO} \nX-Other:\nmessage-id: m\n\
         success-report: YES\nFAILURE-report: Partial\nbyte-range: 5-*/*\n-------abcd#\n"
    ));
    let head = only_head(text.as_bytes());
    let expected = SendHead {
        message: "m",
        range: ByteRange {
            start: 5,
            end: None,
            total: None,
        },
        success: true,
        failure: FailureReport::Partial,
        content_type: None,
        mime: "",
    };
    assert_eq!((head.to_path(), head.from_path()), (TO, FROM));
    assert_eq!(head.as_send(), expected);
    assert_eq!(last_line(text.as_bytes()), "end Abandoned");
}

#[test]
fn an_unknown_report_value_means_the_default() {
    let head = only_head(&send(
        "Success-Report: maybe\nFailure-Report: maybe\n-------d93kswow$\n",
    ));
    assert_eq!(
        (head.success(), head.failure()),
        (false, FailureReport::Yes)
    );
    let head = only_head(&send("Failure-Report: no\n-------d93kswow$\n"));
    assert_eq!(head.failure(), FailureReport::No);
}

#[test]
fn the_mime_lines_are_those_from_the_first_to_the_last() {
    let mime = |rest: &str| only_head(&send(rest)).mime().to_owned();
    let lines = "Content-Disposition: attachment\nContent-ID: <a@b>\nContent-Type: text/plain\n";
    assert_eq!(
        mime(&format!("Byte-Range: 1-*/*\n{lines}\n\n")),
        crlf(lines)
    );
    assert_eq!(
        mime("content-type: a/b\nByte-Range: 1-*/*\n\n"),
        "content-type: a/b\r\n"
    );
    assert_eq!(
        mime("Content-X: a\nByte-Range: 1-*/*\nContent-Type: a/b;c=d\n\n"),
        "Content-X: a\r\nByte-Range: 1-*/*\r\nContent-Type: a/b;c=d\r\n"
    );
}

#[test]
fn a_side_body_may_have_ten_thousand_octets_and_no_more() {
    let report = |size: usize| {
        let mut text = crlf(&format!(
            "MSRP abcd REPORT\nTo-Path: {TO}\nFrom-Path: {FROM}\nMessage-ID: m\nStatus: 000 200 OK\n\
             Content-Type: a/b\n\n"
        ))
        .into_bytes();
        text.extend(vec![b'x'; size]);
        text.extend_from_slice(b"\r\n-------abcd$\r\n");
        text
    };
    assert_eq!(last_line(&report(SIDE_BODY_LIMIT)), "end Last");
    let broken = "broken: body of a request other than SEND is too long";
    let lines = whole(&report(SIDE_BODY_LIMIT + 1));
    assert_eq!(lines.last().unwrap(), broken);
    assert_eq!(decode(report(SIDE_BODY_LIMIT + 1).chunks(1)), lines);
}

#[test]
fn the_octets_of_a_body_are_those_that_were_read() {
    let text = with_body(&[b'x'; 4096]);
    let mut input = BytesMut::from(&text[..]);
    let read = input.as_ptr_range();
    let mut decoder = Decoder::default();
    decoder.next(&mut input).unwrap();
    let Ok(Some(Piece::Octets(octets))) = decoder.next(&mut input) else {
        panic!("no octets");
    };
    assert_eq!(octets.len(), 4096);
    assert!(read.contains(&octets.as_ptr()), "the body was copied");
}

#[test]
fn only_what_may_be_an_end_line_is_held_back() {
    let mut input = BytesMut::from(&send("Content-Type: a/b\n\n")[..]);
    let mut decoder = Decoder::default();
    decoder.next(&mut input).unwrap();
    for (read, held) in [
        ("Hello", 0),
        ("Hello\r", 1),
        ("\n", 2),
        ("\r\n---", 5),
        ("----", 9),
        ("d93ksw", 15),
        ("x", 0),
        ("\r\n-------d93kswow", 17),
        ("?", 0),
        ("\r\n-------d93kswow$\r", 19),
    ] {
        input.extend_from_slice(read.as_bytes());
        while decoder.next(&mut input).unwrap().is_some() {}
        assert_eq!(input.len(), held, "after {read:?}");
    }
}

/// 64 KiB of near misses, octet by octet: the buffer never holds more than an end-line, so that no octet
/// can be looked at more often than an end-line is long.
#[test]
fn cc_122_near_misses_are_read_in_linear_work() {
    let near = b"\r\n-------d93kswox$\r\n-------d93kswowx\r\n-------".repeat(1500);
    let text = with_body(&near);
    let (mut decoder, mut input) = (Decoder::default(), BytesMut::new());
    let mut body = 0;
    let mut most = 0;
    let mut pieces = 0;
    for octet in &text {
        input.extend_from_slice(&[*octet]);
        while let Some(piece) = decoder.next(&mut input).unwrap() {
            pieces += 1;
            if let Piece::Octets(octets) = piece {
                body += octets.len();
            }
        }
        if body > 0 {
            most = most.max(input.len());
        }
    }
    assert_eq!(body, near.len());
    assert!(most <= 2 + 7 + 8 + 1 + 2, "{most} octets were held");
    assert!(pieces <= text.len());
    assert_eq!(whole(&text).len(), 3);
}

// --- Writing

fn chunk(start: u64, size: usize, total: u64, flag: Continuation) -> Chunk {
    Chunk {
        id: ChunkId(0),
        message: Token::new([0x1233_9abc, 0x64b1_7500, 7]),
        start,
        total: Some(total),
        flag,
        success: false,
        failure: FailureReport::Yes,
        mime: Bytes::from_static(b"Content-Type: text/plain\r\n"),
        body: Bytes::from(vec![b'x'; size]),
    }
}

fn written(txn: &str, chunk: &Chunk) -> String {
    let mut out = BytesMut::new();
    write_send(&mut out, txn, TO.as_bytes(), FROM.as_bytes(), chunk);
    out.extend_from_slice(&chunk.body);
    write_end(&mut out, txn, chunk);
    String::from_utf8(out.to_vec()).unwrap()
}

#[test]
fn golden_a_5_two_chunks_and_their_answers() {
    let golden = |txn: &str, range: &str, size: usize, flag: &str| {
        crlf(&format!(
            "MSRP {txn} SEND\nTo-Path: {TO}\nFrom-Path: {FROM}\nMessage-ID: 12339abc64b1750000000007\n\
             Byte-Range: {range}\nContent-Type: text/plain\n\n{}\n-------{txn}{flag}\n",
            "x".repeat(size)
        ))
    };
    let first = golden("d93kswow", "1-2048/3000", 2048, "+");
    let second = golden("op2nc9a7", "2049-3000/3000", 952, "$");
    assert_eq!(
        written("d93kswow", &chunk(1, 2048, 3000, Continuation::More)),
        first
    );
    assert_eq!(
        written("op2nc9a7", &chunk(2049, 952, 3000, Continuation::Last)),
        second
    );
    for (text, size) in [(first, 2048), (second, 952)] {
        let lines = check_splits(text.as_bytes());
        assert!(lines[1].starts_with(&format!("body {size} ")));
    }

    let mut out = BytesMut::new();
    write_response(&mut out, "d93kswow", 200, FROM.as_bytes(), TO.as_bytes());
    let answer = crlf(&format!(
        "MSRP d93kswow 200 OK\nTo-Path: {FROM}\nFrom-Path: {TO}\n-------d93kswow$\n"
    ));
    assert_eq!(out, answer);
    assert_eq!(only_head(answer.as_bytes()).kind(), Kind::Response(200));
    check_splits(answer.as_bytes());
}

#[test]
fn golden_a_6_the_report_of_a_whole_message() {
    let report = Report {
        message: Ident::copy("12339sdqwer64bits").unwrap(),
        start: 1,
        end: 3000,
        total: Some(3000),
        status: 200,
    };
    let (to, from) = (FROM, "msrp://192.0.2.30:2855/sw8d0a9f1c2e;tcp");
    let mut out = BytesMut::new();
    write_report(
        &mut out,
        "dkei38sd",
        to.as_bytes(),
        from.as_bytes(),
        &report,
    );
    let golden = crlf(&format!(
        "MSRP dkei38sd REPORT\nTo-Path: {to}\nFrom-Path: {from}\nMessage-ID: 12339sdqwer64bits\n\
         Byte-Range: 1-3000/3000\nStatus: 000 200 OK\n-------dkei38sd$\n"
    ));
    assert_eq!(out, golden);
    check_splits(golden.as_bytes());
    let read = only_head(golden.as_bytes());
    let read = read.as_report().unwrap();
    assert_eq!((read.message, read.status), ("12339sdqwer64bits", 200));
    assert_eq!((read.range.start, read.range.end), (1, Some(3000)));

    let other = golden.replace("000 200", "001 200");
    assert!(only_head(other.as_bytes()).as_report().is_none());
}

#[test]
fn report_wishes_come_before_the_range_and_only_when_they_are_none_of_the_defaults() {
    let mut wish = chunk(1, 5, 5, Continuation::Last);
    wish.success = true;
    wish.failure = FailureReport::Partial;
    let text = written("abcd", &wish);
    assert!(
        text.contains(
            "\r\nSuccess-Report: yes\r\nFailure-Report: partial\r\nByte-Range: 1-5/5\r\n"
        )
    );
    wish.failure = FailureReport::No;
    assert!(written("abcd", &wish).contains("\r\nFailure-Report: no\r\n"));
}

#[test]
fn a_chunk_above_2048_octets_has_an_open_range() {
    let open = |size| written("abcd", &chunk(1, size, 9000, Continuation::More));
    assert!(open(2048).contains("Byte-Range: 1-2048/9000\r\n"));
    assert!(open(2049).contains("Byte-Range: 1-*/9000\r\n"));
}

#[test]
fn a_request_without_body_has_no_blank_line() {
    let mut none = chunk(1, 0, 0, Continuation::Last);
    assert!(written("abcd", &none).ends_with("text/plain\r\n\r\n\r\n-------abcd$\r\n"));
    none.mime = Bytes::new();
    assert!(written("abcd", &none).ends_with("Byte-Range: 1-0/0\r\n-------abcd$\r\n"));
}

// --- URIs

#[test]
fn cc_120_uris_are_compared_by_meaning() {
    let same = |a: &str, b: &str| Url::parse(a).unwrap().same(&Url::parse(b).unwrap());
    for (a, b, expected) in [
        ("msrp://a:1/s;tcp", "MSRP://A:1/s;TCP", true),
        ("msrp://a:1/s;tcp", "msrps://a:1/s;tcp", false),
        ("msrp://a:1/s;tcp", "msrp://a:1/S;tcp", false),
        ("msrp://a:1/s;tcp", "msrp://a:1;tcp", false),
        ("msrp://a:1/s;tcp", "msrp://a/s;tcp", false),
        ("msrp://a:2855/s;tcp", "msrp://a/s;tcp", false),
        ("msrp://a:1/s;tcp", "msrp://a:01/s;tcp", true),
        ("msrp://a:1/s;tcp", "msrp://a:1/s;sctp", false),
        ("msrp://a:1/s;tcp", "msrp://user@a:1/s;tcp;x=y", true),
        ("msrp://[::1]:1/s;tcp", "msrp://[0:0::0:1]:1/s;tcp", true),
        ("msrp://[::1]:1/s;tcp", "msrp://[::2]:1/s;tcp", false),
        (
            "msrp://[2001:DB8::a]:1/s;tcp",
            "msrp://[2001:db8:0::A]:1/s;tcp",
            true,
        ),
        (
            "msrp://192.0.2.1:1/s;tcp",
            "msrp://192.0.2.2:1/s;tcp",
            false,
        ),
        ("msrp://%61%2D:1/s;tcp", "msrp://a-:1/s;tcp", true),
        ("msrp://a%2c:1/s;tcp", "msrp://a%2C:1/s;tcp", true),
        ("msrp://a%2c:1/s;tcp", "msrp://a,:1/s;tcp", false),
    ] {
        assert_eq!(same(a, b), expected, "{a} {b}");
        assert_eq!(same(b, a), expected, "{b} {a}");
    }
}

#[test]
fn a_uri_is_taken_apart() {
    let url = Url::parse("msrps://me@[2001:db8::1]:9/a+b=/c;tcp;x;y=z").unwrap();
    assert!(url.tls);
    assert_eq!(
        (url.host, url.bare_host()),
        ("[2001:db8::1]", "2001:db8::1")
    );
    assert_eq!((url.port, url.session), (Some(9), Some("a+b=/c")));
    assert_eq!(url.transport, "tcp");
    assert!(Url::parse("msrp://a;tcp").unwrap().address().is_none());
}

#[test]
fn a_malformed_uri_is_refused() {
    for text in [
        "",
        "msrp:a:1/s;tcp",
        "sip://a:1/s;tcp",
        "msrp://a:1/s",
        "msrp://a:1/s;",
        "msrp://a:1/s;t-p",
        "msrp://a:1/;tcp",
        "msrp://:1/s;tcp",
        "msrp:///s;tcp",
        "msrp://a:/s;tcp",
        "msrp://a:+1/s;tcp",
        "msrp://a:65536/s;tcp",
        "msrp://a:1:2/s;tcp",
        "msrp://[::1/s;tcp",
        "msrp://::1]:1/s;tcp",
        "msrp://[::1]1/s;tcp",
        "msrp://[zz]:1/s;tcp",
        "msrp://a:1/s?;tcp",
        "msrp://a:1/s;tcp;",
        "msrp://a:1/s;tcp;=b",
        "msrp://a b:1/s;tcp",
        "msrp://ä:1/s;tcp",
    ] {
        assert!(Url::parse(text).is_err(), "{text:?}");
    }
}

#[test]
fn a_path_is_a_list_of_uris() {
    let path = format!("{TO} {FROM}");
    assert_eq!((leftmost(&path), rightmost(&path)), (TO, FROM));
    assert_eq!((leftmost(""), rightmost("")), ("", ""));
    assert!(check_path(&path).is_ok() && check_path(TO).is_ok());
    assert_eq!(check_path(" ").unwrap_err().what, "path is empty");
    assert_eq!(
        check_path(&format!("{TO} sip://a")).unwrap_err().at,
        TO.len() + 1
    );
}

// --- Any input

proptest! {
    #[test]
    fn what_is_written_is_read(
        start in 1u64..1 << 40,
        body in prop::collection::vec(prop_oneof![Just(b'-'), Just(b'\r'), Just(b'\n'), any::<u8>()], 0..600),
        total in any::<u64>(),
        success in any::<bool>(),
        failure in prop_oneof![Just(FailureReport::Yes), Just(FailureReport::No), Just(FailureReport::Partial)],
        flag in prop_oneof![Just(Continuation::Last), Just(Continuation::More), Just(Continuation::Abandoned)],
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..6),
    ) {
        let size = body.len();
        let chunk = Chunk { body: Bytes::from(body), success, failure, flag, ..chunk(start, 0, total, flag) };
        let mut out = BytesMut::new();
        write_send(&mut out, "abcdef", TO.as_bytes(), FROM.as_bytes(), &chunk);
        out.extend_from_slice(&chunk.body);
        write_end(&mut out, "abcdef", &chunk);

        let mut at: Vec<_> = cuts.iter().map(|cut| cut.index(out.len())).collect();
        at.extend([0, out.len()]);
        at.sort_unstable();
        let (mut decoder, mut input) = (Decoder::default(), BytesMut::new());
        let (mut heads, mut read, mut ends) = (0, Vec::new(), Vec::new());
        for cut in at.windows(2) {
            input.extend_from_slice(&out[cut[0]..cut[1]]);
            while let Some(piece) = decoder.next(&mut input).unwrap() {
                match piece {
                    Piece::Head(head) => {
                        heads += 1;
                        let end = start + size as u64 - 1;
                        let range = ByteRange { start, end: Some(end), total: Some(total) };
                        let message = chunk.message.to_string();
                        prop_assert_eq!(head.as_send(), SendHead {
                            message: &message,
                            range,
                            success,
                            failure,
                            content_type: Some("text/plain"),
                            mime: "Content-Type: text/plain\r\n",
                        });
                    }
                    Piece::Octets(octets) => read.extend_from_slice(&octets),
                    Piece::End(flag) => ends.push(flag),
                    Piece::Bad(_, flaw) => prop_assert!(false, "{flaw}"),
                }
            }
        }
        prop_assert_eq!((heads, ends), (1, vec![flag]));
        prop_assert_eq!(read, chunk.body);
        prop_assert!(input.is_empty());
    }

    #[test]
    fn any_octets_are_survived_in_bounded_memory(
        reads in prop::collection::vec(piece(), 0..60),
        size in 1usize..40,
    ) {
        let text: Vec<u8> = reads.concat();
        let expected = whole(&text);
        let (mut decoder, mut input) = (Decoder::default(), BytesMut::new());
        let mut told = Told::default();
        for read in text.chunks(size) {
            input.extend_from_slice(read);
            if !hear_all(&mut decoder, &mut input, &mut told) {
                break;
            }
            prop_assert!(input.len() <= HEAD_LIMIT);
        }
        told.flush();
        prop_assert_eq!(told.lines, expected);
    }

    #[test]
    fn every_prefix_of_a_frame_wants_more(body in prop::collection::vec(any::<u8>(), 0..80)) {
        let text = with_body(&body);
        for at in 0..text.len() {
            let lines = whole(&text[..at]);
            prop_assert!(lines.iter().all(|l| !l.starts_with("broken") && !l.starts_with("end")));
        }
    }

    #[test]
    fn any_text_is_a_uri_or_not(text in "(msrps?://)?[a-z0-9:;/@%\\[\\]. =+-]{0,40}") {
        if let Ok(url) = Url::parse(&text) {
            prop_assert!(url.same(&url));
            prop_assert!(!url.host.is_empty());
        }
        let _ = check_path(&text);
    }
}

/// Octets that look like something now and then.
fn piece() -> impl Strategy<Value = Vec<u8>> {
    let token = [
        "MSRP ",
        "abcd",
        " SEND\r\n",
        " REPORT\r\n",
        " 200 OK\r\n",
        "\r\n",
        "\n",
        "\r",
        "-------",
        "-------abcd",
        "$",
        "+",
        "#",
        "To-Path: x\r\n",
        "From-Path: y\r\n",
        "Message-ID: z\r\n",
        "MSRP abcd SEND\r\nTo-Path: x\r\nFrom-Path: y\r\nMessage-ID: z\r\n",
        "Content-Type: a/b\r\n\r\n",
        "Byte-Range: 1-*/*\r\n",
        ": ",
        "\r\n-------abcd$\r\n",
        " ",
        "é",
    ];
    prop_oneof![
        8 => prop::sample::select(token.to_vec()).prop_map(|text| text.as_bytes().to_vec()),
        1 => prop::collection::vec(any::<u8>(), 0..8),
    ]
}
