//! The last touch to a report, before it is kept and shown.

use crate::sanitize::plain_all;
use crate::verify::independence::Independence;
use crate::verify::verdict::Verdict;
use crate::verify::whole::Report;

impl Report {
    /// Leaves out what does not hold after this verdict, and makes every text plain, so that
    /// terminal, page and files for machines show the same and nothing of a recording's own
    /// making. It comes after everything that compares.
    pub fn finished(mut self) -> Self {
        // How likely tampering escaped says nothing where some was found, or where what was
        // drawn was not replayed.
        if !(matches!(self.verdict, Verdict::Match { .. }) || self.sample_agreed()) {
            self.escape.clear();
        }
        let seconds: Vec<_> = self.segments.iter().map(|found| found.seconds).collect();
        let mut plain = plain_all(self);
        for (found, seconds) in plain.segments.iter_mut().zip(seconds) {
            found.seconds = seconds;
        }
        plain
    }

    /// Says what the audit is worth where the toolchain may be poisoned. An older report, which
    /// knows no list of trusted builds, called every other binary independent.
    pub fn worth(&self) -> Option<Independence> {
        self.independence.map(|found| match (found, &self.trusted_builds) {
            (Independence::Independent, None) => Independence::AnotherBinary,
            _ => found,
        })
    }

    /// Says whether a trusted build audits.
    pub fn is_by_trusted_build(&self) -> bool {
        self.trusted_builds.as_ref().is_some_and(|list| list.auditor.is_some())
    }

    /// Says how much of the run was replayed.
    pub fn coverage(&self) -> String {
        let (drawn, replayed) = (self.segments.len() as u64, self.replayed());
        let total = self.claim.as_ref().map_or(drawn, |claim| claim.segments);
        let of_all = format!("of {total} segment{}", if total == 1 { "" } else { "s" });
        let chosen = if self.challenge.is_some() { "drawn" } else { "chosen" };
        match (drawn, replayed) {
            (0, _) => "no segment replayed".into(),
            (_, 0) => format!("no segment replayed; {drawn} {of_all} {chosen}"),
            _ if replayed < drawn => {
                format!("{replayed} {of_all} replayed; {} more {chosen}", drawn - replayed)
            }
            _ => format!("{replayed} {of_all} replayed"),
        }
    }

    /// Counts the segments that were replayed to their end, once or twice.
    pub fn replayed(&self) -> u64 {
        self.segments.iter().filter(|found| found.was_replayed()).count() as u64
    }
}
