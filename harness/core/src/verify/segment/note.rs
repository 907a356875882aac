//! What replays that agree note all the same.

use crate::verify::finding::{Finding, Place};
use crate::verify::segment_report::{SegmentOutcome, SegmentReport};
use crate::verify::unrecorded::kernels;

/// Notes that replays agreed with the recording although it does not hold every
/// kernel that they computed with.
pub(in crate::verify) fn note(segments: &[SegmentReport]) -> Option<Finding> {
    let mut agreeing = segments.iter().filter_map(|report| match &report.outcome {
        SegmentOutcome::Replayed { replay }
            if replay.divergence.is_none() && !replay.unrecorded.is_empty() =>
        {
            Some((report.segment, &replay.unrecorded))
        }
        _ => None,
    });
    let (segment, unrecorded) = agreeing.next()?;
    let more = match agreeing.count() {
        0 => String::new(),
        1 => "; and so in 1 more segment".into(),
        more => format!("; and so in {more} more segments"),
    };
    let problem = format!(
        "in segment {} the replay had to choose {} that the recording does not hold: {}; the \
         states agree all the same{more}",
        segment.index,
        kernels(unrecorded.count),
        unrecorded.names()
    );
    Some(Finding::note(Place::step(segment.step_start), problem))
}
