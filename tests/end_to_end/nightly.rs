//! Nights over recordings of the toy, by the real binary.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use serde_json::Value;
use tempfile::{TempDir, tempdir};

use crate::common::{DIVERGENT, INCONCLUSIVE, MATCH, Ran, USAGE, binary, files, record, toy_spec};
use crate::so_far::grow;

/// A folder with a config, and runs beside it.
pub(crate) struct Lab {
    pub(crate) folder: TempDir,
}

impl Lab {
    pub(crate) fn new(more: &str) -> Self {
        let folder = tempdir().unwrap();
        fs::create_dir(folder.path().join("runs")).unwrap();
        let text = format!(
            "format = 1\nledger = 'ledger.sqlite'\nreports = 'nights'\n\
             [budget]\ndevice_hours = 10\nread = '1 GiB'\n\
             [goal]\nconfidence = 0.9\n[[runs]]\nname = 'toys'\nfrom = 'runs/*'\n{more}"
        );
        fs::write(folder.path().join("night.toml"), text).unwrap();
        Self { folder }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn run(&self, name: &str) -> PathBuf {
        self.path("runs").join(name)
    }

    fn spec(&self, name: &str) -> PathBuf {
        let named = format!("name = \"{name}\"\nroot");
        toy_spec(self.folder.path(), &[("name = \"toy-plane\"\nroot", &named)])
    }

    pub(crate) fn record(&self, name: &str, more: &[&str]) {
        record(&self.spec(name), &self.run(name), more);
    }

    /// Runs a night command on the config.
    pub(crate) fn nightly(&self, words: &[&str], more: &[&str]) -> Ran {
        let mut command = binary();
        command.arg("nightly").args(words).arg(self.path("night.toml")).args(more);
        Ran::from(&command.output().unwrap())
    }

    fn night(&self, code: i32) -> Value {
        self.nightly(&[], &["--json"]).expect(code).json()
    }

    fn incident(&self, words: &[&str]) -> Ran {
        let config = self.path("night.toml");
        let config = ["--config", config.to_str().unwrap()];
        let mut command = binary();
        Ran::from(&command.arg("incident").args(words).args(config).output().unwrap())
    }
}

pub(crate) fn changes(night: &Value) -> Vec<(String, String)> {
    let each = night["changes"].as_array().unwrap().iter();
    let word = |value: &Value| value.as_str().unwrap().to_owned();
    each.map(|change| (word(&change[0]), word(&change[1]["kind"]))).collect()
}

#[test]
fn a_config_that_cannot_be_meant_names_its_key() {
    let lab = Lab::new("wieght = 3\n");
    lab.nightly(&[], &[]).expect(USAGE).says(&["wieght", "night.toml"]);
    fs::remove_file(lab.path("night.toml")).unwrap();
    lab.nightly(&[], &[]).expect(USAGE).says(&["night.toml"]);
    lab.nightly(&["status"], &[]).expect(USAGE);
}

#[test]
fn a_dry_run_says_why_and_leaves_nothing() {
    let lab = Lab::new("");
    lab.record("a", &[]);
    let said = lab.nightly(&[], &["--dry-run"]).expect(MATCH).stdout;
    assert!(said.contains("6 segments") && said.contains("to keep its date"), "{said}");
    let plan = lab.nightly(&[], &["--dry-run", "--json"]).expect(MATCH).json();
    assert_eq!(plan["units"][0]["count"], 6);
    assert!(!lab.path("ledger.sqlite").exists() && !lab.path("nights").exists());
}

#[test]
fn an_honest_night_is_good_and_leaves_its_page_and_its_figures() {
    let lab = Lab::new("[tell]\nmetrics = 'reenact.prom'\njunit = 'night.xml'\n");
    lab.nightly(&["status"], &[]).expect(INCONCLUSIVE).says(&["no night has happened"]);
    for name in ["a", "b"] {
        lab.record(name, &[]);
    }
    let night = lab.night(MATCH);
    assert_eq!((&night["sentence"], &night["exit"]), (&"Nothing diverges.".into(), &0.into()));
    assert_eq!(night["canaries"][0]["caught"], "yes");
    for run in night["runs"].as_array().unwrap() {
        assert_eq!((&run["covered"], &run["is_certain"]), (&6.into(), &true.into()), "{run}");
    }
    let page = fs::read_to_string(lab.path("nights/latest/index.html")).unwrap();
    assert!(page.contains("Nothing diverges.") && page.contains("6 of 6"), "{page}");
    assert!(
        lab.path("nights/index.html").exists() && lab.path("nights/latest/night.json").exists()
    );
    let metrics = fs::read_to_string(lab.path("reenact.prom")).unwrap();
    assert!(metrics.contains("reenact_nightly_exit_code 0\n"), "{metrics}");
    assert!(fs::read_to_string(lab.path("night.xml")).unwrap().contains("testcase"));
    lab.nightly(&["status"], &[]).expect(MATCH);
    // What is covered need not be looked at again.
    assert_eq!(lab.night(MATCH)["plan"]["units"], Value::Array(Vec::new()));
}

#[test]
fn a_sabotage_is_told_once_and_acknowledged_until_its_date() {
    let lab = Lab::new("[tell]\nopened = ['sh', '-c', 'cat >> TOLD']\n");
    let told = lab.path("told");
    let config = fs::read_to_string(lab.path("night.toml")).unwrap();
    fs::write(lab.path("night.toml"), config.replace("TOLD", told.to_str().unwrap())).unwrap();
    lab.record("good", &[]);
    lab.record("bad", &["--attack", "lr-tamper@7*1.05"]);
    let night = lab.night(DIVERGENT);
    assert_eq!(changes(&night), [("opened".into(), "divergence".into())]);
    let incident = &night["incidents"][0];
    assert_eq!((&incident["segment"], &incident["cause"]), (&0.into(), &"lr-tamper".into()));
    let message: Value = serde_json::from_str(&fs::read_to_string(&told).unwrap()).unwrap();
    assert_eq!(message["event"], "opened");
    let id = incident["id"].as_str().unwrap();
    assert_eq!(message["facts"][0]["incident"]["id"], id);
    // The next night says it again on its page, and to nobody.
    let again = lab.night(DIVERGENT);
    assert_eq!((changes(&again), &again["incidents"][0]["id"]), (vec![], &id.into()));
    assert_eq!(fs::read_to_string(&told).unwrap().matches("opened").count(), 2, "told once");
    let listed = lab.incident(&["list"]).expect(MATCH).stdout;
    assert!(listed.contains(id) && listed.contains("lr-tamper"), "{listed}");
    lab.incident(&["show", "ffffffffffff0"]).expect(USAGE).says(&[id]);
    let ack = |until: &str| {
        lab.incident(&["ack", &id[..6], "--until", until, "--reason", "the team knows"])
    };
    ack("2020-01-01").expect(USAGE);
    ack("2120-01-01").expect(MATCH);
    let known = lab.night(MATCH);
    assert_eq!(known["incidents"][0]["acknowledged"]["reason"], "the team knows");
    let page = fs::read_to_string(lab.path("nights/latest/index.html")).unwrap();
    assert!(page.contains("Acknowledged"), "it stays on the page");
    // Closed, though the recording is as it was: the next proof opens it again, and nobody has
    // taken note of that.
    lab.incident(&["close", id, "--reason", "a drill"]).expect(MATCH);
    assert_eq!(lab.incident(&["list"]).expect(MATCH).stdout.trim(), "nothing is open");
    let reopened = lab.night(DIVERGENT);
    assert_eq!(changes(&reopened), [("reopened".into(), "divergence".into())]);
    assert_eq!(reopened["incidents"][0]["acknowledged"], Value::Null);
}

#[test]
fn a_run_is_covered_as_it_grows() {
    let lab = Lab::new("");
    let (spec, run) = (lab.spec("grows"), lab.run("grows"));
    for (step_end, covered) in [(15, 1), (35, 3), (55, 5)] {
        grow(&spec, &run, step_end);
        let night = lab.night(MATCH);
        let found = &night["runs"][0];
        assert_eq!(
            (&found["covered"], &found["watched"]["segments"]),
            (&covered.into(), &covered.into())
        );
        assert_eq!(found["watched"]["state"], "trains");
    }
}

#[test]
fn a_run_that_is_gone_is_told_and_resolved_when_it_is_back() {
    let lab = Lab::new("");
    lab.record("a", &[]);
    lab.record("b", &[]);
    lab.night(MATCH);
    fs::rename(lab.run("b"), lab.path("elsewhere")).unwrap();
    let night = lab.night(INCONCLUSIVE);
    assert_eq!(changes(&night), [("opened".into(), "vanished".into())]);
    fs::rename(lab.path("elsewhere"), lab.run("b")).unwrap();
    assert_eq!(changes(&lab.night(MATCH)), [("resolved".into(), "vanished".into())]);
}

#[test]
fn what_was_covered_is_read_again_and_resolves_when_it_is_restored() {
    let lab = Lab::new("");
    lab.record("a", &[]);
    lab.night(MATCH);
    let checkpoints = files(&lab.run("a").join("checkpoints"));
    let honest = fs::read(&checkpoints[0]).unwrap();
    let mut altered = honest.clone();
    *altered.last_mut().unwrap() ^= 1;
    fs::write(&checkpoints[0], &altered).unwrap();
    let night = lab.night(DIVERGENT);
    assert_eq!(changes(&night), [("opened".into(), "divergence".into())]);
    assert_eq!(changes(&lab.night(DIVERGENT)), []);
    let id = night["incidents"][0]["id"].as_str().unwrap();
    lab.incident(&["ack", id, "--until", "2120-01-01", "--reason", "a disk"]).expect(MATCH);
    lab.night(MATCH);
    fs::write(&checkpoints[0], honest).unwrap();
    assert_eq!(changes(&lab.night(MATCH)), [("resolved".into(), "divergence".into())]);
    // Should it come back, nobody has taken note of that.
    fs::write(&checkpoints[0], altered).unwrap();
    assert_eq!(changes(&lab.night(DIVERGENT)), [("reopened".into(), "divergence".into())]);
}

#[test]
fn whom_it_cannot_be_told_changes_nothing_that_was_found() {
    let lab = Lab::new(
        "[tell]\nfinished = ['sh', '-c', 'echo no mail today >&2; exit 3']\n\
         metrics = 'none/reenact.prom'\n",
    );
    lab.record("a", &[]);
    lab.nightly(&[], &[]).expect(MATCH).says(&["no mail today", "none/reenact.prom"]);
    let lab = Lab::new("[tell]\nfinished = ['/no/such/program']\n");
    lab.record("a", &[]);
    lab.nightly(&[], &[]).expect(MATCH).says(&["/no/such/program"]);
}

#[test]
fn one_night_at_a_time_and_a_dead_one_holds_nothing() {
    let lab = Lab::new("");
    lab.record("a", &[]);
    let lease = lab.path("ledger.sqlite.night");
    fs::write(&lease, "process 7 on node3, since 2026-11-26").unwrap();
    let held = File::open(&lease).unwrap();
    held.lock().unwrap();
    lab.nightly(&[], &[]).expect(INCONCLUSIVE).says(&["another night runs", "process 7 on node3"]);
    drop(held);
    lab.night(MATCH);
    lab.nightly(&[], &["--resume"]).expect(USAGE).says(&["nothing to resume"]);
}

#[test]
fn units_are_written_for_each_scheduler_and_over_nothing() {
    let lab = Lab::new("");
    for scheduler in ["systemd", "cron", "kubernetes", "slurm"] {
        let said = lab.nightly(&["units"], &["--for", scheduler]).expect(MATCH).stdout;
        assert!(said.contains("nightly") && said.contains("status"), "{said}");
    }
    let out = lab.folder.path().to_str().unwrap();
    lab.nightly(&["units"], &["--for", "cron", "--out", out]).expect(MATCH);
    let text = fs::read_to_string(Path::new(out).join("reenact.crontab")).unwrap();
    assert!(text.contains("0 1 * * *"), "{text}");
    lab.nightly(&["units"], &["--for", "cron", "--out", out]).expect(USAGE);
}

#[test]
fn nights_of_two_ledgers_do_not_write_over_each_other() {
    let lab = Lab::new("");
    lab.record("a", &[]);
    lab.night(MATCH);
    let config = fs::read_to_string(lab.path("night.toml")).unwrap();
    fs::write(lab.path("night.toml"), config.replace("ledger.sqlite", "other.sqlite")).unwrap();
    lab.nightly(&[], &[]).expect(USAGE).says(&["another ledger", "ledger.sqlite"]);
}

/// A night that was killed while it named the owner of its folder must lock nobody out.
#[test]
fn a_folder_that_names_nobody_is_taken_and_one_that_cannot_be_read_is_not() {
    let lab = Lab::new("");
    lab.record("a", &[]);
    let owner = lab.path("nights/.ledger");
    fs::create_dir(lab.path("nights")).unwrap();
    fs::write(&owner, "").unwrap();
    lab.night(MATCH);
    assert!(fs::read_to_string(&owner).unwrap().trim().ends_with("ledger.sqlite"));
    fs::write(&owner, b"\xff\n").unwrap();
    lab.nightly(&[], &[]).expect(USAGE).says(&[".ledger"]);
    assert_eq!(fs::read(&owner).unwrap(), b"\xff\n", "whose it is was not known");
}

#[test]
fn the_page_of_all_nights_names_those_that_have_a_page() {
    let lab = Lab::new("");
    lab.record("a", &[]);
    // As a night leaves it that was killed after an audit.
    fs::create_dir_all(lab.path("nights/night-00007/audit-00000")).unwrap();
    lab.night(MATCH);
    let all = fs::read_to_string(lab.path("nights/index.html")).unwrap();
    assert!(all.contains("night-00001/index.html"), "{all}");
    assert!(!all.contains("night-00007"), "{all}");
}
