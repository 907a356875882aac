//! The kernel that sums blocks.

use cubecl::prelude::*;

use super::{BLOCK_HALVES, BLOCK_WORDS, COLUMNS, GROUP_HALVES};
use crate::grouped::table::{before, find};

/// Sums the blocks of tensors that lie as the table says: each cube some blocks of one of them.
#[cube(launch)]
pub(super) fn block_sums(
    tensors: &Sequence<Box<[u32]>>,
    keys: &[u64],
    table: &[u32],
    sums: &mut [u64],
    #[comptime] units: usize,
    #[comptime] cube_units: usize,
) {
    let count = comptime![tensors.len()];
    let cube = CUBE_POS_X;
    let tensor = find(table, cube, count, COLUMNS);
    let row = tensor * COLUMNS;
    let len = table[row + 1] as usize;
    let first = table[row + 2] as usize;
    let width = table[row + 3] as usize;
    let pitch = table[row + 4] as usize;
    let unit = (cube - before(table, tensor, COLUMNS)) as usize * cube_units + UNIT_POS as usize;
    let block = unit / units;
    let lane = unit - block * units;
    let mut sum = 0u64;
    #[unroll]
    for index in 0..count {
        if tensor == index {
            sum += sum_of_unit(&tensors[index], len, width, pitch, keys, block, lane, units);
        }
    }
    if comptime![units > 1] {
        sum = sum_of_units(sum, lane, units, cube_units);
    }
    if lane == 0 && block < len.div_ceil(BLOCK_HALVES) {
        sums[first + block] = sum;
    }
}

/// Sums every `units`th word of a block.
#[cube]
fn sum_of_unit(
    halves: &[u32],
    len: usize,
    width: usize,
    pitch: usize,
    keys: &[u64],
    block: usize,
    lane: usize,
    #[comptime] units: usize,
) -> u64 {
    let padded = len.div_ceil(GROUP_HALVES) * GROUP_HALVES;
    let mut sum = 0u64;
    for turn in 0..BLOCK_WORDS / units {
        let word = turn * units + lane;
        let place = block * BLOCK_HALVES + 2 * word;
        if place < padded {
            let low = half(halves, len, width, pitch, place);
            let high = half(halves, len, width, pitch, place + 1);
            let keyed = (low | (high << 32u64)) + keys[word];
            sum += (keyed & 0xffff_ffffu64) * (keyed >> 32u64);
        }
    }
    sum
}

/// Adds up what the units of a block have; the first of them gets it all.
#[cube]
fn sum_of_units(
    part: u64,
    lane: usize,
    #[comptime] units: usize,
    #[comptime] cube_units: usize,
) -> u64 {
    let mut shared = Shared::<[u64]>::new_slice(cube_units);
    let unit = UNIT_POS as usize;
    let mut sum = part;
    shared[unit] = sum;
    sync_cube();
    let mut width = (units / 2).runtime();
    while width > 0 {
        if lane < width {
            sum += shared[unit + width];
            shared[unit] = sum;
        }
        sync_cube();
        width /= 2;
    }
    sum
}

/// Reads a half of a word; the padding after the tensor is zero.
#[cube]
fn half(halves: &[u32], len: usize, width: usize, pitch: usize, place: usize) -> u64 {
    let mut value = 0u64;
    if place < len {
        if width == pitch {
            value = halves[place] as u64;
        } else {
            // Not with `%`, which CubeCL 0.11.3 computes wrong here.
            let row = place / width;
            value = halves[place + row * (pitch - width)] as u64;
        }
    }
    value
}
