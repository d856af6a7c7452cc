//! One bad message a rule: what is wrong, where, and what to answer.

use std::collections::BTreeSet;
use std::path::Path;

use bytes::Bytes;
use simple_im::wire::sip::{self, MAX_HEAD, MAX_URI};
use simple_im::{Flaw, Request, Response, Status, Uri};

use super::{crlf, message_with, request};

/// What was offered, what was said of it, and what should have been said.
struct Case {
    input: Bytes,
    flaw: Flaw,
    what: &'static str,
    status: u16,
    /// What stands where the flaw is.
    there: Vec<u8>,
}

fn start_of(octets: &[u8]) -> String {
    String::from_utf8_lossy(&octets[..octets.len().min(400)]).into_owned()
}

#[derive(Default)]
struct Cases(Vec<Case>);

impl Cases {
    fn add<T>(
        &mut self,
        input: impl Into<Bytes>,
        got: Result<T, Flaw>,
        what: &'static str,
        status: u16,
        there: impl AsRef<[u8]>,
    ) {
        let input = input.into();
        let Err(flaw) = got else {
            panic!("no flaw: {what}: {}", start_of(&input));
        };
        let there = there.as_ref().to_vec();
        self.0.push(Case {
            input,
            flaw,
            what,
            status,
            there,
        });
    }

    /// A message as octets.
    fn octets(&mut self, input: impl Into<Bytes>, what: &'static str, status: u16, there: &[u8]) {
        let input = input.into();
        let got = sip::parse(&input);
        self.add(input, got, what, status, there);
    }

    /// A MESSAGE with this start line.
    fn start(&mut self, line: &str, what: &'static str, status: u16, there: &str) {
        let text = message_with("Foo: y").replace("MESSAGE sip:bob@example.com SIP/2.0", line);
        self.octets(crlf(&text), what, status, there.as_bytes());
    }

    /// A MESSAGE with this header field: as it stands, in a head that is folded before it, and folded itself.
    fn field(&mut self, line: &str, what: &'static str, there: &str) {
        for text in [
            message_with(line),
            message_with(line).replace("MESSAGE sip:bob@example.com SIP/2.0", "$&\nFold:\n 1\n  2"),
        ] {
            let text = text.replace("$&", "MESSAGE sip:bob@example.com SIP/2.0");
            self.octets(crlf(&text), what, 400, there.as_bytes());
        }
    }

    /// What has arrived on a stream.
    fn stream(
        &mut self,
        text: &str,
        limit: usize,
        what: &'static str,
        status: u16,
        there: impl AsRef<[u8]>,
    ) {
        let octets = crlf(text);
        let got = sip::frame(&octets, limit);
        self.add(octets, got, what, status, there);
    }

    fn uri(&mut self, text: &'static str, what: &'static str, there: &str) {
        self.add(text, Uri::copy(text), what, 400, there);
    }
}

fn start_lines(cases: &mut Cases) {
    let neither = "start line is neither of a request nor of a response";
    cases.octets("MESSAGE sip:h SIP/2.0", "start line has no end", 400, b"");
    cases.octets(
        "X y\nA: b\r\n\r\n",
        "line is not ended by CRLF",
        400,
        b"\nA",
    );
    cases.start("MESSAGE", neither, 400, "MESSAGE\r\n");
    cases.start("M@ sip:h SIP/2.0", "method is no token", 400, "M@ ");
    cases.start(" sip:h SIP/2.0", "method is no token", 400, " sip");
    cases.start("MESSAGE sip:h", "request line has no version", 400, "sip:h");
    let blank = "request line ends with a blank";
    cases.start("MESSAGE sip:h SIP/2.0 ", blank, 400, "\r\nVia");
    let two = "more than one blank between method and Request-URI";
    cases.start("MESSAGE  sip:h SIP/2.0", two, 400, " sip:h");
    let two = "more than one blank between Request-URI and version";
    cases.start("MESSAGE sip:h  SIP/2.0", two, 400, "  SIP/2.0");
    let brackets = "Request-URI is in angle brackets";
    cases.start("MESSAGE <sip:h> SIP/2.0", brackets, 400, "<sip:h>");
    cases.start(
        "MESSAGE sip:h HTTP/1.1",
        "version is not of SIP",
        400,
        "HTTP",
    );
    cases.start(
        "MESSAGE sip:h SIP/7.0",
        "version is not SIP/2.0",
        505,
        "SIP/7",
    );
    cases.start(
        "SIP/3.0 200 OK",
        "version is not SIP/2.0",
        505,
        "SIP/3.0 200",
    );
    let code = "status code is not from 100 to 699";
    cases.start("SIP/2.0 700 No", code, 400, "700 No");
    cases.start("SIP/2.0 20 OK", code, 400, "20 OK");
    cases.start("SIP/2.0 200 O\x07K", "control character", 400, "\x07K");
    let latin = [b"SIP/2.0 200 caf\xE9", &crlf(&message_with("A: b"))[35..]].concat();
    cases.octets(latin, "reason phrase is not UTF-8", 400, b"\xE9\r\n");

    let long = format!("MESSAGE sip:{} SIP/2.0", "h".repeat(MAX_URI));
    cases.start(&long, "Request-URI is too long", 414, "hhhh SIP/2.0\r\n");
    let scheme = "URI has an unknown scheme";
    cases.start("MESSAGE http://h SIP/2.0", scheme, 416, "http");
    let promoted = "Request-URI has header fields";
    cases.start("MESSAGE sip:h?a=b SIP/2.0", promoted, 400, "?a=b");
    cases.start("MESSAGE bob SIP/2.0", "URI has no scheme", 400, "bob");
    let param = "character not allowed in a URI parameter";
    cases.start("MESSAGE sip:h; lr SIP/2.0", param, 400, " lr");
    cases.start(
        "MESSAGE sip:\u{e9} SIP/2.0",
        "URI has a host that is neither name nor address",
        400,
        "\u{e9}",
    );

    let wrong = "response where a request was expected";
    let ok = crlf(
        &message_with("A: b").replace("MESSAGE sip:bob@example.com SIP/2.0", "SIP/2.0 200 OK"),
    );
    cases.add(
        ok.clone(),
        sip::parse_request(&ok),
        wrong,
        400,
        "SIP/2.0 200",
    );
    let wrong = "request where a response was expected";
    let asked = crlf(&message_with("A: b"));
    cases.add(
        asked.clone(),
        sip::parse_response(&asked),
        wrong,
        400,
        "MESSAGE",
    );
}

