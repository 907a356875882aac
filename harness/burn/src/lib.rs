//! The burn engine of reenact.
//!
//! A model is a plain burn module. Its author implements [`Training`] (build
//! the model, compute the loss of a batch) and wraps it in [`Burn`], which is a
//! [`reenact_core::trainer::Program`]. The engine owns the training loop,
//! because everything that steers it has to be a function of (spec, step):
//!
//! ```text
//! samples -> batch -> loss -> gradient -> (mean, clip) -> update -> state
//!    |         |        |        |                                    |
//!  digest    digest    bits   fingerprints                      fingerprints
//! ```
//!
//! Each file is one noun of that loop: [`BatchTensors`] (`batch`), gradients
//! (`gradient`), the update rule (`rule`), the walk that updates and
//! fingerprints (`update`), the names of the state's tensors (`inventory`), and
//! taking the state out and putting it back (`capture`, `restore`).
//!
//! burn keys optimizer state by random parameter ids. Here it is keyed by
//! module path, and nothing else is: two processes that build one model agree
//! on every name.

#[cfg(all(feature = "vectors", feature = "portable"))]
compile_error!("`vectors` and `portable` exclude each other: build with --no-default-features");

mod average;
mod batch;
mod beginning;
mod capture;
mod convert;
#[cfg(feature = "cuda")]
mod cuda;
mod device;
#[cfg(feature = "cuda")]
mod driver;
mod dropout;
mod evaluation;
#[cfg(feature = "cubecl")]
mod failure;
mod files;
mod fingerprints;
mod gradient;
mod group;
#[cfg(feature = "cubecl")]
mod grouped;
mod in_memory;
mod influence;
mod inventory;
#[cfg(feature = "dataset")]
mod items;
#[cfg(feature = "cubecl")]
mod kernels;
mod large;
mod loss;
mod operations;
mod platform;
mod processor;
mod program;
mod restore;
mod rule;
mod step;
mod stream;
#[cfg(feature = "train")]
mod supervised;
mod thread;
mod trainer;
mod training;
mod update;
mod work;

pub use batch::{BatchTensors, Field, IntoTensors, TensorBatch};
pub use dropout::{Dropout, DropoutConfig};
pub use files::Files;
pub use in_memory::{Column, InMemory};
#[cfg(feature = "dataset")]
pub use items::{Items, Opened};
pub use loss::Loss;
pub use platform::BurnPlatform;
pub use program::Burn;
pub use reenact_data as disk;
pub use step::Step;
#[cfg(feature = "train")]
pub use supervised::{Measured, Supervised};
pub use trainer::BurnTrainer;
pub use training::Training;

/// Is what [`batch!`] names.
#[doc(hidden)]
pub mod parts {
    pub use burn::tensor::Device;
    pub use reenact_core::data::{Batch, BatchTensor};
}
