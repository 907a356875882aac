//! A run that is audited while it trains, and one that ends early.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::Stdio;

use serde_json::{Value, json};

use crate::common::{DIVERGENT, INCONCLUSIVE, MATCH, Ran, USAGE, audit, binary, findings, reenact};
use crate::ledger::Place;
use crate::signed::keygen;

/// Goes on with a recording of the toy up to this step, or begins it, and is killed there.
#[track_caller]
pub(crate) fn grow(spec: &Path, run: &Path, step_end: u64) {
    let path = |path: &Path| json!({ "Unix": path.as_os_str().as_encoded_bytes() });
    let task = json!({"take": {
        "spec": fs::read_to_string(spec).unwrap(), "device": {"device": "cpu", "data_dir": path(Path::new("."))},
        "threads": 1, "step_end": step_end, "folder": path(run), "goes_on": run.exists(),
        "end": "killed", "selections": [], "attack": null,
    }});
    let mut worker = binary()
        .args(["worker", "take"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    worker.stdin.take().unwrap().write_all(task.to_string().as_bytes()).unwrap();
    let output = worker.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    assert!(run.join("commitment.so-far").exists() || step_end < 10);
}

fn spec(place: &Place) -> std::path::PathBuf {
    crate::common::toy_spec(place.folder.path(), &[])
}

fn reach(report: &Value) -> &Value {
    &report["claim"]["reach"]
}

#[test]
fn what_is_complete_so_far_is_audited_while_the_run_grows() {
    let place = Place::new();
    let spec = spec(&place);
    let mut seen = 0;
    for step_end in [15, 25, 45] {
        grow(&spec, &place.run, step_end);
        let report = place.audit(&["--so-far"]).expect(MATCH).json();
        let step = reach(&report)["step"].as_u64().unwrap();
        assert_eq!(reach(&report)["kind"], "so-far");
        assert!(step > seen && step <= step_end, "{step} of {step_end}");
        seen = step;
    }
    // The first line says it, before anything else.
    let said = reenact(&["audit", place.run.to_str().unwrap(), "--so-far"]).expect(MATCH).stdout;
    let first = said.lines().next().unwrap();
    assert!(first.contains(&format!("so far: steps 0 to {seen} of 60")), "{first}");
    // Not asked for, it stays open, and the message names the option.
    let run = place.run.to_str().unwrap();
    let said = reenact(&["audit", run]).expect(INCONCLUSIVE).stdout;
    assert!(said.contains("--so-far"), "{said}");
}

#[test]
fn a_journal_cut_back_to_an_older_commitment_is_caught_by_the_ledger() {
    let place = Place::new();
    let spec = spec(&place);
    grow(&spec, &place.run, 15);
    let older =
        ["journal", "commitment.so-far"].map(|name| fs::read(place.run.join(name)).unwrap());
    grow(&spec, &place.run, 45);
    place.audit(&["--so-far"]).expect(MATCH);
    for (name, content) in ["journal", "commitment.so-far"].iter().zip(older) {
        fs::write(place.run.join(name), content).unwrap();
    }
    let report = place.audit(&["--so-far"]).expect(DIVERGENT).json();
    assert!(findings(&report)[0].2.contains("is not a continuation"), "{report}");
    // Without that memory it is whole.
    audit(&place.run, &["--so-far"]).expect(MATCH);
}

#[test]
fn a_prefix_rewritten_between_two_nights_is_caught_by_the_ledger() {
    let place = Place::new();
    grow(&spec(&place), &place.run, 25);
    place.audit(&["--so-far"]).expect(MATCH);
    fs::remove_dir_all(&place.run).unwrap();
    let other = crate::common::toy_spec(place.folder.path(), &[("root_seed = 7", "root_seed = 8")]);
    grow(&other, &place.run, 45);
    let report = place.audit(&["--so-far"]).expect(DIVERGENT).json();
    assert!(findings(&report)[0].2.contains("is not a continuation"), "{report}");
}

#[test]
fn a_checkpoint_replaced_after_it_was_covered_is_caught_by_the_next_examination() {
    let place = Place::new();
    let spec = spec(&place);
    grow(&spec, &place.run, 25);
    place.audit(&["--so-far"]).expect(MATCH);
    let mut checkpoints = crate::common::files(&place.run.join("checkpoints"));
    checkpoints.retain(|path| path.extension().is_some_and(|found| found == "safetensors"));
    let (one, other) = (&checkpoints[0], &checkpoints[1]);
    fs::copy(one, other).unwrap();
    let report = place.audit(&["--so-far"]).expect(DIVERGENT).json();
    assert!(findings(&report).iter().any(|found| found.2.contains("it was altered")), "{report}");
}

#[test]
fn a_run_that_ends_early_says_so_everywhere() {
    let place = Place::new();
    let run = place.run.to_str().unwrap();
    reenact(&["record", "--finish", "--out", run]).expect(USAGE);
    grow(&spec(&place), &place.run, 3);
    reenact(&["record", "--finish", "--out", run])
        .expect(INCONCLUSIVE)
        .says(&["reached no boundary yet"]);
    grow(&spec(&place), &place.run, 45);
    place.audit(&["--so-far"]).expect(MATCH);
    let ended = reenact(&["record", "--finish", "--out", run, "--json"]).expect(MATCH).json();
    assert_eq!((&ended["steps"], &ended["ended_early"]), (&40.into(), &true.into()));
    assert!(!place.run.join("commitment.so-far").exists());
    let report = place.audit(&[]).expect(MATCH).json();
    assert_eq!(*reach(&report), json!({"kind": "ended-early", "step": 40}));
    let said = reenact(&["audit", run]).expect(MATCH).stdout;
    assert!(said.lines().next().unwrap().contains("ended early, by its trainer's word"), "{said}");
    let said = reenact(&["inspect", run]).expect(MATCH).stdout;
    assert!(said.contains("ended early"), "{said}");
    // Whoever ordered its whole length is told.
    let ordered = spec(&place);
    let report = audit(&place.run, &["--expect", ordered.to_str().unwrap()]);
    let report = report.expect(DIVERGENT).json();
    assert!(findings(&report)[0].2.contains("says 60"), "{report}");
    // That was its last word.
    let resumed = Ran::from(&binary().args(["record", "--resume", "--out", run]).output().unwrap());
    resumed.expect(MATCH).says(&["nothing to add"]);
}

#[test]
fn the_signer_of_what_is_recorded_so_far_is_checked() {
    let place = Place::new();
    let (key, signers) = keygen(place.folder.path(), "key");
    let long = [("steps = 60", "steps = 6000"), ("every = 10", "every = 250")];
    let spec = crate::common::toy_spec(place.folder.path(), &long);
    let mut recorder = binary();
    recorder.arg("record").arg(&spec).arg("--out").arg(&place.run).arg("--key").arg(&key);
    let mut recorder = recorder.stderr(Stdio::null()).stdout(Stdio::null()).spawn().unwrap();
    let so_far = place.run.join("commitment.so-far");
    while !so_far.exists() && recorder.try_wait().unwrap().is_none() {
        std::thread::yield_now();
    }
    recorder.kill().unwrap();
    recorder.wait().unwrap();
    let trusted = ["--so-far", "--sample", "1", "--allowed-signers", &signers];
    let report = place.audit(&trusted).expect(MATCH).json();
    assert_eq!(report["vouched"]["kind"], "trusted");
    // One that nobody signed is nobody's.
    let text = fs::read_to_string(&so_far).unwrap();
    fs::write(&so_far, &text[..text.find("-----BEGIN").unwrap()]).unwrap();
    place.audit(&trusted).expect(INCONCLUSIVE);
    // Nor is one whose signature is another's.
    fs::write(&so_far, text.replacen("AAAAC3", "AAAAC4", 1)).unwrap();
    place.audit(&trusted).expect(DIVERGENT);
}

#[test]
fn a_recorder_that_goes_on_meanwhile_is_never_accused() {
    let place = Place::new();
    let long = [("steps = 60", "steps = 20000"), ("every = 10", "every = 100")];
    let spec = crate::common::toy_spec(place.folder.path(), &long);
    let mut recorder = binary();
    recorder.arg("record").arg(&spec).arg("--out").arg(&place.run);
    let mut recorder = recorder.stderr(Stdio::null()).stdout(Stdio::null()).spawn().unwrap();
    let mut matched = 0;
    loop {
        let finished = recorder.try_wait().unwrap().is_some();
        if place.run.join("commitment.so-far").exists() || finished {
            let report = place.audit(&["--so-far", "--sample", "1"]).expect(MATCH).json();
            matched += u32::from(reach(&report)["kind"] == "so-far");
        }
        if finished {
            break;
        }
    }
    assert!(matched > 0, "no audit came before the end");
}
