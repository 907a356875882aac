//! `reenact ledger`: what audits left behind.

mod disown;

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use comfy_table::{Table, presets};
use reenact_audit::{Failure, names, now_seconds};
use reenact_core::sanitize::plain;
use reenact_store::{BEGUN, Closing, Divergent, Entry, Ledger, Summary};
use serde::Serialize;

use crate::exit;
use crate::options::LedgerFile;
use crate::terminal::local;
use crate::terminal::output::{self, BAD, BOLD, DIM, UNSURE, line, styled};

/// Limits a reason; it is read in a table of a terminal.
const REASON_CHARS_MAX: usize = 1000;
/// Segments shown that an audit left due.
const DUE_MAX: usize = 8;

const EXAMPLES: &str = "\
Examples:
  reenact ledger list                             which runs were audited, and when
  reenact ledger show runs/cnn                    every audit of one
  reenact ledger forget runs/cnn                  the folder now holds another run
  reenact ledger close 3f81c09ab2d4 --reason \"card 5 was faulty, replaced\"
                                                  a proven divergence is explained
  reenact ledger disown --device node7:cuda:0 --since 2026-11-02 --reason \"DCGM: ECC\"
                                                  what a bad card covered is drawn again
  reenact ledger list --ledger nightly.sqlite --json";

/// Show, forget, close or take back what audits left behind, so that history cannot be rewritten
#[derive(Args)]
#[command(before_help = EXAMPLES)]
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
    Close(CloseArguments),
    Disown(disown::Arguments),
}

/// Close a divergence that was proven: until then it counts in every audit of that
/// recording, wherever it lies. A new proof opens it again
#[derive(Args)]
#[command(
    before_help = "Example:\n  reenact ledger close 3f81c09ab2d4 --reason \"card 5 was faulty, replaced\""
)]
struct CloseArguments {
    /// Id of the divergence, as the audit and `reenact ledger show` name it; or the folder of
    /// a recording, for all that was proven there
    #[arg(value_name = "RUN|ID")]
    which: PathBuf,
    /// Why it does not count any more; it is kept
    #[arg(long, value_name = "TEXT", value_parser = reason)]
    reason: String,
    #[command(flatten)]
    file: LedgerFile,
    /// Print it as JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn reason(text: &str) -> Result<String, String> {
    let said = !text.trim().is_empty() && text.chars().count() <= REASON_CHARS_MAX;
    said.then(|| plain(text)).ok_or_else(|| format!("say why, in 1 to {REASON_CHARS_MAX} letters"))
}

/// List the runs that were audited
#[derive(Args)]
#[command(before_help = "Examples:\n  reenact ledger list\n  reenact ledger list --json")]
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
    before_help = "Examples:\n  reenact ledger show runs/cnn\n  reenact ledger forget runs/cnn --json"
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
        Action::Close(arguments) => close(arguments),
        Action::Disown(arguments) => disown::run(arguments),
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
    table.set_header(["run", "audits", "last audited", "last verdict", "open", "head", "place"]);
    for summary in summaries {
        let last = &summary.last;
        let audits = summary.audits.to_string();
        table.add_row([
            name(last),
            audits,
            local(last.audited_at_seconds),
            last.verdict.clone(),
            open(&summary),
            head(last),
            place(last).to_owned(),
        ]);
    }
    output::table(table, &[1, 5, 4]);
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
    let names = names(&arguments.run);
    if !arguments.json {
        describe(&entries);
        if output::is_lost() {
            return Err(Failure::inconclusive(
                "nothing is deleted: the audits are shown before, and nobody took them",
            ));
        }
    }
    let count = ledger.forget(&names)?;
    if arguments.json {
        let place = names.last().cloned().unwrap_or_default();
        output::json(&Forgotten { place, forgotten: entries });
    } else {
        let plural = if count == 1 { "" } else { "s" };
        line(format_args!("Deleted {count} audit{plural}: what lies there next is a new run."));
        if entries.iter().any(|entry| entry.open().next().is_some()) {
            line("What was proven there and is open stays with that recording, wherever it lies.");
        }
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
    let entries = ledger.of_place(&names(&arguments.run))?;
    if entries.is_empty() {
        return Err(unknown(&arguments.run));
    }
    Ok((ledger, entries))
}

