//! What is in force for kernels: set in code, and said in the environment.
//!
//! CubeCL reads `cubecl.toml` from any folder above the working directory, and
//! variables over it; burn reads `burn.toml`. Whoever can write there steers
//! kernels. Both take a configuration only once a process, so the first one wins:
//! ours, made here without looking at file or variable.

use std::sync::OnceLock;

use burn::BurnConfig;
use cubecl::config::cache::CacheConfig;
use cubecl::config::{CubeClRuntimeConfig, RuntimeConfig};

use crate::device::Facts;

/// Says whether operations are fused into one kernel where that is possible.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fusion {
    /// They are.
    On,
    /// Each operation is a kernel of its own.
    Off,
}

/// The effort that goes into choosing a kernel. Where none is pinned, candidates
/// are timed; this is burn's default, written down.
const TUNING: &str = "balanced";

static IN_FORCE: OnceLock<Result<Fusion, String>> = OnceLock::new();

/// Puts the configuration in force, once a process.
///
/// # Errors
/// If something configured kernels before, or a training of this process asked
/// for the other kind of fusion.
pub(crate) fn enforce(fusion: Fusion) -> Result<(), String> {
    let in_force = IN_FORCE.get_or_init(|| set(fusion).map(|()| fusion)).clone()?;
    if in_force == fusion {
        return Ok(());
    }
    Err("this process has fixed fusion otherwise, which cannot be changed".into())
}

fn set(fusion: Fusion) -> Result<(), String> {
    let mut kernels = CubeClRuntimeConfig::default();
    kernels.environment.name = "reenact".into();
    // Replaced by a folder of its own for each training, before the first use.
    kernels.environment.path = CacheConfig::Directory(std::env::temp_dir());
    let operations = match fusion {
        Fusion::On => BurnConfig::default(),
        Fusion::Off => toml::from_str("[fusion.beam_search]\nmax_explorations = 0\n")
            .map_err(|error| format!("burn knows no such configuration: {error}"))?,
    };
    if CubeClRuntimeConfig::try_set(kernels) && BurnConfig::try_set(operations) {
        return Ok(());
    }
    Err("something configured kernels before reenact could".into())
}

/// Returns the facts of the configuration that decide bits.
pub(crate) fn facts(fusion: Fusion) -> Facts {
    let mut facts = Facts::new();
    let fused = match fusion {
        Fusion::On => "on",
        Fusion::Off => "off",
    };
    facts.insert("fusion".into(), fused.into());
    facts.insert("tuning".into(), TUNING.into());
    facts.insert("kernel-compiler".into(), format!("cubecl 0.11.3, LLVM {}", env!("REENACT_LLVM")));
    facts
}
