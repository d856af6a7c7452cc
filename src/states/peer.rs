//! Bob, who speaks to a machine under trial.

use alloc::format;
use alloc::string::String;

use bytes::Bytes;

use crate::wire::sip::{parse_request, parse_response};
use crate::{ByteRange, FailureReport, Method, ReportHead, Request, Response, SendHead};

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

/// What bob offers for a large message.
pub(crate) const OFFER: &str = "v=0\r\n\
    o=bob 1 1 IN IP4 192.0.2.20\r\n\
    s=-\r\n\
    c=IN IP4 192.0.2.20\r\n\
    t=0 0\r\n\
    m=message 8888 TCP/MSRP *\r\n\
    a=path:msrp://192.0.2.20:8888/9di4eae923wzdkk31;tcp\r\n\
    a=setup:active\r\n\
    a=accept-types:text/plain\r\n\
    a=sendonly\r\n";
/// What he answers.
pub(crate) const ANSWER: &str = "v=0\r\n\
    o=bob 1 1 IN IP4 192.0.2.20\r\n\
    s=-\r\n\
    c=IN IP4 192.0.2.20\r\n\
    t=0 0\r\n\
    m=message 8888 TCP/MSRP *\r\n\
    a=path:msrp://192.0.2.20:8888/9di4eae923wzdkk31;tcp\r\n\
    a=setup:passive\r\n\
    a=accept-types:text/plain\r\n\
    a=recvonly\r\n";

/// The head of a SEND of his, which asks for everything.
pub(crate) fn send_head(message: &str) -> SendHead<'_> {
    SendHead {
        message,
        range: ByteRange {
            start: 1,
            end: None,
            total: None,
        },
        success: true,
        failure: FailureReport::Yes,
        content_type: Some("text/plain"),
        mime: "Content-Type: text/plain\r\n",
    }
}

/// The head of a REPORT of his on a whole message.
pub(crate) fn report_head(message: &str, size: u64, status: u16) -> ReportHead<'_> {
    ReportHead {
        message,
        range: ByteRange {
            start: 1,
            end: Some(size),
            total: Some(size),
        },
        status,
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
