//! The tamper-power table, for people.

use comfy_table::{Table, presets};

use super::row::{Caught, Localized, Row};
use super::summary::Summary;
use crate::terminal::output::{self, BAD, DIM, GOOD, UNSURE, line, styled};

/// Columns that a narrow terminal does without.
const STRENGTH: usize = 1;
const KIND: usize = 2;
const EXPLAINED: usize = 6;

/// Writes the table, what it leaves open, and the sum.
pub(super) fn show(summary: &Summary) {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table.set_header(["attack", "strength", "kind", "caught", "by", "where", "explained", "audit"]);
    for row in &summary.rows {
        table.add_row(cells(row));
    }
    // For machines there is everything; a person does without these first.
    output::table(table, &[KIND, EXPLAINED, STRENGTH]);
    line("");
    for row in &summary.rows {
        if let Some(problem) = &row.problem {
            line(styled(DIM, format_args!("{}: {}: {problem}", name(row), row.caught)));
        }
    }
    for elsewhere in &summary.elsewhere {
        line(styled(DIM, format_args!("{}: not drilled: {}", elsewhere.id, elsewhere.why)));
    }
    for control in &summary.controls {
        let verdict =
            if control.agrees { styled(GOOD, "matches") } else { styled(BAD, "does NOT match") };
        let problem = control.problem.as_ref().map(|p| format!(": {p}")).unwrap_or_default();
        line(format_args!("{}: {verdict}{problem}", control.id));
    }
    line("");
    line(sum(summary));
}

fn name(row: &Row) -> String {
    format!("{} {}", row.id, row.strength).trim_end().to_owned()
}

/// The file for machines has the cause in words.
fn explained(row: &Row) -> String {
    let unexplained = row.explained.as_ref().map(|_| "unexplained".to_owned());
    row.explained_attack.clone().or(unexplained).unwrap_or_default()
}

fn cells(row: &Row) -> [String; 8] {
    let layer = row.layer.map(|layer| layer.to_string()).unwrap_or_default();
    let time = if row.seconds > 0.0 { format!("{:.1} s", row.seconds) } else { String::new() };
    [
        row.id.clone(),
        row.strength.clone(),
        row.kind.to_string(),
        row.caught.to_string(),
        layer,
        row.localized.as_ref().map(place).unwrap_or_default(),
        explained(row),
        time,
    ]
}

fn place(found: &Localized) -> String {
    let Localized { step, stage, tensors, exact } = found;
    let exact = if *exact { "" } else { " (another step was attacked)" };
    let stage = stage.map(|stage| format!(", {stage}")).unwrap_or_default();
    let tensors = match tensors {
        0 => String::new(),
        1 => ", 1 tensor".into(),
        more => format!(", {more} tensors"),
    };
    format!("step {step}{exact}{stage}{tensors}")
}

fn sum(summary: &Summary) -> String {
    let totals = &summary.totals;
    let tried = totals.caught + totals.reported + totals.got_past + totals.unclear;
    let mut parts = vec![format!("{} of {tried} attacks caught", totals.caught)];
    let more = [
        (totals.reported, "reported as what they are"),
        (totals.unclear, "unclear"),
        (totals.no_place, "not applicable to this run"),
    ];
    parts
        .extend(more.iter().filter(|(count, _)| *count > 0).map(|(n, what)| format!("{n} {what}")));
    let text = parts.join(", ");
    if totals.got_past > 0 {
        let past = summary.rows.iter().filter(|row| row.caught == Caught::No);
        let past: Vec<String> = past.map(name).collect();
        return format!("{}: {text}", styled(BAD, format_args!("Missed: {}", past.join(", "))));
    }
    if tried == 0 {
        return format!("{}: {text}", styled(UNSURE, "Nothing was tried"));
    }
    if totals.unclear > 0 || summary.controls.iter().any(|control| !control.agrees) {
        return format!("{}: {text}", styled(UNSURE, "Inconclusive"));
    }
    format!("{}: {text}", styled(GOOD, "None missed"))
}
