//! Columns of every format give the samples that were written, and hostile headers an error.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use proptest::prelude::*;
use reenact_core::data::DataSet;
use reenact_core::digest::{Digest, Hasher};
use reenact_core::state::DType;
use reenact_data::{
    Column, Columns, FileError, Idx, IdxHeader, Npy, NpyHeader, Outboards, Place, Safetensors,
    SafetensorsHeader, TokenType, Tokens, VerifiedFile,
};
use tempfile::TempDir;

/// Writes a file and opens it verified.
fn file(folder: &Path, name: &str, content: &[u8]) -> Arc<VerifiedFile> {
    fs::write(folder.join(name), content).unwrap();
    let hash = Digest(*blake3::hash(content).as_bytes());
    Arc::new(VerifiedFile::open(folder, name, hash, &Outboards::default()).unwrap())
}

fn folder() -> TempDir {
    tempfile::tempdir().unwrap()
}

/// What NumPy 2 writes for `numpy.arange(6, dtype="<f4").reshape(3, 2)`.
fn npy(major: u8) -> Vec<u8> {
    let text = "{'descr': '<f4', 'fortran_order': False, 'shape': (3, 2), }";
    let fixed = if major == 1 { 10 } else { 12 };
    let padded = (fixed + text.len() + 1).next_multiple_of(64) - fixed;
    let mut found = [b"\x93NUMPY".as_slice(), &[major, 0]].concat();
    let length = (padded as u32).to_le_bytes();
    found.extend_from_slice(&length[..fixed - 8]);
    found.extend(format!("{text:<0$}\n", padded - 1).bytes());
    (0..6).for_each(|value| found.extend_from_slice(&(value as f32).to_le_bytes()));
    found
}

fn idx(code: u8, dims: &[u32], elements: &[u8]) -> Vec<u8> {
    let mut found = vec![0, 0, code, dims.len() as u8];
    dims.iter().for_each(|size| found.extend_from_slice(&size.to_be_bytes()));
    found.extend_from_slice(elements);
    found
}

fn safetensors(header: &str, elements: &[u8]) -> Vec<u8> {
    [&(header.len() as u64).to_le_bytes()[..], header.as_bytes(), elements].concat()
}

fn floats(bytes: &[u8]) -> Vec<f32> {
    bytes.as_chunks::<4>().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect()
}

#[test]
fn npy_of_every_version() {
    let folder = folder();
    for major in 1..=3 {
        let npy = Npy::open(file(folder.path(), "x.npy", &npy(major))).unwrap();
        assert_eq!((npy.header().dtype, &npy.header().dims[..]), (DType::F32, &[3, 2][..]));
        let data = Columns::new(vec![npy.column("features").unwrap()]).unwrap();
        let batch = data.batch(&[2, 0]).unwrap();
        assert_eq!(batch.tensors[0].shape, [2, 2]);
        assert_eq!(floats(&batch.tensors[0].bytes), [4.0, 5.0, 0.0, 1.0]);
    }
}

#[test]
fn npy_that_is_stored_otherwise_says_what_to_do() {
    let header = |text: &str| {
        let mut found =
            [b"\x93NUMPY\x01\0".as_slice(), &(text.len() as u16).to_le_bytes()].concat();
        found.extend(text.bytes());
        NpyHeader::parse(&found, found.len() as u64 + 8).map(|header| header.dims)
    };
    let array = |descr: &str, order: &str, shape: &str| {
        header(&format!("{{'descr': {descr}, 'fortran_order': {order}, 'shape': {shape}}}"))
    };
    assert_eq!(array("'<f4'", "False", "(2,)"), Ok(vec![2]));
    assert_eq!(array("\"<f4\"", "False", "(1, 2)"), Ok(vec![1, 2]));
    let cases = [
        (array("'>f4'", "False", "(2,)"), "astype"),
        (array("'<c8'", "False", "(1,)"), "<c8"),
        (array("'|O'", "False", "(1,)"), "|O"),
        (array("[('a', '<f4')]", "False", "(2,)"), "fields"),
        (array("'<f4'", "True", "(2,)"), "ascontiguousarray"),
        (array("'<f4'", "False", "()"), "shape is []"),
        (array("'<f4'", "False", "(0,)"), "shape is [0]"),
        (array("'<f4'", "False", "(3,)"), "announces 12 bytes of data, the file has 8"),
        (array("'<f4'", "False", "(-1,)"), "no number"),
        (array("'<f4'", "False", "(99999999999999999999,)"), "no number"),
        (array("'<f8'", "False", "(4294967296, 4294967296)"), "shape"),
        (header("{'descr': '<f4', 'descr': '<f4'}"), "twice"),
        (header("{'descr': '<f4'}"), "lacks"),
        (header("{'other': 1}"), "other"),
        (header("{'descr': '<f4', 'fortran_order': False, 'shape': (2,)} x"), "follows"),
        (header("__import__('os')"), "\"{\" is missing"),
    ];
    for (found, says) in cases {
        let problem = found.unwrap_err();
        assert!(problem.contains(says), "{problem} / {says}");
    }
}

