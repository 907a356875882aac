//! Any bytes as a checkpoint: what is read is written again, bit for bit, and
//! its root covers every byte.

#![no_main]

use libfuzzer_sys::fuzz_target;
use reenact_core::format::{Checkpoint, write_checkpoint};
use reenact_core::in_memory::MemoryFile;
use reenact_core::state::{DType, State, TensorSpec};
use reenact_fuzz::{honest, seeds};

/// Limits a state that is loaded.
const STATE_BYTES_MAX: u64 = 1 << 16;

/// Limits a message: no input is quoted at length.
const MESSAGE_BYTES_MAX: usize = 1 << 15;

/// One tensor of each element size, one of none, and odd floats.
fn varied() -> Vec<u8> {
    let tensor = |name: &str, dtype, shape: &[u64], bytes: &[u8]| {
        (TensorSpec { name: name.into(), dtype, shape: shape.into() }, bytes.to_vec())
    };
    let odd = [0x7fc0_1234u32, 0xffa5_5aa5, 0x8000_0000, 1].map(u32::to_le_bytes).concat();
    let state = State::from_named(vec![
        tensor("a", DType::F32, &[2, 2], &odd),
        tensor("b", DType::Bool, &[3], &[0, 1, 1]),
        tensor("c", DType::Bf16, &[1], &[1, 2]),
        tensor("d", DType::F64, &[0, 4], &[]),
        tensor("run.step", DType::U64, &[], &[7; 8]),
    ]);
    let mut file = Vec::new();
    write_checkpoint(&state.expect("they fit"), &mut file).expect("memory takes it");
    file
}

fuzz_target!(
    init: {
        let empty = State::from_named(Vec::new()).expect("no tensors are fine");
        let mut none = Vec::new();
        write_checkpoint(&empty, &mut none).expect("memory takes it");
        seeds::write(honest::checkpoints().map(<[u8]>::to_vec).chain([varied(), none]));
    },
    |data: &[u8]| {
        // Anybody's model takes more forms than a checkpoint, and is only compared.
        match Checkpoint::open_model(Box::new(MemoryFile::new(data.to_vec()))) {
            Ok(model) => {
                let again = Checkpoint::open_model(Box::new(MemoryFile::new(data.to_vec())));
                let again = again.expect("it was read before").named_like(&model);
                assert!(model.is_same(&again).expect("memory is read"));
                assert!(model.compare(&again).expect("memory is read").differences.is_empty());
            }
            Err(error) => assert!(error.to_string().len() < MESSAGE_BYTES_MAX),
        }
        let checkpoint = match Checkpoint::open(Box::new(MemoryFile::new(data.to_vec()))) {
            Ok(checkpoint) => checkpoint,
            Err(error) => return assert!(error.to_string().len() < MESSAGE_BYTES_MAX),
        };
        let (root, fingerprints) = checkpoint.root_and_fingerprints().expect("memory is read");
        assert_eq!(checkpoint.root().expect("memory is read"), root);
        checkpoint.counter("run.step").expect("memory is read");
        assert!(checkpoint.differences(&checkpoint).expect("memory is read").is_empty());
        let state = checkpoint.load(STATE_BYTES_MAX).expect("no input is longer");
        assert_eq!((state.root(), state.fingerprints()), (root, fingerprints));
        let mut written = Vec::new();
        write_checkpoint(&state, &mut written).expect("memory takes it");
        assert_eq!(written, data);
        assert!(checkpoint.byte_len() == 0 || checkpoint.load(checkpoint.byte_len() - 1).is_err());
    }
);
