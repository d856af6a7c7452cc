//! A description of ours, written.

use core::fmt::Write;

use arrayvec::ArrayString;
use bytes::{Bytes, BytesMut};

use super::{Identity, Mint};
use crate::Config;
use crate::wire::msrp::{Url, rightmost, urls};
use crate::wire::sdp::{
    Address, Description, Direction, File, FileAttributes, Lines, Media, Origin, Setup, Time,
    Writer,
};

/// A description of ours, before it is written.
#[derive(Clone, Copy, Debug)]
pub(super) struct Draft<'a> {
    pub(super) config: &'a Config,
    pub(super) mint: Mint,
    /// The offer that it answers, and which of its lines we take: the others get port 0.
    pub(super) answers: Option<(&'a Description, usize)>,
    pub(super) info: &'a str,
    pub(super) setup: Option<Setup>,
    pub(super) cema: bool,
    pub(super) accept_types: &'a str,
    pub(super) accept_wrapped_types: &'a str,
    pub(super) max_size: Option<u64>,
    pub(super) direction: Direction,
    pub(super) filelength: Option<u64>,
    pub(super) files: Files<'a>,
    pub(super) identity: Identity,
}

/// What is said of a file.
#[derive(Clone, Copy, Debug)]
pub(super) enum Files<'a> {
    /// These attribute lines.
    Copied(&'a str),
    /// What an answer says of the file in this line of the offer; the draft's attributes too, or only the RFC's.
    Answered(&'a Media, FileAttributes),
}

/// Octets of a description of ours that has short names in it, without the media types.
const LEN: usize = 288;

impl Draft<'_> {
    /// Writes the description into `out`, which is empty, splits it off, and gives it and our URI in it.
    pub(super) fn write(&self, out: &mut BytesMut) -> (Bytes, Bytes) {
        debug_assert!(out.is_empty(), "scratch was not split off");
        // It lives as long as the session: not to grow by doubling, past what it takes.
        out.reserve(LEN + self.accept_types.len() + self.accept_wrapped_types.len());
        let host = self.config.msrp.host.as_str();
        let contact = self.config.account.contact.as_str();
        let (user, device) = match self.identity {
            Identity::Shown => (user(self.config.account.address.as_str()), host_of(contact)),
            Identity::Hidden => (None, host),
        };
        // 2⁶² has 19 digits.
        let mut number = ArrayString::<20>::new();
        let _ = write!(number, "{}", self.mint.number & (u64::MAX >> 2));
        let mut writer = Writer::new(out);
        writer.origin(&Origin {
            user: user.unwrap_or("-"),
            id: &number,
            version: &number,
            address: Address::internet(device),
        });
        writer.name("-");
        let relay = self.relay();
        let place = relay.map_or(host, |relay| relay.host);
        writer.address(&Address::internet(place));
        time(&mut writer, self.answers.map(|(offered, _)| offered));
        let (others, place) = match self.answers {
            Some((offered, place)) => (offered.media(), place),
            None => (&[][..], 0),
        };
        for other in others.iter().take(place) {
            closed(&mut writer, other);
        }
        let own = self.line(&mut writer);
        for other in others.iter().skip(place + 1) {
            closed(&mut writer, other);
        }
        let sdp = out.split().freeze();
        let own = sdp.slice(own);
        (sdp, own)
    }

    /// Who is named in c= and m= instead of us: under CEMA our outermost relay (RFC 6714 §4.2, §4.3).
    fn relay(&self) -> Option<Url<'_>> {
        let relay = rightmost(&self.config.route);
        Url::parse(relay).ok().filter(|_| self.cema)
    }

    /// Writes our media line, and says where our URI in it is.
    fn line(&self, writer: &mut Writer<'_>) -> core::ops::Range<usize> {
        let msrp = &self.config.msrp;
        // Who connects is not connected to: port 9, in the path as well (RFC 6135 §4.2.2).
        let port = if self.setup == Some(Setup::Active) {
            9
        } else {
            msrp.port
        };
        let proto = if msrp.tls { "TCP/TLS/MSRP" } else { "TCP/MSRP" };
        let scheme = if msrp.tls { "msrps" } else { "msrp" };
        let relay = self.relay().and_then(|relay| relay.port);
        writer.media("message", relay.unwrap_or(port), proto, "*");
        if !self.info.is_empty() {
            writer.info(self.info);
        }
        writer.begin_attribute("path");
        // From the peer's side the outermost relay comes first (RFC 4976 §5.1).
        for relay in urls(&self.config.route).rev() {
            let _ = write!(writer, "{relay} ");
        }
        let begin = writer.len();
        let _ = write!(
            writer,
            "{scheme}://{}:{port}/{};tcp",
            msrp.host, self.mint.id
        );
        let end = writer.len();
        writer.end();
        if let Some(setup) = self.setup {
            writer.setup(setup);
        }
        if self.cema {
            writer.property("msrp-cema");
        }
        writer.attribute("accept-types", self.accept_types);
        if !self.accept_wrapped_types.is_empty() {
            writer.attribute("accept-wrapped-types", self.accept_wrapped_types);
        }
        if let Some(size) = self.max_size {
            writer.formatted("max-size", format_args!("{size}"));
        }
        writer.direction(self.direction);
        if let Some(size) = self.filelength {
            writer.formatted("filelength", format_args!("{size}"));
        }
        match self.files {
            Files::Copied(lines) => Lines::of(lines).for_each(|line| writer.copy(&line)),
            Files::Answered(line, attributes) if line.file => answered(writer, line, attributes),
            Files::Answered(..) => {}
        }
        begin..end
    }
}

