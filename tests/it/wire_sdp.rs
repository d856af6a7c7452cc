//! Session descriptions: reading.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

use bytes::Bytes;
use simple_im::wire::sdp::{
    self, Address, Bandwidth, ContactTag, Description, Direction, FileDates, FileRange, Kind,
    Media, Origin, Proto, Reuse, Selector, Setup, Shape, Time,
};
use simple_im::{Flaw, Preference, Status};

mod corpus;
mod differential;
mod write;

fn read(text: &str) -> Description {
    let text = Bytes::copy_from_slice(text.as_bytes());
    sdp::parse(&text).unwrap_or_else(|flaw| panic!("{flaw}: {text:?}"))
}

fn refused(text: &str, what: &str, at: usize) {
    let flaw = sdp::parse(&Bytes::copy_from_slice(text.as_bytes())).expect_err(text);
    assert_eq!(
        (flaw.what, flaw.at, flaw.status),
        (what, at, Status(400)),
        "{text:?}"
    );
}

const LARGE: &str = "v=0\r\n\
    o=alice 2890844526 2890844526 IN IP4 pc33.example.com\r\n\
    s=-\r\n\
    c=IN IP4 192.0.2.10\r\n\
    t=0 0\r\n\
    m=message 7654 TCP/MSRP *\r\n\
    a=path:msrp://192.0.2.10:7654/jshA7weztas9d8f7;tcp\r\n\
    a=setup:actpass\r\n\
    a=accept-types:message/cpim text/plain\r\n\
    a=sendonly\r\n\
    a=filelength:3000\r\n";

#[test]
fn the_golden_offer_is_read() {
    let description = read(LARGE);
    assert_eq!(
        description.origin(),
        "alice 2890844526 2890844526 IN IP4 pc33.example.com"
    );
    assert_eq!(description.time(), "0 0");
    let [line] = description.media() else {
        panic!()
    };
    assert_eq!(line.line(), "message 7654 TCP/MSRP *");
    assert_eq!(
        (line.kind, line.port, line.proto),
        (Kind::Message, 7654, Proto::Msrp)
    );
    assert_eq!(line.path(), "msrp://192.0.2.10:7654/jshA7weztas9d8f7;tcp");
    assert_eq!(line.setup, Some(Setup::Actpass));
    assert_eq!(line.accept_types(), "message/cpim text/plain");
    assert_eq!(line.accept_wrapped_types(), "");
    assert_eq!(
        (line.direction, line.filelength, line.max_size),
        (Direction::SendOnly, Some(3000), None)
    );
    assert!(!line.file && !line.cema);
}

#[test]
fn it_is_read_alike_with_other_line_ends_and_blanks() {
    for text in [
        LARGE.replace("\r\n", "\n"),
        LARGE.trim_end().to_owned() + "\r",
        LARGE.trim_end().to_owned(),
        LARGE.replace(':', ": ").replace("a=", "a= "),
    ] {
        let description = read(&text.replace("msrp: ", "msrp:").replace("10: ", "10:"));
        let [line] = description.media() else {
            panic!()
        };
        assert_eq!(line.path(), "msrp://192.0.2.10:7654/jshA7weztas9d8f7;tcp");
        assert_eq!(
            (line.direction, line.filelength),
            (Direction::SendOnly, Some(3000))
        );
        assert_eq!(line.accept_types(), "message/cpim text/plain");
        assert_eq!(description.time(), "0 0");
    }
}

