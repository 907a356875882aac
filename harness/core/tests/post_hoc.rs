//! Every attack on a finished recording, by an insider who recomputes all that
//! he can, and where it is caught.
//!
//! The usual run has boundaries at 0, 3, 6, 9 and 12.

mod common;

use common::{
    audit, events, examined, first_difference, matches, planted, planted_with, record, replayed,
    resume, retold, spec, spec_with, whole,
};
use reenact_core::attack::{AttackError, Change, PostHocAttack, PostHocKind, plant};
use reenact_core::format::{Event, Object, write_checkpoint};
use reenact_core::in_memory::MemoryRun;
use reenact_core::spec::LearningRate;
use reenact_core::state::Difference;
use reenact_core::verify::{Finding, Place, Replay, Stage, Verdict, Weight};

const WEIGHTS: [&str; 2] = ["model.bias", "model.weight"];
const MOMENTS: [&str; 2] = ["optimizer.bias.velocity", "optimizer.weight.velocity"];

fn change(step: u64, tensors: &[&str]) -> Change {
    Change { step, tensors: tensors.iter().map(ToString::to_string).collect() }
}

/// Asserts the stated limit and its edge: an audit is a match as long as it
/// draws none of `touched`, and divergent as soon as it draws one.
fn caught_only_by(run: &MemoryRun, touched: &[u64]) {
    for segment in 0..4 {
        let report = audit(run, Some(&[segment]));
        if touched.contains(&segment) {
            assert_eq!(report.verdict, Verdict::Divergent, "segment {segment}");
        } else {
            assert!(matches(&report), "segment {segment}: {:?}", report.reasons);
        }
    }
    let others: Vec<u64> = (0..4).filter(|segment| !touched.contains(segment)).collect();
    assert!(others.is_empty() || matches(&audit(run, Some(&others))));
    assert_eq!(audit(run, None).verdict, Verdict::Divergent);
}

fn closing(replay: &Replay) -> Vec<&str> {
    let divergence = replay.divergence.as_ref().unwrap();
    divergence.closing.iter().map(|found| found.name.as_str()).collect()
}

#[test]
fn weight_edit_by_one_unit_in_the_last_place() {
    let (planted, run) = planted("weight-edit@6*1", &record(&spec()));
    assert_eq!(planted.changes, [change(6, &["model.bias"])]);
    assert_eq!((planted.segments, planted.segments_after), (vec![1], vec![2]));
    let recording = whole(&run);
    let ends = replayed(&recording, 1);
    assert_eq!(first_difference(&ends, 5, Stage::Update), ["model.bias"]);
    let [found] = &ends.divergence.as_ref().unwrap().closing[..] else { panic!("{ends:?}") };
    let Difference::Elements { count: 1, index_first: 0, ulp_max: Some(1), .. } = found.difference
    else {
        panic!("{found:?}")
    };
    let starts = replayed(&recording, 2);
    assert_eq!(starts.divergence.as_ref().unwrap().step.as_ref().unwrap().step, 6);
    caught_only_by(&run, &[1, 2]);
}

#[test]
fn weight_edit_of_a_named_tensor_at_the_end() {
    let (planted, run) = planted("weight-edit:model.weight@12*-3", &record(&spec()));
    assert_eq!(planted.changes, [change(12, &["model.weight"])]);
    // Nothing starts at the end.
    assert_eq!((planted.segments, planted.segments_after), (vec![3], vec![]));
    let replay = replayed(&whole(&run), 3);
    assert_eq!(first_difference(&replay, 11, Stage::Update), ["model.weight"]);
    caught_only_by(&run, &[3]);
}

#[test]
fn weight_edit_of_a_moment_is_no_exception() {
    let (_, run) = planted("weight-edit:optimizer.weight.velocity@3*50", &record(&spec()));
    let replay = replayed(&whole(&run), 0);
    assert_eq!(first_difference(&replay, 2, Stage::Update), ["optimizer.weight.velocity"]);
    caught_only_by(&run, &[0, 1]);
}

#[test]
fn an_edit_that_rounding_swallows_shows_only_where_it_was_made() {
    // One unit in the last place of a velocity is gone after `0.9 v + g`: the
    // next segment is then truly what an honest training makes of it.
    let (planted, run) = planted("weight-edit:optimizer.weight.velocity@3*1", &record(&spec()));
    assert_eq!((planted.segments, planted.segments_after), (vec![0], vec![1]));
    caught_only_by(&run, &[0]);
}

