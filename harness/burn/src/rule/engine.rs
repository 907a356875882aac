//! burn's optimizers by name, with the constants of a spec.

use std::collections::BTreeMap;
use std::sync::Arc;

use burn::optim::{
    AdaGradConfig, AdafactorConfig, AdamConfig, AdamWConfig, AdanConfig, DynOptimizer, LambConfig,
    LionConfig, MuonConfig, RmsPropConfig,
};
use reenact_core::spec::{Hyperparameter, OptimizerSpec};
use serde::Serialize;
use serde::de::DeserializeOwned;
use toml::{Table, Value};

type Constants = BTreeMap<String, Hyperparameter>;

/// Is the constant by which a spec chooses among several optimizers of a program.
const NAME: &str = "name";

/// Makes a table of burn's optimizers: the kind that a spec names, and the configuration.
macro_rules! optimizers {
    ($($kind:literal => $config:ty),* $(,)?) => {
        /// Names burn's optimizers.
        const KINDS: &[&str] = &[$($kind),*];

        fn of_burn(kind: &str, constants: &Table) -> Option<Result<Arc<dyn DynOptimizer>, String>> {
            match kind {
                $($kind => {
                    let config = configure(<$config>::new(), constants);
                    Some(config.map(|config| Arc::new(config.build()) as Arc<dyn DynOptimizer>))
                })*
                _ => None,
            }
        }
    };
}

optimizers! {
    "adam" => AdamConfig,
    "cautious-adamw" => AdamWConfig,
    "adagrad" => AdaGradConfig,
    "adafactor" => AdafactorConfig,
    "adan" => AdanConfig,
    "lamb" => LambConfig,
    "lion" => LionConfig,
    "muon" => MuonConfig,
    "rmsprop" => RmsPropConfig,
}

/// Returns the optimizer that a spec names: one of burn's, or of the program's own.
///
/// # Errors
/// That nobody knows it or one of its constants.
pub(super) fn optimizer(
    kind: &str,
    constants: &Constants,
    own: &[(&str, Arc<dyn DynOptimizer>)],
) -> Result<Arc<dyn DynOptimizer>, String> {
    if kind == OptimizerSpec::PROGRAM {
        return of_program(constants, own);
    }
    let mut table = Table::try_from(constants).map_err(|error| error.to_string())?;
    if kind == "cautious-adamw" {
        table.insert("cautious_weight_decay".into(), Value::Boolean(true));
    }
    let found = of_burn(kind, &table);
    found.unwrap_or_else(|| {
        let own = match own {
            [] => "",
            _ => ", or `program` for one that the program's own code names",
        };
        let known = KINDS.join("`, `");
        Err(format!("`optimizer.kind = {kind:?}`: known are `adamw`, `sgd`, `{known}`{own}"))
    })
}

fn of_program(
    constants: &Constants,
    own: &[(&str, Arc<dyn DynOptimizer>)],
) -> Result<Arc<dyn DynOptimizer>, String> {
    let names = || own.iter().map(|(name, _)| *name).collect::<Vec<_>>().join("`, `");
    if let Some(other) = constants.keys().find(|key| *key != NAME) {
        return Err(format!("`optimizer.{other}`: an optimizer of the program has `{NAME}` alone"));
    }
    match (constants.get(NAME), own) {
        (_, []) => Err("`optimizer.kind = \"program\"`: the program's code names none; implement \
                        `Training::optimizers`"
            .into()),
        (None, [(_, only)]) => Ok(only.clone()),
        (Some(Hyperparameter::Text(name)), _) => {
            let found = own.iter().find(|(known, _)| known == name);
            let found = found.map(|(_, optimizer)| optimizer.clone());
            found.ok_or_else(|| format!("`optimizer.{NAME} = {name:?}`: it has `{}`", names()))
        }
        _ => Err(format!("`optimizer.{NAME}`: choose one of `{}`", names())),
    }
}

