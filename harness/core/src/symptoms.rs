//! Signs of a training that is faithful and broken all the same.
//!
//! A replay repeats a loss that is not a number as exactly as any other. So
//! whoever records, and whoever audits, is told of it. No verdict depends on it.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::sanitize::plain;
use crate::state::{Fingerprint, Layout};
use crate::trainer::StepTrace;

/// Tensors that are named; the others are counted.
const NAMES_MAX: usize = 8;

/// Names one sign of a broken training.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "kind")]
pub enum Symptom {
    /// The loss is infinite or no number.
    Loss {
        /// The first such step.
        step: u64,
        /// The loss there, as JSON has no NaN.
        loss: String,
        /// Number of such steps.
        steps: u64,
    },
    /// The learning rate is 0, so a step changes no weight by its gradient.
    Rate {
        /// The first such step.
        step: u64,
        /// Number of such steps.
        steps: u64,
    },
    /// Trainable tensors have the same bits after every step.
    Still {
        /// Their names; at most eight.
        tensors: Vec<String>,
        /// Their number.
        count: u64,
        /// Number of tensors that are trainable.
        trainable: u64,
    },
}

impl Symptom {
    /// Returns the first step at which it shows.
    pub fn step(&self) -> u64 {
        match self {
            Self::Loss { step, .. } | Self::Rate { step, .. } => *step,
            Self::Still { .. } => 0,
        }
    }
}

impl fmt::Display for Symptom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Loss { step, loss, steps } => {
                write!(f, "the loss is {loss} at step {step}{}", more(*steps))
            }
            Self::Rate { step, steps } => {
                write!(f, "the learning rate is 0 at step {step}{}", more(*steps))
            }
            Self::Still { tensors, count, trainable } => {
                write!(f, "{count} of {trainable} trainable tensors never moved: ")?;
                f.write_str(&tensors.join(", "))?;
                let unnamed = count - tensors.len() as u64;
                if unnamed > 0 { write!(f, " and {unnamed} more") } else { Ok(()) }
            }
        }
    }
}

fn more(steps: u64) -> String {
    match steps - 1 {
        0 => String::new(),
        1 => " (and at 1 more step)".into(),
        more => format!(" (and at {more} more steps)"),
    }
}

/// Looks for symptoms while a training is recorded or its record is read.
#[derive(Default)]
pub struct SymptomSearch {
    losses: Option<(u64, u32, u64)>,
    rates: Option<(u64, u64)>,
    steps: u64,
    /// State and gradient layout of the step before.
    layouts: Option<(Layout, Layout)>,
    /// Where each trainable tensor stands among the fingerprints of the state.
    places: Vec<usize>,
    /// Trainable tensors, with what they were after the first step; none once
    /// they have moved.
    trainable: BTreeMap<String, Option<Fingerprint>>,
}

impl SymptomSearch {
    /// Takes the next step. `state` and `gradient` name its fingerprints.
    pub fn take(&mut self, trace: &StepTrace, state: &Layout, gradient: &Layout) {
        let step = trace.step;
        if !trace.loss().is_finite() {
            self.losses.get_or_insert((step, trace.loss_bits, 0)).2 += 1;
        }
        if trace.learning_rate() == 0.0 {
            self.rates.get_or_insert((step, 0)).1 += 1;
        }
        let known = self.layouts.as_ref();
        if !known.is_some_and(|known| (&known.0, &known.1) == (state, gradient)) {
            self.learn(trace, state, gradient);
        }
        // Both are in order of names.
        for (still, &place) in self.trainable.values_mut().zip(&self.places) {
            *still = still.filter(|first| trace.state.get(place) == Some(first));
        }
        self.steps += 1;
    }

    /// A tensor that comes or goes has moved.
    fn learn(&mut self, trace: &StepTrace, state: &Layout, gradient: &Layout) {
        let found = gradient.tensors().iter().filter_map(|tensor| {
            let place = state.position(&tensor.name)?;
            let now = trace.state.get(place).copied();
            let still = match self.trainable.get(&tensor.name) {
                Some(still) => *still,
                None => now.filter(|_| self.steps == 0),
            };
            Some((tensor.name.clone(), still, place))
        });
        let found: Vec<_> = found.collect();
        self.places = found.iter().map(|(_, _, place)| *place).collect();
        self.trainable = found.into_iter().map(|(name, still, _)| (name, still)).collect();
        self.layouts = Some((state.clone(), gradient.clone()));
    }

