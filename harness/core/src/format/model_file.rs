//! Models as files of their own: what a training is made for.
//!
//! A state holds the model as tensors `model.<path>`. A file of it has the paths alone, as
//! the engine's own stores name them, so that anybody's reader takes it.

use std::collections::BTreeMap;
use std::io::Write;
use std::sync::Arc;

use super::checkpoint::{file_order, header_with};
use super::header::{Header, read_header};
use super::pieces::{PIECE_BYTES, Pieces};
use super::{Checkpoint, CheckpointError, ReadAt};
use crate::plain::plain;
use crate::state::{DType, Layout, TensorSpec};

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
        let flag = |spec: &TensorSpec| spec.dtype == DType::Bool && spec.shape.is_empty();
        let mut tensors = BTreeMap::new();
        for (spec, &offset) in self.layout.tensors().iter().zip(&self.offsets) {
            let path = spec.name.strip_prefix(MODEL).filter(|_| !flag(spec));
            let average = spec.name.strip_prefix(AVERAGE).filter(|_| averaged);
            if let Some(path) = average {
                tensors.insert(path.to_owned(), (spec, offset));
            } else if let Some(path) = path {
                tensors.entry(path.to_owned()).or_insert((spec, offset));
            }
        }
        // A map goes by name, and an average goes before `model.` in the state.
        let named = tensors.into_iter();
        let (specs, offsets) = named
            .map(|(name, (spec, offset))| (TensorSpec { name, ..spec.clone() }, offset))
            .unzip();
        let layout = Arc::new(Layout::new(specs)?);
        Ok(Self { source: self.source.clone(), layout, offsets })
    }

    /// Opens a model that anybody wrote as a safetensors file. Where all names begin with
    /// `model.`, that is taken off.
    ///
    /// # Errors
    /// What is wrong with the file; it may be hostile.
    pub fn open_model(source: Box<dyn ReadAt>) -> Result<Self, CheckpointError> {
        let header = read_header(source.as_ref())?;
        let parsed = serde_json::from_slice(&header);
        let Header(mut tensors) =
            parsed.map_err(|error| CheckpointError::Header(plain(&error.to_string())))?;
        if tensors.iter().all(|(spec, _)| spec.name.starts_with(MODEL)) {
            tensors.iter_mut().for_each(|(spec, _)| spec.name = spec.name[MODEL.len()..].into());
        }
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
}

/// Writes a model as a safetensors file, in pieces. `metadata` is what its header says of
/// it, as text.
///
/// # Errors
/// [`CheckpointError`] if it cannot be read; that of `out` in its place.
pub fn write_model(
    model: &Checkpoint,
    metadata: &BTreeMap<String, String>,
    out: &mut dyn Write,
) -> Result<std::io::Result<()>, CheckpointError> {
    let entries = serde_json::to_string(metadata)
        .map_err(|error| CheckpointError::Header(error.to_string()))?;
    let header = header_with(&format!("\"__metadata__\":{entries}"), &model.layout);
    let mut written = out.write_all(&(header.len() as u64).to_le_bytes());
    written = written.and_then(|()| out.write_all(&header));
    let mut pieces = Pieces::new(model.source.as_ref());
    for index in file_order(&model.layout) {
        pieces.read_aligned(model.range(index), PIECE_BYTES, |piece| {
            if written.is_ok() {
                written = out.write_all(piece);
            }
        })?;
    }
    Ok(written)
}

#[cfg(test)]
mod tests {
    use safetensors::SafeTensors;

    use super::*;
    use crate::format::write_checkpoint;
    use crate::memory::MemoryFile;
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
        let model = checkpoint().model(averaged).unwrap();
        write_model(&model, &metadata, &mut file).unwrap().unwrap();
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
        assert_eq!(model.differences(&open(written(false)).unwrap()).unwrap(), []);
        let mut edited = written(false);
        *edited.last_mut().unwrap() ^= 1;
        assert_eq!(model.differences(&open(edited).unwrap()).unwrap().len(), 1);
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
