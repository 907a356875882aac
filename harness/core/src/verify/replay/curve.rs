//! The figures of a recording over its steps, thinned out.

use serde::{Deserialize, Serialize};

use super::thinned_steps::thinned_places;
use crate::format::History;

/// Validations that are kept of a recording.
const VALIDATIONS_MAX: u64 = 512;
/// Figures that are kept.
const CURVES_MAX: usize = 64;

/// Holds one figure over the steps.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FigureCurve {
    /// Its name.
    pub name: String,
    /// The points, in order of the steps; at most 512.
    pub points: Vec<FigurePoint>,
}

/// Holds a recorded figure after one step.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct FigurePoint {
    /// The step.
    pub step: u64,
    /// The figure; none if it is not finite, as JSON has no NaN.
    pub value: Option<f64>,
}

impl FigureCurve {
    /// Reads the recorded figures of a run, thinned out, in the order in which they first
    /// come. A step that cannot be read is left out here; examining the recording reports it.
    pub fn of_history(history: &History) -> Vec<Self> {
        let mut curves: Vec<Self> = Vec::new();
        let (validated, mut full) = (history.validated(), false);
        for place in thinned_places(validated.len() as u64, VALIDATIONS_MAX) {
            let step = validated[place as usize];
            let Some(trace) = history.step(step).ok().flatten() else { continue };
            for figure in trace.validation.iter().flat_map(|figures| figures.all()) {
                let value = Some(figure.value()).filter(|value| value.is_finite());
                let point = FigurePoint { step, value };
                match curves.iter_mut().find(|curve| curve.name == figure.name) {
                    Some(curve) => curve.points.push(point),
                    None if full => {}
                    None => curves.push(Self { name: figure.name.clone(), points: vec![point] }),
                }
                full = curves.len() == CURVES_MAX;
            }
        }
        curves
    }
}
