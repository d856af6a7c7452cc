//! A description of ours, written.

use core::fmt::Write;

use arrayvec::ArrayString;
use bytes::{Bytes, BytesMut};

use super::Identity;
use crate::wire::msrp::urls;
use crate::wire::sdp::{Address, Description, Direction, Origin, Setup, Time, Writer};
use crate::{Config, SessionId};

/// A description of ours, before it is written.
#[derive(Clone, Copy, Debug)]
pub(super) struct Draft<'a> {
    pub(super) config: &'a Config,
    pub(super) id: SessionId,
    /// The session id and version of `o=`: below 2⁶², so that versions can be counted up.
    pub(super) number: u64,
    /// The offer that it answers.
    pub(super) answers: Option<&'a Description>,
    pub(super) setup: Option<Setup>,
    pub(super) accept_types: &'a str,
    pub(super) accept_wrapped_types: &'a str,
    pub(super) max_size: Option<u64>,
    pub(super) direction: Direction,
    pub(super) filelength: Option<u64>,
    pub(super) identity: Identity,
}

/// Octets of a description of ours that has short names in it, without the media types.
const LEN: usize = 288;

impl Draft<'_> {
    /// Writes the description into `out`, which is empty, splits it off, and gives it and our URI in it.
    /// Our line is the only one, or stands in `place` among those of the offer, which get port 0.
    pub(super) fn write(&self, out: &mut BytesMut, place: usize) -> (Bytes, Bytes) {
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
        let _ = write!(number, "{}", self.number);
        let mut writer = Writer::new(out);
        writer.origin(&Origin {
            user: user.unwrap_or("-"),
            id: &number,
            version: &number,
            address: Address::internet(device),
        });
        writer.name("-");
        writer.address(&Address::internet(host));
        self.time(&mut writer);
        let others = self.answers.map_or(&[][..], Description::media);
        for other in others.iter().take(place) {
            writer.closed(other);
        }
        let own = self.line(&mut writer);
        for other in others.iter().skip(place + 1) {
            writer.closed(other);
        }
        let sdp = out.split().freeze();
        let own = sdp.slice(own);
        (sdp, own)
    }

    /// The time of the offer, again (RFC 3264 §6), or what stands for no time at all.
    fn time(&self, writer: &mut Writer<'_>) {
        let mut told = false;
        let lines = self.answers.into_iter().flat_map(Description::session);
        for line in lines {
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
        writer.media("message", port, proto, "*");
        writer.begin_attribute("path");
        // From the peer's side the outermost relay comes first (RFC 4976 §5.1).
        for relay in urls(&self.config.route).rev() {
            let _ = write!(writer, "{relay} ");
        }
        let begin = writer.len();
        let _ = write!(writer, "{scheme}://{}:{port}/{};tcp", msrp.host, self.id);
        let end = writer.len();
        writer.end();
        if let Some(setup) = self.setup {
            writer.setup(setup);
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
        begin..end
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
