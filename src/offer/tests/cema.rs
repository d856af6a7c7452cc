//! RFC 6714, criterion by criterion.

use super::*;

fn with_place(line: &str, place: &str) -> String {
    let (host, port) = place.rsplit_once(':').unwrap();
    let family = if host.contains(':') { "IP6" } else { "IP4" };
    line.replace(
        "m=message 7654",
        &format!("c=IN {family} {host}\r\nm=message {port}"),
    )
}

const RELAYED: &str = "msrp://192.0.2.99:2855/r1;tcp msrp://192.0.2.10:7654/jshA7weztas9d8f7;tcp";

fn relayed(line: &str) -> String {
    line.replace("msrp://192.0.2.10:7654/jshA7weztas9d8f7;tcp", RELAYED)
}

fn cema() -> Config {
    with(|p| {
        p.connect_to = ConnectTo::Cema;
        p.setup_answer = SetupAnswer::Active;
    })
}

#[test]
fn an_offer_says_cema_where_the_knob_says_so_and_with_setup() {
    let mut config = cema();
    assert!(
        text(&offering(&config, &LARGE).sdp).contains("\r\na=setup:actpass\r\na=msrp-cema\r\n")
    );
    config.profile.setup_offer = SetupOffer::Omit;
    let offered = offering(&config, &LARGE);
    assert!(!offered.cema && !text(&offered.sdp).contains("cema"));
    for how in [ConnectTo::Auto, ConnectTo::CmLine, ConnectTo::PathUri] {
        let offered = offering(&with(|p| p.connect_to = how), &LARGE);
        assert!(
            !offered.cema && !text(&offered.sdp).contains("cema"),
            "{how:?}"
        );
    }
}

#[test]
fn rfc_6714_4_3_the_answerer_connects_to_the_line_under_cema() {
    let anchored = with_place(&line("msrp-cema setup:actpass"), "198.51.100.7:5000");
    let media = says(&cema(), &anchored, &["a=msrp-cema", "a=setup:active"]);
    assert_eq!(media.target(), "198.51.100.7:5000");
    assert_eq!(media.peer(), "msrp://192.0.2.10:7654/jshA7weztas9d8f7;tcp");
    // IPv6, and host names: nobody needs to look them up.
    let anchored = with_place(&line("msrp-cema setup:actpass"), "2001:db8::7:5000");
    assert_eq!(says(&cema(), &anchored, &[]).target(), "[2001:db8::7]:5000");
    let anchored = with_place(&line("msrp-cema setup:actpass"), "sbc.example.com:5000");
    assert_eq!(
        says(&cema(), &anchored, &[]).target(),
        "sbc.example.com:5000"
    );
    // Who awaits the connection connects to nothing.
    let active = with_place(&line("msrp-cema setup:active"), "198.51.100.7:5000");
    let media = says(&cema(), &active, &["a=msrp-cema", "a=setup:passive"]);
    assert_eq!(media.target(), "");
    // No place to connect to there: the path it is.
    let nowhere = with_place(&line("msrp-cema setup:actpass"), "0.0.0.0:5000");
    assert_eq!(says(&cema(), &nowhere, &["a=setup:active"]).target(), "");
}

#[test]
fn rfc_6714_4_3_an_offer_without_cema_whose_address_was_changed_is_refused() {
    let changed = |place: &str| with_place(&line("setup:actpass"), place);
    for place in ["198.51.100.7:7654", "192.0.2.10:5000", "2001:db8::7:7654"] {
        refuses(&cema(), &changed(place), 488, Some(399));
        refuses(&bob(), &changed(place), 488, Some(399));
        // Who does not speak CEMA does not look.
        let path = with(|p| p.connect_to = ConnectTo::PathUri);
        assert_eq!(says(&path, &changed(place), &[]).target(), "");
    }
    // Nothing to compare: the same, names, no address, or one that says that it is none.
    for place in [
        "192.0.2.10:7654",
        "sbc.example.com:7654",
        "sbc.example.com:1",
        "0.0.0.0:7654",
        "192.0.2.10:9",
    ] {
        let media = says(&cema(), &changed(place), &["a=setup:active"]);
        assert_eq!(media.target(), "", "{place}");
    }
    let named = changed("a.example.com:7654").replace("192.0.2.10", "A.example.com");
    accepted(&cema(), &named);
    let port = changed("a.example.com:7655").replace("192.0.2.10", "A.example.com");
    refuses(&cema(), &port, 488, Some(399));
    // A plain endpoint behind a relay has its own address there.
    accepted(&cema(), &relayed(&changed("192.0.2.10:7654")));
    accepted(&cema(), &relayed(&changed("192.0.2.99:2855")));
    refuses(
        &cema(),
        &relayed(&changed("192.0.2.98:2855")),
        488,
        Some(399),
    );
}

