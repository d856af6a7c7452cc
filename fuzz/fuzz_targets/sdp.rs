//! Session descriptions: read, asked for everything, written again.
#![no_main]

#[path = "../checks/sdp.rs"]
mod sdp;

libfuzzer_sys::fuzz_target!(|data: &[u8]| sdp::check(data));
