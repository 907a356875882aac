//! What fan-out costs beside the replays: 1,000 segments over 1, 2, 4 and 8 shards of this
//! machine, planned, worked on and collected, against one audit of the same segments.
//!
//!     cargo bench -p reenact-fleet --bench fan_out
//!
//! Both start a process for each replay. What is compared is the processor's time of this
//! process and of all that it started; so the machine may be busy. Linux only, as it asks `/proc`.

use std::fs;
use std::path::Path;
use std::process::ExitCode;
use std::time::Instant;

use reenact_audit::{
    Device, Processes, Programs, Request, Selection, Silent, audit, binary_digest, environment_of,
    plan, serve,
};
use reenact_core::record::Recorder;
use reenact_core::spec::Spec;
use reenact_core::trainer::{Program, Setting};
use reenact_core::verify::{Report, Verdict};
use reenact_fleet::{Collected, Gathered, Part, Plan, Planned, Work};
use reenact_store::{Directory, Folder};
use reenact_toy::Toy;

const SEGMENTS: u64 = 1000;
const STEPS: u64 = 50;
/// What fan-out may add to the replays' time.
const LIMIT: f64 = 0.03;

fn main() -> ExitCode {
    let mut programs = Programs::default();
    programs.push(Box::new(Toy));
    if std::env::args().nth(1).is_some_and(|word| word == "worker") {
        serve(&programs).expect("a task came");
        return ExitCode::SUCCESS;
    }
    let folder = tempfile::tempdir().expect("there is a temporary folder");
    let run = folder.path().join("run");
    record(&run);
    println!(
        "{SEGMENTS} segments of {STEPS} steps; processor's time of everything that was started"
    );
    println!("{:>7} {:>10} {:>10} {:>10} {:>8}", "shards", "audit", "fan-out", "added", "limit");
    let mut missed = false;
    for shards in [1, 2, 4, 8] {
        let audited = timed(|| one_machine(&programs, &run, shards));
        let fanned =
            timed(|| many(&programs, &run, &folder.path().join(format!("{shards}")), shards));
        let added = fanned.0 / audited.0 - 1.0;
        missed |= added > LIMIT;
        println!(
            "{shards:>7} {:>8.2} s {:>8.2} s {:>8.2} % {:>6.0} %   clock {:.1} s, {:.1} s",
            audited.0,
            fanned.0,
            100.0 * added,
            100.0 * LIMIT,
            audited.1,
            fanned.1
        );
    }
    ExitCode::from(u8::from(missed))
}

fn record(run: &Path) {
    let text = include_str!("../../../replay-specs/toy-plane.toml");
    let spec = Spec::parse(text).expect("it is ours");
    let spec = Spec { steps: SEGMENTS * STEPS, checkpoint_every: STEPS, ..spec };
    let setting = Setting::new("cpu", 1);
    let data = Toy.data(&spec, &setting).expect("the toy has its data");
    let trainer = Toy.start(&spec, data, &setting).expect("the toy starts");
    let engine = Toy.platform().engine(&setting).expect("the toy knows itself");
    let environment = environment_of(engine).expect("this binary can be read");
    let mut store = Directory::create(run).expect("the folder is ours");
    let mut recorder = Recorder::start(&mut store, spec, trainer, environment).expect("it starts");
    while !recorder.is_done() {
        recorder.advance().expect("the toy trains");
    }
    recorder.finish().expect("the folder is ours");
}

fn request(run: &Path) -> Request {
    let device = Device { device: None, data_dir: "/".into() };
    Request { selection: Selection::all(), ..Request::of_all(run, device) }
}

fn one_machine(programs: &Programs, run: &Path, jobs: usize) {
    let report = audit(programs, &request(run), &Processes::new(jobs), &Silent);
    check(&report.expect("it is a recording"));
}

fn many(programs: &Programs, run: &Path, folder: &Path, shards: usize) {
    let binary = binary_digest().expect("this binary can be read");
    let drawn = plan(&request(run), &Silent).expect("it is a recording");
    let planned = Planned { audit: drawn, device: None, data: "/".into(), step_seconds: None };
    let planned = Plan::of(binary, vec![planned], shards).expect("there is randomness");
    let text = planned.encode();
    let plan = Plan::parse(text.as_bytes()).expect("it was just written");
    let digest = Plan::digest(text.as_bytes());
    let results = Folder::open(folder).expect("the folder is ours");
    let executor = Processes::new(1);
    std::thread::scope(|scope| {
        for shard in 0..shards {
            let work = Work {
                plan: &plan,
                digest,
                programs,
                executor: &executor,
                results: &results,
                key: None,
                binary,
            };
            scope
                .spawn(move || work.work(Part::Shard(shard), &mut |_, _, _| ()).expect("it works"));
        }
    });
    let gathered = Gathered::of(&plan, &digest, &results, None).expect("the folder is ours");
    let collected = Collected::new(&plan, programs, &executor, gathered);
    let audit_of = plan.audits[0].audit.clone();
    let request = Request { planned: Some(audit_of), ..request(run) };
    check(&audit(programs, &request, &collected, &Silent).expect("it is a recording"));
}

fn check(report: &Report) {
    assert!(matches!(report.verdict, Verdict::Match { .. }), "{:?}", report.reasons);
    assert_eq!(report.segments.len() as u64, SEGMENTS);
}

/// Returns the seconds of the processor and of the clock that something takes.
fn timed(act: impl FnOnce()) -> (f64, f64) {
    let (before, started) = (processor_seconds(), Instant::now());
    act();
    (processor_seconds() - before, started.elapsed().as_secs_f64())
}

/// Reads utime, stime, cutime and cstime of proc(5), in ticks of 10 ms.
fn processor_seconds() -> f64 {
    let text = fs::read_to_string("/proc/self/stat").expect("this is Linux");
    let fields = text.rsplit(')').next().unwrap_or_default().split_whitespace();
    let ticks = fields.skip(11).take(4).filter_map(|field| field.parse::<f64>().ok());
    ticks.sum::<f64>() / 100.0
}
