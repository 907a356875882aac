//! Learning-rate schedules.

use serde::{Deserialize, Serialize};

use crate::spec::{SpecError, in_range, real};

/// Gives the learning rate of each step.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum LearningRate {
    /// The same rate at every step.
    Constant {
        /// The rate.
        value: f64,
    },
    /// A linear rise to `peak`, then half a cosine down to `floor`
    /// (Loshchilov and Hutter 2017, without restarts).
    WarmupCosine {
        /// Largest rate.
        peak: f64,
        /// Rate that the cosine approaches.
        floor: f64,
        /// Steps of the rise.
        warmup_steps: u64,
    },
}

impl LearningRate {
    /// Returns the rate of `step` in a run of `steps` steps.
    ///
    /// The cosine is `libm`'s software one: the platform's own may round
    /// differently from machine to machine, and the rate's bits are recorded.
    pub fn at(&self, step: u64, steps: u64) -> f64 {
        match *self {
            Self::Constant { value } => value,
            Self::WarmupCosine { peak, warmup_steps, .. } if step < warmup_steps => {
                peak * ((step + 1) as f64 / warmup_steps as f64)
            }
            Self::WarmupCosine { peak, floor, warmup_steps } => {
                let span = (steps - warmup_steps).max(1) as f64;
                let turn = std::f64::consts::PI * ((step - warmup_steps) as f64 / span);
                floor + (peak - floor) * (0.5 * (1.0 + libm::cos(turn)))
            }
        }
    }

    pub(crate) fn check(&self, steps: u64) -> Result<(), SpecError> {
        match *self {
            Self::Constant { value } => {
                real("learning_rate.value", value, value >= 0.0, "at least 0")
            }
            Self::WarmupCosine { peak, floor, warmup_steps } => {
                real("learning_rate.peak", peak, peak > 0.0, "above 0")?;
                let below = floor >= 0.0 && floor <= peak;
                real("learning_rate.floor", floor, below, "between 0 and the peak")?;
                in_range("learning_rate.warmup_steps", warmup_steps, 0, steps)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rises_to_the_peak_and_falls_to_the_floor() {
        let rate = LearningRate::WarmupCosine { peak: 1.0, floor: 0.1, warmup_steps: 10 };
        assert_eq!(rate.at(0, 110), 0.1);
        assert_eq!(rate.at(9, 110), 1.0);
        assert_eq!(rate.at(10, 110), 1.0);
        assert!((rate.at(60, 110) - 0.55).abs() < 1e-12);
        assert!(rate.at(109, 110) < 0.101);
    }

    #[test]
    fn bits_are_pinned() {
        let rate = LearningRate::WarmupCosine { peak: 3e-3, floor: 1e-4, warmup_steps: 20 };
        let bits: Vec<u64> = [0, 19, 20, 77, 399].map(|step| rate.at(step, 400).to_bits()).into();
        let golden = [
            0x3f23a92a30553262,
            0x3f689374bc6a7efa,
            0x3f689374bc6a7efa,
            0x3f6748055e0096d7,
            0x3f1a3a363a92783c,
        ];
        assert_eq!(bits, golden, "{bits:#x?}");
    }

    #[test]
    fn warm_up_may_fill_the_whole_run() {
        let rate = LearningRate::WarmupCosine { peak: 1.0, floor: 0.0, warmup_steps: 4 };
        assert!(rate.check(4).is_ok());
        assert_eq!(rate.at(3, 4), 1.0);
        assert!(rate.check(3).is_err());
    }
}
