//! Whether the bits are those that were accepted, and whose doing it is if they are not.

use std::fs;
use std::path::Path;

use reenact_core::format::{Checkpoint, History, Object, ReadRun};
use reenact_core::state::TensorDifference;
use reenact_store::Directory;

use super::{Taking, Took};
use crate::run::whole::Answer;
use crate::{
    AcceptedBits, Compared, Comparisons, Evidence, FactDifference, Judgement, Listed, Moved,
    MovedFound, Place, Verdict,
};

/// Facts that are named.
const FACTS_MAX: usize = 6;

/// Compares with what was accepted, and with the base.
pub(super) fn ask(
    taking: &Taking<'_>,
    base: Option<&Taking<'_>>,
    recordings: Option<&Path>,
    head: &Took,
    accepted: Option<&AcceptedBits<'_>>,
) -> Answer {
    let with_lock = match accepted.map(|found| Moved::between(&found.evidence, &head.evidence)) {
        Some(Err(problem)) => return Answer::untold(format!("the lock: {problem}")),
        Some(Ok(moved)) => Some(moved),
        None => None,
    };
    if let (Some(None), true) = (&with_lock, accepted.is_some()) {
        let words = format!("{} steps, the accepted bits", taking.steps);
        return Answer::of(Judgement::Pass, words);
    }
    if let Some(unsteady) = unsteady(taking, head) {
        return unsteady;
    }
    let (base_took, base_problem) = match base.map(|base| base.whole(1)) {
        None => (None, None),
        Some(Ok(took)) => (Some(took), None),
        Some(Err(problem)) => (None, Some(problem)),
    };
    let base_lock = accepted.zip(base_took.as_ref()).and_then(|(accepted, base)| {
        Moved::between(&accepted.evidence, &base.evidence).ok().map(|moved| compared(&moved))
    });
    let with_base =
        base_took.as_ref().and_then(|base| Moved::between(&base.evidence, &head.evidence).ok());
    let elsewhere = accepted.is_none_or(|accepted| !accepted.elsewhere.is_empty());
    let verdict = Verdict::of(Comparisons {
        head_lock: with_lock.as_ref().map(compared),
        base_lock,
        head_base: with_base.as_ref().map(compared),
        listed: if elsewhere { Listed::Elsewhere } else { Listed::Here },
    });
    // What the base computes is nearer to the change than what the lock holds.
    let moved = with_base.flatten().or(with_lock.flatten());
    let values = match (base.filter(|_| base_took.is_some()), &moved) {
        (Some(base), Some(moved)) => values(base, taking, moved),
        (None, Some(moved)) => accepted
            .zip(recordings)
            .and_then(|(accepted, folder)| recorded_values(folder, accepted, taking, moved))
            .unwrap_or_default(),
        (_, None) => Vec::new(),
    };
    let mut words = words(verdict, moved.as_ref(), accepted);
    if let Some(problem) = base_problem {
        words += &format!("; the base cannot be run: {problem}");
    }
    Answer {
        state: verdict.judgement(),
        words,
        moved: moved.map(|moved| MovedFound::of(&moved, values)),
        is_other: true,
    }
}

/// Takes it once more, to tell what changed from what is unsteady; never to pass.
fn unsteady(taking: &Taking<'_>, head: &Took) -> Option<Answer> {
    match taking.whole(1).map(|again| Moved::between(&head.evidence, &again.evidence)) {
        Ok(Ok(None)) => None,
        Ok(Ok(Some(moved))) => {
            let words = format!("{}: unsteady, two trainings of this build differ", moved.place);
            Some(Answer::moved(Judgement::Broken, words, &moved))
        }
        Ok(Err(problem)) => Some(Answer::untold(problem.to_string())),
        Err(problem) => Some(Answer::untold(format!("it was not taken again: {problem}"))),
    }
}

fn compared(moved: &Option<Moved>) -> Compared {
    if moved.is_some() { Compared::Moved } else { Compared::Same }
}