#[test]
fn idx_turns_the_bytes_of_larger_elements() {
    let folder = folder();
    let values: Vec<u8> = [1.5f32, -2.0, 3.0, 4.0].iter().flat_map(|x| x.to_be_bytes()).collect();
    let images = Idx::open(file(folder.path(), "images", &idx(0x0d, &[2, 2], &values))).unwrap();
    let labels = Idx::open(file(folder.path(), "labels", &idx(0x08, &[2], &[7, 9]))).unwrap();
    let columns = vec![images.column("images").unwrap(), labels.column("labels").unwrap()];
    let data = Columns::new(columns).unwrap();
    assert_eq!((data.len(), data.sample_bytes()), (2, 9));
    let batch = data.batch(&[1, 1, 0]).unwrap();
    assert_eq!(floats(&batch.tensors[0].bytes), [3.0, 4.0, 3.0, 4.0, 1.5, -2.0]);
    assert_eq!(
        (batch.tensors[1].bytes.as_slice(), batch.tensors[1].dtype),
        (&[9, 9, 7][..], DType::U8)
    );
    assert_eq!(batch.tensors[1].shape, [3]);
    assert!(data.batch(&[2]).unwrap_err().to_string().contains("no sample 2"));
}

#[test]
fn tokens_overlap_and_targets_follow() {
    let folder = folder();
    let text: Vec<u8> = (0..10u16).flat_map(|token| (300 + token).to_le_bytes()).collect();
    let file = file(folder.path(), "tokens.bin", &text);
    let tokens = Tokens::open(Arc::clone(&file), TokenType::U16, 4, 2).unwrap();
    let read = |column: Column, sample: u32| {
        let batch = Columns::new(vec![column]).unwrap().batch(&[sample]).unwrap();
        let bytes = batch.tensors[0].bytes.as_chunks::<2>().0.to_vec();
        bytes.iter().map(|bytes| u16::from_le_bytes(*bytes) - 300).collect::<Vec<_>>()
    };
    let whole = tokens.column("tokens").unwrap();
    assert_eq!(whole.samples(), 3, "the one from token 6 on lacks its last");
    assert_eq!(read(whole.clone(), 0), [0, 1, 2, 3, 4]);
    assert_eq!(read(whole, 2), [4, 5, 6, 7, 8]);
    let [seen, next] = tokens.shifted(["tokens", "targets"]).unwrap().try_into().unwrap();
    assert_eq!((read(seen, 1), read(next, 1)), (vec![2, 3, 4, 5], vec![3, 4, 5, 6]));
    for (context, stride) in [(0, 1), (1, 0), (10, 1), (usize::MAX, 1)] {
        let refused = Tokens::open(Arc::clone(&file), TokenType::U16, context, stride);
        assert!(refused.is_err(), "{context} {stride}");
    }
    let one = Tokens::open(Arc::clone(&file), TokenType::U16, 9, usize::MAX / 4).unwrap();
    assert_eq!(one.column("x").unwrap().samples(), 1);
    assert!(Tokens::open(file, TokenType::U16, 4, usize::MAX).is_err());
    let odd = self::file(folder.path(), "odd.bin", &text[..19]);
    assert!(Tokens::open(odd, TokenType::U32, 1, 1).unwrap_err().to_string().contains("odd.bin"));
}

