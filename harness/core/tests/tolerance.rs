//! Audits across two classes of device, in memory: honest runs pass, edits beyond
//! the tolerance do not, and a steady push is found by adding up.

mod across;
mod common;

use across::{audit, calibration, pushed, spec};
use proptest::prelude::*;
use reenact_core::attack::PostHocAttack;
use reenact_core::format::{Calibration, Environment};
use reenact_core::verify::{
    Distribution, DistributionError, Grade, HonestRun, Report, SegmentDeviation, SegmentOutcome,
    Stage, TensorDeviation, Verdict,
};

const SEGMENTS: u64 = 16;

fn beyond(report: &Report) -> usize {
    let found = |outcome: &SegmentOutcome| match outcome {
        SegmentOutcome::Replayed { replay } => replay.deviation.as_ref().unwrap().beyond.len(),
        other => panic!("{other:?}"),
    };
    report.segments.iter().map(|report| found(&report.outcome)).sum()
}

/// Seeds of the calibration and of what is judged do not overlap. How often it
/// fails on more runs is measured in `tolerance_power.rs`.
#[test]
fn honest_runs_are_never_called_divergent() {
    let calibration = calibration(1000..1010, SEGMENTS, 2.0);
    assert_eq!(Calibration::parse(calibration.encode().unwrap().as_bytes()).unwrap(), calibration);
    for seed in 0..20 {
        let run = common::record(&spec(seed, SEGMENTS));
        for segments in [None, Some(&[3, 9, 12][..]), Some(&[0][..])] {
            let report = audit(&run, &calibration, segments);
            let grade = Grade::Tolerance;
            assert_eq!(report.verdict, Verdict::Match { grade }, "{seed}: {:?}", report.reasons);
            let tensors = report.tolerance.unwrap().tensors;
            let deviates = tensors.iter().filter(|found| found.relative_l2_found > 0.0).count();
            assert!(deviates > 0, "the two classes really differ");
        }
    }
}

#[test]
fn what_a_segment_hides_the_sum_shows() {
    let calibration = calibration(1000..1010, SEGMENTS, 2.0);
    let report = audit(&pushed(&spec(3, SEGMENTS), 0.5), &calibration, None);
    assert_eq!(beyond(&report), 0, "{:?}", report.reasons);
    assert_eq!(report.verdict, Verdict::Divergent);
    let accumulated = report.tolerance.as_ref().unwrap().accumulated.as_ref().unwrap();
    assert!(accumulated.tensor.starts_with("model."), "{accumulated:?}");
    // A tolerance audit is not counted with those that compared every bit.
    assert!(!report.sample_agreed());
    // Pushed harder, single segments show it.
    let report = audit(&pushed(&spec(3, SEGMENTS), 64.0), &calibration, None);
    assert!(beyond(&report) > 0);
}

#[test]
fn every_edit_that_passes_is_within_the_bound_of_the_report() {
    let calibration = calibration(1000..1010, SEGMENTS, 2.0);
    let run = common::record(&spec(3, SEGMENTS));
    for ulps in [1, 2, 4, 8, 16, 64, 1024] {
        let attack: PostHocAttack = format!("weight-edit@60*{ulps}").parse().unwrap();
        let (_, edited) = common::planted(&attack.to_string(), &run);
        let report = audit(&edited, &calibration, Some(&[5]));
        if report.verdict == Verdict::Divergent {
            continue;
        }
        let element = |run| {
            let state = across::examined(run).checkpoint(60).unwrap().load(1 << 20).unwrap();
            let bytes: [u8; 4] = state.tensor("model.bias").unwrap().1[..4].try_into().unwrap();
            f64::from(f32::from_le_bytes(bytes))
        };
        let edit = (element(&edited) - element(&run)).abs();
        let tensors = report.tolerance.unwrap().tensors;
        let bound = tensors.iter().find(|bound| bound.name == "model.bias").unwrap();
        assert!(edit > 0.0 && edit <= bound.edit_element_max, "{ulps}: {edit:e}, {bound:?}");
    }
    let (_, edited) = common::planted("weight-edit@60*100000", &run);
    assert_eq!(audit(&edited, &calibration, Some(&[5])).verdict, Verdict::Divergent);
}

/// Integrity sees these too; here nothing but the replay is asked.
#[test]
fn what_is_exact_on_every_class_is_held_equal() {
    for (attack, stage) in [
        ("order-swap@25", Stage::Batch),
        ("label-flip@25", Stage::Batch),
        ("lr-recorded@25", Stage::LearningRate),
    ] {
        let run = common::record_attacked(&spec(3, 4), Some(attack.parse().unwrap()));
        let recording = common::examined(&run).recording.unwrap();
        let found = across::replays(&recording, &[2]).remove(0);
        let SegmentOutcome::Replayed { replay } = found.outcome else { panic!("{attack}") };
        let step = replay.divergence.unwrap().step.unwrap();
        assert_eq!((step.step, step.stage), (25, stage), "{attack}");
    }
}

fn tensor(residual: f64) -> TensorDeviation {
    TensorDeviation {
        name: "w".into(),
        elements: 1,
        update_l2: 1.0,
        residual_l2: residual.abs(),
        residual_max: residual.abs(),
        ulp: 1e-6,
    }
}

fn run(number: u8, residuals: &[f64]) -> HonestRun {
    let segment = |&residual: &f64| SegmentDeviation {
        tensors: vec![tensor(residual)],
        beyond: Vec::new(),
        sketches: vec![vec![residual]],
    };
    HonestRun {
        commitment: reenact_core::digest::Digest([number; 32]),
        initial_state_agrees: number != 7,
        segments: residuals.iter().map(segment).collect(),
    }
}

fn calibrated(runs: Vec<HonestRun>) -> Result<Calibration, DistributionError> {
    let (there, here): (Environment, _) = (common::environment(), across::auditor());
    Distribution::new(runs)?.calibrate(&spec(0, SEGMENTS), &there, &here, 1.0)
}

#[test]
fn what_cannot_be_calibrated_is_refused() {
    let one = vec![run(1, &[1e-6, 2e-6])];
    assert!(matches!(calibrated(one), Err(DistributionError::Runs(1))));
    let empty = vec![run(1, &[]), run(2, &[1e-6])];
    assert!(matches!(calibrated(empty), Err(DistributionError::Empty)));
    // As where a random stream differs between the classes.
    let far = vec![run(1, &[0.5]), run(2, &[2.0])];
    assert!(matches!(calibrated(far), Err(DistributionError::TooFar { .. })));
    let other_start = calibrated(vec![run(7, &[1e-6]), run(8, &[1e-6])]).unwrap();
    assert!(!other_start.initial_state_agrees);
}

proptest! {
    /// Everything that was measured passes, whatever it was.
    #[test]
    fn a_calibration_allows_what_it_rests_on(
        residuals in prop::collection::vec(
            prop::collection::vec(-1e-3..1e-3_f64, SEGMENTS as usize), 2..8),
    ) {
        let runs: Vec<HonestRun> =
            (1..).zip(&residuals).map(|(number, residuals)| run(number, residuals)).collect();
        let calibration = calibrated(runs.clone()).unwrap();
        let again = Calibration::parse(calibration.encode().unwrap().as_bytes()).unwrap();
        prop_assert_eq!(&again, &calibration);
        for mut segment in runs.into_iter().flat_map(|run| run.segments) {
            segment.judge(&calibration);
            prop_assert_eq!(&segment.beyond, &[]);
            segment.tensors[0] = tensor(1.0);
            segment.judge(&calibration);
            prop_assert_eq!(segment.beyond.len(), 1);
        }
    }
}
