//! `reenact record`: train and record.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use reenact_audit::{Failure, engine, environment_of, open_data};
use reenact_core::attack::{InRunAttack, start};
use reenact_core::data::DataSet;
use reenact_core::format::{Environment, Object, ReadRun, SecretKey};
use reenact_core::record::{
    Forecast, RecordError, Recorder, Stopped, end_early, recorded_selections, sign,
};
use reenact_core::spec::{SPEC_BYTES_MAX, Spec};
use reenact_core::trainer::{Program, Setting, Trainer};
use reenact_store::Directory;

use crate::app::App;
use crate::options::DeviceOptions;
use crate::recording::{
    Pushing, RECORDING_THREADS, Recorded, Rehearsed, Space, Trained, Watchdog, say_symptom,
    train_or_stop,
};
use crate::terminal::output::{self, BAD, UNSURE, note, remark, styled};
use crate::{exit, inputs, key_file};

const EXAMPLES: &str = "\
Examples:
  reenact record replay-specs/digits-cnn.toml --out runs/cnn
  reenact record digits-mlp --out runs/mlp       a spec that comes with reenact
  reenact record --resume --out runs/cnn         go on after an interruption
  reenact record digits-mlp --out runs/mlp --key trainer.key
                                                 and sign it
  reenact record --finish --out runs/cnn         end it early, at its last checkpoint
  reenact record digits-cnn --out runs/cnn --push s3://runs/cnn
                                                 and bring it to a bucket";

/// Train from a spec, and record the training
#[derive(Args)]
#[command(before_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// Spec to train: a TOML file, or the name of one that comes with reenact
    #[arg(required_unless_present_any = ["resume", "finish"])]
    spec: Option<String>,
    /// Folder for the recording
    #[arg(long, short, value_name = "DIR")]
    out: PathBuf,
    /// Go on with the recording in DIR, after a stop or a kill
    #[arg(long)]
    resume: bool,
    /// End the recording in DIR for good, at its last checkpoint
    #[arg(long, conflicts_with_all = ["spec", "resume"])]
    finish: bool,
    /// Sign each checkpoint and the end, with a key of `reenact keygen`
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,
    #[command(flatten)]
    device: DeviceOptions,
    /// Threads of a program whose bits do not depend on them [default: 1]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    threads: Option<u16>,
    /// Skip the rehearsal, which looks whether the first steps repeat
    #[arg(long)]
    no_rehearsal: bool,
    /// Record although the disk has too little room for the whole run
    #[arg(long)]
    ignore_space: bool,
    /// Stop when a device other than the processor is silent so long
    #[arg(long, value_name = "SECONDS", default_value_t = 1800, value_parser = clap::value_parser!(u64).range(1..))]
    stall_seconds: u64,
    /// Bring it to s3://BUCKET/PREFIX, or a folder, behind the training
    #[arg(long, value_name = "PLACE")]
    push: Option<String>,
    /// Plant an attack, to try an audit: ID[@STEP[..STEP]][*STRENGTH]
    #[arg(long, value_name = "ATTACK")]
    attack: Option<InRunAttack>,
    /// Print the result as JSON
    #[arg(long)]
    json: bool,
}

impl Arguments {
    fn watchdog(&self, environment: &Environment) -> Watchdog {
        Watchdog::start(&environment.engine, Duration::from_secs(self.stall_seconds))
    }
}

/// Holds what a recording is made with.
struct Ready {
    spec: Spec,
    environment: Environment,
    trainer: Box<dyn Trainer>,
    rehearsal: Option<Rehearsed>,
    watchdog: Watchdog,
}

pub(crate) fn run(app: &App, arguments: &Arguments) -> Result<u8, Failure> {
    let run = &arguments.out;
    let push = arguments.push.as_deref().map(|place| Pushing::start(run, place));
    let push = push.transpose()?;
    let ended = recorded(app, arguments);
    push.into_iter().for_each(Pushing::finish);
    ended
}

fn recorded(app: &App, arguments: &Arguments) -> Result<u8, Failure> {
    let key = arguments.key.as_deref().map(key_file::read).transpose()?;
    if arguments.finish {
        return finish(arguments, key.as_ref());
    }
    let spec = arguments.device.device().declare(read_spec(app, arguments)?);
    // Opened first, so that nobody else records into it meanwhile.
    let begun = arguments.resume.then(|| Directory::resume(&arguments.out)).transpose()?;
    let ready = prepare(app, arguments, spec, begun.as_ref())?;
    match begun {
        Some(store) => go_on(arguments, store, ready, key),
        None => begin(arguments, ready, key),
    }
}

