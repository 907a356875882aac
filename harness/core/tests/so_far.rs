//! A run that still trains, and one that ends early.

mod common;

use common::{
    audit, environment, events, matches, raw_frames, record, reforged, resume, retold,
    segment_reports, spec, spec_with, trainer,
};
use reenact_core::format::{Event, Object, SIGNATURE_NAMESPACE, SecretKey, SoFar};
use reenact_core::in_memory::MemoryRun;
use reenact_core::record::{RecordError, Recorder, end_early, sign};
use reenact_core::verify::{
    Advice, AllowedSigners, Evidence, Examination, Reach, Recall, Remembered, Report, Seen, Weight,
    examine_so_far, recall,
};

/// Trains so many steps and is killed.
fn killed_after(steps: u64) -> MemoryRun {
    trained(steps, None)
}

fn trained(steps: u64, key: Option<&SecretKey>) -> MemoryRun {
    let (mut run, spec) = (MemoryRun::default(), spec());
    let trainer = trainer(&spec, None);
    let mut recorder = Recorder::start(&mut run, spec, trainer, environment()).unwrap();
    key.iter().for_each(|key| recorder.sign_so_far(key));
    while recorder.next_step() < steps {
        recorder.advance().unwrap();
    }
    drop(recorder);
    run
}

fn examined(run: &MemoryRun) -> Examination<'_> {
    examine_so_far(run, &mut |_, _| ())
}

/// Audits every segment that is complete so far.
fn audit_so_far(run: &MemoryRun) -> Report {
    let Examination { findings, recording, vouched, .. } = examined(run);
    let all: Vec<u64> = (0..recording.as_ref().map_or(0, |found| found.segment_count())).collect();
    let segments = recording.as_ref().map_or(Vec::new(), |found| segment_reports(found, &all));
    Report::conclude(Evidence {
        recording: recording.as_ref(),
        findings,
        segments,
        ..Evidence::new("run".into(), vouched, environment())
    })
}

fn so_far(run: &MemoryRun) -> SoFar {
    SoFar::parse(SoFar::parts(&run.objects[&Object::SoFar]).0).unwrap()
}

/// Returns what an audit of the prefix leaves in a ledger.
fn remembered(run: &MemoryRun) -> Remembered {
    let SoFar { frames, head, .. } = so_far(run);
    Remembered {
        audited_at_seconds: 1_795_406_700,
        here: true,
        ended: true,
        accused: false,
        reason: None,
        lay_at: None,
        seen: Some(Seen { frames, head }),
        commitment: Some(so_far(run).digest()),
        draw: None,
        covered: Vec::new(),
        open: Vec::new(),
        debts: Vec::new(),
    }
}

fn recalled(run: &MemoryRun, before: &[Remembered]) -> Recall {
    recall(run, examined(run).recording.as_ref(), before)
}

#[test]
fn each_boundary_is_committed_to_and_the_end_takes_its_place() {
    assert!(!killed_after(2).objects.contains_key(&Object::SoFar));
    for (steps, boundary) in [(3, 3), (5, 3), (6, 6), (11, 9)] {
        assert_eq!(so_far(&killed_after(steps)).step, boundary, "after {steps} steps");
    }
    assert!(!record(&spec()).objects.contains_key(&Object::SoFar));
}

#[test]
fn what_is_complete_so_far_matches_and_says_how_far_it_goes() {
    for (steps, boundary, segments) in [(3, 3, 1), (8, 6, 2), (11, 9, 3)] {
        let report = audit_so_far(&killed_after(steps));
        assert!(matches(&report), "{:?}", report.reasons);
        let claim = report.claim.unwrap();
        assert_eq!(claim.reach, Some(Reach::SoFar { step: boundary }));
        assert_eq!(
            (claim.steps, claim.segments, report.segments.len()),
            (12, segments, segments as usize)
        );
    }
    // One that is finished is audited as a whole.
    let report = audit_so_far(&record(&spec()));
    assert!(matches(&report));
    assert_eq!(report.claim.unwrap().reach, None);
}

#[test]
fn without_being_asked_for_it_is_inconclusive_and_the_advice_names_it() {
    let report = audit(&killed_after(8), None);
    assert!(!matches(&report));
    assert_eq!(report.advice, [Advice::SoFar]);
    let before = audit_so_far(&killed_after(2));
    assert!(!matches(&before));
    assert_eq!(before.advice, [Advice::Resume]);
}

