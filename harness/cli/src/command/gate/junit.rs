//! The result as JUnit, for CI systems.

use std::path::Path;
use std::time::Duration;

use quick_junit::{NonSuccessKind, Report, TestCase, TestCaseStatus, TestSuite};
use reenact_audit::Failure;
use reenact_core::sanitize::plain;
use reenact_gate::{ArmFound, GateFound, Judgement};

/// Writes a suite for each spec, with a case for each arm.
pub(super) fn write(found: &GateFound, path: &Path) -> Result<(), Failure> {
    let mut report = Report::new("reenact gate");
    for spec in &found.specs {
        let mut suite = TestSuite::new(plain(&spec.spec));
        suite.add_test_cases(spec.arms.iter().map(|arm| case(arm, spec.class.as_deref())));
        report.add_test_suite(suite);
    }
    let refuse = |problem: &dyn std::fmt::Display| {
        Failure::inconclusive(format!("{}: {problem}", path.display()))
    };
    let text = report.to_string().map_err(|error| refuse(&error))?;
    std::fs::write(path, text).map_err(|error| refuse(&error))
}

fn case(arm: &ArmFound, class: Option<&str>) -> TestCase {
    let status = match arm.state {
        Judgement::Pass => TestCaseStatus::success(),
        Judgement::NotJudged => TestCaseStatus::non_success(NonSuccessKind::Error),
        Judgement::Moved | Judgement::Broken => {
            TestCaseStatus::non_success(NonSuccessKind::Failure)
        }
    };
    let mut status = status;
    if arm.state != Judgement::Pass {
        status.set_message(plain(&arm.words)).set_type(arm.state.word());
        if let Some(next) = &arm.next {
            status.set_description(plain(next));
        }
    }
    let mut case = TestCase::new(arm.arm.to_string(), status);
    case.set_time(Duration::from_secs_f64(arm.seconds.max(0.0)));
    if let Some(class) = class {
        case.set_classname(class);
    }
    case
}
