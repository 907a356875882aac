//! What the bits of a build are compared with.

use reenact_core::format::KernelSelection;

use crate::{Entry, Evidence, FactDifference};

/// Holds an entry of a lock with what it binds.
pub struct AcceptedBits<'a> {
    /// The entry.
    pub entry: &'a Entry,
    /// The steps.
    pub evidence: Evidence,
    /// Facts in which this machine is another; empty if the entry is of its class.
    pub elsewhere: Vec<FactDifference>,
}

impl AcceptedBits<'_> {
    /// Returns the kernels that were chosen then, so that others are not chosen by chance.
    pub fn selections(&self) -> Vec<KernelSelection> {
        let journal = self.evidence.journal.as_ref();
        journal.map_or(Vec::new(), |journal| journal.history().selections.to_vec())
    }
}
