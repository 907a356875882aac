//! What a recording claims of the machine that trained it is weighed by what agrees here:
//! a lie excuses nothing, and another machine accuses nobody.

use std::path::{Path, PathBuf};

use reenact_core::attack::{PostHocAttack, plant};
use reenact_core::digest::Digest;
use reenact_core::format::{Environment, Event};
use reenact_core::verify::open_recording;
use reenact_store::Directory;
use serde_json::Value;
use tempfile::{TempDir, tempdir};

use crate::common::{DIVERGENT, INCONCLUSIVE, MATCH, Ran, audit, binary, record, toy_spec};
use crate::retelling::retell;

const ELSEWHERE: [&str; 2] = ["--device", "toy-reversed"];
/// The segment whose closing state `weight-edit@30` replaces.
const EDITED: &str = "2";

/// A training of six segments, recorded with these arguments.
fn recorded(more: &[&str]) -> (TempDir, PathBuf) {
    let folder = tempdir().unwrap();
    let run = folder.path().join("run");
    record(&toy_spec(folder.path(), &[]), &run, more);
    (folder, run)
}

/// Edits the state before step 30, and recomputes every digest.
fn edited(attack: &str, more: &[&str]) -> (TempDir, PathBuf) {
    let (folder, run) = recorded(more);
    let forged = folder.path().join("forged");
    let attack: PostHocAttack = attack.parse().unwrap();
    let source = Directory::open(&run).unwrap();
    plant(&attack, &source, None, &mut Directory::create(&forged).unwrap()).unwrap();
    (folder, forged)
}

fn environments(events: &mut [Event]) -> impl Iterator<Item = &mut Environment> {
    events.iter_mut().filter_map(|event| match event {
        Event::RunStarted { environment, .. } | Event::RunResumed { environment, .. } => {
            Some(environment)
        }
        _ => None,
    })
}

fn claim(run: &Path, change: impl Fn(&mut Environment)) {
    retell(run, |events| environments(events).for_each(change));
}

fn another_machine(environment: &mut Environment) {
    environment.engine.class.insert("simd".into(), "another".into());
}

fn another_build(environment: &mut Environment) {
    (environment.lock, environment.binary) = (Digest([9; 32]), Digest([8; 32]));
}

/// Claims that `change` went on with training before step `step`.
fn resume(events: &mut Vec<Event>, step: u64, change: impl Fn(&mut Environment)) {
    let mut environment = environments(events).next().unwrap().clone();
    change(&mut environment);
    let ends = |event: &Event| match event {
        Event::Step(trace) => trace.step == step,
        Event::RunFinished { .. } => true,
        _ => false,
    };
    let place = events.iter().position(ends).unwrap();
    events.insert(place, Event::RunResumed { step, environment });
}

fn calibration(folder: &Path) -> String {
    let path = folder.join("calibration.toml");
    let mut command = binary();
    command.arg("calibrate").arg(toy_spec(folder, &[])).arg("--out").arg(&path);
    command.args(["--recorded-on", "cpu", "--runs", "6"]).args(ELSEWHERE);
    Ran::from(&command.output().unwrap()).expect(MATCH);
    path.to_str().unwrap().to_owned()
}

fn controls(report: &Value) -> usize {
    report["controls"].as_array().map_or(0, Vec::len)
}

#[test]
fn a_lie_about_machine_or_build_excuses_nothing() {
    for lie in [another_machine, another_build] {
        let (_folder, run) = edited("weight-edit@30*1", &[]);
        audit(&run, &[]).expect(DIVERGENT);
        claim(&run, lie);
        let report = audit(&run, &[]).expect(DIVERGENT).json();
        let reason = report["reasons"].to_string();
        assert!(reason.contains("agree bit for bit"), "{reason}");
        assert_eq!(controls(&report), 0, "enough was drawn");
        // Where the accused segment alone is drawn, others are replayed to tell.
        let report = audit(&run, &["--segment", EDITED]).expect(DIVERGENT).json();
        assert_eq!(controls(&report), 3);
        assert_eq!(report["segments"].as_array().unwrap().len(), 1);
        assert!(report["segments"][0]["explanation"].is_object(), "its cause is told");
        let mut shown = binary();
        let shown = shown.args(["audit", "--segment", EDITED]).arg(&run).output();
        let text = Ran::from(&shown.unwrap()).expect(DIVERGENT).stdout;
        assert!(text.contains("of the same claim agrees"), "{text}");
    }
}

#[test]
fn a_resumption_that_trained_no_step_excuses_nothing() {
    let (_folder, run) = edited("weight-edit@30*1", &[]);
    retell(&run, |events| {
        let mut environment = environments(events).next().unwrap().clone();
        another_machine(&mut environment);
        let end = events.len() - 1;
        events.insert(end, Event::RunResumed { step: 60, environment });
    });
    let report = audit(&run, &[]).expect(DIVERGENT).json();
    assert!(!report["reasons"].to_string().contains("another machine"), "{}", report["reasons"]);
}

