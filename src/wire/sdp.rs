//! Session descriptions (RFC 8866) of MSRP media.

use core::fmt::{Display, Write};

use bytes::{BufMut, Bytes, BytesMut};
use memchr::memchr;
use smallvec::SmallVec;

use super::mime::{read, span};
use crate::message::Span;
use crate::offer::Identity;
use crate::{Config, Flaw, Part, SessionId, Status};

pub use crate::offer::{ContactTag, Description, Direction, Kind, Media, Proto, Setup, Shape};

/// Media lines of a description; above it the description is refused with 400.
const LINES: usize = 32;

/// Reads a session description. No octet is copied.
///
/// Tolerant as a receiver must be (RFC 8866 §5.13): unknown lines and attributes are passed over, `s=`
/// may be empty, `t=` may be missing, lines may end without CR, blanks may stand around the name and
/// the value of an attribute (D-08). `a=setup` and the direction of the session level hold for each
/// line that has none of its own.
///
/// # Errors
///
/// Status 400: it does not begin with `v=0`, a media line is malformed, or there are more than 32.
pub fn parse(text: &Bytes) -> Result<Description, Flaw> {
    let mut description = Description {
        text: text.clone(),
        origin: Span::default(),
        time: Span::default(),
        media: SmallVec::new(),
    };
    let mut session = Attributes::default();
    let mut open: Option<(usize, Attributes)> = None;
    let mut at = 0;
    while let Some(rest) = text.get(at..).filter(|rest| !rest.is_empty()) {
        let len = memchr(b'\n', rest).unwrap_or(rest.len());
        let line = rest.get(..len).unwrap_or_default();
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if at == 0 && line != b"v=0" {
            return Err(flaw(0, "not a session description"));
        }
        match line {
            [b'm', b'=', ..] => {
                if let Some((begin, attributes)) = open.replace((at, session.inherited())) {
                    description.media.push(media(text, begin, at, attributes)?);
                }
                if description.media.len() == LINES {
                    return Err(flaw(at, "too many media lines"));
                }
            }
            [b'a', b'=', attribute @ ..] => {
                let (begin, attributes) = match &mut open {
                    Some((begin, attributes)) => (*begin, attributes),
                    None => (0, &mut session),
                };
                attributes.take(attribute, at + 2 - begin);
            }
            [b'i', b'=', title @ ..] => {
                if let Some((begin, attributes)) = &mut open {
                    attributes.info = value(title, at + 2 - *begin);
                }
            }
            [b'o', b'=', origin @ ..] if open.is_none() => {
                description.origin = value(origin, at + 2);
            }
            [b't', b'=', time @ ..] if open.is_none() && description.time.len == 0 => {
                description.time = value(time, at + 2);
            }
            _ => {}
        }
        at += len + 1;
    }
    if text.is_empty() {
        return Err(flaw(0, "not a session description"));
    }
    if let Some((begin, attributes)) = open {
        description
            .media
            .push(media(text, begin, text.len(), attributes)?);
    }
    Ok(description)
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

/// What attributes say, of the session or of one line. Spans count from the line's `m=`.
#[derive(Clone, Copy, Default)]
struct Attributes {
    path: Span,
    accept_types: Span,
    accept_wrapped_types: Span,
    info: Span,
    setup: Option<Setup>,
    direction: Option<Direction>,
    max_size: Option<u64>,
    filelength: Option<u64>,
    file: bool,
    cema: bool,
}

impl Attributes {
    fn inherited(&self) -> Self {
        Self {
            setup: self.setup,
            direction: self.direction,
            ..Self::default()
        }
    }

    fn take(&mut self, attribute: &[u8], at: usize) {
        let colon = memchr(b':', attribute);
        let (name, content) = attribute.split_at(colon.unwrap_or(attribute.len()));
        let content = content.strip_prefix(b":").unwrap_or_default();
        let place = value(content, at + name.len() + 1);
        let first = |old: Span| if old.len == 0 { place } else { old };
        match name.trim_ascii() {
            b"path" => self.path = first(self.path),
            b"accept-types" => self.accept_types = first(self.accept_types),
            b"accept-wrapped-types" => {
                self.accept_wrapped_types = first(self.accept_wrapped_types);
            }
            b"setup" => self.setup = setup(content).or(self.setup),
            b"sendrecv" => self.direction = Some(Direction::SendRecv),
            b"sendonly" => self.direction = Some(Direction::SendOnly),
            b"recvonly" => self.direction = Some(Direction::RecvOnly),
            b"inactive" => self.direction = Some(Direction::Inactive),
            b"max-size" => self.max_size = self.max_size.or(number(content)),
            b"filelength" => self.filelength = self.filelength.or(number(content)),
            b"file-selector" | b"filename" => self.file = true,
            b"msrp-cema" => self.cema = true,
            _ => {}
        }
    }
}

fn setup(content: &[u8]) -> Option<Setup> {
    let known = [
        ("active", Setup::Active),
        ("passive", Setup::Passive),
        ("actpass", Setup::Actpass),
        ("holdconn", Setup::Holdconn),
    ];
    let content = content.trim_ascii();
    let found = known
        .into_iter()
        .find(|(name, _)| content.eq_ignore_ascii_case(name.as_bytes()));
    found.map(|(_, setup)| setup)
}

fn media(text: &Bytes, begin: usize, end: usize, attributes: Attributes) -> Result<Media, Flaw> {
    let section = text.slice(begin..end);
    let len = memchr(b'\n', &section).unwrap_or(section.len());
    let line = read(&section, span(2, len)).trim_ascii();
    let bad = flaw(begin, "malformed media line");
    let line_at = section
        .get(2..)
        .map_or(0, |rest| rest.len() - rest.trim_ascii_start().len())
        + 2;
    // It may be written again, with port 0: it must not bring a line end with it.
    if line.bytes().any(|b| b.is_ascii_control()) {
        return Err(bad);
    }
    let mut words = line.split(' ').filter(|word| !word.is_empty());
    let (Some(kind), Some(ports), Some(proto)) = (words.next(), words.next(), words.next()) else {
        return Err(bad);
    };
    let ports_at = line
        .get(kind.len()..)
        .map_or(0, |rest| rest.len() - rest.trim_ascii_start().len())
        + kind.len()
        + line_at;
    let port = ports.split('/').next().and_then(|port| port.parse().ok());
    Ok(Media {
        line: span(line_at, line_at + line.len()),
        ports: span(ports_at, ports_at + ports.len()),
        path: attributes.path,
        accept_types: attributes.accept_types,
        accept_wrapped_types: attributes.accept_wrapped_types,
        info: attributes.info,
        kind: if kind == "message" {
            Kind::Message
        } else {
            Kind::Other
        },
        port: port.ok_or(bad)?,
        proto: match proto {
            _ if proto.eq_ignore_ascii_case("TCP/MSRP") => Proto::Msrp,
            _ if proto.eq_ignore_ascii_case("TCP/TLS/MSRP") => Proto::MsrpTls,
            _ => Proto::Other,
        },
        setup: attributes.setup,
        direction: attributes.direction.unwrap_or_default(),
        max_size: attributes.max_size,
        filelength: attributes.filelength,
        file: attributes.file,
        cema: attributes.cema,
        text: section,
    })
}

/// The place of a value without the blanks around it.
fn value(content: &[u8], at: usize) -> Span {
    let begin = at + (content.len() - content.trim_ascii_start().len());
    span(begin, begin + content.trim_ascii().len())
}

fn number(content: &[u8]) -> Option<u64> {
    let digits = core::str::from_utf8(content.trim_ascii()).ok()?;
    digits
        .bytes()
        .all(|b| b.is_ascii_digit())
        .then(|| digits.parse().ok())
        .flatten()
}

/// The left end of a path: who is connected to (RFC 4975 §5.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Hop {
    /// Whether TLS is spoken there.
    pub(crate) tls: bool,
    /// Whether one can connect there: neither port 9 nor an unspecified address.
    pub(crate) reachable: bool,
}