fn prepare(
    app: &App,
    arguments: &Arguments,
    spec: Spec,
    begun: Option<&Directory>,
) -> Result<Ready, Failure> {
    let threads = arguments.threads.map_or(RECORDING_THREADS, usize::from);
    let mut setting = arguments.device.device().setting(&spec, threads);
    if let Some(store) = begun {
        setting.selections = Arc::new(recorded_selections(store)?);
    }
    let program = app.known().find(&spec.program.name)?;
    let environment = environment_of(engine(program, &spec, &setting)?)?;
    let data = open_data(program, &spec, &mut setting)?;
    let rehearsal = rehearsed(program, &spec, &data, &setting, arguments)?;
    if let Some(rehearsal) = &rehearsal {
        setting.selections = Arc::new(rehearsal.selections.clone());
    }
    // The rehearsal has a watch of its own.
    let watchdog = arguments.watchdog(&environment);
    let trainer = start(program, &spec, data, &setting, arguments.attack.as_ref())?;
    if let Some(attack) = &arguments.attack {
        note(format_args!(
            "{} the attack `{attack}` is planted: this training is sabotaged, its recording \
             claims that it is honest, and an audit has to accuse it",
            styled(BAD, "warning:"),
        ));
    }
    Ok(Ready { spec, environment, trainer, rehearsal, watchdog })
}

fn begin(arguments: &Arguments, ready: Ready, key: Option<SecretKey>) -> Result<u8, Failure> {
    let Ready { spec, environment, trainer, rehearsal, watchdog } = ready;
    let rehearsed = rehearsal.as_ref().map(|rehearsal| rehearsal.forecast);
    let forecast = rehearsed.unwrap_or_else(|| Forecast::at_start(&spec, trainer.as_ref()));
    let space = Space::of(forecast, rehearsed.is_some(), &arguments.out);
    space.check(arguments.ignore_space)?;
    spec.unused_samples_note().iter().for_each(remark);
    let mut store = Directory::create(&arguments.out)?;
    let mut recorder = Recorder::start(&mut store, spec.clone(), trainer, environment)?;
    key.iter().for_each(|key| recorder.sign_so_far(key));
    let trained = train(recorder, &spec, &watchdog)?;
    let mut recorded = conclude(trained, &mut store, arguments, &spec, key.as_ref())?;
    recorded.rehearsal = rehearsal;
    recorded.space = Some(space);
    recorded.show(arguments.json);
    Ok(exit::MATCH)
}

fn go_on(
    arguments: &Arguments,
    mut store: Directory,
    ready: Ready,
    key: Option<SecretKey>,
) -> Result<u8, Failure> {
    let Ready { spec, environment, trainer, watchdog, .. } = ready;
    let resumed = Recorder::resume(&mut store, spec.clone(), trainer, environment);
    if matches!(resumed, Err(RecordError::Complete)) {
        drop(resumed);
        return complete(arguments, &mut store, key.as_ref());
    }
    let mut recorder = resumed?;
    key.iter().for_each(|key| recorder.sign_so_far(key));
    let step = recorder.next_step();
    say_resumption(&recorder);
    let space = Space::of(recorder.forecast(), true, &arguments.out);
    space.check(arguments.ignore_space)?;
    let trained = train(recorder, &spec, &watchdog)?;
    let mut recorded = conclude(trained, &mut store, arguments, &spec, key.as_ref())?;
    recorded.resumed_step = Some(step);
    recorded.space = Some(space);
    recorded.show(arguments.json);
    Ok(exit::MATCH)
}

/// Ends a recording before its declared length.
fn finish(arguments: &Arguments, key: Option<&SecretKey>) -> Result<u8, Failure> {
    let mut store = Directory::resume(&arguments.out)?;
    let spec = stored_spec(arguments)?;
    let (steps, commitment) = match end_early(&mut store, spec.steps) {
        Err(RecordError::Complete) => return complete(arguments, &mut store, key),
        ended => ended?,
    };
    let signature = key.map(|key| sign(&mut store, key)).transpose()?;
    let recorded = Recorded {
        steps,
        ended_early: steps < spec.steps,
        signed_by: signature.map(|signature| signature.key().fingerprint()),
        ..Recorded::new(&arguments.out, &spec, &commitment, Vec::new())
    };
    recorded.show(arguments.json);
    Ok(exit::MATCH)
}

