//! Kernels that an engine chooses: recorded, pinned in a resumption and in a
//! replay, and missed where a recording does not hold them.
//!
//! The tuned toy takes its sum forward with one thread and backward with more.
//! Here it is recorded with two threads, and replayed with one.

mod common;

use std::sync::Arc;

use common::{
    audit, environment, events, matches, planted, raw_frames, record_in, reforged, replayed,
    retold, setting, spec, spec_with, started, whole,
};
use reenact_core::attack::{AttackError, Change, PostHocAttack, plant};
use reenact_core::format::{Event, History, HistoryError, KernelSelection, Object};
use reenact_core::in_memory::{MemoryFile, MemoryRun};
use reenact_core::record::{RecordError, Recorder, recorded_selections};
use reenact_core::spec::{Hyperparameter, Spec};
use reenact_core::trainer::Setting;
use reenact_core::verify::{
    Evidence, Replay, Report, SegmentOutcome, SegmentReport, Stage, Verdict, Weight, replay,
};

fn tuned() -> Spec {
    let flag = ("tuned".to_owned(), Hyperparameter::Flag(true));
    spec_with(|spec| spec.program.hyperparameters.extend([flag]))
}

fn threads(threads: usize) -> Setting {
    Setting { threads, ..setting() }
}

fn backward() -> KernelSelection {
    KernelSelection {
        table: "toy/sum".into(),
        key: 4u64.to_le_bytes().into(),
        choice: 1,
        candidates: 2,
        kernel: "backward".into(),
    }
}

fn forward() -> KernelSelection {
    KernelSelection { choice: 0, kernel: "forward".into(), ..backward() }
}

fn recorded() -> MemoryRun {
    record_in(&tuned(), &threads(2))
}

fn kinds(run: &MemoryRun) -> Vec<Event> {
    events(run).into_iter().map(|(_, event)| event).collect()
}

fn is_selection(event: &Event) -> bool {
    matches!(event, Event::KernelSelections(_))
}

/// Goes on with a recording as the command does, with one thread.
fn resume(run: &mut MemoryRun, spec: &Spec) -> Result<(), RecordError> {
    let selections = Arc::new(recorded_selections(run)?);
    let trainer = started(spec, &Setting { selections, ..setting() });
    let mut recorder = Recorder::resume(run, spec.clone(), trainer, environment())?;
    while !recorder.is_done() {
        recorder.advance()?;
    }
    recorder.finish().map(drop)
}

#[test]
fn an_engine_that_chooses_nothing_records_nothing() {
    for run in [record_in(&spec(), &threads(1)), record_in(&spec(), &threads(2))] {
        assert!(!kinds(&run).iter().any(is_selection));
        assert!(whole(&run).history.selections.is_empty());
    }
}

#[test]
fn the_choice_decides_the_bits_and_the_replay_repeats_it() {
    let (one, two) = (record_in(&tuned(), &threads(1)), recorded());
    assert_eq!(whole(&one).history.selections.to_vec(), [forward()]);
    assert_eq!(whole(&two).history.selections.to_vec(), [backward()]);
    let states = |run| whole(run).history.checkpoints;
    assert_ne!(states(&one), states(&two));
    assert_eq!(states(&one), states(&record_in(&spec(), &threads(1))));
    for run in [one, two] {
        let report = audit(&run, None);
        assert!(matches(&report), "{:?}", report.reasons);
        assert_eq!(report.findings, []);
        assert!(!serde_json::to_string(&report).unwrap().contains("unrecorded"));
    }
}

#[test]
fn a_choice_stands_before_the_step_that_it_decides() {
    let events = kinds(&recorded());
    let at = events.iter().position(is_selection).unwrap();
    assert_eq!(events[at], Event::KernelSelections(vec![backward()]));
    assert!(matches!(&events[at + 1], Event::Step(trace) if trace.step == 0));
    assert_eq!(events.iter().filter(|event| is_selection(event)).count(), 1);
    // What was pinned is known from the beginning.
    let selections = Arc::new(vec![backward()]);
    let pinned = record_in(&tuned(), &Setting { selections, ..setting() });
    let events = kinds(&pinned);
    assert!(matches!(events[2], Event::Checkpoint { step: 0, .. }));
    assert_eq!(events[1], Event::KernelSelections(vec![backward()]));
    assert_eq!(whole(&pinned).history.checkpoints, whole(&recorded()).history.checkpoints);
}

