//! The example is what the guide says it is: short, and a whole command.

use std::process::{Command, Output};

use serde_json::Value;

fn example(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_own-loop"));
    // The user's own ledger is none of a test's business.
    command.env("REENACT_LEDGER", "").args(arguments).output().unwrap()
}

fn json(output: &Output) -> Value {
    let text = String::from_utf8_lossy(&output.stdout);
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {output:?}"))
}

#[test]
fn it_is_recorded_audited_and_drilled() {
    let folder = tempfile::tempdir().unwrap();
    let run = folder.path().join("run");
    let run = run.to_str().unwrap();
    let recorded = example(&["record", "ring", "--out", run, "--json"]);
    assert_eq!(json(&recorded)["segments"], 8, "{recorded:?}");
    let audited = example(&["audit", run, "--json"]);
    assert_eq!(audited.status.code(), Some(0), "{audited:?}");
    assert_eq!(json(&audited)["verdict"]["grade"], "bit-exact");
    let drilled = example(&["drill", run, "--json", "--quick"]);
    assert_eq!(drilled.status.code(), Some(0), "{drilled:?}");
}

#[test]
fn a_sabotaged_training_is_caught_at_its_step() {
    let folder = tempfile::tempdir().unwrap();
    let run = folder.path().join("run");
    let run = run.to_str().unwrap();
    example(&["record", "ring", "--out", run, "--attack", "sign-flip@65"]);
    let audited = example(&["audit", run, "--segment", "2", "--json"]);
    assert_eq!(audited.status.code(), Some(1), "{audited:?}");
    let outcome = &json(&audited)["segments"][0]["outcome"]["replay"];
    // The generator is updated after the critic, whose weights went astray before.
    let step = &outcome["divergence"]["step"];
    assert_eq!((&step["step"], &step["stage"]), (&65.into(), &"loss".into()), "{outcome}");
}

#[test]
fn it_has_a_gate_of_its_own() {
    let folder = tempfile::tempdir().unwrap();
    let spec = folder.path().join("ring.toml");
    std::fs::write(&spec, include_str!("../ring.toml")).unwrap();
    let spec = spec.to_str().unwrap();
    let mut accepting = Command::new(env!("CARGO_BIN_EXE_own-loop"));
    accepting.args(["gate", "accept", spec, "--reason", "first"]).env_remove("CI");
    assert!(accepting.status().unwrap().success());
    let base = env!("CARGO_BIN_EXE_own-loop");
    let gated = example(&["gate", spec, "--base", base, "--json"]);
    assert_eq!(gated.status.code(), Some(0), "{gated:?}");
}

#[test]
fn it_takes_less_than_sixty_lines() {
    let source = include_str!("../src/main.rs");
    let code = source.lines().filter(|line| !line.starts_with("//!") && !line.trim().is_empty());
    assert!(code.count() < 60);
}
