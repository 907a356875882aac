//! Rewriting a finished recording as an insider would.

use std::io::{self, Write};

use super::forge::{Forger, Source};
use super::{AttackError, PostHocAttack, PostHocKind};
use crate::format::{
    COMMITMENT_BYTES_MAX, Commitment, Event, FrameReader, JournalWriter, KernelSelection, Object,
    ReadAt, ReadRun, SIGNATURE_BYTES_MAX, Tail, WriteRun, write_checkpoint,
};
use crate::spec::SPEC_BYTES_MAX;
use crate::state::{State, StateRoot};
use crate::trainer::StepTrace;

const PIECE_BYTES: u64 = 1 << 18;

/// Says what an attack changed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Planted {
    /// Every place that was changed, by step.
    pub changes: Vec<Change>,
    /// The segments that end at a changed state, or hold changed figures: their replay has to
    /// diverge. Empty where integrity alone has to catch the attack, or neither was
    /// edited.
    pub segments: Vec<u64>,
    /// Further segments, which only start at a changed state: their replay
    /// diverges too, unless rounding swallows the edit at once.
    pub segments_after: Vec<u64>,
}

/// Names one changed place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// The boundary whose checkpoint was changed or left out, the last step
    /// before a cut, the step before which kernel selections were edited, or the one after
    /// which figures were.
    pub step: u64,
    /// The tensors that were changed, with the fingerprints of the step before.
    pub tensors: Vec<String>,
}

/// Writes the recording in `run` into the empty store `into`, attacked. What
/// depends on the edit is recomputed: fingerprints of the step that closes on
/// an edited state, roots, the hash chain, the commitment. `other` is the
/// recording that a splice takes its state from.
///
/// # Errors
/// [`AttackError::NoPlace`] if the recording is unfinished or was resumed, if
/// it has no such step or tensor, or if the attack would change nothing.
pub fn plant(
    attack: &PostHocAttack,
    run: &dyn ReadRun,
    other: Option<&dyn ReadRun>,
    into: &mut dyn WriteRun,
) -> Result<Planted, AttackError> {
    let source = Source::open(run)?;
    let other = other.map(Source::open).transpose()?;
    let forger = Forger { attack, source: &source, other: other.as_ref() };
    check_place(&forger)?;
    let spec = run.read(Object::Spec, SPEC_BYTES_MAX as u64)?;
    into.put(Object::Spec, &mut |out| out.write_all(&spec))?;
    let (journal, header) = JournalWriter::start();
    into.append(&header)?;
    let insider = Insider {
        forger,
        into,
        journal,
        checkpoints: Vec::new(),
        forged: None,
        changes: Vec::new(),
        next_step: 0,
    };
    insider.rewrite()
}

fn check_place(forger: &Forger<'_>) -> Result<(), AttackError> {
    let Forger { attack, source: Source { history, .. }, .. } = forger;
    let steps = history.step_count();
    let problem = if !history.finished || history.tail != Tail::Whole {
        "it is unfinished".to_owned()
    } else if history.resumed().next().is_some() {
        "it was resumed, so some of its steps stand in it twice".to_owned()
    } else {
        match (attack.kind, attack.step) {
            (kind, _) if kind.edits_selections() && history.selections.is_empty() => {
                "it holds no kernel selections".to_owned()
            }
            (PostHocKind::PoisonedSelections, _)
                if history.selections.iter().all(|found| found.candidates == 1) =>
            {
                "its kernel selections leave no choice".to_owned()
            }
            (_, None) => return Ok(()),
            (PostHocKind::Truncated, Some(step)) if step < steps => return Ok(()),
            (PostHocKind::Truncated, Some(step)) => format!("it has no step {step}"),
            (kind, Some(0)) if kind.edits_state() => {
                "no step leads to its initial state".to_owned()
            }
            (PostHocKind::FiguresEdit, Some(step)) if history.validated().contains(&step) => {
                return Ok(());
            }
            (PostHocKind::FiguresEdit, Some(step)) => {
                format!("it holds no figures of step {step}")
            }
            (_, Some(step)) if history.checkpoints.contains_key(&step) => return Ok(()),
            (_, Some(step)) => format!("no checkpoint opens step {step}"),
        }
    };
    Err(forger.no_place(problem))
}

