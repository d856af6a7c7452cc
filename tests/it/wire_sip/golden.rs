//! The golden messages A.1 to A.6.

use bytes::{Bytes, BytesMut};
use simple_im::profile::Refresher;
use simple_im::wire::sip;
use simple_im::{Method, Methods, Reply, Status};

use super::{crlf, request, response};

pub(crate) const PAGER: &str = r#"MESSAGE sip:bob@example.com SIP/2.0
Via: SIP/2.0/TCP pc33.example.com;branch=z9hG4bK776sgdkse
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

Hello Bob"#;

pub(crate) const PAGER_TO_LIST: &str = r#"MESSAGE sip:conference-factory@im.example.com SIP/2.0
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
Content-Length: 444

--b1
Content-Type: text/plain

Hello all
--b1
Content-Type: application/resource-lists+xml
Content-Disposition: recipient-list

<?xml version="1.0" encoding="UTF-8"?>
<resource-lists xmlns="urn:ietf:params:xml:ns:resource-lists" xmlns:cp="urn:ietf:params:xml:ns:copycontrol">
<list>
<entry uri="sip:bob@example.com" cp:copyControl="to"/>
<entry uri="sip:carol@example.com" cp:copyControl="to"/>
</list>
</resource-lists>
--b1--
"#;

pub(crate) const COPY: &str = r#"MESSAGE sip:bob@example.com SIP/2.0
Via: SIP/2.0/TCP im.example.com;branch=z9hG4bKhjhs8as34
Max-Forwards: 70
From: <sip:alice@example.com>;tag=210342
To: <sip:bob@example.com>
Call-ID: 39s02sdsl20d9sj2l@im.example.com
CSeq: 1 MESSAGE
Accept-Contact: *;+g.oma.sip-im;explicit
User-Agent: IM-serv/OMA1.0
Supported: timer
P-Asserted-Identity: <sip:alice@example.com>
Content-Type: multipart/mixed;boundary=b2
Content-Length: 471

--b2
Content-Type: text/plain

Hello all
--b2
Content-Type: application/resource-lists+xml
Content-Disposition: recipient-list-history; handling=optional

<?xml version="1.0" encoding="UTF-8"?>
<resource-lists xmlns="urn:ietf:params:xml:ns:resource-lists" xmlns:cp="urn:ietf:params:xml:ns:copycontrol">
<list>
<entry uri="sip:bob@example.com" cp:copyControl="to"/>
<entry uri="sip:carol@example.com" cp:copyControl="to"/>
</list>
</resource-lists>
--b2--
"#;

pub(crate) const INVITE: &str = r#"INVITE sip:bob@example.com SIP/2.0
Via: SIP/2.0/TCP pc33.example.com;branch=z9hG4bKnashds8
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
"#;

pub(crate) const ANSWER: &str = r#"SIP/2.0 200 OK
Via: SIP/2.0/TCP pc33.example.com;branch=z9hG4bKnashds8
From: <sip:alice@example.com>;tag=1928301774
To: <sip:bob@example.com>;tag=314159
Call-ID: a84b4c76e66710@pc33.example.com
CSeq: 314159 INVITE
Contact: <sip:bob@pc9.example.com>;+g.oma.sip-im
User-Agent: IM-client/OMA1.0
Allow: INVITE, ACK, CANCEL, BYE, MESSAGE, OPTIONS, UPDATE
Require: timer
Supported: timer
Session-Expires: 1800;refresher=uac
P-Preferred-Identity: <sip:bob@example.com>
Content-Type: application/sdp
Content-Length: 239

v=0
o=bob 2890844530 2890844530 IN IP4 pc9.example.com
s=-
c=IN IP4 192.0.2.20
t=0 0
m=message 8888 TCP/MSRP *
a=path:msrp://192.0.2.20:8888/9di4eae923wzdkk31;tcp
a=setup:passive
a=accept-types:message/cpim text/plain
a=recvonly
"#;

pub(crate) const INVITE_LIST: &str = r#"INVITE sip:conference-factory@im.example.com SIP/2.0
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

<?xml version="1.0" encoding="UTF-8"?>
<resource-lists xmlns="urn:ietf:params:xml:ns:resource-lists">
<list>
<entry uri="sip:bob@example.com"/>
<entry uri="sip:carol@example.com"/>
</list>
</resource-lists>
--b3--
"#;

const ALL: [&str; 6] = [PAGER, PAGER_TO_LIST, COPY, INVITE, ANSWER, INVITE_LIST];

