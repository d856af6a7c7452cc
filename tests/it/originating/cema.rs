//! A call through a gateway that anchors MSRP (RFC 6714).

use simple_im::profile::ConnectTo;
use simple_im::{OpenMsrp, TxnError};

use super::*;

fn asking() -> Alice {
    alice_with(|config| config.profile.connect_to = ConnectTo::Cema)
}

/// An answer whose c= and m= are not those of its path.
fn anchored(setup: &str, more: &str) -> String {
    answer_sdp(more)
        .replace("c=IN IP4 peer.example.com", "c=IN IP4 198.51.100.7")
        .replace("message 8888", "message 5000")
        .replace("msrp://peer.example.com", "msrp://192.0.2.9")
        .replace("setup:passive", setup)
}

fn opened(did: &Did) -> Option<OpenMsrp> {
    did.0.iter().find_map(|(_, action)| match action {
        Action::OpenMsrp(open) => Some(open.clone()),
        _ => None,
    })
}

/// The answer shows that the peer, who would connect to us, does not know of the gateway.
fn unaware() -> (Alice, Sent, Did) {
    let (mut rig, sent) = calling(asking(), large(bob()));
    assert!(sdp(&sent.1).contains(&"a=msrp-cema".to_string()));
    let lines = format!("{ACCEPTED}Session-Expires: 1800;refresher=uac\n");
    let did = rig.respond(&sent, "200 OK", &lines, &anchored("setup:active", ""));
    (rig, sent, did)
}

#[test]
fn rfc_6714_whoever_asks_for_cema_connects_to_the_line_of_the_answer() {
    for more in ["a=msrp-cema\n", ""] {
        let (mut rig, sent) = calling(asking(), large(bob()));
        let answer = anchored("setup:passive", more);
        let did = rig.respond(&sent, "200 OK", ACCEPTED, &answer);
        assert_eq!(methods(&did), [Method::Ack]);
        let open = opened(&did).unwrap();
        assert!(open.connect);
        assert_eq!(open.target, "198.51.100.7:5000");
        assert_eq!(open.peer, "msrp://192.0.2.9:8888/9di4eae923wzd;tcp");
    }
    // Whoever does not ask goes by the path.
    let (mut rig, sent) = calling(alice(), large(bob()));
    let did = rig.respond(&sent, "200 OK", ACCEPTED, &anchored("setup:passive", ""));
    assert_eq!(opened(&did).unwrap().target, "");
}

#[test]
fn rfc_6714_4_2_a_peer_that_knows_no_cema_is_offered_again_without() {
    let (mut rig, sent, did) = unaware();
    assert_eq!(methods(&did), [Method::Ack, Method::Invite]);
    // Nothing is agreed on as yet.
    assert_eq!(opened(&did), None);
    let again = did.sent().pop().unwrap();
    let version = |lines: &[String]| {
        let origin = lines.iter().find(|line| line.starts_with("o=")).unwrap();
        origin.split(' ').nth(2).unwrap().parse::<u64>().unwrap()
    };
    let (first, second) = (sdp(&sent.1), sdp(&again.1));
    assert_eq!(version(&second), version(&first) + 1);
    let rest = |lines: &[String]| -> Vec<String> {
        let kept = lines
            .iter()
            .filter(|line| !line.starts_with("o=") && *line != "a=msrp-cema");
        kept.cloned().collect()
    };
    assert_eq!(rest(&second), rest(&first));
    assert_eq!(second.len() + 1, first.len());
    assert_eq!(fields(&again.1, "Session-Expires"), ["1800;refresher=uac"]);

    // The gateway stands for the peer now, in its path too.
    let did = rig.respond(
        &again,
        "200 OK",
        ACCEPTED,
        &answer_sdp("").replace("passive", "active"),
    );
    assert_eq!(methods(&did), [Method::Ack]);
    assert!(!opened(&did).unwrap().connect);
    assert!(did.has(|action| *action == Action::StopTimer(Timer::Ring)));
    rig.msrp(LEG, MsrpEvent::Up);
    let (_, did) = rig.drain_chunks(LEG);
    assert_eq!(over(&mut rig, &bye(&did)), Outcome::Sent);
}

#[test]
fn rfc_6714_4_2_the_peer_refuses_the_second_offer_or_says_nothing() {
    type Ends = fn(&mut Alice, &Sent) -> Did;
    let ends: [Ends; 6] = [
        |rig, again| rig.respond(again, "488 No", "", ""),
        |rig, again| rig.respond(again, "491 Request Pending", "", ""),
        |rig, again| rig.respond(again, "200 OK", ACCEPTED, ""),
        |rig, again| {
            let closed = answer_sdp("").replace("message 8888", "message 0");
            rig.respond(again, "200 OK", ACCEPTED, &closed)
        },
        |rig, again| rig.fail(again, TxnError::Timeout),
        |rig, _| rig.timer(Timer::Ring),
    ];
    for end in ends {
        let (mut rig, _, did) = unaware();
        let again = did.sent().pop().unwrap();
        let did = end(&mut rig, &again);
        let bye = did.sent().pop().unwrap();
        assert_eq!(bye.1.method, Method::Bye);
        assert!(matches!(over(&mut rig, &bye), Outcome::Failed(_)));
    }
    // The peer leaves meanwhile, or offers something itself.
    let (mut rig, sent, did) = unaware();
    let again = did.sent().pop().unwrap();
    rig.respond(&again, "180 Ringing", "", "").none();
    let offer = from_peer(
        &sent.1,
        "UPDATE",
        1,
        &format!("Content-Type: application/sdp\n\n{}", offer_sdp("")),
    );
    assert_eq!(rig.request(7, &offer).statuses(), [491]);
    let did = rig.request(8, &from_peer(&sent.1, "BYE", 2, ""));
    assert_eq!(did.statuses(), [200]);
    assert!(did.has(|action| *action == Action::StopTimer(Timer::Ring)));
    assert!(matches!(closed(&rig, &did), Outcome::Failed(_)));
}
