//! The answers of workers, as they lie in a place.

use std::collections::BTreeMap;

use reenact_audit::{Done, Failure, Message};
use reenact_core::digest::{Digest, Hasher};
use reenact_core::format::Environment;
use reenact_core::sanitize::plain;
use reenact_core::verify::AllowedSigners;
use reenact_store::{Objects, ObjectsError};

use crate::answer::Answer;
use crate::plan::Plan;
use crate::sealed::Sealed;

/// Limits an answer: it names at most a few hundred tensors.
const ANSWER_BYTES_MAX: u64 = 1 << 26;

/// Limits what is listed of a plan's results for each unit.
const ANSWERS_MAX: usize = 64;

/// Returns the folder of a plan's results.
pub(crate) fn folder_of(plan: &Digest) -> String {
    format!("{}/", &plan.to_string()[..32])
}

/// Names a result by its content: another one of the same unit has another name.
pub(crate) fn name_of(plan: &Digest, unit: u32, text: &[u8]) -> String {
    let content = Hasher::new("reenact v1 work result").bytes(text).finish();
    format!("{}{unit:06}-{}.json", folder_of(plan), &content.to_string()[..16])
}

/// Returns the number of the unit that a result is of.
pub(crate) fn unit_of(name: &str) -> Option<u32> {
    name.rsplit('/').next()?.split_once('-')?.0.parse().ok()
}

/// Holds the answers to each unit of a plan.
#[derive(Default)]
pub struct Gathered {
    answers: BTreeMap<u32, Vec<Answer>>,
    /// Results that do not count, and why.
    pub refused: Vec<String>,
}

impl Gathered {
    /// Reads the results of a plan. Where workers are named, only theirs count.
    pub fn of(
        plan: &Plan,
        digest: &Digest,
        results: &dyn Objects,
        workers: Option<&AllowedSigners>,
    ) -> Result<Self, Failure> {
        let mut gathered = Self::default();
        for name in names(plan, digest, results).map_err(Failure::inconclusive)? {
            gathered.take(plan, digest, &name, read(results, &name, workers));
        }
        Ok(gathered)
    }

    /// Reads the results of one unit. Where workers are named, only theirs count.
    pub(crate) fn of_unit(
        plan: &Plan,
        digest: &Digest,
        unit: u32,
        results: &dyn Objects,
        workers: Option<&AllowedSigners>,
    ) -> Result<Self, String> {
        let mut gathered = Self::default();
        let names = names(plan, digest, results).map_err(|error| error.to_string())?;
        for name in names.iter().filter(|name| unit_of(name) == Some(unit)) {
            gathered.take(plan, digest, name, read(results, name, workers));
        }
        Ok(gathered)
    }

    fn take(&mut self, plan: &Plan, digest: &Digest, name: &str, read: Result<Answer, String>) {
        match read {
            Ok(answer) => match fault(&answer, plan, digest, name) {
                None => self.answers.entry(answer.unit).or_default().push(answer),
                Some(fault) => self.refuse(name, &fault),
            },
            Err(problem) => self.refuse(name, &problem),
        }
    }

    fn refuse(&mut self, name: &str, problem: &str) {
        self.refused.push(plain(&format!("{name}: {problem}")));
    }

    /// Returns how many units have an answer.
    pub fn count(&self) -> usize {
        self.answers.len()
    }

    /// Leaves out what was computed on another class of device than this.
    pub(crate) fn of_class(&mut self, unit: u32, here: &Environment) -> Option<String> {
        let answers = self.answers.get_mut(&unit)?;
        let mut other = None;
        answers.retain(|answer| {
            let differ = answer.environment.class_differences(here);
            if let Some(first) = differ.first() {
                other = Some(format!("{} computes otherwise: {first}", plain(&answer.by.host)));
            }
            differ.is_empty()
        });
        other.filter(|_| answers.is_empty())
    }

    /// Returns the `nth` thing that an audit is to hear of a unit.
    pub(crate) fn nth(&self, unit: u32, nth: usize) -> Option<Done> {
        let answers = self.answers.get(&unit)?;
        let first = answers.first()?;
        // Whoever leaves the recording is heard first, and whoever contradicts it second: an
        // audit takes two that differ for what they are, a device that errs.
        let odd = answers.iter().find(|answer| answer.bits() != first.bits());
        let Some(odd) = odd else { return answered(first, nth, None) };
        let (one, other) = if first.agrees() { (odd, first) } else { (first, odd) };
        let note = format!(
            "two workers differ on unit {unit}: {} on {} and {} on {}; both results are kept",
            plain(&one.by.id()),
            plain(&one.by.host),
            plain(&other.by.id()),
            plain(&other.by.host)
        );
        match nth {
            0 => answered(one, 0, Some(note)),
            1 => answered(other, 0, None),
            _ => None,
        }
    }
}

/// Lists the results of a plan; a unit that was done over and over has no end of them.
pub(crate) fn names(
    plan: &Plan,
    digest: &Digest,
    results: &dyn Objects,
) -> Result<Vec<String>, ObjectsError> {
    let limit = plan.units.len().saturating_mul(ANSWERS_MAX);
    let listed = results.list(&folder_of(digest), limit)?;
    Ok(listed.into_iter().map(|found| found.name).collect())
}

fn answered(answer: &Answer, nth: usize, note: Option<String>) -> Option<Done> {
    let message: Message = clone(answer.messages.get(nth)?)?;
    let seconds = answer.seconds.get(nth).copied();
    Some(Done { message, by: Some(answer.by.clone()), seconds, note })
}

fn clone(message: &Message) -> Option<Message> {
    serde_json::from_str(&serde_json::to_string(message).ok()?).ok()
}

fn read(
    results: &dyn Objects,
    name: &str,
    workers: Option<&AllowedSigners>,
) -> Result<Answer, String> {
    let text = results.read(name, ANSWER_BYTES_MAX).map_err(|error| error.to_string())?;
    let text = text.ok_or("it is gone")?;
    let sealed: Sealed =
        serde_json::from_slice(&text).map_err(|error| format!("it is no result: {error}"))?;
    sealed.open(workers)
}

fn fault(answer: &Answer, plan: &Plan, digest: &Digest, name: &str) -> Option<String> {
    if answer.plan != *digest {
        return Some("it belongs to another plan".into());
    }
    if answer.unit as usize >= plan.units.len() || unit_of(name) != Some(answer.unit) {
        return Some("it belongs to another unit".into());
    }
    if answer.environment.binary != plan.binary {
        return Some("another binary has computed it".into());
    }
    let whole = answer.seconds.iter().all(|seconds| seconds.is_finite() && *seconds >= 0.0);
    (!whole).then(|| "its times are none".into())
}
