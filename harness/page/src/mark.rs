//! What an audit has to say about one segment, in one mark.

use reenact_core::verify::{Report, SegmentOutcome, SegmentReport};

/// Says how a segment came out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mark {
    /// Replayed; every bit agrees.
    Clean,
    /// Replayed on another class of device; within the tolerance.
    Within,
    /// Replayed, or not replayable because of what it holds.
    Divergent,
    /// Drawn, but nothing could be told.
    Unclear,
    /// Not replayed.
    NotDrawn,
}

impl Mark {
    pub(super) const ALL: [Self; 5] =
        [Self::Clean, Self::Within, Self::Divergent, Self::Unclear, Self::NotDrawn];

    /// Judges a replayed segment.
    pub(super) fn of(found: &SegmentReport) -> Self {
        match &found.outcome {
            SegmentOutcome::Replayed { replay } if !replay.leaves_recording() => {
                if replay.deviation.is_some() { Self::Within } else { Self::Clean }
            }
            SegmentOutcome::Replayed { .. } | SegmentOutcome::Refused { .. } => Self::Divergent,
            SegmentOutcome::Unstable { .. }
            | SegmentOutcome::Failed { .. }
            | SegmentOutcome::Changed { .. } => Self::Unclear,
        }
    }

    /// Names it for a reader.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Clean => "replayed, every bit agrees",
            Self::Within => "replayed, within the tolerance",
            Self::Divergent => "divergent",
            Self::Unclear => "drawn, but unclear",
            Self::NotDrawn => "not replayed",
        }
    }

    /// Names it for the style sheet.
    pub(super) fn class(self) -> &'static str {
        match self {
            Self::Clean => "clean",
            Self::Within => "within",
            Self::Divergent => "divergent",
            Self::Unclear => "unclear",
            Self::NotDrawn => "not-drawn",
        }
    }
}

fn is_refused(found: &&SegmentReport) -> bool {
    matches!(found.outcome, SegmentOutcome::Refused { .. })
}

/// Counts the segments of a report by their marks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Counts {
    /// Segments of the run.
    pub(super) total: u64,
    /// Segments drawn.
    pub(super) drawn: u64,
    /// Of them: clean.
    pub(super) clean: u64,
    /// Of them: within the tolerance.
    pub(super) within: u64,
    /// Of them: divergent.
    pub(super) divergent: u64,
    /// Of the divergent ones: not replayable.
    pub(super) refused: u64,
    /// Of those drawn: unclear.
    pub(super) unclear: u64,
}

impl Counts {
    /// Counts a report.
    pub(super) fn of(report: &Report) -> Self {
        let count = |mark: Mark| {
            report.segments.iter().filter(|found| Mark::of(found) == mark).count() as u64
        };
        Self {
            total: report.claim.as_ref().map_or(0, |claim| claim.segments),
            drawn: report.segments.len() as u64,
            clean: count(Mark::Clean),
            within: count(Mark::Within),
            divergent: count(Mark::Divergent),
            refused: report.segments.iter().filter(is_refused).count() as u64,
            unclear: count(Mark::Unclear),
        }
    }

    /// Says whether no segment was left out.
    pub(super) fn whole_run(&self) -> bool {
        self.total > 0 && self.drawn == self.total
    }
}
