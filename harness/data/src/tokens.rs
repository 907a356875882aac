//! A text as numbers: a flat file of `u16` or `u32`, little-endian, nothing else.

use std::sync::Arc;

use reenact_core::state::DType;

use crate::column::{Column, Place};
use crate::file::VerifiedFile;
use crate::problem::FileError;

/// Says how a token is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenType {
    /// Two bytes.
    U16,
    /// Four bytes.
    U32,
}

impl TokenType {
    fn dtype(self) -> DType {
        match self {
            Self::U16 => DType::U16,
            Self::U32 => DType::U32,
        }
    }
}

/// Opens a flat file of tokens: sample `i` is what stands from token `i * stride` on.
#[derive(Clone, Debug)]
pub struct Tokens {
    file: Arc<VerifiedFile>,
    token: TokenType,
    context: usize,
    place: Place,
}

impl Tokens {
    /// Takes samples of `context` tokens and the one that follows, `stride` tokens apart. What
    /// is too short at the end is left out.
    ///
    /// # Errors
    /// That there is no whole sample, or that the file ends within a token.
    pub fn open(
        file: Arc<VerifiedFile>,
        token: TokenType,
        context: usize,
        stride: usize,
    ) -> Result<Self, FileError> {
        let refuse = |problem: String| FileError::Format { path: file.path().to_owned(), problem };
        let size = token.dtype().size();
        if !file.bytes().is_multiple_of(size) {
            let problem = format!("{} bytes are no whole tokens", file.bytes());
            return Err(refuse(format!("{problem} of {size} bytes")));
        }
        let tokens = file.bytes() / size;
        if context == 0 || stride == 0 || context as u64 >= tokens {
            return Err(refuse(format!(
                "a context of {context} tokens every {stride} asks for more than 0 each, and for \
                 one token more than the context; it has {tokens}"
            )));
        }
        let (context_tokens, stride) = (context as u64, stride as u64);
        let samples = (tokens - context_tokens - 1) / stride + 1;
        let step = stride.checked_mul(size).ok_or_else(|| refuse("its stride is absurd".into()))?;
        let place = Place { samples, start: 0, step, is_big_endian: false };
        Ok(Self { file, token, context, place })
    }

    /// Gives `context + 1` tokens a sample.
    ///
    /// # Errors
    /// That a sample or their number is too large.
    pub fn column(&self, name: &'static str) -> Result<Column, FileError> {
        self.window(name, 0, self.context + 1)
    }

    /// Gives two columns of `context` tokens: what the model sees, and what follows each.
    ///
    /// # Errors
    /// That a sample or their number is too large.
    pub fn shifted(&self, names: [&'static str; 2]) -> Result<Vec<Column>, FileError> {
        let [tokens, targets] = names;
        Ok(vec![self.window(tokens, 0, self.context)?, self.window(targets, 1, self.context)?])
    }

    fn window(&self, name: &'static str, offset: u64, length: usize) -> Result<Column, FileError> {
        let dtype = self.token.dtype();
        let place = Place { start: offset * dtype.size(), ..self.place };
        Column::new(name, Arc::clone(&self.file), dtype, &[length], place)
    }
}
