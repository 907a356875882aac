//! Comparing states takes no more memory when they are larger.

use std::fs::{self, File};
use std::io::{BufWriter, Read};
use std::path::{Path, PathBuf};
use std::process::Stdio;

use reenact_core::format::write_checkpoint;
use reenact_core::state::{DType, State, TensorSpec};
use tempfile::tempdir;

use crate::common::{DIVERGENT, binary};

const TENSORS: usize = 400;
const MEGABYTE: u64 = 1 << 20;

/// Writes a state of this size; `first` is the first byte of every tensor.
fn checkpoint(folder: &Path, bytes: u64, first: u8) -> PathBuf {
    let elements = bytes / 4 / TENSORS as u64;
    let tensor = |number: usize| {
        // Long names make a long report: see `peak`.
        let name = format!("model.{number}.{}", "x".repeat(200));
        let mut content = vec![0; 4 * elements as usize];
        content[0] = first;
        (TensorSpec { name, dtype: DType::F32, shape: vec![elements] }, content)
    };
    let state = State::from_named((0..TENSORS).map(tensor).collect()).unwrap();
    let path = folder.join(format!("{bytes}-{first}"));
    write_checkpoint(&state, &mut BufWriter::new(File::create(&path).unwrap())).unwrap();
    path
}

/// Returns the most memory that comparing two states of this size takes.
fn peak(bytes: u64) -> u64 {
    let folder = tempdir().unwrap();
    let (a, b) = (checkpoint(folder.path(), bytes, 1), checkpoint(folder.path(), bytes, 2));
    let mut command = binary();
    command.args(["diff", "--json"]).arg(a).arg(b).stdout(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut report = child.stdout.take().unwrap();
    // Once it begins to report, the comparison is done; and it cannot end
    // before the report is read, which is longer than a pipe holds.
    report.read_exact(&mut [0]).unwrap();
    let status = fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap();
    let mut rest = Vec::new();
    report.read_to_end(&mut rest).unwrap();
    assert!(rest.len() > 100_000, "{} bytes of report", rest.len());
    assert_eq!(child.wait().unwrap().code(), Some(DIVERGENT));
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() << 10
}

#[test]
fn a_comparison_takes_the_same_memory_for_ten_times_the_state() {
    let (small, large) = (peak(9 * MEGABYTE), peak(90 * MEGABYTE));
    assert!(large < small + 3 * MEGABYTE, "{small} bytes, then {large}");
}
