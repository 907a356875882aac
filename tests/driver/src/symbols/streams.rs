//! Streams, and events in them.

use std::ffi::{c_int, c_uint};

use super::{Handle, give};
use crate::driver::call;

#[unsafe(no_mangle)]
pub unsafe extern "C" fn cuStreamCreate(stream: *mut Handle, _flags: c_uint) -> c_int {
    call("cuStreamCreate", 0, |driver| {
        // SAFETY: as above.
        unsafe { give(stream, driver.handle()) };
        Ok(())
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn cuStreamCreateWithPriority(
    stream: *mut Handle,
    _flags: c_uint,
    _priority: c_int,
) -> c_int {
    call("cuStreamCreateWithPriority", 0, |driver| {
        // SAFETY: as above.
        unsafe { give(stream, driver.handle()) };
        Ok(())
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn cuEventCreate(event: *mut *mut f64, _flags: c_uint) -> c_int {
    call("cuEventCreate", 0, |_| {
        // SAFETY: as above.
        unsafe { give(event, Box::into_raw(Box::new(0.0))) };
        Ok(())
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn cuEventDestroy_v2(event: *mut f64) -> c_int {
    call("cuEventDestroy_v2", 0, |_| {
        // SAFETY: `cuEventCreate` made it, and the caller gives it up.
        drop(unsafe { Box::from_raw(event) });
        Ok(())
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn cuEventRecord(event: *mut f64, _stream: Handle) -> c_int {
    call("cuEventRecord", 0, |driver| {
        // SAFETY: as above.
        unsafe { give(event, driver.clock.ms()) };
        Ok(())
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn cuEventElapsedTime(
    ms: *mut f32,
    start: *const f64,
    end: *const f64,
) -> c_int {
    call("cuEventElapsedTime", 0, |_| {
        // SAFETY: as above; the events are ours.
        unsafe { give(ms, (*end - *start) as f32) };
        Ok(())
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn cuEventElapsedTime_v2(
    ms: *mut f32,
    start: *const f64,
    end: *const f64,
) -> c_int {
    // SAFETY: as the caller's.
    unsafe { cuEventElapsedTime(ms, start, end) }
}
