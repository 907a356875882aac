//! Bad input gets one clear message that names the file, the place and what to
//! do, and loses nothing.

use std::fs;
use std::path::Path;

use tempfile::tempdir;

use crate::common::{INCONCLUSIVE, MATCH, Ran, USAGE, audit, binary, record, reenact, toy_spec};

/// What is replaced in a good spec, and what the message has to say.
type Case = (&'static [(&'static str, &'static str)], &'static [&'static str]);

fn try_record(spec: &Path, out: &Path) -> Ran {
    Ran::from(&binary().arg("record").arg(spec).arg("--out").arg(out).output().unwrap())
}

#[test]
fn specs_that_cannot_be() {
    let folder = tempdir().unwrap();
    let out = folder.path().join("run");
    let cases: &[Case] = &[
        (&[("steps = 60", "steps = 60\nstep = 3")], &["line 7", "unknown field `step`"]),
        (&[("steps = 60", "steps = \"many\"")], &["line 6", "invalid type"]),
        (&[("size = 8", "size = 0")], &["`batch.size`", "0 is out of range"]),
        (&[("size = 8", "size = 65")], &["`batch.size`: 65 is more than `data.samples` = 64"]),
        (
            &[("size = 8", "size = 8\naccumulation = 9")],
            &["`batch.accumulation`: 9 times `batch.size` = 8 is more than `data.samples` = 64"],
        ),
        (&[("samples = 64", "samples = 0")], &["`data.samples`: 0 is out of range: 1 to"]),
        (&[("samples = 64", "samples = 65")], &["has 64 training samples", "declares 65"]),
        (&[("every = 10", "every = 61")], &["`checkpoint_every`", "1 to 60"]),
        (&[("format = 1", "format = 3")], &["format = 3", "reads formats 1 to 2"]),
        (&[("momentum = 0.9", "momentum = 1.5")], &["`optimizer.momentum`", "below 1"]),
        (&[("peak = 0.05", "peak = nan")], &["`learning_rate.peak`"]),
        (&[("kind = \"sgd\"", "kind = \"sdg\"")], &["sdg", "`sgd`"]),
        (&[("weight_decay = 0.0", "weight_decay = 0.0\nbeta = 1.0")], &["beta"]),
        (
            &[("[program]\nname = \"toy-plane\"", "[program]\nname = \"toy-plan\"")],
            &["toy-plan", "toy-plane"],
        ),
        (&[("toy-points", "points")], &["points", "toy-points"]),
        (&[("bdfc", "bdfd")], &["toy-points", "bdfd", "digest"]),
        (&[("segments = 3", "segments = 0")], &["`sampling.segments`"]),
        (&[("size = 8", "size = 8\nlast = \"kept\"")], &["`batch.last` came with format 2"]),
        (&[("name = \"toy-plane\"\nroot", "name = \"../x\"\nroot")], &["`name`", "no name"]),
    ];
    for (replace, says) in cases {
        let ran = try_record(&toy_spec(folder.path(), replace), &out);
        let ran = ran.expect(USAGE).says(says);
        assert_eq!(ran.stderr.matches("error:").count(), 1, "{}", ran.stderr);
        assert!(!out.exists(), "a refused spec leaves nothing behind");
    }
}

#[test]
fn files_that_are_not_there() {
    let folder = tempdir().unwrap();
    let missing = folder.path().join("none.toml");
    try_record(&missing, &folder.path().join("run"))
        .expect(USAGE)
        .says(&["none.toml", "No such file"]);
    for command in ["audit", "inspect"] {
        let ran = Ran::from(&binary().arg(command).arg(&missing).output().unwrap());
        ran.expect(USAGE).says(&["none.toml", "not a recording"]);
    }
    reenact(&["diff", "a.safetensors", "b.safetensors"]).expect(USAGE).says(&["a.safetensors"]);
    reenact(&["audit"]).expect(USAGE);
    reenact(&["levitate"]).expect(USAGE);
}

#[test]
fn a_folder_that_holds_a_run_is_left_alone() {
    let folder = tempdir().unwrap();
    let (spec, run) = (toy_spec(folder.path(), &[]), folder.path().join("run"));
    record(&spec, &run, &[]);
    let before = fs::read(run.join("journal")).unwrap();
    try_record(&spec, &run).expect(USAGE).says(&["already holds a recording", "--resume"]);
    assert_eq!(fs::read(run.join("journal")).unwrap(), before);
    audit(&run, &[]).expect(MATCH);
}

#[test]
fn devices_that_do_not_exist() {
    let folder = tempdir().unwrap();
    let (spec, run) = (toy_spec(folder.path(), &[]), folder.path().join("run"));
    let output =
        binary().arg("record").arg(&spec).args(["--device", "tpu:0", "--out"]).arg(&run).output();
    Ran::from(&output.unwrap()).expect(INCONCLUSIVE).says(&["tpu:0", "cpu"]);
    assert!(!run.exists());
}

#[test]
fn selections_that_make_no_sense() {
    let folder = tempdir().unwrap();
    let run = folder.path().join("run");
    record(&toy_spec(folder.path(), &[]), &run, &[]);
    audit(&run, &["--segment", "6-9"]).expect(USAGE).says(&["no segment 9", "has 6"]);
    audit(&run, &["--sample", "none"]).expect(USAGE).says(&["--sample", "all"]);
    audit(&run, &["--sample", "1", "--confidence", "0.9"]).expect(USAGE);
    audit(&run, &["--sample", "1", "--nonce", ""]).expect(USAGE).says(&["nonce"]);
}

#[test]
fn recordings_of_other_formats_are_told_apart() {
    let folder = tempdir().unwrap();
    let run = folder.path().join("run");
    record(&toy_spec(folder.path(), &[]), &run, &[]);
    let journal = run.join("journal");
    let honest = fs::read(&journal).unwrap();
    for (format, says) in [(0u8, "there is no journal format 0"), (5, "newer")] {
        let mut other = honest.clone();
        other[16] = format;
        fs::write(&journal, other).unwrap();
        let report = audit(&run, &[]).expect(INCONCLUSIVE).json();
        let reason = report["reasons"][0].as_str().unwrap();
        assert!(reason.contains(says), "{reason}");
    }
}

#[cfg(unix)]
#[test]
fn a_recording_reaches_nothing_outside_its_folder() {
    let folder = tempdir().unwrap();
    let run = folder.path().join("run");
    record(&toy_spec(folder.path(), &[]), &run, &[]);
    let outside = folder.path().join("outside");
    fs::rename(run.join("spec.toml"), &outside).unwrap();
    std::os::unix::fs::symlink(&outside, run.join("spec.toml")).unwrap();
    let report = audit(&run, &[]).expect(INCONCLUSIVE).json();
    assert!(report["reasons"][0].as_str().unwrap().contains("no plain file"), "{report}");
}

#[test]
fn a_journal_that_claims_much_costs_little() {
    let folder = tempdir().unwrap();
    let run = folder.path().join("run");
    record(&toy_spec(folder.path(), &[]), &run, &[]);
    let journal = run.join("journal");
    // 64 GiB that are not there, and none of them read.
    fs::OpenOptions::new().write(true).open(&journal).unwrap().set_len(64 << 30).unwrap();
    let report = audit(&run, &[]).json();
    assert_ne!(report["verdict"]["kind"], "match");
}

#[cfg(unix)]
#[test]
fn a_file_without_an_end_is_not_read_to_its_end() {
    let folder = tempdir().unwrap();
    let zero = Path::new("/dev/zero");
    try_record(zero, &folder.path().join("run")).expect(USAGE).says(&["/dev/zero", "no spec has"]);
    reenact(&["doctor", "/dev/zero"]).expect(USAGE).says(&["/dev/zero", "no spec has"]);
    let run = folder.path().join("run");
    let spec = toy_spec(folder.path(), &[]);
    record(&spec, &run, &[]);
    audit(&run, &["--allowed-signers", "/dev/zero"]).expect(USAGE).says(&["at most"]);
    audit(&run, &["--calibration", "/dev/zero"]).expect(USAGE).says(&["no plain file"]);
    let again = folder.path().join("again");
    let ran = binary()
        .arg("record")
        .arg(&spec)
        .args(["--key", "/dev/zero", "--out"])
        .arg(&again)
        .output();
    Ran::from(&ran.unwrap()).expect(USAGE).says(&["no ed25519 key"]);
    reenact(&["diff", "/dev/zero", "/dev/zero"]).expect(USAGE).says(&["no plain file"]);
}

/// A recording may have brought along the file that a user looks into.
#[cfg(unix)]
#[test]
fn nothing_waits_for_a_pipe_that_nobody_writes_to() {
    let folder = tempdir().unwrap();
    let pipe = folder.path().join("checkpoint.safetensors");
    let mut command = std::process::Command::new("mkfifo");
    assert!(command.arg(&pipe).status().unwrap().success());
    let mut diff = binary();
    diff.arg("diff").args([&pipe, &pipe]).stderr(std::process::Stdio::piped());
    let mut diff = diff.spawn().unwrap();
    let patience = std::time::Instant::now();
    while diff.try_wait().unwrap().is_none() {
        if patience.elapsed().as_secs() > 60 {
            diff.kill().unwrap();
            panic!("it waits");
        }
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    let ran = Ran::from(&diff.wait_with_output().unwrap());
    ran.expect(USAGE).says(&["no plain file"]);
}

#[cfg(unix)]
#[test]
fn a_spec_may_come_out_of_a_pipe() {
    let folder = tempdir().unwrap();
    let spec = toy_spec(folder.path(), &[]);
    let mut command = std::process::Command::new("sh");
    command.arg("-c").arg("cat \"$1\" | \"$0\" record /dev/stdin --out \"$2\"");
    command.arg(binary().get_program()).arg(&spec).arg(folder.path().join("run"));
    Ran::from(&command.output().unwrap()).expect(MATCH);
}

#[cfg(unix)]
#[test]
fn a_folder_that_may_not_be_read_says_nothing_about_the_recording() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempdir().unwrap();
    let run = folder.path().join("run");
    record(&toy_spec(folder.path(), &[]), &run, &[]);
    fs::set_permissions(&run, fs::Permissions::from_mode(0o000)).unwrap();
    let may_all_the_same = fs::read_dir(&run).is_ok();
    let ran = Ran::from(&binary().arg("audit").arg(&run).output().unwrap());
    fs::set_permissions(&run, fs::Permissions::from_mode(0o755)).unwrap();
    // Nothing is closed to root.
    if !may_all_the_same {
        ran.expect(INCONCLUSIVE).says(&["cannot be read", "ermission"]);
    }
}
