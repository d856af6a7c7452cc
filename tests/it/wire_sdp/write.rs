//! Writing descriptions.

use std::borrow::Cow;

use bytes::BytesMut;
use proptest::option;
use proptest::prelude::*;
use simple_im::wire::sdp::{
    self, Address, Bandwidth, Description, Direction, File, FileAttributes, FileDates, FileRange,
    Origin, Setup, Time, Writer,
};

use crate::fuzz_corpus::sdp::check;

fn written(write: impl FnOnce(&mut Writer<'_>)) -> Description {
    let mut out = BytesMut::new();
    write(&mut Writer::new(&mut out));
    let text = out.freeze();
    sdp::parse(&text).unwrap_or_else(|flaw| panic!("{flaw}: {text:?}"))
}

fn text(found: &Description) -> &str {
    std::str::from_utf8(found.octets()).unwrap()
}

const EVIL: &str = "x\r\nm=audio 1 RTP/AVP 0\na=evil\0\r";

#[test]
fn nothing_that_is_written_ends_its_line() {
    let address = Address {
        network: EVIL,
        family: EVIL,
        host: EVIL,
        ttl: None,
        count: None,
    };
    let (user, id, version) = (EVIL, EVIL, EVIL);
    let file = File {
        name: Some(EVIL.into()),
        media_type: Some(EVIL.into()),
        transfer: Some(EVIL),
        disposition: Some(EVIL),
        dates: FileDates {
            creation: EVIL,
            ..FileDates::default()
        },
        icon: Some(EVIL.into()),
        ..File::default()
    };
    let found = written(|writer| {
        writer.origin(&Origin {
            user,
            id,
            version,
            address,
        });
        writer.name(EVIL);
        writer.info(EVIL);
        writer.address(&address);
        writer.bandwidth(&Bandwidth {
            kind: EVIL,
            value: 1,
        });
        writer.line(b'q', EVIL.as_bytes());
        writer.line(b'\n', EVIL.as_bytes());
        writer.media(EVIL, 1, EVIL, EVIL);
        writer.attribute(EVIL, EVIL);
        writer.formatted(EVIL, format_args!("{EVIL}"));
        writer.property(EVIL);
        writer.file(&file, FileAttributes::Both);
    });
    assert_eq!(found.media().len(), 1);
    let letters: Vec<_> = found
        .lines()
        .filter_map(|line| line.field())
        .map(|(letter, _)| letter)
        .collect();
    // The line without a letter means nothing.
    assert_eq!(letters, *b"vosicbqmaaaaaaa", "{}", text(&found));
    assert!(found.lines().attributes().all(|a| a.name != "evil"));
    // Words stay words.
    assert_eq!(found.origin().split(' ').count(), 6);
    assert_eq!(Origin::read(found.origin()).unwrap().id, "0");
}

#[test]
fn what_is_empty_is_written_so_that_it_is_read() {
    let address = Address {
        network: "",
        family: "",
        host: "",
        ttl: None,
        count: None,
    };
    let (user, id, version) = ("", "", "");
    let found = written(|writer| {
        writer.origin(&Origin {
            user,
            id,
            version,
            address,
        });
        writer.name("");
        writer.time(Time::default());
        writer.media("", 0, "", "");
    });
    assert_eq!(
        text(&found),
        "v=0\r\no=- 0 0 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\nm=message 0 TCP/MSRP *\r\n"
    );
}

fn picture() -> File<'static> {
    File {
        name: Some("My 100% \"cool\" pic/ture.jpg".into()),
        media_type: Some("text/plain; charset=\"a\\\"b\"; x=y".into()),
        size: Some(4092),
        sha1: Some(super::SHA1),
        transfer: Some("Q6LM"),
        disposition: Some("render"),
        dates: FileDates {
            creation: "Mon, 15 May 2006 15:01:31 +0300",
            modification: "",
            read: "Tue, 16 May 2006 15:01:31 +0300",
        },
        icon: Some("id 2@alicepc.example.com".into()),
        range: Some(FileRange {
            start: 1,
            stop: Some(4092),
        }),
    }
}

const RFC: &str = "a=file-selector:name:\"My 100%25 %22cool%22 pic%2Fture.jpg\" type:text/plain;charset=\"a%22b\";x=\"y\" \
    size:4092 hash:sha-1:72:24:5F:E8:65:3D:DA:F3:71:36:2F:86:D4:71:91:3E:E4:A2:CE:2E\r\n\
    a=file-transfer-id:Q6LM\r\n\
    a=file-disposition:render\r\n\
    a=file-date:creation:\"Mon, 15 May 2006 15:01:31 +0300\" read:\"Tue, 16 May 2006 15:01:31 +0300\"\r\n\
    a=file-icon:cid:id%202@alicepc.example.com\r\n\
    a=file-range:1-4092\r\n";

