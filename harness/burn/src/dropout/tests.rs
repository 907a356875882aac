//! What masks are, and that they are the same everywhere.

use burn::module::Module;
use burn::nn;
use burn::tensor::{DType, Device, Tensor};

use super::*;
use crate::stream::{Masks, hold_seeded};

const SEED: u64 = 0x0123_4567_89ab_cdef;

/// The first masks of the seed for the chance of a quarter, by a program of another language
/// that was written from `replay-specs/README.md` alone: 1 where an element stays.
const STAYS: [&str; 2] = [
    "1101111111101101111111111101111111101100111111110111111001110110",
    "1110111011111101110101110111111100111001111110111111010111111111",
];

fn numbers<const D: usize>(shape: [usize; D], device: &Device) -> Tensor<D> {
    let len = shape.iter().product::<usize>();
    let numbers: Vec<f32> = (0..len).map(|at| 1.0 + (at * 37 % 101) as f32 / 8.0).collect();
    Tensor::from_data(TensorData::new(numbers, shape), device)
}

fn values<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    tensor.into_data().try_into_vec().unwrap()
}

fn training() -> Device {
    Device::flex().autodiff()
}

#[test]
fn masks_are_those_of_the_specification() {
    let device = training();
    let dropout = DropoutConfig::new(0.25).init();
    let turn = hold_seeded(&device, SEED, Masks::Counter);
    for stays in STAYS {
        let output = values(dropout.forward(Tensor::<3>::ones([2, 4, 8], &device)));
        let of = |stays| if stays == '1' { (1.0f64 / 0.75) as f32 } else { 0.0 };
        assert_eq!(output, stays.chars().map(of).collect::<Vec<f32>>());
    }
    drop(turn);
}

#[test]
fn a_step_that_is_taken_again_has_its_masks_again() {
    let device = training();
    let dropout = DropoutConfig::new(0.5).init();
    let masks = |seed| {
        let _turn = hold_seeded(&device, seed, Masks::Counter);
        let mask = || values(dropout.forward(Tensor::<2>::ones([40, 10], &device)));
        (mask(), mask())
    };
    let first = masks(1);
    assert_ne!(first.0, first.1);
    assert_eq!(first, masks(1));
    assert_ne!(first, masks(2));
}

#[test]
fn output_and_gradient_are_multiplied_by_the_mask() {
    let device = training();
    let dropout = DropoutConfig::new(0.25).init();
    let input = numbers([5, 7, 3], &device).require_grad();
    // A layout that is not that of the memory.
    let turned = input.clone().swap_dims(0, 2);
    let (output, mask) = {
        let _turn = hold_seeded(&device, SEED, Masks::Counter);
        let output = dropout.forward(turned.clone());
        (output, mask(&turned, Draw { seed: SEED, call: 0 }, Kept::of(0.25)))
    };
    assert_eq!(values(output.clone()), values(turned * mask.clone().autodiff()));
    let weights = numbers([3, 7, 5], &device);
    let gradients = output.mul(weights.clone()).sum().backward();
    let expected = weights.inner().mul(mask).swap_dims(0, 2);
    assert_eq!(values(input.grad(&gradients).unwrap()), values(expected));
}

#[test]
fn other_precisions_get_the_same_mask() {
    let device = training();
    let dropout = DropoutConfig::new(0.5).init();
    let of = |dtype| {
        let _turn = hold_seeded(&device, SEED, Masks::Counter);
        let output = dropout.forward(Tensor::<1>::ones([300], &device).cast(dtype));
        assert_eq!(output.dtype(), dtype);
        values(output.cast(DType::F32))
    };
    assert_eq!(of(DType::F32), of(DType::F64));
    assert_eq!(of(DType::F32), of(DType::BF16));
}

#[test]
fn nothing_happens_where_nothing_is_trained() {
    let device = training();
    let _turn = hold_seeded(&device, SEED, Masks::Counter);
    let plain = numbers([6, 6], &Device::flex());
    let input = numbers([6, 6], &device);
    let dropout = DropoutConfig::new(0.5).init();
    assert_eq!(values(dropout.forward(plain.clone())), values(plain.clone()));
    assert_eq!(
        values(DropoutConfig::new(0.0).init().forward(input.clone())),
        values(plain.clone())
    );
    assert_eq!(values(dropout.clone().freeze().forward(input.clone())), values(plain.clone()));
    assert_ne!(values(dropout.forward(input)), values(plain));
}

#[test]
fn with_format_1_it_is_burns_bit_for_bit() {
    let device = training();
    let masked = |forward: &dyn Fn(Tensor<2>) -> Tensor<2>| {
        let _turn = hold_seeded(&device, SEED, Masks::Burn);
        let input = numbers([33, 9], &device).require_grad();
        let output = forward(forward(input.clone()));
        let gradients = output.clone().sum().backward();
        (values(output), values(input.grad(&gradients).unwrap()))
    };
    let (ours, burns) = (DropoutConfig::new(0.3).init(), nn::DropoutConfig::new(0.3).init());
    assert_eq!(masked(&|input| ours.forward(input)), masked(&|input| burns.forward(input)));
    assert_eq!(ours.to_string(), burns.to_string());
}

#[test]
fn chances_become_thresholds() {
    assert_eq!(Kept::of(0.5), Kept { threshold: 1 << 31, factor: 2.0 });
    assert_eq!(Kept::of(0.1).threshold, 429_496_730);
    assert_eq!(Kept::of(1e-12).threshold, 0);
    assert_eq!(Kept::of(1.0 - 1e-12).threshold, u32::MAX);
}

#[test]
#[should_panic(expected = "[0, 1)")]
fn a_chance_of_one_is_refused() {
    DropoutConfig::new(1.0).init();
}

#[cfg(feature = "cubecl-cpu")]
#[test]
fn every_device_has_the_same_masks() {
    let (there, here) = (Device::cpu().autodiff(), training());
    let dropout = DropoutConfig::new(0.1).init();
    for shape in [[1, 1], [3, 5], [1, 1024], [64, 1025], [300, 257]] {
        let of = |device: &Device| {
            let _turn = hold_seeded(device, SEED, Masks::Counter);
            let input = numbers(shape, device).require_grad();
            let output = dropout.forward(dropout.forward(input.clone()));
            let gradients = output.clone().sum().backward();
            (values(output), values(input.grad(&gradients).unwrap()))
        };
        let (there, here) = (of(&there), of(&here));
        assert!(there == here, "{shape:?}");
    }
}
