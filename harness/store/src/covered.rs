//! Segments that audits have covered, and what vouches for them.

use reenact_core::digest::Digest;
use reenact_core::verify::{CoveredSegment, Witness};
use serde::{Deserialize, Serialize};

/// Holds a segment that an audit replayed and that agreed bit for bit.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Covered {
    /// Which, and between which states.
    #[serde(flatten)]
    pub found: CoveredSegment,
    /// What computed it.
    #[serde(flatten)]
    pub by: Witness,
    /// How long its replay took there.
    pub seconds: f64,
    /// Why it was taken back, if it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disowned_because: Option<String>,
}

/// Counts what a device vouches for.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct DeviceSummary {
    /// Names it, as [`Witness::id`] does.
    pub id: String,
    /// Segments that it has replayed and that agreed.
    pub covered: u64,
    /// How many of these were taken back.
    pub disowned: u64,
    /// Device seconds that all of them took.
    pub seconds: f64,
    /// When the last of them was covered, in seconds since 1970.
    pub last_at_seconds: u64,
}

/// Counts what an auditing build vouches for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct BuildSummary {
    /// Digest of the binary.
    pub binary: Digest,
    /// Segments that it has replayed and that agreed.
    pub covered: u64,
    /// When the last of them was covered, in seconds since 1970.
    pub last_at_seconds: u64,
}

/// Counts what was taken back of one run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Disowned {
    /// Where the recording lay; empty if the place was forgotten.
    pub place: String,
    /// Name of the run; none if its spec could not be read.
    pub name: Option<String>,
    /// How many segments.
    pub segments: u64,
}

impl Covered {
    /// Says whether nobody has taken it back.
    pub fn stands(&self) -> bool {
        self.found.disowned_at_seconds.is_none()
    }
}
