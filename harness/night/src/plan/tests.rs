//! Plans on a few runs, and on any.

use proptest::prelude::*;

use super::*;

const NIGHT: u64 = 86_400;
const NOW: u64 = 1_800_000_000;

fn coverage(total: u64, covered: u64) -> Coverage {
    let text = serde_json::json!({
        "total": total,
        "covered": if covered > 0 { vec![(0, covered)] } else { Vec::new() },
        "factors": [{"pool": total, "found": covered, "total": total, "left_out": 0}],
    });
    serde_json::from_value(text).unwrap()
}

fn candidate(run: &str, total: u64, covered: u64) -> Candidate {
    Candidate {
        run: run.into(),
        weight: 1.0,
        coverage: coverage(total, covered),
        incident_segments: Vec::new(),
        unjudged: false,
        segment_seconds: 10.0,
        deadline_at_seconds: None,
        revisits: Vec::new(),
    }
}

fn terms(device_seconds: f64) -> Terms {
    Terms {
        device_seconds,
        tampered: 1,
        confidence: 0.9,
        revisit: 0.0,
        period_seconds: NIGHT,
        now_seconds: NOW,
    }
}

fn counts(plan: &Plan) -> Vec<(&str, Why, u64)> {
    plan.units.iter().map(|unit| (unit.run.as_str(), unit.why, unit.count)).collect()
}

#[test]
fn incidents_come_first_whatever_they_cost() {
    let sick = Candidate { incident_segments: vec![3, 1, 3], ..candidate("z", 10, 5) };
    let plan = Plan::of(&[candidate("a", 10, 0), sick], &terms(5.0));
    assert_eq!(plan.units.len(), 1);
    assert_eq!((plan.units[0].run.as_str(), &plan.units[0].listed), ("z", &vec![1, 3]));
}

#[test]
fn then_what_was_not_judged_then_dates_then_worth() {
    let due = |run: &str, nights: u64| Candidate {
        deadline_at_seconds: Some(NOW + nights * NIGHT),
        ..candidate(run, 20, 0)
    };
    let unjudged = Candidate { unjudged: true, ..candidate("u", 20, 20) };
    let heavy = Candidate { weight: 50.0, ..candidate("h", 20, 0) };
    // 18 of 20 find one with 0.9: in three nights, 6 tonight; in nine, 2.
    let plan = Plan::of(&[heavy, due("late", 8), due("soon", 2), unjudged], &terms(120.0));
    assert_eq!(
        counts(&plan),
        [
            ("u", Why::Unjudged, 1),
            ("late", Why::Date, 2),
            ("soon", Why::Date, 6),
            ("h", Why::Worth, 3)
        ]
    );
    assert_eq!(plan.seconds, 120.0);
    assert!(plan.short().is_empty());
}

#[test]
fn a_budget_that_is_too_small_is_said_with_the_runs() {
    let due = |run: &str| Candidate { deadline_at_seconds: Some(NOW), ..candidate(run, 20, 0) };
    let plan = Plan::of(&[due("a"), due("b")], &terms(200.0));
    assert_eq!(counts(&plan), [("a", Why::Date, 18), ("b", Why::Date, 2)]);
    assert_eq!(plan.short()[0].run, "b");
    let reach = &plan.reach[0];
    assert_eq!((reach.certain_at_seconds, reach.escape.0), (Some(NOW), 1.0));
    assert!((reach.escape.1 - 0.1).abs() < 1e-12);
    assert_eq!(plan.reach[1].certain_at_seconds, Some(NOW + 8 * NIGHT));
}

#[test]
fn what_is_covered_is_revisited_within_its_share() {
    let terms = Terms { revisit: 0.5, ..terms(100.0) };
    let old = Candidate { revisits: (0..20).collect(), ..candidate("old", 20, 20) };
    let plan = Plan::of(&[old, candidate("new", 20, 0)], &terms);
    assert_eq!(counts(&plan), [("new", Why::Worth, 5), ("old", Why::Revisit, 0)]);
    assert_eq!(plan.units[1].listed, [0, 1, 2, 3, 4]);
}

#[test]
fn a_run_without_segments_needs_nothing() {
    let none = Candidate { deadline_at_seconds: Some(NOW), ..candidate("n", 0, 0) };
    let plan = Plan::of(&[none], &terms(100.0));
    assert!(plan.units.is_empty() && plan.short().is_empty());
}

