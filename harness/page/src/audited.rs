//! What the report is of, in whole digests.

use maud::{Markup, html};
use reenact_core::verify::{Audited, Report};

/// Shows the digests of what was audited; nothing where it could not be read.
pub(super) fn show(report: &Report) -> Markup {
    let Some(Audited { spec, commitment, state, model }) = &report.audited else {
        return html! {};
    };
    html! {
        dl.audited {
            dt { "spec" } dd { code { (spec) } }
            @if let Some(expected) = &report.expected {
                dt { "expected spec" }
                dd {
                    @if expected.digest == *spec { "the same" } @else { code { (expected.digest) } }
                    ", from " (expected.from)
                }
            }
            @if let Some(start) = report.claim.as_ref().and_then(|claim| claim.start.as_ref()) {
                dt { "begins with" }
                dd {
                    "the final model of the recording " (start.recording) ", commitment "
                    code { (start.commitment) }
                    "; whether that run is honest, its own audit says"
                }
            }
            dt { "commitment" } dd { code { (commitment) } }
            @if let Some(state) = state { dt { "final state" } dd { code { (state) } } }
            @if let Some(model) = model { dt { "final model" } dd { code { (model) } } }
        }
    }
}
