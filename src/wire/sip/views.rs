//! Header fields that are read on demand: small values that borrow from the head.
//!
//! What is malformed is left out, unless a peer must be told.

use core::fmt::{self, Write as _};

use super::text::{Param, blanks, list, number, quoted, token, utf8};
use crate::message::{Address, Head};
use crate::wire::octet::offset;
use crate::wire::uri::{bad, escape};
use crate::{Flaw, Method};

/// An RAck: which reliable provisional response is acknowledged (RFC 3262 §7.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RAck<'a> {
    /// The RSeq of the response.
    pub rseq: u32,
    /// The CSeq number of the response.
    pub cseq: u32,
    /// The method in the CSeq of the response.
    pub method: Method,
    /// That method as it is written.
    pub name: &'a str,
}

/// One value of Reason (RFC 3326 §2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reason<'a> {
    /// `SIP`, `Q.850` or another protocol, as it is written.
    pub protocol: &'a str,
    /// The code in that protocol.
    pub cause: Option<u32>,
    /// The text without its quotes, escapes as they are.
    pub text: Option<&'a str>,
}

/// A Replaces: the dialog whose place the new one takes (RFC 3891 §6.1).
///
/// As text it is the header field's value; [`Self::in_uri`] is the same for a URI.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Replaces<'a> {
    /// The Call-ID.
    pub call_id: &'a str,
    /// The tag of the receiver of the request.
    pub to_tag: &'a str,
    /// The tag of the other side; `0` also stands for none (RFC 3891 §3).
    pub from_tag: &'a str,
    /// Whether only an early dialog is to be replaced.
    pub early_only: bool,
}

/// A Referred-By (RFC 3892 §3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReferredBy<'a> {
    /// The referrer.
    pub uri: &'a str,
    /// The Content-ID of the body part that proves it, without angle brackets.
    pub cid: Option<&'a str>,
}

/// One value of Accept-Contact or Reject-Contact (RFC 3841 §9.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Predicate<'a> {
    params: &'a str,
}

/// One value of Request-Disposition (RFC 3841 §9.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are those of the RFC")]
pub enum Directive {
    Proxy,
    Redirect,
    Cancel,
    NoCancel,
    Fork,
    NoFork,
    Recurse,
    NoRecurse,
    Parallel,
    Sequential,
    Queue,
    NoQueue,
}

/// A feature of a contact, or one that is asked for (RFC 3840 §9).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Feature<'a> {
    /// The tag as it is written, with its `+` if it has one.
    pub tag: &'a str,
    /// What stands in the quotes; `None` for a boolean that is true.
    pub value: Option<&'a str>,
}

/// An Event (RFC 6665 §8.2.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Package<'a> {
    /// The event package, with its templates.
    pub name: &'a str,
    /// The `id` that tells subscriptions apart.
    pub id: Option<&'a str>,
}

/// A Subscription-State (RFC 6665 §8.2.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SubscriptionState<'a> {
    /// `active`, `pending`, `terminated` or an extension.
    pub state: &'a str,
    /// Why it was terminated.
    pub reason: Option<&'a str>,
    /// The seconds that are left.
    pub expires: Option<u32>,
    /// The seconds to wait before another try.
    pub retry_after: Option<u32>,
}

/// A Retry-After (RFC 3261 §20.33).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RetryAfter<'a> {
    /// The seconds to wait.
    pub seconds: u32,
    /// What stands in the parentheses, escapes as they are.
    pub comment: Option<&'a str>,
    /// For how many seconds the peer will be there then.
    pub duration: Option<u32>,
}

/// One value of Warning (RFC 3261 §20.43).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Warning<'a> {
    /// Three digits.
    pub code: u16,
    /// Who warns: a host, perhaps with its port, or a pseudonym.
    pub agent: &'a str,
    /// The text without its quotes, escapes as they are.
    pub text: &'a str,
}

/// The Content-Disposition of a message (RFC 3261 §20.11, RFC 5621 §3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Disposition<'a> {
    /// The disposition type, as it is written.
    pub kind: &'a str,
    /// Whether the body may be passed over by who does not understand it; the default is that it may not.
    pub is_optional: bool,
}

impl Head {
    /// The RSeq of a reliable provisional response, from 1 to 2^32 − 1 (RFC 3262 §7.1).
    pub fn rseq(&self) -> Option<u32> {
        whole(self.header("RSeq")?).filter(|rseq| *rseq > 0)
    }

