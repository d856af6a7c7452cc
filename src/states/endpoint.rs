//! An MSRP endpoint without SIP, in each state.
#![allow(clippy::unwrap_used)]

use alloc::format;
use alloc::string::{String, ToString};
use core::fmt;

use super::*;
use crate::states::desk::{Desk, downs, timers};
use crate::states::peer::{ANSWER, OFFER, report_head, send_head};
use crate::states::states;
use crate::states::table::{self, Row, Subject};
use crate::{ChunkId, Continuation, FailureReport, MsrpEvent, MsrpTxn};

states! { At {
    Idle => "Idle", "There is no session: none yet, or its connection is gone.";
    Offered => "Offered", "The peer may connect; we do not know its path.";
    Open => "Open", "Both sides know each other; nobody has bound the session.";
    Bound => "Open · bound", "Messages flow.";
    Reporting => "Open · report awaited", "The same, and the peer has not confirmed a message of ours that it has.";
    Closed => "Closed", "Nothing more will happen.";
} }

#[derive(Clone)]
struct Scene {
    machine: Endpoint,
    desk: Desk,
}

impl Subject for Scene {
    fn state(&self) -> &'static str {
        let at = match &self.machine.state {
            State::Idle(..) => At::Idle,
            State::Offered(..) => At::Offered,
            State::Open(session) if !session.is_up() => At::Open,
            State::Open(_) if self.machine.unconfirmed.is_empty() => At::Bound,
            State::Open(_) => At::Reporting,
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
        At::Idle => {
            let mut desk = Desk::new();
            desk.config.account.accept_types = "text/plain".into();
            Scene {
                machine: Endpoint::new(),
                desk,
            }
        }
        At::Offered => scene(At::Idle).after(Scene::offers),
        At::Open => scene(At::Offered).after(|it| it.concludes(ANSWER)),
        At::Bound => scene(At::Open).after(|it| it.msrp(MsrpEvent::Up)),
        At::Reporting => scene(At::Bound).after(Scene::delivers),
        At::Closed => scene(At::Bound).after(Scene::closes),
    }
}

impl Scene {
    fn after(mut self, event: impl FnOnce(&mut Self) -> String) -> Self {
        event(&mut self);
        self
    }

