//! What computes on the processor, as far as it decides the bits of a training.
//!
//! Not what the machine has, but what its libraries *chose* by that ([`chosen`]), how
//! it rounds ([`rounding`]), and what comes out ([`probe`]): two machines that agree in
//! every probe computed the same bits for each of its functions, products and sums.
//! What a processor has beside that decides nothing. Two machines that differ there only
//! are of one class.

mod chosen;
mod probe;
mod rounding;
#[cfg(test)]
mod tests;

use std::fs;
use std::sync::OnceLock;

use gemm_common::cache::CACHE_INFO;

use crate::device::Facts;
use crate::thread;

pub(crate) use rounding::{check, check_again};

/// Returns the facts that decide bits; measured once a process, on the thread that
/// trainings compute with.
pub(crate) fn class() -> Result<Facts, String> {
    static MEASURED: OnceLock<Facts> = OnceLock::new();
    check()?;
    let pool = thread::one()?;
    pool.install(check)?;
    let measured = MEASURED.get_or_init(|| pool.install(measure));
    // The first use of a function may load its library.
    pool.install(check_again)?;
    Ok(measured.clone())
}

fn measure() -> Facts {
    let mut facts = Facts::new();
    facts.insert("arch".into(), std::env::consts::ARCH.into());
    facts.insert("simd".into(), chosen::simd());
    facts.insert("products".into(), chosen::products());
    facts.insert("rounding".into(), "to nearest, subnormals kept".into());
    for (name, print) in probe::measure() {
        facts.insert(format!("probe.{name}"), print.to_string());
    }
    facts
}

/// Returns facts for people: they decide nothing.
pub(crate) fn notes() -> Facts {
    let mut notes = Facts::new();
    let model = fs::read_to_string("/proc/cpuinfo").ok().and_then(|text| {
        let line = text.lines().find(|line| line.starts_with("model name"))?;
        Some(line.split_once(':')?.1.trim().to_owned())
    });
    if let Some(model) = model {
        notes.insert("processor".into(), model);
    }
    notes.insert("caches".into(), caches());
    notes
}

/// Says what the matrix products take the caches to be: a share of each level for one
/// core. The first decides the depth of their blocks, which is in the class; the others
/// decide no bit.
fn caches() -> String {
    let levels = CACHE_INFO.iter().map(|level| {
        format!("{}x{}x{}", level.cache_bytes, level.associativity, level.cache_line_bytes)
    });
    levels.collect::<Vec<_>>().join(" ")
}
