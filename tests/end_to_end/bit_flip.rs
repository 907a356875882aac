//! One bit of any byte of a recording is flipped: an audit must not pass.

use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

use tempfile::tempdir;

use crate::common::{MATCH, Ran, audit, copy, files, record, toy_spec};

#[test]
fn no_flipped_bit_passes() {
    let folder = tempdir().unwrap();
    let run = folder.path().join("run");
    let spec = toy_spec(
        folder.path(),
        &[
            ("steps = 60", "steps = 4"),
            ("every = 10", "every = 2"),
            ("warmup_steps = 5", "warmup_steps = 1"),
        ],
    );
    record(&spec, &run, &[]);
    audit(&run, &[]).expect(MATCH);
    let places: Vec<(usize, usize)> = files(&run)
        .iter()
        .enumerate()
        .flat_map(|(file, path)| {
            let bytes = fs::metadata(path).unwrap().len() as usize;
            (0..bytes).map(move |byte| (file, byte))
        })
        .collect();
    assert!(places.len() > 2000, "{}", places.len());
    let next = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for worker in 0..2 {
            let copied = folder.path().join(format!("copy-{worker}"));
            copy(&run, &copied);
            let (places, next) = (&places, &next);
            scope.spawn(move || {
                while let Some(&(file, byte)) = places.get(next.fetch_add(1, Ordering::Relaxed)) {
                    // Every bit position gets its turn.
                    flip(&copied, file, byte, 1 << ((byte + file) % 8));
                }
            });
        }
    });
}

/// Flips, audits, and flips back.
fn flip(run: &Path, file: usize, byte: usize, mask: u8) {
    let path = &files(run)[file];
    let honest = fs::read(path).unwrap();
    let mut flipped = honest.clone();
    flipped[byte] ^= mask;
    fs::write(path, flipped).unwrap();
    let Ran { code, stderr, .. } = audit(run, &[]);
    assert!(
        matches!(code, Some(1 | 2)),
        "{} byte {byte} mask {mask:#x}: {code:?} {stderr}",
        path.display()
    );
    fs::write(path, honest).unwrap();
}
