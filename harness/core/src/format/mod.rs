//! The stored formats: the only thing that the recording and the verifying
//! side share.
//!
//! A recording is a folder:
//!
//! ```text
//! RUN/
//!   spec.toml                        what the run declared, canonical text
//!   journal                          what the trainer recorded, hash-chained
//!   commitment                       the head of the journal, once finished
//!   commitment.so-far                how far it has come, until then
//!   commitment.sig                   who stands for it, if it was signed
//!   checkpoints/<root>.safetensors   whole states, named by their root
//!   resume, resume.safetensors       where a stopped recorder goes on; no part of it
//! ```
//!
//! A calibration lies apart from recordings: it belongs to whoever audits.
//!
//! `replay-specs/README.md` is normative; every decoder here refuses what the
//! encoder beside it would not have written.

mod calibration;
mod checkpoint;
mod commitment;
mod comparison;
mod conversion;
mod environment;
mod event;
mod frame_place;
mod header;
mod history;
mod instead;
mod journal;
mod key;
mod key_type;
mod model_file;
mod object;
mod pieces;
mod resume_point;
mod selection;
mod signature;
mod so_far;
mod tombstone;

pub use calibration::{
    CALIBRATION_BYTES_MAX, CALIBRATION_FORMAT, Calibration, CalibrationError, DriftAllowed,
    FalseAlarms, QUANTILES, TensorAllowed,
};
pub use checkpoint::{
    CHECKPOINT_HEADER_BYTES_MAX, Checkpoint, CheckpointError, checkpoint_bytes, write_checkpoint,
};
pub use commitment::{COMMITMENT_BYTES_MAX, Commitment, CommitmentError};
pub use comparison::Comparison;
pub use conversion::Unconverted;
pub use environment::Environment;
pub use event::{Event, StepLayouts};
pub use history::{Contradiction, History, HistoryError};
pub use instead::{Instead, POINTER_BYTES};
pub use journal::{Frame, FrameReader, JOURNAL_FORMAT, JournalError, JournalWriter, Tail};
pub use key::{KeyError, PublicKey, SecretKey};
pub use model_file::write_model;
pub use object::{Object, ReadAt, ReadRun, StoreError, WriteContent, WriteRun};
pub use resume_point::{RESUME_POINT_BYTES_MAX, ResumePoint};
pub use selection::{
    KernelSelection, RUN_SELECTION_BYTES_MAX, RUN_SELECTIONS_MAX, SelectionError, Selections,
    tf32_kernels,
};
pub use signature::{
    CALIBRATION_NAMESPACE, PRUNE_NAMESPACE, SIGNATURE_BYTES_MAX, SIGNATURE_NAMESPACE, Signature,
    SignatureError, WORK_NAMESPACE,
};
pub use so_far::{SO_FAR_BYTES_MAX, SoFar, SoFarError};
pub use tombstone::{TOMBSTONE_AUDITS_MAX, TOMBSTONE_BYTES_MAX, Tombstone, TombstoneError};
