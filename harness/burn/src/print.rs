//! Fingerprints of the tensors of one step, taken where the tensors lie.
//!
//! On the CPU each is computed as its tensor is met. On a GPU a kernel sums each
//! tensor's blocks into one buffer of the step (`sums`), and [`Prints::finish`]
//! downloads that buffer, a 512th of the state, at once.

use burn::tensor::Tensor;
#[cfg(feature = "cubecl")]
use reenact_core::state::fingerprint_of_sums;
use reenact_core::state::{Fingerprint, fingerprint};

use crate::convert::show_bytes;
use crate::device::Devices;
#[cfg(feature = "cubecl")]
use crate::sums::{Summed, Sums};

/// Collects fingerprints in the order in which their tensors are met.
pub(crate) struct Prints<'a> {
    devices: &'a Devices,
    taken: Vec<Taken>,
    #[cfg(feature = "cubecl")]
    sums: Option<Sums>,
}

/// Holds a fingerprint, or where in the step's buffer it will be.
enum Taken {
    Now(Fingerprint),
    #[cfg(feature = "cubecl")]
    Later(Summed),
}

impl<'a> Prints<'a> {
    /// Starts with room for the sums of tensors of these lengths in bytes.
    pub(crate) fn new(devices: &'a Devices, byte_lens: impl Iterator<Item = u64>) -> Self {
        #[cfg(not(feature = "cubecl"))]
        drop(byte_lens);
        Self {
            devices,
            taken: Vec::new(),
            #[cfg(feature = "cubecl")]
            sums: (!devices.in_memory).then(|| Sums::new(&devices.plain, byte_lens)),
        }
    }

    /// Takes the fingerprints of tensors of one shape and type, and gives the tensors
    /// back.
    pub(crate) fn tensors<const D: usize>(&mut self, tensors: Vec<Tensor<D>>) -> Vec<Tensor<D>> {
        #[cfg(feature = "cubecl")]
        if let Some(summed) = self.sums.as_mut().and_then(|sums| sums.add(&tensors)) {
            self.taken.extend(summed.into_iter().map(Taken::Later));
            return tensors;
        }
        let look = |tensor| {
            let (tensor, print) = show_bytes(tensor, self.devices, fingerprint);
            self.push(print);
            tensor
        };
        tensors.into_iter().map(look).collect()
    }

    /// Takes the fingerprint of bytes.
    pub(crate) fn bytes(&mut self, bytes: &[u8]) {
        self.push(fingerprint(bytes));
    }

    /// Adds a fingerprint that is known.
    pub(crate) fn push(&mut self, print: Fingerprint) {
        self.taken.push(Taken::Now(print));
    }

    /// Waits for the device, and returns what was taken.
    pub(crate) fn finish(self) -> Vec<Fingerprint> {
        #[cfg(feature = "cubecl")]
        let sums = self.sums.map(Sums::download).unwrap_or_default();
        let print = |taken| match taken {
            Taken::Now(print) => print,
            #[cfg(feature = "cubecl")]
            Taken::Later(Summed { byte_len, blocks }) => {
                fingerprint_of_sums(byte_len, sums[blocks].iter().copied())
            }
        };
        self.taken.into_iter().map(print).collect()
    }
}
