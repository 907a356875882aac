//! What the replay of a segment came to.

use serde::{Deserialize, Serialize};

use crate::verify::explain::list;
use crate::verify::explanation::Explanation;
use crate::verify::finding::Weight;
use crate::verify::recording::Segment;
use crate::verify::replaying::Replay;
use crate::verify::witness::Witness;

/// Holds one drawn segment.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SegmentReport {
    /// The segment.
    pub segment: Segment,
    /// What its replay gave.
    pub outcome: SegmentOutcome,
    /// What explains its divergence, if that was asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub explanation: Option<Explanation>,
    /// Trouble on the way that did not decide the outcome, such as a worker
    /// that died and was started again.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub incidents: Vec<String>,
    /// How long its replays took, for whoever called for the audit: a plan reckons with it.
    /// No report holds it, as those of two auditors say the same.
    #[serde(skip)]
    pub seconds: Option<f64>,
    /// What replayed it, for whoever called for the audit, if it was not this process and its
    /// device. No report holds it either.
    #[serde(skip)]
    pub by: Option<Witness>,
}

/// Says what the replay of a segment gave.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum SegmentOutcome {
    /// Everything agrees, or two replays leave the recording at the same place
    /// with the same bits.
    Replayed {
        /// The replay.
        replay: Box<Replay>,
    },
    /// Two replays of the segment disagree with each other.
    Unstable {
        /// The first replay.
        first: Box<Replay>,
        /// The second.
        second: Box<Replay>,
    },
    /// The recorded state cannot be replayed at all.
    Refused {
        /// Why.
        problem: String,
    },
    /// The replay failed for a reason that is not in the recording.
    Failed {
        /// Why.
        problem: String,
    },
    /// What the examination had found whole was gone, altered or closed to the replay:
    /// deleted, cut, overwritten, or its permissions taken.
    Changed {
        /// What was found instead.
        problem: String,
    },
}

/// Says why another initial state is no accusation.
const UNDECLARED: &str = "the program does not promise that its initial state depends on nothing \
                          but the spec, so it is forged, or the program read another file here \
                          than where it was trained: declare such files under [files] in the \
                          spec, and let the program say that it reads no other";

impl SegmentReport {
    /// Holds what a replay gave, and nothing else yet.
    pub fn new(segment: Segment, outcome: SegmentOutcome) -> Self {
        let (explanation, incidents) = (None, Vec::new());
        Self { segment, outcome, explanation, incidents, seconds: None, by: None }
    }

    /// Says whether a replay of it leaves the recording, wherever it began.
    pub fn leaves_recording(&self) -> bool {
        match &self.outcome {
            SegmentOutcome::Replayed { replay } => replay.leaves_recording(),
            _ => false,
        }
    }

    /// Says whether two replays disagree that computed with the recorded kernels.
    pub(in crate::verify) fn does_not_repeat(&self) -> bool {
        let SegmentOutcome::Unstable { first, second } = &self.outcome else { return false };
        first.unrecorded.is_empty() && second.unrecorded.is_empty()
    }

    /// Names the initial state if it is not the one that the spec's seed
    /// gives. A run that began with other weights may be honest from there on.
    pub(in crate::verify) fn wrong_start(&self) -> Option<(Weight, String)> {
        let SegmentOutcome::Replayed { replay } = &self.outcome else { return None };
        let names: Vec<&str> = replay.initial.iter().map(|found| found.name.as_str()).collect();
        let what = match &replay.initial_unread {
            Some(why) => format!("its root differs, and it cannot be compared any more: {why}"),
            None => format!("{} differs", list(&names)),
        };
        let differ = format!(
            "step 0: the recorded initial state is not the one that the spec's seed gives: {what}"
        );
        (!replay.begins_as_declared()).then(|| match replay.declares_inputs {
            true => (Weight::Divergent, differ),
            false => (Weight::Inconclusive, format!("{differ}; {UNDECLARED}")),
        })
    }

    pub(in crate::verify) fn weigh(&self) -> Option<(Weight, String)> {
        let Segment { index, step_start, step_end } = self.segment;
        let place = format!("segment {index} (steps {step_start} to {})", step_end - 1);
        let (weight, reason) = match &self.outcome {
            SegmentOutcome::Replayed { replay } => {
                let exact = replay.explain();
                let beyond = || replay.deviation.as_ref()?.explain();
                (Weight::Divergent, exact.or_else(beyond)?)
            }
            SegmentOutcome::Unstable { first, second }
                if !(first.unrecorded.is_empty() && second.unrecorded.is_empty()) =>
            {
                let most = [first, second].into_iter().max_by_key(|found| found.unrecorded.count);
                let most = most.unwrap_or(first);
                (Weight::Inconclusive, most.unrecorded.explain_instability())
            }
            SegmentOutcome::Unstable { first, second } => {
                (Weight::Inconclusive, first.explain_instability(second).into())
            }
            SegmentOutcome::Refused { problem } => (Weight::Divergent, problem.clone()),
            SegmentOutcome::Failed { problem } => {
                (Weight::Inconclusive, format!("it could not be replayed: {problem}"))
            }
            SegmentOutcome::Changed { problem } => (
                Weight::Inconclusive,
                format!("the recording changed while it was audited: {problem}"),
            ),
        };
        Some((weight, format!("{place}: {reason}")))
    }
}

impl SegmentReport {
    /// Says whether its replay came to its end and agrees with the recording.
    ///
    /// A segment that was refused is not settled by that: what it lacked may be put back,
    /// and then it has to be replayed.
    pub fn is_judged(&self) -> bool {
        matches!(&self.outcome, SegmentOutcome::Replayed { replay } if !replay.leaves_recording())
    }

    /// Says shortly why it was not judged.
    pub(in crate::verify) fn why_not(&self) -> &str {
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

impl SegmentReport {
    /// Says whether the segment was replayed to its end, whatever came out.
    pub fn was_replayed(&self) -> bool {
        use SegmentOutcome::{Replayed, Unstable};
        matches!(self.outcome, Replayed { .. } | Unstable { .. })
    }
}
