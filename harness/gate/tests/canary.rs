//! A gate whose canary does not sing has not looked, whatever else it found.

use std::collections::BTreeSet;
use std::path::Path;

use reenact_audit::{Device, Executor, InProcess, Message, Programs, Task};
use reenact_core::spec::Spec;
use reenact_gate::run::{Gate, Run};
use reenact_gate::{Arm, Judgement, SpecFound};
use reenact_toy::Toy;

/// Takes trainings, and never plants what it is told to.
struct Forgetful<'a>(InProcess<'a>);

impl Executor for Forgetful<'_> {
    fn execute(&self, task: &Task, step: &dyn Fn()) -> Result<Message, String> {
        let mut task = task.clone();
        if let Task::Take(take) = &mut task {
            take.attack = None;
        }
        self.0.execute(&task, step)
    }

    fn width(&self) -> usize {
        self.0.width()
    }
}

fn gate(programs: &Programs, executor: &dyn Executor) -> SpecFound {
    let spec = Spec::parse(include_str!("../../../replay-specs/toy-plane.toml")).unwrap();
    let gate = Gate {
        programs,
        executor,
        base: Some(executor),
        device: Device { device: None, data_dir: ".".into() },
        recordings: None,
        arms: BTreeSet::from([Arm::Repeat, Arm::Canary]),
        today: "2026-11-26".parse().unwrap(),
    };
    let run = Run { path: Path::new("toy.toml"), spec: &spec, steps: 12, locked: None };
    let outcome = gate.run(&run).unwrap();
    assert!(outcome.candidate.is_none());
    outcome.found
}

#[test]
fn an_attack_that_is_not_seen_leaves_everything_unjudged() {
    let mut programs = Programs::default();
    programs.push(Box::new(Toy));
    let canary = |found: &SpecFound| {
        let arm = found.arms.iter().find(|found| found.arm == Arm::Canary).unwrap();
        (arm.state, arm.words.clone())
    };
    let found = gate(&programs, &InProcess(&programs));
    assert_eq!((found.state, canary(&found).0), (Judgement::Pass, Judgement::Pass));
    let found = gate(&programs, &Forgetful(InProcess(&programs)));
    let (state, words) = canary(&found);
    assert_eq!((found.state, state), (Judgement::NotJudged, Judgement::NotJudged));
    assert!(words.contains("was planted and not seen, so this gate has not looked"), "{words}");
}
