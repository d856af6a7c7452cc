//! The header fields of relays (RFC 4976 §4, §7) and of chat rooms (RFC 7701 §7), read when asked for.

use core::fmt::{self, Write};

use super::strict::is_token;
use super::{Head, Url, check_path, flaw, urls};
use crate::Flaw;
use crate::wire::octet::{decimal, offset};

/// A challenge: the value of a WWW-Authenticate header field.
///
/// Texts stand here as they stand between their quotes, escapes included: so they are hashed
/// (RFC 2617 §1.2, `unq`) and so they go back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Challenge<'a> {
    /// Whose password is asked for.
    pub realm: &'a str,
    /// What the relay wants to see hashed.
    pub nonce: &'a str,
    /// What goes back as it came.
    pub opaque: Option<&'a str>,
    /// Whether the credentials were good, and only the nonce was too old.
    pub stale: bool,
    /// The algorithm; `MD5` if none is named.
    pub algorithm: Option<&'a str>,
    /// The qualities of protection that the relay offers, separated by commas; empty if it names none.
    pub qop: &'a str,
}

impl<'a> Challenge<'a> {
    /// Reads the value of a WWW-Authenticate header field. Parameters that are not known are passed over,
    /// `domain` among them (RFC 4976 §9.1).
    ///
    /// # Errors
    ///
    /// Another scheme than Digest (RFC 4976 §9.1), a parameter that is malformed, repeated or missing; the
    /// offset is counted from the beginning of the value.
    pub fn parse(value: &'a str) -> Result<Self, Flaw> {
        let (mut realm, mut nonce, mut opaque) = (None, None, None);
        let (mut stale, mut algorithm, mut qop) = (None, None, None);
        for param in Params::digest(value)? {
            let param = param?;
            match () {
                _ if param.is("realm") => param.quoted(&mut realm)?,
                _ if param.is("nonce") => param.quoted(&mut nonce)?,
                _ if param.is("opaque") => param.quoted(&mut opaque)?,
                _ if param.is("stale") => param.once(&mut stale)?,
                _ if param.is("algorithm") => param.once(&mut algorithm)?,
                _ if param.is("qop") => param.quoted(&mut qop)?,
                _ => {}
            }
        }
        Ok(Self {
            realm: realm.ok_or(flaw(value.len(), "challenge without realm"))?,
            nonce: nonce.ok_or(flaw(value.len(), "challenge without nonce"))?,
            opaque,
            stale: stale.is_some_and(|stale: &str| stale.eq_ignore_ascii_case("true")),
            algorithm,
            qop: qop.unwrap_or_default(),
        })
    }

    /// The qualities of protection that the relay offers.
    pub fn qops(&self) -> impl Iterator<Item = &'a str> {
        let qops = self.qop.split(',').map(str::trim_ascii);
        qops.filter(|qop| !qop.is_empty())
    }
}

/// The value of a WWW-Authenticate header field.
impl fmt::Display for Challenge<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "Digest realm={}, nonce={}",
            Quoted(self.realm),
            Quoted(self.nonce)
        )?;
        if let Some(opaque) = self.opaque {
            write!(f, ", opaque={}", Quoted(opaque))?;
        }
        if self.stale {
            f.write_str(", stale=true")?;
        }
        if let Some(algorithm) = self.algorithm {
            write!(f, ", algorithm={}", Bare(algorithm))?;
        }
        if !self.qop.is_empty() {
            write!(f, ", qop={}", Quoted(self.qop))?;
        }
        Ok(())
    }
}

/// Credentials: the value of an Authorization header field. Texts as in [`Challenge`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Credentials<'a> {
    /// Who we are to the relay.
    pub username: &'a str,
    /// The realm of the challenge.
    pub realm: &'a str,
    /// The nonce of the challenge.
    pub nonce: &'a str,
    /// The rightmost URI of To-Path (RFC 4976 §9.1). Missing in the examples of RFC 4976, demanded by
    /// RFC 2617 §3.2.2; always written when it is there.
    pub uri: Option<&'a str>,
    /// The hash.
    pub response: &'a str,
    /// The algorithm, as the challenge named it.
    pub algorithm: Option<&'a str>,
    /// What we want to see hashed.
    pub cnonce: &'a str,
    /// As the challenge had it.
    pub opaque: Option<&'a str>,
    /// The quality of protection: `auth`.
    pub qop: &'a str,
    /// How often the nonce has been used, this time included.
    pub nc: u32,
}

