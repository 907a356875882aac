//! What the instructions named `.approx` compute: here, the nearest number.
//!
//! The hardware approximates them from tables, to some last bits that no document gives; here a
//! result is computed in `f64` and rounded once more. A kernel that uses one runs, but its bits
//! are not those of a GPU.

use super::arithmetic::{Binary, Unary};
use super::types::{Kind, Type};

/// Chooses by whether numbers below the normal ones are taken as zeros, `.ftz`.
macro_rules! approximate {
    ($flush:expr, $function:expr) => {
        if $flush { |a| near::<true>(a, $function) } else { |a| near::<false>(a, $function) }
    };
}

/// Returns the function of an approximation with one operand, by its name.
pub(super) fn unary(name: &str, of: Type) -> Option<Unary> {
    let (name, flush) = named(name, of)?;
    Some(match name {
        "ex2.approx" => approximate!(flush, f64::exp2),
        "lg2.approx" => approximate!(flush, f64::log2),
        "rcp.approx" => approximate!(flush, f64::recip),
        "sqrt.approx" => approximate!(flush, f64::sqrt),
        "rsqrt.approx" => approximate!(flush, |a| a.sqrt().recip()),
        "sin.approx" => approximate!(flush, f64::sin),
        "cos.approx" => approximate!(flush, f64::cos),
        "tanh.approx" if !flush => |a| near::<false>(a, f64::tanh),
        _ => return None,
    })
}

/// Returns the function of an approximation with two operands.
pub(super) fn binary(name: &str, of: Type) -> Option<Binary> {
    let (name, flush) = named(name, of)?;
    Some(match (name, flush) {
        ("div.approx" | "div.full", true) => quotient::<true>,
        ("div.approx" | "div.full", false) => quotient::<false>,
        _ => return None,
    })
}

fn named(name: &str, of: Type) -> Option<(&str, bool)> {
    let single = Type { kind: Kind::Float, bits: 32 };
    let plain = name.strip_suffix(".ftz");
    (of == single).then_some((plain.unwrap_or(name), plain.is_some()))
}

fn near<const FLUSH: bool>(a: u64, function: fn(f64) -> f64) -> u64 {
    result::<FLUSH>(function(operand::<FLUSH>(a)))
}

fn quotient<const FLUSH: bool>(a: u64, b: u64) -> u64 {
    result::<FLUSH>(operand::<FLUSH>(a) / operand::<FLUSH>(b))
}

fn operand<const FLUSH: bool>(word: u64) -> f64 {
    flushed::<FLUSH>(f32::from_bits(word as u32)).into()
}

fn result<const FLUSH: bool>(number: f64) -> u64 {
    let number = flushed::<FLUSH>(number as f32);
    if number.is_nan() { 0x7fff_ffff } else { number.to_bits().into() }
}

fn flushed<const FLUSH: bool>(number: f32) -> f32 {
    if FLUSH && number.is_subnormal() { 0f32.copysign(number) } else { number }
}
