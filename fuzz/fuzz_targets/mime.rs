//! MIME bodies: split, asked and joined again.
#![no_main]

#[path = "../checks/flaw.rs"]
mod flaw;
#[path = "../checks/mime.rs"]
mod mime;

libfuzzer_sys::fuzz_target!(|data: &[u8]| mime::check(data));
