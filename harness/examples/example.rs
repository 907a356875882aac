//! What every example is held to: it is recorded, audited, drilled and gated, and short.

use std::process::{Command, Output};

use serde_json::Value;

/// Names an example: its binary and the spec that comes with it.
pub struct Example {
    pub binary: &'static str,
    pub spec: &'static str,
    pub spec_text: &'static str,
    pub source: &'static str,
}

impl Example {
    fn run(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(self.binary);
        // The user's own ledger is none of a test's business.
        command.env("REENACT_LEDGER", "").args(arguments).output().unwrap()
    }

    pub fn is_recorded_audited_and_drilled(&self) {
        let folder = tempfile::tempdir().unwrap();
        let run = folder.path().join("run");
        let run = run.to_str().unwrap();
        let recorded = self.run(&["record", self.spec, "--out", run, "--json"]);
        assert_eq!(json(&recorded)["segments"], 8, "{recorded:?}");
        let audited = self.run(&["audit", run, "--json"]);
        assert_eq!(audited.status.code(), Some(0), "{audited:?}");
        assert_eq!(json(&audited)["verdict"]["grade"], "bit-exact");
        let drilled = self.run(&["drill", run, "--json", "--quick"]);
        assert_eq!(drilled.status.code(), Some(0), "{drilled:?}");
    }

    /// A sign that is flipped shows in its step, and in this part of it.
    pub fn is_caught_in(&self, stage: &str) {
        let folder = tempfile::tempdir().unwrap();
        let run = folder.path().join("run");
        let run = run.to_str().unwrap();
        self.run(&["record", self.spec, "--out", run, "--attack", "sign-flip@65"]);
        let audited = self.run(&["audit", run, "--segment", "2", "--json"]);
        assert_eq!(audited.status.code(), Some(1), "{audited:?}");
        let outcome = &json(&audited)["segments"][0]["outcome"]["replay"];
        let step = &outcome["divergence"]["step"];
        assert_eq!((&step["step"], &step["stage"]), (&65.into(), &stage.into()), "{outcome}");
    }

    pub fn has_a_gate(&self) {
        let folder = tempfile::tempdir().unwrap();
        let spec = folder.path().join("example.toml");
        std::fs::write(&spec, self.spec_text).unwrap();
        let spec = spec.to_str().unwrap();
        let mut accepting = Command::new(self.binary);
        accepting.args(["gate", "accept", spec, "--reason", "first"]).env_remove("CI");
        assert!(accepting.status().unwrap().success());
        let gated = self.run(&["gate", spec, "--base", self.binary, "--json"]);
        assert_eq!(gated.status.code(), Some(0), "{gated:?}");
    }

    pub fn takes_less_than_sixty_lines(&self) {
        let lines = self.source.lines();
        let code = lines.filter(|line| !line.starts_with("//!") && !line.trim().is_empty());
        assert!(code.count() < 60);
    }
}

fn json(output: &Output) -> Value {
    let text = String::from_utf8_lossy(&output.stdout);
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {output:?}"))
}
