//! Where attacks are planted: copies of one honest recording.

use std::cell::OnceCell;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;
use std::{fs, io};

use reenact_audit::{
    Device, Failure, Processes, Request, Selection, Silent, audit, engine, environment_of,
    open_data,
};
use reenact_core::attack::{AttackError, InRunAttack, Planted, PostHocAttack, plant, start};
use reenact_core::format::{
    COMMITMENT_BYTES_MAX, Environment, Event, FrameReader, History, Object, ReadAt, ReadRun,
    WriteRun,
};
use reenact_core::record::{RecordError, Recorder, recorded_selections};
use reenact_core::spec::{SPEC_BYTES_MAX, Spec};
use reenact_core::trainer::{Trainer, TrainerError};
use reenact_core::verify::Report;
use reenact_store::Directory;

use crate::app::App;
use crate::recording::{RECORDING_THREADS, train};

const PIECE_BYTES: u64 = 1 << 18;

/// Says why an attack was not planted.
pub(super) enum Trouble {
    /// The program or the recording has no place for it.
    NoPlace(String),
    /// Something else stands in the way.
    Failed(Failure),
}

impl<T: Into<Failure>> From<T> for Trouble {
    fn from(error: T) -> Self {
        Self::Failed(error.into())
    }
}

fn of_training(error: TrainerError) -> Trouble {
    match error {
        TrainerError::Attack(_) | TrainerError::AttackSteps { .. } => {
            Trouble::NoPlace(error.to_string())
        }
        error => error.into(),
    }
}

fn of_recording(error: RecordError) -> Trouble {
    match error {
        RecordError::Trainer(error) => of_training(error),
        error => error.into(),
    }
}

fn of_planting(error: AttackError) -> Trouble {
    match error {
        AttackError::NoPlace { problem, .. } => Trouble::NoPlace(problem),
        error => Failure::inconclusive(error).into(),
    }
}

/// Holds an audit and how long it took.
pub(super) struct Audited {
    pub(super) report: Report,
    pub(super) seconds: f64,
}

/// Copies, retrains and audits.
pub(super) struct Ground<'a> {
    pub(super) app: &'a App,
    pub(super) run: &'a Path,
    pub(super) spec: Spec,
    pub(super) folder: PathBuf,
    pub(super) device: Device,
    pub(super) processes: Processes,
    /// Whether copies stay where they are.
    pub(super) keep: bool,
    /// A recording of the same run with another root seed.
    pub(super) other: OnceCell<PathBuf>,
    /// The run trained again in one piece, if the recording was resumed.
    pub(super) whole: OnceCell<PathBuf>,
}

