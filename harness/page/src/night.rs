//! A night, as a page: what people read in the morning, the answer first.

mod fleet;
mod map;
mod parts;

use maud::{Markup, html};

pub use fleet::{FleetNight, FleetPage};
pub use map::{MapMark, MapNight, MapRow};

/// Says how a night looks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum NightTone {
    /// Everything planned was judged, and nothing is open.
    Good,
    /// A divergence is open.
    Bad,
    /// Something could not be told.
    #[default]
    Unclear,
}

/// Holds what is shown of a night. Every text is for people; dates are written out.
#[derive(Clone, Debug, Default)]
pub struct NightPage {
    /// How the answer looks.
    pub tone: NightTone,
    /// The answer in a sentence.
    pub sentence: String,
    /// When it was.
    pub when: String,
    /// How long it took, and where.
    pub took: String,
    /// What is worth knowing of the night itself.
    pub notes: Vec<String>,
    /// What is open, the oldest first.
    pub incidents: Vec<NightIncident>,
    /// Runs that are overdue, gone or were not judged: the run, what, why, what to do.
    pub waiting: Vec<[String; 4]>,
    /// Nights of the map, oldest first.
    pub nights: Vec<MapNight>,
    /// Runs of the map, in the order of the runs.
    pub map: Vec<MapRow>,
    /// Run by run.
    pub runs: Vec<NightRun>,
    /// What was planned, used and allowed: name, planned or used, allowed.
    pub budget: Vec<(String, String, String)>,
    /// Devices: name, segments, seconds, how often it stood alone, taken back, last used.
    pub devices: Vec<[String; 6]>,
    /// Auditing builds: digest, segments, whether ours, last used.
    pub builds: Vec<[String; 4]>,
    /// Attacks planted tonight: which, in a copy of which run, what became of it.
    pub canaries: Vec<(String, String, String)>,
    /// How many of all that were planted so far were caught.
    pub canaries_so_far: String,
    /// The auditing build.
    pub build: String,
    /// What the next night would do: the run, how much, why.
    pub next: Vec<(String, String, String)>,
}

/// Holds what is shown of an incident.
#[derive(Clone, Debug, Default)]
pub struct NightIncident {
    /// Names it.
    pub id: String,
    /// The run.
    pub run: String,
    /// Which segment, step and part, if it is about one.
    pub place: String,
    /// What was found.
    pub words: String,
    /// Its cause, if one was found.
    pub cause: Option<String>,
    /// What became of it tonight: opened, changed; empty if nothing did.
    pub change: String,
    /// Since when, and how often it was seen.
    pub since: String,
    /// Who knows of it and until when; none if nobody does.
    pub known: Option<String>,
    /// Where its evidence lies, beside this page.
    pub evidence: Option<String>,
    /// What to type next.
    pub next: String,
}

/// Holds what is shown of a run.
#[derive(Clone, Debug, Default)]
pub struct NightRun {
    /// Where it lies.
    pub run: String,
    /// How far it has come, and whether it still trains.
    pub reach: String,
    /// Segments that are covered, and that there are.
    pub covered: (u64, u64),
    /// The chance that what the goal says escaped.
    pub escape: String,
    /// When it is as certain as promised.
    pub certain: String,
    /// When it was judged last, and what that gave.
    pub last: String,
}

impl NightPage {
    /// Writes the page.
    pub fn render(&self) -> String {
        let body = html! {
            header {
                p.over { "reenact nightly" }
                h1 { (self.when) }
                p.quiet { (self.took) ". " a href="../index.html" { "All nights" } }
            }
            div class=(format!("verdict {}", self.tone.class())) {
                p.sign aria-hidden="true" { (self.tone.sign()) }
                h2.sentence { (self.sentence) }
                @for note in &self.notes { p.lead { (note) } }
            }
            (self.incidents())
            (self.waiting())
            (map::show(&self.nights, &self.map))
            (self.runs())
            (self.spent())
            (self.devices())
            (self.canaries())
            (self.next())
            footer { "The same facts for machines: " code { "night.json" } " beside this page." }
        };
        super::page(&format!("reenact: {}", self.sentence), body)
    }

    fn waiting(&self) -> Markup {
        let rows = self.waiting.iter().map(|row| row.to_vec());
        let head = ["run", "what", "why", "next"];
        parts::table("Overdue, gone, not judged", &head, rows.collect())
    }
}

impl NightTone {
    fn class(self) -> &'static str {
        match self {
            Self::Good => "clean",
            Self::Bad => "divergent",
            Self::Unclear => "unclear",
        }
    }

    /// Tells the tones apart for whoever sees no colours.
    fn sign(self) -> &'static str {
        match self {
            Self::Good => "✓",
            Self::Bad => "✕",
            Self::Unclear => "?",
        }
    }
}

#[cfg(test)]
mod tests;
