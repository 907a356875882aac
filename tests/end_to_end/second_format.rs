//! Specs of format 2: rates and batches in phases, rates by the program, last samples that are
//! kept or wrapped.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;
use tempfile::{TempDir, tempdir};

use crate::common::gate::{MOVED, accept, arm, changed, gate, gate_of, honest, states};
use crate::common::{DIVERGENT, MATCH, Ran, audit, binary, record, roots, toy_spec};
use crate::killed::{kill_at, start};

const COSINE: &str = "kind = \"warmup-cosine\"\npeak = 0.05\nfloor = 0.001\nwarmup_steps = 5";

const PHASES: &str = "kind = \"phases\"
phases = [
    { shape = \"linear\", steps = 5, from = 0, to = 0.05 },
    { shape = \"constant\", steps = 10, value = 0.05 },
    { shape = \"cosine\", steps = 20, from = 0.05, to = 0.01 },
    { shape = \"exponential\", steps = 10, from = 0.01, factor = 0.9, every = 2 },
    { shape = \"noam\", steps = 10, factor = 0.1, model_size = 16, warmup_steps = 4 },
]";

const PROGRAM: &str = "kind = \"program\"";

/// From step 1 on other sizes, which do not divide the 64 samples.
const SIZES: &str = "size = 8\naccumulation = 2
phases = [{ step_start = 1, size = 5 }, { step_start = 33, size = 13 }]";

const WRAPPED: &str = "size = 10\nlast = \"wrapped\"\nphases = [{ step_start = 31, size = 64 }]";

const KEPT: &str = "size = 5\naccumulation = 3\nlast = \"kept\"";

/// The toy's spec in format 2, with another `[batch]` and `[learning_rate]`.
fn spec(folder: &Path, batch: &str, rate: &str, more: &[(&str, &str)]) -> PathBuf {
    let replace = [("format = 1", "format = 2"), ("size = 8", batch), (COSINE, rate)];
    toy_spec(folder, &[&replace, more].concat())
}

fn recorded(batch: &str, rate: &str) -> (TempDir, PathBuf) {
    let folder = tempdir().unwrap();
    let run = folder.path().join("run");
    record(&spec(folder.path(), batch, rate, &[]), &run, &[]);
    (folder, run)
}

const EACH: [(&str, &str); 6] = [
    ("size = 8", PHASES),
    ("size = 8", PROGRAM),
    (SIZES, COSINE),
    (WRAPPED, COSINE),
    (KEPT, COSINE),
    (WRAPPED, PROGRAM),
];

#[test]
fn honest_runs_match_and_say_what_nothing_derived() {
    for (batch, rate) in EACH {
        let (_folder, run) = recorded(batch, rate);
        let report = audit(&run, &[]).expect(MATCH).json();
        assert_eq!(report["segments"].as_array().unwrap().len(), 6, "{batch} {rate}");
        let said = report["findings"].to_string().contains("only a replay derives it");
        assert_eq!(said, rate == PROGRAM, "{report}");
        let inspect = binary().arg("inspect").arg(&run).output().unwrap();
        let shown = Ran::from(&inspect).expect(MATCH).stdout;
        assert_eq!(shown.contains("only a replay derives it"), rate == PROGRAM, "{shown}");
        let kept = [("last = \"kept\"", KEPT), ("last = \"wrapped\"", WRAPPED)];
        for (line, of) in kept {
            assert_eq!(shown.contains(line), batch == of, "{shown}");
        }
    }
}

#[test]
fn killed_and_resumed_it_ends_in_the_same_state() {
    for (batch, rate) in [(WRAPPED, PHASES), (SIZES, PROGRAM), (KEPT, PHASES)] {
        let folder = tempdir().unwrap();
        let longer = [("steps = 60", "steps = 6000"), ("every = 10", "every = 250")];
        let spec = spec(folder.path(), batch, rate, &longer);
        let (honest, run) = (folder.path().join("honest"), folder.path().join("run"));
        record(&spec, &honest, &[]);
        let bytes = fs::metadata(honest.join("journal")).unwrap().len();
        kill_at(start(&spec, &run, false), &run, bytes / 3);
        let output = binary().args(["record", "--resume", "--json", "--out"]).arg(&run).output();
        Ran::from(&output.unwrap()).expect(MATCH);
        assert_eq!(roots(&run), roots(&honest), "{batch} {rate}");
        audit(&run, &["--sample", "4"]).expect(MATCH);
    }
}

fn drill(run: &Path, attacks: &str) -> Vec<Value> {
    let drill = binary().arg("drill").arg(run).args(["--json", "--attacks", attacks]).output();
    let summary = Ran::from(&drill.unwrap()).expect(MATCH).json();
    let controls = summary["controls"].as_array().unwrap();
    assert!(controls.iter().all(|control| control["agrees"] == true), "{controls:?}");
    summary["rows"].as_array().unwrap().clone()
}

#[test]
fn other_rates_orders_and_labels_are_found_and_explained() {
    const ATTACKS: &str = "lr-tamper,lr-recorded,order-swap,seed-swap,label-flip";
    for (batch, rate) in [(SIZES, PHASES), (WRAPPED, PROGRAM), (KEPT, PHASES)] {
        let (_folder, run) = recorded(batch, rate);
        for row in drill(&run, ATTACKS) {
            let id = row["id"].as_str().unwrap();
            // What only a replay derives, only a replay finds.
            let replayed = id == "lr-tamper" || id == "lr-recorded" && rate == PROGRAM;
            let layer = if replayed { "replay" } else { "integrity" };
            assert_eq!((&row["caught"], &row["layer"]), (&"yes".into(), &layer.into()), "{row}");
            assert_eq!(row["explained_attack"], id, "{row}");
            assert_eq!(row["localized"]["exact"], true, "{row}");
        }
    }
}

#[test]
fn another_spec_than_the_ordered_one_is_named_in_its_lists() {
    let (folder, run) = recorded(SIZES, PHASES);
    let steeper = PHASES.replace("from = 0, to = 0.05", "from = 0, to = 0.06");
    let ordered = spec(folder.path(), SIZES, &steeper, &[]);
    let report = audit(&run, &["--expect", ordered.to_str().unwrap()]).expect(DIVERGENT).json();
    let said = report["findings"].to_string();
    assert!(said.contains("`learning_rate.phases[0].to` is 0.05"), "{said}");
}

#[cfg(unix)]
#[test]
fn a_gate_accepts_it_and_sees_another_rate() {
    let folder = tempdir().unwrap();
    let spec = spec(folder.path(), WRAPPED, PROGRAM, &[]);
    accept(&spec, &[]).expect(MATCH);
    let found = gate(&spec, &["--base", honest()]).expect(MATCH).json();
    assert!(states(&found).iter().all(|(_, state)| state == "pass"), "{found}");
    let build = changed(folder.path(), "lr-tamper@23..60");
    let found = gate_of(&build, &spec, &["--base", honest()]).expect(MOVED).json();
    let moved = &arm(&found, "baseline")["moved"];
    assert_eq!((&moved["step"], &moved["part"]), (&23.into(), &"update".into()), "{found}");
}
