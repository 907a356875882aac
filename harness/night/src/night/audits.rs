//! The audits of a night, in the order of its plan.

use std::path::Path;

use reenact_audit::{Choice, Remembering, Request, Selection, USUAL_DEVICE, audit, witness};
use reenact_core::sanitize::plain;
use reenact_core::spec::Sampling;
use reenact_core::verify::{Report, SegmentOutcome, Verdict};
use reenact_store::Ledger;

use super::bench::Bench;
use super::morning::Morning;
use super::{Done, Night, NightError, Record, STOOD_ALONE, UNIT, name_of, place_of};
use crate::plan::{Unit, Why};
use crate::watched::Mark;

/// How often it is written down which audits are done.
const KEPT_EVERY_SECONDS: u64 = 5;
/// How far what is used may go beyond what was planned before nothing more is begun.
const OVERSPENT: f64 = 1.5;

/// Returns what a unit has replayed.
pub(super) fn selection(unit: &Unit) -> Selection {
    match unit.listed.as_slice() {
        [] => Selection {
            choice: Choice::Policy(Sampling::Count { segments: unit.count.max(1) }),
            ..Selection::default()
        },
        listed => Selection::listed(listed),
    }
}

impl Night<'_> {
    pub(super) fn audits(
        &self,
        ledger: &mut Ledger,
        number: u64,
        record: &Record,
        bench: &Bench,
    ) -> Result<Vec<Option<Done>>, NightError> {
        let units = &record.plan.units;
        let mut results: Vec<Option<Done>> = Vec::new();
        let mut used: f64 = record.canaries.iter().map(|canary| canary.seconds).sum();
        // What audits judged is in the ledger already. That they are done is written together:
        // a commit waits for the disk, and a night that is killed does some seconds of it again.
        let (mut unkept, mut kept_at) = (Vec::new(), (self.clock)());
        for (index, unit) in units.iter().enumerate() {
            let name = format!("{}/{index:06}", name_of(number));
            if let Some(done) = ledger.kept_as::<Done>(UNIT, &name)? {
                used += done.seconds;
                results.push(Some(done));
                continue;
            }
            if self.is_late(bench.begun, unit) || (used > 0.0 && self.is_spent(used, unit)) {
                results.push(None);
                continue;
            }
            self.diary.begins(index, units.len(), unit);
            let (done, report) = self.audit(unit, bench);
            if let Some(report) = &report {
                self.diary.ended(number, index, report);
                self.count_alone(ledger, unit, bench, report)?;
            }
            used += done.seconds;
            results.push(Some(done.clone()));
            unkept.push((name, done));
            let now = (self.clock)();
            if now.saturating_sub(kept_at) >= KEPT_EVERY_SECONDS {
                ledger.keep_all(UNIT, &unkept)?;
                unkept.clear();
                kept_at = now;
            }
        }
        ledger.keep_all(UNIT, &unkept)?;
        Ok(results)
    }

    /// Nothing starts that would not end in time.
    pub(super) fn is_late(&self, begun: u64, unit: &Unit) -> bool {
        let Some(wall) = self.config.budget.wall else { return false };
        let width = self.executor.width().max(1) as f64;
        let expected = (unit.seconds / width).ceil() as u64;
        let now = (self.clock)();
        now.saturating_sub(begun).saturating_add(expected) > wall.seconds
    }

    /// The plan keeps the budget by what was expected; what is used may be more.
    pub(super) fn is_spent(&self, used: f64, unit: &Unit) -> bool {
        unit.why != Why::Incident && used + unit.seconds > OVERSPENT * self.config.device_seconds()
    }

    /// Counts where two replays of a segment disagreed: which of them erred nobody knows, but
    /// a device that does it often is to be looked at.
    fn count_alone(
        &self,
        ledger: &mut Ledger,
        unit: &Unit,
        bench: &Bench,
        report: &Report,
    ) -> Result<(), NightError> {
        let alone = report.segments.iter().chain(&report.controls);
        let mut alone =
            alone.filter(|of| matches!(of.outcome, SegmentOutcome::Unstable { .. })).peekable();
        if alone.peek().is_none() {
            return Ok(());
        }
        let group = bench.places.get(&unit.run).and_then(|group| self.config.runs.get(*group));
        let device = group.and_then(|runs| runs.device.as_deref()).unwrap_or(USUAL_DEVICE);
        let here = witness(&report.auditor, device);
        for id in alone.map(|of| of.by.as_ref().unwrap_or(&here).id()) {
            let before: u64 = ledger.kept_as(STOOD_ALONE, &id)?.unwrap_or_default();
            ledger.keep(STOOD_ALONE, &id, &(before + 1))?;
        }
        Ok(())
    }

    fn audit(&self, unit: &Unit, bench: &Bench) -> (Done, Option<Report>) {
        let unjudged = |words: String| {
            (Done { mark: Mark::Unjudged, words: Some(plain(&words)), seconds: 0.0 }, None)
        };
        let Some(&group) = bench.places.get(&unit.run) else {
            return unjudged("it is not there any more".into());
        };
        let request = self.request(Path::new(&unit.run), group, bench);
        let request = Request { selection: selection(unit), ..request };
        match audit(self.programs, &request, self.executor, self.observer) {
            Err(failure) => unjudged(failure.said()),
            Ok(report) => {
                let replayed = report.segments.iter().chain(&report.controls);
                let seconds = replayed.filter_map(|found| found.seconds).sum();
                let mark = match report.verdict {
                    Verdict::Match { .. } => Mark::Matched,
                    Verdict::Divergent => Mark::Divergent,
                    Verdict::Inconclusive => Mark::Unjudged,
                };
                let words = report.reasons.first().map(|reason| plain(reason));
                (Done { mark, words, seconds }, Some(report))
            }
        }
    }

    pub(super) fn request(&self, place: &Path, group: usize, bench: &Bench) -> Request {
        Request {
            so_far: true,
            signers: bench.groups[group].signers.clone(),
            expected: bench.groups[group].expected.clone(),
            trusted_builds: bench.trusted.clone(),
            required: self.config.require,
            remembering: Remembering::in_file(&self.config.ledger),
            at_seconds: Some((self.clock)()),
            ..Request::of_all(place, self.device(group))
        }
    }

    /// Reads and hashes again what was not audited tonight, as far as the budget goes: what was
    /// not read for longest first. What is found is remembered by the audits.
    pub(super) fn read_on(
        &self,
        morning: &mut Morning,
        record: &Record,
        bench: &Bench,
        results: &[Option<Done>],
    ) -> u64 {
        let now = (self.clock)();
        let done = |place: &str| {
            let mut units = record.plan.units.iter().zip(results);
            units.any(|(unit, done)| unit.run == place && done.is_some())
        };
        let mut runs: Vec<(Option<u64>, String, u64)> = Vec::new();
        for run in &morning.found {
            let (place, Ok(peek)) = (place_of(run), &run.peek) else { continue };
            let Some(watched) = morning.watched.get_mut(&place) else { continue };
            if done(&place) {
                watched.read_at_seconds = Some(now);
            } else if peek.steps > 0 {
                runs.push((watched.read_at_seconds, place, peek.bytes));
            }
        }
        runs.sort();
        let (mut left, mut read) = (self.config.budget.read.0, 0);
        for (_, place, bytes) in runs {
            let Some(&group) = bench.places.get(&place).filter(|_| bytes <= left) else { continue };
            (left, read) = (left - bytes, read + bytes);
            let selection = Selection::listed(&[]);
            let request = self.request(Path::new(&place), group, bench);
            let request = Request { selection, required: None, explains: false, ..request };
            // Only what speaks against it is of use: nothing is replayed, so nothing matches.
            let _ = audit(self.programs, &request, self.executor, self.observer);
            if let Some(watched) = morning.watched.get_mut(&place) {
                watched.read_at_seconds = Some(now);
            }
        }
        read
    }
}
