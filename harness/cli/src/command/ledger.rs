//! `reenact ledger`: what audits left behind.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use comfy_table::{Table, presets};
use reenact_core::verify::date;
use reenact_store::{Entry, Ledger};
use serde::Serialize;

use super::ledger_file::{self, LedgerFile};
use crate::exit;
use crate::failure::Failure;
use crate::output::{self, BOLD, DIM, line, styled};

const EXAMPLES: &str = "\
Examples:
  reenact ledger list                             which runs were audited, and when
  reenact ledger show runs/cnn                    every audit of one
  reenact ledger forget runs/cnn                  the folder now holds another run
  reenact ledger list --ledger nightly.sqlite --json";

/// Show or forget what audits left behind, so that history cannot be rewritten
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand)]
enum Action {
    List(ListArguments),
    /// Show every audit of a run
    Show(RunArguments),
    /// Delete the audits of a place, after showing them: what lies there next
    /// is a new run
    Forget(RunArguments),
}

/// List the runs that were audited
#[derive(Args)]
#[command(after_help = "Examples:\n  reenact ledger list\n  reenact ledger list --json")]
struct ListArguments {
    #[command(flatten)]
    file: LedgerFile,
    /// Print it as JSON
    #[arg(long)]
    json: bool,
}

// What is done with the run stands at the action.
#[derive(Args)]
#[command(
    after_help = "Examples:\n  reenact ledger show runs/cnn\n  reenact ledger forget runs/cnn --json"
)]
struct RunArguments {
    /// Folder of the recording; it may be gone
    run: PathBuf,
    #[command(flatten)]
    file: LedgerFile,
    /// Print it as JSON
    #[arg(long)]
    json: bool,
}

/// Says which audits were deleted.
#[derive(Serialize)]
struct Forgotten {
    place: String,
    forgotten: Vec<Entry>,
}

pub(crate) fn run(arguments: &Arguments) -> Result<u8, Failure> {
    match &arguments.action {
        Action::List(arguments) => list(arguments),
        Action::Show(arguments) => show(arguments),
        Action::Forget(arguments) => forget(arguments),
    }
}

fn list(arguments: &ListArguments) -> Result<u8, Failure> {
    let ledger = existing(&arguments.file)?;
    let summaries = ledger.map_or(Ok(Vec::new()), |ledger| ledger.summaries())?;
    if arguments.json {
        output::json(&summaries);
        return Ok(exit::MATCH);
    }
    if summaries.is_empty() {
        line("No audit is remembered.");
        return Ok(exit::MATCH);
    }
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table.set_header(["run", "audits", "last audited", "last verdict", "head", "place"]);
    for summary in summaries {
        let last = &summary.last;
        let audits = summary.audits.to_string();
        table.add_row([
            name(last),
            audits,
            date(last.audited_at_seconds),
            last.verdict.clone(),
            head(last),
            last.place.clone(),
        ]);
    }
    output::table(table);
    Ok(exit::MATCH)
}

fn show(arguments: &RunArguments) -> Result<u8, Failure> {
    let (_, entries) = known(arguments)?;
    if arguments.json {
        output::json(&entries);
    } else {
        describe(&entries);
    }
    Ok(exit::MATCH)
}

fn forget(arguments: &RunArguments) -> Result<u8, Failure> {
    let (mut ledger, entries) = known(arguments)?;
    let place = ledger_file::place(&arguments.run);
    if !arguments.json {
        describe(&entries);
        if output::is_lost() {
            return Err(Failure::inconclusive(
                "nothing is deleted: the audits are shown before, and nobody took them",
            ));
        }
    }
    let count = ledger.forget(&place)?;
    if arguments.json {
        output::json(&Forgotten { place, forgotten: entries });
    } else {
        let plural = if count == 1 { "" } else { "s" };
        line(format_args!("Deleted {count} audit{plural}: what lies there next is a new run."));
    }
    Ok(exit::MATCH)
}

fn existing(file: &LedgerFile) -> Result<Option<Ledger>, Failure> {
    let path = file.path()?.ok_or_else(|| {
        Failure::usage("REENACT_LEDGER is empty, so there is no ledger")
            .hint("name a file with --ledger")
    })?;
    let ledger = Ledger::open_existing(&path)?;
    if ledger.is_none() && file.is_named() {
        let message = format!("there is no ledger {}", path.display());
        return Err(Failure::usage(message).hint("`reenact audit --ledger FILE` begins one"));
    }
    Ok(ledger)
}

/// Opens the ledger and returns the audits of a run that it knows.
fn known(arguments: &RunArguments) -> Result<(Ledger, Vec<Entry>), Failure> {
    let unknown = |run: &Path| {
        Failure::usage(format!("the ledger remembers no audit of {}", run.display()))
            .hint("`reenact ledger list` shows what it knows")
    };
    let ledger = existing(&arguments.file)?.ok_or_else(|| unknown(&arguments.run))?;
    let entries = ledger.of_place(&ledger_file::place(&arguments.run))?;
    if entries.is_empty() {
        return Err(unknown(&arguments.run));
    }
    Ok((ledger, entries))
}

fn describe(entries: &[Entry]) {
    if let Some(last) = entries.last() {
        line(format_args!("{}  {}", styled(BOLD, name(last)), last.place));
    }
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table.set_header(["  audited", "verdict", "replayed", "sample", "frames", "head"]);
    for entry in entries {
        let sample = match (&entry.nonce, entry.drawn) {
            (Some(_), _) if entry.agreed => "drawn, agreed",
            (Some(_), _) => "drawn",
            (None, 0) => "none",
            (None, _) => "chosen by hand",
        };
        let frames = entry.seen.map_or_else(|| "?".into(), |seen| seen.frames.to_string());
        let replayed = format!("{} of {}", entry.drawn, entry.total);
        let when = format!("  {}", date(entry.audited_at_seconds));
        table.add_row([when, verdict(entry), replayed, sample.into(), frames, head(entry)]);
    }
    output::table(table);
    if entries.iter().any(|entry| entry.contradicted) {
        line(styled(DIM, "  * it was no continuation of what was audited before"));
    }
}

fn verdict(entry: &Entry) -> String {
    let mark = if entry.contradicted { " *" } else { "" };
    format!("{}{mark}", entry.verdict)
}

fn name(entry: &Entry) -> String {
    entry.name.clone().unwrap_or_else(|| "(unreadable)".into())
}

fn head(entry: &Entry) -> String {
    entry.seen.map_or_else(|| "?".into(), |seen| seen.head.short())
}
