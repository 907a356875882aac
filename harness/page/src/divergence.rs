//! The segments that left their recording, one by one.

use maud::{Markup, html};
use reenact_core::state::{Difference, TensorDifference};
use reenact_core::verify::{
    Explanation, FigureValue, Replay, Report, SegmentDeviation, SegmentOutcome, SegmentReport,
    Stage, StepDivergence,
};

use super::mark::Mark;
use super::{figure, heat, section};

/// Segments shown in full; the map and the file for machines have all.
const SEGMENTS_MAX: usize = 12;
/// Tensors listed of each.
const TENSORS_MAX: usize = 24;

const STAGES: [Stage; 7] = [
    Stage::Batch,
    Stage::LearningRate,
    Stage::Kernels,
    Stage::Loss,
    Stage::Gradient,
    Stage::Update,
    Stage::Validation,
];

/// Shows every segment that is not clean, and a wrong beginning.
pub(super) fn show(report: &Report) -> Markup {
    let told = |found: &&SegmentReport| matches!(Mark::of(found), Mark::Divergent | Mark::Unclear);
    let found: Vec<&SegmentReport> = report.segments.iter().filter(told).collect();
    let initial = report.segments.iter().find_map(initial);
    html! {
        @if let Some(differences) = initial {
            (section("The initial state", html! {
                p { "The recorded initial state is not the one that the spec's seed gives." }
                (tensors(differences))
            }))
        }
        @if !found.is_empty() {
            (section(heading(&found), html! {
                @for segment in found.iter().take(SEGMENTS_MAX) { (one(segment)) }
                @if let Some(more @ 1..) = found.len().checked_sub(SEGMENTS_MAX) {
                    p.quiet {
                        "and " (figure::count(more as u64, "segment")) " more; "
                        code { "report.json" } " has all of them"
                    }
                }
                @if let more @ 1.. = report.not_looked_into() {
                    p.quiet {
                        "The cause was sought in the first divergent segments, not in "
                        (figure::count(more as u64, "more segment")) "."
                    }
                }
            }))
        }
    }
}

fn heading(found: &[&SegmentReport]) -> &'static str {
    match found.iter().any(|found| Mark::of(found) == Mark::Divergent) {
        true => "Where the replay leaves the recording",
        false => "Segments that could not be judged",
    }
}

fn initial(found: &SegmentReport) -> Option<&[TensorDifference]> {
    match &found.outcome {
        SegmentOutcome::Replayed { replay } => {
            Some(replay.initial.as_slice()).filter(|found| !found.is_empty())
        }
        _ => None,
    }
}

fn one(found: &SegmentReport) -> Markup {
    let segment = found.segment;
    html! {
        article {
            h3 {
                "Segment " (segment.index) ", steps " (segment.step_start) " to "
                (segment.step_end - 1)
            }
            @if let Some(explanation) = &found.explanation { (cause(explanation)) }
            @match &found.outcome {
                SegmentOutcome::Replayed { replay } => (replayed(replay)),
                SegmentOutcome::Unstable { first, second } => (unstable(first, second)),
                SegmentOutcome::Refused { problem } => p {
                    "It cannot be replayed, because of what the recording holds: "
                    (figure::prose(problem))
                },
                SegmentOutcome::Failed { problem } => p {
                    "It could not be replayed here, which says nothing about the recording: "
                    (figure::prose(problem))
                },
                SegmentOutcome::Changed { problem } => p {
                    "The recording changed while it was audited, so this segment could not be \
                     judged: "
                    (figure::prose(problem))
                },
            }
            @for incident in &found.incidents { p.quiet { "Incident: " (incident) } }
        }
    }
}

fn cause(explanation: &Explanation) -> Markup {
    let tried = figure::count(explanation.trials, "re-execution");
    html! {
        div.cause {
            p.over { "Cause" }
            p { (figure::prose(&explanation.words)) "." }
            p.quiet {
                @if explanation.ended_early {
                    "The search was limited, so that it says nothing of the causes that were not "
                    "tried; that it was done otherwise than declared stands."
                } @else if explanation.causes.is_empty() {
                    "What was done is not among the known causes, or was done in a way that "
                    "cannot be found by trying; that it was done otherwise than declared stands."
                } @else if explanation.trials == 0 {
                    "Found without a trial: of the step, taken honestly, every other recorded digest "
                    "and fingerprint comes out. It says what differs, not who did it or why."
                } @else {
                    "Confirmed after " (tried) ": from the state before the step, the step was taken "
                    "again with what each known cause would do, and compared with every recorded "
                    "digest and fingerprint. It says what was computed, not who did it or why."
                }
            }
            @for seen in &explanation.evidence { p.quiet { (figure::prose(seen)) } }
        }
    }
}

fn unstable(first: &Replay, second: &Replay) -> Markup {
    let place = |replay: &Replay| match &replay.divergence {
        Some(divergence) => divergence.explain(),
        None => "it agrees with the recording".into(),
    };
    let unrecorded = [first, second].into_iter().find(|replay| !replay.unrecorded.is_empty());
    html! {
        @if let Some(replay) = unrecorded {
            p { (figure::sentence(&replay.unrecorded.explain_instability())) }
        } @else {
            p { (figure::sentence(first.explain_instability(second))) }
        }
        ul { li { "first: " (figure::prose(&place(first))) } li { "second: " (figure::prose(&place(second))) } }
    }
}

