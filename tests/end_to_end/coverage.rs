//! What audits have covered is not drawn again, until a device is disowned.

use serde_json::Value;

use crate::common::{DIVERGENT, MATCH, Ran, USAGE, binary};
use crate::ledger::Place;

/// Chances of escape and so far, in thousandths, and how much was covered before.
fn chances(report: &Value) -> (f64, f64, Value) {
    let escape = &report["escape"][0];
    let of = |name: &str| (1000.0 * escape[name].as_f64().unwrap()).round();
    (of("probability"), of("probability_so_far"), report["past"]["covered"].clone())
}

fn drawn(report: &Value) -> Vec<u64> {
    let segments = report["segments"].as_array().unwrap().iter();
    segments.map(|found| found["segment"]["index"].as_u64().unwrap()).collect()
}

#[test]
fn audits_of_one_run_cover_all_of_it() {
    let place = Place::recorded();
    let audit = || place.audit(&["--sample", "2"]).expect(MATCH).json();
    let reports = [audit(), audit(), audit()];
    let mut segments: Vec<u64> = reports.iter().flat_map(drawn).collect();
    segments.sort_unstable();
    assert_eq!(segments, [0, 1, 2, 3, 4, 5]);
    // One of five besides the last, then two of four, then the last two.
    let found = reports.each_ref().map(chances);
    assert_eq!(
        found.each_ref().map(|(now, so_far, _)| (*now, *so_far)),
        [(800.0, 800.0), (500.0, 400.0), (0.0, 0.0)]
    );
    assert!(found[0].2.is_null(), "nothing was covered before");
    assert_eq!(reports[2]["challenge"]["covered"], found[2].2);
    let again = audit();
    assert_eq!(drawn(&again).len(), 2, "who asks for two gets two");
    assert_eq!(chances(&again), (0.0, 0.0, serde_json::json!([[0, 6]])));
    let mut command = binary();
    command.args(["audit", "--sample", "3", "--ledger"]).arg(&place.ledger).arg(&place.run);
    let text = Ran::from(&command.output().unwrap()).expect(MATCH).stdout;
    for part in ["covered       6 of 6 segments", "4, the first on"] {
        assert!(text.contains(part), "{part}: {text}");
    }
    let rows = place.entries(&place.run)[0]["covered"].as_array().unwrap().clone();
    assert_eq!((rows.len(), rows[1]["sampled"].as_bool()), (2, Some(false)), "the last one");
    assert!(rows[0]["seconds"].as_f64().unwrap() > 0.0 && rows[0]["device"] == "cpu");
}

#[test]
fn what_lowers_no_chance_covers_all_the_same() {
    let place = Place::recorded();
    let audit = |more: &[&str]| place.audit(more).expect(MATCH).json();
    assert_eq!(chances(&audit(&["--sample", "2"])).1, 800.0);
    // Who gives a nonce may have told the trainer: seven nights of dates are no chance.
    let given = audit(&["--sample", "2", "--nonce", "2026-11-23"]);
    assert_eq!(chances(&given).1, 800.0);
    // A choice by hand shows nothing new either, but it has been replayed.
    let chosen = audit(&["--segment", "0,1"]);
    assert_eq!(chosen["escape"].as_array().unwrap().len(), 0);
    let next = audit(&["--sample", "1"]);
    let covered: Vec<(u64, u64)> =
        serde_json::from_value(next["challenge"]["covered"].clone()).unwrap();
    let known = |segment: u64| covered.iter().any(|(start, end)| (*start..*end).contains(&segment));
    assert!(known(0) && known(1) && known(5) && !known(drawn(&next)[0]), "{next}");
    // The draw of a report is repeated by what it says, whatever was covered since.
    let list: Vec<String> =
        covered.iter().map(|(start, end)| format!("{start}-{}", end - 1)).collect();
    let nonce = next["challenge"]["nonce"].as_str().unwrap();
    let again = audit(&["--sample", "1", "--nonce", nonce, "--covered", &list.join(",")]);
    assert_eq!((drawn(&again), &again["challenge"]), (drawn(&next), &next["challenge"]));
    place.audit(&["--covered", "0-3"]).expect(USAGE);
}

/// The name of the processor of this machine, as the ledger has it.
fn device(place: &Place) -> String {
    let row = place.entries(&place.run)[0]["covered"][0].clone();
    assert!(row["device_serial"].is_null());
    format!("{}:{}", row["host"].as_str().unwrap(), row["device"].as_str().unwrap())
}

#[test]
fn what_a_disowned_device_covered_is_drawn_again() {
    let place = Place::recorded();
    let audit = || place.audit(&["--sample", "3"]).expect(MATCH).json();
    let (first, second) = (audit(), audit());
    assert_eq!(drawn(&first).len() + drawn(&second).len(), 6);
    let device = device(&place);
    let shown = place.ledger("show", Some(&place.run), &[]).expect(MATCH).stdout;
    assert!(shown.contains(&format!("6 segments covered by {device}")), "{shown}");
    let disown = |device: &str, more: &[&str]| {
        let reason = ["--device", device, "--reason", "ECC errors"];
        place.ledger("disown", None, &[&reason[..], more].concat())
    };
    let since = ["--since", "2026-01-01"];
    // A slip of the pen is none of a device that vouched for nothing.
    disown("node7:cuda:9", &since).expect(USAGE).says(&["node7:cuda:9", "there are", &device]);
    disown(&device, &["--since", "yesterday"]).expect(USAGE).says(&["2026-11-02"]);
    disown(&device, &[&since[..], &["--until", "2025-01-01"]].concat()).expect(USAGE);
    let far = ["--since", "9999-01-01"];
    let nothing = disown(&device, &far).expect(MATCH).stdout;
    assert!(nothing.contains("Nothing was taken back"), "{nothing}");
    let answer = disown(&device, &[&since[..], &["--json"]].concat()).expect(MATCH).json();
    assert_eq!((&answer["segments"], &answer["runs"][0]["segments"]), (&6.into(), &6.into()));
    assert_eq!(answer["runs"][0]["name"], "toy-plane");
    let shown = place.ledger("show", Some(&place.run), &[]).expect(MATCH).stdout;
    assert!(shown.contains(&format!("0 segments covered by {device}, 6 taken back")), "{shown}");
    // All of it is open again.
    let third = audit();
    assert!(third["challenge"]["covered"].is_null() && drawn(&third).contains(&5), "{third}");
    assert_eq!(chances(&third), (600.0, 600.0, Value::Null));
    let text = disown(&device, &since).expect(MATCH).stdout;
    assert!(text.contains("Took back 3 covered segments of 1 run"), "{text}");
}

#[test]
fn nothing_is_covered_of_a_run_that_was_put_in_the_place_of_another() {
    let place = Place::recorded();
    place.audit(&["--sample", "all"]).expect(MATCH);
    // Recorded again: what was covered was another run. The ledger says that as well.
    place.record("8");
    let report = place.audit(&["--sample", "3"]).expect(DIVERGENT).json();
    assert!(report["challenge"]["covered"].is_null(), "{report}");
    assert_eq!(drawn(&report).len(), 3);
}
