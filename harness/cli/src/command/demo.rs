//! `reenact demo`: record, audit, sabotage, audit again.

use std::fs;
use std::path::{Path, PathBuf};

use clap::Args;
use reenact_audit::{
    Failure, Processes, Request, audit, available_threads, engine, environment_of, open_data,
};
use reenact_core::attack::{InRunAttack, InRunKind, PostHocAttack, PostHocKind, plant, start};
use reenact_core::record::Recorder;
use reenact_core::spec::Spec;
use reenact_core::verify::{Report, Verdict};
use reenact_store::Directory;
use serde::Serialize;

use crate::app::App;
use crate::options::DeviceOptions;
use crate::recording::{RECORDING_THREADS, train};
use crate::terminal::output::{BOLD, DIM, json, line, styled};
use crate::terminal::{Watch, report};
use crate::{exit, inputs};

const EXAMPLES: &str = "\
Examples:
  reenact demo
  reenact demo --spec cicero-gpt --keep demo-runs";

/// Record a real run, audit it, sabotage it in two ways, and show where the
/// audit catches each
#[derive(Args)]
#[command(before_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// Spec to train: a TOML file, or the name of one that comes with reenact
    /// [default: the first that comes with it]
    #[arg(long)]
    spec: Option<String>,
    /// Keep the recordings in this folder [default: a temporary one]
    #[arg(long, value_name = "DIR")]
    keep: Option<PathBuf>,
    #[command(flatten)]
    device: DeviceOptions,
    /// Print the three reports as JSON
    #[arg(long)]
    json: bool,
}

/// Holds the three audits of the demonstration.
#[derive(Serialize)]
struct Demonstration {
    honest: Report,
    edited_copy: Report,
    sabotaged_training: Report,
}

pub(crate) fn run(app: &App, arguments: &Arguments) -> Result<u8, Failure> {
    let temporary = tempfile::tempdir().map_err(Failure::inconclusive)?;
    let folder = arguments.keep.as_deref().unwrap_or(temporary.path());
    fs::create_dir_all(folder).map_err(|error| {
        Failure::inconclusive(format!("cannot create {}: {error}", folder.display()))
    })?;
    let name = arguments.spec.as_deref().or(app.spec_names().first().copied());
    let name = name.ok_or_else(|| Failure::usage("no spec comes with this binary; give --spec"))?;
    let spec = arguments.device.device().declare(inputs::spec(app, name)?);
    let stage = Stage { app, arguments, spec: &spec, folder };
    let demonstration = stage.play()?;
    if arguments.json {
        json(&demonstration);
    }
    let Demonstration { honest, edited_copy, sabotaged_training } = &demonstration;
    let passed = matches!(honest.verdict, Verdict::Match { .. });
    let caught = [edited_copy, sabotaged_training].iter().all(|r| r.verdict == Verdict::Divergent);
    stage.say("");
    stage.say(format_args!(
        "The honest run {}; both sabotages {}.",
        if passed { "matches" } else { "does NOT match" },
        if caught { "are caught" } else { "are NOT caught" }
    ));
    if let Some(folder) = &arguments.keep {
        stage.say(format_args!("The recordings are kept in {}.", folder.display()));
    }
    Ok(if passed && caught { exit::MATCH } else { exit::BUG })
}

struct Stage<'a> {
    app: &'a App,
    arguments: &'a Arguments,
    spec: &'a Spec,
    folder: &'a Path,
}

impl Stage<'_> {
    fn play(&self) -> Result<Demonstration, Failure> {
        let (honest, edited) = (self.folder.join("honest"), self.folder.join("edited"));
        let sabotaged = self.folder.join("sabotaged");
        let describe = self.app.known().find(&self.spec.program.name)?.describe();
        self.title(1, format_args!("Record {} ({describe})", self.spec.name));
        self.record(&honest, None)?;
        self.title(2, "Audit the honest recording: replay every segment from its checkpoint");
        let honest_report = self.audit(&honest)?;
        let edit = PostHocAttack::new(PostHocKind::WeightEdit, Some(self.boundary()));
        self.title(3, format_args!("Sabotage a copy: {edit}"));
        self.explain(&[
            "One weight of one checkpoint is moved by one unit in the last place, and every",
            "digest, fingerprint, chain and commitment is recomputed, as an insider would.",
        ]);
        self.edit(&edit, &honest, &edited)?;
        let edited_copy = self.audit(&edited)?;
        let segment = self.spec.checkpoint_every.min(self.boundary());
        let step = self.boundary() - segment + segment / 2;
        let attack = InRunAttack::new(InRunKind::LrTamper, step..step + 1);
        self.title(4, format_args!("Train again, sabotaged: {attack}"));
        self.explain(&[
            "The learning rate of one step is secretly 5 % larger, and recorded as declared.",
        ]);
        self.record(&sabotaged, Some(attack))?;
        let sabotaged_training = self.audit(&sabotaged)?;
        Ok(Demonstration { honest: honest_report, edited_copy, sabotaged_training })
    }

    /// A checkpoint in the middle of the run.
    fn boundary(&self) -> u64 {
        let Spec { steps, checkpoint_every, .. } = *self.spec;
        ((steps.div_ceil(checkpoint_every) / 2).max(1) * checkpoint_every).min(steps)
    }

    fn record(&self, out: &Path, attack: Option<InRunAttack>) -> Result<(), Failure> {
        let mut setting = self.arguments.device.device().setting(self.spec, RECORDING_THREADS);
        let program = self.app.known().find(&self.spec.program.name)?;
        let environment = environment_of(engine(program, self.spec, &setting)?)?;
        let data = open_data(program, self.spec, &mut setting)?;
        let trainer = start(program, self.spec, data, &setting, attack.as_ref())?;
        let mut store = Directory::create(out)?;
        let recorder = Recorder::start(&mut store, self.spec.clone(), trainer, environment)?;
        let Some((_, metrics)) = train(recorder, self.spec, true)? else {
            return Err(Failure::inconclusive("stopped"));
        };
        let figures: Vec<String> =
            metrics.iter().map(|metric| format!("{} {:.4}", metric.name, metric.value)).collect();
        self.say(format_args!("  {} steps, {}", self.spec.steps, figures.join(", ")));
        Ok(())
    }

    fn edit(&self, attack: &PostHocAttack, run: &Path, copy: &Path) -> Result<(), Failure> {
        let source = Directory::open(run)?;
        let mut into = Directory::create(copy)?;
        let planted = plant(attack, &source, None, &mut into).map_err(Failure::inconclusive)?;
        for change in &planted.changes {
            let tensors = change.tensors.join(", ");
            self.say(format_args!(
                "  edited: {tensors}, in the checkpoint at step {}",
                change.step
            ));
        }
        Ok(())
    }

    fn audit(&self, run: &Path) -> Result<Report, Failure> {
        let request = Request::of_all(run, self.arguments.device.device());
        let processes = Processes::new(available_threads());
        let watch = Watch::new();
        let report = audit(self.app.known(), &request, &processes, &watch)?;
        if !self.arguments.json {
            report::show(&report);
        }
        Ok(report)
    }

    fn title(&self, number: u32, text: impl std::fmt::Display) {
        self.say("");
        self.say(styled(BOLD, format_args!("{number}. {text}")));
    }

    fn explain(&self, lines: &[&str]) {
        lines.iter().for_each(|text| self.say(format_args!("  {}", styled(DIM, text))));
    }

    fn say(&self, text: impl std::fmt::Display) {
        if !self.arguments.json {
            line(text);
        }
    }
}
