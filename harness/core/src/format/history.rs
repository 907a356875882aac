//! What a whole journal says: its frames, folded in order.
//!
//! A run that was killed and resumed has recorded some steps twice. The later
//! record counts; where the earlier one says otherwise, that is noted, as an
//! honest resumption repeats itself bit for bit.

use std::collections::BTreeMap;
use std::ops::Range;

use super::frame_place::FramePlace;
use super::journal::{FrameReader, JournalError, Tail};
use super::{Environment, Event, Frame, KernelSelection, ReadAt, Selections, StepLayouts};
use crate::digest::Digest;
use crate::state::StateRoot;
use crate::trace::StepTrace;

/// Limits how often a run may have been resumed.
const RESUMED_MAX: usize = 4096;
/// Limits how often the set of tensors may change.
const LAYOUTS_MAX: usize = 64;

/// Holds what a journal says. Traces stay in the file; their places are kept.
pub struct History {
    source: Box<dyn ReadAt>,
    steps: Vec<FramePlace>,
    layouts: Vec<(u64, StepLayouts)>,
    /// Steps after which the model was measured.
    validated: Vec<u64>,
    /// Digest of the spec.
    pub spec: Digest,
    /// Where the run was trained, from which step on.
    pub environments: Vec<(u64, Environment)>,
    /// Root of every stored state, by the step that it opens.
    pub checkpoints: BTreeMap<u64, StateRoot>,
    /// Kernels that were chosen; each holds for every step.
    pub selections: Selections,
    /// Steps before which training was asked to stop.
    pub interrupted: Vec<u64>,
    /// Number of frames up to each of these interruptions, and the chain after it.
    pub interruption_heads: Vec<(u64, Digest)>,
    /// Steps that were recorded twice, differently.
    pub contradictions: Vec<Contradiction>,
    /// Format of the journal.
    pub format: u32,
    /// Says whether the run came to its end.
    pub finished: bool,
    /// Says whether that is before the declared length, by the trainer's word.
    pub ended_early: bool,
    /// The chain after the last frame.
    pub head: Digest,
    /// Number of frames.
    pub frames: u64,
    /// Offset after the last whole frame.
    pub whole_bytes: u64,
    /// How the file ends.
    pub tail: Tail,
}

/// Names something that the journal says twice, differently.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contradiction {
    /// The step.
    pub step: u64,
    /// What differs.
    pub what: &'static str,
    /// Whether both were recorded by environments of one class, where an honest
    /// training repeats itself bit for bit.
    pub one_class: bool,
}

/// Says why a journal makes no history.
#[derive(Debug, thiserror::Error)]
pub enum HistoryError {
    /// The journal cannot be read.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// A frame stands where it cannot.
    #[error("frame {sequence} at byte {at}: {problem}")]
    Order {
        /// Number of the frame.
        sequence: u64,
        /// Its offset in the file.
        at: u64,
        /// What is wrong.
        problem: String,
    },
    /// The journal holds no frame.
    #[error("the journal is empty: the recorder was stopped before it began")]
    Empty,
}

impl History {
    /// Reads a journal to its end.
    pub fn read(source: Box<dyn ReadAt>) -> Result<Self, HistoryError> {
        Self::read_until(source, u64::MAX)
    }

    /// Reads at most so many frames of a journal. What comes after them is not looked at.
    pub fn read_until(source: Box<dyn ReadAt>, frames: u64) -> Result<Self, HistoryError> {
        let mut reader = FrameReader::open(source.as_ref())?;
        let mut fold = Fold::start(reader.next_frame()?)?;
        while reader.frames() < frames
            && let Some(frame) = reader.next_frame()?
        {
            fold.push(source.as_ref(), &frame)?;
        }
        let checkpoints = fold.checkpoints.into_iter().map(|(step, (root, _))| (step, root));
        Ok(Self {
            format: reader.format(),
            ended_early: fold.ended_early,
            head: reader.head(),
            frames: reader.frames(),
            whole_bytes: reader.whole_bytes(),
            tail: reader.tail(),
            steps: fold.steps.into_iter().map(|(place, _)| place).collect(),
            layouts: fold.layouts,
            validated: fold.validated,
            spec: fold.spec,
            environments: fold.environments,
            checkpoints: checkpoints.collect(),
            selections: fold.selections,
            interrupted: fold.interrupted,
            interruption_heads: fold.interruption_heads,
            contradictions: fold.contradictions,
            finished: fold.finished,
            source,
        })
    }

