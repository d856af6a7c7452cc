//! Messages that others collected: JAIN-SIP's torture set, examples of RFCs, captures, seeds of other fuzzers.
//!
//! Whatever we refuse of them is here, with the reason: some is refused by everyone, some is read by others.

use std::collections::BTreeSet;
use std::path::Path;

use bytes::Bytes;
use serde_json::Value;
use simple_im::wire::sip::{self, Message};
use simple_im::{Address, Uri};

use super::random::{comes_back, touch};
use super::torture::corpus;
use super::{message_with, request};

/// What is wrong, why that is refused, and where it occurs.
type Decision = (&'static str, &'static str, &'static [&'static str]);

const REFUSED: [Decision; 24] = [
    (
        "URI has no scheme",
        "§25.1: addr-spec and absoluteURI have one; the RFC's own example lacks it by mistake",
        &["sip/rfc/rfc3261-09.sip", "sip/kamailio/register04.sip"],
    ),
    (
        "Via is malformed",
        "§25.1: a parameter has a name, and a value where it has an equals sign; RFC 4475 §3.1.2.1",
        &[
            "sip/rfc/rfc3428-03.sip",
            "sip/kamailio/invite6-badbranch-via.sip",
            "sip/kamailio/rport.sip",
            "sip/sofia/own0.txt",
            "sip/sofia/test15.txt",
        ],
    ),
    (
        "header field parameter is malformed",
        "likewise; an octet after it that is no semicolon is nobody's",
        &[
            "sip/rfc/rfc3428-04.sip",
            "sip/kamailio/pingtel.sip",
            "sip/kamailio/invite3-callid.sip",
            "sip/kamailio/sg.sip",
            "sip/pjsip-sip/input.1.sip",
        ],
    ),
    (
        "blank in a URI",
        "§25.1: none is between the angle brackets but the URI; RFC 4475 §3.1.2.14",
        &["sip/sofia/10052.txt", "jain-torture/msg/014.txt"],
    ),
    (
        "display name is neither tokens nor a quoted string",
        "§25.1: a backslash or a comma is no letter of a token; RFC 4475 §3.1.2.15",
        &[
            "sip/sofia/test40.txt",
            "sip/suricata/sip-compact-form-sip_compact_form-udp-013.sip",
            "sip/suricata/sip-header-multi-value-sip_header_multi_val-udp-014.sip",
            "sip/suricata/sip-sdp-sdp-udp-079.sip",
            "sip/suricata/sip-sdp-sdp-udp-080.sip",
        ],
    ),
    (
        "quoted string has no end",
        "RFC 4475 §3.1.2.6: who guesses it may guess wrong",
        &["sip/sofia/test19.txt", "sip/pjsip-sip/input.4.sip"],
    ),
    (
        "header field name is no token",
        "§25.1: HCOLON has no fold before the colon; RFC 4475 moved the one of its predecessor behind it",
        &[
            "sip/sofia/test1.txt",
            "sip/sofia/test1a.txt",
            "jain-torture/msg/018.txt",
            // Two messages without an empty line between them.
            "jain-torture/msg/333.txt",
        ],
    ),
    (
        "header field has no colon",
        "§7.3.1; a body without an empty line before it, or a message that was cut",
        &[
            "sip/kamailio/invite5-callid.sip",
            "sip/kamailio/message02.sip",
            "sip/pcapplusplus/sip_req4.sip",
        ],
    ),
    (
        "URI has an unknown scheme",
        "§8.2.2.1: 416. No role of this crate is a target under another scheme",
        &[
            "sip/siplib/InviteAllAdditionalDataByValue1.sip",
            "sip/sofia/test26.txt",
            "jain-torture/msg/019.txt",
            "jain-torture/msg/021.txt",
            "jain-torture/msg/022.txt",
            "jain-torture/msg/360.txt",
            "jain-torture/msg/361.txt",
        ],
    ),
    (
        "Request-URI has header fields",
        "§19.1.1, table 1: not allowed there; RFC 4475 §3.1.2.11",
        &[
            "sip/kamailio/req1.sip",
            "sip/kamailio/req2.sip",
            "sip/sofia/test25.txt",
        ],
    ),
    (
        "Request-URI is in angle brackets",
        "§7.1; RFC 4475 §3.1.2.7",
        &["sip/sofia/test21.txt"],
    ),
    (
        "character not allowed in a URI parameter",
        "§7.1: no blank in a Request-URI; RFC 4475 §3.1.2.8",
        &["sip/sofia/test22.txt"],
    ),
    (
        "more than one blank between Request-URI and version",
        "§7.1: a single SP; RFC 4475 §3.1.2.9",
        &[
            "sip/kamailio/req-test1.sip",
            "sip/kamailio/req-tm1.sip",
            "sip/sofia/test23.txt",
        ],
    ),
    (
        "request line ends with a blank",
        "§7.1; RFC 4475 §3.1.2.10",
        &["sip/sofia/test20.txt"],
    ),
    (
        "request line has no version",
        "§7.1; the middle of a message",
        &["sip/suricata/sip-tcp-method-sip-tcp-tcp-081.sip"],
    ),
    (
        "start line is neither of a request nor of a response",
        "no message at all",
        &[
            "sip/suricata/sip-body-large-sip-body-large-tcp-011.sip",
            "sip/pjsip-sip-dialog/simple_uris.txt",
        ],
    ),
    (
        "version is not SIP/2.0",
        "§21.5.6: 505; RFC 4475 §3.1.2.16",
        &[
            "sip/kamailio/bad_via2.sip",
            "sip/kamailio/bad_via3.sip",
            "sip/sofia/own8.txt",
            "sip/sofia/test41.txt",
            "sip/sofia/test42.txt",
        ],
    ),
    (
        "status code is not from 100 to 699",
        "§7.2; the file has `<hex>` in the place of an octet",
        &["jain-torture/msg/338.txt"],
    ),
    (
        "CSeq names another method than the request line",
        "§8.1.1.5; RFC 4475 §3.1.2.17",
        &["sip/sofia/test-ack-1.txt"],
    ),
    (
        "CSeq has no method",
        "§20.16",
        &["sip/kamailio/invite4-cseq.sip"],
    ),
    (
        "header field is repeated",
        "§7.3.1: only lists are; RFC 4475 §3.3.8",
        &[
            "sip/sofia/test12.txt",
            "sip/sofia/test35.txt",
            "jain-torture/msg/366.txt",
        ],
    ),
    (
        "Content-Length is larger than the body",
        "§18.3: 400 on a datagram; RFC 4475 §3.1.2.2",
        &[
            "sip/kamailio/message.sip",
            "sip/pjsip-sip/multipart_alternative.sip",
            "sip/pjsip-sip/multipart_basic.sip",
            "sip/sofia/test16.txt",
        ],
    ),
    (
        "Content-Length is no number",
        "§20.14; RFC 4475 §3.1.2.3",
        &["sip/sofia/test17.txt"],
    ),
    (
        "no ",
        "§8.1.1: a request has Via, From, To, Call-ID and CSeq; RFC 4475 §3.3.1",
        &[
            "sip/kamailio/bad_uri.sip",
            "sip/kamailio/bad_via1.sip",
            "sip/kamailio/inv_srv.sip",
            "sip/kamailio/invite1.sip",
            "sip/kamailio/no_eom_reply.sip",
            "sip/kamailio/short_reply.sip",
            "sip/sofia/test11.txt",
            "jain-torture/msg/025.txt",
        ],
    ),
];

