//! Where the run was trained and where it was audited, side by side.

use std::collections::BTreeSet;

use maud::{Markup, html};
use reenact_core::format::Environment;
use reenact_core::verify::Report;

use super::divergence::sign;
use super::{figure, section};

/// Trainers shown side by side with the auditor.
const TRAINERS_MAX: usize = 4;

/// Shows both sides; differing rows are marked.
pub(super) fn show(report: &Report) -> Markup {
    let trainers = report.claim.as_ref().map_or(&[][..], |claim| &claim.environments);
    let shown = &trainers[..trainers.len().min(TRAINERS_MAX)];
    section(
        "Environments",
        html! {
            p { (judgement(report)) }
            @if !report.controls.is_empty() {
                p {
                    "Replayed beside the drawn ones, to weigh that claim: "
                    @for (place, control) in report.controls.iter().enumerate() {
                        @if place > 0 { "; " }
                        "segment " (control.segment.index) " " (control.as_control())
                    }
                    "."
                }
            }
            div.scroll {
                table.sides {
                    thead {
                        tr {
                            th scope="col" { "fact" }
                            @for (step, _) in shown {
                                th scope="col" {
                                    "trainer" @if shown.len() > 1 { ", from step " (step) }
                                }
                            }
                            th scope="col" { "auditor" }
                        }
                    }
                    tbody {
                        @for fact in facts(shown, &report.auditor) { (row(&fact)) }
                    }
                }
            }
            @for kernel in report.claim.iter().flat_map(|claim| &claim.tf32) {
                p.quiet { code { (kernel) } " multiplied in TF32: ten bits of mantissa, not 23." }
            }
            @if let Some(more @ 1..) = trainers.len().checked_sub(TRAINERS_MAX) {
                p.quiet { "and " (figure::count(more as u64, "more trainer")) "; " code { "report.json" } " has all" }
            }
        },
    )
}

fn judgement(report: &Report) -> &'static str {
    if report.claim.is_none() {
        "The trainer's environment could not be read."
    } else if report.segments.is_empty() {
        "Nothing was replayed here. Rows that differ are marked ≠."
    } else if report.class_differences.is_empty() {
        "The facts that decide the bits are the same, so a replay has to agree bit for bit. Rows \
         that differ are marked ≠. What is said of the trainer is the trainer's word."
    } else if report.tolerance.is_some() {
        "Facts that decide the bits differ, so the two were compared within a tolerance. Rows that \
         differ are marked ≠. What is said of the trainer is the trainer's word."
    } else {
        "Facts that decide the bits differ. That excuses a divergence only where no segment under \
         the same claim agrees here bit for bit. Rows that differ are marked ≠. What is said of \
         the trainer is the trainer's word."
    }
}

/// Holds one fact: its name, whether it decides bits, each side's value.
struct Fact {
    name: String,
    decides: bool,
    values: Vec<Option<String>>,
}

fn facts(trainers: &[(u64, Environment)], auditor: &Environment) -> Vec<Fact> {
    let all: Vec<&Environment> = trainers.iter().map(|(_, found)| found).chain([auditor]).collect();
    let plain = |name: &str, of: &dyn Fn(&Environment) -> String| Fact {
        name: name.into(),
        decides: false,
        values: all.iter().map(|found| Some(of(found))).collect(),
    };
    let class: BTreeSet<&String> = all.iter().flat_map(|found| found.engine.class.keys()).collect();
    let notes: BTreeSet<&String> = all.iter().flat_map(|found| found.engine.notes.keys()).collect();
    let mut facts: Vec<Fact> = Vec::new();
    facts.extend(class.into_iter().map(|name| Fact {
        name: name.clone(),
        decides: true,
        values: all.iter().map(|found| found.engine.class.get(name).cloned()).collect(),
    }));
    facts.extend([
        plain("reenact", &|found| found.reenact.clone()),
        plain("compiler", &|found| found.rustc.clone()),
        plain("Cargo.lock", &|found| found.lock_text()),
        plain("binary", &|found| found.binary.to_string()),
        plain("system", &|found| found.system.clone()),
    ]);
    facts.extend(notes.into_iter().map(|name| Fact {
        name: name.clone(),
        decides: false,
        values: all.iter().map(|found| found.engine.notes.get(name).cloned()).collect(),
    }));
    facts
}

fn row(fact: &Fact) -> Markup {
    let differs = fact.values.windows(2).any(|pair| pair[0] != pair[1]);
    html! {
        tr.differs[differs] {
            th scope="row" {
                (fact.name) (sign(differs))
                @if fact.decides { " " small { "decides bits" } }
            }
            @for value in &fact.values {
                td { (value.as_deref().unwrap_or("–")) }
            }
        }
    }
}
