//! Update rules, with their state in the open.
//!
//! burn keeps an optimizer's state in types of its own. That of AdamW and SGD is taken
//! apart after every update, so that it can be fingerprinted, captured and restored by
//! name, without a copy. Every other optimizer is asked for its state as burn stores
//! it ([`Dynamic`]).

mod dynamic;
mod engine;
mod sgd;

use std::sync::Arc;

use burn::optim::{
    AdamW, AdamWConfig, AdamWState, AdaptiveMomentumState, DynOptimizer, DynState, Optimizer,
};
use burn::tensor::Tensor;
use burn::tensor::kind::BridgeTensor;
use reenact_core::spec::OptimizerSpec;

pub(crate) use dynamic::Dynamic;
use sgd::Sgd;

/// Limits a count of updates. burn raises the decay to its power as an `i32`.
pub(crate) const TIME_MAX: u64 = i32::MAX as u64 - 1;

/// Holds the optimizer's state of one parameter.
#[derive(Clone)]
pub(crate) enum Slot {
    /// One that is in the open.
    Open {
        /// The moments, in the order of [`Rule::moments`], without autodiff.
        moments: Vec<BridgeTensor>,
        /// The number of updates, for a rule that counts them.
        time: u64,
    },
    /// One that only its optimizer can read.
    Closed(DynState),
}

/// Updates one parameter at a time.
#[derive(Clone)]
pub(crate) enum Rule {
    /// burn's AdamW.
    AdamW(AdamW),
    /// Stochastic gradient descent with momentum.
    Sgd(Sgd),
    /// Any other of burn's, or one of the program's own.
    Dynamic(Dynamic),
}

impl Rule {
    /// Takes the constants from the spec; burn computes with them as `f32`. `own` are the
    /// optimizers that the program's code names.
    ///
    /// # Errors
    /// What of the spec nobody knows.
    pub(crate) fn new(
        spec: &OptimizerSpec,
        own: &[(&str, Arc<dyn DynOptimizer>)],
    ) -> Result<Self, String> {
        Ok(match spec {
            OptimizerSpec::AdamW { beta_1, beta_2, epsilon, weight_decay } => {
                let config = AdamWConfig::new()
                    .with_beta_1(*beta_1 as f32)
                    .with_beta_2(*beta_2 as f32)
                    .with_epsilon(*epsilon as f32)
                    .with_weight_decay(*weight_decay as f32);
                Self::AdamW(config.build())
            }
            OptimizerSpec::Sgd { momentum, nesterov, weight_decay } => Self::Sgd(Sgd {
                momentum: *momentum as f32,
                nesterov: *nesterov,
                weight_decay: *weight_decay as f32,
            }),
            OptimizerSpec::Engine { kind, constants } => {
                Self::Dynamic(Dynamic::new(engine::optimizer(kind, constants, own)?))
            }
        })
    }

    /// Returns the same rule with another weight decay.
    pub(crate) fn decayed(spec: &OptimizerSpec, decay: f64) -> Result<OptimizerSpec, String> {
        let mut spec = spec.clone();
        match &mut spec {
            OptimizerSpec::AdamW { weight_decay, .. } | OptimizerSpec::Sgd { weight_decay, .. } => {
                *weight_decay = decay;
            }
            OptimizerSpec::Engine { kind, constants } => {
                engine::set_weight_decay(kind, constants, decay)?;
            }
        }
        Ok(spec)
    }

    /// Names the moments that a rule in the open keeps for each parameter.
    pub(crate) fn moments(&self) -> &'static [&'static str] {
        match self {
            Self::AdamW(_) => &["moment_1", "moment_2"],
            Self::Sgd(sgd) if sgd.momentum == 0.0 => &[],
            Self::Sgd(_) => &["velocity"],
            Self::Dynamic(_) => &[],
        }
    }

    /// Says whether a rule in the open counts the updates of each parameter.
    pub(crate) fn counts(&self) -> bool {
        matches!(self, Self::AdamW(_))
    }

    /// Updates one parameter.
    pub(crate) fn step<const D: usize>(
        &self,
        learning_rate: f64,
        tensor: Tensor<D>,
        gradient: Tensor<D>,
        slot: Option<Slot>,
    ) -> (Tensor<D>, Option<Slot>) {
        match self {
            Self::AdamW(adamw) => {
                let state = slot.and_then(join);
                let (tensor, state) = adamw.step(learning_rate, tensor, gradient, state);
                (tensor, Some(split(state)))
            }
            Self::Sgd(sgd) => {
                let (tensor, slot) = sgd.step(learning_rate, tensor, gradient, slot);
                (tensor, Some(slot))
            }
            Self::Dynamic(dynamic) => dynamic.step(learning_rate, tensor, gradient, slot),
        }
    }
}

fn join<const D: usize>(slot: Slot) -> Option<AdamWState<D>> {
    let Slot::Open { moments, time } = slot else { return None };
    let [moment_1, moment_2] = moments.try_into().ok()?;
    Some(AdamWState::new(AdaptiveMomentumState::new(
        time as usize,
        Tensor::from_bridge(moment_1),
        Tensor::from_bridge(moment_2),
    )))
}

fn split<const D: usize>(state: Option<AdamWState<D>>) -> Slot {
    let momentum = state.expect("burn's AdamW always has a state after an update").momentum;
    let moments = vec![momentum.moment_1.into_bridge(), momentum.moment_2.into_bridge()];
    Slot::Open { moments, time: momentum.time as u64 }
}

impl Slot {
    /// Returns the moments of a slot in the open.
    fn into_moments(self) -> Option<Vec<BridgeTensor>> {
        match self {
            Self::Open { moments, .. } => Some(moments),
            Self::Closed(_) => None,
        }
    }
}
