//! What a report says of the audits before, for people.

use reenact_core::sanitize::count;
use reenact_core::verify::{NonceSource, Past, Report};

use super::fact;
use crate::terminal::local;

/// Segments that are named; more are counted.
const NAMED_MAX: usize = 12;

/// Says what the ledger knew.
pub(crate) fn show(report: &Report) {
    let Some(past) = &report.past else { return };
    let covered = covered(report);
    match (&past.problem, past.first_at_seconds) {
        (Some(problem), _) => fact("earlier audit", format_args!("unknown: {problem}")),
        (None, Some(first)) => {
            fact("earlier audit", format_args!("{}, the first on {}", past.audits, local(first)));
        }
        (None, None) => {
            let now = covered.as_ref().map(|covered| format!("; covered now: {covered}"));
            let now = now.unwrap_or_default();
            fact("earlier audit", format_args!("none in the ledger{now}"));
        }
    }
    if let known @ 1.. = past.unended {
        let plural = if known == 1 { "" } else { "s" };
        fact("", format_args!("{known} audit{plural} of this run began and never ended"));
    }
    let before = past.problem.is_some() || past.first_at_seconds.is_some();
    if let Some(covered) = covered.filter(|_| before) {
        fact("covered", format_args!("{covered}, now or before"));
    }
    show_due(report, past);
}

/// Says how many segments are covered, now or before.
fn covered(report: &Report) -> Option<String> {
    let (covered, claim) = (report.covered()?, report.claim.as_ref()?);
    let known = covered.count_below(claim.segments);
    Some(format!("{known} of {}", count(claim.segments, "segment")))
}

/// Says which segments were replayed for an earlier audit.
fn show_due(report: &Report, past: &Past) {
    let replayed = |index: &&u64| report.segments.iter().any(|s| s.segment.index == **index);
    let names: Vec<String> = past.due.iter().filter(replayed).map(u64::to_string).collect();
    let more = match names.len().checked_sub(NAMED_MAX) {
        Some(more @ 1..) => format!(" and {more} more"),
        _ => String::new(),
    };
    if !names.is_empty() {
        let named = names[..names.len().min(NAMED_MAX)].join(", ");
        fact("due", format_args!("{named}{more}: drawn before and not judged; replayed now"));
    }
}

/// Says what a nonce that was given is worth.
pub(crate) fn show_foreseen(report: &Report) {
    if report.nonce_source == Some(NonceSource::Given) {
        fact(
            "",
            "only if the trainer could not know the nonce. It was given, so it lowers no chance of \
             later audits: it is for repeating the draw of a report",
        );
    }
}
