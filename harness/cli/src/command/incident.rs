//! `reenact incident`: what is open, and who knows of it.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use reenact_audit::{Failure, now_seconds};
use reenact_core::sanitize::{count, plain};
use reenact_night::{Acknowledged, Incident, incidents};
use reenact_store::{Closing, Ledger};

use super::ledger::{reason, user};
use super::nightly;
use crate::exit;
use crate::options::{LedgerFile, Moment};
use crate::terminal::local;
use crate::terminal::output::{self, line};

const EXAMPLES: &str = "\
Examples:
  reenact incident list --config night.toml
  reenact incident show 3f81c09ab2d4 --config night.toml
  reenact incident ack 3f81 --until 2026-12-15 --reason \"card 5 is being replaced\"
  reenact incident close 3f81 --reason \"card 5 was faulty, replaced\"";

/// Show what is open, take note of it, or close it with a reason
#[derive(Args)]
#[command(before_help = EXAMPLES)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand)]
enum Action {
    /// Show what is open, divergences first, the oldest first
    List(Common),
    /// Show everything that is known of one
    Show(Which),
    Ack(AckArguments),
    Close(CloseArguments),
}

#[derive(Args)]
struct Common {
    #[command(flatten)]
    file: LedgerFile,
    /// The night's config, whose ledger is meant
    #[arg(long, value_name = "FILE", conflicts_with = "ledger")]
    config: Option<PathBuf>,
    /// Print it as JSON
    #[arg(long)]
    json: bool,
}

#[derive(Args)]
struct Which {
    /// Its id, or as much of it as tells it from the others
    id: String,
    #[command(flatten)]
    common: Common,
}

/// Say that somebody knows of it: until the date it does not fail a night, though it stays on
/// its page. No verdict changes by that
#[derive(Args)]
struct AckArguments {
    #[command(flatten)]
    which: Which,
    /// Until when, as in 2026-12-15
    #[arg(long, value_name = "DATE")]
    until: Moment,
    /// Why that is enough; it is kept
    #[arg(long, value_name = "TEXT", value_parser = reason)]
    reason: String,
}

/// Close a divergence that was proven: until then it counts in every audit of that recording,
/// wherever it lies. A new proof opens it again
#[derive(Args)]
struct CloseArguments {
    #[command(flatten)]
    which: Which,
    /// Why it does not count any more; it is kept
    #[arg(long, value_name = "TEXT", value_parser = reason)]
    reason: String,
}

pub(crate) fn run(arguments: &Arguments) -> Result<u8, Failure> {
    match &arguments.action {
        Action::List(common) => list(common),
        Action::Show(which) => show(which),
        Action::Ack(arguments) => acknowledge(arguments),
        Action::Close(arguments) => close(arguments),
    }
}

impl Common {
    fn open(&self) -> Result<Ledger, Failure> {
        let path = match &self.config {
            Some(config) => Some(nightly::read(config)?.0.ledger),
            None => self.file.path()?,
        };
        let path =
            path.ok_or_else(|| Failure::usage("no ledger is named, and none is usual here"))?;
        let found = Ledger::open_existing(&path)?;
        found.ok_or_else(|| Failure::usage(format!("there is no ledger at {}", path.display())))
    }
}

impl Which {
    fn find(&self, ledger: &Ledger) -> Result<Incident, Failure> {
        let all = incidents(ledger)?;
        let found: Vec<&Incident> = all.iter().filter(|of| of.id.starts_with(&self.id)).collect();
        let names = |of: &[&Incident]| {
            let names: Vec<&str> = of.iter().map(|found| found.id.as_str()).collect();
            if names.is_empty() {
                "nothing is open in this ledger; a night's own is named by --config".to_owned()
            } else {
                format!("there are {}", names.join(", "))
            }
        };
        match found.as_slice() {
            [one] => Ok((*one).clone()),
            [] => Err(Failure::usage(format!("no incident `{}` is open", plain(&self.id)))
                .hint(names(&all.iter().collect::<Vec<_>>()))),
            many => {
                Err(Failure::usage(format!("`{}` may be several", plain(&self.id)))
                    .hint(names(many)))
            }
        }
    }
}

fn list(common: &Common) -> Result<u8, Failure> {
    let all = incidents(&common.open()?)?;
    if common.json {
        output::json(&all);
    } else if all.is_empty() {
        line("nothing is open");
    } else {
        let now = now_seconds();
        all.iter().for_each(|incident| nightly::show_incident(incident, now));
    }
    Ok(exit::MATCH)
}

fn show(which: &Which) -> Result<u8, Failure> {
    let incident = which.find(&which.common.open()?)?;
    if which.common.json {
        output::json(&incident);
        return Ok(exit::MATCH);
    }
    nightly::show_incident(&incident, now_seconds());
    let Incident { name, segment, step, part, times, last_at_seconds, .. } = &incident;
    let fact =
        |name: &str, value: &dyn std::fmt::Display| line(format_args!("    {name:<8} {value}"));
    fact("run", &plain(name));
    segment.iter().for_each(|segment| fact("segment", segment));
    step.iter().for_each(|step| fact("step", step));
    part.iter().for_each(|part| fact("part", &plain(part)));
    let seen = format!("{}, last on {}", count(*times, "time"), local(*last_at_seconds));
    fact("seen", &seen);
    if let Some(known) = &incident.acknowledged {
        fact("known", &format!("by {}: {}", plain(&known.by), plain(&known.reason)));
    }
    Ok(exit::MATCH)
}

fn acknowledge(arguments: &AckArguments) -> Result<u8, Failure> {
    let AckArguments { which, until, reason } = arguments;
    if until.0 <= now_seconds() {
        let message = format!("--until {} has passed", local(until.0));
        return Err(Failure::usage(message).hint("name a day to come"));
    }
    let mut ledger = which.common.open()?;
    let incident = which.find(&ledger)?;
    let known = Acknowledged {
        until_seconds: until.0,
        by: user(),
        reason: reason.clone(),
        at_seconds: now_seconds(),
    };
    known.keep(&mut ledger, &incident.id)?;
    if which.common.json {
        output::json(&Incident { acknowledged: Some(known), ..incident });
    } else {
        line(format_args!(
            "{}: acknowledged until {}; it stays on the page",
            incident.id,
            local(until.0)
        ));
    }
    Ok(exit::MATCH)
}

fn close(arguments: &CloseArguments) -> Result<u8, Failure> {
    let CloseArguments { which, reason } = arguments;
    let mut ledger = which.common.open()?;
    let incident = which.find(&ledger)?;
    let closing = Closing { at_seconds: now_seconds(), by: user(), reason: reason.clone() };
    let closed = ledger.close(&incident.id, &closing)?;
    if closed == 0 {
        let message =
            format!("{} was found without a replay, and is found again each time", incident.id);
        return Err(Failure::usage(message).hint(
            "mend the recording, or say that another run knowingly lies there: `reenact ledger forget`",
        ));
    }
    if which.common.json {
        output::json(&serde_json::json!({"id": incident.id, "closed": closed}));
    } else {
        line(format_args!("{}: closed ({})", incident.id, count(closed as u64, "proof")));
    }
    Ok(exit::MATCH)
}
