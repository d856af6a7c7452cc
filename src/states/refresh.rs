//! The session timer in each state, with each 2xx.
#![allow(clippy::unwrap_used, clippy::panic)]

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use super::*;
use crate::Method;
use crate::states::desk::Desk;
use crate::states::peer::Peer;
use crate::states::table::{Machine, Row, Subject};
use crate::states::{all, states};

states! { At {
    Off => "Off", "The session does not expire.";
    Ours => "We refresh", "It expires, and we refresh it.";
    Theirs => "The peer refreshes", "It expires, and the peer refreshes it: we watch.";
} }

#[derive(Clone)]
struct Scene {
    refresh: Refresh,
    desk: Desk,
}

impl Subject for Scene {
    fn state(&self) -> &'static str {
        let at = match self.refresh {
            Refresh::Off => At::Off,
            Refresh::On { ours: true } => At::Ours,
            Refresh::On { ours: false } => At::Theirs,
        };
        at.name()
    }

    fn desk(&self) -> &Desk {
        &self.desk
    }

    fn machine(&self) -> &dyn fmt::Debug {
        &self.refresh
    }
}

impl Scene {
    fn new(at: At) -> Self {
        let mut scene = Self {
            refresh: Refresh::Off,
            desk: Desk::new().exact(),
        };
        match at {
            At::Off => {}
            At::Ours => drop(scene.agree(1800, Some(Refresher::Uac), Refresher::Uac)),
            At::Theirs => drop(scene.agree(1800, Some(Refresher::Uas), Refresher::Uac)),
        }
        scene
    }

    fn agree(&mut self, seconds: u32, refresher: Option<Refresher>, mine: Refresher) -> String {
        let granted = Some(SessionExpires { seconds, refresher });
        self.desk.call(|cx| self.refresh.agree(granted, mine, cx));
        String::new()
    }
}

pub(crate) fn timer() -> Machine {
    let scenes: Vec<_> = At::ALL
        .iter()
        .map(|at| (at.name(), at.about(), Scene::new(*at)))
        .collect();
    Machine::new(
        "Session timer",
        ABOUT,
        &scenes,
        Vec::from([
            (
                "A 2xx to our INVITE, re-INVITE or UPDATE",
                agreed(Refresher::Uac),
            ),
            ("Our 2xx to one of the peer's", agreed(Refresher::Uas)),
            (
                "The end of the session",
                Vec::from([Row::new("stop", |scene: &mut Scene| {
                    scene.desk.call(|cx| scene.refresh.stop(cx));
                    String::new()
                })]),
            ),
        ]),
    )
}

const ABOUT: &str = "\
When an established session is refreshed and when it is given up (RFC 4028, `src/refresh.rs`). Whoever refreshes it
does so after half the interval; whoever watches gives it up a third of the interval, at most 32 s, before its end.
The refresher is named relative to the transaction that the 2xx belongs to (CC-20).";

fn agreed(mine: Refresher) -> Vec<Row<Scene>> {
    let row = move |seconds, refresher, name: &'static str| {
        Row::new(
            format!("`Session-Expires: {seconds}{name}`"),
            move |scene: &mut Scene| scene.agree(seconds, refresher, mine),
        )
    };
    let none = Row::new("without Session-Expires", move |scene: &mut Scene| {
        scene.desk.call(|cx| scene.refresh.agree(None, mine, cx));
        String::new()
    });
    let ask = mine == Refresher::Uac;
    let [we, they] = if ask {
        ["we refresh", "the peer refreshes"]
    } else {
        ["the peer refreshes", "we refresh"]
    };
    let mut rows = all!(Refresher {
        Refresher::Uac => row(1800, Some(Refresher::Uac), ";refresher=uac").drawn(we),
        Refresher::Uas => row(1800, Some(Refresher::Uas), ";refresher=uas").drawn(they),
    })
    .into_iter()
    .collect::<Vec<_>>();
    rows.push(
        none.drawn("no timer")
            .because("D-13: without Session-Expires the session does not expire."),
    );
    if ask {
        rows.extend([
            row(1800, None, "").drawn(we).because(
                "D-13: a peer without the timer names nobody, so that the caller refreshes.",
            ),
            row(90, Some(Refresher::Uac), ";refresher=uac").drawn(we),
            row(60, Some(Refresher::Uac), ";refresher=uac")
                .drawn(we)
                .because(
                    "CC-19: honoured as it is, but for less than 2 s, which would be a storm.",
                ),
            row(0, Some(Refresher::Uac), ";refresher=uac")
                .drawn(we)
                .because(
                    "CC-19: honoured as it is, but for less than 2 s, which would be a storm.",
                ),
            row(u32::MAX, Some(Refresher::Uac), ";refresher=uac").drawn(we),
        ]);
    }
    rows
}

