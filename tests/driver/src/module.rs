//! Programs that were loaded, and their kernels.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use crate::ptx;
use crate::settings::Settings;
use crate::status::Status;

/// Holds a loaded program.
#[derive(Debug)]
pub struct Module {
    digest: [u8; 32],
    program: Option<Arc<ptx::Module>>,
}

/// Holds a kernel of a loaded program.
#[derive(Debug)]
pub struct Function {
    /// Its name in the program.
    pub name: String,
    /// Digest of the program's text.
    pub digest: [u8; 32],
    /// The program, where its kernel computes.
    pub program: Option<Arc<ptx::Module>>,
}

impl Module {
    /// Loads a program from its text, and keeps the text if that is wished.
    ///
    /// # Errors
    /// The text is no PTX, or shall compute and cannot.
    pub fn load(text: &str, settings: &Settings) -> Result<Self, Status> {
        let name = entry(text).ok_or(Status::INVALID_PTX)?;
        let digest = *blake3::hash(text.as_bytes()).as_bytes();
        if let Some(folder) = &settings.modules {
            keep(folder, name, &digest, text);
        }
        let program = match settings.execute.covers(name) {
            true => Some(Arc::new(ptx::Module::parse(text).map_err(|_| Status::INVALID_PTX)?)),
            false => None,
        };
        Ok(Self { digest, program })
    }

    /// Finds a kernel.
    pub fn function(&self, name: &str) -> Function {
        Function { name: name.into(), digest: self.digest, program: self.program.clone() }
    }
}

impl Function {
    /// Returns the digest's first letters.
    pub fn short_digest(&self) -> String {
        short(&self.digest)
    }
}

/// Finds the name of a program's first kernel.
fn entry(text: &str) -> Option<&str> {
    let (_, rest) = text.split_once(".entry ")?;
    Some(rest.split(|letter: char| letter == '(' || letter.is_whitespace()).next()?.trim())
}

fn keep(folder: &Path, name: &str, digest: &[u8; 32], text: &str) {
    let name: String = name.chars().take(100).collect();
    // A test that misses a program fails; there is nobody to tell here.
    let _ = fs::create_dir_all(folder);
    let _ = fs::write(folder.join(format!("{name}-{}.ptx", short(digest))), text);
}

fn short(digest: &[u8; 32]) -> String {
    digest[..8].iter().map(|byte| format!("{byte:02x}")).collect()
}
