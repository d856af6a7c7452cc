//! Requests and responses to octets.

use bytes::{Bytes, BytesMut};
use simple_im::wire::sip;
use simple_im::{ClientTxn, Fresh, Method, Outgoing, Reply, Status, Tag, Token, Uri};

use super::{crlf, message_with, request, response};

const VIA: &str = "Via: SIP/2.0/TCP h.example.com;branch=z9hG4bK1\r\n";

fn fresh_invite() -> Outgoing {
    Outgoing {
        method: Method::Invite,
        txn: ClientTxn(0),
        cseq: 7,
        fresh: Some(Fresh {
            token: Token::new([1, 0xAB, 0xCDEF]),
        }),
        target: Uri::copy("sip:bob@example.com;user=phone").unwrap(),
        head: crlf(
            "From: \"Alice\" <sip:alice@example.com>\n\
             Max-Forwards: 69\n\
             Route: <sip:p1;lr>\n\
             Route: <sip:p2;lr>\n\
             Contact: <sip:alice@pc33.example.com>\n\
             Content-Type: application/sdp\n",
        ),
        body: Bytes::from_static(b"v=0\r\n"),
    }
}

fn dialog_invite() -> Outgoing {
    Outgoing {
        fresh: None,
        head: crlf(
            "Max-Forwards: 70\n\
             From: <sip:alice@example.com>;tag=a\n\
             To: <sip:bob@example.com>;tag=b\n\
             Call-ID: call\n\
             Route: <sip:p1;lr>\n\
             Supported: timer\n",
        ),
        ..fresh_invite()
    }
}

fn text(write: impl FnOnce(&mut BytesMut)) -> String {
    let mut out = BytesMut::new();
    write(&mut out);
    String::from_utf8(out.to_vec())
        .unwrap()
        .replace("\r\n", "\n")
}

#[test]
fn a_fresh_request_gets_its_identity_from_its_token() {
    let written = text(|out| sip::write_request(out, &fresh_invite(), VIA));
    assert_eq!(
        written,
        "INVITE sip:bob@example.com;user=phone SIP/2.0\n\
         Via: SIP/2.0/TCP h.example.com;branch=z9hG4bK1\n\
         Max-Forwards: 69\n\
         From: \"Alice\" <sip:alice@example.com>;tag=000000ab0000cdef\n\
         To: <sip:bob@example.com;user=phone>\n\
         Call-ID: 00000001000000ab0000cdef\n\
         CSeq: 7 INVITE\n\
         Route: <sip:p1;lr>\n\
         Route: <sip:p2;lr>\n\
         Contact: <sip:alice@pc33.example.com>\n\
         Content-Type: application/sdp\n\
         Content-Length: 5\n\
         \n\
         v=0\n"
    );
    let head = request(&written).head;
    assert_eq!(
        Tag::read(head.from().tag().unwrap()),
        Some(fresh_invite().fresh.unwrap().tag())
    );
}

#[test]
fn a_cancel_is_its_invite_without_what_is_not_for_it() {
    let written = text(|out| sip::cancel_of(out, &fresh_invite(), VIA));
    assert_eq!(
        written,
        "CANCEL sip:bob@example.com;user=phone SIP/2.0\n\
         Via: SIP/2.0/TCP h.example.com;branch=z9hG4bK1\n\
         Max-Forwards: 69\n\
         From: \"Alice\" <sip:alice@example.com>;tag=000000ab0000cdef\n\
         To: <sip:bob@example.com;user=phone>\n\
         Call-ID: 00000001000000ab0000cdef\n\
         Route: <sip:p1;lr>\n\
         Route: <sip:p2;lr>\n\
         CSeq: 7 CANCEL\n\
         Content-Length: 0\n\n"
    );
    let cancel = request(&text(|out| sip::cancel_of(out, &dialog_invite(), VIA)));
    assert_eq!(cancel.head.to().tag(), Some("b"));
    assert_eq!(cancel.head.call_id(), "call");
    assert_eq!(cancel.head.header("Supported"), None);
}

#[test]
fn an_ack_takes_its_to_from_the_response() {
    for invite in [fresh_invite(), dialog_invite()] {
        let sent = request(&text(|out| sip::write_request(out, &invite, VIA)));
        let reply = Reply {
            status: Status(486),
            tag: Some(Tag(0xFEED)),
            head: Bytes::new(),
            body: Bytes::new(),
        };
        let busy = response(&text(|out| sip::write_response(out, &reply, &sent.head)));
        let ack = request(&text(|out| sip::ack_of(out, &invite, &busy.head, VIA)));
        assert_eq!((ack.method, ack.head.cseq()), (Method::Ack, 7));
        assert_eq!(ack.head.to(), busy.head.to());
        assert_eq!(ack.head.from(), sent.head.from());
        assert_eq!(ack.head.call_id(), sent.head.call_id());
        assert_eq!(ack.uri, sent.uri);
        assert!(ack.head.routes("Route").eq(sent.head.routes("Route")));
        assert_eq!(
            ack.head.headers().filter(|(name, _)| *name == "To").count(),
            1
        );
    }
}

