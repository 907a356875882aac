//! What an audit is worth, for people: builds, machines, controls.

use reenact_core::format::Environment;
use reenact_core::sanitize::count;
use reenact_core::verify::{Claim, Independence, Report, SegmentReport, TrustedList};

use super::fact;

/// Says what the audit is worth where the toolchain may be poisoned, and on which machine.
pub(super) fn show(report: &Report, claim: &Claim) {
    if let Some(required) = report.required {
        fact("required", format_args!("that the audit is {required}"));
    }
    show_independence(report, claim);
    if report.class_differences.is_empty() && !report.segments.is_empty() {
        let other = if report.build_differences.is_empty() { "" } else { ", another build" };
        fact("environment", format_args!("the same class of device and engine{other}"));
    }
    if !claim.tf32.is_empty() {
        fact("in TF32", format_args!("{}: ten bits of mantissa, not 23", claim.tf32.join(", ")));
    }
    for difference in report.class_differences.iter().chain(&report.build_differences) {
        fact("environment", format_args!("trained / here: {difference}"));
    }
    show_controls(&report.controls);
}

/// Says what the audit is worth where the toolchain may be poisoned.
fn show_independence(report: &Report, claim: &Claim) {
    let Some(worth) = report.worth() else { return };
    let words = match (worth, report.is_by_trusted_build()) {
        (Independence::SelfCheck, _) => "self-check: this very binary also trained the run",
        (Independence::AnotherBinary, _) => {
            "another binary than the one that trained; that alone is no independence"
        }
        (Independence::Rebuilt, true) => {
            "rebuilt: this very binary also trained the run; it is a trusted build, and reproduces \
             what sabotage its own toolchain has"
        }
        (Independence::Rebuilt, false) => {
            "rebuilt, by the trainer's word alone: the recording says that a trusted build trained \
             the run; this binary is none, so nothing rests on that"
        }
        (Independence::Independent, _) => {
            "independent: this binary is a trusted build, and not the one that trained"
        }
    };
    fact("independence", words);
    let by_itself = worth == Independence::Rebuilt && report.is_by_trusted_build();
    if worth != Independence::SelfCheck && !by_itself {
        fact("", shared_toolchain(report, claim));
    }
    if let Some(TrustedList { digest, builds, auditor }) = &report.trusted_builds {
        let note = auditor.as_deref().filter(|note| !note.is_empty());
        let note = note.map(|note| format!("; it notes of this one: {note}")).unwrap_or_default();
        let (builds, list) = (count(*builds, "trusted build"), digest.short());
        fact("", format_args!("({builds} in list {list}{note})"));
    }
}

/// Shows what was replayed to weigh the claims about machines.
fn show_controls(controls: &[SegmentReport]) {
    for control in controls {
        let index = control.segment.index;
        fact("control", format_args!("segment {index} of the same claim {}", control.as_control()));
    }
}

/// Says what the two builds still have in common.
fn shared_toolchain(report: &Report, claim: &Claim) -> String {
    let same = |of: fn(&Environment, &Environment) -> Option<bool>| {
        let mut each = claim.environments.iter().map(|(_, found)| of(found, &report.auditor));
        match each.try_fold(true, |all, same| Some(all && same?)) {
            Some(true) => "the same",
            Some(false) => "another",
            None => "an unknown",
        }
    };
    let compiler = same(|found, here| Some(found.rustc == here.rustc));
    let lock = same(Environment::same_lock);
    format!("({compiler} compiler, {lock} Cargo.lock)")
}
