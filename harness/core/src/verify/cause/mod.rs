//! Seeking the cause of a divergence.
//!
//! The segment is replayed to its first divergent step. From the state before
//! it, the step is taken again and again, each time with something done
//! otherwise ([`Trial`]): what a known attack would do. If every digest and
//! fingerprint of the recorded step comes out, the replay goes on from there to
//! the end of the segment, and the closing state is compared by its root. Each
//! file is one kind of hypothesis.
//!
//! A step can cost a minute, so the steps that are taken in vain are counted and
//! limited ([`Search`]): by number and not by time, so that the same recording
//! gets the same explanation everywhere. The stage in which the step first
//! differs leaves one kind of hypotheses: where the gradient is another, no
//! update can be the cause, and where it agrees, nothing before the update can.

mod batch;
pub(in crate::verify) mod explanation;
mod likeness;
mod moments;
mod opening;
mod rate;
mod search;
mod seeds;
mod trial;
mod update;
mod weights;

use std::sync::Arc;

use crate::data::DataSet;
use crate::sanitize::count;
use crate::state::State;
use crate::steering::step_seed;
use crate::trainer::{Request, StepTrace, Trainer};
use crate::variation::Variation;
use crate::verify::divergence::{Stage, StepDivergence};
use crate::verify::explanation::{Cause, Explained, Explanation};
use crate::verify::recording::{Recording, Segment};
use crate::verify::replaying::{ReplayError, load, state_limit};
pub use search::Search;
use trial::{Outcome, Trial};

/// Seeks the cause of the divergence of a segment whose first divergent step
/// is `step`, with a trainer that has just been started; `search` says how far
/// to look. `progress` is told each step taken.
pub fn explain(
    recording: &Recording<'_>,
    trainer: &mut dyn Trainer,
    data: Arc<dyn DataSet>,
    segment: Segment,
    step: u64,
    search: &Search,
    progress: &mut dyn FnMut(u64),
) -> Result<Explanation, ReplayError> {
    let limit = state_limit(&trainer.capture(0)?);
    let (trials, in_vain, ended) = (0, 0, false);
    let mut inquiry = Inquiry {
        recording,
        trainer,
        data,
        segment,
        limit,
        search,
        trials,
        in_vain,
        ended,
        progress,
    };
    inquiry.explain(step)
}

struct Inquiry<'a> {
    recording: &'a Recording<'a>,
    trainer: &'a mut dyn Trainer,
    data: Arc<dyn DataSet>,
    segment: Segment,
    limit: u64,
    search: &'a Search,
    trials: u64,
    /// Steps that were taken for hypotheses that did not hold. One that holds
    /// is no cost: the replay has to get over the step in any case.
    in_vain: u64,
    /// Whether the search ended before every hypothesis was tried.
    ended: bool,
    progress: &'a mut dyn FnMut(u64),
}

/// Holds one divergent step.
struct Divergent {
    step: u64,
    /// The state before it.
    before: State,
    recorded: StepTrace,
    found: StepDivergence,
}

impl Divergent {
    /// Says whether all tensors that differ after the step are of this kind.
    fn only(&self, prefix: &str) -> bool {
        self.found.tensors.iter().all(|name| name.starts_with(prefix))
    }
}

