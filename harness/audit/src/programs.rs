//! The training programs that a process knows.

use reenact_core::trainer::Program;

use crate::failure::Failure;

/// Holds training programs.
#[derive(Default)]
pub struct Programs(Vec<Box<dyn Program>>);

impl Programs {
    /// Adds a program.
    pub fn push(&mut self, program: Box<dyn Program>) {
        self.0.push(program);
    }

    /// Returns the program of this name.
    pub fn find(&self, name: &str) -> Result<&dyn Program, Failure> {
        let found = self.all().find(|program| program.name() == name);
        found.ok_or_else(|| {
            Failure::usage(format!("there is no training program `{name}` in this binary"))
                .hint(format!("it knows {}", self.names().join(", ")))
        })
    }

    /// Goes through all of them.
    pub fn all(&self) -> impl Iterator<Item = &dyn Program> {
        self.0.iter().map(AsRef::as_ref)
    }

    /// Returns their names.
    pub fn names(&self) -> Vec<&str> {
        self.all().map(Program::name).collect()
    }
}
