//! Residuals of any size in a few numbers, so that they can be added up.
//!
//! A residual is as large as the state. It is folded: every element is added,
//! with a random sign, to one of a few places. That is linear, so the sum of
//! sketches is the sketch of the sum, and it keeps the square of a length on
//! average (a count sketch: Charikar, Chen, Farach-Colton 2002). Signs and places
//! come from a key that the trainer could not know, so no push can be made that
//! the folding cancels.

use rand_chacha::rand_core::Rng;

use crate::digest::{Digest, Hasher};
use crate::steering::keyed_stream;

/// Places of one tensor; a length is kept within about a sixth.
const WIDTH_MAX: usize = 64;
/// Places of all tensors of a state together.
const PLACES_MAX: usize = 1 << 18;

/// Derives the key of the sketches from what decided the sample.
pub fn sketch_key(commitment: Digest, nonce: &str) -> Digest {
    Hasher::new("reenact v1 sketch").fixed(&commitment.0).bytes(nonce.as_bytes()).finish()
}

/// Returns the places of a tensor of a state with so many tensors.
pub(in crate::verify) fn width(tensors: usize, elements: u64) -> usize {
    let most = (PLACES_MAX / tensors.max(1)).clamp(1, WIDTH_MAX);
    most.min(usize::try_from(elements).unwrap_or(usize::MAX))
}

/// Folds one residual.
pub(in crate::verify) struct Folder {
    places: Vec<f64>,
    /// None where every element has a place of its own.
    stream: Option<rand_chacha::ChaCha20Rng>,
    next: usize,
}

impl Folder {
    /// Folds the tensor `name` of `elements` elements into `width` places.
    pub(in crate::verify) fn new(key: Digest, name: &str, elements: u64, width: usize) -> Self {
        let mut hasher = Hasher::new("reenact v1 sketch of tensor");
        let key = hasher.fixed(&key.0).bytes(name.as_bytes()).finish();
        let stream = (elements > width as u64).then(|| keyed_stream(key));
        Self { places: vec![0.0; width], stream, next: 0 }
    }

    /// Takes the next element.
    pub(in crate::verify) fn push(&mut self, residual: f64) {
        let Some(stream) = &mut self.stream else {
            self.places[self.next] = residual;
            self.next += 1;
            return;
        };
        let word = stream.next_u32();
        let place = (word >> 1) as usize % self.places.len();
        self.places[place] += if word & 1 == 0 { residual } else { -residual };
    }

    /// Returns the places.
    pub(in crate::verify) fn finish(self) -> Vec<f64> {
        self.places
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folded(key: u8, residual: &[f64]) -> Vec<f64> {
        let elements = residual.len() as u64;
        let mut folder = Folder::new(Digest([key; 32]), "w", elements, width(1, elements));
        residual.iter().for_each(|value| folder.push(*value));
        folder.finish()
    }

    fn square(values: &[f64]) -> f64 {
        values.iter().map(|value| value * value).sum()
    }

    #[test]
    fn a_small_residual_stays_as_it_is() {
        assert_eq!(folded(1, &[1.0, -2.0, 3.0]), [1.0, -2.0, 3.0]);
    }

    #[test]
    fn the_square_of_a_length_is_kept_on_average() {
        let residual: Vec<f64> = (0..5000).map(|i| f64::from(i % 7) - 3.0).collect();
        let exact = square(&residual);
        let kept = (0..40).map(|key| square(&folded(key, &residual)) / exact);
        let mean = kept.sum::<f64>() / 40.0;
        assert!((0.9..1.1).contains(&mean), "{mean}");
    }

    #[test]
    fn sketches_add_up() {
        let a: Vec<f64> = (0..300).map(f64::from).collect();
        let b: Vec<f64> = a.iter().map(|value| 2.0 - value).collect();
        let (a, b, sum) = (folded(9, &a), folded(9, &b), folded(9, &[2.0; 300]));
        let close = |(x, (y, z)): (f64, (f64, f64))| (y + z - x).abs() < 1e-9;
        assert!(sum.into_iter().zip(a.into_iter().zip(b)).all(close));
    }

    #[test]
    fn many_tensors_share_the_places() {
        assert_eq!(width(100_000, u64::MAX), 2);
        assert_eq!(width(1, u64::MAX), WIDTH_MAX);
        assert_eq!(width(1, 0), 0);
    }
}
