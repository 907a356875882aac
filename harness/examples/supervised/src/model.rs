//! The model of a training as burn's book writes it.

use burn::config::Config;
use burn::module::Module;
use burn::nn::conv::{Conv2d, Conv2dConfig};
use burn::nn::loss::CrossEntropyLossConfig;
use burn::nn::pool::{AdaptiveAvgPool2d, AdaptiveAvgPool2dConfig};
use burn::nn::{Dropout, DropoutConfig, Linear, LinearConfig};
use burn::tensor::activation::relu;
use burn::tensor::{Device, Int, Tensor};
use burn::train::{ClassificationOutput, InferenceStep, TrainOutput, TrainStep};

use super::data::DigitBatch;

/// A small convolutional network.
#[derive(Module, Debug)]
pub(crate) struct Model {
    conv1: Conv2d,
    conv2: Conv2d,
    pool: AdaptiveAvgPool2d,
    dropout: Dropout,
    linear1: Linear,
    linear2: Linear,
}

/// The sizes of a [`Model`].
#[derive(Config, Debug)]
pub(crate) struct ModelConfig {
    hidden_size: usize,
    #[config(default = "0.5")]
    dropout: f64,
}

impl ModelConfig {
    /// Builds the model.
    pub(crate) fn init(&self, device: &Device) -> Model {
        Model {
            conv1: Conv2dConfig::new([1, 8], [3, 3]).init(device),
            conv2: Conv2dConfig::new([8, 16], [3, 3]).init(device),
            pool: AdaptiveAvgPool2dConfig::new([2, 2]).init(),
            dropout: DropoutConfig::new(self.dropout).init(),
            linear1: LinearConfig::new(16 * 2 * 2, self.hidden_size).init(device),
            linear2: LinearConfig::new(self.hidden_size, 10).init(device),
        }
    }
}

impl Model {
    fn forward(&self, images: Tensor<3>) -> Tensor<2> {
        let [samples, height, width] = images.dims();
        let x = images.reshape([samples, 1, height, width]);
        let x = self.dropout.forward(self.conv1.forward(x));
        let x = relu(self.dropout.forward(self.conv2.forward(x)));
        let x = self.pool.forward(x).reshape([samples, 16 * 2 * 2]);
        let x = relu(self.dropout.forward(self.linear1.forward(x)));
        self.linear2.forward(x)
    }

    fn classify(&self, images: Tensor<3>, targets: Tensor<1, Int>) -> ClassificationOutput {
        let output = self.forward(images);
        let loss = CrossEntropyLossConfig::new().init(&output.device());
        let loss = loss.forward(output.clone(), targets.clone());
        ClassificationOutput::new(loss, output, targets)
    }
}

impl TrainStep for Model {
    type Input = DigitBatch;
    type Output = ClassificationOutput;

    fn step(&self, batch: DigitBatch) -> TrainOutput<ClassificationOutput> {
        let item = self.classify(batch.images, batch.targets);
        TrainOutput::new(self, item.loss.backward(), item)
    }
}

impl InferenceStep for Model {
    type Input = DigitBatch;
    type Output = ClassificationOutput;

    fn step(&self, batch: DigitBatch) -> ClassificationOutput {
        self.classify(batch.images, batch.targets)
    }
}
