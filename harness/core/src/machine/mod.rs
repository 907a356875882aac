//! What an engine says of the machine that it runs on, for `reenact doctor`.
//!
//! - [`DeviceReport`]: which devices there are, and whether an audit on one can be
//!   bit-exact;
//! - [`Engine`]: what computes there, with the facts that decide bits;
//! - [`Influence`]: variables and files that could change what is computed;
//! - [`OperationProbe`]: operations of the engine that can be run by themselves, to
//!   see whether they give the same bits each time.
//!
//! An engine fills these in through [`crate::trainer::Platform`], whose methods have
//! defaults for them, so that an engine which says nothing still works.

mod device;
mod engine;
mod influence;
mod operation;

pub use device::{DeviceReport, DeviceState};
pub use engine::Engine;
pub use influence::{Effect, Influence, Source};
pub use operation::{
    JudgedOperation, Kernels, OperationOutcome, OperationProbe, OperationRuns, Steadiness,
    judge_operations,
};
