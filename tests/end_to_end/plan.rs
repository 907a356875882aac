//! What certainty costs, said before anything is spent.

use std::fs;

use serde_json::Value;

use crate::common::{MATCH, Ran, USAGE, binary};
use crate::ledger::Place;
use crate::so_far::grow;

fn plan(place: &Place, more: &[&str]) -> Ran {
    let mut command = binary();
    command.arg("plan").arg(&place.run).arg("--ledger").arg(&place.ledger);
    Ran::from(&command.args(more).output().unwrap())
}

/// Segments, seconds, and the chance of finding in hundredths.
fn row(prospect: &Value) -> (u64, Option<f64>, f64) {
    let found = (100.0 * prospect["found"].as_f64().unwrap()).round();
    (prospect["segments"].as_u64().unwrap(), prospect["seconds"].as_f64(), found)
}

fn rows(planned: &Value) -> Vec<(u64, Option<f64>, f64)> {
    planned["prospects"].as_array().unwrap().iter().map(row).collect()
}

#[test]
fn a_plan_says_what_the_audits_after_it_come_to() {
    let place = Place::recorded();
    let ask = ["--seconds-per-segment", "3", "--goal", "0.75", "--json"];
    let before = plan(&place, &ask).expect(MATCH).json();
    // One segment is the last one, drawn always; so two find one of five tampered ones.
    let expected = [(1, 3.0, 0.0), (2, 6.0, 20.0), (5, 15.0, 80.0), (6, 18.0, 100.0)];
    let known = |rows: &[(u64, f64, f64)]| {
        let each =
            rows.iter().map(|(segments, seconds, found)| (*segments, Some(*seconds), *found));
        each.collect::<Vec<_>>()
    };
    assert_eq!(rows(&before[0]), known(&expected));
    assert_eq!(row(&before[0]["goal"]), (5, Some(15.0), 80.0));
    assert_eq!((&before[0]["total"], &before[0]["covered"]), (&6.into(), &0.into()));
    // Nothing of that was written down.
    assert!(!place.ledger.exists());
    let report = place.audit(&["--sample", "2"]).expect(MATCH).json();
    assert_eq!(
        report["escape"][0]["probability_so_far"].as_f64().map(|p| 1.0 - p < 0.21),
        Some(true)
    );
    let after = plan(&place, &ask).expect(MATCH).json();
    let expected = [(1, 3.0, 40.0), (2, 6.0, 60.0), (4, 12.0, 100.0)];
    assert_eq!(rows(&after[0]), known(&expected));
    assert_eq!(row(&after[0]["goal"]), (3, Some(9.0), 80.0));
    assert_eq!((&after[0]["total"], &after[0]["covered"]), (&6.into(), &2.into()));
    // And that is what the next audit says.
    let report = place.audit(&["--sample", "2"]).expect(MATCH).json();
    let so_far = report["escape"][0]["probability_so_far"].as_f64().unwrap();
    assert_eq!((100.0 * so_far).round(), 40.0);
    place.audit(&["--sample", "all"]).expect(MATCH);
    let text = plan(&place, &[]).expect(MATCH).stdout;
    assert!(text.contains("covered 6 of 6") && text.contains("all of it is covered"), "{text}");
    // Another recording in its place is not covered by that.
    place.record("8");
    let other = plan(&place, &ask).expect(MATCH).json();
    assert_eq!(other[0]["covered"], 0);
}

#[test]
fn seconds_are_measured_until_the_ledger_knows_them() {
    let place = Place::recorded();
    let measured = plan(&place, &["--json"]).expect(MATCH).json();
    assert_eq!(measured[0]["pace"]["source"], "measured");
    assert!(rows(&measured[0]).iter().all(|(_, seconds, _)| seconds.unwrap() > 0.0));
    place.audit(&["--sample", "2"]).expect(MATCH);
    let known = plan(&place, &["--json"]).expect(MATCH).json();
    assert_eq!(
        (&known[0]["pace"]["source"], &known[0]["pace"]["device"]),
        (&"ledger".into(), &"cpu".into())
    );
    // Nobody has replayed on this device, and no step can be taken on it.
    let unknown = ["--device", "cuda:0"];
    let said = plan(&place, &[&unknown[..], &["--json"]].concat()).expect(MATCH).json();
    assert_eq!(said[0]["pace"]["source"], "unknown", "{said}");
    assert_eq!(said[0]["prospects"][0]["seconds"], Value::Null);
    let text = plan(&place, &unknown).expect(MATCH).stdout;
    assert!(text.contains("is not known") && text.contains("--seconds-per-segment"), "{text}");
}

