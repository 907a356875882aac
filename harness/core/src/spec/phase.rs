//! Parts of a learning-rate schedule.

use serde::{Deserialize, Serialize};

use crate::spec::{STEPS_MAX, SpecError, in_range, real};

/// Limits the width of a model in a formula.
const MODEL_SIZE_MAX: u64 = 1 << 32;

/// Gives the learning rate over some steps. In each formula `k` counts the steps of the
/// phase from 0, and `n` is their number.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "shape", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Phase {
    /// `value`.
    Constant {
        /// Number of steps.
        steps: u64,
        /// The rate.
        value: f64,
    },
    /// `from + (to - from) * (k / n)`: the phase after it begins at `to`.
    Linear {
        /// Number of steps.
        steps: u64,
        /// Rate of the first step.
        from: f64,
        /// Rate that the step after the last one would have.
        to: f64,
    },
    /// Half a cosine: `to + (from - to) * (0.5 * (1 + cos(pi * (k / n))))`
    /// (Loshchilov and Hutter 2017).
    Cosine {
        /// Number of steps.
        steps: u64,
        /// Rate of the first step.
        from: f64,
        /// Rate that the step after the last one would have.
        to: f64,
    },
    /// `from * factor ^ floor(k / every)`: exponential with `every = 1`, in steps with more.
    Exponential {
        /// Number of steps.
        steps: u64,
        /// Rate of the first step.
        from: f64,
        /// What the rate is multiplied by, each time.
        factor: f64,
        /// Steps from one time to the next.
        #[serde(default = "one", skip_serializing_if = "is_one")]
        every: u64,
    },
    /// `factor / sqrt(model_size) * min(1 / sqrt(k + 1), (k + 1) / (w * sqrt(w)))` with
    /// `w = warmup_steps` (Vaswani et al. 2017, section 5.3).
    Noam {
        /// Number of steps.
        steps: u64,
        /// What all is multiplied by.
        factor: f64,
        /// Width of the model.
        model_size: u64,
        /// Steps of the rise.
        warmup_steps: u64,
    },
}

impl Phase {
    /// Returns the number of steps.
    pub fn steps(&self) -> u64 {
        match *self {
            Self::Constant { steps, .. }
            | Self::Linear { steps, .. }
            | Self::Cosine { steps, .. }
            | Self::Exponential { steps, .. }
            | Self::Noam { steps, .. } => steps,
        }
    }

    /// Returns the rate of the phase's step `k`.
    pub(super) fn at(&self, k: u64) -> f64 {
        match *self {
            Self::Constant { value, .. } => value,
            Self::Linear { steps, from, to } => from + (to - from) * (k as f64 / steps as f64),
            Self::Cosine { steps, from, to } => {
                let turn = std::f64::consts::PI * (k as f64 / steps as f64);
                to + (from - to) * (0.5 * (1.0 + libm::cos(turn)))
            }
            Self::Exponential { from, factor, every, .. } => from * power(factor, k / every),
            Self::Noam { factor, model_size, warmup_steps, .. } => {
                let (k, warmup) = ((k + 1) as f64, warmup_steps as f64);
                let falling = 1.0 / k.sqrt();
                let rising = k / (warmup * warmup.sqrt());
                factor / (model_size as f64).sqrt() * falling.min(rising)
            }
        }
    }

    /// Checks the phase with this number.
    pub(super) fn check(&self, number: usize) -> Result<(), SpecError> {
        let key = |name: &str| format!("learning_rate.phases[{number}].{name}");
        let rate = |name, value: f64| real(&key(name), value, value >= 0.0, "at least 0");
        let steps = |name, value| in_range(&key(name), value, 1, STEPS_MAX);
        steps("steps", self.steps())?;
        match *self {
            Self::Constant { value, .. } => rate("value", value),
            Self::Linear { from, to, .. } | Self::Cosine { from, to, .. } => {
                rate("from", from)?;
                rate("to", to)
            }
            Self::Exponential { from, factor, every, .. } => {
                rate("from", from)?;
                let good = factor > 0.0 && factor <= 1.0;
                real(&key("factor"), factor, good, "above 0 and at most 1")?;
                steps("every", every)
            }
            Self::Noam { factor, model_size, warmup_steps, .. } => {
                real(&key("factor"), factor, factor > 0.0, "above 0")?;
                in_range(&key("model_size"), model_size, 1, MODEL_SIZE_MAX)?;
                steps("warmup_steps", warmup_steps)
            }
        }
    }
}

/// Returns `base ^ exponent` by squaring, from the exponent's highest bit down: the platform's
/// own may round otherwise from machine to machine.
fn power(base: f64, exponent: u64) -> f64 {
    let bits = u64::BITS - exponent.leading_zeros();
    (0..bits).rev().fold(1.0, |power, bit| {
        let squared = power * power;
        if exponent >> bit & 1 == 1 { squared * base } else { squared }
    })
}

fn one() -> u64 {
    1
}

fn is_one(value: &u64) -> bool {
    *value == 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_power_is_that_of_repeated_products() {
        assert_eq!(power(0.5, 0), 1.0);
        assert_eq!(power(0.5, 13), 0.5f64.powi(13));
        assert!((power(0.999, 1000) - (0..1000).fold(1.0, |p, _| p * 0.999)).abs() < 1e-12);
    }

    #[test]
    fn bits_of_every_shape_are_pinned() {
        let phases = [
            Phase::Constant { steps: 9, value: 0.1 },
            Phase::Linear { steps: 9, from: 0.0, to: 3e-3 },
            Phase::Cosine { steps: 9, from: 3e-3, to: 1e-4 },
            Phase::Exponential { steps: 9, from: 3e-3, factor: 0.97, every: 2 },
            Phase::Noam { steps: 9, factor: 1.5, model_size: 48, warmup_steps: 3 },
        ];
        let bits = phases.map(|phase| [0, 1, 5, 8].map(|k| phase.at(k).to_bits()));
        let golden = [
            [0x3fb999999999999a; 4],
            [0x0, 0x3f35d867c3ece2a5, 0x3f5b4e81b4e81b4f, 0x3f65d867c3ece2a5],
            [0x3f689374bc6a7efa, 0x3f67dc11aef109c8, 0x3f55451686b631d5, 0x3f2891a24d2574ba],
            [0x3f689374bc6a7efa, 0x3f689374bc6a7efa, 0x3f671fa185f72566, 0x3f65c1c7dff7d2ad],
            [0x3fa5555555555556, 0x3fb5555555555556, 0x3fb6a09e667f3bce, 0x3fb279a74590331c],
        ];
        assert_eq!(bits, golden, "{bits:#x?}");
    }
}
