//! Replaying further segments, to weigh what a recording claims of its machines.

use reenact_core::format::Environment;
use reenact_core::verify::{
    Challenge, Recording, Segment, SegmentReport, controls, is_shown_to_be_here,
};

use crate::failure::Failure;
use crate::progress;
use crate::worker::Crew;

/// Names what is audited, and on what.
pub(super) struct Subject<'a> {
    pub(super) recording: &'a Recording<'a>,
    pub(super) auditor: &'a Environment,
    pub(super) challenge: Option<&'a Challenge>,
    pub(super) quiet: bool,
}

impl Subject<'_> {
    /// Replays the segments that are necessary beside those that were drawn; mostly none.
    pub(super) fn controls(
        &self,
        crew: &Crew,
        replayed: &[SegmentReport],
    ) -> Result<Vec<SegmentReport>, Failure> {
        let indices = controls(self.recording, self.auditor, replayed, self.challenge);
        let segments: Vec<Segment> =
            indices.into_iter().map(|index| self.recording.segment(index)).collect();
        self.take(crew, &segments)
    }

    /// Replays the same controls again.
    pub(super) fn replay(
        &self,
        crew: &Crew,
        before: &[SegmentReport],
    ) -> Result<Vec<SegmentReport>, Failure> {
        let segments: Vec<Segment> = before.iter().map(|report| report.segment).collect();
        self.take(crew, &segments)
    }

    /// Says whether this machine computes as one that trained, whatever it claims.
    pub(super) fn computes_here(
        &self,
        replayed: &[SegmentReport],
        controls: &[SegmentReport],
    ) -> bool {
        is_shown_to_be_here(self.recording, self.auditor, replayed, controls)
    }

    fn take(&self, crew: &Crew, segments: &[Segment]) -> Result<Vec<SegmentReport>, Failure> {
        if segments.is_empty() {
            return Ok(Vec::new());
        }
        let steps = segments.iter().map(|segment| segment.step_end - segment.step_start).sum();
        let bar = progress::bar("controls", "steps", steps, self.quiet);
        let replayed = crew.replay(segments, &bar)?;
        bar.finish_and_clear();
        Ok(replayed)
    }
}
