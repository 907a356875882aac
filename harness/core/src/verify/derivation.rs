//! Checking that samples and batches are those that the spec derives.

use crate::data::{Batch, DataSet, samples_digest};
use crate::format::Object;
use crate::spec::Spec;
use crate::steering::DataOrder;
use crate::trainer::StepTrace;

use super::finding::{Finding, Place};
use super::recording::Recording;

/// Derives every step's samples and batch from the spec and the data set, and
/// compares their digests with the recorded ones. Trains nothing. `progress`
/// is told the number of steps done.
pub fn examine_data(
    recording: &Recording<'_>,
    data: &dyn DataSet,
    progress: &mut dyn FnMut(u64),
) -> Vec<Finding> {
    let spec = &recording.spec;
    let order = DataOrder::new(spec.root_seed, data.len(), spec.samples_per_step());
    let mut order = match order {
        Ok(order) => order,
        Err(error) => return vec![Finding::divergent(Place::object(Object::Spec), error)],
    };
    let mut samples = Tally::default();
    let mut batches = Tally::default();
    for step in 0..spec.steps {
        let trace = match recording.history.step(step) {
            Ok(Some(trace)) => trace,
            Ok(None) => break,
            Err(error) => return vec![Finding::inconclusive(Place::step(step), error)],
        };
        let derived = order.samples(step);
        if samples_digest(derived) != trace.samples {
            samples.count(step);
        } else if !batch_agrees(spec, data, derived, &trace) {
            batches.count(step);
        }
        progress(step + 1);
    }
    let samples = samples.finding(
        "the recorded samples are not those that the spec derives: another order or another seed",
    );
    let batches = batches.finding("the recorded batch is not what the data set holds for its samples: inputs or labels were changed");
    samples.into_iter().chain(batches).collect()
}

fn batch_agrees(spec: &Spec, data: &dyn DataSet, samples: &[u32], trace: &StepTrace) -> bool {
    let micro_batches: Vec<Batch> =
        samples.chunks(spec.batch.size as usize).map(|samples| data.batch(samples)).collect();
    Batch::digest_step(&micro_batches) == trace.batch
}

/// Counts steps, and keeps the first.
#[derive(Default)]
struct Tally {
    first: Option<u64>,
    count: u64,
}

impl Tally {
    fn count(&mut self, step: u64) {
        self.first.get_or_insert(step);
        self.count += 1;
    }

    fn finding(&self, problem: &str) -> Option<Finding> {
        let first = self.first?;
        let more = match self.count - 1 {
            0 => String::new(),
            more => format!(" (and so at {more} more steps)"),
        };
        Some(Finding::divergent(Place::step(first), format!("{problem}{more}")))
    }
}