#[test]
fn a_response_copies_what_it_must_and_adds_the_tag_once() {
    let via = "Via: SIP/2.0/TCP a;branch=z9hG4bK1, SIP/2.0/UDP b;branch=z9hG4bK2\nv: SIP/2.0/UDP c";
    let base = message_with(via).replace("MESSAGE", "INVITE");
    let base = base.replace("CSeq", "Record-Route: <sip:p1;lr>\nFoo: y\nCSeq");
    let write = |request_text: &str, status, tag| {
        let reply = Reply {
            status: Status(status),
            tag,
            head: crlf("Server: IM-serv/OMA1.0\n"),
            body: Bytes::from_static(b"x"),
        };
        text(|out| sip::write_response(out, &reply, &request(request_text).head))
    };
    let tag = Some(Tag(1));
    let ok = response(&write(&base, 200, tag));
    assert_eq!(ok.head.to().tag(), Some("0000000000000001"));
    assert_eq!(ok.head.values("Via").count(), 3);
    assert_eq!(ok.head.record_routes().count(), 1);
    assert_eq!(ok.head.header("Foo"), None);
    assert_eq!(ok.head.header("Server"), Some("IM-serv/OMA1.0"));
    assert_eq!(ok.body.whole().as_ref(), b"x");
    // A tag that is there stays; a response that makes no dialog needs no route.
    let tagged = base.replace("<sip:bob@example.com>", "<sip:bob@example.com>;tag=q");
    assert_eq!(
        response(&write(&tagged, 200, tag)).head.to().tag(),
        Some("q")
    );
    assert_eq!(
        response(&write(&base, 404, tag))
            .head
            .record_routes()
            .count(),
        0
    );
    assert_eq!(
        response(&write(&base, 100, None))
            .head
            .record_routes()
            .count(),
        0
    );
    assert_eq!(
        response(&write(&base, 180, tag))
            .head
            .record_routes()
            .count(),
        1
    );
    let message = base.replace("INVITE", "MESSAGE");
    assert_eq!(
        response(&write(&message, 200, tag))
            .head
            .record_routes()
            .count(),
        0
    );
    assert!(write(&base, 422, tag).starts_with("SIP/2.0 422 Session Interval Too Small\n"));
    assert!(write(&base, 499, tag).starts_with("SIP/2.0 499 Bad Request\n"));
}

#[test]
fn what_cannot_be_read_is_refused_if_it_can_be_answered() {
    let refuse = |text: &str| {
        let octets = crlf(text);
        let flaw = sip::parse(&octets).err()?;
        let mut out = BytesMut::new();
        let answered = sip::write_refusal(&mut out, &octets, &flaw, Tag(1));
        assert_eq!(answered, !out.is_empty());
        answered.then(|| sip::parse_response(&out.freeze()))
    };
    let answer = refuse(&message_with("Max-Forwards: 1000"))
        .unwrap()
        .unwrap();
    assert_eq!(answer.status, Status(400));
    assert_eq!(answer.head.to().tag(), Some("0000000000000001"));
    assert_eq!(answer.head.values("Via").count(), 1);
    let folded = message_with("Via :\n SIP/2.0/UDP\n h\nMin-SE: x");
    assert_eq!(
        refuse(&folded).unwrap().unwrap().head.values("Via").count(),
        1
    );
    let scheme = message_with("Foo: y").replace("MESSAGE sip:", "MESSAGE isbn:");
    assert_eq!(refuse(&scheme).unwrap().unwrap().status, Status(416));
    // What lacks a mandatory field gets an answer that lacks it too.
    let bare = message_with("Foo: y").replace("Call-ID: asd88asd77a@pc33.example.com\n", "");
    assert!(refuse(&bare).unwrap().is_err());
    let ack = message_with("Max-Forwards: 1000").replace("MESSAGE", "ACK");
    assert!(refuse(&ack).is_none());
    let response = message_with("Max-Forwards: 1000")
        .replace("MESSAGE sip:bob@example.com SIP/2.0", "SIP/2.0 200 OK");
    assert!(refuse(&response).is_none());
    assert!(refuse("\n\n").is_none());
    assert!(refuse("garbage").is_none());
}

/// What a host with a message type of its own is given is what would be written.
#[test]
fn each_field_is_handed_over_as_it_would_be_written() {
    let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let kept = |head: &simple_im::Head, left: &[&str]| -> Vec<_> {
        let fields = head.headers().filter(|(name, _)| !left.contains(name));
        fields.map(|(name, value)| pair(name, value)).collect()
    };
    let asked =
        request(&message_with("Record-Route: <sip:p;lr>\nFoo: y").replace("MESSAGE", "INVITE"));
    for outgoing in [fresh_invite(), dialog_invite()] {
        let written = request(&text(|out| sip::write_request(out, &outgoing, VIA)));
        let mut fields = Vec::new();
        outgoing.each_field(|name, value| fields.push(pair(name, value)));
        assert_eq!(fields, kept(&written.head, &["Via", "Content-Length"]));
        // It is a request again where a stack adds its own.
        let fields = fields.iter().map(|(name, value)| (&**name, &**value));
        let via = [("Via", "SIP/2.0/TCP h;branch=z9hG4bK1")];
        let (method, uri) = (outgoing.method.as_str(), outgoing.target.as_str());
        let again = simple_im::Request::build(
            method,
            uri,
            via.into_iter().chain(fields),
            outgoing.body.clone(),
        );
        let again = again.unwrap();
        assert_eq!(
            (again.head.from(), again.head.to()),
            (written.head.from(), written.head.to())
        );
        assert_eq!(
            again.body.whole().as_ptr(),
            outgoing.body.as_ptr(),
            "no copy"
        );
    }
    for (status, tag) in [(200, Some(Tag(1))), (404, Some(Tag(1))), (100, None)] {
        let reply = Reply {
            status: Status(status),
            tag,
            head: crlf("Contact: <sip:me@h>\nServer: a: b\n"),
            body: Bytes::from_static(b"x"),
        };
        let written = response(&text(|out| sip::write_response(out, &reply, &asked.head)));
        let mut fields = Vec::new();
        reply.each_field(&asked.head, |name, value| fields.push(pair(name, value)));
        assert_eq!(fields, kept(&written.head, &["Content-Length"]));
    }
}
