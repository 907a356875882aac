//! A lab with toy runs, and nights over it.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use reenact_audit::{Executor, InProcess, Message, Programs, Silent, Task, environment_of};
use reenact_core::attack::{InRunAttack, plant, start};
use reenact_core::record::Recorder;
use reenact_core::spec::Spec;
use reenact_core::trainer::{Program, Setting};
use reenact_core::verify::Report;
use reenact_night::{Acknowledged, Config, Diary, Night, Outcome, Unit};
use reenact_store::{Directory, Ledger};
use reenact_toy::Toy;

const DAY: u64 = 86_400;
/// 2026-11-02, at midnight.
const MONDAY: u64 = 1_793_577_600;
/// Steps of a segment.
const EVERY: u64 = 5;

pub(crate) struct Field {
    pub(crate) folder: tempfile::TempDir,
    programs: Programs,
    seconds: AtomicU64,
    trouble: Trouble,
}

/// What befalls whoever replays.
#[derive(Default)]
struct Trouble {
    errs_once: AtomicBool,
    blind: AtomicBool,
    /// Audits that are left before the night is killed.
    killed_after: Mutex<Option<u64>>,
    killed_at_its_end: AtomicBool,
}

struct Replayers<'a> {
    honest: InProcess<'a>,
    trouble: &'a Trouble,
}

impl Executor for Replayers<'_> {
    fn execute(&self, task: &Task, step: &dyn Fn()) -> Result<Message, String> {
        let mut task = task.clone();
        if let Task::Replay(replay) = &mut task {
            let of_it = replay.run.to_string_lossy().ends_with("grows-1");
            let honest = replay.attack.is_none();
            if of_it && honest && self.trouble.errs_once.swap(false, Ordering::Relaxed) {
                let step = replay.segment * EVERY;
                replay.attack = Some(format!("in-run-edit@{step}"));
            }
            if self.trouble.blind.load(Ordering::Relaxed) {
                return Err("it was stopped".into());
            }
        }
        self.honest.execute(&task, step)
    }

    fn width(&self) -> usize {
        1
    }
}

impl Diary for Trouble {
    fn begins(&self, _: usize, _: usize, _: &Unit) {
        let mut left = self.killed_after.lock().unwrap();
        if let Some(audits) = left.as_mut() {
            if *audits == 0 {
                *left = None;
                drop(left);
                kill();
            }
            *audits -= 1;
        }
    }

    fn ended(&self, _: u64, _: usize, _: &Report) {}

    fn concluded(&self, _: &Outcome) {
        if self.killed_at_its_end.swap(false, Ordering::Relaxed) {
            kill();
        }
    }
}

fn kill() -> ! {
    std::panic::resume_unwind(Box::new("the night is killed"))
}

