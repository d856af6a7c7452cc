//! Offers and answers, case by case.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

extern crate std;

use alloc::format;
use alloc::string::String;
use std::borrow::ToOwned;

use super::*;
use crate::{Account, MsrpAuthority, Profile, Uri};

mod cema;
mod later;
mod property;
mod table;

const ID: SessionId = SessionId([0; 10]);
/// 10 MiB, the default.
const LIMIT: u64 = 10 * 1024 * 1024;

fn config(host: &str, contact: &str, port: u16) -> Config {
    let user = contact.split_once('@').unwrap().0;
    let address = Uri::copy(&format!("{user}@example.com")).unwrap();
    let account = Account::new(address, Uri::copy(contact).unwrap());
    let msrp = MsrpAuthority {
        host: host.to_owned(),
        port,
        tls: false,
    };
    Config::new(account, msrp, [1, 2])
}

fn alice() -> Config {
    config("192.0.2.10", "sip:alice@pc33.example.com", 7654)
}

fn bob() -> Config {
    config("192.0.2.20", "sip:bob@pc9.example.com", 8888)
}

fn with(change: impl FnOnce(&mut Profile)) -> Config {
    let mut config = bob();
    change(&mut config.profile);
    config
}

const LARGE: Wanted<'_> = Wanted {
    direction: Direction::SendOnly,
    accept_types: "message/cpim text/plain",
    accept_wrapped_types: "",
    filelength: Some(3000),
    max_size: None,
    identity: Identity::Shown,
    info: "",
    file: "",
};

fn offering(config: &Config, wanted: &Wanted<'_>) -> Offered {
    let mint = Mint {
        id: ID,
        number: 2890844526,
    };
    offer(config, mint, wanted, &mut BytesMut::new())
}

fn text(bytes: &Bytes) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

fn answering(config: &Config, offered: &str, limit: u64) -> Result<Answered, Refused> {
    let offered = sdp::parse(&Bytes::copy_from_slice(offered.as_bytes())).unwrap();
    let mint = Mint {
        id: ID,
        number: 2890844530,
    };
    answer(config, mint, &offered, limit, &mut BytesMut::new())
}

/// A session description with one MSRP line and these attributes.
fn line(attributes: &str) -> String {
    format!(
        "v=0\r\nt=0 0\r\nm=message 7654 TCP/MSRP *\r\na=path:msrp://192.0.2.10:7654/jshA7weztas9d8f7;tcp\r\n\
         a=accept-types:message/cpim text/plain\r\n{}",
        attributes
            .split_whitespace()
            .map(|a| format!("a={a}\r\n"))
            .collect::<String>()
    )
}

fn accepted(config: &Config, offered: &str) -> (String, Negotiated) {
    let answered =
        answering(config, offered, LIMIT).unwrap_or_else(|why| panic!("{why:?}: {offered}"));
    let sdp = text(&answered.sdp);
    assert!(
        sdp.contains(&format!("{}\r\n", text(&answered.own))) && sdp.contains("a=path:msrp"),
        "{sdp}"
    );
    assert!(!sdp.contains("connection"), "{sdp}");
    (sdp, answered.media)
}

fn says(config: &Config, offered: &str, expected: &[&str]) -> Negotiated {
    let (sdp, media) = accepted(config, offered);
    for expected in expected {
        assert!(
            sdp.split("\r\n").any(|line| line == *expected),
            "{expected} in {sdp}"
        );
    }
    media
}

fn refuses(config: &Config, offered: &str, status: u16, warning: Option<u16>) {
    let refused = answering(config, offered, LIMIT).expect_err(offered);
    let found = (refused.status.0, refused.warning.map(|(code, _)| code));
    assert_eq!(found, (status, warning), "{offered}");
}

#[test]
fn oc_lm_23_the_offer_is_the_golden_one() {
    let mut config = alice();
    let offered = offering(&config, &LARGE);
    let golden = "v=0\r\n\
        o=alice 2890844526 2890844526 IN IP4 pc33.example.com\r\n\
        s=-\r\n\
        c=IN IP4 192.0.2.10\r\n\
        t=0 0\r\n\
        m=message 7654 TCP/MSRP *\r\n\
        a=path:msrp://192.0.2.10:7654/aaaaaaaaaaaaaaaa;tcp\r\n\
        a=setup:actpass\r\n\
        a=accept-types:message/cpim text/plain\r\n\
        a=sendonly\r\n\
        a=filelength:3000\r\n";
    assert_eq!(text(&offered.sdp), golden);
    // The golden session id is one letter shorter than ours, its message has 260 octets.
    assert_eq!(offered.sdp.len(), 260);
    assert_eq!(offered.own, "msrp://192.0.2.10:7654/aaaaaaaaaaaaaaaa;tcp");
    assert_eq!(
        (offered.setup, offered.direction),
        (Some(Setup::Actpass), Direction::SendOnly)
    );

    config.profile.setup_offer = SetupOffer::Omit;
    let offered = offering(&config, &LARGE);
    assert_eq!(
        text(&offered.sdp),
        golden.replace("a=setup:actpass\r\n", "")
    );
    assert_eq!(offered.setup, None);
}

