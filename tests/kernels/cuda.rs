//! The whole road to a GPU, to the last call of its driver, which is a stand-in.
//!
//! What this shows: what is launched, how often the training waits, what becomes of an error of
//! a device, and that a training, its recording and its replays agree. What it does not: a GPU's
//! time, its tensor cores, and the bits of its approximations.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::thread;
use std::time::Duration;

use serde_json::Value;

use crate::common::{DIVERGENT, INCONCLUSIVE, MATCH, Ran, divergent_segments};
use crate::stand_in::{Call, Machine};

const SPEC: &str = include_str!("tiny.toml");
const CNN_SPEC: &str = include_str!("../../replay-specs/digits-cnn.toml");
const GPT_SPEC: &str = include_str!("../../replay-specs/cicero-gpt.toml");
const LARGE_SPEC: &str = include_str!("../../replay-specs/gpt-100m.toml");

/// Has kernels compute: they are interpreted.
const COMPUTES: (&str, &str) = ("EXECUTE", "all");

/// Holds a machine with an honest recording, whose kernels computed.
fn recorded() -> Option<&'static (Machine, PathBuf)> {
    static MADE: OnceLock<Option<(Machine, PathBuf)>> = OnceLock::new();
    let make = || {
        let machine = Machine::new()?;
        let run = machine.path("run");
        let made = record(&machine, &[COMPUTES], SPEC, "run").expect(MATCH);
        assert!(!made.stderr.contains("never moved"), "{}", made.stderr);
        Some((machine, run))
    };
    MADE.get_or_init(make).as_ref()
}

