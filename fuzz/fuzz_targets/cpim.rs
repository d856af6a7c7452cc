//! Messages with headers that travel from end to end.
#![no_main]

#[path = "../checks/cpim.rs"]
mod cpim;
#[path = "../checks/flaw.rs"]
mod flaw;

libfuzzer_sys::fuzz_target!(|data: &[u8]| cpim::check(data));
