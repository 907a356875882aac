//! A night that is killed at any moment loses nothing that was judged, and is gone on with.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader};
use std::ops::Range;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::common::{MATCH, Ran, USAGE, binary};
use crate::nightly::Lab;

/// Labs, each with nights of its own: one that is covered has little left to lose.
const LABS: u32 = 10;
/// Nights that are killed in each.
const NIGHTS: u32 = 5;
const MOMENTS: u32 = LABS * NIGHTS;
const RUNS: [&str; 3] = ["a", "b", "c"];
/// Segments of all runs.
const SEGMENTS: usize = 18;

type Covered = BTreeMap<&'static str, Vec<u64>>;

fn lab() -> Lab {
    let lab = Lab::new("");
    RUNS.iter().for_each(|name| lab.record(name, &[]));
    lab
}

/// Returns which segments audits have covered, by the run.
fn covered(lab: &Lab) -> Covered {
    let of = |name: &'static str| {
        let mut command = binary();
        command.args(["ledger", "show", "--json", "--ledger"]).arg(lab.path("ledger.sqlite"));
        let shown = Ran::from(&command.arg(lab.run(name)).output().unwrap());
        let audits = if shown.code == Some(MATCH) { shown.json() } else { Value::Null };
        let rows = audits.as_array().into_iter().flatten();
        let rows = rows.flat_map(|audit| audit["covered"].as_array().into_iter().flatten());
        let mut segments: Vec<u64> = rows.map(|row| row["index"].as_u64().unwrap()).collect();
        segments.sort_unstable();
        segments.dedup();
        (name, segments)
    };
    RUNS.into_iter().map(of).collect()
}

fn count(covered: &Covered) -> usize {
    covered.values().map(Vec::len).sum()
}

/// Says whether the last night of a lab had begun and has not ended.
fn is_unended(lab: &Lab) -> bool {
    let status = lab.nightly(&["status"], &["--json"]);
    !status.stdout.is_empty() && status.json()["is_unended"] == true
}

fn begin(lab: &Lab, stderr: Stdio) -> Child {
    let mut command = binary();
    command.arg("nightly").arg(lab.path("night.toml"));
    command.stdout(Stdio::null()).stderr(stderr).spawn().unwrap()
}

/// Kills nights of a lab, each a bit later than the one before, and returns how many were alive.
fn kill_at_moments(lab: &Lab, moments: Range<u32>, length: Duration) -> u32 {
    let (mut before, mut alive) = (Covered::new(), 0);
    for moment in moments {
        let mut night = begin(lab, Stdio::null());
        std::thread::sleep(length.mul_f64(f64::from(moment) / f64::from(MOMENTS - 1)));
        alive += u32::from(night.try_wait().unwrap().is_none());
        night.kill().unwrap();
        night.wait().unwrap();
        let now = covered(lab);
        for (name, segments) in &before {
            let kept = segments.iter().all(|segment| now[name].contains(segment));
            assert!(kept, "moment {moment}: {name}: {segments:?}, now {now:?}");
        }
        before = now;
    }
    alive
}

/// Kills a night as soon as it says this.
fn kill_at_words(lab: &Lab, words: &str) {
    let mut night = begin(lab, Stdio::piped());
    let mut lines = BufReader::new(night.stderr.take().unwrap()).lines();
    let said = lines.any(|line| line.unwrap().contains(words));
    night.kill().unwrap();
    night.wait().unwrap();
    assert!(said, "it never said `{words}`");
}

/// A night that had begun is gone on with; where none had, that is said, and the next is begun.
/// Either way all is covered then, and nobody accused. Says whether it was gone on with.
fn goes_on(lab: &Lab) -> bool {
    let had_begun = is_unended(lab);
    let resumed = lab.nightly(&[], &["--resume", "--json"]);
    let night = if had_begun {
        let night = resumed.expect(MATCH).json();
        assert!(night["notes"].to_string().contains("gone on with the night"), "{night}");
        night
    } else {
        resumed.expect(USAGE).says(&["nothing to resume"]);
        lab.nightly(&[], &["--json"]).expect(MATCH).json()
    };
    assert_eq!(night["incidents"], Value::Array(Vec::new()), "{night}");
    assert!(lab.path("nights/latest/index.html").exists() && !is_unended(lab));
    assert_eq!(count(&covered(lab)), SEGMENTS, "{:?}", covered(lab));
    lab.nightly(&[], &[]).expect(MATCH);
    had_begun
}

#[test]
fn killed_at_fifty_moments_it_loses_nothing_and_accuses_nobody() {
    let whole = lab();
    let begun = Instant::now();
    whole.nightly(&[], &[]).expect(MATCH);
    let (length, mut alive) = (begun.elapsed(), 0);
    for number in 0..LABS {
        let lab = lab();
        alive += kill_at_moments(&lab, number * NIGHTS..(number + 1) * NIGHTS, length);
        goes_on(&lab);
    }
    assert!(alive >= MOMENTS / 3, "only {alive} nights were alive when they were killed");
}

#[test]
fn killed_as_an_audit_begins_it_keeps_those_before_and_is_gone_on_with() {
    let each = (1..=RUNS.len()).map(|audit| {
        let lab = lab();
        kill_at_words(&lab, &format!("{audit} of {}: ", RUNS.len()));
        let kept = count(&covered(&lab));
        assert!(kept >= SEGMENTS / RUNS.len() * (audit - 1), "audit {audit}: {kept} segments");
        goes_on(&lab)
    });
    // A busy machine may let the last one end before it is killed, and never the first.
    assert!(each.filter(|gone_on| *gone_on).count() > 0, "no night was gone on with");
}
