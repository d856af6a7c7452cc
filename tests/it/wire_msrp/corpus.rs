//! What others wrote: all 140 files, each as its manifest says, for a peer that is tolerated and for one that
//! is not.

use std::collections::BTreeSet;
use std::path::PathBuf;

use serde_json::Value;

use super::*;

fn corpus() -> Option<PathBuf> {
    let root =
        std::env::var_os("SIMPLE_IM_CORPORA").map_or("../shared/corpora".into(), PathBuf::from);
    let folder = root.join("msrp");
    if folder.is_dir() {
        return Some(folder);
    }
    let required = std::env::var_os("SIMPLE_IM_REQUIRE_CORPORA").is_some_and(|value| value == "1");
    assert!(!required, "{} is missing", folder.display());
    eprintln!("skipped: {} is missing", folder.display());
    None
}

/// The items of a manifest, each with its file's name and octets.
fn items(manifest: &str) -> Vec<(String, Vec<u8>, Value)> {
    let Some(folder) = corpus() else {
        return Vec::new();
    };
    let text = std::fs::read_to_string(folder.join(manifest)).unwrap();
    let manifest: Value = serde_json::from_str(&text).unwrap();
    let items = manifest["items"].as_array().unwrap().iter();
    let items = items.map(|item| {
        let file = item["file"].as_str().unwrap().to_owned();
        let octets = std::fs::read(folder.join(&file)).unwrap();
        assert_eq!(item["size"], octets.len(), "{file}");
        (file, octets, item.clone())
    });
    items.collect()
}

