//! Conference documents, merged one after the other.
#![no_main]

#[path = "../checks/conference.rs"]
mod conference;
#[path = "../checks/flaw.rs"]
mod flaw;

libfuzzer_sys::fuzz_target!(|data: &[u8]| conference::check(data));
