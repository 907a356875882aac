//! Audits in a loop while the real recorder writes, finishes and signs: never an
//! accusation, and in the end a match.

use std::process::Stdio;

use tempfile::tempdir;

use crate::common::{INCONCLUSIVE, MATCH, Ran, binary, reenact, toy_spec};

const RECORDINGS: usize = 6;

#[test]
fn an_audit_of_a_run_that_is_being_recorded_does_not_accuse() {
    let folder = tempdir().unwrap();
    let key = folder.path().join("key");
    reenact(&["keygen".as_ref(), "--out".as_ref(), key.as_os_str()]).expect(MATCH);
    let spec =
        toy_spec(folder.path(), &[("steps = 60", "steps = 4000"), ("every = 10", "every = 500")]);
    let ledger = folder.path().join("ledger");
    let mut unfinished = 0;
    for number in 0..RECORDINGS {
        let run = folder.path().join(format!("run-{number}"));
        let mut recorder = binary();
        recorder.arg("record").arg(&spec).arg("--out").arg(&run).arg("--key").arg(&key);
        recorder.stdout(Stdio::null()).stderr(Stdio::null());
        let mut recorder = recorder.spawn().unwrap();
        while !run.join("journal").exists() {
            assert!(recorder.try_wait().unwrap().is_none(), "the recorder has failed");
        }
        loop {
            let ended = recorder.try_wait().unwrap();
            let mut audit = binary();
            audit
                .arg("audit")
                .arg(&run)
                .args(["--json", "--segments", "1", "--ledger"])
                .arg(&ledger);
            let ran = Ran::from(&audit.output().unwrap());
            if let Some(status) = ended {
                assert!(status.success());
                ran.expect(MATCH);
                break;
            }
            assert!(
                [Some(MATCH), Some(INCONCLUSIVE)].contains(&ran.code),
                "{}{}",
                ran.stdout,
                ran.stderr
            );
            unfinished += usize::from(ran.code == Some(INCONCLUSIVE));
        }
    }
    assert!(unfinished >= RECORDINGS, "{unfinished} audits came before the end");
}
