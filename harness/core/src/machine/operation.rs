//! Operations of an engine, run by themselves to see whether they repeat.
//!
//! Each is run several times in each of two processes. An engine that chooses
//! kernels by measuring is asked twice: with its choices free, and with its choices
//! pinned, as a recording pins them.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::state::Fingerprint;

/// Says how an engine chooses its kernels while operations are probed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kernels {
    /// Anew in each process, as if nothing had been measured before.
    Free,
    /// As the first process of this probe chose.
    Pinned {
        /// An existing folder that all processes of one probe share. The first
        /// finds it empty and leaves its choices there for the others.
        folder: PathBuf,
    },
}

/// Holds one operation that can be run again and again on the same input.
pub struct OperationProbe {
    /// What it is, with its direction and shape where they matter:
    /// `matmul 64x64, backward`.
    pub name: String,
    /// Runs it once. The error says why it cannot be.
    pub run: Box<dyn FnMut() -> Result<OperationOutcome, String>>,
}

impl OperationProbe {
    /// Names an operation.
    pub fn new(
        name: &str,
        run: impl FnMut() -> Result<OperationOutcome, String> + 'static,
    ) -> Self {
        Self { name: name.into(), run: Box::new(run) }
    }
}

/// Holds what came out of one run of an operation.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct OperationOutcome {
    /// Fingerprint of each result: `output`, `gradient of input`.
    pub results: BTreeMap<String, Fingerprint>,
    /// Kernels that were chosen for it by measuring; empty where there was nothing
    /// to choose.
    pub selected: Vec<String>,
}

impl OperationOutcome {
    /// Holds one result.
    pub fn output(fingerprint: Fingerprint) -> Self {
        Self { results: [("output".to_owned(), fingerprint)].into(), selected: Vec::new() }
    }
}

/// Holds what one process saw of one operation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OperationRuns {
    /// The operation.
    pub name: String,
    /// What came out, run by run.
    pub outcomes: Vec<OperationOutcome>,
    /// Why it could not be run.
    pub problem: Option<String>,
}

impl OperationRuns {
    /// Runs an operation so many times; one that fails is not run again.
    pub fn of(mut probe: OperationProbe, times: u64) -> Self {
        let (mut outcomes, mut problem) = (Vec::new(), None);
        for _ in 0..times {
            match (probe.run)() {
                Ok(outcome) => outcomes.push(outcome),
                Err(error) => {
                    problem = Some(error);
                    break;
                }
            }
        }
        Self { name: probe.name, outcomes, problem }
    }
}

/// Says what is known of one operation on one device.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct JudgedOperation {
    /// The operation.
    pub name: String,
    /// The judgement.
    pub steadiness: Steadiness,
    /// Which results differ, or why it was not tried; else empty.
    pub detail: String,
}

/// Says whether an operation gives the same bits each time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Steadiness {
    /// In every run; and no kernel was chosen by measuring.
    Deterministic,
    /// In every run, once the choice of its kernel is pinned.
    PinnedDeterministic,
    /// Not always, whatever is pinned; or its kernel is chosen by measuring, and
    /// nothing pins it.
    Unsafe,
    /// It could not be run.
    NotTried,
}

impl std::fmt::Display for Steadiness {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Deterministic => "deterministic",
            Self::PinnedDeterministic => "pinned-deterministic",
            Self::Unsafe => "unsafe",
            Self::NotTried => "not tried",
        })
    }
}

/// Judges operations by what several processes saw with free kernels and, where the
/// engine can pin them, with pinned ones.
pub fn judge_operations(
    free: &[Vec<OperationRuns>],
    pinned: Option<&[Vec<OperationRuns>]>,
) -> Vec<JudgedOperation> {
    let first = free.first().map(Vec::as_slice).unwrap_or_default();
    first.iter().map(|runs| judge(&runs.name, free, pinned)).collect()
}

fn judge(
    name: &str,
    free: &[Vec<OperationRuns>],
    pinned: Option<&[Vec<OperationRuns>]>,
) -> JudgedOperation {
    let (steadiness, detail) = match (outcomes(name, free), pinned.map(|runs| outcomes(name, runs)))
    {
        (Err(problem), _) => (Steadiness::NotTried, problem),
        (_, Some(Err(problem))) => {
            (Steadiness::NotTried, format!("with pinned kernels: {problem}"))
        }
        (Ok(free), None) => without_pins(&free),
        (Ok(free), Some(Ok(pinned))) => with_pins(&free, &pinned),
    };
    JudgedOperation { name: name.into(), steadiness, detail }
}

fn without_pins(free: &[&OperationOutcome]) -> (Steadiness, String) {
    let differing = differing(free);
    if !differing.is_empty() {
        return (Steadiness::Unsafe, format!("not always the same: {differing}"));
    }
    if chooses(free) {
        let detail = "its kernel is chosen by measuring, and nothing pins it";
        return (Steadiness::Unsafe, detail.into());
    }
    (Steadiness::Deterministic, String::new())
}

