//! Any bytes as a journal, and as what follows its header.

#![no_main]

use libfuzzer_sys::fuzz_target;
use reenact_core::format::Object;
use reenact_fuzz::{frames, honest, journal, seeds};

fuzz_target!(
    init: {
        let whole = honest::object(Object::Journal);
        let zeros = [whole, &[0; 40]].concat();
        seeds::write([whole.to_vec(), whole[20..].to_vec(), whole[..333].to_vec(), zeros]);
    },
    |data: &[u8]| {
        journal::check(data);
        journal::check(&[&frames::header(), data].concat());
    }
);
