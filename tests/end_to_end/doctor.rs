//! The doctor: what the machine has, and whether a training repeats; a program that
//! does not is found, at the step and in the part where it was put.

use std::path::{Path, PathBuf};

use serde_json::Value;
use tempfile::tempdir;

use crate::common::{DIVERGENT, INCONCLUSIVE, MATCH, Ran, USAGE, binary, reenact, toy_spec};

/// What is replaced in a good spec, and what the message has to say.
type Case = (&'static [(&'static str, &'static str)], &'static [&'static str]);

fn doctor(spec: &Path, more: &[&str]) -> Ran {
    Ran::from(&binary().arg("doctor").arg(spec).args(more).output().unwrap())
}

fn with_hyperparameters(folder: &Path, text: &str) -> PathBuf {
    let before = "[program]\nname = \"toy-plane\"\n";
    let after = format!("{before}[program.hyperparameters]\n{text}\n");
    toy_spec(folder, &[(before, &after)])
}

fn unsteady(folder: &Path, part: &str, by: &str) -> PathBuf {
    let text = format!("unsteady = \"{part}\"\nunsteady_step = 3\nunsteady_by = \"{by}\"");
    with_hyperparameters(folder, &text)
}

/// Lists the ways in which the training did not repeat.
fn departed(diagnosis: &Value) -> Vec<String> {
    let trials = diagnosis["repetition"]["trials"].as_array().unwrap();
    let departed = trials.iter().filter(|trial| !trial["departure"].is_null());
    departed.map(|trial| trial["way"]["kind"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn it_says_what_the_machine_has() {
    let text = reenact(&["doctor"]).expect(MATCH).stdout;
    for part in ["reenact ", "binary", "toolchain", "rustc", "system", "Program"] {
        assert!(text.contains(part), "`{part}` is missing in: {text}");
    }
    for part in ["toy-plane", "cpu", "usable", "bit-exact audits: yes", "toy 1"] {
        assert!(text.contains(part), "`{part}` is missing in: {text}");
    }
}

#[test]
fn json_has_the_same_keys_always() {
    let keys = |value: &Value| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    let alone = reenact(&["doctor", "--json"]).expect(MATCH);
    assert_eq!(alone.stderr, "");
    let alone = alone.json();
    let top = ["cost", "format", "influences", "machine", "operations", "repetition"];
    assert_eq!(keys(&alone), top);
    assert_eq!(alone["format"], 1);
    for part in ["repetition", "cost", "operations"] {
        assert!(alone[part].is_null(), "{part}");
    }
    let machine = ["binary", "engines", "lock", "reenact", "rustc", "system", "threads"];
    assert_eq!(keys(&alone["machine"]), machine);
    let engines = alone["machine"]["engines"].as_array().unwrap();
    let toy = engines.iter().find(|engine| engine["programs"][0] == "toy-plane").unwrap();
    let device = &toy["devices"][0];
    assert_eq!(keys(device), ["engine", "inexact", "name", "state"]);
    assert_eq!((&device["name"], &device["state"]), (&"cpu".into(), &"usable".into()));
    let whole = reenact(&["doctor", "toy-plane", "--ops", "--json"]).expect(MATCH).json();
    assert_eq!(keys(&whole), top);
    let repetition = keys(&whole["repetition"]);
    let expected =
        ["device", "first", "name", "program", "reproducible", "steps", "threads", "trials"];
    assert_eq!(repetition, expected);
    let operations = ["device", "operations", "problem", "programs"];
    assert_eq!(keys(&whole["operations"][0]), operations);
}

#[test]
fn a_steady_program_is_reproducible() {
    let folder = tempdir().unwrap();
    let spec = toy_spec(folder.path(), &[]);
    let text = doctor(&spec, &[]).expect(MATCH).stdout;
    assert!(text.contains("5 steps") && text.contains("Reproducible"), "{text}");
    assert_eq!(text.matches("every bit agrees").count(), 5, "{text}");
    let found = doctor(&spec, &["--steps", "60", "--json"]).expect(MATCH).json();
    assert_eq!(found["repetition"]["steps"], 60);
    assert_eq!(found["repetition"]["reproducible"], true);
    assert!(found["repetition"]["first"].is_null());
    // The spec that comes with a program is found by the program's name.
    let text = reenact(&["doctor", "toy-plane", "--steps", "1"]).expect(MATCH).stdout;
    assert!(text.contains("1 step with"), "{text}");
    let short = toy_spec(
        folder.path(),
        &[("steps = 60", "steps = 3"), ("every = 10", "every = 3"), ("_steps = 5", "_steps = 1")],
    );
    assert!(doctor(&short, &[]).expect(MATCH).stdout.contains("3 steps"));
}

#[test]
fn it_measures_what_recording_costs() {
    let asked = ["doctor", "toy-plane", "--steps", "2", "--cost"];
    let text = reenact(&asked).expect(MATCH).stdout;
    for part in ["Reproducible", "Cost of recording", "fingerprints add", "a checkpoint takes"] {
        assert!(text.contains(part), "`{part}` is missing in: {text}");
    }
    let found = reenact(&[&asked[..], &["--json"]].concat()).expect(MATCH).json();
    let cost = &found["cost"];
    assert_eq!((&cost["rounds"], &cost["steps"]), (&5.into(), &2.into()), "{cost}");
    assert!(cost["step_ms"].as_f64().unwrap() > 0.0, "{cost}");
    let [least, most] = [0, 1].map(|end| cost["fingerprints_share_range"][end].as_f64().unwrap());
    let share = cost["fingerprints_share"].as_f64().unwrap();
    assert!(least <= share && share <= most, "{cost}");
    reenact(&["doctor", "--cost"]).expect(USAGE);
}

#[test]
fn what_does_not_repeat_is_named_where_it_was_put() {
    let folder = tempdir().unwrap();
    for (part, step, tensors) in [
        ("initial-weights", 0, true),
        ("batch", 3, false),
        ("loss", 3, false),
        ("gradient", 3, true),
        ("update", 3, true),
        ("closing-state", 5, true),
    ] {
        let spec = unsteady(folder.path(), part, "run");
        let found = doctor(&spec, &["--json"]).expect(DIVERGENT).json();
        let first = &found["repetition"]["first"];
        assert_eq!((&first["part"], &first["step"]), (&part.into(), &step.into()), "{first}");
        let named: &[&str] = if tensors { &["model.weight"] } else { &[] };
        assert_eq!(first["tensors"], serde_json::json!(named));
        let ways = ["same-process", "restored", "other-process", "other-process", "threads"];
        assert_eq!(departed(&found), ways, "{part}");
    }
}

#[test]
fn it_says_when_the_bits_differ() {
    let folder = tempdir().unwrap();
    for (by, ways, says) in [
        ("process", &["other-process", "other-process", "threads"][..], "from process to process"),
        ("threads", &["threads"], "with the number of threads"),
        ("restore", &["restored"], "is not part of its state"),
    ] {
        let spec = unsteady(folder.path(), "gradient", by);
        let found = doctor(&spec, &["--json"]).expect(DIVERGENT).json();
        assert_eq!(departed(&found), ways);
        let first = &found["repetition"]["first"];
        assert_eq!((&first["part"], &first["step"]), (&"gradient".into(), &3.into()), "{by}");
        let text = doctor(&spec, &[]).expect(DIVERGENT).stdout;
        for part in [says, "Not reproducible", "step 3, gradient of `model.weight`"] {
            assert!(text.contains(part), "`{part}` is missing in: {text}");
        }
        // It begins after these steps.
        doctor(&spec, &["--steps", "3"]).expect(MATCH);
    }
}

#[test]
fn a_crash_is_no_verdict() {
    let folder = tempdir().unwrap();
    let spec = unsteady(folder.path(), "abort", "run");
    let ran = doctor(&spec, &[]).expect(INCONCLUSIVE);
    ran.says(&["the process that trains failed", "died", "signal"]);
    doctor(&spec, &["--steps", "3"]).expect(MATCH);
}

#[test]
fn operations_are_a_table_with_a_control() {
    let text = reenact(&["doctor", "--ops"]).expect(MATCH).stdout;
    assert!(text.contains("Operations of") && text.contains("deterministic"), "{text}");
    let found = reenact(&["doctor", "toy-plane", "--ops", "--json"]).expect(MATCH).json();
    let operations = found["operations"][0]["operations"].as_array().unwrap();
    let judged = |name: &str| {
        let found = operations.iter().find(|found| found["name"].as_str().unwrap().contains(name));
        found.unwrap()["steadiness"].as_str().unwrap().to_owned()
    };
    assert_eq!(judged("sum"), "deterministic");
    assert_eq!(judged("product"), "deterministic");
    assert_eq!(judged("random"), "unsafe");
}

#[test]
fn what_is_not_there_is_said_with_what_is() {
    let folder = tempdir().unwrap();
    reenact(&["doctor", "toy-plain"]).expect(USAGE).says(&["`toy-plain`", "toy-plane", "TOML"]);
    for arguments in
        [&["doctor", "--device", "tpu:0"][..], &["doctor", "toy-plane", "--device", "tpu:0"]]
    {
        reenact(arguments).expect(INCONCLUSIVE).says(&["tpu:0", "it has cpu"]);
    }
    reenact(&["doctor", "--steps", "3"]).expect(USAGE);
    reenact(&["doctor", "toy-plane", "--steps", "61"]).expect(USAGE).says(&["60 steps"]);
    let cases: [Case; 3] = [
        (&[("device = \"cpu\"", "device = \"tpu\"")], &["tpu", "cuda"]),
        (&[("bdfc", "bdfd")], &["toy-points", "bdfd", "digest"]),
        (&[("[program]\nname = \"toy-plane\"", "[program]\nname = \"toy\"")], &["toy-plane"]),
    ];
    for (replace, says) in cases {
        let spec = toy_spec(folder.path(), replace);
        let ran = doctor(&spec, &[]).expect(USAGE).says(says);
        assert_eq!((ran.stderr.matches("error:").count(), ran.stdout.as_str()), (1, ""));
    }
    // The machine's lack, not the spec's fault.
    let spec = toy_spec(folder.path(), &[("device = \"cpu\"", "device = \"cuda\"")]);
    doctor(&spec, &[]).expect(INCONCLUSIVE).says(&["`cuda:0`", "`cpu`"]);
    for text in ["width = 3", "unsteady = \"all\"", "unsteady_step = -1"] {
        let spec = with_hyperparameters(folder.path(), text);
        doctor(&spec, &[]).expect(USAGE).says(&["`program.hyperparameters`"]);
    }
}