impl<'a> Credentials<'a> {
    /// Reads the value of an Authorization header field. Parameters that are not known are passed over.
    ///
    /// # Errors
    ///
    /// Another scheme than Digest, a parameter that is malformed, repeated or missing; the offset is counted
    /// from the beginning of the value.
    pub fn parse(value: &'a str) -> Result<Self, Flaw> {
        let (mut username, mut realm, mut nonce, mut uri) = (None, None, None, None);
        let (mut response, mut algorithm, mut cnonce) = (None, None, None);
        let (mut opaque, mut qop, mut nc) = (None, None, None);
        for param in Params::digest(value)? {
            let param = param?;
            match () {
                _ if param.is("username") => param.quoted(&mut username)?,
                _ if param.is("realm") => param.quoted(&mut realm)?,
                _ if param.is("nonce") => param.quoted(&mut nonce)?,
                _ if param.is("uri") => param.quoted(&mut uri)?,
                _ if param.is("response") => param.quoted(&mut response)?,
                _ if param.is("algorithm") => param.once(&mut algorithm)?,
                _ if param.is("cnonce") => param.quoted(&mut cnonce)?,
                _ if param.is("opaque") => param.quoted(&mut opaque)?,
                _ if param.is("qop") => param.once(&mut qop)?,
                _ if param.is("nc") => param.once(&mut nc)?,
                _ => {}
            }
        }
        let missing = |what| flaw(value.len(), what);
        let nc = nc.ok_or(missing("credentials without nonce count"))?;
        Ok(Self {
            username: username.ok_or(missing("credentials without username"))?,
            realm: realm.ok_or(missing("credentials without realm"))?,
            nonce: nonce.ok_or(missing("credentials without nonce"))?,
            uri,
            response: response.ok_or(missing("credentials without response"))?,
            algorithm,
            cnonce: cnonce.ok_or(missing("credentials without cnonce"))?,
            opaque,
            qop: qop.ok_or(missing("credentials without qop"))?,
            nc: count(nc).ok_or(flaw(offset(value, nc), "nonce count is malformed"))?,
        })
    }
}

/// The value of an Authorization header field.
impl fmt::Display for Credentials<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [username, realm, nonce] = [self.username, self.realm, self.nonce].map(Quoted);
        write!(
            f,
            "Digest username={username}, realm={realm}, nonce={nonce}"
        )?;
        if let Some(uri) = self.uri {
            write!(f, ", uri={}", Quoted(uri))?;
        }
        write!(f, ", response={}", Quoted(self.response))?;
        if let Some(algorithm) = self.algorithm {
            write!(f, ", algorithm={}", Bare(algorithm))?;
        }
        if let Some(opaque) = self.opaque {
            write!(f, ", opaque={}", Quoted(opaque))?;
        }
        let (cnonce, qop) = (Quoted(self.cnonce), Bare(self.qop));
        write!(f, ", cnonce={cnonce}, qop={qop}, nc={:08x}", self.nc)
    }
}

/// What a relay says about itself and the next request: the value of an Authentication-Info header field.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AuthenticationInfo<'a> {
    /// The nonce of the next request.
    pub nextnonce: Option<&'a str>,
    /// The relay's own hash, which only one that knows the password can make.
    pub rspauth: Option<&'a str>,
    /// Our cnonce.
    pub cnonce: Option<&'a str>,
    /// The quality of protection.
    pub qop: Option<&'a str>,
    /// Our nonce count.
    pub nc: Option<u32>,
}

impl<'a> AuthenticationInfo<'a> {
    /// Reads the value of an Authentication-Info header field. Parameters that are not known are passed over.
    ///
    /// # Errors
    ///
    /// A parameter that is malformed or repeated; the offset is counted from the beginning of the value.
    pub fn parse(value: &'a str) -> Result<Self, Flaw> {
        let mut info = Self::default();
        let mut nc = None;
        for param in Params::of(value) {
            let param = param?;
            match () {
                _ if param.is("nextnonce") => param.quoted(&mut info.nextnonce)?,
                _ if param.is("rspauth") => param.quoted(&mut info.rspauth)?,
                _ if param.is("cnonce") => param.quoted(&mut info.cnonce)?,
                _ if param.is("qop") => param.once(&mut info.qop)?,
                _ if param.is("nc") => param.once(&mut nc)?,
                _ => {}
            }
        }
        if let Some(nc) = nc {
            let bad = flaw(offset(value, nc), "nonce count is malformed");
            info.nc = Some(count(nc).ok_or(bad)?);
        }
        Ok(info)
    }
}

