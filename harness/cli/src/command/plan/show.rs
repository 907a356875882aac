//! A forecast, for people.

use comfy_table::{CellAlignment, Table, presets};
use reenact_core::sanitize::{count, percent, plain};
use reenact_night::{Forecast, State};

use super::Planned;
use super::pace::Pace;
use crate::terminal::output::{self, BOLD, DIM, line, styled};

/// Columns of the curve; with what stands before them, a line has 80.
pub(super) const CURVE_COLUMNS: u64 = 72;
/// Lines of the curve.
const CURVE_LINES: u64 = 6;
const EIGHTHS: [char; 9] = [' ', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// Shows each run, and what a goal costs of all together.
pub(super) fn runs(all: &[Planned], goal: Option<f64>) {
    for (place, planned) in all.iter().enumerate() {
        if place > 0 {
            line("");
        }
        run(planned, goal);
    }
    if let (Some(goal), true) = (goal, all.len() > 1) {
        line("");
        line(together(all, goal));
    }
}

fn run(planned: &Planned, goal: Option<f64>) {
    let state = match planned.state {
        State::Trains => "still training",
        State::Finished => "finished",
        State::EndedEarly => "ended early",
    };
    line(format_args!(
        "{} ({}): {} of {}, {state}",
        styled(BOLD, plain(&planned.name)),
        plain(&planned.run.display().to_string()),
        planned.steps,
        count(planned.steps_declared, "step")
    ));
    let Some(forecast) = &planned.forecast else {
        line("  no segment is committed to yet, so there is nothing to plan");
        return;
    };
    line(format_args!(
        "  covered {} of {}; {} found: {} so far",
        forecast.covered,
        count(forecast.total, "segment"),
        tampered(forecast.tampered),
        percent(forecast.found_so_far)
    ));
    line(format_args!("  {}", pace(&planned.pace)));
    if forecast.prospects.is_empty() {
        line("  all of it is covered: another audit would find nothing new");
        return;
    }
    line("");
    table(forecast);
    line("");
    curve(forecast, &planned.curve);
    if let (Some(goal), Some(reached)) = (goal, &forecast.goal) {
        line("");
        let cost = cost(reached.seconds).map(|cost| format!(", {cost}")).unwrap_or_default();
        line(match reached.segments {
            0 => format!("{} is reached already.", percent(goal)),
            segments => format!(
                "{} takes {} more{cost}.",
                styled(BOLD, percent(goal)),
                styled(BOLD, count(segments, "segment")),
            ),
        });
        if reached.segments > 0 {
            let so_far = if planned.state == State::Trains { " --so-far" } else { "" };
            line(format_args!("  next: reenact audit RUN{so_far} --sample {}", reached.segments));
        }
    }
}

fn tampered(segments: u64) -> String {
    match segments {
        1 => "a tampered segment".into(),
        more => format!("one of {more} tampered segments"),
    }
}

fn pace(pace: &Pace) -> String {
    match pace {
        Pace::Ledger { device, segment_seconds } => {
            let device = plain(device);
            format!("{} a segment, as earlier replays took on {device}", duration(*segment_seconds))
        }
        Pace::Measured { segment_seconds } => format!(
            "about {} a segment: no replay is known, some steps were timed",
            duration(*segment_seconds)
        ),
        Pace::Given { segment_seconds } => {
            format!("{} a segment, as you say", duration(*segment_seconds))
        }
        Pace::Unknown { why } => format!(
            "how long a segment takes is not known ({}); --seconds-per-segment says it",
            plain(why)
        ),
    }
}

fn table(forecast: &Forecast) {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table.set_header(["segments", "device time", "chance of finding"]);
    for prospect in &forecast.prospects {
        let time = prospect.seconds.map_or_else(|| "not known".into(), duration);
        table.add_row([prospect.segments.to_string(), time, percent(prospect.found)]);
    }
    for column in table.column_iter_mut() {
        column.set_cell_alignment(CellAlignment::Right);
    }
    output::table(table, &[]);
}

fn curve(forecast: &Forecast, chances: &[f64]) {
    for (place, text) in drawn(chances).into_iter().enumerate() {
        let label = match place as u64 {
            0 => "100 %",
            last if last + 1 == CURVE_LINES => "0 %",
            _ => "",
        };
        line(format_args!("{label:>6} │{text}"));
    }
    let last = forecast.prospects.last();
    let end = last.map_or(String::new(), |last| match cost(last.seconds) {
        Some(cost) => format!("{}, {cost}", count(last.segments, "segment")),
        None => count(last.segments, "segment"),
    });
    line(styled(DIM, format_args!("       0{end:>72}")));
}

/// Draws columns, the highest line first.
fn drawn(chances: &[f64]) -> Vec<String> {
    let column = |chance: f64, below: u64| {
        let eighths = (chance * (CURVE_LINES * 8) as f64).round() as u64;
        EIGHTHS[eighths.saturating_sub(8 * below).min(8) as usize]
    };
    let text = |below| chances.iter().map(|chance| column(*chance, below)).collect::<String>();
    (0..CURVE_LINES).rev().map(text).collect()
}

fn together(all: &[Planned], goal: f64) -> String {
    let reached = || all.iter().filter_map(|planned| planned.forecast.as_ref()?.goal);
    let segments = reached().map(|goal| goal.segments).sum();
    let unknown = reached().filter(|goal| goal.segments > 0 && goal.seconds.is_none()).count();
    let seconds = reached().filter_map(|goal| goal.seconds).sum();
    let rest = match unknown as u64 {
        0 => String::new(),
        runs => format!(" and what {} of unknown pace take", count(runs, "run")),
    };
    format!(
        "{} of each of {} takes {} more, {} of device time{rest}.",
        percent(goal),
        count(all.len() as u64, "run"),
        count(segments, "segment"),
        duration(seconds)
    )
}

fn cost(seconds: Option<f64>) -> Option<String> {
    seconds.map(|seconds| format!("{} of device time", duration(seconds)))
}

/// Writes a length of time with the unit that suits it.
fn duration(seconds: f64) -> String {
    match seconds {
        zero if zero <= 0.0 => "0 s".into(),
        short if short < 0.0995 => format!("{:.1} ms", 1e3 * short),
        short if short < 600.0 => format!("{short:.1} s"),
        minutes if minutes < 36_000.0 => format!("{:.0} min", minutes / 60.0),
        hours => format!("{:.1} h", hours / 3600.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_curve_has_blocks_up_to_each_chance() {
        let lines = drawn(&[0.0, 0.5, 1.0 / 48.0, 1.0]);
        assert_eq!(lines, ["   █", "   █", "   █", " █ █", " █ █", " █▁█"]);
    }

    #[test]
    fn times_have_the_unit_that_suits_them() {
        let all = [0.0, 0.0123, 0.5, 90.0, 3600.0, 360_000.0];
        assert_eq!(all.map(duration), ["0 s", "12.3 ms", "0.5 s", "90.0 s", "60 min", "100.0 h"]);
    }
}
