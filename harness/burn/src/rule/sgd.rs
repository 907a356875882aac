//! Stochastic gradient descent, whose velocity is in the open.

use burn::tensor::Tensor;

use super::Slot;

/// Holds the constants of stochastic gradient descent.
///
/// burn's own hides its velocity. These are the same operations as burn's with
/// `dampening` 0, and a test holds them to the same bits.
#[derive(Clone)]
pub(crate) struct Sgd {
    pub(super) momentum: f32,
    pub(super) nesterov: bool,
    pub(super) weight_decay: f32,
}

impl Sgd {
    pub(super) fn step<const D: usize>(
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
            return (
                tensor - gradient.mul_scalar(learning_rate),
                Slot::Open { moments: Vec::new(), time: 0 },
            );
        }
        let kept = slot.and_then(Slot::into_moments).and_then(|mut moments| moments.pop());
        let kept = kept.map(Tensor::<D>::from_bridge);
        let velocity = match kept {
            Some(kept) => gradient.clone().add(kept.mul_scalar(self.momentum)),
            None => gradient.clone(),
        };
        let direction = match self.nesterov {
            true => velocity.clone().mul_scalar(self.momentum).add(gradient),
            false => velocity.clone(),
        };
        let tensor = tensor - direction.mul_scalar(learning_rate);
        (tensor, Slot::Open { moments: vec![velocity.into_bridge()], time: 0 })
    }
}

#[cfg(test)]
mod tests {
    use burn::optim::decay::WeightDecayConfig;
    use burn::optim::momentum::MomentumConfig;
    use burn::optim::{Optimizer, SgdConfig};
    use burn::tensor::Device;

    use reenact_core::spec::OptimizerSpec;

    use super::super::Rule;
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
            let ours = Rule::new(&spec, &[]).unwrap();
            let start = Tensor::<1>::from_floats([0.1, -0.7, 3.3], &device);
            let (mut a, mut b) = (start.clone(), start);
            let (mut state, mut slot) = (None, None);
            for step in 1..6 {
                let gradient = a.clone().mul_scalar(0.3).add_scalar(step as f32);
                (a, state) = burns.step(0.05, a, gradient.clone(), state);
                let next = ours.step(0.05, b, gradient, slot);
                (b, slot) = next;
                assert_eq!(a.to_data().as_bytes(), b.to_data().as_bytes());
            }
        }
    }
}