#[test]
fn what_is_missing_empty_or_unknown_does_no_harm() {
    let description = read(
        "v=0\nX\nzz\n=\n\ns=\nq=1\na=\na=:\na=sendonly:x\nm=message 1 TCP/MSRP\na=filelength: size\na=setup:new\na=max-size:1x\ni= A title \na",
    );
    let [line] = description.media() else {
        panic!()
    };
    assert_eq!(
        (description.time(), description.origin(), line.path()),
        ("", "", "")
    );
    assert_eq!(
        (line.filelength, line.setup, line.max_size),
        (None, None, None)
    );
    assert_eq!(
        (line.info(), line.direction),
        ("A title", Direction::SendOnly)
    );
    assert!(read("v=0").media().is_empty());
    let description = read(
        "v=0\ni=session\nm=message 1 tcp/tls/msrp *\na=msrp-cema\na=accept-wrapped-types:*\na=max-size:18446744073709551616",
    );
    let line = &description.media()[0];
    assert_eq!(
        (line.proto, line.cema, line.info()),
        (Proto::MsrpTls, true, "")
    );
    assert_eq!((line.accept_wrapped_types(), line.max_size), ("*", None));
}

#[test]
fn the_session_s_setup_and_direction_hold_for_lines_without_their_own() {
    let text = "v=0\na=path:x\na=filelength:3\na=setup:passive\na=recvonly\nm=message 1 TCP/MSRP *\nm=message 2 TCP/MSRP *\na=setup:active\na=inactive\nm=audio 0/2 RTP/AVP 0 8\na=sendrecv\n";
    let description = read(text);
    assert!(
        description
            .media()
            .iter()
            .all(|l| l.path().is_empty() && l.filelength.is_none())
    );
    let said: Vec<_> = description
        .media()
        .iter()
        .map(|l| (l.port, l.setup, l.direction))
        .collect();
    assert_eq!(
        said,
        [
            (1, Some(Setup::Passive), Direction::RecvOnly),
            (2, Some(Setup::Active), Direction::Inactive),
            (0, Some(Setup::Passive), Direction::SendRecv),
        ]
    );
    assert_eq!(description.media()[2].line(), "audio 0/2 RTP/AVP 0 8");
    assert_eq!(
        (description.media()[2].kind, description.media()[2].proto),
        (Kind::Other, Proto::Other)
    );
}

#[test]
fn what_cannot_be_read_is_answered_with_400() {
    let start = "description does not begin with v=0";
    refused("", start, 0);
    refused("v=1\r\n", start, 0);
    refused("v=0 \r\n", start, 0);
    refused("\r\nv=0\r\n", start, 0);
    for (line, what) in [
        ("m=", "media line without media, port and protocol"),
        ("m=message", "media line without media, port and protocol"),
        ("m=message 1", "media line without media, port and protocol"),
        ("m=message x TCP/MSRP *", "port of a media line is none"),
        ("m=message +1 TCP/MSRP *", "port of a media line is none"),
        ("m=message 65536 TCP/MSRP *", "port of a media line is none"),
        (
            "m=message 1 TCP/MSRP *\tx",
            "media line with a control character",
        ),
        ("m=audio\u{1} 1 x 2", "media line with a control character"),
    ] {
        refused(
            &format!("v=0\r\n{line}\r\nm=message 1 TCP/MSRP *\r\n"),
            what,
            5,
        );
        refused(&format!("v=0\r\n{line}"), what, 5);
    }
    let odd = "NUL or CR within a line";
    refused("v=0\r\na=x\ra=y\r\n", odd, 8);
    refused("v=0\r\r\na=x", "description does not begin with v=0", 0);
    refused("v=0\na=x\r\r\n", odd, 7);
    refused("v=0\na=x\na=\0y\n", odd, 10);
    refused("v=0\na=\0", odd, 6);
}

#[test]
fn what_is_too_much_is_refused() {
    let lines = |n: usize| "v=0\n".to_owned() + &"m=x 1 y\n".repeat(n);
    assert_eq!(read(&lines(sdp::MEDIA)).media().len(), sdp::MEDIA);
    refused(
        &lines(sdp::MEDIA + 1),
        "too many media lines",
        4 + sdp::MEDIA * 8,
    );
    let lines = |n: usize| "v=0\n".to_owned() + &"a=x\n".repeat(n - 1);
    assert_eq!(read(&lines(sdp::LINES)).lines().count(), sdp::LINES);
    refused(&lines(sdp::LINES + 1), "too many lines", sdp::LINES * 4);
    let text = |n: usize| Bytes::from("v=0\na=".to_owned() + &"x".repeat(n - 6));
    assert!(sdp::parse(&text(sdp::OCTETS)).is_ok());
    let flaw = sdp::parse(&text(sdp::OCTETS + 1)).unwrap_err();
    assert_eq!((flaw.at, flaw.status), (sdp::OCTETS, Status(413)));
}

