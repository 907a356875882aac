//! A night as a page: what was found, put into words.

use std::collections::BTreeMap;

use reenact_core::sanitize::{count, percent};
use reenact_core::verify::date;
use reenact_night::{Caught, Change, Exit, Incident, Kind, Mark, Outcome, Standing, State};
use reenact_page::{
    FleetNight, FleetPage, MapMark, MapNight, MapRow, NightIncident, NightPage, NightRun, NightTone,
};

use super::show::audit_folder;

/// Nights that the map shows.
const MAP_NIGHTS_MAX: usize = 60;
/// A night is missing where the next began this much later than the one before.
const GAP_SECONDS: u64 = 36 * 3600;

/// Writes the page of a night.
pub(super) fn night(outcome: &Outcome) -> String {
    let names = Names::of(outcome);
    let minutes = outcome.spent.wall_seconds.div_ceil(60).max(1);
    NightPage {
        tone: tone(outcome.exit),
        sentence: outcome.sentence.clone(),
        when: format!("Night {} of {}", outcome.night, date(outcome.at_seconds)),
        took: format!("{} on {}", count(minutes, "minute"), outcome.host),
        notes: notes(outcome),
        incidents: divergences(outcome).map(|of| incident(of, outcome, &names)).collect(),
        waiting: waiting(outcome, &names),
        nights: nights(outcome),
        map: outcome.runs.iter().map(|run| row(run, outcome, &names)).collect(),
        runs: outcome.runs.iter().map(|of| run(of, outcome)).collect(),
        budget: budget(outcome),
        devices: devices(outcome),
        builds: builds(outcome),
        canaries: canaries(outcome, &names),
        canaries_so_far: format!(
            "Caught so far: {} of {}.",
            outcome.canaries_so_far.0, outcome.canaries_so_far.1
        ),
        build: outcome.binary.to_string(),
        next: next(outcome, &names),
    }
    .render()
}

/// Writes the page of all nights. Each is named as its folder, newest first.
pub(super) fn fleet(outcome: &Outcome, folders: &[String]) -> String {
    let night = |folder: &String| {
        let number: u64 = folder.trim_start_matches("night-").parse().unwrap_or_default();
        let at_seconds = number.checked_sub(1).and_then(|place| outcome.nights.get(place as usize));
        let when = at_seconds.map_or_else(
            || folder.clone(),
            |&at_seconds| format!("Night {number}, {}", date(at_seconds)),
        );
        let words = match outcome.nights.len().checked_sub(number as usize) {
            Some(0) => outcome.sentence.clone(),
            Some(back) => came_to(outcome, back),
            None => String::new(),
        };
        FleetNight { when, words, page: format!("{folder}/index.html") }
    };
    let run = |standing: &Standing| {
        let NightRun { run, covered: (covered, total), escape, certain, .. } =
            run(standing, outcome);
        (run, format!("{covered} of {total}"), escape, certain)
    };
    FleetPage {
        tone: tone(outcome.exit),
        sentence: outcome.sentence.clone(),
        nights: folders.iter().map(night).collect(),
        runs: outcome.runs.iter().map(run).collect(),
    }
    .render()
}

/// Says what a night came to that was so many nights ago, as far as that is still known.
fn came_to(outcome: &Outcome, back: usize) -> String {
    let marks = outcome.runs.iter().filter_map(|run| run.watched.marks.iter().rev().nth(back));
    let marks: Vec<Mark> = marks.map(|(_, mark)| *mark).collect();
    let words = [
        (Mark::Divergent, "divergent"),
        (Mark::Unjudged, "not judged"),
        (Mark::Vanished, "gone"),
        (Mark::Matched, "matched"),
        (Mark::Idle, "not looked at"),
    ];
    let parts = words.iter().filter_map(|(mark, word)| {
        let runs = marks.iter().filter(|found| *found == mark).count();
        (runs > 0).then(|| format!("{runs} {word}"))
    });
    parts.collect::<Vec<_>>().join(", ")
}

/// Says in a line how much stands behind the answer, before what else is worth knowing.
fn notes(outcome: &Outcome) -> Vec<String> {
    let certain = outcome.runs.iter().filter(|run| run.is_certain).count();
    let runs = count(outcome.runs.len() as u64, "run");
    let looked = match came_to(outcome, 0) {
        nothing if nothing.is_empty() => String::new(),
        runs => format!("Runs tonight: {runs}. "),
    };
    let behind = format!("{looked}As certain as promised: {certain} of {runs}.");
    [behind].into_iter().chain(outcome.notes.iter().cloned()).collect()
}

fn tone(exit: Exit) -> NightTone {
    match exit {
        Exit::Good => NightTone::Good,
        Exit::Divergent => NightTone::Bad,
        Exit::Unclear => NightTone::Unclear,
    }
}

/// Short names of runs, as long as no two are alike.
struct Names(BTreeMap<String, String>);

