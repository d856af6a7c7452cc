//! RFC 4475 and RFC 5118, by the manifests of the corpora.

use std::path::{Path, PathBuf};

use bytes::Bytes;
use serde_json::Value;
use simple_im::wire::sip::{self, Message};
use simple_im::{Flaw, Head};

/// Messages whose verdict is not the codec's, or for which the codec decides earlier than the manifest has it.
const ELSEWHERE: [(&str, Verdict, &str); 4] = [
    (
        "unkscm",
        Verdict::Refused(416),
        "the Request-URI's scheme is checked when it is read",
    ),
    (
        "novelsc",
        Verdict::Refused(416),
        "the Request-URI's scheme is checked when it is read",
    ),
    (
        "badbranch",
        Verdict::Read,
        "branches belong to the transaction layer",
    ),
    (
        "bcast",
        Verdict::Read,
        "counting Vias of a response belongs to the transport",
    ),
];

#[derive(Clone, Copy, Debug, PartialEq)]
enum Verdict {
    Read,
    Refused(u16),
}

/// The folder of a corpus, or `None` if the test is to be skipped.
fn corpus(name: &str) -> Option<PathBuf> {
    let root = std::env::var("SIMPLE_IM_CORPORA").unwrap_or("../shared/corpora".into());
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join(root).join(name);
    if root.exists() {
        return Some(root);
    }
    let required = std::env::var("SIMPLE_IM_REQUIRE_CORPORA").is_ok_and(|value| value == "1");
    assert!(!required, "{} is missing", root.display());
    eprintln!("skipped: {} is missing", root.display());
    None
}

fn messages(folder: &Path) -> Vec<(Value, Bytes)> {
    let manifest = std::fs::read(folder.join("manifest.json")).unwrap();
    let manifest: Value = serde_json::from_slice(&manifest).unwrap();
    let read = |entry: &Value| {
        let octets = std::fs::read(folder.join(entry["file"].as_str().unwrap())).unwrap();
        (entry.clone(), Bytes::from(octets))
    };
    manifest["messages"]
        .as_array()
        .unwrap()
        .iter()
        .map(read)
        .collect()
}

fn judge(parsed: &Result<Message, Flaw>) -> Verdict {
    match parsed {
        Ok(_) => Verdict::Read,
        Err(flaw) => Verdict::Refused(flaw.status.0),
    }
}

fn check(folder: &str) {
    let Some(folder) = corpus(folder) else { return };
    let mut failures = Vec::new();
    for (entry, octets) in messages(&folder) {
        let id = entry["id"].as_str().unwrap();
        let parsed = sip::parse(&octets);
        let verdict = judge(&parsed);
        let statuses: Vec<u64> = match entry["uas_response"].as_array() {
            Some(statuses) => statuses.iter().filter_map(Value::as_u64).collect(),
            None => Vec::new(),
        };
        let fits = |verdict| match verdict {
            Verdict::Refused(status) => {
                statuses.is_empty() || statuses.contains(&u64::from(status))
            }
            Verdict::Read => true,
        };
        let expected = match ELSEWHERE.iter().find(|(other, ..)| *other == id) {
            Some((_, expected, _)) => verdict == *expected,
            None => match entry["parse"].as_str().unwrap() {
                "must_accept" => verdict == Verdict::Read,
                "must_reject" => verdict != Verdict::Read && fits(verdict),
                _ => fits(verdict),
            },
        };
        if !expected {
            failures.push(format!("{id}: {parsed:?}"));
        }
        if let Ok(message) = &parsed {
            super::random::comes_back(message);
            compare(id, &entry["facts"], message, &mut failures);
        }
        for end in 0..octets.len() {
            let _ = sip::parse(&octets.slice(..end));
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

/// What a naive splitter saw is what we see.
fn compare(id: &str, facts: &Value, message: &Message, failures: &mut Vec<String>) {
    let (head, body) = match message {
        Message::Request(request) => (&request.head, &request.body),
        Message::Response(response) => (&response.head, &response.body),
    };
    let mut same = |what: &str, seen: Value| {
        if !facts[what].is_null() && facts[what] != seen {
            failures.push(format!("{id}: {what} is {seen}, not {}", facts[what]));
        }
    };
    if let Message::Request(request) = message {
        same("request_uri", request.uri.as_str().into());
    }
    same("header_lines", head.headers().count().into());
    same("via_values", head.values("Via").count().into());
    same("contact_values", head.values("Contact").count().into());
    same("call_id", head.call_id().into());
    same("body_octets_delivered", body.whole().len().into());
    let number = facts["cseq_number_text"]
        .as_str()
        .and_then(|text| text.parse().ok());
    assert_eq!(number, Some(head.cseq()), "{id}");
}

#[test]
fn rfc_4475_torture_messages_are_judged_as_they_should() {
    check("sip-torture");
}

#[test]
fn rfc_5118_ipv6_messages_are_judged_as_they_should() {
    check("sip-torture-ipv6");
}

fn head(id: &str) -> Option<Head> {
    let folder = corpus("sip-torture")?;
    let octets = std::fs::read(folder.join(format!("msgs/{id}.dat"))).unwrap();
    match sip::parse(&Bytes::from(octets)).unwrap() {
        Message::Request(request) => Some(request.head),
        Message::Response(response) => Some(response.head),
    }
}

#[test]
fn the_short_tortuous_invite_is_understood() {
    let Some(head) = head("wsinv") else { return };
    assert_eq!(head.to().uri, "sip:vivekg@chair-dnrc.example.com");
    assert_eq!(head.to().tag(), Some("1918181833n"));
    assert_eq!(head.from().uri, "sip:jdrosen@example.com");
    assert_eq!(head.from().tag(), Some("98asjd8"));
    assert_eq!((head.cseq(), head.max_forwards()), (9, Some(68)));
    assert_eq!(head.header("Subject"), Some(""));
    assert_eq!(
        head.header("NewFangledHeader"),
        Some("newfangled value continued newfangled value")
    );
    let contact = head.contact().unwrap();
    assert_eq!(contact.uri, "sip:jdrosen@example.com");
    assert_eq!(contact.param("newparam"), Some(Some("newvalue")));
    assert_eq!(contact.param("secondparam"), Some(None));
    assert_eq!(contact.param("q"), Some(Some("0.33")));
}

#[test]
fn parameters_belong_to_the_uri_inside_the_brackets_and_to_the_field_outside() {
    let Some(outside) = head("cparam01") else {
        return;
    };
    assert_eq!(outside.contact().unwrap().param("unknownparam"), Some(None));
    let inside = head("cparam02").unwrap();
    assert_eq!(inside.contact().unwrap().param("unknownparam"), None);
}

#[test]
fn other_seeds_never_panic_and_point_inside_the_input() {
    for folder in ["fuzz-seeds/sip", "fuzz-seeds/jain-torture/msg"] {
        let Some(folder) = corpus(folder) else { return };
        for file in std::fs::read_dir(folder)
            .unwrap()
            .map(|file| file.unwrap().path())
        {
            if !file.is_file() {
                continue;
            }
            let octets = Bytes::from(std::fs::read(&file).unwrap());
            let _ = sip::frame(&octets, usize::MAX);
            match sip::parse(&octets) {
                Err(flaw) => assert!(flaw.at <= octets.len(), "{}: {flaw}", file.display()),
                Ok(message) => {
                    super::random::comes_back(&message);
                    super::random::touch(match &message {
                        Message::Request(request) => &request.head,
                        Message::Response(response) => &response.head,
                    });
                }
            }
        }
    }
}
