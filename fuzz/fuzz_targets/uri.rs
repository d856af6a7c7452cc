//! URIs and names with one: compared, taken apart, formed.
#![no_main]

#[path = "../checks/flaw.rs"]
mod flaw;
#[path = "../checks/uri.rs"]
mod uri;

libfuzzer_sys::fuzz_target!(|data: &[u8]| uri::check(data));
