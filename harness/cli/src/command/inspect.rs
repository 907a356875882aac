//! `reenact inspect`: what a recording holds, without replay.

use std::ops::Range;
use std::path::PathBuf;

use clap::Args;
use comfy_table::{Table, presets};
use reenact_audit::{Failure, examined, speaks_against};
use reenact_core::digest::Digest;
use reenact_core::format::{
    Checkpoint, Environment, History, KernelSelection, Object, ReadRun, SO_FAR_BYTES_MAX, SoFar,
    tf32_kernels,
};
use reenact_core::sanitize::{count, plain};
use reenact_core::spec::{SPEC_BYTES_MAX, Spec};
use reenact_core::verify::{
    Audited, FigureCurve, FigurePoint, Finding, Vouched, Weight, examine_far,
};
use reenact_store::open_run;
use serde::Serialize;

use crate::exit;
use crate::options::Trust;
use crate::terminal::Watch;
use crate::terminal::output::{BAD, BOLD, DIM, GOOD, UNSURE, json, line, lines, styled, table};

/// Hex digits shown of a root; `--json` has all.
const ROOT_DIGITS: usize = 16;
/// Columns of the loss curve.
const CURVE_WIDTH: u64 = 60;

/// Show what a recording holds and whether it is whole; replays nothing
#[derive(Args)]
#[command(before_help = "Examples:\n  reenact inspect runs/cnn\n  reenact inspect runs/cnn --json")]
pub(crate) struct Arguments {
    /// Folder of the recording
    run: PathBuf,
    #[command(flatten)]
    trust: Trust,
    /// Print it as JSON
    #[arg(long)]
    json: bool,
}

/// Says what a recording holds.
#[derive(Serialize)]
struct Inspection {
    run: String,
    findings: Vec<Finding>,
    vouched: Vouched,
    spec: Option<Spec>,
    audited: Option<Audited>,
    steps: u64,
    finished: bool,
    /// Whether that is before the declared length, by the trainer's word.
    ended_early: bool,
    /// The step that a run that still trains is committed to.
    so_far: Option<u64>,
    resumed: Vec<u64>,
    interrupted: Vec<u64>,
    frames: u64,
    head: Option<String>,
    checkpoints: Vec<Boundary>,
    selections: Vec<Selection>,
    /// Kernels that multiply in TF32, though the numbers are of `f32`.
    tf32: Vec<String>,
    environments: Vec<Training>,
    /// Step and loss, thinned out for a curve.
    losses: Vec<(u64, f32)>,
    /// What was measured on held-out samples, after which steps; thinned out where it is much.
    figures: Vec<FigureCurve>,
}

/// Shows a machine that trained, and which steps of the run are its own: none, where a
/// later one took them anew.
#[derive(Serialize)]
struct Training {
    step_start: u64,
    step_end: u64,
    environment: Environment,
}

#[derive(Serialize)]
struct Boundary {
    step: u64,
    root: String,
    tensors: Option<u64>,
    bytes: Option<u64>,
}

/// Shows a kernel selection, with its key in hex.
#[derive(Serialize)]
struct Selection {
    table: String,
    key: String,
    choice: u32,
    candidates: u32,
    kernel: String,
}

impl From<&KernelSelection> for Selection {
    fn from(found: &KernelSelection) -> Self {
        let KernelSelection { table, key, choice, candidates, kernel } = found;
        let key = key.iter().map(|byte| format!("{byte:02x}")).collect();
        let (choice, candidates) = (*choice, *candidates);
        Self { table: table.clone(), key, choice, candidates, kernel: kernel.clone() }
    }
}

pub(crate) fn run(arguments: &Arguments) -> Result<u8, Failure> {
    let signers = arguments.trust.read()?;
    let store = open_run(&arguments.run)?;
    let store = store.as_ref();
    let watch = Watch::new();
    let mut examination = examined(store, false, signers.as_ref(), &watch);
    if let Some(recording) = &examination.recording {
        // Whoever inspects a recording wants to know of all of it, wherever it lies.
        let all: Vec<_> =
            (0..recording.segment_count()).map(|index| recording.segment(index)).collect();
        examination.findings.extend(examine_far(recording, &all, &mut |_, _| ()));
    }
    let audited = examination.recording.as_ref().map(Audited::of);
    let mut inspection = inspect(store, examination.findings, examination.vouched);
    inspection.audited = audited;
    if arguments.json {
        json(&inspection);
    } else {
        show(&inspection);
    }
    let findings = &inspection.findings;
    Ok(if findings.iter().any(speaks_against) {
        exit::DIVERGENT
    } else if findings.iter().any(|finding| finding.weight == Weight::Inconclusive) {
        exit::INCONCLUSIVE
    } else {
        exit::MATCH
    })
}

