//! The driver's state, and what its calls do.

use std::cell::Cell;
use std::ffi::{c_int, c_void};
use std::ptr;
use std::slice;
use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError};
use std::thread;

use crate::card::{BLOCKS_MAX, Card, SHARED_BYTES_MAX, THREADS_MAX, THREADS_Z_MAX};
use crate::clock::Clock;
use crate::fault::Harm;
use crate::log::Log;
use crate::memory::Memory;
use crate::module::Function;
use crate::ptx::{self, Kernel};
use crate::settings::Settings;
use crate::status::Status;

/// Where handles of contexts begin: each the number of a GPU, from there.
const CONTEXTS: usize = 0x1000;

static DRIVER: LazyLock<Mutex<Driver>> = LazyLock::new(|| Mutex::new(Driver::of_environment()));

thread_local! {
    static CONTEXT: Cell<usize> = const { Cell::new(0) };
}

/// Holds everything that the driver knows.
#[derive(Debug)]
pub struct Driver {
    /// What it shall be.
    pub settings: Settings,
    /// Memory of each GPU.
    pub memories: Vec<Memory>,
    /// Memory that is pinned for copies.
    pub pinned: Memory,
    /// What was called.
    pub log: Log,
    /// The time of all GPUs.
    pub clock: Clock,
    /// Streams and other things that need a handle and nothing else.
    handles: usize,
    /// What every call gives from now on.
    broken: Option<Status>,
}

/// Describes a launch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Launch {
    /// Blocks along x, y, z.
    pub grid: [u32; 3],
    /// Threads of a block along x, y, z.
    pub block: [u32; 3],
    /// Shared memory of a block, in bytes.
    pub shared_byte_len: u32,
}

/// Plays a call: counts it, has it fail where it shall, and does its work.
pub fn call(
    name: &'static str,
    byte_len: u64,
    work: impl FnOnce(&mut Driver) -> Result<(), Status>,
) -> c_int {
    call_of(name, "", byte_len, work)
}

/// Plays a call that is about a kernel.
pub fn call_of(
    name: &'static str,
    kernel: &str,
    byte_len: u64,
    work: impl FnOnce(&mut Driver) -> Result<(), Status>,
) -> c_int {
    let mut driver = lock();
    driver.log.count(name, byte_len);
    let fault = driver.settings.fault.as_mut();
    let harm = fault.and_then(|fault| fault.strike(name, kernel));
    let result = match (driver.broken, harm) {
        (Some(status), _) => Err(status),
        (None, Some(Harm::Hang)) => {
            driver.log.line(|| format!("{name} hangs"));
            driver.log.flush();
            drop(driver);
            loop {
                thread::park();
            }
        }
        (None, Some(Harm::Fail(status))) => Err(status),
        (None, None) => work(&mut driver),
    };
    let Err(status) = result else { return 0 };
    driver.log.line(|| format!("{name} fails {}", status.0));
    if status.is_sticky() {
        driver.broken = Some(status);
    }
    status.0
}

/// Takes the driver for this thread alone.
pub fn lock() -> MutexGuard<'static, Driver> {
    DRIVER.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Makes a GPU's context this thread's.
pub fn enter(context: usize) {
    CONTEXT.set(context);
}

/// Returns this thread's context.
pub fn entered() -> usize {
    CONTEXT.get()
}

impl Driver {
    /// What cannot be read is said, and ends the process: a test would go wrong elsewhere.
    fn of_environment() -> Self {
        let opened = Settings::of_environment().and_then(|settings| {
            let log = Log::open(settings.log.as_deref(), settings.counts.as_deref())?;
            Ok((settings, log))
        });
        let (settings, log) = opened.unwrap_or_else(|problem| {
            eprintln!("the stand-in for the CUDA driver: REENACT_DRIVER_{problem}");
            std::process::exit(64);
        });
        Self::new(settings, log)
    }

    /// Starts a driver.
    pub fn new(settings: Settings, log: Log) -> Self {
        let memories =
            settings.cards.iter().map(|card| Memory::new(card.memory_byte_len)).collect();
        let clock = Clock::new(settings.seed);
        let pinned = Memory::new(u64::MAX);
        Self { settings, memories, pinned, log, clock, handles: 0x2000, broken: None }
    }

    /// Finds a GPU by its number.
    ///
    /// # Errors
    /// There is none of that number.
    pub fn card(&self, number: c_int) -> Result<Card, Status> {
        let card = usize::try_from(number).ok().and_then(|number| self.settings.cards.get(number));
        card.copied().ok_or(Status::INVALID_DEVICE)
    }

    /// Returns the context of a GPU.
    ///
    /// # Errors
    /// There is none of that number.
    pub fn context(&self, number: c_int) -> Result<usize, Status> {
        self.card(number).map(|_| CONTEXTS + number as usize)
    }

    /// Returns the memory of this thread's GPU.
    ///
    /// # Errors
    /// The thread has entered no context.
    pub fn memory(&mut self) -> Result<&mut Memory, Status> {
        let number = entered().checked_sub(CONTEXTS).ok_or(Status(201))?;
        self.memories.get_mut(number).ok_or(Status(201))
    }

    /// Makes a handle that stands for nothing.
    pub fn handle(&mut self) -> *mut c_void {
        self.handles += 16;
        self.handles as *mut c_void
    }

