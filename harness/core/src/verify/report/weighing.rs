//! Whether another machine, or another build, excuses a divergence.
//!
//! Another class of machine computes other bits, and so may another build: of other
//! libraries, or by another compiler. A divergence under such a claim may be honest. But
//! the claim is the trainer's own, so it is weighed by what was computed: where a whole
//! segment that was recorded under the same claim agrees here bit for bit, this machine
//! computes as the one that trained, whatever the claim says, and the divergence stands.
//! Where nothing has agreed yet, further segments of the same claim are replayed first,
//! the controls.

use std::fmt;

use crate::digest::Hasher;
use crate::format::Environment;
use crate::verify::advice::Advice;
use crate::verify::challenge::Challenge;
use crate::verify::finding::Weight;
use crate::verify::recording::{Recording, Segment};
use crate::verify::segment_report::{SegmentOutcome, SegmentReport};
use crate::verify::tolerance::Tolerance;
use crate::verify::verdict::{Grade, Verdict};
use crate::verify::whole::Report;

/// Controls that are replayed for one claim: each costs as much as a drawn segment.
const CONTROLS_MAX: usize = 3;
/// Segments that are named as evidence.
const NAMED_MAX: usize = 5;

/// Holds what is known of the machines that trained, and of this one.
struct Scales<'a> {
    /// From which step on which environment trained, as the recording claims.
    trained_by: &'a [(u64, Environment)],
    auditor: &'a Environment,
    replayed: Vec<&'a SegmentReport>,
}

/// Says what a claim about the machine comes to.
enum Excuse {
    /// It claims what is here.
    None,
    /// It claims something else, but segments under it agree here.
    Refuted { known: String, agreed: Vec<u64> },
    /// It claims something else, and nothing that was replayed says otherwise.
    Possible { known: String },
}

impl Scales<'_> {
    /// Returns what a step is claimed to be trained by. A resumption that trained nothing
    /// claims nothing.
    fn claim(&self, step: u64) -> Option<&Environment> {
        let mut latest_first = self.trained_by.iter().rev();
        latest_first.find(|(first, _)| *first <= step).map(|(_, found)| found)
    }

    /// Says whether every step of a segment is claimed to be trained so. Another build may
    /// have gone on within it.
    fn is_wholly_of(&self, claim: &Environment, segment: Segment) -> bool {
        let Segment { step_start, step_end, .. } = segment;
        let within = self.trained_by.iter().map(|(first, _)| *first);
        let within = within.filter(|first| (step_start..step_end).contains(first));
        let mut each = [step_start].into_iter().chain(within).filter_map(|step| self.claim(step));
        each.all(|other| is_one_claim(claim, other))
    }

    /// Returns what differs of class and build, as `name: there / here`.
    fn differences(&self, claim: &Environment) -> Vec<String> {
        let mut found = claim.class_differences(self.auditor);
        found.extend(claim.build_differences(self.auditor));
        found
    }

    /// Returns the replayed segments under the same claim that agree bit for bit.
    fn agreed(&self, claim: &Environment) -> Vec<u64> {
        let same = |report: &&&SegmentReport| {
            report.agrees_bit_for_bit() && self.is_wholly_of(claim, report.segment)
        };
        self.replayed.iter().filter(same).map(|report| report.segment.index).collect()
    }

    fn excuse(&self, step: u64) -> Excuse {
        let Some(claim) = self.claim(step) else { return Excuse::None };
        let differences = self.differences(claim);
        if differences.is_empty() {
            return Excuse::None;
        }
        let (known, agreed) = (differences.join("; "), self.agreed(claim));
        if agreed.is_empty() {
            Excuse::Possible { known }
        } else {
            Excuse::Refuted { known, agreed }
        }
    }
}

/// Says whether two environments claim the same machine and the same build.
fn is_one_claim(one: &Environment, other: &Environment) -> bool {
    one.same_class(other) && one.lock == other.lock && one.rustc == other.rustc
}

