//! A training over a file of any size, with the whole command: `large record SPEC`, `large
//! audit RUN`. A step reads its samples, verifies them and does next to nothing with them, so
//! what data cost is most of it.
//!
//! `large measure ROWS` writes ROWS x 784 numbers into a temporary folder, records, audits
//! three segments, and says what that took: the most memory of any process, and how long the
//! audit was, measured by its own replays. Linux only, as it asks `/proc`.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::Path;
use std::process::{Child, Command, ExitCode, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use reenact_core::data::{Batch, DataError, DataSet};
use reenact_core::digest::Digest;
use reenact_core::spec::Spec;
use reenact_core::trainer::{Platform, Program, Setting, Trainer, TrainerError};
use reenact_data::{Column, Columns, Npy, Outboards, VerifiedFile};
use reenact_toy::Toy;

const NAME: &str = "large-plane";
const WIDTH: usize = 784;
const ROWS: u64 = 1_000_000;
/// What the toy fits a plane through: each is the mean of a part of a row.
const FEATURES: usize = 4;
const SEGMENTS: u64 = 3;

/// Gives the toy's batches, made of rows that are read from files.
#[derive(Debug)]
struct Rows(Columns);

impl DataSet for Rows {
    fn len(&self) -> u64 {
        self.0.len()
    }

    fn batch(&self, samples: &[u32]) -> Result<Batch, DataError> {
        let mut batch = self.0.batch(samples)?;
        let rows = batch.tensors[0].bytes.as_chunks::<4>().0;
        let parts = rows.chunks(WIDTH / FEATURES);
        let mean = |part: &[[u8; 4]]| {
            part.iter().map(|value| f32::from_le_bytes(*value)).sum::<f32>() / part.len() as f32
        };
        let means = parts.flat_map(|part| mean(part).to_le_bytes()).collect();
        (batch.tensors[0].bytes, batch.tensors[0].shape) = (means, vec![samples.len(), FEATURES]);
        Ok(batch)
    }

    fn digest(&self) -> Result<Digest, DataError> {
        self.0.digest()
    }

    fn is_in_memory(&self) -> bool {
        false
    }
}

/// The toy on rows of a file.
struct Large;

impl Program for Large {
    fn name(&self) -> &str {
        NAME
    }

    fn describe(&self) -> String {
        "least squares on a file of any size".into()
    }

    fn platform(&self) -> &dyn Platform {
        Toy.platform()
    }

    fn data(&self, spec: &Spec, setting: &Setting) -> Result<Arc<dyn DataSet>, TrainerError> {
        let columns = || {
            let rows = column(spec, setting, "rows.npy", "features")?;
            Columns::new(vec![rows, column(spec, setting, "labels.npy", "labels")?])
        };
        let refuse = |problem| TrainerError::Data { name: spec.data.name.clone(), problem };
        Ok(Arc::new(Rows(columns().map_err(refuse)?)))
    }

    fn start(
        &self,
        spec: &Spec,
        data: Arc<dyn DataSet>,
        setting: &Setting,
    ) -> Result<Box<dyn Trainer>, TrainerError> {
        Toy.start(spec, data, setting)
    }
}

/// Opens a declared array, which is verified as it is read.
fn column(
    spec: &Spec,
    setting: &Setting,
    file: &str,
    name: &'static str,
) -> Result<Column, String> {
    let hash = spec.files.get(file).ok_or_else(|| format!("the spec declares no `{file}`"))?;
    let outboards = Outboards::new(Vec::new(), Some(setting.data_dir.join(".outboards")));
    let file = VerifiedFile::open(&setting.data_dir, file, *hash, &outboards);
    let open = || Npy::open(Arc::new(file?))?.column(name);
    open().map_err(|error| error.to_string())
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments.first().is_none_or(|first| first != "measure") {
        return reenact::App::new().programs(vec![Box::new(Large)]).run();
    }
    let rows = arguments.get(1).map_or(ROWS, |rows| rows.parse().expect("a number of rows"));
    measure(rows).expect("it can be measured here");
    ExitCode::SUCCESS
}

fn measure(rows: u64) -> io::Result<()> {
    let folder = tempfile::tempdir()?;
    let files = [("rows.npy", WIDTH as u64), ("labels.npy", 1)];
    let digests = files.map(|(name, width)| write(&folder.path().join(name), rows, width));
    let [rows_digest, labels_digest] = digests;
    let spec = folder.path().join("large.toml");
    fs::write(&spec, self::spec(rows, rows_digest?, labels_digest?))?;
    let run = folder.path().join("run");
    let [spec, run, place] = [&spec, &run, folder.path()].map(|path| path.to_str().unwrap_or("."));
    let recorded = taken(&["record", spec, "--out", run, "--data-dir", place, "--no-rehearsal"])?;
    println!("record      {recorded}");
    let sample = SEGMENTS.to_string();
    let audit = ["audit", run, "--data-dir", place, "--sample", &sample, "--jobs", "1", "--json"];
    let audited = taken(&audit)?;
    let report: serde_json::Value = serde_json::from_str(&audited.output)?;
    let segments = report["segments"].as_array().into_iter().flatten();
    let replayed: f64 = segments.filter_map(|segment| segment["seconds"].as_f64()).sum();
    println!("audit       {audited}");
    println!("verdict     {}", report["verdict"]);
    println!("batches     {}", report["batches"]);
    println!(
        "replays     {replayed:.2} s, the audit took {:.2} of that",
        audited.seconds / replayed
    );
    Ok(())
}

fn spec(rows: u64, features: Digest, labels: Digest) -> String {
    format!(
        r#"
format = 2
name = "large"
root_seed = 7
steps = 3000
checkpoint_every = 300
device = "cpu"
comparison = "bit-exact"
program.name = "{NAME}"
data = {{ name = "rows", samples = {rows}, files = ["rows.npy", "labels.npy"] }}
files = {{ "rows.npy" = "{features}", "labels.npy" = "{labels}" }}
batch.size = 256
optimizer = {{ kind = "sgd", momentum = 0.9, nesterov = false, weight_decay = 0.0 }}
learning_rate = {{ kind = "constant", value = 0.01 }}
sampling.kind = "all"
"#
    )
}

/// Writes an array as NumPy does, row by row, and returns its BLAKE3 hash.
fn write(path: &Path, rows: u64, width: u64) -> io::Result<Digest> {
    let shape = if width == 1 { format!("({rows},)") } else { format!("({rows}, {width})") };
    let text = format!("{{'descr': '<f4', 'fortran_order': False, 'shape': {shape}, }}");
    let text = format!("{text:<117}\n");
    let (mut file, mut hasher) = (BufWriter::new(File::create(path)?), blake3::Hasher::new());
    let mut put = |bytes: &[u8]| {
        hasher.update(bytes);
        file.write_all(bytes)
    };
    put(b"\x93NUMPY\x01\0\x76\0")?;
    put(text.as_bytes())?;
    let mut state = 1u32;
    let mut row = Vec::new();
    for _ in 0..rows {
        row.clear();
        for _ in 0..width {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            row.extend_from_slice(&((state >> 8) as f32 / (1 << 24) as f32).to_le_bytes());
        }
        put(&row)?;
    }
    file.flush()?;
    Ok(Digest(*hasher.finalize().as_bytes()))
}

/// What a command took.
struct Taken {
    output: String,
    seconds: f64,
    peak_bytes: u64,
}

impl std::fmt::Display for Taken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:.2} s, at most {} MiB a process", self.seconds, self.peak_bytes >> 20)
    }
}