states! { Asked {
    First => "Asking", "We ask for what the profile wants.";
    Once => "Refused once", "We have heard 422, and ask for what it named.";
    Twice => "Refused twice", "The same, once more.";
    Thrice => "Refused three times", "The same, for the last time.";
    GivenUp => "Given up", "The peer is impossible to satisfy.";
} }

/// What is asked for; `None` when it is given up.
#[derive(Clone)]
struct Asking {
    ask: Option<Proposal>,
    desk: Desk,
}

impl Subject for Asking {
    fn state(&self) -> &'static str {
        let at = match self.ask.map(|ask| ask.refused) {
            Some(0) => Asked::First,
            Some(1) => Asked::Once,
            Some(2) => Asked::Twice,
            Some(3) => Asked::Thrice,
            Some(more) => panic!("refused {more} times"),
            None => Asked::GivenUp,
        };
        at.name()
    }

    fn desk(&self) -> &Desk {
        &self.desk
    }

    fn machine(&self) -> &dyn fmt::Debug {
        &self.ask
    }
}

impl Asking {
    fn new(at: Asked) -> Self {
        let mut desk = Desk::new();
        let first = desk.call(|cx| Proposal::first(cx));
        let mut asking = Self {
            ask: Some(first),
            desk,
        };
        let refusals = match at {
            Asked::First => 0,
            Asked::Once => 1,
            Asked::Twice => 2,
            Asked::Thrice => 3,
            Asked::GivenUp => 4,
        };
        for _ in 0..refusals {
            asking.refused(|asked| Some(asked + 600));
        }
        asking
    }

    /// 422 with this Min-SE.
    fn refused(&mut self, min_se: impl Fn(u32) -> Option<u32>) -> String {
        self.changed(|ask| {
            let line = min_se(ask.seconds()).map(|least| format!("Min-SE: {least}\r\n"));
            let lines = line.unwrap_or_default();
            let response = Peer::stranger().response(422, (Method::Invite, 1), &lines, "");
            ask.after_422(&response.head)
        })
    }

    fn changed(&mut self, change: impl FnOnce(Proposal) -> Option<Proposal>) -> String {
        let Some(before) = self.ask else {
            return String::new();
        };
        self.ask = change(before);
        let said = |ask: Proposal| match ask.min_se() {
            None => format!("{} s", ask.seconds()),
            Some(least) => format!("{} s, Min-SE {least}", ask.seconds()),
        };
        self.ask
            .filter(|ask| said(*ask) != said(before))
            .map_or(String::new(), said)
    }
}

pub(crate) fn proposal() -> Machine {
    let scenes: Vec<_> = Asked::ALL
        .iter()
        .map(|at| (at.name(), at.about(), Asking::new(*at)))
        .collect();
    let row = |name: &str, change: fn(Proposal) -> Option<Proposal>| {
        Row::new(name, move |asking: &mut Asking| asking.changed(change))
    };
    let refused = |name: &str, min_se: fn(u32) -> Option<u32>| {
        Row::new(name, move |asking: &mut Asking| asking.refused(min_se))
    };
    Machine::new(
        "Session interval",
        ABOUT_ASKING,
        &scenes,
        Vec::from([
            (
                "422",
                Vec::from([
                    refused("Min-SE 600 s larger", |asked| Some(asked + 600))
                        .drawn("larger Min-SE"),
                    refused("Min-SE the same", Some)
                        .drawn("no larger Min-SE")
                        .because("CC-18: no loop."),
                    refused("Min-SE smaller", |_| Some(90))
                        .drawn("no larger Min-SE")
                        .because("CC-18: no loop."),
                    refused("no Min-SE", |_| None)
                        .drawn("no larger Min-SE")
                        .because("CC-18: no loop."),
                ]),
            ),
            (
                "News",
                Vec::from([
                    row("a 2xx grants 900 s", |ask| Some(ask.granted(900))).drawn("2xx"),
                    row("the dialog is there", |ask| Some(ask.within()))
                        .drawn("2xx")
                        .because("RFC 4028 §7.4: what the way there cost is forgotten."),
                    row("a request of the peer's with Min-SE 7200", |ask| {
                        Some(ask.least(Some(7200)))
                    }),
                    row("a request of the peer's without Min-SE", |ask| {
                        Some(ask.least(None))
                    }),
                ]),
            ),
        ]),
    )
}

const ABOUT_ASKING: &str = "\
What we ask for in the next INVITE or refresh (`Proposal` in `src/refresh.rs`). The cells show the new interval and the
Min-SE that goes with it.";
