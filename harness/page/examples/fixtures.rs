//! Writes pages of made-up nights and gates into a folder, to look at them in a browser:
//! `cargo run -p reenact-page --example fixtures FOLDER`.

use std::path::PathBuf;
use std::{env, fs, io};

use reenact_page::{
    FleetNight, FleetPage, GateArm, GatePage, GateSpec, GateTone, MapMark, MapNight, MapRow,
    NightIncident, NightPage, NightRun, NightTone,
};

const NIGHTS: usize = 60;

fn main() -> io::Result<()> {
    let Some(folder) = env::args_os().nth(1).map(PathBuf::from) else {
        return Err(io::Error::other("which folder? fixtures FOLDER"));
    };
    fs::create_dir_all(&folder)?;
    for runs in [3, 300] {
        fs::write(folder.join(format!("night-{runs}.html")), night(runs).render())?;
        fs::write(folder.join(format!("fleet-{runs}.html")), fleet(runs).render())?;
    }
    fs::write(folder.join("night-0.html"), empty().render())?;
    fs::write(folder.join("gate.html"), gate().render())
}

fn name(number: usize) -> String {
    const KINDS: [&str; 3] = ["cnn", "language-model", "ablation"];
    format!("{}-{number:03}", KINDS[number % KINDS.len()])
}

fn mark(run: usize, night: usize) -> MapMark {
    match (run, night) {
        (7, 59) | (14, 40..) => MapMark::Divergent,
        (20, 58..) => MapMark::Vanished,
        (_, 21) if run.is_multiple_of(40) => MapMark::Unjudged,
        _ if night < run % 50 => MapMark::Before,
        _ if (run * 7 + night * 5).is_multiple_of(11) => MapMark::Matched,
        _ => MapMark::Idle,
    }
}

fn run(number: usize) -> NightRun {
    let covered = (number as u64 * 37) % 301;
    NightRun {
        run: format!("/srv/research/runs/{}", name(number)),
        reach: "12000 of 40000 steps, still training".into(),
        covered: (covered, 300),
        escape: "12.3 %".into(),
        certain: "on 2026-12-03 06:00 UTC".into(),
        last: "MATCH, 2026-11-25 02:14 UTC".into(),
    }
}

/// The first night of a config that finds nothing.
fn empty() -> NightPage {
    NightPage {
        tone: NightTone::Unclear,
        sentence: "No run was found; this is not a pass.".into(),
        when: "Night 1 of 2026-11-26 02:00 UTC".into(),
        took: "1 minute on trainer-1".into(),
        ..NightPage::default()
    }
}

fn fleet(runs: usize) -> FleetPage {
    let night = |back: usize| FleetNight {
        when: format!(
            "Night {}, 2026-{:02}-{:02} 02:00 UTC",
            NIGHTS - back,
            11 - back / 30,
            30 - back % 30
        ),
        words: "1 divergent, 1 not judged, 27 matched, 270 not looked at".into(),
        page: format!("night-{:05}/index.html", NIGHTS - back),
    };
    let standing = |number: usize| {
        let NightRun { run, covered: (covered, total), escape, certain, .. } = run(number);
        (run, format!("{covered} of {total}"), escape, certain)
    };
    FleetPage {
        tone: NightTone::Bad,
        sentence: "2 divergences in 2 runs are open; 1 run is gone.".into(),
        nights: (0..NIGHTS).map(night).collect(),
        runs: (0..runs).map(standing).collect(),
    }
}

