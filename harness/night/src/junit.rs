//! A night as JUnit, for CI systems: a case for each run.

use std::time::Duration;

use quick_junit::{NonSuccessKind, Report, TestCase, TestCaseStatus, TestSuite};
use reenact_core::sanitize::plain;

use crate::incident::Kind;
use crate::outcome::Outcome;

/// Writes the text.
pub fn junit(outcome: &Outcome) -> Result<String, String> {
    let mut report = Report::new("reenact nightly");
    let mut suite = TestSuite::new(format!("night {}", outcome.night));
    for run in &outcome.runs {
        let of_run = || outcome.incidents.iter().filter(|found| found.place == run.place);
        let divergent = of_run().find(|found| found.kind == Kind::Divergence);
        let other = of_run().find(|found| found.kind != Kind::Divergence);
        let unjudged = outcome.unjudged.iter().find(|found| found.place == run.place);
        let status = match (divergent, other, unjudged) {
            (Some(found), ..) => failed(NonSuccessKind::Failure, "divergence", &found.words),
            (None, Some(found), _) => failed(NonSuccessKind::Error, "not good", &found.words),
            (None, None, Some(found)) => failed(NonSuccessKind::Error, "not judged", &found.why),
            (None, None, None) => TestCaseStatus::success(),
        };
        let mut case = TestCase::new(plain(&run.place), status);
        case.set_classname(plain(&run.watched.group));
        suite.add_test_case(case);
    }
    suite.set_time(Duration::from_secs(outcome.spent.wall_seconds));
    report.add_test_suite(suite);
    report.to_string().map_err(|error| error.to_string())
}

fn failed(kind: NonSuccessKind, what: &str, words: &str) -> TestCaseStatus {
    let mut status = TestCaseStatus::non_success(kind);
    status.set_message(plain(words)).set_type(what);
    status
}
