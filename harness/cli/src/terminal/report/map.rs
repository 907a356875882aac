//! The segments of a run, a character each.

use reenact_core::verify::{Report, SegmentOutcome, SegmentReport};

use super::fact;
use crate::terminal::output::{BAD, DIM, GOOD, UNSURE, WITHIN, styled};

/// Segments drawn on one line of the map.
const MAP_WIDTH: u64 = 64;

/// Draws each segment as one character.
pub(super) fn show(report: &Report, total: u64) {
    if total > 16 * MAP_WIDTH {
        return;
    }
    let mark = |index: u64| {
        let found = report.segments.iter().find(|report| report.segment.index == index);
        found.map_or_else(|| styled(DIM, "·"), segment_mark)
    };
    for start in (0..total).step_by(MAP_WIDTH as usize) {
        let row: String = (start..total.min(start + MAP_WIDTH)).map(mark).collect();
        fact(if start == 0 { "segments" } else { "" }, row);
    }
}

fn segment_mark(report: &SegmentReport) -> String {
    match &report.outcome {
        SegmentOutcome::Replayed { replay } if !replay.leaves_recording() => {
            match replay.deviation {
                None => styled(GOOD, "■"),
                Some(_) => styled(WITHIN, "≈"),
            }
        }
        SegmentOutcome::Replayed { .. } | SegmentOutcome::Refused { .. } => styled(BAD, "✗"),
        SegmentOutcome::Unstable { .. }
        | SegmentOutcome::Failed { .. }
        | SegmentOutcome::Changed { .. } => styled(UNSURE, "?"),
    }
}