/// The left end of a path; `None` if any URI in it is malformed.
pub(crate) fn first_hop(path: &str) -> Option<Hop> {
    let mut hops = path.split_ascii_whitespace().map(hop);
    let first = hops.next()??;
    hops.all(|hop| hop.is_some()).then_some(first)
}

/// Reads an MSRP URI as a path has them: with port, session id and `;tcp` (RFC 4975 §6).
fn hop(uri: &str) -> Option<Hop> {
    if !uri
        .bytes()
        .all(|b| b.is_ascii_graphic() && b != b'<' && b != b'>')
    {
        return None;
    }
    let (scheme, rest) = uri.split_once("://")?;
    let tls = scheme.eq_ignore_ascii_case("msrps");
    if !tls && !scheme.eq_ignore_ascii_case("msrp") {
        return None;
    }
    let (authority, rest) = rest.split_once('/')?;
    let (session, params) = rest.split_once(';')?;
    let transport = params.split(';').next()?;
    if session.is_empty() || !transport.eq_ignore_ascii_case("tcp") {
        return None;
    }
    let authority = authority
        .rsplit_once('@')
        .map_or(authority, |(_, host)| host);
    let (host, port) = authority.rsplit_once(':')?;
    let bracketed = host.starts_with('[') && host.ends_with(']');
    if host.is_empty() || (host.contains(':') && !bracketed) {
        return None;
    }
    let port: u16 = port.parse().ok()?;
    let nowhere = host == "0.0.0.0" || host == "[::]" || port == 9 || port == 0;
    Some(Hop {
        tls,
        reachable: !nowhere,
    })
}

