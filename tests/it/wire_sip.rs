//! The SIP codec: golden messages, the torture tests, round trips, prefixes.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

use bytes::Bytes;
use simple_im::wire::sip::{self, Message};
use simple_im::{Flaw, Request, Response};

mod corpora;

mod fields;

mod flaws;

mod framing;

mod golden;

mod peer;

mod random;

mod torture;

mod uri;

mod views;

mod write;

/// Text with LF line ends as octets with CRLF.
fn crlf(text: &str) -> Bytes {
    Bytes::from(text.replace('\n', "\r\n"))
}

fn request(text: &str) -> Request {
    sip::parse_request(&crlf(text)).unwrap_or_else(|flaw| panic!("{flaw}:\n{text}"))
}

fn response(text: &str) -> Response {
    sip::parse_response(&crlf(text)).unwrap_or_else(|flaw| panic!("{flaw}:\n{text}"))
}

fn flaw(text: &str) -> Flaw {
    match sip::parse(&crlf(text)) {
        Ok(Message::Request(r)) => panic!("read without a flaw: {r:?}"),
        Ok(Message::Response(r)) => panic!("read without a flaw: {r:?}"),
        Err(flaw) => flaw,
    }
}

/// A MESSAGE with these header lines added; one that begins with the name of a line of its own replaces that.
fn message_with(extra: &str) -> String {
    let own = [
        "Via: SIP/2.0/TCP pc33.example.com;branch=z9hG4bK776sgdkse",
        "Max-Forwards: 70",
        "From: <sip:alice@example.com>;tag=49583",
        "To: <sip:bob@example.com>",
        "Call-ID: asd88asd77a@pc33.example.com",
        "CSeq: 1 MESSAGE",
    ];
    let name = extra.split(':').next().unwrap().trim().to_ascii_lowercase();
    let mut text = String::from("MESSAGE sip:bob@example.com SIP/2.0\n");
    for line in own {
        if !line.to_ascii_lowercase().starts_with(&format!("{name}:")) {
            text += line;
            text += "\n";
        }
    }
    text += extra;
    text += "\nContent-Length: 0\n\n";
    text
}
