//! What the end of a replay means for its segment.

use crate::verify::finding::{Finding, Weight};
use crate::verify::replaying::{Replay, ReplayError};
use crate::verify::segment_report::{SegmentOutcome, SegmentReport};

impl SegmentOutcome {
    /// Weighs how a replay ended. The recording has been examined before, so a file that
    /// cannot be used now was changed since, whatever was done to it.
    pub fn of(replayed: Result<Replay, ReplayError>) -> Self {
        match replayed {
            Ok(replay) => Self::Replayed { replay: Box::new(replay) },
            Err(error) => {
                let problem = error.to_string();
                if error.is_in_the_recording() {
                    Self::Refused { problem }
                } else if error.is_a_change() {
                    Self::Changed { problem }
                } else {
                    Self::Failed { problem }
                }
            }
        }
    }
}

impl SegmentReport {
    /// Takes back that the recording changed, where the examination had already found
    /// that the opening state is not what it should be, or cannot be read.
    pub fn settle(&mut self, findings: &[Finding]) {
        if !matches!(self.outcome, SegmentOutcome::Changed { .. }) {
            return;
        }
        let opening = Some(self.segment.step_start);
        let mut known = findings.iter().filter(|found| {
            found.place.step == opening && found.place.object.starts_with("checkpoints/")
        });
        if let Some(found) = known.find(|found| found.weight != Weight::Note) {
            let problem = found.to_string();
            self.outcome = match found.weight {
                Weight::Divergent => SegmentOutcome::Refused { problem },
                _ => SegmentOutcome::Failed { problem },
            };
        }
    }
}
