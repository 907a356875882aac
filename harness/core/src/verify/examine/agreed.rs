//! Reading a recording that may be written at the same time.

use crate::format::{
    COMMITMENT_BYTES_MAX, Commitment, Object, ReadRun, SO_FAR_BYTES_MAX, StoreError,
};
use crate::verify::examination::Checked;
use crate::verify::finding::{Finding, Place, Weight};
use crate::verify::recording::Recording;

/// Readings after which a recording that never reads twice the same is left alone.
const READINGS_MAX: usize = 8;

/// Holds the very bytes by which a recording is bound.
pub(in crate::verify) enum Bound {
    /// The commitment to all of it.
    Whole(Result<Vec<u8>, StoreError>),
    /// The commitment to what is recorded so far, with its signature.
    SoFar(Vec<u8>),
}

/// Holds what was read of a recording.
pub(in crate::verify) struct Opened<'a> {
    /// What it holds, or why that cannot be told.
    pub read: Checked<(Recording<'a>, Option<Commitment>)>,
    /// What it is bound by.
    pub bound: Bound,
}

impl Bound {
    /// Reads the commitment; where there is none and that will do, the one so far.
    fn read(run: &dyn ReadRun, so_far: bool) -> Self {
        let whole = run.read(Object::Commitment, COMMITMENT_BYTES_MAX);
        if !so_far || !matches!(whole, Err(StoreError::Missing { .. })) {
            return Self::Whole(whole);
        }
        match run.read(Object::SoFar, SO_FAR_BYTES_MAX) {
            Ok(file) => Self::SoFar(file),
            Err(StoreError::Missing { .. }) => Self::Whole(whole),
            Err(error) => Self::Whole(Err(error)),
        }
    }

    fn is_missing(&self) -> bool {
        matches!(self, Self::Whole(Err(StoreError::Missing { .. })))
    }

    fn bytes(&self) -> Option<&[u8]> {
        match self {
            Self::Whole(whole) => whole.as_deref().ok(),
            Self::SoFar(file) => Some(file),
        }
    }
}

/// Reads until nothing speaks against the recording, or two readings agree on what does.
/// Who reads while a recorder goes on sees now this file and then that one.
pub(in crate::verify) fn agreed<'a>(
    run: &'a dyn ReadRun,
    so_far: bool,
    read: impl Fn(&'a dyn ReadRun, &Bound) -> Checked<(Recording<'a>, Option<Commitment>)>,
) -> Opened<'a> {
    let mut before: Option<Opened<'_>> = None;
    for _ in 0..READINGS_MAX {
        let bound = Bound::read(run, so_far);
        let opened = Opened { read: read(run, &bound), bound };
        // The recorder has finished meanwhile: its commitment is to be read, too.
        let finished = opened.bound.is_missing() && run.open(Object::Commitment).is_ok();
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
    Opened { read, bound: Bound::read(run, so_far) }
}

impl Opened<'_> {
    fn accuses(&self) -> bool {
        self.read.as_ref().is_err_and(|found| found.weight == Weight::Divergent)
    }

    fn repeats(&self, other: &Self) -> bool {
        let finding = |opened: &Self| opened.read.as_ref().err().cloned();
        finding(self) == finding(other) && self.bound.bytes() == other.bound.bytes()
    }
}
