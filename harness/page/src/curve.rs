//! The loss of the recording, with the replays over it.

use std::fmt::Write;

use maud::{Markup, html};
use reenact_core::verify::{Claim, CourseStep, Replay, Report, SegmentOutcome};

use super::mark::Mark;
use super::{axis, figure, section};

/// Width and height of the drawing, in its own units.
const SIZE: f64 = 1000.0;
/// Points drawn of all replays together.
const POINTS_MAX: usize = 8192;
/// Where the highest loss is so many times the lowest, the scale is logarithmic.
const DECADES: f64 = 20.0;
/// A replay may leave the recorded range by so many times its height.
const BEYOND: f64 = 0.5;

/// Draws the curve; nothing if the recording holds no loss.
pub(super) fn show(report: &Report) -> Markup {
    let Some(claim) = &report.claim else { return html! {} };
    let replays: Vec<(Mark, &Replay)> = report.segments.iter().filter_map(replay).collect();
    let Some(frame) = Frame::of(claim, &replays) else { return html! {} };
    let each = (POINTS_MAX / replays.len().max(1)).max(2);
    section(
        "Loss",
        html! {
            figure {
                div.plot {
                    span.high aria-hidden="true" { (figure::tick(frame.scale.value(frame.high))) }
                    span.low aria-hidden="true" { (figure::tick(frame.scale.value(frame.low))) }
                    svg.curve role="img" aria-label=(summary(claim, &replays))
                        preserveAspectRatio="none" viewBox="0 0 1000 1000" {
                        @for quarter in [0, 250, 500, 750, 1000] {
                            line.grid x1="0" x2="1000" y1=(quarter) y2=(quarter) {}
                        }
                        @for (mark, replay) in &replays { (overlay(&frame, *mark, replay, each)) }
                        path.recorded d=(frame.path(recorded(claim))) {}
                        @for (_, replay) in &replays { (first_step(&frame, replay)) }
                    }
                }
                (axis::steps(0, claim.steps_reached()))
                figcaption { (legend(&replays, frame.scale)) }
            }
        },
    )
}

fn replay(found: &reenact_core::verify::SegmentReport) -> Option<(Mark, &Replay)> {
    match &found.outcome {
        SegmentOutcome::Replayed { replay } => Some((Mark::of(found), replay)),
        _ => None,
    }
}

fn recorded(claim: &Claim) -> impl Iterator<Item = (u64, f32)> {
    claim.losses.iter().map(|point| (point.step, point.loss()))
}

fn replayed(step: &CourseStep) -> (u64, f32) {
    (step.step, f32::from_bits(step.replayed_loss_bits))
}

fn summary(claim: &Claim, replays: &[(Mark, &Replay)]) -> String {
    let at = |point: Option<&reenact_core::verify::LossPoint>| {
        let show = |point: &reenact_core::verify::LossPoint| {
            format!("{} at step {}", figure::loss(point.bits), point.step)
        };
        point.map(show).unwrap_or_default()
    };
    let divergent = replays.iter().filter(|(mark, _)| *mark == Mark::Divergent).count();
    format!(
        "Loss by step. Recorded: from {} to {}. {} replayed, {divergent} of them divergent.",
        at(claim.losses.first()),
        at(claim.losses.last()),
        figure::count(replays.len() as u64, "segment")
    )
}

/// Says what stands for a loss on the upright axis.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Scale {
    /// The loss.
    Linear,
    /// Its logarithm: most losses fall fast, and differ late.
    Logarithmic,
}

impl Scale {
    fn of(low: f64, high: f64) -> Self {
        if low > 0.0 && high > DECADES * low { Self::Logarithmic } else { Self::Linear }
    }

    fn place(self, loss: f64) -> f64 {
        match self {
            Self::Linear => loss,
            // A replay may give what has no logarithm: it is drawn far below.
            Self::Logarithmic => loss.max(f64::MIN_POSITIVE).ln(),
        }
    }

    fn value(self, place: f64) -> f64 {
        match self {
            Self::Linear => place,
            Self::Logarithmic => place.exp(),
        }
    }
}

/// Maps steps and losses into the drawing.
struct Frame {
    steps: f64,
    scale: Scale,
    low: f64,
    high: f64,
}

impl Frame {
    fn of(claim: &Claim, replays: &[(Mark, &Replay)]) -> Option<Self> {
        let (low, high) = bounds(recorded(claim).map(|(_, loss)| loss))?;
        let scale = Scale::of(low, high);
        let (mut low, mut high) = (scale.place(low), scale.place(high));
        let ours = replays.iter().flat_map(|(_, replay)| &replay.course.steps);
        if let Some((least, most)) = bounds(ours.map(|step| replayed(step).1)) {
            let (least, most) = (scale.place(least), scale.place(most));
            let margin = BEYOND * (high - low);
            (low, high) = (low.min(least.max(low - margin)), high.max(most.min(high + margin)));
        }
        if low >= high {
            (low, high) = (low - 0.5, high + 0.5);
        }
        Some(Self { steps: claim.steps_reached().max(1) as f64, scale, low, high })
    }

