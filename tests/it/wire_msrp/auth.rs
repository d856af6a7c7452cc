//! The header fields of RFC 4976 and RFC 7701, read and written.

use simple_im::wire::msrp::{
    AuthenticationInfo, Challenge, Credentials, write_answer, write_request,
};

use super::*;

const RELAY: &str = "msrps://alice@intra.example.com;tcp";
const ALICE: &str = "msrps://alice.example.com:9892/98cjs;tcp";

fn request(method: &str, lines: &str) -> String {
    let mut out = BytesMut::new();
    let (to, from, lines) = (RELAY.as_bytes(), ALICE.as_bytes(), crlf(lines));
    write_request(&mut out, "49fh", method, to, from, lines.as_bytes());
    String::from_utf8(out.to_vec()).unwrap()
}

fn answer(status: u16, lines: &str) -> String {
    let mut out = BytesMut::new();
    let (to, from, lines) = (ALICE.as_bytes(), RELAY.as_bytes(), crlf(lines));
    write_answer(&mut out, "49fh", status, to, from, lines.as_bytes());
    String::from_utf8(out.to_vec()).unwrap()
}

/// The head of a frame that even a strict decoder takes.
fn head(text: &str) -> Head {
    let mut input = BytesMut::from(text);
    match Decoder::new(HEAD_LIMIT, Tolerance::strict()).next(&mut input) {
        Ok(Some(Piece::Head(head))) => head,
        other => panic!("{text}: {other:?}"),
    }
}

#[test]
fn an_auth_is_written_as_rfc_4976_has_it() {
    let text = request("AUTH", "");
    let golden = crlf(
        "MSRP 49fh AUTH\nTo-Path: msrps://alice@intra.example.com;tcp\nFrom-Path: msrps://alice.example.com:9892/98cjs;tcp\n-------49fh$\n",
    );
    assert_eq!(text, golden);
    let head = head(&text);
    assert_eq!((head.kind(), head.method()), (Kind::Auth, "AUTH"));
    assert_eq!((head.to_path(), head.from_path()), (RELAY, ALICE));
    assert_eq!(head.expires(), Ok(None));
    assert_eq!(head.authorization(), Ok(None));
    check_splits(text.as_bytes());
}

#[test]
fn a_challenge_is_read_and_written() {
    let text = answer(
        401,
        "WWW-Authenticate: Digest realm=\"intra.example.com\", qop=\"auth\", nonce=\"dcd98b7102\"\n",
    );
    let head = head(&text);
    assert_eq!(head.comment(), "Unauthorized");
    let challenges: Vec<_> = head.challenges().map(Result::unwrap).collect();
    let expected = Challenge {
        realm: "intra.example.com",
        nonce: "dcd98b7102",
        opaque: None,
        stale: false,
        algorithm: None,
        qop: "auth",
    };
    assert_eq!(challenges, [expected]);

    let full = Challenge {
        realm: "a, \\\"b\\\" \\\\",
        opaque: Some("=,="),
        stale: true,
        algorithm: Some("SHA-256"),
        qop: "auth,other , x",
        ..expected
    };
    let text = full.to_string();
    assert_eq!(
        text,
        "Digest realm=\"a, \\\"b\\\" \\\\\", nonce=\"dcd98b7102\", opaque=\"=,=\", stale=true, \
         algorithm=SHA-256, qop=\"auth,other , x\""
    );
    assert_eq!(Challenge::parse(&text), Ok(full));
    assert_eq!(full.qops().collect::<Vec<_>>(), ["auth", "other", "x"]);
    assert_eq!(expected.qops().collect::<Vec<_>>(), ["auth"]);
}

#[test]
fn several_challenges_are_read_in_their_order() {
    let text = answer(
        401,
        "WWW-Authenticate: Digest realm=\"a\", nonce=\"1\", algorithm=SHA-256, qop=\"auth\"\n\
         X-Other: x\n\
         www-authenticate: Digest realm=\"a\", nonce=\"2\", qop=\"auth\"\n",
    );
    let head = head(&text);
    let nonces: Vec<_> = head
        .challenges()
        .map(|challenge| challenge.unwrap().nonce)
        .collect();
    assert_eq!(nonces, ["1", "2"]);
}