fn candidates() -> impl Strategy<Value = Vec<Candidate>> {
    let one = (1u64..40, 0u64..40, 1u32..100, 1u32..50, prop::option::of(0u64..20), any::<bool>());
    prop::collection::vec(one, 0..12).prop_map(|all| {
        let each = all.into_iter().enumerate();
        each.map(|(number, (total, covered, weight, seconds, nights, unjudged))| Candidate {
            weight: f64::from(weight),
            segment_seconds: f64::from(seconds),
            deadline_at_seconds: nights.map(|nights| NOW + nights * NIGHT),
            unjudged,
            ..candidate(&format!("run {number:02}"), total, covered.min(total))
        })
        .collect()
    })
}

proptest! {
    #[test]
    fn a_plan_keeps_its_budget_and_draws_only_what_is_there(
        all in candidates(),
        seconds in 0u32..2000,
    ) {
        let terms = terms(f64::from(seconds));
        let plan = Plan::of(&all, &terms);
        prop_assert!(plan.seconds <= terms.device_seconds + 1e-6);
        for unit in &plan.units {
            let of = all.iter().find(|found| found.run == unit.run).unwrap();
            prop_assert!(unit.count <= of.coverage.uncovered().max(u64::from(of.unjudged)));
        }
        // Nothing is left over that something would fit into.
        let left = terms.device_seconds - plan.seconds;
        for of in &all {
            let planned: u64 =
                plan.units.iter().filter(|unit| unit.run == of.run).map(|unit| unit.count).sum();
            let open = of.coverage.uncovered() > planned;
            prop_assert!(!open || of.segment_seconds > left - 1e-6 || of.escape_after(&terms, planned) == 0.0);
        }
    }

    #[test]
    fn the_order_of_the_candidates_decides_nothing(all in candidates(), seconds in 0u32..2000) {
        let terms = terms(f64::from(seconds));
        let mut reversed = all.clone();
        reversed.reverse();
        prop_assert_eq!(Plan::of(&all, &terms), Plan::of(&reversed, &terms));
    }

    #[test]
    fn dates_are_kept_before_anything_else_is_bought(all in candidates(), seconds in 0u32..2000) {
        let terms = terms(f64::from(seconds));
        let plan = Plan::of(&all, &terms);
        for reach in plan.short() {
            // Only what takes less time than what was too long for the rest.
            let of = all.iter().find(|found| found.run == reach.run).unwrap();
            for unit in plan.units.iter().filter(|unit| unit.why == Why::Worth) {
                let bought = all.iter().find(|found| found.run == unit.run).unwrap();
                prop_assert!(bought.segment_seconds < of.segment_seconds);
            }
        }
    }

    #[test]
    fn what_is_needed_is_enough_and_no_more(total in 1u64..60, covered in 0u64..60, tampered in 1u64..5) {
        let terms = Terms { tampered, ..terms(0.0) };
        let of = candidate("a", total, covered.min(total));
        let needed = of.needed(&terms);
        prop_assert!(of.escape_after(&terms, needed) <= 0.1 + 1e-12);
        if needed > 0 {
            prop_assert!(of.escape_after(&terms, needed - 1) > 0.1 + 1e-13);
        }
    }
}

/// Twelve runs, four of which grow by two segments a night, and a budget of a few segments.
#[test]
fn each_run_is_certain_on_its_date_though_the_budget_is_small() {
    const WITHIN: u64 = 7;
    let mut runs: Vec<(u64, u64)> = (0..12).map(|run| (if run < 4 { 2 } else { 20 }, 0)).collect();
    let seen_at = |run: usize, segment: u64| if run < 4 { segment / 2 } else { 0 };
    for night in 0..21 {
        let terms = Terms { now_seconds: NOW + night * NIGHT, ..terms(300.0) };
        let all: Vec<Candidate> = runs
            .iter()
            .enumerate()
            .map(|(run, &(total, covered))| Candidate {
                deadline_at_seconds: (covered < total)
                    .then(|| NOW + (seen_at(run, covered) + WITHIN) * NIGHT),
                ..candidate(&format!("run {run:02}"), total, covered)
            })
            .collect();
        let plan = Plan::of(&all, &terms);
        assert!(plan.short().is_empty(), "night {night}: {:?}", plan.short());
        for unit in &plan.units {
            let run: usize = unit.run.trim_start_matches("run ").parse().unwrap();
            runs[run].1 += unit.count;
        }
        for (run, (total, covered)) in runs.iter_mut().enumerate() {
            let late = *covered < *total && seen_at(run, *covered) + WITHIN <= night;
            let after = candidate("after", *total, *covered);
            assert!(!late || after.needed(&terms) == 0, "night {night}: run {run}");
            if run < 4 {
                *total = (*total + 2).min(40);
            }
        }
    }
    assert!(runs.iter().all(|(total, covered)| total == covered), "{runs:?}");
}
