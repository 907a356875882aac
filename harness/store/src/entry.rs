//! What the ledger keeps of one audit.

use reenact_core::digest::Digest;
use reenact_core::verify::{
    Challenge, Debt, Draw, DrawRule, Nonce, Open, Proven, Remembered, Seen,
};
use serde::{Deserialize, Serialize};

use crate::alarm::Alarm;
use crate::covered::Covered;

/// The verdict of an audit that has begun and not ended.
pub const BEGUN: &str = "begun";

/// Holds what the ledger keeps of one audit.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// Names the audit: random, so that no two have the same.
    pub key: String,
    /// Where the recording lay: its path, with every link followed. Empty if the place
    /// was forgotten.
    pub place: String,
    /// Every name by which the audit came to it: the given one, what each link on the way
    /// leads to, and the place.
    pub names: Vec<String>,
    /// Name of the run; none if its spec could not be read.
    pub name: Option<String>,
    /// Digest of its spec; none if it could not be read.
    pub spec: Option<Digest>,
    /// What was seen of its journal, if that obliges a later recording.
    pub seen: Option<Seen>,
    /// Digest of its commitment; none if the recording could not be opened.
    pub commitment: Option<Digest>,
    /// When the audit ended, or began if it has not, in seconds since 1970.
    pub audited_at_seconds: u64,
    /// The kind of its verdict, or [`BEGUN`].
    pub verdict: String,
    /// The first reason of a verdict that is no match.
    pub reason: Option<String>,
    /// Number of segments that were replayed.
    pub drawn: u64,
    /// Number of segments of the run.
    pub total: u64,
    /// What drew them; none if they were chosen by hand, or nothing was drawn.
    pub nonce: Option<Nonce>,
    /// Where the nonce came from; none if nothing was drawn, or an older version has not
    /// kept it.
    pub nonce_source: Option<String>,
    /// When they were drawn, in seconds since 1970; none if nothing was drawn, or an older
    /// version has not kept it.
    #[serde(default)]
    pub drawn_at_seconds: Option<u64>,
    /// By which rule they were drawn, if they were.
    pub rule: DrawRule,
    /// Number of segments that the nonce drew from; none as above.
    #[serde(default)]
    pub pool: Option<u64>,
    /// How many of the segments the nonce drew; the others were due.
    pub sampled: u64,
    /// Whether every drawn segment was replayed and agreed.
    pub agreed: bool,
    /// Whether the recording was no continuation of what was audited before.
    pub contradicted: bool,
    /// Whether it was called divergent, for whatever reason.
    pub accused: bool,
    /// Whether it was compared with a spec that was ordered.
    #[serde(default)]
    pub expected: bool,
    /// Segments that were replayed and agreed bit for bit.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub covered: Vec<Covered>,
    /// Segments that were drawn and not judged.
    pub debts: Vec<Owed>,
    /// What was proven against the recording.
    pub divergences: Vec<Divergent>,
    /// What was found against it without a replay. An audit does not read it again, as it
    /// looks for itself: [`Ledger::alarms`](crate::Ledger::alarms) does.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub alarms: Vec<Alarm>,
    /// Debts of audits before that this one has settled.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub pays: Vec<Paid>,
}

/// Holds a segment that an audit drew and did not judge.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Owed {
    /// Number of the segment.
    pub segment: u64,
    /// Why it was not judged.
    pub why: String,
    /// When a later audit has judged it, in seconds since 1970.
    pub paid_at_seconds: Option<u64>,
}

/// Names a debt that was settled: of which audit, which segment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Paid {
    /// The key of the audit that drew it.
    pub audit: String,
    /// Number of the segment.
    pub segment: u64,
}

/// Holds what an audit has proven against a recording.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Divergent {
    /// Names the divergence, whichever audit proves it.
    pub id: String,
    /// What was proven.
    #[serde(flatten)]
    pub proven: Proven,
    /// Who closed it; none while it is open.
    pub closing: Option<Closing>,
}

/// Says who closed a divergence, when and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Closing {
    /// When, in seconds since 1970.
    pub at_seconds: u64,
    /// Who.
    pub by: String,
    /// Why.
    pub reason: String,
}

impl Entry {
    /// Returns what it says to an audit that comes to a recording by these names, of which
    /// the last is its place.
    pub fn remembered(&self, names: &[String]) -> Remembered {
        let here = self.names.iter().any(|name| names.contains(name));
        let moved = here && names.last() != Some(&self.place) && !self.place.is_empty();
        Remembered {
            audited_at_seconds: self.audited_at_seconds,
            here,
            ended: self.verdict != BEGUN,
            accused: self.accused,
            reason: self.reason.clone(),
            lay_at: moved.then(|| self.place.clone()),
            seen: self.seen,
            commitment: self.commitment,
            draw: self.draw().filter(|_| self.is_unforeseen() && self.due().next().is_none()),
            covered: self.covered.iter().map(|covered| covered.found).collect(),
            open: self.open().map(|found| found.to_open()).collect(),
            debts: self.debts.iter().filter_map(|owed| self.debt(owed)).collect(),
        }
    }

    /// Returns the divergences that nobody has closed.
    pub fn open(&self) -> impl Iterator<Item = &Divergent> {
        self.divergences.iter().filter(|found| found.closing.is_none())
    }

    /// Returns the segments that nobody has judged since.
    pub fn due(&self) -> impl Iterator<Item = &Owed> {
        self.debts.iter().filter(|owed| owed.paid_at_seconds.is_none())
    }

    fn debt(&self, owed: &Owed) -> Option<Debt> {
        owed.paid_at_seconds.is_none().then(|| Debt {
            audit: self.key.clone(),
            since_seconds: self.audited_at_seconds,
            segment: owed.segment,
            why: owed.why.clone(),
        })
    }

    /// What an older version has drawn may have been drawn with any nonce.
    fn is_unforeseen(&self) -> bool {
        matches!(self.nonce_source.as_deref(), Some("fresh" | "beacon"))
    }

    /// Returns what was drawn. Older rules drew from one commitment and kept no rows of what
    /// agreed, so all of it has to.
    fn draw(&self) -> Option<Draw> {
        let (nonce, total) = (self.nonce.clone()?, self.total);
        let drawn_at_seconds = self.drawn_at_seconds.unwrap_or(self.audited_at_seconds);
        if self.rule == DrawRule::Uncovered {
            let pool = self.pool?;
            return Some(Draw { nonce, drawn_at_seconds, total, pool, agreed: None });
        }
        let challenge = Challenge::new(self.commitment?, nonce.clone(), total, self.sampled);
        let (pool, sampled) = Challenge { rule: self.rule, ..challenge }.pool();
        let agreed = self.agreed.then_some(sampled)?;
        Some(Draw { nonce, drawn_at_seconds, total, pool, agreed: Some(agreed) })
    }
}

impl Divergent {
    fn to_open(&self) -> Open {
        Open { id: self.id.clone(), proven: self.proven.clone() }
    }
}