/// Everything that RFC 8866 has, and some that nobody has.
const FULL: &str = "v=0\r\n\
    o=jdoe 3724394400 3724394405 IN IP4 198.51.100.1\r\n\
    s=Call to John Smith\r\n\
    i=SDP Offer #1\r\n\
    u=http://www.jdoe.example.com/home.html\r\n\
    e=Jane Doe <jane@jdoe.example.com>\r\n\
    p=+1 617 555-6011\r\n\
    c=IN IP4 198.51.100.1\r\n\
    b=CT:128\r\n\
    b=X-YZ: 7\r\n\
    t=3724394400 3724398000\r\n\
    r=7d 1h 0 25h\r\n\
    z=3730928400 -1h 3749680800 0\r\n\
    t=0 0\r\n\
    k=prompt\r\n\
    q=nobody knows\r\n\
    a=recvonly\r\n\
    a=fingerprint:sha-1 4A:AD:B9:B1:3F:82:18:3B:54:02:12:DF:3E:5D:49:6B:19:E5:7C:AB\r\n\
    m=audio 49170/2 RTP/AVP 0 8\r\n\
    i=main channel\r\n\
    c=IN IP4 224.2.1.1/127/3\r\n\
    c=IN IP6 FF15::101/3\r\n\
    b=AS:360\r\n\
    a=rtpmap:0 PCMU/8000\r\n\
    a=rtpmap:8 PCMA/8000\r\n\
    a=sendonly\r\n\
    m=message 2855 TCP/TLS/MSRP *\r\n\
    c=IN IP6 2001:db8::1\r\n\
    a=path:msrps://[2001:db8::1]:2855/s.id;tcp\r\n\
    a=accept-types:text/plain message/cpim\r\n\
    a=connection:new\r\n\
    a=chatroom:nickname Private-Messages com.example.chat\r\n\
    a=fingerprint:sha-256 00:ff\r\n\
    a=fingerprint:sha-256 0:ff\r\n\
    a=unknown:\r\n\
    a=flag\r\n\
    a=unknown: a:b \r\n";

#[test]
fn every_line_is_kept_as_it_came() {
    for text in [
        FULL.to_owned(),
        FULL.replace("\r\n", "\n"),
        FULL.trim_end().to_owned(),
        FULL.replace("a=flag", "\u{e9}\r\n\r\n  a=x\r\nzz\r\n=\r\nA=b"),
    ] {
        let found = read(&text);
        let raw: Vec<u8> = found.lines().flat_map(|line| line.raw().to_vec()).collect();
        assert_eq!(raw, text.as_bytes());
        assert_eq!(found.octets(), text.as_bytes());
        let parts = found
            .session()
            .chain(found.media().iter().flat_map(Media::lines));
        let parts: Vec<_> = parts.map(|line| (line.at, line.raw())).collect();
        let lines: Vec<_> = found.lines().map(|line| (line.at, line.raw())).collect();
        assert_eq!(parts, lines);
        for (at, raw) in lines {
            assert_eq!(&text.as_bytes()[at..at + raw.len()], raw);
        }
    }
}

