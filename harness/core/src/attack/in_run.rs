//! Attacks that a training process can plant in itself while its journal
//! claims honesty.

use std::fmt;
use std::ops::Range;
use std::str::FromStr;

use super::AttackError;
use super::text::{show_strength, split};

/// Names what a sabotaged training does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InRunKind {
    /// Updates with another learning rate than it records (strength: factor).
    LrTamper,
    /// Uses and records another learning rate (strength: factor).
    LrRecorded,
    /// Updates with the negated gradient, and records the honest one.
    SignFlip,
    /// Trains with another root seed than it declares (strength: how far off).
    SeedSwap,
    /// Takes the samples of a step in another order: sorted.
    OrderSwap,
    /// Changes the labels of the first samples of a batch (strength: how many).
    LabelFlip,
    /// Stamps a patch on the first samples of a batch (strength: how many).
    PixelEdit,
    /// Draws dropout from the stream of another root seed (strength: how far
    /// off).
    DropoutOff,
    /// Adds to one weight after the update (strength: units in the last
    /// place).
    InRunEdit,
    /// Scales the optimizer's moments after the update (strength: factor).
    MomentEdit,
    /// Forgets what the optimizer keeps before the step, as a careless
    /// resumption does.
    MomentReset,
    /// Leaves the declared clipping out.
    ClipOff,
    /// Computes gradients with a kernel of lower precision (strength: bits of
    /// the mantissa).
    KernelSwap,
    /// Pushes every weight in one direction at the end of each segment, by less
    /// than a tolerance shows (strength: units in the last place of the tensor's
    /// largest element).
    UnderTolerance,
}

const KINDS: [(InRunKind, &str, f64); 14] = [
    (InRunKind::LrTamper, "lr-tamper", 1.05),
    (InRunKind::LrRecorded, "lr-recorded", 1.05),
    (InRunKind::SignFlip, "sign-flip", 1.0),
    (InRunKind::SeedSwap, "seed-swap", 1.0),
    (InRunKind::OrderSwap, "order-swap", 1.0),
    (InRunKind::LabelFlip, "label-flip", 1.0),
    (InRunKind::PixelEdit, "pixel-edit", 1.0),
    (InRunKind::DropoutOff, "dropout-off", 1.0),
    (InRunKind::InRunEdit, "in-run-edit", 1.0),
    (InRunKind::MomentEdit, "moment-edit", 1.01),
    (InRunKind::MomentReset, "moment-reset", 1.0),
    (InRunKind::ClipOff, "clip-off", 1.0),
    (InRunKind::KernelSwap, "kernel-swap", 10.0),
    (InRunKind::UnderTolerance, "under-tolerance", 2.0),
];

/// Describes a sabotaged training: `lr-tamper@7`, `sign-flip@7..9`,
/// `lr-tamper@7..20*1.5`. Without a place it acts at every step.
#[derive(Clone, Debug, PartialEq)]
pub struct InRunAttack {
    /// What is done.
    pub kind: InRunKind,
    /// At which steps.
    pub steps: Range<u64>,
    /// How strongly; each kind says in which unit.
    pub strength: f64,
}

impl InRunAttack {
    /// Describes an attack of the usual strength.
    pub fn new(kind: InRunKind, steps: Range<u64>) -> Self {
        let usual = KINDS.iter().find(|(known, ..)| *known == kind).map(|(.., usual)| *usual);
        Self { kind, steps, strength: usual.unwrap_or(1.0) }
    }

    /// Says whether the attack acts at `step`, and of this kind.
    pub fn acts(&self, kind: InRunKind, step: u64) -> bool {
        self.kind == kind && self.steps.contains(&step)
    }
}

impl FromStr for InRunAttack {
    type Err = AttackError;

    fn from_str(text: &str) -> Result<Self, AttackError> {
        parse(text).ok_or_else(|| AttackError::Unknown {
            text: text.to_owned(),
            usage: "ID[@STEP[..STEP]][*STRENGTH]",
            known: KINDS.map(|(_, name, _)| name).join(", "),
        })
    }
}

fn parse(text: &str) -> Option<InRunAttack> {
    let parts = split(text)?;
    let &(kind, _, usual) = KINDS.iter().find(|(_, name, _)| *name == parts.id)?;
    let steps = parts.place.map_or(Some(0..u64::MAX), steps)?;
    Some(InRunAttack { kind, steps, strength: parts.strength.unwrap_or(usual) })
}

fn steps(place: &str) -> Option<Range<u64>> {
    match place.split_once("..") {
        Some((start, end)) => Some(start.parse().ok()?..end.parse().ok()?),
        None => {
            let step: u64 = place.parse().ok()?;
            Some(step..step.checked_add(1)?)
        }
    }
}

impl InRunKind {
    /// Returns every kind.
    pub fn all() -> impl Iterator<Item = Self> {
        KINDS.into_iter().map(|(kind, ..)| kind)
    }

    fn entry(self) -> &'static (Self, &'static str, f64) {
        KINDS.iter().find(|(kind, ..)| *kind == self).expect("every kind is listed")
    }
}

impl fmt::Display for InRunKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.entry().1)
    }
}

impl fmt::Display for InRunAttack {
    /// Writes what `FromStr` reads.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Range { start, end } = self.steps;
        write!(f, "{}", self.kind)?;
        if start.checked_add(1) == Some(end) {
            write!(f, "@{start}")?;
        } else if self.steps != (0..u64::MAX) {
            write!(f, "@{start}..{end}")?;
        }
        show_strength(f, self.strength, self.kind.entry().2)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn reads_places_and_strengths() {
        let attack: InRunAttack = "lr-tamper@7..20*1.5".parse().unwrap();
        assert_eq!(
            (attack.kind, attack.steps.clone(), attack.strength),
            (InRunKind::LrTamper, 7..20, 1.5)
        );
        assert!(attack.acts(InRunKind::LrTamper, 19) && !attack.acts(InRunKind::LrTamper, 20));
        let attack: InRunAttack = "sign-flip@3".parse().unwrap();
        assert_eq!(attack.steps, 3..4);
        assert_eq!("seed-swap".parse::<InRunAttack>().unwrap().steps, 0..u64::MAX);
    }

    #[test]
    fn reads_what_it_writes() {
        for text in ["lr-tamper@7..20*1.5", "sign-flip@3", "seed-swap"] {
            assert_eq!(text.parse::<InRunAttack>().unwrap().to_string(), text);
        }
        let names: BTreeSet<String> = InRunKind::all().map(|kind| kind.to_string()).collect();
        assert_eq!(names.len(), KINDS.len());
    }

    #[test]
    fn names_what_is_known() {
        for text in ["", "sabotage", "lr-tamper@x", "lr-tamper@1*x", "lr-tamper@1*inf"] {
            let error = text.parse::<InRunAttack>().unwrap_err().to_string();
            assert!(error.contains("sign-flip"), "{error}");
        }
    }
}
