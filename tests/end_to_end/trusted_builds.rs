//! Which builds count: only those that the auditor's own people made. The attack "other build's
//! word" is a padded copy of the training binary that audits: to this house it is another binary,
//! and no requirement takes it for more.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use tempfile::{TempDir, tempdir};

use crate::common::{INCONCLUSIVE, MATCH, Ran, USAGE, reenact, toy_spec};

/// Holds two binaries, the usual one and a padded copy, and a list of trusted builds.
struct Bench {
    folder: TempDir,
    usual: PathBuf,
    padded: PathBuf,
}

impl Bench {
    fn new() -> Self {
        let folder = tempdir().unwrap();
        let padded = folder.path().join("padded");
        let usual = PathBuf::from(env!("CARGO_BIN_EXE_reenact"));
        fs::copy(&usual, &padded).unwrap();
        let mut file = fs::OpenOptions::new().append(true).open(&padded).unwrap();
        file.write_all(b"\n").unwrap();
        Self { folder, usual, padded }
    }

    fn run(&self) -> PathBuf {
        self.folder.path().join("run")
    }

    fn record(&self, binary: &Path, more: &[&str]) -> Ran {
        let mut command = Command::new(binary);
        command.arg("record").arg("--out").arg(self.run()).args(more);
        Ran::from(&command.output().unwrap())
    }

    fn recorded_by(self, binary: fn(&Self) -> &Path) -> Self {
        let spec = toy_spec(self.folder.path(), &[]);
        self.record(binary(&self), &[spec.to_str().unwrap()]).expect(MATCH);
        self
    }

    fn audit(&self, binary: &Path, more: &[&str]) -> Ran {
        let mut command = Command::new(binary);
        command.env("REENACT_LEDGER", "").arg("audit").arg(self.run()).args(more);
        Ran::from(&command.output().unwrap())
    }

    /// Audits with these builds trusted, and returns what that is worth.
    fn worth(&self, binary: &Path, trusted: &[&Path]) -> Value {
        self.audit(binary, &["--json", "--trusted-builds", &self.list(trusted)])
            .expect(MATCH)
            .json()["independence"]
            .clone()
    }

    fn list(&self, builds: &[&Path]) -> String {
        let path = self.folder.path().join("builds");
        let lines = builds.iter().map(|build| format!("{} our <own>\n", digest(build)));
        let unused = format!("{} unused\n", "0".repeat(64));
        fs::write(&path, lines.chain([unused, "# end\n".into()]).collect::<String>()).unwrap();
        path.to_str().unwrap().to_owned()
    }
}

fn usual(bench: &Bench) -> &Path {
    &bench.usual
}

fn padded(bench: &Bench) -> &Path {
    &bench.padded
}

/// Asks a binary for its own digest, as a person would.
fn digest(binary: &Path) -> String {
    let ran = Ran::from(&Command::new(binary).args(["doctor", "--json"]).output().unwrap());
    ran.json()["machine"]["binary"].as_str().unwrap().to_owned()
}

#[test]
fn another_builds_word_is_no_independence() {
    let bench = Bench::new().recorded_by(usual);
    for (trusted, says) in [
        (None, "nobody said which builds are trusted"),
        (Some(&[][..]), "this binary is no trusted build"),
        // That a trusted build trained is the trainer's word, and the padded copy repeats it.
        (Some(&[&*bench.usual]), "trainer's word alone"),
    ] {
        let list = trusted.map(|trusted| bench.list(trusted));
        for required in ["independent", "rebuilt"] {
            let mut more = vec!["--json", "--require", required];
            more.extend(list.iter().flat_map(|list| ["--trusted-builds", list]));
            let report = bench.audit(&bench.padded, &more).expect(INCONCLUSIVE).json();
            let reason = report["reasons"][0].as_str().unwrap();
            assert!(reason.contains(says), "{required}: {reason}");
            assert_eq!(report["segments"], serde_json::json!([]), "nothing is replayed in vain");
            assert_eq!(report["advice"][0]["kind"], "trusted-build");
        }
    }
    let shown = bench.audit(&bench.padded, &[]).expect(MATCH).stdout;
    assert!(shown.contains("another binary than the one that trained"), "{shown}");
    let shown = bench.audit(&bench.padded, &["--require", "independent"]).expect(INCONCLUSIVE);
    assert!(shown.stdout.contains("--trusted-builds FILE"), "{}", shown.stdout);
}

