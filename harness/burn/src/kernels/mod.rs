//! Kernels that are compiled and chosen while they run: what GPU backends have,
//! and with them the same compiler on the processor.
//!
//! Which kernel computes an operation is decided by timing, once for each shape,
//! and decides the bits. So the choices of a recording are part of it, and a
//! replay is given them: [`Kernels::start`] pins, [`Kernels::selections`] says
//! what was chosen. Whatever else could change a kernel is set in code, in
//! [`configuration`], before the first use of a device.

mod configuration;
mod folder;
mod launches;
mod selections;

pub(crate) use configuration::{Fusion, enforce, facts};

use std::cell::RefCell;
use std::sync::atomic::{AtomicBool, Ordering};

use reenact_core::format::KernelSelection;
use reenact_core::trainer::Launches;

use folder::Folder;
use launches::Watch;
use selections::Written;

/// Whether a training holds the process's only set of kernel selections.
static TAKEN: AtomicBool = AtomicBool::new(false);

/// Holds the kernel selections of one training, in a store of its own that
/// nobody else reads or writes.
#[derive(Debug)]
pub(crate) struct Kernels {
    folder: Folder,
    watch: Watch,
    /// The writing of the store when the last step ended.
    begun: RefCell<Option<Written>>,
    /// What was collected last, and of which writing of the store.
    collected: RefCell<(Option<Written>, Vec<KernelSelection>)>,
}

impl Kernels {
    /// Begins on device number `index` with these selections and no others.
    ///
    /// # Errors
    /// What is in the way: another training in this process, a store that
    /// cannot be made, selections that are none.
    pub(crate) fn start(
        fusion: Fusion,
        index: usize,
        pinned: &[KernelSelection],
    ) -> Result<Self, String> {
        configuration::enforce(fusion)?;
        if TAKEN.swap(true, Ordering::AcqRel) {
            return Err("one training at a time can use such a device in a process".into());
        }
        let folder = Folder::make().inspect_err(|_| TAKEN.store(false, Ordering::Release))?;
        let kernels = Self {
            folder,
            watch: Watch::new(),
            begun: RefCell::default(),
            collected: RefCell::default(),
        };
        cubecl::environment::set_root(kernels.folder.path());
        selections::pin(pinned, index)?;
        Ok(kernels)
    }

    /// Begins to watch what steps launch, while the device has nothing to do.
    pub(crate) fn begin(&self) {
        self.begun.replace(Some(selections::written()));
        self.watch.begin();
    }

    /// Returns what was launched since the last step, or since it began. None if kernels were
    /// chosen meanwhile.
    pub(crate) fn end(&self) -> Option<Launches> {
        let (launches, written) = (self.watch.end(), selections::written());
        let as_begun = self.begun.replace(Some(written)) == Some(written);
        launches.filter(|_| as_begun)
    }

    /// Returns every selection that was pinned or made so far, ascending. A recorder
    /// asks after every step, so the store is read only once it was written.
    pub(crate) fn selections(&self) -> Result<Vec<KernelSelection>, String> {
        let written = selections::written();
        let mut collected = self.collected.borrow_mut();
        if collected.0 != Some(written) {
            *collected = (Some(written), selections::collect(self.folder.path())?);
        }
        Ok(collected.1.clone())
    }
}

impl Drop for Kernels {
    fn drop(&mut self) {
        TAKEN.store(false, Ordering::Release);
    }
}