#[test]
fn an_honest_run_of_another_machine_is_not_accused() {
    let (_folder, run) = recorded(&[]);
    audit(&run, &ELSEWHERE).expect(INCONCLUSIVE);
    let alone = [&ELSEWHERE[..], &["--segment", "3"]].concat();
    let report = audit(&run, &alone).expect(INCONCLUSIVE).json();
    assert_eq!(controls(&report), 3, "none of them agrees");
    assert!(report["reasons"].to_string().contains("no segment under that claim agrees"));
}

#[test]
fn where_nothing_agrees_another_build_may_have_caused_it() {
    let (_folder, run) = recorded(&["--attack", "lr-tamper@0..60"]);
    audit(&run, &[]).expect(DIVERGENT);
    claim(&run, another_build);
    let report = audit(&run, &["--segment", "1"]).expect(INCONCLUSIVE).json();
    let reason = report["reasons"][0].as_str().unwrap();
    assert!(
        reason.contains("Cargo.lock") && reason.contains("another machine or build"),
        "{reason}"
    );
    assert_eq!(controls(&report), 3);
}

#[test]
fn no_tolerance_holds_where_this_machine_computes_as_the_one_that_trained() {
    let (folder, run) = edited("weight-edit@30*1", &ELSEWHERE);
    let honest = folder.path().join("honest");
    record(&toy_spec(folder.path(), &[]), &honest, &[]);
    let calibration = calibration(folder.path());
    let within = [&ELSEWHERE[..], &["--calibration", &calibration]].concat();
    audit(&honest, &within).expect(MATCH);
    // The recording of this class claims the class that the calibration is for.
    let store = Directory::open(&honest).unwrap();
    let other = open_recording(&store).unwrap().history.environments[0].1.clone();
    claim(&run, |environment| environment.engine.class.clone_from(&other.engine.class));
    let report = audit(&run, &within).expect(DIVERGENT).json();
    assert!(report["tolerance"].is_null());
    let few = [&within[..], &["--segment", EDITED]].concat();
    assert_eq!(controls(&audit(&run, &few).expect(DIVERGENT).json()), 3);
}

#[test]
fn inspect_shows_every_machine() {
    let (_folder, run) = recorded(&[]);
    retell(&run, |events| {
        let mut environment = environments(events).next().unwrap().clone();
        another_machine(&mut environment);
        let end = events.len() - 1;
        events.insert(end, Event::RunResumed { step: 60, environment });
    });
    let text = Ran::from(&binary().arg("inspect").arg(&run).output().unwrap()).expect(MATCH).stdout;
    for words in ["from step 60 (trained no step)", "simd: (none) / another"] {
        assert!(text.contains(words), "{words}: {text}");
    }
    let json = binary().arg("inspect").arg(&run).arg("--json").output().unwrap();
    let found = Ran::from(&json).expect(MATCH).json();
    let steps = |place: usize| {
        let found = &found["environments"][place];
        assert!(found["environment"]["engine"]["class"].is_object(), "{found}");
        [&found["step_start"], &found["step_end"]].map(|step| step.as_u64().unwrap())
    };
    assert_eq!([steps(0), steps(1)], [[0, 60], [60, 60]]);
}

#[test]
fn a_resumption_that_trained_no_step_puts_off_no_calibrated_audit() {
    let (folder, run) = edited("weight-edit@30*1", &[]);
    let calibration = calibration(folder.path());
    for (step, lie) in [(60, another_machine as fn(&mut Environment)), (60, another_build)] {
        retell(&run, |events| resume(events, step, lie));
        let report = audit(&run, &["--calibration", &calibration]).expect(DIVERGENT).json();
        assert_eq!(report["class_differences"], serde_json::json!([]));
        assert!(report["tolerance"].is_null());
    }
}

#[test]
fn the_build_that_went_on_within_a_segment_answers_for_its_own_steps() {
    // Stands for a build that computes otherwise.
    let (_folder, run) = recorded(&["--attack", "lr-tamper@25..30"]);
    audit(&run, &[]).expect(DIVERGENT);
    retell(&run, |events| {
        resume(events, 25, another_build);
        resume(events, 30, |_| ());
    });
    let report = audit(&run, &[]).expect(INCONCLUSIVE).json();
    let reason = report["reasons"][0].as_str().unwrap();
    assert!(reason.contains("step 25") && reason.contains("Cargo.lock"), "{reason}");
    assert_eq!(controls(&report), 0, "no whole segment is claimed to be of that build");
}
