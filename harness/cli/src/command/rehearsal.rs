//! Taking the first steps of a training twice, before it is recorded.
//!
//! A program that computes other bits each time would be recorded without a
//! complaint, and its first audit would call an honest run divergent. So whoever
//! records is told before.

use std::sync::Arc;

use reenact_core::data::DataSet;
use reenact_core::format::KernelSelection;
use reenact_core::record::{Forecast, Tensors};
use reenact_core::spec::Spec;
use reenact_core::trainer::{Program, Setting};
use reenact_core::verify::{Departure, Rehearsal, rehearse};
use serde::Serialize;

use crate::failure::Failure;
use crate::output::{UNSURE, note, styled};
use crate::progress;

/// Steps that are taken twice.
const STEPS: u64 = 2;

/// Says whether the first steps of a training repeat.
#[derive(Serialize)]
pub(super) struct Rehearsed {
    /// Number of steps that were taken twice.
    steps: u64,
    /// Whether all their bits agree.
    reproducible: bool,
    /// Where they differ first.
    first: Option<Departure>,
    /// Kernels that were chosen on the way, and need not be chosen again.
    #[serde(skip)]
    pub(super) selections: Vec<KernelSelection>,
    /// What the recording will take, by the tensors that were seen on the way.
    #[serde(skip)]
    pub(super) forecast: Forecast,
}

impl Rehearsed {
    /// Takes the first steps twice from the initial weights, without an attack and
    /// with the kernels of the first time.
    pub(super) fn of(
        program: &dyn Program,
        spec: &Spec,
        data: &Arc<dyn DataSet>,
        setting: &Setting,
        quiet: bool,
    ) -> Result<Self, Failure> {
        let steps = STEPS.min(spec.steps);
        let bar = progress::bar("rehearsing", "steps", 2 * steps, quiet);
        let mut start = |pinned: &[KernelSelection]| {
            let setting = Setting { selections: Arc::new(pinned.to_vec()), ..setting.clone() };
            program.start(spec, data.clone(), &setting)
        };
        let mut take =
            |pinned: &[_]| rehearse(&mut start, pinned, steps, None, &mut |_| bar.inc(1));
        let first = take(&[])?;
        let second = take(&first.selections)?;
        bar.finish_and_clear();
        let departure = Departure::between(&first, &second);
        Ok(Self {
            steps,
            reproducible: departure.is_none(),
            first: departure,
            forecast: forecast(spec, &second),
            selections: second.selections,
        })
    }

    /// Warns whoever records, if there is something to warn of.
    pub(super) fn warn(&self, spec: &Spec, device: &str) {
        let Some(first) = &self.first else { return };
        let Self { steps, .. } = self;
        note(format_args!(
            "{} {} does not repeat on {device}: its first {steps} steps, taken twice, differ; \
             first: {first}",
            styled(UNSURE, "warning:"),
            spec.name,
        ));
        note(format_args!(
            "  an audit of this recording will not be able to match it, although nobody \
             touched it; `reenact doctor` with the same spec says more"
        ));
    }
}

fn forecast(spec: &Spec, rehearsal: &Rehearsal) -> Forecast {
    let opening = &rehearsal.opening.layout;
    let gradient = rehearsal.layouts.last().map_or(opening, |(_, layouts)| &layouts.gradient);
    Forecast::of(spec, 0, &Tensors { opening, later: &rehearsal.closing.layout, gradient })
}
