//! What the instructions on floating-point numbers compute, rounded to nearest.

use std::cmp::Ordering;
use std::ops::{Add, Div, Mul, Neg, Sub};

use super::arithmetic::{Binary, Ternary, Unary, value};
use super::types::Type;
use super::{approximate, directed};

/// A type of floating-point numbers, in registers.
trait Real:
    Copy
    + PartialOrd
    + Add<Output = Self>
    + Sub<Output = Self>
    + Mul<Output = Self>
    + Div<Output = Self>
    + Neg<Output = Self>
{
    fn of(word: u64) -> Self;
    fn bits(self) -> u64;
    /// Has the bits that the hardware gives a NaN.
    fn result(self) -> u64;
    fn fused(self, b: Self, c: Self) -> Self;
    fn order(&self, other: &Self) -> Ordering;
    fn root(self) -> Self;
    fn rounded(self, how: Rounding) -> Self;
    fn of_integer(integer: i128) -> Self;
    fn to_integer(self) -> i128;
    fn one() -> Self;
}

#[derive(Clone, Copy)]
enum Rounding {
    Nearest,
    Zero,
    Down,
    Up,
}

macro_rules! real {
    ($float:ty, $bits:ty, $nan:expr) => {
        impl Real for $float {
            fn of(word: u64) -> Self {
                Self::from_bits(word as $bits)
            }
            fn bits(self) -> u64 {
                u64::from(self.to_bits())
            }
            fn result(self) -> u64 {
                if self.is_nan() { $nan } else { self.bits() }
            }
            fn fused(self, b: Self, c: Self) -> Self {
                self.mul_add(b, c)
            }
            fn order(&self, other: &Self) -> Ordering {
                self.total_cmp(other)
            }
            fn root(self) -> Self {
                self.sqrt()
            }
            fn rounded(self, how: Rounding) -> Self {
                match how {
                    Rounding::Nearest => self.round_ties_even(),
                    Rounding::Zero => self.trunc(),
                    Rounding::Down => self.floor(),
                    Rounding::Up => self.ceil(),
                }
            }
            fn of_integer(integer: i128) -> Self {
                integer as Self
            }
            fn to_integer(self) -> i128 {
                self as i128
            }
            fn one() -> Self {
                1.0
            }
        }
    };
}

real!(f32, u32, 0x7fff_ffff);
real!(f64, u64, 0xfff8_0000_0000_0000);

macro_rules! float {
    ($of:expr, $function:ident) => {
        if $of.bits == 32 { $function::<f32> } else { $function::<f64> }
    };
}

pub(super) fn unary(name: &str, of: Type) -> Option<Unary> {
    Some(match name {
        "neg" => float!(of, neg),
        "abs" => float!(of, abs),
        "sqrt.rn" => float!(of, sqrt),
        "rcp.rn" => float!(of, reciprocal),
        _ => return approximate::unary(name, of),
    })
}

fn neg<F: Real>(a: u64) -> u64 {
    (-F::of(a)).bits()
}

fn abs<F: Real>(a: u64) -> u64 {
    let negative = F::of(a).order(&F::of(0)) == Ordering::Less;
    if negative { neg::<F>(a) } else { F::of(a).bits() }
}

fn sqrt<F: Real>(a: u64) -> u64 {
    F::of(a).root().result()
}

fn reciprocal<F: Real>(a: u64) -> u64 {
    (F::one() / F::of(a)).result()
}

pub(super) fn binary(name: &str, of: Type) -> Option<Binary> {
    Some(match name {
        "add" | "add.rn" => float!(of, add),
        "sub" | "sub.rn" => float!(of, sub),
        "mul" | "mul.rn" => float!(of, mul),
        "div.rn" => float!(of, div),
        "min" => float!(of, min),
        "max" => float!(of, max),
        "min.NaN" => float!(of, min_or_nan),
        "max.NaN" => float!(of, max_or_nan),
        _ if of.bits == 32 => {
            return directed::binary(name).or_else(|| approximate::binary(name, of));
        }
        _ => return None,
    })
}

