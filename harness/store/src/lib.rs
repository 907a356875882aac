//! Where recordings lie, and the ledger of their audits.
//!
//! [`Directory`] keeps a recording in a folder, as `reenact_core::format`
//! describes it. It is the only code of reenact that touches a recording's
//! files. A recording under audit may be hostile: every object has a fixed
//! path, symbolic links are not followed, and only plain files are opened.
//!
//! [`Objects`] holds results and recordings under names, each created once, in a folder or a
//! bucket.
//!
//! [`Ledger`] remembers what audits saw, in an SQLite file of the auditor's.

mod alarm;
mod blocks;
mod bucket;
mod covered;
mod directory;
mod disk;
mod entry;
mod ledger;
mod objects;
mod plain_file;
mod prune;
mod push;
mod queue;
mod run;
mod space;
mod write_behind;

pub use alarm::{Alarm, AlarmKind};
pub use bucket::Bucket;
pub use covered::{BuildSummary, Covered, DeviceSummary, Disowned};
pub use directory::Directory;
pub use entry::{BEGUN, Closing, Divergent, Entry, Owed, Paid};
pub use ledger::{Alarmed, Disowning, LEDGER_FORMAT, Ledger, LedgerError, Proof, Summary};
#[cfg(feature = "s3")]
pub use objects::S3;
pub use objects::{
    Creation, Folder, Listed, Memory, NAME_BYTES_MAX, Objects, ObjectsError, check_name, is_bucket,
    open_objects,
};
pub use plain_file::open_file;
pub use prune::prune;
pub use push::{Push, PushError, Pushed};
pub use run::open_run;
pub use space::free_bytes;
