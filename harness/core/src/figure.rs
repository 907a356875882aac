//! What a model achieves on samples that are held out, as it is recorded.
//!
//! Figures are compared by their bits, so that one that is not a number equals itself.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::trace::Metric;

/// Limits the figures of one validation.
pub const FIGURES_MAX: usize = 64;

/// Limits the name of a figure.
pub const FIGURE_NAME_CHARS_MAX: usize = 64;

/// Holds one figure.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Figure {
    /// What it measures, with its unit last (`loss_nats`).
    pub name: String,
    /// Bits of the figure, an `f64`.
    pub value_bits: u64,
}

impl Figure {
    /// Names a number.
    pub fn new(name: impl Into<String>, value: f64) -> Self {
        Self { name: name.into(), value_bits: value.to_bits() }
    }

    /// Returns the number.
    pub fn value(&self) -> f64 {
        f64::from_bits(self.value_bits)
    }
}

impl fmt::Display for Figure {
    /// Writes every digit that tells the number from its neighbours.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.name, shown(self.value_bits))
    }
}

/// Writes a figure for people; the bits too, where it is no number.
pub(crate) fn shown(bits: u64) -> String {
    match f64::from_bits(bits) {
        value if value.is_nan() => format!("NaN (bits {bits:016x})"),
        value => value.to_string(),
    }
}

/// Holds the figures of one validation, ascending by name: at least one, each with a name of
/// its own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Vec<Figure>")]
pub struct Figures(Vec<Figure>);

impl TryFrom<Vec<Figure>> for Figures {
    type Error = FigureError;

    fn try_from(figures: Vec<Figure>) -> Result<Self, FigureError> {
        Self::new(figures)
    }
}

/// Says why figures cannot be recorded.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FigureError {
    /// There is nothing to be compared.
    #[error("a validation gives no figure; it has to give 1 to {FIGURES_MAX}")]
    None,
    /// There are too many.
    #[error("a validation gives {0} figures; at most {FIGURES_MAX} are recorded")]
    TooMany(usize),
    /// A name is none.
    #[error(
        "{0:?} is no name of a figure: 1 to {FIGURE_NAME_CHARS_MAX} of a-z, A-Z, 0-9, `-`, `_`, \
         `.`"
    )]
    Name(String),
    /// Two have the same name, or they are not in their one order.
    #[error("the figure `{0}` stands twice, or not where its name belongs")]
    Order(String),
}

impl Figures {
    /// Takes figures whose number and names are within the limits, ascending by name.
    pub fn new(figures: Vec<Figure>) -> Result<Self, FigureError> {
        if figures.is_empty() {
            return Err(FigureError::None);
        }
        if figures.len() > FIGURES_MAX {
            return Err(FigureError::TooMany(figures.len()));
        }
        for (place, Figure { name, .. }) in figures.iter().enumerate() {
            if !is_name(name) {
                return Err(FigureError::Name(name.chars().take(FIGURE_NAME_CHARS_MAX).collect()));
            }
            if place > 0 && figures[place - 1].name >= *name {
                return Err(FigureError::Order(name.clone()));
            }
        }
        Ok(Self(figures))
    }

    /// Takes what a program measured, in whatever order.
    pub fn measured(metrics: Vec<Metric>) -> Result<Self, FigureError> {
        let figure = |metric: Metric| Figure::new(metric.name, metric.value);
        let mut figures: Vec<Figure> = metrics.into_iter().map(figure).collect();
        figures.sort_by(|one, other| one.name.cmp(&other.name));
        Self::new(figures)
    }

    /// Returns the figures.
    pub fn all(&self) -> &[Figure] {
        &self.0
    }

    /// Returns the bits of a figure; none if it has no such name.
    pub fn bits_of(&self, name: &str) -> Option<u64> {
        self.0.iter().find(|figure| figure.name == name).map(|figure| figure.value_bits)
    }

    /// Multiplies every figure.
    pub(crate) fn scaled(&self, factor: f64) -> Self {
        let scaled = |figure: &Figure| Figure::new(&figure.name, figure.value() * factor);
        Self(self.0.iter().map(scaled).collect())
    }

    /// Says whether two validations measured the same things, whatever came out.
    pub fn measure_the_same(&self, other: &Self) -> bool {
        let names = |figures: &Self| figures.0.iter().map(|f| f.name.clone()).collect::<Vec<_>>();
        names(self) == names(other)
    }
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let figures: Vec<String> = self.0.iter().map(Figure::to_string).collect();
        f.write_str(&figures.join(", "))
    }
}

fn is_name(name: &str) -> bool {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    !name.is_empty() && name.len() <= FIGURE_NAME_CHARS_MAX && name.chars().all(allowed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_number_equals_itself_and_no_other() {
        let of =
            |bits| Figures::new(vec![Figure { name: "loss".into(), value_bits: bits }]).unwrap();
        let (quiet, other) = (f64::NAN.to_bits(), f64::NAN.to_bits() | 1);
        assert_eq!(of(quiet), of(quiet));
        assert_ne!(of(quiet), of(other));
        assert_ne!(of(0.0f64.to_bits()), of((-0.0f64).to_bits()));
        assert_eq!(of(quiet).to_string(), "loss NaN (bits 7ff8000000000000)");
        assert_eq!(of(f64::INFINITY.to_bits()).to_string(), "loss inf");
    }

    #[test]
    fn number_and_names_are_limited() {
        let named = |names: &[&str]| {
            Figures::new(names.iter().map(|name| Figure::new(*name, 1.0)).collect())
        };
        assert_eq!(named(&[]), Err(FigureError::None));
        let many: Vec<String> = (0..=FIGURES_MAX).map(|number| format!("f{number:02}")).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        assert!(named(&many[1..]).is_ok());
        assert_eq!(named(&many), Err(FigureError::TooMany(65)));
        assert_eq!(named(&["a", "b", "b"]), Err(FigureError::Order("b".into())));
        assert_eq!(named(&["b", "a"]), Err(FigureError::Order("a".into())));
        let metric = |name: &str| Metric { name: name.into(), value: 1.0 };
        assert_eq!(Figures::measured(vec![metric("b"), metric("a")]), named(&["a", "b"]));
        let long = "a".repeat(FIGURE_NAME_CHARS_MAX + 1);
        for name in ["", "a b", "a\n", "\u{e4}", "`a`", long.as_str()] {
            assert!(matches!(named(&[name]), Err(FigureError::Name(_))), "{name}");
        }
        assert!(named(&["Top-5.share", &long[1..], "loss_nats"]).is_ok());
    }
}
