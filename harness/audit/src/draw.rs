//! Which segments an audit replays.

use reenact_core::format::Object;
use reenact_core::spec::Sampling;
use reenact_core::verify::{
    BeyondRun, Challenge, Debt, Finding, Nonce, NonceSource, Place, Recording, SampledBy,
    SegmentSet, sample_size,
};

use serde::{Deserialize, Serialize};

use crate::failure::Failure;

/// Says which segments are chosen, and by what nonce.
#[derive(Clone, Debug, Default)]
pub struct Selection {
    /// Who chooses.
    pub choice: Choice,
    /// The nonce and where it comes from; none for fresh randomness.
    pub nonce: Option<(Nonce, NonceSource)>,
    /// What counts as covered, to repeat the draw of a report; none for what the ledger knows.
    pub covered: Option<SegmentSet>,
}

/// Says who chooses the segments.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Choice {
    /// The policy that the spec declares, which is the trainer's.
    #[default]
    Spec,
    /// A policy of the auditor's.
    Policy(Sampling),
    /// Nobody draws: segments from, and up to, each pair.
    Listed(Vec<(u64, u64)>),
}

/// Holds the segments to replay and, if they were drawn, how.
pub(crate) struct Drawn {
    pub(crate) segments: Vec<u64>,
    pub(crate) challenge: Option<Challenge>,
    pub(crate) nonce_source: Option<NonceSource>,
    pub(crate) sampled_by: SampledBy,
    /// What of the spec's policy is beyond the run.
    pub(crate) note: Option<Finding>,
}

impl Drawn {
    /// Adds what is due from earlier audits. A list of segments stays as it is.
    pub(crate) fn owe(&mut self, debts: &[Debt]) {
        if self.challenge.is_some() {
            self.segments.extend(debts.iter().map(|debt| debt.segment));
            self.segments.sort_unstable();
            self.segments.dedup();
        }
    }
}

impl Drawn {
    /// Objects to a list of segments that names one that was pruned. Due ones never are.
    pub(crate) fn check(&self, pruned: &SegmentSet) -> Result<(), Failure> {
        let gone = self.segments.iter().find(|segment| pruned.contains(**segment));
        let Some(gone) = gone.filter(|_| self.challenge.is_none()) else { return Ok(()) };
        let problem = format!("segment {gone} cannot be replayed again: it was pruned");
        Err(Failure::usage(problem).hint("the tombstones in `pruned/` say after which audits"))
    }
}

impl Selection {
    /// Selects every segment.
    pub fn all() -> Self {
        Self { choice: Choice::Policy(Sampling::All {}), ..Self::default() }
    }

    /// Selects these segments.
    pub fn listed(segments: &[u64]) -> Self {
        let ranges = segments.iter().map(|&segment| (segment, segment + 1)).collect();
        Self { choice: Choice::Listed(ranges), ..Self::default() }
    }

    /// Draws from what is not `covered` of a recording, and never what was `pruned`. A fresh
    /// nonce is drawn here and nowhere else: it takes a recording whose commitment has been
    /// read, so nobody can still choose a commitment by it.
    pub(crate) fn draw(
        &self,
        recording: &Recording<'_>,
        covered: &SegmentSet,
        pruned: &SegmentSet,
        fresh: impl FnOnce() -> Result<Nonce, Failure>,
    ) -> Result<Drawn, Failure> {
        let total = recording.segment_count();
        let (sampled_by, policy) = match &self.choice {
            Choice::Listed(ranges) => return listed(ranges, total),
            Choice::Policy(policy) => (SampledBy::Auditor { policy: *policy }, *policy),
            Choice::Spec => {
                let policy = recording.spec.sampling;
                (SampledBy::Spec { policy }, policy)
            }
        };
        let (count, beyond) = sample_size(policy, total);
        let note = match (beyond, &self.choice) {
            (Some(beyond), Choice::Policy(_)) => return Err(refuse(beyond)),
            (beyond, _) => beyond.map(note),
        };
        let (nonce, source) = match self.nonce.clone() {
            Some(given) => given,
            None => (fresh()?, NonceSource::Fresh),
        };
        // More segments may follow the last one of a run that still trains.
        let grows = recording.so_far.is_some();
        let covered = self.covered.as_ref().unwrap_or(covered);
        let challenge = Challenge::new(recording.commitment, nonce, total, count);
        let (covered, pruned) = (covered.clone(), pruned.clone());
        let challenge = Challenge { covered, grows, pruned, ..challenge };
        let (segments, nonce_source) = (challenge.draw(), Some(source));
        Ok(Drawn { segments, challenge: Some(challenge), nonce_source, sampled_by, note })
    }
}

/// Refuses what an auditor asked for beyond the run.
fn refuse(beyond: BeyondRun) -> Failure {
    let (BeyondRun::Count { total, .. } | BeyondRun::Tampered { total, .. }) = beyond;
    Failure::usage(beyond).hint(format!("1 to {total} can be asked for"))
}

/// Notes what the spec says beyond the run: a spec is no mistake of the auditor's.
fn note(beyond: BeyondRun) -> Finding {
    let problem = format!("the sampling policy reaches beyond the run: {beyond}");
    Finding::note(Place::object(Object::Spec), problem)
}

fn listed(ranges: &[(u64, u64)], total: u64) -> Result<Drawn, Failure> {
    if let Some((_, end)) = ranges.iter().find(|(_, end)| *end > total) {
        let message = format!("there is no segment {}; the run has {total}", end - 1);
        return Err(Failure::usage(message).hint("segments are numbered from 0"));
    }
    let mut segments: Vec<u64> = ranges.iter().flat_map(|&(start, end)| start..end).collect();
    segments.sort_unstable();
    segments.dedup();
    let (challenge, nonce_source, sampled_by, note) = (None, None, SampledBy::Hand, None);
    Ok(Drawn { segments, challenge, nonce_source, sampled_by, note })
}

