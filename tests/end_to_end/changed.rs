//! What is done to a recording between its examination and a replay is one kind, with one
//! exit code, whatever was done.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use crate::common::{DIVERGENT, INCONCLUSIVE, MATCH, Ran, copy, record, roots};
use crate::workers::{next_worker, run_of, signal, start_audit};

/// Audits, and does something to the recording while the worker of the first of two
/// segments stands still.
fn meddled(run: &Path, deed: &dyn Fn(&Path)) -> Ran {
    let audit = start_audit(run, "1", "600");
    let worker = next_worker(run, &[]);
    signal(worker, "-STOP");
    deed(run);
    signal(worker, "-CONT");
    Ran::from(&audit.wait_with_output().unwrap())
}

fn checkpoint(run: &Path, place: usize) -> std::path::PathBuf {
    let line = roots(run).remove(place);
    let root = line.rsplit(' ').next().unwrap().to_owned();
    run.join("checkpoints").join(format!("{root}.safetensors"))
}

#[test]
fn whatever_is_done_to_an_opening_state_is_one_kind() {
    let (folder, honest) = run_of(10_000);
    let deeds: [(&str, &dyn Fn(&Path)); 5] = [
        ("deleted", &|path| fs::remove_file(path).unwrap()),
        ("cut", &|path| fs::write(path, &fs::read(path).unwrap()[..100]).unwrap()),
        ("overwritten", &|path| {
            let mut bytes = fs::read(path).unwrap();
            *bytes.last_mut().unwrap() ^= 1;
            fs::write(path, bytes).unwrap();
        }),
        ("replaced by a link", &|path| {
            fs::remove_file(path).unwrap();
            symlink("/dev/zero", path).unwrap();
        }),
        ("replaced by a folder", &|path| {
            fs::remove_file(path).unwrap();
            fs::create_dir(path).unwrap();
        }),
    ];
    for (name, deed) in deeds {
        let run = folder.path().join(name);
        copy(&honest, &run);
        let report = meddled(&run, &|run| deed(&checkpoint(run, 1))).expect(INCONCLUSIVE).json();
        assert_eq!(report["segments"][0]["outcome"]["kind"], "replayed", "{name}");
        assert_eq!(report["segments"][1]["outcome"]["kind"], "changed", "{name}");
        let reason = report["reasons"][0].as_str().unwrap();
        assert!(reason.contains("the recording changed while it was audited"), "{name}: {reason}");
    }
}

#[test]
fn so_it_is_with_journal_spec_and_commitment() {
    let (folder, honest) = run_of(10_000);
    for name in ["journal", "spec.toml", "commitment"] {
        let run = folder.path().join(name);
        copy(&honest, &run);
        let deed = |run: &Path| fs::remove_file(run.join(name)).unwrap();
        let report = meddled(&run, &deed).expect(INCONCLUSIVE).json();
        assert_eq!(report["segments"][1]["outcome"]["kind"], "changed", "{name}");
    }
    let run = folder.path().join("whole");
    copy(&honest, &run);
    let deed = |run: &Path| fs::rename(run, folder.path().join("elsewhere")).unwrap();
    let report = meddled(&run, &deed).expect(INCONCLUSIVE).json();
    assert_eq!(report["segments"][1]["outcome"]["kind"], "changed");
}

/// Nobody needs a closing state to see that it is another.
#[test]
fn deleting_the_closing_state_changes_no_verdict() {
    let (folder, honest) = run_of(10_000);
    let last = |run: &Path| fs::remove_file(checkpoint(run, 2)).unwrap();
    meddled(&honest, &last).expect(MATCH);
    let spec = folder.path().join("toy.toml");
    let forged = folder.path().join("forged");
    record(&spec, &forged, &["--attack", "lr-tamper@19999"]);
    let report = meddled(&forged, &last).expect(DIVERGENT).json();
    let divergence = &report["segments"][1]["outcome"]["replay"]["divergence"];
    assert!(divergence["closing_unread"].is_string(), "{divergence}");
}
