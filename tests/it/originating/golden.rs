//! The golden messages of the originating client, line by line. Identifiers that we mint, and what
//! depends on their length, are compared by shape.

use bytes::BytesMut;
use simple_im::CopyControl;
use simple_im::wire::msrp::{write_end, write_send};

use super::*;

fn golden() -> Alice {
    alice_with(|config| {
        config.account.contact = uri("sip:alice@pc33.example.com");
        config.account.exploder = None;
        config.msrp.host = "192.0.2.10".into();
        config.msrp.port = 7654;
    })
}

fn golden_of_the_seeds() -> Alice {
    let mut rig = golden();
    rig.config = draft_seed(rig.config);
    rig
}

/// The lines with what differs from run to run masked.
fn masked(text: &str) -> Vec<String> {
    text.replace("\r\n", "\n").split('\n').map(mask).collect()
}

fn mask(line: &str) -> String {
    let line = match line.split_once(";tag=") {
        Some((front, _)) => format!("{front};tag=#"),
        None => line.to_string(),
    };
    if let Some(path) = line.strip_prefix("a=path:") {
        let (front, _) = path.rsplit_once('/').unwrap();
        return format!("a=path:{front}/#;tcp");
    }
    if line.starts_with("o=") {
        let words: Vec<_> = line.split(' ').collect();
        assert_eq!(words[1], words[2], "{line}");
        return format!("{} # # {}", words[0], words[3..].join(" "));
    }
    for (name, tail) in [
        ("Call-ID: ", ""),
        ("CSeq: ", " "),
        ("Content-Type: multipart/mixed;boundary=", ""),
    ] {
        if let Some(value) = line.strip_prefix(name) {
            let rest = if tail.is_empty() {
                ""
            } else {
                value.split_once(' ').unwrap().1
            };
            return format!("{name}#{tail}{rest}");
        }
    }
    match line.strip_prefix("--b") {
        Some(rest) if rest.ends_with("--") => "--b#--".into(),
        Some(_) => "--b#".into(),
        None => line,
    }
}

fn check(sent: &Outgoing, expected: &str) {
    let written = wire(sent);
    let (written, expected) = (masked(&written), masked(expected));
    for (ours, theirs) in written.iter().zip(&expected) {
        // The lengths of numbers in o= are ours.
        let lengths = ["Content-Length: 260", "Content-Length: 614"];
        if lengths.contains(&theirs.as_str()) {
            assert!(ours.starts_with("Content-Length: "), "{ours}");
        } else {
            assert_eq!(ours, theirs, "{written:#?}");
        }
    }
    assert_eq!(written.len(), expected.len());
}

fn hello(target: Target, text: &'static str) -> Draft {
    Draft::new(
        target,
        Content::new("text/plain", bytes::Bytes::from_static(text.as_bytes())),
    )
}

fn three_thousand(target: Target) -> Draft {
    Draft::new(target, Content::new("text/plain", "x".repeat(3000).into()))
}

const A_1: &str = "MESSAGE sip:bob@example.com SIP/2.0
Max-Forwards: 70
From: <sip:alice@example.com>;tag=49583
To: <sip:bob@example.com>
Call-ID: asd88asd77a@pc33.example.com
CSeq: 1 MESSAGE
Accept-Contact: *;+g.oma.sip-im;require;explicit
User-Agent: IM-client/OMA1.0
Supported: timer
P-Preferred-Identity: <sip:alice@example.com>
Content-Type: text/plain
Content-Length: 9

Hello Bob";

#[test]
fn golden_a_1_a_page() {
    check(&page(golden(), hello(bob(), "Hello Bob")), A_1);
}

#[test]
fn golden_a_1_a_page_of_the_seeds() {
    let with_contact = A_1.replace(
        "User-Agent:",
        "Contact: <sip:alice@pc33.example.com>;+g.oma.sip-im\nUser-Agent:",
    );
    check(
        &page(golden_of_the_seeds(), hello(bob(), "Hello Bob")),
        &with_contact,
    );
}

#[test]
fn golden_a_1_an_anonymous_page() {
    let expected = A_1
        .replace(
            "From: <sip:alice@example.com>",
            "From: \"Anonymous\" <sip:anonymous@anonymous.invalid>",
        )
        .replace("P-Preferred", "Privacy: id\nP-Preferred");
    check(
        &page(golden(), anonymous(hello(bob(), "Hello Bob"))),
        &expected,
    );
}

