//! What people are told: changes, not repetitions.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::incident::Incident;

/// Says what became of an incident since people were told of it last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Change {
    /// It is new.
    Opened,
    /// It says something else than before.
    Changed,
    /// It was resolved, and is back.
    Reopened,
    /// It is not there any more, or was closed.
    Resolved,
    /// It is still there, after a long time.
    Again,
}

/// Remembers what people were told of an incident.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Told {
    /// What was said.
    pub incident: Incident,
    /// When, in seconds since 1970.
    pub at_seconds: u64,
    /// Whether it was said to be over.
    pub resolved: bool,
}

/// Compares what is open with what people were told, and returns what they have to be told
/// now, by id. What is acknowledged is not told again.
pub fn told(
    open: &[Incident],
    before: &BTreeMap<String, Told>,
    again_after_seconds: Option<u64>,
    now_seconds: u64,
) -> Vec<(Change, Incident)> {
    let mut changes: Vec<(Change, Incident)> = Vec::new();
    for incident in open {
        let change = match before.get(&incident.id) {
            None => Some(Change::Opened),
            Some(told) if told.resolved || is_reopened(told, incident) => Some(Change::Reopened),
            Some(told) if differs(&told.incident, incident) => Some(Change::Changed),
            Some(told) => again_after_seconds
                .filter(|after| {
                    incident.is_loud(now_seconds) && now_seconds >= told.at_seconds + after
                })
                .map(|_| Change::Again),
        };
        changes.extend(change.map(|change| (change, incident.clone())));
    }
    let is_open = |id: &str| open.iter().any(|incident| incident.id == id);
    let over = before.iter().filter(|(id, told)| !told.resolved && !is_open(id));
    changes.extend(over.map(|(_, told)| (Change::Resolved, told.incident.clone())));
    changes.sort_by(|a, b| (a.0, &a.1.id).cmp(&(b.0, &b.1.id)));
    changes
}

/// Says whether it was closed since people were told of it, and is there all the same.
fn is_reopened(told: &Told, incident: &Incident) -> bool {
    incident.closed_at_seconds.is_some_and(|closed| closed >= told.at_seconds)
}

/// Dates, counts and words that hold them change each night and say nothing new.
fn differs(before: &Incident, now: &Incident) -> bool {
    let facts =
        |of: &Incident| (of.place.clone(), of.segment, of.step, of.part.clone(), of.cause.clone());
    facts(before) != facts(now)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::incident::{Acknowledged, Kind};

    fn incident(id: &str) -> Incident {
        Incident {
            id: id.into(),
            kind: Kind::Divergence,
            place: "/runs/a".into(),
            name: "a".into(),
            segment: Some(3),
            step: Some(31),
            part: Some("update".into()),
            cause: None,
            words: "step 31 differs".into(),
            first_at_seconds: 1,
            last_at_seconds: 1,
            times: 1,
            closed_at_seconds: None,
            acknowledged: None,
        }
    }

    fn said(told: &[(&Incident, u64, bool)]) -> BTreeMap<String, Told> {
        let each = told.iter().map(|(incident, at_seconds, resolved)| {
            let incident = (*incident).clone();
            (incident.id.clone(), Told { incident, at_seconds: *at_seconds, resolved: *resolved })
        });
        each.collect()
    }

    fn changes(
        open: &[Incident],
        before: &BTreeMap<String, Told>,
        now: u64,
    ) -> Vec<(Change, String)> {
        told(open, before, Some(100), now).into_iter().map(|(change, of)| (change, of.id)).collect()
    }

    #[test]
    fn people_hear_of_changes_alone() {
        let a = incident("a");
        assert_eq!(
            changes(std::slice::from_ref(&a), &said(&[]), 10),
            [(Change::Opened, "a".into())]
        );
        let before = said(&[(&a, 10, false)]);
        // The same, seen once more, with other words for it.
        let later = Incident { times: 9, words: "an audit of today says so".into(), ..a.clone() };
        assert_eq!(changes(std::slice::from_ref(&later), &before, 50), []);
        assert_eq!(changes(&[later], &before, 110), [(Change::Again, "a".into())]);
        let explained = Incident { cause: Some("lr-tamper".into()), ..a.clone() };
        assert_eq!(changes(&[explained], &before, 50), [(Change::Changed, "a".into())]);
        assert_eq!(changes(&[], &before, 50), [(Change::Resolved, "a".into())]);
        let proven_again = Incident { closed_at_seconds: Some(20), ..a.clone() };
        let again = std::slice::from_ref(&proven_again);
        assert_eq!(changes(again, &before, 50), [(Change::Reopened, "a".into())]);
        assert_eq!(changes(again, &said(&[(&a, 30, false)]), 50), []);
        assert_eq!(changes(&[], &said(&[(&a, 10, true)]), 50), []);
        assert_eq!(
            changes(std::slice::from_ref(&a), &said(&[(&a, 10, true)]), 50),
            [(Change::Reopened, "a".into())]
        );
    }

    #[test]
    fn what_is_acknowledged_is_not_told_again_before_its_date() {
        let mut a = incident("a");
        let before = said(&[(&a, 10, false)]);
        let (by, reason) = ("ann".into(), "the disk".into());
        let (until_seconds, at_seconds) = (500, 10);
        a.acknowledged = Some(Acknowledged { until_seconds, by, reason, at_seconds });
        assert_eq!(changes(std::slice::from_ref(&a), &before, 200), []);
        assert_eq!(changes(&[a], &before, 500), [(Change::Again, "a".into())]);
    }
}
