//! How the segments were chosen, so that anybody can draw them again.

use maud::{Markup, html};
use reenact_core::sanitize::quoted;
use reenact_core::verify::{
    Beacon, Challenge, DrawRule, Escape, NonceSource, Past, Report, SampledBy, date,
};

use super::{figure, section};

/// Shows what decided the draw, and how likely tampering escaped it.
pub(super) fn show(report: &Report) -> Markup {
    section(
        "The sample",
        html! {
            @match &report.challenge {
                Some(challenge) => (derivation(report, challenge)),
                None if report.segments.is_empty() => p { "No segment was drawn." },
                None => p {
                    "The segments were chosen by hand, not drawn. "
                    @if !super::mark::Counts::of(report).whole_run() {
                        "Whoever knew the choice could have kept them clean: it proves nothing "
                        "about the others."
                    }
                },
            }
            @if let Some(past) = &report.past { (earlier(past)) }
            @if let (Some(covered), Some(claim)) = (report.covered(), &report.claim) {
                p {
                    "With this audit " (covered.count_below(claim.segments)) " of "
                    (figure::count(claim.segments, "segment")) " are covered. The next one draws "
                    "from the others."
                }
            }
        },
    )
}

/// Says what a ledger knew of the audits before.
fn earlier(past: &Past) -> Markup {
    html! {
        @match (&past.problem, past.first_at_seconds) {
            (Some(problem), _) => p {
                "Which audits came before is not known, or this one is not remembered: "
                (problem) "."
            },
            (None, Some(first)) => p {
                (figure::count(past.audits, "audit")) " of this run came before, the first on "
                (date(first)) ". The journal still begins as they saw it, or a reason above says "
                "otherwise. They had covered " (figure::count(past.covered.count(), "segment"))
                " of what is here: replayed, and right to the last bit."
                @if past.unended > 0 {
                    " " (figure::count(past.unended, "audit")) " began and never ended: what they "
                    "drew is due."
                }
            },
            (None, None) if past.unended > 0 => p {
                (figure::count(past.unended, "audit")) " of this run began and never ended: what "
                "they drew is due."
            },
            (None, None) => p { "The ledger knows of no audit of this run before this one." },
        }
    }
}

fn derivation(report: &Report, challenge: &Challenge) -> Markup {
    let covered = match challenge.covered.is_empty() {
        true => String::new(),
        false => format!(" --covered {}", challenge.covered),
    };
    let again = format!(
        "reenact audit {} --sample {} --nonce {}{covered}",
        quoted(&report.run),
        challenge.count,
        quoted(&challenge.nonce.to_string())
    );
    html! {
        dl {
            dt { "commitment" } dd { code { (challenge.commitment) } }
            dt { "nonce" } dd { code { (challenge.nonce) } }
            @if let Some(source) = &report.nonce_source { (origin(source)) }
            dt { "segments" } dd { (challenge.count) " of " (challenge.total) }
            @if let Some(sampled_by) = &report.sampled_by {
                dt { "sampled" } dd {
                    (sampled_by)
                    @if let SampledBy::Spec { .. } = sampled_by {
                        "; choose yourself with " code { "--sample" } " or " code { "--confidence" }
                    }
                }
            }
            @if !challenge.covered.is_empty() {
                dt { "covered before" }
                dd { (figure::ranges(challenge.covered.below(challenge.total))) }
            }
            dt { "drawn" } dd { (figure::ranges(challenge.draw().into_iter())) }
            @if !report.due.is_empty() {
                dt { "due" }
                dd {
                    (figure::ranges(report.due.iter().copied())) ": drawn by an audit before that "
                    "could not judge them, and replayed beside the draw; no chance counts them"
                }
            }
            dt { "again" } dd { code { (again) } }
        }
        p {
            (rule(challenge)) " by the ChaCha20 stream whose key is the "
            "BLAKE3 digest of commitment, nonce, total"
            @if challenge.rule == DrawRule::Uncovered { " and what was covered" }
            ". The trainer fixed the commitment before "
            "anybody knew the nonce, so the trainer could not choose which segments are drawn."
        }
        (escape(report, challenge))
    }
}

