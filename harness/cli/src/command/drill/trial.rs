//! Planting one attack, and auditing what it leaves behind.

use std::fs;
use std::path::Path;

use reenact_audit::{Failure, Remembering, Sabotage};
use reenact_core::attack::{InRunAttack, InRunKind, PostHocAttack, PostHocKind};
use reenact_core::verify::{Independence, Report, SegmentOutcome, Verdict};
use serde::Serialize;

use super::copies::{Audited, Ground, Trouble};
use super::plan::{Deed, Places, Plan};
use super::row::{Caught, Layer, Row};

const NOTHING: &str = "it would change nothing";

/// Says what an audit made of something honest.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Control {
    pub(super) id: &'static str,
    /// Whether it passed.
    pub(super) agrees: bool,
    pub(super) segments: usize,
    pub(super) seconds: f64,
    /// Why it did not.
    pub(super) problem: Option<String>,
}

impl Control {
    pub(super) fn of(id: &'static str, audited: &Audited) -> Self {
        let Audited { report, seconds } = audited;
        let agrees = matches!(report.verdict, Verdict::Match { .. });
        let problem = report.reasons.first().cloned().filter(|_| !agrees);
        Self { id, agrees, segments: report.segments.len(), seconds: *seconds, problem }
    }

    fn failed(id: &'static str, problem: String) -> Self {
        Self { id, agrees: false, segments: 0, seconds: 0.0, problem: Some(problem) }
    }
}

/// Plants and audits.
pub(super) struct Trial<'a> {
    pub(super) ground: &'a Ground<'a>,
    pub(super) places: &'a Places<'a>,
}

