//! The `reenact` command with the programs that come with it.

use std::process::ExitCode;

fn main() -> ExitCode {
    let app = reenact::App::new().program(reenact_core::toy::Toy);
    #[cfg(feature = "models")]
    let app = app.programs(reenact_models::programs()).specs(reenact_models::SPECS);
    app.run()
}