/// What JAIN-SIP refuses and we read, and why.
const READ: [(&str, &str); 2] = [
    (
        "jain-torture/msg/024.txt",
        "its method is new, and that is all: 501 is the role's answer",
    ),
    (
        "jain-torture/msg/350.txt",
        "RFC 4475 §3.1.2.12: a Date that nobody uses is no reason to refuse",
    ),
];

/// Many of these files lost their CRs or their empty line on the way to a repository. As they are they are refused: a lone LF
/// taken for a line end lets two readers see two messages, and a head without an end may go on (§7). Mended they tell more.
const LOST: [&str; 3] = [
    "line is not ended by CRLF",
    "head has no end",
    "start line has no end",
];

pub(crate) fn mended(octets: &[u8]) -> Bytes {
    let mut out: Vec<u8> = Vec::new();
    for octet in octets {
        if *octet == b'\n' && out.last() != Some(&b'\r') {
            out.push(b'\r');
        }
        out.push(*octet);
    }
    let begin = sip::keep_alive(&out);
    if !out[begin..].windows(4).any(|window| window == b"\r\n\r\n") {
        let is_ended = out.ends_with(b"\r\n");
        out.extend_from_slice(if is_ended { b"\r\n" } else { b"\r\n\r\n" });
    }
    Bytes::from(out)
}

pub(crate) fn files(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_path_buf()];
    while let Some(next) = folders.pop() {
        for entry in std::fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            match path.extension().and_then(|it| it.to_str()) {
                None if path.is_dir() => folders.push(path),
                Some("json" | "md") => {}
                _ => found.push(path.to_str().unwrap().to_owned()),
            }
        }
    }
    found.sort();
    found
}

/// Reads a file as it is and, if it is refused for what it lost, mended; and says what is wrong with it then.
fn judge(octets: &Bytes) -> Option<&'static str> {
    let _ = sip::frame(octets, usize::MAX);
    let read = |octets: &Bytes| match sip::parse(octets) {
        Ok(message) => {
            comes_back(&message);
            touch(match &message {
                Message::Request(request) => &request.head,
                Message::Response(response) => &response.head,
            });
            None
        }
        Err(flaw) => {
            assert!(flaw.at <= octets.len(), "{flaw}");
            Some(flaw.what)
        }
    };
    match read(octets) {
        Some(what) if LOST.contains(&what) => read(&mended(octets)),
        verdict => verdict,
    }
}

