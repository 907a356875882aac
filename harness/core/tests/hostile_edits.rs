//! Random edits by an insider who recomputes every digest, and by one who does not:
//! whatever passes an audit of all segments claims what an honest training gives.
//!
//! `cargo test --release -p reenact-core --test hostile_edits -- --ignored --nocapture`
//! makes 10,000 edits that change what a recording claims.

mod common;
mod insider;

use std::collections::BTreeMap;

use common::{audit, matches, record, resume, spec, spec_with, trainer};
use insider::Told;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use reenact_core::format::{Event, Object};
use reenact_core::in_memory::MemoryRun;
use reenact_core::record::Recorder;
use reenact_core::spec::Spec;
use reenact_core::state::StateRoot;
use reenact_core::trainer::StepTrace;
use reenact_core::verify::Verdict;

/// What a recording claims of its training. Everything else, such as where it ran, is
/// words that no replay can check.
#[derive(PartialEq)]
struct Claimed {
    spec: Vec<u8>,
    steps: BTreeMap<u64, StepTrace>,
    states: BTreeMap<u64, StateRoot>,
}

impl Claimed {
    fn of(run: &MemoryRun) -> Self {
        let mut claimed = Self {
            spec: run.objects[&Object::Spec].clone(),
            steps: BTreeMap::new(),
            states: BTreeMap::new(),
        };
        for (_, event) in common::events(run) {
            match event {
                Event::Step(trace) => drop(claimed.steps.insert(trace.step, trace)),
                Event::Checkpoint { step, root } => drop(claimed.states.insert(step, root)),
                _ => {}
            }
        }
        claimed
    }
}

/// Recordings to begin with: of another optimizer, with accumulation, and resumed.
fn honest() -> Vec<MemoryRun> {
    let long = |spec: &mut Spec| (spec.steps, spec.checkpoint_every) = (11, 4);
    let mut resumed = MemoryRun::default();
    let mut recorder =
        Recorder::start(&mut resumed, spec(), trainer(&spec(), None), common::environment())
            .unwrap();
    (0..5).for_each(|_| drop(recorder.advance().unwrap()));
    drop(recorder);
    resume(&mut resumed, &spec());
    vec![record(&spec()), record(&spec_with(long)), resumed]
}

/// Counts what came of the edits.
#[derive(Debug, Default)]
struct Outcomes {
    divergent: u64,
    inconclusive: u64,
    /// Changed words only, or nothing.
    harmless: u64,
}

impl Outcomes {
    fn harmful(&self) -> u64 {
        self.divergent + self.inconclusive
    }

    /// Makes one edit and audits it.
    fn try_edit(&mut self, honest: &[MemoryRun], seed: u64) {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let base = &honest[seed as usize % honest.len()];
        let told = Told::edited(base, &mut rng);
        let run = told.run(&mut rng);
        let report = audit(&run, None);
        match report.verdict {
            Verdict::Match { .. } => {
                let edits = &told.edits;
                assert!(Claimed::of(&run) == Claimed::of(base), "seed {seed}: {edits:?} passes");
                self.harmless += 1;
            }
            Verdict::Divergent => self.divergent += 1,
            Verdict::Inconclusive => self.inconclusive += 1,
        }
        assert!(matches(&report) == report.reasons.is_empty(), "seed {seed}: no reason is given");
    }
}

fn tried(harmful: u64) -> Outcomes {
    let honest = honest();
    let mut outcomes = Outcomes::default();
    let mut seed = 0;
    while outcomes.harmful() < harmful {
        outcomes.try_edit(&honest, seed);
        seed += 1;
    }
    outcomes
}

#[test]
fn honest_ones_pass() {
    for run in honest() {
        assert!(matches(&audit(&run, None)));
    }
}

#[test]
fn none_of_500_hostile_edits_passes() {
    let outcomes = tried(500);
    assert!(outcomes.divergent > 9 * outcomes.inconclusive, "{outcomes:?}");
}

#[test]
#[ignore = "takes a minute; for the figure in the README"]
fn none_of_10_000_hostile_edits_passes() {
    println!("{:?}", tried(10_000));
}

#[test]
fn the_unedited_telling_is_the_recording() {
    for run in honest() {
        assert_eq!(Told::of(&run).signed().objects, run.objects);
    }
}
