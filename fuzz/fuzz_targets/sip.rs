//! SIP messages: what is read, asked and written again.
#![no_main]

#[path = "../checks/sip.rs"]
mod sip;

libfuzzer_sys::fuzz_target!(|data: &[u8]| sip::check(data));
