//! What the ledger keeps of one audit.

use reenact_core::digest::Digest;
use reenact_core::verify::{Challenge, Nonce, Remembered, Seen};
use serde::Serialize;

/// Holds what the ledger keeps of one audit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Entry {
    /// Where the recording lay: its path, with every link followed.
    pub place: String,
    /// Name of the run; none if the recording could not be opened.
    pub name: Option<String>,
    /// Digest of its spec; none if the recording could not be opened.
    pub spec: Option<Digest>,
    /// What was seen of its journal, if that obliges a later recording.
    pub seen: Option<Seen>,
    /// Digest of its commitment; none if the recording could not be opened.
    pub commitment: Option<Digest>,
    /// When the audit ended, in seconds since 1970.
    pub audited_at_seconds: u64,
    /// The kind of its verdict.
    pub verdict: String,
    /// Number of segments that were replayed.
    pub drawn: u64,
    /// Number of segments of the run.
    pub total: u64,
    /// What drew them; none if they were chosen by hand, or nothing was drawn.
    pub nonce: Option<Nonce>,
    /// Whether every drawn segment was replayed and agreed.
    pub agreed: bool,
    /// Whether the recording was no continuation of what was audited before.
    pub contradicted: bool,
}

impl Entry {
    /// Returns what it says to an audit of the recording at `place`.
    pub fn remembered(&self, place: &str) -> Remembered {
        Remembered {
            audited_at_seconds: self.audited_at_seconds,
            here: self.place == place,
            ended: true,
            accused: self.contradicted || self.verdict == "divergent",
            reason: None,
            lay_at: None,
            seen: self.seen,
            commitment: self.commitment,
            open: Vec::new(),
            debts: Vec::new(),
            sample: self.sample().filter(|_| self.agreed),
        }
    }

    fn sample(&self) -> Option<Challenge> {
        let (commitment, nonce) = (self.commitment?, self.nonce.clone()?);
        Some(Challenge { commitment, nonce, total: self.total, count: self.drawn })
    }
}
