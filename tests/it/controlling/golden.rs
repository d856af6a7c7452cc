//! What the standards print: golden A.2, A.3, A.6, RFC 5365 §9 (AC-29), RFC 5366 §6 (AC-28).

use super::*;

/// A request of golden, as it comes from the core: with the identity asserted.
fn from_core(text: &str) -> String {
    text.replace("P-Preferred-Identity", "P-Asserted-Identity")
}

const A2: &str = "MESSAGE sip:conference-factory@im.example.com SIP/2.0
Via: SIP/2.0/TCP pc33.example.com;branch=z9hG4bK776sgdksf
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
";

/// Without Via, which is the transport's, and Max-Forwards, which stands after what names the request.
const A3: &str = "MESSAGE sip:bob@example.com SIP/2.0
From: <sip:alice@example.com>;tag=*
To: <sip:bob@example.com>
Call-ID: *
CSeq: 1 MESSAGE
Accept-Contact: *;+g.oma.sip-im;explicit
User-Agent: IM-serv/OMA1.0
Supported: timer
P-Asserted-Identity: <sip:alice@example.com>
Content-Type: multipart/mixed;boundary=b1
Content-Length: 471

--b1
Content-Type: text/plain

Hello all
--b1
Content-Type: application/resource-lists+xml
Content-Disposition: recipient-list-history; handling=optional

<?xml version=\"1.0\" encoding=\"UTF-8\"?>
<resource-lists xmlns=\"urn:ietf:params:xml:ns:resource-lists\" xmlns:cp=\"urn:ietf:params:xml:ns:copycontrol\">
<list>
<entry uri=\"sip:bob@example.com\" cp:copyControl=\"to\"/>
<entry uri=\"sip:carol@example.com\" cp:copyControl=\"to\"/>
</list>
</resource-lists>
--b1--
";

/// A message with what is random in it replaced by `*`, and Max-Forwards taken out.
fn settled(text: &str) -> String {
    let lines = text.replace("\r\n", "\n");
    assert!(lines.contains("Max-Forwards: 70\n"));
    let settle = |line: &str| match line.split_once(": ") {
        Some(("Call-ID", _)) => "Call-ID: *".to_string(),
        Some(("From", from)) => format!("From: {};tag=*", from.split(";tag=").next().unwrap()),
        _ => line.to_string(),
    };
    lines
        .split_inclusive('\n')
        .filter(|line| !line.starts_with("Max-Forwards"))
        .map(|line| settle(line.trim_end()) + if line.ends_with('\n') { "\n" } else { "" })
        .collect()
}

#[test]
fn cf_pm_10_golden_a3_follows_from_golden_a2_line_by_line() {
    let did = run(&mut focus(), &from_core(A2));
    let sent = did.sent();
    assert_eq!(targets(&did), [BOB, CAROL]);
    assert_eq!(settled(&wire(&sent[0].1)), A3);
    let carols = A3
        .replacen("MESSAGE sip:bob", "MESSAGE sip:carol", 1)
        .replace("To: <sip:bob", "To: <sip:carol");
    assert_eq!(settled(&wire(&sent[1].1)), carols);
    let reply = wire_reply(&did.one_reply().1, &from_core(A2));
    assert!(reply.starts_with("SIP/2.0 202 Accepted\r\n"));
    assert!(reply.contains("\r\nServer: IM-serv/OMA1.0\r\n"));
    assert!(reply.ends_with("Content-Length: 0\r\n\r\n") && !reply.contains("Contact"));
}

#[test]
fn cf_pm_10_without_copy_control_the_history_disappears_and_so_does_the_wrapper() {
    let literal = from_core(A2)
        .replace(" cp:copyControl=\"to\"", "")
        .replace(" xmlns:cp=\"urn:ietf:params:xml:ns:copycontrol\"", "");
    for mut rig in [focus(), draft()] {
        let did = run(&mut rig, &literal);
        let copy = settled(&wire(&did.sent()[0].1));
        assert!(
            copy.ends_with("Content-Type: text/plain\nContent-Length: 9\n\nHello all"),
            "{copy}"
        );
    }
}

/// The recipients of both RFCs, in the words of one of them.
fn rfc_list(namespace: &str) -> String {
    format!(
        "Content-Type: application/resource-lists+xml
Content-Disposition: recipient-list

<?xml version=\"1.0\" encoding=\"UTF-8\"?>
<resource-lists xmlns=\"urn:ietf:params:xml:ns:resource-lists\"
          xmlns:cp=\"urn:ietf:params:xml:ns:{namespace}\">
  <list>
    <entry uri=\"sip:bill@example.com\" cp:copyControl=\"to\" />
    <entry uri=\"sip:randy@example.net\" cp:copyControl=\"to\"
                                       cp:anonymize=\"true\"/>
    <entry uri=\"sip:eddy@example.com\" cp:copyControl=\"to\"
                                      cp:anonymize=\"true\"/>
    <entry uri=\"sip:joe@example.org\" cp:copyControl=\"cc\" />
    <entry uri=\"sip:carol@example.net\" cp:copyControl=\"cc\"
                                       cp:anonymize=\"true\"/>
    <entry uri=\"sip:ted@example.net\" cp:copyControl=\"bcc\" />
    <entry uri=\"sip:andy@example.com\" cp:copyControl=\"bcc\" />
  </list>
</resource-lists>"
    )
}

