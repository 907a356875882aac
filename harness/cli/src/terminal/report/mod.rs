//! An audit's report, for people.

mod past;
pub(crate) mod tolerance;

use anstyle::Style;
use reenact_core::digest::Digest;
use reenact_core::format::Environment;
use reenact_core::plain::{count, percent};
use reenact_core::spec::StartSpec;
use reenact_core::state::TensorDifference;
use reenact_core::verify::{
    Audited, Claim, Escape, Explanation, Grade, Independence, ModelFile, Report, SampledBy,
    SegmentOutcome, SegmentReport, TrustedList, Verdict, Weight,
};

use crate::terminal::output::{BAD, BOLD, DIM, GOOD, UNSURE, WITHIN, line, lines, styled};

/// Segments drawn on one line of the map.
const MAP_WIDTH: u64 = 64;
/// Reasons, and divergent segments, shown in full.
const REASONS_MAX: usize = 4;
/// Tensors shown of each divergent segment.
const TENSORS_MAX: usize = 6;
/// Hex digits shown of a digest.
const DIGITS: usize = 16;
/// Chances of escape shown.
const ESCAPES_MAX: usize = 3;

/// Writes a report to standard output.
pub(crate) fn show(report: &Report) {
    line(headline(report));
    if let Some(audited) = &report.audited {
        show_audited(audited);
    }
    show_expected(report);
    if let Some(model) = &report.model_file {
        show_model_file(model);
    }
    show_reasons(report);
    if let Some(claim) = &report.claim {
        show_claim(report, claim);
    } else {
        fact("recording", &report.run);
        fact("vouched", &report.vouched);
        past::show(report);
    }
    show_notes(report);
    for next in reenact_page::next(report) {
        fact("next", next);
    }
}

/// Says what the verdict is of, in digests short enough to be read; `--json` and
/// the page have them whole.
fn show_audited(audited: &Audited) {
    let short = |digest: Option<Digest>| match digest {
        Some(digest) => digest.to_string()[..DIGITS].to_owned(),
        None => "unknown".into(),
    };
    let Audited { spec, commitment, state, model } = *audited;
    let (spec, commitment) = (short(Some(spec)), short(Some(commitment)));
    fact("audited", format_args!("spec {spec}, commitment {commitment}"));
    let (state, model) = (short(state.map(|root| root.0)), short(model.map(|root| root.0)));
    fact("", format_args!("final state {state}, final model {model}"));
}

/// Says whether it is the run that was ordered, where somebody said which one was.
fn show_expected(report: &Report) {
    let Some(expected) = &report.expected else { return };
    fact("expected", expected);
    let recorded = report.audited.as_ref().map(|audited| audited.spec);
    match recorded {
        Some(spec) if spec == expected.digest => fact("", "the recorded spec is this one"),
        Some(_) => fact("", "the recorded spec is another; what differs stands below"),
        None => fact("", "the recorded spec could not be compared with it"),
    }
}

/// Says whether a file is the run's model, and which of its tensors are not.
fn show_model_file(model: &ModelFile) {
    let style = match (model.is_final(), model.is_other()) {
        (true, _) => GOOD,
        (_, true) => BAD,
        _ => UNSURE,
    };
    fact("model file", styled(style, model));
    for difference in model.differences.iter().take(TENSORS_MAX) {
        fact("", format_args!("{}: {}", difference.name, difference.in_model_file()));
    }
}

fn show_reasons(report: &Report) {
    for reason in report.reasons.iter().take(REASONS_MAX) {
        lines(format_args!("  {}", wrap(reason)));
    }
    if let Some(more @ 1..) = report.reasons.len().checked_sub(REASONS_MAX) {
        line(format_args!("  and {}; --json lists all", count(more as u64, "more reason")));
    }
    for segment in report.divergent().take(REASONS_MAX) {
        if let SegmentOutcome::Replayed { replay } = &segment.outcome {
            let closing = replay.divergence.iter().flat_map(|found| &found.closing);
            show_closing(segment.segment.step_end, &closing.collect::<Vec<_>>());
        }
        if let Some(explanation) = &segment.explanation {
            show_explanation(segment.segment.index, explanation);
        }
    }
    if let more @ 1.. = report.not_looked_into() {
        line(format_args!(
            "  Why {more} more segment{} not looked into.",
            if more == 1 { " diverges was" } else { "s diverge was" }
        ));
    }
}

