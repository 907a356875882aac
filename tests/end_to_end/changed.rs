//! What is done to a recording between its examination and a replay is one kind, with one
//! exit code, whatever was done.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use tempfile::tempdir;

use crate::common::{
    DIVERGENT, INCONCLUSIVE, MATCH, Ran, audit, copy, record, reenact, roots, toy_spec,
};
use crate::workers::{next_worker, run_of, signal, start_audit_with};

/// What is done to a recording, or to a file of it.
type Deed<'a> = &'a dyn Fn(&Path);

/// Audits, and does something to the recording while the worker of the first of two
/// segments stands still.
fn meddled(run: &Path, deed: Deed<'_>) -> Ran {
    meddled_with(run, &[], deed)
}

fn meddled_with(run: &Path, more: &[&str], deed: Deed<'_>) -> Ran {
    let audit = start_audit_with(run, "1", "600", more);
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
    let deeds: [(&str, Deed<'_>); 5] = [
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

/// Whoever takes the state of a segment away while it is audited, and puts it back, has won
/// nothing: the segment is due, whatever is drawn next.
#[test]
fn a_segment_whose_state_was_taken_away_is_due_first() {
    let folder = tempdir().unwrap();
    // Of three: the last is drawn anyhow.
    let spec = [("steps = 60", "steps = 30000"), ("every = 10", "every = 10000")];
    let spec = toy_spec(folder.path(), &spec);
    let (run, ledger) = (folder.path().join("run"), folder.path().join("ledger"));
    let remembered = ["--ledger", ledger.to_str().unwrap()];
    record(&spec, &run, &["--attack", "lr-tamper@15000"]);
    let (state, hidden) = (checkpoint(&run, 1), folder.path().join("hidden"));
    let hide = |_: &Path| fs::rename(&state, &hidden).unwrap();
    for _ in 0..2 {
        let report = meddled_with(&run, &remembered, &hide).expect(INCONCLUSIVE).json();
        assert_eq!(report["segments"][1]["outcome"]["kind"], "changed");
        fs::rename(&hidden, &state).unwrap();
    }
    // Others are asked for, in vain: no match is had while one is due.
    let report = audit(&run, &[&remembered[..], &["--segment", "0,2"]].concat());
    let report = report.expect(INCONCLUSIVE).json();
    assert!(report["reasons"][0].as_str().unwrap().contains("due: 1"), "{report}");
    audit(&run, &[&remembered[..], &["--sample", "1"]].concat()).expect(DIVERGENT);
}

#[test]
fn a_final_state_that_changed_says_nothing_of_a_model_file() {
    let (folder, honest) = run_of(10_000);
    let file = folder.path().join("model.safetensors");
    let exported = ["export".as_ref(), honest.as_os_str(), "--out".as_ref(), file.as_os_str()];
    reenact(&exported).expect(MATCH);
    let model = ["--model", file.to_str().unwrap()];
    let run = folder.path().join("changed");
    copy(&honest, &run);
    let last = roots(&run).len() - 1;
    let deed = |run: &Path| {
        let path = checkpoint(run, last);
        let mut bytes = fs::read(&path).unwrap();
        *bytes.last_mut().unwrap() ^= 1;
        fs::write(path, bytes).unwrap();
    };
    let ran = meddled_with(&run, &model, &deed);
    let report = ran.expect(INCONCLUSIVE).json();
    let found = &report["model_file"];
    assert!(
        found["problem"].as_str().unwrap().contains("not the one that the run is committed to")
    );
    assert_eq!((&found["step"], found["differing"].as_u64()), (&serde_json::Value::Null, Some(0)));
    audit(&honest, &model).expect(MATCH);
}
