//! The terminating client in each state.
#![allow(clippy::panic)]

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use bytes::Bytes;

use super::*;
use crate::states::desk::{Desk, answers, downs, flags, timers};
use crate::states::peer::{OFFER, Peer, send_head};
use crate::states::states;
use crate::states::table::{self, Row, Subject};
use crate::{Continuation, MsrpEvent, MsrpTxn};

states! { At {
    Idle => "Idle", "It waits for a stranger's request.";
    Paged => "Paged", "A page waits for the application.";
    Matching => "Matching", "An invitation wants to replace a dialog: which one is that?";
    Asked => "Asked", "An invitation waits for the application.";
    Receiving => "Receiving", "The session is there, or ends.";
    Closed => "Closed", "Nothing more will happen.";
} }

#[derive(Clone)]
struct Scene {
    machine: Terminating,
    desk: Desk,
    bob: Peer,
}

impl Subject for Scene {
    fn state(&self) -> &'static str {
        let at = match &self.machine.state {
            State::Idle => At::Idle,
            State::Paged => At::Paged,
            State::Matching(_) => At::Matching,
            State::Asked { .. } => At::Asked,
            State::Receiving { .. } => At::Receiving,
            State::Closed => At::Closed,
        };
        at.name()
    }

    fn desk(&self) -> &Desk {
        &self.desk
    }

    fn machine(&self) -> &dyn fmt::Debug {
        &self.machine
    }
}

fn scene(at: At) -> Scene {
    match at {
        At::Idle => Scene {
            machine: Terminating::new(),
            desk: Desk::new(),
            bob: Peer::stranger(),
        },
        At::Paged => scene(At::Idle).after(|it| it.pages(TEXT)),
        At::Matching => scene(At::Idle).after(|it| it.invites(INSTEAD, OFFER)),
        At::Asked => scene(At::Idle).after(|it| it.invites(LARGE, OFFER)),
        At::Receiving => scene(At::Asked)
            .after(|it| it.answers(AskId(1), Answer::Accept))
            .after(|it| it.hand(Event::Msrp(MsrpEvent::Up)))
            .after(Scene::acknowledges),
        At::Closed => scene(At::Paged).after(|it| it.answers(AskId(1), Answer::Accept)),
    }
}

const TEXT: &str = "Content-Type: text/plain\r\n";
const LARGE: &str = "Contact: <sip:bob@pc9.example.com>;+g.oma.sip-im.large-message\r\n";
const INSTEAD: &str = "Contact: <sip:bob@pc9.example.com>;+g.oma.sip-im.large-message\r\n\
    Replaces: a;to-tag=0123456789abcdef;from-tag=c\r\n";
const INVITE: ServerTxn = ServerTxn(1);

impl Scene {
    fn after(mut self, event: impl FnOnce(&mut Self) -> String) -> Self {
        event(&mut self);
        self
    }

    fn hand(&mut self, event: Event<'_>) -> String {
        self.desk
            .call(|cx| self.machine.handle(LegId::FIRST, event, cx));
        if self.bob.ours.is_empty() {
            self.bob.ours = self.desk.opened().unwrap_or_default();
        }
        String::new()
    }

    /// A request of a stranger's.
    fn begins(&mut self, method: Method, lines: &str, body: &str) -> String {
        let mut stranger = Peer::stranger();
        let request = stranger.request(method, lines, body);
        self.bob.cseq = self.bob.cseq.max(1);
        self.hand(Event::Request(INVITE, &request))
    }

    fn pages(&mut self, lines: &str) -> String {
        self.begins(Method::Message, lines, "hi")
    }

    fn invites(&mut self, lines: &str, offer: &str) -> String {
        self.begins(Method::Invite, lines, offer)
    }

    /// A request in the dialog, if there is one.
    fn asks(&mut self, method: Method, lines: &str, body: &str) -> String {
        if self.bob.ours.is_empty() {
            self.bob.ours = "0123456789abcdef".into();
        }
        let request = self.bob.request(method, lines, body);
        self.hand(Event::Request(ServerTxn(9), &request))
    }

    fn acknowledges(&mut self) -> String {
        self.bob.cseq = 0;
        let ack = self.bob.request(Method::Ack, "", "");
        self.hand(Event::Ack(&ack))
    }

    fn answers(&mut self, ask: AskId, answer: Answer<'_>) -> String {
        self.hand(Event::Answer(ask, answer))
    }

