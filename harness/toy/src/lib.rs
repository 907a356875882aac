//! The smallest complete training program: a noisy line is fitted, in plain Rust.
//!
//! It shows what [`reenact_core::trainer`] asks of an engine, and lets everything but the
//! engine be tested in milliseconds.

mod check;
mod device;
mod platform;
mod points;
mod program;
mod unsteady;

pub use platform::ToyPlatform;
pub use program::Toy;
