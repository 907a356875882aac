//! What an audit tells on its way.

use std::path::Path;

use reenact_core::verify::SegmentReport;

/// Names a part of an audit that takes a while.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Checkpoints are read and compared with their roots; counts checkpoints.
    Examining,
    /// Batches are derived from the spec; counts steps.
    Deriving,
    /// Drawn segments are replayed; counts steps.
    Replaying,
    /// Segments are replayed to weigh what is claimed of the machines; counts steps.
    Controls,
}

/// Says what has just happened.
#[derive(Clone, Copy, Debug)]
pub enum Event<'a> {
    /// A part begins that has so many units, in so many segments of the run, if it is about
    /// segments.
    Begun {
        /// Which.
        phase: Phase,
        /// Units: checkpoints or steps; 0 as long as nobody knows.
        total: u64,
        /// Segments that are replayed, and that the run has.
        segments: Option<(u64, u64)>,
    },
    /// It is so far.
    At {
        /// Units that are done.
        done: u64,
        /// Units altogether.
        total: u64,
    },
    /// One more step is replayed.
    Step,
    /// A worker failed, and so many steps are taken again.
    Lost(u64),
    /// A segment is replayed.
    Replayed(&'a SegmentReport),
    /// The cause of its divergence is sought.
    Seeking {
        /// Index of the segment.
        segment: u64,
    },
    /// The part is over.
    Ended,
    /// Segments are due that an earlier audit drew and did not judge.
    Due {
        /// How many.
        count: usize,
        /// When that audit began, in seconds since 1970.
        since_seconds: u64,
    },
    /// What was drawn stands in the ledger: who stops the audit now has not undone the draw.
    Owing {
        /// Place of the recording.
        run: &'a str,
    },
    /// What became of it stands there too.
    Settled,
    /// Another process locks the ledger, and this audit waits in a file beside it.
    Queued {
        /// The file.
        place: &'a Path,
    },
}

/// Listens to an audit. Several threads may tell at once.
pub trait Observer: Sync {
    /// Hears an event.
    fn hear(&self, event: Event<'_>);
}

/// Hears nothing.
pub struct Silent;

impl Observer for Silent {
    fn hear(&self, _: Event<'_>) {}
}