#[test]
fn the_fields_of_the_session_are_read() {
    let found = read(FULL);
    let address = Address {
        network: "IN",
        family: "IP4",
        host: "198.51.100.1",
        ttl: None,
        count: None,
    };
    let origin = Origin::read(found.origin()).unwrap();
    let expected = Origin {
        user: "jdoe",
        id: "3724394400",
        version: "3724394405",
        address,
    };
    assert_eq!(origin, expected);
    assert_eq!(
        (found.name(), found.info()),
        ("Call to John Smith", "SDP Offer #1")
    );
    assert_eq!(found.address(), Some(address));
    assert_eq!(address.ip().unwrap().to_string(), "198.51.100.1");
    let times: Vec<_> = found.times().map(|time| (time.start, time.stop)).collect();
    assert_eq!(times, [(3724394400, 3724398000), (0, 0)]);
    assert_eq!(found.time(), "3724394400 3724398000");
    let bandwidths: Vec<_> = found.bandwidths().map(|b| (b.kind, b.value)).collect();
    assert_eq!(bandwidths, [("CT", 128), ("X-YZ", 7)]);
    let unknown: Vec<_> = found.session().values(b'q').collect();
    assert_eq!(unknown, [b"nobody knows"]);
    let names: Vec<_> = found.session().attributes().map(|a| a.name).collect();
    assert_eq!(names, ["recvonly", "fingerprint"]);
}

#[test]
fn numbers_are_written_in_digits_alone() {
    let one = |line: &str| read(&format!("v=0\r\n{line}\r\n"));
    for (ports, read) in [("5/3", 3), ("5/+3", 1), ("5/+0", 1), ("5/x", 1)] {
        let found = one(&format!("m=audio {ports} RTP/AVP 0"));
        assert_eq!(
            (found.media()[0].port, found.media()[0].ports()),
            (5, read),
            "{ports}"
        );
    }
    refused(
        "v=0\r\nm=audio +5 RTP/AVP 0\r\n",
        "port of a media line is none",
        5,
    );
    for (address, sound) in [
        ("IP4 224.2.1.1/127", true),
        ("IP4 224.2.1.1/127/3", true),
        ("IP6 FF15::101/3", true),
        ("IP4 224.2.1.1/+127", false),
        ("IP4 224.2.1.1/127/+3", false),
        ("IP6 FF15::101/+3", false),
    ] {
        let found = one(&format!("c=IN {address}"));
        assert_eq!(found.address().is_some(), sound, "{address}");
    }
}

#[test]
fn the_fields_of_each_media_line_are_read() {
    let found = read(FULL);
    let [audio, message] = found.media() else {
        panic!()
    };
    assert_eq!(
        (audio.kind_name(), audio.port, audio.ports()),
        ("audio", 49170, 2)
    );
    assert_eq!(audio.proto_name(), "RTP/AVP");
    assert_eq!(audio.formats().collect::<Vec<_>>(), ["0", "8"]);
    assert_eq!(audio.info(), "main channel");
    let addresses: Vec<_> = audio
        .addresses()
        .map(|a| (a.host, a.ttl, a.count))
        .collect();
    assert_eq!(
        addresses,
        [
            ("224.2.1.1", Some(127), Some(3)),
            ("FF15::101", None, Some(3))
        ]
    );
    assert_eq!(audio.address(), audio.addresses().next());
    assert_eq!(
        audio.bandwidths().next(),
        Some(Bandwidth {
            kind: "AS",
            value: 360
        })
    );
    let maps: Vec<_> = audio.lines().named("rtpmap").map(|a| a.text()).collect();
    assert_eq!(maps, ["0 PCMU/8000", "8 PCMA/8000"]);
    // Its own direction and the session's fingerprint.
    assert_eq!(audio.direction, Direction::SendOnly);
    let prints: Vec<_> = audio.fingerprints().map(|f| f.function).collect();
    assert_eq!(prints, ["sha-1"]);
    assert_eq!(audio.fingerprints().next().unwrap().octets().count(), 20);

    assert_eq!((message.ports(), message.kind), (1, Kind::Message));
    assert_eq!(message.direction, Direction::RecvOnly);
    assert_eq!(
        message.address().unwrap().ip().unwrap().to_string(),
        "2001:db8::1"
    );
    assert_eq!(message.reuse(), Some(Reuse::New));
    let room = message.chatroom().unwrap();
    assert!(room.has("nickname") && room.has("private-messages") && !room.has("private"));
    assert_eq!(room.tokens().count(), 3);
    let prints: Vec<_> = message.fingerprints().map(|f| f.value).collect();
    assert_eq!(prints, ["00:ff"]);
    let octets: Vec<_> = message.fingerprints().next().unwrap().octets().collect();
    assert_eq!(octets, [0, 255]);
    let unknown: Vec<_> = message.lines().named("unknown").map(|a| a.value).collect();
    assert_eq!(unknown, [Some(&b""[..]), Some(b" a:b ")]);
    assert_eq!(message.attribute("flag").unwrap().value, None);
    assert_eq!(message.attribute("Flag"), None);
    assert_eq!(
        read("v=0\nm=x 1 y\na=chatroom\n").media()[0]
            .chatroom()
            .unwrap()
            .tokens()
            .count(),
        0
    );
}

