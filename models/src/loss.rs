//! The loss of all three programs.

use burn::tensor::activation::log_softmax;
use burn::tensor::{Int, Tensor};

/// Returns the mean cross entropy in nats.
///
/// Written with a mask and sums over dimensions. burn's own gathers the
/// targets' logits; the gradient of that is a scatter-add, which on a GPU adds
/// in any order.
pub(crate) fn cross_entropy(logits: Tensor<2>, targets: Tensor<1, Int>) -> Tensor<1> {
    let [samples, classes] = logits.dims();
    let device = targets.device();
    let numbers = Tensor::<1, Int>::arange(0..classes as i64, &device);
    let numbers = numbers.reshape([1, classes]).expand([samples, classes]);
    let targets = targets.reshape([samples, 1]).expand([samples, classes]);
    let chosen = numbers.equal(targets).float();
    let log_likelihood = log_softmax(logits, 1).mul(chosen).sum_dim(1).mean_dim(0);
    log_likelihood.neg().reshape([1])
}

#[cfg(test)]
mod tests {
    use burn::nn::loss::CrossEntropyLossConfig;
    use burn::tensor::{Device, Tensor};

    use super::*;

    #[test]
    fn agrees_with_burns() {
        let device = Device::flex();
        let logits = Tensor::<2>::from_floats([[0.1, 2.0, -1.0], [1.5, 0.0, 0.3]], &device);
        let targets = Tensor::<1, Int>::from_ints([1, 2], &device);
        let burns = CrossEntropyLossConfig::new().init(&device);
        let theirs = burns.forward(logits.clone(), targets.clone()).into_scalar::<f32>();
        let ours = cross_entropy(logits, targets).into_scalar::<f32>();
        assert!((theirs - ours).abs() < 1e-6, "{theirs} {ours}");
    }
}
