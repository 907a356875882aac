//! A night that is killed at any moment loses nothing that was judged.

use std::collections::BTreeMap;
use std::process::Stdio;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::common::{MATCH, Ran, binary};
use crate::nightly::Lab;

/// Moments at which a night is killed.
const MOMENTS: u32 = 50;
const RUNS: [&str; 3] = ["a", "b", "c"];

/// Returns which segments audits have covered, by the run.
fn covered(lab: &Lab) -> BTreeMap<&'static str, Vec<u64>> {
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

#[test]
fn killed_at_fifty_moments_it_loses_nothing_and_accuses_nobody() {
    let whole = Lab::new("");
    RUNS.iter().for_each(|name| whole.record(name, &[]));
    let begun = Instant::now();
    whole.nightly(&[], &[]).expect(MATCH);
    let length = begun.elapsed();
    let (mut lab, mut before, mut killed) = (None, BTreeMap::new(), 0);
    for moment in 0..MOMENTS {
        // Now and then a lab of its own: one that is covered has little left to lose.
        if moment % 10 == 0 {
            let fresh = Lab::new("");
            RUNS.iter().for_each(|name| fresh.record(name, &[]));
            (lab, before) = (Some(fresh), BTreeMap::new());
        }
        let lab = lab.as_ref().unwrap();
        let mut command = binary();
        command.arg("nightly").arg(lab.path("night.toml"));
        let mut night = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        std::thread::sleep(
            length.mul_f64(f64::from(moment % 10) / 9.0).min(Duration::from_secs(5)),
        );
        killed += u32::from(night.try_wait().unwrap().is_none());
        night.kill().unwrap();
        night.wait().unwrap();
        let now = covered(lab);
        for (name, segments) in &before {
            let segments: &Vec<u64> = segments;
            let kept = segments.iter().all(|segment| now[*name].contains(segment));
            assert!(kept, "moment {moment}: {name}: {segments:?}, now {now:?}");
        }
        before = now;
        if moment % 10 == 9 {
            // Gone on with, or begun anew where it had ended: all is covered, nobody accused.
            let resumed = lab.nightly(&[], &["--resume", "--json"]);
            let night =
                if resumed.code == Some(MATCH) { resumed } else { lab.nightly(&[], &["--json"]) };
            let night = night.expect(MATCH).json();
            assert_eq!(night["incidents"], Value::Array(Vec::new()), "{night}");
            lab.nightly(&[], &[]).expect(MATCH);
            assert!(covered(lab).values().all(|found| found.len() == 6), "{:?}", covered(lab));
        }
    }
    assert!(killed >= MOMENTS / 5, "only {killed} nights were alive when they were killed");
}
