//! How the segments were chosen, so that anybody can draw them again.

use maud::{Markup, html};
use reenact_core::verify::{Challenge, Report};

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
                    "The segments were chosen by hand, not drawn. Whoever knew the choice could "
                    "have kept them clean: it proves nothing about the others."
                },
            }
        },
    )
}

fn derivation(report: &Report, challenge: &Challenge) -> Markup {
    let again = format!(
        "reenact audit {} --segments {} --nonce {}",
        figure::quoted(&report.run),
        challenge.count,
        figure::quoted(&challenge.nonce.to_string())
    );
    html! {
        dl {
            dt { "commitment" } dd { code { (challenge.commitment) } }
            dt { "nonce" } dd { code { (challenge.nonce) } }
            dt { "segments" } dd { (challenge.count) " of " (challenge.total) }
            dt { "drawn" } dd { (figure::ranges(challenge.draw().into_iter())) }
            dt { "again" } dd { code { (again) } }
        }
        p {
            "The rule: the first " (challenge.count) " of a Fisher–Yates shuffle of all "
            (figure::count(challenge.total, "segment")) " by the ChaCha20 stream whose key is the "
            "BLAKE3 digest of commitment, nonce and total. The trainer fixed the commitment before "
            "anybody knew the nonce, so the trainer could not choose which segments are drawn."
        }
        (escape(report, challenge))
    }
}

fn escape(report: &Report, challenge: &Challenge) -> Markup {
    html! {
        @if challenge.count >= challenge.total {
            p { "Every segment was drawn: tampering that a replay shows had nowhere to hide." }
        } @else if !report.escape.is_empty() {
            table.escape {
                caption { "Chance that tampering which only a replay shows escaped this draw" }
                thead {
                    tr { th scope="col" { "segments tampered with" } th scope="col" { "escaped" } }
                }
                tbody {
                    @for escape in &report.escape {
                        tr {
                            th scope="row" { (escape.tampered) }
                            td {
                                svg.bar aria-hidden="true" preserveAspectRatio="none"
                                    viewBox="0 0 1 1" {
                                    rect x="0" y="0" height="1"
                                        width=(format!("{:.4}", escape.probability.clamp(0.0, 1.0))) {}
                                }
                                (figure::percent(escape.probability))
                            }
                        }
                    }
                }
            }
        }
    }
}
