//! Cicero's text, cut into windows.

use std::fmt;
use std::sync::LazyLock;

use reenact_core::data::{Batch, BatchTensor, DataError, DataSet};
use reenact_core::digest::{Digest, Hasher};
use reenact_core::state::DType;

const TEXT: &[u8] = include_bytes!("../data/liber-primus.txt");

/// The distinct characters of the text, sorted. A character's token is its
/// place here.
pub(crate) static VOCABULARY: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let mut characters = TEXT.to_vec();
    characters.sort_unstable();
    characters.dedup();
    characters
});

/// Holds a part of the text as windows of `context` characters, each with the
/// characters that follow them.
#[derive(Clone)]
pub struct Cicero {
    tokens: Vec<u8>,
    context: usize,
    stride: usize,
}

impl Cicero {
    /// Opens the first nine tenths: a window starts at every character.
    ///
    /// # Errors
    /// If the windows are longer than the held-out part of the text.
    pub fn training(context: usize) -> Result<Self, String> {
        Self::new(&TEXT[..split()], context, 1)
    }

    /// Opens the last tenth: the windows stand side by side, so that every
    /// character is predicted once.
    ///
    /// # Errors
    /// If the windows are longer than the held-out part of the text.
    pub fn held_out(context: usize) -> Result<Self, String> {
        Self::new(&TEXT[split()..], context, context)
    }

    fn new(text: &[u8], context: usize, stride: usize) -> Result<Self, String> {
        let longest = TEXT.len() - split() - 1;
        if !(1..=longest).contains(&context) {
            return Err(format!("`context = {context}`: 1 to {longest} is possible"));
        }
        let token = |character| VOCABULARY.binary_search(character).unwrap_or_default() as u8;
        Ok(Self { tokens: text.iter().map(token).collect(), context, stride })
    }

    fn windows(&self, samples: &[u32], offset: usize) -> Vec<u8> {
        let start = |sample: u32| sample as usize * self.stride + offset;
        samples.iter().flat_map(|&s| &self.tokens[start(s)..][..self.context]).copied().collect()
    }
}

fn split() -> usize {
    TEXT.len() * 9 / 10
}

/// Returns the entropy of the characters of the whole text, in nats: the loss
/// of a model that knows how frequent each is, and nothing else.
pub(crate) fn unigram_entropy_nats() -> f64 {
    let count = |character| TEXT.iter().filter(|other| *other == character).count();
    let shares = VOCABULARY.iter().map(|character| count(character) as f64 / TEXT.len() as f64);
    -shares.map(|share| share * share.ln()).sum::<f64>()
}

impl fmt::Debug for Cicero {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let characters = self.tokens.len();
        let debug = &mut f.debug_struct("Cicero");
        debug.field("characters", &characters).field("context", &self.context).finish()
    }
}

impl DataSet for Cicero {
    fn len(&self) -> u64 {
        // The last window still needs one character to predict.
        ((self.tokens.len() - self.context - 1) / self.stride + 1) as u64
    }

    fn batch(&self, samples: &[u32]) -> Result<Batch, DataError> {
        let tensor = |name, offset| BatchTensor {
            name,
            dtype: DType::U8,
            shape: vec![samples.len(), self.context],
            bytes: self.windows(samples, offset),
        };
        Ok(Batch { tensors: vec![tensor("tokens", 0), tensor("targets", 1)] })
    }

    fn is_made_by_engine(&self) -> bool {
        false
    }

    fn digest(&self) -> Result<Digest, DataError> {
        let mut hasher = Hasher::new("reenact v1 data cicero");
        hasher.bytes(&VOCABULARY).bytes(&self.tokens);
        Ok(hasher.u64(self.context as u64).u64(self.stride as u64).finish())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_are_the_next_characters() {
        let data = Cicero::training(8).unwrap();
        let batch = data.batch(&[0, 3]).unwrap();
        let text = |bytes: &[u8]| -> String {
            bytes.iter().map(|token| VOCABULARY[usize::from(*token)] as char).collect()
        };
        assert_eq!(text(&batch.tensors[0].bytes), "Non eram eram ne");
        assert_eq!(text(&batch.tensors[1].bytes), "on eram eram nes");
    }

    #[test]
    fn the_last_window_ends_with_the_text() {
        for data in [Cicero::training(64).unwrap(), Cicero::held_out(64).unwrap()] {
            let last = data.len() as u32 - 1;
            assert_eq!(data.batch(&[last]).unwrap().tensors[1].bytes.len(), 64);
            assert!((u64::from(last) + 1) * data.stride as u64 + 64 + 1 > data.tokens.len() as u64);
        }
    }

    #[test]
    fn windows_have_to_fit() {
        assert!(Cicero::training(0).is_err());
        assert!(Cicero::held_out(49_068).is_err());
    }
}