fn add<F: Real>(a: u64, b: u64) -> u64 {
    (F::of(a) + F::of(b)).result()
}

fn sub<F: Real>(a: u64, b: u64) -> u64 {
    (F::of(a) - F::of(b)).result()
}

fn mul<F: Real>(a: u64, b: u64) -> u64 {
    (F::of(a) * F::of(b)).result()
}

fn div<F: Real>(a: u64, b: u64) -> u64 {
    (F::of(a) / F::of(b)).result()
}

/// Of a number and a NaN it is the number; -0 is below +0.
fn min<F: Real>(a: u64, b: u64) -> u64 {
    chosen::<F>(a, b, Ordering::Less)
}

fn max<F: Real>(a: u64, b: u64) -> u64 {
    chosen::<F>(a, b, Ordering::Greater)
}

fn chosen<F: Real>(a: u64, b: u64, wanted: Ordering) -> u64 {
    let (a, b) = (F::of(a), F::of(b));
    if is_nan(a) || (!is_nan(b) && a.order(&b) != wanted) { b.result() } else { a.result() }
}

/// Unlike [`min`], it is a NaN if one of them is.
fn min_or_nan<F: Real>(a: u64, b: u64) -> u64 {
    if nan::<F>(a, b) == 1 { (F::of(a) + F::of(b)).result() } else { min::<F>(a, b) }
}

fn max_or_nan<F: Real>(a: u64, b: u64) -> u64 {
    if nan::<F>(a, b) == 1 { (F::of(a) + F::of(b)).result() } else { max::<F>(a, b) }
}

fn is_nan<F: Real>(a: F) -> bool {
    a.partial_cmp(&a).is_none()
}

pub(super) fn ternary(name: &str, of: Type) -> Option<Ternary> {
    Some(match name {
        "fma.rn" | "mad.rn" => float!(of, fma),
        _ if of.bits == 32 => return directed::ternary(name),
        _ => return None,
    })
}

fn fma<F: Real>(a: u64, b: u64, c: u64) -> u64 {
    F::of(a).fused(F::of(b), F::of(c)).result()
}

/// Returns the function of a comparison; a name in `u` holds also of a NaN.
pub(super) fn comparison(name: &str, of: Type) -> Option<Binary> {
    Some(match name {
        "eq" => float!(of, eq),
        "ne" => float!(of, ne),
        "lt" => float!(of, lt),
        "le" => float!(of, le),
        "gt" => float!(of, gt),
        "ge" => float!(of, ge),
        "equ" => float!(of, equ),
        "neu" => float!(of, neu),
        "ltu" => float!(of, ltu),
        "leu" => float!(of, leu),
        "gtu" => float!(of, gtu),
        "geu" => float!(of, geu),
        "num" => float!(of, num),
        "nan" => float!(of, nan),
        _ => return None,
    })
}

macro_rules! compare {
    ($name:ident, $orders:pat) => {
        fn $name<F: Real>(a: u64, b: u64) -> u64 {
            u64::from(matches!(F::of(a).partial_cmp(&F::of(b)), $orders))
        }
    };
}

compare!(eq, Some(Ordering::Equal));
compare!(ne, Some(Ordering::Less | Ordering::Greater));
compare!(lt, Some(Ordering::Less));
compare!(le, Some(Ordering::Less | Ordering::Equal));
compare!(gt, Some(Ordering::Greater));
compare!(ge, Some(Ordering::Greater | Ordering::Equal));
compare!(equ, None | Some(Ordering::Equal));
compare!(neu, None | Some(Ordering::Less | Ordering::Greater));
compare!(ltu, None | Some(Ordering::Less));
compare!(leu, None | Some(Ordering::Less | Ordering::Equal));
compare!(gtu, None | Some(Ordering::Greater));
compare!(geu, None | Some(Ordering::Greater | Ordering::Equal));

