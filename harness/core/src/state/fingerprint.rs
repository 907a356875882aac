//! Fingerprints: short, fast digests of one tensor, taken at every step.
//!
//! A fingerprint tells *where* a replay leaves its recording: at which step and
//! in which tensor. What a verdict rests on is the closing state, compared bit
//! for bit and bound by BLAKE3. So a fingerprint has to be cheap enough for
//! every step and to miss no accident; it need not resist somebody who computes
//! collisions, who would only blur the place, never hide the difference.
//!
//! The tensor's bytes are read as little-endian `u32` words (padded with
//! zeros) and folded 256-fold by NH (Black et al. 1999, the hash inside UMAC):
//! in a block of 1024 words, words of the first half and of the second half are
//! paired, added to fixed keys modulo 2^32, multiplied, and the products summed
//! modulo 2^64; a second sum with shifted keys makes 128 bits. The sums of all blocks are folded again, until one
//! block is left, and closed with BLAKE3. Two tensors of one length that
//! differ by accident share a fingerprint with a chance of about 2^-64.
//! Sums of integers do not depend on their order, so a GPU computes the same.

use std::fmt;
use std::sync::LazyLock;

use rand_chacha::rand_core::Rng;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::digest::Hasher;
use crate::steering::keyed_stream;

const BLOCK_WORDS: usize = 1024;
const BLOCK_BYTES: usize = 4 * BLOCK_WORDS;
/// A short block is padded to a multiple of this many words.
const GROUP_WORDS: usize = 16;
/// The second sum reads the key table this many words further on.
const SHIFT: usize = 16;

/// Holds the fingerprint of one tensor.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Fingerprint(pub u64);

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for Fingerprint {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() {
            serializer.collect_str(self)
        } else {
            serializer.serialize_u64(self.0)
        }
    }
}

impl<'de> Deserialize<'de> for Fingerprint {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if deserializer.is_human_readable() {
            let text = String::deserialize(deserializer)?;
            u64::from_str_radix(&text, 16).map(Self).map_err(serde::de::Error::custom)
        } else {
            u64::deserialize(deserializer).map(Self)
        }
    }
}

/// Returns the fingerprint of a tensor's bytes.
pub fn fingerprint(bytes: &[u8]) -> Fingerprint {
    let mut fingerprinter = Fingerprinter::default();
    fingerprinter.update(bytes);
    fingerprinter.finish()
}

/// Takes the fingerprint of bytes that come in pieces. Memory grows with the
/// logarithm of their number only.
#[derive(Default)]
pub struct Fingerprinter {
    rest: Vec<u8>,
    /// Sums that wait to be folded on, by how often they were folded.
    levels: Vec<Vec<u8>>,
    byte_len: u64,
}

impl Fingerprinter {
    /// Adds the next bytes.
    pub fn update(&mut self, mut bytes: &[u8]) {
        self.byte_len += bytes.len() as u64;
        if !self.rest.is_empty() {
            let wanted = (BLOCK_BYTES - self.rest.len()).min(bytes.len());
            self.rest.extend_from_slice(&bytes[..wanted]);
            bytes = &bytes[wanted..];
            if self.rest.len() < BLOCK_BYTES {
                return;
            }
            fold_into(&mut self.levels, 0, &self.rest);
            self.rest.clear();
        }
        let mut blocks = bytes.chunks_exact(BLOCK_BYTES);
        for block in &mut blocks {
            fold_into(&mut self.levels, 0, block);
        }
        self.rest.extend_from_slice(blocks.remainder());
    }

    /// Ends the fingerprint.
    pub fn finish(mut self) -> Fingerprint {
        if !self.rest.is_empty() {
            fold_into(&mut self.levels, 0, &self.rest);
        }
        let mut level = 0;
        while level + 1 < self.levels.len() {
            let waiting = std::mem::take(&mut self.levels[level]);
            level += 1;
            fold_into(&mut self.levels, level, &waiting);
        }
        let sums = self.levels.pop().unwrap_or_default();
        let digest = CLOSING.clone().u64(self.byte_len).bytes(&sums).finish();
        let (first, _) = digest.0.split_first_chunk().expect("a digest has 32 bytes");
        Fingerprint(u64::from_le_bytes(*first))
    }
}

/// Sums a block into a level. A level is folded into the next only when more
/// comes than one block of it, as a last block is not folded.
fn fold_into(levels: &mut Vec<Vec<u8>>, level: usize, block: &[u8]) {
    if levels.len() == level {
        // At once in full: growing would cost a seventh of a small tensor.
        levels.push(Vec::with_capacity(BLOCK_BYTES));
    }
    if levels[level].len() == BLOCK_BYTES {
        let mut full = std::mem::take(&mut levels[level]);
        fold_into(levels, level + 1, &full);
        full.clear();
        levels[level] = full;
    }
    push_padded(&mut levels[level], block);
}

fn push_padded(sums: &mut Vec<u8>, rest: &[u8]) {
    if rest.len() == BLOCK_BYTES {
        return push_block(sums, rest);
    }
    // Only up to a whole group: zero words and a shorter sum would differ, as
    // keys are added to the words.
    let mut block = [0; BLOCK_BYTES];
    block[..rest.len()].copy_from_slice(rest);
    push_block(sums, &block[..rest.len().next_multiple_of(4 * GROUP_WORDS)]);
}

fn push_block(sums: &mut Vec<u8>, block: &[u8]) {
    let (first, second) = nh(block, &KEYS);
    sums.extend_from_slice(&first.to_le_bytes());
    sums.extend_from_slice(&second.to_le_bytes());
}

