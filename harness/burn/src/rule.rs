//! Update rules, with their state in the open.
//!
//! burn keeps an optimizer's state in types of its own. Here it is taken apart
//! after every update ([`Slot`]), so that it can be fingerprinted, captured and
//! restored by name, without a copy.

use burn::optim::{AdamW, AdamWConfig, AdamWState, AdaptiveMomentumState, Optimizer};
use burn::tensor::Tensor;
use burn::tensor::kind::BridgeTensor;
use reenact_core::spec::OptimizerSpec;

/// Limits a count of updates. burn raises the decay to its power as an `i32`.
pub(crate) const TIME_MAX: u64 = i32::MAX as u64 - 1;

/// Holds the optimizer's state of one parameter.
#[derive(Clone)]
pub(crate) struct Slot {
    /// The moments, in the order of [`Rule::moments`], without autodiff.
    pub(crate) moments: Vec<BridgeTensor>,
    /// The number of updates, for a rule that counts them.
    pub(crate) time: u64,
}

/// Updates one parameter at a time.
#[derive(Clone)]
pub(crate) enum Rule {
    /// burn's AdamW.
    AdamW(AdamW),
    /// Stochastic gradient descent with momentum.
    Sgd(Sgd),
}

/// Holds the constants of stochastic gradient descent.
///
/// burn's own hides its velocity. These are the same operations as burn's with
/// `dampening` 0, and a test holds them to the same bits.
#[derive(Clone)]
pub(crate) struct Sgd {
    momentum: f32,
    nesterov: bool,
    weight_decay: f32,
}

impl Rule {
    /// Takes the constants from the spec; burn computes with them as `f32`.
    pub(crate) fn new(spec: &OptimizerSpec) -> Self {
        match *spec {
            OptimizerSpec::AdamW { beta_1, beta_2, epsilon, weight_decay } => {
                let config = AdamWConfig::new()
                    .with_beta_1(beta_1 as f32)
                    .with_beta_2(beta_2 as f32)
                    .with_epsilon(epsilon as f32)
                    .with_weight_decay(weight_decay as f32);
                Self::AdamW(config.build())
            }
            OptimizerSpec::Sgd { momentum, nesterov, weight_decay } => Self::Sgd(Sgd {
                momentum: momentum as f32,
                nesterov,
                weight_decay: weight_decay as f32,
            }),
            OptimizerSpec::Engine { .. } => panic!("not yet"),
        }
    }

    /// Names the moments that the rule keeps for each parameter.
    pub(crate) fn moments(&self) -> &'static [&'static str] {
        match self {
            Self::AdamW(_) => &["moment_1", "moment_2"],
            Self::Sgd(sgd) if sgd.momentum == 0.0 => &[],
            Self::Sgd(_) => &["velocity"],
        }
    }

    /// Says whether the rule counts the updates of each parameter.
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
    ) -> (Tensor<D>, Slot) {
        match self {
            Self::AdamW(adamw) => {
                let state = slot.and_then(join);
                let (tensor, state) = adamw.step(learning_rate, tensor, gradient, state);
                (tensor, split(state))
            }
            Self::Sgd(sgd) => sgd.step(learning_rate, tensor, gradient, slot),
        }
    }
}

fn join<const D: usize>(slot: Slot) -> Option<AdamWState<D>> {
    let [moment_1, moment_2] = slot.moments.try_into().ok()?;
    Some(AdamWState::new(AdaptiveMomentumState::new(
        slot.time as usize,
        Tensor::from_bridge(moment_1),
        Tensor::from_bridge(moment_2),
    )))
}

fn split<const D: usize>(state: Option<AdamWState<D>>) -> Slot {
    let momentum = state.expect("burn's AdamW always has a state after an update").momentum;
    let moments = vec![momentum.moment_1.into_bridge(), momentum.moment_2.into_bridge()];
    Slot { moments, time: momentum.time as u64 }
}

impl Sgd {
    fn step<const D: usize>(
        &self,
        learning_rate: f64,
        tensor: Tensor<D>,
        mut gradient: Tensor<D>,
        slot: Option<Slot>,
    ) -> (Tensor<D>, Slot) {
        if self.weight_decay != 0.0 {
            gradient = tensor.clone().mul_scalar(self.weight_decay).add(gradient);
        }
        if self.momentum == 0.0 {
            return (tensor - gradient.mul_scalar(learning_rate), Slot::empty());
        }
        let kept = slot.and_then(|mut slot| slot.moments.pop()).map(Tensor::<D>::from_bridge);
        let velocity = match kept {
            Some(kept) => gradient.clone().add(kept.mul_scalar(self.momentum)),
            None => gradient.clone(),
        };
        let direction = match self.nesterov {
            true => velocity.clone().mul_scalar(self.momentum).add(gradient),
            false => velocity.clone(),
        };
        let tensor = tensor - direction.mul_scalar(learning_rate);
        (tensor, Slot { moments: vec![velocity.into_bridge()], time: 0 })
    }
}

impl Slot {
    fn empty() -> Self {
        Self { moments: Vec::new(), time: 0 }
    }
}

#[cfg(test)]
mod tests {
    use burn::optim::SgdConfig;
    use burn::optim::decay::WeightDecayConfig;
    use burn::optim::momentum::MomentumConfig;
    use burn::tensor::Device;

    use super::*;

    #[test]
    fn sgd_has_the_bits_of_burns_without_dampening() {
        let device = Device::flex();
        for nesterov in [false, true] {
            let momentum = MomentumConfig { momentum: 0.9, dampening: 0.0, nesterov };
            let burns = SgdConfig::new()
                .with_weight_decay(Some(WeightDecayConfig::new(0.01)))
                .with_momentum(Some(momentum))
                .build();
            let spec = OptimizerSpec::Sgd { momentum: 0.9, nesterov, weight_decay: 0.01 };
            let ours = Rule::new(&spec);
            let start = Tensor::<1>::from_floats([0.1, -0.7, 3.3], &device);
            let (mut a, mut b) = (start.clone(), start);
            let (mut state, mut slot) = (None, None);
            for step in 1..6 {
                let gradient = a.clone().mul_scalar(0.3).add_scalar(step as f32);
                (a, state) = burns.step(0.05, a, gradient.clone(), state);
                let next = ours.step(0.05, b, gradient, slot);
                (b, slot) = (next.0, Some(next.1));
                assert_eq!(a.to_data().as_bytes(), b.to_data().as_bytes());
            }
        }
    }
}
