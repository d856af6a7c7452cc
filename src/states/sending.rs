//! One message on its way out over MSRP.
#![allow(clippy::panic)]

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use super::*;
use crate::ByteRange;
use crate::states::desk::Desk;
use crate::states::states;
use crate::states::table::{Machine, Row, Subject};

states! { At {
    Waiting => "Waiting", "It waits for its session, or for its turn: nothing of it has been sent.";
    Asked => "Asked", "It has asked the application for octets.";
    Pushed => "Pushed", "A chunk of it is with the connection, and more is to come.";
    Full => "Full", "As many of its chunks as may be are unanswered: it asks for nothing.";
    PushedLast => "Pushed · last", "Its last chunk is with the connection.";
    PushedPartial => "Pushed · last, partial", "The same; only failures are to be reported.";
    PushedNo => "Pushed · last, no", "The same; nothing is to be reported.";
    Written => "Written", "All of it has been written, and an answer is missing.";
    Quiet => "Written · partial", "The same; 30 s without a failure will be the good news.";
    Taken => "Taken", "The peer's stack has it, and its success report is awaited.";
    Over => "Over", "There is nothing more to say of it.";
} }

#[derive(Clone)]
struct Scene {
    outbound: Outbound,
    /// Dead until it is its turn for the first time.
    line: Line,
    desk: Desk,
}

impl Subject for Scene {
    fn state(&self) -> &'static str {
        let Some(one) = self.outbound.messages.first() else {
            return At::Over.name();
        };
        let at = match (one.progress, one.ended, one.next, one.letter.failure) {
            (Progress::Going, false, Next::Turn, _) if one.sent == 0 => At::Waiting,
            (Progress::Going, false, Next::Turn, _) => At::Full,
            (Progress::Going, _, Next::Octets, _) => At::Asked,
            (Progress::Going, false, Next::Written(_), _) => At::Pushed,
            (Progress::Going, true, Next::Written(_), FailureReport::Yes) => At::PushedLast,
            (Progress::Going, true, Next::Written(_), FailureReport::Partial) => At::PushedPartial,
            (Progress::Going, true, Next::Written(_), FailureReport::No) => At::PushedNo,
            (Progress::Going, true, Next::Turn, FailureReport::Partial) => At::Quiet,
            (Progress::Going, true, Next::Turn, _) => At::Written,
            (Progress::Taken, ..) => At::Taken,
            // Nobody will hear of it.
            (Progress::Over, ..) => At::Over,
        };
        at.name()
    }

    fn desk(&self) -> &Desk {
        &self.desk
    }

    fn machine(&self) -> &dyn fmt::Debug {
        &self.outbound
    }
}

/// A message of six octets, in chunks of two, two of which may be unanswered.
fn scene(at: At) -> Scene {
    let fresh = |failure, success| {
        let mut desk = Desk::new();
        desk.config.limits.chunks = 2;
        desk.config.profile.msrp_chunk = crate::profile::Chunking::Pieces(2);
        let mut outbound = Outbound::default();
        let letter = Letter {
            size: Some(6),
            mime: Bytes::from_static(b"Content-Type: text/plain\r\n"),
            success,
            failure,
        };
        desk.call(|cx| outbound.begin(letter, cx));
        Scene {
            outbound,
            line: Line::Dead,
            desk,
        }
    };
    let sent = |failure, success| {
        let mut scene = fresh(failure, success);
        scene.written();
        for _ in 0..2 {
            scene.supply(2);
            scene.written();
            scene.answer(200);
        }
        scene.after(|it| it.supply(2))
    };
    match at {
        At::Waiting => fresh(FailureReport::Yes, false),
        At::Asked => scene(At::Waiting).after(Scene::written),
        At::Pushed => scene(At::Asked).after(|it| it.supply(2)),
        At::Full => scene(At::Pushed)
            .after(Scene::written)
            .after(|it| it.supply(2))
            .after(Scene::written),
        At::PushedLast => sent(FailureReport::Yes, false),
        At::PushedPartial => sent(FailureReport::Partial, false),
        At::PushedNo => sent(FailureReport::No, false),
        At::Written => scene(At::PushedLast).after(Scene::written),
        At::Quiet => scene(At::PushedPartial).after(Scene::written),
        At::Taken => sent(FailureReport::Yes, true)
            .after(Scene::written)
            .after(|it| it.answer(200)),
        At::Over => scene(At::Written).after(|it| it.answer(200)),
    }
}

impl Scene {
    fn after(mut self, event: impl FnOnce(&mut Self) -> String) -> Self {
        event(&mut self);
        self
    }

    /// What there is to say then.
    fn poll(&mut self) -> String {
        let mut said = Vec::new();
        loop {
            match self.desk.call(|cx| self.outbound.poll(self.line, cx)) {
                Sent::Nothing => return said.join(", "),
                Sent::Wants(_, at, most) => {
                    said.push(format!("Wants {}–{}", at + 1, at + most as u64))
                }
                Sent::Taken(_) => said.push("Taken".into()),
                Sent::Confirmed(_) => said.push("Confirmed".into()),
                Sent::Failed(_, why) => said.push(format!("Failed: {why:?}")),
            }
        }
    }

