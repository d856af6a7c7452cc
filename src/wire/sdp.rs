//! Session descriptions (RFC 8866, and RFC 4566 before it), and what they say of MSRP media.
//!
//! [`parse`] checks the frame and finds what every offer and answer of MSRP is judged by. Everything else stays as
//! it came, in order, known or not, and is read on demand: a description is a handle to its octets, and gives
//! them back ([`Description::octets`], [`Line::raw`]). [`Writer`] writes descriptions.

use bytes::Bytes;
use memchr::memchr;
use smallvec::SmallVec;

use super::mime::{read, span};
use super::msrp::{Url, urls};
use super::octet::decimal;
use crate::message::Span;
use crate::{Flaw, Part, Status};

mod attribute;
mod field;
mod file;
mod line;
mod write;

pub use attribute::{Chatroom, Direction, Fingerprint, Kind, Proto, Reuse, Setup};
pub use field::{Address, Bandwidth, Origin, Time};
pub use file::{
    File, FileAttributes, FileDates, FileName, FileRange, FileSelector, FileType, Hash, Selector,
};
pub use line::{Attribute, Line, Lines};
pub use write::Writer;

pub use crate::offer::{ContactTag, Shape};

/// Octets of a description; above it the description is refused with 413.
pub const OCTETS: usize = 64 * 1024;

/// Lines of a description; above it the description is refused with 400.
pub const LINES: usize = 2_048;

/// Media lines of a description; above it the description is refused with 400.
pub const MEDIA: usize = 32;

/// A session description that arrived. It holds a handle to the octets, no copy.
#[derive(Clone, Debug)]
pub struct Description {
    text: Bytes,
    /// Up to the first media line.
    session: Span,
    origin: Span,
    time: Span,
    media: SmallVec<[Media; 1]>,
}

/// One media line and the lines that belong to it.
#[derive(Clone, Debug)]
pub struct Media {
    /// The whole description: the spans are places in it.
    text: Bytes,
    session: Span,
    /// From `m=` to the next one.
    section: Span,
    line: Span,
    ports: Span,
    path: Span,
    accept_types: Span,
    accept_wrapped_types: Span,
    /// The value of its own `c=`, or else of the session's.
    address: Span,
    /// What is exchanged.
    pub kind: Kind,
    /// The port; 0 if the line is refused or over. Not used to connect (RFC 4975 §8.1), but under CEMA.
    pub port: u16,
    /// By which protocol.
    pub proto: Proto,
    /// Who connects, if it says so.
    pub setup: Option<Setup>,
    /// Who sends, as seen by the one who wrote it; `SendRecv` if it does not say.
    pub direction: Direction,
    /// `a=max-size`: the largest message that its author receives, in octets.
    pub max_size: Option<u64>,
    /// `a=filelength`: the announced size of the message, in octets (OC-LM-26).
    pub filelength: Option<u64>,
    /// Whether it describes a file: `a=file-selector` (RFC 5547) or the draft's `a=filename`.
    pub file: bool,
    /// `a=msrp-cema` (RFC 6714).
    pub cema: bool,
}

/// Reads a session description. No octet is copied.
///
/// Tolerant as a receiver must be (RFC 8866 §5.13): lines and attributes that nobody knows are kept and mean
/// nothing, lines stand in any order, `s=` may be empty, `o=` and `t=` may be missing, lines may end without CR, the
/// last one without LF, too; blanks may stand in front of a line, and around the name and the value of an
/// attribute (D-08). Of what may be there once, the first counts. `a=setup`, the direction and `c=` of the session
/// level hold for each media line that has none of its own.
///
/// # Errors
///
/// 413: more than [`OCTETS`]. 400: it does not begin with `v=0`, it has a NUL or a CR within a line, a media line is
/// malformed, or there are more than [`LINES`] or [`MEDIA`] of them.
pub fn parse(text: &Bytes) -> Result<Description, Flaw> {
    if text.len() > OCTETS {
        let flaw = flaw(OCTETS, "session description is too large");
        return Err(Flaw {
            status: Status(413),
            ..flaw
        });
    }
    let mut description = Description {
        text: text.clone(),
        session: span(0, text.len()),
        origin: Span::default(),
        time: Span::default(),
        media: SmallVec::new(),
    };
    if Lines::new(text, 0)
        .next()
        .is_none_or(|line| line.text() != b"v=0")
    {
        return Err(flaw(0, "description does not begin with v=0"));
    }
    let mut session = Found::default();
    let mut open: Option<Found> = None;
    // What is left of CR and NUL when those that end a line are taken off has no place in it.
    let mut odd = count_odd(text);
    for (number, line) in Lines::new(text, 0).enumerate() {
        if number == LINES {
            return Err(flaw(line.at, "too many lines"));
        }
        odd -= usize::from(line.has_cr());
        let Some((letter, value)) = line.field() else {
            continue;
        };
        match (letter, &mut open) {
            (b'm', open) => {
                let next = Found {
                    line: line.place(value),
                    begin: line.at,
                    ..Found::default()
                };
                match open.replace(next) {
                    Some(found) => description.take(found, &session, line.at)?,
                    None => description.session = span(0, line.at),
                }
                if description.media.len() == MEDIA {
                    return Err(flaw(line.at, "too many media lines"));
                }
            }
            (b'a', Some(found)) => found.attribute(&line, value),
            (b'a', None) => session.attribute(&line, value),
            (b'c', Some(found)) => first(&mut found.address, &line, value),
            (b'c', None) => first(&mut session.address, &line, value),
            (b'o', None) => first(&mut description.origin, &line, value),
            (b't', None) => first(&mut description.time, &line, value),
            _ => {}
        }
    }
    if odd > 0 {
        return Err(flaw(odd_at(text), "NUL or CR within a line"));
    }
    if let Some(found) = open {
        description.take(found, &session, text.len())?;
    }
    Ok(description)
}

