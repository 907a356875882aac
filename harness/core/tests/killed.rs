//! A recorder that is killed, at any byte and more than once, leaves a
//! recording that can be gone on with, and that an audit takes for honest.

mod common;

use std::collections::BTreeMap;

use common::{
    audit, environment, events, matches, record, resume, spec, spec_with, trainer, whole,
};
use reenact_core::format::{Event, Object};
use reenact_core::in_memory::MemoryRun;
use reenact_core::record::{RecordError, Recorder};
use reenact_core::spec::Spec;
use reenact_core::state::StateRoot;
use reenact_core::verify::{Verdict, Weight};

/// Cuts a recording as a kill would after `bytes` of its journal: without
/// commitment and without checkpoints that come later. `orphan` says whether
/// the checkpoint that comes next had been stored already.
fn killed(run: &MemoryRun, bytes: usize, orphan: bool) -> MemoryRun {
    let mut cut = run.clone();
    cut.objects.remove(&Object::Commitment);
    cut.objects.get_mut(&Object::Journal).unwrap().truncate(bytes);
    let (mut named, mut next) = (Vec::new(), None);
    for (end, root) in checkpoint_ends(run) {
        if end <= bytes {
            named.push(root);
        } else {
            next = next.or(Some(root));
        }
    }
    named.extend(next.filter(|_| orphan));
    cut.objects.retain(|object, _| match object {
        Object::Checkpoint(root) => named.contains(root),
        _ => true,
    });
    cut
}

/// Gives each checkpoint frame's end.
fn checkpoint_ends(run: &MemoryRun) -> Vec<(usize, StateRoot)> {
    let events = events(run);
    let ends = events.iter().skip(1).map(|(at, _)| *at);
    let all = run.objects[&Object::Journal].len();
    let root = |event: &Event| match event {
        Event::Checkpoint { root, .. } => Some(*root),
        _ => None,
    };
    let pairs = events.iter().zip(ends.chain([all]));
    pairs.filter_map(|((_, event), end)| Some((end, root(event)?))).collect()
}

/// Gives the offset of every frame, and the end.
fn frame_ends(run: &MemoryRun) -> Vec<usize> {
    let starts = events(run).into_iter().map(|(at, _)| at);
    starts.chain([run.objects[&Object::Journal].len()]).collect()
}

/// Brings a killed recording to its end; only its commitment may be missing.
fn brought_to_its_end(mut run: MemoryRun, spec: &Spec) -> MemoryRun {
    let again = Recorder::resume(&mut run, spec.clone(), trainer(spec, None), environment());
    match again.map(drop) {
        Err(RecordError::Complete) => return run,
        Err(error) => panic!("{error}"),
        // Dropped, as if killed once more, right after it began.
        Ok(()) => {}
    }
    let resumptions = events(&run).len();
    resume(&mut run, spec);
    assert!(events(&run).len() > resumptions);
    run
}

fn final_states(run: &MemoryRun) -> BTreeMap<u64, StateRoot> {
    whole(run).history.checkpoints
}

#[test]
fn at_every_byte() {
    let spec = spec_with(|spec| (spec.steps, spec.checkpoint_every) = (8, 3));
    let run = record(&spec);
    let states = final_states(&run);
    let ends = frame_ends(&run);
    let mut of_frame = BTreeMap::new();
    for bytes in 0..=run.objects[&Object::Journal].len() {
        for orphan in [false, true] {
            let again = brought_to_its_end(killed(&run, bytes, orphan), &spec);
            // A frame in part is as good as none.
            let whole_frames = ends.iter().filter(|&&end| end <= bytes).count();
            let first = of_frame.entry(whole_frames).or_insert_with(|| {
                assert_eq!(final_states(&again), states, "byte {bytes}");
                assert!(matches(&audit(&again, None)), "byte {bytes}");
                again.clone()
            });
            assert_eq!(again.objects, first.objects, "byte {bytes}, orphan {orphan}");
        }
    }
    // Every number of whole frames, and less than the file's own first bytes.
    assert_eq!(of_frame.len(), ends.len() + 1);
}

#[test]
fn the_journal_says_so() {
    let run = record(&spec());
    let (at, _) = events(&run).into_iter().find(|(_, e)| is_step(e, 7)).unwrap();
    let mut again = killed(&run, at + 9, false);
    resume(&mut again, &spec());
    let recording = whole(&again);
    assert_eq!(recording.history.resumed().collect::<Vec<_>>(), [6]);
    assert_eq!(audit(&again, None).claim.unwrap().resumed, [6]);
}

fn is_step(event: &Event, step: u64) -> bool {
    matches!(event, Event::Step(trace) if trace.step == step)
}

#[test]
fn twice() {
    let spec = spec_with(|spec| (spec.steps, spec.checkpoint_every) = (5, 2));
    let run = record(&spec);
    let states = final_states(&run);
    for first in frame_ends(&run) {
        let mut again = killed(&run, first, false);
        if Recorder::resume(&mut again, spec.clone(), trainer(&spec, None), environment()).is_err()
        {
            continue;
        }
        resume(&mut again, &spec);
        for second in frame_ends(&again).into_iter().filter(|&second| second > first) {
            let last = brought_to_its_end(killed(&again, second, true), &spec);
            assert_eq!(final_states(&last), states, "at {first}, then at {second}");
            assert!(matches(&audit(&last, None)), "at {first}, then at {second}");
        }
    }
}

#[test]
fn only_the_commitment_is_missing() {
    let run = record(&spec());
    let mut again = run.clone();
    again.objects.remove(&Object::Commitment);
    let error = Recorder::resume(&mut again, spec(), trainer(&spec(), None), environment());
    assert!(matches!(error.map(drop), Err(RecordError::Complete)));
    assert_eq!(again.objects, run.objects);
}