    /// Returns the number of steps recorded.
    pub fn step_count(&self) -> u64 {
        self.steps.len() as u64
    }

    /// Reads the trace of a step; none if it was not recorded.
    pub fn step(&self, step: u64) -> Result<Option<StepTrace>, JournalError> {
        match self.steps.get(step as usize) {
            Some(place) => place.step(self.source.as_ref()).map(Some),
            None => Ok(None),
        }
    }

    /// Returns the steps after which figures were recorded, ascending.
    pub fn validated(&self) -> &[u64] {
        &self.validated
    }

    /// Returns the tensors that the fingerprints of `step` stand for.
    pub fn layouts(&self, step: u64) -> Option<&StepLayouts> {
        self.layouts.iter().rev().find(|(first, _)| *first <= step).map(|(_, layouts)| layouts)
    }

    /// Returns where `step` was trained.
    pub fn environment(&self, step: u64) -> Option<&Environment> {
        self.environments.iter().rev().find(|(first, _)| *first <= step).map(|(_, found)| found)
    }

    /// Returns where the steps that count were trained, from which one on. A resumption
    /// that trained none of them has no say over the run.
    pub fn trained_by(&self) -> Vec<(u64, Environment)> {
        let trained = self.trainings().into_iter().filter(|(steps, _)| !steps.is_empty());
        trained.map(|(steps, environment)| (steps.start, environment.clone())).collect()
    }

    /// Returns every training, in the order of the journal, with the steps of it that
    /// count: none, if a later one took them anew.
    pub fn trainings(&self) -> Vec<(Range<u64>, &Environment)> {
        let mut end = self.step_count();
        let mut latest_first: Vec<(Range<u64>, &Environment)> = Vec::new();
        for (start, environment) in self.environments.iter().rev() {
            latest_first.push((*start..end.max(*start), environment));
            // A later one that went on from an earlier step trained what follows anew.
            end = end.min(*start);
        }
        latest_first.reverse();
        latest_first
    }

    /// Says whether the journal can take one more resumption.
    pub fn can_resume(&self) -> bool {
        self.environments.len() < RESUMED_MAX
    }

    /// Says whether the journal's format knows an end before the declared length.
    pub fn can_end_early(&self) -> bool {
        self.format >= 2
    }

    /// Returns the steps with which training went on after an interruption.
    pub fn resumed(&self) -> impl Iterator<Item = u64> {
        self.environments.iter().skip(1).map(|(step, _)| *step)
    }
}

/// Something recorded, with the number of the environment that recorded it.
type By<T> = (T, usize);

struct Fold {
    spec: Digest,
    environments: Vec<(u64, Environment)>,
    steps: Vec<By<FramePlace>>,
    /// Places of the steps that resumptions replace, from this step on.
    replaced: (u64, Vec<By<FramePlace>>),
    layouts: Vec<(u64, StepLayouts)>,
    validated: Vec<u64>,
    checkpoints: BTreeMap<u64, By<StateRoot>>,
    /// Checkpoints that resumptions replace.
    replaced_checkpoints: BTreeMap<u64, By<StateRoot>>,
    selections: Selections,
    interrupted: Vec<u64>,
    interruption_heads: Vec<(u64, Digest)>,
    contradictions: Vec<Contradiction>,
    stopped: bool,
    finished: bool,
    ended_early: bool,
}

