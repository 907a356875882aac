//! What the instructions on integers compute, as functions on words of 64 bits.
//!
//! A register holds its value with zeros above its width. A function reads as many bits of its
//! operands as its type has, and returns zeros above the width of its result.

use super::float;
use super::types::{Kind, Type};

pub(super) type Unary = fn(u64) -> u64;
pub(super) type Binary = fn(u64, u64) -> u64;
pub(super) type Ternary = fn(u64, u64, u64) -> u64;
pub(super) type Quaternary = fn(u64, u64, u64, u64) -> u64;

/// Chooses a function by the sign and the width of an integer type.
macro_rules! integer {
    ($of:expr, $function:ident) => {
        match ($of.is_signed(), $of.bits) {
            (false, 16) => $function::<false, 16>,
            (false, 32) => $function::<false, 32>,
            (false, 64) => $function::<false, 64>,
            (true, 16) => $function::<true, 16>,
            (true, 32) => $function::<true, 32>,
            (true, 64) => $function::<true, 64>,
            _ => return None,
        }
    };
}

/// Chooses a function by the width alone.
macro_rules! bits {
    ($of:expr, $function:ident) => {
        match $of.bits {
            1 => $function::<1>,
            8 => $function::<8>,
            16 => $function::<16>,
            32 => $function::<32>,
            64 => $function::<64>,
            _ => return None,
        }
    };
}

/// Keeps the low bits of a word.
pub(super) fn keep<const BITS: u32>(word: u64) -> u64 {
    word & (u64::MAX >> (64 - BITS))
}

/// Reads the number in the low bits of a word.
pub(super) fn value<const SIGNED: bool, const BITS: u32>(word: u64) -> i128 {
    let unused = 64 - BITS;
    if SIGNED {
        i128::from(((word << unused) as i64) >> unused)
    } else {
        i128::from(keep::<BITS>(word))
    }
}

/// Returns what keeps as many low bits.
pub(super) fn kept(bits: u32) -> Option<Unary> {
    let of = Type { kind: Kind::Unsigned, bits };
    Some(bits!(of, keep))
}

/// Returns what fills a word with the number in the low bits of another.
pub(super) fn extended(of: Type) -> Option<Unary> {
    fn extend<const SIGNED: bool, const BITS: u32>(word: u64) -> u64 {
        value::<SIGNED, BITS>(word) as u64
    }
    match (of.is_signed(), of.bits) {
        (true, 8) => Some(extend::<true, 8>),
        (true, _) => Some(integer!(of, extend)),
        _ => kept(of.bits),
    }
}

/// Returns the function of an instruction with one operand, by its name without its type.
pub(super) fn unary(name: &str, of: Type) -> Option<Unary> {
    if of.is_float() {
        return float::unary(name, of);
    }
    Some(match name {
        "not" => bits!(of, not),
        "neg" => integer!(of, neg),
        "abs" => integer!(of, abs),
        "popc" => bits!(of, ones),
        "clz" => bits!(of, leading_zeros),
        "brev" => bits!(of, reversed),
        _ => return None,
    })
}

fn not<const B: u32>(a: u64) -> u64 {
    keep::<B>(!a)
}

fn neg<const S: bool, const B: u32>(a: u64) -> u64 {
    keep::<B>(a.wrapping_neg())
}

fn abs<const S: bool, const B: u32>(a: u64) -> u64 {
    keep::<B>(value::<S, B>(a).unsigned_abs() as u64)
}

fn ones<const B: u32>(a: u64) -> u64 {
    u64::from(keep::<B>(a).count_ones())
}

fn leading_zeros<const B: u32>(a: u64) -> u64 {
    u64::from(keep::<B>(a).leading_zeros() + B - 64)
}

fn reversed<const B: u32>(a: u64) -> u64 {
    a.reverse_bits() >> (64 - B)
}

/// Returns the function of an instruction with two operands.
pub(super) fn binary(name: &str, of: Type) -> Option<Binary> {
    if of.is_float() {
        return float::binary(name, of);
    }
    Some(match name {
        "and" => bits!(of, and),
        "or" => bits!(of, or),
        "xor" => bits!(of, xor),
        "add" => integer!(of, add),
        "sub" => integer!(of, sub),
        "mul.lo" => integer!(of, mul_lo),
        "mul.hi" => integer!(of, mul_hi),
        "mul.wide" if of.bits < 64 => integer!(of, mul_wide),
        "div" => integer!(of, div),
        "rem" => integer!(of, rem),
        "min" => integer!(of, min),
        "max" => integer!(of, max),
        "shl" => integer!(of, shl),
        "shr" => integer!(of, shr),
        "add.sat" if of.is_signed() && of.bits == 32 => {
            |a, b| u64::from((a as i32).saturating_add(b as i32) as u32)
        }
        "sub.sat" if of.is_signed() && of.bits == 32 => {
            |a, b| u64::from((a as i32).saturating_sub(b as i32) as u32)
        }
        _ => return None,
    })
}

