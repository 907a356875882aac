//! What a night comes to.

use std::collections::BTreeMap;

use reenact_core::verify::{TrustedBuilds, date};
use reenact_store::{BuildSummary, Ledger};

use super::morning::Morning;
use super::{Done, NIGHT, Night, NightError, Record, STOOD_ALONE, TOLD, WATCHED, nights};
use crate::canary::Caught;
use crate::found::State;
use crate::incident::{Incident, Kind, acknowledge, divergences, keep_alarms};
use crate::outcome::{Exit, Outcome, Unjudged};
use crate::plan::{Plan, ROUNDING};
use crate::spent::Spent;
use crate::standing::Standing;
use crate::told::{Told, told};
use crate::watched::{Mark, Watched};

impl Night<'_> {
    pub(super) fn conclude(
        &self,
        ledger: &mut Ledger,
        number: u64,
        record: &Record,
        mut morning: Morning,
        results: &[Option<Done>],
        trusted: Option<&TrustedBuilds>,
    ) -> Result<Outcome, NightError> {
        let now = (self.clock)();
        let unjudged = mark(&mut morning, number, record, results, now);
        morning.coverage = ledger.kept(Ledger::COVERAGE)?.into_iter().collect();
        morning.incidents = divergences(ledger)?;
        keep_watched(ledger, &mut morning)?;
        let next = self.planned(ledger, &morning)?;
        let mut runs = self.standings(&morning, &next, now);
        // What diverges will never be certain, and that is not a matter of time.
        let diverges = |place: &str| morning.incidents.iter().any(|found| found.place == place);
        runs.iter_mut().filter(|run| diverges(&run.place)).for_each(|run| run.overdue = None);
        let mut incidents = morning.incidents;
        let mut alarms = alarms(&runs, now);
        acknowledge(ledger, &mut alarms)?;
        keep_alarms(ledger, &alarms)?;
        incidents.extend(alarms);
        incidents.sort_by(|a, b| {
            (a.kind, a.first_at_seconds, &a.id).cmp(&(b.kind, b.first_at_seconds, &b.id))
        });
        let before: BTreeMap<String, Told> = ledger.kept(TOLD)?.into_iter().collect();
        let again = self.config.tell.again_after.map(|after| after.seconds);
        let changes = told(&incidents, &before, again, now);
        let mut outcome = Outcome {
            night: number,
            at_seconds: record.at_seconds,
            ended_at_seconds: now,
            host: self.host.clone(),
            binary: record.binary,
            config: self.digest,
            exit: Exit::Good,
            sentence: String::new(),
            canaries: record.canaries.clone(),
            canaries_so_far: canaries_so_far(ledger)?,
            incidents,
            changes,
            unjudged,
            runs,
            plan: record.plan.clone(),
            next,
            spent: self.spent(record, results, now),
            devices: ledger.devices()?,
            builds: builds(ledger, trusted)?,
            stood_alone: ledger.kept(STOOD_ALONE)?.into_iter().collect(),
            audits: audits(record, results),
            nights: nights(ledger)?.iter().map(|night| night.at_seconds).collect(),
            notes: Vec::new(),
            goal: (self.config.goal.tampered, self.config.goal.confidence),
        };
        outcome.exit = outcome.exit_of();
        outcome.sentence = outcome.sentence_of();
        Ok(outcome)
    }

    /// Says which groups name nothing: a pattern with a slip in it would go unseen.
    pub(super) fn unmatched(&self, outcome: &Outcome) -> Vec<String> {
        let named = |name: &str| outcome.runs.iter().any(|run| run.watched.group == name);
        let without = self.config.runs.iter().filter(|group| !named(&group.name));
        let words = |name: &str| format!("the patterns of the group `{name}` match no recording");
        without.map(|group| words(&group.name)).collect()
    }

    fn spent(&self, record: &Record, results: &[Option<Done>], now: u64) -> Spent {
        let audits = results.iter().flatten().map(|done| done.seconds);
        let canaries = record.canaries.iter().map(|canary| canary.seconds);
        Spent {
            planned_seconds: record.plan.seconds,
            budget_seconds: self.config.device_seconds(),
            used_seconds: audits.chain(canaries).sum::<f64>() + 0.0,
            wall_seconds: now.saturating_sub(record.at_seconds),
            wall_budget_seconds: self.config.budget.wall.map(|wall| wall.seconds),
            read_bytes: 0,
            read_budget_bytes: self.config.budget.read.0,
        }
    }

    fn standings(&self, morning: &Morning, next: &Plan, now: u64) -> Vec<Standing> {
        let goal = &self.config.goal;
        let reach: BTreeMap<&str, _> =
            next.reach.iter().map(|reach| (reach.run.as_str(), reach)).collect();
        let each = morning.watched.iter().map(|(place, watched)| {
            let coverage = morning.coverage_of(place);
            let tampered = goal.tampered.min(coverage.total()).max(1);
            let escape = coverage.escape(tampered);
            let oldest = watched.oldest_uncovered_at_seconds(coverage.covered());
            let is_certain = watched.segments > 0 && escape <= 1.0 - goal.confidence + ROUNDING;
            let certain_at_seconds = reach.get(place.as_str()).and_then(|reach| {
                // The next night is the first that can do anything about it.
                let wait = if is_certain { 0 } else { self.config.period.seconds };
                reach.certain_at_seconds.map(|at_seconds| at_seconds.saturating_add(wait))
            });
            Standing {
                place: place.clone(),
                covered: coverage.total() - coverage.uncovered(),
                escape,
                is_certain,
                certain_at_seconds,
                oldest_uncovered_at_seconds: oldest,
                overdue: self.overdue(watched, is_certain, oldest, now),
                watched: watched.clone(),
            }
        });
        each.collect()
    }

    fn overdue(
        &self,
        watched: &Watched,
        is_certain: bool,
        oldest: Option<u64>,
        now: u64,
    ) -> Option<String> {
        if watched.vanished_at_seconds.is_some() {
            return None;
        }
        if let Some(why) =
            watched.unjudged.as_ref().filter(|_| watched.unjudged_nights >= UNJUDGED_MAX)
        {
            let nights = watched.unjudged_nights;
            return Some(format!("it could not be judged for {nights} nights: {why}"));
        }
        let within = self.config.goal.within.seconds;
        let grown = watched.growth.last().map_or(watched.first_at_seconds, |last| last.at_seconds);
        if watched.state == Some(State::Trains) && now.saturating_sub(grown) > within {
            let since = date(grown);
            return Some(format!("it still trains, and has reached no new boundary since {since}"));
        }
        let late = oldest.filter(|oldest| !is_certain && now.saturating_sub(*oldest) > within)?;
        Some(format!("segments that are there since {} are not certain yet", date(late)))
    }
}

