//! Any bytes as a commitment: there is one text of each.

#![no_main]

use libfuzzer_sys::fuzz_target;
use reenact_core::format::{Commitment, Object};
use reenact_fuzz::{honest, seeds};

fuzz_target!(
    init: {
        let whole = honest::object(Object::Commitment);
        let none = whole.split_inclusive(|byte| *byte == b'\n').take(4).collect::<Vec<_>>();
        seeds::write([whole.to_vec(), none.concat()]);
    },
    |data: &[u8]| {
        if let Ok(commitment) = Commitment::parse(data) {
            assert_eq!(commitment.encode().as_bytes(), data);
        }
    }
);
