//! The page of a report that a hostile recording had a hand in.

use reenact_core::digest::Digest;
use reenact_core::format::{Comparison, Environment, FalseAlarms};
use reenact_core::state::{Difference, StateRoot, TensorDifference};
use reenact_core::trainer::Engine;
use reenact_core::verify::{
    Accumulated, Advice, Beacon, Challenge, Claim, Course, CourseStep, Divergence, Ended, Escape,
    FigureCurve, FigureDifference, FigurePoint, FigureValue, Finding, Grade, Independence,
    Launched, LossPoint, ModelFile, NonceSource, Past, Place, REPORT_FORMAT, Replay, Report,
    Segment, SegmentDeviation, SegmentOutcome, SegmentReport, SegmentSet, Stage, StepDivergence,
    StepValues, TensorBound, Tolerance, ToleranceBasis, TrustedList, Unrecorded, UnrecordedKernel,
    Verdict, Vouched, Weight,
};

use super::render;

const HOSTILE: &str = "<script>alert('x')</script>\" onload=\"x";

fn environment(system: &str) -> Environment {
    let class = [("device".to_owned(), HOSTILE.to_owned())].into();
    Environment {
        engine: Engine { class, notes: Default::default() },
        reenact: "0".into(),
        rustc: "1".into(),
        lock: Digest::default(),
        binary: Digest::default(),
        system: system.into(),
    }
}

fn replay(index: u64, divergence: Option<Divergence>) -> SegmentReport {
    let segment = Segment { index, step_start: 10 * index, step_end: 10 * index + 10 };
    let differs = divergence.is_some();
    let step = |step: u64| CourseStep {
        step,
        recorded_loss_bits: f32::NAN.to_bits(),
        replayed_loss_bits: 1.0_f32.to_bits(),
        stage: differs.then_some(Stage::Update),
        gradients: u64::from(differs),
        tensor_count: u64::from(differs),
        tensors: if differs { vec![0] } else { Vec::new() },
    };
    let course = Course {
        tensors: vec![HOSTILE.into()],
        steps: (segment.step_start..segment.step_end).map(step).collect(),
    };
    let named = UnrecordedKernel { table: HOSTILE.into(), kernel: HOSTILE.into() };
    let first = differs.then_some(named).into_iter().collect();
    let replay = Replay {
        unrecorded: Unrecorded { count: u64::from(differs), first },
        launched: Launched::default(),
        segment,
        closing_root: StateRoot::default(),
        divergence,
        initial: Vec::new(),
        declares_inputs: true,
        initial_unread: None,
        course,
        deviation: None,
    };
    let outcome = SegmentOutcome::Replayed { replay: Box::new(replay) };
    SegmentReport { incidents: vec![HOSTILE.into()], ..SegmentReport::new(segment, outcome) }
}

fn divergence() -> Divergence {
    let values = StepValues { learning_rate: None, loss: None, loss_bits: f32::NAN.to_bits() };
    let step = StepDivergence {
        step: 25,
        stage: Stage::Update,
        gradients: vec![HOSTILE.into()],
        tensors: vec![HOSTILE.into()],
        recorded: values.clone(),
        replayed: values,
        launches: None,
        figures: vec![FigureDifference {
            name: HOSTILE.into(),
            recorded: Some(FigureValue { value: None, bits: HOSTILE.into() }),
            replayed: None,
        }],
    };
    let difference = Difference::Elements {
        count: 1,
        of: 2,
        index_first: 0,
        recorded: HOSTILE.into(),
        replayed: HOSTILE.into(),
        ulp_max: None,
        relative_l2: None,
    };
    let closing = vec![TensorDifference { name: HOSTILE.into(), difference }];
    Divergence { step: Some(step), closing, closing_unread: None }
}

