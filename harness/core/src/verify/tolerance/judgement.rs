//! What a tolerance allowed in an audit, and what could hide in it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::drift::Drift;
use crate::digest::Digest;
use crate::format::{Calibration, FalseAlarms, TensorAllowed};
use crate::sanitize::plain;
use crate::verify::deviation::{Beyond, Excess, SegmentDeviation, TensorDeviation};
use crate::verify::segment_report::{SegmentOutcome, SegmentReport};
use crate::verify::vouched::Vouched;

/// Names and figures of tensors shown before the rest is only counted.
const SHOWN_MAX: usize = 3;

/// Says what a tolerance audit rests on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ToleranceBasis {
    /// Digest of the calibration's file.
    pub calibration: Digest,
    /// Who vouches for the calibration.
    pub vouched: Vouched,
    /// Honest runs that it rests on.
    pub runs: u64,
    /// Honest replays of segments that it rests on.
    pub segments: u64,
    /// The thresholds are this many times what honest replays needed.
    pub margin: f64,
    /// How often an honest recording is accused, at a margin of 1.
    pub false_alarms: FalseAlarms,
    /// Whether the initial state was compared; not where the two classes derive
    /// it differently.
    pub initial_state_compared: bool,
    /// Key of the sketches in which residuals were added up.
    pub sketch_key: Digest,
}

impl ToleranceBasis {
    /// Says whose signature the calibration has.
    pub fn vouched_words(&self) -> String {
        self.vouched.to_string()
    }
}

/// Says what was allowed in a tolerance audit, what was found, and what could
/// hide.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Tolerance {
    /// What it rests on.
    pub basis: ToleranceBasis,
    /// Every tensor of floats, by name.
    pub tensors: Vec<TensorBound>,
    /// The residuals of all segments, added up; none for a single segment.
    pub accumulated: Option<Accumulated>,
}

/// Says what could hide in one tensor.
///
/// An edit that is not seen moves the residual from the honest one to the
/// measured one. The honest one is within the threshold, but for a false alarm,
/// so no edit is longer than the two together.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TensorBound {
    /// The tensor.
    pub name: String,
    /// Longest residual allowed, as a share of the update of the segment.
    pub relative_l2_allowed: f64,
    /// Largest one found.
    pub relative_l2_found: f64,
    /// Largest residual of an element allowed, in units in the last place of the
    /// tensor's largest element.
    pub ulp_allowed: f64,
    /// Largest one found.
    pub ulp_found: f64,
    /// Length of the longest edit that would have passed in a segment.
    pub edit_l2_max: f64,
    /// The same, as a share of that segment's update.
    pub edit_share_max: f64,
    /// Largest edit of a single element that would have passed.
    pub edit_element_max: f64,
    /// Longest edit of the same direction in every segment that would have
    /// passed, as a share of the update; none for a single segment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub steady_share_max: Option<f64>,
}

/// Says what the residuals of all segments add up to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Accumulated {
    /// Segments that were added up.
    pub segments: u64,
    /// Largest drift of a tensor, in units of its honest noise.
    pub drift: f64,
    /// Largest one allowed.
    pub drift_allowed: f64,
    /// The tensor that drifts most.
    pub tensor: String,
}

impl Tolerance {
    /// Adds up what the segments deviate by, and takes their sketches away: a
    /// report does not need them.
    pub fn new(
        basis: ToleranceBasis,
        calibration: &Calibration,
        segments: &mut [SegmentReport],
    ) -> Self {
        let (mut drift, mut bounds) = (Drift::default(), BTreeMap::new());
        for found in segments.iter_mut().filter_map(deviation) {
            for tensor in &found.tensors {
                if let Some(allowed) = calibration.tensor(&tensor.name) {
                    let bound = bounds.entry(tensor.name.clone());
                    bound.or_insert_with(|| TensorBound::new(allowed)).widen(allowed, tensor);
                }
            }
            drift.add(found, calibration);
            found.sketches = Vec::new();
        }
        let allowed = calibration.drift_allowed(drift.segments());
        let most = drift.statistic(calibration);
        let accumulated = allowed.zip(most).map(|(drift_allowed, (most, tensor))| {
            drift.of_tensors().for_each(|(name, found)| {
                let known = bounds.get_mut(name).zip(calibration.tensor(name));
                if let Some((bound, tensor)) = known {
                    let sum = drift_allowed * tensor.noise_l2 + found;
                    let steady = finite(sum / (drift.segments() as f64).sqrt());
                    bound.steady_share_max = Some(steady);
                }
            });
            Accumulated { segments: drift.segments(), drift: most, drift_allowed, tensor }
        });
        Self { basis, tensors: bounds.into_values().collect(), accumulated }
    }

