//! The recording side: training under record.
//!
//! [`Recorder::start`] or [`Recorder::resume`], then [`Recorder::advance`] until
//! it is [done](Recorder::is_done), then [`Recorder::finish`]. Killed at any
//! moment, it leaves a valid prefix: the store writes in the order of the calls,
//! so a checkpoint is complete before the journal names it, and the commitment
//! comes last. At each boundary it commits to what is recorded so far, for audits that do not
//! wait for the end. The last steps may be lost; they come after the checkpoint from
//! which a resumption trains again. [Asked to stop](Recorder::interrupt), it
//! leaves the state of the step that it has reached, and nothing is trained
//! twice. [`sign`] then says who stands for it.

mod end;
mod forecast;
mod left;
mod resume;
mod selections;
mod sign;
mod so_far;
mod stop;

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::codec::CodecError;
use crate::digest::Digest;
use crate::format::{
    CheckpointError, Commitment, Environment, Event, HistoryError, JournalWriter, Object,
    SecretKey, SelectionError, Selections, SignatureError, StepLayouts, StoreError, WriteRun,
    write_checkpoint,
};
use crate::spec::{Spec, SpecDifference, SpecError};
use crate::state::{Layout, State, StateRoot};
use crate::steering::ValidationSteps;
use crate::symptoms::SymptomSearch;
use crate::trainer::{Metric, Request, StepTrace, Trainer, TrainerError};

pub use end::end_early;
pub use forecast::{Forecast, Tensors};
pub use resume::{Damaged, Resumption};
pub use selections::recorded_selections;
pub use sign::sign;
pub use stop::Stopped;

/// Records one training.
pub struct Recorder<'a> {
    store: &'a mut dyn WriteRun,
    trainer: Box<dyn Trainer>,
    spec: Spec,
    spec_digest: Digest,
    journal: JournalWriter,
    /// State and gradient, as last declared.
    layouts: Option<(Arc<Layout>, Arc<Layout>)>,
    checkpoints: BTreeMap<u64, StateRoot>,
    /// What the journal holds by now.
    selections: Selections,
    /// Signs what is committed to so far.
    key: Option<&'a SecretKey>,
    next_step: u64,
    /// Whether the state of an earlier stop lies beside the recording.
    resume_state_is_left: bool,
    resumption: Option<Resumption>,
    symptoms: SymptomSearch,
    validations: ValidationSteps,
}

/// Says why a recording cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The spec cannot be stored.
    #[error("the spec: {0}")]
    Spec(#[from] SpecError),
    /// The training failed.
    #[error(transparent)]
    Trainer(#[from] TrainerError),
    /// A frame is too large to be written.
    #[error("the journal cannot take step {step}: {problem}")]
    Frame {
        /// The step.
        step: u64,
        /// Why.
        problem: CodecError,
    },
    /// The journal of the recording to be resumed cannot be read.
    #[error("journal: {0}")]
    History(#[from] HistoryError),
    /// The recording to be resumed is of another spec.
    #[error("the recording is of another spec: {}", list(.0))]
    OtherSpec(Vec<SpecDifference>),
    /// The stored spec is not the one that the recording to be resumed began with.
    #[error("spec.toml is not the spec that the journal began with; it was altered")]
    AlteredSpec,
    /// The recording was resumed as often as a journal may say.
    #[error("the recording was resumed too often; record the run again")]
    TooOften,
    /// The recording to be resumed is complete.
    #[error("the recording is complete; there is nothing to resume")]
    Complete,
    /// No checkpoint of the recording to be resumed is whole.
    #[error("no checkpoint of the recording can be used; the newest: {0}")]
    NoCheckpoint(String),
    /// A checkpoint is not the one of its name.
    #[error("{0} was altered")]
    AlteredState(Object),
    /// The commitment to be signed is not that of the journal beside it.
    #[error("the commitment is not the one that the journal gives; nothing was signed")]
    OtherCommitment,
    /// A recording cannot end before its first boundary.
    #[error(
        "the recording has reached no boundary yet, so there is nothing that could be audited: go \
         on with it, or remove it"
    )]
    NothingToEnd,
    /// The journal is of a format that knows no early end.
    #[error(
        "its journal is of format 1, which knows no early end: go on with the training to its \
         declared length"
    )]
    CannotEnd,
    /// Another key, of this fingerprint, has signed the recording.
    #[error("the recording is signed already, with the key {0}")]
    SignedByAnother(String),
    /// There is a signature that vouches for nothing.
    #[error("commitment.sig: {0}; remove it to sign again")]
    Signature(#[from] SignatureError),
    /// A checkpoint cannot be read.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// The engine does not keep to a kernel that the journal holds.
    #[error(
        "step {step}: the engine computes `{table}` with `{found}` (number {choice}), but the \
         journal holds `{recorded}` (number {recorded_choice}) for it"
    )]
    OtherKernel {
        /// The step that comes next.
        step: u64,
        /// Which operation, on which device.
        table: String,
        /// The kernel that the engine takes.
        found: String,
        /// Its number.
        choice: u32,
        /// The kernel that the journal holds.
        recorded: String,
        /// Its number.
        recorded_choice: u32,
    },
    /// The engine chose more kernels than a journal takes.
    #[error(transparent)]
    Selection(#[from] SelectionError),
}