/// Deriving the domain's key costs more than closing a small tensor.
static CLOSING: LazyLock<Hasher> = LazyLock::new(|| Hasher::new("reenact v1 fingerprint"));

/// The keys: the first words of the ChaCha20 stream keyed by BLAKE3 of nothing
/// in this domain. They are public; see the module on what that means.
static KEYS: LazyLock<[[u32; BLOCK_WORDS / 2 + SHIFT]; 2]> = LazyLock::new(|| {
    let mut stream = keyed_stream(Hasher::new("reenact v1 fingerprint keys").finish());
    std::array::from_fn(|_| std::array::from_fn(|_| stream.next_u32()))
});

/// Sums a block: word `i` of its first half is paired with word `i` of its
/// second half, so that a SIMD machine needs no shuffle.
#[multiversion::multiversion(targets("x86_64+avx512f", "x86_64+avx2", "aarch64+neon"))]
fn nh(block: &[u8], keys: &[[u32; BLOCK_WORDS / 2 + SHIFT]; 2]) -> (u64, u64) {
    let (low, high) = block.as_chunks::<4>().0.split_at(block.len() / 8);
    let pairs = low.len();
    // Slices of one length, so that the loop has no bounds checks.
    let (low_keys, high_keys) = (&keys[0][..pairs], &keys[1][..pairs]);
    let (low_shifted, high_shifted) = (&keys[0][SHIFT..][..pairs], &keys[1][SHIFT..][..pairs]);
    let (mut first, mut second) = (0u64, 0u64);
    for i in 0..pairs {
        let (low, high) = (u32::from_le_bytes(low[i]), u32::from_le_bytes(high[i]));
        first = first.wrapping_add(product(low, high, low_keys[i], high_keys[i]));
        second = second.wrapping_add(product(low, high, low_shifted[i], high_shifted[i]));
    }
    (first, second)
}

#[inline(always)]
fn product(low: u32, high: u32, low_key: u32, high_key: u32) -> u64 {
    u64::from(low.wrapping_add(low_key)) * u64::from(high.wrapping_add(high_key))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The definition, word by word, without lanes, pieces or folding tricks.
    fn reference(bytes: &[u8]) -> Fingerprint {
        let mut level = bytes.to_vec();
        let mut first_level = true;
        while first_level || level.len() > BLOCK_BYTES {
            first_level = false;
            level = level.chunks(BLOCK_BYTES).flat_map(reference_block).collect();
        }
        let digest =
            Hasher::new("reenact v1 fingerprint").u64(bytes.len() as u64).bytes(&level).finish();
        Fingerprint(u64::from_le_bytes(digest.0[..8].try_into().unwrap()))
    }

    fn reference_block(block: &[u8]) -> Vec<u8> {
        let mut padded = block.to_vec();
        padded.resize(block.len().next_multiple_of(64), 0);
        let words: Vec<u32> =
            padded.chunks(4).map(|word| u32::from_le_bytes(word.try_into().unwrap())).collect();
        let sum = |shift: usize| {
            let half = words.len() / 2;
            (0..half).fold(0u64, |sum, i| {
                let low = words[i].wrapping_add(KEYS[0][i + shift]);
                let high = words[half + i].wrapping_add(KEYS[1][i + shift]);
                sum.wrapping_add(u64::from(low) * u64::from(high))
            })
        };
        [sum(0).to_le_bytes(), sum(16).to_le_bytes()].concat()
    }

    fn ramp(len: usize) -> Vec<u8> {
        (0..len).map(|i| (i * 31 + i / 251) as u8).collect()
    }

    #[test]
    fn agrees_with_the_reference_at_every_edge() {
        for len in [0, 1, 3, 4, 63, 64, 65, 4095, 4096, 4097, 8192, 300_000, 1 << 20, 1 << 20 | 5] {
            assert_eq!(fingerprint(&ramp(len)), reference(&ramp(len)), "{len} bytes");
        }
    }

    #[test]
    fn golden_fingerprints() {
        let found: Vec<String> =
            [0, 4, 4096, 300_000].iter().map(|&len| fingerprint(&ramp(len)).to_string()).collect();
        let golden =
            ["a40fb2c557bb2e69", "7db4defd592b3935", "4cce717a3e2c7837", "4b650ae39e37e8b5"];
        assert_eq!(found, golden);
    }

    #[test]
    fn sees_every_single_bit() {
        let bytes = ramp(600);
        let whole = fingerprint(&bytes);
        for bit in 0..8 * bytes.len() {
            let mut flipped = bytes.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert_ne!(fingerprint(&flipped), whole, "bit {bit}");
        }
    }

    #[test]
    fn sees_exchanged_elements_and_lengths() {
        let mut bytes = ramp(8192);
        let whole = fingerprint(&bytes);
        bytes.swap(0, 4096);
        assert_ne!(fingerprint(&bytes), whole);
        assert_ne!(fingerprint(&[0; 64]), fingerprint(&[0; 60]));
    }

    proptest! {
        #[test]
        fn pieces_do_not_matter(len in 0usize..20_000, cuts in prop::collection::vec(0usize..20_000, 0..6)) {
            let bytes = ramp(len);
            let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(len)).collect();
            cuts.extend([0, len]);
            cuts.sort_unstable();
            let mut pieces = Fingerprinter::default();
            for cut in cuts.windows(2) {
                pieces.update(&bytes[cut[0]..cut[1]]);
            }
            prop_assert_eq!(pieces.finish(), fingerprint(&bytes));
        }
    }
}