fn and<const B: u32>(a: u64, b: u64) -> u64 {
    keep::<B>(a & b)
}

fn or<const B: u32>(a: u64, b: u64) -> u64 {
    keep::<B>(a | b)
}

fn xor<const B: u32>(a: u64, b: u64) -> u64 {
    keep::<B>(a ^ b)
}

pub(super) fn add<const S: bool, const B: u32>(a: u64, b: u64) -> u64 {
    keep::<B>(a.wrapping_add(b))
}

pub(super) fn sub<const S: bool, const B: u32>(a: u64, b: u64) -> u64 {
    keep::<B>(a.wrapping_sub(b))
}

fn mul_lo<const S: bool, const B: u32>(a: u64, b: u64) -> u64 {
    keep::<B>(a.wrapping_mul(b))
}

fn product<const S: bool, const B: u32>(a: u64, b: u64) -> i128 {
    value::<S, B>(a).wrapping_mul(value::<S, B>(b))
}

fn mul_hi<const S: bool, const B: u32>(a: u64, b: u64) -> u64 {
    keep::<B>((product::<S, B>(a, b) >> B) as u64)
}

fn mul_wide<const S: bool, const B: u32>(a: u64, b: u64) -> u64 {
    product::<S, B>(a, b) as u64 & (u64::MAX >> (64 - 2 * B))
}

/// By zero it is all ones, as on NVIDIA's hardware; the language leaves it open.
fn div<const S: bool, const B: u32>(a: u64, b: u64) -> u64 {
    let (a, b) = (value::<S, B>(a), value::<S, B>(b));
    if b == 0 {
        keep::<B>(u64::MAX)
    } else if S {
        keep::<B>((a as i64).wrapping_div(b as i64) as u64)
    } else {
        a as u64 / b as u64
    }
}

fn rem<const S: bool, const B: u32>(a: u64, b: u64) -> u64 {
    let (a, b) = (value::<S, B>(a), value::<S, B>(b));
    if b == 0 {
        keep::<B>(u64::MAX)
    } else if S {
        keep::<B>((a as i64).wrapping_rem(b as i64) as u64)
    } else {
        a as u64 % b as u64
    }
}

fn min<const S: bool, const B: u32>(a: u64, b: u64) -> u64 {
    keep::<B>(value::<S, B>(a).min(value::<S, B>(b)) as u64)
}

fn max<const S: bool, const B: u32>(a: u64, b: u64) -> u64 {
    keep::<B>(value::<S, B>(a).max(value::<S, B>(b)) as u64)
}

/// The distance of a shift has 32 bits, whatever is shifted; beyond the width nothing is left.
fn shl<const S: bool, const B: u32>(a: u64, by: u64) -> u64 {
    keep::<B>(a.checked_shl(by as u32).unwrap_or(0))
}

fn shr<const S: bool, const B: u32>(a: u64, by: u64) -> u64 {
    keep::<B>((value::<S, B>(a) >> (by as u32).min(B)) as u64)
}

/// Returns the function of a comparison, by what holds and the type.
pub(super) fn comparison(name: &str, of: Type) -> Option<Binary> {
    if of.is_float() {
        return float::comparison(name, of);
    }
    let unsigned = Type { kind: Kind::Unsigned, ..of };
    Some(match name {
        "eq" => integer!(of, eq),
        "ne" => integer!(of, ne),
        "lt" => integer!(of, lt),
        "le" => integer!(of, le),
        "gt" => integer!(of, gt),
        "ge" => integer!(of, ge),
        "lo" => integer!(unsigned, lt),
        "ls" => integer!(unsigned, le),
        "hi" => integer!(unsigned, gt),
        "hs" => integer!(unsigned, ge),
        _ => return None,
    })
}

macro_rules! compare {
    ($name:ident, $sign:tt) => {
        fn $name<const S: bool, const B: u32>(a: u64, b: u64) -> u64 {
            u64::from(value::<S, B>(a) $sign value::<S, B>(b))
        }
    };
}

compare!(eq, ==);
compare!(ne, !=);
compare!(lt, <);
compare!(le, <=);
compare!(gt, >);
compare!(ge, >=);