#[test]
fn moment_edit() {
    let (planted, run) = planted("moment-edit@6*1.01", &record(&spec()));
    assert_eq!(planted.changes, [change(6, &MOMENTS)]);
    let recording = whole(&run);
    let ends = replayed(&recording, 1);
    assert_eq!(first_difference(&ends, 5, Stage::Update), MOMENTS);
    assert_eq!(closing(&ends), MOMENTS);
    // Loss and gradient of the next step do not depend on moments.
    let starts = replayed(&recording, 2);
    assert_eq!(first_difference(&starts, 6, Stage::Update).len(), 4);
    caught_only_by(&run, &[1, 2]);
}

#[test]
fn moment_reset() {
    let (planted, run) = planted("moment-edit@6*0", &record(&spec()));
    assert_eq!((planted.segments, planted.segments_after), (vec![1], vec![2]));
    caught_only_by(&run, &[1, 2]);
}

#[test]
fn splice() {
    let other = record(&spec_with(|spec| spec.root_seed = 8));
    let (planted, run) = planted_with("splice@6", &record(&spec()), Some(&other));
    assert_eq!(planted.changes, [change(6, &[WEIGHTS, MOMENTS].concat())]);
    let recording = whole(&run);
    let ends = replayed(&recording, 1);
    assert_eq!(first_difference(&ends, 5, Stage::Update).len(), 4);
    assert_eq!(closing(&ends).len(), 4);
    let starts = replayed(&recording, 2);
    first_difference(&starts, 6, Stage::Loss);
    caught_only_by(&run, &[1, 2]);
}

#[test]
fn no_training() {
    let (planted, run) = planted("no-training", &record(&spec()));
    let boundaries = [3, 6, 9, 12];
    assert_eq!(planted.changes, boundaries.map(|step| change(step, &WEIGHTS)));
    assert_eq!(planted.segments, [0, 1, 2, 3]);
    // Integrity cannot prove it, but it says that something is odd.
    let examination = examined(&run);
    let notes = examination.findings.iter().map(|found| (found.weight, found.place.step.unwrap()));
    assert_eq!(notes.collect::<Vec<_>>(), boundaries.map(|step| (Weight::Note, step)));
    let recording = examination.recording.unwrap();
    for segment in 0..4 {
        let replay = replayed(&recording, segment);
        assert_eq!(closing(&replay)[..2], WEIGHTS);
        let stage = if segment == 0 { Stage::Update } else { Stage::Loss };
        let step = if segment == 0 { 2 } else { 3 * segment };
        first_difference(&replay, step, stage);
    }
    caught_only_by(&run, &[0, 1, 2, 3]);
}

#[test]
fn interpolation() {
    let (planted, run) = planted("interpolation@6", &record(&spec()));
    assert_eq!(planted.changes, [change(6, &WEIGHTS)]);
    let recording = whole(&run);
    assert_eq!(first_difference(&replayed(&recording, 1), 5, Stage::Update), WEIGHTS);
    first_difference(&replayed(&recording, 2), 6, Stage::Loss);
    caught_only_by(&run, &[1, 2]);
}

/// Asserts that integrity alone says exactly this, and that nothing is
/// replayed before.
fn integrity(run: &MemoryRun) -> Vec<Finding> {
    let examination = examined(run);
    assert!(examination.findings.iter().all(|found| found.weight == Weight::Divergent));
    assert_eq!(audit(run, Some(&[])).verdict, Verdict::Divergent);
    examination.findings
}

#[test]
fn truncated_under_the_old_commitment() {
    let (planted, run) = planted("truncated@7*0", &record(&spec()));
    assert_eq!((planted.changes, planted.segments), (vec![change(7, &[])], vec![]));
    assert!(planted.segments_after.is_empty());
    let findings = integrity(&run);
    let [finding] = &findings[..] else { panic!("{findings:?}") };
    assert_eq!(finding.place, Place::object(Object::Journal));
    assert!(finding.problem.contains("the last after 8 steps"), "{finding}");
}