fn uris(cases: &mut Cases) {
    cases.uri("bob", "URI has no scheme", "bob");
    cases.uri("sip:2001:db8::1", "IPv6 address without brackets", "2001");
    cases.uri("sip:", "URI has no host", "");
    cases.uri("sip:a@;lr", "URI has no host", ";lr");
    cases.uri("sip:@h", "URI has an empty user part", "@h");
    cases.uri(
        "sip:a%zz@h",
        "character not allowed in the user part of a URI",
        "%zz",
    );
    cases.uri(
        "sip:a:b[@h",
        "character not allowed in the password of a URI",
        "[@h",
    );
    cases.uri(
        "sip:a@[::1",
        "URI has a host that is neither name nor address",
        "[::1",
    );
    cases.uri(
        "sip:a@h:65536",
        "URI has a port that is no port number",
        "65536",
    );
    cases.uri("sip:a@h;;lr", "URI has a parameter without a name", ";lr");
    cases.uri(
        "sip:a@h;a=<",
        "character not allowed in a URI parameter",
        "<",
    );
    cases.uri("sip:a@h?a=<", "character not allowed in a URI header", "<");
    cases.uri("tel:+", "tel URI has no number", "+");
    cases.uri("tel:1x", "character not allowed in a telephone number", "x");
    let latin = Bytes::from_static(b"sip:caf\xE9");
    cases.add(
        latin.clone(),
        Uri::parse(latin),
        "URI is not UTF-8",
        400,
        b"\xE9",
    );
    let mut session = |text: &'static str, what, there: &str| {
        let uri = Uri::copy(text).unwrap();
        cases.add(text, uri.session_param(), what, 400, there);
    };
    session(
        "sip:h;session",
        "session parameter has no token for value",
        "session",
    );
    session(
        "sip:h;session=a;session=b",
        "session parameter is repeated",
        "session=b",
    );
}