#[test]
fn a_recorder_that_goes_on_does_not_disturb() {
    // The commitment of the first boundary beside a journal that has come to the end.
    let (early, late) = (killed_after(3), killed_after(11));
    let mut run = late.clone();
    run.objects.insert(Object::SoFar, early.objects[&Object::SoFar].clone());
    let report = audit_so_far(&run);
    assert!(matches(&report), "{:?}", report.reasons);
    assert_eq!(report.claim.unwrap().segments, 1);
}

#[test]
fn a_journal_that_was_cut_or_altered_is_divergent() {
    let run = killed_after(8);
    let SoFar { frames, .. } = so_far(&run);
    let told: Vec<Event> = events(&run).into_iter().map(|(_, event)| event).collect();
    let accused = |run: &MemoryRun, words: &str| {
        let found = examined(run).findings;
        assert_eq!(found[0].weight, Weight::Divergent, "{found:?}");
        assert!(found[0].to_string().contains(words), "{found:?}");
    };
    let cut = retold(&run, &told[..frames as usize - 1]);
    accused(&without_commitment(cut), "it was cut");
    let mut altered = told.clone();
    for event in &mut altered {
        if let Event::Step(trace) = event {
            trace.loss_bits ^= 1;
        }
    }
    accused(&without_commitment(retold(&run, &altered)), "it was altered");
    let mut nonsense = run.clone();
    nonsense.objects.insert(Object::SoFar, b"reenact commitment so far 2\n".to_vec());
    accused(&nonsense, "exactly what a recorder writes");
    // Whoever recomputes it for a place that is no boundary is told.
    let between = SoFar { frames: frames - 1, step: 6, ..so_far(&run) };
    let mut moved = run.clone();
    moved.objects.insert(Object::SoFar, between.file(None).into_bytes());
    accused(&moved, "it was altered");
}

fn without_commitment(mut run: MemoryRun) -> MemoryRun {
    run.objects.remove(&Object::Commitment);
    run
}

#[test]
fn an_older_commitment_after_a_later_one_was_seen_is_a_contradiction() {
    let (early, late) = (killed_after(3), killed_after(8));
    let before = remembered(&late);
    assert!(recalled(&late, std::slice::from_ref(&before)).finding.is_none());
    assert!(recalled(&killed_after(11), std::slice::from_ref(&before)).finding.is_none());
    let found = recalled(&early, &[before]).finding.unwrap();
    assert_eq!(found.weight, Weight::Divergent);
    assert!(found.to_string().contains("is not a continuation"), "{found}");
}

#[test]
fn a_past_that_was_rewritten_between_two_nights_is_a_contradiction() {
    let before = remembered(&killed_after(5));
    let other = spec_with(|spec| spec.root_seed += 1);
    let mut run = MemoryRun::default();
    let trainer = trainer(&other, None);
    let mut recorder = Recorder::start(&mut run, other, trainer, environment()).unwrap();
    while recorder.next_step() < 8 {
        recorder.advance().unwrap();
    }
    drop(recorder);
    let found = recalled(&run, &[before]).finding.unwrap();
    assert_eq!(found.weight, Weight::Divergent);
}

#[test]
fn of_a_run_that_still_trains_only_what_is_committed_to_binds() {
    // After the boundary the journal holds two more steps, which a power failure may lose.
    let run = killed_after(8);
    let SoFar { frames, head, .. } = so_far(&run);
    assert_eq!(recalled(&run, &[]).seen, Some(Seen { frames, head }));
    // An audit that was not asked for the prefix has seen the later frames, too.
    let whole = recall(&run, None, &[]).seen.unwrap();
    assert!(whole.frames > frames);
    let seen_more = Remembered { seen: Some(whole), ..remembered(&run) };
    assert!(recalled(&run, &[seen_more]).finding.is_none());
}

#[test]
fn a_checkpoint_that_was_replaced_after_it_was_covered_is_found_without_a_replay() {
    let mut run = killed_after(8);
    let root = *examined(&run).recording.unwrap().history.checkpoints.get(&3).unwrap();
    let (from, into) = (Object::Checkpoint(root), run.clone());
    let other = into
        .objects
        .iter()
        .find(|(name, _)| matches!(name, Object::Checkpoint(found) if *found != root));
    run.objects.insert(from, other.unwrap().1.clone());
    let found = examined(&run).findings;
    assert!(found.iter().any(|found| found.weight == Weight::Divergent), "{found:?}");
}

