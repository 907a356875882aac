//! Objects in memory, for tests.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::{Creation, Listed, Objects, ObjectsError, check_name};

/// Holds objects in memory.
#[derive(Debug, Default)]
pub struct Memory {
    objects: Mutex<BTreeMap<String, Vec<u8>>>,
}

impl Memory {
    fn objects(&self) -> MutexGuard<'_, BTreeMap<String, Vec<u8>>> {
        self.objects.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Objects for Memory {
    fn create(&self, name: &str, bytes: &[u8]) -> Result<Creation, ObjectsError> {
        check_name(name)?;
        let mut objects = self.objects();
        match objects.get(name) {
            Some(there) if there == bytes => Ok(Creation::Same),
            Some(_) => Ok(Creation::Other),
            None => {
                objects.insert(name.into(), bytes.into());
                Ok(Creation::New)
            }
        }
    }

    fn replace(&self, name: &str, bytes: &[u8]) -> Result<(), ObjectsError> {
        check_name(name)?;
        self.objects().insert(name.into(), bytes.into());
        Ok(())
    }

    fn byte_len(&self, name: &str) -> Result<Option<u64>, ObjectsError> {
        check_name(name)?;
        Ok(self.objects().get(name).map(|bytes| bytes.len() as u64))
    }

    fn read_at(&self, name: &str, offset: u64, buffer: &mut [u8]) -> Result<(), ObjectsError> {
        check_name(name)?;
        let objects = self.objects();
        let missing = || ObjectsError::Missing { name: name.into() };
        let bytes = objects.get(name).ok_or_else(missing)?;
        let start = usize::try_from(offset).unwrap_or(usize::MAX);
        let end = start.saturating_add(buffer.len());
        let problem = io::ErrorKind::UnexpectedEof.into();
        let found = bytes.get(start..end);
        let found = found.ok_or(ObjectsError::Io { name: name.into(), problem })?;
        buffer.copy_from_slice(found);
        Ok(())
    }

    fn list(&self, prefix: &str, limit: usize) -> Result<Vec<Listed>, ObjectsError> {
        let objects = self.objects();
        let found = objects.iter().filter(|(name, _)| name.starts_with(prefix));
        let listed = |(name, bytes): (&String, &Vec<u8>)| Listed {
            name: name.clone(),
            bytes: bytes.len() as u64,
        };
        let found: Vec<Listed> = found.take(limit.saturating_add(1)).map(listed).collect();
        if found.len() > limit {
            return Err(ObjectsError::TooMany { prefix: prefix.into(), limit });
        }
        Ok(found)
    }

    fn remove(&self, name: &str) -> Result<(), ObjectsError> {
        check_name(name)?;
        self.objects().remove(name);
        Ok(())
    }

    fn place(&self) -> String {
        "(memory)".into()
    }
}
