//! What the grammar does not have (RFC 4975 §9, RFC 4976 §7, RFC 7701 §7), and nobody said to put up with.
//!
//! The decoder reads more than the grammar has. What it should not have taken is found here, in a pass of
//! its own over the complete head, so that a connection that tolerates everything does not pay for it.

use super::{Field, Head, Kind, flaw, urls};
use crate::profile::Tolerance;
use crate::wire::octet::offset;
use crate::{Continuation, Flaw};

/// What is wrong with a complete head that could be read; `flag` is that of a frame without a body.
pub(super) fn check(head: &Head, flag: Option<Continuation>, how: &Tolerance) -> Option<Flaw> {
    if *how == Tolerance::lenient() {
        return None;
    }
    let text = head.text();
    let place = |part: &str, what| flaw(offset(text, part), what);
    let mut checks = Checks {
        head,
        how,
        before: Field::Other,
        mime: 0,
    };
    let lines = text.split("\r\n").skip(1).filter(|line| !line.is_empty());
    for (at, line) in lines.enumerate() {
        if let Err((part, what)) = checks.line(at, line) {
            return Some(place(part, what));
        }
    }
    let whole = checks.whole(flag).or_else(|| extensions(head, how))?;
    Some(Flaw {
        // What is missing is missing at the end.
        at: if whole.at == 0 { text.len() } else { whole.at },
        ..whole
    })
}

struct Checks<'a> {
    head: &'a Head,
    how: &'a Tolerance,
    /// The field of the line before.
    before: Field,
    /// Which MIME header fields there have been.
    mime: u8,
}

impl Checks<'_> {
    fn line<'a>(&mut self, at: usize, line: &'a str) -> Result<(), (&'a str, &'static str)> {
        let how = self.how;
        let (name, raw) = line.split_once(':').unwrap_or((line, ""));
        let value = raw.trim_ascii();
        let field = Field::of(name.as_bytes());
        let loose = match field {
            Field::Other | Field::Mime => !raw.starts_with(' '),
            _ => raw.strip_prefix(' ') != Some(value),
        };
        if loose && !how.loose_blanks {
            return Err((raw, "blanks around a value are not as they should be"));
        }
        if !is_name(name) && !how.loose_names {
            return Err((name, "header name is not a token"));
        }
        let order = match field {
            Field::ToPath => at == 0,
            Field::FromPath => at == 1,
            _ => true,
        };
        if !order && !how.paths_anywhere {
            return Err((line, "To-Path and From-Path do not come first"));
        }
        let was_mime = matches!(self.before, Field::Mime | Field::ContentType);
        let is_mime = matches!(field, Field::Mime | Field::ContentType);
        let misplaced = was_mime && !is_mime || self.before == Field::ContentType;
        if misplaced && !how.mime_anywhere {
            return Err((line, "header field behind the MIME header fields"));
        }
        self.before = field;
        let is_report = |field| matches!(field, Field::SuccessReport | Field::FailureReport);
        if is_report(field) && !how.stray_wishes && self.head.kind() != Kind::Send {
            return Err((line, "wish for reports in a frame that is no SEND"));
        }
        match field {
            Field::ToPath | Field::FromPath => self.path(value),
            Field::MessageId => self.ident(value),
            Field::SuccessReport => self.wish(value, &["yes", "no"]),
            Field::FailureReport => self.wish(value, &["yes", "no", "partial"]),
            Field::Status if !how.foreign_status && !value.starts_with("000 ") => {
                Err((value, "Status is of an unknown namespace"))
            }
            Field::ContentType | Field::Mime if !how.unread_mime => self.mime(name, value),
            _ => Ok(()),
        }
    }

    fn path<'a>(&self, value: &'a str) -> Result<(), (&'a str, &'static str)> {
        if !self.how.loose_blanks && value.split(' ').any(str::is_empty) {
            return Err((value, "path has more than one blank between two URIs"));
        }
        let bad = urls(value).find_map(|url| Some((url, super::Url::parse(url).err()?.what)));
        match bad.filter(|_| !self.how.unread_paths) {
            Some(bad) => Err(bad),
            None => Ok(()),
        }
    }

    fn ident<'a>(&self, id: &'a str) -> Result<(), (&'a str, &'static str)> {
        match id.len() {
            ..4 if !self.how.short_ids => Err((id, "identifier has fewer than four letters")),
            33.. if !self.how.long_ids => Err((id, "identifier has more than 32 letters")),
            _ => Ok(()),
        }
    }

    fn wish<'a>(&self, value: &'a str, known: &[&str]) -> Result<(), (&'a str, &'static str)> {
        let is_known = known.iter().any(|known| value.eq_ignore_ascii_case(known));
        match is_known || self.how.unknown_wishes {
            true => Ok(()),
            false => Err((value, "wish for reports is unknown")),
        }
    }

    /// RFC 2045 §5.1, §7, §8, RFC 2183 §2.
    fn mime<'a>(&mut self, name: &'a str, value: &'a str) -> Result<(), (&'a str, &'static str)> {
        let is = |known| name.eq_ignore_ascii_case(known);
        let bit = match () {
            _ if is("Content-Type") => {
                let (kind, params) = value.split_once(';').unwrap_or((value, ""));
                let halves = kind.trim_ascii().split_once('/');
                let shaped = halves.is_some_and(|(a, b)| is_token(a) && is_token(b));
                if !shaped || !are_params(params) {
                    return Err((value, "Content-Type is malformed"));
                }
                // Twice is refused in any case.
                0
            }
            _ if is("Content-Disposition") => {
                let (kind, params) = value.split_once(';').unwrap_or((value, ""));
                if !is_token(kind.trim_ascii()) || !are_params(params) {
                    return Err((value, "Content-Disposition is malformed"));
                }
                1
            }
            _ if is("Content-ID") => 1 << 1,
            _ if is("Content-Description") => 1 << 2,
            // RFC 4975 §7.1.1: always binary, and nothing says so.
            _ if is("Content-Transfer-Encoding") => {
                return Err((name, "Content-Transfer-Encoding has no place in MSRP"));
            }
            _ => 0,
        };
        if self.mime & bit != 0 {
            return Err((name, "MIME header field is repeated"));
        }
        self.mime |= bit;
        Ok(())
    }

    /// What only the whole head shows. Without a place of its own, the place is the end.
    fn whole(&self, flag: Option<Continuation>) -> Option<Flaw> {
        let Self { head, how, .. } = self;
        let kind = head.kind();
        let is_response = matches!(kind, Kind::Response(_));
        let has_body = flag.is_none();
        let pathless = head.to_path().is_empty() || head.from_path().is_empty();
        let txn = head.txn();
        if let Err((_, what)) = self.ident(txn) {
            return Some(flaw(offset(head.text(), txn), what));
        }
        let what = match () {
            _ if is_response && pathless && !how.pathless_response => "response without paths",
            _ if is_response && has_body && !how.response_body => "response with a body",
            _ if has_body && head.content_type().is_none() && !how.untyped_body => {
                "body without Content-Type"
            }
            _ if !has_body && !head.mime().is_empty() && !how.typed_nothing => {
                "MIME header fields without a body"
            }
            _ if kind == Kind::Send && head.message().is_empty() && !how.nameless_send => {
                "Message-ID is missing"
            }
            _ if kind != Kind::Send
                && flag.is_some_and(|flag| flag != Continuation::Last)
                && !how.odd_flags =>
            {
                "flag of a frame that has no chunks is not `$`"
            }
            _ => return None,
        };
        Some(flaw(0, what))
    }
}

