//! One case: what is malformed, how, and what has to be said about it.

use std::fs;
use std::path::Path;

use crate::common::{DIVERGENT, INCONCLUSIVE, MATCH, Ran, USAGE};

/// Holds a file of `tests/hostile`, whose README explains the form.
pub(super) struct Case {
    pub(super) name: String,
    /// Exit code of `audit`.
    pub(super) audit: i32,
    /// Exit code of `inspect`, which replays nothing.
    pub(super) inspect: i32,
    /// The object that a message has to name.
    pub(super) object: String,
    /// What that message has to contain.
    pub(super) says: Vec<String>,
    pub(super) edits: Vec<String>,
}

impl Case {
    /// Reads a case; a mistake in it fails the test.
    pub(super) fn read(path: &Path) -> Self {
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        let text = fs::read_to_string(path).unwrap();
        let (header, body) = text.split_once("\n\n").unwrap_or((text.trim_end(), ""));
        let values = |key: &str| -> Vec<String> {
            let lines = header.lines().filter_map(|line| line.split_once(": "));
            lines.filter(|(found, _)| *found == key).map(|(_, value)| value.to_owned()).collect()
        };
        let known = ["what", "audit", "inspect", "object", "says"];
        for line in header.lines() {
            let key = line.split_once(": ").map(|(key, _)| key);
            assert!(key.is_some_and(|key| known.contains(&key)), "{name}: {line}");
        }
        let one = |key: &str| values(key).pop().unwrap_or_else(|| panic!("{name} has no `{key}`"));
        assert!(!one("what").is_empty());
        let audit = exit_code(&one("audit"));
        let inspect = values("inspect").pop().map_or(audit, |word| exit_code(&word));
        let edits = body.lines().map(str::trim).filter(|line| !line.is_empty());
        let edits = edits.filter(|line| !line.starts_with('#')).map(str::to_owned).collect();
        Self { audit, inspect, object: one("object"), says: values("says"), edits, name }
    }

    /// Checks how a command ended.
    pub(super) fn check_exit(&self, command: &str, code: i32, ran: &Ran) -> Result<(), String> {
        match ran.code == Some(code) {
            true => Ok(()),
            false => Err(format!(
                "{command} ended with {:?} instead of {code}: {}{}",
                ran.code, ran.stdout, ran.stderr
            )),
        }
    }
}

fn exit_code(word: &str) -> i32 {
    match word {
        "match" => MATCH,
        "divergent" => DIVERGENT,
        "inconclusive" => INCONCLUSIVE,
        "usage" => USAGE,
        _ => panic!("`{word}` is no outcome"),
    }
}
