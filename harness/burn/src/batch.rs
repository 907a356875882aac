//! A batch, as the loss sees it.

use burn::tensor::{Bool, Device, Int, Tensor, TensorData};
use reenact_core::data::{Batch, BatchTensor};

use crate::convert::{element_type, tensor_data};

/// Is a batch in the program's own type, made of named tensors on a device.
///
/// [`BatchTensors`] is one; [`crate::batch!`] makes one of a struct of tensors.
pub trait TensorBatch: Sized {
    /// Takes the tensors from a batch.
    ///
    /// # Panics
    /// If one is missing, or of another rank.
    fn from_batch(batch: Batch, device: &Device) -> Self;
}

/// Is a batch that can be taken apart into named tensors, as burn's `Batcher` makes it.
pub trait IntoTensors {
    /// Copies the tensors to the host, by name.
    fn into_tensors(self) -> Vec<BatchTensor>;
}

/// Gives the tensors of one micro-batch on the device, by name.
#[derive(Debug)]
pub struct BatchTensors {
    batch: Batch,
    device: Device,
}

impl TensorBatch for BatchTensors {
    fn from_batch(batch: Batch, device: &Device) -> Self {
        Self { batch, device: device.clone() }
    }
}

impl BatchTensors {
    /// Returns the tensor named `name` as real numbers; integers are converted.
    ///
    /// # Panics
    /// If the data set has no tensor of this name, or of another rank.
    pub fn float<const D: usize>(&self, name: &str) -> Tensor<D> {
        Tensor::from_data(self.data::<D>(name), &self.device)
    }

    /// Returns the tensor named `name` as integers.
    ///
    /// # Panics
    /// If the data set has no tensor of this name, or of another rank.
    pub fn int<const D: usize>(&self, name: &str) -> Tensor<D, Int> {
        Tensor::from_data(self.data::<D>(name), &self.device)
    }

    /// Returns the tensor named `name` as truth values.
    ///
    /// # Panics
    /// If the data set has no tensor of this name, or of another rank.
    pub fn bool<const D: usize>(&self, name: &str) -> Tensor<D, Bool> {
        Tensor::from_data(self.data::<D>(name), &self.device)
    }

    /// Returns the number of samples.
    pub fn samples(&self) -> usize {
        self.batch.tensors.first().and_then(|tensor| tensor.shape.first()).map_or(0, |&size| size)
    }

    /// Returns the device.
    pub fn device(&self) -> &Device {
        &self.device
    }

    fn data<const D: usize>(&self, name: &str) -> TensorData {
        let names = || self.batch.tensors.iter().map(|tensor| tensor.name).collect::<Vec<_>>();
        let tensor = self.batch.tensors.iter().find(|tensor| tensor.name == name);
        let tensor = tensor
            .unwrap_or_else(|| panic!("the batch has no tensor `{name}`; it has {:?}", names()));
        let rank = tensor.shape.len();
        assert!(
            rank == D,
            "the tensor `{name}` has the rank {rank}, not {D}: its shape is {:?}",
            tensor.shape
        );
        tensor_data(tensor.bytes.clone(), &tensor.shape, tensor.dtype)
    }
}

/// Is a tensor of a batch, of any kind and rank.
pub trait Field: Sized {
    /// Copies it to the host.
    fn into_tensor(self, name: &'static str) -> BatchTensor;

    /// Takes it from a batch.
    ///
    /// # Panics
    /// If the batch has none of that name, or of another rank.
    fn of(batch: &BatchTensors, name: &str) -> Self;
}

impl<const D: usize> Field for Tensor<D> {
    fn into_tensor(self, name: &'static str) -> BatchTensor {
        tensor(name, self.into_data())
    }

    fn of(batch: &BatchTensors, name: &str) -> Self {
        batch.float(name)
    }
}

impl<const D: usize> Field for Tensor<D, Int> {
    fn into_tensor(self, name: &'static str) -> BatchTensor {
        tensor(name, self.into_data())
    }

    fn of(batch: &BatchTensors, name: &str) -> Self {
        batch.int(name)
    }
}

impl<const D: usize> Field for Tensor<D, Bool> {
    fn into_tensor(self, name: &'static str) -> BatchTensor {
        tensor(name, self.into_data())
    }

    fn of(batch: &BatchTensors, name: &str) -> Self {
        batch.bool(name)
    }
}

fn tensor(name: &'static str, data: TensorData) -> BatchTensor {
    let dtype = element_type(data.dtype());
    let dtype = dtype.unwrap_or_else(|| panic!("the tensor `{name}` of the batch is quantized"));
    BatchTensor { name, dtype, shape: data.shape().to_vec(), bytes: data.as_bytes().to_vec() }
}

/// Names the tensors of a batch, so that it can be digested and moved:
/// `batch!(MnistBatch { images, targets });`
#[macro_export]
macro_rules! batch {
    ($type:ty { $($field:ident),+ $(,)? }) => {
        impl $crate::IntoTensors for $type {
            fn into_tensors(self) -> ::std::vec::Vec<$crate::parts::BatchTensor> {
                ::std::vec![$($crate::Field::into_tensor(self.$field, ::std::stringify!($field))),+]
            }
        }

        impl $crate::TensorBatch for $type {
            fn from_batch(batch: $crate::parts::Batch, device: &$crate::parts::Device) -> Self {
                let batch = <$crate::BatchTensors as $crate::TensorBatch>::from_batch(batch, device);
                Self { $($field: $crate::Field::of(&batch, ::std::stringify!($field))),+ }
            }
        }
    };
}
