//! Which of a report's divergences are proven.

use crate::sanitize::plain;
use crate::verify::proven::Proven;
use crate::verify::segment_report::{SegmentOutcome, SegmentReport};
use crate::verify::verdict::{Grade, Verdict};
use crate::verify::whole::Report;

impl Report {
    /// Returns what its replays prove against the recording. A divergence that was weighed
    /// and not held against it, as the machine may have caused it, is none of them.
    pub fn proven(&self) -> Vec<Proven> {
        if self.verdict != Verdict::Divergent {
            return Vec::new();
        }
        let held = |reason: &str| self.reasons.iter().any(|found| found.starts_with(reason));
        let grade = self.tolerance.as_ref().map_or(Grade::BitExact, |_| Grade::Tolerance);
        let proof = |segment, step, stage, words: &str| {
            let (words, cause) = (held(words).then(|| plain(words))?, None);
            Some(Proven { segment, step, stage, grade, words, cause })
        };
        let of_segment = |found: &SegmentReport| {
            let SegmentOutcome::Replayed { replay } = &found.outcome else { return None };
            let (_, words) = found.weigh()?;
            let step = replay.divergence.as_ref().and_then(|found| found.step.as_ref());
            let (step, stage) = (step.map(|found| found.step), step.map(|found| found.stage));
            let proven = proof(Some(found.segment.index), step, stage, &words)?;
            let cause = found.explanation.as_ref().and_then(|found| found.attack.clone());
            Some(Proven { cause, ..proven })
        };
        let start = self.segments.iter().find_map(SegmentReport::wrong_start);
        let start = start.and_then(|(_, words)| proof(None, Some(0), None, &words));
        let drift = self.tolerance.as_ref().and_then(|found| found.drift_objection());
        let drift = drift.and_then(|words| proof(None, None, None, &words));
        let replayed = self.segments.iter().chain(&self.controls);
        start.into_iter().chain(replayed.filter_map(of_segment)).chain(drift).collect()
    }
}