/// The value of an Authentication-Info header field.
impl fmt::Display for AuthenticationInfo<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut between = "";
        let mut put = |name, value: &dyn fmt::Display| {
            let before = core::mem::replace(&mut between, ", ");
            write!(f, "{before}{name}={value}")
        };
        if let Some(nextnonce) = self.nextnonce {
            put("nextnonce", &Quoted(nextnonce))?;
        }
        if let Some(rspauth) = self.rspauth {
            put("rspauth", &Quoted(rspauth))?;
        }
        if let Some(cnonce) = self.cnonce {
            put("cnonce", &Quoted(cnonce))?;
        }
        if let Some(nc) = self.nc {
            put("nc", &format_args!("{nc:08x}"))?;
        }
        if let Some(qop) = self.qop {
            put("qop", &Bare(qop))?;
        }
        Ok(())
    }
}

/// The offsets in the flaws are counted from the beginning of the head.
impl Head {
    /// The challenges of a 401, in the order in which the relay prefers them.
    pub fn challenges(&self) -> impl Iterator<Item = Result<Challenge<'_>, Flaw>> {
        let values = self.named("WWW-Authenticate");
        values.map(|value| Challenge::parse(value).map_err(|flaw| self.placed(value, flaw)))
    }

    /// The Authorization.
    ///
    /// # Errors
    ///
    /// It is malformed or repeated.
    pub fn authorization(&self) -> Result<Option<Credentials<'_>>, Flaw> {
        self.extension("Authorization", Credentials::parse)
    }

    /// The Authentication-Info.
    ///
    /// # Errors
    ///
    /// It is malformed or repeated.
    pub fn authentication_info(&self) -> Result<Option<AuthenticationInfo<'_>>, Flaw> {
        self.extension("Authentication-Info", AuthenticationInfo::parse)
    }

    /// The Use-Path: one URI or several, separated by blanks, in the order in which our To-Path has them.
    ///
    /// # Errors
    ///
    /// It is malformed or repeated, or a URI has no port, which it must have (RFC 4976 §4.2).
    pub fn use_path(&self) -> Result<Option<&str>, Flaw> {
        self.extension("Use-Path", |path| {
            check_path(path)?;
            let portless = |url: &&str| Url::parse(url).is_ok_and(|url| url.port.is_none());
            match urls(path).find(portless) {
                Some(url) => Err(flaw(offset(path, url), "URI of a Use-Path has no port")),
                None => Ok(path),
            }
        })
    }

    /// The Expires, in seconds (RFC 4976 §4.6).
    ///
    /// # Errors
    ///
    /// It is no number, above 4,294,967,295, or repeated.
    pub fn expires(&self) -> Result<Option<u32>, Flaw> {
        self.extension("Expires", seconds)
    }

    /// The Min-Expires of a 423, in seconds.
    ///
    /// # Errors
    ///
    /// It is no number, above 4,294,967,295, or repeated.
    pub fn min_expires(&self) -> Result<Option<u32>, Flaw> {
        self.extension("Min-Expires", seconds)
    }

    /// The Max-Expires of a 423, in seconds.
    ///
    /// # Errors
    ///
    /// It is no number, above 4,294,967,295, or repeated.
    pub fn max_expires(&self) -> Result<Option<u32>, Flaw> {
        self.extension("Max-Expires", seconds)
    }

    /// The Use-Nickname as it stands between its quotes (RFC 7701 §7.1).
    ///
    /// # Errors
    ///
    /// It is no quoted string of 1 to 1,023 octets, or repeated.
    pub fn nickname(&self) -> Result<Option<&str>, Flaw> {
        self.extension("Use-Nickname", |value| {
            let bad = flaw(0, "Use-Nickname is no quoted string of 1 to 1,023 octets");
            let inner = quoted(value).filter(|inner| (1..=1023).contains(&inner.len()));
            inner.ok_or(bad)
        })
    }

    fn extension<'a, T>(
        &'a self,
        name: &str,
        read: impl FnOnce(&'a str) -> Result<T, Flaw>,
    ) -> Result<Option<T>, Flaw> {
        let mut values = self.named(name);
        let Some(value) = values.next() else {
            return Ok(None);
        };
        if let Some(again) = values.next() {
            return Err(self.placed(again, flaw(0, "header field is repeated")));
        }
        let read = read(value).map_err(|flaw| self.placed(value, flaw))?;
        Ok(Some(read))
    }

    fn placed(&self, value: &str, flaw: Flaw) -> Flaw {
        Flaw {
            at: offset(self.text(), value) + flaw.at,
            ..flaw
        }
    }
}

fn seconds(value: &str) -> Result<u32, Flaw> {
    decimal(value).ok_or(flaw(0, "number of seconds is malformed"))
}