/// Nights without a verdict after which somebody has to look, whatever the date is.
const UNJUDGED_MAX: u64 = 3;

/// Writes down what tonight made of each run, and returns what could not be judged.
fn mark(
    morning: &mut Morning,
    night: u64,
    record: &Record,
    results: &[Option<Done>],
    now: u64,
) -> Vec<Unjudged> {
    let mut unjudged = Vec::new();
    let marks = marks(record, results);
    for (place, watched) in &mut morning.watched {
        let (mark, words) = match marks.get(place.as_str()) {
            Some(found) => found.clone(),
            None if watched.vanished_at_seconds.is_some() => (Mark::Vanished, None),
            None => (Mark::Idle, None),
        };
        watched.mark(night, now, mark);
        match mark {
            Mark::Matched | Mark::Divergent => {
                let verdict = if mark == Mark::Matched { "match" } else { "divergent" };
                watched.verdict = Some(verdict.into());
                watched.judged_at_seconds = Some(now);
                watched.head = watched.head_now;
                watched.unjudged = None;
            }
            Mark::Unjudged => {
                let why = words.unwrap_or_else(|| "no reason was given".into());
                unjudged.push(Unjudged { place: place.clone(), why: why.clone() });
                watched.unjudged = Some(why);
            }
            Mark::Idle | Mark::Vanished => {}
        }
    }
    unjudged
}

