//! Groups of parameters.

use serde::{Deserialize, Serialize};

use super::{Clipping, OptimizerSpec};

/// Trains the parameters at some paths otherwise than the rest.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GroupSpec {
    /// Pattern of module paths: `*` stands for any characters within one name, `**` for any
    /// number of whole names.
    #[serde(rename = "match")]
    pub pattern: String,
    /// What the scheduled learning rate is multiplied by.
    #[serde(default = "unchanged", skip_serializing_if = "is_unchanged")]
    pub learning_rate_factor: f64,
    /// Weight decay, in the place of the optimizer's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weight_decay: Option<f64>,
    /// The step from which on the group is trained.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub frozen_until: u64,
    /// Clipping, in the place of the spec's; a norm over all is that of this group.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clipping: Option<Clipping>,
    /// Optimizer, in the place of the spec's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub optimizer: Option<OptimizerSpec>,
}

impl GroupSpec {
    /// Says whether the group holds the parameter at a module path.
    pub fn holds(&self, path: &str) -> bool {
        matches(&self.pattern, path)
    }
}

/// Says whether a module path such as `encoder.0.weight` fits a pattern.
///
/// It is tried name by name, so a hostile pattern costs at most the product of both lengths.
pub fn matches(pattern: &str, path: &str) -> bool {
    let names: Vec<&str> = path.split('.').collect();
    // `fits[n]`: the pattern so far fits the first `n` names.
    let mut fits = vec![false; names.len() + 1];
    fits[0] = true;
    for part in pattern.split('.') {
        let mut next = vec![false; names.len() + 1];
        if part == "**" {
            let mut seen = false;
            for (to, from) in next.iter_mut().zip(&fits) {
                seen |= *from;
                *to = seen;
            }
        } else {
            for (n, name) in names.iter().enumerate() {
                next[n + 1] = fits[n] && name_matches(part.as_bytes(), name.as_bytes());
            }
        }
        fits = next;
    }
    fits[names.len()]
}

/// Matches one name, `*` standing for any characters.
fn name_matches(pattern: &[u8], name: &[u8]) -> bool {
    let mut fits = vec![false; name.len() + 1];
    fits[0] = true;
    for &wanted in pattern {
        if wanted == b'*' {
            for n in 0..name.len() {
                fits[n + 1] |= fits[n];
            }
        } else {
            for n in (0..name.len()).rev() {
                fits[n + 1] = fits[n] && name[n] == wanted;
            }
            fits[0] = false;
        }
    }
    fits[name.len()]
}

fn unchanged() -> f64 {
    1.0
}

fn is_unchanged(factor: &f64) -> bool {
    *factor == 1.0
}

fn is_zero(value: &u64) -> bool {
    *value == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_name_paths() {
        let yes = [
            ("**", "a.b.c"),
            ("a.**", "a.b.c"),
            ("**.bias", "a.0.bias"),
            ("**.bias", "bias"),
            ("a.*.bias", "a.0.bias"),
            ("**.norm*.**", "a.norm_1.gamma"),
            ("*", "a"),
            ("a*c", "abbc"),
            ("**.**", "a"),
        ];
        for (pattern, path) in yes {
            assert!(matches(pattern, path), "{pattern} {path}");
        }
        let no =
            [("*", "a.b"), ("a.*", "a.b.c"), ("a", "b"), ("a.b", "a"), ("a*c", "ab"), ("", "a")];
        for (pattern, path) in no {
            assert!(!matches(pattern, path), "{pattern} {path}");
        }
    }
}
