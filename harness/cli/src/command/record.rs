//! `reenact record`: train and record.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;
use reenact_core::attack::{InRunAttack, start};
use reenact_core::data::DataSet;
use reenact_core::format::{Commitment, Object, ReadRun, SecretKey};
use reenact_core::record::{RecordError, Recorder, recorded_selections, sign};
use reenact_core::spec::{SPEC_BYTES_MAX, Spec};
use reenact_core::trainer::{Metric, Program, Setting};
use reenact_store::Directory;
use serde::Serialize;

use super::load::{self, Device};
use super::rehearsal::Rehearsed;
use crate::app::App;
use crate::failure::Failure;
use crate::output::{self, BOLD, DIM, styled};
use crate::signal::Stop;
use crate::{environment, exit, key_file, progress};

const EXAMPLES: &str = "\
Examples:
  reenact record replay-specs/digits-cnn.toml --out runs/cnn
  reenact record digits-mlp --out runs/mlp       a spec that comes with reenact
  reenact record --resume --out runs/cnn         go on after an interruption
  reenact record digits-mlp --out runs/mlp --key trainer.key    and sign it";

/// Train as a spec says, and record the training
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// Spec to train: a TOML file, or the name of one that comes with reenact
    #[arg(required_unless_present = "resume")]
    spec: Option<String>,
    /// Folder for the recording
    #[arg(long, short, value_name = "DIR")]
    out: PathBuf,
    /// Go on with the recording in DIR from its last checkpoint
    #[arg(long)]
    resume: bool,
    /// Sign the finished recording with the ed25519 key in FILE, as made by
    /// `reenact keygen`; with --resume, also one that is complete
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,
    #[command(flatten)]
    device: Device,
    /// Threads that the program may use; an audit gives it one, so a program whose
    /// bits depend on their number is refused. burn on the processor always computes
    /// with one [default: 1]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    threads: Option<u16>,
    /// Do not take the first steps several times beforehand, to see whether they repeat
    #[arg(long)]
    no_rehearsal: bool,
    /// Plant an attack into the training and record it as honest, to try an
    /// audit: ID[@STEP[..STEP]][*STRENGTH]
    #[arg(long, value_name = "ATTACK", hide_short_help = true)]
    attack: Option<InRunAttack>,
    /// Print the result as JSON
    #[arg(long)]
    json: bool,
}

/// Says what was recorded.
#[derive(Serialize)]
struct Recorded {
    run: String,
    name: String,
    steps: u64,
    segments: u64,
    resumed_step: Option<u64>,
    rehearsal: Option<Rehearsed>,
    frames: u64,
    head: String,
    commitment: String,
    signed_by: Option<String>,
    metrics: Vec<Metric>,
}

pub(crate) fn run(app: &App, arguments: &Arguments) -> Result<u8, Failure> {
    let key = arguments.key.as_deref().map(key_file::read).transpose()?;
    let spec = arguments.device.declare(read_spec(app, arguments)?);
    let threads = arguments.threads.map_or(load::RECORDING_THREADS, usize::from);
    let mut setting = arguments.device.setting(&spec, threads, arguments.attack.clone());
    // Opened first, so that nobody else records into it meanwhile.
    let begun = arguments.resume.then(|| Directory::resume(&arguments.out)).transpose()?;
    if let Some(store) = &begun {
        setting.selections = Arc::new(recorded_selections(store)?);
    }
    let program = app.find(&spec.program.name)?;
    let environment = environment::describe(load::engine(program, &spec, &setting)?)?;
    let data = load::data(program, &spec, &setting)?;
    let rehearsal = rehearsed(program, &spec, &data, &setting, arguments)?;
    if let Some(rehearsal) = &rehearsal {
        setting.selections = Arc::new(rehearsal.selections.clone());
    }
    let trainer = start(program, &spec, data, &setting)?;
    let (mut store, recorder);
    if let Some(begun) = begun {
        store = begun;
        let resumed = Recorder::resume(&mut store, spec.clone(), trainer, environment);
        if matches!(resumed, Err(RecordError::Complete)) {
            drop(resumed);
            return complete(arguments, &mut store, key.as_ref());
        }
        recorder = resumed?;
    } else {
        store = Directory::create(&arguments.out)?;
        recorder = Recorder::start(&mut store, spec.clone(), trainer, environment)?;
    }
    let first_step = recorder.next_step();
    match train(recorder, &spec, arguments.json)? {
        Some((commitment, metrics)) => {
            let signature = key.map(|key| sign(&mut store, &key)).transpose()?;
            let recorded = Recorded {
                resumed_step: arguments.resume.then_some(first_step),
                rehearsal,
                signed_by: signature.map(|signature| signature.key().fingerprint()),
                ..Recorded::new(&arguments.out, &spec, &commitment, metrics)
            };
            recorded.show(arguments.json);
            Ok(exit::MATCH)
        }
        None => Err(Failure::inconclusive("stopped before the end of the run").hint(format!(
            "nothing is lost; go on with `record --resume --out {}`",
            arguments.out.display()
        ))),
    }
}

