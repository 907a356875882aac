//! How far a cause is sought.

use crate::verify::explanation::Cause;

/// Steps that a full search may take in vain: enough for every known cause, but
/// for learning rates between which the loss goes up and down more than twice.
const FULL: u64 = 600;
/// Steps that a brief search may take in vain: enough for whatever needs no
/// search, such as the opening state of the segment before, or written weights.
const BRIEF: u64 = 32;
/// Known causes that are tried at once.
const KNOWN_MAX: usize = 4;

/// Says how far to look for the cause of one segment's divergence.
#[derive(Clone, Debug)]
pub struct Search {
    /// Steps that may be taken for hypotheses that turn out not to hold.
    pub(super) in_vain_max: u64,
    /// What is tried first: what explained other segments.
    pub(super) known: Vec<Cause>,
}

impl Search {
    /// Looks for every known cause.
    pub fn full() -> Self {
        Self { in_vain_max: FULL, known: Vec::new() }
    }

    /// Looks for what explained other segments of the recording, and for what
    /// costs little. A run has one cause more often than several, and one that
    /// a full search did not find once will not be found in every segment.
    pub fn brief<'a>(found: impl IntoIterator<Item = &'a Cause>) -> Self {
        let mut known: Vec<Cause> = Vec::new();
        for cause in found.into_iter().filter(|cause| cause.stage_repeated().is_some()) {
            if !known.contains(cause) {
                known.push(cause.clone());
            }
        }
        known.truncate(KNOWN_MAX);
        Self { in_vain_max: BRIEF, known }
    }

    /// Returns the causes that are tried first.
    pub fn known(&self) -> &[Cause] {
        &self.known
    }

    /// Says whether it looks less far than a full search.
    pub fn is_brief(&self) -> bool {
        self.in_vain_max < FULL
    }
}
