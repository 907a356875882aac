//! Any bytes as a signature, of a commitment that they may bring along.

#![no_main]

use libfuzzer_sys::fuzz_target;
use reenact_core::format::{Object, Signature};
use reenact_fuzz::{honest, seeds};

fuzz_target!(
    init: {
        let whole = honest::object(Object::Signature);
        let other = Signature::sign(b"reenact commitment 1\n", &honest::key());
        seeds::write([whole.to_vec(), other.text().as_bytes().to_vec()]);
    },
    |data: &[u8]| {
        for commitment in [honest::object(Object::Commitment), b"reenact commitment 1\n", data] {
            if let Ok(signature) = Signature::verify(data, commitment) {
                assert_eq!(signature.text().as_bytes(), data);
                assert_eq!(signature.key(), honest::key().public(), "a signature was forged");
            }
        }
    }
);
