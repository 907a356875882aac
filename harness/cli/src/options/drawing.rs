//! Which segments a plan draws.

use clap::Args;
use reenact_audit::{Choice, Selection};
use reenact_core::spec::Sampling;

use super::segment_list::{Sample, SegmentList};

/// Says which segments a plan draws, where it draws any.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct Drawing {
    /// With --out: draw so many segments of each run that no audit has covered yet, or `all`
    /// [default: as --goal says, else the trainer's spec]
    #[arg(long, value_name = "N|all", requires = "out", conflicts_with_all = ["segment", "goal"])]
    sample: Option<Sample>,
    /// With --out: take these segments and draw none; may be repeated
    #[arg(long, value_name = "LIST", requires = "out", conflicts_with = "goal")]
    segment: Vec<SegmentList>,
    /// With --out: take what is complete so far of runs that still train
    #[arg(long, requires = "out")]
    pub(crate) so_far: bool,
}

impl Drawing {
    /// Returns what is drawn: by a goal, if there is one, so that one of `tampered` segments is
    /// found with that probability.
    pub(crate) fn selection(&self, goal: Option<f64>, tampered: u64) -> Selection {
        let listed = self.segment.iter().flat_map(|list| list.0.iter().copied());
        let listed: Vec<(u64, u64)> = listed.collect();
        let choice = match (listed.is_empty(), self.sample, goal) {
            (false, ..) => Choice::Listed(listed),
            (_, Some(Sample::All), _) => Choice::Policy(Sampling::All {}),
            (_, Some(Sample::Count(segments)), _) => Choice::Policy(Sampling::Count { segments }),
            (_, None, Some(confidence)) => {
                Choice::Policy(Sampling::Confidence { confidence, tampered })
            }
            (_, None, None) => Choice::Spec,
        };
        Selection { choice, ..Selection::default() }
    }
}
