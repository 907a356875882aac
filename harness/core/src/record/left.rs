//! The state that a stopped recorder has left, and whether it can be believed.

use super::resume::STATE_BYTES_MAX;
use crate::format::{
    Checkpoint, CheckpointError, Environment, History, Object, RESUME_POINT_BYTES_MAX, ReadRun,
    ResumePoint, StoreError,
};
use crate::state::{State, StateRoot};
use crate::trainer::Trainer;

/// Restores the state that the last stop has left, if there is one and it is
/// later than every checkpoint. Returns its step.
///
/// # Errors
/// Why it is not used. The trainer may be in any state then.
pub(super) fn restore_left(
    store: &dyn ReadRun,
    history: &History,
    trainer: &mut dyn Trainer,
    environment: &Environment,
) -> Result<Option<u64>, String> {
    let Some(point) = read_point(store)? else { return Ok(None) };
    let newest = history.checkpoints.last_key_value();
    let Some((&newest_step, &newest_root)) = newest.filter(|(step, _)| **step < point.step) else {
        return Ok(None);
    };
    check_point(&point, history, environment)?;
    if !trainer.resumes_anywhere() {
        return Err("on this device a training goes on from checkpoints only".into());
    }
    // It opens the segment, so an audit will need it.
    check_root(store, newest_root)
        .map_err(|problem| format!("the checkpoint of step {newest_step} is damaged: {problem}"))?;
    let state = load(store, &point)?;
    check_fingerprints(&state, point.step, history)?;
    trainer.restore(&state).map_err(|error| error.to_string())?;
    Ok(Some(point.step))
}

fn read_point(store: &dyn ReadRun) -> Result<Option<ResumePoint>, String> {
    let object = Object::ResumePoint;
    match store.read(object, RESUME_POINT_BYTES_MAX) {
        Ok(text) => match ResumePoint::parse(&text) {
            Some(point) => Ok(Some(point)),
            None => Err(format!("{object} is damaged")),
        },
        Err(StoreError::Missing { .. }) => Ok(None),
        Err(error) => Err(error.to_string()),
    }
}

fn check_point(
    point: &ResumePoint,
    history: &History,
    environment: &Environment,
) -> Result<(), String> {
    if !history.interruption_heads.contains(&(point.frames, point.head)) {
        return Err("it belongs to another journal".into());
    }
    if point.step > history.step_count() {
        return Err(format!("the journal was gone on with from before step {}", point.step));
    }
    // A segment is replayed on one class of machine.
    let alike = history.environment(point.step).is_some_and(|found| found.same_class(environment));
    if !alike {
        return Err("the steps before it were trained on another class of machine".into());
    }
    Ok(())
}

pub(super) fn check_root(store: &dyn ReadRun, root: StateRoot) -> Result<(), String> {
    let open = || Checkpoint::open(store.open(Object::Checkpoint(root))?)?.root();
    match open() {
        Ok(found) if found == root => Ok(()),
        Ok(_) => Err("it was altered".into()),
        Err::<_, CheckpointError>(error) => Err(error.to_string()),
    }
}

fn load(store: &dyn ReadRun, point: &ResumePoint) -> Result<State, String> {
    let object = Object::ResumeState;
    let load = || Checkpoint::open(store.open(object)?)?.load(STATE_BYTES_MAX);
    let state = load().map_err(|error| format!("{object}: {error}"))?;
    if state.root() != point.root {
        return Err(format!("{object} was altered"));
    }
    Ok(state)
}

/// The journal says what the state was after the step before.
fn check_fingerprints(state: &State, step: u64, history: &History) -> Result<(), String> {
    let before = step - 1;
    let trace = history.step(before).map_err(|error| error.to_string())?;
    let tensors = history.layouts(before).map(|layouts| &layouts.state);
    let agrees = trace.is_some_and(|trace| trace.state == state.fingerprints())
        && tensors == Some(state.layout().as_ref());
    if agrees { Ok(()) } else { Err(format!("it is not the state that step {before} has left")) }
}
