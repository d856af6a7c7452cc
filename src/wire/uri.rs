//! SIP, SIPS and tel URIs (RFC 3261 §19.1, RFC 3966).

// PLACEHOLDER, to be replaced as a whole by the real reader: enough for lists and rosters to be
// written and tested against.

use alloc::string::String;
use core::hash::{BuildHasher, BuildHasherDefault, Hasher};

use bytes::Bytes;

use crate::{Flaw, Status, Uri};

#[derive(Default)]
struct Fnv(u64);

impl Hasher for Fnv {
    fn finish(&self) -> u64 {
        self.0
    }
    fn write(&mut self, octets: &[u8]) {
        for octet in octets {
            self.0 = (self.0 ^ u64::from(*octet)).wrapping_mul(0x100_0000_01b3);
        }
    }
}

impl Uri {
    /// Copies a URI.
    ///
    /// # Errors
    ///
    /// What is wrong with it, with status 400 or 416.
    pub fn copy(text: &str) -> Result<Self, Flaw> {
        Self::parse(Bytes::copy_from_slice(text.as_bytes()))
    }

    /// Takes a URI as it is.
    ///
    /// # Errors
    ///
    /// What is wrong with it, with status 400 or 416.
    pub fn parse(text: Bytes) -> Result<Self, Flaw> {
        let flaw = |what, status| Flaw {
            at: 0,
            what,
            status: Status(status),
        };
        let Ok(read) = core::str::from_utf8(&text) else {
            return Err(flaw("URI is not UTF-8", 400));
        };
        let (scheme, rest) = read.split_once(':').unwrap_or_default();
        if !["sip", "sips", "tel"]
            .iter()
            .any(|known| scheme.eq_ignore_ascii_case(known))
        {
            return Err(flaw("URI of an unknown scheme", 416));
        }
        if rest.is_empty()
            || !rest
                .bytes()
                .all(|b| b.is_ascii_graphic() && !b"<>\"".contains(&b))
        {
            return Err(flaw("malformed URI", 400));
        }
        Ok(Self(text))
    }

    fn plain(&self) -> String {
        let text = self.as_str();
        let (user, host) = text.rsplit_once('@').unwrap_or(("", text));
        let mut plain = String::from(user.split_once(':').map_or(user, |(_, user)| user));
        plain.push_str(&host.to_ascii_lowercase());
        plain
    }

    /// Whether both name the same resource (RFC 3261 §19.1.4).
    pub fn equivalent(&self, other: &Self) -> bool {
        self.plain() == other.plain()
    }

    /// Equal for equivalent URIs.
    pub fn fingerprint(&self) -> u64 {
        BuildHasherDefault::<Fnv>::default().hash_one(self.plain())
    }
}
