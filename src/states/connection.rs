//! One MSRP connection that two sessions share.
#![allow(clippy::unwrap_used)]

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use super::*;
use crate::states::desk::{Desk, downs};
use crate::states::states;
use crate::states::table::{Machine, Row, Subject};
use crate::{OpenMsrp, SessionId};

states! { At {
    Unbound => "Unbound", "No session uses it.";
    Bound => "Bound", "A session runs over it; another one waits for its peer.";
    Arriving => "Bound · a request is arriving", "The same, in the middle of a request.";
    Backlogged => "Bound · backlogged", "The peer does not read our answers: nothing more is decoded.";
    Ended => "Ended", "The stream has ended, and the sessions are still to be told.";
    Told => "Told", "They have been told.";
} }

struct Scene {
    at: At,
    connection: Connection,
    sessions: Sessions,
    desk: Desk,
}

/// By its script, since a connection is one of its kind.
impl Clone for Scene {
    fn clone(&self) -> Self {
        scene(self.at)
    }
}

impl Subject for Scene {
    /// Requests that can still be answered: 64.
    const FULL: usize = 80;

    fn state(&self) -> &'static str {
        let connection = &self.connection;
        let at = match (connection.end, connection.reading) {
            (End::Told, _) => At::Told,
            (End::Closed(_), _) => At::Ended,
            (End::Open, _) if !connection.wants_input() => At::Backlogged,
            (End::Open, Reading::Of(_)) => At::Arriving,
            (End::Open, Reading::Nobodys) if connection.is_unused() => At::Unbound,
            (End::Open, Reading::Nobodys) => At::Bound,
        };
        at.name()
    }

    fn desk(&self) -> &Desk {
        &self.desk
    }

    fn machine(&self) -> &dyn fmt::Debug {
        &self.connection
    }
}

const ONE: (MachineId, LegId) = (MachineId(1), LegId::FIRST);
const TWO: (MachineId, LegId) = (MachineId(2), LegId::FIRST);
const GONE: (MachineId, LegId) = (MachineId(3), LegId::FIRST);

fn scene(at: At) -> Scene {
    let mut sessions = Sessions::new();
    for (n, owner) in [(1, ONE), (2, TWO), (3, GONE)] {
        let id = SessionId([n; 10]);
        let open = OpenMsrp {
            id,
            connect: false,
            own: Bytes::from(url(n)),
            peer: Bytes::from_static(b"msrp://192.0.2.20:8888/theirs;tcp"),
            target: Bytes::new(),
        };
        sessions.open(owner, &open);
    }
    // The third one runs over another connection.
    Connection::new(ConnectionId(9)).connected(&mut sessions, GONE);
    let mut scene = Scene {
        at,
        connection: Connection::new(ConnectionId(1)),
        sessions,
        desk: Desk::new(),
    };
    if at != At::Unbound {
        scene.connection.connected(&mut scene.sessions, ONE);
        scene.news();
    }
    match at {
        At::Unbound | At::Bound => {}
        At::Arriving => drop(scene.reads(&send("t0", 1, ""))),
        At::Backlogged => {
            while scene.connection.wants_input() {
                scene.reads("MSRP t0 FROB\r\nTo-Path: msrp://a.example.com:1/x;tcp\r\nFrom-Path: msrp://b.example.com:2/y;tcp\r\n-------t0$\r\n");
            }
        }
        At::Ended => scene.connection.closed(Down::Lost),
        At::Told => {
            scene.connection.closed(Down::Lost);
            scene.news();
        }
    }
    scene
}

fn url(n: u8) -> String {
    format!("msrp://192.0.2.10:7654/{};tcp", SessionId([n; 10]))
}

/// A SEND to a session of ours, up to its end or not.
fn send(txn: &str, session: u8, end: &str) -> String {
    format!(
        "MSRP {txn} SEND\r\nTo-Path: {}\r\nFrom-Path: msrp://192.0.2.20:8888/theirs;tcp\r\n\
         Message-ID: m\r\nByte-Range: 1-2/2\r\nContent-Type: text/plain\r\n\r\nhi{end}",
        url(session)
    )
}

impl Scene {
    /// What there is to tell, and what there is to write.
    fn news(&mut self) -> String {
        let mut said = Vec::new();
        loop {
            let before = said.len();
            while let Some(news) = self.connection.poll(&mut self.sessions, &self.desk.config) {
                let name = news.tell(|event| format!("{event:?}"));
                let name = name.split(['(', ' ']).next().unwrap().into();
                said.push(if news.machine == ONE.0 {
                    name
                } else {
                    format!("{name} to the other session")
                });
            }
            if said.len() == before {
                break;
            }
        }
        said.join(", ")
    }