#[test]
fn what_is_no_challenge_is_refused() {
    for (text, what) in [
        ("Basic realm=\"a\"", "authentication scheme is not Digest"),
        ("Digest", "digest parameter is malformed"),
        ("Digest realm=\"a\"", "challenge without nonce"),
        ("Digest nonce=\"a\"", "challenge without realm"),
        (
            "Digest realm=a, nonce=\"b\"",
            "digest parameter is not in quotes",
        ),
        (
            "Digest realm=\"a\" nonce=\"b\"",
            "digest parameter is malformed",
        ),
        (
            "Digest realm=\"a\",, nonce=\"b\"",
            "digest parameter is malformed",
        ),
        (
            "Digest realm=\"a\", nonce=\"b\",",
            "digest parameter is malformed",
        ),
        (
            "Digest realm=\"a, nonce=\"b\"",
            "digest parameter is malformed",
        ),
        (
            "Digest realm=\"a\\\", nonce=\"b\"",
            "digest parameter is malformed",
        ),
        (
            "Digest realm=\"a\", realm=\"a\", nonce=\"b\"",
            "digest parameter is repeated",
        ),
        (
            "Digest realm=\"a\", nonce=\"b\", algorithm=\"M D5\"",
            "digest parameter is no token",
        ),
        ("Digest =\"a\"", "digest parameter is malformed"),
        ("Digest realm=", "digest parameter is malformed"),
    ] {
        assert_eq!(Challenge::parse(text).unwrap_err().what, what, "{text}");
    }
    // RFC 4976 §9.1: `domain` is passed over, as is what nobody knows.
    let read =
        "digest realm=\"a\" ,\tnonce=\"b\",domain=\"x y\", later=1, algorithm=\"MD5\", stale=TRUE";
    let read = Challenge::parse(read).unwrap();
    assert_eq!((read.algorithm, read.stale), (Some("MD5"), true));
}

#[test]
fn credentials_are_read_and_written() {
    let credentials = Credentials {
        username: "Alice",
        realm: "intra.example.com",
        nonce: "dcd98b7102",
        uri: Some(RELAY),
        response: "6629fae49393a05397450978507c4ef1",
        algorithm: Some("MD5"),
        cnonce: "0a4f113b",
        opaque: Some("x"),
        qop: "auth",
        nc: 26,
    };
    let text = request(
        "AUTH",
        &format!("Authorization: {credentials}\nExpires: 600\n"),
    );
    assert!(text.contains(
        "Authorization: Digest username=\"Alice\", realm=\"intra.example.com\", nonce=\"dcd98b7102\", \
         uri=\"msrps://alice@intra.example.com;tcp\", response=\"6629fae49393a05397450978507c4ef1\", \
         algorithm=MD5, opaque=\"x\", cnonce=\"0a4f113b\", qop=auth, nc=0000001a\r\n"
    ));
    let head = head(&text);
    assert_eq!(head.authorization(), Ok(Some(credentials)));
    assert_eq!(head.expires(), Ok(Some(600)));

    // As the example of RFC 4976 §5.1 has it: without a URI.
    let text = "Digest username=\"Alice\", realm=\"r\", nonce=\"n\", qop=auth, nc=00000001, cnonce=\"c\", \
                response=\"66\"";
    let read = Credentials::parse(text).unwrap();
    assert_eq!((read.uri, read.nc, read.response), (None, 1, "66"));
    for missing in [
        "username", "realm", "nonce", "qop", "nc", "cnonce", "response",
    ] {
        let text = text.replacen(&format!("{missing}="), "other=", 1);
        assert!(Credentials::parse(&text).is_err(), "{missing}");
    }
    for nc in ["1", "000000001", "0000000g", "+0000001"] {
        let text = text.replace("00000001", nc);
        assert!(Credentials::parse(&text).is_err(), "{nc}");
    }
}

/// What a user calls himself writes no header line.
#[test]
fn a_name_cannot_write_more_than_itself() {
    let credentials = Credentials {
        username: "a\"\r\nX: y\\",
        realm: "r",
        nonce: "n",
        uri: None,
        response: "66",
        algorithm: Some("MD5, x=\"y\""),
        cnonce: "c",
        opaque: None,
        qop: "auth\r\n",
        nc: 1,
    };
    let text = request("AUTH", &format!("Authorization: {credentials}\n"));
    let head = head(&text);
    assert_eq!(head.fields().count(), 3);
    let read = head.authorization().unwrap().unwrap();
    assert_eq!(read.username, "a\\\"X: y\\\\");
    assert_eq!((read.algorithm, read.qop), (Some("MD5xy"), "auth"));
}

