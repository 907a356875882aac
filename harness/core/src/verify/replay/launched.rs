//! Whether a replay launched the kernels that the recording did.

use serde::{Deserialize, Serialize};

use crate::trainer::StepTrace;
use crate::verify::divergence::launched_otherwise;

/// Counts the steps of a replay by what they launched. Other kernels that give the same bits are
/// no divergence, and worth knowing: another burn, or another history of the process.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Launched {
    /// Steps of which both sides say what was launched.
    pub compared: u64,
    /// Those that launched otherwise.
    pub other: u64,
    /// The first of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first: Option<u64>,
}

impl Launched {
    /// Says whether there was nothing to compare, as on the processor.
    pub fn is_empty(&self) -> bool {
        self.compared == 0
    }

    /// Takes a step.
    pub(in crate::verify) fn take(&mut self, recorded: &StepTrace, replayed: &StepTrace) {
        self.compared += u64::from(recorded.launches.and(replayed.launches).is_some());
        if launched_otherwise(recorded, replayed).is_some() {
            self.other += 1;
            self.first = self.first.or(Some(replayed.step));
        }
    }
}
