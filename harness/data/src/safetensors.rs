//! The safetensors format: a column a tensor, whose first dimension counts the samples.

use std::sync::Arc;

use reenact_core::state::DType;
use safetensors::Dtype;
use safetensors::tensor::Metadata;

use crate::column::{Column, Place};
use crate::file::VerifiedFile;
use crate::problem::FileError;

/// Limits the header: a data set has a few columns.
const HEADER_BYTES_MAX: u64 = 1 << 20;

/// The length of the header stands in these.
const LENGTH_BYTES: usize = 8;

/// Holds what stands before the elements of a safetensors file.
#[derive(Clone, Debug)]
pub struct SafetensorsHeader {
    metadata: Metadata,
    start: u64,
}

impl SafetensorsHeader {
    /// Returns how many bytes a file's header has, its length included.
    ///
    /// # Errors
    /// That there is no length, or too large a one.
    pub fn bytes(head: &[u8]) -> Result<u64, String> {
        let length = head.first_chunk::<LENGTH_BYTES>().ok_or("it ends within its header")?;
        match u64::from_le_bytes(*length) {
            length @ ..=HEADER_BYTES_MAX => Ok(length + LENGTH_BYTES as u64),
            length => Err(format!(
                "no safetensors file of columns: its header would have {length} bytes; up to \
                 {HEADER_BYTES_MAX} are read"
            )),
        }
    }

    /// Reads a header from the beginning of a file of `file_bytes`.
    ///
    /// # Errors
    /// Why it is none.
    pub fn parse(head: &[u8], file_bytes: u64) -> Result<Self, String> {
        let start = Self::bytes(head)?;
        let text = head.get(LENGTH_BYTES..start as usize).ok_or("it ends within its header")?;
        let metadata: Metadata = serde_json::from_slice(text)
            .map_err(|error| format!("its header cannot be read: {error}"))?;
        let end = start.checked_add(metadata.data_len() as u64);
        if end != Some(file_bytes) {
            let announced = format!("the header announces {} bytes of data", metadata.data_len());
            let found = file_bytes.saturating_sub(start);
            return Err(format!("{announced}, the file has {found}"));
        }
        Ok(Self { metadata, start })
    }

    /// Returns type, shape of a sample and place of a tensor.
    ///
    /// # Errors
    /// That there is none, or that it is no column.
    pub fn column(&self, name: &str) -> Result<(DType, Vec<usize>, Place), String> {
        let found = self.metadata.info(name).ok_or_else(|| self.unknown(name))?;
        let dtype = dtype(found.dtype)
            .ok_or_else(|| format!("`{name}` is of the type {}, which is unknown", found.dtype))?;
        let [samples, shape @ ..] = found.shape.as_slice() else {
            return Err(format!("`{name}` is one number, no samples"));
        };
        let step = shape.iter().try_fold(dtype.size(), |all, &size| all.checked_mul(size as u64));
        let (from, to) = found.data_offsets;
        let bytes = step.and_then(|step| step.checked_mul(*samples as u64));
        let step = step.filter(|_| to.checked_sub(from).map(|bytes| bytes as u64) == bytes);
        let step = step.ok_or_else(|| format!("`{name}` does not fill its shape"))?;
        let start = self.start.checked_add(from as u64).ok_or("its offsets are absurd")?;
        let place = Place { samples: *samples as u64, start, step, is_big_endian: false };
        Ok((dtype, shape.to_vec(), place))
    }

    fn unknown(&self, name: &str) -> String {
        let names = self.metadata.offset_keys();
        let listed: Vec<_> = names.iter().take(8).map(|known| format!("{known:?}")).collect();
        let more = if names.len() > listed.len() { " and more" } else { "" };
        format!("there is no tensor `{name}`; it has {}{more}", listed.join(", "))
    }
}

fn dtype(found: Dtype) -> Option<DType> {
    let known = [
        (Dtype::BOOL, DType::Bool),
        (Dtype::U8, DType::U8),
        (Dtype::I8, DType::I8),
        (Dtype::I16, DType::I16),
        (Dtype::U16, DType::U16),
        (Dtype::F16, DType::F16),
        (Dtype::BF16, DType::Bf16),
        (Dtype::I32, DType::I32),
        (Dtype::U32, DType::U32),
        (Dtype::F32, DType::F32),
        (Dtype::F64, DType::F64),
        (Dtype::I64, DType::I64),
        (Dtype::U64, DType::U64),
    ];
    known.into_iter().find(|(theirs, _)| *theirs == found).map(|(_, ours)| ours)
}

/// Opens a safetensors file: a column a tensor.
#[derive(Clone, Debug)]
pub struct Safetensors {
    file: Arc<VerifiedFile>,
    header: SafetensorsHeader,
}

impl Safetensors {
    /// Reads the header.
    ///
    /// # Errors
    /// That it cannot be read, or is none.
    pub fn open(file: Arc<VerifiedFile>) -> Result<Self, FileError> {
        let refuse = |problem| FileError::Format { path: file.path().to_owned(), problem };
        let mut head = vec![0; file.bytes().min(LENGTH_BYTES as u64) as usize];
        file.read_at(0, &mut head)?;
        let bytes = SafetensorsHeader::bytes(&head).map_err(refuse)?.min(file.bytes());
        head.resize(bytes as usize, 0);
        file.read_at(0, &mut head)?;
        let header = SafetensorsHeader::parse(&head, file.bytes()).map_err(refuse)?;
        Ok(Self { file, header })
    }

    /// Gives the tensor `name` as a column.
    ///
    /// # Errors
    /// That there is none, or that it is no column.
    pub fn column(&self, name: &'static str) -> Result<Column, FileError> {
        let (dtype, shape, place) = self
            .header
            .column(name)
            .map_err(|problem| FileError::Format { path: self.file.path().to_owned(), problem })?;
        Column::new(name, Arc::clone(&self.file), dtype, &shape, place)
    }
}