impl Trial<'_> {
    /// Tries one attack; `number` keeps the copies apart.
    pub(super) fn row(&self, number: usize, plan: &Plan) -> Row {
        let name = format!("{number:02}-{}", plan.id);
        let row = Row::of(plan);
        let tried = match &plan.deed {
            Deed::InRun(attack) => self.in_run(&name, attack, row.clone()),
            Deed::PostHoc(attack) => self.post_hoc(&name, attack, row.clone()),
            Deed::Rewrite => self.rewrite(&name, row.clone()),
            Deed::Toolchain(attack) => self.toolchain(&name, attack, row.clone()),
            Deed::Flaky(attack) => self.flaky(attack, row.clone()),
        };
        self.ground.leave(&self.ground.place(&name));
        tried.unwrap_or_else(|trouble| match trouble {
            Trouble::NoPlace(problem) => row.without_place(problem),
            Trouble::Failed(failure) => row.unclear(failure.message),
        })
    }

    fn in_run(&self, name: &str, attack: &InRunAttack, row: Row) -> Result<Row, Trouble> {
        let (copy, index, planted);
        if attack.kind == InRunKind::SeedSwap {
            copy = self.ground.train(name, &self.ground.spec, Some(attack.clone()))?;
            (index, planted) = (0, 0);
        } else {
            planted = attack.steps.start;
            let segment = self.places.segment_at(planted);
            copy = self.ground.retrain(name, segment.step_start, Some(attack.clone()))?;
            index = segment.index;
        }
        let audited = self.ground.audit(&copy, &[index], |_| ())?;
        let row = row.judged(&audited, Some(planted));
        self.unless_unchanged(&copy, row)
    }

    /// What changes nothing cannot be caught, and need not be.
    fn unless_unchanged(&self, copy: &Path, row: Row) -> Result<Row, Trouble> {
        if row.caught == Caught::No && self.ground.is_unchanged(copy)? {
            return Ok(row.without_place(NOTHING.into()));
        }
        Ok(row)
    }

    fn post_hoc(&self, name: &str, attack: &PostHocAttack, row: Row) -> Result<Row, Trouble> {
        let splices = attack.kind == PostHocKind::Splice;
        let other = if splices { Some(self.ground.other()?) } else { None };
        let (copy, planted) = self.ground.plant(name, attack, other)?;
        let changed = planted.changes.first().map(|change| change.step);
        // A state at a boundary is what the step before it leaves behind.
        let before = u64::from(attack.kind.edits_state());
        let step = changed.map(|step| step.saturating_sub(before));
        let segments = if planted.segments.is_empty() { vec![0] } else { planted.segments };
        let audited = self.ground.audit(&copy, &segments, |_| ())?;
        let row = row.judged(&audited, step);
        Ok(match (row.caught, attack.kind) {
            // The bits are the declared ones, and the report says what is missing.
            (Caught::No, kind) if kind.edits_selections() && had_to_choose(&audited.report) => {
                Row { caught: Caught::Reported, layer: Some(Layer::Replay), ..row }
            }
            // Two replays that chose for themselves differ, and the report says why.
            (Caught::Unclear, PostHocKind::WithheldSelections)
                if had_to_choose(&audited.report) =>
            {
                Row { caught: Caught::Reported, layer: Some(Layer::Replay), problem: None, ..row }
            }
            (Caught::No, PostHocKind::PoisonedSelections) => {
                row.without_place("the other kernels give the same bits".into())
            }
            _ => row,
        })
    }

    fn rewrite(&self, name: &str, row: Row) -> Result<Row, Trouble> {
        let ledger = self.ground.place("ledger.sqlite");
        let copy = self.ground.copy(self.ground.run, name, None)?;
        let audit = || {
            self.ground.audit(&copy, &[0], |request| {
                request.remembering = Remembering::in_file(&ledger);
            })
        };
        let before = audit()?.report;
        if !matches!(before.verdict, Verdict::Match { .. }) {
            return Ok(row.unclear(reason(&before)));
        }
        fs::remove_dir_all(&copy).map_err(Failure::inconclusive)?;
        self.ground.copy(self.ground.other()?, name, None)?;
        let after = audit()?;
        let mut row = row.judged(&after, None);
        // Everything else about it is in order, so only the ledger can know.
        if row.caught == Caught::Yes && is_known_from_before(&after.report) {
            row.layer = Some(Layer::Ledger);
        }
        Ok(row)
    }

    fn toolchain(&self, name: &str, attack: &InRunAttack, row: Row) -> Result<Row, Trouble> {
        let segment = self.places.segment_at(attack.steps.start);
        let copy = self.ground.retrain(name, segment.step_start, Some(attack.clone()))?;
        if self.ground.is_unchanged(&copy)? {
            return Ok(row.without_place(NOTHING.into()));
        }
        let sabotage = Some(Sabotage { attack: attack.clone(), first_only: false });
        let audited = self.ground.audit(&copy, &[segment.index], |request| {
            request.sabotage = sabotage.clone();
        })?;
        let required = self.ground.audit(&copy, &[segment.index], |request| {
            request.sabotage = sabotage.clone();
            request.required = Some(Independence::Independent);
        })?;
        let mut row = row.judged(&audited, None);
        if row.caught == Caught::No {
            let limited = audited.report.independence == Some(Independence::SelfCheck)
                && required.report.verdict == Verdict::Inconclusive;
            if limited {
                (row.caught, row.layer) = (Caught::Reported, Some(Layer::SelfCheck));
            }
            return Ok(row);
        }
        Ok(row.unclear("workers with the same sabotage did not reproduce it".into()))
    }

    fn flaky(&self, attack: &InRunAttack, row: Row) -> Result<Row, Trouble> {
        let segment = self.places.segment_at(attack.steps.start);
        let audited = self.ground.audit(self.ground.run, &[segment.index], |request| {
            request.sabotage = Some(Sabotage { attack: attack.clone(), first_only: true });
        })?;
        let mut row = row.judged(&audited, None);
        let unstable =
            |outcome: &SegmentOutcome| matches!(outcome, SegmentOutcome::Unstable { .. });
        let mut outcomes = audited.report.segments.iter().map(|found| &found.outcome);
        match row.caught {
            Caught::Unclear if outcomes.any(unstable) => {
                (row.caught, row.layer) = (Caught::Reported, Some(Layer::Hardware));
                row.problem = None;
            }
            // The recording is honest, so an accusation is the failure here.
            Caught::Yes => {
                row.caught = Caught::No;
                row.problem = Some("the honest recording was accused".into());
            }
            Caught::No => return Ok(row.without_place(NOTHING.into())),
            _ => (),
        }
        Ok(row)
    }

    /// Audits what is honest, but was copied, or interrupted and resumed.
    pub(super) fn controls(&self) -> Vec<Control> {
        let segment = self.places.segment("honest");
        let controls = [("honest-copy", false), ("honest-resume", true)];
        let control = |(id, resumes)| {
            let copied = if resumes {
                self.ground.retrain(id, segment.step_start, None)
            } else {
                self.ground.copy(self.ground.run, id, None)
            };
            let audited = copied.and_then(|copy| {
                let audited = self.ground.audit(&copy, &[segment.index], |_| ())?;
                self.ground.leave(&copy);
                Ok(audited)
            });
            match audited {
                Ok(audited) => Control::of(id, &audited),
                Err(Trouble::NoPlace(problem)) => Control::failed(id, problem),
                Err(Trouble::Failed(failure)) => Control::failed(id, failure.message),
            }
        };
        controls.into_iter().map(control).collect()
    }
}

/// Says whether nothing but the memory of an earlier audit objects.
fn is_known_from_before(report: &Report) -> bool {
    let agrees = |outcome: &SegmentOutcome| matches!(outcome, SegmentOutcome::Replayed { replay } if replay.agrees());
    let [finding] = &report.findings[..] else { return false };
    let everywhere = finding.place.object == "journal" && finding.place.step.is_none();
    let replayed = report.segments.iter().all(|found| agrees(&found.outcome));
    report.past.is_some() && everywhere && replayed && !report.segments.is_empty()
}

/// Says whether a replay needed kernels that the recording does not hold.
fn had_to_choose(report: &Report) -> bool {
    let mut outcomes = report.segments.iter().map(|found| &found.outcome);
    outcomes.any(|outcome| match outcome {
        SegmentOutcome::Replayed { replay } => !replay.unrecorded.is_empty(),
        SegmentOutcome::Unstable { first, second } => {
            !first.unrecorded.is_empty() && !second.unrecorded.is_empty()
        }
        _ => false,
    })
}

fn reason(report: &Report) -> String {
    report.reasons.first().cloned().unwrap_or_else(|| report.verdict.to_string())
}
