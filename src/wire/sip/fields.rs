//! One pass over the header fields: what the roles act on is read and checked, the rest is left alone.

use bytes::Bytes;

use super::text::{Field, Param, blanks, list, number, span, span_of, token};
use crate::message::{Address, Head, OptionTags, Place, Preference, Privacy, SessionExpires, Span};
use crate::profile::Refresher;
use crate::wire::uri::{bad, is_value, offset};
use crate::{Flaw, Method, Methods};

/// The feature tag of the service, and the one of its large message mode (D-30).
const IM: &str = "+g.oma.sip-im";
const LARGE_MESSAGE: &str = "+g.oma.sip-im.large-message";

/// What one pass finds.
pub(super) struct Scan {
    pub(super) head: Head,
    /// The Content-Length and where it stands.
    pub(super) content_length: Option<(usize, u64)>,
}

/// Reads the fields, slices of `text`, of a request with this method or of a response. The head's lines are for the
/// caller to put there.
pub(super) fn scan<'a>(
    text: &'a str,
    fields: impl Iterator<Item = (&'a str, &'a str)>,
    method: Option<(&str, Method)>,
) -> Result<Scan, Flaw> {
    let mut head = Head {
        lines: Bytes::new(),
        from: Place::default(),
        to: Place::default(),
        call_id: Span::default(),
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
    let mut content_length = None;
    let mut seen = 0u32;
    let mut public = false;

    for (name, value) in fields {
        let field = Field::of(name.as_bytes());
        if field == Field::Other {
            continue;
        }
        let at = offset(text, value);
        let bit = 1 << field as u32;
        if field.is_single() && seen & bit != 0 {
            return Err(bad(at, "header field is repeated"));
        }
        match field {
            Field::From => head.from = address(text, value, "From is no address")?,
            Field::To => head.to = address(text, value, "To is no address")?,
            Field::CallId => head.call_id = call_id(text, value)?,
            Field::CSeq => (head.cseq, head.cseq_method) = cseq(at, value, method)?,
            Field::Via if !is_via(value) => return Err(bad(at, "Via is malformed")),
            Field::Contact if seen & bit == 0 && value != "*" => {
                head.contact = contact(text, value)?
            }
            Field::MaxForwards => {
                let hops = length(value).and_then(|hops| u8::try_from(hops).ok());
                head.max_forwards = Some(hops.ok_or(bad(at, "Max-Forwards is not from 0 to 255"))?);
            }
            Field::ContentLength => {
                let length = length(value).ok_or(bad(at, "Content-Length is no number"))?;
                content_length = Some((at, length));
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
                for asked in value.split([';', ',']).map(str::trim_ascii) {
                    public |= asked.eq_ignore_ascii_case("none");
                    head.privacy.id |= asked.eq_ignore_ascii_case("id");
                    head.privacy.critical |= asked.eq_ignore_ascii_case("critical");
                }
            }
            Field::AcceptContact => head.preference = list(value).fold(head.preference, preferring),
            _ => {}
        }
        seen |= bit;
    }
    // `none` means none, whatever stands beside it (RFC 3323 §4.2, CC-98).
    head.privacy.id &= !public;

    let mut needed = [
        (Field::From, "no From"),
        (Field::To, "no To"),
        (Field::CallId, "no Call-ID"),
        (Field::CSeq, "no CSeq"),
        (Field::Via, "no Via"),
    ]
    .into_iter()
    // Whether a response came the way of its request is known below.
    .filter(|(field, _)| *field != Field::Via || method.is_some());
    if let Some((_, what)) = needed.find(|(field, _)| seen & (1 << *field as u32) == 0) {
        return Err(bad(0, what));
    }
    Ok(Scan {
        head,
        content_length,
    })
}

/// A number of octets or hops; leading zeros are allowed.
pub(super) fn length(value: &str) -> Option<u64> {
    let digits = value.bytes().all(|octet| octet.is_ascii_digit());
    digits.then(|| value.parse().ok()).flatten()
}

fn place(text: &str, address: &Address<'_>) -> Place {
    Place {
        uri: span(text, address.uri),
        params: span(text, address.params),
    }
}

fn address(text: &str, value: &str, what: &'static str) -> Result<Place, Flaw> {
    let address = Address::read(value).ok_or(bad(offset(text, value), what))?;
    Ok(place(text, &address))
}

/// The first of perhaps several.
fn contact(text: &str, value: &str) -> Result<Place, Flaw> {
    let (address, _) =
        Address::first(value).ok_or(bad(offset(text, value), "Contact is no address"))?;
    Ok(place(text, &address))
}

fn call_id(text: &str, value: &str) -> Result<Span, Flaw> {
    if value.is_empty() || value.bytes().any(|octet| octet <= b' ' || octet == 0x7F) {
        return Err(bad(offset(text, value), "Call-ID is no word"));
    }
    Ok(span(text, value))
}

/// RFC 3261 §8.1.1.5: less than 2^31, and of a request the method of its request line.
fn cseq(at: usize, value: &str, method: Option<(&str, Method)>) -> Result<(u32, Method), Flaw> {
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
        None => Ok((sequence, Method::read(name))),
    }
}

