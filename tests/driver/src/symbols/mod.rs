//! The functions of `cuda.h` that burn's runtime calls, by their names there.
#![allow(non_snake_case, reason = "the names are the driver's")]
#![allow(missing_docs, reason = "the driver's documentation says what each function does")]
#![allow(clippy::missing_safety_doc, reason = "and what is safe")]

pub mod copies;
pub mod devices;
pub mod memory;
pub mod modules;
pub mod streams;

use std::ffi::{c_char, c_int, c_uint, c_void};
use std::thread;
use std::time::Duration;

use crate::driver::{call, lock};
use crate::status::Status;

type Device = c_int;
type Handle = *mut c_void;
type Pointer = u64;

/// Writes a result to where the caller wants it.
///
/// # Safety
/// `place` can be written.
unsafe fn give<T>(place: *mut T, value: T) {
    // SAFETY: as the caller says.
    unsafe { place.write(value) };
}

/// Does nothing, and counts that.
macro_rules! nothing {
    ($($name:ident($($argument:ty),*);)*) => {$(
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $name($(_: $argument),*) -> c_int {
            call(stringify!($name), 0, |_| Ok(()))
        }
    )*};
}

nothing! {
    cuInit(c_uint);
    cuDevicePrimaryCtxRelease_v2(Device);
    cuStreamDestroy_v2(Handle);
    cuStreamQuery(Handle);
    cuEventQuery(Handle);
    cuModuleUnload(Handle);
}

/// Waits for the device, which has always done everything but measure itself.
macro_rules! wait {
    ($($name:ident($($argument:ty),*);)*) => {$(
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $name($(_: $argument),*) -> c_int {
            let mut pending = Duration::ZERO;
            let status = call(stringify!($name), 0, |driver| {
                driver.log.line(|| stringify!($name).into());
                pending = driver.clock.wait();
                Ok(())
            });
            thread::sleep(pending);
            status
        }
    )*};
}

wait! {
    cuCtxSynchronize();
    cuStreamSynchronize(Handle);
    cuStreamWaitEvent(Handle, Handle, c_uint);
    cuEventSynchronize(Handle);
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn cuGetErrorName(error: c_int, name: *mut *const c_char) -> c_int {
    // SAFETY: as above.
    unsafe { give(name, Status(error).name().as_ptr()) };
    0
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn cuGetErrorString(error: c_int, text: *mut *const c_char) -> c_int {
    let known = match error {
        2 => c"out of memory",
        700 => c"an illegal memory access was encountered",
        719 => c"unspecified launch failure",
        _ => c"an error of the stand-in",
    };
    // SAFETY: as above.
    unsafe { give(text, known.as_ptr()) };
    0
}

/// Writes what is held back once the process ends.
extern "C" fn end() {
    let mut driver = lock();
    let peak = driver.memories.iter().map(|memory| memory.peak()).max().unwrap_or(0);
    driver.log.count("peak", peak);
    driver.log.flush();
}

/// Has [`end`] run when the library goes.
#[used]
#[unsafe(link_section = ".fini_array")]
static END: extern "C" fn() = end;
