//! Comparing a replay with a recording of another class of device.
//!
//! Two classes round differently, so an honest replay does not end in the
//! recorded bits. How far honest replays end from them is measured
//! ([`Distribution`]) and stored, signed, as a [`Calibration`]. Against it:
//!
//! 1. [`replay_within`] replays a segment, holds equal what has to be equal
//!    (samples, batches, learning rates, layouts, integers and counters), and
//!    measures each other tensor ([`TensorDeviation`]);
//! 2. a tensor beyond its threshold is held against the recording
//!    ([`SegmentDeviation::judge`]);
//! 3. the residuals of all segments are added up with their sign ([`Drift`]):
//!    each replay starts from a recorded state, so honest ones are independent
//!    and average out, and a steady push does not;
//! 4. [`Tolerance`] says what could still hide.
//!
//! All of this is statistics of honest runs. It is no proof, and says so
//! wherever it is reported.

mod distribution;
mod drift;
mod judgement;
mod within;

pub use distribution::{Distribution, DistributionError, HonestRun};
pub use drift::Drift;
pub use judgement::{Accumulated, TensorBound, Tolerance, ToleranceBasis};
pub use within::replay_within;
