//! The originating client in each state.
#![allow(clippy::panic, clippy::unwrap_used)]

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use super::*;
use crate::states::desk::{Desk, downs, timers, troubles};
use crate::states::peer::{ANSWER, Peer, report_head};
use crate::states::states;
use crate::states::table::{self, Row, Subject};
use crate::{ChunkId, ClientTxn, Method, MsrpEvent, ServerTxn, TxnError, Uri};

states! { At {
    Idle => "Idle", "It has nothing to send.";
    Paging => "Paging", "The message has gone as a MESSAGE, and has no final response.";
    Calling => "Large · calling", "The message is large: the INVITE has no answer.";
    Sending => "Large · sending", "The session is agreed on; octets go out as soon as it is bound.";
    AwaitReport => "Large · awaiting its report", "Every octet is taken, and the success report is missing.";
    Ending => "Large · ending", "The outcome is known; the leg is being closed.";
    Telling => "Telling", "The outcome is being told to a list of recipients, a batch at a time.";
    Closed => "Closed", "Nothing more will happen.";
} }

#[derive(Clone)]
struct Scene {
    machine: Originating,
    desk: Desk,
    bob: Peer,
}

impl Subject for Scene {
    fn state(&self) -> &'static str {
        let at = match &self.machine.state {
            State::Idle => At::Idle,
            State::Paging { .. } => At::Paging,
            State::Large { progress, .. } => match progress {
                Progress::Calling => At::Calling,
                Progress::Sending { .. } => At::Sending,
                Progress::AwaitReport { .. } => At::AwaitReport,
                Progress::Ending { .. } => At::Ending,
            },
            State::Telling(_) => At::Telling,
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

const LARGE: usize = 3_000;

fn scene(at: At) -> Scene {
    match at {
        At::Idle => Scene {
            machine: Originating::new(),
            desk: Desk::new(),
            bob: Peer::stranger(),
        },
        At::Paging => scene(At::Idle).after(|it| it.sends(2, false)),
        At::Calling => scene(At::Idle).after(|it| it.sends(LARGE, false)),
        At::Sending => scene(At::Calling).after(|it| it.hear(Method::Invite, 200, ANSWER)),
        At::AwaitReport => scene(At::Idle)
            .after(|it| it.sends(LARGE, true))
            .after(|it| it.hear(Method::Invite, 200, ANSWER))
            .after(|it| it.delivers(200)),
        At::Ending => scene(At::Sending).after(|it| it.delivers(200)),
        At::Telling => scene(At::Idle)
            .after(Scene::pages_many)
            .after(|it| it.hear(Method::Message, 200, "")),
        At::Closed => scene(At::Paging).after(|it| it.hear(Method::Message, 200, "")),
    }
}

impl Scene {
    fn after(mut self, event: impl FnOnce(&mut Self) -> String) -> Self {
        event(&mut self);
        self
    }

    fn hand(&mut self, event: Event<'_>) -> String {
        self.desk
            .call(|cx| self.machine.handle(LegId::FIRST, event, cx));
        String::new()
    }

    fn does(
        &mut self,
        run: impl FnOnce(&mut Originating, &mut Context<'_>) -> Option<Misuse>,
    ) -> String {
        let misuse = self.desk.call(|cx| run(&mut self.machine, cx));
        if let Some(fresh) = self.desk.sent(|_| true).and_then(|request| request.fresh) {
            self.bob.call_id = alloc::format!("{}", fresh.token);
            self.bob.ours = alloc::format!("{}", fresh.tag());
        }
        misuse.map_or(String::new(), |misuse| alloc::format!("{misuse:?}"))
    }

    fn sends(&mut self, octets: usize, success: bool) -> String {
        let target = Target::One(Uri::copy("sip:bob@example.com").unwrap());
        let content = Content::new("text/plain", alloc::vec![b'x'; octets].into());
        let mut draft = Draft::new(target, content);
        draft.success_report = success;
        self.does(|machine, cx| machine.send(draft, cx).err())
    }

    /// A page to more recipients than fit into a batch.
    fn pages_many(&mut self) -> String {
        self.desk.config.limits.batch = 0;
        self.desk.config.account.exploder = Uri::copy("sip:exploder@example.com").ok();
        self.desk.config.account.factory = Uri::copy("sip:factory@example.com").ok();
        self.desk.config.profile.size_basis = SizeBasis::ContentOnly;
        let uri = |n| Uri::copy(&alloc::format!("sip:u{n}@example.com")).unwrap();
        let list = (0..40).map(|n| Recipient::new(uri(n))).collect();
        let draft = Draft::new(Target::List(list), Content::text("hi"));
        self.does(|machine, cx| machine.send(draft, cx).err())
    }

    fn hear(&mut self, method: Method, status: u16, body: &str) -> String {
        let sent = self.desk.sent(|request| request.method == method);
        let (txn, cseq) = sent.map_or((ClientTxn(99), 9), |sent| (sent.txn, sent.cseq));
        let response = self.bob.response(status, (method, cseq), "", body);
        self.hand(Event::Response(txn, &response))
    }

    fn fails(&mut self, why: TxnError) -> String {
        let sent = self.desk.sent(|request| request.fresh.is_some());
        let txn = sent.map_or(ClientTxn(99), |sent| sent.txn);
        self.hand(Event::TxnFailed(txn, why))
    }

    fn asks(&mut self, method: Method, lines: &str, body: &str) -> String {
        let request = self.bob.request(method, lines, body);
        self.hand(Event::Request(ServerTxn(9), &request))
    }

    fn msrp(&mut self, event: MsrpEvent<'_>) -> String {
        self.hand(Event::Msrp(event))
    }

    /// The session is bound, all octets go out, and each chunk has this answer.
    fn delivers(&mut self, status: u16) -> String {
        self.msrp(MsrpEvent::Up);
        for _ in 0..3 {
            let pushed = self.chunks().last().copied();
            self.msrp(MsrpEvent::Written(pushed.unwrap_or(ChunkId(1))));
        }
        for chunk in self.chunks() {
            self.msrp(MsrpEvent::Response(chunk, status));
        }
        String::new()
    }

    fn chunks(&self) -> Vec<ChunkId> {
        let done = self.desk.done.iter();
        done.filter_map(|(_, action)| match action {
            Action::SendChunk(chunk) => Some(chunk.id),
            _ => None,
        })
        .collect()
    }

    fn reports(&mut self, status: u16) -> String {
        let message = self.desk.done.iter().find_map(|(_, action)| match action {
            Action::SendChunk(chunk) => Some(alloc::format!("{}", chunk.message)),
            _ => None,
        });
        let message = message.unwrap_or_default();
        self.msrp(MsrpEvent::Report(&report_head(
            &message,
            LARGE as u64,
            status,
        )))
    }
}

pub(crate) fn machine() -> table::Machine {
    let scenes: Vec<_> = At::ALL
        .iter()
        .map(|at| (at.name(), at.about(), scene(*at)))
        .collect();
    let row = |name: &str, run: fn(&mut Scene) -> String| Row::new(name, run);
    let commands = Vec::from([
        row("send, small", |it| it.sends(2, false)).drawn("send, small"),
        row("send, large", |it| it.sends(LARGE, false)).drawn("send, large"),
        row("send, empty", |it| it.sends(0, false)).because("CC-55, CC-38."),
        row("cancel", |it| {
            it.does(|machine, cx| machine.cancel(cx).err())
        })
        .because("CC-59. A page cannot be taken back (RFC 3261 §9.1)."),
        row("close", |it| {
            it.does(|machine, cx| {
                machine.close(cx);
                None
            })
        }),
    ]);
    let mut responses = Vec::from([
        row("200 to the MESSAGE", |it| it.hear(Method::Message, 200, "")).drawn("final response"),
        row("413 to the MESSAGE", |it| it.hear(Method::Message, 413, ""))
            .drawn("413")
            .because("D-03, CC-36: once; what follows is a large message, which has no way back."),
        row("404 to the MESSAGE", |it| it.hear(Method::Message, 404, "")).drawn("final response"),
        row("180 to the INVITE", |it| it.hear(Method::Invite, 180, "")),
        row("2xx to the INVITE", |it| {
            it.hear(Method::Invite, 200, ANSWER)
        })
        .drawn("2xx"),
        row("2xx to the INVITE, another type", |it| {
            it.hear(
                Method::Invite,
                200,
                &ANSWER.replace("text/plain", "text/html"),
            )
        })
        .drawn("2xx that will not do")
        .because("CC-47."),
        row("2xx to the INVITE, too small a max-size", |it| {
            it.hear(
                Method::Invite,
                200,
                &alloc::format!("{ANSWER}a=max-size:1\r\n"),
            )
        })
        .drawn("2xx that will not do")
        .because("CC-48."),
        row("486 to the INVITE", |it| it.hear(Method::Invite, 486, "")).drawn("refused"),
        row("200 to the BYE", |it| it.hear(Method::Bye, 200, "")).drawn("BYE answered"),
    ]);
    responses.extend(troubles().map(|(name, why)| {
        Row::new(
            alloc::format!("{name} of the MESSAGE or INVITE"),
            move |it: &mut Scene| it.fails(why),
        )
        .drawn("no answer")
    }));
    let mut session = Vec::from([
        row("bound, written, and answered with 200", |it| {
            it.delivers(200)
        })
        .drawn("all octets taken"),
        row("bound, written, and answered with 413", |it| {
            it.delivers(413)
        })
        .drawn("failed"),
        row("success report", |it| it.reports(200)).because("CC-53, CC-54."),
        row("failure report", |it| it.reports(413)).drawn("failed"),
        row("BYE", |it| it.asks(Method::Bye, "", ""))
            .because("CC-44, CC-45: what it means depends on what the peer has."),
        row("MESSAGE in the dialog", |it| {
            it.asks(Method::Message, "Content-Type: text/plain\r\n", "hi")
        })
        .because("CC-40."),
    ]);
    session.extend(downs().map(|(name, down)| {
        Row::new(name, move |it: &mut Scene| it.msrp(MsrpEvent::Down(down))).drawn("failed")
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
        "Originating client",
        ABOUT,
        &scenes,
        Vec::from([
            ("Commands", commands),
            ("Responses", responses),
            ("The session", session),
            ("Timers", clock.collect()),
        ]),
    )
    .begins("new", At::Idle.name())
}

const ABOUT: &str = "\
It sends one message, by MESSAGE or as a large message (`src/originating.rs`). What its page and its leg do by themselves
is in their tables.";

#[path = "sent.rs"]
mod sent;