#[test]
fn an_active_offerer_says_port_9_in_line_and_path() {
    let mut config = alice();
    config.profile.setup_offer = SetupOffer::Active;
    let offered = offering(&config, &LARGE);
    let sdp = text(&offered.sdp);
    assert!(sdp.contains("m=message 9 TCP/MSRP *\r\na=path:msrp://192.0.2.10:9/aaaaaaaaaaaaaaaa;tcp\r\na=setup:active\r\n"));
    assert_eq!(offered.own, "msrp://192.0.2.10:9/aaaaaaaaaaaaaaaa;tcp");
}

#[test]
fn an_offer_says_what_is_wanted_and_nothing_else() {
    let mut config = config("[2001:db8::1]", "sip:im.example.com;x=@y", 2855);
    config.account.address = Uri::copy("sip:im.example.com").unwrap();
    config.msrp.tls = true;
    let wanted = Wanted {
        direction: Direction::SendRecv,
        accept_types: "message/cpim",
        accept_wrapped_types: "*",
        filelength: None,
        max_size: Some(77),
        ..Wanted::default()
    };
    let sdp = text(&offering(&config, &wanted).sdp);
    let expected = "s=-\r\nc=IN IP6 2001:db8::1\r\nt=0 0\r\nm=message 2855 TCP/TLS/MSRP *\r\n\
        a=path:msrps://[2001:db8::1]:2855/aaaaaaaaaaaaaaaa;tcp\r\na=setup:actpass\r\n\
        a=accept-types:message/cpim\r\na=accept-wrapped-types:*\r\na=max-size:77\r\na=sendrecv\r\n";
    assert!(sdp.ends_with(expected), "{sdp}");
    assert!(sdp.starts_with("v=0\r\no=- 2890844526"), "{sdp}");
}

#[test]
fn cc_99_a_hidden_identity_is_not_in_the_origin() {
    let wanted = Wanted {
        identity: Identity::Hidden,
        ..LARGE
    };
    let sdp = text(&offering(&alice(), &wanted).sdp);
    assert!(
        sdp.starts_with("v=0\r\no=- 2890844526 2890844526 IN IP4 192.0.2.10\r\n"),
        "{sdp}"
    );
    assert!(!sdp.contains("alice") && !sdp.contains("pc33"));
}

#[test]
fn tc_lm_12_the_answer_is_the_golden_one() {
    let offered = text(&offering(&alice(), &LARGE).sdp);
    let (sdp, media) = accepted(&bob(), &offered);
    let golden = "v=0\r\n\
        o=bob 2890844530 2890844530 IN IP4 pc9.example.com\r\n\
        s=-\r\n\
        c=IN IP4 192.0.2.20\r\n\
        t=0 0\r\n\
        m=message 8888 TCP/MSRP *\r\n\
        a=path:msrp://192.0.2.20:8888/aaaaaaaaaaaaaaaa;tcp\r\n\
        a=setup:passive\r\n\
        a=accept-types:message/cpim text/plain\r\n\
        a=recvonly\r\n";
    assert_eq!(sdp, golden);
    assert!(!media.connect && !media.can_send && media.can_receive);
    assert_eq!(media.peer(), "msrp://192.0.2.10:7654/aaaaaaaaaaaaaaaa;tcp");
    assert_eq!(
        (media.accept_types(), media.accept_wrapped_types()),
        ("message/cpim text/plain", "")
    );
    assert_eq!((media.filelength, media.max_size), (Some(3000), None));
}

#[test]
fn table_3_5_max_size_is_our_own() {
    let limit = "a=max-size:10485760";
    assert_eq!(
        says(&bob(), &line("max-size:5"), &[limit]).max_size,
        Some(5)
    );
    says(&bob(), &line("max-size:5 filelength:3"), &[limit]);
    says(&bob(), &line(""), &[limit]);
    // Nothing is received, or the size is known already.
    for attributes in ["recvonly", "filelength:3"] {
        assert!(!accepted(&bob(), &line(attributes)).0.contains("max-size"));
    }
}

