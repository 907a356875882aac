//! What a night says to Prometheus, as a text file for its node exporter.
//!
//! Names and form follow the exposition format (text version 0.0.4). Samples have no times, as
//! the exporter refuses those; when something was is a value of its own.

use std::fmt::{Display, Write as _};
use std::io::{self, Write as _};
use std::path::Path;

use crate::canary::Caught;
use crate::incident::Kind;
use crate::outcome::{Exit, Outcome};

/// Writes the text.
pub fn metrics(outcome: &Outcome, last_success_at_seconds: Option<u64>, version: &str) -> String {
    let mut text = Text(String::new());
    text.family(
        "reenact_nightly_last_run_timestamp_seconds",
        "When the last night ended.",
        "gauge",
    );
    text.sample("reenact_nightly_last_run_timestamp_seconds", &[], outcome.ended_at_seconds);
    text.family(
        "reenact_nightly_last_success_timestamp_seconds",
        "When the last night ended that judged all it planned.",
        "gauge",
    );
    let success = "reenact_nightly_last_success_timestamp_seconds";
    text.sample(success, &[], last_success_at_seconds.unwrap_or_default());
    text.family("reenact_nightly_exit_code", "Exit code of the last night.", "gauge");
    text.sample("reenact_nightly_exit_code", &[], u8::from(outcome.exit));
    spent(&mut text, outcome);
    runs(&mut text, outcome);
    incidents(&mut text, outcome);
    text.family("reenact_canaries_total", "Planted attacks of all nights.", "counter");
    let (caught, planted) = outcome.canaries_so_far;
    text.sample("reenact_canaries_total", &[("result", "caught")], caught);
    text.sample("reenact_canaries_total", &[("result", "missed")], planted - caught);
    text.family("reenact_build_info", "The auditing build.", "gauge");
    let binary = outcome.binary.to_string();
    text.sample("reenact_build_info", &[("version", version), ("binary", &binary)], 1);
    text.0
}

fn spent(text: &mut Text, outcome: &Outcome) {
    let name = "reenact_nightly_device_seconds";
    text.family(name, "Device seconds of the last night.", "gauge");
    text.sample(name, &[("state", "planned")], outcome.spent.planned_seconds);
    text.sample(name, &[("state", "used")], outcome.spent.used_seconds);
    let name = "reenact_nightly_canaries";
    text.family(name, "Planted attacks of the last night.", "gauge");
    let count = |caught| outcome.canaries.iter().filter(|found| found.caught == caught).count();
    text.sample(name, &[("result", "caught")], count(Caught::Yes));
    text.sample(name, &[("result", "missed")], count(Caught::Missed));
}

fn runs(text: &mut Text, outcome: &Outcome) {
    let name = "reenact_segments";
    text.family(name, "Segments of each run.", "gauge");
    for run in &outcome.runs {
        let of = [("run", run.place.as_str())];
        let divergent = outcome.incidents.iter();
        let divergent = divergent
            .filter(|found| found.place == run.place && found.segment.is_some())
            .count() as u64;
        let open = run.watched.segments.saturating_sub(run.covered);
        let states = [
            ("matched", run.covered),
            ("divergent", divergent),
            ("uncovered", open.saturating_sub(divergent)),
        ];
        for (state, count) in states {
            text.sample(name, &[of[0], ("state", state)], count);
        }
    }
    let name = "reenact_escape_probability";
    text.family(name, "Chance that so many tampered segments escaped every audit.", "gauge");
    let tampered = outcome.goal.0.to_string();
    for run in &outcome.runs {
        text.sample(name, &[("run", &run.place), ("tampered", &tampered)], run.escape);
    }
    let name = "reenact_oldest_uncovered_seconds";
    text.family(name, "Age of the oldest segment that is not covered.", "gauge");
    for run in &outcome.runs {
        let age = run.oldest_uncovered_at_seconds;
        let age = age.map_or(0, |since| outcome.ended_at_seconds.saturating_sub(since));
        text.sample(name, &[("run", &run.place)], age);
    }
}

fn incidents(text: &mut Text, outcome: &Outcome) {
    let name = "reenact_incidents";
    text.family(name, "Incidents that are not resolved.", "gauge");
    let now = outcome.ended_at_seconds;
    let count = |kind: Kind, loud: bool| {
        let found = outcome.incidents.iter();
        found.filter(|found| found.kind == kind && found.is_loud(now) == loud).count()
    };
    for (kind, words) in
        [(Kind::Divergence, "divergence"), (Kind::Vanished, "vanished"), (Kind::Overdue, "overdue")]
    {
        text.sample(name, &[("kind", words), ("state", "open")], count(kind, true));
        text.sample(name, &[("kind", words), ("state", "acknowledged")], count(kind, false));
    }
    let name = "reenact_unjudged_runs";
    text.family(name, "Runs that were planned and not judged.", "gauge");
    text.sample(name, &[], outcome.unjudged.len());
    let good = outcome.exit == Exit::Good;
    let name = "reenact_nightly_good";
    text.family(name, "Whether the last night found nothing to do.", "gauge");
    text.sample(name, &[], u8::from(good));
}

struct Text(String);

impl Text {
    fn family(&mut self, name: &str, help: &str, kind: &str) {
        let _ = write!(self.0, "# HELP {name} {help}\n# TYPE {name} {kind}\n");
    }

    fn sample(&mut self, name: &str, labels: &[(&str, &str)], value: impl Display) {
        self.0.push_str(name);
        let pairs: Vec<String> =
            labels.iter().map(|(key, value)| format!("{key}=\"{}\"", escaped(value))).collect();
        if !pairs.is_empty() {
            let _ = write!(self.0, "{{{}}}", pairs.join(","));
        }
        let _ = writeln!(self.0, " {value}");
    }
}

/// Writes what a label may not hold as it is.
fn escaped(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

/// Writes a text beside a file and renames it, so that nobody reads half of it.
pub fn replace(path: &Path, text: &str) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let folder = folder.unwrap_or(Path::new("."));
    // The exporter reads whatever ends in `.prom`.
    let mut file = tempfile::Builder::new().prefix(".reenact-").tempfile_in(folder)?;
    file.write_all(text.as_bytes())?;
    #[cfg(unix)]
    file.as_file().set_permissions(std::os::unix::fs::PermissionsExt::from_mode(0o644))?;
    file.persist(path)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_hold_whatever_a_run_is_called() {
        let mut text = Text(String::new());
        text.sample("a", &[("run", "x\"y\\z\nw"), ("b", "c")], 1.5);
        assert_eq!(text.0, "a{run=\"x\\\"y\\\\z\\nw\",b=\"c\"} 1.5\n");
    }

    #[test]
    fn nobody_reads_half_of_a_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("reenact.prom");
        for text in ["one\n", "two\n"] {
            replace(&path, text).unwrap();
            assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
        }
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
        assert!(replace(&folder.path().join("none/reenact.prom"), "x").is_err());
    }
}
