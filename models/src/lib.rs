//! Small plain burn models with their data, for the demonstration, the tests
//! and the benchmarks: an MLP and a CNN on handwritten digits, and a GPT on the
//! letters of Cicero.

mod cicero;
mod cnn;
mod digits;
mod gpt;
mod idx;
mod loss;
mod mlp;

pub use cicero::Cicero;
pub use cnn::{Cnn, CnnHyper, DigitsCnn};
pub use gpt::{CiceroGpt, Gpt, GptHyper};
pub use idx::{Idx, IdxError};
pub use mlp::{DigitsMlp, Mlp, MlpHyper};

use reenact_burn::Burn;
use reenact_core::trainer::Program;

/// Lists the specs that come with the programs: name and text.
pub const SPECS: &[(&str, &str)] = &[
    ("digits-mlp", include_str!("../../replay-specs/digits-mlp.toml")),
    ("digits-cnn", include_str!("../../replay-specs/digits-cnn.toml")),
    ("cicero-gpt", include_str!("../../replay-specs/cicero-gpt.toml")),
];

/// Returns every program of this crate.
pub fn programs() -> Vec<Box<dyn Program>> {
    vec![
        Box::new(Burn::new(DigitsMlp)),
        Box::new(Burn::new(DigitsCnn)),
        Box::new(Burn::new(CiceroGpt)),
    ]
}