#[test]
fn every_line_is_answered_in_its_place_and_one_is_taken() {
    let message = line("");
    let (head, message) = message.split_at(message.find("m=").unwrap());
    let audio = "m=audio  49170/2 RTP/AVP 0 8\r\na=sendonly\r\n";
    let closed = "m=message 0 TCP/MSRP *\r\n";
    let tls = "m=message 1 TCP/TLS/MSRP *\r\na=path:msrps://h:1/x;tcp\r\n";
    let offered = [head, audio, closed, tls, message, message, "m=x 5 y\r\n"].concat();
    let (sdp, _) = accepted(&bob(), &offered);
    let lines: std::vec::Vec<_> = sdp.split("\r\n").filter(|l| l.starts_with("m=")).collect();
    let expected = [
        "m=audio  0 RTP/AVP 0 8",
        "m=message 0 TCP/MSRP *",
        "m=message 0 TCP/TLS/MSRP *",
        "m=message 8888 TCP/MSRP *",
        "m=message 0 TCP/MSRP *",
        "m=x 0 y",
    ];
    assert_eq!(lines, expected);
    let after = sdp.split("m=message 8888").nth(1).unwrap();
    assert!(after.find("a=path").unwrap() < after.find("m=message 0").unwrap());
}

#[test]
fn tc_lm_10_488_without_an_open_message_line() {
    refuses(&bob(), "v=0\r\n", 488, Some(304));
    refuses(&bob(), "v=0\r\nm=audio 1 RTP/AVP 0\r\n", 488, Some(304));
    refuses(&bob(), &line("").replace(" 7654 ", " 0 "), 488, Some(304));
}

#[test]
fn tc_lm_10_488_for_a_protocol_that_we_do_not_speak() {
    refuses(
        &bob(),
        &line("").replace("TCP/MSRP", "UDP/MSRP"),
        488,
        Some(302),
    );
    refuses(
        &bob(),
        &line("")
            .replace("TCP/MSRP", "TCP/TLS/MSRP")
            .replace("msrp:", "msrps:"),
        488,
        Some(302),
    );
    let mut tls = bob();
    tls.msrp.tls = true;
    refuses(&tls, &line(""), 488, Some(302));
    let secure = line("")
        .replace("TCP/MSRP", "TCP/TLS/MSRP")
        .replace("msrp:", "msrps:");
    says(
        &tls,
        &secure,
        &[
            "m=message 8888 TCP/TLS/MSRP *",
            "a=path:msrps://192.0.2.20:8888/aaaaaaaaaaaaaaaa;tcp",
        ],
    );
}

#[test]
fn tc_lm_10_488_for_a_path_that_nobody_can_use() {
    let path = "msrp://192.0.2.10:7654/jshA7weztas9d8f7;tcp";
    for bad in [
        "",
        "msrp",
        "msrp://h:1/x",
        "msrp://h:1;tcp",
        "msrp://h/x;tcp",
        "msrp://h:x/x;tcp",
        "msrp://:1/x;tcp",
        "msrp://h:1/x;udp",
        "http://h:1/x;tcp",
        "msrps://h:1/x;tcp",
        "msrp://h:1/;tcp",
        "msrp://h:65536/x;tcp",
        "msrp://::1:1/x;tcp",
        "msrp://h:1/x;tcp h",
        "msrp://h:1/\u{e9};tcp",
        "msrp://h:1/<;tcp",
    ] {
        refuses(&bob(), &line("").replace(path, bad), 488, Some(307));
    }
    for good in [
        "MSRP://h:1/x;TCP",
        "msrp://u@h:1/x/y=;tcp;a=b",
        "msrp://[::1]:1/x;tcp",
        "msrp://r:1/x;tcp msrp://h:2/y;tcp",
    ] {
        assert_eq!(
            says(&bob(), &line("").replace(path, good), &[]).peer(),
            good
        );
    }
    let long = format!("msrp://h:1/{};tcp", "x".repeat(5000));
    refuses(&bob(), &line("").replace(path, &long), 488, Some(307));
}

#[test]
fn tc_lm_10_488_without_usable_types() {
    let untold = line("").replace("a=accept-types:message/cpim text/plain\r\n", "");
    let media = says(&bob(), &untold, &[]);
    assert!(media.accepts("video/mp4"));
    refuses(
        &with(|p| p.accept_types_missing = false),
        &untold,
        488,
        Some(305),
    );

    let alien = |attributes| line(attributes).replace("message/cpim text/plain", "x/y");
    // What we could send does not matter to who only receives.
    says(&bob(), &alien("sendonly"), &[]);
    refuses(&bob(), &alien("recvonly"), 488, Some(305));
    says(&bob(), &alien("sendrecv"), &[]);
    let mut dumb = bob();
    dumb.account.accept_types = String::new();
    refuses(&dumb, &line("sendonly"), 488, Some(305));
    says(&dumb, &line("inactive"), &[]);
}

