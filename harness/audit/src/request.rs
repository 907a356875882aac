//! What an audit is asked for.

use std::path::{Path, PathBuf};

use reenact_core::verify::{AllowedSigners, Expected, Independence, TrustedBuilds};

use crate::calibrated::Calibrated;
use crate::device::Device;
use crate::draw::Selection;
use crate::planned::PlannedAudit;
use crate::remembering::Remembering;
use crate::replays::Sabotage;

/// Names a recording and says how it is audited.
pub struct Request {
    /// Folder of the recording.
    pub run: PathBuf,
    /// Whether what is complete of a run that still trains will do.
    pub so_far: bool,
    /// Which segments are replayed.
    pub selection: Selection,
    /// An audit that was begun before and is gone on with, instead of a new draw.
    pub planned: Option<PlannedAudit>,
    /// Who may vouch for recordings; none if nobody has to.
    pub signers: Option<AllowedSigners>,
    /// Who may prune recordings, besides whoever keeps the ledger.
    pub pruners: Option<AllowedSigners>,
    /// The spec that was ordered; none if it is not known.
    pub expected: Option<Expected>,
    /// By what another class of device is compared; none for bit by bit.
    pub calibrated: Option<Calibrated>,
    /// Which builds the auditor's own people made; none if that is not known.
    pub trusted_builds: Option<TrustedBuilds>,
    /// Which independence the audit has to have; none if anything will do.
    pub required: Option<Independence>,
    /// Whether the audit is remembered, and where.
    pub remembering: Remembering,
    /// When the audit is, in seconds since 1970; none for the system's clock.
    pub at_seconds: Option<u64>,
    /// Where segments are replayed.
    pub device: Device,
    /// A file that may be the run's model.
    pub model: Option<PathBuf>,
    /// How many bytes of batches are built beside the replays; none for what is usual for
    /// the data set.
    pub batch_bytes_max: Option<u64>,
    /// Whether the causes of divergences are sought.
    pub explains: bool,
    /// What replays do otherwise than they should: for a drill alone.
    pub sabotage: Option<Sabotage>,
}

impl Request {
    /// Asks for every segment, leaves no trace, and otherwise for what is usual.
    pub fn of_all(run: &Path, device: Device) -> Self {
        Self {
            run: run.into(),
            so_far: false,
            selection: Selection::all(),
            planned: None,
            signers: None,
            pruners: None,
            expected: None,
            calibrated: None,
            trusted_builds: None,
            required: None,
            remembering: Remembering::Nothing,
            at_seconds: None,
            device,
            model: None,
            batch_bytes_max: None,
            explains: true,
            sabotage: None,
        }
    }
}

/// Returns how many threads the machine runs at once.
pub fn available_threads() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}