#[test]
fn an_address_holds_for_lines_without_their_own() {
    let host = |text: &str| {
        let found = read(&format!("v=0\n{text}"));
        found.media()[0].address().map(|a| a.host.to_owned())
    };
    let at = |host: &str| Some(host.to_owned());
    assert_eq!(host("c=IN IP4 a.example\nm=x 1 y\n"), at("a.example"));
    assert_eq!(
        host("c=IN IP4 a.example\nm=x 1 y\nc=IN IP4 b.example\n"),
        at("b.example")
    );
    assert_eq!(host("m=x 1 y\nm=x 1 y\nc=IN IP4 b.example\n"), None);
    assert_eq!(host("c=IN IP4\nm=x 1 y\n"), None);
}

#[test]
fn a_malformed_field_is_none_and_does_no_harm() {
    for value in [
        "",
        "- 1 1 IN IP4",
        "- 1 1 IN IP4 h h",
        "- x 1 IN IP4 h",
        "- 1 -1 IN IP4 h",
        "\u{8} 1 1 IN IP4 h",
        "- 1 1 IN IP4 h\u{8}",
    ] {
        assert_eq!(Origin::read(value), None, "{value}");
    }
    // Sixty digits are sound: the grammar knows no end.
    let long = format!("- {} 1 IN IP6 ::1", "1".repeat(60));
    assert_eq!(Origin::read(&long).unwrap().id.len(), 60);
    for value in [
        "IN IP4 h/1/2/3",
        "IN IP4 h/x",
        "IN IP4 h/256",
        "IN IP6 h/1/2",
        "IN IP4 /1",
        "IN IP4 \u{1}",
        "IN\u{7f} IP4 h",
        "IN IP4 h\u{7f}",
        "IN",
    ] {
        assert_eq!(Address::read(value), None, "{value}");
    }
    assert_eq!(Address::read("ATM NSAP x.1").unwrap().ip(), None);
    let found = read("v=0\nt=1\nt=1 x\nt=1 2 3\nt= 1  2\nb=x\nb=:1\nb=x:-1\nb=x:1\n");
    assert_eq!(
        found.times().collect::<Vec<_>>(),
        [Time { start: 1, stop: 2 }]
    );
    assert_eq!(found.bandwidths().count(), 1);
    assert_eq!((found.name(), found.address()), ("", None));
}

#[test]
fn of_what_may_be_there_once_the_first_counts() {
    let found = read(
        "v=0\no=a\no=b\nm=message 1 TCP/MSRP *\na=path:x\na=path:y\na=setup:odd\na=setup:active\na=setup:passive\n\
         a=sendonly\na=recvonly\na=max-size:1\na=max-size:2\na=accept-types:a/b\na=accept-types:c/d\n",
    );
    let line = &found.media()[0];
    assert_eq!(
        (found.origin(), line.path(), line.accept_types()),
        ("a", "x", "a/b")
    );
    assert_eq!(
        (line.setup, line.direction, line.max_size),
        (Some(Setup::Active), Direction::SendOnly, Some(1))
    );
}

