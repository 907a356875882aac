//! A plan: audits whose segments are drawn, as units of work in shards.

use std::fmt::Write as _;

use reenact_audit::{Device, Failure, PlannedAudit, Task};
use reenact_core::digest::{Digest, Hasher};
use serde::{Deserialize, Serialize};

use crate::shards::dealt;
use crate::unit::Unit;

/// Format of a plan.
pub const PLAN_FORMAT: u32 = 1;
/// Limits a plan: one of a million segments has some 400 MB, and nobody waits for that.
pub const PLAN_BYTES_MAX: u64 = 1 << 28;

/// Holds what is to be replayed, and for which audits.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// Format version, 1.
    pub format: u32,
    /// Random, so that no two plans have the same name.
    pub salt: String,
    /// Digest of the binary that does the work.
    pub binary: Digest,
    /// What is audited; none if whoever made the plan is auditing just now.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub audits: Vec<Planned>,
    /// What is to be done.
    pub units: Vec<Unit>,
    /// Numbers of the units of each shard, which cost about the same.
    pub shards: Vec<Vec<u32>>,
}

/// Holds an audit and where its segments are replayed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Planned {
    /// The audit.
    pub audit: PlannedAudit,
    /// Name of the device; none for the first of the spec's class.
    pub device: Option<String>,
    /// Folder with the files of data sets.
    pub data: String,
    /// Seconds that a step is expected to take; none if nothing is known.
    pub step_seconds: Option<f64>,
}

/// Says why a text is no plan.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    /// It is not what `reenact plan` writes.
    #[error("it is no plan: {0}")]
    Form(String),
    /// It is of another version.
    #[error("it is a plan of format {0}; this version reads format {PLAN_FORMAT}")]
    Format(u32),
    /// It contradicts itself.
    #[error("it was altered: {0}")]
    Altered(String),
}

impl Plan {
    /// Plans these audits for so many shards.
    pub fn of(binary: Digest, audits: Vec<Planned>, shards: usize) -> Result<Self, Failure> {
        let (mut units, mut costs) = (Vec::new(), Vec::new());
        for planned in &audits {
            let device = planned.on();
            let tasks = planned.audit.tasks(&device).map(Task::Replay);
            units.extend(tasks.filter_map(|task| Unit::of(&task)));
            let step_seconds = planned.step_seconds.unwrap_or(1.0);
            costs.extend(planned.audit.steps.iter().map(|&steps| steps as f64 * step_seconds));
        }
        let shards = dealt(&costs, shards);
        Ok(Self { format: PLAN_FORMAT, salt: salt()?, binary, audits, units, shards })
    }

    /// Plans these units for so many shards, for an audit that waits for them.
    pub(crate) fn of_units(
        binary: Digest,
        units: Vec<Unit>,
        shards: usize,
    ) -> Result<Self, Failure> {
        let shards = dealt(&vec![1.0; units.len()], shards);
        Ok(Self { format: PLAN_FORMAT, salt: salt()?, binary, audits: Vec::new(), units, shards })
    }

    /// Writes it: a line for each unit, so that two can be compared.
    pub fn encode(&self) -> String {
        fn lines<T: Serialize>(list: &[T]) -> String {
            let lines = list.iter().filter_map(|each| serde_json::to_string(each).ok());
            lines.collect::<Vec<_>>().join(",\n")
        }
        let mut text = String::new();
        let Self { format, salt, binary, audits, units, shards } = self;
        let _ =
            writeln!(text, "{{\"format\":{format},\"salt\":\"{salt}\",\"binary\":\"{binary}\",");
        let lists = [("audits", lines(audits)), ("units", lines(units)), ("shards", lines(shards))];
        let lists = lists.map(|(name, lines)| format!("\"{name}\":[\n{lines}\n]"));
        let _ = writeln!(text, "{}}}", lists.join(",\n"));
        text
    }

    /// Reads one.
    pub fn parse(text: &[u8]) -> Result<Self, PlanError> {
        #[derive(Deserialize)]
        struct Version {
            format: u32,
        }
        let form = |error: serde_json::Error| PlanError::Form(error.to_string());
        let Version { format } = serde_json::from_slice(text).map_err(form)?;
        if format != PLAN_FORMAT {
            return Err(PlanError::Format(format));
        }
        let plan: Self = serde_json::from_slice(text).map_err(form)?;
        plan.check().map_err(PlanError::Altered)?;
        Ok(plan)
    }

    /// Returns the digest of its text, which names it.
    pub fn digest(text: &[u8]) -> Digest {
        Hasher::new("reenact v1 plan").bytes(text).finish()
    }

    fn check(&self) -> Result<(), String> {
        let mut dealt: Vec<u32> = self.shards.iter().flatten().copied().collect();
        dealt.sort_unstable();
        if !dealt.into_iter().eq(0..self.units.len() as u32) {
            return Err("its shards do not hold each unit once".into());
        }
        let audited = |planned: &Planned| planned.audit.segments.len();
        let expected: usize = self.audits.iter().map(audited).sum();
        if !self.audits.is_empty() && expected != self.units.len() {
            return Err("its audits and its units name other segments".into());
        }
        Ok(())
    }
}

impl Planned {
    /// Returns where it computes.
    pub fn on(&self) -> Device {
        Device { device: self.device.clone(), data_dir: self.data.clone().into() }
    }
}

fn salt() -> Result<String, Failure> {
    Ok(reenact_audit::fresh_nonce()?.to_string()[..32].to_owned())
}