#[test]
fn rfc_6714_4_3_an_offerer_that_connects_through_its_relay_goes_by_the_path() {
    for setup in ["setup:active", "setup:holdconn", ""] {
        let offered = relayed(&with_place(
            &line(&format!("msrp-cema {setup}")),
            "198.51.100.7:5000",
        ));
        let (sdp, media) = accepted(&cema(), &offered);
        assert!(!sdp.contains("cema") && !media.connect, "{sdp}");
    }
    let offered = relayed(&with_place(
        &line("msrp-cema setup:actpass"),
        "192.0.2.99:2855",
    ));
    let media = says(&cema(), &offered, &["a=msrp-cema", "a=setup:active"]);
    assert_eq!(media.target(), "192.0.2.99:2855");
}

/// What the offerer makes of an answer: where it connects, `""` for the path; `-` if it waits.
fn concluded(config: &Config, answer: &str) -> String {
    let offered = offering(config, &LARGE);
    let answer = sdp::parse(&Bytes::copy_from_slice(answer.as_bytes())).unwrap();
    match conclude(config, &offered, &answer) {
        Ok(Concluded::Again) => "again".to_owned(),
        Ok(Concluded::Agreed(media)) if !media.connect => {
            assert_eq!(media.target(), "");
            "-".to_owned()
        }
        Ok(Concluded::Agreed(media)) => text(&media.target()),
        Err(why) => format!("{why:?}"),
    }
}

#[test]
fn rfc_6714_4_2_row_by_row() {
    let same = "192.0.2.10:7654";
    let relay = "192.0.2.99:2855";
    let other = "198.51.100.7:5000";
    let named = "sbc.example.com:5000";
    // The answer's attributes, its place, with a relay or not, and what follows.
    for (attributes, place, relays, expected) in [
        // Nothing was changed.
        ("setup:passive", same, false, same),
        ("setup:passive msrp-cema", same, false, same),
        ("", same, false, same),
        ("setup:active", same, false, "-"),
        ("setup:active msrp-cema", same, false, "-"),
        // Somebody anchors, and the answerer knows.
        ("setup:passive msrp-cema", other, false, other),
        ("setup:active msrp-cema", other, false, "-"),
        ("setup:passive msrp-cema", other, true, other),
        // It does not know, but whoever connects goes to the right place.
        ("setup:passive", other, false, other),
        ("", other, false, other),
        // Criterion 1: it would connect to our path.
        ("setup:active", other, false, "again"),
        ("setup:active", other, true, "again"),
        // Criterion 3: it has a relay, which would connect to its path.
        ("setup:passive", other, true, "again"),
        ("", other, true, "again"),
        // There is no middlebox: the relay is where the path says.
        ("setup:passive", same, true, ""),
        ("setup:passive", relay, true, ""),
        ("setup:passive msrp-cema", relay, true, ""),
        ("setup:active", relay, true, "-"),
        // A name is no reason to do anything again.
        ("setup:passive", named, false, named),
        ("setup:active", named, false, "-"),
        ("setup:passive", named, true, ""),
        ("setup:passive msrp-cema", named, false, named),
    ] {
        let answer = with_place(&line(attributes), place);
        let answer = if relays { relayed(&answer) } else { answer };
        assert_eq!(
            concluded(&cema(), &answer),
            expected,
            "{attributes} {place} {relays}"
        );
    }
}

#[test]
fn who_did_not_ask_for_cema_goes_by_its_knob() {
    let answer = with_place(&line("setup:passive msrp-cema"), "198.51.100.7:5000");
    for (how, expected) in [
        (ConnectTo::Auto, ""),
        (ConnectTo::PathUri, ""),
        (ConnectTo::CmLine, "198.51.100.7:5000"),
    ] {
        assert_eq!(
            concluded(&with(|p| p.connect_to = how), &answer),
            expected,
            "{how:?}"
        );
    }
    let gateway = with(|p| p.connect_to = ConnectTo::CmLine);
    let offered = with_place(&line("setup:passive"), "198.51.100.7:5000");
    assert_eq!(says(&gateway, &offered, &[]).target(), "198.51.100.7:5000");
    // Its path may be anything then, but there must be a place.
    let hidden = offered.replace("192.0.2.10:7654", "192.0.2.10:9");
    assert_eq!(says(&gateway, &hidden, &[]).target(), "198.51.100.7:5000");
    let nowhere = hidden.replace("198.51.100.7", "0.0.0.0");
    refuses(&gateway, &nowhere, 488, Some(307));
    refuses(
        &gateway,
        &line("setup:passive").replace("192.0.2.10:7654", "192.0.2.10:9"),
        488,
        Some(307),
    );
}

