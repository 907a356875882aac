//! The steps below a drawing.
//!
//! Drawings stretch to the width of the page; their words are HTML beside
//! them, so that they are read at any width.

use maud::{Markup, html};

/// Gaps between the numbers.
const GAPS: u64 = 4;

/// Writes steps below a drawing that spans `start` to `end`.
pub(super) fn steps(start: u64, end: u64) -> Markup {
    let span = end.saturating_sub(start);
    let gaps = GAPS.min(span.max(1));
    let at = |gap: u64| {
        let offset = u128::from(span) * u128::from(gap) / u128::from(gaps);
        (start + offset as u64, 100.0 * offset as f64 / span.max(1) as f64)
    };
    html! {
        div.axis aria-hidden="true" {
            @for (step, left) in (0..=gaps).map(at) {
                span style=(format!("left:{left:.2}%")) { (step) }
            }
        }
        p.axis-name aria-hidden="true" { "step" }
    }
}
