//! Is-composing indications (RFC 3994): the other one is typing.

use alloc::string::String;
use core::num::NonZeroU32;
use core::time::Duration;

use bytes::{BufMut, BytesMut};

use super::date;
use super::xml::{self, flaw};
use crate::{Flaw, Limits, Part};

/// The media type of the document (RFC 3994 §8.1).
pub const MEDIA_TYPE: &str = "application/im-iscomposing+xml";

const DOCUMENT: &str = "urn:ietf:params:xml:ns:im-iscomposing";

/// The shortest time between two indications (RFC 3994 §3.2), in seconds.
const SHORTEST: u32 = 60;
/// How long an indication that does not say so holds (RFC 3994 §3.3).
const UNSAID: Duration = Duration::from_secs(120);

/// What someone is doing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Composing {
    /// Whether a message is being composed.
    pub state: State,
    /// When its content last changed, as XML Schema's `dateTime` has it.
    pub last_active: Option<String>,
    /// What kind of message it may become: a media type, or the type alone, as `audio`.
    pub content_type: Option<String>,
}

/// Whether a message is being composed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// One is.
    Active {
        /// After how many seconds this will be said again, if at all.
        refresh: Option<NonZeroU32>,
    },
    /// None is.
    Idle,
}

impl Composing {
    /// How long to take this for true, unless more is heard: until then someone composes. `None` when
    /// nobody does (RFC 3994 §3.3). A message that arrives ends it too.
    pub fn lifetime(&self) -> Option<Duration> {
        let State::Active { refresh } = self.state else {
            return None;
        };
        Some(refresh.map_or(UNSAID, |seconds| Duration::from_secs(seconds.get().into())))
    }
}

/// Reads an indication. A state that it does not know is idle (RFC 3994 §3.5); elements that it does
/// not know are passed over.
///
/// # Errors
///
/// Status 400: as any XML (CC-100); no `isComposing` document; no state; an element twice; a malformed
/// `lastactive` or `refresh`.
pub fn parse(xml: &[u8], limits: &Limits) -> Result<Composing, Flaw> {
    let document = xml::parse(xml, limits.notice_octets, limits)?;
    let root = document.root_element();
    if !root.has_tag_name((DOCUMENT, "isComposing")) {
        return Err(flaw(xml::place(root), "not an isComposing document"));
    }
    let (mut state, mut last_active, mut content_type, mut refresh) = (None, None, None, None);
    for (name, child) in xml::children(root, DOCUMENT) {
        let slot = match name {
            "state" => &mut state,
            "lastactive" => &mut last_active,
            "contenttype" => &mut content_type,
            "refresh" => &mut refresh,
            _ => continue,
        };
        let word = xml::word(child);
        let is_right = match name {
            "lastactive" => date::is_xml_date_time(&word),
            "refresh" => seconds(&word).is_some(),
            _ => true,
        };
        if !is_right || slot.replace(word).is_some() {
            return Err(flaw(xml::place(child), "malformed or second element"));
        }
    }
    let state = match state.as_deref() {
        Some("active") => State::Active {
            refresh: refresh.as_deref().and_then(seconds),
        },
        Some(_) => State::Idle,
        None => return Err(flaw(xml::place(root), "isComposing without state")),
    };
    Ok(Composing {
        state,
        last_active,
        content_type,
    })
}

impl Part {
    /// Reads the part as an indication.
    ///
    /// # Errors
    ///
    /// As [`parse`]; and 415 where it is something else, or encoded.
    pub fn composing(&self, limits: &Limits) -> Result<Composing, Flaw> {
        parse(self.of(MEDIA_TYPE)?, limits)
    }
}

/// Writes an indication. A refresh below 60 seconds is written as 60 (RFC 3994 §3.2).
pub fn write(out: &mut BytesMut, composing: &Composing) {
    xml::begin(out, "isComposing", DOCUMENT);
    xml::line(out, ">");
    xml::element(
        out,
        "state",
        match composing.state {
            State::Active { .. } => "active",
            State::Idle => "idle",
        },
    );
    if let Some(at) = &composing.last_active {
        xml::element(out, "lastactive", at);
    }
    if let Some(kind) = &composing.content_type {
        xml::element(out, "contenttype", kind);
    }
    if let State::Active {
        refresh: Some(seconds),
    } = composing.state
    {
        let seconds = seconds.get().max(SHORTEST);
        let _ = core::fmt::write(out, format_args!("<refresh>{seconds}</refresh>\r\n"));
    }
    out.put_slice(b"</isComposing>");
}

/// A `positiveInteger` of XML Schema; what is longer than a century is a century.
fn seconds(text: &str) -> Option<NonZeroU32> {
    let digits = text.strip_prefix('+').unwrap_or(text);
    let all_digits = !digits.is_empty() && digits.bytes().all(|octet| octet.is_ascii_digit());
    all_digits.then(|| NonZeroU32::new(digits.parse().unwrap_or(u32::MAX)))?
}
