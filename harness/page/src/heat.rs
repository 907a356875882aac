//! Where fingerprints disagree: tensors by steps.

use maud::{Markup, html};
use reenact_core::verify::{Course, CourseStep, Segment};

use super::figure;

/// Tensors drawn; the file for machines has more.
const ROWS_MAX: usize = 48;

/// Draws where a replay's steps disagree with the recording.
pub(super) fn show(course: &Course, segment: Segment) -> Markup {
    let columns = Columns::of(course, segment);
    let rows: Vec<(String, Vec<u64>)> = rows(course);
    html! {
        @if !rows.is_empty() {
            div.scroll {
                table.heat {
                    caption {
                        "Where fingerprints disagree, by step. Filled: they differ."
                        @if columns.thinned() {
                            " Of " (figure::count(columns.span, "step")) ", "
                            (columns.starts.len()) " are drawn."
                        }
                    }
                    thead {
                        tr {
                            th scope="col" { "after the step" }
                            th scope="col" {
                                span.ends {
                                    span { (segment.step_start) }
                                    span { (segment.step_end - 1) }
                                }
                            }
                            th.steps scope="col" { "steps" }
                        }
                    }
                    tbody { @for (name, levels) in &rows { (row(&columns, name, levels)) } }
                }
            }
            (left_out(course))
        }
    }
}

fn left_out(course: &Course) -> Markup {
    let most = course.steps.iter().map(|step| step.tensor_count).max().unwrap_or_default();
    let most = most.max(course.tensors.len() as u64);
    html! {
        @if let Some(more @ 1..) = most.checked_sub(ROWS_MAX as u64) {
            p.quiet { "and at least " (figure::count(more, "tensor")) " more" }
        }
    }
}

/// Says how many differ at each kept step: the loss, gradients, each tensor.
fn rows(course: &Course) -> Vec<(String, Vec<u64>)> {
    let levels = |of: &dyn Fn(&CourseStep) -> u64| course.steps.iter().map(of).collect::<Vec<_>>();
    let loss = levels(&|step| u64::from(step.recorded_loss_bits != step.replayed_loss_bits));
    let gradients = levels(&|step| step.gradients);
    let mut rows = vec![("loss".to_owned(), loss), ("gradients".to_owned(), gradients)];
    for (index, name) in course.tensors.iter().take(ROWS_MAX).enumerate() {
        let index = index as u32;
        rows.push((name.clone(), levels(&|step| u64::from(step.tensors.contains(&index)))));
    }
    rows.retain(|(_, levels)| levels.iter().any(|level| *level > 0));
    rows
}

/// Holds where each kept step stands in the drawing.
struct Columns {
    /// First step of the segment.
    origin: u64,
    /// Offset of each kept step.
    starts: Vec<u64>,
    /// Steps of the segment.
    span: u64,
}

impl Columns {
    fn of(course: &Course, segment: Segment) -> Self {
        let offset = |step: &CourseStep| step.step.saturating_sub(segment.step_start);
        Self {
            origin: segment.step_start,
            starts: course.steps.iter().map(offset).collect(),
            span: segment.step_end - segment.step_start,
        }
    }

    fn thinned(&self) -> bool {
        (self.starts.len() as u64) < self.span
    }

    /// Returns where the column after `place` begins.
    fn end(&self, place: usize) -> u64 {
        self.starts.get(place + 1).copied().unwrap_or(self.span)
    }
}

/// Joins neighbours of the same level; level 0 is left out. Gives the first
/// place, the last, and the level.
fn runs(levels: &[u64]) -> Vec<(usize, usize, u64)> {
    let mut found: Vec<(usize, usize, u64)> = Vec::new();
    for (place, &level) in levels.iter().enumerate().filter(|(_, level)| **level > 0) {
        match found.last_mut() {
            Some((_, last, same)) if *last + 1 == place && *same == level => *last = place,
            _ => found.push((place, place, level)),
        }
    }
    found
}

