//! The keys that sign commitments: ed25519, in the forms of OpenSSH.

use std::fmt;

use ed25519_dalek::{Signer, SigningKey, VerifyingKey};
use ssh_key::HashAlg;
use ssh_key::public::{Ed25519PublicKey, KeyData};

/// Names who signed.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct PublicKey([u8; 32]);

/// Signs. Its bytes never leave it.
pub struct SecretKey(SigningKey);

/// Says why a text is no public key that could have signed a commitment.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// The text is damaged.
    #[error("the key cannot be read; it is damaged or cut")]
    Damaged,
}

impl PublicKey {
    /// Type of the key, as OpenSSH names it.
    pub const TYPE: &str = "ssh-ed25519";

    /// Takes the bytes of a key.
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Returns the bytes of the key.
    pub fn bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Reads the base64 of a public key of type [`PublicKey::TYPE`].
    pub fn parse_base64(text: &str) -> Result<Self, KeyError> {
        let line = format!("{} {text}", Self::TYPE);
        let key = ssh_key::PublicKey::from_openssh(&line).map_err(|_| KeyError::Damaged)?;
        match key.key_data() {
            KeyData::Ed25519(key) => Ok(Self(key.0)),
            _ => Err(KeyError::Damaged),
        }
    }

    /// Returns the short name of the key that OpenSSH prints: `SHA256:...`.
    pub fn fingerprint(&self) -> String {
        self.key_data().fingerprint(HashAlg::Sha256).to_string()
    }

    pub(super) fn key_data(&self) -> KeyData {
        KeyData::Ed25519(Ed25519PublicKey(self.0))
    }

    /// Verifies strictly: one message, one key, one signature. Keys of small
    /// order, whose signatures verify over many messages, are refused.
    pub(super) fn verifies(&self, message: &[u8], signature: &[u8; 64]) -> bool {
        let signature = ed25519_dalek::Signature::from_bytes(signature);
        let key = VerifyingKey::from_bytes(&self.0);
        key.is_ok_and(|key| key.verify_strict(message, &signature).is_ok())
    }
}

impl fmt::Display for PublicKey {
    /// Writes the key as a line of an `authorized_keys` file, without comment.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let line = ssh_key::PublicKey::from(self.key_data()).to_openssh();
        f.write_str(&line.map_err(|_| fmt::Error)?)
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.fingerprint())
    }
}

impl SecretKey {
    /// Makes the key that belongs to a seed, which has to be secret and random.
    pub fn from_seed(seed: &[u8; 32]) -> Self {
        Self(SigningKey::from_bytes(seed))
    }

    /// Returns the key that verifies what this one signs.
    pub fn public(&self) -> PublicKey {
        PublicKey(self.0.verifying_key().to_bytes())
    }

    pub(super) fn sign(&self, message: &[u8]) -> [u8; 64] {
        let signature = self.0.sign(message);
        // A fault while signing can leak the key; a wrong signature must not.
        assert!(self.0.verify(message, &signature).is_ok(), "what was signed verifies");
        signature.to_bytes()
    }
}

impl fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the secret key of {:?}", self.public())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// As `ssh-keygen -y` prints it.
    const LINE: &str =
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOpKbGPinFIKvvVQexMuxfmVR3auvr57kkIe6mkURtIs";

    #[test]
    fn golden_key() {
        let key = SecretKey::from_seed(&[7; 32]).public();
        assert_eq!(key.to_string(), LINE);
        assert_eq!(key.fingerprint(), "SHA256:z/fSv0Z0RZS+Lccbc6ZoOWwt/fbj1VFJGSBKQbo4icE");
        let (_, base64) = LINE.split_once(' ').unwrap();
        assert_eq!(PublicKey::parse_base64(base64), Ok(key));
        assert_eq!(PublicKey::parse_base64(&base64[..40]), Err(KeyError::Damaged));
    }

    #[test]
    fn a_secret_key_shows_nothing() {
        let shown = format!("{:?}", SecretKey::from_seed(&[7; 32]));
        assert!(shown.contains("SHA256:") && !shown.contains("7, 7"), "{shown}");
    }

    #[test]
    fn a_key_of_small_order_verifies_nothing() {
        let identity = PublicKey::from_bytes(std::array::from_fn(|byte| u8::from(byte == 0)));
        let mut signature = [0; 64];
        signature[0] = 1;
        assert!(!identity.verifies(b"anything", &signature));
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "[A-Za-z0-9+/= \\PC]{0,90}") {
            let _ = PublicKey::parse_base64(&text);
        }

        #[test]
        fn every_key_can_be_shown(bytes: [u8; 32]) {
            let key = PublicKey::from_bytes(bytes);
            let line = key.to_string();
            let base64 = line.split(' ').nth(1).unwrap();
            prop_assert_eq!(PublicKey::parse_base64(base64), Ok(key));
        }
    }
}