fn heads(cases: &mut Cases) {
    let base = message_with("Foo: y");
    for (name, what) in [
        ("From", "no From"),
        ("To", "no To"),
        ("Call-ID", "no Call-ID"),
        ("CSeq", "no CSeq"),
        ("Via", "no Via"),
    ] {
        let without: String = base
            .lines()
            .filter(|line| !line.starts_with(name))
            .map(|line| format!("{line}\n"))
            .collect();
        let first = without.lines().nth(1).unwrap().to_owned();
        cases.octets(crlf(&without), what, 400, first.as_bytes());
    }
    let mut lines = |extra: &[u8], what, status, there: &[u8]| {
        let (front, back) = base.split_once("Foo: y\n").unwrap();
        let octets = [&crlf(front)[..], extra, b"\r\n", &crlf(back)].concat();
        cases.octets(octets, what, status, there);
    };
    lines(b"Foo: a\x07b", "control character", 400, b"\x07b");
    lines(b"Foo: y\r\n a\x07b", "control character", 400, b"\x07b");
    lines(b"Foo: \xFF", "head is not UTF-8", 400, b"\xFF");
    lines(b"Foo: y\r\n\t\xFF", "head is not UTF-8", 400, b"\xFF");
    lines(b"Foo: a\rb", "CR without LF", 400, b"\rb");
    lines(b"Foo: a\r\r\n b", "CR without LF", 400, b"\r\r\n b");
    lines(b"Foo: a\nb: c", "line is not ended by CRLF", 400, b"\nb: c");
    lines(
        b"Foo: a\r\n b\n c",
        "line is not ended by CRLF",
        400,
        b"\n c",
    );
    lines(b"Foo", "header field has no colon", 400, b"Foo\r\n");
    lines(b"Fo o: a", "header field name is no token", 400, b" o: a");
    lines(b": a", "header field name is no token", 400, b": a");
    lines(
        b"Foo\r\n : a",
        "header field name is no token",
        400,
        b"\r\n : a",
    );
    // Whatever a line that begins with a blank goes on with, it is not the start line.
    let text = base.replacen("\nVia", "\n Via", 1);
    let name = "header field name is no token";
    cases.octets(crlf(&text), name, 400, b" Via");
    let octets = crlf(&base);
    let end = octets.len() - 2;
    cases.octets(octets.slice(..end), "head has no end", 400, b"");

    let mut many = message_with(&["Foo: y"; 250].join("\n"));
    cases.octets(
        crlf(&many),
        "too many header fields",
        513,
        b"Content-Length",
    );
    many = many.replacen("Foo: y", "Foo: y\n z", 1);
    cases.octets(
        crlf(&many),
        "too many header fields",
        513,
        b"Content-Length",
    );
    for fold in ["", "\n "] {
        let text = message_with(&format!("Foo:{fold}{}", "a".repeat(MAX_HEAD)));
        let octets = crlf(&text);
        let there = octets[MAX_HEAD..].to_vec();
        cases.octets(octets, "head is too large", 513, &there);
    }
    let there = "Content-Length is larger than the body";
    cases.octets(
        crlf(&base.replace("Length: 0", "Length: 1")),
        there,
        400,
        b"1\r\n\r\n",
    );
    let folded = base.replace("Length: 0", "Length :\n\t 1");
    cases.octets(crlf(&folded), there, 400, b"1\r\n\r\n");
}

fn fields(cases: &mut Cases) {
    cases.field("From: alice", "URI has no scheme", "alice");
    cases.field("From: <sip:a b@h>", "blank in a URI", " b@h>");
    cases.field("From: <sip:a@h", "URI has no closing bracket", "\r\n");
    let name = "display name is neither tokens nor a quoted string";
    cases.field("From: A@b <sip:a@h>", name, "@b <sip");
    let headers = "URI with header fields is not in angle brackets";
    cases.field("From: sip:a@h?b=c", headers, "?b=c");
    let param = "header field parameter is malformed";
    cases.field("From: <sip:a@h>;tag=;x", param, ";tag=;x");
    cases.field(
        "From: <sip:a@h>, <sip:b@h>",
        "more than one address",
        ", <sip",
    );
    cases.field("To: \"B <sip:b@h>", "quoted string has no end", "\"B <");
    cases.field("Call-ID: a b", "Call-ID is no word", "a b");
    cases.field(
        "CSeq: 2147483648 MESSAGE",
        "CSeq has no number below 2^31",
        "2147483648",
    );
    cases.field("CSeq: 1", "CSeq has no method", "1\r\n");
    let other = "CSeq names another method than the request line";
    cases.field("CSeq: 1 BYE", other, "1 BYE");
    cases.field("Via: SIP/2.0/UDP h;;,", "Via is malformed", ";;,\r\n");
    cases.field("Contact: <>", "URI has no scheme", ">");
    cases.field(
        "Max-Forwards: 256",
        "Max-Forwards is not from 0 to 255",
        "256",
    );
    cases.field("l: 0x", "Content-Length is no number", "0x");
    let seconds = "Session-Expires is no number of seconds";
    cases.field("Session-Expires: 0", seconds, "0\r\n");
    let refresher = "refresher is neither uac nor uas";
    cases.field("x: 90;refresher=me", refresher, "90;refresher");
    let twice = "x: 90;refresher=uac;refresher=uas";
    cases.field(twice, "refresher is named twice", "90;refresher");
    cases.field("Min-SE: -1", "Min-SE is no number of seconds", "-1");
    let repeated = "header field is repeated";
    cases.field("Foo: a\nFrom: <sip:x@h>", repeated, "<sip:x@h>");
    for (value, what) in [
        ("a", "Replaces is malformed"),
        ("a;to-tag=1;from-tag=2\nReplaces: b", repeated),
    ] {
        let head = request(&message_with(&format!("Replaces: {value}"))).head;
        let lines = head.lines().clone();
        cases.add(
            lines,
            head.replaces(),
            what,
            400,
            value.lines().next().unwrap(),
        );
    }
}

