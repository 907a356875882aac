//! Where recordings lie.
//!
//! [`Directory`] keeps a recording in a folder, as `reenact_core::format`
//! describes it. It is the only code of reenact that touches a recording's
//! files. A recording under audit may be hostile: every object has a fixed
//! path, symbolic links are not followed, and only plain files are opened.

mod directory;
mod syncing;

pub use directory::{Directory, open_file};
