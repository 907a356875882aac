//! What an audit reports: the facts, and the verdict that follows from them.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::digest::Digest;
use crate::format::{Environment, tf32_kernels};
use crate::spec::StartSpec;
use crate::verify::advice::Advice;
use crate::verify::audited::Audited;
use crate::verify::batches::Batches;
use crate::verify::challenge::Challenge;
use crate::verify::coverage::Coverage;
use crate::verify::curve::FigureCurve;
use crate::verify::evidence::Evidence;
use crate::verify::expected::{Expected, ExpectedSpec};
use crate::verify::finding::Finding;
use crate::verify::independence::{Builds, Independence};
use crate::verify::model_file::ModelFile;
use crate::verify::nonce_source::NonceSource;
use crate::verify::note::notes;
use crate::verify::reach::Reach;
use crate::verify::recording::Recording;
use crate::verify::remembered::Past;
use crate::verify::sampled_by::SampledBy;
use crate::verify::segment_report::{SegmentOutcome, SegmentReport};
use crate::verify::thinned_steps::LossPoint;
use crate::verify::tolerance::Tolerance;
use crate::verify::trusted_builds::TrustedList;
use crate::verify::verdict::Verdict;
use crate::verify::vouched::Vouched;

/// Format version of the report.
///
/// 1: the first (2026-11). Later in 1, as fields that may be missing: where the
/// nonce came from, which independence was required, what a ledger knew of
/// earlier audits, the chance of escape up to now, the kernels that a replay had to
/// choose itself, the tolerance of an audit across classes of device, the rule of
/// the draw (a report without one was drawn by rule 1), who decided on the sample, what was
/// audited, the outcome `changed` of a segment, segments that were due from earlier
/// audits, controls, what audits before had covered, the spec that was ordered, the list of
/// trusted builds, how far a run has come that still trains or has ended early, of how many
/// steps the batches were compared, whether a file is the run's model, and when the audit
/// ended. A report
/// without such a list that says `independent` may be an older one, and means another binary.
pub const REPORT_FORMAT: u32 = 1;

/// Numbers of tampered segments for which the chance of escape is reported.
const TAMPERED: [u64; 6] = [1, 2, 5, 10, 100, 1000];

/// Holds everything that an audit found.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Report {
    /// Format version, [`REPORT_FORMAT`].
    pub format: u32,
    /// The verdict.
    pub verdict: Verdict,
    /// Why it is not a match, most telling first; empty for a match.
    pub reasons: Vec<String>,
    /// Where the recording lies.
    pub run: String,
    /// Who vouches for the recording.
    pub vouched: Vouched,
    /// What the recording claims; none if it could not be read.
    pub claim: Option<Claim>,
    /// Whether a file that the auditor was given is the run's model; none if none was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model_file: Option<ModelFile>,
    /// What was audited, by digests; none if it could not be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub audited: Option<Audited>,
    /// The spec that was ordered, which the recorded one was compared with; none if nobody
    /// said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected: Option<ExpectedSpec>,
    /// Everything that decides the sample; none if nothing could be drawn.
    pub challenge: Option<Challenge>,
    /// Who decided which segments; none if none were to be replayed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sampled_by: Option<SampledBy>,
    /// Where the nonce came from; none if nothing was drawn.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nonce_source: Option<NonceSource>,
    /// What a ledger knew of earlier audits; none if none was asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub past: Option<Past>,
    /// Of how many steps the batches were compared with the data set; none if it was not
    /// opened.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub batches: Option<Batches>,
    /// What was found without replay, and what a replay that agrees noted.
    pub findings: Vec<Finding>,
    /// The drawn segments and what their replay gave.
    pub segments: Vec<SegmentReport>,
    /// Those that were replayed beside the drawn ones, as an audit before drew them and
    /// could not judge them. No chance counts them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub due: Vec<u64>,
    /// Segments that were replayed to weigh what the recording claims of its machines. No
    /// chance counts them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub controls: Vec<SegmentReport>,
    /// Chance that tampering with so many segments escaped this audit; empty where the
    /// segments were chosen by hand, as a choice has no chance, and where some was found or
    /// not everything that was drawn was replayed.
    pub escape: Vec<Escape>,
    /// What the auditing binary is to the one that trained.
    pub independence: Option<Independence>,
    /// The list that says which builds are trusted; none if there was none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trusted_builds: Option<TrustedList>,
    /// What it had to be; none if anything would do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub required: Option<Independence>,
    /// Facts that decide bits and differ between trainer and auditor; empty if
    /// nothing was replayed.
    pub class_differences: Vec<String>,
    /// What differs of the two builds and can decide bits; empty if nothing was replayed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub build_differences: Vec<String>,
    /// What was allowed and what could hide in it; none if every bit was compared.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tolerance: Option<Tolerance>,
    /// Why a match cannot be given, outside of the recording.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub doubt: Option<String>,
    /// What can be done about what is in the way of a match.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub advice: Vec<Advice>,
    /// Where the audit ran.
    pub auditor: Environment,
    /// When it ended; none if nobody looked at a clock.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended: Option<Ended>,
    /// What is covered after this audit; none if no ledger was asked. It is the ledger's, and no
    /// part of a stored report.
    #[serde(skip)]
    pub coverage: Option<Coverage>,
}

