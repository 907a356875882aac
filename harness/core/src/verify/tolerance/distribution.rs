//! From honest replays to thresholds.
//!
//! The runs are split. The first half gives each tensor a scale: its usual sizes, and
//! its largest deviations. A segment of the second half needs a *factor*: the largest of its
//! deviations in these scales, over all tensors and both measures. The threshold
//! of every tensor is its scale times the largest factor that was needed. One
//! number is drawn from the distribution, whatever the number of tensors, so the
//! guarantee holds for all of them together: the factor of one more segment that
//! is exchangeable with `n` others is the largest of all with a chance of at most
//! `1 / (n + 1)` (split conformal prediction; Vovk, Gammerman, Shafer 2005). The
//! same is done with the drift of whole runs, for each number of segments.

use std::collections::BTreeMap;

use super::drift::Drift;
use crate::digest::{Digest, Hasher};
use crate::format::{
    CALIBRATION_FORMAT, Calibration, DriftAllowed, Environment, FalseAlarms, QUANTILES,
    TensorAllowed,
};
use crate::spec::Spec;
use crate::steering::{keyed_stream, shuffle_prefix};
use crate::verify::deviation::{SegmentDeviation, TensorDeviation, Usual};

/// Below half a unit of single precision no scale is believed.
const RELATIVE_FLOOR: f64 = 1.0 / (1 << 24) as f64;
/// An element may always differ by its last bit.
const ULP_FLOOR: f64 = 1.0;
/// Samples of segments drawn of each run, for each number of segments.
const DRAWS: u64 = 4;

/// Holds the honest replays of one honest recording.
#[derive(Clone, Debug)]
pub struct HonestRun {
    /// Commitment digest of the recording.
    pub commitment: Digest,
    /// Whether the derived initial state is the recorded one, bit for bit.
    pub initial_state_agrees: bool,
    /// The deviation of each segment, with its sketches.
    pub segments: Vec<SegmentDeviation>,
}

/// Says why nothing can be calibrated.
#[derive(Debug, thiserror::Error)]
pub enum DistributionError {
    /// One half gives the scales, the other the factors.
    #[error("{0} run is too few: at least 2 are needed, and 20 give a useful bound")]
    Runs(usize),
    /// A run has no segment.
    #[error("a run holds no replayed segment")]
    Empty,
    /// The two classes do not compute the same training.
    #[error(
        "`{tensor}` ends {share:.2} times as far from the recording as training moved it: these \
         two classes do not compute the same training, and a tolerance this wide would hide \
         anything. Random streams that differ between the classes do that (dropout)"
    )]
    TooFar {
        /// The worst tensor.
        tensor: String,
        /// Its threshold, as a share of the update.
        share: f64,
    },
}

/// Holds honest replays of one kind of run between two classes.
#[derive(Clone, Debug)]
pub struct Distribution {
    runs: Vec<HonestRun>,
}

/// What the first half says of one tensor.
#[derive(Clone, Copy)]
struct Scale {
    usual: Usual,
    /// The largest deviations.
    most: [f64; 2],
    /// The root of the mean square of the relative L2.
    noise_l2: f64,
}

impl Scale {
    const FLOOR: Self = Self {
        usual: Usual { update_l2: f64::MIN_POSITIVE, ulp: f64::MIN_POSITIVE },
        most: [RELATIVE_FLOOR, ULP_FLOOR],
        noise_l2: RELATIVE_FLOOR,
    };

    fn of(found: &[&TensorDeviation]) -> Self {
        let median = |of: fn(&TensorDeviation) -> f64| {
            quantiles(found.iter().map(|tensor| of(tensor)))[1].max(f64::MIN_POSITIVE)
        };
        let usual = Usual {
            update_l2: median(|tensor| tensor.update_l2),
            ulp: median(|tensor| tensor.ulp),
        };
        let (mut most, mut squares) = (Self::FLOOR.most, 0.0);
        for measured in found.iter().map(|tensor| usual.measures(tensor)) {
            most = [most[0].max(measured[0]), most[1].max(measured[1])];
            squares += measured[0] * measured[0];
        }
        let noise_l2 = (squares / found.len() as f64).sqrt().max(RELATIVE_FLOOR);
        Self { usual, most, noise_l2 }
    }
}

/// What is known of each tensor, by name.
type Scales<'a> = BTreeMap<&'a str, Scale>;

impl Distribution {
    /// Takes the replays of at least two runs.
    pub fn new(runs: Vec<HonestRun>) -> Result<Self, DistributionError> {
        if runs.len() < 2 {
            return Err(DistributionError::Runs(runs.len()));
        }
        let empty = |run: &HonestRun| run.segments.iter().all(|found| found.tensors.is_empty());
        if runs.iter().any(empty) {
            return Err(DistributionError::Empty);
        }
        Ok(Self { runs })
    }

