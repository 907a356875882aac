//! Who decided how many segments were drawn.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::spec::Sampling;
use crate::verify::power::segments_for;

/// Says who chose which segments are replayed. A trainer may well declare a
/// policy that sees little.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "by", rename_all = "kebab-case")]
pub enum SampledBy {
    /// The spec did, and so the trainer.
    Spec {
        /// What it says.
        policy: Sampling,
    },
    /// Whoever audits asked for another sample than the spec's.
    Auditor {
        /// What they asked for.
        policy: Sampling,
    },
    /// Whoever audits named the segments; nothing was drawn.
    Hand,
}

/// Says that a policy asks for more segments than a run has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BeyondRun {
    /// More are to be drawn.
    #[error("{asked} segments cannot be drawn: the run has {total}")]
    Count {
        /// How many.
        asked: u64,
        /// How many there are.
        total: u64,
    },
    /// More are assumed to be tampered with.
    #[error("{tampered} segments cannot have been tampered with: the run has {total}")]
    Tampered {
        /// How many.
        tampered: u64,
        /// How many there are.
        total: u64,
    },
}

/// Returns how many of `total` segments a policy draws, at least one and at
/// most all, and what of it is beyond the run.
pub fn sample_size(policy: Sampling, total: u64) -> (u64, Option<BeyondRun>) {
    match policy {
        Sampling::All {} => (total, None),
        Sampling::Count { segments: asked } => {
            (asked.min(total), (asked > total).then_some(BeyondRun::Count { asked, total }))
        }
        Sampling::Confidence { confidence, tampered } => {
            let beyond = BeyondRun::Tampered { tampered, total };
            let count = segments_for(total, tampered.min(total), confidence).max(1);
            (count, (tampered > total).then_some(beyond))
        }
    }
}

impl fmt::Display for SampledBy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whose, policy) = match self {
            Self::Spec { policy } => ("as the trainer's spec says", policy),
            Self::Auditor { policy } => ("as the auditor asked", policy),
            Self::Hand => return f.write_str("chosen by hand, not drawn"),
        };
        match policy {
            Sampling::All {} => write!(f, "{whose}: all segments"),
            Sampling::Count { segments: 1 } => write!(f, "{whose}: 1 segment"),
            Sampling::Count { segments } => write!(f, "{whose}: {segments} segments"),
            Sampling::Confidence { confidence, tampered } => {
                let s = if *tampered == 1 { "" } else { "s" };
                // Without the digits that a double adds: 0.95 is 95 %.
                let percent = (1e6 * confidence).round() / 1e4;
                write!(
                    f,
                    "{whose}: as many as find {tampered} tampered segment{s} with {percent} %"
                )
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_policy_is_never_clipped_in_silence() {
        let count = |segments| sample_size(Sampling::Count { segments }, 8);
        assert_eq!(count(8), (8, None));
        assert_eq!(count(99), (8, Some(BeyondRun::Count { asked: 99, total: 8 })));
        let confidence =
            |tampered| sample_size(Sampling::Confidence { confidence: 0.5, tampered }, 8);
        assert_eq!(confidence(8), (1, None), "the last one alone finds who touched all");
        assert_eq!(confidence(20), (1, Some(BeyondRun::Tampered { tampered: 20, total: 8 })));
        assert_eq!(sample_size(Sampling::All {}, 8), (8, None));
    }

    #[test]
    fn the_policy_of_the_spec_is_called_the_trainers() {
        let policy = Sampling::Count { segments: 3 };
        let said = SampledBy::Spec { policy }.to_string();
        assert_eq!(said, "as the trainer's spec says: 3 segments");
        let policy = Sampling::Confidence { confidence: 0.95, tampered: 2 };
        let said = SampledBy::Auditor { policy }.to_string();
        let expected = "as the auditor asked: as many as find 2 tampered segments with 95 %";
        assert_eq!(said, expected);
    }
}