impl Names {
    fn of(outcome: &Outcome) -> Self {
        let last = |place: &str| {
            place.rsplit('/').find(|part| !part.is_empty()).unwrap_or(place).to_owned()
        };
        let mut counts: BTreeMap<String, usize> = BTreeMap::new();
        for run in &outcome.runs {
            *counts.entry(last(&run.place)).or_default() += 1;
        }
        let name = |place: &String| {
            let short = last(place);
            let name = if counts.get(&short) == Some(&1) { short } else { place.clone() };
            (place.clone(), name)
        };
        Self(outcome.runs.iter().map(|run| name(&run.place)).collect())
    }

    fn short(&self, place: &str) -> String {
        self.0.get(place).cloned().unwrap_or_else(|| place.to_owned())
    }
}

fn incident(of: &Incident, outcome: &Outcome, names: &Names) -> NightIncident {
    let known = known(of, outcome);
    let parts = [
        of.segment.map(|segment| format!("segment {segment}")),
        of.step.map(|step| format!("step {step}")),
        of.part.clone(),
    ];
    let audit = outcome.audits.get(&of.place);
    NightIncident {
        id: of.id.clone(),
        run: names.short(&of.place),
        place: parts.into_iter().flatten().collect::<Vec<_>>().join(", "),
        words: of.words.clone(),
        cause: of.cause.clone(),
        change: change(of, outcome).into(),
        since: format!("since {}, seen {}", date(of.first_at_seconds), count(of.times, "time")),
        known,
        evidence: audit.map(|unit| format!("{}/report.html", audit_folder(*unit))),
        next: format!("reenact incident show {} --config CONFIG", of.id),
    }
}

fn divergences(outcome: &Outcome) -> impl Iterator<Item = &Incident> {
    outcome.incidents.iter().filter(|of| of.kind == Kind::Divergence)
}

fn change(of: &Incident, outcome: &Outcome) -> &'static str {
    let change = outcome.changes.iter().find(|(_, found)| found.id == of.id);
    change.map_or("", |(change, _)| match change {
        Change::Opened => "opened tonight",
        Change::Changed => "changed tonight",
        Change::Reopened => "reopened tonight",
        Change::Resolved => "resolved tonight",
        Change::Again => "told again tonight",
    })
}

/// Says who knows of it, and until when.
fn known(of: &Incident, outcome: &Outcome) -> Option<String> {
    let known = of.acknowledged.as_ref()?;
    let passed = if of.is_loud(outcome.ended_at_seconds) { ", which has passed" } else { "" };
    Some(format!("until {}{passed}, by {}: {}", date(known.until_seconds), known.by, known.reason))
}

/// What is no divergence, a line each: there may be many, and little is to be said of each.
fn waiting(outcome: &Outcome, names: &Names) -> Vec<[String; 4]> {
    let alarms = outcome.incidents.iter().filter(|found| found.kind != Kind::Divergence);
    let alarms = alarms.map(|found| alarm(found, outcome, names));
    let unjudged = outcome.unjudged.iter().map(|found| {
        let next = "the next night begins with it".to_owned();
        [names.short(&found.place), "not judged".into(), found.why.clone(), next]
    });
    alarms.chain(unjudged).collect()
}

fn alarm(of: &Incident, outcome: &Outcome, names: &Names) -> [String; 4] {
    let (what, next) = match of.kind {
        Kind::Vanished => ("gone", "put the recording back, or take it out of the config"),
        _ => ("overdue", "give the night a larger budget, or find out why the run stands still"),
    };
    let change = match change(of, outcome) {
        "" => format!("since {}", date(of.first_at_seconds)),
        change => change.to_owned(),
    };
    let known = known(of, outcome).map(|known| format!("; acknowledged {known}"));
    let why = format!("{}{}", of.words, known.unwrap_or_default());
    let next = format!("{next} (incident {})", of.id);
    [names.short(&of.place), format!("{what}, {change}"), why, next]
}

fn shown(outcome: &Outcome) -> &[u64] {
    let from = outcome.nights.len().saturating_sub(MAP_NIGHTS_MAX);
    &outcome.nights[from..]
}

fn nights(outcome: &Outcome) -> Vec<MapNight> {
    let mut before: Option<u64> = None;
    let each = shown(outcome).iter().map(|&at_seconds| {
        let after_gap =
            before.is_some_and(|before| at_seconds.saturating_sub(before) > GAP_SECONDS);
        before = Some(at_seconds);
        // Without the time of the day.
        let day = date(at_seconds).split(' ').next().unwrap_or_default().to_owned();
        MapNight { day, after_gap }
    });
    each.collect()
}

