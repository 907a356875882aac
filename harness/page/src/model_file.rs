//! Whether a file is the run's model.

use maud::{Markup, html};
use reenact_core::verify::{ModelFile, Report};

use super::{figure, section};

/// Tensors shown of those that differ.
const TENSORS_MAX: usize = 12;

/// Shows what came of comparing a file with the run's model; nothing where none was given.
pub(super) fn show(report: &Report) -> Markup {
    let Some(model) = &report.model_file else { return html! {} };
    let listed = model.differences.len();
    let more = model.differing + model.missing + model.extra - listed.min(TENSORS_MAX) as u64;
    section(
        "Model file",
        html! {
            p { strong { (heading(model)) } " " (figure::prose(&model.to_string())) "." }
            @if listed > 0 {
                ul {
                    @for found in model.differences.iter().take(TENSORS_MAX) {
                        li { code { (found.name) } ": " (found.in_model_file()) }
                    }
                }
                @if more > 0 { p.quiet { "and " (figure::count(more, "tensor")) " more" } }
            }
            p.quiet { "The verdict above is on the run, and does not depend on this file." }
        },
    )
}

fn heading(model: &ModelFile) -> &'static str {
    match (model.is_final(), model.is_other()) {
        (true, _) => "The model of this run.",
        (_, true) => "Not the model of this run.",
        _ => "Not compared.",
    }
}
