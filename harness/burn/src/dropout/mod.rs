//! Dropout whose masks are the same on every device.
//!
//! burn's backends draw other random numbers each, so a training with burn's dropout is another
//! one on each kind of device. Here a mask is a function of the step's seed, the number of the
//! mask within the step, and the place of the element: integers only, computed on the processor
//! (`philox`) and moved to the device. See `replay-specs/README.md`, "Dropout".

mod philox;
#[cfg(test)]
mod tests;

use burn::config::Config;
use burn::module::{Content, DisplaySettings, Flag, Module, ModuleDisplay, Param};
use burn::nn;
use burn::tensor::{DType, Tensor, TensorData};

use crate::stream::{Draw, next_mask};

/// Makes a [`Dropout`], as burn's configuration of the same name makes burn's.
#[derive(Config, Debug)]
pub struct DropoutConfig {
    /// The chance of each element to be set to zero: at least 0 and below 1.
    pub prob: f64,
}

impl DropoutConfig {
    /// Makes the layer.
    ///
    /// # Panics
    /// If the chance is not at least 0 and below 1.
    pub fn init(&self) -> Dropout {
        let nn::Dropout { prob, training } = nn::DropoutConfig::new(self.prob).init();
        Dropout { prob, training }
    }
}

/// Sets elements at random to zero while a model trains, and multiplies the others by
/// `1 / (1 - prob)` (Hinton et al. 2012, <https://arxiv.org/abs/1207.0580>).
///
/// It takes the place of burn's `nn::Dropout`, with the same fields, and does nothing where
/// that does nothing: on a device that records nothing for gradients, where the module is
/// frozen, or with `prob = 0`. From format 2 of the spec on its masks are the same on all
/// devices. With format 1, and outside of reenact's training loop, it is burn's.
#[derive(Module, Debug)]
#[module(custom_display)]
pub struct Dropout {
    /// The chance of each element to be set to zero.
    pub prob: f64,
    /// Whether the layer takes part in training; freezing a module clears it.
    pub training: Param<Flag>,
}

impl Dropout {
    /// Applies the layer to a tensor of floats of any shape, rank and precision.
    pub fn forward<const D: usize>(&self, input: Tensor<D>) -> Tensor<D> {
        if !self.training.is_enabled() || !input.device().is_autodiff() || self.prob == 0.0 {
            return input;
        }
        match next_mask() {
            Some(draw) => {
                let mask = mask(&input, draw, Kept::of(self.prob));
                input * mask
            }
            None => {
                let Self { prob, training } = self.clone();
                nn::Dropout { prob, training }.forward(input)
            }
        }
    }
}

impl ModuleDisplay for Dropout {
    fn custom_settings(&self) -> Option<DisplaySettings> {
        DisplaySettings::new().with_new_line_after_attribute(false).optional()
    }

    fn custom_content(&self, content: Content) -> Option<Content> {
        let content = content.add("prob", &self.prob);
        match self.training.is_enabled() {
            true => content.optional(),
            false => content.add("training", &self.training).optional(),
        }
    }
}

/// Says which elements stay, and what they are multiplied by.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Kept {
    /// An element stays if its word is this or more.
    threshold: u32,
    /// `1 / (1 - p)`, computed in double precision and rounded once.
    factor: f32,
}

impl Kept {
    /// Returns them for the chance of an element to fall, at least 0 and below 1.
    fn of(prob: f64) -> Self {
        let threshold = (prob * (1u64 << 32) as f64).round();
        // A chance that rounds to 1 leaves one word in 2^32.
        Self { threshold: threshold as u32, factor: (1.0 / (1.0 - prob)) as f32 }
    }
}

/// Makes the mask of a tensor: of its shape and precision, where it lies, and without a
/// gradient.
fn mask<const D: usize>(input: &Tensor<D>, draw: Draw, kept: Kept) -> Tensor<D> {
    let (shape, device) = (input.shape(), input.device().inner());
    let mask = philox::mask(shape.num_elements(), draw, kept);
    let mask = Tensor::<D>::from_data(TensorData::new(mask, shape), (&device, DType::F32));
    mask.cast(input.dtype())
}
