//! NumPy's format NPY, versions 1 to 3: one array, row by row, little-endian.
//!
//! `\x93NUMPY`, two bytes of version, the length of the header (`u16` in version 1, `u32`
//! later), the header, then the elements. The header is a literal of Python: a dictionary of
//! `descr`, `fortran_order` and `shape`. The first dimension counts the samples.

use std::sync::Arc;

use reenact_core::state::DType;

use crate::column::{Column, Place};
use crate::file::VerifiedFile;
use crate::problem::FileError;

const MAGIC: &[u8] = b"\x93NUMPY";

/// Limits the header; that of an array has some 100 bytes.
const HEADER_BYTES_MAX: usize = 64 << 10;

/// Limits the dimensions; NumPy's own limit is 64.
const DIMENSIONS_MAX: usize = 64;

/// Holds what stands before the elements of an NPY file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NpyHeader {
    /// Element type.
    pub dtype: DType,
    /// Sizes of the dimensions; the first counts the samples. None is zero.
    pub dims: Vec<usize>,
    /// Where the elements begin, in bytes.
    pub start: usize,
}

impl NpyHeader {
    /// Returns how many bytes a file's header has, given its first 12.
    ///
    /// # Errors
    /// Why it is no NPY file.
    pub fn bytes(head: &[u8]) -> Result<usize, String> {
        Ok(text_place(head)?.end)
    }

    /// Reads a header from the beginning of a file of `file_bytes`.
    ///
    /// # Errors
    /// Why it is none.
    pub fn parse(head: &[u8], file_bytes: u64) -> Result<Self, String> {
        let place = text_place(head)?;
        let text = head.get(place.clone()).ok_or("it ends within its header")?;
        let text = std::str::from_utf8(text).map_err(|_| "its header is no text")?;
        let (dtype, dims) = Literal(text).array()?;
        let bytes = dims.iter().try_fold(dtype.size(), |all, &size| all.checked_mul(size as u64));
        let bytes = bytes.filter(|bytes| *bytes > 0 && !dims.is_empty());
        let bytes = bytes.ok_or_else(|| format!("its shape is {dims:?}"))?;
        let found = file_bytes.saturating_sub(place.end as u64);
        if bytes != found {
            let announced = format!("the header announces {bytes} bytes of data");
            return Err(format!("{announced}, the file has {found}"));
        }
        Ok(Self { dtype, dims, start: place.end })
    }
}

/// Returns where the header's text stands.
fn text_place(head: &[u8]) -> Result<std::ops::Range<usize>, String> {
    let rest = head.strip_prefix(MAGIC).ok_or("no NPY file: it does not begin as one")?;
    let (start, length) = match rest {
        [1, _, a, b, ..] => (10, u16::from_le_bytes([*a, *b]).into()),
        [2 | 3, _, a, b, c, d, ..] => (12, u32::from_le_bytes([*a, *b, *c, *d]) as usize),
        [1..=3, ..] | [] => return Err("it ends within its header".into()),
        [version, ..] => return Err(format!("NPY of version {version}; 1 to 3 are read")),
    };
    if length > HEADER_BYTES_MAX {
        let problem = format!("its header would have {length} bytes");
        return Err(format!("{problem}; up to {HEADER_BYTES_MAX} are read"));
    }
    Ok(start..start + length)
}

/// What is left of the header's text. Each method takes one thing off its beginning.
struct Literal<'a>(&'a str);

impl<'a> Literal<'a> {
    fn array(mut self) -> Result<(DType, Vec<usize>), String> {
        let (mut dtype, mut rows, mut dims) = (None, None, None);
        self.expect("{")?;
        while !self.takes("}") {
            let key = self.string()?;
            self.expect(":")?;
            let is_again = match key {
                "descr" => dtype.replace(self.dtype()?).is_some(),
                "fortran_order" => rows.replace(self.is_by_rows()?).is_some(),
                "shape" => dims.replace(self.shape()?).is_some(),
                _ => return Err(format!("its header has the unknown key {key:?}")),
            };
            if is_again {
                return Err(format!("its header has the key {key:?} twice"));
            }
            if !self.takes(",") {
                self.expect("}")?;
                break;
            }
        }
        if !self.0.trim().is_empty() {
            return Err("something follows the dictionary in its header".into());
        }
        match (dtype, rows, dims) {
            (Some(dtype), Some(()), Some(dims)) => Ok((dtype, dims)),
            _ => Err("its header lacks `descr`, `fortran_order` or `shape`".into()),
        }
    }

