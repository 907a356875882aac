//! Why a launch ended early.

use std::error::Error;
use std::fmt;

use super::space::Space;

/// Says where a launch ended early, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trap {
    /// The kernel's name.
    pub kernel: String,
    /// The line of its text.
    pub line: u32,
    /// Which block.
    pub block: [u32; 3],
    /// Which of its threads.
    pub thread: [u32; 3],
    /// What happened there.
    pub fault: Fault,
}

/// Names what a kernel must not do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The parameters are not as long as the kernel's.
    Params {
        /// Their bytes.
        found: usize,
        /// The bytes that the kernel has.
        expected: usize,
    },
    /// A launch of no block, or of too many threads or bytes a block.
    Shape,
    /// A load beyond what is allocated.
    Load {
        /// Of which memory.
        space: Space,
        /// From there.
        address: u64,
        /// So many bytes.
        byte_len: usize,
    },
    /// A store beyond what is allocated, or to what may only be read.
    Store {
        /// To which memory.
        space: Space,
        /// To there.
        address: u64,
        /// So many bytes.
        byte_len: usize,
    },
    /// An address that is no multiple of the length of what it is of.
    Misaligned {
        /// The address.
        address: u64,
        /// What it should be a multiple of.
        align: u64,
    },
    /// Threads of a block wait at different barriers, for ever.
    Barrier,
    /// Threads of a warp wait for others of it that never come.
    Warp,
    /// A thread takes part in an exchange that does not count on it, or reads of one that is not
    /// there.
    Lane {
        /// The place in the warp.
        lane: u32,
    },
    /// A branch by a number that its table does not have.
    Switch {
        /// The number.
        index: u64,
    },
    /// A block took more branches back than any of ours would.
    Endless,
    /// The kernel's own `trap`.
    Asked,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Params { found, expected } => {
                write!(f, "{found} bytes of parameters, where the kernel has {expected}")
            }
            Self::Shape => write!(f, "no kernel can be launched so"),
            Self::Load { space, address, byte_len } => {
                write!(f, "a load of {byte_len} bytes from {space} {address:#x}, outside")
            }
            Self::Store { space, address, byte_len } => {
                write!(f, "a store of {byte_len} bytes to {space} {address:#x}, outside")
            }
            Self::Misaligned { address, align } => {
                write!(f, "the address {address:#x} is no multiple of {align}")
            }
            Self::Barrier => write!(f, "the block's threads wait at different barriers"),
            Self::Warp => write!(f, "a thread waits for others of its warp that never come"),
            Self::Lane { lane } => write!(f, "lane {lane} takes no part in this exchange"),
            Self::Switch { index } => write!(f, "a branch has no target {index}"),
            Self::Endless => write!(f, "a loop does not end"),
            Self::Asked => write!(f, "the kernel gave up"),
        }
    }
}

impl fmt::Display for Space {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Generic => "generic",
            Self::Global => "global",
            Self::Shared => "shared",
            Self::Local => "local",
            Self::Param => "param",
        })
    }
}

impl fmt::Display for Trap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { kernel, line, block, thread, fault } = self;
        write!(f, "{kernel}, line {line}, block {block:?}, thread {thread:?}: {fault}")
    }
}

impl Error for Trap {}