/// How many octets are CR or NUL. By blocks whose count fits into an octet, which is what makes it quick.
fn count_odd(text: &[u8]) -> usize {
    let odd = |octet: &u8| u8::from(*octet == b'\r' || *octet == 0);
    let block = |block: &[u8]| usize::from(block.iter().map(odd).sum::<u8>());
    text.chunks(255).map(block).sum()
}

/// Where the first CR or NUL stands that ends no line.
fn odd_at(text: &[u8]) -> usize {
    let lines = Lines::new(text, 0);
    lines
        .filter_map(|line| Some(line.at + line.text().iter().position(|b| matches!(b, 0 | b'\r'))?))
        .next()
        .unwrap_or_default()
}

/// Takes the value of a line, if there was none before.
fn first(place: &mut Span, line: &Line<'_>, value: &[u8]) {
    if place.len == 0 {
        *place = line.place(value);
    }
}

/// What the lines say, of the session or of one media line.
#[derive(Default)]
struct Found {
    begin: usize,
    line: Span,
    path: Span,
    accept_types: Span,
    accept_wrapped_types: Span,
    address: Span,
    setup: Option<Setup>,
    direction: Option<Direction>,
    max_size: Option<u64>,
    filelength: Option<u64>,
    file: bool,
    cema: bool,
}

impl Found {
    fn attribute(&mut self, line: &Line<'_>, attribute: &[u8]) {
        let colon = memchr(b':', attribute).unwrap_or(attribute.len());
        let (name, value) = attribute.split_at_checked(colon).unwrap_or_default();
        let value = value.get(1..).unwrap_or_default();
        let number = || decimal(line::text(value));
        let direction = match name.trim_ascii() {
            b"path" => return first(&mut self.path, line, value),
            b"accept-types" => return first(&mut self.accept_types, line, value),
            b"accept-wrapped-types" => return first(&mut self.accept_wrapped_types, line, value),
            b"setup" => return self.setup = self.setup.or_else(|| Setup::read(value)),
            b"max-size" => return self.max_size = self.max_size.or_else(number),
            b"filelength" => return self.filelength = self.filelength.or_else(number),
            b"file-selector" | b"filename" => return self.file = true,
            b"msrp-cema" => return self.cema = true,
            b"sendrecv" => Direction::SendRecv,
            b"sendonly" => Direction::SendOnly,
            b"recvonly" => Direction::RecvOnly,
            b"inactive" => Direction::Inactive,
            _ => return,
        };
        self.direction = self.direction.or(Some(direction));
    }
}

