//! What a step does otherwise than declared.
//!
//! One word for two purposes: a sabotaged training is planted with it
//! ([`crate::attack`]), and a hypothesis about a divergent step is tried with it
//! ([`crate::verify`]). Engines know nothing of either.

use crate::data::Batch;

/// Says what a step does otherwise; by default nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Variation {
    /// Samples to take instead of the derived ones.
    pub samples: Option<Vec<u32>>,
    /// Micro-batches to give the model instead of what the data set holds for
    /// the samples.
    pub batches: Option<Vec<Batch>>,
    /// Seed of the step's random stream.
    pub stream_seed: Option<u64>,
    /// Bits of the learning rate to update with, an `f64`. The declared one is
    /// recorded all the same.
    pub learning_rate_bits: Option<u64>,
    /// Whether the update takes the gradient's sign turned round.
    pub negated: bool,
    /// Whether the declared clipping is left out.
    pub unclipped: bool,
    /// Bits of the mantissa that gradients are rounded to, as a kernel of lower
    /// precision gives them: 10 for TF32, 7 for bfloat16.
    pub mantissa_bits: Option<u32>,
}

impl Variation {
    /// Updates with another learning rate.
    pub fn learning_rate(rate: f64) -> Self {
        Self { learning_rate_bits: Some(rate.to_bits()), ..Self::default() }
    }

    /// Returns the learning rate to update with.
    pub fn rate_or(&self, declared: f64) -> f64 {
        self.learning_rate_bits.map_or(declared, f64::from_bits)
    }
}

/// Bits of the mantissa of an `f32`.
const MANTISSA_BITS: u32 = 23;

/// Rounds to so many bits of the mantissa, to nearest, ties to even.
pub fn round_mantissa(value: f32, bits: u32) -> f32 {
    let dropped = MANTISSA_BITS - bits.min(MANTISSA_BITS);
    if dropped == 0 || !value.is_finite() {
        return value;
    }
    let bits = value.to_bits();
    let odd = (bits >> dropped) & 1;
    let rounded = bits.wrapping_add((1 << (dropped - 1)) - 1 + odd);
    f32::from_bits(rounded >> dropped << dropped)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounds_to_nearest_even() {
        let ulp = f32::EPSILON;
        assert_eq!(round_mantissa(1.0 + ulp, 22), 1.0);
        assert_eq!(round_mantissa(1.0 + 3.0 * ulp, 22), 1.0 + 4.0 * ulp);
        assert_eq!(round_mantissa(-1.0 - 3.0 * ulp, 21), -1.0 - 4.0 * ulp);
        assert_eq!(round_mantissa(1.5, 23), 1.5);
        // The largest mantissa carries into the exponent.
        assert_eq!(round_mantissa(2.0 - ulp, 10), 2.0);
        assert!(round_mantissa(f32::NAN, 10).is_nan());
        assert_eq!(round_mantissa(f32::INFINITY, 10), f32::INFINITY);
    }
}
