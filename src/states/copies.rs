//! One member's copy of a page that goes to many.
#![allow(clippy::indexing_slicing)]

use alloc::vec::Vec;
use core::fmt;

use super::*;
use crate::Method;
use crate::states::desk::{Desk, timers, troubles};
use crate::states::stage::{CAROL, DAVE, Stage};
use crate::states::states;
use crate::states::table::{Machine, Row, Subject};

states! { At {
    Waiting => "Waiting", "Its turn has not come: the window is full.";
    Sent => "Sent", "It has been sent its copy, and holds a place of the window.";
    Slow => "Slow", "It has answered provisionally or too slowly: others go on.";
    Done => "Done", "Its outcome has been told.";
} }

#[derive(Clone)]
struct Scene(Stage, LegId);

impl Subject for Scene {
    fn state(&self) -> &'static str {
        let place = self.1.slot() as usize - 1;
        let super::super::State::Paging(fanout) = &self.0.machine.state else {
            return At::Done.name();
        };
        let at = match fanout.members[place].1 {
            Progress::Waiting => At::Waiting,
            Progress::Sent => At::Sent,
            Progress::Slow => At::Slow,
            Progress::Done => At::Done,
        };
        at.name()
    }

    fn desk(&self) -> &Desk {
        &self.0.desk
    }

    fn machine(&self) -> &dyn fmt::Debug {
        &self.0.machine
    }
}

/// With a window of one, dave waits for carol.
fn scene(at: At) -> Scene {
    let open = |about| Stage::open(Method::Message, about, 1);
    match at {
        At::Waiting => Scene(open(DAVE), DAVE),
        At::Sent => Scene(open(CAROL), CAROL),
        At::Slow => Scene(
            open(CAROL).after(|it| it.hear(CAROL, Method::Message, 100, "")),
            CAROL,
        ),
        At::Done => Scene(
            open(CAROL).after(|it| it.hear(CAROL, Method::Message, 200, "")),
            CAROL,
        ),
    }
}

pub(crate) fn machine() -> Machine {
    let scenes: Vec<_> = At::ALL
        .iter()
        .map(|at| (at.name(), at.about(), scene(*at)))
        .collect();
    let heard = |name: &str, status| {
        Row::new(name, move |it: &mut Scene| {
            it.0.hear(it.1, Method::Message, status, "")
        })
    };
    let mut responses = Vec::from([
        heard("1xx", 100).because(
            "Its place of the window is free, and the next member has its turn (seam 17).",
        ),
        heard("200", 200).drawn("final response"),
        heard("202", 202).drawn("final response"),
        heard("4xx", 404)
            .drawn("final response")
            .because("CC-76: the originator hears nothing of it."),
    ]);
    responses.extend(troubles().map(|(name, why)| {
        Row::new(name, move |it: &mut Scene| {
            it.0.fails(it.1, Method::Message, why)
        })
        .drawn("no response")
    }));
    let rows = timers().map(|timer| {
        Row::timer(timer, move |it: &mut Scene| {
            if it.0.desk.running.contains(&timer) {
                it.0.desk.fire(timer);
            }
            it.0.hand(it.1, Event::Timer(timer))
        })
    });
    let others = Vec::from([
        Row::new("the member before is done", |it: &mut Scene| {
            if it.1 == DAVE {
                it.0.hear(CAROL, Method::Message, 200, "")
            } else {
                Default::default()
            }
        }),
        Row::new("close", |it: &mut Scene| it.0.close())
            .because("A copy that is out cannot be taken back."),
    ]);
    Machine::new(
        "Page to many, one member",
        ABOUT,
        &scenes,
        Vec::from([
            ("Responses to its copy", responses),
            ("Timers", rows.collect()),
            ("The rest", others),
        ]),
    )
    .begins("202 to the originator", At::Waiting.name())
}

const ABOUT: &str = "\
What becomes of one member when the controlling function copies a page (`Fanout` in `src/controlling/pager.rs`). The
window is one member wide here; dave comes after carol.";