impl Fold {
    fn start(first: Option<Frame>) -> Result<Self, HistoryError> {
        let first = first.ok_or(HistoryError::Empty)?;
        let Event::RunStarted { spec, environment } = first.event else {
            return Err(HistoryError::Order {
                sequence: 0,
                at: first.at,
                problem: "a journal begins with the start of its run".into(),
            });
        };
        Ok(Self {
            spec,
            environments: vec![(0, environment)],
            steps: Vec::new(),
            replaced: (0, Vec::new()),
            layouts: Vec::new(),
            validated: Vec::new(),
            checkpoints: BTreeMap::new(),
            replaced_checkpoints: BTreeMap::new(),
            selections: Selections::default(),
            interrupted: Vec::new(),
            interruption_heads: Vec::new(),
            contradictions: Vec::new(),
            stopped: false,
            finished: false,
            ended_early: false,
        })
    }

    fn next_step(&self) -> u64 {
        self.steps.len() as u64
    }

    fn push(&mut self, source: &dyn ReadAt, frame: &Frame) -> Result<(), HistoryError> {
        let resumes = matches!(frame.event, Event::RunResumed { .. } | Event::RunEnded { .. });
        let result = if self.finished {
            Err("nothing may follow the end of the run".to_owned())
        } else if self.stopped && !resumes {
            Err("only a resumption or an early end may follow an interruption".to_owned())
        } else {
            self.take(source, frame)
        };
        result.map_err(|problem| HistoryError::Order {
            sequence: frame.sequence,
            at: frame.at,
            problem,
        })
    }

    fn take(&mut self, source: &dyn ReadAt, frame: &Frame) -> Result<(), String> {
        match &frame.event {
            Event::RunStarted { .. } => Err("a run starts only once".into()),
            Event::Layouts(layouts) => self.take_layouts(layouts),
            Event::Step(trace) => self.take_step(source, trace, FramePlace::of(frame)),
            Event::Checkpoint { step, root } => self.take_checkpoint(*step, *root),
            Event::RunResumed { step, environment } => self.take_resumed(*step, environment),
            Event::RunInterrupted { step } => {
                self.expect_next(*step)?;
                self.interrupted.push(*step);
                self.interruption_heads.push((frame.sequence + 1, frame.chain));
                self.stopped = true;
                Ok(())
            }
            Event::RunFinished { steps } => {
                self.expect_next(*steps)?;
                self.finished = true;
                Ok(())
            }
            Event::KernelSelections(selections) => self.take_selections(selections),
            Event::RunEnded { steps } => self.take_ended(*steps),
        }
    }

    /// Ends the run at a boundary that was reached; what came after it does not count.
    fn take_ended(&mut self, steps: u64) -> Result<(), String> {
        if steps == 0 || !self.checkpoints.contains_key(&steps) {
            return Err(format!("the run ends with step {steps}, where no state was stored"));
        }
        self.replace_from(steps);
        self.layouts.retain(|(first, _)| *first < steps);
        (self.finished, self.ended_early) = (true, true);
        Ok(())
    }

    fn expect_next(&self, step: u64) -> Result<(), String> {
        let next = self.next_step();
        if step == next {
            Ok(())
        } else {
            Err(format!("step {step} stands where step {next} belongs"))
        }
    }

    fn take_layouts(&mut self, layouts: &StepLayouts) -> Result<(), String> {
        if self.layouts.last().is_some_and(|(_, last)| last == layouts) {
            return Ok(());
        }
        if self.layouts.len() == LAYOUTS_MAX {
            return Err(format!("the tensors change more than {LAYOUTS_MAX} times"));
        }
        self.layouts.push((self.next_step(), layouts.clone()));
        Ok(())
    }

    /// A resumption takes none of them back: whoever resumes is given them.
    fn take_selections(&mut self, selections: &[KernelSelection]) -> Result<(), String> {
        let mut selections = selections.iter().cloned();
        let added = selections.try_for_each(|selection| self.selections.add(selection));
        added.map_err(|error| error.to_string())
    }