/// Asks the system for randomness.
pub fn fresh_nonce() -> Result<Nonce, Failure> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).map_err(|error| {
        Failure::inconclusive(format!("the system gives no randomness: {error}"))
    })?;
    Ok(Nonce::from_bytes(bytes))
}

#[cfg(test)]
mod tests {
    use reenact_core::in_memory::MemoryRun;
    use reenact_core::record::Recorder;
    use reenact_core::spec::Spec;
    use reenact_core::trainer::{Program, Setting};
    use reenact_core::verify::{Beacon, examine};
    use reenact_toy::Toy;

    use super::*;
    use crate::this_process::environment_of;

    #[test]
    fn lists_stay_inside_the_run() {
        assert!(listed(&[(0, 11)], 10).is_err());
        assert_eq!(listed(&[(2, 4), (3, 5)], 10).unwrap().segments, [2, 3, 4]);
    }

    fn none() -> SegmentSet {
        SegmentSet::default()
    }

    fn policy(policy: Sampling) -> Selection {
        Selection { choice: Choice::Policy(policy), ..Selection::default() }
    }

    #[test]
    fn what_is_beyond_the_run_is_refused_or_noted_and_never_clipped() {
        let run = recorded();
        let mut recording = examine(&run, &mut |_, _| ()).recording.unwrap();
        let draw = |selection: &Selection, recording: &Recording<'_>| {
            selection.draw(recording, &none(), &none(), || Ok("fresh".parse().unwrap()))
        };
        let sample = |segments| policy(Sampling::Count { segments });
        assert_eq!(draw(&sample(6), &recording).unwrap().segments.len(), 6);
        let refused = draw(&sample(7), &recording).err().unwrap();
        assert_eq!(refused.message, "7 segments cannot be drawn: the run has 6");
        let unlikely = policy(Sampling::Confidence { confidence: 0.9, tampered: 7 });
        let refused = draw(&unlikely, &recording).err().unwrap();
        assert!(refused.message.contains("the run has 6"), "{}", refused.message);
        recording.spec.sampling = Sampling::Count { segments: 99 };
        let drawn = draw(&Selection::default(), &recording).unwrap();
        assert_eq!(drawn.segments.len(), 6);
        let note = drawn.note.unwrap();
        assert!(note.problem.contains("99") && note.problem.contains("has 6"), "{note}");
    }

    #[test]
    fn a_fresh_nonce_is_asked_for_once_and_only_where_none_is_given() {
        let run = recorded();
        let recording = examine(&run, &mut |_, _| ()).recording.unwrap();
        let draw = |selection: &Selection| {
            let mut asked = 0;
            let fresh = || {
                asked += 1;
                Ok("fresh".parse().unwrap())
            };
            let drawn = selection.draw(&recording, &none(), &none(), fresh).unwrap();
            (asked, drawn.challenge.map(|found| (found.commitment, found.nonce.to_string())))
        };
        let with = |nonce: &str| Some((recording.commitment, nonce.to_owned()));
        assert_eq!(draw(&Selection::all()), (1, with("fresh")));
        let given = Some(("given".parse().unwrap(), NonceSource::Given));
        assert_eq!(draw(&Selection { nonce: given, ..Selection::all() }), (0, with("given")));
        let beacon = Beacon { source: "b".into(), round: 3, value: "v".into() };
        let nonce = Some((beacon.nonce().unwrap(), NonceSource::Beacon(beacon)));
        assert_eq!(draw(&Selection { nonce, ..Selection::all() }), (0, with("beacon b 3 v")));
        assert_eq!(draw(&Selection::listed(&[0])), (0, None));
    }

    #[test]
    fn what_is_covered_is_not_drawn_and_who_repeats_a_draw_says_what_was() {
        let run = recorded();
        let recording = examine(&run, &mut |_, _| ()).recording.unwrap();
        let covered: SegmentSet = [0, 1, 5].into_iter().collect();
        let draw = |selection: &Selection, covered: &SegmentSet| {
            let drawn =
                selection.draw(&recording, covered, &none(), || Ok("fresh".parse().unwrap()));
            let Drawn { segments, challenge, .. } = drawn.unwrap();
            (segments, challenge.unwrap())
        };
        let three = policy(Sampling::Count { segments: 3 });
        let (segments, first) = draw(&three, &covered);
        assert_eq!((segments, &first.covered, first.grows), (vec![2, 3, 4], &covered, false));
        let two = Selection { covered: Some(covered), ..policy(Sampling::Count { segments: 2 }) };
        let all = (0..6).collect();
        let (again, _) = draw(&two, &all);
        assert!(again.iter().all(|segment| (2..5).contains(segment)), "{again:?}");
        // Who asks for more than is left gets some again.
        assert_eq!(draw(&policy(Sampling::All {}), &all).0.len(), 6);
    }

    fn recorded() -> MemoryRun {
        let spec = include_str!("../../../replay-specs/toy-plane.toml");
        let spec = Spec::parse(spec).unwrap();
        let setting = Setting::new("cpu", 1);
        let trainer = Toy.start(&spec, Toy.data(&spec, &setting).unwrap(), &setting).unwrap();
        let environment = environment_of(Toy.platform().engine(&setting).unwrap()).unwrap();
        let mut run = MemoryRun::default();
        let mut recorder = Recorder::start(&mut run, spec, trainer, environment).unwrap();
        while !recorder.is_done() {
            recorder.advance().unwrap();
        }
        recorder.finish().unwrap();
        run
    }
}