/// The `t=` of an answer: the offer's (RFC 3264 §6), or what stands for no time at all.
pub(crate) fn time_to_echo(offered: &str) -> &str {
    let sound = !offered.is_empty() && offered.bytes().all(|b| b.is_ascii_digit() || b == b' ');
    if sound { offered } else { "0 0" }
}

/// A description of ours, before it is written.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Draft<'a> {
    pub(crate) config: &'a Config,
    pub(crate) id: SessionId,
    /// The session id and version of `o=`: below 2⁶², so that versions can be counted up.
    pub(crate) number: u64,
    pub(crate) time: &'a str,
    pub(crate) setup: Option<Setup>,
    pub(crate) accept_types: &'a str,
    pub(crate) accept_wrapped_types: &'a str,
    pub(crate) max_size: Option<u64>,
    pub(crate) direction: Direction,
    pub(crate) filelength: Option<u64>,
    pub(crate) identity: Identity,
}

impl Draft<'_> {
    /// Writes the description into `out`, which is empty, splits it off, and gives it and our URI in it.
    /// Our line is the only one, or stands in `place` among `others`, which get port 0.
    pub(crate) fn write(
        &self,
        out: &mut BytesMut,
        others: &[Media],
        place: usize,
    ) -> (Bytes, Bytes) {
        debug_assert!(out.is_empty(), "scratch was not split off");
        let host = self.config.msrp.host.as_str();
        let contact = self.config.account.contact.as_str();
        let (user, device) = match self.identity {
            Identity::Shown => (user(self.config.account.address.as_str()), host_of(contact)),
            Identity::Hidden => (None, host),
        };
        put(out, "v=0\r\no=", user.unwrap_or("-"));
        let _ = write!(out, " {0} {0} ", self.number);
        put_address(out, device);
        out.put_slice(b"\r\ns=-\r\nc=");
        put_address(out, host);
        put(out, "\r\nt=", self.time);
        out.put_slice(b"\r\n");

        for other in others.iter().take(place) {
            refuse(out, other);
        }
        let own = self.line(out);
        for other in others.iter().skip(place + 1) {
            refuse(out, other);
        }
        let sdp = out.split().freeze();
        let own = sdp.slice(own);
        (sdp, own)
    }

    /// Writes our media line, and says where our URI in it is.
    fn line(&self, out: &mut BytesMut) -> core::ops::Range<usize> {
        let msrp = &self.config.msrp;
        // Who connects is not connected to: port 9, in the path as well (RFC 6135 §4.2.2).
        let port = if self.setup == Some(Setup::Active) {
            9
        } else {
            msrp.port
        };
        let proto = if msrp.tls { "TCP/TLS/MSRP" } else { "TCP/MSRP" };
        let scheme = if msrp.tls { "msrps" } else { "msrp" };
        let _ = write!(out, "m=message {port} {proto} *\r\na=path:");
        let begin = out.len();
        let _ = write!(out, "{scheme}://{}:{port}/{};tcp", msrp.host, self.id);
        let end = out.len();
        match self.setup {
            Some(Setup::Active) => out.put_slice(b"\r\na=setup:active"),
            Some(Setup::Passive) => out.put_slice(b"\r\na=setup:passive"),
            Some(Setup::Actpass) => out.put_slice(b"\r\na=setup:actpass"),
            Some(Setup::Holdconn) | None => {}
        }
        put(out, "\r\na=accept-types:", self.accept_types);
        if !self.accept_wrapped_types.is_empty() {
            put(
                out,
                "\r\na=accept-wrapped-types:",
                self.accept_wrapped_types,
            );
        }
        put_number(out, "\r\na=max-size:", self.max_size);
        out.put_slice(match self.direction {
            Direction::SendRecv => b"\r\na=sendrecv",
            Direction::SendOnly => b"\r\na=sendonly",
            Direction::RecvOnly => b"\r\na=recvonly",
            Direction::Inactive => b"\r\na=inactive",
        });
        put_number(out, "\r\na=filelength:", self.filelength);
        out.put_slice(b"\r\n");
        begin..end
    }
}