/// Reports four segments: 1 is clean, 2 divergent, the others not drawn.
pub(super) fn report() -> Report {
    let point = |step| LossPoint { step, bits: (step as f32).to_bits() };
    let claim = Claim {
        name: HOSTILE.into(),
        program: HOSTILE.into(),
        spec: Digest::default(),
        steps: 40,
        reach: None,
        segments: 4,
        checkpoint_every: 10,
        start: None,
        resumed: vec![20],
        environments: vec![(0, environment(HOSTILE)), (20, environment("there"))],
        losses: (0..40).map(point).collect(),
        figures: vec![FigureCurve {
            name: HOSTILE.into(),
            points: vec![
                FigurePoint { step: 9, value: Some(0.5) },
                FigurePoint { step: 19, value: None },
            ],
        }],
        tf32: vec![HOSTILE.into()],
    };
    let finding = Finding {
        place: Place { object: HOSTILE.into(), step: None },
        problem: HOSTILE.into(),
        weight: Weight::Divergent,
        advice: Some(Advice::Close { id: HOSTILE.into() }),
    };
    Report {
        format: REPORT_FORMAT,
        verdict: Verdict::Divergent,
        reasons: vec![HOSTILE.into()],
        run: HOSTILE.into(),
        vouched: Vouched::UnknownKey { key: HOSTILE.into() },
        claim: Some(claim),
        challenge: None,
        audited: None,
        expected: None,
        sampled_by: None,
        nonce_source: None,
        past: None,
        findings: vec![finding],
        segments: vec![replay(1, None), replay(2, Some(divergence()))],
        due: Vec::new(),
        escape: Vec::new(),
        independence: Some(Independence::SelfCheck),
        required: None,
        trusted_builds: None,
        class_differences: Vec::new(),
        build_differences: Vec::new(),
        model_file: Some(model_file()),
        batches: None,
        doubt: None,
        ended: Some(Ended { at_seconds: 1_700_000_000, after_seconds: 12.0 }),
        advice: vec![Advice::Close { id: HOSTILE.into() }, Advice::Resume],
        controls: vec![replay(3, None)],
        tolerance: None,
        coverage: None,
        auditor: environment("here"),
    }
}

fn model_file() -> ModelFile {
    let difference = Difference::OnlyReplayed;
    let found = TensorDifference { name: HOSTILE.into(), difference };
    let mut model = ModelFile::new(HOSTILE.into());
    model.step_last = Some(40);
    model.take(Comparison { differences: vec![found; 150], absolute_max: None });
    model
}

#[test]
fn a_model_file_has_its_own_words_beside_the_verdict() {
    let mut report = report();
    let page = render(&report);
    assert!(page.contains("Not the model of this run.") && page.contains("and 138 tensors more"));
    let model = report.model_file.as_mut().unwrap();
    *model = ModelFile { step: Some(40), step_last: Some(40), ..ModelFile::new("m".into()) };
    let page = render(&report);
    assert!(
        page.contains("The model of this run.") && page.contains("does not depend on this file")
    );
    report.model_file = None;
    assert!(!render(&report).contains("Model file"));
}

#[test]
fn nothing_of_a_recording_becomes_markup() {
    let page = render(&report());
    assert!(page.contains("&lt;script&gt;"));
    assert!(page.contains("to weigh that claim: segment 3 agrees."));
    for word in ["<script", "\" onload", "NaNL", "url(", "@import", "://"] {
        assert!(!page.contains(word), "{word}");
    }
}

#[test]
fn a_report_of_nothing_has_a_page() {
    let mut nothing = report();
    (nothing.claim, nothing.segments, nothing.independence) = (None, Vec::new(), None);
    nothing.verdict = Verdict::Inconclusive;
    let page = render(&nothing);
    assert!(page.contains("Inconclusive") && page.contains("not a pass"));
}

#[test]
fn figures_have_pictures_and_a_report_without_them_has_none() {
    let mut report = report();
    assert!(render(&report).contains("<h2>Validation</h2>"));
    report.claim.as_mut().unwrap().figures.clear();
    assert!(!render(&report).contains("<h2>Validation</h2>"));
}

