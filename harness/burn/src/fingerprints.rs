//! Fingerprints of the tensors of one step, taken where the tensors lie.
//!
//! On the CPU each is computed as its tensor is met. On a GPU its tensors are only kept until
//! the step is computed; then a few kernels sum the blocks of all of them (`grouped`), and
//! [`Prints::finish`] downloads the sums, a 512th of the state, with the losses.

use burn::tensor::Tensor;
#[cfg(feature = "cubecl")]
use reenact_core::state::fingerprint_of_sums;
use reenact_core::state::{Fingerprint, fingerprint};

use crate::convert::show_bytes;
use crate::device::Devices;
#[cfg(feature = "cubecl")]
use crate::grouped::{Constants, Held, Summed, Sums};

/// Collects fingerprints in the order in which their tensors are met.
pub(crate) struct Prints {
    devices: Devices,
    taken: Vec<Taken>,
    #[cfg(feature = "cubecl")]
    sums: Option<Sums>,
}

/// Holds a fingerprint, or where among the sums of the step it will be.
enum Taken {
    Now(Fingerprint),
    #[cfg(feature = "cubecl")]
    Later(Summed),
}

impl Prints {
    /// Starts with none.
    pub(crate) fn new(devices: &Devices) -> Self {
        Self {
            devices: devices.clone(),
            taken: Vec::new(),
            #[cfg(feature = "cubecl")]
            sums: (!devices.in_memory).then(Sums::default),
        }
    }

    /// Takes the fingerprint of a tensor, and gives the tensor back.
    pub(crate) fn tensor<const D: usize>(&mut self, tensor: Tensor<D>) -> Tensor<D> {
        #[cfg(feature = "cubecl")]
        if let Some(summed) = self.sums.as_mut().and_then(|sums| sums.add(Held::new(&tensor))) {
            self.taken.push(Taken::Later(summed));
            return tensor;
        }
        let (tensor, print) = show_bytes(tensor, &self.devices, fingerprint);
        self.push(print);
        tensor
    }

    /// Takes the fingerprint of bytes.
    pub(crate) fn bytes(&mut self, bytes: &[u8]) {
        self.push(fingerprint(bytes));
    }

    /// Adds a fingerprint that is known.
    pub(crate) fn push(&mut self, print: Fingerprint) {
        self.taken.push(Taken::Now(print));
    }

    /// Waits for the device, and returns what was taken, and the number in each of `losses`.
    pub(crate) fn finish(
        self,
        losses: Vec<Tensor<1>>,
        #[cfg(feature = "cubecl")] constants: &mut Constants,
    ) -> (Vec<Fingerprint>, Vec<f32>) {
        #[cfg(feature = "cubecl")]
        let (sums, losses) = match self.sums {
            Some(sums) => sums.download(losses.iter().map(Held::new).collect(), constants),
            None => (Vec::new(), numbers(losses)),
        };
        #[cfg(not(feature = "cubecl"))]
        let losses = numbers(losses);
        let print = |taken| match taken {
            Taken::Now(print) => print,
            #[cfg(feature = "cubecl")]
            Taken::Later(Summed { byte_len, blocks }) => {
                fingerprint_of_sums(byte_len, sums[blocks].iter().copied())
            }
        };
        (self.taken.into_iter().map(print).collect(), losses)
    }
}

impl Prints {
    /// Takes nothing, and has everything computed that [`Prints::finish`] has: burn would go on
    /// with the rest in the next step, fuse it with that, and so compute other bits.
    pub(crate) fn leave(self, losses: Vec<Tensor<1>>) -> Vec<f32> {
        #[cfg(feature = "cubecl")]
        if let Some(sums) = self.sums {
            sums.leave();
        }
        numbers(losses)
    }
}

/// Reads the number in each of `losses`.
pub(crate) fn numbers(losses: Vec<Tensor<1>>) -> Vec<f32> {
    losses.into_iter().map(|loss| loss.into_scalar::<f32>()).collect()
}