/// Says when an audit ended.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Ended {
    /// Seconds since 1970.
    pub at_seconds: u64,
    /// Seconds that it took, by the auditor's clock.
    pub after_seconds: f64,
}

/// Says what a recording claims to be.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Claim {
    /// Name of the run.
    pub name: String,
    /// Name of the program.
    pub program: String,
    /// Digest of the spec.
    pub spec: Digest,
    /// Declared steps.
    pub steps: u64,
    /// Segments that are committed to.
    pub segments: u64,
    /// How far it has come, if that is not its declared length.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reach: Option<Reach>,
    /// Steps of a segment; the last may have fewer.
    #[serde(default)]
    pub checkpoint_every: u64,
    /// The recording whose final model the run began with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start: Option<StartSpec>,
    /// Steps with which training went on after an interruption.
    pub resumed: Vec<u64>,
    /// Where it was trained, from which step on.
    pub environments: Vec<(u64, Environment)>,
    /// The recorded losses, thinned out.
    #[serde(default)]
    pub losses: Vec<LossPoint>,
    /// What was measured on samples that are held out, thinned out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub figures: Vec<FigureCurve>,
    /// Kernels that multiplied in TF32, with ten bits of mantissa, though the numbers are of
    /// `f32`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tf32: Vec<String>,
}

impl Claim {
    /// Returns the number of steps that are committed to.
    pub fn steps_reached(&self) -> u64 {
        self.reach.map_or(self.steps, Reach::step)
    }

    /// Reads what a recording claims.
    pub fn of(recording: &Recording<'_>) -> Self {
        Self {
            name: recording.spec.name.clone(),
            program: recording.spec.program.name.clone(),
            spec: recording.history.spec,
            steps: recording.spec.steps,
            segments: recording.segment_count(),
            reach: Reach::of(recording),
            checkpoint_every: recording.spec.checkpoint_every,
            start: recording.spec.start.clone(),
            resumed: recording.history.resumed().collect(),
            environments: recording.history.environments.clone(),
            losses: LossPoint::of_history(&recording.history),
            figures: FigureCurve::of_history(&recording.history),
            tf32: tf32_kernels(recording.history.selections.iter()),
        }
    }
}

/// Gives the chance that tampering escapes.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Escape {
    /// Number of tampered segments.
    pub tampered: u64,
    /// Probability that none of them was drawn.
    pub probability: f64,
    /// Probability that none of them was drawn in this audit, nor in an earlier
    /// one, of what has agreed; 0 if they can lie nowhere any more. None if no ledger was
    /// asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub probability_so_far: Option<f64>,
}

impl Report {
    /// Joins findings and replays into a report with its verdict.
    pub fn conclude(evidence: Evidence<'_>) -> Self {
        let Evidence { recording, auditor, mut findings, segments, challenge, .. } = evidence;
        let due = challenge.as_ref().map_or(Vec::new(), |found| beside(found, &segments));
        let claim = recording.map(Claim::of);
        let trained_by = claim.as_ref().map_or(&[][..], |claim| &claim.environments);
        let trusted = evidence.trusted_builds;
        let builds = Builds { trained_by, auditor: auditor.binary, trusted };
        let independence = claim.as_ref().map(|_| builds.independence());
        let replayed = recording.filter(|_| !segments.is_empty());
        let compared = replayed.map_or(Vec::new(), |found| found.history.trained_by());
        let between = |differences: fn(&Environment, &Environment) -> Vec<String>| {
            let each = compared.iter().flat_map(|(_, found)| differences(found, &auditor));
            each.collect::<BTreeSet<_>>().into_iter().collect::<Vec<_>>()
        };
        let class_differences = between(Environment::class_differences);
        let build_differences = between(Environment::build_differences);
        findings.extend(notes(&segments));
        let nonce_source = evidence.nonce_source;
        let recall = evidence.recall;
        let mut report = Self {
            format: REPORT_FORMAT,
            verdict: Verdict::Inconclusive,
            reasons: Vec::new(),
            run: evidence.place,
            vouched: evidence.vouched,
            claim,
            audited: recording.map(Audited::of),
            expected: evidence.expected.map(Expected::named),
            challenge,
            sampled_by: evidence.sampled_by,
            nonce_source,
            batches: evidence.batches.map(|found| found.and_replayed(steps_of(&segments))),
            past: recall.map(|recall| recall.past.clone()),
            findings,
            // Where nothing was replayed, nothing was allowed.
            tolerance: evidence.tolerance.filter(|_| !segments.is_empty()),
            segments,
            due,
            controls: evidence.controls,
            escape: Vec::new(),
            independence,
            trusted_builds: trusted.map(|list| list.named(auditor.binary)),
            required: evidence.required,
            class_differences,
            build_differences,
            model_file: None,
            doubt: None,
            advice: Vec::new(),
            ended: None,
            auditor,
            coverage: None,
        };
        report.coverage = recall.map(|recall| report.covered_now(&recall.coverage));
        report.escape = report.escapes();
        report.decided()
    }

