//! One pass over the header fields: what the roles act on is read and checked, the rest is left alone.

use bytes::Bytes;

use super::address::{self, Parts};
use super::lines::Asked;
use super::text::{Field, Param, blanks, number, token, trimmed};
use super::via;
use crate::message::{Head, Place, SessionExpires, Span, Stretch};
use crate::profile::Refresher;
use crate::wire::mime::{self, Described, Kind, span};
use crate::wire::octet::{NAME, offset, run};
use crate::wire::uri::bad;
use crate::{Flaw, Method, Status};

/// What a head says of itself, its body and its length.
pub(super) struct Found {
    /// Its lines are for the caller to put there.
    pub(super) head: Head,
    /// The Content-Length and where it stands.
    pub(super) content_length: Option<(usize, u64)>,
    pub(super) described: Described,
}

impl Default for Found {
    fn default() -> Self {
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
        };
        Self {
            head,
            content_length: None,
            described: Described::default(),
        }
    }
}

/// A head that is being read.
pub(super) struct Scan<'a> {
    /// The octets in which the lines stand; places and flaws count from the first.
    text: &'a [u8],
    /// The method of the request line, as text and as value.
    method: Asked<'a>,
    found: &'a mut Found,
}

impl<'a> Scan<'a> {
    pub(super) fn new(text: &'a [u8], method: Asked<'a>, found: &'a mut Found) -> Self {
        Self {
            text,
            method,
            found,
        }
    }

    /// Reads the line that begins at `at`, its CRLF not included, and says whether it was `name:value` without blanks before
    /// the colon.
    pub(super) fn line(&mut self, at: usize, line: &'a [u8]) -> Result<bool, Flaw> {
        let Some((name, value)) = at_colon(line) else {
            return Ok(false);
        };
        let value = trimmed(value);
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
            Field::From => self.found.head.from = self.address(value)?,
            Field::To => self.found.head.to = self.address(value)?,
            Field::CallId if !is_word(value) => return Err(bad(at, "Call-ID is no word")),
            Field::CallId => self.found.head.call_id = self.stretch(value),
            Field::CSeq => (head.cseq, head.cseq_method) = cseq(at, value, self.method)?,
            Field::Via => {
                via::check(value)
                    .map_err(|there| bad(offset(self.text, there), "Via is malformed"))?;
            }
            Field::Contact if !repeated && value != b"*" => {
                // The first of perhaps several.
                let Some((contact, _)) = Parts::read(value) else {
                    return Err(self.no_address(value));
                };
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
            // Of a response nobody can be told what is wrong with it: it says nothing of the timer then.
            Field::SessionExpires => match (session_expires(at, value), self.method) {
                (Err(flaw), Some(_)) => return Err(flaw),
                (found, _) => head.session_expires = found.ok(),
            },
            Field::MinSe => match (delta(value), self.method) {
                (None, Some(_)) => return Err(bad(at, "Min-SE is no number of seconds")),
                (found, _) => head.min_se = found,
            },
            _ => {}
        }
        Ok(())
    }

    /// What the lines say together.
    pub(super) fn finish(self) -> Result<(), Flaw> {
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
        Ok(())
    }

    fn address(&self, value: &[u8]) -> Result<Place, Flaw> {
        match Parts::read(value) {
            Some((address, b"")) => Ok(self.place_of(&address)),
            _ => Err(self.no_address(value)),
        }
    }

    #[cold]
    fn no_address(&self, value: &[u8]) -> Flaw {
        let (there, what) = address::flaw(value);
        bad(offset(self.text, there), what)
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
        // Nothing is cut off: a head is no longer than `MAX_HEAD`.
        match part {
            [] => Stretch::default(),
            part => Stretch {
                at: offset(self.text, part) as u16,
                len: part.len() as u16,
            },
        }
    }
}

/// What stands before the first colon, and after it.
fn at_colon(line: &[u8]) -> Option<(&[u8], &[u8])> {
    const ONES: u64 = 0x0101_0101_0101_0101;
    let (eights, rest) = line.as_chunks::<8>();
    let eight = |eight: &[u8; 8]| {
        let colon = u64::from_le_bytes(*eight) ^ (0x3A * ONES);
        let found = colon.wrapping_sub(ONES) & !colon & (0x80 * ONES);
        (found != 0).then(|| found.trailing_zeros() / 8)
    };
    let mut at = 0;
    for chunk in eights {
        if let Some(colon) = eight(chunk) {
            at += usize::try_from(colon).ok()?;
            return Some((line.get(..at)?, line.get(at + 1..)?));
        }
        at += 8;
    }
    at += rest.iter().position(|octet| *octet == b':')?;
    Some((line.get(..at)?, line.get(at + 1..)?))
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
        Some((_, method)) => Err(Flaw {
            at,
            what: "CSeq names another method than the request line",
            // Nothing of a method that nobody knows is as wrong as that (RFC 4475 §3.1.2.18).
            status: Status(if method == Method::Other { 501 } else { 400 }),
        }),
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
    let mut named =
        Param::all(params).filter(|param| param.name.eq_ignore_ascii_case(b"refresher"));
    let refresher = named.next();
    if named.next().is_some() {
        return Err(bad(at, "refresher is named twice"));
    }
    let refresher = match refresher.map(|param| param.value.unwrap_or_default()) {
        None => None,
        Some(role) if role.eq_ignore_ascii_case(b"uac") => Some(Refresher::Uac),
        Some(role) if role.eq_ignore_ascii_case(b"uas") => Some(Refresher::Uas),
        Some(_) => return Err(bad(at, "refresher is neither uac nor uas")),
    };
    Ok(SessionExpires { seconds, refresher })
}
