//! Which segments an audit replays.

use clap::Args;
use reenact_audit::{Choice, Failure, Selection};
use reenact_core::spec::Sampling;
use reenact_core::verify::{Beacon, Nonce, NonceSource, SegmentSet};

use super::segment_list::{Either, Meant, Sample, SegmentList};

/// Says which segments to replay.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct SelectionOptions {
    /// Draw N segments, or `all` [default: as the spec says]
    #[arg(long, value_name = "N|all", conflicts_with_all = ["segment", "segments", "confidence"])]
    sample: Option<Sample>,
    /// Replay these alone, as in `0,3,7-9`; may be repeated
    #[arg(long, value_name = "LIST", conflicts_with_all = ["segments", "confidence", "nonce", "beacon"])]
    segment: Vec<SegmentList>,
    /// What --sample and --segment were before they were two.
    #[arg(long, value_name = "N|all|LIST", hide = true, conflicts_with = "confidence")]
    segments: Option<Either>,
    /// Draw as many as find tampering with this probability
    #[arg(long, value_name = "P", value_parser = probability)]
    confidence: Option<f64>,
    /// Tampered segments to assume for it [default: 1]
    #[arg(long, value_name = "M", requires = "confidence", value_parser = clap::value_parser!(u64).range(1..))]
    tampered: Option<u64>,
    /// Repeat the draw of a report; not for a new audit
    #[arg(long, value_name = "TEXT", group = "drawn_by", conflicts_with_all = ["beacon", "beacon_round", "beacon_value"])]
    nonce: Option<Nonce>,
    /// Segments that were covered at that draw
    #[arg(long, value_name = "LIST", requires = "drawn_by")]
    covered: Option<SegmentList>,
    /// Draw with a public random value: its source
    #[arg(long, value_name = "SOURCE", group = "drawn_by", requires_all = ["beacon_round", "beacon_value"])]
    beacon: Option<String>,
    /// Number of its announcement
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

impl SelectionOptions {
    /// Returns what to say of an option that is going away, if it was used.
    pub(crate) fn warning(&self) -> Option<String> {
        self.segments.as_ref().map(Either::warning)
    }

    /// Returns the choice. What is wrong with a nonce that the user gave is said before
    /// anything is read.
    pub(crate) fn selection(&self) -> Result<Selection, Failure> {
        let (choice, nonce, covered) = (self.choice(), self.given_nonce()?, self.covered());
        Ok(Selection { choice, nonce, covered })
    }

    /// Returns what counts as covered, where a draw is repeated: not what the ledger has
    /// learnt since.
    fn covered(&self) -> Option<SegmentSet> {
        let said = self.covered.as_ref().map(|list| SegmentSet::of_ranges(&list.0));
        said.or_else(|| self.nonce.as_ref().map(|_| SegmentSet::default()))
    }

    fn given_nonce(&self) -> Result<Option<(Nonce, NonceSource)>, Failure> {
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

    fn choice(&self) -> Choice {
        let (listed, old) = match &self.segments {
            Some(Either { meant: Meant::List(list), .. }) => (list.0.clone(), None),
            Some(Either { meant: Meant::Sample(sample), .. }) => (Vec::new(), Some(*sample)),
            None => (self.segment.iter().flat_map(|list| list.0.iter().copied()).collect(), None),
        };
        if !listed.is_empty() {
            return Choice::Listed(listed);
        }
        match (old.or(self.sample), self.confidence) {
            (Some(Sample::All), _) => Choice::Policy(Sampling::All {}),
            (Some(Sample::Count(segments)), _) => Choice::Policy(Sampling::Count { segments }),
            (None, Some(confidence)) => {
                let tampered = self.tampered.unwrap_or(1);
                Choice::Policy(Sampling::Confidence { confidence, tampered })
            }
            (None, None) => Choice::Spec,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn segments_are_named_in_several_lists() {
        let segment = vec!["3".parse().unwrap(), "0,2-3".parse().unwrap()];
        let options = SelectionOptions { segment, ..Default::default() };
        let Choice::Listed(ranges) = options.selection().unwrap().choice else { panic!() };
        assert_eq!(ranges, [(3, 4), (0, 1), (2, 4)]);
    }
}
