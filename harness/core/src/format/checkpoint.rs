//! Checkpoints: whole states as safetensors files, in one canonical form.
//!
//! Any safetensors reader reads them. Beyond the safetensors format, a
//! checkpoint has exactly one encoding, so that its root covers every byte of
//! the file: tensors lie by falling element size, then by name, without gaps;
//! the header lists them in that order, without spaces but the padding to a
//! multiple of eight bytes.

use std::io::{self, Write};
use std::ops::Range;
use std::sync::Arc;

use super::header::{Header, read_header};
use super::pieces::{PIECE_BYTES, Pieces};
use super::{ReadAt, StoreError};
use crate::digest::Digest;
use crate::sanitize::plain;
use crate::state::{
    DType, Fingerprint, Fingerprinter, Layout, LayoutError, LeafHasher, ModelRoot, State,
    StateRoot, TensorSpec, merkle_root, model_root,
};

/// Limits a checkpoint's header.
pub const CHECKPOINT_HEADER_BYTES_MAX: u64 = 1 << 26;

const METADATA: &str = r#""__metadata__":{"format":"reenact-state","version":"1"}"#;

/// Says why a file is no checkpoint.
#[derive(Debug, thiserror::Error)]
pub enum CheckpointError {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The header is too long for the file or for any checkpoint.
    #[error("byte 0: the header claims {claimed} bytes; the file leaves room for {room}")]
    HeaderLength {
        /// What the file says.
        claimed: u64,
        /// What is possible.
        room: u64,
    },
    /// The header is no JSON of the expected form.
    #[error("byte 8: the header does not parse: {0}")]
    Header(String),
    /// The tensors make no state.
    #[error("byte 8: {0}")]
    Layout(#[from] LayoutError),
    /// The header says the same in other bytes than reenact writes.
    #[error("byte {at}: the header is not in canonical form")]
    NotCanonical {
        /// Offset of the first byte that differs.
        at: usize,
    },
    /// The file is longer or shorter than its header says.
    #[error("the file has {found} bytes; its header says {expected}")]
    Length {
        /// By the header.
        expected: u64,
        /// By the store.
        found: u64,
    },
    /// The state is larger than the caller can use.
    #[error("the state has {bytes} bytes; at most {limit} fit this program")]
    TooLarge {
        /// Its size.
        bytes: u64,
        /// The limit.
        limit: u64,
    },
}

/// Returns the positions of a layout's tensors in file order: by falling
/// element size, so that every tensor is aligned, then by name.
pub(super) fn file_order(layout: &Layout) -> Vec<usize> {
    let mut order: Vec<usize> = (0..layout.tensors().len()).collect();
    order.sort_by_key(|&i| std::cmp::Reverse(layout.tensors()[i].dtype.size()));
    order
}

fn encode_header(layout: &Layout) -> Vec<u8> {
    let tensors = file_order(layout).into_iter().map(|index| &layout.tensors()[index]);
    header_with(METADATA, tensors.map(|spec| (spec.name.as_str(), spec)))
}

/// Writes a header with this first entry, and then these tensors under these names, which
/// follow each other in the file.
pub(super) fn header_with<'a>(
    metadata: &str,
    tensors: impl Iterator<Item = (&'a str, &'a TensorSpec)>,
) -> Vec<u8> {
    let mut json = format!("{{{metadata}");
    let mut offset = 0;
    for (name, spec) in tensors {
        let shape: Vec<String> = spec.shape.iter().map(u64::to_string).collect();
        let end = offset + spec.byte_len();
        json.push_str(&format!(
            r#","{name}":{{"dtype":"{}","shape":[{}],"data_offsets":[{offset},{end}]}}"#,
            spec.dtype.name(),
            shape.join(","),
        ));
        offset = end;
    }
    json.push('}');
    let padded = json.len().next_multiple_of(8);
    json.extend(std::iter::repeat_n(' ', padded - json.len()));
    json.into_bytes()
}

/// Writes a state as a checkpoint.
pub fn write_checkpoint(state: &State, out: &mut dyn Write) -> io::Result<()> {
    let header = encode_header(state.layout());
    out.write_all(&(header.len() as u64).to_le_bytes())?;
    out.write_all(&header)?;
    let tensors: Vec<(&TensorSpec, &[u8])> = state.tensors().collect();
    file_order(state.layout()).into_iter().try_for_each(|index| out.write_all(tensors[index].1))
}

