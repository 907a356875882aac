//! An honest run is never accused.

mod common;

use common::{audit, matches, record, replayed, spec, spec_with, whole};
use reenact_core::spec::LearningRate;
use reenact_core::spec::{OptimizerSpec, Spec};
use reenact_core::verify::{Grade, Independence, Verdict, Vouched};

const WARMUP: LearningRate =
    LearningRate::WarmupCosine { peak: 0.1, floor: 0.001, warmup_steps: 5 };

fn specs() -> Vec<(&'static str, Spec)> {
    vec![
        ("usual", spec()),
        ("accumulation", spec_with(|spec| spec.batch.accumulation = 3)),
        (
            "no momentum",
            spec_with(|spec| {
                spec.optimizer =
                    OptimizerSpec::Sgd { momentum: 0.0, nesterov: false, weight_decay: 0.0 };
            }),
        ),
        ("a shorter last segment", spec_with(|spec| spec.steps = 13)),
        ("every step a checkpoint", spec_with(|spec| spec.checkpoint_every = 1)),
        ("one segment", spec_with(|spec| spec.checkpoint_every = spec.steps)),
        ("one step", spec_with(|spec| (spec.steps, spec.checkpoint_every) = (1, 1))),
        ("warm-up and cosine", spec_with(|spec| spec.learning_rate = WARMUP)),
        // 64 samples, 4 a step: an epoch ends every 16 steps.
        ("three epochs", spec_with(|spec| (spec.steps, spec.checkpoint_every) = (40, 7))),
        ("the whole data set in a step", spec_with(|spec| spec.batch.size = 64)),
        ("samples left over", spec_with(|spec| spec.batch.size = 23)),
        ("no learning", spec_with(|s| s.learning_rate = LearningRate::Constant { value: 0.0 })),
        ("overflow", spec_with(|s| s.learning_rate = LearningRate::Constant { value: 1e38 })),
    ]
}

#[test]
fn every_honest_run_is_a_match() {
    for (what, spec) in specs() {
        let run = record(&spec);
        let report = audit(&run, None);
        assert_eq!(report.verdict, Verdict::Match { grade: Grade::BitExact }, "{what}: {report:?}");
        assert_eq!(report.reasons, Vec::<String>::new(), "{what}");
        assert!(report.escape.iter().all(|escape| escape.probability == 0.0), "{what}");
        assert_eq!(report.independence, Some(Independence::SelfCheck), "{what}");
    }
}

#[test]
fn segments_cover_every_step_once() {
    for (what, spec) in specs() {
        let run = record(&spec);
        let recording = examine_only(&run);
        let mut next = 0;
        for index in 0..recording.segment_count() {
            let segment = recording.segment(index);
            assert_eq!(segment.step_start, next, "{what}");
            next = segment.step_end;
        }
        assert_eq!(next, spec.steps, "{what}");
    }
}

fn examine_only(run: &reenact_core::in_memory::MemoryRun) -> reenact_core::verify::Recording<'_> {
    common::examined(run).recording.unwrap()
}

#[test]
fn the_order_of_replays_does_not_matter() {
    let run = record(&spec());
    let recording = whole(&run);
    for order in [[0, 1, 2, 3], [3, 2, 1, 0], [2, 0, 3, 1]] {
        for segment in order {
            assert!(replayed(&recording, segment).agrees(), "segment {segment}");
        }
    }
}

#[test]
fn two_recordings_of_one_spec_are_byte_identical() {
    for (what, spec) in specs() {
        assert_eq!(record(&spec).objects, record(&spec).objects, "{what}");
    }
}

#[test]
fn a_recording_is_a_self_check_only_for_its_own_binary() {
    let run = record(&spec());
    let recording = whole(&run);
    let mut auditor = common::environment();
    auditor.binary = reenact_core::digest::Digest([9; 32]);
    let segments = audit(&run, None).segments;
    let report = reenact_core::verify::Report::conclude(reenact_core::verify::Evidence {
        recording: Some(&recording),
        segments,
        ..reenact_core::verify::Evidence::new("here".into(), Vouched::Unsigned, auditor)
    });
    assert_eq!(report.independence, Some(Independence::AnotherBinary));
    assert!(matches(&report));
    // An older reenact called that independent, and its reports are read as what they mean.
    let text = serde_json::to_string(&report).unwrap();
    let older =
        text.replace(r#""independence":"another-binary""#, r#""independence":"independent""#);
    assert_ne!(older, text);
    let older: reenact_core::verify::Report = serde_json::from_str(&older).unwrap();
    assert_eq!(older.worth(), Some(Independence::AnotherBinary));
}

#[test]
fn a_report_survives_json() {
    let report = audit(&record(&spec()), None);
    let text = serde_json::to_string(&report).unwrap();
    let read: reenact_core::verify::Report = serde_json::from_str(&text).unwrap();
    assert_eq!(serde_json::to_string(&read).unwrap(), text);
}