impl Description {
    /// Takes the media line that ends where the next one begins.
    fn take(&mut self, found: Found, session: &Found, end: usize) -> Result<(), Flaw> {
        let text = &self.text;
        let line = read(text, found.line);
        let bad = |what| flaw(found.begin, what);
        // It may be written again, with port 0.
        if line.bytes().any(|b| b.is_ascii_control()) {
            return Err(bad("media line with a control character"));
        }
        let words = line.as_bytes().split(|octet| *octet == b' ');
        let mut words = words.filter(|word| !word.is_empty());
        let (Some(kind), Some(ports), Some(proto)) = (words.next(), words.next(), words.next())
        else {
            return Err(bad("media line without media, port and protocol"));
        };
        let slash = ports.iter().position(|octet| *octet == b'/');
        let port = ports.get(..slash.unwrap_or(ports.len()));
        let port = port.and_then(|port| decimal(line::text(port)));
        let ports_at = crate::wire::octet::offset(text, ports);
        self.media.push(Media {
            text: text.clone(),
            session: self.session,
            section: span(found.begin, end),
            line: found.line,
            ports: span(ports_at, ports_at + ports.len()),
            path: found.path,
            accept_types: found.accept_types,
            accept_wrapped_types: found.accept_wrapped_types,
            address: if found.address.len == 0 {
                session.address
            } else {
                found.address
            },
            kind: match kind {
                b"message" => Kind::Message,
                _ => Kind::Other,
            },
            port: port.ok_or(bad("port of a media line is none"))?,
            proto: Proto::read(proto),
            setup: found.setup.or(session.setup),
            direction: found.direction.or(session.direction).unwrap_or_default(),
            max_size: found.max_size,
            filelength: found.filelength,
            file: found.file,
            cema: found.cema,
        });
        Ok(())
    }

    /// The description as it came.
    pub fn octets(&self) -> &Bytes {
        &self.text
    }

    /// All lines, those of the media too.
    pub fn lines(&self) -> Lines<'_> {
        Lines::new(&self.text, 0)
    }

    /// The lines of the session: those in front of the first media line.
    pub fn session(&self) -> Lines<'_> {
        Lines::new(slice(&self.text, self.session), 0)
    }

    /// The media lines, in order.
    pub fn media(&self) -> &[Media] {
        &self.media
    }

    /// The value of `o=`, empty if there is none. See [`Origin::read`].
    pub fn origin(&self) -> &str {
        read(&self.text, self.origin)
    }

    /// The session's name: `s=`. Empty if there is none, or nothing in it, as in RFC 4317.
    pub fn name(&self) -> &str {
        self.session().values(b's').next().map_or("", line::text)
    }

    /// What the session is about: `i=`.
    pub fn info(&self) -> &str {
        self.session().values(b'i').next().map_or("", line::text)
    }

    /// The value of the first `t=`, empty if there is none: RFC 5547 and RFC 7701 leave it out.
    pub fn time(&self) -> &str {
        read(&self.text, self.time)
    }

    /// The times of the session, in order; malformed ones are passed over.
    pub fn times(&self) -> impl Iterator<Item = Time> {
        self.session().values(b't').filter_map(Time::read)
    }

    /// Where the media of the session go, if a line does not say otherwise: the first `c=` of the session.
    pub fn address(&self) -> Option<Address<'_>> {
        let mut lines = self.session().values(b'c');
        Address::read(line::text(lines.next()?))
    }

    /// The bandwidths of the session, in order; malformed ones are passed over.
    pub fn bandwidths(&self) -> impl Iterator<Item = Bandwidth<'_>> {
        self.session().values(b'b').filter_map(Bandwidth::read)
    }
}

impl Media {
    /// The value of the line itself.
    pub fn line(&self) -> &str {
        read(&self.text, self.line)
    }

