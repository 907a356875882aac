//! Sets of segments.

use std::collections::BTreeSet;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::digest::{Digest, Hasher};

/// Holds a set of segments: ranges from, and up to, each pair, in ascending order, with
/// something between any two. So there is one way to write a set.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "Vec<(u64, u64)>", into = "Vec<(u64, u64)>")]
pub struct SegmentSet(Vec<(u64, u64)>);

/// Says that ranges are not written as they have to be.
#[derive(Debug, thiserror::Error)]
#[error("ranges of segments are ascending, not empty, and do not touch: {0} to {1} is otherwise")]
pub struct SegmentSetError(u64, u64);

impl SegmentSet {
    /// Joins ranges, from and up to each pair, in whatever order.
    pub fn of_ranges(ranges: &[(u64, u64)]) -> Self {
        let mut sorted: Vec<(u64, u64)> = ranges.to_vec();
        sorted.retain(|(start, end)| start < end);
        sorted.sort_unstable();
        let mut joined: Vec<(u64, u64)> = Vec::new();
        for (start, end) in sorted {
            match joined.last_mut() {
                Some(last) if start <= last.1 => last.1 = last.1.max(end),
                _ => joined.push((start, end)),
            }
        }
        Self(joined)
    }

    /// Returns the ranges.
    pub fn ranges(&self) -> &[(u64, u64)] {
        &self.0
    }

    /// Says whether nothing is in it.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns the number of segments.
    pub fn count(&self) -> u64 {
        self.count_below(u64::MAX)
    }

    /// Returns the number of segments below `total`.
    pub fn count_below(&self, total: u64) -> u64 {
        let lengths = self.0.iter().map(|&(start, end)| end.min(total).saturating_sub(start));
        lengths.sum()
    }

    /// Says whether a segment is in it.
    pub fn contains(&self, segment: u64) -> bool {
        let place = self.0.partition_point(|(_, end)| *end <= segment);
        self.0.get(place).is_some_and(|(start, _)| *start <= segment)
    }

    /// Returns the segments that are in either.
    pub fn union(&self, other: &Self) -> Self {
        Self::of_ranges(&[self.ranges(), other.ranges()].concat())
    }

    /// Returns the segments below `total`, ascending. Ranges may claim whatever they like.
    pub fn below(&self, total: u64) -> impl Iterator<Item = u64> {
        self.0.iter().flat_map(move |&(start, end)| start..end.min(total))
    }

    /// Returns the segments below `total` that are not in it, ascending.
    pub fn missing_below(&self, total: u64) -> impl Iterator<Item = u64> {
        let starts = std::iter::once(0).chain(self.0.iter().map(|(_, end)| *end));
        let ends = self.0.iter().map(|(start, _)| *start).chain(std::iter::once(u64::MAX));
        starts.zip(ends).flat_map(move |(start, end)| start..end.min(total))
    }

    /// Returns the digest that keys a draw.
    pub fn digest(&self) -> Digest {
        let mut hasher = Hasher::new("reenact v1 covered");
        hasher.u64(self.0.len() as u64);
        for (start, end) in &self.0 {
            hasher.u64(*start).u64(*end);
        }
        hasher.finish()
    }
}

impl fmt::Display for SegmentSet {
    /// Writes it as `0-2,5`, the last of each range included.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, (start, end)) in self.0.iter().enumerate() {
            let comma = if place > 0 { "," } else { "" };
            match end - start {
                1 => write!(f, "{comma}{start}")?,
                _ => write!(f, "{comma}{start}-{}", end - 1)?,
            }
        }
        Ok(())
    }
}

impl FromIterator<u64> for SegmentSet {
    fn from_iter<I: IntoIterator<Item = u64>>(segments: I) -> Self {
        let mut ranges: Vec<(u64, u64)> = Vec::new();
        // No segment has the last number, as a range could not end after it.
        for segment in segments.into_iter().collect::<BTreeSet<_>>().range(..u64::MAX) {
            match ranges.last_mut() {
                Some((_, end)) if end == segment => *end += 1,
                _ => ranges.push((*segment, segment + 1)),
            }
        }
        Self(ranges)
    }
}

impl TryFrom<Vec<(u64, u64)>> for SegmentSet {
    type Error = SegmentSetError;

    fn try_from(ranges: Vec<(u64, u64)>) -> Result<Self, SegmentSetError> {
        let mut before = None;
        for &(start, end) in &ranges {
            if start >= end || before.is_some_and(|before| start <= before) {
                return Err(SegmentSetError(start, end));
            }
            before = Some(end);
        }
        Ok(Self(ranges))
    }
}

impl From<SegmentSet> for Vec<(u64, u64)> {
    fn from(set: SegmentSet) -> Self {
        set.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn one_way_to_write_a_set() {
        let set: SegmentSet = [7, 1, 0, 2, 5, 1].into_iter().collect();
        assert_eq!(set.ranges(), [(0, 3), (5, 6), (7, 8)]);
        assert_eq!(serde_json::to_string(&set).unwrap(), "[[0,3],[5,6],[7,8]]");
        for wrong in ["[[0,0]]", "[[3,2]]", "[[0,2],[2,3]]", "[[4,5],[0,1]]", "[[0,3],[1,4]]"] {
            assert!(serde_json::from_str::<SegmentSet>(wrong).is_err(), "{wrong}");
        }
        let absurd: SegmentSet = serde_json::from_str(&format!("[[1,{}]]", u64::MAX)).unwrap();
        assert_eq!(absurd.below(3).collect::<Vec<_>>(), [1, 2]);
        assert_eq!((absurd.count(), absurd.count_below(3)), (u64::MAX - 1, 2));
        assert_eq!(absurd.missing_below(3).collect::<Vec<_>>(), [0]);
        assert_eq!(SegmentSet::from_iter([u64::MAX]).count(), 0);
        let joined = SegmentSet::of_ranges(&[(7, 8), (1, 3), (5, 5), (0, 2), (2, 3), (5, 6)]);
        assert_eq!(set.to_string(), "0-2,5,7");
        assert_eq!(joined, set);
        assert_eq!(SegmentSet::from_iter([0, 1, 7]).union(&SegmentSet::from_iter([5, 2])), set);
    }

    proptest! {
        #[test]
        fn it_holds_what_was_put_in(found in prop::collection::btree_set(0u64..40, 0..40)) {
            let set: SegmentSet = found.iter().copied().collect();
            prop_assert_eq!(set.count(), found.len() as u64);
            for segment in 0..41 {
                prop_assert_eq!(set.contains(segment), found.contains(&segment));
            }
            let inside: Vec<u64> = set.below(40).collect();
            prop_assert_eq!(&inside, &found.iter().copied().collect::<Vec<_>>());
            prop_assert_eq!(set.count_below(20), set.below(20).count() as u64);
            let missing = set.missing_below(40);
            prop_assert!(missing.eq((0..40).filter(|segment| !found.contains(segment))));
            let text = serde_json::to_string(&set).unwrap();
            prop_assert_eq!(serde_json::from_str::<SegmentSet>(&text).unwrap(), set);
        }
    }
}
