//! A recorder that is asked to stop goes on with the step that it had reached,
//! and believes the state that it has left only as far as its journal does.

mod common;

use common::{
    audit, environment, events, matches, record, resume, spec, spec_with, trainer, whole,
};
use reenact_core::format::{Environment, Event, History, Object, ReadRun, ResumePoint, WriteRun};
use reenact_core::in_memory::MemoryRun;
use reenact_core::record::{Recorder, Resumption, Stopped};
use reenact_core::spec::Spec;
use reenact_core::trainer::Trainer;
use reenact_core::wrapper::Wrapper;

const LEFT: [Object; 2] = [Object::ResumePoint, Object::ResumeState];

fn started<'a>(run: &'a mut MemoryRun, spec: &Spec, trainer: Box<dyn Trainer>) -> Recorder<'a> {
    Recorder::start(run, spec.clone(), trainer, environment()).unwrap()
}

/// Records until `step`, then stops.
fn stop(mut recorder: Recorder<'_>, step: u64) -> Stopped {
    while recorder.next_step() < step {
        recorder.advance().unwrap();
    }
    recorder.interrupt().unwrap()
}

fn stopped_at(step: u64, spec: &Spec) -> MemoryRun {
    let mut run = MemoryRun::default();
    let stopped = stop(started(&mut run, spec, trainer(spec, None)), step);
    assert_eq!(stopped, Stopped { step, resumes_at: step, problem: None });
    run
}

/// Says where a resumption starts, and drops it as if it were killed.
fn resumption(run: &mut MemoryRun, spec: &Spec, environment: Environment) -> Resumption {
    let recorder = Recorder::resume(run, spec.clone(), trainer(spec, None), environment).unwrap();
    recorder.resumption().unwrap().clone()
}

fn steps_recorded(run: &MemoryRun) -> usize {
    events(run).iter().filter(|(_, event)| matches!(event, Event::Step(_))).count()
}

fn ends_as_undisturbed(run: &MemoryRun, spec: &Spec) {
    let honest = record(spec);
    let (run_states, states) = (whole(run).history.checkpoints, whole(&honest).history.checkpoints);
    assert_eq!(run_states, states);
    assert!(matches(&audit(run, None)));
    assert!(LEFT.iter().all(|object| !run.objects.contains_key(object)), "it is left behind");
}

#[test]
fn at_every_step_nothing_is_trained_twice() {
    let spec = spec_with(|spec| (spec.steps, spec.checkpoint_every) = (8, 3));
    for step in 0..=8 {
        let mut run = stopped_at(step, &spec);
        assert_eq!(run.objects.contains_key(&Object::ResumePoint), ![0, 3, 6, 8].contains(&step));
        resume(&mut run, &spec);
        assert_eq!(whole(&run).history.resumed().collect::<Vec<_>>(), [step]);
        assert_eq!(steps_recorded(&run), 8, "stopped at {step}");
        ends_as_undisturbed(&run, &spec);
    }
}

#[test]
fn at_two_steps_and_killed_in_between() {
    let spec = spec_with(|spec| (spec.steps, spec.checkpoint_every) = (9, 4));
    for first in 1..4 {
        for second in first..8 {
            let mut run = stopped_at(first, &spec);
            // Killed right after it began, and gone on with from the same state.
            assert_eq!(resumption(&mut run, &spec, environment()).step, first);
            let again = trainer(&spec, None);
            let recorder = Recorder::resume(&mut run, spec.clone(), again, environment()).unwrap();
            assert_eq!(stop(recorder, second).resumes_at, second);
            // Killed after a step that no checkpoint follows.
            let again = trainer(&spec, None);
            let mut recorder =
                Recorder::resume(&mut run, spec.clone(), again, environment()).unwrap();
            assert_eq!(recorder.next_step(), second);
            recorder.advance().unwrap();
            drop(recorder);
            let found = resumption(&mut run, &spec, environment());
            let checkpoint = second == 3 || second == 7;
            assert_eq!(found.step, second + u64::from(checkpoint), "{first}, {second}");
            resume(&mut run, &spec);
            ends_as_undisturbed(&run, &spec);
        }
    }
}

