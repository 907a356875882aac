//! After which steps the model is measured.

use super::consumption::Consumption;
use super::order::OrderError;
use crate::spec::{Cadence, Spec};

/// Says after which steps a run measures its model: those that its cadence names, and the
/// last one. Asking costs nothing that grows with the run.
#[derive(Clone, Debug)]
pub struct ValidationSteps {
    last: u64,
    when: When,
}

#[derive(Clone, Debug)]
enum When {
    Never,
    Steps(u64),
    Epochs(Consumption),
}

impl ValidationSteps {
    /// Derives them from a spec.
    ///
    /// # Errors
    /// [`OrderError`] if its samples do not suffice for a step, so that they have no epochs.
    pub fn of(spec: &Spec) -> Result<Self, OrderError> {
        let when = match spec.validation.as_ref().map(|validation| validation.every) {
            None => When::Never,
            Some(Cadence::Steps(every)) => When::Steps(every),
            Some(Cadence::Named(_)) => When::Epochs(spec.data_order()?.into_consumption()),
        };
        Ok(Self { last: spec.steps - 1, when })
    }

    /// Says whether the model is measured after the update of `step`.
    pub fn after(&self, step: u64) -> bool {
        let due = match &self.when {
            When::Never => return false,
            When::Steps(every) => (step + 1).is_multiple_of(*every),
            When::Epochs(consumption) => consumption.ends_epoch(step),
        };
        due || step == self.last
    }

    /// Returns how often the model is measured from `step` on, to the end of the run.
    pub fn left(&self, step: u64) -> u64 {
        let before = |step: u64| match &self.when {
            When::Never => 0,
            When::Steps(every) => step / every,
            When::Epochs(consumption) => consumption.part(step).epoch,
        };
        // Where it is due by the cadence, the last step counts once.
        let whole = before(self.last) - before(step.min(self.last));
        whole + u64::from(self.after(self.last) && step <= self.last)
    }
}

impl Spec {
    /// Says whether the model is measured after the update of `step`. Whoever asks for many
    /// steps derives [`ValidationSteps`] once.
    pub fn validates_after(&self, step: u64) -> Result<bool, OrderError> {
        Ok(ValidationSteps::of(self)?.after(step))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digest::Digest;
    use crate::spec::{BatchPhase, DataSpec, LastBatch, NamedCadence, ValidationSpec};

    fn spec(every: Option<Cadence>) -> Spec {
        let text = include_str!("../../../../replay-specs/toy-plane.toml");
        let mut spec = Spec::parse(text).unwrap();
        spec.format = 2;
        spec.steps = 20;
        let data = DataSpec {
            name: "held-out".into(),
            digest: Some(Digest::default()),
            samples: 5,
            ..spec.data.clone()
        };
        spec.validation = every.map(|every| ValidationSpec { every, batch_size: 2, data });
        spec
    }

    fn steps(spec: &Spec) -> Vec<u64> {
        let due = ValidationSteps::of(spec).unwrap();
        let found: Vec<u64> = (0..spec.steps).filter(|step| due.after(*step)).collect();
        for step in 0..=spec.steps {
            let left = found.iter().filter(|due| **due >= step).count();
            assert_eq!(due.left(step), left as u64, "from step {step}");
        }
        assert!(found.iter().all(|step| spec.validates_after(*step).unwrap()));
        found
    }

    #[test]
    fn a_cadence_counts_steps_and_the_last_is_always_measured() {
        assert_eq!(steps(&spec(None)), [0; 0]);
        assert_eq!(steps(&spec(Some(Cadence::Steps(6)))), [5, 11, 17, 19]);
        assert_eq!(steps(&spec(Some(Cadence::Steps(10)))), [9, 19]);
        assert_eq!(steps(&spec(Some(Cadence::Steps(100)))), [19]);
    }

    #[test]
    fn an_epoch_ends_where_the_data_order_says() {
        let mut spec = spec(Some(Cadence::Named(NamedCadence::Epoch)));
        spec.data.samples = 24;
        (spec.batch.size, spec.batch.accumulation) = (4, 1);
        assert_eq!(steps(&spec), [5, 11, 17, 19]);
        spec.batch.phases = vec![BatchPhase { step_start: 7, size: 8 }];
        spec.batch.last = LastBatch::Wrapped;
        let order = spec.data_order().unwrap();
        let expected = (0..20).filter(|step| order.ends_epoch(*step) || *step == 19);
        assert_eq!(steps(&spec), expected.collect::<Vec<_>>());
        spec.data.samples = 1 << 30;
        assert_eq!(steps(&spec), [19]);
    }
}
