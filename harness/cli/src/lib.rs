//! The whole `reenact` command, for any training program.
//!
//! A binary registers its programs with an [`App`] and runs it; it then has
//! every subcommand for them. One file a subcommand lies in `command/`; the options that
//! they share in `options/`, what people see in `terminal/`, and how a training is recorded
//! in `recording/`. Audits are calls of `reenact_audit`.
//!
//! ```no_run
//! # fn my_program() -> impl reenact_core::trainer::Program { reenact_toy::Toy }
//! fn main() -> std::process::ExitCode {
//!     // With burn: `reenact_burn::Burn::new(MyTraining)`; its guide is docs/your-own-training.md.
//!     reenact::App::new().program(my_program()).run()
//! }
//! ```

mod app;
mod command;
mod evidence;
mod inputs;
mod key_file;
mod options;
mod recording;
mod report_folder;
mod terminal;
mod version;

pub mod exit;

pub use app::App;
