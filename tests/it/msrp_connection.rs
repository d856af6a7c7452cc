//! One byte stream, several sessions: what a connection routes, binds, answers and writes.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

use bytes::Bytes;
use proptest::prelude::*;
use simple_im::msrp::{Connection, ConnectionId, Ident, Sessions, Target};
use simple_im::profile::SessionMatch;
use simple_im::{
    Account, Chunk, ChunkId, Config, Continuation, Down, Entropy, FailureReport, LegId, MachineId,
    MsrpAuthority, MsrpEvent, MsrpTxn, OpenMsrp, Report, SessionId, Token, Uri,
};

type At = (MachineId, LegId);

/// A counter: two sides must not draw the same.
struct Counter(u64);

impl Entropy for Counter {
    fn draw(&mut self) -> u64 {
        self.0 += 1;
        self.0
    }
}

/// A driver with one connection, whose machines do nothing but write down what they hear.
struct Side {
    config: Config,
    sessions: Sessions,
    connection: Connection,
    entropy: Counter,
    heard: Vec<String>,
    requests: Vec<MsrpTxn>,
}

fn at(machine: u32) -> At {
    (MachineId(machine), LegId::FIRST)
}

fn url(host: &str, n: u8) -> String {
    format!("msrp://{host}:2855/{};tcp", SessionId([n; 10]))
}

impl Side {
    fn new(first: u64) -> Self {
        let uri = Uri::copy("sip:a@example.com").unwrap();
        let msrp = MsrpAuthority {
            host: "a".to_owned(),
            port: 2855,
            tls: false,
        };
        Self {
            config: Config::new(Account::new(uri.clone(), uri), msrp, [0; 2]),
            sessions: Sessions::new(),
            connection: Connection::new(ConnectionId(1)),
            entropy: Counter(first),
            heard: Vec::new(),
            requests: Vec::new(),
        }
    }

    /// Opens the session of machine `n`, from `own` to `peer`.
    fn open(&mut self, n: u8, own: &str, peer: &str, connect: bool) -> &mut Self {
        let open = OpenMsrp {
            id: SessionId([n; 10]),
            connect,
            own: Bytes::from(url(own, n)),
            peer: Bytes::from(url(peer, n)),
            target: Bytes::new(),
        };
        self.sessions.open(at(n.into()), &open);
        self
    }

    fn connect(&mut self, n: u32) -> bool {
        self.connection.connected(&mut self.sessions, at(n))
    }

    /// Writes down all news.
    fn listen(&mut self) {
        while let Some(news) = self.connection.poll(&mut self.sessions, &self.config) {
            let what = news.tell(|event| match event {
                MsrpEvent::Send(txn, head) => {
                    self.requests.push(txn);
                    format!("send {} {:?}", head.message, head.range)
                }
                MsrpEvent::Octets(octets) => {
                    format!("octets {}", String::from_utf8_lossy(octets))
                }
                MsrpEvent::Response(chunk, status) => format!("response {} {status}", chunk.0),
                MsrpEvent::Report(head) => format!("report {} {}", head.message, head.status),
                other => format!("{other:?}"),
            });
            self.heard.push(format!("{}: {what}", news.machine.0));
        }
    }

    fn read(&mut self, text: &str) -> &mut Self {
        let text = text.replace('\n', "\r\n");
        self.connection.buffer().extend_from_slice(text.as_bytes());
        self.listen();
        self
    }

    fn heard(&mut self) -> Vec<String> {
        std::mem::take(&mut self.heard)
    }

    fn send(&mut self, n: u32, chunk: Chunk) {
        self.connection
            .send_chunk(&self.sessions, at(n), chunk, &mut self.entropy);
    }

    fn written(&mut self) -> String {
        let mut text = Vec::new();
        while let Some(octets) = self.connection.transmit() {
            assert!(!octets.is_empty(), "nothing is not worth a write");
            text.extend_from_slice(&octets);
        }
        String::from_utf8(text).unwrap()
    }
}

