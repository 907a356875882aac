//! A batch, as the loss sees it.

use burn::tensor::{Device, Int, Tensor, TensorData};
use reenact_core::data::Batch;

use crate::convert::tensor_data;

/// Gives the tensors of one micro-batch on the device.
#[derive(Debug)]
pub struct BatchTensors<'a> {
    batch: &'a Batch,
    device: &'a Device,
}

impl<'a> BatchTensors<'a> {
    /// Offers a batch on a device.
    pub fn new(batch: &'a Batch, device: &'a Device) -> Self {
        Self { batch, device }
    }

    /// Returns the tensor named `name` as real numbers; integers are converted.
    ///
    /// # Panics
    /// If the data set has no tensor of this name, or of another rank.
    pub fn float<const D: usize>(&self, name: &str) -> Tensor<D> {
        Tensor::from_data(self.data::<D>(name), self.device)
    }

    /// Returns the tensor named `name` as integers.
    ///
    /// # Panics
    /// If the data set has no tensor of this name, or of another rank.
    pub fn int<const D: usize>(&self, name: &str) -> Tensor<D, Int> {
        Tensor::from_data(self.data::<D>(name), self.device)
    }

    /// Returns the number of samples.
    pub fn samples(&self) -> usize {
        self.batch.tensors.first().and_then(|tensor| tensor.shape.first()).map_or(0, |&size| size)
    }

    /// Returns the device.
    pub fn device(&self) -> &Device {
        self.device
    }

    fn data<const D: usize>(&self, name: &str) -> TensorData {
        let found = self.batch.tensors.iter().find(|tensor| tensor.name == name);
        let tensor = found.unwrap_or_else(|| {
            let names: Vec<_> = self.batch.tensors.iter().map(|tensor| tensor.name).collect();
            panic!("the batch has no tensor `{name}`; it has {names:?}")
        });
        let (shape, rank) = (&tensor.shape, tensor.shape.len());
        assert!(rank == D, "`{name}` has the rank {rank}, not {D}: a batch of it is {shape:?}");
        tensor_data(tensor.bytes.clone(), &tensor.shape, tensor.dtype)
    }
}
