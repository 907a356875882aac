//! The gate on real models: a changed build is blamed at its step and part.

use std::fs;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::common::gate::{MOVED, accept, arm, changed, gate, gate_of, honest};
use crate::common::{INCONCLUSIVE, MATCH};

const STEPS: [&str; 2] = ["--steps", "20"];

/// Writes the spec of a program and makes its lock.
fn accepted(folder: &Path, name: &str) -> PathBuf {
    let specs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../replay-specs");
    let (spec, file) = (folder.join(format!("{name}.toml")), format!("{name}.toml"));
    fs::copy(specs.join(file), &spec).unwrap();
    accept(&spec, &STEPS).expect(MATCH);
    spec
}

/// A training has burn's own type, of which there is one a process.
#[test]
fn specs_of_two_precisions_are_gated_by_one_command() {
    let folder = TempDir::new().unwrap();
    let single = accepted(folder.path(), "digits-mlp");
    let text = fs::read_to_string(&single).unwrap().replace("format = 1", "format = 2");
    let half = folder.path().join("half.toml");
    let (program, precise) = ("[program]\n", "[program]\nprecision = \"bf16\"\n");
    fs::write(&half, text.replace(program, precise)).unwrap();
    accept(&half, &STEPS).expect(MATCH);
    let found = gate(folder.path(), &[]).expect(MATCH).json();
    assert_eq!(found["specs"].as_array().map(Vec::len), Some(2), "{found}");
}

#[test]
fn a_changed_build_is_blamed_at_its_step_and_part() {
    // One unit of one weight; the order of the data; what another epsilon of AdamW would do.
    let all = [("in-run-edit@17", 17, "update"), ("order-swap@9", 9, "batch")];
    let rule = [("moment-edit@5..20*1.0001", 5, "update")];
    let cases = [
        ("digits-mlp", [&all[..], &rule[..]].concat()),
        ("digits-cnn", all[1..].to_vec()),
        ("cicero-gpt", rule.to_vec()),
    ];
    let folder = TempDir::new().unwrap();
    for (name, changes) in cases {
        let spec = accepted(folder.path(), name);
        gate(&spec, &["--arms", "baseline,canary"]).expect(MATCH);
        for (change, step, part) in changes {
            let build = changed(folder.path(), change);
            let asked = ["--base", honest(), "--arms", "baseline,canary"];
            let found = gate_of(&build, &spec, &asked).expect(MOVED).json();
            let moved = &arm(&found, "baseline")["moved"];
            assert_eq!(
                (&moved["step"], &moved["part"]),
                (&step.into(), &part.into()),
                "{name}, {change}: {found}"
            );
            let words = arm(&found, "baseline")["words"].as_str().unwrap();
            assert!(words.starts_with("changed by this build"), "{name}, {change}: {words}");
        }
    }
    // Without a lock nothing is judged.
    fs::remove_file(folder.path().join("digits-mlp.lock")).unwrap();
    let spec = folder.path().join("digits-mlp.toml");
    gate(&spec, &["--arms", "baseline,canary"]).expect(INCONCLUSIVE);
}
