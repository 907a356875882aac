//! What an audit has gathered when it comes to its verdict.

use crate::format::Environment;
use crate::verify::batches::Batches;
use crate::verify::challenge::Challenge;
use crate::verify::expected::Expected;
use crate::verify::finding::Finding;
use crate::verify::independence::Independence;
use crate::verify::nonce_source::NonceSource;
use crate::verify::recall::Recall;
use crate::verify::recording::Recording;
use crate::verify::sampled_by::SampledBy;
use crate::verify::segment_report::SegmentReport;
use crate::verify::tolerance::Tolerance;
use crate::verify::trusted_builds::TrustedBuilds;
use crate::verify::vouched::Vouched;

/// Holds everything that a verdict is decided by.
pub struct Evidence<'a> {
    /// Where the recording lies.
    pub place: String,
    /// Who vouches for it.
    pub vouched: Vouched,
    /// Where the audit runs.
    pub auditor: Environment,
    /// The recording; none if it is not whole enough to be replayed.
    pub recording: Option<&'a Recording<'a>>,
    /// How the segments were drawn; none if they were chosen by hand, or none was.
    pub challenge: Option<Challenge>,
    /// Where the nonce came from.
    pub nonce_source: Option<NonceSource>,
    /// Whose policy the sample follows.
    pub sampled_by: Option<SampledBy>,
    /// Of how many steps the examination compared the batches; none if of none.
    pub batches: Option<Batches>,
    /// What was found without a replay.
    pub findings: Vec<Finding>,
    /// What the replays of the drawn segments gave, and of those that were due.
    pub segments: Vec<SegmentReport>,
    /// What those gave that weigh the claims about machines
    /// ([`controls`](crate::verify::controls())).
    pub controls: Vec<SegmentReport>,
    /// What was allowed; none if every bit was compared.
    pub tolerance: Option<Tolerance>,
    /// Which independence was demanded.
    pub required: Option<Independence>,
    /// Which builds the auditor's own people made; none if nobody said.
    pub trusted_builds: Option<&'a TrustedBuilds>,
    /// The spec that was ordered; none if nobody said. What differs from it is a finding like
    /// any other.
    pub expected: Option<&'a Expected>,
    /// What a ledger knows; none if none was asked. What it objects to
    /// ([`recall`](crate::verify::recall())) is a finding like any other.
    pub recall: Option<&'a Recall>,
}

impl Evidence<'_> {
    /// Holds nothing yet.
    pub fn new(place: String, vouched: Vouched, auditor: Environment) -> Self {
        Self {
            place,
            vouched,
            auditor,
            recording: None,
            challenge: None,
            nonce_source: None,
            sampled_by: None,
            batches: None,
            findings: Vec::new(),
            segments: Vec::new(),
            controls: Vec::new(),
            tolerance: None,
            required: None,
            trusted_builds: None,
            expected: None,
            recall: None,
        }
    }
}
