//! A build of `reenact` with another arithmetic, for the tests of the gate.
//!
//! Its own file's name says what it does otherwise: `changed-in-run-edit@17` adds to one
//! weight after step 17, `changed-order-swap@9` takes the samples of step 9 in another order;
//! every attack of `record --attack` is a change here. What a gate sees is a build whose
//! trainings differ, whichever way that came about. `changed-nothing` knows no program.

use std::process::ExitCode;
use std::sync::Arc;

use reenact_core::attack::{InRunAttack, start};
use reenact_core::data::DataSet;
use reenact_core::spec::Spec;
use reenact_core::trainer::{Platform, Program, Setting, Trainer, TrainerError};
use reenact_toy::Toy;

/// A program that trains otherwise.
struct Changed {
    program: Box<dyn Program>,
    attack: InRunAttack,
}

impl Program for Changed {
    fn name(&self) -> &str {
        self.program.name()
    }

    fn describe(&self) -> String {
        format!("{}, with {}", self.program.describe(), self.attack)
    }

    fn platform(&self) -> &dyn Platform {
        self.program.platform()
    }

    fn data(&self, spec: &Spec, setting: &Setting) -> Result<Arc<dyn DataSet>, TrainerError> {
        self.program.data(spec, setting)
    }

    fn start(
        &self,
        spec: &Spec,
        data: Arc<dyn DataSet>,
        setting: &Setting,
    ) -> Result<Box<dyn Trainer>, TrainerError> {
        start(self.program.as_ref(), spec, data, setting, Some(&self.attack))
    }
}

fn main() -> ExitCode {
    let binary = std::env::current_exe().expect("a process has a file");
    let name = binary.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let change = name.strip_prefix("changed-").unwrap_or("nothing");
    let app = reenact::App::new();
    if change == "nothing" {
        return app.run();
    }
    let attack: InRunAttack = change.parse().expect("its name is an attack's");
    let programs = programs().into_iter();
    let changed = programs.map(|program| Changed { program, attack: attack.clone() });
    app.programs(changed.map(|changed| Box::new(changed) as Box<dyn Program>).collect()).run()
}

fn programs() -> Vec<Box<dyn Program>> {
    #[cfg(feature = "models")]
    let models = reenact_models::programs();
    #[cfg(not(feature = "models"))]
    let models = Vec::new();
    models.into_iter().chain([Box::new(Toy) as Box<dyn Program>]).collect()
}
