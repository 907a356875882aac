//! Tools keep large files elsewhere, convert lines and sign with other keys: each is called
//! by its name, none is held against the recording, and no link is followed.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

use tempfile::tempdir;

use crate::common::{INCONCLUSIVE, MATCH, Ran, USAGE, audit, binary, copy, record, toy_spec};

fn reason(run: &Path, more: &[&str]) -> String {
    let report = audit(run, more).expect(INCONCLUSIVE).json();
    report["reasons"].as_array().unwrap().iter().map(|reason| format!("{reason}\n")).collect()
}

#[test]
fn a_recording_whose_checkpoints_were_moved_behind_links_is_not_accused() {
    let folder = tempdir().unwrap();
    let run = folder.path().join("run");
    record(&toy_spec(folder.path(), &[]), &run, &[]);
    let cache = folder.path().join(".dvc/cache/files");
    fs::create_dir_all(&cache).unwrap();
    for entry in fs::read_dir(run.join("checkpoints")).unwrap() {
        let path = entry.unwrap().path();
        let kept = cache.join(path.file_name().unwrap());
        fs::rename(&path, &kept).unwrap();
        symlink(&kept, &path).unwrap();
    }
    assert!(reason(&run, &[]).contains("dvc checkout --relink"));
    // What the message for any link says to do.
    let whole = folder.path().join("whole");
    copy(&run, &whole);
    audit(&whole, &[]).expect(MATCH);
    fs::rename(run.join("checkpoints"), folder.path().join("elsewhere")).unwrap();
    symlink("../elsewhere", run.join("checkpoints")).unwrap();
    assert!(reason(&run, &[]).contains("cp -rL"));
    fs::remove_file(run.join("checkpoints")).unwrap();
    fs::write(run.join("checkpoints.dvc"), "outs:\n- path: checkpoints\n").unwrap();
    assert!(reason(&run, &[]).contains("dvc pull"));
}

#[test]
fn nothing_is_recorded_through_a_link() {
    let folder = tempdir().unwrap();
    let (spec, run) = (toy_spec(folder.path(), &[]), folder.path().join("run"));
    let elsewhere = folder.path().join("elsewhere");
    fs::create_dir_all(&run).unwrap();
    fs::create_dir_all(&elsewhere).unwrap();
    symlink(&elsewhere, run.join("checkpoints")).unwrap();
    let ran = binary().arg("record").arg(&spec).arg("--out").arg(&run).output().unwrap();
    Ran::from(&ran).expect(USAGE).says(&["checkpoints is a link", "make `checkpoints` a folder"]);
    assert_eq!(fs::read_dir(&elsewhere).unwrap().count(), 0);
    assert_eq!(fs::read_dir(&run).unwrap().count(), 1, "nothing was begun");
    // A folder that is itself named by a link is the user's own doing.
    fs::remove_file(run.join("checkpoints")).unwrap();
    symlink(&run, folder.path().join("named")).unwrap();
    record(&spec, &folder.path().join("named"), &[]);
    audit(&run, &[]).expect(MATCH);
}

#[test]
fn nothing_is_resumed_through_a_link() {
    let folder = tempdir().unwrap();
    let (spec, run) = (toy_spec(folder.path(), &[]), folder.path().join("run"));
    record(&spec, &run, &[]);
    // As a recorder leaves it that was killed at its very end.
    fs::remove_file(run.join("commitment")).unwrap();
    let (checkpoints, elsewhere) = (run.join("checkpoints"), folder.path().join("elsewhere"));
    fs::rename(&checkpoints, &elsewhere).unwrap();
    let journal = fs::read(run.join("journal")).unwrap();
    let resume = || {
        let mut command = binary();
        command.arg("record").arg(&spec).arg("--resume").arg("--out").arg(&run);
        Ran::from(&command.output().unwrap())
    };
    for target in ["../elsewhere", "/nowhere"] {
        symlink(target, &checkpoints).unwrap();
        resume().expect(USAGE).says(&["checkpoints is a link", "make `checkpoints` a folder"]);
        assert!(!run.join("commitment").exists());
        assert_eq!(fs::read(run.join("journal")).unwrap(), journal, "nothing was written");
        fs::remove_file(&checkpoints).unwrap();
    }
    fs::write(&checkpoints, "").unwrap();
    resume().expect(USAGE).says(&["`checkpoints` is there and is no folder"]);
    fs::remove_file(&checkpoints).unwrap();
    fs::rename(&elsewhere, &checkpoints).unwrap();
    resume().expect(MATCH);
    audit(&run, &[]).expect(MATCH);
}