/// Returns how many bytes a checkpoint of such a state takes.
pub fn checkpoint_bytes(layout: &Layout) -> u64 {
    let tensors: u64 = layout.tensors().iter().map(TensorSpec::byte_len).sum();
    8 + encode_header(layout).len() as u64 + tensors
}

/// Gives access to a stored checkpoint without loading it.
pub struct Checkpoint {
    pub(super) source: Arc<dyn ReadAt>,
    pub(super) layout: Arc<Layout>,
    /// Offset of each tensor's bytes, in canonical order.
    pub(super) offsets: Vec<u64>,
}

impl Checkpoint {
    /// Opens a checkpoint and checks its header, byte for byte. What the
    /// tensors hold is checked by [`Checkpoint::root`].
    pub fn open(source: Box<dyn ReadAt>) -> Result<Self, CheckpointError> {
        let header = read_header(source.as_ref())?;
        let layout = parse_header(&header)?;
        let expected = encode_header(&layout);
        if let Some(at) = first_difference(&header, &expected) {
            return Err(CheckpointError::NotCanonical { at: at + 8 });
        }
        let mut offsets = vec![0; layout.tensors().len()];
        let mut offset = 8 + header.len() as u64;
        for index in file_order(&layout) {
            offsets[index] = offset;
            offset += layout.tensors()[index].byte_len();
        }
        if offset != source.byte_len() {
            return Err(CheckpointError::Length { expected: offset, found: source.byte_len() });
        }
        Ok(Self { source: source.into(), layout: Arc::new(layout), offsets })
    }

    /// Returns names, types and shapes.
    pub fn layout(&self) -> &Arc<Layout> {
        &self.layout
    }

    /// Returns the size of the tensors in bytes.
    pub fn byte_len(&self) -> u64 {
        self.layout.tensors().iter().map(TensorSpec::byte_len).sum()
    }

    /// Hashes the whole state, in pieces: memory does not grow with its size.
    pub fn root(&self) -> Result<StateRoot, CheckpointError> {
        Ok(merkle_root(&self.leaves(|_, _| ())?))
    }

    /// Hashes the whole state, and of it the model, in one pass.
    pub fn root_and_model(&self) -> Result<(StateRoot, ModelRoot), CheckpointError> {
        let leaves = self.leaves(|_, _| ())?;
        let named = self.layout.tensors().iter().zip(leaves.iter().copied());
        Ok((merkle_root(&leaves), model_root(named)))
    }

    /// Hashes the whole state and takes its fingerprints, in one pass.
    pub fn root_and_fingerprints(&self) -> Result<(StateRoot, Vec<Fingerprint>), CheckpointError> {
        let mut takers: Vec<Fingerprinter> = Vec::new();
        takers.resize_with(self.offsets.len(), Fingerprinter::default);
        let leaves = self.leaves(|index, piece| takers[index].update(piece))?;
        Ok((merkle_root(&leaves), takers.into_iter().map(Fingerprinter::finish).collect()))
    }

    /// Reads a counter: a scalar of type `U64`; none if there is none.
    pub fn counter(&self, name: &str) -> Result<Option<u64>, StoreError> {
        let Some(index) = self.layout.position(name) else { return Ok(None) };
        let spec = &self.layout.tensors()[index];
        if spec.dtype != DType::U64 || !spec.shape.is_empty() {
            return Ok(None);
        }
        let mut bytes = [0; 8];
        self.source.read_exact_at(self.offsets[index], &mut bytes)?;
        Ok(Some(u64::from_le_bytes(bytes)))
    }

    pub(super) fn leaves(
        &self,
        mut also: impl FnMut(usize, &[u8]),
    ) -> Result<Vec<Digest>, CheckpointError> {
        let specs = self.layout.tensors();
        let mut leaves = vec![Default::default(); specs.len()];
        let mut pieces = Pieces::new(self.source.as_ref());
        for index in file_order(&self.layout) {
            let mut leaf = LeafHasher::new(&specs[index]);
            pieces.read_aligned(self.range(index), leaf.room(PIECE_BYTES), |piece| {
                leaf.update(piece);
                also(index, piece);
            })?;
            leaves[index] = leaf.finish();
        }
        Ok(leaves)
    }