#[test]
fn tc_lm_10_a_size_above_the_limit_is_refused_as_the_profile_says() {
    let offered = line("sendonly filelength:10485761");
    refuses(&bob(), &offered, 488, Some(399));
    refuses(
        &with(|p| p.size_exceeded_warning = false),
        &offered,
        488,
        None,
    );
    refuses(
        &with(|p| p.size_exceeded_status = 603),
        &offered,
        603,
        Some(399),
    );
    accepted(&bob(), &line("sendonly filelength:10485760"));
    let warning = answering(&bob(), &offered, LIMIT).unwrap_err().warning;
    assert_eq!(warning, Some((399, "133 Size exceeded")));
    assert!(answering(&bob(), &offered, LIMIT + 1).is_ok());
}

#[test]
fn the_first_message_line_says_why_all_are_refused() {
    let two = format!(
        "{}m=message 1 UDP/MSRP *\r\n",
        line("").replace("msrp://", "x://")
    );
    refuses(&bob(), &two, 488, Some(307));
}

#[test]
fn cc_119_who_cannot_be_reached_is_awaited() {
    let config = with(|p| p.setup_answer = SetupAnswer::Active);
    for nowhere in ["192.0.2.10:9", "0.0.0.0:7654", "[::]:7654"] {
        let offered = |setup: &str| {
            line(setup)
                .replace("192.0.2.10:7654", nowhere)
                .replace(" 7654 ", " 9 ")
        };
        for setup in ["setup:active", "setup:actpass", "", "setup:holdconn"] {
            assert!(
                !says(&config, &offered(setup), &["a=setup:passive"]).connect,
                "{nowhere} {setup}"
            );
        }
        refuses(&config, &offered("setup:passive"), 488, Some(307));
    }
}

fn concluding(config: &Config, direction: Direction, answer: &str) -> Result<Negotiated, Failure> {
    let offered = offering(config, &Wanted { direction, ..LARGE });
    let answer = sdp::parse(&Bytes::copy_from_slice(answer.as_bytes())).unwrap();
    conclude(config, &offered, &answer).map(agreed)
}

fn agreed(concluded: Concluded) -> Negotiated {
    match concluded {
        Concluded::Agreed(media) => media,
        Concluded::Again => panic!("to be offered again"),
    }
}

#[test]
fn cc_46_an_answer_that_contradicts_our_direction_is_none() {
    use Direction::{Inactive, RecvOnly, SendOnly, SendRecv};
    for (ours, theirs, expected) in [
        (SendOnly, "recvonly", Some((true, false))),
        (SendOnly, "sendrecv", Some((true, false))),
        (SendOnly, "", Some((true, false))),
        (SendOnly, "sendonly", None),
        (SendOnly, "inactive", None),
        (RecvOnly, "sendonly", Some((false, true))),
        (RecvOnly, "sendrecv", Some((false, true))),
        (RecvOnly, "recvonly", None),
        (RecvOnly, "inactive", None),
        (SendRecv, "sendrecv", Some((true, true))),
        (SendRecv, "recvonly", Some((true, false))),
        (SendRecv, "sendonly", Some((false, true))),
        (SendRecv, "inactive", Some((false, false))),
        (Inactive, "inactive", Some((false, false))),
        (Inactive, "sendrecv", Some((false, false))),
    ] {
        let found = concluding(&alice(), ours, &line(theirs));
        let found = found.map(|media| (media.can_send, media.can_receive));
        assert_eq!(
            found,
            expected.ok_or(Failure::BadAnswer),
            "{ours:?} {theirs}"
        );
    }
}

#[test]
fn who_connects_follows_from_both() {
    let (actpass, mut active, mut omit) = (alice(), alice(), alice());
    active.profile.setup_offer = SetupOffer::Active;
    omit.profile.setup_offer = SetupOffer::Omit;
    let connects = |config, answer: &str| {
        concluding(config, Direction::SendOnly, &line(answer)).map(|media| media.connect)
    };
    let bad = Err(Failure::BadAnswer);
    for answer in ["setup:passive", "setup:holdconn", "setup:actpass", ""] {
        for config in [&actpass, &active, &omit] {
            assert_eq!(connects(config, answer), Ok(true), "{answer}");
        }
    }
    assert_eq!(connects(&actpass, "setup:active"), Ok(false));
    assert_eq!(connects(&active, "setup:active"), bad);
    assert_eq!(connects(&omit, "setup:active"), bad);
}

