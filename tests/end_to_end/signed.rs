//! Who vouches for a recording: keys, signatures, and whom an audit trusts.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use tempfile::tempdir;

use crate::common::{
    DIVERGENT, INCONCLUSIVE, MATCH, Ran, USAGE, audit, binary, copy, findings, record, toy_spec,
};

const NAMESPACE: &str = "reenact-commitment@v1";

/// Makes a key and a list with it alone; returns both files.
pub(crate) fn keygen(folder: &Path, name: &str) -> (String, String) {
    let key = folder.join(name);
    let output = binary().args(["keygen", "--json", "--out"]).arg(&key).output().unwrap();
    let made = Ran::from(&output).expect(MATCH).json();
    let signers = folder.join(format!("{name}.allowed"));
    fs::write(&signers, format!("{}\n", made["allowed_signer"].as_str().unwrap())).unwrap();
    (key.to_str().unwrap().into(), signers.to_str().unwrap().into())
}

fn short_spec(folder: &Path, name: &str) -> PathBuf {
    toy_spec(
        folder,
        &[
            ("steps = 60", "steps = 20"),
            ("name = \"toy-plane\"\nroot", &format!("name = \"{name}\"\nroot")),
        ],
    )
}

/// Runs ssh-keygen, if the machine has it. Where `CI` is set it has to.
fn ssh_keygen(arguments: &[&str], input: &Path) -> Option<Output> {
    let input = File::open(input).unwrap();
    match Command::new("ssh-keygen").args(arguments).stdin(input).output() {
        Ok(output) => Some(output),
        Err(error) => {
            let problem = format!("ssh-keygen ({error}); it comes with openssh-client");
            assert!(std::env::var_os("CI").is_none(), "this test needs {problem}");
            // Past the test harness, which would swallow it.
            let mut plain = std::io::stderr();
            writeln!(plain, "NOT CHECKED, for want of {problem}").unwrap();
            None
        }
    }
}

fn ssh_verify(run: &Path, signers: &str, principal: &str) -> Option<Output> {
    let signature = run.join("commitment.sig");
    let signature = signature.to_str().unwrap();
    let verify = ["-Y", "verify", "-f", signers, "-I", principal, "-n", NAMESPACE, "-s", signature];
    ssh_keygen(&verify, &run.join("commitment"))
}

#[track_caller]
fn expect_success(output: &Output) {
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{}{said}", String::from_utf8_lossy(&output.stdout));
}

#[test]
fn an_audit_says_who_vouches() {
    let folder = tempdir().unwrap();
    let (key, signers) = keygen(folder.path(), "trainer");
    let (_, others) = keygen(folder.path(), "other");
    let run = folder.path().join("run");
    let recorded = record(&short_spec(folder.path(), "run"), &run, &["--key", &key]);
    let report = audit(&run, &[]).expect(MATCH).json();
    assert_eq!(report["vouched"]["kind"], "unknown-key");
    assert_eq!(report["vouched"]["key"], recorded["signed_by"]);
    let report = audit(&run, &["--allowed-signers", &signers]).expect(MATCH).json();
    assert_eq!(report["vouched"]["kind"], "trusted");
    assert_eq!(report["vouched"]["principal"], "trainer");
    let report = audit(&run, &["--allowed-signers", &others]).expect(INCONCLUSIVE).json();
    assert_eq!(report["vouched"]["kind"], "unknown-key");
    let reason = report["reasons"][0].as_str().unwrap();
    assert!(reason.contains("nobody trusted vouches"), "{reason}");
}

#[test]
fn an_unsigned_recording_says_so() {
    let folder = tempdir().unwrap();
    let (_, signers) = keygen(folder.path(), "trainer");
    let run = folder.path().join("run");
    record(&short_spec(folder.path(), "run"), &run, &[]);
    assert_eq!(audit(&run, &[]).expect(MATCH).json()["vouched"]["kind"], "unsigned");
    let report = audit(&run, &["--allowed-signers", &signers]).expect(INCONCLUSIVE).json();
    assert_eq!(report["findings"][0]["place"]["object"], "commitment.sig");
    for command in ["audit", "inspect"] {
        let output = binary().arg(command).arg(&run).output().unwrap();
        let text = Ran::from(&output).expect(MATCH).stdout;
        let line = text.lines().find(|line| line.contains("signature")).unwrap();
        assert!(line.ends_with(" none"), "{text}");
    }
}