#[test]
fn a_curve_without_a_number_is_left_out() {
    let mut report = report();
    let claim = report.claim.as_mut().unwrap();
    claim.losses.iter_mut().for_each(|point| point.bits = f32::NAN.to_bits());
    assert!(!render(&report).contains("<h2>Loss</h2>"));
}

#[test]
fn a_tolerance_looks_different_and_is_escaped() {
    let mut report = report();
    let bound = TensorBound {
        name: HOSTILE.into(),
        relative_l2_allowed: 1e-6,
        relative_l2_found: 1e-7,
        ulp_allowed: 4.0,
        ulp_found: 1.0,
        edit_l2_max: 0.125,
        edit_share_max: 0.25,
        edit_element_max: 0.0625,
        steady_share_max: None,
    };
    let basis = ToleranceBasis {
        calibration: Digest::default(),
        vouched: Vouched::Unsigned,
        runs: 20,
        segments: 120,
        margin: 2.0,
        false_alarms: FalseAlarms { segment: 0.01, drift: 0.1 },
        initial_state_compared: false,
        sketch_key: Digest::default(),
    };
    let accumulated =
        Accumulated { segments: 6, drift: 1.5, drift_allowed: 3.0, tensor: HOSTILE.into() };
    report.tolerance =
        Some(Tolerance { basis, tensors: vec![bound], accumulated: Some(accumulated) });
    report.verdict = Verdict::Match { grade: Grade::Tolerance };
    if let SegmentOutcome::Replayed { replay } = &mut report.segments[0].outcome {
        replay.deviation = Some(SegmentDeviation::default());
    }
    let page = render(&report);
    let parts =
        ["Match (tolerance)", "verdict within", "rect class=\"within\"", "1.25e-1", "empirical"];
    for part in parts {
        assert!(page.contains(part), "{part}");
    }
    assert!(!page.contains("verdict clean") && !page.contains("<script"));
    let again: Report = serde_json::from_str(&serde_json::to_string(&report).unwrap()).unwrap();
    assert_eq!(again.tolerance, report.tolerance);
}

#[test]
fn a_beacon_and_the_audits_before_are_escaped_and_shown() {
    let beacon = Beacon { source: HOSTILE.into(), round: 7, value: HOSTILE.into() };
    let mut report = report();
    let commitment = Digest::default();
    let nonce = "any".parse().unwrap();
    report.challenge = Some(Challenge::new(commitment, nonce, 4, 2));
    report.nonce_source = Some(NonceSource::Beacon(beacon));
    let (probability, probability_so_far) = (0.5, Some(0.125));
    report.escape = vec![Escape { tampered: 1, probability, probability_so_far }];
    let past = Past { audits: 3, first_at_seconds: Some(86_400), samples: 2, ..Past::default() };
    report.past = Some(past.clone());
    let page = render(&report);
    for part in ["3 audits", "1970-01-02", "50.0 %", "12.5 %", "<dd>7</dd>"] {
        assert!(page.contains(part), "{part}");
    }
    assert!(!page.contains("<script"));
    report.past = Some(Past { problem: Some(HOSTILE.into()), ..past });
    let page = render(&report);
    assert!(page.contains("not known") && !page.contains("<script"));
}

#[test]
fn what_was_covered_is_shown_and_how_to_draw_the_same_again() {
    let mut report = report();
    let nonce = "any".parse().unwrap();
    let covered: SegmentSet = [0, 1].into_iter().collect();
    let of_none = Challenge::new(Digest::default(), nonce, 4, 3);
    report.challenge = Some(Challenge { covered: covered.clone(), ..of_none });
    let page = render(&report);
    let again = " --sample 3 --nonce any --covered 0-1";
    let rule = "number 3): the last segment, as its weights are what is used, and the first 1 of a \
                Fisher–Yates shuffle of the 1 others that no audit before had covered, and 1 of \
                those that were covered";
    for part in [again, rule, "total and what was covered"] {
        assert!(page.contains(part), "{part}");
    }
    assert!(!page.contains("are covered. The next"), "no ledger was asked");
    report.past = Some(Past { audits: 1, first_at_seconds: Some(5), covered, ..Past::default() });
    // Those two, and the control, which agrees.
    let page = render(&report);
    for part in ["They had covered 2 segments of what", "With this audit 3 of 4 segments are"] {
        assert!(page.contains(part), "{part}");
    }
}

