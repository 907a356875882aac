//! Three weeks over twelve runs, four of which still train, with a clock that is handed in.
//!
//! One run is sabotaged on day 5, one meets a device that errs once on day 9, one is deleted,
//! one is rewritten, one night is killed, one does not happen, one misses its canary.

mod field;

use std::collections::BTreeMap;

use field::Field;
use reenact_night::{Change, Kind, Mark, Outcome, metrics};

/// What each night of the three weeks came to, in short.
fn weeks() -> (Field, BTreeMap<u64, Outcome>) {
    let field = Field::new();
    for number in 0..8 {
        field.record(&format!("done-{number}"), None);
    }
    let mut outcomes = BTreeMap::new();
    for day in 0..21 {
        for number in 0..4 {
            field.grow(&format!("grows-{number}"), day);
        }
        match day {
            // An insider edits what was trained already, and signs anew.
            5 => field.sabotage("done-3"),
            // This night a device errs once.
            9 => field.errs_once(),
            11 => field.delete("done-5"),
            13 => field.rewrite("grows-2"),
            _ => {}
        }
        match day {
            // This one does not happen, and the other is killed after its first audit.
            15 => {}
            17 => {
                field.night_killed(day);
                let gone_on = field.night(day, true);
                outcomes.insert(day, gone_on);
            }
            // Whoever replays does not see anything any more.
            19 => {
                field.blind();
                outcomes.insert(day, field.night(day, false));
                field.sees_again();
            }
            _ => {
                outcomes.insert(day, field.night(day, false));
            }
        }
    }
    (field, outcomes)
}

/// Returns what was told on a day: the change, the kind, the run.
fn told(field: &Field, outcome: &Outcome) -> Vec<(Change, Kind, String)> {
    let each = outcome.changes.iter();
    let mut told: Vec<_> =
        each.map(|(change, of)| (*change, of.kind, field.name(&of.place))).collect();
    told.dedup();
    told
}

#[test]
fn three_weeks_tell_what_happened_and_nothing_else() {
    let (field, outcomes) = weeks();
    let exits: Vec<(u64, u8)> =
        outcomes.iter().map(|(day, outcome)| (*day, outcome.exit.into())).collect();
    // From day 5 a divergence is open: nothing else can outweigh that.
    let expected: Vec<(u64, u8)> =
        (0..21).filter(|day| *day != 15).map(|day| (day, u8::from(day >= 5))).collect();
    assert_eq!(exits, expected);
    let of = |name: &str| name.to_owned();
    for (day, outcome) in &outcomes {
        let expected = match day {
            5 => vec![(Change::Opened, Kind::Divergence, of("done-3"))],
            11 => vec![(Change::Opened, Kind::Vanished, of("done-5"))],
            13 => vec![(Change::Opened, Kind::Divergence, of("grows-2"))],
            _ => Vec::new(),
        };
        assert_eq!(told(&field, outcome), expected, "day {day}: {:?}", outcome.changes);
        let unjudged: Vec<String> =
            outcome.unjudged.iter().map(|of| field.name(&of.place)).collect();
        let expected: &[&str] = match day {
            // Two replays disagree with each other, so the device is in doubt, and nobody else.
            9 => &["grows-1"],
            19 => &["grows-0", "grows-1", "grows-3"],
            _ => &[],
        };
        assert_eq!(unjudged, expected, "day {day}");
    }
    let notes = |day: u64| outcomes[&day].notes.join("; ");
    assert!(notes(16).contains("no night began between"), "{}", notes(16));
    assert!(notes(17).contains("gone on with the night"), "{}", notes(17));
    // What the exporter reads says the same.
    let said = |day: u64, line: &str| {
        let text = metrics(&outcomes[&day], None, "0");
        assert!(text.lines().any(|found| found == line), "day {day}: {line}: {text}");
    };
    said(4, "reenact_nightly_exit_code 0");
    said(5, "reenact_nightly_exit_code 1");
    said(5, "reenact_incidents{kind=\"divergence\",state=\"open\"} 3");
    said(11, "reenact_incidents{kind=\"vanished\",state=\"open\"} 1");
    said(19, "reenact_nightly_canaries{result=\"missed\"} 1");
    said(19, "reenact_unjudged_runs 3");
    said(20, "reenact_canaries_total{result=\"missed\"} 1");
    let missed = &outcomes[&19];
    assert!(missed.sentence.starts_with("A planted attack was missed"), "{}", missed.sentence);
    assert_eq!(outcomes[&20].canaries_so_far, (19, 20));
}