#[test]
fn the_second_offer_does_without_cema() {
    let offered = offering(&cema(), &LARGE);
    let plain = without_cema(&offered, &mut BytesMut::new());
    let expected = text(&offered.sdp)
        .replace("a=msrp-cema\r\n", "")
        .replace("2890844526 2890844526", "2890844526 2890844527");
    assert_eq!(text(&plain.sdp), expected);
    assert!(!plain.cema);
    assert_eq!(
        (&plain.own, plain.id, plain.setup),
        (&offered.own, offered.id, offered.setup)
    );
    // Its answer is read as that of any offer.
    let answer = with_place(&line("setup:active"), "198.51.100.7:5000");
    let answer = sdp::parse(&Bytes::from(answer)).unwrap();
    let media = agreed(conclude(&cema(), &plain, &answer).unwrap());
    assert!(!media.connect);
}

/// Ours, behind a relay.
fn behind(setup_answer: SetupAnswer) -> Config {
    let mut config = cema();
    config.profile.setup_answer = setup_answer;
    config.route = "msrp://192.0.2.77:2855/u1;tcp msrp://192.0.2.88:2856/u2;tcp".to_owned();
    config
}

#[test]
fn rfc_6714_4_2_an_offerer_behind_a_relay_names_it() {
    let mut config = behind(SetupAnswer::Active);
    config.profile.setup_offer = SetupOffer::Active;
    let offered = offering(&config, &LARGE);
    let sdp = text(&offered.sdp);
    for line in [
        "c=IN IP4 192.0.2.88",
        "m=message 2856 TCP/MSRP *",
        "a=path:msrp://192.0.2.88:2856/u2;tcp msrp://192.0.2.77:2855/u1;tcp msrp://192.0.2.20:8888/aaaaaaaaaaaaaaaa;tcp",
        "a=setup:actpass",
        "a=msrp-cema",
    ] {
        assert!(sdp.contains(&format!("{line}\r\n")), "{line} in {sdp}");
    }
    assert_eq!(offered.setup, Some(Setup::Actpass));
    // Without CEMA these are the endpoint's own (RFC 4975 §8.1).
    config.profile.connect_to = ConnectTo::Auto;
    let sdp = text(&offering(&config, &LARGE).sdp);
    assert!(
        sdp.contains("c=IN IP4 192.0.2.20\r\n") && sdp.contains("m=message 9 "),
        "{sdp}"
    );
}

#[test]
fn rfc_6714_4_2_an_offerer_behind_a_relay_row_by_row() {
    let same = "192.0.2.10:7654";
    let other = "198.51.100.7:5000";
    for (attributes, place, expected) in [
        ("setup:passive", same, ""),
        ("setup:passive msrp-cema", other, ""),
        ("setup:active msrp-cema", other, "-"),
        ("setup:active", same, "-"),
        // Criteria 1 and 2.
        ("setup:active", other, "again"),
        ("setup:passive", other, "again"),
        ("", other, "again"),
        ("setup:passive", "sbc.example.com:5000", ""),
    ] {
        let answer = with_place(&line(attributes), place);
        let found = concluded(&behind(SetupAnswer::Active), &answer);
        assert_eq!(found, expected, "{attributes} {place}");
    }
}

#[test]
fn rfc_6714_4_3_an_answerer_behind_a_relay_row_by_row() {
    let other = "198.51.100.7:5000";
    let config = behind(SetupAnswer::Active);
    for (setup, relays, said, answered) in [
        ("setup:actpass", false, true, "passive"),
        ("setup:active", false, true, "passive"),
        ("", false, true, "passive"),
        // Criterion 3.
        ("setup:passive", false, false, "active"),
        // Criterion 1.
        ("setup:actpass", true, false, "active"),
        ("setup:active", true, false, "passive"),
    ] {
        let offered = with_place(&line(&format!("msrp-cema {setup}")), other);
        let offered = if relays { relayed(&offered) } else { offered };
        let media = says(&config, &offered, &[&format!("a=setup:{answered}")]);
        let (sdp, _) = accepted(&config, &offered);
        assert_eq!(
            sdp.contains("a=msrp-cema\r\n"),
            said,
            "{setup} {relays}: {sdp}"
        );
        assert_eq!(sdp.contains("m=message 2856 "), said, "{sdp}");
        // Whoever has a relay connects to it.
        assert_eq!(media.target(), "");
    }
    let gateway = Config {
        profile: with(|p| p.connect_to = ConnectTo::CmLine).profile,
        ..config
    };
    let offered = with_place(&line("setup:passive"), other);
    assert_eq!(says(&gateway, &offered, &[]).target(), "");
}
