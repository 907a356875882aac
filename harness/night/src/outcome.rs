//! What a night comes to.

use std::collections::{BTreeMap, BTreeSet};

use reenact_core::digest::Digest;
use reenact_store::{BuildSummary, DeviceSummary};
use serde::{Deserialize, Serialize};

use crate::canary::{Canary, Caught};
use crate::incident::{Incident, Kind};
use crate::plan::Plan;
use crate::spent::Spent;
use crate::standing::Standing;
use crate::told::Change;

/// Names something planned that was not judged.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Unjudged {
    /// Where the run lies.
    pub place: String,
    /// Why.
    pub why: String,
}

/// Says with which code a night ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "u8")]
pub enum Exit {
    /// Everything planned was judged, and nothing is open.
    Good,
    /// A divergence is open.
    Divergent,
    /// Something planned was not judged, a run is overdue or gone, or a canary was missed.
    Unclear,
}

impl From<Exit> for u8 {
    fn from(exit: Exit) -> Self {
        match exit {
            Exit::Good => 0,
            Exit::Divergent => 1,
            Exit::Unclear => 2,
        }
    }
}

impl TryFrom<u8> for Exit {
    type Error = String;

    fn try_from(code: u8) -> Result<Self, String> {
        match code {
            0 => Ok(Self::Good),
            1 => Ok(Self::Divergent),
            2 => Ok(Self::Unclear),
            _ => Err(format!("no night ends with {code}")),
        }
    }
}

/// Holds everything that a night found.
#[derive(Clone, Debug, Serialize)]
pub struct Outcome {
    /// Number of the night on its ledger, from 1.
    pub night: u64,
    /// When it began, in seconds since 1970.
    pub at_seconds: u64,
    /// When it ended.
    pub ended_at_seconds: u64,
    /// The machine that it ran on.
    pub host: String,
    /// Digest of the auditing binary.
    pub binary: Digest,
    /// Digest of the config.
    pub config: Digest,
    /// How it ended.
    pub exit: Exit,
    /// The answer in a sentence.
    pub sentence: String,
    /// Attacks that were planted first.
    pub canaries: Vec<Canary>,
    /// Canaries of all nights: caught, and planted.
    pub canaries_so_far: (u64, u64),
    /// What is wrong, the oldest first; what is acknowledged as well.
    pub incidents: Vec<Incident>,
    /// What people have to be told.
    pub changes: Vec<(Change, Incident)>,
    /// What was planned and not judged.
    pub unjudged: Vec<Unjudged>,
    /// How each run stands.
    pub runs: Vec<Standing>,
    /// What was done.
    pub plan: Plan,
    /// What the next night would do.
    pub next: Plan,
    /// What that took.
    pub spent: Spent,
    /// What vouches for segments.
    pub devices: Vec<DeviceSummary>,
    /// Auditing builds that vouch for segments, and whether the auditor's people made them;
    /// none if nobody says which they made.
    pub builds: Vec<(BuildSummary, Option<bool>)>,
    /// How often each device computed otherwise than another replay of the same segment.
    pub stood_alone: BTreeMap<String, u64>,
    /// Where the evidence of each audit lies, by the run: the number of the unit.
    pub audits: BTreeMap<String, usize>,
    /// When the nights of the map were, oldest first, in seconds since 1970.
    pub nights: Vec<u64>,
    /// What is worth knowing: nights that did not happen, or ended early; whom it could not be
    /// told.
    pub notes: Vec<String>,
    /// The config's goal, for the page: tampered segments, confidence.
    pub goal: (u64, f64),
}

impl Outcome {
    /// Decides how a night ends.
    pub(crate) fn exit_of(&self) -> Exit {
        let now = self.ended_at_seconds;
        let loud = |kind: Kind| {
            let mut of_kind = self.incidents.iter().filter(|found| found.kind == kind);
            of_kind.any(|found| found.is_loud(now))
        };
        let missed = self.canaries.iter().any(|canary| canary.caught == Caught::Missed);
        if loud(Kind::Divergence) {
            Exit::Divergent
        } else if missed
            || self.is_blind()
            || self.runs.is_empty()
            || !self.unjudged.is_empty()
            || loud(Kind::Vanished)
            || loud(Kind::Overdue)
        {
            Exit::Unclear
        } else {
            Exit::Good
        }
    }

    /// Says whether there was something to plant an attack in, and none was planted: then
    /// nothing shows that this night would have seen one.
    fn is_blind(&self) -> bool {
        let there =
            |run: &Standing| run.watched.segments > 0 && run.watched.vanished_at_seconds.is_none();
        let planted = |canary: &Canary| canary.caught != Caught::NotPlanted;
        self.runs.iter().any(there) && !self.canaries.iter().all(planted)
    }

    /// Says in a sentence what came out.
    pub(crate) fn sentence_of(&self) -> String {
        let runs = self.runs.len();
        if runs == 0 {
            return "No run was found, so nothing is verified: look at `from` in the config."
                .into();
        }
        let of_kind = |kind: Kind| self.incidents.iter().filter(|found| found.kind == kind).count();
        let (divergent, vanished, overdue) =
            (of_kind(Kind::Divergence), of_kind(Kind::Vanished), of_kind(Kind::Overdue));
        let several = |count: usize, one: &str, many: &str| match count {
            1 => format!("1 {one}"),
            count => format!("{count} {many}"),
        };
        let mut parts = Vec::new();
        parts.push(match divergent {
            0 => "nothing diverges".to_owned(),
            1 => "1 divergence is open".to_owned(),
            count => {
                let diverging = self.incidents.iter().filter(|of| of.kind == Kind::Divergence);
                let places: BTreeSet<&str> = diverging.map(|of| of.place.as_str()).collect();
                let where_ = several(places.len(), "run", "runs");
                format!("{count} divergences in {where_} are open")
            }
        });
        if vanished > 0 {
            parts.push(several(vanished, "run is gone", "runs are gone"));
        }
        if overdue > 0 {
            parts.push(format!("{overdue} of {} overdue", several(runs, "run is", "runs are")));
        }
        if !self.unjudged.is_empty() {
            let count = self.unjudged.len();
            parts.push(several(count, "run was not judged", "runs were not judged"));
        }
        if self.canaries.iter().any(|canary| canary.caught == Caught::Missed) {
            parts.insert(0, "a planted attack was missed, so this night does not count".into());
        }
        if self.is_blind() {
            parts.insert(0, "no attack could be planted, so this night shows nothing".into());
        }
        let mut sentence = parts.join("; ");
        if let Some(first) = sentence.get_mut(..1) {
            first.make_ascii_uppercase();
        }
        sentence + "."
    }
}
