//! An MSRP session and its connection.
#![allow(clippy::panic, clippy::unwrap_used)]

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use super::*;
use crate::offer::{self, Concluded, Direction, Wanted};
use crate::states::desk::{Desk, downs, timers};
use crate::states::peer::Peer;
use crate::states::states;
use crate::states::table::{Machine, Row, Subject};
use crate::{Method, MsrpTxn, SendHead};

states! { At {
    Offered => "Offered", "Its description has left, or is about to; nobody has connected.";
    Early => "Offered · bound", "The peer has bound it before its answer was here.";
    Connecting => "Awaited · we connect", "Offer and answer agree: our connection is to be made.";
    Listening => "Awaited · the peer connects", "Offer and answer agree: the binding SEND of the peer is to come.";
    Up => "Up", "It is bound: octets may flow.";
    Down => "Down", "The connection is gone, or never came.";
} }

#[derive(Clone)]
struct Scene {
    session: Session,
    desk: Desk,
}

impl Subject for Scene {
    fn state(&self) -> &'static str {
        let connects = self.session.media.as_ref().map(|media| media.connect);
        let at = match (self.session.link, connects) {
            (Link::Awaited, None) => At::Offered,
            (Link::Up, None) => At::Early,
            (Link::Awaited, Some(true)) => At::Connecting,
            (Link::Awaited, Some(false)) => At::Listening,
            (Link::Up, Some(_)) => At::Up,
            (Link::Down, _) => At::Down,
        };
        at.name()
    }

    fn desk(&self) -> &Desk {
        &self.desk
    }

    fn machine(&self) -> &dyn fmt::Debug {
        &self.session
    }
}

fn scene(at: At) -> Scene {
    match at {
        At::Offered => {
            let mut desk = Desk::new();
            let session = desk.call(|cx| {
                let id = cx.mint().id;
                Session::offered(
                    id,
                    Bytes::from_static(b"msrp://192.0.2.10:7654/ours;tcp"),
                    cx,
                )
            });
            Scene { session, desk }
        }
        At::Early => scene(At::Offered).after(|it| it.hand(MsrpEvent::Up)),
        At::Connecting => scene(At::Offered).after(|it| it.agrees("passive")),
        At::Listening => scene(At::Offered).after(|it| it.agrees("active")),
        At::Up => scene(At::Connecting).after(|it| it.hand(MsrpEvent::Up)),
        At::Down => scene(At::Up).after(|it| it.hand(MsrpEvent::Down(Down::Lost))),
    }
}

impl Scene {
    fn after(mut self, event: impl FnOnce(&mut Self) -> String) -> Self {
        event(&mut self);
        self
    }

    fn hand(&mut self, event: MsrpEvent<'_>) -> String {
        said(self.desk.call(|cx| self.session.handle(event, cx)))
    }

    /// The answer is there, and this is the peer's part in making the connection.
    fn agrees(&mut self, setup: &str) -> String {
        let answer = format!(
            "v=0\r\no=bob 1 1 IN IP4 192.0.2.20\r\ns=-\r\nc=IN IP4 192.0.2.20\r\nt=0 0\r\n\
             m=message 8888 TCP/MSRP *\r\na=path:msrp://192.0.2.20:8888/theirs;tcp\r\n\
             a=setup:{setup}\r\na=accept-types:*\r\n"
        );
        let response = Peer::stranger().response(200, (Method::Invite, 1), "", &answer);
        let part = response.body.description_part().unwrap();
        let answer = part.unwrap().sdp().unwrap();
        self.desk.call(|cx| {
            let wanted = Wanted {
                direction: Direction::SendRecv,
                accept_types: "text/plain",
                ..Wanted::default()
            };
            let offered = offer::offer(cx.config, cx.mint(), &wanted, cx.scratch());
            let concluded = offer::conclude(cx.config, &offered, &answer);
            let Ok(Concluded::Agreed(media)) = concluded else {
                panic!("{concluded:?}");
            };
            let wait = cx.config.limits.bind;
            self.session
                .agree(media, Keep::ForUser { most: 100 }, wait, cx);
        });
        String::new()
    }

