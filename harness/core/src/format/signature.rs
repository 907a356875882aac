//! The signature of a commitment or a calibration: an SSHSIG, which `ssh-keygen`
//! verifies.
//!
//! The file has one form for each key and signature, the one `ssh-keygen -Y
//! sign` writes, so that not one bit of it can change unseen.

use ssh_key::public::KeyData;
use ssh_key::{Algorithm, HashAlg, LineEnding, SshSig};

use super::key::{PublicKey, SecretKey};
use super::key_type::key_type;

/// Limits a signature; one has some 300 bytes.
pub const SIGNATURE_BYTES_MAX: u64 = 4096;

/// Keeps signatures of commitments apart from all others by the same key.
pub const SIGNATURE_NAMESPACE: &str = "reenact-commitment@v1";

/// Keeps signatures of calibrations apart: whoever may vouch for recordings may
/// not, for that alone, say how much they may deviate.
pub const CALIBRATION_NAMESPACE: &str = "reenact-calibration@v1";

/// Keeps signatures of what workers answer apart: a machine that replays may not, for that
/// alone, vouch for recordings.
pub const WORK_NAMESPACE: &str = "reenact-work@v1";

/// Keeps signatures of tombstones apart: whoever may prune may not, for that alone, vouch for
/// recordings.
pub const PRUNE_NAMESPACE: &str = "reenact-prune@v1";

/// Holds who stands for a commitment or a calibration. It verified over the commitment when it
/// was made or read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signature {
    key: PublicKey,
    text: String,
}

/// Says why a text is no signature of a commitment.
#[derive(Debug, thiserror::Error)]
pub enum SignatureError {
    /// It is no SSHSIG at all.
    #[error("it is no SSH signature")]
    Form,
    /// It is a signature of another kind than those that are verified here.
    #[error("it was made with {found}, which is not verified here: sign with {instead}")]
    Foreign {
        /// What made it.
        found: String,
        /// What to use.
        instead: &'static str,
    },
    /// The signature is read, but not by the rules of the format.
    #[error("{what} is `{found}`; `{expected}` is expected")]
    Other {
        /// The part.
        what: &'static str,
        /// What it is.
        found: String,
        /// What it has to be.
        expected: &'static str,
    },
    /// The same signature is written in another way.
    #[error("it is not in the one form that reenact and ssh-keygen write")]
    NotCanonical,
    /// The key did not sign this.
    #[error("the signature by {key:?} does not verify over this {}", signed_thing(.namespace))]
    DoesNotVerify {
        /// The key that it claims.
        key: PublicKey,
        /// The namespace, which says what it should be of.
        namespace: &'static str,
    },
}

impl Signature {
    /// Signs the bytes of a commitment.
    pub fn sign(commitment: &[u8], key: &SecretKey) -> Self {
        Self::sign_in(SIGNATURE_NAMESPACE, commitment, key)
    }

    /// Signs the bytes of what a namespace is for.
    pub fn sign_in(namespace: &'static str, data: &[u8], key: &SecretKey) -> Self {
        let signature = key.sign(&signed_data(namespace, data));
        let key = key.public();
        let text = encode(namespace, &key, &signature).expect("a signature has a text");
        Self { key, text }
    }

    /// Reads a signature and verifies it over the bytes of a commitment.
    pub fn verify(text: &[u8], commitment: &[u8]) -> Result<Self, SignatureError> {
        Self::verify_in(SIGNATURE_NAMESPACE, text, commitment)
    }

    /// Reads a signature and verifies it over the bytes of what a namespace is
    /// for.
    pub fn verify_in(
        namespace: &'static str,
        text: &[u8],
        data: &[u8],
    ) -> Result<Self, SignatureError> {
        if let Some(found) = key_type(text).filter(|found| found != PublicKey::TYPE) {
            return Err(SignatureError::Foreign {
                found: format!("a key of type {found}"),
                instead: "a key of `ssh-keygen -t ed25519`",
            });
        }
        let found = SshSig::from_pem(text).map_err(|_| SignatureError::Form)?;
        let (key, signature) = parts(namespace, &found)?;
        let written = encode(namespace, &key, &signature).ok_or(SignatureError::Form)?;
        if written.as_bytes() != text {
            return Err(SignatureError::NotCanonical);
        }
        if !key.verifies(&signed_data(namespace, data), &signature) {
            return Err(SignatureError::DoesNotVerify { key, namespace });
        }
        Ok(Self { key, text: written })
    }

