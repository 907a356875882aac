//! States of the size of a real model.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use reenact_core::format::{Checkpoint, write_checkpoint};
use reenact_core::state::{DType, State, TensorSpec};
use reenact_store::open_file;

const WIDTH: u64 = 384;

/// Makes a state with the tensors of MiniLM-L6: 90 MB, filled from a seed.
pub fn large(seed: u8) -> State {
    fill(specs(30_522, 6), seed)
}

/// Makes a state with a tenth of the bytes.
pub fn small(seed: u8) -> State {
    fill(specs(1_024, 1), seed)
}

/// Writes a state as a checkpoint file and opens it.
pub fn stored(state: &State, path: &Path) -> Checkpoint {
    let file = File::create(path).expect("the file can be created");
    let mut out = BufWriter::new(file);
    write_checkpoint(state, &mut out).and_then(|()| out.flush()).expect("the file can be written");
    open(path)
}

/// Opens a checkpoint file.
pub fn open(path: &Path) -> Checkpoint {
    Checkpoint::open(open_file(path).expect("the file is there")).expect("it is a checkpoint")
}

fn fill(specs: Vec<TensorSpec>, seed: u8) -> State {
    let mut stream = ChaCha20Rng::from_seed([seed; 32]);
    let filled = specs.into_iter().map(|spec| {
        let mut bytes = vec![0; spec.byte_len() as usize];
        stream.fill_bytes(&mut bytes);
        (spec, bytes)
    });
    State::from_named(filled.collect()).expect("the names are valid")
}

fn specs(words: u64, layers: usize) -> Vec<TensorSpec> {
    let mut specs = Vec::new();
    let mut push = |name: String, shape: &[u64]| {
        specs.push(TensorSpec {
            name: format!("model.{name}"),
            dtype: DType::F32,
            shape: shape.into(),
        });
    };
    push("embeddings.word".into(), &[words, WIDTH]);
    push("embeddings.position".into(), &[512, WIDTH]);
    push("embeddings.type".into(), &[2, WIDTH]);
    for layer in 0..layers {
        for (part, shape) in [
            ("query", [WIDTH, WIDTH]),
            ("key", [WIDTH, WIDTH]),
            ("value", [WIDTH, WIDTH]),
            ("output", [WIDTH, WIDTH]),
            ("up", [WIDTH, 4 * WIDTH]),
            ("down", [4 * WIDTH, WIDTH]),
        ] {
            push(format!("layer.{layer}.{part}.weight"), &shape);
            push(format!("layer.{layer}.{part}.bias"), &shape[1..]);
        }
        for norm in ["norm_attention", "norm_output"] {
            push(format!("layer.{layer}.{norm}.gamma"), &[WIDTH]);
            push(format!("layer.{layer}.{norm}.beta"), &[WIDTH]);
        }
    }
    specs.push(TensorSpec { name: "run.step".into(), dtype: DType::U64, shape: vec![] });
    specs
}
