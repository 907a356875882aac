//! Where a recording is left, and why, for people.

use reenact_core::sanitize::count;
use reenact_core::state::TensorDifference;
use reenact_core::verify::{Explanation, Report, SegmentOutcome, SegmentReport};

use super::fact;
use crate::terminal::manner::wrapped;
use crate::terminal::output::{DIM, line, lines, styled};

/// Reasons, and divergent segments, shown in full.
const REASONS_MAX: usize = 4;
/// Tensors shown of each divergent segment.
pub(super) const TENSORS_MAX: usize = 6;

/// Completes a verdict by the segments that diverge: ` in segment 3`; nothing where none does.
pub(super) fn places(report: &Report) -> String {
    let all: Vec<String> =
        report.divergent().map(|found| found.segment.index.to_string()).collect();
    match all.as_slice() {
        [] => String::new(),
        [one] => format!(" in segment {one}"),
        some @ [.., _] if some.len() <= REASONS_MAX => format!(" in segments {}", some.join(", ")),
        many => format!(" in {} segments", many.len()),
    }
}

/// Says the first reason, its cause and what to do next: what a hurried reader needs.
pub(super) fn show_first(report: &Report) {
    if let Some(reason) = report.reasons.first() {
        fact("reason", reason);
    }
    let explained = report.divergent().find_map(|found| found.explanation.as_ref());
    if let Some(explanation) = explained {
        fact("cause", &explanation.words);
    }
    for next in reenact_page::next(report) {
        fact("next", next);
    }
}

/// Says the other reasons, and what each divergent segment ends in.
pub(super) fn show_rest(report: &Report) {
    for reason in report.reasons.iter().take(REASONS_MAX).skip(1) {
        fact("reason", reason);
    }
    if let Some(more @ 1..) = report.reasons.len().checked_sub(REASONS_MAX) {
        fact("", format_args!("and {}; --json lists all", count(more as u64, "more reason")));
    }
    let mut causes = 0;
    for segment in report.divergent().take(REASONS_MAX) {
        if let SegmentOutcome::Replayed { replay } = &segment.outcome {
            let closing = replay.divergence.iter().flat_map(|found| &found.closing);
            show_closing(segment.segment.step_end, &closing.collect::<Vec<_>>());
        }
        if let Some(explanation) = &segment.explanation {
            show_explanation(segment, explanation, causes > 0);
            causes += 1;
        }
    }
    if let more @ 1.. = report.not_looked_into() {
        line(format_args!(
            "  Why {more} more segment{} not looked into.",
            if more == 1 { " diverges was" } else { "s diverge was" }
        ));
    }
}

/// The first cause stands above already.
fn show_explanation(found: &SegmentReport, explanation: &Explanation, also_words: bool) {
    let index = found.segment.index;
    if also_words {
        fact("cause", format_args!("segment {index}: {}", explanation.words));
    }
    for seen in &explanation.evidence {
        lines(styled(DIM, wrapped(seen, "  ", "    ")));
    }
}

/// Lists the tensors that differ at the end of a segment.
fn show_closing(step: u64, differences: &[&TensorDifference]) {
    if differences.is_empty() {
        return;
    }
    line(format_args!("  Checkpoint at step {step}:"));
    for found in differences.iter().take(TENSORS_MAX) {
        let told = format!("{}: {}", found.name, found.explain());
        lines(wrapped(&told, "    ", "      "));
    }
    if let Some(more @ 1..) = differences.len().checked_sub(TENSORS_MAX) {
        line(format_args!("    and {}; --json lists all", count(more as u64, "more tensor")));
    }
}
