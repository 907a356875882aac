//! What stands in the place of a checkpoint that an auditor has pruned: which state it was, and
//! after which audits it was removed, signed by whoever removed it.

use super::key::SecretKey;
use super::signature::{PRUNE_NAMESPACE, Signature};
use super::so_far::SoFar;
use crate::digest::Digest;
use crate::state::StateRoot;

/// Limits the file, with its signature.
pub const TOMBSTONE_BYTES_MAX: u64 = 16_384;
/// Limits the audits that are named: the last ones.
pub const TOMBSTONE_AUDITS_MAX: usize = 64;

const TITLE: &str = "reenact tombstone 1";

/// Names a checkpoint that is gone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tombstone {
    /// Digest of the spec's canonical text.
    pub spec: Digest,
    /// Digest of the commitment to the whole run.
    pub commitment: Digest,
    /// Root of the state.
    pub root: StateRoot,
    /// The step that it opened.
    pub step: u64,
    /// When it was removed, in seconds since 1970.
    pub at_seconds: u64,
    /// Audits that covered the segments beside it, as the ledger names them.
    pub audits: Vec<String>,
}

/// Says that a text is no tombstone.
#[derive(Debug, thiserror::Error)]
#[error("it is not exactly what pruning writes")]
pub struct TombstoneError;

impl Tombstone {
    /// Writes the text.
    pub fn encode(&self) -> String {
        let Self { spec, commitment, root, step, at_seconds, audits } = self;
        let audits = audits.join(" ");
        format!(
            "{TITLE}\nspec {spec}\ncommitment {commitment}\ncheckpoint {root}\nstep {step}\n\
             removed {at_seconds}\naudits {audits}\n"
        )
    }

    /// Writes the file: the text and its signature.
    pub fn file(&self, key: &SecretKey) -> String {
        let text = self.encode();
        let signature = Signature::sign_in(PRUNE_NAMESPACE, text.as_bytes(), key);
        text + signature.text()
    }

    /// Parts a file into its text and its signature.
    pub fn parts(file: &[u8]) -> (&[u8], &[u8]) {
        SoFar::parts(file)
    }

    /// Reads a text that [`Tombstone::encode`] wrote, and no other.
    pub fn parse(text: &[u8]) -> Result<Self, TombstoneError> {
        let read = || {
            let text = str::from_utf8(text).ok()?;
            let mut lines = text.lines();
            let mut field = |name| lines.next()?.strip_prefix(name);
            field(TITLE)?;
            let (spec, commitment) =
                (field("spec ")?.parse().ok()?, field("commitment ")?.parse().ok()?);
            let (root, step) =
                (StateRoot(field("checkpoint ")?.parse().ok()?), field("step ")?.parse().ok()?);
            let at_seconds = field("removed ")?.parse().ok()?;
            let audits: Vec<String> = field("audits ")?.split(' ').map(str::to_owned).collect();
            let is_name = |name: &String| {
                (1..=64).contains(&name.len()) && name.bytes().all(|b| b.is_ascii_alphanumeric())
            };
            let fits = audits.len() <= TOMBSTONE_AUDITS_MAX && audits.iter().all(is_name);
            let found = Self { spec, commitment, root, step, at_seconds, audits };
            (fits && found.encode() == text).then_some(found)
        };
        read().ok_or(TombstoneError)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn tombstone() -> Tombstone {
        Tombstone {
            spec: Digest([1; 32]),
            commitment: Digest([2; 32]),
            root: StateRoot(Digest([3; 32])),
            step: 30,
            at_seconds: 1_795_800_000,
            audits: vec!["0a1b".into(), "2c3d".into()],
        }
    }

    #[test]
    fn golden_text() {
        let text = tombstone().encode();
        let expected = format!(
            "reenact tombstone 1\nspec {}\ncommitment {}\ncheckpoint {}\nstep 30\n\
             removed 1795800000\naudits 0a1b 2c3d\n",
            "01".repeat(32),
            "02".repeat(32),
            "03".repeat(32)
        );
        assert_eq!(text, expected);
        assert_eq!(Tombstone::parse(text.as_bytes()).unwrap(), tombstone());
    }

    #[test]
    fn a_signature_is_of_pruning_alone() {
        let key = SecretKey::from_seed(&[7; 32]);
        let file = tombstone().file(&key);
        let (text, signature) = Tombstone::parts(file.as_bytes());
        let verified = Signature::verify_in(PRUNE_NAMESPACE, signature, text).unwrap();
        assert_eq!(verified.key(), key.public());
        assert!(Signature::verify(signature, text).is_err(), "no commitment is signed by it");
        assert!((file.len() as u64) < TOMBSTONE_BYTES_MAX);
    }

    proptest! {
        #[test]
        fn what_is_read_is_what_was_written(text in "(reenact tombstone 1\n)?.{0,120}") {
            if let Ok(found) = Tombstone::parse(text.as_bytes()) {
                prop_assert_eq!(found.encode(), text);
            }
        }
    }
}
