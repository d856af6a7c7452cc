//! Content that is elsewhere: `message/external-body` (RFC 4483).

use alloc::borrow::Cow;

use super::param::{param, plain};
use super::{entity, flaw, kind, split};
use crate::wire::date;
use crate::wire::octet::decimal;
use crate::{Flaw, Part, Status};

/// What `message/external-body` says of a content that is elsewhere (OC-PM-15, TC-PM-03).
///
/// Nothing here is fetched: that is the host's, as its policy allows. It must not fetch after
/// [`expires`](Self::expires), must compare what it got with [`sha1`](Self::sha1) if that is there, and had
/// better ask the user first (RFC 4483 §7).
#[derive(Clone, Debug)]
pub struct Indirection<'a> {
    /// Where it is, without the blanks that long URLs are folded with (RFC 2017 §3.1).
    pub url: Cow<'a, str>,
    /// Until when, as it is written. Required by RFC 4483 §5.7, and still absent at times.
    pub expiration: Option<&'a str>,
    /// Its size in octets.
    pub size: Option<u64>,
    /// Its SHA-1 hash as it is written: hexadecimal.
    pub hash: Option<&'a str>,
    /// The content as its own header lines describe it; without octets.
    described: Part,
    /// Whether the wrapper may be passed over.
    optional: bool,
}

impl Indirection<'_> {
    /// Until when it can be fetched, in seconds since the beginning of 1970 UTC. `None` where that is not said
    /// or no date of RFC 1123 in GMT; months may be written out, as in all examples of RFC 4483.
    pub fn expires(&self) -> Option<u64> {
        self.expiration.and_then(date::http_seconds)
    }

    /// The SHA-1 hash; `None` where there is none, or none of 20 octets.
    pub fn sha1(&self) -> Option<[u8; 20]> {
        let digits = self.hash?.as_bytes();
        let (pairs, []) = digits.as_chunks::<2>() else {
            return None;
        };
        let mut hash = [0; 20];
        if pairs.len() != hash.len() {
            return None;
        }
        for (octet, pair) in hash.iter_mut().zip(pairs) {
            let digit = |digit: u8| char::from(digit).to_digit(16);
            let [high, low] = pair.map(digit);
            *octet = u8::try_from(high? * 16 + low?).ok()?;
        }
        Some(hash)
    }

    /// The content's own Content-Type; `None` where the protocol of the URL is to tell (RFC 4483 §5.8).
    pub fn content_type(&self) -> Option<&str> {
        let is_there = self.described.content_type.len > 0;
        is_there.then(|| self.described.content_type())
    }

    /// The content as its own header lines describe it: disposition, Content-ID, by which versions are told
    /// apart (RFC 4483 §5.6), file name, description. It has no octets.
    pub fn described(&self) -> &Part {
        &self.described
    }

    /// Whether who cannot fetch or show the content passes over it without an error (RFC 4483 §5.5).
    pub fn handling_optional(&self) -> bool {
        match self.described.disposition() {
            Some(_) => self.described.handling_optional(),
            None => self.optional,
        }
    }
}

impl Part {
    /// What it says of a content that is elsewhere; `None` unless it is a `message/external-body`.
    ///
    /// # Errors
    ///
    /// Status 415 for another access type than URL, which RFC 4483 has not; 400 without access type or URL,
    /// for a size that is no number, or for malformed header lines of the content.
    pub fn indirection(&self) -> Result<Option<Indirection<'_>>, Flaw> {
        if !self.is("message/external-body") {
            return Ok(None);
        }
        let value = self.content_type();
        match param(value, "access-type") {
            Some(access) if access.eq_ignore_ascii_case("URL") => {}
            Some(_) => {
                return Err(Flaw {
                    status: Status(415),
                    ..flaw(0, "external body with unknown access type")
                });
            }
            None => return Err(flaw(0, "external body without access type")),
        }
        let url = plain(value, "URL").map(unfolded);
        let url = url.filter(|url| !url.is_empty());
        let size = param(value, "size")
            .map(|size| decimal(size).ok_or(flaw(0, "external body with malformed size")));
        Ok(Some(Indirection {
            url: url.ok_or(flaw(0, "external body without URL"))?,
            expiration: param(value, "expiration").filter(|date| !date.is_empty()),
            size: size.transpose()?,
            hash: param(value, "hash").filter(|hash| !hash.is_empty()),
            described: self.phantom()?,
            optional: self.handling_optional(),
        }))
    }

    /// The header lines that are the content of this part.
    fn phantom(&self) -> Result<Part, Flaw> {
        let octets = &self.content;
        let is_blank = octets.starts_with(b"\r\n") || octets.starts_with(b"\n");
        let end = match split::blank(octets) {
            _ if is_blank => 0,
            Some((end, _)) => end,
            None => octets.len(),
        };
        let described = entity(octets.slice(..end), octets.slice(end..end), 0)?;
        let about = |line: &str| kind(line.split(':').next().unwrap_or_default().trim().as_bytes());
        debug_assert!(described.mime_lines().all(|line| about(line).is_some()));
        Ok(described)
    }
}

/// A URL without the blanks that it was folded with.
fn unfolded(url: Cow<'_, str>) -> Cow<'_, str> {
    let blank = |c: char| matches!(c, ' ' | '\t' | '\r' | '\n');
    match url.contains(blank) {
        true => url.chars().filter(|c| !blank(*c)).collect(),
        false => url,
    }
}