    /// Returns the key that signed.
    pub fn key(&self) -> PublicKey {
        self.key
    }

    /// Returns the text of the file.
    pub fn text(&self) -> &str {
        &self.text
    }
}

fn signed_thing(namespace: &str) -> &'static str {
    match namespace {
        CALIBRATION_NAMESPACE => "calibration",
        WORK_NAMESPACE => "answer",
        PRUNE_NAMESPACE => "tombstone",
        _ => "commitment",
    }
}

fn signed_data(namespace: &str, data: &[u8]) -> Vec<u8> {
    let data = SshSig::signed_data(namespace, HashAlg::Sha512, data);
    data.expect("the namespace is not empty")
}

fn encode(namespace: &str, key: &PublicKey, signature: &[u8; 64]) -> Option<String> {
    let signature = ssh_key::Signature::new(Algorithm::Ed25519, signature.as_slice()).ok()?;
    let signed = SshSig::new(key.key_data(), namespace, HashAlg::Sha512, signature);
    let mut text = signed.ok()?.to_pem(LineEnding::LF).ok()?;
    if !text.ends_with('\n') {
        text.push('\n');
    }
    Some(text)
}

/// Takes key and signature out of an SSHSIG that is of our kind.
fn parts(namespace: &'static str, found: &SshSig) -> Result<(PublicKey, [u8; 64]), SignatureError> {
    let other = |what, found: &str, expected| {
        // It may be anything; what is printed must not be.
        let found = found.chars().take(64).flat_map(char::escape_default).collect();
        Err(SignatureError::Other { what, found, expected })
    };
    let KeyData::Ed25519(key) = found.public_key() else { return Err(SignatureError::Form) };
    if found.namespace() != namespace {
        return other("its namespace", found.namespace(), namespace);
    }
    if found.hash_alg() != HashAlg::Sha512 {
        return Err(SignatureError::Foreign {
            found: format!("the hash {}", found.hash_alg().as_str()),
            instead: "the usual one of `ssh-keygen -Y sign`, sha512",
        });
    }
    let signature = found.signature_bytes().try_into().map_err(|_| SignatureError::Form)?;
    Ok((PublicKey::from_bytes(key.0), signature))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const COMMITMENT: &[u8] = b"reenact commitment 1\n";

    /// `ssh-keygen -Y sign` writes the same bytes with this key.
    const GOLDEN: &str = "\
-----BEGIN SSH SIGNATURE-----
U1NIU0lHAAAAAQAAADMAAAALc3NoLWVkMjU1MTkAAAAg6kpsY+KcUgq+9VB7Ey7F+ZVHdq
6+vnuSQh7qaRRG0iwAAAAVcmVlbmFjdC1jb21taXRtZW50QHYxAAAAAAAAAAZzaGE1MTIA
AABTAAAAC3NzaC1lZDI1NTE5AAAAQEMU0yLmdHbrry16GKgzMmVPrBXOWFCoe/WMgvUOuH
OI445Vw8fjYoMUGrWCdeRDiZ5RhQo41HfN3dtWuu5N8gg=
-----END SSH SIGNATURE-----
";

    fn signed() -> Signature {
        Signature::sign(COMMITMENT, &SecretKey::from_seed(&[7; 32]))
    }

    #[test]
    fn golden_text() {
        assert_eq!(signed().text(), GOLDEN);
        assert_eq!(Signature::verify(GOLDEN.as_bytes(), COMMITMENT).unwrap(), signed());
    }

    #[test]
    fn it_stands_for_one_commitment() {
        let refused = Signature::verify(GOLDEN.as_bytes(), b"reenact commitment 1\n ");
        assert!(matches!(refused, Err(SignatureError::DoesNotVerify { .. })));
    }

    #[test]
    fn a_signature_of_one_thing_is_none_of_another() {
        let key = SecretKey::from_seed(&[7; 32]);
        let text = b"format = 1\n";
        let signature = Signature::sign_in(CALIBRATION_NAMESPACE, text, &key);
        let bytes = signature.text().as_bytes();
        let read = Signature::verify_in(CALIBRATION_NAMESPACE, bytes, text).unwrap();
        assert_eq!(read, signature);
        assert!(matches!(Signature::verify(bytes, text), Err(SignatureError::Other { .. })));
        let refused = Signature::verify_in(CALIBRATION_NAMESPACE, bytes, b"format = 2\n");
        assert!(refused.unwrap_err().to_string().contains("this calibration"));
    }

    #[test]
    fn every_flipped_bit_is_refused() {
        for bit in 0..8 * GOLDEN.len() {
            let mut flipped = GOLDEN.as_bytes().to_vec();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert!(Signature::verify(&flipped, COMMITMENT).is_err(), "bit {bit}");
        }
    }

    #[test]
    fn only_the_canonical_form_is_read() {
        let body: String = GOLDEN.lines().filter(|line| !line.starts_with('-')).collect();
        let (begin, end) = ("-----BEGIN SSH SIGNATURE-----\n", "-----END SSH SIGNATURE-----\n");
        for other in [
            GOLDEN.replace('\n', "\r\n"),
            GOLDEN.trim_end().to_owned(),
            format!("{GOLDEN}\n"),
            format!("\n{GOLDEN}"),
            format!("comment\n{GOLDEN}"),
            format!("{GOLDEN}{GOLDEN}"),
            format!("{begin}{body}\n{end}"),
            GOLDEN.replacen("\nU1NI", "\nU1N\nI", 1),
            String::new(),
        ] {
            assert!(Signature::verify(other.as_bytes(), COMMITMENT).is_err(), "{other}");
        }
    }

    #[test]
    fn signatures_for_something_else_are_refused() {
        let key = SecretKey::from_seed(&[7; 32]);
        for (namespace, hash) in [("file", HashAlg::Sha512), (SIGNATURE_NAMESPACE, HashAlg::Sha256)]
        {
            let bytes = key.sign(&SshSig::signed_data(namespace, hash, COMMITMENT).unwrap());
            let bytes = ssh_key::Signature::new(Algorithm::Ed25519, bytes.as_slice()).unwrap();
            let other = SshSig::new(key.public().key_data(), namespace, hash, bytes).unwrap();
            let text = other.to_pem(LineEnding::LF).unwrap();
            let refused = Signature::verify(text.as_bytes(), COMMITMENT);
            let told = match hash {
                HashAlg::Sha512 => matches!(refused, Err(SignatureError::Other { .. })),
                _ => matches!(refused, Err(SignatureError::Foreign { .. })),
            };
            assert!(told, "{refused:?}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
            prop_assert!(Signature::verify(&bytes, COMMITMENT).is_err());
        }

        #[test]
        fn no_armored_text_makes_it_panic(
            cut in 0..GOLDEN.len(),
            body in "[A-Za-z0-9+/=\n]{0,300}",
        ) {
            let end = "\n-----END SSH SIGNATURE-----\n";
            for text in [
                format!("-----BEGIN SSH SIGNATURE-----\n{body}{end}"),
                format!("{}{body}{end}", &GOLDEN[..cut]),
            ] {
                let _ = Signature::verify(text.as_bytes(), COMMITMENT);
            }
        }

        #[test]
        fn every_commitment_can_be_signed(text: Vec<u8>, seed: [u8; 32]) {
            let signature = Signature::sign(&text, &SecretKey::from_seed(&seed));
            prop_assert_eq!(Signature::verify(signature.text().as_bytes(), &text).unwrap(), signature);
        }
    }
}
