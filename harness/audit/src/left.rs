//! What an audit leaves in the ledger of what it found.

use reenact_core::sanitize::plain;
use reenact_core::verify::{Advice, CoveredSegment, Finding, Recording, Report, Verdict, Weight};
use reenact_store::{Alarm, AlarmKind, Covered};

use crate::witness::witness;

/// Returns what was found without a replay. What audits before have proven is kept with them.
/// Whatever a recording is called divergent for is kept: else nobody would be told of it.
pub(crate) fn alarms(place: &str, report: &Report) -> Vec<Alarm> {
    let kind = |found: &Finding| match found.advice {
        Some(Advice::Close { .. }) => None,
        Some(Advice::Order) => Some(AlarmKind::Expected),
        Some(Advice::Forget) => Some(AlarmKind::Contradiction),
        _ => Some(AlarmKind::Files),
    };
    let found = report.findings.iter().filter(|found| found.weight == Weight::Divergent);
    let alarm = |found: &Finding| {
        let (object, words) = (plain(&found.place.object), plain(&found.problem));
        Some(Alarm::of(kind(found)?, place, &object, found.place.step, &words))
    };
    let mut alarms: Vec<Alarm> = found.filter_map(alarm).collect();
    let held = report.findings.iter().any(|found| kind(found).is_none());
    let untold = alarms.is_empty() && !held && report.proven().is_empty();
    if report.verdict == Verdict::Divergent && untold {
        let words = report.reasons.first().map(|reason| plain(reason)).unwrap_or_default();
        alarms.push(Alarm::of(AlarmKind::Other, place, "segments", None, &words));
    }
    alarms
}

/// Returns what a report says of each segment that agreed bit for bit, bound to the states
/// between which it was replayed.
pub(crate) fn covered(
    report: &Report,
    recording: &Recording<'_>,
    device: &str,
    at_seconds: u64,
) -> Vec<Covered> {
    let by = witness(&report.auditor, device);
    let drawing = report.challenge.as_ref().map(|challenge| challenge.drawing());
    let sampled = drawing.map_or(Vec::new(), |drawing| drawing.sampled);
    let root = |step| recording.history.checkpoints.get(&step).copied();
    let agreed = report.agreed().filter_map(|replayed| {
        let segment = replayed.segment;
        let found = CoveredSegment {
            segment,
            opening: root(segment.step_start)?,
            closing: root(segment.step_end)?,
            sampled: sampled.binary_search(&segment.index).is_ok(),
            at_seconds,
            disowned_at_seconds: None,
        };
        let seconds = replayed.seconds.unwrap_or_default();
        let by = replayed.by.clone().unwrap_or_else(|| by.clone());
        Some(Covered { found, by, seconds, disowned_because: None })
    });
    agreed.collect()
}