fn decided(file: &str, what: &str) -> bool {
    REFUSED.iter().any(|(reason, _, files)| {
        let same = what == *reason || *reason == "no " && what.starts_with(reason);
        same && files.contains(&file)
    })
}

#[test]
fn what_others_collected_is_read_or_refused_by_decision() {
    let Some(root) = corpus("fuzz-seeds") else {
        return;
    };
    let jain = std::fs::read(root.join("jain-torture/manifest-repos.json")).unwrap();
    let jain: Value = serde_json::from_slice(&jain).unwrap();
    let bad: BTreeSet<_> = jain["items"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|item| item["expect_parse_error"].as_bool().unwrap())
        .map(|item| format!("jain-torture/{}", item["file"].as_str().unwrap()))
        .collect();
    let (mut failures, mut refused, mut count) = (Vec::new(), BTreeSet::new(), 0);
    for folder in ["sip", "jain-torture/msg"] {
        for path in files(&root.join(folder)) {
            count += 1;
            let file = path.strip_prefix(root.to_str().unwrap()).unwrap();
            let file = file.trim_start_matches('/').to_owned();
            let octets = Bytes::from(std::fs::read(&path).unwrap());
            let verdict = judge(&octets);
            let is_listed = READ.iter().any(|(read, _)| *read == file);
            match verdict {
                None if bad.contains(&file) == is_listed => {}
                Some(_) if bad.contains(&file) && !is_listed => {}
                Some(what) if decided(&file, what) => {
                    refused.insert(file);
                }
                verdict => failures.push(format!("{file}: {verdict:?}")),
            }
        }
    }
    let listed = REFUSED.iter().flat_map(|(_, _, files)| *files);
    failures.extend(
        listed
            .filter(|file| !refused.contains(**file))
            .map(|file| format!("{file}: read")),
    );
    assert!(failures.is_empty(), "{}", failures.join("\n"));
    assert!(count > 900, "{count}");
}

#[test]
fn examples_of_rfcs_have_the_body_that_is_printed() {
    let Some(root) = corpus("fuzz-seeds/sip") else {
        return;
    };
    let manifest = std::fs::read(root.join("manifest-rfc.json")).unwrap();
    let manifest: Value = serde_json::from_slice(&manifest).unwrap();
    let mut read = 0;
    for item in manifest["items"].as_array().unwrap() {
        let octets = Bytes::from(std::fs::read(root.join(item["file"].as_str().unwrap())).unwrap());
        let line = item["facts"]["start_line"].as_str().unwrap();
        let body = match sip::parse(&octets) {
            Ok(Message::Request(request)) => {
                let (method, uri) = (request.method_name(), request.uri.as_str());
                assert_eq!(format!("{method} {uri} SIP/2.0"), line);
                request.body
            }
            Ok(Message::Response(response)) => {
                let (status, reason) = (response.status, response.reason());
                assert_eq!(format!("SIP/2.0 {status} {reason}"), line);
                response.body
            }
            Err(_) => continue,
        };
        read += 1;
        let length = u64::try_from(body.whole().len()).unwrap();
        assert_eq!(item["facts"]["body_octets"], length, "{line}");
    }
    assert_eq!(read, 243, "of 246; three are refused above");
}

#[test]
fn jains_header_fields_and_uris_are_read() {
    let Some(root) = corpus("fuzz-seeds/jain-torture") else {
        return;
    };
    for path in files(&root.join("hdr")) {
        let text = std::fs::read_to_string(&path)
            .unwrap()
            .replace("\r\n", "\n");
        let head = request(&message_with(&text)).head;
        touch(&head);
        let name = text.split(':').next().unwrap();
        for value in head.values(name) {
            match name {
                "From" | "To" | "Contact" => assert!(Address::read(value).is_some(), "{value}"),
                "Retry-After" => assert!(head.retry().is_some(), "{value}"),
                "Accept" => assert!(value.contains('/'), "{value}"),
                _ => assert!(!value.is_empty()),
            }
        }
        assert!(head.fields(name).count() == 1, "{name}");
    }
    let (mut read, mut count) = (0, 0);
    for path in files(&root.join("url")) {
        let text = std::fs::read_to_string(&path).unwrap();
        count += 1;
        match Uri::copy(text.trim()) {
            Ok(uri) => {
                assert_eq!(uri.as_str(), text.trim());
                read += 1;
            }
            Err(flaw) => panic!("{text}: {flaw}"),
        }
    }
    assert_eq!(read, count);
}