    fn x(&self, step: u64) -> f64 {
        SIZE * step as f64 / self.steps
    }

    /// Draws what is a number; elsewhere the line is broken.
    fn path(&self, points: impl Iterator<Item = (u64, f32)>) -> String {
        let mut path = String::new();
        let mut pen = 'M';
        for (step, loss) in points {
            if !loss.is_finite() {
                pen = 'M';
                continue;
            }
            let y = SIZE * (self.high - self.scale.place(f64::from(loss))) / (self.high - self.low);
            let (x, y) = (self.x(step), y.clamp(-SIZE, 2.0 * SIZE));
            // Writing to a string cannot fail.
            let _ = write!(path, "{pen}{x:.1} {y:.1}");
            pen = 'L';
        }
        path
    }
}

fn bounds(losses: impl Iterator<Item = f32>) -> Option<(f64, f64)> {
    let finite = losses.filter(|loss| loss.is_finite()).map(f64::from);
    finite.fold(None, |found, loss| match found {
        None => Some((loss, loss)),
        Some((low, high)) => Some((f64::min(low, loss), f64::max(high, loss))),
    })
}

fn overlay(frame: &Frame, mark: Mark, replay: &Replay, each: usize) -> Markup {
    let steps = &replay.course.steps;
    let stride = steps.len().div_ceil(each).max(1);
    let last = steps.len().saturating_sub(1);
    let kept = steps.iter().enumerate().filter(|(place, _)| place % stride == 0 || *place == last);
    let path = frame.path(kept.map(|(_, step)| replayed(step)));
    let segment = replay.segment;
    html! {
        path.replayed.(mark.class()) d=(path) {
            title { "segment " (segment.index) ": " (mark.word()) }
        }
    }
}

/// Marks where a replay leaves the recording.
fn first_step(frame: &Frame, replay: &Replay) -> Markup {
    let step = replay.divergence.as_ref().and_then(|found| found.step.as_ref());
    html! {
        @if let Some(found) = step {
            @let x = format!("{:.1}", frame.x(found.step));
            line.first x1=(x) x2=(x) y1="0" y2="1000" {
                title { "step " (found.step) ": the replay leaves the recording" }
            }
        }
    }
}

fn legend(replays: &[(Mark, &Replay)], scale: Scale) -> Markup {
    let any = |wanted: Mark| replays.iter().any(|(mark, _)| *mark == wanted);
    let key = |class: &'static str, text: &'static str| {
        html! {
            li {
                svg.line-key aria-hidden="true" viewBox="0 0 30 12" {
                    path class=(class) d="M0 6L30 6" {}
                }
                span { (text) }
            }
        }
    };
    html! {
        ul.legend {
            @if scale == Scale::Logarithmic { li { span.quiet { "logarithmic scale" } } }
            (key("recorded", "recorded"))
            @if any(Mark::Clean) { (key("replayed clean", "replayed, the same bits")) }
            @if any(Mark::Within) { (key("replayed within", "replayed, within the tolerance")) }
            @if any(Mark::Divergent) {
                (key("replayed divergent", "replayed, a divergent segment"))
                li {
                    svg.line-key aria-hidden="true" viewBox="0 0 30 12" {
                        line.first x1="15" x2="15" y1="0" y2="12" {}
                    }
                    span { "first divergent step" }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_broken_where_there_is_no_number() {
        let frame = Frame { steps: 4.0, scale: Scale::Linear, low: 0.0, high: 1.0 };
        let points = [(0, 0.0), (1, 1.0), (2, f32::NAN), (3, f32::INFINITY), (4, 0.5)];
        assert_eq!(frame.path(points.into_iter()), "M0.0 1000.0L250.0 0.0M1000.0 500.0");
        let far = [(0, f32::MAX), (1, f32::MIN)];
        assert_eq!(frame.path(far.into_iter()), "M0.0 -1000.0L250.0 2000.0");
    }

    #[test]
    fn a_loss_that_falls_far_gets_a_logarithmic_scale() {
        assert_eq!(Scale::of(0.1, 1.0), Scale::Linear);
        assert_eq!(Scale::of(0.0, 1.0), Scale::Linear);
        let scale = Scale::of(0.01, 1.0);
        assert_eq!(scale, Scale::Logarithmic);
        assert!((scale.value(scale.place(0.1)) - 0.1).abs() < 1e-12);
        assert!(scale.place(-1.0).is_finite());
    }

    #[test]
    fn bounds_are_those_of_the_numbers() {
        assert_eq!(bounds([f32::NAN, 2.0, -1.0, f32::INFINITY].into_iter()), Some((-1.0, 2.0)));
        assert_eq!(bounds([f32::NAN].into_iter()), None);
    }
}