#[test]
fn what_is_honest_is_covered_on_its_date_and_never_accused() {
    let (field, outcomes) = weeks();
    let bad = ["done-3", "done-5", "grows-2"];
    for (day, outcome) in &outcomes {
        for run in &outcome.runs {
            let name = field.name(&run.place);
            if bad.contains(&name.as_str()) {
                continue;
            }
            // Each night covers what there is, but for those of which nothing was seen.
            let seen = *day != 19 && !(*day == 9 && name == "grows-1");
            if seen {
                assert_eq!(run.covered, run.watched.segments, "day {day}: {name}");
                assert!(run.is_certain && run.escape == 0.0, "day {day}: {name}");
            }
            assert_eq!(run.overdue, None, "day {day}: {name}");
        }
    }
    let last = &outcomes[&20];
    let segments = |name: &str| {
        let run = last.runs.iter().find(|run| field.name(&run.place) == name).unwrap();
        (run.covered, run.watched.segments)
    };
    assert_eq!((segments("done-0"), segments("grows-0")), ((20, 20), (40, 40)));
}

#[test]
fn a_recorder_that_never_reaches_a_boundary_is_overdue_and_not_good() {
    let field = Field::new();
    field.grow("stands", 0);
    let mut exits = Vec::new();
    for day in 0..10 {
        let outcome = field.night(day, false);
        let overdue: Vec<&str> =
            outcome.runs.iter().filter_map(|run| run.overdue.as_deref()).collect();
        exits.push(u8::from(outcome.exit));
        // It was seen first on day 0, and has seven days.
        assert_eq!(overdue.len(), usize::from(day > 7), "day {day}");
        assert!(overdue.iter().all(|words| words.contains("no new boundary")), "{overdue:?}");
    }
    assert_eq!(exits, [0, 0, 0, 0, 0, 0, 0, 0, 2, 2]);
    // It is over once it goes on.
    field.grow("stands", 9);
    let outcome = field.night(10, false);
    assert_eq!(u8::from(outcome.exit), 0);
    assert_eq!(told(&field, &outcome), [(Change::Resolved, Kind::Overdue, "stands".to_owned())]);
}

#[test]
fn what_is_acknowledged_fails_no_night_before_its_date_and_stays_on_the_page() {
    let field = Field::new();
    field.record("done", None);
    field.night(0, false);
    field.sabotage("done");
    let outcome = field.night(1, false);
    assert_eq!(u8::from(outcome.exit), 1);
    for incident in &outcome.incidents {
        field.acknowledge(&incident.id, 4);
    }
    for (day, exit) in [(2, 0), (3, 0), (4, 1)] {
        let outcome = field.night(day, false);
        let seen: Vec<_> = outcome.incidents.iter().map(|of| (&of.id, &of.words)).collect();
        assert_eq!((u8::from(outcome.exit), seen.len()), (exit, 3), "day {day}: {seen:?}");
    }
}

#[test]
fn what_cannot_be_judged_for_three_nights_is_overdue() {
    let field = Field::new();
    field.record("done", None);
    field.blind();
    let overdue: Vec<usize> = (0..4)
        .map(|day| {
            let outcome = field.night(day, false);
            assert_eq!(u8::from(outcome.exit), 2, "day {day}");
            outcome.runs.iter().filter(|run| run.overdue.is_some()).count()
        })
        .collect();
    assert_eq!(overdue, [0, 0, 1, 1]);
    field.sees_again();
    let outcome = field.night(4, false);
    assert_eq!(u8::from(outcome.exit), 0, "{}", outcome.sentence);
}

#[test]
fn a_night_that_is_killed_before_its_page_is_there_is_gone_on_with_and_is_one_night() {
    let field = Field::new();
    field.record("done", None);
    field.night(0, false);
    field.record("more", None);
    field.blind();
    field.night_killed_at_its_end(1);
    let outcome = field.night(1, true);
    assert_eq!((outcome.night, outcome.nights.len()), (2, 2));
    let of = |name: &str| outcome.runs.iter().find(|run| field.name(&run.place) == name).unwrap();
    let marks = |name: &str| -> Vec<Mark> {
        of(name).watched.marks.iter().map(|(_, mark)| *mark).collect()
    };
    assert_eq!(marks("done"), [Mark::Matched, Mark::Idle]);
    assert_eq!(marks("more"), [Mark::Unjudged]);
    assert_eq!(of("more").watched.unjudged_nights, 1);
}

#[test]
fn a_night_that_sees_nothing_is_not_good() {
    let field = Field::new();
    let outcome = field.night(0, false);
    assert_eq!(u8::from(outcome.exit), 2);
    assert!(outcome.sentence.starts_with("No run was found"), "{}", outcome.sentence);
    assert!(outcome.notes[0].contains("`toys` match no recording"), "{:?}", outcome.notes);
}