/// Whether every value is `SIP/2.0/transport host[:port][;params]`, blanks allowed where the grammar has them.
/// What it says is the transport's business; that it can be copied into a response is ours.
fn is_via(value: &str) -> bool {
    let slash = |text| blanks(text).strip_prefix('/').map(blanks);
    let one = |text| {
        let (protocol, rest) = token(text);
        let (version, rest) = token(slash(rest)?);
        let (transport, rest) = token(slash(rest)?);
        let host = blanks(rest);
        let (sent_by, rest) = span_of(host, is_value);
        let rest = match blanks(rest).strip_prefix(':') {
            Some(port) => number(blanks(port))?.1,
            None => rest,
        };
        let whole = [protocol, version, transport, sent_by]
            .iter()
            .all(|part| !part.is_empty());
        (whole && host.len() < value.len()).then(|| Param::skip(rest))
    };
    let mut rest = value;
    loop {
        match one(rest) {
            Some("") => return true,
            Some(tail) => match tail.strip_prefix(',') {
                Some(next) => rest = blanks(next),
                None => return false,
            },
            None => return false,
        }
    }
}

fn delta(value: &str) -> Option<u32> {
    let (seconds, rest) = number(value)?;
    Param::skip(rest).is_empty().then_some(seconds)
}

fn session_expires(at: usize, value: &str) -> Result<SessionExpires, Flaw> {
    let seconds = delta(value)
        .filter(|seconds| *seconds > 0)
        .ok_or(bad(at, "Session-Expires is no number of seconds"))?;
    let (_, params) = span_of(value, |octet| octet.is_ascii_digit());
    let refresher = Param::all(params).find(|param| param.name.eq_ignore_ascii_case("refresher"));
    let refresher = match refresher.map(|param| param.value.unwrap_or_default()) {
        None => None,
        Some(role) if role.eq_ignore_ascii_case("uac") => Some(Refresher::Uac),
        Some(role) if role.eq_ignore_ascii_case("uas") => Some(Refresher::Uas),
        Some(_) => return Err(bad(at, "refresher is neither uac nor uas")),
    };
    Ok(SessionExpires { seconds, refresher })
}

fn allowing(allow: Methods, name: &str) -> Methods {
    match Method::read(name) {
        Method::Other => allow,
        method => allow.with(method),
    }
}

fn with_option(mut tags: OptionTags, name: &str) -> OptionTags {
    match option(&mut tags, name) {
        Some(known) => *known = true,
        None => tags.other = true,
    }
    tags
}

/// The place of an option tag that this crate knows.
fn option<'a>(tags: &'a mut OptionTags, name: &str) -> Option<&'a mut bool> {
    let is = |tag: &str| name.eq_ignore_ascii_case(tag);
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
pub(super) fn is_known_option(name: &str) -> bool {
    option(&mut OptionTags::default(), name).is_some()
}

/// The tags may stand in different values (CC-96); `="FALSE"` asks for their absence.
fn preferring(mut preference: Preference, value: &str) -> Preference {
    let (_, params) = span_of(value, |octet| octet != b';');
    for param in Param::all(params) {
        preference.im |= param.is_feature(IM);
        preference.large_message |= param.is_feature(LARGE_MESSAGE);
    }
    preference
}
