//! Measuring what reenact costs.
//!
//! `ratios.rs` measures what has a limit: one thing against another that does
//! the same without reenact, in one run and in turns ([`pairs`]), so that a
//! busy machine slows both. `absolute.rs` gives times and rates by criterion.

/// Both sides of every comparison have it.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

pub mod checkpoints;
pub mod examples;
pub mod honest;
pub mod jobs;
pub mod masks;
pub mod pairs;
pub mod plain;
pub mod random;
pub mod recording;
pub mod replaying;
pub mod rows;
pub mod runs;
pub mod speed;
pub mod states;
