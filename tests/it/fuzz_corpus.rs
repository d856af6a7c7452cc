//! The committed seeds of the fuzzers, under plain `cargo test`.

use std::fs;
use std::path::Path;

#[path = "../../fuzz/checks/msrp.rs"]
mod msrp;
#[path = "../../fuzz/checks/sip.rs"]
mod sip;

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
fn seeds_for_programs() {
    replay("program", super::program::check);
}
