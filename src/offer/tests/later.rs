//! Offers within a session (RFC 3264 §8).

use super::*;

/// An offer, our answer to it, and what comes of a later one.
struct Talk {
    config: Config,
    offered: Description,
    answered: Answered,
}

const OFFER: &str = "v=0\r\n\
    o=alice 1 1 IN IP4 h\r\n\
    t=0 0\r\n\
    m=audio 5 RTP/AVP 0\r\n\
    m=message 7654 TCP/MSRP *\r\n\
    a=path:msrp://192.0.2.10:7654/jshA7weztas9d8f7;tcp\r\n\
    a=accept-types:message/cpim text/plain\r\n\
    a=sendrecv\r\n";

impl Talk {
    fn begun(offer: &str) -> Self {
        let offered = sdp::parse(&Bytes::copy_from_slice(offer.as_bytes())).unwrap();
        let config = bob();
        let answered = answering(&config, offer, LIMIT).unwrap();
        Self {
            config,
            offered,
            answered,
        }
    }

    fn later(&self, offer: &str, change: Change) -> Result<Later, Refused> {
        let standing = Standing {
            ours: &self.answered.sdp,
            origin: self.offered.origin(),
            media: &self.answered.media,
        };
        let offer = sdp::parse(&Bytes::copy_from_slice(offer.as_bytes())).unwrap();
        let mut out = BytesMut::new();
        answer_later(&self.config, &standing, &offer, LIMIT, change, &mut out)
    }

    fn changed(&self, offer: &str) -> (String, Negotiated) {
        match self.later(offer, Change::Accepted) {
            Ok(Later::Changed(sdp, media)) => (text(&sdp), media),
            other => panic!("{other:?}: {offer}"),
        }
    }

    fn refused(&self, offer: &str, change: Change) -> Option<u16> {
        let refused = self.later(offer, change).expect_err(offer);
        assert_eq!(refused.status, Status(488));
        refused.warning.map(|(code, _)| code)
    }
}

fn next(offer: &str) -> String {
    offer.replace("alice 1 1", "alice 1 2")
}

#[test]
fn an_offer_that_is_the_same_refreshes() {
    let talk = Talk::begun(OFFER);
    for change in [Change::Refused, Change::Accepted] {
        assert_eq!(talk.later(OFFER, change), Ok(Later::Same));
        // The version alone: some count it up without a reason (G-10).
        assert_eq!(talk.later(&next(OFFER), change), Ok(Later::Same));
    }
    // The same origin is the same offer, whatever else it says (RFC 3264 §8).
    let odd = OFFER.replace("sendrecv", "inactive");
    assert_eq!(talk.later(&odd, Change::Refused), Ok(Later::Same));
    // Without origin it is compared.
    let bare = |offer: &str| offer.replace("o=alice 1 1 IN IP4 h\r\n", "");
    let talk = Talk::begun(&bare(OFFER));
    assert_eq!(talk.later(&bare(OFFER), Change::Refused), Ok(Later::Same));
    assert_eq!(talk.refused(&bare(&odd), Change::Refused), Some(399));
}

#[test]
fn g_10_the_transfer_of_one_message_is_not_changed() {
    let talk = Talk::begun(OFFER);
    for (from, to) in [
        ("sendrecv", "sendonly"),
        ("jshA7weztas9d8f7", "another"),
        ("message/cpim text/plain", "text/plain"),
    ] {
        let offer = next(OFFER).replace(from, to);
        assert_eq!(talk.refused(&offer, Change::Refused), Some(399), "{to}");
        talk.changed(&offer);
    }
}

#[test]
fn a_change_is_answered_as_the_next_version_of_our_description() {
    let talk = Talk::begun(OFFER);
    let before = text(&talk.answered.sdp);
    let (sdp, media) = talk.changed(
        &next(OFFER)
            .replace("sendrecv", "sendonly")
            .replace("t=0 0", "t=1 2"),
    );
    let expected = before
        .replace("2890844530 2890844530", "2890844530 2890844531")
        .replace("a=sendrecv", "a=recvonly")
        .replace("t=0 0", "t=1 2");
    assert_eq!(sdp, expected);
    assert!(media.can_receive && !media.can_send);
    // On hold, and back.
    let (sdp, media) = talk.changed(&next(OFFER).replace("sendrecv", "inactive"));
    assert!(sdp.contains("a=inactive\r\n") && !media.can_receive && !media.can_send);
    // Limits and types are the peer's to change.
    let (_, media) = talk.changed(&next(OFFER).replace("a=sendrecv", "a=max-size:7"));
    assert_eq!(media.max_size, Some(7));
    let (_, media) = talk.changed(&next(OFFER).replace("message/cpim text/plain", "*"));
    assert_eq!(media.accept_types(), "*");
    let (_, media) = talk.changed(&next(OFFER).replace("192.0.2.10:7654", "192.0.2.11:1"));
    assert_eq!(media.peer(), "msrp://192.0.2.11:1/jshA7weztas9d8f7;tcp");
}

