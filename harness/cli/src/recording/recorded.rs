//! What a finished recording is said to be.

use std::path::Path;

use reenact_core::format::Commitment;
use reenact_core::spec::Spec;
use reenact_core::symptoms::Symptom;
use reenact_core::trainer::Metric;
use serde::Serialize;

use super::{Rehearsed, Space};
use crate::terminal::output::{self, BOLD, DIM, UNSURE, note, styled};
use reenact_core::sanitize::count;

/// Says what was recorded.
#[derive(Serialize)]
pub(crate) struct Recorded {
    pub(crate) run: String,
    pub(crate) name: String,
    pub(crate) steps: u64,
    /// Whether more were declared, and the trainer has ended it.
    pub(crate) ended_early: bool,
    pub(crate) segments: u64,
    pub(crate) resumed_step: Option<u64>,
    pub(crate) rehearsal: Option<Rehearsed>,
    /// What it was foretold to take.
    pub(crate) space: Option<Space>,
    /// Samples that each epoch leaves out.
    pub(crate) unused_samples: u64,
    /// The attack that was planted.
    pub(crate) attack: Option<String>,
    /// What looks broken, though it is recorded faithfully.
    pub(crate) symptoms: Vec<Symptom>,
    pub(crate) frames: u64,
    pub(crate) head: String,
    pub(crate) commitment: String,
    pub(crate) signed_by: Option<String>,
    pub(crate) metrics: Vec<Metric>,
}

/// Says what looks broken. The recording is faithful to it.
pub(crate) fn say_symptom(symptom: &Symptom) {
    note(format_args!("{} {symptom}", styled(UNSURE, "warning:")));
}

impl Recorded {
    pub(crate) fn new(
        out: &Path,
        spec: &Spec,
        commitment: &Commitment,
        metrics: Vec<Metric>,
    ) -> Self {
        Self {
            run: out.display().to_string(),
            name: spec.name.clone(),
            steps: spec.steps,
            ended_early: false,
            segments: commitment.checkpoints.len() as u64 - 1,
            resumed_step: None,
            rehearsal: None,
            space: None,
            unused_samples: spec.unused_samples(),
            attack: None,
            symptoms: Vec::new(),
            frames: commitment.frames,
            head: commitment.head.to_string(),
            commitment: Commitment::digest_of_text(commitment.encode().as_bytes()).to_string(),
            signed_by: None,
            metrics,
        }
    }

    pub(crate) fn show(&self, as_json: bool) {
        if as_json {
            return output::json(self);
        }
        let Self { name, steps, segments, commitment, .. } = self;
        let name = styled(BOLD, name);
        let (steps, segments) = (count(*steps, "step"), count(*segments, "segment"));
        output::line(format_args!("Recorded {name}: {steps} in {segments}"));
        if self.ended_early {
            output::line("  ended early, at its last checkpoint: an audit will say so");
        }
        if let Some(step) = self.resumed_step {
            output::line(format_args!("  resumed at step {step}"));
        }
        for metric in &self.metrics {
            output::line(format_args!("  {:<24} {:.4}", metric.name, metric.value));
        }
        output::line(format_args!("  {:<24} {}", "in", self.run));
        output::line(format_args!("  {:<24} {}", "commitment", styled(DIM, commitment)));
        if let Some(key) = &self.signed_by {
            output::line(format_args!("  {:<24} {}", "signed with the key", styled(DIM, key)));
        }
    }
}