#[test]
fn what_a_relay_grants_is_read() {
    let info = AuthenticationInfo {
        nextnonce: Some("40f2e8"),
        rspauth: Some("732757"),
        cnonce: Some("0a4f113b"),
        qop: Some("auth"),
        nc: Some(1),
    };
    let text = answer(
        200,
        &format!(
            "Use-Path: msrps://b.example.com:9000/x;tcp msrps://c.example.com:9000/y;tcp\n\
             Authentication-Info: {info}\nExpires: 900\n"
        ),
    );
    assert!(text.contains(
        "Authentication-Info: nextnonce=\"40f2e8\", rspauth=\"732757\", cnonce=\"0a4f113b\", nc=00000001, qop=auth\r\n"
    ));
    let head = head(&text);
    let path = "msrps://b.example.com:9000/x;tcp msrps://c.example.com:9000/y;tcp";
    assert_eq!(head.use_path(), Ok(Some(path)));
    assert_eq!(head.authentication_info(), Ok(Some(info)));
    assert_eq!(head.expires(), Ok(Some(900)));
    let one = AuthenticationInfo::parse("nextnonce=\"a\"").unwrap();
    assert_eq!((one.nextnonce, one.nc), (Some("a"), None));
    assert!(AuthenticationInfo::parse("").is_err());
}

#[test]
fn bounds_of_an_interval_are_read() {
    let read = |lines: &str| {
        let text = answer(423, lines);
        let mut input = BytesMut::from(&text[..]);
        let Ok(Some(Piece::Head(head))) = Decoder::default().next(&mut input) else {
            panic!("{text}");
        };
        let what = |flaw: simple_im::Flaw| flaw.what;
        (
            head.min_expires().map_err(what),
            head.max_expires().map_err(what),
        )
    };
    let malformed = Err("number of seconds is malformed");
    assert_eq!(read("Min-Expires: 10\n"), (Ok(Some(10)), Ok(None)));
    assert_eq!(
        read("Max-Expires: 4294967295\n"),
        (Ok(None), Ok(Some(u32::MAX)))
    );
    assert_eq!(read("Max-Expires: 4294967296\n"), (Ok(None), malformed));
    assert_eq!(
        read("Min-Expires: +1\nMax-Expires:\n"),
        (malformed, malformed)
    );
    assert_eq!(
        read("Min-Expires: 1\nmin-expires: 2\n").0,
        Err("header field is repeated")
    );
}

#[test]
fn a_nickname_is_read_as_it_stands_between_its_quotes() {
    let text = request("NICKNAME", "Use-Nickname: \"Älice \\\"the great\\\"\"\n");
    let read = head(&text);
    assert_eq!((read.kind(), read.method()), (Kind::Nickname, "NICKNAME"));
    assert_eq!(read.nickname(), Ok(Some("Älice \\\"the great\\\"")));
    for (name, fits) in [
        ("a".repeat(1023), true),
        ("a".repeat(1024), false),
        (String::new(), false),
    ] {
        let text = request("NICKNAME", &format!("Use-Nickname: \"{name}\"\n"));
        assert_eq!(only_head(text.as_bytes()).nickname().is_ok(), fits);
    }
    assert_eq!(
        head(&answer(425, "")).comment(),
        "Nickname Reserved Or Already In Use"
    );
}

#[test]
fn fields_that_nobody_knows_are_reached_in_their_order() {
    let text = request("FROBNICATE", "X-One: 1\nx-two:  2 \nX-One: 3\nX-Empty: \n");
    let head = only_head(text.as_bytes());
    assert_eq!((head.kind(), head.method()), (Kind::Other, "FROBNICATE"));
    let fields: Vec<_> = head.fields().collect();
    assert_eq!(
        fields,
        [
            ("To-Path", RELAY),
            ("From-Path", ALICE),
            ("X-One", "1"),
            ("x-two", "2"),
            ("X-One", "3"),
            ("X-Empty", "")
        ]
    );
    assert_eq!(
        (head.field("x-ONE"), head.field("X-None")),
        (Some("1"), None)
    );
}

// --- Any value

fn inner() -> impl Strategy<Value = String> {
    // What may stand between quotes (RFC 4975 §9), with what must be escaped escaped.
    prop::collection::vec("[ !#-\\[\\]-~é]|\\\\\\\\|\\\\\"", 0..12).prop_map(|parts| parts.concat())
}

fn token() -> impl Strategy<Value = String> {
    "[A-Za-z0-9!#$%&'*+.^_`{|}~-]{1,12}"
}

