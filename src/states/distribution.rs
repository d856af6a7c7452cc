//! A large message to many: the message at the focus, and one member of it.
#![allow(clippy::panic)]

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use super::super::State;
use super::*;
use crate::states::desk::{Desk, downs, flags, timers, troubles};
use crate::states::stage::{ANSWER, BOB, CAROL, DAVE, Stage};
use crate::states::states;
use crate::states::table::{Machine, Row, Subject};
use crate::{Continuation, Method, MsrpEvent};

states! { At {
    Awaited => "Awaited", "The originator has its 200, the members have been invited, the message is still to come.";
    Stored => "Stored", "The message is here, and goes out on every leg that is up.";
    Lost => "Lost", "It will not come, or not go further: legs are ended.";
    Done => "Done", "Every member has its outcome; the originator has a while to leave by itself.";
    Closed => "Closed", "Every leg is closed.";
} }

#[derive(Clone)]
struct Whole(Stage);

impl Subject for Whole {
    fn state(&self) -> &'static str {
        let at = match &self.0.machine.state {
            State::Large(conference) => match conference.message {
                Incoming::Awaited => At::Awaited,
                Incoming::Stored { .. } => At::Stored,
                Incoming::Lost => At::Lost,
                Incoming::Done => At::Done,
            },
            _ => At::Closed,
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
        At::Awaited => Stage::open(Method::Invite, BOB, 2)
            .after(|it| it.msrp(BOB, MsrpEvent::Up))
            .after(Stage::acknowledges)
            .after(|it| it.hear(CAROL, Method::Invite, 200, ANSWER))
            .after(|it| it.msrp(CAROL, MsrpEvent::Up)),
        At::Stored => scene(At::Awaited).after(|it| it.says("one", Continuation::Last)),
        At::Lost => scene(At::Awaited).after(|it| it.asks(Method::Bye)),
        At::Done => scene(At::Stored)
            .after(|it| it.hear(DAVE, Method::Invite, 486, ""))
            .after(|it| it.takes(CAROL, 200))
            .after(|it| it.hear(CAROL, Method::Bye, 200, "")),
        At::Closed => scene(At::Done).after(|it| it.asks(Method::Bye)),
    }
}

fn row(name: &str, run: impl Fn(&mut Stage) -> String + 'static) -> Row<Whole> {
    Row::new(name, move |it: &mut Whole| run(&mut it.0))
}

/// The rest of carol's leg, once she has her outcome.
fn carol_ends(it: &mut Stage) -> String {
    it.hear(CAROL, Method::Bye, 200, "")
}

pub(crate) fn distribution() -> Machine {
    let scenes: Vec<_> = At::ALL
        .iter()
        .map(|at| (at.name(), at.about(), Whole(scene(*at))))
        .collect();
    let mut originator: Vec<_> = flags()
        .map(|(name, flag)| {
            let drawn = match flag {
                Continuation::Last => "the message is here",
                Continuation::More => "SEND",
                Continuation::Abandoned => "it is abandoned",
            };
            row(&alloc::format!("SEND {name}"), move |it| {
                it.says("two", flag)
            })
            .drawn(drawn)
        })
        .into();
    originator.extend([
        row("BYE", |it| it.asks(Method::Bye))
            .because("CC-78, CC-80: before the message is here it ends everything; after that delivery goes on (CC-81)."),
        row("MESSAGE", |it| it.asks(Method::Message)).because("No chat: pages are not for distribution here."),
        row("CANCEL", |it| it.cancels()).because("CC-79: the 200 has been sent."),
    ]);
    originator.extend(downs().map(|(name, down)| {
        row(name, move |it| it.msrp(BOB, MsrpEvent::Down(down))).drawn("MSRP lost")
    }));
    let members = Vec::from([
        row("carol's leg fails", |it| {
            it.msrp(CAROL, MsrpEvent::Down(crate::Down::Lost));
            carol_ends(it)
        }),
        row("carol has it", |it| {
            it.takes(CAROL, 200);
            carol_ends(it)
        })
        .drawn("every member has an outcome"),
        row("dave declines", |it| it.hear(DAVE, Method::Invite, 486, "")),
        row("dave declines, carol's leg fails", |it| {
            it.hear(DAVE, Method::Invite, 486, "");
            it.msrp(CAROL, MsrpEvent::Down(crate::Down::Lost));
            carol_ends(it)
        })
        .drawn("every member has an outcome")
        .because("CC-87: nobody is left. If the message is not here, the originator need not go on, and hears why (DR-09)."),
        row("dave declines, carol has it", |it| {
            it.hear(DAVE, Method::Invite, 486, "");
            it.takes(CAROL, 200);
            carol_ends(it)
        })
        .drawn("every member has an outcome"),
    ]);
    let rows = timers().map(|timer| {
        Row::timer(timer, move |it: &mut Whole| {
            if it.0.desk.running.contains(&timer) {
                it.0.desk.fire(timer);
            }
            it.0.hand(BOB, Event::Timer(timer))
        })
    });
    Machine::new(
        "Distribution",
        ABOUT,
        &scenes,
        Vec::from([
            ("The originator", originator),
            ("The members", members),
            ("Timers of the originator's leg", rows.collect()),
            ("Commands", Vec::from([row("close", Stage::close)])),
        ]),
    )
    .begins("INVITE, and the checks", At::Awaited.name())
}

