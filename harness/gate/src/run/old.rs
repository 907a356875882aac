//! Whether recordings of before can still be audited.

use std::path::Path;

use reenact_audit::{Choice, Device, Executor, Programs, Request, Selection, Silent, audit};
use reenact_core::spec::Sampling;
use reenact_core::verify::{Report, Verdict};

use crate::Judgement;
use crate::run::whole::Answer;

/// Replays one drawn segment of each recording. They are the team's own, so that a replay
/// which leaves one says what has become of the build, not of the recording.
pub(super) fn ask(
    programs: &Programs,
    executor: &dyn Executor,
    device: &Device,
    folder: &Path,
    old: &[String],
) -> Answer {
    if old.is_empty() {
        return Answer::of(Judgement::Pass, "the lock lists no recording".into());
    }
    let (mut worst, mut words) = (Judgement::Pass, Vec::new());
    for path in old {
        let run = folder.join(path);
        let choice = Choice::Policy(Sampling::Count { segments: 1 });
        let selection = Selection { choice, ..Selection::default() };
        let request =
            Request { selection, explains: false, ..Request::of_all(&run, device.clone()) };
        let (state, said) = match audit(programs, &request, executor, &Silent) {
            Ok(report) => judged(&report),
            Err(failure) => (Judgement::NotJudged, failure.said()),
        };
        worst = worst.max(state);
        if state != Judgement::Pass {
            words.push(format!("{path}: {said}"));
        }
    }
    let count = reenact_core::sanitize::count(old.len() as u64, "recording");
    match worst {
        Judgement::Pass => Answer::of(worst, format!("a segment of {count} replays bit for bit")),
        _ => Answer::of(worst, words.join("; ")),
    }
}

fn judged(report: &Report) -> (Judgement, String) {
    let reason = report.reasons.first().cloned().unwrap_or_default();
    let leaves = report.segments.iter().any(|segment| segment.leaves_recording());
    match report.verdict {
        Verdict::Match { .. } => (Judgement::Pass, String::new()),
        // Another build is what a gate is about; another machine is not.
        _ if leaves && report.class_differences.is_empty() => {
            (Judgement::Broken, format!("this build cannot audit it any more: {reason}"))
        }
        _ => (Judgement::NotJudged, reason),
    }
}