proptest! {
    #[test]
    fn challenges_come_back(
        realm in inner(), nonce in inner(), opaque in prop::option::of(inner()), stale in any::<bool>(),
        algorithm in prop::option::of(token()), qop in "([a-z]{1,4}(,[a-z]{1,4}){0,3})?",
    ) {
        let challenge = Challenge {
            realm: &realm,
            nonce: &nonce,
            opaque: opaque.as_deref(),
            stale,
            algorithm: algorithm.as_deref(),
            qop: &qop,
        };
        let text = answer(401, &format!("WWW-Authenticate: {challenge}\n"));
        let head = head(&text);
        let read: Vec<_> = head.challenges().collect();
        prop_assert_eq!(read, vec![Ok(challenge)]);
        check_splits(text.as_bytes());
    }

    #[test]
    fn credentials_come_back(
        username in inner(), realm in inner(), nonce in inner(), cnonce in inner(), response in "[0-9a-f]{0,64}",
        uri in prop::option::of(inner()), opaque in prop::option::of(inner()),
        algorithm in prop::option::of(token()), qop in token(), nc in any::<u32>(), expires in any::<u32>(),
    ) {
        let credentials = Credentials {
            username: &username,
            realm: &realm,
            nonce: &nonce,
            uri: uri.as_deref(),
            response: &response,
            algorithm: algorithm.as_deref(),
            cnonce: &cnonce,
            opaque: opaque.as_deref(),
            qop: &qop,
            nc,
        };
        let text = request("AUTH", &format!("Expires: {expires}\nAuthorization: {credentials}\n"));
        let head = head(&text);
        prop_assert_eq!(head.authorization(), Ok(Some(credentials)));
        prop_assert_eq!(head.expires(), Ok(Some(expires)));
    }

    #[test]
    fn grants_come_back(
        nextnonce in prop::option::of(inner()), rspauth in prop::option::of("[0-9a-f]{0,32}"),
        cnonce in prop::option::of(inner()), qop in token(), nc in prop::option::of(any::<u32>()),
    ) {
        let info = AuthenticationInfo {
            nextnonce: nextnonce.as_deref(),
            rspauth: rspauth.as_deref(),
            cnonce: cnonce.as_deref(),
            qop: Some(&qop),
            nc,
        };
        let text = answer(200, &format!("Authentication-Info: {info}\n"));
        let head = head(&text);
        prop_assert_eq!(head.authentication_info(), Ok(Some(info)));
    }

    #[test]
    fn any_text_is_a_digest_or_not(text in "(Digest )?([a-z]{0,6}=(\"[^\"\r\n]{0,6}\"|[a-z0-9]{0,8})[, \\\\\"]{0,2}){0,6}") {
        for text in [&text, &text.replace("=", "")] {
            let size = |flaw: simple_im::Flaw| flaw.at;
            let ends = [
                Challenge::parse(text).map_err(size).err(),
                Credentials::parse(text).map_err(size).err(),
                AuthenticationInfo::parse(text).map_err(size).err(),
            ];
            prop_assert!(ends.into_iter().flatten().all(|at| at <= text.len()));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever the kind of a frame: what is written is read, however it is cut, and no part of it is enough.
    #[test]
    fn every_kind_of_frame_comes_back(
        kind in 0..5, id in "[A-Za-z0-9][A-Za-z0-9.+%=-]{3,31}", status in 0u16..1000, start in 1u64.., size in 0u64..1 << 40,
        total in prop::option::of(any::<u64>()), seconds in any::<u32>(),
    ) {
        let (to, from) = (TO.as_bytes(), FROM.as_bytes());
        let mut out = BytesMut::new();
        let message = Ident::copy(&id).unwrap();
        let end = start.saturating_add(size);
        let report = Report { message, start, end, total, status };
        let lines = format!("Min-Expires: {seconds}\r\n");
        match kind {
            0 => write_report(&mut out, &id, to, from, &report),
            1 => write_response(&mut out, &id, status, to, from),
            2 => write_answer(&mut out, &id, status, to, from, lines.as_bytes()),
            3 => write_request(&mut out, &id, "AUTH", to, from, lines.as_bytes()),
            _ => write_request(&mut out, &id, "NICKNAME", to, from, b"Use-Nickname: \"a\"\r\n"),
        }
        let head = head(std::str::from_utf8(&out).unwrap());
        prop_assert_eq!((head.txn(), head.to_path(), head.from_path()), (&id[..], TO, FROM));
        let expected = match kind {
            0 => Kind::Report,
            1 | 2 => Kind::Response(status),
            3 => Kind::Auth,
            _ => Kind::Nickname,
        };
        prop_assert_eq!(head.kind(), expected);
        if kind == 0 {
            let read = head.as_report().unwrap();
            let range = ByteRange { start, end: Some(end), total };
            prop_assert_eq!((read.message, read.range, read.status), (&id[..], range, status));
        }
        if kind == 2 || kind == 3 {
            prop_assert_eq!(head.min_expires(), Ok(Some(seconds)));
        }
        prop_assert_eq!(check_splits(&out).len(), 2);
        for at in 0..out.len() {
            let (mut decoder, mut input) = (Decoder::new(HEAD_LIMIT, Tolerance::strict()), BytesMut::from(&out[..at]));
            prop_assert!(matches!(decoder.next(&mut input), Ok(None)), "{at}");
        }
    }
}
