//! Conversions of numbers from one type to another.

use super::arithmetic::{self, Unary};
use super::float;
use super::types::{Kind, Type};

/// Returns the functions that convert a number for a register, which may be wider than its type.
/// The name of the rounding may end in `sat`.
pub(super) fn conversion(
    rounding: &str,
    from: Type,
    to: Type,
    register: Type,
) -> Option<Vec<Unary>> {
    if from.kind == Kind::Predicate || to.kind == Kind::Predicate {
        return None;
    }
    let exact = rounding.strip_suffix("sat").map(|rest| rest.trim_end_matches('.'));
    let (rounding, saturates) = (exact.unwrap_or(rounding), exact.is_some());
    let mut steps = match (from.is_float(), to.is_float()) {
        (true, true) if from == to && rounding.is_empty() && saturates => Vec::new(),
        (true, true) if from == to => vec![float::rounded(rounding, from)?],
        (true, true) => vec![float::resized(rounding, from, to)?],
        (false, true) if rounding == "rn" => vec![float::of_integer(from, to)?],
        (true, false) if to.bits == register.bits => {
            vec![float::rounded(rounding, from)?, float::to_integer(from, to)?]
        }
        (false, false) if rounding.is_empty() && saturates => return clamped(from, to, register),
        (false, false) if rounding.is_empty() => return of_integer(from, to, register.bits),
        _ => return None,
    };
    // An integer of a floating-point number is clamped in any case.
    if saturates && to.is_float() {
        steps.push(float::saturated(to));
    }
    Some(steps)
}

/// Returns what takes an integer to the nearest of a type.
fn clamped(from: Type, to: Type, register: Type) -> Option<Vec<Unary>> {
    fn clamp<const FROM: bool, const S: bool, const B: u32>(word: u64) -> u64 {
        let span = 1i128 << if S { B - 1 } else { B };
        arithmetic::value::<FROM, 64>(word).clamp(if S { -span } else { 0 }, span - 1) as u64
    }
    macro_rules! to {
        ($from:literal) => {
            match (to.is_signed(), to.bits) {
                (false, 8) => clamp::<$from, false, 8>,
                (false, 16) => clamp::<$from, false, 16>,
                (false, 32) => clamp::<$from, false, 32>,
                (false, 64) => clamp::<$from, false, 64>,
                (true, 8) => clamp::<$from, true, 8>,
                (true, 16) => clamp::<$from, true, 16>,
                (true, 32) => clamp::<$from, true, 32>,
                (true, 64) => clamp::<$from, true, 64>,
                _ => return None,
            }
        };
    }
    if to.bits > register.bits {
        return None;
    }
    let clamp: Unary = if from.is_signed() { to!(true) } else { to!(false) };
    Some(vec![arithmetic::extended(from)?, clamp, arithmetic::kept(register.bits)?])
}

fn of_integer(from: Type, to: Type, register_bits: u32) -> Option<Vec<Unary>> {
    let narrower = to.bits <= from.bits;
    if narrower && to.bits == register_bits {
        return Some(vec![arithmetic::kept(to.bits)?]);
    }
    let mut steps = vec![arithmetic::extended(if narrower { to } else { from })?];
    // Only a sign reaches beyond the type that it comes from.
    if from.is_signed() && !narrower && to.bits < register_bits {
        steps.push(arithmetic::extended(to)?);
    }
    if register_bits < 64 && (from.is_signed() || to.is_signed()) {
        steps.push(arithmetic::kept(register_bits)?);
    }
    Some(steps)
}