fn num<F: Real>(a: u64, b: u64) -> u64 {
    u64::from(!is_nan(F::of(a)) && !is_nan(F::of(b)))
}

fn nan<F: Real>(a: u64, b: u64) -> u64 {
    1 - num::<F>(a, b)
}

/// Returns what makes a floating-point number of an integer.
pub(super) fn of_integer(from: Type, to: Type) -> Option<Unary> {
    macro_rules! from {
        ($float:ty) => {
            match (from.is_signed(), from.bits) {
                (false, 8) => converted::<$float, false, 8>,
                (false, 16) => converted::<$float, false, 16>,
                (false, 32) => converted::<$float, false, 32>,
                (false, 64) => converted::<$float, false, 64>,
                (true, 8) => converted::<$float, true, 8>,
                (true, 16) => converted::<$float, true, 16>,
                (true, 32) => converted::<$float, true, 32>,
                (true, 64) => converted::<$float, true, 64>,
                _ => return None,
            }
        };
    }
    Some(if to.bits == 32 { from!(f32) } else { from!(f64) })
}

fn converted<F: Real, const S: bool, const B: u32>(word: u64) -> u64 {
    F::of_integer(value::<S, B>(word)).bits()
}

/// Returns what makes an integer of a floating-point number that is one; the nearest if the
/// type is too narrow.
pub(super) fn to_integer(from: Type, to: Type) -> Option<Unary> {
    macro_rules! to {
        ($float:ty) => {
            match (to.is_signed(), to.bits) {
                (false, 16) => clamped::<$float, false, 16>,
                (false, 32) => clamped::<$float, false, 32>,
                (false, 64) => clamped::<$float, false, 64>,
                (true, 16) => clamped::<$float, true, 16>,
                (true, 32) => clamped::<$float, true, 32>,
                (true, 64) => clamped::<$float, true, 64>,
                _ => return None,
            }
        };
    }
    Some(if from.bits == 32 { to!(f32) } else { to!(f64) })
}

fn clamped<F: Real, const S: bool, const B: u32>(word: u64) -> u64 {
    let span = 1i128 << if S { B - 1 } else { B };
    let integer = F::of(word).to_integer().clamp(if S { -span } else { 0 }, span - 1);
    integer as u64 & (u64::MAX >> (64 - B))
}

/// Returns what rounds to an integer, by the name of the rounding.
pub(super) fn rounded(name: &str, of: Type) -> Option<Unary> {
    macro_rules! to {
        ($float:ty) => {
            match name {
                "rni" => |word| <$float>::of(word).rounded(Rounding::Nearest).result(),
                "rzi" => |word| <$float>::of(word).rounded(Rounding::Zero).result(),
                "rmi" => |word| <$float>::of(word).rounded(Rounding::Down).result(),
                "rpi" => |word| <$float>::of(word).rounded(Rounding::Up).result(),
                _ => return None,
            }
        };
    }
    Some(if of.bits == 32 { to!(f32) } else { to!(f64) })
}

/// Returns what takes a number to the nearest from 0 to 1, and a NaN to 0.
pub(super) fn saturated(of: Type) -> Unary {
    fn saturate<F: Real>(a: u64) -> u64 {
        let (a, one) = (F::of(a), F::one());
        match (a.partial_cmp(&F::of(0)), a.partial_cmp(&one)) {
            (Some(Ordering::Greater), Some(Ordering::Greater)) => one.bits(),
            (Some(Ordering::Greater), _) => a.bits(),
            _ => 0,
        }
    }
    float!(of, saturate)
}

/// Returns what turns a floating-point number into one of another width.
pub(super) fn resized(rounding: &str, from: Type, to: Type) -> Option<Unary> {
    match (rounding, from.bits, to.bits) {
        ("", 32, 64) => Some(|word| f64::from(f32::of(word)).result()),
        ("rn", 64, 32) => Some(|word| (f64::of(word) as f32).result()),
        (_, 64, 32) => directed::narrowed(rounding),
        _ => None,
    }
}
