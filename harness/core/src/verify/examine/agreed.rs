//! Reading a recording that may be written at the same time.

use crate::format::{COMMITMENT_BYTES_MAX, Commitment, Object, ReadRun, StoreError};
use crate::verify::examination::Checked;
use crate::verify::finding::{Finding, Place, Weight};
use crate::verify::recording::Recording;

/// Readings after which a recording that never reads twice the same is left alone.
const READINGS_MAX: usize = 8;

/// Holds what was read of a recording.
pub(in crate::verify) struct Opened<'a> {
    /// What it holds, or why that cannot be told.
    pub read: Checked<(Recording<'a>, Commitment)>,
    /// The very bytes that were read as its commitment.
    pub commitment: Result<Vec<u8>, StoreError>,
}

/// Reads until nothing speaks against the recording, or two readings agree on what does.
/// Who reads while a recorder goes on sees now this file and then that one.
pub(in crate::verify) fn agreed<'a>(
    run: &'a dyn ReadRun,
    read: impl Fn(&'a dyn ReadRun, &Result<Vec<u8>, StoreError>) -> Checked<(Recording<'a>, Commitment)>,
) -> Opened<'a> {
    let mut before: Option<Opened<'_>> = None;
    for _ in 0..READINGS_MAX {
        let commitment = run.read(Object::Commitment, COMMITMENT_BYTES_MAX);
        let opened = Opened { read: read(run, &commitment), commitment };
        // The recorder has finished meanwhile: its commitment is to be read, too.
        let finished = is_missing(&opened) && run.open(Object::Commitment).is_ok();
        if !finished && (!opened.accuses() || before.is_some_and(|before| before.repeats(&opened)))
        {
            return opened;
        }
        before = Some(opened);
    }
    let problem = "it is being written: each time it was read it was another; audit it again when \
                   nobody writes to it";
    let place = Place::object(Object::Journal);
    let read = Err(Box::new(Finding::inconclusive(place, problem)));
    Opened { read, commitment: run.read(Object::Commitment, COMMITMENT_BYTES_MAX) }
}

fn is_missing(opened: &Opened<'_>) -> bool {
    matches!(opened.commitment, Err(StoreError::Missing { .. }))
}

impl Opened<'_> {
    fn accuses(&self) -> bool {
        self.read.as_ref().is_err_and(|found| found.weight == Weight::Divergent)
    }

    fn repeats(&self, other: &Self) -> bool {
        let finding = |opened: &Self| opened.read.as_ref().err().cloned();
        finding(self) == finding(other)
            && self.commitment.as_ref().ok() == other.commitment.as_ref().ok()
    }
}
