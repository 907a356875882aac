//! Allocating.

use std::ffi::c_int;

use super::{Handle, Pointer, give};
use crate::driver::call;

#[unsafe(no_mangle)]
pub unsafe extern "C" fn cuMemAlloc_v2(pointer: *mut Pointer, len: usize) -> c_int {
    call("cuMemAlloc_v2", len as u64, |driver| {
        driver.log.line(|| format!("allocate {len}"));
        let start = driver.memory()?.allocate(len as u64)?;
        // SAFETY: as above.
        unsafe { give(pointer, start) };
        Ok(())
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn cuMemAllocAsync(
    pointer: *mut Pointer,
    len: usize,
    _stream: Handle,
) -> c_int {
    // SAFETY: as the caller's.
    unsafe { cuMemAlloc_v2(pointer, len) }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn cuMemFree_v2(pointer: Pointer) -> c_int {
    call("cuMemFree_v2", 0, |driver| {
        driver.log.line(|| "free".into());
        driver.memory()?.free(pointer)
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn cuMemFreeAsync(pointer: Pointer, _stream: Handle) -> c_int {
    // SAFETY: as the caller's.
    unsafe { cuMemFree_v2(pointer) }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn cuMemAllocHost_v2(pointer: *mut Handle, len: usize) -> c_int {
    call("cuMemAllocHost_v2", len as u64, |driver| {
        driver.log.line(|| format!("pin {len}"));
        let start = driver.pinned.allocate(len as u64)?;
        // SAFETY: as above.
        unsafe { give(pointer, start as Handle) };
        Ok(())
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn cuMemFreeHost(pointer: Handle) -> c_int {
    call("cuMemFreeHost", 0, |driver| driver.pinned.free(pointer as u64))
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn cuMemGetInfo_v2(free: *mut usize, total: *mut usize) -> c_int {
    call("cuMemGetInfo_v2", 0, |driver| {
        let memory = driver.memory()?;
        let (left, all) = (memory.free_byte_len(), memory.byte_len());
        // SAFETY: as above.
        unsafe {
            give(free, left as usize);
            give(total, all as usize);
        }
        Ok(())
    })
}
