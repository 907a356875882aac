//! The name of a class of device: short enough for a file's name, and bound to its facts.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use reenact_core::digest::Hasher;
use reenact_core::trainer::Engine;
use serde::{Deserialize, Deserializer, de};

/// Limits the facts of a class.
pub(crate) const FACTS_MAX: usize = 256;
/// Limits a fact's name, and its value, in bytes.
pub(crate) const FACT_BYTES_MAX: usize = 4096;
const DEVICE_BYTES_MAX: usize = 32;
const DIGITS: usize = 6;

/// Names a class as `cpu-3f9a41`: its device, and six digits of a digest of its facts.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ClassId(String);

/// Says why a class has no name.
#[derive(Debug, thiserror::Error)]
pub enum ClassError {
    /// There are too many facts, or none, or one is too long.
    #[error(
        "1 to {FACTS_MAX} facts are expected, each name and value of at most {FACT_BYTES_MAX} bytes"
    )]
    Facts,
    /// The device has no name that a file's name can hold.
    #[error(
        "the fact `device` has to be 1 to {DEVICE_BYTES_MAX} of a-z, 0-9 and `-`, from a letter on"
    )]
    Device,
    /// A text is no such name.
    #[error("a device and six lower-case hex digits are expected, as in cpu-3f9a41")]
    Text,
}

impl ClassId {
    /// Names the class that has these facts, as an engine says them ([`Engine::class`]).
    pub fn of(facts: &BTreeMap<String, String>) -> Result<Self, ClassError> {
        let short = |text: &String| text.len() <= FACT_BYTES_MAX;
        let fit = facts.iter().all(|(name, value)| short(name) && short(value));
        if facts.is_empty() || facts.len() > FACTS_MAX || !fit {
            return Err(ClassError::Facts);
        }
        let device = facts.get(Engine::DEVICE).filter(|device| is_device(device));
        let device = device.ok_or(ClassError::Device)?;
        let mut hasher = Hasher::new("reenact v1 gate class");
        hasher.u64(facts.len() as u64);
        for (name, value) in facts {
            hasher.bytes(name.as_bytes()).bytes(value.as_bytes());
        }
        let digest = hasher.finish().to_string();
        Ok(Self(format!("{device}-{}", &digest[..DIGITS])))
    }

    /// Names the file of the trace that lies beside the lock of the spec `name`.
    pub fn trace_file(&self, name: &str) -> String {
        format!("{name}.{self}.trace")
    }

    /// Names the file of the journal that lies beside it.
    pub fn journal_file(&self, name: &str) -> String {
        format!("{name}.{self}.journal")
    }
}

fn is_device(name: &str) -> bool {
    let letter = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    let begins = name.bytes().next().is_some_and(|first| first.is_ascii_lowercase());
    begins && name.len() <= DEVICE_BYTES_MAX && name.bytes().all(letter)
}

impl fmt::Display for ClassId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for ClassId {
    type Err = ClassError;

    fn from_str(text: &str) -> Result<Self, ClassError> {
        let (device, digits) = text.rsplit_once('-').ok_or(ClassError::Text)?;
        let hex = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
        let fits = is_device(device) && digits.len() == DIGITS && digits.bytes().all(hex);
        if fits { Ok(Self(text.into())) } else { Err(ClassError::Text) }
    }
}

impl<'de> Deserialize<'de> for ClassId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn golden_name() {
        let id = ClassId::of(&facts(&[("device", "cpu"), ("engine", "toy 1")])).unwrap();
        assert_eq!(id.to_string(), "cpu-e703bc");
        assert_eq!(id.to_string().parse::<ClassId>().unwrap(), id);
        assert_eq!(id.trace_file("digits-cnn"), format!("digits-cnn.{id}.trace"));
        assert_eq!(id.journal_file("digits-cnn"), format!("digits-cnn.{id}.journal"));
    }

    #[test]
    fn every_fact_decides() {
        let one = ClassId::of(&facts(&[("device", "cpu"), ("simd", "avx2")])).unwrap();
        for other in [
            &[("device", "cpu"), ("simd", "avx512")][..],
            &[("device", "cpu"), ("simd2", "avx2")],
            &[("device", "cpu"), ("sim", "davx2")],
            &[("device", "cpu"), ("simd", "avx2"), ("x", "")],
            &[("device", "cuda"), ("simd", "avx2")],
        ] {
            assert_ne!(ClassId::of(&facts(other)).unwrap(), one);
        }
    }

    #[test]
    fn a_device_is_no_path() {
        for device in ["", "..", "../a", "a/b", "A", "cpu:0", "-a", "0a", "a b", &"a".repeat(33)] {
            assert!(ClassId::of(&facts(&[("device", device)])).is_err(), "{device}");
            assert!(format!("{device}-0123ab").parse::<ClassId>().is_err(), "{device}");
        }
        assert!(ClassId::of(&facts(&[])).is_err() && ClassId::of(&facts(&[("a", "b")])).is_err());
        for text in ["cpu", "cpu-", "cpu-12345", "cpu-1234567", "cpu-12345G", "cpu-12345A"] {
            assert!(text.parse::<ClassId>().is_err(), "{text}");
        }
    }
}
