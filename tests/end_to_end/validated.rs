//! A training that measures its model while it trains: recorded, shown, audited, edited.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;
use tempfile::{TempDir, tempdir};

use crate::common::gate::{accept, gate};
use crate::common::{
    DIVERGENT, MATCH, Ran, USAGE, audit, binary, copy, divergent_segments, record, roots, toy_spec,
};

const VALIDATION: &str = r#"[validation]
every = 4
batch_size = 7

[validation.data]
name = "toy-held-out"
samples = 24
digest = "HELD_OUT"

[sampling]"#;
const HELD_OUT: &str = "15fcbf99ad008c00157eaf5506248a2ce767f545aaa4866b0dd8926e5dd3bd85";

/// Has the toy measured after steps 3, 7, ..., 59.
fn spec(folder: &Path, more: &[(&str, &str)]) -> PathBuf {
    let validation = VALIDATION.replace("HELD_OUT", HELD_OUT);
    let changed = [("format = 1", "format = 2"), ("[sampling]", validation.as_str())];
    toy_spec(folder, &[&changed[..], more].concat())
}

fn recorded(more: &[&str]) -> (TempDir, PathBuf) {
    let folder = tempdir().unwrap();
    let run = folder.path().join("run");
    record(&spec(folder.path(), &[]), &run, more);
    (folder, run)
}

fn inspect(run: &Path) -> Value {
    let output = binary().arg("inspect").arg(run).arg("--json").output();
    Ran::from(&output.unwrap()).expect(MATCH).json()
}

fn steps(curve: &Value) -> Vec<u64> {
    let points = curve["points"].as_array().unwrap();
    points.iter().map(|point| point["step"].as_u64().unwrap()).collect()
}

#[test]
fn figures_are_said_as_they_come_listed_and_drawn() {
    let folder = tempdir().unwrap();
    let (spec, run) = (spec(folder.path(), &[]), folder.path().join("run"));
    let output = binary().arg("record").arg(&spec).arg("--out").arg(&run).output();
    let ran = Ran::from(&output.unwrap()).expect(MATCH);
    let ran = ran.says(&["step 3: mean_error ", "step 59: mean_error ", ", mean_squared_error "]);
    assert!(!ran.stderr.contains("step 4: "), "{}", ran.stderr);
    let inspected = inspect(&run);
    let [error, squared] = &inspected["figures"].as_array().unwrap()[..] else {
        panic!("{}", inspected["figures"])
    };
    assert_eq!(
        (&error["name"], &squared["name"]),
        (&"mean_error".into(), &"mean_squared_error".into())
    );
    assert_eq!(steps(error), (0..15).map(|number| 4 * number + 3).collect::<Vec<_>>());
    let value = |at: usize| squared["points"][at]["value"].as_f64().unwrap();
    assert!(value(14) < 0.1 * value(0), "the model learns: {squared}");
    let output = binary().arg("inspect").arg(&run).output();
    let text = Ran::from(&output.unwrap()).expect(MATCH).stdout;
    assert!(text.contains("mean_squared_error "), "{text}");
    let report = folder.path().join("report");
    let ran = audit(&run, &["--report", report.to_str().unwrap()]).expect(MATCH);
    assert_eq!(ran.json()["claim"]["figures"][1]["name"], "mean_squared_error");
    let page = fs::read_to_string(report.join("report.html")).unwrap();
    for part in ["<h2>Validation</h2>", "mean_squared_error", "compared bit for bit"] {
        assert!(page.contains(part), "{part}");
    }
}

#[test]
fn a_run_without_validation_says_nothing_of_it() {
    let folder = tempdir().unwrap();
    let run = folder.path().join("run");
    record(&toy_spec(folder.path(), &[]), &run, &[]);
    let report = folder.path().join("report");
    audit(&run, &["--report", report.to_str().unwrap()]).expect(MATCH);
    assert!(!fs::read_to_string(report.join("report.html")).unwrap().contains("Validation"));
    assert_eq!(inspect(&run)["figures"], serde_json::json!([]));
}

