//! A small interpreter of PTX, the assembly of NVIDIA's GPUs.
//!
//! It executes what LLVM makes of kernels of integers and of floating-point numbers of 32 and 64
//! bits; [`Module::parse`] refuses every other instruction by its name, so that a kernel either
//! does what the hardware does or is not executed. Only where an instruction says `.approx` the
//! hardware's last bits are others than here. A text may be hostile.
//!
//! - `lex` splits the text, `parse` reads its declarations, `decode` its instructions.
//! - `names` turns registers and constants into places of a thread's frame; `code` holds
//!   instructions by these places. What they compute is in `arithmetic` and `carry` for
//!   integers, in `float`, `directed` and `approximate` for the others, and in `convert`.
//! - `execute` runs the threads of a block by turns, each up to the next barrier, and the
//!   blocks one after the other: where a kernel is right only if two threads run at once, it
//!   is not right here. `meet` lets the threads of a warp wait for each other and exchange what
//!   `warp` says.
//!
//! `reach` checks each access, as far as [`Memory`] knows what belongs to whom. Registers start as
//! zeros and shared memory as a pattern, though on hardware both hold what was left there.

#![forbid(unsafe_code)]

mod approximate;
mod arithmetic;
mod carry;
mod code;
mod convert;
mod decode;
mod directed;
mod execute;
mod float;
mod lex;
mod meet;
mod names;
mod operand;
mod parse;
mod reach;
mod space;
#[cfg(test)]
mod tests;
mod trap;
mod types;
mod warp;

use std::cell::Cell;
use std::sync::Arc;

pub use space::Space;
pub use trap::{Fault, Trap};

/// Holds the kernels of a text.
#[derive(Clone, Debug)]
pub struct Module {
    kernels: Vec<Kernel>,
}

/// Holds a kernel, ready to be launched.
#[derive(Clone, Debug)]
pub struct Kernel {
    name: String,
    params: Vec<Param>,
    code: Vec<code::Op>,
    /// By instruction, the line that it comes from.
    lines: Vec<u32>,
    /// A thread's frame before it runs.
    frame: Vec<u64>,
    /// Of shared memory, without what a launch adds.
    shared_byte_len: usize,
    /// Where the shared memory begins whose length a launch says.
    dynamic_start: usize,
    local_byte_len: usize,
    /// The module's own variables.
    data: Arc<[u8]>,
}

/// Says where a parameter lies among all of a kernel.
#[derive(Clone, Copy, Debug)]
struct Param {
    start: usize,
    byte_len: usize,
}

/// Reaches the memory of the device, by addresses that are the host's.
pub trait Memory {
    /// Reads up to 8 bytes as a little-endian number. None if they are not all of one allocation.
    fn load(&self, address: u64, byte_len: usize) -> Option<u64>;

    /// Writes the low bytes of a number, at most 8. None if nothing was written, as they are not
    /// all of one allocation.
    fn store(&self, address: u64, byte_len: usize, word: u64) -> Option<()>;

    /// Returns the allocation around an address, by where it begins, and its bytes. A launch
    /// remembers it, and then neither loads nor stores there by a call. None if there is none, or
    /// if every access shall be one.
    fn span(&self, _address: u64) -> Option<(u64, &[Cell<u8>])> {
        None
    }
}

impl Module {
    /// Reads a module. The error names the line, and the instruction that is not known.
    pub fn parse(text: &str) -> Result<Self, String> {
        parse::module(text)
    }

    /// Returns the names of its kernels, in their order.
    pub fn kernels(&self) -> impl Iterator<Item = &str> {
        self.kernels.iter().map(|kernel| kernel.name.as_str())
    }

    /// Returns a kernel by its name.
    pub fn kernel(&self, name: &str) -> Option<&Kernel> {
        self.kernels.iter().find(|kernel| kernel.name == name)
    }
}

impl Kernel {
    /// Returns its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns the bytes of each of its parameters.
    pub fn param_sizes(&self) -> impl ExactSizeIterator<Item = usize> {
        self.params.iter().map(|param| param.byte_len)
    }

    /// Lays out the values of its parameters as [`Kernel::launch`] takes them. None if they are
    /// not as many, or one is not as long.
    pub fn pack(&self, values: &[&[u8]]) -> Option<Vec<u8>> {
        let mut found = vec![0; self.params_byte_len()];
        if values.len() != self.params.len() {
            return None;
        }
        for (param, value) in self.params.iter().zip(values) {
            let place = found.get_mut(param.start..param.start + param.byte_len)?;
            (place.len() == value.len()).then(|| place.copy_from_slice(value))?;
        }
        Some(found)
    }

    fn params_byte_len(&self) -> usize {
        self.params.last().map_or(0, |param| param.start + param.byte_len)
    }

    /// Runs `grid` blocks of `block` threads to their end.
    pub fn launch(
        &self,
        grid: [u32; 3],
        block: [u32; 3],
        shared_byte_len: u32,
        params: &[u8],
        memory: &dyn Memory,
    ) -> Result<(), Trap> {
        execute::launch(self, [grid, block], shared_byte_len, params, memory)
    }
}