/// Names the segments that have to be replayed before the claims of `recording` can be
/// weighed: for each claim that is not what is here, where a replay ends otherwise and
/// none agrees, up to three that were not replayed, drawn by the challenge.
pub fn controls(
    recording: &Recording<'_>,
    auditor: &Environment,
    replayed: &[SegmentReport],
    challenge: Option<&Challenge>,
) -> Vec<u64> {
    let scales = scales(&recording.history.environments, auditor, replayed, &[]);
    let mut unproven: Vec<&Environment> = Vec::new();
    for report in replayed.iter().filter(|report| report.ends_otherwise()) {
        let Some(claim) = scales.claim(report.leaves_at()) else { continue };
        let known = unproven.iter().any(|other| is_one_claim(claim, other));
        if !known && !scales.differences(claim).is_empty() && scales.agreed(claim).is_empty() {
            unproven.push(claim);
        }
    }
    let mut drawn: Vec<u64> = Vec::new();
    for claim in unproven {
        let of_claim = |index: &u64| scales.is_wholly_of(claim, recording.segment(*index));
        let fresh = |index: &u64| replayed.iter().all(|found| found.segment.index != *index);
        let segments = 0..recording.segment_count();
        let mut open: Vec<u64> = segments.filter(|index| fresh(index) && of_claim(index)).collect();
        open.sort_by_cached_key(|index| rank(recording, challenge, *index));
        drawn.extend(open.into_iter().take(CONTROLS_MAX));
    }
    drawn.sort_unstable();
    drawn
}

/// Nobody can foresee which segments are the controls, if nobody could foresee the draw.
fn rank(recording: &Recording<'_>, challenge: Option<&Challenge>, index: u64) -> [u8; 32] {
    let nonce = challenge.map(|challenge| challenge.nonce.to_string()).unwrap_or_default();
    let mut hasher = Hasher::new("reenact v1 controls");
    hasher.fixed(&recording.commitment.0).bytes(nonce.as_bytes()).u64(index);
    hasher.finish().0
}

/// Says whether replays show that this machine computes as one that trained does, though
/// the recording claims another. No tolerance holds then.
pub fn is_shown_to_be_here(
    recording: &Recording<'_>,
    auditor: &Environment,
    replayed: &[SegmentReport],
    controls: &[SegmentReport],
) -> bool {
    let scales = scales(&recording.history.environments, auditor, replayed, controls);
    scales.replayed.iter().any(|report| {
        report.ends_otherwise()
            && matches!(scales.excuse(report.leaves_at()), Excuse::Refuted { .. })
    })
}

fn scales<'a>(
    trained_by: &'a [(u64, Environment)],
    auditor: &'a Environment,
    replayed: &'a [SegmentReport],
    controls: &'a [SegmentReport],
) -> Scales<'a> {
    Scales { trained_by, auditor, replayed: replayed.iter().chain(controls).collect() }
}

impl SegmentReport {
    /// Says what a segment that was replayed as a control comes to.
    pub fn as_control(&self) -> &'static str {
        match &self.outcome {
            SegmentOutcome::Replayed { replay } if !replay.leaves_recording() => "agrees",
            SegmentOutcome::Replayed { .. } => "leaves the recording",
            _ => "could not be judged",
        }
    }

    /// Says whether a replay of the whole segment ended in the recorded bits.
    fn agrees_bit_for_bit(&self) -> bool {
        let SegmentOutcome::Replayed { replay } = &self.outcome else { return false };
        let exact = replay.deviation.as_ref().is_none_or(|found| found.is_zero());
        replay.divergence.is_none() && exact
    }

    /// Says whether it did so, and from the declared initial state on.
    pub(in crate::verify) fn agrees_as_declared(&self) -> bool {
        let SegmentOutcome::Replayed { replay } = &self.outcome else { return false };
        self.agrees_bit_for_bit() && replay.agrees()
    }

    /// Returns the step at which a replay left the recording, or the last one, where only
    /// the state after it tells.
    fn leaves_at(&self) -> u64 {
        let last = self.segment.step_end.saturating_sub(1);
        let SegmentOutcome::Replayed { replay } = &self.outcome else { return last };
        let step = replay.divergence.as_ref().and_then(|found| found.step.as_ref());
        step.map_or(last, |found| found.step)
    }

    /// Says whether a replay ended in other bits than the recorded ones.
    fn ends_otherwise(&self) -> bool {
        let replayed = matches!(
            self.outcome,
            SegmentOutcome::Replayed { .. } | SegmentOutcome::Unstable { .. }
        );
        replayed && !self.agrees_bit_for_bit()
    }
}

