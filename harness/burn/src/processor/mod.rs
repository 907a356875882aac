//! What the processor is, as far as it decides the bits of a training.

use std::fs;

use gemm_common::cache::CACHE_INFO;
use reenact_core::state::fingerprint;

use crate::device::Facts;

/// Returns the facts that decide bits: burn's CPU backend chooses its SIMD
/// width and the blocks of its matrix products by them at run time.
pub(crate) fn class() -> Facts {
    let mut facts = Facts::new();
    facts.insert("arch".into(), std::env::consts::ARCH.into());
    facts.insert("simd".into(), simd().join(" "));
    facts.insert("gemm-caches".into(), caches());
    facts.insert("libm".into(), libm());
    facts
}

/// Returns facts for people.
pub(crate) fn notes() -> Facts {
    let model = fs::read_to_string("/proc/cpuinfo").ok().and_then(|text| {
        let line = text.lines().find(|line| line.starts_with("model name"))?;
        Some(line.split_once(':')?.1.trim().to_owned())
    });
    model.map(|model| ("processor".to_owned(), model)).into_iter().collect()
}

macro_rules! detected {
    ($detect:ident: $($feature:tt)*) => {
        [$(($feature, std::arch::$detect!($feature))),*]
    };
}

/// Lists the SIMD features, sorted, of those that gemm, pulp and macerator look
/// at.
fn simd() -> Vec<&'static str> {
    #[cfg(target_arch = "x86_64")]
    let features = detected!(is_x86_feature_detected:
        "avx" "avx2" "avx512bw" "avx512cd" "avx512dq" "avx512f" "avx512fp16" "avx512vl"
        "avx512vnni" "f16c" "fma" "sse" "sse2" "sse3" "sse4.1" "sse4.2" "ssse3");
    #[cfg(target_arch = "aarch64")]
    let features = detected!(is_aarch64_feature_detected: "fcma" "fp16" "neon" "sve");
    #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
    let features: [(&str, bool); 0] = [];
    features.into_iter().filter_map(|(name, found)| found.then_some(name)).collect()
}

/// Says what gemm takes the caches to be: a share of each level for one core,
/// from which it derives the blocks.
fn caches() -> String {
    let levels = CACHE_INFO.iter().map(|level| {
        format!("{}x{}x{}", level.cache_bytes, level.associativity, level.cache_line_bytes)
    });
    levels.collect::<Vec<_>>().join(" ")
}

/// Fingerprints what the platform's mathematical functions return: they come
/// from the system's libm, whose next version may round differently.
fn libm() -> String {
    let mut bytes = Vec::new();
    for step in 1..=2048u32 {
        // Opaque, so that the compiler computes nothing by its own libm.
        let x = std::hint::black_box(step as f32 / 128.0);
        for value in [x.exp(), (-x).exp(), x.ln(), x.tanh(), x.sin(), x.powf(0.37), x.exp_m1()] {
            bytes.extend_from_slice(&value.to_le_bytes());
        }
        let x = f64::from(x);
        for value in [x.exp(), x.ln(), x.tanh(), x.cos(), x.powf(0.37)] {
            bytes.extend_from_slice(&value.to_le_bytes());
        }
    }
    fingerprint(&bytes).to_string()
}
