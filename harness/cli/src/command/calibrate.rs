//! `reenact calibrate`: measure how far honest replays on one class of device end
//! from recordings of another.

use std::path::{Path, PathBuf};

use clap::Args;
use reenact_audit::{Device, Failure, deviations, engine, environment_of, examined, open_data};
use reenact_core::digest::{Digest, Hasher};
use reenact_core::format::{Calibration, Environment};
use reenact_core::record::Recorder;
use reenact_core::spec::Spec;
use reenact_core::verify::{
    Distribution, DistributionError, HonestRun, Recording, SegmentOutcome, SegmentReport, Weight,
};
use reenact_store::Directory;
use serde::Serialize;

use crate::app::App;
use crate::options::{DeviceOptions, Workers, check_free, store};
use crate::recording::{RECORDING_THREADS, train};
use crate::terminal::Watch;
use crate::terminal::output::{self, BOLD, styled};
use crate::terminal::report::tolerance::percent;
use crate::{exit, inputs, key_file};
use reenact_core::sanitize::count;

const EXAMPLES: &str = "\
Examples:
  reenact calibrate digits-mlp --recorded-on cpu --device cuda:0 --out cpu-cuda.toml
                                     record 20 honest runs here, replay them there
  reenact calibrate runs/a runs/b runs/c --device cuda:0 --out cpu-cuda.toml
                                     replay recordings of a machine whose training you trust
  reenact calibrate digits-mlp --recorded-on cpu --device cuda:0 --key lab.key --out signed.toml
  reenact audit runs/mlp --device cuda:0 --calibration cpu-cuda.toml";

/// Measure how far honest replays end from recordings of another class of device,
/// and set the tolerance of audits across the two
#[derive(Args)]
#[command(before_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// Recordings whose training is trusted, or a spec to record here: a TOML
    /// file, or the name of one that comes with reenact
    #[arg(required = true, value_name = "SPEC|RUN")]
    inputs: Vec<String>,
    /// File for the calibration; its signature goes to FILE.sig
    #[arg(long, short, value_name = "FILE")]
    out: PathBuf,
    /// Device to record a spec on
    #[arg(long, value_name = "NAME")]
    recorded_on: Option<String>,
    /// Runs to record of a spec, each with a root seed of its own
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u64).range(2..=10_000))]
    runs: u64,
    /// Allow this many times what the honest replays needed
    #[arg(long, value_name = "X", default_value_t = 2.0, value_parser = margin)]
    margin: f64,
    /// Sign the calibration with the ed25519 key in FILE
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,
    #[command(flatten)]
    device: DeviceOptions,
    #[command(flatten)]
    workers: Workers,
    /// Print the result as JSON
    #[arg(long)]
    json: bool,
}

fn margin(text: &str) -> Result<f64, String> {
    let value: f64 = text.parse().map_err(|_| "a number is expected".to_owned())?;
    let fits = (1.0..=1e6).contains(&value);
    fits.then_some(value).ok_or_else(|| "it has to lie in 1 to 1000000".to_owned())
}

/// Says what was measured.
#[derive(Serialize)]
struct Measured {
    file: String,
    digest: Digest,
    signed_by: Option<String>,
    calibration: Calibration,
}

pub(crate) fn run(app: &App, arguments: &Arguments) -> Result<u8, Failure> {
    check_free(&arguments.out)?;
    let key = arguments.key.as_deref().map(key_file::read).transpose()?;
    let mut gathered = Gathered::default();
    for input in &arguments.inputs {
        if Path::new(input).is_dir() {
            gathered.take(app, arguments, Path::new(input))?;
        } else {
            record_and_take(app, arguments, input, &mut gathered)?;
        }
    }
    let Gathered { pair, runs } = gathered;
    let Some((spec, recorded, replayed)) = pair else {
        return Err(Failure::usage("there is nothing to calibrate on"));
    };
    let distribution = Distribution::new(runs).map_err(refused)?;
    let calibration = distribution.calibrate(&spec, &recorded, &replayed, arguments.margin);
    let calibration = calibration.map_err(refused)?;
    let measured = Measured {
        file: arguments.out.display().to_string(),
        digest: store(&arguments.out, &calibration, key.as_ref())?,
        signed_by: key.map(|key| key.public().fingerprint()),
        calibration,
    };
    if arguments.json {
        output::json(&measured);
    } else {
        describe(&measured);
    }
    Ok(exit::MATCH)
}

