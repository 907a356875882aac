//! A toy training that does not repeat, to try whether `reenact doctor` finds where.
//!
//! For tests only. The toy's hyperparameters say what differs (`unsteady`), at which
//! step (`unsteady_step`), and when (`unsteady_by`):
//!
//! ```toml
//! [program.hyperparameters]
//! unsteady = "gradient"      # or initial-weights, batch, loss, update, closing-state;
//!                            # or abort, which ends the process as a crash does,
//!                            # or panic, which is the program's mistake
//! unsteady_step = 3
//! unsteady_by = "process"    # or run (each time), threads, restore, data-dir, layout
//! ```
//!
//! By `layout` it follows the steps since a state was last captured or restored, as kernels
//! on a GPU follow how tensors lie in memory: that repeats from checkpoint to checkpoint.
//!
//! It is the one place in the core that asks for randomness: that two trainings
//! differ is its whole purpose.

use std::collections::BTreeMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, LazyLock};

use reenact_core::guard::guard;
use reenact_core::spec::Hyperparameter;
use reenact_core::state::{Fingerprint, Layout, State, fingerprint};
use reenact_core::trainer::{Metric, Request, Setting, StepTrace, Trainer, TrainerError};

/// The tensor that is touched.
const TENSOR: &str = "model.weight";
/// Bits of an `f32` that are touched: the mantissa, so that numbers stay numbers.
const TOUCHED_BITS: u32 = 0x007f_ffff;

/// Returns the fingerprint of something that is never the same.
pub(crate) fn fresh() -> Fingerprint {
    fingerprint(&RandomState::new().hash_one(0).to_le_bytes())
}

/// Decides what a clock would: which of two kernels is the faster this time.
pub(crate) fn coin() -> bool {
    RandomState::new().hash_one(0) & 1 == 1
}

/// Says what does not repeat.
#[derive(Clone, Debug)]
pub(crate) struct Unsteadiness {
    part: String,
    step: u64,
    by: String,
}

impl Unsteadiness {
    /// Says whether a hyperparameter is one of those that are read here.
    pub(crate) fn knows(name: &str) -> bool {
        matches!(name, "unsteady" | "unsteady_by" | "unsteady_step")
    }

    /// Reads the hyperparameters; none if nothing is asked for.
    pub(crate) fn of(
        hyperparameters: &BTreeMap<String, Hyperparameter>,
    ) -> Result<Option<Self>, TrainerError> {
        let mut found = Self { part: String::new(), step: 0, by: "run".into() };
        for (name, value) in hyperparameters {
            match (name.as_str(), value) {
                ("unsteady", Hyperparameter::Text(part)) if PARTS.contains(&part.as_str()) => {
                    found.part.clone_from(part);
                }
                ("unsteady_by", Hyperparameter::Text(by)) if CAUSES.contains(&by.as_str()) => {
                    found.by.clone_from(by);
                }
                ("unsteady_step", &Hyperparameter::Integer(step @ 0..)) => found.step = step as u64,
                ("unsteady" | "unsteady_by" | "unsteady_step", _) => {
                    let problem = format!("`{name}` is for tests, and has no such value");
                    return Err(TrainerError::Hyperparameter(problem));
                }
                // The toy's own.
                _ => {}
            }
        }
        Ok((!found.part.is_empty()).then_some(found))
    }

    /// Makes a trainer unsteady.
    pub(crate) fn wrap(self, inner: Box<dyn Trainer>, setting: &Setting) -> Box<dyn Trainer> {
        static OF_PROCESS: LazyLock<u64> = LazyLock::new(|| RandomState::new().hash_one(0));
        let noise = match self.by.as_str() {
            "process" => *OF_PROCESS,
            "threads" => setting.threads as u64,
            "data-dir" => fingerprint(setting.data_dir.as_os_str().as_encoded_bytes()).0,
            "restore" | "layout" => 0,
            _ => RandomState::new().hash_one(0),
        };
        let mut trainer = UnsteadyTrainer { inner, what: self, noise };
        if trainer.what.part == "initial-weights"
            && let Ok(mut state) = trainer.inner.capture(0)
        {
            trainer.touch(&mut state);
            // A trainer takes its own state back.
            let _ = trainer.inner.restore(&state);
        }
        Box::new(trainer)
    }
}