#[test]
fn a_change_keeps_its_roles_where_it_can() {
    let setup = |setup: &str| OFFER.replace("a=sendrecv", &format!("a=setup:{setup}"));
    let changed = |first: &str, second: &str| {
        let mut talk = Talk::begun(&setup(first));
        let offer = next(&setup(second)).replace("text/plain", "text/html");
        talk.config.profile.setup_answer = SetupAnswer::Active;
        let (sdp, media) = talk.changed(&offer);
        assert_eq!(sdp.contains("a=setup:active\r\n"), media.connect);
        media.connect
    };
    assert!(!changed("active", "active"));
    assert!(!changed("actpass", "actpass"));
    assert!(!changed("active", "actpass"));
    assert!(changed("passive", "actpass"));
    assert!(!changed("passive", "active"));
    assert!(changed("active", "passive"));
}

#[test]
fn port_0_closes() {
    let talk = Talk::begun(OFFER);
    for change in [Change::Refused, Change::Accepted] {
        let Ok(Later::Closed(sdp)) = talk.later(&next(OFFER).replace("7654 TCP", "0 TCP"), change)
        else {
            panic!()
        };
        let sdp = text(&sdp);
        assert!(sdp.contains("2890844530 2890844531"));
        assert!(
            sdp.ends_with("t=0 0\r\nm=audio 0 RTP/AVP 0\r\nm=message 0 TCP/MSRP *\r\n"),
            "{sdp}"
        );
    }
}

#[test]
fn there_are_never_fewer_lines_and_new_ones_are_answered_too() {
    let talk = Talk::begun(OFFER);
    let fewer = next(OFFER).replace("m=audio 5 RTP/AVP 0\r\n", "");
    let moved = fewer.clone() + "m=audio 5 RTP/AVP 0\r\n";
    for change in [Change::Refused, Change::Accepted] {
        assert_eq!(talk.refused(&fewer, change), Some(399));
        assert_eq!(talk.refused(&moved, change), Some(304));
        let more = next(OFFER)
            + "m=video 5 RTP/AVP 31\r\nm=message 1 TCP/MSRP *\r\na=path:msrp://h:1/x;tcp\r\n";
        let Ok(Later::Changed(sdp, media)) = talk.later(&more, change) else {
            panic!()
        };
        assert_eq!(media, talk.answered.media);
        let read = sdp::parse(&sdp).unwrap();
        let ports: std::vec::Vec<_> = read.media().iter().map(|line| line.port).collect();
        assert_eq!(ports, [0, 8888, 0, 0]);
    }
}

#[test]
fn what_is_not_acceptable_is_refused_as_in_a_first_offer() {
    let talk = Talk::begun(OFFER);
    for (from, to, code) in [
        ("TCP/MSRP", "TCP/TLS/MSRP", 302),
        ("a=path", "a=x", 307),
        ("a=sendrecv", "a=recvonly\r\na=x", 0),
        (
            "message/cpim text/plain\r\na=sendrecv",
            "a/b\r\na=recvonly",
            305,
        ),
    ] {
        let offer = next(OFFER).replace(from, to);
        if code == 0 {
            talk.changed(&offer);
        } else {
            assert_eq!(talk.refused(&offer, Change::Accepted), Some(code), "{to}");
        }
    }
}

#[test]
fn our_own_offer_may_be_followed_by_one_of_the_peer_s() {
    // The peer answers ours, and then offers.
    let config = bob();
    let wanted = Wanted {
        direction: Direction::SendRecv,
        ..LARGE
    };
    let offered = offering(&config, &wanted);
    let answer = OFFER.replace("m=audio 5 RTP/AVP 0\r\n", "");
    let answer = sdp::parse(&Bytes::from(answer)).unwrap();
    let media = agreed(conclude(&config, &offered, &answer).unwrap());
    let standing = Standing {
        ours: &offered.sdp,
        origin: answer.origin(),
        media: &media,
    };
    let offer = next(OFFER)
        .replace("m=audio 5 RTP/AVP 0\r\n", "")
        .replace("sendrecv", "setup:passive\r\na=recvonly");
    let offer = sdp::parse(&Bytes::from(offer)).unwrap();
    let mut out = BytesMut::new();
    let later = answer_later(
        &config,
        &standing,
        &offer,
        LIMIT,
        Change::Accepted,
        &mut out,
    );
    let Ok(Later::Changed(sdp, media)) = later else {
        panic!("{later:?}")
    };
    let sdp = text(&sdp);
    assert!(
        sdp.contains("a=setup:active\r\n") && sdp.contains("a=sendonly\r\n"),
        "{sdp}"
    );
    assert!(sdp.contains("2890844526 2890844527") && media.connect);
}
