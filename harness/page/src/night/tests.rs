//! Pages of nights, small and large.

use super::*;

const HOSTILE: &str = "\"><script>alert(1)</script>\u{202e}";

fn page(runs: usize, nights: usize, name: &str) -> NightPage {
    let text = || name.to_owned();
    let run = |number: usize| NightRun {
        run: format!("/srv/runs/{name}-{number:03}"),
        reach: "steps 0 to 12000 of 40000, still training".into(),
        covered: (number as u64, 300),
        escape: "12.3 %".into(),
        certain: "2026-12-03".into(),
        last: "match, 2026-11-25".into(),
    };
    let marks = [MapMark::Matched, MapMark::Idle, MapMark::Unjudged, MapMark::Divergent];
    let row = |number: usize| MapRow {
        run: format!("{name}-{number:03}"),
        marks: (0..nights).map(|night| marks[(night + number) % marks.len()]).collect(),
    };
    NightPage {
        tone: NightTone::Bad,
        sentence: text(),
        when: text(),
        notes: vec![text()],
        incidents: vec![NightIncident {
            id: "3f81c09ab2d4".into(),
            run: text(),
            words: text(),
            cause: Some(text()),
            known: Some(text()),
            evidence: Some("audit-00001/report.html".into()),
            next: text(),
            ..NightIncident::default()
        }],
        took: text(),
        waiting: vec![[text(), text(), text(), text()]],
        nights: (0..nights)
            .map(|night| MapNight { day: format!("2026-11-{night:02}"), after_gap: night == 3 })
            .collect(),
        map: (0..runs).map(row).collect(),
        runs: (0..runs).map(run).collect(),
        budget: vec![(text(), text(), text())],
        devices: vec![std::array::from_fn(|_| text())],
        builds: vec![std::array::from_fn(|_| text())],
        canaries: vec![(text(), text(), text())],
        canaries_so_far: text(),
        build: text(),
        next: vec![(text(), text(), text())],
    }
}

#[test]
fn nothing_becomes_markup() {
    for text in [page(3, 5, HOSTILE).render(), fleet().render()] {
        assert!(text.contains("&lt;script&gt;") && !text.contains("<script"));
        assert!(!text.contains('\u{202e}'), "it is spelled out");
    }
}

fn fleet() -> FleetPage {
    let night = FleetNight { when: HOSTILE.into(), words: HOSTILE.into(), page: "a".into() };
    let run = (HOSTILE.into(), HOSTILE.into(), HOSTILE.into(), HOSTILE.into());
    FleetPage {
        sentence: HOSTILE.into(),
        nights: vec![night],
        runs: vec![run],
        ..FleetPage::default()
    }
}

#[test]
fn a_page_of_300_runs_is_below_two_megabytes_and_shows_each_once() {
    // No two nights on end are alike: a map cannot be larger.
    let text = page(300, 60, "run").render();
    assert!(text.len() < 2_000_000, "{} bytes", text.len());
    for number in 0..300 {
        let name = format!("<th scope=\"row\">/srv/runs/run-{number:03}</th>");
        assert_eq!(text.matches(&name).count(), 1, "{name}");
    }
    assert_eq!(
        text.matches(">|</span>").count(),
        300 + 1,
        "each row shows the gap, and the legend"
    );
}

#[test]
fn a_page_of_three_runs_folds_nothing() {
    let text = page(3, 5, "run").render();
    assert!(!text.contains("<details"));
    for number in 0..3 {
        assert_eq!(text.matches(&format!(">run-{number:03}</th>")).count(), 1, "in the map");
        assert_eq!(text.matches(&format!(">/srv/runs/run-{number:03}</th>")).count(), 1);
    }
}

#[test]
fn what_a_mark_stands_for_is_said() {
    use MapMark::{Before, Idle, Matched, Unjudged, Vanished};
    let marks = vec![Before, Matched, Matched, Matched, Idle, Unjudged, Vanished];
    let page = page(1, marks.len(), "run");
    let map = vec![MapRow { run: "run".into(), marks }];
    let text = NightPage { map, ..page }.render();
    let row = text.split("<td class=\"marks\">").nth(1).unwrap().split("</td>").next().unwrap();
    assert_eq!(
        row,
        "<span class=\"mark rest\"> </span>\
         <span class=\"mark clean\" title=\"2026-11-01 to 2026-11-02: matched\">●●</span>\
         <span class=\"mark rest\" title=\"nights missing\">|</span>\
         <span class=\"mark clean\" title=\"2026-11-03: matched\">●</span>\
         <span class=\"mark rest\">·</span>\
         <span class=\"mark unclear\" title=\"2026-11-05: not judged\">?</span>\
         <span class=\"mark unclear\" title=\"2026-11-06: gone\">–</span>"
    );
}

#[test]
fn parts_without_content_are_left_out() {
    let text = NightPage { sentence: "Nothing diverges.".into(), ..NightPage::default() }.render();
    for heading in ["Incidents", "Overdue", "Budget", "Devices", "Planted", "next night"] {
        assert!(!text.contains(heading), "{heading}");
    }
    assert!(text.contains("No run was found."));
}

fn map(nights: usize, bad: usize) -> String {
    let marks = |run: usize| match run == bad {
        true => vec![MapMark::Divergent; nights],
        false => vec![MapMark::Idle; nights],
    };
    let rows = (0..40).map(|run| MapRow { run: format!("run-{run:03}"), marks: marks(run) });
    let day = |night: usize| MapNight { day: format!("2026-10-{night:02}"), after_gap: night == 3 };
    let nights = (1..=nights).map(day).collect();
    NightPage { nights, map: rows.collect(), ..NightPage::default() }.render()
}

#[test]
fn a_run_that_went_wrong_is_not_folded_away() {
    let text = map(28, 39);
    let at = |what: &str| text.find(what).unwrap();
    assert!(at("run-039") < at("<details>") && at("<details>") < at("run-000"));
    assert!(text.contains("39 more runs"));
}

#[test]
fn days_stand_over_the_ends_of_the_marks() {
    let text = map(28, 39);
    let days = text.split("<th class=\"marks\" scope=\"col\">").nth(1).unwrap();
    let days = days.split('<').next().unwrap();
    assert!(days.starts_with("2026-10-01 ") && days.ends_with(" 2026-10-28"), "{days}");
    assert_eq!(days.len(), 28 + 1, "a sign for each night, and one for the gap");
    assert!(map(5, 0).contains("2026-10-01 to 2026-10-05"), "no room over five signs");
}

#[test]
fn what_is_next_is_a_command_only_where_it_is_one() {
    let text = crate::advice::show("if it is meant: reenact gate --accept").into_string();
    assert_eq!(
        text,
        "<p><strong>Next: </strong>if it is meant: <code>reenact gate --accept</code></p>"
    );
    assert!(!crate::advice::show("put it back").into_string().contains("code"));
}

#[test]
fn many_incidents_are_all_there_and_most_are_folded() {
    let incident =
        |number: usize| NightIncident { id: format!("id-{number:03}"), ..<_>::default() };
    let incidents = (0..30).map(incident).collect();
    let text = NightPage { incidents, ..NightPage::default() }.render();
    assert_eq!(text.matches("<article>").count(), 30);
    let fold = text.find("22 more incidents").unwrap();
    assert!(text.find("id-007").unwrap() < fold && fold < text.find("id-008").unwrap());
}
