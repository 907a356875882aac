//! Recording which kernels an engine chose.
//!
//! A choice stands in front of the first step that it decided. So whatever step
//! of a killed recording survives, its kernels survive too, and a resumption
//! that is given them repeats it bit for bit.

use super::resume::begun;
use super::{RecordError, Recorder};
use crate::format::{Event, KernelSelection, ReadRun};

/// Selections of one frame; the largest possible take two thirds of what a
/// frame may.
const FRAME_SELECTIONS: usize = 1024;

/// Returns the kernels that a recording holds, to be pinned before the trainer
/// of a resumption is started; none if the resumption starts over.
pub fn recorded_selections(store: &dyn ReadRun) -> Result<Vec<KernelSelection>, RecordError> {
    Ok(begun(store)?.map(|history| history.selections.to_vec()).unwrap_or_default())
}

impl Recorder<'_> {
    /// Records the kernels that were chosen since it was last asked.
    pub(super) fn record_selections(&mut self) -> Result<(), RecordError> {
        let mut new = Vec::new();
        for found in self.trainer.selections()? {
            match self.selections.get(&found) {
                None => new.push(found),
                Some(recorded) if *recorded == found => {}
                Some(recorded) => return Err(other_kernel(self.next_step, recorded, found)),
            }
        }
        for part in new.chunks(FRAME_SELECTIONS) {
            part.iter().try_for_each(|found| self.selections.add(found.clone()))?;
            self.append(&Event::KernelSelections(part.to_vec()))?;
        }
        Ok(())
    }
}

fn other_kernel(step: u64, recorded: &KernelSelection, found: KernelSelection) -> RecordError {
    RecordError::OtherKernel {
        step,
        table: found.table,
        found: found.kernel,
        choice: found.choice,
        recorded: recorded.kernel.clone(),
        recorded_choice: recorded.choice,
    }
}