fn streams(cases: &mut Cases) {
    let head = "MESSAGE sip:h SIP/2.0\nCall-ID: a\n";
    let mut stream = |fields: &str, what, status, there: &str| {
        cases.stream(&format!("\n{head}{fields}\n"), 100, what, status, there);
    };
    stream("", "no Content-Length on a stream", 400, "MESSAGE");
    stream(
        "l: 1\nl: 1\n",
        "Content-Length is repeated",
        400,
        "l: 1\r\n\r\n",
    );
    stream("l: 1x\n", "Content-Length is no number", 400, "l: 1x");
    stream("l: 100\n", "body is too large", 413, "l: 100");
    stream(
        &format!("Foo: {}\n", "a".repeat(61)),
        "head is too large",
        513,
        "a\r\n\r\n",
    );
    cases.stream(&"a".repeat(101), 100, "head is too large", 513, "a");
}

/// What a host hands over comes through the same door.
fn builds(cases: &mut Cases) {
    let text = message_with("Foo: y");
    let all: Vec<_> = text
        .lines()
        .skip(1)
        .filter_map(|line| line.split_once(": "))
        .collect();
    let build = |uri: &str, name: &str, value: &str| {
        let mut headers = all.clone();
        headers.push((name, value));
        Request::build("MESSAGE", uri, headers, Bytes::new())
    };
    let uri = "sip:bob@example.com";
    let broken = "start line holds a line break";
    cases.add(
        "",
        build("sip:h SIP/2.0\r\nA: b", "A", "b"),
        broken,
        400,
        "",
    );
    let broken = "header field holds a line break";
    let written = crlf(text.strip_suffix("\n").unwrap());
    for (name, value) in [("A", "b\r\nTo: x"), ("A", "b\n c"), ("A\r\nTo", "x")] {
        cases.add(written.clone(), build(uri, name, value), broken, 400, "");
    }
    let repeated = [&written, &b"CSeq: 2 MESSAGE\r\n\r\n"[..]].concat();
    let got = build(uri, "CSeq", "2 MESSAGE");
    cases.add(repeated, got, "header field is repeated", 400, "2 MESSAGE");
    let got = Response::build(Status(99), all.clone(), Bytes::new());
    cases.add(
        "SIP/2.0 99 ",
        got,
        "status code is not from 100 to 699",
        400,
        "99 ",
    );
    let ok = Response::build(Status(200), all, Bytes::new()).unwrap();
    cases.add(
        "a\x07",
        ok.with_reason("a\x07"),
        "control character",
        400,
        "\x07",
    );
}

fn cases() -> Vec<Case> {
    let mut cases = Cases::default();
    for table in [start_lines, uris, heads, fields, streams, builds] {
        table(&mut cases);
    }
    cases.0
}

#[test]
fn a_flaw_says_what_is_wrong_where_and_what_to_answer() {
    for case in cases() {
        let Case {
            input,
            flaw,
            what,
            status,
            there,
        } = case;
        let text = start_of(&input);
        assert_eq!((flaw.what, flaw.status), (what, Status(status)), "{text}");
        let rest = input
            .get(flaw.at..)
            .unwrap_or_else(|| panic!("{flaw} lies outside: {text}"));
        let seen = start_of(rest);
        assert!(
            rest.starts_with(&there),
            "{flaw}, where {seen:?} is: {text}"
        );
        assert!(
            !there.is_empty() || rest.is_empty() || input.is_empty(),
            "{flaw} is at {seen:?}"
        );
    }
}

/// A rule without a bad message would be a rule that nobody has seen at work.
#[test]
fn every_flaw_of_the_codec_is_in_the_table() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/wire");
    let seen: BTreeSet<_> = cases().iter().map(|case| case.flaw.what).collect();
    let mut missed = Vec::new();
    for file in [
        "sip.rs",
        "uri.rs",
        "sip/address.rs",
        "sip/build.rs",
        "sip/fields.rs",
        "sip/frame.rs",
        "sip/lines.rs",
        "sip/views.rs",
    ] {
        let text = std::fs::read_to_string(source.join(file)).unwrap();
        let code = text
            .lines()
            .filter(|line| !line.trim_start().starts_with("//") && !line.contains("reason ="));
        // Literals are what stands between every other pair of quotes.
        let literals = code.flat_map(|line| line.split('"').skip(1).step_by(2));
        let is_sentence = |text: &&str| text.contains(' ') && text.starts_with(char::is_alphabetic);
        for what in literals
            .filter(is_sentence)
            .filter(|what| !seen.contains(what))
        {
            missed.push(format!("{file}: {what}"));
        }
    }
    assert!(missed.is_empty(), "{}", missed.join("\n"));
}
