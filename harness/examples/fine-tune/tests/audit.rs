//! A fine-tuning is bound to the run that it begins with.

use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

fn example(folder: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_fine-tune"));
    command.env("REENACT_LEDGER", "").current_dir(folder).args(arguments).output().unwrap()
}

fn json(output: &Output) -> Value {
    let text = String::from_utf8_lossy(&output.stdout);
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {output:?}"))
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Records a run to begin with: the same model, trained by this very program from nothing.
fn pretrained(folder: &Path) {
    let spec = include_str!("../digits-tuned.toml");
    let start = spec.find("# The run that").unwrap()..spec.find("[batch]").unwrap();
    let mut spec = spec.to_owned();
    spec.replace_range(start, "");
    let spec =
        spec.replace("steps = 60", "steps = 30").replace("frozen_until = 60", "frozen_until = 0");
    std::fs::write(folder.join("pretrained.toml"), spec).unwrap();
    let recorded = example(folder, &["record", "pretrained.toml", "--out", "digits"]);
    assert!(recorded.status.success(), "{recorded:?}");
}

#[test]
fn it_begins_with_the_run_that_it_names() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    pretrained(folder);
    std::fs::write(folder.join("tuned.toml"), include_str!("../digits-tuned.toml")).unwrap();
    // Not yet the commitment of the recording that lies there.
    let refused = example(folder, &["record", "tuned.toml", "--out", "tuned"]);
    assert_eq!(refused.status.code(), Some(64), "{refused:?}");
    assert!(said(&refused).contains("under [start]"), "{}", said(&refused));
    assert!(example(folder, &["data", "digest", "tuned.toml", "--write"]).status.success());
    let recorded = example(folder, &["record", "tuned.toml", "--out", "tuned"]);
    assert!(recorded.status.success(), "{recorded:?}");
    let audited = example(folder, &["audit", "tuned", "--json"]);
    assert_eq!(audited.status.code(), Some(0), "{audited:?}");
    // What is held back stays what it was.
    let differs = example(folder, &["diff", "digits@30", "tuned@60", "--json"]);
    let differences = json(&differs)["differences"].to_string();
    assert!(!differences.contains("model.conv"), "{differences}");
    assert!(differences.contains("model.linear2.weight"), "{differences}");
    // Another run in its place is refused, and nobody is accused.
    std::fs::rename(folder.join("digits"), folder.join("gone")).unwrap();
    let audited = example(folder, &["audit", "tuned", "--json"]);
    assert_eq!(audited.status.code(), Some(2), "{audited:?}");
}