fn refused(error: DistributionError) -> Failure {
    match error {
        DistributionError::Runs(_) => Failure::usage(error)
            .hint("give more recordings, or a spec with --recorded-on and --runs"),
        error => Failure::inconclusive(error),
    }
}

/// Holds honest runs of one kind, between two classes.
#[derive(Default)]
struct Gathered {
    pair: Option<(Spec, Environment, Environment)>,
    runs: Vec<HonestRun>,
}

/// Records a spec with several root seeds, each in a folder that goes again.
fn record_and_take(
    app: &App,
    arguments: &Arguments,
    input: &str,
    gathered: &mut Gathered,
) -> Result<(), Failure> {
    let spec = inputs::spec(app, input)?;
    let Some(recorded_on) = &arguments.recorded_on else {
        return Err(Failure::usage(format!("{input} is a spec, not a recording"))
            .hint("say with --recorded-on on which device to record it"));
    };
    let device = Device { device: Some(recorded_on.clone()), ..arguments.device.device() };
    let spec = device.declare(spec);
    let mut setting = device.setting(&spec, RECORDING_THREADS);
    let program = app.known().find(&spec.program.name)?;
    let engine = engine(program, &spec, &setting)?;
    let here = arguments.device.device().setting(&spec, 1);
    check_other(&engine.class, &program.platform().engine(&here)?.class)?;
    let environment = environment_of(engine)?;
    let data = open_data(program, &spec, &mut setting)?;
    for index in 0..arguments.runs {
        let folder = tempfile::tempdir()
            .map_err(|error| Failure::inconclusive(format!("no temporary folder: {error}")))?;
        let path = folder.path().join("run");
        let spec = Spec { root_seed: root_seed(&spec, index), ..spec.clone() };
        let mut store = Directory::create(&path)?;
        let trainer = program.start(&spec, data.clone(), &setting)?;
        let recorder = Recorder::start(&mut store, spec.clone(), trainer, environment.clone())?;
        if train(recorder, &spec, true)?.is_none() {
            return Err(Failure::inconclusive("stopped; nothing was calibrated"));
        }
        gathered.take(app, arguments, &path)?;
    }
    Ok(())
}

/// Derives the root seed of a run; none is that of the spec, which may be audited.
fn root_seed(spec: &Spec, index: u64) -> u64 {
    let mut hasher = Hasher::new("reenact v1 calibration seed");
    let digest = hasher.u64(spec.root_seed).u64(index).finish();
    let (head, _) = digest.0.split_first_chunk().expect("a digest has 32 bytes");
    // TOML's integers are signed.
    u64::from_le_bytes(*head) >> 1
}

type Class = std::collections::BTreeMap<String, String>;

fn check_other(recorded: &Class, replayed: &Class) -> Result<(), Failure> {
    if recorded != replayed {
        return Ok(());
    }
    Err(Failure::usage("recording and replay are of the same class of device").hint(
        "within one class a replay has to agree bit for bit, so there is nothing to calibrate: \
         audit without --calibration, or give another --device",
    ))
}

impl Gathered {
    /// Replays everything of a recording, which has to be in order.
    fn take(&mut self, app: &App, arguments: &Arguments, run: &Path) -> Result<(), Failure> {
        let place = run.display();
        let store = Directory::open(run)?;
        let watch = Watch::new();
        let examination = examined(&store, false, None, &watch);
        let mut objections = examination.findings.iter();
        let objection = objections.find(|finding| finding.weight != Weight::Note);
        let recording = match (objection, &examination.recording) {
            (None, Some(recording)) => recording,
            (found, _) => {
                let why = found.map_or("it cannot be read".into(), ToString::to_string);
                let message = format!("{place} is no honest recording: {why}");
                return Err(Failure::inconclusive(message));
            }
        };
        let program = app.known().find(&recording.spec.program.name)?;
        let setting = arguments.device.device().setting(&recording.spec, 1);
        let here = environment_of(program.platform().engine(&setting)?)?;
        self.check_kind(recording, &here, run)?;
        let device = arguments.device.device();
        let processes = arguments.workers.processes();
        let segments = deviations(recording, run, &device, &processes, &watch)?;
        self.runs.push(honest(recording, segments, run)?);
        Ok(())
    }

