//! A training with burn's own parts, and the whole `reenact` command for it. `data.rs` and
//! `model.rs` are those of any such training; what reenact needs stands here.
//!
//!     cargo run --release -p supervised -- record digits --out runs/digits
//!     cargo run --release -p supervised -- audit runs/digits

mod data;
mod model;

use std::process::ExitCode;

use data::{DigitBatch, DigitBatcher, digits};
use model::ModelConfig;
use reenact_burn::{Burn, Supervised, Training, batch};

batch!(DigitBatch { images, targets });

pub(crate) fn program() -> impl Training {
    Supervised::new("digits", DigitBatcher, ModelConfig::init)
        .train(|_| Ok(digits(true)))
        .held_out(|_| Ok(digits(false)))
        .declares_inputs()
}

fn main() -> ExitCode {
    let spec = ("digits", include_str!("../digits.toml"));
    reenact::App::new().program(Burn::new(program())).specs(&[spec]).run()
}
