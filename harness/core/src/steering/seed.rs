//! Seeds of the random streams.

use rand_chacha::ChaCha20Rng;

use crate::digest::{Digest, Domain, Hasher};
use crate::steering::uniform::keyed_stream;

/// Returns the seed of the stream that draws the initial weights.
pub fn initial_seed(root_seed: u64) -> u64 {
    first_u64(Hasher::new("reenact v1 initial seed").u64(root_seed).finish())
}

/// Returns the seed of the stream of one step (dropout). The engine re-seeds
/// with it before every step, so that a replay may start anywhere.
pub fn step_seed(root_seed: u64, step: u64) -> u64 {
    static DOMAIN: Domain = Domain::new("reenact v1 step seed");
    first_u64(DOMAIN.hasher().u64(root_seed).u64(step).finish())
}

/// Opens the stream of random numbers that a program draws on the host in the step of this
/// seed: for augmentation and samplers.
pub fn host_stream(step_seed: u64) -> ChaCha20Rng {
    keyed_stream(Hasher::new("reenact v1 host stream").u64(step_seed).finish())
}

fn first_u64(digest: Digest) -> u64 {
    let (first, _) = digest.0.split_first_chunk().expect("a digest has 32 bytes");
    u64::from_le_bytes(*first)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_differ() {
        assert_ne!(initial_seed(1), step_seed(1, 0));
        assert_ne!(step_seed(1, 0), step_seed(1, 1));
        assert_ne!(step_seed(1, 0), step_seed(2, 0));
    }
}
