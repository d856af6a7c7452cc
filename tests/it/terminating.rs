//! The terminating client, row by row.

use simple_im::{Answer, Continuation, LegId, MsrpEvent, Notice, Terminating};

use crate::rig::*;

fn bob() -> Rig<Terminating> {
    Rig::new(Terminating::new(), client("bob"))
}

pub fn page(lines: &str, body: &str) -> String {
    format!(
        "MESSAGE sip:bob@example.com SIP/2.0\nMax-Forwards: 70\nFrom: <sip:alice@example.com>;tag=49583\n\
         To: <sip:bob@example.com>\nCall-ID: asd88asd77a\nCSeq: 1 MESSAGE\n{lines}\n{body}"
    )
}

pub fn invite(lines: &str, sdp: &str) -> String {
    format!(
        "INVITE sip:bob@example.com SIP/2.0\nMax-Forwards: 70\nFrom: <sip:alice@example.com>;tag=49583\n\
         To: <sip:bob@example.com>\nCall-ID: a84b4c76e66710\nCSeq: 314159 INVITE\n\
         Contact: <sip:alice@alice.example.com>;+g.oma.sip-im\nSupported: timer\n\
         Session-Expires: 1800;refresher=uac\nContent-Type: application/sdp\n{lines}\n{sdp}"
    )
}

#[test]
fn a_page_is_kept_and_answered() {
    let mut rig = bob();
    let did = rig.request(1, &page("Content-Type: text/plain\n", "hi"));
    let (ask, _) = did.asked().unwrap();
    assert!(did.replies().is_empty());
    let did = rig.answer(ask, Answer::Accept);
    assert_eq!(did.statuses(), [200]);
}

#[test]
fn a_large_message_is_received() {
    let mut rig = bob();
    let invite = invite("", &offer_sdp("a=filelength:3000\n"));
    let did = rig.request(1, &invite);
    assert_eq!(did.statuses(), [180]);
    let (ask, _) = did.asked().unwrap();
    let did = rig.answer(ask, Answer::Accept);
    let reply = did.one_reply().1;
    rig.ack(&inside(&invite, &reply, "ACK", 314159, ""));
    rig.msrp(LegId::FIRST, MsrpEvent::Up);
    let did = rig.send(
        LegId::FIRST,
        1,
        send_head("m1", 1, 2048, 3000),
        &[b'x'; 2048],
        Continuation::More,
    );
    assert!(did.has(|action| matches!(action, simple_im::Action::RespondMsrp(_, 200))));
    let did = rig.send(
        LegId::FIRST,
        2,
        send_head("m1", 2049, 952, 3000),
        &[b'x'; 952],
        Continuation::Last,
    );
    let whole = did.notices().into_iter().find_map(|notice| match notice {
        Notice::Received { whole, .. } => Some(whole),
        _ => None,
    });
    assert_eq!(whole.unwrap().len(), 3000);
    let did = rig.request(2, &inside(&invite, &reply, "BYE", 314160, ""));
    assert_eq!(did.statuses(), [200]);
    assert!(simple_im::Machine::is_closed(&rig.machine));
}
