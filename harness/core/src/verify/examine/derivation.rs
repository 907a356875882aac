//! Checking that batches are what the data set holds.

use crate::data::{Batch, DataError, DataSet, samples_digest};
use crate::format::Object;
use crate::spec::Spec;
use crate::steering::DataOrder;
use crate::trainer::StepTrace;

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
    let spec = &recording.spec;
    let order = DataOrder::new(spec.root_seed, data.len(), &spec.batch);
    let mut order = match order {
        Ok(order) => order,
        Err(error) => return vec![Finding::divergent(Place::object(Object::Spec), error)],
    };
    let mut batches = Tally::default();
    for step in 0..recording.steps() {
        let trace = match recording.history.step(step) {
            Ok(Some(trace)) => trace,
            Ok(None) => break,
            Err(error) => return vec![Finding::inconclusive(Place::step(step), error)],
        };
        let samples = order.samples(step);
        let derived = samples_digest(samples) == trace.samples;
        let agrees = !derived
            || match batch_agrees(spec, data, samples, &trace) {
                Ok(agrees) => agrees,
                Err(error) => return vec![Finding::inconclusive(Place::step(step), error)],
            };
        if !agrees {
            batches.count(step, || OTHER_BATCH.into());
        }
        progress(step + 1);
    }
    batches.finding().into_iter().collect()
}

const OTHER_BATCH: &str = "the recorded batch is not what the data set holds for its samples: \
                           inputs or labels were changed";

fn batch_agrees(
    spec: &Spec,
    data: &dyn DataSet,
    samples: &[u32],
    trace: &StepTrace,
) -> Result<bool, DataError> {
    let batches = data.batches(spec.micro_batches(trace.step, samples))?;
    Ok(Batch::digest_step(&batches) == trace.batch)
}
