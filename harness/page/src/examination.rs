//! What was found without replay, what replays noted, and what happened on the
//! way.

use maud::{Markup, html};
use reenact_core::verify::{Report, SegmentReport, Weight};

use super::section;

/// Findings shown; the file for machines has all.
const FINDINGS_MAX: usize = 50;

/// Shows the findings.
pub(super) fn show(report: &Report) -> Markup {
    section(
        "Findings",
        html! {
            p {
                @if report.claim.is_none() {
                    "The examination ended early, at what stands below; what comes after that was "
                    "not examined. Whole, it covers "
                } @else {
                    "Examined without replay: "
                }
                "spec, hash chain, commitment, every checkpoint against its root and against the "
                "fingerprints of the step before it, learning rates, data order and batches "
                "against what the spec derives. What a replay notes besides stands here too."
                @if report.expected.is_some() {
                    " The spec was compared with the one that was ordered."
                }
                @if let Some(batches) = &report.batches {
                    " Of the batches, " (batches) "."
                }
            }
            @if report.findings.is_empty() {
                p { "Nothing was found." }
            } @else {
                (table(report))
            }
            (incidents(report))
        },
    )
}

fn table(report: &Report) -> Markup {
    html! {
        table.findings {
            thead { tr { @for title in ["weight", "where", "what"] { th scope="col" { (title) } } } }
            tbody {
                @for found in report.findings.iter().take(FINDINGS_MAX) {
                    @let (class, word) = weight(found.weight);
                    tr {
                        th scope="row" class=(class) { (word) }
                        td { code { (found.place) } }
                        td.words { (super::figure::prose(&found.problem)) }
                    }
                }
            }
        }
        @if let Some(more @ 1..) = report.findings.len().checked_sub(FINDINGS_MAX) {
            p.quiet { "and " (more) " more; " code { "report.json" } " lists all" }
        }
    }
}

fn weight(weight: Weight) -> (&'static str, &'static str) {
    match weight {
        Weight::Divergent => ("divergent", "✗ against the recording"),
        Weight::Inconclusive => ("unclear", "? cannot be told"),
        Weight::Note => ("quiet", "note"),
    }
}

/// Shows trouble in segments that came out clean all the same.
fn incidents(report: &Report) -> Markup {
    let clean = |found: &&SegmentReport| {
        super::mark::Mark::of(found) == super::mark::Mark::Clean && !found.incidents.is_empty()
    };
    html! {
        @for found in report.segments.iter().filter(clean).take(FINDINGS_MAX) {
            @for incident in &found.incidents {
                p.quiet { "Incident in segment " (found.segment.index) ": " (incident) }
            }
        }
    }
}
