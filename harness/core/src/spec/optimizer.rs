//! Optimizer of a spec, with its constants.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize};

use super::Hyperparameter;

/// Names the optimizer and its constants.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
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
    /// Another one that the engine has.
    #[serde(untagged)]
    Engine {
        /// Its name there.
        kind: String,
        /// Its constants by the engine's names. The engine refuses what it does not know;
        /// what is left out has the engine's default.
        #[serde(flatten)]
        constants: BTreeMap<String, Hyperparameter>,
    },
}

impl OptimizerSpec {
    /// Is the kind of an optimizer that the program's own code names.
    pub const PROGRAM: &str = "program";

    /// Returns the optimizer's kind, as the spec names it.
    pub fn kind(&self) -> &str {
        match self {
            Self::AdamW { .. } => "adamw",
            Self::Sgd { .. } => "sgd",
            Self::Engine { kind, .. } => kind,
        }
    }

    /// Says whether a spec of format 1 may have it.
    pub(super) fn is_first(&self) -> bool {
        !matches!(self, Self::Engine { .. })
    }
}

/// Holds the keys of AdamW and SGD; each kind has all of its own and no other.
#[derive(Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
enum Own {
    #[serde(rename = "adamw")]
    AdamW {
        beta_1: f64,
        beta_2: f64,
        epsilon: f64,
        weight_decay: f64,
    },
    Sgd {
        momentum: f64,
        nesterov: bool,
        weight_decay: f64,
    },
}

impl<'de> Deserialize<'de> for OptimizerSpec {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        use serde::de::Error;
        let mut table = BTreeMap::<String, Hyperparameter>::deserialize(deserializer)?;
        let kind = match table.get("kind") {
            Some(Hyperparameter::Text(kind)) => kind.clone(),
            Some(_) => return Err(D::Error::custom("`kind` has to be a text")),
            None => return Err(D::Error::missing_field("kind")),
        };
        if !matches!(kind.as_str(), "adamw" | "sgd") {
            table.remove("kind");
            return Ok(Self::Engine { kind, constants: table });
        }
        let own = toml::Table::try_from(table).map_err(D::Error::custom)?;
        let own = own.try_into::<Own>().map_err(|error| D::Error::custom(error.message()))?;
        Ok(match own {
            Own::AdamW { beta_1, beta_2, epsilon, weight_decay } => {
                Self::AdamW { beta_1, beta_2, epsilon, weight_decay }
            }
            Own::Sgd { momentum, nesterov, weight_decay } => {
                Self::Sgd { momentum, nesterov, weight_decay }
            }
        })
    }
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
    /// Scales the gradient of each parameter so that its own L2 norm is at most `limit`.
    TensorNorm {
        /// Largest norm.
        limit: f64,
    },
    /// Clamps every element into `[-limit, limit]`.
    Value {
        /// Largest absolute value.
        limit: f64,
    },
}

impl Clipping {
    /// Returns the limit.
    pub fn limit(self) -> f64 {
        match self {
            Self::GlobalNorm { limit } | Self::TensorNorm { limit } | Self::Value { limit } => {
                limit
            }
        }
    }
}
