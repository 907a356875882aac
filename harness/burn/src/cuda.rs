//! Asking the CUDA driver's library, and saying in plain words why it cannot be used.
//!
//! burn's runtime panics in a thread of its own where the driver refuses something, so
//! everything that it will ask is asked here before.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use cudarc::driver::CudaContext;
use cudarc::driver::result::{self, DriverError};
use cudarc::driver::sys::{CUresult, cuDriverGetVersion};
use reenact_core::guard::guard;

/// Where the kernel module says which version it is.
pub(crate) const KERNEL_MODULE: &str = "/proc/driver/nvidia/version";
/// Where the driver is under the Windows Subsystem for Linux.
const WINDOWS: &str = "/dev/dxg";

/// The first CUDA version whose driver takes the kernels that are compiled for it.
const VERSION_MIN: i32 = 12_000;

/// GPUs that were entered. A context is kept, as making one takes a GPU some 0.1 s.
static ENTERED: Mutex<Vec<Arc<CudaContext>>> = Mutex::new(Vec::new());

/// Holds what the driver says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    /// The CUDA version that the library speaks, 13000 for 13.0.
    pub(crate) version: i32,
    /// Number of GPUs.
    pub(crate) gpus: usize,
}

/// Holds why the driver cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Refusal {
    /// Its library is not found.
    NoLibrary,
    /// Its library lacks something.
    NoSymbol(String),
    /// It refuses a call.
    Refused(&'static str, CUresult),
}

/// Asks the driver for its version and its GPUs.
pub(crate) fn ask() -> Result<Answer, String> {
    let asked = call("cuInit", result::init)
        .and_then(|()| call("cuDriverGetVersion", version))
        .and_then(|version| {
            let gpus = call("cuDeviceGetCount", result::device::get_count)?;
            Ok(Answer { version, gpus: usize::try_from(gpus).unwrap_or(0) })
        });
    let has_module = Path::new(KERNEL_MODULE).exists() || Path::new(WINDOWS).exists();
    let answer = asked.map_err(|refusal| refusal.explain(has_module))?;
    if answer.version < VERSION_MIN {
        return Err(too_old(answer.version));
    }
    Ok(answer)
}

/// Makes sure that GPU number `index` takes work.
pub(crate) fn enter(index: usize) -> Result<(), String> {
    let mut entered = ENTERED.lock().unwrap_or_else(PoisonError::into_inner);
    if entered.iter().any(|context| context.ordinal() == index) {
        return Ok(());
    }
    let context = call("cuDevicePrimaryCtxRetain", || CudaContext::new(index));
    entered.push(context.map_err(|refusal| refusal.explain(true))?);
    Ok(())
}

/// Writes a version as people know it.
pub(crate) fn show(version: i32) -> String {
    format!("{}.{}", version / 1000, version % 1000 / 10)
}

#[allow(unsafe_code, reason = "the binding wraps this one call in nothing safe")]
fn version() -> Result<i32, DriverError> {
    let mut version = 0;
    // SAFETY: the driver writes the version there, and keeps nothing.
    unsafe { cuDriverGetVersion(&raw mut version) }.result()?;
    Ok(version)
}

/// Makes a call. A library that is missing, or lacks the call, is a panic of the binding.
fn call<T>(
    name: &'static str,
    call: impl FnOnce() -> Result<T, DriverError>,
) -> Result<T, Refusal> {
    match guard(call) {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(DriverError(code))) => Err(Refusal::Refused(name, code)),
        Err(panic) if panic.contains("Missing symbol") => Err(Refusal::NoSymbol(name.into())),
        Err(_) => Err(Refusal::NoLibrary),
    }
}

fn too_old(version: i32) -> String {
    format!(
        "the driver is too old: it speaks CUDA {}, and reenact needs CUDA {} or later. Install a \
         newer driver",
        show(version),
        show(VERSION_MIN)
    )
}

impl Refusal {
    /// Says what it means and what to do; `has_module` is whether the kernel has the driver.
    fn explain(&self, has_module: bool) -> String {
        match self {
            Self::NoLibrary if has_module => {
                "the kernel has the NVIDIA driver, but its library, libcuda.so.1, is not found. \
                 Install the driver's library, or start the container with GPUs"
                    .into()
            }
            Self::NoLibrary => format!(
                "there is no NVIDIA driver: neither {KERNEL_MODULE} nor libcuda.so.1 is there"
            ),
            Self::NoSymbol(name) => format!(
                "the driver is too old: its library has no `{name}`. Install one for CUDA {} or \
                 later",
                show(VERSION_MIN)
            ),
            Self::Refused(call, code) => refused(call, *code),
        }
    }
}

fn refused(call: &str, code: CUresult) -> String {
    let meaning = match code {
        CUresult::CUDA_ERROR_NO_DEVICE => {
            "the driver sees no GPU. If there is one, see CUDA_VISIBLE_DEVICES and `nvidia-smi`"
        }
        CUresult::CUDA_ERROR_DEVICE_UNAVAILABLE => {
            "the GPU is busy: another process holds it for itself alone. Wait for that one, or \
             take another GPU"
        }
        CUresult::CUDA_ERROR_OUT_OF_MEMORY => {
            "the GPU is busy: other processes use all of its memory. `nvidia-smi` names them"
        }
        CUresult::CUDA_ERROR_SYSTEM_DRIVER_MISMATCH => {
            "the driver's library and its kernel module are of different versions, as after an \
             update. Start the machine anew"
        }
        CUresult::CUDA_ERROR_SYSTEM_NOT_READY => {
            "the system's GPU services are not running yet; see `nvidia-smi`"
        }
        _ => "the driver refuses a call; `nvidia-smi` and the kernel's log may say why",
    };
    format!("{meaning} ({call} gave {code:?}, error {})", code as u32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_in_the_way_is_told_apart() {
        let said = |refusal: Refusal, has_module| refusal.explain(has_module);
        let refused = |code| said(Refusal::Refused("cuInit", code), true);
        let all = [
            said(Refusal::NoLibrary, false),
            said(Refusal::NoLibrary, true),
            said(Refusal::NoSymbol("cuInit".into()), true),
            refused(CUresult::CUDA_ERROR_NO_DEVICE),
            refused(CUresult::CUDA_ERROR_DEVICE_UNAVAILABLE),
            refused(CUresult::CUDA_ERROR_SYSTEM_DRIVER_MISMATCH),
            refused(CUresult::CUDA_ERROR_UNKNOWN),
            too_old(11_040),
        ];
        let key =
            ["no NVIDIA driver", "libcuda.so.1, is not", "no `cuInit`", "sees no GPU", "busy"];
        let last = ["different versions", "CUDA_ERROR_UNKNOWN, error 999", "speaks CUDA 11.4"];
        for (said, key) in all.iter().zip(key.iter().chain(&last)) {
            assert!(said.contains(key), "{said}");
        }
    }

    #[test]
    fn a_binding_that_panics_is_understood() {
        let missing = call::<()>("cuInit", || panic!("Missing symbol cuInit: no such symbol"));
        assert_eq!(missing, Err(Refusal::NoSymbol("cuInit".into())));
        let absent = call::<()>("cuInit", || panic!("Unable to dynamically load the library"));
        assert_eq!(absent, Err(Refusal::NoLibrary));
        let refused = call::<()>("cuInit", || Err(DriverError(CUresult::CUDA_ERROR_NO_DEVICE)));
        assert_eq!(refused, Err(Refusal::Refused("cuInit", CUresult::CUDA_ERROR_NO_DEVICE)));
    }
}
