//! A convolutional network on digits, with batch normalization and dropout.

use std::sync::Arc;

use burn::module::Module;
use burn::nn::conv::{Conv2d, Conv2dConfig};
use burn::nn::pool::{MaxPool2d, MaxPool2dConfig};
use burn::nn::{BatchNorm, BatchNormConfig, Linear, LinearConfig, PaddingConfig2d};
use burn::tensor::activation::relu;
use burn::tensor::{Device, Tensor};
use reenact_burn::{BatchTensors, Dropout, DropoutConfig, Loss, Training};
use reenact_core::data::DataSet;
use reenact_core::spec::Spec;
use reenact_core::trainer::{Metric, Setting, TrainerError};
use serde::Deserialize;

use crate::digits::{self, CLASSES, Part};

/// Trains a convolutional network on digits.
#[derive(Clone, Copy, Debug)]
pub struct DigitsCnn;

/// Holds the hyperparameters of [`DigitsCnn`].
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CnnHyper {
    /// Channels of the first convolution; the second has twice as many.
    pub channels: usize,
    /// Share of the features that dropout sets to zero.
    pub dropout: f64,
    /// Width of the hidden layer.
    pub hidden: usize,
    /// Width and height of the images; even.
    pub side: usize,
    /// Largest value of a pixel.
    pub brightest: f64,
}

impl Default for CnnHyper {
    fn default() -> Self {
        Self { channels: 16, dropout: 0.25, hidden: 64, side: 8, brightest: 16.0 }
    }
}

/// Two convolutions, a pool, and two linear layers.
#[derive(Module, Debug)]
pub struct Cnn {
    conv1: Conv2d,
    norm1: BatchNorm,
    conv2: Conv2d,
    norm2: BatchNorm,
    pool: MaxPool2d,
    dropout: Dropout,
    fc1: Linear,
    output: Linear,
    brightest: f64,
}

impl Cnn {
    fn forward(&self, batch: &BatchTensors) -> Tensor<2> {
        let images = digits::images(batch, self.brightest).unsqueeze_dim::<4>(1);
        let features = relu(self.norm1.forward(self.conv1.forward(images)));
        let features = relu(self.norm2.forward(self.conv2.forward(features)));
        let features = self.pool.forward(features).flatten::<2>(1, 3);
        let hidden = relu(self.fc1.forward(self.dropout.forward(features)));
        self.output.forward(self.dropout.forward(hidden))
    }
}

impl Training for DigitsCnn {
    type Model = Cnn;
    type Batch = BatchTensors;
    type Hyper = CnnHyper;

    fn name(&self) -> &str {
        "digits-cnn"
    }

    fn describe(&self) -> String {
        "a convolutional network, with batch normalization and dropout, on images of \
         handwritten digits"
            .into()
    }

    fn data(
        &self,
        _hyper: &CnnHyper,
        spec: &Spec,
        setting: &Setting,
    ) -> Result<Arc<dyn DataSet>, TrainerError> {
        digits::open(spec, setting, Part::Training)
    }

    fn held_out(
        &self,
        _hyper: &CnnHyper,
        spec: &Spec,
        setting: &Setting,
    ) -> Result<Option<Arc<dyn DataSet>>, TrainerError> {
        digits::open(spec, setting, Part::HeldOut).map(Some)
    }

    fn check(&self, hyper: &CnnHyper, data: &dyn DataSet) -> Result<(), String> {
        let sizes = [("channels", hyper.channels), ("hidden", hyper.hidden)];
        for (name, size) in sizes {
            if !(1..=4096).contains(&size) {
                return Err(format!("`{name} = {size}`: 1 to 4096 is possible"));
            }
        }
        if !(0.0..1.0).contains(&hyper.dropout) {
            return Err(format!(
                "`dropout = {}`: it has to be at least 0 and below 1",
                hyper.dropout
            ));
        }
        if !hyper.side.is_multiple_of(2) {
            return Err(format!("`side = {}`: it has to be even", hyper.side));
        }
        digits::check_brightest(hyper.brightest)?;
        digits::check_side(data, hyper.side)
    }

    fn declares_inputs(&self) -> bool {
        true
    }

    fn model(&self, hyper: &CnnHyper, device: &Device) -> Cnn {
        let conv = |input, output| {
            let config = Conv2dConfig::new([input, output], [3, 3]);
            config.with_padding(PaddingConfig2d::Same).init(device)
        };
        let (first, second) = (hyper.channels, 2 * hyper.channels);
        let features = second * (hyper.side / 2) * (hyper.side / 2);
        Cnn {
            conv1: conv(1, first),
            norm1: BatchNormConfig::new(first).init(device),
            conv2: conv(first, second),
            norm2: BatchNormConfig::new(second).init(device),
            pool: MaxPool2dConfig::new([2, 2]).with_strides([2, 2]).init(),
            dropout: DropoutConfig::new(hyper.dropout).init(),
            fc1: LinearConfig::new(features, hyper.hidden).init(device),
            output: LinearConfig::new(hyper.hidden, CLASSES).init(device),
            brightest: hyper.brightest,
        }
    }

    fn loss(&self, model: &Cnn, batch: BatchTensors) -> Loss {
        digits::loss(model.forward(&batch), &batch).into()
    }

    fn evaluate(&self, model: &Cnn, batch: BatchTensors) -> Vec<Metric> {
        digits::metrics(model.forward(&batch), &batch)
    }
}
