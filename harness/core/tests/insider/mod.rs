//! An insider who edits anything in a recording, and recomputes every digest.

use std::collections::BTreeMap;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::Rng;
use reenact_core::format::{Checkpoint, Event, Object, write_checkpoint};
use reenact_core::in_memory::{MemoryFile, MemoryRun};
use reenact_core::spec::LearningRate;
use reenact_core::spec::{OptimizerSpec, Spec};
use reenact_core::state::{State, StateRoot, TensorSpec};

use crate::common::{events, retold};

/// Edits of one recording, at most.
const EDITS_MAX: u32 = 3;
/// One recording in so many is damaged after it was signed.
const DAMAGED: u32 = 8;

/// Holds a recording as a story that can be told otherwise.
pub(crate) struct Told {
    run: MemoryRun,
    spec: Spec,
    events: Vec<Event>,
    states: BTreeMap<StateRoot, State>,
    /// Names of the edits made, for whoever has to find out why one passed.
    pub(crate) edits: Vec<&'static str>,
}

type Edit = fn(&mut Told, &mut ChaCha8Rng) -> Option<()>;

/// Every kind of edit, by name.
const EDITS: [(&str, Edit); 14] = [
    ("digest of samples", |told, rng| told.step(rng, |step, _| step.samples.0[3] ^= 1)),
    ("digest of the batch", |told, rng| told.step(rng, |step, _| step.batch.0[9] ^= 64)),
    ("learning rate", |told, rng| told.step(rng, |step, rng| step.learning_rate_bits ^= bit(rng))),
    ("loss", |told, rng| told.step(rng, |step, rng| step.loss_bits ^= bit(rng) as u32 | 1)),
    ("gradient", |told, rng| {
        told.step(rng, |step, rng| *pick(&mut step.gradient, rng) = Default::default())
    }),
    ("state after a step", |told, rng| {
        told.step(rng, |step, rng| *pick(&mut step.state, rng) = Default::default())
    }),
    ("number of a step", |told, rng| told.step(rng, |step, rng| step.step ^= 1 << (below(rng, 3)))),
    ("event left out", |told, rng| {
        told.events.remove(place(&told.events, rng));
        Some(())
    }),
    ("events exchanged", |told, rng| {
        let (a, b) = (place(&told.events, rng), place(&told.events, rng));
        told.events.swap(a, b);
        Some(())
    }),
    ("event told twice", |told, rng| {
        let event = told.events[place(&told.events, rng)].clone();
        told.events.insert(place(&told.events, rng), event);
        Some(())
    }),
    ("state", Told::edit_state),
    ("states exchanged", Told::exchange_states),
    ("spec", Told::edit_spec),
    ("machine", Told::lie_about_machine),
];

impl Told {
    /// Reads a recording.
    pub(crate) fn of(run: &MemoryRun) -> Self {
        let text = std::str::from_utf8(&run.objects[&Object::Spec]).unwrap();
        let mut states = BTreeMap::new();
        for (name, bytes) in &run.objects {
            let Object::Checkpoint(root) = name else { continue };
            let file = Box::new(MemoryFile::new(bytes.clone()));
            states.insert(*root, Checkpoint::open(file).unwrap().load(1 << 20).unwrap());
        }
        let events = events(run).into_iter().map(|(_, event)| event).collect();
        let spec = Spec::parse(text).unwrap();
        Self { run: run.clone(), spec, events, states, edits: Vec::new() }
    }

    /// Reads a recording and edits it.
    pub(crate) fn edited(run: &MemoryRun, rng: &mut ChaCha8Rng) -> Self {
        let mut told = Self::of(run);
        for _ in 0..=below(rng, EDITS_MAX) {
            let (name, edit) = EDITS[below(rng, EDITS.len() as u32) as usize];
            if edit(&mut told, rng).is_some() {
                told.edits.push(name);
            }
        }
        told
    }

    /// Signs the story; now and then, damages a file afterwards.
    pub(crate) fn run(&self, rng: &mut ChaCha8Rng) -> MemoryRun {
        let mut run = self.signed();
        if below(rng, DAMAGED) == 0 {
            let names: Vec<Object> = run.objects.keys().copied().collect();
            let name = names[below(rng, names.len() as u32) as usize];
            damage(&mut run, name, rng);
        }
        run
    }

    /// Recomputes every digest, the chain and the commitment.
    pub(crate) fn signed(&self) -> MemoryRun {
        let mut run = self.run.clone();
        run.objects.retain(|name, _| !matches!(name, Object::Checkpoint(_)));
        let text = self.spec.canonical();
        let mut events = self.events.clone();
        for event in &mut events {
            if let Event::RunStarted { spec, .. } = event {
                *spec = Spec::digest_of_text(text.as_bytes());
            }
        }
        run.objects.insert(Object::Spec, text.into_bytes());
        for (root, state) in &self.states {
            let mut content = Vec::new();
            write_checkpoint(state, &mut content).unwrap();
            run.objects.insert(Object::Checkpoint(*root), content);
        }
        retold(&run, &events)
    }

    fn step(
        &mut self,
        rng: &mut ChaCha8Rng,
        edit: impl FnOnce(&mut reenact_core::trainer::StepTrace, &mut ChaCha8Rng),
    ) -> Option<()> {
        let mut steps: Vec<_> = self.events.iter_mut().filter_map(trace).collect();
        if steps.is_empty() {
            return None;
        }
        let at = place(&steps, rng);
        edit(steps[at], rng);
        Some(())
    }

