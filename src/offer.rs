//! MSRP offer and answer over SDP (RFC 3264, RFC 4975 §8, RFC 6135), as pure functions.
//!
//! Table 3.5 of the requirements says what of an offer reappears in the answer. Reading and writing
//! the text is done in [`wire::sdp`](crate::wire::sdp); here is decided what it means.

use bytes::{Bytes, BytesMut};

use crate::message::Span;
use crate::profile::{SetupAnswer, SetupOffer};
use crate::wire::{mime, sdp};
use crate::{Config, Context, Failure, Head, Preference, SessionId, Status};

mod draft;

use draft::Draft;

pub(crate) use crate::wire::sdp::{Description, Direction, Kind, Media, Proto, Setup};

/// What an offer is for (D-30).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// A file (RFC 5547).
    File,
    /// One large message.
    LargeMessage,
    /// A session of messages.
    Session,
}

impl Description {
    /// The message line that counts: the first that is open.
    fn message(&self) -> Option<&Media> {
        self.media()
            .iter()
            .find(|line| line.kind == Kind::Message && line.port != 0)
    }

    /// The announced size of the message, in octets (OC-LM-26).
    pub(crate) fn filelength(&self) -> Option<u64> {
        self.message()?.filelength
    }

    /// Whether there is a message line that counts.
    pub(crate) fn is_open(&self) -> bool {
        self.message().is_some()
    }

    /// What the offerer receives.
    pub(crate) fn accept_types(&self) -> &str {
        self.message().map_or("", Media::accept_types)
    }

    /// Who sends, as the offerer sees it.
    pub(crate) fn direction(&self) -> Direction {
        self.message()
            .map_or(Direction::Inactive, |line| line.direction)
    }

    /// What the request that carries the offer is for (D-30).
    pub(crate) fn shape_of(&self, head: &Head) -> Shape {
        let tagged = head
            .contact()
            .is_some_and(|contact| contact.feature("+g.oma.sip-im.large-message"));
        let contact = if tagged {
            ContactTag::LargeMessage
        } else {
            ContactTag::None
        };
        self.shape(head.preference(), contact)
    }

    /// What the offer is for, with what Accept-Contact asked for and whether the Contact names the
    /// Large Message feature tag. The first that applies counts (D-30).
    pub fn shape(&self, preference: Preference, contact_large: ContactTag) -> Shape {
        let mut messages = self
            .media()
            .iter()
            .filter(|line| line.kind == Kind::Message);
        if messages.clone().any(|line| line.file) {
            return Shape::File;
        }
        if preference.large_message || contact_large == ContactTag::LargeMessage {
            return Shape::LargeMessage;
        }
        match (messages.next(), messages.next()) {
            (Some(only), None) if only.direction == Direction::SendOnly => Shape::LargeMessage,
            _ => Shape::Session,
        }
    }
}

/// Whether a Contact names the Large Message feature tag.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ContactTag {
    /// It names `+g.oma.sip-im.large-message`.
    LargeMessage,
    /// It does not.
    None,
}

impl Media {
    /// Who is at the left end of the path, if the path and the protocol are good and agree.
    fn first_hop(&self) -> Option<sdp::Hop<'_>> {
        let hop = sdp::hops(self.path())?.next()?;
        let fits = match self.proto {
            Proto::Msrp => !hop.tls,
            Proto::MsrpTls => hop.tls,
            Proto::Other => false,
        };
        fits.then_some(hop)
    }

    /// What it accepts, with the tolerance for peers that forget to say.
    fn accepted(&self, config: &Config) -> Option<&str> {
        match self.accept_types() {
            "" => config.profile.accept_types_missing.then_some("*"),
            types => Some(types),
        }
    }
}

/// What we want of an offer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Wanted<'a> {
    pub(crate) direction: Direction,
    pub(crate) accept_types: &'a str,
    pub(crate) accept_wrapped_types: &'a str,
    pub(crate) filelength: Option<u64>,
    pub(crate) max_size: Option<u64>,
    pub(crate) identity: Identity,
}

/// Whether a description of ours may say who we are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Identity {
    Shown,
    /// `o=` names neither user nor device (CC-99).
    Hidden,
}