fn replayed(replay: &Replay) -> Markup {
    let beyond = replay.deviation.as_ref().and_then(SegmentDeviation::explain);
    let Some(divergence) = &replay.divergence else {
        return html! { @if let Some(words) = beyond { p { (figure::sentence(&words)) } } };
    };
    html! {
        p { (figure::sentence(&divergence.explain())) }
        @if !replay.unrecorded.is_empty() {
            p { (figure::sentence(&replay.unrecorded.explain_divergence())) }
        }
        @if let Some(step) = &divergence.step { (stages(step)) (values(step)) }
        (heat::show(&replay.course, replay.segment))
        @if !divergence.closing.is_empty() {
            h4 { "Checkpoint at step " (replay.segment.step_end) }
            (tensors(&divergence.closing))
        }
    }
}

/// Shows how far into the step everything agreed.
fn stages(found: &StepDivergence) -> Markup {
    html! {
        ol.stages aria-label=(format!("Stages of step {}", found.step)) {
            @for stage in STAGES.into_iter().filter(|stage| is_told(*stage, found)) {
                @let (class, sign, word) = match stage.cmp(&found.stage) {
                    std::cmp::Ordering::Less if stage == Stage::LearningRate => {
                        // What was used may be another; what was written down is not.
                        ("clean", "✓", "recorded as declared")
                    }
                    std::cmp::Ordering::Less => ("clean", "✓", "agrees"),
                    std::cmp::Ordering::Equal => ("divergent", "✗", "first to differ"),
                    std::cmp::Ordering::Greater => ("not-drawn", "·", "comes after"),
                };
                li class=(class) {
                    span aria-hidden="true" { (sign) }
                    b { (stage) }
                    small { (word) }
                }
            }
        }
    }
}

/// A processor is given no kernels; where a device is, they are told if they differ. So are
/// figures, which most steps have none of.
fn is_told(stage: Stage, found: &StepDivergence) -> bool {
    match stage {
        Stage::Kernels => found.stage == Stage::Kernels,
        Stage::Validation => !found.figures.is_empty(),
        _ => true,
    }
}

fn values(found: &StepDivergence) -> Markup {
    let (ours, theirs) = (&found.replayed, &found.recorded);
    let bits = |bits: u32| format!("{bits:08x}");
    let rows = [
        ("learning rate", figure::rate(theirs.learning_rate), figure::rate(ours.learning_rate)),
        ("loss", figure::loss(theirs.loss_bits), figure::loss(ours.loss_bits)),
        ("bits of the loss", bits(theirs.loss_bits), bits(ours.loss_bits)),
    ];
    html! {
        table.sides {
            thead {
                tr {
                    th scope="col" { "step " (found.step) }
                    th scope="col" { "recorded" }
                    th scope="col" { "replayed" }
                }
            }
            tbody {
                @for (name, recorded, replayed) in &rows {
                    tr.differs[recorded != replayed] {
                        th scope="row" { (name) (sign(recorded != replayed)) }
                        td { (recorded) }
                        td { (replayed) }
                    }
                }
                @for figure in &found.figures {
                    tr.differs {
                        th scope="row" { code { (figure.name) } (sign(true)) }
                        td { (side(figure.recorded.as_ref())) }
                        td { (side(figure.replayed.as_ref())) }
                    }
                }
            }
        }
        (names("Gradients that differ", &found.gradients))
        (names("Tensors that differ after the step", &found.tensors))
    }
}

/// Writes a figure of one side.
fn side(value: Option<&FigureValue>) -> String {
    value.map_or_else(|| "none".into(), FigureValue::shown)
}

/// Marks a row of which the two sides differ.
pub(super) fn sign(differs: bool) -> Markup {
    html! { @if differs { " " span.sign title="differs" { "≠" } } }
}

fn names(title: &str, names: &[String]) -> Markup {
    html! {
        @if !names.is_empty() {
            p.names {
                (title) " (" (names.len()) "): "
                @for (place, name) in names.iter().take(TENSORS_MAX).enumerate() {
                    @if place > 0 { ", " }
                    code { (name) }
                }
                @if let Some(more @ 1..) = names.len().checked_sub(TENSORS_MAX) {
                    " and " (more) " more"
                }
            }
        }
    }
}

fn tensors(differences: &[TensorDifference]) -> Markup {
    html! {
        div.scroll {
            table.tensors {
                thead {
                    tr {
                        @for title in ["tensor", "elements", "first at", "recorded", "replayed", "apart"] {
                            th scope="col" { (title) }
                        }
                    }
                }
                tbody { @for found in differences.iter().take(TENSORS_MAX) { (tensor(found)) } }
            }
        }
        @if let Some(more @ 1..) = differences.len().checked_sub(TENSORS_MAX) {
            p.quiet { "and " (figure::count(more as u64, "tensor")) " more" }
        }
    }
}

fn tensor(found: &TensorDifference) -> Markup {
    html! {
        tr {
            th scope="row" { (found.name) }
            @if let Difference::Elements { count, of, index_first, recorded, replayed, .. } =
                &found.difference {
                td { (count) " of " (of) }
                td { "[" (index_first) "]" }
                td { (recorded) }
                td { (replayed) }
                td { (found.difference.apart()) }
            } @else {
                td colspan="5" { (found.explain()) }
            }
        }
    }
}
