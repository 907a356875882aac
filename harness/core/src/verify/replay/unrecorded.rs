//! Kernels that a replay had to choose itself.

use serde::{Deserialize, Serialize};

use crate::format::{KernelSelection, Selections};
use crate::verify::explain::list;

/// Kernels that are named; the rest is counted.
const NAMED_MAX: usize = 8;

/// Counts the kernels with which a replay computed and which the recording does
/// not hold, or holds otherwise.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unrecorded {
    /// How many.
    pub count: u64,
    /// The first of them.
    pub first: Vec<UnrecordedKernel>,
}

/// Names one kernel.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnrecordedKernel {
    /// Which operation, on which device.
    pub table: String,
    /// The kernel that the replay took.
    pub kernel: String,
}

impl Unrecorded {
    /// Compares what a replay computed with to what is recorded.
    pub(in crate::verify) fn of(recorded: &Selections, found: Vec<KernelSelection>) -> Self {
        let mut unrecorded = Self::default();
        for found in found.into_iter().filter(|found| recorded.get(found) != Some(found)) {
            unrecorded.count += 1;
            if unrecorded.first.len() < NAMED_MAX {
                let KernelSelection { table, kernel, .. } = found;
                unrecorded.first.push(UnrecordedKernel { table, kernel });
            }
        }
        unrecorded
    }

    /// Says whether every kernel was a recorded one.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Names the kernels: a part of a sentence, without its verb.
    pub(in crate::verify) fn names(&self) -> String {
        let kernels = self.first.iter();
        let names: Vec<String> =
            kernels.map(|found| format!("{} with {}", found.table, found.kernel)).collect();
        let listed = list(&names.iter().map(String::as_str).collect::<Vec<_>>());
        match self.count - self.first.len() as u64 {
            0 => listed,
            more => format!("{listed}; {more} more are not named"),
        }
    }

    /// Says what it means that a replay which differs needed them.
    pub fn explain_divergence(&self) -> String {
        let Self { count, .. } = self;
        let names = self.names();
        format!(
            "the recording does not hold the kernel selections that the replay needed ({count}: \
             {names}): either they were withheld or altered, or the code that replays is not the \
             code that trained"
        )
    }

    /// Says what it means that two replays which differ from each other needed
    /// them.
    pub fn explain_instability(&self) -> String {
        let names = self.names();
        format!(
            "two replays disagree with each other; they had to choose {} that the recording does \
             not hold ({names}), which alone can cause that",
            kernels(self.count)
        )
    }
}

pub(in crate::verify) fn kernels(count: u64) -> String {
    if count == 1 { "1 kernel".into() } else { format!("{count} kernels") }
}