fn row(columns: &Columns, name: &str, levels: &[u64]) -> Markup {
    let runs = runs(levels);
    let most = levels.iter().copied().max().unwrap_or(1).max(1);
    let words = words(columns, levels);
    html! {
        tr {
            th scope="row" { (name) }
            td {
                svg role="img" aria-label=(format!("{name} differs at steps {words}"))
                    preserveAspectRatio="none" viewBox=(format!("0 0 {} 1", columns.span)) {
                    @for (first, last, level) in &runs {
                        rect x=(columns.starts[*first]) y="0" height="1"
                            width=(columns.end(*last) - columns.starts[*first])
                            opacity=(format!("{:.2}", 0.35 + 0.65 * *level as f64 / most as f64)) {
                            title { (title(columns, *first, *last, *level, most)) }
                        }
                    }
                }
            }
            td.steps { (words) }
        }
    }
}

fn title(columns: &Columns, first: usize, last: usize, level: u64, most: u64) -> String {
    let (from, to) =
        (columns.origin + columns.starts[first], columns.origin + columns.starts[last]);
    let steps = if from == to { format!("step {from}") } else { format!("steps {from} to {to}") };
    if most > 1 { format!("{steps}: {level} differ") } else { format!("{steps}: differs") }
}

/// Writes the same as text: the kept steps at which it differs.
fn words(columns: &Columns, levels: &[u64]) -> String {
    let differs = |place: &usize| levels[*place] > 0;
    let places: Vec<usize> = (0..levels.len()).filter(differs).collect();
    let step = |place: usize| columns.origin + columns.starts[place];
    let (Some(&first), Some(&last)) = (places.first(), places.last()) else {
        return String::new();
    };
    let (from, to) = (step(first), step(last));
    match (from == to, places.len() == last - first + 1) {
        (true, _) => from.to_string(),
        (false, true) => format!("{from} to {to}"),
        (false, false) => format!("{} from {from} to {to}", places.len()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(step: u64, tensors: &[u32]) -> CourseStep {
        CourseStep {
            step,
            recorded_loss_bits: 0,
            replayed_loss_bits: u32::from(step > 11),
            stage: None,
            gradients: tensors.len() as u64,
            tensor_count: tensors.len() as u64,
            tensors: tensors.to_vec(),
        }
    }

    #[test]
    fn neighbours_are_joined() {
        assert_eq!(runs(&[0, 1, 1, 0, 2, 1]), [(1, 2, 1), (4, 4, 2), (5, 5, 1)]);
        assert_eq!(runs(&[0, 0]), []);
    }

    #[test]
    fn cells_are_where_fingerprints_disagree() {
        let steps = vec![step(10, &[]), step(11, &[0]), step(12, &[0, 1]), step(13, &[0])];
        let course = Course { tensors: vec!["a".into(), "b".into()], steps };
        let rows = rows(&course);
        let of = |name: &str| rows.iter().find(|(found, _)| found == name).unwrap().1.clone();
        assert_eq!(of("a"), [0, 1, 1, 1]);
        assert_eq!(of("b"), [0, 0, 1, 0]);
        assert_eq!(of("loss"), [0, 0, 1, 1]);
        assert_eq!(of("gradients"), [0, 1, 2, 1]);
        let columns = Columns::of(&course, Segment { index: 1, step_start: 10, step_end: 14 });
        assert_eq!(words(&columns, &of("a")), "11 to 13");
        assert_eq!(words(&columns, &of("b")), "12");
        assert_eq!(words(&columns, &[1, 0, 1, 0]), "2 from 10 to 12");
    }

    #[test]
    fn a_thinned_column_reaches_to_the_next() {
        let course = Course { tensors: vec!["a".into()], steps: vec![step(0, &[]), step(8, &[0])] };
        let columns = Columns::of(&course, Segment { index: 0, step_start: 0, step_end: 16 });
        assert!(columns.thinned());
        assert_eq!((columns.end(0), columns.end(1)), (8, 16));
    }
}