/// What is wrong with the fields of the extensions.
fn extensions(head: &Head, how: &Tolerance) -> Option<Flaw> {
    if how.unread_extensions {
        return None;
    }
    let flaws = [
        head.expires().err(),
        head.min_expires().err(),
        head.max_expires().err(),
        head.use_path().err(),
        head.authorization().err(),
        head.authentication_info().err(),
        head.nickname().err(),
        head.challenges().find_map(Result::err),
    ];
    if let Some(flaw) = flaws.into_iter().flatten().next() {
        return Some(flaw);
    }
    // RFC 7701 §7.1.
    let nameless = head.kind() == Kind::Nickname && head.nickname() == Ok(None);
    nameless.then(|| flaw(0, "Use-Nickname is missing"))
}

fn is_name(name: &str) -> bool {
    name.starts_with(|first: char| first.is_ascii_alphabetic()) && is_token(name)
}

/// RFC 4975 §9.
pub(super) fn is_token(text: &str) -> bool {
    let is_letter = |b: u8| b.is_ascii_graphic() && !b"\"(),/:;<=>?@[\\]".contains(&b);
    !text.is_empty() && text.bytes().all(is_letter)
}

/// Parameters, each behind a semicolon, the first without.
fn are_params(text: &str) -> bool {
    let mut rest = text;
    while !rest.trim_ascii().is_empty() {
        let Some((name, value)) = rest.split_once('=') else {
            return false;
        };
        let value = value.trim_ascii_start();
        let Some(size) = super::auth::value_size(value) else {
            return false;
        };
        let Some((_, after)) = value.split_at_checked(size) else {
            return false;
        };
        let after = after.trim_ascii_start();
        if !is_token(name.trim_ascii()) || !(after.is_empty() || after.starts_with(';')) {
            return false;
        }
        rest = after.strip_prefix(';').unwrap_or_default();
    }
    true
}
