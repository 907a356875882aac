//! The CUDA driver: whether it is there, and what of it decides bits.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use reenact_core::digest::Hasher;

use crate::cuda::{self, KERNEL_MODULE};
use crate::device::Facts;

const GPUS: &str = "/proc/driver/nvidia/gpus";

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
        libdevice()?;
        return cuda::enter(index);
    }
    Err(match count {
        0 => "the driver sees no GPU. If there is one, see CUDA_VISIBLE_DEVICES".into(),
        1 => "the driver sees one GPU, `cuda:0`".into(),
        _ => format!("the driver sees {count} GPUs, `cuda:0` to `cuda:{}`", count - 1),
    })
}

/// Counts the GPUs.
pub(crate) fn count() -> Result<usize, String> {
    cuda::ask().map(|answer| answer.gpus)
}

/// Returns what of driver and toolkit decides bits: the driver's library translates
/// kernels for the GPU, and the toolkit holds mathematical functions. The library need not
/// be of the kernel module's version: a container or a package for forward compatibility
/// brings its own. It has to be loaded, as it is once the GPUs are counted.
pub(crate) fn facts() -> Result<Facts, String> {
    let mut facts = Facts::new();
    let module = fs::read_to_string(KERNEL_MODULE).unwrap_or_default();
    let version = module
        .split_whitespace()
        .find(|word| word.contains('.') && word.split('.').all(|part| part.parse::<u32>().is_ok()));
    facts.insert("driver".into(), version.unwrap_or("unknown").into());
    let maps = fs::read_to_string("/proc/self/maps").unwrap_or_default();
    let library = loaded(&maps).map_or_else(|| Ok("unknown".into()), |file| identify(&file));
    facts.insert("libcuda".into(), library?);
    facts.insert("cuda".into(), cuda::show(cuda::ask()?.version));
    facts.insert("libdevice".into(), libdevice()?);
    Ok(facts)
}

/// Returns the serial number of the machine's only GPU. Of several it cannot be told which
/// one a number of CUDA's means, as variables and containers order and hide them.
pub(crate) fn serial() -> Option<String> {
    let folders = fs::read_dir(GPUS).into_iter().flatten().flatten();
    let texts = folders.filter_map(|gpu| fs::read_to_string(gpu.path().join("information")).ok());
    let mut serials: Vec<String> = texts.filter_map(|text| uuid(&text)).collect();
    let only = serials.pop()?;
    serials.is_empty().then_some(only)
}

/// Reads it from what the kernel module says of a GPU.
fn uuid(information: &str) -> Option<String> {
    let mut lines = information.lines();
    let value = lines.find_map(|line| line.strip_prefix("GPU UUID:"))?.trim();
    value.starts_with("GPU-").then(|| value.to_owned())
}

/// Finds the file of the driver's library among those that this process has loaded.
fn loaded(maps: &str) -> Option<PathBuf> {
    let file = |line: &str| {
        let path = Path::new(&line[line.find('/')?..]);
        path.file_name()?.to_str()?.starts_with("libcuda.so").then(|| path.to_owned())
    };
    maps.lines().find_map(file)
}

/// Names the library by the version in its file's name, or by its content where the name
/// is the same for all, as under Windows.
fn identify(file: &Path) -> Result<String, String> {
    let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let version = name.strip_prefix("libcuda.so.").unwrap_or_default();
    // `libcuda.so.1` names an interface.
    let is_release = version.split('.').next().is_some_and(|major| major.len() > 1);
    if is_release {
        return Ok(version.to_owned());
    }
    let bytes = fs::read(file).map_err(|error| format!("{}: {error}", file.display()))?;
    Ok(Hasher::new("reenact v1 libcuda").bytes(&bytes).finish().to_string())
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

    const MAPS: &str = "7f00-7f10 r-xp 00000000 08:01 1 /usr/lib/libc.so.6\n\
        7f10-7f20 rw-p 00000000 00:00 0\n\
        7f20-7f30 r-xp 00000000 08:01 2 /opt/cuda compat/libcuda.so.570.86.10\n";

    #[test]
    fn the_drivers_library_is_named_by_the_file_that_is_loaded() {
        let file = loaded(MAPS).unwrap();
        assert_eq!(file, Path::new("/opt/cuda compat/libcuda.so.570.86.10"));
        assert_eq!(identify(&file).unwrap(), "570.86.10");
        assert_eq!(loaded("7f00-7f10 r-xp 00000000 08:01 1 /usr/lib/libc.so.6\n"), None);
    }

    #[test]
    fn a_library_without_a_version_is_named_by_its_content() {
        let place = env::temp_dir().join(format!("reenact-libcuda-{}", std::process::id()));
        fs::create_dir_all(&place).unwrap();
        let file = place.join("libcuda.so.1.1");
        let name = |content: &str| {
            fs::write(&file, content).unwrap();
            identify(&file).unwrap()
        };
        let (one, other) = (name("one"), name("other"));
        assert_ne!(one, other);
        assert_eq!(one, name("one"));
        fs::remove_dir_all(&place).unwrap();
        assert!(identify(&file).is_err());
    }

    #[test]
    fn a_gpu_is_named_by_what_the_kernel_module_says() {
        let text = "Model: \t\t NVIDIA H200\nIRQ:   \t\t 42\n\
                    GPU UUID: \t GPU-2d7464a3-3231-11fe-df0a-18d3e1f0787d\nVideo BIOS: 96\n";
        assert_eq!(uuid(text).as_deref(), Some("GPU-2d7464a3-3231-11fe-df0a-18d3e1f0787d"));
        assert_eq!(uuid("GPU UUID: \t ????????\n"), None);
        assert_eq!(uuid(""), None);
    }

    #[test]
    fn what_is_missing_is_named() {
        let nowhere = missing(None);
        assert!(nowhere.contains(LIBDEVICE) && nowhere.contains("/usr/local/cuda"), "{nowhere}");
        let named = missing(Some(Path::new("/opt/none")));
        assert!(named.contains("CUDA_PATH says /opt/none"), "{named}");
        assert!(!named.contains("/usr/local/cuda"), "{named}");
    }
}
