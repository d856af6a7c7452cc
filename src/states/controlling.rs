//! The controlling function in each state.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use super::super::State;
use super::*;
use crate::states::desk::{Desk, answers, methods, timers};
use crate::states::stage::{ACCESS, BOB, Stage};
use crate::states::table::{Machine, Row, Subject};
use crate::states::{all, states};
use crate::{AskId, Event, Timer};

states! { At {
    Idle => "Idle", "It waits for its one request.";
    List => "Checking · a list", "The INVITE has its recipients with it; the host is asked about its originator.";
    Group => "Checking · a group", "The MESSAGE is for a group; the host is asked about the group and the originator.";
    Members => "Checking · its members", "The host is asked who the members of the group are.";
    Paging => "Paging", "The page has its 202, and goes out member by member.";
    Large => "Large", "The INVITE has its 200, and every member has a leg.";
    Closed => "Closed", "Nothing more will happen.";
} }

#[derive(Clone)]
struct Scene(Stage);

impl Subject for Scene {
    fn state(&self) -> &'static str {
        let at = match &self.0.machine.state {
            State::Idle => At::Idle,
            State::Checking { case, .. } => match (case.awaits, case.target) {
                (Awaits::Access, Target::List) => At::List,
                (Awaits::Access, Target::Group) => At::Group,
                (Awaits::Members, _) => At::Members,
            },
            State::Paging(_) => At::Paging,
            State::Large(_) => At::Large,
            State::Closed => At::Closed,
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

fn scene(at: At) -> Stage {
    match at {
        At::Idle => Stage::idle(BOB, 2),
        At::List => scene(At::Idle).after(|it| it.requests_list(Method::Invite)),
        At::Group => scene(At::Idle).after(|it| it.requests(Method::Message, "")),
        At::Members => scene(At::Group).after(|it| it.answers(ACCESS)),
        At::Paging => scene(At::Members).after(Stage::lists_members),
        At::Large => scene(At::List).after(|it| it.answers(ACCESS)),
        At::Closed => scene(At::Group).after(Stage::close),
    }
}

fn row(name: impl Into<String>, run: impl Fn(&mut Stage) -> String + 'static) -> Row<Scene> {
    Row::new(name, move |it: &mut Scene| run(&mut it.0))
}

/// What the host knows of bob and the group.
fn access(exists: bool, allowed: bool, anonymity: bool) -> Answer<'static> {
    Answer::Access(Access {
        exists,
        allowed,
        anonymity,
    })
}

pub(crate) fn machine() -> Machine {
    let scenes: Vec<_> = At::ALL
        .iter()
        .map(|at| (at.name(), at.about(), Scene(scene(*at))))
        .collect();
    let mut requests = Vec::from([
        row("MESSAGE to a group", |it| it.requests(Method::Message, "")),
        row("INVITE to a group", |it| it.requests(Method::Invite, "")),
        row("MESSAGE with a list", |it| {
            it.requests_list(Method::Message)
        }),
        row("INVITE with a list", |it| it.requests_list(Method::Invite)),
        row("MESSAGE for another service", |it| {
            it.request(Method::Message, "Content-Type: text/plain\r\n", "hi")
        })
        .because("CC-95."),
        row("MESSAGE with an unknown Require", |it| {
            it.requests(Method::Message, "Require: nothing-we-know\r\n")
        }),
    ]);
    let others = methods().filter(|method| {
        // ACK and CANCEL are events of their own.
        !matches!(
            method,
            Method::Message | Method::Invite | Method::Ack | Method::Cancel
        )
    });
    requests.extend(others.map(|method| {
        let name = match method {
            Method::Other => "another method",
            method => method.as_str(),
        };
        row(name, move |it| it.requests(method, "")).drawn("another request")
    }));
    let mut known: Vec<_> = answers()
        .into_iter()
        // An empty group is told apart below.
        .filter(|(_, answer)| !matches!(answer, Answer::Access(_) | Answer::Members(_)))
        .map(|(name, answer)| row(name, move |it| it.answers(answer)).drawn("refused"))
        .collect();
    known.extend([
        row("access", |it| it.answers(ACCESS)),
        row("access, no such group", |it| {
            it.answers(access(false, true, true))
        })
        .because("A list is no group that could be missing."),
        row("access, not for this originator", |it| {
            it.answers(access(true, false, true))
        })
        .drawn("refused"),
        row("access, not for the anonymous", |it| {
            it.answers(access(true, true, false))
        })
        .drawn("access")
        .because("CF-PM-04. This originator gives its name."),
        row("members", Stage::lists_members),
        row("members: nobody", |it| it.answers(Answer::Members(Ok(&[]))))
            .drawn("refused")
            .because("CC-88."),
    ]);
    known.extend(
        all!(LookupError {
            LookupError::NotFound => ("members: not found", LookupError::NotFound),
            LookupError::Forbidden => ("members: forbidden", LookupError::Forbidden),
            LookupError::Unavailable => ("members: unavailable", LookupError::Unavailable),
        })
        .map(|(name, why)| {
            row(name, move |it| it.answers(Answer::Members(Err(why)))).drawn("refused")
        }),
    );
    known.push(row("about another question", |it| {
        it.hand(BOB, Event::Answer(AskId(99), ACCESS))
    }));
    let ends = Vec::from([
        row("CANCEL", Stage::cancels)
            .because("CC-77. Only an INVITE can be cancelled (RFC 3261 §9.1): the driver hands on no other CANCEL."),
        row("CANCEL of something else", |it| {
            let (cancel, invite) = (ServerTxn(9), ServerTxn(8));
            it.hand(BOB, Event::Cancel { cancel, invite })
        }),
        row("close", Stage::close),
    ]);
    let clock = timers().map(|timer| {
        Row::timer(timer, move |it: &mut Scene| {
            if it.0.desk.running.contains(&timer) {
                it.0.desk.fire(timer);
            }
            it.0.hand(BOB, Event::Timer(timer))
        })
        .drawn(if timer == Timer::Lookup {
            "no answer"
        } else {
            ""
        })
    });
    Machine::new(
        "Controlling function",
        ABOUT,
        &scenes,
        Vec::from([
            ("Requests", requests),
            ("Answers of the host", known),
            ("Timers", clock.collect()),
            ("The end", ends),
        ]),
    )
    .begins("new", At::Idle.name())
}

const ABOUT: &str = "\
It distributes one message (`src/controlling.rs`); the checks and their order are in `src/controlling/check.rs`. What
becomes of each member, and of the legs of a large message, is in the tables below.";
