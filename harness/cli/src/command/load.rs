//! Opening what a command is given: spec, program, data set, device.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;
use reenact_core::attack::InRunAttack;
use reenact_core::data::DataSet;
use reenact_core::format::{KernelSelection, ReadRun};
use reenact_core::spec::{DeviceClass, SPEC_BYTES_MAX, Spec};
use reenact_core::trainer::{Engine, Program, Setting};
use reenact_core::verify::{AllowedSigners, Examination, examine};

use crate::app::App;
use crate::failure::Failure;
use crate::progress;

/// The device that is taken unless the user names one.
pub(crate) const DEVICE: &str = "cpu";

/// Threads that a recording is made with unless the user says otherwise: as many as
/// a replay has.
pub(crate) const RECORDING_THREADS: usize = 1;

/// Says where to compute.
#[derive(Args, Clone, Debug)]
pub(crate) struct Device {
    /// Device to compute on: `cpu`, `cuda:0`, ... [default: of the spec's class]
    #[arg(long, value_name = "NAME")]
    pub(crate) device: Option<String>,
    /// Folder with the files of data sets that do not come with the program
    #[arg(long, default_value = ".", value_name = "DIR")]
    pub(crate) data_dir: PathBuf,
}

impl Device {
    pub(crate) fn setting(
        &self,
        spec: &Spec,
        threads: usize,
        attack: Option<InRunAttack>,
    ) -> Setting {
        let named = self.device.as_deref().unwrap_or(spec.device.first_device());
        let data_dir = self.data_dir.clone();
        Setting { data_dir, attack, ..Setting::new(named, threads) }
    }

    /// Says where to compute where there is no spec.
    pub(crate) fn bare_setting(&self, threads: usize) -> Setting {
        let named = self.device.as_deref().unwrap_or(DEVICE);
        Setting { data_dir: self.data_dir.clone(), ..Setting::new(named, threads) }
    }

    /// Declares the device that the user names, instead of the spec's.
    pub(crate) fn declare(&self, mut spec: Spec) -> Spec {
        let named = self.device.as_deref().and_then(DeviceClass::of_device);
        spec.device = named.unwrap_or(spec.device);
        spec
    }
}

/// Reads a spec from a file, or by the name of one that comes with the binary.
pub(crate) fn spec(app: &App, name: &str) -> Result<Spec, Failure> {
    let path = Path::new(name);
    let text = match app.embedded_spec(name).filter(|_| !path.exists()) {
        Some(text) => text.to_owned(),
        None => spec_text(app, path)?,
    };
    let refuse = |error| Failure::from(error).context(format!("spec {name}"));
    let spec = Spec::parse(&text).map_err(refuse)?;
    spec.stored().map_err(refuse)?;
    Ok(spec)
}

fn spec_text(app: &App, path: &Path) -> Result<String, Failure> {
    let refuse = |problem: String| {
        let names = app.spec_names();
        let failure = Failure::usage(format!("spec {}: {problem}", path.display()));
        if names.is_empty() {
            return failure;
        }
        failure.hint(format!("give a TOML file, or one of {}", names.join(", ")))
    };
    let limit = SPEC_BYTES_MAX as u64;
    let mut bytes = Vec::new();
    // It may be a pipe, of which nobody knows the length, or a device without an end.
    let read = File::open(path).and_then(|file| file.take(limit + 1).read_to_end(&mut bytes));
    read.map_err(|error| refuse(error.to_string()))?;
    if bytes.len() as u64 > limit {
        return Err(refuse(format!("it has more than {limit} bytes, which no spec has")));
    }
    String::from_utf8(bytes).map_err(|_| refuse("it is no UTF-8 text".into()))
}

/// Describes the engine, which has to be of the class that the spec declares.
pub(crate) fn engine(
    program: &dyn Program,
    spec: &Spec,
    setting: &Setting,
) -> Result<Engine, Failure> {
    let engine = program.engine(setting)?;
    let class = engine.class.get(Engine::DEVICE).map_or("", String::as_str);
    let declared = spec.device.name();
    if class == declared {
        return Ok(engine);
    }
    let message = format!("the spec declares `device = \"{declared}\"`; this is `{class}`");
    Err(Failure::usage(message).hint("give a --device of that class, or change the spec"))
}

/// Opens the data set of a spec and checks that it is the declared one.
pub(crate) fn data(
    program: &dyn Program,
    spec: &Spec,
    setting: &Setting,
) -> Result<Arc<dyn DataSet>, Failure> {
    let data = program.data(spec, setting)?;
    if data.len() != spec.data.samples {
        let message = format!(
            "data set `{}` has {} training samples; the spec declares {}",
            spec.data.name,
            data.len(),
            spec.data.samples
        );
        return Err(Failure::usage(message).hint("correct `samples` under [data] in the spec"));
    }
    let digest = data.digest();
    if digest == spec.data.digest {
        return Ok(data);
    }
    let message = format!(
        "data set `{}`: its digest is {digest}; the spec declares {}",
        spec.data.name, spec.data.digest
    );
    Err(Failure::usage(message)
        .hint("another version of the data, or a wrong `digest` under [data] in the spec"))
}

/// Returns how many threads the machine runs at once.
pub(crate) fn available_threads() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// Reads kernel selections that a process of ours has left.
pub(crate) fn selections(path: &Path) -> Result<Vec<KernelSelection>, Failure> {
    let bytes = std::fs::read(path).map_err(Failure::inconclusive)?;
    serde_json::from_slice(&bytes).map_err(Failure::inconclusive)
}

/// Leaves kernel selections to a process of ours.
pub(crate) fn keep_selections(path: &Path, chosen: &[KernelSelection]) -> Result<(), Failure> {
    let bytes = serde_json::to_vec(chosen).map_err(Failure::inconclusive)?;
    std::fs::write(path, bytes).map_err(Failure::inconclusive)
}

/// Examines a recording under a progress bar, and weighs who vouches for it.
pub(crate) fn examined<'a>(
    run: &'a dyn ReadRun,
    signers: Option<&AllowedSigners>,
    quiet: bool,
) -> Examination<'a> {
    let bar = progress::bar("examining", "checkpoints", 0, quiet);
    let mut examination = examine(run, &mut |done, total| {
        bar.set_length(total);
        bar.set_position(done);
    });
    bar.finish_and_clear();
    if let Some(signers) = signers {
        examination.trust(signers);
    }
    examination
}
