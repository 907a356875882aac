//! `reenact doctor`: what the machine has, and whether a training repeats on it.

mod child;
mod cost;
mod influences;
mod machine;
mod operations;
mod repeat;
mod show;

use std::path::PathBuf;

use clap::Args;
use reenact_audit::{Cost, Device, Failure};
use reenact_core::spec::Spec;
use reenact_core::trainer::Program;
use serde::Serialize;

use crate::app::App;
use crate::terminal::output;
use crate::{exit, inputs};

/// Version of what `--json` prints.
///
/// 1: the first (2026-11).
const DOCTOR_FORMAT: u32 = 1;
/// Steps that are taken unless the user says otherwise.
const STEPS: u64 = 5;
/// Steps that may be asked for: all are kept, each with its fingerprints, and a
/// worker's answer is limited.
const STEPS_MAX: u64 = 200;
/// Silence after which a worker is taken for hanging: building and tuning kernels
/// takes minutes on a new machine.
const STALL_SECONDS: u64 = 900;

const EXAMPLES: &str = "\
Examples:
  reenact doctor                                 devices, versions, what could interfere
  reenact doctor replay-specs/digits-cnn.toml    take a few steps again and again
  reenact doctor digits-mlp --steps 20           a program that comes with a spec
  reenact doctor cicero-gpt --cost               what would recording it cost here?
  reenact doctor --ops                           the engine's operations, one by one

Run it:
  on a new machine, without an argument: can audits be bit-exact here, and on what?
  before the first recording of a model of your own, and after each change of its
  loss or data, with its spec: does it compute the same bits each time?
  when an audit diverges and nobody touched the run: is it the machine?

Exit codes:
  0   reproducible (or, without an argument: a device can be used)
  1   not reproducible
  2   it could not be tried; the message says why
  64  wrong usage or a bad spec
  70  a bug of reenact";

/// Say what this machine has, and whether a training gives the same bits each time
#[derive(Args)]
#[command(before_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// Spec, or program that comes with one, whose first steps are taken several
    /// times: twice in one process, across a restored state, in two more processes,
    /// and with another number of threads
    #[arg(value_name = "PROGRAM|SPEC")]
    subject: Option<String>,
    /// Steps to take [default: 5, or all if the run is shorter]
    #[arg(long, value_name = "N", requires = "subject", value_parser = clap::value_parser!(u64).range(1..=STEPS_MAX))]
    steps: Option<u64>,
    /// Run each operation of the engine by itself, several times in each of two
    /// processes, and say which give the same bits
    #[arg(long)]
    ops: bool,
    /// Measure what recording adds to a step: fingerprints, and checkpoints at the
    /// cadence of the spec
    #[arg(long, requires = "subject")]
    cost: bool,
    /// Device to look at [default: all; `cpu` for taking steps]
    #[arg(long, value_name = "NAME")]
    device: Option<String>,
    /// Folder with the files of data sets that do not come with the program
    #[arg(long, default_value = ".", value_name = "DIR")]
    data_dir: PathBuf,
    /// Kill a process that is silent for so many seconds
    #[arg(long, value_name = "SECONDS", default_value_t = STALL_SECONDS, value_parser = clap::value_parser!(u64).range(1..))]
    stall_seconds: u64,
    /// Print it as JSON
    #[arg(long)]
    json: bool,
}

impl Arguments {
    /// Returns the device of this name.
    fn device(&self, name: &str) -> Device {
        Device { device: Some(name.into()), data_dir: self.data_dir.clone().into() }
    }

    fn stall(&self) -> std::time::Duration {
        std::time::Duration::from_secs(self.stall_seconds)
    }
}

/// Holds everything that was found.
#[derive(Serialize)]
struct Diagnosis {
    format: u32,
    machine: machine::Machine,
    influences: Vec<influences::Found>,
    /// None if no program was asked for.
    repetition: Option<repeat::Repetition>,
    /// None if `--cost` was not given.
    cost: Option<Cost>,
    /// None if `--ops` was not given.
    operations: Option<Vec<operations::Operations>>,
}

pub(crate) fn run(app: &App, arguments: &Arguments) -> Result<u8, Failure> {
    let subject = arguments.subject.as_deref().map(|name| Subject::find(app, name)).transpose()?;
    let programs: Vec<&dyn Program> = match &subject {
        Some(subject) => vec![app.known().find(&subject.spec.program.name)?],
        None => app.known().all().collect(),
    };
    let machine = machine::Machine::look(&programs, arguments)?;
    let influences = influences::find(&programs);
    let repetition = subject
        .as_ref()
        .map(|subject| repeat::Repetition::try_out(subject, arguments))
        .transpose()?;
    let costed = subject.as_ref().filter(|_| arguments.cost);
    let cost = costed.map(|subject| cost::measure(subject, arguments)).transpose()?;
    let operations = arguments.ops.then(|| operations::try_out(&machine, arguments)).transpose()?;
    let diagnosis =
        Diagnosis { format: DOCTOR_FORMAT, machine, influences, repetition, cost, operations };
    if arguments.json {
        output::json(&diagnosis);
    } else {
        show::show(&diagnosis);
    }
    Ok(diagnosis.exit_code())
}

impl Diagnosis {
    fn exit_code(&self) -> u8 {
        match &self.repetition {
            Some(repetition) if repetition.reproducible => exit::MATCH,
            Some(_) => exit::DIVERGENT,
            None if self.machine.has_usable_device() => exit::MATCH,
            None => exit::INCONCLUSIVE,
        }
    }
}

/// Holds the spec that is tried.
struct Subject {
    spec: Spec,
}

impl Subject {
    /// Finds a spec, or a program by the spec that comes with it.
    fn find(app: &App, name: &str) -> Result<Self, Failure> {
        let path = std::path::Path::new(name);
        if path.exists() || app.embedded_spec(name).is_some() {
            return Ok(Self { spec: inputs::spec(app, name)? });
        }
        if app.known().names().contains(&name) {
            let specs = app.spec_names().into_iter();
            let mut specs = specs.filter_map(|spec| inputs::spec(app, spec).ok());
            let found = specs.find(|spec| spec.program.name == name);
            return found.map(|spec| Self { spec }).ok_or_else(|| {
                Failure::usage(format!("no spec comes with the program `{name}`"))
                    .hint("give a spec of it, a TOML file")
            });
        }
        let hint = format!(
            "give a TOML file, one of the specs {}, or one of the programs {}",
            app.spec_names().join(", "),
            app.known().names().join(", ")
        );
        Err(Failure::usage(format!("there is no spec and no program `{name}` here")).hint(hint))
    }
}