    fn sends(&mut self) -> String {
        let letter = Letter {
            size: Some(6),
            mime: Bytes::from_static(b"Content-Type: text/plain\r\n"),
            success: false,
            failure: FailureReport::Yes,
        };
        said(self.desk.call(|cx| self.session.send(letter, cx)))
    }

    fn fires(&mut self, timer: Timer) -> String {
        if self.desk.running.contains(&timer) {
            self.desk.fire(timer);
        }
        said(self.desk.call(|cx| self.session.timer(timer, cx)))
    }
}

/// What a session says, in a word or two.
pub(crate) fn said(news: Upcall) -> String {
    match news {
        Upcall::Nothing => String::new(),
        Upcall::Up => "Up".into(),
        Upcall::Wants(..) => "Wants".into(),
        Upcall::Taken(_) => "Taken".into(),
        Upcall::Confirmed(_) => "Confirmed".into(),
        Upcall::Failed(_, why) => format!("Failed: {why:?}"),
        Upcall::Begun { .. } => "Begun".into(),
        Upcall::Received(_) => "Received".into(),
        Upcall::Incomplete => "Incomplete".into(),
        Upcall::Lost(why) => format!("Lost: {why:?}"),
    }
}

pub(crate) fn machine() -> Machine {
    let scenes: Vec<_> = At::ALL
        .iter()
        .map(|at| (at.name(), at.about(), scene(*at)))
        .collect();
    let row = |name: &str, run: fn(&mut Scene) -> String| Row::new(name, run);
    let mut link = Vec::from([
        row("bound", |it| it.hand(MsrpEvent::Up))
            .because("RFC 4975 §5.4, CC-58: who connects sends at once, a request without body if there is nothing to say."),
        row("bound, with a message to send", |it| {
            it.sends();
            it.hand(MsrpEvent::Up)
        })
        .drawn("bound")
        .counted(),
        row("written", |it| it.hand(MsrpEvent::Written(crate::ChunkId(1)))),
    ]);
    link.extend(downs().map(|(name, down)| {
        Row::new(name, move |it: &mut Scene| it.hand(MsrpEvent::Down(down)))
            .drawn("lost")
            .because(
                "CC-49, CC-50. A connection that came before the answer and broke may come anew.",
            )
    }));
    let rows = timers().map(|timer| Row::timer(timer, move |it: &mut Scene| it.fires(timer)));
    let traffic = Vec::from([
        row("a SEND of the peer's", |it| {
            let message = format!("m{}", it.desk.done.len());
            let head = SendHead {
                message: &message,
                range: crate::ByteRange { start: 1, end: None, total: None },
                success: false,
                failure: FailureReport::Yes,
                content_type: Some("text/plain"),
                mime: "Content-Type: text/plain\r\n",
            };
            let mut said = Vec::from([it.hand(MsrpEvent::Send(MsrpTxn(1), &head))]);
            said.push(it.hand(MsrpEvent::Octets(&Bytes::from_static(b"hi"))));
            said.push(it.hand(MsrpEvent::End(Continuation::Last)));
            said.retain(|said| !said.is_empty());
            said.join(", ")
        })
        .because("CC-118: what comes once we have said what we take counts, whether the ACK is there or not."),
        row("a message of ours", Scene::sends).counted(),
    ]);
    let agreed = Vec::from([
        row("agreed, and we connect", |it| {
            if it.session.media.is_none() {
                it.agrees("passive")
            } else {
                String::new()
            }
        })
        .drawn("agreed"),
        row("agreed, and the peer connects", |it| {
            if it.session.media.is_none() {
                it.agrees("active")
            } else {
                String::new()
            }
        })
        .drawn("agreed"),
    ]);
    Machine::new(
        "MSRP session",
        ABOUT,
        &scenes,
        Vec::from([
            ("Offer and answer", agreed),
            ("The connection", link),
            ("Timers", rows.collect()),
            ("Traffic", traffic),
        ]),
    )
    .begins("we offer, or answer", At::Offered.name())
}

const ABOUT: &str = "\
One session from its offer to its end, and the connection that it is bound to (`Session` in `src/msrp/session.rs`). What
it sends and receives has tables of its own. Whoever holds it ends it, whatever its state: `release`.";
