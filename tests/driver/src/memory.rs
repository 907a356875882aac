//! Memory of a GPU, taken from the processor's.

use std::collections::BTreeMap;
use std::ffi::c_void;
use std::ptr;

use rustix::mm::{MapFlags, ProtFlags, mmap_anonymous, munmap};

use crate::status::Status;

/// What is allocated begins at a multiple of this.
const PAGE_BYTES: u64 = 4096;

/// Holds the allocations of a GPU. A page takes the processor's memory only once it is written.
#[derive(Debug)]
pub struct Memory {
    limit: u64,
    live: u64,
    peak: u64,
    by_start: BTreeMap<u64, u64>,
}

impl Memory {
    /// Starts with so many bytes to give.
    pub fn new(limit: u64) -> Self {
        Self { limit, live: 0, peak: 0, by_start: BTreeMap::new() }
    }

    /// Returns the most that was allocated at one time, in bytes.
    pub fn peak(&self) -> u64 {
        self.peak
    }

    /// Returns what there is in all, in bytes.
    pub fn byte_len(&self) -> u64 {
        self.limit
    }

    /// Returns what is left, in bytes.
    pub fn free_byte_len(&self) -> u64 {
        self.limit - self.live
    }

    /// Allocates.
    ///
    /// # Errors
    /// Lack of memory, here or of the stand-in's own.
    pub fn allocate(&mut self, len: u64) -> Result<u64, Status> {
        let len = len.max(1).next_multiple_of(PAGE_BYTES);
        if len > self.free_byte_len() {
            return Err(Status::OUT_OF_MEMORY);
        }
        let flags = MapFlags::PRIVATE | MapFlags::NORESERVE;
        let access = ProtFlags::READ | ProtFlags::WRITE;
        // SAFETY: a new mapping, at a place that the system chooses, is nobody else's.
        let start = unsafe { mmap_anonymous(ptr::null_mut(), len as usize, access, flags) };
        let start = start.map_err(|_| Status::OUT_OF_MEMORY)? as u64;
        self.by_start.insert(start, len);
        self.live += len;
        self.peak = self.peak.max(self.live);
        Ok(start)
    }

    /// Frees what begins there.
    ///
    /// # Errors
    /// Nothing that was allocated begins there.
    pub fn free(&mut self, start: u64) -> Result<(), Status> {
        let len = self.by_start.remove(&start).ok_or(Status::INVALID_VALUE)?;
        self.live -= len;
        // SAFETY: `allocate` mapped exactly this, and it is no longer given to anybody.
        let freed = unsafe { munmap(start as *mut c_void, len as usize) };
        freed.map_err(|_| Status::INVALID_VALUE)
    }

    /// Returns the start and the length of the allocation around an address.
    pub fn around(&self, address: u64) -> Option<(u64, u64)> {
        let (&start, &len) = self.by_start.range(..=address).next_back()?;
        (address - start < len).then_some((start, len))
    }

    /// Whether a range lies in one allocation.
    pub fn holds(&self, address: u64, len: u64) -> bool {
        self.around(address).is_some_and(|(start, all)| len <= all - (address - start))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gives_and_takes_within_its_limit() {
        let mut memory = Memory::new(3 * PAGE_BYTES);
        let one = memory.allocate(1).unwrap();
        let two = memory.allocate(2 * PAGE_BYTES).unwrap();
        assert_eq!(memory.allocate(1), Err(Status::OUT_OF_MEMORY));
        assert!(memory.holds(two, 2 * PAGE_BYTES) && !memory.holds(two, 2 * PAGE_BYTES + 1));
        assert!(!memory.holds(one + PAGE_BYTES, 1) || one + PAGE_BYTES == two);
        memory.free(one).unwrap();
        assert_eq!(memory.free(one), Err(Status::INVALID_VALUE));
        assert_eq!((memory.free_byte_len(), memory.peak()), (PAGE_BYTES, 3 * PAGE_BYTES));
        memory.free(two).unwrap();
    }
}
