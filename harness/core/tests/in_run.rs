//! Every attack that a training can plant in itself, and where it is caught.

mod common;

use common::{
    audit, data, examined, first_difference, record_attacked, replayed, spec, spec_with, whole,
};
use reenact_core::attack::InRunKind;
use reenact_core::format::ReadRun;
use reenact_core::in_memory::MemoryRun;
use reenact_core::spec::LastBatch;
use reenact_core::verify::{
    Evidence, Finding, Place, Report, SegmentOutcome, SegmentReport, Stage, Verdict, Vouched,
    Weight, examine_data,
};

/// Step 4 lies in the middle of segment 1.
const STEP: u64 = 4;
const SEGMENT: u64 = 1;

fn sabotaged(attack: &str) -> MemoryRun {
    record_attacked(&spec(), Some(attack.parse().unwrap()))
}

/// Asserts that only a replay of segment 1 sees the attack, and returns the
/// tensors that differ after step 4.
fn seen_by_replay(run: &MemoryRun, stage: Stage) -> Vec<String> {
    let recording = whole(run);
    for segment in (0..recording.segment_count()).filter(|&segment| segment != SEGMENT) {
        assert!(replayed(&recording, segment).agrees(), "segment {segment}");
    }
    let replay = replayed(&recording, SEGMENT);
    assert!(replay.initial.is_empty());
    assert!(!replay.divergence.as_ref().unwrap().closing.is_empty());
    assert_eq!(audit(run, None).verdict, Verdict::Divergent);
    assert_eq!(audit(run, Some(&[0, 2, 3])).verdict, Verdict::Match { grade: bit_exact() });
    first_difference(&replay, STEP, stage)
}

fn bit_exact() -> reenact_core::verify::Grade {
    reenact_core::verify::Grade::BitExact
}

/// Asserts that deriving the data sees the attack at step 4, and that a replay
/// says the same.
fn seen_by_derivation(run: &MemoryRun) -> Finding {
    let examination = examined(run);
    let recording = examination.recording.unwrap();
    // Samples are derived from the spec alone, batches with the data set.
    let mut findings = examination.findings;
    findings.extend(examine_data(&recording, data(&recording.spec).as_ref(), &mut |_| ()));
    assert_eq!(findings.len(), 1);
    assert_eq!((&findings[0].place, findings[0].weight), (&Place::step(STEP), Weight::Divergent));
    let replay = replayed(&recording, SEGMENT);
    first_difference(&replay, STEP, Stage::Batch);
    // Divergent even where the segment is not drawn.
    assert_eq!(audit(run, Some(&[0])).verdict, Verdict::Divergent);
    findings.remove(0)
}

const EVERY_TENSOR: [&str; 4] =
    ["model.bias", "model.weight", "optimizer.bias.velocity", "optimizer.weight.velocity"];

#[test]
fn lr_tamper() {
    let tensors = seen_by_replay(&sabotaged("lr-tamper@4"), Stage::Update);
    assert_eq!(tensors, ["model.bias", "model.weight"]);
}

#[test]
fn lr_recorded() {
    let run = sabotaged("lr-recorded@4");
    let examination = examined(&run);
    let [finding] = &examination.findings[..] else { panic!("{:?}", examination.findings) };
    assert_eq!((&finding.place, finding.weight), (&Place::step(STEP), Weight::Divergent));
    assert!(finding.problem.contains("factor 1.05"), "{finding}");
    let replay = replayed(&examination.recording.unwrap(), SEGMENT);
    first_difference(&replay, STEP, Stage::LearningRate);
    assert_eq!(audit(&run, Some(&[0])).verdict, Verdict::Divergent);
}

#[test]
fn sign_flip() {
    assert_eq!(seen_by_replay(&sabotaged("sign-flip@4"), Stage::Update), EVERY_TENSOR);
}

#[test]
fn seed_swap() {
    let run = sabotaged("seed-swap");
    let examination = examined(&run);
    let (recording, findings) = (examination.recording.unwrap(), examination.findings);
    assert_eq!(findings.len(), 1);
    assert_eq!(findings[0].place, Place::step(0));
    assert!(findings[0].problem.contains("and so at 11 more steps"), "{}", findings[0]);
    for segment in 0..4 {
        let replay = replayed(&recording, segment);
        let initial: Vec<&str> = replay.initial.iter().map(|found| found.name.as_str()).collect();
        assert_eq!(initial, ["model.bias", "model.weight"]);
        first_difference(&replay, 3 * segment, Stage::Batch);
    }
    assert_eq!(audit(&run, Some(&[3])).verdict, Verdict::Divergent);
}

#[test]
fn order_swap() {
    let finding = seen_by_derivation(&sabotaged("order-swap@4"));
    assert!(finding.problem.contains("another order"), "{finding}");
}

#[test]
fn order_swap_of_samples_that_are_in_order_by_chance() {
    let pairs = spec_with(|spec| spec.batch.size = 2);
    let mut order = pairs.data_order().unwrap();
    let step = (0..pairs.steps).find(|&step| order.samples(step).is_sorted()).unwrap();
    let run = record_attacked(&pairs, Some(format!("order-swap@{step}").parse().unwrap()));
    let found = examined(&run).findings;
    assert_eq!((found.len(), &found[0].place), (1, &Place::step(step)), "{found:?}");
}

