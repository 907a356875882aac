//! The CUDA driver: whether it is there, and what of it decides bits.

use std::env;
use std::fs;
use std::panic;
use std::path::{Path, PathBuf};

use burn::tensor::{Device, DeviceType};
use reenact_core::digest::Hasher;

use crate::device::Facts;

const KERNEL_MODULE: &str = "/proc/driver/nvidia/version";

/// Where the kernel compiler looks for the mathematical functions of a CUDA
/// toolkit when `CUDA_PATH` names none.
const TOOLKITS: [&str; 4] = ["/usr/local/cuda", "/opt/cuda", "/usr/lib/cuda", "/usr"];

/// The mathematical functions, in a toolkit.
const LIBDEVICE: &str = "nvvm/libdevice/libdevice.10.bc";

/// Says whether GPU number `index` can be used. burn itself would panic in a
/// thread of its own where there is no driver, or at the first kernel with an
/// exponential where there are no mathematical functions.
pub(crate) fn check(index: usize) -> Result<(), String> {
    let count = count()?;
    if index < count {
        return libdevice().map(drop);
    }
    Err(match count {
        0 => "the driver sees no GPU".into(),
        1 => "the driver sees one GPU, `cuda:0`".into(),
        _ => format!("the driver sees {count} GPUs, `cuda:0` to `cuda:{}`", count - 1),
    })
}

/// Counts the GPUs. Without a driver nothing of burn's is asked. A driver library that
/// cannot be loaded is a panic in burn's binding, and must not look like one of ours.
pub(crate) fn count() -> Result<usize, String> {
    if !Path::new(KERNEL_MODULE).exists() && !Path::new("/dev/dxg").exists() {
        return Err(format!("there is no NVIDIA driver ({KERNEL_MODULE} is missing)"));
    }
    let report = panic::take_hook();
    panic::set_hook(Box::new(|_| ()));
    let counted = panic::catch_unwind(|| Device::enumerate(DeviceType::Cuda).into_iter().count());
    panic::set_hook(report);
    counted.map_err(|_| "the driver's library, libcuda, cannot be loaded".into())
}

/// Returns what of driver and toolkit decides bits: the driver translates kernels
/// for the GPU, and the toolkit holds mathematical functions.
pub(crate) fn facts() -> Result<Facts, String> {
    let mut facts = Facts::new();
    let module = fs::read_to_string(KERNEL_MODULE).unwrap_or_default();
    let version = module
        .split_whitespace()
        .find(|word| word.contains('.') && word.split('.').all(|part| part.parse::<u32>().is_ok()));
    facts.insert("driver".into(), version.unwrap_or("unknown").into());
    facts.insert("libdevice".into(), libdevice()?);
    Ok(facts)
}

/// Digests the library of mathematical functions, where the kernel compiler finds it.
fn libdevice() -> Result<String, String> {
    let named = env::var_os("CUDA_PATH").map(PathBuf::from);
    let found = || {
        let mut roots = TOOLKITS.iter().map(PathBuf::from);
        roots.find(|root| root.join("nvvm/libdevice").is_dir())
    };
    let root = named.clone().or_else(found);
    let path = root.map(|root| root.join(LIBDEVICE)).filter(|path| path.is_file());
    let path = path.ok_or_else(|| missing(named.as_deref()))?;
    let bytes = fs::read(&path).map_err(|error| format!("{}: {error}", path.display()))?;
    Ok(Hasher::new("reenact v1 libdevice").bytes(&bytes).finish().to_string())
}

/// Says where they were looked for: where `CUDA_PATH` names, or in the usual places.
fn missing(named: Option<&Path>) -> String {
    let looked = match named {
        Some(root) => format!("the variable CUDA_PATH says {}", root.display()),
        None => format!("CUDA_PATH is not set, and {} have none", TOOLKITS.join(", ")),
    };
    format!(
        "CUDA's mathematical functions, {LIBDEVICE}, are missing ({looked}): set CUDA_PATH to a \
         folder that holds them, as a CUDA toolkit does and what scripts/cuda-build packs"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_is_named() {
        let nowhere = missing(None);
        assert!(nowhere.contains(LIBDEVICE) && nowhere.contains("/usr/local/cuda"), "{nowhere}");
        let named = missing(Some(Path::new("/opt/none")));
        assert!(named.contains("CUDA_PATH says /opt/none"), "{named}");
        assert!(!named.contains("/usr/local/cuda"), "{named}");
    }
}
