//! What devices covered, and what is taken back of it.

use tempfile::{TempDir, tempdir};

use super::super::tests::{begun, covered, entry, named};
use super::*;
use crate::entry::Entry;
use reenact_core::verify::Witness;

fn ledger() -> (TempDir, Ledger) {
    let folder = tempdir().unwrap();
    let ledger = Ledger::open(&folder.path().join("ledger")).unwrap();
    (folder, ledger)
}

/// Two segments at each time, on the device and by the serial number.
fn by(place: &str, at: u64, device: &str, serial: Option<&str>) -> Entry {
    let mut entry = entry(place, at);
    for covered in &mut entry.covered {
        let (device, device_serial) = (device.into(), serial.map(Into::into));
        covered.by = Witness { device, device_serial, ..covered.by.clone() };
    }
    entry
}

fn disowning(id: &str) -> Disowning<'_> {
    let (since_seconds, until_seconds, reason) = (2, None, "DCGM: ECC");
    Disowning { id, since_seconds, until_seconds, reason, at_seconds: 50 }
}

fn standing(ledger: &Ledger, place: &str) -> Vec<u64> {
    let found = ledger.of_place(&named(place)).unwrap();
    let rows = found.iter().flat_map(|entry| &entry.covered);
    rows.filter(|row| row.stands()).map(|row| row.found.at_seconds).collect()
}

#[test]
fn rows_come_with_their_audits_and_replace_those_of_its_beginning() {
    let (_folder, mut ledger) = ledger();
    ledger.put(&begun("/a", 1)).unwrap();
    assert_eq!(ledger.covered_of(&["a 1".into()]).unwrap(), []);
    for _ in 0..2 {
        ledger.put(&entry("/a", 1)).unwrap();
    }
    let expected = [covered(1, true, 1), covered(5, false, 1)].map(|row| ("a 1".to_owned(), row));
    assert_eq!(ledger.covered_of(&["a 1".into(), "none".into()]).unwrap(), expected);
    assert_eq!(ledger.of_place(&named("/a")).unwrap(), [entry("/a", 1)]);
}

#[test]
fn a_device_is_named_by_its_serial_number_else_by_its_place() {
    let (_folder, mut ledger) = ledger();
    for (at, device, serial) in
        [(1, "cuda:0", None), (2, "cuda:1", Some("GPU-5f1c")), (3, "cpu", None)]
    {
        ledger.put(&by("/a", at, device, serial)).unwrap();
    }
    let found = ledger.devices().unwrap();
    let ids: Vec<(&str, u64)> =
        found.iter().map(|found| (&*found.id, found.last_at_seconds)).collect();
    assert_eq!(ids, [("GPU-5f1c", 2), ("node7:cpu", 3), ("node7:cuda:0", 1)]);
    assert!(found.iter().all(|found| (found.covered, found.disowned) == (2, 0)));
}

#[test]
fn what_a_device_covered_since_a_day_is_taken_back() {
    let (_folder, mut ledger) = ledger();
    for (place, at, device) in [
        ("/a", 1, "cpu"),
        ("/a", 2, "cpu"),
        ("/b", 3, "cpu"),
        ("/b", 4, "cuda:0"),
        ("/b", 5, "cpu"),
    ] {
        ledger.put(&by(place, at, device, None)).unwrap();
    }
    let until = Disowning { until_seconds: Some(5), ..disowning("node7:cpu") };
    let of = |place: &str| Disowned { place: place.into(), name: Some("toy".into()), segments: 2 };
    assert_eq!(ledger.disown(&until).unwrap(), [of("/a"), of("/b")]);
    assert_eq!(standing(&ledger, "/a"), [1, 1]);
    assert_eq!(standing(&ledger, "/b"), [4, 4, 5, 5]);
    let found = ledger.of_place(&named("/a")).unwrap();
    let row = &found[1].covered[0];
    assert_eq!(row.disowned_because.as_deref(), Some("DCGM: ECC"));
    assert_eq!(row.found.disowned_at_seconds, Some(50));
    assert!(found[1].remembered(&named("/a")).covered[0].disowned_at_seconds.is_some());
    // Nothing is taken back twice, and what comes later is.
    assert_eq!(ledger.disown(&disowning("node7:cpu")).unwrap(), [of("/b")]);
    assert_eq!(ledger.disown(&disowning("node7:cpu")).unwrap(), []);
    assert_eq!(ledger.disown(&disowning("none")).unwrap(), []);
    assert_eq!(ledger.devices().unwrap()[0].disowned, 6);
}

#[test]
fn a_pace_is_the_median_of_the_replays_of_this_spec_on_such_a_device() {
    let (_folder, mut ledger) = ledger();
    let spec = Digest([1; 32]);
    assert_eq!(ledger.seconds_per_step(spec, "cuda:0").unwrap(), None);
    for (at, seconds) in [(1, 10.0), (2, 30.0), (3, 900.0)] {
        let mut entry = entry("/a", at);
        entry.covered.truncate(1);
        entry.covered[0].seconds = seconds;
        ledger.put(&entry).unwrap();
    }
    assert_eq!(ledger.seconds_per_step(spec, "cuda:0").unwrap(), Some(3.0));
    assert_eq!(ledger.seconds_per_step(spec, "cuda").unwrap(), Some(3.0));
    for other in ["cpu", "cuda:1", "cud", ""] {
        assert_eq!(ledger.seconds_per_step(spec, other).unwrap(), None);
    }
    assert_eq!(ledger.seconds_per_step(Digest([2; 32]), "cuda:0").unwrap(), None);
}