/// Eight hexadecimal digits.
fn count(text: &str) -> Option<u32> {
    let shaped = text.len() == 8 && text.bytes().all(|b| b.is_ascii_hexdigit());
    shaped.then(|| u32::from_str_radix(text, 16).ok()).flatten()
}

/// What stands between the quotes, if that is all there is.
fn quoted(value: &str) -> Option<&str> {
    let whole = value.starts_with('"') && value_size(value) == Some(value.len());
    whole.then(|| value.get(1..value.len() - 1)).flatten()
}

/// The size of the token or quoted string that a text begins with.
pub(super) fn value_size(text: &str) -> Option<usize> {
    let Some(inner) = text.strip_prefix('"') else {
        let is_end = |b: u8| matches!(b, b',' | b';' | b' ' | b'\t');
        let size = text.bytes().position(is_end).unwrap_or(text.len());
        return is_token(text.get(..size)?).then_some(size);
    };
    let mut escaped = false;
    for (at, octet) in inner.bytes().enumerate() {
        match octet {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return Some(at + 2),
            _ => {}
        }
    }
    None
}

/// The parameters of a digest.
struct Params<'a> {
    whole: &'a str,
    rest: Option<&'a str>,
}

struct Param<'a> {
    at: usize,
    name: &'a str,
    value: &'a str,
}

impl<'a> Params<'a> {
    /// Behind the scheme.
    fn digest(value: &'a str) -> Result<Self, Flaw> {
        let (scheme, rest) = value.split_once(' ').unwrap_or((value, ""));
        if !scheme.eq_ignore_ascii_case("Digest") {
            return Err(flaw(0, "authentication scheme is not Digest"));
        }
        Ok(Self {
            whole: value,
            rest: Some(rest),
        })
    }

    fn of(value: &'a str) -> Self {
        Self {
            whole: value,
            rest: Some(value),
        }
    }
}

impl<'a> Iterator for Params<'a> {
    type Item = Result<Param<'a>, Flaw>;

    fn next(&mut self) -> Option<Self::Item> {
        let rest = self.rest.take()?.trim_ascii_start();
        let at = offset(self.whole, rest);
        let read = || {
            let (name, value) = rest.split_once('=')?;
            let (value, after) = value.split_at_checked(value_size(value)?)?;
            let after = after.trim_ascii_start();
            let ended = after.is_empty() || after.starts_with(',');
            (is_token(name) && ended).then_some((name, value, after))
        };
        let Some((name, value, after)) = read() else {
            return Some(Err(flaw(at, "digest parameter is malformed")));
        };
        self.rest = after.strip_prefix(',');
        Some(Ok(Param { at, name, value }))
    }
}

impl<'a> Param<'a> {
    fn is(&self, name: &str) -> bool {
        self.name.eq_ignore_ascii_case(name)
    }

    /// Takes a value that is a quoted string.
    fn quoted(&self, into: &mut Option<&'a str>) -> Result<(), Flaw> {
        let inner = quoted(self.value);
        let inner = inner.ok_or(flaw(self.at, "digest parameter is not in quotes"))?;
        self.put(inner, into)
    }

    /// Takes a value that is a token; in quotes it means the same, and many write it so.
    fn once(&self, into: &mut Option<&'a str>) -> Result<(), Flaw> {
        let token = quoted(self.value).unwrap_or(self.value);
        if !is_token(token) {
            return Err(flaw(self.at, "digest parameter is no token"));
        }
        self.put(token, into)
    }

    fn put(&self, value: &'a str, into: &mut Option<&'a str>) -> Result<(), Flaw> {
        match into.replace(value) {
            None => Ok(()),
            Some(_) => Err(flaw(self.at, "digest parameter is repeated")),
        }
    }
}

/// A text in quotes. What would end it early is escaped, what has no place in a header line left out, so
/// that nothing a user chose for a name writes a line of its own.
struct Quoted<'a>(&'a str);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_char('"')?;
        let mut letters = self.0.chars().filter(|b| !b.is_control() || *b == '\t');
        while let Some(letter) = letters.next() {
            match letter {
                '"' => f.write_str("\\\"")?,
                '\\' => {
                    f.write_char('\\')?;
                    f.write_char(letters.next().unwrap_or('\\'))?;
                }
                letter => f.write_char(letter)?,
            }
        }
        f.write_char('"')
    }
}

/// A token; what has no place in one is left out.
struct Bare<'a>(&'a str);

impl fmt::Display for Bare<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let letters = self.0.chars();
        let mut letters = letters.filter(|letter| is_token(letter.encode_utf8(&mut [0; 4])));
        letters.try_for_each(|letter| f.write_char(letter))
    }
}
