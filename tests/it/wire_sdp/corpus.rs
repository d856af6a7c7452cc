//! Descriptions by others: read, kept, and read for what they mean.

use std::fs;
use std::path::{Path, PathBuf};

use bytes::{Bytes, BytesMut};
use simple_im::offer::{self, Mint};
use simple_im::wire::sdp::{self, Description, Direction, Kind, Origin, Proto, Shape};
use simple_im::{Account, Config, MsrpAuthority, Preference, SessionId, Status, Uri};

use super::differential;
use crate::fuzz_corpus::sdp::check;

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

/// Every description of the corpora, by its name in them.
fn all(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let mut found = Vec::new();
    for part in ["rfc", "webrtc-sdp", "sofia", "pjsip-sdp"] {
        for entry in fs::read_dir(folder.join(part)).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap();
            found.push((format!("{part}/{name}"), fs::read(&path).unwrap()));
        }
    }
    found.sort();
    found
}

fn one(folder: &Path, name: &str) -> Description {
    let text = fs::read(folder.join("rfc").join(format!("rfc{name}.sdp"))).unwrap();
    sdp::parse(&Bytes::from(text)).unwrap_or_else(|flaw| panic!("{name}: {flaw}"))
}

/// What is refused, where and why. The rest is read, and kept octet by octet.
const REFUSED: [(&str, usize, &str); 5] = [
    // A version that nobody has defined.
    (
        "sofia/message-1.sdp",
        0,
        "description does not begin with v=0",
    ),
    // Comments, which SDP does not have.
    (
        "webrtc-sdp/03.sdp",
        0,
        "description does not begin with v=0",
    ),
    (
        "webrtc-sdp/08.sdp",
        0,
        "description does not begin with v=0",
    ),
    (
        "webrtc-sdp/11.sdp",
        0,
        "description does not begin with v=0",
    ),
    // `m=au???34718 RTP/AVP 0`: the port is gone.
    ("pjsip-sdp/input.6.sdp", 102, "port of a media line is none"),
];

#[test]
fn every_description_of_the_corpora_is_kept_or_refused_for_a_reason() {
    let Some(folder) = corpus() else { return };
    let mut seen = 0;
    for (name, text) in all(&folder) {
        seen += 1;
        check(&text);
        // Whatever ends its lines.
        let crlf = String::from_utf8_lossy(&text)
            .replace("\r\n", "\n")
            .replace('\n', "\r\n");
        check(crlf.as_bytes());
        let why = REFUSED.iter().find(|(refused, ..)| *refused == name);
        match (sdp::parse(&Bytes::from(text)), why) {
            (Ok(found), None) => assert!(found.name().len() < 100, "{name}"),
            (Err(flaw), Some((_, at, what))) => {
                assert_eq!(
                    (flaw.at, flaw.what, flaw.status),
                    (*at, *what, Status(400)),
                    "{name}"
                );
            }
            (found, why) => panic!("{name}: {found:?} {why:?}"),
        }
    }
    assert_eq!(seen, 182);
}

#[test]
fn descriptions_of_the_corpora_are_read_as_another_parser_reads_them() {
    let Some(folder) = corpus() else { return };
    let both = all(&folder)
        .iter()
        .filter(|(_, text)| differential::both_read_alike(text))
        .count();
    // All that we accept.
    assert_eq!(both, 182 - REFUSED.len());
}

#[test]
fn the_media_lines_of_the_rfcs_are_read_right() {
    let Some(folder) = corpus() else { return };
    let (mut seen, mut messages) = (0, 0);
    let manifest = fs::read_to_string(folder.join("manifest-rfc.json")).unwrap();
    let manifest: serde_json::Value = serde_json::from_str(&manifest).unwrap();
    for item in manifest["items"].as_array().unwrap() {
        let file = item["file"].as_str().unwrap();
        let text = fs::read(folder.join(file)).unwrap();
        let found = sdp::parse(&Bytes::from(text)).unwrap();
        seen += 1;
        let facts = &item["facts"];
        let lines: Vec<_> = found.media().iter().map(|line| line.line()).collect();
        let told = |name: &str| -> Vec<String> {
            let items = facts[name].as_array().unwrap();
            items
                .iter()
                .map(|item| item.as_str().unwrap().to_owned())
                .collect()
        };
        assert_eq!(lines, told("m_lines"), "{file}");
        let count = facts["lines"].as_u64().unwrap();
        let filled = found.lines().filter(|line| !line.text().is_empty());
        assert_eq!(filled.count() as u64, count, "{file}");
        assert!(Origin::read(found.origin()).is_some(), "{file}");
        for line in found.media() {
            line.describes()
                .unwrap_or_else(|flaw| panic!("{file}: {flaw}"));
            if line.kind != Kind::Message {
                continue;
            }
            messages += 1;
            assert_eq!(line.proto, Proto::Msrp, "{file}");
            assert!(line.formats().eq(["*"]), "{file}");
            // A line that only shows what its author can do has port 0 and no path.
            let path = line.path().starts_with("msrp://");
            assert_eq!(path, line.port != 0, "{file}");
            assert!(!line.accept_types().is_empty(), "{file}");
            assert_eq!(line.file, file.contains("5547"), "{file}");
        }
    }
    assert_eq!((seen, messages), (125, 15));
}