    /// What a PRACK acknowledges.
    pub fn rack(&self) -> Option<RAck<'_>> {
        let (rseq, rest) = number(self.header("RAck")?.as_bytes())?;
        let (cseq, rest) = number(after_blanks(rest)?)?;
        let (name, rest) = token(after_blanks(rest)?);
        (rest.is_empty() && !name.is_empty()).then(|| RAck {
            rseq,
            cseq,
            method: Method::of(name),
            name: utf8(name),
        })
    }

    /// The values of Reason in order.
    pub fn reasons(&self) -> impl Iterator<Item = Reason<'_>> {
        self.values("Reason").filter_map(|value| {
            let (protocol, params) = word(value)?;
            Some(Reason {
                protocol,
                cause: param(params, "cause").and_then(whole),
                text: param(params, "text"),
            })
        })
    }

    /// The dialog that this request is to replace.
    ///
    /// # Errors
    ///
    /// 400: Replaces is malformed or there is more than one (RFC 3891 §3).
    pub fn replaces(&self) -> Result<Option<Replaces<'_>>, Flaw> {
        let mut fields = self.fields("Replaces");
        let Some(value) = fields.next() else {
            return Ok(None);
        };
        let at = offset(&self.lines, value);
        if fields.next().is_some() {
            return Err(bad(at, "header field is repeated"));
        }
        let replaces = Replaces::read(value).ok_or(bad(at, "Replaces is malformed"))?;
        Ok(Some(replaces))
    }

    /// Who referred the sender of this request.
    pub fn referred_by(&self) -> Option<ReferredBy<'_>> {
        let address = Address::read(self.header("Referred-By")?)?;
        let cid = address.param("cid").flatten();
        Some(ReferredBy {
            uri: address.uri,
            cid: cid.map(|cid| cid.trim_start_matches('<').trim_end_matches('>')),
        })
    }

    /// The values of Privacy, each by itself, those that this crate does not know too (RFC 3323 §4.2).
    pub fn privacy_values(&self) -> impl Iterator<Item = &str> {
        self.fields("Privacy")
            .flat_map(|value| value.split([';', ',']))
            .map(str::trim_ascii)
            .filter(|value| !value.is_empty())
    }

    /// What the callee's contact should have (RFC 3841 §9.2).
    pub fn accept_contacts(&self) -> impl Iterator<Item = Predicate<'_>> {
        self.values("Accept-Contact").filter_map(Predicate::read)
    }

    /// What the callee's contact should not have (RFC 3841 §9.2).
    pub fn reject_contacts(&self) -> impl Iterator<Item = Predicate<'_>> {
        self.values("Reject-Contact").filter_map(Predicate::read)
    }

    /// What proxies are asked to do with the request (RFC 3841 §9.1), in order. Directives that the RFC does not know are
    /// left out.
    pub fn request_dispositions(&self) -> impl Iterator<Item = Directive> {
        self.values("Request-Disposition")
            .filter_map(Directive::read)
    }

    /// The URIs in P-Preferred-Identity, in order: who the user wants to be to others (RFC 3325 §9.2).
    pub fn preferred(&self) -> impl Iterator<Item = &str> {
        self.values("P-Preferred-Identity")
            .filter_map(|value| Some(Address::read(value)?.uri))
    }

    /// The seconds after which the request, or what it asks for, is worth nothing (RFC 3261 §20.19, RFC 3428 §8).
    pub fn expires(&self) -> Option<u32> {
        whole(self.header("Expires")?)
    }

    /// The event package.
    pub fn event(&self) -> Option<Package<'_>> {
        let (name, params) = word(self.header("Event")?)?;
        let id = param(params, "id");
        Some(Package { name, id })
    }

    /// The state of the subscription that a NOTIFY belongs to.
    pub fn subscription_state(&self) -> Option<SubscriptionState<'_>> {
        let (state, params) = word(self.header("Subscription-State")?)?;
        Some(SubscriptionState {
            state,
            reason: param(params, "reason"),
            expires: param(params, "expires").and_then(whole),
            retry_after: param(params, "retry-after").and_then(whole),
        })
    }

    /// When to try again, with comment and duration; [`Self::retry_after`] gives the seconds alone.
    pub fn retry(&self) -> Option<RetryAfter<'_>> {
        let (seconds, rest) = number(self.header("Retry-After")?.as_bytes())?;
        let (comment, params) = match blanks(rest) {
            [b'(', ..] => {
                let (comment, rest) = comment(blanks(rest))?;
                (Some(utf8(comment)), rest)
            }
            params => (None, params),
        };
        Param::skip(params).is_empty().then(|| RetryAfter {
            seconds,
            comment,
            duration: param(params, "duration").and_then(whole),
        })
    }

    /// The values of Warning. Values of another form are left out.
    pub fn warnings(&self) -> impl Iterator<Item = Warning<'_>> {
        self.values("Warning").filter_map(|value| {
            let (code, rest) = number(value.as_bytes())?;
            let rest = blanks(rest);
            let end = rest
                .iter()
                .position(|octet| matches!(octet, b' ' | b'\t'))?;
            let (agent, rest) = rest.split_at_checked(end)?;
            let (text, _) = quoted(blanks(rest))?;
            Some(Warning {
                code: u16::try_from(code).ok()?,
                agent: utf8(agent),
                text: utf8(text),
            })
        })
    }

    /// What the body as a whole is for. Without the field it depends on the method and the media type.
    pub fn disposition(&self) -> Option<Disposition<'_>> {
        let (kind, params) = word(self.header("Content-Disposition")?)?;
        let handling = param(params, "handling").unwrap_or_default();
        let is_optional = handling.eq_ignore_ascii_case("optional");
        Some(Disposition { kind, is_optional })
    }

    /// The Date in seconds since the beginning of 1970, in UTC (RFC 3261 §20.17).
    pub fn date(&self) -> Option<u64> {
        date(self.header("Date")?)
    }
}

