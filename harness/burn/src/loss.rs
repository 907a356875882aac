//! What a step minimizes.

use burn::optim::GradientsParams;
use burn::tensor::Tensor;

/// Holds the loss of a micro-batch.
///
/// A tensor becomes one. With `batch.combination = "weighted"`, a tensor and what it counts
/// (its tokens, say) do: `(loss, count)`.
#[derive(Debug)]
pub struct Loss {
    pub(crate) value: Tensor<1>,
    pub(crate) weight: f64,
    pub(crate) gradients: Option<GradientsParams>,
}

impl Loss {
    /// Takes a loss whose gradients are computed already, as burn's `TrainStep` returns them.
    ///
    /// - `value`: the loss, of shape `[1]`
    /// - `gradients`: of the parameters of the module that is updated
    pub fn with_gradients(value: Tensor<1>, gradients: GradientsParams) -> Self {
        Self { value, weight: 1.0, gradients: Some(gradients) }
    }

    /// Returns the loss itself.
    pub fn into_value(self) -> Tensor<1> {
        self.value
    }
}

impl From<Tensor<1>> for Loss {
    fn from(value: Tensor<1>) -> Self {
        Self { value, weight: 1.0, gradients: None }
    }
}

impl From<(Tensor<1>, f64)> for Loss {
    fn from((value, weight): (Tensor<1>, f64)) -> Self {
        Self { value, weight, gradients: None }
    }
}
