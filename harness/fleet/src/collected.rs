//! Answers in the place of replays.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use reenact_audit::{Done, Executor, Message, Programs, Task};
use reenact_core::verify::SegmentOutcome;

use crate::answers::Gathered;
use crate::plan::Plan;
use crate::site::Sites;
use crate::unit::Unit;

/// Gives an audit what workers have answered. What nobody has answered is not judged; what no
/// plan holds, the cause of a divergence say, is done here.
pub struct Collected<'a> {
    plan: &'a Plan,
    sites: Sites<'a>,
    here: &'a dyn Executor,
    state: Mutex<State>,
}

struct State {
    gathered: Gathered,
    /// How often each unit was asked for.
    asked: BTreeMap<u32, usize>,
    /// Why a run cannot be computed here, so that nobody can tell whether workers compute as
    /// this machine does.
    foreign: BTreeMap<u32, String>,
}

impl<'a> Collected<'a> {
    /// Gives these answers; `here` does everything else.
    pub fn new(
        plan: &'a Plan,
        programs: &'a Programs,
        here: &'a dyn Executor,
        gathered: Gathered,
    ) -> Self {
        let state = State { gathered, asked: BTreeMap::new(), foreign: BTreeMap::new() };
        Self { plan, sites: Sites::new(programs), here, state: Mutex::new(state) }
    }

    fn unit(&self, task: &Task) -> Option<u32> {
        let wanted = Unit::of(task)?;
        self.plan.units.iter().position(|unit| *unit == wanted).map(|number| number as u32)
    }

    /// Takes the next answer to a unit; the error says why there is none.
    fn next(&self, unit: u32) -> Result<Option<Done>, String> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let asked = state.asked.get(&unit).copied().unwrap_or_default();
        if asked == 0 {
            let found = self.plan.units.get(unit as usize).ok_or("there is no such unit")?;
            let site = self.sites.of(found).map_err(|failure| failure.said())?;
            if let Some(foreign) = state.gathered.of_class(unit, &site.environment) {
                state.foreign.insert(unit, foreign);
            }
        }
        state.asked.insert(unit, asked + 1);
        if let Some(foreign) = state.foreign.get(&unit) {
            return Err(foreign.clone());
        }
        match state.gathered.nth(unit, asked) {
            Some(done) => Ok(Some(done)),
            None if asked == 0 => Err("no worker has left a result".into()),
            None => Ok(None),
        }
    }
}

impl Executor for Collected<'_> {
    fn execute(&self, task: &Task, step: &dyn Fn()) -> Result<Message, String> {
        self.done(task, step).map(|done| done.message)
    }

    fn width(&self) -> usize {
        self.here.width()
    }

    fn done(&self, task: &Task, step: &dyn Fn()) -> Result<Done, String> {
        let Some(unit) = self.unit(task) else { return self.here.done(task, step) };
        match self.next(unit) {
            Ok(Some(done)) => Ok(done),
            // A further replay is asked for than the workers have made.
            Ok(None) => self.here.done(task, step),
            // It is told once; trying again would change nothing.
            Err(problem) => Ok(Message::Outcome(SegmentOutcome::Failed { problem }).into()),
        }
    }
}