/// What each recipient learns, in both RFCs (RFC 5365 figure 3, RFC 5366 figure 4).
const HISTORY: &str = "Content-Type: application/resource-lists+xml
Content-Disposition: recipient-list-history; handling=optional

<?xml version=\"1.0\" encoding=\"UTF-8\"?>
<resource-lists xmlns=\"urn:ietf:params:xml:ns:resource-lists\" xmlns:cp=\"urn:ietf:params:xml:ns:copycontrol\">
<list>
<entry uri=\"sip:bill@example.com\" cp:copyControl=\"to\"/>
<entry uri=\"sip:anonymous@anonymous.invalid\" cp:copyControl=\"to\" cp:count=\"2\"/>
<entry uri=\"sip:joe@example.org\" cp:copyControl=\"cc\"/>
<entry uri=\"sip:anonymous@anonymous.invalid\" cp:copyControl=\"cc\" cp:count=\"1\"/>
</list>
</resource-lists>
";

const ALL: [&str; 7] = [
    "sip:bill@example.com",
    "sip:randy@example.net",
    "sip:eddy@example.com",
    "sip:joe@example.org",
    "sip:carol@example.net",
    "sip:ted@example.net",
    "sip:andy@example.com",
];

#[test]
fn ac_29_the_example_of_rfc_5365() {
    let request = format!(
        "MESSAGE sip:list-service.example.com SIP/2.0
Via: SIP/2.0/TCP uac.example.com
    ;branch=z9hG4bKhjhs8ass83
Max-Forwards: 70
To: MESSAGE URI-list service <sip:list-service.example.com>
From: Alice <sip:alice@example.com>;tag=32331
Call-ID: d432fa84b4c76e66710
CSeq: 1 MESSAGE
Accept-Contact: *;+g.oma.sip-im
P-Asserted-Identity: <sip:alice@example.com>
Require: recipient-list-message
Content-Type: multipart/mixed;boundary=\"boundary1\"

--boundary1
Content-Type: text/plain

Hello World!

--boundary1
{}
--boundary1--
",
        rfc_list("copycontrol")
    );
    let service =
        |config: &mut Config| config.account.exploder = Some(uri("sip:list-service.example.com"));
    let did = run(&mut with(service), &request);
    assert_eq!(did.statuses(), [202]);
    assert_eq!(targets(&did), ALL);
    for (_, sent) in did.sent() {
        let copy = settled(&wire(&sent));
        // From is copied, its tag is not, and the Call-ID is new.
        assert!(
            copy.contains("\nFrom: Alice <sip:alice@example.com>;tag=*\n"),
            "{copy}"
        );
        assert!(copy.contains(&format!("\nTo: <{}>\n", sent.target)));
        assert!(!wire(&sent).contains("32331") && !wire(&sent).contains("d432fa84"));
        assert!(!copy.contains("Require"));
        let body = format!(
            "\n\n--b1\nContent-Type: text/plain\n\nHello World!\n\n--b1\n{HISTORY}--b1--\n"
        );
        assert!(copy.ends_with(&body), "{copy}");
    }
}

#[test]
fn ac_29_no_wrapper_is_left_when_the_list_vanishes() {
    let body = mixed(&[
        "Content-Type: text/html\nContent-ID: <a@b>\n\n<p>",
        &listed(&[BOB]),
    ]);
    let copy = wire(&run(&mut focus(), &page(FACTORY, MIXED, &body)).one_sent().1);
    assert!(
        copy.contains("Content-ID: <a@b>\r\nContent-Type: text/html\r\n")
            && copy.ends_with("\r\n\r\n<p>")
    );
}

fn rfc_5366(namespace: &str) -> String {
    let body = mixed(&[&sdp_part("a=filelength:3000\n"), &rfc_list(namespace)]);
    invite(
        FACTORY,
        &format!("Require: recipient-list-invite\n{MIXED}"),
        &body,
    )
}

#[test]
fn ac_28_the_lists_of_rfc_5366_whatever_its_namespace() {
    // One figure misspells the namespace; what is sent never does (D-35).
    for namespace in ["copyControl", "copycontrol"] {
        let did = run(&mut focus(), &rfc_5366(namespace));
        assert_eq!(did.statuses(), [200]);
        assert_eq!(targets(&did), ALL);
        for (_, sent) in did.sent() {
            let text = wire(&sent).replace("\r\n", "\n");
            assert!(
                text.ends_with(&format!("\n--b1\n{HISTORY}--b1--\n")),
                "{text}"
            );
            assert!(text.contains("\nContent-Type: multipart/mixed;boundary=b1\n"));
            assert!(text.contains(";isfocus\n") && !text.contains("recipient-list-invite"));
        }
    }
}

