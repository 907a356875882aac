//! The subcommands, one file each: its arguments, then what it does.

mod audit;
mod calibrate;
mod calibration_file;
mod controls;
mod demo;
mod diff;
mod doctor;
mod drill;
mod evidence;
mod inspect;
mod keygen;
mod ledger;
mod ledger_file;
mod load;
mod memory;
mod past;
mod place;
mod probe;
mod record;
mod recorded;
mod rehearsal;
mod replay;
mod report;
mod requirement;
mod segment_list;
mod segments;
mod space;
mod tolerance;
mod training;
mod trust;
mod within;

use clap::Subcommand;

pub(crate) use load::Device;

use crate::app::App;
use crate::failure::Failure;

/// Names a subcommand with its arguments.
#[derive(Subcommand)]
pub(crate) enum Command {
    Demo(demo::Arguments),
    Record(record::Arguments),
    Audit(audit::Arguments),
    Drill(drill::Arguments),
    Calibrate(calibrate::Arguments),
    Inspect(inspect::Arguments),
    Diff(diff::Arguments),
    Keygen(keygen::Arguments),
    Ledger(ledger::Arguments),
    Doctor(doctor::Arguments),
    #[command(hide = true)]
    Replay(replay::Arguments),
    #[command(hide = true)]
    Probe(probe::Arguments),
}

impl Command {
    /// Runs it and returns the exit code.
    pub(crate) fn run(self, app: &App) -> Result<u8, Failure> {
        match self {
            Self::Demo(arguments) => demo::run(app, &arguments),
            Self::Record(arguments) => record::run(app, &arguments),
            Self::Audit(arguments) => audit::run(app, &arguments),
            Self::Drill(arguments) => drill::run(app, &arguments),
            Self::Calibrate(arguments) => calibrate::run(app, &arguments),
            Self::Inspect(arguments) => inspect::run(&arguments),
            Self::Diff(arguments) => diff::run(&arguments),
            Self::Keygen(arguments) => keygen::run(&arguments),
            Self::Ledger(arguments) => ledger::run(&arguments),
            Self::Doctor(arguments) => doctor::run(app, &arguments),
            Self::Replay(arguments) => replay::run(app, &arguments),
            Self::Probe(arguments) => probe::run(app, &arguments),
        }
    }
}