    fn sends(&mut self, flag: Continuation) -> String {
        let message = format!("m{}", self.desk.done.len());
        self.hand(Event::Msrp(MsrpEvent::Send(
            MsrpTxn(1),
            &send_head(&message),
        )));
        self.hand(Event::Msrp(MsrpEvent::Octets(&Bytes::from_static(b"hi"))));
        self.hand(Event::Msrp(MsrpEvent::End(flag)))
    }
}

pub(crate) fn machine() -> table::Machine {
    let scenes: Vec<_> = At::ALL
        .iter()
        .map(|at| (at.name(), at.about(), scene(*at)))
        .collect();
    let row = |name: &str, run: fn(&mut Scene) -> String| Row::new(name, run);
    let strangers = Vec::from([
        row("a MESSAGE", |it| it.pages(TEXT)).drawn("MESSAGE"),
        row("a MESSAGE of a type that we do not take", |it| {
            it.pages("Content-Type: video/mpeg\r\n")
        })
        .drawn("a request that will not do"),
        row("an INVITE that announces a large message", |it| {
            it.invites(LARGE, OFFER)
        })
        .drawn("INVITE"),
        row("an INVITE that wants to replace a dialog", |it| {
            it.invites(INSTEAD, OFFER)
        })
        .drawn("INVITE with Replaces")
        .because("RFC 3891 §3."),
        row("an INVITE to a chat", |it| {
            it.invites("", &OFFER.replace("sendonly", "sendrecv"))
        })
        .drawn("a request that will not do")
        .because("Chats and files come with features of their own."),
        row("an INVITE without an offer", |it| it.invites(LARGE, ""))
            .drawn("a request that will not do"),
        row("an INVITE with an unknown Require", |it| {
            it.invites("Require: nothing-we-know\r\n", OFFER)
        })
        .drawn("a request that will not do"),
        row("another method", |it| it.begins(Method::Subscribe, "", ""))
            .drawn("a request that will not do"),
    ]);
    let dialog = Vec::from([
        row("ACK", Scene::acknowledges),
        row("CANCEL of the INVITE", |it| {
            it.hand(Event::Cancel {
                cancel: ServerTxn(9),
                invite: INVITE,
            })
        })
        .drawn("CANCEL")
        .because("CC-110, CC-111."),
        row("BYE", |it| it.asks(Method::Bye, "", "")),
        row("MESSAGE in the dialog", |it| {
            it.asks(Method::Message, TEXT, "hi")
        })
        .because("CC-40."),
    ]);
    let known = answers().into_iter().flat_map(|(name, answer)| {
        let drawn = if matches!(answer, Answer::Accept) {
            "accept"
        } else {
            "refuse"
        };
        [
            (name, AskId(1), drawn),
            ("about another question", AskId(99), ""),
        ]
        .map(|(name, ask, drawn)| {
            Row::new(name, move |it: &mut Scene| it.answers(ask, answer)).drawn(drawn)
        })
    });
    let mut session: Vec<_> = flags()
        .map(|(name, flag)| Row::new(format!("SEND {name}"), move |it: &mut Scene| it.sends(flag)))
        .into();
    session.extend(downs().map(|(name, down)| {
        Row::new(name, move |it: &mut Scene| {
            it.hand(Event::Msrp(MsrpEvent::Down(down)))
        })
    }));
    let clock = timers().map(|timer| {
        Row::timer(timer, move |it: &mut Scene| {
            if it.desk.running.contains(&timer) {
                it.desk.fire(timer);
            }
            it.hand(Event::Timer(timer))
        })
    });
    table::Machine::new(
        "Terminating client",
        ABOUT,
        &scenes,
        Vec::from([
            ("A stranger's request", strangers),
            ("Requests of the peer", dialog),
            ("Answers of the application", known.collect()),
            ("The MSRP session", session),
            ("Timers", clock.collect()),
            (
                "Commands",
                Vec::from([row("close", |it| {
                    it.desk.call(|cx| it.machine.close(cx));
                    String::new()
                })]),
            ),
        ]),
    )
    .begins("new", At::Idle.name())
}

const ABOUT: &str = "\
It receives one page or one large message (`src/terminating.rs`). What its pages and its leg do by themselves is in their
tables.";

#[path = "inbox.rs"]
mod inbox;
