//! The whole `reenact` command, for any training program.
//!
//! A binary registers its programs with an [`App`] and runs it; it then has
//! every subcommand for them. One file a subcommand lies in `command/`; what
//! they share is here: [`exit`] codes, failures, progress, workers, and the folder
//! that a report is written into.

mod app;
mod command;
mod cost;
mod environment;
mod failure;
mod interruption;
mod json;
mod key_file;
mod output;
mod progress;
mod report_folder;
mod signal;
mod worker;

// Part of the build script, and tested here: a build script has no tests.
#[cfg(test)]
#[path = "../build/lock.rs"]
mod lock;

pub mod exit;

pub use app::App;
