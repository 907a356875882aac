//! The one thread that burn's CPU backend computes with.
//!
//! Given more, the backend adds up millions of numbers in an order that follows the
//! number of threads, and chance. So a training has a pool of its own with one thread,
//! in a recording as in a replay, whatever pools the process has otherwise. Several
//! cores are used by several processes.

use std::sync::OnceLock;

use rayon::{ThreadPool, ThreadPoolBuilder};

/// As much as a main thread usually has.
const STACK_BYTES: usize = 8 << 20;

static POOL: OnceLock<Result<ThreadPool, String>> = OnceLock::new();

/// Returns the pool of one thread, the same for all trainings of a process.
pub(crate) fn one() -> Result<&'static ThreadPool, String> {
    let made = POOL.get_or_init(|| of(1));
    made.as_ref().map_err(Clone::clone)
}

/// Makes a pool; those with more than one thread are for trying what they change.
pub(crate) fn of(threads: usize) -> Result<ThreadPool, String> {
    let pool = ThreadPoolBuilder::new().num_threads(threads).stack_size(STACK_BYTES);
    pool.thread_name(|_| "burn".into())
        .build()
        .map_err(|error| format!("no thread can be started: {error}"))
}
