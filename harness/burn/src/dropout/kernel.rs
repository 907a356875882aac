//! The masks as a kernel, on devices that compile their kernels.
//!
//! A mask depends on no tensor. So it is computed at once and handed to burn as data that was
//! uploaded would be: what burn fuses around it is not cut.

use burn::tensor::{DType, Shape, Tensor};
use burn_cubecl::tensor::CubeTensor;
use burn_cubecl::{Cube, CubeBackend, CubeDevice};
use burn_fusion::NoOp;
use burn_fusion::stream::StreamId;
use burn_ir::{BackendIr, InitOperationIr, OperationIr};
use cubecl::prelude::*;

use super::Kept;
use super::philox::{MULTIPLIERS, ROUNDS, WEYL, WORDS, key};
use crate::stream::Draw;

const MULTIPLIER_0: u64 = MULTIPLIERS[0] as u64;
const MULTIPLIER_1: u64 = MULTIPLIERS[1] as u64;
const WEYL_0: u32 = WEYL[0];
const WEYL_1: u32 = WEYL[1];
/// Units of a cube; each computes a block.
const CUBE_UNITS: u32 = 256;

/// Computes a mask of `f32` beside the tensor. None if the tensor lies on no device of this
/// kind.
pub(super) fn mask<const D: usize>(input: &Tensor<D>, draw: Draw, kept: Kept) -> Option<Tensor<D>> {
    let beside = input.clone().inner().try_into_primitive::<Cube>().ok()?;
    let shape = input.shape();
    let launch = || launch(beside.client.device(), shape.clone(), draw, kept);
    // On the thread that launches what burn fuses, in order with that: which kernels a step
    // launches, and when, is recorded.
    let mask = beside.client.run(launch);
    let mask = mask.unwrap_or_else(|error| panic!("a mask could not be computed: {error:?}"));
    let handle = CubeBackend::float_tensor_handle(mask);
    let id = || beside.client.register_tensor_handle(handle);
    let made = OperationIr::Init(InitOperationIr::create(shape, DType::F32, id));
    let made = beside.client.register(StreamId::current(), made, NoOp::<CubeBackend>::new());
    let made = made.into_iter().next().expect("what is made is one tensor");
    Some(Tensor::from_primitive::<Cube>(made))
}

fn launch(device: &CubeDevice, shape: Shape, draw: Draw, kept: Kept) -> CubeTensor {
    let (client, len) = (device.client(), shape.num_elements());
    let handle = client.empty(len.max(1) * DType::F32.size());
    let mask = CubeTensor::new_contiguous(client, device.clone(), shape, handle, DType::F32);
    let [key_low, key_high] = key(draw.seed);
    let cubes = len.div_ceil(WORDS).div_ceil(CUBE_UNITS as usize);
    if cubes > 0 {
        fill::launch(
            &mask.client,
            CubeCount::new_1d(cubes as u32),
            CubeDim::new_1d(CUBE_UNITS),
            mask.clone().into_buffer_arg(),
            len,
            key_low,
            key_high,
            draw.call,
            kept.threshold,
            kept.factor,
        );
    }
    mask
}

/// Computes a block of four elements.
#[cube(launch)]
fn fill(
    mask: &mut [f32],
    len: usize,
    key_low: u32,
    key_high: u32,
    call: u32,
    threshold: u32,
    factor: f32,
) {
    let block = ABSOLUTE_POS;
    if block * WORDS < len {
        let mut key_0 = key_low;
        let mut key_1 = key_high;
        let mut a = block as u32;
        let mut b = (block as u64 >> 32u64) as u32;
        let mut c = call;
        let mut d = 0u32;
        #[unroll]
        for _round in 0..ROUNDS {
            let first = a as u64 * MULTIPLIER_0;
            let third = c as u64 * MULTIPLIER_1;
            a = (third >> 32u64) as u32 ^ b ^ key_0;
            b = third as u32;
            c = (first >> 32u64) as u32 ^ d ^ key_1;
            d = first as u32;
            key_0 += WEYL_0;
            key_1 += WEYL_1;
        }
        write(mask, block * WORDS, len, a, threshold, factor);
        write(mask, block * WORDS + 1, len, b, threshold, factor);
        write(mask, block * WORDS + 2, len, c, threshold, factor);
        write(mask, block * WORDS + 3, len, d, threshold, factor);
    }
}

#[cube]
fn write(mask: &mut [f32], place: usize, len: usize, word: u32, threshold: u32, factor: f32) {
    if place < len {
        mask[place] = select(word >= threshold, factor, 0.0f32);
    }
}
