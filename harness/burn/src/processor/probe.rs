//! What comes out of what trainings are made of: mathematical functions, small matrix
//! products, and reductions, through burn as a training calls them.
//!
//! The inputs are fixed, and every bit of every result counts. It takes some
//! milliseconds.

use burn::module::{Module, ModuleMapper, Param};
use burn::nn::LayerNormConfig;
use burn::tensor::activation::{gelu, log_softmax, sigmoid, softmax, softplus};
use burn::tensor::module::{attention, avg_pool2d, conv2d};
use burn::tensor::ops::{AttentionModuleOptions, AvgPoolOptions, ConvOptions};
use burn::tensor::{DType, Device, Tensor, TensorData};
use reenact_core::state::{Fingerprint, fingerprint};

/// Holds results by the names of what was computed.
pub(super) type Prints = Vec<(&'static str, Fingerprint)>;

/// Numbers that each function is tried on.
const COUNT: usize = 6144;

/// Measures everything, on this thread.
pub(super) fn measure() -> [(&'static str, Fingerprint); 3] {
    [
        ("functions", digest(&functions())),
        ("products", digest(&products())),
        ("reductions", digest(&reductions())),
    ]
}

pub(super) fn digest(prints: &Prints) -> Fingerprint {
    let bytes: Vec<u8> = prints.iter().flat_map(|(_, print)| print.0.to_le_bytes()).collect();
    fingerprint(&bytes)
}

/// Computes each function that burn's backend takes from the platform's library.
pub(super) fn functions() -> Prints {
    let mut prints: Prints =
        UNARY.iter().map(|&(name, of)| (name, print(of(arguments())))).collect();
    let (x, y) = (arguments(), arguments().flip([0]));
    prints.push(("powf", print(x.clone().abs().powf(y.clone()))));
    prints.push(("atan2", print(x.atan2(y))));
    prints.push(("double", doubles()));
    prints
}

type Unary = fn(Tensor<1>) -> Tensor<1>;

const UNARY: [(&str, Unary); 25] = [
    ("exp", Tensor::exp),
    ("log", Tensor::log),
    ("log1p", Tensor::log1p),
    ("sqrt", Tensor::sqrt),
    ("recip", Tensor::recip),
    ("sin", Tensor::sin),
    ("cos", Tensor::cos),
    ("tan", Tensor::tan),
    ("sinh", Tensor::sinh),
    ("cosh", Tensor::cosh),
    ("tanh", Tensor::tanh),
    ("asin", Tensor::asin),
    ("acos", Tensor::acos),
    ("atan", Tensor::atan),
    ("asinh", Tensor::asinh),
    ("acosh", Tensor::acosh),
    ("atanh", Tensor::atanh),
    ("erf", Tensor::erf),
    ("sigmoid", sigmoid),
    ("gelu", gelu),
    ("softplus", |x| softplus(x, 1.0)),
    ("powf 0.37", |x| x.powf_scalar(0.37)),
    ("powf 2.5", |x| x.powf_scalar(2.5)),
    ("powi 3", |x| x.powi_scalar(3)),
    ("powi -2", |x| x.powi_scalar(-2)),
];

/// Computes what optimizers and losses take from the library on plain numbers: Adam
/// raises its decay rates to the number of the step.
fn doubles() -> Fingerprint {
    let mut bytes = Vec::new();
    for step in 1..=2048i32 {
        // Opaque, so that the compiler computes nothing by its own library.
        let x = std::hint::black_box(f64::from(step) / 128.0);
        let step = std::hint::black_box(step);
        for value in [x.exp(), (-x).exp(), x.ln(), x.tanh(), x.sin(), x.cos(), x.powf(0.37)] {
            bytes.extend_from_slice(&value.to_le_bytes());
        }
        bytes.extend_from_slice(&0.999f64.powi(step).to_le_bytes());
        for value in [0.9f32.powi(step), (x as f32).exp_m1(), (x as f32).ln_1p()] {
            bytes.extend_from_slice(&value.to_le_bytes());
        }
    }
    fingerprint(&bytes)
}

/// Computes products of every kind that gemm has kernels for: dot products of rows, by
/// a vector, of two terms, in tiles, and of more terms than one block holds.
pub(super) fn products() -> Prints {
    // Rows, columns, terms; whether the right one lies transposed.
    let shapes = [
        ("dot 16x16, 700", 16, 16, 700, true),
        ("dot 3x5, 33", 3, 5, 33, true),
        ("dot 1x1, 1000", 1, 1, 1000, true),
        ("vector by matrix, 300", 1, 64, 300, false),
        ("vector by transposed matrix, 300", 1, 640, 301, true),
        ("matrix by vector, 300", 640, 1, 300, true),
        ("outer, 2", 70, 9, 2, false),
        ("tiles 33x47, 65", 33, 47, 65, false),
        ("tiles 12x12, 600", 12, 12, 600, false),
        ("blocks 70x66, 1500", 70, 66, 1500, false),
    ];
    let product = |(name, m, n, k, transposed)| {
        let left = numbers([m, k]);
        let right = if transposed { numbers([n, k]).transpose() } else { numbers([k, n]) };
        (name, print(left.matmul(right)))
    };
    let mut prints: Prints = shapes.map(product).into();
    let (left, right) = (numbers([16, 130]).cast(DType::F64), numbers([16, 130]).cast(DType::F64));
    prints.push(("dot 16x16, 130, double", print(left.matmul(right.transpose()))));
    let weight = numbers([5, 3, 3, 3]);
    let options = ConvOptions::new([1, 1], [1, 1], [1, 1], 1);
    prints.push(("convolution 3x3", print(conv2d(numbers([2, 3, 11, 9]), weight, None, options))));
    prints
}

/// Computes sums and what is made of them.
pub(super) fn reductions() -> Prints {
    let x = || numbers([37, 131]);
    let head = || numbers([2, 2, 19, 24]);
    let (pool, usual) = (AvgPoolOptions::new([3, 3]), AttentionModuleOptions::default());
    // Whatever type a training of this process has chosen.
    let layer_norm = LayerNormConfig::new(131).init(&Device::flex()).map(&mut Single);
    vec![
        ("sum of everything", print(numbers([10_007]).sum())),
        ("mean of everything", print(x().mean())),
        ("sum of columns", print(x().sum_dim(0))),
        ("sum of rows", print(x().sum_dim(1))),
        ("mean of rows", print(x().mean_dim(1))),
        ("sum in the middle", print(numbers([5, 19, 23]).sum_dim(1))),
        ("variance of rows", print(x().var(1))),
        ("product of rows", print(x().mul_scalar(1.7).prod_dim(1))),
        ("largest of rows", print(x().max_dim(1))),
        ("running sum", print(x().cumsum(1))),
        ("softmax", print(softmax(x().mul_scalar(9.0), 1))),
        ("log softmax", print(log_softmax(x().mul_scalar(9.0), 1))),
        ("layer norm", print(layer_norm.forward(x()))),
        ("attention", print(attention(head(), head(), head(), None, None, usual))),
        ("average pool", print(avg_pool2d(numbers([2, 3, 11, 9]), pool))),
        ("elementwise", print((x() * x().exp() + x() / (x() + 3.0) - x().square()).abs())),
    ]
}

struct Single;

impl ModuleMapper for Single {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        param.map(|tensor| tensor.cast(DType::F32))
    }
}

/// Returns arguments for functions: near zero, usual ones, and of every magnitude.
fn arguments() -> Tensor<1> {
    let number = |i: usize| match i % 3 {
        0 => ((i * 7919 + 13) % 6151) as f32 / 3075.5 - 1.0,
        1 => ((i * 7919 + 13) % 6151) as f32 / 192.0 - 16.0,
        _ => every_magnitude(i as u32),
    };
    let data = TensorData::new((0..COUNT).map(number).collect(), [COUNT]);
    Tensor::from_data(data, (&Device::flex(), DType::F32))
}

/// Returns a finite number with hardly a pattern in its bits.
fn every_magnitude(i: u32) -> f32 {
    let bits = i.wrapping_mul(0x9e37_79b1) ^ (i << 7);
    let number = f32::from_bits(bits);
    if number.is_finite() { number } else { f32::from_bits(bits & 0xbfff_ffff) }
}

/// Makes numbers between -1 and 1 that have no pattern.
fn numbers<const D: usize>(shape: [usize; D]) -> Tensor<D> {
    let count: usize = shape.iter().product();
    let number = |i: usize| ((i * 7919 + 13) % 2003) as f32 / 1001.5 - 1.0;
    let data = TensorData::new((0..count).map(number).collect(), shape.to_vec());
    Tensor::from_data(data, (&Device::flex(), DType::F32))
}

/// Fingerprints a result. All that are no number are one: which bits a library gives
/// those decides no training.
fn print<const D: usize>(result: Tensor<D>) -> Fingerprint {
    let data = result.into_data();
    let bytes: Vec<u8> = match data.dtype() {
        DType::F64 => data.as_bytes().to_vec(),
        _ => {
            let one = |x: f32| if x.is_nan() { f32::NAN } else { x };
            data.iter::<f32>().flat_map(|x| one(x).to_le_bytes()).collect()
        }
    };
    fingerprint(&bytes)
}
