//! Residuals added up with their sign, over all audited segments.

use std::collections::BTreeMap;

use crate::format::Calibration;
use crate::verify::deviation::SegmentDeviation;

/// Adds up the residuals of segments.
///
/// A residual is taken as a share of its segment's update, or of a usual one if
/// that is longer. For `m` segments the
/// drift of a tensor is the length of the sum, divided by the root of `m`. Honest
/// residuals are independent of each other, as each replay starts from a recorded
/// state: their drift stays where one residual is, whatever `m` is. A push of the
/// same direction in every segment grows with the root of `m`.
#[derive(Clone, Debug, Default)]
pub struct Drift {
    sums: BTreeMap<String, Vec<f64>>,
    segments: u64,
}

impl Drift {
    /// Adds the residuals of one segment, of the tensors that are known.
    pub fn add(&mut self, found: &SegmentDeviation, calibration: &Calibration) {
        for (tensor, sketch) in found.tensors.iter().zip(&found.sketches) {
            let Some(allowed) = calibration.tensor(&tensor.name) else { continue };
            let scale = tensor.update_l2.max(allowed.update_l2_usual);
            let sum = self.sums.entry(tensor.name.clone()).or_default();
            sum.resize(sum.len().max(sketch.len()), 0.0);
            sum.iter_mut().zip(sketch).for_each(|(sum, value)| *sum += value / scale);
        }
        self.segments += 1;
    }

    /// Returns how many segments were added.
    pub fn segments(&self) -> u64 {
        self.segments
    }

    /// Returns the drift of each tensor.
    pub fn of_tensors(&self) -> impl Iterator<Item = (&str, f64)> {
        let root = (self.segments.max(1) as f64).sqrt();
        let length = |sum: &Vec<f64>| sum.iter().map(|value| value * value).sum::<f64>().sqrt();
        self.sums.iter().map(move |(name, sum)| (name.as_str(), (length(sum) / root).min(f64::MAX)))
    }

    /// Returns the largest drift beside what is usual of its tensor, with the
    /// tensor; none if the calibration knows none of them.
    pub fn statistic(&self, calibration: &Calibration) -> Option<(f64, String)> {
        let known = self
            .of_tensors()
            .filter_map(|(name, drift)| Some((drift / calibration.tensor(name)?.noise_l2, name)));
        known.max_by(|(a, _), (b, _)| a.total_cmp(b)).map(|(most, name)| (most, name.to_owned()))
    }
}
