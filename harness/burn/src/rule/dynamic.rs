//! Optimizers whose state only they can read.

use std::collections::BTreeMap;
use std::sync::Arc;

use burn::optim::{DynOptimizer, DynState, StateSink, StateSource};
use burn::tensor::{Device, Tensor, TensorData};
use burn_pack::Scalar;
use reenact_core::state::{DType, TensorSpec};

use super::{Slot, TIME_MAX};
use crate::convert::element_type;

/// Updates with one of burn's optimizers, behind its own seam for storing them.
#[derive(Clone)]
pub(crate) struct Dynamic {
    optimizer: Arc<dyn DynOptimizer>,
}

/// Holds one number or tensor of a state, as it is stored.
pub(crate) enum Leaf {
    /// A tensor.
    Tensor(TensorData),
    /// The bytes of a number.
    Number(Vec<u8>),
}

impl Leaf {
    /// Returns the elements, little-endian.
    pub(crate) fn bytes(&self) -> &[u8] {
        match self {
            Self::Tensor(data) => data.as_bytes(),
            Self::Number(bytes) => bytes,
        }
    }
}

impl Dynamic {
    pub(crate) fn new(optimizer: Arc<dyn DynOptimizer>) -> Self {
        Self { optimizer }
    }

    pub(super) fn step<const D: usize>(
        &self,
        learning_rate: f64,
        tensor: Tensor<D>,
        gradient: Tensor<D>,
        slot: Option<Slot>,
    ) -> (Tensor<D>, Option<Slot>) {
        let state = slot.and_then(|slot| match slot {
            Slot::Closed(state) => Some(state),
            Slot::Open { .. } => None,
        });
        let (tensor, gradient) = (tensor.into_bridge(), gradient.into_bridge());
        let (tensor, state) = self.optimizer.step_dyn(D, learning_rate, tensor, gradient, state);
        (Tensor::from_bridge(tensor), state.map(Slot::Closed))
    }

    /// Takes a state apart: its leaves by name, in the optimizer's order. Copies them from
    /// the device.
    ///
    /// # Errors
    /// A leaf of a type that no state can hold.
    pub(crate) fn leaves(
        &self,
        prefix: &str,
        state: &DynState,
    ) -> Result<Vec<(TensorSpec, Leaf)>, String> {
        let mut sink = StateSink::default();
        self.optimizer.state_flatten(prefix, state, &mut sink);
        let mut leaves = Vec::new();
        for (name, data) in sink.tensors {
            let dtype =
                element_type(data.dtype()).ok_or_else(|| format!("`{name}` is quantized"))?;
            let shape = data.shape().iter().map(|&size| size as u64).collect();
            leaves.push((TensorSpec { name, dtype, shape }, Leaf::Tensor(data)));
        }
        for (name, value) in sink.scalars {
            let (dtype, bytes) = match value {
                Scalar::UInt(value) => (DType::U64, value.to_le_bytes().to_vec()),
                Scalar::Int(value) => (DType::I64, value.to_le_bytes().to_vec()),
                Scalar::Float(value) => (DType::F64, value.to_le_bytes().to_vec()),
                Scalar::Bool(value) => (DType::Bool, vec![u8::from(value)]),
            };
            leaves.push((TensorSpec { name, dtype, shape: vec![] }, Leaf::Number(bytes)));
        }
        Ok(leaves)
    }

    /// Learns which leaves a parameter's state has, from an update of zeros by zeros.
    ///
    /// # Errors
    /// As [`Dynamic::leaves`].
    pub(crate) fn learn<const D: usize>(
        &self,
        prefix: &str,
        shape: [usize; D],
        kind: (&Device, burn::tensor::DType),
    ) -> Result<Vec<TensorSpec>, String> {
        let zeros = || Tensor::<D>::zeros(shape, kind).into_bridge();
        let (_, state) = self.optimizer.step_dyn(D, 0.0, zeros(), zeros(), None);
        let Some(state) = state else { return Ok(Vec::new()) };
        let leaves = self.leaves(prefix, &state)?;
        Ok(leaves.into_iter().map(|(spec, _)| spec).collect())
    }

    /// Puts a state together of its leaves, which come from a file.
    ///
    /// # Errors
    /// A number that no training could have got to, or what the optimizer refuses.
    pub(crate) fn join(
        &self,
        rank: usize,
        prefix: &str,
        leaves: impl Iterator<Item = (TensorSpec, TensorData)>,
        device: &Device,
    ) -> Result<DynState, String> {
        let mut scalars = BTreeMap::new();
        let mut tensors = Vec::new();
        for (spec, data) in leaves {
            match number(&spec, data.as_bytes())? {
                Some(value) => drop(scalars.insert(spec.name, value)),
                None => tensors.push((spec.name, data)),
            }
        }
        let mut source = StateSource::new(scalars);
        tensors.into_iter().for_each(|(name, data)| source.insert_tensor(name, data));
        let state = self.optimizer.state_unflatten(rank, prefix, &mut source, device);
        state.ok_or_else(|| format!("the optimizer does not take its state `{prefix}`"))
    }
}

/// Reads a leaf that is a number; none if it is a tensor. A tensor without dimensions is of
/// a type that numbers do not have.
fn number(spec: &TensorSpec, bytes: &[u8]) -> Result<Option<Scalar>, String> {
    let eight = || <[u8; 8]>::try_from(bytes).map_err(|_| format!("`{}` is cut", spec.name));
    if !spec.shape.is_empty() {
        return Ok(None);
    }
    Ok(Some(match spec.dtype {
        DType::U64 => match u64::from_le_bytes(eight()?) {
            count if count <= TIME_MAX => Scalar::UInt(count),
            count => return Err(format!("the optimizer's count `{}` is {count}", spec.name)),
        },
        DType::I64 => match i64::from_le_bytes(eight()?) {
            count if count.unsigned_abs() <= TIME_MAX => Scalar::Int(count),
            count => return Err(format!("the optimizer's count `{}` is {count}", spec.name)),
        },
        DType::F64 => Scalar::Float(f64::from_le_bytes(eight()?)),
        DType::Bool => Scalar::Bool(bytes == [1]),
        _ => return Ok(None),
    }))
}
