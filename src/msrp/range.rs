//! Sets of octet ranges.

use core::ops::Range;

use smallvec::SmallVec;

/// The octets of a message that somebody has, as ranges `start..end` counted from zero.
///
/// Ranges are kept in order, apart and never touching, so a message that arrives in order is one range
/// however many chunks it had.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct RangeSet {
    ranges: SmallVec<[Range<u64>; 1]>,
}

/// One more range would be one too many; nothing was added.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Full;

impl RangeSet {
    /// Adds the octets `start..end`; nothing if that is empty.
    ///
    /// # Errors
    ///
    /// [`Full`] when the set would have more than `limit` separate ranges.
    pub(crate) fn insert(&mut self, start: u64, end: u64, limit: usize) -> Result<(), Full> {
        if start >= end {
            return Ok(());
        }
        // Those that overlap or touch the new one become one with it.
        let first = self.ranges.partition_point(|range| range.end < start);
        let after = self.ranges.partition_point(|range| range.start <= end);
        let full = self.ranges.len() >= limit;
        match self.ranges.get_mut(first..after) {
            Some([only]) => {
                *only = only.start.min(start)..only.end.max(end);
            }
            Some([head, .., tail]) => {
                *head = head.start.min(start)..tail.end.max(end);
                self.ranges.drain(first + 1..after);
            }
            _ if full => return Err(Full),
            _ => self.ranges.insert(first, start..end),
        }
        Ok(())
    }

    /// Whether every octet of `start..end` is there.
    pub(crate) fn covers(&self, start: u64, end: u64) -> bool {
        let at = self.ranges.partition_point(|range| range.end < end);
        start >= end
            || self
                .ranges
                .get(at)
                .is_some_and(|range| range.start <= start)
    }

    /// How many octets are there without a gap from the first on.
    pub(crate) fn first(&self) -> u64 {
        match self.ranges.first() {
            Some(range) if range.start == 0 => range.end,
            _ => 0,
        }
    }

    /// How many octets are there.
    pub(crate) fn len(&self) -> u64 {
        self.iter().map(|range| range.end - range.start).sum()
    }

    /// The separate ranges, in order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = Range<u64>> {
        self.ranges.iter().cloned()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing)]
mod tests {
    extern crate std;

    use std::collections::BTreeSet;
    use std::vec::Vec;

    use proptest::prelude::*;

    use super::*;

    const ENOUGH: usize = 1024;

    #[test]
    fn a_message_in_order_is_one_range() {
        let mut set = RangeSet::default();
        for at in 0..100 {
            set.insert(at * 2048, (at + 1) * 2048, 1).unwrap();
        }
        assert!(set.covers(0, 204_800) && set.len() == 204_800);
        assert!(!set.covers(0, 204_801));
    }

    #[test]
    fn a_full_set_refuses_what_stands_apart_and_takes_what_joins() {
        let mut set = RangeSet::default();
        set.insert(0, 1, 2).unwrap();
        set.insert(10, 11, 2).unwrap();
        let before = set.clone();
        assert_eq!(set.insert(5, 6, 2), Err(Full));
        assert_eq!(set, before);
        set.insert(1, 10, 2).unwrap();
        assert!(set.iter().eq(core::iter::once(0..11)));
    }

    #[test]
    fn the_ends_of_the_number_range_are_places_like_any_other() {
        let mut set = RangeSet::default();
        set.insert(u64::MAX - 1, u64::MAX, 2).unwrap();
        set.insert(0, 0, 0).unwrap();
        set.insert(0, u64::MAX, 2).unwrap();
        assert!(set.covers(0, u64::MAX) && set.covers(7, 7) && set.len() == u64::MAX);
    }

    proptest! {
        #[test]
        fn it_is_what_a_set_of_octets_is(spans in prop::collection::vec((0u64..80, 0u64..12), 0..40)) {
            let mut set = RangeSet::default();
            let mut model = BTreeSet::new();
            for (start, size) in spans {
                set.insert(start, start + size, ENOUGH).unwrap();
                model.extend(start..start + size);
                prop_assert_eq!(set.len(), model.len() as u64);
                prop_assert_eq!(set.len() == 0, model.is_empty());
            }
            let ranges: Vec<_> = set.iter().collect();
            prop_assert!(ranges.windows(2).all(|two| two[0].end < two[1].start));
            let octets: BTreeSet<u64> = ranges.into_iter().flatten().collect();
            prop_assert_eq!(&octets, &model);
            for start in 0..93 {
                for end in 0..93 {
                    let whole = (start..end).all(|octet| model.contains(&octet));
                    prop_assert_eq!(set.covers(start, end), whole, "{}..{}", start, end);
                }
            }
        }
    }
}
