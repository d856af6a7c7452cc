//! The committed seeds of the fuzzers, under plain `cargo test`.

use std::fs;
use std::path::Path;

#[path = "../../fuzz/checks/conference.rs"]
mod conference;
#[path = "../../fuzz/checks/cpim.rs"]
mod cpim;
#[path = "../../fuzz/checks/flaw.rs"]
mod flaw;
#[path = "../../fuzz/checks/lists.rs"]
mod lists;
#[path = "../../fuzz/checks/mime.rs"]
mod mime;
#[path = "../../fuzz/checks/msrp.rs"]
mod msrp;
#[path = "../../fuzz/checks/notices.rs"]
mod notices;
#[path = "../../fuzz/checks/sdp.rs"]
pub mod sdp;
#[path = "../../fuzz/checks/sip.rs"]
mod sip;
#[path = "../../fuzz/checks/uri.rs"]
mod uri;

fn replay(target: &str, check: impl Fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("fuzz/seeds")
        .join(target);
    let mut seeds: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|seed| seed.unwrap().path())
        .collect();
    seeds.sort();
    assert!(!seeds.is_empty());
    for seed in seeds {
        // Shown only if the check fails.
        println!("{}", seed.display());
        check(&fs::read(&seed).unwrap());
    }
}

#[test]
fn seeds_for_sip() {
    replay("sip", sip::check);
}

#[test]
fn seeds_for_msrp() {
    replay("msrp", msrp::check);
}

#[test]
fn seeds_for_uris() {
    replay("uri", uri::check);
}

#[test]
fn seeds_for_mime() {
    replay("mime", mime::check);
}

#[test]
fn seeds_for_lists() {
    replay("lists", lists::check);
}

#[test]
fn seeds_for_conferences() {
    replay("conference", conference::check);
}

#[test]
fn seeds_for_notices() {
    replay("notices", notices::check);
}

#[test]
fn seeds_for_cpim() {
    replay("cpim", cpim::check);
}

#[test]
fn seeds_for_sdp() {
    replay("sdp", sdp::check);
}

#[test]
fn seeds_for_programs() {
    replay("program", super::program::check);
}