fn night(runs: usize) -> NightPage {
    NightPage {
        tone: NightTone::Bad,
        sentence: "2 divergences in 2 runs are open; 1 run is gone; 1 run was not judged.".into(),
        when: "Night 61 of 2026-11-26 02:00 UTC".into(),
        took: "118 minutes on trainer-1".into(),
        notes: vec![
            "Runs tonight: 1 divergent, 1 not judged, 1 gone, 27 matched, 270 not looked at. As \
             certain as promised: 212 of 300 runs."
                .into(),
            "The night of 2026-11-09 did not happen.".into(),
        ],
        incidents: (0..2).map(|number| incident(number, runs)).collect(),
        waiting: vec![
            [
                name(20 % runs),
                "gone, opened tonight".into(),
                "The recording is gone; a night saw it on 2026-11-24 02:00 UTC.".into(),
                "put the recording back, or take it out of the config (incident c0ffee12ab34)"
                    .into(),
            ],
            [
                name(40 % runs),
                "not judged".into(),
                "The auditing process ended without a report: out of memory.".into(),
                "the next night begins with it".into(),
            ],
        ],
        nights: (0..NIGHTS)
            .map(|night| MapNight {
                day: format!("2026-{:02}-{:02}", 10 + night / 30, 1 + night % 30),
                after_gap: night == 39,
            })
            .collect(),
        map: (0..runs)
            .map(|run| MapRow {
                run: name(run),
                marks: (0..NIGHTS).map(|night| mark(run, night)).collect(),
            })
            .collect(),
        runs: (0..runs).map(run).collect(),
        budget: vec![
            ("planned".into(), "7180 device seconds".into(), "7200 device seconds".into()),
            ("replayed".into(), "7011 device seconds".into(), "7200 device seconds".into()),
        ],
        devices: vec![
            ["node7:cuda:0", "4120", "20600", "1 time", "0", "2026-11-26 02:00 UTC"]
                .map(Into::into),
        ],
        builds: vec![["3f81c09ab2d4", "4120", "yes", "2026-11-26 02:00 UTC"].map(Into::into)],
        canaries: vec![(
            "lr-tamper@7*1.05".into(),
            name(3 % runs),
            "caught: parameters diverge at step 7".into(),
        )],
        canaries_so_far: "Caught so far: 61 of 61.".into(),
        build: "3f81c09ab2d43f81c09ab2d43f81c09ab2d43f81c09ab2d43f81c09ab2d43f81".into(),
        next: (0..runs.min(40))
            .map(|run| (name(run), "12 segments, 180 s".into(), "it is due".into()))
            .collect(),
    }
}

fn incident(number: usize, runs: usize) -> NightIncident {
    let run = name([7, 14][number] % runs);
    let id = ["3f81c09ab2d4", "77aa01c4e9b0"][number];
    NightIncident {
        id: id.into(),
        run: run.clone(),
        place: ["segment 12, step 1207, optimizer", "segment 3, step 318"][number].into(),
        words: [
            "The replay leaves the recording: the learning rate is 5 % too large.",
            "The replay leaves the recording in 4 of 12 tensors.",
        ][number]
            .into(),
        cause: (number == 0).then(|| "lr-tamper".into()),
        change: ["opened tonight", ""][number].into(),
        since: "since 2026-11-26 02:00 UTC, seen 1 time".into(),
        known: (number == 1).then(|| {
            "until 2026-12-01 00:00 UTC, by ada: the data were repaired on purpose, see the \
             minutes of the meeting"
                .into()
        }),
        evidence: Some(format!("audit-{number:05}/report.html")),
        next: format!("reenact incident show {id} --config CONFIG"),
    }
}

fn gate() -> GatePage {
    let pass = |words: &str| {
        Some(GateArm {
            tone: GateTone::Pass,
            state: "pass".into(),
            words: words.into(),
            lines: Vec::new(),
            next: None,
        })
    };
    let spec = |name: &str, arms: Vec<Option<GateArm>>| GateSpec {
        name: name.into(),
        file: format!("replay-specs/{name}.toml"),
        class: "cpu x86-64 avx2 linux".into(),
        arms,
    };
    let moved = GateArm {
        tone: GateTone::Bad,
        state: "moved".into(),
        words: "Other bits than were accepted, first in the optimizer's state at step 0.".into(),
        lines: vec![
            "model.conv1.weight: 12 of 400 elements differ; at 17 accepted 0.012345679, now \
             0.01234568, at most 3 ulp"
                .into(),
            "and 11 more tensors".into(),
            "loss of the last step: accepted 0.69314718, now 0.6931472".into(),
        ],
        next: Some(
            "if it is meant: reenact gate replay-specs --accept --reason TEXT --class \
             cpu-x86-64-avx2-linux"
                .into(),
        ),
    };
    let unclear = GateArm {
        tone: GateTone::Unclear,
        state: "not judged".into(),
        words: "There is no such machine.".into(),
        lines: Vec::new(),
        next: Some("run it on a machine with a GPU".into()),
    };
    let all = || pass("the same bits twice");
    GatePage {
        tone: GateTone::Bad,
        state: "moved".into(),
        means: "other bits than were accepted".into(),
        arms: ["repeat", "resume", "baseline", "old", "canary"].map(String::from).to_vec(),
        specs: vec![
            spec("toy-plane", vec![all(), all(), all(), all(), all()]),
            spec("cnn", vec![all(), all(), Some(moved), None, all()]),
            spec("language-model", vec![Some(unclear), None, None, None, None]),
        ],
    }
}
