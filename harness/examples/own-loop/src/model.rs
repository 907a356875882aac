//! Two networks that play against each other (Goodfellow et al. 2014): one makes points, the
//! other tells them from those of a ring.

use burn::module::Module;
use burn::nn::{Linear, LinearConfig};
use burn::tensor::activation::{relu, softplus};
use burn::tensor::{Device, Tensor};

/// Numbers that a point is made from.
pub(crate) const NOISE: usize = 8;

/// Three layers.
#[derive(Module, Debug)]
pub(crate) struct Network {
    input: Linear,
    hidden: Linear,
    output: Linear,
}

impl Network {
    fn new(input: usize, width: usize, output: usize, device: &Device) -> Self {
        Self {
            input: LinearConfig::new(input, width).init(device),
            hidden: LinearConfig::new(width, width).init(device),
            output: LinearConfig::new(width, output).init(device),
        }
    }

    /// Maps rows to rows.
    pub(crate) fn forward(&self, x: Tensor<2>) -> Tensor<2> {
        self.output.forward(relu(self.hidden.forward(relu(self.input.forward(x)))))
    }
}

/// Both networks.
#[derive(Module, Debug)]
pub(crate) struct Gan {
    /// Makes points of noise.
    pub(crate) generator: Network,
    /// Is above 0 for a point that it takes for a real one.
    pub(crate) critic: Network,
}

impl Gan {
    /// Builds both.
    pub(crate) fn new(width: usize, device: &Device) -> Self {
        let generator = Network::new(NOISE, width, 2, device);
        Self { generator, critic: Network::new(2, width, 1, device) }
    }
}

/// Is small where the critic takes the points for real ones, or (`sign` -1) for made ones.
pub(crate) fn judged(critic: &Network, points: Tensor<2>, sign: f64) -> Tensor<1> {
    softplus(critic.forward(points).mul_scalar(-sign), 1.0).mean_dim(0).flatten(0, 1)
}