fn record(machine: &Machine, variables: &[(&str, &str)], spec: &str, name: &str) -> Ran {
    let (spec, out) = (machine.spec(name, spec), machine.path(name));
    let words = ["record", text(&spec), "--out", text(&out), "--json", "--no-rehearsal"];
    machine.run(variables, &words)
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

fn audit(machine: &Machine, variables: &[(&str, &str)], run: &Path) -> Ran {
    machine.run(variables, &["audit", text(run), "--sample", "all", "--json"])
}

fn replays(report: &Value) -> Vec<&Value> {
    let segments = report["segments"].as_array().unwrap();
    segments.iter().map(|segment| &segment["outcome"]["replay"]).collect()
}

#[test]
fn what_is_in_the_way_of_a_gpu_is_told_apart() {
    let Some(machine) = Machine::new() else { return };
    let spec = machine.spec("way", SPEC);
    let refused = |variables: &[(&str, &str)], says: &[&str]| {
        let out = machine.path("way");
        let ran = machine.run(variables, &["record", text(&spec), "--out", text(&out)]);
        ran.expect(INCONCLUSIVE).says(&["device `cuda:0`"]).says(says);
        assert!(!out.exists(), "nothing was begun");
    };
    refused(&[("DEVICES", "none")], &["sees no GPU"]);
    refused(&[("VERSION", "11040")], &["too old", "CUDA 11.4", "CUDA 12.0"]);
    refused(&[("FAULT", "cuInit:1=803")], &["different versions", "error 803"]);
    refused(&[("FAULT", "cuInit:1=999")], &["cuInit gave CUDA_ERROR_UNKNOWN"]);
    refused(&[("FAULT", "cuDevicePrimaryCtxRetain:1=46")], &["busy", "holds it for itself"]);
    refused(&[("FAULT", "cuDevicePrimaryCtxRetain:1=2")], &["busy", "all of its memory"]);
    let second = ["record", text(&spec), "--device", "cuda:1", "--out", "x"];
    machine.run(&[], &second).expect(INCONCLUSIVE).says(&["`cuda:1`", "one GPU, `cuda:0`"]);
    let two = machine.run(&[("DEVICES", "h100,h200")], &["doctor", "--device", "cuda:1"]);
    assert!(two.expect(MATCH).stdout.contains("NVIDIA H200"));
    machine.without_library(|| refused(&[], &["no NVIDIA driver", "libcuda.so.1"]));
    machine.without_symbol("cuDeviceGetCount", || {
        refused(&[], &["too old", "no `cuDeviceGetCount`"]);
    });
}

#[test]
fn a_training_is_audited_bit_for_bit_and_launches_the_same() {
    let Some((machine, run)) = recorded() else { return };
    let report = audit(machine, &[COMPUTES], run).expect(MATCH).json();
    assert_eq!(report["verdict"]["grade"], "bit-exact", "{report}");
    // In the first steps kernels were still chosen, by launching them.
    let launched: Vec<&Value> = replays(&report).iter().map(|found| &found["launched"]).collect();
    let sum = |name: &str| launched.iter().filter_map(|found| found[name].as_u64()).sum::<u64>();
    assert!(sum("compared") >= 3, "{launched:?}");
    assert_eq!(sum("other"), 0, "{launched:?}");
}

/// A recording names its device by its kind, so the second of two does as well. One of another
/// make is another class, which is said; here it computes the same bits.
#[test]
fn another_gpu_of_the_machine_replays_it() {
    let Some((machine, run)) = recorded() else { return };
    let second = |devices| {
        let words = ["audit", text(run), "--sample", "1", "--device", "cuda:1", "--json"];
        machine.run(&[COMPUTES, ("DEVICES", devices)], &words)
    };
    second("h100,h100").expect(MATCH);
    let other = second("h100,h200").expect(MATCH).json();
    assert!(other["class_differences"].to_string().contains("H200"), "{other}");
}

#[test]
fn an_attack_is_found() {
    let Some((machine, run)) = recorded() else { return };
    let attacked = machine.path("attacked");
    let spec = run.with_extension("toml");
    let words = ["record", text(&spec), "--out", text(&attacked), "--no-rehearsal", "--attack"];
    let attack = "lr-tamper@3..4";
    machine.run(&[COMPUTES], &[&words[..], &[attack]].concat()).expect(MATCH);
    let report = audit(machine, &[COMPUTES], &attacked).expect(DIVERGENT).json();
    let found = divergent_segments(&report);
    assert_eq!((found[0].segment, found[0].step), (1, Some(3)), "{found:?}");
    assert_eq!(found[0].stage, "update", "the same kernels were launched: {found:?}");
}

/// The other programs are too large to be interpreted. Their kernels compute nothing, so the
/// recording is none that an audit agrees with; what they launch is the same again.
#[test]
fn every_program_launches_the_same_again() {
    let Some(machine) = Machine::new() else { return };
    for (name, spec) in [("digits-cnn", CNN_SPEC), ("cicero-gpt", GPT_SPEC)] {
        record(&machine, &[], &shortened(spec, 6), name).expect(MATCH);
        let report = audit(&machine, &[], &machine.path(name)).json();
        let replays = replays(&report);
        let sum = |name: &str| {
            replays.iter().filter_map(|found| found["launched"][name].as_u64()).sum::<u64>()
        };
        assert_eq!((sum("other"), sum("compared") >= 3), (0, true), "{name}: {report}");
        named_in_tf32(&machine, name, &report["claim"]["tf32"]);
    }
}

/// The stand-in's clock has both programs take kernels for tensor cores too, and which of them
/// multiply in TF32 stands in report and recording alike.
fn named_in_tf32(machine: &Machine, name: &str, reported: &Value) {
    let run = machine.path(name);
    let inspected = machine.run(&[], &["inspect", text(&run), "--json"]).json();
    assert_eq!(inspected["tf32"], *reported, "{name}");
    assert!(reported.to_string().contains("mma"), "{name}: {reported}");
}

#[test]
fn a_killed_recording_goes_on_to_the_same_end() {
    let Some((machine, run)) = recorded() else { return };
    let (spec, out) = (run.with_extension("toml"), machine.path("killed"));
    let words = ["record", text(&spec), "--out", text(&out), "--no-rehearsal"];
    let mut recorder = machine.command(&[COMPUTES]).args(words).spawn().unwrap();
    let checkpoints = || fs::read_dir(out.join("checkpoints")).map_or(0, Iterator::count);
    while checkpoints() < 2 && recorder.try_wait().unwrap().is_none() {
        thread::sleep(Duration::from_millis(2));
    }
    recorder.kill().unwrap();
    recorder.wait().unwrap();
    let words = ["record", "--resume", "--out", text(&out), "--no-rehearsal"];
    machine.run(&[COMPUTES], &words).expect(MATCH);
    audit(machine, &[COMPUTES], &out).expect(MATCH);
}

/// Each failure of a device says nothing about the training, and loses nothing.
#[test]
fn a_device_that_fails_while_it_records_loses_nothing() {
    let Some(machine) = Machine::new() else { return };
    // Where the driver's word is seen first decides whether its call is known.
    let illegal = ["gave error 700", "CUDA_ERROR_ILLEGAL_ADDRESS"];
    let failed = ["gave error 719", "CUDA_ERROR_LAUNCH_FAILED"];
    let faults = [
        ("cuLaunchKernel(block_sums):4=700", illegal),
        ("cuLaunchKernel(matmul):4=719", failed),
        ("cuLaunchKernel(block_sums):3=vanish", ["gave error 999", "CUDA_ERROR_UNKNOWN"]),
        ("cuMemcpyHtoDAsync_v2:100=700", illegal),
        ("cuEventSynchronize:300=700", illegal),
    ];
    for (at, (fault, says)) in faults.into_iter().enumerate() {
        let name = format!("failed-{at}");
        let failed = record(&machine, &[("FAULT", fault)], SPEC, &name);
        let said = failed.expect(INCONCLUSIVE).says(&["device `cuda:0`", "Try again"]).stderr;
        assert!(says.iter().any(|word| said.contains(word)), "{fault}: {said}");
        if machine.path(&name).join("journal").exists() {
            record_again(&machine, &name).expect(MATCH);
        }
    }
}

#[test]
fn a_device_that_fails_while_it_replays_accuses_nobody() {
    let Some((machine, run)) = recorded() else { return };
    let faults = [
        "cuLaunchKernel(block_sums):1=700",
        "cuLaunchKernel(block_sums):2=vanish",
        "cuLaunchKernel(matmul):3=719",
        "cuMemcpyHtoDAsync_v2:30=700",
        "cuMemAlloc_v2:3=2",
    ];
    for fault in faults {
        let words = ["audit", text(run), "--segment", "1", "--json"];
        let failed = machine.run(&[COMPUTES, ("FAULT", fault)], &words);
        // Lack of memory may be got over by giving back what is not needed.
        if fault.starts_with("cuMemAlloc") && failed.code == Some(MATCH) {
            continue;
        }
        let report = failed.expect(INCONCLUSIVE).json();
        assert!(report.to_string().contains("device `cuda:0`"), "{fault}: {report}");
    }
}

fn record_again(machine: &Machine, name: &str) -> Ran {
    let (spec, out) = (machine.path(&format!("{name}.toml")), machine.path(name));
    let words = ["record", text(&spec), "--out", text(&out), "--resume", "--json"];
    machine.run(&[], &[&words[..], &["--no-rehearsal"]].concat())
}

#[test]
fn a_device_without_enough_memory_is_said_to_be_that() {
    let Some(machine) = Machine::new() else { return };
    let refused = record(&machine, &[("MEMORY_BYTES", "1000000")], SPEC, "small");
    refused.expect(INCONCLUSIVE).says(&["device `cuda:0`", "memory does not suffice"]);
}

#[test]
fn a_device_that_hangs_is_ended() {
    let Some((machine, run)) = recorded() else { return };
    let hangs = ("FAULT", "cuLaunchKernel(block_sums):1=hang");
    let words = ["audit", text(run), "--segment", "1", "--json", "--stall-seconds", "15"];
    let report = machine.run(&[COMPUTES, hangs], &words).expect(INCONCLUSIVE).json();
    assert!(report["segments"][0].to_string().contains("silent for 15 s"), "{report}");
    let (spec, out) = (run.with_extension("toml"), machine.path("hung"));
    let words = ["record", text(&spec), "--out", text(&out), "--no-rehearsal"];
    let later = ("FAULT", "cuLaunchKernel(block_sums):4=hang");
    let hung = machine.run(&[later], &[&words[..], &["--stall-seconds", "15"]].concat());
    hung.expect(INCONCLUSIVE).says(&["`cuda`", "no step was done for 15 s", "--resume"]);
    machine.run(&[], &["record", "--resume", "--out", text(&out), "--no-rehearsal"]).expect(MATCH);
    let at_once = ("FAULT", "cuMemcpyHtoDAsync_v2:1=hang");
    let words = ["record", text(&spec), "--out", "x", "--no-rehearsal", "--stall-seconds", "5"];
    machine.run(&[at_once], &words).expect(INCONCLUSIVE).says(&["no step was done for 5 s"]);
}

/// What a launch was: the kernel with its digest, and its geometry.
type Launch = Vec<String>;

/// Splits what was called into steps: each ends with a download.
fn steps(calls: &[Call]) -> Vec<Vec<Call>> {
    let mut steps = vec![Vec::new()];
    for (at, call) in calls.iter().enumerate() {
        let begins = call.launch().is_some() && at > 0 && !calls[..at].is_empty();
        let after_download = steps.last().unwrap().iter().any(Call::is_download);
        if begins && after_download {
            steps.push(Vec::new());
        }
        steps.last_mut().unwrap().push(call.clone());
    }
    steps
}

fn launches(step: &[Call], of_training: bool) -> Vec<Launch> {
    let all = step.iter().filter(|call| !of_training || !call.is_ours());
    let times = |call: &Call| vec![call.launch().map(<[_]>::to_vec); call.times as usize];
    all.flat_map(times).flatten().collect()
}

/// The tasks of `reenact doctor --cost`: rounds of steps without and with fingerprints.
#[test]
fn recording_adds_only_launches_of_its_own_and_no_wait() {
    let Some(machine) = Machine::new() else { return };
    let spec = machine.spec("cost", SPEC);
    let calls = machine.logged(|log| {
        let words = ["doctor", text(&spec), "--cost", "--device", "cuda:0", "--steps", "3"];
        machine.run(&[("LOG", log)], &words).expect(MATCH);
    });
    let steps = steps(&calls);
    // The last round: three plain steps, three traced ones, and a checkpoint.
    let sums = |call: &Call| call.launch().is_some_and(|found| found[0].starts_with("block_sums"));
    let last = steps.iter().rposition(|step| step.iter().any(sums)).unwrap();
    let (plain, traced) = (&steps[last - 4], &steps[last - 1]);
    assert!(!plain.iter().any(sums) && traced.iter().any(sums));
    let [of_plain, of_traced] = [plain, traced].map(|step| launches(step, true));
    assert_eq!(of_plain, of_traced, "recording changes the training");
    let own = launches(traced, false).len() - of_traced.len();
    let waits = |step: &[Call]| step.iter().filter(|call| call.is_wait()).count();
    let downloads = |step: &[Call]| {
        step.iter().filter(|call| call.is_download()).map(|call| call.times).sum::<u64>()
    };
    assert_eq!((own, waits(traced)), (1, waits(plain)));
    assert_eq!(downloads(traced), downloads(plain) + 1);
}

/// Takes a few steps of a training on a GPU, in two segments.
fn shortened(spec: &str, steps: u64) -> String {
    let number = |line: &str| match line.split_once(" = ") {
        Some(("device", _)) => "device = \"cuda\"".to_owned(),
        Some(("steps", _)) => format!("steps = {steps}"),
        Some(("checkpoint_every", _)) => format!("checkpoint_every = {}", steps / 2),
        Some(("warmup_steps", _)) => "warmup_steps = 1".to_owned(),
        _ => line.to_owned(),
    };
    spec.lines().map(|line| number(line) + "\n").collect()
}

/// What recording a GPT of 100 million parameters may add to a step: ceilings.
#[test]
fn a_large_training_is_recorded_with_few_launches_and_waits() {
    let Some(machine) = Machine::new() else { return };
    let calls = machine.logged(|log| {
        record(&machine, &[("LOG", log)], &shortened(LARGE_SPEC, 4), "large").expect(MATCH);
    });
    let steps = steps(&calls);
    let own = |step: &Vec<Call>| launches(step, false).len() - launches(step, true).len();
    // A step is two parts, as the norm by which its gradients are clipped is read in the middle.
    // The last one has the checkpoint's downloads too.
    let last = steps.iter().rposition(|step| own(step) > 2).unwrap();
    let step = [&steps[last - 3][..], &steps[last - 2][..]].concat();
    let (launched, of_recording) = (launches(&step, false).len(), own(&step));
    assert!(of_recording <= 9, "{of_recording} launches of ours");
    assert!((1000..1400).contains(&launched), "{launched} launches");
    let times = |of: fn(&Call) -> bool| -> u64 {
        step.iter().filter(|call| of(call)).map(|call| call.times).sum()
    };
    assert_eq!((times(Call::is_wait), times(Call::is_download)), (2, 3));
}
