//! What an audit saw once cannot be rewritten.

mod common;

use common::{
    environment, examined, raw_frames, record, record_attacked, reforged, resume, spec, spec_with,
    trainer,
};
use reenact_core::digest::Digest;
use reenact_core::format::{Object, ReadRun};
use reenact_core::in_memory::MemoryRun;
use reenact_core::record::Recorder;
use reenact_core::state::StateRoot;
use reenact_core::verify::{
    Advice, Challenge, CoveredSegment, Debt, Escape, Evidence, Finding, Grade, NonceSource, Open,
    Proven, Recall, Remembered, Report, Seen, SegmentOutcome, Verdict, Weight, recall,
};

/// Records so many steps and is killed.
fn killed_after(steps: usize) -> MemoryRun {
    let mut run = MemoryRun::default();
    let mut recorder =
        Recorder::start(&mut run, spec(), trainer(&spec(), None), environment()).unwrap();
    (0..steps).for_each(|_| drop(recorder.advance().unwrap()));
    drop(recorder);
    run
}

fn recalled(run: &MemoryRun, remembered: &[Remembered]) -> Recall {
    let examination = examined(run);
    recall(run, examination.recording.as_ref(), remembered)
}

/// What an audit of this recording, here and now, would leave.
fn audit_of(run: &MemoryRun, at: u64) -> Remembered {
    let seen = recalled(run, &[]).seen;
    let commitment = examined(run).recording.map(|recording| recording.commitment);
    Remembered { seen, commitment, ..common::unread(at) }
}

#[track_caller]
fn accused(recall: &Recall) -> &Finding {
    let finding = recall.finding.as_ref().expect("it is not a continuation");
    assert_eq!((finding.weight, finding.place.object.as_str()), (Weight::Divergent, "journal"));
    finding
}

#[test]
fn a_recording_that_stays_or_grows_is_not_accused() {
    let spec = spec();
    let mut run = killed_after(5);
    let early = audit_of(&run, 100);
    resume(&mut run, &spec);
    let late = audit_of(&run, 200);
    assert!(early.seen.unwrap().frames < late.seen.unwrap().frames);
    let found = recalled(&run, &[early.clone(), late.clone(), late]);
    assert_eq!(found.finding, None);
    assert_eq!((found.past.audits, found.past.first_at_seconds), (3, Some(100)));
}

#[test]
fn a_run_that_is_recorded_again_is_accused() {
    let honest = record(&spec());
    let early = Remembered { audited_at_seconds: 1_795_406_700, ..audit_of(&killed_after(5), 0) };
    for other in [
        record(&spec_with(|spec| spec.root_seed += 1)),
        record_attacked(&spec(), Some("lr-tamper@1".parse().unwrap())),
    ] {
        assert_eq!(recalled(&other, &[]).finding, None);
        for before in [&audit_of(&honest, 0), &early] {
            let found = recalled(&other, std::slice::from_ref(before));
            let problem = &accused(&found).problem;
            let seen = before.seen.unwrap();
            for part in [seen.head.to_string(), seen.frames.to_string()] {
                assert!(problem.contains(&part), "{part}: {problem}");
            }
            assert_eq!((found.past.audits, found.past.first_at_seconds), (0, None));
        }
    }
    let finding =
        recalled(&record_attacked(&spec(), Some("lr-tamper@1".parse().unwrap())), &[early]);
    assert!(accused(&finding).problem.contains("2026-11-23 04:05 UTC"));
}

#[test]
fn what_is_the_same_up_to_the_audit_is_a_continuation() {
    // Steps 0 to 4 are those that were audited; what comes later was not seen.
    let later = record_attacked(&spec(), Some("lr-tamper@9".parse().unwrap()));
    assert_eq!(recalled(&later, &[audit_of(&killed_after(5), 1)]).finding, None);
    accused(&recalled(&later, &[audit_of(&killed_after(11), 1)]));
}

#[test]
fn a_recording_that_was_cut_is_accused() {
    let honest = record(&spec());
    let cut = reforged(&honest, &raw_frames(&honest)[..8]);
    let found = recalled(&cut, &[audit_of(&honest, 1)]);
    assert!(accused(&found).problem.contains("now there are only 8 frames"));
    let mut unfinished = cut;
    unfinished.objects.remove(&Object::Commitment);
    accused(&recalled(&unfinished, &[audit_of(&honest, 1)]));
}