    /// Sets thresholds of `margin` times what the honest replays needed.
    pub fn calibrate(
        &self,
        spec: &Spec,
        recorded: &Environment,
        replayed: &Environment,
        margin: f64,
    ) -> Result<Calibration, DistributionError> {
        let (scaling, scoring) = self.runs.split_at(self.runs.len() / 2);
        let scales = scales(scaling);
        let needed =
            scoring.iter().flat_map(|run| &run.segments).map(|found| factor(found, &scales));
        // What the first half needed is honest too. A quotient times its divisor may
        // come out below what was divided, so it is rounded up.
        let factor = margin * needed.fold(1.0, f64::max) * (1.0 + 4.0 * f64::EPSILON);
        let mut calibration = Calibration {
            format: CALIBRATION_FORMAT,
            program: spec.program.name.clone(),
            subject: Calibration::subject(spec),
            segment_steps: spec.checkpoint_every,
            initial_state_agrees: self.runs.iter().all(|run| run.initial_state_agrees),
            segments: self.runs.iter().map(|run| run.segments.len() as u64).sum(),
            margin,
            runs: self.runs.iter().map(|run| run.commitment).collect(),
            false_alarms: false_alarms(scoring),
            recorded: recorded.engine.class.clone(),
            replayed: replayed.engine.class.clone(),
            drift: Vec::new(),
            tensor: self.tensors(&scales, factor),
        };
        let worst = calibration
            .tensor
            .iter()
            .max_by(|a, b| a.relative_l2_max.total_cmp(&b.relative_l2_max));
        if let Some(worst) = worst.filter(|worst| worst.relative_l2_max >= 1.0) {
            let (tensor, share) = (worst.name.clone(), worst.relative_l2_max);
            return Err(DistributionError::TooFar { tensor, share });
        }
        calibration.drift = drift_allowed(scoring, &calibration, margin);
        Ok(calibration)
    }

    fn tensors(&self, scales: &Scales<'_>, factor: f64) -> Vec<TensorAllowed> {
        let allowed = |(name, found): (&str, Vec<&TensorDeviation>)| {
            let Scale { usual, most: [relative_l2, ulp], noise_l2 } = scale(scales, name);
            let measured =
                |which: usize| quantiles(found.iter().map(|tensor| usual.measures(tensor)[which]));
            TensorAllowed {
                name: name.to_owned(),
                relative_l2_max: factor * relative_l2,
                ulp_max: factor * ulp,
                noise_l2,
                update_l2_usual: usual.update_l2,
                ulp_usual: usual.ulp,
                relative_l2_quantiles: measured(0),
                ulp_quantiles: measured(1),
            }
        };
        by_name(&self.runs).into_iter().map(allowed).collect()
    }
}

fn by_name(runs: &[HonestRun]) -> BTreeMap<&str, Vec<&TensorDeviation>> {
    let mut found: BTreeMap<&str, Vec<&TensorDeviation>> = BTreeMap::new();
    let segments = runs.iter().flat_map(|run| &run.segments);
    for tensor in segments.flat_map(|segment| &segment.tensors) {
        found.entry(&tensor.name).or_default().push(tensor);
    }
    found
}

fn scales(runs: &[HonestRun]) -> Scales<'_> {
    by_name(runs).into_iter().map(|(name, found)| (name, Scale::of(&found))).collect()
}

fn scale(scales: &Scales<'_>, name: &str) -> Scale {
    scales.get(name).copied().unwrap_or(Scale::FLOOR)
}

/// Returns how many times the scales a segment needs.
fn factor(found: &SegmentDeviation, scales: &Scales<'_>) -> f64 {
    let of_tensor = |tensor: &TensorDeviation| {
        let Scale { usual, most, .. } = scale(scales, &tensor.name);
        let needed = usual.measures(tensor).into_iter().zip(most).map(|(found, most)| found / most);
        needed.fold(0.0, f64::max)
    };
    found.tensors.iter().map(of_tensor).fold(0.0, f64::max)
}

fn false_alarms(scoring: &[HonestRun]) -> FalseAlarms {
    let segments: usize = scoring.iter().map(|run| run.segments.len()).sum();
    let one_in = |count: usize| 1.0 / (count as f64 + 1.0);
    FalseAlarms { segment: one_in(segments), drift: one_in(scoring.len()) }
}

/// Returns, for 2, 4, 8, ... and all segments, how much drift the runs need.
fn drift_allowed(
    scoring: &[HonestRun],
    calibration: &Calibration,
    margin: f64,
) -> Vec<DriftAllowed> {
    let most = scoring.iter().map(|run| run.segments.len()).max().unwrap_or_default();
    let powers = (1..).map(|power| 1usize << power).take_while(|&count| count < most);
    let counts = powers.chain((most > 1).then_some(most));
    let allowed = |count: usize| {
        let drifts = scoring.iter().flat_map(|run| {
            (0..DRAWS).filter_map(move |draw| {
                drawn_drift(run, calibration, count, draw).statistic(calibration)
            })
        });
        let needed = drifts.map(|(drift, _)| drift).fold(1.0, f64::max);
        DriftAllowed { segments: count as u64, factor: margin * needed }
    };
    counts.map(allowed).collect()
}

/// Adds up some segments of a run, drawn as an audit draws them.
fn drawn_drift(run: &HonestRun, calibration: &Calibration, count: usize, draw: u64) -> Drift {
    let mut key = Hasher::new("reenact v1 calibration draw");
    key.fixed(&run.commitment.0).u64(count as u64).u64(draw);
    let mut stream = keyed_stream(key.finish());
    let mut places: Vec<u64> = (0..run.segments.len() as u64).collect();
    let count = count.min(places.len());
    shuffle_prefix(&mut stream, &mut places, count);
    let mut drift = Drift::default();
    let drawn = places[..count].iter().map(|&place| &run.segments[place as usize]);
    drawn.for_each(|found| drift.add(found, calibration));
    drift
}

/// Returns the quantiles, each a value that occurs.
fn quantiles(values: impl Iterator<Item = f64>) -> [f64; QUANTILES.len()] {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    let last = values.len() - 1;
    QUANTILES.map(|share| values[(share * last as f64).round() as usize])
}
