//! Audits across two classes of device: the toy adds up forwards on one and
//! backwards on the other, so the bits really differ.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use reenact_core::attack::{PostHocAttack, plant};
use reenact_store::Directory;
use serde_json::Value;
use tempfile::tempdir;

use crate::common::{
    DIVERGENT, INCONCLUSIVE, MATCH, Ran, USAGE, audit, binary, findings, record, toy_spec,
};

const ELSEWHERE: [&str; 2] = ["--device", "toy-reversed"];

/// Holds what most tests need, made once: it takes a hundred replays.
struct Ground {
    folder: PathBuf,
    spec: PathBuf,
    /// Signed by `key`, which `signers` allows.
    calibration: PathBuf,
    key: PathBuf,
    signers: PathBuf,
    honest: PathBuf,
}

fn ground() -> &'static Ground {
    static GROUND: OnceLock<Ground> = OnceLock::new();
    GROUND.get_or_init(|| {
        // Nothing drops a static, so the folder is one that the next run empties.
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("tolerance");
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).unwrap();
        let path = |name: &str| folder.join(name);
        let spec = toy_spec(&folder, &[("steps = 60", "steps = 160")]);
        let [key, signers] = keygen(&folder, "lab", &["--calibrations"]);
        let (calibration, honest) = (path("calibration.toml"), path("honest"));
        let sign = ["--key", key.to_str().unwrap()];
        calibrate(&spec, &calibration, 6, &sign).expect(MATCH);
        record(&spec, &honest, &[]);
        Ground { spec, calibration, key, signers, honest, folder }
    })
}

fn keygen(folder: &Path, name: &str, more: &[&str]) -> [PathBuf; 2] {
    let (key, signers) = (folder.join(name), folder.join(format!("{name}.allowed")));
    let made = binary().args(["keygen", "--json", "--out"]).arg(&key).args(more).output();
    let made = Ran::from(&made.unwrap()).expect(MATCH).json();
    fs::write(&signers, format!("{}\n", made["allowed_signer"].as_str().unwrap())).unwrap();
    [key, signers]
}

fn calibrate(spec: &Path, out: &Path, runs: u32, more: &[&str]) -> Ran {
    let mut command = binary();
    command.arg("calibrate").arg(spec).arg("--out").arg(out).arg("--json");
    command.args(["--recorded-on", "cpu", "--runs", &runs.to_string()]).args(ELSEWHERE).args(more);
    Ran::from(&command.output().unwrap())
}

impl Ground {
    fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    fn within(&self, run: &Path, more: &[&str]) -> Ran {
        let calibration = ["--calibration", self.calibration.to_str().unwrap()];
        audit(run, &[&ELSEWHERE[..], &calibration, more].concat())
    }

    /// Edits a copy of the honest recording, and recomputes every digest.
    fn edited(&self, attack: &str) -> PathBuf {
        let forged = self.path(attack);
        let attack: PostHocAttack = attack.parse().unwrap();
        let source = Directory::open(&self.honest).unwrap();
        plant(&attack, &source, None, &mut Directory::create(&forged).unwrap()).unwrap();
        forged
    }
}

/// Returns what the report says of a tensor.
fn bound<'a>(report: &'a Value, name: &str) -> &'a Value {
    let tensors = report["tolerance"]["tensors"].as_array().unwrap();
    tensors.iter().find(|tensor| tensor["name"] == name).unwrap()
}

/// Returns the segments that are beyond the tolerance.
fn beyond(report: &Value) -> Vec<u64> {
    let segments = report["segments"].as_array().unwrap().iter();
    let found = segments.filter(|segment| {
        let beyond = segment["outcome"]["replay"]["deviation"]["beyond"].as_array();
        beyond.is_some_and(|beyond| !beyond.is_empty())
    });
    found.map(|segment| segment["segment"]["index"].as_u64().unwrap()).collect()
}