    /// Changes one tensor of a stored state, and everything that says what it is.
    fn edit_state(&mut self, rng: &mut ChaCha8Rng) -> Option<()> {
        let roots: Vec<StateRoot> = self.states.keys().copied().collect();
        let before = *roots.get(below(rng, roots.len() as u32) as usize)?;
        let state = self.states.remove(&before)?;
        let mut tensors: Vec<(TensorSpec, Vec<u8>)> =
            state.tensors().map(|(spec, bytes)| (spec.clone(), bytes.to_vec())).collect();
        let (a, b) = (place(&tensors, rng), place(&tensors, rng));
        if below(rng, 3) == 0 && tensors[a].0.shape == tensors[b].0.shape {
            let kept = tensors[a].1.clone();
            tensors[a].1 = std::mem::replace(&mut tensors[b].1, kept);
        } else {
            let byte = place(&tensors[a].1, rng);
            tensors[a].1[byte] ^= 1 << below(rng, 8);
        }
        let state = State::from_named(tensors).ok()?;
        let after = state.root();
        let prints = state.fingerprints();
        self.states.insert(after, state);
        self.rename(before, after, |step| step.state.clone_from(&prints));
        Some(())
    }

    /// Gives a checkpoint another root, with the step that it closes.
    fn rename(
        &mut self,
        before: StateRoot,
        after: StateRoot,
        mut close: impl FnMut(&mut reenact_core::trainer::StepTrace),
    ) {
        let mut closed = Vec::new();
        for event in &mut self.events {
            if let Event::Checkpoint { step, root } = event
                && *root == before
            {
                *root = after;
                closed.push(*step);
            }
        }
        for trace in self.events.iter_mut().filter_map(trace) {
            if closed.contains(&(trace.step + 1)) {
                close(trace);
            }
        }
    }

    fn exchange_states(&mut self, rng: &mut ChaCha8Rng) -> Option<()> {
        let mut roots: Vec<&mut StateRoot> = self.events.iter_mut().filter_map(root).collect();
        let (a, b) = (place(&roots, rng), place(&roots, rng));
        (*roots[a], *roots[b]) = (*roots[b], *roots[a]);
        Some(())
    }

    /// Declares another training than the one that is recorded. That of other data is
    /// left out: the command compares the digest of the data that it opens.
    fn edit_spec(&mut self, rng: &mut ChaCha8Rng) -> Option<()> {
        let mut spec = self.spec.clone();
        match below(rng, 6) {
            0 => spec.root_seed ^= 1,
            1 => spec.steps = spec.steps.saturating_sub(1),
            2 => spec.checkpoint_every += 1,
            3 => spec.batch.size += 1,
            4 => spec.learning_rate = LearningRate::Constant { value: 0.051 },
            _ => {
                spec.optimizer =
                    OptimizerSpec::Sgd { momentum: 0.8, nesterov: false, weight_decay: 0.0 }
            }
        }
        self.spec = Spec::parse(&spec.canonical()).ok()?;
        Some(())
    }

    /// Claims another machine, from the start or in a resumption.
    fn lie_about_machine(&mut self, rng: &mut ChaCha8Rng) -> Option<()> {
        let started = self.events.iter().find_map(|event| match event {
            Event::RunStarted { environment, .. } => Some(environment.clone()),
            _ => None,
        });
        let mut lie = started?;
        lie.engine.class.insert("engine".into(), "toy 2".into());
        if below(rng, 2) == 0 {
            let boundaries = self.events.iter().enumerate().filter_map(|(at, event)| match event {
                Event::Checkpoint { step, .. } => Some((at, *step)),
                _ => None,
            });
            let boundaries: Vec<(usize, u64)> = boundaries.collect();
            let &(at, step) = boundaries.get(below(rng, boundaries.len() as u32) as usize)?;
            self.events.insert(at + 1, Event::RunResumed { step, environment: lie });
        } else if let Some(Event::RunStarted { environment, .. }) = self.events.first_mut() {
            *environment = lie;
        }
        Some(())
    }
}

fn trace(event: &mut Event) -> Option<&mut reenact_core::trainer::StepTrace> {
    match event {
        Event::Step(trace) => Some(trace),
        _ => None,
    }
}

fn root(event: &mut Event) -> Option<&mut StateRoot> {
    match event {
        Event::Checkpoint { root, .. } => Some(root),
        _ => None,
    }
}

fn damage(run: &mut MemoryRun, name: Object, rng: &mut ChaCha8Rng) {
    let Some(content) = run.objects.get_mut(&name) else { return };
    let at = place(content, rng);
    match below(rng, 3) {
        0 => content[at] ^= 1 << below(rng, 8),
        1 => content.truncate(at),
        _ => drop(run.objects.remove(&name)),
    }
}

/// Draws a number below `end`, or 0.
fn below(rng: &mut ChaCha8Rng, end: u32) -> u32 {
    rng.next_u32() % end.max(1)
}

fn place<T>(of: &[T], rng: &mut ChaCha8Rng) -> usize {
    below(rng, of.len() as u32) as usize
}

fn pick<'a, T>(of: &'a mut [T], rng: &mut ChaCha8Rng) -> &'a mut T {
    let at = place(of, rng);
    &mut of[at]
}

fn bit(rng: &mut ChaCha8Rng) -> u64 {
    1 << below(rng, 64)
}
