//! Which kernels a step launches, in their order.
//!
//! What burn fuses into one kernel depends on what the process did before, and decides bits
//! where a device contracts a product and a sum. So each step has a digest of what it launched:
//! of each kernel the hash that also names what was compiled for it, and of each group of
//! operations the shapes and types of its tensors. The number of cubes of a launch follows from
//! both.
//!
//! Kernels that are timed to choose one are launches like any other. A step in which kernels were
//! chosen has no digest, as how often each is tried depends on the clock.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use burn_fusion::observer::{BlockOperations, FusionObservation, FusionObserver};
use cubecl::launched::LaunchedKernels;
use cubecl::logging::{LaunchObservation, LaunchObserver};
use reenact_core::digest::Hasher;
use reenact_core::trainer::Launches;

/// Watches the launches of one training. A process has one at a time.
#[derive(Debug)]
pub(super) struct Watch {
    sequence: Arc<Sequence>,
    _launches: LaunchObservation,
    _operations: FusionObservation,
}

/// Collects what is launched from the end of a step to that of the next.
#[derive(Debug, Default)]
struct Sequence(Mutex<Option<Running>>);

#[derive(Debug)]
struct Running {
    /// Collects the next kernel. Only so its hash can be had.
    next: LaunchedKernels,
    count: u32,
    hasher: Hasher,
}

impl Watch {
    /// Begins.
    pub(super) fn new() -> Self {
        let sequence = Arc::<Sequence>::default();
        Self {
            _launches: LaunchObservation::new(sequence.clone()),
            _operations: FusionObservation::new(sequence.clone()),
            sequence,
        }
    }

    /// Begins, while the device has nothing to do. What was launched before is forgotten.
    pub(super) fn begin(&self) {
        *self.sequence.lock() = Some(Running::new());
    }

    /// Ends a step, once the device has computed it, and begins the next one. What was left of
    /// this one is launched in a thread of burn's at any time from now on, and so always belongs
    /// to the next.
    pub(super) fn end(&self) -> Option<Launches> {
        let Running { count, hasher, .. } = self.sequence.lock().replace(Running::new())?;
        Some(Launches { count, digest: hasher.finish() })
    }
}

impl Running {
    fn new() -> Self {
        let hasher = Hasher::new("reenact v1 launches");
        Self { next: LaunchedKernels::new(), count: 0, hasher }
    }
}

impl Sequence {
    fn lock(&self) -> MutexGuard<'_, Option<Running>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl LaunchObserver for Sequence {
    fn launched(&self, _kernel: &'static str) {
        let mut running = self.lock();
        let Some(running) = running.as_mut() else { return };
        let kernels = std::mem::replace(&mut running.next, LaunchedKernels::new()).finish();
        // It is one, unless another thread launches at this moment.
        let mut kernels: Vec<u128> = kernels.into_iter().collect();
        kernels.sort_unstable();
        for kernel in kernels {
            running.count = running.count.saturating_add(1);
            running.hasher.bytes(&kernel.to_le_bytes());
        }
    }
}

impl FusionObserver for Sequence {
    fn registered(&self, _operation: &burn_ir::OperationIr) {}

    fn block_starts(&self, block: BlockOperations<'_>) {
        let mut running = self.lock();
        let Some(Running { hasher, .. }) = running.as_mut() else { return };
        for operation in block.iter() {
            for tensor in operation.inputs().chain(operation.outputs()) {
                hasher.bytes(&[]).u64(tensor.dtype.size() as u64);
                hasher.u64(tensor.shape.num_dims() as u64);
                tensor.shape.iter().for_each(|&len| _ = hasher.u64(len as u64));
            }
        }
    }

    fn block_ran(&self) {}
}
