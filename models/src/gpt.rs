//! A small GPT on the characters of Cicero.

use std::sync::{Arc, LazyLock};

use burn::module::Module;
use burn::nn::{
    Embedding, EmbeddingConfig, Initializer, LayerNorm, LayerNormConfig, Linear, LinearConfig,
};
use burn::tensor::activation::{gelu, softmax};
use burn::tensor::{Bool, Device, Int, Tensor};
use reenact_burn::{BatchTensors, Dropout, DropoutConfig, Loss, Training};
use reenact_core::data::DataSet;
use reenact_core::spec::Spec;
use reenact_core::trainer::{Metric, Setting, TrainerError};
use serde::Deserialize;

use crate::Cicero;
use crate::cicero::{VOCABULARY, unigram_entropy_nats};
use crate::loss::cross_entropy;

/// Trains a character-level GPT on a book of Cicero.
#[derive(Clone, Copy, Debug)]
pub struct CiceroGpt;

/// Holds the hyperparameters of [`CiceroGpt`].
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct GptHyper {
    /// Number of blocks.
    pub layers: usize,
    /// Attention heads of a block; a divisor of `width`.
    pub heads: usize,
    /// Width of the residual stream.
    pub width: usize,
    /// Characters that the model sees.
    pub context: usize,
    /// Share of the features that dropout sets to zero.
    pub dropout: f64,
}

impl Default for GptHyper {
    fn default() -> Self {
        Self { layers: 2, heads: 4, width: 64, context: 64, dropout: 0.1 }
    }
}

/// Causal self-attention.
#[derive(Module, Debug)]
struct Attention {
    query_key_value: Linear,
    projection: Linear,
    dropout: Dropout,
    heads: usize,
}

impl Attention {
    fn forward(&self, input: Tensor<3>) -> Tensor<3> {
        let [batch, context, width] = input.dims();
        let size = width / self.heads;
        let joined = self.query_key_value.forward(input);
        let part = |index: usize| {
            let part = joined.clone().narrow(2, index * width, width);
            part.reshape([batch, context, self.heads, size]).swap_dims(1, 2)
        };
        let (query, key, value): (Tensor<4>, Tensor<4>, Tensor<4>) = (part(0), part(1), part(2));
        let scores = query.matmul(key.swap_dims(2, 3)).div_scalar((size as f64).sqrt());
        let future = Tensor::<2, Bool>::tril_mask([context, context], 0, &scores.device());
        let future = future.reshape([1, 1, context, context]).expand(scores.dims());
        // No NaN can come of it, as every character sees itself. Large finite numbers gave the
        // same bits, and cost the exponential its slow path.
        let scores = scores.mask_fill(future, f64::NEG_INFINITY);
        let weights = self.dropout.forward(softmax(scores, 3));
        let mixed = weights.matmul(value).swap_dims(1, 2).reshape([batch, context, width]);
        self.dropout.forward(self.projection.forward(mixed))
    }
}

/// Attention and a feed-forward network, each on a normalized copy of the
/// residual stream.
#[derive(Module, Debug)]
struct Block {
    norm1: LayerNorm,
    attention: Attention,
    norm2: LayerNorm,
    up: Linear,
    down: Linear,
    dropout: Dropout,
}

impl Block {
    fn forward(&self, input: Tensor<3>) -> Tensor<3> {
        let stream = input.clone() + self.attention.forward(self.norm1.forward(input));
        let hidden = gelu(self.up.forward(self.norm2.forward(stream.clone())));
        stream + self.dropout.forward(self.down.forward(hidden))
    }
}

/// Embeddings, blocks, and a linear layer back to characters.
#[derive(Module, Debug)]
pub struct Gpt {
    token: Embedding,
    position: Embedding,
    blocks: Vec<Block>,
    norm: LayerNorm,
    head: Linear,
    dropout: Dropout,
}

impl Gpt {
    /// Returns the logits of the character after each: one row a character.
    fn forward(&self, batch: &BatchTensors) -> Tensor<2> {
        let tokens: Tensor<2, Int> = batch.int("tokens");
        let [samples, context] = tokens.dims();
        let places = Tensor::<1, Int>::arange(0..context as i64, batch.device());
        let places = self.position.forward(places.reshape([1, context]));
        let stream = self.token.forward(tokens) + places;
        let stream = self.dropout.forward(stream);
        let stream = self.blocks.iter().fold(stream, |stream, block| block.forward(stream));
        let logits = self.head.forward(self.norm.forward(stream));
        let [_, _, characters] = logits.dims();
        logits.reshape([samples * context, characters])
    }
}

