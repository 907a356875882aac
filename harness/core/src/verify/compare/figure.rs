//! Where the figures of a validation differ.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::figure::{Figures, shown};

/// Says how one figure differs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FigureDifference {
    /// Its name.
    pub name: String,
    /// What the recording holds; none if it does not have it.
    pub recorded: Option<FigureValue>,
    /// What the replay measured; none if it does not have it.
    pub replayed: Option<FigureValue>,
}

/// Holds a figure as a person and as a machine reads it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FigureValue {
    /// The number; none if it is not finite, as JSON has no NaN.
    pub value: Option<f64>,
    /// Bits of the number, an `f64`, as 16 hexadecimal digits.
    pub bits: String,
}

impl FigureValue {
    /// Reads the bits of an `f64`.
    pub fn of(bits: u64) -> Self {
        let value = Some(f64::from_bits(bits)).filter(|value| value.is_finite());
        Self { value, bits: format!("{bits:016x}") }
    }

    /// Writes every digit that tells the number from its neighbours.
    pub fn shown(&self) -> String {
        u64::from_str_radix(&self.bits, 16).map_or_else(|_| self.bits.clone(), shown)
    }
}

impl FigureDifference {
    /// Compares two validations of one step by name and bits; in the order of the names. Empty
    /// if they agree, or if there are none on either side.
    pub(in crate::verify) fn between(
        recorded: &Option<Figures>,
        replayed: &Option<Figures>,
    ) -> Vec<Self> {
        if recorded == replayed {
            return Vec::new();
        }
        let sides = [recorded, replayed];
        let all = sides.into_iter().flatten().flat_map(|figures| figures.all());
        let names: BTreeSet<&str> = all.map(|figure| figure.name.as_str()).collect();
        let differing = names.into_iter().filter_map(|name| {
            let [recorded, replayed] = sides.map(|side| side.as_ref()?.bits_of(name));
            (recorded != replayed).then(|| Self {
                name: name.to_owned(),
                recorded: recorded.map(FigureValue::of),
                replayed: replayed.map(FigureValue::of),
            })
        });
        differing.collect()
    }

    /// Says in one clause how the figure differs.
    pub fn explain(&self) -> String {
        let side = |value: &Option<FigureValue>| {
            value.as_ref().map_or_else(|| "nothing".to_owned(), FigureValue::shown)
        };
        format!(
            "`{}`: recorded {}, replayed {}",
            self.name,
            side(&self.recorded),
            side(&self.replayed)
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::figure::Figure;

    fn figures(values: &[(&str, f64)]) -> Option<Figures> {
        let all = values.iter().map(|(name, value)| Figure::new(*name, *value)).collect();
        Figures::new(all).ok()
    }

    fn explained(recorded: &[(&str, f64)], replayed: &[(&str, f64)]) -> Vec<String> {
        let found = FigureDifference::between(&figures(recorded), &figures(replayed));
        found.iter().map(FigureDifference::explain).collect()
    }

    #[test]
    fn figures_are_compared_by_name_and_bits() {
        let nan = [("loss", f64::NAN)];
        assert!(explained(&nan, &nan).is_empty() && explained(&[], &[]).is_empty());
        assert_eq!(
            explained(&[("loss", 0.5)], &[("loss", 0.25)]),
            ["`loss`: recorded 0.5, replayed 0.25"]
        );
        assert_eq!(
            explained(&[("loss", 0.0)], &[("loss", -0.0)]),
            ["`loss`: recorded 0, replayed -0"]
        );
        assert_eq!(
            explained(&[("b", 1.0)], &[("a", f64::NAN)]),
            [
                "`a`: recorded nothing, replayed NaN (bits 7ff8000000000000)",
                "`b`: recorded 1, replayed nothing"
            ]
        );
        assert_eq!(explained(&[("b", 1.0)], &[]), ["`b`: recorded 1, replayed nothing"]);
    }
}
