//! A night, for people.

use std::path::Path;

use reenact_core::sanitize::{count, plain};
use reenact_night::{Caught, Exit, Incident, Kind, Outcome, Plan};

use crate::terminal::local;
use crate::terminal::output::{BAD, BOLD, DIM, GOOD, UNSURE, line, lines, styled};

/// Runs and incidents that are shown on a terminal.
const SHOWN_MAX: usize = 12;

/// Names the folder of an audit's evidence inside of the night's.
pub(super) fn audit_folder(unit: usize) -> String {
    format!("audit-{unit:05}")
}

/// Shows what is planned.
pub(super) fn plan(plan: &Plan) {
    line(format_args!(
        "{}: {:.0} of {:.0} device seconds",
        styled(BOLD, count(plan.units.len() as u64, "audit")),
        plan.seconds,
        plan.budget_seconds
    ));
    for unit in &plan.units {
        let segments = if unit.listed.is_empty() { unit.count } else { unit.listed.len() as u64 };
        let (segments, run) = (count(segments, "segment"), plain(&unit.run));
        line(format_args!(
            "  {segments:>14}  {:>8.1} s  {run}: {}",
            unit.seconds,
            unit.why.words()
        ));
    }
    for reach in plan.short() {
        lines(format_args!(
            "  {} {} needs {} tonight to keep its date, which the budget does not allow",
            styled(UNSURE, "short:"),
            plain(&reach.run),
            count(reach.needed, "segment")
        ));
    }
}

/// Shows what came out: the answer first, the next command last.
pub(super) fn outcome(outcome: &Outcome, page: &Path) {
    let style = match outcome.exit {
        Exit::Good => GOOD,
        Exit::Divergent => BAD,
        Exit::Unclear => UNSURE,
    };
    line(styled(style, &outcome.sentence));
    for incident in outcome.incidents.iter().take(SHOWN_MAX) {
        show_incident(incident, outcome.ended_at_seconds);
    }
    rest(outcome.incidents.len(), "incident");
    for unjudged in outcome.unjudged.iter().take(SHOWN_MAX) {
        let (place, why) = (plain(&unjudged.place), plain(&unjudged.why));
        lines(format_args!("  {} {place}: {why}", styled(UNSURE, "not judged:")));
    }
    rest(outcome.unjudged.len(), "run that was not judged");
    let certain = outcome.runs.iter().filter(|run| run.is_certain).count();
    let (caught, planted) = outcome.canaries_so_far;
    line(format_args!(
        "  {} of {} as certain as promised; {:.0} of {:.0} device seconds; planted attacks caught \
         so far: {caught} of {planted}",
        certain,
        count(outcome.runs.len() as u64, "run"),
        outcome.spent.used_seconds,
        outcome.spent.budget_seconds
    ));
    for canary in outcome.canaries.iter().filter(|canary| canary.caught != Caught::Yes) {
        let what = if canary.caught == Caught::Missed { "missed" } else { "not planted" };
        let words = plain(&canary.words);
        lines(format_args!(
            "  {} {} {words}",
            styled(UNSURE, format_args!("canary {what}:")),
            canary.attack
        ));
    }
    for note in &outcome.notes {
        lines(format_args!("  {} {note}", styled(BOLD, "note:")));
    }
    line(format_args!("  {}", styled(DIM, page.display())));
    if outcome.incidents.iter().any(|incident| incident.kind == Kind::Divergence) {
        line("  next: reenact incident list --config CONFIG");
    }
}

/// Shows one incident in a line or two.
pub(crate) fn show_incident(incident: &Incident, now_seconds: u64) {
    let word = match incident.kind {
        Kind::Divergence => styled(BAD, "divergence"),
        Kind::Vanished => styled(UNSURE, "vanished"),
        Kind::Overdue => styled(UNSURE, "overdue"),
    };
    let since = local(incident.first_at_seconds);
    let known = match &incident.acknowledged {
        Some(known) if !incident.is_loud(now_seconds) => {
            format!("; acknowledged until {} by {}", local(known.until_seconds), plain(&known.by))
        }
        _ => String::new(),
    };
    lines(format_args!(
        "  {} {word} since {since}{known}: {}",
        incident.id,
        plain(&incident.place)
    ));
    let cause = incident.cause.as_ref().map(|cause| format!(" (as {cause})")).unwrap_or_default();
    lines(format_args!("    {}{cause}", plain(&incident.words)));
}

fn rest(all: usize, what: &str) {
    if let Some(more @ 1..) = all.checked_sub(SHOWN_MAX) {
        line(format_args!(
            "  and {}; the page lists all",
            count(more as u64, &format!("more {what}"))
        ));
    }
}
