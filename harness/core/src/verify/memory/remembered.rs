//! What earlier audits left in a ledger.

use serde::{Deserialize, Serialize};

use crate::digest::Digest;
use crate::verify::coverage::{CoveredSegment, Draw};
use crate::verify::debt::Debt;
use crate::verify::proven::Open;
use crate::verify::segment_set::SegmentSet;

/// Names a state of a journal: how many frames it had, and the chain's value
/// after the last. Whatever is a continuation of it has that value there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Seen {
    /// Number of frames.
    pub frames: u64,
    /// The chain's value after them.
    pub head: Digest,
}

/// Holds what a ledger remembers of one audit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remembered {
    /// When it ended, in seconds since 1970.
    pub audited_at_seconds: u64,
    /// Whether it was of a recording at the same place.
    pub here: bool,
    /// Whether it came to its end; one that was killed has no verdict.
    pub ended: bool,
    /// Whether it called the recording divergent, for whatever reason. What it saw then
    /// obliges nobody: the right recording may be restored.
    pub accused: bool,
    /// What it gave as its first reason.
    pub reason: Option<String>,
    /// Where the recording lay then, if the same name leads elsewhere now.
    pub lay_at: Option<String>,
    /// What it saw of the journal, if it could be read.
    pub seen: Option<Seen>,
    /// The commitment that it saw, if there was one.
    pub commitment: Option<Digest>,
    /// What it drew, if nobody could foresee the draw and nothing of it is due.
    pub draw: Option<Draw>,
    /// What it replayed and found right.
    pub covered: Vec<CoveredSegment>,
    /// What it has proven, and nobody has closed.
    pub open: Vec<Open>,
    /// What it drew and nobody has judged.
    pub debts: Vec<Debt>,
}

/// Says what a ledger knew before an audit.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Past {
    /// Number of earlier audits of this run.
    pub audits: u64,
    /// When the first of them ended, in seconds since 1970.
    pub first_at_seconds: Option<u64>,
    /// Number of their draws that lower the chance of escape.
    pub samples: u64,
    /// Segments of this recording that they had covered.
    #[serde(default, skip_serializing_if = "SegmentSet::is_empty")]
    pub covered: SegmentSet,
    /// Number of audits of this run that began and never ended.
    #[serde(default)]
    pub unended: u64,
    /// Segments that were due when this audit began.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub due: Vec<u64>,
    /// Why the ledger could not be read or written. Audits may be missing then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
}
