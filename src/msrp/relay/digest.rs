//! What is hashed to answer a relay's challenge.

use alloc::string::String;
use core::fmt::Write;

use crate::wire::msrp::{Challenge, Credentials};
use crate::{Entropy, Tag};

/// What a host needs to answer a challenge, beside a user name and its password (RFC 2617 §3.2.2).
///
/// With `H` the algorithm, the response is
/// `H(H(username:realm:password):nonce:nc:cnonce:qop:H(method:uri))`, all hashes in lower-case
/// hexadecimal, `nc` in eight digits as [`nonce_count`](Self::nonce_count) has it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Digest {
    /// Whose password is asked for, as it stands between its quotes.
    pub realm: String,
    /// What the relay wants to see hashed, as it stands between its quotes.
    pub nonce: String,
    /// What goes back as it came.
    pub opaque: Option<String>,
    /// The algorithm; `MD5` if none is named. Never a `-sess` (RFC 4976 §9.1).
    pub algorithm: Option<String>,
    /// The relay's URI.
    pub uri: String,
    /// What we want to see hashed.
    pub cnonce: String,
    /// How often the nonce has been used, this time included.
    pub nc: u32,
}

impl Digest {
    /// The method: `AUTH`.
    pub const METHOD: &'static str = "AUTH";
    /// The quality of protection: `auth`, the only one in MSRP (RFC 4976 §9.1).
    pub const QOP: &'static str = "auth";

    /// The nonce count as it is hashed.
    pub fn nonce_count(&self) -> String {
        let mut text = String::new();
        let _ = write!(text, "{:08x}", self.nc);
        text
    }

    /// The credentials for it, as they go into an Authorization header field: `response` is what the host
    /// has computed. Of `username`, a quote or backslash is hashed with the backslash before it.
    pub fn credentials<'a>(&'a self, username: &'a str, response: &'a str) -> Credentials<'a> {
        Credentials {
            username,
            realm: &self.realm,
            nonce: &self.nonce,
            uri: Some(&self.uri),
            response,
            algorithm: self.algorithm.as_deref(),
            cnonce: &self.cnonce,
            opaque: self.opaque.as_deref(),
            qop: Self::QOP,
            nc: self.nc,
        }
    }

    /// `None` if it is a challenge that cannot be met.
    pub(super) fn to(challenge: &Challenge<'_>, uri: &str) -> Option<Self> {
        let sess = |algorithm: &str| algorithm.to_ascii_lowercase().ends_with("-sess");
        // A relay MUST name one; to one that names none we say `auth` all the same (RFC 4976 §9.1).
        let has_auth = challenge
            .qops()
            .any(|qop| qop.eq_ignore_ascii_case(Self::QOP));
        let usable = has_auth || challenge.qops().next().is_none();
        if !usable || challenge.algorithm.is_some_and(sess) {
            return None;
        }
        Some(Self {
            realm: challenge.realm.into(),
            nonce: challenge.nonce.into(),
            opaque: challenge.opaque.map(Into::into),
            algorithm: challenge.algorithm.map(Into::into),
            uri: uri.into(),
            cnonce: String::new(),
            nc: 0,
        })
    }

    /// The same challenge, once more.
    pub(super) fn again(mut self, entropy: &mut dyn Entropy) -> Self {
        self.cnonce.clear();
        let _ = write!(self.cnonce, "{}", Tag(entropy.draw()));
        self.nc = self.nc.saturating_add(1);
        self
    }
}

/// Who we are to a relay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Login<'a> {
    /// Which of the challenges is answered, counted from 0.
    pub challenge: usize,
    /// The user name.
    pub username: &'a str,
    /// The response, in lower-case hexadecimal: see [`Digest`].
    pub response: &'a str,
}