/// Takes both builds to the first step that differs, and compares the states there.
fn values(base: &Taking<'_>, head: &Taking<'_>, moved: &Moved) -> Vec<TensorDifference> {
    let steps = match moved.place {
        Place::Step { step, .. } => step + 1,
        Place::InitialState | Place::LastState => return Vec::new(),
    };
    let states = base.state_after(steps).ok().flatten().zip(head.state_after(steps).ok().flatten());
    // Values only illustrate: where they cannot be had, the place stands without them.
    let differences = states.map(|((_a, base), (_b, head))| base.differences(&head));
    differences.and_then(Result::ok).unwrap_or_default()
}

/// Looks for a recording of the accepted steps, and compares its first checkpoint after the
/// first step that differs with what this build has there.
fn recorded_values(
    folder: &Path,
    accepted: &AcceptedBits<'_>,
    head: &Taking<'_>,
    moved: &Moved,
) -> Option<Vec<TensorDifference>> {
    let Place::Step { step, .. } = moved.place else { return None };
    let mut runs: Vec<_> = fs::read_dir(folder).ok()?.filter_map(Result::ok).collect();
    runs.sort_by_key(fs::DirEntry::path);
    let held = runs.iter().find_map(|run| {
        let store = Directory::open(&run.path()).ok()?;
        let journal = || store.open(Object::Journal).ok();
        let recorded = Evidence::of_recording(journal()?, head.steps, accepted.entry.last).ok()?;
        let same = recorded.trace.spec == accepted.evidence.trace.spec
            && recorded.trace.steps == accepted.evidence.trace.steps;
        let checkpoints = History::read(journal()?).ok()?.checkpoints;
        let (&at, &root) = checkpoints.range(step + 1..).next().filter(|_| same)?;
        Some((at, Checkpoint::open(store.open(Object::Checkpoint(root)).ok()?).ok()?))
    });
    let (at, recorded) = held?;
    let (_folder, now) = head.state_after(at).ok()??;
    recorded.differences(&now).ok()
}

fn words(verdict: Verdict, moved: Option<&Moved>, accepted: Option<&AcceptedBits<'_>>) -> String {
    let place = moved.map(|moved| format!(" from {}", moved.place)).unwrap_or_default();
    let facts = accepted.map(|found| differing(&found.elsewhere)).unwrap_or_default();
    match verdict {
        Verdict::Accepted => "the accepted bits".into(),
        Verdict::Moved => {
            format!("moved{place}; without --base nobody can say by the change or by the machine")
        }
        Verdict::ChangedByBuild => {
            format!("changed by this build{place}; the base has the accepted bits here")
        }
        Verdict::MovedByMachine { listed: Listed::Here } => format!(
            "moved by the machine{place}: the base computes the same bits as this build, and \
             others were accepted for this very class"
        ),
        Verdict::MovedByMachine { listed: Listed::Elsewhere } => format!(
            "moved by the machine{place}: the base computes the same bits as this build here; \
             accepted elsewhere / here: {facts}"
        ),
        Verdict::Both => {
            format!("changed by this build{place}, and by the machine: the base differs as well")
        }
        Verdict::JudgedAgainstBase(Compared::Same) => {
            "no entry for this class; the base computes the same bits".into()
        }
        Verdict::JudgedAgainstBase(Compared::Moved) => {
            format!("no entry for this class; changed by this build{place}, against the base")
        }
        Verdict::NotJudged if accepted.is_some() => {
            format!("not judged: no entry for this class; accepted elsewhere / here: {facts}")
        }
        Verdict::NotJudged => "not judged: nothing was accepted for this class".into(),
        Verdict::Contradictory => "not judged: two builds are the same and differ".into(),
    }
}

fn differing(facts: &[FactDifference]) -> String {
    let none = || "(none)".to_owned();
    let each = facts.iter().take(FACTS_MAX).map(|found| {
        let accepted = found.accepted.clone().unwrap_or_else(none);
        format!("{}: {accepted} / {}", found.name, found.here.clone().unwrap_or_else(none))
    });
    let mut words = each.collect::<Vec<_>>().join("; ");
    if let Some(more @ 1..) = facts.len().checked_sub(FACTS_MAX) {
        words += &format!(" and {more} more");
    }
    words
}
