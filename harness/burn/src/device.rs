//! Devices, by the names that a user gives.
//!
//! `cpu` is burn's own CPU backend. With the features of those names there are
//! `cuda:N`, an NVIDIA GPU, and `cubecl-cpu`, the kernels of GPU backends on the
//! processor. `/unfused` after these makes every operation a kernel of its own.

use std::collections::BTreeMap;
#[cfg(feature = "cubecl")]
use std::sync::Arc;

use burn::tensor::{Device, FloatDType};
use rayon::ThreadPool;
#[cfg(feature = "cubecl")]
use reenact_core::guard::guard;
use reenact_core::spec::Precision;
use reenact_core::trainer::{Engine, Setting, TrainerError};

#[cfg(feature = "cuda")]
use crate::driver;
#[cfg(feature = "cubecl")]
use crate::failure;
#[cfg(feature = "cubecl")]
use crate::kernels::{self, Fusion, Kernels};
use crate::{processor, thread};

/// The version that is pinned in the workspace. Another burn is another
/// arithmetic.
const BURN: &str = "burn 0.22.1";

/// Holds one device in both its forms.
#[derive(Clone, Debug)]
pub(crate) struct Devices {
    /// Records what is computed, for gradients.
    pub(crate) training: Device,
    /// Only computes.
    pub(crate) plain: Device,
    /// Whether tensors lie where the processor can look at them at once.
    pub(crate) in_memory: bool,
    /// The name that a user gives.
    #[cfg(feature = "cubecl")]
    name: Arc<str>,
    /// The one thread to compute with; none where a device has threads of its own.
    pool: Option<&'static ThreadPool>,
}

impl Devices {
    /// Computes something on the thread that all trainings compute with.
    pub(crate) fn compute<R: Send>(&self, work: impl FnOnce() -> R + Send) -> R {
        match self.pool {
            Some(pool) => pool.install(work),
            None => work(),
        }
    }

    /// Computes like that what belongs to a training; `during` is when. A library that
    /// is loaded on the way can change how the thread rounds, and what came out is then
    /// refused.
    pub(crate) fn train<R: Send>(
        &self,
        during: &str,
        work: impl FnOnce() -> Result<R, TrainerError> + Send,
    ) -> Result<R, TrainerError> {
        let changed = |problem| TrainerError::Program { during: during.into(), problem };
        // The caller's thread prepares batches.
        processor::check_again().map_err(changed)?;
        let here = || {
            let result = work()?;
            processor::check_again().map_err(changed)?;
            Ok(result)
        };
        #[cfg(feature = "cubecl")]
        if !self.in_memory {
            return self.survive(during, here);
        }
        self.compute(here)
    }

    /// Computes on a device that may fail meanwhile, which is no mistake of anybody.
    #[cfg(feature = "cubecl")]
    fn survive<R>(
        &self,
        during: &str,
        work: impl FnOnce() -> Result<R, TrainerError>,
    ) -> Result<R, TrainerError> {
        let device = |problem: String| TrainerError::Device {
            name: self.name.to_string(),
            problem: format!("{during}, {problem}"),
        };
        match guard(work) {
            Ok(Err(TrainerError::Program { during, problem })) => {
                let failure = failure::of_device(&problem).map(device);
                Err(failure.unwrap_or(TrainerError::Program { during, problem }))
            }
            Ok(result) => result,
            Err(said) => match failure::of_device(&said) {
                Some(problem) => Err(device(problem)),
                None => panic!("{said}"),
            },
        }
    }
}

/// Collects facts by name.
pub(crate) type Facts = BTreeMap<String, String>;

/// Names a device of this build.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Named {
    Cpu,
    #[cfg(feature = "cubecl-cpu")]
    CubeclCpu(Fusion),
    #[cfg(feature = "cuda")]
    Cuda(usize, Fusion),
}

impl Named {
    fn of(setting: &Setting) -> Result<Self, TrainerError> {
        Self::parse(&setting.device).ok_or_else(|| unknown(setting))
    }

    #[cfg(not(feature = "cubecl"))]
    fn parse(name: &str) -> Option<Self> {
        (name == "cpu").then_some(Self::Cpu)
    }