fn describe(entries: &[Entry]) {
    if let Some(last) = entries.last() {
        line(format_args!("{}  {}", styled(BOLD, name(last)), place(last)));
    }
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table.set_header(["  audited", "verdict", "replayed", "sample", "frames", "head"]);
    for entry in entries {
        let sample = match (&entry.nonce, entry.drawn) {
            (Some(_), _) if entry.agreed && is_foreseen(entry) => "nonce given, agreed",
            (Some(_), _) if entry.agreed => "drawn, agreed",
            (Some(_), _) => "drawn",
            (None, 0) => "none",
            (None, _) => "chosen by hand",
        };
        let frames = entry.seen.map_or_else(|| "?".into(), |seen| seen.frames.to_string());
        let replayed = format!("{} of {}", entry.drawn, entry.total);
        let when = format!("  {}", local(entry.audited_at_seconds));
        table.add_row([when, verdict(entry), replayed, sample.into(), frames, head(entry)]);
    }
    output::table(table, &[5, 4, 3]);
    if entries.iter().any(|entry| entry.contradicted) {
        line(styled(DIM, "  * it was no continuation of what was audited before"));
    }
    disown::describe_devices(entries);
    for entry in entries {
        entry.divergences.iter().for_each(describe_divergence);
        describe_due(entry);
    }
}

fn describe_divergence(found: &Divergent) {
    match &found.closing {
        None => {
            line(format_args!("  {} {}  {}", styled(BAD, "open"), found.id, found.proven.words))
        }
        Some(Closing { at_seconds, by, reason }) => {
            line(format_args!("  closed {}  {}", found.id, found.proven.words));
            line(format_args!("         by {by} on {}: {reason}", local(*at_seconds)));
        }
    }
}

fn describe_due(entry: &Entry) {
    let when = local(entry.audited_at_seconds);
    for owed in entry.due().take(DUE_MAX) {
        let (label, why) = (styled(UNSURE, "due"), &owed.why);
        line(format_args!("  {label}  segment {}, drawn {when}: {why}", owed.segment));
    }
    if let Some(more @ 1..) = entry.due().count().checked_sub(DUE_MAX) {
        line(format_args!("  and {more} more segments of that audit; --json lists all"));
    }
}

fn close(arguments: &CloseArguments) -> Result<u8, Failure> {
    let unknown = || {
        let which = arguments.which.display();
        Failure::usage(format!("the ledger holds no open divergence `{which}`"))
            .hint("`reenact ledger show RUN` lists them")
    };
    let mut ledger = existing(&arguments.file)?.ok_or_else(unknown)?;
    let id = arguments.which.to_str().unwrap_or_default();
    let mut entries = ledger.of_divergence(id)?;
    let by_id = !entries.is_empty();
    if !by_id {
        entries = ledger.of_place(&names(&arguments.which))?;
    }
    let open = entries.iter().flat_map(Entry::open).filter(|found| !by_id || found.id == id);
    let mut closed: Vec<Divergent> = open.cloned().collect();
    closed.sort_by(|one, other| one.id.cmp(&other.id));
    closed.dedup_by(|one, other| one.id == other.id);
    if closed.is_empty() {
        return Err(unknown());
    }
    let (at_seconds, by, reason) = (now_seconds(), user(), arguments.reason.clone());
    let closing = Closing { at_seconds, by, reason };
    for found in &mut closed {
        ledger.close(&found.id, &closing)?;
        found.closing = Some(closing.clone());
    }
    if arguments.json {
        output::json(&closed);
    } else {
        closed.iter().for_each(describe_divergence);
        line("It counts no more, unless an audit proves it again.");
    }
    Ok(exit::MATCH)
}

/// Says who closes a divergence, as far as the environment says it.
pub(super) fn user() -> String {
    let named =
        ["USER", "LOGNAME", "USERNAME"].into_iter().find_map(|name| std::env::var(name).ok());
    named.map_or_else(|| "somebody".into(), |name| plain(&name))
}

fn verdict(entry: &Entry) -> String {
    let mark = if entry.contradicted { " *" } else { "" };
    let verdict = if entry.verdict == BEGUN { "never ended" } else { &entry.verdict };
    format!("{verdict}{mark}")
}

fn name(entry: &Entry) -> String {
    entry.name.clone().unwrap_or_else(|| "(unreadable)".into())
}

fn place(entry: &Entry) -> &str {
    if entry.place.is_empty() { "(forgotten)" } else { &entry.place }
}

/// Says whether the trainer may have known the nonce. What an older version has drawn is
/// taken for that, as it has not kept where its nonces came from.
fn is_foreseen(entry: &Entry) -> bool {
    !matches!(entry.nonce_source.as_deref(), Some("fresh" | "beacon"))
}

/// Says what is open.
fn open(summary: &Summary) -> String {
    let count = |count: u64, what: &str| (count > 0).then(|| format!("{count} {what}"));
    let parts = [count(summary.open, "proven"), count(summary.due, "due")];
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    if parts.is_empty() { "-".into() } else { parts.join(", ") }
}

fn head(entry: &Entry) -> String {
    entry.seen.map_or_else(|| "?".into(), |seen| seen.head.short())
}