/// Says in words what was shuffled and taken.
fn rule(challenge: &Challenge) -> String {
    let Challenge { count, total, rule, .. } = challenge;
    match rule {
        DrawRule::Uniform => format!(
            "The rule (number 1): the first {count} of a Fisher–Yates shuffle of all {}",
            figure::count(*total, "segment")
        ),
        DrawRule::LastAlways => format!(
            "The rule (number 2): the last segment always, as its weights are what is used, and \
             the first {} of a Fisher–Yates shuffle of the {} others",
            count.saturating_sub(1),
            total.saturating_sub(1)
        ),
        DrawRule::Uncovered => uncovered(challenge),
    }
}

/// Says what the third rule takes: from what no audit before has replayed and found right.
fn uncovered(challenge: &Challenge) -> String {
    let (pool, sampled) = challenge.pool();
    let drawing = challenge.drawing();
    let always = match drawing.forced {
        Some(_) => "the last segment, as its weights are what is used, and ",
        None => "",
    };
    let open = match challenge.covered.is_empty() {
        true if drawing.forced.is_some() => format!("{pool} others"),
        true => figure::count(pool, "segment"),
        false => format!("{pool} others that no audit before had covered"),
    };
    let again = match drawing.revisited.len() as u64 {
        0 => String::new(),
        more => format!(", and {more} of those that were covered, as too few were not"),
    };
    format!(
        "The rule (number 3): {always}the first {sampled} of a Fisher–Yates shuffle of the {open}{again},"
    )
}

fn escape(report: &Report, challenge: &Challenge) -> Markup {
    html! {
        @if challenge.count >= challenge.total && !report.escape.is_empty() {
            p { "Every segment was drawn: tampering that a replay shows had nowhere to hide." }
        } @else if !report.escape.is_empty() {
            (chances(&report.escape))
        }
    }
}

fn chances(escapes: &[Escape]) -> Markup {
    let so_far = escapes.iter().any(|escape| escape.probability_so_far.is_some());
    html! {
        table.escape {
            caption { "Chance that tampering which only a replay shows escaped" }
            thead {
                tr {
                    th scope="col" { "segments tampered with" }
                    th scope="col" { "this draw" }
                    @if so_far { th scope="col" { "and all audits so far" } }
                }
            }
            tbody {
                @for escape in escapes {
                    tr {
                        th scope="row" { (escape.tampered) }
                        td { (chance(escape.probability)) }
                        @if let Some(so_far) = escape.probability_so_far {
                            td { (chance(so_far)) }
                        }
                    }
                }
            }
        }
    }
}

fn chance(probability: f64) -> Markup {
    let width = format!("{:.4}", probability.clamp(0.0, 1.0));
    html! {
        svg.bar aria-hidden="true" preserveAspectRatio="none" viewBox="0 0 1 1" {
            rect x="0" y="0" height="1" width=(width) {}
        }
        (figure::percent(probability))
    }
}

/// Says where the nonce came from, and what has to be asked of it.
fn origin(source: &NonceSource) -> Markup {
    html! {
        @match source {
            NonceSource::Fresh => {
                dt { "source" }
                dd { "fresh randomness of the auditing machine, drawn after the commitment was read" }
            }
            NonceSource::Given => {
                dt { "source" }
                dd {
                    "given by whoever started the audit. If the trainer knew it before the run was "
                    "committed, the sample says nothing about the rest, and what stands below is no "
                    "chance. It lowers none of later audits."
                }
            }
            NonceSource::Beacon(Beacon { source, round, value }) => {
                dt { "source" } dd { "a public random value: check that it was announced after the "
                    "run was committed" }
                dt { "beacon" } dd { code { (source) } }
                dt { "round" } dd { (round) }
                dt { "value" } dd { code { (value) } }
            }
        }
    }
}
