//! The diagnosis, for people.

use std::iter::once;

use comfy_table::{Table, presets};
use reenact_audit::Cost;
use reenact_core::machine::{DeviceReport, DeviceState, Effect, Steadiness};
use reenact_core::sanitize::plain;
use reenact_core::trainer::Engine;

use super::Diagnosis;
use super::influences::Found;
use super::machine::Machine;
use super::operations::{Operations, PROCESSES, RUNS};
use super::repeat::Repetition;
use crate::terminal::output::{self, BAD, BOLD, DIM, GOOD, UNSURE, line, styled};

/// Writes all that was found. Where a program was tried, that is the answer, and the
/// machine is left to `--json`.
pub(super) fn show(diagnosis: &Diagnosis) {
    if diagnosis.repetition.is_none() {
        show_machine(&diagnosis.machine);
    }
    show_influences(&diagnosis.influences, diagnosis.repetition.is_none());
    if let Some(repetition) = &diagnosis.repetition {
        show_repetition(repetition);
    }
    diagnosis.cost.iter().for_each(show_cost);
    show_operations(diagnosis.operations.as_deref().unwrap_or_default());
}

fn show_machine(machine: &Machine) {
    line(styled(BOLD, format_args!("reenact {}", machine.reenact)));
    for (name, value) in [
        ("binary", &machine.binary),
        ("lock file", &machine.lock),
        ("toolchain", &machine.rustc),
        ("system", &machine.system),
    ] {
        line(format_args!("  {name:<12} {}", plain(value)));
    }
    line(format_args!("  {:<12} {} at once", "threads", machine.threads));
    for engine in &machine.engines {
        let one = engine.programs.len() == 1;
        let word = if one { "Program" } else { "Programs" };
        line("");
        line(styled(BOLD, format!("{word} {}", engine.programs.join(", "))));
        engine.devices.iter().for_each(show_device);
    }
    line("");
}

fn show_device(device: &DeviceReport) {
    let name = plain(&device.name);
    match &device.state {
        DeviceState::Usable { engine, inexact } => {
            line(format_args!("  {name:<12} {}", styled(GOOD, "usable")));
            show_engine(engine, inexact.as_deref());
        }
        DeviceState::Unusable { problem, remedy } => {
            let not = styled(UNSURE, "not usable");
            line(format_args!("  {name:<12} {not}: {}", plain(problem)));
            if !remedy.is_empty() {
                line(format_args!("  {:<12} {}", "", plain(remedy)));
            }
        }
    }
}

fn show_engine(engine: &Engine, inexact: Option<&str>) {
    match inexact {
        None => {
            line(format_args!("    bit-exact audits: yes, of recordings whose class is the same:"))
        }
        Some(why) => line(format_args!(
            "    bit-exact audits: {}: {}; the class is",
            styled(UNSURE, "no"),
            plain(why)
        )),
    }
    let width = engine.class.keys().chain(engine.notes.keys()).map(String::len).max();
    let width = width.unwrap_or(0);
    for (name, value) in &engine.class {
        line(format_args!("      {:<width$}  {}", plain(name), plain(value)));
    }
    for (name, value) in &engine.notes {
        let note = format!("{:<width$}  {}  (decides nothing)", plain(name), plain(value));
        line(format_args!("      {}", styled(DIM, note)));
    }
}

fn show_influences(found: &[Found], thorough: bool) {
    for influence in found {
        let value = influence.value.as_ref().map(|value| format!(" = {value}")).unwrap_or_default();
        let effect = match influence.effect {
            Effect::Ignored => "has no effect",
            Effect::Decides => "decides bits; recording and audit need the same",
        };
        let warning = styled(UNSURE, "warning:");
        let Found { name, reason, .. } = influence;
        line(format_args!("{warning} {name}{value} {effect}: {reason}"));
    }
    if found.is_empty() && thorough {
        line("No variable and no file that could change kernels was found.");
    }
}

fn show_repetition(repetition: &Repetition) {
    let Repetition { name, device, steps, threads, trials, .. } = repetition;
    let times = if *steps == 1 { "step" } else { "steps" };
    line(format_args!(
        "{} on {device}: {steps} {times} with {threads} threads, then the same",
        styled(BOLD, plain(name))
    ));
    for trial in trials {
        let result = match &trial.departure {
            None => styled(GOOD, "every bit agrees"),
            Some(departure) => styled(BAD, departure),
        };
        line(format_args!("  {:<28} {result}", trial.way.to_string()));
    }
    match &repetition.first {
        None => line(format_args!(
            "{}: traces and closing states agree, bit for bit",
            styled(GOOD, "Reproducible")
        )),
        Some(first) => {
            let not = styled(BAD, "Not reproducible");
            line(format_args!("{not}: it differs {}; first: {first}", repetition.when()));
        }
    }
    if let Some(advice) = repetition.advice() {
        line(format_args!("  {advice}"));
    }
}

fn show_cost(cost: &Cost) {
    let Cost { step_ms, checkpoint_ms, .. } = cost;
    let percent = |share: f64| format!("{:.1} %", 100.0 * share);
    let [least, most] = cost.fingerprints_share_range.map(percent);
    line(format_args!("{}, medians of {} rounds", styled(BOLD, "Cost of recording"), cost.rounds));
    line(format_args!("  {:<28} {step_ms:.3} ms", "a step without recording"));
    line(format_args!(
        "  {:<28} {} of it ({least} to {most})",
        "digests and fingerprints add",
        percent(cost.fingerprints_share)
    ));
    line(format_args!(
        "  {:<28} {checkpoint_ms:.1} ms; at the spec's cadence, {} of the training",
        "a checkpoint takes",
        percent(cost.checkpoints_share)
    ));
}

/// Writes one table for each engine: operations by devices. No cell is styled, as
/// the table would count the styles as letters.
fn show_operations(operations: &[Operations]) {
    for engine in operations.chunk_by(|a, b| a.programs == b.programs) {
        let programs = engine[0].programs.join(", ");
        let title = styled(BOLD, format_args!("Operations of {programs}"));
        line("");
        line(format_args!("{title}, {RUNS} times in each of {PROCESSES} processes"));
        let mut table = Table::new();
        table.load_style(presets::NOTHING);
        let devices = engine.iter().map(|found| plain(&found.device));
        table.set_header(once(" operation".to_owned()).chain(devices));
        for name in names(engine) {
            let cells = engine.iter().map(|found| cell(found, name));
            table.add_row(once(format!(" {}", plain(name))).chain(cells));
        }
        output::table(table, &[]);
        engine.iter().for_each(show_details);
    }
}

/// Lists the operations of all devices, each once, in the engine's own order.
fn names(engine: &[Operations]) -> Vec<&str> {
    let mut names = Vec::new();
    for found in engine.iter().flat_map(|device| &device.operations) {
        if !names.contains(&found.name.as_str()) {
            names.push(&found.name);
        }
    }
    names
}

fn cell(device: &Operations, name: &str) -> String {
    let found = device.operations.iter().find(|found| found.name == name);
    found.map_or(Steadiness::NotTried, |found| found.steadiness).to_string()
}

/// Says which results differ, and why something was not tried.
fn show_details(device: &Operations) {
    let name = plain(&device.device);
    if let Some(problem) = &device.problem {
        line(format_args!("  {name}: {}: {}", styled(UNSURE, "not tried"), plain(problem)));
    }
    for found in device.operations.iter().filter(|found| !found.detail.is_empty()) {
        let detail = format!("  {} on {name}: {}", plain(&found.name), plain(&found.detail));
        line(styled(DIM, detail));
    }
}