fn with_pins(free: &[&OperationOutcome], pinned: &[&OperationOutcome]) -> (Steadiness, String) {
    let (left, loose) = (differing(pinned), differing(free));
    if !left.is_empty() {
        (Steadiness::Unsafe, format!("not always the same, though pinned: {left}"))
    } else if !loose.is_empty() {
        (Steadiness::PinnedDeterministic, format!("not always the same unless pinned: {loose}"))
    } else if chooses(free) || chooses(pinned) {
        (Steadiness::PinnedDeterministic, String::new())
    } else {
        (Steadiness::Deterministic, String::new())
    }
}

fn chooses(outcomes: &[&OperationOutcome]) -> bool {
    outcomes.iter().any(|outcome| !outcome.selected.is_empty())
}

/// Collects all runs of one operation; the error says why there are none, or why
/// one is missing.
fn outcomes<'a>(
    name: &str,
    processes: &'a [Vec<OperationRuns>],
) -> Result<Vec<&'a OperationOutcome>, String> {
    let mut found = Vec::new();
    for process in processes {
        let Some(runs) = process.iter().find(|runs| runs.name == name) else {
            return Err("another process does not know it".into());
        };
        if let Some(problem) = &runs.problem {
            return Err(problem.clone());
        }
        found.extend(&runs.outcomes);
    }
    if found.is_empty() { Err("it was never run".into()) } else { Ok(found) }
}

/// Names the results that are not the same in every run.
fn differing(outcomes: &[&OperationOutcome]) -> String {
    let names = outcomes.iter().flat_map(|outcome| outcome.results.keys());
    let names: std::collections::BTreeSet<&String> = names.collect();
    let differs = |name: &&&String| {
        let values = || outcomes.iter().map(|outcome| outcome.results.get(**name));
        !values().all(|value| Some(value) == values().next())
    };
    let found: Vec<&str> = names.iter().filter(differs).map(|name| name.as_str()).collect();
    found.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn runs(values: &[u64], selected: &[&str]) -> OperationRuns {
        let outcome = |value: &u64| OperationOutcome {
            selected: selected.iter().map(|&name| name.to_owned()).collect(),
            ..OperationOutcome::output(Fingerprint(*value))
        };
        let outcomes = values.iter().map(outcome).collect();
        OperationRuns { name: "sum".into(), outcomes, problem: None }
    }

    fn judged(
        free: [OperationRuns; 2],
        pinned: Option<[OperationRuns; 2]>,
    ) -> (Steadiness, String) {
        let free = free.map(|runs| vec![runs]);
        let pinned = pinned.map(|both| both.map(|runs| vec![runs]));
        let mut found = judge_operations(&free, pinned.as_ref().map(<[_; 2]>::as_slice));
        assert_eq!((found.len(), found[0].name.as_str()), (1, "sum"));
        let found = found.remove(0);
        (found.steadiness, found.detail)
    }

    #[test]
    fn without_choices_two_processes_have_to_agree() {
        let steady = || runs(&[1, 1], &[]);
        let (all, none) = (Steadiness::Deterministic, String::new());
        assert_eq!(judged([steady(), steady()], None), (all, none.clone()));
        assert_eq!(judged([steady(), steady()], Some([steady(), steady()])), (all, none));
        let unsafe_ = (Steadiness::Unsafe, "not always the same: output".to_owned());
        assert_eq!(judged([runs(&[1, 2], &[]), runs(&[1, 2], &[])], None), unsafe_);
        assert_eq!(judged([steady(), runs(&[2, 2], &[])], None), unsafe_);
    }

    #[test]
    fn a_choice_has_to_be_pinned() {
        let (a, b) = (|| runs(&[1, 1], &["a"]), || runs(&[2, 2], &["b"]));
        let pinned = |detail: &str| (Steadiness::PinnedDeterministic, detail.to_owned());
        assert_eq!(
            judged([a(), b()], Some([a(), a()])),
            pinned("not always the same unless pinned: output")
        );
        // That both chose the same is luck.
        assert_eq!(judged([a(), a()], Some([a(), a()])), pinned(""));
        assert_eq!(judged([a(), b()], Some([a(), b()])).0, Steadiness::Unsafe);
        let (steadiness, detail) = judged([a(), a()], None);
        assert_eq!(steadiness, Steadiness::Unsafe);
        assert!(detail.contains("nothing pins it"), "{detail}");
    }

    #[test]
    fn what_cannot_be_run_is_not_judged() {
        let steady = || runs(&[1, 1], &[]);
        let mut count = 0;
        let fails = OperationProbe::new("sum", move || {
            count += 1;
            if count == 1 { Ok(OperationOutcome::default()) } else { Err("no memory".into()) }
        });
        let failed = OperationRuns::of(fails, 4);
        assert_eq!(failed.outcomes.len(), 1);
        let not = |detail: &str| (Steadiness::NotTried, detail.to_owned());
        assert_eq!(judged([steady(), failed.clone()], None), not("no memory"));
        assert_eq!(
            judged([steady(), steady()], Some([steady(), failed])),
            not("with pinned kernels: no memory")
        );
        assert_eq!(judged([runs(&[], &[]), runs(&[], &[])], None), not("it was never run"));
    }
}