impl Field {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("runs")).unwrap();
        let mut programs = Programs::default();
        programs.push(Box::new(Toy));
        let (seconds, trouble) = (AtomicU64::new(MONDAY), Trouble::default());
        Self { folder, programs, seconds, trouble }
    }

    pub(crate) fn run(&self, name: &str) -> PathBuf {
        self.folder.path().join("runs").join(name)
    }

    pub(crate) fn name(&self, place: &str) -> String {
        Path::new(place).file_name().unwrap().to_string_lossy().into_owned()
    }

    fn spec(&self, name: &str, steps: u64) -> Spec {
        let text = include_str!("../../../../replay-specs/toy-plane.toml");
        let mut spec = Spec::parse(text).unwrap();
        spec.name = name.into();
        // Each its own training.
        spec.root_seed = name.bytes().map(u64::from).sum();
        (spec.steps, spec.checkpoint_every) = (steps, EVERY);
        Spec::parse(&spec.canonical()).unwrap()
    }

    /// Trains up to this step; a run that is there is gone on with.
    fn train(&self, run: &Path, spec: &Spec, step_end: u64, attack: Option<InRunAttack>) {
        let setting = Setting::new("cpu", 1);
        let data = Toy.data(spec, &setting).unwrap();
        let trainer = start(&Toy, spec, data, &setting, attack.as_ref()).unwrap();
        let environment = environment_of(Toy.platform().engine(&setting).unwrap()).unwrap();
        let goes_on = run.exists();
        let mut store =
            if goes_on { Directory::resume(run) } else { Directory::create(run) }.unwrap();
        let mut recorder = match goes_on {
            true => Recorder::resume(&mut store, spec.clone(), trainer, environment).unwrap(),
            false => Recorder::start(&mut store, spec.clone(), trainer, environment).unwrap(),
        };
        while recorder.next_step() < step_end.min(spec.steps) {
            recorder.advance().unwrap();
        }
        if recorder.is_done() {
            recorder.finish().unwrap();
        } else {
            recorder.interrupt().unwrap();
        }
    }

    /// Records a run of 20 segments.
    pub(crate) fn record(&self, name: &str, attack: Option<InRunAttack>) {
        self.train(&self.run(name), &self.spec(name, 100), 100, attack);
    }

    /// Trains two more segments of a run of 40.
    pub(crate) fn grow(&self, name: &str, day: u64) {
        let run = self.run(name);
        if run.join("commitment").exists() {
            return;
        }
        let spec = self.spec(name, 200);
        // What was rewritten is gone on with as it is.
        let stored = fs::read_to_string(run.join("spec.toml"));
        let spec = stored.map_or(spec, |text| Spec::parse(&text).unwrap());
        self.train(&run, &spec, EVERY * (2 * day + 2), None);
    }

    /// Edits a weight at one boundary, as whoever holds the key would.
    pub(crate) fn sabotage(&self, name: &str) {
        let (run, copy) = (self.run(name), self.folder.path().join("copy"));
        let attack = "weight-edit@50".parse().unwrap();
        let mut into = Directory::create(&copy).unwrap();
        plant(&attack, &Directory::open(&run).unwrap(), None, &mut into).unwrap();
        drop(into);
        fs::remove_dir_all(&run).unwrap();
        fs::rename(&copy, &run).unwrap();
    }

    pub(crate) fn delete(&self, name: &str) {
        fs::remove_dir_all(self.run(name)).unwrap();
    }

    /// Trains a run anew, with another seed, up to where it had come.
    pub(crate) fn rewrite(&self, name: &str) {
        let run = self.run(name);
        fs::remove_dir_all(&run).unwrap();
        let mut spec = self.spec(name, 200);
        spec.root_seed += 1;
        self.train(&run, &spec, EVERY * 26, None);
    }

    pub(crate) fn errs_once(&self) {
        self.trouble.errs_once.store(true, Ordering::Relaxed);
    }

    pub(crate) fn blind(&self) {
        self.trouble.blind.store(true, Ordering::Relaxed);
    }

    pub(crate) fn sees_again(&self) {
        self.trouble.blind.store(false, Ordering::Relaxed);
    }

    fn config(&self) -> Config {
        let text = "format = 1\nledger = 'ledger.sqlite'\nreports = 'nights'\n\
                    budget.device_hours = 1000\nperiod = '1 day'\n\
                    [goal]\ntampered = 1\nconfidence = 0.9\nwithin = '7 days'\n\
                    [[runs]]\nname = 'toys'\nfrom = 'runs/*'\n";
        Config::parse(text, self.folder.path()).unwrap()
    }

    fn with_night<T>(&self, day: u64, act: impl FnOnce(&Night<'_>) -> T) -> T {
        self.seconds.store(MONDAY + day * DAY, Ordering::Relaxed);
        let executor = Replayers { honest: InProcess(&self.programs), trouble: &self.trouble };
        let config = self.config();
        let night = Night {
            config: &config,
            digest: Config::digest("the same each night"),
            programs: &self.programs,
            executor: &executor,
            observer: &Silent,
            diary: &self.trouble,
            clock: &|| self.seconds.load(Ordering::Relaxed),
            host: "tester".into(),
            data_dir: ".".into(),
            scratch: None,
        };
        act(&night)
    }

    /// Takes note of an incident until the morning of a day.
    pub(crate) fn acknowledge(&self, id: &str, day: u64) {
        let mut ledger = Ledger::open(&self.folder.path().join("ledger.sqlite")).unwrap();
        let (by, reason) = ("ann".into(), "she knows".into());
        let at_seconds = self.seconds.load(Ordering::Relaxed);
        let known = Acknowledged { until_seconds: MONDAY + day * DAY, by, reason, at_seconds };
        known.keep(&mut ledger, id).unwrap();
    }

    pub(crate) fn night(&self, day: u64, resume: bool) -> Outcome {
        self.with_night(day, |night| {
            let outcome = night.run(resume).unwrap();
            night.remember_told(&outcome, &[]).unwrap();
            outcome
        })
    }

    /// A night that is killed after its first audit.
    pub(crate) fn night_killed(&self, day: u64) {
        *self.trouble.killed_after.lock().unwrap() = Some(1);
        self.dies(day);
    }

    /// A night that is killed when all is done and its page is not there.
    pub(crate) fn night_killed_at_its_end(&self, day: u64) {
        self.trouble.killed_at_its_end.store(true, Ordering::Relaxed);
        self.dies(day);
    }

    fn dies(&self, day: u64) {
        let killed = self.with_night(day, |night| {
            std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| night.run(false).map(drop)))
        });
        assert!(killed.is_err(), "it was to be killed");
    }
}
