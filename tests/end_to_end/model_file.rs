//! The model of a run comes out as a file of its own, and a file is held against the run.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use safetensors::SafeTensors;
use serde_json::{Value, json};
use tempfile::{TempDir, tempdir};

use crate::common::{
    DIVERGENT, INCONCLUSIVE, MATCH, Ran, USAGE, audit, binary, copy, record, roots, toy_spec,
};
use crate::so_far::grow;

/// Holds a recording of the toy, and its model as a file.
pub(crate) struct Exported {
    pub(crate) folder: TempDir,
    pub(crate) run: PathBuf,
    file: PathBuf,
}

impl Exported {
    pub(crate) fn new() -> Self {
        let folder = tempdir().unwrap();
        let (run, file) = (folder.path().join("run"), folder.path().join("toy.safetensors"));
        record(&toy_spec(folder.path(), &[]), &run, &[]);
        export(&run, &file, &[]).expect(MATCH);
        Self { folder, run, file }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes a file beside the exported one, and audits the run with it.
    fn audit_with(&self, bytes: &[u8]) -> Ran {
        let file = self.path("given.safetensors");
        fs::write(&file, bytes).unwrap();
        audit_model(&self.run, &file)
    }
}

fn export(run: &Path, out: &Path, more: &[&str]) -> Ran {
    let mut command = binary();
    command.arg("export").arg(run).arg("--out").arg(out).args(more);
    Ran::from(&command.output().unwrap())
}

pub(crate) fn audit_model(run: &Path, file: &Path) -> Ran {
    audit(run, &["--model", file.to_str().unwrap()])
}

fn checkpoint(run: &Path, place: usize) -> PathBuf {
    let line = roots(run).remove(place);
    run.join(format!("checkpoints/{}.safetensors", line.rsplit(' ').next().unwrap()))
}

/// Returns name, type, shape and bytes of each tensor, by name.
fn tensors(file: &[u8]) -> Vec<(String, String, Vec<usize>, Vec<u8>)> {
    let read = SafeTensors::deserialize(file).unwrap();
    let mut found: Vec<_> = read
        .iter()
        .map(|(name, view)| {
            let dtype = format!("{:?}", view.dtype());
            (name.to_owned(), dtype, view.shape().to_vec(), view.data().to_vec())
        })
        .collect();
    found.sort();
    found
}

/// Writes a safetensors file of these tensors of 32-bit floats.
fn written(tensors: &[(&str, &[f32])]) -> Vec<u8> {
    let bytes: Vec<Vec<u8>> = tensors
        .iter()
        .map(|(_, values)| values.iter().flat_map(|value| value.to_le_bytes()).collect())
        .collect();
    let views = tensors.iter().zip(&bytes).map(|((name, values), bytes)| {
        let view = safetensors::tensor::TensorView::new(
            safetensors::Dtype::F32,
            vec![values.len()],
            bytes,
        );
        (name.to_string(), view.unwrap())
    });
    safetensors::serialize(views.collect::<Vec<_>>(), None).unwrap()
}

fn floats(bytes: &[u8]) -> Vec<f32> {
    bytes.chunks(4).map(|bits| f32::from_le_bytes(bits.try_into().unwrap())).collect()
}

#[test]
fn anybody_reads_the_model_and_learns_where_it_comes_from() {
    let place = Exported::new();
    let file = fs::read(&place.file).unwrap();
    let state = fs::read(checkpoint(&place.run, 6)).unwrap();
    let mut expected = tensors(&state);
    expected.retain(|(name, ..)| name.starts_with("model."));
    expected.iter_mut().for_each(|found| found.0 = found.0["model.".len()..].to_owned());
    assert_eq!(tensors(&file), expected);
    assert_eq!(expected.len(), 2);
    let (_, header) = SafeTensors::read_metadata(&file).unwrap();
    let facts = header.metadata().as_ref().unwrap();
    let inspected = binary().args(["inspect", "--json"]).arg(&place.run).output().unwrap();
    let inspected = Ran::from(&inspected).expect(MATCH).json();
    for (name, fact) in [
        ("format", "safetensors"),
        ("producer", "reenact"),
        ("run", "toy-plane"),
        ("step", "60"),
        ("averaged", "false"),
        ("root", inspected["audited"]["state"].as_str().unwrap()),
        ("commitment", inspected["audited"]["commitment"].as_str().unwrap()),
    ] {
        assert_eq!(facts[name], fact, "{name}");
    }
    // It is not secret, and nothing else is left in the folder.
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    let plain = place.path("plain");
    fs::write(&plain, "").unwrap();
    assert_eq!(mode(&place.file), mode(&plain));
    let hidden = |name: &str| name.starts_with('.');
    let mut names = fs::read_dir(place.folder.path()).unwrap().map(|entry| entry.unwrap());
    assert!(!names.any(|entry| hidden(entry.file_name().to_str().unwrap())));
}

#[test]
fn the_model_of_each_checkpoint_is_told_apart() {
    let place = Exported::new();
    let report = audit_model(&place.run, &place.file).expect(MATCH).json();
    let found = &report["model_file"];
    assert_eq!((&found["step"], &found["step_last"]), (&json!(60), &json!(60)), "{found}");
    assert_eq!(found["differences"], json!([]));
    let earlier = place.path("earlier.safetensors");
    let told = export(&place.run, &earlier, &["--step", "20", "--json"]).expect(MATCH).json();
    assert_eq!(
        (&told["step"], &told["tensors"], &told["averaged"]),
        (&json!(20), &json!(2), &json!(false))
    );
    let report = audit_model(&place.run, &earlier).expect(DIVERGENT).json();
    assert_eq!(report["verdict"]["kind"], "match", "the run is not at fault");
    assert_eq!(report["model_file"]["step"], 20);
    assert_eq!(report["model_file"]["differing"], 2);
    let text = binary().arg("audit").arg(&place.run).arg("--model").arg(&earlier).output().unwrap();
    let text = Ran::from(&text).expect(DIVERGENT).words();
    let said = "is not the model of this run at step 60, its last, but the model at step 20";
    assert!(text.starts_with("Match") && text.contains(said), "{text}");
}

#[test]
fn steps_without_a_committed_checkpoint_are_refused() {
    let place = Exported::new();
    for step in ["61", "15", "18446744073709551615"] {
        let out = place.path("none.safetensors");
        let ran = export(&place.run, &out, &["--step", step]).expect(USAGE);
        ran.says(&[&format!("opens step {step}"), "it has 0, 10, 20, 30, 40, 50, 60"]);
        assert!(!out.exists());
    }
    let out = place.path("none.safetensors");
    export(&place.run, &out, &["--average"]).expect(USAGE).says(&["keeps no average"]);
    assert!(!out.exists());
}

#[test]
fn one_bit_is_found_and_named() {
    let place = Exported::new();
    let honest = fs::read(&place.file).unwrap();
    let mut edited = honest.clone();
    // The sign of the last weight.
    *edited.last_mut().unwrap() ^= 0x80;
    let weight = floats(&tensors(&honest)[1].3);
    let last = *weight.last().unwrap();
    let report = place.audit_with(&edited).expect(DIVERGENT).json();
    let found = &report["model_file"];
    assert_eq!(report["verdict"]["kind"], "match");
    assert_eq!(found["step"], Value::Null);
    assert_eq!(
        (&found["differing"], &found["missing"], &found["extra"]),
        (&json!(1), &json!(0), &json!(0))
    );
    assert_eq!(found["absolute_max"], json!(2.0 * f64::from(last.abs())));
    let first = &found["differences"][0];
    assert_eq!(first["name"], "weight");
    assert_eq!(first["difference"]["index_first"], weight.len() as u64 - 1);
    assert_eq!(first["difference"]["recorded"], last.to_string());
    assert_eq!(first["difference"]["replayed"], (-last).to_string());
    // The page says it, too.
    let (file, page) = (place.path("given.safetensors"), place.path("report"));
    let ran =
        audit(&place.run, &["--model", file.to_str().unwrap(), "--report", page.to_str().unwrap()]);
    ran.expect(DIVERGENT);
    let page = fs::read_to_string(page.join("report.html")).unwrap();
    for part in ["Not the model of this run.", "1 tensor differs", "<code>weight</code>", "Match"] {
        assert!(page.contains(part), "{part}");
    }
}

#[test]
fn names_shapes_and_types_count_too() {
    let place = Exported::new();
    let found = tensors(&fs::read(&place.file).unwrap());
    let (bias, weight) = (floats(&found[0].3), floats(&found[1].3));
    let model_file = |ran: Ran, code: i32| ran.expect(code).json()["model_file"].clone();
    // As a state names them, and in another order.
    let stated = written(&[("model.weight", &weight), ("model.bias", &bias)]);
    assert_eq!(model_file(place.audit_with(&stated), MATCH)["step"], 60);
    let extra = written(&[("weight", &weight), ("bias", &bias), ("head.weight", &bias)]);
    let extra = model_file(place.audit_with(&extra), DIVERGENT);
    assert_eq!((&extra["differing"], &extra["extra"]), (&json!(0), &json!(1)));
    assert_eq!(extra["differences"][0]["name"], "head.weight");
    assert_eq!(extra["absolute_max"], Value::Null);
    let missing = model_file(place.audit_with(&written(&[("weight", &weight)])), DIVERGENT);
    assert_eq!(
        (&missing["missing"], &missing["differences"][0]["name"]),
        (&json!(1), &json!("bias"))
    );
    let shape = written(&[("weight", &weight[1..]), ("bias", &bias)]);
    let shape = model_file(place.audit_with(&shape), DIVERGENT);
    assert_eq!(shape["differences"][0]["difference"]["kind"], "shape");
    let nan = written(&[("weight", &weight), ("bias", &[f32::NAN])]);
    let nan = model_file(place.audit_with(&nan), DIVERGENT);
    assert_eq!((&nan["differing"], &nan["absolute_max"]), (&json!(1), &Value::Null));
    assert_eq!(nan["differences"][0]["difference"]["ulp_max"], Value::Null);
}

#[test]
fn the_model_of_another_run_is_not_this_ones() {
    let place = Exported::new();
    let other = place.path("other");
    record(&toy_spec(place.folder.path(), &[("root_seed = 7", "root_seed = 8")]), &other, &[]);
    let report = audit_model(&other, &place.file).expect(DIVERGENT).json();
    assert_eq!(
        (&report["verdict"]["kind"], &report["model_file"]["step"]),
        (&json!("match"), &Value::Null)
    );
    assert_eq!(report["model_file"]["differing"], 2);
    // A run that is at fault keeps its verdict, whatever the file is.
    let tampered = place.path("tampered");
    let spec = toy_spec(place.folder.path(), &[]);
    record(&spec, &tampered, &["--attack", "lr-tamper@25"]);
    let file = place.path("tampered.safetensors");
    export(&tampered, &file, &[]).expect(MATCH);
    let report = audit_model(&tampered, &file).expect(DIVERGENT).json();
    assert_eq!(
        (&report["verdict"]["kind"], &report["model_file"]["step"]),
        (&json!("divergent"), &json!(60))
    );
}

/// What is done to a recording.
type Deed<'a> = &'a dyn Fn(&Path);

#[test]
fn a_damaged_recording_gives_no_model() {
    let place = Exported::new();
    let deeds: [(&str, Deed<'_>); 5] = [
        ("an altered weight", &|run| {
            let path = checkpoint(run, 6);
            let mut bytes = fs::read(&path).unwrap();
            *bytes.last_mut().unwrap() ^= 1;
            fs::write(path, bytes).unwrap();
        }),
        ("another state", &|run| {
            fs::copy(checkpoint(run, 5), checkpoint(run, 6)).unwrap();
        }),
        ("no state", &|run| fs::remove_file(checkpoint(run, 6)).unwrap()),
        ("an altered journal", &|run| {
            let mut bytes = fs::read(run.join("journal")).unwrap();
            let middle = bytes.len() / 2;
            bytes[middle] ^= 1;
            fs::write(run.join("journal"), bytes).unwrap();
        }),
        ("a commitment to something else", &|run| {
            let path = run.join("commitment");
            let text = fs::read_to_string(&path).unwrap();
            let head = text.lines().find(|line| line.starts_with("head ")).unwrap().to_owned();
            fs::write(path, text.replace(&head, &format!("head {}", "0".repeat(64)))).unwrap();
        }),
    ];
    for (name, deed) in deeds {
        let run = place.path(name);
        copy(&place.run, &run);
        deed(&run);
        let out = place.path("out.safetensors");
        export(&run, &out, &[])
            .expect(INCONCLUSIVE)
            .says(&["nothing was written", "reenact audit"]);
        assert!(!out.exists(), "{name}");
        // Nothing of it can vouch for a model either.
        let report = audit_model(&run, &place.file).json();
        if !name.contains("state") && !name.contains("weight") {
            assert!(report["model_file"]["problem"].is_string(), "{name}: {report}");
        }
        assert_eq!(report["model_file"]["step"], Value::Null, "{name}");
        assert_ne!(report["verdict"]["kind"], "match", "{name}");
    }
}

#[test]
fn nothing_is_written_over_unasked() {
    let place = Exported::new();
    let before = fs::read(&place.file).unwrap();
    export(&place.run, &place.file, &["--step", "0"]).expect(USAGE).says(&["already", "--force"]);
    assert_eq!(fs::read(&place.file).unwrap(), before);
    export(&place.run, &place.file, &["--step", "0", "--force"]).expect(MATCH);
    assert_ne!(fs::read(&place.file).unwrap(), before);
    // Neither where a link leads, be it to nowhere, nor in the recording itself.
    let link = place.path("link");
    symlink(place.path("nowhere"), &link).unwrap();
    export(&place.run, &link, &[]).expect(USAGE).says(&["already"]);
    let journal = fs::read(place.run.join("journal")).unwrap();
    for name in ["journal", "model.safetensors", "checkpoints/model.safetensors"] {
        let ran = export(&place.run, &place.run.join(name), &["--force"]).expect(USAGE);
        ran.says(&["inside the recording"]);
    }
    assert_eq!(fs::read(place.run.join("journal")).unwrap(), journal);
    let folder = place.path("folder");
    fs::create_dir(&folder).unwrap();
    export(&place.run, &folder, &["--force"]).expect(USAGE).says(&["is a folder"]);
    let ran = export(&place.run, &place.path("no/such/file"), &[]).expect(INCONCLUSIVE);
    ran.says(&["cannot write", "its folder"]);
}

/// A limit on the size of files stands for a full disk.
#[test]
fn a_full_disk_leaves_no_half_model() {
    let place = Exported::new();
    let out = place.path("out.safetensors");
    let line = format!(
        "trap '' XFSZ; ulimit -f 0; exec '{}' export '{}' --out '{}'",
        env!("CARGO_BIN_EXE_reenact"),
        place.run.display(),
        out.display()
    );
    let output = Command::new("sh").args(["-c", &line]).output().unwrap();
    Ran::from(&output).expect(INCONCLUSIVE).says(&["cannot write", "make room"]);
    let left = fs::read_dir(place.folder.path()).unwrap();
    let left: Vec<_> = left.map(|entry| entry.unwrap().file_name()).collect();
    assert!(
        !left
            .iter()
            .any(|name| name == "out.safetensors" || name.to_str().unwrap().starts_with('.'))
    );
}

#[test]
fn a_run_that_still_trains_has_the_model_of_what_it_is_committed_to() {
    let folder = tempdir().unwrap();
    let (run, out) = (folder.path().join("run"), folder.path().join("out.safetensors"));
    grow(&toy_spec(folder.path(), &[]), &run, 25);
    let told = export(&run, &out, &["--json"]).expect(MATCH).json();
    let step = told["step"].as_u64().unwrap();
    assert!(told["so_far"] == true && (10..=20).contains(&step), "{told}");
    let out_text = out.to_str().unwrap();
    let report = audit(&run, &["--so-far", "--model", out_text]).expect(MATCH).json();
    assert_eq!(report["model_file"]["step"], step);
    export(&run, &folder.path().join("x"), &["--step", "30"]).expect(USAGE);
}
