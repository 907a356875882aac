//! Which segments of an audit are settled, and which stay due.

use crate::verify::proven::Proven;
use crate::verify::segment_report::SegmentReport;
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
}
