//! A verdict is what it is, whoever takes the words: readers go away, disks are full.

use std::fs::{self, OpenOptions};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use reenact_store::{Entry, Ledger};
use serde_json::Value;
use tempfile::{TempDir, tempdir};

use crate::common::{
    DIVERGENT, INCONCLUSIVE, MATCH, Ran, USAGE, audit, binary, record, reenact, toy_spec,
};

/// Limits a path on Linux, with the zero that ends it.
const PATH_BYTES_MAX: usize = 4096;

fn divergent(folder: &TempDir) -> PathBuf {
    let run = folder.path().join("run");
    record(&toy_spec(folder.path(), &[]), &run, &["--attack", "lr-tamper@25"]);
    run
}

/// Runs the binary where no file may grow beyond some blocks of 512 or 1024 bytes.
fn limited(blocks: u64) -> Command {
    let binary = binary();
    let mut command = Command::new("sh");
    let script = format!("ulimit -f {blocks} && exec \"$0\" \"$@\"");
    command.arg("-c").arg(script).arg(binary.get_program()).env("REENACT_LEDGER", "");
    command
}

/// Ends of pipes and devices that take nothing, to be given for standard output.
fn unwilling() -> [(&'static str, Stdio); 2] {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let full = OpenOptions::new().write(true).open("/dev/full").unwrap();
    [("closed", writer.into()), ("full", full.into())]
}

#[test]
fn a_verdict_stands_where_nobody_takes_the_words() {
    let folder = tempdir().unwrap();
    let run = divergent(&folder);
    let ledger = folder.path().join("ledger.sqlite");
    for json in [&["--json"][..], &[]] {
        for (how, stdout) in unwilling() {
            let report = folder.path().join(format!("report-{how}-{}", json.len()));
            let mut command = binary();
            command.arg("audit").arg(&run).args(["--sample", "all"]).args(json);
            command.arg("--report").arg(&report).arg("--ledger").arg(&ledger).stdout(stdout);
            let ran = Ran::from(&command.output().unwrap()).expect(DIVERGENT);
            let kept = fs::read_to_string(report.join("report.json")).unwrap();
            assert_eq!(serde_json::from_str::<Value>(&kept).unwrap()["verdict"], divergence());
            assert!(report.join("report.html").is_file());
            let complaint = "standard output took not everything: No space left";
            assert_eq!(ran.stderr.contains(complaint), how == "full", "{}", ran.stderr);
        }
    }
    let known = Ledger::open_existing(&ledger).unwrap().unwrap();
    assert_eq!(known.summaries().unwrap()[0].audits, 4);
}

fn divergence() -> Value {
    serde_json::json!({ "kind": "divergent" })
}

#[test]
fn standard_error_decides_nothing_either() {
    let folder = tempdir().unwrap();
    let run = divergent(&folder);
    for (_, stderr) in unwilling() {
        let mut command = binary();
        command.arg("audit").arg(&run).args(["--sample", "all"]).stderr(stderr);
        let ran = Ran::from(&command.output().unwrap()).expect(DIVERGENT);
        assert!(ran.stdout.starts_with("Divergent"), "{}", ran.stdout);
    }
}

#[test]
fn every_command_outlives_its_reader() {
    let folder = tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let run = path("run");
    record(&toy_spec(folder.path(), &[]), Path::new(&run), &[]);
    let (ledger, spec) = (path("ledger.sqlite"), path("toy.toml"));
    audit(Path::new(&run), &["--ledger", &ledger]).expect(MATCH);
    let states = [format!("{run}@0"), format!("{run}@10")];
    let (again, first, demo) = (path("again"), path("again/commitment"), path("demo"));
    let commands: [(&[&str], i32); 9] = [
        (&["inspect", &run], MATCH),
        (&["inspect", &run, "--json"], MATCH),
        (&["diff", &states[0], &states[1]], DIVERGENT),
        (&["ledger", "list", "--ledger", &ledger], MATCH),
        (&["ledger", "show", &run, "--ledger", &ledger, "--json"], MATCH),
        (&["doctor"], MATCH),
        (&["--help"], MATCH),
        (&["keygen", "--out", &path("key")], MATCH),
        (&["ledger", "forget", &run, "--ledger", &ledger], INCONCLUSIVE),
    ];
    for (arguments, code) in commands {
        for (how, stdout) in unwilling() {
            let code = if arguments[0] == "keygen" && how == "full" { USAGE } else { code };
            let ran = Ran::from(&binary().args(arguments).stdout(stdout).output().unwrap());
            ran.expect(code).says(&[]);
        }
    }
    assert_eq!(entries(&ledger).len(), 1, "nothing is forgotten that was not shown");
    for (_, stdout) in unwilling() {
        let _ = fs::remove_dir_all(&again);
        let mut command = binary();
        command.args(["record", &spec, "--out", &again, "--json"]).stdout(stdout);
        Ran::from(&command.output().unwrap()).expect(MATCH).says(&[]);
        assert!(Path::new(&first).is_file(), "the training went on to its end");
    }
    let (_, closed) = unwilling().into_iter().next().unwrap();
    let drill = binary().args(["drill", &spec]).stdout(closed).output().unwrap();
    let whole = reenact(&["drill", &spec, "--json"]);
    Ran::from(&drill).expect(whole.code.unwrap()).says(&[]);
    let (_, closed) = unwilling().into_iter().next().unwrap();
    let shown = binary().args(["demo", "--out", &demo]).stdout(closed).output().unwrap();
    assert_ne!(Ran::from(&shown).says(&[]).code, Some(101));
}

fn entries(ledger: &str) -> Vec<Entry> {
    let ledger = Ledger::open_existing(Path::new(ledger)).unwrap().unwrap();
    ledger.summaries().unwrap().into_iter().map(|summary| summary.last).collect()
}

#[test]
fn a_report_that_has_no_room_is_kept_elsewhere() {
    let folder = tempdir().unwrap();
    let run = divergent(&folder);
    let temporary = folder.path().join("temporary");
    fs::create_dir(&temporary).unwrap();
    let mut command = limited(16);
    command.env("TMPDIR", &temporary);
    command.arg("audit").arg(&run).args(["--sample", "all", "--report"]);
    let ran = Ran::from(&command.arg(folder.path().join("report")).output().unwrap());
    // Here no place takes it, so its facts stand on standard error.
    let ran = ran.expect(DIVERGENT).says(&["cannot write", "too large", "no other place"]);
    assert!(ran.stdout.starts_with("Divergent"), "{}", ran.stdout);
    let facts = &ran.stderr[ran.stderr.find("\n{").unwrap()..];
    let facts = serde_json::Deserializer::from_str(facts).into_iter::<Value>().next();
    assert_eq!(facts.unwrap().unwrap()["verdict"], divergence());
    assert_eq!(fs::read_dir(folder.path().join("report")).unwrap().count(), 0, "no half report");
    assert_eq!(fs::read_dir(&temporary).unwrap().count(), 0);
}

#[test]
fn a_report_that_cannot_be_written_lies_beside_the_ledger() {
    let folder = tempdir().unwrap();
    let run = divergent(&folder);
    let state = folder.path().join("state");
    fs::create_dir(&state).unwrap();
    // A folder whose name is just short enough; those of the files in it are not.
    let mut place = folder.path().to_owned();
    while place.as_os_str().len() < PATH_BYTES_MAX - 5 {
        let left = PATH_BYTES_MAX - 3 - place.as_os_str().len();
        place.push("x".repeat(left.min(200)));
    }
    let mut command = binary();
    command.arg("audit").arg(&run).args(["--sample", "all", "--ledger"]);
    command.arg(state.join("ledger.sqlite")).arg("--report").arg(&place);
    let ran = Ran::from(&command.output().unwrap()).expect(DIVERGENT);
    let ran = ran.says(&["cannot write", "so it is elsewhere", "The report is in"]);
    let kept = ran.stderr.lines().find_map(|line| line.strip_prefix("The report is in ")).unwrap();
    assert!(Path::new(kept).starts_with(&state) && Path::new(kept).is_file(), "{kept}");
    let facts = fs::read_to_string(Path::new(kept).with_extension("json")).unwrap();
    assert_eq!(serde_json::from_str::<Value>(&facts).unwrap()["verdict"], divergence());
}

#[test]
fn a_ledger_that_has_no_room_loses_no_accusation() {
    let folder = tempdir().unwrap();
    let run = divergent(&folder);
    let ledger = folder.path().join("ledger.sqlite");
    // One that cannot even be begun ends the audit; one that takes no more does not.
    for code in [INCONCLUSIVE, DIVERGENT] {
        let mut command = limited(8);
        command.arg("audit").arg(&run).args(["--sample", "all", "--ledger"]).arg(&ledger);
        Ran::from(&command.output().unwrap()).expect(code).says(&["cannot be read or written"]);
        let _ = fs::remove_file(&ledger);
        audit(&run, &["--ledger", ledger.to_str().unwrap()]).expect(DIVERGENT);
    }
}