#[test]
fn ssh_keygen_verifies_a_recording() {
    let folder = tempdir().unwrap();
    let (key, signers) = keygen(folder.path(), "trainer");
    let run = folder.path().join("run");
    record(&short_spec(folder.path(), "run"), &run, &["--key", &key]);
    let Some(verified) = ssh_verify(&run, &signers, "trainer") else { return };
    expect_success(&verified);
    // The key file is one of theirs, and so is the public half.
    let public = ssh_keygen(&["-y", "-f", &key], Path::new(&key)).unwrap();
    expect_success(&public);
    assert_eq!(public.stdout, fs::read(format!("{key}.pub")).unwrap());
    let commitment = run.join("commitment");
    let mut altered = fs::read(&commitment).unwrap();
    altered.push(b'\n');
    fs::write(&commitment, altered).unwrap();
    assert!(!ssh_verify(&run, &signers, "trainer").unwrap().status.success());
}

#[test]
fn keys_and_signatures_of_ssh_keygen_do_as_well() {
    let folder = tempdir().unwrap();
    let (spec, key) = (short_spec(folder.path(), "run"), folder.path().join("id"));
    let key = key.to_str().unwrap();
    let made = ssh_keygen(&["-q", "-t", "ed25519", "-N", "", "-C", "ada", "-f", key], &spec);
    let Some(made) = made else { return };
    expect_success(&made);
    let (ours, theirs) = (folder.path().join("ours"), folder.path().join("theirs"));
    record(&spec, &ours, &["--key", key]);
    record(&spec, &theirs, &[]);
    let commitment = theirs.join("commitment");
    let sign = ["-Y", "sign", "-n", NAMESPACE, "-f", key, commitment.to_str().unwrap()];
    expect_success(&ssh_keygen(&sign, &spec).unwrap());
    let signature = |run: &Path| fs::read_to_string(run.join("commitment.sig")).unwrap();
    assert_eq!(signature(&ours), signature(&theirs));
    let signers = folder.path().join("allowed");
    let public = fs::read_to_string(format!("{key}.pub")).unwrap();
    fs::write(&signers, format!("# us\nada@example.org {public}")).unwrap();
    let signers = signers.to_str().unwrap();
    let report = audit(&theirs, &["--allowed-signers", signers]).expect(MATCH).json();
    assert_eq!(report["vouched"]["principal"], "ada@example.org");
    expect_success(&ssh_verify(&ours, signers, "ada@example.org").unwrap());
}

#[test]
fn a_signature_with_a_flipped_bit_is_divergent() {
    let folder = tempdir().unwrap();
    let (key, _) = keygen(folder.path(), "trainer");
    let run = folder.path().join("run");
    record(&short_spec(folder.path(), "run"), &run, &["--key", &key]);
    let path = run.join("commitment.sig");
    let honest = fs::read(&path).unwrap();
    for byte in (0..honest.len()).step_by(7).chain([honest.len() - 1]) {
        let mut flipped = honest.clone();
        flipped[byte] ^= 1 << (byte % 8);
        fs::write(&path, flipped).unwrap();
        let report = audit(&run, &["--sample", "1"]).expect(DIVERGENT).json();
        assert_eq!(findings(&report)[0].0, "commitment.sig", "byte {byte}");
    }
}

#[test]
fn the_signature_of_another_recording_is_divergent() {
    let folder = tempdir().unwrap();
    let (key, signers) = keygen(folder.path(), "trainer");
    let (a, b) = (folder.path().join("a"), folder.path().join("b"));
    record(&short_spec(folder.path(), "a"), &a, &["--key", &key]);
    record(&short_spec(folder.path(), "b"), &b, &["--key", &key]);
    fs::copy(a.join("commitment.sig"), b.join("commitment.sig")).unwrap();
    let report = audit(&b, &["--allowed-signers", &signers]).expect(DIVERGENT).json();
    assert!(findings(&report)[0].2.contains("does not verify"), "{report}");
    assert_eq!(report["vouched"]["kind"], "broken");
}

#[test]
fn a_complete_recording_can_be_signed_once() {
    let folder = tempdir().unwrap();
    let (key, signers) = keygen(folder.path(), "trainer");
    let (second, _) = keygen(folder.path(), "second");
    let run = folder.path().join("run");
    let resume = |key: &str| {
        let output =
            binary().args(["record", "--resume", "--key", key, "--out"]).arg(&run).output();
        Ran::from(&output.unwrap())
    };
    record(&short_spec(folder.path(), "run"), &run, &[]);
    resume(&key).expect(MATCH).says(&["is signed with the key SHA256:"]);
    audit(&run, &["--allowed-signers", &signers]).expect(MATCH);
    resume(&key).expect(MATCH);
    resume(&second).expect(USAGE).says(&["signed already, with the key SHA256:"]);
    audit(&run, &["--allowed-signers", &signers]).expect(MATCH);
}

