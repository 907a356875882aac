//! What was proven stays, and what was drawn stays due.

use std::fs;
use std::io::Read;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::common::{
    DIVERGENT, INCONCLUSIVE, MATCH, Ran, USAGE, binary, copy, findings, reenact, toy_spec,
};
use crate::ledger::Place;

/// A place with a run that diverges in segment 2 alone.
fn tampered() -> Place {
    let place = Place::new();
    let spec = toy_spec(place.folder.path(), &[]);
    let run = place.run.to_str().unwrap();
    let attack = ["--attack", "lr-tamper@25", "--out", run];
    reenact(&[&["record", spec.to_str().unwrap()], &attack[..]].concat()).expect(MATCH);
    place
}

fn id(place: &Place, run: &Path) -> String {
    let entries = place.entries(run);
    let found = entries.iter().find_map(|entry| entry["divergences"][0]["id"].as_str());
    found.unwrap().to_owned()
}

fn indices(report: &Value) -> Vec<u64> {
    let segments = report["segments"].as_array().unwrap().iter();
    segments.map(|found| found["segment"]["index"].as_u64().unwrap()).collect()
}

fn notes(report: &Value) -> String {
    let notes = report["findings"].as_array().unwrap().iter();
    let notes = notes.filter(|found| found["weight"] == "note");
    notes.map(|found| found["problem"].as_str().unwrap()).collect::<Vec<_>>().join("\n")
}

#[test]
fn a_lucky_draw_takes_no_proof_back() {
    let place = tampered();
    place.audit(&["--segments", "2,"]).expect(DIVERGENT);
    let id = id(&place, &place.run);
    let moved = place.folder.path().join("elsewhere");
    copy(&place.run, &moved);
    for run in [&place.run, &moved] {
        let report = place.audit_of(run, &["--segments", "0,1"]).expect(DIVERGENT).json();
        let found = findings(&report);
        assert_eq!(report["advice"], serde_json::json!([{ "kind": "close", "id": id }]));
        assert_eq!((found.len(), found[0].1), (1, Some(25)), "{found:?}");
        for part in ["has proven", "segment 2 (steps 20 to 29)", "stage ", "bit-exact"] {
            assert!(found[0].2.contains(part), "{part}: {}", found[0].2);
        }
    }
    let shown = place.ledger("show", Some(&place.run), &[]).expect(MATCH).stdout;
    assert!(shown.contains("open") && shown.contains(&id), "{shown}");
    let listed = place.ledger("list", None, &[]).expect(MATCH).stdout;
    assert!(listed.contains("1 proven"), "{listed}");
    // Forgetting the place forgets no proof.
    let forgotten = place.ledger("forget", Some(&place.run), &[]).expect(MATCH).stdout;
    assert!(forgotten.contains("stays with that recording"), "{forgotten}");
    place.audit(&["--segments", "0,1"]).expect(DIVERGENT);
}

#[test]
fn a_divergence_is_closed_with_a_reason_and_opened_by_a_new_proof() {
    let place = tampered();
    place.audit(&["--segments", "2,"]).expect(DIVERGENT);
    let id = id(&place, &place.run);
    let close = |more: &[&str]| {
        let mut command = binary();
        command.args(["ledger", "close", &id, "--ledger"]).arg(&place.ledger).args(more);
        Ran::from(&command.env("USER", "ada").output().unwrap())
    };
    close(&[]).expect(USAGE).says(&["--reason"]);
    close(&["--reason", " "]).expect(USAGE).says(&["say why"]);
    let closed = close(&["--reason", "card 5 was\u{1b}[2J faulty"]).expect(MATCH).stdout;
    assert!(closed.contains("ada") && closed.contains("card 5 was\\u{1b}[2J faulty"), "{closed}");
    close(&["--reason", "again"]).expect(USAGE).says(&["no open divergence"]);
    let report = place.audit(&["--segments", "0,1"]).expect(MATCH).json();
    assert!(notes(&report).contains("called what lies here divergent"), "{report}");
    let shown = place.ledger("show", Some(&place.run), &[]).expect(MATCH).stdout;
    assert!(shown.contains("closed") && shown.contains("by ada on"), "{shown}");
    place.audit(&["--segments", "2,"]).expect(DIVERGENT);
    place.audit(&["--segments", "0,1"]).expect(DIVERGENT);
    // By the folder, all that was proven there.
    place.ledger("close", Some(&place.run), &["--reason", "once more", "--json"]).expect(MATCH);
    place.audit(&["--segments", "0,1"]).expect(MATCH);
}

