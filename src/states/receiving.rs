//! Messages that arrive over MSRP.
#![allow(clippy::unwrap_used)]

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use super::*;
use crate::ByteRange;
use crate::states::desk::Desk;
use crate::states::table::{Machine, Row, Subject};
use crate::states::{all, states};

states! { At {
    Deaf => "Deaf", "We said that we receive nothing.";
    Idle => "Idle", "Nothing is arriving.";
    Midway => "Midway", "A message has begun, and no request is arriving.";
    Crowded => "Crowded", "As many messages as may come in turns have begun.";
    Bodiless => "Request without body", "A request is arriving that has shown no content as yet.";
    Part => "Request with content", "A request is arriving that belongs to a message that has begun.";
    Refused => "Request refused", "A request is arriving that has been answered already: the rest is skipped.";
    Again => "Request repeated", "A request is arriving of a message that we have already.";
} }

#[derive(Clone)]
struct Scene {
    receiving: Receiving,
    desk: Desk,
}

impl Subject for Scene {
    fn state(&self) -> &'static str {
        let Receiving {
            keep,
            chunk,
            messages,
            ..
        } = &self.receiving;
        let fate = chunk.map(|chunk| chunk.fate);
        let at = match (keep, fate, messages.len()) {
            (_, Some(Fate::Bodiless), _) => At::Bodiless,
            (_, Some(Fate::Part(_)), _) => At::Part,
            (_, Some(Fate::Refused), _) => At::Refused,
            (_, Some(Fate::Again(..)), _) => At::Again,
            (Keep::Nothing, None, _) => At::Deaf,
            (Keep::ForUser { .. } | Keep::Stored { .. }, None, 0) => At::Idle,
            (_, None, count) if count >= self.desk.config.limits.incoming => At::Crowded,
            (_, None, _) => At::Midway,
        };
        at.name()
    }

    fn desk(&self) -> &Desk {
        &self.desk
    }

    fn machine(&self) -> &dyn fmt::Debug {
        &self.receiving
    }
}

/// Ten octets may come.
fn scene(at: At) -> Scene {
    let fresh = |keep| {
        let mut receiving = Receiving::default();
        receiving.keep(keep);
        Scene {
            receiving,
            desk: Desk::new(),
        }
    };
    match at {
        At::Deaf => fresh(Keep::Nothing),
        At::Idle => fresh(Keep::ForUser { most: 10 }),
        At::Midway => scene(At::Part)
            .after(|it| it.octets(2))
            .after(|it| it.end(Continuation::More)),
        At::Crowded => (0..Desk::new().config.limits.incoming).fold(scene(At::Idle), |scene, n| {
            scene
                .after(|it| it.begins(&format!("m{n}"), 1, Some(10)))
                .after(|it| it.octets(2))
                .after(|it| it.end(Continuation::More))
        }),
        At::Bodiless => scene(At::Idle).after(Scene::keeps_alive),
        At::Part => scene(At::Idle).after(|it| it.begins("one", 1, Some(6))),
        At::Refused => scene(At::Idle).after(|it| it.begins("huge", 1, Some(11))),
        At::Again => scene(At::Part)
            .after(|it| it.octets(6))
            .after(|it| it.end(Continuation::Last))
            .after(|it| it.begins("one", 1, Some(6))),
    }
}

const TEXT: Option<&str> = Some("text/plain");

impl Scene {
    fn after(mut self, event: impl FnOnce(&mut Self) -> String) -> Self {
        event(&mut self);
        self
    }

    fn begins(&mut self, message: &str, start: u64, total: Option<u64>) -> String {
        self.sent(message, start, total, TEXT, FailureReport::Yes)
    }

    fn keeps_alive(&mut self) -> String {
        self.sent("alive", 1, Some(0), None, FailureReport::Yes)
    }

    fn sent(
        &mut self,
        message: &str,
        start: u64,
        total: Option<u64>,
        content_type: Option<&str>,
        failure: FailureReport,
    ) -> String {
        let head = SendHead {
            message,
            range: ByteRange {
                start,
                end: None,
                total,
            },
            success: true,
            failure,
            content_type,
            mime: "Content-Type: text/plain\r\n",
        };
        let got = self
            .desk
            .call(|cx| self.receiving.begin(MsrpTxn(1), &head, cx));
        said(got)
    }

    fn octets(&mut self, count: usize) -> String {
        let octets = Bytes::from_static(b"abcdefghijkl").slice(..count);
        let got = self.desk.call(|cx| self.receiving.octets(&octets, cx));
        said(got)
    }

    fn end(&mut self, flag: Continuation) -> String {
        let got = self.desk.call(|cx| self.receiving.end(flag, cx));
        said(got)
    }
}

