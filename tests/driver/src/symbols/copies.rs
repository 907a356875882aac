//! Copies between the processor's memory and a GPU's, and within it.

use std::ffi::c_int;
use std::ptr;

use super::{Handle, Pointer};
use crate::driver::{Driver, call};
use crate::settings::Execute;
use crate::status::Status;

/// Downloads: nought, where nothing is computed.
///
/// # Safety
/// `len` bytes can be read and written there.
unsafe fn bring(driver: &Driver, from: *const u8, to: *mut u8, len: usize) {
    match driver.settings.execute {
        // SAFETY: as the caller says.
        Execute::Nothing => unsafe { ptr::write_bytes(to, 0, len) },
        // SAFETY: likewise.
        Execute::All => unsafe { ptr::copy(from, to, len) },
    }
}

/// Copies to a GPU's memory, where anybody will look at it.
///
/// # Safety
/// `len` bytes can be read and written there.
unsafe fn keep(driver: &Driver, from: *const u8, to: *mut u8, len: usize) {
    if driver.settings.execute == Execute::All {
        // SAFETY: as the caller says.
        unsafe { ptr::copy(from, to, len) };
    }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn cuMemcpyHtoDAsync_v2(
    target: Pointer,
    source: *const u8,
    len: usize,
    _stream: Handle,
) -> c_int {
    call("cuMemcpyHtoDAsync_v2", len as u64, |driver| {
        driver.log.line(|| format!("upload {len}"));
        driver.check(target, len)?;
        // SAFETY: the target was checked, and the caller answers for the source.
        unsafe { keep(driver, source, target as *mut u8, len) };
        Ok(())
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn cuMemcpyDtoHAsync_v2(
    target: *mut u8,
    source: Pointer,
    len: usize,
    _stream: Handle,
) -> c_int {
    call("cuMemcpyDtoHAsync_v2", len as u64, |driver| {
        driver.log.line(|| format!("download {len}"));
        driver.check(source, len)?;
        // SAFETY: the source was checked, and the caller answers for the target.
        unsafe { bring(driver, source as *const u8, target, len) };
        Ok(())
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn cuMemcpyDtoDAsync_v2(
    target: Pointer,
    source: Pointer,
    len: usize,
    _stream: Handle,
) -> c_int {
    call("cuMemcpyDtoDAsync_v2", len as u64, |driver| {
        driver.log.line(|| format!("copy {len}"));
        driver.check(target, len)?;
        driver.check(source, len)?;
        // SAFETY: both were checked.
        unsafe { keep(driver, source as *const u8, target as *mut u8, len) };
        Ok(())
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn cuMemsetD8Async(
    target: Pointer,
    value: u8,
    len: usize,
    _stream: Handle,
) -> c_int {
    call("cuMemsetD8Async", len as u64, |driver| {
        driver.log.line(|| format!("set {len}"));
        driver.check(target, len)?;
        // SAFETY: the target was checked.
        unsafe { ptr::write_bytes(target as *mut u8, value, len) };
        Ok(())
    })
}

/// Holds `CUDA_MEMCPY2D`.
#[repr(C)]
pub struct Copy2d {
    source: Side,
    target: Side,
    width: usize,
    height: usize,
}

/// Holds one side of a copy of rows.
#[repr(C)]
struct Side {
    x: usize,
    y: usize,
    kind: c_int,
    host: *mut u8,
    device: Pointer,
    array: Handle,
    pitch: usize,
}

/// A side in the processor's memory.
const HOST: c_int = 1;
/// A side in a GPU's memory.
const DEVICE: c_int = 2;

impl Side {
    /// Returns where the rows begin; those in a GPU's memory have to lie there.
    fn rows(&self, copy: &Copy2d, driver: &Driver) -> Result<*mut u8, Status> {
        if self.x != 0 || self.y != 0 || self.pitch < copy.width || copy.height == 0 {
            return Err(Status::INVALID_VALUE);
        }
        match self.kind {
            HOST => return Ok(self.host),
            DEVICE => driver.check(self.device, self.pitch * (copy.height - 1) + copy.width)?,
            _ => return Err(Status::INVALID_VALUE),
        }
        Ok(self.device as *mut u8)
    }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn cuMemcpy2DAsync_v2(copy: *const Copy2d, _stream: Handle) -> c_int {
    // SAFETY: as above.
    let copy = unsafe { &*copy };
    call("cuMemcpy2DAsync_v2", (copy.width * copy.height) as u64, |driver| {
        let (width, height) = (copy.width, copy.height);
        let is_download = copy.target.kind == HOST;
        let word = if is_download { "download" } else { "upload" };
        driver.log.line(|| format!("{word} {} in {height} rows", width * height));
        let (source, target) = (copy.source.rows(copy, driver)?, copy.target.rows(copy, driver)?);
        for row in 0..height {
            // SAFETY: rows in a GPU's memory were checked, and the caller answers for others.
            unsafe {
                let from = source.add(row * copy.source.pitch);
                let to = target.add(row * copy.target.pitch);
                if is_download {
                    bring(driver, from, to, width)
                } else {
                    ptr::copy(from, to, width)
                }
            }
        }
        Ok(())
    })
}
