//! Optimizer of a spec, with its constants.

use serde::{Deserialize, Serialize};

/// Names the optimizer and its constants.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum OptimizerSpec {
    /// Adam with decoupled weight decay (Loshchilov and Hutter 2019).
    #[serde(rename = "adamw")]
    AdamW {
        /// Decay of the first moment.
        beta_1: f64,
        /// Decay of the second moment.
        beta_2: f64,
        /// Added to the root of the second moment.
        epsilon: f64,
        /// Decoupled weight decay, multiplied by the learning rate.
        weight_decay: f64,
    },
    /// Stochastic gradient descent with momentum.
    Sgd {
        /// Share of the velocity that is kept.
        momentum: f64,
        /// Looks ahead by one velocity.
        nesterov: bool,
        /// L2 penalty added to the gradient.
        weight_decay: f64,
    },
}

/// Clips the gradient before the update.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Clipping {
    /// Scales the whole gradient so that its L2 norm is at most `limit`
    /// (Pascanu et al. 2013).
    GlobalNorm {
        /// Largest norm.
        limit: f64,
    },
    /// Clamps every element into `[-limit, limit]`.
    Value {
        /// Largest absolute value.
        limit: f64,
    },
}