#[test]
fn every_golden_message_is_framed_whole_with_a_body_of_the_length_it_says() {
    for text in ALL {
        let octets = crlf(text);
        let framed = sip::frame(&octets, 65_536).unwrap();
        assert_eq!(framed, Some(octets.len()), "{text}");
        let body = match sip::parse(&octets).unwrap() {
            sip::Message::Request(request) => request.body,
            sip::Message::Response(response) => response.body,
        };
        let head_end = text.replace('\n', "\r\n").find("\r\n\r\n").unwrap() + 4;
        assert_eq!(body.whole(), &octets.slice(head_end..));
    }
}

#[test]
fn the_pager_message_is_read() {
    let message = request(PAGER);
    assert_eq!(message.method, Method::Message);
    assert_eq!(message.uri.as_str(), "sip:bob@example.com");
    let head = &message.head;
    assert_eq!(head.from().uri, "sip:alice@example.com");
    assert_eq!(head.from().tag(), Some("49583"));
    assert_eq!(head.to().uri, "sip:bob@example.com");
    assert_eq!(head.to().tag(), None);
    assert_eq!(head.call_id(), "asd88asd77a@pc33.example.com");
    assert_eq!((head.cseq(), head.cseq_method()), (1, Method::Message));
    assert_eq!(head.max_forwards(), Some(70));
    assert_eq!(head.contact(), None);
    assert!(head.supported().timer && !head.supported().other);
    assert!(head.preference().im && !head.preference().large_message);
    assert_eq!(head.session_expires(), None);
    assert_eq!(head.header("user-agent"), Some("IM-client/OMA1.0"));
    assert_eq!(message.body.whole().as_ref(), b"Hello Bob");
}

#[test]
fn the_message_to_a_list_requires_the_list() {
    let message = request(PAGER_TO_LIST);
    assert!(message.head.required().list_message);
    assert!(!message.head.required().other);
    assert_eq!(message.head.unknown_required().count(), 0);
    assert_eq!(message.body.whole().len(), 444);
}

#[test]
fn the_copy_names_the_asserted_originator() {
    let message = request(COPY);
    let asserted: Vec<_> = message.head.asserted().collect();
    assert_eq!(asserted, ["sip:alice@example.com"]);
    assert_eq!(message.body.whole().len(), 471);
}

#[test]
fn the_invite_is_read() {
    let invite = request(INVITE);
    let head = &invite.head;
    let contact = head.contact().unwrap();
    assert_eq!(contact.uri, "sip:alice@pc33.example.com");
    assert!(contact.feature("+g.oma.sip-im") && !head.is_focus());
    let interval = head.session_expires().unwrap();
    assert_eq!(
        (interval.seconds, interval.refresher),
        (1800, Some(Refresher::Uac))
    );
    let named = [
        Method::Invite,
        Method::Ack,
        Method::Cancel,
        Method::Bye,
        Method::Message,
        Method::Options,
        Method::Update,
    ];
    let expected = named.into_iter().fold(Methods::default(), Methods::with);
    assert_eq!(head.allow(), Some(expected));
    assert_eq!(head.cseq(), 314_159);
    assert_eq!(invite.body.whole().len(), 260);
}

#[test]
fn the_answer_is_read() {
    let answer = response(ANSWER);
    assert_eq!(answer.status, Status(200));
    assert_eq!(answer.head.to().tag(), Some("314159"));
    assert!(answer.head.required().timer);
    assert_eq!(answer.head.cseq_method(), Method::Invite);
    assert_eq!(answer.body.whole().len(), 239);
}

#[test]
fn the_invite_to_a_list_is_read() {
    let invite = request(INVITE_LIST);
    assert!(invite.head.required().list_invite);
    assert_eq!(invite.body.whole().len(), 614);
}

#[test]
fn the_answer_is_written_from_its_request_octet_for_octet() {
    let invite = request(INVITE);
    let answer = crlf(ANSWER);
    let text = std::str::from_utf8(&answer).unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    let own = head.find("Contact:").unwrap()..head.find("Content-Length:").unwrap();
    let reply = Reply {
        status: Status(200),
        tag: None,
        head: Bytes::copy_from_slice(head[own].as_bytes()),
        body: Bytes::copy_from_slice(body.as_bytes()),
    };
    let mut written = BytesMut::new();
    sip::write_response(&mut written, &reply, &invite.head);
    // The golden tag is no tag that we would mint.
    let expected = text.replace("<sip:bob@example.com>;tag=314159", "<sip:bob@example.com>");
    assert_eq!(std::str::from_utf8(&written).unwrap(), expected);
}