    /// All runs are of one kind, and of one class that is not this one.
    fn check_kind(
        &mut self,
        recording: &Recording<'_>,
        here: &Environment,
        run: &Path,
    ) -> Result<(), Failure> {
        let place = run.display();
        let environments = &recording.history.environments;
        let Some((_, first)) = environments.first() else {
            return Err(Failure::inconclusive(format!("{place} names no environment")));
        };
        check_other(&first.engine.class, &here.engine.class)?;
        let (spec, known, _) =
            self.pair.get_or_insert_with(|| (recording.spec.clone(), first.clone(), here.clone()));
        if !environments.iter().all(|(_, found)| found.same_class(known)) {
            let message = format!("{place} was trained on another class of device than the first");
            return Err(Failure::usage(message));
        }
        if Calibration::subject(spec) != Calibration::subject(&recording.spec) {
            let message = format!("{place} is a run of another spec than the first");
            return Err(
                Failure::usage(message).hint("only name, root seed and sampling policy may differ")
            );
        }
        let twice = self.runs.iter().any(|known| known.commitment == recording.commitment);
        if twice {
            return Err(Failure::usage(format!("{place} was given already; it counts once")));
        }
        Ok(())
    }
}

/// Takes the deviations out of the replays of an honest run.
fn honest(
    recording: &Recording<'_>,
    reports: Vec<SegmentReport>,
    run: &Path,
) -> Result<HonestRun, Failure> {
    let place = run.display();
    let (mut segments, mut initial_state_agrees) = (Vec::new(), true);
    for SegmentReport { segment, outcome, .. } in reports {
        let index = segment.index;
        let refuse =
            |why: String| Err(Failure::inconclusive(format!("{place}: segment {index}: {why}")));
        let replay = match outcome {
            SegmentOutcome::Replayed { replay } => replay,
            SegmentOutcome::Unstable { first, second } => {
                return refuse(first.explain_instability(&second).into());
            }
            SegmentOutcome::Refused { problem }
            | SegmentOutcome::Failed { problem }
            | SegmentOutcome::Changed { problem } => {
                return refuse(problem);
            }
        };
        if let Some(found) = replay.divergence {
            return refuse(format!("what has to be equal is not: {}", found.explain()));
        }
        initial_state_agrees &= replay.begins_as_declared();
        segments.extend(replay.deviation);
    }
    Ok(HonestRun { commitment: recording.commitment, initial_state_agrees, segments })
}

/// Tensors shown; `--json` and the file list all.
const TENSORS_MAX: usize = 12;

fn describe(measured: &Measured) {
    let Measured { file, calibration, .. } = measured;
    let (segments, runs) = (calibration.segments, calibration.runs.len());
    output::line(format_args!(
        "Calibrated {}: {} of {}",
        styled(BOLD, &calibration.program),
        count(segments, "honest replay"),
        count(runs as u64, "run")
    ));
    let alarms = &calibration.false_alarms;
    output::line(format_args!(
        "  allowed: {} x what they needed; at 1 x an honest segment is accused with a chance of at \
         most",
        calibration.margin
    ));
    output::line(format_args!(
        "  {}, and an honest audit for its drift with {}",
        percent(alarms.segment),
        percent(alarms.drift)
    ));
    let shown = &calibration.tensor[..calibration.tensor.len().min(TENSORS_MAX)];
    let width = shown.iter().map(|tensor| tensor.name.len()).max().unwrap_or_default();
    for tensor in shown {
        let [_, median, _, _, most] = tensor.relative_l2_quantiles;
        output::line(format_args!(
            "  {:<width$}  deviates by {median:.1e} of the update, at most {most:.1e}; allowed \
             {:.1e} and {:.1} ulp",
            tensor.name, tensor.relative_l2_max, tensor.ulp_max
        ));
    }
    if let Some(more @ 1..) = calibration.tensor.len().checked_sub(TENSORS_MAX) {
        output::line(format_args!(
            "  and {}; the file lists all",
            count(more as u64, "more tensor")
        ));
    }
    if !calibration.initial_state_agrees {
        output::line("  the two classes derive other initial states: audits will not compare them");
    }
    output::line(format_args!("  in {file}"));
    match &measured.signed_by {
        Some(key) => output::line(format_args!("  signed with the key {key}")),
        None => output::line("  not signed: --key signs it"),
    }
}