impl Ground<'_> {
    pub(super) fn place(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// Removes a copy that is no longer needed.
    pub(super) fn leave(&self, copy: &Path) {
        if !self.keep {
            // The whole folder is temporary; this only saves space meanwhile.
            let _ = fs::remove_dir_all(copy);
        }
    }

    /// Audits some segments of a recording.
    pub(super) fn audit(
        &self,
        run: &Path,
        segments: &[u64],
        adjust: impl FnOnce(&mut Request),
    ) -> Result<Audited, Failure> {
        let mut request = Request::of_all(run, self.device.clone());
        request.selection = Selection::listed(segments);
        adjust(&mut request);
        let started = Instant::now();
        // Its bars would stand in the way of the drill's own.
        let report = audit(self.app.known(), &request, &self.processes, &Silent)?;
        Ok(Audited { report, seconds: started.elapsed().as_secs_f64() })
    }

    /// Copies a recording; or only up to and with a checkpoint, as a recorder
    /// that was killed there leaves it.
    pub(super) fn copy(
        &self,
        run: &Path,
        name: &str,
        until: Option<u64>,
    ) -> Result<PathBuf, Trouble> {
        let path = self.place(name);
        let source = Directory::open(run)?;
        let mut copy = Directory::create(&path)?;
        let spec = source.read(Object::Spec, SPEC_BYTES_MAX as u64)?;
        copy.put(Object::Spec, &mut |out| out.write_all(&spec))?;
        let history = History::read(source.open(Object::Journal)?).map_err(RecordError::from)?;
        for (&step, &root) in &history.checkpoints {
            if until.is_none_or(|until| step <= until) {
                let object = Object::Checkpoint(root);
                let content = source.open(object)?;
                let (content, end) = (content.as_ref(), content.byte_len());
                copy.put(object, &mut |out| in_pieces(content, end, |piece| out.write_all(piece)))?;
            }
        }
        let journal = source.open(Object::Journal)?;
        let end = match until {
            Some(step) => end_of_checkpoint(journal.as_ref(), step)?,
            None => journal.byte_len(),
        };
        let append = |piece: &[u8]| copy.append(piece).map_err(io::Error::other);
        in_pieces(journal.as_ref(), end, append).map_err(Failure::inconclusive)?;
        if until.is_none() {
            let text = source.read(Object::Commitment, COMMITMENT_BYTES_MAX)?;
            copy.put(Object::Commitment, &mut |out| out.write_all(&text))?;
        }
        Ok(path)
    }

    /// Trains on from a checkpoint to the end.
    pub(super) fn retrain(
        &self,
        name: &str,
        from: u64,
        attack: Option<InRunAttack>,
    ) -> Result<PathBuf, Trouble> {
        let (trainer, environment) = self.trainer(&self.spec, attack)?;
        let path = self.copy(self.run, name, Some(from))?;
        let mut store = Directory::resume(&path)?;
        let recorder = Recorder::resume(&mut store, self.spec.clone(), trainer, environment);
        self.finish(recorder.map_err(of_recording)?, &self.spec)?;
        Ok(path)
    }

    /// Trains from the beginning.
    pub(super) fn train(
        &self,
        name: &str,
        spec: &Spec,
        attack: Option<InRunAttack>,
    ) -> Result<PathBuf, Trouble> {
        let path = self.place(name);
        let (trainer, environment) = self.trainer(spec, attack)?;
        let mut store = Directory::create(&path)?;
        let recorder = Recorder::start(&mut store, spec.clone(), trainer, environment);
        self.finish(recorder.map_err(of_recording)?, spec)?;
        Ok(path)
    }

    /// Returns a recording that is right in itself, with another root seed.
    pub(super) fn other(&self) -> Result<&Path, Trouble> {
        if let Some(path) = self.other.get() {
            return Ok(path);
        }
        let root_seed = self.spec.root_seed.wrapping_add(1);
        let spec = Spec { root_seed, ..self.spec.clone() };
        let path = self.train("another-seed", &spec, None)?;
        Ok(self.other.get_or_init(|| path))
    }

    /// Returns a recording of the run in one piece: edits of one that was
    /// resumed would have to be made twice.
    fn whole(&self) -> Result<&Path, Trouble> {
        if let Some(path) = self.whole.get() {
            return Ok(path);
        }
        let journal = Directory::open(self.run)?.open(Object::Journal)?;
        let history = History::read(journal).map_err(RecordError::from)?;
        let path = match history.resumed().next() {
            Some(_) => self.train("in-one-piece", &self.spec, None)?,
            None => self.run.into(),
        };
        Ok(self.whole.get_or_init(|| path))
    }

    /// Edits a copy of the recording.
    pub(super) fn plant(
        &self,
        name: &str,
        attack: &PostHocAttack,
        other: Option<&Path>,
    ) -> Result<(PathBuf, Planted), Trouble> {
        let path = self.place(name);
        let source = Directory::open(self.whole()?)?;
        let other = other.map(Directory::open).transpose()?;
        let other = other.as_ref().map(|other| other as &dyn ReadRun);
        let mut into = Directory::create(&path)?;
        let planted = plant(attack, &source, other, &mut into).map_err(of_planting)?;
        Ok((path, planted))
    }

    /// Says whether a recording holds the same steps and states as the honest
    /// one: then nothing was done that could be seen.
    pub(super) fn is_unchanged(&self, copy: &Path) -> Result<bool, Failure> {
        let history = |path: &Path| {
            let journal = Directory::open(path)?.open(Object::Journal)?;
            History::read(journal).map_err(Failure::inconclusive)
        };
        let (honest, copied) = (history(self.run)?, history(copy)?);
        if honest.checkpoints != copied.checkpoints {
            return Ok(false);
        }
        for step in 0..self.spec.steps {
            let read = |history: &History| history.step(step).map_err(Failure::inconclusive);
            if read(&honest)? != read(&copied)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn trainer(
        &self,
        spec: &Spec,
        attack: Option<InRunAttack>,
    ) -> Result<(Box<dyn Trainer>, Environment), Trouble> {
        let mut setting = self.device.setting(spec, RECORDING_THREADS);
        // With its kernels a training of the honest run repeats its bits.
        setting.selections = Arc::new(recorded_selections(&Directory::open(self.run)?)?);
        let program = self.app.known().find(&spec.program.name)?;
        let environment = environment_of(engine(program, spec, &setting)?)?;
        let data = open_data(program, spec, &mut setting)?;
        let trainer = start(program, spec, data, &setting, attack.as_ref());
        Ok((trainer.map_err(of_training)?, environment))
    }

    fn finish(&self, recorder: Recorder<'_>, spec: &Spec) -> Result<(), Trouble> {
        match train(recorder, spec, false)? {
            Some(_) => Ok(()),
            None => Err(Failure::inconclusive("stopped").into()),
        }
    }
}

/// Returns where the frame of a checkpoint ends.
fn end_of_checkpoint(journal: &dyn ReadAt, step: u64) -> Result<u64, Failure> {
    let mut reader = FrameReader::open(journal).map_err(Failure::inconclusive)?;
    while let Some(frame) = reader.next_frame().map_err(Failure::inconclusive)? {
        if matches!(frame.event, Event::Checkpoint { step: found, .. } if found == step) {
            return Ok(reader.whole_bytes());
        }
    }
    Err(Failure::inconclusive(format!("no checkpoint opens step {step}")))
}

fn in_pieces(
    source: &dyn ReadAt,
    end: u64,
    mut take: impl FnMut(&[u8]) -> io::Result<()>,
) -> io::Result<()> {
    let mut piece = Vec::new();
    let mut offset = 0;
    while offset < end {
        piece.resize((end - offset).min(PIECE_BYTES) as usize, 0);
        source.read_exact_at(offset, &mut piece).map_err(io::Error::other)?;
        offset += piece.len() as u64;
        take(&piece)?;
    }
    Ok(())
}
