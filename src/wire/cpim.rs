//! `message/cpim`: a message with headers of its own that travel from end to end (RFC 3862).

use alloc::borrow::Cow;

use bytes::Bytes;
use memchr::memmem;
use smallvec::SmallVec;

use self::text::{bracketed, declaration, is_header_name, param, quoted, split, unescape};
use super::mime::{self, read, span};
use super::{date, imdn};
use crate::message::Span;
use crate::{Body, Flaw, Limits, Part, Status};

mod text;
mod write;

pub(super) use text::is_token;
pub use write::Writer;

/// The media type (RFC 3862 §2.1).
pub const MEDIA_TYPE: &str = "message/cpim";

/// The name space of the headers of RFC 3862 §4, in which a header without prefix is unless the message
/// says otherwise.
pub const HEADERS: &str = "urn:ietf:params:cpim-headers:";

/// The headers of RFC 3862 §4 that are more than text.
const FROM: (&str, &str) = (HEADERS, "From");
const TO: (&str, &str) = (HEADERS, "To");
const CC: (&str, &str) = (HEADERS, "cc");
const DATE_TIME: (&str, &str) = (HEADERS, "DateTime");
const SUBJECT: (&str, &str) = (HEADERS, "Subject");
const NS: (&str, &str) = (HEADERS, "NS");
const REQUIRE: (&str, &str) = (HEADERS, "Require");

/// A message that was read. It holds the octets as they came, so that who passes it on changes nothing
/// (RFC 3862 §2.2); all else are places in them.
#[derive(Clone, Debug)]
pub struct Message {
    whole: Bytes,
    fields: SmallVec<[Field; 8]>,
    content: Part,
}

#[derive(Clone, Copy, Debug)]
struct Field {
    name: Span,
    params: Span,
    value: Span,
    space: Space,
    /// The prefix that it declares; empty for names without.
    declares: Option<Span>,
}

/// The name space that a name is in.
#[derive(Clone, Copy, Debug)]
enum Space {
    /// That of RFC 3862.
    Headers,
    /// The one that this field declares.
    Declared(usize),
    /// None: its prefix was never declared. Nobody can know what the header means.
    Unknown,
}

/// Reads a message. No octet is copied; what follows the header is all content.
///
/// The content's own header may follow without the blank line between (RFC 3862 §2), as in all
/// examples of RFC 4975, RFC 5438, RFC 5547 and RFC 7701: it begins with the first `Content-…` line
/// then, if one is a Content-Type.
///
/// # Errors
///
/// Status 400: no blank line after a header, more of it than `limits` allows, a line that RFC 3862 §3.6
/// does not allow, a malformed header of those that RFC 3862 §4 defines, two From or DateTime, or
/// content without Content-Type.
pub fn parse(whole: Bytes, limits: &Limits) -> Result<Message, Flaw> {
    let (head, begin, end, content) = divide(&whole, limits)?;
    let lines = whole.slice(begin..end);
    let mut message = Message {
        content: mime::entity(lines, whole.slice(content..), begin)?,
        fields: SmallVec::new(),
        whole: whole.clone(),
    };
    if message.content.content_type.len == 0 {
        return Err(flaw(begin, "content without Content-Type"));
    }
    let folded = |line: &&[u8]| !matches!(line.first(), None | Some(b' ' | b'\t'));
    let lines = message.content.lines.split(|octet| *octet == b'\n');
    let room = limits.cpim_fields.checked_sub(lines.filter(folded).count());
    let text = core::str::from_utf8(whole.get(..head).unwrap_or_default())
        .map_err(|error| flaw(error.valid_up_to(), "header is not UTF-8"))?;
    let mut at = 0;
    for line in text.split_terminator("\r\n") {
        if room.is_none_or(|room| message.fields.len() == room) {
            return Err(flaw(at, "too many header fields"));
        }
        message.add(at, line)?;
        at += line.len() + 2;
    }
    room.map(|_| message)
        .ok_or(flaw(begin, "too many header fields"))
}

impl Part {
    /// Reads the part as a message of its own. No octet is copied.
    ///
    /// # Errors
    ///
    /// As [`parse`]; and 415 where it is something else, or encoded.
    pub fn cpim(&self, limits: &Limits) -> Result<Message, Flaw> {
        parse(self.of(MEDIA_TYPE)?.clone(), limits)
    }
}

/// A header of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header<'a> {
    /// The name as it is written, with its prefix.
    pub name: &'a str,
    /// The name space that it is in; `None` if its prefix was not declared before.
    pub space: Option<&'a str>,
    /// The parameters as they are written, from the first `;` on.
    pub params: &'a str,
    /// The value as it is written, escapes and all.
    pub value: &'a str,
}

/// Who sent a message, or whom it is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Party<'a> {
    /// The name as it is written, with its quotes; empty if there is none.
    pub formal_name: &'a str,
    /// The URI, of any scheme, without angle brackets.
    pub uri: &'a str,
}

impl Message {
    /// The octets as they came.
    pub fn whole(&self) -> &Bytes {
        &self.whole
    }

