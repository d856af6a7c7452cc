//! One pass over the header fields: what the roles act on is read and checked, the rest is left alone.

use bytes::Bytes;

use super::address::Parts;
use super::text::{Field, Param, blanks, list, number, token, trimmed};
use super::via::is_via;
use crate::message::{Head, OptionTags, Place, Preference, Privacy, SessionExpires, Span, Stretch};
use crate::profile::Refresher;
use crate::wire::mime::{self, Described, Kind, span};
use crate::wire::octet::{NAME, offset, run};
use crate::wire::uri::bad;
use crate::{Flaw, Method, Methods};

/// The feature tag of the service, and the one of its large message mode (D-30).
const IM: &str = "+g.oma.sip-im";
const LARGE_MESSAGE: &str = "+g.oma.sip-im.large-message";

/// What a head says of itself, its body and its length.
pub(super) struct Found {
    /// Its lines are for the caller to put there.
    pub(super) head: Head,
    /// The Content-Length and where it stands.
    pub(super) content_length: Option<(usize, u64)>,
    pub(super) described: Described,
}

/// A head that is being read.
pub(super) struct Scan<'a> {
    /// The octets in which the lines stand; places and flaws count from the first.
    text: &'a [u8],
    /// The method of the request line, as text and as value.
    method: Option<(&'a [u8], Method)>,
    found: Found,
}

