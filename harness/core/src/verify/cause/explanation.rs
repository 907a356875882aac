//! Why a segment diverges: the cause that reproduces what was recorded.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::sanitize::count;
use crate::verify::cause::Search;
use crate::verify::divergence::Stage;

/// Says what explains a divergence, or that nothing that was tried does.
///
/// A cause counts only if with it every digest, fingerprint and bit that was
/// recorded of the step comes out again.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Explanation {
    /// The causes, by the steps that each explains; empty if none was found.
    pub causes: Vec<Explained>,
    /// Whether with them the whole segment is reproduced to its closing state,
    /// bit for bit.
    pub whole: bool,
    /// Hypotheses that were tried by taking steps.
    pub trials: u64,
    /// Whether the search ended at its limit, before every known cause was
    /// tried.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub ended_early: bool,
    /// What was seen of the first divergent step.
    pub evidence: Vec<String>,
    /// The attack of the catalogue that acts like the first cause.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attack: Option<String>,
    /// All of it, for people.
    pub words: String,
}

/// Says which steps a cause explains.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Explained {
    /// The cause.
    pub cause: Cause,
    /// First step.
    pub step_first: u64,
    /// Last step; in between, all the divergent ones.
    pub step_last: u64,
}

/// Names what was done otherwise than declared.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Cause {
    /// The update used another learning rate than was recorded.
    LearningRate {
        /// What the declared rate was multiplied by.
        factor: f64,
    },
    /// Another learning rate was used and recorded.
    LearningRateRecorded {
        /// What the declared rate was multiplied by; none where that is no number, as
        /// with a declared rate of zero.
        factor: Option<f64>,
    },
    /// The gradient's sign was turned round.
    SignFlipped,
    /// The declared clipping was left out.
    ClippingSkipped,
    /// Gradients were computed with fewer bits.
    LowerPrecision {
        /// Bits of the mantissa.
        mantissa_bits: u32,
    },
    /// The samples of another step were used.
    OtherStep {
        /// That step.
        step: u64,
    },
    /// The samples of the step were used in another order.
    OtherOrder {
        /// Which.
        order: String,
    },
    /// Another root seed was used.
    RootSeed {
        /// That seed.
        seed: u64,
    },
    /// The random stream was another one.
    Stream {
        /// Whose.
        of: String,
        /// The root seed that it is derived from, if it is of the same step.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        root_seed: Option<u64>,
    },
    /// Labels were changed.
    Relabelled {
        /// Which, in words.
        what: String,
    },
    /// The optimizer had forgotten its moments before the step.
    MomentsForgotten,
    /// The optimizer's moments were scaled after the step.
    MomentsScaled {
        /// What they were multiplied by.
        factor: f32,
        /// How many tensors.
        tensors: u64,
    },
    /// Weights were written after the update.
    WeightsWritten {
        /// What differs, in words.
        what: String,
    },
    /// Tensors of the stored state were written after the update.
    StateWritten {
        /// What each is like, in words.
        what: String,
    },
    /// The stored opening state is not the one that training went on from: that
    /// is the state in which the segment before really ends.
    OpeningReplaced,
    /// What was measured after the update is recorded otherwise; nothing else differs.
    FiguresEdited,
}

