//! Learning-rate schedules.

use serde::{Deserialize, Serialize};

use crate::spec::{Phase, SpecError, in_range, real};

/// Limits the phases of a schedule.
const PHASES_MAX: usize = 1024;

/// Gives the learning rate of each step.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
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
    /// One phase after another. After the last one, the rate stays that of its last step.
    Phases {
        /// The phases.
        phases: Vec<Phase>,
    },
    /// A function of the program, which alone knows it.
    Program {},
}

impl LearningRate {
    /// Returns the rate of `step` in a run of `steps` steps; none where only the program
    /// knows it.
    ///
    /// The cosine is `libm`'s software one: the platform's own may round
    /// differently from machine to machine, and the rate's bits are recorded.
    pub fn at(&self, step: u64, steps: u64) -> Option<f64> {
        Some(match *self {
            Self::Constant { value } => value,
            Self::WarmupCosine { peak, warmup_steps, .. } if step < warmup_steps => {
                peak * ((step + 1) as f64 / warmup_steps as f64)
            }
            Self::WarmupCosine { peak, floor, warmup_steps } => {
                let span = (steps - warmup_steps).max(1) as f64;
                let turn = std::f64::consts::PI * ((step - warmup_steps) as f64 / span);
                floor + (peak - floor) * (0.5 * (1.0 + libm::cos(turn)))
            }
            Self::Phases { ref phases } => in_phases(phases, step),
            Self::Program {} => return None,
        })
    }

    /// Returns its kind, as the spec names it.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Constant { .. } => "constant",
            Self::WarmupCosine { .. } => "warmup-cosine",
            Self::Phases { .. } => "phases",
            Self::Program {} => "program",
        }
    }

    /// Says whether a spec of format 1 may have it.
    pub(crate) fn is_first(&self) -> bool {
        matches!(self, Self::Constant { .. } | Self::WarmupCosine { .. })
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
            Self::Phases { ref phases } => {
                in_range("learning_rate.phases", phases.len() as u64, 1, PHASES_MAX as u64)?;
                phases.iter().enumerate().try_for_each(|(number, phase)| phase.check(number))
            }
            Self::Program {} => Ok(()),
        }
    }
}

fn in_phases(phases: &[Phase], step: u64) -> f64 {
    let mut k = step;
    for phase in phases {
        if k < phase.steps() {
            return phase.at(k);
        }
        k -= phase.steps();
    }
    phases.last().map_or(0.0, |last| last.at(last.steps() - 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rises_to_the_peak_and_falls_to_the_floor() {
        let rate = LearningRate::WarmupCosine { peak: 1.0, floor: 0.1, warmup_steps: 10 };
        assert_eq!(rate.at(0, 110), Some(0.1));
        assert_eq!(rate.at(9, 110), Some(1.0));
        assert_eq!(rate.at(10, 110), Some(1.0));
        assert!((rate.at(60, 110).unwrap() - 0.55).abs() < 1e-12);
        assert!(rate.at(109, 110).unwrap() < 0.101);
    }

    #[test]
    fn bits_are_pinned() {
        let rate = LearningRate::WarmupCosine { peak: 3e-3, floor: 1e-4, warmup_steps: 20 };
        let bits: Vec<u64> =
            [0, 19, 20, 77, 399].map(|step| rate.at(step, 400).unwrap().to_bits()).into();
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
    fn phases_follow_each_other_and_the_last_rate_stays() {
        let phases = vec![
            Phase::Linear { steps: 2, from: 0.0, to: 1.0 },
            Phase::Constant { steps: 2, value: 1.0 },
            Phase::Linear { steps: 4, from: 1.0, to: 0.0 },
        ];
        let rate = LearningRate::Phases { phases };
        let rates: Vec<f64> = (0..10).filter_map(|step| rate.at(step, 10)).collect();
        assert_eq!(rates, [0.0, 0.5, 1.0, 1.0, 1.0, 0.75, 0.5, 0.25, 0.25, 0.25]);
        assert!(rate.check(10).is_ok());
        assert!(LearningRate::Phases { phases: vec![] }.check(10).is_err());
    }

    #[test]
    fn warm_up_may_fill_the_whole_run() {
        let rate = LearningRate::WarmupCosine { peak: 1.0, floor: 0.0, warmup_steps: 4 };
        assert!(rate.check(4).is_ok());
        assert_eq!(rate.at(3, 4), Some(1.0));
        assert!(rate.check(3).is_err());
    }
}
