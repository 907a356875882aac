//! What is known when a night begins, and what could be done.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use reenact_audit::pruned_segments;
use reenact_core::digest::Digest;
use reenact_core::verify::Coverage;
use reenact_store::{Ledger, LedgerError};

use super::{Night, WATCHED, place_of};
use crate::found::{Found, Peek, is_unlisted};
use crate::incident::{Incident, divergences};
use crate::plan::Candidate;
use crate::watched::Watched;

/// Taken for a segment's replay where nobody has seen any.
const SEGMENT_SECONDS_GUESSED: f64 = 60.0;
/// What reading and examining a run takes of which nothing is known.
const EXAMINATION_SECONDS: f64 = 1.0;
/// Covered segments of a run that are offered to another device.
const REVISITS_MAX: usize = 64;

/// What is known when a night begins.
pub(super) struct Morning {
    pub(super) found: Vec<Found>,
    pub(super) watched: BTreeMap<String, Watched>,
    pub(super) coverage: BTreeMap<String, Coverage>,
    pub(super) incidents: Vec<Incident>,
}

impl Night<'_> {
    pub(super) fn morning(
        &self,
        ledger: &Ledger,
        found: Vec<Found>,
    ) -> Result<Morning, LedgerError> {
        let now = (self.clock)();
        let mut watched: BTreeMap<String, Watched> = ledger.kept(WATCHED)?.into_iter().collect();
        for run in &found {
            let group = &self.config.runs[run.group].name;
            let place = place_of(run);
            watched.entry(place).or_default().see(group, run.peek.as_ref().ok(), now);
        }
        let there: BTreeSet<String> = found.iter().map(place_of).collect();
        for (place, watched) in &mut watched {
            let is_gone = !there.contains(place) && !is_unlisted(place, &found);
            if is_gone && watched.vanished_at_seconds.is_none() {
                watched.vanished_at_seconds = Some(now);
            }
        }
        // What the config does not name any more, though it is there, is not watched any more.
        let named = |watched: &Watched| self.config.runs.iter().any(|of| of.name == watched.group);
        let is_there = |place: &str| Path::new(place).join("journal").symlink_metadata().is_ok();
        watched
            .retain(|place, watched| there.contains(place) || (named(watched) && !is_there(place)));
        let coverage = ledger.kept(Ledger::COVERAGE)?.into_iter().collect();
        let incidents = divergences(ledger)?;
        Ok(Morning { found, watched, coverage, incidents })
    }

    pub(super) fn candidates(
        &self,
        ledger: &Ledger,
        morning: &Morning,
    ) -> Result<Vec<Candidate>, LedgerError> {
        let mut paces = Paces { ledger, known: BTreeMap::new() };
        let mut candidates = Vec::new();
        let mut revisited_seconds = 0.0;
        for run in &morning.found {
            let place = place_of(run);
            let Some(watched) = morning.watched.get(&place) else { continue };
            let coverage = morning.coverage_of(&place);
            let group = &self.config.runs[run.group];
            let segment_seconds = match &run.peek {
                Ok(peek) => paces.segment_seconds(peek, group.device.as_deref())?,
                Err(_) => EXAMINATION_SECONDS,
            };
            let oldest = watched.oldest_uncovered_at_seconds(coverage.covered());
            let within = self.config.goal.within.seconds;
            let of_run: Vec<&Incident> =
                morning.incidents.iter().filter(|found| found.place == place).collect();
            // What was found without a replay is looked for again; and so is what cannot be
            // read, or is another recording than was judged.
            let unclear = of_run.iter().any(|found| found.segment.is_none());
            let again = watched.unjudged.is_some() || run.peek.is_err() || watched.is_another();
            // The ledger is asked for no more than a plan can take.
            let enough =
                revisited_seconds >= self.config.goal.revisit * self.config.device_seconds();
            let mut revisits = if enough { Vec::new() } else { self.revisits(ledger, &place)? };
            if let (Ok(peek), false) = (&run.peek, revisits.is_empty()) {
                let (every, steps) = (peek.checkpoint_every, peek.steps);
                let pruned = pruned_segments(ledger, &place, every, steps);
                revisits.retain(|segment| !pruned.contains(*segment));
            }
            revisited_seconds += segment_seconds * revisits.len() as f64;
            candidates.push(Candidate {
                weight: group.weight,
                incident_segments: of_run.iter().filter_map(|found| found.segment).collect(),
                unjudged: again || unclear,
                segment_seconds,
                // What diverges will never be certain, so it has no date to keep.
                deadline_at_seconds: oldest
                    .filter(|_| of_run.is_empty())
                    .map(|at_seconds| at_seconds.saturating_add(within)),
                revisits,
                coverage,
                run: place,
            });
        }
        Ok(candidates)
    }

    /// Returns covered segments that another device or another build than this night's has
    /// vouched for.
    pub(super) fn revisits(&self, ledger: &Ledger, place: &str) -> Result<Vec<u64>, LedgerError> {
        if self.config.goal.revisit <= 0.0 {
            return Ok(Vec::new());
        }
        ledger.covered_elsewhere(place, &self.host, self.binary(), REVISITS_MAX)
    }
}

/// Asks the ledger how long steps take, once for each spec and device.
struct Paces<'a> {
    ledger: &'a Ledger,
    known: BTreeMap<(Digest, String), Option<f64>>,
}

impl Paces<'_> {
    fn segment_seconds(&mut self, peek: &Peek, device: Option<&str>) -> Result<f64, LedgerError> {
        let key = (peek.spec, device.unwrap_or(&peek.device).to_owned());
        let pace = match self.known.get(&key) {
            Some(pace) => *pace,
            None => {
                let pace = self.ledger.seconds_per_step(key.0, &key.1)?;
                self.known.insert(key, pace);
                pace
            }
        };
        let steps = peek.checkpoint_every.min(peek.steps.max(1)) as f64;
        Ok(pace.map_or(SEGMENT_SECONDS_GUESSED, |pace| pace * steps))
    }
}

impl Morning {
    /// Returns the group of each run that is there.
    pub(super) fn places(&self) -> BTreeMap<String, usize> {
        self.found.iter().map(|run| (place_of(run), run.group)).collect()
    }

    pub(super) fn coverage_of(&self, place: &str) -> Coverage {
        let watched = self.watched.get(place);
        let total = watched.map_or(0, |watched| watched.segments);
        // Of another recording nothing is covered, as far as a plan can tell.
        let known = self.coverage.get(place).filter(|_| !watched.is_some_and(Watched::is_another));
        known.cloned().unwrap_or_default().grown(total)
    }
}