fn loss(logits: Tensor<2>, batch: &BatchTensors) -> Tensor<1> {
    cross_entropy(logits, batch.int::<2>("targets").flatten::<1>(0, 1))
}

/// Checks sizes before anything of that size is made.
fn check(hyper: &GptHyper) -> Result<(), String> {
    let sizes = [("layers", hyper.layers, 64), ("width", hyper.width, 4096)];
    for (name, size, most) in sizes {
        if !(1..=most).contains(&size) {
            return Err(format!("`{name} = {size}`: 1 to {most} is possible"));
        }
    }
    if hyper.heads == 0 || !hyper.width.is_multiple_of(hyper.heads) {
        return Err(format!("`heads = {}`: it has to divide `width`", hyper.heads));
    }
    if !(0.0..1.0).contains(&hyper.dropout) {
        return Err(format!("`dropout = {}`: it has to be at least 0 and below 1", hyper.dropout));
    }
    Ok(())
}

fn block(hyper: &GptHyper, device: &Device) -> Block {
    let (width, dropout) = (hyper.width, DropoutConfig::new(hyper.dropout));
    let attention = Attention {
        query_key_value: LinearConfig::new(width, 3 * width).init(device),
        projection: LinearConfig::new(width, width).init(device),
        dropout: dropout.init(),
        heads: hyper.heads,
    };
    Block {
        norm1: LayerNormConfig::new(width).init(device),
        attention,
        norm2: LayerNormConfig::new(width).init(device),
        up: LinearConfig::new(width, 4 * width).init(device),
        down: LinearConfig::new(4 * width, width).init(device),
        dropout: dropout.init(),
    }
}

fn windows(
    open: impl FnOnce(usize) -> Result<Cicero, String>,
    hyper: &GptHyper,
    spec: &Spec,
) -> Result<Arc<dyn DataSet>, TrainerError> {
    if spec.data.name != "cicero" {
        let problem = "it is not known; this program has `cicero`".into();
        return Err(TrainerError::Data { name: spec.data.name.clone(), problem });
    }
    Ok(Arc::new(open(hyper.context).map_err(TrainerError::Hyperparameter)?))
}

impl Training for CiceroGpt {
    type Model = Gpt;
    type Batch = BatchTensors;
    type Hyper = GptHyper;

    fn name(&self) -> &str {
        "cicero-gpt"
    }

    fn describe(&self) -> String {
        "a character-level GPT, with dropout, on a book of Cicero".into()
    }

    fn data(
        &self,
        hyper: &GptHyper,
        spec: &Spec,
        _setting: &Setting,
    ) -> Result<Arc<dyn DataSet>, TrainerError> {
        windows(Cicero::training, hyper, spec)
    }

    fn held_out(
        &self,
        hyper: &GptHyper,
        spec: &Spec,
        _setting: &Setting,
    ) -> Result<Option<Arc<dyn DataSet>>, TrainerError> {
        windows(Cicero::held_out, hyper, spec).map(Some)
    }

    fn check(&self, hyper: &GptHyper, _data: &dyn DataSet) -> Result<(), String> {
        check(hyper)
    }

    fn declares_inputs(&self) -> bool {
        true
    }

    fn model(&self, hyper: &GptHyper, device: &Device) -> Gpt {
        let width = hyper.width;
        let embedding = |count| {
            let initializer = Initializer::Normal { mean: 0.0, std: 0.02 };
            EmbeddingConfig::new(count, width).with_initializer(initializer).init(device)
        };
        Gpt {
            token: embedding(VOCABULARY.len()),
            position: embedding(hyper.context),
            blocks: (0..hyper.layers).map(|_| block(hyper, device)).collect(),
            norm: LayerNormConfig::new(width).init(device),
            head: LinearConfig::new(width, VOCABULARY.len()).init(device),
            dropout: DropoutConfig::new(hyper.dropout).init(),
        }
    }

    fn loss(&self, model: &Gpt, batch: BatchTensors) -> Loss {
        loss(model.forward(&batch), &batch).into()
    }

    fn evaluate(&self, model: &Gpt, batch: BatchTensors) -> Vec<Metric> {
        static UNIGRAM: LazyLock<f64> = LazyLock::new(unigram_entropy_nats);
        let loss = f64::from(loss(model.forward(&batch), &batch).into_scalar::<f32>());
        vec![
            Metric { name: "loss_nats".into(), value: loss },
            Metric { name: "unigram_entropy_nats".into(), value: *UNIGRAM },
        ]
    }
}
