//! What burn and the libraries below it read from their surroundings.
//!
//! A user who has set one of these expects it to do something, so `reenact doctor`
//! says what it does.

use reenact_core::machine::{Effect, Influence};

/// Lists variables and files. A GPU backend changes what it reads from ignored to
/// deciding, or says that it is configured in code.
pub(crate) fn all() -> Vec<Influence> {
    const NO_CUBECL: &str = "no device of this build computes with CubeCL";
    const NAMED: &str = "devices are named by --device, and none of this build reads it";
    vec![
        Influence::variable("CUBECL_*", Effect::Ignored, NO_CUBECL),
        Influence::variable("BENCH_*", Effect::Ignored, NO_CUBECL),
        Influence::variable("BURN_*", Effect::Ignored, NAMED),
        Influence::variable(
            "CUDA_PATH",
            Effect::Ignored,
            "no device of this build computes with CUDA",
        ),
        Influence::file("cubecl.toml", Effect::Ignored, NO_CUBECL),
        Influence::file("CubeCL.toml", Effect::Ignored, NO_CUBECL),
        Influence::file("burn.toml", Effect::Ignored, NO_CUBECL),
        Influence::file("Burn.toml", Effect::Ignored, NO_CUBECL),
    ]
}
