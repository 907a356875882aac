//! The operations that training uses, each by itself, to see whether it repeats.
//!
//! Forward and backward. Among them are those that add up in no fixed order on a
//! GPU: programs that come with reenact, and its loop, use none of these.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use burn::module::Param;
use burn::nn::conv::Conv2dConfig;
use burn::nn::{BatchNormConfig, EmbeddingConfig, LayerNormConfig};
use burn::optim::{AdamWConfig, Optimizer};
use burn::tensor::activation::{gelu, log_softmax};
use burn::tensor::{Device, Distribution, Int, Tensor, TensorData};
use reenact_core::format::KernelSelection;
use reenact_core::machine::{Kernels as Choice, OperationOutcome, OperationProbe};
use reenact_core::state::fingerprint;
use reenact_core::trainer::{Setting, TrainerError};

use crate::device::{self, Devices};
use crate::large;

/// Seeds the random operations.
const SEED: u64 = 2026;
/// Where the first process leaves its choices for the others.
const CHOICES: &str = "selections.json";
const READING: &str = "while it read which kernels another process chose";

pub(crate) type Results = BTreeMap<String, reenact_core::state::Fingerprint>;

/// Prepares every operation on a device. None if kernels are to be pinned on a
/// device that never chooses one.
pub(crate) fn all(
    setting: &Setting,
    choice: &Choice,
) -> Result<Option<Vec<OperationProbe>>, TrainerError> {
    let Some(bench) = Bench::open(setting, choice)? else { return Ok(None) };
    // Threads are of no concern to a device that has its own.
    let threads = bench.devices.in_memory.then(|| large::with_threads(&bench.devices));
    let bench = Rc::new(RefCell::new(bench));
    let probe = |(name, operation): (&str, Operation)| {
        let bench = bench.clone();
        OperationProbe::new(name, move || bench.borrow_mut().run(operation))
    };
    let large = if device::is_emulated(setting) { &[][..] } else { &large::OPERATIONS };
    let usual = OPERATIONS.into_iter().chain(large.iter().copied()).map(probe);
    Ok(Some(usual.chain(threads.into_iter().flatten()).collect()))
}

pub(crate) type Operation = fn(&Devices) -> Results;

const OPERATIONS: [(&str, Operation); 17] = [
    ("matmul 48x40, 40x24", matmul),
    ("conv2d 3x3, 4 to 8 channels", conv2d),
    ("batch norm", batch_norm),
    ("layer norm", layer_norm),
    ("max pool 2x2", max_pool),
    ("embedding, 256 of 16 rows", embedding),
    ("log softmax", softmax),
    ("gelu", |devices| unary(devices, gelu)),
    ("exp, log and square root", |devices| {
        unary(devices, |x| x.square().add_scalar(0.5).log().exp().sqrt())
    }),
    ("elementwise, broadcast", broadcast),
    ("dropout mask from the seeded stream", dropout),
    ("sum over a dimension", |devices| unary(devices, |x| x.sum_dim(1))),
    ("mean over a dimension", |devices| unary(devices, |x| x.mean_dim(0))),
    ("AdamW, two updates", adamw),
    ("sum of everything (not used here)", full_sum),
    ("gather, whose backward is a scatter-add (not used here)", gather),
    ("select with repeated rows, backward", select),
];

/// Holds a device with its kernels while operations are tried on it.
struct Bench {
    devices: Devices,
    #[cfg(feature = "cubecl")]
    kernels: Option<crate::kernels::Kernels>,
    known: Vec<KernelSelection>,
    choices: Option<PathBuf>,
}

impl Bench {
    fn open(setting: &Setting, choice: &Choice) -> Result<Option<Self>, TrainerError> {
        let mut setting = setting.clone();
        let choices = match choice {
            Choice::Free => None,
            Choice::Pinned { folder } => Some(folder.join(CHOICES)),
        };
        if let Some(path) = choices.as_deref().filter(|path| path.exists()) {
            setting.selections =
                read(path).map_err(|problem| TrainerError::engine(READING, problem))?.into();
        }
        let devices = device::open(&setting, setting.precision)?;
        if choices.is_some() && devices.in_memory {
            return Ok(None);
        }
        Ok(Some(Self {
            devices,
            #[cfg(feature = "cubecl")]
            kernels: device::kernels(&setting)?,
            known: Vec::new(),
            choices,
        }))
    }

    fn run(&mut self, operation: Operation) -> Result<OperationOutcome, String> {
        self.devices.training.seed(SEED);
        let results = self.devices.compute(|| operation(&self.devices));
        let selections = self.selections()?;
        let chosen = selections.iter().filter(|selection| !self.known.contains(selection));
        let selected = chosen.map(|selection| selection.kernel.clone()).collect();
        if let Some(path) = &self.choices {
            let text = serde_json::to_vec(&selections).map_err(|error| error.to_string())?;
            fs::write(path, text).map_err(|error| error.to_string())?;
        }
        self.known = selections;
        Ok(OperationOutcome { results, selected })
    }

    fn selections(&self) -> Result<Vec<KernelSelection>, String> {
        #[cfg(feature = "cubecl")]
        if let Some(kernels) = &self.kernels {
            return kernels.selections();
        }
        Ok(Vec::new())
    }
}

fn read(path: &Path) -> Result<Vec<KernelSelection>, String> {
    let bytes = fs::read(path).map_err(|error| error.to_string())?;
    serde_json::from_slice(&bytes).map_err(|error| error.to_string())
}

