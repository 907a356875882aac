//! What GitHub Actions shows of a gate: a summary of the job, annotations, outputs.

use std::fs::OpenOptions;
use std::io::Write;

use reenact_audit::Failure;
use reenact_core::sanitize::plain;
use reenact_gate::{Arm, ArmFound, GateFound, Judgement, SpecFound};

use crate::terminal::output::note;

/// A longer summary is dropped whole, and a comment ends at 64 KiB.
const SUMMARY_BYTES_MAX: usize = 60 << 10;
/// More of a step are not shown.
const ANNOTATIONS_MAX: usize = 10;

/// Writes all three, as far as the variables of a job say where.
pub(super) fn tell(found: &GateFound) -> Result<(), Failure> {
    append("GITHUB_STEP_SUMMARY", &summary(found))?;
    let state = found.state.word().replace(' ', "-");
    append("GITHUB_OUTPUT", &format!("state={state}\nexit-code={}\n", found.exit_code))?;
    annotations(found).iter().for_each(note);
    Ok(())
}

fn append(variable: &str, text: &str) -> Result<(), Failure> {
    let Some(path) = std::env::var_os(variable).filter(|path| !path.is_empty()) else {
        return Ok(());
    };
    let file = OpenOptions::new().append(true).create(true).open(&path);
    file.and_then(|mut file| file.write_all(text.as_bytes()))
        .map_err(|error| Failure::inconclusive(format!("{}: {error}", path.to_string_lossy())))
}

fn annotations(found: &GateFound) -> Vec<String> {
    let each = found.specs.iter().flat_map(|spec| spec.arms.iter().map(move |arm| (spec, arm)));
    let bad = each.filter(|(_, arm)| arm.state != Judgement::Pass);
    let annotation = |(spec, arm): (&SpecFound, &ArmFound)| {
        let kind = if arm.state == Judgement::NotJudged { "warning" } else { "error" };
        // What separates properties is written in another way there.
        let property =
            |text: &str| plain(text).replace('%', "%25").replace(':', "%3A").replace(',', "%2C");
        let (file, title) = (property(&spec.spec), format!("gate, {}", arm.arm));
        let words = plain(&arm.words).replace('%', "%25");
        format!("::{kind} file={file},title={}::{words}", property(&title))
    };
    bad.take(ANNOTATIONS_MAX).map(annotation).collect()
}

/// Writes Markdown, and of many specs as many as fit.
fn summary(found: &GateFound) -> String {
    let mut text = format!("### reenact gate: {}\n\n", found.state.word());
    text += &format!("| spec | class | {} |\n", Arm::ALL.map(|arm| arm.to_string()).join(" | "));
    text += &format!("| --- | --- |{}\n", " --- |".repeat(Arm::ALL.len()));
    let mut left = found.specs.len();
    for spec in &found.specs {
        let row = row(spec);
        if text.len() + row.len() > SUMMARY_BYTES_MAX / 2 {
            break;
        }
        text += &row;
        left -= 1;
    }
    if left > 0 {
        text += &format!("\nand {left} more; the log has all\n");
    }
    for (spec, arm) in found.specs.iter().flat_map(|spec| spec.arms.iter().map(move |a| (spec, a)))
    {
        let detail = detail(spec, arm);
        if text.len() + detail.len() > SUMMARY_BYTES_MAX {
            text += "\nand more; the log has all\n";
            break;
        }
        text += &detail;
    }
    text
}

fn row(spec: &SpecFound) -> String {
    let state = |arm: Arm| {
        let found = spec.arms.iter().find(|found| found.arm == arm);
        found.map_or("–", |found| found.state.word())
    };
    let class = spec.class.as_deref().unwrap_or("–");
    let states = Arm::ALL.map(state).join(" | ");
    format!("| {} | {} | {states} |\n", cell(&spec.spec), cell(class))
}

fn detail(spec: &SpecFound, arm: &ArmFound) -> String {
    if arm.state == Judgement::Pass {
        return String::new();
    }
    let mut text = format!("\n**{}, {}:** {}\n", cell(&spec.spec), arm.arm, cell(&arm.words));
    for line in super::show::values(arm) {
        text += &format!("- {}\n", cell(&line));
    }
    if let Some(next) = &arm.next {
        text += &format!("\n```sh\n{}\n```\n", plain(next).replace('`', "'"));
    }
    text
}

/// Keeps a text of somebody else's from becoming markup.
fn cell(text: &str) -> String {
    let escaped = |letter: char| match letter {
        '<' => "&lt;".into(),
        '>' => "&gt;".into(),
        '|' | '*' | '_' | '[' | ']' | '`' | '\\' | '#' | '!' | '@' => format!("\\{letter}"),
        letter => letter.to_string(),
    };
    plain(text).chars().map(escaped).collect()
}
