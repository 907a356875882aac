//! How likely an audit is to see an alteration.

use crate::digest::Digest;
use crate::verify::challenge::{Challenge, Nonce};

/// Returns the probability that `drawn` of `total` segments, drawn without
/// replacement, contain none of `tampered` altered ones: the hypergeometric
/// probability of zero successes, C(total - tampered, drawn) / C(total, drawn).
pub(in crate::verify) fn escape_probability(total: u64, tampered: u64, drawn: u64) -> f64 {
    if tampered + drawn > total {
        return 0.0;
    }
    // The product over the smaller of the two numbers; it is symmetric.
    let (few, many) = (tampered.min(drawn), tampered.max(drawn));
    (0..few).map(|i| (total - many - i) as f64 / (total - i) as f64).product()
}

/// Returns the smallest number of segments to draw, by the rule of today, so
/// that `tampered` altered ones escape with probability at most
/// `1 - confidence`.
pub fn segments_for(total: u64, tampered: u64, confidence: f64) -> u64 {
    // Neither commitment nor nonce decide how likely a segment is.
    let nonce = || Nonce::from_bytes([0; 32]);
    let of = |drawn| Challenge::new(Digest::default(), nonce(), total, drawn);
    let enough = |drawn: u64| of(drawn).escape(tampered) <= 1.0 - confidence;
    let (mut low, mut high) = (0, total);
    while low < high {
        let middle = low + (high - low) / 2;
        if enough(middle) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    low
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_cases_by_hand() {
        assert_eq!(escape_probability(10, 1, 3), 0.7);
        assert_eq!(escape_probability(10, 1, 10), 0.0);
        assert_eq!(escape_probability(10, 0, 3), 1.0);
        assert!((escape_probability(5, 2, 2) - 0.3).abs() < 1e-12);
        assert_eq!(escape_probability(5, 4, 2), 0.0);
    }

    #[test]
    fn the_number_is_the_smallest() {
        for (total, tampered, confidence) in [(10, 1, 0.95), (100, 3, 0.9), (1000, 10, 0.99)] {
            let drawn = segments_for(total, tampered, confidence);
            // The last one is drawn whatever the nonce says, and left alone.
            let escape = |drawn: u64| escape_probability(total - 1, tampered, drawn - 1);
            assert!(escape(drawn) <= 1.0 - confidence);
            assert!(escape(drawn - 1) > 1.0 - confidence);
        }
        assert_eq!(segments_for(10, 1, 0.95), 10);
        assert_eq!(segments_for(10, 10, 0.5), 1);
    }
}
