//! An audit, watched by somebody.

use std::sync::Mutex;
use std::sync::PoisonError;

use indicatif::ProgressBar;
use reenact_audit::{Event, Observer, Phase};

use super::{interruption, local, output, progress};

/// Shows events as progress bars and messages.
pub(crate) struct Watch {
    bar: Mutex<ProgressBar>,
}

impl Watch {
    /// Shows no bar yet.
    pub(crate) fn new() -> Self {
        Self { bar: Mutex::new(ProgressBar::hidden()) }
    }

    fn bar(&self) -> ProgressBar {
        self.bar.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn begin(&self, phase: Phase, total: u64, segments: Option<(u64, u64)>) {
        let (what, unit) = match phase {
            Phase::Examining => ("examining", "checkpoints"),
            Phase::Deriving => ("deriving", "steps"),
            Phase::Replaying => ("replaying", "steps"),
            Phase::Controls => ("controls", "steps"),
        };
        let bar = progress::bar(what, unit, total);
        if let Some((chosen, all)) = segments {
            bar.set_message(format!("{chosen} of {all} segments"));
        }
        *self.bar.lock().unwrap_or_else(PoisonError::into_inner) = bar;
    }
}

impl Observer for Watch {
    fn hear(&self, event: Event<'_>) {
        match event {
            Event::Begun { phase, total, segments } => self.begin(phase, total, segments),
            Event::At { done, total } => {
                let bar = self.bar();
                bar.set_length(total);
                bar.set_position(done);
            }
            Event::Step => self.bar().inc(1),
            Event::Lost(steps) => self.bar().dec(steps),
            Event::Replayed(_) => {}
            Event::Seeking { segment } => {
                self.bar().set_message(format!("seeking the cause in segment {segment}"));
            }
            Event::Ended => self.bar().finish_and_clear(),
            Event::Due { count, since_seconds } => {
                let (since, plural) =
                    (local(since_seconds), if count == 1 { " is" } else { "s are" });
                output::note(format_args!(
                    "{count} segment{plural} due: an audit of {since} drew and did not judge them"
                ));
            }
            Event::Owing { run } => interruption::tell(format!(
                "stopped: segments that were drawn and are not judged are due; the next audit of \
                 {run} replays them first"
            )),
            Event::Settled => interruption::forget(),
            Event::Queued { place } => output::note(format_args!(
                "another process locks the ledger; this audit waits in {} and counts from there. \
                 The next audit or `reenact ledger` takes it in",
                place.display()
            )),
        }
    }
}