/// An offer of ours, to be sent and to be compared with its answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Offered {
    pub(crate) sdp: Bytes,
    /// Our MSRP URI.
    pub(crate) own: Bytes,
    pub(crate) id: SessionId,
    pub(crate) setup: Option<Setup>,
    pub(crate) direction: Direction,
}

/// Writes an offer of one MSRP line (UP-01).
pub(crate) fn offer(cx: &mut Context<'_>, id: SessionId, wanted: &Wanted<'_>) -> Offered {
    let config = cx.config;
    let setup = match config.profile.setup_offer {
        SetupOffer::Actpass => Some(Setup::Actpass),
        SetupOffer::Active => Some(Setup::Active),
        SetupOffer::Omit => None,
    };
    let draft = Draft {
        config,
        id,
        number: cx.draw() >> 2,
        answers: None,
        setup,
        accept_types: wanted.accept_types,
        accept_wrapped_types: wanted.accept_wrapped_types,
        max_size: wanted.max_size,
        direction: wanted.direction,
        filelength: wanted.filelength,
        identity: wanted.identity,
    };
    let (sdp, own) = draft.write(cx.scratch(), 0);
    Offered {
        sdp,
        own,
        id,
        setup,
        direction: wanted.direction,
    }
}

/// An answer of ours, and what it makes of the session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Answered {
    pub(crate) sdp: Bytes,
    /// Our MSRP URI.
    pub(crate) own: Bytes,
    pub(crate) media: Negotiated,
}

/// Why an offer is not acceptable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Refused {
    pub(crate) status: Status,
    /// The code and text of a Warning (RFC 3261 §20.43).
    pub(crate) warning: Option<(u16, &'static str)>,
}

impl Refused {
    const fn warned(code: u16, text: &'static str) -> Self {
        Self {
            status: Status(488),
            warning: Some((code, text)),
        }
    }

    /// No message line that is open.
    const NO_MEDIA: Self = Self::warned(304, "Media type not available");
    /// A protocol that we do not speak.
    const PROTOCOL: Self = Self::warned(302, "Incompatible transport protocol");
    /// No media type that would do. In RFC 3261's words a format, since the media is `message`.
    const FORMAT: Self = Self::warned(305, "Incompatible media format");
    /// A path that is missing or that nobody can use.
    const PATH: Self = Self::warned(307, "Session description parameter not understood");
}

/// Accepts the first message line that is acceptable and refuses the others (RFC 3264 §6).
///
/// `limit` is the largest message that we take, in octets.
///
/// # Errors
///
/// What to refuse the whole with. It says what is wrong with the first message line, which its
/// author likes best, and nothing has been written.
pub(crate) fn answer(
    cx: &mut Context<'_>,
    offered: &Description,
    id: SessionId,
    limit: u64,
) -> Result<Answered, Refused> {
    let config = cx.config;
    let mut refused = None;
    let mut lines = offered.media().iter().enumerate();
    let (place, line, active, accepted) = loop {
        let Some((place, line)) = lines.next() else {
            return Err(refused.unwrap_or(Refused::NO_MEDIA));
        };
        match judge(config, line, limit) {
            Ok((active, accepted)) => break (place, line, active, accepted),
            Err(why) => refused = refused.or(why),
        }
    };

    let direction = line.direction.inverted();
    // An announced size has been checked; whoever did not announce one is told our limit.
    let tell_limit = line.filelength.is_none() || line.max_size.is_some();
    let draft = Draft {
        config,
        id,
        number: cx.draw() >> 2,
        answers: Some(offered),
        // Always said, even to an offer without: who speaks COMEDIA then knows (RFC 6135 §4.2.1).
        setup: Some(if active {
            Setup::Active
        } else {
            Setup::Passive
        }),
        accept_types: &config.account.accept_types,
        accept_wrapped_types: &config.account.accept_wrapped_types,
        max_size: (tell_limit && direction.receives()).then_some(limit),
        direction,
        filelength: line.filelength.filter(|_| config.profile.echo_filelength),
        identity: Identity::Shown,
    };
    let (sdp, own) = draft.write(cx.scratch(), place);
    let media = Negotiated::new(active, direction, line, accepted);
    Ok(Answered { sdp, own, media })
}

