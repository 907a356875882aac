//! Doing a part of a plan.

use std::time::Instant;

use reenact_audit::{Executor, Failure, Message, Programs, Task};
use reenact_core::digest::Digest;
use reenact_core::format::SecretKey;
use reenact_core::verify::SegmentOutcome;
use reenact_store::{Creation, Objects};

use crate::answer::{ANSWER_FORMAT, Answer};
use crate::answers::{name_of, names, unit_of};
use crate::plan::Plan;
use crate::sealed::Sealed;
use crate::site::Sites;
use crate::unit::Unit;

/// Says which units are done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// Those of a shard.
    Shard(usize),
    /// Each `of`th, from `index` on.
    Slice {
        /// The first one.
        index: usize,
        /// How many parts there are.
        of: usize,
    },
}

/// Says why a part could not be done.
#[derive(Debug)]
pub enum WorkError {
    /// Trying again is vain.
    Vain(Failure),
    /// Another try, here or elsewhere, may do better.
    Again(Failure),
}

/// Counts what was done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Worked {
    /// Units that were done now.
    pub done: u64,
    /// Units that had a result already.
    pub before: u64,
}

/// Holds what a worker needs.
pub struct Work<'a> {
    /// The plan.
    pub plan: &'a Plan,
    /// Digest of its text.
    pub digest: Digest,
    /// Programs that can be replayed.
    pub programs: &'a Programs,
    /// Who replays.
    pub executor: &'a dyn Executor,
    /// Where results are left.
    pub results: &'a dyn Objects,
    /// By which they are signed, if they are.
    pub key: Option<&'a SecretKey>,
    /// The binary that this is.
    pub binary: Digest,
}

impl Work<'_> {
    /// Does a part; `begins` hears which unit, of how many. A unit that has a result is left
    /// alone, as whoever was started twice does nothing twice.
    pub fn work(
        &self,
        part: Part,
        begins: &mut dyn FnMut(usize, usize, &Unit),
    ) -> Result<Worked, WorkError> {
        self.check_binary()?;
        let units = self.units(part)?;
        let there = self.there().map_err(WorkError::Again)?;
        let sites = Sites::new(self.programs);
        let (mut worked, mut trouble) = (Worked::default(), None);
        for (place, &unit) in units.iter().enumerate() {
            if there.contains(&unit) {
                worked.before += 1;
                continue;
            }
            let Some(found) = self.plan.units.get(unit as usize) else { continue };
            begins(place, units.len(), found);
            // One unit that fails keeps nobody from the others.
            match self.one(unit, found, &sites) {
                Ok(()) => worked.done += 1,
                Err(WorkError::Vain(failure)) => return Err(WorkError::Vain(failure)),
                Err(WorkError::Again(failure)) => trouble = trouble.or(Some(failure)),
            }
        }
        trouble.map_or(Ok(worked), |failure| Err(WorkError::Again(failure)))
    }

    fn check_binary(&self) -> Result<(), WorkError> {
        if self.binary == self.plan.binary {
            return Ok(());
        }
        let problem = format!(
            "the plan was made by the binary {}, and this is {}",
            self.plan.binary.short(),
            self.binary.short()
        );
        let failure = Failure::usage(problem);
        Err(WorkError::Vain(failure.hint("run the very binary that made the plan")))
    }

    fn units(&self, part: Part) -> Result<Vec<u32>, WorkError> {
        let refuse = |problem: String| Err(WorkError::Vain(Failure::usage(problem)));
        match part {
            Part::Shard(index) => match self.plan.shards.get(index) {
                Some(units) => Ok(units.clone()),
                None => {
                    let count = self.plan.shards.len();
                    refuse(format!("there is no shard {index}: the plan has {count}, from 0"))
                }
            },
            Part::Slice { index, of } if index < of => {
                Ok((0..self.plan.units.len() as u32).skip(index).step_by(of).collect())
            }
            Part::Slice { index, of } => refuse(format!("there is no slice {index} of {of}")),
        }
    }

    /// Returns the units that have a result.
    fn there(&self) -> Result<Vec<u32>, Failure> {
        let names = names(self.plan, &self.digest, self.results).map_err(Failure::inconclusive)?;
        Ok(names.iter().filter_map(|name| unit_of(name)).collect())
    }

    fn one(&self, number: u32, unit: &Unit, sites: &Sites<'_>) -> Result<(), WorkError> {
        let site = sites.of(unit).map_err(WorkError::of)?;
        let (messages, seconds) = self.answered(&unit.task())?;
        let answer = Answer {
            format: ANSWER_FORMAT,
            plan: self.digest,
            unit: number,
            environment: site.environment.clone(),
            by: site.by.clone(),
            seconds,
            messages,
        };
        let again = |problem: &dyn std::fmt::Display| {
            WorkError::Again(Failure::inconclusive(format!("unit {number}: {problem}")))
        };
        let sealed = Sealed::of(&answer, self.key).map_err(|error| again(&error))?;
        let text = serde_json::to_vec(&sealed).map_err(|error| again(&error))?;
        let name = name_of(&self.digest, number, &text);
        match self.results.create(&name, &text).map_err(|error| again(&error))? {
            Creation::New | Creation::Same => Ok(()),
            Creation::Other => Err(again(&format!("{name} holds something else already"))),
        }
    }

    /// Does a task, and does it again if it leaves the recording: an audit holds against a
    /// recording only what two replays agree on.
    fn answered(&self, task: &Task) -> Result<(Vec<Message>, Vec<f64>), WorkError> {
        let (first, took) = self.timed(task)?;
        let (mut messages, mut seconds) = (vec![first], vec![took]);
        let leaves = match &messages[0] {
            Message::Outcome(SegmentOutcome::Replayed { replay }) => !replay.agrees(),
            _ => false,
        };
        if leaves {
            let (second, took) = self.timed(task)?;
            messages.push(second);
            seconds.push(took);
        }
        Ok((messages, seconds))
    }

    fn timed(&self, task: &Task) -> Result<(Message, f64), WorkError> {
        let mut trouble = Vec::new();
        for attempt in ["first", "second"] {
            let started = Instant::now();
            match self.executor.execute(task, &|| ()) {
                Ok(Message::Refused { usage, problem }) => {
                    let failure = if usage { Failure::usage } else { Failure::inconclusive };
                    return Err(WorkError::of(failure(problem)));
                }
                Ok(message) => return Ok((message, started.elapsed().as_secs_f64())),
                Err(problem) => trouble.push(format!("{attempt} worker: {problem}")),
            }
        }
        Err(WorkError::Again(Failure::inconclusive(trouble.join("; "))))
    }
}

impl WorkError {
    /// Returns what is wrong.
    pub fn into_failure(self) -> Failure {
        let (Self::Vain(failure) | Self::Again(failure)) = self;
        failure
    }

    fn of(failure: Failure) -> Self {
        if failure.is_usage() { Self::Vain(failure) } else { Self::Again(failure) }
    }
}