fn file_line(attributes: &str) -> Description {
    let attributes: String = attributes.lines().map(|a| format!("a={a}\r\n")).collect();
    read(&format!(
        "v=0\r\nm=message 1 TCP/MSRP *\r\na=sendonly\r\n{attributes}"
    ))
}

const SHA1: [u8; 20] = [
    0x72, 0x24, 0x5F, 0xE8, 0x65, 0x3D, 0xDA, 0xF3, 0x71, 0x36, 0x2F, 0x86, 0xD4, 0x71, 0x91, 0x3E,
    0xE4, 0xA2, 0xCE, 0x2E,
];

#[test]
fn a_file_is_read_as_rfc_5547_describes_it() {
    let found = file_line(
        "file-selector:name:\"My cool %22picture%22.jpg\" type:image/jpeg size:32349 hash:sha-256:00:01 \
         hash:sha-1:72:24:5F:E8:65:3D:DA:F3:71:36:2F:86:D4:71:91:3E:E4:A2:CE:2E later:\"a b\"\n\
         file-transfer-id:vBnG916bdberum2fFEABR1FR3ExZMUrd\n\
         file-disposition:attachment\n\
         file-date:creation:\"Mon, 15 May 2006 15:01:31 +0300\" read:\"Tue, 16 May 2006 15:01:31 +0300\"\n\
         file-icon:cid:id2%40alicepc.example.com\n\
         file-range:1-*",
    );
    let file = found.media()[0].describes().unwrap().unwrap();
    assert_eq!(file.name.as_deref(), Some("My cool \"picture\".jpg"));
    assert_eq!(file.media_type.as_deref(), Some("image/jpeg"));
    assert_eq!((file.size, file.sha1), (Some(32349), Some(SHA1)));
    assert_eq!(file.transfer, Some("vBnG916bdberum2fFEABR1FR3ExZMUrd"));
    assert_eq!(file.disposition, Some("attachment"));
    let dates = FileDates {
        creation: "Mon, 15 May 2006 15:01:31 +0300",
        modification: "",
        read: "Tue, 16 May 2006 15:01:31 +0300",
    };
    assert_eq!(file.dates, dates);
    assert_eq!(file.icon.as_deref(), Some("id2@alicepc.example.com"));
    assert_eq!(
        file.range,
        Some(FileRange {
            start: 1,
            stop: None
        })
    );
    let selector = found.media()[0].file_selector().unwrap();
    let kinds: Vec<_> = selector
        .selectors()
        .map(|selector| match selector.unwrap() {
            Selector::Name(name) => std::str::from_utf8(name.raw()).unwrap().to_owned(),
            Selector::Size(size) => size.to_string(),
            Selector::Type(kind) => kind.media_type().to_owned(),
            Selector::Hash(hash) => format!("{} {}", hash.algorithm, hash.octets().count()),
            Selector::Other(other) => String::from_utf8(other.to_vec()).unwrap(),
            other => panic!("{other:?}"),
        })
        .collect();
    let expected = [
        "My cool %22picture%22.jpg",
        "image/jpeg",
        "32349",
        "sha-256 2",
        "sha-1 20",
        "later:\"a b\"",
    ];
    assert_eq!(kinds, expected);
    assert_eq!(selector.sha1(), Some(SHA1));
}

#[test]
fn a_type_selector_has_parameters_with_escapes_of_its_own() {
    let kind = |selector: &str| {
        let found = file_line(&format!("file-selector:{selector}"));
        let file = found.media()[0].describes().unwrap().unwrap();
        file.media_type.unwrap().into_owned()
    };
    for (selector, expected) in [
        (
            "type:text/plain;charset=\"utf-8\"",
            "text/plain;charset=\"utf-8\"",
        ),
        (
            "type:text/plain;charset=utf-8;x=\"a b;c\"",
            "text/plain;charset=utf-8;x=\"a b;c\"",
        ),
        ("type:a/b;n=\"q%22q\"", "a/b;n=\"q\\\"q\""),
        ("type:a/b;n=\"c:\\x\" size:1", "a/b;n=\"c:\\\\x\""),
    ] {
        assert_eq!(kind(selector), expected);
    }
}