const DRAFT: &str = "a=filename:My 100% \"cool\" pic/ture.jpg\r\n\
    a=filetype:text/plain; charset=\"a\\\"b\"; x=y\r\n\
    a=filesize:4092\r\n\
    a=disposition:inline\r\n";

#[test]
fn d_08_a_file_is_written_as_the_rfc_or_as_the_draft_has_it() {
    for (attributes, expected) in [
        (FileAttributes::Rfc5547, RFC.to_owned()),
        (FileAttributes::Draft, DRAFT.to_owned()),
        (FileAttributes::Both, format!("{RFC}{DRAFT}")),
    ] {
        let found = written(|writer| {
            writer.media("message", 1, "TCP/MSRP", "*");
            writer.file(&picture(), attributes);
        });
        let (_, file) = text(&found).split_once(" *\r\n").unwrap();
        assert_eq!(file, expected);
        let read = found.media()[0].describes().unwrap().unwrap();
        assert_eq!(read.name, picture().name);
        assert_eq!((read.size, read.disposition), (Some(4092), Some("render")));
    }
}

#[test]
fn an_ability_and_a_file_are_told_apart() {
    let found = written(|writer| {
        writer.media("message", 0, "TCP/MSRP", "*");
        writer.can_transfer_files();
        writer.media("message", 1, "TCP/MSRP", "*");
        writer.file(&File::default(), FileAttributes::Both);
    });
    assert!(
        text(&found)
            .ends_with("m=message 0 TCP/MSRP *\r\na=file-selector\r\nm=message 1 TCP/MSRP *\r\n")
    );
}

/// A text that can stand in a line.
fn words() -> impl Strategy<Value = String> {
    "[ -~é✓]{0,24}".prop_map(|text| text.trim().to_owned())
}

fn token() -> impl Strategy<Value = String> {
    "[A-Za-z0-9!#$%&'*+.^_`{|}~-]{1,16}"
}

/// Type, subtype and parameters.
type Kind = (String, String, Vec<(String, String)>);

#[derive(Clone, Debug)]
struct Stuff {
    name: Option<String>,
    kind: Option<Kind>,
    size: Option<u64>,
    sha1: Option<[u8; 20]>,
    tokens: [Option<String>; 2],
    dates: [Option<String>; 3],
    icon: Option<String>,
    range: Option<(u64, Option<u64>)>,
}

fn stuff() -> impl Strategy<Value = Stuff> {
    let kind = (
        token(),
        token(),
        prop::collection::vec((token(), "[ -~é\r\n]{1,9}"), 0..3),
    );
    let date = "[A-Za-z0-9,:+ -]{1,31}";
    (
        option::of(".{1,40}"),
        option::of(kind),
        any::<Option<u64>>(),
        any::<Option<[u8; 20]>>(),
        [option::of(token()), option::of(token())],
        [option::of(date), option::of(date), option::of(date)],
        option::of("[ -~é]{1,20}"),
        option::of((1..u64::MAX, option::of(any::<u64>()))),
    )
        .prop_map(
            |(name, kind, size, sha1, tokens, dates, icon, range)| Stuff {
                name,
                kind,
                size,
                sha1,
                tokens,
                dates,
                icon,
                range: range.map(|(start, len)| (start, len.map(|len| start.saturating_add(len)))),
            },
        )
}

impl Stuff {
    fn file(&self) -> File<'_> {
        let date = |at: usize| self.dates[at].as_deref().unwrap_or_default();
        let kind = |(main, sub, params): &Kind| {
            let quote = |text: &str| text.replace('\\', "\\\\").replace('"', "\\\"");
            let params = params
                .iter()
                .map(|(name, value)| format!(";{name}=\"{}\"", quote(value)));
            Cow::Owned(format!("{main}/{sub}{}", params.collect::<String>()))
        };
        File {
            name: self.name.as_deref().map(Cow::Borrowed),
            media_type: self.kind.as_ref().map(kind),
            size: self.size,
            sha1: self.sha1,
            transfer: self.tokens[0].as_deref(),
            disposition: self.tokens[1].as_deref(),
            dates: FileDates {
                creation: date(0),
                modification: date(1),
                read: date(2),
            },
            icon: self.icon.as_deref().map(Cow::Borrowed),
            range: self.range.map(|(start, stop)| FileRange { start, stop }),
        }
    }
}

