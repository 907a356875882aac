//! The drill: every known attack is caught, by the layer that has to, and where
//! it was planted.

use std::path::{Path, PathBuf};

use serde_json::Value;
use tempfile::{TempDir, tempdir};

use crate::common::{DIVERGENT, INCONCLUSIVE, MATCH, Ran, USAGE, audit, binary, record, toy_spec};

fn recorded(more: &[&str]) -> (TempDir, PathBuf) {
    let folder = tempdir().unwrap();
    let run = folder.path().join("run");
    record(&toy_spec(folder.path(), &[]), &run, more);
    (folder, run)
}

fn drill(run: &Path, more: &[&str]) -> Ran {
    Ran::from(&binary().arg("drill").arg(run).args(more).output().unwrap())
}

fn text<'a>(row: &'a Value, key: &str) -> &'a str {
    row[key].as_str().unwrap_or_default()
}

/// By what each attack has to be caught, as the catalogue says.
fn layer(id: &str) -> &'static str {
    match id {
        "bit-flip" | "truncated" | "withheld" | "lr-recorded" | "seed-swap" | "order-swap"
        | "label-flip" | "pixel-edit" => "integrity",
        "rewrite" => "ledger",
        "poisoned-toolchain" => "self-check",
        "flaky-device" => "hardware",
        _ => "replay",
    }
}

/// What the audit has to name as the cause; none where it finds none.
fn cause(row: &Value) -> Option<&str> {
    match text(row, "id") {
        "splice" | "pixel-edit" | "bit-flip" | "truncated" | "withheld" | "rewrite" => None,
        "weight-edit" | "in-run-edit" | "no-training" | "interpolation" | "under-tolerance" => {
            Some("weight-edit")
        }
        "moment-edit" if text(row, "strength") == "x0" => Some("moment-reset"),
        id => Some(id),
    }
}

fn check_row(row: &Value) {
    let id = text(row, "id");
    // The toy clips nothing and, as it is, chooses no kernels and measures nothing.
    if matches!(id, "clip-off" | "poisoned-selections" | "withheld-selections" | "figures-edit") {
        assert_eq!(row["caught"], "no-place", "{row}");
        let problem = text(row, "problem");
        let said = ["no place", "no kernel", "no figures"];
        assert!(said.iter().any(|said| problem.contains(said)), "{row}");
        return;
    }
    let environment = row["kind"] == "environment";
    assert_eq!(row["caught"], if environment { "reported" } else { "yes" }, "{row}");
    assert_eq!(row["layer"], layer(id), "{row}");
    if !environment {
        assert_eq!(row["explained_attack"].as_str(), cause(row), "{row}");
    }
    let has_no_step = matches!(id, "truncated" | "rewrite") || environment;
    assert_eq!(row["localized"].is_null(), has_no_step, "{row}");
    assert!(has_no_step || row["localized"]["exact"] == true, "{row}");
    if row["layer"] == "replay" {
        assert!(row["localized"]["tensors"].as_u64() > Some(0), "{row}");
        assert!(row["segments"].as_u64() > Some(0), "{row}");
    }
}

fn check(summary: &Value) {
    let rows = summary["rows"].as_array().unwrap();
    rows.iter().for_each(check_row);
    let totals = &summary["totals"];
    let count = |caught: &str| rows.iter().filter(|row| row["caught"] == caught).count() as u64;
    assert_eq!(totals["caught"].as_u64(), Some(count("yes")));
    assert_eq!(totals["reported"].as_u64(), Some(2));
    assert_eq!((&totals["got_past"], &totals["unclear"]), (&0.into(), &0.into()));
    let controls = summary["controls"].as_array().unwrap();
    let ids: Vec<&str> = controls.iter().map(|control| text(control, "id")).collect();
    assert_eq!(ids, ["honest", "honest-copy", "honest-resume"]);
    assert!(controls.iter().all(|control| control["agrees"] == true), "{controls:?}");
}

#[test]
fn every_attack_is_caught_where_it_was_planted() {
    let (_folder, run) = recorded(&[]);
    for seed in ["0", "1", "2"] {
        let summary = drill(&run, &["--json", "--seed", seed, "--jobs", "2"]).expect(MATCH).json();
        check(&summary);
        let rows = summary["rows"].as_array().unwrap();
        let strengths = |id: &str| rows.iter().filter(|row| row["id"] == id).count();
        assert_eq!((strengths("lr-tamper"), strengths("moment-edit")), (3, 4));
        assert_eq!(summary["elsewhere"][0]["id"], "grinding");
    }
    audit(&run, &[]).expect(MATCH);
}

