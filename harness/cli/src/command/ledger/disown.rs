//! `reenact ledger disown`: take back what a device vouched for.

use clap::Args;
use comfy_table::{Table, presets};
use reenact_audit::{Failure, now_seconds, pruned_count};
use reenact_core::sanitize::{count, plain};
use reenact_store::{DeviceSummary, Disowned, Disowning, Entry, Ledger};
use serde::Serialize;

use crate::exit;
use crate::options::{LedgerFile, Moment};
use crate::terminal::local;
use crate::terminal::output::{self, line};

/// Devices that are named where one is not known.
const NAMED_MAX: usize = 20;

/// Take back what a device vouched for: segments that it replayed and that agreed count
/// as not covered again, and later audits draw them
#[derive(Args)]
#[command(
    before_help = "Example:\n  reenact ledger disown --device node7:cuda:0 --since 2026-11-02 --reason \"DCGM: ECC\""
)]
pub(super) struct Arguments {
    /// Serial number of the device, else HOST:DEVICE, as `reenact ledger show` names it
    #[arg(long, value_name = "ID")]
    device: String,
    /// From when on: 2026-11-02, which begins in UTC, or 2026-11-02T13:30:00Z
    #[arg(long, value_name = "DATE")]
    since: Moment,
    /// Until when, itself left out [default: all since]
    #[arg(long, value_name = "DATE")]
    until: Option<Moment>,
    /// Why; it is kept
    #[arg(long, value_name = "TEXT", value_parser = super::reason)]
    reason: String,
    #[command(flatten)]
    pub(super) file: LedgerFile,
    /// Print it as JSON
    #[arg(long)]
    json: bool,
}

/// Says what was taken back.
#[derive(Serialize)]
struct Answer<'a> {
    device: &'a str,
    since_seconds: u64,
    until_seconds: Option<u64>,
    segments: u64,
    runs: Vec<Disowned>,
    /// Checkpoints of each run that were pruned.
    pruned: Vec<usize>,
}

pub(super) fn run(arguments: &Arguments) -> Result<u8, Failure> {
    let Arguments { device, since, until, reason, file, json } = arguments;
    let mut ledger = super::existing(file)?.ok_or_else(|| unknown(device, &[]))?;
    check(&ledger, device)?;
    if until.is_some_and(|until| until.0 <= since.0) {
        return Err(Failure::usage("--until is not after --since"));
    }
    let (since_seconds, until_seconds) = (since.0, until.map(|until| until.0));
    let at_seconds = now_seconds();
    let runs = ledger.disown(&Disowning {
        id: device,
        since_seconds,
        until_seconds,
        reason,
        at_seconds,
    })?;
    let segments = runs.iter().map(|run| run.segments).sum();
    let pruned = runs.iter().map(|run| pruned_count(&ledger, &run.place)).collect();
    let answer = Answer { device, since_seconds, until_seconds, segments, runs, pruned };
    if *json {
        output::json(&answer);
    } else {
        describe(&answer);
    }
    Ok(exit::MATCH)
}

/// A slip of the pen must not look like a device that never vouched for anything.
fn check(ledger: &Ledger, device: &str) -> Result<(), Failure> {
    let known = ledger.devices()?;
    match known.iter().any(|found| found.id == device) {
        true => Ok(()),
        false => Err(unknown(device, &known)),
    }
}

fn unknown(device: &str, known: &[DeviceSummary]) -> Failure {
    let mut names: Vec<String> =
        known.iter().take(NAMED_MAX).map(|found| plain(&found.id)).collect();
    if let Some(more @ 1..) = known.len().checked_sub(NAMED_MAX) {
        names.push(format!("and {more} more"));
    }
    let there = match names.is_empty() {
        true => "none has covered anything".to_owned(),
        false => format!("there are: {}", names.join(", ")),
    };
    Failure::usage(format!("the ledger knows no device {}", plain(device))).hint(there)
}

fn describe(answer: &Answer<'_>) {
    let Answer { device, since_seconds, segments, runs, .. } = answer;
    let device = plain(device);
    if runs.is_empty() {
        let since = local(*since_seconds);
        line(format_args!("Nothing was taken back: {device} has covered nothing since {since}."));
        return;
    }
    line(format_args!(
        "Took back {} of {} from {device}: later audits draw from them again.",
        count(*segments, "covered segment"),
        count(runs.len() as u64, "run"),
    ));
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table.set_header(["  run", "segments", "place"]);
    for run in runs {
        let name = format!("  {}", run.name.as_deref().map_or("(unreadable)".into(), plain));
        let place = if run.place.is_empty() { "(forgotten)".into() } else { plain(&run.place) };
        table.add_row([name, run.segments.to_string(), place]);
    }
    output::table(table, &[]);
    for (run, pruned) in runs.iter().zip(&answer.pruned).filter(|(_, pruned)| **pruned > 0) {
        line(format_args!(
            "{} of {}: pruned, so what was taken back beside them cannot be replayed again",
            count(*pruned as u64, "checkpoint"),
            plain(&run.place)
        ));
    }
}

/// Says which devices vouch for the segments of these audits, and what was taken back.
pub(super) fn describe_devices(entries: &[Entry]) {
    let mut devices: std::collections::BTreeMap<String, (u64, u64)> = Default::default();
    for covered in entries.iter().flat_map(|entry| &entry.covered) {
        let (standing, disowned) = devices.entry(covered.by.id()).or_default();
        *(if covered.stands() { standing } else { disowned }) += 1;
    }
    for (id, (standing, disowned)) in devices {
        let taken = if disowned > 0 { format!(", {disowned} taken back") } else { String::new() };
        line(format_args!("  {} covered by {}{taken}", count(standing, "segment"), plain(&id)));
    }
}
