//! Disposition notifications and is-composing indications.
#![no_main]

#[path = "../checks/flaw.rs"]
mod flaw;
#[path = "../checks/notices.rs"]
mod notices;

libfuzzer_sys::fuzz_target!(|data: &[u8]| notices::check(data));
