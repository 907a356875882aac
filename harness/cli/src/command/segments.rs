//! Which segments an audit replays.

use clap::Args;
use reenact_core::format::Object;
use reenact_core::spec::Sampling;
use reenact_core::verify::{
    Beacon, BeyondRun, Challenge, Debt, Finding, Nonce, NonceSource, Place, Recording, SampledBy,
    sample_size,
};

use super::segment_list::{Either, Meant, Sample, SegmentList};
use crate::failure::Failure;

/// Says which segments to replay.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct Selection {
    /// Draw so many segments, the last one always among them, or `all`
    /// [default: as the trainer's spec says]
    #[arg(long, value_name = "N|all", conflicts_with_all = ["segment", "segments", "confidence"])]
    sample: Option<Sample>,
    /// Replay these segments and draw none: `3` is number three, `0,3,7-9` are
    /// several; may be repeated
    #[arg(long, value_name = "LIST", conflicts_with_all = ["segments", "confidence", "nonce", "beacon"])]
    segment: Vec<SegmentList>,
    /// What --sample and --segment were before they were two.
    #[arg(long, value_name = "N|all|LIST", hide = true, conflicts_with = "confidence")]
    segments: Option<Either>,
    /// Draw as many segments as find tampering with this probability
    #[arg(long, value_name = "P", value_parser = probability)]
    confidence: Option<f64>,
    /// Number of tampered segments to assume for --confidence; one where it is
    /// not said
    #[arg(long, value_name = "M", requires = "confidence", value_parser = clap::value_parser!(u64).range(1..))]
    tampered: Option<u64>,
    /// Repeat the draw of an earlier report, by its nonce. A sample that a
    /// trainer could have guessed lowers no chance of escape: leave it out for a
    /// new audit [default: fresh randomness, drawn after the recording was read]
    #[arg(long, value_name = "TEXT", conflicts_with_all = ["beacon", "beacon_round", "beacon_value"])]
    nonce: Option<Nonce>,
    /// Draw with a public random value that was announced after the run was
    /// committed: name its source; with --beacon-round and --beacon-value
    #[arg(long, value_name = "SOURCE", requires_all = ["beacon_round", "beacon_value"])]
    beacon: Option<String>,
    /// Number of the announcement
    #[arg(long, value_name = "N", requires = "beacon")]
    beacon_round: Option<u64>,
    /// What was announced
    #[arg(long, value_name = "TEXT", requires = "beacon")]
    beacon_value: Option<String>,
}

fn probability(text: &str) -> Result<f64, String> {
    let value: f64 = text.parse().map_err(|_| "a number is expected".to_owned())?;
    let open = value > 0.0 && value < 1.0;
    open.then_some(value).ok_or_else(|| "it has to be above 0 and below 1".to_owned())
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
    pub(super) fn owe(&mut self, debts: &[Debt]) {
        if self.challenge.is_some() {
            self.segments.extend(debts.iter().map(|debt| debt.segment));
            self.segments.sort_unstable();
            self.segments.dedup();
        }
    }
}

impl Selection {
    /// Selects every segment.
    pub(crate) fn all() -> Self {
        Self { sample: Some(Sample::All), ..Self::default() }
    }

    /// Selects these segments.
    pub(crate) fn listed(segments: &[u64]) -> Self {
        let ranges = segments.iter().map(|&segment| (segment, segment + 1)).collect();
        Self { segment: vec![SegmentList(ranges)], ..Self::default() }
    }

    /// Returns what to say of an option that is going away, if it was used.
    pub(crate) fn warning(&self) -> Option<String> {
        self.segments.as_ref().map(Either::warning)
    }

    /// Returns the nonce that the user gave, if they gave one. What is wrong
    /// with it is said before anything is read.
    pub(crate) fn given_nonce(&self) -> Result<Option<(Nonce, NonceSource)>, Failure> {
        if let Some(nonce) = &self.nonce {
            return Ok(Some((nonce.clone(), NonceSource::Given)));
        }
        let (source, value) = (self.beacon.clone(), self.beacon_value.clone());
        let (Some(source), Some(round), Some(value)) = (source, self.beacon_round, value) else {
            return Ok(None);
        };
        let beacon = Beacon { source, round, value };
        let nonce = beacon.nonce().map_err(Failure::usage)?;
        Ok(Some((nonce, NonceSource::Beacon(beacon))))
    }

    /// Draws from a recording. A fresh nonce is drawn here and nowhere else: it
    /// takes a recording whose commitment has been read, so nobody can still
    /// choose a commitment by it.
    pub(crate) fn draw(
        &self,
        recording: &Recording<'_>,
        fresh: impl FnOnce() -> Result<Nonce, Failure>,
    ) -> Result<Drawn, Failure> {
        let total = recording.segment_count();
        if let Some(ranges) = self.list() {
            return listed(&ranges, total);
        }
        let sampled_by = self.sampled_by(recording.spec.sampling);
        let (SampledBy::Spec { policy } | SampledBy::Auditor { policy }) = sampled_by else {
            unreachable!("what is chosen by hand is a list");
        };
        let (count, beyond) = sample_size(policy, total);
        let note = match (beyond, sampled_by) {
            (Some(beyond), SampledBy::Auditor { .. }) => return Err(refuse(beyond)),
            (beyond, _) => beyond.map(note),
        };
        let (nonce, source) = match self.given_nonce()? {
            Some(given) => given,
            None => (fresh()?, NonceSource::Fresh),
        };
        let challenge = Challenge::new(recording.commitment, nonce, total, count);
        let (segments, nonce_source) = (challenge.draw(), Some(source));
        Ok(Drawn { segments, challenge: Some(challenge), nonce_source, sampled_by, note })
    }

