//! Session descriptions: reading.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

use std::path::PathBuf;

use bytes::Bytes;
use proptest::prelude::*;
use simple_im::wire::sdp::{self, ContactTag, Description, Direction, Kind, Proto, Setup, Shape};
use simple_im::{Preference, Status};

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
    refused("", "not a session description", 0);
    refused("v=1\r\n", "not a session description", 0);
    refused("\r\nv=0\r\n", "not a session description", 0);
    for line in [
        "m=",
        "m=message",
        "m=message 1",
        "m=message x TCP/MSRP *",
        "m=message 65536 TCP/MSRP *",
        "m=message 1 TCP/MSRP *\rm=x",
        "m=audio\u{1} 1 x 2",
    ] {
        refused(
            &format!("v=0\r\n{line}\r\nm=message 1 TCP/MSRP *\r\n"),
            "malformed media line",
            5,
        );
        refused(&format!("v=0\r\n{line}"), "malformed media line", 5);
    }
    let lines = |n: usize| "v=0\n".to_owned() + &"m=x 1 y\n".repeat(n);
    assert_eq!(read(&lines(32)).media().len(), 32);
    refused(&lines(33), "too many media lines", 4 + 32 * 8);
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

fn corpus() -> Option<PathBuf> {
    let folder = std::env::var_os("SIMPLE_IM_CORPORA");
    let folder = folder
        .map_or(PathBuf::from("../shared/corpora"), PathBuf::from)
        .join("sdp");
    if folder.is_dir() {
        return Some(folder);
    }
    let required = std::env::var_os("SIMPLE_IM_REQUIRE_CORPORA").is_some_and(|v| v == "1");
    assert!(!required, "the corpora are absent");
    eprintln!("skipped: the corpora are absent");
    None
}

#[test]
fn descriptions_of_the_corpora_are_read_right() {
    let Some(folder) = corpus() else { return };
    let (mut seen, mut messages) = (0, 0);
    for manifest in ["manifest-rfc.json", "manifest-repos.json"] {
        let manifest = std::fs::read_to_string(folder.join(manifest)).unwrap();
        for item in manifest.split("\"file\": \"").skip(1) {
            let file = item.split('"').next().unwrap();
            let text = Bytes::from(std::fs::read(folder.join(file)).unwrap());
            let found = sdp::parse(&text);
            seen += 1;
            // Only the RFCs' examples come with facts; some show a fragment, without v=.
            let Some((_, facts)) = item.split_once("\"m_lines\": [") else {
                continue;
            };
            if !text.starts_with(b"v=0") {
                assert!(found.is_err(), "{file}");
                continue;
            }
            let facts = facts.split(']').next().unwrap();
            let lines: Vec<_> = facts.split('"').skip(1).step_by(2).collect();
            let found = found.unwrap_or_else(|flaw| panic!("{file}: {flaw}"));
            let read: Vec<_> = found.media().iter().map(|line| line.line()).collect();
            assert_eq!(read, lines, "{file}");
            for line in found
                .media()
                .iter()
                .filter(|line| line.kind == Kind::Message)
            {
                messages += 1;
                assert_eq!(line.proto, Proto::Msrp, "{file}");
                // A line that only shows what its author can do has port 0 and no path.
                let path = line.path().starts_with("msrp://");
                assert_eq!(path, line.port != 0, "{file}");
                assert!(!line.accept_types().is_empty(), "{file}");
                assert_eq!(line.file, file.contains("5547"), "{file}");
            }
        }
    }
    assert_eq!((seen, messages), (183, 15));
}

proptest! {
    #[test]
    fn nothing_that_arrives_makes_it_panic(pieces in prop::collection::vec(prop::sample::select(vec![
        "v=0", "\r\n", "\n", "m=", "message", " ", "1", "/", "TCP/MSRP", "*", "a=", "path", ":", "msrp://h:1/x;tcp",
        "filelength", "setup:", "active", "sendonly", "\r", "\u{e9}", "t=", "o=", "i=", "=",
    ]), 0..60)) {
        for text in [pieces.concat(), "v=0\n".to_owned() + &pieces.concat()] {
            if let Ok(found) = sdp::parse(&Bytes::from(text)) {
                for line in found.media() {
                    let _ = (line.line(), line.path(), line.accept_types(), line.info());
                }
                let _ = (found.time(), found.origin());
                found.shape(Preference::default(), ContactTag::None);
            }
        }
    }

    #[test]
    fn random_octets_never_make_it_panic(octets in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = sdp::parse(&Bytes::from([b"v=0\nm=", &octets[..]].concat()));
        let _ = sdp::parse(&Bytes::from(octets));
    }
}
