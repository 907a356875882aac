//! Files that a spec declares.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::Read;
use std::sync::Arc;

use reenact_core::spec::Spec;
use reenact_core::trainer::{Setting, TrainerError};
use reenact_data::{Outboards, VerifiedFile};

/// Limits all declared files together: they are held in memory.
const BYTES_MAX: u64 = 64 << 30;

/// Holds the content of the files that a spec declares by name and digest.
#[derive(Clone, Debug, Default)]
pub struct Files(BTreeMap<String, Vec<u8>>);

impl Files {
    /// Reads the declared files from the data folder.
    ///
    /// # Errors
    /// One that is not there, or whose digest is another.
    pub fn open(spec: &Spec, setting: &Setting) -> Result<Self, TrainerError> {
        let mut left = BYTES_MAX;
        let mut files = BTreeMap::new();
        // What samples lie in is read piece by piece.
        let held_out = spec.validation.iter().flat_map(|found| &found.data.files);
        let samples: BTreeSet<&String> = spec.data.files.iter().chain(held_out).collect();
        for (name, declared) in spec.files.iter().filter(|(name, _)| !samples.contains(name)) {
            let refuse = |problem| TrainerError::File { name: name.clone(), problem };
            let path = setting.data_dir.join(name);
            let content = read(&path, left)
                .map_err(|problem| refuse(format!("{}: {problem}", path.display())))?;
            let found = spec.digest_of_file(&content);
            if found != *declared {
                let problem = format!(
                    "{} has the digest {found}; the spec declares {declared} under [files]",
                    path.display()
                );
                return Err(refuse(problem));
            }
            left -= content.len() as u64;
            files.insert(name.clone(), content);
        }
        Ok(Self(files))
    }

    /// Opens a declared file without reading it: each piece of it is verified as it is read
    /// ([`VerifiedFile`]). What that needs is made once, in one pass over the file, and kept in
    /// the folder `.outboards` of the data folder where that can be written.
    ///
    /// # Errors
    /// That the spec does not declare it, or that it is not there.
    pub fn verified(
        spec: &Spec,
        setting: &Setting,
        name: &str,
    ) -> Result<Arc<VerifiedFile>, TrainerError> {
        let refuse = |problem: String| TrainerError::File { name: name.into(), problem };
        let missing = || refuse("the spec does not declare it under [files]".into());
        let hash = *spec.files.get(name).ok_or_else(missing)?;
        let outboards = Outboards::new(Vec::new(), Some(setting.data_dir.join(".outboards")));
        let file = VerifiedFile::open(&setting.data_dir, name, hash, &outboards);
        file.map(Arc::new).map_err(|error| refuse(error.to_string()))
    }

    /// Returns the content of a file.
    ///
    /// # Errors
    /// That the spec does not declare it.
    pub fn get(&self, name: &str) -> Result<&[u8], String> {
        let found = self.0.get(name).map(Vec::as_slice);
        found.ok_or_else(|| format!("the spec declares no file `{name}` under [files]"))
    }
}

fn read(path: &std::path::Path, bytes_max: u64) -> Result<Vec<u8>, String> {
    let metadata = fs::metadata(path).map_err(|error| error.to_string())?;
    if !metadata.is_file() {
        return Err("it is not a file".into());
    }
    let mut content = Vec::new();
    let file = File::open(path).map_err(|error| error.to_string())?;
    file.take(bytes_max + 1).read_to_end(&mut content).map_err(|error| error.to_string())?;
    if content.len() as u64 > bytes_max {
        return Err("it is larger than what can be held in memory".into());
    }
    Ok(content)
}

#[cfg(test)]
mod tests {
    use reenact_core::spec::digest_of_file;

    use super::*;

    #[test]
    fn only_what_is_declared_is_given() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("a.bin"), b"weights").unwrap();
        let text = include_str!("../../../replay-specs/toy-plane.toml");
        let with = |name: &str, content: &[u8]| {
            let digest = digest_of_file(content);
            Spec::parse(&format!("{text}\n[files]\n\"{name}\" = \"{digest}\"\n")).unwrap()
        };
        let setting = Setting { data_dir: folder.path().into(), ..Setting::new("cpu", 1) };
        let files = Files::open(&with("a.bin", b"weights"), &setting).unwrap();
        assert_eq!(files.get("a.bin").unwrap(), b"weights");
        assert!(files.get("b.bin").unwrap_err().contains("`b.bin`"));
        let digest = digest_of_file(b"weights").to_string();
        let problem = |spec| Files::open(&spec, &setting).unwrap_err().to_string();
        assert!(problem(with("a.bin", b"other")).contains(&digest));
        assert!(problem(with("b.bin", b"weights")).contains("b.bin"));
        fs::create_dir(folder.path().join("c")).unwrap();
        assert!(problem(with("c", b"")).contains("not a file"));
    }
}
