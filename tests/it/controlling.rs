//! The controlling function, row by row.

use simple_im::{Access, Answer, Continuation, Controlling, LegId, Method, MsrpEvent, Outcome};

use crate::rig::*;

fn focus() -> Rig<Controlling> {
    Rig::new(Controlling::new(), server())
}

const YES: Answer<'static> = Answer::Access(Access {
    exists: true,
    allowed: true,
    anonymity: true,
});

pub fn page(to: &str, lines: &str, body: &str) -> String {
    format!(
        "MESSAGE {to} SIP/2.0\nMax-Forwards: 70\nFrom: <sip:alice@example.com>;tag=49583\nTo: <{to}>\n\
         Call-ID: asd88asd77a\nCSeq: 1 MESSAGE\nAccept-Contact: *;+g.oma.sip-im;require;explicit\n\
         P-Asserted-Identity: <sip:alice@example.com>\n{lines}\n{body}"
    )
}

pub fn invite(to: &str, lines: &str, body: &str) -> String {
    format!(
        "INVITE {to} SIP/2.0\nMax-Forwards: 70\nFrom: <sip:alice@example.com>;tag=49583\nTo: <{to}>\n\
         Call-ID: a84b4c76e66711\nCSeq: 1 INVITE\nContact: <sip:alice@alice.example.com>;+g.oma.sip-im\n\
         Accept-Contact: *;+g.oma.sip-im;explicit\nP-Asserted-Identity: <sip:alice@example.com>\n\
         Supported: timer\nSession-Expires: 1800;refresher=uac\n{lines}\n{body}"
    )
}

#[test]
fn a_page_to_a_group_reaches_its_members() {
    let mut rig = focus();
    let did = rig.request(
        1,
        &page(
            "sip:team@im.example.com",
            "Content-Type: text/plain\n",
            "hi",
        ),
    );
    let (ask, _) = did.asked().unwrap();
    let did = rig.answer(ask, YES);
    let (ask, _) = did.asked().unwrap();
    let members = [
        uri("sip:alice@example.com"),
        uri("sip:bob@example.com"),
        uri("sip:carol@example.com"),
    ];
    let did = rig.answer(ask, Answer::Members(Ok(&members)));
    let sent = did.sent();
    assert_eq!(sent.len(), 2, "everyone but the sender");
    assert_eq!(did.statuses(), [202]);
    let did = rig.respond(&sent[0], "200 OK", "", "");
    assert_eq!(did.outcome(), Outcome::Delivered);
    let did = rig.respond(&sent[1], "202 Accepted", "", "");
    assert_eq!(did.outcome(), Outcome::AcceptedByServer);
    assert!(simple_im::Machine::is_closed(&rig.machine));
}

#[test]
fn a_large_message_to_a_group_reaches_its_members() {
    let mut rig = focus();
    let call = invite(
        "sip:team@im.example.com",
        "Content-Type: application/sdp\n",
        &offer_sdp("a=filelength:3000\n"),
    );
    let did = rig.request(1, &call);
    let (ask, _) = did.asked().unwrap();
    let did = rig.answer(ask, YES);
    let (ask, _) = did.asked().unwrap();
    let did = rig.answer(ask, Answer::Members(Ok(&[uri("sip:bob@example.com")])));
    let ok = did.one_reply().1;
    let invited = did.one_sent();
    assert_eq!(invited.1.method, Method::Invite);
    rig.ack(&inside(&call, &ok, "ACK", 1, ""));
    rig.msrp(LegId::FIRST, MsrpEvent::Up);
    let did = rig.respond(&invited, "200 OK", ACCEPTED, &answer_sdp(""));
    assert_eq!(did.one_sent().1.method, Method::Ack);
    rig.msrp(invited.0, MsrpEvent::Up);
    rig.msrp(invited.0, MsrpEvent::Room(2048));
    rig.send(
        LegId::FIRST,
        1,
        send_head("m1", 1, 2048, 3000),
        &[b'x'; 2048],
        Continuation::More,
    );
    let did = rig.send(
        LegId::FIRST,
        2,
        send_head("m1", 2049, 952, 3000),
        &[b'x'; 952],
        Continuation::Last,
    );
    let (leg, first) = did.chunks().pop().expect("the leg was waiting");
    rig.msrp(leg, MsrpEvent::Response(first.id, 200));
    let (chunks, did) = rig.drain_chunks(leg);
    assert_eq!(chunks.len(), 1);
    let bye = did.one_sent();
    let did = rig.respond(&bye, "200 OK", "", "");
    assert_eq!(did.outcome(), Outcome::Sent);
    let did = rig.request(2, &inside(&call, &ok, "BYE", 2, ""));
    assert_eq!(did.statuses(), [200]);
    assert!(simple_im::Machine::is_closed(&rig.machine));
}
