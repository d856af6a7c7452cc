//! Each habit of real peers, tolerated and not.

use simple_im::msrp::{Connection, ConnectionId, Sessions};
use simple_im::{Account, Config, MsrpAuthority, Uri};

use super::*;

/// A knob, a frame that needs it, and what is wrong with the frame where the knob is off.
type Habit = (fn(&mut Tolerance) -> &mut bool, String, &'static str);

fn habits() -> Vec<Habit> {
    let paths = format!("To-Path: {TO}\nFrom-Path: {FROM}\n");
    let range = "Message-ID: abcd\nByte-Range: 1-2/2\n";
    let text = "Content-Type: text/plain\n\nhi\n";
    let end = "-------abcd$\n";
    let of = |start: &str, rest: &str| format!("MSRP abcd {start}\n{paths}{rest}{end}");
    let send = |rest: &str| of("SEND", rest);
    let report = |rest: &str| of("REPORT", &format!("Message-ID: abcd\n{rest}"));
    let long = "x".repeat(33);
    let id = |id: &str| format!("MSRP {id} 200 OK\n{paths}-------{id}$\n");
    vec![
        (
            |t| &mut t.stray_crlf,
            format!("\n\n{}", send(range)),
            "broken: not an MSRP start line",
        ),
        (
            |t| &mut t.loose_blanks,
            send("Message-ID:abcd\n"),
            "blanks around a value are not as they should be",
        ),
        (
            |t| &mut t.loose_blanks,
            send("Message-ID:  abcd\n"),
            "blanks around a value are not as they should be",
        ),
        (
            |t| &mut t.loose_blanks,
            send("Message-ID: abcd\t\n"),
            "blanks around a value are not as they should be",
        ),
        (
            |t| &mut t.loose_blanks,
            send(&format!("{range}X-Other:\n")),
            "blanks around a value are not as they should be",
        ),
        (
            |t| &mut t.loose_blanks,
            format!("MSRP abcd 200\nTo-Path: {TO}  {TO}\nFrom-Path: {FROM}\n{end}"),
            "path has more than one blank between two URIs",
        ),
        (
            |t| &mut t.loose_names,
            send(&format!("{range}9lives: x\n")),
            "header name is not a token",
        ),
        (
            |t| &mut t.loose_names,
            send(&format!("{range}a/b: x\n")),
            "header name is not a token",
        ),
        (
            |t| &mut t.short_ids,
            id("abc"),
            "identifier has fewer than four letters",
        ),
        (
            |t| &mut t.short_ids,
            send("Message-ID: 1\n"),
            "identifier has fewer than four letters",
        ),
        (
            |t| &mut t.long_ids,
            id(&long),
            "identifier has more than 32 letters",
        ),
        (
            |t| &mut t.long_ids,
            id(&"x".repeat(LONGEST_ID)),
            "identifier has more than 32 letters",
        ),
        (
            |t| &mut t.long_ids,
            send(&format!("Message-ID: {long}\n")),
            "identifier has more than 32 letters",
        ),
        (
            |t| &mut t.paths_anywhere,
            format!("MSRP abcd SEND\n{range}{paths}{end}"),
            "To-Path and From-Path do not come first",
        ),
        (
            |t| &mut t.paths_anywhere,
            format!("MSRP abcd 200\nFrom-Path: {FROM}\nTo-Path: {TO}\n{end}"),
            "To-Path and From-Path do not come first",
        ),
        (
            |t| &mut t.mime_anywhere,
            send(&format!("Content-ID: <a@b>\n{range}{text}")),
            "header field behind the MIME header fields",
        ),
        (
            |t| &mut t.mime_anywhere,
            send(&format!(
                "{range}Content-Type: a/b\nContent-ID: <a@b>\n\nhi\n"
            )),
            "header field behind the MIME header fields",
        ),
        (
            |t| &mut t.untyped_body,
            send(&format!("{range}\nhi\n")),
            "body without Content-Type",
        ),
        (
            |t| &mut t.untyped_body,
            send(&format!("{range}\n\n")),
            "body without Content-Type",
        ),
        (
            |t| &mut t.bare_end_line,
            send(&format!("{range}Content-Type: text/plain\n\n")),
            "broken: body is not followed by CRLF",
        ),
        (
            |t| &mut t.typed_nothing,
            send(&format!("{range}Content-Type: text/plain\n")),
            "MIME header fields without a body",
        ),
        (
            |t| &mut t.response_body,
            of("200 OK", text),
            "response with a body",
        ),
        (
            |t| &mut t.pathless_response,
            format!("MSRP abcd 200 OK\n{end}"),
            "response without paths",
        ),
        (
            |t| &mut t.pathless_response,
            format!("MSRP abcd 200 OK\nTo-Path: {TO}\n{end}"),
            "response without paths",
        ),
        (|t| &mut t.nameless_send, send(""), "Message-ID is missing"),
        (
            |t| &mut t.stray_wishes,
            report("Status: 000 200\nSuccess-Report: yes\n"),
            "wish for reports in a frame that is no SEND",
        ),
        (
            |t| &mut t.stray_wishes,
            of("NICKNAME", "Use-Nickname: \"a\"\nFailure-Report: no\n"),
            "wish for reports in a frame that is no SEND",
        ),
        (
            |t| &mut t.unknown_wishes,
            send(&format!("{range}Failure-Report: perhaps\n")),
            "wish for reports is unknown",
        ),
        (
            |t| &mut t.unknown_wishes,
            send(&format!("{range}Success-Report: partial\n")),
            "wish for reports is unknown",
        ),
        (
            |t| &mut t.foreign_status,
            report("Status: 001 200\n"),
            "Status is of an unknown namespace",
        ),
        (
            |t| &mut t.odd_flags,
            format!("MSRP abcd 200 OK\n{paths}-------abcd+\n"),
            "flag of a frame that has no chunks is not `$`",
        ),
        (
            |t| &mut t.odd_flags,
            format!("MSRP abcd AUTH\n{paths}-------abcd#\n"),
            "flag of a frame that has no chunks is not `$`",
        ),
        (
            |t| &mut t.unread_paths,
            format!("MSRP abcd 200\nTo-Path: sip:a@b\nFrom-Path: {FROM}\n{end}"),
            "MSRP URI without `://`",
        ),
        (
            |t| &mut t.unread_extensions,
            of("AUTH", "Expires: soon\n"),
            "number of seconds is malformed",
        ),
        (
            |t| &mut t.unread_extensions,
            of("423", "Min-Expires: -1\n"),
            "number of seconds is malformed",
        ),
        (
            |t| &mut t.unread_extensions,
            of("423", "Max-Expires: 1\nMax-Expires: 1\n"),
            "header field is repeated",
        ),
        (
            |t| &mut t.unread_extensions,
            of("200", "Use-Path: msrps://a.example.com/x;tcp\n"),
            "URI of a Use-Path has no port",
        ),
        (
            |t| &mut t.unread_extensions,
            of("401", "WWW-Authenticate: Digest realm=\"a\"\n"),
            "challenge without nonce",
        ),
        (
            |t| &mut t.unread_extensions,
            of("AUTH", "Authorization: Basic abcd\n"),
            "authentication scheme is not Digest",
        ),
        (
            |t| &mut t.unread_extensions,
            of("200", "Authentication-Info: nextnonce=abc\n"),
            "digest parameter is not in quotes",
        ),
        (
            |t| &mut t.unread_extensions,
            of("NICKNAME", "Use-Nickname: Alice\n"),
            "Use-Nickname is no quoted string of 1 to 1,023 octets",
        ),
        (
            |t| &mut t.unread_extensions,
            of("NICKNAME", ""),
            "Use-Nickname is missing",
        ),
        (
            |t| &mut t.unread_mime,
            send(&format!("{range}Content-Type: text\n\nhi\n")),
            "Content-Type is malformed",
        ),
        (
            |t| &mut t.unread_mime,
            send(&format!("{range}Content-Type: a/b;c=\"d\n\nhi\n")),
            "Content-Type is malformed",
        ),
        (
            |t| &mut t.unread_mime,
            send(&format!("{range}Content-Disposition: a; b\n{text}")),
            "Content-Disposition is malformed",
        ),
        (
            |t| &mut t.unread_mime,
            send(&format!(
                "{range}Content-ID: <a@b>\nContent-ID: <a@b>\n{text}"
            )),
            "MIME header field is repeated",
        ),
        (
            |t| &mut t.unread_mime,
            send(&format!("{range}Content-Transfer-Encoding: binary\n{text}")),
            "Content-Transfer-Encoding has no place in MSRP",
        ),
    ]
}

/// What is wrong with a stream: nothing, a frame that is refused, or the framing.
fn wrong(text: &str, tolerance: Tolerance) -> Option<String> {
    let text = crlf(text);
    let mut wrong = None;
    for step in [text.len(), 1] {
        let mut decoder = Decoder::new(HEAD_LIMIT, tolerance);
        let (mut input, mut found) = (BytesMut::new(), None);
        for octets in text.as_bytes().chunks(step) {
            input.extend_from_slice(octets);
            loop {
                match decoder.next(&mut input) {
                    Ok(None) => break,
                    Ok(Some(Piece::Bad(_, flaw))) => {
                        assert_eq!(flaw.status.0, 400);
                        assert!(flaw.at <= text.len());
                        found = Some(flaw.what.to_owned());
                    }
                    Ok(Some(_)) => {}
                    Err(flaw) => {
                        found = Some(format!("broken: {}", flaw.what));
                        break;
                    }
                }
            }
        }
        assert!(decoder.is_idle() || decoder.is_broken(), "{text}");
        assert!(step == text.len() || wrong == found, "octet by octet");
        wrong = found;
    }
    wrong
}

#[test]
fn each_habit_is_tolerated_by_its_own_knob_and_refused_without_it() {
    for (knob, text, what) in habits() {
        assert_eq!(wrong(&text, Tolerance::lenient()), None, "{text}");
        let strict = wrong(&text, Tolerance::strict());
        assert_eq!(strict.as_deref(), Some(what), "{text}");

        let mut alone = Tolerance::strict();
        *knob(&mut alone) = true;
        assert_eq!(wrong(&text, alone), None, "with the knob alone: {text}");
        let mut without = Tolerance::lenient();
        *knob(&mut without) = false;
        let without = wrong(&text, without);
        assert_eq!(without.as_deref(), Some(what), "without the knob: {text}");
    }
}

#[test]
fn every_knob_is_tested() {
    let mut all = Tolerance::lenient();
    for (knob, ..) in habits() {
        *knob(&mut all) = false;
    }
    assert_eq!(all, Tolerance::strict());
}

/// Three habits need no knob: RFC 4234 §2.3 (names), RFC 4975 §7.1.1 and §9.
#[test]
fn what_the_grammar_allows_needs_no_knob() {
    let text = format!(
        "MSRP abcd 200\nTO-PATH: {TO}\nfrom-path: {FROM}\nMessage-ID: abcd\nX-Relay: yes\n-------abcd$\n\
         MSRP abcd 200 \nTo-Path: {TO}\nFrom-Path: {FROM}\n-------abcd$\n\
         MSRP abcd SEND\nTo-Path: {TO} {TO}\nFrom-Path: {FROM}\nMessage-ID: abcd\nX-Empty: \n-------abcd$\n\
         MSRP abcd REPORT\nTo-Path: {TO}\nFrom-Path: {FROM}\nMessage-ID: abcd\nStatus: 000 200\n-------abcd$\n\
         MSRP abcd SEND\nTo-Path: {TO}\nFrom-Path: {FROM}\nMessage-ID: abcd\nContent-ID: <a@b>\n\
         Content-Disposition: attachment; filename=\"a;b\\\"c\" ;size=3\n\
         Content-Type: text/plain;charset=utf-8\n\n\n-------abcd+\n"
    );
    assert_eq!(wrong(&text, Tolerance::strict()), None);
}

#[test]
fn nothing_tolerates_what_would_frame_differently_elsewhere() {
    let paths = format!("To-Path: {TO}\nFrom-Path: {FROM}\n");
    for text in [
        format!("MSRP abcd SEND\n{paths}Message-ID: a\nMessage-ID: b\n-------abcd$\n"),
        format!("MSRP abcd SEND\n{paths}Message-ID: a\nContent-Type: a/b\n\nx-------abcd$\n"),
        format!("MSRP abcd SEND\n{paths}no colon\n-------abcd$\n"),
        format!("MSRP abcd SEND\n{paths}Message-ID: a\nByte-Range: 0-1/1\n-------abcd$\n"),
        format!("MSRP abcd 200 O\0K\n{paths}-------abcd$\n"),
    ] {
        assert!(wrong(&text, Tolerance::lenient()).is_some(), "{text}");
    }
}

/// What is wrong says where.
#[test]
fn a_flaw_names_its_place() {
    let place = |text: &str, tolerance| {
        let text = crlf(text);
        let mut input = BytesMut::from(text.as_bytes());
        match Decoder::new(HEAD_LIMIT, tolerance).next(&mut input) {
            Ok(Some(Piece::Bad(_, flaw))) => text[flaw.at..].to_owned(),
            other => panic!("{other:?}"),
        }
    };
    let head = format!("MSRP abcd AUTH\nTo-Path: {TO}\nFrom-Path: {FROM}\n");
    let end = "-------abcd$\n";
    for (line, from) in [
        ("Expires: soon\n", "soon"),
        ("Expires: 1\nExpires: 2\n", "2"),
        ("Authorization: Digest realm=\"a\", nonce=b\n", "nonce=b"),
        ("Use-Path: msrps://a:1/s;tcp sip:b\n", "sip:b"),
        ("X:y\n", "y"),
        ("9: y\n", "9: y"),
    ] {
        let found = place(&format!("{head}{line}{end}"), Tolerance::strict());
        assert!(found.starts_with(from), "{line}: {found}");
    }
    let found = place(&format!("{head}Byte-Range: x\n{end}"), Tolerance::lenient());
    assert!(found.starts_with("Byte-Range"), "{found}");
}

/// What a deployment says reaches the decoder of each of its connections.
#[test]
fn a_connection_reads_by_the_rules_of_its_configuration() {
    let uri = |text| Uri::copy(text).unwrap();
    let account = Account::new(uri("sip:a@example.com"), uri("sip:a@a.example.com"));
    let msrp = MsrpAuthority {
        host: "a.example.com".into(),
        port: 2855,
        tls: false,
    };
    let mut config = Config::new(account, msrp, [1, 2]);
    let text = send("-------d93kswow$\n");
    let short = String::from_utf8(text.clone())
        .unwrap()
        .replace("d93kswow", "d9");
    let said = |config: &Config, text: &[u8]| {
        let (mut connection, mut sessions) = (Connection::new(ConnectionId(1)), Sessions::new());
        connection.buffer().extend_from_slice(text);
        assert!(connection.poll(&mut sessions, config).is_none());
        let answer = connection.transmit().unwrap_or_default();
        let answer = String::from_utf8(answer.to_vec()).unwrap();
        let status = answer.split(' ').nth(2).unwrap_or_default().to_owned();
        (status, connection.is_broken())
    };
    assert_eq!(said(&config, &text), ("481".into(), false));
    assert_eq!(said(&config, short.as_bytes()), ("481".into(), false));
    config.profile.msrp_tolerance = Tolerance::strict();
    assert_eq!(said(&config, &text), ("481".into(), false));
    assert_eq!(said(&config, short.as_bytes()), ("400".into(), false));
    config.profile.msrp_tolerance.short_ids = true;
    assert_eq!(said(&config, short.as_bytes()), ("481".into(), false));
    config.limits.msrp_head = text.len() - 1;
    assert_eq!(said(&config, &text), (String::new(), true));
}
