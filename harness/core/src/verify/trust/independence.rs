//! What an audit is worth where the toolchain itself may be poisoned.
//!
//! A binary that trains and audits reproduces its own sabotage. Another digest shows nothing:
//! one appended byte gives it, and so does `strip`. Only a list of the binaries that the
//! auditor's own people built tells more ([`TrustedBuilds`]).
//!
//! | it was trained by | a listed build audits | any other binary audits |
//! | --- | --- | --- |
//! | the very binary that audits | rebuilt | self-check |
//! | another that is listed | independent | rebuilt, by the trainer's word alone |
//! | another that is not listed | independent | another binary |
//!
//! Without a list only the right column and its first and last row are left. Of a run that went
//! on under several binaries the weakest counts: self-check, another binary, rebuilt,
//! independent.
//!
//! What trained is the trainer's word. So a requirement never rests on it: `rebuilt` and
//! `independent` are both met only where the *auditing* binary is listed, and `independent` only
//! where it trained no part of the run. A lie about what trained can then only make less of an
//! audit.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::digest::Digest;
use crate::format::{Environment, Object};
use crate::verify::advice::Advice;
use crate::verify::finding::{Finding, Place};
use crate::verify::trusted_builds::TrustedBuilds;

/// Says what the auditing binary is to the one that trained; weakest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Independence {
    /// The very binary that trained: a poisoned toolchain reproduces its own
    /// poison.
    SelfCheck,
    /// Its digest is another, and nothing else is known. No requirement takes that for
    /// independence.
    AnotherBinary,
    /// A build of the auditor's own people trained, as the recording says.
    Rebuilt,
    /// A build of the auditor's own people audits, and another binary trained. Reports without
    /// a list of trusted builds are older, and called every other binary so.
    Independent,
}

/// Holds what is known of the binaries that trained, and of the one that audits.
#[derive(Clone, Copy, Debug)]
pub struct Builds<'a> {
    /// From which step on which environment trained, as the recording says.
    pub trained_by: &'a [(u64, Environment)],
    /// The auditing binary.
    pub auditor: Digest,
    /// Which builds the auditor's own people made; none if nobody said.
    pub trusted: Option<&'a TrustedBuilds>,
}

impl Builds<'_> {
    /// Says what the audit is worth; what trained a part of the run counts as what trained it.
    pub fn independence(&self) -> Independence {
        let each = self.trained_by.iter().map(|(_, found)| self.against(found.binary));
        each.min().unwrap_or(Independence::SelfCheck)
    }

    fn against(&self, trainer: Digest) -> Independence {
        match (trainer == self.auditor, self.lists(self.auditor), self.lists(trainer)) {
            (true, false, _) => Independence::SelfCheck,
            (false, false, false) => Independence::AnotherBinary,
            (true, true, _) | (false, false, true) => Independence::Rebuilt,
            (false, true, _) => Independence::Independent,
        }
    }

    fn lists(&self, binary: Digest) -> bool {
        self.trusted.is_some_and(|trusted| trusted.lists(binary))
    }

    fn audits_itself(&self) -> bool {
        self.trained_by.iter().any(|(_, found)| found.binary == self.auditor)
    }

    /// Objects if more is required than this audit is worth. It can be told before anything
    /// is replayed, so nothing needs to be.
    pub fn require(&self, required: Independence) -> Option<Finding> {
        let (problem, advice) = match (required, self.audits_itself()) {
            (Independence::SelfCheck, false) => (
                "a self-check is required, and another binary than this one trained the run. \
                 Nothing was replayed: audit with the one that trained"
                    .to_owned(),
                None,
            ),
            (Independence::AnotherBinary, true) => (
                "another binary is required, and this very one also trained the run. Nothing was \
                 replayed: audit with another one"
                    .to_owned(),
                None,
            ),
            (Independence::SelfCheck | Independence::AnotherBinary, _) => return None,
            (Independence::Rebuilt | Independence::Independent, _) => {
                let lacks = self.lacks(required)?;
                let asked = match required {
                    Independence::Independent => "an independent audit",
                    _ => "an audit by a trusted build",
                };
                let problem = format!("{asked} is required, and {lacks}. Nothing was replayed");
                (problem, Some(Advice::TrustedBuild))
            }
        };
        let finding = Finding::inconclusive(Place::object(Object::Journal), problem);
        Some(advice.into_iter().fold(finding, Finding::advise))
    }

    /// Says what the auditing binary lacks; nothing that the recording says makes up for it.
    fn lacks(&self, required: Independence) -> Option<&'static str> {
        match (self.lists(self.auditor), self.audits_itself()) {
            (true, true) if required == Independence::Independent => Some(
                "this very binary also trained the run: it is a trusted build, but not another one",
            ),
            (true, _) => None,
            (false, true) => Some(
                "this is a self-check: this very binary also trained the run, and would reproduce \
                 a sabotage of its own",
            ),
            (false, false) if self.trusted.is_none() => Some(
                "nobody said which builds are trusted: that another binary trained shows nothing, \
                 as one more byte makes another",
            ),
            (false, false) if self.independence() == Independence::Rebuilt => Some(
                "this binary is no trusted build: that one trained the run is the trainer's word \
                 alone",
            ),
            (false, false) => Some("this binary is no trusted build"),
        }
    }
}