impl Directive {
    fn read(word: &str) -> Option<Self> {
        const WORDS: [(&str, Directive); 12] = [
            ("proxy", Directive::Proxy),
            ("redirect", Directive::Redirect),
            ("cancel", Directive::Cancel),
            ("no-cancel", Directive::NoCancel),
            ("fork", Directive::Fork),
            ("no-fork", Directive::NoFork),
            ("recurse", Directive::Recurse),
            ("no-recurse", Directive::NoRecurse),
            ("parallel", Directive::Parallel),
            ("sequential", Directive::Sequential),
            ("queue", Directive::Queue),
            ("no-queue", Directive::NoQueue),
        ];
        let mut words = WORDS.iter();
        words.find_map(|(known, it)| known.eq_ignore_ascii_case(word).then_some(*it))
    }
}

impl<'a> Replaces<'a> {
    /// Reads the value of the header field; `None` if it is malformed, lacks a tag or has one twice.
    pub fn read(value: &'a str) -> Option<Self> {
        let (call_id, params) = before_params(value.as_bytes());
        if call_id.is_empty()
            || call_id
                .iter()
                .any(|octet| matches!(octet, b' ' | b'\t' | b','))
        {
            return None;
        }
        let (mut to_tag, mut from_tag, mut early_only) = (None, None, false);
        for param in Param::all(params) {
            let is = |name: &[u8]| param.name.eq_ignore_ascii_case(name);
            let value = param.value.unwrap_or_default();
            let tag = match () {
                () if is(b"to-tag") => &mut to_tag,
                () if is(b"from-tag") => &mut from_tag,
                () => {
                    early_only |= is(b"early-only");
                    continue;
                }
            };
            if value.is_empty() || tag.replace(value).is_some() {
                return None;
            }
        }
        let all_read = Param::skip(params).is_empty();
        all_read.then_some(Self {
            call_id: utf8(call_id),
            to_tag: utf8(to_tag?),
            from_tag: utf8(from_tag?),
            early_only,
        })
    }

    /// The same as the value of a header field in a URI, escaped once: `@` as `%40`, `;` as `%3B`, `=` as `%3D`
    /// (CC-66). To be preceded by `?Replaces=`.
    pub fn in_uri(&self) -> impl fmt::Display + use<'a> {
        InUri(*self)
    }
}

impl fmt::Display for Replaces<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            call_id,
            to_tag,
            from_tag,
            early_only,
        } = self;
        write!(f, "{call_id};to-tag={to_tag};from-tag={from_tag}")?;
        match early_only {
            true => f.write_str(";early-only"),
            false => Ok(()),
        }
    }
}

struct InUri<'a>(Replaces<'a>);

impl fmt::Display for InUri<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(Escaping(f), "{}", self.0)
    }
}

/// Escapes what is written into it.
struct Escaping<'a, 'b>(&'a mut fmt::Formatter<'b>);

impl fmt::Write for Escaping<'_, '_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        fmt::Display::fmt(&escape(text), self.0)
    }
}

impl<'a> Predicate<'a> {
    fn read(value: &'a str) -> Option<Self> {
        let params = value.strip_prefix('*')?;
        let is_whole = Param::skip(params.as_bytes()).is_empty();
        is_whole.then_some(Self { params })
    }

    /// Whether contacts that do not match are to be dropped rather than put last.
    pub fn is_required(&self) -> bool {
        self.params().any(|feature| feature.is("require"))
    }

    /// Whether contacts that do not say anything about a feature do not have it.
    pub fn is_explicit(&self) -> bool {
        self.params().any(|feature| feature.is("explicit"))
    }

    /// The features in order, all of which are asked for.
    pub fn features(&self) -> impl Iterator<Item = Feature<'a>> {
        self.params().filter(Feature::is_named)
    }

    fn params(&self) -> impl Iterator<Item = Feature<'a>> {
        Feature::all(self.params)
    }
}

impl<'a> Address<'a> {
    /// The features of a Contact in order (RFC 3840 §9): the tags of the base set, and those that begin with `+`. Other
    /// parameters are left out.
    pub fn features(&self) -> impl Iterator<Item = Feature<'a>> {
        Feature::all(self.params).filter(Feature::is_named)
    }
}