/// Reads what can be read, also of a recording that is unfinished or broken.
fn inspect(store: &dyn ReadRun, findings: Vec<Finding>, vouched: Vouched) -> Inspection {
    let history = store.open(Object::Journal).ok().and_then(|source| History::read(source).ok());
    let text = store.read(Object::Spec, SPEC_BYTES_MAX as u64).unwrap_or_default();
    let spec = std::str::from_utf8(&text).ok().and_then(|text| Spec::parse(text).ok());
    let mut inspection = Inspection {
        run: store.place(),
        findings,
        vouched,
        spec,
        audited: None,
        steps: 0,
        finished: false,
        ended_early: false,
        so_far: None,
        resumed: Vec::new(),
        interrupted: Vec::new(),
        frames: 0,
        head: None,
        checkpoints: Vec::new(),
        selections: Vec::new(),
        tf32: Vec::new(),
        environments: Vec::new(),
        losses: Vec::new(),
        figures: Vec::new(),
    };
    if let Some(history) = history {
        fill(&mut inspection, &history, store);
    }
    inspection
}

fn fill(inspection: &mut Inspection, history: &History, store: &dyn ReadRun) {
    inspection.steps = history.step_count();
    inspection.finished = history.finished;
    inspection.ended_early = history.ended_early;
    inspection.so_far = so_far(store);
    inspection.resumed = history.resumed().collect();
    inspection.interrupted = history.interrupted.clone();
    inspection.frames = history.frames;
    inspection.head = Some(history.head.to_string());
    let trainings = history.trainings().into_iter();
    inspection.environments = trainings
        .map(|(Range { start, end }, environment)| {
            let environment = environment.clone();
            Training { step_start: start, step_end: end, environment }
        })
        .collect();
    inspection.losses = losses(history);
    inspection.figures = FigureCurve::of_history(history);
    inspection.selections = history.selections.iter().map(Selection::from).collect();
    inspection.tf32 = tf32_kernels(history.selections.iter());
    let boundary = |(&step, &root): (&u64, &reenact_core::state::StateRoot)| {
        let opened =
            store.open(Object::Checkpoint(root)).ok().and_then(|s| Checkpoint::open(s).ok());
        Boundary {
            step,
            root: root.to_string(),
            tensors: opened.as_ref().map(|found| found.layout().tensors().len() as u64),
            bytes: opened.as_ref().map(Checkpoint::byte_len),
        }
    };
    inspection.checkpoints = history.checkpoints.iter().map(boundary).collect();
}

/// Returns the step that a run that still trains is committed to.
fn so_far(store: &dyn ReadRun) -> Option<u64> {
    let file = store.read(Object::SoFar, SO_FAR_BYTES_MAX).ok()?;
    SoFar::parse(SoFar::parts(&file).0).ok().map(|so_far| so_far.step)
}

fn losses(history: &History) -> Vec<(u64, f32)> {
    let steps = history.step_count();
    let columns = steps.min(CURVE_WIDTH);
    let at = |column: u64| {
        let step = column * steps / columns;
        let trace = history.step(step).ok().flatten()?;
        Some((step, trace.loss()))
    };
    (0..columns).filter_map(at).collect()
}

fn show(inspection: &Inspection) {
    let name = inspection.spec.as_ref().map_or("(no readable spec)", |spec| spec.name.as_str());
    line(format_args!("{}  {}", styled(BOLD, name), inspection.run));
    if let Some(spec) = &inspection.spec {
        lines(styled(DIM, indent(&spec.canonical())));
    }
    match &inspection.head {
        Some(_) => line(format_args!("  steps         {}{}", inspection.steps, state(inspection))),
        None => line("  steps         unknown: the journal cannot be read"),
    }
    line(format_args!("  signature     {}", inspection.vouched));
    if let Some(Audited { spec, commitment, state, model }) = &inspection.audited {
        line(format_args!("  spec          {spec}"));
        line(format_args!("  commitment    {commitment}"));
        let root = |root: Option<Digest>| root.map_or_else(|| "?".into(), |root| root.to_string());
        line(format_args!("  final state   {}", root(state.map(|root| root.0))));
        line(format_args!("  final model   {}", root(model.map(|root| root.0))));
    }
    if let Some(chosen @ 1..) = Some(inspection.selections.len()) {
        let selections = count(chosen as u64, "selection");
        line(format_args!("  kernels       {selections} recorded; --json lists all"));
        if !inspection.tf32.is_empty() {
            let names = inspection.tf32.join(", ");
            line(format_args!("  in TF32       {names}: ten bits of mantissa, not 23"));
        }
    }
    if let Some(curve) = curve(&inspection.losses) {
        line(format_args!("  loss          {curve}"));
    }
    for FigureCurve { name, points } in &inspection.figures {
        let points = thinned(points).map(|point| (point.step, value(point)));
        if let Some(curve) = curve(&points.collect::<Vec<_>>()) {
            line(format_args!("  {name:<13} {curve}"));
        }
    }
    show_trainers(inspection);
    table(checkpoint_table(&inspection.checkpoints), &[2, 1]);
    show_findings(&inspection.findings, &inspection.run);
}

