//! The verdict, in careful words.

use maud::{Markup, html};
use reenact_core::verify::{Ended, Grade, Independence, Report, Verdict, Weight, date};

use super::mark::Counts;
use super::{advice, figure};

/// Reasons shown; the file for machines has all.
const REASONS_MAX: usize = 12;

/// Shows the verdict: what was observed, what it proves, what it does not.
pub(super) fn show(report: &Report) -> Markup {
    let (class, sign) = match report.verdict {
        Verdict::Match { grade: Grade::BitExact } => ("clean", "✓"),
        Verdict::Match { grade: Grade::Tolerance } => ("within", "≈"),
        Verdict::Divergent => ("divergent", "✗"),
        Verdict::Inconclusive => ("unclear", "?"),
    };
    let counts = Counts::of(report);
    html! {
        section.verdict.(class) aria-labelledby="verdict" {
            p.sign aria-hidden="true" { (sign) }
            h2 #verdict { (report.verdict) }
            p.lead { (lead(report)) }
            @if !report.reasons.is_empty() { (reasons(&report.reasons)) }
            @if let Some(cause) = report.divergent().find_map(|found| found.explanation.as_ref()) {
                p { strong { "Cause: " } (figure::prose(&cause.words)) "." }
            }
            @for next in crate::next(report) { (advice::show(&next)) }
            p.quiet { (circumstances(report)) }
            div.three {
                (column("Observed", &observed(report, &counts)))
                (column("What it proves", &proves(report, &counts)))
                (column("What it does not", &leaves_open(report, &counts)))
            }
        }
    }
}

/// Says who vouches for what was audited, and when that was.
fn circumstances(report: &Report) -> String {
    let mut said = format!("Signature: {}.", report.vouched);
    if let Some(worth) = report.worth() {
        said += &format!(" Worth: {worth}.");
    }
    if let Some(Ended { at_seconds, after_seconds }) = report.ended {
        said += &format!(
            " Audited on {}, in {}.",
            date(at_seconds),
            format_args!("{after_seconds:.1} s")
        );
    }
    said
}

fn lead(report: &Report) -> String {
    let replayed = report.coverage();
    match report.verdict {
        Verdict::Match { grade: Grade::BitExact } => {
            format!("Everything that was examined agrees; {replayed}.")
        }
        Verdict::Match { grade: Grade::Tolerance } => format!(
            "Not bit for bit: the run is within what honest runs deviate by on another class of \
             device; {replayed}."
        ),
        Verdict::Divergent => format!("The run is not what its record claims; {replayed}."),
        Verdict::Inconclusive => format!("It could not be told. This is not a pass; {replayed}."),
    }
}

fn reasons(reasons: &[String]) -> Markup {
    html! {
        ol.reasons { @for reason in reasons.iter().take(REASONS_MAX) { li { (figure::prose(reason)) } } }
        @if let Some(more @ 1..) = reasons.len().checked_sub(REASONS_MAX) {
            p.quiet { "and " (more) " more; " code { "report.json" } " lists all" }
        }
    }
}

fn column(title: &str, points: &[String]) -> Markup {
    html! { div { h3 { (title) } ul { @for point in points { li { (point) } } } } }
}