    /// Returns the segments that were named, if any were.
    fn list(&self) -> Option<Vec<(u64, u64)>> {
        match &self.segments {
            Some(Either { meant: Meant::List(list), .. }) => Some(list.0.clone()),
            _ if self.segment.is_empty() => None,
            _ => Some(self.segment.iter().flat_map(|list| list.0.iter().copied()).collect()),
        }
    }

    fn sampled_by(&self, policy: Sampling) -> SampledBy {
        let sample = match &self.segments {
            Some(Either { meant: Meant::Sample(sample), .. }) => Some(*sample),
            _ => self.sample,
        };
        let asked = match (sample, self.confidence) {
            (Some(Sample::All), _) => Some(Sampling::All {}),
            (Some(Sample::Count(segments)), _) => Some(Sampling::Count { segments }),
            (None, Some(confidence)) => {
                Some(Sampling::Confidence { confidence, tampered: self.tampered.unwrap_or(1) })
            }
            (None, None) => None,
        };
        match asked {
            Some(policy) => SampledBy::Auditor { policy },
            None => SampledBy::Spec { policy },
        }
    }
}

/// Refuses what an auditor asked for beyond the run.
fn refuse(beyond: BeyondRun) -> Failure {
    let hint = match beyond {
        BeyondRun::Count { total, .. } => format!("--sample is 1 to {total}, or `all`"),
        BeyondRun::Tampered { total, .. } => format!("--tampered is 1 to {total}"),
    };
    Failure::usage(beyond).hint(hint)
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
pub(crate) fn fresh_nonce() -> Result<Nonce, Failure> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).map_err(|error| {
        Failure::inconclusive(format!("the system gives no randomness: {error}"))
    })?;
    Ok(Nonce::from_bytes(bytes))
}

#[cfg(test)]
mod tests {
    use reenact_core::memory::MemoryRun;
    use reenact_core::record::Recorder;
    use reenact_core::spec::Spec;
    use reenact_core::toy::Toy;
    use reenact_core::trainer::Program;
    use reenact_core::verify::examine;

    use super::*;
    use crate::command::Device;

    #[test]
    fn lists_stay_inside_the_run() {
        assert!(listed(&[(0, 11)], 10).is_err());
        assert_eq!(listed(&[(2, 4), (3, 5)], 10).unwrap().segments, [2, 3, 4]);
    }

    #[test]
    fn what_is_beyond_the_run_is_refused_or_noted_and_never_clipped() {
        let run = recorded();
        let mut recording = examine(&run, &mut |_, _| ()).recording.unwrap();
        let draw = |selection: &Selection, recording: &Recording<'_>| {
            selection.draw(recording, || Ok("fresh".parse().unwrap()))
        };
        let sample = |count| Selection { sample: Some(Sample::Count(count)), ..Default::default() };
        assert_eq!(draw(&sample(6), &recording).unwrap().segments.len(), 6);
        let refused = draw(&sample(7), &recording).err().unwrap();
        assert_eq!(refused.message, "7 segments cannot be drawn: the run has 6");
        let (confidence, tampered) = (Some(0.9), Some(7));
        let unlikely = Selection { confidence, tampered, ..Default::default() };
        let refused = draw(&unlikely, &recording).err().unwrap();
        assert!(refused.message.contains("the run has 6"), "{}", refused.message);
        recording.spec.sampling = Sampling::Count { segments: 99 };
        let drawn = draw(&Selection::default(), &recording).unwrap();
        assert_eq!(drawn.segments.len(), 6);
        let note = drawn.note.unwrap();
        assert!(note.problem.contains("99") && note.problem.contains("has 6"), "{note}");
    }

    #[test]
    fn segments_are_named_in_several_lists() {
        let run = recorded();
        let recording = examine(&run, &mut |_, _| ()).recording.unwrap();
        let segment = vec!["3".parse().unwrap(), "0,2-3".parse().unwrap()];
        let selection = Selection { segment, ..Default::default() };
        let drawn = selection.draw(&recording, || unreachable!()).unwrap();
        assert_eq!((drawn.segments, drawn.sampled_by), (vec![0, 2, 3], SampledBy::Hand));
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
            let drawn = selection.draw(&recording, fresh).unwrap();
            (asked, drawn.challenge.map(|found| (found.commitment, found.nonce.to_string())))
        };
        let usual = Selection::all();
        let with = |nonce: &str| Some((recording.commitment, nonce.to_owned()));
        assert_eq!(draw(&usual), (1, with("fresh")));
        let given = Selection { nonce: Some("given".parse().unwrap()), ..usual.clone() };
        assert_eq!(draw(&given), (0, with("given")));
        let (beacon, beacon_value) = (Some("b".into()), Some("v".into()));
        let beacon = Selection { beacon, beacon_round: Some(3), beacon_value, ..usual };
        assert_eq!(draw(&beacon), (0, with("beacon b 3 v")));
        let listed = Selection { segment: vec!["0".parse().unwrap()], ..Selection::default() };
        assert_eq!(draw(&listed), (0, None));
    }

    fn recorded() -> MemoryRun {
        let spec = include_str!("../../../../replay-specs/toy-plane.toml");
        let spec = Spec::parse(spec).unwrap();
        let device = Device { device: None, data_dir: ".".into() };
        let setting = device.setting(&spec, 1, None);
        let trainer = Toy.start(&spec, Toy.data(&spec, &setting).unwrap(), &setting).unwrap();
        let environment = crate::environment::describe(Toy.engine(&setting).unwrap()).unwrap();
        let mut run = MemoryRun::default();
        let mut recorder = Recorder::start(&mut run, spec, trainer, environment).unwrap();
        while !recorder.is_done() {
            recorder.advance().unwrap();
        }
        recorder.finish().unwrap();
        run
    }
}
