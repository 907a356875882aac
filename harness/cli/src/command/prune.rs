//! `reenact prune`: remove states that audits have covered.

use std::path::PathBuf;

use clap::Args;
use reenact_audit::{Failure, Keep, PruneRequest, Pruning, prune};
use reenact_core::sanitize::count;
use reenact_night::Period;

use crate::exit;
use crate::key_file;
use crate::options::LedgerFile;
use crate::terminal::local;
use crate::terminal::output::{self, line, note};

const EXAMPLES: &str = "\
Examples:
  reenact prune runs/cnn --keep last:10 --key auditor.key --dry-run
  reenact prune runs/cnn --keep last:10 --key auditor.key     mark what could go
  reenact prune runs/cnn --keep last:10 --key auditor.key     a day later: remove it
  reenact prune runs/cnn --keep every:100 --keep last:10 --key auditor.key

A checkpoint goes when the segments on both sides are covered and no incident is open. A signed
tombstone stays in its place, so that an audit tells pruned from withheld. What is pruned cannot
be replayed again. The first and the last checkpoint stay.";

/// Remove checkpoints of segments that audits have covered, in two phases
#[derive(Args)]
#[command(before_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// Folder of a finished recording
    run: PathBuf,
    /// What stays whatever is covered: `last:N`, `every:N` or `all`; may be repeated
    #[arg(long, required = true, value_name = "POLICY", value_parser = keep)]
    keep: Vec<Keep>,
    /// The auditor's key, which signs tombstones; never the one that signed the recording
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
    /// How long what was marked stays before a later call removes it
    #[arg(long, value_name = "TIME", default_value = "23h")]
    delay: Period,
    #[command(flatten)]
    file: LedgerFile,
    /// Only say what would be done
    #[arg(long)]
    dry_run: bool,
    /// Print it as JSON
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(arguments: &Arguments) -> Result<u8, Failure> {
    let key = key_file::read(&arguments.key)?;
    let ledger = arguments.file.path()?.ok_or_else(|| {
        Failure::usage("without a ledger nobody knows what is covered")
            .hint("name it with --ledger")
    })?;
    let pruning = prune(&PruneRequest {
        run: &arguments.run,
        keep: &arguments.keep,
        key: &key,
        ledger: &ledger,
        delay_seconds: arguments.delay.seconds,
        dry_run: arguments.dry_run,
    })?;
    match arguments.json {
        true => output::json(&pruning),
        false => show(&pruning, arguments.dry_run),
    }
    Ok(exit::MATCH)
}

fn show(pruning: &Pruning, dry_run: bool) {
    let checkpoints = |steps: &Vec<u64>| count(steps.len() as u64, "checkpoint");
    let would = if dry_run { "would be " } else { "" };
    if !pruning.removed.is_empty() {
        let bytes = if dry_run { String::new() } else { format!(", {} bytes", pruning.bytes) };
        line(format_args!("{would}removed: {}{bytes}", checkpoints(&pruning.removed)));
    }
    if let Some(not_before) = pruning.not_before_seconds {
        let marked = checkpoints(&pruning.marked);
        line(format_args!("{would}marked: {marked}, to go from {} on", local(not_before)));
        note("next: the same command then");
    }
    if !pruning.needed.is_empty() {
        let needed = checkpoints(&pruning.needed);
        line(format_args!("needed yet: {needed}, as a segment beside them is not covered"));
    }
    if pruning.removed.is_empty() && pruning.marked.is_empty() && pruning.needed.is_empty() {
        line("nothing to prune: all that could go is kept by the policy or gone");
    }
}

fn keep(text: &str) -> Result<Keep, String> {
    let number = |text: &str| text.parse().ok().filter(|number| *number > 0);
    let read = || match text.split_once(':') {
        None if text == "all" => Some(Keep::Every(1)),
        Some(("last", count)) => Some(Keep::Last(number(count)?)),
        Some(("every", count)) => Some(Keep::Every(number(count)?)),
        _ => None,
    };
    read().ok_or_else(|| "write it as `last:10`, `every:100` or `all`".into())
}