    /// Returns the loss that is not finite, once there is one.
    pub fn loss(&self) -> Option<Symptom> {
        let (step, bits, steps) = self.losses?;
        Some(Symptom::Loss { step, loss: f32::from_bits(bits).to_string(), steps })
    }

    /// Returns the learning rate of 0, once there is one.
    pub fn rate(&self) -> Option<Symptom> {
        let (step, steps) = self.rates?;
        Some(Symptom::Rate { step, steps })
    }

    /// Returns everything that was found. What never moved is known after two
    /// steps at the earliest.
    pub fn finish(&self) -> Vec<Symptom> {
        let mut found: Vec<Symptom> = self.loss().into_iter().chain(self.rate()).collect();
        let still = self.trainable.iter().filter(|(_, still)| still.is_some());
        let names: Vec<&String> = still.map(|(name, _)| name).collect();
        if self.steps > 1 && !names.is_empty() {
            found.push(Symptom::Still {
                tensors: names.iter().take(NAMES_MAX).map(|name| plain(name)).collect(),
                count: names.len() as u64,
                trainable: self.trainable.len() as u64,
            });
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digest::Digest;
    use crate::state::{DType, TensorSpec};

    fn layout(names: &[&str]) -> Layout {
        let tensor =
            |name: &&str| TensorSpec { name: name.to_string(), dtype: DType::F32, shape: vec![1] };
        Layout::new(names.iter().map(tensor).collect()).unwrap()
    }

    fn trace(step: u64, rate: f64, loss: f32, state: &[u64]) -> StepTrace {
        StepTrace {
            step,
            samples: Digest::default(),
            batch: Digest::default(),
            learning_rate_bits: rate.to_bits(),
            loss_bits: loss.to_bits(),
            gradient: Vec::new(),
            state: state.iter().map(|&value| Fingerprint(value)).collect(),
            launches: None,
            validation: None,
        }
    }

    #[test]
    fn a_sound_training_has_none() {
        let (state, gradient) = (layout(&["a", "b", "run.step"]), layout(&["a", "b"]));
        let mut search = SymptomSearch::default();
        for step in 0..4 {
            search.take(&trace(step, 0.1, 1.0, &[step, 7 + step, step]), &state, &gradient);
        }
        assert_eq!(search.finish(), []);
    }

    #[test]
    fn each_is_named_with_its_first_step() {
        let (state, gradient) = (layout(&["a", "b", "run.step"]), layout(&["a", "b"]));
        let mut search = SymptomSearch::default();
        for step in 0..6 {
            let loss = if step == 3 { f32::NAN } else { 1.0 };
            let rate = if step < 4 { 0.1 } else { 0.0 };
            search.take(&trace(step, rate, loss, &[step, 7, step]), &state, &gradient);
            assert_eq!(search.loss().is_some(), step >= 3);
        }
        let said: Vec<String> = search.finish().iter().map(Symptom::to_string).collect();
        assert_eq!(
            said,
            [
                "the loss is NaN at step 3",
                "the learning rate is 0 at step 4 (and at 1 more step)",
                "1 of 2 trainable tensors never moved: b",
            ]
        );
    }

    #[test]
    fn moments_that_come_later_change_nothing() {
        let gradient = layout(&["a", "b"]);
        let mut search = SymptomSearch::default();
        search.take(&trace(0, 0.1, 1.0, &[5, 7]), &layout(&["a", "b"]), &gradient);
        let later = layout(&["a", "a.moment", "b"]);
        search.take(&trace(1, 0.1, 1.0, &[6, 0, 7]), &later, &gradient);
        search.take(&trace(2, 0.1, 1.0, &[6, 1, 7]), &later, &gradient);
        let [Symptom::Still { tensors, .. }] = &search.finish()[..] else { panic!() };
        assert_eq!(tensors, &["b"]);
    }

    #[test]
    fn many_are_counted_and_one_step_says_nothing() {
        let names: Vec<String> = (10..30).map(|number| format!("t{number}")).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let all = layout(&names);
        let mut search = SymptomSearch::default();
        search.take(&trace(0, 0.1, 1.0, &[1; 20]), &all, &all);
        assert_eq!(search.finish(), []);
        search.take(&trace(1, 0.1, 1.0, &[1; 20]), &all, &all);
        let said = search.finish()[0].to_string();
        assert!(said.starts_with("20 of 20") && said.ends_with("t17 and 12 more"), "{said}");
    }
}
