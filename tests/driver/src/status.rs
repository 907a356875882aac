//! What a call of the driver returns.

use std::ffi::{CStr, c_int};

/// Holds an error of the driver by its number in `cuda.h`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Status(pub c_int);

impl Status {
    /// An argument is out of its range.
    pub const INVALID_VALUE: Self = Self(1);
    /// The device's memory does not suffice.
    pub const OUT_OF_MEMORY: Self = Self(2);
    /// There is no such device.
    pub const INVALID_DEVICE: Self = Self(101);
    /// A kernel's text is refused.
    pub const INVALID_PTX: Self = Self(218);
    /// There is no kernel of that name.
    pub const NOT_FOUND: Self = Self(500);
    /// A kernel touched memory that is none; the device stays unusable.
    pub const ILLEGAL_ADDRESS: Self = Self(700);
    /// What a device that fell off the bus gives, from then on.
    pub const UNKNOWN: Self = Self(999);

    /// Whether every later call fails like this one.
    pub fn is_sticky(self) -> bool {
        matches!(self.0, 214 | 700 | 702 | 709 | 710 | 714..=719 | 999)
    }

    /// Returns its name in `cuda.h`.
    pub fn name(self) -> &'static CStr {
        match self.0 {
            0 => c"CUDA_SUCCESS",
            1 => c"CUDA_ERROR_INVALID_VALUE",
            2 => c"CUDA_ERROR_OUT_OF_MEMORY",
            3 => c"CUDA_ERROR_NOT_INITIALIZED",
            46 => c"CUDA_ERROR_DEVICE_UNAVAILABLE",
            100 => c"CUDA_ERROR_NO_DEVICE",
            101 => c"CUDA_ERROR_INVALID_DEVICE",
            214 => c"CUDA_ERROR_ECC_UNCORRECTABLE",
            218 => c"CUDA_ERROR_INVALID_PTX",
            500 => c"CUDA_ERROR_NOT_FOUND",
            700 => c"CUDA_ERROR_ILLEGAL_ADDRESS",
            702 => c"CUDA_ERROR_LAUNCH_TIMEOUT",
            719 => c"CUDA_ERROR_LAUNCH_FAILED",
            803 => c"CUDA_ERROR_SYSTEM_DRIVER_MISMATCH",
            _ => c"CUDA_ERROR_UNKNOWN",
        }
    }
}
