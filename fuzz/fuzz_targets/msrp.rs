//! MSRP streams, however they are cut.
#![no_main]

#[path = "../checks/msrp.rs"]
mod msrp;

libfuzzer_sys::fuzz_target!(|data: &[u8]| msrp::check(data));
