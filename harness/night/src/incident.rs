//! What is wrong with a run, under a name that stays the same over nights and machines.

use std::collections::BTreeMap;

use reenact_core::digest::Hasher;
use reenact_store::{Alarmed, Ledger, LedgerError, Proof};
use serde::{Deserialize, Serialize};

/// The kind under which the ledger keeps who knows of an incident.
const ACKNOWLEDGED: &str = "acknowledged";
/// Hex digits of an id.
const ID_DIGITS: usize = 12;

/// Says what an incident is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// A run is not what it claims.
    Divergence,
    /// A run is not there any more.
    Vanished,
    /// A run was not looked at in time, or has not come further for too long.
    Overdue,
}

/// Holds what is wrong with a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Incident {
    /// Names it.
    pub id: String,
    /// What it is about.
    pub kind: Kind,
    /// Where the run lies, or lay.
    pub place: String,
    /// Name of the run.
    pub name: String,
    /// Segment that it is about, if it is about one.
    pub segment: Option<u64>,
    /// Step, if it is about one.
    pub step: Option<u64>,
    /// Which part of the step.
    pub part: Option<String>,
    /// Its cause, if one was found.
    pub cause: Option<String>,
    /// What was found.
    pub words: String,
    /// When it was seen first, in seconds since 1970.
    pub first_at_seconds: u64,
    /// When it was seen last.
    pub last_at_seconds: u64,
    /// How many audits or nights saw it.
    pub times: u64,
    /// When it was closed last, before it was proven again.
    #[serde(default)]
    pub closed_at_seconds: Option<u64>,
    /// Until when nobody wants to be told of it; none if nobody said so.
    pub acknowledged: Option<Acknowledged>,
}

/// Says who knows of an incident, and until when that is enough.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Acknowledged {
    /// In seconds since 1970.
    pub until_seconds: u64,
    /// Who.
    pub by: String,
    /// Why.
    pub reason: String,
    /// When, in seconds since 1970.
    #[serde(default)]
    pub at_seconds: u64,
}

impl Incident {
    /// Names an incident that is about a run as a whole.
    pub fn id_of(kind: Kind, place: &str) -> String {
        let kind = match kind {
            Kind::Divergence => "divergence",
            Kind::Vanished => "vanished",
            Kind::Overdue => "overdue",
        };
        let mut hasher = Hasher::new("reenact v1 night incident");
        hasher.bytes(kind.as_bytes()).bytes(place.as_bytes());
        hasher.finish().to_string()[..ID_DIGITS].to_owned()
    }

    /// Says whether it counts tonight as one that nobody has taken note of.
    pub fn is_loud(&self, now_seconds: u64) -> bool {
        self.acknowledged.as_ref().is_none_or(|found| found.until_seconds <= now_seconds)
    }
}

impl Acknowledged {
    /// Leaves it in the ledger.
    pub fn keep(&self, ledger: &mut Ledger, id: &str) -> Result<(), LedgerError> {
        ledger.keep(ACKNOWLEDGED, id, self)
    }

    /// Takes it out of the ledger.
    pub(crate) fn forget(ledger: &mut Ledger, id: &str) -> Result<(), LedgerError> {
        ledger.drop_kept(ACKNOWLEDGED, id)
    }
}

/// Returns the divergences that the ledger holds open, by id: those that were proven and not
/// closed, and those that the last audit of a place still found without a replay.
pub fn divergences(ledger: &Ledger) -> Result<Vec<Incident>, LedgerError> {
    let mut found: BTreeMap<String, Incident> = BTreeMap::new();
    let mut closed: BTreeMap<String, u64> = BTreeMap::new();
    for proof in ledger.proofs()? {
        let Proof { id, proven, place, name, at_seconds, closing } = proof;
        if let Some(closing) = closing {
            let last = closed.entry(id).or_default();
            *last = closing.at_seconds.max(*last);
            continue;
        }
        let before = found.get(&id);
        let first_at_seconds = before.map_or(at_seconds, |before| before.first_at_seconds);
        let (times, cause) = before.map_or((0, None), |found| (found.times, found.cause.clone()));
        // The last proof has the latest place, and may know the cause.
        let incident = Incident {
            id: id.clone(),
            kind: Kind::Divergence,
            place,
            name: name.unwrap_or_default(),
            segment: proven.segment,
            step: proven.step,
            part: proven.stage.map(|stage| stage.to_string()),
            cause: proven.cause.or(cause),
            words: proven.words,
            first_at_seconds,
            last_at_seconds: at_seconds,
            times: times + 1,
            closed_at_seconds: closed.get(&id).copied(),
            acknowledged: None,
        };
        found.insert(id, incident);
    }
    for alarmed in ledger.alarms()?.into_iter().filter(|alarmed| alarmed.stands) {
        let Alarmed { alarm, place, name, first_at_seconds, last_at_seconds, times, .. } = alarmed;
        let incident = Incident {
            id: alarm.id.clone(),
            kind: Kind::Divergence,
            place,
            name: name.unwrap_or_default(),
            segment: None,
            step: alarm.step,
            part: Some(alarm.object),
            cause: None,
            words: alarm.words,
            first_at_seconds,
            last_at_seconds,
            times,
            closed_at_seconds: None,
            acknowledged: None,
        };
        found.insert(alarm.id, incident);
    }
    let mut found: Vec<Incident> = found.into_values().collect();
    acknowledge(ledger, &mut found)?;
    Ok(found)
}

/// Adds who knows of them.
pub(crate) fn acknowledge(ledger: &Ledger, incidents: &mut [Incident]) -> Result<(), LedgerError> {
    let known: BTreeMap<String, Acknowledged> = ledger.kept(ACKNOWLEDGED)?.into_iter().collect();
    for incident in incidents {
        // Who took note of it before it was closed has not taken note of what is proven since.
        let closed = incident.closed_at_seconds;
        let known = known.get(&incident.id);
        let known = known.filter(|known| closed.is_none_or(|closed| known.at_seconds > closed));
        incident.acknowledged = known.cloned();
    }
    Ok(())
}

/// The kind under which the ledger keeps what the last night saw of runs as a whole.
const ALARMS: &str = "alarms";

/// Keeps what a night saw of runs as a whole: runs that are gone or overdue.
pub(crate) fn keep_alarms(ledger: &mut Ledger, alarms: &[Incident]) -> Result<(), LedgerError> {
    ledger.keep(ALARMS, "last night", &alarms)
}

/// Returns everything that is open: divergences, and what the last night saw of runs as a
/// whole; the oldest first.
pub fn incidents(ledger: &Ledger) -> Result<Vec<Incident>, LedgerError> {
    let mut found = divergences(ledger)?;
    let mut alarms: Vec<Incident> = ledger.kept_as(ALARMS, "last night")?.unwrap_or_default();
    acknowledge(ledger, &mut alarms)?;
    found.extend(alarms);
    found.sort_by(|a, b| {
        (a.kind, a.first_at_seconds, &a.id).cmp(&(b.kind, b.first_at_seconds, &b.id))
    });
    Ok(found)
}