#[test]
fn killed_anywhere_a_resumption_takes_the_recorded_kernels() {
    let (spec, run) = (tuned(), recorded());
    let states = whole(&run).history.checkpoints;
    let events = events(&run);
    let known = events.iter().position(|(_, event)| is_selection(event)).unwrap();
    for (frame, (at, _)) in events.iter().enumerate().skip(1) {
        let mut cut = run.clone();
        cut.objects.remove(&Object::Commitment);
        cut.objects.get_mut(&Object::Journal).unwrap().truncate(*at);
        resume(&mut cut, &spec).unwrap();
        let recording = whole(&cut);
        let kept = frame > known;
        assert_eq!(recording.history.checkpoints == states, kept, "frame {frame}");
        let kernel = if kept { backward() } else { forward() };
        assert_eq!(recording.history.selections.to_vec(), [kernel]);
        assert_eq!(recording.history.contradictions, []);
        assert!(matches(&audit(&cut, None)), "frame {frame}");
    }
}

#[test]
fn an_interruption_keeps_the_kernels() {
    let (spec, mut run) = (tuned(), MemoryRun::default());
    let trainer = started(&spec, &threads(2));
    let mut recorder = Recorder::start(&mut run, spec.clone(), trainer, environment()).unwrap();
    recorder.advance().unwrap();
    recorder.interrupt().unwrap();
    resume(&mut run, &spec).unwrap();
    assert_eq!(whole(&run).history.checkpoints, whole(&recorded()).history.checkpoints);
    assert!(matches(&audit(&run, None)));
}

#[test]
fn a_resumption_that_does_not_pin_them_is_stopped() {
    let (spec, mut run) = (tuned(), recorded());
    run.objects.remove(&Object::Commitment);
    let (at, _) = events(&run)[9];
    run.objects.get_mut(&Object::Journal).unwrap().truncate(at);
    let trainer = started(&spec, &threads(1));
    let mut recorder = Recorder::resume(&mut run, spec, trainer, environment()).unwrap();
    let error = recorder.advance().unwrap_err();
    assert!(matches!(error, RecordError::OtherKernel { choice: 0, recorded_choice: 1, .. }));
    let words = error.to_string();
    for part in ["toy/sum", "`forward` (number 0)", "`backward` (number 1)"] {
        assert!(words.contains(part), "{words}");
    }
}

/// The insider who names another kernel than the one that trained.
#[test]
fn poisoned_selections_diverge_at_the_first_step() {
    let (planted, run) = planted("poisoned-selections", &recorded());
    assert_eq!(planted.changes, [Change { step: 0, tensors: Vec::new() }]);
    let recording = whole(&run);
    for segment in 0..4 {
        let replay = replayed(&recording, segment);
        let first = replay.divergence.unwrap().step.unwrap();
        assert_eq!(first.step, 3 * segment);
        assert!(matches!(first.stage, Stage::Loss | Stage::Gradient), "{first:?}");
    }
    assert_eq!(audit(&run, Some(&[2])).verdict, Verdict::Divergent);
}

#[test]
fn withheld_selections_are_missed_where_the_replay_chooses_otherwise() {
    let (planted, run) = planted("withheld-selections", &recorded());
    assert_eq!(planted.changes, [Change { step: 0, tensors: Vec::new() }]);
    assert!(whole(&run).history.selections.is_empty());
    let report = audit(&run, Some(&[1]));
    assert_eq!(report.verdict, Verdict::Divergent);
    let [reason] = &report.reasons[..] else { panic!("{:?}", report.reasons) };
    for part in ["segment 1", "step 3, loss", "does not hold", "`toy/sum with forward`", "withheld"]
    {
        assert!(reason.contains(part), "{reason}");
    }
}