    /// A driver reads only while the connection wants it to.
    fn reads(&mut self, octets: &str) -> String {
        if !self.connection.wants_input() {
            return "is not read".into();
        }
        self.connection
            .buffer()
            .extend_from_slice(octets.as_bytes());
        self.news()
    }

    /// The same, and the answers are written.
    fn answers(&mut self, octets: &str) -> String {
        if !self.connection.wants_input() {
            return "is not read".into();
        }
        let mut said = Vec::from([self.reads(octets)]);
        let written = self.writes();
        said.push(written);
        said.retain(|said| !said.is_empty());
        said.join(", ")
    }

    fn writes(&mut self) -> String {
        let mut out = Vec::new();
        while let Some(octets) = self.connection.transmit() {
            out.extend_from_slice(&octets);
            if out.len() > 1000 {
                return "the answers go out".into();
            }
        }
        let out = String::from_utf8(out).unwrap();
        let lines = out.lines().filter_map(|line| line.strip_prefix("MSRP "));
        let words = lines.filter_map(|line| line.split(' ').nth(1));
        words
            .map(|word| format!("`{word}` goes out"))
            .collect::<Vec<_>>()
            .join(", ")
    }
}

pub(crate) fn machine() -> Machine {
    let scenes: Vec<_> = At::ALL
        .iter()
        .map(|at| (at.name(), at.about(), scene(*at)))
        .collect();
    let row = |name: &str, run: fn(&mut Scene) -> String| Row::new(name, run);
    let reads = Vec::from([
        row("a SEND to the session that runs over it", |it| it.answers(&send("t1", 1, "\r\n-------t1$\r\n")))
            .drawn("SEND")
            .because("RFC 4975 §7.3: it binds a session that is not bound."),
        row("its beginning", |it| it.reads(&send("t1", 1, ""))).drawn("a SEND begins"),
        row("a SEND to the other session", |it| it.answers(&send("t2", 2, "\r\n-------t2$\r\n"))).drawn("SEND").because("CC-132: one connection, several sessions."),
        row("a SEND to a session that runs over another connection", |it| it.answers(&send("t3", 3, "\r\n-------t3$\r\n"))).drawn("refused").because("RFC 4975 §7.3.2."),
        row("a SEND to nobody", |it| it.answers(&send("t4", 4, "\r\n-------t4$\r\n"))).drawn("refused").because("CC-133: the connection is kept."),
        row("an unknown method", |it| it.answers("MSRP t5 FROB\r\nTo-Path: msrp://a.example.com:1/x;tcp\r\nFrom-Path: msrp://b.example.com:2/y;tcp\r\n-------t5$\r\n")).drawn("refused").because("CC-134."),
        row("a response to nothing", |it| it.answers("MSRP t6 200 OK\r\nTo-Path: msrp://a.example.com:1/x;tcp\r\nFrom-Path: msrp://b.example.com:2/y;tcp\r\n-------t6$\r\n")).drawn("refused").because("CC-129."),
        row("what is no MSRP", |it| it.reads("GET / HTTP/1.1\r\n")).drawn("framing lost"),
    ]);
    let mut driver = Vec::from([
        row("it is made for the session", |it| {
            it.connection.connected(&mut it.sessions, ONE);
            it.news()
        })
        .drawn("made, or shared"),
        row("it has written everything", Scene::writes).drawn("written"),
        row("the session releases it", |it| {
            it.sessions.release(ONE);
            let last = it.connection.release(ONE);
            if last {
                "to be closed".into()
            } else {
                String::new()
            }
        })
        .drawn("released"),
    ]);
    driver.extend(downs().map(|(name, down)| {
        Row::new(name, move |it: &mut Scene| {
            it.connection.closed(down);
            String::new()
        })
        .drawn("the stream ends")
        .because("CC-116: what was read before is still told, and then the end.")
    }));
    driver.push(
        row("the session holds too much", |it| {
            let most = it.desk.config.limits.connection;
            it.connection.holds(ONE, most + 1, &it.desk.config);
            let news = it.connection.news.pop_front();
            news.map_or_else(String::new, |news| news.tell(|event| format!("{event:?}")))
        })
        .drawn("holds too much"),
    );
    driver.push(row("it is asked for news", Scene::news).drawn("asked for news"));
    Machine::new(
        "MSRP connection",
        ABOUT,
        &scenes,
        Vec::from([("What is read", reads), ("What the driver does", driver)]),
    )
    .begins("accepted, or made", At::Unbound.name())
}

const ABOUT: &str = "\
One byte stream that several sessions use (`Connection` in `src/msrp/connection.rs`). One session runs over it, except
where it is unbound, a second one waits for its peer, and a third one runs over another connection. The cells say what
the sessions are told, and what goes out without them.";