fn chunk(id: u32, body: &str) -> Chunk {
    Chunk {
        id: ChunkId(id),
        message: Token::new([0, 0, id]),
        start: 1,
        total: Some(body.len() as u64),
        flag: Continuation::Last,
        success: false,
        failure: FailureReport::Yes,
        mime: Bytes::from_static(b"Content-Type: text/plain\r\n"),
        body: Bytes::copy_from_slice(body.as_bytes()),
    }
}

/// A SEND without body to session `n` of host `b`, with these further header lines.
fn bodiless(n: u8, more: &str) -> String {
    let (to, from) = (url("b", n), url("a", n));
    format!(
        "MSRP tid{n} SEND\nTo-Path: {to}\nFrom-Path: {from}\nMessage-ID: m{n}\n{more}-------tid{n}$\n"
    )
}

fn status_line(text: &str) -> &str {
    text.lines().next().unwrap_or_default()
}

/// A side whose session 1 awaits its peer.
fn passive() -> Side {
    let mut side = Side::new(0);
    side.open(1, "b", "a", false);
    side
}

// --- Binding and routing

#[test]
fn the_first_send_binds_a_session_that_awaits_its_connection() {
    let mut side = passive();
    assert_eq!(side.sessions.connection(at(1)), None);
    side.read(&bodiless(1, "Byte-Range: 1-0/0\n"));
    assert_eq!(
        side.heard(),
        [
            "1: Up",
            "1: send m1 ByteRange { start: 1, end: Some(0), total: Some(0) }",
            "1: End(Last)",
        ]
    );
    assert_eq!(side.sessions.connection(at(1)), Some(ConnectionId(1)));
    side.read(&bodiless(1, ""));
    assert_eq!(side.heard().len(), 2, "bound is bound");
    // Answered by the session, not by us.
    assert_eq!(side.written(), "");
}

#[test]
fn cc_133_a_send_for_a_session_that_is_not_there_gets_481_and_the_connection_is_kept() {
    let mut side = passive();
    side.read(&bodiless(2, ""));
    let (to, from) = (url("a", 2), url("b", 2));
    assert_eq!(
        side.written(),
        format!(
            "MSRP tid2 481 Session Does Not Exist\r\nTo-Path: {to}\r\nFrom-Path: {from}\r\n-------tid2$\r\n"
        )
    );
    side.read(&bodiless(2, "Failure-Report: no\n"));
    assert_eq!(side.written(), "");
    side.read(&bodiless(2, "Failure-Report: partial\n"));
    assert_eq!(
        status_line(&side.written()),
        "MSRP tid2 481 Session Does Not Exist"
    );
    assert_eq!(side.heard(), [""; 0]);
    side.read(&bodiless(1, ""));
    assert_eq!(side.heard().len(), 3);
}

#[test]
fn cc_133_the_body_of_a_refused_send_is_heard_by_nobody() {
    let mut side = passive();
    let text = bodiless(2, "Content-Type: text/plain\n\nHello\n");
    side.read(&bodiless(1, "")).read(&text).read(&text[..40]);
    assert_eq!(side.heard().len(), 3);
}

#[test]
fn to_path_names_one_session_and_all_of_its_uri() {
    for (path, status) in [
        (format!("{} {}", url("b", 1), url("b", 1)), "481"),
        (url("c", 1), "481"),
        (url("b", 1).replace("2855", "2856"), "481"),
        (url("b", 1).replace("msrp:", "msrps:"), "481"),
        ("msrp://b:2855;tcp".to_owned(), "481"),
        ("sip:b".to_owned(), "400"),
    ] {
        let mut side = passive();
        side.read(&bodiless(1, "").replace(&url("b", 1), &path));
        assert!(
            status_line(&side.written()).starts_with(&format!("MSRP tid1 {status}")),
            "{path}"
        );
        assert_eq!(side.heard(), [""; 0]);
    }
    let mut side = passive();
    side.read(&bodiless(1, "").replace("msrp://b", "MSRP://B"));
    assert_eq!(side.heard().len(), 3);
}