#[test]
fn d_35_both_spellings_of_the_namespace_are_read_and_the_registered_one_is_written() {
    for namespace in ["copyControl", "copycontrol"] {
        let list = rfc_list(namespace);
        let did = run(&mut focus(), &page(FACTORY, MIXED, &mixed(&[TEXT, &list])));
        assert!(
            wire(&did.sent()[0].1)
                .replace("\r\n", "\n")
                .contains(HISTORY)
        );
    }
}

const A6: &str = "INVITE sip:conference-factory@im.example.com SIP/2.0
Via: SIP/2.0/TCP pc33.example.com;branch=z9hG4bKnashds9
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
";

/// The lines of a message without what is random: identifiers, tags and numbers.
fn lines_of(text: &str) -> Vec<String> {
    let settle = |line: &str| {
        let mut line = line.to_string();
        for mark in [
            "conf-",
            ";tag=",
            "im.example.com:2855/",
            "o=im ",
            "Call-ID: ",
        ] {
            if let Some(at) = line.find(mark) {
                let at = at + mark.len();
                let end = line[at..]
                    .find(['@', '>', ';'])
                    .map_or(line.len(), |end| at + end);
                line.replace_range(at..end, "*");
            }
        }
        line
    };
    text.replace("\r\n", "\n").lines().map(settle).collect()
}

#[test]
fn cf_lm_03_golden_a6_is_answered_line_by_line() {
    let call = from_core(A6);
    let did = run(&mut focus(), &call);
    let reply = wire_reply(&did.one_reply().1, &call);
    assert_eq!(
        lines_of(&reply),
        [
            "SIP/2.0 200 OK",
            "Via: SIP/2.0/TCP pc33.example.com;branch=z9hG4bKnashds9",
            "From: <sip:alice@example.com>;tag=*",
            "To: <sip:conference-factory@im.example.com>;tag=*",
            "Call-ID: *@pc33.example.com",
            "CSeq: 1 INVITE",
            "Contact: <sip:conf-*@im.example.com>;+g.oma.sip-im;isfocus",
            "Server: IM-serv/OMA1.0",
            "Allow: INVITE, ACK, CANCEL, BYE, MESSAGE, OPTIONS, UPDATE",
            "Allow-Events: conference",
            "Require: timer",
            "Supported: timer",
            "Session-Expires: 1800;refresher=uac",
            "Content-Type: application/sdp",
            reply
                .lines()
                .find(|line| line.starts_with("Content-Length"))
                .unwrap(),
            "",
            "v=0",
            "o=im *",
            "s=-",
            "c=IN IP4 im.example.com",
            "t=0 0",
            "m=message 2855 TCP/MSRP *",
            "a=path:msrp://im.example.com:2855/*;tcp",
            "a=setup:passive",
            "a=accept-types:message/cpim text/plain",
            "a=recvonly",
        ]
    );
}

#[test]
fn cf_lm_11_golden_a6_goes_on_to_each_member() {
    let did = run(&mut focus(), &from_core(A6));
    assert_eq!(targets(&did), [BOB, CAROL]);
    let text = wire(&did.sent()[0].1);
    let mut lines = lines_of(&text);
    let head = lines
        .split_off(1)
        .into_iter()
        .take_while(|line| !line.is_empty());
    let mut head: Vec<_> = head
        .filter(|line| !line.starts_with("Content-Length"))
        .collect();
    assert!(head.starts_with(&[
        "From: <sip:conf-*@im.example.com>;tag=*".into(),
        "To: <sip:bob@example.com>".into(),
        "Call-ID: *".into(),
        "CSeq: 1 INVITE".into(),
    ]));
    head.sort();
    assert_eq!(
        head,
        [
            "Accept-Contact: *;+g.oma.sip-im;explicit",
            "Allow: INVITE, ACK, CANCEL, BYE, MESSAGE, OPTIONS, UPDATE",
            "CSeq: 1 INVITE",
            "Call-ID: *",
            "Contact: <sip:conf-*@im.example.com>;+g.oma.sip-im;isfocus",
            "Content-Type: application/sdp",
            "From: <sip:conf-*@im.example.com>;tag=*",
            "Max-Forwards: 70",
            "P-Asserted-Identity: <sip:alice@example.com>",
            "Referred-By: <sip:alice@example.com>",
            "Session-Expires: 1800;refresher=uac",
            "Supported: timer",
            "To: <sip:bob@example.com>",
            "User-Agent: IM-serv/OMA1.0",
        ]
    );
    let (_, sdp) = text.split_once("\r\n\r\n").unwrap();
    assert_eq!(
        lines_of(sdp)[4..],
        [
            "t=0 0",
            "m=message 2855 TCP/MSRP *",
            "a=path:msrp://im.example.com:2855/*;tcp",
            "a=setup:actpass",
            "a=accept-types:message/cpim text/plain",
            "a=sendonly",
            "a=filelength:3000",
        ]
    );
}
