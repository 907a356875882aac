//! What was measured on held-out samples over the steps, a small picture a figure.

use std::fmt::Write;

use maud::{Markup, html};
use reenact_core::verify::{FigureCurve, FigurePoint, Report};

use super::{figure, section};

/// Width and height of a drawing, in its own units.
const SIZE: f64 = 1000.0;
/// Pictures shown; the file for machines has all.
const PICTURES_MAX: usize = 12;

/// Draws the figures; nothing if none was recorded.
pub(super) fn show(report: &Report) -> Markup {
    let Some(claim) = report.claim.as_ref().filter(|claim| !claim.figures.is_empty()) else {
        return html! {};
    };
    let steps = claim.steps_reached();
    section(
        "Validation",
        html! {
            div.figures {
                @for curve in claim.figures.iter().take(PICTURES_MAX) { (picture(curve, steps)) }
            }
            @if let Some(more @ 1..) = claim.figures.len().checked_sub(PICTURES_MAX) {
                p.quiet { "and " (figure::count(more as u64, "figure")) " more" }
            }
            p.quiet { (said(report)) }
        },
    )
}

/// Says what the recorded figures are worth.
fn said(report: &Report) -> &'static str {
    match &report.tolerance {
        Some(_) => {
            "As the recording has them. Across two classes of device their bits are not compared."
        }
        None => {
            "As the recording has them. Those of replayed segments were measured again and \
             compared bit for bit."
        }
    }
}

fn picture(curve: &FigureCurve, steps: u64) -> Markup {
    let (first, last) = (curve.points.first(), curve.points.last());
    let range = Range::of(&curve.points);
    html! {
        figure.small {
            figcaption { b { (curve.name) } " " (value(last)) }
            svg.curve role="img" aria-label=(summary(curve, first, last))
                preserveAspectRatio="none" viewBox="0 0 1000 1000" {
                @for half in [0, 500, 1000] {
                    line.grid x1="0" x2="1000" y1=(half) y2=(half) {}
                }
                @if let Some(range) = range {
                    path.recorded d=(range.path(&curve.points, steps)) {}
                }
            }
            @if let Some(range) = range {
                small.quiet { (figure::tick(range.low)) " to " (figure::tick(range.high)) }
            }
        }
    }
}

fn summary(curve: &FigureCurve, first: Option<&FigurePoint>, last: Option<&FigurePoint>) -> String {
    let step = |point: Option<&FigurePoint>| point.map_or(0, |point| point.step);
    format!(
        "{} by step: from {} at step {} to {} at step {}.",
        curve.name,
        value(first),
        step(first),
        value(last),
        step(last)
    )
}

fn value(point: Option<&FigurePoint>) -> String {
    let Some(point) = point else { return String::new() };
    point.value.map_or_else(|| "NaN or infinity".into(), figure::tick)
}

/// Holds what the upright axis spans.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Range {
    low: f64,
    high: f64,
}

impl Range {
    /// Spans the numbers; none if there is none.
    fn of(points: &[FigurePoint]) -> Option<Self> {
        let numbers = || points.iter().filter_map(|point| point.value);
        let (low, high) = (numbers().reduce(f64::min)?, numbers().reduce(f64::max)?);
        Some(Self { low, high })
    }

    /// Draws what is a number; elsewhere the line is broken. A single point is a short line.
    fn path(self, points: &[FigurePoint], steps: u64) -> String {
        let (mut path, mut pen) = (String::new(), 'M');
        for point in points {
            let Some(value) = point.value else {
                pen = 'M';
                continue;
            };
            // Halves, as the difference of two large numbers may be infinite.
            let (above, height) = (self.high / 2.0 - value / 2.0, self.high / 2.0 - self.low / 2.0);
            let share = if height > 0.0 { above / height } else { 0.5 };
            let (x, y) = (SIZE * (point.step + 1) as f64 / steps.max(1) as f64, SIZE * share);
            // Writing to a string cannot fail.
            let _ = match pen {
                'M' => write!(path, "M{:.1} {y:.1}L{x:.1} {y:.1}", x - 4.0),
                _ => write!(path, "L{x:.1} {y:.1}"),
            };
            pen = 'L';
        }
        path
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(values: &[Option<f64>]) -> String {
        let point = |(step, &value)| FigurePoint { step, value };
        let points: Vec<FigurePoint> = (0..).zip(values).map(point).collect();
        Range::of(&points).map_or(String::new(), |range| range.path(&points, 4))
    }

    #[test]
    fn a_line_is_broken_where_there_is_no_number() {
        let drawn = path(&[Some(1.0), Some(0.0), None, Some(0.5)]);
        assert_eq!(drawn, "M246.0 0.0L250.0 0.0L500.0 1000.0M996.0 500.0L1000.0 500.0");
        assert_eq!(path(&[None]), "");
    }

    #[test]
    fn whatever_the_numbers_are_the_drawing_has_bounds() {
        assert_eq!(path(&[Some(3.0)]), "M246.0 500.0L250.0 500.0");
        let wide = path(&[Some(f64::MAX), Some(f64::MIN)]);
        assert_eq!(wide, "M246.0 0.0L250.0 0.0L500.0 1000.0");
    }
}
