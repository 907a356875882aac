//! What a training computed, step by step, with the journal that names tensors.

use reenact_core::digest::Digest;
use reenact_core::format::{Environment, History, HistoryError, ReadAt};
use reenact_core::state::StateRoot;

use crate::lock::STEPS_MAX;
use crate::{
    Accepted, ClassError, ClassId, Entry, FinalLoss, Journal, Lock, StoredJournalError, Trace,
    TraceError, TraceStep,
};

/// Holds a trace with its journal.
#[derive(Debug)]
pub struct Evidence {
    /// The steps.
    pub trace: Trace,
    /// The journal; none if there is none, or it is not at hand.
    pub journal: Option<Journal>,
}

/// Says why there is no evidence.
#[derive(Debug, thiserror::Error)]
pub enum EvidenceError {
    /// The trace cannot be read.
    #[error("trace: {0}")]
    Trace(#[from] TraceError),
    /// The journal cannot be read.
    #[error("journal: {0}")]
    Journal(#[from] StoredJournalError),
    /// The trace is another than the lock says.
    #[error("trace: its digest is {}, and the lock says {}: one of the two was changed", found.short(), locked.short())]
    OtherTrace {
        /// What the lock says.
        locked: Digest,
        /// The trace's.
        found: Digest,
    },
    /// The trace does not say what the lock says.
    #[error("trace: its `{what}` is not the lock's")]
    Lock {
        /// What differs.
        what: &'static str,
    },
    /// The journal is another than the trace says.
    #[error("journal: its {what} is not the trace's")]
    OtherJournal {
        /// What differs.
        what: &'static str,
    },
    /// A recording is too short, or none of these.
    #[error("recording: {0}")]
    Recording(String),
}

impl Evidence {
    /// Takes the first `steps` steps of a recording, which end in the state `last`.
    ///
    /// # Errors
    /// If `recorded` is no journal, or has fewer steps.
    pub fn of_recording(
        recorded: Box<dyn ReadAt>,
        steps: u64,
        last: StateRoot,
    ) -> Result<Self, EvidenceError> {
        let refuse = |problem: &str| EvidenceError::Recording(problem.into());
        if !(1..=STEPS_MAX).contains(&steps) {
            return Err(refuse("1 to 4096 steps are expected"));
        }
        let journal = Journal::cut(recorded.as_ref(), steps)?;
        let history = History::read(recorded);
        let history = history.map_err(StoredJournalError::History)?;
        let first = history.checkpoints.get(&0).copied();
        let first = first.ok_or_else(|| refuse("its initial state was not stored"))?;
        let taken = (0..steps).map(|step| taken(&history, step)).collect::<Result<_, _>>()?;
        let binding = journal.as_ref().map(Journal::binding);
        let trace = Trace { spec: history.spec, first, steps: taken, last, journal: binding };
        Ok(Self { trace, journal })
    }

    /// Reads what an entry of a lock binds. A journal that is not at hand only leaves the
    /// tensors without names.
    pub fn read(
        lock: &Lock,
        entry: &Entry,
        trace: &[u8],
        journal: Option<&[u8]>,
    ) -> Result<Self, EvidenceError> {
        let (locked, read) = (entry.trace, Trace::parse(trace));
        let found = Trace::digest_of_text(trace);
        if found != locked {
            // What befell it, if it can be told, says more.
            read?;
            return Err(EvidenceError::OtherTrace { locked, found });
        }
        let trace = read?;
        let agree = [
            ("spec", trace.spec == lock.spec),
            ("steps", trace.steps.len() as u64 == lock.steps),
            ("first", trace.first == entry.first),
            ("last", trace.last == entry.last),
        ];
        if let Some((what, _)) = agree.into_iter().find(|(_, agrees)| !agrees) {
            return Err(EvidenceError::Lock { what });
        }
        let journal = journal.map(|bytes| Journal::parse(bytes.to_vec())).transpose()?;
        journal.iter().try_for_each(|journal| check_journal(&trace, journal))?;
        Ok(Self { trace, journal })
    }

    /// Accepts it for the class of the environment that computed it.
    pub fn accept(
        &self,
        environment: &Environment,
        accepted: Accepted,
    ) -> Result<Entry, ClassError> {
        let Trace { first, last, ref steps, .. } = self.trace;
        let loss = steps.last().map_or(f32::NAN, |step| f32::from_bits(step.loss_bits));
        let facts = environment.engine.class.clone();
        Ok(Entry {
            class: ClassId::of(&facts)?,
            first,
            last,
            trace: self.trace.digest(),
            final_loss: FinalLoss::new(loss),
            cargo_lock: environment.lock,
            rustc: environment.rustc.clone(),
            facts,
            accepted,
        })
    }
}

fn taken(history: &History, step: u64) -> Result<TraceStep, EvidenceError> {
    let trace = history.step(step).map_err(HistoryError::Journal);
    let trace = trace.map_err(StoredJournalError::History)?;
    let found = trace.as_ref().zip(history.layouts(step));
    let found = found.map(|(trace, layouts)| TraceStep::of(trace, layouts));
    found.ok_or_else(|| EvidenceError::Recording(format!("it has no step {step}")))
}

/// The digest settles it; the rest is what a lock that was made by hand gets wrong.
fn check_journal(trace: &Trace, journal: &Journal) -> Result<(), EvidenceError> {
    let first = journal.history().checkpoints.get(&0);
    let short = |step: u64| journal.step(step).map(|(found, names)| TraceStep::of(found, names));
    let mut steps = (0..).zip(&trace.steps).take(journal.steps().len());
    let agree = [
        ("digest", trace.journal == Some(journal.binding())),
        ("spec", trace.spec == journal.spec()),
        ("initial state", first == Some(&trace.first)),
        ("steps", steps.all(|(number, step)| short(number) == Some(*step))),
    ];
    match agree.into_iter().find(|(_, agrees)| !agrees) {
        Some((what, _)) => Err(EvidenceError::OtherJournal { what }),
        None => Ok(()),
    }
}

#[cfg(test)]
pub(crate) mod tests;