#[test]
#[should_panic(expected = "order-swap")]
fn order_swap_has_no_place_in_a_step_of_one_sample() {
    let kept = spec_with(|spec| {
        spec.format = 2;
        (spec.batch.size, spec.batch.last) = (21, LastBatch::Kept);
    });
    record_attacked(&kept, Some("order-swap@3".parse().unwrap()));
}

#[test]
fn label_flip() {
    let finding = seen_by_derivation(&sabotaged("label-flip@4"));
    assert!(finding.problem.contains("labels were changed"), "{finding}");
}

#[test]
fn pixel_edit() {
    let finding = seen_by_derivation(&sabotaged("pixel-edit@4"));
    assert!(finding.problem.contains("inputs or labels were changed"), "{finding}");
}

#[test]
fn dropout_off() {
    assert_eq!(seen_by_replay(&sabotaged("dropout-off@4"), Stage::Loss), EVERY_TENSOR);
}

#[test]
fn in_run_edit_of_one_unit_in_the_last_place() {
    assert_eq!(seen_by_replay(&sabotaged("in-run-edit@4*1"), Stage::Update), ["model.bias"]);
}

#[test]
fn in_run_edit_after_the_last_step_of_a_segment() {
    let run = sabotaged("in-run-edit@5*1");
    let replay = replayed(&whole(&run), SEGMENT);
    assert_eq!(first_difference(&replay, 5, Stage::Update), ["model.bias"]);
    let closing = &replay.divergence.unwrap().closing;
    assert_eq!(closing.iter().map(|found| &found.name).collect::<Vec<_>>(), ["model.bias"]);
    assert!(replayed(&whole(&run), 2).agrees());
}

#[test]
fn moment_edit() {
    let tensors = seen_by_replay(&sabotaged("moment-edit@4"), Stage::Update);
    assert_eq!(tensors, ["optimizer.bias.velocity", "optimizer.weight.velocity"]);
}

#[test]
fn moments_zeroed() {
    let tensors = seen_by_replay(&sabotaged("moment-edit@4*0"), Stage::Update);
    assert_eq!(tensors, ["optimizer.bias.velocity", "optimizer.weight.velocity"]);
}

#[test]
fn a_resumption_that_loses_the_moments() {
    let run = sabotaged("moment-edit@5*0");
    let replay = replayed(&whole(&run), SEGMENT);
    assert_eq!(first_difference(&replay, 5, Stage::Update).len(), 2);
}

#[test]
fn another_class_of_machine_cannot_tell() {
    let run = sabotaged("sign-flip@4");
    let recording = whole(&run);
    let concluded = |outcome| {
        let segment = recording.segment(SEGMENT);
        let report = SegmentReport::new(segment, outcome);
        let mut auditor = common::environment();
        auditor.engine.class.insert("engine".into(), "toy 2".into());
        Report::conclude(Evidence {
            recording: Some(&recording),
            segments: vec![report],
            ..Evidence::new(run.place(), Vouched::Unsigned, auditor)
        })
        .verdict
    };
    let replay = Box::new(replayed(&recording, SEGMENT));
    assert_eq!(concluded(SegmentOutcome::Replayed { replay }), Verdict::Inconclusive);
    // Another engine may name the tensors of an honest state otherwise.
    let problem = String::new();
    assert_eq!(concluded(SegmentOutcome::Refused { problem }), Verdict::Inconclusive);
    let agreeing = Box::new(replayed(&recording, 0));
    assert!(matches!(
        concluded(SegmentOutcome::Replayed { replay: agreeing }),
        Verdict::Match { .. }
    ));
}

#[test]
fn no_kind_is_forgotten_here() {
    let caught = include_str!("in_run.rs");
    for kind in InRunKind::all() {
        assert!(caught.contains(&format!("sabotaged(\"{kind}")), "{kind} has no test");
    }
}

#[test]
fn moment_reset() {
    let tensors = seen_by_replay(&sabotaged("moment-reset@4"), Stage::Update);
    assert_eq!(tensors, EVERY_TENSOR);
}

#[test]
fn kernel_swap() {
    let tensors = seen_by_replay(&sabotaged("kernel-swap@4"), Stage::Gradient);
    assert_eq!(tensors, EVERY_TENSOR);
}

/// The toy clips nothing; `tests/models/attacks.rs` has the attack on a model
/// that does.
#[test]
#[should_panic(expected = "clip-off")]
fn clip_off_has_no_place_where_nothing_is_clipped() {
    sabotaged("clip-off@4");
}

/// It acts at the last step of a segment. How it hides under a tolerance is in
/// `tolerance.rs`; bit for bit there is nothing to hide under.
#[test]
fn under_tolerance() {
    let run = sabotaged("under-tolerance@3..6");
    let replay = replayed(&whole(&run), SEGMENT);
    assert_eq!(first_difference(&replay, 5, Stage::Update), ["model.bias", "model.weight"]);
    assert_eq!(audit(&run, None).verdict, Verdict::Divergent);
}
