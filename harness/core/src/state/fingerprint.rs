//! Fingerprints: short, fast digests of one tensor, taken at every step.
//!
//! A fingerprint tells *where* a replay leaves its recording: at which step and
//! in which tensor. What a verdict rests on is the closing state, compared bit
//! for bit and bound by BLAKE3. So a fingerprint has to be cheap enough for
//! every step and to miss no accident; it need not resist somebody who computes
//! collisions, who would only blur the place, never hide the difference.
//!
//! The tensor's bytes are read as little-endian `u64` words (padded with zeros)
//! and folded 512-fold by a relative of NH (Black et al. 1999, the hash inside
//! UMAC): in a block of 512 words a fixed key is added to each modulo 2^64, the
//! two halves of each sum are multiplied, and the products summed modulo 2^64.
//! The sums of all blocks are folded again, until one block is left, and closed
//! with BLAKE3. Two tensors of one length that differ by accident share a
//! fingerprint with a chance of about 2^-32: fix the half of a key under a word
//! that differs, and at most two values of the other half make the products
//! differ by a given amount. Sums of integers do not depend on their order, so
//! a GPU computes the same.

use std::fmt;
use std::sync::LazyLock;

use rand_chacha::rand_core::Rng;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::digest::{Domain, Hasher};
use crate::steering::keyed_stream;

const BLOCK_WORDS: usize = 512;
const BLOCK_BYTES: usize = 8 * BLOCK_WORDS;
/// Bytes of a tensor that one sum stands for.
pub const FINGERPRINT_BLOCK_BYTES: usize = BLOCK_BYTES;
/// A short block is padded to a multiple of this many bytes.
const GROUP_BYTES: usize = 64;

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
    // Most tensors of a small model: their sum is the last one.
    if (1..=BLOCK_BYTES).contains(&bytes.len()) {
        return close(bytes.len() as u64, &block_sum(bytes).to_le_bytes());
    }
    let mut fingerprinter = Fingerprinter::default();
    fingerprinter.update(bytes);
    fingerprinter.finish()
}

/// Returns the fingerprint of a tensor of `byte_len` bytes whose blocks were summed
/// elsewhere, as on a GPU: one sum for each [`FINGERPRINT_BLOCK_BYTES`], in order.
pub fn fingerprint_of_sums(byte_len: u64, sums: impl IntoIterator<Item = u64>) -> Fingerprint {
    let mut fingerprinter = Fingerprinter { byte_len, ..Fingerprinter::default() };
    sums.into_iter().for_each(|sum| push(&mut fingerprinter.levels, 0, sum));
    fingerprinter.finish()
}

/// Returns the keys that are added to the words of a block.
pub fn fingerprint_keys() -> &'static [u64] {
    KEYS.as_slice()
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
            push(&mut self.levels, 0, block_sum(&self.rest));
            self.rest.clear();
        }
        let mut blocks = bytes.chunks_exact(BLOCK_BYTES);
        for block in &mut blocks {
            push(&mut self.levels, 0, block_sum(block));
        }
        self.rest.extend_from_slice(blocks.remainder());
    }

    /// Ends the fingerprint.
    pub fn finish(mut self) -> Fingerprint {
        if !self.rest.is_empty() {
            push(&mut self.levels, 0, block_sum(&self.rest));
        }
        let mut level = 0;
        while level + 1 < self.levels.len() {
            let waiting = std::mem::take(&mut self.levels[level]);
            level += 1;
            push(&mut self.levels, level, block_sum(&waiting));
        }
        let sums = self.levels.pop().unwrap_or_default();
        close(self.byte_len, &sums)
    }
}

/// Closes the sums of the last block.
fn close(byte_len: u64, sums: &[u8]) -> Fingerprint {
    let digest = CLOSING.hasher().u64(byte_len).bytes(sums).finish();
    let (first, _) = digest.0.split_first_chunk().expect("a digest has 32 bytes");
    Fingerprint(u64::from_le_bytes(*first))
}

/// Adds the sum of a block to a level. A level is folded into the next only when
/// more comes than one block of it, as a last block is not folded.
fn push(levels: &mut Vec<Vec<u8>>, level: usize, sum: u64) {
    if levels.len() == level {
        // At once in full: growing would cost a seventh of a small tensor.
        levels.push(Vec::with_capacity(BLOCK_BYTES));
    }
    if levels[level].len() == BLOCK_BYTES {
        let mut full = std::mem::take(&mut levels[level]);
        push(levels, level + 1, block_sum(&full));
        full.clear();
        levels[level] = full;
    }
    levels[level].extend_from_slice(&sum.to_le_bytes());
}

fn block_sum(block: &[u8]) -> u64 {
    let whole = block.len() - block.len() % GROUP_BYTES;
    let (groups, rest) = block.split_at(whole);
    let mut total = sum(groups, KEYS.as_slice());
    if !rest.is_empty() {
        // Only up to a whole group: zero words and a shorter sum would differ, as
        // keys are added to the words.
        let mut group = [0; GROUP_BYTES];
        group[..rest.len()].copy_from_slice(rest);
        total = total.wrapping_add(sum(&group, &KEYS[whole / 8..]));
    }
    total
}

static CLOSING: Domain = Domain::new("reenact v1 fingerprint");

/// The keys: the first words of the ChaCha20 stream keyed by BLAKE3 of nothing
/// in this domain. They are public; see the module on what that means.
static KEYS: LazyLock<[u64; BLOCK_WORDS]> = LazyLock::new(|| {
    let mut stream = keyed_stream(Hasher::new("reenact v1 fingerprint keys").finish());
    std::array::from_fn(|_| stream.next_u64())
});

/// Sums a block. Both halves of a word lie in one lane of a SIMD machine, which
/// multiplies them without a shuffle.
#[multiversion::multiversion(targets("x86_64+avx512f", "x86_64+avx2", "aarch64+neon"))]
fn sum(block: &[u8], keys: &[u64]) -> u64 {
    let words = block.as_chunks::<8>().0;
    words.iter().zip(keys).fold(0, |sum: u64, (&word, &key)| {
        let keyed = u64::from_le_bytes(word).wrapping_add(key);
        sum.wrapping_add((keyed & 0xffff_ffff) * (keyed >> 32))
    })
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

    fn reference_block(block: &[u8]) -> [u8; 8] {
        let mut padded = block.to_vec();
        padded.resize(block.len().next_multiple_of(64), 0);
        let mut sum = 0u128;
        for (i, word) in padded.chunks(8).enumerate() {
            let keyed =
                u128::from(u64::from_le_bytes(word.try_into().unwrap())) + u128::from(KEYS[i]);
            sum += (keyed % (1 << 32)) * (keyed % (1 << 64) / (1 << 32));
        }
        (sum as u64).to_le_bytes()
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
    fn sums_from_elsewhere_give_the_same() {
        for len in [0, 5, 4096, 300_000, 3 << 20, 3 << 20 | 77] {
            let bytes = ramp(len);
            let sums =
                bytes.chunks(BLOCK_BYTES).map(|block| u64::from_le_bytes(reference_block(block)));
            assert_eq!(fingerprint_of_sums(len as u64, sums), fingerprint(&bytes), "{len} bytes");
        }
    }

    #[test]
    fn golden_fingerprints() {
        let found: Vec<String> =
            [0, 4, 4096, 300_000].iter().map(|&len| fingerprint(&ramp(len)).to_string()).collect();
        let golden =
            ["a40fb2c557bb2e69", "043528dca3f8af76", "a1973f33a3a0b944", "74d9029167f021fd"];
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
