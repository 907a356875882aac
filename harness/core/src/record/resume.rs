//! Going on with a recording that was interrupted or killed.

use super::left::restore_left;
use super::{RecordError, Recorder, validations, write_commitment};
use crate::format::{
    Checkpoint, Commitment, Environment, Event, History, HistoryError, JournalWriter, Object,
    ReadRun, Tail, WriteRun,
};
use crate::spec::{SPEC_BYTES_MAX, Spec};
use crate::state::{State, StateRoot};
use crate::symptoms::SymptomSearch;
use crate::trainer::Trainer;

/// Limits a state that is resumed from: our own recording, so only against a
/// damaged header.
pub(super) const STATE_BYTES_MAX: u64 = 1 << 40;

/// Says where a resumption started, and why not later.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resumption {
    /// The first step that is taken.
    pub step: u64,
    /// Checkpoints that could not be used, the newest first.
    pub damaged: Vec<Damaged>,
    /// Why the state of the last stop was not used, if there was one.
    pub ignored: Option<String>,
}

/// Names a checkpoint that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Damaged {
    /// The step that it opens.
    pub step: u64,
    /// What is wrong with it.
    pub problem: String,
}

impl<'a> Recorder<'a> {
    /// Goes on from the state that the last stop has left, if it is what the
    /// journal says, else from the newest checkpoint that is whole. The journal
    /// keeps every whole frame, says that it was resumed and from where, and
    /// records the repeated steps again. `trainer` was started with the
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
        let resumption = restore(store, &history, trainer.as_mut(), &environment)?;
        let step = resumption.step;
        if history.tail != Tail::Whole {
            store.cut_journal(history.whole_bytes)?;
        }
        let symptoms = symptoms_before(step, &history)?;
        let validations = validations(&spec)?;
        let journal = JournalWriter::resume(&history);
        let checkpoints = history.checkpoints.range(..=step).map(|(&s, &root)| (s, root)).collect();
        let left = [Object::ResumePoint, Object::ResumeState];
        let mut recorder = Self {
            resume_state_is_left: left.iter().any(|&object| store.open(object).is_ok()),
            store,
            trainer,
            spec,
            spec_digest: history.spec,
            journal,
            layouts: None,
            checkpoints,
            selections: history.selections,
            key: None,
            next_step: step,
            resumption: Some(resumption),
            symptoms,
            validations,
        };
        recorder.append(&Event::RunResumed { step, environment })?;
        Ok(recorder)
    }
}

/// Looks at the steps that stay.
fn symptoms_before(step: u64, history: &History) -> Result<SymptomSearch, RecordError> {
    let mut symptoms = SymptomSearch::default();
    for step in 0..step {
        let trace = history.step(step).map_err(HistoryError::from)?;
        if let Some((trace, layouts)) = trace.zip(history.layouts(step)) {
            symptoms.take(&trace, &layouts.state, &layouts.gradient);
        }
    }
    Ok(symptoms)
}

/// The stored text is the run's spec, also where this reenact would write the
/// same values in other characters.
fn check_spec(store: &dyn ReadRun, spec: &Spec, history: &History) -> Result<(), RecordError> {
    let text = store.read(Object::Spec, SPEC_BYTES_MAX as u64)?;
    if Spec::digest_of_text(&text) != history.spec {
        return Err(RecordError::AlteredSpec);
    }
    let stored = Spec::parse(&String::from_utf8_lossy(&text))?;
    if stored != *spec {
        return Err(RecordError::OtherSpec(stored.differences(spec)));
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

pub(super) fn commit_finished(
    store: &mut dyn WriteRun,
    history: &History,
) -> Result<(), RecordError> {
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

/// Restores the latest state that can be gone on from.
fn restore(
    store: &dyn ReadRun,
    history: &History,
    trainer: &mut dyn Trainer,
    environment: &Environment,
) -> Result<Resumption, RecordError> {
    let ignored = match restore_left(store, history, trainer, environment) {
        Ok(Some(step)) => return Ok(Resumption { step, damaged: Vec::new(), ignored: None }),
        Ok(None) => None,
        Err(problem) => Some(problem),
    };
    let (step, damaged) = restore_newest(store, history, trainer)?;
    Ok(Resumption { step, damaged, ignored })
}

/// A power failure may have lost a checkpoint that the journal names; the one
/// before it will do.
fn restore_newest(
    store: &dyn ReadRun,
    history: &History,
    trainer: &mut dyn Trainer,
) -> Result<(u64, Vec<Damaged>), RecordError> {
    let mut damaged = Vec::new();
    for (&step, &root) in history.checkpoints.iter().rev() {
        match load(store, root) {
            Ok(state) => {
                trainer.restore(&state)?;
                return Ok((step, damaged));
            }
            Err(RecordError::Trainer(error)) => return Err(error.into()),
            Err(error) => damaged.push(Damaged { step, problem: error.to_string() }),
        }
    }
    let newest = damaged.into_iter().next();
    let problem = newest.map_or_else(|| "the journal names none".into(), |found| found.problem);
    Err(RecordError::NoCheckpoint(problem))
}

fn load(store: &dyn ReadRun, root: StateRoot) -> Result<State, RecordError> {
    let state = Checkpoint::open(store.open(Object::Checkpoint(root))?)?.load(STATE_BYTES_MAX)?;
    if state.root() != root {
        return Err(RecordError::AlteredState(Object::Checkpoint(root)));
    }
    Ok(state)
}