fn show_explanation(index: u64, explanation: &Explanation) {
    line(format_args!("  {}", styled(BOLD, format_args!("Why segment {index} diverges:"))));
    lines(format_args!("  {}", wrap(&explanation.words)));
    for seen in &explanation.evidence {
        lines(format_args!("  {}", styled(DIM, wrap(seen))));
    }
}

/// Lists the tensors that differ at the end of a segment.
fn show_closing(step: u64, differences: &[&TensorDifference]) {
    if differences.is_empty() {
        return;
    }
    line(format_args!("  In the state that opens step {step}:"));
    let width = differences.iter().map(|found| found.name.len()).max().unwrap_or_default();
    for found in differences.iter().take(TENSORS_MAX) {
        line(format_args!("    {:<width$}  {}", found.name, found.explain()));
    }
    if let Some(more @ 1..) = differences.len().checked_sub(TENSORS_MAX) {
        line(format_args!("    and {}; --json lists all", count(more as u64, "more tensor")));
    }
}

fn style(verdict: Verdict) -> Style {
    match verdict {
        Verdict::Match { grade: Grade::BitExact } => GOOD,
        Verdict::Match { grade: Grade::Tolerance } => WITHIN,
        Verdict::Divergent => BAD,
        Verdict::Inconclusive => UNSURE,
    }
}

fn headline(report: &Report) -> String {
    let verdict = styled(style(report.verdict), report.verdict);
    match &report.claim {
        Some(claim) => {
            let reach = claim.reach.map(|reach| format!("{}; ", reach.words(claim.steps)));
            let reach = reach.unwrap_or_default();
            format!("{verdict}  {}: {reach}{}", claim.name, report.coverage())
        }
        None => format!("{verdict}  {}", report.run),
    }
}

/// Breaks a long reason into indented lines.
fn wrap(text: &str) -> String {
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        let last = lines.last_mut().expect("there is always a line");
        if !last.is_empty() && last.chars().count() + word.chars().count() > 90 {
            lines.push(word.to_owned());
        } else {
            last.extend((!last.is_empty()).then_some(' '));
            last.push_str(word);
        }
    }
    lines.join("\n    ")
}

fn show_claim(report: &Report, claim: &Claim) {
    if !report.segments.is_empty() {
        show_map(report, claim.segments);
    }
    fact("recording", &report.run);
    fact("claims", format_args!("{} of {}", count(claim.steps, "step"), claim.program));
    if let Some(start) = &claim.start {
        let StartSpec { recording, commitment } = start;
        fact(
            "begins with",
            format_args!("the final model of `{recording}`, commitment {commitment}"),
        );
    }
    if !claim.resumed.is_empty() {
        let steps: Vec<String> = claim.resumed.iter().map(u64::to_string).collect();
        fact("resumed", format_args!("at step {}", steps.join(", ")));
    }
    fact("vouched", &report.vouched);
    show_sample(report);
    show_batches(report);
    past::show(report);
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
    tolerance::show(report);
}