#[test]
fn a_state_that_the_journal_does_not_know_is_not_used() {
    let spec = spec();
    let foreign = stopped_at(8, &spec_with(|spec| spec.root_seed = 8));
    let earlier = stopped_at(7, &spec);
    let put = |run: &mut MemoryRun, from: &MemoryRun, object| {
        run.objects.insert(object, from.objects[&object].clone());
    };
    let forged = |run: &mut MemoryRun, change: &dyn Fn(&mut ResumePoint)| {
        let text = run.objects.get_mut(&Object::ResumePoint).unwrap();
        let mut point = ResumePoint::parse(text).unwrap();
        change(&mut point);
        *text = point.encode().into_bytes();
    };
    type Damage<'a> = Box<dyn Fn(&mut MemoryRun) + 'a>;
    let damages: Vec<(&str, Damage<'_>)> = vec![
        ("is missing", Box::new(|run| drop(run.objects.remove(&Object::ResumeState)))),
        ("resume is damaged", Box::new(|run| drop(run.objects.insert(LEFT[0], b"\n".into())))),
        ("at most", Box::new(|run| drop(run.objects.insert(LEFT[0], vec![b'0'; 1 << 20])))),
        (
            "altered",
            Box::new(|run| *run.objects.get_mut(&LEFT[1]).unwrap().last_mut().unwrap() ^= 1),
        ),
        ("file has", Box::new(|run| _ = run.objects.get_mut(&LEFT[1]).unwrap().pop())),
        ("another journal", Box::new(|run| LEFT.iter().for_each(|&o| put(run, &foreign, o)))),
        ("another journal", Box::new(|run| put(run, &earlier, LEFT[0]))),
        ("altered", Box::new(|run| put(run, &earlier, LEFT[1]))),
        ("step 6 has left", Box::new(|run| forged(run, &|point| point.step = 7))),
        ("before step 9", Box::new(|run| forged(run, &|point| point.step = 9))),
        ("before step 18446744073709551615", Box::new(|run| forged(run, &|p| p.step = u64::MAX))),
        (
            "step 7 has left",
            Box::new(|run| {
                put(run, &foreign, LEFT[1]);
                let root = ResumePoint::parse(&foreign.objects[&LEFT[0]]).unwrap().root;
                forged(run, &|point| point.root = root);
            }),
        ),
    ];
    for (says, damage) in damages {
        let mut run = stopped_at(8, &spec);
        damage(&mut run);
        let found = resumption(&mut run.clone(), &spec, environment());
        assert_eq!(found.step, 6, "{says}");
        let ignored = found.ignored.unwrap();
        assert!(ignored.contains(says), "{ignored} instead of {says}");
        resume(&mut run, &spec);
        ends_as_undisturbed(&run, &spec);
    }
}

#[test]
fn a_segment_is_trained_on_one_class_of_machine() {
    let spec = spec();
    let mut elsewhere = environment();
    elsewhere.engine.class.insert("engine".into(), "toy 2".into());
    let mut run = stopped_at(8, &spec);
    let found = resumption(&mut run, &spec, elsewhere);
    assert_eq!((found.step, found.damaged), (6, Vec::new()));
    assert!(found.ignored.unwrap().contains("another class"));
    // Back at home, the journal has been gone on with from an earlier step.
    let found = resumption(&mut run, &spec, environment());
    assert_eq!(found.step, 6);
    assert!(found.ignored.unwrap().contains("before step 8"));
}

#[test]
fn the_checkpoint_that_opens_the_segment_has_to_be_whole() {
    let spec = spec();
    let mut run = stopped_at(8, &spec);
    let history = History::read(run.open(Object::Journal).unwrap()).unwrap();
    run.objects.get_mut(&Object::Checkpoint(history.checkpoints[&6])).unwrap().pop();
    let found = resumption(&mut run, &spec, environment());
    assert_eq!(found.step, 3);
    assert!(found.ignored.unwrap().contains("the checkpoint of step 6 is damaged"));
    assert_eq!(found.damaged[0].step, 6);
    resume(&mut run, &spec);
    ends_as_undisturbed(&run, &spec);
}

#[test]
fn an_audit_reads_neither() {
    let run = record(&spec());
    let mut littered = run.clone();
    for object in LEFT {
        littered.put(object, &mut |out| out.write_all(b"anything")).unwrap();
    }
    assert!(matches(&audit(&littered, None)));
}

/// Goes on from checkpoints only, as an engine that chooses kernels does.
struct Particular(Box<dyn Trainer>);

impl Wrapper for Particular {
    fn inner(&self) -> &dyn Trainer {
        self.0.as_ref()
    }

    fn inner_mut(&mut self) -> &mut dyn Trainer {
        self.0.as_mut()
    }

    fn resumes_anywhere(&self) -> bool {
        false
    }
}

#[test]
fn where_kernels_depend_on_memory_a_resumption_starts_from_a_checkpoint() {
    let spec = spec();
    let particular = || Box::new(Particular(trainer(&spec, None)));
    let mut run = MemoryRun::default();
    let stopped = stop(started(&mut run, &spec, particular()), 8);
    assert_eq!((stopped.step, stopped.resumes_at), (8, 6));
    assert!(stopped.problem.unwrap().contains("checkpoints only"));
    assert!(LEFT.iter().all(|object| !run.objects.contains_key(object)));
    let mut run = stopped_at(8, &spec);
    let recorder = Recorder::resume(&mut run, spec.clone(), particular(), environment()).unwrap();
    assert_eq!(recorder.next_step(), 6);
    drop(recorder);
    resume(&mut run, &spec);
    ends_as_undisturbed(&run, &spec);
}
