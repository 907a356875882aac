//! The page of a night over 300 runs.

use reenact_page::{MapMark, MapNight, MapRow, NightPage, NightRun};

use crate::{PAGE_BYTES_MAX, SMALL_RUNS, said};

/// Nights that the map shows.
const NIGHTS: usize = 60;

pub(crate) fn measure() -> bool {
    let place = |run: usize| format!("/srv/laboratory/pretraining/2026/runs/language-{run:05}");
    let row = |run: usize| MapRow {
        run: format!("language-{run:05}"),
        marks: (0..NIGHTS)
            .map(
                |night| {
                    if (night + run).is_multiple_of(3) { MapMark::Matched } else { MapMark::Idle }
                },
            )
            .collect(),
    };
    let run = |run: usize| NightRun {
        run: place(run),
        reach: "120000 of 240000 steps, still training".into(),
        covered: (417, 1000),
        escape: "58.3 %".into(),
        certain: "on 2027-03-14 04:00 UTC".into(),
        last: "match, 2026-11-24 04:00 UTC".into(),
    };
    let next = |run: usize| (place(run), "3 segments, 270 s".into(), "to keep its date".into());
    let page = NightPage {
        nights: vec![MapNight { day: "2026-11-24".into(), after_gap: false }; NIGHTS],
        map: (0..SMALL_RUNS).map(row).collect(),
        runs: (0..SMALL_RUNS).map(run).collect(),
        next: (0..SMALL_RUNS).map(next).collect(),
        ..NightPage::default()
    };
    let bytes = page.render().len();
    let what = format!("page: {bytes} bytes of {SMALL_RUNS} runs, at most {PAGE_BYTES_MAX}");
    said(&what, bytes <= PAGE_BYTES_MAX)
}
