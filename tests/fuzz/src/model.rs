//! The sequence rules of a journal, as slow and plain as the format page says
//! them; the library's fold is held to them.

use std::collections::{BTreeMap, BTreeSet};

use reenact_core::format::{Event, History, KernelSelection};
use reenact_core::state::StateRoot;
use reenact_core::trainer::StepTrace;

/// Something recorded, with the class of the environment that recorded it.
type By<T> = (T, String);

/// Holds what a journal says so far.
#[derive(Default)]
pub struct Model {
    class: String,
    /// From which step on which class recorded.
    environments: Vec<(u64, String)>,
    steps: Vec<By<StepTrace>>,
    checkpoints: BTreeMap<u64, By<StateRoot>>,
    /// From which step on how many tensors, of state and gradient.
    layouts: Vec<(u64, (usize, usize))>,
    taken_back: BTreeMap<u64, By<StepTrace>>,
    checkpoints_taken_back: BTreeMap<u64, By<StateRoot>>,
    contradictions: Vec<(u64, &'static str, bool)>,
    selections: BTreeSet<KernelSelection>,
    interrupted: bool,
    finished: bool,
    begun: bool,
}

impl Model {
    /// Returns the step that comes next.
    pub fn next(&self) -> u64 {
        self.steps.len() as u64
    }

    /// Says whether nothing was recorded.
    pub fn is_empty(&self) -> bool {
        !self.begun
    }

    /// Returns the tensors in force, of state and gradient.
    pub fn tensors(&self) -> (usize, usize) {
        self.layouts.last().map_or((0, 0), |(_, tensors)| *tensors)
    }

    /// Returns the steps that a checkpoint opens.
    pub fn boundaries(&self) -> Vec<u64> {
        self.checkpoints.keys().copied().collect()
    }

    /// Takes the next frame; says whether it may stand there.
    pub fn take(&mut self, event: &Event) -> bool {
        let resumes = matches!(event, Event::RunResumed { .. } | Event::RunEnded { .. });
        if self.finished || (self.interrupted && !resumes) {
            return false;
        }
        match event {
            Event::RunStarted { environment, .. } => {
                self.class = format!("{:?}", environment.engine.class);
                self.environments.push((0, self.class.clone()));
                !std::mem::replace(&mut self.begun, true)
            }
            _ if !self.begun => false,
            Event::Layouts(layouts) => {
                let tensors = (layouts.state.tensors().len(), layouts.gradient.tensors().len());
                self.layouts.push((self.next(), tensors));
                true
            }
            Event::Step(trace) => self.take_step(trace),
            Event::Checkpoint { step, root } => self.take_checkpoint(*step, *root),
            Event::RunResumed { step, environment } => {
                self.take_resumed(*step, format!("{:?}", environment.engine.class))
            }
            Event::RunInterrupted { step } => {
                self.interrupted = true;
                *step == self.next()
            }
            Event::RunFinished { steps } => {
                self.finished = true;
                *steps == self.next()
            }
            Event::KernelSelections(selections) => self.take_selections(selections),
            Event::RunEnded { steps } => {
                self.finished = true;
                let stored = *steps > 0 && self.checkpoints.contains_key(steps);
                if stored {
                    self.take_back(*steps);
                }
                stored
            }
        }
    }

    /// No problem is selected for twice in a run.
    fn take_selections(&mut self, selections: &[KernelSelection]) -> bool {
        selections.iter().all(|new| {
            let same = |old: &KernelSelection| (&old.table, &old.key) == (&new.table, &new.key);
            !self.selections.iter().any(same) && self.selections.insert(new.clone())
        })
    }

    fn take_step(&mut self, trace: &StepTrace) -> bool {
        let fits = self
            .layouts
            .last()
            .is_some_and(|(_, tensors)| *tensors == (trace.state.len(), trace.gradient.len()));
        if trace.step != self.next() || !fits {
            return false;
        }
        if let Some((earlier, class)) = self.taken_back.get(&trace.step)
            && earlier != trace
        {
            self.contradictions.push((trace.step, "step", *class == self.class));
        }
        self.steps.push((trace.clone(), self.class.clone()));
        true
    }

    fn take_checkpoint(&mut self, step: u64, root: StateRoot) -> bool {
        if step != self.next() || self.checkpoints.contains_key(&step) {
            return false;
        }
        if let Some((earlier, class)) = self.checkpoints_taken_back.get(&step)
            && *earlier != root
        {
            self.contradictions.push((step, "checkpoint", *class == self.class));
        }
        self.checkpoints.insert(step, (root, self.class.clone()));
        true
    }

    fn take_resumed(&mut self, step: u64, class: String) -> bool {
        let opened = self.checkpoints.keys().any(|opens| *opens <= step);
        let in_force = self.environments.iter().rfind(|(first, _)| *first <= step);
        let alike = in_force.is_some_and(|(_, found)| *found == class);
        if step > self.next() || !opened || !(alike || self.checkpoints.contains_key(&step)) {
            return false;
        }
        self.environments.push((step, class.clone()));
        self.class = class;
        self.interrupted = false;
        self.take_back(step);
        true
    }

    fn take_back(&mut self, step: u64) {
        for number in step..self.next() {
            self.taken_back.insert(number, self.steps[number as usize].clone());
        }
        self.steps.truncate(step as usize);
        self.layouts.retain(|(first, _)| *first < step);
        let taken_back: Vec<u64> =
            self.checkpoints.keys().copied().filter(|opens| *opens > step).collect();
        for opens in taken_back {
            if let Some(found) = self.checkpoints.remove(&opens) {
                self.checkpoints_taken_back.insert(opens, found);
            }
        }
    }

    /// Asserts that the library has read the same.
    pub fn agrees_with(&self, history: &History) {
        assert_eq!(history.step_count(), self.next());
        let measured = self.steps.iter().filter(|(trace, _)| trace.validation.is_some());
        let measured: Vec<u64> = measured.map(|(trace, _)| trace.step).collect();
        assert_eq!(history.validated(), measured);
        assert_eq!(history.finished, self.finished);
        for (step, (trace, _)) in self.steps.iter().enumerate() {
            let found = history.step(step as u64).expect("it was read before");
            assert_eq!(found.as_ref(), Some(trace));
        }
        assert!(history.selections.iter().eq(&self.selections));
        let roots = self.checkpoints.iter().map(|(step, (root, _))| (*step, *root));
        assert!(history.checkpoints.iter().map(|(step, root)| (*step, *root)).eq(roots));
        let found = history.contradictions.iter();
        let found: Vec<_> = found.map(|c| (c.step, c.what, c.one_class)).collect();
        assert_eq!(found, self.contradictions);
    }
}
