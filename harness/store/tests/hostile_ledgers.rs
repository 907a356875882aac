//! Ledgers that somebody has edited are refused or read; none makes the auditor panic or
//! hang.

use std::fs;
use std::path::Path;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use reenact_core::digest::Digest;
use reenact_core::state::StateRoot;
use reenact_core::verify::{
    CoveredSegment, DrawRule, Grade, Proven, Seen, Segment, Stage, Witness,
};
use reenact_store::{Alarm, AlarmKind, Covered, Disowning, Divergent, Entry, Ledger, Owed};
use tempfile::tempdir;

/// Edits of each run of the tests; the ignored one tries 10,000.
const EDITS: u64 = 500;
const PLACE: &str = "/runs/toy";

fn covered(at_seconds: u64) -> Covered {
    let (opening, closing) = (StateRoot(Digest([5; 32])), StateRoot(Digest([6; 32])));
    let segment = Segment { index: 1, step_start: 10, step_end: 20 };
    let (sampled, disowned_at_seconds) = (true, None);
    let found =
        CoveredSegment { segment, opening, closing, sampled, at_seconds, disowned_at_seconds };
    let (host, device, binary) = ("node7".into(), "cpu".into(), Digest([9; 32]));
    let by = Witness { host, device, device_serial: None, driver: None, binary };
    Covered { found, by, seconds: 0.5, disowned_because: None }
}

fn entry(at: u64) -> Entry {
    let proven = Proven {
        segment: Some(2),
        step: Some(25),
        stage: Some(Stage::Update),
        grade: Grade::BitExact,
        words: "segment 2: step 25, update".into(),
        cause: None,
    };
    let seen = Some(Seen { frames: 40 + at, head: Digest([2; 32]) });
    Entry {
        key: format!("key {at}"),
        place: PLACE.into(),
        names: vec![PLACE.into()],
        name: Some("toy".into()),
        spec: Some(Digest([1; 32])),
        seen,
        commitment: Some(Digest([3; 32])),
        audited_at_seconds: at,
        verdict: "divergent".into(),
        reason: Some("it was".into()),
        drawn: 2,
        total: 6,
        nonce: Some("a nonce".parse().unwrap()),
        nonce_source: Some("fresh".into()),
        drawn_at_seconds: Some(at),
        rule: DrawRule::Uncovered,
        pool: Some(5),
        sampled: 2,
        agreed: false,
        contradicted: false,
        accused: true,
        expected: false,
        covered: vec![covered(at)],
        debts: vec![Owed { segment: 4, why: "it was killed".into(), paid_at_seconds: None }],
        divergences: vec![Divergent { id: proven.id(None, None), proven, closing: None }],
        alarms: vec![Alarm::of(AlarmKind::Files, PLACE, "journal", Some(3), "it was altered")],
        pays: Vec::new(),
    }
}

/// Uses a ledger as an audit and as a reader do; says whether all of it could be read.
fn is_read(path: &Path) -> bool {
    let Ok(mut ledger) = Ledger::open(path) else { return false };
    let found = ledger.of_run(&[PLACE.into()], Some(Digest([1; 32])));
    for entry in found.iter().flatten() {
        let _ = entry.remembered(&[PLACE.into()]);
    }
    let summed = ledger.summaries();
    let put = ledger.put(&entry(99));
    let _ = (ledger.devices(), ledger.seconds_per_step(Digest([1; 32]), "cpu"));
    let (id, reason, until_seconds) = ("node7:cpu", "it was bad", None);
    let _ =
        ledger.disown(&Disowning { id, since_seconds: 3, until_seconds, reason, at_seconds: 9 });
    found.is_ok() && summed.is_ok() && put.is_ok()
}

/// Changes the bytes of a file: its end, a stretch, a bit of its schema, or some bits.
fn edited(whole: &[u8], rng: &mut ChaCha8Rng) -> Vec<u8> {
    let mut bytes = whole.to_vec();
    let place = |rng: &mut ChaCha8Rng, len: usize| rng.next_u64() as usize % len;
    match rng.next_u32() % 4 {
        0 => bytes.truncate(place(rng, whole.len())),
        1 => {
            let start = place(rng, whole.len());
            let end = (start + place(rng, 512)).min(whole.len());
            bytes[start..end].fill(rng.next_u32() as u8);
        }
        2 => bytes[place(rng, whole.len().min(4096))] ^= 1 << (rng.next_u32() % 8),
        _ => {
            for _ in 0..=rng.next_u32() % 8 {
                bytes[place(rng, whole.len())] ^= 1 << (rng.next_u32() % 8);
            }
        }
    }
    bytes
}

fn try_edits(edits: u64) {
    let folder = tempdir().unwrap();
    let path = folder.path().join("ledger");
    let mut ledger = Ledger::open(&path).unwrap();
    for at in 0..8 {
        ledger.put(&entry(at)).unwrap();
    }
    drop(ledger);
    let whole = fs::read(&path).unwrap();
    let mut refused = 0;
    for seed in 0..edits {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        fs::write(&path, edited(&whole, &mut rng)).unwrap();
        refused += u64::from(!is_read(&path));
        // What SQLite leaves beside it, and audits that wait.
        for entry in fs::read_dir(folder.path()).unwrap() {
            fs::remove_file(entry.unwrap().path()).unwrap();
        }
    }
    println!("{edits} edits, {refused} refused");
    assert!(refused > 0 && refused < edits, "{refused} of {edits}");
}

#[test]
fn an_edited_ledger_is_refused_or_read() {
    try_edits(EDITS);
}

#[test]
#[ignore = "takes a minute"]
fn none_of_10_000_edits_of_a_ledger_panics() {
    try_edits(10_000);
}