/// Rehearses what is about to be recorded; not what was begun before, unless with
/// more threads than an audit has.
fn rehearsed(
    program: &dyn Program,
    spec: &Spec,
    data: &Arc<dyn DataSet>,
    setting: &Setting,
    arguments: &Arguments,
) -> Result<Option<Rehearsed>, Failure> {
    let alone = setting.threads == load::RECORDING_THREADS;
    if (arguments.resume || arguments.no_rehearsal) && alone {
        return Ok(None);
    }
    if !arguments.resume {
        Directory::check_vacant(&arguments.out)?;
    }
    let found = Rehearsed::of(program, spec, data, setting, arguments.json)?;
    found.object(spec, setting)?;
    Ok(Some(found))
}

fn read_spec(app: &App, arguments: &Arguments) -> Result<Spec, Failure> {
    if let Some(name) = &arguments.spec {
        return load::spec(app, name);
    }
    let text = Directory::open(&arguments.out)?.read(Object::Spec, SPEC_BYTES_MAX as u64)?;
    let place = arguments.out.join("spec.toml");
    Spec::parse(&String::from_utf8_lossy(&text))
        .map_err(|error| Failure::from(error).context(place.display()))
}

/// Trains to the end; none if it was asked to stop before.
pub(super) fn train(
    mut recorder: Recorder<'_>,
    spec: &Spec,
    quiet: bool,
) -> Result<Option<(Commitment, Vec<Metric>)>, Failure> {
    let stop = Stop::listen()?;
    let bar = progress::bar("recording", "steps", spec.steps, quiet);
    bar.set_position(recorder.next_step());
    bar.reset_eta();
    while !recorder.is_done() {
        if stop.requested() {
            bar.abandon();
            recorder.interrupt()?;
            return Ok(None);
        }
        let trace = recorder.advance()?;
        bar.inc(1);
        if trace.step.is_multiple_of(16) {
            bar.set_message(format!("loss {:.4}", trace.loss()));
        }
    }
    bar.finish_and_clear();
    Ok(Some(recorder.finish()?))
}

/// A complete recording can still be signed.
fn complete(
    arguments: &Arguments,
    store: &mut Directory,
    key: Option<&SecretKey>,
) -> Result<u8, Failure> {
    let place = arguments.out.display();
    output::note(format_args!("{place} is complete; there is nothing to resume"));
    if let Some(key) = key {
        let signer = sign(store, key)?.key().fingerprint();
        output::note(format_args!("it is signed with the key {signer}"));
    }
    Ok(exit::MATCH)
}

impl Recorded {
    fn new(out: &Path, spec: &Spec, commitment: &Commitment, metrics: Vec<Metric>) -> Self {
        Self {
            run: out.display().to_string(),
            name: spec.name.clone(),
            steps: spec.steps,
            segments: commitment.checkpoints.len() as u64 - 1,
            resumed_step: None,
            rehearsal: None,
            frames: commitment.frames,
            head: commitment.head.to_string(),
            commitment: Commitment::digest_of_text(commitment.encode().as_bytes()).to_string(),
            signed_by: None,
            metrics,
        }
    }

    fn show(&self, as_json: bool) {
        if as_json {
            return output::json(self);
        }
        let Self { name, steps, segments, commitment, .. } = self;
        let name = styled(BOLD, name);
        output::line(format_args!("Recorded {name}: {steps} steps in {segments} segments"));
        if let Some(step) = self.resumed_step {
            output::line(format_args!("  resumed at step {step}"));
        }
        for metric in &self.metrics {
            output::line(format_args!("  {:<24} {:.4}", metric.name, metric.value));
        }
        output::line(format_args!("  {:<24} {}", "in", self.run));
        output::line(format_args!("  {:<24} {}", "commitment", styled(DIM, commitment)));
        if let Some(key) = &self.signed_by {
            output::line(format_args!("  {:<24} {}", "signed with the key", styled(DIM, key)));
        }
    }
}
