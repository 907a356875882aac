//! GPUs and their contexts.

use std::ffi::{c_char, c_int};
use std::ptr;

use super::{Device, Handle, give};
use crate::driver::{call, enter, entered};

#[unsafe(no_mangle)]
pub unsafe extern "C" fn cuDriverGetVersion(version: *mut c_int) -> c_int {
    call("cuDriverGetVersion", 0, |driver| {
        // SAFETY: the caller gives a place for each result, here and below.
        unsafe { give(version, driver.settings.version) };
        Ok(())
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn cuDeviceGetCount(count: *mut c_int) -> c_int {
    call("cuDeviceGetCount", 0, |driver| {
        // SAFETY: as above.
        unsafe { give(count, driver.settings.cards.len() as c_int) };
        Ok(())
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn cuDeviceGet(device: *mut Device, number: c_int) -> c_int {
    call("cuDeviceGet", 0, |driver| {
        driver.card(number)?;
        // SAFETY: as above.
        unsafe { give(device, number) };
        Ok(())
    })
}

/// Writes a text into a place of that length, with its end.
///
/// # Safety
/// `place` can be written for `len` bytes.
unsafe fn text(place: *mut c_char, len: c_int, text: &str) {
    let len = usize::try_from(len).unwrap_or(0).saturating_sub(1).min(text.len());
    // SAFETY: as the caller says; the end is within the place too.
    unsafe {
        ptr::copy_nonoverlapping(text.as_ptr(), place.cast(), len);
        place.add(len).write(0);
    }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn cuDeviceGetName(name: *mut c_char, len: c_int, device: Device) -> c_int {
    call("cuDeviceGetName", 0, |driver| {
        let card = driver.card(device)?;
        // SAFETY: as above.
        unsafe { text(name, len, card.name) };
        Ok(())
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn cuDeviceGetPCIBusId(id: *mut c_char, len: c_int, device: Device) -> c_int {
    call("cuDeviceGetPCIBusId", 0, |driver| {
        driver.card(device)?;
        // SAFETY: as above.
        unsafe { text(id, len, &format!("0000:{:02x}:00.0", 4 + device)) };
        Ok(())
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn cuDeviceGetUuid_v2(uuid: *mut [u8; 16], device: Device) -> c_int {
    call("cuDeviceGetUuid_v2", 0, |driver| {
        driver.card(device)?;
        // SAFETY: as above.
        unsafe { give(uuid, [7 + device as u8; 16]) };
        Ok(())
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn cuDeviceTotalMem_v2(len: *mut usize, device: Device) -> c_int {
    call("cuDeviceTotalMem_v2", 0, |driver| {
        let card = driver.card(device)?;
        // SAFETY: as above.
        unsafe { give(len, card.memory_byte_len as usize) };
        Ok(())
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn cuDeviceGetAttribute(
    value: *mut c_int,
    attribute: c_int,
    device: Device,
) -> c_int {
    call("cuDeviceGetAttribute", 0, |driver| {
        let card = driver.card(device)?;
        // SAFETY: as above.
        unsafe { give(value, card.attribute(attribute)) };
        Ok(())
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn cuDevicePrimaryCtxRetain(context: *mut Handle, device: Device) -> c_int {
    call("cuDevicePrimaryCtxRetain", 0, |driver| {
        let found = driver.context(device)?;
        // SAFETY: as above.
        unsafe { give(context, found as Handle) };
        Ok(())
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn cuCtxSetCurrent(context: Handle) -> c_int {
    call("cuCtxSetCurrent", 0, |_| {
        enter(context as usize);
        Ok(())
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn cuCtxGetCurrent(context: *mut Handle) -> c_int {
    call("cuCtxGetCurrent", 0, |_| {
        // SAFETY: as above.
        unsafe { give(context, entered() as Handle) };
        Ok(())
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn cuCtxGetStreamPriorityRange(least: *mut c_int, most: *mut c_int) -> c_int {
    call("cuCtxGetStreamPriorityRange", 0, |_| {
        // SAFETY: as above.
        unsafe {
            give(least, 0);
            give(most, -5);
        }
        Ok(())
    })
}
