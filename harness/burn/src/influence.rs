//! What burn and the libraries below it read from their surroundings.
//!
//! A user who has set one of these expects it to do something, so `reenact doctor`
//! says what it does.

use reenact_core::machine::{Effect, Influence};

/// Lists variables and files.
pub(crate) fn all() -> Vec<Influence> {
    let unread = if cfg!(feature = "cubecl") {
        "kernels are configured in code, before anything is read"
    } else {
        "no device of this build computes with CubeCL"
    };
    const NAMED: &str = "devices are named by --device";
    let mut all = vec![
        Influence::variable("CUBECL_*", Effect::Ignored, unread),
        Influence::variable("BURN_FUSION_*", Effect::Ignored, unread),
        Influence::variable("BURN_DEVICE", Effect::Ignored, NAMED),
        Influence::variable("BENCH_*", Effect::Ignored, BENCHMARKS),
        cuda_path(),
    ];
    let files = ["cubecl.toml", "CubeCL.toml", "burn.toml", "Burn.toml"];
    all.extend(files.map(|name| Influence::file(name, Effect::Ignored, unread)));
    all
}

/// They change how long a candidate is timed. Which kernel won is recorded.
const BENCHMARKS: &str = "it changes how kernels are timed, and the choice is recorded";

fn cuda_path() -> Influence {
    if cfg!(feature = "cuda") {
        let reason =
            "its libdevice holds mathematical functions of kernels; its digest is recorded";
        return Influence::variable("CUDA_PATH", Effect::Decides, reason);
    }
    let reason = "no device of this build computes with CUDA";
    Influence::variable("CUDA_PATH", Effect::Ignored, reason)
}
