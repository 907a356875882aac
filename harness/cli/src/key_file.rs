//! Key files: ed25519 keys as OpenSSH stores them, without a passphrase.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use reenact_core::format::{PublicKey, SecretKey};
use ssh_key::private::{Ed25519Keypair, KeypairData};
use ssh_key::{LineEnding, PrivateKey};

use reenact_audit::Failure;

/// Limits a key file; one has some 400 bytes.
const KEY_FILE_BYTES_MAX: u64 = 1 << 16;

/// Reads the key that signs.
pub(crate) fn read(path: &Path) -> Result<SecretKey, Failure> {
    let refuse = |problem: &str| Failure::usage(format!("{}: {problem}", path.display()));
    let mut text = String::new();
    let file = File::open(path).map_err(|error| refuse(&error.to_string()))?;
    let read = file.take(KEY_FILE_BYTES_MAX).read_to_string(&mut text);
    read.map_err(|error| refuse(&format!("it is no key: {error}")))?;
    if ssh_key::PublicKey::from_openssh(text.trim_end()).is_ok() {
        let hint = format!("the secret key is usually in {}", path.with_extension("").display());
        return Err(refuse("it is a public key, which cannot sign").hint(hint));
    }
    let key = PrivateKey::from_openssh(&text).map_err(|error| {
        refuse(&format!("it is no ed25519 key in OpenSSH's form: {error}"))
            .hint("`reenact keygen` makes one, and `ssh-keygen -t ed25519 -N ''` does")
    })?;
    if key.is_encrypted() {
        return Err(refuse("the key is encrypted; reenact does not ask for a passphrase").hint(
            "`ssh-keygen -Y sign -n reenact-commitment@v1 -f KEY RUN/commitment` signs with it",
        ));
    }
    let KeypairData::Ed25519(pair) = key.key_data() else {
        let found = key.algorithm();
        return Err(refuse(&format!("it is a key of type {found}; ssh-ed25519 is needed")));
    };
    let secret = SecretKey::from_seed(pair.private.as_ref());
    match secret.public().bytes() == pair.public.as_ref() {
        true => Ok(secret),
        false => Err(refuse("its public half does not belong to its secret half; it is damaged")),
    }
}

/// Makes a key and stores it, and its public half beside it.
///
/// # Errors
/// If one of the files exists; a key is never overwritten.
pub(crate) fn create(path: &Path, name: &str) -> Result<PublicKey, Failure> {
    let public_path = public_path(path);
    for taken in [path, &public_path] {
        if taken.symlink_metadata().is_ok() {
            let problem = format!("{} exists; a key is never overwritten", taken.display());
            return Err(Failure::usage(problem));
        }
    }
    let mut seed = [0; 32];
    let random = getrandom::fill(&mut seed);
    random.map_err(|error| Failure::inconclusive(format!("no randomness: {error}")))?;
    let public = SecretKey::from_seed(&seed).public();
    let text = private_text(&seed, public, name)?;
    let refuse = |path: &Path, error: io::Error| {
        Failure::inconclusive(format!("{}: {error}", path.display()))
    };
    store(path, text.as_bytes(), true).map_err(|error| refuse(path, error))?;
    let line = format!("{public} {name}\n");
    store(&public_path, line.as_bytes(), false).map_err(|error| {
        let _ = fs::remove_file(path);
        refuse(&public_path, error)
    })?;
    Ok(public)
}

/// Returns where the public half lies.
pub(crate) fn public_path(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".pub");
    name.into()
}

fn private_text(
    seed: &[u8; 32],
    public: PublicKey,
    name: &str,
) -> Result<impl std::ops::Deref<Target = String> + use<>, Failure> {
    let mut bytes = [0; 64];
    bytes[..32].copy_from_slice(seed);
    bytes[32..].copy_from_slice(public.bytes());
    Ed25519Keypair::from_bytes(&bytes)
        .and_then(|pair| PrivateKey::new(KeypairData::Ed25519(pair), name))
        .and_then(|key| key.to_openssh(LineEnding::LF))
        .map_err(|error| Failure::inconclusive(format!("the key cannot be written: {error}")))
}

fn store(path: &Path, text: &[u8], secret: bool) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, if secret { 0o600 } else { 0o644 });
    #[cfg(not(unix))]
    let _ = secret;
    let mut file = options.open(path)?;
    file.write_all(text)?;
    file.sync_all()
}