#[test]
fn a_selector_without_selectors_only_tells_an_ability() {
    for attribute in ["file-selector", "file-selector:", "file-selector: "] {
        let found = file_line(attribute);
        let line = &found.media()[0];
        assert!(
            line.file && line.file_selector().unwrap().is_empty(),
            "{attribute}"
        );
        assert_eq!(line.describes().unwrap(), Some(sdp::File::default()));
    }
    let found = file_line("x");
    assert_eq!(found.media()[0].describes(), Ok(None));
    assert_eq!(found.media()[0].file_selector(), None);
}

#[test]
fn a_malformed_file_attribute_is_answered_with_400() {
    let at = "v=0\r\nm=message 1 TCP/MSRP *\r\na=sendonly\r\na=file-selector:".len();
    for (value, offset, what) in [
        ("name:x", 0, "name of a file is not in quotes"),
        ("name:\"\"", 0, "name of a file is not in quotes"),
        ("name:\"a\"b\"c\"", 0, "name of a file is not in quotes"),
        (
            "size:1 name:\"x",
            7,
            "file-selector has a quote without end",
        ),
        ("size:1 size:-1", 7, "size of a file is no number"),
        ("size:", 0, "size of a file is no number"),
        (
            "size:99999999999999999999",
            0,
            "size of a file is no number",
        ),
        ("type:image", 0, "type of a file is malformed"),
        ("type:image/jpeg;", 0, "type of a file is malformed"),
        ("type:image/jpeg;a=\"b\"c", 0, "type of a file is malformed"),
        ("  hash:sha-1", 2, "hash of a file is malformed"),
        ("hash:sha-1:1", 0, "hash of a file is malformed"),
        ("hash:sha-1:12:+1", 0, "hash of a file is malformed"),
    ] {
        let found = file_line(&format!("file-selector:{value}"));
        let expected = Flaw {
            at: at + offset,
            what,
            status: Status(400),
        };
        assert_eq!(found.media()[0].describes(), Err(expected), "{value}");
    }
    for (attribute, what) in [
        ("file-transfer-id:a b", "file-transfer-id is no token"),
        ("file-transfer-id", "file-transfer-id is no token"),
        ("file-disposition:", "file-disposition is no token"),
        ("file-date:creation:x", "file-date is malformed"),
        ("file-date:born:\"x\"", "file-date is malformed"),
        ("file-date:read:\"x\u{12}\"", "file-date is malformed"),
        ("file-date:read:\"x\"read:\"y\"", "file-date is malformed"),
        ("file-date:read:\"x\" read:\"y\"", "file-date is malformed"),
        ("file-icon:http://x", "file-icon is no cid URL"),
        ("file-icon:cid:", "file-icon is no cid URL"),
        ("file-range:0-1", "file-range is malformed"),
        ("file-range:2-1", "file-range is malformed"),
        ("file-range:1", "file-range is malformed"),
        ("file-range:1-x", "file-range is malformed"),
    ] {
        let found = file_line(&format!("file-selector:size:1\n{attribute}"));
        let flaw = found.media()[0].describes().unwrap_err();
        assert_eq!((flaw.what, flaw.status), (what, Status(400)), "{attribute}");
    }
}

