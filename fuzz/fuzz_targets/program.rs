//! Programs of events for the three roles.
#![no_main]

#[path = "../../tests/sim/program.rs"]
mod program;

libfuzzer_sys::fuzz_target!(|data: &[u8]| program::check(data));