impl Report {
    /// A contradiction in the record outweighs everything; then what a replay
    /// proves; then what could not be told.
    pub(in crate::verify) fn decide(&self) -> (Verdict, Vec<String>) {
        let of_weight = |weight: Weight| {
            let found = self.findings.iter().filter(move |finding| finding.weight == weight);
            found.map(ToString::to_string).collect::<Vec<_>>()
        };
        let mut against = of_weight(Weight::Divergent);
        let mut unclear = of_weight(Weight::Inconclusive);
        for (step, weight, reason) in self.judged() {
            if weight == Weight::Inconclusive {
                unclear.push(reason);
                continue;
            }
            match self.excuse(step) {
                Excuse::Possible { known } => unclear.push(Self::unclear(&reason, &known)),
                Excuse::Refuted { known, agreed } => {
                    against.push(Self::refuted(&reason, &known, &agreed));
                }
                Excuse::None => against.push(reason),
            }
        }
        // Where a segment alone is beyond the tolerance, the sum says nothing new.
        if !self.segments.iter().any(SegmentReport::leaves_recording) {
            against.extend(self.tolerance.as_ref().and_then(Tolerance::drift_objection));
        }
        if !against.is_empty() {
            (Verdict::Divergent, against)
        } else if !unclear.is_empty() {
            unclear.extend(self.doubt.clone());
            (Verdict::Inconclusive, unclear)
        } else if self.segments.is_empty() {
            let doubt = self.doubt.iter().cloned();
            (
                Verdict::Inconclusive,
                ["no segment was replayed".into()].into_iter().chain(doubt).collect(),
            )
        } else if let Some(doubt) = &self.doubt {
            (Verdict::Inconclusive, vec![doubt.clone()])
        } else {
            let grade = self.tolerance.as_ref().map_or(Grade::BitExact, |_| Grade::Tolerance);
            (Verdict::Match { grade }, Vec::new())
        }
    }

    /// Returns what the replays give: the step, its weight, and the words. Every replay
    /// begins with the same initial state, so one reason is enough for that.
    fn judged(&self) -> Vec<(u64, Weight, String)> {
        let began_otherwise = self.segments.iter().find_map(SegmentReport::wrong_start);
        let began_otherwise = began_otherwise.map(|(weight, reason)| (0, weight, reason));
        // A control that could not be judged takes nothing from what was drawn.
        let held = self.controls.iter().filter(|control| control.leaves_recording());
        let judged = self.segments.iter().chain(held).filter_map(|found| {
            let (weight, reason) = found.weigh()?;
            Some((found.leaves_at(), weight, reason))
        });
        began_otherwise.into_iter().chain(judged).collect()
    }

    /// Returns what can be done about what is in the way of a match.
    pub(in crate::verify) fn advise(&self) -> Vec<Advice> {
        let of_findings = self.findings.iter().filter_map(|finding| finding.advice.clone());
        let is_excused = |step| matches!(self.excuse(step), Excuse::Possible { .. });
        let mut excused =
            self.judged().into_iter().filter(|(_, weight, _)| *weight == Weight::Divergent);
        let elsewhere = excused.any(|(step, ..)| is_excused(step)).then_some(Advice::OtherMachine);
        let proven = self.segments.iter().find(|found| {
            found.weigh().is_some_and(|(weight, _)| weight == Weight::Divergent)
                && !is_excused(found.leaves_at())
        });
        let again = proven.map(|found| Advice::Again { segment: found.segment.index });
        let unstable = self.segments.iter().any(SegmentReport::does_not_repeat);
        let mut all: Vec<Advice> = again.into_iter().chain(of_findings).chain(elsewhere).collect();
        all.extend(unstable.then_some(Advice::Repeat));
        all.dedup();
        all
    }

    /// Within a tolerance another machine has been allowed for.
    fn excuse(&self, step: u64) -> Excuse {
        let Some(claim) = self.claim.as_ref().filter(|_| self.tolerance.is_none()) else {
            return Excuse::None;
        };
        scales(&claim.environments, &self.auditor, &self.segments, &self.controls).excuse(step)
    }

    fn unclear(reason: &str, known: &str) -> String {
        format!(
            "{reason}; but the recording claims that another machine or build computed it \
             (trained / here: {known}), which alone can cause that, and no segment under that \
             claim agrees here"
        )
    }

    fn refuted(reason: &str, known: &str, agreed: &[u64]) -> String {
        format!(
            "{reason}; the recording claims that another machine or build computed it (trained \
             / here: {known}), but {} under the same claim here, which shows that it computes as \
             this one does. Should it differ in rare numbers only, an audit on such a machine \
             with such a build tells",
            Agreed(agreed)
        )
    }
}

struct Agreed<'a>(&'a [u64]);

impl fmt::Display for Agreed<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let numbers: Vec<String> = self.0.iter().take(NAMED_MAX).map(u64::to_string).collect();
        let (plural, verb) = if self.0.len() == 1 { ("", "agrees") } else { ("s", "agree") };
        write!(f, "segment{plural} {}", numbers.join(", "))?;
        if let Some(more @ 1..) = self.0.len().checked_sub(NAMED_MAX) {
            write!(f, " and {more} more")?;
        }
        write!(f, " {verb} bit for bit")
    }
}
