//! Which segments of an audit are settled, and which stay due.

use crate::verify::proven::Proven;
use crate::verify::segment_report::SegmentReport;
use crate::verify::segment_set::SegmentSet;
use crate::verify::whole::Report;

impl Report {
    /// Names the replayed segments that neither agreed nor were proven divergent, and why.
    /// They are due in the next audit of this recording.
    pub fn unjudged(&self) -> Vec<(u64, &str)> {
        let proven = self.proven();
        let settled = |found: &SegmentReport| {
            let index = Some(found.segment.index);
            found.is_judged() || proven.iter().any(|proof: &Proven| proof.segment == index)
        };
        let left = self.segments.iter().filter(|found| !settled(found));
        left.map(|found| (found.segment.index, found.why_not())).collect()
    }

    /// Returns the segments that were replayed, drawn or not, and agreed bit for bit from the
    /// declared start on. What passed within a tolerance says nothing of smaller edits.
    pub fn agreed(&self) -> impl Iterator<Item = &SegmentReport> {
        let replayed = self.segments.iter().chain(&self.controls);
        let exact = replayed.filter(|_| self.tolerance.is_none());
        exact.filter(|found| found.agrees_as_declared())
    }

    /// Returns what this audit and those before have covered; none if no ledger was asked.
    pub fn covered(&self) -> Option<SegmentSet> {
        let agreed = self.agreed().map(|found| found.segment.index).collect();
        Some(self.past.as_ref()?.covered.union(&agreed))
    }
}
