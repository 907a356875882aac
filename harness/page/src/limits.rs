//! Who stands for the recording, how independent the audit is, and what no replay can catch.

use maud::{Markup, html};
use reenact_core::verify::{Independence, Report, TrustedList};

use super::{figure, section};

/// Says what a reader must not take this report for.
pub(super) fn show(report: &Report) -> Markup {
    html! {
        (section("Who stands for the recording", html! {
            p {
                "Signature: " (report.vouched) ". A signature shows who held the key, not that they "
                "were honest."
            }
        }))
        @if let Some(worth) = report.worth() {
            (section("Independence", html! {
                p { (statement(worth, report.is_by_trusted_build())) }
                @if let Some(list) = &report.trusted_builds { (trusted(list)) }
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

/// Says which builds were taken for trusted.
fn trusted(list: &TrustedList) -> Markup {
    html! {
        p {
            (figure::count(list.builds, "trusted build")) " in the list " code { (list.digest) }
            @match list.auditor.as_deref() {
                None => "; the auditing binary is none of them.",
                Some("") => "; the auditing binary is one of them.",
                Some(note) => { "; it notes of the auditing binary: " (note) },
            }
        }
    }
}

fn statement(worth: Independence, by_trusted_build: bool) -> Markup {
    match (worth, by_trusted_build) {
        (Independence::SelfCheck, _) => html! {
            b { "Self-check. " }
            "The very binary that trained also audited, and would reproduce a sabotage of its own. "
            "Audit with a build of your own people as well."
        },
        (Independence::AnotherBinary, _) => html! {
            b { "Another binary. " }
            "Its digest is another than that of the one that trained, and nothing else is known of "
            "it. That is no independence: one more byte makes another binary. List the builds of "
            "your own people (--trusted-builds), and audit with one of them."
        },
        (Independence::Rebuilt, true) => html! {
            b { "Rebuilt. " }
            "The very binary that trained also audited. It is a trusted build, and reproduces what "
            "sabotage its own toolchain has."
        },
        (Independence::Rebuilt, false) => html! {
            b { "Rebuilt, by the trainer's word alone. " }
            "The recording says that a trusted build trained the run. The auditing binary is none, "
            "so nothing rests on that."
        },
        (Independence::Independent, _) => html! {
            b { "Independent. " }
            "A trusted build audited, and it is not the one that trained. Compare compiler and "
            "Cargo.lock above: what both builds share, both could be poisoned by."
        },
    }
}
