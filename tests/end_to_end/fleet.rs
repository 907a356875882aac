//! Plans, workers and what collects, by the real binary: the same verdicts as on one machine.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use tempfile::{TempDir, tempdir};

use crate::common::{DIVERGENT, INCONCLUSIVE, MATCH, Ran, USAGE, audit, binary, record, toy_spec};
use crate::nightly::Lab;
use crate::so_far::grow;

/// Another try may do better.
const AGAIN: i32 = 75;

/// A place that several machines share, with a ledger.
pub(crate) struct Site {
    folder: TempDir,
}

impl Site {
    pub(crate) fn new() -> Self {
        Self { folder: tempdir().unwrap() }
    }

    /// A recording of six segments.
    pub(crate) fn with(more: &[&str]) -> Self {
        let site = Self::new();
        record(&toy_spec(site.folder.path(), &[]), &site.path("run"), more);
        site
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn call(&self, words: &[&str]) -> Ran {
        self.call_as(words, &[])
    }

    fn call_as(&self, words: &[&str], variables: &[(&str, &str)]) -> Ran {
        let mut command = binary();
        command.current_dir(self.folder.path()).env("REENACT_LEDGER", self.path("ledger"));
        command.envs(variables.iter().copied()).args(words);
        Ran::from(&command.output().unwrap())
    }

    fn plan(&self, more: &[&str]) -> Value {
        let words = ["plan", "run", "--out", "plan.json", "--shards", "3"];
        self.call(&[&words, more].concat()).expect(MATCH);
        self.read("plan.json")
    }

    fn read(&self, name: &str) -> Value {
        serde_json::from_slice(&fs::read(self.path(name)).unwrap()).unwrap()
    }

    fn write(&self, name: &str, value: &Value) {
        fs::write(self.path(name), value.to_string()).unwrap();
    }

    fn work(&self, more: &[&str]) -> Ran {
        self.call(&[&["work", "plan.json", "--results", "results"], more].concat())
    }

    fn all_work(&self) {
        self.work(&["--slice", "1/1"]).expect(MATCH);
    }

    fn collect(&self, more: &[&str]) -> Ran {
        self.call(&[&["collect", "plan.json", "--results", "results", "--json"], more].concat())
    }

    /// Returns the one report, and the exit code.
    fn collected(&self, code: i32, more: &[&str]) -> Value {
        self.collect(more).expect(code).json()[0].take()
    }

    fn results(&self) -> Vec<PathBuf> {
        let plans = fs::read_dir(self.path("results")).unwrap();
        let folder = plans.map(|entry| entry.unwrap().path()).next().unwrap();
        let mut found: Vec<PathBuf> =
            fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
        found.sort();
        found
    }

    /// Writes a result of a unit that says something else.
    fn forge(&self, unit: &str, act: impl FnOnce(&mut Value)) {
        let path = self.results().into_iter().find(|path| named(path).starts_with(unit)).unwrap();
        let mut sealed: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
        let mut answer: Value = serde_json::from_str(sealed["answer"].as_str().unwrap()).unwrap();
        act(&mut answer);
        sealed["answer"] = json!(answer.to_string());
        fs::write(path.with_file_name(format!("{unit}-0123456789abcdef.json")), sealed.to_string())
            .unwrap();
    }
}

fn named(path: &Path) -> String {
    path.file_name().unwrap().to_string_lossy().into_owned()
}

/// What two audits of the same draw have to agree on.
fn judged(report: &Value) -> Value {
    let parts = ["verdict", "reasons", "findings", "segments", "claim", "coverage", "batches"];
    parts.iter().map(|part| ((*part).to_owned(), report[part].clone())).collect()
}

fn kind(report: &Value) -> &str {
    report["verdict"]["kind"].as_str().unwrap()
}

#[test]
fn a_fleet_judges_as_one_machine_does() {
    for (attack, code) in [(&[][..], MATCH), (&["--attack", "lr-tamper@22..24"], DIVERGENT)] {
        let site = Site::with(attack);
        let plan = site.plan(&["--sample", "all"]);
        for index in ["0", "1", "2"] {
            site.call_as(
                &["work", "plan.json", "--results", "results"],
                &[(
                    if index == "1" { "JOB_COMPLETION_INDEX" } else { "SLURM_ARRAY_TASK_ID" },
                    index,
                )],
            )
            .expect(MATCH);
        }
        let report = site.collected(code, &["--report", "pages"]);
        let nonce = plan["audits"][0]["audit"]["nonce"]["nonce"].as_str().unwrap();
        assert_eq!(report["nonce_source"]["kind"], "fresh", "the ledger knows of the draw");
        let one = audit(&site.path("run"), &["--nonce", nonce]).expect(code).json();
        for part in ["verdict", "reasons", "findings", "segments", "claim"] {
            assert_eq!(report[part], one[part], "{part}");
        }
        assert_eq!(judged(&report)["segments"].as_array().unwrap().len(), 6);
        let pages: Vec<_> = fs::read_dir(site.path("pages")).unwrap().flatten().collect();
        assert!(pages[0].path().join("report.html").exists());
        // The audit that the plan began has ended, and nothing is due.
        let ledger = site.call(&["ledger", "list", "--json"]).json();
        let text = ledger.to_string();
        assert!(text.contains(kind(&report)) && !text.contains("begun"), "{text}");
    }
}

#[test]
fn what_nobody_has_answered_is_not_judged_and_stays_due() {
    let site = Site::with(&[]);
    let plan = site.plan(&["--sample", "4"]);
    site.work(&["--index", "0"]).expect(MATCH);
    let report = site.collected(INCONCLUSIVE, &[]);
    let text = report["reasons"].to_string();
    assert!(text.contains("no worker has left a result"), "{text}");
    let drawn = plan["audits"][0]["audit"]["segments"].as_array().unwrap();
    // A new plan draws what is due before anything else.
    let again = ["plan", "run", "--out", "again.json", "--sample", "1"];
    site.call(&again).expect(MATCH);
    let planned = site.read("again.json")["audits"][0]["audit"]["segments"].clone();
    let done: Vec<&Value> = plan["shards"][0].as_array().unwrap().iter().collect();
    let due = drawn.iter().enumerate().filter(|(unit, _)| !done.contains(&&json!(unit)));
    for (_, segment) in due {
        assert!(planned.as_array().unwrap().contains(segment), "{segment} of {planned}");
    }
}

#[test]
fn whoever_throws_a_plan_away_has_not_drawn_anew() {
    let site = Site::with(&[]);
    let first = site.plan(&["--sample", "2"]);
    fs::remove_file(site.path("plan.json")).unwrap();
    let second = site.plan(&["--sample", "2"]);
    let segments = |plan: &Value| plan["audits"][0]["audit"]["segments"].clone();
    for segment in segments(&first).as_array().unwrap() {
        assert!(segments(&second).as_array().unwrap().contains(segment));
    }
}

#[test]
fn work_that_is_started_twice_is_done_once() {
    let site = Site::with(&[]);
    site.plan(&["--sample", "all"]);
    let work = ["work", "plan.json", "--results", "results", "--slice", "1/1"];
    let ran: Vec<Ran> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..3).map(|_| scope.spawn(|| site.call(&work))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    ran.into_iter().for_each(|ran| drop(ran.expect(MATCH)));
    let done = site.work(&["--slice", "1/1"]).expect(MATCH);
    assert!(done.stdout.contains("0 results") && done.stdout.contains("6 had one"));
    // Whoever came at the same time may have left the same answer, with other times.
    assert_eq!(kind(&site.collected(MATCH, &[])), "match");
}

#[test]
fn another_binary_a_stale_plan_and_a_wrong_shard_are_refused_for_good() {
    let site = Site::with(&[]);
    let plan = site.plan(&["--sample", "2"]);
    site.work(&["--index", "3"]).expect(USAGE).says(&["no shard 3"]);
    site.work(&["--slice", "4/3"]).expect(USAGE);
    site.work(&[]).expect(USAGE).says(&["which of the plan's", "--slice"]);
    let mut other = plan.clone();
    other["binary"] = json!("00".repeat(32));
    site.write("plan.json", &other);
    site.work(&["--slice", "1/1"]).expect(USAGE).says(&["the very binary"]);
    site.write("plan.json", &plan);
    let spec = toy_spec(site.folder.path(), &[("root_seed = 7", "root_seed = 8")]);
    fs::remove_dir_all(site.path("run")).unwrap();
    record(&spec, &site.path("run"), &["--attack", "lr-tamper@1..2"]);
    site.work(&["--slice", "1/1"]).expect(USAGE).says(&["the plan is stale"]);
    site.collect(&[]).expect(INCONCLUSIVE).says(&["the plan was made for commitment"]);
}

#[test]
fn a_place_that_takes_no_result_is_worth_another_try() {
    let site = Site::with(&[]);
    site.plan(&["--sample", "1"]);
    fs::write(site.path("results"), "in the way").unwrap();
    site.work(&["--slice", "1/1"]).expect(AGAIN).says(&["results"]);
}

#[test]
fn an_altered_plan_draws_nothing() {
    let site = Site::with(&["--attack", "lr-tamper@22..24"]);
    let plan = site.plan(&["--sample", "all"]);
    site.all_work();
    // Without the segment that accuses, by a plan that draws fewer.
    let mut fewer = plan.clone();
    fewer["audits"][0]["audit"]["segments"] = json!([0]);
    fewer["audits"][0]["audit"]["steps"] = json!([10]);
    fewer["units"] = json!([plan["units"][0]]);
    fewer["shards"] = json!([[0]]);
    site.write("plan.json", &fewer);
    site.collect(&[]).expect(USAGE).says(&["draws other segments"]);
    let mut nonce = plan.clone();
    nonce["audits"][0]["audit"]["nonce"]["nonce"] = json!("mine");
    site.write("plan.json", &nonce);
    site.collect(&[]).expect(USAGE).says(&["the ledger knows another draw"]);
    for (from, to) in [("\"format\":1", "\"format\":2"), ("\"units\"", "\"unit\"")] {
        let text = plan.to_string();
        assert!(text.contains(from), "{text}");
        fs::write(site.path("plan.json"), text.replace(from, to)).unwrap();
        site.work(&["--slice", "1/1"]).expect(USAGE).says(&["plan.json"]);
    }
}

#[test]
fn only_answers_of_allowed_workers_count() {
    let site = Site::with(&["--attack", "lr-tamper@22..24"]);
    site.plan(&["--sample", "all"]);
    for name in ["worker", "stranger"] {
        site.call(&["keygen", "--out", name]).expect(MATCH);
    }
    let public = fs::read_to_string(site.path("worker.pub")).unwrap();
    fs::write(site.path("workers"), format!("node-1 {public}")).unwrap();
    site.work(&["--slice", "1/1", "--key", "stranger"]).expect(MATCH);
    let refused = site.collect(&["--allowed-workers", "workers"]).expect(INCONCLUSIVE);
    refused.says(&["does not count", "none of the workers", "0 of 6 segments have a result"]);
    fs::remove_dir_all(site.path("results")).unwrap();
    site.work(&["--slice", "1/1", "--key", "worker"]).expect(MATCH);
    site.collected(DIVERGENT, &["--allowed-workers", "workers"]);
    // What was signed and then altered counts no more.
    site.forge("000002", |answer| answer["seconds"] = json!([1.0, 2.0]));
    let said = site.collect(&["--allowed-workers", "workers", "--no-ledger"]).expect(DIVERGENT);
    said.says(&["000002-0123456789abcdef.json", "does not verify"]);
}

#[test]
fn results_that_differ_are_kept_and_indict_a_device_not_a_recording() {
    let site = Site::with(&["--attack", "lr-tamper@22..24"]);
    let honest = Site::with(&[]);
    for place in [&site, &honest] {
        place.plan(&["--sample", "all"]);
        place.all_work();
    }
    // A device that erred found a divergence where the other worker found none, and is alone.
    let wrong = {
        let path = &site.results()[2];
        let sealed: Value = serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
        serde_json::from_str::<Value>(sealed["answer"].as_str().unwrap()).unwrap()
    };
    honest.forge("000002", |answer| {
        answer["messages"] = wrong["messages"].clone();
        answer["seconds"] = wrong["seconds"].clone();
        answer["by"]["host"] = json!("node-7");
    });
    let report = honest.collected(INCONCLUSIVE, &[]);
    let segment = &report["segments"][2];
    assert_eq!(segment["outcome"]["kind"], "unstable", "{segment}");
    let said = segment["incidents"].to_string();
    assert!(said.contains("two workers differ") && said.contains("node-7"), "{said}");
    assert_eq!(honest.results().len(), 7, "both are kept");
}

#[test]
fn hostile_results_count_for_nothing() {
    let site = Site::with(&[]);
    site.plan(&["--sample", "all"]);
    site.all_work();
    let folder = site.results()[0].parent().unwrap().to_owned();
    for (name, text) in [
        ("000000-ffffffffffffffff.json", "{"),
        ("000001-ffffffffffffffff.json", "{\"answer\":\"{}\"}"),
        ("999999-ffffffffffffffff.json", "[]"),
        ("words.json", "x"),
    ] {
        fs::write(folder.join(name), text).unwrap();
    }
    site.forge("000003", |answer| answer["plan"] = json!("00".repeat(32)));
    site.forge("000004", |answer| answer["environment"]["binary"] = json!("00".repeat(32)));
    site.forge("000005", |answer| answer["seconds"] = json!([-1.0]));
    let said = site.collect(&[]).expect(MATCH);
    said.says(&["another plan", "another binary", "its times are none", "6 of 6 segments"]);
}

#[test]
fn an_answer_of_another_class_of_device_does_not_count() {
    let site = Site::with(&[]);
    site.plan(&["--sample", "all"]);
    site.all_work();
    for path in site.results() {
        let mut sealed: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
        let answer = sealed["answer"].as_str().unwrap();
        let mut answer: Value = serde_json::from_str(answer).unwrap();
        answer["environment"]["engine"]["class"]["device"] = json!("abacus");
        sealed["answer"] = json!(answer.to_string());
        fs::write(path, sealed.to_string()).unwrap();
    }
    let report = site.collected(INCONCLUSIVE, &[]);
    assert!(report["reasons"].to_string().contains("computes otherwise"), "{report}");
}

#[test]
fn a_run_that_still_trains_is_judged_as_it_was_when_the_plan_was_made() {
    let site = Site::new();
    let spec = toy_spec(site.folder.path(), &[]);
    grow(&spec, &site.path("run"), 30);
    site.plan(&["--so-far", "--sample", "all"]);
    site.work(&["--index", "0"]).expect(MATCH);
    grow(&spec, &site.path("run"), 60);
    site.all_work();
    let report = site.collected(MATCH, &[]);
    assert_eq!(report["segments"].as_array().unwrap().len(), 3);
    assert_eq!(report["claim"]["reach"]["step"], 30, "{}", report["claim"]);
}

#[test]
fn scripts_for_engines_are_written_beside_the_plan_and_never_over_another() {
    let site = Site::with(&[]);
    let slurm = ["plan", "run", "--out", "jobs", "--emit", "slurm", "--option=--gres=gpu:1"];
    site.call(&slurm).expect(MATCH).says(&["next: sh", "submit"]);
    let text = fs::read_to_string(site.path("jobs/work.sbatch")).unwrap();
    assert!(text.contains("#SBATCH --gres=gpu:1\n") && text.contains("work "), "{text}");
    let submit = fs::read_to_string(site.path("jobs/submit")).unwrap();
    assert!(submit.contains("afterany:$work"), "{submit}");
    site.call(&slurm).expect(USAGE).says(&["already there"]);
    let kubernetes = ["plan", "run", "--out", "pods", "--emit", "kubernetes", "--queue", "verify"];
    site.call(&[&kubernetes[..], &["--option", "nvidia.com/gpu=1"]].concat()).expect(MATCH);
    let job = site.read("pods/work.json");
    assert_eq!(job["spec"]["completionMode"], "Indexed");
    assert_eq!(job["metadata"]["labels"]["kueue.x-k8s.io/queue-name"], "verify");
    let container = &job["spec"]["template"]["spec"]["containers"][0];
    assert_eq!(container["resources"]["limits"]["nvidia.com/gpu"], "1");
}

#[test]
fn a_night_is_planned_for_elsewhere_and_judged_by_its_config() {
    let lab = Lab::new("");
    lab.record("honest", &[]);
    lab.record("bad", &["--attack", "lr-tamper@22..24"]);
    let call = |words: &[&str]| {
        let mut command = binary();
        Ran::from(&command.current_dir(lab.folder.path()).args(words).output().unwrap())
    };
    call(&["plan", "night.toml", "--out", "jobs", "--emit", "slurm"]).expect(MATCH);
    let collect = fs::read_to_string(lab.path("jobs/collect.sbatch")).unwrap();
    assert!(collect.contains("--config "), "{collect}");
    call(&["work", "jobs/plan.json", "--results", "jobs/results", "--slice", "1/1"]).expect(MATCH);
    let collect = ["collect", "jobs/plan.json", "--results", "jobs/results", "--json"];
    let reports = call(&[&collect[..], &["--config", "night.toml"]].concat());
    let reports = reports.expect(DIVERGENT).json();
    assert_eq!(reports.as_array().unwrap().len(), 2, "{reports}");
    // The next night knows of it, and tells what was found meanwhile.
    let night = lab.nightly(&[], &["--json"]).expect(DIVERGENT).json();
    assert!(night["incidents"].to_string().contains("divergence"), "{night}");
}
