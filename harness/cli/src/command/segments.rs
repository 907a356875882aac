//! Which segments an audit replays.

use std::str::FromStr;

use clap::Args;
use reenact_core::spec::Sampling;
use reenact_core::verify::{Challenge, Nonce, Recording, segments_for};

use crate::failure::Failure;

/// Says which segments to replay.
#[derive(Args, Clone, Debug)]
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
    /// Repeat the draw of an earlier audit, or use a public random value
    /// [default: fresh randomness]
    #[arg(long, value_name = "TEXT")]
    nonce: Option<Nonce>,
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
}

impl Selection {
    /// Selects every segment.
    pub(crate) fn all() -> Self {
        Self { segments: Some(Choice::All), confidence: None, tampered: None, nonce: None }
    }

    /// Draws from a recording.
    pub(crate) fn draw(&self, recording: &Recording<'_>) -> Result<Drawn, Failure> {
        let total = recording.segment_count();
        if let Some(Choice::List(ranges)) = &self.segments {
            return listed(ranges, total);
        }
        let nonce = match &self.nonce {
            Some(nonce) => nonce.clone(),
            None => fresh_nonce()?,
        };
        let count = self.count(recording.spec.sampling, total);
        let challenge = Challenge { commitment: recording.commitment, nonce, total, count };
        Ok(Drawn { segments: challenge.draw(), challenge: Some(challenge) })
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
    Ok(Drawn { segments, challenge: None })
}

fn fresh_nonce() -> Result<Nonce, Failure> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).map_err(|error| {
        Failure::inconclusive(format!("the system gives no randomness: {error}"))
    })?;
    Ok(Nonce::from_bytes(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

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
}