#[test]
fn what_an_audit_is_worth_is_what_the_table_says() {
    let bench = Bench::new().recorded_by(padded);
    let (usual, padded) = (&*bench.usual, &*bench.padded);
    for (auditor, trusted, worth) in [
        (padded, &[padded][..], "rebuilt"),
        (padded, &[usual], "self-check"),
        (usual, &[usual, padded], "independent"),
        (usual, &[padded], "rebuilt"),
        (usual, &[usual], "independent"),
        (usual, &[], "another-binary"),
    ] {
        assert_eq!(bench.worth(auditor, trusted), worth, "{auditor:?}, {trusted:?}");
    }
}

#[test]
fn a_requirement_is_met_by_what_audits_alone() {
    let bench = Bench::new().recorded_by(padded);
    let (usual, padded) = (&*bench.usual, &*bench.padded);
    for (auditor, trusted, required, code) in [
        (usual, usual, "independent", MATCH),
        (usual, usual, "rebuilt", MATCH),
        (padded, padded, "rebuilt", MATCH),
        (padded, padded, "independent", INCONCLUSIVE),
        (padded, padded, "self-check", MATCH),
        (usual, padded, "rebuilt", INCONCLUSIVE),
    ] {
        let list = bench.list(&[trusted]);
        let more = ["--json", "--trusted-builds", &list, "--require", required];
        let report = bench.audit(auditor, &more).expect(code).json();
        assert_eq!(report["required"], required);
    }
}

#[test]
fn of_a_run_that_went_on_under_another_binary_the_weakest_counts() {
    let bench = Bench::new().recorded_by(usual);
    // As if it was killed halfway.
    fs::remove_file(bench.run().join("commitment")).unwrap();
    let journal = fs::OpenOptions::new().write(true).open(bench.run().join("journal")).unwrap();
    journal.set_len(journal.metadata().unwrap().len() / 2).unwrap();
    bench.record(&bench.padded, &["--resume"]).expect(MATCH);
    let trained = bench.audit(&bench.usual, &["--json"]).expect(MATCH).json();
    assert_eq!(trained["claim"]["environments"].as_array().unwrap().len(), 2, "both trained");
    let (usual, padded) = (&*bench.usual, &*bench.padded);
    assert_eq!(bench.worth(usual, &[padded]), "self-check");
    assert_eq!(bench.worth(usual, &[usual, padded]), "rebuilt");
}

#[test]
fn terminal_and_page_say_what_it_is_worth_and_by_which_list() {
    let bench = Bench::new().recorded_by(padded);
    let reports = bench.folder.path().join("reports");
    let list = bench.list(&[&bench.usual]);
    let more = ["--trusted-builds", &list, "--report", reports.to_str().unwrap()];
    let shown = bench.audit(&bench.usual, &more).expect(MATCH).stdout;
    for part in
        ["independent: this binary is a trusted build", "(2 trusted builds in list ", "our <own>"]
    {
        assert!(shown.contains(part), "{part}: {shown}");
    }
    let page = fs::read_to_string(reports.join("report.html")).unwrap();
    for part in ["Independent. ", "2 trusted builds in the list", "our &lt;own&gt;"] {
        assert!(page.contains(part), "{part}");
    }
}

#[test]
fn a_list_that_cannot_be_read_is_wrong_usage_and_names_the_line() {
    let bench = Bench::new().recorded_by(usual);
    let list = bench.folder.path().join("list");
    let good = "0".repeat(64);
    for (text, says) in [
        (format!("# ours\n{good} ours\n{} short\n", &good[1..]), "line 3: "),
        (format!("{good} {}\n", "n".repeat(600)), "line 1: its note has 600 bytes"),
        ("# nothing yet\n".into(), "no line names a build"),
    ] {
        fs::write(&list, text).unwrap();
        let more = ["--trusted-builds", list.to_str().unwrap()];
        bench.audit(&bench.usual, &more).expect(USAGE).says(&["trusted builds", says]);
    }
    let more = ["--trusted-builds", "no-such-file"];
    bench.audit(&bench.usual, &more).expect(USAGE).says(&["no-such-file"]);
    reenact(&["audit", "run", "--require", "another-binary"]).expect(USAGE);
}