#[test]
fn withheld_selections_are_noted_where_the_states_agree() {
    let (_, run) = planted("withheld-selections", &record_in(&tuned(), &threads(1)));
    let report = audit(&run, None);
    assert!(matches(&report), "{:?}", report.reasons);
    let [finding] = &report.findings[..] else { panic!("{:?}", report.findings) };
    assert_eq!((finding.weight, finding.place.step), (Weight::Note, Some(0)));
    for part in ["segment 0", "1 kernel that", "toy/sum with forward", "3 more segments"] {
        assert!(finding.problem.contains(part), "{finding}");
    }
    let SegmentOutcome::Replayed { replay } = &report.segments[3].outcome else { panic!() };
    assert_eq!((replay.unrecorded.count, replay.unrecorded.first.len()), (1, 1));
    let json = serde_json::to_string(&report).unwrap();
    let again: Report = serde_json::from_str(&json).unwrap();
    assert_eq!(again.segments[3].outcome, report.segments[3].outcome);
}

#[test]
fn a_false_name_of_a_kernel_is_noted() {
    let lie = |event| match event {
        Event::KernelSelections(_) => {
            Event::KernelSelections(vec![KernelSelection { kernel: "magic".into(), ..backward() }])
        }
        event => event,
    };
    let events: Vec<Event> = kinds(&recorded()).into_iter().map(lie).collect();
    let report = audit(&retold(&recorded(), &events), None);
    assert!(matches(&report), "{:?}", report.reasons);
    assert!(report.findings[0].problem.contains("toy/sum with backward"));
}

/// Two replays that choose for themselves need not agree; that is no fault of
/// the hardware.
#[test]
fn replays_that_choose_otherwise_say_so() {
    let (_, run) = planted("withheld-selections", &recorded());
    let recording = whole(&run);
    let segment = recording.segment(0);
    let alone = |count| -> Box<Replay> {
        let mut trainer = started(&tuned(), &threads(count));
        Box::new(replay(&recording, trainer.as_mut(), segment, &mut |_| ()).unwrap())
    };
    let (first, second) = (alone(1), alone(2));
    assert!(!second.repeats(&first) && first.repeats(&alone(1)));
    let outcome = SegmentOutcome::Unstable { first, second };
    let report = SegmentReport::new(segment, outcome);
    let report = Report::conclude(Evidence {
        recording: Some(&recording),
        segments: vec![report],
        ..Evidence::new(String::new(), Default::default(), environment())
    });
    assert_eq!(report.verdict, Verdict::Inconclusive);
    assert!(report.reasons[0].contains("had to choose 1 kernel"), "{:?}", report.reasons);
    assert!(!report.reasons[0].contains("hardware"));
}

#[test]
fn a_recording_without_kernels_has_no_place_for_the_attacks() {
    let plain = record_in(&spec(), &threads(1));
    let single = KernelSelection { choice: 0, candidates: 1, ..backward() };
    let mut events = kinds(&plain);
    events.insert(1, Event::KernelSelections(vec![single]));
    let single = retold(&plain, &events);
    for (attack, run, why) in [
        ("poisoned-selections", &plain, "no kernel selections"),
        ("withheld-selections", &plain, "no kernel selections"),
        ("poisoned-selections", &single, "no choice"),
    ] {
        let attack: PostHocAttack = attack.parse().unwrap();
        let error = plant(&attack, run, None, &mut MemoryRun::default()).unwrap_err();
        assert!(matches!(error, AttackError::NoPlace { .. }));
        assert!(error.to_string().contains(why), "{error}");
    }
}

fn refusal(run: &MemoryRun) -> String {
    let journal = MemoryFile::new(run.objects[&Object::Journal].clone());
    match History::read(Box::new(journal)) {
        Err(error @ HistoryError::Order { .. }) => error.to_string(),
        Err(error) => error.to_string(),
        Ok(_) => panic!("it was taken"),
    }
}

