//! What replays that agree note all the same.

use crate::verify::finding::{Finding, Place};
use crate::verify::segment_report::{SegmentOutcome, SegmentReport};
use crate::verify::unrecorded::kernels;

/// Notes what replays that agreed with the recording did otherwise.
pub(in crate::verify) fn notes(segments: &[SegmentReport]) -> Vec<Finding> {
    chosen(segments).into_iter().chain(launched(segments)).collect()
}

/// Says that other kernels were launched than recorded.
fn launched(segments: &[SegmentReport]) -> Option<Finding> {
    let agreeing = segments.iter().filter_map(|report| match &report.outcome {
        SegmentOutcome::Replayed { replay } if replay.divergence.is_none() => Some(replay),
        _ => None,
    });
    let (mut other, mut compared, mut first) = (0, 0, None);
    for replay in agreeing {
        other += replay.launched.other;
        compared += replay.launched.compared;
        first = first.or(replay.launched.first);
    }
    let problem = format!(
        "{other} of {compared} replayed steps launched other kernels than the recording did; the \
         states agree all the same. Another build of reenact may fuse otherwise"
    );
    Some(Finding::note(Place::step(first?), problem))
}

/// Says that the recording does not hold every kernel that was computed with.
fn chosen(segments: &[SegmentReport]) -> Option<Finding> {
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