    /// Refuses a range that does not lie in a GPU's memory.
    ///
    /// # Errors
    /// It lies elsewhere.
    pub fn check(&self, start: u64, byte_len: usize) -> Result<(), Status> {
        let holds = |memory: &Memory| memory.holds(start, byte_len as u64);
        let is_fine = byte_len == 0 || self.memories.iter().any(holds);
        if is_fine { Ok(()) } else { Err(Status::INVALID_VALUE) }
    }

    /// Launches a kernel.
    ///
    /// # Errors
    /// What the device cannot do, or what became of the kernel.
    ///
    /// # Safety
    /// `arguments` holds a pointer to each of the kernel's parameters.
    pub unsafe fn launch(
        &mut self,
        function: &Function,
        launch: Launch,
        arguments: *const *const c_void,
    ) -> Result<(), Status> {
        let Launch { grid: [gx, gy, gz], block: [bx, by, bz], shared_byte_len } = launch;
        self.log.line(|| {
            let (name, digest) = (&function.name, function.short_digest());
            format!("launch {name} {digest} {gx} {gy} {gz} {bx} {by} {bz} {shared_byte_len}")
        });
        launch.check()?;
        self.clock.launch(&function.name, &function.digest);
        let Some(program) = &function.program else { return Ok(()) };
        let kernel = program.kernel(&function.name).ok_or(Status::NOT_FOUND)?;
        // SAFETY: as the caller says.
        let arguments = unsafe { arguments_of(kernel, arguments) };
        let launched = kernel.launch(launch.grid, launch.block, shared_byte_len, &arguments, self);
        launched.map_err(|trap| {
            self.log.line(|| format!("trap {trap}"));
            Status::ILLEGAL_ADDRESS
        })
    }
}

/// Reads a kernel's arguments where the caller keeps them.
///
/// # Safety
/// `arguments` holds a pointer to each of the kernel's parameters.
unsafe fn arguments_of(kernel: &Kernel, arguments: *const *const c_void) -> Vec<u8> {
    let sizes: Vec<usize> = kernel.param_sizes().collect();
    // SAFETY: as the caller says.
    let pointers = unsafe { slice::from_raw_parts(arguments, sizes.len()) };
    let value = |(&pointer, size): (&*const c_void, usize)| {
        // SAFETY: as the caller says.
        unsafe { slice::from_raw_parts(pointer.cast::<u8>(), size) }
    };
    let values: Vec<&[u8]> = pointers.iter().zip(sizes).map(value).collect();
    kernel.pack(&values).expect("each has its size")
}

impl ptx::Memory for Driver {
    fn span(&self, address: u64) -> Option<(u64, &[Cell<u8>])> {
        let (start, len) = self.memories.iter().find_map(|memory| memory.around(address))?;
        // SAFETY: it is an allocation of ours, which nobody frees while the driver is borrowed.
        Some((start, unsafe { slice::from_raw_parts(start as *const Cell<u8>, len as usize) }))
    }

    fn load(&self, address: u64, byte_len: usize) -> Option<u64> {
        self.check(address, byte_len).ok()?;
        let mut bytes = [0; 8];
        // SAFETY: it was checked that this lies in an allocation of ours.
        let found = unsafe { slice::from_raw_parts(address as *const u8, byte_len) };
        bytes.get_mut(..byte_len)?.copy_from_slice(found);
        Some(u64::from_le_bytes(bytes))
    }

    fn store(&self, address: u64, byte_len: usize, word: u64) -> Option<()> {
        self.check(address, byte_len).ok()?;
        let bytes = word.to_le_bytes();
        let bytes = bytes.get(..byte_len)?;
        // SAFETY: as above, and no reference to it lives.
        unsafe { ptr::copy_nonoverlapping(bytes.as_ptr(), address as *mut u8, byte_len) };
        Some(())
    }
}

impl Launch {
    /// Whether a device can do it.
    fn check(self) -> Result<(), Status> {
        let threads: u64 = self.block.iter().map(|&count| u64::from(count)).product();
        let within = |(&count, max): (&u32, u32)| (1..=max).contains(&count);
        let block_max = [THREADS_MAX, THREADS_MAX, THREADS_Z_MAX];
        let is_fine = self.grid.iter().zip(BLOCKS_MAX).all(within)
            && self.block.iter().zip(block_max).all(within)
            && threads <= u64::from(THREADS_MAX)
            && self.shared_byte_len <= SHARED_BYTES_MAX;
        if is_fine { Ok(()) } else { Err(Status::INVALID_VALUE) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_launch_that_a_device_cannot_do_is_refused() {
        let fine = Launch { grid: [1, 65_535, 1], block: [32, 32, 1], shared_byte_len: 232_448 };
        assert_eq!(fine.check(), Ok(()));
        let wrong = [
            Launch { grid: [0, 1, 1], ..fine },
            Launch { grid: [1, 65_536, 1], ..fine },
            Launch { block: [32, 33, 1], ..fine },
            Launch { block: [1, 1, 65], ..fine },
            Launch { shared_byte_len: 232_449, ..fine },
        ];
        for launch in wrong {
            assert_eq!(launch.check(), Err(Status::INVALID_VALUE), "{launch:?}");
        }
    }
}
