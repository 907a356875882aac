//! The verifying side: from a recording to a verdict.
//!
//! 1. [`examine`] checks the recording without replaying anything:
//!    spec, chain, commitment, checkpoints, and that learning rates, data order
//!    and batches are those that the spec derives. It also says who
//!    [vouches](Vouched) for it.
//! 2. [`recall`] compares its journal with what earlier audits saw.
//! 3. [`Challenge`] draws segments from the commitment and a nonce.
//! 4. [`replay`] re-executes a segment from its committed opening state and
//!    compares every step and the whole closing state.
//!    Where the recording is of another class of device, [`replay_within`]
//!    compares within what a calibration found to be honest.
//! 5. [`Report::conclude`] joins findings and replays into a [`Verdict`].
//!
//! Apart from recordings, [`rehearse`] tells whether a training repeats at all.
//!
//! Nothing here uses the recording side: the two meet only in
//! [`crate::format`].

mod advice;
mod cause;
mod compare;
mod date;
mod examine;
mod finding;
mod memory;
mod replay;
mod report;
mod sample;
mod segment;
mod tolerance;
mod trust;
mod verdict;

// Within this module a file is named by itself, whichever room it lies in.
use cause::explanation;
use compare::{delta, deviation, divergence, explain, figure, sketch};
use examine::{
    agreed, batches, boundary, derivation, devices, examination, expected, far, pruned, recording,
    so_far, tally,
};
use memory::{coverage, debt, proven, recall, remembered};
use replay::{curve, launched, rehearsal, replaying, thinned_steps, unrecorded};
use report::{audited, evidence, model_file, reach, weighing, whole};
use sample::{batch_draw, challenge, draw_rule, nonce_source, power, sampled_by, segment_set};
use segment::{note, segment_report, witness};
use trust::{allowed_signers, independence, trusted_builds, vouched};

pub use advice::Advice;
pub use allowed_signers::{ALLOWED_SIGNERS_BYTES_MAX, AllowedSigners, AllowedSignersError};
pub use audited::Audited;
pub use batch_draw::{BATCH_BYTES_IN_FILES, BATCH_BYTES_IN_MEMORY, BatchDraw};
pub use batches::Batches;
pub use cause::{Search, explain};
pub use challenge::{Challenge, Drawing, Nonce, NonceError};
pub use coverage::{Coverage, CoveredSegment, Draw};
pub use curve::{FigureCurve, FigurePoint};
pub use date::date;
pub use debt::Debt;
pub use derivation::{examine_batches, examine_data};
pub use deviation::{Beyond, Excess, SegmentDeviation, TensorDeviation, Usual};
pub use divergence::{Divergence, Stage, StepDivergence, StepValues};
pub use draw_rule::{DrawRule, DrawRuleError};
pub use evidence::Evidence;
pub use examination::{Examination, examine, examine_so_far, open_committed, open_recording};
pub use expected::{Expected, ExpectedSpec};
pub use explanation::{Cause, Explained, Explanation};
pub use far::examine_far;
pub use figure::{FigureDifference, FigureValue};
pub use finding::{Finding, Place, Weight};
pub use independence::{Builds, Independence};
pub use launched::Launched;
pub use model_file::ModelFile;
pub use nonce_source::{Beacon, BeaconError, NonceSource};
pub use power::segments_for;
pub use proven::{Open, Proven};
pub use pruned::Pruned;
pub use reach::Reach;
pub use recall::{Recall, recall};
pub use recording::{Recording, Segment};
pub use rehearsal::{Departure, Part, Rehearsal, Snapshot, StartPinned, middle, rehearse};
pub use remembered::{Past, Remembered, Seen};
pub use replaying::{Replay, ReplayError, replay};
pub use sampled_by::{BeyondRun, SampledBy, sample_size};
pub use segment_report::{SegmentOutcome, SegmentReport};
pub use segment_set::{SegmentSet, SegmentSetError};
pub use sketch::sketch_key;
pub use so_far::open_so_far;
pub use thinned_steps::{COURSE_STEPS_MAX, COURSE_TENSORS_MAX, Course, CourseStep, LossPoint};
pub use tolerance::{
    Accumulated, Distribution, DistributionError, Drift, HonestRun, TensorBound, Tolerance,
    ToleranceBasis, replay_within,
};
pub use trusted_builds::{
    TRUSTED_BUILDS_BYTES_MAX, TrustedBuilds, TrustedBuildsError, TrustedList,
};
pub use unrecorded::{Unrecorded, UnrecordedKernel};
pub use verdict::{Grade, Verdict};
pub use vouched::Vouched;
pub use weighing::{controls, is_shown_to_be_here};
pub use whole::{Claim, Ended, Escape, REPORT_FORMAT, Report};
pub use witness::Witness;
