//! The house rules that a machine can check. Limits only ever go down.

use std::fs;
use std::path::{Path, PathBuf};

/// Lines of the longest source file.
const FILE_LINES_MAX: usize = 430;
/// Lines of the longest function.
const FUNCTION_LINES_MAX: usize = 62;
/// Columns of the longest line; longer ones hold one long literal.
const COLUMNS_MAX: usize = 120;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Every source file of ours, with its text.
fn sources() -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    for folder in ["harness", "models", "tests", "benches"] {
        collect(&root().join(folder), &mut found);
    }
    assert!(found.len() > 50, "the sources were not found");
    found
}

fn collect(folder: &Path, found: &mut Vec<(PathBuf, String)>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() && !path.ends_with("target") {
            collect(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(&path).unwrap();
            found.push((path, text));
        }
    }
}

#[test]
fn files_are_short_and_one_noun_each() {
    for (path, text) in sources() {
        let lines = text.lines().count();
        assert!(lines <= FILE_LINES_MAX, "{}: {lines} lines", path.display());
        let stem = path.file_stem().unwrap().to_str().unwrap();
        assert!(
            !["utils", "util", "base", "helpers", "misc"].contains(&stem),
            "{}",
            path.display()
        );
    }
}

#[test]
fn functions_are_short() {
    for (path, text) in sources() {
        let mut start = None;
        for (number, line) in text.lines().enumerate() {
            let code = line.trim_start();
            let indent = line.len() - code.len();
            let begins = ["fn ", "pub fn ", "pub(crate) fn ", "pub(super) fn "];
            if start.is_none() && begins.iter().any(|begin| code.starts_with(begin)) {
                start = Some((number, indent));
            }
            let Some((first, depth)) = start else { continue };
            if code == "}" && indent == depth {
                let lines = number - first + 1;
                let place = format!("{}:{}", path.display(), first + 1);
                assert!(lines <= FUNCTION_LINES_MAX, "{place}: a function of {lines} lines");
                start = None;
            } else if code.ends_with(';') && indent == depth {
                start = None;
            }
        }
    }
}

#[test]
fn lines_fit_and_nothing_is_left_undone() {
    let undone =
        [["to", "do!("].concat(), ["unimple", "mented!("].concat(), ["FIX", "ME"].concat()];
    for (path, text) in sources() {
        for (number, line) in text.lines().enumerate() {
            let place = format!("{}:{}", path.display(), number + 1);
            let literal = line.contains('"');
            assert!(line.chars().count() <= COLUMNS_MAX || literal, "{place}: too long");
            assert!(!undone.iter().any(|word| line.contains(word)), "{place}: {line}");
        }
    }
}

#[test]
fn every_module_says_what_it_is_for() {
    for (path, text) in sources() {
        assert!(text.starts_with("//! "), "{} has no module doc", path.display());
    }
}

#[test]
fn bincode_is_known_to_one_module() {
    let outside = |path: &Path| {
        !path.ends_with("harness/core/src/codec.rs") && !path.ends_with("tests/tidy.rs")
    };
    for (path, text) in sources() {
        let code = text.lines().filter(|line| !line.trim_start().starts_with("//"));
        let named = code.filter(|line| line.contains("bincode::")).count();
        assert!(named == 0 || !outside(&path), "{} uses bincode", path.display());
    }
}

#[test]
fn the_core_reads_no_clock_and_no_environment() {
    let banned =
        ["std::time", "SystemTime", "Instant::now", "std::env", "println!", "HashMap", "std::fs"];
    for (path, text) in sources() {
        let in_core = path.to_str().unwrap().contains("harness/core/src");
        for word in banned.iter().filter(|_| in_core) {
            assert!(!text.contains(word), "{}: {word}", path.display());
        }
    }
}

#[test]
fn the_readmes_commands_are_what_ci_runs() {
    let readme = fs::read_to_string(root().join("README.md")).unwrap();
    let ci = fs::read_to_string(root().join(".ci/run")).unwrap();
    for command in ["cargo run --release -- demo", "cargo test --release --workspace"] {
        assert!(readme.contains(command) && ci.contains(command), "{command}");
    }
}