#[test]
fn d_08_the_draft_s_attributes_say_what_the_rfc_s_do_not() {
    let found =
        file_line("filename: My picture.jpg\nfiletype:image/jpeg\nfilesize:5\ndisposition:inline");
    let file = found.media()[0].describes().unwrap().unwrap();
    assert_eq!(file.name.as_deref(), Some("My picture.jpg"));
    assert_eq!(file.media_type.as_deref(), Some("image/jpeg"));
    assert_eq!((file.size, file.disposition), (Some(5), Some("render")));

    let found = file_line(
        "filename:a\nfilesize:5\nfilelength:6\ndisposition:attachment\nfile-selector:size:7 name:\"b\"\nfile-disposition:render",
    );
    let file = found.media()[0].describes().unwrap().unwrap();
    assert_eq!((file.name.as_deref(), file.size), (Some("b"), Some(7)));
    assert_eq!(file.disposition, Some("render"));

    let found = file_line("filename:a\nfilelength:6");
    let file = found.media()[0].describes().unwrap().unwrap();
    assert_eq!(file.size, Some(6));
}

#[test]
fn a_name_is_made_harmless_before_it_names_a_file_of_ours() {
    let long = "x".repeat(300);
    for (name, safe) in [
        ("My cool picture.jpg", "My cool picture.jpg"),
        ("grüße.txt", "grüße.txt"),
        ("../../etc/passwd", "passwd"),
        ("..\\..\\boot.ini", "boot.ini"),
        ("/", "_"),
        ("..", "_"),
        (".profile", "_.profile"),
        ("C:evil", "C_evil"),
        ("a\u{0}b\nc", "a_b_c"),
        ("photo\u{202E}gpj.exe", "photo_gpj.exe"),
        ("con.txt", "_con.txt"),
        ("NUL ", "_NUL"),
        ("what?*|<>\".txt", "what______.txt"),
        ("end. . ", "end"),
        (&*long, &long[..255]),
        ("", "_"),
    ] {
        let file = sdp::File {
            name: Some(name.into()),
            ..sdp::File::default()
        };
        assert_eq!(file.local_name().as_deref(), Some(safe), "{name:?}");
    }
    assert_eq!(sdp::File::default().local_name(), None);
}

#[test]
fn d_30_the_shape_of_an_offer_is_the_first_that_applies() {
    let none = Preference::default();
    let mut large = none;
    large.large_message = true;
    let (chat, sendonly) = (
        "m=message 1 TCP/MSRP *\n",
        "m=message 1 TCP/MSRP *\na=sendonly\n",
    );
    let audio = "m=audio 1 RTP/AVP 0\na=sendonly\n";
    let shape =
        |media: &str, preference, tag| read(&format!("v=0\n{media}")).shape(preference, tag);
    use ContactTag::{LargeMessage as Tag, None as NoTag};
    for (media, preference, tag, expected) in [
        (
            format!("{sendonly}a=file-selector:size:1\n"),
            large,
            Tag,
            Shape::File,
        ),
        (
            format!("{sendonly}a=filename:x\n"),
            none,
            NoTag,
            Shape::File,
        ),
        (
            format!("{audio}{chat}a=file-selector\n"),
            none,
            NoTag,
            Shape::File,
        ),
        (
            format!("{chat}{audio}a=file-selector\n"),
            none,
            NoTag,
            Shape::Session,
        ),
        (chat.to_owned(), large, NoTag, Shape::LargeMessage),
        (chat.to_owned(), none, Tag, Shape::LargeMessage),
        (sendonly.to_owned(), none, NoTag, Shape::LargeMessage),
        (
            format!("{audio}{sendonly}"),
            none,
            NoTag,
            Shape::LargeMessage,
        ),
        (format!("{sendonly}{chat}"), none, NoTag, Shape::Session),
        (chat.to_owned(), none, NoTag, Shape::Session),
        (
            format!("{chat}a=filelength:3\n"),
            none,
            NoTag,
            Shape::Session,
        ),
        (format!("{chat}a=recvonly\n"), none, NoTag, Shape::Session),
        (audio.to_owned(), none, NoTag, Shape::Session),
    ] {
        assert_eq!(shape(&media, preference, tag), expected, "{media}");
    }
}