/// Whether we take this line, connecting or not, and what it accepts. `Err(None)`: it is not for us.
fn judge<'a>(
    config: &Config,
    line: &'a Media,
    limit: u64,
) -> Result<(bool, &'a str), Option<Refused>> {
    if line.kind != Kind::Message || line.port == 0 {
        return Err(None);
    }
    let ours = if config.msrp.tls {
        Proto::MsrpTls
    } else {
        Proto::Msrp
    };
    if line.proto != ours {
        return Err(Some(Refused::PROTOCOL));
    }
    let hop = line.first_hop().ok_or(Refused::PATH)?;
    let accepted = line.accepted(config).ok_or(Refused::FORMAT)?;
    if path_and_types(line, accepted) > config.limits.dialog_octets {
        return Err(Some(Refused::PATH));
    }

    let direction = line.direction.inverted();
    let mut own = config.account.accept_types.split_ascii_whitespace();
    // What the peer will send is not known before it does, what we may send is.
    let usable = (direction.receives() && own.clone().next().is_some())
        || (direction.sends() && own.any(|ours| matches_any(accepted, ours)))
        || direction == Direction::Inactive;
    if !usable {
        return Err(Some(Refused::FORMAT));
    }
    if line.filelength.is_some_and(|size| size > limit) {
        let warning = config.profile.size_exceeded_warning;
        return Err(Some(Refused {
            status: Status(config.profile.size_exceeded_status),
            warning: warning.then_some((399, "133 Size exceeded")),
        }));
    }

    let active = match line.setup {
        Some(Setup::Actpass) => {
            // Nobody can be reached at port 9 or 0.0.0.0: then it is for us to listen (CC-119).
            config.profile.setup_answer == SetupAnswer::Active && hop.is_reachable()
        }
        Some(Setup::Passive) if hop.is_reachable() => true,
        Some(Setup::Passive) => return Err(Some(Refused::PATH)),
        // Without a=setup the offerer connects (RFC 4975 §5.4), and holdconn counts as absent.
        Some(Setup::Active | Setup::Holdconn) | None => false,
    };
    Ok((active, accepted))
}

fn path_and_types(line: &Media, accepted: &str) -> usize {
    line.path().len() + accepted.len() + line.accept_wrapped_types().len()
}

/// Reads the answer to an offer of ours.
///
/// # Errors
///
/// [`Failure::BadAnswer`] when it does not let us do what we offered: the line is refused, its
/// direction contradicts ours (CC-46), both would connect or neither could, or it is no MSRP.
pub(crate) fn conclude(
    config: &Config,
    offered: &Offered,
    answer: &Description,
) -> Result<Negotiated, Failure> {
    let bad = Failure::BadAnswer;
    let line = answer.media().first().ok_or(bad)?;
    let ours = if config.msrp.tls {
        Proto::MsrpTls
    } else {
        Proto::Msrp
    };
    if line.kind != Kind::Message || line.port == 0 || line.proto != ours {
        return Err(bad);
    }
    let hop = line.first_hop().ok_or(bad)?;
    let accepted = line.accepted(config).ok_or(bad)?;
    if path_and_types(line, accepted) > config.limits.dialog_octets {
        return Err(bad);
    }

    // What both allow. A lazy `sendrecv` to our one-way offer is narrowed to what we offered.
    let (mine, theirs) = (offered.direction, line.direction.inverted());
    let direction = mine.narrowed(theirs);
    let one_way = matches!(mine, Direction::SendOnly | Direction::RecvOnly);
    if one_way && direction == Direction::Inactive {
        return Err(bad);
    }

    let connect = match (offered.setup, line.setup) {
        (Some(Setup::Actpass), Some(Setup::Active)) => false,
        // Both would connect: whoever answers `active` to an active offerer is wrong (section 3.7).
        (_, Some(Setup::Active)) => return Err(bad),
        // An answer without a=setup comes from a peer that only knows RFC 4975: the offerer connects.
        (_, Some(Setup::Passive | Setup::Actpass | Setup::Holdconn) | None) => true,
    };
    if connect && !hop.is_reachable() {
        return Err(bad);
    }
    Ok(Negotiated::new(connect, direction, line, accepted))
}