/// Makes numbers between -1 and 1 that have no pattern, and takes gradients.
pub(crate) fn input<const D: usize>(shape: [usize; D], devices: &Devices) -> Tensor<D> {
    let count: usize = shape.iter().product();
    let value = |i: usize| ((i * 7919 + 13) % 2003) as f32 / 1001.5 - 1.0;
    let data = TensorData::new((0..count).map(value).collect(), shape.to_vec());
    Tensor::from_data(data, &devices.training).require_grad()
}

fn indices(count: usize, rows: usize, device: &Device) -> Tensor<1, Int> {
    let values: Vec<i32> = (0..count).map(|i| ((i * 31 + i / 7) % rows) as i32).collect();
    Tensor::from_data(TensorData::new(values, vec![count]), device)
}

/// Fingerprints an output and the gradients of the inputs that led to it.
pub(crate) fn outcome<const D: usize, const E: usize>(
    output: Tensor<D>,
    inputs: &[(&str, &Tensor<E>)],
) -> Results {
    let mut results = Results::new();
    let mut show = |name: String, bytes: &[u8]| results.insert(name, fingerprint(bytes));
    show("output".into(), output.clone().into_data().as_bytes());
    // Weighed, so that every element has a gradient of its own.
    let dims = output.dims();
    let count: usize = dims.iter().product();
    let weights: Vec<f32> = (0..count).map(|i| ((i * 37) % 101) as f32 / 50.0 - 1.0).collect();
    let weights = Tensor::from_data(TensorData::new(weights, dims.to_vec()), &output.device());
    let weighed = output.mul(weights).reshape([1, count]).sum_dim(1).flatten::<1>(0, 1);
    let gradients = weighed.backward();
    for (name, input) in inputs {
        if let Some(gradient) = input.grad(&gradients) {
            show(format!("gradient of {name}"), gradient.into_data().as_bytes());
        }
    }
    results
}

fn unary(devices: &Devices, compute: fn(Tensor<2>) -> Tensor<2>) -> Results {
    let x = input([32, 48], devices);
    outcome(compute(x.clone()), &[("input", &x)])
}

fn matmul(devices: &Devices) -> Results {
    let (a, b) = (input([48, 40], devices), input([40, 24], devices));
    outcome(a.clone().matmul(b.clone()), &[("left", &a), ("right", &b)])
}

fn conv2d(devices: &Devices) -> Results {
    let x = input([4, 4, 8, 8], devices);
    let mut conv = Conv2dConfig::new([4, 8], [3, 3]).init(&devices.training);
    conv.weight = Param::from_tensor(input([8, 4, 3, 3], devices));
    let weight = conv.weight.val();
    outcome(conv.forward(x.clone()), &[("input", &x), ("weight", &weight)])
}

fn batch_norm(devices: &Devices) -> Results {
    let x = input([8, 4, 6, 6], devices);
    let norm = BatchNormConfig::new(4).init(&devices.training);
    outcome(norm.forward(x.clone()), &[("input", &x)])
}

fn layer_norm(devices: &Devices) -> Results {
    let x = input([16, 32], devices);
    let norm = LayerNormConfig::new(32).init(&devices.training);
    outcome(norm.forward(x.clone()), &[("input", &x)])
}

fn max_pool(devices: &Devices) -> Results {
    let x = input([4, 4, 8, 8], devices);
    let pool = burn::nn::pool::MaxPool2dConfig::new([2, 2]).with_strides([2, 2]).init();
    outcome(pool.forward(x.clone()), &[("input", &x)])
}

fn embedding(devices: &Devices) -> Results {
    let mut embedding = EmbeddingConfig::new(16, 24).init(&devices.training);
    embedding.weight = Param::from_tensor(input([16, 24], devices));
    let rows = indices(256, 16, &devices.training).reshape([8, 32]);
    let weight = embedding.weight.val();
    outcome(embedding.forward(rows), &[("rows", &weight)])
}

fn softmax(devices: &Devices) -> Results {
    unary(devices, |x| log_softmax(x.mul_scalar(3.0), 1))
}

fn broadcast(devices: &Devices) -> Results {
    let (a, b) = (input([32, 48], devices), input([1, 48], devices));
    let output = a.clone().mul(b.clone()).add(b.clone()).tanh();
    outcome(output, &[("full", &a), ("broadcast", &b)])
}

fn dropout(devices: &Devices) -> Results {
    let x = input([32, 48], devices);
    let kept = Tensor::<2>::random([32, 48], Distribution::Bernoulli(0.9), &devices.training);
    outcome(x.clone().mul(kept), &[("input", &x)])
}

fn adamw(devices: &Devices) -> Results {
    let optimizer = AdamWConfig::new().build();
    let mut weight = input([16, 24], devices).inner();
    let mut state = None;
    for _ in 0..2 {
        let gradient = weight.clone().mul_scalar(0.3).add_scalar(0.01);
        let (updated, next) = optimizer.step(1e-2, weight, gradient, state);
        (weight, state) = (updated, next);
    }
    let print = fingerprint(weight.into_data().as_bytes());
    [("updated weight".to_owned(), print)].into()
}

fn full_sum(devices: &Devices) -> Results {
    let x = input([256, 512], devices);
    outcome(x.clone().sum(), &[("input", &x)])
}

fn gather(devices: &Devices) -> Results {
    let x = input([16, 24], devices);
    let places = indices(16 * 96, 24, &devices.training).reshape([16, 96]);
    outcome(x.clone().gather(1, places), &[("input", &x)])
}

fn select(devices: &Devices) -> Results {
    let x = input([16, 24], devices);
    outcome(x.clone().select(0, indices(256, 16, &devices.training)), &[("input", &x)])
}