/// Shows every machine that trained: the first whole, of the others what differs.
fn show_trainers(inspection: &Inspection) {
    let mut before: Option<&Environment> = None;
    for Training { step_start, step_end, environment } in &inspection.environments {
        let idle = if step_start == step_end { " (trained no step)" } else { "" };
        let (reenact, system) = (plain(&environment.reenact), plain(&environment.system));
        match before {
            None => line(format_args!("  trained by    reenact {reenact}, {system}")),
            Some(_) => {
                line(format_args!("  from step {step_start}{idle}: reenact {reenact}, {system}"));
            }
        }
        let facts = match before {
            None => {
                let class = environment.engine.class.iter();
                class.map(|(name, value)| format!("{}: {}", plain(name), plain(value))).collect()
            }
            Some(before) => {
                let mut found = before.class_differences(environment);
                found.extend(before.build_differences(environment));
                if found.is_empty() { vec!["the same class and build".into()] } else { found }
            }
        };
        for fact in facts {
            line(format_args!("                {fact}"));
        }
        before = Some(environment);
    }
}

fn indent(text: &str) -> String {
    text.lines().map(|line| format!("    {line}")).collect::<Vec<_>>().join("\n")
}

fn state(inspection: &Inspection) -> String {
    let list = |steps: &[u64]| steps.iter().map(u64::to_string).collect::<Vec<_>>().join(", ");
    let mut state = match inspection {
        Inspection { ended_early: true, .. } => {
            let declared = inspection.spec.as_ref().map_or(0, |spec| spec.steps);
            format!(", ended early by its trainer's word ({declared} were declared)")
        }
        Inspection { finished: true, .. } => ", finished".to_owned(),
        _ => ", unfinished".to_owned(),
    };
    if let Some(step) = inspection.so_far.filter(|_| !inspection.finished) {
        state += &format!(", committed to up to step {step}");
    }
    if !inspection.interrupted.is_empty() {
        state += &format!(", interrupted before step {}", list(&inspection.interrupted));
    }
    if !inspection.resumed.is_empty() {
        state += &format!(", resumed at step {}", list(&inspection.resumed));
    }
    state
}

/// Returns as many points as a line has columns.
fn thinned(points: &[FigurePoint]) -> impl Iterator<Item = &FigurePoint> {
    let (count, columns) = (points.len() as u64, (points.len() as u64).min(CURVE_WIDTH));
    let place = move |column: u64| column * (count - 1) / (columns - 1).max(1);
    (0..columns).map(move |column| &points[place(column) as usize])
}

fn value(point: &FigurePoint) -> f32 {
    point.value.map_or(f32::NAN, |value| value as f32)
}

/// Draws numbers as a line of bars.
fn curve(losses: &[(u64, f32)]) -> Option<String> {
    let finite = || losses.iter().map(|(_, loss)| *loss).filter(|loss| loss.is_finite());
    let (low, high) = (finite().reduce(f32::min)?, finite().reduce(f32::max)?);
    let bars = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    let draw = |loss: f32| match (loss.is_finite(), high > low) {
        (false, _) => '!',
        (true, false) => bars[0],
        (true, true) => bars[((loss - low) / (high - low) * 7.0).round() as usize],
    };
    let line: String = losses.iter().map(|(_, loss)| draw(*loss)).collect();
    let (first, last) = (losses.first()?.1, losses.last()?.1);
    Some(format!("{first:.4} {line} {last:.4}"))
}

fn checkpoint_table(checkpoints: &[Boundary]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(["  step", "tensors", "bytes", "root"]);
    for found in checkpoints {
        let number =
            |value: Option<u64>| value.map_or_else(|| "?".into(), |value| value.to_string());
        let step = format!("  {}", found.step);
        table.add_row([
            step,
            number(found.tensors),
            number(found.bytes),
            found.root[..found.root.len().min(ROOT_DIGITS)].to_owned(),
        ]);
    }
    table
}

fn show_findings(findings: &[Finding], run: &str) {
    if findings.is_empty() {
        line(format_args!("  {} OK, every digest agrees", styled(GOOD, "integrity:")));
    }
    for finding in findings {
        let (style, word) = match finding.weight {
            Weight::Divergent => (BAD, "divergent:"),
            Weight::Inconclusive => (UNSURE, "inconclusive:"),
            Weight::Note => (BOLD, "note:"),
        };
        line(format_args!("  {} {finding}", styled(style, word)));
        if let Some(advice) = &finding.advice {
            line(format_args!("  next: {}", reenact_page::words(advice, run)));
        }
    }
}
