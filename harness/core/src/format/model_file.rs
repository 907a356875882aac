//! Models as files of their own: what a training is made for.
//!
//! A state holds the model as tensors `model.<path>`. A file of it has the paths alone, as
//! the engine's own stores name them, so that anybody's reader takes it.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::sync::Arc;

use super::checkpoint::{file_order, header_with};
use super::header::{Header, read_header};
use super::{Checkpoint, CheckpointError, ReadAt};
use crate::sanitize::plain;
use crate::state::{DType, Layout, StateRoot, TensorSpec, merkle_root};

/// Is what the names of a model's tensors begin with in a state.
const MODEL: &str = "model.";

/// Is what the names of the weights' running averages begin with.
const AVERAGE: &str = "average.";

impl Checkpoint {
    /// Returns the model that a state holds: parameters and buffers by their module paths. The
    /// flags of a module, which steer it, are left out. With `averaged`, each weight of which
    /// a running average is kept is that average.
    ///
    /// # Errors
    /// [`CheckpointError::Layout`] if that leaves no names that a model can have.
    pub fn model(&self, averaged: bool) -> Result<Self, CheckpointError> {
        let named = |(path, index): (&str, usize)| {
            let spec = TensorSpec { name: path.into(), ..self.layout.tensors()[index].clone() };
            (spec, self.offsets[index])
        };
        // A map goes by name, so this is the canonical order.
        let (specs, offsets) = self.named_by_path(averaged).into_iter().map(named).unzip();
        let layout = Arc::new(Layout::new(specs)?);
        Ok(Self { source: self.source.clone(), layout, offsets })
    }

    /// Says whether the state holds running averages of weights.
    pub fn has_averages(&self) -> bool {
        self.layout.tensors().iter().any(|spec| spec.name.starts_with(AVERAGE))
    }

    /// Returns the positions in the state of the model's tensors, by module path.
    fn named_by_path(&self, averaged: bool) -> BTreeMap<&str, usize> {
        let flag = |spec: &TensorSpec| spec.dtype == DType::Bool && spec.shape.is_empty();
        let mut positions = BTreeMap::new();
        for (index, spec) in self.layout.tensors().iter().enumerate() {
            let path = spec.name.strip_prefix(MODEL).filter(|_| !flag(spec));
            let average = spec.name.strip_prefix(AVERAGE).filter(|_| averaged);
            // An average goes before `model.` in the state, so it is here first.
            if let Some(path) = average.or(path) {
                positions.entry(path).or_insert(index);
            }
        }
        positions
    }

    /// Opens a model that anybody wrote as a safetensors file, its tensors in any order.
    ///
    /// # Errors
    /// What is wrong with the file; it may be hostile.
    pub fn open_model(source: Box<dyn ReadAt>) -> Result<Self, CheckpointError> {
        let header = read_header(source.as_ref())?;
        let parsed = serde_json::from_slice(&header);
        let Header(mut tensors) =
            parsed.map_err(|error| CheckpointError::Header(plain(&error.to_string())))?;
        tensors.sort_by(|(a, _), (b, _)| a.name.cmp(&b.name));
        let begin = 8 + header.len() as u64;
        let room = source.byte_len() - begin;
        let layout = Layout::new(tensors.iter().map(|(spec, _)| spec.clone()).collect())?;
        for (spec, [start, end]) in &tensors {
            let lies = start <= end && *end <= room && end - start == spec.byte_len();
            if !lies {
                let name = plain(&spec.name);
                let problem = format!("`{name}` lies at [{start}, {end}] of {room} bytes");
                return Err(CheckpointError::Header(problem));
            }
        }
        let offsets = tensors.iter().map(|(_, [start, _])| begin + start).collect();
        Ok(Self { source: source.into(), layout: Arc::new(layout), offsets })
    }

