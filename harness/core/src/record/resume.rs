//! Going on with a recording that was interrupted or killed.

use super::{RecordError, Recorder, write_commitment};
use crate::format::{
    Checkpoint, Commitment, Environment, Event, History, HistoryError, JournalWriter, Object,
    ReadRun, Tail, WriteRun,
};
use crate::spec::{SPEC_BYTES_MAX, Spec};
use crate::state::{State, StateRoot};
use crate::trainer::Trainer;

/// Limits a state that is resumed from: our own recording, so only against a
/// damaged header.
const STATE_BYTES_MAX: u64 = 1 << 40;

impl<'a> Recorder<'a> {
    /// Goes on from the newest checkpoint that is whole. The journal keeps
    /// every whole frame, says that it was resumed and from where, and records
    /// the repeated steps again. `trainer` was started with the
    /// [recorded selections](super::recorded_selections) pinned.
    ///
    /// # Errors
    /// [`RecordError::Complete`] if the run had ended. If only the commitment
    /// was missing, it has been written then.
    pub fn resume(
        store: &'a mut dyn WriteRun,
        spec: Spec,
        mut trainer: Box<dyn Trainer>,
        environment: Environment,
    ) -> Result<Self, RecordError> {
        let Some(history) = begun(store)? else {
            store.cut_journal(0)?;
            return Self::start(store, spec, trainer, environment);
        };
        check_spec(store, &spec, &history)?;
        if history.finished {
            commit_finished(store, &history)?;
            return Err(RecordError::Complete);
        }
        let step = restore_newest(store, &history, trainer.as_mut())?;
        if history.tail != Tail::Whole {
            store.cut_journal(history.whole_bytes)?;
        }
        let journal = JournalWriter::resume(&history);
        let checkpoints = history.checkpoints.range(..=step).map(|(&s, &root)| (s, root)).collect();
        let (spec_digest, layouts) = (history.spec, None);
        let mut recorder = Self {
            store,
            trainer,
            spec,
            spec_digest,
            journal,
            layouts,
            checkpoints,
            selections: history.selections,
            next_step: step,
        };
        recorder.append(&Event::RunResumed { step, environment })?;
        Ok(recorder)
    }
}

/// The stored text is the run's spec, also where this reenact would write the
/// same values in other characters.
fn check_spec(store: &dyn ReadRun, spec: &Spec, history: &History) -> Result<(), RecordError> {
    let text = store.read(Object::Spec, SPEC_BYTES_MAX as u64)?;
    let stored = std::str::from_utf8(&text).ok().and_then(|text| Spec::parse(text).ok());
    if Spec::digest_of_text(&text) != history.spec || stored.as_ref() != Some(spec) {
        return Err(RecordError::OtherSpec);
    }
    if !history.can_resume() {
        return Err(RecordError::TooOften);
    }
    Ok(())
}

/// Reads the journal, if the recorder lived long enough to store its first
/// state; with less there is nothing to go on from, and nothing to lose.
pub(super) fn begun(store: &dyn ReadRun) -> Result<Option<History>, RecordError> {
    match History::read(store.open(Object::Journal)?) {
        Err(HistoryError::Empty) => Ok(None),
        Err(error) => Err(error.into()),
        Ok(history) if history.checkpoints.is_empty() => Ok(None),
        Ok(history) => Ok(Some(history)),
    }
}

fn commit_finished(store: &mut dyn WriteRun, history: &History) -> Result<(), RecordError> {
    if store.open(Object::Commitment).is_ok() {
        return Ok(());
    }
    write_commitment(store, &commitment_of(history))
}

/// Returns the commitment to a finished journal.
pub(super) fn commitment_of(history: &History) -> Commitment {
    Commitment {
        spec: history.spec,
        frames: history.frames,
        head: history.head,
        checkpoints: history.checkpoints.iter().map(|(&step, &root)| (step, root)).collect(),
    }
}

/// A power failure may have lost a checkpoint that the journal names; the one
/// before it will do.
fn restore_newest(
    store: &dyn ReadRun,
    history: &History,
    trainer: &mut dyn Trainer,
) -> Result<u64, RecordError> {
    let mut problem = None;
    for (&step, &root) in history.checkpoints.iter().rev() {
        match load(store, root) {
            Ok(state) => {
                trainer.restore(&state)?;
                return Ok(step);
            }
            Err(RecordError::Trainer(error)) => return Err(error.into()),
            Err(error) => {
                problem.get_or_insert_with(|| error.to_string());
            }
        }
    }
    let problem = problem.unwrap_or_else(|| "the journal names none".into());
    Err(RecordError::NoCheckpoint(problem))
}

fn load(store: &dyn ReadRun, root: StateRoot) -> Result<State, RecordError> {
    let state = Checkpoint::open(store.open(Object::Checkpoint(root))?)?.load(STATE_BYTES_MAX)?;
    if state.root() != root {
        let problem = format!("{} was altered", Object::Checkpoint(root));
        return Err(RecordError::NoCheckpoint(problem));
    }
    Ok(state)
}
