//! Tensors as a device lays them out: rows, maybe padded.

use burn::tensor::{DType, Shape};
use burn_cubecl::kernel::into_contiguous;
use burn_cubecl::tensor::CubeTensor;

/// Sees a tensor as rows of 32-bit words. Not the length of its buffer says how many: a GPU
/// pads the rows of a tensor, and what stands there is left over from others.
pub(super) struct Rows {
    /// The words, with the padding between rows.
    pub(super) tensor: CubeTensor,
    /// Words that count.
    pub(super) halves: usize,
    /// Words in a row.
    pub(super) width: usize,
    /// Words from a row to the next.
    pub(super) pitch: usize,
}

impl Rows {
    pub(super) fn of(tensor: &CubeTensor) -> Self {
        let per_element = tensor.dtype.size() / 4;
        match pitch(tensor).filter(|_| per_element > 0) {
            Some((width, pitch)) => {
                let halves = tensor.meta.num_elements() * per_element;
                let (width, pitch) = (width * per_element, pitch * per_element);
                let reach = (halves / width - 1) * pitch + width;
                Self { tensor: as_words(tensor.clone(), reach), halves, width, pitch }
            }
            None => {
                let tensor = into_contiguous(tensor.clone());
                let halves = tensor.meta.num_elements() * tensor.dtype.size() / 4;
                let tensor = as_words(tensor, halves);
                Self { tensor, halves, width: halves, pitch: halves }
            }
        }
    }
}

/// Returns the elements in a row, and those from a row to the next, of a tensor in canonical
/// order whose rows may be padded. None if its elements lie otherwise.
pub(super) fn pitch(tensor: &CubeTensor) -> Option<(usize, usize)> {
    let (shape, strides) = (tensor.meta.shape(), tensor.meta.strides());
    let rank = shape.len();
    let width = *shape.last()?;
    if rank == 1 {
        return (strides[0] == 1 || width == 1).then_some((width, width));
    }
    let pitch = strides[rank - 2];
    let mut expected = pitch;
    for at in (0..rank - 1).rev() {
        if strides[at] != expected && shape[at] != 1 {
            return None;
        }
        expected *= shape[at];
    }
    let in_order = (strides[rank - 1] == 1 || width == 1) && pitch >= width;
    in_order.then_some((width, pitch))
}

fn as_words(tensor: CubeTensor, words: usize) -> CubeTensor {
    let CubeTensor { client, handle, device, .. } = tensor;
    CubeTensor::new_contiguous(client, device, Shape::from([words]), handle, DType::U32)
}
