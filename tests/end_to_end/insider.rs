//! An insider who edits a recording and signs it again with the trainer's own
//! key, and an auditor who has nothing but the recording and the public key.

use std::fs;
use std::path::{Path, PathBuf};

use reenact_core::attack::{PostHocAttack, plant};
use reenact_store::Directory;
use tempfile::{TempDir, tempdir};

use crate::common::{
    DIVERGENT, MATCH, Ran, audit, binary, copy, divergent_segments, findings, record, toy_spec,
};

/// Holds a signed recording, the key, and the list with its public half.
struct Signed {
    folder: TempDir,
    run: PathBuf,
    key: PathBuf,
    signers: PathBuf,
}

fn signed() -> Signed {
    let folder = tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let (run, key, signers) = (path("run"), path("key"), path("signers"));
    let made = binary().args(["keygen", "--json", "--out"]).arg(&key).output().unwrap();
    let made = Ran::from(&made).expect(MATCH).json();
    fs::write(&signers, format!("{}\n", made["allowed_signer"].as_str().unwrap())).unwrap();
    record(&toy_spec(folder.path(), &[]), &run, &["--key", key.to_str().unwrap()]);
    Signed { folder, run, key, signers }
}

impl Signed {
    /// Edits a copy, recomputes every digest, and signs it again.
    fn edited(&self, attack: &str) -> PathBuf {
        let forged = self.folder.path().join(attack);
        let attack: PostHocAttack = attack.parse().unwrap();
        let source = Directory::open(&self.run).unwrap();
        plant(&attack, &source, None, &mut Directory::create(&forged).unwrap()).unwrap();
        let _ = fs::remove_file(forged.join("commitment.sig"));
        let mut signing = binary();
        signing.args(["record", "--resume", "--out"]).arg(&forged).arg("--key").arg(&self.key);
        Ran::from(&signing.output().unwrap()).expect(MATCH);
        forged
    }

    fn audit(&self, run: &Path, code: i32) -> serde_json::Value {
        let signers = self.signers.to_str().unwrap();
        audit(run, &["--allowed-signers", signers, "--nonce", "n", "--sample", "6"])
            .expect(code)
            .json()
    }
}

#[test]
fn an_edit_signed_again_is_caught_by_replay_alone() {
    let signed = signed();
    assert_eq!(signed.audit(&signed.run, MATCH)["vouched"]["kind"], "trusted");
    for attack in ["weight-edit@30*1", "moment-edit@30*1.01", "no-training"] {
        let report = signed.audit(&signed.edited(attack), DIVERGENT);
        assert_eq!(report["vouched"]["kind"], "trusted", "{attack}: the key is the trainer's own");
        assert_eq!(findings(&report), [], "{attack}: every digest was recomputed");
        assert!(!divergent_segments(&report).is_empty(), "{attack}");
    }
}

#[test]
fn whoever_has_the_recording_and_the_public_key_comes_to_the_same_verdict() {
    let signed = signed();
    for (run, code) in [(signed.run.clone(), MATCH), (signed.edited("weight-edit@30"), DIVERGENT)] {
        let first = signed.audit(&run, code);
        let elsewhere = tempdir().unwrap();
        let received = elsewhere.path().join("received");
        copy(&run, &received);
        let again = signed.audit(&received, code);
        for part in ["verdict", "reasons", "challenge", "findings", "segments", "escape"] {
            assert_eq!(first[part], again[part], "{part}");
        }
    }
}