#[test]
fn a_complete_recording_is_left_alone() {
    let mut run = record(&spec());
    let before = run.objects.clone();
    let error = Recorder::resume(&mut run, spec(), trainer(&spec(), None), environment());
    assert!(matches!(error.map(drop), Err(RecordError::Complete)));
    assert_eq!(run.objects, before);
}

#[test]
fn another_spec_is_refused() {
    let run = record(&spec());
    let mut again = killed(&run, run.objects[&Object::Journal].len() - 1, true);
    let other = spec_with(|spec| spec.root_seed = 8);
    let error = Recorder::resume(&mut again, other.clone(), trainer(&other, None), environment());
    assert!(matches!(error.map(drop), Err(RecordError::OtherSpec(_))));
}

/// Kills a recording before step 8, whose newest checkpoint is that of 6.
fn killed_before_8() -> (MemoryRun, Object) {
    let run = record(&spec());
    let (at, _) = events(&run).into_iter().find(|(_, event)| is_step(event, 8)).unwrap();
    let newest = checkpoint_ends(&run)[2].1;
    (killed(&run, at, false), Object::Checkpoint(newest))
}

#[test]
fn a_lost_or_corrupted_checkpoint_falls_back_to_the_one_before() {
    let states = final_states(&record(&spec()));
    let damages: [fn(&mut MemoryRun, Object); 4] = [
        |run, object| drop(run.objects.remove(&object)),
        |run, object| run.objects.get_mut(&object).unwrap().clear(),
        |run, object| *run.objects.get_mut(&object).unwrap().last_mut().unwrap() ^= 1,
        |run, object| run.objects.get_mut(&object).unwrap().fill(0),
    ];
    for damage in damages {
        let (mut again, newest) = killed_before_8();
        damage(&mut again, newest);
        resume(&mut again, &spec());
        assert_eq!(whole(&again).history.resumed().collect::<Vec<_>>(), [3]);
        assert_eq!(final_states(&again), states);
        assert!(matches(&audit(&again, None)));
    }
}

#[test]
fn no_checkpoint_is_left() {
    let (mut again, _) = killed_before_8();
    again.objects.retain(|object, _| !matches!(object, Object::Checkpoint(_)));
    let error = Recorder::resume(&mut again, spec(), trainer(&spec(), None), environment());
    assert!(matches!(error.map(drop), Err(RecordError::NoCheckpoint(_))));
}

#[test]
fn a_checkpoint_that_comes_back_is_not_ahead_of_the_journal() {
    // The newest checkpoint cannot be read for a while, and can be again after
    // the recorder was killed before it had come so far once more.
    let (mut again, newest) = killed_before_8();
    let kept = again.objects.remove(&newest).unwrap();
    let spec = spec();
    let mut recorder =
        Recorder::resume(&mut again, spec.clone(), trainer(&spec, None), environment()).unwrap();
    assert_eq!(recorder.next_step(), 3);
    recorder.advance().unwrap();
    drop(recorder);
    again.objects.insert(newest, kept);
    resume(&mut again, &spec);
    assert_eq!(whole(&again).history.resumed().collect::<Vec<_>>(), [3, 3]);
    assert!(matches(&audit(&again, None)));
}

#[test]
fn an_interruption_is_recorded_and_gone_on_from() {
    let spec = spec();
    let mut run = MemoryRun::default();
    let mut recorder =
        Recorder::start(&mut run, spec.clone(), trainer(&spec, None), environment()).unwrap();
    for _ in 0..5 {
        recorder.advance().unwrap();
    }
    recorder.interrupt().unwrap();
    assert_eq!(audit(&run, None).verdict, Verdict::Inconclusive);
    resume(&mut run, &spec);
    assert_eq!(whole(&run).history.interrupted, [5]);
    assert!(matches(&audit(&run, None)));
}

#[test]
fn a_resumption_that_computes_otherwise_contradicts_itself() {
    // Steps 6 and 7 were recorded honestly; after the kill they are repeated
    // with another learning rate than is recorded.
    let (mut again, _) = killed_before_8();
    let attack = Some("lr-tamper@6..8".parse().unwrap());
    let trainer = trainer(&spec(), attack);
    let mut recorder = Recorder::resume(&mut again, spec(), trainer, environment()).unwrap();
    while !recorder.is_done() {
        recorder.advance().unwrap();
    }
    recorder.finish().unwrap();
    let findings = common::examined(&again).findings;
    let steps: Vec<_> = findings.iter().map(|found| (found.weight, found.place.step)).collect();
    assert_eq!(steps, [(Weight::Divergent, Some(6)), (Weight::Divergent, Some(7))]);
}

#[test]
fn another_kill_does_not_hide_a_contradiction() {
    let (mut again, _) = killed_before_8();
    let tampering = trainer(&spec(), Some("lr-tamper@7".parse().unwrap()));
    let mut recorder = Recorder::resume(&mut again, spec(), tampering, environment()).unwrap();
    recorder.advance().unwrap();
    drop(recorder);
    let tampering = trainer(&spec(), Some("lr-tamper@7".parse().unwrap()));
    let mut recorder = Recorder::resume(&mut again, spec(), tampering, environment()).unwrap();
    while !recorder.is_done() {
        recorder.advance().unwrap();
    }
    recorder.finish().unwrap();
    let findings = common::examined(&again).findings;
    let steps: Vec<_> = findings.iter().map(|found| (found.weight, found.place.step)).collect();
    assert_eq!(steps, [(Weight::Divergent, Some(7))]);
}
