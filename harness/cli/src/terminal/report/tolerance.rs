//! What an audit within a tolerance rests on and leaves room for, for people.

use reenact_core::verify::{Report, TensorBound, Tolerance};

use super::fact;
use crate::terminal::output::{WITHIN, line, styled};
use reenact_core::sanitize::count;

/// Tensors shown; `--json` lists all.
const TENSORS_MAX: usize = 8;

/// Says what was compared, and what could hide; nothing if every bit was.
pub(crate) fn show(report: &Report) {
    let Some(tolerance) = &report.tolerance else { return };
    let basis = &tolerance.basis;
    fact("tolerance", styled(WITHIN, "not bit-exact: compared within what honest runs deviate by"));
    let times = basis.margin;
    fact(
        "",
        format_args!(
            "{times} x what {} honest replays of {} runs needed",
            basis.segments, basis.runs
        ),
    );
    let (segment, drift) = (basis.false_alarms.segment, basis.false_alarms.drift);
    fact(
        "",
        format_args!(
            "false alarms at a margin of 1: at most {} a segment, {} an audit for the drift",
            percent(segment),
            percent(drift)
        ),
    );
    fact("", format_args!("calibration {}", basis.calibration));
    fact("", format_args!("its signature: {}", basis.vouched_words()));
    if !basis.initial_state_compared {
        fact("", "the initial state was not compared: the two classes derive it differently");
    }
    if report.claim.as_ref().is_some_and(|claim| !claim.figures.is_empty()) {
        fact("", "the figures of the validation were not compared: the classes round differently");
    }
    if report.escape.iter().any(|escape| escape.probability > 0.0) {
        fact("", "the chances of escape above are of tampering beyond the tolerance");
    }
    show_drift(tolerance);
    show_bounds(&tolerance.tensors);
}

/// Writes a probability so that a tiny one is not taken for none.
pub(crate) fn percent(probability: f64) -> String {
    match 100.0 * probability {
        tiny if tiny < 0.01 => format!("{tiny:.1e} %"),
        percent => format!("{percent:.2} %"),
    }
}

fn show_drift(tolerance: &Tolerance) {
    let Some(found) = &tolerance.accumulated else {
        fact("drift", "not tested: it takes the residuals of at least two segments");
        return;
    };
    let (drift, allowed) = (found.drift, found.drift_allowed);
    let word = if drift > allowed { "do not average out" } else { "average out" };
    fact("drift", format_args!("the residuals of {} segments {word}:", found.segments));
    fact(
        "",
        format_args!("{drift:.2} x honest noise in `{}`, {allowed:.2} x is allowed", found.tensor),
    );
}

/// Lists the largest edits that would have passed.
fn show_bounds(bounds: &[TensorBound]) {
    let mut bounds: Vec<&TensorBound> = bounds.iter().collect();
    bounds.sort_by(|a, b| b.edit_share_max.total_cmp(&a.edit_share_max));
    let shown = &bounds[..bounds.len().min(TENSORS_MAX)];
    let width = shown.iter().map(|bound| bound.name.len()).max().unwrap_or_default();
    fact("could hide", "the longest edit of a segment's closing state that would have passed:");
    for bound in shown {
        let steady = bound
            .steady_share_max
            .map_or(String::new(), |share| format!("; {} in every segment", percent(share)));
        line(format_args!(
            "    {:<width$}  {:.2e} long, {} of the update, {:.2e} at one element{steady}",
            bound.name,
            bound.edit_l2_max,
            percent(bound.edit_share_max),
            bound.edit_element_max,
        ));
    }
    if let Some(more @ 1..) = bounds.len().checked_sub(TENSORS_MAX) {
        line(format_args!("    and {}; --json lists all", count(more as u64, "more tensor")));
    }
}
