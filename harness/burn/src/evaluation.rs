//! Measuring a model on what is held out.

use burn::module::Module;
use reenact_core::data::{Batch, DataError};
use reenact_core::trainer::{Metric, TrainerError};

use crate::device::Devices;
use crate::{TensorBatch, Training, program};

/// Measures a model, as it stands or with its averages, batch by batch. The figures are means
/// over the samples. It draws nothing and changes nothing.
pub(crate) fn measure<T: Training>(
    training: &T,
    model: &T::Model,
    batches: impl Iterator<Item = Result<Batch, DataError>>,
    devices: &Devices,
) -> Result<Vec<Metric>, TrainerError> {
    let model = model.valid();
    let (mut sums, mut total) = (Vec::new(), 0.0);
    for batch in batches {
        let batch = batch.map_err(|problem| TrainerError::Data {
            name: "held out".into(),
            problem: problem.to_string(),
        })?;
        let first = batch.tensors.first().and_then(|tensor| tensor.shape.first());
        let samples = first.copied().unwrap_or_default() as f64;
        total += samples;
        let batch = T::Batch::from_batch(batch, &devices.plain);
        let evaluate = || training.evaluate(&model, batch);
        for metric in program::own("while it evaluated", evaluate)? {
            add(&mut sums, metric, samples);
        }
    }
    sums.iter_mut().for_each(|sum: &mut Metric| sum.value /= total);
    Ok(sums)
}

fn add(sums: &mut Vec<Metric>, metric: Metric, samples: f64) {
    let value = metric.value * samples;
    match sums.iter_mut().find(|sum| sum.name == metric.name) {
        Some(sum) => sum.value += value,
        None => sums.push(Metric { name: metric.name, value }),
    }
}
