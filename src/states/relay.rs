//! The client of a relay.
#![allow(clippy::unwrap_used, clippy::panic)]

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;

use super::*;
use crate::states::desk::Desk;
use crate::states::states;
use crate::states::table::{Machine, Row, Subject};
use crate::wire::msrp::{Decoder, Piece, write_answer};

states! { At {
    Idle => "Idle", "Nothing has been asked for.";
    Connecting => "Connecting", "The connection to the first relay is to be made.";
    Awaiting => "Awaiting", "An AUTH without credentials is out.";
    Asking => "Asking", "The host is asked for credentials.";
    Shown => "Awaiting · credentials", "An AUTH with credentials is out, made for the relay's last challenge.";
    Granted => "Granted", "There is a path.";
    AskingAnew => "Asking · anew", "The same while there is a path still, which is asked for anew before its end.";
    AwaitingAnew => "Awaiting · anew", "The same; the credentials are made for a challenge of before.";
    Over => "Over", "There is no path.";
} }

#[derive(Clone)]
struct Scene {
    relay: Relay,
    desk: Desk,
    drawn: u64,
    txn: Tag,
    ask: AskId,
    done: Vec<Action>,
}

struct Count<'a>(&'a mut u64);

impl Entropy for Count<'_> {
    fn draw(&mut self) -> u64 {
        *self.0 += 1;
        *self.0
    }
}

impl Subject for Scene {
    fn state(&self) -> &'static str {
        let at = match (&self.relay.state, self.relay.granted) {
            (State::Idle, _) => At::Idle,
            (State::Connecting, _) => At::Connecting,
            (State::Awaiting(..), true) => At::AwaitingAnew,
            (State::Awaiting(_, super::Shown::Nothing), false) => At::Awaiting,
            (State::Awaiting(_, super::Shown::Credentials(..)), false) => At::Shown,
            (State::Asking(..), true) => At::AskingAnew,
            (State::Asking(..), false) => At::Asking,
            (State::Granted, _) => At::Granted,
            (State::Closed, _) => At::Over,
        };
        at.name()
    }

    fn desk(&self) -> &Desk {
        &self.desk
    }

    fn machine(&self) -> &dyn fmt::Debug {
        &self.relay
    }
}

const CHALLENGE: &str = "WWW-Authenticate: Digest realm=\"r\", nonce=\"n\", qop=\"auth\"\r\n";
const STALE: &str =
    "WWW-Authenticate: Digest realm=\"r\", nonce=\"m\", stale=true, qop=\"auth\"\r\n";
const PATH: &str = "Use-Path: msrps://r.example.com:9000/x;tcp\r\nExpires: 600\r\n";

impl Scene {
    fn at(at: At) -> Self {
        let begun = |at| Self::at(at);
        match at {
            At::Idle => {
                let desk = Desk::new();
                let own = "msrps://alice.example.com:9892/x;tcp";
                let relay = Relay::new("msrps://r.example.com;tcp", own, None, &desk.config);
                Self {
                    relay: relay.unwrap(),
                    desk,
                    drawn: 0,
                    txn: Tag(0),
                    ask: AskId(0),
                    done: Vec::new(),
                }
            }
            At::Connecting => begun(At::Idle).after(Self::open),
            At::Awaiting => begun(At::Connecting).after(|it| it.hear(Event::Connected)),
            At::Asking => begun(At::Awaiting).after(|it| it.answer(401, CHALLENGE)),
            At::Shown => begun(At::Asking).after(Self::log_in),
            At::Granted => begun(At::Shown).after(|it| it.answer(200, PATH)),
            At::AskingAnew => begun(At::Granted).after(|it| it.hear(Event::Timer)),
            At::AwaitingAnew => begun(At::AskingAnew).after(Self::log_in),
            At::Over => begun(At::Granted).after(Self::release),
        }
    }

    fn after(mut self, event: impl FnOnce(&mut Self) -> String) -> Self {
        event(&mut self);
        self
    }

    fn did(&mut self, actions: Vec<Action>) -> String {
        self.done.extend(actions.iter().cloned());
        let said = actions.into_iter().map(|action| match action {
            Action::Connect => "connect".to_string(),
            Action::Send(txn, request) => {
                self.txn = txn;
                let with = request.windows(14).any(|part| part == b"Authorization:");
                format!("AUTH{}", if with { " with credentials" } else { "" })
            }
            Action::Ask(ask, _) => {
                self.ask = ask;
                "ask".to_string()
            }
            Action::StartTimer(_) => "+timer".to_string(),
            Action::StopTimer => "−timer".to_string(),
            Action::Granted(_) => "granted".to_string(),
            Action::Closed(why) => match why {
                Why::Refused(status) => format!("closed: {status}"),
                why => format!("closed: {why:?}"),
            },
        });
        said.collect::<Vec<_>>().join(", ")
    }

