//! Recordings in memory, for tests and for planting attacks without a disk.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::format::{Object, ReadAt, ReadRun, StoreError, WriteContent, WriteRun};

/// Holds one object in memory.
#[derive(Clone, Debug)]
pub struct MemoryFile(Arc<Vec<u8>>);

impl MemoryFile {
    /// Holds these bytes.
    pub fn new(bytes: Vec<u8>) -> Self {
        Self(Arc::new(bytes))
    }
}

impl ReadAt for MemoryFile {
    fn byte_len(&self) -> u64 {
        self.0.len() as u64
    }

    fn read_exact_at(&self, offset: u64, buffer: &mut [u8]) -> Result<(), StoreError> {
        let start = offset as usize;
        buffer.copy_from_slice(&self.0[start..start + buffer.len()]);
        Ok(())
    }
}

/// Holds a whole recording in memory.
#[derive(Clone, Debug, Default)]
pub struct MemoryRun {
    /// The objects.
    pub objects: BTreeMap<Object, Vec<u8>>,
}

impl ReadRun for MemoryRun {
    fn open(&self, object: Object) -> Result<Box<dyn ReadAt>, StoreError> {
        match self.objects.get(&object) {
            Some(bytes) => Ok(Box::new(MemoryFile::new(bytes.clone()))),
            None => Err(StoreError::Missing { object }),
        }
    }

    fn place(&self) -> String {
        "(memory)".into()
    }
}

impl WriteRun for MemoryRun {
    fn put(&mut self, object: Object, write: WriteContent<'_>) -> Result<(), StoreError> {
        let mut bytes = Vec::new();
        write(&mut bytes).map_err(|problem| StoreError::Io { object, problem })?;
        self.objects.insert(object, bytes);
        Ok(())
    }

    fn append(&mut self, bytes: &[u8]) -> Result<(), StoreError> {
        self.objects.entry(Object::Journal).or_default().extend_from_slice(bytes);
        Ok(())
    }

    fn remove(&mut self, object: Object) -> Result<(), StoreError> {
        self.objects.remove(&object);
        Ok(())
    }

    fn cut_journal(&mut self, byte_len: u64) -> Result<(), StoreError> {
        if let Some(journal) = self.objects.get_mut(&Object::Journal) {
            journal.truncate(byte_len as usize);
        }
        Ok(())
    }

    fn sync(&mut self) -> Result<(), StoreError> {
        Ok(())
    }
}
