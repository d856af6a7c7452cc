//! A `message/cpim` written.

use bytes::{BufMut, BytesMut};

use super::text::{Quotes, escape, is_header_name, is_name, is_token, is_uri};
use super::{Message, flaw, parse};
use crate::{Flaw, Limits};

/// Writes a message, header by header.
///
/// Texts may hold anything: what RFC 3862 §2.3 wants escaped is. What cannot be written, as a URI that
/// is none, [`Self::finish`] refuses.
#[derive(Clone, Debug)]
pub struct Writer {
    out: BytesMut,
    fields: usize,
    flaw: Option<Flaw>,
}

impl Writer {
    /// Begins a message from someone; the name may be empty.
    pub fn new(name: &str, uri: &str) -> Self {
        let writer = Self {
            out: BytesMut::new(),
            fields: 0,
            flaw: None,
        };
        writer.party("From", name, uri)
    }

    /// For someone; the name may be empty.
    #[must_use]
    pub fn to(self, name: &str, uri: &str) -> Self {
        self.party("To", name, uri)
    }

    /// With a courtesy copy for someone; the name may be empty.
    #[must_use]
    pub fn cc(self, name: &str, uri: &str) -> Self {
        self.party("cc", name, uri)
    }

    /// Sent at that time, as RFC 3339 has it.
    #[must_use]
    pub fn date_time(self, date_time: &str) -> Self {
        self.header("DateTime", date_time)
    }

    /// About this, in a language (RFC 3066) if that is known. Blanks around the text are left out.
    #[must_use]
    pub fn subject(mut self, language: Option<&str>, text: &str) -> Self {
        let Some(language) = language else {
            return self.header("Subject", text);
        };
        let is_tag = |octet: u8| octet.is_ascii_alphanumeric() || octet == b'-';
        self.check(
            !language.is_empty() && language.bytes().all(is_tag),
            "malformed language",
        );
        self.start("Subject");
        self.out.put_slice(b";lang=");
        self.out.put_slice(language.as_bytes());
        self.end(text)
    }

    /// Declares a name space for the headers that follow; an empty prefix is that of names without.
    #[must_use]
    pub fn space(mut self, prefix: &str, uri: &str) -> Self {
        self.check(prefix.is_empty() || is_name(prefix), "malformed prefix");
        self.start("NS");
        self.out.put_slice(b" ");
        if !prefix.is_empty() {
            self.out.put_slice(prefix.as_bytes());
            self.out.put_slice(b" ");
        }
        self.uri(uri)
    }

    /// Any header whose value is text. Blanks around the text are left out.
    #[must_use]
    pub fn header(mut self, name: &str, text: &str) -> Self {
        self.start(name);
        self.end(text)
    }

    /// Any header whose value is a party; the name may be empty.
    #[must_use]
    pub fn party(mut self, header: &str, name: &str, uri: &str) -> Self {
        self.start(header);
        self.out.put_slice(b" ");
        let plain = name.split(' ').all(is_token);
        if plain {
            self.out.put_slice(name.as_bytes());
            self.out.put_slice(b" ");
        } else if !name.is_empty() {
            self.out.put_slice(b"\"");
            escape(&mut self.out, name, Quotes::Escaped);
            self.out.put_slice(b"\"");
        }
        self.uri(uri)
    }

    /// Ends the message with its content. `lines` are the content's MIME header lines, each ended by
    /// CRLF.
    ///
    /// # Errors
    ///
    /// What is wrong with what was to be written, and where that would stand; status 400, or as
    /// [`parse`].
    pub fn finish(mut self, lines: &str, content: &[u8], limits: &Limits) -> Result<Message, Flaw> {
        if let Some(flaw) = self.flaw {
            return Err(flaw);
        }
        let head = self.out.len() + 2;
        for piece in [b"\r\n", lines.as_bytes(), b"\r\n", content] {
            self.out.put_slice(piece);
        }
        let message = parse(self.out.freeze(), limits)?;
        // Were they others than ours, a line end would be where none may be.
        let same = message.fields.len() == self.fields
            && message.content.lines.len() == lines.len()
            && message.content.content.len() == content.len();
        same.then_some(message)
            .ok_or(flaw(head, "malformed part header"))
    }

    fn check(&mut self, is_right: bool, what: &'static str) {
        if !is_right && self.flaw.is_none() {
            self.flaw = Some(flaw(self.out.len(), what));
        }
    }

    fn start(&mut self, name: &str) {
        self.check(is_header_name(name), "malformed header name");
        self.fields += 1;
        self.out.put_slice(name.as_bytes());
        self.out.put_slice(b":");
    }

    fn uri(mut self, uri: &str) -> Self {
        self.check(is_uri(uri), "malformed URI");
        for piece in ["<", uri, ">\r\n"] {
            self.out.put_slice(piece.as_bytes());
        }
        self
    }

    fn end(mut self, text: &str) -> Self {
        self.out.put_slice(b" ");
        escape(&mut self.out, text.trim_matches(' '), Quotes::Plain);
        self.out.put_slice(b"\r\n");
        self
    }
}
