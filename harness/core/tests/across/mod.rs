//! Auditing the toy across its two classes of device, in memory.

// Each test file uses its own part of this.
#![allow(dead_code)]

use reenact_core::attack::InRunAttack;
use reenact_core::digest::Digest;
use reenact_core::format::{Calibration, Environment, ReadRun};
use reenact_core::in_memory::MemoryRun;
use reenact_core::spec::Spec;
use reenact_core::trainer::{Program, Setting};
use reenact_core::verify::{
    Distribution, Evidence, Examination, HonestRun, Recording, Report, SegmentOutcome,
    SegmentReport, Tolerance, ToleranceBasis, Vouched, replay_within, sketch_key,
};
use reenact_toy::Toy;

use crate::common;

/// Trains so many segments of ten steps.
pub(crate) fn spec(root_seed: u64, segments: u64) -> Spec {
    let text = include_str!("../../../../replay-specs/toy-plane.toml");
    let spec = Spec { root_seed, steps: 10 * segments, ..Spec::parse(text).unwrap() };
    Spec::parse(&spec.canonical()).unwrap()
}

fn elsewhere() -> Setting {
    Setting { device: "toy-reversed".into(), ..common::setting() }
}

/// The environment of an auditor whose sums run backwards.
pub(crate) fn auditor() -> Environment {
    Environment { engine: Toy.platform().engine(&elsewhere()).unwrap(), ..common::environment() }
}

/// Replays segments on the other class.
pub(crate) fn replays(recording: &Recording<'_>, segments: &[u64]) -> Vec<SegmentReport> {
    let key = sketch_key(recording.commitment, "a nonce");
    let replayed = |&index: &u64| {
        let (spec, setting) = (&recording.spec, elsewhere());
        let mut trainer = Toy.start(spec, Toy.data(spec, &setting).unwrap(), &setting).unwrap();
        let segment = recording.segment(index);
        let replay = replay_within(recording, trainer.as_mut(), segment, key, &mut |_| ());
        let outcome = SegmentOutcome::Replayed { replay: Box::new(replay.unwrap()) };
        SegmentReport::new(segment, outcome)
    };
    segments.iter().map(replayed).collect()
}

pub(crate) fn examined(run: &MemoryRun) -> Recording<'_> {
    let Examination { findings, recording, .. } = common::examined(run);
    assert_eq!(findings, []);
    recording.unwrap()
}

/// Replays everything of an honest recording.
pub(crate) fn honest(spec: &Spec) -> HonestRun {
    let run = common::record(spec);
    let recording = examined(&run);
    let all: Vec<u64> = (0..recording.segment_count()).collect();
    let replays = replays(&recording, &all).into_iter().map(|found| match found.outcome {
        SegmentOutcome::Replayed { replay } => {
            assert!(replay.agrees(), "{replay:?}");
            replay.deviation.unwrap()
        }
        other => panic!("{other:?}"),
    });
    let segments = replays.collect();
    HonestRun { commitment: recording.commitment, initial_state_agrees: true, segments }
}

/// Calibrates on runs with these root seeds.
pub(crate) fn calibration(
    root_seeds: std::ops::Range<u64>,
    segments: u64,
    margin: f64,
) -> Calibration {
    let runs = root_seeds.map(|seed| honest(&spec(seed, segments))).collect();
    let distribution = Distribution::new(runs).unwrap();
    let (recorded, replayed) = (common::environment(), auditor());
    distribution.calibrate(&spec(0, segments), &recorded, &replayed, margin).unwrap()
}

/// Audits segments of a recording, or all, within a tolerance.
pub(crate) fn audit(
    run: &MemoryRun,
    calibration: &Calibration,
    segments: Option<&[u64]>,
) -> Report {
    let recording = examined(run);
    let all: Vec<u64> = (0..recording.segment_count()).collect();
    let mut reports = replays(&recording, segments.unwrap_or(&all));
    for report in &mut reports {
        if let SegmentOutcome::Replayed { replay } = &mut report.outcome {
            replay.deviation.as_mut().unwrap().judge(calibration);
        }
    }
    let basis = ToleranceBasis {
        calibration: Digest::default(),
        vouched: Vouched::Unsigned,
        runs: calibration.runs.len() as u64,
        segments: calibration.segments,
        margin: calibration.margin,
        false_alarms: calibration.false_alarms,
        initial_state_compared: true,
        sketch_key: Digest::default(),
    };
    let tolerance = Tolerance::new(basis, calibration, &mut reports);
    Report::conclude(Evidence {
        recording: Some(&recording),
        segments: reports,
        tolerance: Some(tolerance),
        ..Evidence::new(run.place(), Vouched::Unsigned, auditor())
    })
}

/// Records a run that is pushed by so many units in the last place a segment.
pub(crate) fn pushed(spec: &Spec, ulps: f64) -> MemoryRun {
    let attack: InRunAttack = format!("under-tolerance*{ulps}").parse().unwrap();
    common::record_attacked(spec, Some(attack))
}
