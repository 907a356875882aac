//! Any bytes as the beginning of a data file: what is read lies in the file.

#![no_main]

use libfuzzer_sys::fuzz_target;
use reenact_core::state::DType;
use reenact_data::{IdxHeader, NpyHeader, SafetensorsHeader};
use reenact_fuzz::seeds;

/// Limits a message: no input is quoted at length.
const MESSAGE_BYTES_MAX: usize = 1 << 13;

/// A column that a safetensors file is asked for.
const NAME: &str = "x";

fn seeds() -> Vec<Vec<u8>> {
    let idx = [0, 0, 8, 2, 0, 0, 0, 2, 0, 0, 0, 1, 7, 9];
    let text = b"{'descr': '<f4', 'fortran_order': False, 'shape': (3, 2), }\n";
    let npy = [b"\x93NUMPY\x01\0", &[text.len() as u8, 0][..], text, &[0; 24]].concat();
    let text = br#"{"x":{"dtype":"F32","shape":[2,1],"data_offsets":[0,8]},"__metadata__":{"a":"b"}}"#;
    let safetensors = [&(text.len() as u64).to_le_bytes()[..], text, &[0; 8]].concat();
    vec![idx.to_vec(), npy, safetensors]
}

/// Checks that all elements lie between the header and the end, and fill that.
fn fills(dtype: DType, dims: &[usize], start: usize, file_bytes: u64) {
    let elements: u64 = dims.iter().map(|size| *size as u64).product();
    assert_eq!(start as u64 + elements * dtype.size(), file_bytes);
}

fn short<T>(read: Result<T, String>) -> Option<T> {
    read.map_err(|problem| assert!(problem.len() < MESSAGE_BYTES_MAX, "{problem}")).ok()
}

fuzz_target!(
    init: {
        let seeds = seeds();
        let size = |seed: &Vec<u8>| seed.len() as u64;
        assert!(IdxHeader::parse(&seeds[0], size(&seeds[0])).is_ok(), "a seed is not read");
        assert!(NpyHeader::parse(&seeds[1], size(&seeds[1])).is_ok(), "a seed is not read");
        assert!(SafetensorsHeader::parse(&seeds[2], size(&seeds[2])).is_ok(), "a seed is not read");
        seeds::write(seeds);
    },
    |data: &[u8]| {
        let file_bytes = data.len() as u64;
        if let Some(IdxHeader { dtype, dims, start }) = short(IdxHeader::parse(data, file_bytes)) {
            fills(dtype, &dims, start, file_bytes);
        }
        if let Some(NpyHeader { dtype, dims, start }) = short(NpyHeader::parse(data, file_bytes)) {
            fills(dtype, &dims, start, file_bytes);
        }
        let header = short(SafetensorsHeader::parse(data, file_bytes));
        if let Some((_, _, place)) = header.and_then(|header| short(header.column(NAME))) {
            assert!(place.start + place.samples * place.step <= file_bytes);
        }
    }
);