const PARTS: [&str; 8] =
    ["initial-weights", "batch", "loss", "gradient", "update", "closing-state", "abort", "panic"];
const CAUSES: [&str; 6] = ["run", "process", "threads", "restore", "data-dir", "layout"];

struct UnsteadyTrainer {
    inner: Box<dyn Trainer>,
    what: Unsteadiness,
    /// What differs from one training to the next.
    noise: u64,
}

impl UnsteadyTrainer {
    fn follows_layout(&self) -> bool {
        self.what.by == "layout"
    }

    fn noise_bits(&self) -> u32 {
        self.noise as u32 & TOUCHED_BITS
    }

    /// Mixes the noise into the captured weights.
    fn touch(&self, state: &mut State) {
        let Some(bytes) = state.tensor_mut(TENSOR) else { return };
        for (byte, noise) in bytes.iter_mut().zip(self.noise_bits().to_le_bytes()) {
            *byte ^= noise;
        }
    }

    /// Mixes the noise into the weights, and into what the trace says of them.
    fn touch_weights(&mut self, trace: &mut StepTrace) -> Result<(), TrainerError> {
        let mut state = self.inner.capture(trace.step + 1)?;
        self.touch(&mut state);
        self.inner.restore(&state)?;
        if !trace.state.is_empty() {
            trace.state = state.fingerprints();
        }
        Ok(())
    }

    fn touch_gradient(&self, trace: &mut StepTrace) {
        if let Some(index) = self.inner.gradient_layout().position(TENSOR) {
            let noise = fingerprint(&self.noise.to_le_bytes());
            trace.gradient.get_mut(index).into_iter().for_each(|print| print.0 ^= noise.0);
        }
    }
}

impl Trainer for UnsteadyTrainer {
    fn layout(&self) -> Arc<Layout> {
        self.inner.layout()
    }

    fn gradient_layout(&self) -> Arc<Layout> {
        self.inner.gradient_layout()
    }

    fn learning_rate(&self, step: u64) -> f64 {
        self.inner.learning_rate(step)
    }

    fn step(&mut self, step: u64, request: &Request) -> Result<StepTrace, TrainerError> {
        let mut trace = self.inner.step(step, request)?;
        if self.follows_layout() {
            self.noise += 1;
        }
        if step != self.what.step {
            return Ok(trace);
        }
        match self.what.part.as_str() {
            "batch" => {
                for (byte, noise) in trace.batch.0.iter_mut().zip(self.noise.to_le_bytes()) {
                    *byte ^= noise;
                }
            }
            "loss" => trace.loss_bits ^= self.noise_bits(),
            "gradient" => {
                self.touch_gradient(&mut trace);
                self.touch_weights(&mut trace)?;
            }
            "update" => self.touch_weights(&mut trace)?,
            "abort" => std::process::abort(),
            "panic" => {
                let problem = guard(|| panic!("the toy panics")).err().unwrap_or_default();
                let during = format!("in the loss of step {step}");
                return Err(TrainerError::Program { during, problem });
            }
            _ => {}
        }
        Ok(trace)
    }

    fn capture(&mut self, step: u64) -> Result<State, TrainerError> {
        let mut state = self.inner.capture(step)?;
        if self.follows_layout() {
            self.noise = 0;
        }
        if self.what.part == "closing-state" && step > self.what.step {
            self.touch(&mut state);
        }
        Ok(state)
    }

    fn restore(&mut self, state: &State) -> Result<(), TrainerError> {
        if self.what.by == "restore" {
            self.noise = 1;
        } else if self.follows_layout() {
            self.noise = 0;
        }
        self.inner.restore(state)
    }

    fn resumes_anywhere(&self) -> bool {
        !self.follows_layout() && self.inner.resumes_anywhere()
    }

    fn evaluate(&mut self) -> Result<Vec<Metric>, TrainerError> {
        self.inner.evaluate()
    }
}