#[test]
fn before_its_first_checkpoint_nothing_is_held_against_a_run() {
    // A recorder that was killed then starts over, perhaps as another build.
    let mut run = record(&spec());
    let few = reforged(&run, &raw_frames(&run)[..1]);
    run.objects.insert(Object::Journal, few.objects[&Object::Journal].clone());
    run.objects.remove(&Object::Commitment);
    assert_eq!(audit_of(&run, 1).seen, None);
    assert!(audit_of(&killed_after(0), 1).seen.is_some(), "the first checkpoint is there");
}

#[test]
fn an_audit_that_could_not_read_obliges_to_nothing() {
    let honest = record(&spec());
    let mut broken = honest.clone();
    let journal = broken.objects.get_mut(&Object::Journal).unwrap();
    let middle = journal.len() / 2;
    journal[middle] ^= 1;
    let unread = audit_of(&broken, 1);
    assert_eq!(unread.seen, None);
    let found = recalled(&honest, std::slice::from_ref(&unread));
    assert_eq!((found.finding, found.past.audits), (None, 1));
    // What lies before the flaw is still compared, and what lies after is not.
    let (early, late) = (audit_of(&killed_after(2), 1), audit_of(&honest, 2));
    assert_eq!(recalled(&broken, &[early.clone(), late]).finding, None);
    let other = record_attacked(&spec(), Some("lr-tamper@0".parse().unwrap()));
    let mut broken = other;
    *broken.objects.get_mut(&Object::Journal).unwrap().last_mut().unwrap() ^= 1;
    accused(&recalled(&broken, &[early]));
    broken.objects.remove(&Object::Journal);
    assert_eq!(recalled(&broken, &[audit_of(&honest, 1)]).finding, None);
}

#[test]
fn audits_elsewhere_count_but_oblige_to_nothing() {
    let (honest, other) = (record(&spec()), record(&spec_with(|spec| spec.root_seed += 1)));
    let elsewhere = |run| Remembered { here: false, ..audit_of(run, 5) };
    let found = recalled(&honest, &[elsewhere(&honest), elsewhere(&other)]);
    assert_eq!((found.finding, found.past.audits), (None, 1));
}

#[test]
fn the_right_recording_may_come_back() {
    // Someone replaced it, an audit said so, and it was restored.
    let (honest, other) = (record(&spec()), record(&spec_with(|spec| spec.root_seed += 1)));
    let before = audit_of(&honest, 1);
    let accusing = Remembered { accused: true, ..audit_of(&other, 2) };
    assert_eq!(recalled(&honest, &[before.clone(), accusing.clone()]).finding, None);
    accused(&recalled(&other, &[before, accusing]));
}

fn concluded(run: &MemoryRun, nonce: &str, count: u64, remembered: &[Remembered]) -> Report {
    concluded_with(run, nonce, NonceSource::Fresh, count, remembered)
}

fn concluded_with(
    run: &MemoryRun,
    nonce: &str,
    source: NonceSource,
    count: u64,
    remembered: &[Remembered],
) -> Report {
    let recording = common::whole(run);
    let (nonce, total) = (nonce.parse().unwrap(), recording.segment_count());
    let recall = recall(run, Some(&recording), remembered);
    let covered = recall.coverage.covered().clone();
    let challenge =
        Challenge { covered, ..Challenge::new(recording.commitment, nonce, total, count) };
    let segments = common::segment_reports(&recording, &challenge.draw());
    Report::conclude(Evidence {
        recording: Some(&recording),
        challenge: Some(challenge),
        nonce_source: Some(source),
        segments,
        recall: Some(&recall),
        ..Evidence::new(run.place(), Default::default(), environment())
    })
}

/// What such an audit leaves.
fn with_draw(run: &MemoryRun, nonce: &str, count: u64, before: &[Remembered]) -> Remembered {
    let report = concluded(run, nonce, count, before);
    assert!(report.sample_agreed());
    common::remembered_draw(&common::whole(run), &report.challenge.unwrap(), 1)
}

