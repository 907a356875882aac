//! The counter-based generator of the masks.
//!
//! Philox4x32-10 (Salmon, Moraes, Dror, Shaw: Parallel Random Numbers: As Easy as 1, 2, 3;
//! SC 2011). A block of four words is a function of key and counter, so that any number of
//! units draws any part of a mask in any order.

use rayon::prelude::*;

use super::Kept;
use crate::stream::Draw;

/// Words of a block.
pub(super) const WORDS: usize = 4;
/// Rounds that mix a block.
pub(super) const ROUNDS: usize = 10;
/// What the first and the third word are multiplied by.
pub(super) const MULTIPLIERS: [u32; 2] = [0xd251_1f53, 0xcd9e_8d57];
/// What is added to the key from round to round.
pub(super) const WEYL: [u32; 2] = [0x9e37_79b9, 0xbb67_ae85];

/// Blocks that are computed side by side, in the vectors of the processor.
const LANES: usize = 16;
/// Elements that a thread takes at once; also the length from which several threads share.
const PART: usize = 1 << 16;

/// Computes a mask of so many elements on the processor: 0 where an element falls, the factor
/// of those that stay elsewhere. Element `e` takes word `e % 4` of block `e / 4`.
pub(super) fn mask(len: usize, draw: Draw, kept: Kept) -> Vec<f32> {
    let mut mask = vec![0.0; len];
    if len <= PART {
        fill(&mut mask, 0, draw, kept);
        return mask;
    }
    // Each part is a function of its place alone, whoever computes it.
    let part = |(part, elements): (usize, &mut [f32])| {
        fill(elements, (part * (PART / WORDS)) as u64, draw, kept);
    };
    mask.par_chunks_mut(PART).enumerate().for_each(part);
    mask
}

/// Fills a part of a mask that begins with the block `first`.
#[multiversion::multiversion(targets("x86_64+avx512f", "x86_64+avx2", "aarch64+neon"))]
fn fill(part: &mut [f32], first: u64, draw: Draw, kept: Kept) {
    let (groups, rest) = part.as_chunks_mut::<{ WORDS * LANES }>();
    let mut block = first;
    for group in groups {
        *group = elements(block, draw, kept);
        block += LANES as u64;
    }
    let last = elements(block, draw, kept);
    rest.copy_from_slice(&last[..rest.len()]);
}

/// Computes the elements of the blocks from `first` on.
#[inline(always)]
fn elements(first: u64, draw: Draw, kept: Kept) -> [f32; WORDS * LANES] {
    let mut counter = [[0; LANES], [0; LANES], [draw.call; LANES], [0; LANES]];
    #[allow(clippy::needless_range_loop, reason = "lanes of several arrays")]
    for lane in 0..LANES {
        let block = first + lane as u64;
        counter[0][lane] = block as u32;
        counter[1][lane] = (block >> 32) as u32;
    }
    let words = blocks(counter, key(draw.seed));
    let mut elements = [0.0; WORDS * LANES];
    for lane in 0..LANES {
        for word in 0..WORDS {
            let stays = words[word][lane] >= kept.threshold;
            elements[lane * WORDS + word] = if stays { kept.factor } else { 0.0 };
        }
    }
    elements
}

/// Splits a seed into the two words of a key, the lower one first.
pub(super) fn key(seed: u64) -> [u32; 2] {
    [seed as u32, (seed >> 32) as u32]
}