impl Inquiry<'_> {
    fn explain(&mut self, step: u64) -> Result<Explanation, ReplayError> {
        let opening = load(self.recording, self.segment.step_start, self.limit)?;
        self.trainer.restore(&opening)?;
        for earlier in self.segment.step_start..step {
            self.take(earlier, &Request::default())?;
        }
        let mut causes: Vec<Explained> = Vec::new();
        let (mut last, mut evidence): (Option<Trial>, _) = (None, Vec::new());
        for step in step..self.segment.step_end {
            let before = self.trainer.capture(step)?;
            let Some(divergent) = self.honest(step, before)? else { continue };
            if evidence.is_empty() {
                evidence = vec![divergent.found.kinds()];
            }
            let cause = self.cause(&divergent, last.as_ref())?;
            let Some(trial) = cause else {
                let step_last = step.checked_sub(1).filter(|_| !causes.is_empty());
                let found = Explanation::new(causes, false, step_last, self.trials, evidence);
                return Ok(if self.ended { found.ended_early(self.search) } else { found });
            };
            push(&mut causes, &trial.cause, step);
            last = Some(trial);
        }
        let root = self.trainer.capture(self.segment.step_end)?.root();
        let committed = self.recording.history.checkpoints.get(&self.segment.step_end);
        let whole = committed == Some(&root);
        let step_last = Some(self.segment.step_end - 1);
        Ok(Explanation::new(causes, whole, step_last, self.trials, evidence))
    }

    /// Takes a step honestly; returns what differs, if anything does.
    fn honest(&mut self, step: u64, before: State) -> Result<Option<Divergent>, ReplayError> {
        let trace = self.take(step, &Request::default())?;
        let recorded = self.recorded(step)?;
        let found = self.compare(&recorded, &trace)?;
        Ok(found.map(|found| Divergent { step, before, recorded, found }))
    }

    /// Finds the trial that reproduces a step, and leaves the trainer in the
    /// state after it. What explained the step before is tried first, then what
    /// explained other segments.
    fn cause(
        &mut self,
        divergent: &Divergent,
        last: Option<&Trial>,
    ) -> Result<Option<Trial>, ReplayError> {
        let known = last.map(|last| &last.cause).into_iter().chain(&self.search.known);
        let again: Vec<Trial> = known.filter_map(|cause| self.again(cause, divergent)).collect();
        if let Some(trial) = self.first_of(divergent, again)? {
            return Ok(Some(trial));
        }
        if divergent.found.stage_of_numbers() == Stage::Validation {
            // Nothing that is trained with differs, and the trainer stands after the step.
            return Ok(Some(Trial::varied(Cause::FiguresEdited, Variation::default())));
        }
        let opens = divergent.step == self.segment.step_start;
        if opens
            && divergent.found.stage >= Stage::Kernels
            && let Some(trial) = self.seek_opening(divergent)?
        {
            return Ok(Some(trial));
        }
        match divergent.found.stage_of_numbers() {
            Stage::LearningRate => self.seek_recorded_rate(divergent),
            Stage::Batch => self.seek_batch(divergent),
            Stage::Kernels | Stage::Loss => self.seek_stream(divergent),
            Stage::Gradient => self.seek_precision(divergent),
            Stage::Update | Stage::Validation => self.seek_update(divergent),
        }
    }

    /// Repeats a cause at another step, where that makes sense.
    fn again(&self, cause: &Cause, divergent: &Divergent) -> Option<Trial> {
        if cause.stage_repeated() != Some(divergent.found.stage_of_numbers()) {
            return None;
        }
        let step = divergent.step;
        let declared = self.declared_rate(step);
        let variation = match *cause {
            Cause::LearningRate { factor } => Variation::learning_rate(declared * factor),
            Cause::SignFlipped => Variation { negated: true, ..Variation::default() },
            Cause::ClippingSkipped => Variation { unclipped: true, ..Variation::default() },
            Cause::LowerPrecision { mantissa_bits } => {
                Variation { mantissa_bits: Some(mantissa_bits), ..Variation::default() }
            }
            Cause::MomentsForgotten => return Some(update::forgotten()),
            Cause::RootSeed { seed } => return self.seeded(seed, step),
            Cause::Stream { root_seed: Some(seed), .. } => {
                Variation { stream_seed: Some(step_seed(seed, step)), ..Variation::default() }
            }
            _ => return None,
        };
        Some(Trial::varied(cause.clone(), variation))
    }

    /// Tries a hypothesis. If it holds, the trainer is left in the state after
    /// the step.
    fn attempt(&mut self, divergent: &Divergent, trial: &Trial) -> Result<bool, ReplayError> {
        Ok(matches!(self.outcome(divergent, trial)?, Outcome::Holds))
    }

    fn outcome(&mut self, divergent: &Divergent, trial: &Trial) -> Result<Outcome, ReplayError> {
        if !self.may_take(1) {
            return Ok(Outcome::NotTried);
        }
        let edited = trial.before.as_ref().map(|edit| edit(&divergent.before));
        self.trainer.restore(edited.as_ref().unwrap_or(&divergent.before))?;
        let mut trace = self.take(divergent.step, &trial.request)?;
        if let Some(edit) = &trial.after {
            let state = edit(&self.trainer.capture(divergent.step + 1)?);
            trace.state = state.fingerprints();
            self.trainer.restore(&state)?;
        }
        if let Some(bits) = trial.recorded_rate_bits {
            trace.learning_rate_bits = bits;
        }
        self.trials += 1;
        // Figures are measured with a state, which a hypothesis may write after that.
        let found = self
            .compare(&divergent.recorded, &trace)?
            .filter(|found| found.stage_of_numbers() != Stage::Validation);
        self.in_vain += u64::from(found.is_some());
        Ok(found.map_or(Outcome::Holds, Outcome::Differs))
    }

    /// Says whether so many more steps may be taken in vain.
    fn may_take(&mut self, steps: u64) -> bool {
        self.ended |= self.in_vain + steps > self.search.in_vain_max;
        !self.ended
    }

    /// Tries hypotheses until one holds.
    fn first_of(
        &mut self,
        divergent: &Divergent,
        trials: impl IntoIterator<Item = Trial>,
    ) -> Result<Option<Trial>, ReplayError> {
        for trial in trials {
            match self.outcome(divergent, &trial)? {
                Outcome::Holds => return Ok(Some(trial)),
                Outcome::Differs(_) => (),
                Outcome::NotTried => break,
            }
        }
        Ok(None)
    }

    fn take(&mut self, step: u64, request: &Request) -> Result<StepTrace, ReplayError> {
        (self.progress)(step);
        Ok(self.trainer.step(step, request)?)
    }

    fn recorded(&self, step: u64) -> Result<StepTrace, ReplayError> {
        self.recording.history.step(step)?.ok_or(ReplayError::NoStep(step))
    }

    fn compare(
        &self,
        recorded: &StepTrace,
        found: &StepTrace,
    ) -> Result<Option<StepDivergence>, ReplayError> {
        let layouts = self.recording.history.layouts(recorded.step);
        let layouts = layouts.ok_or(ReplayError::NoStep(recorded.step))?;
        let ours = (self.trainer.layout(), self.trainer.gradient_layout());
        Ok(StepDivergence::of(recorded, found, layouts, (&ours.0, &ours.1)))
    }

    fn declared_rate(&self, step: u64) -> f64 {
        self.trainer.learning_rate(step)
    }

    /// Takes the divergent step honestly, and returns the state after it; none
    /// if the search has to end.
    fn honest_after(&mut self, divergent: &Divergent) -> Result<Option<State>, ReplayError> {
        if !self.may_take(1) {
            return Ok(None);
        }
        self.in_vain += 1;
        self.trainer.restore(&divergent.before)?;
        self.take(divergent.step, &Request::default())?;
        Ok(Some(self.trainer.capture(divergent.step + 1)?))
    }

    fn is_stored_after(&self, step: u64) -> bool {
        self.recording.history.checkpoints.contains_key(&(step + 1))
    }

    /// Loads the recorded state after a step; none if it was not stored.
    fn recorded_after(&self, step: u64) -> Result<Option<State>, ReplayError> {
        self.is_stored_after(step).then(|| load(self.recording, step + 1, self.limit)).transpose()
    }
}

/// Adds a step to the last cause if it is the same, or else begins a new one.
fn push(causes: &mut Vec<Explained>, cause: &Cause, step: u64) {
    match causes.last_mut() {
        Some(last) if last.cause == *cause => last.step_last = step,
        _ => causes.push(Explained { cause: cause.clone(), step_first: step, step_last: step }),
    }
}

impl StepDivergence {
    /// Says what kinds of tensors differ after the step.
    fn kinds(&self) -> String {
        let of = |prefix| self.tensors.iter().filter(|name| name.starts_with(prefix)).count();
        let kinds = [
            (self.gradients.len(), "gradient"),
            (of("model."), "model tensor"),
            (of("optimizer."), "optimizer tensor"),
            (self.figures.len(), "figure"),
        ];
        let differ = kinds.iter().filter(|(number, _)| *number > 0);
        let differ: Vec<String> =
            differ.map(|(number, noun)| count(*number as u64, noun)).collect();
        let (step, stage) = (self.step, self.stage);
        match differ.as_slice() {
            [] => format!("step {step}: first differs in the {stage}"),
            _ => format!("step {step}: first differs in the {stage}, in {}", differ.join(", ")),
        }
    }
}
