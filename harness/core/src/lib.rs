//! The burn-free core of reenact: formats, hashing, sampling, comparison and
//! verdicts.
pub mod attack;
pub mod codec;
pub mod data;
pub mod digest;
pub mod figure;
pub mod format;
pub mod guard;
pub mod machine;
pub mod memory;
pub mod plain;
pub mod record;
pub mod spec;
pub mod state;
pub mod steering;
pub mod symptoms;
pub mod trace;
pub mod trainer;
pub mod validation;
pub mod variation;
pub mod verify;
pub mod wrapper;
