//! Segments that were drawn and could not be judged.

use serde::{Deserialize, Serialize};

use crate::format::Object;
use crate::verify::date::date;
use crate::verify::finding::{Finding, Place};

/// Names a segment that an audit drew and nobody has judged since.
///
/// Whoever sees which segment is replayed can spoil the replay: kill the worker, take the
/// files away, stop the machine. A draw that is thrown away then and drawn anew would be
/// as good as a draw of their own choice, so the segment stays due.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Debt {
    /// The audit that drew it, as the ledger names it.
    pub audit: String,
    /// When that audit began or ended, in seconds since 1970.
    pub since_seconds: u64,
    /// Number of the segment.
    pub segment: u64,
    /// Why it was not judged.
    pub why: String,
}

impl Debt {
    /// Objects to a match where some are still due after an audit replayed these segments:
    /// only a list of segments leaves any out.
    pub fn objection(debts: &[Self], replayed: &[u64]) -> Option<Finding> {
        let left = debts.iter().filter(|debt| !replayed.contains(&debt.segment));
        let left: Vec<&Self> = left.collect();
        let first = left.iter().min_by_key(|debt| (debt.since_seconds, debt.segment))?;
        let segments = segments(left.iter().copied());
        let plural = if segments.len() == 1 { " is" } else { "s are" };
        let names: Vec<String> = segments.iter().map(u64::to_string).collect();
        let problem = format!(
            "segment{plural} still due: {}. An audit of {} drew segment {} and could not judge \
             it ({}). Audit without a list of segments: what is due is replayed first",
            names.join(", "),
            date(first.since_seconds),
            first.segment,
            first.why
        );
        Some(Finding::inconclusive(Place::object(Object::Journal), problem))
    }
}

/// Returns the numbers of the segments, each once, ascending.
pub(in crate::verify) fn segments<'a>(debts: impl Iterator<Item = &'a Debt>) -> Vec<u64> {
    let mut segments: Vec<u64> = debts.map(|debt| debt.segment).collect();
    segments.sort_unstable();
    segments.dedup();
    segments
}

#[cfg(test)]
mod tests {
    use super::*;

    fn debt(segment: u64, since_seconds: u64) -> Debt {
        let (audit, why) = ("a".into(), "two workers failed".into());
        Debt { audit, since_seconds, segment, why }
    }

    #[test]
    fn what_is_left_is_named() {
        let debts = [debt(3, 1_795_406_700), debt(7, 5), debt(3, 9)];
        let found = Debt::objection(&debts, &[1, 7]).unwrap().to_string();
        for part in ["segment is still due: 3", "1970-01-01", "two workers failed"] {
            assert!(found.contains(part), "{part}: {found}");
        }
        let both = Debt::objection(&debts, &[]).unwrap().to_string();
        assert!(both.contains("segments are still due: 3"), "{both}");
        assert_eq!(Debt::objection(&debts, &[7, 3]), None);
        assert_eq!(Debt::objection(&[], &[]), None);
    }
}