/// Puts the constants of a spec into a configuration of burn's.
///
/// burn takes names that it does not know and says nothing. So the result is written out again,
/// and each constant has to be in it.
fn configure<C: Serialize + DeserializeOwned>(config: C, constants: &Table) -> Result<C, String> {
    let defaults = Table::try_from(&config).map_err(|error| error.to_string())?;
    if let Some(key) = constants.keys().find(|key| key.contains("clipping")) {
        return Err(format!(
            "`optimizer.{key}`: say it under [clipping], for every optimizer alike"
        ));
    }
    let mut table = defaults;
    constants.iter().for_each(|(key, value)| merge(&mut table, key, value));
    let config: C = table.try_into().map_err(|error: toml::de::Error| {
        format!("`optimizer`: {}", error.message().trim().replace('\n', "; "))
    })?;
    let written = Table::try_from(&config).map_err(|error| error.to_string())?;
    let unknown = constants.iter().find(|(key, value)| !holds(written.get(*key), value));
    match unknown {
        Some((key, value)) => Err(format!(
            "`optimizer.{key} = {value}`: this optimizer does not have it; it has {}",
            written.keys().map(|key| format!("`{key}`")).collect::<Vec<_>>().join(", ")
        )),
        None => Ok(config),
    }
}

fn merge(table: &mut Table, key: &str, value: &Value) {
    match (table.get_mut(key), value) {
        (Some(Value::Table(inner)), Value::Table(given)) => {
            given.iter().for_each(|(key, value)| merge(inner, key, value));
        }
        _ => drop(table.insert(key.into(), value.clone())),
    }
}

/// Says whether what a configuration wrote holds a value: numbers as `f32`, in which burn
/// computes with them.
fn holds(written: Option<&Value>, given: &Value) -> bool {
    let number = |value: &Value| match value {
        Value::Integer(value) => Some(*value as f32),
        Value::Float(value) => Some(*value as f32),
        _ => None,
    };
    match (written, given) {
        (Some(Value::Table(written)), Value::Table(given)) => {
            given.iter().all(|(key, value)| holds(written.get(key), value))
        }
        (Some(Value::Array(written)), Value::Array(given)) => {
            let all = written.iter().zip(given).all(|(written, given)| holds(Some(written), given));
            all && written.len() == given.len()
        }
        (Some(written), given) => match (number(written), number(given)) {
            (Some(written), Some(given)) => written == given,
            _ => written == given,
        },
        (None, _) => false,
    }
}

/// Sets the weight decay of an optimizer by name: a number, or a penalty in a table, as that
/// optimizer of burn's has it.
pub(super) fn set_weight_decay(
    kind: &str,
    constants: &mut Constants,
    decay: f64,
) -> Result<(), String> {
    const KEY: &str = "weight_decay";
    let penalty = BTreeMap::from([("penalty".to_owned(), Hyperparameter::Real(decay))]);
    for value in [Hyperparameter::Real(decay), Hyperparameter::Table(penalty)] {
        constants.insert(KEY.into(), value);
        if optimizer(kind, constants, &[]).is_ok() {
            return Ok(());
        }
    }
    Err(format!("`groups.{KEY}`: the optimizer `{kind}` has no weight decay"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn constants(text: &str) -> Constants {
        toml::from_str(text).unwrap()
    }

    fn problem(kind: &str, text: &str) -> String {
        optimizer(kind, &constants(text), &[]).err().unwrap_or_default()
    }

    #[test]
    fn every_kind_is_made_with_its_defaults() {
        for kind in KINDS {
            assert_eq!(problem(kind, ""), "", "{kind}");
        }
        assert!(problem("adamn", "").contains("`cautious-adamw`"));
    }

    #[test]
    fn only_constants_that_the_optimizer_has_are_taken() {
        assert_eq!(problem("adam", "beta_1 = 0.8\nweight_decay = { penalty = 1e-4 }"), "");
        assert_eq!(problem("muon", "ns_steps = 3\nmomentum = { nesterov = false }"), "");
        assert_eq!(problem("rmsprop", "centered = true\nalpha = 1"), "");
        assert!(problem("adam", "beta_3 = 0.8").contains("`optimizer.beta_3 = 0.8`"));
        assert!(problem("adam", "weight_decay = { penalti = 1e-4 }").contains("penalty"));
        assert!(problem("muon", "momentum = { nestrov = false }").contains("nestrov"));
        assert!(problem("adam", "beta_1 = \"high\"").contains("`optimizer`"));
        assert!(problem("adam", "grad_clipping = { Value = 1.0 }").contains("[clipping]"));
    }

    #[test]
    fn weight_decay_is_set_in_either_form() {
        for kind in ["adam", "lion", "muon", "adagrad", "adafactor"] {
            set_weight_decay(kind, &mut constants(""), 0.1).unwrap();
        }
        assert!(set_weight_decay("program", &mut constants(""), 0.1).is_err());
    }
}
