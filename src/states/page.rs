//! A MESSAGE on its way out, and MESSAGEs that have arrived.
#![allow(clippy::unwrap_used)]

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use super::*;
use crate::states::desk::{Desk, answers, outcome_name, timers, troubles};
use crate::states::peer::Peer;
use crate::states::states;
use crate::states::table::{Machine, Row, Subject};

states! { At {
    Waiting => "Waiting", "The MESSAGE is out, and has no final response.";
    Done => "Done", "Its outcome is known.";
} }

#[derive(Clone)]
struct Sent {
    page: Option<Page>,
    desk: Desk,
}

impl Subject for Sent {
    fn state(&self) -> &'static str {
        let at = match &self.page {
            Some(Page { txn: _ }) => At::Waiting,
            None => At::Done,
        };
        at.name()
    }

    fn desk(&self) -> &Desk {
        &self.desk
    }

    fn machine(&self) -> &dyn fmt::Debug {
        &self.page
    }
}

impl Sent {
    fn new(at: At) -> Self {
        let mut desk = Desk::new();
        let page = desk.call(|cx| {
            let target = Uri::copy("sip:bob@example.com").unwrap();
            let head = cx.lines().from("sip:alice@example.com", false).take();
            let message = compose(ClientTxn(0), target, head, Bytes::from_static(b"hi"), cx);
            Page::send(message, cx)
        });
        let mut sent = Self {
            page: Some(page),
            desk,
        };
        match at {
            At::Waiting => {}
            At::Done => drop(sent.hear(ClientTxn(0), 200, "")),
        }
        sent
    }

    fn hear(&mut self, txn: ClientTxn, status: u16, lines: &str) -> String {
        let response = Peer::stranger().response(status, (Method::Message, 1), lines, "");
        self.hand(Event::Response(txn, &response))
    }

    fn hand(&mut self, event: Event<'_>) -> String {
        let last = self.page.and_then(|page| page.handle(&event));
        last.map_or(String::new(), |last| {
            self.page = None;
            outcome_name(&last.outcome)
        })
    }
}

/// What the final responses say that are told apart.
const FINAL: &[(&str, u16, &str)] = &[
    ("200", 200, ""),
    ("202", 202, ""),
    ("another 2xx", 299, ""),
    ("3xx", 302, ""),
    ("403", 403, ""),
    (
        "403 with warning 127",
        403,
        "Warning: 127 im \"Service not authorised\"\r\n",
    ),
    (
        "403 with warning 122",
        403,
        "Warning: 122 im \"Too many participants\"\r\n",
    ),
    ("404, for any other below 600", 404, ""),
    ("408", 408, ""),
    ("413", 413, ""),
    ("415", 415, ""),
    (
        "420 of a list option",
        420,
        "Unsupported: recipient-list-message\r\n",
    ),
    ("420 of another", 420, "Unsupported: timer\r\n"),
    ("480", 480, ""),
    ("486", 486, ""),
    ("488", 488, ""),
    ("503", 503, ""),
    ("513", 513, ""),
    ("603, for any other from 600", 603, ""),
    ("606", 606, ""),
];

pub(crate) fn client() -> Machine {
    let scenes: Vec<_> = At::ALL
        .iter()
        .map(|at| (at.name(), at.about(), Sent::new(*at)))
        .collect();
    let txn = ClientTxn(0);
    let heard = |name: &str, status, lines: &'static str| {
        Row::new(name, move |sent: &mut Sent| sent.hear(txn, status, lines))
    };
    let mut rows = Vec::from([heard("100", 100, ""), heard("183", 183, "")]);
    rows.extend(FINAL.iter().map(|(name, status, lines)| {
        heard(name, *status, lines).drawn("final response").because(match status {
            202 => "CC-34: a server has taken it on, and nothing is known of its recipients.",
            300..400 => "CC-37: never followed by itself.",
            413 | 513 => "CC-36, D-03: the role sends it again as a large message, if the profile says so.",
            _ => "",
        })
    }));
    rows.extend(troubles().map(|(name, why)| {
        Row::new(name, move |sent: &mut Sent| {
            sent.hand(Event::TxnFailed(txn, why))
        })
        .drawn("no response")
        .because("CC-35: after a timeout nobody knows whether it has arrived.")
    }));
    let mut others = Vec::from([Row::new("response to something else", |sent: &mut Sent| {
        sent.hear(ClientTxn(9), 200, "")
    })
    .because("CC-25.")]);
    others.extend(troubles().map(|(name, why)| {
        Row::new(name, move |sent: &mut Sent| {
            sent.hand(Event::TxnFailed(ClientTxn(9), why))
        })
    }));
    others.extend(
        timers()
            .map(|timer| Row::timer(timer, move |sent: &mut Sent| sent.hand(Event::Timer(timer)))),
    );
    Machine::new(
        "Page, sent",
        ABOUT,
        &scenes,
        Vec::from([
            ("Responses to the MESSAGE", rows),
            ("Something else", others),
        ]),
    )
    .begins("MESSAGE", At::Waiting.name())
}