    #[cfg(feature = "cubecl")]
    fn parse(name: &str) -> Option<Self> {
        let (device, fusion) = match name.strip_suffix("/unfused") {
            Some(device) => (device, Fusion::Off),
            None => (name, Fusion::On),
        };
        match device {
            "cpu" if fusion == Fusion::On => Some(Self::Cpu),
            #[cfg(feature = "cubecl-cpu")]
            "cubecl-cpu" => Some(Self::CubeclCpu(fusion)),
            #[cfg(feature = "cuda")]
            _ => {
                let index = device.strip_prefix("cuda:")?;
                let written = index.parse().ok().filter(|parsed: &u8| parsed.to_string() == index);
                Some(Self::Cuda(written?.into(), fusion))
            }
            #[cfg(not(feature = "cuda"))]
            _ => None,
        }
    }

    #[cfg(feature = "cubecl")]
    fn fusion(self) -> Option<Fusion> {
        match self {
            Self::Cpu => None,
            #[cfg(feature = "cubecl-cpu")]
            Self::CubeclCpu(fusion) => Some(fusion),
            #[cfg(feature = "cuda")]
            Self::Cuda(_, fusion) => Some(fusion),
        }
    }

    /// Numbers the devices of one kind in a machine.
    #[cfg(feature = "cubecl")]
    fn index(self) -> usize {
        match self {
            #[cfg(feature = "cuda")]
            Self::Cuda(index, _) => index,
            _ => 0,
        }
    }

    /// Opens the device. Nothing may use one before this.
    fn open(self) -> Result<Device, String> {
        #[cfg(feature = "cubecl")]
        if let Some(fusion) = self.fusion() {
            kernels::enforce(fusion)?;
            failure::watch();
        }
        Ok(match self {
            Self::Cpu => Device::flex(),
            #[cfg(feature = "cubecl-cpu")]
            Self::CubeclCpu(_) => Device::cpu(),
            #[cfg(feature = "cuda")]
            Self::Cuda(index, _) => {
                driver::check(index)?;
                Device::cuda(index)
            }
        })
    }

    /// Names the class of devices, as a spec does.
    fn class(self) -> &'static str {
        match self {
            Self::Cpu => "cpu",
            #[cfg(feature = "cubecl-cpu")]
            Self::CubeclCpu(_) => "cubecl-cpu",
            #[cfg(feature = "cuda")]
            Self::Cuda(..) => "cuda",
        }
    }

    /// Returns what decides the bits on this device.
    fn facts(self) -> Result<Facts, String> {
        match self {
            Self::Cpu => {
                let mut facts = processor::class()?;
                facts.insert("backend".into(), "flex".into());
                Ok(facts)
            }
            #[cfg(feature = "cubecl-cpu")]
            Self::CubeclCpu(fusion) => {
                let mut facts = compiled(&self.open()?, fusion);
                facts.extend(processor::class()?);
                let threads = std::thread::available_parallelism().map_or(1, usize::from);
                facts.insert("processors".into(), threads.to_string());
                Ok(facts)
            }
            #[cfg(feature = "cuda")]
            Self::Cuda(_, fusion) => {
                let mut facts = compiled(&self.open()?, fusion);
                facts.extend(driver::facts()?);
                Ok(facts)
            }
        }
    }
}

/// Opens the device, whose own type this is, and starts the thread that computes on the
/// processor.
pub(crate) fn open(setting: &Setting, precision: Precision) -> Result<Devices, TrainerError> {
    let named = Named::of(setting)?;
    processor::check().map_err(|problem| unusable(setting, problem))?;
    settle_processor(setting, precision)?;
    let plain = named.open().and_then(|device| settle(device, precision));
    let plain = plain.map_err(|problem| unusable(setting, problem))?;
    let in_memory = named == Named::Cpu;
    let pool = in_memory.then(thread::one).transpose();
    let pool = pool.map_err(|problem| unusable(setting, problem))?;
    let devices = Devices {
        training: plain.clone().autodiff(),
        plain,
        in_memory,
        #[cfg(feature = "cubecl")]
        name: setting.device.as_str().into(),
        pool,
    };
    // The thread took over how the one that started it rounded, maybe long ago.
    let checked = devices.compute(processor::check);
    checked.map_err(|problem| unusable(setting, problem))?;
    Ok(devices)
}

/// Makes `precision` the processor's own type, before anything makes a tensor there.
pub(crate) fn settle_processor(
    setting: &Setting,
    precision: Precision,
) -> Result<(), TrainerError> {
    let settled = settle(Device::flex(), precision).map(drop);
    settled.map_err(|problem| unusable(setting, problem))
}