#[test]
fn golden_a_2_a_page_to_a_list() {
    let Target::List(mut recipients) = bob_and_carol() else {
        unreachable!()
    };
    for recipient in &mut recipients {
        recipient.copy = Some(CopyControl::To);
    }
    check(
        &page(golden(), hello(Target::List(recipients), "Hello all")),
        "MESSAGE sip:conference-factory@im.example.com SIP/2.0
Max-Forwards: 70
From: <sip:alice@example.com>;tag=49584
To: <sip:conference-factory@im.example.com>
Call-ID: asd88asd77b@pc33.example.com
CSeq: 1 MESSAGE
Accept-Contact: *;+g.oma.sip-im;require;explicit
Require: recipient-list-message
User-Agent: IM-client/OMA1.0
Supported: timer
P-Preferred-Identity: <sip:alice@example.com>
Content-Type: multipart/mixed;boundary=b1
Content-Length: 444

--b1
Content-Type: text/plain

Hello all
--b1
Content-Type: application/resource-lists+xml
Content-Disposition: recipient-list

<?xml version=\"1.0\" encoding=\"UTF-8\"?>
<resource-lists xmlns=\"urn:ietf:params:xml:ns:resource-lists\" xmlns:cp=\"urn:ietf:params:xml:ns:copycontrol\">
<list>
<entry uri=\"sip:bob@example.com\" cp:copyControl=\"to\"/>
<entry uri=\"sip:carol@example.com\" cp:copyControl=\"to\"/>
</list>
</resource-lists>
--b1--
",
    );
}

const A_4: &str = "INVITE sip:bob@example.com SIP/2.0
Max-Forwards: 70
From: <sip:alice@example.com>;tag=1928301774
To: <sip:bob@example.com>
Call-ID: a84b4c76e66710@pc33.example.com
CSeq: 314159 INVITE
Contact: <sip:alice@pc33.example.com>;+g.oma.sip-im
Accept-Contact: *;+g.oma.sip-im;explicit
User-Agent: IM-client/OMA1.0
Allow: INVITE, ACK, CANCEL, BYE, MESSAGE, OPTIONS, UPDATE
Supported: timer
Session-Expires: 1800;refresher=uac
P-Preferred-Identity: <sip:alice@example.com>
Content-Type: application/sdp
Content-Length: 260

v=0
o=alice 2890844526 2890844526 IN IP4 pc33.example.com
s=-
c=IN IP4 192.0.2.10
t=0 0
m=message 7654 TCP/MSRP *
a=path:msrp://192.0.2.10:7654/jshA7weztas9d8f7;tcp
a=setup:actpass
a=accept-types:message/cpim text/plain
a=sendonly
a=filelength:3000
";

#[test]
fn golden_a_4_a_large_message() {
    check(&invite(golden(), three_thousand(bob())), A_4);
}

#[test]
fn golden_a_4_a_large_message_of_the_seeds() {
    let sent = invite(golden_of_the_seeds(), three_thousand(bob()));
    assert_eq!(field(&sent, "Content-Type"), "multipart/mixed;boundary=b1");
    let parts = read(&sent).body.parts().unwrap().len();
    assert_eq!(parts, 1);
    let (_, expected) = A_4.split_once("\n\n").unwrap();
    let expected = expected.trim_end().replace("a=setup:actpass\n", "");
    assert_eq!(masked(&sdp(&sent).join("\n")), masked(&expected));
}

const A_5: &str = "Contact: <sip:bob@pc9.example.com>;+g.oma.sip-im
User-Agent: IM-client/OMA1.0
Allow: INVITE, ACK, CANCEL, BYE, MESSAGE, OPTIONS, UPDATE
Require: timer
Supported: timer
Session-Expires: 1800;refresher=uac
P-Preferred-Identity: <sip:bob@example.com>
Content-Type: application/sdp
";

const A_5_SDP: &str = "v=0
o=bob 2890844530 2890844530 IN IP4 pc9.example.com
s=-
c=IN IP4 192.0.2.20
t=0 0
m=message 8888 TCP/MSRP *
a=path:msrp://192.0.2.20:8888/9di4eae923wzdkk31;tcp
a=setup:passive
a=accept-types:message/cpim text/plain
a=recvonly
";

/// A chunk as it is written, its octets elided and its identifiers masked.
fn written(chunk: &Chunk, own: &[u8], peer: &[u8]) -> String {
    let mut out = BytesMut::new();
    write_send(&mut out, "tid", peer, own, chunk);
    out.extend_from_slice(format!("\r\n<{} octets>", chunk.body.len()).as_bytes());
    write_end(&mut out, "tid", chunk);
    String::from_utf8(out.to_vec())
        .unwrap()
        .replace(&chunk.message.to_string(), "#")
        .replace("\r\n\r\n\r\n", "\r\n\r\n")
        .replace("\r\n", "\n")
}

