//! `message/cpim`: a message with headers of its own that travel from end to end (RFC 3862).

use alloc::borrow::Cow;
use alloc::string::String;

use bytes::{BufMut, Bytes, BytesMut};
use memchr::memmem;
use smallvec::SmallVec;

use super::mime::{self, read, span};
use super::{date, imdn};
use crate::message::Span;
use crate::{Body, Flaw, Limits, Part, Status};

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

/// Name, parameters and value of a header line (RFC 3862 §3.6).
fn split(at: usize, line: &str) -> Result<(&str, &str, &str), Flaw> {
    if let Some(control) = line.bytes().position(|octet| octet.is_ascii_control()) {
        return Err(flaw(at + control, "control character in header"));
    }
    let (name, rest) = line
        .split_once(':')
        .ok_or(flaw(at, "header without colon"))?;
    if !is_header_name(name) {
        return Err(flaw(at, "malformed header name"));
    }
    let mut after = rest;
    while let Some((_, _, rest)) = param(after) {
        after = rest;
    }
    let value = after
        .strip_prefix(' ')
        .filter(|value| !value.starts_with(' '));
    let at = at + line.len() - after.len();
    let value = value.ok_or(flaw(at, "not exactly one space before header value"))?;
    let params = rest.get(..rest.len() - after.len()).unwrap_or_default();
    Ok((name, params, value))
}

/// The parameter in front: its name, its value without quotes, and the rest.
fn param(text: &str) -> Option<(&str, &str, &str)> {
    let (name, rest) = text.strip_prefix(';')?.split_once('=')?;
    is_name(name).then_some(())?;
    if let Some((value, _, rest)) = quoted(rest) {
        return Some((name, value, rest));
    }
    let (value, rest) = rest.split_at_checked(rest.find([';', ' ']).unwrap_or(rest.len()))?;
    is_token(value).then_some((name, value, rest))
}

/// The quoted string in front, without and with its quotes, and the rest.
fn quoted(text: &str) -> Option<(&str, &str, &str)> {
    let inner = text.strip_prefix('"')?;
    let mut escaped = false;
    let end = inner.bytes().position(|octet| {
        let ends = octet == b'"' && !escaped;
        escaped = octet == b'\\' && !escaped;
        ends
    })?;
    let (whole, rest) = text.split_at_checked(end + 2)?;
    Some((inner.get(..end)?, whole, rest))
}

/// Prefix and URI that an NS header declares; the prefix is empty for names without.
fn declaration(value: &str) -> Option<(&str, &str)> {
    let (prefix, rest) = value.split_at_checked(value.find('<')?)?;
    let prefix = prefix.trim_end_matches(' ');
    (prefix.is_empty() || is_name(prefix)).then_some((prefix, bracketed(rest)?))
}

/// The URI in angle brackets that this is.
fn bracketed(text: &str) -> Option<&str> {
    let uri = text.strip_prefix('<')?.strip_suffix('>')?;
    is_uri(uri).then_some(uri)
}

/// Whether this has the form of an absolute URI of any scheme (RFC 2396 §3).
fn is_uri(text: &str) -> bool {
    let is_scheme = |octet: u8| octet.is_ascii_alphanumeric() || b"+-.".contains(&octet);
    text.split_once(':').is_some_and(|(scheme, rest)| {
        scheme.starts_with(|c: char| c.is_ascii_alphabetic())
            && scheme.bytes().all(is_scheme)
            && !rest.is_empty()
            && rest
                .bytes()
                .all(|octet| octet.is_ascii_graphic() && !b"<>\"\\".contains(&octet))
    })
}

fn is_header_name(text: &str) -> bool {
    let (prefix, name) = text.split_once('.').unwrap_or(("x", text));
    is_name(prefix) && is_name(name)
}

/// A Name of RFC 3862 §3.6.
fn is_name(text: &str) -> bool {
    let is_name = |octet: u8| octet.is_ascii_alphanumeric() || b"!#$%&'*+-^_`|~".contains(&octet);
    !text.is_empty() && text.bytes().all(is_name)
}

/// A Token of RFC 3862 §3.6.
pub(super) fn is_token(text: &str) -> bool {
    let is_token = |c: char| c == '.' || !c.is_ascii() || is_name(c.encode_utf8(&mut [0; 4]));
    !text.is_empty() && text.chars().all(is_token)
}

/// What becomes of double quotes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Quotes {
    Plain,
    Escaped,
}

/// Writes text with the escapes that RFC 3862 §2.3.1 wants, and no other.
fn escape(out: &mut BytesMut, text: &str, quotes: Quotes) {
    for c in text.chars() {
        let short = match c {
            '\\' => b"\\\\",
            '\u{8}' => b"\\b",
            '\t' => b"\\t",
            '\n' => b"\\n",
            '\r' => b"\\r",
            '"' if quotes == Quotes::Escaped => b"\\\"",
            c if c.is_ascii_control() => {
                let _ = core::fmt::write(out, format_args!("\\u{:04x}", u32::from(c)));
                continue;
            }
            c => {
                out.put_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
                continue;
            }
        };
        out.put_slice(short);
    }
}

/// Undoes escapes (RFC 3862 §2.3.1): one that is unknown stands for the character after it, and a
/// backslash at the end for nothing. A character beyond UCS-2 is two escapes, as in Java.
fn unescape(text: &str) -> Cow<'_, str> {
    let Some((plain, mut rest)) = text.split_once('\\') else {
        return Cow::Borrowed(text);
    };
    let mut out = String::from(plain);
    loop {
        let mut chars = rest.chars();
        match chars.next() {
            Some('b') => out.push('\u{8}'),
            Some('t') => out.push('\t'),
            Some('n') => out.push('\n'),
            Some('r') => out.push('\r'),
            Some('u') => match code(chars.as_str()) {
                Some((c, after)) => {
                    out.push(c);
                    chars = after.chars();
                }
                None => out.push('u'),
            },
            Some(other) => out.push(other),
            None => {}
        }
        let Some((plain, after)) = chars.as_str().split_once('\\') else {
            out.push_str(chars.as_str());
            return Cow::Owned(out);
        };
        out.push_str(plain);
        rest = after;
    }
}

/// The character whose number is in front, and the rest; `None` where no number is.
fn code(text: &str) -> Option<(char, &str)> {
    let unit = |text: &str| {
        let digits = text.get(..4)?;
        let all_hex = digits.bytes().all(|octet| octet.is_ascii_hexdigit());
        all_hex.then(|| u16::from_str_radix(digits, 16).ok())?
    };
    let (first, rest) = (unit(text)?, text.get(4..)?);
    let second = rest.strip_prefix("\\u").and_then(unit);
    match char::decode_utf16([first].into_iter().chain(second)).next()? {
        Ok(c) => {
            let used = if c.len_utf16() == 2 { 6 } else { 0 };
            Some((c, rest.get(used..)?))
        }
        Err(_) => Some((char::REPLACEMENT_CHARACTER, rest)),
    }
}

fn flaw(at: usize, what: &'static str) -> Flaw {
    Flaw {
        at,
        what,
        status: Status(400),
    }
}