    fn takes(&mut self, token: &str) -> bool {
        let rest = self.0.trim_start().strip_prefix(token);
        rest.map(|rest| self.0 = rest).is_some()
    }

    fn expect(&mut self, token: &str) -> Result<(), String> {
        match self.takes(token) {
            true => Ok(()),
            false => Err(format!("its header is no dictionary of an array: {token:?} is missing")),
        }
    }

    fn string(&mut self) -> Result<&'a str, String> {
        let quote = if self.takes("'") { '\'' } else { self.expect("\"").map(|()| '"')? };
        let found = self.0.split_once(quote);
        let (text, rest) = found.ok_or("a text in its header does not end")?;
        self.0 = rest;
        Ok(text)
    }

    fn dtype(&mut self) -> Result<DType, String> {
        if self.takes("[") {
            return Err("its elements have fields; store each field as an array of its own".into());
        }
        let text = self.string()?;
        Ok(match text {
            "|b1" => DType::Bool,
            "|u1" => DType::U8,
            "|i1" => DType::I8,
            "<i2" => DType::I16,
            "<u2" => DType::U16,
            "<f2" => DType::F16,
            "<i4" => DType::I32,
            "<u4" => DType::U32,
            "<f4" => DType::F32,
            "<f8" => DType::F64,
            "<i8" => DType::I64,
            "<u8" => DType::U64,
            other => {
                let shown: String = other.chars().take(16).collect();
                return Err(format!(
                    "elements of the type {shown:?}; numbers of 1 to 8 bytes, little-endian, are \
                     read: convert it with `astype`, to \"<f4\" say"
                ));
            }
        })
    }

    fn is_by_rows(&mut self) -> Result<(), String> {
        if self.takes("True") {
            return Err("it is stored by columns; store `numpy.ascontiguousarray` of it".into());
        }
        self.expect("False")
    }

    fn shape(&mut self) -> Result<Vec<usize>, String> {
        let mut dims = Vec::new();
        self.expect("(")?;
        while !self.takes(")") {
            let text = self.0.trim_start();
            let end = text.find(|digit: char| !digit.is_ascii_digit()).unwrap_or(text.len());
            let size = text[..end].parse();
            dims.push(size.map_err(|_| "its shape has a size that is no number")?);
            self.0 = &text[end..];
            if dims.len() > DIMENSIONS_MAX {
                return Err(format!("it has more than {DIMENSIONS_MAX} dimensions"));
            }
            if !self.takes(",") {
                self.expect(")")?;
                break;
            }
        }
        Ok(dims)
    }
}

/// Opens an NPY file: one column.
#[derive(Clone, Debug)]
pub struct Npy {
    file: Arc<VerifiedFile>,
    header: NpyHeader,
}

impl Npy {
    /// Reads the header.
    ///
    /// # Errors
    /// That it cannot be read, or is none.
    pub fn open(file: Arc<VerifiedFile>) -> Result<Self, FileError> {
        let refuse = |problem| FileError::Format { path: file.path().to_owned(), problem };
        let mut head = vec![0; file.bytes().min(12) as usize];
        file.read_at(0, &mut head)?;
        let bytes = NpyHeader::bytes(&head).map_err(refuse)? as u64;
        head.resize(bytes.min(file.bytes()) as usize, 0);
        file.read_at(0, &mut head)?;
        let header = NpyHeader::parse(&head, file.bytes()).map_err(refuse)?;
        Ok(Self { file, header })
    }

    /// Returns the header.
    pub fn header(&self) -> &NpyHeader {
        &self.header
    }

    /// Gives the elements as a column: one sample for each of the first dimension.
    ///
    /// # Errors
    /// That a sample or their number is too large.
    pub fn column(&self, name: &'static str) -> Result<Column, FileError> {
        let NpyHeader { dtype, dims, start } = &self.header;
        let (samples, shape) = (dims[0] as u64, &dims[1..]);
        let step = shape.iter().map(|size| *size as u64).product::<u64>() * dtype.size();
        let place = Place { samples, start: *start as u64, step, is_big_endian: false };
        Column::new(name, Arc::clone(&self.file), *dtype, shape, place)
    }
}
