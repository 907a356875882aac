//! Telling the journal of a recording otherwise, and committing to it anew.

use std::fs;
use std::path::Path;

use reenact_core::format::{Event, Object};
use reenact_core::in_memory::MemoryRun;

use crate::hostile::forging;

/// Changes the events of a recording; every digest is computed again.
pub(crate) fn retell(run: &Path, change: impl FnOnce(&mut Vec<Event>)) {
    let mut memory = MemoryRun::default();
    for object in [Object::Journal, Object::Spec] {
        memory.objects.insert(object, fs::read(run.join(object.to_string())).unwrap());
    }
    let mut events = forging::events(&memory).into_iter().map(|(_, event)| event).collect();
    change(&mut events);
    let forged = forging::retold(&memory, &events);
    for object in [Object::Journal, Object::Commitment] {
        fs::write(run.join(object.to_string()), &forged.objects[&object]).unwrap();
    }
}
