//! Programs and launches.

use std::ffi::{CStr, c_char, c_int, c_uint, c_void};

use super::{Handle, give};
use crate::driver::{Launch, call, call_of};
use crate::module::{Function, Module};
use crate::status::Status;

#[unsafe(no_mangle)]
pub unsafe extern "C" fn cuModuleLoadData(module: *mut *mut Module, image: *const c_char) -> c_int {
    // SAFETY: PTX ends with a nought.
    let text = unsafe { CStr::from_ptr(image) };
    call("cuModuleLoadData", text.count_bytes() as u64, |driver| {
        let text = text.to_str().map_err(|_| Status::INVALID_PTX)?;
        let loaded = Module::load(text, &driver.settings).inspect_err(|_| {
            let name = text.split(".entry ").nth(1).and_then(|rest| rest.split('(').next());
            driver.log.line(|| format!("refuse {}", name.unwrap_or("a text without a kernel")));
        })?;
        // SAFETY: as above.
        unsafe { give(module, Box::into_raw(Box::new(loaded))) };
        Ok(())
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn cuModuleLoadDataEx(
    module: *mut *mut Module,
    image: *const c_char,
    _count: c_uint,
    _options: Handle,
    _values: Handle,
) -> c_int {
    // SAFETY: as the caller's.
    unsafe { cuModuleLoadData(module, image) }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn cuModuleGetFunction(
    function: *mut *mut Function,
    module: *const Module,
    name: *const c_char,
) -> c_int {
    call("cuModuleGetFunction", 0, |_| {
        // SAFETY: the module is one of ours, and the name ends with a nought.
        let (module, name) = unsafe { (&*module, CStr::from_ptr(name)) };
        let found = module.function(&name.to_string_lossy());
        // SAFETY: as above.
        unsafe { give(function, Box::into_raw(Box::new(found))) };
        Ok(())
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn cuFuncSetAttribute(
    _function: *mut Function,
    _attribute: c_int,
    value: c_int,
) -> c_int {
    call("cuFuncSetAttribute", 0, |_| {
        let is_fine = u32::try_from(value).is_ok_and(|len| len <= crate::card::SHARED_BYTES_MAX);
        if is_fine { Ok(()) } else { Err(Status::INVALID_VALUE) }
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn cuFuncGetAttribute(
    value: *mut c_int,
    _attribute: c_int,
    _function: *mut Function,
) -> c_int {
    call("cuFuncGetAttribute", 0, |_| {
        // SAFETY: as above.
        unsafe { give(value, 0) };
        Ok(())
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn cuLaunchKernel(
    function: *const Function,
    grid_x: c_uint,
    grid_y: c_uint,
    grid_z: c_uint,
    block_x: c_uint,
    block_y: c_uint,
    block_z: c_uint,
    shared_byte_len: c_uint,
    _stream: Handle,
    arguments: *const *const c_void,
    _extra: Handle,
) -> c_int {
    // SAFETY: the function is one of ours.
    let function = unsafe { &*function };
    let grid = [grid_x, grid_y, grid_z];
    let launch = Launch { grid, block: [block_x, block_y, block_z], shared_byte_len };
    call_of("cuLaunchKernel", &function.name, 0, |driver| {
        // SAFETY: the caller gives what the kernel takes.
        unsafe { driver.launch(function, launch, arguments) }
    })
}
