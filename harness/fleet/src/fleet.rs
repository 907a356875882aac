//! An audit whose tasks are done by machines of an engine's, while it waits.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread::sleep;
use std::time::{Duration, Instant};

use reenact_audit::{Done, Executor, Failure, Message, Programs, Task};
use reenact_core::digest::Digest;
use reenact_core::verify::AllowedSigners;
use reenact_store::{Folder, Objects};

use crate::answers::Gathered;
use crate::plan::Plan;
use crate::queue::{Job, Queue};
use crate::site::Sites;
use crate::unit::Unit;

/// How long nobody asks again. The engine's own client is slow, and its server is shared.
const ASKED_EVERY: Duration = Duration::from_secs(1);
/// How long a client that fails is asked again: a controller that is busy says nothing of jobs.
const PATIENCE: Duration = Duration::from_secs(120);
/// How long after its job has ended a result may still come into sight, as on NFS.
const LATE: Duration = Duration::from_secs(10);

/// Hands in tasks to an engine and waits for what workers answer. What needs files of this
/// machine is done here.
pub struct Fleet<'a> {
    queue: &'a dyn Queue,
    sites: Sites<'a>,
    here: &'a dyn Executor,
    folder: PathBuf,
    binary: Digest,
    parallel: usize,
    limit_seconds: Option<u64>,
    /// File with the workers' key, on their machines.
    key: Option<String>,
    /// Whose answers count; anybody's where nobody is named.
    workers: Option<AllowedSigners>,
    handed_in: Mutex<Vec<HandedIn>>,
}

/// A plan that was handed in.
struct HandedIn {
    plan: Plan,
    digest: Digest,
    job: String,
    /// How often each unit was asked for.
    asked: BTreeMap<u32, usize>,
    /// Units whose worker has left nothing: they are handed in anew.
    lost: BTreeSet<u32>,
    asked_at: Option<Instant>,
    pending: Vec<usize>,
}

impl<'a> Fleet<'a> {
    /// Hands in to this queue, by way of a folder that every machine has; `here` does the rest.
    pub fn new(
        queue: &'a dyn Queue,
        programs: &'a Programs,
        here: &'a dyn Executor,
        folder: PathBuf,
        binary: Digest,
    ) -> Self {
        let (handed_in, parallel, limit_seconds) = (Mutex::new(Vec::new()), 1, None);
        let sites = Sites::new(programs);
        let (key, workers) = (None, None);
        Self {
            queue,
            sites,
            here,
            folder,
            binary,
            parallel,
            limit_seconds,
            key,
            workers,
            handed_in,
        }
    }

    /// Has workers sign with the key in this file of theirs, and counts these signers alone.
    pub fn signed(mut self, key: Option<String>, workers: Option<AllowedSigners>) -> Self {
        (self.key, self.workers) = (key, workers);
        self
    }

    /// Has so many shards done at a time.
    pub fn parallel(mut self, count: usize) -> Self {
        self.parallel = count.max(1);
        self
    }

    /// Gives a shard so long, in seconds.
    pub fn limit(mut self, seconds: Option<u64>) -> Self {
        self.limit_seconds = seconds;
        self
    }

    fn state(&self) -> MutexGuard<'_, Vec<HandedIn>> {
        self.handed_in.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn results(&self) -> Result<Folder, String> {
        Folder::open(&self.folder.join("results")).map_err(|error| error.to_string())
    }

    fn hand_in(&self, units: Vec<Unit>) -> Result<HandedIn, String> {
        let said = |failure: Failure| failure.said();
        let plan =
            Plan::of_units(self.binary, units, self.parallel.saturating_mul(4)).map_err(said)?;
        let text = plan.encode();
        let digest = Plan::digest(text.as_bytes());
        let name = format!("plan-{digest}.json");
        let plans = Folder::open(&self.folder).map_err(|error| error.to_string())?;
        plans.create(&name, text.as_bytes()).map_err(|error| error.to_string())?;
        let job = Job {
            name: format!("reenact-{}", digest.short()),
            plan: self.folder.join(&name).display().to_string(),
            results: self.folder.join("results").display().to_string(),
            key: self.key.clone(),
            shards: plan.shards.len(),
            parallel: Some(self.parallel),
            limit_seconds: self.limit_seconds,
        };
        let id = patiently(|| self.queue.submit(&job))?;
        let pending = (0..plan.shards.len()).collect();
        let (asked, lost) = (BTreeMap::new(), BTreeSet::new());
        Ok(HandedIn { plan, digest, job: id, asked, lost, asked_at: None, pending })
    }

