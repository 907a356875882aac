//! Signing a recording that is complete.

use super::RecordError;
use super::resume::commitment_of;
use crate::format::{
    COMMITMENT_BYTES_MAX, History, Object, SIGNATURE_BYTES_MAX, SecretKey, Signature, StoreError,
    WriteRun,
};

/// Signs the commitment, as it is stored. It has to be what the stored journal
/// gives, so that no key stands for what its holder did not record.
///
/// Signing again with the same key changes nothing.
///
/// # Errors
/// [`RecordError::SignedByAnother`] if another key has signed.
pub fn sign(store: &mut dyn WriteRun, key: &SecretKey) -> Result<Signature, RecordError> {
    let commitment = store.read(Object::Commitment, COMMITMENT_BYTES_MAX)?;
    let history = History::read(store.open(Object::Journal)?)?;
    if !history.finished || commitment_of(&history).encode().as_bytes() != commitment {
        return Err(RecordError::OtherCommitment);
    }
    if let Some(signature) = signed(store, &commitment)? {
        return match signature.key() == key.public() {
            true => Ok(signature),
            false => Err(RecordError::SignedByAnother(signature.key().fingerprint())),
        };
    }
    let signature = Signature::sign(&commitment, key);
    store.put(Object::Signature, &mut |out| out.write_all(signature.text().as_bytes()))?;
    store.sync()?;
    Ok(signature)
}

fn signed(store: &dyn WriteRun, commitment: &[u8]) -> Result<Option<Signature>, RecordError> {
    match store.read(Object::Signature, SIGNATURE_BYTES_MAX) {
        Ok(text) => Ok(Some(Signature::verify(&text, commitment)?)),
        Err(StoreError::Missing { .. }) => Ok(None),
        Err(error) => Err(error.into()),
    }
}
