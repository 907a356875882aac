//! `reenact nightly units`: what starts a night each day.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use reenact_audit::Failure;
use reenact_night::{Scheduler, units};

use crate::exit;
use crate::terminal::output;

/// Write the units that start a night each day, and look from outside whether it happens
#[derive(Args)]
#[command(
    before_help = "Examples:\n  reenact nightly units night.toml --for systemd --out /etc/systemd/system\n  reenact nightly units night.toml --for cron | crontab"
)]
pub(super) struct Arguments {
    /// The config of the night
    config: PathBuf,
    /// The scheduler that the machine has
    #[arg(long = "for", value_name = "SCHEDULER")]
    scheduler: For,
    /// Folder to write them into, where nothing of these names may be [default: standard output]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

#[derive(Clone, Copy, ValueEnum)]
enum For {
    Systemd,
    Cron,
    Kubernetes,
    Slurm,
}

pub(super) fn run(arguments: &Arguments) -> Result<u8, Failure> {
    let (config, _) = super::read(&arguments.config)?;
    let scheduler = match arguments.scheduler {
        For::Systemd => Scheduler::Systemd,
        For::Cron => Scheduler::Cron,
        For::Kubernetes => Scheduler::Kubernetes,
        For::Slurm => Scheduler::Slurm,
    };
    let refuse = |error: std::io::Error| Failure::inconclusive(error);
    let binary = std::env::current_exe().map_err(refuse)?;
    let path = std::path::absolute(&arguments.config).map_err(refuse)?;
    let files = units(scheduler, &config, &binary, &path);
    let Some(folder) = &arguments.out else {
        for file in &files {
            match files.len() {
                1 => output::lines(file.text.trim_end()),
                _ => output::lines(format_args!("{file}")),
            }
        }
        return Ok(exit::MATCH);
    };
    for file in &files {
        let place = folder.join(&file.name);
        let mut created = std::fs::File::create_new(&place)
            .map_err(|error| Failure::usage(format!("{}: {error}", place.display())))?;
        std::io::Write::write_all(&mut created, file.text.as_bytes()).map_err(refuse)?;
        output::line(place.display());
    }
    Ok(exit::MATCH)
}
