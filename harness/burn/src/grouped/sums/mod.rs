//! Block sums of fingerprints, computed on the device that holds the tensors.
//!
//! The kernel reads the bit patterns, adds the key of each word, multiplies the
//! halves and sums the products: integers modulo 2^64, so that no order of
//! addition, no number of units and no schedule changes the result. It is the same
//! function as [`reenact_core::state::fingerprint`], which folds the sums on the
//! processor; see there on what it detects and what it cannot.
//!
//! All sums of a step go into one buffer, whose download is the step's only one.

mod kernel;
#[cfg(all(test, feature = "cuda"))]
mod ptx;
mod rows;
#[cfg(all(test, feature = "cubecl-cpu"))]
mod tests;

use std::collections::BTreeMap;
use std::ops::Range;

use burn::tensor::DType;
use burn_cubecl::tensor::CubeTensor;
use cubecl::prelude::*;
use reenact_core::state::{FINGERPRINT_BLOCK_BYTES, fingerprint_keys};

use kernel::block_sums;
use rows::Rows;

use super::table::{Table, upload};
use super::{Held, TENSORS_MAX, on_device_of};

/// Words of 64 bits in a block.
const BLOCK_WORDS: usize = FINGERPRINT_BLOCK_BYTES / 8;
/// The 32-bit halves of these words, in which the device reads.
const BLOCK_HALVES: usize = 2 * BLOCK_WORDS;
/// A short block is padded with zeros to a multiple of this many halves.
const GROUP_HALVES: usize = 16;
/// Blocks that a cube sums side by side, where several units share one.
const CUBE_BLOCKS: usize = 8;
/// Units that sum one block together, where the device runs as many in step.
const BLOCK_UNITS_MAX: usize = 32;
/// The kernel counts in 32 bits; a longer tensor is downloaded.
const BYTE_LEN_MAX: u64 = 1 << 33;

/// Columns of the table: cubes up to here, halves of the tensor, place of its first sum,
/// halves in a row, and from a row to the next.
const COLUMNS: usize = 5;

/// Names the place of a tensor's sums among those of a step.
pub(crate) struct Summed {
    pub(crate) byte_len: u64,
    pub(crate) blocks: Range<usize>,
}

/// Collects the tensors of a step whose blocks are to be summed, and sums them.
#[derive(Default)]
pub(crate) struct Sums {
    tensors: Vec<Held>,
    filled: usize,
}

/// Holds what stays on the device from step to step.
#[derive(Default)]
pub(crate) struct Constants {
    keys: Option<CubeTensor>,
    /// Tables by their numbers, which are the same in every step.
    tables: BTreeMap<Vec<u32>, CubeTensor>,
}

impl Sums {
    /// Takes a tensor as it is now, and says where its sums will be. None if its bytes are no
    /// multiple of four or too many: then it has to be downloaded.
    pub(crate) fn add(&mut self, tensor: Held) -> Option<Summed> {
        let byte_len = tensor.byte_len();
        if !byte_len.is_multiple_of(4) || byte_len > BYTE_LEN_MAX {
            return None;
        }
        let blocks = self.filled..self.filled + blocks(byte_len);
        self.filled = blocks.end;
        if byte_len > 0 {
            self.tensors.push(tensor);
        }
        Some(Summed { byte_len, blocks })
    }

    /// Has the tensors computed, and sums nothing.
    pub(crate) fn leave(self) {
        self.tensors.into_iter().for_each(|tensor| drop(tensor.place()));
    }

    /// Sums everything, waits, and brings the sums here, with the first number of each of
    /// `others`, which are of `f32`.
    pub(crate) fn download(
        self,
        others: Vec<Held>,
        constants: &mut Constants,
    ) -> (Vec<u64>, Vec<f32>) {
        let tensors: Vec<CubeTensor> = self.tensors.into_iter().map(Held::place).collect();
        let others: Vec<CubeTensor> = others.into_iter().map(Held::place).collect();
        let Some(one) = tensors.first().or(others.first()) else { return Default::default() };
        let client = one.client.clone();
        let sums = on_device_of(one, None, self.filled, DType::U64);
        let in_step = client.properties().hardware.plane_size_max as usize;
        // One on the processor, whose units cannot wait for each other cheaply.
        let units = in_step.clamp(1, BLOCK_UNITS_MAX);
        let mut first = 0;
        for group in tensors.chunks(TENSORS_MAX) {
            first += launch(group, &sums, first, units, constants);
        }
        let handles = others.iter().map(|other| other.handle.clone());
        let handles = handles.chain([sums.handle]).collect();
        let found = client.read(handles);
        let mut found = found.unwrap_or_else(|error| panic!("a download failed: {error}"));
        let sums = found.pop().expect("one for each that was asked for");
        let sums = sums.as_chunks().0.iter().map(|bytes| u64::from_le_bytes(*bytes)).collect();
        let number =
            |bytes: &[u8]| bytes.first_chunk().map_or(f32::NAN, |at| f32::from_le_bytes(*at));
        (sums, found.iter().map(|bytes| number(bytes)).collect())
    }
}

fn blocks(byte_len: u64) -> usize {
    byte_len.div_ceil(FINGERPRINT_BLOCK_BYTES as u64) as usize
}

/// Runs the kernel with `units` a block, which have to divide the words of a block. The sums go
/// to places from `first` on; returns how many.
fn launch(
    tensors: &[CubeTensor],
    sums: &CubeTensor,
    first: usize,
    units: usize,
    constants: &mut Constants,
) -> usize {
    let side_by_side = if units == 1 { 1 } else { CUBE_BLOCKS };
    let (mut table, mut halves) = (Table::<COLUMNS>::new(), SequenceArg::new());
    let mut filled = 0;
    for tensor in tensors {
        let rows = Rows::of(tensor);
        let blocks = rows.halves.div_ceil(BLOCK_HALVES);
        let numbers = [0, rows.halves, first + filled, rows.width, rows.pitch];
        table.push(blocks.div_ceil(side_by_side) as u32, numbers.map(|number| number as u32));
        halves.push(rows.tensor.into_buffer_arg());
        filled += blocks;
    }
    let one = &tensors[0];
    let (keys, cubes) = (constants.keys(one), table.work());
    block_sums::launch(
        &one.client,
        CubeCount::new_1d(cubes),
        CubeDim::new_1d((side_by_side * units) as u32),
        halves,
        keys.into_buffer_arg(),
        constants.table(table.numbers(), one).into_buffer_arg(),
        sums.clone().into_buffer_arg(),
        units,
        side_by_side * units,
    );
    filled
}

impl Constants {
    fn keys(&mut self, one: &CubeTensor) -> CubeTensor {
        let upload = || {
            let bytes: Vec<u8> =
                fingerprint_keys().iter().flat_map(|key| key.to_le_bytes()).collect();
            on_device_of(one, Some(&bytes), BLOCK_WORDS, DType::U64)
        };
        self.keys.get_or_insert_with(upload).clone()
    }

    fn table(&mut self, numbers: Vec<u32>, one: &CubeTensor) -> CubeTensor {
        if let Some(found) = self.tables.get(&numbers) {
            return found.clone();
        }
        let table = upload(&numbers, one);
        self.tables.insert(numbers, table.clone());
        table
    }
}