#[test]
fn a_gateway_may_rewrite_all_but_the_session_id() {
    let mut side = passive();
    side.config.profile.session_match = SessionMatch::SessionIdOnly;
    side.read(&bodiless(1, "").replace("msrp://b:2855", "msrps://gateway:9"));
    assert_eq!(side.heard().len(), 3);
}

#[test]
fn cc_133_a_send_for_a_session_that_is_bound_elsewhere_gets_506() {
    let mut side = passive();
    let mut other = Connection::new(ConnectionId(2));
    assert!(other.connected(&mut side.sessions, at(1)));
    side.read(&bodiless(1, ""));
    assert_eq!(
        status_line(&side.written()),
        "MSRP tid1 506 Session Already In Use"
    );
    assert_eq!(side.heard(), [""; 0]);
    assert!(!side.connect(1), "and cannot be taken over");
}

#[test]
fn an_outgoing_connection_may_serve_several_sessions() {
    let mut side = Side::new(0);
    side.open(1, "a", "b", true).open(2, "a", "b", true);
    assert!(side.connect(1) && side.connect(2) && side.connect(2));
    assert!(!side.connect(3), "there is no session 3");
    side.listen();
    assert_eq!(side.heard(), ["1: Up", "2: Up"]);
    assert!(!side.connection.release(at(1)));
    assert!(side.connection.release(at(2)) && side.connection.is_unused());
}

#[test]
fn an_active_session_says_where_to_connect_to() {
    let mut side = Side::new(0);
    side.open(1, "a", "b", true)
        .open(2, "a", "b", false)
        .open(3, "a", "[2001:db8::1]", true);
    let target = |n| side.sessions.target(at(n));
    let to = |host| Target {
        host,
        port: 2855,
        tls: false,
    };
    assert_eq!(target(1), Some(to("b")));
    assert_eq!((target(2), target(4)), (None, None));
    assert_eq!(target(3), Some(to("2001:db8::1")));
    assert_eq!(side.sessions.len(), 3);
    assert_eq!(side.sessions.release(at(1)), None);
    side.connect(3);
    assert_eq!(side.sessions.release(at(3)), Some(ConnectionId(1)));
    assert_eq!(side.sessions.len(), 1);
}

#[test]
fn a_session_connects_to_its_target_beside_the_path() {
    let mut sessions = Sessions::new();
    let mut open = OpenMsrp {
        id: SessionId([1; 10]),
        connect: true,
        own: Bytes::from(url("a", 1)),
        peer: Bytes::from(url("b", 1).replace("msrp:", "msrps:")),
        target: Bytes::new(),
    };
    for (target, host, port) in [
        ("198.51.100.7:5000", "198.51.100.7", 5000),
        ("[2001:db8::7]:5000", "2001:db8::7", 5000),
        ("sbc.example.com:1", "sbc.example.com", 1),
    ] {
        open.target = Bytes::from_static(target.as_bytes());
        sessions.open(at(1), &open);
        let found = sessions.target(at(1)).unwrap();
        assert_eq!((found.host, found.port, found.tls), (host, port, true));
    }
    open.connect = false;
    sessions.open(at(1), &open);
    assert_eq!(sessions.target(at(1)), None);
}

// --- What is answered here

#[test]
fn cc_134_an_unknown_method_gets_501_and_its_answer_the_whole_way_back() {
    for method in ["AUTH", "NICKNAME"] {
        let mut side = passive();
        let path = format!("{} {}", url("relay", 9), url("a", 1));
        let text = bodiless(1, "")
            .replace("SEND", method)
            .replace(&url("a", 1), &path);
        side.read(&text);
        let written = side.written();
        assert_eq!(status_line(&written), "MSRP tid1 501 Not Implemented");
        assert!(
            written.contains(&format!("To-Path: {path}\r\n")),
            "{written}"
        );
        side.read(&bodiless(1, "Failure-Report: no\n").replace("SEND", method));
        assert_eq!(side.written(), "");
        assert_eq!(side.heard(), [""; 0]);
    }
}

