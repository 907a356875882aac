//! The segments of the run as a strip over its steps.

use maud::{Markup, html};
use reenact_core::verify::{Claim, Report};

use super::mark::{Counts, Mark};
use super::{axis, figure, section};

/// Height of the drawing, in its own units.
const HEIGHT: u64 = 40;
/// Segments drawn one by one; of more, neighbours with the same mark are one.
const SINGLE_MAX: u64 = 400;

/// Draws the segments; nothing if it is not known which there are.
pub(super) fn show(report: &Report) -> Markup {
    let Some(claim) = report.claim.as_ref().filter(|claim| claim.checkpoint_every > 0) else {
        return html! {};
    };
    let stretches = stretches(report, claim);
    section(
        "Segments",
        html! {
            figure {
                svg.map role="img" aria-label=(summary(report)) preserveAspectRatio="none"
                    viewBox=(format!("0 0 {} {HEIGHT}", claim.steps_reached().max(1))) {
                    @for stretch in &stretches { (draw(stretch, claim)) }
                }
                (axis::steps(0, claim.steps_reached()))
                figcaption { (legend(report, claim)) }
            }
        },
    )
}

fn summary(report: &Report) -> String {
    let Counts { total, drawn, clean, within, divergent, unclear, .. } = Counts::of(report);
    let rest = total.saturating_sub(drawn);
    let within =
        if within > 0 { format!("{within} within the tolerance, ") } else { String::new() };
    format!(
        "Map of {}: {clean} clean, {within}{divergent} divergent, {unclear} unclear, {rest} not \
         replayed",
        figure::count(total, "segment")
    )
}

/// Names neighbouring segments with the same mark: the first, and the one after
/// the last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stretch {
    mark: Mark,
    first: u64,
    end: u64,
}

/// Lists what to draw, without a walk over the segments nobody drew.
fn stretches(report: &Report, claim: &Claim) -> Vec<Stretch> {
    let mut drawn: Vec<(u64, Mark)> =
        report.segments.iter().map(|found| (found.segment.index, Mark::of(found))).collect();
    drawn.sort_by_key(|(index, _)| *index);
    let mut found = Vec::new();
    let mut next = 0;
    for (index, mark) in drawn {
        push(&mut found, Stretch { mark: Mark::NotDrawn, first: next, end: index }, claim);
        push(&mut found, Stretch { mark, first: index, end: index + 1 }, claim);
        next = index + 1;
    }
    push(&mut found, Stretch { mark: Mark::NotDrawn, first: next, end: claim.segments }, claim);
    found
}

fn push(found: &mut Vec<Stretch>, stretch: Stretch, claim: &Claim) {
    if stretch.first >= stretch.end {
        return;
    }
    if claim.segments <= SINGLE_MAX {
        let single = |first| Stretch { first, end: first + 1, ..stretch };
        found.extend((stretch.first..stretch.end).map(single));
        return;
    }
    match found.last_mut() {
        Some(last) if last.mark == stretch.mark && last.end == stretch.first => {
            last.end = stretch.end;
        }
        _ => found.push(stretch),
    }
}

/// The height tells the marks apart, too: colour alone is not for everybody.
fn draw(stretch: &Stretch, claim: &Claim) -> Markup {
    let Stretch { mark, first, end } = *stretch;
    let height = height(mark);
    let step_start = first * claim.checkpoint_every;
    let step_end = end.saturating_mul(claim.checkpoint_every).min(claim.steps_reached());
    let which = match end - first {
        1 => format!("segment {first}"),
        _ => format!("segments {first} to {}", end - 1),
    };
    html! {
        rect class=(mark.class()) x=(step_start) y=(HEIGHT - height)
            width=(step_end.saturating_sub(step_start)) height=(height) {
            title { (which) ", steps " (step_start) " to " (step_end.saturating_sub(1)) ": " (mark.word()) }
        }
    }
}

fn height(mark: Mark) -> u64 {
    match mark {
        Mark::Divergent => HEIGHT,
        Mark::Clean => 24,
        Mark::Within => 19,
        Mark::Unclear => 14,
        Mark::NotDrawn => 6,
    }
}

fn legend(report: &Report, claim: &Claim) -> Markup {
    let of = |mark: Mark| {
        let found = report.segments.iter().filter(move |found| Mark::of(found) == mark);
        let mut indices: Vec<u64> = found.map(|found| found.segment.index).collect();
        indices.sort_unstable();
        indices
    };
    let rest = claim.segments.saturating_sub(report.segments.len() as u64);
    html! {
        ul.legend {
            @for mark in Mark::ALL {
                @let indices = of(mark);
                @let number = if mark == Mark::NotDrawn { rest } else { indices.len() as u64 };
                @if number > 0 {
                    li {
                        svg.key aria-hidden="true" viewBox="0 0 14 40" {
                            rect class=(mark.class()) x="0" y=(HEIGHT - height(mark)) width="14"
                                height=(height(mark)) {}
                        }
                        span {
                            b { (number) } " " (mark.word())
                            @if !indices.is_empty() {
                                ": segment" @if number > 1 { "s" } " "
                                (figure::ranges(indices.into_iter()))
                            }
                        }
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::report;
    use super::*;

    #[test]
    fn undrawn_segments_fill_the_gaps() {
        let report = report();
        let claim = report.claim.clone().unwrap();
        let marks: Vec<Mark> = stretches(&report, &claim).iter().map(|found| found.mark).collect();
        use Mark::{Clean, Divergent, NotDrawn};
        assert_eq!(marks, [NotDrawn, Clean, Divergent, NotDrawn]);
    }

    #[test]
    fn a_run_of_many_segments_is_drawn_by_stretches() {
        let report = report();
        let mut claim = report.claim.clone().unwrap();
        claim.segments = u64::MAX / 1024;
        let found = stretches(&report, &claim);
        assert_eq!(found.len(), 4);
        assert_eq!((found[3].first, found[3].end), (3, claim.segments));
    }
}