fn observed(report: &Report, counts: &Counts) -> Vec<String> {
    let mut points = Vec::new();
    let against = report.findings.iter().filter(|found| found.weight == Weight::Divergent).count();
    points.push(match against {
        0 => "Examining the record without replay found no contradiction.".into(),
        _ => {
            let found = figure::count(against as u64, "contradiction");
            format!("Examining the record without replay found {found}.")
        }
    });
    let Counts { clean, unclear, refused, .. } = *counts;
    let divergent = counts.divergent - refused;
    if clean > 0 {
        points.push(format!(
            "{} replayed from the committed opening state: every step and the whole closing \
             state agree, bit for bit.",
            figure::count(clean, "segment")
        ));
    }
    if counts.within > 0 {
        points.push(format!(
            "{} replayed on another class of device: samples, batches, rates and counters agree, \
             and every other tensor of the closing state is within its tolerance.",
            figure::count(counts.within, "segment")
        ));
    }
    if divergent > 0 {
        points.push(format!(
            "{} left the recording. Two fresh processes agreed on where, and on the bits.",
            figure::count(divergent, "replayed segment")
        ));
    }
    if refused > 0 {
        points.push(format!(
            "{} cannot be replayed, because of what the recording holds.",
            figure::count(refused, "segment")
        ));
    }
    if unclear > 0 {
        points.push(format!("{} gave no clear answer.", figure::count(unclear, "segment")));
    }
    if report.replayed() == 0 {
        points.push("Nothing was replayed.".into());
    }
    points
}

fn proves(report: &Report, counts: &Counts) -> Vec<String> {
    match report.verdict {
        Verdict::Match { grade: Grade::Tolerance } => vec![
            "The replayed segments are as far from the declared computation as honest ones of the \
             calibration were. That is statistics of honest runs, not a proof."
                .into(),
        ],
        Verdict::Divergent if report.tolerance.is_some() => vec![
            "The record is not what honest training leaves, as far as the calibration knows it; \
             the chance of a false alarm stands under “The tolerance”."
                .into(),
        ],
        Verdict::Match { .. } if counts.whole_run() => vec![
            "The declared program, data, seed and schedule compute exactly the recorded run, \
             from its first weights to its last."
                .into(),
        ],
        Verdict::Match { .. } => vec![
            "In the replayed segments, the declared program, data, seed and schedule compute \
             exactly the recorded steps from the recorded opening states."
                .into(),
        ],
        Verdict::Divergent if counts.divergent > 0 => vec![
            "On this class of machine the declared program does not compute what was recorded: \
             training did something else than declared, or the record was altered later."
                .into(),
        ],
        Verdict::Divergent => vec![
            "The recording contradicts itself, its spec or its commitment: it cannot be the \
             record of the declared run."
                .into(),
        ],
        Verdict::Inconclusive => {
            vec![
                "Neither that the run is what its record claims nor that it is not. Mend the \
                 cause and audit again."
                    .into(),
            ]
        }
    }
}

/// Says why the toolchain may be poisoned all the same; nothing where the audit is independent.
fn toolchain(report: &Report) -> Option<&'static str> {
    match report.worth()? {
        Independence::SelfCheck => {
            Some("That the toolchain is clean: the very binary that trained also audited.")
        }
        Independence::Rebuilt if report.is_by_trusted_build() => Some(
            "That the toolchain is clean: the very binary that trained also audited, though it is \
             a trusted build.",
        ),
        Independence::AnotherBinary | Independence::Rebuilt => Some(
            "That the toolchain is clean: the auditing binary is not among the builds that \
             somebody trusts.",
        ),
        Independence::Independent => None,
    }
}

fn leaves_open(report: &Report, counts: &Counts) -> Vec<String> {
    let mut points = Vec::new();
    let rest = counts.total.saturating_sub(counts.drawn);
    if rest > 0 {
        let chance = match report.challenge {
            Some(_) if report.escape.is_empty() => "",
            Some(_) => "; how likely tampering there escaped stands under “The sample”",
            None => ", and as the segments were not drawn, no chance can be given",
        };
        points.push(format!(
            "Anything about {} not replayed{chance}.",
            figure::count(rest, "segment")
        ));
    }
    match report.verdict {
        Verdict::Divergent => points.push(
            "Who did it, or that anybody meant to: a faulty machine leaves the same traces.".into(),
        ),
        _ => points.push("That the declared data and program are good ones.".into()),
    }
    if report.tolerance.is_some() {
        points.push(
            "Anything about edits smaller than the tolerance; how large they can be stands under \
             “The tolerance”."
                .into(),
        );
    }
    points.extend(toolchain(report).map(str::to_owned));
    points
}
