//! What the threads of a warp do together: they wait for each other, and exchange words.
//!
//! A mask names the lanes that shall meet; those whose threads have ended do not count. Which
//! threads of a warp run at once is the hardware's choice, so `activemask` counts on none: here
//! it is a meeting of all threads that have not ended, and a kernel where some of them went
//! another way ends with a trap.

use super::Fault;
use super::code::{Place, SCRATCH};
use super::decode::{Decoded, Decoder};
use super::operand::{Opcode, Operand};
use super::types::{Kind, Type};

/// Threads in a warp.
pub(super) const WARP: usize = 32;

/// Holds an instruction that threads of a warp execute together. What it has no use for stands in
/// scratch.
#[derive(Clone, Debug)]
pub(super) struct Meeting {
    pub(super) exchange: Exchange,
    /// Where the result goes, and the predicate after it.
    pub(super) to: [Place; 2],
    pub(super) value: Place,
    /// Which lane to read, and how the warp is divided.
    pub(super) own: [Place; 2],
    /// None stands for all that have not ended.
    pub(super) mask: Option<Place>,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Exchange {
    Active,
    Wait,
    Elect,
    Shuffle(Shuffle),
    Vote(Vote),
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Shuffle {
    Up,
    Down,
    Butterfly,
    Index,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Vote {
    All,
    Any,
    Uniform,
    Ballot,
}

/// Holds the threads that met, by lane.
pub(super) struct Met {
    pub(super) members: u32,
    pub(super) values: [u64; WARP],
}

impl Exchange {
    /// Returns the word and the predicate that the thread of a lane gets.
    pub(super) fn result(self, lane: u32, own: [u64; 2], met: &Met) -> Result<[u64; 2], Fault> {
        let members = met.members;
        Ok(match self {
            Self::Wait => [0, 0],
            Self::Active => [members.into(), 0],
            Self::Elect => {
                let leader = members.trailing_zeros();
                [leader.into(), u64::from(lane == leader)]
            }
            Self::Vote(vote) => [vote.result(met), 0],
            Self::Shuffle(shuffle) => {
                let (from, within) = shuffle.source(lane, own.map(|word| word as u32));
                if members >> from & 1 == 0 {
                    return Err(Fault::Lane { lane: from });
                }
                [met.values[from as usize], within.into()]
            }
        })
    }
}

impl Shuffle {
    /// Returns the lane to read from, and whether it is in the same part of the warp: else a
    /// thread reads its own word.
    fn source(self, lane: u32, [by, division]: [u32; 2]) -> (u32, bool) {
        let (by, clamp, segment) = (by & 31, division & 31, division >> 8 & 31);
        let first = lane & segment;
        let last = first | (clamp & !segment);
        let (from, within) = match self {
            Self::Up => (lane.wrapping_sub(by), lane >= by && lane - by >= last),
            Self::Down => (lane + by, lane + by <= last),
            Self::Butterfly => (lane ^ by, lane ^ by <= last),
            Self::Index => {
                let from = first | (by & !segment);
                (from, from <= last)
            }
        };
        (if within { from } else { lane }, within)
    }
}

impl Vote {
    fn result(self, met: &Met) -> u64 {
        let of_lane = |lane: usize| (met.values[lane] as u32 & 1) << lane;
        let ballot = (0..WARP).map(of_lane).sum::<u32>() & met.members;
        match self {
            Self::All => u64::from(ballot == met.members),
            Self::Any => u64::from(ballot != 0),
            Self::Uniform => u64::from(ballot == met.members || ballot == 0),
            Self::Ballot => ballot.into(),
        }
    }
}

impl Meeting {
    /// Reads an instruction. None if it is none that is known here.
    pub(super) fn read(
        opcode: &Opcode<'_>,
        operands: &[Operand<'_>],
        decoder: &mut Decoder,
    ) -> Decoded<Self> {
        let Some(exchange) = exchange(opcode) else { return Ok(None) };
        let (to, rest) = match (exchange, operands) {
            (Exchange::Wait, rest) => ([SCRATCH; 2], rest),
            (
                Exchange::Elect | Exchange::Shuffle(_),
                [Operand::Pair(word, predicate), rest @ ..],
            ) => ([decoder.target_of(word)?, decoder.target_of(predicate)?], rest),
            (_, [Operand::Word { text, negative: false }, rest @ ..]) => {
                ([decoder.target_of(text)?, SCRATCH], rest)
            }
            _ => return Ok(None),
        };
        let from = rest.iter().map(|from| decoder.source(from)).collect::<Result<Vec<_>, _>>()?;
        let (value, own, mask) = match (exchange, &from[..]) {
            (Exchange::Active, &[]) => (SCRATCH, [SCRATCH; 2], None),
            (Exchange::Wait | Exchange::Elect, &[mask]) => (SCRATCH, [SCRATCH; 2], Some(mask)),
            (Exchange::Vote(_), &[value, mask]) => (value, [SCRATCH; 2], Some(mask)),
            (Exchange::Shuffle(_), &[value, by, division, mask]) => {
                (value, [by, division], Some(mask))
            }
            _ => return Ok(None),
        };
        Ok(Some(Self { exchange, to, value, own, mask }))
    }
}

fn exchange(opcode: &Opcode<'_>) -> Option<Exchange> {
    const WORD: Type = Type { kind: Kind::Unsigned, bits: 32 };
    const PREDICATE: Type = Type { kind: Kind::Predicate, bits: 1 };
    Some(match (&*opcode.key(), &opcode.types[..]) {
        ("activemask", [WORD]) => Exchange::Active,
        ("bar.warp.sync", []) => Exchange::Wait,
        ("elect.sync", []) => Exchange::Elect,
        ("shfl.sync.up", [WORD]) => Exchange::Shuffle(Shuffle::Up),
        ("shfl.sync.down", [WORD]) => Exchange::Shuffle(Shuffle::Down),
        ("shfl.sync.bfly", [WORD]) => Exchange::Shuffle(Shuffle::Butterfly),
        ("shfl.sync.idx", [WORD]) => Exchange::Shuffle(Shuffle::Index),
        ("vote.sync.all", [PREDICATE]) => Exchange::Vote(Vote::All),
        ("vote.sync.any", [PREDICATE]) => Exchange::Vote(Vote::Any),
        ("vote.sync.uni", [PREDICATE]) => Exchange::Vote(Vote::Uniform),
        ("vote.sync.ballot", [WORD]) => Exchange::Vote(Vote::Ballot),
        _ => return None,
    })
}