#[test]
fn truncated_with_a_forged_end() {
    for step in [0, 5, 7, 11] {
        let (_, run) = planted(&format!("truncated@{step}"), &record(&spec()));
        let steps = step + 1;
        assert!(
            matches!(events(&run).last(), Some((_, Event::RunFinished { steps: s })) if *s == steps)
        );
        let findings = integrity(&run);
        let wanted = format!("it holds {steps} steps; the spec declares 12");
        // After the last step only its checkpoint is lost.
        assert!(step == 11 || findings.iter().any(|f| f.problem == wanted), "{findings:?}");
        assert!(findings.iter().any(|f| f.problem.contains("not at the steps that the spec")));
    }
}

#[test]
fn withheld() {
    for step in [0, 6, 12] {
        let (planted, run) = planted(&format!("withheld@{step}"), &record(&spec()));
        assert_eq!(planted.changes, [change(step, &[])]);
        let findings = integrity(&run);
        let [finding] = &findings[..] else { panic!("{findings:?}") };
        assert_eq!(finding.place.step, Some(step));
        assert_eq!(finding.problem, "it is committed to, but missing");
        // Whether or not a segment that needs it is drawn.
        assert_eq!(audit(&run, Some(&[0])).verdict, Verdict::Divergent);
    }
}

#[test]
fn withheld_journal_or_spec() {
    for object in [Object::Journal, Object::Spec] {
        let mut run = record(&spec());
        run.objects.remove(&object);
        let findings = integrity(&run);
        assert_eq!(findings[0].place, Place::object(object));
    }
}

#[test]
fn withheld_commitment_is_no_match() {
    let mut run = record(&spec());
    run.objects.remove(&Object::Commitment);
    // As after a kill: the trainer has not claimed anything yet.
    assert_eq!(audit(&run, None).verdict, Verdict::Inconclusive);
}

#[test]
fn bit_flip() {
    let (planted, run) = planted("bit-flip@6", &record(&spec()));
    assert_eq!(planted.changes, [change(6, &[])]);
    let findings = integrity(&run);
    let [finding] = &findings[..] else { panic!("{findings:?}") };
    assert_eq!(finding.place.step, Some(6));
}

#[test]
fn a_checkpoint_edited_without_the_fingerprints() {
    // Integrity sees it, and names the tensor.
    let honest = record(&spec());
    let (_, run) = planted("weight-edit@6*1", &honest);
    let step_5 = |(_, event): &(usize, Event)| matches!(event, Event::Step(t) if t.step == 5);
    let recorded = events(&honest).into_iter().find(step_5).unwrap();
    let told = events(&run).into_iter().map(|frame| {
        let (_, event) = if step_5(&frame) { recorded.clone() } else { frame };
        event
    });
    let findings = integrity(&retold(&run, &told.collect::<Vec<_>>()));
    let [finding] = &findings[..] else { panic!("{findings:?}") };
    assert_eq!(finding.place.step, Some(6));
    let wanted = "it is not the state that step 5 left: `model.bias` differs";
    assert_eq!(finding.problem, wanted);
}

#[test]
fn a_step_counter_that_lies() {
    // A trainer may not look at it, so integrity does.
    let mut run = record(&spec());
    let checkpoint = whole(&run).checkpoint(6).unwrap();
    let mut state = checkpoint.load(1 << 20).unwrap();
    state.tensor_mut("run.step").unwrap()[0] = 9;
    let mut file = Vec::new();
    write_checkpoint(&state, &mut file).unwrap();
    let told = events(&run).into_iter().map(|(_, event)| match event {
        Event::Step(mut trace) if trace.step == 5 => {
            trace.state = state.fingerprints();
            Event::Step(trace)
        }
        Event::Checkpoint { step: 6, .. } => Event::Checkpoint { step: 6, root: state.root() },
        other => other,
    });
    let told: Vec<Event> = told.collect();
    run.objects.insert(Object::Checkpoint(state.root()), file);
    let findings = integrity(&retold(&run, &told));
    let [finding] = &findings[..] else { panic!("{findings:?}") };
    assert_eq!(finding.problem, "its `run.step` is 9; the journal says 6");
}

#[test]
fn a_shortened_spec_is_another_run_that_the_schedule_betrays() {
    // Cut at a boundary, with the spec's `steps` rewritten: consistent in
    // itself, as long as nothing depends on the number of steps.
    let long = |spec: &mut reenact_core::spec::Spec| {
        spec.learning_rate = LearningRate::WarmupCosine { peak: 0.1, floor: 0.0, warmup_steps: 2 };
    };
    let run = record(&spec_with(long));
    let short = spec_with(|spec| {
        long(spec);
        spec.steps = 6;
    });
    let forged = respecified(&run, &short);
    let findings = integrity(&forged);
    assert!(findings[0].problem.contains("learning rate"), "{findings:?}");
}

