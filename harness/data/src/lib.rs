//! Data sets that lie in files, as large as they come.
//!
//! A [`VerifiedFile`] is a file that is declared by its BLAKE3 hash, as `b3sum` prints it.
//! BLAKE3 is a tree over the content: with the hashes inside of it, which lie in a file
//! beside (an *outboard*), any piece is checked against the one hash alone. So nobody reads
//! a whole file to trust a sample of it, and an outboard itself needs no trust.
//!
//! ```text
//! [files] of a spec ──> VerifiedFile ──> Idx, Npy, Tokens, Safetensors ──> Column
//!                            │               (where samples lie)             │
//!                        Outboards                                        Columns
//!                   (hashes of the pieces)                          (core's `DataSet`)
//! ```
//!
//! Whatever a column comes from, it is samples of one shape at equal distances in a file.
//! Memory is bounded: by the batch that is asked for, and [`CACHE_BYTES`] a file.

mod column;
mod columns;
mod file;
mod idx;
mod npy;
mod outboard;
mod problem;
mod safetensors;
mod tokens;

pub use column::{Column, Place};
pub use columns::Columns;
pub use file::{CACHE_BYTES, PIECE_BYTES, VerifiedFile};
pub use idx::{Idx, IdxHeader};
pub use npy::{Npy, NpyHeader};
pub use outboard::Outboards;
pub use problem::FileError;
pub use safetensors::{Safetensors, SafetensorsHeader};
pub use tokens::{TokenType, Tokens};
