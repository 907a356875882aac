//! Was the model given something else?

use super::trial::Trial;
use super::{Divergent, Inquiry};
use crate::attack::{is_label, relabel};
use crate::data::{Batch, samples_digest};
use crate::digest::Digest;
use crate::steering::DataOrder;
use crate::variation::Variation;
use crate::verify::explanation::Cause;
use crate::verify::replaying::ReplayError;

/// Steps of a run whose samples are compared.
const STEPS_MAX: u64 = 1 << 16;
/// Bytes that may be hashed to find a label.
const BYTES_MAX: u64 = 1 << 32;
/// Different labels that are tried in a place.
const LABELS_MAX: usize = 128;

impl Inquiry<'_> {
    /// Finds by their digests which samples or labels were used.
    pub(super) fn seek_batch(
        &mut self,
        divergent: &Divergent,
    ) -> Result<Option<Trial>, ReplayError> {
        let spec = &self.recording.spec;
        let Ok(mut order) = DataOrder::new(spec.root_seed, self.data.len(), &spec.batch) else {
            return Ok(None);
        };
        let derived = order.samples(divergent.step).to_vec();
        let trial = if samples_digest(&derived) == divergent.recorded.samples {
            self.relabelled(&derived, divergent)
        } else {
            self.resampled(&derived, &mut order, divergent)
        };
        let Some(trial) = trial else { return Ok(None) };
        Ok(self.attempt(divergent, &trial)?.then_some(trial))
    }

    fn resampled(
        &self,
        derived: &[u32],
        order: &mut DataOrder,
        divergent: &Divergent,
    ) -> Option<Trial> {
        let recorded = divergent.recorded.samples;
        let fits = |samples: &[u32]| samples_digest(samples) == recorded;
        let taken = |cause, samples: Vec<u32>| {
            Trial::varied(cause, Variation { samples: Some(samples), ..Variation::default() })
        };
        for (order, samples) in reordered(derived) {
            if fits(&samples) {
                return Some(taken(Cause::OtherOrder { order: order.into() }, samples));
            }
        }
        for step in 0..self.recording.steps().min(STEPS_MAX) {
            if fits(order.samples(step)) {
                return Some(taken(Cause::OtherStep { step }, order.samples(step).to_vec()));
            }
        }
        let seeded = self.other_seeds().into_iter();
        let mut trials = seeded.filter_map(|seed| self.seeded(seed, divergent.step));
        trials.find(|trial| trial.request.variation.samples.as_deref().is_some_and(fits))
    }

    fn relabelled(&self, samples: &[u32], divergent: &Divergent) -> Option<Trial> {
        let micro_batches = self.recording.spec.micro_batches(divergent.step, samples);
        let honest = self.data.batches(micro_batches).ok()?;
        let mut search = Search { wanted: divergent.recorded.batch, hashed: 0 };
        (0..honest.len()).find_map(|place| {
            let found = search.first_samples(&honest, place);
            let (what, batches) = found
                .or_else(|| search.one_class(&honest, place))
                .or_else(|| search.one_element(&honest, place))?;
            let variation = Variation { batches: Some(batches), ..Variation::default() };
            Some(Trial::varied(Cause::Relabelled { what }, variation))
        })
    }
}

fn reordered(samples: &[u32]) -> [(&'static str, Vec<u32>); 3] {
    let (mut up, mut back) = (samples.to_vec(), samples.to_vec());
    up.sort_unstable();
    back.reverse();
    let down = up.iter().rev().copied().collect();
    [("sorted", up), ("backwards", back), ("sorted downwards", down)]
}

/// Looks for micro-batches of the recorded digest.
struct Search {
    wanted: Digest,
    hashed: u64,
}

type Found = Option<(String, Vec<Batch>)>;

impl Search {
    fn fits(&mut self, batches: &[Batch]) -> bool {
        let tensors = batches.iter().flat_map(|batch| &batch.tensors);
        self.hashed += tensors.map(|tensor| tensor.bytes.len() as u64).sum::<u64>();
        self.hashed <= BYTES_MAX && Batch::digest_step(batches) == self.wanted
    }

    /// The first samples have the label of another sample of the batch.
    fn first_samples(&mut self, honest: &[Batch], place: usize) -> Found {
        let samples = honest[place].tensors.first()?.shape.first().copied()?;
        (1..=samples).find_map(|count| {
            let mut batches = honest.to_vec();
            relabel(&mut batches[place], count);
            let what = match count {
                1 => "the first sample of the batch was given another label".to_owned(),
                _ => format!("the first {count} samples of the batch were given other labels"),
            };
            self.fits(&batches).then_some((what, batches))
        })
    }

    /// Every label of one kind was replaced by another.
    fn one_class(&mut self, honest: &[Batch], place: usize) -> Found {
        let (tensor, size, labels) = labels_of(&honest[place])?;
        let pairs = labels.iter().flat_map(|from| labels.iter().map(move |to| (from, to)));
        pairs.filter(|(from, to)| from != to).find_map(|(from, to)| {
            let mut batches = honest.to_vec();
            let bytes = &mut batches[place].tensors[tensor].bytes;
            let same = bytes.chunks_exact_mut(size).filter(|label| *label == &from[..]);
            same.for_each(|label| label.copy_from_slice(to));
            let what = format!("every label {} of the batch was made {}", show(from), show(to));
            self.fits(&batches).then_some((what, batches))
        })
    }

    /// One label was replaced.
    fn one_element(&mut self, honest: &[Batch], place: usize) -> Found {
        let (tensor, size, labels) = labels_of(&honest[place])?;
        let mut batches = honest.to_vec();
        let count = honest[place].tensors[tensor].bytes.len() / size;
        for index in 0..count {
            let range = index * size..(index + 1) * size;
            let was = honest[place].tensors[tensor].bytes[range.clone()].to_vec();
            for label in labels.iter().filter(|label| **label != was) {
                batches[place].tensors[tensor].bytes[range.clone()].copy_from_slice(label);
                if self.fits(&batches) {
                    let (from, to) = (show(&was), show(label));
                    let what =
                        format!("label {index} of the batch was made {to} instead of {from}");
                    return Some((what, batches));
                }
            }
            batches[place].tensors[tensor].bytes[range].copy_from_slice(&was);
        }
        None
    }
}

/// Finds the tensor of labels, the size of one, and the different ones.
fn labels_of(batch: &Batch) -> Option<(usize, usize, Vec<Vec<u8>>)> {
    let tensor = batch.tensors.iter().position(is_label)?;
    let size = batch.tensors[tensor].dtype.size() as usize;
    let mut labels: Vec<Vec<u8>> =
        batch.tensors[tensor].bytes.chunks_exact(size).map(<[u8]>::to_vec).collect();
    labels.sort_unstable();
    labels.dedup();
    labels.truncate(LABELS_MAX);
    Some((tensor, size, labels))
}

fn show(label: &[u8]) -> String {
    let value = label.iter().rev().fold(0u128, |sum, byte| sum << 8 | u128::from(*byte));
    if value < 1 << 32 { value.to_string() } else { format!("{value:#x}") }
}