    fn take_step(
        &mut self,
        source: &dyn ReadAt,
        trace: &StepTrace,
        place: FramePlace,
    ) -> Result<(), String> {
        self.expect_next(trace.step)?;
        let fits = self.layouts.last().is_some_and(|(_, layouts)| {
            layouts.state.tensors().len() == trace.state.len()
                && layouts.gradient.tensors().len() == trace.gradient.len()
        });
        if !fits {
            return Err("its fingerprints do not fit the tensors declared before it".into());
        }
        let (first, places) = &self.replaced;
        if let Some(&(earlier_place, by)) = places.get((trace.step - first) as usize) {
            let mut earlier = earlier_place.step(source).map_err(|error| error.to_string())?;
            // Kernels were chosen then, and are kept to now.
            earlier.launches = trace.launches;
            if earlier != *trace {
                self.contradict(trace.step, "step", by);
            }
        }
        self.steps.push((place, self.now()));
        if trace.validation.is_some() {
            self.validated.push(trace.step);
        }
        Ok(())
    }

    /// Returns the number of the environment that records now.
    fn now(&self) -> usize {
        self.environments.len() - 1
    }

    /// Notes that what environment `by` recorded is recorded otherwise now.
    fn contradict(&mut self, step: u64, what: &'static str, by: usize) {
        let (before, now) = (&self.environments[by].1, &self.environments[self.now()].1);
        let one_class = before.same_class(now);
        self.contradictions.push(Contradiction { step, what, one_class });
    }

    fn take_checkpoint(&mut self, step: u64, root: StateRoot) -> Result<(), String> {
        self.expect_next(step)?;
        if self.checkpoints.insert(step, (root, self.now())).is_some() {
            return Err(format!("the state before step {step} stands there twice"));
        }
        if let Some(&(earlier, by)) = self.replaced_checkpoints.get(&step)
            && earlier != root
        {
            self.contradict(step, "checkpoint", by);
        }
        Ok(())
    }

    fn take_resumed(&mut self, step: u64, environment: &Environment) -> Result<(), String> {
        if step > self.next_step() {
            return Err(format!("training went on with step {step}, which it had not reached"));
        }
        if self.checkpoints.range(..=step).next().is_none() {
            return Err(format!("training went on with step {step}, which no checkpoint opens"));
        }
        // The steps of a segment are replayed in one piece, on one class of machine.
        if !self.checkpoints.contains_key(&step) && !self.trained_alike(step, environment) {
            return Err(format!(
                "training went on with step {step}, which no checkpoint opens, on another class \
                 of machine"
            ));
        }
        if self.environments.len() == RESUMED_MAX {
            return Err(format!("the run was resumed {RESUMED_MAX} times or more"));
        }
        self.environments.push((step, environment.clone()));
        self.replace_from(step);
        self.layouts.retain(|(first, _)| *first < step);
        self.stopped = false;
        Ok(())
    }

    /// Says whether what counts before `step` was recorded by this class of machine.
    fn trained_alike(&self, step: u64, environment: &Environment) -> bool {
        let mut latest_first = self.environments.iter().rev();
        let before = latest_first.find(|(first, _)| *first <= step);
        before.is_some_and(|(_, before)| before.same_class(environment))
    }

    /// Takes back what was recorded from `step` on, and keeps it to be compared
    /// with what is recorded again. Where an earlier resumption had come
    /// further, its records stay.
    fn replace_from(&mut self, step: u64) {
        let next = self.next_step();
        self.validated.truncate(self.validated.partition_point(|earlier| *earlier < step));
        let mut places = self.steps.split_off(step as usize);
        let (first, earlier) = &self.replaced;
        places.extend(earlier.iter().skip((next - first) as usize));
        self.replaced = (step, places);
        // A state that is not reached again is not there to go on from.
        self.replaced_checkpoints.extend(self.checkpoints.split_off(&(step + 1)));
    }
}
