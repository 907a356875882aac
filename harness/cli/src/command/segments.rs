//! Which segments an audit replays.

use std::str::FromStr;

use clap::Args;
use reenact_core::spec::Sampling;
use reenact_core::verify::{Beacon, Challenge, Debt, Nonce, NonceSource, Recording, segments_for};

use crate::failure::Failure;

/// Says which segments to replay.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct Selection {
    /// Segments to replay: a number to draw, `all`, or a list like `0,3,7-9`
    /// [default: as the spec's sampling policy says]
    #[arg(long, value_name = "N|all|LIST", conflicts_with_all = ["confidence", "tampered"])]
    segments: Option<Choice>,
    /// Draw as many segments as find tampering with this probability
    #[arg(long, value_name = "P", value_parser = probability)]
    confidence: Option<f64>,
    /// Number of tampered segments to assume for --confidence
    #[arg(long, value_name = "M", requires = "confidence", value_parser = clap::value_parser!(u64).range(1..))]
    tampered: Option<u64>,
    /// Repeat the draw of an earlier audit
    /// [default: fresh randomness, drawn after the recording was read]
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

#[derive(Clone, Debug, PartialEq)]
enum Choice {
    All,
    Count(u64),
    /// Half-open ranges.
    List(Vec<(u64, u64)>),
}

impl FromStr for Choice {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let refuse = || "write a number to draw, `all`, or a list like `0,3,7-9`".to_owned();
        if text == "all" {
            return Ok(Self::All);
        }
        if let Ok(count) = text.parse::<u64>() {
            return if count > 0 { Ok(Self::Count(count)) } else { Err(refuse()) };
        }
        let range = |part: &str| {
            let (first, last) = part.split_once('-').unwrap_or((part, part));
            let (first, last): (u64, u64) = (first.trim().parse().ok()?, last.trim().parse().ok()?);
            (first <= last).then_some((first, last.checked_add(1)?))
        };
        let parts = text.trim_end_matches(',').split(',');
        parts.map(range).collect::<Option<_>>().map(Self::List).ok_or_else(refuse)
    }
}

/// Holds the segments to replay and, if they were drawn, how.
pub(crate) struct Drawn {
    pub(crate) segments: Vec<u64>,
    pub(crate) challenge: Option<Challenge>,
    pub(crate) nonce_source: Option<NonceSource>,
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
        Self { segments: Some(Choice::All), ..Self::default() }
    }

    /// Selects these segments.
    pub(crate) fn listed(segments: &[u64]) -> Self {
        let ranges = segments.iter().map(|&segment| (segment, segment + 1)).collect();
        Self { segments: Some(Choice::List(ranges)), ..Self::default() }
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
        if let Some(Choice::List(ranges)) = &self.segments {
            return listed(ranges, total);
        }
        let (nonce, source) = match self.given_nonce()? {
            Some(given) => given,
            None => (fresh()?, NonceSource::Fresh),
        };
        let count = self.count(recording.spec.sampling, total);
        let challenge = Challenge { commitment: recording.commitment, nonce, total, count };
        let segments = challenge.draw();
        Ok(Drawn { segments, challenge: Some(challenge), nonce_source: Some(source) })
    }

    fn count(&self, policy: Sampling, total: u64) -> u64 {
        let for_confidence =
            |confidence, tampered: u64| segments_for(total, tampered.min(total), confidence).max(1);
        match (&self.segments, self.confidence) {
            (Some(Choice::Count(count)), _) => (*count).min(total),
            (Some(_), _) => total,
            (None, Some(confidence)) => for_confidence(confidence, self.tampered.unwrap_or(1)),
            (None, None) => match policy {
                Sampling::All {} => total,
                Sampling::Count { segments } => segments.min(total),
                Sampling::Confidence { confidence, tampered } => {
                    for_confidence(confidence, tampered)
                }
            },
        }
    }
}

fn listed(ranges: &[(u64, u64)], total: u64) -> Result<Drawn, Failure> {
    if let Some((_, end)) = ranges.iter().find(|(_, end)| *end > total) {
        let message = format!("there is no segment {}; the run has {total}", end - 1);
        return Err(Failure::usage(message).hint("segments are numbered from 0"));
    }
    let mut segments: Vec<u64> = ranges.iter().flat_map(|&(start, end)| start..end).collect();
    segments.sort_unstable();
    segments.dedup();
    Ok(Drawn { segments, challenge: None, nonce_source: None })
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
    fn reads_numbers_lists_and_all() {
        assert_eq!("all".parse(), Ok(Choice::All));
        assert_eq!("3".parse(), Ok(Choice::Count(3)));
        assert_eq!("0,3,7-9".parse(), Ok(Choice::List(vec![(0, 1), (3, 4), (7, 10)])));
        assert_eq!("5,".parse(), Ok(Choice::List(vec![(5, 6)])));
        for text in ["", "0", "x", "3-1", "1,,2", "-1", "18446744073709551615-18446744073709551615"]
        {
            assert!(text.parse::<Choice>().is_err(), "{text}");
        }
    }

    #[test]
    fn lists_stay_inside_the_run() {
        assert!(listed(&[(0, 11)], 10).is_err());
        assert_eq!(listed(&[(2, 4), (3, 5)], 10).unwrap().segments, [2, 3, 4]);
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
        let listed = Selection { segments: Some("0,".parse().unwrap()), ..Selection::default() };
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
