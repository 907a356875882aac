//! The example is what the README says it is: short, and a whole command.

use std::process::{Command, Output};

use serde_json::Value;

fn own_model(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_own-model"));
    // The user's own ledger is none of a test's business.
    command.env("REENACT_LEDGER", "").args(arguments).output().unwrap()
}

fn json(output: &Output) -> Value {
    let text = String::from_utf8_lossy(&output.stdout);
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {output:?}"))
}

#[test]
fn it_records_learns_and_audits() {
    let folder = tempfile::tempdir().unwrap();
    let run = folder.path().join("run");
    let run = run.to_str().unwrap();
    let recorded = own_model(&["record", "cubic", "--out", run, "--json"]);
    assert_eq!(json(&recorded)["segments"], 8);
    let inspected = json(&own_model(&["inspect", run, "--json"]));
    let losses = inspected["losses"].as_array().unwrap();
    let loss = |index: usize| losses[index][1].as_f64().unwrap();
    assert!(loss(losses.len() - 1) < 0.2 * loss(0), "{losses:?}");
    let audited = own_model(&["audit", run, "--json"]);
    assert_eq!(audited.status.code(), Some(0), "{audited:?}");
    assert_eq!(json(&audited)["verdict"]["grade"], "bit-exact");
}

#[test]
fn a_sabotaged_training_is_caught_at_its_step() {
    let folder = tempfile::tempdir().unwrap();
    let run = folder.path().join("run");
    let run = run.to_str().unwrap();
    own_model(&["record", "cubic", "--out", run, "--attack", "sign-flip@60"]);
    let audited = own_model(&["audit", run, "--json"]);
    assert_eq!(audited.status.code(), Some(1));
    let step = &json(&audited)["segments"][2]["outcome"]["replay"]["divergence"]["step"];
    assert_eq!((&step["step"], &step["stage"]), (&60.into(), &"update".into()));
}

#[test]
fn it_has_a_gate_of_its_own() {
    let folder = tempfile::tempdir().unwrap();
    let spec = folder.path().join("cubic.toml");
    std::fs::write(&spec, include_str!("../cubic.toml")).unwrap();
    let spec = spec.to_str().unwrap();
    // Without a lock nothing is judged, and what it computes waits to be accepted.
    let first = own_model(&["gate", spec, "--json"]);
    assert_eq!(first.status.code(), Some(2), "{first:?}");
    let mut accepting = Command::new(env!("CARGO_BIN_EXE_own-model"));
    accepting.args(["gate", "accept", spec, "--reason", "first"]).env_remove("CI");
    assert!(accepting.status().unwrap().success());
    let base = env!("CARGO_BIN_EXE_own-model");
    let gated = own_model(&["gate", spec, "--base", base, "--json"]);
    assert_eq!(gated.status.code(), Some(0), "{gated:?}");
    let found = json(&gated);
    let arms = found["specs"][0]["arms"].as_array().unwrap();
    assert!(arms.len() == 5 && arms.iter().all(|arm| arm["state"] == "pass"), "{found}");
}

#[test]
fn it_takes_less_than_sixty_lines() {
    let source = include_str!("../src/main.rs");
    let code = source.lines().filter(|line| !line.starts_with("//!") && !line.trim().is_empty());
    assert!(code.count() < 60);
}
