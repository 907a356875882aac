//! All arms of one spec.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::Instant;

use reenact_audit::{Device, Executor, Failure, Programs, engine, environment_of};
use reenact_core::format::{Environment, KernelSelection};
use reenact_core::spec::Spec;

use super::{Taking, Took, baseline, canary, old, repeat, resume};
use crate::files::Locked;
use crate::{
    AcceptedBits, Arm, ArmFound, ClassId, Date, Entry, Judgement, Moved, MovedFound, SpecFound,
};

/// Holds what a gate works with.
pub struct Gate<'a> {
    /// The programs of this build.
    pub programs: &'a Programs,
    /// What runs this build.
    pub executor: &'a dyn Executor,
    /// What runs the build that the change starts from.
    pub base: Option<&'a dyn Executor>,
    /// Where to compute.
    pub device: Device,
    /// Folder with recordings, one of which may hold the accepted values; none if there is
    /// none.
    pub recordings: Option<PathBuf>,
    /// The questions that are asked.
    pub arms: BTreeSet<Arm>,
    /// The day, by which what only informs blocks again.
    pub today: Date,
}

/// Names the spec that a gate is run on.
pub struct Run<'a> {
    /// Its file.
    pub path: &'a Path,
    /// The spec.
    pub spec: &'a Spec,
    /// Steps that are taken.
    pub steps: u64,
    /// What was accepted of it; none if nothing was yet.
    pub locked: Option<&'a Locked>,
}

/// Holds the answer of an arm.
pub(crate) struct Answer {
    pub(crate) state: Judgement,
    pub(crate) words: String,
    pub(crate) moved: Option<MovedFound>,
    /// Whether the bits are other than the accepted ones, or none were accepted.
    pub(crate) is_other: bool,
}

impl Answer {
    pub(crate) fn of(state: Judgement, words: String) -> Self {
        Self { state, words, moved: None, is_other: false }
    }

    /// Nobody knows, for a reason outside of the bits.
    pub(crate) fn untold(words: String) -> Self {
        Self::of(Judgement::NotJudged, words)
    }

    pub(crate) fn moved(state: Judgement, words: String, moved: &Moved) -> Self {
        let moved = Some(MovedFound::of(moved, Vec::new()));
        Self { state, words, moved, is_other: false }
    }
}

/// Holds what came of a spec, and what may be accepted of it.
pub struct Outcome {
    /// What is shown.
    pub found: SpecFound,
    /// What this build computes, where it repeats, resumes, and is other than accepted.
    pub candidate: Option<Candidate>,
    /// The entry of this class that the candidate would replace.
    pub replaced: Option<Entry>,
}

/// Holds what may be accepted.
pub struct Candidate {
    /// The steps.
    pub evidence: crate::Evidence,
    /// What computed them.
    pub environment: Environment,
}

