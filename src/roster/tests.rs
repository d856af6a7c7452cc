//! Members and recipients, case by case.

#![allow(clippy::unwrap_used)]

extern crate std;

use alloc::format;
use std::string::ToString;

use super::*;

fn list(entries: &[(&str, Option<CopyControl>, bool)]) -> Vec<Entry> {
    let entry = |(uri, copy, anonymize): &(&str, Option<CopyControl>, bool)| Entry {
        uri: Uri::copy(uri).unwrap(),
        copy: *copy,
        anonymize: *anonymize,
    };
    entries.iter().map(entry).collect()
}

fn check(profile: &Profile, uris: &[&str], expected: &[&str]) {
    let uri = |text: &str| Uri::copy(text).unwrap();
    let (alice, phone) = (uri("sip:alice@example.com"), uri("tel:+15550100"));
    let factory = uri("sip:factory@im.example.com");
    let entries = uris.iter().map(|text| Entry::from(uri(text)));
    let members = effective(entries, &[&alice, &phone], &[&factory], profile);
    let found: Vec<_> = members
        .iter()
        .map(|member| member.uri.to_string())
        .collect();
    assert_eq!(found, expected);
}

#[test]
fn the_order_is_kept() {
    let uris = ["sip:c@h", "sip:a@h", "tel:+1", "sip:b@h"];
    check(&Profile::default(), &uris, &uris);
    check(&Profile::default(), &[], &[]);
}

#[test]
fn cc_72_our_own_uris_are_dropped() {
    check(
        &Profile::default(),
        &["sip:factory@IM.example.com", "sip:a@h"],
        &["sip:a@h"],
    );
}

#[test]
fn cc_73_the_originator_is_dropped_under_all_its_names_unless_it_wants_a_copy() {
    let uris = ["sip:alice@Example.com", "sip:a@h", "tel:+15550100"];
    check(&Profile::default(), &uris, &["sip:a@h"]);
    let profile = Profile {
        echo_to_originator: true,
        ..Profile::default()
    };
    check(&profile, &uris, &uris);
}

#[test]
fn cc_74_duplicates_are_one_member_and_a_port_makes_another_unless_the_knob_says_no() {
    let uris = [
        "sip:a@h",
        "SIP:a@H",
        "sip:A@h",
        "sip:a@h:5060",
        "sip:a@h:5061",
        "sips:b@h:5061",
        "sips:b@h",
    ];
    let apart = [
        "sip:a@h",
        "sip:A@h",
        "sip:a@h:5060",
        "sip:a@h:5061",
        "sips:b@h:5061",
        "sips:b@h",
    ];
    check(&Profile::default(), &uris, &apart);
    let profile = Profile {
        dedupe_default_port: true,
        ..Profile::default()
    };
    check(
        &profile,
        &uris,
        &["sip:a@h", "sip:A@h", "sip:a@h:5061", "sips:b@h:5061"],
    );
    let spoken = [
        "sip:[::1]:5060;x=1",
        "sip:[::1];x=1",
        "sip:[::5060]",
        "sip:a@h?X=:5060",
    ];
    check(
        &profile,
        &spoken,
        &["sip:[::1]:5060;x=1", "sip:[::5060]", "sip:a@h?X=:5060"],
    );
}

#[test]
fn the_strongest_copy_control_stays_and_so_does_anonymity() {
    let (to, cc, bcc) = (
        Some(CopyControl::To),
        Some(CopyControl::Cc),
        Some(CopyControl::Bcc),
    );
    let entries = list(&[
        ("sip:a@h", bcc, false),
        ("sip:b@h", None, true),
        ("sip:a@h", to, false),
        ("sip:b@h", cc, false),
        ("sip:a@h", cc, false),
    ]);
    let members = effective(entries, &[], &[], &Profile::default());
    assert_eq!(
        members,
        list(&[("sip:a@h", to, false), ("sip:b@h", cc, true)])
    );
}

#[test]
fn a_hundred_thousand_members_are_reduced_in_one_go() {
    let entries =
        (0..100_000).map(|n| Entry::from(Uri::copy(&format!("sip:{}@h", n % 60_000)).unwrap()));
    assert_eq!(
        effective(entries, &[], &[], &Profile::default()).len(),
        60_000
    );
}
