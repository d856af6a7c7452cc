//! What offer and answer have agreed on.

use core::fmt::Write;

use bytes::{Bytes, BytesMut};

use super::{Direction, Judged, Media};
use crate::Config;
use crate::message::Span;
use crate::wire::{mime, sdp};

/// What offer and answer have agreed on, and what of the peer's description outlives it: copied, so
/// that no session pins a datagram.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Negotiated {
    /// Whether we connect.
    pub connect: bool,
    /// Whether we may send.
    pub can_send: bool,
    /// Whether the peer may.
    pub can_receive: bool,
    /// The largest message that the peer receives, in octets.
    pub max_size: Option<u64>,
    /// The size that the peer announced, in octets.
    pub filelength: Option<u64>,
    /// Path, accept-types, accept-wrapped-types and target, one after the other.
    text: Bytes,
    path: Span,
    accept_types: Span,
    accept_wrapped_types: Span,
}

impl Negotiated {
    pub(super) fn new(direction: Direction, line: &Media, judged: &Judged<'_>) -> Self {
        let (path, accepted) = (line.path(), judged.accepted);
        let wrapped = line.accept_wrapped_types();
        let place = line.place().filter(|_| judged.connect && judged.aside);
        // `[`, `]`, `:` and five digits.
        let aside = place.map_or(0, |(host, _)| host.len() + 8);
        let mut text = BytesMut::with_capacity(path_and_types(line, accepted) + aside);
        for piece in [path, accepted, wrapped] {
            text.extend_from_slice(piece.as_bytes());
        }
        if let Some((host, port)) = place {
            let _ = match host.contains(':') {
                true => write!(text, "[{host}]:{port}"),
                false => write!(text, "{host}:{port}"),
            };
        }
        let types = path.len() + accepted.len();
        Self {
            connect: judged.connect,
            can_send: direction.sends(),
            can_receive: direction.receives(),
            max_size: line.max_size,
            filelength: line.filelength,
            text: text.freeze(),
            path: mime::span(0, path.len()),
            accept_types: mime::span(path.len(), types),
            accept_wrapped_types: mime::span(types, types + wrapped.len()),
        }
    }

    /// What there is to know of a peer whose path was learnt without a description: it takes and sends
    /// everything. `None` if the path is none, or does not say where to connect to and we are to.
    pub(crate) fn with_path(config: &Config, connect: bool, path: &str) -> Option<Self> {
        let hop = sdp::hops(path)?.next()?;
        if path.len() > config.limits.dialog_octets || (connect && !hop.is_reachable()) {
            return None;
        }
        let end = path.len() + 1;
        let mut text = BytesMut::with_capacity(end);
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
            accept_types: mime::span(path.len(), end),
            accept_wrapped_types: mime::span(end, end),
        })
    }

    /// The peer's path, for To-Path.
    pub fn peer(&self) -> Bytes {
        self.text.slice(..self.path.len as usize)
    }

    /// `host:port` to connect to instead of the leftmost URI of the path (RFC 6714); empty for that.
    pub fn target(&self) -> Bytes {
        let types = self.accept_wrapped_types;
        let begin = types.at as usize + types.len as usize;
        self.text.slice(begin.min(self.text.len())..)
    }

    /// Whether this line of the peer's says the same again, whatever its version (G-10).
    pub(super) fn is_repeated_by(&self, line: &Media) -> bool {
        line.path().as_bytes() == self.peer()
            && line.direction.sends() == self.can_receive
            && line.direction.receives() == self.can_send
            && (line.accept_types().is_empty() || line.accept_types() == self.accept_types())
    }

    /// Whether it says the same again and leaves the limits as they are.
    pub(super) fn is_the_same_as(&self, line: &Media) -> bool {
        self.is_repeated_by(line)
            && self.accept_wrapped_types() == line.accept_wrapped_types()
            && self.max_size == line.max_size
            && self.filelength == line.filelength
    }

    /// The media types that the peer receives, separated by blanks.
    pub fn accept_types(&self) -> &str {
        mime::read(&self.text, self.accept_types)
    }

    /// The media types that the peer receives inside a container only.
    pub fn accept_wrapped_types(&self) -> &str {
        mime::read(&self.text, self.accept_wrapped_types)
    }

    /// Whether the peer receives this media type at the top level (RFC 4975 §8.6, CC-47).
    pub fn accepts(&self, content_type: &str) -> bool {
        matches_any(self.accept_types(), content_type)
    }

    /// Whether the peer receives this media type inside a container.
    pub fn accepts_wrapped(&self, content_type: &str) -> bool {
        self.accepts(content_type) || matches_any(self.accept_wrapped_types(), content_type)
    }
}

pub(super) fn path_and_types(line: &Media, accepted: &str) -> usize {
    line.path().len() + accepted.len() + line.accept_wrapped_types().len()
}

/// Whether a list of media types and one more entry of such a list have a type in common.
pub(super) fn overlap(accepted: &str, ours: &str) -> bool {
    let ours = without_params(ours);
    match ours.split_once('/') {
        Some((kind, "*")) => accepted.split_ascii_whitespace().any(|entry| {
            let theirs = without_params(entry).split_once('/');
            theirs.map_or(entry == "*", |(theirs, _)| {
                theirs.eq_ignore_ascii_case(kind)
            })
        }),
        Some(_) => matches_any(accepted, ours),
        None => ours == "*" && !accepted.is_empty(),
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
