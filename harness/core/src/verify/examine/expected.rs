//! Whether the recorded run is the one that was ordered.
//!
//! A run proves what its own spec declares. Whoever writes that spec can declare fewer steps,
//! fewer checkpoints, a weaker sampling policy or another schedule, and then records faithfully.
//! Only the spec that was ordered shows it.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::digest::Digest;
use crate::format::Object;
use crate::sanitize::{count, plain};
use crate::spec::{Spec, SpecDifference};
use crate::verify::advice::Advice;
use crate::verify::finding::{Finding, Place};

/// Keys that are named one by one; a spec can have thousands.
const KEYS_MAX: usize = 16;
/// The key that is for people alone.
const NAME: &str = "name";

/// Holds the spec that was ordered.
#[derive(Clone, Debug, PartialEq)]
pub struct Expected {
    /// The spec.
    pub spec: Spec,
    /// Where it came from, in words.
    pub from: String,
}

/// Names the spec that a recording was compared with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExpectedSpec {
    /// Digest of the spec.
    pub digest: Digest,
    /// Where it came from, in words.
    #[serde(default)]
    pub from: String,
}

impl Expected {
    /// Names the spec.
    pub fn named(&self) -> ExpectedSpec {
        ExpectedSpec { digest: self.spec.digest(), from: self.from.clone() }
    }

    /// Compares values, not spelling. Another name alone makes no other run.
    pub(in crate::verify) fn findings(&self, recorded: &Spec) -> Vec<Finding> {
        let differences = recorded.differences(&self.spec);
        let (names, keys): (Vec<_>, Vec<_>) =
            differences.iter().partition(|found| found.key == NAME);
        let place = || Place::object(Object::Spec);
        let mut findings: Vec<Finding> = Vec::new();
        let shown = keys.iter().take(KEYS_MAX);
        findings.extend(shown.map(|found| against(place(), self.said(found))));
        if let Some(more @ 1..) = keys.len().checked_sub(KEYS_MAX) {
            let problem = format!(
                "{} more that differ from the expected spec ({})",
                count(more as u64, "key"),
                self.from
            );
            findings.push(against(place(), problem));
        }
        if differences.is_empty() && recorded.digest() != self.spec.digest() {
            let problem = format!("it is not the expected spec ({})", self.from);
            findings.push(against(place(), problem));
        }
        findings.extend(names.into_iter().map(|found| Finding::note(place(), self.said(found))));
        findings
    }

    /// Objects to a run that ended before the ordered length, also by its trainer's word.
    pub(in crate::verify) fn ended_early(&self, steps: u64) -> Finding {
        let problem = format!(
            "the run ended after {}, by its trainer's word; the expected spec ({}) says {}",
            count(steps, "step"),
            self.from,
            self.spec.steps
        );
        against(Place::object(Object::Journal), problem)
    }

    fn said(&self, difference: &SpecDifference) -> String {
        let SpecDifference { key, before, after } = difference;
        let show = |value: &Option<String>| value.as_deref().map(plain);
        let recorded = show(before).map_or("is left out".into(), |value| format!("is {value}"));
        let expected = show(after).map_or("leaves it out".into(), |value| format!("says {value}"));
        format!("`{}` {recorded}; the expected spec ({}) {expected}", plain(key), self.from)
    }
}

fn against(place: Place, problem: String) -> Finding {
    Finding::divergent(place, problem).advise(Advice::Order)
}

impl fmt::Display for ExpectedSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "spec {}, from {}", &self.digest.to_string()[..16], self.from)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::{Hyperparameter, Sampling};
    use crate::verify::Weight;

    const SPEC: &str = r#"
format = 1
name = "ordered"
root_seed = 7
steps = 12
checkpoint_every = 3
device = "cpu"
comparison = "bit-exact"
program = { name = "p" }
data = { name = "d", samples = 64, digest = "DIGEST" }
batch = { size = 4 }
optimizer = { kind = "sgd", momentum = 0.9, nesterov = false, weight_decay = 0.01 }
learning_rate = { kind = "constant", value = 0.05 }
sampling = { kind = "count", segments = 3 }
"#;

    fn ordered() -> Expected {
        let spec = Spec::parse(&SPEC.replace("DIGEST", &Digest::default().to_string())).unwrap();
        Expected { spec, from: "order.toml".into() }
    }

    fn compared(change: impl FnOnce(&mut Spec)) -> Vec<(Weight, String)> {
        let expected = ordered();
        let mut recorded = expected.spec.clone();
        change(&mut recorded);
        let found = expected.findings(&recorded).into_iter();
        found.map(|found| (found.weight, found.problem)).collect()
    }

    #[test]
    fn the_ordered_spec_is_found_right_however_it_is_spelled() {
        assert_eq!(compared(|_| ()), []);
        let text = SPEC.replace("DIGEST", &Digest::default().to_string());
        let text = text.replace("0.05", "5.0e-2").replace("size = 4", "size=4");
        let text = text.replace("batch = { size=4 }", "batch = { accumulation = 1, size = 4 }");
        assert_eq!(ordered().findings(&Spec::parse(&text).unwrap()), []);
    }

    #[test]
    fn each_other_value_is_divergent_and_says_both() {
        let found = compared(|spec| {
            spec.steps = 6;
            spec.sampling = Sampling::All {};
        });
        let said = [
            "`sampling.kind` is \"all\"; the expected spec (order.toml) says \"count\"",
            "`sampling.segments` is left out; the expected spec (order.toml) says 3",
            "`steps` is 6; the expected spec (order.toml) says 12",
        ];
        assert_eq!(found, said.map(|said| (Weight::Divergent, said.to_owned())));
    }

    #[test]
    fn another_name_alone_is_a_note() {
        let found = compared(|spec| spec.name = "another".into());
        let [(weight, said)] = &found[..] else { panic!("{found:?}") };
        assert_eq!(*weight, Weight::Note);
        assert!(said.starts_with("`name` is \"another\"; the expected"), "{said}");
    }

    #[test]
    fn thousands_of_keys_are_counted_and_long_values_cut() {
        let found = compared(|spec| {
            for index in 0..1000 {
                let value = Hyperparameter::Text("x\u{1b}".repeat(9000));
                spec.program.hyperparameters.insert(format!("key-{index:04}"), value);
            }
        });
        assert_eq!(found.len(), KEYS_MAX + 1);
        assert!(found.iter().all(|(weight, said)| {
            *weight == Weight::Divergent && said.len() < 4096 && !said.contains('\u{1b}')
        }));
        assert!(
            found[KEYS_MAX].1.starts_with("984 keys more that differ"),
            "{:?}",
            found[KEYS_MAX]
        );
    }
}
