//! What hashing and comparing stored states costs: against BLAKE3 over the same
//! bytes in memory.

use std::fs;
use std::path::Path;

use reenact_core::format::Checkpoint;
use reenact_core::state::fingerprint;

use crate::pairs::pairs;
use crate::rows::{Limit, Row};
use crate::states;

const LIMIT: Limit = Limit::AtMost(1.25);

/// Hashes and compares states of 90 MB that lie in the page cache.
pub fn measure(repeat: usize) -> Vec<Row> {
    let folder = tempfile::tempdir().expect("there is a temporary folder");
    let path = |name: &str| folder.path().join(name);
    let state = states::large(1);
    let (a, same) = (states::stored(&state, &path("a")), states::stored(&state, &path("same")));
    drop(state);
    let other = states::stored(&states::large(2), &path("other"));
    let (bytes, other_bytes) = (read(&path("a")), read(&path("other")));
    let count = 30 * repeat as u64;
    vec![
        root(&a, &bytes, count),
        differences("comparison, equal 90 MB", (&a, &same), (&bytes, &bytes), count),
        differences("comparison, all differs", (&a, &other), (&bytes, &other_bytes), count),
        prints("fingerprint, 90 MB", &bytes, 1, count),
        prints("fingerprint, 256 KiB", &bytes[..1 << 18], 100, count),
    ]
}

fn read(path: &Path) -> Vec<u8> {
    fs::read(path).expect("the file was just written")
}

fn root(a: &Checkpoint, bytes: &[u8], count: u64) -> Row {
    let root = || a.root().expect("the file is whole");
    let pairs = pairs(count, root, || blake3::hash(bytes));
    let row = Row::of_times("checkpoint root, 90 MB", ("Checkpoint::root", "BLAKE3"), &pairs);
    row.over_bytes(bytes.len() as u64).limited(LIMIT)
}

fn differences(
    name: &str,
    (a, b): (&Checkpoint, &Checkpoint),
    (a_bytes, b_bytes): (&[u8], &[u8]),
    count: u64,
) -> Row {
    let compare = || a.differences(b).expect("the files are whole");
    let pairs = pairs(count, compare, || (blake3::hash(a_bytes), blake3::hash(b_bytes)));
    let row = Row::of_times(name, ("differences", "BLAKE3 of both"), &pairs);
    row.over_bytes(2 * a_bytes.len() as u64).limited(LIMIT)
}

fn prints(name: &str, bytes: &[u8], times: usize, count: u64) -> Row {
    let print = || {
        for _ in 0..times {
            std::hint::black_box(fingerprint(bytes));
        }
    };
    let hash = || {
        for _ in 0..times {
            std::hint::black_box(blake3::hash(bytes));
        }
    };
    let row = Row::of_times(name, ("fingerprint", "BLAKE3"), &pairs(count, print, hash));
    row.over_bytes((times * bytes.len()) as u64)
}