impl Cause {
    /// Names the attack of the catalogue that acts like this.
    pub fn attack(&self) -> &'static str {
        match self {
            Self::LearningRate { .. } => "lr-tamper",
            Self::LearningRateRecorded { .. } => "lr-recorded",
            Self::SignFlipped => "sign-flip",
            Self::ClippingSkipped => "clip-off",
            Self::LowerPrecision { .. } => "kernel-swap",
            Self::OtherStep { .. } | Self::OtherOrder { .. } => "order-swap",
            Self::RootSeed { .. } => "seed-swap",
            Self::Stream { .. } => "dropout-off",
            Self::Relabelled { .. } => "label-flip",
            Self::MomentsForgotten => "moment-reset",
            Self::MomentsScaled { factor, .. } if *factor == 0.0 => "moment-reset",
            Self::MomentsScaled { .. } => "moment-edit",
            Self::WeightsWritten { .. } => "weight-edit",
            Self::StateWritten { .. } => "state edited",
            Self::OpeningReplaced => "checkpoint replaced",
            Self::FiguresEdited => "figures-edit",
        }
    }

    /// Names the stage in which a step differs that has this cause, if the cause
    /// says all that is needed to try it at another step.
    pub(in crate::verify) fn stage_repeated(&self) -> Option<Stage> {
        match self {
            Self::LearningRate { .. }
            | Self::SignFlipped
            | Self::ClippingSkipped
            | Self::MomentsForgotten => Some(Stage::Update),
            Self::LowerPrecision { .. } => Some(Stage::Gradient),
            Self::Stream { root_seed: Some(_), .. } => Some(Stage::Loss),
            Self::RootSeed { .. } => Some(Stage::Batch),
            Self::LearningRateRecorded { .. }
            | Self::OtherStep { .. }
            | Self::OtherOrder { .. }
            | Self::Stream { root_seed: None, .. }
            | Self::Relabelled { .. }
            | Self::MomentsScaled { .. }
            | Self::WeightsWritten { .. }
            | Self::StateWritten { .. }
            | Self::OpeningReplaced
            | Self::FiguresEdited => None,
        }
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::LearningRate { factor } => {
                write!(f, "the update used {factor} times the declared learning rate")
            }
            Self::LearningRateRecorded { factor: Some(factor) } => write!(
                f,
                "the update used the recorded learning rate, {factor} times the declared one"
            ),
            Self::LearningRateRecorded { factor: None } => f.write_str(
                "the update used the recorded learning rate, no multiple of the declared one",
            ),
            Self::SignFlipped => f.write_str("the update used the negated gradient"),
            Self::ClippingSkipped => f.write_str("the declared clipping was left out"),
            Self::LowerPrecision { mantissa_bits } => write!(
                f,
                "the gradients were rounded to {mantissa_bits} bits of mantissa, as another kernel \
                 does"
            ),
            Self::OtherStep { step } => write!(f, "the samples of step {step} were used"),
            Self::OtherOrder { order } => write!(f, "the samples of the step were used {order}"),
            Self::RootSeed { seed } => write!(f, "the root seed {seed} was used"),
            Self::Stream { of, .. } => write!(f, "the random stream of {of} was used"),
            Self::Relabelled { what } => f.write_str(what),
            Self::MomentsForgotten => {
                f.write_str("the optimizer had lost its moments before the step")
            }
            Self::MomentsScaled { factor, tensors: 1 } => {
                write!(f, "after the update, 1 tensor of the optimizer was multiplied by {factor}")
            }
            Self::MomentsScaled { factor, tensors } => write!(
                f,
                "after the update, {tensors} tensors of the optimizer were multiplied by {factor}"
            ),
            Self::WeightsWritten { what } => {
                write!(f, "after the update, weights were overwritten: {what}")
            }
            Self::StateWritten { what } => {
                write!(f, "after the update, the state was overwritten: {what}")
            }
            Self::OpeningReplaced => f.write_str(
                "the stored opening state is not the one that training went on from; from the \
                 state in which the replayed segment before ends, the recorded steps come out",
            ),
            Self::FiguresEdited => f.write_str(
                "the figures of the validation alone were recorded otherwise: edited, or measured \
                 on other data or by other code",
            ),
        }
    }
}

impl Explanation {
    /// Joins what was found into words. `step_last` is the last step that is
    /// reproduced.
    pub(in crate::verify) fn new(
        causes: Vec<Explained>,
        whole: bool,
        step_last: Option<u64>,
        trials: u64,
        evidence: Vec<String>,
    ) -> Self {
        let words = describe(&causes, whole, step_last, trials);
        let attack = causes.first().map(|first| first.cause.attack().to_owned());
        Self { causes, whole, trials, ended_early: false, evidence, attack, words }
    }

