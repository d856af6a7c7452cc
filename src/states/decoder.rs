//! The MSRP decoder in each state, with each kind of line.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use super::*;
use crate::states::desk::Desk;
use crate::states::states;
use crate::states::table::{Machine, Row, Subject};

states! { At {
    Start => "Start", "Between two frames, or in a start line.";
    Head => "Head", "Among the header lines.";
    Flawed => "Head · flawed", "The same, and a line before was wrong: the rest is read all the same, because the answer needs its paths.";
    Body => "Body", "In the body.";
    Skip => "Skip", "In the body of a frame whose head was wrong.";
    Ended => "Ended", "The end-line of a frame without body has been taken, and is to be told.";
    Broken => "Broken", "The framing is lost for good, and the connection with it.";
} }

#[derive(Clone)]
struct Scene {
    decoder: Decoder,
    input: BytesMut,
    desk: Desk,
}

impl Subject for Scene {
    fn state(&self) -> &'static str {
        let at = match &self.decoder.state {
            State::Start => At::Start,
            State::Head(draft) if draft.flaw.is_none() => At::Head,
            State::Head(_) => At::Flawed,
            State::Body(_) => At::Body,
            State::Skip(_) => At::Skip,
            State::Ended(_) => At::Ended,
            State::Broken(_) => At::Broken,
        };
        at.name()
    }

    fn desk(&self) -> &Desk {
        &self.desk
    }

    fn machine(&self) -> &dyn fmt::Debug {
        &self.decoder
    }
}

const SEND: &str = "MSRP tid1 SEND\r\n";
const PATHS: &str = "To-Path: msrp://a.example.com:1/x;tcp\r\nFrom-Path: msrp://b.example.com:2/y;tcp\r\nMessage-ID: m\r\n";
const TYPE: &str = "Content-Type: text/plain\r\n";
const END: &str = "-------tid1$\r\n";

fn scene(at: At) -> Scene {
    let fresh = || Scene {
        decoder: Decoder::new(HEAD_LIMIT, Tolerance::default()),
        input: BytesMut::new(),
        desk: Desk::new(),
    };
    match at {
        At::Start => fresh(),
        At::Head => fresh().after(SEND).after(PATHS),
        At::Flawed => scene(At::Head).after("Byte-Range: 0-1/1\r\n"),
        At::Body => scene(At::Head).after(TYPE).after("\r\n"),
        At::Skip => scene(At::Flawed).after(TYPE).after("\r\n"),
        At::Ended => {
            let mut scene = scene(At::Head);
            scene.input.extend_from_slice(END.as_bytes());
            // The head; its end is next.
            let _ = scene.decoder.next(&mut scene.input);
            scene
        }
        At::Broken => fresh().after("GET / HTTP/1.1\r\n"),
    }
}

impl Scene {
    fn after(mut self, octets: &str) -> Self {
        let _ = self.feed(octets);
        self
    }

    /// What comes out when these octets have come.
    fn feed(&mut self, octets: &str) -> String {
        self.input.extend_from_slice(octets.as_bytes());
        let mut said = Vec::new();
        loop {
            said.push(match self.decoder.next(&mut self.input) {
                Ok(Some(Piece::Head(head))) => match head.kind() {
                    Kind::Send => "SEND".into(),
                    Kind::Report => "REPORT".into(),
                    Kind::Response(status) => format!("response {status}"),
                    Kind::Auth | Kind::Nickname | Kind::Other => "another request".into(),
                },
                Ok(Some(Piece::Bad(_, flaw))) => format!("bad head: {}", flaw.status),
                Ok(Some(Piece::Octets(octets))) => format!("{} octets", octets.len()),
                Ok(Some(Piece::End(flag))) => match flag {
                    Continuation::Last => "end `$`".into(),
                    Continuation::More => "end `+`".into(),
                    Continuation::Abandoned => "end `#`".into(),
                },
                Ok(None) => break,
                Err(flaw) => {
                    said.push(format!("lost: {}", flaw.what));
                    break;
                }
            });
        }
        said.join(", ")
    }
}

fn row(name: &str, octets: impl Into<String>) -> Row<Scene> {
    let octets = octets.into();
    Row::new(name, move |scene: &mut Scene| scene.feed(&octets))
}

pub(crate) fn machine() -> Machine {
    let scenes: Vec<_> = At::ALL
        .iter()
        .map(|at| (at.name(), at.about(), scene(*at)))
        .collect();
    let starts = Vec::from([
        row("a SEND", SEND).drawn("start line"),
        row("a REPORT", "MSRP tid1 REPORT\r\n").drawn("start line"),
        row("another method", "MSRP tid1 FROB\r\n").drawn("start line"),
        row("a response", "MSRP tid1 200 OK\r\n").drawn("start line"),
        row("a transaction id that is none", "MSRP -- SEND\r\n").drawn("anything else"),
        row("neither method nor status", "MSRP tid1 2x\r\n").drawn("anything else"),
        row("another protocol", "GET / HTTP/1.1\r\n").drawn("anything else"),
        row("CRLF", "\r\n").drawn("empty line")
            .because("Between frames it keeps a binding alive; after a head the body begins; in a body it may belong to the end-line."),
    ]);
    let headers = Vec::from([
        row("a header line that we know", "Success-Report: yes\r\n").drawn("anything else"),
        row("a header line that we do not know", "X-Colour: red\r\n").drawn("anything else"),
        row("a Byte-Range that is none", "Byte-Range: 0-1/1\r\n")
            .drawn("anything else")
            .because("CC-135."),
        row("a line without colon", "no colon\r\n").drawn("anything else"),
        row("a line without CR", "To-Path: x\n")
            .drawn("broken line")
            .because("CC-136."),
        row("more than a head may have", "a".repeat(HEAD_LIMIT + 1))
            .drawn("broken line")
            .because("CC-136."),
    ]);
    let bodies = Vec::from([
        row("the end-line, `$`", END).drawn("end-line"),
        row("the end-line, `+`", "-------tid1+\r\n").drawn("end-line"),
        row("the end-line, `#`", "-------tid1#\r\n").drawn("end-line"),
        row("octets and the end-line", "hi\r\n-------tid1$\r\n").drawn("end-line"),
        row(
            "octets, and the end-line without CRLF in front",
            "hi-------tid1$\r\n",
        )
        .drawn("no CRLF before the end-line")
        .because("CC-124."),
        row("the end-line of another frame", "hi\r\n-------tid2$\r\n")
            .drawn("anything else")
            .because("CC-122: in a body it is content."),
        row("half of the end-line", "hi\r\n-------ti")
            .drawn("anything else")
            .because("CC-123: it waits for the rest."),
    ]);
    Machine::new(
        "MSRP decoder",
        ABOUT,
        &scenes,
        Vec::from([
            ("Start lines and empty lines", starts),
            ("Header lines", headers),
            ("Bodies and end-lines", bodies),
        ]),
    )
    .begins("a connection", At::Start.name())
}

const ABOUT: &str = "\
The frames of one byte stream (`Decoder` in `src/wire/msrp/decode.rs`). The transaction is `tid1`. The cells say what
comes out once these octets have come, however they are cut; after an error every further call says the same.";