/// Puts an event into the usual journal, in front of frame `at`.
fn with_event(at: usize, selections: Vec<KernelSelection>) -> MemoryRun {
    let run = recorded();
    let mut events = kinds(&run);
    events.insert(at, Event::KernelSelections(selections));
    retold(&run, &events)
}

#[test]
fn no_problem_is_selected_for_twice() {
    let words = refusal(&with_event(9, vec![backward()]));
    assert!(words.contains("frame 9") && words.contains("`toy/sum` is selected twice"), "{words}");
    assert!(refusal(&with_event(1, vec![forward()])).contains("selected twice"));
    // Also not after a resumption: the first selection still holds.
    let mut run = recorded();
    run.objects.remove(&Object::Commitment);
    let (at, _) = events(&run)[9];
    run.objects.get_mut(&Object::Journal).unwrap().truncate(at);
    resume(&mut run, &tuned()).unwrap();
    let mut events = kinds(&run);
    let resumed = events.iter().position(|event| matches!(event, Event::RunResumed { .. }));
    events.insert(resumed.unwrap() + 1, Event::KernelSelections(vec![backward()]));
    assert!(refusal(&retold(&run, &events)).contains("selected twice"));
}

#[test]
fn selections_stand_anywhere_between_start_and_end() {
    let other = KernelSelection { table: "another".into(), ..backward() };
    let frames = kinds(&recorded()).len();
    for at in 1..frames {
        let run = with_event(at, vec![other.clone()]);
        assert_eq!(whole(&run).history.selections.to_vec(), [other.clone(), backward()]);
        assert!(matches(&audit(&run, None)), "at {at}");
    }
    assert!(refusal(&with_event(0, vec![other.clone()])).contains("begins with the start"));
    assert!(refusal(&with_event(frames, vec![other.clone()])).contains("nothing may follow"));
}

fn text(text: &str) -> Vec<u8> {
    [&(text.len() as u64).to_le_bytes(), text.as_bytes()].concat()
}

fn encoded(table: &str, key: &[u8], choice: u32, candidates: u32, kernel: &str) -> Vec<u8> {
    let numbers = [choice.to_le_bytes(), candidates.to_le_bytes()].concat();
    let key = [&(key.len() as u64).to_le_bytes(), key].concat();
    [text(table), key, numbers, text(kernel)].concat()
}

/// What the library would not write: the payloads of others.
#[test]
fn malformed_selections_are_refused() {
    let honest = recorded();
    let with = |count: u64, entries: &[Vec<u8>]| {
        let mut frames = raw_frames(&honest);
        let payload = [&count.to_le_bytes()[..], &entries.concat()].concat();
        frames.insert(1, (7, payload));
        refusal(&reforged(&honest, &frames))
    };
    let good = |table: &str| encoded(table, b"k", 0, 1, "fast");
    for (words, wanted) in [
        (with(0, &[]), "0 kernel selections in one frame"),
        (with(2, &[good("b"), good("a")]), "does not come after"),
        (with(2, &[good("a"), good("a")]), "does not come after"),
        (with(1, &[encoded("a", b"", 2, 2, "")]), "none of its candidates"),
        (with(1, &[encoded("a", b"", 0, 0, "")]), "none of its candidates"),
        (with(1, &[encoded("a", b"", 0, 10_001, "")]), "more than 10000"),
        (with(1, &[encoded("", b"", 0, 1, "")]), "table"),
        (with(1, &[encoded(&"a".repeat(513), b"", 0, 1, "")]), "table"),
        (with(1, &[encoded("\u{1b}[2J", b"", 0, 1, "")]), "table"),
        (with(1, &[encoded("a", &[0; 4097], 0, 1, "")]), "key"),
        (with(1, &[encoded("a", b"", 0, 1, &"k".repeat(513))]), "kernel"),
        (with(1, &[encoded("a", b"", 0, 1, "\r")]), "kernel"),
        (with(1, &[good("a"), vec![0]]), "left over"),
        (with(1 << 60, &[good("a")]), "do not decode"),
    ] {
        assert!(words.contains(wanted) && words.contains("frame 1"), "{wanted}: {words}");
    }
}
