//! Messages from the pieces that a host's own message type holds, and back.

use bytes::{Bytes, BytesMut};

use super::{Message, lines, read, write};
use crate::wire::uri::bad;
use crate::{Flaw, Method, Request, Response, Status};

impl Request {
    /// Makes a request from its pieces, as a host has them that parses itself: through the same door as
    /// [`parse`](super::parse).
    ///
    /// `headers` are names and values in order, Via and all. The body is not copied.
    ///
    /// # Errors
    ///
    /// As [`parse`](super::parse); positions refer to the message as it would be written. A name or value with a CR or LF is a flaw: it
    /// would be read as something else.
    ///
    /// # Examples
    ///
    /// Sitting on a SIP stack that has a message type of its own, and giving the same back:
    ///
    /// ```
    /// use bytes::Bytes;
    /// use simple_im::{Flaw, Request};
    ///
    /// /// As the stack has it.
    /// #[derive(Debug, PartialEq)]
    /// struct Theirs {
    ///     method: String,
    ///     uri: String,
    ///     headers: Vec<(String, String)>,
    ///     body: Bytes,
    /// }
    ///
    /// fn ours(theirs: &Theirs) -> Result<Request, Flaw> {
    ///     let headers = theirs.headers.iter().map(|(name, value)| (&**name, &**value));
    ///     Request::build(&theirs.method, &theirs.uri, headers, theirs.body.clone())
    /// }
    ///
    /// fn theirs(ours: &Request) -> Theirs {
    ///     let owned = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
    ///     Theirs {
    ///         method: ours.method_name().to_owned(),
    ///         uri: ours.uri.to_string(),
    ///         headers: ours.head.headers().map(owned).collect(),
    ///         body: ours.body.whole().clone(),
    ///     }
    /// }
    ///
    /// let header = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    /// let message = Theirs {
    ///     method: "MESSAGE".to_owned(),
    ///     uri: "sip:bob@example.com".to_owned(),
    ///     headers: vec![
    ///         header("Via", "SIP/2.0/TCP pc33.example.com;branch=z9hG4bK776sgdkse"),
    ///         header("From", "<sip:alice@example.com>;tag=49583"),
    ///         header("To", "<sip:bob@example.com>"),
    ///         header("Call-ID", "asd88asd77a@pc33.example.com"),
    ///         header("CSeq", "1 MESSAGE"),
    ///         header("Content-Type", "text/plain"),
    ///     ],
    ///     body: Bytes::from_static(b"Watson, come here."),
    /// };
    /// let request = ours(&message)?;
    /// assert_eq!(request.head.from().tag(), Some("49583"));
    /// assert_eq!(theirs(&request), message);
    /// # Ok::<(), Flaw>(())
    /// ```
    pub fn build<'a>(
        method: &str,
        uri: &str,
        headers: impl IntoIterator<Item = (&'a str, &'a str)>,
        body: Bytes,
    ) -> Result<Self, Flaw> {
        let mut head = BytesMut::new();
        for piece in [method, " ", uri, " SIP/2.0\r\n"] {
            head.extend_from_slice(piece.as_bytes());
        }
        match build(head, [method, uri], headers, body)? {
            Message::Request(request) => Ok(request),
            Message::Response(_) => Err(bad(0, "method is no token")),
        }
    }
}

impl Request {
    /// The method as it is written, also one that [`Method`] does not know.
    pub fn method_name(&self) -> &str {
        match self.method {
            // CSeq names the same method, or there would be no request.
            Method::Other => self
                .head
                .header("CSeq")
                .and_then(|cseq| cseq.split([' ', '\t']).next_back())
                .unwrap_or_default(),
            method => method.as_str(),
        }
    }
}

impl Response {
    /// The reason phrase as it came, perhaps empty. For humans only: the status says what happened (RFC 3261 §7.2).
    pub fn reason(&self) -> &str {
        core::str::from_utf8(&self.reason).unwrap_or_default()
    }

    /// The same response with another reason phrase.
    ///
    /// # Errors
    ///
    /// 400: the phrase holds a control character.
    pub fn with_reason(self, reason: &str) -> Result<Self, Flaw> {
        match reason.bytes().position(lines::is_control) {
            Some(at) => Err(bad(at, "control character")),
            None => Ok(Self {
                reason: Bytes::copy_from_slice(reason.as_bytes()),
                ..self
            }),
        }
    }

    /// Makes a response from its pieces; see [`Request::build`].
    ///
    /// # Errors
    ///
    /// As [`Request::build`].
    pub fn build<'a>(
        status: Status,
        headers: impl IntoIterator<Item = (&'a str, &'a str)>,
        body: Bytes,
    ) -> Result<Self, Flaw> {
        let mut head = BytesMut::new();
        write::status_line(&mut head, status);
        match build(head, [], headers, body)? {
            Message::Response(response) => Ok(response),
            Message::Request(_) => Err(bad(0, "request where a response was expected")),
        }
    }
}

fn build<'a, const N: usize>(
    mut head: BytesMut,
    start: [&str; N],
    headers: impl IntoIterator<Item = (&'a str, &'a str)>,
    body: Bytes,
) -> Result<Message, Flaw> {
    let breaks = |text: &str| text.contains(['\r', '\n']);
    if start.iter().any(|piece| breaks(piece)) {
        return Err(bad(0, "start line holds a line break"));
    }
    for (name, value) in headers {
        if breaks(name) || breaks(value) {
            return Err(bad(head.len(), "header field holds a line break"));
        }
        for piece in [name, ": ", value, "\r\n"] {
            head.extend_from_slice(piece.as_bytes());
        }
    }
    head.extend_from_slice(b"\r\n");
    read(&head.freeze(), Some(body))
}
