//! Attacks on a finished recording.

use std::fmt;
use std::str::FromStr;

use super::AttackError;
use super::text::{show_strength, split};

/// Names what an insider does to a finished recording.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PostHocKind {
    /// Flips the last bit of a stored checkpoint and recomputes nothing.
    BitFlip,
    /// Moves the first element of one tensor of real numbers at a boundary (strength:
    /// units in the last place): the first `model.*` tensor, or the one named.
    WeightEdit,
    /// Scales every tensor of real numbers of the optimizer at a boundary (strength:
    /// factor).
    MomentEdit,
    /// Puts in the state that another recording holds at the boundary.
    Splice,
    /// Gives every checkpoint the initial parameters: nothing was trained.
    NoTraining,
    /// Replaces the parameters at a boundary by the mean of those at the
    /// boundaries around it.
    Interpolation,
    /// Cuts the journal after a step. Strength 1: an end and a commitment are
    /// forged; strength 0: the commitment is left as it was.
    Truncated,
    /// Leaves out a checkpoint.
    Withheld,
    /// Names another kernel in every recorded selection that leaves a choice.
    PoisonedSelections,
    /// Leaves out every recorded kernel selection.
    WithheldSelections,
    /// Multiplies every figure that was measured after a step (strength: factor), so that the
    /// model looks better.
    FiguresEdit,
}

const KINDS: [(PostHocKind, &str, f64); 11] = [
    (PostHocKind::BitFlip, "bit-flip", 1.0),
    (PostHocKind::WeightEdit, "weight-edit", 1.0),
    (PostHocKind::MomentEdit, "moment-edit", 1.01),
    (PostHocKind::Splice, "splice", 1.0),
    (PostHocKind::NoTraining, "no-training", 1.0),
    (PostHocKind::Interpolation, "interpolation", 1.0),
    (PostHocKind::Truncated, "truncated", 1.0),
    (PostHocKind::Withheld, "withheld", 1.0),
    (PostHocKind::PoisonedSelections, "poisoned-selections", 1.0),
    (PostHocKind::WithheldSelections, "withheld-selections", 1.0),
    (PostHocKind::FiguresEdit, "figures-edit", 0.9),
];

/// Describes an edit of a finished recording: `weight-edit@100`,
/// `weight-edit:model.fc1.bias@100*3`, `moment-edit@100*0`, `truncated@57`,
/// `no-training`.
#[derive(Clone, Debug, PartialEq)]
pub struct PostHocAttack {
    /// What is done.
    pub kind: PostHocKind,
    /// At which step: a boundary, except for a cut and for figures; none if everywhere.
    pub step: Option<u64>,
    /// To which tensor, where the kind leaves a choice; none for the first.
    pub tensor: Option<String>,
    /// How strongly; each kind says in which unit.
    pub strength: f64,
}

impl PostHocKind {
    /// Returns every kind.
    pub fn all() -> impl Iterator<Item = Self> {
        KINDS.into_iter().map(|(kind, ..)| kind)
    }

    /// Says whether integrity alone has to catch it, without any replay.
    pub fn is_seen_by_integrity(self) -> bool {
        matches!(self, Self::BitFlip | Self::Truncated | Self::Withheld)
    }

    /// Says whether it edits the recorded kernel selections.
    pub fn edits_selections(self) -> bool {
        matches!(self, Self::PoisonedSelections | Self::WithheldSelections)
    }

    /// Says whether it puts other states in.
    pub fn edits_state(self) -> bool {
        !self.is_seen_by_integrity() && !self.edits_selections() && self != Self::FiguresEdit
    }

    /// Says whether it acts on the whole recording, not at a step.
    pub fn is_everywhere(self) -> bool {
        self == Self::NoTraining || self.edits_selections()
    }

    fn entry(self) -> &'static (Self, &'static str, f64) {
        KINDS.iter().find(|(kind, ..)| *kind == self).expect("every kind is listed")
    }
}

impl PostHocAttack {
    /// Describes an attack of the usual strength.
    pub fn new(kind: PostHocKind, step: Option<u64>) -> Self {
        Self { kind, step, tensor: None, strength: kind.entry().2 }
    }
}

impl FromStr for PostHocAttack {
    type Err = AttackError;

    fn from_str(text: &str) -> Result<Self, AttackError> {
        parse(text).ok_or_else(|| AttackError::Unknown {
            text: text.to_owned(),
            usage: "ID[:TENSOR]@STEP[*STRENGTH]",
            known: KINDS.map(|(_, name, _)| name).join(", "),
        })
    }
}

fn parse(text: &str) -> Option<PostHocAttack> {
    let parts = split(text)?;
    let (id, tensor) = match parts.id.split_once(':') {
        Some((id, tensor)) => (id, Some(tensor.to_owned())),
        None => (parts.id, None),
    };
    let &(kind, _, usual) = KINDS.iter().find(|(_, name, _)| *name == id)?;
    let step = match parts.place {
        Some(place) => Some(place.parse::<u64>().ok()?),
        None => None,
    };
    let strength = parts.strength.unwrap_or(usual);
    let whole = step.is_some() != kind.is_everywhere();
    let chosen = tensor.is_none() || kind == PostHocKind::WeightEdit;
    (whole && chosen).then_some(PostHocAttack { kind, step, tensor, strength })
}

impl fmt::Display for PostHocKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.entry().1)
    }
}

impl fmt::Display for PostHocAttack {
    /// Writes what `FromStr` reads.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.kind)?;
        self.tensor.iter().try_for_each(|tensor| write!(f, ":{tensor}"))?;
        self.step.iter().try_for_each(|step| write!(f, "@{step}"))?;
        show_strength(f, self.strength, self.kind.entry().2)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn reads_what_it_writes() {
        for text in [
            "bit-flip@10",
            "weight-edit@100",
            "weight-edit:model.fc1.bias@100*3",
            "moment-edit@8*0",
            "splice@100",
            "no-training",
            "interpolation@4",
            "truncated@57*0",
            "withheld@0",
            "poisoned-selections",
            "withheld-selections",
            "figures-edit@11*0.5",
        ] {
            let attack: PostHocAttack = text.parse().unwrap();
            assert_eq!(attack.to_string(), text);
        }
        let attack: PostHocAttack = "weight-edit@100*1".parse().unwrap();
        assert_eq!(attack, PostHocAttack::new(PostHocKind::WeightEdit, Some(100)));
    }

    #[test]
    fn names_what_is_known() {
        for text in [
            "",
            "weight-edit",
            "weight-edit@",
            "weight-edit@1..2",
            "weight-edit@1*nan",
            "no-training@3",
            "withheld-selections@3",
            "splice:model.w@3",
            "lr-tamper@3",
        ] {
            let error = text.parse::<PostHocAttack>().unwrap_err().to_string();
            assert!(error.contains("weight-edit, moment-edit"), "{error}");
        }
    }

    #[test]
    fn every_kind_is_listed() {
        let names: BTreeSet<String> = PostHocKind::all().map(|kind| kind.to_string()).collect();
        assert_eq!(names.len(), KINDS.len());
    }
}