/// Runs this program with `arguments` and watches it and its children.
fn taken(arguments: &[&str]) -> io::Result<Taken> {
    let begun = Instant::now();
    let mut command = Command::new(std::env::current_exe()?);
    command.args(arguments).env("HOME", "/nonexistent").stdout(Stdio::piped());
    let mut child = command.spawn()?;
    let output = child.stdout.take().expect("it is piped");
    let reader = std::thread::spawn(|| io::read_to_string(output));
    let peak_bytes = watch(&mut child)?;
    let seconds = begun.elapsed().as_secs_f64();
    let output = reader.join().expect("it does not panic")?;
    Ok(Taken { output, seconds, peak_bytes })
}

/// Waits, and returns the most memory of any of the processes. The system's own figure never
/// goes down, so that looking now and then is enough.
fn watch(child: &mut Child) -> io::Result<u64> {
    let mut peak = 0;
    while child.try_wait()?.is_none() {
        peak = peak.max(peak_of(child.id()));
        std::thread::sleep(Duration::from_millis(5));
    }
    Ok(peak)
}

fn peak_of(process: u32) -> u64 {
    let read =
        |name: &str| fs::read_to_string(format!("/proc/{process}/{name}")).unwrap_or_default();
    let status = read("status");
    let own =
        status.lines().find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB"));
    let own = own.and_then(|kilobytes| kilobytes.parse::<u64>().ok()).unwrap_or(0) << 10;
    let tasks = fs::read_dir(format!("/proc/{process}/task")).into_iter().flatten().flatten();
    let children = tasks.map(|task| task.path().join("children"));
    let children = children.map(|path| fs::read_to_string(path).unwrap_or_default());
    let each = children.collect::<String>();
    let each = each.split_whitespace().filter_map(|child| child.parse().ok());
    each.map(peak_of).fold(own, u64::max)
}
