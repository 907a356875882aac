//! `reenact keygen`: make a key that signs recordings.

use std::path::PathBuf;

use clap::Args;
use reenact_core::format::{
    CALIBRATION_NAMESPACE, PRUNE_NAMESPACE, SIGNATURE_NAMESPACE, WORK_NAMESPACE,
};
use serde::Serialize;

use crate::terminal::output::{self, BOLD, styled};
use crate::{exit, key_file};
use reenact_audit::Failure;

const EXAMPLES: &str = "\
Examples:
  reenact keygen --out trainer.key --name trainer@example.org
  reenact record digits-mlp --out runs/mlp --key trainer.key
  reenact audit runs/mlp --allowed-signers allowed_signers
  reenact keygen --out lab.key --calibrations    a key that signs calibrations
  reenact keygen --out worker.key --workers      a key that signs answers of workers";

/// Make a key that signs recordings, or calibrations: ed25519, in OpenSSH's form, without a
/// passphrase; a key by `ssh-keygen -t ed25519` does as well
#[derive(Args)]
#[command(before_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// File for the secret key; the public key goes to FILE.pub
    #[arg(long, short, value_name = "FILE")]
    out: PathBuf,
    /// Name of the signer, for lists of allowed signers [default: the file's name]
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// Let the line for a list of allowed signers allow calibrations, not
    /// recordings: whoever trains should not say how much may differ
    #[arg(long)]
    calibrations: bool,
    /// Let the line allow answers of workers instead
    #[arg(long, conflicts_with = "calibrations")]
    workers: bool,
    /// Let the line allow tombstones of what was pruned instead
    #[arg(long, conflicts_with_all = ["calibrations", "workers"])]
    pruners: bool,
    /// Print the result as JSON
    #[arg(long)]
    json: bool,
}

/// Says what was made.
#[derive(Serialize)]
struct Made {
    secret_key: String,
    public_key: String,
    fingerprint: String,
    allowed_signer: String,
}

pub(crate) fn run(arguments: &Arguments) -> Result<u8, Failure> {
    let name = name(arguments)?;
    let key = key_file::create(&arguments.out, &name)?;
    let namespace = match arguments {
        Arguments { calibrations: true, .. } => CALIBRATION_NAMESPACE,
        Arguments { workers: true, .. } => WORK_NAMESPACE,
        Arguments { pruners: true, .. } => PRUNE_NAMESPACE,
        _ => SIGNATURE_NAMESPACE,
    };
    let made = Made {
        secret_key: arguments.out.display().to_string(),
        public_key: format!("{key} {name}"),
        fingerprint: key.fingerprint(),
        allowed_signer: format!("{name} namespaces=\"{namespace}\" {key}"),
    };
    if arguments.json {
        output::json(&made);
    } else {
        describe(&made, arguments);
    }
    Ok(exit::MATCH)
}

/// Returns a name that stands in a list of allowed signers as it is.
fn name(arguments: &Arguments) -> Result<String, Failure> {
    let file = || Some(arguments.out.file_name()?.to_str()?.to_owned());
    let name = arguments.name.clone().or_else(file).unwrap_or_default();
    let plain = |letter: char| letter.is_ascii_graphic() && !"\"#,*?!\\".contains(letter);
    match !name.is_empty() && name.chars().all(plain) {
        true => Ok(name),
        false => Err(Failure::usage(format!("`{name}` is no name of a signer")).hint(
            "give one with --name, such as trainer@example.org: no blanks, quotes or `,*?!#`",
        )),
    }
}

fn describe(made: &Made, arguments: &Arguments) {
    let Made { secret_key, public_key, fingerprint, allowed_signer } = made;
    output::line(format_args!(
        "Made {}, which is secret and not encrypted",
        styled(BOLD, secret_key)
    ));
    output::line(format_args!("  in {}:", key_file::public_path(&arguments.out).display()));
    output::line(format_args!("    {public_key}"));
    output::line("  fingerprint:");
    output::line(format_args!("    {fingerprint}"));
    output::line("  for a list of allowed signers:");
    output::line(format_args!("    {allowed_signer}"));
}
