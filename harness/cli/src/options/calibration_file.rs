//! Calibrations on disk: a text, and who stands for it beside it.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use clap::Args;
use reenact_audit::{Calibrated, Failure};
use reenact_core::digest::Digest;
use reenact_core::format::{
    CALIBRATION_BYTES_MAX, CALIBRATION_NAMESPACE, Calibration, SIGNATURE_BYTES_MAX, SecretKey,
    Signature,
};
use reenact_core::verify::Vouched;

use super::trust::Trust;

/// Names the calibration of an audit across classes of device.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct CalibrationFile {
    /// On a different device class: the tolerance of `calibrate`
    #[arg(long = "calibration", value_name = "FILE")]
    path: Option<PathBuf>,
}

impl CalibrationFile {
    /// Reads the calibration, if there is one. Where signers are demanded, one of
    /// them has to vouch for it.
    pub(crate) fn read(&self, trust: &Trust) -> Result<Option<Calibrated>, Failure> {
        let Some(path) = &self.path else { return Ok(None) };
        let refuse =
            |problem: String| Failure::usage(format!("calibration {}: {problem}", path.display()));
        let text = limited(path, CALIBRATION_BYTES_MAX as u64 + 1)
            .map_err(|error| refuse(error.to_string()))?;
        let calibration = Calibration::parse(&text).map_err(|error| {
            let place = format!("calibration {}", path.display());
            Failure::usage(error).in_lines().context(place)
        })?;
        let vouched = vouched(path, &text, trust)?;
        Ok(Some(Calibrated { calibration, digest: Calibration::digest_of_text(&text), vouched }))
    }
}

fn vouched(path: &Path, text: &[u8], trust: &Trust) -> Result<Vouched, Failure> {
    let signature_path = signature_path(path);
    let refuse = |problem: String| {
        Failure::usage(format!("calibration {}: {problem}", path.display())).hint(format!(
            "a calibration says how much may differ, so it takes a signature of its own: \
             `reenact calibrate --key`, with a key that the list allows for {CALIBRATION_NAMESPACE}"
        ))
    };
    let signers = trust.read_for(CALIBRATION_NAMESPACE)?;
    let signature = match limited(&signature_path, SIGNATURE_BYTES_MAX + 1) {
        Ok(signature) => signature,
        Err(error) if error.kind() == io::ErrorKind::NotFound => match signers {
            Some(_) => return Err(refuse("it is not signed".into())),
            None => return Ok(Vouched::Unsigned),
        },
        Err(error) => return Err(refuse(format!("{}: {error}", signature_path.display()))),
    };
    let signature = Signature::verify_in(CALIBRATION_NAMESPACE, &signature, text)
        .map_err(|error| refuse(format!("{}: {error}", signature_path.display())))?;
    let key = signature.key().fingerprint();
    let Some(signers) = signers else { return Ok(Vouched::UnknownKey { key }) };
    match signers.principal_of(signature.key()) {
        Some(principal) => Ok(Vouched::Trusted { principal: principal.to_owned(), key }),
        None => Err(refuse(format!("the key {key} is not among the allowed signers"))),
    }
}

fn limited(path: &Path, limit: u64) -> io::Result<Vec<u8>> {
    if !fs::metadata(path)?.is_file() {
        return Err(io::Error::other("it is no plain file"));
    }
    let mut bytes = Vec::new();
    File::open(path)?.take(limit).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn signature_path(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".sig");
    name.into()
}

/// Says whether there is a place for a new calibration: none is overwritten.
pub(crate) fn check_free(path: &Path) -> Result<(), Failure> {
    for taken in [path, &signature_path(path)] {
        if taken.symlink_metadata().is_ok() {
            let problem = format!("{} exists; no calibration is overwritten", taken.display());
            return Err(Failure::usage(problem));
        }
    }
    Ok(())
}

/// Stores a calibration, and signs it if there is a key. Returns its digest.
pub(crate) fn store(
    path: &Path,
    calibration: &Calibration,
    key: Option<&SecretKey>,
) -> Result<Digest, Failure> {
    let text = calibration.encode().map_err(Failure::inconclusive)?;
    let write = |path: &Path, text: &str| {
        let mut file = OpenOptions::new().write(true).create_new(true).open(path)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()
    };
    let refuse = |path: &Path, error: io::Error| {
        Failure::inconclusive(format!("{}: {error}", path.display()))
    };
    write(path, &text).map_err(|error| refuse(path, error))?;
    if let Some(key) = key {
        let signature = Signature::sign_in(CALIBRATION_NAMESPACE, text.as_bytes(), key);
        let path = signature_path(path);
        write(&path, signature.text()).map_err(|error| refuse(&path, error))?;
    }
    Ok(Calibration::digest_of_text(text.as_bytes()))
}
