//! Folders with toy recordings, and nights over them.

use std::fs;
use std::path::Path;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use reenact_audit::{InProcess, Programs, Silent, environment_of};
use reenact_core::record::Recorder;
use reenact_core::spec::Spec;
use reenact_core::trainer::{Program, Setting};
use reenact_core::verify::Report;
use reenact_night::{Config, Diary, Night, Outcome, Unit};
use reenact_store::Directory;
use reenact_toy::Toy;

/// Steps of a segment, so many that a replay is more than its beginning and end.
const EVERY: u64 = 2000;

/// Adds up how long audits take, from their beginning to their report.
#[derive(Default)]
pub(crate) struct Stopwatch(Mutex<(Option<Instant>, Duration)>);

impl Stopwatch {
    pub(crate) fn seconds(&self) -> f64 {
        self.0.lock().map_or(f64::NAN, |held| held.1.as_secs_f64())
    }
}

impl Diary for Stopwatch {
    fn begins(&self, _: usize, _: usize, _: &Unit) {
        if let Ok(mut held) = self.0.lock() {
            held.0 = Some(Instant::now());
        }
    }

    fn ended(&self, _: u64, _: usize, _: &Report) {
        if let Ok(mut held) = self.0.lock()
            && let Some(begun) = held.0.take()
        {
            held.1 += begun.elapsed();
        }
    }

    fn concluded(&self, _: &Outcome) {}
}

fn programs() -> Programs {
    let mut programs = Programs::default();
    programs.push(Box::new(Toy));
    programs
}

pub(crate) fn with_night<T>(
    config: &Config,
    clock: fn() -> u64,
    diary: &Stopwatch,
    act: impl FnOnce(&Night<'_>) -> T,
) -> T {
    let programs = programs();
    act(&Night {
        config,
        digest: Config::digest("a bench"),
        programs: &programs,
        executor: &InProcess(&programs),
        observer: &Silent,
        diary,
        clock: &clock,
        host: "bench".into(),
        data_dir: ".".into(),
        scratch: None,
    })
}

/// Records the toy; each number is another training.
fn record(folder: &Path, number: usize, steps: u64, every: u64) {
    let text = include_str!("../../../../replay-specs/toy-plane.toml");
    let mut spec = Spec::parse(text).expect("the spec is right");
    spec.name = format!("toy-{number:05}");
    spec.root_seed = number as u64;
    (spec.steps, spec.checkpoint_every) = (steps, every);
    let spec = Spec::parse(&spec.canonical()).expect("it still is");
    let setting = Setting::new("cpu", 1);
    let data = Toy.data(&spec, &setting).expect("the toy makes its data");
    let trainer = Toy.start(&spec, data, &setting).expect("it starts");
    let environment = environment_of(Toy.platform().engine(&setting).expect("it has an engine"));
    let mut store = Directory::create(folder).expect("the folder is free");
    let environment = environment.expect("this program has a digest");
    let mut recorder =
        Recorder::start(&mut store, spec, trainer, environment).expect("it can be written");
    while !recorder.is_done() {
        recorder.advance().expect("it trains");
    }
    recorder.finish().expect("it ends");
}

/// Makes folders that hold one recording, by links: only their names take room.
pub(crate) fn folders(folder: &Path, count: usize) {
    let first = folder.join("first");
    record(&first, 0, 60, 10);
    let files: Vec<_> = fs::read_dir(&first)
        .expect("it was recorded")
        .flatten()
        .filter(|entry| entry.path().is_file())
        .collect();
    for number in 0..count {
        let run = folder.join(format!("runs/toy-{number:05}"));
        fs::create_dir_all(&run).expect("folders can be made");
        for file in &files {
            fs::hard_link(file.path(), run.join(file.file_name())).expect("links can be made");
        }
    }
}

/// A folder with recordings of one segment each.
pub(crate) struct Lab {
    folder: tempfile::TempDir,
}

impl Lab {
    pub(crate) fn recorded(count: usize) -> Self {
        let folder = tempfile::tempdir().expect("there is a temporary folder");
        let lab = Self { folder };
        fs::create_dir(lab.folder().join("runs")).expect("folders can be made");
        for number in 0..count {
            record(&lab.run(number), number, EVERY, EVERY);
        }
        lab
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    fn run(&self, number: usize) -> std::path::PathBuf {
        self.folder().join(format!("runs/toy-{number:05}"))
    }
}
