//! The devices of the toy program: two that compute the same sums in another
//! order, and so with other roundings.
//!
//! Floating-point addition is not associative. Two kinds of hardware differ in
//! just this way, so an audit across classes of device can be tried without one.

use std::collections::BTreeMap;

use reenact_core::trainer::{Engine, TrainerError};

/// Says in which order the toy adds up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ToyDevice {
    /// From the first to the last.
    Forwards,
    /// From the last to the first.
    Backwards,
}

const NAMES: [(&str, ToyDevice); 2] =
    [("cpu", ToyDevice::Forwards), ("toy-reversed", ToyDevice::Backwards)];

impl ToyDevice {
    /// Finds a device by the name that a user gives.
    pub(crate) fn open(name: &str) -> Result<Self, TrainerError> {
        let found = NAMES.iter().find(|(known, _)| *known == name);
        found.map(|(_, device)| *device).ok_or_else(|| TrainerError::Device {
            name: name.chars().take(40).collect(),
            problem: "this program runs on `cpu` and `toy-reversed` only".into(),
        })
    }

    /// Returns the facts that decide the bits.
    pub(crate) fn class(self) -> BTreeMap<String, String> {
        let fact = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let mut class = BTreeMap::from([fact("engine", "toy 1"), fact(Engine::DEVICE, "cpu")]);
        if self == Self::Backwards {
            class.extend([fact("sums", "backwards")]);
        }
        class
    }

    /// Names the table from which its kernel for sums is chosen: choices of one
    /// device are none of the other's.
    pub(crate) fn table(self) -> &'static str {
        match self {
            Self::Forwards => "toy/sum",
            Self::Backwards => "toy-reversed/sum",
        }
    }

    /// Adds up.
    pub(crate) fn sum(self, terms: impl DoubleEndedIterator<Item = f32>) -> f32 {
        match self {
            Self::Forwards => terms.sum(),
            Self::Backwards => terms.rev().sum(),
        }
    }

    /// Brings terms into the order in which they are added up.
    pub(crate) fn order<T>(self, terms: &mut [T]) {
        if self == Self::Backwards {
            terms.reverse();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_orders_round_differently() {
        let terms = [1.0, f32::EPSILON / 2.0, f32::EPSILON / 2.0];
        assert_eq!(ToyDevice::Forwards.sum(terms.into_iter()), 1.0);
        assert_eq!(ToyDevice::Backwards.sum(terms.into_iter()), 1.0 + f32::EPSILON);
    }

    #[test]
    fn the_classes_differ() {
        let [cpu, reversed] = ["cpu", "toy-reversed"].map(|name| ToyDevice::open(name).unwrap());
        assert_ne!(cpu.class(), reversed.class());
        assert!(ToyDevice::open("abacus:0").is_err());
    }
}