impl<'a> Recorder<'a> {
    /// Starts a recording into an empty store: spec, first frame, state 0.
    pub fn start(
        store: &'a mut dyn WriteRun,
        spec: Spec,
        trainer: Box<dyn Trainer>,
        environment: Environment,
    ) -> Result<Self, RecordError> {
        let text = spec.stored()?;
        store.put(Object::Spec, &mut |out| out.write_all(text.as_bytes()))?;
        let (journal, header) = JournalWriter::start();
        store.append(&header)?;
        let spec_digest = Spec::digest_of_text(text.as_bytes());
        let checkpoints = BTreeMap::new();
        let validations = validations(&spec)?;
        let mut recorder = Self {
            store,
            trainer,
            spec,
            spec_digest,
            journal,
            layouts: None,
            checkpoints,
            selections: Selections::default(),
            key: None,
            next_step: 0,
            resume_state_is_left: false,
            resumption: None,
            symptoms: SymptomSearch::default(),
            validations,
        };
        recorder.append(&Event::RunStarted { spec: spec_digest, environment })?;
        recorder.checkpoint()?;
        Ok(recorder)
    }

    /// Returns the step that comes next.
    pub fn next_step(&self) -> u64 {
        self.next_step
    }

    /// Says where a resumption started; none if the recording is a new one.
    pub fn resumption(&self) -> Option<&Resumption> {
        self.resumption.as_ref()
    }

    /// Returns what looks broken so far, though it is recorded faithfully.
    pub fn symptoms(&self) -> &SymptomSearch {
        &self.symptoms
    }

    /// Foretells what the rest of the recording takes, with the tensors that the
    /// state has now.
    pub fn forecast(&self) -> Forecast {
        let (state, gradient) = (self.trainer.layout(), self.trainer.gradient_layout());
        let tensors = Tensors { opening: &state, later: &state, gradient: &gradient };
        Forecast::of(&self.spec, self.next_step, &tensors)
    }

    /// Takes the state out as it is now, as a checkpoint here would hold it; nothing is stored.
    pub fn capture(&mut self) -> Result<State, RecordError> {
        Ok(self.trainer.capture(self.next_step)?)
    }

    /// Says whether every step is taken.
    pub fn is_done(&self) -> bool {
        self.next_step == self.spec.steps
    }

