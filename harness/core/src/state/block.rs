//! How much a block of elements differs, at the speed of hashing it.
//!
//! After a divergence every element of a large state differs, so this is as
//! common as equality. [`ulp_distance`] says what is counted; the loops here
//! give the same, over many floats at once.

use super::{DType, ulp_distance};

/// Size of the blocks that are compared at once: small enough for counters of
/// 16 bits, and for a core's cache.
pub(super) const BLOCK_BYTES: usize = 1 << 14;

/// Says how much a block differs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct BlockDifference {
    /// Number of elements that differ.
    pub(super) count: u64,
    /// Largest distance; none where a NaN is involved.
    pub(super) ulp_max: Option<u64>,
}

/// Counts what differs in two blocks of at most [`BLOCK_BYTES`].
pub(super) fn block_difference(dtype: DType, recorded: &[u8], replayed: &[u8]) -> BlockDifference {
    match dtype {
        DType::F16 => differ_f16(recorded, replayed),
        DType::Bf16 => differ_bf16(recorded, replayed),
        DType::F32 => differ_f32(recorded, replayed),
        DType::F64 => differ_f64(recorded, replayed),
        _ => one_by_one(dtype, recorded, replayed),
    }
}

fn one_by_one(dtype: DType, recorded: &[u8], replayed: &[u8]) -> BlockDifference {
    let size = dtype.size() as usize;
    let mut found = BlockDifference { count: 0, ulp_max: Some(0) };
    for (a, b) in recorded.chunks_exact(size).zip(replayed.chunks_exact(size)) {
        if a != b {
            found.count += 1;
            let distance = ulp_distance(dtype, a, b);
            found.ulp_max = found.ulp_max.zip(distance).map(|(a, b)| a.max(b));
        }
    }
    found
}

/// Writes the loop for one float: its bits, signed bits, and positive infinity.
macro_rules! float_loop {
    ($name:ident, $bits:ty, $signed:ty, $infinity:expr) => {
        #[multiversion::multiversion(targets("x86_64+avx512f+avx512bw", "x86_64+avx2"))]
        fn $name(recorded: &[u8], replayed: &[u8]) -> BlockDifference {
            const SIZE: usize = size_of::<$bits>();
            let pairs = recorded.as_chunks::<SIZE>().0.iter().zip(replayed.as_chunks::<SIZE>().0);
            let (mut count, mut nans, mut most): ($bits, $bits, $bits) = (0, 0, 0);
            for (a, b) in pairs {
                let (a, b) = (<$signed>::from_le_bytes(*a), <$signed>::from_le_bytes(*b));
                // Flipping a negative float's other bits orders all floats as
                // integers, with one place each for -0 and +0.
                let rank = |bits: $signed| bits ^ ((bits >> (8 * SIZE - 1)) & <$signed>::MAX);
                let nan = |bits: $signed| (bits & <$signed>::MAX) > $infinity;
                // Nothing wraps in a block, but checking would keep it slow.
                count = count.wrapping_add(<$bits>::from(a != b));
                nans |= <$bits>::from((a != b) & (nan(a) | nan(b)));
                most = most.max(rank(a).abs_diff(rank(b)));
            }
            let ulp_max = (nans == 0).then_some(u64::from(most));
            BlockDifference { count: u64::from(count), ulp_max }
        }
    };
}

float_loop!(differ_f16, u16, i16, 0x7c00);
float_loop!(differ_bf16, u16, i16, 0x7f80);
float_loop!(differ_f32, u32, i32, 0x7f80_0000);
float_loop!(differ_f64, u64, i64, 0x7ff0_0000_0000_0000);

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const FLOATS: [DType; 4] = [DType::F16, DType::Bf16, DType::F32, DType::F64];

    /// Infinities, NaNs and zeros, of every type, next to ordinary bytes.
    fn odd_bytes() -> impl Strategy<Value = u8> {
        prop_oneof![
            any::<u8>(),
            Just(0),
            Just(0x80),
            Just(0x7f),
            Just(0xff),
            Just(0x7c),
            Just(0xf0)
        ]
    }

    proptest! {
        #[test]
        fn many_at_once_give_what_one_by_one_gives(
            pairs in prop::collection::vec((odd_bytes(), odd_bytes(), any::<bool>()), 0..200),
        ) {
            let a: Vec<u8> = pairs.iter().map(|pair| pair.0).collect();
            let b: Vec<u8> = pairs.iter().map(|pair| if pair.2 { pair.0 } else { pair.1 }).collect();
            for dtype in FLOATS {
                for len in 0..=a.len() / 8 {
                    let (a, b) = (&a[..8 * len], &b[..8 * len]);
                    prop_assert_eq!(block_difference(dtype, a, b), one_by_one(dtype, a, b), "{}", dtype.name());
                }
            }
        }
    }

    #[test]
    fn a_full_block_is_counted() {
        let (a, b) = (vec![0; BLOCK_BYTES], vec![1; BLOCK_BYTES]);
        for dtype in FLOATS {
            let count = BLOCK_BYTES as u64 / dtype.size();
            assert_eq!(block_difference(dtype, &a, &b).count, count);
        }
    }
}