#[test]
fn an_answer_that_is_no_use_is_a_bad_one() {
    let bad = |answer: &str| {
        let found = concluding(&alice(), Direction::SendOnly, answer);
        assert_eq!(found.unwrap_err(), Failure::BadAnswer, "{answer}");
    };
    bad("v=0\r\n");
    bad("v=0\r\nm=audio 1 RTP/AVP 0\r\n");
    // As many lines as were offered (RFC 3264 §6).
    bad(&(line("") + "m=audio 0 RTP/AVP 0\r\n"));
    bad(&line("").replace(" 7654 ", " 0 "));
    bad(&line("").replace("TCP/MSRP", "TCP/TLS/MSRP"));
    bad(&line("")
        .replace("TCP/MSRP", "TCP/TLS/MSRP")
        .replace("msrp:", "msrps:"));
    bad(&line("").replace("a=path:", "a=x:"));
    bad(&line("").replace("10:7654", "10:9"));
    bad(&line("").replace(
        "a=path:",
        &format!("a=path:msrp://h:1/{};tcp ", "x".repeat(5000)),
    ));
    // Nobody is connected to at port 9 who connects.
    let active = line("setup:active").replace("10:7654", "10:9");
    assert!(concluding(&alice(), Direction::SendOnly, &active).is_ok());
    let untold = line("").replace("a=accept-types", "a=x");
    assert!(
        concluding(&alice(), Direction::SendOnly, &untold)
            .unwrap()
            .accepts("a/b")
    );
    let mut strict = alice();
    strict.profile.accept_types_missing = false;
    assert!(concluding(&strict, Direction::SendOnly, &untold).is_err());
}

#[test]
fn our_answers_conclude_our_offers() {
    for setup_offer in [SetupOffer::Actpass, SetupOffer::Active, SetupOffer::Omit] {
        for setup_answer in [SetupAnswer::Active, SetupAnswer::Passive] {
            for direction in [
                Direction::SendOnly,
                Direction::SendRecv,
                Direction::RecvOnly,
            ] {
                let mut alice = alice();
                alice.profile.setup_offer = setup_offer;
                let bob = with(|p| p.setup_answer = setup_answer);
                let offered = offering(&alice, &Wanted { direction, ..LARGE });
                let answered = answering(&bob, &text(&offered.sdp), LIMIT).unwrap();
                let description = sdp::parse(&answered.sdp).unwrap();
                let ours = agreed(conclude(&alice, &offered, &description).unwrap());
                let theirs = answered.media;
                assert_eq!(ours.connect, !theirs.connect);
                assert_eq!(
                    (ours.can_send, ours.can_receive),
                    (theirs.can_receive, theirs.can_send)
                );
                assert_eq!((ours.peer(), theirs.peer()), (answered.own, offered.own));
            }
        }
    }
}

#[test]
fn cc_47_a_type_is_accepted_by_name_by_kind_or_by_star() {
    let check = |accepted: &str, wrapped: &str, kind: &str| {
        let answer = line(&format!("accept-wrapped-types:{wrapped}"))
            .replace("message/cpim text/plain", accepted);
        let media = concluding(&alice(), Direction::SendOnly, &answer).unwrap();
        (media.accepts(kind), media.accepts_wrapped(kind))
    };
    assert_eq!(
        check("message/cpim text/plain", "", "Text/Plain;charset=utf-8"),
        (true, true)
    );
    assert_eq!(
        check("TEXT/PLAIN;format=flowed", "", "text/plain"),
        (true, true)
    );
    assert_eq!(check("message/cpim text/*", "", "text/html"), (true, true));
    assert_eq!(check("*", "", "image/png"), (true, true));
    assert_eq!(
        check("message/cpim", "text/plain", "text/plain"),
        (false, true)
    );
    assert_eq!(check("message/cpim", "*", "text/plain"), (false, true));
    assert_eq!(
        check("message/cpim text/plain2", "", "text/plain"),
        (false, false)
    );
    assert_eq!(check("text", "", "text/plain"), (false, false));
    assert_eq!(check("*", "", "text"), (false, false));
    assert_eq!(check("*", "", ""), (false, false));
}

#[test]
fn the_agreement_pins_no_datagram() {
    let offered = Bytes::from(line(""));
    let range = offered.as_ptr() as usize..offered.as_ptr() as usize + offered.len();
    let description = sdp::parse(&offered).unwrap();
    let found = agreed(conclude(&alice(), &offering(&alice(), &LARGE), &description).unwrap());
    assert!(!range.contains(&(found.peer().as_ptr() as usize)));
}