fn said(got: Got) -> String {
    match got {
        Got::Nothing => String::new(),
        Got::Begun { .. } => "Begun".into(),
        Got::Message(_) => "Received".into(),
        Got::Incomplete { .. } => "Incomplete".into(),
    }
}

pub(crate) fn machine() -> Machine {
    let scenes: Vec<_> = At::ALL
        .iter()
        .map(|at| (at.name(), at.about(), scene(*at)))
        .collect();
    let row = |name: &str, run: fn(&mut Scene) -> String| Row::new(name, run);
    let mut begins = Vec::from([
        row("of a new message", |it| {
            let name = format!("m{}", it.desk.done.len());
            it.begins(&name, 1, Some(6))
        })
        .drawn("SEND")
        .because("At most four messages come in turns; a request that comes before the one before has ended stands for itself."),
        row("of the message that has begun", |it| {
            let known = it.receiving.messages.first().map(|message| message.ident);
            let known = known.or(Ident::copy("one")).unwrap();
            it.begins(known.as_str(), 3, Some(6))
        }).drawn("SEND"),
        row("without body", Scene::keeps_alive).drawn("SEND without body").because("It binds a session, or keeps it alive: CC-58, CC-125."),
        row("of another type", |it| it.sent("film", 1, Some(6), Some("video/mpeg"), FailureReport::Yes)).drawn("SEND that will not do"),
        row("of a message that is too large", |it| it.begins("huge", 1, Some(11))).drawn("SEND that will not do")
            .because("RFC 4975 §10.5: at once, and for each further chunk of it."),
        row("beyond what may come", |it| it.begins("far", 12, None)).drawn("SEND that will not do"),
        row("of a message with an id that is too long", |it| it.begins(&"x".repeat(70), 1, Some(6))).drawn("SEND that will not do"),
    ]);
    begins.extend(reports().map(|(name, failure)| {
        Row::new(
            format!("too large, Failure-Report {name}"),
            move |it: &mut Scene| it.sent("huge", 1, Some(11), TEXT, failure),
        )
        .drawn("SEND that will not do")
    }));
    let octets = Vec::from([
        row("within the limit", |it| it.octets(2)),
        row("in one place too many", |it| {
            it.desk.config.limits.ranges = 0;
            it.octets(2)
        })
        .drawn("too many octets"),
        row("beyond it", |it| it.octets(12))
            .drawn("too many octets")
            .because("CC-115: 413 at once, before the request has ended."),
        row("and the connection has no room", |it| {
            let got = it.desk.call(|cx| it.receiving.full(cx));
            said(got)
        })
        .drawn("too many octets"),
    ]);
    let ends = Vec::from([
        row("`$`, and all is there", |it| {
            it.octets(6);
            it.end(Continuation::Last)
        })
        .drawn("end"),
        row("`$` with a hole", |it| {
            it.receiving
                .chunk
                .iter_mut()
                .for_each(|chunk| chunk.at += 2);
            it.end(Continuation::Last)
        })
        .drawn("end")
        .because("CC-127: a hole may still be filled, until the session ends."),
        row("`+`", |it| it.end(Continuation::More)).drawn("end"),
        row("`#`", |it| it.end(Continuation::Abandoned))
            .drawn("abandoned")
            .because("CC-128: answered all the same; nothing is kept and nothing reported."),
    ]);
    let rest = Vec::from([
        row("we want nothing more", |it| {
            it.desk.call(|cx| it.receiving.refuse(cx));
            String::new()
        })
        .because("CC-87."),
        row("the session ends", |it| {
            it.desk.call(|cx| it.receiving.pause(cx));
            let mut lost = Vec::new();
            while let Got::Incomplete { .. } = it.receiving.give_up() {
                lost.push("Incomplete");
            }
            lost.join(", ")
        }),
    ]);
    Machine::new(
        "MSRP messages, received",
        ABOUT,
        &scenes,
        Vec::from([
            ("A SEND begins", begins),
            ("Octets", octets),
            ("It ends", ends),
            ("The rest", rest),
        ]),
    )
}

fn reports() -> [(&'static str, FailureReport); 3] {
    all!(FailureReport {
        FailureReport::Yes => ("yes", FailureReport::Yes),
        FailureReport::Partial => ("partial", FailureReport::Partial),
        FailureReport::No => ("no", FailureReport::No),
    })
}

const ABOUT: &str = "\
The messages that arrive on one session, and the request that is just arriving (`Receiving` in `src/msrp/receive.rs`).
Messages have six octets here, and ten may come; every sender asks for success reports and, unless the row says
otherwise, for responses. Chunks come in any order (CC-126): what counts is which octets are there.";