#[test]
fn cc_135_a_send_with_a_malformed_head_gets_400_and_what_follows_is_read() {
    let mut side = passive();
    side.read(&(bodiless(1, "Byte-Range: 0-1/1\nContent-Type: a/b\n\nHello\n") + &bodiless(1, "")));
    assert_eq!(status_line(&side.written()), "MSRP tid1 400 Bad Request");
    assert_eq!(side.heard().len(), 3);
    side.read(&bodiless(1, "Failure-Report: no\nByte-Range: 0-1/1\n"));
    side.read("MSRP abcd SEND\n-------abcd$\n");
    side.read("MSRP abcd REPORT\n-------abcd$\n");
    assert_eq!((side.written(), side.heard()), (String::new(), vec![]));
}

#[test]
fn a_report_is_heard_by_its_session_and_never_answered() {
    let report =
        |n: u8, status: &str| bodiless(n, &format!("Status: {status}\n")).replace("SEND", "REPORT");
    let mut side = passive();
    side.read(&report(1, "000 200 OK"));
    assert_eq!(side.heard(), [""; 0], "a report binds nothing");
    side.connect(1);
    side.listen();
    side.heard();
    side.read(&report(1, "000 413 Enough"));
    side.read(&report(2, "000 200 OK"));
    side.read(&report(1, "001 200 OK"));
    side.read(&report(1, "nonsense"));
    assert_eq!(side.heard(), ["1: report m1 413"]);
    assert_eq!(side.written(), "");
}

#[test]
fn a_response_to_a_report_changes_nothing() {
    let mut side = active();
    let report = Report {
        message: Ident::copy("m").unwrap(),
        start: 1,
        end: 5,
        total: Some(5),
        status: 200,
    };
    side.connection
        .report(&side.sessions, at(1), &report, &mut side.entropy);
    side.send(1, chunk(7, "Hello"));
    assert_eq!(status_line(&side.written()), "MSRP 0000000000000001 REPORT");
    side.listen();
    side.heard();
    for status in [200, 400, 481] {
        side.read(&answer(1, status));
        assert_eq!((side.heard(), side.written()), (vec![], String::new()));
    }
    side.read(&answer(2, 200));
    assert_eq!(side.heard(), ["1: response 7 200"], "that is to the SEND");
}

#[test]
fn a_report_with_the_transaction_id_of_the_send_is_a_report() {
    let mut side = active();
    side.send(1, chunk(7, "Hello"));
    side.written();
    side.listen();
    side.heard();
    let (to, from) = (url("a", 1), url("b", 1));
    side.read(&format!(
        "MSRP {:016x} REPORT\nTo-Path: {to}\nFrom-Path: {from}\nMessage-ID: m1\n\
         Byte-Range: 1-5/5\nStatus: 000 200 OK\n-------{:016x}$\n",
        1, 1
    ));
    assert_eq!(side.heard(), ["1: report m1 200"]);
    side.read(&answer(1, 200));
    assert_eq!(side.heard(), ["1: response 7 200"], "it is still awaited");
}

#[test]
fn a_request_is_answered_once_and_as_its_failure_report_asks() {
    for (failure, status, answered) in [
        ("yes", 200, true),
        ("yes", 413, true),
        ("partial", 200, false),
        ("partial", 413, true),
        ("no", 200, false),
        ("no", 413, false),
    ] {
        let mut side = passive();
        side.read(&bodiless(1, &format!("Failure-Report: {failure}\n")));
        let txn = side.requests[0];
        side.connection.respond(txn, status);
        let written = side.written();
        assert_eq!(!written.is_empty(), answered, "{failure} {status}");
        side.connection.respond(txn, status);
        assert_eq!(side.written(), "");
        side.connection.respond(MsrpTxn(txn.0 + 64), status);
        assert_eq!(side.written(), "");
    }
}

#[test]
fn an_answer_goes_to_the_last_hop_from_the_session() {
    let mut side = passive();
    let path = format!("{} {}", url("relay", 9), url("a", 1));
    side.read(&bodiless(1, "").replace(&url("a", 1), &path));
    side.connection.respond(side.requests[0], 200);
    let (to, from) = (url("relay", 9), url("b", 1));
    assert_eq!(
        side.written(),
        format!("MSRP tid1 200 OK\r\nTo-Path: {to}\r\nFrom-Path: {from}\r\n-------tid1$\r\n")
    );
}

