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

use std::ops::Range;

use burn::backend::tensor::{FloatTensor, IntTensor};
use burn::backend::{Backend, Dispatch, backend_extension};
use burn::tensor::{DType, Device, Int, Tensor, TensorData};
use burn_cubecl::CubeBackend;
use reenact_core::state::{FINGERPRINT_BLOCK_BYTES, fingerprint_keys};

/// Units that sum one block together, where the device runs as many in step.
const BLOCK_UNITS_MAX: usize = 32;
/// The kernel counts in 32 bits; a longer tensor is downloaded.
const BYTE_LEN_MAX: u64 = 1 << 33;

/// Names the place of a tensor's sums in the buffer of a step.
pub(crate) struct Summed {
    pub(crate) byte_len: u64,
    pub(crate) blocks: Range<usize>,
}

/// Holds the buffer of a step.
pub(crate) struct Sums {
    keys: Tensor<1, Int>,
    buffer: Tensor<1, Int>,
    filled: usize,
}

impl Sums {
    /// Makes a buffer for tensors of these lengths in bytes.
    pub(crate) fn new(device: &Device, byte_lens: impl Iterator<Item = u64>) -> Self {
        let blocks: usize = byte_lens.map(blocks).sum();
        let keys = TensorData::new(fingerprint_keys().to_vec(), [fingerprint_keys().len()]);
        Self {
            keys: Tensor::from_data(keys, (device, DType::U64)),
            buffer: Tensor::empty([blocks.max(1)], (device, DType::U64)),
            filled: 0,
        }
    }

    /// Sums the blocks of a tensor. None if its bytes are no multiple of four or too
    /// many, or the buffer is full: then it has to be downloaded.
    pub(crate) fn add<const D: usize>(&mut self, tensor: &Tensor<D>) -> Option<Summed> {
        let byte_len = (tensor.shape().num_elements() * tensor.dtype().size()) as u64;
        let blocks = self.filled..self.filled + blocks(byte_len);
        let readable = byte_len.is_multiple_of(4) && byte_len <= BYTE_LEN_MAX;
        if !readable || blocks.end > self.buffer.dims()[0] {
            return None;
        }
        if !blocks.is_empty() {
            let buffer = self.buffer.clone().into_dispatch();
            let summed = <Dispatch as BlockSums>::sum_blocks(
                &tensor.clone().into_dispatch(),
                self.keys.clone().into_dispatch(),
                buffer,
                blocks.start,
            );
            self.buffer = Tensor::from_dispatch(summed);
        }
        self.filled = blocks.end;
        Some(Summed { byte_len, blocks })
    }

    /// Waits for the sums and brings them here.
    pub(crate) fn download(self) -> Vec<u64> {
        let data = self.buffer.into_data();
        data.try_to_vec().expect("the buffer was made with this type")
    }
}

fn blocks(byte_len: u64) -> usize {
    byte_len.div_ceil(FINGERPRINT_BLOCK_BYTES as u64) as usize
}

/// Adds the kernel to burn's operations.
#[backend_extension(Cube, Fusion)]
pub(crate) trait BlockSums: Backend {
    /// Writes the sums of the blocks of `tensor` into `sums`, from place `first` on,
    /// and returns `sums`. `tensor` is of any shape and of a type whose bytes are a
    /// multiple of four; `keys` are the 512 keys, and `sums` has a place a block,
    /// both of type `u64`.
    #[fusion(dtype = sums, shape = sums)]
    fn sum_blocks(
        tensor: &FloatTensor<Self>,
        keys: IntTensor<Self>,
        sums: IntTensor<Self>,
        first: usize,
    ) -> IntTensor<Self>;
}

impl BlockSums for CubeBackend {
    fn sum_blocks(
        tensor: &FloatTensor<Self>,
        keys: IntTensor<Self>,
        sums: IntTensor<Self>,
        first: usize,
    ) -> IntTensor<Self> {
        // One on the processor, whose units cannot wait for each other cheaply.
        let in_step = tensor.client.properties().hardware.plane_size_max as usize;
        kernel::launch(tensor, &keys, &sums, first, in_step.clamp(1, BLOCK_UNITS_MAX));
        sums
    }
}

#[cfg(all(test, feature = "cubecl-cpu"))]
mod tests {
    use reenact_core::state::{fingerprint, fingerprint_of_sums};

    use super::kernel::tests::{bytes, pattern};
    use super::*;
    use crate::kernels::{Fusion, enforce};

    #[test]
    fn tensors_of_a_step_share_a_buffer() {
        enforce(Fusion::On).unwrap();
        let device = Device::cpu();
        let lens = [0, 1, 77, 1024, 5000];
        let mut sums = Sums::new(&device, lens.iter().map(|len| 4 * len));
        let tensor = |&len: &u64| {
            let data = TensorData::new(pattern(len as usize), [len as usize]);
            Tensor::<1>::from_data(data, &device)
        };
        let tensors: Vec<Tensor<1>> = lens.iter().map(tensor).collect();
        let places: Vec<_> = tensors.iter().map(|tensor| sums.add(tensor).unwrap()).collect();
        assert!(sums.add(&tensors[4]).is_none(), "the buffer is full");
        let sums = sums.download();
        for (Summed { byte_len, blocks }, len) in places.into_iter().zip(lens) {
            let found = fingerprint_of_sums(byte_len, sums[blocks].iter().copied());
            assert_eq!(found, fingerprint(&bytes(&pattern(len as usize))), "{len} elements");
        }
    }

    #[test]
    fn a_transposed_tensor_is_read_in_canonical_order() {
        enforce(Fusion::On).unwrap();
        let device = Device::cpu();
        let tensor = Tensor::<2>::from_data(TensorData::new(pattern(60), [4, 15]), &device);
        let tensor = tensor.transpose();
        let mut sums = Sums::new(&device, [240].into_iter());
        let Summed { byte_len, blocks } = sums.add(&tensor).unwrap();
        let found = fingerprint_of_sums(byte_len, sums.download()[blocks].iter().copied());
        assert_eq!(found, fingerprint(tensor.into_data().as_bytes()));
    }
}