#[test]
fn safetensors_gives_a_column_a_tensor() {
    let folder = folder();
    let header = r#"{"labels":{"dtype":"U8","shape":[2],"data_offsets":[8,10]},
        "x":{"dtype":"F32","shape":[2,1],"data_offsets":[0,8]},"__metadata__":{"by":"us"},
        "one":{"dtype":"U8","shape":[],"data_offsets":[10,11]}}"#;
    let elements = [&1f32.to_le_bytes()[..], &2f32.to_le_bytes(), &[5, 6, 0]].concat();
    let content = safetensors(header, &elements);
    let columns = Safetensors::open(file(folder.path(), "x.safetensors", &content)).unwrap();
    let data = vec![columns.column("x").unwrap(), columns.column("labels").unwrap()];
    let batch = Columns::new(data).unwrap().batch(&[1]).unwrap();
    assert_eq!((floats(&batch.tensors[0].bytes), &batch.tensors[1].bytes), (vec![2.0], &vec![6]));
    let missing = columns.column("y").unwrap_err().to_string();
    assert!(missing.contains("`y`") && missing.contains("\"labels\""), "{missing}");
    assert!(columns.column("one").is_err());
    let huge = SafetensorsHeader::bytes(&u64::MAX.to_le_bytes());
    assert!(huge.unwrap_err().contains("1048576"));
    assert!(SafetensorsHeader::parse(&content, content.len() as u64 - 1).is_err());
    let gap = r#"{"a":{"dtype":"U8","shape":[9],"data_offsets":[0,1]}}"#;
    assert!(
        SafetensorsHeader::parse(&safetensors(gap, &[0]), 9 + gap.len() as u64)
            .and_then(|header| header.column("a"))
            .is_err()
    );
}

#[test]
fn samples_lie_inside_of_the_file() {
    let folder = folder();
    let file = file(folder.path(), "x", &[0; 100]);
    let column = |samples, start, step, shape: &[usize]| {
        let place = Place { samples, start, step, is_big_endian: false };
        Column::new("x", Arc::clone(&file), DType::U8, shape, place)
    };
    assert!(column(10, 0, 10, &[10]).is_ok());
    for (samples, start, step) in [
        (11, 0, 10),
        (10, 1, 10),
        (0, 0, 10),
        (u64::MAX, 0, 10),
        (2, u64::MAX, 1),
        (3, 0, u64::MAX),
    ] {
        let refused = column(samples, start, step, &[10]);
        assert!(matches!(refused, Err(FileError::Format { .. })), "{samples} {start} {step}");
    }
    assert!(column(1, 0, 0, &[0]).is_err());
    assert!(column(1, 0, 0, &[usize::MAX, 2]).is_err());
    let ten = column(10, 0, 10, &[10]).unwrap();
    assert_eq!(ten.part(8..10).unwrap().samples(), 2);
    assert!(ten.part(8..11).is_err());
    assert!(ten.part(0..0).is_err());
    let other = Columns::new(vec![ten.clone(), ten.part(0..2).unwrap()]).unwrap_err();
    assert!(other.contains("2 samples"), "{other}");
    assert!(Columns::new(vec![]).is_err());
}

/// The digest is that of the same columns in memory, which specs and recordings hold.
#[test]
fn the_digest_is_that_of_memory() {
    let folder = folder();
    let bytes: Vec<u8> = (0..300_000u32).map(|at| (at % 253) as u8).collect();
    let images = Idx::open(file(folder.path(), "i", &idx(8, &[3000, 10, 10], &bytes))).unwrap();
    let column = images.column("images").unwrap();
    let part = Columns::new(vec![column.part(1000..3000).unwrap()]).unwrap();
    let mut hasher = Hasher::new("reenact v1 data in memory");
    hasher.u64(1).bytes(b"images").bytes(b"U8").u64(2).u64(10).u64(10);
    let expected = hasher.bytes(&bytes[100_000..]).finish();
    assert_eq!(part.digest().unwrap(), expected);
}

proptest! {
    #[test]
    fn no_header_panics(bytes in proptest::collection::vec(any::<u8>(), 0..300), size in any::<u64>()) {
        let _ = IdxHeader::parse(&bytes, size);
        let _ = NpyHeader::parse(&bytes, size);
        let _ = SafetensorsHeader::parse(&bytes, size);
    }

    #[test]
    fn no_edit_of_a_header_panics(
        edits in proptest::collection::vec((0usize..160, any::<u8>()), 1..6),
        size in prop_oneof![Just(152u64), any::<u64>()],
    ) {
        let mut edited = npy(1);
        edits.iter().for_each(|&(at, byte)| {
            let length = edited.len();
            edited[at % length] = byte;
        });
        if let Ok(header) = NpyHeader::parse(&edited, size) {
            let elements: usize = header.dims.iter().product();
            let bytes = elements as u64 * header.dtype.size();
            prop_assert_eq!(header.start as u64 + bytes, size);
        }
    }

    #[test]
    fn no_text_as_a_header_panics(text in "[{}()\\[\\]'\",:a-zA-Z0-9_<>|. -]{0,120}") {
        let npy = [b"\x93NUMPY\x01\0".as_slice(), &(text.len() as u16).to_le_bytes(), text.as_bytes()];
        let _ = NpyHeader::parse(&npy.concat(), 1000);
        let _ = SafetensorsHeader::parse(&safetensors(&text, &[]), 1000);
    }
}
