//! Models with burn's `TrainStep` and `InferenceStep`.

use std::marker::PhantomData;
use std::path::Path;
use std::sync::Arc;

use burn::data::dataloader::batcher::Batcher;
use burn::data::dataset::Dataset;
use burn::module::Module;
use burn::tensor::{Device, Tensor};
use burn::train::{
    ClassificationOutput, InferenceStep, MultiLabelClassificationOutput, RegressionOutput,
    TrainStep,
};
use reenact_core::data::DataSet;
use reenact_core::spec::Spec;
use reenact_core::trainer::{Metric, Setting, TrainerError};
use serde::de::DeserializeOwned;

use crate::{IntoTensors, Items, Loss, Opened, Step, TensorBatch, Training};

/// Is what a model's `TrainStep` or `InferenceStep` returns. burn's own outputs are.
pub trait Measured {
    /// Returns the loss, of shape `[1]`.
    fn loss(&self) -> Tensor<1>;

    /// Returns further figures of a batch.
    fn figures(&self) -> Vec<Metric> {
        Vec::new()
    }
}

impl Measured for ClassificationOutput {
    fn loss(&self) -> Tensor<1> {
        self.loss.clone()
    }

    fn figures(&self) -> Vec<Metric> {
        let [samples, _] = self.output.dims();
        let found = self.output.clone().argmax(1).reshape([samples]);
        let right = found.equal(self.targets.clone()).int().into_data().iter::<i64>().sum::<i64>();
        vec![Metric { name: "accuracy".into(), value: right as f64 / samples.max(1) as f64 }]
    }
}

impl Measured for MultiLabelClassificationOutput {
    fn loss(&self) -> Tensor<1> {
        self.loss.clone()
    }
}

impl Measured for RegressionOutput {
    fn loss(&self) -> Tensor<1> {
        self.loss.clone()
    }
}

type Build<C, M> = Arc<dyn Fn(&C, &Device) -> M + Send + Sync>;

type Open<I> = Arc<dyn Fn(&Path) -> Opened<Arc<dyn Dataset<I>>> + Send + Sync>;

/// Trains a model that has burn's `TrainStep` and `InferenceStep`, from its data set, its
/// batcher and the function that builds it.
///
/// - `C`: the model's configuration, read from the spec's `program.hyperparameters`
/// - `M`: the model
/// - `I`: an item of the data set
/// - `B`: a batch, of which [`crate::batch!`] names the tensors
pub struct Supervised<C, M, I, B> {
    name: &'static str,
    batcher: Arc<dyn Batcher<I, B>>,
    build: Build<C, M>,
    train: Option<Open<I>>,
    held_out: Option<Open<I>>,
    declares_inputs: bool,
    kind: PhantomData<fn() -> B>,
}

impl<C, M, I, B> Supervised<C, M, I, B> {
    /// Names the program, its batcher and the function that builds its model.
    pub fn new(
        name: &'static str,
        batcher: impl Batcher<I, B> + 'static,
        build: impl Fn(&C, &Device) -> M + Send + Sync + 'static,
    ) -> Self {
        let (batcher, build) = (Arc::new(batcher), Arc::new(build));
        let (train, held_out, kind) = (None, None, PhantomData);
        Self { name, batcher, build, train, held_out, declares_inputs: false, kind }
    }

    /// Opens the training samples in the data folder.
    pub fn train<D: Dataset<I> + 'static>(
        mut self,
        open: impl Fn(&Path) -> Opened<D> + Send + Sync + 'static,
    ) -> Self {
        self.train = Some(Arc::new(move |folder| Ok(Arc::new(open(folder)?))));
        self
    }

    /// Opens the samples in the data folder that are held out, to measure the model on.
    pub fn held_out<D: Dataset<I> + 'static>(
        mut self,
        open: impl Fn(&Path) -> Opened<D> + Send + Sync + 'static,
    ) -> Self {
        self.held_out = Some(Arc::new(move |folder| Ok(Arc::new(open(folder)?))));
        self
    }

    /// Promises what [`Training::declares_inputs`] says.
    pub fn declares_inputs(mut self) -> Self {
        self.declares_inputs = true;
        self
    }
}

impl<C, M, I, B> Supervised<C, M, I, B>
where
    I: Send + Sync + 'static,
    B: IntoTensors + 'static,
{
    fn open(
        &self,
        open: &Open<I>,
        spec: &Spec,
        setting: &Setting,
    ) -> Result<Arc<dyn DataSet>, TrainerError> {
        let items = open(&setting.data_dir).map_err(|error| TrainerError::Data {
            name: spec.data.name.clone(),
            problem: error.to_string(),
        })?;
        Ok(Arc::new(Items::new(items, self.batcher.clone())))
    }
}

impl<C, M, I, B> Training for Supervised<C, M, I, B>
where
    C: DeserializeOwned + Clone + Send + Sync + 'static,
    M: Module + TrainStep<Input = B> + InferenceStep<Input = B> + 'static,
    <M as TrainStep>::Output: Measured,
    <M as InferenceStep>::Output: Measured,
    I: Send + Sync + 'static,
    B: TensorBatch + IntoTensors + Send + 'static,
{
    type Model = M;
    type Batch = B;
    type Hyper = C;

    fn name(&self) -> &str {
        self.name
    }

    fn data(&self, _: &C, spec: &Spec, s: &Setting) -> Result<Arc<dyn DataSet>, TrainerError> {
        let missing = || TrainerError::Data {
            name: spec.data.name.clone(),
            problem: "the program names none: call `Supervised::train`".into(),
        };
        self.open(self.train.as_ref().ok_or_else(missing)?, spec, s)
    }

    fn held_out(
        &self,
        _: &C,
        spec: &Spec,
        setting: &Setting,
    ) -> Result<Option<Arc<dyn DataSet>>, TrainerError> {
        self.held_out.as_ref().map(|open| self.open(open, spec, setting)).transpose()
    }

    fn model(&self, config: &C, device: &Device) -> M {
        (self.build)(config, device)
    }

    fn declares_inputs(&self) -> bool {
        self.declares_inputs
    }

    fn step(&self, model: M, step: &mut Step<'_, B>) -> M {
        step.finish(model, |model, batch| {
            let output = TrainStep::step(model, batch);
            Loss::with_gradients(output.item.loss(), output.grads)
        })
    }

    fn evaluate(&self, model: &M, batch: B) -> Vec<Metric> {
        let output = InferenceStep::step(model, batch);
        let value = f64::from(output.loss().into_scalar::<f32>());
        let mut figures = vec![Metric { name: "loss".into(), value }];
        figures.extend(output.figures());
        figures
    }
}