impl<'a> Scan<'a> {
    pub(super) fn new(text: &'a [u8], method: Option<(&'a [u8], Method)>) -> Self {
        let head = Head {
            lines: Bytes::new(),
            begins: [u16::MAX; 18],
            from: Place::default(),
            to: Place::default(),
            call_id: Stretch::default(),
            contact: Place::default(),
            cseq: 0,
            cseq_method: Method::Other,
            max_forwards: None,
            session_expires: None,
            min_se: None,
            allow: None,
            supported: OptionTags::default(),
            required: OptionTags::default(),
            privacy: Privacy::default(),
            preference: Preference::default(),
        };
        Self {
            text,
            method,
            found: Found {
                head,
                content_length: None,
                described: Described::default(),
            },
        }
    }

    /// Reads the line that begins at `at`, its CRLF not included, and says whether it was `name:value` without blanks before
    /// the colon.
    pub(super) fn line(&mut self, at: usize, line: &'a [u8]) -> Result<bool, Flaw> {
        let Some(colon) = line.iter().position(|octet| *octet == b':') else {
            return Ok(false);
        };
        let (name, value) = line.split_at_checked(colon).unwrap_or_default();
        let value = trimmed(value.get(1..).unwrap_or_default());
        let field = Field::of(name);
        // A name that is known need not be looked at again.
        if field == Field::Other && !is_name(name) {
            return Ok(false);
        }
        let kind = match field {
            Field::ContentType => Some(Kind::Type),
            Field::ContentLength => Some(Kind::Length),
            Field::Other => mime::kind(name),
            _ => None,
        };
        if let Some(kind) = kind {
            let line = at..at + line.len() + 2;
            self.found.described.add(kind, line, self.place(value));
        }
        if field != Field::Other {
            self.field(at, field, value)?;
        }
        Ok(true)
    }

    fn field(&mut self, line: usize, field: Field, value: &'a [u8]) -> Result<(), Flaw> {
        let at = offset(self.text, value);
        let head = &mut self.found.head;
        let mut first = u16::MAX;
        if let Some(begin) = head.begins.get_mut(field as usize) {
            first = *begin;
            *begin = first.min(u16::try_from(line).unwrap_or(u16::MAX));
        }
        let repeated = first != u16::MAX;
        if repeated && field.is_single() {
            return Err(bad(at, "header field is repeated"));
        }
        match field {
            Field::From => self.found.head.from = self.address(value, "From is no address")?,
            Field::To => self.found.head.to = self.address(value, "To is no address")?,
            Field::CallId if !is_word(value) => return Err(bad(at, "Call-ID is no word")),
            Field::CallId => self.found.head.call_id = self.stretch(value),
            Field::CSeq => (head.cseq, head.cseq_method) = cseq(at, value, self.method)?,
            Field::Via if !is_via(value) => return Err(bad(at, "Via is malformed")),
            Field::Contact if !repeated && value != b"*" => {
                // The first of perhaps several.
                let (contact, _) = Parts::read(value).ok_or(bad(at, "Contact is no address"))?;
                self.found.head.contact = self.place_of(&contact);
            }
            Field::MaxForwards => {
                let hops = length(value).and_then(|hops| u8::try_from(hops).ok());
                head.max_forwards = Some(hops.ok_or(bad(at, "Max-Forwards is not from 0 to 255"))?);
            }
            Field::ContentLength => {
                let length = length(value).ok_or(bad(at, "Content-Length is no number"))?;
                self.found.content_length = Some((at, length));
            }
            Field::SessionExpires => head.session_expires = Some(session_expires(at, value)?),
            Field::MinSe => {
                let seconds = delta(value).ok_or(bad(at, "Min-SE is no number of seconds"))?;
                head.min_se = Some(seconds);
            }
            Field::Allow => {
                let allow = head.allow.unwrap_or_default();
                head.allow = Some(list(value).fold(allow, allowing));
            }
            Field::Supported => head.supported = list(value).fold(head.supported, with_option),
            Field::Require => head.required = list(value).fold(head.required, with_option),
            Field::Privacy => {
                for asked in value.split(|octet| matches!(octet, b';' | b',')) {
                    asking(&mut head.privacy, asked.trim_ascii());
                }
            }
            Field::AcceptContact => head.preference = list(value).fold(head.preference, preferring),
            _ => {}
        }
        Ok(())
    }

    /// What the lines say together.
    pub(super) fn finish(mut self) -> Result<Found, Flaw> {
        // `none` means none, whatever stands beside it (RFC 3323 §4.2, CC-98).
        let privacy = &mut self.found.head.privacy;
        if privacy.none {
            *privacy = Privacy {
                none: true,
                critical: privacy.critical,
                ..Privacy::default()
            };
        }
        let needed = [
            (Field::From, "no From"),
            (Field::To, "no To"),
            (Field::CallId, "no Call-ID"),
            (Field::CSeq, "no CSeq"),
            (Field::Via, "no Via"),
        ];
        for (field, what) in needed {
            // Whether a response came the way of its request is known below.
            let spared = field == Field::Via && self.method.is_none();
            if self.found.head.begin(field).is_none() && !spared {
                return Err(bad(0, what));
            }
        }
        Ok(self.found)
    }

    fn address(&self, value: &[u8], what: &'static str) -> Result<Place, Flaw> {
        match Parts::read(value) {
            Some((address, b"")) => Ok(self.place_of(&address)),
            _ => Err(bad(offset(self.text, value), what)),
        }
    }

    fn place_of(&self, address: &Parts<'_>) -> Place {
        Place {
            name: self.stretch(address.name),
            uri: self.stretch(address.uri),
            params: self.stretch(address.params),
            tag: self.stretch(address.tag),
        }
    }

    fn place(&self, part: &[u8]) -> Span {
        let at = offset(self.text, part);
        span(at, at + part.len())
    }

    fn stretch(&self, part: &[u8]) -> Stretch {
        let at = u16::try_from(offset(self.text, part));
        match (at, u16::try_from(part.len())) {
            (Ok(at), Ok(len)) if len > 0 => Stretch { at, len },
            // Nowhere in a head, which is shorter.
            _ => Stretch::default(),
        }
    }
}

/// Whether this may name a header field.
fn is_name(name: &[u8]) -> bool {
    !name.is_empty() && run(name, NAME).1.is_empty()
}

/// A number of octets or hops; leading zeros are allowed.
pub(super) fn length(value: &[u8]) -> Option<u64> {
    let digit = |number: u64, octet: &u8| {
        let digit = octet.is_ascii_digit().then(|| u64::from(octet - b'0'))?;
        number.checked_mul(10)?.checked_add(digit)
    };
    let length = value.iter().try_fold(0, digit)?;
    (!value.is_empty()).then_some(length)
}