/// Makes `precision` the type of real numbers whose code names none. burn has one for each
/// device, and it stays what it is from the first tensor of the process on.
fn settle(mut device: Device, precision: Precision) -> Result<Device, String> {
    let wanted = match precision {
        Precision::F32 => FloatDType::F32,
        Precision::Bf16 => FloatDType::BF16,
        Precision::F16 => FloatDType::F16,
    };
    let (name, found) = (precision.name(), device.settings().float_dtype);
    if found == wanted {
        return Ok(device);
    }
    if !device.supports_dtype(wanted) {
        return Err(format!("it does not compute in {name}, which `program.precision` says"));
    }
    let settled = device.configure(wanted).map(|()| device);
    settled.map_err(|_| {
        format!(
            "`program.precision` is {name}, and this process computes in {found:?} already, which \
             stays so: give each precision a command of its own"
        )
    })
}

/// Says whether the kernels of GPUs run on the processor, where what is large takes minutes.
pub(crate) fn is_emulated(setting: &Setting) -> bool {
    Named::parse(&setting.device).is_some_and(|named| named.class() == "cubecl-cpu")
}

/// Takes over the kernel selections of a training; none where a device has none.
#[cfg(feature = "cubecl")]
pub(crate) fn kernels(setting: &Setting) -> Result<Option<Kernels>, TrainerError> {
    let named = Named::of(setting)?;
    let Some(fusion) = named.fusion() else { return Ok(None) };
    let started = Kernels::start(fusion, named.index(), &setting.selections);
    started.map(Some).map_err(|problem| unusable(setting, problem))
}

/// Says what computes.
pub(crate) fn engine(setting: &Setting) -> Result<Engine, TrainerError> {
    let named = Named::of(setting)?;
    processor::check().map_err(|problem| unusable(setting, problem))?;
    if setting.precision != Precision::F32 {
        // What is measured below has a type of its own. A training of this precision, which comes
        // after it, cannot do without.
        let _ = settle_processor(setting, setting.precision);
    }
    let mut class = named.facts().map_err(|problem| unusable(setting, problem))?;
    let mut notes = processor::notes();
    class.insert(Engine::DEVICE.into(), named.class().into());
    class.insert("engine".into(), BURN.into());
    let threads = if named == Named::Cpu { 1 } else { setting.threads.max(1) };
    notes.insert("threads".into(), threads.to_string());
    #[cfg(feature = "cuda")]
    if let Some(serial) = driver::serial().filter(|_| named.class() == "cuda") {
        notes.insert(Engine::SERIAL.into(), serial);
    }
    Ok(Engine { class, notes })
}

/// Names the devices that this build knows, also those that cannot be used here.
pub(crate) fn known() -> Vec<String> {
    #[allow(unused_mut, reason = "a build without features has one device")]
    let mut names = vec!["cpu".to_owned()];
    #[cfg(feature = "cubecl-cpu")]
    names.push("cubecl-cpu".into());
    #[cfg(feature = "cuda")]
    names.extend((0..driver::count().unwrap_or(1).max(1)).map(|index| format!("cuda:{index}")));
    names
}

/// Returns what decides the bits of kernels that are compiled when they are used.
#[cfg(feature = "cubecl")]
fn compiled(device: &Device, fusion: Fusion) -> Facts {
    let mut facts = kernels::facts(fusion);
    facts.insert("backend".into(), "cubecl".into());
    if let Some(identity) = device.identity() {
        facts.insert("part".into(), identity.name);
        facts.insert("compiled-for".into(), identity.fingerprint);
    }
    facts
}

/// Lists the devices of this build.
fn names() -> Vec<&'static str> {
    vec![
        "cpu",
        #[cfg(feature = "cubecl-cpu")]
        "cubecl-cpu",
        #[cfg(feature = "cuda")]
        "cuda:N",
    ]
}

fn unknown(setting: &Setting) -> TrainerError {
    let known = names().join(", ");
    let problem = match !cfg!(feature = "cuda") && setting.device.starts_with("cuda") {
        true => format!(
            "this build has no CUDA, and computes on {known}; scripts/cuda-build builds one that has"
        ),
        false => format!("this build computes on {known}"),
    };
    unusable(setting, problem)
}

fn unusable(setting: &Setting, problem: String) -> TrainerError {
    TrainerError::Device { name: setting.device.chars().take(40).collect(), problem }
}