/// Computes blocks side by side: `counter[word][lane]`.
#[inline(always)]
fn blocks<const N: usize>(mut counter: [[u32; N]; WORDS], key: [u32; 2]) -> [[u32; N]; WORDS] {
    let [mut key_0, mut key_1] = key;
    for _ in 0..ROUNDS {
        let [a, b, c, d] = counter;
        for lane in 0..N {
            let first = u64::from(a[lane]) * u64::from(MULTIPLIERS[0]);
            let third = u64::from(c[lane]) * u64::from(MULTIPLIERS[1]);
            counter[0][lane] = (third >> 32) as u32 ^ b[lane] ^ key_0;
            counter[1][lane] = third as u32;
            counter[2][lane] = (first >> 32) as u32 ^ d[lane] ^ key_1;
            counter[3][lane] = first as u32;
        }
        key_0 = key_0.wrapping_add(WEYL[0]);
        key_1 = key_1.wrapping_add(WEYL[1]);
    }
    counter
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Known answers of Random123 1.14 (`kat_vectors`): counter, key, block.
    const KNOWN: [([u32; 4], [u32; 2], [u32; 4]); 3] = [
        ([0; 4], [0; 2], [0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8]),
        ([u32::MAX; 4], [u32::MAX; 2], [0x408f_276d, 0x41c8_3b0e, 0xa20b_c7c6, 0x6d54_51fd]),
        (
            [0x243f_6a88, 0x85a3_08d3, 0x1319_8a2e, 0x0370_7344],
            [0xa409_3822, 0x299f_31d0],
            [0xd16c_fe09, 0x94fd_cceb, 0x5001_e420, 0x2412_6ea1],
        ),
    ];

    #[test]
    fn known_answers() {
        for (counter, key, expected) in KNOWN {
            assert_eq!(blocks(counter.map(|word| [word; 3]), key), expected.map(|word| [word; 3]));
        }
    }

    /// A mask by the definition, one element at a time.
    fn plain(len: usize, draw: Draw, kept: Kept) -> Vec<f32> {
        let element = |at: usize| {
            let block = (at / 4) as u64;
            let counter = [block as u32, (block >> 32) as u32, draw.call, 0];
            let key = [draw.seed as u32, (draw.seed >> 32) as u32];
            let [word] = blocks(counter.map(|word| [word]), key)[at % 4];
            if word >= kept.threshold { kept.factor } else { 0.0 }
        };
        (0..len).map(element).collect()
    }

    #[test]
    fn a_mask_of_any_length_has_the_elements_of_the_definition() {
        let draw = Draw { seed: 0x0123_4567_89ab_cdef, call: 7 };
        let kept = Kept::of(0.3);
        for len in [0, 1, 5, 63, 64, 65, 1000, PART - 1, PART, PART + 1, 3 * PART + 77] {
            assert_eq!(mask(len, draw, kept), plain(len, draw, kept), "{len}");
        }
    }

    #[test]
    fn the_number_of_threads_changes_nothing() {
        let draw = Draw { seed: 99, call: 0 };
        let by = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| mask(5 * PART + 3, draw, Kept::of(0.5)))
        };
        assert_eq!(by(1), by(3));
    }

    #[test]
    fn a_block_beyond_32_bits_counts_on() {
        let draw = Draw { seed: 3, call: 1 };
        let first = u64::from(u32::MAX) - 2;
        let together = elements(first, draw, Kept::of(0.5));
        let later = elements(first + 3, draw, Kept::of(0.5));
        assert_eq!(together[3 * WORDS..], later[..(LANES - 3) * WORDS]);
        assert_ne!(later, elements(0, draw, Kept::of(0.5)));
    }

    #[test]
    fn seed_and_call_change_a_mask() {
        let of = |seed, call| mask(64, Draw { seed, call }, Kept::of(0.5));
        let all = [of(1, 0), of(1, 1), of(2, 0), of(1 << 32, 0), of(1 << 32 | 1, 0)];
        for (at, one) in all.iter().enumerate() {
            assert!(all[..at].iter().all(|other| other != one), "{at}");
        }
    }

    #[test]
    fn the_share_that_falls_is_the_probability() {
        let len = 1 << 20;
        for probability in [0.01, 0.1, 0.5, 0.9] {
            let mask = mask(len, Draw { seed: 5, call: 0 }, Kept::of(probability));
            let fell = mask.iter().filter(|&&element| element == 0.0).count() as f64;
            let spread = (len as f64 * probability * (1.0 - probability)).sqrt();
            assert!((fell - len as f64 * probability).abs() < 5.0 * spread, "{probability} {fell}");
        }
    }
}
