//! Registration of programs, and the entry point of the command.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use clap::error::ErrorKind;
use reenact_audit::Programs;
use reenact_core::sanitize::plain;
use reenact_core::trainer::Program;

use crate::command::Command;
use crate::exit;
use crate::terminal::{Manner, output, signal};
use crate::version;

/// Holds the training programs that a binary knows.
#[derive(Default)]
pub struct App {
    programs: Programs,
    specs: Vec<(&'static str, &'static str)>,
}

/// Re-executes sampled segments of a recorded training run and says, with
/// evidence, whether the run is what its record claims.
#[derive(Parser)]
#[command(version, after_help = exit::HELP)]
pub(crate) struct Arguments {
    #[command(flatten)]
    manner: Manner,
    #[command(subcommand)]
    command: Command,
}

impl App {
    /// Knows no program yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a program.
    pub fn program(mut self, program: impl Program + 'static) -> Self {
        self.programs.push(Box::new(program));
        self
    }

    /// Adds programs.
    pub fn programs(mut self, programs: Vec<Box<dyn Program>>) -> Self {
        programs.into_iter().for_each(|program| self.programs.push(program));
        self
    }

    /// Adds specs that `record` finds by name, each with its TOML text.
    pub fn specs(mut self, specs: &[(&'static str, &'static str)]) -> Self {
        self.specs.extend(specs);
        self
    }

    /// Runs the command that the process was started with.
    pub fn run(self) -> ExitCode {
        signal::report_bugs();
        signal::outlive_full_files();
        let exit_code = self.run_arguments();
        output::complain();
        ExitCode::from(exit_code)
    }

    fn run_arguments(self) -> u8 {
        let result = match Arguments::try_parse() {
            Ok(Arguments { manner, command }) => {
                manner.begin();
                command.run(&self)
            }
            Err(error) if error.kind() == ErrorKind::DisplayVersion => {
                output::lines(version::told(&self.programs));
                return exit::MATCH;
            }
            Err(error) => {
                output::usage(&error);
                return if error.use_stderr() { exit::USAGE } else { exit::MATCH };
            }
        };
        result.unwrap_or_else(|failure| {
            output::failure(&failure);
            exit::of(&failure)
        })
    }

    pub(crate) fn known(&self) -> &Programs {
        &self.programs
    }

    pub(crate) fn embedded_spec(&self, name: &str) -> Option<&'static str> {
        self.specs.iter().find(|(known, _)| *known == name).map(|(_, text)| *text)
    }

    pub(crate) fn spec_names(&self) -> Vec<&'static str> {
        self.specs.iter().map(|(name, _)| *name).collect()
    }
}

/// Returns the name that this process was started by: a binary of one's own has its own.
pub(crate) fn binary_name() -> String {
    let path = std::env::args_os().next().map(PathBuf::from).unwrap_or_default();
    let name = path.file_stem().and_then(|name| name.to_str()).map(plain);
    name.unwrap_or_else(|| env!("CARGO_PKG_NAME").into())
}
