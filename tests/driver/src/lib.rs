//! A stand-in for the CUDA driver's library, `libcuda.so.1`, for tests.
//!
//! It claims to be some GPU, allocates from the processor's memory, copies for real, checks and
//! logs what is launched, and keeps the programs that are loaded. So everything that the host
//! does for a GPU runs to its last call on a machine that has none: what is launched, how often
//! the training waits, what becomes of an error of a device.
//!
//! What it does *not* show: a GPU's time, and its arithmetic. Kernels compute nothing, unless
//! [`Settings`](settings::Settings) ask for it: then their PTX is interpreted ([`ptx`]), without
//! tensor cores, and with the processor's `exp2` and the like instead of a GPU's
//! approximations. Where they do not, whatever is downloaded is nought.
//!
//! The environment says what it is:
//!
//! | variable | meaning | without it |
//! | --- | --- | --- |
//! | `REENACT_DRIVER_DEVICES` | GPUs, as `h100`, `h100,h100`, `h200`, `none` | `h100` |
//! | `REENACT_DRIVER_VERSION` | the CUDA version that the driver speaks | `13000` |
//! | `REENACT_DRIVER_MEMORY_BYTES` | memory of each GPU | as the GPU has |
//! | `REENACT_DRIVER_LOG` | file that gets a line a call; `.PID` is appended | no log |
//! | `REENACT_DRIVER_COUNTS` | file that gets the calls and bytes, at the end; likewise | none |
//! | `REENACT_DRIVER_MODULES` | folder that gets each PTX | none |
//! | `REENACT_DRIVER_EXECUTE` | whether kernels compute: `none`, `all` | `none` |
//! | `REENACT_DRIVER_SEED` | which of two kernels is the faster one | `0` |
//! | `REENACT_DRIVER_FAULT` | what goes wrong, as [`fault`] says | nothing |

pub mod card;
pub mod clock;
pub mod driver;
pub mod fault;
pub mod log;
pub mod memory;
pub mod module;
pub mod ptx;
pub mod settings;
pub mod status;
pub mod symbols;
