//! A gate's result, for people.

use std::path::Path;

use comfy_table::{Table, presets};
use reenact_audit::Failure;
use reenact_core::sanitize::count;
use reenact_core::state::Difference;
use reenact_gate::{Arm, ArmFound, GateFound, Judgement, SpecFound};
use reenact_page::{GateArm, GatePage, GateSpec, GateTone};

use crate::terminal::json::json_text;
use crate::terminal::output::{BAD, BOLD, DIM, GOOD, UNSURE, line, lines, styled, table};

/// Tensors that are named of what moved.
const TENSORS_MAX: usize = 6;

/// Writes the result to standard output: the answer, the table, what does not pass.
pub(super) fn show(found: &GateFound) {
    line(headline(found));
    if found.specs.is_empty() {
        line("  there is no lock here; `reenact gate accept SPEC --reason TEXT` makes the first");
        return;
    }
    table(rows(found), &[1]);
    for spec in &found.specs {
        details(spec);
        if spec.informs {
            line(format_args!("{}: other bits only inform, until the day in its lock", spec.spec));
        }
    }
}

fn headline(found: &GateFound) -> String {
    let (style, words) = match found.state {
        Judgement::Pass => (GOOD, "Pass"),
        Judgement::Moved => (BAD, "Moved"),
        Judgement::Broken => (BAD, "Broken"),
        Judgement::NotJudged => (UNSURE, "Not judged"),
    };
    let specs = count(found.specs.len() as u64, "spec");
    format!("{}  {specs}: {}", styled(style, words), means(found.state))
}

fn means(state: Judgement) -> &'static str {
    match state {
        Judgement::Pass => "the accepted bits, again and again, and a planted attack was seen",
        Judgement::Moved => "other bits than were accepted",
        Judgement::Broken => "it does not repeat, resume, or audit what it could",
        Judgement::NotJudged => "nobody can say",
    }
}

fn rows(found: &GateFound) -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    let arms = Arm::ALL.map(|arm| arm.to_string());
    table.set_header(["  spec".to_owned(), "class".into()].into_iter().chain(arms));
    for spec in &found.specs {
        let state = |arm: Arm| {
            let found = spec.arms.iter().find(|found| found.arm == arm);
            found.map_or("-", |found| found.state.word()).to_owned()
        };
        let class = spec.class.clone().unwrap_or_else(|| "-".into());
        table.add_row([format!("  {}", spec.name), class].into_iter().chain(Arm::ALL.map(state)));
    }
    table
}

/// Says what does not pass; what stands in the way of several arms is said once.
fn details(spec: &SpecFound) {
    let bad: Vec<&ArmFound> = spec.arms.iter().filter(|arm| arm.state != Judgement::Pass).collect();
    for together in bad.chunk_by(|one, other| one.words == other.words) {
        let arms: Vec<String> = together.iter().map(|arm| arm.arm.to_string()).collect();
        detail(&spec.name, &arms.join(", "), together[0]);
    }
}

fn detail(name: &str, arms: &str, arm: &ArmFound) {
    line(format_args!("{} {}: {}", styled(BOLD, name), styled(BOLD, arms), arm.words));
    values(arm).iter().for_each(|found| lines(format_args!("  {found}")));
    if let Some(next) = &arm.next {
        line(format_args!("  {}", styled(DIM, next)));
    }
}

/// Names the tensors of what moved, with both values where they are known.
pub(super) fn values(arm: &ArmFound) -> Vec<String> {
    let Some(moved) = &arm.moved else { return Vec::new() };
    let value = |name: &String| {
        let found = moved.values.iter().find(|found| found.name == *name);
        match found.map(|found| &found.difference) {
            Some(Difference::Elements {
                count,
                of,
                index_first,
                recorded,
                replayed,
                ulp_max,
                ..
            }) => {
                let ulp = ulp_max.map(|ulp| format!(", at most {ulp} ulp"));
                format!(
                    "{name}: {count} of {of} elements differ; at {index_first} accepted {recorded}, \
                     now {replayed}{}",
                    ulp.unwrap_or_default()
                )
            }
            _ => name.clone(),
        }
    };
    let named: Vec<&String> = match moved.tensors.is_empty() {
        true => moved.values.iter().map(|found| &found.name).collect(),
        false => moved.tensors.iter().collect(),
    };
    let mut lines: Vec<String> = named.iter().take(TENSORS_MAX).map(|name| value(name)).collect();
    if let Some(more @ 1..) = named.len().checked_sub(TENSORS_MAX) {
        lines.push(format!("and {}", count(more as u64, "more tensor")));
    }
    if let Some([accepted, now]) = moved.last_loss.filter(|[a, b]| a.to_bits() != b.to_bits()) {
        lines.push(format!("loss of the last step: accepted {accepted}, now {now}"));
    }
    lines
}

/// Lays the result out as a page.
fn page(found: &GateFound) -> GatePage {
    let spec = |spec: &SpecFound| GateSpec {
        name: spec.name.clone(),
        file: spec.spec.clone(),
        class: spec.class.clone().unwrap_or_else(|| "–".into()),
        arms: Arm::ALL
            .map(|arm| spec.arms.iter().find(|found| found.arm == arm).map(page_arm))
            .to_vec(),
    };
    GatePage {
        tone: tone(found.state),
        state: found.state.word().into(),
        means: means(found.state).into(),
        arms: Arm::ALL.map(|arm| arm.to_string()).to_vec(),
        specs: found.specs.iter().map(spec).collect(),
    }
}

fn page_arm(arm: &ArmFound) -> GateArm {
    GateArm {
        tone: tone(arm.state),
        state: arm.state.word().into(),
        words: arm.words.clone(),
        lines: values(arm),
        next: arm.next.clone(),
    }
}

fn tone(state: Judgement) -> GateTone {
    match state {
        Judgement::Pass => GateTone::Pass,
        Judgement::NotJudged => GateTone::Unclear,
        Judgement::Moved | Judgement::Broken => GateTone::Bad,
    }
}

/// Keeps the result in a folder.
pub(super) fn keep(found: &GateFound, folder: &Path) -> Result<(), Failure> {
    let write = || {
        std::fs::create_dir_all(folder)?;
        std::fs::write(folder.join("gate.json"), json_text(found))?;
        std::fs::write(folder.join("gate.html"), page(found).render())
    };
    write().map_err(|error| Failure::inconclusive(format!("{}: {error}", folder.display())))
}
