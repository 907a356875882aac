//! Recordings in a bucket of a real server on this machine, by the real binary, and by way of a
//! proxy that does everything to requests that a network does. `scripts/with-s3` starts the server:
//!
//!     scripts/with-s3 cargo test -p reenact --no-default-features --features s3 --test s3

#[path = "../common/mod.rs"]
mod common;
mod proxy;

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;
use tempfile::{TempDir, tempdir};

use crate::common::{DIVERGENT, INCONCLUSIVE, MATCH, Ran, USAGE, binary, toy_spec};
use crate::proxy::{Fault, Proxy};

/// Faults that a recording and its audits have to live through.
const FAULTS: u64 = 1000;

/// A folder, and a prefix of the bucket that nobody else has.
struct Lab {
    folder: TempDir,
    endpoint: String,
    prefix: String,
}

impl Lab {
    /// None where there is no server; on CI that is a fault.
    fn new(name: &str) -> Option<Self> {
        let Ok(endpoint) = std::env::var("AWS_ENDPOINT_URL") else {
            assert!(std::env::var("CI").is_err(), "there is no server: use scripts/with-s3");
            eprintln!("there is no server, so nothing is tried: use scripts/with-s3");
            return None;
        };
        let prefix = format!("s3://runs/{name}-{}", std::process::id());
        Some(Self { folder: tempdir().unwrap(), endpoint, prefix })
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn place(&self, name: &str) -> String {
        format!("{}/{name}", self.prefix)
    }

    fn call_at(&self, endpoint: &str, words: &[&str]) -> Ran {
        let mut command = binary();
        command.current_dir(self.folder.path()).env("AWS_ENDPOINT_URL", endpoint).args(words);
        Ran::from(&command.output().unwrap())
    }

    fn call(&self, words: &[&str]) -> Ran {
        self.call_at(&self.endpoint, words)
    }

    fn record(&self, endpoint: &str, name: &str, more: &[&str]) -> Ran {
        let spec = toy_spec(self.folder.path(), &[]);
        let (out, place) = (self.path(name), self.place(name));
        let words = ["record", spec.to_str().unwrap(), "--out", out.to_str().unwrap()];
        let push = ["--push", &place, "--no-rehearsal"];
        self.call_at(endpoint, &[&words[..], &push, more].concat())
    }

    fn audit(&self, endpoint: &str, name: &str) -> Ran {
        self.call_at(endpoint, &["audit", &self.place(name), "--sample", "all", "--json"])
    }
}

fn reasons(ran: &Ran) -> String {
    ran.json()["reasons"].to_string()
}

#[test]
fn a_bucket_is_audited_inspected_compared_and_planned_as_a_folder_is() {
    let Some(lab) = Lab::new("whole") else { return };
    lab.record(&lab.endpoint, "a", &[]).expect(MATCH).says(&["all of it is in"]);
    lab.record(&lab.endpoint, "b", &["--attack", "lr-tamper@22..24"]).expect(MATCH);
    let (a, b) = (lab.place("a"), lab.place("b"));
    for (name, code) in [("a", MATCH), ("b", DIVERGENT)] {
        let far = lab.audit(&lab.endpoint, name).expect(code).json();
        let nonce = far["challenge"]["nonce"].as_str().unwrap();
        let words = ["audit", name, "--sample", "all", "--nonce", nonce, "--json"];
        let here = lab.call(&words).expect(code).json();
        for part in ["verdict", "reasons", "findings", "segments", "claim"] {
            assert_eq!(far[part], here[part], "{name}: {part}");
        }
    }
    lab.call(&["inspect", &a]).expect(MATCH);
    lab.call(&["diff", &format!("{a}@30"), "a@30"]).expect(MATCH);
    lab.call(&["diff", &format!("{a}@30"), &format!("{b}@30")]).expect(DIVERGENT);
    lab.call(&["export", &a, "--out", "model.safetensors"]).expect(MATCH);
    lab.call(&["plan", &a, "--sample", "2", "--out", "plan.json"]).expect(MATCH);
    let results = lab.place("results");
    lab.call(&["work", "plan.json", "--results", &results, "--slice", "1/1"]).expect(MATCH);
    lab.call(&["collect", "plan.json", "--results", &results]).expect(MATCH);
    // Of what no drawn segment needs, nothing is read, and that is said.
    let one = lab.call(&["audit", &a, "--segment", "2", "--json"]).expect(MATCH).json();
    assert!(one["findings"].to_string().contains("5 of 7 checkpoints were not read"), "{one}");
}

#[test]
fn another_recording_is_never_mixed_with_what_is_there() {
    let Some(lab) = Lab::new("mixed") else { return };
    lab.record(&lab.endpoint, "a", &[]).expect(MATCH);
    lab.record(&lab.endpoint, "b", &["--attack", "lr-tamper@22..24"]).expect(MATCH);
    let a = lab.place("a");
    lab.call(&["push", "b", &a]).expect(USAGE).says(&["is another one"]);
    lab.call(&["push", "a", &a]).expect(MATCH);
    lab.audit(&lab.endpoint, "a").expect(MATCH);
    lab.call(&["audit", &lab.place("none")]).expect(USAGE).says(&["holds no journal"]);
    lab.call(&["push", "a", "s3://"]).expect(USAGE);
}

#[test]
fn a_trainer_needs_no_right_to_replace_or_delete() {
    let Some(lab) = Lab::new("trainer") else { return };
    let proxy = Proxy::start(&lab.endpoint, |request, _| {
        let creates = request.header("if-none-match") == Some("*");
        let reads = matches!(request.method(), "GET" | "HEAD");
        if reads || (request.method() == "PUT" && creates) {
            Fault::None
        } else {
            Fault::Status(403)
        }
    });
    let endpoint = proxy.endpoint();
    lab.record(&endpoint, "a", &[]).expect(MATCH).says(&["all of it is in"]);
    lab.audit(&lab.endpoint, "a").expect(MATCH);
}

#[test]
fn an_outage_stops_nothing_and_is_caught_up() {
    let Some(lab) = Lab::new("outage") else { return };
    let nobody = "http://127.0.0.1:9";
    let spec = toy_spec(lab.folder.path(), &[]);
    let out = lab.path("a");
    let mut command = binary();
    command.env("AWS_ENDPOINT_URL", nobody).args(["record", spec.to_str().unwrap(), "--out"]);
    command.arg(&out).args(["--push", &lab.place("a"), "--no-rehearsal"]);
    let ran = Ran::from(&command.output().unwrap()).expect(MATCH);
    ran.says(&["lacks a part of it", "next: reenact push"]);
    lab.call(&["push", "a", &lab.place("a")]).expect(MATCH);
    lab.audit(&lab.endpoint, "a").expect(MATCH);
    // An auditor that reaches nothing accuses nobody.
    let unreached = lab.audit(nobody, "a").expect(INCONCLUSIVE);
    assert!(!unreached.stderr.contains("panicked"), "{}", unreached.stderr);
}

#[test]
fn what_a_bucket_withholds_or_alters_is_found() {
    let Some(lab) = Lab::new("altered") else { return };
    lab.record(&lab.endpoint, "a", &[]).expect(MATCH);
    let hides = Proxy::start(&lab.endpoint, |request, _| {
        let hides = request.target().contains("spec.toml") && request.method() != "PUT";
        if hides { Fault::Status(404) } else { Fault::None }
    });
    lab.audit(&hides.endpoint(), "a").expect(DIVERGENT);
    let flips = Proxy::start(&lab.endpoint, |request, _| {
        let is_state = request.target().contains("checkpoints/") && request.method() == "GET";
        if is_state && !request.target().contains("list-type") { Fault::Flip } else { Fault::None }
    });
    let ran = lab.audit(&flips.endpoint(), "a").expect(DIVERGENT);
    assert!(reasons(&ran).contains("checkpoints/"), "{}", reasons(&ran));
}

#[test]
fn a_thousand_faults_lose_nothing_and_accuse_nobody() {
    let Some(lab) = Lab::new("faults") else { return };
    let proxy = Proxy::start(&lab.endpoint, proxy::weather);
    let endpoint = proxy.endpoint();
    let (mut round, mut judged) = (0, [0_u64; 2]);
    while proxy.faults() < FAULTS {
        round += 1;
        for (sabotaged, attack) in [(0, &[][..]), (1, &["--attack", "lr-tamper@22..24"])] {
            let name = format!("run-{round}-{sabotaged}");
            lab.record(&endpoint, &name, attack).expect(MATCH);
            while lab.call_at(&endpoint, &["push", &name, &lab.place(&name)]).code != Some(MATCH) {}
            same_bytes(&lab, &name);
            let ran = lab.audit(&endpoint, &name);
            let wrong = if sabotaged == 1 { MATCH } else { DIVERGENT };
            assert!(ran.code != Some(wrong), "{name}: {}{}", ran.stdout, ran.stderr);
            assert!(matches!(ran.code, Some(MATCH | DIVERGENT | INCONCLUSIVE)), "{}", ran.stderr);
            judged[sabotaged] += u64::from(ran.code != Some(INCONCLUSIVE));
            fs::remove_dir_all(lab.path(&name)).unwrap();
        }
    }
    eprintln!("{} faults, {round} rounds, judged {judged:?}", proxy.faults());
    assert!(judged.iter().all(|judged| *judged > round / 2), "{judged:?} of {round}");
}

/// Without the proxy, everything is there, and nothing else.
fn same_bytes(lab: &Lab, name: &str) {
    let report = lab.call(&["inspect", &lab.place(name), "--json"]).expect(MATCH).json();
    let here = lab.call(&["inspect", name, "--json"]).expect(MATCH).json();
    let parts = |report: &Value| {
        ["spec", "steps", "frames", "head", "checkpoints"].map(|part| report[part].clone())
    };
    assert_eq!(parts(&report), parts(&here));
    assert!(Path::new(&lab.path(name)).exists());
}
