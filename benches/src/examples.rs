//! The examples' trainings, as their own files have them.

use reenact_burn::Training;
use reenact_core::spec::Spec;

use crate::runs::Run;

#[allow(dead_code, reason = "an example has a main of its own")]
#[path = "../../harness/examples/own-loop/src/main.rs"]
mod own_loop_files;
#[allow(dead_code, reason = "an example has a main of its own")]
#[path = "../../harness/examples/own-model/src/main.rs"]
mod own_model_files;
#[allow(dead_code, reason = "an example has a main of its own")]
#[path = "../../harness/examples/supervised/src/main.rs"]
mod supervised_files;

/// A model with burn's own parts. It is not measured while it trains: what is compared with it
/// is a training that leaves that out.
pub fn supervised(threads: usize) -> Run<impl Training> {
    let text = include_str!("../../harness/examples/supervised/digits.toml");
    let spec = Spec { validation: None, ..parsed(text) };
    Run::new(supervised_files::program(), spec, threads)
}

/// Two networks, and two optimizers.
pub fn own_loop(threads: usize) -> Run<impl Training> {
    let text = include_str!("../../harness/examples/own-loop/ring.toml");
    Run::new(own_loop_files::program(), parsed(text), threads)
}

/// A model of one's own.
pub fn own_model(threads: usize) -> Run<impl Training> {
    let text = include_str!("../../harness/examples/own-model/cubic.toml");
    Run::new(own_model_files::program(), parsed(text), threads)
}

fn parsed(text: &str) -> Spec {
    Spec::parse(text).expect("an example's spec parses")
}