/// Returns the worst that the units of each run came to, and why.
fn marks<'a>(
    record: &'a Record,
    results: &[Option<Done>],
) -> BTreeMap<&'a str, (Mark, Option<String>)> {
    let mut marks: BTreeMap<&str, (Mark, Option<String>)> = BTreeMap::new();
    for (unit, done) in record.plan.units.iter().zip(results) {
        let late = || (Mark::Unjudged, Some("there was no time left for it".to_owned()));
        let found = done.as_ref().map_or_else(late, |done| (done.mark, done.words.clone()));
        let known = marks.get(unit.run.as_str());
        if known.is_none_or(|(known, _)| rank(found.0) > rank(*known)) {
            marks.insert(&unit.run, found);
        }
    }
    marks
}

/// Remembers what is known of each run, without what is covered already.
fn keep_watched(ledger: &mut Ledger, morning: &mut Morning) -> Result<(), NightError> {
    for (place, watched) in &mut morning.watched {
        if let Some(coverage) = morning.coverage.get(place) {
            watched.tidy(coverage.covered());
        }
    }
    let each = morning.watched.iter();
    let kept: Vec<(String, &Watched)> =
        each.map(|(place, watched)| (place.clone(), watched)).collect();
    Ok(ledger.keep_all(WATCHED, &kept)?)
}

/// Returns the builds that vouch for segments, and whether each is listed.
fn builds(
    ledger: &Ledger,
    trusted: Option<&TrustedBuilds>,
) -> Result<Vec<(BuildSummary, Option<bool>)>, NightError> {
    let listed = |binary| trusted.map(|builds| builds.lists(binary));
    Ok(ledger.builds()?.into_iter().map(|build| (build.clone(), listed(build.binary))).collect())
}

/// Returns the unit that says the most of each run: the last that was done.
fn audits(record: &Record, results: &[Option<Done>]) -> BTreeMap<String, usize> {
    let each = record.plan.units.iter().zip(results).enumerate();
    let done = each.filter(|(_, (_, done))| done.is_some());
    done.map(|(index, (unit, _))| (unit.run.clone(), index)).collect()
}

fn canaries_so_far(ledger: &Ledger) -> Result<(u64, u64), NightError> {
    let nights: Vec<(String, Record)> = ledger.kept(NIGHT)?;
    let all = nights.iter().flat_map(|(_, record)| &record.canaries);
    let planted = all.filter(|canary| canary.caught != Caught::NotPlanted);
    Ok(planted.fold((0, 0), |(caught, count), canary| {
        (caught + u64::from(canary.caught == Caught::Yes), count + 1)
    }))
}

fn rank(mark: Mark) -> u8 {
    match mark {
        Mark::Idle => 0,
        Mark::Matched => 1,
        Mark::Unjudged => 2,
        Mark::Vanished => 3,
        Mark::Divergent => 4,
    }
}

/// Returns the incidents that are about runs as a whole.
fn alarms(runs: &[Standing], now: u64) -> Vec<Incident> {
    let of = |run: &Standing, kind: Kind, words: String, since: u64| Incident {
        id: Incident::id_of(kind, &run.place),
        kind,
        place: run.place.clone(),
        name: run.watched.name.clone(),
        segment: None,
        step: None,
        part: None,
        cause: None,
        words,
        first_at_seconds: since,
        last_at_seconds: now,
        times: 1,
        closed_at_seconds: None,
        acknowledged: None,
    };
    let mut alarms = Vec::new();
    for run in runs {
        if let Some(since) = run.watched.vanished_at_seconds {
            let seen = date(run.watched.last_at_seconds);
            let words = format!("the recording is gone; a night saw it on {seen}");
            alarms.push(of(run, Kind::Vanished, words, since));
        }
        if let Some(words) = &run.overdue {
            let since = run.oldest_uncovered_at_seconds.unwrap_or(run.watched.first_at_seconds);
            alarms.push(of(run, Kind::Overdue, words.clone(), since));
        }
    }
    alarms
}
