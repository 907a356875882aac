//! Groups of options that several commands take, and what each comes to.

mod calibration_file;
mod device;
mod drawing;
mod ledger_file;
mod moment;
mod remembering;
mod requirement;
mod segment_list;
mod selection;
mod trust;
mod workers;

pub(crate) use calibration_file::{CalibrationFile, check_free, store};
pub(crate) use device::DeviceOptions;
pub(crate) use drawing::Drawing;
pub(crate) use ledger_file::LedgerFile;
pub(crate) use moment::Moment;
pub(crate) use remembering::RememberingOptions;
pub(crate) use requirement::Requirement;
pub(crate) use selection::SelectionOptions;
pub(crate) use trust::{Trust, allowed};
pub(crate) use workers::Workers;