/// Copies a recording frame by frame; at most one state is in memory.
struct Insider<'a> {
    forger: Forger<'a>,
    into: &'a mut dyn WriteRun,
    journal: JournalWriter,
    checkpoints: Vec<(u64, StateRoot)>,
    /// The state that the next checkpoint frame gets, and what differs in it.
    forged: Option<(State, Vec<String>)>,
    changes: Vec<Change>,
    next_step: u64,
}

impl Insider<'_> {
    fn rewrite(mut self) -> Result<Planted, AttackError> {
        let journal = self.forger.source.run.open(Object::Journal)?;
        let mut reader = FrameReader::open(journal.as_ref())?;
        while let Some(frame) = reader.next_frame()? {
            let last = matches!(&frame.event, Event::Step(trace) if self.cuts_after(trace.step));
            self.take(frame.event)?;
            if last {
                return self.cut();
            }
        }
        self.commit()?;
        self.planted()
    }

    fn is(&self, kind: PostHocKind, step: u64) -> bool {
        self.forger.attack.kind == kind && self.forger.attack.step == Some(step)
    }

    fn cuts_after(&self, step: u64) -> bool {
        self.is(PostHocKind::Truncated, step)
    }

    fn take(&mut self, event: Event) -> Result<(), AttackError> {
        match event {
            Event::Step(trace) => self.take_step(trace),
            Event::Checkpoint { step, root } => self.take_checkpoint(step, root),
            Event::KernelSelections(selections) => self.take_selections(selections),
            other => self.append(&other),
        }
    }

    fn take_selections(&mut self, mut selections: Vec<KernelSelection>) -> Result<(), AttackError> {
        let kind = self.forger.attack.kind;
        let poisons = kind == PostHocKind::PoisonedSelections;
        let edited = poisons && selections.iter().any(|found| found.candidates > 1);
        if edited || kind == PostHocKind::WithheldSelections {
            self.changes.push(Change { step: self.next_step, tensors: Vec::new() });
        }
        if kind == PostHocKind::WithheldSelections {
            return Ok(());
        }
        for found in selections.iter_mut().filter(|_| poisons) {
            found.choice = (found.choice + 1) % found.candidates;
        }
        self.append(&Event::KernelSelections(selections))
    }

    fn take_step(&mut self, mut trace: StepTrace) -> Result<(), AttackError> {
        let next = trace.step + 1;
        self.next_step = next;
        if self.forger.source.history.checkpoints.contains_key(&next) {
            self.forged = self.forger.forge(next)?;
        }
        if let Some((state, _)) = &self.forged {
            trace.state = state.fingerprints();
        }
        if self.is(PostHocKind::FiguresEdit, trace.step) {
            let honest = trace.validation.take();
            trace.validation = honest.as_ref().map(|f| f.scaled(self.forger.attack.strength));
            if trace.validation != honest {
                self.changes.push(Change { step: trace.step, tensors: Vec::new() });
            }
        }
        self.append(&Event::Step(trace))
    }

    fn take_checkpoint(&mut self, step: u64, honest: StateRoot) -> Result<(), AttackError> {
        let forged = self.forged.take();
        let root = forged.as_ref().map_or(honest, |(state, _)| state.root());
        match forged {
            Some((state, tensors)) => {
                let object = Object::Checkpoint(root);
                self.into.put(object, &mut |out| write_checkpoint(&state, out))?;
                self.changes.push(Change { step, tensors });
            }
            None => self.copy_checkpoint(step, honest)?,
        }
        self.checkpoints.push((step, root));
        self.append(&Event::Checkpoint { step, root })
    }

    fn copy_checkpoint(&mut self, step: u64, root: StateRoot) -> Result<(), AttackError> {
        let (withheld, flipped) =
            (self.is(PostHocKind::Withheld, step), self.is(PostHocKind::BitFlip, step));
        if withheld || flipped {
            self.changes.push(Change { step, tensors: Vec::new() });
        }
        if withheld {
            return Ok(());
        }
        let object = Object::Checkpoint(root);
        let source = self.forger.source.run.open(object)?;
        Ok(self.into.put(object, &mut |out| copy(source.as_ref(), out, u8::from(flipped)))?)
    }

    fn append(&mut self, event: &Event) -> Result<(), AttackError> {
        let frame = self.journal.frame(event)?;
        Ok(self.into.append(&frame)?)
    }

    /// Ends a recording that was cut after its last frame.
    fn cut(mut self) -> Result<Planted, AttackError> {
        let step = self.forger.attack.step.unwrap_or_default();
        self.changes.push(Change { step, tensors: Vec::new() });
        if self.forger.attack.strength == 0.0 {
            self.keep_the_rest()?;
        } else {
            self.append(&Event::RunFinished { steps: step + 1 })?;
            self.commit()?;
        }
        self.planted()
    }

    fn keep_the_rest(&mut self) -> Result<(), AttackError> {
        let Source { run, history } = self.forger.source;
        for (&step, &root) in history.checkpoints.iter().skip(self.checkpoints.len()) {
            self.copy_checkpoint(step, root)?;
        }
        let text = run.read(Object::Commitment, COMMITMENT_BYTES_MAX)?;
        self.into.put(Object::Commitment, &mut |out| out.write_all(&text))?;
        // Without the key, the signature can be kept or dropped.
        let Ok(text) = run.read(Object::Signature, SIGNATURE_BYTES_MAX) else { return Ok(()) };
        Ok(self.into.put(Object::Signature, &mut |out| out.write_all(&text))?)
    }

    fn commit(&mut self) -> Result<(), AttackError> {
        let commitment = Commitment {
            spec: self.forger.source.history.spec,
            frames: self.journal.frames(),
            head: self.journal.head(),
            checkpoints: self.checkpoints.clone(),
        };
        let text = commitment.encode();
        Ok(self.into.put(Object::Commitment, &mut |out| out.write_all(text.as_bytes()))?)
    }

    fn planted(self) -> Result<Planted, AttackError> {
        if self.changes.is_empty() {
            return Err(self.forger.no_place("it would change nothing"));
        }
        // A store may write later, and says only here that it could not.
        self.into.sync()?;
        let kind = self.forger.attack.kind;
        let edits_state = kind.edits_state();
        let changed = |step: u64| edits_state && self.changes.iter().any(|c| c.step == step);
        let mut planted = Planted::default();
        for (segment, ends) in (0u64..).zip(self.checkpoints.windows(2)) {
            let (start, end) = (ends[0].0, ends[1].0);
            let holds = |change: &Change| (start..end).contains(&change.step);
            let edits_figures = kind == PostHocKind::FiguresEdit;
            if changed(end) || edits_figures && self.changes.iter().any(holds) {
                planted.segments.push(segment);
            } else if changed(start) {
                planted.segments_after.push(segment);
            }
        }
        Ok(Planted { changes: self.changes, ..planted })
    }
}

/// Copies an object in pieces; `flip` is added to its last byte without carry.
fn copy(source: &dyn ReadAt, out: &mut dyn Write, flip: u8) -> io::Result<()> {
    let (mut offset, end) = (0, source.byte_len());
    let mut piece = Vec::new();
    while offset < end {
        piece.resize((end - offset).min(PIECE_BYTES) as usize, 0);
        source.read_exact_at(offset, &mut piece).map_err(io::Error::other)?;
        offset += piece.len() as u64;
        if let Some(last) = piece.last_mut().filter(|_| offset == end) {
            *last ^= flip;
        }
        out.write_all(&piece)?;
    }
    Ok(())
}