#[test]
fn audits_draw_what_is_not_covered_until_nothing_is_left_to_tamper_with() {
    let run = record(&spec());
    let first = with_draw(&run, "a", 2, &[]);
    let second = with_draw(&run, "b", 1, std::slice::from_ref(&first));
    let chance = |nonce: &str, remembered: &[Remembered]| {
        let report = concluded(&run, nonce, 1, remembered);
        let (escape, past) = (report.escape[0], report.past.clone().unwrap());
        let so_far = 3.0 * escape.probability_so_far.unwrap();
        let covered = report.covered().unwrap().count();
        (escape.tampered, so_far.round() as u64, past.samples, past.covered.count(), covered)
    };
    // Of the three besides the last, one is left open by each draw.
    assert_eq!(chance("c", &[]), (1, 3, 0, 0, 1), "the last one alone is drawn");
    assert_eq!(chance("c", std::slice::from_ref(&first)), (1, 1, 1, 2, 3));
    assert_eq!(chance("c", &[first.clone(), second.clone()]), (1, 0, 2, 3, 4));
    let third = with_draw(&run, "c", 1, &[first.clone(), second.clone()]);
    let all = [first, second, third];
    assert_eq!(chance("d", &all), (1, 0, 3, 4, 4), "what is covered is drawn again, for nothing");
    let report = concluded(&run, "d", 1, &all);
    assert_eq!(report.escape.iter().map(|escape| escape.probability).sum::<f64>(), 0.0);
    assert_eq!(report.challenge.unwrap().drawing().revisited.len(), 1);
}

#[test]
fn what_another_recording_was_found_to_hold_covers_nothing() {
    let run = record(&spec());
    let first = with_draw(&run, "a", 2, &[]);
    let longer = record(&spec_with(|spec| spec.root_seed += 1));
    let elsewhere = Remembered { here: false, ..first.clone() };
    let report = concluded(&longer, "b", 2, &[elsewhere]);
    assert_eq!(report.past.as_ref().unwrap().covered.count(), 0);
    assert_eq!(report.escape[0].probability_so_far, Some(2.0 / 3.0));
    // Rows are bound to the states between which they were replayed.
    for edit in [
        (|row| row.opening.0.0[0] ^= 1) as fn(&mut CoveredSegment),
        |row| row.closing.0.0[0] ^= 1,
        |row| row.segment.step_end += 1,
        |row| row.segment.index = u64::MAX,
        |row| row.disowned_at_seconds = Some(5),
    ] {
        let mut other = first.clone();
        other.covered.iter_mut().for_each(edit);
        let report = concluded(&run, "b", 2, &[other]);
        assert_eq!(report.past.as_ref().unwrap().covered.count(), 0);
        assert_eq!(report.escape[0].probability_so_far, Some(2.0 / 3.0));
    }
}

#[test]
fn a_sample_that_diverged_proves_nothing() {
    let (planted, run) = common::planted("weight-edit@6*1", &record(&spec()));
    let touched = planted.segments[0];
    let nonces = (0..).map(|n: u32| n.to_string());
    let found = nonces
        .map(|nonce| concluded(&run, &nonce, 2, &[]))
        .find(|report| report.segments[0].segment.index == touched);
    let report = found.unwrap();
    assert_eq!(report.verdict, Verdict::Divergent);
    assert!(!report.sample_agreed());
}

#[test]
fn heads_need_not_be_honest() {
    let run = record(&spec());
    for frames in [0, 1, u64::MAX] {
        let seen = Some(Seen { frames, head: Digest([4; 32]) });
        let found = recalled(&run, &[Remembered { seen, ..audit_of(&run, u64::MAX) }]);
        accused(&found);
    }
}

const SPEC: Digest = Digest([1; 32]);
const STATES: (StateRoot, StateRoot) = (StateRoot(Digest([2; 32])), StateRoot(Digest([3; 32])));

