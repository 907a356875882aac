//! A worker that dies or hangs is reported, its segment given to another, and
//! nothing is lost. Workers are found in /proc.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::{TempDir, tempdir};

use crate::common::{INCONCLUSIVE, MATCH, Ran, binary, record, toy_spec};

/// A run of two segments that take a worker long enough to be caught.
fn long_run() -> (TempDir, PathBuf) {
    run_of(30_000)
}

pub(crate) fn run_of(steps_a_segment: u64) -> (TempDir, PathBuf) {
    let folder = tempdir().unwrap();
    let steps = format!("steps = {}", 2 * steps_a_segment);
    let every = format!("every = {steps_a_segment}");
    let spec = toy_spec(folder.path(), &[("steps = 60", &steps), ("every = 10", &every)]);
    let run = folder.path().join("run");
    record(&spec, &run, &[]);
    (folder, run)
}

fn start_audit(run: &Path, jobs: &str, stall_seconds: &str) -> Child {
    start_audit_with(run, jobs, stall_seconds, &[])
}

pub(crate) fn start_audit_with(
    run: &Path,
    jobs: &str,
    stall_seconds: &str,
    more: &[&str],
) -> Child {
    let mut command = binary();
    command.arg("audit").arg(run).args(["--json", "--sample", "all", "--jobs", jobs]);
    command.args(["--stall-seconds", stall_seconds]).args(more);
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    command.spawn().unwrap()
}

/// Waits for a worker on this recording that is not in `known`.
pub(crate) fn next_worker(run: &Path, known: &[u32]) -> u32 {
    let started = Instant::now();
    let run = run.to_str().unwrap();
    while started.elapsed() < Duration::from_secs(60) {
        for entry in fs::read_dir("/proc").unwrap().flatten() {
            let Ok(id) = entry.file_name().to_string_lossy().parse() else { continue };
            let line = fs::read_to_string(entry.path().join("cmdline")).unwrap_or_default();
            let words: Vec<&str> = line.split('\0').collect();
            if words.get(1) == Some(&"worker") && words.contains(&run) && !known.contains(&id) {
                return id;
            }
        }
    }
    panic!("no worker appeared");
}

pub(crate) fn signal(id: u32, name: &str) {
    let status = Command::new("kill").args([name, &id.to_string()]).status().unwrap();
    assert!(status.success(), "the worker was gone before it could be signalled");
}

fn incidents(report: &Value) -> Vec<String> {
    let segments = report["segments"].as_array().unwrap();
    let all =
        segments.iter().flat_map(|segment| segment["incidents"].as_array().into_iter().flatten());
    all.map(|incident| incident.as_str().unwrap().to_owned()).collect()
}

#[test]
fn a_killed_worker_is_replaced() {
    let (_folder, run) = long_run();
    let audit = start_audit(&run, "1", "6");
    signal(next_worker(&run, &[]), "-KILL");
    let report = Ran::from(&audit.wait_with_output().unwrap()).expect(MATCH).json();
    let incidents = incidents(&report);
    assert!(incidents.len() == 1 && incidents[0].contains("died"), "{incidents:?}");
}

#[test]
fn a_hanging_worker_is_ended_and_replaced() {
    let (_folder, run) = long_run();
    let audit = start_audit(&run, "1", "6");
    signal(next_worker(&run, &[]), "-STOP");
    let report = Ran::from(&audit.wait_with_output().unwrap()).expect(MATCH).json();
    let incidents = incidents(&report);
    assert!(incidents.len() == 1 && incidents[0].contains("silent for 6 s"), "{incidents:?}");
}

#[test]
fn two_dead_workers_leave_it_open() {
    let (_folder, run) = long_run();
    let audit = start_audit(&run, "1", "6");
    let first = next_worker(&run, &[]);
    signal(first, "-KILL");
    signal(next_worker(&run, &[first]), "-KILL");
    let report = Ran::from(&audit.wait_with_output().unwrap()).expect(INCONCLUSIVE).json();
    assert_eq!(report["segments"][0]["outcome"]["kind"], "failed");
    assert_eq!(report["segments"][1]["outcome"]["kind"], "replayed");
    let reason = report["reasons"][0].as_str().unwrap();
    assert!(reason.contains("two workers failed"), "{reason}");
}

/// The first worker stands still for as long as the test likes; with two jobs
/// the other segment is replayed all the same.
#[test]
fn two_jobs_are_two_workers_at_a_time() {
    // Longer: the second worker has to be there while the first is being stopped.
    let (_folder, run) = run_of(150_000);
    let audit = start_audit(&run, "2", "600");
    let first = next_worker(&run, &[]);
    signal(first, "-STOP");
    let second = next_worker(&run, &[first]);
    assert_ne!(first, second);
    signal(first, "-CONT");
    let report = Ran::from(&audit.wait_with_output().unwrap()).expect(MATCH).json();
    assert_eq!(incidents(&report), Vec::<String>::new());
}
