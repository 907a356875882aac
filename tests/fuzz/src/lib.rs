//! What the fuzz targets share: an honest recording to begin with, and ways to
//! break it that a random edit would not find.

pub mod edits;
pub mod frames;
pub mod honest;
pub mod journal;
pub mod model;
pub mod seeds;

use std::alloc::System;

use cap::Cap;

/// Limits what is allocated at once: an input of some kilobytes that makes its
/// reader take more ends the target as a crash does. libFuzzer's own limit on
/// allocations needs a sanitizer's runtime, and does nothing without.
const ALLOCATED_BYTES_MAX: usize = 64 << 20;

#[global_allocator]
static ALLOCATOR: Cap<System> = Cap::new(System, ALLOCATED_BYTES_MAX);