/// What offer and answer have agreed on, and what of the peer's description outlives it: copied, so
/// that no session pins a datagram.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Negotiated {
    /// Whether we connect.
    pub(crate) connect: bool,
    pub(crate) can_send: bool,
    pub(crate) can_receive: bool,
    /// The largest message that the peer receives, in octets.
    pub(crate) max_size: Option<u64>,
    /// The size that the peer announced, in octets.
    pub(crate) filelength: Option<u64>,
    /// Path, accept-types and accept-wrapped-types, one after the other.
    text: Bytes,
    path: Span,
    accept_types: Span,
}

impl Negotiated {
    fn new(connect: bool, direction: Direction, line: &Media, accepted: &str) -> Self {
        let path = line.path();
        let mut text = BytesMut::with_capacity(path_and_types(line, accepted));
        for piece in [path, accepted, line.accept_wrapped_types()] {
            text.extend_from_slice(piece.as_bytes());
        }
        Self {
            connect,
            can_send: direction.sends(),
            can_receive: direction.receives(),
            max_size: line.max_size,
            filelength: line.filelength,
            text: text.freeze(),
            path: mime::span(0, path.len()),
            accept_types: mime::span(path.len(), path.len() + accepted.len()),
        }
    }

    /// What there is to know of a peer whose path was learnt without a description: it takes and sends
    /// everything. `None` if the path is none, or does not say where to connect to and we are to.
    pub(crate) fn with_path(config: &Config, connect: bool, path: &str) -> Option<Self> {
        let hop = sdp::hops(path)?.next()?;
        if path.len() > config.limits.dialog_octets || (connect && !hop.is_reachable()) {
            return None;
        }
        let mut text = BytesMut::with_capacity(path.len() + 1);
        text.extend_from_slice(path.as_bytes());
        text.extend_from_slice(b"*");
        Some(Self {
            connect,
            can_send: true,
            can_receive: true,
            max_size: None,
            filelength: None,
            text: text.freeze(),
            path: mime::span(0, path.len()),
            accept_types: mime::span(path.len(), path.len() + 1),
        })
    }

    /// The peer's path, for To-Path.
    pub(crate) fn peer(&self) -> Bytes {
        self.text.slice(..self.path.len as usize)
    }

    /// Whether a description of the peer's says the same again, whatever its version (G-10).
    pub(crate) fn is_repeated_by(&self, description: &Description) -> bool {
        let line = description.message();
        line.is_some_and(|line| {
            line.path().as_bytes() == self.peer()
                && line.direction.sends() == self.can_receive
                && line.direction.receives() == self.can_send
                && (line.accept_types().is_empty() || line.accept_types() == self.accept_types())
        })
    }

    /// The media types that the peer receives, separated by blanks.
    pub(crate) fn accept_types(&self) -> &str {
        mime::read(&self.text, self.accept_types)
    }

    /// The media types that the peer receives inside a container only.
    pub(crate) fn accept_wrapped_types(&self) -> &str {
        let begin = self.accept_types.at as usize + self.accept_types.len as usize;
        mime::read(&self.text, mime::span(begin, self.text.len()))
    }

    /// Whether the peer receives this media type at the top level (RFC 4975 §8.6, CC-47).
    pub(crate) fn accepts(&self, content_type: &str) -> bool {
        matches_any(self.accept_types(), content_type)
    }

    /// Whether the peer receives this media type inside a container.
    pub(crate) fn accepts_wrapped(&self, content_type: &str) -> bool {
        self.accepts(content_type) || matches_any(self.accept_wrapped_types(), content_type)
    }
}

/// Whether a list of media types names this one: itself, `type/*` or `*`. Case and parameters do not
/// matter.
pub(crate) fn matches_any(accepted: &str, content_type: &str) -> bool {
    let content_type = without_params(content_type);
    let Some((kind, _)) = content_type.split_once('/') else {
        return false;
    };
    accepted.split_ascii_whitespace().any(|entry| {
        let entry = without_params(entry);
        match entry.split_once('/') {
            Some((wide, "*")) => wide.eq_ignore_ascii_case(kind),
            Some(_) => entry.eq_ignore_ascii_case(content_type),
            None => entry == "*",
        }
    })
}

fn without_params(media_type: &str) -> &str {
    let bare = media_type.split_once(';');
    bare.map_or(media_type, |(bare, _)| bare).trim()
}

#[cfg(test)]
mod tests;
