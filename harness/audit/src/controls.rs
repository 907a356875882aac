//! Replaying further segments, to weigh what a recording claims of its machines.

use reenact_core::format::Environment;
use reenact_core::verify::{
    Challenge, Recording, Segment, SegmentReport, controls, is_shown_to_be_here,
};

use crate::event::{Event, Observer, Phase};
use crate::replays::Replays;

/// Names what is audited, and on what.
pub(crate) struct Subject<'a> {
    pub(crate) recording: &'a Recording<'a>,
    pub(crate) auditor: &'a Environment,
    pub(crate) challenge: Option<&'a Challenge>,
    pub(crate) observer: &'a dyn Observer,
}

impl Subject<'_> {
    /// Replays the segments that are necessary beside those that were drawn; mostly none.
    pub(crate) fn controls(
        &self,
        replays: &Replays<'_>,
        replayed: &[SegmentReport],
    ) -> Vec<SegmentReport> {
        let indices = controls(self.recording, self.auditor, replayed, self.challenge);
        let segments: Vec<Segment> =
            indices.into_iter().map(|index| self.recording.segment(index)).collect();
        self.take(replays, &segments)
    }

    /// Replays the same controls again.
    pub(crate) fn replay(
        &self,
        replays: &Replays<'_>,
        before: &[SegmentReport],
    ) -> Vec<SegmentReport> {
        let segments: Vec<Segment> = before.iter().map(|report| report.segment).collect();
        self.take(replays, &segments)
    }

    /// Says whether this machine computes as one that trained, whatever it claims.
    pub(crate) fn computes_here(
        &self,
        replayed: &[SegmentReport],
        controls: &[SegmentReport],
    ) -> bool {
        is_shown_to_be_here(self.recording, self.auditor, replayed, controls)
    }

    fn take(&self, replays: &Replays<'_>, segments: &[Segment]) -> Vec<SegmentReport> {
        if segments.is_empty() {
            return Vec::new();
        }
        let total = segments.iter().map(|segment| segment.step_end - segment.step_start).sum();
        self.observer.hear(Event::Begun { phase: Phase::Controls, total, segments: None });
        let replayed = replays.of(segments, self.observer);
        self.observer.hear(Event::Ended);
        replayed
    }
}