#[test]
fn without_a_calibration_it_cannot_be_told_and_the_hint_says_how() {
    let report = audit(&ground().honest, &ELSEWHERE).expect(INCONCLUSIVE).json();
    assert_eq!(findings(&report), []);
    assert_eq!(report["advice"], serde_json::json!([{ "kind": "other-machine" }]));
    let mut shown = binary();
    let shown = shown.arg("audit").arg(&ground().honest).args(ELSEWHERE).output().unwrap();
    let shown = Ran::from(&shown).expect(INCONCLUSIVE).stdout;
    assert!(shown.contains("reenact calibrate") && shown.contains("--calibration"), "{shown}");
    assert!(report["tolerance"].is_null());
}

#[test]
fn an_honest_run_matches_within_the_tolerance() {
    let ground = ground();
    let report = ground.within(&ground.honest, &[]).expect(MATCH).json();
    assert_eq!(report["verdict"]["grade"], "tolerance");
    let weight = bound(&report, "model.weight");
    let found = weight["relative_l2_found"].as_f64().unwrap();
    assert!(found > 0.0, "the two classes really differ");
    assert!(found < weight["relative_l2_allowed"].as_f64().unwrap());
    assert!(weight["steady_share_max"].as_f64().unwrap() > 0.0);
    assert_eq!(report["tolerance"]["accumulated"]["segments"], 16);
    assert_eq!(report["tolerance"]["basis"]["vouched"]["kind"], "unknown-key");
    // The sketches have done their work.
    assert!(!report.to_string().contains("sketches"));
    // One segment alone cannot be added up.
    let single = ground.within(&ground.honest, &["--segment", "3"]).expect(MATCH).json();
    assert!(single["tolerance"]["accumulated"].is_null());
}

#[test]
fn it_looks_different_in_every_report() {
    let ground = ground();
    let page = ground.path("page");
    let calibration = ["--calibration", ground.calibration.to_str().unwrap()];
    let mut command = binary();
    command.arg("audit").arg(&ground.honest).args(ELSEWHERE).args(calibration);
    command.args(["--sample", "all", "--report"]).arg(&page);
    let shown = Ran::from(&command.output().unwrap()).expect(MATCH).stdout;
    for part in ["Match (tolerance)", "not bit-exact", "≈≈≈", "could hide", "model.weight"] {
        assert!(shown.contains(part), "{part}: {shown}");
    }
    assert!(!shown.contains('■'), "{shown}");
    let page = fs::read_to_string(page.join("report.html")).unwrap();
    assert!(page.contains("verdict within") && page.contains("Not bit for bit"));
    assert!(page.contains("The tolerance") && !page.contains("verdict clean"));
}

#[test]
fn within_one_class_every_bit_is_compared() {
    let ground = ground();
    let calibration = ["--calibration", ground.calibration.to_str().unwrap()];
    let report = audit(&ground.honest, &calibration).expect(MATCH).json();
    assert_eq!(report["verdict"]["grade"], "bit-exact");
    assert!(report["findings"].to_string().contains("the calibration was not needed"));
    let edited = ground.edited("weight-edit@60*1");
    audit(&edited, &calibration).expect(DIVERGENT);
}

#[test]
fn a_large_edit_is_divergent() {
    let ground = ground();
    let report =
        ground.within(&ground.edited("weight-edit@40*100000"), &[]).expect(DIVERGENT).json();
    assert!(report["reasons"][0].as_str().unwrap().contains("further from the recording"));
    // The edited state closes one segment and opens the next.
    assert_eq!(beyond(&report), [3, 4], "{}", report["reasons"]);
    assert_eq!(report["reasons"].as_array().unwrap().len(), 2);
    for attack in ["no-training", "interpolation@80"] {
        ground.within(&ground.edited(attack), &["--segment", "7-8"]).expect(DIVERGENT);
    }
}

