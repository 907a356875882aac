//! Who stands for the recording, how independent the audit is, and what no replay can catch.

use maud::{Markup, html};
use reenact_core::verify::{Independence, Report};

use super::section;

/// Says what a reader must not take this report for.
pub(super) fn show(report: &Report) -> Markup {
    html! {
        (section("Who stands for the recording", html! {
            p {
                "Vouched " (report.vouched) ". A signature shows who held the key, not that they "
                "were honest."
            }
        }))
        @if let Some(independence) = report.independence {
            (section("Independence", html! {
                p { (statement(independence)) }
                @if let Some(required) = report.required {
                    p { "It was required that the audit is " (required) "." }
                }
            }))
        }
        (section("What replay cannot catch", html! {
            ul {
                @for limit in LIMITS { li { (limit) } }
                @if report.expected.is_none() { li { (NOT_ORDERED) } }
            }
        }))
    }
}

const LIMITS: [&str; 3] = [
    "Poison in the declared data set: a replay shows that exactly this data was used, not that \
     it is good.",
    "Runs that were never recorded.",
    "A poisoned toolchain that both trains and audits: it reproduces its own poison.",
];

const NOT_ORDERED: &str = "Another run than was ordered, recorded faithfully: a shorter one, or one \
     that lets less be looked at. Compare its spec with the one that was ordered (--expect).";

fn statement(independence: Independence) -> Markup {
    match independence {
        Independence::SelfCheck => html! {
            b { "Self-check. " }
            "The very binary that trained also audited, and would reproduce a sabotage of its own. "
            "Audit with a separate build as well."
        },
        Independence::Independent => html! {
            b { "Independent. " }
            "Another build than the one that trained. Compare compiler and Cargo.lock above: what "
            "both builds share, both could be poisoned by."
        },
    }
}