    /// What the message carries, with its MIME header.
    pub fn content(&self) -> &Part {
        &self.content
    }

    /// What the message carries, split where it is a multipart. No octet is copied.
    pub fn body(&self) -> Body {
        mime::body(self.content.lines.clone(), self.content.content.clone())
    }

    /// All headers in order.
    pub fn headers(&self) -> impl Iterator<Item = Header<'_>> {
        self.fields.iter().map(|field| self.header(field))
    }

    /// The headers of a name in a name space, whatever prefix the message has for that; case matters.
    pub fn named(&self, space: &str, name: &str) -> impl Iterator<Item = Header<'_>> {
        self.headers()
            .filter(move |header| header.is((space, name)))
    }

    /// Who sent it.
    pub fn from(&self) -> Option<Party<'_>> {
        self.parties(FROM).next()
    }

    /// Whom it is for.
    pub fn to(&self) -> impl Iterator<Item = Party<'_>> {
        self.parties(TO)
    }

    /// Who gets a courtesy copy.
    pub fn cc(&self) -> impl Iterator<Item = Party<'_>> {
        self.parties(CC)
    }

    /// When it was sent, as RFC 3339 has it.
    pub fn date_time(&self) -> Option<&str> {
        let mut found = self.named(DATE_TIME.0, DATE_TIME.1);
        found.next().map(|header| header.value)
    }

    /// Its subjects, in as many languages as there are.
    pub fn subjects(&self) -> impl Iterator<Item = Header<'_>> {
        self.named(SUBJECT.0, SUBJECT.1)
    }

    /// Refuses a message that does not say who sent it or whom it is for, which RFC 3862 leaves to those
    /// who use it: a chat cannot do without (RFC 7701 §6.2).
    ///
    /// # Errors
    ///
    /// Status 400.
    pub fn addressed(&self) -> Result<(), Flaw> {
        match (self.from(), self.to().next()) {
            (Some(_), Some(_)) => Ok(()),
            (None, _) => Err(flaw(0, "message without From")),
            _ => Err(flaw(0, "message without To")),
        }
    }

    /// Refuses a message that requires its recipient to understand what is neither in RFC 3862 nor in
    /// RFC 5438 nor in `known`, pairs of name space and name (RFC 3862 §3.5). Who only passes it on
    /// does not ask.
    ///
    /// # Errors
    ///
    /// Status 400, at the name.
    pub fn understood(&self, known: &[(&str, &str)]) -> Result<(), Flaw> {
        const OURS: [(&str, &str); 7] = [FROM, TO, CC, DATE_TIME, SUBJECT, NS, REQUIRE];
        for (at, field) in self.fields.iter().enumerate() {
            if !self.header(field).is(REQUIRE) {
                continue;
            }
            let mut begin = field.value.at as usize;
            for piece in read(&self.whole, field.value).split(',') {
                let name = piece.trim_matches(' ');
                let before = self.fields.get(..at).unwrap_or_default();
                let wanted = Header {
                    name,
                    space: self.uri_of(self.space(before, name)),
                    params: "",
                    value: "",
                };
                let mut all = OURS.iter().chain(&imdn::HEADERS).chain(known);
                if !all.any(|known| wanted.is(*known)) {
                    return Err(flaw(begin, "required header is not understood"));
                }
                begin += piece.len() + 1;
            }
        }
        Ok(())
    }

    pub(super) fn parties(&self, which: (&str, &str)) -> impl Iterator<Item = Party<'_>> {
        self.named(which.0, which.1)
            .filter_map(|header| Party::read(header.value))
    }

    fn header(&self, field: &Field) -> Header<'_> {
        Header {
            name: read(&self.whole, field.name),
            space: self.uri_of(field.space),
            params: read(&self.whole, field.params),
            value: read(&self.whole, field.value),
        }
    }

    fn uri_of(&self, space: Space) -> Option<&str> {
        match space {
            Space::Headers => Some(HEADERS),
            Space::Declared(at) => {
                let value = read(&self.whole, self.fields.get(at)?.value);
                declaration(value).map(|(_, uri)| uri)
            }
            Space::Unknown => None,
        }
    }

    /// The name space of a name that comes after these fields: what the last declaration before it
    /// says (RFC 3862 §3.4).
    fn space(&self, before: &[Field], name: &str) -> Space {
        let prefix = name.split_once('.').map_or("", |(prefix, _)| prefix);
        let declares = |field: &Field| {
            let found = field.declares.map(|found| read(&self.whole, found));
            found == Some(prefix)
        };
        match before.iter().rposition(declares) {
            Some(at) => Space::Declared(at),
            None if prefix.is_empty() => Space::Headers,
            None => Space::Unknown,
        }
    }

    /// Takes one more line of the header.
    fn add(&mut self, at: usize, line: &str) -> Result<(), Flaw> {
        let (name, params, value) = split(at, line)?;
        let end = at + line.len();
        let mut field = Field {
            name: span(at, at + name.len()),
            params: span(at + name.len() + 1, end - value.len() - 1),
            value: span(end - value.len(), end),
            space: self.space(&self.fields, name),
            declares: None,
        };
        let header = Header {
            name,
            space: self.uri_of(field.space),
            params,
            value,
        };
        let is_second = |which| self.headers().any(|header| header.is(which));
        let wrong = if header.is(FROM) && is_second(FROM) {
            Some("second From")
        } else if header.is(DATE_TIME) && is_second(DATE_TIME) {
            Some("second DateTime")
        } else {
            header.wrong()
        };
        if let Some(what) = wrong {
            return Err(flaw(end - value.len(), what));
        }
        if header.is(NS) {
            let begin = end - value.len();
            let prefix = declaration(value).map(|(prefix, _)| prefix.len());
            field.declares = prefix.map(|len| span(begin, begin + len));
        }
        self.fields.push(field);
        Ok(())
    }
}