    /// Takes `model.` off all names, as a state has it, if they are those of `model` then and
    /// not as they are. A module can itself be called `model`.
    pub fn named_like(self, model: &Self) -> Self {
        let known = |name: &str| usize::from(model.layout.position(name).is_some());
        let tensors = self.layout.tensors();
        let Some(bare) = tensors
            .iter()
            .map(|spec| spec.name.strip_prefix(MODEL).filter(|name| !name.is_empty()))
            .collect::<Option<Vec<_>>>()
        else {
            return self;
        };
        let as_it_is: usize = tensors.iter().map(|spec| known(&spec.name)).sum();
        if bare.iter().copied().map(known).sum::<usize>() <= as_it_is {
            return self;
        }
        let named = |(spec, name): (&TensorSpec, &&str)| TensorSpec {
            name: (*name).to_owned(),
            ..spec.clone()
        };
        // The order stays, as all of them lose the same letters.
        match Layout::new(tensors.iter().zip(&bare).map(named).collect()) {
            Ok(layout) => Self { layout: Arc::new(layout), ..self },
            Err(_) => self,
        }
    }
}

/// Writes the model that a state holds as a safetensors file, and hashes the whole state in
/// the same pass: whoever compares the root with the recorded one knows that these very bytes
/// were written. `metadata` is what the header says of the file, as text. Memory does not grow
/// with the model.
///
/// # Errors
/// [`CheckpointError`] if the state cannot be read or has no names that a model can have; that
/// of `out` in the place of the root.
pub fn write_model(
    state: &Checkpoint,
    averaged: bool,
    metadata: &BTreeMap<String, String>,
    out: &mut dyn Write,
) -> Result<io::Result<StateRoot>, CheckpointError> {
    state.model(averaged)?;
    let entries = serde_json::to_string(metadata)
        .map_err(|error| CheckpointError::Header(error.to_string()))?;
    let mut paths = vec![None; state.layout.tensors().len()];
    for (path, index) in state.named_by_path(averaged) {
        paths[index] = Some(path);
    }
    // In the order of the state's file, so that it is read from its beginning to its end.
    let order = file_order(&state.layout).into_iter();
    let tensors = order.filter_map(|index| Some((paths[index]?, &state.layout.tensors()[index])));
    let header = header_with(&format!("\"__metadata__\":{entries}"), tensors);
    let mut written = out.write_all(&(header.len() as u64).to_le_bytes());
    written = written.and_then(|()| out.write_all(&header));
    let leaves = state.leaves(|index, piece| {
        if paths[index].is_some() && written.is_ok() {
            written = out.write_all(piece);
        }
    })?;
    Ok(written.map(|()| merkle_root(&leaves)))
}

#[cfg(test)]
mod tests {
    use safetensors::SafeTensors;

    use super::*;
    use crate::format::{Comparison, write_checkpoint};
    use crate::in_memory::MemoryFile;
    use crate::state::State;

    fn state() -> State {
        let spec = |name: &str, dtype, shape: &[u64]| TensorSpec {
            name: name.into(),
            dtype,
            shape: shape.into(),
        };
        State::from_named(vec![
            (
                spec("model.a.weight", DType::F32, &[2]),
                [1.0f32, 2.0].map(f32::to_le_bytes).concat(),
            ),
            (spec("model.a.flag", DType::Bool, &[]), vec![1]),
            (spec("model.count", DType::I64, &[1]), 9i64.to_le_bytes().into()),
            (
                spec("average.a.weight", DType::F32, &[2]),
                [3.0f32, 4.0].map(f32::to_le_bytes).concat(),
            ),
            (spec("optimizer.a.weight.time", DType::U64, &[]), 7u64.to_le_bytes().into()),
            (spec("run.step", DType::U64, &[]), 7u64.to_le_bytes().into()),
        ])
        .unwrap()
    }

    fn checkpoint() -> Checkpoint {
        let mut file = Vec::new();
        write_checkpoint(&state(), &mut file).unwrap();
        Checkpoint::open(Box::new(MemoryFile::new(file))).unwrap()
    }

    fn written(averaged: bool) -> Vec<u8> {
        let mut file = Vec::new();
        let metadata = BTreeMap::from([("step".to_owned(), "7".to_owned())]);
        let root = write_model(&checkpoint(), averaged, &metadata, &mut file).unwrap().unwrap();
        assert_eq!(root, state().root(), "it is hashed as it is written");
        file
    }