    /// Its lines: the media line and those up to the next one.
    pub fn lines(&self) -> Lines<'_> {
        let at = self.section.at as usize;
        Lines::new(slice(&self.text, self.section), at)
    }

    /// The media, as it is written: `message`, `audio`.
    pub fn kind_name(&self) -> &str {
        self.word(0)
    }

    /// How many ports there are in a row: what follows `/` at the port, or 1.
    pub fn ports(&self) -> u32 {
        let count = read(&self.text, self.ports).split_once('/');
        count.and_then(|(_, count)| decimal(count)).unwrap_or(1)
    }

    /// The protocol, as it is written.
    pub fn proto_name(&self) -> &str {
        self.word(2)
    }

    /// The formats, in order. For MSRP it is `*`, and ignored (RFC 4975 §8.1).
    pub fn formats(&self) -> impl Iterator<Item = &str> {
        self.words().skip(3)
    }

    fn word(&self, at: usize) -> &str {
        self.words().nth(at).unwrap_or_default()
    }

    fn words(&self) -> impl Iterator<Item = &str> {
        self.line().split(' ').filter(|word| !word.is_empty())
    }

    /// The first attribute of this name.
    pub fn attribute(&self, name: &str) -> Option<Attribute<'_>> {
        self.lines().named(name).next()
    }

    fn attribute_text(&self, name: &str) -> Option<&str> {
        self.attribute(name).map(|attribute| attribute.text())
    }

    /// The MSRP URIs of its author, leftmost first, separated by blanks; empty if there are none.
    pub fn path(&self) -> &str {
        read(&self.text, self.path)
    }

    /// The media types that its author receives; empty if it does not say.
    pub fn accept_types(&self) -> &str {
        read(&self.text, self.accept_types)
    }

    /// The media types that its author receives inside a container only.
    pub fn accept_wrapped_types(&self) -> &str {
        read(&self.text, self.accept_wrapped_types)
    }

    /// The title: `i=`.
    pub fn info(&self) -> &str {
        self.lines().values(b'i').next().map_or("", line::text)
    }

    /// Where it goes: its first `c=`, or else the session's. `None` if there is none or if it is malformed.
    pub fn address(&self) -> Option<Address<'_>> {
        Address::read(read(&self.text, self.address))
    }

    /// All addresses of its own, in order: a hierarchical encoding has several.
    pub fn addresses(&self) -> impl Iterator<Item = Address<'_>> {
        let own = self.lines().values(b'c');
        own.filter_map(|value| Address::read(line::text(value)))
    }

    /// Its bandwidths, in order; malformed ones are passed over.
    pub fn bandwidths(&self) -> impl Iterator<Item = Bandwidth<'_>> {
        self.lines().values(b'b').filter_map(Bandwidth::read)
    }

    /// `a=connection`, which MSRP ignores.
    pub fn reuse(&self) -> Option<Reuse> {
        self.attribute_text("connection").and_then(Reuse::read)
    }

    /// `a=chatroom`, if it is there, with a value or without.
    pub fn chatroom(&self) -> Option<Chatroom<'_>> {
        self.attribute_text("chatroom").map(Chatroom)
    }

    /// The fingerprints of its author's certificate: its own, or else the session's (RFC 8122 §5). Malformed ones
    /// are passed over.
    pub fn fingerprints(&self) -> impl Iterator<Item = Fingerprint<'_>> {
        let own = self.attribute("fingerprint").is_some();
        let lines = if own {
            self.lines()
        } else {
            Lines::new(slice(&self.text, self.session), 0)
        };
        let all = lines.named("fingerprint");
        all.filter_map(|attribute| Fingerprint::read(attribute.text()))
    }

    /// What precedes and what follows the port in the line, to write it with another.
    fn around_port(&self) -> (&str, &str) {
        let (line, ports) = (self.line, self.ports);
        let end = line.at as usize + line.len as usize;
        let after = ports.at as usize + ports.len as usize;
        let before = span(line.at as usize, ports.at as usize);
        (read(&self.text, before), read(&self.text, span(after, end)))
    }
}

impl Part {
    /// Reads the part as a session description.
    ///
    /// # Errors
    ///
    /// As [`parse`]; and 415 where it is encoded.
    pub fn sdp(&self) -> Result<Description, Flaw> {
        if self.is_encoded() {
            return Err(Flaw {
                status: Status(415),
                ..flaw(0, "encoded session description")
            });
        }
        parse(&self.content)
    }
}

/// One end of a path: who is connected to at the left (RFC 4975 §5.4), its author at the right.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Hop<'a> {
    /// Whether TLS is spoken there.
    pub(crate) tls: bool,
    /// A host name, or an address without brackets.
    pub(crate) host: &'a str,
    pub(crate) port: u16,
}

impl Hop<'_> {
    /// Whether one can connect there: neither port 9 nor an unspecified address.
    pub(crate) fn is_reachable(&self) -> bool {
        is_reachable(self.host, self.port)
    }
}

/// Whether one can connect there: neither port 9 (RFC 4145 §4) nor 0, nor an unspecified address (CC-119).
pub(crate) fn is_reachable(host: &str, port: u16) -> bool {
    port != 0 && port != 9 && host != "0.0.0.0" && host != "::"
}

/// The hops of a path; `None` if it is empty, or any URI in it is not as an offer must have it: with port, session
/// id and `;tcp` (RFC 4975 §6, §8.2).
pub(crate) fn hops(path: &str) -> Option<impl Iterator<Item = Hop<'_>>> {
    let mut all = urls(path).map(hop).peekable();
    all.peek()?;
    let sound = urls(path).all(|url| hop(url).is_some());
    sound.then(|| all.flatten())
}

fn hop(uri: &str) -> Option<Hop<'_>> {
    let url = Url::parse(uri).ok()?;
    let sound = url.session.is_some() && url.transport.eq_ignore_ascii_case("tcp");
    let (tls, host) = (url.tls, url.bare_host());
    let port = url.port?;
    sound.then_some(Hop { tls, host, port })
}

fn slice(text: &Bytes, span: Span) -> &[u8] {
    let begin = span.at as usize;
    text.get(begin..begin + span.len as usize)
        .unwrap_or_default()
}

fn flaw(at: usize, what: &'static str) -> Flaw {
    Flaw {
        at,
        what,
        status: Status(400),
    }
}