#[test]
fn a_finished_report_has_plain_texts_alone() {
    let hidden = "\u{202e}\nMatch (bit-exact)\u{1b}[2J";
    let told = serde_json::to_string(&report()).unwrap();
    let mark = serde_json::to_string(HOSTILE).unwrap();
    let (mark, hidden) = (mark.trim_matches('"'), serde_json::to_string(hidden).unwrap());
    let lying: Report =
        serde_json::from_str(&told.replace(mark, hidden.trim_matches('"'))).unwrap();
    let finished = serde_json::to_string(&lying.finished()).unwrap();
    assert!(!finished.contains('\u{202e}') && !finished.contains("\\u001b"), "{finished}");
    let spelled = r"\\u{202e}\\nMatch (bit-exact)\\u{1b}[2J";
    assert_eq!(finished.replace(spelled, mark), told, "and nothing else is changed");
}

#[test]
fn what_was_drawn_is_not_called_replayed() {
    let mut report = report();
    assert_eq!(report.coverage(), "2 of 4 segments replayed");
    let failed = || SegmentOutcome::Failed { problem: "two workers failed".into() };
    report.segments[1].outcome = failed();
    assert_eq!(report.coverage(), "1 of 4 segments replayed; 1 more chosen");
    report.segments[0].outcome = failed();
    report.verdict = Verdict::Inconclusive;
    assert_eq!(report.coverage(), "no segment replayed; 2 of 4 segments chosen");
    let page = render(&report);
    for part in [&*report.coverage(), "Nothing was replayed", "could not be judged"] {
        assert!(page.contains(part), "{part}");
    }
    assert!(!page.contains("2 of 4 segments replayed") && !page.contains("leaves the recording"));
    report.claim.as_mut().unwrap().segments = 1;
    report.segments = vec![replay(0, None)];
    assert_eq!(report.coverage(), "1 of 1 segment replayed");
}

#[test]
fn no_chance_of_escape_stands_where_it_does_not_hold() {
    let mut found = report();
    found.findings.clear();
    let nonce = "any".parse().unwrap();
    found.challenge = Some(Challenge::new(Digest::default(), nonce, 4, 2));
    found.escape = vec![Escape { tampered: 1, probability: 0.5, probability_so_far: None }];
    let holds = |report: Report| !report.finished().escape.is_empty();
    assert!(!holds(found.clone()), "the verdict is divergent");
    assert!(!render(&found.clone().finished()).contains("Chance that tampering"));
    found.verdict = Verdict::Inconclusive;
    assert!(!holds(found.clone()), "a drawn segment leaves the recording");
    found.segments = vec![replay(1, None), replay(3, None)];
    assert!(holds(found.clone()), "all that was drawn agrees; something else is unclear");
    found.verdict = Verdict::Match { grade: Grade::BitExact };
    assert!(holds(found));
}

#[test]
fn what_another_binary_is_worth_is_said_and_its_note_escaped() {
    let mut report = report();
    report.independence = Some(Independence::Independent);
    // Without a list it is an older report, which knew no better.
    assert!(render(&report).contains("<b>Another binary. </b>"));
    let list = |auditor| TrustedList { digest: Digest::default(), builds: 2, auditor };
    report.trusted_builds = Some(list(Some(HOSTILE.into())));
    let page = render(&report);
    assert!(page.contains("<b>Independent. </b>") && page.contains("2 trusted builds"));
    assert!(!page.contains("<script") && !page.contains("toolchain is clean"));
    report.independence = Some(Independence::Rebuilt);
    assert!(render(&report).contains("<b>Rebuilt. </b>"));
    report.trusted_builds = Some(list(None));
    let page = render(&report);
    assert!(page.contains("by the trainer's word alone") && page.contains("toolchain is clean"));
}
