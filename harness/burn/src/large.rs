//! Operations of a size beyond every one at which burn's CPU backend takes threads
//! (192^3 products, 2^18 elements, 2^20 copied, 2^22 summed).
//!
//! Trainings compute with one thread, so each is tried with one; and with several, to
//! show what that is for.

use burn::tensor::activation::log_softmax;
use burn::tensor::{Tensor, TensorData};
use reenact_core::machine::{OperationOutcome, OperationProbe};
use reenact_core::state::fingerprint;

use crate::device::Devices;
use crate::operations::{Operation, Results, input, outcome};
use crate::thread;

/// Lists the operations, each with its size.
pub(crate) const OPERATIONS: [(&str, Operation); 6] = [
    ("matmul 256x256, 256x256", matmul),
    ("conv2d 3x3, 8 to 16 channels, 64x64", conv2d),
    ("log softmax of 524,288 numbers", softmax),
    ("transposed copy of 1,179,648 numbers", transposed),
    ("sum over a dimension of 4,718,592 numbers", sum_dim),
    (MEAN, mean),
];
const MEAN: &str = "mean of 4,718,592 squares";

/// Prepares the same operations with two to four threads, by turns.
pub(crate) fn with_threads(devices: &Devices) -> Vec<OperationProbe> {
    let probe = |(name, operation): (&str, Operation)| {
        let (devices, mut turn) = (devices.clone(), 0);
        OperationProbe::new(&format!("{name}, with 2 to 4 threads (not used here)"), move || {
            turn += 1;
            let pool = thread::of(2 + turn % 3)?;
            let results = pool.install(|| operation(&devices));
            Ok(OperationOutcome { results, selected: Vec::new() })
        })
    };
    OPERATIONS.into_iter().map(probe).collect()
}

fn matmul(devices: &Devices) -> Results {
    let (a, b) = (input([256, 256], devices), input([256, 256], devices));
    outcome(a.clone().matmul(b.clone()), &[("left", &a), ("right", &b)])
}

fn conv2d(devices: &Devices) -> Results {
    use burn::tensor::module::conv2d;
    use burn::tensor::ops::ConvOptions;
    let (x, weight) = (input([4, 8, 64, 64], devices), input([16, 8, 3, 3], devices));
    let options = ConvOptions::new([1, 1], [1, 1], [1, 1], 1);
    outcome(conv2d(x.clone(), weight.clone(), None, options), &[("input", &x), ("weight", &weight)])
}

fn softmax(devices: &Devices) -> Results {
    let x = input([512, 1024], devices);
    outcome(log_softmax(x.clone(), 1), &[("input", &x)])
}

fn transposed(devices: &Devices) -> Results {
    let x: Tensor<2> = input([1024, 1152], devices);
    // The product makes a copy of what is only seen otherwise.
    outcome(x.clone().transpose().mul_scalar(0.5), &[("input", &x)])
}

fn sum_dim(devices: &Devices) -> Results {
    let x = input([2304, 2048], devices);
    outcome(x.clone().sum_dim(0), &[("input", &x)])
}

/// Takes it of several scales: two orders of addition may round to one result.
fn mean(devices: &Devices) -> Results {
    const SHAPE: [usize; 2] = [2304, 2048];
    let scrambled = |i: u32| (i.wrapping_mul(2_654_435_761) ^ (i >> 9).wrapping_mul(40_503)) >> 8;
    let values = (0..(SHAPE[0] * SHAPE[1]) as u32).map(|i| scrambled(i) as f32 / 65_536.0);
    let data = TensorData::new(values.collect::<Vec<f32>>(), SHAPE.to_vec());
    let x = Tensor::<2>::from_data(data, &devices.plain);
    let print = |scale: u8| {
        let mean = x.clone().mul_scalar(f32::from(scale) / 10.0).square().mean();
        (format!("of {scale}"), fingerprint(mean.into_data().as_bytes()))
    };
    (1..=9).step_by(2).map(print).collect()
}

#[cfg(test)]
mod tests {
    use reenact_core::machine::{Kernels, OperationRuns, Steadiness, judge_operations};
    use reenact_core::trainer::Setting;

    #[test]
    fn what_depends_on_threads_is_seen_and_one_thread_does_not() {
        let probes = crate::operations::all(&Setting::new("cpu", 4), &Kernels::Free);
        let probes = probes.unwrap().unwrap().into_iter();
        let probes = probes.filter(|probe| probe.name.starts_with(super::MEAN));
        let runs: Vec<_> = probes.map(|probe| OperationRuns::of(probe, 6)).collect();
        let judged = judge_operations(&[runs], None);
        let found: Vec<_> = judged.iter().map(|found| found.steadiness).collect();
        assert_eq!(found, [Steadiness::Deterministic, Steadiness::Unsafe], "{judged:?}");
    }
}
