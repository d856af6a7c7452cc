//! Names of things: machines, legs, transactions, recipients, messages and minted tokens.

use core::fmt;
use core::hash::Hasher;

/// A machine, named by the driver when it creates one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MachineId(pub u32);

/// A leg of a machine: 20 bits of slot and 12 bits of generation, so that news for a leg that is
/// gone never reaches the one that took its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LegId(u32);

impl LegId {
    /// The first leg of every machine; the only one of a client.
    pub const FIRST: Self = Self(0);
    /// Carries a stranger's request into a machine that is running already.
    pub const NEW: Self = Self(u32::MAX);
    /// The largest slot that a leg can have.
    pub const MAX_SLOT: u32 = (1 << 20) - 2;

    /// The leg in `slot` (at most [`Self::MAX_SLOT`], larger values wrap) and `generation` (modulo 4,096).
    pub const fn new(slot: u32, generation: u32) -> Self {
        Self((slot & 0xF_FFFF) | (generation << 20))
    }

    /// Which place of the machine's table the leg stands in.
    pub const fn slot(self) -> u32 {
        self.0 & 0xF_FFFF
    }

    /// How often that place had been used before, modulo 4,096.
    pub const fn generation(self) -> u32 {
        self.0 >> 20
    }
}

/// A client transaction, minted by the machine: a counter within its leg.
///
/// The driver's SIP stack carries `(MachineId, LegId, ClientTxn)` as a cookie, so that a response
/// needs no search.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClientTxn(pub u32);

impl ClientTxn {
    /// Of a request whose answer nobody awaits.
    pub const NOBODY: Self = Self(u32::MAX);
}

/// A server transaction, minted by the driver and opaque to machines.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ServerTxn(pub u64);

/// A question that a machine has put to its host: a counter within the machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AskId(pub u32);

/// A recipient: the index in the effective roster (after duplicates and the sender are gone).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RecipientId(pub u32);

/// A message that the application handed over or is being handed: a counter within the machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MessageId(pub u32);

/// An MSRP request that a session sent: a counter within the session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ChunkId(pub u32);

/// An MSRP request that a connection received and that awaits its response.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MsrpTxn(pub u32);

/// 96 bits, from which a Call-ID and a tag, a conference URI or a Message-ID are made.
///
/// Kept as octets: aligned to words, it would make an action larger than 128 octets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Token([u8; 12]);

impl Token {
    /// The token of these words.
    pub const fn new([a, b, c]: [u32; 3]) -> Self {
        let [a1, a2, a3, a4] = a.to_be_bytes();
        let [b1, b2, b3, b4] = b.to_be_bytes();
        let [c1, c2, c3, c4] = c.to_be_bytes();
        Self([a1, a2, a3, a4, b1, b2, b3, b4, c1, c2, c3, c4])
    }

    /// Its words, the first one first.
    pub const fn words(self) -> [u32; 3] {
        let [a1, a2, a3, a4, b1, b2, b3, b4, c1, c2, c3, c4] = self.0;
        [
            u32::from_be_bytes([a1, a2, a3, a4]),
            u32::from_be_bytes([b1, b2, b3, b4]),
            u32::from_be_bytes([c1, c2, c3, c4]),
        ]
    }

    /// 64 random bits, and 32 that only those who know `key` can make from them: so that we recognise
    /// a token of ours without remembering it. Each half of the tag that is made of the last 64 bits
    /// is as hard to guess as RFC 3261 §19.3 asks.
    pub fn sealed(random: u64, key: [u64; 2]) -> Self {
        let [high, low] = [(random >> 32) as u32, random as u32];
        Self::new([high, low, seal(high, low, key)])
    }

    /// Whether it was sealed with `key`. One in 2³² that was not is taken for one that was.
    pub fn verifies(self, key: [u64; 2]) -> bool {
        let [high, low, sealed] = self.words();
        seal(high, low, key) == sealed
    }

    /// Reads a token as it is written; `None` if the text has another shape. Case matters, as it does
    /// in the Call-ID (CC-26).
    pub fn read(text: &str) -> Option<Self> {
        let shaped = |b: u8| matches!(b, b'0'..=b'9' | b'a'..=b'f');
        if text.len() != 24 || !text.bytes().all(shaped) {
            return None;
        }
        let word = |at| u32::from_str_radix(text.get(at..at + 8)?, 16).ok();
        Some(Self::new([word(0)?, word(8)?, word(16)?]))
    }
}

fn seal(high: u32, low: u32, key: [u64; 2]) -> u32 {
    let mut hash = keyed(key);
    hash.write_u32(high);
    hash.write_u32(low);
    hash.finish() as u32
}

/// A hash that nobody without the key can foresee: SipHash-2-4.
#[expect(
    deprecated,
    reason = "the only keyed hash in `core`, and here for good"
)]
pub(crate) fn keyed([a, b]: [u64; 2]) -> impl Hasher {
    core::hash::SipHasher::new_with_keys(a, b)
}

/// Lower-case hexadecimal, 24 letters: distinct without regard to case (CC-26).
impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c] = self.words();
        write!(f, "{a:08x}{b:08x}{c:08x}")
    }
}

/// A dialog tag of ours: 64 bits, written as 16 lower-case hexadecimal letters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Tag(pub u64);

impl Tag {
    /// Reads a tag that we may have minted; `None` if it has another shape. Case is ignored (CC-26).
    pub fn read(text: &str) -> Option<Self> {
        let shaped = text.len() == 16 && text.bytes().all(|b| b.is_ascii_hexdigit());
        shaped
            .then(|| u64::from_str_radix(text, 16).ok().map(Self))
            .flatten()
    }
}

impl fmt::Display for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

/// An MSRP session id of ours: 80 random bits (RFC 4975 §14.1), written as 16 letters of base 32.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SessionId(pub [u8; 10]);

const BASE32: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";

impl SessionId {
    /// Reads a session id that we may have minted; `None` if it has another shape. Case matters
    /// (RFC 4975 §6.1).
    pub fn read(text: &str) -> Option<Self> {
        if text.len() != 16 {
            return None;
        }
        let mut bits = 0u128;
        for letter in text.bytes() {
            let value = BASE32.iter().position(|b| *b == letter)?;
            bits = (bits << 5) | value as u128;
        }
        let mut octets = [0; 10];
        for (octet, from) in octets.iter_mut().zip(bits.to_be_bytes().iter().skip(6)) {
            *octet = *from;
        }
        Some(Self(octets))
    }
}

impl fmt::Display for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bits = self
            .0
            .iter()
            .fold(0u128, |bits, octet| (bits << 8) | u128::from(*octet));
        for place in (0..16).rev() {
            let value = (bits >> (place * 5)) & 31;
            let letter = BASE32.get(value as usize).copied().unwrap_or(b'a');
            write!(f, "{}", letter as char)?;
        }
        Ok(())
    }
}