/// What an audit of this recording leaves that diverges.
fn accusing(run: &MemoryRun, at: u64) -> (Report, Remembered) {
    let (count, before) = (common::whole(run).segment_count(), audit_of(run, at));
    let report = concluded(run, "all", count, &[]);
    let named = |proven: Proven| Open { id: proven.id(Some(SPEC), Some(STATES)), proven };
    let open = report.proven().into_iter().map(named).collect();
    (report, Remembered { accused: true, open, ..before })
}

#[test]
fn a_proven_divergence_stays() {
    let (_, run) = common::planted("weight-edit@6*1", &record(&spec()));
    let (report, before) = accusing(&run, 1_795_406_700);
    assert_eq!(report.verdict, Verdict::Divergent);
    assert!(!before.open.is_empty() && report.unjudged().is_empty());
    let unended = Remembered { ended: false, accused: false, open: Vec::new(), ..before.clone() };
    for here in [true, false] {
        let known = [Remembered { here, ..before.clone() }, before.clone(), unended.clone()];
        let found = recalled(&run, &known);
        assert_eq!(found.open.len(), before.open.len(), "each is held once");
        let (first, open) = (&found.open[0], &before.open[0]);
        assert_eq!((first.weight, first.place.step), (Weight::Divergent, open.proven.step));
        let segment = format!("segment {} (", open.proven.segment.unwrap());
        assert_eq!(first.advice, Some(Advice::Close { id: open.id.clone() }));
        for part in ["2026-11-23 04:05 UTC", "bit-exact", &segment] {
            assert!(first.problem.contains(part), "{part}: {}", first.problem);
        }
        assert_eq!((found.past.audits, found.past.unended), (2, 1));
    }
    // It is this recording's alone, and gone when it is closed; but it is told.
    assert_eq!(recalled(&record(&spec()), std::slice::from_ref(&before)).open, []);
    let closed = Remembered { open: Vec::new(), reason: Some("it was".into()), ..before };
    let found = recalled(&run, &[closed]);
    assert_eq!(found.open, []);
    assert!(found.notes[0].problem.contains("2026-11-23 04:05 UTC"), "{:?}", found.notes);
    assert!(found.notes[0].problem.ends_with("divergent (it was)"), "{:?}", found.notes);
}

#[test]
fn the_name_of_a_divergence_says_what_it_is_and_not_when_it_was_found() {
    let (_, run) = common::planted("weight-edit@6*1", &record(&spec()));
    let (_, once) = accusing(&run, 1);
    let (_, again) = accusing(&run, 2);
    assert_eq!(once.open, again.open);
    let Open { id, proven } = &once.open[0];
    assert!(id.len() == 12 && id.bytes().all(|byte| byte.is_ascii_hexdigit()), "{id}");
    let others = [
        Proven { segment: None, ..proven.clone() },
        Proven { step: Some(u64::MAX), ..proven.clone() },
        Proven { stage: None, step: None, ..proven.clone() },
        Proven { grade: Grade::Tolerance, ..proven.clone() },
    ];
    assert!(others.iter().all(|other| other.id(Some(SPEC), Some(STATES)) != *id));
    assert_ne!(proven.id(None, Some(STATES)), *id);
    assert_ne!(proven.id(Some(SPEC), None), *id);
}

#[test]
fn a_restored_recording_is_not_accused_but_the_story_is_told() {
    // The altered copy was audited first, then the right one is put back.
    let honest = record(&spec());
    let (_, altered) = common::planted("weight-edit@6*1", &honest);
    let (_, before) = accusing(&altered, 1_795_406_700);
    let found = recalled(&honest, std::slice::from_ref(&before));
    assert_eq!((&found.finding, found.open.len()), (&None, 0));
    let note = &found.notes[0];
    assert_eq!((found.notes.len(), note.weight), (1, Weight::Note));
    assert!(note.problem.contains("2026-11-23 04:05 UTC found another recording here"), "{note}");
    // Elsewhere it is none of its business; and what binds still binds.
    let elsewhere = Remembered { here: false, ..before.clone() };
    assert_eq!(recalled(&honest, &[elsewhere]).notes, []);
    let other = record(&spec_with(|spec| spec.root_seed += 1));
    accused(&recalled(&other, &[audit_of(&honest, 1), before]));
}

