//! The pieces of one message, by position.

use alloc::vec::Vec;

use bytes::{Bytes, BytesMut};

/// Octets of a message in the pieces in which they came. Nothing is copied, dribbles apart.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Store {
    /// Sorted by offset, never overlapping.
    pieces: Vec<(u64, Bytes)>,
    held: u64,
}

/// Above this many pieces, their average size must be half a chunk; else neighbours are joined, so
/// that a peer that sends octet by octet costs no more than one that does not.
const MANY: usize = 1024;
const SMALL: u64 = 512;

impl Store {
    /// How many octets are kept.
    pub(crate) fn held(&self) -> u64 {
        self.held
    }

    /// Puts octets in their place; what was there before gives way (RFC 4975 §7.3.1, CC-126).
    pub(crate) fn insert(&mut self, at: u64, octets: Bytes) {
        if octets.is_empty() {
            return;
        }
        // What is small may hold a large buffer: its own copy is cheaper than that.
        let octets = if (octets.len() as u64) < SMALL {
            Bytes::copy_from_slice(&octets)
        } else {
            octets
        };
        let end = at + octets.len() as u64;
        let first = self
            .pieces
            .partition_point(|(start, piece)| start + piece.len() as u64 <= at);
        let after = self.pieces.partition_point(|(start, _)| *start < end);
        let before = self
            .pieces
            .get(first)
            .filter(|_| first < after)
            .and_then(|(start, piece)| {
                (*start < at).then(|| (*start, piece.slice(..(at - start) as usize)))
            });
        let beyond = after.checked_sub(1).filter(|last| *last >= first);
        let beyond = beyond
            .and_then(|last| self.pieces.get(last))
            .and_then(|(start, piece)| {
                let stop = start + piece.len() as u64;
                (stop > end).then(|| (end, piece.slice((end - start) as usize..)))
            });
        let held =
            |pieces: &[(u64, Bytes)]| pieces.iter().map(|(_, p)| p.len() as u64).sum::<u64>();
        self.held += octets.len() as u64;
        self.held += before
            .iter()
            .chain(&beyond)
            .map(|(_, piece)| piece.len() as u64)
            .sum::<u64>();
        let new = before.into_iter().chain([(at, octets)]).chain(beyond);
        let old = held(self.pieces.get(first..after).unwrap_or_default());
        self.held -= old;
        self.pieces.splice(first..after.max(first), new);
        if self.pieces.len() > MANY && self.held / SMALL < self.pieces.len() as u64 {
            self.join();
        }
    }

    /// At most `most` octets from `at` on, as they lie in one piece; empty if there are none.
    pub(crate) fn slice(&self, at: u64, most: usize) -> Bytes {
        let next = self.pieces.partition_point(|(start, _)| *start <= at);
        let piece = next.checked_sub(1).and_then(|last| self.pieces.get(last));
        piece.map_or_else(Bytes::new, |(start, piece)| {
            let from = usize::try_from(at - start)
                .unwrap_or(usize::MAX)
                .min(piece.len());
            piece.slice(from..from.saturating_add(most).min(piece.len()))
        })
    }

    /// The whole message, for the application. Copies only what came in several pieces.
    pub(crate) fn into_whole(mut self) -> Bytes {
        self.join();
        self.pieces
            .into_iter()
            .next()
            .map_or_else(Bytes::new, |(_, piece)| piece)
    }

    /// Forgets what lies behind the end.
    pub(crate) fn truncate(&mut self, size: u64) {
        while let Some((at, piece)) = self.pieces.last_mut() {
            let len = piece.len() as u64;
            if *at + len <= size {
                return;
            }
            let left = size.saturating_sub(*at);
            self.held -= len - left;
            if left > 0 {
                piece.truncate(usize::try_from(left).unwrap_or(usize::MAX));
            } else {
                self.pieces.pop();
            }
        }
    }

    /// Hands the pieces out, first to last, one for each range without a gap.
    pub(crate) fn take(&mut self) -> impl Iterator<Item = (u64, Bytes)> + use<> {
        self.join();
        self.held = 0;
        core::mem::take(&mut self.pieces).into_iter()
    }

    /// Joins neighbours that touch.
    fn join(&mut self) {
        let mut joined: Vec<(u64, Bytes)> = Vec::new();
        let mut run: Option<(u64, BytesMut)> = None;
        if self.pieces.len() < 2 {
            return;
        }
        for (at, piece) in self.pieces.drain(..) {
            match &mut run {
                Some((start, octets)) if *start + octets.len() as u64 == at => {
                    octets.extend_from_slice(&piece);
                }
                _ => {
                    joined.extend(run.take().map(|(at, octets)| (at, octets.freeze())));
                    run = Some((at, BytesMut::from(&piece[..])));
                }
            }
        }
        joined.extend(run.map(|(at, octets)| (at, octets.freeze())));
        self.pieces = joined;
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing)]

    use alloc::vec;
    use proptest::prelude::*;

    use super::*;

    fn piece(octets: &[u8]) -> Bytes {
        Bytes::copy_from_slice(octets)
    }

    #[test]
    fn cc_126_the_last_octets_win() {
        let mut store = Store::default();
        store.insert(0, piece(b"aaaaaaaa"));
        store.insert(2, piece(b"bb"));
        store.insert(6, piece(b"cccc"));
        assert_eq!(store.held(), 10);
        assert_eq!(store.into_whole(), "aabbaacccc");
    }

    #[test]
    fn a_dribble_is_joined() {
        let mut store = Store::default();
        for at in 0..5000 {
            store.insert(at, piece(b"x"));
        }
        assert!(store.pieces.len() <= MANY + 1, "{}", store.pieces.len());
        assert_eq!(store.into_whole().len(), 5000);
    }

    proptest! {
        #[test]
        fn it_is_an_array_of_octets(writes in prop::collection::vec((0usize..60, 1usize..20, any::<u8>()), 0..30)) {
            let mut store = Store::default();
            let mut naive: Vec<Option<u8>> = vec![None; 100];
            for (at, len, octet) in writes {
                store.insert(at as u64, Bytes::from(vec![octet; len]));
                naive[at..at + len].fill(Some(octet));
            }
            prop_assert_eq!(store.held() as usize, naive.iter().flatten().count());
            for (at, octet) in naive.iter().enumerate() {
                prop_assert_eq!(store.slice(at as u64, 1).first().copied(), *octet);
            }
        }
    }
}
