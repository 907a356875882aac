//! The `reenact` command with the programs that come with it.

use std::process::ExitCode;

/// A step of training takes and gives back the same few megabytes again and again. The
/// system's allocator returns them to the system each time, and pages that come back have to be
/// cleared: up to a sixth of a step.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const TOY: (&str, &str) = ("toy-plane", include_str!("../../../replay-specs/toy-plane.toml"));

fn main() -> ExitCode {
    let app = reenact::App::new();
    #[cfg(feature = "models")]
    let app = app.programs(reenact_models::programs()).specs(reenact_models::SPECS);
    app.program(reenact_toy::Toy).specs(&[TOY]).run()
}