#[test]
fn what_could_not_be_judged_is_due() {
    let run = record(&spec());
    let owed = |segment| Debt {
        audit: "a".into(),
        since_seconds: 5,
        segment,
        why: "two workers failed".into(),
    };
    let before = Remembered { debts: vec![owed(2), owed(1), owed(99)], ..audit_of(&run, 1) };
    let elsewhere = Remembered { here: false, debts: vec![owed(2)], ..before.clone() };
    let found = recalled(&run, &[before.clone(), elsewhere]);
    assert_eq!(found.past.due, [1, 2], "each once, and only what there is");
    // Another recording owes nothing of it.
    let other = record(&spec_with(|spec| spec.root_seed += 1));
    let here = Remembered { accused: true, ..before };
    assert_eq!(recalled(&other, &[here]).debts, []);
}

#[test]
fn what_is_due_is_replayed_beside_the_draw_and_counts_in_no_chance() {
    let run = record(&spec());
    let recording = common::whole(&run);
    let alone = concluded(&run, "a", 1, &[]);
    let challenge = alone.challenge.clone().unwrap();
    let due = (0..recording.segment_count()).find(|index| !challenge.draw().contains(index));
    let mut replayed = challenge.draw();
    replayed.extend(due);
    replayed.sort_unstable();
    let segments = common::segment_reports(&recording, &replayed);
    let report = Report::conclude(Evidence {
        recording: Some(&recording),
        challenge: Some(challenge),
        segments,
        ..Evidence::new(run.place(), Default::default(), environment())
    });
    assert_eq!((report.verdict, report.due), (alone.verdict, Vec::from_iter(due)));
    let chances = |escape: &[Escape]| escape.iter().map(|e| e.probability).collect::<Vec<_>>();
    assert_eq!(chances(&report.escape), chances(&alone.escape));
}

#[test]
fn what_does_not_settle_a_segment_leaves_it_due() {
    let run = record(&spec());
    let recording = common::whole(&run);
    let mut segments = common::segment_reports(&recording, &[0, 1, 2]);
    let problem = "the disk failed".to_owned();
    segments[1].outcome = SegmentOutcome::Failed { problem };
    segments[2].outcome = SegmentOutcome::Refused { problem: "it is withheld".into() };
    let report = Report::conclude(Evidence {
        recording: Some(&recording),
        segments,
        ..Evidence::new(run.place(), Default::default(), environment())
    });
    assert_eq!(report.unjudged(), [(1, "the disk failed"), (2, "it is withheld")]);
    // A divergence that another class of machine excuses is neither proven nor settled.
    let (_, run) = common::planted("weight-edit@6*1", &run);
    let recording = common::whole(&run);
    let mut other = environment();
    other.engine.class.insert("simd".into(), "another".into());
    let conclude = |segments: &[u64], controls: &[u64]| {
        Report::conclude(Evidence {
            recording: Some(&recording),
            segments: common::segment_reports(&recording, segments),
            controls: common::segment_reports(&recording, controls),
            ..Evidence::new(run.place(), Default::default(), other.clone())
        })
    };
    let alone = conclude(&[1], &[]);
    assert_eq!((alone.verdict, alone.proven()), (Verdict::Inconclusive, Vec::new()));
    assert!(!alone.unjudged().is_empty());
    // It is none where another segment shows that the machine computes as this one.
    for shown in [conclude(&[0, 1, 3], &[]), conclude(&[1], &[3])] {
        assert_eq!(shown.verdict, Verdict::Divergent);
        assert_eq!(shown.proven().len(), 1);
        assert!(shown.unjudged().is_empty());
    }
}

#[test]
fn a_nonce_that_was_given_lowers_no_chance() {
    let run = record(&spec());
    let before = [with_draw(&run, "a", 2, &[])];
    let once = concluded(&run, "given", 2, &[]).escape[0].probability;
    assert!((once - 2.0 / 3.0).abs() < 1e-12, "one of the three before the last: {once}");
    for (source, so_far) in [(NonceSource::Given, once), (NonceSource::Fresh, once / 2.0)] {
        let report = concluded_with(&run, "given", source, 1, &before);
        let found = report.escape[0].probability_so_far.unwrap();
        assert!((found - so_far).abs() < 1e-12, "{found}");
    }
}
