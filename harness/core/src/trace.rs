//! What a step did, as an engine tells it and a journal keeps it.

use serde::{Deserialize, Serialize};

use crate::digest::Digest;
use crate::figure::Figures;
use crate::state::Fingerprint;

/// Says what one step did.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StepTrace {
    /// Number of the step; the first is 0.
    pub step: u64,
    /// Digest of the sample numbers ([`crate::data::samples_digest`]).
    pub samples: Digest,
    /// Digest of the batch bytes ([`crate::data::Batch::digest_step`]).
    pub batch: Digest,
    /// Bits of the learning rate, an `f64`.
    pub learning_rate_bits: u64,
    /// Bits of the mean loss over the micro-batches, an `f32`.
    pub loss_bits: u32,
    /// Fingerprint of the gradient of each parameter, averaged over the
    /// micro-batches, before clipping; in the order of the gradient layout.
    pub gradient: Vec<Fingerprint>,
    /// Fingerprint of each tensor of the state after the step, in the order of
    /// the state's layout.
    pub state: Vec<Fingerprint>,
    /// What was launched, on a device whose kernels are compiled and fused while it runs;
    /// none elsewhere, and of a step in which kernels were chosen by measuring.
    #[serde(skip)]
    pub launches: Option<Launches>,
    /// What the model achieves after the update on the samples that are held out, where the
    /// spec has it measured after this step
    /// ([`Validation::is_due`](crate::validation::Validation::is_due)); none elsewhere.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub validation: Option<Figures>,
}

/// Says which kernels a step launched. What is fused into one kernel decides bits where a
/// device contracts a product and a sum, so the same training launches the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Launches {
    /// How many.
    pub count: u32,
    /// Digest of the kernels in their order, with the shapes of what each computes.
    pub digest: Digest,
}

impl StepTrace {
    /// Returns the learning rate.
    pub fn learning_rate(&self) -> f64 {
        f64::from_bits(self.learning_rate_bits)
    }

    /// Returns the loss.
    pub fn loss(&self) -> f32 {
        f32::from_bits(self.loss_bits)
    }

    /// Leaves the digests and fingerprints out, as [`Detail::Loss`](crate::trainer::Detail::Loss) asks.
    pub fn loss_alone(self) -> Self {
        let (samples, batch) = Default::default();
        Self { samples, batch, gradient: Vec::new(), state: Vec::new(), launches: None, ..self }
    }
}

/// Holds one figure of an evaluation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Metric {
    /// What it measures, with its unit last (`loss_nats`).
    pub name: String,
    /// The figure.
    pub value: f64,
}
