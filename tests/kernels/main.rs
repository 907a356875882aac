//! Kernels that are compiled and chosen while they run, through the real binary.
//!
//! The device `cubecl-cpu` has the kernels of GPU backends, their fusion and their
//! tuning, compiled for the processor. So these tests cover for CUDA: that what
//! configures kernels is set in code, that choices are recorded, pinned, compared
//! and checked, that a state goes on after a checkpoint as it would have without
//! one, and that fingerprints which a kernel summed are those of the processor: every
//! audit compares them with what it computes from the checkpoints. They do not cover
//! what only a GPU has: its scheduling, its atomics, tensor cores, the driver's own
//! translation of kernels.
//!
//! Compiling and timing kernels takes half a minute a training, so these are tiny.

#[path = "../common/mod.rs"]
mod common;
#[cfg(feature = "cuda")]
mod cuda;
#[cfg(feature = "cuda")]
mod stand_in;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use common::{INCONCLUSIVE, MATCH, Ran, audit, binary, record};
use serde_json::Value;
use tempfile::TempDir;

const SPEC: &str = include_str!("tiny.toml");

/// Holds a folder with the spec and one honest recording, made once.
fn honest() -> &'static Path {
    static MADE: OnceLock<(TempDir, PathBuf)> = OnceLock::new();
    let (_, run) = MADE.get_or_init(|| {
        let folder = tempfile::tempdir().unwrap();
        let run = folder.path().join("run");
        record(&spec(folder.path()), &run, &[]);
        (folder, run)
    });
    run
}

fn spec(folder: &Path) -> PathBuf {
    let path = folder.join("tiny.toml");
    fs::write(&path, SPEC).unwrap();
    path
}

fn inspect(run: &Path) -> Value {
    Ran::from(&binary().arg("inspect").arg(run).arg("--json").output().unwrap())
        .expect(MATCH)
        .json()
}

/// Names the tables from which kernels were selected.
fn tables(run: &Path) -> Vec<String> {
    let inspected = inspect(run);
    let selections = inspected["selections"].as_array().unwrap();
    assert!(selections.iter().all(|found| !found["kernel"].as_str().unwrap().is_empty()));
    selections.iter().map(|found| found["table"].as_str().unwrap().to_owned()).collect()
}

fn has_fused(tables: &[String]) -> bool {
    tables.iter().any(|table| table.contains("fusion"))
}

fn class(run: &Path) -> Value {
    let class = inspect(run)["environments"][0]["environment"]["engine"]["class"].clone();
    assert!(class.is_object(), "{class}");
    class
}

#[test]
fn a_replay_with_the_recorded_kernels_agrees_bit_for_bit() {
    assert!(has_fused(&tables(honest())));
    let report = audit(honest(), &[]).expect(MATCH).json();
    assert_eq!(report["verdict"]["grade"], "bit-exact", "{report}");
    for segment in report["segments"].as_array().unwrap() {
        assert!(segment["outcome"]["replay"]["unrecorded"].is_null(), "{segment}");
    }
}

#[test]
fn hostile_files_and_variables_change_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let run = folder.path().join("run");
    let hostile = "[autotune]\ndisable_cache = true\n[environment]\nname = \"hostile\"\n";
    fs::write(folder.path().join("cubecl.toml"), hostile).unwrap();
    let unfused = "[fusion.beam_search]\nmax_explorations = 0\n";
    fs::write(folder.path().join("burn.toml"), unfused).unwrap();
    let here = |command: &mut std::process::Command| {
        command
            .current_dir(folder.path())
            .env("CUBECL_AUTOTUNE_CACHE", "0")
            .env("CUBECL_ENVIRONMENT", "hostile")
            .env("BURN_FUSION_MAX_EXPLORATIONS", "0");
        Ran::from(&command.output().unwrap())
    };
    let mut command = binary();
    command.arg("record").arg(spec(folder.path())).arg("--out").arg(&run);
    here(&mut command).expect(MATCH);
    // Without a cache no choice would be known, and without fusion none of a fused
    // kernel.
    assert!(has_fused(&tables(&run)));
    assert_eq!(class(&run), class(honest()));
    let mut command = binary();
    command.arg("audit").arg(&run).args(["--sample", "1"]);
    here(&mut command).expect(MATCH);
    let mut command = binary();
    let said = here(command.arg("doctor")).expect(MATCH).stdout;
    for name in ["cubecl.toml", "burn.toml", "CUBECL_AUTOTUNE_CACHE", "BURN_FUSION_MAX"] {
        assert!(said.contains(name), "{said}");
    }
}

#[test]
fn without_fusion_is_another_class_and_agrees_with_itself() {
    let folder = tempfile::tempdir().unwrap();
    let run = folder.path().join("run");
    let unfused = ["--device", "cubecl-cpu/unfused"];
    record(&spec(folder.path()), &run, &unfused);
    assert!(!has_fused(&tables(&run)));
    audit(&run, &unfused).expect(MATCH);
    let report = audit(&run, &["--sample", "1"]).expect(INCONCLUSIVE).json();
    assert!(report.to_string().contains("fusion"), "{report}");
}

#[test]
fn attacks_are_caught() {
    let attacks = "lr-tamper,weight-edit,kernel-swap,poisoned-selections,withheld-selections";
    let mut command = binary();
    command.arg("drill").arg(honest()).args(["--quick", "--json", "--attacks", attacks]);
    let drilled = Ran::from(&command.output().unwrap()).expect(MATCH).json();
    let rows = drilled["rows"].as_array().or(drilled["attacks"].as_array()).unwrap();
    assert!(rows.len() >= 5, "{drilled}");
}

#[test]
fn a_gpu_that_is_not_there_is_a_clear_error() {
    if cfg!(not(feature = "cuda")) || Path::new("/proc/driver/nvidia/version").exists() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let mut command = binary();
    command.arg("record").arg(spec(folder.path())).args(["--device", "cuda:0", "--out"]);
    let said = Ran::from(&command.arg(folder.path().join("run")).output().unwrap());
    said.expect(INCONCLUSIVE).says(&["cuda:0", "no NVIDIA driver"]);
}

#[test]
fn every_operation_that_training_uses_repeats() {
    let mut command = binary();
    command.args(["doctor", "--ops", "--device", "cubecl-cpu", "--json"]);
    let found = Ran::from(&command.output().unwrap()).expect(MATCH).json();
    let operations = found["operations"][0]["operations"].as_array().unwrap();
    assert_eq!(operations.len(), 17, "{found}");
    let used = |operation: &&Value| !operation["name"].as_str().unwrap().contains("not used here");
    for operation in operations.iter().filter(used) {
        let steady = ["deterministic", "pinned-deterministic"];
        assert!(steady.contains(&operation["steadiness"].as_str().unwrap()), "{operation}");
    }
}