/// Returns the function of an instruction with three operands.
pub(super) fn ternary(name: &str, of: Type) -> Option<Ternary> {
    match name {
        "selp" => return Some(bits!(of, select)),
        _ if of.is_float() => return float::ternary(name, of),
        _ => {}
    }
    Some(match name {
        "mad.lo" => integer!(of, mad_lo),
        "mad.hi" => integer!(of, mad_hi),
        "mad.wide" if of.bits < 64 => integer!(of, mad_wide),
        "bfe" => integer!(of, extract),
        "prmt" if of.bits == 32 => permute,
        "shf.l.wrap" if of.bits == 32 => |a, b, n| funnel_left(a, b, n & 31),
        "shf.l.clamp" if of.bits == 32 => |a, b, n| funnel_left(a, b, keep::<32>(n).min(32)),
        "shf.r.wrap" if of.bits == 32 => |a, b, n| funnel_right(a, b, n & 31),
        "shf.r.clamp" if of.bits == 32 => |a, b, n| funnel_right(a, b, keep::<32>(n).min(32)),
        _ => return None,
    })
}

fn select<const B: u32>(a: u64, b: u64, predicate: u64) -> u64 {
    keep::<B>(if predicate & 1 == 1 { a } else { b })
}

fn mad_lo<const S: bool, const B: u32>(a: u64, b: u64, c: u64) -> u64 {
    keep::<B>(a.wrapping_mul(b).wrapping_add(c))
}

fn mad_hi<const S: bool, const B: u32>(a: u64, b: u64, c: u64) -> u64 {
    keep::<B>(mul_hi::<S, B>(a, b).wrapping_add(c))
}

fn mad_wide<const S: bool, const B: u32>(a: u64, b: u64, c: u64) -> u64 {
    mul_wide::<S, B>(a, b).wrapping_add(c) & (u64::MAX >> (64 - 2 * B))
}

/// Takes `len` bits from `place` on. Above the word stand copies of its sign.
pub(super) fn extract<const S: bool, const B: u32>(a: u64, place: u64, len: u64) -> u64 {
    let (place, len) = ((place & 255) as u32, (len & 255) as u32);
    let shifted = value::<S, B>(a) >> place.min(127);
    if len == 0 || len >= B {
        return if len == 0 { 0 } else { keep::<B>(shifted as u64) };
    }
    let unused = 64 - len;
    let high = (shifted as u64) << unused;
    keep::<B>(if S { ((high as i64) >> unused) as u64 } else { high >> unused })
}

fn permute(a: u64, b: u64, selectors: u64) -> u64 {
    let bytes = (keep::<32>(a) | b << 32).to_le_bytes();
    let byte = |at: u32| {
        let selector = (selectors >> (4 * at)) & 15;
        let byte = bytes[(selector & 7) as usize];
        // The highest bit of a selector asks for the byte's sign in each place.
        if selector & 8 == 0 { byte } else { ((byte as i8) >> 7) as u8 }
    };
    u64::from(u32::from_le_bytes([byte(0), byte(1), byte(2), byte(3)]))
}

fn funnel_left(low: u64, high: u64, by: u64) -> u64 {
    let both = u128::from(keep::<32>(low) | high << 32);
    keep::<32>(((both << by) >> 32) as u64)
}

fn funnel_right(low: u64, high: u64, by: u64) -> u64 {
    keep::<32>((keep::<32>(low) | high << 32) >> by)
}

/// Returns the function of an instruction with four operands.
pub(super) fn quaternary(name: &str, of: Type) -> Option<Quaternary> {
    Some(match name {
        "bfi" => bits!(of, insert),
        "lop3" if of.bits == 32 => logic_of_three,
        _ => return None,
    })
}

/// Puts the low `len` bits of `a` to `place` in `b`.
pub(super) fn insert<const B: u32>(a: u64, b: u64, place: u64, len: u64) -> u64 {
    let (place, len) = ((place & 255) as u32, (len & 255) as u32);
    let ones = u64::MAX.checked_shl(len).map_or(u64::MAX, |above| !above);
    let mask = ones.checked_shl(place).unwrap_or(0);
    keep::<B>((b & !mask) | (a.checked_shl(place).unwrap_or(0) & mask))
}

/// The table says what becomes of the bits of three words, by place 4 a + 2 b + c.
fn logic_of_three(a: u64, b: u64, c: u64, table: u64) -> u64 {
    let term = |at: u64| {
        let of = |word: u64, bit: u64| if at & bit == 0 { !word } else { word };
        if table >> at & 1 == 1 { of(a, 4) & of(b, 2) & of(c, 1) } else { 0 }
    };
    keep::<32>((0..8).map(term).fold(0, |all, term| all | term))
}
