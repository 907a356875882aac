//! Every malformed recording in `tests/hostile` is refused by the real binary:
//! with the right exit code, in words that name the object, in little memory,
//! and without a trace outside of the recording.

#[path = "../../harness/core/tests/common/mod.rs"]
pub(crate) mod forging;

mod case;
mod edit;
mod expression;
mod folder;
mod journal;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::Value;
use tempfile::tempdir;

use self::case::Case;
use self::folder::Folder;
use crate::common::{MATCH, Ran, binary, record, reenact, toy_spec};

/// Limits the address space of the command and of its workers, in KiB.
const MEMORY_KIB_MAX: u64 = 256 << 10;
/// Limits what the command says: no hostile text is quoted at length.
const OUTPUT_BYTES_MAX: usize = 1 << 20;
/// What cases have in their texts to command a terminal.
const CLEAR_SCREEN: &str = "\u{1b}[2J";
/// Cases tried at a time.
const WORKERS: usize = 2;

fn cases() -> Vec<Case> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/hostile");
    let mut paths: Vec<PathBuf> =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "txt"));
    paths.sort();
    paths.iter().map(|path| Case::read(path)).collect()
}

#[test]
fn every_case_is_refused_as_it_says() {
    let honest = tempdir().unwrap();
    let (run, key) = (honest.path().join("run"), honest.path().join("key"));
    reenact(&["keygen".as_ref(), "--out".as_ref(), key.as_os_str()]).expect(MATCH);
    let spec = toy_spec(honest.path(), &[]);
    record(&spec, &run, &["--key", key.to_str().unwrap()]);
    let cases = cases();
    assert!(cases.len() >= 170, "{} cases", cases.len());
    let (next, failed) = (AtomicUsize::new(0), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        for _ in 0..WORKERS {
            scope.spawn(|| {
                while let Some(case) = cases.get(next.fetch_add(1, Ordering::Relaxed)) {
                    if let Err(problem) = try_case(case, &run) {
                        eprintln!("{}: {problem}\n", case.name);
                        failed.fetch_add(1, Ordering::Relaxed);
                    }
                }
            });
        }
    });
    assert_eq!(failed.into_inner(), 0, "cases failed; see above");
}

/// Makes the malformed recording, and looks at it with both commands.
fn try_case(case: &Case, honest: &Path) -> Result<(), String> {
    let place = tempdir().unwrap();
    let mut folder = Folder::copy(honest, place.path());
    let object = folder.path_in_recording(&case.object);
    for line in &case.edits {
        edit::apply(&mut folder, line).map_err(|problem| format!("`{line}`: {problem}"))?;
    }
    let before = folder::listing(place.path());
    let audited = limited(&["audit", "--json", "--sample", "all", "--jobs", "1"], &folder.run);
    case.check_exit("audit", case.audit, &audited)?;
    let inspected = limited(&["inspect"], &folder.run);
    case.check_exit("inspect", case.inspect, &inspected)?;
    for ran in [&audited, &inspected] {
        if ran.stdout.len() + ran.stderr.len() > OUTPUT_BYTES_MAX {
            return Err("it says too much".into());
        }
        if [&ran.stdout, &ran.stderr].iter().any(|text| text.contains(CLEAR_SCREEN)) {
            return Err("it commands the terminal".into());
        }
        if ran.stderr.contains("panicked") {
            return Err(ran.stderr.clone());
        }
    }
    if folder::listing(place.path()) != before {
        return Err("a file was written or changed".into());
    }
    check_words(case, &object, &audited)
}

/// Runs a command on a recording, in an address space that is bounded where
/// the system can do so.
fn limited(arguments: &[&str], run: &Path) -> Ran {
    let mut command = binary();
    if cfg!(target_os = "linux") {
        let limit = format!("ulimit -v {MEMORY_KIB_MAX} && exec \"$0\" \"$@\"");
        let program = command.get_program().to_owned();
        command = Command::new("sh");
        command.env("REENACT_LEDGER", "");
        command.arg("-c").arg(limit).arg(program);
    }
    // Escape sequences are passed on, as they are to a terminal.
    command.env("CLICOLOR_FORCE", "1");
    Ran::from(&command.args(arguments).arg(run).output().unwrap())
}

/// One message names the object and has all the words.
fn check_words(case: &Case, object: &str, audited: &Ran) -> Result<(), String> {
    let fits = |text: &str| case.says.iter().all(|words| text.contains(words.as_str()));
    let found = match serde_json::from_str::<Value>(&audited.stdout) {
        // What is no recording at all has no report.
        Err(_) => fits(&audited.stderr),
        Ok(report) => messages(&report).iter().any(|(place, problem)| {
            // A folder stands for what lies in it.
            let named = place == object || (object.ends_with('/') && place.starts_with(object));
            named && fits(problem)
        }),
    };
    match found {
        true => Ok(()),
        false => Err(format!(
            "no message about {object} says {:?}: {}{}",
            case.says, audited.stdout, audited.stderr
        )),
    }
}

/// Returns every message of a report that counts, with what it is about.
fn messages(report: &Value) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let findings = report["findings"].as_array().into_iter().flatten();
    let findings = findings
        .filter(|finding| finding["weight"] != "note")
        .map(|finding| (text(&finding["place"]["object"]), text(&finding["problem"])));
    let reasons = report["reasons"].as_array().into_iter().flatten();
    // A replay is about a segment, which its reason names.
    let reasons = reasons.map(|reason| ("replay".to_owned(), text(reason)));
    let honest = report["verdict"]["kind"].as_str() == Some("match");
    let matches = honest.then(|| ("nothing".to_owned(), String::new()));
    findings.chain(reasons).chain(matches).collect()
}
