//! Arithmetic of `f32` that rounds down, up or to zero.
//!
//! `f64` holds a product of two `f32` without rounding; of a sum, it holds what is left beside
//! the rounded sum. Both together say on which side of an `f32` the exact number lies.

use super::arithmetic::{Binary, Ternary, Unary};

/// A number that is the sum of two.
#[derive(Clone, Copy)]
struct Exact {
    /// The whole, rounded to nearest.
    sum: f64,
    /// What is missing, much smaller.
    rest: f64,
    /// What an exact zero is if it is rounded down.
    zero_down: f64,
}

type Toward = fn(Exact) -> f32;

/// Returns the function of an instruction with three operands, as `fma.rm`.
pub(super) fn ternary(name: &str) -> Option<Ternary> {
    Some(match name {
        "fma.rm" => |a, b, c| fused(a, b, c, down),
        "fma.rp" => |a, b, c| fused(a, b, c, up),
        "fma.rz" => |a, b, c| fused(a, b, c, to_zero),
        _ => return None,
    })
}

/// Returns the function of an instruction with two operands.
pub(super) fn binary(name: &str) -> Option<Binary> {
    Some(match name {
        "add.rm" => |a, b| sum(number(a), number(b), down),
        "add.rp" => |a, b| sum(number(a), number(b), up),
        "add.rz" => |a, b| sum(number(a), number(b), to_zero),
        "sub.rm" => |a, b| sum(number(a), -number(b), down),
        "sub.rp" => |a, b| sum(number(a), -number(b), up),
        "sub.rz" => |a, b| sum(number(a), -number(b), to_zero),
        "mul.rm" => |a, b| near(number(a) * number(b), down),
        "mul.rp" => |a, b| near(number(a) * number(b), up),
        "mul.rz" => |a, b| near(number(a) * number(b), to_zero),
        _ => return None,
    })
}

/// Returns what makes an `f32` of an `f64`.
pub(super) fn narrowed(rounding: &str) -> Option<Unary> {
    Some(match rounding {
        "rm" => |a| near(f64::from_bits(a), down),
        "rp" => |a| near(f64::from_bits(a), up),
        "rz" => |a| near(f64::from_bits(a), to_zero),
        _ => return None,
    })
}

fn number(word: u64) -> f64 {
    f32::from_bits(word as u32).into()
}

fn fused(a: u64, b: u64, c: u64, toward: Toward) -> u64 {
    sum(number(a) * number(b), number(c), toward)
}

fn near(sum: f64, toward: Toward) -> u64 {
    result(Exact { sum, rest: 0.0, zero_down: sum }, toward)
}

/// Knuth's sum of two numbers, which loses nothing.
fn sum(a: f64, b: f64, toward: Toward) -> u64 {
    let sum = a + b;
    let of_b = sum - a;
    let rest = (a - (sum - of_b)) + (b - of_b);
    // A zero is positive if it comes of two that are not equal, but negative if rounded down.
    let zero_down = if a.to_bits() == b.to_bits() { sum } else { -0.0 };
    result(Exact { sum, rest, zero_down }, toward)
}

fn result(exact: Exact, toward: Toward) -> u64 {
    let number = if exact.sum.is_finite() { toward(exact) } else { exact.sum as f32 };
    if number.is_nan() { 0x7fff_ffff } else { number.to_bits().into() }
}

fn down(exact: Exact) -> f32 {
    let nearest = exact.sum as f32;
    let above = f64::from(nearest) > exact.sum;
    if exact.sum == 0.0 {
        exact.zero_down as f32
    } else if above || (f64::from(nearest) == exact.sum && exact.rest < 0.0) {
        nearest.next_down()
    } else {
        nearest
    }
}

fn up(exact: Exact) -> f32 {
    if exact.sum == 0.0 {
        return exact.sum as f32;
    }
    -down(Exact { sum: -exact.sum, rest: -exact.rest, zero_down: 0.0 })
}

fn to_zero(exact: Exact) -> f32 {
    if exact.sum > 0.0 { down(exact) } else { up(exact) }
}
