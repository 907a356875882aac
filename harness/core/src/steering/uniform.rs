//! Unbiased draws from a keyed ChaCha20 stream.

use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

use crate::digest::Digest;

/// Opens the ChaCha20 stream whose 256-bit key is `key`.
pub(crate) fn keyed_stream(key: Digest) -> ChaCha20Rng {
    ChaCha20Rng::from_seed(key.0)
}

/// Draws an integer below `bound`: 64-bit words of the stream are taken until
/// one lies below the largest multiple of `bound`, and reduced modulo `bound`.
///
/// Rejection keeps the draw uniform; the rule is this simple so that anybody
/// can repeat it in another language.
pub(crate) fn below(stream: &mut ChaCha20Rng, bound: u64) -> u64 {
    let excess = (u64::MAX % bound + 1) % bound;
    loop {
        let word = stream.next_u64();
        if word <= u64::MAX - excess {
            return word % bound;
        }
    }
}

/// Puts a uniform random selection of `count` items to the front of `items`,
/// in random order: the first `count` steps of the Fisher-Yates shuffle, from
/// the left. Item `i` is exchanged with item `i + below(len - i)`.
pub(crate) fn shuffle_prefix<T>(stream: &mut ChaCha20Rng, items: &mut [T], count: usize) {
    for i in 0..count.min(items.len()) {
        let offset = below(stream, (items.len() - i) as u64);
        items.swap(i, i + offset as usize);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_order_is_equally_likely() {
        let mut counts = std::collections::BTreeMap::new();
        for round in 0..6000u64 {
            let key = crate::digest::Hasher::new("reenact test").u64(round).finish();
            let mut items = [0, 1, 2];
            shuffle_prefix(&mut keyed_stream(key), &mut items, 3);
            *counts.entry(items).or_insert(0u32) += 1;
        }
        let chi_squared: f64 =
            counts.values().map(|&n| (f64::from(n) - 1000.0).powi(2) / 1000.0).sum();
        assert_eq!(counts.len(), 6);
        assert!(chi_squared < 20.5, "p = 0.001 at 5 degrees of freedom: {chi_squared}");
    }
}