#[test]
fn a_table_and_a_curve_are_shown_within_80_columns() {
    let place = Place::recorded();
    let ask = ["--seconds-per-segment", "90", "--goal", "0.95", "--tampered", "2"];
    let text = plan(&place, &ask).expect(MATCH).stdout;
    for part in [
        "toy-plane",
        "60 of 60 steps, finished",
        "chance of finding",
        "90.0 s a segment, as you say",
        "one of 2 tampered segments",
        "95.0 % takes 5 segments more, 450.0 s of device time",
        "--sample 5",
        "█",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    let place_line = |line: &&str| !line.contains(place.run.to_str().unwrap());
    for line in text.lines().filter(place_line) {
        assert!(line.chars().count() <= 80, "{line}");
    }
}

#[test]
fn a_run_that_still_trains_is_planned_as_far_as_it_has_come() {
    let place = Place::new();
    let spec = crate::common::toy_spec(place.folder.path(), &[]);
    let ask = ["--seconds-per-segment", "3", "--json"];
    grow(&spec, &place.run, 5);
    let early = plan(&place, &["--json"]).expect(MATCH).json();
    assert!(early[0]["total"].is_null() && early[0]["state"] == "trains", "{early}");
    grow(&spec, &place.run, 45);
    let planned = plan(&place, &ask).expect(MATCH).json();
    assert_eq!((&planned[0]["total"], &planned[0]["steps"]), (&4.into(), &40.into()));
    assert_eq!(rows(&planned[0])[0], (1, Some(3.0), 25.0));
    place.audit(&["--so-far", "--sample", "1"]).expect(MATCH);
    let covered = |planned: &Value| (planned[0]["covered"].clone(), planned[0]["total"].clone());
    assert_eq!(covered(&plan(&place, &ask).expect(MATCH).json()), (1.into(), 4.into()));
    grow(&spec, &place.run, 60);
    let grown = plan(&place, &ask).expect(MATCH).json();
    assert_eq!(covered(&grown).0, 1, "{grown}");
}

#[test]
fn a_config_is_planned_as_a_dry_night_would_be() {
    let place = Place::recorded();
    let path = place.folder.path().join("night.toml");
    let text = "format = 1\nledger = 'ledger'\nreports = 'nights'\nbudget.device_hours = 1\n\
                [[runs]]\nname = 'all'\nfrom = 'run'\n";
    fs::write(&path, text).unwrap();
    let of = |arguments: &[&str]| {
        let mut command = binary();
        Ran::from(&command.args(arguments).arg(&path).output().unwrap())
    };
    let (planned, dry) = (of(&["plan"]).expect(MATCH), of(&["nightly", "--dry-run"]).expect(MATCH));
    assert_eq!(planned.stdout, dry.stdout);
    assert!(planned.stdout.contains("6 segments     360.0 s"), "{}", planned.stdout);
    let json = of(&["plan", "--json"]).expect(MATCH).json();
    assert_eq!(json, of(&["nightly", "--dry-run", "--json"]).expect(MATCH).json());
    assert!(!place.folder.path().join("nights").exists());
    of(&["plan", "--goal", "0.9"]).expect(USAGE).says(&["hint:", "--goal"]);
    of(&["plan", place.run.to_str().unwrap()]).expect(USAGE).says(&["planned alone"]);
}

#[test]
fn what_cannot_be_planned_is_wrong_usage() {
    let place = Place::new();
    plan(&place, &[]).expect(USAGE).says(&["hint:", "reenact record"]);
    fs::create_dir(&place.run).unwrap();
    fs::write(place.run.join("journal"), "no journal").unwrap();
    plan(&place, &[]).expect(USAGE).says(&["hint:"]);
    for wrong in [["--goal", "95"], ["--goal", "0"], ["--tampered", "0"]] {
        plan(&place, &wrong).expect(USAGE);
    }
    plan(&place, &["--seconds-per-segment", "inf"]).expect(USAGE);
    let none = place.folder.path().join("none.toml");
    let ran = Ran::from(&binary().arg("plan").arg(none).output().unwrap());
    ran.expect(USAGE).says(&["none.toml", "hint:"]);
}
