//! Checking that batches are what the data set holds.

use crate::data::{Batch, DataError, DataSet, samples_digest};
use crate::format::Object;
use crate::spec::Spec;
use crate::steering::DataOrder;
use crate::trainer::StepTrace;

use crate::verify::batch_draw::BatchDraw;
use crate::verify::batches::Batches;
use crate::verify::finding::{Finding, Place};
use crate::verify::recording::Recording;
use crate::verify::tally::Tally;

/// Gathers every step's batch from the data set and compares its digest with
/// the recorded one. Trains nothing. Steps whose samples are not the derived
/// ones are left out: they are found without the data set. `progress` is told
/// the number of steps done.
pub fn examine_data(
    recording: &Recording<'_>,
    data: &dyn DataSet,
    progress: &mut dyn FnMut(u64),
) -> Vec<Finding> {
    examine_batches(recording, data, &BatchDraw::all(), progress).0
}

/// Does the same for the steps that are drawn, and says how many they were.
pub fn examine_batches(
    recording: &Recording<'_>,
    data: &dyn DataSet,
    draw: &BatchDraw,
    progress: &mut dyn FnMut(u64),
) -> (Vec<Finding>, Batches) {
    let (spec, steps) = (&recording.spec, recording.steps());
    let bytes_max = draw.bytes_max(data);
    let mut batches =
        Batches { compared: 0, steps, bytes_max, nonce: None, leaves_replayed: false };
    let order = DataOrder::new(spec.root_seed, data.len(), &spec.batch);
    let mut order = match order {
        Ok(order) => order,
        Err(error) => {
            return (vec![Finding::divergent(Place::object(Object::Spec), error)], batches);
        }
    };
    let step_bytes = match step_bytes(spec, data) {
        Ok(bytes) => bytes,
        Err(error) => return (vec![unread(0, error)], batches),
    };
    batches.leaves_replayed = !BatchDraw::fit(steps, step_bytes, bytes_max);
    let (mut other, mut trouble) = (Tally::default(), None);
    for step in draw.steps(steps, step_bytes, bytes_max) {
        let trace = match recording.history.step(step) {
            Ok(Some(trace)) => trace,
            Ok(None) => break,
            Err(error) => {
                trouble = Some(Finding::inconclusive(Place::step(step), error));
                break;
            }
        };
        let samples = order.samples(step);
        let derived = samples_digest(samples) == trace.samples;
        match if derived { batch_agrees(spec, data, samples, &trace) } else { Ok(true) } {
            Ok(true) => {}
            Ok(false) => other.count(step, || OTHER_BATCH.into()),
            Err(error) => {
                trouble = Some(unread(step, error));
                break;
            }
        }
        batches.compared += 1;
        progress(step + 1);
    }
    progress(steps);
    // What was found stands, though the rest cannot be read.
    (other.finding().into_iter().chain(trouble).collect(), batches)
}

const OTHER_BATCH: &str = "the recorded batch is not what the data set holds for its samples: \
                           inputs or labels were changed";

/// What the auditor cannot read says nothing about the recording.
fn unread(step: u64, error: DataError) -> Finding {
    Finding::inconclusive(Place::step(step), format!("its samples cannot be read: {error}"))
}

/// Returns how many bytes the batches of one step have at most.
fn step_bytes(spec: &Spec, data: &dyn DataSet) -> Result<u64, DataError> {
    let sample = data.batch(&[0])?;
    let bytes: u64 = sample.tensors.iter().map(|tensor| tensor.bytes.len() as u64).sum();
    Ok(bytes.saturating_mul(spec.batch.samples_per_step_max()))
}

fn batch_agrees(
    spec: &Spec,
    data: &dyn DataSet,
    samples: &[u32],
    trace: &StepTrace,
) -> Result<bool, DataError> {
    let batches = data.batches(spec.micro_batches(trace.step, samples))?;
    Ok(Batch::digest_step(&batches) == trace.batch)
}