fn is_word(value: &[u8]) -> bool {
    let stranger = |found, octet: &u8| found | (*octet <= b' ') | (*octet == 0x7F);
    !value.is_empty() && !value.iter().fold(false, stranger)
}

/// RFC 3261 §8.1.1.5: less than 2^31, and of a request the method of its request line.
fn cseq(at: usize, value: &[u8], method: Option<(&[u8], Method)>) -> Result<(u32, Method), Flaw> {
    let (sequence, rest) = number(value)
        .filter(|(sequence, _)| *sequence < 1 << 31)
        .ok_or(bad(at, "CSeq has no number below 2^31"))?;
    let (name, tail) = token(blanks(rest));
    if name.is_empty() || !tail.is_empty() || blanks(rest) == rest {
        return Err(bad(at, "CSeq has no method"));
    }
    match method {
        Some((text, method)) if text == name => Ok((sequence, method)),
        Some(_) => Err(bad(at, "CSeq names another method than the request line")),
        None => Ok((sequence, Method::of(name))),
    }
}

fn delta(value: &[u8]) -> Option<u32> {
    let (seconds, rest) = number(value)?;
    Param::skip(rest).is_empty().then_some(seconds)
}

fn session_expires(at: usize, value: &[u8]) -> Result<SessionExpires, Flaw> {
    let seconds = delta(value)
        .filter(|seconds| *seconds > 0)
        .ok_or(bad(at, "Session-Expires is no number of seconds"))?;
    let (_, params) = number(value).unwrap_or_default();
    let refresher = Param::all(params).find(|param| param.name.eq_ignore_ascii_case(b"refresher"));
    let refresher = match refresher.map(|param| param.value.unwrap_or_default()) {
        None => None,
        Some(role) if role.eq_ignore_ascii_case(b"uac") => Some(Refresher::Uac),
        Some(role) if role.eq_ignore_ascii_case(b"uas") => Some(Refresher::Uas),
        Some(_) => return Err(bad(at, "refresher is neither uac nor uas")),
    };
    Ok(SessionExpires { seconds, refresher })
}

fn allowing(allow: Methods, name: &[u8]) -> Methods {
    match Method::of(name) {
        Method::Other => allow,
        method => allow.with(method),
    }
}

fn with_option(mut tags: OptionTags, name: &[u8]) -> OptionTags {
    match option(&mut tags, name) {
        Some(known) => *known = true,
        None => tags.other = true,
    }
    tags
}

/// The place of an option tag that this crate knows.
fn option<'a>(tags: &'a mut OptionTags, name: &[u8]) -> Option<&'a mut bool> {
    let is = |tag: &str| name.eq_ignore_ascii_case(tag.as_bytes());
    match name.len() {
        5 if is("timer") => Some(&mut tags.timer),
        6 if is("100rel") => Some(&mut tags.reliable),
        8 if is("replaces") => Some(&mut tags.replaces),
        21 if is("recipient-list-invite") => Some(&mut tags.list_invite),
        22 if is("recipient-list-message") => Some(&mut tags.list_message),
        _ => None,
    }
}

/// Whether this crate knows the option tag.
pub(super) fn is_known_option(name: &[u8]) -> bool {
    option(&mut OptionTags::default(), name).is_some()
}

fn asking(privacy: &mut Privacy, asked: &[u8]) {
    for (name, flag) in [
        ("id", &mut privacy.id),
        ("header", &mut privacy.header),
        ("session", &mut privacy.session),
        ("user", &mut privacy.user),
        ("history", &mut privacy.history),
        ("none", &mut privacy.none),
        ("critical", &mut privacy.critical),
    ] {
        *flag |= asked.eq_ignore_ascii_case(name.as_bytes());
    }
}

/// The tags may stand in different values (CC-96); `="FALSE"` asks for their absence.
fn preferring(mut preference: Preference, value: &[u8]) -> Preference {
    let params = value.iter().position(|octet| *octet == b';');
    let params = params.and_then(|at| value.get(at..)).unwrap_or_default();
    for param in Param::all(params) {
        preference.im |= param.is_feature(IM);
        preference.large_message |= param.is_feature(LARGE_MESSAGE);
    }
    preference
}
