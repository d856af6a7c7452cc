//! Everything that is tested from outside, in one binary.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::collapsible_match,
    clippy::duplicate_mod,
    unreachable_pub
)]

mod rig;
#[path = "../sim/mod.rs"]
mod sim;

mod conformance;
mod controlling;
mod driver;
mod fuzz_corpus;
mod models;
mod msrp;
mod msrp_connection;
mod msrp_relay;
mod options;
mod originating;
mod prack;
mod program;
mod replaces;
mod second;
mod terminating;
mod transcripts;
mod wire_conference;
mod wire_cpim;
mod wire_lists;
mod wire_mime;
mod wire_msrp;
mod wire_sdp;
mod wire_sip;
mod wire_xml;