impl Gate<'_> {
    /// Asks every question of a spec.
    ///
    /// # Errors
    /// If what the lock binds cannot be read. Whatever else is in the way is an answer.
    pub fn run(&self, run: &Run<'_>) -> Result<Outcome, Failure> {
        let begun = Instant::now();
        match self.look(run) {
            Ok((environment, class)) => self.judge(run, &environment, &class, begun),
            Err(failure) => {
                let hint = failure.hint.as_ref().map(|hint| format!(" ({hint})"));
                let words = format!("{}{}", failure.said(), hint.unwrap_or_default());
                Ok(self.untold(run, None, &words, begun))
            }
        }
    }

    /// Says what would compute.
    fn look(&self, run: &Run<'_>) -> Result<(Environment, ClassId), Failure> {
        let setting = self.device.setting(run.spec, 1);
        let program = self.programs.find(&run.spec.program.name)?;
        let environment = environment_of(engine(program, run.spec, &setting)?)?;
        let class = ClassId::of(&environment.engine.class).map_err(Failure::inconclusive)?;
        Ok((environment, class))
    }

    fn judge(
        &self,
        run: &Run<'_>,
        environment: &Environment,
        class: &ClassId,
        begun: Instant,
    ) -> Result<Outcome, Failure> {
        let facts = &environment.engine.class;
        let accepted = run.locked.map(|locked| locked.accepted(class, facts)).transpose()?;
        let accepted = accepted.flatten();
        let pinned = accepted.as_ref().map_or(Vec::new(), AcceptedBits::selections);
        let taking = self.taking(run, self.executor, &pinned);
        let head = match taking.whole(1) {
            Ok(head) => head,
            Err(problem) => {
                let words = format!("this build does not train it: {problem}");
                return Ok(self.untold(run, Some(class), &words, begun));
            }
        };
        // Where a build chooses kernels, all others compute with its choice.
        let taking = Taking { selections: &head.selections, ..taking };
        let base = self.base.map(|base| self.taking(run, base, &head.selections));
        let ask = |arm: Arm| match arm {
            Arm::Repeat => repeat::ask(&taking, &head),
            Arm::Resume => resume::ask(&taking, &head),
            Arm::Canary => canary::ask(&taking, &head),
            Arm::Baseline if run.locked.is_none() => Answer {
                is_other: true,
                ..Answer::untold("there is no lock, so nothing was accepted yet".into())
            },
            Arm::Baseline => {
                let recordings = self.recordings.as_deref();
                let accepted = accepted.as_ref();
                baseline::ask(&taking, base.as_ref(), recordings, &head, accepted)
            }
            Arm::Old => {
                let (folder, none) = (run.path.parent().unwrap_or(Path::new("")), Vec::new());
                let listed = run.locked.map_or(&none, |locked| &locked.lock.old);
                old::ask(self.programs, self.executor, &self.device, folder, listed)
            }
        };
        let answers = self.all(&ask);
        Ok(self.conclude(run, class, answers, head))
    }

    fn taking<'b>(
        &'b self,
        run: &'b Run<'_>,
        executor: &'b dyn Executor,
        selections: &'b [KernelSelection],
    ) -> Taking<'b> {
        Taking { executor, spec: run.spec, device: &self.device, steps: run.steps, selections }
    }

    /// Asks as many questions at a time as the executor does tasks.
    fn all(&self, ask: &(dyn Fn(Arm) -> Answer + Sync)) -> Vec<(Arm, Answer, f64)> {
        let left = Mutex::new(self.arms.iter().copied().collect::<Vec<_>>());
        let done = Mutex::new(Vec::new());
        let held = |lock: &Mutex<Vec<Arm>>| {
            lock.lock().unwrap_or_else(std::sync::PoisonError::into_inner).pop()
        };
        std::thread::scope(|scope| {
            for _ in 0..self.executor.width().min(self.arms.len()) {
                scope.spawn(|| {
                    while let Some(arm) = held(&left) {
                        let begun = Instant::now();
                        let answer = ask(arm);
                        let seconds = begun.elapsed().as_secs_f64();
                        let mut done =
                            done.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
                        done.push((arm, answer, seconds));
                    }
                });
            }
        });
        let mut done = done.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
        done.sort_by_key(|(arm, ..)| *arm);
        done
    }

    fn conclude(
        &self,
        run: &Run<'_>,
        class: &ClassId,
        answers: Vec<(Arm, Answer, f64)>,
        head: Took,
    ) -> Outcome {
        let passes = |wanted: Arm| {
            answers.iter().any(|(arm, answer, _)| *arm == wanted && answer.state == Judgement::Pass)
        };
        let is_other = answers.iter().any(|(_, answer, _)| answer.is_other);
        // What does not repeat or resume, or was not looked at, is never accepted.
        let acceptable = [Arm::Repeat, Arm::Resume, Arm::Canary].into_iter().all(passes);
        let looked = passes(Arm::Canary);
        let blocks = run.locked.is_none_or(|locked| locked.lock.enforce.blocks(self.today));
        let weigh = |state: Judgement| match state {
            Judgement::Moved if !blocks => Judgement::Pass,
            state => state,
        };
        let states = answers.iter().map(|(_, answer, _)| weigh(answer.state));
        let unseen = (!looked).then_some(Judgement::NotJudged);
        let state = Judgement::of_all(states.chain(unseen));
        let candidate = (is_other && acceptable)
            .then(|| Candidate { evidence: head.evidence, environment: head.environment });
        let arms = answers.into_iter().map(|(arm, answer, seconds)| {
            let Answer { state, words, moved, .. } = answer;
            ArmFound { arm, state, words, moved, next: None, seconds }
        });
        let found =
            SpecFound { informs: !blocks, state, arms: arms.collect(), ..blank(run, class) };
        let replaced = run.locked.and_then(|locked| locked.lock.entry(class)).cloned();
        Outcome { found, candidate, replaced }
    }

    /// Nothing could be asked.
    fn untold(
        &self,
        run: &Run<'_>,
        class: Option<&ClassId>,
        words: &str,
        begun: Instant,
    ) -> Outcome {
        let seconds = begun.elapsed().as_secs_f64();
        let arms = self.arms.iter().map(|&arm| ArmFound {
            arm,
            state: Judgement::NotJudged,
            words: words.to_owned(),
            moved: None,
            next: None,
            seconds,
        });
        let found = SpecFound {
            class: class.map(ToString::to_string),
            arms: arms.collect(),
            ..blank_without_class(run)
        };
        Outcome { found, candidate: None, replaced: None }
    }
}

fn blank(run: &Run<'_>, class: &ClassId) -> SpecFound {
    SpecFound { class: Some(class.to_string()), ..blank_without_class(run) }
}

fn blank_without_class(run: &Run<'_>) -> SpecFound {
    SpecFound {
        spec: run.path.display().to_string(),
        name: run.spec.name.clone(),
        class: None,
        steps: run.steps,
        state: Judgement::NotJudged,
        informs: false,
        arms: Vec::new(),
        pending: None,
    }
}