    fn decided(mut self) -> Self {
        (self.verdict, self.reasons) = self.decide();
        self.advice = self.advise();
        self
    }

    /// Takes back a match that cannot be given for a reason outside of the recording. An
    /// accusation stands.
    pub fn doubted(mut self, reason: String) -> Self {
        self.doubt = Some(reason);
        self.decided()
    }

    /// Notes why a ledger does not know everything, or does not remember this audit.
    pub fn note_ledger(&mut self, problem: Option<String>) {
        if problem.is_some() {
            self.past.get_or_insert_with(Past::default).problem = problem;
        }
    }

    /// Returns the segments of which a replay leaves the recording.
    pub fn divergent(&self) -> impl Iterator<Item = &SegmentReport> {
        self.segments.iter().filter(|found| found.leaves_recording())
    }

    /// Counts the divergent segments whose cause was not sought, where that of
    /// others was.
    pub fn not_looked_into(&self) -> usize {
        let (sought, not): (Vec<_>, Vec<_>) =
            self.divergent().partition(|segment| segment.explanation.is_some());
        if sought.is_empty() { 0 } else { not.len() }
    }

    /// Returns the chances of escape, and what is left of them after the audits that a ledger
    /// remembers. A nonce that was given lowers no chance, as the trainer may have known it.
    fn escapes(&self) -> Vec<Escape> {
        let Some(challenge) = &self.challenge else { return Vec::new() };
        let now = self.coverage.as_ref();
        let possible = TAMPERED.into_iter().filter(|&tampered| tampered <= challenge.total);
        let escape = |tampered| Escape {
            tampered,
            probability: challenge.escape(tampered),
            probability_so_far: now.map(|now| now.escape(tampered)),
        };
        possible.map(escape).collect()
    }

    /// Adds what this audit drew and covered to what those before did.
    fn covered_now(&self, before: &Coverage) -> Coverage {
        let counts = self.nonce_source.as_ref().is_some_and(NonceSource::is_unforeseen);
        let drawn = self.challenge.as_ref().filter(|_| counts).map(|challenge| {
            let sampled = challenge.drawing().sampled;
            let judged = self.segments.iter().filter(|found| found.is_judged());
            let found = judged.filter(|found| sampled.binary_search(&found.segment.index).is_ok());
            (challenge, found.count() as u64)
        });
        before.and(drawn, &self.agreed().map(|found| found.segment.index).collect())
    }

    /// Says whether every drawn segment was replayed and agreed with the
    /// recording, so that tampering with one of them would have been seen.
    pub fn sample_agreed(&self) -> bool {
        let agreed = |found: &SegmentReport| match &found.outcome {
            SegmentOutcome::Replayed { replay } => replay.agrees(),
            _ => false,
        };
        // What passed within a tolerance says nothing of smaller edits, which an
        // audit bit for bit would have seen: the two are not counted together.
        self.challenge.is_some()
            && self.tolerance.is_none()
            && self.verdict != Verdict::Divergent
            && self.segments.iter().all(agreed)
    }
}

/// Counts the steps of segments that were replayed to their end.
fn steps_of(segments: &[SegmentReport]) -> u64 {
    let replayed = segments.iter().filter(|found| found.was_replayed());
    replayed.map(|found| found.segment.step_end - found.segment.step_start).sum()
}

/// Returns the segments that were replayed though the challenge did not draw them.
fn beside(challenge: &Challenge, segments: &[SegmentReport]) -> Vec<u64> {
    let drawn = challenge.draw();
    let replayed: Vec<u64> = segments.iter().map(|report| report.segment.index).collect();
    assert!(drawn.iter().all(|index| replayed.contains(index)), "what was drawn is reported");
    replayed.into_iter().filter(|index| drawn.binary_search(index).is_err()).collect()
}