/// Rewrites a recording under a spec with fewer steps.
fn respecified(run: &MemoryRun, spec: &reenact_core::spec::Spec) -> MemoryRun {
    let rewritten = |(_, event): (usize, Event)| match event {
        Event::RunStarted { environment, .. } => {
            Some(Event::RunStarted { spec: spec.digest(), environment })
        }
        Event::Step(trace) if trace.step >= spec.steps => None,
        Event::Checkpoint { step, .. } if step > spec.steps => None,
        Event::RunFinished { .. } => Some(Event::RunFinished { steps: spec.steps }),
        other => Some(other),
    };
    let told: Vec<Event> = events(run).into_iter().filter_map(rewritten).collect();
    let mut forged = run.clone();
    forged.objects.insert(Object::Spec, spec.canonical().into_bytes());
    retold(&forged, &told)
}

#[test]
fn a_planted_recording_keeps_everything_else() {
    let honest = record(&spec());
    let (_, run) = planted("weight-edit@6", &honest);
    let differing: Vec<usize> = events(&honest)
        .iter()
        .zip(events(&run))
        .enumerate()
        .filter(|(_, ((_, a), (_, b)))| a != b)
        .map(|(index, _)| index)
        .collect();
    // The frames of step 5 and of checkpoint 6, which follow one another.
    assert_eq!(differing.len(), 2);
    assert_eq!(differing[0] + 1, differing[1]);
    let kept = |object: &Object| honest.objects.get(object) == run.objects.get(object);
    assert_eq!(run.objects.keys().filter(|object| kept(object)).count(), 1 + 4);
}

fn refusal(attack: &str, run: &MemoryRun, other: Option<&MemoryRun>) -> String {
    let attack: PostHocAttack = attack.parse().unwrap();
    let other = other.map(|other| other as &dyn reenact_core::format::ReadRun);
    match plant(&attack, run, other, &mut MemoryRun::default()) {
        Err(AttackError::NoPlace { problem, .. }) => problem,
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_has_no_place_is_refused() {
    let run = record(&spec());
    let still = record(&spec_with(|s| s.learning_rate = LearningRate::Constant { value: 0.0 }));
    for (attack, problem) in [
        ("weight-edit@5", "no checkpoint opens step 5"),
        ("weight-edit@0", "no step leads to its initial state"),
        ("weight-edit:model.none@6", "the state has no weight `model.none` of real numbers"),
        ("weight-edit:run.step@6", "the state has no weight `run.step` of real numbers"),
        ("weight-edit@6*0", "it would change nothing"),
        ("moment-edit@6*1", "it would change nothing"),
        ("interpolation@12", "a boundary on either side is needed"),
        ("truncated@12", "it has no step 12"),
        ("withheld@1", "no checkpoint opens step 1"),
        ("splice@6", "no other recording is given"),
    ] {
        assert_eq!(refusal(attack, &run, None), problem, "{attack}");
    }
    assert_eq!(refusal("splice@6", &run, Some(&run)), "it would change nothing");
    assert_eq!(refusal("no-training", &still, None), "it would change nothing");
}

#[test]
fn unfinished_and_resumed_recordings_are_refused() {
    let mut run = record(&spec());
    run.objects.remove(&Object::Commitment);
    let last = events(&run).last().unwrap().0;
    run.objects.get_mut(&Object::Journal).unwrap().truncate(last);
    assert_eq!(refusal("no-training", &run, None), "it is unfinished");
    resume(&mut run, &spec());
    assert!(refusal("no-training", &run, None).contains("it was resumed"));
}

#[test]
fn no_kind_is_forgotten_here() {
    let files =
        [include_str!("post_hoc.rs"), include_str!("selections.rs"), include_str!("validated.rs")];
    let caught = files.concat();
    for kind in PostHocKind::all() {
        let planted = [format!("(\"{kind}"), format!("(\"{kind}@"), format!("!(\"{kind}@")];
        assert!(planted.iter().any(|call| caught.contains(call)), "{kind} has no test");
    }
}
