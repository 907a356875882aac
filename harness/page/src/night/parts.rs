//! The parts of a night's page, one after the other.

use maud::{Markup, html};

use super::{NightIncident, NightPage, NightRun};
use crate::{advice, figure};

/// Rows that are shown at once; more are folded.
pub(super) const ROWS_SHOWN: usize = 24;
/// Columns of the runs, which a narrow screen writes before each value.
const RUN_HEAD: [&str; 6] =
    ["run", "last judged", "covered", "chance of escape", "certain", "come to"];
/// Incidents that are shown at once.
const INCIDENTS_SHOWN: usize = 8;

impl NightPage {
    pub(super) fn incidents(&self) -> Markup {
        html! {
            @if !self.incidents.is_empty() {
                section {
                    h2 { "Incidents" }
                    @let shown = self.incidents.len().min(INCIDENTS_SHOWN);
                    @let (first, rest) = self.incidents.split_at(shown);
                    @for incident in first { (show(incident)) }
                    @if !rest.is_empty() {
                        details {
                            summary { (figure::count(rest.len() as u64, "more incident")) }
                            @for incident in rest { (show(incident)) }
                        }
                    }
                }
            }
        }
    }

    pub(super) fn runs(&self) -> Markup {
        html! {
            section {
                h2 { "Runs" }
                @if self.runs.is_empty() { p { "No run was found." } }
                @else {
                    (folded(self.runs.len(), "run", html! {
                        div.scroll {
                            table.facts.stacks {
                                thead { tr { @for name in RUN_HEAD { th scope="col" { (name) } } } }
                                tbody { @for run in &self.runs { (row(run)) } }
                            }
                        }
                    }))
                }
            }
        }
    }

    pub(super) fn spent(&self) -> Markup {
        let rows = self.budget.iter();
        let rows = rows.map(|(name, used, of)| vec![name.clone(), used.clone(), of.clone()]);
        table("Budget", &["what", "how much", "allowed"], rows.collect())
    }

    pub(super) fn devices(&self) -> Markup {
        let rows = self.devices.iter().map(|row| row.to_vec()).collect();
        let head = ["device", "segments", "seconds", "stood alone", "taken back", "last used"];
        let builds = self.builds.iter().map(|row| row.to_vec()).collect();
        html! {
            (table("Devices", &head, rows))
            (table("Builds", &["auditing build", "segments", "ours", "last used"], builds))
            @if !self.build.is_empty() { p.quiet { "Auditing build: " code { (self.build) } } }
        }
    }

    pub(super) fn canaries(&self) -> Markup {
        let rows = self.canaries.iter();
        let rows = rows.map(|(attack, run, what)| vec![attack.clone(), run.clone(), what.clone()]);
        html! {
            (table("Planted attacks", &["attack", "in a copy of", "what became of it"], rows.collect()))
            @if !self.canaries_so_far.is_empty() { p.quiet { (self.canaries_so_far) } }
        }
    }

    pub(super) fn next(&self) -> Markup {
        let rows = self.next.iter();
        let rows = rows.map(|(run, much, why)| vec![run.clone(), much.clone(), why.clone()]);
        table("The next night", &["run", "how much", "why"], rows.collect())
    }
}

/// Lays out rows under a heading; nothing where there are none.
pub(super) fn table(title: &str, head: &[&str], rows: Vec<Vec<String>>) -> Markup {
    html! {
        @if !rows.is_empty() {
            section {
                h2 { (title) }
                (folded(rows.len(), "row", cells(head, &rows)))
            }
        }
    }
}

fn cells(head: &[&str], rows: &[Vec<String>]) -> Markup {
    html! {
        div.scroll {
            table.facts.stacks {
                thead { tr { @for name in head { th scope="col" { (name) } } } }
                tbody {
                    @for row in rows {
                        tr {
                            @for (place, (name, cell)) in head.iter().zip(row).enumerate() {
                                @if place == 0 { th scope="row" { (cell) } }
                                @else { td.words data-name=(name) { (figure::prose(cell)) } }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// Folds what is long: what matters more comes after it.
pub(super) fn folded(rows: usize, noun: &str, content: Markup) -> Markup {
    html! {
        @if rows > ROWS_SHOWN {
            details { summary { (figure::count(rows as u64, noun)) } (content) }
        } @else { (content) }
    }
}

fn show(incident: &NightIncident) -> Markup {
    html! {
        article {
            h3 { (incident.run) @if !incident.place.is_empty() { ": " (incident.place) } }
            p.quiet {
                code { (incident.id) } " " (incident.since)
                @if !incident.change.is_empty() { ", " strong { (incident.change) } }
            }
            p { (figure::prose(&incident.words)) }
            @if let Some(cause) = &incident.cause { div.cause { p { "Acts like " code { (cause) } "." } } }
            @if let Some(known) = &incident.known { p { strong { "Acknowledged: " } (known) } }
            @if let Some(evidence) = &incident.evidence { p { a href=(evidence) { "Evidence: the report of the audit" } } }
            @if !incident.next.is_empty() { (advice::show(&incident.next)) }
        }
    }
}

fn row(run: &NightRun) -> Markup {
    let (covered, total) = run.covered;
    let share = if total == 0 { 0.0 } else { 100.0 * covered as f64 / total as f64 };
    let [_, last, covering, escape, certain, reach] = RUN_HEAD;
    html! {
        tr {
            th scope="row" { (run.run) }
            td.words data-name=(last) { (run.last) }
            td data-name=(covering) {
                svg.bar viewBox="0 0 100 10" preserveAspectRatio="none" aria-hidden="true" {
                    rect.clean width=(format!("{share:.1}")) height="10" {}
                }
                span { (covered) " of " (total) }
            }
            td.short data-name=(escape) { (run.escape) }
            td.words data-name=(certain) { (run.certain) }
            td.words data-name=(reach) { (run.reach) }
        }
    }
}