proptest! {
    #[test]
    fn a_file_that_is_written_is_read_again(stuff in stuff()) {
        let file = stuff.file();
        let found = written(|writer| {
            writer.media("message", 1, "TCP/MSRP", "*");
            writer.file(&file, FileAttributes::Rfc5547);
        });
        let nothing = file.name.is_none() && file.media_type.is_none() && file.size.is_none() && file.sha1.is_none();
        let read = found.media()[0].describes().unwrap();
        prop_assert_eq!(read.is_none(), nothing);
        if let Some(read) = read {
            // Control characters of a parameter become blanks; that of a name stay.
            let expected = File {
                media_type: file.media_type.as_ref().map(|kind| kind.replace(['\r', '\n'], " ").into()),
                ..file.clone()
            };
            prop_assert_eq!(read, expected);
        }
    }

    #[test]
    fn a_description_that_is_written_is_read_again(
        user in token(),
        numbers in any::<[u64; 6]>(),
        host in prop::sample::select(vec!["192.0.2.1", "2001:db8::1", "host.example.com"]),
        texts in prop::collection::vec((token(), words()), 0..8),
        lines in prop::collection::vec((0u16.., token(), 0usize..4, 0usize..4), 0..5),
    ) {
        let address = Address::internet(host);
        let (id, version) = (numbers[0].to_string(), numbers[1].to_string());
        let origin = Origin { user: &user, id: &id, version: &version, address };
        let time = Time { start: numbers[2], stop: numbers[3] };
        let bandwidth = Bandwidth { kind: &user, value: numbers[4] };
        let setups = [Setup::Active, Setup::Passive, Setup::Actpass, Setup::Holdconn];
        let directions = [Direction::SendRecv, Direction::SendOnly, Direction::RecvOnly, Direction::Inactive];
        let found = written(|writer| {
            writer.origin(&origin);
            writer.name(&user);
            writer.address(&address);
            writer.bandwidth(&bandwidth);
            writer.time(time);
            for (name, text) in &texts {
                writer.attribute(&format!("x-{name}"), text);
            }
            for (port, proto, setup, direction) in &lines {
                writer.media("message", *port, proto, "* 1");
                writer.setup(setups[*setup]);
                writer.direction(directions[*direction]);
                writer.formatted("max-size", format_args!("{}", numbers[5]));
            }
        });
        prop_assert_eq!(Origin::read(found.origin()), Some(origin));
        prop_assert_eq!((found.name(), found.address()), (&*user, Some(address)));
        prop_assert_eq!(found.times().collect::<Vec<_>>(), [time]);
        prop_assert_eq!(found.bandwidths().collect::<Vec<_>>(), [bandwidth]);
        let read: Vec<_> = found.session().attributes().map(|a| (a.name.to_owned(), a.text().to_owned())).collect();
        let given: Vec<_> = texts.iter().map(|(name, text)| (format!("x-{name}"), text.clone())).collect();
        prop_assert_eq!(read, given);
        prop_assert_eq!(found.media().len(), lines.len());
        for (read, (port, proto, setup, direction)) in found.media().iter().zip(&lines) {
            prop_assert_eq!((read.port, read.proto_name()), (*port, &**proto));
            prop_assert_eq!((read.setup, read.direction), (Some(setups[*setup]), directions[*direction]));
            prop_assert_eq!((read.max_size, read.formats().count()), (Some(numbers[5]), 2));
        }
    }

    #[test]
    fn any_octets_are_refused_or_kept(octets in prop::collection::vec(any::<u8>(), 0..200)) {
        check(&octets);
        check(&[b"v=0\nm=", &octets[..]].concat());
    }

    #[test]
    fn any_lines_are_refused_or_kept(pieces in prop::collection::vec(prop::sample::select(vec![
        "v=0", "\r\n", "\n", "m=", "message", " ", "1", "/", "TCP/MSRP", "*", "a=", "path", ":", "msrp://h:1/x;tcp",
        "filelength", "setup:", "active", "sendonly", "\r", "\u{e9}", "t=", "o=", "i=", "=", "file-selector:", "name:\"",
        "\"", "%2", "%0A", "type:a/b", ";", "size:", "hash:sha-1:", "AB", "file-date:", "read:\"", "file-icon:cid:",
        "file-range:", "1-2", "filename:", "filetype:", "disposition:", "\n a=", "c=IN IP6 ", "\\",
    ]), 0..60)) {
        let text = pieces.concat();
        check(text.as_bytes());
        check(format!("v=0\n{text}").as_bytes());
    }
}
