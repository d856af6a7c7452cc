//! The originating client, row by row.

use simple_im::{Content, Draft, LegId, Method, MsrpEvent, Originating, Outcome, Target};

use crate::rig::*;

fn alice() -> Rig<Originating> {
    Rig::new(Originating::new(), client("alice"))
}

fn to_bob(octets: usize) -> Draft {
    Draft::new(
        Target::One(uri("sip:bob@example.com")),
        Content::text(&"x".repeat(octets)),
    )
}

#[test]
fn a_page_is_delivered() {
    let mut rig = alice();
    let (sent, did) = rig.command(|alice, cx| alice.send(to_bob(2), cx));
    sent.unwrap();
    let message = did.one_sent();
    assert_eq!(message.1.method, Method::Message);
    let did = rig.respond(&message, "200 OK", "", "");
    assert_eq!(did.outcome(), Outcome::Delivered);
    assert!(simple_im::Machine::is_closed(&rig.machine));
}

#[test]
fn a_large_message_is_sent() {
    let mut rig = alice();
    let (sent, did) = rig.command(|alice, cx| alice.send(to_bob(5000), cx));
    sent.unwrap();
    let invite = did.one_sent();
    assert_eq!(invite.1.method, Method::Invite);
    let did = rig.respond(&invite, "200 OK", ACCEPTED, &answer_sdp(""));
    assert_eq!(did.one_sent().1.method, Method::Ack);
    rig.msrp(LegId::FIRST, MsrpEvent::Up);
    let (chunks, did) = rig.drain_chunks(LegId::FIRST);
    assert_eq!(chunks.len(), 3);
    let bye = did.one_sent();
    assert_eq!(bye.1.method, Method::Bye);
    let did = rig.respond(&bye, "200 OK", "", "");
    assert_eq!(did.outcome(), Outcome::Sent);
    assert!(simple_im::Machine::is_closed(&rig.machine));
}