const ABOUT: &str = "\
One pager-mode MESSAGE on its way out (`Page` in `src/page.rs`): to the recipient or the exploder of an originating
client, and of a controlling function to each member. It has no timer of its own: the transaction below fails after 64·T1.";

states! { Waiting {
    Nothing => "Empty", "No page waits for the application.";
    Some => "Asked", "The application has been asked about one page, or about a few.";
    Full => "Full", "It has been asked about as many as may wait.";
} }

#[derive(Clone)]
struct Arrived {
    inbox: Inbox,
    desk: Desk,
    bob: Peer,
}

impl Subject for Arrived {
    fn state(&self) -> &'static str {
        let at = match self.inbox.asked.len() {
            0 => Waiting::Nothing,
            1..UNDECIDED => Waiting::Some,
            _ => Waiting::Full,
        };
        at.name()
    }

    fn desk(&self) -> &Desk {
        &self.desk
    }

    fn machine(&self) -> &dyn fmt::Debug {
        &self.inbox
    }
}

impl Arrived {
    fn new(at: Waiting) -> Self {
        let mut arrived = Self {
            inbox: Inbox::default(),
            desk: Desk::new(),
            bob: Peer::stranger(),
        };
        let pages = match at {
            Waiting::Nothing => 0,
            Waiting::Some => 1,
            Waiting::Full => UNDECIDED,
        };
        for _ in 0..pages {
            arrived.arrive(TEXT, "hi");
        }
        arrived
    }

    fn arrive(&mut self, lines: &str, body: &str) -> String {
        let request = self.bob.request(Method::Message, lines, body);
        self.desk
            .call(|cx| self.inbox.arrive(ServerTxn(1), &request, cx));
        String::new()
    }

    fn answer(&mut self, ask: AskId, answer: Answer<'_>) -> String {
        let ours = self.desk.call(|cx| self.inbox.answer(ask, answer, cx));
        if ours {
            "answered".into()
        } else {
            String::new()
        }
    }
}

const TEXT: &str = "Content-Type: text/plain\r\n";

pub(crate) fn server() -> Machine {
    let scenes: Vec<_> = Waiting::ALL
        .iter()
        .map(|at| (at.name(), at.about(), Arrived::new(*at)))
        .collect();
    let page = |name: &str, lines: &'static str, body: &'static str| {
        Row::new(name, move |arrived: &mut Arrived| {
            arrived.arrive(lines, body)
        })
    };
    let pages = Vec::from([
        page("a type of ours", TEXT, "hi")
            .drawn("MESSAGE")
            .because("CC-108: 200 means that it is kept, so that the application is asked first."),
        page("no body", "", "").drawn("MESSAGE"),
        page(
            "a type that we do not take",
            "Content-Type: video/mpeg\r\n",
            "hi",
        )
        .because("CC-106."),
        page(
            "an encoding that we do not know",
            "Content-Type: text/plain\r\nContent-Encoding: gzip\r\n",
            "hi",
        ),
        page(
            "an unknown Require",
            "Content-Type: text/plain\r\nRequire: nothing-we-know\r\n",
            "hi",
        )
        .because("CC-107."),
        page(
            "parts that cannot be told apart",
            "Content-Type: multipart/mixed\r\n",
            "hi",
        ),
    ]);
    let answered = answers().into_iter().flat_map(|(name, answer)| {
        [(name, AskId(1)), ("about another question", AskId(99))].map(|(name, ask)| {
            Row::new(name, move |arrived: &mut Arrived| {
                arrived.answer(ask, answer)
            })
            .drawn("answered")
        })
    });
    let ends = Vec::from([
        Row::timer(Timer::Decide, |arrived: &mut Arrived| {
            if arrived.desk.running.contains(&Timer::Decide) {
                arrived.desk.fire(Timer::Decide);
            }
            arrived.desk.call(|cx| arrived.inbox.give_up(cx));
            String::new()
        }),
        Row::new("the exchange ends", |arrived: &mut Arrived| {
            arrived.desk.call(|cx| arrived.inbox.close(cx));
            String::new()
        }),
    ]);
    Machine::new(
        "Page, received",
        ABOUT_ARRIVED,
        &scenes,
        Vec::from([
            ("A MESSAGE with", pages),
            ("Answers of the application", answered.collect()),
            ("The end", ends),
        ]),
    )
}

const ABOUT_ARRIVED: &str = "\
The pages of a client that the application has not taken or refused yet (`Inbox` in `src/page.rs`): one outside a
dialog, up to eight inside of one.";
