//! How a recording is malformed: one verb a line.

use std::fs::{self, OpenOptions};
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::process::Command;

use reenact_core::format::PublicKey;
use ssh_key::public::{Ed25519PublicKey, KeyData};
use ssh_key::{Algorithm, HashAlg, LineEnding, Signature, SshSig};

use super::expression::{bytes, offset, words};
use super::folder::Folder;
use super::journal;

/// Length of a digest in text.
const DIGEST_CHARS: usize = 64;

/// Limits a file that is edited by its bytes; holes come last.
const EDITED_BYTES_MAX: u64 = 1 << 26;

/// Applies one line of a case.
pub(super) fn apply(folder: &mut Folder, line: &str) -> Result<(), String> {
    let words = words(line);
    let (verb, words) = words.split_first().ok_or("the line is empty")?;
    match verb.as_str() {
        "reforge" => {
            folder.reforge();
            return Ok(());
        }
        verb if verb.contains("frame") => return journal::apply(folder, verb, words),
        _ => {}
    }
    let (object, words) = words.split_first().ok_or("of which object?")?;
    let path = folder.path(object);
    match verb.as_str() {
        "remove" if path.is_dir() => fs::remove_dir_all(path).map_err(|error| error.to_string()),
        "remove" | "fifo" | "socket" | "directory" | "symlink" => special(verb, &path, words),
        "truncate" | "extend" => resize(folder, object, words),
        "exchange" => {
            let other = folder.path(words.first().ok_or("with which object?")?);
            let (a, b) = (fs::read(&path).unwrap(), fs::read(&other).unwrap());
            fs::write(path, b).and_then(|()| fs::write(other, a)).map_err(|error| error.to_string())
        }
        "tensor" => {
            let [name, at, new @ ..] = words else { return Err("of which tensor, where?".into()) };
            let at = at.parse().map_err(|_| "at which byte?")?;
            folder.edit_tensor(object, name, at, &bytes(new)?)
        }
        _ => {
            if path.metadata().is_ok_and(|found| found.len() > EDITED_BYTES_MAX) {
                return Err("it is too long to be edited".into());
            }
            let old = fs::read(&path).unwrap_or_default();
            let new = rewritten(folder, verb, old, words)?;
            fs::write(path, new).map_err(|error| error.to_string())
        }
    }
}

/// Puts something else in the place of a file.
fn special(verb: &str, path: &Path, words: &[String]) -> Result<(), String> {
    if path.is_dir() {
        fs::remove_dir_all(path).unwrap();
    } else if path.symlink_metadata().is_ok() {
        fs::remove_file(path).unwrap();
    }
    let done = match verb {
        "remove" => Ok(()),
        "fifo" => Command::new("mkfifo").arg(path).status().map(drop),
        // The file stays when nobody listens any more.
        "socket" => UnixListener::bind(path).map(drop),
        "directory" => fs::create_dir(path),
        _ => symlink(words.first().ok_or("to which target?")?, path),
    };
    done.map_err(|error| error.to_string())
}

/// Cuts a file, or makes it longer by a hole that takes no room on the disk.
fn resize(folder: &Folder, object: &str, words: &[String]) -> Result<(), String> {
    let file = OpenOptions::new().write(true).open(folder.path(object)).unwrap();
    let byte_len = file.metadata().unwrap().len() as usize;
    let at = words.first().ok_or("to which length?")?;
    let length = offset(at, byte_len, &folder.frame_offsets())?;
    file.set_len(length as u64).map_err(|error| error.to_string())
}

/// Returns the new content of a file.
fn rewritten(
    folder: &Folder,
    verb: &str,
    old: Vec<u8>,
    words: &[String],
) -> Result<Vec<u8>, String> {
    let mut content = old;
    match verb {
        "write" => return bytes(words),
        "append" => content.extend(bytes(words)?),
        "set" | "insert" => {
            let (at, words) = words.split_first().ok_or("at which place?")?;
            let (at, new) = (offset(at, content.len(), &folder.frame_offsets())?, bytes(words)?);
            let end = if verb == "set" { (at + new.len()).min(content.len()) } else { at };
            content.splice(at..end, new);
        }
        "replace" => journal::replace(&mut content, words)?,
        "with-crlf" => {
            let lines = content.split_inclusive(|byte| *byte == b'\n');
            let ended = |line: &[u8]| [line.strip_suffix(b"\n").unwrap_or(line), b"\r\n"].concat();
            return Ok(lines.flat_map(ended).collect());
        }
        "upper-case" => {
            let before = bytes(words)?;
            let at = content.windows(before.len()).position(|window| window == before);
            let start = at.ok_or("that is not there")? + before.len();
            content[start..start + DIGEST_CHARS].make_ascii_uppercase();
        }
        "header" => return Ok(with_header(&bytes(words)?, &content)),
        "replace-header" => {
            let mut header = header_of(&content).to_vec();
            journal::replace(&mut header, words)?;
            return Ok(with_header(&header, &content));
        }
        "sign-as" => return signed_as(words),
        _ => return Err("an unknown verb".into()),
    }
    Ok(content)
}

/// Returns the JSON of a checkpoint.
fn header_of(file: &[u8]) -> &[u8] {
    let (length, rest) = file.split_first_chunk().unwrap();
    &rest[..u64::from_le_bytes(*length) as usize]
}

/// Puts another JSON in front of the elements of a checkpoint, and its right
/// length in front of that.
fn with_header(header: &[u8], file: &[u8]) -> Vec<u8> {
    let elements = &file[8 + header_of(file).len()..];
    [&(header.len() as u64).to_le_bytes(), header, elements].concat()
}

/// Writes a signature for another namespace. Nobody made it, but what it is for
/// is read first.
fn signed_as(words: &[String]) -> Result<Vec<u8>, String> {
    let namespace = words.first().ok_or("for which namespace?")?;
    let any = PublicKey::from_bytes([7; 32]);
    let key = KeyData::Ed25519(Ed25519PublicKey(*any.bytes()));
    let text = Signature::new(Algorithm::Ed25519, vec![0; 64])
        .and_then(|signature| SshSig::new(key, namespace.as_str(), HashAlg::Sha512, signature))
        .and_then(|signed| signed.to_pem(LineEnding::LF));
    text.map(String::into_bytes).map_err(|error| error.to_string())
}
