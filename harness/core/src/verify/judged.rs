//! Which segments of an audit are settled, and which stay due.

use super::proven::Proven;
use super::report::{Report, SegmentOutcome, SegmentReport};

impl SegmentReport {
    /// Says whether its replay came to its end and agrees with the recording.
    ///
    /// A segment that was refused is not settled by that: what it lacked may be put back,
    /// and then it has to be replayed.
    pub fn is_judged(&self) -> bool {
        matches!(&self.outcome, SegmentOutcome::Replayed { replay } if !replay.leaves_recording())
    }

    /// Says shortly why it was not judged.
    fn why_not(&self) -> &str {
        match &self.outcome {
            SegmentOutcome::Replayed { .. } => {
                "its replay left the recording, and that is not held against it"
            }
            SegmentOutcome::Unstable { .. } => "two replays disagreed with each other",
            SegmentOutcome::Refused { problem }
            | SegmentOutcome::Failed { problem }
            | SegmentOutcome::Changed { problem } => problem,
        }
    }
}

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