/// Writes a line of the peer's again, with port 0 (RFC 3264 §6).
fn refuse(out: &mut BytesMut, media: &Media) {
    let (line, ports) = (media.line, media.ports);
    let after = ports.at as usize + ports.len as usize;
    put(
        out,
        "m=",
        read(&media.text, span(line.at as usize, ports.at as usize)),
    );
    put(
        out,
        "0",
        read(
            &media.text,
            span(after, line.at as usize + line.len as usize),
        ),
    );
    out.put_slice(b"\r\n");
}

fn put(out: &mut BytesMut, name: &str, value: &str) {
    out.reserve(name.len() + value.len());
    out.put_slice(name.as_bytes());
    out.put_slice(value.as_bytes());
}

fn put_number(out: &mut BytesMut, name: &str, value: Option<impl Display>) {
    if let Some(value) = value {
        let _ = write!(out, "{name}{value}");
    }
}

/// Writes `IN IP4` or `IN IP6` and the address; a host name counts as IPv4, as everywhere.
fn put_address(out: &mut BytesMut, host: &str) {
    match host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'))
    {
        Some(host) => put(out, "IN IP6 ", host),
        None => put(out, "IN IP4 ", host),
    }
}

/// The user part of a URI of ours, if it can stand in `o=`.
fn user(uri: &str) -> Option<&str> {
    let (_, rest) = uri.split_once(':')?;
    let (user, _) = rest.split_once('@')?;
    let user = user.split(':').next()?;
    let fits = !user.is_empty() && user.bytes().all(|b| b.is_ascii_graphic());
    fits.then_some(user)
}

/// The host of a URI of ours.
fn host_of(uri: &str) -> &str {
    let rest = uri.split_once(':').map_or(uri, |(_, rest)| rest);
    let rest = rest.split_once('@').map_or(rest, |(_, rest)| rest);
    let end = if rest.starts_with('[') {
        rest.find(']').map_or(rest.len(), |at| at + 1)
    } else {
        rest.find([':', ';', '?']).unwrap_or(rest.len())
    };
    rest.get(..end).unwrap_or_default()
}

fn flaw(at: usize, what: &'static str) -> Flaw {
    Flaw {
        at,
        what,
        status: Status(400),
    }
}
