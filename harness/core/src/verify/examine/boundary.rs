//! Checking the stored states against the journal.

use crate::format::{Checkpoint, CheckpointError, Object, StoreError};
use crate::state::{Fingerprint, StateRoot};
use crate::verify::examination::Checked;
use crate::verify::explain::list;
use crate::verify::finding::{Finding, Place};
use crate::verify::recording::Recording;

/// Checks every checkpoint that counts and is wanted: its form, its root, its number, and
/// that it is what the step before it left.
pub(in crate::verify) fn check_checkpoints(
    recording: &Recording<'_>,
    is_wanted: &dyn Fn(u64) -> bool,
    progress: &mut dyn FnMut(u64, u64),
) -> Vec<Finding> {
    let wanted = recording.history.checkpoints.iter().filter(|(step, _)| is_wanted(**step));
    let total = wanted.clone().count() as u64;
    let mut findings = Vec::new();
    let mut before: Option<(u64, Vec<Fingerprint>)> = None;
    for (done, (&step, &root)) in wanted.enumerate() {
        match check_checkpoint(recording, step, root) {
            Ok(parameters) => {
                let still = before.filter(|(_, earlier)| *earlier == parameters);
                findings.extend(still.map(|(earlier, _)| standing_still(earlier, step)));
                before = Some((step, parameters));
            }
            Err(finding) => {
                findings.push(*finding);
                before = None;
            }
        }
        progress(done as u64 + 1, total);
    }
    findings
}

fn standing_still(earlier: u64, step: u64) -> Finding {
    let problem =
        format!("no parameter changed since step {earlier}, though the run claims to have trained");
    Finding::note(Place::step(step), problem)
}

/// Checks one checkpoint and returns the fingerprints of what it trains.
fn check_checkpoint(
    recording: &Recording<'_>,
    step: u64,
    root: StateRoot,
) -> Checked<Vec<Fingerprint>> {
    let place = || Place::object_at(Object::Checkpoint(root), step);
    let checkpoint = recording.checkpoint(step).map_err(|error| broken(place(), error))?;
    if let (Some(false), Some(before)) =
        (recording.has_layout_of(step, &checkpoint), step.checked_sub(1))
    {
        let problem = format!("its tensors are not those that step {before} left");
        return Err(Box::new(Finding::divergent(place(), problem)));
    }
    let (found, fingerprints) =
        checkpoint.root_and_fingerprints().map_err(|error| broken(place(), error))?;
    if found != root {
        let problem = "what it holds is not the state that the journal names; it was altered";
        return Err(Box::new(Finding::divergent(place(), problem)));
    }
    check_step_counter(&checkpoint, step)
        .map_err(|problem| Finding::divergent(place(), problem))?;
    if step > 0 {
        check_against_step(recording, step, &fingerprints)?;
    }
    let names = checkpoint.layout().tensors().iter().zip(fingerprints);
    Ok(names.filter(|(spec, _)| spec.name.starts_with("model.")).map(|(_, found)| found).collect())
}

fn broken(place: Place, error: CheckpointError) -> Box<Finding> {
    Box::new(match error {
        CheckpointError::Store(StoreError::Missing { .. }) => {
            Finding::divergent(place, "it is committed to, but missing")
        }
        // What lies there instead says nothing of the bytes that belong there.
        CheckpointError::Store(StoreError::Io { .. } | StoreError::NotAFile { .. }) => {
            Finding::inconclusive(place, error)
        }
        _ => Finding::divergent(place, error),
    })
}

fn check_step_counter(checkpoint: &Checkpoint, step: u64) -> Result<(), String> {
    match checkpoint.counter("run.step") {
        Ok(Some(found)) if found == step => Ok(()),
        Ok(Some(found)) => Err(format!("its `run.step` is {found}; the journal says {step}")),
        Ok(None) => Err("it has no `run.step`".into()),
        Err(error) => Err(error.to_string()),
    }
}

/// The state that was stored has to be the state that the last step left.
fn check_against_step(
    recording: &Recording<'_>,
    step: u64,
    fingerprints: &[Fingerprint],
) -> Checked<()> {
    let place = || {
        Place::object_at(
            Object::Checkpoint(
                *recording.history.checkpoints.get(&step).unwrap_or(&StateRoot::default()),
            ),
            step,
        )
    };
    let trace = recording.history.step(step - 1);
    let trace =
        trace.map_err(|error| Box::new(Finding::inconclusive(Place::step(step - 1), error)))?;
    let layouts = recording.history.layouts(step - 1);
    let (Some(trace), Some(layouts)) = (trace, layouts) else { return Ok(()) };
    let names = layouts.state.tensors().iter().map(|spec| spec.name.as_str());
    let differing: Vec<&str> = names
        .zip(trace.state.iter().zip(fingerprints))
        .filter(|(_, (recorded, stored))| recorded != stored)
        .map(|(name, _)| name)
        .collect();
    match differing.as_slice() {
        [] => Ok(()),
        names => {
            let problem =
                format!("it is not the state that step {} left: {} differs", step - 1, list(names));
            Err(Box::new(Finding::divergent(place(), problem)))
        }
    }
}