/// The marks of a run begin when it was seen first, and end tonight.
fn row(run: &Standing, outcome: &Outcome, names: &Names) -> MapRow {
    let mark = |mark: Mark| match mark {
        Mark::Matched => MapMark::Matched,
        Mark::Divergent => MapMark::Divergent,
        Mark::Unjudged => MapMark::Unjudged,
        Mark::Idle => MapMark::Idle,
        Mark::Vanished => MapMark::Vanished,
    };
    let nights = shown(outcome).len();
    let known: Vec<MapMark> = run.watched.marks.iter().map(|(_, found)| mark(*found)).collect();
    let known = &known[known.len().saturating_sub(nights)..];
    let mut marks = vec![MapMark::Before; nights - known.len()];
    marks.extend_from_slice(known);
    MapRow { run: names.short(&run.place), marks }
}

fn run(of: &Standing, outcome: &Outcome) -> NightRun {
    let diverges = divergences(outcome).any(|found| found.place == of.place);
    let watched = &of.watched;
    let state = match watched.state {
        _ if watched.vanished_at_seconds.is_some() => "gone",
        Some(State::Trains) => "still training",
        Some(State::Finished) => "finished",
        Some(State::EndedEarly) => "ended early",
        None => "unreadable",
    };
    let certain = match (of.is_certain, of.certain_at_seconds) {
        _ if diverges => "not while it diverges".to_owned(),
        (true, _) => "as promised".into(),
        (false, Some(at_seconds)) => format!("on {}", date(at_seconds)),
        (false, None) if watched.segments == 0 => "no segment yet".into(),
        (false, None) => "never, with this budget".into(),
    };
    let last = match (&watched.verdict, watched.judged_at_seconds) {
        (Some(verdict), Some(at_seconds)) => format!("{verdict}, {}", date(at_seconds)),
        _ => "never".into(),
    };
    NightRun {
        run: of.place.clone(),
        reach: format!("{} of {} steps, {state}", watched.steps, watched.steps_declared),
        covered: (of.covered, watched.segments),
        escape: if watched.segments == 0 { "–".into() } else { percent(of.escape) },
        certain,
        last,
    }
}

/// Writes seconds, so that little is not nothing.
fn seconds(amount: f64) -> String {
    match amount {
        little if little > 0.0 && little < 0.05 => "less than 0.1".into(),
        few if few > 0.0 && few < 10.0 => format!("{few:.1}"),
        // A sum of nothing is -0.
        many => format!("{:.0}", many + 0.0),
    }
}

fn budget(outcome: &Outcome) -> Vec<(String, String, String)> {
    let spent = &outcome.spent;
    let seconds = |amount: f64| format!("{} device seconds", seconds(amount));
    let mut rows = vec![
        ("planned".into(), seconds(spent.planned_seconds), seconds(spent.budget_seconds)),
        ("replayed".into(), seconds(spent.used_seconds), seconds(spent.budget_seconds)),
    ];
    let limit = spent.wall_budget_seconds.map_or("any".into(), |wall| count(wall, "second"));
    rows.push(("time".into(), count(spent.wall_seconds, "second"), limit));
    let bytes = |bytes: u64| format!("{:.1} GiB", bytes as f64 / f64::from(1 << 30));
    if spent.read_budget_bytes > 0 {
        let (read, limit) = (bytes(spent.read_bytes), bytes(spent.read_budget_bytes));
        rows.push(("read again without replay".into(), read, limit));
    }
    rows
}

fn devices(outcome: &Outcome) -> Vec<[String; 6]> {
    let each = outcome.devices.iter().map(|found| {
        let alone = outcome.stood_alone.get(&found.id).copied().unwrap_or_default();
        [
            found.id.clone(),
            found.covered.to_string(),
            format!("{:.0}", found.seconds),
            if alone == 0 { "never".into() } else { count(alone, "time") },
            found.disowned.to_string(),
            date(found.last_at_seconds),
        ]
    });
    each.collect()
}

fn builds(outcome: &Outcome) -> Vec<[String; 4]> {
    let each = outcome.builds.iter().map(|(found, ours)| {
        let ours = match ours {
            Some(true) => "yes",
            Some(false) => "no",
            None => "nobody says",
        };
        let digest = found.binary.to_string();
        [digest, found.covered.to_string(), ours.into(), date(found.last_at_seconds)]
    });
    each.collect()
}

fn canaries(outcome: &Outcome, names: &Names) -> Vec<(String, String, String)> {
    let each = outcome.canaries.iter().map(|canary| {
        let what = match canary.caught {
            Caught::Yes => format!("caught: {}", canary.words),
            Caught::Missed => format!("missed: {}", canary.words),
            Caught::NotPlanted => format!("not planted: {}", canary.words),
        };
        (canary.attack.clone(), names.short(&canary.run), what)
    });
    each.collect()
}

fn next(outcome: &Outcome, names: &Names) -> Vec<(String, String, String)> {
    let each = outcome.next.units.iter().map(|unit| {
        let segments = if unit.listed.is_empty() { unit.count } else { unit.listed.len() as u64 };
        let much = format!("{}, {} s", count(segments, "segment"), seconds(unit.seconds));
        (names.short(&unit.run), much, unit.why.words().to_owned())
    });
    each.collect()
}
