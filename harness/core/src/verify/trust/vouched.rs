//! Who vouches for a recording: the signature of its commitment.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::format::{
    Object, PublicKey, ReadRun, SIGNATURE_BYTES_MAX, Signature, SignatureError, SoFar, StoreError,
    Unconverted,
};
use crate::verify::allowed_signers::AllowedSigners;
use crate::verify::finding::{Finding, Place};

/// Says who vouches for a recording. A signature shows who held the key, not
/// that they were honest.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Vouched {
    /// Nobody: the commitment is not signed.
    #[default]
    Unsigned,
    /// Nobody: there is a signature, but it cannot be read or does not verify.
    Broken,
    /// The holder of a key that nobody declared as trusted.
    UnknownKey {
        /// Fingerprint of the key, as OpenSSH prints it.
        key: String,
    },
    /// A trusted signer.
    Trusted {
        /// The signer, as the list of allowed signers names it.
        principal: String,
        /// Fingerprint of the key, as OpenSSH prints it.
        key: String,
    },
}

impl fmt::Display for Vouched {
    /// Says whose signature it is.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unsigned => f.write_str("none"),
            Self::Broken => f.write_str("broken: it cannot be verified"),
            Self::UnknownKey { key } => write!(f, "by the unknown key {key}"),
            Self::Trusted { principal, key } => write!(f, "by {principal}, with the key {key}"),
        }
    }
}

/// Checks the signature over the bytes that were read as the commitment, if there is
/// one. Returns who signed, as far as that can be told without knowing whom to
/// trust, and what is wrong.
pub(in crate::verify) fn check_signature(
    run: &dyn ReadRun,
    commitment: &Result<Vec<u8>, StoreError>,
) -> (Vouched, Option<PublicKey>, Option<Finding>) {
    let place = Place::object(Object::Signature);
    let broken = |finding| (Vouched::Broken, None, finding);
    let text = match run.read(Object::Signature, SIGNATURE_BYTES_MAX) {
        Ok(text) => text,
        Err(StoreError::Missing { .. }) => return (Vouched::Unsigned, None, None),
        Err(StoreError::TooLarge { .. }) => {
            return broken(Some(Finding::divergent(place, SignatureError::Form)));
        }
        Err(error) => return broken(Some(Finding::inconclusive(place, error))),
    };
    let commitment = match commitment {
        Ok(commitment) => commitment,
        // A recorder has finished since; that there was no commitment before is a finding.
        Err(StoreError::Missing { object }) if run.open(*object).is_ok() => {
            return (Vouched::Unsigned, None, None);
        }
        Err(StoreError::Missing { object }) => {
            let problem = "it is signed, but missing";
            return broken(Some(Finding::divergent(Place::object(*object), problem)));
        }
        // Reading the commitment is a finding of its own.
        Err(_) => return broken(None),
    };
    verified(&text, commitment, place)
}

/// Checks the signature in a file that commits to what is recorded so far.
pub(in crate::verify) fn check_signature_so_far(
    file: &[u8],
) -> (Vouched, Option<PublicKey>, Option<Finding>) {
    match SoFar::parts(file) {
        (_, []) => (Vouched::Unsigned, None, None),
        (text, signature) => verified(signature, text, Place::object(Object::SoFar)),
    }
}

fn verified(
    text: &[u8],
    commitment: &[u8],
    place: Place,
) -> (Vouched, Option<PublicKey>, Option<Finding>) {
    match Signature::verify(text, commitment) {
        Ok(signature) => {
            let key = signature.key();
            (Vouched::UnknownKey { key: key.fingerprint() }, Some(key), None)
        }
        Err(error) => {
            let finding = match (conversion(text, commitment), &error) {
                (Some(said), _) => Finding::inconclusive(place, said),
                (None, SignatureError::Foreign { .. }) => Finding::inconclusive(place, error),
                (None, _) => Finding::divergent(place, error),
            };
            (Vouched::Broken, None, Some(finding))
        }
    }
}

/// Says what was converted, where the signature verifies once it is taken back.
fn conversion(text: &[u8], commitment: &[u8]) -> Option<&'static str> {
    let (signature, signed) = (Unconverted::of(text), Unconverted::of(commitment));
    let said = signature.as_ref().or(signed.as_ref())?.said;
    let signature = signature.map_or(text.to_vec(), |before| before.text);
    let signed = signed.map_or(commitment.to_vec(), |before| before.text);
    Signature::verify(&signature, &signed).is_ok().then_some(said)
}

impl Vouched {
    /// Says who vouches, given whom to trust, and objects if it is nobody.
    pub(in crate::verify) fn judge(
        &self,
        key: Option<PublicKey>,
        signers: &AllowedSigners,
    ) -> (Self, Option<Finding>) {
        if let Some((principal, key)) = key.and_then(|key| Some((signers.principal_of(key)?, key)))
        {
            let (principal, key) = (principal.to_owned(), key.fingerprint());
            return (Self::Trusted { principal, key }, None);
        }
        let why = match self {
            // What broke it is a finding of its own.
            Self::Broken => return (Self::Broken, None),
            Self::Unsigned => "the commitment is not signed".to_owned(),
            Self::UnknownKey { key } | Self::Trusted { key, .. } => {
                format!("the key {key} is not among the allowed signers")
            }
        };
        let problem = format!("nobody trusted vouches for the recording: {why}");
        let finding = Finding::inconclusive(Place::object(Object::Signature), problem);
        (self.clone(), Some(finding))
    }
}
