//! Groups of parameters.

use serde::{Deserialize, Serialize};

use super::check::{check_clipping, check_optimizer};
use super::{Clipping, OptimizerSpec, STEPS_MAX, SpecError, in_range, real};

/// Limits the groups; each is tried for each parameter.
const GROUPS_MAX: usize = 256;

/// Limits a pattern of module paths; no path has more characters.
const PATTERN_CHARS_MAX: usize = 256;

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

/// Checks the groups of a spec.
pub(super) fn check(groups: &[GroupSpec]) -> Result<(), SpecError> {
    in_range("groups", groups.len() as u64, 0, GROUPS_MAX as u64)?;
    groups.iter().enumerate().try_for_each(|(number, group)| {
        let key = |name: &str| format!("groups[{number}].{name}");
        check_pattern(&key("match"), &group.pattern)?;
        let factor = group.learning_rate_factor;
        real(&key("learning_rate_factor"), factor, factor >= 0.0, "at least 0")?;
        if let Some(decay) = group.weight_decay {
            real(&key("weight_decay"), decay, decay >= 0.0, "at least 0")?;
        }
        in_range(&key("frozen_until"), group.frozen_until, 0, STEPS_MAX)?;
        let clipping = |clipping| check_clipping(&key("clipping.limit"), clipping);
        group.clipping.map_or(Ok(()), clipping)?;
        let optimizer = |optimizer| check_optimizer(&key("optimizer"), optimizer);
        group.optimizer.as_ref().map_or(Ok(()), optimizer)
    })
}

/// Refuses what can match no path, and `**` beside other characters of a name: who writes
/// `encoder**` expects more than the one name that it would stand for.
fn check_pattern(key: &str, pattern: &str) -> Result<(), SpecError> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '*');
    let good = |name: &str| {
        let whole = name == "**" || !name.contains("**");
        !name.is_empty() && name.chars().all(allowed) && whole
    };
    if pattern.len() <= PATTERN_CHARS_MAX && pattern.split('.').all(good) {
        return Ok(());
    }
    let shown: String = pattern.chars().take(PATTERN_CHARS_MAX).collect();
    let problem = format!(
        "{shown:?} is no pattern: names of a-z, A-Z, 0-9, `-`, `_` and `*`, with `.` between \
         them, or `**` for any number of names; at most {PATTERN_CHARS_MAX} characters"
    );
    Err(SpecError::value(key, problem))
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
        // Most patterns fail early, and each is tried for each parameter.
        if !next.contains(&true) {
            return false;
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

    #[test]
    fn patterns_that_no_path_fits_are_refused() {
        for good in ["a", "**", "*", "a*b*", "**.bias", "a.**.b", &"a".repeat(256)] {
            assert!(check_pattern("groups[0].match", good).is_ok(), "{good}");
        }
        for bad in ["", ".a", "a.", "a..b", "a**", "***", "a b", "ä", "[a]", &"a".repeat(257)] {
            let error = check_pattern("groups[0].match", bad).unwrap_err().to_string();
            assert!(error.starts_with("`groups[0].match`: "), "{error}");
        }
    }

    #[test]
    fn a_hostile_pattern_costs_little() {
        // Whoever tries every way to place the stars is not done in a lifetime.
        let (pattern, path) = ("*a".repeat(127) + "*b", "a".repeat(256));
        assert!(!matches(&pattern, &path));
        let (pattern, path) = ("**.*.".repeat(50) + "b", vec!["a"; 128].join("."));
        assert!(!matches(&pattern, &path));
    }
}
