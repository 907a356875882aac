//! The `reenact` command with the programs that come with it.

use std::process::ExitCode;

const TOY: (&str, &str) = ("toy-plane", include_str!("../../../replay-specs/toy-plane.toml"));

fn main() -> ExitCode {
    let app = reenact::App::new();
    #[cfg(feature = "models")]
    let app = app.programs(reenact_models::programs()).specs(reenact_models::SPECS);
    app.program(reenact_toy::Toy).specs(&[TOY]).run()
}