#[test]
fn a_run_that_was_stopped_and_gone_on_with_matches() {
    let folder = tempdir().unwrap();
    let whole = folder.path().join("whole");
    let spec = spec(folder.path(), &[]);
    record(&spec, &whole, &[]);
    let journal = fs::read(whole.join("journal")).unwrap();
    for part in [3, 5, 8] {
        let run = folder.path().join(format!("run-{part}"));
        copy(&whole, &run);
        // As a kill leaves it.
        fs::remove_file(run.join("commitment")).unwrap();
        fs::write(run.join("journal"), &journal[..journal.len() * part / 10]).unwrap();
        let output = binary().args(["record", "--resume", "--json", "--out"]).arg(&run).output();
        Ran::from(&output.unwrap()).expect(MATCH);
        assert_eq!(roots(&run), roots(&whole));
        assert_eq!(inspect(&run)["figures"], inspect(&whole)["figures"]);
        audit(&run, &[]).expect(MATCH);
    }
}

#[test]
fn an_in_run_attack_on_a_measured_run_is_found_and_explained_as_before() {
    for (attack, cause) in [("lr-tamper@23", "lr-tamper"), ("in-run-edit@23", "weight-edit")] {
        let (_folder, run) = recorded(&["--attack", attack]);
        let found = divergent_segments(&audit(&run, &[]).expect(DIVERGENT).json());
        let [found] = &found[..] else { panic!("{found:?}") };
        assert_eq!((found.step, found.stage.as_str()), (Some(23), "update"));
        assert_eq!(found.explained.as_deref(), Some(cause));
    }
}

#[test]
fn the_drill_edits_figures_and_they_are_caught() {
    let (_folder, run) = recorded(&[]);
    let asked = ["--json", "--attacks", "figures-edit"];
    let output = binary().arg("drill").arg(&run).args(asked).output();
    let ran = Ran::from(&output.unwrap()).expect(MATCH);
    let rows = ran.json()["rows"].as_array().unwrap().clone();
    let [row] = &rows[..] else { panic!("{rows:?}") };
    assert_eq!((&row["caught"], &row["layer"]), (&"yes".into(), &"replay".into()), "{row}");
    assert_eq!(row["localized"]["stage"], "validation", "{row}");
    assert_eq!(row["localized"]["exact"], true, "{row}");
    assert_eq!(row["explained_attack"], "figures-edit", "{row}");
}

#[test]
fn held_out_data_that_is_not_the_declared_is_refused_and_accuses_nobody() {
    let folder = tempdir().unwrap();
    let run = folder.path().join("run");
    for (from, to, said) in [
        (HELD_OUT, &"0".repeat(64)[..], "the digest of what is held out"),
        ("samples = 24", "samples = 25", "declares 25"),
        ("\"toy-held-out\"", "\"toy-points\"", "holds out only"),
    ] {
        let spec = spec(folder.path(), &[(from, to)]);
        let output = binary().arg("record").arg(spec).arg("--out").arg(&run).output();
        Ran::from(&output.unwrap()).expect(USAGE).says(&[said]);
        assert!(!run.exists());
    }
}

#[test]
fn a_gate_accepts_figures_and_repeats_them() {
    let folder = tempdir().unwrap();
    let spec = spec(folder.path(), &[("steps = 60", "steps = 20")]);
    accept(&spec, &[]).expect(MATCH);
    let traces = fs::read_dir(folder.path()).unwrap().filter_map(|entry| {
        let path = entry.unwrap().path();
        path.extension()
            .is_some_and(|end| end == "trace")
            .then(|| fs::read_to_string(path).unwrap())
    });
    let [trace] = &traces.collect::<Vec<_>>()[..] else { panic!() };
    assert!(trace.starts_with("reenact trace 2\n"), "{trace}");
    let measured = trace.lines().filter(|line| line.contains(" figures "));
    let measured: Vec<&str> = measured.filter_map(|line| line.split(' ').next()).collect();
    assert_eq!(measured, ["3", "7", "11", "15", "19"]);
    gate(&spec, &[]).expect(MATCH);
}