#[test]
fn the_last_64_requests_can_be_answered() {
    let mut side = passive();
    for _ in 0..65 {
        side.read(&bodiless(1, ""));
    }
    side.connection.respond(side.requests[0], 200);
    assert_eq!(side.written(), "");
    side.connection.respond(side.requests[1], 200);
    assert_eq!(status_line(&side.written()), "MSRP tid1 200 OK");
}

// --- Our own requests

fn active() -> Side {
    let mut side = Side::new(0);
    side.open(1, "a", "b", true).open(2, "a", "b", true);
    assert!(side.connect(1) && side.connect(2));
    side.listen();
    side.heard();
    side
}

fn answer(txn: u64, status: u16) -> String {
    format!("MSRP {txn:016x} {status} OK\n-------{txn:016x}$\n")
}

#[test]
fn cc_129_only_the_first_response_to_a_chunk_of_ours_counts() {
    let mut side = active();
    side.entropy = Counter(0xa);
    side.send(1, chunk(7, "Hello"));
    side.written();
    side.read(&answer(99, 200))
        .read("MSRP abcd 200 OK\n-------abcd$\n");
    side.read(&answer(0xb, 200).to_uppercase());
    assert_eq!(side.heard(), ["1: Written(ChunkId(7))"]);
    side.read(&answer(0xb, 413)).read(&answer(0xb, 200));
    assert_eq!(side.heard(), ["1: response 7 413"]);
}

#[test]
fn the_oldest_of_4097_unanswered_transactions_is_forgotten() {
    let mut side = active();
    for id in 1..=4097 {
        side.send(1, chunk(id, "x"));
    }
    side.send(2, chunk(1, "x"));
    side.written();
    side.listen();
    side.heard();
    side.read(&answer(1, 200)).read(&answer(2, 200));
    side.read(&answer(4098, 200));
    assert_eq!(side.heard(), ["1: response 2 200", "2: response 1 200"]);
}

#[test]
fn a_response_to_a_session_that_is_gone_is_dropped() {
    let mut side = active();
    side.send(1, chunk(7, "x"));
    side.sessions.release(at(1));
    side.connection.release(at(1));
    side.read(&answer(1, 200));
    assert_eq!(side.heard(), [""; 0]);
    assert!(
        !side.written().is_empty(),
        "what was pushed before still leaves"
    );
    side.listen();
    assert_eq!(side.heard(), [""; 0], "and gives no room");
    side.send(1, chunk(8, "x"));
    assert_eq!(side.written(), "");
}

#[test]
fn cc_122_a_transaction_id_that_occurs_in_the_body_is_not_taken() {
    let mut side = active();
    let body = (1..=3)
        .map(|n| format!("-------{n:016x}$"))
        .collect::<String>();
    side.send(1, chunk(1, &body));
    assert_eq!(status_line(&side.written()), "MSRP 0000000000000004 SEND");
    // Nor one that is in use.
    side.entropy = Counter(3);
    side.send(1, chunk(2, "x"));
    assert_eq!(status_line(&side.written()), "MSRP 0000000000000005 SEND");
}

#[test]
fn cc_122_the_rest_of_an_interrupted_chunk_has_an_id_that_does_not_occur_in_it() {
    let mut side = active();
    let rest = (2..=4)
        .map(|n| format!("-------{n:016x}$"))
        .collect::<String>();
    side.send(1, chunk(1, &("x".repeat(2048) + &rest)));
    // Somebody else waits, which cuts it after its turn.
    side.send(2, chunk(1, "y"));
    let written = side.written();
    let heads: Vec<_> = written
        .lines()
        .filter(|line| line.starts_with("MSRP") && line.ends_with("SEND"))
        .collect();
    let ids = [1, 2, 5].map(|id| format!("MSRP {id:016x} SEND"));
    assert_eq!(heads, ids);
    assert!(
        written.contains("-------0000000000000001+\r\n"),
        "it was cut"
    );
    assert!(written.ends_with(&format!("{rest}\r\n-------0000000000000005$\r\n")));
}