fn transferred(draft: Draft, lines: &str) -> (Vec<String>, Alice, Did, Vec<Chunk>) {
    let (mut rig, sent) = calling(golden(), draft);
    let did = rig.respond(&sent, "200 OK", lines, A_5_SDP);
    let open = did.0.iter().find_map(|(_, action)| match action {
        Action::OpenMsrp(open) => Some(open.clone()),
        _ => None,
    });
    let open = open.unwrap();
    assert_eq!(
        open.peer.as_ref(),
        b"msrp://192.0.2.20:8888/9di4eae923wzdkk31;tcp"
    );
    assert_eq!(rig.msrp(LEG, MsrpEvent::Up).chunks().len(), 1);
    let (chunks, did) = rig.drain_chunks(LEG);
    let texts = chunks
        .iter()
        .map(|chunk| written(chunk, b"own", &open.peer))
        .collect();
    (texts, rig, did, chunks)
}

#[test]
fn golden_a_5_the_transfer_and_its_end() {
    let (texts, mut rig, did, _) = transferred(three_thousand(bob()), A_5);
    assert_eq!(
        texts,
        [
            "MSRP tid SEND
To-Path: msrp://192.0.2.20:8888/9di4eae923wzdkk31;tcp
From-Path: own
Message-ID: #
Byte-Range: 1-2048/3000
Content-Type: text/plain

<2048 octets>
-------tid+
",
            "MSRP tid SEND
To-Path: msrp://192.0.2.20:8888/9di4eae923wzdkk31;tcp
From-Path: own
Message-ID: #
Byte-Range: 2049-3000/3000
Content-Type: text/plain

<952 octets>
-------tid$
",
        ]
    );
    let bye = bye(&did);
    assert_eq!(bye.1.target.as_str(), "sip:bob@pc9.example.com");
    assert_eq!(field(&bye.1, "CSeq"), "2 BYE");
    assert_eq!(
        mask(&field(&bye.1, "From")),
        "<sip:alice@example.com>;tag=#"
    );
    assert_eq!(mask(&field(&bye.1, "To")), "<sip:bob@example.com>;tag=#");
    assert_eq!(field(&bye.1, "User-Agent"), "IM-client/OMA1.0");
    assert_eq!(field(&bye.1, "Supported"), "timer");
    assert_eq!(over(&mut rig, &bye), Outcome::Sent);
}

#[test]
fn golden_a_6_a_large_message_to_a_list() {
    check(
        &invite(golden(), three_thousand(bob_and_carol())),
        "INVITE sip:conference-factory@im.example.com SIP/2.0
Max-Forwards: 70
From: <sip:alice@example.com>;tag=1928301775
To: <sip:conference-factory@im.example.com>
Call-ID: a84b4c76e66711@pc33.example.com
CSeq: 1 INVITE
Contact: <sip:alice@pc33.example.com>;+g.oma.sip-im
Accept-Contact: *;+g.oma.sip-im;explicit
Require: recipient-list-invite
User-Agent: IM-client/OMA1.0
Allow: INVITE, ACK, CANCEL, BYE, MESSAGE, OPTIONS, UPDATE
Supported: timer
Session-Expires: 1800;refresher=uac
P-Preferred-Identity: <sip:alice@example.com>
Content-Type: multipart/mixed;boundary=b3
Content-Length: 614

--b3
Content-Type: application/sdp

v=0
o=alice 2890844526 2890844526 IN IP4 pc33.example.com
s=-
c=IN IP4 192.0.2.10
t=0 0
m=message 7654 TCP/MSRP *
a=path:msrp://192.0.2.10:7654/jshA7weztas9d8f7;tcp
a=setup:actpass
a=accept-types:message/cpim text/plain
a=sendonly
a=filelength:3000

--b3
Content-Type: application/resource-lists+xml
Content-Disposition: recipient-list

<?xml version=\"1.0\" encoding=\"UTF-8\"?>
<resource-lists xmlns=\"urn:ietf:params:xml:ns:resource-lists\">
<list>
<entry uri=\"sip:bob@example.com\"/>
<entry uri=\"sip:carol@example.com\"/>
</list>
</resource-lists>
--b3--
",
    );
}

#[test]
fn golden_a_6_the_focus_reports_and_then_comes_bye() {
    let lines = "Contact: <sip:conf-7f3a91c2@im.example.com>;+g.oma.sip-im;isfocus
Server: IM-serv/OMA1.0
Allow-Events: conference
Require: timer
Session-Expires: 1800;refresher=uac
Content-Type: application/sdp
";
    let (texts, mut rig, did, chunks) = transferred(three_thousand(bob_and_carol()), lines);
    assert!(
        texts
            .iter()
            .all(|text| text.contains("\nSuccess-Report: yes\n"))
    );
    assert!(did.sent().is_empty());
    let did = reported(&mut rig, &chunks[0], 1, 3000, 200);
    assert_eq!(
        methods(&did),
        [Method::Bye],
        "and no response to the REPORT"
    );
    assert_eq!(
        bye(&did).1.target.as_str(),
        "sip:conf-7f3a91c2@im.example.com"
    );
}
