//! Kernels of ours, as LLVM compiles them, against what they are to compute.
//!
//! `like_ours.ptx` is what LLVM 23 makes of the kernels `block_sums` and `gather` of
//! `reenact-burn` when they are written as plain functions.

use reenact_core::state::{FINGERPRINT_BLOCK_BYTES, Fingerprint};
use reenact_core::state::{fingerprint, fingerprint_keys, fingerprint_of_sums};

use super::super::{Kernel, Module, Trap};
use super::Buffers;

const LIKE_OURS: &str = include_str!("../../../tests/data/like_ours.ptx");

/// Units that sum one block, and blocks that a cube sums.
const BLOCK_UNITS: u32 = 32;
const CUBE_BLOCKS: u32 = 8;

fn bytes_of(words: &[u32]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_le_bytes()).collect()
}

/// A tensor whose rows of `width` words lie `pitch` apart.
struct Rows {
    words: u32,
    width: u32,
    pitch: u32,
}

impl Rows {
    fn dense(words: u32) -> Self {
        Self { words, width: words, pitch: words }
    }

    /// Its memory: exactly what the kernel may read.
    fn buffer(&self) -> Vec<u32> {
        let reach = (self.words.div_ceil(self.width) - 1) * self.pitch + self.width;
        (0..reach).map(|at| at.wrapping_mul(2_654_435_761) ^ at).collect()
    }

    fn fingerprint(&self) -> Fingerprint {
        let buffer = self.buffer();
        let rows = buffer.chunks(self.pitch as usize);
        let dense: Vec<u32> = rows.flat_map(|row| &row[..self.width as usize]).copied().collect();
        fingerprint(&bytes_of(&dense))
    }

    fn blocks(&self) -> u32 {
        self.words.div_ceil(FINGERPRINT_BLOCK_BYTES as u32 / 4)
    }
}

/// Launches with buffers and what comes after them as parameters.
fn launch(
    kernel: &Kernel,
    cubes: u32,
    shared_byte_len: u32,
    params: &[Vec<u8>],
    buffers: &Buffers,
) -> Result<(), Trap> {
    let params: Vec<&[u8]> = params.iter().map(Vec::as_slice).collect();
    let params = kernel.pack(&params).expect("as many as the kernel has");
    kernel.launch([cubes, 1, 1], [256, 1, 1], shared_byte_len, &params, buffers)
}

/// Sums the blocks of four tensors, and returns the sums after a word that is to stay.
fn sums_of(tensors: &[Rows; 4], short_by: usize) -> Result<Vec<u64>, Trap> {
    let (mut buffers, mut params, mut table) = (Buffers::default(), Vec::new(), Vec::new());
    let (mut cubes, mut filled) = (0, 1);
    for tensor in tensors {
        cubes += tensor.blocks().div_ceil(CUBE_BLOCKS);
        table.extend([cubes, tensor.words, filled, tensor.width, tensor.pitch]);
        filled += tensor.blocks();
        let mut bytes = bytes_of(&tensor.buffer());
        bytes.truncate(bytes.len() - short_by);
        params.push(buffers.add(bytes));
    }
    let keys = fingerprint_keys().iter().flat_map(|key| key.to_le_bytes()).collect();
    params.extend([buffers.add(keys), buffers.add(bytes_of(&table))]);
    params.push(buffers.add(vec![7; 8 * (filled as usize + 1)]));
    let params: Vec<Vec<u8>> = params.iter().map(|address| address.to_le_bytes().into()).collect();
    let module = Module::parse(LIKE_OURS).unwrap();
    let kernel = module.kernel("block_sums").unwrap();
    launch(kernel, cubes, 8 * BLOCK_UNITS * CUBE_BLOCKS, &params, &buffers)?;
    Ok(buffers.words(buffers.0.len() - 1))
}

fn tensors() -> [Rows; 4] {
    let padded = Rows { words: 300 * 5, width: 5, pitch: 16 };
    [Rows::dense(1), Rows::dense(9 * 1024 + 3), padded, Rows::dense(1024)]
}

#[test]
fn blocks_are_summed_as_the_processor_sums_them() {
    let tensors = tensors();
    let sums = sums_of(&tensors, 0).unwrap();
    let untouched = u64::from_le_bytes([7; 8]);
    assert_eq!((sums[0], *sums.last().unwrap()), (untouched, untouched));
    let mut rest = &sums[1..sums.len() - 1];
    for tensor in &tensors {
        let (own, others) = rest.split_at(tensor.blocks() as usize);
        let found = fingerprint_of_sums(4 * u64::from(tensor.words), own.iter().copied());
        assert_eq!(found, tensor.fingerprint(), "{} words", tensor.words);
        rest = others;
    }
    assert!(rest.is_empty());
}

#[test]
fn a_tensor_that_is_too_short_is_noticed() {
    let trap = sums_of(&tensors(), 4).unwrap_err();
    assert!(trap.to_string().starts_with("block_sums, line "), "{trap}");
}

#[test]
fn columns_are_copied_by_their_table() {
    let columns = [(3, 2), (300, 1), (1, 1), (57, 3), (200, 1)];
    let (mut buffers, mut params, mut table) = (Buffers::default(), Vec::new(), Vec::new());
    let (mut work, mut expected) = (0, vec![9]);
    for (at, (len, stride)) in columns.into_iter().enumerate() {
        work += len;
        table.extend([work, stride]);
        let column: Vec<u32> =
            (0..(len - 1) * stride + 1).map(|row| row + 1000 * at as u32).collect();
        expected.extend(column.iter().step_by(stride as usize));
        params.push(buffers.add(bytes_of(&column)));
    }
    params.push(buffers.add(bytes_of(&table)));
    params.push(buffers.add(bytes_of(&[9]).repeat(work as usize + 2)));
    expected.push(9);
    let mut params: Vec<Vec<u8>> =
        params.iter().map(|address| address.to_le_bytes().into()).collect();
    // How much there is, and where the first goes.
    params.extend([work.to_le_bytes().to_vec(), 1u64.to_le_bytes().to_vec()]);
    let module = Module::parse(LIKE_OURS).unwrap();
    let kernel = module.kernel("gather").unwrap();
    launch(kernel, work.div_ceil(256), 0, &params, &buffers).unwrap();
    assert_eq!(*buffers.0.last().unwrap().borrow(), bytes_of(&expected));
}