/// What becomes of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    /// Whole frames, and nothing is wrong with them.
    Taken,
    /// Whole frames; who asks for a field of RFC 4976 hears that it is malformed.
    WhenAsked(&'static str),
    /// Whole frames, one of which is refused and skipped.
    Refused(&'static str),
    /// The framing is lost.
    Broken(&'static str),
    /// It ends before its end-line.
    Incomplete,
}

impl Verdict {
    fn of(text: &[u8], tolerance: Tolerance) -> Self {
        let mut decoder = Decoder::new(HEAD_LIMIT, tolerance);
        let mut input = BytesMut::from(text);
        let mut asked = None;
        loop {
            match decoder.next(&mut input) {
                Ok(Some(Piece::Head(head))) => {
                    let flaws = [
                        head.expires().err(),
                        head.use_path().err(),
                        head.challenges().find_map(Result::err),
                        head.authorization().err(),
                        head.authentication_info().err(),
                    ];
                    asked = asked.or(flaws.into_iter().flatten().next());
                }
                Ok(Some(Piece::Bad(_, flaw))) => return Self::Refused(flaw.what),
                Ok(Some(Piece::Octets(_) | Piece::End(_))) => {}
                Err(flaw) => return Self::Broken(flaw.what),
                Ok(None) if !decoder.is_idle() => return Self::Incomplete,
                Ok(None) => return asked.map_or(Self::Taken, |flaw| Self::WhenAsked(flaw.what)),
            }
        }
    }
}

#[test]
fn the_examples_of_the_rfcs_are_read() {
    // RFC 4975 §5.1 leaves the paths out "for brevity".
    let abridged = ["rfc/rfc4975-03.msrp", "rfc/rfc4975-04.msrp"];
    let items = items("manifest-rfc.json");
    assert!(items.is_empty() || items.len() == 55);
    for (file, text, item) in items {
        let lines = check_splits(&text);
        let facts = &item["facts"];
        let what = |key: &str| facts[key].as_str().unwrap();
        let strict = Verdict::of(&text, Tolerance::strict());
        if abridged.contains(&file.as_str()) {
            assert!(lines[0].starts_with("bad Send"), "{file}: {lines:?}");
            assert_eq!(lines.len(), 1);
            assert_eq!(strict, Verdict::Refused("To-Path is missing"));
            continue;
        }
        // No example needs to be put up with.
        assert_eq!(strict, Verdict::Taken, "{file}");
        let head = only_head(&text);
        assert_eq!(again(&text), text, "{file}");
        assert_eq!(head.txn(), what("transaction_id"), "{file}");
        let verb = match head.kind() {
            Kind::Response(status) => status.to_string(),
            _ => head.method().to_owned(),
        };
        assert_eq!(verb, what("verb"), "{file}");
        let end = match what("flag") {
            "$" => "end Last",
            "+" => "end More",
            _ => "end Abandoned",
        };
        assert_eq!(lines.last().unwrap(), end, "{file}");
        match facts["body_octets"].as_u64() {
            None => assert_eq!(lines.len(), 2, "{file}: {lines:?}"),
            Some(octets) => {
                let body = format!("body {octets} ");
                assert!(lines[1].starts_with(&body), "{file}: {lines:?}");
            }
        }
        if let Some(range) = facts["byte_range"].as_array() {
            let read = head.range();
            let open = |value: &Value| value.as_str().and_then(|value| value.parse().ok());
            assert_eq!(range[0], read.start, "{file}");
            let rest = (open(&range[1]), open(&range[2]));
            assert_eq!(rest, (read.end, read.total), "{file}");
        }
        for url in [head.to_path(), head.from_path()] {
            check_path(url).unwrap_or_else(|flaw| panic!("{file}: {url}: {flaw}"));
        }
    }
}

/// A frame, written from what was read of it: nothing is lost.
fn again(text: &[u8]) -> Vec<u8> {
    let (mut decoder, mut input) = (Decoder::default(), BytesMut::from(text));
    let (mut out, mut txn) = (Vec::new(), String::new());
    while let Some(piece) = decoder.next(&mut input).unwrap() {
        match piece {
            Piece::Head(head) => {
                txn = head.txn().to_owned();
                let what = match head.kind() {
                    Kind::Response(status) => format!("{status} {}", head.comment()),
                    _ => head.method().to_owned(),
                };
                out.extend(format!("MSRP {txn} {}\r\n", what.trim_end()).into_bytes());
                for (name, value) in head.fields() {
                    out.extend(format!("{name}: {value}\r\n").into_bytes());
                }
                if head.content_type().is_some() {
                    out.extend(b"\r\n");
                }
            }
            Piece::Bad(_, flaw) => panic!("{flaw}"),
            Piece::Octets(octets) => out.extend(octets),
            Piece::End(flag) => {
                if out.windows(4).any(|four| four == b"\r\n\r\n") {
                    out.extend(b"\r\n");
                }
                let flag = match flag {
                    Continuation::Last => '$',
                    Continuation::More => '+',
                    Continuation::Abandoned => '#',
                };
                out.extend(format!("-------{txn}{flag}\r\n").into_bytes());
            }
        }
    }
    out
}

/// What becomes of the other implementations' files, where it is not what their manifest says for both a
/// tolerated peer and another one: tolerated, and strictly.
fn differences() -> Vec<(&'static str, Verdict, Verdict)> {
    use Verdict::{Refused, Taken, WhenAsked};
    let scheme = "authentication scheme is not Digest";
    let param = "digest parameter is malformed";
    let blanks = "blanks around a value are not as they should be";
    let seconds = "number of seconds is malformed";
    let nickname = "Use-Nickname is no quoted string of 1 to 1,023 octets";
    let behind = "header field behind the MIME header fields";
    let mime = "MIME header fields without a body";
    vec![
        // To be refused, and refused only where nothing is tolerated.
        (
            "node-lib/034",
            Taken,
            Refused("wish for reports is unknown"),
        ),
        (
            "node-lib/036",
            Taken,
            Refused("Status is of an unknown namespace"),
        ),
        ("node-lib/037", WhenAsked(seconds), Refused(seconds)),
        (
            "node-lib/038",
            Taken,
            Refused("Content-Disposition is malformed"),
        ),
        ("node-lib/040", WhenAsked(scheme), Refused(scheme)),
        ("node-lib/041", WhenAsked(param), Refused(param)),
        (
            "node-lib/046",
            WhenAsked("header field is repeated"),
            Refused("header field is repeated"),
        ),
        (
            "node-lib/047",
            WhenAsked("header field is repeated"),
            Refused("header field is repeated"),
        ),
        (
            "node-lib/048",
            Taken,
            Refused("MIME header field is repeated"),
        ),
        ("node-lib/056", WhenAsked(param), Refused(param)),
        ("node-lib/057", WhenAsked(param), Refused(param)),
        ("node-lib/058", WhenAsked(param), Refused(param)),
        // To be taken, and not taken where nothing is tolerated.
        ("node-lib/050", Taken, Refused(mime)),
        (
            "node-lib/051",
            WhenAsked("path is empty"),
            Refused("path is empty"),
        ),
        (
            "node-lib/063",
            Taken,
            Refused("Content-Disposition is malformed"),
        ),
        ("node-lib/053", Taken, Refused("Message-ID is missing")),
        ("node-lib/071", Taken, Refused("response without paths")),
        ("node-lib/010", Taken, Refused(behind)),
        ("node-lib/027", Taken, Refused(behind)),
        ("node-lib/028", Taken, Refused(behind)),
        ("node-lib/011", Taken, Refused(blanks)),
        ("node-lib/017", Taken, Refused(nickname)),
        // Taken there without a look at what RFC 4975 §7.1 wants in every request.
        (
            "node-lib/065",
            Refused("To-Path is missing"),
            Refused("To-Path is missing"),
        ),
        (
            "node-lib/067",
            Refused("To-Path is missing"),
            Refused("To-Path is missing"),
        ),
        (
            "node-lib/069",
            Refused("To-Path is missing"),
            Refused("To-Path is missing"),
        ),
        (
            "node-lib/070",
            Refused("To-Path is missing"),
            Refused("To-Path is missing"),
        ),
        // The beginning of a frame.
        ("node-lib/066", Verdict::Incomplete, Verdict::Incomplete),
        ("node-lib/068", Verdict::Incomplete, Verdict::Incomplete),
        // A second frame begins in these.
        (
            "doubango/test_parser-02",
            Verdict::Incomplete,
            Verdict::Incomplete,
        ),
        (
            "doubango/test_parser-03",
            Verdict::Incomplete,
            Verdict::Incomplete,
        ),
        // It tries what its own parser makes of three of them.
        (
            "doubango/test_parser-01",
            Refused("Byte-Range is repeated"),
            Refused("Byte-Range is repeated"),
        ),
        // Of before the RFC: other URIs, no blanks.
        ("resip-msrp/testMsrpRoar-01", Taken, Refused(blanks)),
        ("resip-msrp/testMsrpRoar-02", Taken, Refused(blanks)),
        // URIs with a scheme of their own.
        (
            "msrp-java/TestConnectionPreparser-01",
            Taken,
            Refused("scheme is neither msrp nor msrps"),
        ),
        (
            "msrp-java/TestConnectionPreparser-02",
            Taken,
            Refused("scheme is neither msrp nor msrps"),
        ),
    ]
}

#[test]
fn what_other_implementations_read_and_refuse_is_read_and_refused() {
    let items = items("manifest-repos.json");
    assert!(items.is_empty() || items.len() == 85);
    let mut differences = differences();
    let (mut wrong, mut refused) = (Vec::new(), BTreeSet::new());
    for (file, text, item) in items {
        let Some(name) = file.strip_suffix(".msrp") else {
            continue;
        };
        check_splits(&text);
        let found = (
            Verdict::of(&text, Tolerance::lenient()),
            Verdict::of(&text, Tolerance::strict()),
        );
        let to_refuse = item["expects_null"] == true;
        if to_refuse && found.1 != Verdict::Taken {
            refused.insert(name.to_owned());
        }
        let fits = match differences.iter().position(|(other, ..)| *other == name) {
            Some(at) => {
                let (_, tolerated, strict) = differences.swap_remove(at);
                found == (tolerated, strict)
            }
            None if to_refuse => found.0 != Verdict::Taken && found.1 != Verdict::Taken,
            None => found == (Verdict::Taken, Verdict::Taken),
        };
        if !fits {
            wrong.push(format!("{name}: to refuse: {to_refuse}, {found:?}"));
        }
    }
    if corpus().is_some() {
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
        assert!(differences.is_empty(), "{differences:?}");
        assert_eq!(refused.len(), 31, "{refused:?}");
    }
}

#[test]
fn uris_of_before_the_rfc_are_refused() {
    let Some(folder) = corpus() else {
        return;
    };
    let text = std::fs::read_to_string(folder.join("resip-msrp/uris.txt")).unwrap();
    for line in text.lines().filter(|line| !line.is_empty()) {
        assert!(Url::parse(line).is_err(), "{line}");
    }
}
