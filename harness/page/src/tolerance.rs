//! What was allowed between two classes of device, and what could hide in it.

use maud::{Markup, html};
use reenact_core::verify::{Accumulated, Report, TensorBound, ToleranceBasis};

use super::{figure, section};

/// Tensors listed; the file for machines has all.
const TENSORS_MAX: usize = 48;

/// Shows the tolerance; nothing if every bit was compared.
pub(super) fn show(report: &Report) -> Markup {
    let Some(tolerance) = &report.tolerance else { return html! {} };
    section(
        "The tolerance",
        html! {
            (basis(&tolerance.basis, report))
            (drift(tolerance.accumulated.as_ref()))
            (bounds(&tolerance.tensors))
        },
    )
}

fn basis(basis: &ToleranceBasis, report: &Report) -> Markup {
    let measured = report.claim.as_ref().is_some_and(|claim| !claim.figures.is_empty());
    let ToleranceBasis { runs, segments, margin, false_alarms, .. } = basis;
    html! {
        p {
            "The two classes of device round differently, so nothing was compared bit for bit but "
            "what is equal on both. The thresholds are " (margin) " times what "
            (figure::count(*segments, "honest replay")) " of " (figure::count(*runs, "run"))
            " needed. At 1 time, an honest segment would be accused with a chance of at most "
            (figure::percent(false_alarms.segment)) ", an honest audit for its drift with "
            (figure::percent(false_alarms.drift)) ", if the run is as likely as those. That is an "
            "empirical bound: nothing is proved about honest noise."
        }
        dl {
            dt { "calibration" } dd { code { (basis.calibration) } }
            dt { "its signature" } dd { (basis.vouched_words()) }
            dt { "key of the sketches" } dd { code { (basis.sketch_key) } }
            @if !basis.initial_state_compared {
                dt { "initial state" }
                dd { "not compared: the two classes derive it differently" }
            }
            @if measured {
                dt { "figures of the validation" }
                dd { "not compared: the two classes round differently" }
            }
        }
    }
}

fn drift(found: Option<&Accumulated>) -> Markup {
    let Some(Accumulated { segments, drift, drift_allowed, tensor }) = found else {
        return html! { p { "A steady push was not looked for: it takes at least two segments." } };
    };
    let word = if drift > drift_allowed { "do not average out" } else { "average out" };
    html! {
        p {
            "Added up with their sign, the residuals of " (figure::count(*segments, "segment")) " "
            (word) ": the most is " (format!("{drift:.2}")) " times the honest noise of one segment, "
            "in " code { (tensor) } "; " (format!("{drift_allowed:.2}")) " is allowed. Honest noise "
            "stays where it is, a push of one direction in every segment grows with the root of "
            "their number."
        }
    }
}

fn bounds(bounds: &[TensorBound]) -> Markup {
    html! {
        div.scroll {
            table.tensors {
                caption { "The longest edit of a closing state that would have passed" }
                thead {
                    tr {
                        @for title in [
                            "tensor", "found / allowed, of the update", "found / allowed, ulp",
                            "longest edit", "of the update", "at one element", "in every segment",
                        ] { th scope="col" { (title) } }
                    }
                }
                tbody { @for bound in bounds.iter().take(TENSORS_MAX) { (row(bound)) } }
            }
        }
        @if let Some(more @ 1..) = bounds.len().checked_sub(TENSORS_MAX) {
            p.quiet { "and " (figure::count(more as u64, "tensor")) " more" }
        }
    }
}

fn row(bound: &TensorBound) -> Markup {
    let short = |value: f64| format!("{value:.2e}");
    html! {
        tr {
            th scope="row" { (bound.name) }
            td { (short(bound.relative_l2_found)) " / " (short(bound.relative_l2_allowed)) }
            td { (format!("{:.1} / {:.1}", bound.ulp_found, bound.ulp_allowed)) }
            td { (short(bound.edit_l2_max)) }
            td { (short(bound.edit_share_max)) }
            td { (short(bound.edit_element_max)) }
            td { @match bound.steady_share_max { Some(share) => { (short(share)) }, None => { "-" } } }
        }
    }
}
