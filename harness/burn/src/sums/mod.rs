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

use kernel::TENSORS_MAX;

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

    /// Sums the blocks of some tensors of one shape and type, and says where the sums
    /// of each will be. None if their bytes are no multiple of four or too many, if
    /// the tensors are, or the buffer is full: then they have to be downloaded.
    pub(crate) fn add<const D: usize>(&mut self, tensors: &[Tensor<D>]) -> Option<Vec<Summed>> {
        let (first, last) = (tensors.first()?, tensors.last()?);
        let byte_len = (first.shape().num_elements() * first.dtype().size()) as u64;
        let start = self.filled;
        let end = start + tensors.len() * blocks(byte_len);
        let readable = byte_len.is_multiple_of(4) && byte_len <= BYTE_LEN_MAX;
        if !readable || tensors.len() > TENSORS_MAX || end > self.buffer.dims()[0] {
            return None;
        }
        if end > start {
            let tensor = |place| tensors.get(place).unwrap_or(last).clone().into_dispatch();
            let summed = <Dispatch as BlockSums>::sum_blocks(
                &tensor(0),
                &tensor(1),
                &tensor(2),
                self.keys.clone().into_dispatch(),
                self.buffer.clone().into_dispatch(),
                start,
                tensors.len(),
            );
            self.buffer = Tensor::from_dispatch(summed);
        }
        self.filled = end;
        let place = |tensor| {
            let start = start + tensor * blocks(byte_len);
            Summed { byte_len, blocks: start..start + blocks(byte_len) }
        };
        Some((0..tensors.len()).map(place).collect())
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
    /// Writes the sums of the blocks of the first `count` tensors into `sums`, from
    /// place `first` on, and returns `sums`. The tensors are of one shape and of one
    /// type whose bytes are a multiple of four; `keys` are the 512 keys, and `sums`
    /// has a place a block, both of type `u64`.
    #[fusion(dtype = sums, shape = sums)]
    fn sum_blocks(
        tensor_1: &FloatTensor<Self>,
        tensor_2: &FloatTensor<Self>,
        tensor_3: &FloatTensor<Self>,
        keys: IntTensor<Self>,
        sums: IntTensor<Self>,
        first: usize,
        count: usize,
    ) -> IntTensor<Self>;
}

impl BlockSums for CubeBackend {
    fn sum_blocks(
        tensor_1: &FloatTensor<Self>,
        tensor_2: &FloatTensor<Self>,
        tensor_3: &FloatTensor<Self>,
        keys: IntTensor<Self>,
        sums: IntTensor<Self>,
        first: usize,
        count: usize,
    ) -> IntTensor<Self> {
        // One on the processor, whose units cannot wait for each other cheaply.
        let in_step = tensor_1.client.properties().hardware.plane_size_max as usize;
        let units = in_step.clamp(1, BLOCK_UNITS_MAX);
        kernel::launch(&[tensor_1, tensor_2, tensor_3][..count], &keys, &sums, first, units);
        sums
    }
}

#[cfg(all(test, feature = "cubecl-cpu"))]
mod tests {
    use reenact_core::state::{fingerprint, fingerprint_of_sums};

    use super::kernel::tests::{bytes, pattern};
    use super::*;

    fn tensor(values: Vec<f32>, device: &Device) -> Tensor<1> {
        let len = values.len();
        Tensor::from_data(TensorData::new(values, [len]), device)
    }

    #[test]
    fn tensors_of_a_step_share_a_buffer() {
        let device = Device::cpu();
        // The last ones of a group begin elsewhere in the pattern.
        let values = |len: usize, skip| pattern(len + skip).split_off(skip);
        let groups: Vec<Vec<Vec<f32>>> = [(0, 2), (1, 1), (77, 3), (1024, 2), (5000, 3), (1025, 1)]
            .map(|(len, count)| (0..count).map(|skip| values(len, skip)).collect())
            .into();
        let all = groups.concat();
        let mut sums = Sums::new(&device, all.iter().map(|values| 4 * values.len() as u64));
        let mut places = Vec::new();
        for group in &groups {
            let tensors: Vec<_> =
                group.iter().map(|values| tensor(values.clone(), &device)).collect();
            places.extend(sums.add(&tensors).unwrap());
        }
        assert!(sums.add(&[tensor(pattern(1), &device)]).is_none(), "the buffer is full");
        let sums = sums.download();
        for (Summed { byte_len, blocks }, values) in places.into_iter().zip(all) {
            let found = fingerprint_of_sums(byte_len, sums[blocks].iter().copied());
            assert_eq!(found, fingerprint(&bytes(&values)), "{byte_len} bytes");
        }
    }

    #[test]
    fn what_the_kernel_cannot_read_is_left_to_the_processor() {
        let device = Device::cpu();
        let mut sums = Sums::new(&device, [4096].into_iter());
        let one = tensor(pattern(3), &device);
        assert!(sums.add(&[one.clone().cast(burn::tensor::FloatDType::F16)]).is_none());
        assert!(sums.add(&[one.clone(), one.clone(), one.clone(), one]).is_none());
        assert!(sums.add::<1>(&[]).is_none());
    }

    #[test]
    fn a_transposed_tensor_is_read_in_canonical_order() {
        let device = Device::cpu();
        let tensor = tensor(pattern(60), &device).reshape([4, 15]).transpose();
        let mut sums = Sums::new(&device, [240].into_iter());
        let places = sums.add(std::slice::from_ref(&tensor)).unwrap();
        let sums = &sums.download()[places[0].blocks.clone()];
        let found = fingerprint_of_sums(places[0].byte_len, sums.iter().copied());
        assert_eq!(found, fingerprint(tensor.into_data().as_bytes()));
    }
}