#[test]
fn the_octets_of_a_chunk_are_not_copied() {
    let mut side = active();
    let body = Bytes::from_static(b"Hello");
    side.send(
        1,
        Chunk {
            body: body.clone(),
            ..chunk(1, "Hello")
        },
    );
    side.connection.transmit().unwrap();
    assert_eq!(side.connection.transmit().unwrap().as_ptr(), body.as_ptr());
}

#[test]
fn a_chunk_has_been_written_when_more_is_asked_for() {
    let mut side = active();
    side.send(1, chunk(1, "Hello"));
    for _ in 0..3 {
        assert!(side.connection.transmit().is_some());
        side.listen();
        assert_eq!(side.heard(), [""; 0]);
    }
    assert!(side.connection.transmit().is_none());
    side.listen();
    assert_eq!(side.heard(), ["1: Written(ChunkId(1))"]);
}

#[test]
fn cc_132_chunks_take_turns_and_answers_go_between_them() {
    let mut side = active();
    side.send(1, chunk(1, "one"));
    side.send(2, chunk(2, "two"));
    side.connection.transmit().unwrap();
    side.read(&bodiless(3, ""));
    let report = Report {
        message: Ident::copy("m").unwrap(),
        start: 1,
        end: 5,
        total: Some(5),
        status: 200,
    };
    side.connection
        .report(&side.sessions, at(2), &report, &mut side.entropy);
    side.connection
        .report(&side.sessions, at(3), &report, &mut side.entropy);
    let written = side.written();
    let order: Vec<_> = written
        .split_inclusive("\r\n")
        .filter(|line| line.starts_with("MSRP") || line.ends_with("$\r\n"))
        .map(str::trim_end)
        .collect();
    assert_eq!(
        order,
        [
            "-------0000000000000001$",
            "MSRP tid3 481 Session Does Not Exist",
            "-------tid3$",
            "MSRP 0000000000000003 REPORT",
            "-------0000000000000003$",
            "MSRP 0000000000000002 SEND",
            "-------0000000000000002$",
        ]
    );
}

// --- Ends and bounds

#[test]
fn cc_116_what_was_read_is_told_before_the_end() {
    let mut side = passive();
    side.open(2, "b", "a", false);
    side.read(&bodiless(2, ""));
    side.heard();
    let text = bodiless(1, "Content-Type: text/plain\n\nHello\n").replace('\n', "\r\n");
    side.connection.buffer().extend_from_slice(text.as_bytes());
    side.connection.closed(Down::Lost);
    assert!(!side.connection.wants_input());
    side.listen();
    let heard = side.heard();
    assert_eq!(
        heard[2..],
        [
            "1: octets Hello",
            "1: End(Last)",
            "1: Down(Lost)",
            "2: Down(Lost)"
        ]
    );
    assert_eq!(side.sessions.connection(at(1)), None);
    side.connection.closed(Down::Lost);
    side.listen();
    assert_eq!(side.heard(), [""; 0], "told once");
    assert!(!side.connect(1), "and of no use any more");
    assert_eq!(side.written(), "");
}

#[test]
fn cc_124_broken_framing_ends_every_session() {
    let mut side = passive();
    side.read(&bodiless(1, ""));
    side.heard();
    side.read("HTTP/1.1 200 OK\n");
    assert_eq!(side.heard(), ["1: Down(Malformed)"]);
    assert!(side.connection.is_broken() && side.connection.is_unused());
    side.read(&bodiless(1, ""));
    assert_eq!(side.heard(), [""; 0]);
}

#[test]
fn cc_136_a_peer_that_asks_and_does_not_read_is_not_listened_to() {
    let mut side = passive();
    let mut asked = 0;
    while side.connection.wants_input() {
        side.read(&bodiless(2, ""));
        asked += 1;
        assert!(asked < 1000);
    }
    side.read(&bodiless(1, ""));
    assert_eq!(side.heard(), [""; 0]);
    let written = side.written();
    assert!(written.len() < 64 * 1024 + 500);
    side.listen();
    assert!(side.connection.wants_input());
    assert_eq!(side.heard().len(), 3);
}

