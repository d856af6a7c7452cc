//! URI-lists, and what recipients may know of each other.
#![no_main]

#[path = "../checks/flaw.rs"]
mod flaw;
#[path = "../checks/lists.rs"]
mod lists;

libfuzzer_sys::fuzz_target!(|data: &[u8]| lists::check(data));
