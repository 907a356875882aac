//! Instructions as they are executed: operands are places in a thread's frame.
//!
//! A frame holds the special registers, then the kernel's registers and the constants that it
//! names, so that an operand is a place, whatever it was in the text.

use super::arithmetic::{Binary, Quaternary, Ternary, Unary};
use super::space::Space;
use super::warp::Meeting;

/// Names a place in a frame.
pub(super) type Place = u32;

/// The registers that every frame begins with: three each, and the place in the warp.
pub(super) const SPECIAL: [&str; 13] = [
    "%tid.x",
    "%tid.y",
    "%tid.z",
    "%ntid.x",
    "%ntid.y",
    "%ntid.z",
    "%ctaid.x",
    "%ctaid.y",
    "%ctaid.z",
    "%nctaid.x",
    "%nctaid.y",
    "%nctaid.z",
    "%laneid",
];

/// Takes what nobody reads, and what a decoded instruction keeps between its parts.
pub(super) const SCRATCH: Place = SPECIAL.len() as Place;
/// The carry of a sum of more than one word.
pub(super) const CARRY: Place = SCRATCH + 1;
/// What becomes the carry once an instruction has read the one before.
pub(super) const NEXT_CARRY: Place = SCRATCH + 2;
/// How many places every frame begins with.
pub(super) const FIXED: usize = SPECIAL.len() + 3;

/// Says where an instruction reads or writes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Access {
    pub(super) space: Space,
    pub(super) byte_len: u8,
    /// What the address has to be a multiple of; more than the length for the first of a vector.
    pub(super) align: u8,
    /// Where the address stands.
    pub(super) base: Place,
    pub(super) offset: i64,
}

#[derive(Clone, Debug)]
pub(super) enum Op {
    Copy {
        to: Place,
        from: Place,
    },
    Unary {
        apply: Unary,
        to: Place,
        a: Place,
    },
    Binary {
        apply: Binary,
        to: Place,
        a: Place,
        b: Place,
    },
    Ternary {
        apply: Ternary,
        to: Place,
        a: Place,
        b: Place,
        c: Place,
    },
    Quaternary {
        apply: Quaternary,
        to: Place,
        from: Box<[Place; 4]>,
    },
    Load {
        to: Place,
        access: Access,
    },
    Store {
        from: Place,
        access: Access,
    },
    /// While a kernel is read, a target is a label; then the place of an instruction.
    Branch {
        target: u32,
    },
    BranchIf {
        predicate: Place,
        holds: bool,
        target: u32,
    },
    Switch {
        index: Place,
        targets: Box<[u32]>,
    },
    Barrier {
        id: Place,
    },
    /// Waits for other threads of the warp.
    Meet(Box<Meeting>),
    Trap,
    End,
}

impl Op {
    /// Returns the targets of a branch.
    pub(super) fn targets(&mut self) -> &mut [u32] {
        match self {
            Self::Branch { target } | Self::BranchIf { target, .. } => std::slice::from_mut(target),
            Self::Switch { targets, .. } => targets,
            _ => &mut [],
        }
    }
}
