//! Kernels of our own that take many tensors at once.
//!
//! A launch costs a GPU as much as reading some megabytes, and a download makes the training
//! wait. So what a step wants to know of its hundreds of tensors is computed by a few launches
//! ([`sums`], [`gather`]) and read at once. All of them run after what the training itself
//! computes: burn decides lazily what it fuses into one kernel, and an operation of ours in
//! between would cut that, and so change bits.

mod gather;
mod sums;
mod table;

pub(crate) use gather::gather;
pub(crate) use sums::{Constants, Summed, Sums};

use burn::backend::tensor::FloatTensor;
use burn::tensor::{DType, Shape, Tensor};
use burn_cubecl::tensor::CubeTensor;
use burn_cubecl::{Cube, CubeBackend};

/// Tensors that one launch takes. A driver passes some hundred pointers to a kernel; more
/// than this makes the kernel long for little.
const TENSORS_MAX: usize = 64;

/// Keeps a tensor as it is at this moment, whatever its rank, without computing anything.
pub(crate) struct Held(FloatTensor<Cube>);

impl Held {
    /// Keeps a tensor that records nothing for gradients.
    pub(crate) fn new<const D: usize>(tensor: &Tensor<D>) -> Self {
        let found = tensor.clone().try_into_primitive::<Cube>();
        Self(found.expect("the tensors of a training on this device lie on it"))
    }

    /// Returns its length in bytes.
    pub(crate) fn byte_len(&self) -> u64 {
        (self.0.shape.num_elements() * self.0.dtype.size()) as u64
    }

    /// Has everything computed that it depends on, and returns where it lies.
    fn place(self) -> CubeTensor {
        let client = self.0.client.clone();
        client.resolve_tensor_float::<CubeBackend>(self.0)
    }
}

/// Makes a tensor of one dimension on the device of another one.
fn on_device_of(one: &CubeTensor, bytes: Option<&[u8]>, len: usize, dtype: DType) -> CubeTensor {
    let handle = match bytes {
        Some(bytes) => one.client.create_from_slice(bytes),
        None => one.client.empty(len.max(1) * dtype.size()),
    };
    let (client, device) = (one.client.clone(), one.device.clone());
    CubeTensor::new_contiguous(client, device, Shape::from([len]), handle, dtype)
}