#[test]
fn an_edit_below_the_tolerance_passes_and_the_bound_covers_it() {
    let ground = ground();
    let edited = ground.edited("weight-edit@80*1");
    let report = ground.within(&edited, &[]).expect(MATCH).json();
    let element = |run: &Path| {
        let store = Directory::open(run).unwrap();
        let recording = reenact_core::verify::open_recording(&store).unwrap();
        let state = recording.checkpoint(80).unwrap().load(1 << 20).unwrap();
        let bytes: [u8; 4] = state.tensor("model.bias").unwrap().1[..4].try_into().unwrap();
        f64::from(f32::from_le_bytes(bytes))
    };
    let edit = (element(&edited) - element(&ground.honest)).abs();
    assert!(edit > 0.0);
    let bias = bound(&report, "model.bias");
    assert!(edit <= bias["edit_element_max"].as_f64().unwrap(), "{edit}: {bias}");
    assert!(edit <= bias["edit_l2_max"].as_f64().unwrap(), "{edit}: {bias}");
}

#[test]
fn a_steady_push_is_seen_when_the_residuals_are_added_up() {
    let ground = ground();
    let pushed = ground.path("pushed");
    record(&ground.spec, &pushed, &["--attack", "under-tolerance*0.5"]);
    let report = ground.within(&pushed, &[]).expect(DIVERGENT).json();
    assert_eq!(beyond(&report), [0; 0], "no segment alone is beyond: {}", report["reasons"]);
    let reason = report["reasons"][0].as_str().unwrap();
    assert!(reason.contains("do not average out"), "{reason}");
    let accumulated = &report["tolerance"]["accumulated"];
    let [drift, allowed] = ["drift", "drift_allowed"].map(|key| accumulated[key].as_f64().unwrap());
    assert!(drift > allowed);
}

/// An engine on the other class chooses its kernels anew in each process, so two
/// honest replays of a segment would end in different bits.
#[test]
fn replays_that_choose_kernels_by_chance_are_judged_all_the_same() {
    let folder = tempdir().unwrap();
    let by_chance = "[program.hyperparameters]\ntuned = \"by-chance\"\n\n[data]";
    let spec = toy_spec(folder.path(), &[("steps = 60", "steps = 160"), ("[data]", by_chance)]);
    let calibration = folder.path().join("calibration.toml");
    // A run's kernels are one draw, whatever its segments: of few runs, none may have met the
    // pair of kernels that the audit meets.
    calibrate(&spec, &calibration, 20, &[]).expect(MATCH);
    let run = folder.path().join("run");
    record(&spec, &run, &[]);
    let within = |run: &Path| {
        audit(run, &[&ELSEWHERE[..], &["--calibration", calibration.to_str().unwrap()]].concat())
    };
    within(&run).expect(MATCH);
    let forged = folder.path().join("forged");
    let attack: PostHocAttack = "weight-edit@80*1e6".parse().unwrap();
    let source = Directory::open(&run).unwrap();
    plant(&attack, &source, None, &mut Directory::create(&forged).unwrap()).unwrap();
    // Each is replayed twice, and the second takes the kernels of the first.
    let report = within(&forged).expect(DIVERGENT).json();
    assert!(!beyond(&report).is_empty());
    assert!(!report.to_string().contains("unstable"), "{report}");
}

#[test]
fn what_is_exact_on_every_class_stays_exact() {
    let ground = ground();
    for attack in ["order-swap@25", "lr-recorded@25", "seed-swap"] {
        let run = ground.path(&format!("exact-{attack}"));
        record(&ground.spec, &run, &["--attack", attack]);
        ground.within(&run, &["--segment", "2"]).expect(DIVERGENT);
    }
}

#[test]
fn a_calibration_of_another_spec_or_pair_does_not_hold() {
    let ground = ground();
    let folder = tempdir().unwrap();
    let other = toy_spec(folder.path(), &[("size = 8", "size = 4"), ("steps = 60", "steps = 20")]);
    let run = folder.path().join("other");
    record(&other, &run, &[]);
    let report = ground.within(&run, &[]).expect(INCONCLUSIVE).json();
    assert!(report["reasons"].to_string().contains("another spec"), "{}", report["reasons"]);
    assert!(report["segments"].as_array().unwrap().is_empty());

    // The other way round is another pair.
    let reversed = ground.path("reversed");
    record(&ground.spec, &reversed, &ELSEWHERE);
    let calibration = ["--calibration", ground.calibration.to_str().unwrap()];
    let report = audit(&reversed, &calibration).expect(INCONCLUSIVE).json();
    assert!(report["reasons"].to_string().contains("recordings of another class"));
}

