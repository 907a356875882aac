//! Everything that steers training, as a function of (spec, step).
//!
//! The learning rate, the data order and the seeds of the random streams are
//! derived here, by the trainer and by the auditor alike, and are never read
//! from a checkpoint: a checkpoint cannot smuggle in another schedule, seed or
//! order, and a replay can start at any step.

mod consumption;
mod order;
mod seed;
mod uniform;
mod validation;

pub use order::{DataOrder, OrderError};
/// The generator of every stream, and the traits by which it is drawn from.
pub use rand_chacha::{ChaCha20Rng, rand_core};
pub use seed::{host_stream, initial_seed, step_seed};
pub(crate) use uniform::{below, keyed_stream, shuffle_prefix};
pub use validation::ValidationSteps;
