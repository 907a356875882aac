//! Registration of programs, and the entry point of the command.

use std::process::ExitCode;

use clap::Parser;
use reenact_core::trainer::Program;

use crate::command::Command;
use crate::failure::Failure;
use crate::{exit, output, signal};

/// Holds the training programs that a binary knows.
#[derive(Default)]
pub struct App {
    programs: Vec<Box<dyn Program>>,
    specs: Vec<(&'static str, &'static str)>,
}

#[derive(Parser)]
#[command(version, after_help = exit::HELP)]
/// Re-executes sampled segments of a recorded training run and says, with
/// evidence, whether the run is what its record claims.
struct Arguments {
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
        self.programs.extend(programs);
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
            Ok(arguments) => arguments.command.run(&self),
            Err(error) => {
                output::usage(&error);
                return if error.use_stderr() { exit::USAGE } else { exit::MATCH };
            }
        };
        result.unwrap_or_else(|failure| {
            output::failure(&failure);
            failure.exit_code()
        })
    }

    pub(crate) fn find(&self, name: &str) -> Result<&dyn Program, Failure> {
        let found = self.programs.iter().find(|program| program.name() == name);
        found.map(AsRef::as_ref).ok_or_else(|| {
            let known = self.program_names();
            Failure::usage(format!("there is no training program `{name}` in this binary"))
                .hint(format!("it knows {}", known.join(", ")))
        })
    }

    pub(crate) fn all_programs(&self) -> impl Iterator<Item = &dyn Program> {
        self.programs.iter().map(AsRef::as_ref)
    }

    pub(crate) fn program_names(&self) -> Vec<&str> {
        self.all_programs().map(Program::name).collect()
    }

    pub(crate) fn embedded_spec(&self, name: &str) -> Option<&'static str> {
        self.specs.iter().find(|(known, _)| *known == name).map(|(_, text)| *text)
    }

    pub(crate) fn spec_names(&self) -> Vec<&'static str> {
        self.specs.iter().map(|(name, _)| *name).collect()
    }
}
