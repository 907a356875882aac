//! What a worker says.

use reenact_core::format::Environment;
use reenact_core::machine::OperationRuns;
use reenact_core::state::StateRoot;
use reenact_core::verify::{Explanation, Rehearsal, SegmentOutcome};
use serde::{Deserialize, Serialize};

use super::cost::Cost;
use crate::failure::Failure;

/// Holds one line that a worker writes.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Message {
    /// A step is replayed, or something else of the kind is done.
    Step(u64),
    /// The segment is done.
    Outcome(SegmentOutcome),
    /// The divergence of the segment was looked into.
    Explanation(Explanation),
    /// The first steps of a training were taken, once or several times.
    Rehearsed(Vec<Rehearsal>),
    /// The first steps of a training were recorded.
    Taken(Box<Taken>),
    /// What recording costs was measured.
    Costed(Cost),
    /// Operations were run by themselves; none if the program has no such list.
    Operated(Option<Vec<OperationRuns>>),
    /// What was asked for cannot be done.
    Refused {
        /// Whether it is the user's mistake, a bad spec say.
        usage: bool,
        /// Why, and what to do.
        problem: String,
    },
}

/// Says what was recorded for a gate.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Taken {
    /// What computed it.
    pub environment: Environment,
    /// The step that it began with.
    pub from: u64,
    /// Root of the state after the last step.
    pub last: StateRoot,
}

impl Message {
    /// Says that it cannot be done. Whoever asked says it in their own name.
    pub(crate) fn refused(failure: &Failure) -> Self {
        let hint = failure.hint.as_ref().map(|hint| format!(" ({hint})")).unwrap_or_default();
        Self::Refused { usage: failure.is_usage(), problem: format!("{}{hint}", failure.message) }
    }
}
