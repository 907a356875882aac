//! A calibration that an audit compares by.

use reenact_core::digest::Digest;
use reenact_core::format::Calibration;
use reenact_core::verify::Vouched;

/// Holds a calibration and who vouches for it.
#[derive(Clone, Debug)]
pub struct Calibrated {
    /// What honest replays deviate by.
    pub calibration: Calibration,
    /// Digest of its text.
    pub digest: Digest,
    /// Who stands for it.
    pub vouched: Vouched,
}