    /// Takes and records one step, and stores the state at a boundary.
    pub fn advance(&mut self) -> Result<StepTrace, RecordError> {
        let mut trace = self.trainer.step(self.next_step, &Request::default())?;
        self.check_validation(&trace)?;
        // A journal that an older reenact began.
        trace.launches = trace.launches.filter(|_| self.journal.holds_launches());
        self.declare_layouts()?;
        if let Some((state, gradient)) = &self.layouts {
            self.symptoms.take(&trace, state, gradient);
        }
        // In front of the step: whoever takes it again has to know them.
        self.record_selections()?;
        let event = Event::Step(trace);
        self.append(&event)?;
        self.next_step += 1;
        if self.spec.is_boundary(self.next_step) {
            self.checkpoint()?;
        }
        let Event::Step(trace) = event else { unreachable!("built as a step above") };
        Ok(trace)
    }

    /// Ends a recording whose every step is taken: the last frame, then the
    /// commitment to everything. Returns the commitment and the program's
    /// evaluation of its final model.
    pub fn finish(mut self) -> Result<(Commitment, Vec<Metric>), RecordError> {
        assert!(self.is_done(), "a recording is finished after its last step");
        self.record_selections()?;
        self.append(&Event::RunFinished { steps: self.next_step })?;
        // The journal must not lag behind a commitment that survives.
        self.store.sync()?;
        let commitment = Commitment {
            spec: self.spec_digest,
            frames: self.journal.frames(),
            head: self.journal.head(),
            checkpoints: self.checkpoints.into_iter().collect(),
        };
        write_commitment(self.store, &commitment)?;
        Ok((commitment, self.trainer.evaluate()?))
    }

    /// An audit would hold it against the recording.
    fn check_validation(&self, trace: &StepTrace) -> Result<(), TrainerError> {
        let problem = match (trace.validation.is_some(), self.validations.after(trace.step)) {
            (false, true) => "the spec has the model measured here, and it gives no figures",
            (true, false) => "it gives figures, and the spec does not have the model measured here",
            _ => return Ok(()),
        };
        let during = format!("after the update of step {}", trace.step);
        Err(TrainerError::Program { during, problem: problem.into() })
    }

    fn append(&mut self, event: &Event) -> Result<(), RecordError> {
        let frame = self.journal.frame(event);
        let step = self.next_step;
        let frame = frame.map_err(|problem| RecordError::Frame { step, problem })?;
        Ok(self.store.append(&frame)?)
    }

    fn declare_layouts(&mut self) -> Result<(), RecordError> {
        let (state, gradient) = (self.trainer.layout(), self.trainer.gradient_layout());
        let same = |a: &Arc<Layout>, b: &Arc<Layout>| Arc::ptr_eq(a, b) || a == b;
        let known = self.layouts.as_ref();
        if known.is_some_and(|known| same(&known.0, &state) && same(&known.1, &gradient)) {
            return Ok(());
        }
        let layouts = StepLayouts { state: (*state).clone(), gradient: (*gradient).clone() };
        self.append(&Event::Layouts(layouts))?;
        self.layouts = Some((state, gradient));
        Ok(())
    }

    fn checkpoint(&mut self) -> Result<(), RecordError> {
        let step = self.next_step;
        let state = self.trainer.capture(step)?;
        let root = state.root();
        self.store.put(Object::Checkpoint(root), &mut |out| write_checkpoint(&state, out))?;
        self.record_selections()?;
        self.append(&Event::Checkpoint { step, root })?;
        self.checkpoints.insert(step, root);
        self.commit_so_far()?;
        self.forget_resume_state()
    }
}

fn validations(spec: &Spec) -> Result<ValidationSteps, TrainerError> {
    ValidationSteps::of(spec).map_err(|error| TrainerError::Data {
        name: spec.data.name.clone(),
        problem: error.to_string(),
    })
}

fn list(differences: &[SpecDifference]) -> String {
    differences.iter().map(SpecDifference::to_string).collect::<Vec<_>>().join("; ")
}

fn write_commitment(store: &mut dyn WriteRun, commitment: &Commitment) -> Result<(), RecordError> {
    let text = commitment.encode();
    store.put(Object::Commitment, &mut |out| out.write_all(text.as_bytes()))?;
    // Whoever finds none of the two looks for the other once more.
    store.remove(Object::SoFar)?;
    Ok(store.sync()?)
}
