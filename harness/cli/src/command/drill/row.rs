//! What became of one attack.

use std::fmt;

use reenact_core::verify::{
    Finding, Report, SegmentOutcome, Stage, StepDivergence, Verdict, Weight,
};
use serde::Serialize;

use super::copies::Audited;
use super::plan::{Deed, Plan};

/// Says on which side an attack is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Kind {
    PostHoc,
    InRun,
    Environment,
}

/// Says whether an attack was caught.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Caught {
    /// The audit accuses.
    Yes,
    /// The audit passes what it must not pass, or accuses what is honest.
    No,
    /// The audit accuses nobody, and says what limits it.
    Reported,
    /// It could not be told.
    Unclear,
    /// The attack has no place in this run.
    NoPlace,
}

/// Names what caught an attack.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Layer {
    Integrity,
    Replay,
    Ledger,
    SelfCheck,
    Hardware,
}

/// Says where the audit places the attack.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Localized {
    pub(super) step: u64,
    /// None where no replay was needed.
    pub(super) stage: Option<Stage>,
    /// Number of tensors of the state that differ after the step.
    pub(super) tensors: usize,
    /// Whether it is the very step of the attack.
    pub(super) exact: bool,
}

/// Holds one row of the table.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Row {
    pub(super) id: String,
    pub(super) kind: Kind,
    pub(super) strength: String,
    /// What was planted, as `record --attack` reads it.
    pub(super) attack: Option<String>,
    pub(super) caught: Caught,
    pub(super) layer: Option<Layer>,
    pub(super) localized: Option<Localized>,
    /// What the audit says that was done.
    pub(super) explained: Option<String>,
    /// The attack that it names.
    pub(super) explained_attack: Option<String>,
    /// Segments replayed.
    pub(super) segments: usize,
    /// Of the audit, without planting.
    pub(super) seconds: f64,
    /// Why it has no place, or could not be told.
    pub(super) problem: Option<String>,
}

impl Row {
    /// Begins the row of an attack that nothing is known of yet.
    pub(super) fn of(plan: &Plan) -> Self {
        let (kind, attack) = match &plan.deed {
            Deed::InRun(attack) => (Kind::InRun, Some(attack.to_string())),
            Deed::PostHoc(attack) => (Kind::PostHoc, Some(attack.to_string())),
            Deed::Rewrite => (Kind::PostHoc, None),
            Deed::Toolchain(attack) | Deed::Flaky(attack) => {
                (Kind::Environment, Some(attack.to_string()))
            }
        };
        Self {
            id: plan.id.clone(),
            kind,
            strength: plan.strength.clone(),
            attack,
            caught: Caught::Unclear,
            layer: None,
            localized: None,
            explained: None,
            explained_attack: None,
            segments: 0,
            seconds: 0.0,
            problem: None,
        }
    }

    /// Says that it has no place.
    pub(super) fn without_place(self, problem: String) -> Self {
        Self { caught: Caught::NoPlace, problem: Some(problem), ..self }
    }

    /// Says that it could not be told.
    pub(super) fn unclear(self, problem: String) -> Self {
        Self { caught: Caught::Unclear, problem: Some(problem), ..self }
    }

    /// Takes over what an audit says; `planted` is the step of the attack.
    pub(super) fn judged(mut self, audited: &Audited, planted: Option<u64>) -> Self {
        let report = &audited.report;
        (self.segments, self.seconds) = (report.segments.len(), audited.seconds);
        self.caught = match report.verdict {
            Verdict::Divergent => Caught::Yes,
            Verdict::Match { .. } => Caught::No,
            Verdict::Inconclusive => Caught::Unclear,
        };
        self.problem = match report.verdict {
            Verdict::Inconclusive => report.reasons.first().cloned(),
            _ => None,
        };
        if self.caught == Caught::Yes {
            self.layer = Some(layer(report));
            self.localized = localized(report, planted);
            let explained = report.segments.iter().find_map(|found| found.explanation.as_ref());
            self.explained = explained.map(|found| found.words.clone());
            self.explained_attack = explained.and_then(|found| found.attack.clone());
        }
        self
    }
}

fn accusations(report: &Report) -> impl Iterator<Item = &Finding> {
    report.findings.iter().filter(|finding| finding.weight == Weight::Divergent)
}

/// The first layer that objects is the one that catches.
fn layer(report: &Report) -> Layer {
    let mut accusations = accusations(report).peekable();
    if accusations.peek().is_none() { Layer::Replay } else { Layer::Integrity }
}

fn first_step(report: &Report) -> Option<&StepDivergence> {
    let steps = report.segments.iter().filter_map(|found| match &found.outcome {
        SegmentOutcome::Replayed { replay } => replay.divergence.as_ref()?.step.as_ref(),
        _ => None,
    });
    steps.min_by_key(|found| found.step)
}

fn localized(report: &Report, planted: Option<u64>) -> Option<Localized> {
    let is_planted = |step| planted == Some(step);
    if let Some(StepDivergence { step, stage, tensors, .. }) = first_step(report) {
        let (step, stage, tensors) = (*step, Some(*stage), tensors.len());
        return Some(Localized { step, stage, tensors, exact: is_planted(step) });
    }
    let step = accusations(report).find_map(|finding| finding.place.step)?;
    Some(Localized { step, stage: None, tensors: 0, exact: is_planted(step) })
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::PostHoc => "post-hoc",
            Self::InRun => "in-run",
            Self::Environment => "environment",
        })
    }
}

impl fmt::Display for Caught {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Yes => "yes",
            Self::No => "NO",
            Self::Reported => "reported",
            Self::Unclear => "unclear",
            Self::NoPlace => "n/a",
        })
    }
}

impl fmt::Display for Layer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Integrity => "integrity",
            Self::Replay => "replay",
            Self::Ledger => "ledger",
            Self::SelfCheck => "self-check",
            Self::Hardware => "hardware",
        })
    }
}