    pub(super) fn range(&self, index: usize) -> Range<u64> {
        let start = self.offsets[index];
        start..start + self.layout.tensors()[index].byte_len()
    }

    /// Loads the whole state, if it has at most `limit` bytes.
    pub fn load(&self, limit: u64) -> Result<State, CheckpointError> {
        let bytes = self.byte_len();
        if bytes > limit {
            return Err(CheckpointError::TooLarge { bytes, limit });
        }
        let load = |(spec, &offset): (&TensorSpec, &u64)| {
            let mut tensor = vec![0; spec.byte_len() as usize];
            self.source.read_exact_at(offset, &mut tensor)?;
            Ok(tensor)
        };
        let tensors: Result<_, StoreError> =
            self.layout.tensors().iter().zip(&self.offsets).map(load).collect();
        Ok(State::new(self.layout.clone(), tensors?)?)
    }
}

fn parse_header(header: &[u8]) -> Result<Layout, CheckpointError> {
    let parsed = serde_json::from_slice(header);
    let Header(tensors) =
        parsed.map_err(|error| CheckpointError::Header(plain(&error.to_string())))?;
    let mut specs: Vec<_> = tensors.into_iter().map(|(spec, _)| spec).collect();
    specs.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(Layout::new(specs)?)
}

fn first_difference(a: &[u8], b: &[u8]) -> Option<usize> {
    let common = a.iter().zip(b).position(|(a, b)| a != b);
    common.or_else(|| (a.len() != b.len()).then(|| a.len().min(b.len())))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::in_memory::MemoryFile;
    use proptest::prelude::*;

    fn spec(name: &str, dtype: DType, shape: &[u64]) -> TensorSpec {
        TensorSpec { name: name.into(), dtype, shape: shape.into() }
    }

    /// NaN payloads, negative zero, denormals and infinities.
    fn odd_floats() -> Vec<u8> {
        [0x7fc0_1234u32, 0xffa5_5aa5, 0x8000_0000, 1, 0x807f_ffff, 0x7f80_0000]
            .iter()
            .flat_map(|bits| bits.to_le_bytes())
            .collect()
    }

    fn state() -> State {
        State::from_named(vec![
            (spec("run.step", DType::U64, &[]), 7u64.to_le_bytes().into()),
            (spec("model.w", DType::F32, &[2, 3]), odd_floats()),
            (spec("model.flags", DType::Bool, &[3]), vec![0, 1, 1]),
            (spec("model.none", DType::F32, &[0, 4]), vec![]),
        ])
        .unwrap()
    }

    fn written(state: &State) -> Vec<u8> {
        let mut file = Vec::new();
        write_checkpoint(state, &mut file).unwrap();
        file
    }

    fn open(file: Vec<u8>) -> Result<Checkpoint, CheckpointError> {
        Checkpoint::open(Box::new(MemoryFile::new(file)))
    }

    #[test]
    fn every_bit_survives() {
        let checkpoint = open(written(&state())).unwrap();
        assert_eq!(checkpoint.load(1 << 20).unwrap(), state());
        assert_eq!(checkpoint.root().unwrap(), state().root());
        assert_eq!(checkpoint_bytes(state().layout()), written(&state()).len() as u64);
    }

    #[test]
    fn golden_header_and_root() {
        let file = written(&state());
        let header = std::str::from_utf8(&file[8..8 + file[0] as usize + 256 * file[1] as usize]);
        let expected = concat!(
            r#"{"__metadata__":{"format":"reenact-state","version":"1"},"#,
            r#""run.step":{"dtype":"U64","shape":[],"data_offsets":[0,8]},"#,
            r#""model.none":{"dtype":"F32","shape":[0,4],"data_offsets":[8,8]},"#,
            r#""model.w":{"dtype":"F32","shape":[2,3],"data_offsets":[8,32]},"#,
            r#""model.flags":{"dtype":"BOOL","shape":[3],"data_offsets":[32,35]}}"#,
        );
        assert_eq!(header.unwrap().trim_end(), expected);
        let root = "3a1e2279987af8148857f42adaefb6f262aee614da622a0e7618fb7a256e43d2";
        assert_eq!(state().root().to_string(), root);
    }

    #[test]
    fn the_reference_reader_reads_it() {
        let file = written(&state());
        let tensors = safetensors::SafeTensors::deserialize(&file).unwrap();
        assert_eq!(tensors.names().len(), 4);
        let weight = tensors.tensor("model.w").unwrap();
        assert_eq!((weight.shape(), weight.data()), (&[2, 3][..], &odd_floats()[..]));
    }

    #[test]
    fn golden_root_of_the_model() {
        let (root, model) = open(written(&state())).unwrap().root_and_model().unwrap();
        let golden = "e78f1403a9037b9fa437beda10c8dd84b56446bde0f443f68ecab30820a20790";
        assert_eq!((root, model.to_string().as_str()), (state().root(), golden));
        let mut trained_on = state();
        trained_on.tensor_mut("run.step").unwrap()[0] += 1;
        let later = open(written(&trained_on)).unwrap().root_and_model().unwrap();
        assert!(later.0 != root && later.1 == model, "the step is no part of the model");
        trained_on.tensor_mut("model.flags").unwrap()[0] ^= 1;
        assert_ne!(open(written(&trained_on)).unwrap().root_and_model().unwrap().1, model);
    }

    #[test]
    fn every_flipped_bit_is_refused_or_changes_the_root() {
        let file = written(&state());
        for bit in 0..8 * file.len() {
            let mut flipped = file.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            if let Ok(checkpoint) = open(flipped) {
                assert_ne!(checkpoint.root().unwrap(), state().root(), "bit {bit}");
            }
        }
    }

    #[test]
    fn absurd_lengths_are_refused_before_allocation() {
        let mut file = written(&state());
        file[..8].copy_from_slice(&u64::MAX.to_le_bytes());
        assert!(matches!(open(file), Err(CheckpointError::HeaderLength { .. })));
        assert!(matches!(open(vec![1, 2]), Err(CheckpointError::Length { .. })));
        let nested = format!("{}{}", "[".repeat(5000), "]".repeat(5000));
        let deep = [&(nested.len() as u64).to_le_bytes(), nested.as_bytes()].concat();
        assert!(matches!(open(deep), Err(CheckpointError::Header(_))));
        let rank = format!(
            r#"{{"a":{{"dtype":"F32","shape":[1{}],"data_offsets":[0,4]}}}}"#,
            ",1".repeat(1 << 20)
        );
        let rank = [&(rank.len() as u64).to_le_bytes(), rank.as_bytes()].concat();
        assert!(matches!(open(rank), Err(CheckpointError::Header(_))));
        let huge = r#"{"a":{"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,0]}}"#;
        let huge = [&(huge.len() as u64).to_le_bytes(), huge.as_bytes()].concat();
        assert!(matches!(open(huge), Err(CheckpointError::Layout(_))));
    }

    #[test]
    fn loading_is_limited() {
        let checkpoint = open(written(&state())).unwrap();
        assert!(matches!(
            checkpoint.load(8),
            Err(CheckpointError::TooLarge { bytes: 35, limit: 8 })
        ));
    }

    #[test]
    fn differences_name_tensors_and_layouts() {
        let mut other = state();
        other.tensor_mut("model.flags").unwrap()[1] = 0;
        let (a, b) = (open(written(&state())).unwrap(), open(written(&other)).unwrap());
        let found = a.differences(&b).unwrap();
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].name, "model.flags");
        let fewer =
            State::from_named(vec![(spec("model.w", DType::F32, &[6]), odd_floats())]).unwrap();
        let found = a.differences(&open(written(&fewer)).unwrap()).unwrap();
        let names: Vec<&str> = found.iter().map(|d| d.name.as_str()).collect();
        assert_eq!(names, ["model.flags", "model.none", "model.w", "run.step"]);
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(file in prop::collection::vec(any::<u8>(), 0..400)) {
            let _ = open(file).map(|checkpoint| checkpoint.root());
        }

        #[test]
        fn no_header_makes_it_panic(json in r#"\{("(a|b)":\{"dtype":"(F32|U8|X)","shape":\[[0-9,]{0,30}\],"data_offsets":\[0,[0-9]{1,20}\]\},?){0,3}\}"#) {
            let file = [&(json.len() as u64).to_le_bytes(), json.as_bytes(), &[0; 64]].concat();
            let _ = open(file).map(|checkpoint| checkpoint.root());
        }
    }
}