    fn open(&mut self) -> String {
        let mut actions = Vec::new();
        self.relay.open(&self.desk.config, &mut actions);
        self.did(actions)
    }

    fn release(&mut self) -> String {
        let mut actions = Vec::new();
        self.relay.release(&mut actions);
        self.did(actions)
    }

    fn hear(&mut self, event: Event<'_>) -> String {
        let mut actions = Vec::new();
        let (config, dice) = (&self.desk.config, &mut Count(&mut self.drawn));
        self.relay.handle(event, config, dice, &mut actions);
        self.did(actions)
    }

    fn answer(&mut self, status: u16, lines: &str) -> String {
        self.answer_to(self.txn, status, lines)
    }

    fn answer_to(&mut self, txn: Tag, status: u16, lines: &str) -> String {
        let mut text = BytesMut::new();
        let path = b"msrps://r.example.com;tcp";
        write_answer(
            &mut text,
            &txn.to_string(),
            status,
            path,
            path,
            lines.as_bytes(),
        );
        let Ok(Some(Piece::Head(head))) = Decoder::default().next(&mut text) else {
            panic!("no response");
        };
        self.hear(Event::Response(&head))
    }

    fn log_in(&mut self) -> String {
        let login = Login {
            challenge: 0,
            username: "alice",
            response: "66",
        };
        self.hear(Event::Answer(self.ask, Some(login)))
    }
}

pub(crate) fn machine() -> Machine {
    let scenes: Vec<_> = At::ALL
        .iter()
        .map(|at| (at.name(), at.about(), Scene::at(*at)))
        .collect();
    let answered = |name: &str, status: u16, lines: &'static str| {
        Row::new(name, move |it: &mut Scene| it.answer(status, lines))
    };
    let down = |name: &str, down| {
        Row::new(name, move |it: &mut Scene| it.hear(Event::Down(down))).drawn("connection lost")
    };
    Machine::new(
        "Relay, client",
        ABOUT,
        &scenes,
        Vec::from([
            (
                "The connection",
                Vec::from([
                    Row::new("connected", |it: &mut Scene| it.hear(Event::Connected)),
                    down("unreachable", Down::Unreachable),
                    down("lost", Down::Lost).because("RFC 4976 §6.3: the path is invalid with it."),
                ]),
            ),
            (
                "Responses to the AUTH",
                Vec::from([
                    answered("200 with a path", 200, PATH).drawn("200"),
                    answered("200 without", 200, "").drawn("no use"),
                    answered("401", 401, CHALLENGE)
                        .because("An old nonce may be refused without a word of that: credentials for it are not yet wrong."),
                    answered("401, stale", 401, STALE).drawn("401"),
                    answered("401 that cannot be met", 401, "").drawn("no use"),
                    answered("423 with a bound", 423, "Max-Expires: 300\r\n").drawn("423"),
                    answered("423 without", 423, "").drawn("no use"),
                    answered("408", 408, "")
                        .drawn("408")
                        .because("As often as there may be requests for one path."),
                    answered("403", 403, "").drawn("refused"),
                    answered("481", 481, "").drawn("refused"),
                    Row::new("to another request", |it: &mut Scene| {
                        it.answer_to(Tag(u64::MAX), 200, PATH)
                    }),
                ]),
            ),
            (
                "The host",
                Vec::from([
                    Row::new("credentials", Scene::log_in),
                    Row::new("none", |it: &mut Scene| it.hear(Event::Answer(it.ask, None)))
                        .drawn("no credentials"),
                    Row::new("to another question", |it: &mut Scene| {
                        it.hear(Event::Answer(AskId(u32::MAX), None))
                    }),
                ]),
            ),
            (
                "The rest",
                Vec::from([
                    Row::new("timer", |it: &mut Scene| it.hear(Event::Timer)).because(
                        "While a path is asked for anew, one timer runs until the old one is over.",
                    ),
                    Row::new("open", Scene::open),
                    Row::new("release", Scene::release),
                ]),
            ),
        ]),
    )
    .begins("a route is configured", At::Idle.name())
}

const ABOUT: &str = "\
How a path through relays is got and kept (RFC 4976, `src/msrp/relay.rs`). There is one relay here; with several, a
200 of all but the last is followed by an AUTH to the next. What it does is done by its driver, which is asked for it
in actions of their own. Its one timer is the driver's, too: it runs in every state but idle, over, and
granted where the relay did not say for how long.";

#[path = "paths.rs"]
mod paths;