#[test]
fn a_calibration_cannot_judge_what_it_rests_on() {
    let ground = ground();
    let folder = tempdir().unwrap();
    let other = toy_spec(
        folder.path(),
        &[("steps = 60", "steps = 160"), ("root_seed = 7", "root_seed = 8")],
    );
    let second = folder.path().join("second");
    record(&other, &second, &[]);
    let out = folder.path().join("calibration.toml");
    let mut command = binary();
    command.arg("calibrate").args([&ground.honest, &second]).args(ELSEWHERE).arg("--out").arg(&out);
    let shown = Ran::from(&command.output().unwrap()).expect(MATCH).stdout;
    assert!(
        shown.contains("32 honest replays of 2 runs") && shown.contains("not signed"),
        "{shown}"
    );
    let more = [&ELSEWHERE[..], &["--calibration", out.to_str().unwrap()]].concat();
    let report = audit(&ground.honest, &more).expect(INCONCLUSIVE).json();
    assert!(report["reasons"].to_string().contains("rests on this very recording"));
}

#[test]
fn where_signers_are_demanded_one_of_them_vouches_for_the_calibration() {
    let ground = ground();
    let folder = tempdir().unwrap();
    let [trainer_key, trainers] = keygen(folder.path(), "trainer", &[]);
    let run = folder.path().join("run");
    record(&ground.spec, &run, &["--key", trainer_key.to_str().unwrap()]);
    let both = folder.path().join("both");
    let text = [&ground.signers, &trainers].map(|path| fs::read_to_string(path).unwrap()).concat();
    fs::write(&both, text).unwrap();
    let report = ground.within(&run, &["--allowed-signers", both.to_str().unwrap()]);
    let report = report.expect(MATCH).json();
    assert_eq!(report["tolerance"]["basis"]["vouched"]["principal"], "lab");

    // A trainer who may sign recordings may not say how much they may deviate.
    let trainers = ["--allowed-signers", trainers.to_str().unwrap()];
    ground.within(&run, &trainers).expect(USAGE).says(&["reenact-calibration@v1"]);

    let text = fs::read_to_string(&ground.calibration).unwrap();
    let signature = fs::read_to_string(ground.path("calibration.toml.sig")).unwrap();
    let copy = folder.path().join("copy.toml");
    let with = |text: &str, signature: Option<&str>, more: &[&str]| {
        fs::write(&copy, text).unwrap();
        let place = folder.path().join("copy.toml.sig");
        match signature {
            Some(signature) => fs::write(place, signature).unwrap(),
            None => fs::remove_file(place).unwrap_or_default(),
        }
        audit(&run, &[&ELSEWHERE[..], &["--calibration", copy.to_str().unwrap()], more].concat())
    };
    let demanded = ["--allowed-signers", both.to_str().unwrap()];
    with(&text, Some(&signature), &demanded).expect(MATCH);
    with(&text, None, &demanded).expect(USAGE).says(&["it is not signed", "--key"]);
    with(&text, None, &[]).expect(MATCH);
    let widened = text.replacen("margin = 2.0", "margin = 3.0", 1);
    assert_ne!(widened, text);
    let broken = ["does not verify over this calibration"];
    with(&widened, Some(&signature), &demanded).expect(USAGE).says(&broken);
    with(&widened, Some(&signature), &[]).expect(USAGE).says(&broken);
    with(&text, Some("nonsense"), &[]).expect(USAGE).says(&["no SSH signature"]);
    // A signature of a recording by the same key is none of a calibration.
    let recordings = folder.path().join("signed");
    record(&ground.spec, &recordings, &["--key", ground.key.to_str().unwrap()]);
    let other = fs::read_to_string(recordings.join("commitment.sig")).unwrap();
    with(&text, Some(&other), &[]).expect(USAGE).says(&["its namespace"]);
}

