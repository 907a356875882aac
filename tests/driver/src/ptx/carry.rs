//! Sums of more than one word, whose parts hand on a carry: `add.cc`, `madc.hi` and such.

use super::arithmetic::{Quaternary, keep, value};
use super::types::Type;

/// What an instruction computes of up to three operands and the carry before it.
pub(super) struct Carrying {
    pub(super) result: Quaternary,
    /// What it hands on.
    pub(super) carry: Quaternary,
}

macro_rules! carrying {
    ($of:expr, $function:ident) => {
        match ($of.is_signed(), $of.bits) {
            (false, 32) => carrying!($function, false, 32),
            (false, 64) => carrying!($function, false, 64),
            (true, 32) => carrying!($function, true, 32),
            (true, 64) => carrying!($function, true, 64),
            _ => return None,
        }
    };
    ($function:ident, $signed:literal, $bits:literal) => {
        Carrying {
            result: |a, b, c, carry| $function::<$signed, $bits>(a, b, c, carry).0,
            carry: |a, b, c, carry| $function::<$signed, $bits>(a, b, c, carry).1,
        }
    };
}

/// Returns the functions of an instruction by its name without what it does with the carry, if
/// it has so many operands.
pub(super) fn carrying(name: &str, of: Type, operands: usize) -> Option<Carrying> {
    Some(match (name, operands) {
        _ if of.is_float() => return None,
        ("add", 2) => carrying!(of, add),
        ("sub", 2) => carrying!(of, sub),
        ("mad.lo", 3) => carrying!(of, mad_lo),
        ("mad.hi", 3) => carrying!(of, mad_hi),
        _ => return None,
    })
}

fn sum<const B: u32>(a: u64, b: u64, carry: u64) -> (u64, u64) {
    let sum = u128::from(keep::<B>(a)) + u128::from(keep::<B>(b)) + u128::from(carry);
    (keep::<B>(sum as u64), (sum >> B) as u64)
}

fn add<const S: bool, const B: u32>(a: u64, b: u64, _: u64, carry: u64) -> (u64, u64) {
    sum::<B>(a, b, carry)
}

fn sub<const S: bool, const B: u32>(a: u64, b: u64, _: u64, borrow: u64) -> (u64, u64) {
    let taken = u128::from(keep::<B>(b)) + u128::from(borrow);
    let borrows = u128::from(keep::<B>(a)) < taken;
    (keep::<B>(a.wrapping_sub(taken as u64)), borrows.into())
}

fn mad_lo<const S: bool, const B: u32>(a: u64, b: u64, c: u64, carry: u64) -> (u64, u64) {
    sum::<B>(a.wrapping_mul(b), c, carry)
}

fn mad_hi<const S: bool, const B: u32>(a: u64, b: u64, c: u64, carry: u64) -> (u64, u64) {
    let product = value::<S, B>(a).wrapping_mul(value::<S, B>(b));
    sum::<B>((product >> B) as u64, c, carry)
}