#[test]
fn the_files_of_rfc_5547_are_read_right() {
    let Some(folder) = corpus() else { return };
    let file = |name: &str| one(&folder, name);
    // Figure 2: everything.
    let found = file("5547-01");
    let line = &found.media()[0];
    let read = line.describes().unwrap().unwrap();
    assert_eq!(read.name.as_deref(), Some("My cool picture.jpg"));
    assert_eq!(read.media_type.as_deref(), Some("image/jpeg"));
    assert_eq!((read.size, read.sha1), (Some(32349), Some(super::SHA1)));
    assert_eq!(read.transfer, Some("vBnG916bdberum2fFEABR1FR3ExZMUrd"));
    assert_eq!(read.disposition, Some("attachment"));
    assert_eq!(read.dates.creation, "Mon, 15 May 2006 15:01:31 +0300");
    assert_eq!(read.icon.as_deref(), Some("id2@alicepc.example.com"));
    let range = read.range.unwrap();
    assert_eq!((range.start, range.stop), (1, Some(32349)));
    assert_eq!(line.info(), "This is my latest picture");
    assert_eq!(
        (
            line.direction,
            line.accept_types(),
            line.accept_wrapped_types()
        ),
        (Direction::SendOnly, "message/cpim", "*")
    );
    // Push and its answer name the same file and the same transfer.
    let transfer = |found: &Description| {
        let file = found.media()[0].describes().unwrap().unwrap();
        (
            file.name.map(|name| name.into_owned()),
            file.transfer.map(str::to_owned),
            file.sha1,
        )
    };
    for (push, answer) in [("5547-02", "5547-03"), ("5547-06", "5547-07")] {
        let (push, answer) = (file(push), file(answer));
        assert_eq!(transfer(&push), transfer(&answer));
        assert_eq!(
            push.media()[0].direction,
            answer.media()[0].direction.inverted()
        );
    }
    // A pull asks by the hash alone, and its answer adds the type.
    let (pull, answer) = (file("5547-04"), file("5547-05"));
    assert_eq!(pull.media()[0].direction, Direction::RecvOnly);
    assert_eq!(transfer(&pull), transfer(&answer));
    assert_eq!(transfer(&pull).0, None);
    let told = answer.media()[0].describes().unwrap().unwrap();
    assert_eq!(told.media_type.as_deref(), Some("image/jpeg"));
    // An ability, and no file.
    let able = file("5547-08");
    assert!(able.media()[0].file_selector().unwrap().is_empty());
    assert_eq!(able.media()[0].max_size, Some(20000));
    for number in 1..=8 {
        let shape = file(&format!("5547-0{number}"));
        let shape = shape.shape(Preference::default(), sdp::ContactTag::None);
        assert_eq!(shape, Shape::File);
    }
}

#[test]
fn chat_rooms_and_names_are_read_right() {
    let Some(folder) = corpus() else { return };
    for name in ["7701-01", "7701-02"] {
        let found = one(&folder, name);
        let room = found.media()[0].chatroom().unwrap();
        assert!(room.tokens().eq(["nickname", "private-messages"]));
        // RFC 7701 leaves `t=` out, RFC 4317 leaves `s=` empty.
        assert_eq!((found.time(), found.times().count()), ("", 0));
    }
    assert_eq!(one(&folder, "4317-01").name(), "");
    assert_eq!(one(&folder, "4975-01").name(), "-");
    // The session's direction holds where a line has none (RFC 8866 §6.7).
    let found = one(&folder, "8866-02");
    let directions: Vec<_> = found.media().iter().map(|line| line.direction).collect();
    let expected = [
        Direction::SendRecv,
        Direction::Inactive,
        Direction::Inactive,
    ];
    assert_eq!(directions, expected);
    let address = found.media()[0].address().unwrap();
    assert_eq!(address.ip().unwrap().to_string(), "2001:db8::1");
}

#[test]
fn offers_of_the_rfcs_are_answered_as_they_deserve() {
    let Some(folder) = corpus() else { return };
    let address = Uri::copy("sip:bob@example.com").unwrap();
    let mut account = Account::new(address.clone(), address);
    account.accept_types = "message/cpim text/*".into();
    let msrp = MsrpAuthority {
        host: "bob.example.com".into(),
        port: 8888,
        tls: false,
    };
    let config = Config::new(account, msrp, [1, 2]);
    let mint = Mint {
        id: SessionId([7; 10]),
        number: 7,
    };
    let answer =
        |found: &Description| offer::answer(&config, mint, found, 1 << 20, &mut BytesMut::new());
    for name in [
        "4975-01", "4975-02", "4975-04", "5547-01", "5547-02", "5547-04", "5547-06", "7701-01",
    ] {
        let offered = one(&folder, name);
        let answered = answer(&offered).unwrap_or_else(|why| panic!("{name}: {why:?}"));
        // Nobody says a=setup there: the offerer connects.
        assert!(!answered.media.connect, "{name}");
        assert_eq!(answered.media.peer(), offered.media()[0].path());
        let read = sdp::parse(&answered.sdp).unwrap();
        assert_eq!(
            read.media()[0].direction,
            offered.media()[0].direction.inverted()
        );
        if offered.media()[0].file {
            let transfer = |found: &Description| {
                let file = found.media()[0].describes().unwrap().unwrap();
                (file.sha1, file.transfer.map(str::to_owned))
            };
            assert_eq!(transfer(&read), transfer(&offered), "{name}");
        }
    }
    // Audio and video are not for us, and neither is a line that is only an ability.
    for number in 1..=54 {
        let refused = answer(&one(&folder, &format!("4317-{number:02}"))).unwrap_err();
        assert_eq!(refused.warning.map(|(code, _)| code), Some(304));
    }
    assert!(answer(&one(&folder, "5547-08")).is_err());
}