// --- What sessions hold together

/// The beginning of a SEND with content to session `n`, with these further header lines.
fn begun(n: u8, more: &str) -> String {
    let head = bodiless(
        n,
        &format!("Byte-Range: 1-*/*\n{more}Content-Type: text/plain\n\nhi"),
    );
    head[..head.rfind("-------").unwrap()].to_owned()
}

/// A side with three sessions on its connection, which may hold ten octets together.
fn cramped() -> Side {
    let mut side = Side::new(0);
    side.config.limits.connection = 10;
    for n in 1..=3 {
        side.open(n, "b", "a", true);
        assert!(side.connect(n.into()));
    }
    side.listen();
    side.heard();
    side
}

impl Side {
    fn holds(&mut self, n: u32, octets: u64) -> Vec<String> {
        self.connection.holds(at(n), octets, &self.config);
        self.listen();
        self.heard()
    }

    /// Whether a message for session 3 is heard of; if not, it is answered with 413.
    fn has_room(&mut self) -> bool {
        self.read(&format!("{}\n-------tid3$\n", begun(3, "")));
        let heard = self.heard().len();
        let written = self.written();
        assert_eq!(
            heard == 0,
            written.starts_with("MSRP tid3 413"),
            "{written}"
        );
        heard > 0
    }
}

#[test]
fn the_message_with_which_sessions_hold_too_much_is_refused_in_the_middle_of_its_chunk() {
    let mut side = cramped();
    assert_eq!(side.holds(1, 6), [""; 0]);
    side.read(&begun(2, ""));
    side.heard();
    assert_eq!(side.holds(2, 4), [""; 0], "at the limit");
    assert_eq!(side.holds(2, 5), ["2: Full"], "one octet above it");
    assert_eq!(side.holds(2, 5), [""; 0], "once");
    // The rest is the session's to skip.
    side.holds(2, 0);
    side.read("ho\n-------tid2$\n");
    assert_eq!(side.heard().last().unwrap(), "2: End(Last)");
    assert!(side.has_room());
}

#[test]
fn who_holds_no_more_than_before_may_finish_its_chunk() {
    let mut side = cramped();
    side.read(&begun(2, ""));
    side.heard();
    assert_eq!(side.holds(1, 11), [""; 0], "it is not in the middle of one");
    assert_eq!(side.holds(2, 0), [""; 0]);
    side.read("ho\n-------tid2$\n");
    assert_eq!(side.heard().last().unwrap(), "2: End(Last)");
    assert_eq!(side.written(), "");
}

#[test]
fn no_message_begins_while_sessions_hold_too_much() {
    let mut side = cramped();
    side.holds(1, 5);
    side.holds(2, 5);
    assert!(side.has_room(), "at the limit");
    side.holds(2, 6);
    assert!(!side.has_room());
    side.read(&format!(
        "{}\n-------tid3$\n",
        begun(3, "Failure-Report: no\n")
    ));
    assert_eq!((side.heard().len(), side.written()), (0, String::new()));
    // What has no content takes no room.
    side.read(&bodiless(3, ""));
    assert_eq!(side.heard().len(), 2);
    side.holds(1, 4);
    assert!(side.has_room(), "freed by an end of a message");
    side.holds(1, 9);
    assert!(!side.has_room());
    side.sessions.release(at(1));
    side.connection.release(at(1));
    assert!(side.has_room(), "freed by the end of a session");
    side.holds(1, 9);
    assert!(side.has_room(), "it is not on this connection any more");
}

#[test]
fn a_session_that_is_released_hears_no_more() {
    let mut side = passive();
    let text = bodiless(1, "Content-Type: text/plain\n\nHello\n");
    let (first, rest) = text.split_at(text.len() - 14);
    side.read(first);
    side.heard();
    side.sessions.release(at(1));
    assert!(side.connection.release(at(1)));
    side.read(rest).read(&bodiless(1, ""));
    assert_eq!(side.heard(), [""; 0]);
    assert_eq!(
        status_line(&side.written()),
        "MSRP tid1 481 Session Does Not Exist"
    );
    let mut side = passive();
    side.connect(1);
    side.connection.release(at(1));
    side.listen();
    assert_eq!(side.heard(), [""; 0], "nor what was to be told already");
}

