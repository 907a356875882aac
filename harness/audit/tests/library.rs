//! An audit is a library call: without a command, and with events for whoever listens.

use std::path::Path;
use std::sync::Mutex;

use reenact_audit::{
    Device, Event, InProcess, Observer, Phase, Programs, Remembering, Request, audit,
    environment_of,
};
use reenact_core::attack::{InRunAttack, start};
use reenact_core::record::Recorder;
use reenact_core::spec::Spec;
use reenact_core::trainer::{Program, Setting};
use reenact_core::verify::{Cause, Verdict};
use reenact_store::Directory;
use reenact_toy::Toy;

/// Counts steps, and keeps the order of the phases.
#[derive(Default)]
struct Heard(Mutex<(Vec<Phase>, u64, Vec<&'static str>)>);

impl Observer for Heard {
    fn hear(&self, event: Event<'_>) {
        let mut heard = self.0.lock().unwrap();
        match event {
            Event::Begun { phase, .. } => heard.0.push(phase),
            Event::Step => heard.1 += 1,
            Event::Owing { .. } => heard.2.push("owing"),
            Event::Settled => heard.2.push("settled"),
            _ => {}
        }
    }
}

fn record(run: &Path, attack: Option<InRunAttack>) -> Spec {
    let spec = Spec::parse(include_str!("../../../replay-specs/toy-plane.toml")).unwrap();
    let setting = Setting::new("cpu", 1);
    let data = Toy.data(&spec, &setting).unwrap();
    let trainer = start(&Toy, &spec, data, &setting, attack.as_ref()).unwrap();
    let environment = environment_of(Toy.platform().engine(&setting).unwrap()).unwrap();
    let mut store = Directory::create(run).unwrap();
    let mut recorder = Recorder::start(&mut store, spec.clone(), trainer, environment).unwrap();
    while !recorder.is_done() {
        recorder.advance().unwrap();
    }
    recorder.finish().unwrap();
    spec
}

#[test]
fn an_honest_run_matches_and_a_sabotaged_one_is_explained() {
    let folder = tempfile::tempdir().unwrap();
    let (honest, sabotaged) = (folder.path().join("honest"), folder.path().join("sabotaged"));
    let spec = record(&honest, None);
    record(&sabotaged, Some("lr-tamper@7*1.05".parse().unwrap()));
    let mut programs = Programs::default();
    programs.push(Box::new(Toy));
    let ledger = folder.path().join("ledger");
    let look = |run: &Path| {
        let device = Device { device: None, data_dir: ".".into() };
        let remembering = Remembering::in_file(&ledger);
        let request = Request { remembering, ..Request::of_all(run, device) };
        let heard = Heard::default();
        let report = audit(&programs, &request, &InProcess(&programs), &heard).unwrap();
        (report, heard.0.into_inner().unwrap())
    };
    let (report, (phases, steps, ledger)) = look(&honest);
    assert!(matches!(report.verdict, Verdict::Match { .. }), "{:?}", report.reasons);
    assert_eq!(phases, [Phase::Examining, Phase::Deriving, Phase::Replaying]);
    assert_eq!((steps, ledger), (spec.steps, vec!["owing", "settled"]));
    let (report, _) = look(&sabotaged);
    assert_eq!(report.verdict, Verdict::Divergent);
    let explained = report.segments.iter().find_map(|found| found.explanation.as_ref()).unwrap();
    let rate = |cause: &Cause| matches!(cause, Cause::LearningRate { .. });
    assert!(explained.causes.iter().any(|found| rate(&found.cause)), "{explained:?}");
}
