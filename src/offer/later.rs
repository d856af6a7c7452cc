//! Later offers: a session that stands is refreshed, changed or closed (RFC 3264 §8).

use core::fmt::Write;

use arrayvec::ArrayString;
use bytes::{Bytes, BytesMut};

use super::{Kind, Lines, Negotiated, Offered, Refused, judge};
use crate::Config;
use crate::wire::sdp::{self, Description, Direction, Origin, Setup, Writer};

/// What stands between us and the peer.
#[derive(Clone, Copy, Debug)]
pub struct Standing<'a> {
    /// Our last description.
    pub ours: &'a Bytes,
    /// The origin line of the peer's.
    pub origin: &'a str,
    /// What both have agreed on.
    pub media: &'a Negotiated,
}

/// Whether a later offer may change the session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// It may be refreshed or closed, as the transfer of one message (G-10).
    Refused,
    /// It may: direction, types, limits, the path even.
    Accepted,
}

/// What becomes of a later offer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Later {
    /// It says the same once more: our last description is the answer, with the version that it has.
    Same,
    /// The media are over: answer with this.
    Closed(Bytes),
    /// The session is changed: answer with this, and go on like that. If the peer's path is another one, a new
    /// connection is to be made.
    Changed(Bytes, Negotiated),
}

/// Answers a later offer. What it writes goes into `out`, which is empty, and is split off.
///
/// The offer is the same if its origin is (RFC 3264 §8), and also if all is the same but the version, which some count
/// up without a reason.
///
/// # Errors
///
/// What to refuse it with; the session stays as it is. It has fewer media lines than before, it changes what may not be
/// changed, or what it wants is not acceptable ([`answer`](super::answer)).
pub fn answer_later(
    config: &Config,
    standing: &Standing<'_>,
    offered: &Description,
    limit: u64,
    change: Change,
    out: &mut BytesMut,
) -> Result<Later, Refused> {
    if !standing.origin.is_empty() && offered.origin() == standing.origin {
        return Ok(Later::Same);
    }
    let ours = sdp::parse(standing.ours).map_err(|_| Refused::FIXED)?;
    let Lines { count, place } = Lines::within(&ours);
    if offered.media().len() < count {
        return Err(Refused::FEWER);
    }
    let line = offered.media().get(place).ok_or(Refused::NO_MEDIA)?;
    if line.kind != Kind::Message {
        return Err(Refused::NO_MEDIA);
    }
    let mut renewal = Renewal {
        place,
        answers: Some(offered),
        ..Renewal::default()
    };
    if line.port == 0 {
        renewal.close = true;
        return Ok(Later::Closed(renewal.write(&ours, out)));
    }
    let stands = ours.media().get(place);
    let same = stands.is_some_and(|ours| ours.proto == line.proto)
        && match change {
            Change::Refused => standing.media.is_repeated_by(line),
            Change::Accepted => standing.media.is_the_same_as(line),
        };
    if same && offered.media().len() == count {
        return Ok(Later::Same);
    }
    if !same && change == Change::Refused {
        return Err(Refused::FIXED);
    }
    let judged = judge(config, line, limit).map_err(|why| why.unwrap_or(Refused::NO_MEDIA))?;
    let direction = line.direction.inverted();
    renewal.direction = Some(direction);
    // What we said stands where it fits the new offer.
    let connect = match (line.setup, stands.and_then(|ours| ours.setup)) {
        (Some(Setup::Actpass), Some(Setup::Active)) => true,
        (Some(Setup::Actpass), Some(Setup::Passive)) => false,
        _ => judged.connect,
    };
    renewal.setup = Some(if connect {
        Setup::Active
    } else {
        Setup::Passive
    });
    let media = Negotiated::new(direction, line, &super::Judged { connect, ..judged });
    Ok(Later::Changed(renewal.write(&ours, out), media))
}

/// The offer once more without `a=msrp-cema`, as the next version: an answer has shown that somebody between us has
/// changed where to connect and that the peer does not know ([`Concluded::Again`](super::Concluded)). What it writes
/// goes into `out`, which is empty, and is split off.
pub fn without_cema(offered: &Offered, out: &mut BytesMut) -> Offered {
    let ours = sdp::parse(&offered.sdp);
    let sdp = ours.map_or(offered.sdp.clone(), |ours| {
        let renewal = Renewal {
            place: Lines::within(&ours).place,
            plain: true,
            ..Renewal::default()
        };
        renewal.write(&ours, out)
    });
    Offered {
        sdp,
        cema: false,
        ..offered.clone()
    }
}

/// How our next description differs from the last.
#[derive(Default)]
struct Renewal<'a> {
    /// Which line is ours.
    place: usize,
    /// The offer that it answers: its times, and its lines that are new and refused.
    answers: Option<&'a Description>,
    direction: Option<Direction>,
    setup: Option<Setup>,
    close: bool,
    /// Without CEMA.
    plain: bool,
}

impl Renewal<'_> {
    /// Writes it, with the next version (RFC 3264 §8).
    fn write(&self, ours: &Description, out: &mut BytesMut) -> Bytes {
        debug_assert!(out.is_empty(), "scratch was not split off");
        out.reserve(ours.octets().len() + 16);
        let mut writer = Writer::new(out);
        for line in ours.session().skip(1) {
            match (line.field(), self.answers) {
                (Some((b'o', _)), _) => next(&mut writer, ours.origin()),
                // The answer's time is the offer's (RFC 3264 §6).
                (Some((b't', _)), Some(offered)) => super::draft::time(&mut writer, Some(offered)),
                (Some((b'r' | b'z', _)), Some(_)) => {}
                _ => writer.copy(&line),
            }
        }
        for (place, media) in ours.media().iter().enumerate() {
            if place != self.place {
                media.lines().for_each(|line| writer.copy(&line));
            } else if self.close {
                super::draft::closed(&mut writer, media);
            } else {
                for line in media.lines() {
                    let attribute = line.attribute().map(|attribute| attribute.name);
                    match (attribute, self.setup, self.direction) {
                        (Some("msrp-cema"), ..) if self.plain => {}
                        (Some("setup"), Some(setup), _) => writer.setup(setup),
                        (Some(name), _, Some(direction)) if name == media.direction.as_str() => {
                            writer.direction(direction);
                        }
                        _ => writer.copy(&line),
                    }
                }
            }
        }
        let added = self.answers.map_or(&[][..], Description::media);
        for media in added.iter().skip(ours.media().len()) {
            super::draft::closed(&mut writer, media);
        }
        out.split().freeze()
    }
}

/// The origin with the next version.
fn next(writer: &mut Writer<'_>, origin: &str) {
    let Some(origin) = Origin::read(origin) else {
        return writer.line(b'o', origin.as_bytes());
    };
    let mut version = ArrayString::<20>::new();
    let number: u64 = origin.version.parse().unwrap_or_default();
    let _ = write!(version, "{}", number.wrapping_add(1));
    writer.origin(&Origin {
        version: &version,
        ..origin
    });
}
