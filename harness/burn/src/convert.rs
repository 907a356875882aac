//! Element types and bytes: between burn's words and reenact's.

use burn::tensor::{BoolStore, DType as BurnType, Tensor, TensorData};
use reenact_core::state::DType;

use crate::device::Devices;

/// Returns reenact's word for an element type.
///
/// Quantized tensors have none: their bytes are packed by the backend, and no
/// training state holds them.
pub(crate) fn element_type(burn_type: BurnType) -> Option<DType> {
    Some(match burn_type {
        BurnType::F64 => DType::F64,
        BurnType::F32 | BurnType::Flex32 => DType::F32,
        BurnType::F16 => DType::F16,
        BurnType::BF16 => DType::Bf16,
        BurnType::I64 => DType::I64,
        BurnType::I32 => DType::I32,
        BurnType::I16 => DType::I16,
        BurnType::I8 => DType::I8,
        BurnType::U64 => DType::U64,
        BurnType::U32 | BurnType::Bool(BoolStore::U32) => DType::U32,
        BurnType::U16 => DType::U16,
        BurnType::U8 => DType::U8,
        BurnType::Bool(BoolStore::Native | BoolStore::U8) => DType::Bool,
        BurnType::QFloat(_) => return None,
    })
}

/// Returns burn's word for an element type.
pub(crate) fn burn_type(element_type: DType) -> BurnType {
    match element_type {
        DType::Bool => BurnType::Bool(BoolStore::Native),
        DType::U8 => BurnType::U8,
        DType::I8 => BurnType::I8,
        DType::I16 => BurnType::I16,
        DType::U16 => BurnType::U16,
        DType::F16 => BurnType::F16,
        DType::Bf16 => BurnType::BF16,
        DType::I32 => BurnType::I32,
        DType::U32 => BurnType::U32,
        DType::F32 => BurnType::F32,
        DType::F64 => BurnType::F64,
        DType::I64 => BurnType::I64,
        DType::U64 => BurnType::U64,
    }
}

/// Makes burn's tensor data of bytes that fill the shape.
pub(crate) fn tensor_data(bytes: Vec<u8>, shape: &[usize], element_type: DType) -> TensorData {
    TensorData::from_bytes_vec(bytes, shape.to_vec(), burn_type(element_type))
}

/// Shows the bytes of a tensor to `look` and gives the tensor back.
///
/// On the CPU nothing is copied where the tensor is the only handle to its
/// memory and contiguous: the memory moves out of the tensor and in again. That
/// makes it contiguous too, so that the next step sees one memory layout,
/// whether it follows this step or a restored checkpoint. From another device the
/// bytes are copied, and the tensor stays there.
pub(crate) fn show_bytes<const D: usize, R>(
    tensor: Tensor<D>,
    devices: &Devices,
    look: impl FnOnce(&[u8]) -> R,
) -> (Tensor<D>, R) {
    if !devices.in_memory {
        let seen = look(tensor.clone().into_data().as_bytes());
        return (tensor, seen);
    }
    let data = tensor.into_data();
    let seen = look(data.as_bytes());
    let element_type = data.dtype();
    (Tensor::from_data(data, (&devices.plain, element_type)), seen)
}