#[test]
fn a_restored_recording_is_not_accused() {
    let place = tampered();
    place.audit(&[]).expect(DIVERGENT);
    place.record("7");
    let report = place.audit(&[]).expect(MATCH).json();
    assert!(notes(&report).contains("another recording here divergent"), "{report}");
    let text = place.ledger("show", Some(&place.run), &[]).expect(MATCH).stdout;
    assert!(text.contains("open") && text.contains("divergent"), "{text}");
}

/// Starts an audit that lasts for long, and kills it once it has begun.
fn killed(place: &Place, signal: &str) -> String {
    let mut command = binary();
    command.args(["audit", "--jobs", "1", "--segments", "2", "--ledger"]).arg(&place.ledger);
    command.arg(&place.run).stdout(Stdio::null()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let begun = || {
        let ran = place.ledger("show", Some(&place.run), &["--json"]);
        ran.code == Some(MATCH) && ran.stdout.contains("\"begun\"")
    };
    while !begun() {
        assert!(child.try_wait().unwrap().is_none(), "it ended before it was seen to begin");
    }
    let id = child.id().to_string();
    assert!(Command::new("kill").args([signal, &id]).status().unwrap().success());
    child.wait().unwrap();
    let mut words = String::new();
    child.stderr.take().unwrap().read_to_string(&mut words).unwrap();
    words
}

/// A run whose segments take a while.
fn slow() -> Place {
    let place = Place::new();
    let replace = [("steps = 60", "steps = 48000"), ("every = 10", "every = 8000")];
    let spec = toy_spec(place.folder.path(), &replace);
    let arguments = ["record", spec.to_str().unwrap(), "--out", place.run.to_str().unwrap()];
    reenact(&arguments).expect(MATCH);
    place
}

#[test]
fn an_audit_that_is_killed_has_drawn_all_the_same() {
    let place = slow();
    killed(&place, "-KILL");
    let entries = place.entries(&place.run);
    let owed: Vec<u64> = entries[0]["debts"]
        .as_array()
        .unwrap()
        .iter()
        .map(|owed| owed["segment"].as_u64().unwrap())
        .collect();
    assert_eq!((&entries[0]["verdict"], owed.len()), (&"begun".into(), 2));
    let shown = place.ledger("show", Some(&place.run), &[]).expect(MATCH).stdout;
    assert!(shown.contains("never ended") && shown.contains("due"), "{shown}");
    // A choice that leaves one out is no match; one that names it pays.
    let list = format!("{},", owed[0]);
    let report = place.audit(&["--segments", &list]).expect(INCONCLUSIVE).json();
    let reason = report["reasons"][0].as_str().unwrap();
    assert!(reason.contains(&format!("still due: {}.", owed[1])), "{reason}");
    // The next draw has what is left beside it.
    let report = place.audit(&["--segments", "1"]).expect(MATCH).json();
    assert!(indices(&report).contains(&owed[1]), "{report}");
    assert_eq!(
        (&report["past"]["due"], &report["past"]["unended"]),
        (&[owed[1]].into(), &1.into())
    );
    let report = place.audit(&["--segments", "1"]).expect(MATCH).json();
    assert!(report["past"]["due"].is_null() && indices(&report).len() == 1, "{report}");
}

#[test]
fn who_stops_an_audit_is_told_what_is_due() {
    let place = slow();
    let words = killed(&place, "-INT");
    assert!(words.contains("are due") && words.contains("replays them first"), "{words}");
    place.audit(&["--segments", "0,"]).expect(INCONCLUSIVE);
}

#[test]
fn a_segment_that_could_not_be_judged_is_due_first() {
    let place = Place::recorded();
    // Every state is taken away, and put back.
    let away = place.folder.path().join("away");
    fs::rename(place.run.join("checkpoints"), &away).unwrap();
    fs::create_dir(place.run.join("checkpoints")).unwrap();
    let report = place.audit(&["--segments", "3"]).expect(DIVERGENT).json();
    let drawn = indices(&report);
    fs::remove_dir(place.run.join("checkpoints")).unwrap();
    fs::rename(&away, place.run.join("checkpoints")).unwrap();
    let report = place.audit(&["--segments", "1"]).expect(MATCH).json();
    // The first segment begins with what the seed gives, and was judged.
    let mut due = drawn.iter().filter(|index| **index > 0);
    assert!(due.all(|index| indices(&report).contains(index)), "{drawn:?} {report}");
    let text = notes(&report);
    assert!(text.contains("called what lies here divergent"), "{text}");
}
