//! Names of things: machines, legs, transactions, recipients, messages and minted tokens.

use core::fmt;

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

/// 96 random bits, from which a Call-ID and a tag, a conference URI or a Message-ID are made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Token(pub [u32; 3]);

/// Lower-case hexadecimal, 24 letters: distinct without regard to case (CC-26).
impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c] = self.0;
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
