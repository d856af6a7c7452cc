//! `docs/states.md`: what each machine does in each state with each event, found out by trying.
//!
//! A machine's file in `states/` has a list of its states and one of its events. For every pair a machine
//! is put into the state by a short script, the event is handed to it, and what it did and where it is
//! then make the cell. Nothing is written by hand but names and footnotes.
//!
//! A new state, timer, method or event does not compile until its list knows it: the lists are made by
//! [`states!`] and [`all!`], whose matches have no wildcard. Then `BLESS=1 cargo test --lib states` writes
//! the page.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

extern crate std;

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use std::{env, fs, path::Path};

pub(crate) mod desk;
pub(crate) mod peer;
pub(crate) mod stage;
pub(crate) mod table;

/// The states of a machine, each with its name and what it means.
macro_rules! states {
    ($name:ident { $($variant:ident => $label:literal, $about:literal;)* }) => {
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        enum $name { $($variant),* }

        impl $name {
            const ALL: &'static [Self] = &[$(Self::$variant),*];

            const fn name(self) -> &'static str {
                match self { $(Self::$variant => $label),* }
            }

            const fn about(self) -> &'static str {
                match self { $(Self::$variant => $about),* }
            }
        }
    };
}
pub(crate) use states;

/// One value of each kind that an enum has: `all!(Enum { pattern => value, ... })`. A kind without a
/// value does not compile.
macro_rules! all {
    ($kind:ty { $($pattern:pat => $value:expr),* $(,)? }) => {{
        let _known = |it: &$kind| match it { $($pattern => {}),* };
        [$($value),*]
    }};
}
pub(crate) use all;

#[test]
fn the_page_says_what_the_machines_do() {
    let machines = [
        crate::leg::states::machine(),
        crate::refresh::states::timer(),
        crate::refresh::states::proposal(),
        crate::msrp::session(),
        crate::msrp::sent(),
        crate::msrp::received(),
        crate::msrp::connection(),
        crate::msrp::endpoint(),
        crate::msrp::relayed(),
        crate::page::states::client(),
        crate::page::states::server(),
        crate::wire::msrp::states(),
        crate::originating::states::machine(),
        crate::terminating::states::machine(),
        crate::controlling::machine(),
        crate::controlling::copies(),
        crate::controlling::distribution(),
        crate::controlling::member(),
    ];
    let mut page = String::from(HEAD);
    for machine in &machines {
        let anchor = machine
            .title
            .to_lowercase()
            .replace(' ', "-")
            .replace(',', "");
        page += &format!("* [{}](#{anchor})\n", machine.title);
    }
    for machine in &machines {
        page += &machine.to_string();
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/states.md");
    if env::var_os("BLESS").is_some() {
        fs::write(&path, page).unwrap();
        return;
    }
    let written = fs::read_to_string(&path).unwrap_or_default();
    let changed: Vec<String> = page
        .lines()
        .filter(|line| !written.lines().any(|other| other == *line))
        .map(String::from)
        .collect();
    assert!(
        written == page,
        "docs/states.md says something else; BLESS=1 writes it. New lines:\n{}",
        changed.join("\n")
    );
}

const HEAD: &str = "\
# States

What each machine does in each state with each event. This page is generated: `src/states.rs` puts a machine
into each state, hands it each event and writes down what it did. `cargo test` fails when the page says
something else; `BLESS=1 cargo test --lib states` writes it anew, and the difference is reviewed like code.

How to read a cell: what the machine does, in order, then *what it says* to its parent, then the **state** in
which it is afterwards, if that is another one. A dash: nothing, and it stays as it is. Numbers are statuses of
answers, words in capitals are requests. `+Ring` starts a timer, `−Ring` stops it; a timer that the next state does
not have is stopped on the way without a word, or else \"runs on\". `listen` and `connect` get the driver ready for
an MSRP session, `release` gives that back. States and events that behave alike share a column or a row.

A new state, timer, method or event does not compile until `src/states/` knows it: add it to the list of its
machine, with the script that leads there or brings it about, and write the page anew.

";