#[test]
fn malformed_calibrations_are_refused() {
    let ground = ground();
    let folder = tempdir().unwrap();
    let file = folder.path().join("c.toml");
    let text = fs::read_to_string(&ground.calibration).unwrap();
    let cases: [(&str, &[u8]); 5] = [
        ("missing field", b""),
        ("no UTF-8", b"\xff\xff"),
        ("format 9", &text.replacen("format = 1", "format = 9", 1).into_bytes()),
        ("above 0", &text.replacen("ulp_max = ", "ulp_max = -", 1).into_bytes()),
        ("too many for a calibration", &vec![b' '; (1 << 24) + 1]),
    ];
    for (says, bytes) in cases {
        fs::write(&file, bytes).unwrap();
        let more = [&ELSEWHERE[..], &["--calibration", file.to_str().unwrap()]].concat();
        audit(&ground.honest, &more).expect(USAGE).says(&[says, "c.toml"]);
    }
    let more = ["--calibration", folder.path().to_str().unwrap()];
    audit(&ground.honest, &more).expect(USAGE).says(&["no plain file"]);
    let more = ["--calibration", "nowhere.toml"];
    audit(&ground.honest, &more).expect(USAGE).says(&["nowhere.toml"]);
}

#[test]
fn there_is_nothing_to_calibrate_within_one_class() {
    let ground = ground();
    let out = ground.path("same.toml");
    let same = ["--recorded-on", "toy-reversed"];
    let mut command = binary();
    command.arg("calibrate").arg(&ground.spec).arg("--out").arg(&out).args(ELSEWHERE).args(same);
    Ran::from(&command.output().unwrap()).expect(USAGE).says(&["same class", "bit for bit"]);
    let mut command = binary();
    command.arg("calibrate").arg(&ground.honest).arg("--out").arg(&out);
    Ran::from(&command.output().unwrap()).expect(USAGE).says(&["same class"]);
    // One run gives scales and nothing to hold against them.
    let mut command = binary();
    command.arg("calibrate").arg(&ground.honest).arg("--out").arg(&out).args(ELSEWHERE);
    Ran::from(&command.output().unwrap()).expect(USAGE).says(&["1 run is too few"]);
    // A calibration is never overwritten.
    calibrate(&ground.spec, &ground.calibration, 6, &[]).expect(USAGE).says(&["exists"]);
    assert!(!out.exists());
}

#[test]
fn a_recording_that_is_not_in_order_is_no_honest_one() {
    let ground = ground();
    let folder = tempdir().unwrap();
    let broken = folder.path().join("broken");
    crate::common::copy(&ground.honest, &broken);
    fs::write(broken.join("commitment"), "reenact commitment 1\n").unwrap();
    let out = folder.path().join("c.toml");
    let mut command = binary();
    command.arg("calibrate").args([&ground.honest, &broken]).args(ELSEWHERE).arg("--out").arg(&out);
    Ran::from(&command.output().unwrap()).expect(INCONCLUSIVE).says(&["no honest recording"]);
}

#[test]
fn what_the_examination_found_outlives_a_replay_that_cannot_begin() {
    let ground = ground();
    let (lied, nowhere) = (ground.path("reordered"), ground.path("nowhere"));
    record(&ground.spec, &lied, &["--attack", "order-swap@25"]);
    for (run, code) in [(&lied, DIVERGENT), (&ground.honest, INCONCLUSIVE)] {
        let mut command = binary();
        command.env("TMPDIR", &nowhere).arg("audit").arg(run).arg("--json").args(ELSEWHERE);
        command.arg("--calibration").arg(&ground.calibration);
        command.arg("--ledger").arg(ground.path("ledger"));
        let report = Ran::from(&command.output().unwrap()).expect(code).json();
        assert!(report["segments"].as_array().unwrap().is_empty());
        // Nor is the draw taken back: whoever fills the disk could choose another.
        let mut command = binary();
        command.args(["ledger", "show", "--json", "--ledger"]).arg(ground.path("ledger")).arg(run);
        let entries = Ran::from(&command.output().unwrap()).expect(MATCH).json();
        assert!(!entries[0]["debts"].as_array().unwrap().is_empty(), "{entries}");
        assert_eq!(findings(&report).len(), usize::from(code == DIVERGENT));
    }
}
