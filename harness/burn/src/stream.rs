//! burn's random stream.

use std::sync::{Mutex, MutexGuard, PoisonError};

use burn::tensor::Device;

static STREAM: Mutex<()> = Mutex::new(());

/// Seeds burn's random stream and keeps it for the caller until the guard is
/// dropped.
///
/// burn has one generator a process. Two trainers in one process would draw
/// from each other's stream and be irreproducible, so they take turns.
#[must_use = "the stream is held only as long as the guard lives"]
pub(crate) fn hold_seeded(device: &Device, seed: u64) -> MutexGuard<'static, ()> {
    let guard = STREAM.lock().unwrap_or_else(PoisonError::into_inner);
    device.seed(seed);
    guard
}