impl fmt::Display for Independence {
    /// Completes the sentence "it was required that the audit is ...".
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::SelfCheck => "a self-check",
            Self::AnotherBinary => "by another binary",
            Self::Rebuilt => "by a trusted build",
            Self::Independent => "independent",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trainer::Engine;
    use crate::verify::Weight;
    use Independence::{AnotherBinary, Independent, Rebuilt, SelfCheck};

    /// Ours are 1 and 2, others 8 and 9.
    fn trusted() -> TrustedBuilds {
        format!("{}\n{} second", Digest([1; 32]), Digest([2; 32])).parse().unwrap()
    }

    fn trained_by(binaries: &[u8]) -> Vec<(u64, Environment)> {
        let engine = Engine { class: Default::default(), notes: Default::default() };
        let environment = |binary: u8| Environment {
            engine: engine.clone(),
            reenact: String::new(),
            rustc: String::new(),
            lock: Environment::NO_LOCK,
            binary: Digest([binary; 32]),
            system: String::new(),
        };
        (0..).zip(binaries.iter().map(|&binary| environment(binary))).collect()
    }

    /// What an audit is worth, and which requirements it meets.
    fn judged(trained: &[u8], auditor: u8, list: bool) -> (Independence, Vec<Independence>) {
        let (trained, trusted) = (trained_by(trained), trusted());
        let trusted = Some(&trusted).filter(|_| list);
        let builds = Builds { trained_by: &trained, auditor: Digest([auditor; 32]), trusted };
        let all = [SelfCheck, AnotherBinary, Rebuilt, Independent].into_iter();
        (builds.independence(), all.filter(|found| builds.require(*found).is_none()).collect())
    }

    #[test]
    fn each_field_of_the_table_is_as_it_says() {
        for (trained, auditor, list, is, meets) in [
            (1, 1, true, Rebuilt, &[SelfCheck, Rebuilt][..]),
            (9, 9, true, SelfCheck, &[SelfCheck]),
            (2, 1, true, Independent, &[AnotherBinary, Rebuilt, Independent]),
            (1, 9, true, Rebuilt, &[AnotherBinary]),
            (9, 1, true, Independent, &[AnotherBinary, Rebuilt, Independent]),
            (8, 9, true, AnotherBinary, &[AnotherBinary]),
            (1, 1, false, SelfCheck, &[SelfCheck]),
            (2, 1, false, AnotherBinary, &[AnotherBinary]),
        ] {
            let case = format!("{trained} trained, {auditor} audits, list: {list}");
            assert_eq!(judged(&[trained], auditor, list), (is, meets.to_vec()), "{case}");
        }
    }

    #[test]
    fn of_several_binaries_the_weakest_counts() {
        for (trained, auditor, is) in [
            (&[9, 1, 2][..], 9, SelfCheck),
            (&[1, 8, 2], 9, AnotherBinary),
            (&[2, 1], 9, Rebuilt),
            (&[9, 1, 2], 1, Rebuilt),
            (&[9, 8, 2], 1, Independent),
        ] {
            assert_eq!(judged(trained, auditor, true).0, is, "{trained:?} by {auditor}");
        }
        // Without a word about what trained nothing is independent.
        assert_eq!(judged(&[], 1, true).0, SelfCheck);
    }

    #[test]
    fn no_lie_about_what_trained_meets_a_requirement() {
        for claimed in [1, 2, 8, 9] {
            let (_, meets) = judged(&[claimed], 9, true);
            assert!(!meets.contains(&Rebuilt) && !meets.contains(&Independent), "{claimed}");
        }
    }

    #[test]
    fn an_objection_says_what_is_required_and_what_to_do() {
        let (trained, trusted) = (trained_by(&[1]), trusted());
        for (auditor, list, says) in [
            (9, None, "nobody said which builds are"),
            (1, None, "this is a self-check"),
            (1, Some(&trusted), "this very binary also trained"),
            (9, Some(&trusted), "the trainer's word alone"),
        ] {
            let auditor = Digest([auditor; 32]);
            let builds = Builds { trained_by: &trained, auditor, trusted: list };
            let finding = builds.require(Independent).unwrap();
            assert_eq!(finding.weight, Weight::Inconclusive);
            assert!(finding.problem.contains("is required, and"), "{finding}");
            assert!(finding.problem.contains(says), "{finding}");
            assert_eq!(finding.advice, Some(Advice::TrustedBuild));
        }
    }
}