#[test]
fn a_quick_drill_tries_each_once() {
    let (_folder, run) = recorded(&[]);
    let summary = drill(&run, &["--json", "--quick"]).expect(MATCH).json();
    check(&summary);
    let rows = summary["rows"].as_array().unwrap();
    let mut names: Vec<(&str, &str)> =
        rows.iter().map(|row| (text(row, "id"), text(row, "kind"))).collect();
    let all = names.len();
    names.sort_unstable();
    names.dedup();
    assert_eq!((names.len(), all), (28, 28));
}

#[test]
fn chosen_attacks_are_kept() {
    let (folder, run) = recorded(&[]);
    let kept = folder.path().join("kept");
    let chosen = ["--attacks", "sign-flip,rewrite", "--keep", kept.to_str().unwrap()];
    let ran = drill(&run, &chosen).expect(MATCH).says(&["kept"]);
    for part in ["sign-flip", "rewrite", "ledger", "None missed: 2 of 2 attacks caught"] {
        assert!(ran.stdout.contains(part), "{part}: {}", ran.stdout);
    }
    assert!(!ran.stdout.contains("splice"), "{}", ran.stdout);
    audit(&kept.join("honest-resume"), &[]).expect(MATCH);
    let report = audit(&kept.join("00-sign-flip"), &[]).json();
    assert_eq!(report["verdict"]["kind"], "divergent");
    drill(&run, &chosen).expect(USAGE).says(&["not empty", "new folder"]);
}

/// Every segment is made up: one is looked into fully, three briefly, and the
/// report says so.
#[test]
fn what_is_not_looked_into_is_said() {
    let (folder, run) = recorded(&[]);
    let kept = folder.path().join("kept");
    drill(&run, &["--attacks", "no-training", "--keep", kept.to_str().unwrap()]).expect(MATCH);
    let forged = kept.join("00-no-training");
    let report = audit(&forged, &[]).expect(DIVERGENT).json();
    let segments = report["segments"].as_array().unwrap();
    let explanations = || segments.iter().map(|found| &found["explanation"]);
    let words: Vec<&str> = explanations().filter_map(|found| found["words"].as_str()).collect();
    assert_eq!((segments.len(), words.len()), (6, 4));
    assert!(words[3].contains("audit this one alone"), "{words:?}");
    assert_eq!(explanations().filter(|found| found["ended_early"] == true).count(), 2);
    let page = folder.path().join("page");
    let mut command = binary();
    command.arg("audit").arg(&forged).args(["--sample", "all", "--report"]).arg(&page);
    let ran = Ran::from(&command.output().unwrap()).expect(DIVERGENT);
    let said = "Why 2 more segments diverge was not looked into";
    assert!(ran.stdout.contains(said), "{}", ran.stdout);
    let page = std::fs::read_to_string(page.join("report.html")).unwrap();
    assert!(page.contains("not in 2 more segments"));
}

#[test]
fn attacks_that_do_not_exist_are_named() {
    let (folder, run) = recorded(&[]);
    drill(&run, &["--attacks", "sign-flip,levitate"]).expect(USAGE).says(&[
        "levitate",
        "weight-edit",
        "flaky-device",
    ]);
    drill(&folder.path().join("none"), &[]).expect(USAGE).says(&["not a recording"]);
}

#[test]
fn a_drill_on_a_bad_run_proves_nothing() {
    let (_folder, run) = recorded(&["--attack", "sign-flip@25"]);
    let ran = drill(&run, &["--quick"]).expect(INCONCLUSIVE);
    assert_eq!(ran.says(&["no honest recording", "step 25", "prove nothing"]).stdout, "");
}

#[test]
fn a_drill_that_can_plant_nothing_does_not_pass() {
    let (_folder, run) = recorded(&[]);
    let ran = drill(&run, &["--attacks", "clip-off"]).expect(INCONCLUSIVE);
    assert!(ran.stdout.contains("Nothing was tried"), "{}", ran.stdout);
}

#[test]
fn a_resumed_run_is_drilled_too() {
    let (_folder, run) = recorded(&[]);
    let kept = run.with_file_name("kept");
    let keep = ["--attacks", "lr-tamper", "--keep", kept.to_str().unwrap()];
    drill(&run, &keep).expect(MATCH);
    let resumed = kept.join("honest-resume");
    let summary = drill(&resumed, &["--json"]).expect(MATCH).json();
    check(&summary);
    assert_eq!(summary["rows"].as_array().unwrap().len(), 36);
}