// --- Two sides of a pipe

/// Carries octets both ways, `step` at a time, until nothing moves. Every SEND is answered with 200, and
/// each session sends its next message when it has room.
fn talk(messages: &[Vec<String>], step: usize) -> (Side, Side) {
    let (mut a, mut b) = (Side::new(0), Side::new(1 << 32));
    for n in 1..=messages.len() as u8 {
        a.open(n, "a", "b", true);
        b.open(n, "b", "a", false);
        assert!(a.connect(n.into()));
    }
    let mut next = vec![0; messages.len()];
    let (mut to_a, mut to_b) = (Vec::new(), Vec::new());
    loop {
        a.listen();
        let (rooms, heard): (Vec<_>, Vec<_>) = a
            .heard()
            .into_iter()
            .partition(|news| news.ends_with("Up") || news.contains("Written"));
        a.heard = heard;
        let idle = rooms.is_empty();
        for room in rooms {
            let n: usize = room.split(':').next().unwrap().parse().unwrap();
            if let Some(body) = messages[n - 1].get(next[n - 1]) {
                a.send(n as u32, chunk(next[n - 1] as u32, body));
                next[n - 1] += 1;
            }
        }
        for request in std::mem::take(&mut b.requests) {
            b.connection.respond(request, 200);
        }
        to_b.extend_from_slice(a.written().as_bytes());
        to_a.extend_from_slice(b.written().as_bytes());
        if idle && to_a.is_empty() && to_b.is_empty() {
            return (a, b);
        }
        for (pipe, side) in [(&mut to_a, &mut a), (&mut to_b, &mut b)] {
            let size = step.min(pipe.len());
            side.connection.buffer().extend(pipe.drain(..size));
            side.listen();
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn every_session_gets_its_own_messages_in_order(
        messages in prop::collection::vec(prop::collection::vec("[a-z\\-\r\n]{0,40}", 0..5), 1..4),
        step in 1usize..200,
    ) {
        let (a, b) = talk(&messages, step);
        for (n, bodies) in messages.iter().enumerate() {
            let whose = format!("{}: ", n + 1);
            let mut got: Vec<String> = Vec::new();
            for news in b.heard.iter().filter_map(|news| news.strip_prefix(&whose)) {
                if news.starts_with("send ") {
                    got.push(String::new());
                } else if let Some(octets) = news.strip_prefix("octets ") {
                    got.last_mut().unwrap().push_str(octets);
                }
            }
            prop_assert_eq!(&got, bodies);
            let answered = a.heard.iter().filter(|news| news.starts_with(&format!("{whose}response")));
            prop_assert_eq!(answered.count(), bodies.len());
        }
    }

    #[test]
    fn any_octets_are_survived_by_a_connection(
        reads in prop::collection::vec(prop_oneof![
            prop::collection::vec(any::<u8>(), 0..20),
            Just(bodiless(1, "").replace('\n', "\r\n").into_bytes()),
            Just(bodiless(2, "Content-Type: a/b\n\nHi\n").replace('\n', "\r\n").into_bytes()),
            Just(b"MSRP abcd 200 OK\r\n-------abcd$\r\n".to_vec()),
            Just(b"MSRP abcd AUTH\r\nTo-Path: x\r\n-------abcd$\r\n".to_vec()),
        ], 0..30),
    ) {
        let mut side = passive();
        for read in reads {
            side.connection.buffer().extend_from_slice(&read);
            side.listen();
            side.written();
            prop_assert!(side.connection.buffer().len() <= 8 * 1024);
        }
        side.connection.closed(Down::Lost);
        side.listen();
        let ups = side.heard.iter().filter(|news| news.contains("Up")).count();
        let downs = side.heard.iter().filter(|news| news.contains("Down")).count();
        prop_assert_eq!(ups, downs);
    }
}
