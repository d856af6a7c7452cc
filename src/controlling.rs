//! The controlling function: checks a request to a list or a group, asks who the members are, and
//! distributes the message.

mod check;
mod large;
mod pager;

use alloc::boxed::Box;

use check::{Case, Step};
use large::Conference;
use pager::Fanout;

use crate::leg::{Refused, end_stray};
use crate::{Action, AskId, Context, Event, LegId, Machine, Notice, Timer};

pub(crate) use crate::compose::Speaker;
#[cfg(test)]
pub(crate) use {
    check::states::machine,
    large::states::{distribution, member},
    pager::states::machine as copies,
};

/// Distributes one message.
///
/// It checks the request that it is made for, in order, and asks the host who the originator and the
/// members are; a page then goes out as one MESSAGE a member, at most so many at a time, a large message on
/// one leg a member. `docs/states.md` has its table.
#[derive(Clone, Debug, Default)]
pub struct Controlling {
    state: State,
    asked: u32,
}

#[derive(Clone, Debug, Default)]
enum State {
    #[default]
    Idle,
    /// The host is looking something up.
    Checking {
        case: Case,
        ask: AskId,
    },
    Paging(Fanout),
    Large(Box<Conference>),
    Closed,
}

impl State {
    fn paging(fanout: Fanout) -> Self {
        if fanout.is_done() {
            Self::Closed
        } else {
            Self::Paging(fanout)
        }
    }

    fn large(conference: Box<Conference>) -> Self {
        if conference.is_done() {
            Self::Closed
        } else {
            Self::Large(conference)
        }
    }
}

impl Controlling {
    /// A controlling function that waits for one request.
    pub fn new() -> Self {
        Self::default()
    }

    /// Performs what the checks have come to.
    fn after(&mut self, step: Step, cx: &mut Context<'_>) -> State {
        match step {
            Step::Ask(question, case) => {
                self.asked = self.asked.wrapping_add(1);
                let ask = AskId(self.asked);
                cx.act(Action::Ask(ask, question));
                cx.start(Timer::Lookup, cx.config.limits.lookup);
                State::Checking { case, ask }
            }
            Step::NotForUs(txn) => {
                cx.act(Action::Tell(Notice::NotForUs(txn)));
                State::Closed
            }
            Step::Refuse(txn, refused) => {
                refuse(txn, refused, cx);
                State::Closed
            }
            Step::Answered => State::Closed,
            Step::Page(fanout) => open_pages(fanout, cx),
            Step::Large(conference) => open_legs(conference, cx),
        }
    }
}

impl Machine for Controlling {
    fn handle(&mut self, leg: LegId, event: Event<'_>, cx: &mut Context<'_>) {
        self.state = match (core::mem::take(&mut self.state), event) {
            (State::Idle, Event::Request(txn, request)) => {
                let step = check::arrive(txn, request, cx);
                self.after(step, cx)
            }
            (State::Checking { case, ask }, Event::Answer(id, answer)) if id == ask => {
                cx.stop(Timer::Lookup);
                let step = case.answer(answer, cx);
                self.after(step, cx)
            }
            (State::Checking { case, .. }, Event::Cancel { cancel, invite })
                if invite == case.txn() =>
            {
                cx.stop(Timer::Lookup);
                accept_cancel(cancel, cx);
                refuse(invite, Refused::plain(487), cx);
                State::Closed
            }
            (State::Checking { case, .. }, Event::Timer(Timer::Lookup)) => {
                refuse(case.txn(), check::unavailable(), cx);
                State::Closed
            }
            (State::Paging(mut fanout), event) => {
                fanout.handle(leg, event, cx);
                State::paging(fanout)
            }
            (State::Large(mut conference), event) => {
                conference.handle(leg, event, cx);
                State::large(conference)
            }
            (state @ (State::Idle | State::Checking { .. } | State::Closed), event) => {
                stranger(event, cx);
                state
            }
        };
    }

    fn close(&mut self, cx: &mut Context<'_>) {
        self.state = match core::mem::take(&mut self.state) {
            State::Idle | State::Closed => State::Closed,
            State::Checking { case, .. } => {
                cx.stop(Timer::Lookup);
                refuse(case.txn(), Refused::plain(480), cx);
                State::Closed
            }
            State::Paging(mut fanout) => {
                fanout.close(cx);
                State::paging(fanout)
            }
            State::Large(mut conference) => {
                conference.close(cx);
                State::large(conference)
            }
        };
    }

    fn is_closed(&self) -> bool {
        matches!(self.state, State::Closed)
    }

    fn held(&self, leg: LegId) -> u64 {
        match &self.state {
            State::Large(conference) if leg == LegId::FIRST => conference.held(),
            _ => 0,
        }
    }
}

/// What reaches nobody: requests are refused, a late 2xx is ended (CC-82).
fn stranger(event: Event<'_>, cx: &mut Context<'_>) {
    match event {
        Event::Request(txn, _) | Event::Cancel { cancel: txn, .. } => {
            refuse(txn, Refused::plain(481), cx);
        }
        Event::Response(_, response) => end_stray(response, cx),
        _ => {}
    }
}

/// The smallest batch that is kept to: more than one step pushes, and the continuation.
const LEAST_BATCH: usize = 32;

/// Whether so many more actions fit into this call, and the start of the continuation after them.
fn has_room(actions: usize, cx: &Context<'_>) -> bool {
    cx.pushed() + actions < cx.config.limits.batch.max(LEAST_BATCH)
}

fn open_pages(mut fanout: Fanout, cx: &mut Context<'_>) -> State {
    fanout.begin(cx);
    State::paging(fanout)
}

fn open_legs(mut conference: Conference, cx: &mut Context<'_>) -> State {
    conference.begin(cx);
    State::Large(Box::new(conference))
}

/// The controlling function as a user agent server, outside a conference.
const SERVER: Speaker = Speaker::Focus(crate::Token::new([0; 3]));

fn refuse(txn: crate::ServerTxn, refused: Refused<'_>, cx: &mut Context<'_>) {
    let tag = cx.tag();
    refused.respond(txn, tag, SERVER, cx);
}

fn accept_cancel(cancel: crate::ServerTxn, cx: &mut Context<'_>) {
    refuse(cancel, Refused::plain(200), cx);
}