#[test]
fn the_signature_stands_beside_what_it_signs() {
    let key = SecretKey::from_seed(&[5; 32]);
    let run = trained(8, Some(&key));
    let mut examination = examined(&run);
    let line = format!("trainer@lab {}\n", key.public());
    examination.trust(&AllowedSigners::parse(&line, SIGNATURE_NAMESPACE).unwrap());
    assert!(examination.findings.iter().all(|found| found.weight == Weight::Note));
    // Another commitment under the same signature is nobody's.
    let file = String::from_utf8(run.objects[&Object::SoFar].clone()).unwrap();
    let signature = &file[file.find("-----BEGIN").unwrap()..];
    let mut forged = killed_after(5);
    let text = so_far(&forged).encode() + signature;
    forged.objects.insert(Object::SoFar, text.into_bytes());
    let found = examined(&forged).findings;
    assert_eq!(found.last().unwrap().weight, Weight::Divergent, "{found:?}");
}

#[test]
fn a_run_that_ends_early_ends_at_its_last_boundary() {
    let mut run = killed_after(8);
    let (steps, commitment) = end_early(&mut run, 12).unwrap();
    assert_eq!((steps, commitment.checkpoints.len()), (6, 3));
    assert!(!run.objects.contains_key(&Object::SoFar));
    let report = audit(&run, None);
    assert!(matches(&report), "{:?}", report.reasons);
    let claim = report.claim.unwrap();
    assert_eq!(claim.reach, Some(Reach::EndedEarly { step: 6 }));
    assert_eq!((claim.steps, claim.steps_reached(), claim.segments), (12, 6, 2));
    assert!(report.audited.unwrap().model.is_some());
    // That is its end: it can be signed and not gone on with.
    sign(&mut run, &SecretKey::from_seed(&[5; 32])).unwrap();
    let again = end_early(&mut run, 12);
    assert!(matches!(again, Err(RecordError::Complete)));
    let resumed = Recorder::resume(&mut run, spec(), trainer(&spec(), None), environment());
    assert!(matches!(resumed.err(), Some(RecordError::Complete)));
}

#[test]
fn the_early_end_goes_on_from_what_an_audit_saw() {
    let mut run = killed_after(8);
    let before = remembered(&run);
    end_early(&mut run, 12).unwrap();
    assert!(recalled(&run, &[before]).finding.is_none());
}

#[test]
fn what_cannot_end_early_says_so() {
    let mut none = killed_after(2);
    assert!(matches!(end_early(&mut none, 12), Err(RecordError::NothingToEnd)));
    // Every step is taken, and only the last frame is missing: that is no early end.
    let whole = record(&spec());
    let told: Vec<Event> = events(&whole).into_iter().map(|(_, event)| event).collect();
    let mut unended = without_commitment(retold(&whole, &told[..told.len() - 1]));
    assert_eq!(end_early(&mut unended, 12).unwrap().0, 12);
    let report = audit(&unended, None);
    assert!(matches(&report));
    assert_eq!(report.claim.unwrap().reach, None);
    // A killed end only lacks its commitment.
    let mut run = killed_after(8);
    end_early(&mut run, 12).unwrap();
    run.objects.remove(&Object::Commitment);
    assert!(matches!(end_early(&mut run, 12), Err(RecordError::Complete)));
    assert!(matches(&audit(&run, None)));
}

#[test]
fn an_end_where_no_state_was_stored_is_refused() {
    let run = killed_after(8);
    let told: Vec<Event> = events(&run).into_iter().map(|(_, event)| event).collect();
    for steps in [0, 5, 9] {
        let mut told = told.clone();
        told.push(Event::RunEnded { steps });
        let report = audit(&retold(&run, &told), None);
        assert!(report.reasons[0].contains("no state was stored"), "{:?}", report.reasons);
    }
}

#[test]
fn a_recording_of_the_first_format_still_audits_and_goes_on_in_it() {
    let in_format_1 = |run: &MemoryRun| {
        let mut older = run.clone();
        older.objects.get_mut(&Object::Journal).unwrap()[16] = 1;
        let frames = raw_frames(&older);
        reforged(&older, &frames)
    };
    let run = in_format_1(&record(&spec()));
    assert_eq!(run.objects[&Object::Journal][16..20], [1, 0, 0, 0]);
    assert!(matches(&audit(&run, None)));
    // What was begun in it is gone on with in it, and cannot end early.
    let mut killed = without_commitment(in_format_1(&killed_after(8)));
    assert!(matches!(end_early(&mut killed, 12), Err(RecordError::CannotEnd)));
    resume(&mut killed, &spec());
    assert_eq!(killed.objects[&Object::Journal][16..20], [1, 0, 0, 0]);
    assert!(matches(&audit(&killed, None)));
}
