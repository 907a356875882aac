//! The subcommands, one file each: its arguments, then what it does.

mod audit;
mod calibrate;
mod collect;
mod completions;
mod data;
mod demo;
mod diff;
mod doctor;
mod drill;
mod explain;
mod export;
mod gate;
mod incident;
mod inspect;
mod keygen;
mod ledger;
mod man;
mod nightly;
mod plan;
mod prune;
mod push;
mod record;
mod work;
mod worker;

use clap::Subcommand;

use crate::app::App;
use reenact_audit::Failure;

/// Names a subcommand with its arguments.
#[derive(Subcommand)]
pub(crate) enum Command {
    Demo(demo::Arguments),
    Record(record::Arguments),
    Audit(Box<audit::Arguments>),
    Drill(drill::Arguments),
    Gate(Box<gate::Arguments>),
    Nightly(Box<nightly::Arguments>),
    Incident(incident::Arguments),
    Plan(Box<plan::Arguments>),
    Work(work::Arguments),
    Collect(Box<collect::Arguments>),
    Calibrate(calibrate::Arguments),
    Data(data::Arguments),
    Inspect(inspect::Arguments),
    Push(push::Arguments),
    Prune(prune::Arguments),
    Diff(diff::Arguments),
    Export(export::Arguments),
    Keygen(keygen::Arguments),
    Ledger(ledger::Arguments),
    Doctor(doctor::Arguments),
    Explain(explain::Arguments),
    Completions(completions::Arguments),
    Man(man::Arguments),
    #[command(hide = true)]
    Worker(worker::Arguments),
}

impl Command {
    /// Runs it and returns the exit code.
    pub(crate) fn run(self, app: &App) -> Result<u8, Failure> {
        match self {
            Self::Demo(arguments) => demo::run(app, &arguments),
            Self::Record(arguments) => record::run(app, &arguments),
            Self::Audit(arguments) => audit::run(app, &arguments),
            Self::Drill(arguments) => drill::run(app, &arguments),
            Self::Gate(arguments) => gate::run(app, &arguments),
            Self::Nightly(arguments) => nightly::run(app, &arguments),
            Self::Incident(arguments) => incident::run(&arguments),
            Self::Plan(arguments) => plan::run(app, &arguments),
            Self::Work(arguments) => work::run(app, &arguments),
            Self::Collect(arguments) => collect::run(app, &arguments),
            Self::Calibrate(arguments) => calibrate::run(app, &arguments),
            Self::Data(arguments) => data::run(app, &arguments),
            Self::Inspect(arguments) => inspect::run(&arguments),
            Self::Push(arguments) => push::run(&arguments),
            Self::Prune(arguments) => prune::run(&arguments),
            Self::Export(arguments) => export::run(&arguments),
            Self::Diff(arguments) => diff::run(&arguments),
            Self::Keygen(arguments) => keygen::run(&arguments),
            Self::Ledger(arguments) => ledger::run(&arguments),
            Self::Doctor(arguments) => doctor::run(app, &arguments),
            Self::Explain(arguments) => explain::run(&arguments),
            Self::Completions(arguments) => completions::run(&arguments),
            Self::Man(arguments) => man::run(&arguments),
            Self::Worker(_) => worker::run(app),
        }
    }
}