    /// Says why the residuals cannot be honest noise, if they cannot.
    pub fn drift_objection(&self) -> Option<String> {
        let Accumulated { segments, drift, drift_allowed, tensor } = self.accumulated.as_ref()?;
        (drift > drift_allowed).then(|| {
            format!(
                "the residuals of {segments} segments do not average out, as honest noise does: \
                 added up with their sign, those of `{}` come to {drift:.1} times the honest noise \
                 of one segment, and {drift_allowed:.1} is allowed. The recording is pushed in one \
                 direction, by less than the tolerance of a segment",
                plain(tensor)
            )
        })
    }
}

fn deviation(report: &mut SegmentReport) -> Option<&mut SegmentDeviation> {
    match &mut report.outcome {
        SegmentOutcome::Replayed { replay } => replay.deviation.as_mut(),
        _ => None,
    }
}

/// A report holds numbers only.
fn finite(value: f64) -> f64 {
    value.min(f64::MAX)
}

impl TensorBound {
    fn new(allowed: &TensorAllowed) -> Self {
        Self {
            name: allowed.name.clone(),
            relative_l2_allowed: allowed.relative_l2_max,
            relative_l2_found: 0.0,
            ulp_allowed: allowed.ulp_max,
            ulp_found: 0.0,
            edit_l2_max: 0.0,
            edit_share_max: 0.0,
            edit_element_max: 0.0,
            steady_share_max: None,
        }
    }

    /// Takes one more segment into account.
    fn widen(&mut self, allowed: &TensorAllowed, found: &TensorDeviation) {
        let usual = allowed.usual();
        let [relative_l2, ulp] = usual.measures(found);
        let element = allowed.ulp_max * found.ulp.max(usual.ulp) + found.residual_max;
        let by_elements = element * (found.elements as f64).sqrt();
        let update_l2 = found.update_l2.max(usual.update_l2);
        let length = allowed.relative_l2_max * update_l2 + found.residual_l2;
        let edit = finite(length.min(by_elements));
        let widen = |most: &mut f64, value: f64| *most = most.max(value);
        widen(&mut self.relative_l2_found, relative_l2);
        widen(&mut self.ulp_found, ulp);
        widen(&mut self.edit_l2_max, edit);
        widen(&mut self.edit_share_max, finite(edit / found.update_l2));
        widen(&mut self.edit_element_max, finite(length.min(element)));
    }
}

impl SegmentDeviation {
    /// Says which tensors are beyond the tolerance, if any is.
    pub fn explain(&self) -> Option<String> {
        let shown: Vec<String> = self.beyond.iter().take(SHOWN_MAX).map(Beyond::explain).collect();
        let more = match self.beyond.len().saturating_sub(SHOWN_MAX) {
            0 => String::new(),
            more => format!("; and {more} more"),
        };
        let words = format!(
            "it ends further from the recording than honest replays do: {}{more}",
            shown.join("; ")
        );
        (!self.beyond.is_empty()).then_some(words)
    }
}

impl Beyond {
    fn explain(&self) -> String {
        let name = plain(&self.name);
        match (self.relative_l2, self.ulp_max) {
            (Some(Excess { found, allowed }), _) => {
                format!("`{name}` by {found:.2e} of its update, {allowed:.2e} are allowed")
            }
            (None, Some(Excess { found, allowed })) => {
                format!("one element of `{name}` by {found:.1} ulp, {allowed:.1} are allowed")
            }
            (None, None) => format!("the calibration does not know `{name}`"),
        }
    }
}
