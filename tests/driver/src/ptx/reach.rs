//! What a thread reads and writes: the memory of each space, where it may.

use std::array;
use std::cell::Cell;

use super::code::Access;
use super::space::{Space, in_module};
use super::{Fault, Memory};

/// How many allocations are remembered.
const SPANS: usize = 32;

/// Holds what a thread reaches.
pub(super) struct Spaces<'r, 'm> {
    pub(super) memory: &'r mut Spans<'m>,
    pub(super) data: &'r [u8],
    pub(super) params: &'r [u8],
    pub(super) shared: &'r mut [u8],
    pub(super) local: &'r mut [u8],
}

impl Spaces<'_, '_> {
    pub(super) fn load(&mut self, access: &Access, base: u64) -> Result<u64, Fault> {
        let (space, address) = located(access, base)?;
        let byte_len = access.byte_len.into();
        let found = match space {
            Space::Generic | Space::Global => match in_module(address) {
                None => self.memory.load(access, address),
                Some(place) => read(self.data, place, byte_len),
            },
            Space::Shared => read(self.shared, address, byte_len),
            Space::Local => read(self.local, address, byte_len),
            Space::Param => read(self.params, address, byte_len),
        };
        found.ok_or(Fault::Load { space, address, byte_len })
    }

    pub(super) fn store(&mut self, access: &Access, base: u64, word: u64) -> Result<(), Fault> {
        let (space, address) = located(access, base)?;
        let byte_len = access.byte_len.into();
        let done = match space {
            // The module's own variables are only read.
            Space::Generic | Space::Global => match in_module(address) {
                None => self.memory.store(access, address, word),
                Some(_) => None,
            },
            Space::Shared => write(self.shared, address, byte_len, word),
            Space::Local => write(self.local, address, byte_len, word),
            Space::Param => None,
        };
        done.ok_or(Fault::Store { space, address, byte_len })
    }
}

#[inline]
fn located(access: &Access, base: u64) -> Result<(Space, u64), Fault> {
    let address = base.wrapping_add_signed(access.offset);
    let align = u64::from(access.align);
    // A power of two; a division would take longer than the access.
    if address & (align - 1) != 0 {
        return Err(Fault::Misaligned { address, align });
    }
    Ok(access.space.resolve(address))
}

/// Remembers allocations, so that not every access looks for its own.
pub(super) struct Spans<'m> {
    memory: &'m dyn Memory,
    /// By the place of the address: a register points to one allocation for a while.
    found: [Span<'m>; SPANS],
}

#[derive(Clone, Copy, Default)]
struct Span<'m> {
    start: u64,
    bytes: &'m [Cell<u8>],
}

impl<'m> Spans<'m> {
    pub(super) fn new(memory: &'m dyn Memory) -> Self {
        Self { memory, found: [Span::default(); SPANS] }
    }

    #[inline]
    fn load(&mut self, access: &Access, address: u64) -> Option<u64> {
        let byte_len = access.byte_len.into();
        let span = self.found[access.base as usize % SPANS];
        match span.place(address, byte_len) {
            Some(bytes) => Some(word_of(byte_len, |at| bytes[at].get())),
            None => self.load_elsewhere(access, address),
        }
    }

    #[cold]
    fn load_elsewhere(&mut self, access: &Access, address: u64) -> Option<u64> {
        let byte_len = access.byte_len.into();
        match self.find(access, address) {
            None => self.memory.load(address, byte_len),
            Some(span) => {
                let bytes = span.place(address, byte_len)?;
                Some(word_of(byte_len, |at| bytes[at].get()))
            }
        }
    }

    #[inline]
    fn store(&mut self, access: &Access, address: u64, word: u64) -> Option<()> {
        let byte_len = access.byte_len.into();
        let span = self.found[access.base as usize % SPANS];
        match span.place(address, byte_len) {
            Some(bytes) => put(byte_len, word, |at, byte| bytes[at].set(byte)),
            None => return self.store_elsewhere(access, address, word),
        }
        Some(())
    }

    #[cold]
    fn store_elsewhere(&mut self, access: &Access, address: u64, word: u64) -> Option<()> {
        let byte_len = access.byte_len.into();
        let Some(span) = self.find(access, address) else {
            return self.memory.store(address, byte_len, word);
        };
        let bytes = span.place(address, byte_len)?;
        put(byte_len, word, |at, byte| bytes[at].set(byte));
        Some(())
    }

    /// Asks the memory for an allocation.
    fn find(&mut self, access: &Access, address: u64) -> Option<Span<'m>> {
        let (start, bytes) = self.memory.span(address)?;
        let span = Span { start, bytes };
        self.found[access.base as usize % SPANS] = span;
        Some(span)
    }
}

impl<'m> Span<'m> {
    #[inline]
    fn place(self, address: u64, byte_len: usize) -> Option<&'m [Cell<u8>]> {
        let start = usize::try_from(address.wrapping_sub(self.start)).ok()?;
        self.bytes.get(start..start.checked_add(byte_len)?)
    }
}

#[inline]
fn read(bytes: &[u8], address: u64, byte_len: usize) -> Option<u64> {
    let start = usize::try_from(address).ok()?;
    let found = bytes.get(start..start.checked_add(byte_len)?)?;
    Some(word_of(byte_len, |at| found[at]))
}

#[inline]
fn write(bytes: &mut [u8], address: u64, byte_len: usize, word: u64) -> Option<()> {
    let start = usize::try_from(address).ok()?;
    let room = bytes.get_mut(start..start.checked_add(byte_len)?)?;
    put(byte_len, word, |at, byte| room[at] = byte);
    Some(())
}

/// Reads 1, 2, 4 or 8 bytes. The length is a constant in each case, for one instruction each.
#[inline(always)]
fn word_of(byte_len: usize, byte: impl Fn(usize) -> u8) -> u64 {
    match byte_len {
        1 => byte(0).into(),
        2 => u16::from_le_bytes(array::from_fn(byte)).into(),
        4 => u32::from_le_bytes(array::from_fn(byte)).into(),
        _ => u64::from_le_bytes(array::from_fn(byte)),
    }
}

/// Writes 1, 2, 4 or 8 bytes.
#[inline(always)]
fn put(byte_len: usize, word: u64, mut put: impl FnMut(usize, u8)) {
    let mut all = |bytes: &[u8]| bytes.iter().enumerate().for_each(|(at, byte)| put(at, *byte));
    match byte_len {
        1 => all(&(word as u8).to_le_bytes()),
        2 => all(&(word as u16).to_le_bytes()),
        4 => all(&(word as u32).to_le_bytes()),
        _ => all(&word.to_le_bytes()),
    }
}
