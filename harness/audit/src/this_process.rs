//! What this process runs on and was built from.

use std::fs;
use std::sync::OnceLock;

use reenact_core::digest::{Digest, Hasher};
use reenact_core::format::Environment;
use reenact_core::trainer::Engine;

use crate::failure::Failure;

/// The lock file that this was built from; empty if the build could not tell.
const LOCK: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/Cargo.lock"));

/// Describes this process with the engine that it uses.
pub fn environment_of(engine: Engine) -> Result<Environment, Failure> {
    Ok(Environment {
        engine,
        reenact: env!("CARGO_PKG_VERSION").into(),
        rustc: env!("REENACT_RUSTC").into(),
        lock: lock_digest(LOCK),
        binary: binary_digest()?,
        system: system(),
    })
}

fn lock_digest(lock: &[u8]) -> Digest {
    if lock.is_empty() {
        return Environment::NO_LOCK;
    }
    Hasher::new("reenact v1 lock file").bytes(lock).finish()
}

/// Returns the digest of the running binary.
pub fn binary_digest() -> Result<Digest, Failure> {
    static DIGEST: OnceLock<Digest> = OnceLock::new();
    if let Some(digest) = DIGEST.get() {
        return Ok(*digest);
    }
    let read = std::env::current_exe().and_then(fs::read);
    let refuse = |error| Failure::inconclusive(format!("cannot read the running binary: {error}"));
    let bytes = read.map_err(refuse)?;
    Ok(*DIGEST.get_or_init(|| Hasher::new("reenact v1 binary").bytes(&bytes).finish()))
}

fn system() -> String {
    let release = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let (os, arch) = (std::env::consts::OS, std::env::consts::ARCH);
    format!("{os} {} {arch}", release.trim()).replace("  ", " ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_build_knows_its_lock_file_and_says_where_one_does_not() {
        let lock = std::str::from_utf8(LOCK).unwrap();
        assert!(lock.contains("name = \"reenact\""), "another lock file: {lock:.200}");
        assert_ne!(lock_digest(LOCK), Environment::NO_LOCK);
        assert_eq!(lock_digest(b""), Environment::NO_LOCK);
    }
}