    #[test]
    fn anybody_reads_it_under_the_models_own_names() {
        let file = written(false);
        let read = SafeTensors::deserialize(&file).unwrap();
        let mut names = read.names();
        names.sort();
        assert_eq!(names, ["a.weight", "count"]);
        assert_eq!(
            read.tensor("a.weight").unwrap().data(),
            [1.0f32, 2.0].map(f32::to_le_bytes).concat()
        );
        let averaged = written(true);
        let read = SafeTensors::deserialize(&averaged).unwrap();
        assert_eq!(
            read.tensor("a.weight").unwrap().data(),
            [3.0f32, 4.0].map(f32::to_le_bytes).concat()
        );
    }

    #[test]
    fn a_file_is_compared_with_the_model() {
        let open = |file| Checkpoint::open_model(Box::new(MemoryFile::new(file)));
        let model = checkpoint().model(false).unwrap();
        let same = open(written(false)).unwrap();
        assert_eq!(model.compare(&same).unwrap(), Comparison::default());
        assert!(model.is_same(&same).unwrap());
        let mut edited = written(false);
        *edited.last_mut().unwrap() ^= 0x80;
        let edited = open(edited).unwrap();
        assert!(!model.is_same(&edited).unwrap());
        let found = model.compare(&edited).unwrap();
        assert_eq!((found.differences.len(), found.absolute_max), (1, Some(4.0)));
        let averaged = open(written(true)).unwrap();
        assert!(!model.is_same(&averaged).unwrap());
        assert!(checkpoint().model(true).unwrap().is_same(&averaged).unwrap());
        assert!(checkpoint().has_averages());
    }

    #[test]
    fn names_of_a_state_are_taken_as_the_models() {
        let file = |names: &[&str]| {
            let spec = |name: &&str| TensorSpec {
                name: (*name).into(),
                dtype: DType::F32,
                shape: vec![1],
            };
            let tensors = names.iter().map(|name| (spec(name), vec![0; 4])).collect();
            let mut file = Vec::new();
            write_checkpoint(&State::from_named(tensors).unwrap(), &mut file).unwrap();
            Checkpoint::open_model(Box::new(MemoryFile::new(file))).unwrap()
        };
        let model = file(&["a.weight", "b.weight"]);
        let like = |names: &[&str]| file(names).named_like(&model);
        assert!(model.is_same(&like(&["model.a.weight", "model.b.weight"])).unwrap());
        assert!(model.is_same(&like(&["a.weight", "b.weight"])).unwrap());
        for others in [&["model.a.weight", "b.weight"][..], &["model.", "model.a.weight"]] {
            assert!(!model.is_same(&like(others)).unwrap(), "{others:?}");
        }
        // A model whose one module is called `model`.
        let nested = file(&["model.a"]);
        assert!(nested.is_same(&file(&["model.a"]).named_like(&nested)).unwrap());
        assert!(nested.is_same(&file(&["model.model.a"]).named_like(&nested)).unwrap());
    }

    #[test]
    fn hostile_files_are_refused() {
        let open = |file: Vec<u8>| Checkpoint::open_model(Box::new(MemoryFile::new(file))).is_err();
        let with = |json: &str| [&(json.len() as u64).to_le_bytes(), json.as_bytes()].concat();
        assert!(open(vec![]) && open(vec![0; 7]) && open(vec![255; 64]));
        assert!(open(with("{")) && open(with("[]")));
        let tensor = |shape: &str, offsets: &str| {
            format!(r#"{{"a":{{"dtype":"F32","shape":{shape},"data_offsets":{offsets}}}}}"#)
        };
        for (shape, offsets) in [
            ("[1]", "[0,4]"),
            ("[0]", "[0,1]"),
            ("[18446744073709551615,2]", "[0,0]"),
            ("[1]", "[18446744073709551612,0]"),
            ("[0]", "[1,0]"),
        ] {
            assert!(open(with(&tensor(shape, offsets))), "{shape} {offsets}");
        }
        assert!(!open(with(&tensor("[0]", "[0,0]"))));
    }
}