#[test]
fn a_key_is_never_overwritten() {
    let folder = tempdir().unwrap();
    let (key, _) = keygen(folder.path(), "trainer");
    let before = fs::read(&key).unwrap();
    let again = |path: &str| Ran::from(&binary().args(["keygen", "--out", path]).output().unwrap());
    again(&key).expect(USAGE).says(&["trainer exists", "never overwritten"]);
    assert_eq!(fs::read(&key).unwrap(), before);
    fs::remove_file(&key).unwrap();
    again(&key).expect(USAGE).says(&["trainer.pub exists"]);
    assert!(!Path::new(&key).exists());
    #[cfg(unix)]
    {
        let (other, _) = keygen(folder.path(), "other");
        let mode =
            std::os::unix::fs::PermissionsExt::mode(&fs::metadata(other).unwrap().permissions());
        assert_eq!(mode & 0o777, 0o600);
    }
}

#[test]
fn a_key_is_shown_to_people() {
    let folder = tempdir().unwrap();
    let out = folder.path().join("key");
    let run = |name: &str| {
        let output = binary().args(["keygen", "--name", name, "--out"]).arg(&out).output();
        Ran::from(&output.unwrap())
    };
    run("two words").expect(USAGE).says(&["`two words` is no name", "--name"]);
    let text = run("ada@example.org").expect(MATCH).stdout;
    let line = format!("    ada@example.org namespaces=\"{NAMESPACE}\" ssh-ed25519 AAAA");
    assert!(text.contains(&line) && text.contains("    SHA256:"), "{text}");
    assert!(text.contains(fs::read_to_string(out.with_extension("pub")).unwrap().trim()), "{text}");
}

#[test]
fn files_that_are_no_keys() {
    let folder = tempdir().unwrap();
    let (key, _) = keygen(folder.path(), "trainer");
    let spec = short_spec(folder.path(), "run");
    let file = |name: &str, content: &[u8]| {
        let path = folder.path().join(name);
        fs::write(&path, content).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let whole = fs::read_to_string(&key).unwrap();
    let cases = [
        (folder.path().join("none").to_str().unwrap().to_owned(), "No such file"),
        (file("noise", &[0xff; 300]), "it is no key"),
        (file("text", b"secret\n"), "no ed25519 key in OpenSSH's form"),
        (file("cut", &whole.as_bytes()[..200]), "no ed25519 key in OpenSSH's form"),
        (file("copy.pub", &fs::read(format!("{key}.pub")).unwrap()), "it is a public key"),
    ];
    let out = folder.path().join("run");
    for (key, says) in cases {
        let output =
            binary().arg("record").arg(&spec).args(["--key", &key, "--out"]).arg(&out).output();
        Ran::from(&output.unwrap()).expect(USAGE).says(&[&key, says]);
        assert!(!out.exists(), "nothing is recorded that could not be signed");
    }
    let path = folder.path().join("locked");
    let encrypt = ["-q", "-t", "ed25519", "-N", "pass phrase", "-f", path.to_str().unwrap()];
    if let Some(made) = ssh_keygen(&encrypt, &spec) {
        expect_success(&made);
        let output = binary()
            .arg("record")
            .arg(&spec)
            .arg("--key")
            .arg(&path)
            .arg("--out")
            .arg(&out)
            .output();
        Ran::from(&output.unwrap()).expect(USAGE).says(&["is encrypted", "ssh-keygen -Y sign"]);
    }
}

#[test]
fn lists_that_cannot_be_trusted() {
    let folder = tempdir().unwrap();
    let (key, _) = keygen(folder.path(), "trainer");
    let run = folder.path().join("run");
    record(&short_spec(folder.path(), "run"), &run, &["--key", &key]);
    let public = fs::read_to_string(format!("{key}.pub")).unwrap();
    let list = folder.path().join("list");
    for (text, says) in [
        (String::new(), "no line allows"),
        (public.clone(), "line 1"),
        (
            format!("\nada valid-before=\"20270101\" {public}"),
            "line 2: `valid-before` cannot be honoured",
        ),
        (format!("ada namespaces=\"git\" {public}"), "no line allows"),
    ] {
        fs::write(&list, text).unwrap();
        audit(&run, &["--allowed-signers", list.to_str().unwrap()])
            .expect(USAGE)
            .says(&["list", says]);
    }
    let missing = folder.path().join("missing");
    audit(&run, &["--allowed-signers", missing.to_str().unwrap()]).expect(USAGE).says(&["missing"]);
}

#[test]
fn a_signature_left_behind_is_no_place_to_record() {
    let folder = tempdir().unwrap();
    let (key, _) = keygen(folder.path(), "trainer");
    let (spec, run, stale) =
        (short_spec(folder.path(), "run"), folder.path().join("run"), folder.path().join("stale"));
    record(&spec, &run, &["--key", &key]);
    copy(&run, &stale);
    for file in ["journal", "spec.toml", "commitment"] {
        fs::remove_file(stale.join(file)).unwrap();
    }
    let output = binary().arg("record").arg(&spec).arg("--out").arg(&stale).output().unwrap();
    Ran::from(&output).expect(USAGE).says(&["already holds a recording"]);
}
