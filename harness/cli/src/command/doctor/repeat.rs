//! Whether the first steps of a training give the same bits each time.

use std::fmt;

use indicatif::ProgressBar;
use reenact_audit::{Failure, Message, Rehearse, Task, available_threads};
use reenact_core::format::KernelSelection;
use reenact_core::verify::{Departure, Part, Rehearsal, middle};
use serde::Serialize;

use super::child::{ask, nonsense, steps_of};
use super::{Arguments, STEPS, Subject};
use crate::terminal::progress;

/// Holds what taking the same steps again and again showed.
#[derive(Serialize)]
pub(super) struct Repetition {
    /// Name of the run that the spec declares.
    pub(super) name: String,
    pub(super) program: String,
    pub(super) device: String,
    pub(super) steps: u64,
    pub(super) threads: usize,
    pub(super) reproducible: bool,
    pub(super) trials: Vec<Trial>,
    /// The earliest difference of all trials; none if there is none.
    pub(super) first: Option<Departure>,
}

/// Says how one repetition compares with the first training.
#[derive(Serialize)]
pub(super) struct Trial {
    pub(super) way: Way,
    /// Where it first differs; none if every bit agrees.
    pub(super) departure: Option<Departure>,
}

/// Says what was otherwise in a repetition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "kind")]
pub(super) enum Way {
    /// Nothing: it ran later in the same process.
    SameProcess,
    /// The state was captured and restored in the middle, as a replay does.
    Restored { step: u64 },
    /// It ran in a process of its own.
    OtherProcess,
    /// It had another number of threads, in a process of its own.
    Threads { threads: usize },
}

impl fmt::Display for Way {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SameProcess => f.write_str("again in the same process"),
            Self::Restored { step } => write!(f, "restored before step {step}"),
            Self::OtherProcess => f.write_str("in another process"),
            Self::Threads { threads: 1 } => f.write_str("with 1 thread"),
            Self::Threads { threads } => write!(f, "with {threads} threads"),
        }
    }
}

impl Repetition {
    /// Trains the first steps several times and compares.
    pub(super) fn try_out(subject: &Subject, arguments: &Arguments) -> Result<Self, Failure> {
        let spec = &subject.spec;
        let steps = arguments.steps.unwrap_or(STEPS.min(spec.steps));
        if steps > spec.steps {
            let message = format!("--steps {steps}: the run has {} steps only", spec.steps);
            return Err(Failure::usage(message));
        }
        let device = arguments.device.as_deref().unwrap_or(spec.device.first_device());
        // More than one even where the machine runs one at a time: what depends on
        // their number is to be seen.
        let threads = available_threads().max(2);
        let bar = progress::bar("trying", "steps", steps * 6);
        let doctor = Doctor { subject, arguments, device, steps, bar: &bar };
        let trials = doctor.trials(threads)?;
        bar.finish_and_clear();
        let departures = trials.iter().filter_map(|trial| trial.departure.as_ref());
        let first = departures.min_by_key(|departure| departure.order()).cloned();
        Ok(Self {
            name: spec.name.clone(),
            program: spec.program.name.clone(),
            device: device.into(),
            steps,
            threads,
            reproducible: first.is_none(),
            trials,
            first,
        })
    }

    /// Says when the bits differ, as the end of a sentence.
    pub(super) fn when(&self) -> &'static str {
        let departs = |wanted: fn(&Way) -> bool| {
            self.trials.iter().any(|trial| wanted(&trial.way) && trial.departure.is_some())
        };
        if departs(|way| matches!(way, Way::SameProcess)) {
            "from one training to the next in one process"
        } else if departs(|way| matches!(way, Way::OtherProcess)) {
            "from process to process"
        } else if departs(|way| matches!(way, Way::Threads { .. })) {
            "with the number of threads"
        } else {
            "after its state was restored"
        }
    }

    /// Says what to look at.
    pub(super) fn advice(&self) -> Option<&'static str> {
        let restored_only =
            |trial: &Trial| matches!(trial.way, Way::Restored { .. }) || trial.departure.is_none();
        let part = self.first.as_ref()?.part;
        Some(if self.trials.iter().all(restored_only) {
            "something that steers the training is not part of its state: a counter, a cache or \
             a random stream of the program's own"
        } else {
            advice(part)
        })
    }
}

fn advice(part: Part) -> &'static str {
    match part {
        Part::InitialWeights => {
            "the initial weights have to come from the seeded random stream alone, on one thread"
        }
        Part::Batch => "the data set has to give the same bytes for the same samples",
        Part::LearningRate => "the learning rate has to be derived from spec and step alone",
        Part::Loss => {
            "the loss has to be a function of model, batch and the seeded random stream: look for \
             a clock, a random source or a state of its own, and for operations that `doctor \
             --ops` calls unsafe"
        }
        Part::Gradient => {
            "the forward pass repeats, its gradient does not: look for operations whose backward \
             pass `doctor --ops` calls unsafe"
        }
        Part::Update => {
            "loss and gradient repeat: look at buffers that the forward pass writes, and at \
             operations of the optimizer that `doctor --ops` calls unsafe"
        }
        Part::Validation => {
            "the state repeats, what is measured with it does not: the evaluation has to be a \
             function of model and held-out data alone: look for a clock, a random source or a \
             state of its own"
        }
        Part::ClosingState => {
            "every step repeats, the captured state does not: it holds something that the steps' \
             fingerprints leave out"
        }
    }
}

/// Starts the processes.
struct Doctor<'a> {
    subject: &'a Subject,
    arguments: &'a Arguments,
    device: &'a str,
    steps: u64,
    bar: &'a ProgressBar,
}

impl Doctor<'_> {
    /// The first training is compared with all others.
    fn trials(&self, threads: usize) -> Result<Vec<Trial>, Failure> {
        let restored_step = middle(self.steps);
        let mut at_once = self.rehearse(threads, 2, Some(restored_step), &[])?.into_iter();
        let mut next = || at_once.next().ok_or_else(too_few);
        let first = next()?;
        // Those that repeat it compute with its kernels, as a recording would.
        let pinned = &first.selections;
        let mut trials = Vec::new();
        let mut compare = |way, other: &Rehearsal| {
            trials.push(Trial { way, departure: Departure::between(&first, other) });
        };
        compare(Way::SameProcess, &next()?);
        compare(Way::Restored { step: restored_step }, &next()?);
        for _ in 0..2 {
            compare(Way::OtherProcess, &self.rehearse_once(threads, pinned)?);
        }
        compare(Way::Threads { threads: 1 }, &self.rehearse_once(1, pinned)?);
        Ok(trials)
    }

    fn rehearse_once(
        &self,
        threads: usize,
        pinned: &[KernelSelection],
    ) -> Result<Rehearsal, Failure> {
        self.rehearse(threads, 1, None, pinned)?.pop().ok_or_else(too_few)
    }

    /// Trains in a process of its own.
    fn rehearse(
        &self,
        threads: usize,
        times: u64,
        restored_step: Option<u64>,
        pinned: &[KernelSelection],
    ) -> Result<Vec<Rehearsal>, Failure> {
        let once = steps_of(self.subject, self.arguments, self.device);
        let (steps, selections) = (self.steps, pinned.to_vec());
        let task = Rehearse { threads, steps, times, restored_step, selections, ..once };
        match ask(&Task::Rehearse(task), self.arguments, self.bar)? {
            Message::Rehearsed(found) => Ok(found),
            _ => Err(nonsense()),
        }
    }
}

fn too_few() -> Failure {
    Failure::inconclusive("the process that trains wrote less than it was asked for")
}
