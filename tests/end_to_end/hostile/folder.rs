//! A copy of the honest recording, to be malformed, and what lies around it.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use reenact_core::format::{Checkpoint, Object, write_checkpoint};
use reenact_core::in_memory::{MemoryFile, MemoryRun};
use reenact_core::spec::Spec;
use reenact_core::state::StateRoot;

use super::forging::{RawFrame, raw_frames, reforged};
use crate::common::{copy, roots};

/// Limits a state of the toy.
const STATE_BYTES_MAX: u64 = 1 << 16;

/// Holds the recording under edit.
pub(super) struct Folder {
    pub(super) run: PathBuf,
    /// The step and the root of every checkpoint.
    roots: Vec<(String, String)>,
    frames: Option<Vec<RawFrame>>,
}

impl Folder {
    /// Copies the honest recording to `place/run`, with a file beside it that
    /// no command may touch.
    pub(super) fn copy(honest: &Path, place: &Path) -> Self {
        let run = place.join("run");
        copy(honest, &run);
        fs::write(place.join("outside"), "a secret").unwrap();
        let named = roots(&run).into_iter().map(|line| {
            let mut words = line.split(' ').skip(1).map(str::to_owned);
            (words.next().unwrap(), words.next().unwrap())
        });
        Self { roots: named.collect(), run, frames: None }
    }

    /// Returns the path of an object inside the recording; checkpoints are
    /// called `checkpoint@STEP`.
    pub(super) fn path_in_recording(&self, object: &str) -> String {
        match object.strip_prefix("checkpoint@") {
            None => object.to_owned(),
            Some(step) => {
                let known = self.roots.iter().find(|(opens, _)| opens == step);
                let (_, root) = known.unwrap_or_else(|| panic!("no checkpoint opens {step}"));
                format!("checkpoints/{root}.safetensors")
            }
        }
    }

    pub(super) fn path(&self, object: &str) -> PathBuf {
        self.run.join(self.path_in_recording(object))
    }

    /// Returns the frames, as they are to be chained.
    pub(super) fn frames(&mut self) -> &mut Vec<RawFrame> {
        let run = &self.run;
        self.frames.get_or_insert_with(|| raw_frames(&loaded(run)))
    }

    /// Returns where each frame begins.
    pub(super) fn frame_offsets(&self) -> Vec<usize> {
        let mut at = 20;
        let lengths = raw_frames(&loaded(&self.run)).into_iter().map(|(_, payload)| payload.len());
        let start = |length: usize| {
            at += 14 + length + 32;
            at - (14 + length + 32)
        };
        lengths.map(start).collect()
    }

    /// Chains the frames anew, binds the spec, and commits to everything, as an
    /// insider would. The signature cannot be had.
    pub(super) fn reforge(&mut self) {
        let mut frames = self.frames().clone();
        let text = fs::read(self.run.join("spec.toml")).unwrap();
        if let Some((0, payload)) = frames.first_mut() {
            payload[..32].copy_from_slice(&Spec::digest_of_text(&text).0);
        }
        let forged = reforged(&loaded(&self.run), &frames);
        for object in [Object::Journal, Object::Commitment] {
            fs::write(self.run.join(object.to_string()), &forged.objects[&object]).unwrap();
        }
        fs::remove_file(self.run.join("commitment.sig")).unwrap();
    }

    /// Changes bytes of a tensor, and names the checkpoint by its new root,
    /// also in its frame.
    pub(super) fn edit_tensor(
        &mut self,
        object: &str,
        name: &str,
        at: usize,
        bytes: &[u8],
    ) -> Result<(), String> {
        let path = self.path(object);
        let source = Box::new(MemoryFile::new(fs::read(&path).unwrap()));
        let mut state = Checkpoint::open(source).unwrap().load(STATE_BYTES_MAX).unwrap();
        let before = state.root();
        let tensor = state.tensor_mut(name).ok_or("there is no such tensor")?;
        tensor.get_mut(at..at + bytes.len()).ok_or("it is shorter")?.copy_from_slice(bytes);
        let (after, mut file) = (state.root(), Vec::new());
        write_checkpoint(&state, &mut file).unwrap();
        fs::remove_file(path).unwrap();
        fs::write(self.run.join(Object::Checkpoint(after).to_string()), file).unwrap();
        self.rename(before, after);
        Ok(())
    }

    fn rename(&mut self, before: StateRoot, after: StateRoot) {
        for (kind, payload) in self.frames() {
            if *kind == 3 && payload[8..] == before.0.0 {
                payload[8..].copy_from_slice(&after.0.0);
            }
        }
    }
}

/// Reads what frames and commitment are made of.
fn loaded(run: &Path) -> MemoryRun {
    let mut memory = MemoryRun::default();
    for object in [Object::Journal, Object::Spec] {
        let content = fs::read(run.join(object.to_string()));
        memory.objects.insert(object, content.unwrap_or_default());
    }
    memory
}

/// Says of everything below a folder what it is, how long, and when it was
/// changed. Nothing is opened: it may be a pipe, or of terabytes.
pub(super) fn listing(folder: &Path) -> Vec<(PathBuf, String, u64, SystemTime)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let facts = path.symlink_metadata().unwrap();
        let kind = format!("{:?}", facts.file_type());
        found.push((path.clone(), kind, facts.len(), facts.modified().unwrap()));
        if facts.is_dir() {
            found.extend(listing(&path));
        }
    }
    found.sort();
    found
}
