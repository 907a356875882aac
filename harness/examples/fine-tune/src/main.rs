//! A fine-tuning: it begins with the final weights of the run that the example `supervised`
//! recorded, holds its first layers back, and goes on with other data. The spec names that
//! run by its commitment, so whoever audits both knows where every weight comes from.
//!
//!     cargo run --release -p supervised -- record digits --out runs/digits
//!     cd harness/examples/fine-tune
//!     cargo run --release -- data digest digits-tuned.toml --data-dir ../../../runs --write
//!     cargo run --release -- record digits-tuned.toml --data-dir ../../../runs --out runs/tuned
//!     cargo run --release -- audit runs/tuned --data-dir ../../../runs

#[path = "../../supervised/src/data.rs"]
mod data;
#[path = "../../supervised/src/model.rs"]
mod model;

use std::process::ExitCode;

use data::{DigitBatch, DigitBatcher, digits};
use model::ModelConfig;
use reenact_burn::{Burn, Supervised, batch};

batch!(DigitBatch { images, targets });

fn main() -> ExitCode {
    let program = Supervised::new("digits-tuned", DigitBatcher, ModelConfig::init)
        .train(|_| Ok(digits(false)))
        .held_out(|_| Ok(digits(true)))
        .declares_inputs();
    let spec = ("digits-tuned", include_str!("../digits-tuned.toml"));
    reenact::App::new().program(Burn::new(program)).specs(&[spec]).run()
}
