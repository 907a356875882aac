//! Runs by nights: a sign and a colour for what each night made of each run.

use maud::{Markup, html};

use super::parts;

/// Says what a night made of a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MapMark {
    /// What was looked at agrees.
    Matched,
    /// Something diverges.
    Divergent,
    /// It was to be looked at, and could not be judged.
    Unjudged,
    /// It was not looked at.
    #[default]
    Idle,
    /// It was gone.
    Vanished,
    /// It was not there yet.
    Before,
}

/// Names a night of the map.
#[derive(Clone, Debug, Default)]
pub struct MapNight {
    /// When it was, in short.
    pub day: String,
    /// Whether a night is missing before it.
    pub after_gap: bool,
}

/// Holds what each night of the map made of a run.
#[derive(Clone, Debug, Default)]
pub struct MapRow {
    /// The run, in short.
    pub run: String,
    /// What each night made of it, in the order of the nights.
    pub marks: Vec<MapMark>,
}

const MARKS: [(MapMark, &str, &str, &str); 6] = [
    (MapMark::Matched, "clean", "●", "matched"),
    (MapMark::Divergent, "divergent", "×", "divergent"),
    (MapMark::Unjudged, "unclear", "?", "not judged"),
    (MapMark::Idle, "rest", "·", "not looked at"),
    (MapMark::Vanished, "unclear", "–", "gone"),
    (MapMark::Before, "rest", " ", "not there yet"),
];

fn of(mark: MapMark) -> (&'static str, &'static str, &'static str) {
    let found = MARKS.iter().find(|(known, ..)| *known == mark);
    found.map_or(("rest", " ", ""), |(_, class, sign, words)| (class, sign, words))
}

pub(super) fn show(nights: &[MapNight], rows: &[MapRow]) -> Markup {
    html! {
        @if !nights.is_empty() && !rows.is_empty() {
            section {
                h2 { "Nights" }
                @let (bad, rest) = sorted(rows);
                @if bad.is_empty() || rest.len() <= parts::ROWS_SHOWN {
                    (parts::folded(rows.len(), "run", table(nights, rows.iter().collect())))
                } @else {
                    (table(nights, bad))
                    (parts::folded(rest.len(), "more run", table(nights, rest)))
                }
                ul.legend {
                    @for (_, class, sign, words) in MARKS.iter().take(5) {
                        li { span class=(format!("mark {class}")) aria-hidden="true" { (sign) } (words) }
                    }
                    li { span.mark.rest aria-hidden="true" { "|" } "nights missing" }
                }
            }
        }
    }
}

/// What went wrong on any night of the map comes first.
fn sorted(rows: &[MapRow]) -> (Vec<&MapRow>, Vec<&MapRow>) {
    let is_bad =
        |mark: &MapMark| matches!(mark, MapMark::Divergent | MapMark::Unjudged | MapMark::Vanished);
    rows.iter().partition(|row| row.marks.iter().any(is_bad))
}

/// Its right end, the newest night, is what a narrow screen shows first.
fn table(nights: &[MapNight], rows: Vec<&MapRow>) -> Markup {
    html! {
        div.scroll.nights-scroll {
            table.facts.nights {
                thead { tr { th scope="col" { "run" } th.marks scope="col" { (span(nights)) } } }
                tbody {
                    @for row in rows {
                        tr { th scope="row" { (row.run) } td.marks { (line(nights, row)) } }
                    }
                }
            }
        }
    }
}

/// Puts the first day over the first mark and the last over the last, where there is room.
fn span(nights: &[MapNight]) -> String {
    let ([first, .., last], width) = (nights, width(nights)) else { return days(nights) };
    let (first, last) = (&first.day, &last.day);
    match width.checked_sub(first.chars().count() + last.chars().count()) {
        Some(room @ 2..) => format!("{first}{}{last}", " ".repeat(room)),
        _ => days(nights),
    }
}

/// Counts the signs of a row: one for each night, and one for each gap.
fn width(nights: &[MapNight]) -> usize {
    nights.len() + nights.iter().filter(|night| night.after_gap).count()
}

/// Neighbours that are alike share an element: a page of 300 runs and 60 nights stays small.
fn line(nights: &[MapNight], row: &MapRow) -> Markup {
    html! {
        @for stretch in stretches(nights, &row.marks) {
            @let (class, sign, words) = of(stretch.mark);
            @if stretch.nights[0].after_gap { span.mark.rest title="nights missing" { "|" } }
            span class=(format!("mark {class}")) title=[stretch.title(words)] {
                (sign.repeat(stretch.nights.len()))
            }
        }
    }
}

/// Nights on end, none missing between them, that made the same of a run.
struct Stretch<'night> {
    mark: MapMark,
    /// Never empty.
    nights: &'night [MapNight],
}

impl Stretch<'_> {
    /// Says which nights these were; what was not looked at says enough by its sign.
    fn title(&self, words: &str) -> Option<String> {
        (!matches!(self.mark, MapMark::Idle | MapMark::Before))
            .then(|| format!("{}: {words}", days(self.nights)))
    }
}

fn stretches<'night>(nights: &'night [MapNight], marks: &[MapMark]) -> Vec<Stretch<'night>> {
    let count = nights.len().min(marks.len());
    let begins = |at: usize| at == 0 || nights[at].after_gap || marks[at] != marks[at - 1];
    let begins: Vec<usize> = (0..count).filter(|&at| begins(at)).collect();
    let ends = begins.iter().skip(1).copied().chain([count]);
    let each = begins.iter().zip(ends);
    each.map(|(&from, to)| Stretch { mark: marks[from], nights: &nights[from..to] }).collect()
}

/// Names the first and the last of these nights, or the only one.
fn days(nights: &[MapNight]) -> String {
    match nights {
        [] => String::new(),
        [one] => one.day.clone(),
        [first, .., last] if first.day == last.day => first.day.clone(),
        [first, .., last] => format!("{} to {}", first.day, last.day),
    }
}
