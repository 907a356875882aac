//! An answer and the signature of the worker that gives it.

use reenact_core::format::{SecretKey, Signature, WORK_NAMESPACE};
use reenact_core::verify::AllowedSigners;
use serde::{Deserialize, Serialize};

use crate::answer::Answer;

/// Holds an answer as it lies among the results: the very text that was signed.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sealed {
    /// The text of an [`Answer`].
    pub answer: String,
    /// An SSHSIG over it, if the worker has a key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signature: Option<String>,
}

impl Sealed {
    /// Seals an answer.
    pub fn of(answer: &Answer, key: Option<&SecretKey>) -> Result<Self, serde_json::Error> {
        let answer = serde_json::to_string(answer)?;
        let sign = |key| Signature::sign_in(WORK_NAMESPACE, answer.as_bytes(), key);
        let signature = key.map(|key| sign(key).text().to_owned());
        Ok(Self { answer, signature })
    }

    /// Opens it. Where workers are named, one of them has to have signed; the error says why
    /// it does not count.
    pub fn open(&self, workers: Option<&AllowedSigners>) -> Result<Answer, String> {
        if let Some(workers) = workers {
            let signature = self.signature.as_ref().ok_or("no worker has signed it")?;
            let answer = self.answer.as_bytes();
            let signed = Signature::verify_in(WORK_NAMESPACE, signature.as_bytes(), answer);
            let key = signed.map_err(|error| error.to_string())?.key();
            if workers.principal_of(key).is_none() {
                return Err(format!("{key:?} has signed it, and is none of the workers"));
            }
        }
        let answer: Answer =
            serde_json::from_str(&self.answer).map_err(|error| format!("it is none: {error}"))?;
        answer.check()?;
        Ok(answer)
    }
}
