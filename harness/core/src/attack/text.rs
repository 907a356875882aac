//! How attacks are written: `ID[@PLACE][*STRENGTH]`.

use std::fmt;

/// Holds the parts of an attack's text.
pub(super) struct Parts<'a> {
    pub(super) id: &'a str,
    pub(super) place: Option<&'a str>,
    pub(super) strength: Option<f64>,
}

/// Takes a text apart; none if the strength is no finite number.
pub(super) fn split(text: &str) -> Option<Parts<'_>> {
    let (head, strength) = match text.rsplit_once('*') {
        Some((head, strength)) => (head, Some(strength.parse::<f64>().ok()?)),
        None => (text, None),
    };
    let (id, place) = match head.rsplit_once('@') {
        Some((id, place)) => (id, Some(place)),
        None => (head, None),
    };
    strength.is_none_or(f64::is_finite).then_some(Parts { id, place, strength })
}

/// Writes the strength, unless it is the usual one.
pub(super) fn show_strength(f: &mut fmt::Formatter<'_>, strength: f64, usual: f64) -> fmt::Result {
    if strength.to_bits() == usual.to_bits() { Ok(()) } else { write!(f, "*{strength}") }
}