/// What an answer says of a file (RFC 5547 §8.3).
fn answered(writer: &mut Writer<'_>, line: &Media, attributes: FileAttributes) {
    let names: &[&str] = if line.direction.sends() {
        // Its name, type and size must be those of the offer, and its hash may be.
        &["file-selector", "file-transfer-id", "file-range"]
    } else {
        // We send: type and hash say what; the rest is the host's to add.
        if let Ok(Some(file)) = line.describes() {
            let told = File {
                media_type: file.media_type,
                sha1: file.sha1,
                ..File::default()
            };
            writer.file(&told, FileAttributes::Rfc5547);
        }
        &["file-transfer-id", "file-range"]
    };
    copied(writer, line, names);
    if attributes != FileAttributes::Rfc5547 {
        copied(writer, line, &["filename", "filetype", "filesize"]);
    }
}

fn copied(writer: &mut Writer<'_>, line: &Media, names: &[&str]) {
    let said = line.lines().filter(|line| {
        let attribute = line.attribute();
        attribute.is_some_and(|attribute| names.contains(&attribute.name))
    });
    said.for_each(|line| writer.copy(&line));
}

/// A line that is refused or over: port 0 (RFC 3264 §6, §8.2). A file in it is still told by what names it
/// (RFC 5547 §8.3).
pub(super) fn closed(writer: &mut Writer<'_>, line: &Media) {
    writer.closed(line);
    copied(writer, line, &["file-selector", "file-transfer-id"]);
}

/// The time of an offer, again (RFC 3264 §6), or what stands for no time at all.
pub(super) fn time(writer: &mut Writer<'_>, answers: Option<&Description>) {
    let mut told = false;
    for line in answers.into_iter().flat_map(Description::session) {
        match line.field() {
            Some((b't', time)) if is_time(time) => {
                writer.copy(&line);
                told = true;
            }
            Some((b'r' | b'z', _)) if told => writer.copy(&line),
            _ => {}
        }
    }
    if !told {
        writer.time(Time::default());
    }
}

/// Whether it is two numbers, however long.
fn is_time(value: &[u8]) -> bool {
    let mut words = value.trim_ascii().split(|b| *b == b' ');
    let number = |word: &[u8]| !word.is_empty() && word.iter().all(u8::is_ascii_digit);
    words.next().is_some_and(number) && words.next().is_some_and(number) && words.next().is_none()
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