const ABOUT: &str = "\
A large message at the controlling function (`Conference` in `src/controlling/large.rs`): bob sends it, carol's leg is
up, dave's rings. What each leg does by itself is in the leg's table.";

states! { One {
    Inviting => "Inviting", "It has been invited and has not answered; the message is still to come.";
    Early => "Inviting · stored", "The same, and the message is here.";
    Answered => "Answered", "Its session is agreed on and bound; the message is still to come.";
    Unbound => "Answered · stored", "Its session is agreed on and not bound, and the message is here.";
    Sending => "Sending", "It is being sent the message.";
    Over => "Over", "Its outcome has been told; its leg is being closed.";
    Gone => "Gone", "Its leg is closed, its place free.";
} }

#[derive(Clone)]
struct Single(Stage);

impl Subject for Single {
    fn state(&self) -> &'static str {
        let State::Large(conference) = &self.0.machine.state else {
            panic!("bob does not leave");
        };
        let stored = match conference.message {
            Incoming::Awaited | Incoming::Lost | Incoming::Done => false,
            Incoming::Stored { .. } => true,
        };
        let member = conference
            .legs
            .first()
            .and_then(|slot| slot.member.as_ref());
        let at = match member.map(|member| member.progress) {
            Some(Progress::Inviting) if stored => One::Early,
            Some(Progress::Inviting) => One::Inviting,
            Some(Progress::Answered) if stored => One::Unbound,
            Some(Progress::Answered) => One::Answered,
            Some(Progress::Sending) => One::Sending,
            Some(Progress::Over(_)) => One::Over,
            None => One::Gone,
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

fn stage(at: One) -> Stage {
    let answers = |it: &mut Stage| it.hear(CAROL, Method::Invite, 200, ANSWER);
    let told = |it: &mut Stage| it.says("one", Continuation::Last);
    match at {
        One::Inviting => {
            Stage::open(Method::Invite, CAROL, 2).after(|it| it.msrp(BOB, MsrpEvent::Up))
        }
        One::Early => stage(One::Inviting).after(told),
        One::Answered => stage(One::Inviting)
            .after(answers)
            .after(|it| it.msrp(CAROL, MsrpEvent::Up)),
        One::Unbound => stage(One::Early).after(answers),
        One::Sending => stage(One::Answered).after(told),
        One::Over => stage(One::Sending).after(|it| it.takes(CAROL, 200)),
        One::Gone => stage(One::Over).after(carol_ends),
    }
}

const SMALL: &str = "v=0\r\no=- 1 1 IN IP4 192.0.2.30\r\ns=-\r\nc=IN IP4 192.0.2.30\r\nt=0 0\r\n\
    m=message 9999 TCP/MSRP *\r\na=path:msrp://192.0.2.30:9999/iau39soe2843z;tcp\r\na=setup:passive\r\n\
    a=accept-types:text/plain\r\na=max-size:1\r\na=recvonly\r\n";
const FOREIGN: &str = "v=0\r\no=- 1 1 IN IP4 192.0.2.30\r\ns=-\r\nc=IN IP4 192.0.2.30\r\nt=0 0\r\n\
    m=message 9999 TCP/MSRP *\r\na=path:msrp://192.0.2.30:9999/iau39soe2843z;tcp\r\na=setup:passive\r\n\
    a=accept-types:text/html\r\na=recvonly\r\n";
const REFUSED: &str = "v=0\r\no=- 1 1 IN IP4 192.0.2.30\r\ns=-\r\nc=IN IP4 192.0.2.30\r\nt=0 0\r\n\
    m=message 0 TCP/MSRP *\r\na=path:msrp://192.0.2.30:9999/iau39soe2843z;tcp\r\na=accept-types:*\r\n";

pub(crate) fn member() -> Machine {
    let scenes: Vec<_> = One::ALL
        .iter()
        .map(|at| (at.name(), at.about(), Single(stage(*at))))
        .collect();
    let row = |name: &str, run: fn(&mut Stage) -> String| {
        Row::new(name, move |it: &mut Single| run(&mut it.0))
    };
    let mut responses = Vec::from([
        row("1xx", |it| it.hear(CAROL, Method::Invite, 180, "")),
        row("2xx", |it| it.hear(CAROL, Method::Invite, 200, ANSWER)),
        row("2xx, port 0", |it| {
            it.hear(CAROL, Method::Invite, 200, REFUSED)
        })
        .drawn("2xx that will not do")
        .because("CC-83: that leg alone is ended."),
        row("2xx, too small a max-size", |it| {
            it.hear(CAROL, Method::Invite, 200, SMALL)
        })
        .drawn("2xx that will not do")
        .because("CC-84: known when the message is here."),
        row("2xx, another type", |it| {
            it.hear(CAROL, Method::Invite, 200, FOREIGN)
        })
        .drawn("2xx that will not do")
        .because("CC-84: known when the message is here."),
        row("a refusal", |it| it.hear(CAROL, Method::Invite, 486, "")),
    ]);
    responses.extend(troubles().map(|(name, why)| {
        Row::new(name, move |it: &mut Single| {
            it.0.fails(CAROL, Method::Invite, why)
        })
        .drawn("no response")
    }));
    let mut session = Vec::from([
        row("bound", |it| it.msrp(CAROL, MsrpEvent::Up)),
        row("written", |it| {
            it.msrp(CAROL, MsrpEvent::Written(crate::ChunkId(2)))
        }),
        row("200 to a chunk", |it| it.takes(CAROL, 200)).drawn("all octets taken"),
        row("413 to a chunk", |it| it.takes(CAROL, 413))
            .drawn("failed")
            .because("CC-86."),
        row("BYE", |it| it.member_asks(CAROL, Method::Bye)),
        row("response to our BYE", carol_ends),
        row("MESSAGE", |it| it.member_asks(CAROL, Method::Message)),
    ]);
    session.extend(downs().map(|(name, down)| {
        Row::new(name, move |it: &mut Single| {
            it.0.msrp(CAROL, MsrpEvent::Down(down))
        })
        .drawn("failed")
    }));
    let rows = timers().map(|timer| {
        Row::timer(timer, move |it: &mut Single| {
            if it.0.desk.running.contains(&timer) {
                it.0.desk.fire(timer);
            }
            it.0.hand(CAROL, Event::Timer(timer))
        })
    });
    let bob = Vec::from([
        row("the message is here", |it| {
            it.says("one", Continuation::Last)
        })
        .because("CC-85: each leg has it at its own pace, from one store."),
        row("it is abandoned", |it| {
            it.says("one", Continuation::Abandoned)
        }),
        row("the originator leaves", |it| it.asks(Method::Bye)),
        row("close", Stage::close),
    ]);
    Machine::new(
        "Distribution, one member",
        ABOUT_MEMBER,
        &scenes,
        Vec::from([
            ("Responses to its INVITE", responses),
            ("Its session", session),
            ("Its timers", rows.collect()),
            ("What becomes of the message", bob),
        ]),
    )
    .begins("its turn comes", One::Inviting.name())
}

const ABOUT_MEMBER: &str = "\
Carol's part in it (`Member` in `src/controlling/large.rs`), from her turn in the window to the end of her leg. What
happens on bob's leg is written with his name.";