#[test]
fn nothing_is_recorded_where_a_file_takes_the_place_of_a_folder() {
    let folder = tempdir().unwrap();
    let (spec, run) = (toy_spec(folder.path(), &[]), folder.path().join("run"));
    fs::create_dir_all(&run).unwrap();
    fs::write(run.join("checkpoints"), "mine").unwrap();
    let ran = binary().arg("record").arg(&spec).arg("--out").arg(&run).output().unwrap();
    Ran::from(&ran).expect(USAGE).says(&["`checkpoints` is there and is no folder"]);
    assert_eq!(fs::read_dir(&run).unwrap().count(), 1, "nothing was begun");
}

#[test]
fn names_in_capital_letters_are_called_so() {
    let folder = tempdir().unwrap();
    let honest = folder.path().join("run");
    record(&toy_spec(folder.path(), &[]), &honest, &[]);
    let checkpoint = crate::common::roots(&honest).remove(2);
    let root = checkpoint.rsplit(' ').next().unwrap();
    for (name, other) in [
        ("journal", "JOURNAL".into()),
        ("spec.toml", "SPEC.TOML".into()),
        ("checkpoints", "Checkpoints".into()),
        ("checkpoints", "CHECKPOINTS".into()),
        (
            &format!("checkpoints/{root}.safetensors"),
            format!("checkpoints/{}.SAFETENSORS", root.to_uppercase()),
        ),
    ] {
        let run = folder.path().join(other.replace('/', "-"));
        copy(&honest, &run);
        fs::rename(run.join(name), run.join(&other)).unwrap();
        // Some disks know no difference.
        if !run.join(name).exists() {
            let said = reason(&run, &[]);
            assert!(said.contains("capital letters") && said.contains("rename"), "{other}: {said}");
        }
    }
}

#[test]
fn signatures_of_other_kinds_are_called_by_their_name() {
    let folder = tempdir().unwrap();
    let run = folder.path().join("run");
    record(&toy_spec(folder.path(), &[]), &run, &[]);
    for (name, made, signed, says) in [
        ("rsa", &["-t", "rsa", "-b", "2048"][..], &[][..], "a key of type ssh-rsa"),
        ("ecdsa", &["-t", "ecdsa"], &[], "a key of type ecdsa-sha2-nistp256"),
        ("p521", &["-t", "ecdsa", "-b", "521"], &[], "a key of type ecdsa-sha2-nistp521"),
        ("sha256", &["-t", "ed25519"], &["-O", "hashalg=sha256"], "the hash sha256"),
    ] {
        let key = folder.path().join(name);
        let _ = fs::remove_file(run.join("commitment.sig"));
        let keygen = |arguments: &[&str]| {
            let mut command = Command::new("ssh-keygen");
            command.args(arguments).arg("-f").arg(&key);
            command
        };
        let made = keygen(&[made, &["-q", "-N", ""]].concat()).status();
        if made.is_err() && std::env::var_os("CI").is_none() {
            return;
        }
        assert!(made.unwrap().success());
        let sign = [&["-Y", "sign", "-q", "-n", "reenact-commitment@v1"], signed].concat();
        let signed = keygen(&sign).arg(run.join("commitment")).status().unwrap();
        assert!(signed.success());
        let said = reason(&run, &[]);
        assert!(said.contains(says) && said.contains("ssh-keygen"), "{name}: {said}");
    }
}

#[test]
fn a_list_of_signers_may_have_other_line_ends() {
    let folder = tempdir().unwrap();
    let (key, run) = (folder.path().join("key"), folder.path().join("run"));
    let made = binary().args(["keygen", "--json", "--out"]).arg(&key).output().unwrap();
    let made = Ran::from(&made).expect(MATCH).json();
    record(&toy_spec(folder.path(), &[]), &run, &["--key", key.to_str().unwrap()]);
    let list = folder.path().join("signers");
    let line = made["allowed_signer"].as_str().unwrap();
    fs::write(&list, format!("# ours\r\n{line}\r\n")).unwrap();
    audit(&run, &["--allowed-signers", list.to_str().unwrap()]).expect(MATCH);
}
