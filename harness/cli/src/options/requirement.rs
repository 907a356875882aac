//! Which independence an audit has to have.

use clap::{Args, ValueEnum};
use reenact_core::verify::Independence;

/// Names the independence that an audit has to have.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct Requirement {
    /// Replay nothing and be inconclusive unless another build than the one
    /// that trained audits (independent), or the very same (self-check)
    #[arg(long, value_name = "INDEPENDENCE")]
    require: Option<Required>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Required {
    Independent,
    SelfCheck,
}

impl Requirement {
    /// Returns what is required, if anything is.
    pub(crate) fn independence(&self) -> Option<Independence> {
        self.require.map(|required| match required {
            Required::Independent => Independence::Independent,
            Required::SelfCheck => Independence::SelfCheck,
        })
    }
}
