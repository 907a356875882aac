//! All nights and all runs, as a page.

use maud::{Markup, html};

use super::NightTone;
use crate::figure;

/// Nights that are shown at once; older ones are folded.
const NIGHTS_SHOWN: usize = 31;

/// Holds what is shown of all nights.
#[derive(Clone, Debug, Default)]
pub struct FleetPage {
    /// How the last night looks.
    pub tone: NightTone,
    /// What the last night said.
    pub sentence: String,
    /// Nights, newest first.
    pub nights: Vec<FleetNight>,
    /// Runs as they stand: name, covered, chance of escape, certain.
    pub runs: Vec<(String, String, String, String)>,
}

/// Holds what is shown of a night in the list of all.
#[derive(Clone, Debug, Default)]
pub struct FleetNight {
    /// When it was.
    pub when: String,
    /// What it came to.
    pub words: String,
    /// Its page, relative to this one.
    pub page: String,
}

impl FleetPage {
    /// Writes the page.
    pub fn render(&self) -> String {
        let rows = self.runs.iter().map(|(run, covered, escape, certain)| {
            vec![run.clone(), covered.clone(), escape.clone(), certain.clone()]
        });
        let head = ["run", "covered", "chance of escape", "certain"];
        let body = html! {
            header { p.over { "reenact nightly" } h1 { "All nights" } }
            div class=(format!("verdict {}", self.tone.class())) {
                p.sign aria-hidden="true" { (self.tone.sign()) }
                h2.sentence { (self.sentence) }
            }
            section {
                h2 { "Nights" }
                @let (newest, older) = self.nights.split_at(self.nights.len().min(NIGHTS_SHOWN));
                (list(newest))
                @if !older.is_empty() {
                    details { summary { (figure::count(older.len() as u64, "older night")) } (list(older)) }
                }
            }
            (super::parts::table("Runs", &head, rows.collect()))
            footer { "Written by the last night." }
        };
        crate::page("reenact: all nights", body)
    }
}

fn list(nights: &[FleetNight]) -> Markup {
    html! {
        ul { @for night in nights { li { a href=(night.page) { (night.when) } @if !night.words.is_empty() { ": " (night.words) } } } }
    }
}