    /// What is with the connection has been written.
    fn written(&mut self) -> String {
        let chunk = match self.outbound.messages.first().map(|one| one.next) {
            Some(Next::Written(chunk)) => chunk,
            _ => ChunkId(99),
        };
        self.line = Line::Open;
        self.desk.call(|cx| self.outbound.written(chunk, cx));
        self.poll()
    }

    fn cut(&mut self) -> String {
        let chunk = match self.outbound.messages.first().map(|one| one.next) {
            Some(Next::Written(chunk)) => chunk,
            _ => ChunkId(99),
        };
        self.desk.call(|cx| self.outbound.cut(chunk, cx));
        self.poll()
    }

    fn supply(&mut self, octets: usize) -> String {
        let body = Bytes::from_static(b"abcdef").slice(..octets);
        self.desk
            .call(|cx| self.outbound.supply(MessageId(0), body, More::Sized, cx));
        self.poll()
    }

    /// The oldest chunk is answered.
    fn answer(&mut self, status: u16) -> String {
        let oldest = self
            .outbound
            .messages
            .first()
            .and_then(|one| one.unanswered.first());
        let chunk = oldest.map_or(ChunkId(1), |awaited| awaited.chunk);
        self.answered(chunk, status)
    }

    fn answered(&mut self, chunk: ChunkId, status: u16) -> String {
        self.desk
            .call(|cx| self.outbound.answered(chunk, status, Line::Open, cx));
        self.poll()
    }

    fn report(&mut self, end: u64, status: u16) -> String {
        let known = self
            .outbound
            .messages
            .first()
            .map(|one| format!("{}", one.message));
        let report = ReportHead {
            message: known.as_deref().unwrap_or("somebody-elses"),
            range: ByteRange {
                start: 1,
                end: Some(end),
                total: Some(6),
            },
            status,
        };
        self.desk
            .call(|cx| self.outbound.reported(&report, Line::Open, cx));
        self.poll()
    }

    fn done(&mut self, run: impl FnOnce(&mut Outbound, &mut Context<'_>)) -> String {
        self.desk.call(|cx| run(&mut self.outbound, cx));
        self.poll()
    }
}

pub(crate) fn machine() -> Machine {
    let scenes: Vec<_> = At::ALL
        .iter()
        .map(|at| (at.name(), at.about(), scene(*at)))
        .collect();
    let row = |name: &str, run: fn(&mut Scene) -> String| Row::new(name, run);
    Machine::new("MSRP message, sent", ABOUT, &scenes, Vec::from([
        ("The connection and the application", Vec::from([
            row("it is its turn, or its chunk is written", Scene::written).because("CC-51: the 30 s of the chunk begin, and it is another one's turn."),
            row("a part of it is written", Scene::cut).drawn("cut").because("CC-131: a transaction of its own, whose 30 s begin."),
            row("octets, more to follow", |it| it.supply(2)).drawn("octets"),
            row("octets, the last ones", |it| {
                let left = it.outbound.messages.first().map_or(0, |one| 6 - one.sent);
                it.supply(left as usize)
            })
            .drawn("the last octets"),
        ])),
        ("Responses and reports", Vec::from([
            row("200 to the oldest chunk", |it| it.answer(200))
                .because("CC-43: in any order; it is taken when the last one is there."),
            row("200 to a chunk that never was", |it| it.answered(ChunkId(99), 200)).because("CC-129."),
            row("413 to the oldest chunk", |it| it.answer(413)).drawn("failure")
                .because("CC-130: `#` at once if it is midway, and nothing more with its Message-ID."),
            row("481 to the oldest chunk", |it| it.answer(481)).drawn("failure"),
            row("success report on a part", |it| it.report(1, 200)).because("CC-52: only the union of ranges says that it is there."),
            row("success report on all", |it| it.report(6, 200)).drawn("success report").because("CC-53: it may come before the last response, and says more; CC-54: or late."),
            row("failure report", |it| it.report(6, 413)).drawn("failure"),
        ])),
        ("The end", Vec::from([
            Row::timer(Timer::ChunkResponse, |it: &mut Scene| {
                if it.desk.running.contains(&Timer::ChunkResponse) {
                    it.desk.fire(Timer::ChunkResponse);
                }
                it.done(|outbound, cx| outbound.overdue(Line::Open, cx))
            })
            .because("CC-56, D-09: silence is a failure, unless failures alone are reported."),
            row("it is cancelled", |it| it.done(|outbound, cx| {
                let _ = outbound.cancel(MessageId(0), Line::Open, cx);
            })).drawn("cancelled"),
            row("the session ends", |it| it.done(|outbound, cx| outbound.hush(Line::Open, cx))).drawn("the session ends")
                .because("What is taken may still be confirmed (CC-54)."),
            row("the session ends, without a connection", |it| it.done(|outbound, cx| outbound.hush(Line::Dead, cx))).drawn("the session ends"),
            row("it is to be sent again on another connection", |it| it.done(Outbound::rewind))
                .because("RFC 4975 §5.4: from the first octet that nobody has confirmed, with the same Message-ID."),
        ])),
    ]))
    .begins("send", At::Waiting.name())
}

const ABOUT: &str = "\
One message, chunk by chunk (`Sending` in `src/msrp/send.rs`). It has six octets here, chunks have two, and two may be
unanswered; one is with the connection at a time. Failure-Report is `yes` unless the state says otherwise,
and success is not asked for, except in Taken.";