/// Says what the audit is worth where the toolchain may be poisoned.
fn show_independence(report: &Report, claim: &Claim) {
    let Some(worth) = report.worth() else { return };
    let (first, second) = match (worth, report.is_by_trusted_build()) {
        (Independence::SelfCheck, _) => (
            "self-check: this very binary also trained the run, and would",
            "reproduce a sabotage of its own; audit with a build of your own people as well",
        ),
        (Independence::AnotherBinary, _) => (
            "another binary than the one that trained, and nothing else is known of",
            "it: that is no independence, as one more byte makes another binary",
        ),
        (Independence::Rebuilt, true) => (
            "rebuilt: this very binary also trained the run; it is a trusted build, and",
            "reproduces what sabotage its own toolchain has",
        ),
        (Independence::Rebuilt, false) => (
            "rebuilt, by the trainer's word alone: the recording says that a trusted",
            "build trained the run; this binary is none, so nothing rests on that",
        ),
        (Independence::Independent, _) => {
            ("independent: this binary is a trusted build, and not the one that trained", "")
        }
    };
    fact("independence", first);
    [second].iter().filter(|words| !words.is_empty()).for_each(|words| fact("", words));
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

pub(crate) fn fact(name: &str, value: impl std::fmt::Display) {
    line(format_args!("  {} {value}", styled(DIM, format_args!("{name:<13}"))));
}

/// Says of how many steps the batches were compared, where that is not all of them.
fn show_batches(report: &Report) {
    let partial = report.batches.as_ref().filter(|batches| !batches.is_all());
    if let Some(batches) = partial {
        fact("batches", batches);
        fact("", "compare more with --batch-budget, or by replaying more segments");
    }
}

fn show_sample(report: &Report) {
    match &report.challenge {
        Some(challenge) => {
            if let Some(sampled_by) = &report.sampled_by {
                fact("sample", sampled_by);
                if let SampledBy::Spec { .. } = sampled_by {
                    fact("", "choose yourself with --sample or --confidence");
                }
            }
            fact("nonce", &challenge.nonce);
            if let Some(source) = &report.nonce_source {
                fact("", source);
            }
            if challenge.count < challenge.total {
                report.escape.iter().take(ESCAPES_MAX).for_each(show_escape);
                past::show_foreseen(report);
            }
        }
        None if !report.segments.is_empty() => {
            let total = report.claim.as_ref().map_or(0, |claim| claim.segments);
            let others = match report.segments.len() as u64 == total {
                true => "",
                false => ": it proves nothing about the other segments",
            };
            fact("sample", format_args!("chosen by hand, not drawn{others}"));
        }
        None => {}
    }
}

fn show_escape(escape: &Escape) {
    let so_far = match escape.probability_so_far {
        Some(so_far) if so_far < escape.probability => {
            format!("; {} with the audits before", percent(so_far))
        }
        _ => String::new(),
    };
    let (chance, tampered) = (percent(escape.probability), count(escape.tampered, "segment"));
    fact("escape", format_args!("{chance} if {tampered} had been tampered with{so_far}"));
}

/// Draws each segment as one character.
fn show_map(report: &Report, total: u64) {
    if total > 16 * MAP_WIDTH {
        return;
    }
    let mark = |index: u64| {
        let found = report.segments.iter().find(|report| report.segment.index == index);
        found.map_or_else(|| styled(DIM, "·"), segment_mark)
    };
    for start in (0..total).step_by(MAP_WIDTH as usize) {
        let row: String = (start..total.min(start + MAP_WIDTH)).map(mark).collect();
        fact(if start == 0 { "segments" } else { "" }, row);
    }
}

fn segment_mark(report: &SegmentReport) -> String {
    match &report.outcome {
        SegmentOutcome::Replayed { replay } if !replay.leaves_recording() => {
            match replay.deviation {
                None => styled(GOOD, "■"),
                Some(_) => styled(WITHIN, "≈"),
            }
        }
        SegmentOutcome::Replayed { .. } | SegmentOutcome::Refused { .. } => styled(BAD, "✗"),
        SegmentOutcome::Unstable { .. }
        | SegmentOutcome::Failed { .. }
        | SegmentOutcome::Changed { .. } => styled(UNSURE, "?"),
    }
}

fn show_notes(report: &Report) {
    for finding in report.findings.iter().filter(|finding| finding.weight == Weight::Note) {
        line(format_args!("  {} {finding}", styled(BOLD, "note:")));
    }
    for segment in &report.segments {
        for incident in &segment.incidents {
            let index = segment.segment.index;
            line(format_args!("  {} segment {index}: {incident}", styled(BOLD, "incident:")));
        }
    }
}