/// The tags that are written without `+` (RFC 3840 §9).
const BASE: [&str; 20] = [
    "audio",
    "automata",
    "class",
    "duplex",
    "data",
    "control",
    "mobility",
    "description",
    "events",
    "priority",
    "methods",
    "schemes",
    "application",
    "video",
    "language",
    "type",
    "isfocus",
    "actor",
    "text",
    "extensions",
];

impl<'a> Feature<'a> {
    /// Whether it is this tag. Case is ignored.
    pub fn is(&self, tag: &str) -> bool {
        self.tag.eq_ignore_ascii_case(tag)
    }

    /// The values of its list, each with its `!` or `#` if it has one; `TRUE` for a boolean that is true without saying
    /// so. A string keeps its angle brackets.
    pub fn values(self) -> impl Iterator<Item = &'a str> {
        list(self.value.unwrap_or("TRUE").as_bytes()).map(utf8)
    }

    /// Whether the name is that of a feature.
    fn is_named(&self) -> bool {
        self.tag.starts_with('+') || BASE.iter().any(|base| self.is(base))
    }

    fn all(params: &'a str) -> impl Iterator<Item = Self> {
        Param::all(params.as_bytes()).map(|param| Self {
            tag: utf8(param.name),
            value: param.value.map(utf8),
        })
    }
}

/// The word in front, and the parameters that are all that follows.
fn word(value: &str) -> Option<(&str, &[u8])> {
    let (word, params) = token(value.as_bytes());
    (!word.is_empty() && Param::skip(params).is_empty()).then(|| (utf8(word), params))
}

fn param<'a>(params: &'a [u8], name: &str) -> Option<&'a str> {
    Param::find(params, name).flatten()
}

/// A number and nothing else.
fn whole(text: &str) -> Option<u32> {
    let (number, rest) = number(text.as_bytes())?;
    rest.is_empty().then_some(number)
}

/// The rest after at least one blank.
fn after_blanks(text: &[u8]) -> Option<&[u8]> {
    Some(blanks(text)).filter(|rest| rest.len() < text.len())
}

/// The value in front, and the rest from the first semicolon on.
fn before_params(text: &[u8]) -> (&[u8], &[u8]) {
    let end = text.iter().position(|octet| *octet == b';');
    let (value, params) = text
        .split_at_checked(end.unwrap_or(text.len()))
        .unwrap_or((text, b""));
    (value.trim_ascii(), params)
}

/// The comment in front without its outer parentheses, and the rest. Comments nest (RFC 3261 §25.1).
fn comment(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let (mut depth, mut at) = (0usize, 0);
    loop {
        match text.get(at)? {
            b'\\' => at += 1,
            b'(' => depth += 1,
            b')' if depth == 1 => return Some((text.get(1..at)?, text.get(at + 1..)?)),
            b')' => depth -= 1,
            _ => {}
        }
        at += 1;
    }
}

/// `Sat, 13 Nov 2010 23:29:00 GMT`.
fn date(text: &str) -> Option<u64> {
    const DAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
    const MONTHS: [&str; 12] = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ];
    let (weekday, rest) = text.split_once(", ")?;
    let mut words = rest.split(' ');
    let mut next = || words.next();
    let (day, month, year, time, zone) = (next()?, next()?, next()?, next()?, next()?);
    let mut clock = time.split(':');
    let mut pair = || clock.next().and_then(|text| digits(text, 2));
    let (hour, minute, second) = (pair()?, pair()?, pair()?);
    if !DAYS.contains(&weekday) || zone != "GMT" || next().is_some() || clock.next().is_some() {
        return None;
    }
    let month = 1 + u64::try_from(MONTHS.iter().position(|name| *name == month)?).ok()?;
    let (day, year) = (digits(day, 2)?, digits(year, 4)?);
    let leap = |year: u64| {
        year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
    };
    let last = match month {
        2 if leap(year) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    };
    // A leap second is the first of the next minute for who counts without them.
    if year < 1970 || day == 0 || day > last || hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    // Years that begin in March have the leap day at their end.
    let (year, month) = match month {
        1 | 2 => (year - 1, month + 9),
        _ => (year, month - 3),
    };
    let days = year * 365 + year / 4 - year / 100 + year / 400 + (month * 153 + 2) / 5 + day - 1;
    // 1 January 1970 is this many days after 1 March of the year 0.
    let days = days.checked_sub(719_468)?;
    Some(((days * 24 + hour) * 60 + minute) * 60 + second)
}

/// A number of exactly that many digits.
fn digits(text: &str, count: usize) -> Option<u64> {
    let number = whole(text).filter(|_| text.len() == count)?;
    Some(u64::from(number))
}
