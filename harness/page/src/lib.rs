//! An audit's report, a gate's or a night's, as a page: one HTML file, no script, nothing from outside.
//!
//! The page is a function of the report alone, so whoever has `report.json` has
//! every fact on it. A recording is hostile input: everything that comes from
//! it goes through maud, which escapes it, and the page forbids itself to load
//! or run anything.

mod advice;
mod audited;
mod axis;
mod curve;
mod divergence;
mod examination;
mod figure;
mod figures;
mod gate;
mod heat;
mod limits;
mod machines;
mod map;
mod mark;
mod model_file;
mod night;
mod sample;
mod tolerance;
mod verdict;

use maud::{DOCTYPE, Markup, PreEscaped, html};
use reenact_core::sanitize::spell;
use reenact_core::verify::Report;

pub use advice::{next, words};
pub use gate::{GateArm, GatePage, GateSpec, GateTone};
pub use night::{
    FleetNight, FleetPage, MapMark, MapNight, MapRow, NightIncident, NightPage, NightRun, NightTone,
};

const STYLE: &str = include_str!("style.css");
/// Nothing is loaded and nothing runs, whatever a recording smuggles in.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'";

/// Writes the page of a report.
pub fn render(report: &Report) -> String {
    let name = report.claim.as_ref().map_or("unreadable recording", |claim| &claim.name);
    page(&format!("{}: {name}", report.verdict), body(report, name))
}

fn page(title: &str, body: Markup) -> String {
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta http-equiv="Content-Security-Policy" content=(POLICY);
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (title) }
                style { (PreEscaped(STYLE)) }
            }
            body { main { (body) } }
        }
    };
    // The report is plain when it comes here; a page of any other is, too.
    spell(&page.into_string()).into_owned()
}

fn body(report: &Report, name: &str) -> Markup {
    html! {
        header {
            p.over { "reenact audit" }
            h1 { (name) }
            p.quiet { (claim(report)) }
            (audited::show(report))
        }
        (verdict::show(report))
        (model_file::show(report))
        (map::show(report))
        (curve::show(report))
        (figures::show(report))
        (divergence::show(report))
        (examination::show(report))
        (tolerance::show(report))
        (sample::show(report))
        (machines::show(report))
        (limits::show(report))
        footer {
            "Written by reenact " (report.auditor.reenact) ", report format " (report.format)
            ". The same facts for machines: " code { "report.json" } " beside this page."
        }
    }
}

fn claim(report: &Report) -> Markup {
    html! {
        @if let Some(claim) = &report.claim {
            @if let Some(reach) = claim.reach { strong { (reach.words(claim.steps).to_string()) } ". " }
            (figure::count(claim.steps_reached(), "step")) " of " code { (claim.program) } " in "
            (figure::count(claim.segments, "segment"))
            @if !claim.resumed.is_empty() {
                ", resumed at step " (figure::ranges(claim.resumed.iter().copied()))
            }
            ". "
        }
        "Recording: " code { (report.run) }
    }
}

/// Lays out one part of the page under a heading.
fn section(title: &str, content: Markup) -> Markup {
    html! { section { h2 { (title) } (content) } }
}

#[cfg(test)]
mod tests;
