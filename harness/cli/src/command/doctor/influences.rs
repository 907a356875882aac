//! Variables and files of this process's surroundings that could change kernels.

use std::path::Path;

use reenact_core::machine::{Effect, Influence, Source};
use reenact_core::sanitize::plain;
use reenact_core::trainer::Program;
use serde::Serialize;

/// Characters of a variable's value that are shown.
const VALUE_CHARS_MAX: usize = 80;

/// Holds an influence that is there.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(super) struct Found {
    /// Name of the variable, or path of the file.
    pub(super) name: String,
    /// Value of a variable that decides bits; others are nobody's business.
    pub(super) value: Option<String>,
    pub(super) effect: Effect,
    pub(super) reason: String,
}

/// Looks for what the engines of these programs name.
pub(super) fn find(programs: &[&dyn Program]) -> Vec<Found> {
    let mut wanted: Vec<Influence> = Vec::new();
    for influence in programs.iter().flat_map(|program| program.platform().influences()) {
        if !wanted.contains(&influence) {
            wanted.push(influence);
        }
    }
    let text = |value: std::ffi::OsString| value.to_string_lossy().into_owned();
    let variables = std::env::vars_os().map(|(name, value)| (text(name), text(value)));
    let here = std::env::current_dir().unwrap_or_default();
    among(&wanted, &variables.collect::<Vec<_>>(), &here)
}

fn among(wanted: &[Influence], variables: &[(String, String)], here: &Path) -> Vec<Found> {
    let mut all: Vec<Found> =
        wanted.iter().flat_map(|influence| matches(influence, variables, here)).collect();
    all.sort_by(|a, b| a.name.cmp(&b.name));
    all
}

fn matches(influence: &Influence, variables: &[(String, String)], here: &Path) -> Vec<Found> {
    let found = |name: String, value: Option<String>| {
        let (effect, reason) = (influence.effect, influence.reason.clone());
        Found { name: plain(&name), value, effect, reason }
    };
    match &influence.source {
        Source::Variable(_) => variables
            .iter()
            .filter(|(name, _)| influence.source.is_variable(name))
            .map(|(name, value)| {
                let decides = influence.effect == Effect::Decides;
                found(name.clone(), decides.then(|| shortened(value)))
            })
            .collect(),
        // A dangling link is no file to any reader.
        Source::File(name) => here
            .ancestors()
            .map(|folder| folder.join(name))
            .filter(|path| path.exists())
            .map(|path| found(path.to_string_lossy().into_owned(), None))
            .collect(),
    }
}

fn shortened(value: &str) -> String {
    plain(&value.chars().take(VALUE_CHARS_MAX).collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_and_files_above_are_found() {
        let folder = tempfile::tempdir().unwrap();
        let here = folder.path().join("a/b");
        std::fs::create_dir_all(&here).unwrap();
        std::fs::write(folder.path().join("kernels.toml"), "").unwrap();
        std::fs::write(here.join("kernels.toml"), "").unwrap();
        let wanted = [
            Influence::variable("CUBECL_*", Effect::Ignored, "configured in code"),
            Influence::variable("CUDA_PATH", Effect::Decides, "libdevice lies there"),
            Influence::file("kernels.toml", Effect::Ignored, "configured in code"),
            Influence::file("others.toml", Effect::Ignored, "configured in code"),
        ];
        let variable = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let variables = [
            variable("CUBECL_TUNE", "secret"),
            variable("CUDA_PATH", "/opt/cuda\x1b[2J"),
            variable("CUDA_PATH_V1", ""),
            variable("HOME", "/root"),
        ];
        let found = among(&wanted, &variables, &here);
        let names: Vec<&str> = found.iter().map(|found| found.name.as_str()).collect();
        let file = |folder: &Path| folder.join("kernels.toml").to_string_lossy().into_owned();
        let (near, far) = (file(&here), file(folder.path()));
        assert_eq!(names, [near.as_str(), far.as_str(), "CUBECL_TUNE", "CUDA_PATH"]);
        assert_eq!(found[2].value, None);
        assert_eq!(found[3].value.as_deref(), Some("/opt/cuda\\u{1b}[2J"));
        assert_eq!(found[3].effect, Effect::Decides);
    }
}
