//! An audit's report, for people: the answer, where and why it diverges, what to do next; then
//! what it rests on.

mod divergence;
mod map;
mod past;
pub(crate) mod tolerance;
mod worth;

use anstyle::Style;
use reenact_core::digest::Digest;
use reenact_core::sanitize::{count, percent};
use reenact_core::spec::StartSpec;
use reenact_core::verify::{
    Audited, Challenge, Claim, Ended, Escape, Grade, ModelFile, NonceSource, Report, SampledBy,
    Verdict, Weight,
};

use self::divergence::TENSORS_MAX;
use crate::terminal::local;
use crate::terminal::manner::wrapped;
use crate::terminal::output::{BAD, BOLD, DIM, GOOD, UNSURE, WITHIN, line, lines, styled};

/// Hex digits shown of a digest.
const DIGITS: usize = 10;
/// Chances of missing something that are shown.
const CHANCES_MAX: usize = 3;
/// Columns of a fact's name, with what stands before and after it.
const NAME_WIDTH: usize = 16;

/// Writes a report to standard output.
pub(crate) fn show(report: &Report) {
    line(headline(report));
    show_run(report);
    divergence::show_first(report);
    if let Some(claim) = report.claim.as_ref().filter(|_| !report.segments.is_empty()) {
        map::show(report, claim.segments);
    }
    divergence::show_rest(report);
    show_expected(report);
    if let Some(model) = &report.model_file {
        show_model_file(model);
    }
    if report.claim.is_some() {
        show_sample(report);
        show_batches(report);
    }
    fact("signature", &report.vouched);
    past::show(report);
    if let Some(claim) = &report.claim {
        worth::show(report, claim);
        tolerance::show(report);
    }
    if let Some(audited) = &report.audited {
        show_audited(audited);
    }
    if let Some(challenge) = &report.challenge {
        show_nonce(report, challenge);
    }
    if let Some(Ended { at_seconds, after_seconds }) = report.ended {
        fact("ended", format_args!("{}, after {after_seconds:.1} s", local(at_seconds)));
    }
    show_notes(report);
    if !matches!(report.verdict, Verdict::Match { .. }) {
        line(headline(report));
    }
}

/// Says what the verdict is, of how much, and of which part of a run that has not come to its end.
fn headline(report: &Report) -> String {
    let reach = report.claim.as_ref().and_then(|claim| Some(claim.reach?.words(claim.steps)));
    let reach = reach.map(|reach| format!("; {reach}")).unwrap_or_default();
    format!("{}{reach}", answer(report))
}

fn answer(report: &Report) -> String {
    let Verdict::Match { grade } = report.verdict else {
        let verdict = styled(style(report.verdict), report.verdict);
        return format!("{verdict}{}: {}", divergence::places(report), report.coverage());
    };
    let total = report.claim.as_ref().map_or(0, |claim| claim.segments);
    let replayed = report.replayed();
    let (how, of) = match (&report.challenge, replayed == total) {
        (_, true) => (String::new(), format!("all of {}", count(total, "segment"))),
        (None, _) => ("chosen, ".into(), format!("{replayed} of {}", count(total, "segment"))),
        (Some(_), _) => ("sampled, ".into(), format!("{replayed} of {}", count(total, "segment"))),
    };
    format!("{}: {of}", styled(style(report.verdict), format_args!("Match ({how}{grade})")))
}

/// Says which run it is, as far as it can be told.
fn show_run(report: &Report) {
    let Some(claim) = &report.claim else { return fact("run", &report.run) };
    let Claim { name, program, steps, .. } = claim;
    let program = if name == program { String::new() } else { format!(" ({program})") };
    fact("run", format_args!("{}: {name}{program}, {}", report.run, count(*steps, "step")));
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
    let (state, model) = (short(state.map(|root| root.0)), short(model.map(|root| root.0)));
    fact(
        "audited",
        format_args!("spec {spec}, commitment {commitment}, state {state}, model {model}"),
    );
}

/// Says whether it is the run that was ordered, where somebody said which one was.
fn show_expected(report: &Report) {
    let Some(expected) = &report.expected else { return };
    fact("expected", expected);
    let recorded = report.audited.as_ref().map(|audited| audited.spec);
    match recorded {
        Some(spec) if spec == expected.digest => fact("", "the recorded spec is this one"),
        Some(_) => fact("", "the recorded spec is another; the reasons name what differs"),
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

fn style(verdict: Verdict) -> Style {
    match verdict {
        Verdict::Match { grade: Grade::BitExact } => GOOD,
        Verdict::Match { grade: Grade::Tolerance } => WITHIN,
        Verdict::Divergent => BAD,
        Verdict::Inconclusive => UNSURE,
    }
}

/// Writes a fact; what is too long for a line goes on below.
pub(crate) fn fact(name: &str, value: impl std::fmt::Display) {
    let indent = " ".repeat(NAME_WIDTH);
    let text = wrapped(&value.to_string(), &indent, &indent);
    let name = styled(DIM, format_args!("{name:<13}"));
    lines(format_args!("  {name} {}", &text[NAME_WIDTH..]));
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
    if let Some(challenge) = &report.challenge {
        if challenge.count < challenge.total && !report.escape.is_empty() {
            fact("chance", chances(&report.escape));
            past::show_foreseen(report);
        }
        match &report.sampled_by {
            Some(by @ SampledBy::Spec { .. }) => {
                fact("sample", format_args!("{by} (--sample or --confidence)"));
            }
            Some(by) => fact("sample", by),
            None => {}
        }
    } else if !report.segments.is_empty() {
        let total = report.claim.as_ref().map_or(0, |claim| claim.segments);
        let others = match report.segments.len() as u64 == total {
            true => "",
            false => ": it proves nothing about the other segments",
        };
        fact("sample", format_args!("chosen by hand, not drawn{others}"));
    }
}

/// Says how likely the draw misses what was tampered with.
fn chances(escapes: &[Escape]) -> String {
    let chance = |(index, escape): (usize, &Escape)| {
        let so_far = escape.probability_so_far.filter(|so_far| *so_far < escape.probability);
        let so_far = so_far.map(|so_far| format!(" ({} with the earlier audits)", percent(so_far)));
        let of = match index {
            0 => format!("missing {}", count(escape.tampered, "tampered segment")),
            _ => escape.tampered.to_string(),
        };
        format!("{} of {of}{}", percent(escape.probability), so_far.unwrap_or_default())
    };
    let shown = escapes.iter().take(CHANCES_MAX).enumerate().map(chance);
    shown.collect::<Vec<_>>().join(", ")
}

/// Says the nonce whole: with it anybody draws again what was drawn.
fn show_nonce(report: &Report, challenge: &Challenge) {
    fact("nonce", &challenge.nonce);
    match &report.nonce_source {
        Some(NonceSource::Fresh) | None => {}
        Some(source) => fact("", source),
    }
}

fn show_notes(report: &Report) {
    for finding in report.findings.iter().filter(|finding| finding.weight == Weight::Note) {
        note("note:", &finding.to_string());
    }
    for segment in &report.segments {
        for incident in &segment.incidents {
            note("incident:", &format!("segment {}: {incident}", segment.segment.index));
        }
    }
}

fn note(word: &str, text: &str) {
    let begin = format!("  {word} ");
    let text = wrapped(text, &begin, "    ");
    lines(format_args!("  {} {}", styled(BOLD, word), &text[begin.len()..]));
}
