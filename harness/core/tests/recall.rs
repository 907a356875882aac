//! What an audit saw once cannot be rewritten.

mod common;

use common::{
    environment, examined, raw_frames, record, record_attacked, reforged, resume, spec, spec_with,
    trainer,
};
use reenact_core::digest::Digest;
use reenact_core::format::{Object, ReadRun};
use reenact_core::memory::MemoryRun;
use reenact_core::record::Recorder;
use reenact_core::verify::{
    Challenge, Finding, Recall, Remembered, Report, Seen, Verdict, Weight, recall,
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
    Remembered { audited_at_seconds: at, here: true, contradicted: false, seen, sample: None }
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
            for part in [seen.head.to_string(), seen.frames.to_string(), "ledger forget".into()] {
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
    let accusing = Remembered { contradicted: true, ..audit_of(&other, 2) };
    assert_eq!(recalled(&honest, &[before.clone(), accusing.clone()]).finding, None);
    accused(&recalled(&other, &[before, accusing]));
}

fn concluded(run: &MemoryRun, nonce: &str, count: u64, remembered: &[Remembered]) -> Report {
    let recording = common::whole(run);
    let (nonce, total) = (nonce.parse().unwrap(), recording.segment_count());
    let challenge = Challenge::new(recording.commitment, nonce, total, count);
    let segments = common::segment_reports(&recording, &challenge.draw());
    let vouched = Default::default();
    let mut report = Report::conclude(
        run.place(),
        vouched,
        Some(&recording),
        Some(challenge),
        Vec::new(),
        segments,
        environment(),
    );
    report.remember(&recall(run, Some(&recording), remembered));
    report
}

fn with_sample(run: &MemoryRun, nonce: &str, count: u64) -> Remembered {
    let report = concluded(run, nonce, count, &[]);
    assert!(report.sample_agreed());
    Remembered { sample: report.challenge, ..audit_of(run, 1) }
}

#[test]
fn chances_of_escape_multiply_over_the_audits() {
    let run = record(&spec());
    let before = [with_sample(&run, "a", 2), with_sample(&run, "b", 3), with_sample(&run, "a", 2)];
    let chance = |nonce: &str, remembered: &[Remembered]| {
        let report = concluded(&run, nonce, 2, remembered);
        let escape = report.escape[0];
        // One of the three besides the last.
        assert_eq!((escape.tampered, escape.probability), (1, 2.0 / 3.0));
        let so_far = 27.0 * escape.probability_so_far.unwrap();
        (so_far.round() as u64, report.past.unwrap().samples)
    };
    assert_eq!(chance("c", &[]), (18, 0));
    assert_eq!(chance("c", &before), (2 * 2, 2));
    assert_eq!(chance("b", &before), (2 * 3, 2), "the same draw again adds nothing");
}

#[test]
fn samples_of_another_commitment_do_not_count() {
    let run = record(&spec());
    let mut other = with_sample(&run, "a", 3);
    other.sample.as_mut().unwrap().commitment = Digest([1; 32]);
    let report = concluded(&run, "b", 2, &[other]);
    assert_eq!(report.escape[0].probability_so_far, Some(2.0 / 3.0));
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
