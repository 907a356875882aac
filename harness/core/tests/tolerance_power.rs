//! Measures the tolerance audit on the toy: how often it accuses honest runs, and
//! which steady push it finds. Prints what stands in `benches/README.md`.
//!
//! ```sh
//! cargo test --release -p reenact-core --test tolerance_power -- --ignored --nocapture
//! ```

mod across;
mod common;

use std::ops::Range;

use reenact_core::format::Calibration;
use reenact_core::in_memory::MemoryRun;
use reenact_core::verify::{Report, SegmentOutcome};

/// Root seeds of the runs that are calibrated on, judged honest, and pushed.
const CALIBRATING: Range<u64> = 10_000..10_020;
const HONEST: Range<u64> = 0..400;
const PUSHED: Range<u64> = 1000..1100;
const MARGIN: f64 = 2.0;

/// Holds what the audit of one run said.
struct Judged {
    segments: usize,
    beyond: usize,
    /// Drift beside what is allowed.
    drift: f64,
    /// Push of a segment beside its update, on average, in the worst tensor.
    deviation: f64,
}

fn judge(run: &MemoryRun, calibration: &Calibration) -> Judged {
    let report: Report = across::audit(run, calibration, None);
    let beyond = |outcome: &SegmentOutcome| match outcome {
        SegmentOutcome::Replayed { replay } => replay.leaves_recording(),
        other => panic!("{other:?}"),
    };
    let tolerance = report.tolerance.as_ref().unwrap();
    let accumulated = tolerance.accumulated.as_ref().unwrap();
    let shares = tolerance.tensors.iter().map(|found| found.relative_l2_found);
    Judged {
        segments: report.segments.len(),
        beyond: report.segments.iter().filter(|found| beyond(&found.outcome)).count(),
        drift: accumulated.drift / accumulated.drift_allowed,
        deviation: shares.fold(0.0, f64::max),
    }
}

fn honest(segments: u64, calibration: &Calibration) {
    let judged: Vec<Judged> = HONEST
        .map(|seed| judge(&common::record(&across::spec(seed, segments)), calibration))
        .collect();
    let all: usize = judged.iter().map(|found| found.segments).sum();
    let beyond: usize = judged.iter().map(|found| found.beyond).sum();
    let drifting = |times: f64| judged.iter().filter(|found| found.drift > times).count();
    println!(
        "{segments} segments, {} honest runs: {beyond} of {all} segments accused, {} runs accused \
         for drift ({} at a margin of 1)",
        judged.len(),
        drifting(1.0),
        drifting(1.0 / MARGIN)
    );
    assert!(beyond == 0 && drifting(1.0) == 0, "an honest run was accused");
}

fn pushed(segments: u64, calibration: &Calibration) {
    println!("| push, ulp | largest deviation | by a segment | by drift | drift / allowed |");
    println!("| ---: | ---: | ---: | ---: | ---: |");
    for ulps in [0.0625, 0.125, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0] {
        let judged: Vec<Judged> = PUSHED
            .map(|seed| judge(&across::pushed(&across::spec(seed, segments), ulps), calibration))
            .collect();
        let share = |holds: fn(&Judged) -> bool| {
            judged.iter().filter(|found| holds(found)).count() as f64 / judged.len() as f64
        };
        let mean =
            |of: fn(&Judged) -> f64| judged.iter().map(of).sum::<f64>() / judged.len() as f64;
        println!(
            "| {ulps} | {:.1e} | {:.2} | {:.2} | {:.2} |",
            mean(|found| found.deviation),
            share(|found| found.beyond > 0),
            share(|found| found.drift > 1.0),
            mean(|found| found.drift)
        );
    }
}

#[test]
#[ignore = "minutes of statistics"]
fn false_alarms_and_power() {
    for segments in [6, 16, 40] {
        let calibration = across::calibration(CALIBRATING, segments, MARGIN);
        let alarms = calibration.false_alarms;
        println!(
            "\n{} runs calibrate; stated at a margin of 1: {:.4} a segment, {:.4} an audit",
            calibration.runs.len(),
            alarms.segment,
            alarms.drift
        );
        honest(segments, &calibration);
        pushed(segments, &calibration);
    }
}