    /// Finds a unit that was handed in and has an answer that nobody has heard; else hands it in.
    fn find(&self, unit: &Unit) -> Result<(usize, u32, usize), String> {
        let mut state = self.state();
        let mut at = place_of(&state, unit);
        if at.is_none() {
            let handed_in = self.hand_in(vec![unit.clone()])?;
            state.push(handed_in);
            at = Some((state.len() - 1, 0));
        }
        let (place, number) = at.unwrap_or_default();
        let asked = state[place].asked.entry(number).or_default();
        *asked += 1;
        let nth = *asked - 1;
        Ok((place, number, nth))
    }

    /// Says whether the shard of a unit may still give a result.
    fn is_pending(&self, place: usize, unit: u32) -> Result<bool, String> {
        let mut state = self.state();
        let handed_in = &mut state[place];
        if handed_in.asked_at.is_none_or(|at| at.elapsed() > ASKED_EVERY) {
            handed_in.pending = patiently(|| self.queue.pending(&handed_in.job))?;
            handed_in.asked_at = Some(Instant::now());
        }
        let holds = |shard: &usize| {
            handed_in.plan.shards.get(*shard).is_some_and(|units| units.contains(&unit))
        };
        Ok(handed_in.pending.iter().any(holds))
    }

    fn gathered(&self, place: usize, unit: u32) -> Result<Gathered, String> {
        let state = self.state();
        let HandedIn { plan, digest, .. } = &state[place];
        Gathered::of_unit(plan, digest, unit, &self.results()?, self.workers.as_ref())
    }

    fn wait(&self, unit: &Unit) -> Result<Done, String> {
        let (place, number, nth) = self.find(unit)?;
        let mut ended: Option<Instant> = None;
        let mut pause = Duration::from_millis(50);
        loop {
            let mut gathered = self.gathered(place, number)?;
            if gathered.count() > 0 {
                let site = self.sites.of(unit).map_err(|failure| failure.said())?;
                if let Some(foreign) = gathered.of_class(number, &site.environment) {
                    return Err(foreign);
                }
                return match gathered.nth(number, nth) {
                    Some(done) => Ok(done),
                    None => self.again(unit),
                };
            }
            let pending = self.is_pending(place, number)?;
            ended = if pending { None } else { ended.or_else(|| Some(Instant::now())) };
            if ended.is_some_and(|at| at.elapsed() > LATE) {
                let handed_in = &mut self.state()[place];
                handed_in.lost.insert(number);
                let job = &handed_in.job;
                return Err(format!("job {job} has ended, and its worker has left no result"));
            }
            sleep(pause);
            pause = (pause * 2).min(ASKED_EVERY);
        }
    }

    /// Has a unit done anew, that its workers have done as often as they do by themselves.
    fn again(&self, unit: &Unit) -> Result<Done, String> {
        let handed_in = self.hand_in(vec![unit.clone()])?;
        self.state().push(handed_in);
        self.wait(unit)
    }
}

/// Asks a client until it answers, for a while. A job that was handed in twice does nothing twice.
fn patiently<T>(ask: impl Fn() -> Result<T, String>) -> Result<T, String> {
    let started = Instant::now();
    loop {
        match ask() {
            Err(_) if started.elapsed() < PATIENCE => sleep(ASKED_EVERY * 2),
            answered => return answered,
        }
    }
}

/// Returns where a unit was handed in last, unless its worker was lost.
fn place_of(state: &[HandedIn], unit: &Unit) -> Option<(usize, u32)> {
    let mut all = state.iter().enumerate().rev();
    all.find_map(|(place, handed_in)| {
        let number = handed_in.plan.units.iter().position(|known| known == unit)? as u32;
        (!handed_in.lost.contains(&number)).then_some((place, number))
    })
}

impl Executor for Fleet<'_> {
    fn execute(&self, task: &Task, step: &dyn Fn()) -> Result<Message, String> {
        self.done(task, step).map(|done| done.message)
    }

    fn width(&self) -> usize {
        self.parallel
    }

    fn prepare(&self, tasks: &[Task]) {
        let units: Vec<Unit> = tasks.iter().filter_map(Unit::of).collect();
        if units.is_empty() {
            return;
        }
        // Should it fail, each task says so when its turn comes.
        if let Ok(handed_in) = self.hand_in(units) {
            self.state().push(handed_in);
        }
    }

    fn done(&self, task: &Task, step: &dyn Fn()) -> Result<Done, String> {
        match Unit::of(task) {
            Some(unit) => self.wait(&unit),
            None => self.here.done(task, step),
        }
    }
}

impl Drop for Fleet<'_> {
    /// Whoever waited is gone, so nobody needs what has not run.
    fn drop(&mut self) {
        let handed_in = self.state();
        for handed_in in handed_in.iter().filter(|found| !found.pending.is_empty()) {
            self.queue.cancel(&handed_in.job);
        }
    }
}