/// Says where the training goes on, and why not later.
fn say_resumption(recorder: &Recorder<'_>) {
    let step = recorder.next_step();
    if let Some(found) = recorder.resumption() {
        let warning = styled(UNSURE, "warning:");
        if let Some(problem) = &found.ignored {
            note(format_args!(
                "{warning} the state that the last stop has left is not used: {problem}"
            ));
        }
        for damaged in &found.damaged {
            let (at, problem) = (damaged.step, &damaged.problem);
            note(format_args!("{warning} the checkpoint of step {at} cannot be used: {problem}"));
        }
        if found.ignored.is_some() || !found.damaged.is_empty() {
            return note(format_args!("the training goes on from the checkpoint of step {step}"));
        }
    }
    remark(format_args!("the training goes on from step {step}"));
}

fn train(recorder: Recorder<'_>, spec: &Spec, watchdog: &Watchdog) -> Result<Trained, Failure> {
    train_or_stop(recorder, spec, true, &mut say_symptom, &|| watchdog.beat())
}

/// Signs what is complete; what is not says how to go on.
fn conclude(
    trained: Trained,
    store: &mut Directory,
    arguments: &Arguments,
    spec: &Spec,
    key: Option<&SecretKey>,
) -> Result<Recorded, Failure> {
    let (commitment, metrics, symptoms) = match trained {
        Trained::Done(commitment, metrics, symptoms) => (commitment, metrics, symptoms),
        Trained::Stopped(stopped) => return Err(unfinished(&stopped, spec, &arguments.out)),
    };
    symptoms.iter().for_each(say_symptom);
    let signature = key.map(|key| sign(store, key)).transpose()?;
    Ok(Recorded {
        signed_by: signature.map(|signature| signature.key().fingerprint()),
        attack: arguments.attack.as_ref().map(ToString::to_string),
        symptoms,
        ..Recorded::new(&arguments.out, spec, &commitment, metrics)
    })
}

fn unfinished(stopped: &Stopped, spec: &Spec, out: &Path) -> Failure {
    let Stopped { step, resumes_at, problem } = stopped;
    let out = out.display();
    let from = match problem {
        None => format!("it starts from step {resumes_at}"),
        Some(problem) => format!(
            "it starts from the checkpoint of step {resumes_at}, and trains {} steps again \
             ({problem})",
            step - resumes_at
        ),
    };
    let message = format!("stopped before step {step} of {}", spec.steps);
    Failure::inconclusive(message).hint(format!(
        "go on with `record --resume --out {out}`; {from}. To end it for good at its last \
         checkpoint: `record --finish --out {out}`"
    ))
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
    let alone = setting.threads == RECORDING_THREADS;
    if (arguments.resume || arguments.no_rehearsal) && alone {
        return Ok(None);
    }
    if !arguments.resume {
        Directory::check_vacant(&arguments.out)?;
    }
    let found = Rehearsed::of(program, spec, data, setting)?;
    found.object(spec, setting)?;
    Ok(Some(found))
}

fn read_spec(app: &App, arguments: &Arguments) -> Result<Spec, Failure> {
    match &arguments.spec {
        Some(name) => inputs::spec(app, name),
        None => stored_spec(arguments),
    }
}

fn stored_spec(arguments: &Arguments) -> Result<Spec, Failure> {
    let text = Directory::open(&arguments.out)?.read(Object::Spec, SPEC_BYTES_MAX as u64)?;
    let place = arguments.out.join("spec.toml");
    Spec::parse(&String::from_utf8_lossy(&text))
        .map_err(|error| Failure::from(error).context(place.display()))
}

/// A complete recording can still be signed.
fn complete(
    arguments: &Arguments,
    store: &mut Directory,
    key: Option<&SecretKey>,
) -> Result<u8, Failure> {
    let place = arguments.out.display();
    output::note(format_args!("{place} is complete; there is nothing to add to it"));
    if let Some(key) = key {
        let signer = sign(store, key)?.key().fingerprint();
        output::note(format_args!("it is signed with the key {signer}"));
    }
    Ok(exit::MATCH)
}