impl<'a> Header<'a> {
    /// The value with its escapes undone (RFC 3862 §2.3).
    pub fn text(&self) -> Cow<'a, str> {
        unescape(self.value)
    }

    /// The language of the value, if it says so.
    pub fn language(&self) -> Option<&'a str> {
        self.param("lang")
    }

    /// A parameter as it is written, without quotes; case matters.
    pub fn param(&self, name: &str) -> Option<&'a str> {
        let mut rest = self.params;
        while let Some((found, value, after)) = param(rest) {
            if found == name {
                return Some(value);
            }
            rest = after;
        }
        None
    }

    fn is(&self, (space, name): (&str, &str)) -> bool {
        let own = self.name.split_once('.').map_or(self.name, |(_, own)| own);
        own == name && self.space == Some(space)
    }

    /// What is wrong with the value of a header that RFC 3862 defines.
    fn wrong(&self) -> Option<&'static str> {
        let (is_right, what) = if self.is(FROM) || self.is(TO) || self.is(CC) {
            (Party::read(self.value).is_some(), "malformed party")
        } else if self.is(DATE_TIME) {
            (date::is_date_time(self.value), "malformed DateTime")
        } else if self.is(NS) {
            (declaration(self.value).is_some(), "malformed NS")
        } else if self.is(REQUIRE) {
            let mut names = self.value.split(',');
            let is_right = names.all(|name| is_header_name(name.trim_matches(' ')));
            (is_right, "malformed Require")
        } else {
            return None;
        };
        (!is_right).then_some(what)
    }
}

impl<'a> Party<'a> {
    /// The name with quotes and escapes undone.
    pub fn name(&self) -> Cow<'a, str> {
        let inner = self.formal_name.strip_prefix('"');
        unescape(
            inner
                .and_then(|inner| inner.strip_suffix('"'))
                .unwrap_or(self.formal_name),
        )
    }

    /// Reads `[formal-name] <uri>`. More names are taken than the grammar has, but none in which
    /// another reader could see another URI.
    pub(super) fn read(value: &'a str) -> Option<Self> {
        let (formal_name, rest) = match quoted(value) {
            Some((_, name, rest)) => (name, rest.trim_start_matches(' ')),
            None => value.split_at_checked(value.find(['<', '"'])?)?,
        };
        let uri = bracketed(rest)?;
        let formal_name = formal_name.trim_end_matches(' ');
        Some(Self { formal_name, uri })
    }
}

/// Where the message's header ends, where the content's begins and ends, and where the content begins.
fn divide(whole: &[u8], limits: &Limits) -> Result<(usize, usize, usize, usize), Flaw> {
    let window = whole.get(..limits.cpim_octets).unwrap_or(whole);
    let endless = flaw(
        window.len(),
        if window.len() < whole.len() {
            "header too long"
        } else {
            "header without end"
        },
    );
    let (head, after) = blank(window, 0).ok_or(endless)?;
    if let Some(begin) = joined(window.get(..head).unwrap_or_default()) {
        return Ok((begin, begin, head, after));
    }
    let (end, content) = blank(window, after).ok_or(endless)?;
    Ok((head, after, end, content))
}

/// The first blank line from here on: where what is before it ends, and where what is after it begins.
fn blank(octets: &[u8], from: usize) -> Option<(usize, usize)> {
    let rest = octets.get(from..)?;
    if rest.starts_with(b"\r\n") {
        return Some((from, from + 2));
    }
    let at = from + memmem::find(rest, b"\r\n\r\n")?;
    Some((at + 2, at + 4))
}

/// Where the content's header begins within the message's, if no blank line is between them.
fn joined(head: &[u8]) -> Option<usize> {
    let begins = |line: &[u8], with: &str| {
        let front = line.get(..with.len()).unwrap_or_default();
        front.eq_ignore_ascii_case(with.as_bytes())
    };
    let (mut at, mut begin, mut typed) = (0, None, false);
    for line in head.split_inclusive(|octet| *octet == b'\n') {
        if begins(line, "Content-") {
            begin = begin.or(Some(at));
            typed |= begins(line, "Content-Type:");
        }
        at += line.len();
    }
    begin.filter(|_| typed)
}

fn flaw(at: usize, what: &'static str) -> Flaw {
    Flaw {
        at,
        what,
        status: Status(400),
    }
}