    /// Says that the search ended before every known cause was tried.
    pub(in crate::verify) fn ended_early(self, search: &Search) -> Self {
        let full = match search.is_brief() {
            true => {
                "; in an audit only the first divergent segment gets a full search, so audit this \
                 one alone for that"
            }
            false => "",
        };
        let words = match self.causes.is_empty() {
            true => format!(
                "unexplained: in {} the search reached its limit before every known cause \
                 was tried, and none that was reproduces the recorded step{full}",
                count(self.trials, "trial")
            ),
            false => format!(
                "{}, where the search reached its limit before every known cause was tried{full}",
                self.words
            ),
        };
        Self { words, ended_early: true, ..self }
    }
}

fn describe(causes: &[Explained], whole: bool, step_last: Option<u64>, trials: u64) -> String {
    if causes.is_empty() {
        return format!(
            "unexplained: none of the known causes reproduces the recorded step ({})",
            count(trials, "trial")
        );
    }
    let each = causes.iter().map(|found| {
        let Explained { cause, step_first, step_last } = found;
        match step_first == step_last {
            true => format!("at step {step_first} {cause}"),
            false => format!("from step {step_first} to step {step_last} {cause}"),
        }
    });
    let causes = each.collect::<Vec<_>>().join("; ");
    let reach = match (whole, step_last) {
        (true, _) => "with that, the recorded segment is reproduced to its last bit".to_owned(),
        (false, Some(last)) => format!(
            "with that, the recording is reproduced up to step {last}; what follows is unexplained"
        ),
        (false, None) => "what follows is unexplained".to_owned(),
    };
    format!("{causes}: {reach}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_say_what_is_proved_and_no_more() {
        let cause = Cause::LearningRate { factor: 1.05 };
        let found = vec![Explained { cause, step_first: 4, step_last: 4 }];
        let whole = Explanation::new(found.clone(), true, Some(8), 3, Vec::new());
        assert_eq!(
            whole.words,
            "at step 4 the update used 1.05 times the declared learning rate: with that, the \
             recorded segment is reproduced to its last bit"
        );
        assert_eq!(whole.attack.as_deref(), Some("lr-tamper"));
        let part = Explanation::new(found, false, Some(6), 3, Vec::new());
        assert!(part.words.contains("up to step 6; what follows is unexplained"));
        let none = Explanation::new(Vec::new(), false, None, 41, Vec::new());
        assert!(none.words.starts_with("unexplained") && none.attack.is_none());
        assert!(none.words.contains("none of the known causes"), "{}", none.words);
        for (search, alone) in [(Search::full(), false), (Search::brief([]), true)] {
            for found in [part.clone(), none.clone()] {
                let ended = found.ended_early(&search);
                assert!(ended.ended_early && ended.words.contains("reached its limit before"));
                assert!(!ended.words.contains("none of the known causes"), "{}", ended.words);
                assert_eq!(ended.words.contains("audit this one alone"), alone, "{}", ended.words);
            }
        }
    }

    #[test]
    fn numbers_agree_with_their_nouns() {
        let scaled = |tensors| Cause::MomentsScaled { factor: 0.5, tensors }.to_string();
        assert_eq!(scaled(1), "after the update, 1 tensor of the optimizer was multiplied by 0.5");
        assert_eq!(
            scaled(2),
            "after the update, 2 tensors of the optimizer were multiplied by 0.5"
        );
    }

    #[test]
    fn a_rate_that_is_no_multiple_survives_json() {
        let cause = Cause::LearningRateRecorded { factor: None };
        let text = serde_json::to_string(&cause).unwrap();
        assert_eq!(serde_json::from_str::<Cause>(&text).unwrap(), cause);
        assert!(cause.to_string().contains("no multiple of the declared one"), "{cause}");
    }
}