    /// A command, and why it is not carried out.
    fn does<T, E: fmt::Debug>(
        &mut self,
        run: impl FnOnce(&mut Endpoint, &mut Context<'_>) -> Result<T, E>,
    ) -> String {
        self.desk.about = self.machine.leg();
        let result = self.desk.call(|cx| run(&mut self.machine, cx));
        result.err().map_or(String::new(), |why| format!("{why:?}"))
    }

    fn hand(&mut self, event: Event<'_>) -> String {
        self.does(|machine, cx| {
            machine.handle(machine.leg(), event, cx);
            Ok::<(), ()>(())
        })
    }

    fn msrp(&mut self, event: MsrpEvent<'_>) -> String {
        self.hand(Event::Msrp(event))
    }

    fn offers(&mut self) -> String {
        self.does(|machine, cx| machine.offer(cx))
    }

    fn concludes(&mut self, answer: &str) -> String {
        let answer = answer.replace("recvonly", "sendrecv");
        self.does(|machine, cx| machine.conclude(Bytes::from(answer), cx))
    }

    fn closes(&mut self) -> String {
        self.does(|machine, cx| {
            machine.close(cx);
            Ok::<(), ()>(())
        })
    }

    fn sends(&mut self) -> String {
        let mut letter = Letter::new("text/plain", Some(2));
        letter.success = true;
        letter.failure = FailureReport::Yes;
        self.does(|machine, cx| machine.send(letter, cx))
    }

    /// A message of ours, to the last response.
    fn delivers(&mut self) -> String {
        self.sends();
        let wanted = self
            .desk
            .done
            .iter()
            .rev()
            .find_map(|(_, action)| match action {
                Action::Tell(Notice::Wanted { message, .. }) => Some(*message),
                _ => None,
            });
        let message = wanted.unwrap_or(MessageId(0));
        self.does(|machine, cx| machine.supply(message, Bytes::from_static(b"hi"), cx));
        self.written();
        match self.chunk() {
            Some(chunk) => self.msrp(MsrpEvent::Response(chunk, 200)),
            None => String::new(),
        }
    }

    /// The last chunk of ours.
    fn chunk(&self) -> Option<ChunkId> {
        let mut done = self.desk.done.iter().rev();
        done.find_map(|(_, action)| match action {
            Action::SendChunk(chunk) => Some(chunk.id),
            _ => None,
        })
    }

    /// It has been written.
    fn written(&mut self) -> String {
        let chunk = self.chunk().unwrap_or(ChunkId(99));
        self.msrp(MsrpEvent::Written(chunk))
    }

    fn reports(&mut self, status: u16) -> String {
        let token = self
            .desk
            .done
            .iter()
            .rev()
            .find_map(|(_, action)| match action {
                Action::SendChunk(chunk) => Some(chunk.message.to_string()),
                _ => None,
            });
        let token = token.unwrap_or_default();
        self.msrp(MsrpEvent::Report(&report_head(&token, 2, status)))
    }

    fn hears(&mut self, flag: Continuation) -> String {
        let message = format!("m{}", self.desk.done.len());
        self.msrp(MsrpEvent::Send(MsrpTxn(1), &send_head(&message)));
        self.msrp(MsrpEvent::Octets(&Bytes::from_static(b"hi")));
        self.msrp(MsrpEvent::End(flag))
    }
}

pub(crate) fn machine() -> table::Machine {
    let scenes: Vec<_> = At::ALL
        .iter()
        .map(|at| (at.name(), at.about(), scene(*at)))
        .collect();
    let row = |name: &str, run: fn(&mut Scene) -> String| Row::new(name, run);
    let session = Vec::from([
        row("offer", Scene::offers),
        row("answer", |it| {
            let offer = Bytes::from(OFFER.replace("sendonly", "sendrecv"));
            it.does(|machine, cx| machine.answer(offer, cx).map_err(|why| format!("{why}")))
        }),
        row("conclude", |it| it.concludes(ANSWER)),
        row("conclude, by what is no answer to it", |it| {
            it.concludes(&ANSWER.replace("8888", "0"))
        })
        .because("The offer stands, and another answer may do."),
        row("join", |it| {
            it.does(|machine, cx| machine.join("msrp://192.0.2.20:8888/x;tcp", Part::Active, cx))
        }),
        row("close", Scene::closes),
    ]);
    let messages = Vec::from([
        row("send", Scene::sends).because("Before there is a session it waits for one."),
        row("a message, to its last response", Scene::delivers).drawn("a message has arrived"),
        row("its success report", |it| it.reports(200)).drawn("success report"),
        row("its failure report", |it| it.reports(413)).drawn("failure report"),
        row("cancel", |it| {
            it.does(|machine, cx| machine.cancel(MessageId(0), cx))
        })
        .drawn("cancel"),
        row("a message of the peer's", |it| it.hears(Continuation::Last)),
        row("a part of one", |it| it.hears(Continuation::More)),
        row("refuse", |it| {
            it.does(|machine, cx| machine.refuse(MessageId(0), cx))
        }),
    ]);
    let mut link = Vec::from([
        row("bound", |it| it.msrp(MsrpEvent::Up)),
        row("the last chunk is written", Scene::written),
    ]);
    link.extend(downs().map(|(name, down)| {
        Row::new(name, move |it: &mut Scene| it.msrp(MsrpEvent::Down(down)))
            .drawn("lost")
            .because("RFC 4975 §5.4: messages that are midway wait for the next session, which has a leg of its own.")
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
        "MSRP endpoint",
        ABOUT,
        &scenes,
        Vec::from([
            ("Commands about the session", session),
            ("Messages", messages),
            ("The connection", link),
            ("Timers", clock.collect()),
        ]),
    )
    .begins("new", At::Idle.name())
}

const ABOUT: &str = "\
Messages over MSRP for those who have no SIP or their own (`Endpoint` in `src/msrp/endpoint.rs`). What its session and its
messages do by themselves is in their tables. When a session is over its leg is closed, and the next has another one.";
