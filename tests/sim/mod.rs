//! A network in memory: nodes that hold real machines, links that lose, repeat, delay and reorder, a
//! clock that jumps from one event to the next, and the invariants that every run must keep.
//!
//! Everything follows from the seed. Every message crosses as octets and is parsed again.
#![allow(
    dead_code,
    missing_docs,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::collapsible_match
)]

use std::time::Duration;

use simple_im::Entropy;

pub mod invariants;
pub mod net;
pub mod node;
pub mod txn;

/// The virtual clock: time since the start of the run.
pub type Time = Duration;

/// A pseudo-random sequence (xorshift64*), for links and as the entropy of nodes.
#[derive(Clone, Debug)]
pub struct Dice(u64);

impl Dice {
    pub fn new(seed: u64) -> Self {
        // Neighbouring seeds must not begin alike, and zero would stay zero.
        let mut dice = Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1);
        for _ in 0..8 {
            dice.draw();
        }
        dice
    }

    /// A number below `bound`, which is at least 1.
    pub fn below(&mut self, bound: u64) -> u64 {
        (self.draw() >> 11) % bound
    }

    /// True `percent` times in a hundred.
    pub fn chance(&mut self, percent: u8) -> bool {
        self.below(100) < u64::from(percent)
    }

    pub fn between(&mut self, low: Duration, high: Duration) -> Duration {
        let span = u64::try_from((high.saturating_sub(low)).as_micros()).unwrap();
        low + Duration::from_micros(self.below(span + 1))
    }
}

impl Entropy for Dice {
    fn draw(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }
}
