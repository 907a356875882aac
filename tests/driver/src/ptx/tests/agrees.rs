//! What LLVM makes of Rust, against what the processor makes of it.
//!
//! `agrees.ptx` is what LLVM 23 makes of `computed`, written as a kernel that reads its three words
//! from the first parameter and writes its results to the second. Whoever changes the function
//! has to compile the text anew: `rustc --emit llvm-ir` on it without checks, the triple
//! `nvptx64-nvidia-cuda`, the calling convention `ptx_kernel`, and LLVM's passes `default<O3>`
//! for `sm_90a`.

use proptest::prelude::*;

use super::super::Module;
use super::Buffers;

const TEXT: &str = include_str!("../../../tests/data/agrees.ptx");
const RESULTS: usize = 40;

/// Computes with every width, sign and kind of number.
fn computed(words: [u64; 3]) -> Vec<u64> {
    let [a, b, c] = words;
    [&of_bits(a, c)[..], &of_integers(a, b, c), &of_floats(a, b), &of_mixtures(a, b, c)].concat()
}

/// Moves and counts bits.
fn of_bits(a: u64, c: u64) -> [u64; 8] {
    let x = a as u32;
    let z = c as u32;
    [
        x.rotate_left(z & 31) as u64,
        a.rotate_right(c as u32),
        a.swap_bytes(),
        x.swap_bytes() as u64,
        a.count_ones() as u64,
        a.leading_zeros() as u64,
        a.trailing_zeros() as u64,
        x.reverse_bits() as u64,
    ]
}

/// Computes with integers of all widths.
fn of_integers(a: u64, b: u64, c: u64) -> [u64; 16] {
    let x = a as u32;
    let y = b as u32;
    let z = c as u32;
    let i = a as i32;
    let j = b as i32;
    let p = a as i64;
    let q = b as i64;
    let h = a as i16;
    let k = b as i16;
    let o = a as u8;
    let u = b as u8;
    [
        p.wrapping_mul(q) as u64,
        ((p as i128 * q as i128) >> 64) as u64,
        ((a as u128 * b as u128) >> 64) as u64,
        if q != 0 { p.wrapping_div(q) as u64 } else { 1 },
        if y != 0 { (x % y) as u64 } else { 2 },
        p.saturating_add(q) as u64,
        x.saturating_sub(y) as u64,
        i.abs_diff(j) as u64,
        h.wrapping_mul(k) as i64 as u64,
        (h >> (c & 15)) as i64 as u64,
        o.wrapping_add(u).rotate_left(3) as u64,
        (o as i8 as i32).wrapping_mul(u as i8 as i32) as i64 as u64,
        (x as u64 * y as u64).wrapping_add(c),
        i.max(j).min(z as i32) as i64 as u64,
        (p >> (c & 63)) as u64,
        ((a >> 13) & 0x3ff) | (b << 40),
    ]
}

/// Computes with floating-point numbers.
fn of_floats(a: u64, b: u64) -> [u64; 7] {
    let x = a as u32;
    let y = b as u32;
    let p = a as i64;
    let q = b as i64;
    [
        (a as f32 * 0.5 + y as f32).to_bits() as u64,
        (p as f64 / (q as f64 + 0.25)).to_bits(),
        f32::from_bits(x).max(f32::from_bits(y)).is_nan() as u64,
        (f32::from_bits(x) < f32::from_bits(y)) as u64,
        f64::from_bits(a) as i64 as u64,
        f32::from_bits(x) as u32 as u64,
        f32::from_bits(y) as i16 as u64,
    ]
}

/// Chooses, divides by constants, and shifts more than a word.
fn of_mixtures(a: u64, b: u64, c: u64) -> [u64; 9] {
    let x = a as u32;
    let y = b as u32;
    let z = c as u32;
    let i = a as i32;
    let j = b as i32;
    let p = a as i64;
    [
        (((a as u128) << 64 | b as u128) >> (c & 127)) as u64,
        a.wrapping_sub(b) ^ (a < b) as u64,
        if x > y && (i < j || z == 3) { a } else { b },
        (x / 7) as u64,
        (p % 1000) as u64,
        (a ^ b) & !c,
        (x & y | z & !x) as u64,
        match z % 7 {
            0 => a,
            1 => b,
            2 => c,
            3 => a ^ 5,
            4 => b & 9,
            5 => !a,
            _ => 77,
        },
        (f32::from_bits(x) as f64).to_bits() & 0x7ff0_0000_0000_0000,
    ]
}

/// A word as it may come, and those at the edges of what it may mean.
fn word() -> impl Strategy<Value = u64> {
    let near =
        (any::<u32>(), 0..64u32).prop_map(|(by, at)| (1u64 << at).wrapping_sub(u64::from(by % 3)));
    let number = (-1e12..1e12f64).prop_map(f64::to_bits);
    let numbers = (-1e6..1e6f32).prop_map(|number| u64::from(number.to_bits()) * 0x1_0000_0001);
    prop_oneof![any::<u64>(), near, number, numbers, 0..9u64, any::<u32>().prop_map(u64::from)]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(2000) })]

    #[test]
    fn the_interpreter_computes_what_the_processor_does(a in word(), b in word(), c in word()) {
        let module = Module::parse(TEXT).unwrap();
        let mut buffers = Buffers::default();
        let words = [a, b, c].iter().flat_map(|word| word.to_le_bytes()).collect();
        let (words, results) = (buffers.add(words), buffers.add(vec![0; 8 * RESULTS]));
        let params = [words, results].map(u64::to_le_bytes).concat();
        module.kernel("diff").unwrap().launch([1; 3], [1; 3], 0, &params, &buffers).unwrap();
        prop_assert_eq!(buffers.words(1), computed([a, b, c]));
    }
}
