//! A multi-layer perceptron on digits.

use std::sync::Arc;

use burn::module::Module;
use burn::nn::{Linear, LinearConfig};
use burn::tensor::activation::relu;
use burn::tensor::{Device, Tensor};
use reenact_burn::{BatchTensors, Loss, Training};
use reenact_core::data::DataSet;
use reenact_core::spec::Spec;
use reenact_core::trainer::{Metric, Setting, TrainerError};
use serde::Deserialize;

use crate::digits::{self, CLASSES, Part};

/// Trains a multi-layer perceptron on digits.
#[derive(Clone, Copy, Debug)]
pub struct DigitsMlp;

/// Holds the hyperparameters of [`DigitsMlp`].
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct MlpHyper {
    /// Width of both hidden layers.
    pub hidden: usize,
    /// Width and height of the images.
    pub side: usize,
    /// Largest value of a pixel.
    pub brightest: f64,
}

impl Default for MlpHyper {
    fn default() -> Self {
        Self { hidden: 256, side: 8, brightest: 16.0 }
    }
}

/// Two hidden layers.
#[derive(Module, Debug)]
pub struct Mlp {
    fc1: Linear,
    fc2: Linear,
    output: Linear,
    brightest: f64,
}

impl Mlp {
    fn forward(&self, batch: &BatchTensors) -> Tensor<2> {
        let images = digits::images(batch, self.brightest).flatten::<2>(1, 2);
        let hidden = relu(self.fc1.forward(images));
        let hidden = relu(self.fc2.forward(hidden));
        self.output.forward(hidden)
    }
}

impl Training for DigitsMlp {
    type Model = Mlp;
    type Batch = BatchTensors;
    type Hyper = MlpHyper;

    fn name(&self) -> &str {
        "digits-mlp"
    }

    fn describe(&self) -> String {
        "a multi-layer perceptron on images of handwritten digits".into()
    }

    fn data(
        &self,
        _hyper: &MlpHyper,
        spec: &Spec,
        setting: &Setting,
    ) -> Result<Arc<dyn DataSet>, TrainerError> {
        digits::open(spec, setting, Part::Training)
    }

    fn held_out(
        &self,
        _hyper: &MlpHyper,
        spec: &Spec,
        setting: &Setting,
    ) -> Result<Option<Arc<dyn DataSet>>, TrainerError> {
        digits::open(spec, setting, Part::HeldOut).map(Some)
    }

    fn check(&self, hyper: &MlpHyper, data: &dyn DataSet) -> Result<(), String> {
        if !(1..=65_536).contains(&hyper.hidden) {
            return Err(format!("`hidden = {}`: 1 to 65536 is possible", hyper.hidden));
        }
        digits::check_brightest(hyper.brightest)?;
        digits::check_side(data, hyper.side)
    }

    fn declares_inputs(&self) -> bool {
        true
    }

    fn model(&self, hyper: &MlpHyper, device: &Device) -> Mlp {
        Mlp {
            fc1: LinearConfig::new(hyper.side * hyper.side, hyper.hidden).init(device),
            fc2: LinearConfig::new(hyper.hidden, hyper.hidden).init(device),
            output: LinearConfig::new(hyper.hidden, CLASSES).init(device),
            brightest: hyper.brightest,
        }
    }

    fn loss(&self, model: &Mlp, batch: BatchTensors) -> Loss {
        digits::loss(model.forward(&batch), &batch).into()
    }

    fn evaluate(&self, model: &Mlp, batch: BatchTensors) -> Vec<Metric> {
        digits::metrics(model.forward(&batch), &batch)
    }
}
