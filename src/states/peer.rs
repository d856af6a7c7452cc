//! Bob, who speaks to a machine under trial.

use alloc::format;
use alloc::string::String;

use bytes::Bytes;

use crate::wire::sip::{parse_request, parse_response};
use crate::{Method, Request, Response};

/// What a peer knows of a dialog.
#[derive(Clone, Debug)]
pub(crate) struct Peer {
    pub(crate) call_id: String,
    /// The machine's tag; empty outside a dialog.
    pub(crate) ours: String,
    /// The peer's own.
    pub(crate) theirs: &'static str,
    /// Of the peer's last request.
    pub(crate) cseq: u32,
}

impl Peer {
    /// Bob outside a dialog.
    pub(crate) fn stranger() -> Self {
        Self {
            call_id: "5a1b@pc9.example.com".into(),
            ours: String::new(),
            theirs: "bob",
            cseq: 0,
        }
    }

    fn tag(&self) -> &'static str {
        if self.ours.is_empty() { "" } else { ";tag=" }
    }

    /// Bob's next request.
    pub(crate) fn request(&mut self, method: Method, lines: &str, body: &str) -> Request {
        self.cseq += 1;
        let name = match method {
            Method::Other => "JUMP",
            method => method.as_str(),
        };
        let text = format!(
            "{name} sip:alice@pc33.example.com SIP/2.0\r\n\
             Via: SIP/2.0/TCP pc9.example.com;branch=z9hG4bK2\r\n\
             Max-Forwards: 70\r\n\
             From: <sip:bob@example.com>;tag={}\r\n\
             To: <sip:alice@example.com>{}{}\r\n\
             Call-ID: {}\r\n\
             CSeq: {} {name}\r\n\
             Contact: <sip:bob@pc9.example.com>\r\n\
             {lines}{}",
            self.theirs,
            self.tag(),
            self.ours,
            self.call_id,
            self.cseq,
            described(lines, body),
        );
        parse_request(&Bytes::from(text)).unwrap()
    }

    /// Bob's response to a request of ours.
    pub(crate) fn response(
        &self,
        status: u16,
        (method, cseq): (Method, u32),
        lines: &str,
        body: &str,
    ) -> Response {
        let text = format!(
            "SIP/2.0 {status} Status\r\n\
             Via: SIP/2.0/TCP pc33.example.com;branch=z9hG4bK1\r\n\
             From: <sip:alice@example.com>{}{}\r\n\
             To: <sip:bob@example.com>;tag={}\r\n\
             Call-ID: {}\r\n\
             CSeq: {cseq} {}\r\n\
             Contact: <sip:bob@pc9.example.com>\r\n\
             {lines}{}",
            self.tag(),
            self.ours,
            self.theirs,
            self.call_id,
            method.as_str(),
            described(lines, body),
        );
        parse_response(&Bytes::from(text)).unwrap()
    }
}

/// The end of a head, and the body: a session description unless the head says otherwise.
fn described(lines: &str, body: &str) -> String {
    let kind = if body.is_empty() || lines.contains("Content-Type") {
        ""
    } else {
        "Content-Type: application/sdp\r\n"
    };
    format!("{kind}Content-Length: {}\r\n\r\n{body}", body.len())
}
