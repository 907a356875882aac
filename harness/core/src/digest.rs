//! Digests, and the one rule by which everything in reenact is hashed.
//!
//! Every hash is BLAKE3 in its key-derivation mode with a context string that
//! names the type and its version, so that the bytes of one type can never
//! pass for another's. Integers are little-endian; everything of variable
//! length carries its length as a `u64` in front; maps go in sorted order.

use std::fmt;
use std::str::FromStr;
use std::sync::OnceLock;

use blake3::hazmat::{ContextKey, HasherExt, hash_derive_key_context};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// Holds 32 bytes of BLAKE3 output; written as 64 lower-case hex digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Digest(pub [u8; 32]);

/// Says why a text is no digest.
#[derive(Debug, thiserror::Error)]
#[error("`{0}` is not a digest: 64 lower-case hex digits are expected")]
pub struct DigestError(String);

impl Digest {
    /// Returns the first eight hex digits, enough for a person to tell two apart.
    pub fn short(&self) -> String {
        self.to_string()[..8].to_owned()
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Digest {
    type Err = DigestError;

    /// Reads exactly what `Display` writes; upper case is refused, so that a
    /// digest has one spelling.
    fn from_str(text: &str) -> Result<Self, DigestError> {
        let refuse = || DigestError(text.chars().take(80).collect());
        let digits = text.as_bytes();
        if digits.len() != 64 {
            return Err(refuse());
        }
        let mut bytes = [0; 32];
        for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
            let high = hex_value(pair[0]).ok_or_else(refuse)?;
            let low = hex_value(pair[1]).ok_or_else(refuse)?;
            *byte = high << 4 | low;
        }
        Ok(Self(bytes))
    }
}

fn hex_value(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    }
}

impl Serialize for Digest {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() {
            serializer.collect_str(self)
        } else {
            self.0.serialize(serializer)
        }
    }
}

impl<'de> Deserialize<'de> for Digest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if deserializer.is_human_readable() {
            String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
        } else {
            <[u8; 32]>::deserialize(deserializer).map(Self)
        }
    }
}

/// Is the domain of something that is hashed at every step: its key is derived once.
#[derive(Debug)]
pub struct Domain {
    context: &'static str,
    key: OnceLock<ContextKey>,
}

impl Domain {
    /// Names a domain, as [`Hasher::new`] does.
    pub const fn new(context: &'static str) -> Self {
        Self { context, key: OnceLock::new() }
    }

    /// Starts a hash in it.
    pub fn hasher(&self) -> Hasher {
        let key = self.key.get_or_init(|| hash_derive_key_context(self.context));
        Hasher(blake3::Hasher::new_from_context_key(key))
    }
}

/// Feeds one domain-separated BLAKE3 hash.
#[derive(Clone, Debug)]
pub struct Hasher(blake3::Hasher);

impl Hasher {
    /// Starts a hash in `domain`, a context string such as
    /// `"reenact v1 state leaf"` that no other type uses.
    pub fn new(domain: &'static str) -> Self {
        Self(blake3::Hasher::new_derive_key(domain))
    }

    /// Adds an integer, little-endian.
    pub fn u64(&mut self, value: u64) -> &mut Self {
        self.0.update(&value.to_le_bytes());
        self
    }

    /// Adds bytes of variable length, their length first.
    pub fn bytes(&mut self, bytes: &[u8]) -> &mut Self {
        self.u64(bytes.len() as u64).fixed(bytes)
    }

    /// Adds bytes whose length the reader knows already.
    pub fn fixed(&mut self, bytes: &[u8]) -> &mut Self {
        self.0.update(bytes);
        self
    }

    /// Returns the number of bytes added so far.
    pub(crate) fn byte_count(&self) -> u64 {
        self.0.count()
    }

    /// Ends the hash.
    pub fn finish(&self) -> Digest {
        Digest(*self.0.finalize().as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn reads_what_it_writes() {
        let digest = Hasher::new("reenact test").bytes(b"x").finish();
        assert_eq!(digest.to_string().parse::<Digest>().unwrap(), digest);
    }

    #[test]
    fn a_domain_starts_the_hash_that_its_name_starts() {
        static DOMAIN: Domain = Domain::new("reenact test");
        for _ in 0..2 {
            let digest = DOMAIN.hasher().bytes(b"x").finish();
            assert_eq!(digest, Hasher::new("reenact test").bytes(b"x").finish());
        }
    }

    #[test]
    fn one_spelling_only() {
        let text = Digest([0xab; 32]).to_string();
        assert!(text.to_uppercase().parse::<Digest>().is_err());
        assert!(text[..62].parse::<Digest>().is_err());
    }

    #[test]
    fn length_prefix_separates_fields() {
        let joined = |a: &[u8], b: &[u8]| Hasher::new("reenact test").bytes(a).bytes(b).finish();
        assert_ne!(joined(b"ab", b"c"), joined(b"a", b"bc"));
    }

    proptest! {
        #[test]
        fn a_text_is_no_digest_or_the_one_spelling_of_it(text in "[0-9a-fA-F]{63,65}|\\PC{0,80}") {
            if let Ok(digest) = text.parse::<Digest>() {
                prop_assert_eq!(digest.to_string(), text);
            }
        }
    }
}
